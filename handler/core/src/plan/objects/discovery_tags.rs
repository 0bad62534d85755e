//! The discovery tag on subnets and security groups.
//!
//! Each generation that needs the tag writes its ownership marker beside it, with the value `key=value` of the tag. So the tags
//! of one subnet alone say whether the discovery tag is ours, and which other generations need it.

use crate::desired::discovery_tag::DiscoveryTag;
use crate::desired::spec::{Spec, TagConflict};
use crate::identity::ownership::{Marker, Tags};
use crate::plan::context::{Context, Draft};
use crate::plan::problem::Problem;
use crate::plan::step::{Claim, Ec2Step, Step, StepId};
use crate::plan::tag_protocol::{self, Change, TAGS_MAX, TagDecision, tags_to_delete};
use crate::plan::warning::Warning;
use std::collections::{BTreeMap, BTreeSet};

/// The resources that one CreateTags or DeleteTags call takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>).
const IDS_MAX: usize = 1000;

/// What differs between subnets and security groups.
#[derive(Clone, Copy)]
struct ResourceKind<'a> {
    plural: &'static str,
    property: &'static str,
    /// The ids in the property, if it is set.
    explicit: Option<&'a [String]>,
    /// The ids in the previous properties, if it was set.
    previously_explicit: Option<&'a [String]>,
    discovered: &'a BTreeSet<String>,
    /// All resources that were read, with their tags.
    existing: &'a BTreeMap<String, Tags>,
}

/// Collects the tags of all resources.
struct TagPlanner<'a> {
    context: Context<'a>,
    claim: Claim,
    calls: TagCalls,
    draft: &'a mut Draft,
}

/// Tags with the ids of their resources. One call writes the same tags on many resources.
#[derive(Default)]
struct TagCalls {
    delete_first: BTreeMap<Tags, Vec<String>>,
    create: BTreeMap<Tags, Vec<String>>,
    delete_last: BTreeMap<Tags, Vec<String>>,
    /// Resources that lose our marker, with their tags.
    untag: BTreeMap<String, Tags>,
    keeps_previous_tag: bool,
}

/// The resources that have the tag after the plan.
#[derive(Debug, Default)]
pub(crate) struct Tagged {
    pub(crate) subnet_ids: BTreeSet<String>,
    pub(crate) security_group_ids: BTreeSet<String>,
    /// Whether a resource keeps its previous tag until the next snapshot.
    pub(crate) keeps_previous_tag: bool,
}

/// Plans the tags.
pub(crate) fn reconcile(context: Context<'_>, draft: &mut Draft) -> Tagged {
    let Context { spec, previous, observed, .. } = context;
    let discovery = &observed.discovery;
    let subnets = ResourceKind {
        plural: "subnets",
        property: "SubnetIds",
        explicit: spec.subnet_ids.as_deref(),
        previously_explicit: previous.and_then(|previous| previous.subnet_ids.as_deref()),
        discovered: &discovery.subnet_ids,
        existing: &discovery.subnets,
    };
    let security_groups = ResourceKind {
        plural: "security groups",
        property: "SecurityGroupIds",
        explicit: spec.security_group_ids.as_deref(),
        previously_explicit: previous.and_then(|previous| previous.security_group_ids.as_deref()),
        discovered: &discovery.security_group_ids,
        existing: &discovery.security_groups,
    };
    let claim = Claim {
        tag: spec.discovery_tag.clone(),
        marker: context.generation.marker(),
        previous: previous.map(|previous| previous.discovery_tag.clone()),
    };
    let mut planner = TagPlanner { context, claim, calls: TagCalls::default(), draft: &mut *draft };
    let subnet_ids = planner.plan_kind(subnets);
    let security_group_ids = planner.plan_kind(security_groups);
    let keeps_previous_tag = planner.calls.keeps_previous_tag;
    let TagPlanner { claim, calls, .. } = planner;
    calls.into_steps(&claim, draft);
    draft.warnings.extend(two_cluster_groups(spec, &security_group_ids, &discovery.security_groups));
    Tagged { subnet_ids, security_group_ids, keeps_previous_tag }
}

/// Plans the removal of these markers, and of each discovery tag that only they name.
///
/// Other generations may remove their markers at the same moment, and each may still read the other's. Another may claim the tag
/// and find it present. So each first replaces its marker by a departing marker, and then reads the tags again. The last to
/// write reads all departing markers, and a new claim reads them too.
pub(crate) fn tear_down<'a>(
    resources: impl Iterator<Item = (&'a String, &'a Tags)>,
    own: &BTreeSet<Marker>,
    needs: &[StepId],
    draft: &mut Draft,
) {
    let (mut without_marker, mut departing) = (Vec::new(), BTreeMap::new());
    for (id, tags) in resources {
        let markers = tag_protocol::departing_markers(tags, own);
        if markers.is_empty() {
            without_marker.push((id, tags));
        } else {
            departing.entry(markers).or_insert_with(Vec::new).push(id.clone());
        }
    }
    delete_steps(tags_to_delete(without_marker, own), needs, draft);
    for (tags, ids) in departing {
        for ids in ids.chunks(IDS_MAX).map(<[String]>::to_vec) {
            let announced =
                draft.add(Ec2Step::AnnounceTagRemoval { ids: ids.clone(), tags: tags.clone() }, needs.iter().copied());
            draft.add(Ec2Step::RemoveUnclaimedTags { ids, markers: own.clone() }, [announced]);
        }
    }
}

