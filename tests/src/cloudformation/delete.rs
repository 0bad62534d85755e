//! The deletion of a stack, and the clean-up after an update.

use super::{
    request::{Kind, Request},
    stack::{Doomed, Stack, Waiting},
};

impl Stack {
    /// Deletes the stack, or tries again: what is sent first. A creation under way is given up for it.
    ///
    /// # Panics
    /// When an update is under way, its rollback has failed (continue that first), or there is nothing to delete.
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
        if let Some(held) = self.resources.get_mut(&waiting.logical_id) {
            held.status = if succeeded { "DELETE_COMPLETE" } else { "DELETE_FAILED" };
        }
        self.advance()
    }

    /// Deletes what an update has left behind: the replaced, and resources that are in the template no more.
    pub(super) fn clean_up(&mut self, status: &'static str) -> Vec<Request> {
        self.enter(status);
        let doomed: Vec<_> = self
            .resources
            .iter()
            .flat_map(|(logical_id, held)| held.cleanup.iter().map(|doomed| (logical_id.clone(), doomed.clone())))
            .collect();
        let mut requests: Vec<_> =
            doomed.iter().filter_map(|(logical_id, doomed)| self.delete_old(logical_id, doomed)).collect();
        requests.extend(self.advance());
        requests
    }

    /// The status of the resource stays what the update made it: the Delete is of an id that it has no more.
    fn delete_old(&mut self, logical_id: &str, doomed: &Doomed) -> Option<Request> {
        let held = self.resources.get_mut(logical_id)?;
        if held.goes {
            held.status = "DELETE_IN_PROGRESS";
        }
        let event = held.resource.delete(&doomed.physical_id, &doomed.properties);
        Some(self.issue(event, logical_id, Kind::Delete, Some(doomed.physical_id.clone()), &doomed.properties))
    }

    fn cleaned_up(&mut self, waiting: &Waiting, succeeded: bool) -> Vec<Request> {
        let Some(held) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        let Some(at) = held.cleanup.iter().position(|doomed| Some(&doomed.physical_id) == waiting.physical_id.as_ref())
        else {
            return Vec::new();
        };
        let mut doomed = held.cleanup.remove(at);
        doomed.tries -= 1;
        if !succeeded && doomed.tries != 0 {
            held.cleanup.push(doomed.clone());
            return self.delete_old(&waiting.logical_id, &doomed).into_iter().collect();
        }
        if held.goes {
            held.status = "DELETE_COMPLETE";
        }
        if !succeeded {
            self.left_over.push(doomed.physical_id);
        }
        self.advance()
    }
}
