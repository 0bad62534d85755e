//! Snapshots of an account and a cluster, as text that can be compared and printed. A snapshot contains all that the function
//! may change, and all that it must not change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_eks::error::ProvideErrorMetadata as _;
use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::types::{AttachedPolicy, EntityType, RoleDetail};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use similar::TextDiff;

use crate::cloud::Cloud;
use crate::cluster::Cluster;
use crate::error::Error;

/// The name of the text that maps roles.
const MAP_ROLES: &str = "aws-auth/mapRoles";

/// A snapshot: the name of each object, and its properties as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World(BTreeMap<String, String>);

/// One object that differs between two snapshots.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The object's name.
    pub name: &'a str,
    /// Its properties in the first snapshot; `None` when it did not exist.
    pub before: Option<&'a str>,
    /// Its properties in the second snapshot; `None` when it does not exist any more.
    pub after: Option<&'a str>,
}

impl World {
    /// Reads roles, instance profiles, OIDC providers, and the tags of subnets and security groups of the account. With a
    /// cluster, it also reads its access entries, its Pod Identity associations and its ConfigMap `kube-system/aws-auth`,
    /// byte by byte.
    ///
    /// # Errors
    /// Fails when AWS or the API server rejects a call.
    pub async fn read(cloud: &Cloud, cluster: Option<&Cluster>) -> Result<Self, Error> {
        let admin = cloud.admin();
        let mut world = Self::read_account(&admin).await?;
        if let Some(cluster) = cluster {
            world.read_aws_auth(cluster).await?;
            world.read_access_entries(&admin, cluster).await?;
            world.read_associations(&admin, cluster).await?;
        }
        Ok(world)
    }

