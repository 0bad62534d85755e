//! One cloud, one cluster and one process of the function, with the responses that it sends: the base of most suites.

use std::time::Duration;

use serde_json::Value;

use crate::cloud::{Cloud, CloudOptions};
use crate::cloudformation::Status;
use crate::cluster::{Cluster, ClusterOptions};
use crate::error::Error;
use crate::execution_role;
use crate::gateway::{Call, Effect, Hold, Installed, When};
use crate::lambda::{Behaviour, CfnResponse, Event, Function, FunctionOptions, Invocation, Resource, ResponseBucket};
use crate::node::assume_role;
use crate::tools;
use crate::world::World;

/// The name of the cluster.
pub const CLUSTER: &str = "demo";

/// A typical aws-auth, with comments, keys in another order, entries of other people, and an entry that only the newest
/// authenticators support.
pub const AWS_AUTH: &str = "\
# Managed by the platform team. Ask before you change anything!
- rolearn: arn:aws:iam::111122223333:role/demo-managed-nodes   # the node groups
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- groups:
    - system:masters
  rolearn: \"arn:aws:iam::111122223333:role/Admins\"
  username: 'admin:{{SessionName}}'
  # reason unknown
- sso: {permissionSetName: Developers, accountID: \"111122223333\"}
  username: developer
  groups: [developers]
";

/// Returns the properties of a resource for the scenario's cluster: `ClusterName`, and the members of this object.
pub fn with(more: Value) -> Value {
    let mut properties = serde_json::json!({"ClusterName": CLUSTER});
    if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    properties
}

/// How long one invocation may take before it is killed. The timeout in the template is longer.
const LIMIT: Duration = Duration::from_mins(2);

/// How long AWS may take to complete the calls of a killed function.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(20);

/// Where a run crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before the service gets the call.
    Before,
    /// After the service has performed the call, and before the function gets the response.
    After,
}

/// A function in a cloud with one cluster. A test sends it events.
pub struct Scenario {
    /// The cloud.
    pub cloud: Cloud,
    /// Its cluster.
    pub cluster: Cluster,
    /// The bucket of the responses.
    pub responses: ResponseBucket,
    /// The function's process.
    pub function: Function,
    /// The custom resource of most events.
    pub resource: Resource,
}

/// The result of one event.
#[derive(Debug)]
pub struct Delivered {
    /// The response, with its violations of CloudFormation's rules.
    pub response: CfnResponse,
    /// The invocation, with the log.
    pub invocation: Invocation,
    /// The calls of the function to AWS and to the Kubernetes API.
    pub calls: Vec<Call>,
}

impl Scenario {
    /// Starts a cloud and a cluster with default options, and writes [`AWS_AUTH`].
    ///
    /// # Errors
    /// Fails when a part cannot start.
    pub async fn start() -> Result<Self, Error> {
        let scenario = Self::start_with(CloudOptions::default(), ClusterOptions::default()).await?;
        scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        Ok(scenario)
    }

    /// Starts a cloud and a cluster with these options, without aws-auth. The function runs with the role that created the
    /// cluster. This role has the permissions of the template.
    ///
    /// # Errors
    /// Fails when a part cannot start.
    pub async fn start_with(cloud: CloudOptions, cluster: ClusterOptions) -> Result<Self, Error> {
        let tls = cloud.tls;
        let cloud = Cloud::start(cloud).await?;
        let cluster = cloud.create_cluster(CLUSTER, cluster).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        let server = if tls { Some(cloud.pki().server("responses", &["localhost"])?.server_config()?) } else { None };
        let responses = ResponseBucket::start(server).await.map_err(Error::file("bind", "the port for responses"))?;
        let function = Function::start(function_options(&cloud, &cluster.creator_role_arn).await?).await?;
        let resource = Resource::new(cloud.account(), cloud.region(), "platform", "Prereqs").service_timeout(600);
        Ok(Self { cloud, cluster, responses, function, resource })
    }

    /// Returns the options for another process of the function.
    ///
    /// # Errors
    /// [`Error::Aws`] when the role cannot be assumed.
    pub async fn function_options(&self) -> Result<FunctionOptions, Error> {
        function_options(&self.cloud, &self.cluster.creator_role_arn).await
    }

    /// Replaces the function's process with another one, with the session of this role. `change` changes its options.
    ///
    /// # Errors
    /// Fails when the role cannot be assumed, or the process does not start.
    pub async fn restart(&mut self, role_arn: &str, change: impl FnOnce(&mut FunctionOptions)) -> Result<(), Error> {
        let mut options = function_options(&self.cloud, role_arn).await?;
        change(&mut options);
        self.function = Function::start(options).await?;
        Ok(())
    }

    /// Sends an event and waits for its response.
    ///
    /// # Errors
    /// Fails when there is none.
    pub async fn send(&mut self, event: &Event) -> Result<Delivered, Error> {
        self.send_scripted(event, []).await
    }

    /// Sends an event with a URL that first behaves as in `script`.
    ///
    /// # Errors
    /// Fails when there is no response.
    pub async fn send_scripted(
        &mut self,
        event: &Event,
        script: impl IntoIterator<Item = Behaviour>,
    ) -> Result<Delivered, Error> {
        let url = self.responses.expect(event.ids());
        self.responses.script(&url, script);
        self.send_raw(&event.with_response_url(&url), &url).await
    }

