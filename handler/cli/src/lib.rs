//! The command-line program `karpenter-prereqs`. It shows what `Custom::KarpenterPrereqs` would do, checks an installation, and
//! draws where the time of a run went. It changes nothing.
//!
//! ```text
//! plan      arguments ─► request ─► preview (function) ─► plan/   text or JSON
//! check     arguments ─► request ─► survey (function)  ─► check/  findings, each with its remedy
//! timeline  a log     ─► timeline/                     ─► SVG
//! ```
//!
//! | Module | Content |
//! |---|---|
//! | [`arguments`] | the command line |
//! | `account` | the AWS configuration of the user, and stacks of CloudFormation |
//! | `input` | reads a file, or standard input |
//! | `request/` | arguments or an event file → the event to plan or to check |
//! | `plan/` | a plan as text and as JSON |
//! | `check/` | findings and their remedies |
//! | [`timeline`] | the log → runs → SVG |

mod account;
pub mod arguments;
mod check;
mod failure;
mod input;
mod plan;
mod progress;
mod request;
pub mod timeline;

pub use failure::Failure;

use arguments::{Arguments, Command};
use clap::CommandFactory as _;
use std::io::Write as _;
use std::process::ExitCode;

/// The exit code if there is nothing to do and no finding.
const EXIT_NO_CHANGES: u8 = 0;

/// The exit code if there are changes or findings.
const EXIT_CHANGES: u8 = 2;

/// Runs a command. Returns exit code 2 if `plan` has changes or `check` has findings, otherwise 0.
///
/// # Errors
/// Returns why the command failed. The caller prints it and exits with 1.
pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let has_changes = match arguments.command {
        Command::Plan(options) => plan::run(&options).await?,
        Command::Check(options) => check::run(&options).await?,
        Command::Timeline(options) => {
            timeline::command::run(&options)?;
            false
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "karpenter-prereqs", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            false
        }
    };
    Ok(ExitCode::from(if has_changes { EXIT_CHANGES } else { EXIT_NO_CHANGES }))
}

/// Writes to standard output, without colours if it is not a terminal. A reader that closes the pipe, such as `head`, is no
/// error.
///
/// # Errors
/// Returns an error if standard output cannot be written, for example because the disk is full.
fn print(text: &str) -> Result<(), Failure> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::file("write to", "standard output", &error))
        }
        _ => Ok(()),
    }
}
