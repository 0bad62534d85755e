//! Ports for programs that need a port number before they listen.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use crate::error::Error;

/// The range is below the ephemeral ports of Linux (from 32768), so that no outgoing connection takes a port between its
/// selection and the program's `listen`. It is above the fixed ports of aws-iam-authenticator (21362, 21363).
const FIRST: u16 = 22_000;
const COUNT: u16 = 10_000;

/// Returns a free port of 127.0.0.1. No other call in this process returns the same port.
///
/// # Errors
/// [`Error::Unusable`] if all ports of the range are taken.
pub fn free() -> Result<u16, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at the same time start at different offsets.
    let [.., high, low] = std::process::id().wrapping_mul(61).to_be_bytes();
    let offset = u16::from_be_bytes([high, low]) % COUNT;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (offset + step) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Unusable(format!(
        "no port from {FIRST} to {} of 127.0.0.1 is free. Stop the programs that listen there",
        FIRST + COUNT - 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_returns_different_unused_ports() {
        let first = free().unwrap();
        let second = free().unwrap();
        assert_ne!(first, second);
        TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    }
}
