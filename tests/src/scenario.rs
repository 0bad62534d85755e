//! One cloud, one cluster, one function process, and the answers that it gives: what most suites begin with.

use std::time::Duration;

use serde_json::Value;

use crate::cloud::{Cloud, CloudOptions};
use crate::cluster::{Cluster, ClusterOptions};
use crate::error::Error;
use crate::execution_role;
use crate::gateway::{Answer as ServiceAnswer, Call, Effect, Hold, Installed, When};
use crate::lambda::{Answer, Answers, Behaviour, Event, Function, FunctionOptions, Invocation, Resource};
use crate::node::assume_role;
use crate::tools;
use crate::world::World;

/// The name of the cluster.
pub const CLUSTER: &str = "demo";

/// An aws-auth as people have it: comments, another order of keys, entries of others, and one that only the
/// newest authenticators know.
pub const AWS_AUTH: &str = "\
# Managed by the platform team. Ask before you change anything!
- rolearn: arn:aws:iam::111122223333:role/demo-managed-nodes   # the node groups
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- groups:
    - system:masters
  rolearn: \"arn:aws:iam::111122223333:role/Admins\"
  username: 'admin:{{SessionName}}'
  # nobody remembers why
- sso: {permissionSetName: Developers, accountID: \"111122223333\"}
  username: developer
  groups: [developers]
";

/// The properties of a resource for the scenario's cluster: `ClusterName`, and these, an object.
pub fn with(more: Value) -> Value {
    let mut properties = serde_json::json!({"ClusterName": CLUSTER});
    if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    properties
}

/// How long one invocation may take before it is killed: what the template gives the function is longer.
const LIMIT: Duration = Duration::from_mins(2);

/// How long AWS may take to end what a killed function had asked for.
const SETTLE: Duration = Duration::from_secs(20);

/// Where a run is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before the service sees the call.
    Before,
    /// When the service has carried the call out, and before the function knows.
    After,
}

/// A function that acts in a cloud with one cluster, driven event by event.
pub struct Scenario {
    /// The cloud.
    pub cloud: Cloud,
    /// Its cluster.
    pub cluster: Cluster,
    /// Where the answers go.
    pub answers: Answers,
    /// The function's process.
    pub function: Function,
    /// The custom resource that most events are about.
    pub resource: Resource,
}

/// What one event came to.
#[derive(Debug)]
pub struct Delivered {
    /// The answer, judged by CloudFormation's rules.
    pub answer: Answer,
    /// What the Runtime API saw, and the log.
    pub invocation: Invocation,
    /// The calls that the function made, to AWS and to the Kubernetes API.
    pub calls: Vec<Call>,
}

impl Scenario {
    /// A cloud and a cluster of the usual kind, with [`AWS_AUTH`].
    ///
    /// # Errors
    /// Whatever keeps a part from coming up.
    pub async fn start() -> Result<Self, Error> {
        let scenario = Self::start_with(CloudOptions::default(), ClusterOptions::default()).await?;
        scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        Ok(scenario)
    }

    /// A cloud and a cluster of a certain kind, without aws-auth. The function runs with the role that created the
    /// cluster, which may do what the template lets the function do.
    ///
    /// # Errors
    /// Whatever keeps a part from coming up.
    pub async fn start_with(cloud: CloudOptions, cluster: ClusterOptions) -> Result<Self, Error> {
        let tls = cloud.tls;
        let cloud = Cloud::start(cloud).await?;
        let cluster = cloud.create_cluster(CLUSTER, cluster).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        let server = if tls { Some(cloud.pki().server("answers", &["localhost"])?.server_config()?) } else { None };
        let answers = Answers::start(server).await.map_err(Error::file("bind", "the port for answers"))?;
        let function = Function::start(function_options(&cloud, &cluster.creator_role_arn).await?).await?;
        let resource = Resource::new(cloud.account(), cloud.region(), "platform", "Prereqs").service_timeout(600);
        Ok(Self { cloud, cluster, answers, function, resource })
    }

    /// What another process of the function is started with, beside this one.
    ///
    /// # Errors
    /// When there is no session.
    pub async fn function_options(&self) -> Result<FunctionOptions, Error> {
        function_options(&self.cloud, &self.cluster.creator_role_arn).await
    }

    /// Another process takes the function's place: with the session of this role, and options changed so.
    ///
    /// # Errors
    /// When there is no session, or the process does not come up.
    pub async fn restart(&mut self, role_arn: &str, change: impl FnOnce(&mut FunctionOptions)) -> Result<(), Error> {
        let mut options = function_options(&self.cloud, role_arn).await?;
        change(&mut options);
        self.function = Function::start(options).await?;
        Ok(())
    }

