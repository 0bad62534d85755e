//! That the function's role has no permission too many: without any one of its actions something does not come to pass, or the
//! log says what was left out. `make minimality` prints the table.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::AuthenticationMode;
use hyper::StatusCode;
use local_cloud::{
    Cloud,
    cloud::CloudOptions,
    cluster::{ClusterOptions, create_role, service_trust},
    execution_role::{actions, put_inline_policies, policies},
    gateway::{Effect, When},
    scenario::{AWS_AUTH, CLUSTER, Delivered, Scenario, with},
};
use serde_json::{Value, json};

/// Without these the function goes on, as it is documented to, and says so in its log.
const GOES_ON: [&str; 4] = [
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStacks",
    "ec2:DescribeLaunchTemplates",
];

/// What no call of the function asks for by that name, and who does. What becomes of `PassRole` the simulator judges (`deputy`).
const ASKED_BY_OTHERS: [(&str, &str); 10] = [
    ("ec2:AssignPrivateIpAddresses", "Lambda, in a VPC"),
    ("ec2:CreateNetworkInterface", "Lambda, in a VPC"),
    ("ec2:DeleteNetworkInterface", "Lambda, in a VPC"),
    ("ec2:DescribeNetworkInterfaces", "Lambda, in a VPC"),
    ("ec2:UnassignPrivateIpAddresses", "Lambda, in a VPC"),
    ("iam:PassRole", "IAM and EKS, of who hands a role to a profile, an entry or an association"),
    ("logs:CreateLogStream", "Lambda"),
    ("logs:PutLogEvents", "Lambda"),
    ("sns:Publish", "Lambda, to the failure destination"),
    ("sqs:SendMessage", "Lambda, to the failure destination"),
];

/// What is asked for one after the other, ended by a Delete: between them they make all of the function's calls.
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
        json!({"NodeRoleArn": GIVEN, "InstanceProfileName": PROFILE, "ExistingObjects": "Adopt", "OidcProvider": "Create"}),
    ]
    .map(with)
}

/// The course until an event fails: what was delivered; and the ids and properties of what still stands, oldest first.
async fn run(scenario: &mut Scenario) -> (Vec<Delivered>, Vec<(String, Value)>) {
    let mut delivered = Vec::new();
    let mut standing: Vec<(String, Value)> = Vec::new();
    for properties in course() {
        let event = match standing.last() {
            None => scenario.resource.create(&properties),
            Some((id, old)) => scenario.resource.update(id, &properties, old),
        };
        let now = scenario.send(&event).await.unwrap();
        let (failed, id) = (!now.response.succeeded(), now.response.physical_resource_id.clone());
        delivered.push(now);
        if failed {
            if standing.is_empty() {
                standing.push((id, properties));
            }
            return (delivered, standing);
        }
        standing.retain(|(old, _)| *old != id);
        standing.push((id, properties));
        while 1 < standing.len() {
            if !goes(scenario, &mut standing, &mut delivered).await {
                return (delivered, standing);
            }
        }
    }
    goes(scenario, &mut standing, &mut delivered).await;
    (delivered, standing)
}

/// Deletes the oldest of what stands. Whether that succeeds.
async fn goes(scenario: &mut Scenario, standing: &mut Vec<(String, Value)>, delivered: &mut Vec<Delivered>) -> bool {
    let (id, properties) = &standing[0];
    let now = scenario.send(&scenario.resource.delete(id, properties)).await.unwrap();
    let gone = now.response.succeeded();
    delivered.push(now);
    if gone {
        standing.remove(0);
    }
    gone
}

/// The policies without an action.
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

/// A role that is there, and the profile that holds it: of such a role IAM is asked by a simulation alone.
const GIVEN: &str = "arn:aws:iam::111122223333:role/given";
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
    // Of a stack that is at rest the function wants to know since when. What is denied stays denied.
    let at_rest = Effect::rewrite(|_, response| {
        if response.status != StatusCode::FORBIDDEN {
            response.status = StatusCode::OK;
            response.body = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>platform</StackName>\
                 <StackStatus>CREATE_COMPLETE</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
                .into();
        }
    });
    scenario.cloud.gateway().rules().add(When::call("cloudformation", "DescribeStacks"), at_rest);
    // What is denied is not waited for long.
    scenario.resource = scenario.resource.clone().service_timeout(60);
    let policies = policies(scenario.cloud.account(), scenario.cloud.region(), &role()).unwrap();
    (scenario, policies)
}

async fn restore(cloud: &Cloud, policies: &BTreeMap<String, Value>) {
    put_inline_policies(&cloud.admin(), &role(), policies).await.unwrap();
}

/// Each action in turn is taken away, and the course run.
#[tokio::test]
#[ignore = "takes a quarter of an hour: make minimality"]
async fn without_any_one_action_something_is_missing() {
    let (mut scenario, policies) = start().await;
    let before = scenario.world().await.unwrap();
    let (delivered, standing) = run(&mut scenario).await;
    assert!(standing.is_empty(), "{:?}", delivered.last());
    before.assert_same(&scenario.world().await.unwrap(), "after the course with all permissions");
    let called: BTreeSet<_> = delivered
        .iter()
        .flat_map(|delivered| &delivered.calls)
        .filter(|call| call.service != "kubernetes")
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect();
    let granted: BTreeSet<_> =
        policies.values().flat_map(|document| document["Statement"].as_array().unwrap()).flat_map(actions).collect();
    let others: BTreeSet<_> = ASKED_BY_OTHERS.iter().map(|(action, _)| (*action).to_owned()).collect();
    let unused: Vec<_> =
        granted.iter().filter(|action| !called.contains(*action) && !others.contains(*action)).collect();
    assert!(unused.is_empty(), "granted, and never called in the course: {unused:?}");

    println!("| Without | What comes of it |\n|---|---|");
    for action in called.iter().filter(|action| granted.contains(*action)) {
        restore(&scenario.cloud, &without(&policies, action)).await;
        let (delivered, standing) = run(&mut scenario).await;
        restore(&scenario.cloud, &policies).await;
        let last = delivered.last().unwrap();
        let reason = last.response.reason.clone().unwrap_or_default();
        let said = if last.response.succeeded() {
            let log: Vec<_> = delivered.iter().map(|delivered| delivered.invocation.log_text()).collect();
            let told = log
                .iter()
                .flat_map(|log| log.lines())
                .find(|line| line.contains("WARN") && line.contains(action.as_str()));
            told.unwrap_or_else(|| panic!("without {action} all goes well, and no warning tells of it")).to_owned()
        } else {
            reason
        };
        let goes_on = GOES_ON.contains(&action.as_str());
        assert_eq!(last.response.succeeded(), goes_on, "{action}: {said}");
        println!("| {action} | {} {said} |", if goes_on { "goes on:" } else { "fails:" });
        for (id, properties) in standing {
            scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
        }
        let after = scenario.world().await.unwrap();
        before.assert_same(&after, &format!("after the course without {action}, and a Delete"));
    }
}
