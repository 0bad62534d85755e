//! What the controller's documents allow and what they do not, by the word of an IAM simulator that is not ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a failure with its place, in a helper as in a test"
)]

mod karpenter;
mod linter;
mod simulator;

use karpenter::{OURS, Setting, calls};
use karpenter_prereqs_core::documents::policy::{Place, controller};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::karpenter_version::{FIRST_SCOPED, KarpenterVersions, Minor, NEWEST};
use serde_json::Value;
use simulator::{ACCOUNT, Request, Verdict, verdicts};
use std::collections::{BTreeMap, BTreeSet};

/// Every release whose permissions go by tags.
fn scoped() -> impl Iterator<Item = Minor> {
    (32..=37).map(|minor| Minor(0, minor)).chain((0..=15).map(|minor| Minor(1, minor)))
}

/// How `KarpenterVersion` names it.
fn version(release: Minor) -> String {
    format!("{release}.0")
}

fn document(karpenter_versions: &[String]) -> Value {
    let stack = format!("arn:aws:cloudformation:{}:{ACCOUNT}:stack/s/0a", OURS.region);
    let scope = Scope::of_stack(&stack).unwrap();
    let node_role_arns = BTreeSet::from([scope.role_arn("/", OURS.node_role)]);
    controller(
        Place {
            scope: &scope,
            cluster_name: OURS.cluster,
            node_role_arns: &node_role_arns,
            interruption_queue_arn: None,
        },
        &KarpenterVersions::new(karpenter_versions),
    )
}

/// What a controller might do that is none of its business.
const ASTRAY: [(&str, Setting); 5] = [
    ("another cluster's", Setting { cluster: "other", ..OURS }),
    ("another region's", Setting { region: "us-east-1", ..OURS }),
    ("without tags", Setting { is_tagged: false, ..OURS }),
    ("with another role", Setting { node_role: "admin", ..OURS }),
    ("passed to another service", Setting { passed_to: "lambda.amazonaws.com", ..OURS }),
];

/// The requests of one release that are none that any of these makes itself, whatever else IAM sees of it.
fn astray(karpenter_versions: &[Minor], release: Minor, at: Setting) -> Vec<Request> {
    let own: Vec<_> = karpenter_versions.iter().flat_map(|release| calls(*release, OURS)).collect();
    let is_own = |request: &Request| {
        own.iter().any(|own| {
            let is_seen = own.context.iter().all(|(key, value)| request.context.get(key) == Some(value));
            own.action == request.action && own.resource == request.resource && is_seen
        })
    };
    calls(release, at).into_iter().filter(|request| !is_own(request)).collect()
}

/// Judges each request under the document of its name, and tells every one that IAM sees otherwise.
fn judge(policies: &BTreeMap<String, Value>, requests: &[(String, Request)], expected: Verdict) {
    let verdicts = verdicts(policies, requests);
    let other: Vec<_> = requests.iter().zip(&verdicts).filter(|(_, verdict)| **verdict != expected).collect();
    for ((policy, request), verdict) in &other {
        eprintln!("{policy}: {verdict:?}: {request:?}");
    }
    assert_eq!(other.len(), 0, "of {} that should be {expected:?}", requests.len());
}

fn of_each(names: impl IntoIterator<Item = Vec<String>>) -> BTreeMap<String, Value> {
    names
        .into_iter()
        .map(|karpenter_versions| (karpenter_versions.join(" and "), document(&karpenter_versions)))
        .collect()
}

#[test]
fn all_scoped_releases_are_tried() {
    assert_eq!((scoped().next(), scoped().last()), (Some(FIRST_SCOPED), Some(NEWEST)));
}

/// Each release, and the pairs of those that somebody upgrades between: to the next, and to the newest.
fn chosen() -> Vec<Vec<Minor>> {
    let next = scoped().zip(scoped().skip(1)).map(|(one, next)| vec![one, next]);
    let newest = scoped().filter(|one| *one != NEWEST).map(|one| vec![one, NEWEST]);
    scoped().map(|one| vec![one]).chain(next).chain(newest).collect()
}

/// A name, the document, and the requests that are made of every one of its karpenter_versions.
fn tried(requests: impl Fn(&[Minor], Minor) -> Vec<Request>) -> (BTreeMap<String, Value>, Vec<(String, Request)>) {
    let mut policies = BTreeMap::new();
    let mut all = Vec::new();
    for karpenter_versions in chosen() {
        let versions: Vec<_> = karpenter_versions.iter().copied().map(version).collect();
        let name = versions.join(" and ");
        policies.insert(name.clone(), document(&versions));
        let made = karpenter_versions.iter().flat_map(|release| requests(&karpenter_versions, *release));
        all.extend(made.map(|request| (name.clone(), request)));
    }
    (policies, all)
}

/// Each release's controller may do all that it does, under its own document and under that of an upgrade.
#[test]
fn a_controller_may_do_what_it_does() {
    let (policies, requests) = tried(|_, release| calls(release, OURS));
    judge(&policies, &requests, Verdict::Allowed);
}

/// No document lets a controller touch what is not this cluster's.
#[test]
fn a_controller_may_do_nothing_else() {
    let (policies, requests) = tried(|karpenter_versions, release| {
        let astray = ASTRAY.map(|(what, at)| {
            let asked = astray(karpenter_versions, release, at);
            assert!(!asked.is_empty(), "{release}: {what}");
            asked
        });
        astray.into_iter().flatten().collect()
    });
    judge(&policies, &requests, Verdict::ImplicitlyDenied);
}

