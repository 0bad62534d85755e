//! The model: the content of IAM, EC2, EKS and aws-auth, and the snapshot that the function would read of it.

use karpenter_prereqs_core::desired::spec::{ControllerIdentity, Spec};
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::aws_names::issuer_without_scheme;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::identity::ownership::{Marker, Tags, is_in_aws_auth};
use karpenter_prereqs_core::observed::{
    AccessEntry, AwsAuth, Cluster, ConfigMap, Discovery, InstanceProfile, Observed, OidcProvider, PassRoleDecision,
    PodIdentityAssociation, Role, Running,
};
use karpenter_prereqs_core::plan::unproven_node_roles;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One Region of one account.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    /// By name in lower case, because IAM's names are equal in any letter case.
    pub(crate) roles: BTreeMap<String, Role>,
    /// The instance profiles, by name in lower case.
    pub(crate) profiles: BTreeMap<String, InstanceProfile>,
    /// IAM's OIDC providers, by ARN.
    pub(crate) oidc_providers: BTreeMap<String, OidcProvider>,
    /// The tags of subnets and security groups, by id.
    pub(crate) resources: BTreeMap<String, Tags>,
    /// The running instances.
    pub(crate) running: Vec<Running>,
    /// The clusters and their objects, by name.
    pub(crate) clusters: BTreeMap<String, Eks>,
    /// The ARNs of the roles on which IAM denies the function `iam:PassRole`.
    pub(crate) pass_role_denied: BTreeSet<String>,
}

/// A cluster with the objects that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Eks {
    pub(crate) cluster: Cluster,
    /// The union of its node groups' subnets.
    pub(crate) subnet_ids: BTreeSet<String>,
    /// The union of its node groups' security groups.
    pub(crate) security_group_ids: BTreeSet<String>,
    pub(crate) aws_auth: Option<ConfigMap>,
    /// Its access entries, by the role's ARN.
    pub(crate) access_entries: BTreeMap<String, AccessEntry>,
    /// Its Pod Identity associations.
    pub(crate) associations: BTreeMap<ServiceAccount, PodIdentityAssociation>,
}

/// What a snapshot is read for, which decides what it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// A Create, or an Update from these old properties.
    Reconcile(Option<&'a Spec>),
    /// The teardown of a generation.
    TearDown,
}

impl World {
    /// Returns the snapshot that the function would read. It finds objects by the names in the spec, by the ids that the spec
    /// lists, and by the markers.
    pub(crate) fn observed(&self, spec: &Spec, markers: &BTreeSet<Marker>, purpose: Purpose<'_>) -> Observed {
        let eks = self.clusters.get(&spec.cluster_name);
        let serving = eks.filter(|eks| !matches!(eks.cluster.status.as_str(), "CREATING" | "DELETING"));
        let profile = self.profiles.get(&spec.instance_profile_name.to_lowercase());
        let mut tags =
            self.role(spec.node_role_name()).map(|role| &role.tags).into_iter().chain(profile.map(|it| &it.tags));
        let is_recorded = tags.any(|tags| is_in_aws_auth(tags, markers));
        let wants_aws_auth = |eks: &Eks| spec.node_access.wants_aws_auth(eks.cluster.authentication_mode);
        let reachable = serving.filter(|eks| is_recorded || wants_aws_auth(eks));
        let is_reconcile = purpose != Purpose::TearDown;
        let provider = self.oidc_provider(spec, serving);
        let trusting_roles = provider.map(|provider| self.roles_that_trust(provider)).unwrap_or_default();
        Observed {
            cluster: eks.map(|eks| eks.cluster.clone()),
            oidc_provider: provider.cloned(),
            roles_that_trust_issuer: if is_reconcile && spec.has_controller_identity(ControllerIdentity::Irsa) {
                BTreeSet::new()
            } else {
                trusting_roles
            },
            node_role: self.role(spec.node_role_name()).map(|role| as_read(role, None)),
            profiles_of_node_role: if is_reconcile { Vec::new() } else { self.profiles_of(spec.node_role_name()) },
            running: self.running.clone(),
            launch_templates: Vec::new(),
            controller_role: self.role(&spec.controller_role_name).map(|role| {
                if is_reconcile { role.clone() } else { as_read(role, Some(&spec.controller_policy_name())) }
            }),
            instance_profile: self.profiles.get(&spec.instance_profile_name.to_lowercase()).cloned(),
            discovery: self.discovery(spec, markers, serving.filter(|_| is_reconcile), is_reconcile),
            aws_auth: match reachable.map(|eks| eks.aws_auth.clone()) {
                None => AwsAuth::NotRead,
                Some(None) => AwsAuth::Missing,
                Some(Some(map)) => AwsAuth::Present(Arc::new(map)),
            },
            access_entry: serving
                .filter(|eks| eks.cluster.authentication_mode.has_access_entries())
                .and_then(|eks| eks.access_entries.get(&spec.node_role_arn()).cloned()),
            associations: serving.map(|eks| self.associations(spec, purpose, eks)).unwrap_or_default(),
            has_pod_identity_agent: true,
            proven_node_roles: unproven_node_roles(spec, markers, self.role(&spec.controller_role_name))
                .into_iter()
                .filter(|arn| !self.pass_role_denied.contains(arn))
                .collect(),
            pass_role: if is_reconcile { PassRoleDecision::Allowed } else { PassRoleDecision::NotAsked },
            unknown_policies: BTreeSet::new(),
        }
    }

