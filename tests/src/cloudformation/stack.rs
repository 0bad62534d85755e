//! One stack: its status, its custom resources, and what it waits for.

use std::{collections::BTreeMap, time::SystemTime};

use serde_json::Value;

use super::{
    clock::Clock,
    request::{Kind, Request},
};
use crate::lambda::{Answer, Event, Resource, random_hex};

/// The custom resources of a stack: the properties of each, by logical id.
pub type Template = BTreeMap<String, Value>;

/// How a stack undoes the Update of a resource that came to another id before something else failed. Both were seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Rollback {
    /// An Update back to the old properties, under the new id; then a Delete of the id that this one leaves.
    #[default]
    UpdateBack,
    /// Nothing but the Delete of the new id: the old one is the current one again.
    DeleteNew,
}

/// A stack with custom resources of one type, which do not depend on each other.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) clock: Clock,
    pub(super) status: &'static str,
    pub(super) events: Vec<StackEvent>,
    pub(super) resources: BTreeMap<String, Held>,
    /// By the number of what was sent.
    pub(super) waiting: BTreeMap<usize, Waiting>,
    /// How many events were sent.
    pub(super) sent: usize,
    /// Whether the operation also waits for a resource of AWS's own.
    pub(super) native_under_way: bool,
    pub(super) rollback: Rollback,
    pub(super) reuses_request_ids: bool,
    pub(super) left_over: Vec<String>,
    pub(super) wrong: Vec<String>,
}

/// The stack came to a status.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackEvent {
    pub(super) status: &'static str,
    pub(super) at: SystemTime,
}

/// One resource.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) resource: Resource,
    pub(super) status: &'static str,
    /// Absent until CloudFormation knows one.
    pub(super) physical_id: Option<String>,
    /// Of the current physical id.
    pub(super) properties: Value,
    /// The names in the `Data` of the latest success: what `Fn::GetAtt` may ask for.
    pub(super) attributes: Vec<String>,
    /// What it was before the operation under way; absent when that one made it, or does not touch it.
    pub(super) before: Option<Before>,
    /// Made by the operation under way.
    pub(super) is_new: bool,
    /// To be taken away in the clean-up of the operation under way.
    pub(super) goes: bool,
    /// Physical ids and properties that the clean-up deletes.
    pub(super) cleanup: Vec<Doomed>,
}

#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// The properties that the operation asks for.
    pub(super) wanted: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Doomed {
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// How often CloudFormation still tries.
    pub(super) tries: usize,
}

/// What was sent and is not answered yet.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) logical_id: String,
    pub(super) kind: Kind,
    pub(super) physical_id: Option<String>,
    /// The properties that were sent.
    pub(super) properties: Value,
}

impl Stack {
    /// A stack that nothing was done with yet.
    pub fn new(account: &str, region: &str, name: &str) -> Self {
        let id = Resource::new(account, region, name, "Any").stack_id().to_owned();
        Self::with_id(account, region, name, id)
    }

    /// The same under an id of one's own: worlds of two runs can be compared only if the marks in them are the same.
    pub fn with_id(account: &str, region: &str, name: &str, id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            clock: Clock::new(),
            status: "REVIEW_IN_PROGRESS",
            events: Vec::new(),
            resources: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sent: 0,
            native_under_way: false,
            rollback: Rollback::default(),
            reuses_request_ids: false,
            left_over: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// The same with another way to undo a replacement.
    #[must_use]
    pub const fn rolled_back_by(mut self, rollback: Rollback) -> Self {
        self.rollback = rollback;
        self
    }

    /// The same with one `RequestId` for all events of a kind to a resource, as CloudFormation uses one again when a
    /// deployment is tried again (<https://github.com/aws/aws-cdk/issues/35957>).
    #[must_use]
    pub const fn reusing_request_ids(mut self) -> Self {
        self.reuses_request_ids = true;
        self
    }

    /// The stack's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The stack's status.
    pub const fn status(&self) -> &'static str {
        self.status
    }

    /// Whether no operation is under way.
    pub fn is_at_rest(&self) -> bool {
        !self.status.ends_with("_IN_PROGRESS") || self.status == "REVIEW_IN_PROGRESS"
    }

    /// What stands, by CloudFormation's books: the current physical id and properties of each resource that is not
    /// deleted.
    pub fn standing(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.resources.iter().filter(|(_, held)| held.status != "DELETE_COMPLETE").filter_map(|(logical_id, held)| {
            Some((logical_id.as_str(), held.physical_id.as_deref()?, &held.properties))
        })
    }

    /// The properties that the stack has now: what an Update of nothing would send.
    pub fn template(&self) -> Template {
        self.standing().map(|(logical_id, _, properties)| (logical_id.to_owned(), properties.clone())).collect()
    }

