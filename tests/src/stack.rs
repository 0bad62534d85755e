//! `CloudFormation` stacks, and the function's code for them.

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

/// A stack by its name, whether or not there is one yet.
#[derive(Debug, Clone)]
pub struct Stack {
    name: String,
    client: Client,
    bound: Duration,
}

impl Stack {
    /// A stack of this account and name. Each of its operations may take five minutes.
    pub fn new(sdk: &SdkConfig, name: &str) -> Self {
        Self { name: name.to_owned(), client: Client::new(sdk), bound: Duration::from_mins(5) }
    }

    /// Lets each operation take this long.
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
    /// [`Error::Stack`] if it comes to rest in any other state than `CREATE_COMPLETE`;
    /// [`Error::File`], [`Error::Aws`], [`Error::TimedOut`].
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
        self.rests_in("CREATE_COMPLETE").await
    }

    /// Updates the stack, and waits until it is complete.
    ///
    /// # Errors
    /// [`Error::Stack`] if it comes to rest in any other state than `UPDATE_COMPLETE`; otherwise as
    /// [`Stack::create`].
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
        self.rests_in("UPDATE_COMPLETE").await
    }

    /// Deletes the stack, and waits until it is gone. One that is gone is fine.
    ///
    /// # Errors
    /// [`Error::Stack`] if it comes to rest in any other state than `DELETE_COMPLETE`.
    pub async fn delete(&self) -> Result<(), Error> {
        // Its id finds a deleted stack; its name does not.
        let Some(stack) = self.describe(&self.name).await? else { return Ok(()) };
        let id = stack.stack_id.unwrap_or_else(|| self.name.clone());
        self.client.delete_stack().stack_name(&self.name).send().await.map_err(Error::aws("DeleteStack"))?;
        let status = wait_until("the stack is deleted", self.bound, async || match self.describe(&id).await {
            Ok(None) => Some("DELETE_COMPLETE".to_owned()),
            Ok(Some(stack)) => at_rest(stack.stack_status.as_ref()?.as_str()),
            Err(_) => None,
        })
        .await?;
        self.expect("DELETE_COMPLETE", status, &id).await
    }

    /// The stack's state, or `None` if there is no stack of this name.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn status(&self) -> Result<Option<String>, Error> {
        let stack = self.describe(&self.name).await?;
        Ok(stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned()))
    }

    /// The stack's id, or `None` if there is no stack of this name. Unlike the name it also finds the
    /// events of a stack that is deleted.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn id(&self) -> Result<Option<String>, Error> {
        Ok(self.describe(&self.name).await?.and_then(|stack| stack.stack_id))
    }

    /// The stack's outputs; none for a stack that does not exist.
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

    /// The stack's events, oldest first.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn events(&self) -> Result<Vec<StackEvent>, Error> {
        self.events_of(&self.name).await
    }

    /// The events of the stack of this name or id, oldest first.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn events_of(&self, stack: &str) -> Result<Vec<StackEvent>, Error> {
        let events = self.client.describe_stack_events().stack_name(stack).into_paginator().items().send();
        let mut events: Vec<_> = events.try_collect().await.map_err(Error::aws("DescribeStackEvents"))?;
        events.reverse();
        Ok(events)
    }

    /// The stack's resources.
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

    async fn rests_in(&self, wanted: &str) -> Result<(), Error> {
        let status =
            wait_until("the stack comes to rest", self.bound, async || at_rest(&self.status().await.ok().flatten()?))
                .await?;
        self.expect(wanted, status, &self.name).await
    }

    async fn expect(&self, wanted: &str, status: String, id: &str) -> Result<(), Error> {
        if status == wanted {
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
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next()),
            Err(error) => {
                let error = Error::aws("DescribeStacks")(error);
                // CloudFormation's word for a stack that does not exist.
                if error.code() == Some("ValidationError") { Ok(None) } else { Err(error) }
            }
        }
    }
}

/// Puts the function's zip, with the executable that Cargo built as its `bootstrap`, into the bucket of this prefix, a
/// hyphen and the Region, and makes the bucket if it is missing. Gives the zip's SHA-256, which its key holds:
/// [`function_key`].
///
/// # Errors
/// [`Error::Unusable`] if the executable is not built; [`Error::Aws`].
pub async fn upload_function(sdk: &SdkConfig, bucket_prefix: &str) -> Result<String, Error> {
    let executable = tools::bootstrap()?;
    let archive = archive(&executable, "").map_err(Error::file("archive", &executable))?;
    let sha256 = sha256(&archive);
    // The client of an emulator on an address, not a host name, cannot put the bucket before it.
    let config = aws_sdk_s3::config::Builder::from(sdk).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let region = sdk.region().map_or("us-east-1", AsRef::as_ref);
    let bucket = format!("{bucket_prefix}-{region}");
    // us-east-1 is the one region that a bucket's location must not name.
    let location = (region != "us-east-1").then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    let created = client.create_bucket().bucket(&bucket).set_create_bucket_configuration(location);
    match created.send().await.map_err(Error::aws("CreateBucket")) {
        Err(error) if error.code() != Some("BucketAlreadyOwnedByYou") => return Err(error),
        _ => {}
    }
    // Presigned, since a signature over the body would hash 70 MB in code without optimization.
    let expiry = PresigningConfig::expires_in(Duration::from_mins(5))
        .map_err(|error| Error::Unusable(format!("cannot presign an upload: {error}")))?;
    let put = client.put_object().bucket(&bucket).key(function_key(&sha256));
    let presigned = put.presigned(expiry).await.map_err(Error::aws("PutObject"))?;
    let refused = |reason: String| Error::Unusable(format!("cannot upload the function: {reason}"));
    let answer = reqwest::Client::new()
        .put(presigned.uri())
        .body(archive)
        .send()
        .await
        .map_err(|error| refused(error.to_string()))?;
    if !answer.status().is_success() {
        return Err(refused(format!("S3 answered {}", answer.status())));
    }
    Ok(sha256)
}

/// Writes the function's zip to a file, for those who upload it themselves. Gives its SHA-256, which is another for another
/// comment.
///
/// # Errors
/// [`Error::Unusable`] if the executable is not built; [`Error::File`].
pub fn write_function(path: &Path, comment: &str) -> Result<String, Error> {
    let executable = tools::bootstrap()?;
    let archive = archive(&executable, comment).map_err(Error::file("archive", &executable))?;
    std::fs::write(path, &archive).map_err(Error::file("write", path))?;
    Ok(sha256(&archive))
}

/// The key of the function's zip of this SHA-256, as the templates have it.
pub fn function_key(sha256: &str) -> String {
    format!("karpenter-prereqs/{sha256}/bootstrap.zip")
}

/// In hexadecimal, by the crate that is fast without optimization too.
fn sha256(data: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, data);
    digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A zip of the executable. It is stored as it is: compression in code without optimization takes
/// longer than everything else.
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

/// The state, if it is one that lasts until somebody acts.
fn at_rest(status: &str) -> Option<String> {
    (!status.ends_with("_IN_PROGRESS")).then(|| status.to_owned())
}
