//! The world of these tests: what stands in IAM, EC2, EKS and the ConfigMaps, and what the function would read of it.

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

/// An account's region.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    /// By name in lower case: IAM holds names equal in any letter case.
    pub(crate) roles: BTreeMap<String, Role>,
    /// By name in lower case.
    pub(crate) profiles: BTreeMap<String, InstanceProfile>,
    /// The audiences of IAM's OIDC providers, by ARN.
    pub(crate) oidc_providers: BTreeMap<String, OidcProvider>,
    /// The tags of subnets and security groups, by id.
    pub(crate) resources: BTreeMap<String, Tags>,
    /// Instances.
    pub(crate) running: Vec<Running>,
    /// By name.
    pub(crate) clusters: BTreeMap<String, Eks>,
    /// The ARNs of the roles that IAM does not let the function pass.
    pub(crate) unpassable: BTreeSet<String>,
}

/// A cluster with what stands in it and around it.
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

/// What the world is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look<'a> {
    /// The spec is to be so; on an Update, the old one was.
    Reconcile(Option<&'a Spec>),
    /// The generation is to go.
    TearDown,
}

impl World {
    /// What the function reads: by the names of the spec, the ids that are wanted, and the markers.
    pub(crate) fn observed(&self, spec: &Spec, markers: &BTreeSet<Marker>, look: Look<'_>) -> Observed {
        let eks = self.clusters.get(&spec.cluster_name);
        let serving = eks.filter(|eks| !matches!(eks.cluster.status.as_str(), "CREATING" | "DELETING"));
        let profile = self.profiles.get(&spec.instance_profile_name.to_lowercase());
        let mut tags =
            self.role(spec.node_role_name()).map(|role| &role.tags).into_iter().chain(profile.map(|it| &it.tags));
        let is_noted = tags.any(|tags| is_in_aws_auth(tags, markers));
        let wants = |eks: &Eks| spec.node_access.wants_aws_auth(eks.cluster.authentication_mode);
        let reachable = serving.filter(|eks| is_noted || wants(eks));
        let converging = look != Look::TearDown;
        let provider = self.oidc_provider(spec, serving);
        let trusting = provider.map(|provider| self.trusting(provider)).unwrap_or_default();
        Observed {
            cluster: eks.map(|eks| eks.cluster.clone()),
            oidc_provider: provider.cloned(),
            roles_that_trust_issuer: if converging && spec.has_identity(ControllerIdentity::Irsa) {
                BTreeSet::new()
            } else {
                trusting
            },
            node_role: self.role(spec.node_role_name()).map(|role| as_read(role, None)),
            profiles_of_node_role: if converging { Vec::new() } else { self.profiles_of(spec.node_role_name()) },
            running: self.running.clone(),
            launch_templates: Vec::new(),
            controller_role: self
                .role(&spec.controller_role_name)
                .map(|role| as_read(role, Some(&spec.controller_policy_name()))),
            instance_profile: self.profiles.get(&spec.instance_profile_name.to_lowercase()).cloned(),
            discovery: self.discovery(spec, markers, serving.filter(|_| converging), converging),
            aws_auth: match reachable.map(|eks| eks.aws_auth.clone()) {
                None => AwsAuth::NotRead,
                Some(None) => AwsAuth::Missing,
                Some(Some(map)) => AwsAuth::Present(map),
            },
            access_entry: serving
                .filter(|eks| eks.cluster.authentication_mode.has_access_entries())
                .and_then(|eks| eks.access_entries.get(&spec.node_role_arn()).cloned()),
            associations: serving.map(|eks| self.associations(spec, look, eks)).unwrap_or_default(),
            has_pod_identity_agent: true,
            proven_node_roles: unproven_node_roles(spec, markers, self.role(&spec.controller_role_name))
                .into_iter()
                .filter(|arn| !self.unpassable.contains(arn))
                .collect(),
            pass_role: if converging { PassRoleDecision::Allowed } else { PassRoleDecision::NotAsked },
            unknown_policies: BTreeSet::new(),
        }
    }

