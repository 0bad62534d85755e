//! Reads an event: first the [`Envelope`], then the [`Request`].
//!
//! CloudFormation waits for a response to every event, valid or not. So an event is read in two steps. The envelope has
//! everything that a response needs. If the request is invalid (an unknown `RequestType`, or properties that are not a map), the
//! response reports that. If the envelope itself is invalid, [`Envelope::read_partial`] reads what it has for the response. Only
//! an event without a `ResponseURL` gets no response.
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

/// The properties as they are in the event.
pub type RawProperties = Map<String, Value>;

/// The time that CloudFormation waits for a response if the event has no `ServiceTimeout`, in seconds. It is also the longest.
const DEFAULT_SERVICE_TIMEOUT: u32 = 3600;

/// The fields of an event that its response needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The URL that receives the response.
    pub response_url: ResponseUrl,
    /// The ARN of the stack.
    pub stack_id: String,
    /// The partition, Region and account in `stack_id`.
    pub scope: Scope,
    /// CloudFormation's id of this request. A deployment that is retried may use it again.
    pub request_id: String,
    /// The name of the resource in the template.
    pub logical_resource_id: String,
    /// The id of an earlier response, or an id that CloudFormation invented. Absent on Create.
    pub physical_resource_id: Option<String>,
    /// The time that CloudFormation waits for the response, in seconds: 1 to 3600.
    pub service_timeout: u32,
}

/// A request of CloudFormation. Its properties are not validated yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation that CloudFormation requests.
    pub operation: Operation,
    /// `ResourceProperties`. Empty if the event has none.
    pub properties: RawProperties,
}

/// The `RequestType`, with the fields that only this type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creates the resource.
    Create,
    /// Updates the resource to the new properties.
    Update {
        /// The current id of the resource.
        physical_resource_id: String,
        /// `OldResourceProperties`. Empty if the event has none.
        old_properties: RawProperties,
    },
    /// Deletes the resource.
    Delete {
        /// The id to delete: an id of this function, or an id that CloudFormation invented.
        physical_resource_id: String,
    },
}

impl Operation {
    /// Returns `Create`, `Update` or `Delete`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update { .. } => "Update",
            Self::Delete { .. } => "Delete",
        }
    }
}

/// The reason why an event cannot be processed.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A field that the response needs is missing, empty or not a text.
    #[error("the event is not a CloudFormation custom resource request: `{field}` is missing or empty")]
    NoEnvelope {
        /// The name of the field.
        field: &'static str,
    },
    /// `StackId` is not the ARN of a stack.
    #[error("the event's StackId `{stack_id}` is not the ARN of a stack")]
    InvalidStackId {
        /// The value in the event.
        stack_id: String,
    },
    /// The envelope is valid, but the request is not.
    #[error("the event is not a Create, Update or Delete of a custom resource")]
    InvalidRequest {
        /// The error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
    /// The properties are not a map.
    #[error("`{field}` in the event is not a map of properties")]
    InvalidProperties {
        /// `ResourceProperties` or `OldResourceProperties`.
        field: &'static str,
    },
}

/// Returns the custom resource request in `event`. If `ServiceToken` is an Amazon SNS topic, the request is the text in
/// `Records[0].Sns.Message`. Otherwise, it is the event itself.
pub fn unwrap_sns(event: Value) -> Value {
    event
        .pointer("/Records/0/Sns/Message")
        .and_then(Value::as_str)
        .and_then(|message| serde_json::from_str(message).ok())
        .unwrap_or(event)
}

impl Envelope {
    /// Reads the envelope of an unwrapped event (see [`unwrap_sns`]).
    ///
    /// # Errors
    /// Returns an error if a field that the response needs is missing, or if `StackId` is not the ARN of a stack.
    pub fn read(event: &Value) -> Result<Self, EventError> {
        let text = |field: &'static str| {
            let found = event.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
            found.map(str::to_owned).ok_or(EventError::NoEnvelope { field })
        };
        let response_url = ResponseUrl::new(text("ResponseURL")?);
        let stack_id = text("StackId")?;
        let scope =
            Scope::of_stack(&stack_id).ok_or_else(|| EventError::InvalidStackId { stack_id: stack_id.clone() })?;
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

    /// Reads the fields that an invalid envelope has, so that the response can report the error of [`Envelope::read`]. A missing
    /// field is `unknown`. If `StackId` is invalid, the scope has the partition of the response URL, and an empty Region and
    /// account.
    ///
    /// Returns `None` without a `ResponseURL`, because no response can be sent.
    pub fn read_partial(event: &Value) -> Option<Self> {
        let found = |field: &str| event.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = |field: &str| found(field).unwrap_or("unknown").to_owned();
        let response_url = ResponseUrl::new(found("ResponseURL")?);
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
            physical_resource_id: found("PhysicalResourceId").map(str::to_owned),
            service_timeout: service_timeout(event),
        })
    }

    /// Returns the time at which CloudFormation stops waiting for a response: the event's date plus its `ServiceTimeout`. Returns
    /// `None` if the event has no date, see [`ResponseUrl::issued_at`].
    pub fn deadline(&self) -> Option<Timestamp> {
        let timeout = SignedDuration::from_secs(i64::from(self.service_timeout));
        self.response_url.issued_at()?.checked_add(timeout).ok()
    }
}

impl Request {
    /// Reads the request of an unwrapped event with a valid envelope.
    ///
    /// # Errors
    /// Returns an error if `RequestType` is not `Create`, `Update` or `Delete`, if an id is missing, or if properties are not a
    /// map.
    pub fn read(mut event: Value) -> Result<Self, EventError> {
        // CloudFormation always sends properties, but an event that a person writes may have none. Then an error that names the
        // first required property helps more than an error about the form of the event.
        if let Some(fields) = event.as_object_mut() {
            for field in ["ResourceProperties", "OldResourceProperties"] {
                fields.entry(field).or_insert_with(|| json!({}));
            }
            fields.entry("ResourceType").or_insert_with(|| json!("Custom::KarpenterPrereqs"));
        }
        let typed = serde_json::from_value::<CloudFormationCustomResourceRequest>(event)
            .map_err(|source| EventError::InvalidRequest { source })?;
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
            _ => Err(EventError::InvalidProperties { field: "RequestType" }),
        }
    }
}

fn map(value: Value, field: &'static str) -> Result<RawProperties, EventError> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(EventError::InvalidProperties { field }),
    }
}

fn service_timeout(event: &Value) -> u32 {
    let property = event.pointer("/ResourceProperties/ServiceTimeout");
    property
        .and_then(|value| value.as_str().map_or_else(|| value.as_u64(), |text| text.trim().parse().ok()))
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=DEFAULT_SERVICE_TIMEOUT).contains(seconds))
        .unwrap_or(DEFAULT_SERVICE_TIMEOUT)
}
