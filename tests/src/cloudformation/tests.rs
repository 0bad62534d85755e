//! The state machine by itself: what is sent, and what is shown, at each turn.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Kind, Request, Rollback, Stack, Template};
use crate::lambda::{Answer, ResponseUrl};

fn template(ids: &[&str], cluster: &str) -> Template {
    ids.iter().map(|id| ((*id).to_owned(), json!({"ClusterName": cluster}))).collect()
}

fn stack() -> Stack {
    Stack::new("111122223333", "us-east-1", "platform")
}

fn answer(succeeded: bool, id: &str, data: &[&str]) -> Answer {
    Answer {
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

fn says(stack: &mut Stack, request: &Request, succeeded: bool, id: &str) -> Vec<Request> {
    stack.answered(request, Some(&answer(succeeded, id, &[])))
}

fn body(request: &Request) -> Value {
    request.event.answered_at(&ResponseUrl::test("u"))
}

/// What is sent, in short: the kind, the resource, and the physical id.
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

/// A stack with the resource `A` under the id `a1`.
fn created() -> Stack {
    let mut stack = stack();
    let create = one(stack.create(&template(&["A"], "one")));
    assert!(says(&mut stack, &create, true, "a1").is_empty());
    assert_eq!((stack.status(), stack.resource_status("A")), ("CREATE_COMPLETE", Some("CREATE_COMPLETE")));
    stack
}

#[test]
fn a_failed_create_is_deleted_under_the_id_of_its_answer_and_its_sibling_under_one_made_up() {
    let mut stack = stack();
    let requests = stack.create(&template(&["A", "B", "C"], "one"));
    assert!(says(&mut stack, &requests[2], true, "c1").is_empty());
    let deletes = says(&mut stack, &requests[0], false, "a1");
    assert_eq!(stack.status(), "ROLLBACK_IN_PROGRESS");
    let told = sent(&deletes);
    assert_eq!(told[0], (Kind::Delete, "A", Some("a1")));
    assert_eq!(told[2], (Kind::Delete, "C", Some("c1")));
    let made_up = told[1].2.unwrap();
    assert!(made_up.starts_with("platform-B-") && told[1].0 == Kind::Delete, "{made_up}");
    // B's own answer comes too late to count.
    assert!(says(&mut stack, &requests[1], true, "b1").is_empty());
    for delete in &deletes {
        let id = delete.physical_resource_id.clone().unwrap();
        assert!(says(&mut stack, delete, true, &id).is_empty());
    }
    assert_eq!((stack.status(), stack.standing().count()), ("ROLLBACK_COMPLETE", 0));
}

#[test]
fn an_update_in_place_leaves_nothing_to_clean_up() {
    let mut stack = created();
    assert!(stack.update(&template(&["A"], "one")).is_empty(), "equal properties are no change");
    assert_eq!(stack.status(), "UPDATE_COMPLETE");
    let update = one(stack.update(&template(&["A"], "two")));
    assert_eq!(body(&update)["OldResourceProperties"]["ClusterName"], "one");
    assert!(says(&mut stack, &update, true, "a1").is_empty());
    assert_eq!(stack.standing().collect::<Vec<_>>(), [("A", "a1", &json!({"ClusterName": "two"}))]);
}

#[test]
fn what_is_replaced_is_deleted_with_its_old_properties_and_three_times_tried() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let mut delete = one(says(&mut stack, &update, true, "a2"));
    assert_eq!(
        (stack.status(), stack.resource_status("A")),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Some("UPDATE_COMPLETE"))
    );
    for _ in 0..2 {
        assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a1"))]);
        assert_eq!(body(&delete)["ResourceProperties"]["ClusterName"], "one");
        delete = one(says(&mut stack, &delete, false, "a1"));
    }
    assert!(says(&mut stack, &delete, false, "a1").is_empty());
    assert_eq!((stack.status(), stack.left_over()), ("UPDATE_COMPLETE", &["a1".to_owned()][..]));
}

