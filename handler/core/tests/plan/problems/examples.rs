//! An example of each problem that the model can cause.

use crate::generators::{
    EXISTING_ROLE_ARN, SUBNETS, access_entry, foreign_marker, oidc_provider, oidc_provider_arn, owner_tag, plain,
    profile, role,
};
use crate::harness::{Resource, Run};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, spec_of};
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::observed::{AuthenticationMode, ConfigMap, OidcProvider, PodIdentityAssociation};
use serde_json::{Value, json};

/// The name of the problem, parts of its message, the properties, and the change of a plain world that causes it.
pub(super) type Example = (&'static str, &'static [&'static str], Value, fn(&mut World));

/// Returns the examples of problems that the model can cause.
pub(super) fn examples() -> Vec<Example> {
    let none = || json!({});
    vec![
        ("NoCluster", &["Correct ClusterName", "eu-west-1"], none(), |world| world.clusters.clear()),
        ("ClusterNotReady", &["CREATING", "Wait until it is ACTIVE"], none(), |world| {
            world.demo().cluster.status = "CREATING".into();
        }),
        ("NoIssuer", &["Wait until it is ACTIVE"], none(), |world| world.demo().cluster.issuer = None),
        ("NoOidcProvider", &["associate-iam-oidc-provider --cluster demo"], none(), |world| {
            world.oidc_providers.clear();
        }),
        (
            "NoAudience",
            &["add-client-id-to-open-id-connect-provider", "--client-id sts.amazonaws.com"],
            none(),
            |world| {
                let client_ids = vec!["sigstore".into()];
                world
                    .oidc_providers
                    .insert(oidc_provider_arn("demo"), OidcProvider { client_ids, ..oidc_provider("demo") });
            },
        ),
        (
            "RoleTaken",
            &[
                "belongs to the stack `network`",
                "Set NodeRoleName",
                "set NodeRoleArn to use this role unchanged",
                "ExistingObjects to Adopt",
            ],
            none(),
            |world| {
                world.roles.insert("karpenternoderole-demo".into(), role("karpenternoderole-DEMO", "/"));
            },
        ),
        (
            "RoleTaken",
            &["the resource arn:aws:cloudformation:eu-west-1:111122223333:stack/two/0b/More", "Set ControllerRoleName"],
            none(),
            |world| {
                let mut taken = role("KarpenterControllerRole-demo", "/");
                taken.tags = owner_tag(OTHER_STACK, "More");
                world.roles.insert("karpentercontrollerrole-demo".into(), taken);
            },
        ),
        (
            "InstanceProfileTaken",
            &["already exists and has no owner tag", "Set InstanceProfileName"],
            none(),
            |world| {
                world.profiles.insert(
                    "karpenternodeinstanceprofile-demo".into(),
                    profile("KarpenterNodeInstanceProfile-demo", &[]),
                );
            },
        ),
        ("OtherPath", &["`/old/`", "Set NodeRoleName to another name"], none(), |world| {
            let mut role = role("KarpenterNodeRole-demo", "/old/");
            role.tags = owner_tag(STACK, "Prereqs");
            world.roles.insert("karpenternoderole-demo".into(), role);
        }),
        (
            "OtherSpelling",
            &["`Nodes` exists", "Set NodeRoleName to `Nodes`"],
            json!({"NodeRoleName": "nodes", "InstanceProfileName": "p"}),
            |world| {
                let mut role = role("Nodes", "/");
                role.tags = owner_tag(STACK, "Prereqs");
                world.roles.insert("nodes".into(), role);
            },
        ),
        (
            "OneRoleForBoth",
            &["Set NodeRoleName or ControllerRoleName to another name"],
            json!({"NodeRoleName": "karpenter", "ControllerRoleName": "Karpenter"}),
            |_| {},
        ),
        (
            "ProfileHoldsOther",
            &["contains role `existing`", "aws iam remove-role-from-instance-profile", "another name"],
            json!({"ExistingObjects": "Adopt"}),
            |world| {
                let name = "KarpenterNodeInstanceProfile-demo";
                world.profiles.insert(name.to_lowercase(), profile(name, &["existing"]));
            },
        ),
        (
            "ProfileServesOther",
            &["contains role `existing`", "Set InstanceProfileName to another name"],
            none(),
            |world| {
                let name = "KarpenterNodeInstanceProfile-demo";
                let mut shared = profile(name, &["existing"]);
                shared.tags = owner_tag(STACK, "Prereqs");
                shared.tags.insert(foreign_marker(0).key().into(), String::new());
                world.profiles.insert(name.to_lowercase(), shared);
            },
        ),
        (
            "ControllerServesOther",
            &["`KarpenterControllerPolicy-other`", "Set ControllerRoleName to another name"],
            none(),
            |world| {
                let mut shared = role("KarpenterControllerRole-demo", "/");
                shared.tags = owner_tag(STACK, "Prereqs");
                shared.tags.insert(foreign_marker(0).key().into(), EXISTING_ROLE_ARN.into());
                shared.inline.insert("KarpenterControllerPolicy-other".into(), Some(json!({})));
                world.roles.insert("karpentercontrollerrole-demo".into(), shared);
            },
        ),
        (
            "InlinePoliciesTooLarge",
            &["`theirs` 9505", "10240", "managed policies", "ControllerRoleName"],
            none(),
            |world| {
                let mut full = role("KarpenterControllerRole-demo", "/");
                full.tags = owner_tag(STACK, "Prereqs");
                full.inline.insert("theirs".into(), Some(json!({"a": "b".repeat(9_497) + " "})));
                world.roles.insert("karpentercontrollerrole-demo".into(), full);
            },
        ),
        (
            "NoNodeRole",
            &["Correct the ARN", "remove NodeRoleArn"],
            json!({"NodeRoleArn": "arn:aws:iam::111122223333:role/none"}),
            |_| {},
        ),
        (
            "NoNodeRole",
            &["path and letter case"],
            json!({"NodeRoleArn": "arn:aws:iam::111122223333:role/existing"}),
            |_| {},
        ),
        ("NoNodeRole", &["account"], json!({"NodeRoleArn": "arn:aws:iam::999999999999:role/team/existing"}), |_| {}),
        ("TooManyObjectTags", &["51 tags", "Remove tags"], json!({"Tags": filler(20)}), |world| {
            let mut full = role("KarpenterNodeRole-demo", "/");
            full.tags = owner_tag(STACK, "More");
            full.tags.extend((0..29).map(|number| (format!("theirs-{number}"), String::new())));
            world.roles.insert("karpenternoderole-demo".into(), full);
        }),
        (
            "TooManyPolicies",
            &["11 managed policies", "Remove policies from NodePolicyArns"],
            json!({"NodePolicyArns": policies(7)}),
            |_| {},
        ),
        (
            "TooManyPolicies",
            &["12 managed policies", "ControllerPolicyArns", "detach others"],
            json!({"ControllerPolicyArns": policies(3)}),
            |world| {
                let mut full = role("KarpenterControllerRole-demo", "/");
                full.tags = owner_tag(STACK, "Prereqs");
                full.attached.extend((0..9).map(|number| format!("arn:aws:iam::aws:policy/Theirs{number}")));
                world.roles.insert("karpentercontrollerrole-demo".into(), full);
            },
        ),
        (
            "NothingToDiscover",
            &["no managed node group from which to discover subnets", "Set SubnetIds"],
            none(),
            |world| {
                world.demo().subnet_ids.clear();
            },
        ),
        ("NothingToDiscover", &["security groups", "Set SecurityGroupIds"], none(), |world| {
            world.demo().security_group_ids.clear();
        }),
        (
            "NoSuchResource",
            &["subnets subnet-0000000f of SubnetIds does not exist", "Correct SubnetIds"],
            json!({"SubnetIds": [SUBNETS[0], "subnet-0000000f"]}),
            |_| {},
        ),
        (
            "TagTaken",
            &[
                "`karpenter.sh/discovery` = `theirs`",
                "Set TagConflict to Skip",
                "other SubnetIds",
                "delete the tag if no cluster uses it",
            ],
            none(),
            |world| {
                world.resources.get_mut(SUBNETS[0]).unwrap().insert("karpenter.sh/discovery".into(), "theirs".into());
            },
        ),
        ("TooManyTags", &["has 49 tags", "needs 2 more", "set SubnetIds without it"], none(), |world| {
            world
                .resources
                .get_mut(SUBNETS[0])
                .unwrap()
                .extend((0..48).map(|number| (format!("theirs-{number}"), String::new())));
        }),
        ("NoAwsAuth", &["Set NodeAccess to AccessEntry, or remove it"], json!({"NodeAccess": "AwsAuth"}), |world| {
            world.demo().cluster.authentication_mode = AuthenticationMode::Api;
        }),
        (
            "NoAccessEntries",
            &["Set NodeAccess to AwsAuth", "aws eks update-cluster-config --name demo"],
            json!({"NodeAccess": "AccessEntry"}),
            |_| {},
        ),
        (
            "OtherAccessEntry",
            &[
                "type STANDARD",
                "If nothing uses this entry",
                "aws eks delete-access-entry --cluster-name demo --principal-arn",
            ],
            none(),
            |world| {
                let demo = world.demo();
                demo.cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
                let role = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";
                demo.access_entries.insert(role.into(), access_entry("demo", role, "STANDARD"));
            },
        ),
        // The node role does not exist yet, so the entry belongs to a deleted role of the same name.
        (
            "OutdatedAccessEntry",
            &["older than the role", "aws eks delete-access-entry --cluster-name demo --principal-arn"],
            none(),
            |world| {
                let demo = world.demo();
                demo.cluster.authentication_mode = AuthenticationMode::ApiAndConfigMap;
                let role = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";
                demo.access_entries.insert(role.into(), access_entry("demo", role, "EC2_LINUX"));
            },
        ),
        (
            "AssociationTaken",
            &["aws eks delete-pod-identity-association --cluster-name demo --association-id a-1", "set ServiceAccount"],
            json!({"ControllerIdentity": "PodIdentity"}),
            |world| {
                let association = PodIdentityAssociation {
                    id: "a-1".into(),
                    arn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/demo/a-1".into(),
                    role_arn: EXISTING_ROLE_ARN.into(),
                    has_session_tags: true,
                    tags: Tags::new(),
                };
                let account = ServiceAccount { namespace: "karpenter".into(), name: "karpenter".into() };
                world.demo().associations.insert(account, association);
            },
        ),
        // Another resource of the same stack owns the association, and its controller role.
        (
            "AssociationTaken",
            &["belongs to the resource arn:aws:cloudformation:", "/Other.", "set ServiceAccount"],
            json!({"ControllerIdentity": "PodIdentity", "ControllerRoleName": "another"}),
            |world| {
                let other = Resource::new(STACK, "Other");
                let spec =
                    spec_of(json!({"ControllerIdentity": "PodIdentity", "NodeRoleName": "a", "NodeAccess": "None"}));
                *world = other.reconcile(world, &spec, None, Run::complete(&[])).unwrap();
            },
        ),
        ("AwsAuth", &["line 2", "Correct mapRoles"], none(), |world| {
            world.demo().aws_auth = with_map_roles("- rolearn: a\n  x: [\n");
        }),
        ("AwsAuth", &["it must be a list"], none(), |world| world.demo().aws_auth = with_map_roles("rolearn: a\n")),
        ("AwsAuth", &["system:masters", "Remove that entry, or choose another node role"], none(), |world| {
            world.demo().aws_auth = with_map_roles(
                "- rolearn: arn:aws:iam::111122223333:role/KarpenterNodeRole-demo\n  username: n\n  groups: [system:masters]\n",
            );
        }),
    ]
}

/// Returns the ConfigMap of a plain world with this text of mapRoles.
pub(super) fn with_map_roles(text: &str) -> Option<ConfigMap> {
    let mut map = plain().demo().aws_auth.take()?;
    map.map_roles = Some(text.to_owned());
    Some(map)
}

/// Returns this number of tags.
fn filler(count: usize) -> Tags {
    (0..count).map(|number| (format!("ours-{number}"), String::new())).collect()
}

/// Returns the ARNs of this number of policies.
pub(super) fn policies(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("arn:aws:iam::aws:policy/Ours{number}")).collect()
}
