//! What counts as an entry for the role, and what is refused.

use super::super::*;
use super::{ARN, BLOCK, JSON, ends_in, entry};

#[test]
fn every_way_to_write_an_empty_list_counts() {
    for text in ["", " \n", "\t", "``", "\"\"", " '' ", "# none", "null", "~", "---", "[]", "[ # none\n]"] {
        assert_eq!(is_empty_list(Some(text)), Ok(true), "{text:?}");
        assert_eq!(remove(text, &entry()).as_deref(), Ok(text));
    }
    assert_eq!(is_empty_list(None), Ok(true));
    for text in ["-", "[null]", "- rolearn: a"] {
        assert_eq!(is_empty_list(Some(text)), Ok(false), "{text:?}");
    }
}

#[test]
fn an_entry_that_says_the_same_is_ours_however_it_is_written() {
    let same = [
        format!("- {JSON}"),
        format!("[{JSON}, {JSON}]"),
        ends_in("\r\n").repeat(2),
        BLOCK.replace("rolearn", "rOlEaRn").replace("groups", "Groups"),
        BLOCK.replace("  - system:bootstrappers\n", "") + "\n  - 'system:bootstrappers'",
        BLOCK.replace("username: ", "username: >-\n    "),
        BLOCK.replace("groups:", "groups: # two"),
        format!("- &ours {JSON}\n- rolearn: {ARN}x\n- {{rolearn: 1}}"),
    ];
    for text in same {
        assert_eq!(presence(Some(&text), &entry()), Ok(Presence::Equal), "{text}");
        assert_eq!(insert(Some(&text), &entry()).as_ref(), Ok(&text));
        let without = remove(&text, &entry()).unwrap();
        assert_eq!(presence(Some(&without), &entry()), Ok(Presence::Absent), "{text}");
    }
}

#[test]
fn an_entry_for_the_role_that_says_something_else_is_a_conflict() {
    let cases = [
        BLOCK.replace("KarpenterNodeRole", "karpenternoderole"),
        BLOCK.replace("system:nodes", "system:masters"),
        BLOCK.replace("  - system:nodes", "  - system:nodes\n  - eks:kube-proxy-windows"),
        BLOCK.replace("system:node:", "admin:"),
        BLOCK.to_owned() + "\n  userid: AROA",
        BLOCK.to_owned() + "\n  RoleARN: b",
        BLOCK.replace("username", "name"),
        format!("- rolearn: {ARN}"),
        format!("- RoleARN: {}", ARN.to_uppercase()),
        format!("- {JSON}\n- {{rolearn: {ARN}}}\n- {JSON}"),
        format!("- &a {{rolearn: {ARN}}}\n"),
        format!("- &a {{x: {ARN}}}\n- <<: &b {{rolearn: {ARN}}}\n"),
        BLOCK.replace("role/K", "role/\u{212a}"),
    ];
    for text in cases {
        let Ok(Presence::Conflict { quoted }) = presence(Some(&text), &entry()) else {
            panic!("no conflict in {text}");
        };
        let error = insert(Some(&text), &entry()).unwrap_err();
        assert!(error.to_string().contains(&quoted), "{error}");
        assert!(matches!(error, AwsAuthError::Conflict { .. }), "{error}");
    }
}

#[test]
fn a_conflict_quotes_the_entry_on_one_line() {
    let quoted = |text: &str| match presence(Some(text), &entry()) {
        Ok(Presence::Conflict { quoted }) => quoted,
        other => panic!("{other:?}"),
    };
    let text = format!("# a\n-  rolearn: {ARN} # old\n   groups:\n   - x\n# b\n- c\n");
    assert_eq!(quoted(&text), format!("rolearn: {ARN} # old groups: - x"));
    assert_eq!(quoted(&format!("[a, {{rolearn: \"{ARN}\"}}, b]")), format!("{{rolearn: \"{ARN}\"}}"));
    let long = quoted(&format!("- rolearn: {ARN}\n  username: {}", "é".repeat(1000)));
    assert_eq!((long.chars().count(), long.chars().last()), (301, Some('…')));
}

#[test]
fn what_is_no_list_is_refused_with_its_line() {
    let line = |text: &str| match insert(Some(text), &entry()) {
        Err(AwsAuthError::NotYaml { line, message }) => (line, message),
        other => panic!("{text:?}: {other:?}"),
    };
    let cases = [
        ("- rolearn: a\n- rolearn: [\n", 2),
        ("- a: b\n\n  c: d: e\n", 3),
        ("- a: 1\n  b: 2\n  a: 3\n", 3),
        ("- a\n---\n- b\n", 3),
        ("- *a\n", 1),
        ("- a\n- b\u{0}\n", 2),
        ("# a\n- @\n", 2),
        ("- a\n# b\u{2028}- c\n", 2),
        ("# a\n\u{feff} -\n", 2),
    ];
    for (text, expected) in cases {
        let (line, message) = line(text);
        assert_eq!(line, expected, "{text:?}: {message}");
        assert!(!message.is_empty() && !message.contains("at line "), "{message}");
    }
    for (text, first_line) in
        [("# roles\n---\nrolearn: a\nb: c\n", "rolearn: a"), ("a", "a"), ("\"\" # a", "\"\" # a"), ("{}", "{}")]
    {
        let expected = AwsAuthError::NotAList { first_line: first_line.to_owned() };
        assert_eq!(insert(Some(text), &entry()), Err(expected.clone()));
        assert_eq!(remove(text, &entry()), Err(expected.clone()));
        assert_eq!(is_empty_list(Some(text)), Err(expected));
    }
}
