//! The function's role has no unnecessary permission. Without any one of its actions, an operation fails, or the log has a
//! warning about what was left out. `make minimality` prints the table.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    Cloud,
    cloud::CloudOptions,
    cloudformation::Status,
    cluster::{ClusterOptions, create_role, service_trust},
    execution_role::{actions, policies, put_inline_policies},
    gateway::When,
    scenario::{AWS_AUTH, CLUSTER, Delivered, Scenario, with},
};
use serde_json::{Value, json};

/// Actions without which the function continues, as documented, and logs a warning.
const OPTIONAL_ACTIONS: [&str; 4] = [
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStacks",
    "ec2:DescribeLaunchTemplates",
];

/// Actions that no call of the function has the name of, and what uses them. The suite `confused_deputy` tests `PassRole`.
const USED_BY_OTHERS: [(&str, &str); 10] = [
    ("ec2:AssignPrivateIpAddresses", "Lambda, in a VPC"),
    ("ec2:CreateNetworkInterface", "Lambda, in a VPC"),
    ("ec2:DeleteNetworkInterface", "Lambda, in a VPC"),
    ("ec2:DescribeNetworkInterfaces", "Lambda, in a VPC"),
    ("ec2:UnassignPrivateIpAddresses", "Lambda, in a VPC"),
    ("iam:PassRole", "IAM and EKS, for callers that pass a role to an instance profile, access entry or association"),
    ("logs:CreateLogStream", "Lambda"),
    ("logs:PutLogEvents", "Lambda"),
    ("sns:Publish", "Lambda, to the failure destination"),
    ("sqs:SendMessage", "Lambda, to the failure destination"),
];

/// Returns the properties of a Create and of the Updates after it. Together with a Delete, they make all of the function's
/// calls.
fn course() -> [Value; 6] {
    let creator = format!("arn:aws:iam::111122223333:role/{CLUSTER}-creator");
    let policy = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    [
        json!({"NodeAccess": "AwsAuth", "OidcProvider": "Create", "NodePolicyArns": [policy], "KubernetesRoleArn": creator, "Tags": {"a": "1", "b": "1"}}),
        json!({"ControllerIdentity": ["IRSA", "PodIdentity"], "OidcProvider": "Create", "PermissionsBoundary": boundary, "Tags": {"a": "2", "b": "1"}}),
        json!({"ControllerIdentity": ["IRSA", "PodIdentity"], "OidcProvider": "Create", "Tags": {"b": "1"}}),
        json!({"ControllerIdentity": ["IRSA", "PodIdentity"], "OidcProvider": "Create", "ControllerRoleName": "another"}),
        json!({"ControllerIdentity": "PodIdentity", "ControllerRoleName": "another", "KarpenterVersion": "1.14.1"}),
        json!({"NodeRoleArn": EXISTING_ROLE, "InstanceProfileName": PROFILE, "ExistingObjects": "Adopt", "OidcProvider": "Create"}),
    ]
    .map(with)
}

/// Sends the events of [`course`] and a Delete, until one fails.
///
/// Returns the deliveries, and the id and properties of each generation that still exists, oldest first.
async fn run(scenario: &mut Scenario) -> (Vec<Delivered>, Vec<(String, Value)>) {
    let mut delivered = Vec::new();
    let mut existing: Vec<(String, Value)> = Vec::new();
    for properties in course() {
        let event = match existing.last() {
            None => scenario.resource.create(&properties),
            Some((id, old)) => scenario.resource.update(id, &properties, old),
        };
        let now = scenario.send(&event).await.unwrap();
        let (failed, id) = (!now.response.succeeded(), now.response.physical_resource_id.clone());
        delivered.push(now);
        if failed {
            if existing.is_empty() {
                existing.push((id, properties));
            }
            return (delivered, existing);
        }
        existing.retain(|(old, _)| *old != id);
        existing.push((id, properties));
        while 1 < existing.len() {
            if !delete_oldest(scenario, &mut existing, &mut delivered).await {
                return (delivered, existing);
            }
        }
    }
    delete_oldest(scenario, &mut existing, &mut delivered).await;
    (delivered, existing)
}

/// Deletes the oldest generation. Returns whether the Delete succeeded.
async fn delete_oldest(
    scenario: &mut Scenario,
    existing: &mut Vec<(String, Value)>,
    delivered: &mut Vec<Delivered>,
) -> bool {
    let (id, properties) = &existing[0];
    let now = scenario.send(&scenario.resource.delete(id, properties)).await.unwrap();
    let is_deleted = now.response.succeeded();
    delivered.push(now);
    if is_deleted {
        existing.remove(0);
    }
    is_deleted
}

