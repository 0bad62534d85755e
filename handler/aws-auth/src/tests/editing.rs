//! Where the entry is inserted and removed, and that nothing else changes.

use super::{ARN, BLOCK, JSON, block, ends_in, entry, insert, presence};
use crate::{AwsAuthError, NodeEntry, Presence, remove};

/// `before` becomes `after`, and `after` without the entry is `removed`.
#[track_caller]
fn check_edit(before: Option<&str>, after: &str, removed: &str) {
    assert_eq!(presence(before, &entry()), Ok(Presence::Absent), "{before:?}");
    assert_eq!(insert(before, &entry()).as_deref(), Ok(after), "{before:?}");
    assert_eq!(presence(Some(after), &entry()), Ok(Presence::Equal), "{after:?}");
    assert_eq!(insert(Some(after), &entry()).as_deref(), Ok(after), "again");
    assert_eq!(remove(after, &entry()).as_deref(), Ok(removed), "{after:?}");
}

/// In `text`, `¶` marks the place where `inserted` is expected.
#[track_caller]
fn check(text: &str, inserted: &str) {
    let before = text.replace('¶', "");
    check_edit(Some(&before), &text.replace('¶', inserted), &before);
}

#[test]
fn entry_follows_everything_in_a_block_list() {
    let line = ends_in("\n");
    check("- rolearn: a\n¶", &line);
    check("- rolearn: a # why\n# the end\n\n¶", &line);
    check("---\n- rolearn: a\n¶...\n# the end", &line);
    check("%YAML 1.1\n--- !!seq\n- a\n¶", &line);
    check("- a\n¶---\n- b\n", &line);
    check("\u{feff}- rolearn: ä\n¶", &line);
    check("- username: |+\n    a\n\n¶", &line);
    check("- just text\n-\n- - nested\n- 1\n- sso: {x: y}\n¶", &line);
    check("- &a {rolearn: a}\n- *a\n- <<: *a\n  username: b\n¶", &line);
    check("- rolearn: a\r\n  username: b\r\n¶", &ends_in("\r\n"));
}

#[test]
fn text_without_final_newline_ends_without_one() {
    let line = format!("\n{BLOCK}");
    check("- rolearn: a¶", &line);
    check("- rolearn: a\n# the end¶", &line);
    check("- rolearn: a\n  ¶", &line);
    check("- username: |\n    a\n# the end¶", &line);
    check("- rolearn: a\r\n  username: b¶", &line.replace('\n', "\r\n"));
}

/// libyaml reads `a` here, and `a` with a newline if a newline follows. The authenticator's parser is a port of it.
#[test]
fn block_scalar_at_the_end_keeps_its_value() {
    let line = ends_in("\n");
    for scalar in ["|\n    a", "|+\n    a", ">\n    a", "|-\n    a", "|+\n    a\n  ", "|2\n    a", "|"] {
        check(&format!("# all\n¶- username: {scalar}"), &line);
        check(&format!("¶- rolearn: a\n- username: {scalar}"), &line);
    }
    check("\u{feff}¶- |\n  a", &line);
    check("---\n  # all\n¶  - |\n    a", &(block("  ") + "\n"));
}

#[test]
fn entry_is_indented_as_the_others() {
    check("  - rolearn: a\n¶", &(block("  ") + "\n"));
    check(
        "-   rolearn: a\n    groups:\n      - b\n¶",
        &format!(
            "-   rolearn: {ARN}\n    username: {}\n    groups:\n      - system:bootstrappers\n      \
             - system:nodes\n",
            NodeEntry::username()
        ),
    );
    check("-\n    rolearn: a\n    groups: [b]\n¶", &ends_in("\n"));
    check("- groups:\n    - a\n¶", &ends_in("\n").replace("  - ", "    - "));
}

