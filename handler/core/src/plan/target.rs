//! The arguments of a reconciliation, except for the snapshot.

use super::bounds::Bounds;
use super::context::Context;
use crate::desired::spec::Spec;
use crate::identity::ownership::{Generation, Marker, Owner};
use crate::observed::Observed;
use std::collections::BTreeSet;

/// The generation that is reconciled, and its desired state.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The desired state.
    pub spec: &'a Spec,
    /// The properties in force before: the old properties of an Update, or the properties of the Update that is undone.
    pub previous: Option<&'a Spec>,
    /// The stack and the resource.
    pub owner: &'a Owner,
    /// The generation of `spec`.
    pub generation: &'a Generation,
    /// The limits that the function sets for stacks.
    pub bounds: &'a Bounds,
}

impl<'a> Target<'a> {
    /// Returns the arguments of the planners for a snapshot. `markers` has only the marker of `self.generation`.
    pub(super) fn context(self, markers: &'a BTreeSet<Marker>, observed: &'a Observed) -> Context<'a> {
        let Self { spec, previous, owner, generation, bounds: _ } = self;
        Context { spec, previous, owner, generation, markers, observed }
    }
}
