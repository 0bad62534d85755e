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

/// A stack of `infra/template.yaml`, with the parameters that it is to have.
#[derive(Debug)]
pub struct Deployment {
    stack: Stack,
    template: PathBuf,
    parameters: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Deployment {
    /// Uploads the function, and gives the stack, not created yet, for a cluster that only its creator
    /// and aws-auth let in.
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

    /// What a parameter is to be from the next operation on.
    pub fn set(&mut self, parameter: &str, value: &str) {
        self.parameters.insert(parameter.to_owned(), value.to_owned());
    }

    /// What the custom resource's Tags are to be from the next operation on. A parameter cannot hold a
    /// map, so the template's text is edited, as a user would.
    ///
    /// # Errors
    /// [`Error::Unusable`] if the template has no place for them; [`Error::File`].
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

    /// Updates the stack to the parameters and tags as they are set, and waits until it is complete.
    ///
    /// # Errors
    /// As [`Stack::update`].
    pub async fn update(&self) -> Result<(), Error> {
        Box::pin(self.stack.update(&self.template, &self.parameters())).await
    }

    /// Deletes the stack, and waits until it is gone.
    ///
    /// # Errors
    /// As [`Stack::delete`].
    pub async fn delete(&self) -> Result<(), Error> {
        Box::pin(self.stack.delete()).await
    }

    /// What the function has logged, all runs, as CloudWatch Logs has it.
    ///
    /// # Errors
    /// When the logs cannot be read.
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

/// What the outputs must be of a stack whose parameters are those of [`Deployment::prepare`]: all but the texts
/// `HelmValues` and `Warnings`.
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

/// The first property of the custom resource in the template, with its line's end.
const ABOVE_TAGS: &str = "      ClusterName: !Ref ClusterName\n";

fn template() -> PathBuf {
    tools::checkout().join("infra/template.yaml")
}
