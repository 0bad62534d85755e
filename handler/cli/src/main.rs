//! The program: arguments in, exit code out.

use clap::Parser as _;
use karpenter_prereqs_cli::arguments::Arguments;
use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and the version are no errors. clap's own code for those is 2, which here says that there are changes.
        Err(asked) => {
            let _ = asked.print();
            return if asked.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    Box::pin(karpenter_prereqs_cli::run(arguments)).await.unwrap_or_else(|failure| {
        let _ = writeln!(anstream::stderr(), "karpenter-prereqs: {failure}");
        ExitCode::FAILURE
    })
}
