//! Runs the cases of a sweep, in one cloud with one cluster.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Error,
    cloudformation::{Delivered, Delivery, Engine, Request, Stack, Template},
    execution_role,
    gateway::{Call, Effect, Installed, When},
    lambda::{Behaviour, FunctionOptions},
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};

use crate::{
    faults::Fault,
    judge::Verdict,
    operations::Operation,
    targets::Target,
    trace::{Baseline, Case, RunTrace},
};

/// Runs cases one after the other.
pub struct SweepRunner {
    // The first field, so that the function's processes end before the services that they call.
    engine: Engine,
    /// The cluster.
    pub cluster: Cluster,
    /// The cloud.
    pub cloud: Cloud,
    empty: World,
    baseline: BTreeMap<Operation, Arc<Baseline>>,
    injected: InjectedFaults,
}

/// Effects in addition to the fault of a case. They let a test check that the judges find violations.
#[derive(Clone, Debug, Default)]
pub struct InjectedFaults {
    /// What the URL does with the first PUTs.
    pub script: Vec<Behaviour>,
    /// Effects on other calls.
    pub effects: Vec<(When, Effect)>,
}

/// The stack's id. It is constant, so that the markers in the snapshots of two runs are equal.
const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/platform/5ee95ee9-0000-4000-8000-000000000000";

const LOGICAL_ID: &str = "Prereqs";

/// How long the calls of a killed function may take to end.
const MAX_IDLE_WAIT: Duration = Duration::from_secs(20);

/// The maximum timeout of the function for a run that does not reach its fault.
const LONGEST: Duration = Duration::from_mins(1);

/// How often the deletion of the stack is tried.
const TRIES: usize = 3;

impl SweepRunner {
    /// Starts a cloud and a cluster with an aws-auth, and a function with the permissions of the template.
    ///
    /// # Errors
    /// Fails when a part cannot start.
    pub async fn start() -> Result<Self, Error> {
        let cloud = Cloud::start(CloudOptions::default()).await?;
        // Both kinds of node access are possible here, and the function creates and deletes the OIDC provider.
        let options = ClusterOptions {
            authentication_mode: AuthenticationMode::ApiAndConfigMap,
            oidc_audiences: Vec::new(),
            ..ClusterOptions::default()
        };
        let cluster = cloud.create_cluster(CLUSTER, options).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        // All log levels are searched for secrets.
        let level = |options: &mut FunctionOptions| "TRACE".clone_into(&mut options.log_level);
        let engine = Engine::start(&cloud, &cluster.creator_role_arn, level).await?;
        let empty = World::read(&cloud, Some(&cluster)).await?;
        Ok(Self { engine, cluster, cloud, empty, baseline: BTreeMap::new(), injected: InjectedFaults::default() })
    }

    /// Returns the result of an operation without a fault. The operation runs once.
    ///
    /// # Errors
    /// Fails when the operation fails, or objects remain.
    pub async fn baseline(&mut self, operation: Operation) -> Result<Arc<Baseline>, Error> {
        if let Some(baseline) = self.baseline.get(&operation) {
            return Ok(Arc::clone(baseline));
        }
        let (trace, before, calls) = Box::pin(self.run_operation(operation, None)).await?;
        let ends = [&trace.delivered].into_iter().chain(&trace.follow_ups).chain(&trace.deleted);
        for delivered in ends {
            if !delivered.succeeded() || !delivered.violations.is_empty() {
                let (reason, violations) = (delivered.reason(), delivered.violations.join("; "));
                return Err(unusable(operation, &format!("fails without a fault: {reason} {violations}")));
            }
        }
        let left = self.world().await?;
        if left != self.empty {
            return Err(unusable(operation, &format!("leaves objects:\n{}", self.empty.difference(&left))));
        }
        let response = trace.delivered.response.as_ref();
        let baseline = Arc::new(Baseline {
            empty: self.empty.clone(),
            before,
            at_response: trace.at_response,
            at_end: trace.at_end,
            data: response.map(|response| response.data.clone()).unwrap_or_default(),
            id: response.map(|response| response.physical_resource_id.clone()).unwrap_or_default(),
            targets: Target::of_run(&calls),
        });
        self.baseline.insert(operation, Arc::clone(&baseline));
        Ok(baseline)
    }

    /// Returns all cases of an operation: each call with each fault.
    ///
    /// # Errors
    /// As [`SweepRunner::baseline`].
    pub async fn cases(&mut self, operation: Operation) -> Result<Vec<Case>, Error> {
        let baseline = Box::pin(self.baseline(operation)).await?;
        let faults_of = |target: &Target| Fault::ALL.map(|fault| Case { operation, target: target.clone(), fault });
        Ok(baseline.targets.iter().flat_map(faults_of).collect())
    }

    /// Runs a case, and judges it.
    ///
    /// # Errors
    /// Fails when the operation before the case fails, or a snapshot cannot be read.
    pub async fn run(&mut self, case: &Case) -> Result<Verdict, Error> {
        let trace = Box::pin(self.run_to_end(case)).await?;
        Box::pin(self.judge(case, &trace)).await
    }

    /// Runs a case until the stack is deleted.
    ///
    /// # Errors
    /// As [`SweepRunner::run`].
    pub async fn run_to_end(&mut self, case: &Case) -> Result<RunTrace, Error> {
        Box::pin(self.baseline(case.operation)).await?;
        let mut limit = case.fault.limit();
        loop {
            let fault = Some((&case.target, case.fault, limit));
            let (trace, ..) = Box::pin(self.run_operation(case.operation, fault)).await?;
            // On a busy machine, the deadline may pass before the function makes the call.
            if trace.fault_applied || LONGEST <= limit {
                return Ok(trace);
            }
            limit *= 2;
        }
    }

