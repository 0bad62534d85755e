//! Every problem, by an example that meets it alone, and the remedy that its text names.

use crate::life::Resource;
use crate::model::{Look, World};
use crate::properties::{OTHER_STACK, STACK, spec_of};
use crate::worlds::{
    GIVEN_ROLE, SUBNETS, access_entry, made_by, oidc_provider, oidc_provider_arn, plain, profile, role,
};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::observed::{
    AuthenticationMode, ConfigMap, InstanceProfile, Observed, OidcProvider, PassRoleDecision, PassRoleDenial,
    PodIdentityAssociation, Running,
};
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{Problem, Problems, Target, reconcile};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a problem is called: a new one is missed here until it has its example.
fn name(problem: &Problem) -> &'static str {
    match problem {
        Problem::NoCluster { .. } => "NoCluster",
        Problem::ClusterNotReady { .. } => "ClusterNotReady",
        Problem::NoIssuer { .. } => "NoIssuer",
        Problem::NoOidcProvider { .. } => "NoOidcProvider",
        Problem::NoAudience { .. } => "NoAudience",
        Problem::RoleTaken { .. } => "RoleTaken",
        Problem::InstanceProfileTaken { .. } => "InstanceProfileTaken",
        Problem::OtherPath { .. } => "OtherPath",
        Problem::OtherSpelling { .. } => "OtherSpelling",
        Problem::OneRoleForBoth { .. } => "OneRoleForBoth",
        Problem::ProfileHoldsOther { .. } => "ProfileHoldsOther",
        Problem::ProfileServesOther { .. } => "ProfileServesOther",
        Problem::ControllerServesOther { .. } => "ControllerServesOther",
        Problem::NoNodeRole { .. } => "NoNodeRole",
        Problem::PassRoleNotAllowed { .. } => "PassRoleNotAllowed",
        Problem::PassRoleDenied { .. } => "PassRoleDenied",
        Problem::PassRoleUnknown { .. } => "PassRoleUnknown",
        Problem::QueueOutOfBounds { .. } => "QueueOutOfBounds",
        Problem::BoundsUnreadable { .. } => "BoundsUnreadable",
        Problem::UnknownPolicy { .. } => "UnknownPolicy",
        Problem::TooManyObjectTags { .. } => "TooManyObjectTags",
        Problem::TooManyPolicies { .. } => "TooManyPolicies",
        Problem::NothingToDiscover { .. } => "NothingToDiscover",
        Problem::NoSuchResource { .. } => "NoSuchResource",
        Problem::TagConflict { .. } => "TagConflict",
        Problem::TooManyTags { .. } => "TooManyTags",
        Problem::NoAwsAuth { .. } => "NoAwsAuth",
        Problem::NoAccessEntries { .. } => "NoAccessEntries",
        Problem::OtherAccessEntry { .. } => "OtherAccessEntry",
        Problem::DeadAccessEntry { .. } => "DeadAccessEntry",
        Problem::AssociationTaken { .. } => "AssociationTaken",
        Problem::AwsAuth(_) => "AwsAuth",
        Problem::OtherProfiles { .. } => "OtherProfiles",
        Problem::RunningNodes { .. } => "RunningNodes",
    }
}

const VARIANTS: usize = 34;

