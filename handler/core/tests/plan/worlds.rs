//! Worlds with other people's things in them, and with none of the resource's own yet.

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
pub(crate) const GIVEN_ROLE: &str = "arn:aws:iam::111122223333:role/team/existing";
const GIVEN_ROLE_IN_AWS_AUTH: &str = "arn:aws:iam::111122223333:role/existing";

const ENTRY: &str = "- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: arn:aws:iam::111122223333:role/existing\n  username: system:node:{{EC2PrivateDNSName}}\n";

/// Texts of `mapRoles`; the edit itself has thousands in a suite of its own.
const MAP_ROLES: [&str; 9] = [
    "- rolearn: arn:aws:iam::111122223333:role/admin # break glass\n  username: admin\n  groups: [system:masters]\n",
    "- groups:\n  - system:masters\n  rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin",
    "[{\"rolearn\":\"arn:aws:iam::111122223333:role/admin\",\"username\":\"admin\",\"groups\":[\"system:masters\"]}]",
    "- rolearn: arn:aws:iam::111122223333:role/ops\r\n  username: ops\r\n  groups: []\r\n",
    "",
    "[]\n",
    "null\n",
    "``",
    "# nobody yet\n",
];

/// A world: mostly one that can be converged.
pub(crate) fn worlds() -> BoxedStrategy<World> {
    let clusters = (eks(CLUSTERS[0]), eks(CLUSTERS[1]));
    let subnets = SUBNETS.map(|_| tags());
    let security_groups = SECURITY_GROUPS.map(|_| tags());
    let squatters = subsequence(SQUATTERS.to_vec(), 0..=1);
    let made_by_hand = (often(), prop::bool::weighted(0.9));
    (clusters, subnets, security_groups, prop_oneof![9 => Just(Vec::new()), 1 => squatters], made_by_hand)
        .prop_map(|(clusters, subnets, security_groups, squatters, (given, has_provider))| {
            let mut world = empty();
            world.clusters = CLUSTERS.iter().map(|name| (*name).to_owned()).zip([clusters.0, clusters.1]).collect();
            let ids = SUBNETS.iter().chain(&SECURITY_GROUPS).map(|id| (*id).to_owned());
            world.resources = ids.zip(subnets.into_iter().chain(security_groups)).collect();
            if !given {
                world.roles.clear();
            }
            if !has_provider {
                world.oidc_providers.clear();
            }
            for (name, profile) in squatters {
                if profile {
                    world.profiles.insert(name.to_lowercase(), self::profile(name, &[]));
                } else {
                    world.roles.insert(name.to_lowercase(), role(name, "/"));
                }
            }
            world
        })
        .boxed()
}

/// Names that somebody else has taken already, and whether by a profile.
const SQUATTERS: [(&str, bool); 6] = [
    ("karpenternoderole-DEMO", false),
    ("Nodes", false),
    ("Controller", false),
    ("KarpenterNodeInstanceProfile-demo", true),
    ("Workers", true),
    ("KarpenterControllerRole-demo", false),
];

/// Two clusters without anything, a role to be given, and OIDC providers; no subnets.
pub(crate) fn empty() -> World {
    let mut world = World::default();
    for name in CLUSTERS {
        world.clusters.insert(name.to_owned(), cluster(name));
        world.oidc_providers.insert(oidc_provider_arn(name), oidc_provider(name));
    }
    let mut given = role("existing", "/team/");
    given.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    world.roles.insert("existing".to_owned(), given);
    world
}

/// A plain world: two subnets, a security group, a node group with all of them, and aws-auth with an admin.
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

/// A cluster's OIDC provider, made by hand.
pub(crate) fn oidc_provider(cluster: &str) -> OidcProvider {
    let client_ids = vec!["sts.amazonaws.com".to_owned()];
    OidcProvider { arn: oidc_provider_arn(cluster), client_ids, tags: Tags::new() }
}

pub(crate) fn oidc_provider_arn(cluster: &str) -> String {
    format!("arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/{cluster}")
}

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

/// An access entry of nobody's.
pub(crate) fn access_entry(cluster: &str, role_arn: &str, kind: &str) -> AccessEntry {
    let arn = format!("arn:aws:eks:eu-west-1:111122223333:access-entry/{cluster}/{role_arn}");
    AccessEntry { arn, kind: kind.to_owned(), tags: Tags::new(), created_at: Timestamp::UNIX_EPOCH }
}

