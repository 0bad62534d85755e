//! Random properties in random states of the account, on the real servers.
//!
//! A successful run reconciles the account, so that a second run writes nothing. A Delete keeps what others created. Each
//! event does what `karpenter-prereqs plan` showed before.
//!
//! The environment variable `RECONCILIATION_CASES` is the number of seeds (200), and `RECONCILIATION_SEED` is the first seed (1).
//! A failure names its seed, and the variables that repeat it.

mod case;
mod concurrent;
mod plant;

use std::{cell::RefCell, time::Instant};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    cluster::{create_role, service_trust},
    empty_account::EmptyAccount,
    gateway::When,
    lambda::Resource,
    scenario::{Delivered, Scenario},
    world::World,
};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::program::{Cli, check_plan};
use crate::seeded::{self, number};
use case::{Case, DesiredProperties};

/// The percentage of events that must succeed. An event that fails its preflight checks tests little.
const MIN_SUCCESS_PERCENT: u64 = 60;

/// Each case has these steps:
///
/// 1. Objects of others are planted.
/// 2. Perhaps a run of the event is killed at one of its writes, and objects are changed by hand.
/// 3. The event is sent. If it succeeds, the same event writes nothing when it is sent again. If it fails, it failed before
///    its first write.
/// 4. Everything is deleted. The account is as planted.
#[test]
fn any_state_is_reconciled_and_second_run_writes_nothing() {
    let (cases, first) = (number("RECONCILIATION_CASES", 200), number("RECONCILIATION_SEED", 1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let environment = RefCell::new(runtime.block_on(Environment::start()));
    let started = Instant::now();
    for seed in first..first + cases {
        let outcome = TestRunner::new(seeded::config(seed)).run(&case::cases(), |case| {
            runtime.block_on(Box::pin(environment.borrow_mut().check(&case)));
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("repeat with RECONCILIATION_SEED={seed} RECONCILIATION_CASES=1: {error}");
        }
    }
    let Environment { successes, failures, cuts, .. } = environment.into_inner();
    println!(
        "{cases} seeds from {first} in {:.0} s: {successes} successes, {failures} failed checks, {cuts} killed runs",
        started.elapsed().as_secs_f64()
    );
    assert!(MIN_SUCCESS_PERCENT * cases <= successes * 100, "only {successes} of {cases} succeeded");
}

/// One cloud and one cluster for all seeds.
struct Environment {
    scenario: Scenario,
    cli: Cli,
    /// The account without planted objects.
    bare: EmptyAccount,
    /// Whether the last case ended without a failure, so that nothing of it is left.
    clean: bool,
    successes: u64,
    failures: u64,
    /// The number of runs that were killed.
    cuts: u64,
}

impl Environment {
    async fn start() -> Self {
        // The properties of the cases use aws-auth and access entries.
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
        create_role(&scenario.cloud.admin(), plant::EXISTING_ROLE, &service_trust("ec2.amazonaws.com")).await.unwrap();
        scenario.cluster.control_plane().remove_aws_auth().await.unwrap();
        let bare = EmptyAccount::new(&scenario.cloud, &scenario.cluster).await.unwrap();
        let cli = Cli::new(&scenario).await.unwrap();
        Self { scenario, cli, bare, clean: true, successes: 0, failures: 0, cuts: 0 }
    }

    /// Plants and checks one case. Panics at the first violation.
    async fn check(&mut self, case: &Case) {
        if !self.clean {
            self.wipe(None).await;
        }
        self.clean = false;
        plant::plant(&self.scenario, case).await;
        if let Some(neighbour) = &case.neighbour {
            let other = Resource::new(self.scenario.cloud.account(), self.scenario.cloud.region(), "other", "Prereqs");
            let properties = neighbour.properties(&self.scenario);
            self.send_and_compare(&other.create(&properties)).await;
        }
        let planted = self.scenario.world().await.unwrap();
        match &case.old {
            None => self.check_create(case, &planted).await,
            Some(old) => self.check_update(case, old, &planted).await,
        }
        let after = self.scenario.world().await.unwrap();
        planted.assert_same(&after, "after the Delete");
        self.wipe(Some(after)).await;
        self.clean = true;
    }

    async fn check_create(&mut self, case: &Case, planted: &World) {
        let resource = self.scenario.resource.clone();
        let properties = case.desired.properties(&self.scenario);
        self.disturb(case, &resource.create(&properties), planted).await;
        let id = self.reconcile_twice(&resource.create(&properties)).await.response.physical_resource_id;
        self.delete(&id, &properties).await;
    }

    async fn check_update(&mut self, case: &Case, old: &DesiredProperties, planted: &World) {
        let resource = self.scenario.resource.clone();
        let [old, new] = [old, &case.desired].map(|desired| desired.properties(&self.scenario));
        let created = self.send_and_compare(&resource.create(&old)).await;
        let id = created.response.physical_resource_id.clone();
        if !created.response.succeeded() {
            self.failures += 1;
            return self.delete(&id, &old).await;
        }
        let update = resource.update(&id, &new, &old);
        self.disturb(case, &update, planted).await;
        let updated = self.reconcile_twice(&update).await;
        let new_id = updated.response.physical_resource_id.clone();
        if !updated.response.succeeded() {
            // The rollback, as CloudFormation sends it.
            let back = self.send_and_compare(&resource.update(&id, &old, &new)).await;
            assert_eq!(back.succeeded().physical_resource_id, id);
            return self.delete(&id, &old).await;
        }
        let mut generations = vec![(&new_id, &new)];
        if new_id != id {
            generations.push((&id, &old));
        }
        if case.oldest_first {
            generations.reverse();
        }
        for (id, properties) in generations {
            self.delete(id, properties).await;
        }
    }

    /// Kills a run of the event, and changes objects by hand, as the case asks for.
    async fn disturb(&mut self, case: &Case, event: &local_cloud::lambda::Event, planted: &World) {
        if let Some((nth, cut)) = case.cut {
            let crashed = self.scenario.send_and_crash(event, When::write().nth(nth), cut).await.unwrap();
            self.cuts += u64::from(crashed);
        }
        for drift in &case.drift {
            plant::drift(&self.scenario, case, *drift, planted).await;
        }
    }

    /// Sends an event. If it succeeds, sends it again, and asserts that the second run writes nothing and returns the same
    /// id and attributes.
    async fn reconcile_twice(&mut self, event: &local_cloud::lambda::Event) -> Delivered {
        let delivered = self.send_and_compare(event).await;
        if delivered.response.succeeded() {
            self.successes += 1;
            let again = self.scenario.send(event).await.unwrap();
            again.wrote_nothing();
            assert_eq!(again.succeeded().data, delivered.response.data);
            assert_eq!(again.response.physical_resource_id, delivered.response.physical_resource_id);
        } else {
            self.failures += 1;
        }
        delivered
    }

    /// Plans an event, sends it, and asserts that both have the same writes or the same problems. Asserts that an event which
    /// fails writes nothing.
    async fn send_and_compare(&mut self, event: &local_cloud::lambda::Event) -> Delivered {
        let url = self.scenario.responses.expect(event.ids());
        let event = event.with_response_url(&url);
        let plan = self.cli.plan(&event).await.unwrap();
        let delivered = self.scenario.send_raw(&event, &url).await.unwrap();
        delivered.response.assert_sound();
        check_plan(&plan, &delivered.response, &delivered.calls).unwrap_or_else(|difference| panic!("{difference}"));
        if !delivered.response.succeeded() {
            let reason = delivered.wrote_nothing().failed();
            assert!(reason.starts_with("nothing was changed: "), "{reason}");
        }
        delivered
    }

    async fn delete(&mut self, id: &str, properties: &Value) {
        let event = self.scenario.resource.delete(id, properties);
        self.scenario.send(&event).await.unwrap().succeeded();
    }

    /// Deletes everything that the bare account does not have. `world` is the current state, if the caller has read it.
    async fn wipe(&self, world: Option<World>) {
        let world = match world {
            Some(world) => world,
            None => self.scenario.world().await.unwrap(),
        };
        self.bare.wipe(&self.scenario.cloud, &self.scenario.cluster, &world).await.unwrap();
        self.bare.world().assert_same(&self.scenario.world().await.unwrap(), "after the wipe");
    }
}
