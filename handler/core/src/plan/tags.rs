//! The discovery tag on subnets and security groups.
//!
//! Beside the tag stands each generation's mark, whose value is the tag `key=value` that it stands for, so that
//! one who looks at a subnet alone can tell whether the tag is ours and who else relies on it.

use super::{Aim, Plan, Refusal, Step, StepId};
use crate::observed::Discovery;
use crate::ownership::{Mark, Tags, marks};
use crate::spec::{DiscoveryTag, Spec, TagConflict};
use std::collections::{BTreeMap, BTreeSet};

/// EC2's limit of tags on a resource; those of AWS itself (`aws:`) do not count
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
const TAGS_MAX: usize = 50;

/// The resources that one CreateTags or DeleteTags call takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>).
const IDS_MAX: usize = 1000;

/// Subnets or security groups: what differs between them.
#[derive(Clone, Copy)]
struct Family<'a> {
    what: &'static str,
    property: &'static str,
    explicit: Option<&'a [String]>,
    formerly_explicit: Option<&'a [String]>,
    discovered: &'a BTreeSet<String>,
    there: &'a BTreeMap<String, Tags>,
}

/// Tags to write, grouped: the same tags on many resources are one call.
#[derive(Default)]
struct Calls {
    create: BTreeMap<Tags, Vec<String>>,
    delete_first: BTreeMap<Tags, Vec<String>>,
    delete_last: BTreeMap<Tags, Vec<String>>,
}

/// Plans the tags; gives the subnets and the security groups that carry them afterwards.
pub(super) fn converge(
    aim: Aim<'_>,
    discovery: &Discovery,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let subnets = Family {
        what: "subnets",
        property: "SubnetIds",
        explicit: aim.spec.subnet_ids.as_deref(),
        formerly_explicit: aim.old.and_then(|old| old.subnet_ids.as_deref()),
        discovered: &discovery.subnet_ids,
        there: &discovery.subnets,
    };
    let security_groups = Family {
        what: "security groups",
        property: "SecurityGroupIds",
        explicit: aim.spec.security_group_ids.as_deref(),
        formerly_explicit: aim.old.and_then(|old| old.security_group_ids.as_deref()),
        discovered: &discovery.security_group_ids,
        there: &discovery.security_groups,
    };
    let mut calls = Calls::default();
    let subnet_ids = family(aim, subnets, &mut calls, refusals, warnings);
    let security_group_ids = family(aim, security_groups, &mut calls, refusals, warnings);
    warnings.extend(two_cluster_groups(aim.spec, &security_group_ids, &discovery.security_groups));
    calls.into_steps(aim, plan);
    (subnet_ids, security_group_ids)
}

/// The tags that `ours` leave behind on a resource when they go: their marks, what those still note of before,
/// and the discovery tags that no other mark stands for.
pub(super) fn leavings(tags: &Tags, ours: &BTreeSet<Mark>) -> Tags {
    let mut leaving = Tags::new();
    for mark in ours {
        for key in [mark.key().to_owned(), mark.former_key()] {
            if let Some(note) = tags.get(&key) {
                leaving.extend(unneeded(tags, note, ours));
                leaving.insert(key, note.clone());
            }
        }
    }
    leaving
}

/// Groups what goes by what it is, and plans the calls.
pub(super) fn release<'a>(resources: impl Iterator<Item = (&'a String, &'a Tags)>, ours: &BTreeSet<Mark>, plan: &mut Plan, needs: &[StepId]) {
    let mut delete: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    for (id, tags) in resources {
        let leaving = leavings(tags, ours);
        if !leaving.is_empty() {
            delete.entry(leaving).or_default().push(id.clone());
        }
    }
    delete_steps(delete, plan, needs);
}

fn family(aim: Aim<'_>, family: Family<'_>, calls: &mut Calls, refusals: &mut Vec<Refusal>, warnings: &mut Vec<String>) -> BTreeSet<String> {
    let mark = aim.generation.mark();
    let marked = |tags: &Tags| tags.contains_key(mark.key()) || tags.contains_key(&mark.former_key());
    let wanted: BTreeSet<String> = match family.explicit {
        Some(ids) => ids.iter().cloned().collect(),
        None => family.discovered.clone(),
    };
    let mut carrying = BTreeSet::new();
    for (id, tags) in family.there.iter().filter(|(id, tags)| !wanted.contains(*id) && marked(tags)) {
        // Explicit lists are exact, the old one too; what was discovered stays though its node group goes.
        if family.explicit.is_some() || family.formerly_explicit.is_some_and(|ids| ids.contains(id)) {
            calls.delete_last.entry(leavings(tags, &[mark.clone()].into())).or_default().push(id.clone());
        } else {
            carry(aim, family, id, tags, calls, refusals, warnings, &mut carrying);
        }
    }
    if wanted.is_empty() && carrying.is_empty() {
        refusals.push(Refusal::NothingToDiscover { cluster: aim.spec.cluster_name.clone(), what: family.what, property: family.property });
    }
    let missing: Vec<_> = wanted.iter().filter(|id| !family.there.contains_key(*id)).map(String::as_str).collect();
    if !missing.is_empty() {
        refusals.push(Refusal::NoSuchResource {
            what: family.what,
            ids: missing.join(", "),
            property: family.property,
            does_not: if missing.len() == 1 { "does not" } else { "do not" },
            region: aim.spec.scope.region.clone(),
        });
    }
    for (id, tags) in wanted.iter().filter_map(|id| family.there.get_key_value(id)) {
        carry(aim, family, id, tags, calls, refusals, warnings, &mut carrying);
    }
    carrying
}

