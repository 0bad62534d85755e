//! The Lambda function behind `Custom::KarpenterPrereqs`: all reads and writes.
//!
//! The crate `karpenter-prereqs-core` decides what to do. This crate reads the account for it, and carries out its plans.
//!
//! ```text
//!            Envelope          Spec           Observed         Plan
//! Lambda ──► lifecycle ──────► observe ─────► (core) ────────► apply ──► respond ──► S3
//!                              │ clients                       │ clients
//! ```
//!
//! | Where | What |
//! |---|---|
//! | `lifecycle/` | One event: its stages, the deadline and panic guard, the query of the stack status. The same event as a preview |
//! | `observe/` | Takes a snapshot of the account, with one file for each kind of object |
//! | `apply/` | Carries out a plan along its dependencies, with one file for each service |
//! | `respond` | The PUT to the presigned URL |
//! | `clients/` | `aws/` with one file for each service, `kubernetes/`, and the HTTP client that both use |
//! | `retry/` | The deadlines of a run, and which errors are retried |
//! | `telemetry/` | The log, its lines for programs, and the metrics |
//! | `error/` | Why a run fails, in the words of the stack event |
//!
//! Three rules hold in the whole crate:
//!
//! - Every request gets a response.
//! - An error that no rule of `retry/` names is final.
//! - No credential, token or query of a presigned URL is written to a log line or a `Reason`.

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
pub use lifecycle::{Deployment, Function, NoResponse, Part, PlannedStage, Preview, Survey, handle, preview, survey};
pub use telemetry::{event, log};
