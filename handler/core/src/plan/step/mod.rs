//! The steps of a plan, by service, and the order in which they may be done.
//!
//! Each service has its own type, so that what carries out the steps of one service cannot be given another's.

mod aws_auth;
mod ec2;
mod eks;
mod iam;

pub use aws_auth::{EditAwsAuth, Verb};
pub use ec2::{Claim, Ec2Step};
pub use eks::{EC2_LINUX, EksStep};
pub use iam::{IamStep, RoleKind};

use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// The steps of a plan, in an order in which they can be done one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    steps: Vec<(Step, Vec<StepId>)>,
}

/// A step's place in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StepId(usize);

/// One write. It has everything that the call takes, so that nothing is left to decide.
///
/// As JSON it is `step`, the operation as the service names it, and the call's parameters:
///
/// ```json
/// {"step": "AttachRolePolicy", "name": "KarpenterNodeRole-demo", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// On a role, an instance profile or an OIDC provider.
    Iam(IamStep),
    /// On the tags of subnets and security groups.
    Ec2(Ec2Step),
    /// On an access entry or a Pod Identity association.
    Eks(EksStep),
    /// On the ConfigMap `kube-system/aws-auth`.
    AwsAuth(EditAwsAuth),
}

/// One call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Write {
    /// The service as IAM names it in actions (`iam`, `ec2`, `eks`); `kubernetes`.
    pub service: &'static str,
    /// The operation as the service names it (`CreateRole`); for Kubernetes the verb.
    pub operation: &'static str,
    /// The objects of the call, by the name, id or ARN that it takes: several for tags of EC2.
    pub objects: Vec<String>,
}

/// What a step does to the account, as `plan` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It creates something.
    Add,
    /// It changes something. A step that replaces a document has this effect, also where there was none.
    Change,
    /// It removes something.
    Remove,
    /// It only reads.
    Check,
}

impl Plan {
    /// Adds a step that is done after those that it depends on, and returns its place.
    pub fn add(&mut self, step: impl Into<Step>, needs: impl IntoIterator<Item = StepId>) -> StepId {
        self.steps.push((step.into(), needs.into_iter().collect()));
        StepId(self.steps.len() - 1)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The steps with their places and dependencies. A step comes after its dependencies.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step, &[StepId])> {
        self.steps.iter().enumerate().map(|(index, (step, needs))| (StepId(index), step, needs.as_slice()))
    }

    /// The verbs on aws-auth that the plan needs.
    pub fn kubernetes_verbs(&self) -> BTreeSet<Verb> {
        let verb = |step: &Step| match step {
            Step::AwsAuth(edit) => Some(edit.verb),
            Step::Iam(_) | Step::Ec2(_) | Step::Eks(_) => None,
        };
        self.steps.iter().filter_map(|(step, _)| verb(step)).collect()
    }

    /// Whether the plan deletes the role of that name.
    pub fn deletes_role(&self, name: &str) -> bool {
        let deletes = |step: &Step| matches!(step, Step::Iam(IamStep::DeleteRole { name: deleted }) if deleted == name);
        self.steps.iter().any(|(step, _)| deletes(step))
    }
}

impl Step {
    /// What the step does to the account.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Iam(step) => step.effect(),
            Self::Ec2(step) => step.effect(),
            Self::Eks(step) => step.effect(),
            Self::AwsAuth(step) => step.effect(),
        }
    }

    /// The service that the step belongs to, as [`Write::service`] has it.
    pub fn service(&self) -> &'static str {
        match self {
            Self::Iam(_) => iam::SERVICE,
            Self::Ec2(_) => ec2::SERVICE,
            Self::Eks(_) => eks::SERVICE,
            Self::AwsAuth(_) => aws_auth::SERVICE,
        }
    }

    /// The step's one write. `None` for a step that only reads, or that reads before it knows what to write.
    pub fn write(&self) -> Option<Write> {
        let (operation, objects) = match self {
            Self::Iam(step) => step.call(),
            Self::Ec2(step) => step.call()?,
            Self::Eks(step) => step.call(),
            Self::AwsAuth(step) => step.call(),
        };
        Some(Write { service: self.service(), operation, objects })
    }
}

/// Verb and object, for the log and for `plan`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iam(step) => step.fmt(f),
            Self::Ec2(step) => step.fmt(f),
            Self::Eks(step) => step.fmt(f),
            Self::AwsAuth(step) => step.fmt(f),
        }
    }
}

impl From<IamStep> for Step {
    fn from(step: IamStep) -> Self {
        Self::Iam(step)
    }
}

impl From<Ec2Step> for Step {
    fn from(step: Ec2Step) -> Self {
        Self::Ec2(step)
    }
}

impl From<EksStep> for Step {
    fn from(step: EksStep) -> Self {
        Self::Eks(step)
    }
}

impl From<EditAwsAuth> for Step {
    fn from(step: EditAwsAuth) -> Self {
        Self::AwsAuth(step)
    }
}

/// Up to five names, then the number of the others.
fn shown<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    const MOST: usize = 5;
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST) {
        Some(more) if 0 < more => format!("{} and {more} more", names[..MOST].join(", ")),
        _ => names.join(", "),
    }
}
