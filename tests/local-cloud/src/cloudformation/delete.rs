//! The deletion of a stack, and the cleanup after an update.

use super::{
    request::{Kind, Request},
    stack::{PendingDelete, Stack, Waiting},
};

impl Stack {
    /// Deletes the stack, or retries the deletion. Returns the first requests. A running creation is cancelled.
    ///
    /// # Panics
    /// Panics during an update, after a failed rollback (continue it first), or when there is nothing to delete.
    pub fn delete(&mut self) -> Vec<Request> {
        let may = self.status == "CREATE_IN_PROGRESS"
            || self.is_at_rest()
                && !matches!(self.status, "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE" | "UPDATE_ROLLBACK_FAILED");
        assert!(may, "delete a stack in {}", self.status);
        self.enter("DELETE_IN_PROGRESS");
        let ids: Vec<_> = self.resources.keys().cloned().collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.delete_now(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    pub(super) fn deleted(&mut self, waiting: &Waiting, succeeded: bool) -> Vec<Request> {
        if self.status.contains("CLEANUP") {
            return self.cleaned_up(waiting, succeeded);
        }
        if let Some(state) = self.resources.get_mut(&waiting.logical_id) {
            state.status = if succeeded { "DELETE_COMPLETE" } else { "DELETE_FAILED" };
        }
        self.advance()
    }

    /// Deletes replaced resources and resources that were removed from the template.
    pub(super) fn clean_up(&mut self, status: &'static str) -> Vec<Request> {
        self.enter(status);
        let pending: Vec<_> = self
            .resources
            .iter()
            .flat_map(|(logical_id, state)| state.cleanup.iter().map(|pending| (logical_id.clone(), pending.clone())))
            .collect();
        let mut requests: Vec<_> =
            pending.iter().filter_map(|(logical_id, pending)| self.delete_old(logical_id, pending)).collect();
        requests.extend(self.advance());
        requests
    }

    /// The resource keeps the status of the update, because the Delete has a previous id.
    fn delete_old(&mut self, logical_id: &str, pending: &PendingDelete) -> Option<Request> {
        let state = self.resources.get_mut(logical_id)?;
        if state.is_removed {
            state.status = "DELETE_IN_PROGRESS";
        }
        let event = state.resource.delete(&pending.physical_id, &pending.properties);
        Some(self.issue(event, logical_id, Kind::Delete, Some(pending.physical_id.clone()), &pending.properties))
    }

    fn cleaned_up(&mut self, waiting: &Waiting, succeeded: bool) -> Vec<Request> {
        let Some(state) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        let Some(at) =
            state.cleanup.iter().position(|pending| Some(&pending.physical_id) == waiting.physical_id.as_ref())
        else {
            return Vec::new();
        };
        let mut pending = state.cleanup.remove(at);
        pending.tries -= 1;
        if !succeeded && pending.tries != 0 {
            state.cleanup.push(pending.clone());
            return self.delete_old(&waiting.logical_id, &pending).into_iter().collect();
        }
        if state.is_removed {
            state.status = "DELETE_COMPLETE";
        }
        if !succeeded {
            self.left_over.push(pending.physical_id);
        }
        self.advance()
    }
}
