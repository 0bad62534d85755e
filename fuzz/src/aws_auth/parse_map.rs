//! The authenticator's own parser, as a process: `tests/control-plane/parse-map`.

use serde::Deserialize;
use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// What the authenticator reads from a text of `mapRoles`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Parsed {
    /// Whether it reads the list. Otherwise, it drops all entries.
    pub(super) read: bool,
    /// The entries that it keeps, in their order, with the keys `rolearn`, `username` and `groups`.
    #[serde(default)]
    pub(super) roles: Vec<Value>,
    /// Its words about what it drops.
    #[serde(default)]
    pub(super) error: String,
}

/// A running process. It ends when its input is closed.
struct Process {
    child: Child,
    texts: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.texts.take());
        let _ = self.child.wait();
    }
}

thread_local! {
    /// Each thread has a process of its own.
    static PROCESS: RefCell<Option<Process>> = const { RefCell::new(None) };
}

/// Returns what the authenticator reads from the text.
///
/// # Panics
///
/// The program cannot be built or does not respond.
pub(super) fn parse(text: &str) -> Parsed {
    PROCESS.with_borrow_mut(|process| {
        let process = process.get_or_insert_with(start);
        let mut line = serde_json::to_string(text).expect("a text is JSON");
        line.push('\n');
        let texts = process.texts.as_mut().expect("the process has not ended");
        texts.write_all(line.as_bytes()).expect("parse-map reads the text");
        let mut result = String::new();
        process.results.read_line(&mut result).expect("parse-map writes a result");
        serde_json::from_str(&result).unwrap_or_else(|error| panic!("parse-map: {error}: {result:?}"))
    })
}

fn start() -> Process {
    let mut child = Command::new(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run parse-map: {error}"));
    let texts = child.stdin.take();
    let results = BufReader::new(child.stdout.take().expect("it is piped"));
    Process { child, texts, results }
}

/// Returns the program. Builds it first if it is missing, with the control plane, which takes about 6 minutes.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let script = Path::new(env!("KARPENTER_PREREQS_CHECKOUT")).join("tests/control-plane/build.sh");
        let output = Command::new(&script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
        assert!(output.status.success(), "{} failed", script.display());
        let folder = String::from_utf8_lossy(&output.stdout);
        Path::new(folder.trim()).join("parse-map")
    })
}
