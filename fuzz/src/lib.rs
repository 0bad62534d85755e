//! Cases by the million for what reads other people's text, and judges that have no part in the handler.
//!
//! [`aws_auth`] makes texts of `mapRoles`, [`event`] events, [`spec`] properties: each is a [`target::Target`], a
//! function of bytes. Three drive it:
//!
//! - `make fuzz`: [`run`] draws the bytes from a seed, on all cores, and shrinks a case that fails;
//! - `make test`: a share of the same cases, in `tests/share.rs`;
//! - libFuzzer, which grows bytes by what code they reach: the crate in `guided/`.

pub mod aws_auth;
pub mod choices;
pub mod event;
pub mod run;
pub mod spec;
pub mod target;