    /// The status of a resource; `None` before there is one.
    pub fn resource_status(&self, logical_id: &str) -> Option<&'static str> {
        self.resources.get(logical_id).map(|held| held.status)
    }

    /// Physical ids that a clean-up could not delete: CloudFormation forgets them after three tries.
    pub fn left_over(&self) -> &[String] {
        &self.left_over
    }

    /// What answers did since this was last asked that breaks a stack, though each was well formed: another id where
    /// the event's had to be repeated, an attribute that is gone.
    pub fn take_wrong(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wrong)
    }

    /// A resource of AWS's own is made or changed beside the custom ones, in a creation or an update under way, and
    /// takes longer than they: when all of them have answered, [`Stack::cancel`] says that it failed.
    pub fn native_begins(&mut self) {
        self.native_under_way = matches!(self.status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS");
    }

    /// Takes the answer to a request; `None`: there was none within its `ServiceTimeout`. Gives what is sent now. An
    /// answer that is not waited for any more changes nothing.
    pub fn answered(&mut self, request: &Request, answer: Option<&Answer>) -> Vec<Request> {
        // By its URL, as it were: a RequestId may be used again.
        let Some(waiting) = self.waiting.remove(&request.number) else { return Vec::new() };
        self.judge(&waiting, answer);
        let succeeded = answer.is_some_and(Answer::succeeded);
        // An id of CloudFormation's own where there is no answer, or none in it (facts: the Delete that follows has
        // an id that the function never gave).
        let id = answer.map(|answer| answer.physical_resource_id.clone()).filter(|id| !id.is_empty());
        let id = id.or_else(|| waiting.physical_id.clone()).unwrap_or_else(|| self.made_up_id(&waiting.logical_id));
        let Some(held) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        if let Some(answer) = answer.filter(|_| succeeded) {
            held.attributes = answer.data.keys().cloned().collect();
        }
        match waiting.kind {
            Kind::Create => self.created(&waiting, id, succeeded),
            Kind::Update => self.updated(&waiting, id, succeeded),
            Kind::Delete => self.deleted(&waiting, succeeded),
        }
    }

    /// Goes on when nothing is waited for any more.
    pub(super) fn advance(&mut self) -> Vec<Request> {
        if !self.waiting.is_empty() || self.native_under_way {
            return Vec::new();
        }
        let failed = self.resources.values().any(|held| held.status.ends_with("_FAILED"));
        match self.status {
            "CREATE_IN_PROGRESS" => self.rest("CREATE_COMPLETE"),
            "ROLLBACK_IN_PROGRESS" => self.rest(if failed { "ROLLBACK_FAILED" } else { "ROLLBACK_COMPLETE" }),
            "UPDATE_IN_PROGRESS" => self.clean_up("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => self.rest("UPDATE_COMPLETE"),
            "UPDATE_ROLLBACK_IN_PROGRESS" if failed => self.rest("UPDATE_ROLLBACK_FAILED"),
            "UPDATE_ROLLBACK_IN_PROGRESS" => self.clean_up("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => self.rest("UPDATE_ROLLBACK_COMPLETE"),
            "DELETE_IN_PROGRESS" => self.rest(if failed { "DELETE_FAILED" } else { "DELETE_COMPLETE" }),
            _ => Vec::new(),
        }
    }

    /// The stack comes to a status.
    pub(super) fn enter(&mut self, status: &'static str) {
        (self.status, self.native_under_way) = (status, false);
        let at = self.clock.tick();
        self.events.push(StackEvent { status, at });
    }

    fn rest(&mut self, status: &'static str) -> Vec<Request> {
        self.enter(status);
        if status != "UPDATE_ROLLBACK_FAILED" {
            for held in self.resources.values_mut() {
                (held.before, held.is_new, held.goes) = (None, false, false);
                held.cleanup.clear();
            }
        }
        Vec::new()
    }

    /// Sends an event to a resource.
    pub(super) fn send(&mut self, logical_id: &str, kind: Kind, properties: &Value) -> Option<Request> {
        let held = self.resources.get(logical_id)?;
        let current = held.physical_id.clone();
        let event = match kind {
            Kind::Create => held.resource.create(properties),
            Kind::Update => held.resource.update(current.as_deref()?, properties, &held.properties),
            Kind::Delete => held.resource.delete(current.as_deref()?, properties),
        };
        Some(self.issue(event, logical_id, kind, current.filter(|_| kind != Kind::Create), properties))
    }

    pub(super) fn issue(
        &mut self,
        event: Event,
        logical_id: &str,
        kind: Kind,
        physical_id: Option<String>,
        properties: &Value,
    ) -> Request {
        let event = if self.reuses_request_ids {
            let again = format!("{logical_id}-{kind:?}-{}", physical_id.as_deref().unwrap_or_default());
            event.with_request_id(again)
        } else {
            event
        };
        let waiting = Waiting {
            logical_id: logical_id.to_owned(),
            kind,
            physical_id: physical_id.clone(),
            properties: properties.clone(),
        };
        self.sent += 1;
        self.waiting.insert(self.sent, waiting);
        Request { number: self.sent, event, kind, physical_resource_id: physical_id, issued: self.clock.tick() }
    }

    /// Forgets what was sent to a resource and is not answered: a cancelled operation's answer counts no more.
    pub(super) fn give_up_on(&mut self, logical_id: &str) -> Option<Waiting> {
        let number = *self.waiting.iter().find(|(_, waiting)| waiting.logical_id == logical_id)?.0;
        self.waiting.remove(&number)
    }

    /// An id as CloudFormation makes one up for a resource that gave none.
    pub(super) fn made_up_id(&self, logical_id: &str) -> String {
        format!("{}-{logical_id}-{}", self.name, random_hex(12).to_uppercase())
    }
}
