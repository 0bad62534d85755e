//! The creation of a stack, and how it is rolled back.

use serde_json::Value;

use super::{
    request::{Kind, Request},
    stack::{Held, Stack, Template, Waiting},
};
use crate::lambda::Resource;

impl Stack {
    /// Creates the stack: what is sent first.
    ///
    /// # Panics
    /// When there is a stack already: only what was never created, or is deleted, can be.
    pub fn create(&mut self, template: &Template) -> Vec<Request> {
        assert!(matches!(self.status, "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE"), "create a stack in {}", self.status);
        self.resources.clear();
        self.enter("CREATE_IN_PROGRESS");
        template.iter().filter_map(|(logical_id, properties)| self.begin_create(logical_id, properties)).collect()
    }

    /// Something else in the stack fails while it is created, or the update of it is cancelled: what is sent now.
    /// What is under way is given up, not ended.
    ///
    /// # Panics
    /// When nothing is under way that can be cancelled.
    pub fn cancel(&mut self) -> Vec<Request> {
        match self.status {
            "CREATE_IN_PROGRESS" => self.roll_back_create(),
            "UPDATE_IN_PROGRESS" => self.roll_back_update(),
            status => panic!("cancel a stack in {status}"),
        }
    }

    pub(super) fn begin_create(&mut self, logical_id: &str, properties: &Value) -> Option<Request> {
        let resource = Resource::new(&self.account, &self.region, &self.name, logical_id);
        // The longest that CloudFormation takes: the stack's clock is far behind, and must not run out.
        let resource = resource.in_stack(&self.id).service_timeout(3600);
        let held = Held {
            resource,
            status: "CREATE_IN_PROGRESS",
            physical_id: None,
            properties: properties.clone(),
            attributes: Vec::new(),
            before: None,
            is_new: true,
            goes: false,
            cleanup: Vec::new(),
        };
        self.resources.insert(logical_id.to_owned(), held);
        self.send(logical_id, Kind::Create, properties)
    }

    pub(super) fn created(&mut self, waiting: &Waiting, id: String, succeeded: bool) -> Vec<Request> {
        if let Some(held) = self.resources.get_mut(&waiting.logical_id) {
            held.physical_id = Some(id);
            held.status = if succeeded { "CREATE_COMPLETE" } else { "CREATE_FAILED" };
        }
        match (succeeded, self.status) {
            (true, _) => self.advance(),
            (false, "CREATE_IN_PROGRESS") => self.roll_back_create(),
            (false, _) => self.roll_back_update(),
        }
    }

    /// Deletes what was made, and at once what is being made: with an id made up, while that Create may still run
    /// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1814>).
    fn roll_back_create(&mut self) -> Vec<Request> {
        self.enter("ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.keys().cloned().collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.delete_now(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    /// Sends a resource its Delete, whatever it is doing.
    pub(super) fn delete_now(&mut self, logical_id: &str) -> Option<Request> {
        self.give_up_on(logical_id);
        let made_up = self.made_up_id(logical_id);
        let held = self.resources.get_mut(logical_id)?;
        if held.status == "DELETE_COMPLETE" {
            return None;
        }
        held.physical_id.get_or_insert(made_up);
        held.status = "DELETE_IN_PROGRESS";
        let properties = held.properties.clone();
        self.send(logical_id, Kind::Delete, &properties)
    }
}
