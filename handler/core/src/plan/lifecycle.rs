//! The stages of a request: which generations are reconciled and which are torn down, in which order, and what undoes them.
//!
//! The run and the preview follow the same stages.
//!
//! | Event | Stages |
//! |---|---|
//! | Create | reconcile |
//! | Update | reconcile |
//! | Update that replaces the resource | reconcile the new generation; CloudFormation then sends a Delete for the old one |
//! | Update that rolls a replacement back | reconcile the old generation; tear down the one that failed |
//! | Delete | tear down |
//!
//! CloudFormation never sends a Delete for the id of a replacement that failed, so that the rollback tears it down
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes-update.html>).

use crate::desired::properties::PropertyError;
use crate::desired::spec::Spec;
use crate::identity::aws_names::Scope;
use crate::identity::ownership::{Generation, Marker, Owner};
use crate::request::event::{Operation, RawProperties, Request};
use std::collections::BTreeSet;

/// What a request comes to.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// The id of the response to a success.
    pub physical_resource_id: String,
    /// What the request does, in this order. Empty for a Delete whose properties name no cluster: it has nothing to delete.
    pub stages: Vec<Stage>,
    /// What a Create or an Update undoes.
    undo: Option<Undo>,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Makes the account match the properties.
    Reconcile(Box<Reconciliation>),
    /// Removes what generations made.
    TearDown(Removal),
    /// The same, in the Delete that CloudFormation sends after the Update has succeeded.
    CleanUp(Removal),
}

/// A part of what undoes a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UndoStage<'a> {
    /// Makes the account match the old properties again, which nobody asks for anew.
    PutBack(&'a Reconciliation),
    /// Removes what the new generation made.
    TearDown(&'a Removal),
}

/// A generation that is reconciled.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciliation {
    /// The properties.
    pub spec: Spec,
    /// The properties before, on an Update.
    pub old: Option<Spec>,
    /// The generation of `spec`.
    pub generation: Generation,
}

/// Generations that are torn down.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// The properties that name the objects.
    pub spec: Spec,
    /// The generations' markers.
    pub markers: BTreeSet<Marker>,
    /// The operation for which CloudFormation is asked whether it still wants it; `None` if a stage before has asked.
    pub asked: Option<Operation>,
}

/// What a run has done of its first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageProgress {
    /// A step has begun.
    pub has_begun: bool,
    /// This run created the generation: it did not exist before.
    pub is_own_work: bool,
}

#[derive(Clone, Debug)]
struct Undo {
    /// The generation of the new properties.
    new: Removal,
    /// The old properties, on an Update.
    previous: Option<Reconciliation>,
    /// The operation.
    of: UndoOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UndoOf {
    Create,
    Update,
    Replacement,
}

impl Lifecycle {
    /// Returns the stages of a request.
    ///
    /// # Errors
    /// Every property of a Create or an Update that is invalid. A Delete and the old properties of an Update are read as far as they
    /// are valid.
    pub fn of(request: &Request, owner: &Owner, scope: &Scope) -> Result<Self, Vec<PropertyError>> {
        let properties = &request.properties;
        match &request.operation {
            Operation::Create => Ok(Self::of_create(Spec::new(properties, scope)?, owner)),
            Operation::Update { physical_resource_id, old_properties } => {
                let old = Spec::parse_lossy(old_properties, scope);
                Ok(Self::of_update(Spec::new(properties, scope)?, old, physical_resource_id, owner))
            }
            Operation::Delete { physical_resource_id } => {
                Ok(Self::of_delete(properties, physical_resource_id, owner, scope))
            }
        }
    }

    fn of_create(spec: Spec, owner: &Owner) -> Self {
        let new = Reconciliation::of(spec, None, owner);
        let undo = Undo { new: new.removal(), previous: None, of: UndoOf::Create };
        let physical_resource_id = new.generation.physical_resource_id().to_owned();
        Self { physical_resource_id, stages: vec![Stage::Reconcile(Box::new(new))], undo: Some(undo) }
    }

