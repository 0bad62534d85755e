//! An account with nothing in it but a cluster: what runs that share a cloud begin with, each of them.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Tag;
use serde_json::Value;

use crate::{cloud::Cloud, cluster::Cluster, error::Error, world::World};

/// The account as it was before anybody used it.
#[derive(Clone, Debug)]
pub struct Bare(World);

impl Bare {
    /// Takes the account for bare as it stands.
    ///
    /// # Errors
    /// As [`World::read`].
    pub async fn new(cloud: &Cloud, cluster: &Cluster) -> Result<Self, Error> {
        World::read(cloud, Some(cluster)).await.map(Self)
    }

    /// The world as it was.
    pub const fn world(&self) -> &World {
        &self.0
    }

    /// Takes away all that stands beyond it: roles and profiles, tags of roles, subnets and groups, what hangs on the
    /// cluster. What stands is what the caller has read last.
    ///
    /// # Errors
    /// Any refusal of AWS or of the API server.
    pub async fn wipe(&self, cloud: &Cloud, cluster: &Cluster, standing: &World) -> Result<(), Error> {
        let admin = cloud.admin();
        self.wipe_profiles(&admin, standing).await?;
        self.wipe_roles(&admin, standing).await?;
        let ec2 = aws_sdk_ec2::Client::new(&admin);
        for id in standing.names().filter(|name| name.starts_with("subnet-") || name.starts_with("sg-")) {
            let going = further_keys(&self.0.json(id), &standing.json(id));
            let going: Vec<_> = going.into_iter().map(|key| Tag::builder().key(key).build()).collect();
            if !going.is_empty() {
                let call = ec2.delete_tags().resources(id).set_tags(Some(going));
                call.send().await.map_err(Error::aws("DeleteTags"))?;
            }
        }
        self.wipe_cluster(cloud, cluster, standing).await
    }

    /// Takes away what hangs on the cluster, and goes with one that is deleted: aws-auth, and the access entries and Pod
    /// Identity associations that were not there before.
    ///
    /// # Errors
    /// Any refusal of AWS or of the API server.
    pub async fn wipe_cluster(&self, cloud: &Cloud, cluster: &Cluster, standing: &World) -> Result<(), Error> {
        let eks = aws_sdk_eks::Client::new(&cloud.admin());
        for (_, principal) in self.beyond(standing, "access-entry/") {
            let call = eks.delete_access_entry().cluster_name(&cluster.name).principal_arn(principal);
            call.send().await.map_err(Error::aws("DeleteAccessEntry"))?;
        }
        for (_, account) in self.beyond(standing, "pod-identity/") {
            let (namespace, name) = account.split_once('/').unwrap_or_default();
            let list = eks.list_pod_identity_associations().cluster_name(&cluster.name);
            let list = list.namespace(namespace).service_account(name).send().await;
            for found in list.map_err(Error::aws("ListPodIdentityAssociations"))?.associations() {
                let call = eks.delete_pod_identity_association().cluster_name(&cluster.name);
                let call = call.set_association_id(found.association_id().map(str::to_owned));
                call.send().await.map_err(Error::aws("DeletePodIdentityAssociation"))?;
            }
        }
        cluster.control_plane().remove_aws_auth().await
    }

    async fn wipe_profiles(&self, admin: &SdkConfig, standing: &World) -> Result<(), Error> {
        let iam = aws_sdk_iam::Client::new(admin);
        for (name, profile) in self.beyond(standing, "instance-profile/") {
            for role in texts(&standing.json(&name)["roles"]) {
                let call = iam.remove_role_from_instance_profile().instance_profile_name(&profile).role_name(role);
                call.send().await.map_err(Error::aws("RemoveRoleFromInstanceProfile"))?;
            }
            let call = iam.delete_instance_profile().instance_profile_name(profile);
            call.send().await.map_err(Error::aws("DeleteInstanceProfile"))?;
        }
        Ok(())
    }

    async fn wipe_roles(&self, admin: &SdkConfig, standing: &World) -> Result<(), Error> {
        let iam = aws_sdk_iam::Client::new(admin);
        for (name, role) in self.beyond(standing, "role/") {
            let found = standing.json(&name);
            for arn in texts(&found["attached"]) {
                let call = iam.detach_role_policy().role_name(&role).policy_arn(arn);
                call.send().await.map_err(Error::aws("DetachRolePolicy"))?;
            }
            for policy in found["inline"].as_object().into_iter().flat_map(|inline| inline.keys()) {
                let call = iam.delete_role_policy().role_name(&role).policy_name(policy);
                call.send().await.map_err(Error::aws("DeleteRolePolicy"))?;
            }
            iam.delete_role().role_name(role).send().await.map_err(Error::aws("DeleteRole"))?;
        }
        for name in self.0.names().filter(|name| standing.get(name).is_some()) {
            let Some(role) = name.strip_prefix("role/") else { continue };
            let going = further_keys(&self.0.json(name)["tags"], &standing.json(name)["tags"]);
            if !going.is_empty() {
                let call = iam.untag_role().role_name(role).set_tag_keys(Some(going));
                call.send().await.map_err(Error::aws("UntagRole"))?;
            }
        }
        Ok(())
    }

    /// What of a kind was not there before: its name in the world, and its own.
    fn beyond<'a>(&'a self, standing: &'a World, kind: &'static str) -> impl Iterator<Item = (String, String)> + 'a {
        let names = standing.names().filter(|name| self.0.get(name).is_none());
        names.filter_map(move |name| Some((name.to_owned(), name.strip_prefix(kind)?.to_owned())))
    }
}

/// The keys of tags that were not there before.
fn further_keys(kept: &Value, found: &Value) -> Vec<String> {
    let keys = found.as_object().into_iter().flat_map(|tags| tags.keys());
    keys.filter(|key| kept.get(key.as_str()).is_none()).cloned().collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
