//! What `Custom::KarpenterPrereqs` decides.
//!
//! The function serves one CloudFormation resource, and this crate is all of it that thinks: no AWS SDK, no
//! Kubernetes client and no async runtime is among its dependencies, and it never reads the clock. Each result is a function
//! of the arguments. Reading order is the order of the data:
//!
//! ```text
//! request ──► desired ──► observed ──► plan ──► (apply) ──► response
//! ```
//!
//! | Stage | Module | Takes → gives |
//! |---|---|---|
//! | the request | [`request::event`], [`request::response_url`] | JSON → envelope, then request |
//! | is it still wanted | [`request::stack_status`] | what CloudFormation shows → yes or no |
//! | what is wanted | [`desired::properties`], [`desired::spec`] | properties → [`desired::spec::Spec`] |
//! | whose it is | [`identity::ownership`] | identity → generation, markers, owner |
//! | the world | [`observed`] | data only; the function crate reads it |
//! | the documents | [`documents::policy`], [`documents::aws_auth`], [`documents::config_map`] | policies; text → edited text |
//! | may it be asked for | [`plan::bounds`] | spec → what is beyond the bounds of the function |
//! | what is missing | [`plan`] | spec and world → steps with their needs |
//! | the response | [`response`] | outcome → at most 4,096 bytes |
//!
//! What holds everywhere:
//!
//! - A plan is made whole or refused whole, before the first write; a refusal says what to do.
//! - Nothing is planned against an object that does not carry this stack's owner tag, or this generation's marker.
//! - A step has everything that its call takes: carrying it out leaves nothing to decide.
//! - Text of `mapRoles` changes by one insertion or removal, checked by a second parser.

pub mod desired;
pub mod documents;
pub mod identity;
pub mod observed;
pub mod plan;
pub mod request;
pub mod response;
