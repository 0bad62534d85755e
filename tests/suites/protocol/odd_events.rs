//! Events that are not a Create, Update or Delete as CloudFormation sends them.

use std::time::Duration;

use local_cloud::lambda::{Event, Outcome};
use serde_json::{Value, json};

use super::delivery::Alone;

const LIMIT: Duration = Duration::from_secs(20);

impl Alone {
    /// The Reason of the answer to a raw event with the ids and the URL of `event`.
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

/// What is done to an event, and what the Reason must say.
type Case = (fn(&mut Value), &'static [&'static str]);

/// An event that CloudFormation would not send is answered, with the ids that it has, and says what is wrong with it.
#[tokio::test]
async fn an_odd_event_is_answered_with_what_is_wrong_with_it() {
    let mut alone = Alone::start().await;
    let event = alone.resource.create(&json!({"ClusterName": "demo"}));
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
        let reason = alone.reason(&event, change).await;
        for word in words {
            assert!(reason.contains(word), "`{word}` is not in: {reason}");
        }
    }
}

/// A topic as `ServiceToken`: the request is text inside of Amazon SNS's own event, and is answered like any other.
#[tokio::test]
async fn a_request_that_sns_wrapped_is_answered() {
    let mut alone = Alone::start().await;
    let event = alone.event();
    let url = alone.responses.expect(event.ids());
    let invocation = alone.function.invoke(&event.by_sns(&url), LIMIT).await.unwrap();
    assert!(invocation.returned(), "{:?}", invocation.outcome);
    let response = alone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
    response.assert_sound();
    assert!(response.reason.unwrap().contains("Did you mean `ClusterName`?"));
}

/// An envelope that lacks an id, or whose stack is none, is answered as far as it goes: the reason names the field.
#[tokio::test]
async fn a_broken_envelope_is_answered_as_far_as_it_goes() {
    let mut alone = Alone::start().await;
    for (field, value) in [("StackId", ""), ("StackId", "platform"), ("RequestId", ""), ("LogicalResourceId", "")] {
        let event = alone.event();
        let url = alone.responses.expect(event.ids());
        let mut raw = event.with_response_url(&url);
        raw[field] = json!(value);
        let invocation = alone.function.invoke(&raw, LIMIT).await.unwrap();
        assert!(invocation.returned(), "{:?}", invocation.outcome);
        let response = alone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
        assert_eq!(response.status, "FAILED");
        assert!(response.reason.as_deref().unwrap_or_default().contains(field), "{response:?}");
        assert!(!response.physical_resource_id.is_empty());
    }
}

/// What has no place to answer to is an error that says so, and the function serves on.
#[tokio::test]
async fn an_event_that_cannot_be_answered_is_an_error_that_says_why() {
    let mut alone = Alone::start().await;
    let event = alone.event();
    let url = alone.responses.expect(event.ids());
    let good = event.with_response_url(&url);
    let without = |field: &str| {
        let mut raw = good.clone();
        raw.as_object_mut().unwrap().remove(field);
        raw
    };
    let sns_of_another = json!({"Records": [{"Sns": {"Message": "Your subscription is confirmed"}}]});
    for raw in [without("ResponseURL"), json!({}), json!("ping"), json!([1]), Value::Null, sns_of_another] {
        let invocation = alone.function.invoke(&raw, LIMIT).await.unwrap();
        let Outcome::Error(error) = &invocation.outcome else { panic!("{raw}: {:?}", invocation.outcome) };
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("no CloudFormation custom resource request: `ResponseURL` is missing"), "{message}");
    }
    let invocation = alone.function.invoke(&good, LIMIT).await.unwrap();
    assert!(invocation.returned() && invocation.cold_start.is_none(), "the same process serves on");
    alone.responses.take(&url, Duration::from_millis(100)).await.unwrap().assert_sound();
}
