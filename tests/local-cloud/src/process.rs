//! Programs that end when their guard is dropped.
//!
//! A test process that is killed runs no destructor. With a guard alone, its programs would continue, and would keep their
//! ports. For this reason, a pipe connects each program with this process, and only this process has the writing end. A shell
//! in the process group of the program waits for the end of the pipe, and then kills the group. The guard closes the pipe,
//! and so does the kernel when this process ends. In contrast to Linux's parent-death signal, this also ends the program's
//! children, and does not depend on the thread that started the program.

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
    /// Prepares a program that runs in `folder`, which must exist, and logs to `<name>.log` there. Its environment contains
    /// only `PATH`, `HOME` and `TMPDIR`. The last two are `folder`, so that the program reads and writes no files elsewhere.
    pub fn new(name: &'static str, path: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let environment = vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), folder.clone().into()),
            ("TMPDIR".into(), folder.clone().into()),
        ];
        Self { name, path: path.into(), arguments: Vec::new(), environment, folder }
    }

    /// Adds an argument.
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

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// [`Error::File`] if its log cannot be created, [`Error::Spawn`] if no process can be created. [`Running::wait_until`]
    /// reports a program that does not exist.
    pub fn start(self) -> Result<Running, Error> {
        let log = self.folder.join(format!("{}.log", self.name));
        let out = File::create(&log).map_err(Error::file("create", &log))?;
        let err = out.try_clone().map_err(Error::file("open", &log))?;
        let spawned = Command::new("/bin/sh")
            .args(["-c", GUARD_SCRIPT, self.name])
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
        let pipe = child.stdin.take();
        Ok(Running { name: self.name, log, child, pipe })
    }
}

/// A running program. Dropping it kills the program with all its children, and waits until the program has ended.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    log: PathBuf,
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Running {
    /// The file with the program's standard output and standard error.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The process id of the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `probe` returns true. `condition` is a clause: "the API server is ready".
    ///
    /// # Errors
    /// [`Error::Ended`], with the last lines of the log, as soon as the program has ended. [`Error::TimedOut`] after `bound`.
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
        drop(self.pipe.take());
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if started.elapsed() > GUARD_BOUND {
                // The shell that waits for the pipe was killed.
                eprintln!("local cloud: {} did not end with its pipe, killing it", self.name);
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until `probe` returns a value, and returns it. `condition` is a clause: "the stack is complete".
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

/// Replaces itself with the program in its arguments, after it has started a shell that kills the process group when stdin
/// ends. `$$` is the id of the group in both, because the child is started as the leader of a group.
const GUARD_SCRIPT: &str = r#"
exec 3<&0 </dev/null
( read -r _ <&3; kill -s KILL -- "-$$" ) &
exec "$@" 3<&-
"#;

/// How long the shell may take to kill the group, before the guard kills the program.
const GUARD_BOUND: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(25);

/// The length of the log in an error.
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

    /// Returns whether a process with this id exists and is not a zombie.
    fn is_alive(id: &str) -> bool {
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
    async fn dropped_program_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 600 & echo $! >child; echo $$ >self; sleep 600";
        let running = shell(folder.path(), script).start().unwrap();
        let child = written(folder.path(), "child").await;
        let own = written(folder.path(), "self").await;
        assert_eq!(own.trim(), running.id().to_string());
        assert!(is_alive(&own) && is_alive(&child));
        drop(running);
        assert!(!is_alive(&own));
        let gone = async || (!is_alive(&child)).then_some(());
        wait_until("the child is gone", Duration::from_secs(5), gone).await.unwrap();
    }

    #[tokio::test]
    async fn early_end_returns_error_with_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(folder.path(), "echo no such luck >&2; exit 3").start().unwrap();
        let error = running.wait_until("it is ready", Duration::from_secs(10), async || false).await.unwrap_err();
        assert!(matches!(error, Error::Ended { .. }), "{error}");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert!(error.to_string().contains("no such luck"), "{error}");
    }

    #[tokio::test]
    async fn wait_returns_error_after_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(folder.path(), "echo waiting; sleep 600").start().unwrap();
        let error = running.wait_until("it is ready", Duration::from_millis(100), async || false).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    }

    #[tokio::test]
    async fn program_gets_only_its_own_environment() {
        let folder = tempfile::tempdir().unwrap();
        let _running = shell(folder.path(), "env | cut -d= -f1 | sort | tr '\\n' ' ' >names; echo >>names; sleep 600")
            .env("AWS_REGION", "eu-west-1")
            .start()
            .unwrap();
        let names = written(folder.path(), "names").await;
        assert_eq!(names.trim(), "AWS_REGION HOME PATH PWD TMPDIR");
    }
}
