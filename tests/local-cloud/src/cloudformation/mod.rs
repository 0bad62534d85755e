//! A strict simulation of CloudFormation for custom resources, with its corner cases: rollback, replacement, cancellation and
//! repeated delivery.
//!
//! ```text
//!            Requests                events             bootstrap
//!  Stack ───────────────► Engine ───────────► Lambda ──────────────► the cloud
//!    ▲                      │  ▲                           │ PUT
//!    └─────── responses ────┘  └── ResponseBucket ◄────────┘
//! ```
//!
//! [`Stack`] is the state machine: the requests that a stack sends to its custom resources, and the result of each response.
//! It does no I/O. Its rules come from AWS's documentation and from observed behaviour. The code names the source of each.
//! `create`, `update` and `delete` contain one operation each.
//!
//! [`Engine`] sends the requests through the Runtime API to real processes, delivers events again without a response, and
//! [checks](judge) the responses. The gateway [returns](describe) the stack's state to callers of `DescribeStacks`.
//!
//! [`Status`] returns any status of a stack, for tests without an engine.
//!
//! The simulation does not use the function's code. Independent rules judge the function's responses, ids and ownership.

mod clock;
mod create;
mod delete;
pub mod delivery;
mod describe;
pub mod engine;
mod judge;
pub mod request;
mod responses;
pub mod stack;
#[cfg(test)]
mod tests;
mod update;

pub use self::{
    delivery::{Delivered, Delivery},
    engine::Engine,
    request::{Kind, Request},
    responses::Status,
    stack::{Rollback, Stack, Template},
};
