//! Runs the command-line program `karpenter-prereqs`, with the environment of the local cloud.

use std::process::Stdio;

use aws_credential_types::Credentials;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{cloud::Cloud, error::Error, tools};

/// The result of a command.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Parses standard output as JSON.
    ///
    /// # Panics
    /// Panics when it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Returns the environment variables with which a program calls AWS in the local cloud, with these credentials.
pub fn aws_environment(cloud: &Cloud, credentials: &Credentials) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", cloud.gateway().url().to_owned()),
        ("AWS_REGION", cloud.region().to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
        ("AWS_SESSION_TOKEN", credentials.session_token().unwrap_or_default().to_owned()),
    ]
}

/// Runs the program with these arguments, this environment and this standard input.
///
/// # Errors
/// [`Error::Spawn`] when the program cannot be started.
pub async fn run(arguments: &[&str], environment: &[(&str, String)], stdin: &str) -> Result<CommandOutput, Error> {
    let program = tools::karpenter_prereqs()?;
    let failed = |source| Error::Spawn { program: program.display().to_string(), source };
    let mut child = Command::new(&program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // The program may end without reading its input.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(CommandOutput { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
