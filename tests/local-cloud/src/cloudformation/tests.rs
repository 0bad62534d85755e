//! Tests of the state machine: the requests, and the status after each response.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Kind, Request, Rollback, Stack, Template};
use crate::lambda::{CfnResponse, ResponseUrl};

fn template(ids: &[&str], cluster: &str) -> Template {
    ids.iter().map(|id| ((*id).to_owned(), json!({"ClusterName": cluster}))).collect()
}

fn stack() -> Stack {
    Stack::new("111122223333", "us-east-1", "platform")
}

fn response(succeeded: bool, id: &str, data: &[&str]) -> CfnResponse {
    CfnResponse {
        status: if succeeded { "SUCCESS" } else { "FAILED" }.to_owned(),
        reason: (!succeeded).then(|| "because".to_owned()),
        physical_resource_id: id.to_owned(),
        data: data.iter().map(|name| ((*name).to_owned(), String::new())).collect::<BTreeMap<_, _>>(),
        no_echo: false,
        raw: "".into(),
        puts: Vec::new(),
        violations: Vec::new(),
    }
}

fn respond(stack: &mut Stack, request: &Request, succeeded: bool, id: &str) -> Vec<Request> {
    stack.handle_response(request, Some(&response(succeeded, id, &[])))
}

fn body(request: &Request) -> Value {
    request.event.with_response_url(&ResponseUrl::test("u"))
}

/// Returns the kind, the resource and the physical id of each request.
fn sent(requests: &[Request]) -> Vec<(Kind, &str, Option<&str>)> {
    requests
        .iter()
        .map(|request| (request.kind, request.logical_resource_id(), request.physical_resource_id.as_deref()))
        .collect()
}

fn one(requests: Vec<Request>) -> Request {
    assert_eq!(requests.len(), 1, "{:?}", sent(&requests));
    requests.into_iter().next().unwrap()
}

/// Returns a stack with the resource `A` and the id `a1`.
fn created() -> Stack {
    let mut stack = stack();
    let create = one(stack.create(&template(&["A"], "one")));
    assert!(respond(&mut stack, &create, true, "a1").is_empty());
    assert_eq!((stack.status(), stack.resource_status("A")), ("CREATE_COMPLETE", Some("CREATE_COMPLETE")));
    stack
}

#[test]
fn failed_create_is_deleted_and_sibling_gets_generated_id() {
    let mut stack = stack();
    let requests = stack.create(&template(&["A", "B", "C"], "one"));
    assert!(respond(&mut stack, &requests[2], true, "c1").is_empty());
    let deletes = respond(&mut stack, &requests[0], false, "a1");
    assert_eq!(stack.status(), "ROLLBACK_IN_PROGRESS");
    let requests_sent = sent(&deletes);
    assert_eq!(requests_sent[0], (Kind::Delete, "A", Some("a1")));
    assert_eq!(requests_sent[2], (Kind::Delete, "C", Some("c1")));
    let generated_id = requests_sent[1].2.unwrap();
    assert!(generated_id.starts_with("platform-B-") && requests_sent[1].0 == Kind::Delete, "{generated_id}");
    // B's own response is too late to count.
    assert!(respond(&mut stack, &requests[1], true, "b1").is_empty());
    for delete in &deletes {
        let id = delete.physical_resource_id.clone().unwrap();
        assert!(respond(&mut stack, delete, true, &id).is_empty());
    }
    assert_eq!((stack.status(), stack.existing().count()), ("ROLLBACK_COMPLETE", 0));
}

#[test]
fn in_place_update_has_no_cleanup() {
    let mut stack = created();
    assert!(stack.update(&template(&["A"], "one")).is_empty(), "equal properties are no change");
    assert_eq!(stack.status(), "UPDATE_COMPLETE");
    let update = one(stack.update(&template(&["A"], "two")));
    assert_eq!(body(&update)["OldResourceProperties"]["ClusterName"], "one");
    assert!(respond(&mut stack, &update, true, "a1").is_empty());
    assert_eq!(stack.existing().collect::<Vec<_>>(), [("A", "a1", &json!({"ClusterName": "two"}))]);
}

#[test]
fn replaced_resource_is_deleted_with_three_attempts() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let mut delete = one(respond(&mut stack, &update, true, "a2"));
    assert_eq!(
        (stack.status(), stack.resource_status("A")),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Some("UPDATE_COMPLETE"))
    );
    for _ in 0..2 {
        assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a1"))]);
        assert_eq!(body(&delete)["ResourceProperties"]["ClusterName"], "one");
        delete = one(respond(&mut stack, &delete, false, "a1"));
    }
    assert!(respond(&mut stack, &delete, false, "a1").is_empty());
    assert_eq!((stack.status(), stack.left_over()), ("UPDATE_COMPLETE", &["a1".to_owned()][..]));
}

