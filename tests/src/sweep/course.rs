//! One run of an operation to the stack's rest, and on to its end.

use std::{collections::BTreeMap, fmt};

use super::{faults::Fault, operations::Operation, targets::Target};
use crate::{cloudformation::Delivered, world::World};

/// One fault of one call of one operation.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Case {
    /// The operation.
    pub operation: Operation,
    /// The call.
    pub target: Target,
    /// What happens to it.
    pub fault: Fault,
}

impl Case {
    /// The case's name, such as `create/iam.CreateRole(RoleName=nodes)#1/throttled-once`.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.operation.name(), self.target, self.fault.name())
    }
}

/// What an operation comes to without a fault.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The account with nothing of the stack's in it.
    pub(super) bare: World,
    /// Before the operation.
    pub(super) before: World,
    /// When it is answered.
    pub(super) answered: World,
    /// When the stack is at rest.
    pub(super) rested: World,
    /// The attributes in the answer.
    pub(super) data: BTreeMap<String, String>,
    /// The id in the answer.
    pub(super) id: String,
    /// Its calls.
    pub(super) targets: Vec<Target>,
}

/// What an operation came to, and what followed.
#[derive(Debug)]
pub struct Course {
    /// Whether the fault struck: one that struck no call proves nothing.
    pub(super) struck: bool,
    /// The swept event.
    pub(super) delivered: Delivered,
    /// What it wrote.
    pub(super) writes: Vec<String>,
    /// The world when it was answered.
    pub(super) answered: World,
    /// What the stack sent because of the answer: a clean-up, a rollback.
    pub(super) followed: Vec<Delivered>,
    /// The world when the stack was at rest.
    pub(super) rested: World,
    /// The stack's deletion, where anything stood.
    pub(super) deleted: Vec<Delivered>,
}

/// Each event with its answer and its log.
impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [&self.delivered].into_iter().chain(&self.followed).chain(&self.deleted).try_for_each(|delivered| {
            let answer = delivered.answer.as_ref().map(|answer| String::from_utf8_lossy(&answer.raw).into_owned());
            let answer = answer.unwrap_or_else(|| "no answer".to_owned());
            writeln!(f, "# {:?}\n{}\n{answer}", delivered.request.kind, delivered.log_text())
        })
    }
}