/// The problem's name, what the message must say, the properties, and the world, made from a plain one.
type Example = (&'static str, &'static [&'static str], Value, fn(&mut World));

fn examples() -> Vec<Example> {
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
                taken.tags = made_by(OTHER_STACK, "More");
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
            let mut moved = role("KarpenterNodeRole-demo", "/old/");
            moved.tags = made_by(STACK, "Prereqs");
            world.roles.insert("karpenternoderole-demo".into(), moved);
        }),
        (
            "OtherSpelling",
            &["`Nodes` exists", "Set NodeRoleName to `Nodes`"],
            json!({"NodeRoleName": "nodes", "InstanceProfileName": "p"}),
            |world| {
                let mut spelled = role("Nodes", "/");
                spelled.tags = made_by(STACK, "Prereqs");
                world.roles.insert("nodes".into(), spelled);
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
                let mut held = profile(name, &["existing"]);
                held.tags = made_by(STACK, "Prereqs");
                held.tags.insert(crate::worlds::stranger(0).key().into(), String::new());
                world.profiles.insert(name.to_lowercase(), held);
            },
        ),
        (
            "ControllerServesOther",
            &["`KarpenterControllerPolicy-other`", "Set ControllerRoleName to another name"],
            none(),
            |world| {
                let mut busy = role("KarpenterControllerRole-demo", "/");
                busy.tags = made_by(STACK, "Prereqs");
                busy.tags.insert(crate::worlds::stranger(0).key().into(), GIVEN_ROLE.into());
                busy.inline.insert("KarpenterControllerPolicy-other".into(), Some(json!({})));
                world.roles.insert("karpentercontrollerrole-demo".into(), busy);
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
            full.tags = made_by(STACK, "More");
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
                full.tags = made_by(STACK, "Prereqs");
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
            "TagConflict",
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
        // The role is yet to be made: what the entry was made for is gone.
        (
            "DeadAccessEntry",
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
                    role_arn: GIVEN_ROLE.into(),
                    has_session_tags: true,
                    tags: Tags::new(),
                };
                let account = ServiceAccount { namespace: "karpenter".into(), name: "karpenter".into() };
                world.demo().associations.insert(account, association);
            },
        ),
        // Another resource of the same stack has it lead to its own role.
        (
            "AssociationTaken",
            &["belongs to the resource arn:aws:cloudformation:", "/Other.", "set ServiceAccount"],
            json!({"ControllerIdentity": "PodIdentity", "ControllerRoleName": "another"}),
            |world| {
                let other = Resource::of(STACK, "Other");
                let spec =
                    spec_of(json!({"ControllerIdentity": "PodIdentity", "NodeRoleName": "a", "NodeAccess": "None"}));
                *world = other.converge(world, &spec, None, crate::life::Run::whole(&[])).unwrap();
            },
        ),
        ("AwsAuth", &["line 2", "Correct mapRoles"], none(), |world| {
            world.demo().aws_auth = listing("- rolearn: a\n  x: [\n");
        }),
        ("AwsAuth", &["it must be a list"], none(), |world| world.demo().aws_auth = listing("rolearn: a\n")),
        ("AwsAuth", &["system:masters", "Remove that entry, or choose another node role"], none(), |world| {
            world.demo().aws_auth = listing(
                "- rolearn: arn:aws:iam::111122223333:role/KarpenterNodeRole-demo\n  username: n\n  groups: [system:masters]\n",
            );
        }),
    ]
}

#[test]
fn every_problem_has_a_code_and_a_remedy() {
    let mut met = BTreeSet::new();
    for (expected, remedies, raw, edit) in examples() {
        let mut world = plain();
        edit(&mut world);
        let problems = Resource::of(STACK, "Prereqs").plan(&world, &spec_of(raw), None).unwrap_err();
        met.insert(judged(&problems, expected, remedies));
    }
    met.insert(judged(&unknown_policy(), "UnknownPolicy", &["Correct the ARN", "ControllerPolicyArns"]));
    for (denial, name, remedies) in [
        (PassRoleDenial::Implicit, "PassRoleNotAllowed", ["implicitDeny", "NodeRoleArns of function.yaml"]),
        (PassRoleDenial::Explicit, "PassRoleDenied", ["explicitDeny", "Remove the Deny"]),
        (PassRoleDenial::UnknownRole, "PassRoleUnknown", ["EXECUTION_ROLE_ARN", "Deploy the function's stack again"]),
    ] {
        met.insert(judged(&may_not_pass_node_role(denial), name, &remedies));
    }
    let queue = ["InterruptionQueueArns of function.yaml", "Choose another queue", ":Karpenter*"];
    let bounds = r#"{"InterruptionQueueArns": ["arn:aws:sqs:eu-west-1:111122223333:Karpenter*"]}"#;
    met.insert(judged(&out_of_bounds(bounds), "QueueOutOfBounds", &queue));
    met.insert(judged(&out_of_bounds("{"), "BoundsUnreadable", &["BOUNDS", "Deploy the function's stack again"]));
    met.insert(judged(&other_profiles(), "OtherProfiles", &["`eks-123`", "Delete Karpenter's EC2NodeClasses"]));
    met.insert(judged(&running_nodes(), "RunningNodes", &["`i-1`", "`eks-123`", "update RunningNodes to Ignore"]));
    assert_eq!(met.len(), VARIANTS, "not met: all but {met:?}");
}

#[test]
fn all_problems_are_reported_together() {
    let mut world = plain();
    world.oidc_providers.clear();
    world.demo().aws_auth = listing("rolearn: a\n");
    let problems = Resource::of(STACK, "Prereqs")
        .plan(&world, &spec_of(json!({"SubnetIds": "subnet-0000000f"})), None)
        .unwrap_err();
    let names: Vec<_> = problems.0.iter().map(name).collect();
    assert_eq!(names, ["NoOidcProvider", "NoSuchResource", "AwsAuth"]);
    assert_eq!(problems.to_string().matches(". KP").count(), 2);
}

