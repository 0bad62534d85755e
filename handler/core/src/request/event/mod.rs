//! JSON → [`Request`]: the envelope first, the properties second.
//!
//! CloudFormation waits for an answer whatever it sent, so an event is read in two strokes: the
//! [`Envelope`] has all that an answer needs. What is wrong beyond it (an unknown `RequestType`, properties that are
//! no map) has an answer to go into; and where the envelope itself is broken, what is left of it carries the answer
//! that says so. Only an event without a `ResponseURL` has none.
//!
//! The fields are those of
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-requests.html>.

#[cfg(test)]
mod tests;

use crate::identity::aws_names::{Partition, Scope};
use crate::request::response_url::ResponseUrl;
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// The properties as the event has them.
pub type RawProperties = Map<String, Value>;

/// The seconds that CloudFormation waits where the event names no `ServiceTimeout`.
const DEFAULT_SERVICE_TIMEOUT: u32 = 3600;

/// What an answer needs of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where the answer goes.
    pub response_url: ResponseUrl,
    /// The stack's ARN.
    pub stack_id: String,
    /// What `stack_id` says of partition, region and account.
    pub scope: Scope,
    /// CloudFormation's id of this request; it is used again when a deployment is retried.
    pub request_id: String,
    /// The resource's name in the template.
    pub logical_resource_id: String,
    /// The id of an earlier answer, or one that CloudFormation made up; absent on Create.
    pub physical_resource_id: Option<String>,
    /// How long CloudFormation waits, in seconds: 1 to 3600.
    pub service_timeout: u32,
}

/// One request of CloudFormation, its properties not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub operation: Operation,
    /// `ResourceProperties`; empty when the event has none.
    pub properties: RawProperties,
}

/// The `RequestType`, with what only that type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make it.
    Create,
    /// Make it so.
    Update {
        /// The id that the resource has.
        physical_resource_id: String,
        /// `OldResourceProperties`; empty when the event has none.
        old_properties: RawProperties,
    },
    /// Take it away.
    Delete {
        /// The id of what is to go: ours, or one that CloudFormation made up.
        physical_resource_id: String,
    },
}

impl Operation {
    /// `Create`, `Update` or `Delete`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update { .. } => "Update",
            Self::Delete { .. } => "Delete",
        }
    }
}

/// Why an event cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No answer is possible: a field that the answer needs is missing or no text.
    #[error("the event is not a CloudFormation custom resource request: `{field}` is missing or empty")]
    NoEnvelope {
        /// The field's name.
        field: &'static str,
    },
    /// `StackId` is no stack's ARN.
    #[error("the event's StackId `{stack_id}` is not the ARN of a stack")]
    BadStackId {
        /// What the event has.
        stack_id: String,
    },
    /// The envelope is sound, the request is not.
    #[error("the event is not a Create, Update or Delete of a custom resource")]
    BadRequest {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The properties are no map.
    #[error("`{field}` in the event is not a map of properties")]
    BadProperties {
        /// `ResourceProperties` or `OldResourceProperties`.
        field: &'static str,
    },
}

/// The custom resource request in `event`: itself, or the one that Amazon SNS wrapped
/// (a topic as `ServiceToken`: the request is text in `Records[0].Sns.Message`).
pub fn unwrap_sns(event: Value) -> Value {
    event
        .pointer("/Records/0/Sns/Message")
        .and_then(Value::as_str)
        .and_then(|message| serde_json::from_str(message).ok())
        .unwrap_or(event)
}