    /// Judges a trace, with the current state of the account.
    ///
    /// # Errors
    /// Fails when a snapshot cannot be read.
    pub async fn judge(&mut self, case: &Case, trace: &RunTrace) -> Result<Verdict, Error> {
        let baseline = Box::pin(self.baseline(case.operation)).await?;
        let left = self.world().await?;
        Ok(Verdict::judge(case.operation, case.fault, trace, &baseline).with_leaks(&left, &baseline))
    }

    /// Adds these effects to the fault of each following case.
    pub fn inject(&mut self, injected: InjectedFaults) {
        self.injected = injected;
    }

    /// Runs an operation with a fault and a timeout, from an empty account to an empty account. Returns the trace, the
    /// snapshot before the operation, and its calls.
    async fn run_operation(
        &self,
        operation: Operation,
        fault: Option<(&Target, Fault, Duration)>,
    ) -> Result<(RunTrace, World, Vec<Call>), Error> {
        let journal = self.cloud.gateway().journal();
        journal.clear();
        let request = self.begin(operation).await?;
        let before = match self.baseline.get(&operation) {
            Some(baseline) => baseline.before.clone(),
            None => self.world().await?,
        };
        let rules = self.cloud.gateway().rules();
        let injected = if fault.is_some() { self.injected.clone() } else { InjectedFaults::default() };
        let effects: Vec<_> = injected.effects.into_iter().map(|(when, effect)| rules.add(when, effect)).collect();
        let rule = fault.and_then(|(target, fault, _)| fault.install(rules, target));
        let delivery = Delivery {
            script: injected.script,
            crash: fault.and_then(|(target, fault, _)| fault.crash(target)),
            limit: fault.map_or_else(|| Delivery::default().limit, |(.., limit)| limit),
            ..Delivery::default()
        };
        let position = journal.position();
        let delivered = self.engine.deliver(request, &delivery).await;
        let hits = rule.as_ref().map(Installed::hits);
        effects.into_iter().chain(rule).for_each(Installed::remove);
        let mut delivered = delivered?;
        journal.wait_until_idle(MAX_IDLE_WAIT).await;
        let calls = journal.since(position);
        let at_response = self.world().await?;
        let next = std::mem::take(&mut delivered.next);
        let (follow_ups, at_end) = if next.is_empty() {
            (Vec::new(), at_response.clone())
        } else {
            (self.engine.deliver_all(next).await?, self.world().await?)
        };
        let deleted = self.delete_stack().await?;
        let trace = RunTrace {
            fault_applied: fault.is_none() || delivered.crashed || hits.is_some_and(|hits| 0 < hits),
            delivered,
            writes: calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect(),
            at_response,
            follow_ups,
            at_end,
            deleted,
        };
        Ok((trace, before, calls))
    }

    /// Prepares a new stack for the operation, and begins the operation.
    async fn begin(&self, operation: Operation) -> Result<Request, Error> {
        self.engine.add(Stack::with_id(self.cloud.account(), self.cloud.region(), "platform", STACK));
        let requested = operation.requested(&self.cluster);
        if let Some(before) = operation.before() {
            let creates = self.engine.stack(STACK, |stack| stack.create(&template(before)));
            self.expect_success(operation, &self.engine.deliver_all(creates).await?)?;
        }
        let requests = self.engine.stack(STACK, |stack| match (operation, requested) {
            (Operation::Create | Operation::CreateModern, Some(requested)) => stack.create(&template(requested)),
            (_, Some(requested)) => stack.update(&template(requested)),
            (_, None) => stack.delete(),
        });
        let request = one(operation, requests)?;
        if operation != Operation::CleanUp {
            return Ok(request);
        }
        let mut updated = self.engine.deliver(request, &Delivery::default()).await?;
        let cleanup = std::mem::take(&mut updated.next);
        self.expect_success(operation, &[updated])?;
        one(operation, cleanup)
    }

    fn expect_success(&self, operation: Operation, ended: &[Delivered]) -> Result<(), Error> {
        match ended.iter().find(|delivered| !delivered.succeeded()) {
            None => Ok(()),
            Some(failed) => {
                self.cloud.keep_logs();
                Err(unusable(operation, &format!("cannot start: {}\n{}", failed.reason(), failed.log_text())))
            }
        }
    }

    /// Deletes the remaining resources of the stack.
    async fn delete_stack(&self) -> Result<Vec<Delivered>, Error> {
        let mut ended = Vec::new();
        for _ in 0..TRIES {
            let requests = self.engine.stack(STACK, |stack| match stack.status() {
                "UPDATE_ROLLBACK_FAILED" => stack.continue_rollback(),
                _ if stack.existing().next().is_none() => Vec::new(),
                _ => stack.delete(),
            });
            if requests.is_empty() {
                break;
            }
            ended.extend(self.engine.deliver_all(requests).await?);
        }
        Ok(ended)
    }

    async fn world(&self) -> Result<World, Error> {
        World::read(&self.cloud, Some(&self.cluster)).await
    }
}

fn template(properties: serde_json::Value) -> Template {
    [(LOGICAL_ID.to_owned(), properties)].into()
}

fn one(operation: Operation, requests: Vec<Request>) -> Result<Request, Error> {
    let [request] = <[Request; 1]>::try_from(requests)
        .map_err(|requests| unusable(operation, &format!("sends {} events instead of one", requests.len())))?;
    Ok(request)
}

fn unusable(operation: Operation, what: &str) -> Error {
    Error::Unusable(format!("the operation {} {what}", operation.name()))
}