    /// Sends an event unchanged, and waits for the response at its URL.
    ///
    /// # Errors
    /// Fails when there is none.
    pub async fn send_raw(&mut self, event: &Value, url: &crate::lambda::ResponseUrl) -> Result<Delivered, Error> {
        let position = self.cloud.gateway().journal().position();
        let invocation = self.function.invoke(event, LIMIT).await?;
        let calls = self.cloud.gateway().journal().since(position);
        let response = self
            .responses
            .take(url, Duration::from_millis(500))
            .await
            .map_err(|error| Error::Unusable(format!("{error}. The function's log:\n{}", invocation.log_text())))?;
        Ok(Delivered { response, invocation, calls })
    }

    /// Sends an event and kills the function's process at a call. Then waits until AWS has completed the running calls.
    /// Returns false when the run ended without that call.
    ///
    /// # Errors
    /// Fails when the function cannot be started, or a call does not end.
    pub async fn send_and_crash(&mut self, event: &Event, at: When, point: CrashPoint) -> Result<bool, Error> {
        let url = self.responses.expect(event.ids());
        let hold = Hold::new();
        let effect = match point {
            CrashPoint::Before => Effect::HoldBefore(hold.clone()),
            CrashPoint::After => Effect::HoldAfter(hold.clone()),
        };
        let rule = self.cloud.gateway().rules().add(at, effect);
        let event = event.with_response_url(&url);
        let ended = tokio::select! {
            invocation = self.function.invoke(&event, LIMIT) => invocation.map(|_| false),
            () = hold.reached() => Ok(true),
        };
        let is_idle = self.cloud.gateway().journal().wait_until_idle(MAX_IDLE_WAIT).await;
        rule.remove();
        if is_idle {
            ended
        } else {
            Err(Error::Unusable(format!("a call is still running {MAX_IDLE_WAIT:?} after the crash")))
        }
    }

    /// Makes CloudFormation return these values for the resource and its stack, until the rules are removed. Without this, it
    /// returns nothing, because the stack of the scenario's events does not exist.
    pub fn stub_stack_status(
        &self,
        physical_resource_id: &str,
        resource_status: &str,
        stack_status: &str,
    ) -> [Installed; 2] {
        let physical_id = physical_resource_id.to_owned();
        let status = Status { physical_id, ..Status::new(resource_status, stack_status) };
        status.show_all(self.cloud.gateway().rules())
    }

    /// Reads a snapshot of the account and the cluster.
    ///
    /// # Errors
    /// As [`World::read`].
    pub async fn world(&self) -> Result<World, Error> {
        World::read(&self.cloud, Some(&self.cluster)).await
    }
}

impl Delivered {
    /// Returns the calls that can change something.
    pub fn writes(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.is_write()).collect()
    }

    /// Returns the writes of ConfigMaps in order: the verb, and the object of a create or update, or the options of a delete.
    pub fn config_map_writes(&self) -> Vec<(&str, Value)> {
        let written = self.calls.iter().filter(|call| call.is_write() && call.service == "kubernetes");
        written.map(|call| (call.operation.as_str(), serde_json::from_slice(&call.body).unwrap_or_default())).collect()
    }

    /// Returns the response of a success.
    ///
    /// # Panics
    /// Panics when it is a failure, or violates a rule of CloudFormation.
    #[track_caller]
    pub fn succeeded(&self) -> &CfnResponse {
        self.response.assert_sound();
        assert!(self.response.succeeded(), "{:?}\n{}", self.response.reason, self.invocation.log_text());
        &self.response
    }

    /// Returns the reason of a failure.
    ///
    /// # Panics
    /// Panics when it is a success, or violates a rule of CloudFormation.
    #[track_caller]
    pub fn failed(&self) -> &str {
        self.response.assert_sound();
        assert!(!self.response.succeeded(), "the response is a success\n{}", self.invocation.log_text());
        self.response.reason.as_deref().unwrap_or_default()
    }

    /// Asserts that the function wrote nothing.
    ///
    /// # Panics
    /// Panics with the writes.
    #[track_caller]
    pub fn wrote_nothing(&self) -> &Self {
        let writes: Vec<_> = self.writes().iter().map(ToString::to_string).collect();
        assert!(writes.is_empty(), "{} writes:\n{}", writes.len(), writes.join("\n"));
        self
    }
}

/// Returns the options of a function with the session of a role. It calls AWS through the cloud's gateway.
///
/// # Errors
/// [`Error::Aws`] when the role cannot be assumed, [`Error::Unusable`] when the function is not built.
pub async fn function_options(cloud: &Cloud, role_arn: &str) -> Result<FunctionOptions, Error> {
    let session = assume_role(&cloud.admin(), role_arn, "function").await?;
    let folder = tempfile::Builder::new().prefix("function-").tempdir_in(cloud.folder());
    let folder = folder.map_err(Error::file("create a folder in", cloud.folder()))?.keep();
    Ok(FunctionOptions {
        account: cloud.account().to_owned(),
        region: cloud.region().to_owned(),
        credentials: (
            session.access_key_id().to_owned(),
            session.secret_access_key().to_owned(),
            session.session_token().map(str::to_owned),
        ),
        endpoint_url: Some(cloud.gateway().url().to_owned()),
        ca_file: Some(cloud.pki().ca_path()),
        environment: execution_role::environment(role_arn),
        ..FunctionOptions::new(tools::bootstrap()?, folder)
    })
}
