//! Renders Karpenter's chart with Helm.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use local_cloud::Error;
use serde_json::Value;
use tokio::process::Command;

use super::controller::Installation;

/// The result of the chart, as far as the tests need it.
#[derive(Debug)]
pub(super) struct Chart {
    /// The service account's name.
    pub(super) service_account: String,
    /// The role in its annotation for IRSA; empty without an annotation.
    pub(super) role_arn: String,
    /// The environment of the controller's container, without values from references.
    pub(super) environment: BTreeMap<String, String>,
}

impl Chart {
    /// Renders the chart as `helm install` does.
    ///
    /// # Errors
    /// [`Error::Unusable`] with Helm's message, or when the chart has no service account or no Deployment.
    pub(super) async fn render(programs: &Path, folder: &Path, installation: &Installation<'_>) -> Result<Self, Error> {
        let values = folder.join("values.yaml");
        std::fs::write(&values, installation.helm_values).map_err(Error::file("write", &values))?;
        let rendered = Command::new(programs.join("helm"))
            .args(["template", "karpenter"])
            .arg(programs.join("chart"))
            .args(["--namespace", installation.namespace, "--values"])
            .arg(&values)
            .env_clear()
            .env("HOME", folder)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|source| Error::Spawn { program: "helm".to_owned(), source })?;
        if !rendered.status.success() {
            let stderr = String::from_utf8_lossy(&rendered.stderr).into_owned();
            return Err(Error::Unusable(format!("helm template failed: {stderr}")));
        }
        Self::of(&String::from_utf8_lossy(&rendered.stdout))
            .ok_or_else(|| Error::Unusable("the chart has no service account, or no Deployment".to_owned()))
    }

    fn of(manifests: &str) -> Option<Self> {
        let documents: Vec<Value> =
            manifests.split("\n---").filter_map(|text| yaml_serde::from_str(text).ok()).collect();
        let of_kind = |kind: &str| documents.iter().find(|document| document["kind"] == kind);
        let (account, deployment) = (of_kind("ServiceAccount")?, of_kind("Deployment")?);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let plain =
            |variable: &Value| Some((variable["name"].as_str()?.to_owned(), variable["value"].as_str()?.to_owned()));
        Some(Self {
            service_account: account["metadata"]["name"].as_str()?.to_owned(),
            role_arn: account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            environment: container["env"].as_array()?.iter().filter_map(plain).collect(),
        })
    }
}