/// Sees to it that one resource carries the tag.
#[allow(clippy::too_many_arguments, reason = "each is another output of one decision")]
fn carry(
    aim: Aim<'_>,
    family: Family<'_>,
    id: &str,
    tags: &Tags,
    calls: &mut Calls,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<String>,
    carrying: &mut BTreeSet<String>,
) {
    let (tag, mark) = (&aim.spec.discovery_tag, aim.generation.mark());
    let ours: BTreeSet<Mark> = [mark.clone()].into();
    let noted = tag.noted();
    let relied_on = |note: &str| marks(tags).any(|(other, found)| other != mark && found == note);
    let note = tags.get(mark.key());
    let change = match tags.get(&tag.key) {
        Some(value) if *value == tag.value => match note {
            Some(note) if *note == noted => None,
            // Nobody's mark beside it: the user's own tag, used and not owned; ours for another tag goes.
            _ if !relied_on(&noted) => {
                let leaving = leavings(tags, &ours);
                if !leaving.is_empty() {
                    calls.delete_last.entry(leaving).or_default().push(id.to_owned());
                }
                carrying.insert(id.to_owned());
                return;
            }
            _ => Some(Tags::from([(mark.key().to_owned(), noted.clone())])),
        },
        Some(value) => {
            let other = DiscoveryTag { key: tag.key.clone(), value: value.clone() }.noted();
            if note != Some(&other) || relied_on(&other) {
                let conflict = Refusal::TagConflict {
                    id: id.to_owned(),
                    key: tag.key.clone(),
                    found: value.clone(),
                    wanted: tag.value.clone(),
                    property: family.property,
                };
                match aim.spec.tag_conflict {
                    TagConflict::Fail => refusals.push(conflict),
                    TagConflict::Skip => warnings.push(format!("{id} keeps its tag `{}` = `{value}` and is left out (TagConflict: Skip)", tag.key)),
                }
                return;
            }
            Some(Tags::from([(tag.key.clone(), tag.value.clone()), (mark.key().to_owned(), noted.clone())]))
        }
        None => Some(Tags::from([(tag.key.clone(), tag.value.clone()), (mark.key().to_owned(), noted.clone())])),
    };
    carrying.insert(id.to_owned());
    // What a run that was cut off left to be taken away.
    if let Some(former) = tags.get(&mark.former_key()) {
        let mut leaving = if *former == noted { Tags::new() } else { unneeded(tags, former, &ours) };
        leaving.insert(mark.former_key(), former.clone());
        calls.delete_first.entry(leaving).or_default().push(id.to_owned());
    }
    let Some(mut create) = change else { return };
    if let Some(note) = note.filter(|note| **note != noted) {
        let mut leaving = unneeded(tags, note, &ours);
        // A new value under the same key has taken the old one's place already.
        leaving.remove(&tag.key);
        if !leaving.is_empty() {
            create.insert(mark.former_key(), note.clone());
            leaving.insert(mark.former_key(), note.clone());
            calls.delete_last.entry(leaving).or_default().push(id.to_owned());
        }
    }
    let count = tags.keys().filter(|key| !key.starts_with("aws:")).count();
    let needed = create.keys().filter(|key| !tags.contains_key(*key)).count();
    if TAGS_MAX < count + needed {
        refusals.push(Refusal::TooManyTags { id: id.to_owned(), count, needed, property: family.property });
    }
    calls.create.entry(create).or_default().push(id.to_owned());
}

/// The discovery tag that a note stands for, if it is there and no other's mark stands for it.
fn unneeded(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> Tags {
    let relied_on = marks(tags).any(|(mark, other)| !ours.contains(&mark) && other == note);
    DiscoveryTag::from_note(note)
        .filter(|tag| !relied_on && tags.get(&tag.key) == Some(&tag.value))
        .map(|tag| Tags::from([(tag.key, tag.value)]))
        .unwrap_or_default()
}

impl Calls {
    fn into_steps(self, aim: Aim<'_>, plan: &mut Plan) {
        let first = delete_steps(self.delete_first, plan, &[]);
        let mut confirmed = Vec::new();
        for (tags, ids) in self.create {
            for ids in ids.chunks(IDS_MAX) {
                let created = plan.add(Step::CreateTags { ids: ids.to_vec(), tags: tags.clone() }, first.iter().copied());
                let confirm = Step::ConfirmTags { ids: ids.to_vec(), tag: aim.spec.discovery_tag.clone(), mark: aim.generation.mark() };
                confirmed.push(plan.add(confirm, [created]));
            }
        }
        delete_steps(self.delete_last, plan, &confirmed);
    }
}

fn delete_steps(calls: BTreeMap<Tags, Vec<String>>, plan: &mut Plan, needs: &[StepId]) -> Vec<StepId> {
    let mut steps = Vec::new();
    for (tags, ids) in calls {
        for ids in ids.chunks(IDS_MAX) {
            steps.push(plan.add(Step::DeleteTags { ids: ids.to_vec(), tags: tags.clone() }, needs.iter().copied()));
        }
    }
    steps
}

/// Load balancer controllers refuse a node with two groups of the cluster's own tag
/// (<https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1897>).
fn two_cluster_groups(spec: &Spec, ids: &BTreeSet<String>, there: &BTreeMap<String, Tags>) -> Option<String> {
    let key = format!("kubernetes.io/cluster/{}", spec.cluster_name);
    let tagged: Vec<_> = ids.iter().filter(|id| there.get(*id).is_some_and(|tags| tags.contains_key(&key))).map(String::as_str).collect();
    (1 < tagged.len()).then(|| {
        format!("{} all carry the tag `{key}`: Karpenter gives a node every group that it finds, and load balancer controllers take only one of them; set SecurityGroupIds", tagged.join(", "))
    })
}
