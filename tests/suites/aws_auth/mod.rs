//! Edits of `kube-system/aws-auth` on a real API server and a real authenticator.
//!
//! The function adds and removes one entry. Every other byte of the ConfigMap stays the same, also if others write it at
//! the same time.

mod authenticator;
mod contended;
mod field_owner;
mod ownership;
mod texts;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use local_cloud::scenario::{CLUSTER, Delivered, Scenario};
use serde_json::{Value, json};

const NODE_ROLE: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";

/// An entry of another role, in the format of `mapRoles`.
const ADMINS: &str =
    "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: [system:masters]\n";

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// The ConfigMap aws-auth, as an administrator edits it: directly at the API server, not through the gateway.
#[derive(Clone)]
struct AwsAuth(Api<ConfigMap>);

impl AwsAuth {
    fn of(scenario: &Scenario) -> Self {
        Self::through(scenario.cluster.control_plane().client())
    }

    fn through(client: Client) -> Self {
        Self(Api::namespaced(client, "kube-system"))
    }

    /// Replaces the ConfigMap with `map`, or deletes it if `map` is `None`.
    async fn set(&self, map: Option<ConfigMap>) {
        match self.0.delete("aws-auth", &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.unwrap()),
        }
        if let Some(map) = map {
            self.0.create(&PostParams::default(), &map).await.unwrap();
        }
    }

    /// Changes the existing ConfigMap.
    async fn change(&self, change: impl FnOnce(&mut ConfigMap)) {
        let mut map = self.0.get("aws-auth").await.unwrap();
        change(&mut map);
        self.0.replace("aws-auth", &PostParams::default(), &map).await.unwrap();
    }

    /// Appends text to `mapRoles`.
    async fn append(&self, text: &str) {
        self.change(|map| map.data.get_or_insert_default().entry("mapRoles".to_owned()).or_default().push_str(text))
            .await;
    }

    /// Returns the text of `mapRoles`, or an empty text if the key does not exist.
    async fn map_roles(&self) -> String {
        self.0.get("aws-auth").await.unwrap().data.unwrap_or_default().remove("mapRoles").unwrap_or_default()
    }
}

/// Returns the ConfigMap aws-auth with this data.
fn config_map<const N: usize>(data: [(&str, &str); N]) -> ConfigMap {
    let data: BTreeMap<_, _> = data.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
    ConfigMap {
        metadata: ObjectMeta { name: Some("aws-auth".to_owned()), ..ObjectMeta::default() },
        data: (!data.is_empty()).then_some(data),
        ..ConfigMap::default()
    }
}

/// Creates the scenario's resource. Returns the delivery and the physical id.
async fn create(scenario: &mut Scenario, properties: &Value) -> (Delivered, String) {
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    assert_versioned(&created);
    (created, id)
}

/// Deletes the scenario's resource, which must succeed.
async fn delete(scenario: &mut Scenario, id: &str, properties: &Value) -> Delivered {
    let deleted = scenario.send(&scenario.resource.delete(id, properties)).await.unwrap();
    deleted.succeeded();
    assert_versioned(&deleted);
    deleted
}

/// Asserts that every write of aws-auth carries the version that was read before it. Then the API server rejects a write
/// that would overwrite the change of another writer.
fn assert_versioned(delivered: &Delivered) {
    let is_set = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (verb, body) in delivered.config_map_writes() {
        match verb {
            "create" => {}
            "update" => assert!(is_set(&body["metadata"]["resourceVersion"]), "{body}"),
            "delete" => {
                let preconditions = &body["preconditions"];
                assert!(is_set(&preconditions["resourceVersion"]) && is_set(&preconditions["uid"]), "{body}");
            }
            other => panic!("{other} of aws-auth"),
        }
    }
}
