//! Finds a smaller case with a violation. Generators make simpler cases from fewer bytes, and from bytes that are 0.

use std::time::{Duration, Instant};

/// The maximum duration of the search.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Returns the violation of the smallest case that is found, starting with `bytes` and their `violation`. `judge` returns the
/// violation of other bytes, if there is one.
pub(super) fn shrink(mut bytes: Vec<u8>, mut violation: String, judge: impl Fn(&[u8]) -> Option<String>) -> String {
    let end = Instant::now() + TIME_LIMIT;
    let mut size = bytes.len().next_power_of_two();
    while size > 0 && Instant::now() < end {
        let found = candidates(&bytes, size)
            .take_while(|_| Instant::now() < end)
            .find_map(|smaller| judge(&smaller).map(|violation| (smaller, violation)));
        match found {
            Some(smaller) => (bytes, violation) = smaller,
            None => size /= 2,
        }
    }
    violation
}

/// Returns `bytes` without a range of `size` of them, and with such a range set to 0, for every range.
fn candidates(bytes: &[u8], size: usize) -> impl Iterator<Item = Vec<u8>> {
    let starts = || (0..bytes.len()).step_by(size).rev();
    let range = move |start: usize| start..(start + size).min(bytes.len());
    let without = starts().map(move |start| {
        let mut shorter = bytes.to_vec();
        shorter.drain(range(start));
        shorter
    });
    let with_zeros =
        starts().filter(move |start| bytes[range(*start)].iter().any(|byte| *byte != 0)).map(move |start| {
            let mut simpler = bytes.to_vec();
            simpler[range(start)].fill(0);
            simpler
        });
    without.chain(with_zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrink_keeps_only_bytes_that_matter() {
        let bytes: Vec<u8> = (0..200).collect();
        let judge = |bytes: &[u8]| (bytes.contains(&7) && bytes.contains(&150)).then(|| format!("{bytes:?}"));
        assert_eq!(shrink(bytes, String::new(), judge), "[7, 150]");
    }
}
