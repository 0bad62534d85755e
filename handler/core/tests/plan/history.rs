//! A resource's life: Updates that succeed, fail and are cut off, one after the other, and the Delete at its end.

use crate::life::{Outcome, Resource, Run, same};
use crate::model::World;
use crate::properties::{STACK, history, spec, spec_of};
use crate::worlds::{plain, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

/// What becomes of an Update.
#[derive(Clone, Copy, Debug)]
enum TagDecision {
    Succeeds,
    /// Cut off, and delivered again.
    ComesAgain,
    /// Something else in the stack fails: it is rolled back, and what it replaced by is deleted.
    RolledBack,
    /// As before, with the Delete first.
    TakenBack,
    /// Cut off, and rolled back.
    CutOff,
}

const FATES: [TagDecision; 5] = [
    TagDecision::Succeeds,
    TagDecision::ComesAgain,
    TagDecision::RolledBack,
    TagDecision::TakenBack,
    TagDecision::CutOff,
];

/// Updates, and what becomes of each.
fn fates() -> impl Strategy<Value = Vec<(TagDecision, u8)>> {
    prop::collection::vec((select(&FATES[..]), any::<u8>()), 4)
}

#[test]
fn whatever_was_it_stands_as_if_created_so_and_goes_without_a_trace() {
    prove(&(history(5), fates(), worlds(), orders()), 30, |(history, fates, world, order)| {
        life(&history, &fates, &world, &order)
    });
}

/// The same of the few properties that decide who relies on the OIDC provider: among all properties they seldom meet.
#[test]
fn create_after_any_history_of_identities_then_delete_restores_account() {
    let other_name = proptest::option::weighted(0.2, Just("Controller"));
    let names = (select(&["demo", "demo", "demo", "demo", "other"]), other_name);
    let identities = select(vec![None, Some(json!(["PodIdentity"])), Some(json!(["IRSA", "PodIdentity"]))]);
    let properties = (names, identities, select(&[None, Some("Create")])).prop_map(|(names, identity, provider)| {
        let controller = names.1.map(|name| ("ControllerRoleName", json!(name)));
        let (identity, provider) =
            (identity.map(|it| ("ControllerIdentity", it)), provider.map(|it| ("OidcProvider", json!(it))));
        let all = [Some(("ClusterName", json!(names.0))), controller, identity, provider];
        all.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect::<RawProperties>()
    });
    let histories = prop::collection::vec(properties, 5);
    prove(&(histories, fates(), prop::bool::weighted(0.2), orders()), 30, |(history, fates, has_provider, order)| {
        let mut world = plain();
        let demo = world.clusters["demo"].clone();
        let other = world.clusters.get_mut("other").expect("it is a plain world's");
        (other.subnet_ids, other.security_group_ids) = (demo.subnet_ids, demo.security_group_ids);
        if !has_provider {
            world.oidc_providers.clear();
        }
        life(&history, &fates, &world, &order)
    });
}

/// A life from the Create with the first properties, through an Update to each of the others, to the Delete.
fn life(history: &[RawProperties], fates: &[(TagDecision, u8)], world: &World, order: &[u8]) -> Outcome {
    let (resource, run) = (Resource::of(STACK, "Prereqs"), Run::whole(order));
    let mut current = spec(&history[0]);
    let Some(mut now) = resource.try_converge(world, &current, None, run)? else { return Ok(false) };
    for (raw, (fate, cut)) in history[1..].iter().zip(fates) {
        let (new, before) = (spec(raw), now.clone());
        let (replacing, old) = (resource.generation(&new) != resource.generation(&current), current.clone());
        let at =
            if matches!(fate, TagDecision::ComesAgain | TagDecision::CutOff) { Run::cut(order, *cut) } else { run };
        let Some(updated) = resource.try_converge(&now, &new, Some(&old), at)? else { continue };
        let delete = |world, spec| if replacing { resource.release(&world, spec, run) } else { Ok(world) };
        now = match fate {
            TagDecision::Succeeds => delete(updated, &old)?,
            TagDecision::ComesAgain => delete(resource.converge(&updated, &new, Some(&old), run)?, &old)?,
            TagDecision::RolledBack | TagDecision::CutOff => {
                delete(resource.put_back(&updated, &old, &new, run)?, &new)?
            }
            TagDecision::TakenBack => resource.put_back(&delete(updated, &new)?, &old, &new, run)?,
        };
        if matches!(fate, TagDecision::Succeeds | TagDecision::ComesAgain) {
            if let Some(expected) = resource.try_converge(world, &new, None, run)? {
                same(&now, &expected, "after the Update")?;
            }
            current = new;
        } else {
            same(&now, &before, "after the rollback")?;
        }
    }
    same(&resource.release(&now, &current, run)?, world, "after the Delete")?;
    Ok(true)
}

/// A stack makes the provider, then merely requires it, as any resource does whose sibling made it. An Update that does without
/// IRSA deletes it, and is rolled back.
#[test]
fn rollback_makes_the_provider_again_that_the_update_deleted() {
    let (resource, run) = (Resource::of(STACK, "Prereqs"), Run::whole(&[]));
    let mut world = plain();
    world.oidc_providers.clear();
    let specs = [json!({"OidcProvider": "Create"}), json!({}), json!({"ControllerIdentity": ["PodIdentity"]})];
    let [creating, requiring, without] = specs.map(spec_of);
    let made = resource.converge(&world, &creating, None, run).unwrap();
    let before = resource.converge(&made, &requiring, Some(&creating), run).unwrap();
    let updated = resource.converge(&before, &without, Some(&requiring), run).unwrap();
    assert!(updated.oidc_providers.is_empty());
    let back = resource.put_back(&updated, &requiring, &without, run).unwrap();
    same(&back, &before, "after the rollback").unwrap();
    same(&resource.release(&back, &requiring, run).unwrap(), &world, "after the Delete").unwrap();
    // Nobody else is spared what `Require` says.
    assert!(resource.try_converge(&updated, &requiring, Some(&without), run).unwrap().is_none());
}