impl TagPlanner<'_> {
    /// Plans all resources of a kind, and returns those that have the tag afterwards.
    fn plan_kind(&mut self, kind: ResourceKind<'_>) -> BTreeSet<String> {
        let spec = self.context.spec;
        let previous_tag_key = self.claim.marker.previous_tag_key();
        let wanted: BTreeSet<&String> = match kind.explicit {
            Some(ids) => ids.iter().collect(),
            None => kind.discovered.iter().collect(),
        };
        let mut tagged = BTreeSet::new();
        for (id, tags) in kind.existing {
            // An explicit list is exact, also in the previous properties. A discovered resource keeps its tag after its node
            // group is deleted.
            let is_exact = kind.explicit.is_some() || kind.previously_explicit.is_some_and(|ids| ids.contains(id));
            let has_marker = tags.contains_key(self.claim.marker.key()) || tags.contains_key(&previous_tag_key);
            if wanted.contains(id) || has_marker && !is_exact {
                if self.plan_resource(kind, id, tags) {
                    tagged.insert(id.clone());
                }
            } else if has_marker {
                self.calls.untag(id, tags);
            }
        }
        if wanted.is_empty() && tagged.is_empty() {
            let (cluster, what, property) = (spec.cluster_name.clone(), kind.plural, kind.property);
            self.draft.report(Problem::NothingToDiscover { cluster, what, property });
        }
        let missing: Vec<_> =
            wanted.into_iter().filter(|id| !kind.existing.contains_key(*id)).map(String::as_str).collect();
        if !missing.is_empty() {
            self.draft.report(Problem::NoSuchResource {
                what: kind.plural,
                ids: missing.join(", "),
                property: kind.property,
                does_not: if missing.len() == 1 { "does not" } else { "do not" },
                region: spec.scope.region.clone(),
            });
        }
        tagged
    }

    /// Plans one resource, and returns whether it has the tag afterwards.
    fn plan_resource(&mut self, kind: ResourceKind<'_>, id: &str, tags: &Tags) -> bool {
        match tag_protocol::decide(tags, &self.claim) {
            TagDecision::Tag(change) => {
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
                        property: kind.property,
                    });
                }
                self.calls.add(id, change);
                true
            }
            TagDecision::Used => {
                self.calls.untag(id, tags);
                true
            }
            TagDecision::Conflict { found } => {
                let tag = &self.claim.tag;
                match self.context.spec.tag_conflict {
                    TagConflict::Fail => self.draft.report(Problem::TagTaken {
                        id: id.to_owned(),
                        key: tag.key.clone(),
                        found,
                        wanted: tag.value.clone(),
                        property: kind.property,
                    }),
                    TagConflict::Skip => {
                        self.draft.warnings.push(Warning::ResourceSkipped {
                            id: id.to_owned(),
                            key: tag.key.clone(),
                            is_of_replaced: self.is_tag_of_replaced(tags, &tag.key, &found),
                            found,
                        });
                        self.calls.untag(id, tags);
                    }
                }
                false
            }
        }
    }

    /// Returns whether the marker of the replaced generation names the tag.
    fn is_tag_of_replaced(&self, tags: &Tags, key: &str, value: &str) -> bool {
        let value = DiscoveryTag { key: key.to_owned(), value: value.to_owned() }.marker_value();
        let replaced =
            self.context.previous.map(|previous| self.context.owner.generation(&previous.identity()).marker());
        replaced.is_some_and(|marker| marker != self.claim.marker && tags.get(marker.key()) == Some(&value))
    }
}

impl TagCalls {
    fn add(&mut self, id: &str, change: Change) {
        let Change { delete_first, create, delete_last, keeps_previous_tag } = change;
        self.keeps_previous_tag |= keeps_previous_tag;
        for (calls, tags) in
            [(&mut self.delete_first, delete_first), (&mut self.create, create), (&mut self.delete_last, delete_last)]
        {
            if !tags.is_empty() {
                calls.entry(tags).or_default().push(id.to_owned());
            }
        }
    }

    fn untag(&mut self, id: &str, tags: &Tags) {
        self.untag.insert(id.to_owned(), tags.clone());
    }

    fn into_steps(self, claim: &Claim, draft: &mut Draft) {
        let first = delete_steps(self.delete_first, &[], draft);
        let mut verified = Vec::new();
        for (tags, ids) in self.create {
            for ids in ids.chunks(IDS_MAX) {
                let created =
                    draft.add(Ec2Step::CreateTags { ids: ids.to_vec(), tags: tags.clone() }, first.iter().copied());
                let verify = Step::Ec2(Ec2Step::VerifyTags { ids: ids.to_vec(), claim: claim.clone() });
                verified.push(draft.add(verify, [created]));
            }
        }
        delete_steps(self.delete_last, &verified, draft);
        tear_down(self.untag.iter(), &[claim.marker.clone()].into(), &verified, draft);
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

/// Returns a warning if several security groups have the cluster's own tag. Load balancer controllers refuse such a node
/// (<https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1897>).
fn two_cluster_groups(spec: &Spec, ids: &BTreeSet<String>, existing: &BTreeMap<String, Tags>) -> Option<Warning> {
    let key = format!("kubernetes.io/cluster/{}", spec.cluster_name);
    let tagged: Vec<_> = ids
        .iter()
        .filter(|id| existing.get(*id).is_some_and(|tags| tags.contains_key(&key)))
        .map(String::as_str)
        .collect();
    (1 < tagged.len()).then(|| Warning::TwoClusterGroups { ids: tagged.join(", "), key })
}
