//! The command-line program with the credentials of one role, and the comparison of its plans with runs. Shared by the suites
//! `cli`, `reconciliation` and `sequences`.

use local_cloud::{
    Cloud, Cluster, Error,
    cli::{CommandOutput, aws_environment, run},
    gateway::Call,
    lambda::CfnResponse,
    node::assume_role,
    scenario::Scenario,
};
use serde_json::{Value, json};

/// The program with the credentials of one role.
#[derive(Clone, Debug)]
pub(crate) struct Cli {
    environment: Vec<(&'static str, String)>,
}

/// One write: service, operation, and the names or ids of the objects. This is enough to compare a plan with the calls of a
/// run.
pub(crate) type ApiWrite = (String, String, Vec<String>);

impl Cli {
    /// Uses a session of the role that created the scenario's cluster, through the gateway.
    ///
    /// # Errors
    /// [`Error::Aws`] when the role cannot be assumed.
    pub(crate) async fn new(scenario: &Scenario) -> Result<Self, Error> {
        Self::for_cluster(&scenario.cloud, &scenario.cluster).await
    }

    /// Uses a session of the role that created a cluster.
    ///
    /// # Errors
    /// [`Error::Aws`] when the role cannot be assumed.
    pub(crate) async fn for_cluster(cloud: &Cloud, cluster: &Cluster) -> Result<Self, Error> {
        let session = assume_role(&cloud.admin(), &cluster.creator_role_arn, "person").await?;
        Ok(Self { environment: aws_environment(cloud, &session) })
    }

    /// Sets an environment variable, and replaces its previous value.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value.into()));
        self
    }

    /// Runs `plan --json` for an event.
    ///
    /// # Errors
    /// [`Error::Spawn`] when the program cannot be started.
    pub(crate) async fn plan(&self, event: &Value) -> Result<CommandOutput, Error> {
        self.run(&["plan", "--json", "--event", "-"], &event.to_string()).await
    }

    /// Runs the program with these arguments and this standard input.
    ///
    /// # Errors
    /// [`Error::Spawn`] when the program cannot be started.
    pub(crate) async fn run(&self, arguments: &[&str], stdin: &str) -> Result<CommandOutput, Error> {
        run(arguments, &self.environment, stdin).await
    }
}

/// Checks that the output of [`Cli::plan`] matches the run: the same writes and the same physical id, or the same
/// problem.
///
/// # Errors
/// Returns the difference.
pub(crate) fn check_plan(output: &CommandOutput, response: &CfnResponse, calls: &[Call]) -> Result<(), String> {
    let (planned, actual) = if response.succeeded() {
        let Ok(plan) = serde_json::from_str::<Value>(&output.stdout) else {
            return Err(format!("the run succeeded, and the program printed no plan: {output:?}"));
        };
        let (planned, actual) = (planned_writes(&plan), actual_writes(calls));
        if planned != actual {
            return Err(format!("planned writes: {planned:?}\nactual writes: {actual:?}\n{plan:#}"));
        }
        let has_changes = plan["stages"].as_array().into_iter().flatten().any(|stage| stage["steps"] != json!([]));
        let planned = (output.code, plan["physicalResourceId"].as_str().unwrap_or_default().to_owned());
        (planned, (Some(if has_changes { 2 } else { 0 }), response.physical_resource_id.clone()))
    } else {
        // On a busy machine, progress lines come before the problem: one every two seconds.
        const NAME: &str = "karpenter-prereqs: ";
        let stderr = output.stderr.trim_end();
        let failure = stderr.strip_prefix(NAME).or_else(|| Some(stderr.split_once(&format!("\n{NAME}"))?.1));
        let problem = failure.unwrap_or(stderr);
        let planned = (output.code, format!("nothing was changed: {problem}"));
        (planned, (Some(1), response.reason.clone().unwrap_or_default()))
    };
    if planned == actual { Ok(()) } else { Err(format!("planned: {planned:?}\nactual: {actual:?}")) }
}

/// Returns the writes in a plan's JSON, sorted. The writes of the cleanup are left out, because another event makes them.
pub(crate) fn planned_writes(plan: &Value) -> Vec<ApiWrite> {
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
pub(crate) fn actual_writes(calls: &[Call]) -> Vec<ApiWrite> {
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
