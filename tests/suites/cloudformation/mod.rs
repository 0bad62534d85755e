//! Each behaviour of CloudFormation and of Lambda's delivery, simulated by the strict engine of [`local_cloud::cloudformation`]:
//!
//! - cancellation, and rollback in both modes
//! - two resources of one stack that write one discovery tag
//! - events that are delivered twice, late, or through an SNS topic
//! - physical ids that CloudFormation generates, and request ids that it uses again
//!
//! The function logs at TRACE, and the engine searches its output for secrets.

mod cancelled;
mod delivered;
mod duplicates;
mod rolled_back;
mod tag_race;

use local_cloud::{
    cloudformation::{Delivered, Engine, Request, Stack, Template},
    gateway::{Effect, Hold, Installed, When},
    scenario::{CLUSTER, Scenario},
    world::World,
};
use serde_json::{Value, json};

/// The logical id of the resource.
const PREREQS: &str = "Prereqs";

/// A cloud, a cluster, the CloudFormation engine, and one stack that is not created yet.
struct Stage {
    scenario: Scenario,
    engine: Engine,
    /// The id of the stack.
    stack: String,
    /// The state of the account before the stack.
    before: World,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|stack| stack).await
    }

    /// Starts everything, with a stack that `change` configures.
    async fn with(change: impl FnOnce(Stack) -> Stack) -> Self {
        let scenario = Scenario::start().await.unwrap();
        let trace = |options: &mut local_cloud::lambda::FunctionOptions| "TRACE".clone_into(&mut options.log_level);
        let engine = Engine::start(&scenario.cloud, &scenario.cluster.creator_role_arn, trace).await.unwrap();
        let stack = change(Stack::new(scenario.cloud.account(), scenario.cloud.region(), "platform"));
        let id = stack.id().to_owned();
        engine.add(stack);
        let before = scenario.world().await.unwrap();
        Self { scenario, engine, stack: id, before }
    }

    /// Begins an operation of the stack, and delivers its events and all that follow. Asserts that no response breaks a rule.
    async fn run(&self, begin: impl FnOnce(&mut Stack) -> Vec<Request>) -> Vec<Delivered> {
        let delivered = self.engine.deliver_all(self.begin(begin)).await.unwrap();
        delivered.iter().for_each(assert_sound);
        delivered
    }

    /// Begins an operation of the stack. Returns the events that the stack sends.
    fn begin(&self, begin: impl FnOnce(&mut Stack) -> Vec<Request>) -> Vec<Request> {
        self.engine.stack(&self.stack, begin)
    }

    /// Creates the stack with one resource. Returns its physical id.
    async fn create(&self, properties: &Value) -> String {
        self.run(|stack| stack.create(&template(properties))).await;
        assert_eq!(self.status(), "CREATE_COMPLETE");
        self.id()
    }

    /// Updates the resource while another resource of the stack is still pending, so that the operation can be cancelled.
    async fn update_before_others(&self, new: &Value) {
        let update = single(self.begin(|stack| stack.update(&template(new))));
        self.begin(|stack| {
            stack.begin_native_resource();
            Vec::new()
        });
        self.run(|_| vec![update]).await;
    }

    fn status(&self) -> &'static str {
        self.engine.stack(&self.stack, |stack| stack.status())
    }

    /// Returns the current physical id in CloudFormation.
    fn id(&self) -> String {
        self.engine.stack(&self.stack, |stack| stack.existing().next().map(|(_, id, _)| id.to_owned())).unwrap()
    }

    async fn world(&self) -> World {
        self.scenario.world().await.unwrap()
    }

    /// Holds the function's `nth` write before AWS sees it.
    fn hold(&self, nth: usize) -> (Hold, Installed) {
        let hold = Hold::new();
        let rule = Effect::HoldBefore(hold.clone());
        (hold, self.scenario.cloud.gateway().rules().add(When::write().nth(nth), rule))
    }

    /// Denies every call of this operation until the rule is removed.
    fn deny(&self, service: &str, operation: &str) -> Installed {
        let denial = Effect::refuse(403, "AccessDenied", format!("not authorized to perform: {service}:{operation}"));
        self.scenario.cloud.gateway().rules().add(When::call(service, operation), denial)
    }

    /// Deletes the stack if it exists. Asserts that the account is as before the stack.
    async fn delete_and_compare(self) {
        if self.status() != "DELETE_COMPLETE" {
            self.run(Stack::delete).await;
        }
        assert_eq!(self.status(), "DELETE_COMPLETE");
        self.before.assert_same(&self.world().await, "after the stack");
    }
}

/// Asserts that the event got a response, and that the response broke no rule.
#[track_caller]
fn assert_sound(delivered: &Delivered) {
    assert!(delivered.response.is_some(), "no response to {:?}\n{}", delivered.request.kind, delivered.log_text());
    assert!(delivered.violations.is_empty(), "{:#?}\n{}", delivered.violations, delivered.log_text());
}

fn template(properties: &Value) -> Template {
    Template::from([(PREREQS.to_owned(), properties.clone())])
}

/// Returns a template with the resource, and with a second resource that has the properties `sibling`.
fn with_sibling(properties: &Value, sibling: &Value) -> Template {
    let mut template = template(properties);
    template.insert("Sibling".to_owned(), sibling.clone());
    template
}

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// Properties that change the existing objects in place.
fn in_place() -> Value {
    json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}, "Namespace": "kube-system"})
}

/// Properties that replace the resource.
fn replacing() -> Value {
    json!({"ClusterName": CLUSTER, "ControllerRoleName": "another", "NodeRoleName": "others"})
}

/// Properties of a valid second resource in the same stack, on the same cluster.
fn sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "sibling-controller"})
}

/// Splits events into those of the resource and those of its sibling.
fn split_requests(requests: Vec<Request>) -> (Vec<Request>, Vec<Request>) {
    requests.into_iter().partition(|request| request.logical_resource_id() == PREREQS)
}

/// Returns the only item of a list. Panics if the list has another length.
#[track_caller]
fn single<T>(items: Vec<T>) -> T {
    let count = items.len();
    let [item] = <[T; 1]>::try_from(items).unwrap_or_else(|_| panic!("{count} instead of one"));
    item
}
