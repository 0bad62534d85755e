//! Judges a trace: a missing response, a leak, or a response that contradicts the account.

use std::fmt::Write as _;

use local_cloud::{
    cloudformation::Delivered,
    lambda::{Outcome, hex},
    world::World,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    faults::Fault,
    operations::Operation,
    trace::{Baseline, RunTrace},
};

/// The beginning of the reason of a FAILED without changes.
const UNTOUCHED: &str = "nothing was changed";

/// The reason of a FAILED replacement when new objects remain.
const NOT_UNDONE: &str = "Not all objects of the failed replacement could be deleted";

/// The violations of one case. The default has none.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Verdict {
    /// Events without a response in time.
    pub no_response: Vec<String>,
    /// Objects that remain in the end.
    pub leaks: Vec<String>,
    /// Responses that violate a rule, or contradict the account.
    pub violations: Vec<String>,
    /// The Reason in the response to the event with the fault, or why there is none.
    pub reason: String,
    /// The differences between snapshots, line by line.
    pub details: String,
}

impl Verdict {
    /// Returns whether there are no violations.
    pub const fn is_good(&self) -> bool {
        self.no_response.is_empty() && self.leaks.is_empty() && self.violations.is_empty()
    }

    /// Judges the trace of an operation with a fault, compared with the operation without a fault.
    pub fn judge(operation: Operation, fault: Fault, trace: &RunTrace, baseline: &Baseline) -> Self {
        let reason = match &trace.delivered.response {
            None => "none, because there is no response",
            Some(response) if response.succeeded() => "none, because of a success",
            Some(_) => trace.delivered.reason(),
        };
        let mut verdict = Self { reason: reason.to_owned(), ..Self::default() };
        if !trace.fault_applied {
            verdict.violations.push("the fault applied to no call".to_owned());
        }
        if verdict.check_response("the event", &trace.delivered) {
            if trace.delivered.succeeded() {
                verdict.success(operation, trace, baseline);
            } else {
                verdict.failure(operation, fault, trace, baseline);
            }
        }
        for delivered in trace.follow_ups.iter().chain(&trace.deleted) {
            let what = format!("the {:?} after it", delivered.request.kind);
            if verdict.check_response(&what, delivered) && !delivered.succeeded() {
                verdict.violations.push(format!("{what} failed: {}", delivered.reason()));
            }
        }
        verdict
    }

    /// Judges what remains when the stack is deleted, compared with the account before the stack.
    #[must_use]
    pub fn with_leaks(mut self, left: &World, baseline: &Baseline) -> Self {
        let leaks = baseline.empty.changes(left).into_iter().map(|change| match (change.before, change.after) {
            (None, _) => format!("{} remains", change.name),
            (_, None) => format!("{} is missing", change.name),
            _ => format!("{} differs", change.name),
        });
        self.leaks.extend(leaks);
        self.compare("the account after the deletion", left, &baseline.empty);
        self
    }

    /// Records the violations of a response. Returns whether the event got a response in time.
    fn check_response(&mut self, what: &str, delivered: &Delivered) -> bool {
        let killed = delivered.invocations.iter().any(|invocation| invocation.outcome == Outcome::Killed);
        let again = 1 < delivered.invocations.len();
        if delivered.response.is_none() || killed || again {
            let how = match (delivered.response.is_none(), killed) {
                (true, _) => "got no response",
                (false, true) => "got no response before the function was killed at its deadline",
                (false, false) => "got a response only from a second delivery",
            };
            self.no_response.push(format!("{what} {how}"));
            return false;
        }
        self.violations.extend(delivered.violations.iter().map(|violation| format!("{what}: {violation}")));
        true
    }

    fn success(&mut self, operation: Operation, trace: &RunTrace, baseline: &Baseline) {
        let Some(response) = &trace.delivered.response else { return };
        if response.data != baseline.data {
            let names = response.data.iter().filter(|(name, value)| baseline.data.get(*name) != Some(*value));
            let names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
            self.violations.push(format!("the attributes differ from those without a fault: {}", names.join(", ")));
        }
        if response.physical_resource_id != baseline.id {
            self.violations
                .push(format!("the physical id is {} instead of {}", response.physical_resource_id, baseline.id));
        }
        self.expect_equal("the account contradicts the SUCCESS", &trace.at_response, &baseline.at_response);
        self.expect_equal("the final account differs from the one without a fault", &trace.at_end, &baseline.at_end);
        if operation == Operation::NoOp && !trace.writes.is_empty() {
            self.violations.push(format!("an Update without changes made writes: {}", trace.writes.join(", ")));
        }
    }

    fn failure(&mut self, operation: Operation, fault: Fault, trace: &RunTrace, baseline: &Baseline) {
        if fault.is_transient() {
            self.violations.push("the operation failed because of a transient fault".to_owned());
        }
        let reason = trace.delivered.reason();
        if reason.starts_with(UNTOUCHED) {
            self.expect_equal("the account contradicts `nothing was changed`", &trace.at_response, &baseline.before);
        }
        match operation {
            Operation::Replace | Operation::ReplaceNodes if !reason.contains(NOT_UNDONE) => {
                let text = trace.at_response.to_string();
                let left: Vec<_> = traces(baseline).into_iter().filter(|trace| text.contains(trace)).collect();
                if !left.is_empty() {
                    self.violations.push(format!("the Reason does not report remaining objects: {}", left.join(", ")));
                    self.compare("the account after the failed replacement", &trace.at_response, &baseline.before);
                }
            }
            _ => {}
        }
        match operation {
            Operation::Create | Operation::CreateModern => {
                self.expect_equal("the rollback did not undo it", &trace.at_end, &baseline.empty);
            }
            Operation::CleanUp => {
                self.expect_equal("the next attempt did not complete it", &trace.at_end, &baseline.at_end);
            }
            // The following event is the deletion of the stack.
            Operation::Delete | Operation::DeleteModern => {}
            _ => self.expect_equal("the rollback did not undo it", &trace.at_end, &baseline.before),
        }
    }

    fn expect_equal(&mut self, claim: &str, world: &World, expected: &World) {
        if world != expected {
            let names: Vec<_> = expected.changes(world).iter().map(|change| change.name).collect();
            self.violations.push(format!("{claim}. Different objects: {}", names.join(", ")));
            self.compare(claim, world, expected);
        }
    }

    fn compare(&mut self, what: &str, world: &World, expected: &World) {
        let difference = expected.difference(world);
        if !difference.is_empty() {
            let _ = writeln!(self.details, "{what} (- expected, + found):\n{difference}");
        }
    }
}

/// Returns texts that exist only after a replacement: the names of its objects, and its marker.
fn traces(baseline: &Baseline) -> Vec<String> {
    let created = baseline.at_response.names().filter(|name| baseline.before.get(name).is_none());
    let names = created.filter_map(|name| Some(name.split_once('/')?.1.to_owned()));
    names.chain([hex(&Sha256::digest(&baseline.id)[..8])]).collect()
}
