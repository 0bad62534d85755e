//! Tests of policies in general, and of policies that a person has edited.

use super::document::{Condition, Effect, OneOrMany, PolicyDocument, Principal, Scalar, Statement};
use super::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, json};

/// Generates one text without brackets, or a list of up to three texts.
fn texts() -> impl Strategy<Value = OneOrMany<String>> {
    one_or_many("[a-z:*]{1,4}".prop_map(String::from))
}

fn one_or_many<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = OneOrMany<T>> {
    prop_oneof![value.clone().prop_map(OneOrMany::One), vec(value, 0..4).prop_map(OneOrMany::Many)]
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        Just(Principal::Text("*".to_owned())),
        btree_map("AWS|Service|Federated", texts(), 1..3).prop_map(Principal::Kinds),
    ]
}

fn scalar() -> impl Strategy<Value = Scalar> + Clone {
    prop_oneof![
        "[a-z0-9 ]{0,4}".prop_map(Scalar::Text),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(|number| Scalar::Number(number.into())),
        any::<i32>().prop_map(|number| Scalar::Number(serde_json::Number::from_f64(f64::from(number) / 8.0).unwrap())),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    btree_map("StringEquals|Bool|NumericLessThan", btree_map("[a-z:/]{1,3}", one_or_many(scalar()), 1..3), 0..3)
}

/// Generates elements that no version of the policy language has.
fn rest() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![any::<bool>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
    btree_map("X[a-z]{1,3}", value, 0..2).prop_map(|rest| rest.into_iter().collect())
}

fn statement() -> impl Strategy<Value = Statement> {
    let head = (option::of("[A-Z][a-z]{0,3}"), any::<bool>(), rest());
    let principals = (option::of(principal()), option::of(principal()));
    let lists = (option::of(texts()), option::of(texts()), option::of(texts()), option::of(texts()));
    (head, principals, lists, condition()).prop_map(|((sid, allows, rest), principals, lists, condition)| Statement {
        sid,
        effect: if allows { Effect::Allow } else { Effect::Deny },
        principal: principals.0,
        not_principal: principals.1,
        action: lists.0,
        not_action: lists.1,
        resource: lists.2,
        not_resource: lists.3,
        condition,
        rest,
    })
}

fn document() -> impl Strategy<Value = PolicyDocument> {
    let version = option::of("2012-10-17|2008-10-17");
    (version, option::of("[a-z]{1,4}"), one_or_many_statements(), rest())
        .prop_map(|(version, id, statements, rest)| PolicyDocument { version, id, statements, rest })
}

fn one_or_many_statements() -> impl Strategy<Value = OneOrMany<Statement>> {
    prop_oneof![statement().prop_map(OneOrMany::One), vec(statement(), 0..4).prop_map(OneOrMany::Many)]
}

/// Returns an equal policy in another form: every list is reversed, a list of one value loses its brackets, and a value without
/// brackets gets them.
fn rewritten(document: &PolicyDocument) -> PolicyDocument {
    fn other<T: Clone>(values: &OneOrMany<T>) -> OneOrMany<T> {
        match values.as_slice() {
            [one] if matches!(values, OneOrMany::Many(_)) => OneOrMany::One(one.clone()),
            all => OneOrMany::Many(all.iter().rev().cloned().collect()),
        }
    }
    let others = |principal: &Option<Principal>| match principal {
        Some(Principal::Kinds(kinds)) => {
            Some(Principal::Kinds(kinds.iter().map(|(kind, names)| (kind.clone(), other(names))).collect()))
        }
        text => text.clone(),
    };
    let mut document = document.clone();
    for statement in document.statements.as_mut_slice() {
        statement.principal = others(&statement.principal);
        statement.not_principal = others(&statement.not_principal);
        for list in
            [&mut statement.action, &mut statement.not_action, &mut statement.resource, &mut statement.not_resource]
        {
            *list = list.as_ref().map(other);
        }
        for values in statement.condition.values_mut().flat_map(|keys| keys.values_mut()) {
            *values = other(values);
        }
    }
    document.statements = other(&document.statements);
    document
}

fn arns() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set("arn:aws:iam::111122223333:role/[a-z]{1,6}", 0..4)
}

proptest! {
    #[test]
    fn written_policy_is_read_and_written_byte_for_byte(document in document()) {
        let written = document.to_json();
        let read = PolicyDocument::read(&written);
        prop_assert_eq!(read.as_ref(), Some(&document));
        prop_assert_eq!(read.unwrap().to_json().to_string(), written.to_string());
    }

    #[test]
    fn policy_in_another_form_and_order_is_equivalent(document in document()) {
        let (one, other) = (document.to_json(), rewritten(&document).to_json());
        prop_assert!(equivalent(&one, &other), "{one}\n{other}");
        prop_assert!(equivalent(&other, &one), "{other}\n{one}");
    }

    #[test]
    fn policy_with_a_new_statement_is_not_equivalent(document in document(), further in statement()) {
        let is_new = !document.statements.as_slice().contains(&further);
        let mut more = document.clone();
        more.statements = document.statements.iter().cloned().chain([further]).collect();
        prop_assert_eq!(equivalent(&document.to_json(), &more.to_json()), !is_new);
    }

    #[test]
    fn pass_role_arns_are_read_as_they_are_set(document in document(), previous in arns(), node_role_arns in arns()) {
        let grant = |arns: &BTreeSet<String>| Statement {
            resource: Some(arns.iter().cloned().collect()),
            ..Statement::allow([PASS_ROLE])
        };
        let mut document = document;
        document.statements = document.statements.iter().cloned().chain([grant(&previous)]).collect();
        let narrowed = with_pass_role_arns(&document.to_json(), &node_role_arns).unwrap();
        prop_assert_eq!(&pass_role_arns(&narrowed), &node_role_arns);
        // Everything else is unchanged.
        let others = |json: &Value| {
            let mut document = PolicyDocument::read(json).unwrap();
            document.statements.retain(|statement| !passes_roles(statement));
            document
        };
        prop_assert_eq!(others(&narrowed), others(&document.to_json()));
        prop_assert_eq!(with_pass_role_arns(&narrowed, &node_role_arns), Some(narrowed));
    }
}

