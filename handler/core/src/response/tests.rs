//! The answer by the byte.

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
fn what_does_not_fit_becomes_empty_whole_in_its_order_and_is_said() {
    let fits = data(attributes(10, 10, 10));
    assert_eq!(fits[WARNINGS], "w".repeat(10));
    let groups_go = data(attributes(20, 200, 10));
    assert_eq!((&groups_go["SecurityGroupIds"], &groups_go["HelmValues"]), (&json!(""), &json!("HelmValues value")));
    assert_ne!(groups_go["SubnetIds"], "");
    assert!(groups_go[WARNINGS].as_str().unwrap().contains("SecurityGroupIds is empty"));
    let both_go = data(attributes(200, 200, 10));
    assert_eq!((&both_go["SecurityGroupIds"], &both_go["SubnetIds"]), (&json!(""), &json!("")));
    assert_eq!(both_go["HelmValues"], "HelmValues value");
    let warnings_cut = data(attributes(0, 0, 9000));
    assert!(warnings_cut[WARNINGS].as_str().unwrap().ends_with('…'));
    assert_eq!(warnings_cut["ClusterName"], "ClusterName value");
}

#[test]
fn the_limit_is_inclusive() {
    let empty = body(&envelope(), "id", &Outcome::Failed("r".into())).len() - 1;
    let exact = "r".repeat(BODY_MAX - empty);
    assert_eq!(body(&envelope(), "id", &Outcome::Failed(exact.clone())).len(), BODY_MAX);
    let cut = body(&envelope(), "id", &Outcome::Failed(exact + "r"));
    assert!(cut.len() <= BODY_MAX && cut.contains('…'));
}

#[test]
fn a_reason_has_no_control_characters_and_is_never_empty() {
    for (reason, expected) in [("a\u{1b}[31mb\nc", "a [31mb c"), ("", "no reason was given: see the function's log")] {
        let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Failed(reason.into()))).unwrap();
        assert_eq!(body["Reason"], expected);
    }
}

#[test]
fn a_success_has_no_reason_at_all() {
    let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Success(None))).unwrap();
    assert_eq!(body.get("Reason"), None);
    assert_eq!(body.get("Data"), None);
}

/// Nobody but a hand-made event sends such ids; the answer to it is lawful all the same.
#[test]
fn ids_beyond_all_limits_are_cut_and_stay_apart() {
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
fn every_lawful_id_is_echoed_and_an_empty_one_is_not() {
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