#[test]
fn failed_update_is_rolled_back_with_the_same_id() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let rollback_request = one(respond(&mut stack, &update, false, "a1"));
    assert_eq!(
        (stack.status(), sent(std::slice::from_ref(&rollback_request))),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec![(Kind::Update, "A", Some("a1"))])
    );
    assert_eq!(body(&rollback_request)["ResourceProperties"]["ClusterName"], "one");
    assert_eq!(body(&rollback_request)["OldResourceProperties"]["ClusterName"], "two");
    assert!(respond(&mut stack, &rollback_request, false, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_FAILED");
    let again = one(stack.continue_rollback());
    assert!(respond(&mut stack, &again, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn replacement_rollback_deletes_new_id() {
    for rollback in [Rollback::UpdateBack, Rollback::DeleteNew] {
        let mut stack = stack().rolled_back_by(rollback);
        let creates = stack.create(&template(&["A", "B"], "one"));
        respond(&mut stack, &creates[0], true, "a1");
        respond(&mut stack, &creates[1], true, "b1");
        let updates = stack.update(&template(&["A", "B"], "two"));
        assert!(respond(&mut stack, &updates[0], true, "a2").is_empty());
        // B fails, so A is rolled back too.
        let mut rollbacks = respond(&mut stack, &updates[1], false, "b1");
        if rollback == Rollback::UpdateBack {
            assert_eq!(sent(&rollbacks)[0], (Kind::Update, "A", Some("a2")));
            let rollback_request = rollbacks.remove(0);
            assert!(respond(&mut stack, &rollback_request, true, "a1").is_empty());
        }
        let rollback_request = one(rollbacks);
        let delete = one(respond(&mut stack, &rollback_request, true, "b1"));
        assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a2"))]);
        assert_eq!(body(&delete)["ResourceProperties"]["ClusterName"], "two");
        assert!(respond(&mut stack, &delete, true, "a2").is_empty());
        assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
        let existing: Vec<_> = stack.existing().map(|(id, physical, _)| (id.to_owned(), physical.to_owned())).collect();
        assert_eq!(existing, [("A".to_owned(), "a1".to_owned()), ("B".to_owned(), "b1".to_owned())]);
    }
}

#[test]
fn cancelled_update_is_rolled_back_and_its_response_ignored() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let rollback_request = one(stack.cancel());
    assert_eq!(sent(std::slice::from_ref(&rollback_request)), [(Kind::Update, "A", Some("a1"))]);
    assert!(update.issued < rollback_request.issued);
    assert!(respond(&mut stack, &update, true, "a2").is_empty());
    assert!(respond(&mut stack, &rollback_request, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(stack.existing().next(), Some(("A", "a1", &json!({"ClusterName": "one"}))));
}

#[test]
fn completed_update_is_rolled_back_when_another_type_fails() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    stack.begin_native_resource();
    assert!(respond(&mut stack, &update, true, "a2").is_empty());
    assert_eq!((stack.status(), stack.resource_status("A")), ("UPDATE_IN_PROGRESS", Some("UPDATE_COMPLETE")));
    let rollback_request = one(stack.cancel());
    assert_eq!(sent(std::slice::from_ref(&rollback_request)), [(Kind::Update, "A", Some("a2"))]);
    let delete = one(respond(&mut stack, &rollback_request, true, "a1"));
    assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a2"))]);
    respond(&mut stack, &delete, true, "a2");
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
    // No operation is running at the same time.
    stack.begin_native_resource();
    assert!(stack.delete().len() == 1);
}

#[test]
fn resources_are_added_and_removed_with_the_template() {
    let mut stack = created();
    let create = one(stack.update(&template(&["B"], "one")));
    assert_eq!(create.kind, Kind::Create);
    let delete = one(respond(&mut stack, &create, true, "b1"));
    assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a1"))]);
    assert!(respond(&mut stack, &delete, true, "a1").is_empty());
    // A failed addition is deleted at once, and the removed resource is kept.
    let create = one(stack.update(&template(&["C"], "one")));
    let delete = one(respond(&mut stack, &create, false, "c1"));
    assert_eq!(
        (stack.status(), sent(std::slice::from_ref(&delete))),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec![(Kind::Delete, "C", Some("c1"))])
    );
    assert!(respond(&mut stack, &delete, true, "c1").is_empty());
    assert_eq!((stack.status(), stack.existing().count()), ("UPDATE_ROLLBACK_COMPLETE", 1));
}

#[test]
fn missing_response_fails_delete_and_retry_succeeds() {
    let mut stack = created();
    let delete = one(stack.delete());
    assert!(stack.handle_response(&delete, None).is_empty());
    assert_eq!(stack.status(), "DELETE_FAILED");
    let delete = one(stack.delete());
    assert!(respond(&mut stack, &delete, true, "a1").is_empty());
    assert_eq!(stack.status(), "DELETE_COMPLETE");
}

#[test]
fn invalid_response_is_reported() {
    let mut stack = stack();
    let create = one(stack.create(&template(&["A"], "one")));
    stack.handle_response(&create, Some(&response(true, "a1", &["Arn", "Name"])));
    let update = one(stack.update(&template(&["A"], "two")));
    stack.handle_response(&update, Some(&response(true, "a1", &["Arn"])));
    assert!(stack.take_violations()[0].ends_with("lacks the attributes Name"));
    let update = one(stack.update(&template(&["A"], "three")));
    stack.handle_response(&update, Some(&response(false, "a9", &[])));
    assert!(stack.take_violations()[0].contains("is FAILED with the id a9"));
    assert!(stack.take_violations().is_empty());
}

#[test]
fn request_id_is_reused_when_deployment_is_retried() {
    let mut stack = stack().reusing_request_ids();
    let first = one(stack.create(&template(&["A"], "one")));
    let delete = one(respond(&mut stack, &first, false, "a1"));
    respond(&mut stack, &delete, true, "a1");
    assert_eq!(stack.status(), "ROLLBACK_COMPLETE");
    stack.delete();
    let second = one(stack.create(&template(&["A"], "one")));
    assert_eq!(first.id(), second.id());
}

#[test]
fn reused_request_id_does_not_mix_responses() {
    let mut stack = stack().reusing_request_ids();
    let create = one(stack.create(&template(&["A"], "one")));
    respond(&mut stack, &create, true, "a1");
    let update = one(stack.update(&template(&["A"], "two")));
    let rollback_request = one(stack.cancel());
    assert_eq!(update.id(), rollback_request.id());
    assert!(respond(&mut stack, &update, true, "a2").is_empty());
    assert_eq!(stack.resource_status("A"), Some("UPDATE_IN_PROGRESS"));
    assert!(respond(&mut stack, &rollback_request, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
}
