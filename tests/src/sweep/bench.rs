//! One cloud with one cluster, and the runs on it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_eks::types::AuthenticationMode;

use super::{
    course::{Case, Clean, Course},
    faults::Fault,
    judge::Verdict,
    operations::Operation,
    targets::Target,
};
use crate::{
    cloud::{Cloud, CloudOptions},
    cloudformation::{Delivered, Delivery, Engine, Request, Stack, Template},
    cluster::{Cluster, ClusterOptions},
    error::Error,
    execution_role,
    gateway::{Call, Effect, Installed, When},
    lambda::{Behaviour, FunctionOptions},
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};

/// Where cases run, one after the other.
pub struct Bench {
    // First, so that its processes are gone before what they call.
    engine: Engine,
    /// The cluster.
    pub cluster: Cluster,
    /// The cloud.
    pub cloud: Cloud,
    bare: World,
    clean: BTreeMap<Operation, Arc<Clean>>,
    sabotage: Sabotage,
}

/// What goes on beside the fault while a swept event is served, so that the judges can be shown red.
#[derive(Clone, Debug, Default)]
pub struct Sabotage {
    /// What the URL does with the first PUTs.
    pub script: Vec<Behaviour>,
    /// What else happens to which calls.
    pub lies: Vec<(When, Effect)>,
}

/// The stack's id: worlds of two runs, on whichever bench, have the same marks in them.
const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/platform/5ee95ee9-0000-4000-8000-000000000000";

const LOGICAL_ID: &str = "Prereqs";

/// How long calls may go on that a function has left.
const SETTLE: Duration = Duration::from_secs(20);

/// The longest time-out that is given to a run that does not come to its fault.
const LONGEST: Duration = Duration::from_mins(1);

/// How often a stack that does not end is told to.
const TRIES: usize = 3;

impl Bench {
    /// A cloud and a cluster with an aws-auth, and a function that may do what the template grants.
    ///
    /// # Errors
    /// Whatever keeps a part from coming up.
    pub async fn start() -> Result<Self, Error> {
        let cloud = Cloud::start(CloudOptions::default()).await?;
        // Both ways in count here, and the OIDC provider is made and taken away.
        let options = ClusterOptions {
            authentication_mode: AuthenticationMode::ApiAndConfigMap,
            oidc_audiences: Vec::new(),
            ..ClusterOptions::default()
        };
        let cluster = cloud.create_cluster(CLUSTER, options).await?;
        execution_role::grant(&cloud, &format!("{CLUSTER}-creator")).await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        // Whatever is logged at any level is searched for secrets.
        let level = |options: &mut FunctionOptions| "TRACE".clone_into(&mut options.log_level);
        let engine = Engine::start(&cloud, &cluster.creator_role_arn, level).await?;
        let bare = World::read(&cloud, Some(&cluster)).await?;
        Ok(Self { engine, cluster, cloud, bare, clean: BTreeMap::new(), sabotage: Sabotage::default() })
    }

    /// What an operation comes to without a fault; it is run once.
    ///
    /// # Errors
    /// When it fails without a fault, or leaves something.
    pub async fn clean(&mut self, operation: Operation) -> Result<Arc<Clean>, Error> {
        if let Some(clean) = self.clean.get(&operation) {
            return Ok(Arc::clone(clean));
        }
        let (course, before, calls) = Box::pin(self.course(operation, None)).await?;
        let ends = [&course.delivered].into_iter().chain(&course.followed).chain(&course.deleted);
        for delivered in ends {
            if !delivered.succeeded() || !delivered.wrong.is_empty() {
                let (reason, wrong) = (delivered.reason(), delivered.wrong.join("; "));
                return Err(unusable(operation, &format!("fails without a fault: {reason} {wrong}")));
            }
        }
        let left = self.world().await?;
        if left != self.bare {
            return Err(unusable(operation, &format!("leaves something:\n{}", self.bare.difference(&left))));
        }
        let answer = course.delivered.answer.as_ref();
        let clean = Arc::new(Clean {
            bare: self.bare.clone(),
            before,
            answered: course.answered,
            rested: course.rested,
            data: answer.map(|answer| answer.data.clone()).unwrap_or_default(),
            id: answer.map(|answer| answer.physical_resource_id.clone()).unwrap_or_default(),
            targets: Target::of_run(&calls),
        });
        self.clean.insert(operation, Arc::clone(&clean));
        Ok(clean)
    }

    /// All cases of an operation: each call with each fault.
    ///
    /// # Errors
    /// As [`Bench::clean`].
    pub async fn cases(&mut self, operation: Operation) -> Result<Vec<Case>, Error> {
        let clean = Box::pin(self.clean(operation)).await?;
        let faults_of = |target: &Target| Fault::ALL.map(|fault| Case { operation, target: target.clone(), fault });
        Ok(clean.targets.iter().flat_map(faults_of).collect())
    }

    /// Runs a case, and judges it.
    ///
    /// # Errors
    /// When what the case begins with does not come to be, or the world cannot be read.
    pub async fn run(&mut self, case: &Case) -> Result<Verdict, Error> {
        let course = Box::pin(self.play(case)).await?;
        Box::pin(self.judge(case, &course)).await
    }