#[test]
fn a_failed_update_is_undone_by_an_update_back_under_the_old_id() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let back = one(says(&mut stack, &update, false, "a1"));
    assert_eq!(
        (stack.status(), sent(std::slice::from_ref(&back))),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec![(Kind::Update, "A", Some("a1"))])
    );
    assert_eq!(body(&back)["ResourceProperties"]["ClusterName"], "one");
    assert_eq!(body(&back)["OldResourceProperties"]["ClusterName"], "two");
    assert!(says(&mut stack, &back, false, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_FAILED");
    let again = one(stack.continue_rollback());
    assert!(says(&mut stack, &again, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
}

#[test]
fn a_replacement_is_undone_in_both_ways_and_the_new_id_deleted() {
    for rollback in [Rollback::UpdateBack, Rollback::DeleteNew] {
        let mut stack = stack().rolled_back_by(rollback);
        let creates = stack.create(&template(&["A", "B"], "one"));
        says(&mut stack, &creates[0], true, "a1");
        says(&mut stack, &creates[1], true, "b1");
        let updates = stack.update(&template(&["A", "B"], "two"));
        assert!(says(&mut stack, &updates[0], true, "a2").is_empty());
        // B fails: A is undone too.
        let mut backs = says(&mut stack, &updates[1], false, "b1");
        if rollback == Rollback::UpdateBack {
            assert_eq!(sent(&backs)[0], (Kind::Update, "A", Some("a2")));
            let back = backs.remove(0);
            assert!(says(&mut stack, &back, true, "a1").is_empty());
        }
        let back = one(backs);
        let delete = one(says(&mut stack, &back, true, "b1"));
        assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a2"))]);
        assert_eq!(body(&delete)["ResourceProperties"]["ClusterName"], "two");
        assert!(says(&mut stack, &delete, true, "a2").is_empty());
        assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
        let standing: Vec<_> = stack.standing().map(|(id, physical, _)| (id.to_owned(), physical.to_owned())).collect();
        assert_eq!(standing, [("A".to_owned(), "a1".to_owned()), ("B".to_owned(), "b1".to_owned())]);
    }
}

#[test]
fn a_cancelled_update_is_undone_while_it_runs_and_its_answer_counts_no_more() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    let back = one(stack.cancel());
    assert_eq!(sent(std::slice::from_ref(&back)), [(Kind::Update, "A", Some("a1"))]);
    assert!(update.issued < back.issued);
    assert!(says(&mut stack, &update, true, "a2").is_empty());
    assert!(says(&mut stack, &back, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(stack.standing().next(), Some(("A", "a1", &json!({"ClusterName": "one"}))));
}

#[test]
fn what_has_succeeded_is_undone_when_a_resource_of_another_type_fails() {
    let mut stack = created();
    let update = one(stack.update(&template(&["A"], "two")));
    stack.native_begins();
    assert!(says(&mut stack, &update, true, "a2").is_empty());
    assert_eq!((stack.status(), stack.resource_status("A")), ("UPDATE_IN_PROGRESS", Some("UPDATE_COMPLETE")));
    let back = one(stack.cancel());
    assert_eq!(sent(std::slice::from_ref(&back)), [(Kind::Update, "A", Some("a2"))]);
    let delete = one(says(&mut stack, &back, true, "a1"));
    assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a2"))]);
    says(&mut stack, &delete, true, "a2");
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
    // Nothing is under way that it could be beside.
    stack.native_begins();
    assert!(stack.delete().len() == 1);
}

#[test]
fn a_resource_comes_and_goes_with_the_template() {
    let mut stack = created();
    let create = one(stack.update(&template(&["B"], "one")));
    assert_eq!(create.kind, Kind::Create);
    let delete = one(says(&mut stack, &create, true, "b1"));
    assert_eq!(sent(std::slice::from_ref(&delete)), [(Kind::Delete, "A", Some("a1"))]);
    assert!(says(&mut stack, &delete, true, "a1").is_empty());
    // A failed addition goes at once, and what was to go stays.
    let create = one(stack.update(&template(&["C"], "one")));
    let delete = one(says(&mut stack, &create, false, "c1"));
    assert_eq!(
        (stack.status(), sent(std::slice::from_ref(&delete))),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec![(Kind::Delete, "C", Some("c1"))])
    );
    assert!(says(&mut stack, &delete, true, "c1").is_empty());
    assert_eq!((stack.status(), stack.standing().count()), ("UPDATE_ROLLBACK_COMPLETE", 1));
}

#[test]
fn a_delete_that_fails_is_tried_again_and_no_answer_is_a_failure() {
    let mut stack = created();
    let delete = one(stack.delete());
    assert!(stack.answered(&delete, None).is_empty());
    assert_eq!(stack.status(), "DELETE_FAILED");
    let delete = one(stack.delete());
    assert!(says(&mut stack, &delete, true, "a1").is_empty());
    assert_eq!(stack.status(), "DELETE_COMPLETE");
}

#[test]
fn an_answer_that_breaks_the_stack_is_told() {
    let mut stack = stack();
    let create = one(stack.create(&template(&["A"], "one")));
    stack.answered(&create, Some(&answer(true, "a1", &["Arn", "Name"])));
    let update = one(stack.update(&template(&["A"], "two")));
    stack.answered(&update, Some(&answer(true, "a1", &["Arn"])));
    assert!(stack.take_wrong()[0].ends_with("lacks the attributes Name"));
    let update = one(stack.update(&template(&["A"], "three")));
    stack.answered(&update, Some(&answer(false, "a9", &[])));
    assert!(stack.take_wrong()[0].contains("answered FAILED with the id a9"));
    assert!(stack.take_wrong().is_empty());
}

#[test]
fn a_request_id_is_used_again_where_a_deployment_is_tried_again() {
    let mut stack = stack().reusing_request_ids();
    let first = one(stack.create(&template(&["A"], "one")));
    let delete = one(says(&mut stack, &first, false, "a1"));
    says(&mut stack, &delete, true, "a1");
    assert_eq!(stack.status(), "ROLLBACK_COMPLETE");
    stack.delete();
    let second = one(stack.create(&template(&["A"], "one")));
    assert_eq!(first.id(), second.id());
}

#[test]
fn the_answer_of_a_cancelled_update_is_not_that_of_its_rollback_though_they_bear_one_request_id() {
    let mut stack = stack().reusing_request_ids();
    let create = one(stack.create(&template(&["A"], "one")));
    says(&mut stack, &create, true, "a1");
    let update = one(stack.update(&template(&["A"], "two")));
    let back = one(stack.cancel());
    assert_eq!(update.id(), back.id());
    assert!(says(&mut stack, &update, true, "a2").is_empty());
    assert_eq!(stack.resource_status("A"), Some("UPDATE_IN_PROGRESS"));
    assert!(says(&mut stack, &back, true, "a1").is_empty());
    assert_eq!(stack.status(), "UPDATE_ROLLBACK_COMPLETE");
}