    /// The cluster `demo`, which the examples are about.
    pub(crate) fn demo(&mut self) -> &mut Eks {
        self.clusters.get_mut("demo").unwrap()
    }

    /// The role of that name, in any letter case.
    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(&name.to_lowercase())
    }

    fn profiles_of(&self, role: &str) -> Vec<InstanceProfile> {
        let holds = |profile: &&InstanceProfile| profile.roles.iter().any(|held| held.eq_ignore_ascii_case(role));
        self.profiles.values().filter(holds).cloned().collect()
    }

    /// The cluster's, or the one that the controller role trusts.
    fn oidc_provider(&self, spec: &Spec, eks: Option<&Eks>) -> Option<&OidcProvider> {
        let of_cluster = eks.and_then(|eks| eks.cluster.issuer.as_deref());
        let of_cluster = of_cluster.map(|issuer| spec.scope.oidc_provider_arn(issuer_without_scheme(issuer)));
        let trusted = || self.role(&spec.controller_role_name).and_then(|role| trust::trusted_provider(&role.trust));
        self.oidc_providers.get(&of_cluster.or_else(trusted)?)
    }

    fn trusting(&self, provider: &OidcProvider) -> BTreeSet<String> {
        let trusts = |role: &&Role| trust::trusts_provider(&role.trust, &provider.arn);
        self.roles.values().filter(trusts).map(|role| role.name.clone()).collect()
    }

    fn associations(&self, spec: &Spec, look: Look<'_>, eks: &Eks) -> BTreeMap<ServiceAccount, PodIdentityAssociation> {
        let arn = spec.scope.cluster_arn(&spec.cluster_name);
        let trusted =
            self.role(&spec.controller_role_name).map(|role| trust::trusted_service_accounts(&role.trust, &arn));
        let old = match look {
            Look::Reconcile(old) => old,
            Look::TearDown => None,
        };
        let named = old.into_iter().chain([spec]).map(Spec::controller_account);
        let looked_for: BTreeSet<_> = trusted.into_iter().flatten().chain(named).collect();
        let found = eks.associations.iter().filter(|(account, _)| looked_for.contains(*account));
        found.map(|(account, found)| (account.clone(), found.clone())).collect()
    }

    fn discovery(&self, spec: &Spec, markers: &BTreeSet<Marker>, eks: Option<&Eks>, converging: bool) -> Discovery {
        let named = spec.subnet_ids.is_some() && spec.security_group_ids.is_some();
        let eks = eks.filter(|_| !named);
        let mut discovery = Discovery {
            subnet_ids: eks.map(|eks| eks.subnet_ids.clone()).unwrap_or_default(),
            security_group_ids: eks.map(|eks| eks.security_group_ids.clone()).unwrap_or_default(),
            ..Discovery::default()
        };
        let wanted = |explicit: &Option<Vec<String>>, found: &BTreeSet<String>| match explicit {
            _ if !converging => BTreeSet::new(),
            Some(ids) => ids.iter().cloned().collect(),
            None => found.clone(),
        };
        let tagged = |wanted: &BTreeSet<String>, prefix: &str| -> BTreeMap<String, Tags> {
            let marked = |tags: &Tags| {
                markers
                    .iter()
                    .any(|marker| tags.contains_key(marker.key()) || tags.contains_key(&marker.previous_tag_key()))
            };
            let of_kind = self.resources.iter().filter(|(id, _)| id.starts_with(prefix));
            let seen = of_kind.filter(|(id, tags)| wanted.contains(*id) || marked(tags));
            seen.map(|(id, tags)| (id.clone(), tags.clone())).collect()
        };
        discovery.subnets = tagged(&wanted(&spec.subnet_ids, &discovery.subnet_ids), "subnet-");
        discovery.security_groups = tagged(&wanted(&spec.security_group_ids, &discovery.security_group_ids), "sg-");
        discovery
    }
}

/// A role with the document of that inline policy alone: the function reads no other.
fn as_read(role: &Role, document_of: Option<&str>) -> Role {
    let mut role = role.clone();
    for (name, document) in &mut role.inline {
        if document_of != Some(name.as_str()) {
            *document = None;
        }
    }
    role
}
