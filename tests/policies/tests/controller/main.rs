//! Checks what the controller policies allow and deny. An IAM simulator and a linter of other projects decide.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic fails the test and shows its location, in helpers too"
)]

mod calls;

use calls::{OURS, Setting, calls};
use karpenter_prereqs_core::documents::policy::{PolicyResources, controller};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::karpenter_version::{FIRST_SCOPED, KarpenterVersions, Minor, NEWEST};
use policies::linter;
use policies::simulator::{ACCOUNT, Request, Verdict, verdicts};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Returns every minor version with a scoped policy, whose permissions depend on tags.
fn tested_versions() -> impl Iterator<Item = Minor> {
    (32..=37).map(|minor| Minor(0, minor)).chain((0..=15).map(|minor| Minor(1, minor)))
}

/// Returns the version as a value of the property `KarpenterVersion`.
fn version_text(version: Minor) -> String {
    format!("{version}.0")
}

fn document(karpenter_versions: &[String]) -> Value {
    let stack = format!("arn:aws:cloudformation:{}:{ACCOUNT}:stack/s/0a", OURS.region);
    let scope = Scope::of_stack(&stack).unwrap();
    let node_role_arns = BTreeSet::from([scope.role_arn("/", OURS.node_role)]);
    controller(
        PolicyResources {
            scope: &scope,
            cluster_name: OURS.cluster,
            node_role_arns: &node_role_arns,
            interruption_queue_arn: None,
        },
        &KarpenterVersions::new(karpenter_versions),
    )
}

/// Settings in which a controller must not act: resources of others, another role, or another service.
const FOREIGN_SETTINGS: [(&str, Setting); 5] = [
    ("another cluster's", Setting { cluster: "other", ..OURS }),
    ("another region's", Setting { region: "us-east-1", ..OURS }),
    ("without tags", Setting { is_tagged: false, ..OURS }),
    ("with another role", Setting { node_role: "admin", ..OURS }),
    ("passed to another service", Setting { passed_to: "lambda.amazonaws.com", ..OURS }),
];

/// Returns the calls of a version in a foreign setting. It leaves out calls that one of the `karpenter_versions` makes itself,
/// also if the foreign call has more context.
fn foreign_calls(karpenter_versions: &[Minor], version: Minor, at: Setting) -> Vec<Request> {
    let own: Vec<_> = karpenter_versions.iter().flat_map(|version| calls(*version, OURS)).collect();
    let is_own = |request: &Request| {
        own.iter().any(|own| {
            let has_context = own.context.iter().all(|(key, value)| request.context.get(key) == Some(value));
            own.action == request.action && own.resource == request.resource && has_context
        })
    };
    calls(version, at).into_iter().filter(|request| !is_own(request)).collect()
}

/// Checks that the simulator has the expected verdict on each request, under the document with the given name. Prints all others.
fn check_verdicts(policies: &BTreeMap<String, Value>, requests: &[(String, Request)], expected: Verdict) {
    let verdicts = verdicts(policies, requests);
    let other: Vec<_> = requests.iter().zip(&verdicts).filter(|(_, verdict)| **verdict != expected).collect();
    for ((policy, request), verdict) in &other {
        eprintln!("{policy}: {verdict:?}: {request:?}");
    }
    assert!(other.is_empty(), "{} of {} requests are not {expected:?}", other.len(), requests.len());
}

/// Returns the document of each set of versions, by name.
fn documents(names: impl IntoIterator<Item = Vec<String>>) -> BTreeMap<String, Value> {
    names
        .into_iter()
        .map(|karpenter_versions| (karpenter_versions.join(" and "), document(&karpenter_versions)))
        .collect()
}

#[test]
fn tested_versions_span_first_scoped_to_newest() {
    assert_eq!((tested_versions().next(), tested_versions().last()), (Some(FIRST_SCOPED), Some(NEWEST)));
}

/// Returns each version alone, and the pairs of an upgrade: with the next version, and with the newest.
fn upgrade_sets() -> Vec<Vec<Minor>> {
    let next = tested_versions().zip(tested_versions().skip(1)).map(|(one, next)| vec![one, next]);
    let newest = tested_versions().filter(|one| *one != NEWEST).map(|one| vec![one, NEWEST]);
    tested_versions().map(|one| vec![one]).chain(next).chain(newest).collect()
}

/// Returns the document of each of these sets, by name, and the requests of all its versions.
fn requests_by_policy(
    requests: impl Fn(&[Minor], Minor) -> Vec<Request>,
) -> (BTreeMap<String, Value>, Vec<(String, Request)>) {
    let mut policies = BTreeMap::new();
    let mut all = Vec::new();
    for karpenter_versions in upgrade_sets() {
        let texts: Vec<_> = karpenter_versions.iter().copied().map(version_text).collect();
        let name = texts.join(" and ");
        policies.insert(name.clone(), document(&texts));
        let added = karpenter_versions.iter().flat_map(|version| requests(&karpenter_versions, *version));
        all.extend(added.map(|request| (name.clone(), request)));
    }
    (policies, all)
}

/// Every version may make all its calls, under its own document and under the document of an upgrade.
#[test]
fn controller_is_allowed_all_its_calls() {
    let (policies, requests) = requests_by_policy(|_, version| calls(version, OURS));
    check_verdicts(&policies, &requests, Verdict::Allowed);
}