/// Returns the policies without an action, and without statements that have no other action.
fn without(policies: &BTreeMap<String, Value>, action: &str) -> BTreeMap<String, Value> {
    let mut less = policies.clone();
    for document in less.values_mut() {
        let statements = document["Statement"].as_array_mut().unwrap();
        for statement in &mut *statements {
            let kept: Vec<_> = actions(statement).into_iter().filter(|kept| kept != action).collect();
            statement["Action"] = json!(kept);
        }
        statements.retain(|statement| statement["Action"].as_array().is_some_and(|actions| !actions.is_empty()));
    }
    less
}

fn role() -> String {
    format!("{CLUSTER}-creator")
}

/// An existing role, and the existing instance profile that contains it. For such a role, the function checks `PassRole` only
/// with `SimulatePrincipalPolicy`.
const EXISTING_ROLE: &str = "arn:aws:iam::111122223333:role/given";
const PROFILE: &str = "given";

async fn start() -> (Scenario, BTreeMap<String, Value>) {
    let options = ClusterOptions {
        authentication_mode: AuthenticationMode::ApiAndConfigMap,
        oidc_audiences: Vec::new(),
        ..ClusterOptions::default()
    };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let admin = scenario.cloud.admin();
    create_role(&admin, "given", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&admin);
    iam.create_instance_profile().instance_profile_name(PROFILE).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(PROFILE).role_name("given").send().await.unwrap();
    // MiniStack has no such stack. With a stack at rest, the function also calls DescribeStackEvents.
    let at_rest = Status::new("CREATE_COMPLETE", "CREATE_COMPLETE");
    at_rest.show(scenario.cloud.gateway().rules(), When::call("cloudformation", "DescribeStacks"));
    // With a short timeout, the function does not retry a denial for long.
    scenario.resource = scenario.resource.clone().service_timeout(60);
    let policies = policies(scenario.cloud.account(), scenario.cloud.region(), &role()).unwrap();
    (scenario, policies)
}

async fn restore(cloud: &Cloud, policies: &BTreeMap<String, Value>) {
    put_inline_policies(&cloud.admin(), &role(), policies).await.unwrap();
}

/// Removes each action in turn, and runs the course without it.
#[tokio::test]
#[ignore = "takes a quarter of an hour: make minimality"]
async fn removing_any_action_fails_or_is_logged() {
    let (mut scenario, policies) = start().await;
    let before = scenario.world().await.unwrap();
    let (delivered, existing) = run(&mut scenario).await;
    assert!(existing.is_empty(), "{:?}", delivered.last());
    before.assert_same(&scenario.world().await.unwrap(), "after the course with all permissions");
    let called: BTreeSet<_> = delivered
        .iter()
        .flat_map(|delivered| &delivered.calls)
        .filter(|call| call.service != "kubernetes")
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect();
    let granted: BTreeSet<_> =
        policies.values().flat_map(|document| document["Statement"].as_array().unwrap()).flat_map(actions).collect();
    let others: BTreeSet<_> = USED_BY_OTHERS.iter().map(|(action, _)| (*action).to_owned()).collect();
    let unused: Vec<_> =
        granted.iter().filter(|action| !called.contains(*action) && !others.contains(*action)).collect();
    assert!(unused.is_empty(), "granted, and never called in the course: {unused:?}");

    println!("| Without | Result |\n|---|---|");
    for action in called.iter().filter(|action| granted.contains(*action)) {
        restore(&scenario.cloud, &without(&policies, action)).await;
        let (delivered, existing) = run(&mut scenario).await;
        restore(&scenario.cloud, &policies).await;
        let last = delivered.last().unwrap();
        let reason = last.response.reason.clone().unwrap_or_default();
        let result = if last.response.succeeded() {
            let log: Vec<_> = delivered.iter().map(|delivered| delivered.invocation.log_text()).collect();
            let warning = log
                .iter()
                .flat_map(|log| log.lines())
                .find(|line| line.contains("WARN") && line.contains(action.as_str()));
            warning
                .unwrap_or_else(|| panic!("without {action} the course succeeds, and no warning names it"))
                .to_owned()
        } else {
            reason
        };
        let is_optional = OPTIONAL_ACTIONS.contains(&action.as_str());
        assert_eq!(last.response.succeeded(), is_optional, "{action}: {result}");
        println!("| {action} | {} {result} |", if is_optional { "continues:" } else { "fails:" });
        for (id, properties) in existing {
            scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
        }
        let after = scenario.world().await.unwrap();
        before.assert_same(&after, &format!("after the course without {action}, and a Delete"));
    }
}
