//! Runs the command-line program `karpenter-prereqs` in a scenario's cloud, with a person's credentials.

use std::process::Stdio;

use aws_credential_types::Credentials;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{
    cloud::Cloud, cluster::Cluster, error::Error, gateway::Call, lambda::CfnResponse, node::assume_role,
    scenario::Scenario, tools,
};

/// The program with the credentials of one role.
#[derive(Clone, Debug)]
pub struct Cli {
    environment: Vec<(&'static str, String)>,
}

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

/// One write: service, operation, and the names or ids of the objects. This is enough to compare a plan with the calls of a
/// run.
pub type ApiWrite = (String, String, Vec<String>);

impl Cli {
    /// Uses a session of the role that created the scenario's cluster, through the gateway.
    ///
    /// # Errors
    /// [`Error::Aws`] when the role cannot be assumed.
    pub async fn new(scenario: &Scenario) -> Result<Self, Error> {
        Self::for_cluster(&scenario.cloud, &scenario.cluster).await
    }

    /// Uses a session of the role that created a cluster.
    ///
    /// # Errors
    /// [`Error::Aws`] when the role cannot be assumed.
    pub async fn for_cluster(cloud: &Cloud, cluster: &Cluster) -> Result<Self, Error> {
        let session = assume_role(&cloud.admin(), &cluster.creator_role_arn, "person").await?;
        Ok(Self { environment: aws_environment(cloud, &session) })
    }

    /// Sets an environment variable, and replaces its previous value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Runs `plan --json` for an event.
    ///
    /// # Errors
    /// [`Error::Spawn`] when the program cannot be started.
    pub async fn plan(&self, event: &Value) -> Result<CommandOutput, Error> {
        self.run(&["plan", "--json", "--event", "-"], &event.to_string()).await
    }

    /// Runs the program with these arguments and this standard input.
    ///
    /// # Errors
    /// [`Error::Spawn`] when the program cannot be started.
    pub async fn run(&self, arguments: &[&str], stdin: &str) -> Result<CommandOutput, Error> {
        run(arguments, &self.environment, stdin).await
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

impl CommandOutput {
    /// Parses standard output as JSON.
    ///
    /// # Panics
    /// Panics when it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that the output of [`Cli::plan`] matches the run: the same writes and the same physical id, or the same
    /// problem.
    ///
    /// # Errors
    /// Returns the difference.
    pub fn check_plan(&self, response: &CfnResponse, calls: &[Call]) -> Result<(), String> {
        let (planned, actual) = if response.succeeded() {
            let Ok(plan) = serde_json::from_str::<Value>(&self.stdout) else {
                return Err(format!("the run succeeded, and the program printed no plan: {self:?}"));
            };
            let (planned, actual) = (planned_writes(&plan), actual_writes(calls));
            if planned != actual {
                return Err(format!("planned writes: {planned:?}\nactual writes: {actual:?}\n{plan:#}"));
            }
            let has_changes = plan["stages"].as_array().into_iter().flatten().any(|stage| stage["steps"] != json!([]));
            let planned = (self.code, plan["physicalResourceId"].as_str().unwrap_or_default().to_owned());
            (planned, (Some(if has_changes { 2 } else { 0 }), response.physical_resource_id.clone()))
        } else {
            // On a busy machine, progress lines come before the problem: one every two seconds.
            const NAME: &str = "karpenter-prereqs: ";
            let stderr = self.stderr.trim_end();
            let failure = stderr.strip_prefix(NAME).or_else(|| Some(stderr.split_once(&format!("\n{NAME}"))?.1));
            let problem = failure.unwrap_or(stderr);
            let planned = (self.code, format!("nothing was changed: {problem}"));
            (planned, (Some(1), response.reason.clone().unwrap_or_default()))
        };
        if planned == actual { Ok(()) } else { Err(format!("planned: {planned:?}\nactual: {actual:?}")) }
    }
}

/// Returns the writes in a plan's JSON, sorted. The writes of the cleanup are left out, because another event makes them.
pub fn planned_writes(plan: &Value) -> Vec<ApiWrite> {
    let stages = plan["stages"].as_array().into_iter().flatten().filter(|stage| stage["part"] != "cleanUp");
    let steps = stages.flat_map(|stage| stage["steps"].as_array().into_iter().flatten());
    let writes = steps.flat_map(|step| step["writes"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    sorted(writes.map(|write| {
        let objects = write["objects"].as_array().into_iter().flatten().map(text).collect();
        comparable(text(&write["service"]), text(&write["operation"]), objects)
    }))
}

/// Returns the writes that were made, sorted.
pub fn actual_writes(calls: &[Call]) -> Vec<ApiWrite> {
    let iam_names = ["InstanceProfileName", "RoleName", "OpenIDConnectProviderArn", "Url"];
    sorted(calls.iter().filter(|call| call.is_write()).map(|call| {
        let objects = match call.service.as_str() {
            "iam" => iam_names.iter().find_map(|name| call.param(name)).map(str::to_owned).into_iter().collect(),
            "ec2" => call.list("ResourceId").into_iter().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        comparable(call.service.clone(), call.operation.clone(), objects)
    }))
}

/// EKS and Kubernetes name objects in paths and bodies. There is only one object of each kind, so the operation is enough.
fn comparable(service: String, operation: String, mut objects: Vec<String>) -> ApiWrite {
    objects.sort();
    if service == "eks" || service == "kubernetes" {
        objects.clear();
    }
    (service, operation, objects)
}

fn sorted(writes: impl Iterator<Item = ApiWrite>) -> Vec<ApiWrite> {
    let mut writes: Vec<_> = writes.collect();
    writes.sort();
    writes
}
