//! Events that differ from the Create, Update or Delete of CloudFormation.

use std::time::Duration;

use local_cloud::lambda::{Event, Outcome};
use serde_json::{Value, json};

use super::delivery::Standalone;

const LIMIT: Duration = Duration::from_secs(20);

impl Standalone {
    /// Changes an event with `change` and sends it. Asserts that the response is FAILED. Returns its Reason.
    async fn reason(&mut self, event: &Event, change: impl FnOnce(&mut Value)) -> String {
        let url = self.responses.expect(event.ids());
        let mut raw = event.with_response_url(&url);
        change(&mut raw);
        let invocation = self.function.invoke(&raw, LIMIT).await.unwrap();
        assert!(invocation.returned(), "{:?}", invocation.outcome);
        let response = self.responses.take(&url, Duration::from_millis(100)).await.unwrap();
        response.assert_sound();
        assert!(!response.succeeded());
        response.reason.unwrap()
    }
}

/// A change of an event, and the words that the Reason must have.
type Case = (fn(&mut Value), &'static [&'static str]);

/// An event that CloudFormation would not send gets a response with the event's ids. The Reason has the problem.
#[tokio::test]
async fn malformed_event_gets_response_with_reason() {
    let mut standalone = Standalone::start().await;
    let event = standalone.resource.create(&json!({"ClusterName": "demo"}));
    let cases: [Case; 9] = [
        (|raw| raw["RequestType"] = json!("Upsert"), &["not a Create, Update or Delete", "Upsert"]),
        (|raw| raw["RequestType"] = json!(7), &["not a Create, Update or Delete"]),
        (
            |raw| drop(raw.as_object_mut().unwrap().remove("RequestType")),
            &["not a Create, Update or Delete", "RequestType"],
        ),
        (|raw| drop(raw.as_object_mut().unwrap().remove("ResourceProperties")), &["`ClusterName` is required"]),
        (|raw| raw["ResourceProperties"] = Value::Null, &["`ClusterName` is required"]),
        (|raw| raw["ResourceProperties"] = json!("demo"), &["`ResourceProperties` in the event is not a map"]),
        (|raw| raw["RequestType"] = json!("Update"), &["not a Create, Update or Delete", "PhysicalResourceId"]),
        (|raw| raw["RequestType"] = json!("Delete"), &["not a Create, Update or Delete", "PhysicalResourceId"]),
        (
            |raw| {
                raw["RequestType"] = json!("Update");
                raw["PhysicalResourceId"] = json!("id");
                raw["OldResourceProperties"] = json!([]);
            },
            &["`OldResourceProperties` in the event is not a map"],
        ),
    ];
    for (change, words) in cases {
        let reason = standalone.reason(&event, change).await;
        for word in words {
            assert!(reason.contains(word), "`{word}` is not in: {reason}");
        }
    }
}

/// If the `ServiceToken` is an SNS topic, the request is a text in the event of Amazon SNS. It gets a response like any other.
#[tokio::test]
async fn sns_wrapped_request_gets_response() {
    let mut standalone = Standalone::start().await;
    let event = standalone.event();
    let url = standalone.responses.expect(event.ids());
    let invocation = standalone.function.invoke(&event.by_sns(&url), LIMIT).await.unwrap();
    assert!(invocation.returned(), "{:?}", invocation.outcome);
    let response = standalone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
    response.assert_sound();
    assert!(response.reason.unwrap().contains("Did you mean `ClusterName`?"));
}

/// An event without one of its ids, or with an invalid `StackId`, gets a FAILED response. The Reason names the field.
#[tokio::test]
async fn broken_envelope_gets_response_naming_the_field() {
    let mut standalone = Standalone::start().await;
    for (field, value) in [("StackId", ""), ("StackId", "platform"), ("RequestId", ""), ("LogicalResourceId", "")] {
        let event = standalone.event();
        let url = standalone.responses.expect(event.ids());
        let mut raw = event.with_response_url(&url);
        raw[field] = json!(value);
        let invocation = standalone.function.invoke(&raw, LIMIT).await.unwrap();
        assert!(invocation.returned(), "{:?}", invocation.outcome);
        let response = standalone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
        assert_eq!(response.status, "FAILED");
        assert!(response.reason.as_deref().unwrap_or_default().contains(field), "{response:?}");
        assert!(!response.physical_resource_id.is_empty());
    }
}

/// An event without a response URL is an error of the invocation. The same process serves later events.
#[tokio::test]
async fn event_without_response_url_is_an_error() {
    let mut standalone = Standalone::start().await;
    let event = standalone.event();
    let url = standalone.responses.expect(event.ids());
    let good = event.with_response_url(&url);
    let without = |field: &str| {
        let mut raw = good.clone();
        raw.as_object_mut().unwrap().remove(field);
        raw
    };
    let other_sns_message = json!({"Records": [{"Sns": {"Message": "Your subscription is confirmed"}}]});
    for raw in [without("ResponseURL"), json!({}), json!("ping"), json!([1]), Value::Null, other_sns_message] {
        let invocation = standalone.function.invoke(&raw, LIMIT).await.unwrap();
        let Outcome::Error(error) = &invocation.outcome else { panic!("{raw}: {:?}", invocation.outcome) };
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            message.contains("not a CloudFormation custom resource request: `ResponseURL` is missing"),
            "{message}"
        );
    }
    let invocation = standalone.function.invoke(&good, LIMIT).await.unwrap();
    assert!(invocation.returned() && invocation.cold_start.is_none(), "another process serves the event");
    standalone.responses.take(&url, Duration::from_millis(100)).await.unwrap().assert_sound();
}
