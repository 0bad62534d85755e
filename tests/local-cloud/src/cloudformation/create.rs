//! The creation of a stack, and its rollback.

use serde_json::Value;

use super::{
    request::{Kind, Request},
    stack::{ResourceState, Stack, Template, Waiting},
};
use crate::lambda::Resource;

impl Stack {
    /// Creates the stack, and returns the first requests.
    ///
    /// # Panics
    /// Panics when the stack exists. Only a new or a deleted stack can be created.
    pub fn create(&mut self, template: &Template) -> Vec<Request> {
        assert!(matches!(self.status, "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE"), "create a stack in {}", self.status);
        self.resources.clear();
        self.enter("CREATE_IN_PROGRESS");
        template.iter().filter_map(|(logical_id, properties)| self.begin_create(logical_id, properties)).collect()
    }

    /// Fails another resource while the stack is created, or cancels its update. Returns the next requests. The responses of
    /// running requests do not count any more.
    ///
    /// # Panics
    /// Panics when no operation is running that can be cancelled.
    pub fn cancel(&mut self) -> Vec<Request> {
        match self.status {
            "CREATE_IN_PROGRESS" => self.roll_back_create(),
            "UPDATE_IN_PROGRESS" => self.roll_back_update(),
            status => panic!("cancel a stack in {status}"),
        }
    }

    pub(super) fn begin_create(&mut self, logical_id: &str, properties: &Value) -> Option<Request> {
        let resource = Resource::new(&self.account, &self.region, &self.name, logical_id);
        // The maximum that CloudFormation allows, because the stack's clock is behind, and the timeout must not pass.
        let resource = resource.in_stack(&self.id).service_timeout(3600);
        let state = ResourceState {
            resource,
            status: "CREATE_IN_PROGRESS",
            physical_id: None,
            properties: properties.clone(),
            attributes: Vec::new(),
            previous: None,
            is_new: true,
            is_removed: false,
            cleanup: Vec::new(),
        };
        self.resources.insert(logical_id.to_owned(), state);
        self.send(logical_id, Kind::Create, properties)
    }

    pub(super) fn created(&mut self, waiting: &Waiting, id: String, succeeded: bool) -> Vec<Request> {
        if let Some(state) = self.resources.get_mut(&waiting.logical_id) {
            state.physical_id = Some(id);
            state.status = if succeeded { "CREATE_COMPLETE" } else { "CREATE_FAILED" };
        }
        match (succeeded, self.status) {
            (true, _) => self.advance(),
            (false, "CREATE_IN_PROGRESS") => self.roll_back_create(),
            (false, _) => self.roll_back_update(),
        }
    }

    /// Deletes resources that exist, and resources that are still being created. The latter get a Delete with a generated id,
    /// while their Create may still run
    /// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1814>).
    fn roll_back_create(&mut self) -> Vec<Request> {
        self.enter("ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.keys().cloned().collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.delete_now(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    /// Sends a resource its Delete, even if another request is running.
    pub(super) fn delete_now(&mut self, logical_id: &str) -> Option<Request> {
        self.forget_request(logical_id);
        let generated_id = self.generate_id(logical_id);
        let state = self.resources.get_mut(logical_id)?;
        if state.status == "DELETE_COMPLETE" {
            return None;
        }
        state.physical_id.get_or_insert(generated_id);
        state.status = "DELETE_IN_PROGRESS";
        let properties = state.properties.clone();
        self.send(logical_id, Kind::Delete, &properties)
    }
}
