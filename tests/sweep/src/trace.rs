//! The trace of one operation, and of the following events until the stack is deleted.

use std::{collections::BTreeMap, fmt};

use local_cloud::{cloudformation::Delivered, world::World};

use crate::{faults::Fault, operations::Operation, targets::Target};

/// One fault of one call of one operation.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Case {
    /// The operation.
    pub operation: Operation,
    /// The call.
    pub target: Target,
    /// The fault.
    pub fault: Fault,
}

impl Case {
    /// Returns the id of the case, such as `create/iam.CreateRole(RoleName=nodes)#1/throttled-once`.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.operation.name(), self.target, self.fault.name())
    }
}

/// The result of an operation without a fault.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The account without objects of the stack.
    pub(crate) empty: World,
    /// The snapshot before the operation.
    pub(crate) before: World,
    /// The snapshot at the time of the response.
    pub(crate) at_response: World,
    /// The snapshot when the operation on the stack has ended.
    pub(crate) at_end: World,
    /// The attributes in the response.
    pub(crate) data: BTreeMap<String, String>,
    /// The physical id in the response.
    pub(crate) id: String,
    /// The calls of the operation.
    pub(crate) targets: Vec<Target>,
}

/// The result of an operation, and of the following events.
#[derive(Debug)]
pub struct RunTrace {
    /// Whether the fault applied to a call. A fault without a call proves nothing.
    pub(crate) fault_applied: bool,
    /// The event with the fault.
    pub(crate) delivered: Delivered,
    /// Its writes.
    pub(crate) writes: Vec<String>,
    /// The snapshot at the time of the response.
    pub(crate) at_response: World,
    /// The events that followed from the response: a cleanup, a rollback.
    pub(crate) follow_ups: Vec<Delivered>,
    /// The snapshot when the operation on the stack has ended.
    pub(crate) at_end: World,
    /// The deletion of the stack, if anything remained.
    pub(crate) deleted: Vec<Delivered>,
}

/// Each event with its response and its log.
impl fmt::Display for RunTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [&self.delivered].into_iter().chain(&self.follow_ups).chain(&self.deleted).try_for_each(|delivered| {
            let response =
                delivered.response.as_ref().map(|response| String::from_utf8_lossy(&response.raw).into_owned());
            let response = response.unwrap_or_else(|| "no response".to_owned());
            writeln!(f, "# {:?}\n{}\n{response}", delivered.request.kind, delivered.log_text())
        })
    }
}
