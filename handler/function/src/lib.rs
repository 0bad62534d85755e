//! The Lambda function behind `Custom::KarpenterPrereqs`: everything that is done.
//!
//! What to do is decided in `karpenter-prereqs-core`; this crate reads the world for it and carries its plans out.
//!
//! ```text
//!           Envelope        Spec          Observed        Plan
//! Lambda ──► handle ───────► observe ────► (core) ───────► apply ──► reply ──► S3
//!                            │  aws/ cluster                │ aws/ cluster
//! ```
//!
//! | Where | What |
//! |---|---|
//! | `handle` | the one orchestration, with deadline and panic guard |
//! | `observe/` | reads the world side by side |
//! | `apply/` | runs the plan along its needs |
//! | `aws/` | one file a service: the calls used, and the error codes that matter |
//! | `cluster` | token and client for the Kubernetes API |
//! | `reply` | the PUT to the presigned URL |
//! | `http` | the one HTTP client under `aws/`, `cluster` and `reply` |
//! | `preview` | what an event would do, and nothing of it done: for `karpenter-prereqs`, the program |
//! | `calls`, `log`, `metrics` | what a run tells of itself: each call, each step, and its figures |
//!
//! What holds everywhere: every request is answered; a call is retried for what time heals and for nothing else; no
//! credential, token or presigned query reaches a log line or a `Reason`.

mod apply;
mod aws;
mod budget;
mod calls;
mod cluster;
mod error;
mod error_chain;
mod guard;
mod handle;
pub mod http;
pub mod log;
mod metrics;
mod observe;
mod preview;
mod reply;

pub use error_chain::chain_after;
pub use handle::{Deployment, Function, Unanswered, handle};
pub use preview::{Part, Preview, Stage, preview, survey};
