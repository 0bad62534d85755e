//! What is proved on the local cloud.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, also in what tests share")]
#![allow(clippy::print_stdout, reason = "a long run says how far it is")]

mod aws_auth;
mod cdk;
mod cli;
mod cloudformation;
mod convergence;
mod end_to_end;
mod execution_role;
mod gateway;
mod generations;
mod guarantees;
mod karpenter;
mod lifecycle;
mod load;
mod local_cloud;
mod overtaken;
mod preflight;
mod properties;
mod protocol;
mod rollout;
mod secrets;
mod seeded;
mod sequences;
mod sweep;
mod tls;