    fn of_update(spec: Spec, old: Option<Spec>, id: &str, owner: &Owner) -> Self {
        let new = Reconciliation::of(spec, old.clone(), owner);
        let previous = old.map(|old| Reconciliation::of(old, Some(new.spec.clone()), owner));
        let physical_resource_id = new.generation.physical_resource_id().to_owned();
        let of = if physical_resource_id == id { UndoOf::Update } else { UndoOf::Replacement };
        let undo = Undo { new: new.removal(), previous: previous.clone(), of };
        let other = previous.filter(|previous| previous.generation != new.generation);
        let other = other.map(|previous| {
            // The old properties of a rollback are those that failed. Their generation is not the event's.
            let is_replaced = previous.generation.physical_resource_id() == id;
            if is_replaced { Stage::CleanUp(previous.removal()) } else { Stage::TearDown(previous.removal()) }
        });
        let stages = [Stage::Reconcile(Box::new(new))].into_iter().chain(other).collect();
        Self { physical_resource_id, stages, undo: Some(undo) }
    }

    fn of_delete(properties: &RawProperties, id: &str, owner: &Owner, scope: &Scope) -> Self {
        let removal = Spec::parse_lossy(properties, scope).map(|spec| {
            let (named, given) = (owner.generation(&spec.identity()), Generation::from_id(id));
            // CloudFormation invents an id for a Create that was cancelled. The properties then name a generation that may exist by
            // now, under its own id.
            let asked = given.as_ref().unwrap_or(&named).physical_resource_id().to_owned();
            let asked = Some(Operation::Delete { physical_resource_id: asked });
            let markers = [Some(named), given].into_iter().flatten().map(|generation| generation.marker()).collect();
            Stage::TearDown(Removal { spec, markers, asked })
        });
        Self { physical_resource_id: id.to_owned(), stages: removal.into_iter().collect(), undo: None }
    }

    /// Returns the stages that undo the request after CloudFormation has cancelled it.
    ///
    /// A Create is always torn down: another delivery of it may have created objects after the Delete that comes with the
    /// cancellation took its snapshot.
    pub fn after_cancellation(&self, progress: StageProgress) -> Vec<UndoStage<'_>> {
        let Some(Undo { new, previous, of }) = &self.undo else { return Vec::new() };
        if *of == UndoOf::Create {
            return vec![UndoStage::TearDown(new)];
        }
        let previous = previous.as_ref().filter(|_| progress.has_begun).map(UndoStage::PutBack);
        previous.into_iter().chain(self.after_failure(progress)).collect()
    }

    /// Returns the stages that undo the request after it has failed. CloudFormation sends a Delete after a Create that fails, and an
    /// Update after an Update that fails, but nothing for the new id of a replacement.
    pub fn after_failure(&self, progress: StageProgress) -> Vec<UndoStage<'_>> {
        let undone = self.undo.as_ref().filter(|undo| undo.of == UndoOf::Replacement && progress.is_own_work);
        undone.map(|undo| UndoStage::TearDown(&undo.new)).into_iter().collect()
    }
}

impl Reconciliation {
    fn of(spec: Spec, old: Option<Spec>, owner: &Owner) -> Self {
        let generation = owner.generation(&spec.identity());
        Self { spec, old, generation }
    }

