//! The union of the permissions of several Karpenter versions, each permission once.
//!
//! Two versions have most permissions in common. A permission that another grant covers is removed, so that the permissions of
//! two versions fit into the inline policies of one role.

use super::grant::Grant;
use std::collections::BTreeMap;

/// Returns the grants without the permissions that other grants cover. Of two grants that cover each other, the first is kept.
pub(super) fn union(mut grants: Vec<Grant>) -> Vec<Grant> {
    for at in 0..grants.len() {
        grants[at] = narrowed(&grants, at);
    }
    grants.retain(|grant| !grant.actions.is_empty() && !grant.resources.is_empty());
    with_names_apart(grants)
}

/// Returns one of the grants without the resources, then without the actions, that the others cover.
fn narrowed(grants: &[Grant], at: usize) -> Grant {
    let grant = &grants[at];
    let is_covered = |action: &str, resource: &str| {
        grants.iter().enumerate().any(|(other, wider)| {
            // Of two grants that cover each other, the first is kept.
            let covers_each_other =
                wider.conditions == grant.conditions && wider.resources.iter().any(|it| it == resource);
            other != at && grant.is_covered(action, resource, wider) && !(at < other && covers_each_other)
        })
    };
    let mut narrowed = grant.clone();
    narrowed.resources.retain(|resource| !grant.actions.iter().all(|action| is_covered(action, resource)));
    let resources = &narrowed.resources;
    narrowed.actions.retain(|action| !resources.iter().all(|resource| is_covered(action, resource)));
    narrowed
}

/// Appends numbers to the names that several grants share, because a `Sid` must be unique in a document.
fn with_names_apart(mut grants: Vec<Grant>) -> Vec<Grant> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for grant in &mut grants {
        let count = seen.entry(grant.sid.clone()).or_default();
        *count += 1;
        if 1 < *count {
            grant.sid = format!("{}{count}", grant.sid);
        }
    }
    grants
}
