//! What is reconciled, as the planners' callers give it.

use super::bounds::Bounds;
use super::context::Context;
use crate::desired::spec::Spec;
use crate::identity::ownership::{Generation, Marker, Owner};
use crate::observed::Observed;
use std::collections::BTreeSet;

/// What the plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What is wanted.
    pub spec: &'a Spec,
    /// What was wanted before, on an Update.
    pub old: Option<&'a Spec>,
    /// The stack and the resource.
    pub owner: &'a Owner,
    /// The generation of `spec`.
    pub generation: &'a Generation,
    /// What the function lets a stack ask for.
    pub bounds: &'a Bounds,
}

impl<'a> Target<'a> {
    /// With the snapshot that the plan is made for. `markers`: the marker of `self.generation` alone.
    pub(super) fn context(self, markers: &'a BTreeSet<Marker>, observed: &'a Observed) -> Context<'a> {
        let Self { spec, old, owner, generation, bounds: _ } = self;
        Context { spec, old, owner, generation, markers, observed }
    }
}
