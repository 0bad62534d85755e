//! Operations of a function with bounds. Nothing is ever granted on a node role that the function may not pass.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    ClusterOptions,
    cloud::CloudOptions,
    cluster::service_trust,
    execution_role::{policies_within, put_inline_policies},
    gateway::{Call, Effect, When},
    lambda::Resource,
    scenario::{AWS_AUTH, CLUSTER, Delivered, Scenario, with},
};
use serde_json::{Value, json};

/// A role that the function may pass, and a role that it may not pass.
const INSIDE: &str = "arn:aws:iam::111122223333:role/platform/nodes";
const OUTSIDE: &str = "arn:aws:iam::111122223333:role/ops/Admin";

/// An instance profile that exists before the resource, which adopts it.
const PROFILE: &str = "KarpenterNodes";

const BOUNDS: [(&str, &str); 2] = [("NodeRoleArns", INSIDE), ("DiscoveryTagKeys", "karpenter.sh/discovery")];

/// Starts a cluster with this authentication mode, creates both roles, and gives the function the permissions of
/// `function.yaml` with [`BOUNDS`].
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
    // With a short timeout, the function does not retry a denial for long.
    scenario.resource = scenario.resource.clone().service_timeout(30);
    scenario
}

/// Creates the instance profile with a role in it, by hand.
async fn create_profile(scenario: &Scenario, role: &str) {
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

/// Returns the writes that grant something with the role, or that write its name where a later call would grant it.
///
/// `AddRoleToInstanceProfile` is left out, because IAM checks `PassRole` at that call.
fn granting<'a>(delivered: &'a Delivered, role: &str) -> Vec<&'a Call> {
    let name = role.rsplit('/').next().unwrap();
    let names_it = |call: &&Call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let params = call.params.iter().any(|(_, value)| value.contains(name));
        call.is_write() && call.operation != "AddRoleToInstanceProfile" && (params || body.contains(name))
    };
    delivered.calls.iter().filter(names_it).collect()
}

/// A Create with a node role outside of the bounds fails at `iam:PassRole`, before any call grants something with the role.
#[tokio::test]
async fn node_role_outside_bounds_is_granted_nothing() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::ApiAndConfigMap] {
        let mut scenario = bounded(mode).await;
        let before = scenario.world().await.unwrap();
        for more in [json!({}), json!({"KarpenterVersion": "1.15.2"})] {
            let mut properties = with(json!({"NodeRoleArn": OUTSIDE}));
            properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
            let reason = created.failed();
            assert!(reason.contains("iam:PassRole") && reason.contains(OUTSIDE), "{reason}");
            assert!(granting(&created, OUTSIDE).is_empty(), "{:?}", granting(&created, OUTSIDE));
            let id = created.response.physical_resource_id.clone();
            scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
        }
    }
}

/// An adopted profile already contains the role, so no call checks `PassRole`. The function asks IAM with a simulation, and
/// fails before any change.
#[tokio::test]
async fn profile_with_role_outside_bounds_changes_nothing() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    create_profile(&scenario, "Admin").await;
    let before = scenario.world().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&adopting(OUTSIDE))).await.unwrap();
    let reason = created.wrote_nothing().failed();
    for part in
        ["nothing was changed", "may not pass the node role", OUTSIDE, "implicitDeny", "NodeRoleArns of function.yaml"]
    {
        assert!(reason.contains(part), "`{part}` is not in: {reason}");
    }
    let simulated = created.calls.iter().find(|call| call.operation == "SimulatePrincipalPolicy").unwrap();
    assert_eq!(simulated.param("PolicySourceArn"), Some(scenario.cluster.creator_role_arn.as_str()));
    assert_eq!(simulated.param("ContextEntries.member.1.ContextKeyValues.member.1"), Some("ec2.amazonaws.com"));
    let id = created.response.physical_resource_id.clone();
    scenario.send(&scenario.resource.delete(&id, &adopting(OUTSIDE))).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Without `EXECUTION_ROLE_ARN` the function cannot simulate its own permissions, so it fails before any change.
