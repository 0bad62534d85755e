//! The discovery tag on subnets and security groups.
//!
//! Beside the tag stands each generation's mark, whose value is the tag `key=value` that it stands for, so that
//! one who looks at a subnet alone can tell whether the tag is ours and who else relies on it.

use crate::desired::discovery_tag::DiscoveryTag;
use crate::desired::spec::{Spec, TagConflict};
use crate::identity::ownership::{Mark, Tags};
use crate::plan::context::{Context, Draft};
use crate::plan::discovery_tag::{self, Change, Fate, TAGS_MAX, leavings};
use crate::plan::problem::Problem;
use crate::plan::step::{Claim, Ec2Step, Step, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// The resources that one CreateTags or DeleteTags call takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>).
const IDS_MAX: usize = 1000;

/// What follows where the tag in the way is this resource's own, which goes with CloudFormation's clean-up.
const OF_BEFORE: &str = ": the tag is this resource's own from before its replacement, which takes it away when this Update is complete; then change Revision";

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

/// What is being planned.
struct Tagging<'a> {
    context: Context<'a>,
    claim: Claim,
    calls: Calls,
    draft: &'a mut Draft,
}

/// Tags to write, grouped: the same tags on many resources are one call.
#[derive(Default)]
struct Calls {
    delete_first: BTreeMap<Tags, Vec<String>>,
    create: BTreeMap<Tags, Vec<String>>,
    delete_last: BTreeMap<Tags, Vec<String>>,
    /// With the tags of each: it is left, by the rules of one that goes.
    leave: BTreeMap<String, Tags>,
    gives_up: bool,
}

/// What is planned of the tags.
#[derive(Debug, Default)]
pub(crate) struct Tagged {
    /// The subnets that carry the tag afterwards.
    pub(crate) subnet_ids: BTreeSet<String>,
    /// The security groups likewise.
    pub(crate) security_group_ids: BTreeSet<String>,
    /// Whether a tag is given up for another: then another look tells whether it goes.
    pub(crate) gives_up: bool,
}

/// Plans the tags.
pub(crate) fn reconcile(context: Context<'_>, draft: &mut Draft) -> Tagged {
    let Context { spec, old, observed, .. } = context;
    let discovery = &observed.discovery;
    let subnets = Family {
        what: "subnets",
        property: "SubnetIds",
        explicit: spec.subnet_ids.as_deref(),
        formerly_explicit: old.and_then(|old| old.subnet_ids.as_deref()),
        discovered: &discovery.subnet_ids,
        there: &discovery.subnets,
    };
    let security_groups = Family {
        what: "security groups",
        property: "SecurityGroupIds",
        explicit: spec.security_group_ids.as_deref(),
        formerly_explicit: old.and_then(|old| old.security_group_ids.as_deref()),
        discovered: &discovery.security_group_ids,
        there: &discovery.security_groups,
    };
    let claim = Claim {
        tag: spec.discovery_tag.clone(),
        mark: context.generation.mark(),
        instead_of: old.map(|old| old.discovery_tag.clone()),
    };
    let mut tagging = Tagging { context, claim, calls: Calls::default(), draft: &mut *draft };
    let subnet_ids = tagging.family(subnets);
    let security_group_ids = tagging.family(security_groups);
    let gives_up = tagging.calls.gives_up;
    let Tagging { claim, calls, .. } = tagging;
    calls.into_steps(&claim, draft);
    draft.warnings.extend(two_cluster_groups(spec, &security_group_ids, &discovery.security_groups));
    Tagged { subnet_ids, security_group_ids, gives_up }
}

/// Plans that these marks go, and the discovery tags with the last marks that stand for them.
///
/// Others may go at the same time, each seeing the other; or come, and find the tag there. So each first says that it is
/// about to go, and then looks again: whoever said so last sees that of all, and whoever comes sees it said.
pub(crate) fn tear_down<'a>(
    resources: impl Iterator<Item = (&'a String, &'a Tags)>,
    ours: &BTreeSet<Mark>,
    needs: &[StepId],
    draft: &mut Draft,
) {
    let (mut without, mut tagged) = (Vec::new(), BTreeMap::new());
    for (id, tags) in resources {
        let notes = discovery_tag::leaving_notes(tags, ours);
        if notes.is_empty() {
            without.push((id, tags));
        } else {
            tagged.entry(notes).or_insert_with(Vec::new).push(id.clone());
        }
    }
    delete_steps(leavings(without, ours), needs, draft);
    for (tags, ids) in tagged {
        for ids in ids.chunks(IDS_MAX).map(<[String]>::to_vec) {
            let said =
                draft.add(Ec2Step::AnnounceTagRemoval { ids: ids.clone(), tags: tags.clone() }, needs.iter().copied());
            draft.add(Ec2Step::RemoveUnclaimedTags { ids, marks: ours.clone() }, [said]);
        }
    }
}