impl Envelope {
    /// Reads the envelope of an unwrapped event.
    ///
    /// # Errors
    /// When a field that an answer needs is missing: then nobody can be answered.
    pub fn read(event: &Value) -> Result<Self, EventError> {
        let text = |field: &'static str| {
            let found = event.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
            found.map(str::to_owned).ok_or(EventError::NoEnvelope { field })
        };
        let response_url = ResponseUrl::new(text("ResponseURL")?);
        let stack_id = text("StackId")?;
        let scope = Scope::of_stack(&stack_id).ok_or_else(|| EventError::BadStackId { stack_id: stack_id.clone() })?;
        Ok(Self {
            response_url,
            scope,
            request_id: text("RequestId")?,
            logical_resource_id: text("LogicalResourceId")?,
            physical_resource_id: text("PhysicalResourceId").ok(),
            service_timeout: service_timeout(event),
            stack_id,
        })
    }

    /// As much of an envelope as there is where [`Envelope::read`] fails, for an answer that says so; what is missing
    /// is `unknown`. `None` without a `ResponseURL`: then there is nowhere to answer to.
    pub fn read_partial(event: &Value) -> Option<Self> {
        let given = |field: &str| event.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = |field: &str| given(field).unwrap_or("unknown").to_owned();
        let response_url = ResponseUrl::new(given("ResponseURL")?);
        let stack_id = text("StackId");
        let scope = Scope::of_stack(&stack_id).unwrap_or_else(|| Scope {
            partition: Partition::of_host(&response_url.host()),
            region: String::new(),
            account: String::new(),
        });
        Some(Self {
            response_url,
            stack_id,
            scope,
            request_id: text("RequestId"),
            logical_resource_id: text("LogicalResourceId"),
            physical_resource_id: given("PhysicalResourceId").map(str::to_owned),
            service_timeout: service_timeout(event),
        })
    }

    /// Returns when CloudFormation stops waiting for a response: the event's own date and its `ServiceTimeout`. `None`
    /// when the event has no date.
    pub fn deadline(&self) -> Option<Timestamp> {
        let timeout = SignedDuration::from_secs(i64::from(self.service_timeout));
        self.response_url.issued_at()?.checked_add(timeout).ok()
    }
}

impl Request {
    /// Reads the request of an unwrapped event whose envelope is sound.
    ///
    /// # Errors
    /// When `RequestType` is none of the three, an id is missing, or properties are no map.
    pub fn read(mut event: Value) -> Result<Self, EventError> {
        // CloudFormation always sends properties; by hand they are easily left out, and then the answer that
        // names the first required one helps more than one about the event's shape.
        if let Some(fields) = event.as_object_mut() {
            for field in ["ResourceProperties", "OldResourceProperties"] {
                fields.entry(field).or_insert_with(|| json!({}));
            }
            fields.entry("ResourceType").or_insert_with(|| json!("Custom::KarpenterPrereqs"));
        }
        let typed = serde_json::from_value::<CloudFormationCustomResourceRequest>(event)
            .map_err(|source| EventError::BadRequest { source })?;
        match typed {
            CloudFormationCustomResourceRequest::Create(create) => Ok(Self {
                operation: Operation::Create,
                properties: map(create.resource_properties, "ResourceProperties")?,
            }),
            CloudFormationCustomResourceRequest::Update(update) => Ok(Self {
                operation: Operation::Update {
                    physical_resource_id: update.physical_resource_id,
                    old_properties: map(update.old_resource_properties, "OldResourceProperties")?,
                },
                properties: map(update.resource_properties, "ResourceProperties")?,
            }),
            CloudFormationCustomResourceRequest::Delete(delete) => Ok(Self {
                operation: Operation::Delete { physical_resource_id: delete.physical_resource_id },
                properties: map(delete.resource_properties, "ResourceProperties")?,
            }),
            _ => Err(EventError::BadProperties { field: "RequestType" }),
        }
    }
}

fn map(value: Value, field: &'static str) -> Result<RawProperties, EventError> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(EventError::BadProperties { field }),
    }
}

fn service_timeout(event: &Value) -> u32 {
    let given = event.pointer("/ResourceProperties/ServiceTimeout");
    given
        .and_then(|value| value.as_str().map_or_else(|| value.as_u64(), |text| text.trim().parse().ok()))
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=DEFAULT_SERVICE_TIMEOUT).contains(seconds))
        .unwrap_or(DEFAULT_SERVICE_TIMEOUT)
}