/// No document allows a call on resources of another cluster or Region, without tags, or with another role or service.
#[test]
fn controller_is_denied_foreign_calls() {
    let (policies, requests) = requests_by_policy(|karpenter_versions, version| {
        let calls = FOREIGN_SETTINGS.map(|(name, at)| {
            let calls = foreign_calls(karpenter_versions, version, at);
            assert!(!calls.is_empty(), "{version}: {name}");
            calls
        });
        calls.into_iter().flatten().collect()
    });
    check_verdicts(&policies, &requests, Verdict::ImplicitlyDenied);
}

/// The simulator does not support ARNs without an account, which AWS's own parameters have. So this test compares the statement.
#[test]
fn controller_may_read_only_aws_parameters() {
    for version in tested_versions() {
        let document = document(&[version_text(version)]);
        let statements = document["Statement"].as_array().unwrap();
        let reads: Vec<_> = statements.iter().filter(|it| it["Action"] == "ssm:GetParameter").collect();
        assert_eq!(reads.len(), 1);
        assert_eq!(reads[0]["Resource"], format!("arn:aws:ssm:{}::parameter/aws/service/*", OURS.region));
    }
}

/// The baseline alone denies the newest controller these actions. A warning reports this to the user.
#[test]
fn baseline_denies_newest_controller_listed_actions() {
    let policies = documents([vec!["baseline".to_owned()]]);
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

/// During an upgrade from the baseline, the controller may terminate nodes of both versions.
#[test]
fn baseline_and_newest_allow_terminating_old_nodes() {
    let policies = documents([vec!["baseline".to_owned(), version_text(NEWEST)], vec![version_text(NEWEST)]]);
    let terminate = |name: &str| Request {
        action: "ec2:TerminateInstances",
        resource: format!("arn:aws:ec2:{}:{ACCOUNT}:instance/i-1", OURS.region),
        context: BTreeMap::from([("ec2:ResourceTag/Name".to_owned(), name.into())]),
    };
    let both = format!("baseline and {}", version_text(NEWEST));
    let mut requests = vec![(both.clone(), terminate("karpenter.sh/provisioner/default"))];
    requests.extend(calls(NEWEST, OURS).into_iter().map(|request| (both.clone(), request)));
    check_verdicts(&policies, &requests, Verdict::Allowed);
    check_verdicts(
        &policies,
        &[(version_text(NEWEST), terminate("karpenter.sh/provisioner/default"))],
        Verdict::ImplicitlyDenied,
    );
    check_verdicts(&policies, &[(both, terminate("web"))], Verdict::ImplicitlyDenied);
}

/// Findings that are correct and accepted: the statement, the kind of finding and the prefix of the actions.
const EXPLAINED: [(&str, &str, &str); 9] = [
    // IAM evaluates a launch on each resource that it uses or creates, and each kind of resource has a statement of its own.
    ("AllowScopedEC2InstanceAccessActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2InstanceActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2LaunchTemplateAccessActions", "RESOURCE_MISMATCH", "ec2:"),
    ("AllowScopedEC2InstanceActionsWithTags", "RESOURCE_MISMATCH", "ec2:"),
    // The parameters of AWS have no account in their ARN. The linter does not support that.
    ("AllowSSMReadActions", "RESOURCE_MISMATCH", "ssm:GetParameter"),
    // The cluster is in a condition, because IAM has no ARN of it for this action.
    ("AllowZonalShiftStatusReadOnly", "RESOURCE_STAR", "arc-zonal-shift:GetManagedResource"),
    // The text of the baseline is a requirement. The scoped policies of the versions avoid these findings.
    ("Karpenter", "RESOURCE_STAR", "ec2:"),
    ("Karpenter", "RESOURCE_STAR", "ssm:GetParameter"),
    ("ConditionalEC2Termination", "RESOURCE_STAR", "ec2:TerminateInstances"),
];

/// The linter accepts every statement of every version, apart from the accepted findings. Each accepted finding occurs.
#[test]
fn linter_findings_are_all_explained() {
    let mut statements: BTreeMap<String, Value> = BTreeMap::new();
    for version in tested_versions().map(version_text).chain(["baseline".to_owned()]) {
        for statement in document(std::slice::from_ref(&version))["Statement"].as_array().unwrap() {
            let sid = statement["Sid"].as_str().unwrap();
            let alone = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
            if !statements.values().any(|known| *known == alone) {
                statements.insert(format!("{sid}-{version}"), alone);
            }
        }
    }
    let mut needed = BTreeSet::new();
    for finding in linter::findings(&statements) {
        let sid = finding.document.split('-').next().unwrap();
        for action in &finding.actions {
            let explained = EXPLAINED.iter().position(|(statement, issue, prefix)| {
                *statement == sid && *issue == finding.issue && action.starts_with(prefix)
            });
            needed.insert(explained.unwrap_or_else(|| panic!("{}: {} of {action}", finding.document, finding.issue)));
        }
        assert!(!finding.actions.is_empty(), "{finding:?}");
    }
    assert_eq!(needed.len(), EXPLAINED.len(), "{needed:?}");
}

/// The linter runs and has findings.
#[test]
fn linter_reports_unknown_action() {
    let wrong = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Wrong", "Effect": "Allow", "Action": "ec2:RunInstance", "Resource": "*",
    }]});
    let found = linter::findings(&BTreeMap::from([("Wrong".to_owned(), wrong)]));
    assert!(found.iter().any(|finding| finding.issue == "UNKNOWN_ACTION"), "{found:?}");
}
