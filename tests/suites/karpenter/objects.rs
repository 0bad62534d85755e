//! Karpenter's objects in the cluster: one EC2NodeClass, one NodePool, and a NodeClaim for each node.

use std::{path::Path, time::Duration};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
};
use local_cloud::{Cluster, Error, process::wait_until};
use serde_json::{Value, json};

use super::controller::Installation;

/// The name of the EC2NodeClass and of the NodePool.
const DEFAULT: &str = "default";

/// An image that MiniStack has.
const IMAGE: &str = "ami-0c2023a1b2c3d4e5f";

/// The API server needs a moment until it serves a new kind.
const SERVED: Duration = Duration::from_secs(20);

/// An instance that Karpenter launched.
#[derive(Clone, Debug)]
pub(super) struct Launched {
    /// The id of the instance.
    pub(super) instance_id: String,
}

/// The APIs of the objects.
#[derive(Debug)]
pub(super) struct Objects {
    classes: Api<DynamicObject>,
    pools: Api<DynamicObject>,
    claims: Api<DynamicObject>,
}

/// A cluster-scoped kind of Karpenter.
struct Kind {
    group: &'static str,
    kind: &'static str,
}

const CLASS: Kind = Kind { group: "karpenter.k8s.aws", kind: "EC2NodeClass" };
const POOL: Kind = Kind { group: "karpenter.sh", kind: "NodePool" };
const CLAIM: Kind = Kind { group: "karpenter.sh", kind: "NodeClaim" };

impl Kind {
    fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(self.group, "v1", self.kind))
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.resource())
    }

    fn object(&self, name: &str, spec: &Value) -> DynamicObject {
        let mut object = DynamicObject::new(name, &self.resource()).data(json!({"spec": spec}));
        object.metadata.labels = Some([("karpenter.sh/nodepool".to_owned(), DEFAULT.to_owned())].into());
        object
    }
}

impl Objects {
    /// Creates the definitions of Karpenter's kinds in the cluster, and waits until they are served.
    pub(super) async fn install(cluster: &Cluster, definitions: &Path) -> Result<Self, Error> {
        let client = cluster.control_plane().client();
        let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
        let files = std::fs::read_dir(definitions).map_err(Error::file("read", definitions))?;
        for file in files {
            let path = file.map_err(Error::file("read", definitions))?.path();
            let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
            let definition: CustomResourceDefinition = yaml_serde::from_str(&text).map_err(|error| {
                Error::Unusable(format!("{} is not a CustomResourceDefinition: {error}", path.display()))
            })?;
            match kinds.create(&PostParams::default(), &definition).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                result => drop(result.map_err(Error::kubernetes("create a CustomResourceDefinition"))?),
            }
        }
        let objects = Self { classes: CLASS.api(&client), pools: POOL.api(&client), claims: CLAIM.api(&client) };
        wait_until("Karpenter's kinds are served", SERVED, async || {
            for api in [&objects.classes, &objects.pools, &objects.claims] {
                api.list(&kube::api::ListParams::default()).await.ok()?;
            }
            Some(())
        })
        .await?;
        Ok(objects)
    }

    /// Creates the EC2NodeClass, with the stack's instance profile and discovery tag, and the NodePool.
    pub(super) async fn configure(&self, installation: &Installation<'_>) -> Result<(), Error> {
        let terms = json!([{"tags": {"karpenter.sh/discovery": installation.discovery}}]);
        let class = json!({
            "amiFamily": "AL2023",
            "amiSelectorTerms": [{"id": IMAGE}],
            "instanceProfile": installation.instance_profile,
            "subnetSelectorTerms": terms,
            "securityGroupSelectorTerms": terms,
        });
        create(&self.classes, &CLASS.object(DEFAULT, &class), "create the EC2NodeClass").await?;
        let pool = json!({"template": {"spec": {"nodeClassRef": class_ref(), "requirements": requirements()}}});
        create(&self.pools, &POOL.object(DEFAULT, &pool), "create the NodePool").await
    }

    pub(super) async fn is_ready(&self) -> Result<bool, Error> {
        let class = self.classes.get(DEFAULT).await.map_err(Error::kubernetes("get the EC2NodeClass"))?;
        Ok(is_true(&class, "Ready"))
    }

    pub(super) async fn create_claim(&self, name: &str) -> Result<(), Error> {
        let spec = json!({"nodeClassRef": class_ref(), "requirements": requirements()});
        create(&self.claims, &CLAIM.object(name, &spec), "create the NodeClaim").await
    }

    pub(super) async fn launched(&self, name: &str) -> Result<Option<Launched>, Error> {
        let claim = self.claims.get(name).await.map_err(Error::kubernetes("get the NodeClaim"))?;
        let id = claim.data["status"]["providerID"].as_str().and_then(|id| id.rsplit('/').next());
        Ok(id.filter(|id| id.starts_with("i-")).map(|id| Launched { instance_id: id.to_owned() }))
    }

    pub(super) async fn delete_claim(&self, name: &str) -> Result<(), Error> {
        delete(&self.claims, name, "delete the NodeClaim").await
    }

    pub(super) async fn is_claim_deleted(&self, name: &str) -> Result<bool, Error> {
        let claim = self.claims.get_opt(name).await.map_err(Error::kubernetes("get the NodeClaim"))?;
        Ok(claim.is_none())
    }

    pub(super) async fn delete_config(&self) -> Result<(), Error> {
        delete(&self.pools, DEFAULT, "delete the NodePool").await?;
        delete(&self.classes, DEFAULT, "delete the EC2NodeClass").await
    }

    pub(super) async fn is_config_deleted(&self) -> Result<bool, Error> {
        let class = self.classes.get_opt(DEFAULT).await.map_err(Error::kubernetes("get the EC2NodeClass"))?;
        let pool = self.pools.get_opt(DEFAULT).await.map_err(Error::kubernetes("get the NodePool"))?;
        Ok(class.is_none() && pool.is_none())
    }
}

async fn create(api: &Api<DynamicObject>, object: &DynamicObject, verb: &'static str) -> Result<(), Error> {
    api.create(&PostParams::default(), object).await.map(drop).map_err(Error::kubernetes(verb))
}

async fn delete(api: &Api<DynamicObject>, name: &str, verb: &'static str) -> Result<(), Error> {
    api.delete(name, &DeleteParams::default()).await.map(drop).map_err(Error::kubernetes(verb))
}

fn class_ref() -> Value {
    json!({"group": CLASS.group, "kind": CLASS.kind, "name": DEFAULT})
}

fn requirements() -> Value {
    json!([
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m5.large"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
    ])
}

fn is_true(object: &DynamicObject, condition: &str) -> bool {
    let conditions = object.data["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|found| found["type"] == condition && found["status"] == "True")
}
