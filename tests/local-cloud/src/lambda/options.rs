//! The options of a function's process.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::process::Program;

/// The options of a function's process.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The program.
    pub bootstrap: PathBuf,
    /// A program and its arguments that end by executing the words after them: the bootstrap. Empty: the bootstrap is started
    /// directly.
    pub launcher: Vec<OsString>,
    /// An existing folder. Each process gets its own folder in it, with its log.
    pub folder: PathBuf,
    /// The function's name.
    pub name: String,
    /// The account, for the function's ARN.
    pub account: String,
    /// The region.
    pub region: String,
    /// Access key id, secret access key, and the session token of a role's credentials.
    pub credentials: (String, String, Option<String>),
    /// `AWS_ENDPOINT_URL`: the gateway.
    pub endpoint_url: Option<String>,
    /// `SSL_CERT_FILE`: the only certificate authorities that it trusts.
    pub ca_file: Option<PathBuf>,
    /// `AWS_LAMBDA_LOG_LEVEL`.
    pub log_level: String,
    /// The maximum time from the start of a process to its first poll. Lambda's limit is 10 seconds.
    pub init_timeout: Duration,
    /// Other variables. They override all variables above.
    pub environment: Vec<(String, String)>,
}

impl FunctionOptions {
    /// Returns the options of a function in `us-east-1` of account 111122223333, with that account's root key, and without
    /// optional values.
    pub fn new(bootstrap: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            launcher: Vec::new(),
            folder: folder.into(),
            name: "karpenter-prereqs".to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: ("111122223333".to_owned(), "test".to_owned(), None),
            endpoint_url: None,
            ca_file: None,
            log_level: "INFO".to_owned(),
            init_timeout: Duration::from_secs(10),
            environment: Vec::new(),
        }
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:function:{}", self.region, self.account, self.name)
    }

    /// Returns the program, with only Lambda's environment.
    pub(crate) fn program(&self, folder: &Path, runtime_api: &str) -> Program {
        let (access_key_id, secret_access_key, session_token) = &self.credentials;
        let mut words = self.launcher.iter().map(OsString::as_os_str).chain([self.bootstrap.as_os_str()]);
        let first = words.next().unwrap_or_default();
        let mut program = words
            .fold(Program::new("bootstrap", first, folder), Program::arg)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", &self.log_level)
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "[$LATEST]local")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", secret_access_key)
            .env("LAMBDA_TASK_ROOT", folder)
            .env("_HANDLER", "bootstrap")
            .env("TZ", ":UTC");
        if let Some(token) = session_token {
            program = program.env("AWS_SESSION_TOKEN", token);
        }
        if let Some(url) = &self.endpoint_url {
            program = program.env("AWS_ENDPOINT_URL", url);
        }
        if let Some(file) = &self.ca_file {
            program = program.env("SSL_CERT_FILE", file);
        }
        self.environment.iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}