    fn removal(&self) -> Removal {
        Removal { spec: self.spec.clone(), markers: [self.generation.marker()].into(), asked: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BEGUN: StageProgress = StageProgress { has_begun: true, is_own_work: false };
    const OWN: StageProgress = StageProgress { has_begun: true, is_own_work: true };
    const NOT_BEGUN: StageProgress = StageProgress { has_begun: false, is_own_work: false };

    fn owner() -> Owner {
        Owner { stack_id: scope_stack().to_owned(), logical_resource_id: "Prereqs".to_owned() }
    }

    fn scope_stack() -> &'static str {
        "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a"
    }

    fn raw(cluster: &str) -> RawProperties {
        [("ClusterName".to_owned(), json!(cluster))].into_iter().collect()
    }

    fn id(cluster: &str) -> String {
        let spec = Spec::new(&raw(cluster), &Scope::of_stack(scope_stack()).unwrap()).unwrap();
        owner().generation(&spec.identity()).physical_resource_id().to_owned()
    }

    fn lifecycle(properties: RawProperties, operation: Operation) -> Lifecycle {
        let scope = Scope::of_stack(scope_stack()).unwrap();
        Lifecycle::of(&Request { operation, properties }, &owner(), &scope).unwrap()
    }

    fn update(new: &str, old: &str, id: String) -> Lifecycle {
        lifecycle(raw(new), Operation::Update { physical_resource_id: id, old_properties: raw(old) })
    }

    /// Each stage as its kind and its cluster.
    fn shown(stages: &[Stage]) -> Vec<String> {
        let shown = |stage: &Stage| match stage {
            Stage::Reconcile(it) => format!("reconcile {}", it.spec.cluster_name),
            Stage::TearDown(it) => format!("tear down {}", it.spec.cluster_name),
            Stage::CleanUp(it) => format!("clean up {}", it.spec.cluster_name),
        };
        stages.iter().map(shown).collect()
    }

    fn undone(stages: &[UndoStage<'_>]) -> Vec<String> {
        let shown = |stage: &UndoStage<'_>| match stage {
            UndoStage::PutBack(it) => format!("put back {}", it.spec.cluster_name),
            UndoStage::TearDown(it) => format!("tear down {}", it.spec.cluster_name),
        };
        stages.iter().map(shown).collect()
    }

    #[test]
    fn create_reconciles_and_is_torn_down_when_cancelled() {
        let create = lifecycle(raw("a"), Operation::Create);
        assert_eq!(
            (create.physical_resource_id.as_str(), shown(&create.stages)),
            (&*id("a"), vec!["reconcile a".into()])
        );
        for progress in [NOT_BEGUN, BEGUN, OWN] {
            assert_eq!(undone(&create.after_cancellation(progress)), ["tear down a"]);
            assert_eq!(undone(&create.after_failure(progress)), [""; 0]);
        }
    }

    #[test]
    fn update_in_place_puts_back_when_cancelled() {
        let update = update("a", "a", id("a"));
        assert_eq!(shown(&update.stages), ["reconcile a"]);
        assert_eq!(undone(&update.after_cancellation(NOT_BEGUN)), [""; 0]);
        assert_eq!(undone(&update.after_cancellation(OWN)), ["put back a"]);
        assert_eq!(undone(&update.after_failure(OWN)), [""; 0]);
    }

    #[test]
    fn replacement_is_undone_only_if_this_run_created_it() {
        let update = update("b", "a", id("a"));
        assert_eq!((update.physical_resource_id.as_str(), shown(&update.stages).len()), (&*id("b"), 2));
        assert_eq!(shown(&update.stages), ["reconcile b", "clean up a"]);
        assert_eq!(undone(&update.after_failure(OWN)), ["tear down b"]);
        assert_eq!(undone(&update.after_failure(BEGUN)), [""; 0]);
        assert_eq!(undone(&update.after_cancellation(OWN)), ["put back a", "tear down b"]);
        assert_eq!(undone(&update.after_cancellation(BEGUN)), ["put back a"]);
    }

    #[test]
    fn rollback_of_a_replacement_tears_the_failed_generation_down() {
        let rollback = update("a", "b", id("a"));
        assert_eq!(shown(&rollback.stages), ["reconcile a", "tear down b"]);
        assert_eq!(rollback.physical_resource_id, id("a"));
    }

    #[test]
    fn delete_tears_down_the_named_and_the_given_generation() {
        let delete = |id: String| lifecycle(raw("a"), Operation::Delete { physical_resource_id: id });
        let Stage::TearDown(removal) = &delete(id("b")).stages[0] else { panic!("no removal") };
        let markers = ["a", "b"].map(|cluster| Generation::from_id(&id(cluster)).unwrap().marker());
        assert_eq!(removal.markers, markers.into());
        assert_eq!(removal.asked, Some(Operation::Delete { physical_resource_id: id("b") }));
        // CloudFormation's own id says nothing.
        let Stage::TearDown(removal) = &delete("s-Prereqs-1ABC".to_owned()).stages[0] else { panic!("no removal") };
        assert_eq!(removal.asked, Some(Operation::Delete { physical_resource_id: id("a") }));
        assert_eq!(delete("s-Prereqs-1ABC".to_owned()).physical_resource_id, "s-Prereqs-1ABC");
    }

    #[test]
    fn delete_without_a_cluster_name_has_no_stages() {
        let delete = lifecycle(RawProperties::new(), Operation::Delete { physical_resource_id: "x".to_owned() });
        assert!(delete.stages.is_empty());
    }

    #[test]
    fn invalid_properties_fail_an_update_but_not_its_old_ones() {
        let scope = Scope::of_stack(scope_stack()).unwrap();
        let operation = Operation::Update { physical_resource_id: id("a"), old_properties: RawProperties::new() };
        let invalid = Request { properties: RawProperties::new(), operation: operation.clone() };
        assert!(Lifecycle::of(&invalid, &owner(), &scope).is_err());
        assert_eq!(shown(&lifecycle(raw("a"), operation).stages), ["reconcile a"]);
    }
}
