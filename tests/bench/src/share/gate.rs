//! Starts a program in a control group, and takes the time from then on.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use local_cloud::{Error, process::wait_until, tools};

use super::control_group::ControlGroup;

/// How long a program may take to reach the gate.
const BOUND: Duration = Duration::from_secs(10);

/// A program that waits at `gate.sh`.
#[derive(Debug)]
pub(crate) struct Gate {
    folder: PathBuf,
}

impl Gate {
    /// Prepares a gate with its files in `folder`, which must exist.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the words before a program that let it wait at the gate.
    pub(crate) fn launcher(&self) -> Vec<OsString> {
        vec![tools::checkout().join("tests/bench/gate.sh").into(), self.folder.clone().into()]
    }

    /// Waits for the program, moves it into the group and starts it. Returns the time of the start.
    ///
    /// # Errors
    /// Fails when no program reaches the gate, or the group does not accept it.
    pub(crate) async fn open(&self, group: &ControlGroup) -> Result<Instant, Error> {
        let file = self.folder.join("pid");
        let process = wait_until("the program is at the gate", BOUND, async || fs::read_to_string(&file).ok()).await?;
        group.enter(process.trim())?;
        let go = self.folder.join("go");
        let begun = Instant::now();
        tokio::fs::write(&go, "\n").await.map_err(Error::file("write", &go))?;
        Ok(begun)
    }
}
