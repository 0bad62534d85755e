//! Others change the account while the resource exists. Their changes remain after the Delete.

use crate::generators::{SECURITY_GROUPS, SUBNETS, profile, role, worlds};
use crate::harness::{Resource, Run, expect_equal};
use crate::model::{Eks, World};
use crate::properties::{STACK, properties, spec};
use crate::{check_property, orders};
use karpenter_prereqs_core::observed::ConfigMap;
use proptest::sample::subsequence;
use std::collections::BTreeSet;

/// A change by another user or program.
#[derive(Clone, Copy, Debug)]
enum ExternalChange {
    /// Adds an entry to aws-auth, as EKS does for every node group.
    AddEntry,
    AddComment,
    AddToConfigMap,
    Annotate,
    TagResources,
    CreateRole,
}

const ALL: [ExternalChange; 6] = [
    ExternalChange::AddEntry,
    ExternalChange::AddComment,
    ExternalChange::AddToConfigMap,
    ExternalChange::Annotate,
    ExternalChange::TagResources,
    ExternalChange::CreateRole,
];

impl ExternalChange {
    /// Returns the world after the change. `block_lists`: the clusters whose mapRoles was a block list before, to which an item
    /// can be appended.
    fn apply(self, mut world: World, block_lists: &BTreeSet<String>) -> World {
        for (name, eks) in &mut world.clusters {
            if let Some(map) = &mut eks.aws_auth {
                self.edit(map, block_lists.contains(name));
            }
        }
        match self {
            Self::TagResources => {
                for id in SUBNETS.iter().chain(&SECURITY_GROUPS) {
                    let tags = world.resources.entry((*id).to_owned()).or_default();
                    // A nearly full resource has no room for the tag of others, with or without ours.
                    if !tags.contains_key("filler-0") {
                        tags.insert("cost".to_owned(), "1".to_owned());
                    }
                }
            }
            Self::CreateRole => {
                world.roles.insert("late".to_owned(), role("Late", "/"));
                world.profiles.insert("late".to_owned(), profile("Late", &["Late"]));
            }
            _ => {}
        }
        world
    }

    fn edit(self, map: &mut ConfigMap, is_block_list: bool) {
        let text = map.map_roles.clone().unwrap_or_default();
        match self {
            Self::AddEntry if is_block_list => {
                map.map_roles =
                    Some(text + "- rolearn: arn:aws:iam::111122223333:role/late\n  username: late\n  groups: []\n");
            }
            Self::AddComment if is_block_list => map.map_roles = Some(text + "# late\n"),
            Self::AddToConfigMap => map.has_more = true,
            Self::Annotate => {
                map.annotations.insert("late".to_owned(), "yes".to_owned());
            }
            _ => {}
        }
    }
}

/// Every cluster has the ConfigMap before the Create. If the resource created it, the expected world would need a ConfigMap in
/// which others have written without the resource.
#[test]
fn external_changes_remain_after_delete() {
    let changes = subsequence(&ALL[..], 1..=ALL.len());
    check_property(&(properties(), worlds(), changes, orders()), 40, |(raw, world, changes, order)| {
        let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec(&raw));
        let mut world = world;
        for eks in world.clusters.values_mut() {
            eks.aws_auth.get_or_insert_with(ConfigMap::default);
        }
        let is_block_list = |eks: &Eks| {
            eks.aws_auth
                .as_ref()
                .and_then(|map| map.map_roles.as_ref())
                .is_some_and(|text| text.starts_with(['-', '#']) && text.ends_with('\n'))
        };
        let block_lists =
            world.clusters.iter().filter(|(_, eks)| is_block_list(eks)).map(|(name, _)| name.clone()).collect();
        let with_changes = |world: World| changes.iter().fold(world, |world, change| change.apply(world, &block_lists));
        let Some(created) = resource.try_reconcile(&world, &spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let deleted = resource.tear_down(&with_changes(created), &spec, Run::complete(&order))?;
        expect_equal(&deleted, &with_changes(world), "after the Delete")?;
        Ok(true)
    });
}
