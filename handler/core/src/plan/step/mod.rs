//! The steps of a plan, by service, and their dependencies.
//!
//! Each service has its own type of step, so that the code that carries out the steps of one service cannot get a step of
//! another.

mod aws_auth;
mod ec2;
mod eks;
mod iam;
mod tagged_object;

pub use self::aws_auth::{EditAwsAuth, Verb};
pub use ec2::{Claim, Ec2Step};
pub use eks::{EC2_LINUX, EksStep};
pub use iam::{IamStep, RoleKind};
pub(crate) use tagged_object::TaggedObject;

use serde::Serialize;
use std::fmt;

/// The steps of a plan, in an order in which they can be carried out one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    steps: Vec<(Step, Vec<StepId>)>,
}

/// The place of a step in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StepId(usize);

/// A step: one write, or one read that decides what to write. It contains all parameters of the call.
///
/// The JSON has `step`, which is the service's name of the operation, and the parameters of the call:
///
/// ```json
/// {"step": "AttachRolePolicy", "name": "KarpenterNodeRole-demo", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A step on a role, an instance profile or an OIDC provider.
    Iam(IamStep),
    /// A step on the tags of subnets and security groups.
    Ec2(Ec2Step),
    /// A step on an access entry or a Pod Identity association.
    Eks(EksStep),
    /// A step on the ConfigMap `kube-system/aws-auth`.
    AwsAuth(EditAwsAuth),
}

/// A call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Write {
    /// The service: its prefix in IAM actions (`iam`, `ec2`, `eks`), or `kubernetes`.
    pub service: &'static str,
    /// The service's name of the operation (`CreateRole`). For Kubernetes, the verb.
    pub operation: &'static str,
    /// The objects of the call, by the name, id or ARN in its parameters. Calls on tags of EC2 have several.
    pub objects: Vec<String>,
}

/// The effect of a step on the account, by which `plan` counts the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The step creates something.
    Add,
    /// The step changes something. A step that writes a whole document has this effect even if the document did not exist.
    Change,
    /// The step removes something.
    Remove,
    /// The step verifies what another step wrote. It writes only if another resource has interfered.
    Check,
}

impl Plan {
    /// Adds a step that is carried out after its dependencies, `needs`, and returns its id.
    pub fn add(&mut self, step: impl Into<Step>, needs: impl IntoIterator<Item = StepId>) -> StepId {
        self.steps.push((step.into(), needs.into_iter().collect()));
        StepId(self.steps.len() - 1)
    }

    /// Returns whether the plan has no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Iterates over the steps with their ids and dependencies. A step follows its dependencies.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step, &[StepId])> {
        self.steps.iter().enumerate().map(|(index, (step, needs))| (StepId(index), step, needs.as_slice()))
    }

    /// Returns the writes of the plan to aws-auth, in their order.
    pub fn aws_auth_edits(&self) -> impl Iterator<Item = &EditAwsAuth> {
        self.steps.iter().filter_map(|(step, _)| match step {
            Step::AwsAuth(edit) => Some(edit),
            Step::Iam(_) | Step::Ec2(_) | Step::Eks(_) => None,
        })
    }

    /// Returns whether the plan deletes the role of that name.
    pub fn deletes_role(&self, name: &str) -> bool {
        let deletes = |step: &Step| matches!(step, Step::Iam(IamStep::DeleteRole { name: deleted }) if deleted == name);
        self.steps.iter().any(|(step, _)| deletes(step))
    }
}

impl Step {
    /// Returns the effect of the step on the account.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Iam(step) => step.effect(),
            Self::Ec2(step) => step.effect(),
            Self::Eks(step) => step.effect(),
            Self::AwsAuth(step) => step.effect(),
        }
    }

    /// Returns the service of the step, in the form of [`Write::service`].
    pub fn service(&self) -> &'static str {
        match self {
            Self::Iam(_) => iam::SERVICE,
            Self::Ec2(_) => ec2::SERVICE,
            Self::Eks(_) => eks::SERVICE,
            Self::AwsAuth(_) => aws_auth::SERVICE,
        }
    }

    /// Returns the write of the step. Returns `None` for a step that only reads, or that reads first and then decides what to
    /// write.
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

/// The verb and the object, for the log and for `plan`.
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

/// Returns up to five names, then the number of the others.
fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    const MAX: usize = 5;
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MAX) {
        Some(more) if 0 < more => format!("{} and {more} more", names[..MAX].join(", ")),
        _ => names.join(", "),
    }
}
