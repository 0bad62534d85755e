//! What is other people's: planted before, edited between, and kept as it should stand.

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

use super::map::Map;
pub(super) use super::map::MapEdit;

/// The node role that some team has had for years.
pub(super) const EXISTING_ROLE: &str = "existing-nodes";

/// A role whose name some templates want.
pub(super) const SOMEBODYS_ROLE: &str = "somebodys-role";

/// What stands in `mapRoles`; `None`: there is no ConfigMap.
pub(super) const AWS_AUTHS: [Option<&str>; 7] = [
    Some(AWS_AUTH),
    None,
    Some(""),
    Some("[]\n"),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\r\n  username: admin\r\n  groups: [system:masters]\r\n"),
    Some("- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin"),
    // The given role's own entry, by hand.
    Some(
        "- rolearn: arn:aws:iam::111122223333:role/existing-nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]\n",
    ),
];

/// Tags that others have put on a subnet or group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Planted {
    None,
    /// The very discovery tag, by hand.
    SameDiscovery,
    OtherTags,
    /// The discovery tag of another cluster.
    OtherCluster,
}

/// Somebody tags something, or takes a tag of the like `off` again.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagEdit {
    pub(super) place: Index,
    pub(super) off: bool,
}

/// What others have, by its name in the world.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    /// Roles, profiles, providers, and the tags of subnets and groups.
    pub(super) objects: BTreeMap<String, Value>,
    /// Tags that others have put on roles of ours.
    pub(super) on_ours: BTreeMap<String, BTreeMap<String, String>>,
    /// `None`: there is no ConfigMap.
    pub(super) aws_auth: Option<Map>,
    added: Vec<String>,
    edits: usize,
}

impl Foreign {
    /// Plants what others have in a bare account.
    pub(super) async fn plant(
        cloud: &Cloud,
        cluster: &Cluster,
        tags: &[Planted],
        aws_auth: usize,
    ) -> Result<Self, Error> {
        for (id, planted) in cluster.tagged().into_iter().zip(tags) {
            let tags: &[(&str, &str)] = match planted {
                Planted::None => continue,
                Planted::SameDiscovery => &[("karpenter.sh/discovery", CLUSTER)],
                Planted::OtherTags => &[("team", "network"), ("kubernetes.io/role/internal-elb", "1")],
                Planted::OtherCluster => &[("karpenter.sh/discovery", "production")],
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
        let aws_auth = cluster.control_plane().aws_auth().await?.as_ref().map(Map::of);
        Ok(Self { objects, on_ours: BTreeMap::new(), aws_auth, added: Vec::new(), edits: 0 })
    }

    /// Somebody edits aws-auth.
    pub(super) async fn edit_map(&mut self, cluster: &Cluster, edit: MapEdit) -> Result<(), Error> {
        self.edits += 1;
        let maps: Api<ConfigMap> = Api::namespaced(cluster.control_plane().client(), "kube-system");
        let Some(mut map) = cluster.control_plane().aws_auth().await? else { return Ok(()) };
        let (mut others, mut stands) = (self.aws_auth.clone().unwrap_or_default(), Map::of(&map));
        edit.apply(&mut others, &mut stands, self.edits, &mut self.added);
        if stands == Map::of(&map) {
            return Ok(());
        }
        map.metadata.annotations = Some(stands.annotations);
        map.data = Some(stands.data);
        maps.replace("aws-auth", &PostParams::default(), &map).await.map_err(Error::kubernetes("edit aws-auth"))?;
        self.aws_auth = Some(others);
        Ok(())
    }

    /// Somebody tags a subnet, a group, the existing role, or one of these roles of ours. Gives what.
    pub(super) async fn tag(&mut self, cloud: &Cloud, edit: TagEdit, ours: &BTreeSet<String>) -> Result<String, Error> {
        self.edits += 1;
        let existing = format!("role/{EXISTING_ROLE}");
        let objects = self.objects.keys().filter(|name| name.starts_with("subnet-") || name.starts_with("sg-"));
        let names: Vec<_> = objects.cloned().chain([existing.clone()]).chain(ours.iter().cloned()).collect();
        let name = names[edit.place.index(names.len())].clone();
        let (key, value) = ("note", (!edit.off).then(|| format!("by hand, {}", self.edits)));
        tag(cloud, &name, key, value.as_deref()).await?;
        if ours.contains(&name) {
            let tags = self.on_ours.entry(name.clone()).or_default();
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

    /// The lines in which a world differs from what others have; without aws-auth where there is no cluster.
    pub(super) fn difference(&self, world: &World, with_map: bool) -> String {
        let mut expected: BTreeMap<_, _> = self.objects.clone();
        let mut found: BTreeMap<_, _> = world
            .names()
            .filter(|name| !name.starts_with("aws-auth/"))
            .map(|name| (name.to_owned(), world.json(name)))
            .collect();
        if with_map {
            let texts = |map: &Map| json!({"annotations": map.annotations, "data": map.data});
            expected.extend(self.aws_auth.as_ref().map(|map| ("aws-auth".to_owned(), texts(map))));
            found.extend(Map::in_world(world).as_ref().map(|map| ("aws-auth".to_owned(), texts(map))));
        }
        let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        let differing = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
        let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        let lines = differing
            .map(|name| format!("{name} is {}\n  instead of {}\n", shown(found.get(name)), shown(expected.get(name))));
        lines.collect::<Vec<_>>().concat()
    }

    /// The cluster was made again: of aws-auth there is what others put there.
    pub(super) async fn put_map_back(&self, cluster: &Cluster) -> Result<(), Error> {
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

/// Sets a tag, or takes it away where there is no value.
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