#[test]
fn flow_list_gets_a_json_object() {
    let compact = JSON.replace(": ", ":").replace(", ", ",");
    check(r#"[{"rolearn":"a","groups":["b"]}¶]"#, &format!(",{compact}"));
    check(r#"[{"rolearn": "a"}¶]"#, &format!(", {JSON}"));
    check(r#"[{},{a,b: c},{"rolearn":"a"}¶]"#, &format!(", {JSON}"));
    check(r#"[{},{a,"b":c},{"rolearn":"a"}¶]"#, &format!(",{compact}"));
    check("[¶]\n", JSON);
    check("[¶ ]", JSON);
    check("# none\n---\n[¶ # yet\n]\n...\n", JSON);
    check("[{rolearn: a},¶]", &format!(" {JSON},"));
    check("[\n  {rolearn: a},\n  {rolearn: b}¶\n]\n", &format!(",\n  {JSON}"));
    check("[\r\n\t{rolearn: a}¶\r\n]\r\n", &format!(",\r\n\t{JSON}"));
    check("[\n  {rolearn: a} # b\n  # c¶\n]\n", &format!("\n  , {JSON}"));
    check("[\n  {rolearn: a}, # b¶\n]\n", &format!("\n  {JSON},"));
    check("[a:¶ ]", &format!(" , {JSON}"));
    check("[*a¶]".replace("*a", "&a x, *a").as_str(), &format!(" , {JSON}"));
}

#[test]
fn empty_list_is_filled_and_emptied() {
    let line = ends_in("\n");
    for text in ["", "\n", "  \n \n", "# none\n", "---\n", "--- # none\n# yet\n"] {
        check(&format!("{text}¶"), &line);
    }
    for text in [" ", "# none", "---", "\u{feff}"] {
        check(&format!("{text}¶"), &format!("\n{BLOCK}"));
    }
    check("# none\n---\n¶...\n", &line);
    check("# none\r\n¶", &ends_in("\r\n"));
}

/// The caller records these values, and restores them.
#[test]
fn explicit_empty_value_is_replaced() {
    let line = ends_in("\n");
    check_edit(None, &line, "");
    for text in ["``", "\"\"", "''\n", "\t\n", " `` ", "null\n", "~\n\t"] {
        check_edit(Some(text), &line, "");
    }
    check_edit(Some("\"\"\r\n"), &ends_in("\r\n"), "");
    check_edit(Some("null # yet"), &format!("[{JSON}] # yet"), "[] # yet");
    check_edit(Some("~\n#\ta tab\t\n"), &format!("[{JSON}]\n#\ta tab\t\n"), "[]\n#\ta tab\t\n");
    check_edit(Some("# none\n--- ~ # yet\n"), &format!("# none\n--- [{JSON}] # yet\n"), "# none\n--- [] # yet\n");
}

/// The entry belongs to the writer who changed it.
#[test]
fn changed_entry_is_not_removed() {
    let changed = BLOCK.replace("system:nodes", "system:masters") + "\n";
    assert_eq!(remove(&changed, &entry()).as_ref(), Ok(&changed));
    let both = format!("{changed}{BLOCK}");
    assert_eq!(remove(&both, &entry()).as_deref(), Ok(changed.trim_end()));
}

#[test]
fn entry_is_removed_from_where_others_moved_it() {
    let cases = [
        (format!("# a\n{BLOCK} # ours\n\n# b\n- b\n"), "# a\n\n# b\n- b\n"),
        (format!("- a: |+\n    b\n{BLOCK}"), "- a: |+\n    b\n"),
        (format!("- a: |\n    b\n{BLOCK}\n- c"), "- a: |\n    b\n- c"),
        (format!("[{JSON}, a]"), "[a]"),
        (format!("[a , {JSON} ]"), "[a ]"),
        (format!("[\n  {JSON}, # ours\n  a\n]"), "[\n  # ours\n  a\n]"),
        (format!("[{JSON},]"), "[]"),
        (format!("[a, # b\n {JSON}]"), "[a, # b\n ]"),
        (format!("[a, {JSON}, {JSON}]"), "[a]"),
        (format!("{BLOCK}\n{BLOCK}\n- a\n{BLOCK}"), "- a"),
        (format!("[a, {JSON}, b, {JSON}]"), "[a, b]"),
    ];
    for (text, without) in cases {
        assert_eq!(remove(&text, &entry()).as_deref(), Ok(without), "{text}");
    }
}

/// libyaml reads no `...` without a value or a `---` before it. No parser reads a tag `!!seq` without a value.
#[test]
fn empty_list_is_left_where_no_value_would_not_be_read() {
    let cases = [
        (format!("# a\n{BLOCK}\n...\n# b\n"), "# a\n[]\n...\n# b\n"),
        (format!("{BLOCK} # ours\n{BLOCK}\n...\n"), "[]\n...\n"),
        (format!("--- !!seq\n{BLOCK}"), "--- !!seq\n[]"),
        (format!("--- !!seq\r\n{}# a", ends_in("\r\n")), "--- !!seq\r\n[]\r\n# a"),
        (format!("---\n{BLOCK}\n...\n"), "---\n...\n"),
        (format!("&a\n{BLOCK}\n...\n"), "&a\n...\n"),
    ];
    for (text, without) in cases {
        assert_eq!(remove(&text, &entry()).as_deref(), Ok(without), "{text}");
    }
}

#[test]
fn edit_that_would_change_more_than_the_entry_is_rejected() {
    let is_refused = |edit: Result<String, AwsAuthError>| matches!(edit, Err(AwsAuthError::GuardFailed { .. }));
    let aliased = format!("- &ours {JSON}\n- [*ours]\n");
    assert!(is_refused(remove(&aliased, &entry())));
    assert!(is_refused(insert(Some("!!null ~"), &entry())));
    // The authenticator's parser reads this tab behind a plain scalar, and not behind a list.
    assert!(is_refused(insert(Some("# none\n~\n\t\n"), &entry())));
    assert!(is_refused(insert(Some("- a\n"), &NodeEntry::new("arn: # no ARN"))));
}

#[test]
fn nesting_is_bounded() {
    for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000)] {
        assert!(matches!(insert(Some(&text), &entry()), Err(AwsAuthError::NotYaml { .. })));
    }
    let text = format!("{}{}\n", "[".repeat(60), "]".repeat(60));
    assert!(insert(Some(&text), &entry()).is_ok());
}

/// The insertion at the end could not be undone: the parsers read the block scalar before it differently without it.
#[test]
fn insertion_that_cannot_be_undone_is_not_made() {
    let text = "  - rolearn: arn:aws:iam::111122223333:role/b\n    groups: [g]\n    username:\n      >-\n      b\n";
    let inserted = insert(Some(text), &entry()).unwrap();
    assert_eq!(remove(&inserted, &entry()).as_deref(), Ok(text), "{inserted}");
    let behind = format!("{text}  - rolearn: c\n");
    let inserted = insert(Some(&behind), &entry()).unwrap();
    assert_eq!(remove(&inserted, &entry()).as_deref(), Ok(&*behind), "{inserted}");
}

/// The authenticator does not read the tab. Our entry is removed nevertheless, because the other parser reads it.
#[test]
fn entry_is_removed_from_list_that_authenticator_does_not_read() {
    let text = format!("- a\n{BLOCK}\n\t\n");
    assert!(insert(Some(&text), &entry()).is_err());
    assert_eq!(remove(&text, &entry()).as_deref(), Ok("- a\n\t\n"));
    assert_eq!(remove("- [\n", &entry()).as_deref(), Ok("- [\n"), "no entry of ours");
    assert!(remove(&format!("- [\n{BLOCK}"), &entry()).is_err());
}
