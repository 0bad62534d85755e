//! What is proved on the local cloud.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, also in what tests share")]

mod aws_auth;
mod convergence;
mod end_to_end;
mod gateway;
mod generations;
mod lifecycle;
mod local_cloud;
mod overtaken;
mod preflight;
mod protocol;
mod secrets;
mod tls;
