//! What the function may do, and what it may never reveal.

pub(crate) mod execution_role;
mod secrets;
mod tls;
