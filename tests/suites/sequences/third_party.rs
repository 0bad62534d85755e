//! Objects and tags of others: planted before a sequence, edited during it, with a record of their expected state.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Tag;
use aws_sdk_iam::types::Tag as IamTag;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use local_cloud::{
    Cloud, Cluster, Error,
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};
use proptest::sample::Index;
use serde_json::{Value, json};

pub(super) use super::aws_auth_model::AwsAuthEdit;
use super::aws_auth_model::AwsAuthModel;

/// A node role that exists before the resources.
pub(super) const EXISTING_ROLE: &str = "existing-nodes";

/// A role of a third party, whose name some templates ask for.
pub(super) const FOREIGN_ROLE: &str = "third-party-role";

/// Texts of `mapRoles`. `None` means that there is no ConfigMap.
pub(super) const AWS_AUTHS: [Option<&str>; 7] = [
    Some(AWS_AUTH),
    None,
    Some(""),
    Some("[]\n"),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\r\n  username: admin\r\n  groups: [system:masters]\r\n"),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin"),
    // The entry of the existing role, added by hand.
    Some(
        "- rolearn: arn:aws:iam::111122223333:role/existing-nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]\n",
    ),
];

/// Tags of others on a subnet or a security group.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlantedTags {
    None,
    /// The same discovery tag that the resource would write, added by hand.
    SameDiscovery,
    OtherTags,
    /// The discovery tag of another cluster.
    OtherCluster,
}

/// A third party adds a tag, or removes it if `removes`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagEdit {
    /// Selects the tagged object.
    pub(super) place: Index,
    pub(super) removes: bool,
}

/// The expected state of everything that belongs to others, by its name in a [`World`].
#[derive(Clone, Debug)]
pub(super) struct ThirdParty {
    /// Roles, instance profiles, OIDC providers, and the tags of subnets and security groups.
    pub(super) objects: BTreeMap<String, Value>,
    /// Tags of others on roles that the resources created, by role.
    pub(super) tags_on_own_roles: BTreeMap<String, BTreeMap<String, String>>,
    /// aws-auth without the resources' entries. `None` means that there is no ConfigMap.
    pub(super) aws_auth: Option<AwsAuthModel>,
    /// The entries of mapRoles that [`ThirdParty::edit_aws_auth`] added.
    added: Vec<String>,
    /// The number of edits so far.
    edits: usize,
}

impl ThirdParty {
    /// Creates the tags and the ConfigMap of others in a bare account. `aws_auth` is an index of [`AWS_AUTHS`].
    ///
    /// # Errors
    /// A call fails.
    pub(super) async fn plant(
        cloud: &Cloud,
        cluster: &Cluster,
        tags: &[PlantedTags],
        aws_auth: usize,
    ) -> Result<Self, Error> {
        for (id, planted) in cluster.tagged().into_iter().zip(tags) {
            let tags: &[(&str, &str)] = match planted {
                PlantedTags::None => continue,
                PlantedTags::SameDiscovery => &[("karpenter.sh/discovery", CLUSTER)],
                PlantedTags::OtherTags => &[("team", "network"), ("kubernetes.io/role/internal-elb", "1")],
                PlantedTags::OtherCluster => &[("karpenter.sh/discovery", "production")],
            };
            for (key, value) in tags {
                tag(cloud, &id, key, Some(value)).await?;
            }
        }
        if let Some(text) = AWS_AUTHS[aws_auth] {
            cluster.control_plane().set_aws_auth(text).await?;
        }
        let world = World::read(cloud, Some(cluster)).await?;
        let objects = world.names().filter(|name| !name.starts_with("aws-auth/"));
        let objects = objects.map(|name| (name.to_owned(), world.json(name))).collect();
        let aws_auth = cluster.control_plane().aws_auth().await?.as_ref().map(AwsAuthModel::of);
        Ok(Self { objects, tags_on_own_roles: BTreeMap::new(), aws_auth, added: Vec::new(), edits: 0 })
    }

    /// Edits aws-auth by hand, and records the edit.
    ///
    /// # Errors
    /// A call fails.
    pub(super) async fn edit_aws_auth(&mut self, cluster: &Cluster, edit: AwsAuthEdit) -> Result<(), Error> {
        self.edits += 1;
        let maps: Api<ConfigMap> = Api::namespaced(cluster.control_plane().client(), "kube-system");
        let Some(mut map) = cluster.control_plane().aws_auth().await? else { return Ok(()) };
        let (mut others, mut current) = (self.aws_auth.clone().unwrap_or_default(), AwsAuthModel::of(&map));
        edit.apply(&mut others, &mut current, self.edits, &mut self.added);
        if current == AwsAuthModel::of(&map) {
            return Ok(());
        }
        map.metadata.annotations = Some(current.annotations);
        map.data = Some(current.data);
        maps.replace("aws-auth", &PostParams::default(), &map).await.map_err(Error::kubernetes("edit aws-auth"))?;
        self.aws_auth = Some(others);
        Ok(())
    }

