//! The events that CloudFormation sends for a custom resource.

use serde_json::{Map, Value, json};

use super::{bucket::ResponseUrl, random_hex, random_uuid};

/// A custom resource of one stack, with the names that are in every event.
#[derive(Clone, Debug)]
pub struct Resource {
    stack_id: String,
    logical_resource_id: String,
    service_token: String,
    service_timeout: Option<u32>,
}

/// The ids that a response must repeat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventIds {
    /// `StackId`.
    pub stack_id: String,
    /// `LogicalResourceId`.
    pub logical_resource_id: String,
    /// `RequestId`.
    pub request_id: String,
}

/// An event without the URL for its response.
#[derive(Clone, Debug)]
pub struct Event {
    ids: EventIds,
    body: Map<String, Value>,
}

impl Resource {
    /// Creates a resource of type `Custom::KarpenterPrereqs` in a new stack with this name.
    pub fn new(account: &str, region: &str, stack: &str, logical_resource_id: &str) -> Self {
        Self {
            stack_id: format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/{}", random_uuid()),
            logical_resource_id: logical_resource_id.to_owned(),
            service_token: format!("arn:aws:lambda:{region}:{account}:function:karpenter-prereqs"),
            service_timeout: None,
        }
    }

    /// Sets a `ServiceTimeout`, in seconds.
    #[must_use]
    pub const fn service_timeout(mut self, seconds: u32) -> Self {
        self.service_timeout = Some(seconds);
        self
    }

    /// Sets the stack, for example to one that exists.
    #[must_use]
    pub fn in_stack(mut self, stack_id: impl Into<String>) -> Self {
        self.stack_id = stack_id.into();
        self
    }

    /// The stack's id.
    pub fn stack_id(&self) -> &str {
        &self.stack_id
    }

    /// The resource's logical id.
    pub fn logical_resource_id(&self) -> &str {
        &self.logical_resource_id
    }

    /// Returns a Create with these properties, an object.
    pub fn create(&self, properties: &Value) -> Event {
        self.event("Create", properties)
    }

    /// Returns an Update of this physical id from the properties `old` to `new`.
    pub fn update(&self, physical_resource_id: &str, new: &Value, old: &Value) -> Event {
        self.event("Update", new)
            .field("PhysicalResourceId", physical_resource_id)
            .field("OldResourceProperties", self.properties(old))
    }

    /// Returns a Delete of this physical id.
    pub fn delete(&self, physical_resource_id: &str, properties: &Value) -> Event {
        self.event("Delete", properties).field("PhysicalResourceId", physical_resource_id)
    }

    fn event(&self, request_type: &str, properties: &Value) -> Event {
        let ids = EventIds {
            stack_id: self.stack_id.clone(),
            logical_resource_id: self.logical_resource_id.clone(),
            request_id: random_uuid(),
        };
        Event { ids, body: Map::new() }
            .field("RequestType", request_type)
            .field("ServiceToken", self.service_token.as_str())
            .field("StackId", self.stack_id.as_str())
            .field("LogicalResourceId", self.logical_resource_id.as_str())
            .field("ResourceType", "Custom::KarpenterPrereqs")
            .field("ResourceProperties", self.properties(properties))
    }

    /// Returns the properties as CloudFormation sends them: with its own two properties, and with strings for all scalars.
    fn properties(&self, properties: &Value) -> Value {
        let mut properties = stringify(properties);
        properties["ServiceToken"] = json!(self.service_token);
        if let Some(seconds) = self.service_timeout {
            properties["ServiceTimeout"] = json!(seconds.to_string());
        }
        properties
    }
}

impl Event {
    /// The ids that the response must repeat.
    pub const fn ids(&self) -> &EventIds {
        &self.ids
    }

    /// Sets the `RequestId`. CloudFormation reuses one when a deployment is retried.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.ids.request_id = request_id.into();
        self
    }

    /// Sets a field of the top level, or replaces it.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the event with the URL for its response.
    pub fn with_response_url(&self, url: &ResponseUrl) -> Value {
        let mut body = self.body.clone();
        body.insert("RequestId".to_owned(), json!(self.ids.request_id));
        body.insert("ResponseURL".to_owned(), json!(url.as_str()));
        Value::Object(body)
    }

    /// Returns the event inside an SNS message, for a `ServiceToken` that is a topic.
    pub fn by_sns(&self, url: &ResponseUrl) -> Value {
        json!({"Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": "arn:aws:sns:us-east-1:111122223333:topic:subscription",
            "Sns": {
                "Type": "Notification",
                "MessageId": random_uuid(),
                "TopicArn": "arn:aws:sns:us-east-1:111122223333:topic",
                "Subject": "AWS CloudFormation custom resource request",
                "Message": self.with_response_url(url).to_string(),
                "Timestamp": "2026-01-01T00:00:00.000Z",
                "SignatureVersion": "1",
                "Signature": random_hex(16),
                "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/x.pem",
                "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/",
                "MessageAttributes": {},
            },
        }]})
    }
}

/// Converts scalars to strings, and removes `null`, which is `AWS::NoValue`.
fn stringify(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), stringify(value)))
            .collect(),
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(stringify).collect(),
        Value::String(text) => json!(text),
        scalar => json!(scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_have_the_form_of_cloudformation() {
        let resource = Resource::new("111122223333", "us-east-1", "demo", "Prereqs").service_timeout(300);
        let event = resource.update(
            "id-1",
            &json!({"ClusterName": "c", "Flag": true, "N": 14, "Tags": {"a": 1}, "L": [1.5, "x"], "No": null}),
            &json!({"ClusterName": "b"}),
        );
        let url = ResponseUrl::test("https://x/");
        let body = event.with_response_url(&url);
        assert_eq!(
            body["ResourceProperties"],
            json!({
                "ClusterName": "c", "Flag": "true", "N": "14", "Tags": {"a": "1"}, "L": ["1.5", "x"],
                "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:karpenter-prereqs",
                "ServiceTimeout": "300",
            })
        );
        assert_eq!(body["OldResourceProperties"]["ClusterName"], "b");
        assert_eq!(body["OldResourceProperties"]["ServiceTimeout"], "300");
        assert_eq!(body["PhysicalResourceId"], "id-1");
        assert_eq!(body["RequestId"], json!(event.ids().request_id));
        assert_eq!(body["ResponseURL"], "https://x/");
        let message = event.by_sns(&url)["Records"][0]["Sns"]["Message"].as_str().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), body);
    }

    #[test]
    fn events_have_only_the_fields_of_their_type() {
        let resource = Resource::new("111122223333", "us-east-1", "demo", "Prereqs");
        let create = resource.create(&json!({})).with_response_url(&ResponseUrl::test("u"));
        assert_eq!(create["RequestType"], "Create");
        assert!(create.get("PhysicalResourceId").is_none());
        assert!(create.get("OldResourceProperties").is_none());
        let delete = resource.delete("id", &json!({})).with_response_url(&ResponseUrl::test("u"));
        assert_eq!((&delete["RequestType"], &delete["PhysicalResourceId"]), (&json!("Delete"), &json!("id")));
    }
}
