//! The world of these tests: what stands in IAM, EC2, EKS and the ConfigMaps, and what the function would read of it.

use karpenter_prereqs_core::names::issuer_without_scheme;
use karpenter_prereqs_core::observed::{
    AwsAuth, Cluster, ConfigMap, Discovery, InstanceProfile, Observed, OidcProvider, Role,
};
use karpenter_prereqs_core::ownership::{Mark, Tags};
use karpenter_prereqs_core::spec::{NodeRole, Spec};
use std::collections::{BTreeMap, BTreeSet};

/// An account's region.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    /// By name in lower case: IAM holds names equal in any letter case.
    pub(crate) roles: BTreeMap<String, Role>,
    /// By name in lower case.
    pub(crate) profiles: BTreeMap<String, InstanceProfile>,
    /// The audiences of IAM's OIDC providers, by ARN.
    pub(crate) oidc_providers: BTreeMap<String, Vec<String>>,
    /// The tags of subnets and security groups, by id.
    pub(crate) resources: BTreeMap<String, Tags>,
    /// By name.
    pub(crate) clusters: BTreeMap<String, Eks>,
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
    /// The types of its access entries, by the role's ARN.
    pub(crate) access_entries: BTreeMap<String, String>,
}

/// What the world is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look<'a> {
    /// The spec is to be so; on an Update, the old one was.
    Converge(Option<&'a Spec>),
    /// The generation is to go.
    Release,
}

impl World {
    /// What the function reads: by the names of the spec, the ids that are wanted, and the marks.
    pub(crate) fn observed(&self, spec: &Spec, marks: &BTreeSet<Mark>, look: Look<'_>) -> Observed {
        let eks = self.clusters.get(&spec.cluster_name);
        let serving = eks.filter(|eks| !matches!(eks.cluster.status.as_str(), "CREATING" | "DELETING"));
        let wants_aws_auth = |eks: &Eks| {
            let wants = |spec: &Spec| spec.node_access.wants_aws_auth(eks.cluster.authentication_mode);
            wants(spec) || matches!(look, Look::Converge(Some(old)) if wants(old))
        };
        let reachable = serving.filter(|eks| wants_aws_auth(eks));
        let converging = look != Look::Release;
        let made = matches!(spec.node_role, NodeRole::Made { .. });
        Observed {
            cluster: eks.map(|eks| eks.cluster.clone()),
            oidc_provider: serving.filter(|_| converging).and_then(|eks| self.oidc_provider(spec, eks)),
            node_role: self.role(spec.node_role_name()).map(|role| as_read(role, None)),
            profiles_of_node_role: if made && !converging {
                self.profiles_of(spec.node_role_name())
            } else {
                Vec::new()
            },
            controller_role: self
                .role(&spec.controller_role_name)
                .map(|role| as_read(role, Some(&spec.controller_policy_name()))),
            instance_profile: self.profiles.get(&spec.instance_profile_name.to_lowercase()).cloned(),
            discovery: self.discovery(spec, marks, serving.filter(|_| converging), converging),
            aws_auth: match reachable.map(|eks| eks.aws_auth.clone()) {
                None => AwsAuth::NotRead,
                Some(None) => AwsAuth::Missing,
                Some(Some(map)) => AwsAuth::Present(map),
            },
            access_entry_type: reachable
                .filter(|eks| converging && eks.cluster.authentication_mode.has_access_entries())
                .and_then(|eks| eks.access_entries.get(&spec.node_role_arn()).cloned()),
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

    fn profiles_of(&self, role: &str) -> Vec<String> {
        let holds = |profile: &&InstanceProfile| profile.roles.iter().any(|held| held.eq_ignore_ascii_case(role));
        self.profiles.values().filter(holds).map(|profile| profile.name.clone()).collect()
    }

    fn oidc_provider(&self, spec: &Spec, eks: &Eks) -> Option<OidcProvider> {
        let arn = spec.scope.oidc_provider_arn(issuer_without_scheme(eks.cluster.issuer.as_deref()?));
        self.oidc_providers
            .get(&arn)
            .map(|client_ids| OidcProvider { arn: arn.clone(), client_ids: client_ids.clone() })
    }

    fn discovery(&self, spec: &Spec, marks: &BTreeSet<Mark>, eks: Option<&Eks>, converging: bool) -> Discovery {
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
                marks.iter().any(|mark| tags.contains_key(mark.key()) || tags.contains_key(&mark.former_key()))
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