    /// Returns the cluster `demo`, which most examples use.
    pub(crate) fn demo(&mut self) -> &mut Eks {
        self.clusters.get_mut("demo").unwrap()
    }

    /// Returns the role with this name, in any letter case.
    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(&name.to_lowercase())
    }

    fn profiles_of(&self, role: &str) -> Vec<InstanceProfile> {
        let contains_role =
            |profile: &&InstanceProfile| profile.roles.iter().any(|name| name.eq_ignore_ascii_case(role));
        self.profiles.values().filter(contains_role).cloned().collect()
    }

    /// Returns the provider of the cluster's issuer. Without a serving cluster, returns the provider that the controller role
    /// trusts.
    fn oidc_provider(&self, spec: &Spec, eks: Option<&Eks>) -> Option<&OidcProvider> {
        let issuer = eks.and_then(|eks| eks.cluster.issuer.as_deref());
        let arn_of_cluster = issuer.map(|issuer| spec.scope.oidc_provider_arn(issuer_without_scheme(issuer)));
        let trusted = || self.role(&spec.controller_role_name).and_then(|role| trust::trusted_provider(&role.trust));
        self.oidc_providers.get(&arn_of_cluster.or_else(trusted)?)
    }

    fn roles_that_trust(&self, provider: &OidcProvider) -> BTreeSet<String> {
        let trusts = |role: &&Role| trust::trusts_provider(&role.trust, &provider.arn);
        self.roles.values().filter(trusts).map(|role| role.name.clone()).collect()
    }

    fn associations(
        &self,
        spec: &Spec,
        purpose: Purpose<'_>,
        eks: &Eks,
    ) -> BTreeMap<ServiceAccount, PodIdentityAssociation> {
        let arn = spec.scope.cluster_arn(&spec.cluster_name);
        let trusted =
            self.role(&spec.controller_role_name).map(|role| trust::trusted_service_accounts(&role.trust, &arn));
        let old = match purpose {
            Purpose::Reconcile(old) => old,
            Purpose::TearDown => None,
        };
        let in_properties = old.into_iter().chain([spec]).map(Spec::controller_account);
        let accounts: BTreeSet<_> = trusted.into_iter().flatten().chain(in_properties).collect();
        let found = eks.associations.iter().filter(|(account, _)| accounts.contains(*account));
        found.map(|(account, association)| (account.clone(), association.clone())).collect()
    }

    fn discovery(&self, spec: &Spec, markers: &BTreeSet<Marker>, eks: Option<&Eks>, is_reconcile: bool) -> Discovery {
        let lists_all = spec.subnet_ids.is_some() && spec.security_group_ids.is_some();
        let eks = eks.filter(|_| !lists_all);
        let mut discovery = Discovery {
            subnet_ids: eks.map(|eks| eks.subnet_ids.clone()).unwrap_or_default(),
            security_group_ids: eks.map(|eks| eks.security_group_ids.clone()).unwrap_or_default(),
            ..Discovery::default()
        };
        let wanted = |listed: &Option<Vec<String>>, discovered: &BTreeSet<String>| match listed {
            _ if !is_reconcile => BTreeSet::new(),
            Some(ids) => ids.iter().cloned().collect(),
            None => discovered.clone(),
        };
        let with_tags = |wanted: &BTreeSet<String>, prefix: &str| -> BTreeMap<String, Tags> {
            let has_marker = |tags: &Tags| {
                markers
                    .iter()
                    .any(|marker| tags.contains_key(marker.key()) || tags.contains_key(&marker.previous_tag_key()))
            };
            let of_kind = self.resources.iter().filter(|(id, _)| id.starts_with(prefix));
            let read = of_kind.filter(|(id, tags)| wanted.contains(*id) || has_marker(tags));
            read.map(|(id, tags)| (id.clone(), tags.clone())).collect()
        };
        discovery.subnets = with_tags(&wanted(&spec.subnet_ids, &discovery.subnet_ids), "subnet-");
        discovery.security_groups = with_tags(&wanted(&spec.security_group_ids, &discovery.security_group_ids), "sg-");
        discovery
    }
}

/// Returns the role with the document of this inline policy only, where the function reads no other document.
fn as_read(role: &Role, policy_name: Option<&str>) -> Role {
    let mut role = role.clone();
    for (name, document) in &mut role.inline {
        if policy_name != Some(name.as_str()) {
            *document = None;
        }
    }
    role
}