    /// Adds or removes a tag by hand, and records it. The object is a subnet, a security group, the existing role, or one of
    /// the resources' `own_roles`. Returns its name.
    ///
    /// # Errors
    /// The call fails.
    pub(super) async fn tag(
        &mut self,
        cloud: &Cloud,
        edit: TagEdit,
        own_roles: &BTreeSet<String>,
    ) -> Result<String, Error> {
        self.edits += 1;
        let existing = format!("role/{EXISTING_ROLE}");
        let objects = self.objects.keys().filter(|name| name.starts_with("subnet-") || name.starts_with("sg-"));
        let names: Vec<_> = objects.cloned().chain([existing.clone()]).chain(own_roles.iter().cloned()).collect();
        let name = names[edit.place.index(names.len())].clone();
        let (key, value) = ("note", (!edit.removes).then(|| format!("by hand, {}", self.edits)));
        tag(cloud, &name, key, value.as_deref()).await?;
        if own_roles.contains(&name) {
            let tags = self.tags_on_own_roles.entry(name.clone()).or_default();
            match value {
                Some(value) => tags.insert(key.to_owned(), value),
                None => tags.remove(key),
            };
            return Ok(name);
        }
        if let Some(object) = self.objects.get_mut(&name) {
            let tags = if name == existing { &mut object["tags"] } else { object };
            match value {
                Some(value) => tags[key] = json!(value),
                None => drop(tags.as_object_mut().and_then(|tags| tags.remove(key))),
            }
        }
        Ok(name)
    }

    /// Returns the lines in which `world` differs from the expected state, if no resource exists. aws-auth is compared only if
    /// `with_aws_auth`, because it does not exist without a cluster.
    pub(super) fn difference(&self, world: &World, with_aws_auth: bool) -> String {
        let mut expected: BTreeMap<_, _> = self.objects.clone();
        let mut found: BTreeMap<_, _> = world
            .names()
            .filter(|name| !name.starts_with("aws-auth/"))
            .map(|name| (name.to_owned(), world.json(name)))
            .collect();
        if with_aws_auth {
            let texts = |map: &AwsAuthModel| json!({"annotations": map.annotations, "data": map.data});
            expected.extend(self.aws_auth.as_ref().map(|map| ("aws-auth".to_owned(), texts(map))));
            found.extend(AwsAuthModel::in_world(world).as_ref().map(|map| ("aws-auth".to_owned(), texts(map))));
        }
        let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        let differing = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        let lines = differing
            .map(|name| format!("{name} is {}\n  instead of {}\n", text(found.get(name)), text(expected.get(name))));
        lines.collect::<Vec<_>>().concat()
    }

    /// Writes the aws-auth of others after the cluster was created again.
    ///
    /// # Errors
    /// A call fails.
    pub(super) async fn restore_aws_auth(&self, cluster: &Cluster) -> Result<(), Error> {
        cluster.control_plane().remove_aws_auth().await?;
        let Some(others) = &self.aws_auth else { return Ok(()) };
        let maps: Api<ConfigMap> = Api::namespaced(cluster.control_plane().client(), "kube-system");
        let mut map = cluster.control_plane().set_aws_auth("").await?;
        map.metadata.annotations = Some(others.annotations.clone());
        map.data = Some(others.data.clone());
        maps.replace("aws-auth", &PostParams::default(), &map).await.map_err(Error::kubernetes("write aws-auth"))?;
        Ok(())
    }
}

/// Sets a tag, or removes it if there is no value.
async fn tag(cloud: &Cloud, name: &str, key: &str, value: Option<&str>) -> Result<(), Error> {
    let admin = cloud.admin();
    if let Some(role) = name.strip_prefix("role/") {
        let iam = aws_sdk_iam::Client::new(&admin);
        match value {
            Some(value) => {
                let tag = IamTag::builder().key(key).value(value).build().unwrap();
                iam.tag_role().role_name(role).tags(tag).send().await.map(drop).map_err(Error::aws("TagRole"))
            }
            None => {
                iam.untag_role().role_name(role).tag_keys(key).send().await.map(drop).map_err(Error::aws("UntagRole"))
            }
        }
    } else {
        let ec2 = aws_sdk_ec2::Client::new(&admin);
        let tag = Tag::builder().key(key).set_value(value.map(str::to_owned)).build();
        match value {
            Some(_) => {
                ec2.create_tags().resources(name).tags(tag).send().await.map(drop).map_err(Error::aws("CreateTags"))
            }
            None => {
                ec2.delete_tags().resources(name).tags(tag).send().await.map(drop).map_err(Error::aws("DeleteTags"))
            }
        }
    }
}
