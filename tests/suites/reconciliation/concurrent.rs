//! An object exists when the function creates it, but not when the function then reads it. The cause on AWS is another delivery
//! of the event, which created the object and deleted it again.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    gateway::{Call, Effect, When},
    scenario::{Scenario, with},
};
use serde_json::{Value, json};

/// The calls that create objects: service, operation, and the status and error code for an object that exists.
const CREATIONS: [(&str, &str, u16, &str); 7] = [
    ("iam", "CreateRole", 409, "EntityAlreadyExists"),
    ("iam", "CreateInstanceProfile", 409, "EntityAlreadyExists"),
    ("iam", "AddRoleToInstanceProfile", 409, "LimitExceeded"),
    ("iam", "CreateOpenIDConnectProvider", 409, "EntityAlreadyExists"),
    ("eks", "CreateAccessEntry", 409, "ResourceInUseException"),
    ("eks", "CreatePodIdentityAssociation", 409, "ResourceInUseException"),
    ("kubernetes", "create", 409, "AlreadyExists"),
];

/// Each creating call fails once because the object exists. The function finds no object, calls again, and succeeds. The
/// Delete restores the account.
#[tokio::test]
async fn object_created_and_deleted_concurrently_is_created() {
    for (mode, properties) in [
        (
            AuthenticationMode::ApiAndConfigMap,
            json!({"ControllerIdentity": ["IRSA", "PodIdentity"], "OidcProvider": "Create"}),
        ),
        // The cluster has no ConfigMap aws-auth, so the function creates it.
        (AuthenticationMode::ConfigMap, json!({"OidcProvider": "Create"})),
    ] {
        let options = ClusterOptions {
            authentication_mode: mode.clone(),
            oidc_audiences: Vec::new(),
            ..ClusterOptions::default()
        };
        let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
        let before = scenario.world().await.unwrap();
        let expected = create_and_delete(&mut scenario, &with(properties.clone()), None).await;
        let mut tested = 0;
        for creation in CREATIONS {
            let (_, operation, ..) = creation;
            if !expected.contains(&operation.to_owned()) {
                continue;
            }
            tested += 1;
            create_and_delete(&mut scenario, &with(properties.clone()), Some(creation)).await;
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {operation} and a Delete"));
        }
        assert_eq!(tested, if mode == AuthenticationMode::ConfigMap { 5 } else { 6 });
    }
}

/// Creates and deletes the resource. The first call of the kind `creation` fails because the object exists.
///
/// Returns the names of the Create's writes.
async fn create_and_delete(
    scenario: &mut Scenario,
    properties: &Value,
    creation: Option<(&'static str, &'static str, u16, &'static str)>,
) -> Vec<String> {
    // An access review is a Kubernetes `create` too.
    let is_write_of_object = |call: &Call| call.service != "kubernetes" || call.param("resource") == Some("configmaps");
    let rule = creation.map(|(service, operation, status, code)| {
        let when = When::call(service, operation).passing(is_write_of_object).once();
        let exists = Effect::refuse(status, code, "it exists, created by another delivery");
        scenario.cloud.gateway().rules().add(when, exists)
    });
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    if let (Some(rule), Some((_, operation, ..))) = (rule, creation) {
        rule.remove();
        let calls = created.calls.iter().filter(|call| call.operation == operation && is_write_of_object(call)).count();
        assert!(1 < calls, "{operation} was not retried");
    }
    scenario.send(&scenario.resource.delete(&id, properties)).await.unwrap().succeeded();
    let writes = created.calls.iter().filter(|call| call.is_write() && is_write_of_object(call));
    writes.map(|call| call.operation.clone()).collect()
}
