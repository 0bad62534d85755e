//! AWS CloudFormation: what it shows of our own resource and stack.

use crate::error::AwsError;
use aws_sdk_cloudformation::Client;
use karpenter_prereqs_core::event::{Envelope, Operation};
use karpenter_prereqs_core::overtaken::Shown;

/// What CloudFormation shows of the resource and its stack, as far as the verdict on the operation depends on it.
///
/// # Errors
/// Any refusal: the caller then goes by the event's date alone.
pub(crate) async fn shown(client: &Client, envelope: &Envelope, operation: &Operation) -> Result<Shown, AwsError> {
    let (resource, stack) = futures::try_join!(
        async {
            let call = client
                .describe_stack_resource()
                .stack_name(&envelope.stack_id)
                .logical_resource_id(&envelope.logical_resource_id);
            call.send().await.map_err(|error| AwsError::new("describe the stack resource", &error))
        },
        async {
            let call = client.describe_stacks().stack_name(&envelope.stack_id);
            call.send().await.map_err(|error| AwsError::new("describe the stack", &error))
        }
    )?;
    let detail = resource.stack_resource_detail();
    let mut shown = Shown {
        resource_status: detail.and_then(|detail| detail.resource_status()).map(|status| status.as_str().to_owned()),
        physical_resource_id: detail.and_then(|detail| detail.physical_resource_id()).map(str::to_owned),
        stack_status: stack
            .stacks()
            .first()
            .and_then(|stack| stack.stack_status())
            .map(|status| status.as_str().to_owned()),
        stack_status_since: None,
    };
    if shown.needs_since(operation) {
        shown.stack_status_since = stack_status_since(client, envelope, shown.stack_status.as_deref()).await?;
    }
    Ok(shown)
}

/// When the stack came to that status, in seconds since 1970: the newest event of the stack itself that says so.
async fn stack_status_since(
    client: &Client,
    envelope: &Envelope,
    status: Option<&str>,
) -> Result<Option<i64>, AwsError> {
    let mut pages = client.describe_stack_events().stack_name(&envelope.stack_id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("describe the stack's events", &error))?;
        let of_stack =
            page.stack_events().iter().filter(|event| event.physical_resource_id() == Some(&envelope.stack_id));
        let mut says_so = of_stack.filter(|event| {
            event.resource_status().map(aws_sdk_cloudformation::types::ResourceStatus::as_str) == status
        });
        if let Some(event) = says_so.next() {
            return Ok(event.timestamp().map(aws_smithy_types::DateTime::secs));
        }
    }
    Ok(None)
}
