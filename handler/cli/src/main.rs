//! The entry point: parses the arguments, runs the command and returns the exit code.

use clap::Parser as _;
use karpenter_prereqs_cli::arguments::Arguments;
use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // `--help` and `--version` arrive here too, and exit with 0. A wrong argument exits with 1, because clap's own code for
        // it is 2, which means changes here.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    Box::pin(karpenter_prereqs_cli::run(arguments)).await.unwrap_or_else(|failure| {
        let _ = writeln!(anstream::stderr(), "karpenter-prereqs: {failure}");
        ExitCode::FAILURE
    })
}
