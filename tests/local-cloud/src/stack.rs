//! CloudFormation stacks in MiniStack, and the code of the function for them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Cursor, Read, Write},
    path::Path,
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    types::{Capability, Parameter, StackEvent, StackResourceSummary},
};
use aws_sdk_s3::{
    presigning::PresigningConfig,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{error::Error, process::wait_until, tools};

/// A stack by its name. It may not exist yet.
#[derive(Debug, Clone)]
pub struct Stack {
    name: String,
    client: Client,
    bound: Duration,
}

impl Stack {
    /// Creates a handle for the stack with this name in this account. Each operation may take five minutes.
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        Self { name: name.to_owned(), client: Client::new(sdk), bound: Duration::from_mins(5) }
    }

    /// Sets how long each operation may take.
    #[must_use]
    pub fn within(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates the stack, and waits until it is complete.
    ///
    /// # Errors
    /// [`Error::Stack`] if it ends with another status than `CREATE_COMPLETE`, [`Error::File`], [`Error::Aws`],
    /// [`Error::TimedOut`].
    pub async fn create(&self, template: &Path, parameters: &[(&str, &str)]) -> Result<(), Error> {
        self.client
            .create_stack()
            .stack_name(&self.name)
            .template_body(read(template)?)
            .set_parameters(Some(list(parameters)))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(Error::aws("CreateStack"))?;
        self.wait_for_status("CREATE_COMPLETE").await
    }

    /// Updates the stack, and waits until it is complete.
    ///
    /// # Errors
    /// [`Error::Stack`] if it ends with another status than `UPDATE_COMPLETE`; otherwise as [`Stack::create`].
    pub async fn update(&self, template: &Path, parameters: &[(&str, &str)]) -> Result<(), Error> {
        self.client
            .update_stack()
            .stack_name(&self.name)
            .template_body(read(template)?)
            .set_parameters(Some(list(parameters)))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(Error::aws("UpdateStack"))?;
        self.wait_for_status("UPDATE_COMPLETE").await
    }

    /// Deletes the stack, and waits until it does not exist any more. A missing stack is no error.
    ///
    /// # Errors
    /// [`Error::Stack`] if it ends with another status than `DELETE_COMPLETE`.
    pub async fn delete(&self) -> Result<(), Error> {
        // A deleted stack is found by its id, and not by its name.
        let Some(stack) = self.describe(&self.name).await? else { return Ok(()) };
        let id = stack.stack_id.unwrap_or_else(|| self.name.clone());
        self.client.delete_stack().stack_name(&self.name).send().await.map_err(Error::aws("DeleteStack"))?;
        let status = wait_until("the stack is deleted", self.bound, async || match self.describe(&id).await {
            Ok(None) => Some("DELETE_COMPLETE".to_owned()),
            Ok(Some(stack)) => stable_status(stack.stack_status.as_ref()?.as_str()),
            Err(_) => None,
        })
        .await?;
        self.expect("DELETE_COMPLETE", status, &id).await
    }

    /// Returns the stack's status; `None` if there is no stack with this name.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn status(&self) -> Result<Option<String>, Error> {
        let stack = self.describe(&self.name).await?;
        Ok(stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned()))
    }

    /// Returns the stack's id; `None` if there is no stack with this name. Unlike the name, it also finds the events of a
    /// deleted stack.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn id(&self) -> Result<Option<String>, Error> {
        Ok(self.describe(&self.name).await?.and_then(|stack| stack.stack_id))
    }

    /// Returns the stack's outputs; empty for a stack that does not exist.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn outputs(&self) -> Result<BTreeMap<String, String>, Error> {
        let stack = self.describe(&self.name).await?;
        let outputs = stack.and_then(|stack| stack.outputs).unwrap_or_default();
        Ok(outputs
            .into_iter()
            .filter_map(|output| Some((output.output_key?, output.output_value.unwrap_or_default())))
            .collect())
    }

    /// Returns the stack's events, oldest first.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn events(&self) -> Result<Vec<StackEvent>, Error> {
        self.events_of(&self.name).await
    }

    /// Returns the events of the stack with this name or id, oldest first.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn events_of(&self, stack: &str) -> Result<Vec<StackEvent>, Error> {
        let events = self.client.describe_stack_events().stack_name(stack).into_paginator().items().send();
        let mut events: Vec<_> = events.try_collect().await.map_err(Error::aws("DescribeStackEvents"))?;
        events.reverse();
        Ok(events)
    }

    /// Returns the stack's resources.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn resources(&self) -> Result<Vec<StackResourceSummary>, Error> {
        self.client
            .list_stack_resources()
            .stack_name(&self.name)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(Error::aws("ListStackResources"))
    }

    async fn wait_for_status(&self, expected: &str) -> Result<(), Error> {
        let status = wait_until("the operation on the stack ends", self.bound, async || {
            stable_status(&self.status().await.ok().flatten()?)
        })
        .await?;
        self.expect(expected, status, &self.name).await
    }

    async fn expect(&self, expected: &str, status: String, id: &str) -> Result<(), Error> {
        if status == expected {
            return Ok(());
        }
        let events = self.events_of(id).await?;
        let reasons = events
            .iter()
            .filter(|event| event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED")))
            .map(|event| {
                let reason = event.resource_status_reason().unwrap_or("no reason given");
                format!("{}: {reason}", event.logical_resource_id().unwrap_or("the stack"))
            })
            .collect();
        Err(Error::Stack { stack: self.name.clone(), status, reasons })
    }

    async fn describe(&self, name: &str) -> Result<Option<aws_sdk_cloudformation::types::Stack>, Error> {
        match self.client.describe_stacks().stack_name(name).send().await {
            Ok(response) => Ok(response.stacks.unwrap_or_default().into_iter().next()),
            Err(error) => {
                let error = Error::aws("DescribeStacks")(error);
                // CloudFormation returns this code for a stack that does not exist.
                if error.code() == Some("ValidationError") { Ok(None) } else { Err(error) }
            }
        }
    }
}

