//! One stack: its status, its custom resources, and the responses that it waits for.

use std::{collections::BTreeMap, time::SystemTime};

use serde_json::Value;

use super::{
    clock::Clock,
    request::{Kind, Request},
};
use crate::lambda::{CfnResponse, Event, Resource, random_hex};

/// The custom resources of a stack: the properties by logical id.
pub type Template = BTreeMap<String, Value>;

/// How a stack rolls back the Update of a resource that got a new id before another resource failed. Both were observed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Rollback {
    /// Sends an Update to the previous properties with the new id. Then deletes the id that this Update replaces.
    #[default]
    UpdateBack,
    /// Only deletes the new id. The previous id is the current one again.
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
    pub(super) resources: BTreeMap<String, ResourceState>,
    /// By the number of the request.
    pub(super) waiting: BTreeMap<usize, Waiting>,
    /// The number of requests so far.
    pub(super) sent: usize,
    /// Whether the operation also waits for a resource of an AWS type.
    pub(super) native_under_way: bool,
    pub(super) rollback: Rollback,
    pub(super) reuses_request_ids: bool,
    pub(super) left_over: Vec<String>,
    pub(super) violations: Vec<String>,
}

/// A change of the stack's status.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackEvent {
    pub(super) status: &'static str,
    pub(super) at: SystemTime,
}

/// The state of one resource.
#[derive(Clone, Debug)]
pub(super) struct ResourceState {
    pub(super) resource: Resource,
    pub(super) status: &'static str,
    /// Absent until CloudFormation has one.
    pub(super) physical_id: Option<String>,
    /// The properties of the current physical id.
    pub(super) properties: Value,
    /// The names in the `Data` of the latest success. `Fn::GetAtt` can read these.
    pub(super) attributes: Vec<String>,
    /// The state before the current operation. Absent when the operation creates the resource, or does not change it.
    pub(super) previous: Option<PreviousState>,
    /// Whether the current operation created it.
    pub(super) is_new: bool,
    /// Whether the cleanup of the current operation deletes it.
    pub(super) is_removed: bool,
    /// Physical ids and properties that the cleanup deletes.
    pub(super) cleanup: Vec<PendingDelete>,
}

#[derive(Clone, Debug)]
pub(super) struct PreviousState {
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// The properties that the operation requests.
    pub(super) requested: Value,
}

#[derive(Clone, Debug)]
pub(super) struct PendingDelete {
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// The number of remaining attempts.
    pub(super) tries: usize,
}

/// A request without a response.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) logical_id: String,
    pub(super) kind: Kind,
    pub(super) physical_id: Option<String>,
    /// The properties in the request.
    pub(super) properties: Value,
}

impl Stack {
    /// Creates a new stack without resources.
    pub fn new(account: &str, region: &str, name: &str) -> Self {
        let id = Resource::new(account, region, name, "Any").stack_id().to_owned();
        Self::with_id(account, region, name, id)
    }