/// A role of somebody else's.
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

/// An instance profile of nobody's.
pub(crate) fn profile(name: &str, roles: &[&str]) -> InstanceProfile {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    InstanceProfile { name: name.to_owned(), path: "/".to_owned(), roles, tags: Tags::new() }
}

/// A generation of a stack that is not under test.
pub(crate) fn stranger(number: u8) -> Marker {
    let identity = Identity {
        cluster_name: CLUSTERS[0].to_owned(),
        node_role_arn: GIVEN_ROLE.to_owned(),
        controller_role_name: format!("stranger-{number}"),
        instance_profile_name: String::new(),
        path: "/".to_owned(),
    };
    Generation::of(OTHER_STACK, "Stranger", &identity).marker()
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
            if let Some((kind, is_strangers)) = entry {
                let mut entry = access_entry(name, GIVEN_ROLE, kind);
                if is_strangers {
                    entry.tags = made_by(OTHER_STACK, "Stranger");
                    entry.tags.insert(stranger(0).key().to_owned(), "elsewhere".to_owned());
                }
                eks.access_entries.insert(GIVEN_ROLE.to_owned(), entry);
            }
            eks
        })
        .boxed()
}

fn aws_auth() -> impl Strategy<Value = Option<ConfigMap>> {
    let text = proptest::option::weighted(0.9, select(&MAP_ROLES[..]));
    // Of the role that is given: nobody's, a stranger's, or said otherwise.
    let given = prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    let some = (text, given, any::<bool>(), any::<bool>()).prop_map(|(text, given, has_more, annotated)| {
        let mut map = ConfigMap { map_roles: text.map(str::to_owned), has_more, ..ConfigMap::default() };
        if annotated {
            map.annotations.insert("team".to_owned(), "platform".to_owned());
        }
        if given != 0 {
            map.map_roles =
                Some(if given == 3 { ENTRY.replace("system:nodes", "system:others") } else { ENTRY.to_owned() });
        }
        if given == 2 {
            map.annotations.insert(stranger(0).key().to_owned(), GIVEN_ROLE_IN_AWS_AUTH.to_owned());
        }
        map
    });
    prop_oneof![1 => Just(None), 6 => some.prop_map(Some)]
}

/// The tags of a subnet or a security group: of its owner, and discovery tags of others.
fn tags() -> BoxedStrategy<Tags> {
    let named = proptest::option::of(Just("Name"));
    let filler = prop_oneof![60 => Just(0_u8), 1 => 44..=50_u8];
    (named, discovered("karpenter.sh/discovery"), discovered("team/discovery"), filler)
        .prop_map(|(named, one, other, filler)| {
            let mut tags: Tags = named.map(|key| (key.to_owned(), "eks".to_owned())).into_iter().collect();
            tags.insert("aws:cloudformation:stack-name".to_owned(), "network".to_owned());
            tags.extend(one);
            tags.extend(other);
            tags.extend((0..filler).map(|number| (format!("filler-{number}"), String::new())));
            tags
        })
        .boxed()
}

/// A discovery tag: none, the user's own, that of one stranger or two, or another cluster's.
fn discovered(key: &'static str) -> impl Strategy<Value = Tags> {
    let whose = prop_oneof![40 => Just(0_u8), 8 => Just(1), 6 => Just(2), 4 => Just(3), 1 => Just(4)];
    (whose, prop_oneof![12 => Just("demo"), 1 => Just("shared")]).prop_map(move |(whose, value)| {
        let value = if whose == 4 { "foreign" } else { value };
        // A stranger has one marker on a resource, so each key has its own.
        let first = if key.starts_with("team") { 2 } else { 0 };
        let strangers = (0..whose.saturating_sub(1).min(2))
            .map(|number| (stranger(first + number).key().to_owned(), format!("{key}={value}")));
        let mut tags: Tags = strangers.collect();
        if whose != 0 {
            tags.insert(key.to_owned(), value.to_owned());
        }
        tags
    })
}

fn often() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.95)
}

/// The owner tag of that resource.
pub(crate) fn made_by(stack_id: &str, logical_resource_id: &str) -> Tags {
    let owner = Owner { stack_id: stack_id.to_owned(), logical_resource_id: logical_resource_id.to_owned() };
    Tags::from([(OWNER_KEY.to_owned(), owner.tag_value())])
}