#[test]
fn policy_with_every_element_is_written_unchanged() {
    let everything = json!({
        "Version": "2012-10-17",
        "Id": "example",
        "Statement": [
            {"Sid": "", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": ["*"]},
            {
                "Sid": "Two", "Effect": "Deny", "NotPrincipal": {"AWS": ["111122223333", "*"], "Service": "ec2.amazonaws.com"},
                "NotAction": ["iam:*"], "NotResource": "arn:aws:iam::*:role/${aws:username}",
                "Condition": {
                    "Bool": {"aws:SecureTransport": true},
                    "NumericLessThanEquals": {"aws:MultiFactorAuthAge": [3600, 1.5, "7"]},
                    "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
                    "Null": {"aws:TokenIssueTime": "false"},
                },
                "Unknown": {"of": [1, null]},
            },
        ],
        "Unknown": null,
    });
    assert_eq!(PolicyDocument::read(&everything).unwrap().to_json(), everything);
    let one = json!({"Statement": everything["Statement"][1]});
    assert_eq!(PolicyDocument::read(&one).unwrap().to_json(), one);
}

#[test]
fn numbers_and_booleans_are_equal_with_or_without_quotes() {
    let of = |value: Value| json!({"Statement": {"Effect": "Allow", "Action": "a", "Resource": "*", "Condition": {"Bool": {"k": value}}}});
    assert!(equivalent(&of(json!(true)), &of(json!(["true"]))));
    assert!(equivalent(&of(json!(5)), &of(json!("5"))));
    assert!(!equivalent(&of(json!(true)), &of(json!("false"))));
}

#[test]
fn json_that_is_not_a_policy_grants_nothing() {
    let passing = json!({"Effect": "Allow", "Action": PASS_ROLE, "Resource": "arn"});
    let policy = json!({"Statement": passing});
    assert_eq!(pass_role_arns(&policy), ["arn".to_owned()].into());
    let lower = json!({"effect": "Allow", "Action": PASS_ROLE, "Resource": "arn"});
    let no_policies = [
        Value::Null,
        json!("text"),
        json!([passing]),
        json!({}),
        json!({"Statement": null}),
        json!({"Statement": [passing, "text"]}),
        json!({"Statement": lower}),
        json!({"Statement": {"Effect": "allow", "Action": PASS_ROLE, "Resource": "arn"}}),
        json!({"Statement": {"Effect": "Allow", "Action": PASS_ROLE, "Resource": {"arn": "arn"}}}),
    ];
    for json in no_policies {
        assert_eq!(PolicyDocument::read(&json), None, "{json}");
        assert!(!equivalent(&json, &policy) && !equivalent(&policy, &json), "{json}");
        assert_eq!(pass_role_arns(&json), BTreeSet::new(), "{json}");
        assert_eq!(with_pass_role_arns(&json, &["arn".to_owned()].into()), None, "{json}");
        assert!(!reads_queue(&json, "arn"), "{json}");
    }
}

#[test]
fn pass_role_arns_are_read_and_set_in_allow_statements() {
    let document = |denied: &str, allowed: &Value| {
        json!({"Statement": [
            {"Sid": "No", "Effect": "Deny", "Action": "iam:PassRole", "Resource": denied},
            {"Sid": "Yes", "Effect": "Allow", "Action": ["iam:passrole"], "Resource": allowed},
            {"Sid": "Other", "Effect": "Allow", "Action": "iam:GetRole", "Resource": ["other"]},
        ]})
    };
    let before = document("denied", &json!(["one", "two"]));
    assert_eq!(pass_role_arns(&before), ["one", "two"].map(str::to_owned).into());
    assert_eq!(with_pass_role_arns(&before, &["three".to_owned()].into()), Some(document("denied", &json!("three"))));
    let mut without = before.clone();
    without["Statement"].as_array_mut().unwrap().remove(1);
    assert_eq!(with_pass_role_arns(&before, &BTreeSet::new()), Some(without));
}

#[test]
fn queue_is_read_with_an_allow_statement_of_its_sid() {
    let reads = |effect: &str, sid: &str, queues: Value| {
        let statement = json!({"Sid": sid, "Effect": effect, "Action": "sqs:ReceiveMessage", "Resource": queues});
        reads_queue(&json!({"Statement": [statement]}), "queue")
    };
    assert!(reads("Allow", QUEUE_SID, json!("queue")));
    assert!(reads("Allow", QUEUE_SID, json!(["other", "queue"])));
    assert!(!reads("Allow", QUEUE_SID, json!("queue-2")));
    assert!(!reads("Allow", "Other", json!("queue")));
    assert!(!reads("Deny", QUEUE_SID, json!("queue")));
}