    /// Runs a case to the stack's end.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub async fn play(&mut self, case: &Case) -> Result<Course, Error> {
        Box::pin(self.clean(case.operation)).await?;
        let mut limit = case.fault.limit();
        loop {
            let fault = Some((&case.target, case.fault, limit));
            let (course, ..) = Box::pin(self.course(case.operation, fault)).await?;
            // On a busy machine a run may end before it comes to the call.
            if course.struck || LONGEST <= limit {
                return Ok(course);
            }
            limit *= 2;
        }
    }

    /// Judges a course by what stands now.
    ///
    /// # Errors
    /// When the world cannot be read.
    pub async fn judge(&mut self, case: &Case, course: &Course) -> Result<Verdict, Error> {
        let clean = Box::pin(self.clean(case.operation)).await?;
        let left = self.world().await?;
        Ok(Verdict::on(case.operation, case.fault, course, &clean).and_left(&left, &clean))
    }

    /// Does this beside the fault of every case from now on.
    pub fn sabotage(&mut self, sabotage: Sabotage) {
        self.sabotage = sabotage;
    }

    /// Runs an operation under a fault and a time-out, from nothing to nothing. With the world before it, and its calls.
    async fn course(
        &self,
        operation: Operation,
        fault: Option<(&Target, Fault, Duration)>,
    ) -> Result<(Course, World, Vec<Call>), Error> {
        let journal = self.cloud.gateway().journal();
        journal.clear();
        let request = self.begin(operation).await?;
        let before = match self.clean.get(&operation) {
            Some(clean) => clean.before.clone(),
            None => self.world().await?,
        };
        let rules = self.cloud.gateway().rules();
        let sabotage = if fault.is_some() { self.sabotage.clone() } else { Sabotage::default() };
        let lies: Vec<_> = sabotage.lies.into_iter().map(|(when, lie)| rules.add(when, lie)).collect();
        let rule = fault.and_then(|(target, fault, _)| fault.install(rules, target));
        let delivery = Delivery {
            script: sabotage.script,
            power_cut: fault.and_then(|(target, fault, _)| fault.power_cut(target)),
            limit: fault.map_or_else(|| Delivery::default().limit, |(.., limit)| limit),
            ..Delivery::default()
        };
        let mark = journal.mark();
        let delivered = self.engine.deliver(request, &delivery).await;
        let hits = rule.as_ref().map(Installed::hits);
        lies.into_iter().chain(rule).for_each(Installed::remove);
        let mut delivered = delivered?;
        journal.settled(SETTLE).await;
        let calls = journal.since(mark);
        let answered = self.world().await?;
        let next = std::mem::take(&mut delivered.next);
        let (followed, rested) = if next.is_empty() {
            (Vec::new(), answered.clone())
        } else {
            (self.engine.settle(next).await?, self.world().await?)
        };
        let deleted = self.end().await?;
        let course = Course {
            struck: fault.is_none() || delivered.was_cut || hits.is_some_and(|hits| 0 < hits),
            delivered,
            writes: calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect(),
            answered,
            followed,
            rested,
            deleted,
        };
        Ok((course, before, calls))
    }

    /// Brings a new stack to the operation's beginning, and begins it.
    async fn begin(&self, operation: Operation) -> Result<Request, Error> {
        self.engine.add(Stack::with_id(self.cloud.account(), self.cloud.region(), "platform", STACK));
        let wanted = operation.wanted(&self.cluster);
        if let Some(before) = operation.before() {
            let creates = self.engine.stack(STACK, |stack| stack.create(&template(before)));
            self.succeed(operation, &self.engine.settle(creates).await?)?;
        }
        let requests = self.engine.stack(STACK, |stack| match (operation, wanted) {
            (Operation::Create | Operation::CreateToday, Some(wanted)) => stack.create(&template(wanted)),
            (_, Some(wanted)) => stack.update(&template(wanted)),
            (_, None) => stack.delete(),
        });
        let request = one(operation, requests)?;
        if operation != Operation::CleanUp {
            return Ok(request);
        }
        let mut updated = self.engine.deliver(request, &Delivery::default()).await?;
        let cleanup = std::mem::take(&mut updated.next);
        self.succeed(operation, &[updated])?;
        one(operation, cleanup)
    }

    fn succeed(&self, operation: Operation, ended: &[Delivered]) -> Result<(), Error> {
        match ended.iter().find(|delivered| !delivered.succeeded()) {
            None => Ok(()),
            Some(failed) => {
                self.cloud.keep_logs();
                Err(unusable(operation, &format!("cannot begin: {}\n{}", failed.reason(), failed.log_text())))
            }
        }
    }

    /// Deletes whatever stands of the stack.
    async fn end(&self) -> Result<Vec<Delivered>, Error> {
        let mut ended = Vec::new();
        for _ in 0..TRIES {
            let requests = self.engine.stack(STACK, |stack| match stack.status() {
                "UPDATE_ROLLBACK_FAILED" => stack.continue_rollback(),
                _ if stack.standing().next().is_none() => Vec::new(),
                _ => stack.delete(),
            });
            if requests.is_empty() {
                break;
            }
            ended.extend(self.engine.settle(requests).await?);
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
        .map_err(|requests| unusable(operation, &format!("sends {} events and not one", requests.len())))?;
    Ok(request)
}

fn unusable(operation: Operation, what: &str) -> Error {
    Error::Unusable(format!("the operation {} {what}", operation.name()))
}
