//! Generates accounts that have objects of others, and no object of the resources under test yet.

use crate::model::{Eks, World};
use crate::properties::OTHER_STACK;
use jiff::Timestamp;
use karpenter_prereqs_core::identity::ownership::{Generation, Identity, Marker, OWNER_KEY, Owner, Tags};
use karpenter_prereqs_core::observed::{
    AccessEntry, AuthenticationMode, Cluster, ConfigMap, InstanceProfile, OidcProvider, Role,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const CLUSTERS: [&str; 2] = ["demo", "other"];
pub(crate) const SUBNETS: [&str; 4] = ["subnet-0000000a", "subnet-0000000b", "subnet-0000000c", "subnet-0000000d"];
pub(crate) const SECURITY_GROUPS: [&str; 3] = ["sg-0000000a", "sg-0000000b", "sg-0000000c"];
pub(crate) const EXISTING_ROLE_ARN: &str = "arn:aws:iam::111122223333:role/team/existing";
const EXISTING_ROLE_IN_AWS_AUTH: &str = "arn:aws:iam::111122223333:role/existing";

/// The entry in aws-auth for [`EXISTING_ROLE_ARN`], equal to the entry that a plan would add.
const ENTRY: &str = "- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: arn:aws:iam::111122223333:role/existing\n  username: system:node:{{EC2PrivateDNSName}}\n";

/// Texts of `mapRoles`. The fuzzer tests the edit with many more.
const MAP_ROLES: [&str; 9] = [
    "- rolearn: arn:aws:iam::111122223333:role/admin # break glass\n  username: admin\n  groups: [system:masters]\n",
    "- groups:\n  - system:masters\n  rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin",
    "[{\"rolearn\":\"arn:aws:iam::111122223333:role/admin\",\"username\":\"admin\",\"groups\":[\"system:masters\"]}]",
    "- rolearn: arn:aws:iam::111122223333:role/ops\r\n  username: ops\r\n  groups: []\r\n",
    "",
    "[]\n",
    "null\n",
    "``",
    "# no roles yet\n",
];

/// Generates accounts. Most of them can be reconciled without a problem.
pub(crate) fn worlds() -> BoxedStrategy<World> {
    let clusters = (eks(CLUSTERS[0]), eks(CLUSTERS[1]));
    let subnets = SUBNETS.map(|_| tags());
    let security_groups = SECURITY_GROUPS.map(|_| tags());
    let taken_names = subsequence(TAKEN_NAMES.to_vec(), 0..=1);
    let manual_objects = (prop::bool::weighted(0.95), prop::bool::weighted(0.9));
    (clusters, subnets, security_groups, prop_oneof![9 => Just(Vec::new()), 1 => taken_names], manual_objects)
        .prop_map(|(clusters, subnets, security_groups, taken_names, (has_role, has_provider))| {
            let mut world = empty();
            world.clusters = CLUSTERS.iter().map(|name| (*name).to_owned()).zip([clusters.0, clusters.1]).collect();
            let ids = SUBNETS.iter().chain(&SECURITY_GROUPS).map(|id| (*id).to_owned());
            world.resources = ids.zip(subnets.into_iter().chain(security_groups)).collect();
            if !has_role {
                world.roles.clear();
            }
            if !has_provider {
                world.oidc_providers.clear();
            }
            for (name, is_profile) in taken_names {
                if is_profile {
                    world.profiles.insert(name.to_lowercase(), profile(name, &[]));
                } else {
                    world.roles.insert(name.to_lowercase(), role(name, "/"));
                }
            }
            world
        })
        .boxed()
}

/// Names that a foreign object already has, and whether it is an instance profile. The others are roles.
const TAKEN_NAMES: [(&str, bool); 6] = [
    ("karpenternoderole-DEMO", false),
    ("Nodes", false),
    ("Controller", false),
    ("KarpenterNodeInstanceProfile-demo", true),
    ("Workers", true),
    ("KarpenterControllerRole-demo", false),
];

/// Returns an account with two empty clusters, their OIDC providers and the role [`EXISTING_ROLE_ARN`], without subnets.
pub(crate) fn empty() -> World {
    let mut world = World::default();
    for name in CLUSTERS {
        world.clusters.insert(name.to_owned(), cluster(name));
        world.oidc_providers.insert(oidc_provider_arn(name), oidc_provider(name));
    }
    let mut existing = role("existing", "/team/");
    existing.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    world.roles.insert("existing".to_owned(), existing);
    world
}

/// Returns the account of most examples. The cluster `demo` has a node group with two subnets and a security group, and an
/// aws-auth with one administrator.
pub(crate) fn plain() -> World {
    let mut world = empty();
    let demo = world.clusters.entry(CLUSTERS[0].to_owned()).or_insert_with(|| cluster(CLUSTERS[0]));
    demo.subnet_ids = SUBNETS[..2].iter().map(|id| (*id).to_owned()).collect();
    demo.security_group_ids = [SECURITY_GROUPS[0].to_owned()].into();
    demo.aws_auth = Some(ConfigMap { map_roles: Some(MAP_ROLES[0].to_owned()), ..ConfigMap::default() });
    for id in demo.subnet_ids.iter().chain(&demo.security_group_ids) {
        world.resources.insert(id.clone(), Tags::from([("Name".to_owned(), id.clone())]));
    }
    world
}

/// Returns the OIDC provider of a cluster, without our tags.
pub(crate) fn oidc_provider(cluster: &str) -> OidcProvider {
    let client_ids = vec!["sts.amazonaws.com".to_owned()];
    OidcProvider { arn: oidc_provider_arn(cluster), client_ids, tags: Tags::new() }
}

pub(crate) fn oidc_provider_arn(cluster: &str) -> String {
    format!("arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/{cluster}")
}

/// Returns an active cluster that uses aws-auth, without node groups and without a ConfigMap.
pub(crate) fn cluster(name: &str) -> Eks {
    Eks {
        cluster: Cluster {
            status: "ACTIVE".to_owned(),
            endpoint: "https://example.eks.amazonaws.com".to_owned(),
            certificate_authority: String::new(),
            issuer: Some(format!("https://oidc.eks.eu-west-1.amazonaws.com/id/{name}")),
            authentication_mode: AuthenticationMode::ConfigMap,
            security_group_id: None,
        },
        subnet_ids: BTreeSet::new(),
        security_group_ids: BTreeSet::new(),
        aws_auth: None,
        access_entries: BTreeMap::new(),
        associations: BTreeMap::new(),
    }
}

/// Returns an access entry without tags.
pub(crate) fn access_entry(cluster: &str, role_arn: &str, kind: &str) -> AccessEntry {
    let arn = format!("arn:aws:eks:eu-west-1:111122223333:access-entry/{cluster}/{role_arn}");
    AccessEntry { arn, kind: kind.to_owned(), tags: Tags::new(), created_at: Timestamp::UNIX_EPOCH }
}

/// Returns a role of the CloudFormation stack `network`, without our tags.
pub(crate) fn role(name: &str, path: &str) -> Role {
    Role {
        name: name.to_owned(),
        path: path.to_owned(),
        trust: json!({"Version": "2012-10-17", "Statement": []}),
        tags: Tags::from([("aws:cloudformation:stack-name".to_owned(), "network".to_owned())]),
        attached: BTreeSet::new(),
        inline: BTreeMap::new(),
        created_at: Timestamp::UNIX_EPOCH,
        permissions_boundary: None,
    }
}

/// Returns an instance profile without tags.
pub(crate) fn profile(name: &str, roles: &[&str]) -> InstanceProfile {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    InstanceProfile { name: name.to_owned(), path: "/".to_owned(), roles, tags: Tags::new() }
}

/// Returns the marker of a generation of another stack of this kind, which is not under test.
pub(crate) fn foreign_marker(number: u8) -> Marker {
    let identity = Identity {
        cluster_name: CLUSTERS[0].to_owned(),
        node_role_arn: EXISTING_ROLE_ARN.to_owned(),
        controller_role_name: format!("foreign-{number}"),
        instance_profile_name: String::new(),
        path: "/".to_owned(),
    };
    Generation::of(OTHER_STACK, "Foreign", &identity).marker()
}

fn eks(name: &'static str) -> BoxedStrategy<Eks> {
    let mode = prop_oneof![
        9 => Just(AuthenticationMode::ConfigMap),
        9 => Just(AuthenticationMode::ApiAndConfigMap),
        3 => Just(AuthenticationMode::Api),
    ];
    let subnets = prop_oneof![1 => Just(vec![]), 9 => subsequence(&SUBNETS[..], 1..=SUBNETS.len())];
    let groups = prop_oneof![1 => Just(vec![]), 9 => subsequence(&SECURITY_GROUPS[..], 1..=SECURITY_GROUPS.len())];
    let kind = prop_oneof![4 => Just("EC2_LINUX"), 1 => Just("STANDARD")];
    let entry = proptest::option::weighted(0.2, (kind, any::<bool>()));
    let status = prop_oneof![19 => Just("ACTIVE"), 9 => Just("UPDATING"), 1 => Just("CREATING")];
    (mode, subnets, groups, aws_auth(), entry, status)
        .prop_map(move |(mode, subnets, groups, aws_auth, entry, status)| {
            let mut eks = cluster(name);
            eks.cluster.authentication_mode = mode;
            status.clone_into(&mut eks.cluster.status);
            eks.subnet_ids = subnets.into_iter().map(str::to_owned).collect();
            eks.security_group_ids = groups.into_iter().map(str::to_owned).collect();
            eks.aws_auth = aws_auth;
            if let Some((kind, is_foreign)) = entry {
                let mut entry = access_entry(name, EXISTING_ROLE_ARN, kind);
                if is_foreign {
                    entry.tags = owner_tag(OTHER_STACK, "Foreign");
                    entry.tags.insert(foreign_marker(0).key().to_owned(), "elsewhere".to_owned());
                }
                eks.access_entries.insert(EXISTING_ROLE_ARN.to_owned(), entry);
            }
            eks
        })
        .boxed()
}

fn aws_auth() -> impl Strategy<Value = Option<ConfigMap>> {
    let text = proptest::option::weighted(0.9, select(&MAP_ROLES[..]));
    // The entry for the existing role: none, equal without a marker, equal with a foreign marker, or with other groups.
    let entry = prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    let some = (text, entry, any::<bool>(), any::<bool>()).prop_map(|(text, entry, has_more, annotated)| {
        let mut map = ConfigMap { map_roles: text.map(str::to_owned), has_more, ..ConfigMap::default() };
        if annotated {
            map.annotations.insert("team".to_owned(), "platform".to_owned());
        }
        if entry != 0 {
            map.map_roles =
                Some(if entry == 3 { ENTRY.replace("system:nodes", "system:others") } else { ENTRY.to_owned() });
        }
        if entry == 2 {
            map.annotations.insert(foreign_marker(0).key().to_owned(), EXISTING_ROLE_IN_AWS_AUTH.to_owned());
            map.is_field_manager = true;
        }
        map
    });
    prop_oneof![1 => Just(None), 6 => some.prop_map(Some)]
}

/// Generates the tags of a subnet or a security group: tags of its owner, and discovery tags of others.
fn tags() -> BoxedStrategy<Tags> {
    let name = proptest::option::of(Just("Name"));
    let filler = prop_oneof![60 => Just(0_u8), 1 => 44..=50_u8];
    (name, discovery_tag("karpenter.sh/discovery"), discovery_tag("team/discovery"), filler)
        .prop_map(|(name, one, other, filler)| {
            let mut tags: Tags = name.map(|key| (key.to_owned(), "eks".to_owned())).into_iter().collect();
            tags.insert("aws:cloudformation:stack-name".to_owned(), "network".to_owned());
            tags.extend(one);
            tags.extend(other);
            tags.extend((0..filler).map(|number| (format!("filler-{number}"), String::new())));
            tags
        })
        .boxed()
}

/// Generates a discovery tag with its markers: none, the user's own tag, the tag of one or two foreign generations, or the tag of
/// another cluster.
fn discovery_tag(key: &'static str) -> impl Strategy<Value = Tags> {
    let kind = prop_oneof![40 => Just(0_u8), 8 => Just(1), 6 => Just(2), 4 => Just(3), 1 => Just(4)];
    (kind, prop_oneof![12 => Just("demo"), 1 => Just("shared")]).prop_map(move |(kind, value)| {
        let value = if kind == 4 { "foreign" } else { value };
        // A generation has one marker on a resource, so each key needs other generations.
        let first = if key.starts_with("team") { 2 } else { 0 };
        let markers = (0..kind.saturating_sub(1).min(2))
            .map(|number| (foreign_marker(first + number).key().to_owned(), format!("{key}={value}")));
        let mut tags: Tags = markers.collect();
        if kind != 0 {
            tags.insert(key.to_owned(), value.to_owned());
        }
        tags
    })
}

/// Returns the owner tag of an object that this resource created.
pub(crate) fn owner_tag(stack_id: &str, logical_resource_id: &str) -> Tags {
    let owner = Owner { stack_id: stack_id.to_owned(), logical_resource_id: logical_resource_id.to_owned() };
    Tags::from([(OWNER_KEY.to_owned(), owner.tag_value())])
}
