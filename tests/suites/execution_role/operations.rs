//! Whole operations of a function within bounds: a node role that the function may not pass is granted to nobody, at any moment.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    ClusterOptions,
    cloud::CloudOptions,
    cluster::service_trust,
    execution_role::{put_inline_policies, policies_within},
    gateway::{Call, Effect, When},
    lambda::Resource,
    scenario::{AWS_AUTH, CLUSTER, Delivered, Scenario, with},
};
use serde_json::{Value, json};

/// What the function may pass, and what not.
const INSIDE: &str = "arn:aws:iam::111122223333:role/platform/nodes";
const OUTSIDE: &str = "arn:aws:iam::111122223333:role/ops/Admin";

/// A profile that is there before the resource, to be adopted.
const PROFILE: &str = "KarpenterNodes";

const BOUNDS: [(&str, &str); 2] = [("NodeRoleArns", INSIDE), ("DiscoveryTagKeys", "karpenter.sh/discovery")];

/// A cluster of this mode, both roles, and a function that has the permissions of `function.yaml` with these bounds.
async fn bounded(authentication_mode: AuthenticationMode) -> Scenario {
    let options = ClusterOptions { authentication_mode, ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let admin = scenario.cloud.admin();
    let iam = aws_sdk_iam::Client::new(&admin);
    for (path, name) in [("/platform/", "nodes"), ("/ops/", "Admin")] {
        let role = iam.create_role().path(path).role_name(name);
        role.assume_role_policy_document(service_trust("ec2.amazonaws.com")).send().await.unwrap();
    }
    let role_arn = scenario.cluster.creator_role_arn.clone();
    let place = (scenario.cloud.account(), scenario.cloud.region());
    let policies = policies_within(&BOUNDS, place, &role_arn).unwrap();
    put_inline_policies(&admin, &format!("{CLUSTER}-creator"), &policies).await.unwrap();
    // What is denied is not waited for long.
    scenario.resource = scenario.resource.clone().service_timeout(30);
    scenario
}

/// A profile with a role in it, made by hand.
async fn profile_holding(scenario: &Scenario, role: &str) {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    iam.create_instance_profile().instance_profile_name(PROFILE).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(PROFILE).role_name(role).send().await.unwrap();
}

async fn remove_profile(scenario: &Scenario, role: &str) {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    iam.remove_role_from_instance_profile().instance_profile_name(PROFILE).role_name(role).send().await.unwrap();
    iam.delete_instance_profile().instance_profile_name(PROFILE).send().await.unwrap();
}

fn adopting(role: &str) -> Value {
    with(json!({"NodeRoleArn": role, "InstanceProfileName": PROFILE, "ExistingObjects": "Adopt"}))
}

/// The calls that give anybody anything by the role, or note it where another call would grant what is noted.
fn granting<'a>(delivered: &'a Delivered, role: &str) -> Vec<&'a Call> {
    let name = role.rsplit('/').next().unwrap();
    let names_it = |call: &&Call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let params = call.params.iter().any(|(_, value)| value.contains(name));
        call.is_write() && call.operation != "AddRoleToInstanceProfile" && (params || body.contains(name))
    };
    delivered.calls.iter().filter(names_it).collect()
}

#[tokio::test]
async fn create_with_a_node_role_outside_grants_nothing() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::ApiAndConfigMap] {
        let mut scenario = bounded(mode).await;
        let before = scenario.world().await.unwrap();
        for more in [json!({}), json!({"KarpenterVersion": "1.15.2"})] {
            let mut properties = with(json!({"NodeRoleArn": OUTSIDE}));
            properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let made = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
            let reason = made.failed();
            assert!(reason.contains("iam:PassRole") && reason.contains(OUTSIDE), "{reason}");
            assert!(granting(&made, OUTSIDE).is_empty(), "{:?}", granting(&made, OUTSIDE));
            let id = made.response.physical_resource_id.clone();
            scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
        }
    }
}

#[tokio::test]
async fn profile_that_holds_a_role_outside_changes_nothing() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    profile_holding(&scenario, "Admin").await;
    let before = scenario.world().await.unwrap();
    let made = scenario.send(&scenario.resource.create(&adopting(OUTSIDE))).await.unwrap();
    let reason = made.wrote_nothing().failed();
    for part in
        ["nothing was changed", "may not pass the node role", OUTSIDE, "implicitDeny", "NodeRoleArns of function.yaml"]
    {
        assert!(reason.contains(part), "`{part}` is not in: {reason}");
    }
    let simulated = made.calls.iter().find(|call| call.operation == "SimulatePrincipalPolicy").unwrap();
    assert_eq!(simulated.param("PolicySourceArn"), Some(scenario.cluster.creator_role_arn.as_str()));
    assert_eq!(simulated.param("ContextEntries.member.1.ContextKeyValues.member.1"), Some("ec2.amazonaws.com"));
    let id = made.response.physical_resource_id.clone();
    scenario.send(&scenario.resource.delete(&id, &adopting(OUTSIDE))).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Without the ARN of its role the function has nobody to ask for.
