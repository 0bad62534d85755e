//! A write of aws-auth that the API server would refuse is reported before the first write, in the API server's words. It is found
//! by a dry run of the write.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use local_cloud::{
    gateway::{Effect, When},
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::{Value, json};

use super::{assert_create_fails, assert_create_succeeds, assert_fails, with};

const REFUSED: &str = "KP0211: cannot update the ConfigMap kube-system/aws-auth";

/// Replaces the ConfigMap by one with these fields.
async fn set(scenario: &Scenario, fields: Value) {
    let api: Api<ConfigMap> = Api::namespaced(scenario.cluster.control_plane().client(), "kube-system");
    drop(api.delete("aws-auth", &DeleteParams::default()).await.unwrap());
    let mut map = fields;
    map["metadata"] = json!({"name": "aws-auth"});
    api.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
}

/// The ConfigMap is immutable, `mapRoles` is binary data, or the new entry exceeds the limit of the size.
#[tokio::test]
async fn write_that_api_server_would_refuse_is_reported_before_any_write() {
    let mut scenario = Scenario::start().await.unwrap();
    // The limit is 1 MiB, without the annotations.
    let comments = "# a comment of sixty-four bytes, which no other tool has written\n";
    let large = AWS_AUTH.to_owned() + &comments.repeat(((1 << 20) - AWS_AUTH.len()) / comments.len());
    let cases = [
        (json!({"immutable": true, "data": {"mapRoles": AWS_AUTH}}), "field is immutable when `immutable` is set"),
        (json!({"binaryData": {"mapRoles": "W10="}}), "mapRoles"),
        (json!({"data": {"mapRoles": large}}), "Too long"),
    ];
    for (fields, words) in cases {
        set(&scenario, fields).await;
        assert_create_fails(&mut scenario, &with(json!({})), &[REFUSED, words]).await;
    }
    set(&scenario, json!({"data": {"mapRoles": AWS_AUTH}})).await;
    assert_create_succeeds(&mut scenario, &with(json!({})), "NodeAccess").await;
}

/// The ConfigMap was made immutable after the Create. The Delete fails before it removes anything, and the next one succeeds.
#[tokio::test]
async fn delete_on_immutable_config_map_changes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let api: Api<ConfigMap> = Api::namespaced(scenario.cluster.control_plane().client(), "kube-system");
    let mut map = api.get("aws-auth").await.unwrap();
    let original = map.clone();
    map.immutable = Some(true);
    api.replace("aws-auth", &PostParams::default(), &map).await.unwrap();
    let event = scenario.resource.delete(&id, &with(json!({})));
    assert_fails(&mut scenario, &event, &[REFUSED, "field is immutable"]).await;
    drop(api.delete("aws-auth", &DeleteParams::default()).await.unwrap());
    let mut mutable = original;
    (mutable.metadata.resource_version, mutable.metadata.uid) = (None, None);
    api.create(&PostParams::default(), &mutable).await.unwrap();
    scenario.send(&event).await.unwrap().succeeded();
}

/// A policy of the cluster refuses the write with 403. That is not reported as missing RBAC.
#[tokio::test]
async fn denial_by_admission_policy_is_reported_in_its_words() {
    let mut scenario = Scenario::start().await.unwrap();
    let client = scenario.cluster.control_plane().client();
    let policy = json!({
        "metadata": {"name": "frozen"},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"],
            }]},
            "validations": [{
                "expression": "object.metadata.name != 'aws-auth'",
                "message": "aws-auth is frozen until Monday",
                "reason": "Forbidden",
            }],
        },
    });
    let binding = json!({
        "metadata": {"name": "frozen"},
        "spec": {"policyName": "frozen", "validationActions": ["Deny"]},
    });
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    wait_until_frozen(&Api::namespaced(client, "kube-system")).await;
    let reason =
        assert_create_fails(&mut scenario, &with(json!({})), &[REFUSED, "aws-auth is frozen until Monday"]).await;
    assert!(!reason.contains("Kubernetes role"), "{reason}");
    drop(bindings.delete("frozen", &DeleteParams::default()).await.unwrap());
}

/// Waits until the API server applies the policy, which takes about a second.
async fn wait_until_frozen(api: &Api<ConfigMap>) {
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    for _ in 0..300 {
        let map = api.get("aws-auth").await.unwrap();
        if api.replace("aws-auth", &dry_run, &map).await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the policy has no effect after 30 seconds");
}

/// An admission webhook does not support dry runs. Then an access review takes the place of the dry run, and the Create succeeds.
#[tokio::test]
async fn webhook_without_dry_run_does_not_prevent_create() {
    let mut scenario = Scenario::start().await.unwrap();
    let unsupported =
        Effect::refuse(400, "BadRequest", r#"admission webhook "a.example.com" does not support dry run"#);
    let rule = scenario.cloud.gateway().rules().add(When::call("kubernetes", "dry-run-update"), unsupported);
    let created = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    created.succeeded();
    assert_eq!(rule.hits(), 1);
    let reviews = created.calls.iter().filter(|call| call.param("resource") == Some("selfsubjectaccessreviews"));
    assert_eq!(reviews.count(), 1);
}

/// Another writer changes aws-auth between the read and the dry run. The function reads again, and the dry run is repeated.
#[tokio::test]
async fn conflict_of_dry_run_is_retried_from_a_fresh_read() {
    let mut scenario = Scenario::start().await.unwrap();
    let conflict = Effect::refuse(409, "Conflict", "the object has been modified");
    let rule = scenario.cloud.gateway().rules().add(When::call("kubernetes", "dry-run-update").first(3), conflict);
    let created = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    created.succeeded();
    assert_eq!(rule.hits(), 3);
    let of_kubernetes = |operation: &str| created.calls.iter().filter(|call| call.operation == operation).count();
    assert_eq!(of_kubernetes("dry-run-update"), 4);
    assert_eq!(of_kubernetes("update"), 1);
}
