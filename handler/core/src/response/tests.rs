//! Tests of the body: its limits and its ids.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn envelope() -> Envelope {
    let event = json!({
        "ResponseURL": "https://b.s3.amazonaws.com/k",
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a",
        "RequestId": "r",
        "LogicalResourceId": "Prereqs",
    });
    Envelope::read(&event).unwrap()
}

fn attributes(subnets: usize, groups: usize, warnings: usize) -> Attributes {
    let mut all: BTreeMap<_, _> = ATTRIBUTES.iter().map(|(name, _)| (*name, format!("{name} value"))).collect();
    all.insert("SubnetIds", "subnet-0123456789abcdef0,".repeat(subnets));
    all.insert("SecurityGroupIds", "sg-0123456789abcdef0,".repeat(groups));
    all.insert(WARNINGS, "w".repeat(warnings));
    Attributes(all)
}

fn data(attributes: Attributes) -> Value {
    let body = body(&envelope(), "id", &Outcome::Success(Some(attributes)));
    assert!(body.len() <= BODY_MAX, "{}", body.len());
    let mut value: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["Data"].as_object().unwrap().len(), ATTRIBUTES.len());
    value["Data"].take()
}

#[test]
fn long_response_omits_attributes_in_order_with_warning() {
    let fits = data(attributes(10, 10, 10));
    assert_eq!(fits[WARNINGS], "w".repeat(10));
    let one_omitted = data(attributes(20, 200, 10));
    assert_eq!(one_omitted["SecurityGroupIds"], "");
    assert_eq!(one_omitted["HelmValues"], "HelmValues value");
    assert_ne!(one_omitted["SubnetIds"], "");
    assert!(one_omitted[WARNINGS].as_str().unwrap().contains("SecurityGroupIds is empty"));
    let two_omitted = data(attributes(200, 200, 10));
    assert_eq!((&two_omitted["SecurityGroupIds"], &two_omitted["SubnetIds"]), (&json!(""), &json!("")));
    assert_eq!(two_omitted["HelmValues"], "HelmValues value");
    let warnings_cut = data(attributes(0, 0, 9000));
    assert!(warnings_cut[WARNINGS].as_str().unwrap().ends_with('…'));
    assert_eq!(warnings_cut["ClusterName"], "ClusterName value");
}

#[test]
fn response_of_exactly_the_limit_is_not_cut() {
    let empty = body(&envelope(), "id", &Outcome::Failed("r".into())).len() - 1;
    let exact = "r".repeat(BODY_MAX - empty);
    assert_eq!(body(&envelope(), "id", &Outcome::Failed(exact.clone())).len(), BODY_MAX);
    let cut = body(&envelope(), "id", &Outcome::Failed(exact + "r"));
    assert!(cut.len() <= BODY_MAX && cut.contains('…'));
}

#[test]
fn reason_has_no_control_characters_and_is_never_empty() {
    for (reason, expected) in [("a\u{1b}[31mb\nc", "a [31mb c"), ("", "no reason was given: see the function's log")] {
        let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Failed(reason.into()))).unwrap();
        assert_eq!(body["Reason"], expected);
    }
}

#[test]
fn success_has_no_reason() {
    let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Success(None))).unwrap();
    assert_eq!(body.get("Reason"), None);
    assert_eq!(body.get("Data"), None);
}

/// Only an event that a person writes has such ids. Its response is still within the limits.
#[test]
fn oversized_ids_are_truncated_and_differ() {
    let wide = |fill: &str| Envelope {
        stack_id: fill.repeat(2000),
        request_id: fill.repeat(2001),
        logical_resource_id: fill.repeat(2002),
        ..envelope()
    };
    for fill in ["x", "\u{1}", "\"", "é", "🚀"] {
        let (envelope, id) = (wide(fill), fill.repeat(2000));
        let id_of = |id: &str, outcome: &Outcome| {
            let body = body(&envelope, id, outcome);
            assert!(body.len() <= BODY_MAX, "{fill:?}: {}", body.len());
            let body: Value = serde_json::from_str(&body).unwrap();
            for field in ["StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId"] {
                assert!(body[field].as_str().unwrap().starts_with(fill), "{fill:?} {field}");
            }
            body["PhysicalResourceId"].as_str().unwrap().to_owned()
        };
        let failed = Outcome::Failed("because".repeat(100));
        let cut = id_of(&id, &failed);
        assert!(cut.len() <= 1024, "{}", cut.len());
        assert_eq!(id_of(&id, &Outcome::Success(Some(attributes(10, 10, 10)))), cut);
        assert_ne!(id_of(&(id + fill), &failed), cut);
    }
}

#[test]
fn id_within_limit_is_echoed_and_empty_id_is_replaced() {
    let id_of = |id: &str| {
        let body = body(&envelope(), id, &Outcome::Failed("r".repeat(9000)));
        assert!(body.len() <= BODY_MAX, "{}", body.len());
        serde_json::from_str::<Value>(&body).unwrap()["PhysicalResourceId"].as_str().unwrap().to_owned()
    };
    for id in ["a".repeat(1024), "é".repeat(512), "s-Prereqs-1ABCDEF".to_owned()] {
        assert_eq!(id_of(&id), id);
    }
    assert_eq!(id_of(""), "karpenter-prereqs/invalid-properties/Prereqs");
}
