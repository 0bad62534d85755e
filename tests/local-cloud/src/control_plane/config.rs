//! The configuration files of a control plane's programs.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::ControlPlaneOptions;
use crate::{error::Error, pki::Leaf};

/// Returns a kubeconfig with a client certificate. It contains all files, so that it can be copied.
pub(super) fn admin_kubeconfig(cluster: &str, endpoint: &str, ca_pem: &str, admin: &Leaf) -> Value {
    let user = json!({
        "client-certificate-data": STANDARD.encode(&admin.certificate_pem),
        "client-key-data": STANDARD.encode(&admin.key_pem),
    });
    kubeconfig(cluster, endpoint, ca_pem, &user)
}

/// Returns the kubeconfig with which the API server calls its token webhook.
pub(super) fn webhook_kubeconfig(port: u16, ca_pem: &str) -> Value {
    let url = format!("https://127.0.0.1:{port}/authenticate");
    kubeconfig("aws-iam-authenticator", &url, ca_pem, &json!({}))
}

/// Returns the authenticator's settings. The creator's role is in the file. The other identities come from access entries and
/// aws-auth, according to the cluster's authentication mode. As on EKS, an access entry is valid only for the role with the
/// same unique id.
pub(super) fn authenticator(options: &ControlPlaneOptions<'_>, port: u16, state: &Path, kubeconfig: &Path) -> Value {
    let backends = [
        Some("MountedFile"),
        options.access_entries.map(|_| "DynamicFile"),
        options.has_aws_auth.then_some("EKSConfigMap"),
    ];
    let mut settings = json!({
        "clusterID": options.cluster,
        "server": {
            "address": "127.0.0.1",
            "port": port,
            "stateDir": state,
            "kubeconfig": kubeconfig,
            // The kubeconfig of the API server exists already, before the two programs start.
            "kubeconfigPregenerated": true,
            "backendMode": backends.into_iter().flatten().collect::<Vec<_>>(),
            "mapRoles": [{
                "roleARN": options.creator_role_arn,
                "username": "kubernetes-admin",
                "groups": ["system:masters"],
            }],
        },
    });
    if let Some(file) = options.access_entries {
        settings["server"]["dynamicfilepath"] = json!(file);
        settings["server"]["dynamicfileUserIDStrict"] = json!(true);
    }
    settings
}

/// Writes a document as YAML.
pub(super) fn write(path: &Path, document: &Value) -> Result<(), Error> {
    let text = yaml_serde::to_string(document)
        .map_err(|error| Error::Unusable(format!("cannot write {} as YAML: {error}", path.display())))?;
    std::fs::write(path, text).map_err(Error::file("write", path))
}

fn kubeconfig(name: &str, server: &str, ca_pem: &str, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": server, "certificate-authority-data": STANDARD.encode(ca_pem) },
        }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    })
}
