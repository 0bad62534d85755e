//! `docs/guarantees.md` names suites, and what it names is there.

use std::path::Path;

/// Every suite that the page names as a proof is a file of this folder.
#[test]
fn every_suite_that_the_guarantees_name_exists() {
    let root = local_cloud::tools::checkout();
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let proofs = page.lines().filter(|line| line.starts_with("| **")).filter_map(|line| line.split(" | ").nth(1));
    let named: Vec<_> = proofs.flat_map(|proof| proof.split('`').skip(1).step_by(2)).collect();
    assert!(20 < named.len(), "{named:?}");
    let suites = root.join("tests/suites");
    let core = root.join("handler/core/tests");
    for name in named {
        let path = name.replace("::", "/");
        let is_there = suites.join(format!("{path}.rs")).exists()
            || suites.join(&path).join("mod.rs").exists()
            || core.join(&path).join("main.rs").exists()
            || root.join(name).exists()
            || is_target(root, name);
        assert!(is_there, "docs/guarantees.md names `{name}`, and there is no such suite");
    }
}

/// Whether it is `make` and a target of the Makefile.
fn is_target(root: &Path, name: &str) -> bool {
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap();
    name.strip_prefix("make ")
        .is_some_and(|target| makefile.lines().any(|line| line.starts_with(&format!("{target}:"))))
}
