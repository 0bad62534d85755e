//! The events that `CloudFormation` sends for a custom resource.

use serde_json::{Map, Value, json};

use super::{answers::ResponseUrl, random_hex, random_uuid};

/// A custom resource of one stack, as `CloudFormation` names it in every event.
#[derive(Clone, Debug)]
pub struct Resource {
    stack_id: String,
    logical_resource_id: String,
    service_token: String,
    service_timeout: Option<u32>,
}

/// The ids that an answer must repeat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventIds {
    /// `StackId`.
    pub stack_id: String,
    /// `LogicalResourceId`.
    pub logical_resource_id: String,
    /// `RequestId`.
    pub request_id: String,
}

/// An event, complete but for the URL to answer to.
#[derive(Clone, Debug)]
pub struct Event {
    ids: EventIds,
    body: Map<String, Value>,
}

impl Resource {
    /// A resource of type `Custom::KarpenterPrereqs` in a new stack of this name.
    pub fn new(account: &str, region: &str, stack: &str, logical_resource_id: &str) -> Self {
        Self {
            stack_id: format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/{}", random_uuid()),
            logical_resource_id: logical_resource_id.to_owned(),
            service_token: format!("arn:aws:lambda:{region}:{account}:function:karpenter-prereqs"),
            service_timeout: None,
        }
    }

    /// The same with a `ServiceTimeout`, in seconds.
    #[must_use]
    pub const fn service_timeout(mut self, seconds: u32) -> Self {
        self.service_timeout = Some(seconds);
        self
    }

    /// The same in the stack of this id: one that exists, say.
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

    /// The Create with these properties, an object.
    pub fn create(&self, properties: &Value) -> Event {
        self.event("Create", properties)
    }

    /// The Update of this physical id from `old` to `new` properties.
    pub fn update(&self, physical_resource_id: &str, new: &Value, old: &Value) -> Event {
        self.event("Update", new)
            .field("PhysicalResourceId", physical_resource_id)
            .field("OldResourceProperties", self.properties(old))
    }

    /// The Delete of this physical id.
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

    /// The properties as `CloudFormation` sends them: its own two among them, every scalar a string.
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
    /// The ids that its answer must repeat.
    pub const fn ids(&self) -> &EventIds {
        &self.ids
    }

    /// The same with another `RequestId`. `CloudFormation` uses one again when a deployment is retried.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.ids.request_id = request_id.into();
        self
    }

    /// The same with one field of its top level set, or put in the place of what stood there.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// The event, to be answered to `url`.
    pub fn answered_at(&self, url: &ResponseUrl) -> Value {
        let mut body = self.body.clone();
        body.insert("RequestId".to_owned(), json!(self.ids.request_id));
        body.insert("ResponseURL".to_owned(), json!(url.as_str()));
        Value::Object(body)
    }

    /// The event inside an SNS message, for a `ServiceToken` that is a topic.
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
                "Message": self.answered_at(url).to_string(),
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

/// Scalars become strings, `null` (as `AWS::NoValue`) falls away.
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
    fn properties_are_as_cloudformation_sends_them() {
        let resource = Resource::new("111122223333", "us-east-1", "demo", "Prereqs").service_timeout(300);
        let event = resource.update(
            "id-1",
            &json!({"ClusterName": "c", "Flag": true, "N": 14, "Tags": {"a": 1}, "L": [1.5, "x"], "No": null}),
            &json!({"ClusterName": "b"}),
        );
        let url = ResponseUrl::test("https://x/");
        let body = event.answered_at(&url);
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
    fn only_what_an_event_has_is_in_it() {
        let resource = Resource::new("111122223333", "us-east-1", "demo", "Prereqs");
        let create = resource.create(&json!({})).answered_at(&ResponseUrl::test("u"));
        assert_eq!(create["RequestType"], "Create");
        assert!(create.get("PhysicalResourceId").is_none());
        assert!(create.get("OldResourceProperties").is_none());
        let delete = resource.delete("id", &json!({})).answered_at(&ResponseUrl::test("u"));
        assert_eq!((&delete["RequestType"], &delete["PhysicalResourceId"]), (&json!("Delete"), &json!("id")));
    }
}
