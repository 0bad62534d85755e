//! Random cases for the code that reads texts of others, and judges that use nothing of the handler.
//!
//! [`aws_auth`] generates texts of `mapRoles`, [`event`] events, and [`spec`] properties. Each of them is a [`target::Target`],
//! whose cases are functions of bytes. Three programs provide the bytes:
//!
//! - `make fuzz`: [`run`] generates the bytes from a seed, on all cores, and shrinks a case that fails.
//! - `make test`: `tests/smoke.rs` runs some of the same cases.
//! - `make fuzz-guided`: libFuzzer prefers bytes that reach new code. Its crate is in `guided/`.

pub mod aws_auth;
pub mod choices;
pub mod event;
pub mod run;
pub mod spec;
pub mod target;
