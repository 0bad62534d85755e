//! Others go on working while the resource stands: what they did is there when it has gone.

use crate::life::{Resource, Run, same};
use crate::model::{Eks, World};
use crate::properties::{STACK, properties, spec};
use crate::worlds::{SECURITY_GROUPS, SUBNETS, profile, role, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::observed::ConfigMap;
use proptest::sample::subsequence;
use std::collections::BTreeSet;

/// What somebody else does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// EKS does so with every node group.
    AddEntry,
    AddComment,
    AddToConfigMap,
    Annotate,
    TagResources,
    MakeRole,
}

const DEEDS: [Deed; 6] =
    [Deed::AddEntry, Deed::AddComment, Deed::AddToConfigMap, Deed::Annotate, Deed::TagResources, Deed::MakeRole];

impl Deed {
    /// `lists`: the clusters where a block list stood before, to which one may append.
    fn done(self, mut world: World, lists: &BTreeSet<String>) -> World {
        for (name, eks) in &mut world.clusters {
            if let Some(map) = &mut eks.aws_auth {
                self.edit(map, lists.contains(name));
            }
        }
        match self {
            Self::TagResources => {
                for id in SUBNETS.iter().chain(&SECURITY_GROUPS) {
                    let tags = world.resources.entry((*id).to_owned()).or_default();
                    // One that is nearly full takes none from others either, with ours or without.
                    if !tags.contains_key("filler-0") {
                        tags.insert("cost".to_owned(), "1".to_owned());
                    }
                }
            }
            Self::MakeRole => {
                world.roles.insert("late".to_owned(), role("Late", "/"));
                world.profiles.insert("late".to_owned(), profile("Late", &["Late"]));
            }
            _ => {}
        }
        world
    }

    fn edit(self, map: &mut ConfigMap, is_list: bool) {
        let text = map.map_roles.clone().unwrap_or_default();
        match self {
            Self::AddEntry if is_list => {
                map.map_roles =
                    Some(text + "- rolearn: arn:aws:iam::111122223333:role/late\n  username: late\n  groups: []\n");
            }
            Self::AddComment if is_list => map.map_roles = Some(text + "# late\n"),
            Self::AddToConfigMap => map.has_more = true,
            Self::Annotate => {
                map.annotations.insert("late".to_owned(), "yes".to_owned());
            }
            _ => {}
        }
    }
}

/// The ConfigMap is one that was there: into one that the resource made, others cannot write what was there without it.
#[test]
fn what_others_do_meanwhile_is_there_when_it_has_gone() {
    let deeds = subsequence(&DEEDS[..], 1..=DEEDS.len());
    prove(&(properties(), worlds(), deeds, orders()), 40, |(raw, world, deeds, order)| {
        let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec(&raw));
        let mut world = world;
        for eks in world.clusters.values_mut() {
            eks.aws_auth.get_or_insert_with(ConfigMap::default);
        }
        let is_list = |eks: &Eks| {
            eks.aws_auth
                .as_ref()
                .and_then(|map| map.map_roles.as_ref())
                .is_some_and(|text| text.starts_with(['-', '#']) && text.ends_with('\n'))
        };
        let lists = world.clusters.iter().filter(|(_, eks)| is_list(eks)).map(|(name, _)| name.clone()).collect();
        let all = |world: World| deeds.iter().fold(world, |world, deed| deed.done(world, &lists));
        let Some(made) = resource.try_converge(&world, &spec, None, Run::whole(&order))? else { return Ok(false) };
        let gone = resource.release(&all(made), &spec, Run::whole(&order))?;
        same(&gone, &all(world), "after the release")?;
        Ok(true)
    });
}
