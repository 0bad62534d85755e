//! The stack that users deploy, `infra/template.yaml`, with the function that Cargo built.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    cloud::Cloud,
    cluster::Cluster,
    error::Error,
    stack::{Stack, upload_function},
    tools,
};

/// A stack of `infra/template.yaml` with its parameters.
#[derive(Debug)]
pub struct Deployment {
    stack: Stack,
    template: PathBuf,
    parameters: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Deployment {
    /// Uploads the function, and prepares a stack for a cluster that authenticates only its creator and the entries of
    /// aws-auth. The stack is not created yet.
    ///
    /// # Errors
    /// As [`upload_function`].
    pub async fn prepare(cloud: &Cloud, cluster: &Cluster, name: &str) -> Result<Self, Error> {
        let admin = cloud.admin();
        let sha256 = Box::pin(upload_function(&admin, BUCKET_PREFIX)).await?;
        let ca = cloud.pki().ca_path();
        let parameters = [
            ("ClusterName", cluster.name.as_str()),
            ("KubernetesRoleArn", &cluster.creator_role_arn),
            ("CodeBucketPrefix", BUCKET_PREFIX),
            ("CodeSha256", &sha256),
            ("Architecture", "x86_64"),
            ("CaBundleFile", &ca.to_string_lossy()),
        ];
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let folder = cloud.folder().to_owned();
        Ok(Self { stack: Stack::new(&admin, name), template: template(), parameters, folder })
    }

    /// The stack.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Sets a parameter for the following operations.
    pub fn set(&mut self, parameter: &str, value: &str) {
        self.parameters.insert(parameter.to_owned(), value.to_owned());
    }

    /// Sets the property Tags of the custom resource for the following operations. A parameter cannot contain a map, so this
    /// edits the text of the template, as a user would.
    ///
    /// # Errors
    /// [`Error::Unusable`] if the template has no place for Tags, [`Error::File`].
    pub fn set_tags(&mut self, tags: &BTreeMap<&str, &str>) -> Result<(), Error> {
        let original = template();
        let text = std::fs::read_to_string(&original).map_err(Error::file("read", &original))?;
        let (above, below) = text.split_once(ABOVE_TAGS).ok_or_else(|| {
            Error::Unusable(format!("{} has no line `{}` to put Tags below", original.display(), ABOVE_TAGS.trim()))
        })?;
        let tags = serde_json::json!(tags);
        let edited = self.folder.join("template.yaml");
        std::fs::write(&edited, format!("{above}{ABOVE_TAGS}      Tags: {tags}\n{below}"))
            .map_err(Error::file("write", &edited))?;
        self.template = edited;
        Ok(())
    }

    /// Creates the stack, and waits until it is complete.
    ///
    /// # Errors
    /// As [`Stack::create`].
    pub async fn create(&self) -> Result<(), Error> {
        Box::pin(self.stack.create(&self.template, &self.parameters())).await
    }

    /// Updates the stack to the current parameters and tags, and waits until it is complete.
    ///
    /// # Errors
    /// As [`Stack::update`].
    pub async fn update(&self) -> Result<(), Error> {
        Box::pin(self.stack.update(&self.template, &self.parameters())).await
    }

    /// Deletes the stack, and waits until it does not exist any more.
    ///
    /// # Errors
    /// As [`Stack::delete`].
    pub async fn delete(&self) -> Result<(), Error> {
        Box::pin(self.stack.delete()).await
    }

    /// Returns all lines that the function has logged, from CloudWatch Logs.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn log(&self, cloud: &Cloud) -> Result<String, Error> {
        let group = format!("/aws/lambda/karpenter-prereqs/{}", self.stack.name());
        let client = aws_sdk_cloudwatchlogs::Client::new(&cloud.admin());
        let mut pages = client.filter_log_events().log_group_name(group).into_paginator().send();
        let mut log = String::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(Error::aws("FilterLogEvents"))?;
            for message in page.events().iter().filter_map(|event| event.message()) {
                log.push_str(message.trim_end());
                log.push('\n');
            }
        }
        Ok(log)
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// Returns the expected outputs of a stack with the parameters of [`Deployment::prepare`]: all except the texts `HelmValues`
/// and `Warnings`.
pub fn expected_outputs(cloud: &Cloud, cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let name = &cluster.name;
    let arn = |kind: &str, of: &str| format!("arn:aws:iam::{}:{kind}/{of}-{name}", cloud.account());
    let joined = |ids: BTreeSet<&String>| ids.into_iter().cloned().collect::<Vec<_>>().join(",");
    BTreeMap::from([
        ("ClusterName", name.clone()),
        ("ClusterEndpoint", cluster.rewrite().endpoint.unwrap_or_default()),
        ("NodeRoleName", format!("KarpenterNodeRole-{name}")),
        ("NodeRoleArn", arn("role", "KarpenterNodeRole")),
        ("InstanceProfileName", format!("KarpenterNodeInstanceProfile-{name}")),
        ("InstanceProfileArn", arn("instance-profile", "KarpenterNodeInstanceProfile")),
        ("ControllerRoleName", format!("KarpenterControllerRole-{name}")),
        ("ControllerRoleArn", arn("role", "KarpenterControllerRole")),
        ("OidcProviderArn", cluster.oidc_provider_arn.clone().unwrap_or_default()),
        ("Namespace", "karpenter".to_owned()),
        ("ServiceAccount", "karpenter".to_owned()),
        ("NodeAccess", "AwsAuth".to_owned()),
        ("SubnetIds", joined(cluster.node_groups.iter().flat_map(|group| &group.subnet_ids).collect())),
        ("SecurityGroupIds", joined(cluster.node_groups.iter().flat_map(|group| &group.security_group_ids).collect())),
    ])
}

const BUCKET_PREFIX: &str = "karpenter-prereqs-code";

/// The first property of the custom resource in the template, with its newline.
const ABOVE_TAGS: &str = "      ClusterName: !Ref ClusterName\n";

fn template() -> PathBuf {
    tools::checkout().join("infra/template.yaml")
}
