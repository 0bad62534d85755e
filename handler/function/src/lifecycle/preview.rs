//! The preview of an event: what it would do, without doing it.
//!
//! A preview takes the same snapshot as a run, with the credentials of the caller, and makes the same plan. It does not check
//! what only a run can check:
//!
//! - whether CloudFormation still wants the operation
//! - whether the API server accepts the write to aws-auth: a dry run is a write to the audit log and to admission webhooks
//! - which node role IAM lets the function pass
//! - the bounds of the function

use super::reconcile::{snapshot_for, snapshot_with_purpose};
use crate::clients::aws::{Caller, Clients};
use crate::error::Error;
use crate::observe::{Purpose, Snapshot, SnapshotQuery, observe};
use crate::retry::Retries;
use crate::telemetry::calls::Calls;
use aws_config::SdkConfig;
use futures::FutureExt as _;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::lifecycle::{Lifecycle, Reconciliation, Removal, Stage};
use karpenter_prereqs_core::plan::{self, Plan, Problem, ProblemText, ReconcilePlan, Warning};
use karpenter_prereqs_core::request::event::{RawProperties, Request};
use std::time::Duration;
use tokio::time::Instant;

/// The time for a whole preview. It is shorter than a run, because a user waits for it.
const DEADLINE: Duration = Duration::from_mins(2);

/// How long a service may fail or not respond.
const SETTLE_TIME: Duration = Duration::from_secs(15);

/// The longest backoff of one call.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The user of the command-line program. The other caller is `FUNCTION` in `clients::aws`.
const CLI_USER: Caller = Caller {
    label: "your AWS identity",
    hint: "use a profile that leads",
    private_endpoint: "run this command in the cluster's VPC, or connect to the VPC with a VPN",
    applies_plan: false,
};

/// What an event would do.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The `PhysicalResourceId` of the response if the event succeeds.
    pub physical_resource_id: String,
    /// The plans, in the order in which they would be carried out.
    pub stages: Vec<PlannedStage>,
    /// Whether the preview includes the Delete that CloudFormation sends after an Update that replaces the resource.
    pub has_clean_up: bool,
    /// The warnings: those of the attribute `Warnings`, and those that a teardown would log.
    pub warnings: Vec<Warning>,
}

/// One plan, and the snapshot that it was made for.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// The part of the operation that the plan belongs to.
    pub part: Part,
    /// The steps.
    pub plan: Plan,
    /// The snapshot. For a later stage it includes the changes of the stages before.
    pub observed: Observed,
}

/// The part of an operation that a plan belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The event reconciles a generation. The plan of a second snapshot is another stage.
    Reconcile,
    /// The event tears a generation down: its own on a Delete, and the generation that failed on a rollback.
    TearDown,
    /// CloudFormation sends a Delete after an Update that replaces the resource.
    CleanUp,
}

/// Takes a snapshot and plans what the request would do.
///
/// `config` has the caller's credentials and the Region of `scope`. `owner` is the stack and the resource of the request.
///
/// # Errors
/// The text that the `Reason` of the response would have: invalid properties, problems of the preflight checks, or a failed read.
pub async fn preview(config: &SdkConfig, request: &Request, owner: &Owner, scope: &Scope) -> Result<Preview, String> {
    let previewer = Previewer::new(config, owner, scope);
    previewer.preview(request).boxed_local().await.map_err(|error| error.reason())
}

/// What an installation is missing.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The desired state.
    pub spec: Spec,
    /// The plan of what is missing. It is incomplete if there are problems.
    pub plan: ReconcilePlan,
    /// The problems of the preflight checks.
    pub problems: Vec<Problem>,
    /// The snapshot.
    pub observed: Observed,
    /// Why the ConfigMap aws-auth was not read. The plan then has no step on it. `None` if it was read, or if it is not needed.
    pub aws_auth_error: Option<ProblemText>,
}

/// Takes a snapshot and compares it with the properties. Objects with the names of the spec are compared even if this resource
/// does not own them.
///
/// `config` has the caller's credentials and the Region of `scope`.
///
/// # Errors
/// Invalid properties, or a failed call to AWS. If the Kubernetes API cannot be used, the survey reports everything else.
pub async fn survey(
    config: &SdkConfig,
    properties: &RawProperties,
    owner: &Owner,
    scope: &Scope,
) -> Result<Survey, String> {
    let previewer = Previewer::new(config, owner, scope);
    let spec = Spec::new(properties, scope).map_err(|errors| Error::Properties(errors).reason())?;
    let spec = Spec { adopts_existing_objects: true, ..without_kubernetes_role(spec) };
    let generation = owner.generation(&spec.identity());
    let bounds = Bounds::default();
    let target = plan::Target { spec: &spec, previous: None, owner, generation: &generation, bounds: &bounds };
    let snapshot = snapshot_with_purpose(&previewer.clients, target, Purpose::Survey).await;
    let Snapshot { observed, kubernetes_error, .. } = snapshot.map_err(|error| error.reason())?;
    let (plan, problems) = plan::reconcile_with_problems(target, &observed);
    Ok(Survey { spec, plan, problems, observed, aws_auth_error: kubernetes_error.map(|error| error.text()) })
}