    /// Reads roles, instance profiles, OIDC providers, and the tags of subnets and security groups of an account and region.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn read_account(admin: &SdkConfig) -> Result<Self, Error> {
        let mut world = Self::default();
        world.read_iam(admin).await?;
        world.read_ec2(admin).await?;
        Ok(world)
    }

    /// Returns the names of the objects, such as `role/KarpenterNodeRole-demo`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the properties of an object; `None` when it does not exist.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns an object as JSON: a role, a profile, tags.
    ///
    /// # Panics
    /// Panics when it does not exist, or is a text of aws-auth.
    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        let found = self.get(name).unwrap_or_else(|| panic!("{name} does not exist"));
        serde_json::from_str(found).unwrap_or_else(|error| panic!("{name} is not JSON: {error}"))
    }

    /// Returns a copy without the objects whose names begin with `prefix`.
    #[must_use]
    pub fn without(&self, prefix: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| !name.starts_with(prefix))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// Returns a copy with another value of one object.
    #[must_use]
    pub fn with(&self, name: &str, value: &Value) -> Self {
        let mut same = self.clone();
        same.insert(name.to_owned(), value);
        same
    }

    /// Returns a copy with the mapRoles of another snapshot.
    #[must_use]
    pub fn with_map_roles_of(&self, other: &Self) -> Self {
        let mut same = self.without(MAP_ROLES);
        same.0.extend(other.0.get(MAP_ROLES).map(|text| (MAP_ROLES.to_owned(), text.clone())));
        same
    }

    /// Returns the differences to another snapshot, object by object.
    pub fn changes<'a>(&'a self, other: &'a Self) -> Vec<Change<'a>> {
        let names: BTreeSet<_> = self.names().chain(other.names()).collect();
        let changes = names.into_iter().map(|name| Change { name, before: self.get(name), after: other.get(name) });
        changes.filter(|change| change.before != change.after).collect()
    }

    /// Returns a copy with one text in place of another, in all objects.
    #[must_use]
    pub fn with_text(&self, text: &str, instead_of: &str) -> Self {
        Self(self.0.iter().map(|(name, value)| (name.clone(), value.replace(instead_of, text))).collect())
    }

    /// Returns the lines that differ, with `-` for lines of this snapshot and `+` for lines of the other one. Empty when they
    /// are equal.
    pub fn difference(&self, other: &Self) -> String {
        if self == other {
            return String::new();
        }
        let (before, after) = (self.to_string(), other.to_string());
        TextDiff::from_lines(&before, &after).unified_diff().context_radius(2).to_string()
    }

    /// Asserts that nothing differs.
    ///
    /// # Panics
    /// Panics with the lines that differ.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, when: &str) {
        let difference = self.difference(other);
        assert!(difference.is_empty(), "the snapshot differs {when}:\n{difference}");
    }

    fn insert(&mut self, name: String, value: &Value) {
        // Indented, so that a difference shows the right line.
        self.0.insert(name, serde_json::to_string_pretty(value).unwrap_or_default());
    }

    async fn read_iam(&mut self, admin: &SdkConfig) -> Result<(), Error> {
        let iam = aws_sdk_iam::Client::new(admin);
        // One call returns all properties of all roles. One call for each role would take most of a suite's time.
        let details = iam.get_account_authorization_details().filter(EntityType::Role);
        let mut pages = details.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(Error::aws("GetAccountAuthorizationDetails"))?;
            for role in page.role_detail_list() {
                self.insert(format!("role/{}", role.role_name().unwrap_or_default()), &role_of(role));
            }
        }
        let mut profiles = iam.list_instance_profiles().into_paginator().items().send();
        while let Some(profile) = profiles.next().await {
            let name = profile.map_err(Error::aws("ListInstanceProfiles"))?.instance_profile_name;
            let found = iam
                .get_instance_profile()
                .instance_profile_name(&name)
                .send()
                .await
                .map_err(Error::aws("GetInstanceProfile"))?;
            let Some(profile) = found.instance_profile else { continue };
            let roles: Vec<_> = profile.roles().iter().map(aws_sdk_iam::types::Role::role_name).collect();
            let value = json!({"path": profile.path(), "roles": roles, "tags": iam_tags(profile.tags())});
            self.insert(format!("instance-profile/{name}"), &value);
        }
        let providers =
            iam.list_open_id_connect_providers().send().await.map_err(Error::aws("ListOpenIDConnectProviders"))?;
        for arn in providers.open_id_connect_provider_list().iter().filter_map(|provider| provider.arn()) {
            let call = iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn);
            let provider = call.send().await.map_err(Error::aws("GetOpenIDConnectProvider"))?;
            let value = json!({"audiences": provider.client_id_list(), "tags": iam_tags(provider.tags())});
            self.insert(format!("oidc-provider/{arn}"), &value);
        }
        Ok(())
    }

    async fn read_ec2(&mut self, admin: &SdkConfig) -> Result<(), Error> {
        let ec2 = aws_sdk_ec2::Client::new(admin);
        let mut subnets = ec2.describe_subnets().into_paginator().items().send();
        while let Some(subnet) = subnets.next().await {
            let subnet = subnet.map_err(Error::aws("DescribeSubnets"))?;
            let id = subnet.subnet_id().unwrap_or_default().to_owned();
            self.insert(id, &ec2_tags(subnet.tags()));
        }
        let mut groups = ec2.describe_security_groups().into_paginator().items().send();
        while let Some(group) = groups.next().await {
            let group = group.map_err(Error::aws("DescribeSecurityGroups"))?;
            let id = group.group_id().unwrap_or_default().to_owned();
            self.insert(id, &ec2_tags(group.tags()));
        }
        Ok(())
    }

    async fn read_aws_auth(&mut self, cluster: &Cluster) -> Result<(), Error> {
        if let Some(map) = cluster.control_plane().aws_auth().await? {
            let is_of_function = |entry: &ManagedFieldsEntry| {
                let fields = json!(entry.fields_v1);
                entry.manager.as_deref() == Some("karpenter-prereqs") && fields.pointer("/f:data/f:mapRoles").is_some()
            };
            let metadata = json!({
                "annotations": map.metadata.annotations,
                "labels": map.metadata.labels,
                // The other managers may differ, because a write takes fields from their owners.
                "functionOwnsMapRoles": map.metadata.managed_fields.iter().flatten().any(is_of_function),
            });
            self.insert("aws-auth/metadata".to_owned(), &metadata);
            // Unchanged, because each byte counts, and people read it line by line.
            self.0
                .extend(map.data.unwrap_or_default().into_iter().map(|(key, text)| (format!("aws-auth/{key}"), text)));
        }
        Ok(())
    }
}

