//! The suites: tests that run the real `bootstrap` program on the local cloud.
//!
//! Each module is a suite, except `program` and `seeded`, which several suites share. `docs/internals/testing.md` maps questions
//! to suites.

#![allow(clippy::unwrap_used, reason = "a panic is a test failure with its location, also in shared helpers")]
#![allow(clippy::print_stdout, reason = "a long run prints its progress")]

mod aws_auth;
mod cli;
mod cloudformation;
mod deployment;
mod generations;
mod karpenter;
mod lifecycle;
mod load;
mod local_cloud;
mod preflight;
mod program;
mod properties;
mod protocol;
mod reconciliation;
mod security;
mod seeded;
mod sequences;
mod still_wanted;
mod sweep;
