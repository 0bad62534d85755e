//! Which entries are for the role, and which texts are rejected.

use super::{ARN, BLOCK, JSON, ends_in, entry, insert, is_empty_list, presence};
use crate::{AwsAuthError, MapRoles, Presence, Remark, remove};

#[test]
fn every_form_of_an_empty_list_is_read() {
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
fn entry_with_our_values_is_ours_in_every_form() {
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

/// The authenticator ignores unknown keys and the letter case of the ARN, and uses the last entry of a role.
#[test]
fn entry_that_authenticator_reads_as_ours_is_used_and_kept() {
    let cases = [
        BLOCK.replace("KarpenterNodeRole", "karpenternoderole"),
        BLOCK.replace("  - system:nodes", "  - system:nodes\n  - eks:kube-proxy-windows"),
        BLOCK.to_owned() + "\n  userid: AROA",
        BLOCK.to_owned() + "\n  RoleARN: b",
        BLOCK.replace("role/K", "role/\u{212a}"),
        format!("- rolearn: a\n{}", BLOCK.replace("- rolearn:", "  rolearn:")) + "\n  description: x",
    ];
    for text in cases {
        assert_eq!(presence(Some(&text), &entry()), Ok(Presence::Equal), "{text}");
        assert_eq!(insert(Some(&text), &entry()).as_ref(), Ok(&text));
        assert_eq!(remove(&text, &entry()).as_ref(), Ok(&text), "it is not ours");
    }
    let behind_conflict = format!("- {{rolearn: {ARN}}}\n- {JSON}\n");
    assert_eq!(presence(Some(&behind_conflict), &entry()), Ok(Presence::Equal));
}

/// The authenticator drops an entry with `sso`, and an entry whose ARN is a list.
#[test]
fn dropped_entry_does_not_count() {
    for text in [format!("- {{rolearn: {ARN}, sso: {{}}}}"), format!("- [{ARN}]"), format!("- {{rolearn: [{ARN}]}}")] {
        assert_eq!(presence(Some(&text), &entry()), Ok(Presence::Absent), "{text}");
    }
}

#[test]
fn entry_with_other_values_is_a_conflict() {
    let cases = [
        BLOCK.replace("system:nodes", "system:masters"),
        BLOCK.replace("system:node:", "admin:"),
        BLOCK.replace("username", "name"),
        BLOCK.replace("groups:\n  - system:bootstrappers\n  - system:nodes", "groups: system:nodes"),
        format!("- rolearn: {ARN}"),
        format!("- RoleARN: {}", ARN.to_uppercase()),
        format!("- {JSON}\n- {JSON}\n- {{rolearn: {ARN}}}\n"),
        format!("- &a {{rolearn: {ARN}}}\n"),
        format!("- &a {{x: {ARN}}}\n- <<: &b {{rolearn: {ARN}}}\n"),
        // The last of two equal keys counts, and a merge key behind others wins.
        format!("{BLOCK}\n  username: admin\n"),
        format!("- &b {{username: admin}}\n{BLOCK}\n  <<: *b\n"),
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
fn conflict_quotes_entry_on_one_line() {
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
fn text_that_authenticator_does_not_read_is_rejected_with_its_line() {
    let line = |text: &str| match insert(Some(text), &entry()) {
        Err(AwsAuthError::NotYaml { line, message }) => (line, message),
        other => panic!("{text:?}: {other:?}"),
    };
    let cases = [
        ("- rolearn: a\n- rolearn: [\n", 2),
        ("- a: b\n\n  c: d: e\n", 3),
        ("- *a\n", 1),
        ("- a\n- b\u{0}\n", 2),
        ("# a\n- @\n", 2),
        ("- a\n\t\n", 2),
        ("- a\n\t# b\n", 2),
        ("%YAML 1.2\n---\n- a\n", 1),
        ("- &a.b c\n", 1),
        ("- {\"a\": \"b\\/c\"}\n", 1),
        ("- a: .nan\n", 1),
        ("- ? [a]\n  : b\n", 1),
        ("- ~: a\n", 1),
        ("- a\n- !!int b\n", 2),
        ("- <<: a\n", 1),
        ("- &a [*a]\n", 1),
    ];
    for (text, expected) in cases {
        let (line, message) = line(text);
        assert_eq!(line, expected, "{text:?}: {message}");
        assert!(!message.is_empty() && !message.contains("at line "), "{message}");
    }
}

/// The authenticator reads the first document only, and the last of two equal keys.
#[test]
fn text_that_authenticator_reads_is_read() {
    for text in ["- a: 1\n  b: 2\n  a: 3\n", "- a\n---\n- b\n", "- a\n---\n[\n", "- yes\n- 0o7\n- !Sub x\n"] {
        assert_eq!(presence(Some(text), &entry()), Ok(Presence::Absent), "{text:?}");
    }
}

#[test]
fn other_value_than_a_list_is_rejected() {
    for (text, first_line) in
        [("# roles\n---\nrolearn: a\nb: c\n", "rolearn: a"), ("a", "a"), ("\"\" # a", "\"\" # a"), ("{}", "{}")]
    {
        let expected = AwsAuthError::NotAList { first_line: first_line.to_owned() };
        assert_eq!(insert(Some(text), &entry()), Err(expected.clone()));
        assert_eq!(remove(text, &entry()).as_deref(), Ok(text), "nothing of ours is in it");
        assert_eq!(is_empty_list(Some(text)), Err(expected));
    }
}

#[test]
fn remarks_say_what_the_authenticator_reads() {
    let remarks = |text: &str| MapRoles::read(Some(text), &entry()).unwrap().remarks();
    for text in [BLOCK, "- a\n...\n# the end\n", "--- # a\n- b\n...\n", "# ---\n", "- {rolearn: a}\n---\n# none\n", ""]
    {
        assert_eq!(remarks(text), [], "{text:?}");
    }
    let role_arn = || ARN.to_owned();
    let described = format!("- {{rolearn: a}}\n{BLOCK}\n  description: x\n");
    let described_remarks = remarks(&described);
    let [Remark::EquivalentEntry { quoted, .. }] = described_remarks.as_slice() else { panic!("{described}") };
    assert!(quoted.starts_with("rolearn: arn:aws:") && quoted.ends_with("description: x"), "{quoted}");
    assert_eq!(
        remarks(&format!("- {{rolearn: {ARN}}}\n{BLOCK}\n")),
        [Remark::EntryWithoutEffect { role_arn: role_arn(), quoted: format!("{{rolearn: {ARN}}}") }]
    );
    for (text, line) in [
        ("- a\n---\n- b\n", 2),
        ("- a\n...\n# c\n---\n- b\n", 4),
        ("[a]\n---\n[\n", 2),
        ("# none\n---\n---\n- a\n", 3),
        ("null\n---\n- b\n", 2),
    ] {
        assert_eq!(remarks(text), [Remark::SecondDocument { line }], "{text:?}");
    }
}

#[test]
fn entry_that_is_not_ours_is_reported_as_kept() {
    let kept = |text: &str| MapRoles::read(Some(text), &entry()).unwrap().kept_entry();
    assert_eq!(kept("- {rolearn: a}\n"), None);
    let other = format!("- {{rolearn: {ARN}}}\n");
    assert_eq!(
        kept(&other),
        Some(Remark::EntryKept { role_arn: ARN.to_owned(), quoted: format!("{{rolearn: {ARN}}}") })
    );
}
