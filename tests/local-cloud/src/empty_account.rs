//! An account that contains nothing but a cluster. Runs that share a cloud restore this state between them.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Tag;
use serde_json::Value;

use crate::{cloud::Cloud, cluster::Cluster, error::Error, world::World};

/// A snapshot of the account before its first use.
#[derive(Clone, Debug)]
pub struct EmptyAccount(World);

impl EmptyAccount {
    /// Takes a snapshot of the account and the cluster, as the state to restore.
    ///
    /// # Errors
    /// As [`World::read`].
    pub async fn new(cloud: &Cloud, cluster: &Cluster) -> Result<Self, Error> {
        World::read(cloud, Some(cluster)).await.map(Self)
    }

    /// Returns the snapshot.
    pub const fn world(&self) -> &World {
        &self.0
    }

    /// Deletes what is not in the snapshot: roles, instance profiles, tags of roles, subnets and security groups, and the
    /// objects of [`wipe_cluster`](Self::wipe_cluster). `current` is the latest snapshot of the caller.
    ///
    /// # Errors
    /// Fails when AWS or the API server rejects a call.
    pub async fn wipe(&self, cloud: &Cloud, cluster: &Cluster, current: &World) -> Result<(), Error> {
        let admin = cloud.admin();
        self.wipe_profiles(&admin, current).await?;
        self.wipe_roles(&admin, current).await?;
        let ec2 = aws_sdk_ec2::Client::new(&admin);
        for id in current.names().filter(|name| name.starts_with("subnet-") || name.starts_with("sg-")) {
            let extra = extra_keys(&self.0.json(id), &current.json(id));
            let extra: Vec<_> = extra.into_iter().map(|key| Tag::builder().key(key).build()).collect();
            if !extra.is_empty() {
                let call = ec2.delete_tags().resources(id).set_tags(Some(extra));
                call.send().await.map_err(Error::aws("DeleteTags"))?;
            }
        }
        self.wipe_cluster(cloud, cluster, current).await
    }

    /// Deletes what is deleted with a cluster: the ConfigMap aws-auth, and the access entries and Pod Identity associations
    /// that are not in the snapshot.
    ///
    /// # Errors
    /// Fails when AWS or the API server rejects a call.
    pub async fn wipe_cluster(&self, cloud: &Cloud, cluster: &Cluster, current: &World) -> Result<(), Error> {
        let eks = aws_sdk_eks::Client::new(&cloud.admin());
        for (_, principal) in self.added(current, "access-entry/") {
            let call = eks.delete_access_entry().cluster_name(&cluster.name).principal_arn(principal);
            call.send().await.map_err(Error::aws("DeleteAccessEntry"))?;
        }
        for (_, account) in self.added(current, "pod-identity/") {
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

    async fn wipe_profiles(&self, admin: &SdkConfig, current: &World) -> Result<(), Error> {
        let iam = aws_sdk_iam::Client::new(admin);
        for (name, profile) in self.added(current, "instance-profile/") {
            for role in texts(&current.json(&name)["roles"]) {
                let call = iam.remove_role_from_instance_profile().instance_profile_name(&profile).role_name(role);
                call.send().await.map_err(Error::aws("RemoveRoleFromInstanceProfile"))?;
            }
            let call = iam.delete_instance_profile().instance_profile_name(profile);
            call.send().await.map_err(Error::aws("DeleteInstanceProfile"))?;
        }
        Ok(())
    }

    async fn wipe_roles(&self, admin: &SdkConfig, current: &World) -> Result<(), Error> {
        let iam = aws_sdk_iam::Client::new(admin);
        for (name, role) in self.added(current, "role/") {
            let found = current.json(&name);
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
        for name in self.0.names().filter(|name| current.get(name).is_some()) {
            let Some(role) = name.strip_prefix("role/") else { continue };
            let extra = extra_keys(&self.0.json(name)["tags"], &current.json(name)["tags"]);
            if !extra.is_empty() {
                let call = iam.untag_role().role_name(role).set_tag_keys(Some(extra));
                call.send().await.map_err(Error::aws("UntagRole"))?;
            }
        }
        Ok(())
    }

    /// Returns the names in `current` that are not in the snapshot, for one kind of object. The second name is without the
    /// kind.
    fn added<'a>(&'a self, current: &'a World, kind: &'static str) -> impl Iterator<Item = (String, String)> + 'a {
        let names = current.names().filter(|name| self.0.get(name).is_none());
        names.filter_map(move |name| Some((name.to_owned(), name.strip_prefix(kind)?.to_owned())))
    }
}

/// Returns the tag keys that are not in the snapshot.
fn extra_keys(kept: &Value, found: &Value) -> Vec<String> {
    let keys = found.as_object().into_iter().flat_map(|tags| tags.keys());
    keys.filter(|key| kept.get(key.as_str()).is_none()).cloned().collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
