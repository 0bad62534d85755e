//! Evaluates IAM policies with tools of other projects: a [`simulator`] that decides on requests, and a [`linter`].
//!
//! The test `controller` checks the policies of the Karpenter controller. The suite `security::execution_role` checks the
//! policies of the function.
//!
//! The first call installs the tools in the cache: the simulator from npm, which needs Node 20 or later, and the linter from
//! `PyPI`. Each package has a pinned version and a hash.

#![allow(clippy::unwrap_used, reason = "a panic is a test failure with its location")]

pub mod linter;
pub mod simulator;

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a script of the folder `tests`, which installs a tool, and returns the folder that it prints.
fn installed_by(script: &str) -> String {
    let script = Path::new(env!("KARPENTER_PREREQS_CHECKOUT")).join("tests").join(script);
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
