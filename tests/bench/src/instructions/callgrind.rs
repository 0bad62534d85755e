//! Runs a program under callgrind, and reads how many instructions it has executed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use local_cloud::{Error, process::wait_until};
use tokio::{process::Command, time::timeout};

use crate::process;

/// How long a program under callgrind may take to become idle, or to write its counts.
const BOUND: Duration = Duration::from_mins(1);

/// How long a program must use no processor time, to be idle.
const IDLE: Duration = Duration::from_millis(300);

/// A program that runs under callgrind, and the folder of its counts.
#[derive(Debug)]
pub(crate) struct Callgrind {
    folder: PathBuf,
    dumps: usize,
}

/// Checks that callgrind is installed.
///
/// # Errors
/// [`Error::Unusable`] with the command that installs it.
pub(crate) async fn probe() -> Result<(), Error> {
    // The package with callgrind also has vgdb.
    let version = Command::new("valgrind").args(["--tool=callgrind", "--version"]).output().await;
    if version.is_ok_and(|output| output.status.success()) {
        Ok(())
    } else {
        Err(Error::Unusable("valgrind is missing. On Debian: apt-get install valgrind".to_owned()))
    }
}

impl Callgrind {
    /// Prepares a run with its files in `folder`, which must exist.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, dumps: 0 }
    }

    /// Returns the words before a program that run it under callgrind.
    pub(crate) fn launcher(&self) -> Vec<OsString> {
        let option = |name: &str, file: &str| {
            let mut option = OsString::from(name);
            option.push(self.folder.join(file));
            option
        };
        vec![
            "valgrind".into(),
            "--tool=callgrind".into(),
            "--quiet".into(),
            option("--vgdb-prefix=", "vgdb"),
            option("--callgrind-out-file=", "counts"),
        ]
    }

    /// Waits until the program is idle. Returns the number of instructions that it has executed since the previous count.
    ///
    /// # Errors
    /// Fails when the program has ended, or does not become idle.
    pub(crate) async fn count(&mut self, process: u32) -> Result<u64, Error> {
        Self::wait_until_idle(process).await?;
        self.dumps += 1;
        let mut prefix = OsString::from("--vgdb-prefix=");
        prefix.push(self.folder.join("vgdb"));
        let mut command = Command::new("vgdb");
        command.arg(prefix).arg(format!("--pid={process}")).args(["dump", "count"]);
        // The names of its pipes contain the names of user and machine from the environment. The program has none of them.
        for variable in ["LOGNAME", "USER", "HOST", "HOSTNAME"] {
            command.env_remove(variable);
        }
        let output = timeout(BOUND, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
        let output = output.map_err(|_| Error::Unusable(format!("vgdb did not end within {BOUND:?}")))?;
        let output = output.map_err(|source| Error::Spawn { program: "vgdb".to_owned(), source })?;
        let counts = self.folder.join(format!("counts.{}", self.dumps));
        let total = wait_until("callgrind has written its counts", BOUND, async || total(&counts)).await;
        total.map_err(|error| {
            Error::Unusable(format!("{error}; the output of vgdb:\n{}", String::from_utf8_lossy(&output.stderr)))
        })
    }

    async fn wait_until_idle(process: u32) -> Result<(), Error> {
        let begun = Instant::now();
        let mut before = process::time(process)?;
        while begun.elapsed() < BOUND {
            tokio::time::sleep(IDLE).await;
            let now = process::time(process)?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
        Err(Error::Unusable(format!("the program under callgrind is not idle after {BOUND:?}")))
    }
}

/// Returns the total of a file of counts: the line `totals: 126651`, which callgrind writes last.
fn total(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_the_last_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.1");
        assert_eq!(total(&path), None);
        fs::write(&path, "events: Ir\nfn=(1) main\n0 12\n").unwrap();
        assert_eq!(total(&path), None, "the file is not complete");
        fs::write(&path, "events: Ir\nfn=(1) main\n0 12\ntotals: 126651\n").unwrap();
        assert_eq!(total(&path), Some(126_651));
    }
}
