//! Programs that run as long as their guard lives, and no longer.
//!
//! A test process that is killed runs no destructor, so a guard alone would leave its programs
//! behind, and the next run would find their ports taken. Each program is therefore started on a
//! leash: a pipe whose one writing end is in this process. A shell beside the program, in the same
//! process group, waits for the pipe's end and then kills the group. The guard lets go of the pipe,
//! and so does the kernel when this process ends in whatever way. Unlike Linux's parent-death signal
//! this also ends what the program itself has started, and does not depend on which thread asked.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::error::Error;

/// A program to start.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
}

impl Program {
    /// A program that will run in `folder`, which must exist, and log to `<name>.log` there. Its
    /// environment holds `PATH`, and `HOME` and `TMPDIR` are `folder`, so that it neither reads nor
    /// leaves anything elsewhere.
    pub fn new(name: &'static str, path: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let environment = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), folder.clone().into()),
            ("TMPDIR".into(), folder.clone().into()),
        ];
        Self { name, path: path.into(), arguments: Vec::new(), environment, folder }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an option and its value, as two arguments.
    #[must_use]
    pub fn option(self, name: &str, value: impl Into<OsString>) -> Self {
        self.arg(name).arg(value)
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// [`Error::File`] if its log cannot be made, [`Error::Spawn`] if no process can be made. A
    /// program that is missing is told by [`Running::wait_until`].
    pub fn start(self) -> Result<Running, Error> {
        let log = self.folder.join(format!("{}.log", self.name));
        let out = File::create(&log).map_err(Error::file("create", &log))?;
        let err = out.try_clone().map_err(Error::file("open", &log))?;
        let spawned = Command::new("/bin/sh")
            .args(["-c", LEASH, self.name])
            .arg(&self.path)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment)
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn();
        let mut child = spawned.map_err(|source| Error::Spawn { program: self.name.to_owned(), source })?;
        let leash = child.stdin.take();
        Ok(Running { name: self.name, log, child, leash })
    }
}

/// A running program; dropping it kills the program with all that it started, and returns when the
/// program is gone.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    log: PathBuf,
    child: Child,
    leash: Option<ChildStdin>,
}

impl Running {
    /// The file that holds what the program wrote to stdout and stderr.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `probe` says yes. `condition` is a clause: "the API server is ready".
    ///
    /// # Errors
    /// [`Error::Ended`], with the last lines of the log, as soon as the program has ended;
    /// [`Error::TimedOut`] after `bound`.
    pub async fn wait_until(
        &mut self,
        condition: &str,
        bound: Duration,
        mut probe: impl AsyncFnMut() -> bool,
    ) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            if probe().await {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended {
                    program: self.name.to_owned(),
                    status,
                    log: self.log.clone(),
                    tail: tail(&self.log),
                });
            }
            if started.elapsed() > bound {
                let hint = format!("; the end of {}:\n{}", self.log.display(), tail(&self.log));
                return Err(Error::TimedOut { condition: condition.to_owned(), bound, hint });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.leash.take());
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if started.elapsed() > LEASH_BOUND {
                // Something killed the shell that holds the other end.
                eprintln!("local cloud: {} did not follow its leash, killing it", self.name);
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until `probe` gives a value, and returns it. `condition` is a clause: "the stack is
/// complete".
///
/// # Errors
/// [`Error::TimedOut`] after `bound`.
pub async fn wait_until<T>(
    condition: &str,
    bound: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Error> {
    let started = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if started.elapsed() > bound {
            return Err(Error::TimedOut { condition: condition.to_owned(), bound, hint: String::new() });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Becomes the program that its arguments name, beside a shell that kills the process group when
/// stdin ends. `$$` is the group's id in both, since the child is started as the leader of a group.
const LEASH: &str = r#"
exec 3<&0 </dev/null
( read -r _ <&3; kill -s KILL -- "-$$" ) &
exec "$@" 3<&-
"#;

/// How long the leash has before the guard helps.
const LEASH_BOUND: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(25);

/// How much of a log an error shows.
const TAIL_LINES: usize = 25;
const TAIL_BYTES: u64 = 16 * 1024;

fn tail(log: &Path) -> String {
    fn read(log: &Path) -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
    match read(log) {
        Ok(text) => {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        }
        Err(error) => format!("(unreadable: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(folder: &Path, script: &str) -> Program {
        Program::new("shell", "/bin/sh", folder).option("-c", script)
    }

    /// Whether a process of this id exists and is not a zombie.
    fn lives(id: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
        status.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
    }

    async fn written(folder: &Path, name: &str) -> String {
        wait_until("the file is written", Duration::from_secs(10), async || {
            std::fs::read_to_string(folder.join(name)).ok().filter(|text| text.ends_with('\n'))
        })
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_dropped_program_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 600 & echo $! >child; echo $$ >self; sleep 600";
        let running = shell(folder.path(), script).start().unwrap();
        let child = written(folder.path(), "child").await;
        let own = written(folder.path(), "self").await;
        assert_eq!(own.trim(), running.id().to_string());
        assert!(lives(&own) && lives(&child));
        drop(running);
        assert!(!lives(&own));
        let gone = async || (!lives(&child)).then_some(());
        wait_until("the child is gone", Duration::from_secs(5), gone).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_ends_too_early_is_told_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(folder.path(), "echo no such luck >&2; exit 3").start().unwrap();
        let error = running.wait_until("it is ready", Duration::from_secs(10), async || false).await.unwrap_err();
        assert!(matches!(error, Error::Ended { .. }), "{error}");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(error.to_string().contains("no such luck"), "{error}");
    }

    #[tokio::test]
    async fn a_wait_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(folder.path(), "echo waiting; sleep 600").start().unwrap();
        let error = running.wait_until("it is ready", Duration::from_millis(100), async || false).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_program_sees_only_the_environment_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let _running = shell(folder.path(), "env | cut -d= -f1 | sort | tr '\\n' ' ' >names; echo >>names; sleep 600")
            .env("AWS_REGION", "eu-west-1")
            .start()
            .unwrap();
        let names = written(folder.path(), "names").await;
        assert_eq!(names.trim(), "AWS_REGION HOME PATH PWD TMPDIR");
    }
}