impl Tagging<'_> {
    /// Gives those that carry the tag afterwards.
    fn family(&mut self, family: Family<'_>) -> BTreeSet<String> {
        let spec = self.context.spec;
        let former_key = self.claim.mark.former_key();
        let wanted: BTreeSet<&String> = match family.explicit {
            Some(ids) => ids.iter().collect(),
            None => family.discovered.iter().collect(),
        };
        let mut carrying = BTreeSet::new();
        for (id, tags) in family.there {
            // Explicit lists are exact, the old one too; what was discovered stays though its node group goes.
            let listed = family.explicit.is_some() || family.formerly_explicit.is_some_and(|ids| ids.contains(id));
            let marked = tags.contains_key(self.claim.mark.key()) || tags.contains_key(&former_key);
            if wanted.contains(id) || marked && !listed {
                if self.carry(family, id, tags) {
                    carrying.insert(id.clone());
                }
            } else if marked {
                self.calls.leave(id, tags);
            }
        }
        if wanted.is_empty() && carrying.is_empty() {
            let (cluster, what, property) = (spec.cluster_name.clone(), family.what, family.property);
            self.draft.report(Problem::NothingToDiscover { cluster, what, property });
        }
        let missing: Vec<_> =
            wanted.into_iter().filter(|id| !family.there.contains_key(*id)).map(String::as_str).collect();
        if !missing.is_empty() {
            self.draft.report(Problem::NoSuchResource {
                what: family.what,
                ids: missing.join(", "),
                property: family.property,
                does_not: if missing.len() == 1 { "does not" } else { "do not" },
                region: spec.scope.region.clone(),
            });
        }
        carrying
    }

    /// Sees to it that one resource carries the tag; gives whether it will.
    fn carry(&mut self, family: Family<'_>, id: &str, tags: &Tags) -> bool {
        match discovery_tag::fate(tags, &self.claim) {
            Fate::Carries(change) => {
                let kept = tags
                    .keys()
                    .filter(|key| !key.starts_with("aws:") && !change.delete_first.contains_key(*key))
                    .count();
                let needed = change
                    .create
                    .keys()
                    .filter(|key| change.delete_first.contains_key(*key) || !tags.contains_key(*key))
                    .count();
                if TAGS_MAX < kept + needed {
                    self.draft.report(Problem::TooManyTags {
                        id: id.to_owned(),
                        count: kept,
                        needed,
                        property: family.property,
                    });
                }
                self.calls.add(id, change);
                true
            }
            Fate::Used => {
                self.calls.leave(id, tags);
                true
            }
            Fate::Conflict { found } => {
                let tag = &self.claim.tag;
                match self.context.spec.tag_conflict {
                    TagConflict::Fail => self.draft.report(Problem::TagConflict {
                        id: id.to_owned(),
                        key: tag.key.clone(),
                        found,
                        wanted: tag.value.clone(),
                        property: family.property,
                    }),
                    TagConflict::Skip => {
                        self.draft.warnings.push(format!(
                            "{id} keeps its tag `{}` = `{found}` and is left out (TagConflict: Skip){}",
                            tag.key,
                            if self.is_of_before(tags, &tag.key, &found) { OF_BEFORE } else { "" }
                        ));
                        self.calls.leave(id, tags);
                    }
                }
                false
            }
        }
    }

    /// Whether the tag is noted by the generation that this one takes the place of.
    fn is_of_before(&self, tags: &Tags, key: &str, value: &str) -> bool {
        let note = DiscoveryTag { key: key.to_owned(), value: value.to_owned() }.noted();
        let former = self.context.old.map(|old| self.context.owner.generation(&old.identity()).mark());
        former.is_some_and(|mark| mark != self.claim.mark && tags.get(mark.key()) == Some(&note))
    }
}

impl Calls {
    fn add(&mut self, id: &str, change: Change) {
        let Change { delete_first, create, delete_last, gives_up } = change;
        self.gives_up |= gives_up;
        for (calls, tags) in
            [(&mut self.delete_first, delete_first), (&mut self.create, create), (&mut self.delete_last, delete_last)]
        {
            if !tags.is_empty() {
                calls.entry(tags).or_default().push(id.to_owned());
            }
        }
    }

    fn leave(&mut self, id: &str, tags: &Tags) {
        self.leave.insert(id.to_owned(), tags.clone());
    }

    fn into_steps(self, claim: &Claim, draft: &mut Draft) {
        let first = delete_steps(self.delete_first, &[], draft);
        let mut confirmed = Vec::new();
        for (tags, ids) in self.create {
            for ids in ids.chunks(IDS_MAX) {
                let created =
                    draft.add(Ec2Step::CreateTags { ids: ids.to_vec(), tags: tags.clone() }, first.iter().copied());
                let confirm = Step::Ec2(Ec2Step::VerifyTags { ids: ids.to_vec(), claim: claim.clone() });
                confirmed.push(draft.add(confirm, [created]));
            }
        }
        delete_steps(self.delete_last, &confirmed, draft);
        tear_down(self.leave.iter(), &[claim.mark.clone()].into(), &confirmed, draft);
    }
}

fn delete_steps(calls: BTreeMap<Tags, Vec<String>>, needs: &[StepId], draft: &mut Draft) -> Vec<StepId> {
    let mut steps = Vec::new();
    for (tags, ids) in calls {
        for ids in ids.chunks(IDS_MAX) {
            steps.push(draft.add(Ec2Step::DeleteTags { ids: ids.to_vec(), tags: tags.clone() }, needs.iter().copied()));
        }
    }
    steps
}

/// Load balancer controllers refuse a node with two groups of the cluster's own tag
/// (<https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1897>).
fn two_cluster_groups(spec: &Spec, ids: &BTreeSet<String>, there: &BTreeMap<String, Tags>) -> Option<String> {
    let key = format!("kubernetes.io/cluster/{}", spec.cluster_name);
    let tagged: Vec<_> = ids
        .iter()
        .filter(|id| there.get(*id).is_some_and(|tags| tags.contains_key(&key)))
        .map(String::as_str)
        .collect();
    (1 < tagged.len()).then(|| {
        format!("{} all carry the tag `{key}`: Karpenter gives a node every group that it finds, and load balancer controllers take only one of them; set SecurityGroupIds", tagged.join(", "))
    })
}
