//! The update of a stack, and how it is rolled back.

use serde_json::Value;

use super::{
    request::{Kind, Request},
    stack::{Before, Doomed, Held, Rollback, Stack, Template, Waiting},
};

/// How often a clean-up tries to delete what an update has left behind, before CloudFormation forgets it.
const TRIES: usize = 3;

impl Stack {
    /// Updates the stack: what is sent first. Equal properties are no change, and are not sent.
    ///
    /// # Panics
    /// When the stack does not rest in a state that can be updated.
    pub fn update(&mut self, template: &Template) -> Vec<Request> {
        let may = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"].contains(&self.status);
        assert!(may, "update a stack in {}", self.status);
        self.resources.retain(|_, held| held.status != "DELETE_COMPLETE");
        self.enter("UPDATE_IN_PROGRESS");
        let mut requests = Vec::new();
        for (logical_id, properties) in template {
            if self.resources.contains_key(logical_id) {
                requests.extend(self.begin_update(logical_id, properties));
            } else {
                requests.extend(self.begin_create(logical_id, properties));
            }
        }
        for (_, held) in self.resources.iter_mut().filter(|(logical_id, _)| !template.contains_key(*logical_id)) {
            held.goes = true;
            doom_current(held);
        }
        requests.extend(self.advance());
        requests
    }

    /// Tries again to roll an update back, after that failed.
    ///
    /// # Panics
    /// When no rollback failed.
    pub fn continue_rollback(&mut self) -> Vec<Request> {
        assert_eq!(self.status, "UPDATE_ROLLBACK_FAILED", "continue the rollback of a stack in {}", self.status);
        self.enter("UPDATE_ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.iter().filter(|(_, held)| held.status.ends_with("_FAILED")).collect();
        let ids: Vec<_> = ids.into_iter().map(|(logical_id, _)| logical_id.clone()).collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.undo(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    fn begin_update(&mut self, logical_id: &str, properties: &Value) -> Option<Request> {
        let held = self.resources.get_mut(logical_id)?;
        if held.properties == *properties {
            return None;
        }
        let physical_id = held.physical_id.clone()?;
        held.before = Some(Before { physical_id, properties: held.properties.clone(), wanted: properties.clone() });
        held.status = "UPDATE_IN_PROGRESS";
        self.send(logical_id, Kind::Update, properties)
    }

    pub(super) fn updated(&mut self, waiting: &Waiting, id: String, succeeded: bool) -> Vec<Request> {
        let Some(held) = self.resources.get_mut(&waiting.logical_id) else { return Vec::new() };
        if succeeded {
            if held.physical_id.as_ref() != Some(&id) {
                doom_current(held);
            }
            // What it comes back to is not to be deleted any more.
            held.cleanup.retain(|doomed| doomed.physical_id != id);
            held.physical_id = Some(id);
            held.properties = waiting.properties.clone();
            held.status = "UPDATE_COMPLETE";
            return self.advance();
        }
        held.status = "UPDATE_FAILED";
        if self.status == "UPDATE_IN_PROGRESS" { self.roll_back_update() } else { self.advance() }
    }

    /// Undoes what the operation did to every resource that it touched, failed, done or under way.
    pub(super) fn roll_back_update(&mut self) -> Vec<Request> {
        self.enter("UPDATE_ROLLBACK_IN_PROGRESS");
        let ids: Vec<_> = self.resources.keys().cloned().collect();
        let mut requests: Vec<_> = ids.iter().filter_map(|logical_id| self.undo(logical_id)).collect();
        requests.extend(self.advance());
        requests
    }

    fn undo(&mut self, logical_id: &str) -> Option<Request> {
        self.give_up_on(logical_id);
        let rollback = self.rollback;
        let held = self.resources.get_mut(logical_id)?;
        if held.goes {
            held.goes = false;
            held.cleanup.clear();
            return None;
        }
        if held.is_new {
            // One that stands is deleted in the clean-up; one that fails, or is under way, at once.
            if held.status == "CREATE_COMPLETE" {
                held.goes = true;
                doom_current(held);
                return None;
            }
            return self.delete_now(logical_id);
        }
        let before = held.before.clone()?;
        let replaced = held.physical_id.as_ref() != Some(&before.physical_id);
        if replaced && rollback == Rollback::DeleteNew {
            doom_current(held);
            held.cleanup.retain(|doomed| doomed.physical_id != before.physical_id);
            held.physical_id = Some(before.physical_id);
            held.properties = before.properties;
            held.status = "UPDATE_COMPLETE";
            return None;
        }
        held.status = "UPDATE_IN_PROGRESS";
        let physical_id = held.physical_id.clone()?;
        let event = held.resource.update(&physical_id, &before.properties, &before.wanted);
        Some(self.issue(event, logical_id, Kind::Update, Some(physical_id), &before.properties))
    }
}

/// The current physical id is to be deleted in the clean-up.
fn doom_current(held: &mut Held) {
    let (properties, tries) = (held.properties.clone(), TRIES);
    held.cleanup.extend(held.physical_id.clone().map(|physical_id| Doomed { physical_id, properties, tries }));
}
