//! The demo whose cloud stays: a process of its own plays it and holds the cloud up, while the one that the user
//! started passes on what it writes, until the cloud is theirs.
//!
//! The player's stdin is its leash: as long as the demo is played, its end means that the user is gone, and the cloud
//! goes too. Its stdout ends with [`READY`]; after that nobody listens, and it writes no more. What goes wrong is in
//! a log, since its stderr outlives the terminal.

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

use super::{Failure, Page, colour, play};
use crate::hold::{Hold, environment};

/// Plays the demo in a process of its own, and returns when it is played and the cloud is held up, or when that
/// process has ended with a failure, which is told.
///
/// # Errors
/// When that process cannot be started or its output not passed on.
pub(crate) fn start() -> Result<ExitCode, Failure> {
    let log = log();
    std::fs::create_dir_all(RunFolder::parent()).map_err(Error::file("create", RunFolder::parent()))?;
    let stderr = File::create(&log).map_err(Error::file("create", &log))?;
    let own = std::env::current_exe().map_err(Error::file("find", "the running executable"))?;
    let mut command = Command::new(own);
    command.args(["demo", "--keep", "--hold"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    // Its stdout is no terminal, but it is written to this one; and ctrl-c is for this process alone, which then
    // lets go of the leash.
    if colour() {
        command.env("CLICOLOR_FORCE", "1");
    }
    command.process_group(0);
    let program = || "the process that holds the cloud up".to_owned();
    let mut player = command.spawn().map_err(|source| Error::Spawn { program: program(), source })?;
    let ready = player.stdout.take().is_some_and(|stdout| pass_on(stdout, io::stdout()).unwrap_or(false));
    if ready {
        return Ok(ExitCode::SUCCESS);
    }
    drop(player.stdin.take());
    player.wait().map_err(Error::file("wait for", program()))?;
    eprint!("{}", std::fs::read_to_string(&log).map_err(Error::file("read", &log))?);
    std::fs::remove_file(&log).map_err(Error::file("remove", &log))?;
    Ok(ExitCode::FAILURE)
}

/// Plays the demo, holds the cloud up and ends it when asked.
///
/// # Errors
/// As [`play`]; or that a cloud is up already.
pub(crate) async fn hold() -> Result<(), Failure> {
    let mut hold = Hold::begin().await?;
    let mut page = Page::stdout();
    let stage = tokio::select! {
        stage = play(&mut page, true) => stage?,
        _ = hold.asked() => return Err(Failure::Interrupted),
        () = end_of_stdin() => {
            // Nobody is left to read it.
            let _ = std::fs::remove_file(log());
            return Err(Failure::Interrupted);
        }
    };
    page.heading("The cloud stays up, with the stack; make down ends it")?;
    page.note("for this or another shell:")?;
    for line in environment(&stage.cloud, &stage.cluster).lines() {
        page.line(line)?;
    }
    page.note("to look around, and to take the stack away:")?;
    for line in LOOK_AROUND {
        page.line(line)?;
    }
    page.note(format_args!("logs: {}", stage.cloud.folder().display()))?;
    page.gap()?;
    page.raw(READY)?;
    let asked = hold.asked().await;
    drop(stage);
    drop(hold);
    let _ = std::fs::remove_file(log());
    drop(asked);
    Ok(())
}

/// ASCII's end of transmission.
const READY: &str = "\u{4}";

const LOOK_AROUND: [&str; 4] = [
    "aws cloudformation describe-stack-events --stack-name karpenter-demo",
    "aws iam get-role --role-name KarpenterControllerRole-demo",
    "kubectl --namespace kube-system get configmap aws-auth --output yaml",
    "aws cloudformation delete-stack --stack-name karpenter-demo",
];

/// Copies until the demo is ready. False if it ends before.
fn pass_on(mut from: impl Read, mut to: impl Write) -> io::Result<bool> {
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

/// Waits for the end of stdin. On a thread that nobody waits for: a read cannot be called off.
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
    fn what_the_player_writes_is_passed_on_until_it_is_ready() {
        let mut seen = Vec::new();
        assert!(pass_on("lines\n\u{4}".as_bytes(), &mut seen).unwrap());
        assert_eq!(seen, b"lines\n");
        assert!(!pass_on("lines\n".as_bytes(), io::sink()).unwrap());
    }
}
