//! AWS CloudFormation: the status of the resource and of its stack.

use crate::error::AwsError;
use aws_sdk_cloudformation::operation::describe_stack_resource::DescribeStackResourceOutput;
use aws_sdk_cloudformation::{Client, types::ResourceStatus};
use jiff::Timestamp;
use karpenter_prereqs_core::request::event::{Envelope, Operation};
use karpenter_prereqs_core::request::stack_status::{StackView, Status};

/// Returns what CloudFormation shows of the resource and its stack, as far as the verdict on the operation depends on it.
///
/// If CloudFormation does not show the resource, for example because the template no longer has it, the resource's fields are
/// absent. The status of the stack then decides alone.
///
/// # Errors
/// The stack or its events could not be read. The caller then uses the date of the event alone.
pub(crate) async fn stack_view(
    client: &Client,
    envelope: &Envelope,
    operation: &Operation,
) -> Result<StackView, AwsError> {
    let (resource, stack) = futures::join!(
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
    );
    let stack = stack?;
    let resource = resource.inspect_err(|unknown| {
        tracing::warn!(error = %unknown, "CloudFormation does not show the resource: the status of its stack decides");
    });
    let detail = resource.as_ref().ok().and_then(DescribeStackResourceOutput::stack_resource_detail);
    let mut view = StackView {
        resource_status: detail.and_then(|detail| detail.resource_status()).map(|status| Status::new(status.as_str())),
        physical_resource_id: detail.and_then(|detail| detail.physical_resource_id()).map(str::to_owned),
        stack_status: stack
            .stacks()
            .first()
            .and_then(|stack| stack.stack_status())
            .map(|status| Status::new(status.as_str())),
        ..StackView::default()
    };
    if view.needs_events(operation) {
        read_events(client, envelope, &mut view).await?;
    }
    Ok(view)
}

/// Adds to the view when the stack got its status. CloudFormation lists events from the newest to the oldest, and reading stops
/// as soon as the view needs no more.
async fn read_events(client: &Client, envelope: &Envelope, view: &mut StackView) -> Result<(), AwsError> {
    let mut pages = client.describe_stack_events().stack_name(&envelope.stack_id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("describe the stack's events", &error))?;
        // Only the events of the stack itself, not those of its resources.
        let stack_events =
            page.stack_events().iter().filter(|event| event.physical_resource_id() == Some(&envelope.stack_id));
        for event in stack_events {
            let status = Status::new(event.resource_status().map(ResourceStatus::as_str).unwrap_or_default());
            let at = event.timestamp().and_then(|at| Timestamp::from_second(at.secs()).ok());
            if !view.apply_event(&status, at) {
                return Ok(());
            }
        }
    }
    Ok(())
}
