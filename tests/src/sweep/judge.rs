//! What is wrong with a course: no answer, a leak, or an answer that is not what the world shows.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    course::{Clean, Course},
    faults::Fault,
    operations::Operation,
};
use crate::{
    cloudformation::Delivered,
    lambda::{Outcome, hex},
    world::World,
};

/// How a FAILED begins that left the world as it was.
const UNTOUCHED: &str = "nothing was changed";

/// What a FAILED says of a replacement that left something of its new generation.
const NOT_UNDONE: &str = "Not all objects of the failed replacement could be deleted";

/// All that is wrong with one case; nothing, by default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Verdict {
    /// Events that were not answered in time.
    pub unanswered: Vec<String>,
    /// What is left in the end.
    pub leaks: Vec<String>,
    /// Answers that break a rule, or say what is not so.
    pub wrong: Vec<String>,
    /// The Reason of the swept event's answer, or why there is none.
    pub reason: String,
    /// The worlds that differ, line by line.
    pub details: String,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub const fn is_good(&self) -> bool {
        self.unanswered.is_empty() && self.leaks.is_empty() && self.wrong.is_empty()
    }

    /// Judges a course under a fault, against what the operation comes to without one.
    pub fn on(operation: Operation, fault: Fault, course: &Course, clean: &Clean) -> Self {
        let reason = match &course.delivered.answer {
            None => "none, for want of an answer",
            Some(answer) if answer.succeeded() => "none, in a success",
            Some(_) => course.delivered.reason(),
        };
        let mut verdict = Self { reason: reason.to_owned(), ..Self::default() };
        if !course.struck {
            verdict.wrong.push("the fault struck no call".to_owned());
        }
        if verdict.answered("the event", &course.delivered) {
            if course.delivered.succeeded() {
                verdict.success(operation, course, clean);
            } else {
                verdict.failure(operation, fault, course, clean);
            }
        }
        for delivered in course.followed.iter().chain(&course.deleted) {
            let what = format!("the {:?} after it", delivered.request.kind);
            if verdict.answered(&what, delivered) && !delivered.succeeded() {
                verdict.wrong.push(format!("{what} failed: {}", delivered.reason()));
            }
        }
        verdict
    }

    /// Judges what is left when all of a stack is gone, against the account without it.
    #[must_use]
    pub fn and_left(mut self, left: &World, clean: &Clean) -> Self {
        let leaks = clean.bare.changes(left).into_iter().map(|change| match (change.before, change.after) {
            (None, _) => format!("{} is left", change.name),
            (_, None) => format!("{} is gone", change.name),
            _ => format!("{} is not as before", change.name),
        });
        self.leaks.extend(leaks);
        self.compare("the account after the deletion", left, &clean.bare);
        self
    }

    /// Notes what is wrong with how an event was answered; whether it was answered.
    fn answered(&mut self, what: &str, delivered: &Delivered) -> bool {
        let killed = delivered.invocations.iter().any(|invocation| invocation.outcome == Outcome::Killed);
        let again = 1 < delivered.invocations.len();
        if delivered.answer.is_none() || killed || again {
            let how = match (delivered.answer.is_none(), killed) {
                (true, _) => "was not answered",
                (false, true) => "was not answered before the function was killed at its deadline",
                (false, false) => "was answered by a second delivery only",
            };
            self.unanswered.push(format!("{what} {how}"));
            return false;
        }
        self.wrong.extend(delivered.wrong.iter().map(|wrong| format!("{what}: {wrong}")));
        true
    }

    fn success(&mut self, operation: Operation, course: &Course, clean: &Clean) {
        let Some(answer) = &course.delivered.answer else { return };
        if answer.data != clean.data {
            let names = answer.data.iter().filter(|(name, value)| clean.data.get(*name) != Some(*value));
            let names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
            self.wrong.push(format!("the attributes are not those of a clean run: {}", names.join(", ")));
        }
        if answer.physical_resource_id != clean.id {
            self.wrong.push(format!("the id is {} and not {}", answer.physical_resource_id, clean.id));
        }
        self.same("the world is not what the SUCCESS says", &course.answered, &clean.answered);
        self.same("the world at rest is not that of a clean run", &course.rested, &clean.rested);
        if operation == Operation::NoOp && !course.writes.is_empty() {
            self.wrong.push(format!("there was nothing to do, and it wrote: {}", course.writes.join(", ")));
        }
    }

    fn failure(&mut self, operation: Operation, fault: Fault, course: &Course, clean: &Clean) {
        if fault.passes() {
            self.wrong.push("a fault that passes made it fail".to_owned());
        }
        let reason = course.delivered.reason();
        if reason.starts_with(UNTOUCHED) {
            self.same("the Reason says that nothing was changed", &course.answered, &clean.before);
        }
        match operation {
            Operation::Replace | Operation::ReplaceNodes if !reason.contains(NOT_UNDONE) => {
                let text = course.answered.to_string();
                let left: Vec<_> = traces(clean).into_iter().filter(|trace| text.contains(trace)).collect();
                if !left.is_empty() {
                    self.wrong.push(format!("the Reason is silent on what was not taken back: {}", left.join(", ")));
                    self.compare("the world after the failed replacement", &course.answered, &clean.before);
                }
            }
            _ => {}
        }
        match operation {
            Operation::Create | Operation::CreateToday => {
                self.same("the rollback did not undo it", &course.rested, &clean.bare);
            }
            Operation::CleanUp => self.same("the next try did not end it", &course.rested, &clean.rested),
            // What follows is the stack's deletion.
            Operation::Delete | Operation::DeleteToday => {}
            _ => self.same("the rollback did not undo it", &course.rested, &clean.before),
        }
    }

    fn same(&mut self, claim: &str, world: &World, expected: &World) {
        if world != expected {
            let names: Vec<_> = expected.changes(world).iter().map(|change| change.name).collect();
            self.wrong.push(format!("{claim}; other than expected: {}", names.join(", ")));
            self.compare(claim, world, expected);
        }
    }

    fn compare(&mut self, what: &str, world: &World, expected: &World) {
        let difference = expected.difference(world);
        if !difference.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(self.details, "{what} (- expected, + found):\n{difference}");
        }
    }
}

/// What is in the world of a replacement and nowhere before it: the names of its objects, and its mark.
fn traces(clean: &Clean) -> Vec<String> {
    let made = clean.answered.names().filter(|name| clean.before.get(name).is_none());
    let names = made.filter_map(|name| Some(name.split_once('/')?.1.to_owned()));
    names.chain([hex(&Sha256::digest(&clean.id)[..8])]).collect()
}
