//! Whatever was there and whatever is wanted: what a run has made, the next one finds made, on the real servers; and
//! a Delete leaves what others had there. What `karpenter-prereqs plan` tells of each event is what comes of it.
//!
//! `CONVERGENCE_CASES` is how many seeds are tried (200), `CONVERGENCE_SEED` the first of them (1). A failure names
//! its seed, and how to see it again.

mod case;
mod meanwhile;
mod plant;

use std::{cell::RefCell, time::Instant};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    empty_account::EmptyAccount,
    cli::Cli,
    cluster::{create_role, service_trust},
    gateway::When,
    lambda::Resource,
    scenario::{Delivered, Scenario},
    world::World,
};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::seeded::{self, number};
use case::{Case, Wanted};

/// How many seeds must come to a SUCCESS, of 100: those that are refused prove little.
const LEAST_SUCCESSES: u64 = 60;

/// A world is planted; the event finds it, perhaps after a run of the same event that was cut off, and after somebody
/// has changed things by hand. If it succeeds, the same event once more writes nothing: the plan on what the servers
/// say is empty. If it does not, it was refused before any write. Then everything is deleted, and the world is as
/// it was planted.
#[test]
fn what_a_run_has_made_the_next_one_finds_made() {
    let (cases, first) = (number("CONVERGENCE_CASES", 200), number("CONVERGENCE_SEED", 1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let bench = RefCell::new(runtime.block_on(Bench::start()));
    let begun = Instant::now();
    for seed in first..first + cases {
        let outcome = TestRunner::new(seeded::config(seed)).run(&case::cases(), |case| {
            runtime.block_on(Box::pin(bench.borrow_mut().prove(&case)));
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("CONVERGENCE_SEED={seed} CONVERGENCE_CASES=1 shows it again: {error}");
        }
    }
    let Bench { successes, refusals, cuts, .. } = bench.into_inner();
    println!(
        "{cases} seeds from {first} in {:.0} s: {successes} successes, {refusals} refusals, {cuts} runs cut off before",
        begun.elapsed().as_secs_f64()
    );
    assert!(LEAST_SUCCESSES * cases <= successes * 100, "only {successes} of {cases} came to a success");
}

/// One cloud and one cluster for all seeds.
struct Bench {
    scenario: Scenario,
    cli: Cli,
    /// The account with nothing planted in it.
    bare: EmptyAccount,
    clean: bool,
    successes: u64,
    refusals: u64,
    cuts: u64,
}

impl Bench {
    async fn start() -> Self {
        // Both ways in count here.
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
        create_role(&scenario.cloud.admin(), plant::EXISTING_ROLE, &service_trust("ec2.amazonaws.com")).await.unwrap();
        scenario.cluster.control_plane().remove_aws_auth().await.unwrap();
        let bare = EmptyAccount::new(&scenario.cloud, &scenario.cluster).await.unwrap();
        let cli = Cli::new(&scenario).await.unwrap();
        Self { scenario, cli, bare, clean: true, successes: 0, refusals: 0, cuts: 0 }
    }

    async fn prove(&mut self, case: &Case) {
        if !self.clean {
            self.wipe(None).await;
        }
        self.clean = false;
        plant::plant(&self.scenario, case).await;
        if let Some(neighbour) = &case.neighbour {
            let other = Resource::new(self.scenario.cloud.account(), self.scenario.cloud.region(), "other", "Prereqs");
            let properties = neighbour.properties(&self.scenario);
            self.judged(&other.create(&properties)).await;
        }
        let planted = self.scenario.world().await.unwrap();
        match &case.old {
            None => self.prove_create(case, &planted).await,
            Some(old) => self.prove_update(case, old, &planted).await,
        }
        let after = self.scenario.world().await.unwrap();
        planted.assert_same(&after, "after the Delete");
        self.wipe(Some(after)).await;
        self.clean = true;
    }

    async fn prove_create(&mut self, case: &Case, planted: &World) {
        let resource = self.scenario.resource.clone();
        let properties = case.wanted.properties(&self.scenario);
        self.disturb(case, &resource.create(&properties), planted).await;
        let id = self.converges(&resource.create(&properties)).await.response.physical_resource_id;
        self.deletes(&id, &properties).await;
    }

    async fn prove_update(&mut self, case: &Case, old: &Wanted, planted: &World) {
        let resource = self.scenario.resource.clone();
        let [old, new] = [old, &case.wanted].map(|wanted| wanted.properties(&self.scenario));
        let created = self.judged(&resource.create(&old)).await;
        let id = created.response.physical_resource_id.clone();
        if !created.response.succeeded() {
            self.refusals += 1;
            return self.deletes(&id, &old).await;
        }
        let update = resource.update(&id, &new, &old);
        self.disturb(case, &update, planted).await;
        let updated = self.converges(&update).await;
        let new_id = updated.response.physical_resource_id.clone();
        if !updated.response.succeeded() {
            // The rollback, as CloudFormation sends it.
            let back = self.judged(&resource.update(&id, &old, &new)).await;
            assert_eq!(back.succeeded().physical_resource_id, id);
            return self.deletes(&id, &old).await;
        }
        let mut ends = vec![(&new_id, &new)];
        if new_id != id {
            ends.push((&id, &old));
        }
        if case.oldest_first {
            ends.reverse();
        }
        for (id, properties) in ends {
            self.deletes(id, properties).await;
        }
    }

    /// A run of the event that is cut off, and what somebody changes by hand.
    async fn disturb(&mut self, case: &Case, event: &local_cloud::lambda::Event, planted: &World) {
        if let Some((nth, cut)) = case.cut {
            let crashed = self.scenario.send_and_crash(event, When::write().nth(nth), cut).await.unwrap();
            self.cuts += u64::from(crashed);
        }
        for drift in &case.drift {
            plant::drift(&self.scenario, case, *drift, planted).await;
        }
    }

    /// Sends an event, and once more if it succeeds: then nothing may be left to do.
    async fn converges(&mut self, event: &local_cloud::lambda::Event) -> Delivered {
        let delivered = self.judged(event).await;
        if delivered.response.succeeded() {
            self.successes += 1;
            let again = self.scenario.send(event).await.unwrap();
            again.wrote_nothing();
            assert_eq!(again.succeeded().data, delivered.response.data);
            assert_eq!(again.response.physical_resource_id, delivered.response.physical_resource_id);
        } else {
            self.refusals += 1;
        }
        delivered
    }

    /// Sends an event; what fails must have been refused before any write. What comes of it is what the program foretold:
    /// the same writes, or the same refusal.
    async fn judged(&mut self, event: &local_cloud::lambda::Event) -> Delivered {
        let url = self.scenario.responses.expect(event.ids());
        let event = event.with_response_url(&url);
        let plan = self.cli.plan(&event).await.unwrap();
        let delivered = self.scenario.send_raw(&event, &url).await.unwrap();
        delivered.response.assert_sound();
        plan.check_plan(&delivered.response, &delivered.calls).unwrap_or_else(|difference| panic!("{difference}"));
        if !delivered.response.succeeded() {
            let reason = delivered.wrote_nothing().failed();
            assert!(reason.starts_with("nothing was changed: "), "{reason}");
        }
        delivered
    }

    async fn deletes(&mut self, id: &str, properties: &Value) {
        let event = self.scenario.resource.delete(id, properties);
        self.scenario.send(&event).await.unwrap().succeeded();
    }

    /// Takes away all that is not of the bare account.
    async fn wipe(&self, standing: Option<World>) {
        let standing = match standing {
            Some(standing) => standing,
            None => self.scenario.world().await.unwrap(),
        };
        self.bare.wipe(&self.scenario.cloud, &self.scenario.cluster, &standing).await.unwrap();
        self.bare.world().assert_same(&self.scenario.world().await.unwrap(), "after it was wiped");
    }
}