#[tokio::test]
async fn profile_that_holds_a_role_needs_the_execution_roles_arn() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    profile_holding(&scenario, "nodes").await;
    let role_arn = scenario.cluster.creator_role_arn.clone();
    scenario.restart(&role_arn, |options| options.environment.retain(|(name, _)| name == "BOUNDS")).await.unwrap();
    let made = scenario.send(&scenario.resource.create(&adopting(INSIDE))).await.unwrap();
    let reason = made.wrote_nothing().failed();
    assert!(reason.contains("EXECUTION_ROLE_ARN"), "{reason}");
}

/// A resource failed when it had marked the controller role that it shares with another, and was kept: the other's runs grant
/// nothing of what that marker names, and its Delete leaves a policy that IAM takes.
#[tokio::test]
async fn marker_of_a_failed_resource_grants_nothing() {
    let mut scenario = bounded(AuthenticationMode::Api).await;
    let failed = with(
        json!({"NodeRoleName": "OrgAdmin", "ControllerRoleName": "KarpenterShared", "InstanceProfileName": "KarpenterFailed"}),
    );
    let failing =
        Resource::new(scenario.cloud.account(), scenario.cloud.region(), "platform", "Failing").service_timeout(30);
    let failing = failing.in_stack(scenario.resource.stack_id());
    let made = scenario.send(&failing.create(&failed)).await.unwrap();
    assert!(made.failed().contains("OrgAdmin"), "{}", made.failed());
    assert!(made.calls.iter().all(|call| call.operation != "PutRolePolicy"), "{:?}", made.writes());

    let other = with(json!({"ControllerRoleName": "KarpenterShared"}));
    let made = scenario.send(&scenario.resource.create(&other)).await.unwrap();
    let id = made.succeeded().physical_resource_id.clone();
    let granted = |delivered: &Delivered| {
        let policies = delivered.calls.iter().filter(|call| call.operation == "PutRolePolicy");
        policies.filter_map(|call| call.param("PolicyDocument")).any(|document| document.contains("OrgAdmin"))
    };
    assert!(!granted(&made) && made.calls.iter().any(|call| call.operation == "SimulatePrincipalPolicy"));
    let gone = scenario.send(&scenario.resource.delete(&id, &other)).await.unwrap();
    gone.succeeded();
    assert!(!granted(&gone));
}

/// A role within the bounds is used either way, once IAM has let it be passed; a second run asks IAM nothing.
#[tokio::test]
async fn node_role_inside_is_granted_after_iam_allows_it() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"NodeRoleArn": INSIDE}));
    let made = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let id = made.succeeded().physical_resource_id.clone();
    let passed = made.calls.iter().position(|call| call.operation == "AddRoleToInstanceProfile").unwrap();
    let granted = granting(&made, INSIDE);
    assert!(granted.iter().any(|call| call.operation == "PutRolePolicy"), "{granted:?}");
    assert!(granted.iter().any(|call| call.service == "kubernetes"), "{granted:?}");
    let first = made.calls.iter().position(|call| std::ptr::eq(call, granted[0])).unwrap();
    assert!(passed < first, "{:?} before the role was passed", granted[0]);
    let asks =
        |delivered: &Delivered| delivered.calls.iter().filter(|call| call.operation.starts_with("Simulate")).count();
    assert_eq!(asks(&made), 0);
    scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    profile_holding(&scenario, "nodes").await;
    // IAM shows a new permission late.
    let late = |_: &Call, response: &mut local_cloud::gateway::ServiceResponse| {
        response.body = response.text().replace(">allowed<", ">implicitDeny<").into();
    };
    let simulated = When::call("iam", "SimulatePrincipalPolicy").first(2);
    let rule = scenario.cloud.gateway().rules().add(simulated, Effect::rewrite(late));
    let made = scenario.send(&scenario.resource.create(&adopting(INSIDE))).await.unwrap();
    let id = made.succeeded().physical_resource_id.clone();
    assert_eq!(asks(&made), 3);
    rule.remove();
    let again = scenario.send(&scenario.resource.update(&id, &adopting(INSIDE), &adopting(INSIDE))).await.unwrap();
    again.wrote_nothing().succeeded();
    assert_eq!(asks(&again), 0);
    scenario.send(&scenario.resource.delete(&id, &adopting(INSIDE))).await.unwrap().succeeded();
    remove_profile(&scenario, "nodes").await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