/// The clients of the caller, and the resource that is previewed.
struct Previewer<'a> {
    clients: Clients,
    owner: &'a Owner,
    scope: &'a Scope,
}

impl<'a> Previewer<'a> {
    fn new(config: &SdkConfig, owner: &'a Owner, scope: &'a Scope) -> Self {
        let retries =
            Retries { deadline: Instant::now() + DEADLINE, settle_time: SETTLE_TIME, max_backoff: MAX_BACKOFF };
        let clients = Clients { caller: CLI_USER, ..Clients::new(config, retries, &Calls::new()) };
        Self { clients, owner, scope }
    }

    async fn preview(&self, request: &Request) -> Result<Preview, Error> {
        let lifecycle = Lifecycle::of(request, self.owner, self.scope).map_err(Error::Properties)?;
        let mut preview = Preview { physical_resource_id: lifecycle.physical_resource_id, ..Preview::default() };
        for stage in &lifecycle.stages {
            match stage {
                Stage::Reconcile(stage) => self.reconcile(stage, &mut preview).await?,
                Stage::TearDown(stage) => self.tear_down(Part::TearDown, stage, &mut preview).await?,
                Stage::CleanUp(stage) => {
                    preview.has_clean_up = true;
                    // A failure is a warning, because the Update succeeds all the same. The old generation exists until a Delete
                    // succeeds.
                    if let Err(failure) = self.tear_down(Part::CleanUp, stage, &mut preview).await {
                        let reason = failure.reason();
                        preview.warnings.push(Warning::CleanUpFails { reason });
                    }
                }
            }
        }
        Ok(preview)
    }

    async fn reconcile(&self, stage: &Reconciliation, preview: &mut Preview) -> Result<(), Error> {
        let spec = without_kubernetes_role(stage.spec.clone());
        let previous = stage.previous.clone().map(without_kubernetes_role);
        let generation = &stage.generation;
        let bounds = Bounds::default();
        let target =
            plan::Target { spec: &spec, previous: previous.as_ref(), owner: self.owner, generation, bounds: &bounds };
        let observed = snapshot_for(&self.clients, target).await?.observed;
        let reconcile_plan = plan::reconcile(target, &observed).map_err(Error::Problems)?;
        let second =
            reconcile_plan.needs_second_pass.then(|| plan::second_pass(target, &observed, &reconcile_plan.plan));
        preview.stages.push(PlannedStage { part: Part::Reconcile, plan: reconcile_plan.plan, observed });
        preview.stages.extend(second.map(|(plan, observed)| PlannedStage { part: Part::Reconcile, plan, observed }));
        preview.warnings.extend(reconcile_plan.warnings);
        Ok(())
    }

    /// Plans a teardown in the account as the stages before leave it. Objects that the new generation uses too then have the
    /// marker of the new generation.
    async fn tear_down(&self, part: Part, stage: &Removal, preview: &mut Preview) -> Result<(), Error> {
        let (spec, markers) = (without_kubernetes_role(stage.spec.clone()), &stage.markers);
        let query =
            SnapshotQuery { spec: &spec, previous: None, owner: self.owner, markers, purpose: Purpose::TearDown };
        let observed = observe(&self.clients, query).await?.observed;
        let observed =
            preview.stages.iter().fold(observed, |observed, stage| plan::simulate(&stage.plan, &spec, &observed));
        let torn_down = plan::TornDown { markers, owner: self.owner, earlier: &[] };
        let teardown_plan = plan::tear_down(&spec, torn_down, &observed).map_err(Error::Problems)?;
        preview.stages.push(PlannedStage { part, plan: teardown_plan.plan, observed });
        preview.warnings.extend(teardown_plan.warnings);
        Ok(())
    }
}

/// Returns the spec without `KubernetesRoleArn`, because the caller uses the Kubernetes API with its own identity.
fn without_kubernetes_role(spec: Spec) -> Spec {
    Spec { kubernetes_role_arn: None, ..spec }
}
