//! The Lambda function behind `Custom::KarpenterPrereqs`: everything that is done.
//!
//! `karpenter-prereqs-core` decides what to do. This crate reads the account for it and carries its plans out.
//!
//! ```text
//!            Envelope          Spec           Observed         Plan
//! Lambda ──► lifecycle ──────► observe ─────► (core) ────────► apply ──► respond ──► S3
//!                              │ clients                       │ clients
//! ```
//!
//! | Where | What |
//! |---|---|
//! | `lifecycle/` | one event: its stages, the panic guard, and whether CloudFormation still wants it; the same event as a preview |
//! | `observe/` | reads the account, one file for each kind of object |
//! | `apply/` | carries a plan out along its dependencies, one file for each service |
//! | `respond` | the PUT to the presigned URL |
//! | `clients/` | `aws/`, one file for each service; `kubernetes/`; the HTTP client that both use |
//! | `retry/` | the deadlines of a run, and which errors are retried |
//! | `telemetry/` | the log, its lines about calls, and the metrics |
//! | `error/` | why a run failed, in the words of the stack event |
//!
//! These hold everywhere: every request gets a response; an error that no rule of `retry/` names is final; no credential, token or
//! presigned query reaches a log line or a `Reason`.

mod apply;
mod clients;
mod error;
mod lifecycle;
mod observe;
mod respond;
mod retry;
mod telemetry;

pub use clients::http;
pub use error::chain::chain_after;
pub use lifecycle::{Deployment, Function, Part, PlannedStage, Preview, Unanswered, handle, preview, survey};
pub use telemetry::{event, log};
