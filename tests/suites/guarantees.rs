//! Checks that the tests which `docs/guarantees.md` names exist.

use std::path::Path;

/// Every name in the column Tests is a suite, a test of the core crate, a file of the repository or a Makefile target.
#[test]
fn suites_named_in_guarantees_exist() {
    let root = local_cloud::tools::checkout();
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let cells = page.lines().filter(|line| line.starts_with("| **")).filter_map(|line| line.split(" | ").nth(1));
    let named: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(20 < named.len(), "{named:?}");
    let suites = root.join("tests/suites");
    let core = root.join("handler/core/tests");
    for name in named {
        let path = name.replace("::", "/");
        let exists = suites.join(format!("{path}.rs")).exists()
            || suites.join(&path).join("mod.rs").exists()
            || core.join(&path).join("main.rs").exists()
            || root.join(name).exists()
            || is_target(root, name);
        assert!(exists, "docs/guarantees.md names `{name}`, but no such test exists");
    }
}

/// Returns whether `name` is `make` followed by a target of the Makefile.
fn is_target(root: &Path, name: &str) -> bool {
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    name.strip_prefix("make ")
        .is_some_and(|target| makefile.lines().any(|line| line.starts_with(&format!("{target}:"))))
}
