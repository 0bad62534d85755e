//! The local cloud: an AWS account and EKS clusters on one machine. It consists of real parts wherever one exists. The
//! crates of the sweep, the load, the demo, the benchmark and the suites use it.
//!
//! ```text
//!  the function, in MiniStack's Lambda ──► gateway ──► MiniStack  (IAM, STS, EC2, EKS, CloudFormation, S3)
//!        │                                                ▲  ▲
//!        │ token                                          │  └── tests, by the AWS SDK
//!        ▼                                                │
//!  kube-apiserver ──► aws-iam-authenticator ──► STS proxy ┘
//!        └─► etcd
//! ```
//!
//! [`cloud::Cloud`] is the whole cloud of one test. It has its own folder and its own ports, so that tests can run at the
//! same time. Its programs end with it, or with the test process, even if that is killed.
//!
//! | Module | Content |
//! |---|---|
//! | [`cloud`] | Combines the parts |
//! | [`cluster`] | Creates an EKS cluster with its control plane and node groups |
//! | [`node`] | A machine that joins a cluster |
//! | [`stack`] | Stacks of MiniStack's CloudFormation |
//! | [`deployment`] | The stack that users deploy |
//! | [`cloudformation`] | A strict CloudFormation engine of this project |
//! | [`scenario`] | One cloud, one cluster, one function: the base of most suites |
//! | [`world`], [`empty_account`] | Snapshots of an account and a cluster, and their restoration |
//! | [`execution_role`], [`template`] | The permissions of the function, from the template |
//! | [`cli`] | Runs the command-line program |
//! | [`ministack`], [`control_plane`], [`gateway`], [`lambda`] | One program or server each |
//! | [`process`], [`pki`], [`folder`], [`ports`], [`token`], [`tools`], [`error`] | Used by all of them |
//!
//! The local cloud does not use the function's code. Independent code judges what the function does.

pub mod cli;
pub mod cloud;
pub mod cloudformation;
pub mod cluster;
pub mod control_plane;
pub mod deployment;
pub mod empty_account;
pub mod error;
pub mod execution_role;
pub mod folder;
pub mod gateway;
pub mod lambda;
pub mod ministack;
pub mod node;
pub mod pki;
pub mod ports;
pub mod process;
pub mod scenario;
pub mod stack;
pub mod template;
pub mod token;
pub mod tools;
mod web_identity;
pub mod world;

pub use cloud::{Cloud, CloudOptions};
pub use cluster::{Cluster, ClusterOptions};
pub use deployment::Deployment;
pub use error::Error;
pub use stack::Stack;
