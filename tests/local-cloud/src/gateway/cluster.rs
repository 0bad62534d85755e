//! Completes the description of EKS clusters. MiniStack has no control plane for its clusters, so the gateway writes the
//! endpoint of the local control plane into the response to `DescribeCluster`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{call::Call, response::ServiceResponse};

/// The values for the response to `DescribeCluster`. `None` keeps the value of the service.
#[derive(Clone, Debug, Default)]
pub struct ClusterRewrite {
    /// `endpoint`.
    pub endpoint: Option<String>,
    /// The certificate of `certificateAuthority`, as PEM.
    pub ca_pem: Option<String>,
    /// `resourcesVpcConfig.clusterSecurityGroupId`. MiniStack's EC2 does not know the group in its response.
    pub cluster_security_group_id: Option<String>,
    /// `status`, for a cluster that is not ACTIVE.
    pub status: Option<String>,
    /// `accessConfig.authenticationMode`.
    pub authentication_mode: Option<String>,
    /// Id and version of the launch template by node group, because MiniStack does not store them.
    pub launch_templates: BTreeMap<String, (String, String)>,
}

/// The values of all clusters, by name.
#[derive(Debug, Default)]
pub(crate) struct Clusters(Mutex<BTreeMap<String, ClusterRewrite>>);

impl Clusters {
    pub(crate) fn set(&self, name: String, rewrite: ClusterRewrite) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, rewrite);
    }

    /// Completes the response to `DescribeCluster` or `DescribeNodegroup`. Other responses are unchanged.
    pub(crate) fn rewrite(&self, call: &Call, response: &mut ServiceResponse) {
        if !(call.is("eks", "DescribeCluster") || call.is("eks", "DescribeNodegroup")) || !response.status.is_success()
        {
            return;
        }
        let clusters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rewrite) = call.param("name").and_then(|name| clusters.get(name)) else {
            return;
        };
        let Some(mut body) = response.json() else {
            return;
        };
        match call.param("nodegroupName") {
            Some(group) => rewrite.apply_to_node_group(group, &mut body),
            None => rewrite.apply(&mut body),
        }
        response.set_json(&body);
    }
}

impl ClusterRewrite {
    fn apply_to_node_group(&self, group: &str, body: &mut Value) {
        if let Some((id, version)) = self.launch_templates.get(group) {
            body["nodegroup"]["launchTemplate"] = json!({"id": id, "version": version});
        }
    }

    fn apply(&self, body: &mut Value) {
        let cluster = &mut body["cluster"];
        let ca = self.ca_pem.as_ref().map(|pem| STANDARD.encode(pem));
        for (path, value) in [
            (["endpoint", ""], &self.endpoint),
            (["status", ""], &self.status),
            (["certificateAuthority", "data"], &ca),
            (["resourcesVpcConfig", "clusterSecurityGroupId"], &self.cluster_security_group_id),
            (["accessConfig", "authenticationMode"], &self.authentication_mode),
        ] {
            let Some(value) = value else { continue };
            match path {
                [name, ""] => cluster[name] = json!(value),
                [group, name] => cluster[group][name] = json!(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrite_changes_only_given_values() {
        let rewrite = ClusterRewrite {
            endpoint: Some("https://localhost:1".to_owned()),
            ca_pem: Some("PEM".to_owned()),
            cluster_security_group_id: Some("sg-2".to_owned()),
            ..ClusterRewrite::default()
        };
        let mut body = json!({"cluster": {
            "name": "c", "endpoint": "https://localhost:16443", "status": "ACTIVE",
            "certificateAuthority": {"data": ""},
            "resourcesVpcConfig": {"clusterSecurityGroupId": "sg-1", "subnetIds": ["subnet-1"]},
        }});
        rewrite.apply(&mut body);
        assert_eq!(
            body,
            json!({"cluster": {
                "name": "c", "endpoint": "https://localhost:1", "status": "ACTIVE",
                "certificateAuthority": {"data": "UEVN"},
                "resourcesVpcConfig": {"clusterSecurityGroupId": "sg-2", "subnetIds": ["subnet-1"]},
            }})
        );
    }
}
