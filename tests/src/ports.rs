//! Ports for programs that must be told theirs before they listen.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use crate::error::Error;

/// Below the range from which Linux gives ports to outgoing connections (32768 up), so that none of
/// those takes a port between its choice here and the program's `listen`; above the fixed ports of
/// aws-iam-authenticator (21362, 21363).
const FIRST: u16 = 22_000;
const COUNT: u16 = 10_000;

/// A port of 127.0.0.1 that is free, and that no other call in this process has got.
///
/// # Errors
/// [`Error::Unusable`] if all of the range is taken.
pub fn free() -> Result<u16, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at the same time begin far from each other.
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
        "no port from {FIRST} to {} of 127.0.0.1 is free; end what listens there",
        FIRST + COUNT - 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_and_given_once() {
        let first = free().unwrap();
        let second = free().unwrap();
        assert_ne!(first, second);
        TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    }
}
