//! The local cloud: an AWS account and EKS clusters on one machine, of real parts wherever one
//! exists, for the suites and for people.
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
//! [`cloud::Cloud`] is all of it for one test, in a folder of its own and on ports of its own, so
//! that tests run side by side. Whatever it starts ends with it, or with the test process, however
//! that ends. Code map: [`cloud`] puts the parts together, [`cluster`] makes an EKS cluster with its
//! control plane and node groups, [`node`] is a machine that joins it, [`stack`] drives
//! `MiniStack`'s CloudFormation, [`deployment`] the stack that users deploy; [`cloudformation`] is
//! our own, strict one; [`execution_role`] is what the function may do, of the [`template`]; and [`sweep`] fails each call of
//! its operations; [`karpenter`] is the real one; [`cli`] runs the program that people run; [`load`] is many resources at
//! once; below them are [`ministack`], [`control_plane`], [`gateway`] and [`lambda`], each one program or server;
//! [`process`], [`pki`], [`folder`] and [`tools`] serve those.
//!
//! Nothing here uses the function's code: what it does is judged by other code than its own.

pub mod bare;
pub mod cli;
pub mod cloud;
pub mod cloudformation;
pub mod cluster;
pub mod control_plane;
pub mod deployment;
pub mod error;
pub mod execution_role;
pub mod folder;
pub mod gateway;
pub mod karpenter;
pub mod lambda;
pub mod load;
pub mod ministack;
pub mod node;
pub mod pki;
pub mod ports;
pub mod process;
pub mod scenario;
pub mod stack;
pub mod sweep;
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