/// What the simulator cannot judge: AWS's own parameters have no account in their ARN, and it knows none such.
#[test]
fn a_controller_may_read_the_parameters_of_aws_alone() {
    for release in scoped() {
        let document = document(&[version(release)]);
        let statements = document["Statement"].as_array().unwrap();
        let reading: Vec<_> = statements.iter().filter(|it| it["Action"] == "ssm:GetParameter").collect();
        assert_eq!(reading.len(), 1);
        assert_eq!(reading[0]["Resource"], format!("arn:aws:ssm:{}::parameter/aws/service/*", OURS.region));
    }
}

/// What the newest controller is denied with the baseline alone: what the user is warned of.
#[test]
fn the_baseline_denies_the_newest_controller_this() {
    let policies = of_each([vec!["baseline".to_owned()]]);
    let requests: Vec<_> = calls(NEWEST, OURS).into_iter().map(|request| ("baseline".to_owned(), request)).collect();
    let verdicts = verdicts(&policies, &requests);
    let denied: BTreeSet<_> = requests
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| *verdict != Verdict::Allowed)
        .map(|((_, request), _)| request.action)
        .collect();
    assert_eq!(
        denied.into_iter().collect::<Vec<_>>(),
        [
            "arc-zonal-shift:GetManagedResource",
            "ec2:DescribeCapacityReservations",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribePlacementGroups",
            "ec2:RebootInstances",
            "ec2:TerminateInstances",
            "iam:AddRoleToInstanceProfile",
            "iam:CreateInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:GetInstanceProfile",
            "iam:ListInstanceProfiles",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
        ]
    );
}

/// With the baseline beside a release, the nodes of both can be ended: for the time of an upgrade.
#[test]
fn with_the_baseline_beside_it_old_nodes_can_be_ended_too() {
    let policies = of_each([vec!["baseline".to_owned(), version(NEWEST)], vec![version(NEWEST)]]);
    let ended = |name: &str| Request {
        action: "ec2:TerminateInstances",
        resource: format!("arn:aws:ec2:{}:{ACCOUNT}:instance/i-1", OURS.region),
        context: BTreeMap::from([("ec2:ResourceTag/Name".to_owned(), name.into())]),
    };
    let both = format!("baseline and {}", version(NEWEST));
    let mut requests = vec![(both.clone(), ended("karpenter.sh/provisioner/default"))];
    requests.extend(calls(NEWEST, OURS).into_iter().map(|request| (both.clone(), request)));
    judge(&policies, &requests, Verdict::Allowed);
    judge(&policies, &[(version(NEWEST), ended("karpenter.sh/provisioner/default"))], Verdict::ImplicitlyDenied);
    judge(&policies, &[(both, ended("web"))], Verdict::ImplicitlyDenied);
}

/// What the linter has to say of a statement, and why that is as it should be.
const EXPLAINED: [(&str, &str, &str); 9] = [
    // A launch is judged on each thing that it uses or makes: what each needs stands in a statement of its own.
    ("AllowScopedEC2InstanceAccessActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2InstanceActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2LaunchTemplateAccessActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2InstanceActionsWithTags", "RESOURCE_MISMATCH", "ec2:"),
    // The parameters of AWS have no account in their ARN, and the linter knows none such.
    ("AllowSSMReadActions", "RESOURCE_MISMATCH", "ssm:GetParameter"),
    // The cluster stands in a condition: IAM knows no ARN for it here.
    ("AllowZonalShiftStatusReadOnly", "RESOURCE_STAR", "arc-zonal-shift:GetManagedResource"),
    // As it is asked for: what is wrong with the baseline is what the karpenter_versions' own policies are for.
    ("Karpenter", "RESOURCE_STAR", "ec2:"),
    ("Karpenter", "RESOURCE_STAR", "ssm:GetParameter"),
    ("ConditionalEC2Termination", "RESOURCE_STAR", "ec2:TerminateInstances"),
];

/// Every statement of every release passes the linter, or what it finds is explained; and each explanation is needed.
#[test]
fn the_linter_finds_nothing_that_is_not_explained() {
    let mut statements: BTreeMap<String, Value> = BTreeMap::new();
    for release in scoped().map(version).chain(["baseline".to_owned()]) {
        for statement in document(std::slice::from_ref(&release))["Statement"].as_array().unwrap() {
            let sid = statement["Sid"].as_str().unwrap();
            let alone = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
            if !statements.values().any(|known| *known == alone) {
                statements.insert(format!("{sid}-{release}"), alone);
            }
        }
    }
    let mut needed = BTreeSet::new();
    for finding in linter::findings(&statements) {
        let sid = finding.of.split('-').next().unwrap();
        for action in &finding.actions {
            let explained = EXPLAINED
                .iter()
                .position(|(of, issue, prefix)| *of == sid && *issue == finding.issue && action.starts_with(prefix));
            needed.insert(explained.unwrap_or_else(|| panic!("{}: {} of {action}", finding.of, finding.issue)));
        }
        assert!(!finding.actions.is_empty(), "{finding:?}");
    }
    assert_eq!(needed.len(), EXPLAINED.len(), "{needed:?}");
}

/// The linter is not blind.
#[test]
fn the_linter_sees_an_action_that_there_is_not() {
    let wrong = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Wrong", "Effect": "Allow", "Action": "ec2:RunInstance", "Resource": "*",
    }]});
    let found = linter::findings(&BTreeMap::from([("Wrong".to_owned(), wrong)]));
    assert!(found.iter().any(|finding| finding.issue == "UNKNOWN_ACTION"), "{found:?}");
}
