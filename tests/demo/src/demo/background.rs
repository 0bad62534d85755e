//! The demo with a cloud that continues to run (`--keep`).
//!
//! A child process runs the demo and keeps the cloud. The process that the user started copies the output of the child until
//! the demo is complete, and then ends.
//!
//! The child's stdin is a pipe from this process. While the demo runs, its end means that the user has interrupted it, and
//! the child stops the cloud. The child's stdout ends with [`READY`]. After that, it has no reader, and the child writes no
//! more. Errors are in a log file, because the terminal may be closed before the child ends.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread,
};

use local_cloud::{Error, folder::RunFolder};
use tokio::sync::oneshot;

use super::{Failure, Reporter, colour, next_steps, run as run_demo};
use crate::daemon::Daemon;

/// Runs the demo in a child process. Returns when the demo is complete and the cloud is running, or when the child has
/// failed. Its error is then on stderr.
///
/// # Errors
/// Fails when the child cannot be started, or its output cannot be copied.
pub(crate) fn start() -> Result<ExitCode, Failure> {
    let log = log();
    std::fs::create_dir_all(RunFolder::parent()).map_err(Error::file("create", RunFolder::parent()))?;
    let stderr = File::create(&log).map_err(Error::file("create", &log))?;
    let own = std::env::current_exe().map_err(Error::file("find", "the running executable"))?;
    let mut command = Command::new(own);
    command.args(["demo", "--keep", "--daemon"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    // The child's stdout is no terminal, but this process copies it to one. ctrl-c must reach only this process, whose end
    // then closes the pipe.
    if colour() {
        command.env("CLICOLOR_FORCE", "1");
    }
    command.process_group(0);
    let program = || "the process that keeps the cloud".to_owned();
    let mut child = command.spawn().map_err(|source| Error::Spawn { program: program(), source })?;
    let ready = child.stdout.take().is_some_and(|stdout| copy_until_ready(stdout, io::stdout()).unwrap_or(false));
    if ready {
        return Ok(ExitCode::SUCCESS);
    }
    drop(child.stdin.take());
    child.wait().map_err(Error::file("wait for", program()))?;
    eprint!("{}", std::fs::read_to_string(&log).map_err(Error::file("read", &log))?);
    std::fs::remove_file(&log).map_err(Error::file("remove", &log))?;
    Ok(ExitCode::FAILURE)
}

/// Runs the demo, keeps the cloud, and stops it on request. This is the child process.
///
/// # Errors
/// As [`run_demo`], or when a cloud is running already.
pub(crate) async fn run() -> Result<(), Failure> {
    let mut daemon = Daemon::start().await?;
    let mut reporter = Reporter::stdout();
    let environment = tokio::select! {
        environment = run_demo(&mut reporter, true) => environment?,
        _ = daemon.stop_requested() => return Err(Failure::Interrupted),
        () = end_of_stdin() => {
            // The process that would read it has ended.
            let _ = std::fs::remove_file(log());
            return Err(Failure::Interrupted);
        }
    };
    next_steps::print(&mut reporter, &environment).await?;
    reporter.blank_line()?;
    reporter.raw(READY)?;
    let stop_request = daemon.stop_requested().await;
    drop(environment);
    drop(daemon);
    let _ = std::fs::remove_file(log());
    drop(stop_request);
    Ok(())
}

/// ASCII's end of transmission.
const READY: &str = "\u{4}";

/// Copies until the demo is complete. Returns false if the input ends before.
fn copy_until_ready(mut from: impl Read, mut to: impl Write) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    loop {
        let read = from.read(&mut buffer)?;
        let bytes = &buffer[..read];
        let text = bytes.strip_suffix(READY.as_bytes());
        to.write_all(text.unwrap_or(bytes))?;
        to.flush()?;
        if text.is_some() || read == 0 {
            return Ok(text.is_some());
        }
    }
}

/// Waits for the end of stdin. The thread is not joined, because a read cannot be cancelled.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

fn log() -> PathBuf {
    RunFolder::parent().join("demo.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_copied_until_ready() {
        let mut seen = Vec::new();
        assert!(copy_until_ready("lines\n\u{4}".as_bytes(), &mut seen).unwrap());
        assert_eq!(seen, b"lines\n");
        assert!(!copy_until_ready("lines\n".as_bytes(), io::sink()).unwrap());
    }
}