    /// Creates a new stack with a given id. Snapshots of two runs are comparable only with equal ids, because the markers
    /// depend on the id.
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
            violations: Vec::new(),
        }
    }

    /// Selects how a replacement is rolled back.
    #[must_use]
    pub const fn rolled_back_by(mut self, rollback: Rollback) -> Self {
        self.rollback = rollback;
        self
    }

    /// Uses one `RequestId` for all events of a type for a resource. CloudFormation does this when a deployment is retried
    /// (<https://github.com/aws/aws-cdk/issues/35957>).
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

    /// Returns whether no operation is running.
    pub fn is_at_rest(&self) -> bool {
        !self.status.ends_with("_IN_PROGRESS") || self.status == "REVIEW_IN_PROGRESS"
    }

    /// Returns the logical id, the physical id and the properties of each resource that is not deleted.
    pub fn existing(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.resources.iter().filter(|(_, state)| state.status != "DELETE_COMPLETE").filter_map(
            |(logical_id, state)| Some((logical_id.as_str(), state.physical_id.as_deref()?, &state.properties)),
        )
    }

    /// Returns the current properties. An update with these changes nothing.
    pub fn template(&self) -> Template {
        self.existing().map(|(logical_id, _, properties)| (logical_id.to_owned(), properties.clone())).collect()
    }

    /// Returns the status of a resource; `None` before it exists.
    pub fn resource_status(&self, logical_id: &str) -> Option<&'static str> {
        self.resources.get(logical_id).map(|state| state.status)
    }

    /// Physical ids that a cleanup could not delete. CloudFormation forgets them after three attempts.
    pub fn left_over(&self) -> &[String] {
        &self.left_over
    }

    /// Returns violations since the last call, of responses with a correct form: a changed id where the event's id is
    /// required, or a missing attribute.
    pub fn take_violations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.violations)
    }

    /// Begins to create or change a resource of an AWS type, next to the custom resources. It takes longer than they do.
    /// After all of them have responded, [`Stack::cancel`] makes it fail.
    pub fn begin_native_resource(&mut self) {
        self.native_under_way = matches!(self.status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS");
    }

    /// Handles the response to a request; `None` when there was none within its `ServiceTimeout`. Returns the next requests.
    /// The response to a request that was cancelled changes nothing.
    pub fn handle_response(&mut self, request: &Request, response: Option<&CfnResponse>) -> Vec<Request> {
        // Responses are matched by their URL, because a `RequestId` may be used again.
        let Some(waiting) = self.waiting.remove(&request.number) else { return Vec::new() };
        self.judge(&waiting, response);
        let succeeded = response.is_some_and(CfnResponse::succeeded);
        // CloudFormation generates an id when the response has none. The following Delete then has an id that the function
        // never returned.
        let id = response.map(|response| response.physical_resource_id.clone()).filter(|id| !id.is_empty());
        let id = id.or_else(|| waiting.physical_id.clone()).unwrap_or_else(|| self.generate_id(&waiting.logical_id));
        let Some(state) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        if let Some(response) = response.filter(|_| succeeded) {
            state.attributes = response.data.keys().cloned().collect();
        }
        match waiting.kind {
            Kind::Create => self.created(&waiting, id, succeeded),
            Kind::Update => self.updated(&waiting, id, succeeded),
            Kind::Delete => self.deleted(&waiting, succeeded),
        }
    }

    /// Continues when no response is pending.
    pub(super) fn advance(&mut self) -> Vec<Request> {
        if !self.waiting.is_empty() || self.native_under_way {
            return Vec::new();
        }
        let failed = self.resources.values().any(|state| state.status.ends_with("_FAILED"));
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

    /// Sets the stack's status, with an event.
    pub(super) fn enter(&mut self, status: &'static str) {
        (self.status, self.native_under_way) = (status, false);
        let at = self.clock.tick();
        self.events.push(StackEvent { status, at });
    }

    fn rest(&mut self, status: &'static str) -> Vec<Request> {
        self.enter(status);
        if status != "UPDATE_ROLLBACK_FAILED" {
            for state in self.resources.values_mut() {
                (state.previous, state.is_new, state.is_removed) = (None, false, false);
                state.cleanup.clear();
            }
        }
        Vec::new()
    }

    /// Sends an event to a resource.
    pub(super) fn send(&mut self, logical_id: &str, kind: Kind, properties: &Value) -> Option<Request> {
        let state = self.resources.get(logical_id)?;
        let current = state.physical_id.clone();
        let event = match kind {
            Kind::Create => state.resource.create(properties),
            Kind::Update => state.resource.update(current.as_deref()?, properties, &state.properties),
            Kind::Delete => state.resource.delete(current.as_deref()?, properties),
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
            event.with_request_id(format!("{logical_id}-{kind:?}-{}", physical_id.as_deref().unwrap_or_default()))
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

    /// Forgets the pending request of a resource, because the response of a cancelled request does not count.
    pub(super) fn forget_request(&mut self, logical_id: &str) -> Option<Waiting> {
        let number = *self.waiting.iter().find(|(_, waiting)| waiting.logical_id == logical_id)?.0;
        self.waiting.remove(&number)
    }

    /// Generates an id, as CloudFormation does for a resource that returned none.
    pub(super) fn generate_id(&self, logical_id: &str) -> String {
        format!("{}-{logical_id}-{}", self.name, random_hex(12).to_uppercase())
    }
}
