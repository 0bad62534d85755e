//! CloudFormation as a custom resource meets it: strict, and in every one of its moods.
//!
//! ```text
//!            Requests                events             bootstrap
//!  Stack ───────────────► Engine ───────────► Lambda ──────────────► the cloud
//!    ▲                      │  ▲                           │ PUT
//!    └──────── answers ─────┘  └────── Answers ◄───────────┘
//! ```
//!
//! [`Stack`] is the state machine: what a stack sends its custom resources, and what it makes of each answer. It does
//! no I/O, and its rules are those of AWS's documentation and of what people have seen (each is named where it stands):
//! `create`, `update` and `delete` hold one operation each. [`Engine`] drives it: it sends what the stack asks for
//! through the Runtime API to real processes, delivers again what was not answered, [judges](judge) the answers, and
//! has the gateway [show](shown) the stack's states to whoever describes them.
//!
//! Nothing here uses the function's code: its answers, ids and ownership are judged by other rules than its own.

mod clock;
mod create;
mod delete;
pub mod delivery;
pub mod engine;
mod judge;
pub mod request;
mod shown;
pub mod stack;
#[cfg(test)]
mod tests;
mod update;

pub use self::{
    delivery::{Delivered, Delivery},
    engine::Engine,
    request::{Kind, Request},
    stack::{Rollback, Stack, Template},
};
