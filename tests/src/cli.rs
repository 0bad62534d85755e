//! The program that people run, `karpenter-prereqs`, with a person's credentials in a scenario's cloud.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::{
    cloud::Cloud, cluster::Cluster, error::Error, gateway::Call, lambda::Answer, node::assume_role, scenario::Scenario,
    tools,
};

/// The program with somebody's credentials.
#[derive(Clone, Debug)]
pub struct Cli {
    environment: Vec<(&'static str, String)>,
}

/// What a command came to.
#[derive(Clone, Debug)]
pub struct Said {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// One write: service, operation and the objects that it is about, which tells writes apart well enough to compare a plan
/// with what came of it.
pub type Written = (String, String, Vec<String>);

impl Cli {
    /// With a session of the role that created the scenario's cluster, through the gateway.
    ///
    /// # Errors
    /// When there is no session.
    pub async fn new(scenario: &Scenario) -> Result<Self, Error> {
        Self::of(&scenario.cloud, &scenario.cluster).await
    }

    /// With a session of the role that created a cluster.
    ///
    /// # Errors
    /// When there is no session.
    pub async fn of(cloud: &Cloud, cluster: &Cluster) -> Result<Self, Error> {
        let session = assume_role(&cloud.admin(), &cluster.creator_role_arn, "person").await?;
        let environment = vec![
            ("AWS_ENDPOINT_URL", cloud.gateway().url().to_owned()),
            ("AWS_REGION", cloud.region().to_owned()),
            ("AWS_ACCESS_KEY_ID", session.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", session.secret_access_key().to_owned()),
            ("AWS_SESSION_TOKEN", session.session_token().unwrap_or_default().to_owned()),
            ("SSL_CERT_FILE", cloud.pki().ca_path().to_string_lossy().into_owned()),
        ];
        Ok(Self { environment })
    }

    /// The same with another value of a variable.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value.into()));
        self
    }

    /// What `plan` tells of an event, as JSON.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn plan(&self, event: &Value) -> Result<Said, Error> {
        self.run(&["plan", "--json", "--event", "-"], &event.to_string()).await
    }

    /// Runs it with these arguments, and this on standard input.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run(&self, arguments: &[&str], stdin: &str) -> Result<Said, Error> {
        run(arguments, &self.environment, stdin).await
    }
}

/// Runs the program with these arguments and variables, and this on standard input.
///
/// # Errors
/// When it cannot be run.
pub async fn run(arguments: &[&str], environment: &[(&str, String)], stdin: &str) -> Result<Said, Error> {
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
        // One that does not read its input is none the worse.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

impl Said {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That what [`Cli::plan`] told of an event is what came of it: the same writes and the same id, or the same refusal.
    ///
    /// # Errors
    /// What differs.
    pub fn foretold(&self, answer: &Answer, calls: &[Call]) -> Result<(), String> {
        let (told, came) = if answer.succeeded() {
            let Ok(plan) = serde_json::from_str::<Value>(&self.stdout) else {
                return Err(format!("no plan was told of what succeeded: {self:?}"));
            };
            let (planned, made) = (planned(&plan), made(calls));
            if planned != made {
                return Err(format!("planned: {planned:?}\nmade: {made:?}\n{plan:#}"));
            }
            let has_changes = plan["stages"].as_array().into_iter().flatten().any(|stage| stage["steps"] != json!([]));
            let told = (self.code, plan["physicalResourceId"].as_str().unwrap_or_default().to_owned());
            (told, (Some(if has_changes { 2 } else { 0 }), answer.physical_resource_id.clone()))
        } else {
            // On a busy machine its progress, a line every two seconds, comes before it.
            const NAME: &str = "karpenter-prereqs: ";
            let said = self.stderr.trim_end();
            let failure = said.strip_prefix(NAME).or_else(|| Some(said.split_once(&format!("\n{NAME}"))?.1));
            let said = failure.unwrap_or(said);
            let told = (self.code, format!("nothing was changed: {said}"));
            (told, (Some(1), answer.reason.clone().unwrap_or_default()))
        };
        if told == came { Ok(()) } else { Err(format!("told: {told:?}\ncame: {came:?}")) }
    }
}

/// The writes of the event itself that a plan's JSON tells, sorted.
pub fn planned(plan: &Value) -> Vec<Written> {
    let stages = plan["stages"].as_array().into_iter().flatten().filter(|stage| stage["part"] != "cleanUp");
    let steps = stages.flat_map(|stage| stage["steps"].as_array().into_iter().flatten());
    let writes = steps.flat_map(|step| step["writes"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    sorted(writes.map(|write| {
        let objects = write["objects"].as_array().into_iter().flatten().map(text).collect();
        comparable(text(&write["service"]), text(&write["operation"]), objects)
    }))
}

/// The writes that were made, sorted.
pub fn made(calls: &[Call]) -> Vec<Written> {
    let of_iam = ["InstanceProfileName", "RoleName", "OpenIDConnectProviderArn", "Url"];
    sorted(calls.iter().filter(|call| call.is_write()).map(|call| {
        let objects = match call.service.as_str() {
            "iam" => of_iam.iter().find_map(|name| call.param(name)).map(str::to_owned).into_iter().collect(),
            "ec2" => call.list("ResourceId").into_iter().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        comparable(call.service.clone(), call.operation.clone(), objects)
    }))
}

/// EKS and Kubernetes name objects in paths and bodies; of each kind there is one, so the operation tells.
fn comparable(service: String, operation: String, mut objects: Vec<String>) -> Written {
    objects.sort();
    if service == "eks" || service == "kubernetes" {
        objects.clear();
    }
    (service, operation, objects)
}

fn sorted(written: impl Iterator<Item = Written>) -> Vec<Written> {
    let mut written: Vec<_> = written.collect();
    written.sort();
    written
}