impl World {
    async fn read_access_entries(&mut self, admin: &SdkConfig, cluster: &Cluster) -> Result<(), Error> {
        if cluster.authentication_mode == AuthenticationMode::ConfigMap {
            return Ok(());
        }
        let eks = aws_sdk_eks::Client::new(admin);
        let mut principals = eks.list_access_entries().cluster_name(&cluster.name).into_paginator().items().send();
        while let Some(principal) = principals.next().await {
            let principal = principal.map_err(Error::aws("ListAccessEntries"))?;
            let call = eks.describe_access_entry().cluster_name(&cluster.name).principal_arn(&principal);
            let Some(entry) = call.send().await.map_err(Error::aws("DescribeAccessEntry"))?.access_entry else {
                continue;
            };
            let tags: BTreeMap<_, _> = entry.tags().into_iter().flatten().collect();
            let value = json!({"type": entry.r#type(), "groups": entry.kubernetes_groups(), "tags": tags});
            self.insert(format!("access-entry/{principal}"), &value);
        }
        Ok(())
    }

    async fn read_associations(&mut self, admin: &SdkConfig, cluster: &Cluster) -> Result<(), Error> {
        let eks = aws_sdk_eks::Client::new(admin);
        let list = eks.list_pod_identity_associations().cluster_name(&cluster.name);
        let mut listed = list.into_paginator().items().send();
        while let Some(summary) = listed.next().await {
            let summary = match summary {
                // Associations are deleted with their cluster.
                Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
                summary => summary.map_err(Error::aws("ListPodIdentityAssociations"))?,
            };
            let call = eks.describe_pod_identity_association().cluster_name(&cluster.name);
            let call = call.association_id(summary.association_id().unwrap_or_default());
            let found = call.send().await.map_err(Error::aws("DescribePodIdentityAssociation"))?;
            let Some(found) = found.association else { continue };
            let tags: BTreeMap<_, _> = found.tags().into_iter().flatten().collect();
            let value =
                json!({"role": found.role_arn(), "disableSessionTags": found.disable_session_tags(), "tags": tags});
            let account = [found.namespace(), found.service_account()].map(Option::unwrap_or_default);
            self.insert(format!("pod-identity/{}", account.join("/")), &value);
        }
        Ok(())
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "# {name}\n{value}"))
    }
}

/// Returns all properties of a role.
fn role_of(role: &RoleDetail) -> Value {
    let attached = role.attached_managed_policies().iter().filter_map(AttachedPolicy::policy_arn);
    let inline = role
        .role_policy_list()
        .iter()
        .filter_map(|policy| Some((policy.policy_name()?.to_owned(), policy.policy_document().map(decoded))));
    json!({
        "path": role.path(),
        "trust": role.assume_role_policy_document().map(decoded),
        "boundary": role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn()),
        "tags": iam_tags(role.tags()),
        "attached": attached.collect::<BTreeSet<_>>(),
        "inline": inline.collect::<BTreeMap<_, _>>(),
    })
}

fn decoded(document: &str) -> Value {
    let text = percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
}

fn iam_tags(tags: &[aws_sdk_iam::types::Tag]) -> Value {
    tags.iter().map(|tag| (tag.key().to_owned(), json!(tag.value()))).collect::<BTreeMap<_, _>>().into_iter().collect()
}

fn ec2_tags(tags: &[aws_sdk_ec2::types::Tag]) -> Value {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), json!(tag.value()))));
    pairs.collect::<BTreeMap<_, _>>().into_iter().collect()
}
