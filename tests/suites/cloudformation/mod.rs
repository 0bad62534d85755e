//! Every mood of CloudFormation's, one by one, through the strict engine: cancelled and rolled back in both ways,
//! delivered twice, late and wrapped, with ids that nobody gave and request ids that were used before. The function
//! runs at the lowest log level, and everything that it says is searched for secrets.

mod cancelled;
mod delivered;
mod duplicates;
mod rolled_back;

use local_cloud::{
    cloudformation::{Delivered, Engine, Request, Stack, Template},
    gateway::{Effect, Hold, Installed, When},
    scenario::{CLUSTER, Scenario},
    world::World,
};
use serde_json::{Value, json};

/// The logical id of the resource.
const PREREQS: &str = "Prereqs";

/// A cloud, a cluster, CloudFormation, and one stack that was not created yet.
struct Stage {
    scenario: Scenario,
    engine: Engine,
    stack: String,
    before: World,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|stack| stack).await
    }

    /// With a stack that is changed so.
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

    /// Does something to the stack, and delivers all that comes of it.
    async fn run(&self, begin: impl FnOnce(&mut Stack) -> Vec<Request>) -> Vec<Delivered> {
        let delivered = self.engine.settle(self.begin(begin)).await.unwrap();
        delivered.iter().for_each(sound);
        delivered
    }

    /// Does something to the stack: what it sends.
    fn begin(&self, begin: impl FnOnce(&mut Stack) -> Vec<Request>) -> Vec<Request> {
        self.engine.stack(&self.stack, begin)
    }

    /// The stack comes to be, with one resource. Gives its physical id.
    async fn created(&self, properties: &Value) -> String {
        self.run(|stack| stack.create(&template(properties))).await;
        assert_eq!(self.status(), "CREATE_COMPLETE");
        self.id()
    }

    /// Our resource is updated, and the stack has others yet to do: it can still be cancelled.
    async fn updates_before_others(&self, new: &Value) {
        let update = one(self.begin(|stack| stack.update(&template(new))));
        self.begin(|stack| {
            stack.begin_native_resource();
            Vec::new()
        });
        self.run(|_| vec![update]).await;
    }

    fn status(&self) -> &'static str {
        self.engine.stack(&self.stack, |stack| stack.status())
    }

    /// The physical id by CloudFormation's books.
    fn id(&self) -> String {
        self.engine.stack(&self.stack, |stack| stack.existing().next().map(|(_, id, _)| id.to_owned())).unwrap()
    }

    async fn world(&self) -> World {
        self.scenario.world().await.unwrap()
    }

    /// Holds the `nth` write of the function's before AWS sees it.
    fn hold(&self, nth: usize) -> (Hold, Installed) {
        let hold = Hold::new();
        let rule = Effect::HoldBefore(hold.clone());
        (hold, self.scenario.cloud.gateway().rules().add(When::write().nth(nth), rule))
    }

    /// Refuses a call from now on.
    fn deny(&self, service: &str, operation: &str) -> Installed {
        let refusal = Effect::refuse(403, "AccessDenied", format!("not authorized to perform: {service}:{operation}"));
        self.scenario.cloud.gateway().rules().add(When::call(service, operation), refusal)
    }

    /// Deletes the stack: then the world is as before it.
    async fn ends_clean(self) {
        if self.status() != "DELETE_COMPLETE" {
            self.run(Stack::delete).await;
        }
        assert_eq!(self.status(), "DELETE_COMPLETE");
        self.before.assert_same(&self.world().await, "after the stack");
    }
}

/// The answer broke no rule.
#[track_caller]
fn sound(delivered: &Delivered) {
    assert!(delivered.response.is_some(), "no answer to {:?}\n{}", delivered.request.kind, delivered.log_text());
    assert!(delivered.violations.is_empty(), "{:#?}\n{}", delivered.violations, delivered.log_text());
}

fn template(properties: &Value) -> Template {
    Template::from([(PREREQS.to_owned(), properties.clone())])
}

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// Properties that change what is there.
fn in_place() -> Value {
    json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}, "Namespace": "kube-system"})
}

/// Properties of another identity.
fn replacing() -> Value {
    json!({"ClusterName": CLUSTER, "ControllerRoleName": "another", "NodeRoleName": "others"})
}

/// The one that a list must hold.
#[track_caller]
fn one<T>(items: Vec<T>) -> T {
    let count = items.len();
    let [item] = <[T; 1]>::try_from(items).unwrap_or_else(|_| panic!("{count} instead of one"));
    item
}
