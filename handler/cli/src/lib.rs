//! `karpenter-prereqs`: what `Custom::KarpenterPrereqs` would do, whether what it made still serves, and where a run's
//! time went. It changes nothing.
//!
//! ```text
//! plan      arguments ─► wanted ─► preview (function) ─► plan/   text or JSON
//! check     arguments ─► wanted ─► survey (function)  ─► check/  findings, each with its cure
//! timeline  a log     ─► timeline/                    ─► SVG
//! ```
//!
//! | Where | What |
//! |---|---|
//! | [`arguments`] | what can be said on the command line |
//! | `account` | the user's AWS configuration, and what CloudFormation shows of a stack |
//! | `input` | a file, or standard input |
//! | `wanted/` | arguments or an event's file → the event that is looked at |
//! | `plan/` | the plan, as a person or a program reads it |
//! | `check/` | what is missing, and what to do |
//! | [`timeline`] | the log → the picture |

mod account;
pub mod arguments;
mod check;
mod failure;
mod input;
mod plan;
mod progress;
pub mod timeline;
mod wanted;

pub use failure::Failure;

use arguments::{Arguments, Command};
use clap::CommandFactory as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Nothing to do, and nothing to find.
const NOTHING: u8 = 0;

/// There are changes, or findings.
const SOMETHING: u8 = 2;

/// Does what is asked for. Gives the exit code: 0 where there is nothing to do, 2 where there are changes or findings.
///
/// # Errors
/// What keeps it from being done, as it should be told; the exit code is 1 then.
pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let found = match arguments.command {
        Command::Plan(plan) => plan::run(&plan).await?,
        Command::Check(check) => check::run(&check).await?,
        Command::Timeline(drawn) => {
            timeline::command::run(&drawn)?;
            false
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "karpenter-prereqs", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            false
        }
    };
    Ok(ExitCode::from(if found { SOMETHING } else { NOTHING }))
}

/// Writes to standard output, without colours where it is no terminal.
///
/// # Errors
/// When it cannot be written, as to a full disk. A reader who has seen enough, as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::file("write to", "standard output", &error))
        }
        _ => Ok(()),
    }
}