    /// Sends an event and waits for its answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(&mut self, event: &Event) -> Result<Delivered, Error> {
        self.send_scripted(event, []).await
    }

    /// Sends an event whose URL misbehaves as told at first.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_scripted(
        &mut self,
        event: &Event,
        script: impl IntoIterator<Item = Behaviour>,
    ) -> Result<Delivered, Error> {
        let url = self.answers.expect(event.ids());
        self.answers.script(&url, script);
        self.send_raw(&event.answered_at(&url), &url).await
    }

    /// Sends an event as it is, and waits for the answer to its URL.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send_raw(&mut self, event: &Value, url: &crate::lambda::ResponseUrl) -> Result<Delivered, Error> {
        let mark = self.cloud.gateway().journal().mark();
        let invocation = self.function.invoke(event, LIMIT).await?;
        let calls = self.cloud.gateway().journal().since(mark);
        let answer = self.answers.take(url, Duration::from_millis(500)).await.map_err(|unanswered| {
            Error::Unusable(format!("{unanswered}; the function's log:\n{}", invocation.log_text()))
        })?;
        Ok(Delivered { answer, invocation, calls })
    }

    /// Sends an event and cuts the function's power at a call, then waits until AWS has ended what was asked of it.
    /// Whether it came to that: false when the run was over before.
    ///
    /// # Errors
    /// When the function cannot be started, or a call does not end.
    pub async fn send_cut(&mut self, event: &Event, at: When, cut: Cut) -> Result<bool, Error> {
        let url = self.answers.expect(event.ids());
        let hold = Hold::new();
        let effect = match cut {
            Cut::Before => Effect::HoldBefore(hold.clone()),
            Cut::After => Effect::HoldAfter(hold.clone()),
        };
        let rule = self.cloud.gateway().rules().add(at, effect);
        let event = event.answered_at(&url);
        let ended = tokio::select! {
            invocation = self.function.invoke(&event, LIMIT) => invocation.map(|_| false),
            () = hold.reached() => Ok(true),
        };
        let settled = self.cloud.gateway().journal().settled(SETTLE).await;
        rule.remove();
        if settled {
            ended
        } else {
            Err(Error::Unusable(format!("a call is still under way {SETTLE:?} after the cut")))
        }
    }

    /// Lets CloudFormation show this of the resource and of its stack, until the rules are removed. The scenario's
    /// events come of no real stack, so that it shows nothing otherwise.
    pub fn cloudformation_shows(
        &self,
        physical_resource_id: &str,
        resource_status: &str,
        stack_status: &str,
    ) -> [Installed; 2] {
        let detail = format!(
            "<DescribeStackResourceResponse><DescribeStackResourceResult><StackResourceDetail>\
             <LogicalResourceId>{}</LogicalResourceId><PhysicalResourceId>{physical_resource_id}</PhysicalResourceId>\
             <ResourceType>Custom::KarpenterPrereqs</ResourceType><ResourceStatus>{resource_status}</ResourceStatus>\
             <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>\
             </StackResourceDetail></DescribeStackResourceResult></DescribeStackResourceResponse>",
            self.resource.logical_resource_id()
        );
        let stacks = format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>platform</StackName>\
             <StackId>{}</StackId><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{stack_status}</StackStatus>\
             </member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
            self.resource.stack_id()
        );
        let shows = |operation: &str, body: String| {
            let rewrite = move |_: &Call, answer: &mut ServiceAnswer| {
                answer.status = hyper::StatusCode::OK;
                answer.body = body.clone().into();
            };
            self.cloud.gateway().rules().add(When::call("cloudformation", operation), Effect::rewrite(rewrite))
        };
        [shows("DescribeStackResource", detail), shows("DescribeStacks", stacks)]
    }

    /// The world as it stands.
    ///
    /// # Errors
    /// As [`World::read`].
    pub async fn world(&self) -> Result<World, Error> {
        World::read(&self.cloud, Some(&self.cluster)).await
    }
}

impl Delivered {
    /// The calls that could change something.
    pub fn writes(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.is_write()).collect()
    }

    /// The writes of ConfigMaps, in order: the verb, and the object of a create or update, the options of a delete.
    pub fn config_map_writes(&self) -> Vec<(&str, Value)> {
        let written = self.calls.iter().filter(|call| call.is_write() && call.service == "kubernetes");
        written.map(|call| (call.operation.as_str(), serde_json::from_slice(&call.body).unwrap_or_default())).collect()
    }

    /// The answer of a success.
    ///
    /// # Panics
    /// When it is none, or breaks a rule of CloudFormation's.
    #[track_caller]
    pub fn succeeded(&self) -> &Answer {
        self.answer.assert_sound();
        assert!(self.answer.succeeded(), "{:?}\n{}", self.answer.reason, self.invocation.log_text());
        &self.answer
    }

    /// The reason of a failure.
    ///
    /// # Panics
    /// When it is a success, or breaks a rule of CloudFormation's.
    #[track_caller]
    pub fn failed(&self) -> &str {
        self.answer.assert_sound();
        assert!(!self.answer.succeeded(), "the answer is a success\n{}", self.invocation.log_text());
        self.answer.reason.as_deref().unwrap_or_default()
    }

    /// Asserts that nothing was written.
    ///
    /// # Panics
    /// With the writes.
    #[track_caller]
    pub fn wrote_nothing(&self) -> &Self {
        let writes: Vec<_> = self.writes().iter().map(ToString::to_string).collect();
        assert!(writes.is_empty(), "{} writes:\n{}", writes.len(), writes.join("\n"));
        self
    }
}

/// What a function is started with that has a role's session, and calls AWS through the cloud's gateway.
pub(crate) async fn function_options(cloud: &Cloud, role_arn: &str) -> Result<FunctionOptions, Error> {
    let session = assume_role(&cloud.admin(), role_arn, "function").await?;
    let folder = tempfile::Builder::new().prefix("function-").tempdir_in(cloud.folder());
    let folder = folder.map_err(Error::file("make a folder in", cloud.folder()))?.keep();
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
