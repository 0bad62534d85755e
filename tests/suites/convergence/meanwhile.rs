//! What exists when it is to be created, and is gone when it is looked for: another delivery of the event made it, and deleted it
//! again.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    gateway::{Call, Effect, When},
    scenario::{Scenario, with},
};
use serde_json::{Value, json};

/// The creating calls, and what the service says of what exists.
const CREATIONS: [(&str, &str, u16, &str); 7] = [
    ("iam", "CreateRole", 409, "EntityAlreadyExists"),
    ("iam", "CreateInstanceProfile", 409, "EntityAlreadyExists"),
    ("iam", "AddRoleToInstanceProfile", 409, "LimitExceeded"),
    ("iam", "CreateOpenIDConnectProvider", 409, "EntityAlreadyExists"),
    ("eks", "CreateAccessEntry", 409, "ResourceInUseException"),
    ("eks", "CreatePodIdentityAssociation", 409, "ResourceInUseException"),
    ("kubernetes", "create", 409, "AlreadyExists"),
];

#[tokio::test]
async fn what_exists_and_is_gone_is_created_again() {
    for (mode, properties) in [
        (
            AuthenticationMode::ApiAndConfigMap,
            json!({"ControllerIdentity": ["IRSA", "PodIdentity"], "OidcProvider": "Create"}),
        ),
        // No ConfigMap is there: it is created.
        (AuthenticationMode::ConfigMap, json!({"OidcProvider": "Create"})),
    ] {
        let options = ClusterOptions {
            authentication_mode: mode.clone(),
            oidc_audiences: Vec::new(),
            ..ClusterOptions::default()
        };
        let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
        let before = scenario.world().await.unwrap();
        let expected = created(&mut scenario, &with(properties.clone()), None).await;
        let mut met = 0;
        for creation in CREATIONS {
            let (_, operation, ..) = creation;
            if !expected.contains(&operation.to_owned()) {
                continue;
            }
            met += 1;
            created(&mut scenario, &with(properties.clone()), Some(creation)).await;
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {operation} and a Delete"));
        }
        assert_eq!(met, if mode == AuthenticationMode::ConfigMap { 5 } else { 6 });
    }
}

/// Creates and deletes the resource; the first call of this kind says that the object exists. Gives the operations.
async fn created(
    scenario: &mut Scenario,
    properties: &Value,
    creation: Option<(&'static str, &'static str, u16, &'static str)>,
) -> Vec<String> {
    // The API server is asked what is allowed by a "create" too.
    let is_of_config_map = |call: &Call| call.service != "kubernetes" || call.param("resource") == Some("configmaps");
    let rule = creation.map(|(service, operation, status, code)| {
        let when = When::call(service, operation).passing(is_of_config_map).once();
        let exists = Effect::refuse(status, code, "it exists, says another delivery");
        scenario.cloud.gateway().rules().add(when, exists)
    });
    let made = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let id = made.succeeded().physical_resource_id.clone();
    if let (Some(rule), Some((_, operation, ..))) = (rule, creation) {
        rule.remove();
        let calls = made.calls.iter().filter(|call| call.operation == operation && is_of_config_map(call)).count();
        assert!(1 < calls, "{operation} was not tried again");
    }
    scenario.send(&scenario.resource.delete(&id, properties)).await.unwrap().succeeded();
    let writes = made.calls.iter().filter(|call| call.is_write() && is_of_config_map(call));
    writes.map(|call| call.operation.clone()).collect()
}
