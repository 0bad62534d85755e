//! The stages of a request: which generations are reconciled and torn down, in which order, and which stages undo the request.
//!
//! The run carries out all stages but the clean-up, which is the work of a later Delete. The preview plans all stages.
//!
//! | Event | Stages |
//! |---|---|
//! | Create | reconcile |
//! | Update | reconcile |
//! | Update that replaces the resource | reconcile the new generation; CloudFormation then sends a Delete for the old one |
//! | Update that rolls a replacement back | reconcile the old generation; tear down the one that failed |
//! | Delete | tear down |
//!
//! CloudFormation never sends a Delete for the new id of a replacement that failed, so the rollback tears that generation down
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes-update.html>).

#[cfg(test)]
mod tests;

use crate::desired::properties::PropertyError;
use crate::desired::spec::Spec;
use crate::identity::aws_names::Scope;
use crate::identity::ownership::{Generation, Marker, Owner};
use crate::request::event::{Operation, RawProperties, Request};
use std::collections::BTreeSet;

/// The stages of a request.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// The id in the response if the request succeeds.
    pub physical_resource_id: String,
    /// The stages in their order. Empty for a Delete whose properties have no valid cluster name, because it has nothing to
    /// delete.
    pub stages: Vec<Stage>,
    /// What the undo stages of a Create or an Update need.
    undo: Option<Undo>,
}

/// A stage of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Makes the account match the properties.
    Reconcile(Box<Reconciliation>),
    /// Tears generations down.
    TearDown(Removal),
    /// Tears the old generation down. This event does not do that: CloudFormation sends a Delete after the Update has succeeded.
    /// The preview shows it.
    CleanUp(Removal),
}

/// A stage that undoes a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UndoStage<'a> {
    /// Restores the old properties. [`properties_to_restore`](super::properties_to_restore) adjusts them first.
    Restore(&'a Reconciliation),
    /// Tears the new generation down.
    TearDown(&'a Removal),
}

/// A generation that is reconciled.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciliation {
    /// The desired state.
    pub spec: Spec,
    /// The properties in force before: the old properties of an Update, or the properties of the Update that is undone.
    pub previous: Option<Spec>,
    /// The generation of `spec`.
    pub generation: Generation,
}

/// Generations that are torn down.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// The properties that name the objects.
    pub spec: Spec,
    /// The markers of the generations.
    pub markers: BTreeSet<Marker>,
    /// The operation that CloudFormation must still want. The function checks that before it removes anything. `None` if an
    /// earlier stage checks it.
    pub checked_operation: Option<Operation>,
}

/// The progress of a run in its first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageProgress {
    /// Whether a step has started.
    pub has_begun: bool,
    /// Whether this run created the generation, which did not exist before.
    pub has_created_generation: bool,
}

#[derive(Clone, Debug)]
struct Undo {
    /// The generation of the new properties.
    new: Removal,
    /// The reconciliation that restores the old properties, on an Update.
    restoration: Option<Reconciliation>,
    operation: UndoneOperation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UndoneOperation {
    Create,
    Update,
    Replacement,
}

impl Lifecycle {
    /// Returns the stages of a request.
    ///
    /// # Errors
    /// Returns every invalid property of a Create or an Update. The properties of a Delete and the old properties of an Update
    /// may be invalid: only their valid part is used.
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
        let undo = Undo { new: new.removal(), restoration: None, operation: UndoneOperation::Create };
        let physical_resource_id = new.generation.physical_resource_id().to_owned();
        Self { physical_resource_id, stages: vec![Stage::Reconcile(Box::new(new))], undo: Some(undo) }
    }

    fn of_update(spec: Spec, old: Option<Spec>, id: &str, owner: &Owner) -> Self {
        let new = Reconciliation::of(spec, old.clone(), owner);
        let restoration = old.map(|old| Reconciliation::of(old, Some(new.spec.clone()), owner));
        let physical_resource_id = new.generation.physical_resource_id().to_owned();
        let is_in_place = physical_resource_id == id;
        let operation = if is_in_place { UndoneOperation::Update } else { UndoneOperation::Replacement };
        let undo = Undo { new: new.removal(), restoration: restoration.clone(), operation };
        let other = restoration.filter(|old| old.generation != new.generation);
        let other = other.map(|old| {
            // In the Update of a rollback, the old properties are those that failed. Their generation does not have the event's
            // id, so CloudFormation sends no Delete for it.
            let is_replaced = old.generation.physical_resource_id() == id;
            if is_replaced { Stage::CleanUp(old.removal()) } else { Stage::TearDown(old.removal()) }
        });
        let stages = [Stage::Reconcile(Box::new(new))].into_iter().chain(other).collect();
        Self { physical_resource_id, stages, undo: Some(undo) }
    }

    fn of_delete(properties: &RawProperties, id: &str, owner: &Owner, scope: &Scope) -> Self {
        let removal = Spec::parse_lossy(properties, scope).map(|spec| {
            let (of_properties, of_id) = (owner.generation(&spec.identity()), Generation::from_id(id));
            // CloudFormation invents an id for a Create that was cancelled. The generation of the properties may exist by now,
            // under its own id.
            let physical_resource_id = of_id.as_ref().unwrap_or(&of_properties).physical_resource_id().to_owned();
            let checked_operation = Some(Operation::Delete { physical_resource_id });
            let generations = [Some(of_properties), of_id].into_iter().flatten();
            let markers = generations.map(|generation| generation.marker()).collect();
            Stage::TearDown(Removal { spec, markers, checked_operation })
        });
        Self { physical_resource_id: id.to_owned(), stages: removal.into_iter().collect(), undo: None }
    }

    /// Returns the stages that undo the request after CloudFormation has cancelled it.
    ///
    /// A Create is always torn down, even if this run has not started it. Another delivery of the event may have created objects
    /// after CloudFormation's Delete read its snapshot.
    pub fn after_cancellation(&self, progress: StageProgress) -> Vec<UndoStage<'_>> {
        let Some(Undo { new, restoration, operation }) = &self.undo else { return Vec::new() };
        if *operation == UndoneOperation::Create {
            return vec![UndoStage::TearDown(new)];
        }
        let restoration = restoration.as_ref().filter(|_| progress.has_begun).map(UndoStage::Restore);
        restoration.into_iter().chain(self.after_failure(progress)).collect()
    }

    /// Returns the stages that undo the request after it has failed. After a Create that fails, CloudFormation sends a Delete.
    /// After an Update that fails, it sends an Update, but no Delete for the new id of a replacement.
    pub fn after_failure(&self, progress: StageProgress) -> Vec<UndoStage<'_>> {
        let is_undone =
            |undo: &&Undo| undo.operation == UndoneOperation::Replacement && progress.has_created_generation;
        let undone = self.undo.as_ref().filter(is_undone);
        undone.map(|undo| UndoStage::TearDown(&undo.new)).into_iter().collect()
    }
}

impl Reconciliation {
    fn of(spec: Spec, previous: Option<Spec>, owner: &Owner) -> Self {
        let generation = owner.generation(&spec.identity());
        Self { spec, previous, generation }
    }

    fn removal(&self) -> Removal {
        Removal { spec: self.spec.clone(), markers: [self.generation.marker()].into(), checked_operation: None }
    }
}