/// Uploads the function's zip, with the executable that Cargo built as `bootstrap`. The bucket is `<bucket_prefix>-<Region>`,
/// and is created if it is missing. Returns the zip's SHA-256, which is part of its key ([`function_key`]).
///
/// # Errors
/// [`Error::Unusable`] if the executable is missing, [`Error::Aws`].
pub async fn upload_function(sdk: &SdkConfig, bucket_prefix: &str) -> Result<String, Error> {
    let executable = tools::bootstrap()?;
    let archive = archive(&executable, "").map_err(Error::file("archive", &executable))?;
    let sha256 = sha256(&archive);
    // The emulator has an address instead of a host name, so the bucket cannot be part of the host.
    let config = aws_sdk_s3::config::Builder::from(sdk).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let region = sdk.region().map_or("us-east-1", AsRef::as_ref);
    let bucket = format!("{bucket_prefix}-{region}");
    // us-east-1 is the only region that must not be a location constraint.
    let location = (region != "us-east-1").then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    let created = client.create_bucket().bucket(&bucket).set_create_bucket_configuration(location);
    match created.send().await.map_err(Error::aws("CreateBucket")) {
        Err(error) if error.code() != Some("BucketAlreadyOwnedByYou") => return Err(error),
        _ => {}
    }
    // Presigned, because a signature over the body would hash 70 MB in code without optimization.
    let expiry = PresigningConfig::expires_in(Duration::from_mins(5))
        .map_err(|error| Error::Unusable(format!("cannot presign an upload: {error}")))?;
    let put = client.put_object().bucket(&bucket).key(function_key(&sha256));
    let presigned = put.presigned(expiry).await.map_err(Error::aws("PutObject"))?;
    let failed = |reason: String| Error::Unusable(format!("cannot upload the function: {reason}"));
    let response = reqwest::Client::new()
        .put(presigned.uri())
        .body(archive)
        .send()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !response.status().is_success() {
        return Err(failed(format!("S3 returned {}", response.status())));
    }
    Ok(sha256)
}

/// Writes the function's zip to a file, for callers that upload it themselves. Returns its SHA-256. Another comment results
/// in another hash.
///
/// # Errors
/// [`Error::Unusable`] if the executable is missing, [`Error::File`].
pub fn write_function(path: &Path, comment: &str) -> Result<String, Error> {
    let executable = tools::bootstrap()?;
    let archive = archive(&executable, comment).map_err(Error::file("archive", &executable))?;
    std::fs::write(path, &archive).map_err(Error::file("write", path))?;
    Ok(sha256(&archive))
}

/// Returns the key of the function's zip with this SHA-256, as in the templates.
pub fn function_key(sha256: &str) -> String {
    format!("karpenter-prereqs/{sha256}/bootstrap.zip")
}

/// In hexadecimal. The crate ring is fast without optimization too.
fn sha256(data: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, data);
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns a zip of the executable. It is not compressed, because compression in code without optimization takes longer than
/// everything else.
fn archive(executable: &Path, comment: &str) -> std::io::Result<Vec<u8>> {
    let mut code = Vec::new();
    File::open(executable)?.read_to_end(&mut code)?;
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(code.len() + 1024)));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&code)?;
    zip.set_comment(comment)?;
    Ok(zip.finish()?.into_inner())
}

fn read(template: &Path) -> Result<String, Error> {
    std::fs::read_to_string(template).map_err(Error::file("read", template))
}

fn list(parameters: &[(&str, &str)]) -> Vec<Parameter> {
    parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(*value).build())
        .collect()
}

/// Returns the status if no operation is in progress.
fn stable_status(status: &str) -> Option<String> {
    (!status.ends_with("_IN_PROGRESS")).then(|| status.to_owned())
}
