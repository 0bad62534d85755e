//! What `Custom::KarpenterPrereqs` decides.
//!
//! The function serves one CloudFormation resource, and this crate is all of it that thinks: no AWS SDK, no
//! Kubernetes client, no async runtime and no clock is among its dependencies, so what stands here is a function of its
//! arguments. Reading order is the order of the data:
//!
//! ```text
//! event ──► spec ──► observed ──► plan ──► (apply) ──► answer
//! ```
//!
//! | Stage | Module | Takes → gives |
//! |---|---|---|
//! | the event | [`event`], [`response_url`] | JSON → envelope, then request |
//! | what is wanted | [`properties`], [`spec`], [`names`], [`karpenter`] | properties → [`spec::Spec`] |
//! | may it be asked for | [`bounds`] | spec → what is beyond the bounds of the function |
//! | whose it is | [`ownership`] | identity → generation, marks, owner |
//! | is it still wanted | [`overtaken`] | what CloudFormation shows → yes or no |
//! | the world | [`observed`] | data only; the function crate reads it |
//! | the documents | [`policy`] | trust and permissions |
//! | the way in | [`aws_auth`], [`config_map`] | text → edited text, and whose the edit is |
//! | what is missing | [`plan`] | spec and world → steps with their needs |
//! | the answer | [`answer`] | outcome → at most 4,096 bytes |
//!
//! What holds everywhere:
//!
//! - A plan is made whole or refused whole, before the first write; a refusal says what to do.
//! - Nothing is planned against an object that does not carry this stack's owner tag, or this generation's mark.
//! - A step has everything that its call takes: carrying it out leaves nothing to decide.
//! - Text of `mapRoles` changes by one insertion or removal, checked by a second parser.

pub mod answer;
pub mod aws_auth;
pub mod bounds;
pub mod config_map;
pub mod event;
pub mod karpenter;
pub mod names;
pub mod observed;
pub mod overtaken;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod properties;
pub mod response_url;
pub mod spec;