fn judged(problems: &Problems, expected: &str, remedies: &[&str]) -> &'static str {
    let [problem] = problems.0.as_slice() else { panic!("{expected} is not alone: {problems}") };
    assert_eq!(name(problem), expected, "{problems}");
    let message = problems.to_string();
    assert!(message.starts_with("KP00"), "{message}");
    for remedy in remedies {
        assert!(message.contains(remedy), "`{remedy}` is not in: {message}");
    }
    name(problem)
}

/// IAM's policies are not in the model: this is what the function would have read.
fn unknown_policy() -> Problems {
    let spec = spec_of(json!({"ControllerPolicyArns": policies(1)}));
    let policies = spec.controller_policy_arns.iter().cloned().collect();
    problems(&plain(), &spec, &Bounds::default(), |observed| observed.unknown_policies = policies)
}

/// The profile holds the role of `NodeRoleArn` already, so that nothing but a simulation tells.
fn may_not_pass_node_role(denial: PassRoleDenial) -> Problems {
    let spec = spec_of(json!({"NodeRoleArn": GIVEN_ROLE, "InstanceProfileName": "held", "ExistingObjects": "Adopt"}));
    let mut world = plain();
    world.profiles.insert("held".into(), profile("held", &["existing"]));
    problems(&world, &spec, &Bounds::default(), |observed| {
        observed.pass_role = PassRoleDecision::Denied(denial);
    })
}

fn out_of_bounds(bounds: &str) -> Problems {
    let spec = spec_of(json!({"InterruptionQueueArn": "arn:aws:sqs:eu-west-1:111122223333:payments"}));
    problems(&plain(), &spec, &Bounds::read(Some(bounds)), |_| {})
}

/// The problem of a Create, where the function reads what the model does not have.
fn problems(world: &World, spec: &Spec, bounds: &Bounds, reads: impl FnOnce(&mut Observed)) -> Problems {
    let resource = Resource::of(STACK, "Prereqs");
    let generation = resource.generation(spec);
    let mut observed = world.observed(spec, &[generation.marker()].into(), Look::Reconcile(None));
    reads(&mut observed);
    reconcile(Target { spec, old: None, owner: &resource.0, generation: &generation, bounds }, &observed).unwrap_err()
}

/// Karpenter makes profiles of its own for the role in an EC2NodeClass.
fn other_profiles() -> Problems {
    use crate::life::Run;
    let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.converge(&plain(), &spec, None, Run::whole(&[])).unwrap();
    world.profiles.insert("eks-123".into(), profile("eks-123", &["KarpenterNodeRole-demo"]));
    resource.plan_release(&world, &spec).unwrap_err()
}

/// Of the profiles that hold the node role, Karpenter's own too.
fn running_nodes() -> Problems {
    use crate::life::Run;
    let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.converge(&plain(), &spec, None, Run::whole(&[])).unwrap();
    world.profiles.insert("eks-123".into(), of_karpenter("eks-123"));
    world.running.push(Running { id: "i-1".into(), instance_profile: "eks-123".into() });
    resource.plan_release(&world, &spec).unwrap_err()
}

/// A profile that Karpenter made for the cluster on the node role.
fn of_karpenter(name: &str) -> InstanceProfile {
    let mut profile = profile(name, &["KarpenterNodeRole-demo"]);
    profile.tags.insert("kubernetes.io/cluster/demo".into(), "owned".into());
    profile.tags.insert("topology.kubernetes.io/region".into(), "eu-west-1".into());
    profile.tags.insert("karpenter.k8s.aws/ec2nodeclass".into(), "default".into());
    profile
}

/// What Karpenter made for the cluster goes with the node role.
#[test]
fn karpenters_own_profiles_go_with_the_role() {
    use crate::life::Run;
    let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.converge(&plain(), &spec, None, Run::whole(&[])).unwrap();
    world.profiles.insert("eks-123".into(), of_karpenter("eks-123"));
    assert_eq!(resource.release(&world, &spec, Run::whole(&[])).unwrap(), plain());
}

fn listing(text: &str) -> Option<ConfigMap> {
    let mut map = plain().demo().aws_auth.take()?;
    map.map_roles = Some(text.to_owned());
    Some(map)
}

fn filler(count: usize) -> Tags {
    (0..count).map(|number| (format!("ours-{number}"), String::new())).collect()
}

fn policies(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("arn:aws:iam::aws:policy/Ours{number}")).collect()
}