#[tokio::test]
async fn profile_with_role_requires_execution_role_arn() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    create_profile(&scenario, "nodes").await;
    let role_arn = scenario.cluster.creator_role_arn.clone();
    scenario.restart(&role_arn, |options| options.environment.retain(|(name, _)| name == "BOUNDS")).await.unwrap();
    let created = scenario.send(&scenario.resource.create(&adopting(INSIDE))).await.unwrap();
    let reason = created.wrote_nothing().failed();
    assert!(reason.contains("EXECUTION_ROLE_ARN"), "{reason}");
}

/// A resource failed after it had written its marker on a shared controller role, and CloudFormation kept it. The runs of the
/// other resource grant nothing for the node role in that marker. Its Delete leaves a policy that IAM accepts.
#[tokio::test]
async fn marker_of_failed_resource_grants_nothing() {
    let mut scenario = bounded(AuthenticationMode::Api).await;
    let failed = with(
        json!({"NodeRoleName": "OrgAdmin", "ControllerRoleName": "KarpenterShared", "InstanceProfileName": "KarpenterFailed"}),
    );
    let failing =
        Resource::new(scenario.cloud.account(), scenario.cloud.region(), "platform", "Failing").service_timeout(30);
    let failing = failing.in_stack(scenario.resource.stack_id());
    let created = scenario.send(&failing.create(&failed)).await.unwrap();
    assert!(created.failed().contains("OrgAdmin"), "{}", created.failed());
    assert!(created.calls.iter().all(|call| call.operation != "PutRolePolicy"), "{:?}", created.writes());

    let other = with(json!({"ControllerRoleName": "KarpenterShared"}));
    let created = scenario.send(&scenario.resource.create(&other)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let granted = |delivered: &Delivered| {
        let policies = delivered.calls.iter().filter(|call| call.operation == "PutRolePolicy");
        policies.filter_map(|call| call.param("PolicyDocument")).any(|document| document.contains("OrgAdmin"))
    };
    assert!(!granted(&created) && created.calls.iter().any(|call| call.operation == "SimulatePrincipalPolicy"));
    let deleted = scenario.send(&scenario.resource.delete(&id, &other)).await.unwrap();
    deleted.succeeded();
    assert!(!granted(&deleted));
}

/// A role within the bounds is granted after IAM has allowed `PassRole`. The check is a call that passes the role, or a
/// simulation if an existing profile contains the role. A second run does not ask IAM again.
#[tokio::test]
async fn node_role_within_bounds_is_granted_after_iam_allows_it() {
    let mut scenario = bounded(AuthenticationMode::ConfigMap).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"NodeRoleArn": INSIDE}));
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let passed = created.calls.iter().position(|call| call.operation == "AddRoleToInstanceProfile").unwrap();
    let granted = granting(&created, INSIDE);
    assert!(granted.iter().any(|call| call.operation == "PutRolePolicy"), "{granted:?}");
    assert!(granted.iter().any(|call| call.service == "kubernetes"), "{granted:?}");
    let first = created.calls.iter().position(|call| std::ptr::eq(call, granted[0])).unwrap();
    assert!(passed < first, "{:?} before the role was passed", granted[0]);
    let simulations =
        |delivered: &Delivered| delivered.calls.iter().filter(|call| call.operation.starts_with("Simulate")).count();
    assert_eq!(simulations(&created), 0);
    scenario.send(&scenario.resource.delete(&id, &properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    create_profile(&scenario, "nodes").await;
    // IAM applies a new permission late.
    let late = |_: &Call, response: &mut local_cloud::gateway::ServiceResponse| {
        response.body = response.text().replace(">allowed<", ">implicitDeny<").into();
    };
    let simulated = When::call("iam", "SimulatePrincipalPolicy").first(2);
    let rule = scenario.cloud.gateway().rules().add(simulated, Effect::rewrite(late));
    let created = scenario.send(&scenario.resource.create(&adopting(INSIDE))).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    assert_eq!(simulations(&created), 3);
    rule.remove();
    let again = scenario.send(&scenario.resource.update(&id, &adopting(INSIDE), &adopting(INSIDE))).await.unwrap();
    again.wrote_nothing().succeeded();
    assert_eq!(simulations(&again), 0);
    scenario.send(&scenario.resource.delete(&id, &adopting(INSIDE))).await.unwrap().succeeded();
    remove_profile(&scenario, "nodes").await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
