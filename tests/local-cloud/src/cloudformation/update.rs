//! The update of a stack, and its rollback.

use serde_json::Value;

use super::{
    request::{Kind, Request},
    stack::{PendingDelete, PreviousState, ResourceState, Rollback, Stack, Template, Waiting},
};

/// How often a cleanup tries to delete a previous resource, before CloudFormation forgets it.
const TRIES: usize = 3;

impl Stack {
    /// Updates the stack, and returns the first requests. A resource with equal properties gets no request.
    ///
    /// # Panics
    /// Panics when the stack's status does not allow an update.
    pub fn update(&mut self, template: &Template) -> Vec<Request> {
        let may = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"].contains(&self.status);
        assert!(may, "update a stack in {}", self.status);
        self.resources.retain(|_, state| state.status != "DELETE_COMPLETE");
        self.enter("UPDATE_IN_PROGRESS");
        let mut requests = Vec::new();
        for (logical_id, properties) in template {
            if self.resources.contains_key(logical_id) {
                requests.extend(self.begin_update(logical_id, properties));
            } else {
                requests.extend(self.begin_create(logical_id, properties));
            }
        }
        for (_, state) in self.resources.iter_mut().filter(|(logical_id, _)| !template.contains_key(*logical_id)) {
            state.is_removed = true;
            schedule_delete(state);
        }
        requests.extend(self.advance());
        requests
    }

    /// Retries a failed rollback of an update.
    ///
    /// # Panics
    /// Panics when no rollback has failed.
    pub fn continue_rollback(&mut self) -> Vec<Request> {
        assert_eq!(self.status, "UPDATE_ROLLBACK_FAILED", "continue the rollback of a stack in {}", self.status);
        self.enter("UPDATE_ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.iter().filter(|(_, state)| state.status.ends_with("_FAILED")).collect();
        let ids: Vec<_> = ids.into_iter().map(|(logical_id, _)| logical_id.clone()).collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.undo(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    fn begin_update(&mut self, logical_id: &str, properties: &Value) -> Option<Request> {
        let state = self.resources.get_mut(logical_id)?;
        if state.properties == *properties {
            return None;
        }
        let physical_id = state.physical_id.clone()?;
        state.previous =
            Some(PreviousState { physical_id, properties: state.properties.clone(), requested: properties.clone() });
        state.status = "UPDATE_IN_PROGRESS";
        self.send(logical_id, Kind::Update, properties)
    }

    pub(super) fn updated(&mut self, waiting: &Waiting, id: String, succeeded: bool) -> Vec<Request> {
        let Some(state) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        if succeeded {
            if state.physical_id.as_ref() != Some(&id) {
                schedule_delete(state);
            }
            // The rollback may return to an id that the cleanup would delete.
            state.cleanup.retain(|pending| pending.physical_id != id);
            state.physical_id = Some(id);
            state.properties = waiting.properties.clone();
            state.status = "UPDATE_COMPLETE";
            return self.advance();
        }
        state.status = "UPDATE_FAILED";
        if self.status == "UPDATE_IN_PROGRESS" { self.roll_back_update() } else { self.advance() }
    }

    /// Rolls back every resource that the operation changed, including running and failed ones.
    pub(super) fn roll_back_update(&mut self) -> Vec<Request> {
        self.enter("UPDATE_ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.keys().cloned().collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.undo(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    fn undo(&mut self, logical_id: &str) -> Option<Request> {
        self.forget_request(logical_id);
        let rollback = self.rollback;
        let state = self.resources.get_mut(logical_id)?;
        if state.is_removed {
            state.is_removed = false;
            state.cleanup.clear();
            return None;
        }
        if state.is_new {
            // A created resource is deleted in the cleanup. One that failed or is still running is deleted at once.
            if state.status == "CREATE_COMPLETE" {
                state.is_removed = true;
                schedule_delete(state);
                return None;
            }
            return self.delete_now(logical_id);
        }
        let previous = state.previous.clone()?;
        let replaced = state.physical_id.as_ref() != Some(&previous.physical_id);
        if replaced && rollback == Rollback::DeleteNew {
            schedule_delete(state);
            state.cleanup.retain(|pending| pending.physical_id != previous.physical_id);
            state.physical_id = Some(previous.physical_id);
            state.properties = previous.properties;
            state.status = "UPDATE_COMPLETE";
            return None;
        }
        state.status = "UPDATE_IN_PROGRESS";
        let physical_id = state.physical_id.clone()?;
        let event = state.resource.update(&physical_id, &previous.properties, &previous.requested);
        Some(self.issue(event, logical_id, Kind::Update, Some(physical_id), &previous.properties))
    }
}

/// Schedules the current physical id for deletion in the cleanup.
fn schedule_delete(state: &mut ResourceState) {
    let (properties, tries) = (state.properties.clone(), TRIES);
    state.cleanup.extend(state.physical_id.clone().map(|physical_id| PendingDelete { physical_id, properties, tries }));
}
