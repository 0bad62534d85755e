//! The decisions of the resource `Custom::KarpenterPrereqs`, without any input or output.
//!
//! The function serves one CloudFormation resource, and this crate computes what the function does. The crate depends on no AWS
//! SDK, no Kubernetes client and no async runtime, and it never reads the clock. Each result depends on the arguments alone. Read
//! the modules in the order of the data:
//!
//! ```text
//! request ──► desired ──► observed ──► plan ──► (apply) ──► response
//! ```
//!
//! | Stage | Module | Input → output |
//! |---|---|---|
//! | Read the event | [`request::event`], [`request::response_url`] | JSON → envelope, then request |
//! | Check whether the event is still wanted | [`request::stack_status`] | what CloudFormation shows → verdict |
//! | Read the properties | [`desired::properties`], [`desired::spec`] | properties → [`desired::spec::Spec`] |
//! | Identify the owner | [`identity::ownership`] | identity → generation, markers, owner |
//! | Represent the account | [`observed`] | data only. The function crate reads it |
//! | Write documents | [`documents::policy`], [`mod@aws_auth`], [`documents::config_map`] | policies; text → edited text |
//! | Check the bounds of the function | [`plan::bounds`] | spec → problems |
//! | Plan | [`plan`] | spec and snapshot → steps with their dependencies |
//! | Respond | [`response`] | outcome → at most 4,096 bytes |
//!
//! Rules for all modules:
//!
//! - All problems are found before the first write, and each has a remedy. A plan with a problem is not carried out.
//! - An existing role or instance profile is used only if the stack created it, if it has this generation's marker, or if the
//!   properties allow adopting it.
//! - A step contains all parameters of its call. Three steps on tags read the tags first: see [`plan::Ec2Step`].
//! - Each edit of the text of `mapRoles` is one insertion or one removal. A second parser checks it.

pub mod desired;
pub mod documents;
pub mod identity;
pub mod observed;
pub mod plan;
pub mod request;
pub mod response;
