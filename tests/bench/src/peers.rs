//! The alternatives as programs: the function in Python and the runbook, in the folder `tests/bench/peers`.

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use local_cloud::{Error, lambda::FunctionOptions, tools};
use tokio::process::Command;

use crate::{
    environment::Environment,
    subject::{MORE_POLICY, OTHER_NAMESPACE, Operation},
};

/// The Python environments of the alternatives.
#[derive(Debug)]
pub(crate) struct Peers {
    python: PathBuf,
    runbook: PathBuf,
}

impl Peers {
    /// Finds the environments, and installs them if they are missing.
    ///
    /// # Errors
    /// [`Error::Script`].
    pub(crate) async fn locate() -> Result<Self, Error> {
        let python = tools::python("bench/peers/python/requirements.txt").await?;
        let runbook = tools::python("bench/peers/runbook/requirements.txt").await?;
        Ok(Self { python, runbook })
    }

    /// Returns the program that Lambda's Python runtime would be. It serves the function in the same folder.
    pub(crate) fn bootstrap() -> PathBuf {
        folder().join("python/bootstrap")
    }

    /// Returns the same options for the function in Python.
    pub(crate) fn as_python(&self, options: FunctionOptions) -> FunctionOptions {
        let mut environment = vec![
            ("VIRTUAL_ENV".to_owned(), self.python.to_string_lossy().into_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        // botocore ignores SSL_CERT_FILE.
        let ca_file = options.ca_file.iter().map(|path| ("AWS_CA_BUNDLE".to_owned(), path.display().to_string()));
        environment.extend(ca_file);
        FunctionOptions { bootstrap: Self::bootstrap(), environment, ..options }
    }

    /// Returns the folders that a team would zip: the code, and the packages that Lambda's Python runtime does not contain.
    pub(crate) fn packaged(&self) -> [PathBuf; 2] {
        [folder().join("python"), self.python.join("lib")]
    }

    /// Runs a part of the runbook, and returns how long it took.
    ///
    /// # Errors
    /// Fails with the output of the runbook, when it fails.
    pub(crate) async fn run(
        &self,
        environment: &Environment,
        operation: Operation,
        cluster: &str,
    ) -> Result<Duration, Error> {
        let command = match operation {
            Operation::Create => "create",
            Operation::NoChange => "noop",
            Operation::Change => "change",
            Operation::Delete => "delete",
        };
        let options = environment.function_options(PathBuf::new()).await?;
        let (key, secret, token) = &options.credentials;
        let mut path = OsString::from(self.runbook.join("bin"));
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let begun = Instant::now();
        let output = Command::new("bash")
            .arg(folder().join("runbook/runbook.sh"))
            .args([command, cluster])
            .env_clear()
            .env("AWS_CA_BUNDLE", environment.ca_file())
            .env("PATH", path)
            .env("HOME", &options.folder)
            .env("TMPDIR", &options.folder)
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_SESSION_TOKEN", token.as_deref().unwrap_or_default())
            .env("AWS_REGION", &options.region)
            .env("AWS_DEFAULT_REGION", &options.region)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NAMESPACE", if operation == Operation::Change { OTHER_NAMESPACE } else { "karpenter" })
            .env("MORE_POLICY", MORE_POLICY)
            .current_dir(&options.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| Error::Spawn { program: "bash".to_owned(), source })?;
        let took = begun.elapsed();
        if output.status.success() {
            return Ok(took);
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::Unusable(format!("the runbook's {command} failed with {}:\n{stderr}", output.status)))
    }
}

fn folder() -> PathBuf {
    tools::checkout().join("tests/bench/peers")
}
