//! A smaller case that is wrong too. Fewer bytes, and bytes that are 0, make the choices that texts shrink to.

use std::time::{Duration, Instant};

/// How long is looked for one.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is wrong with the smallest case found, from `bytes`, with which `wrong` is wrong. `judge` says what is wrong
/// with other bytes, if anything is.
pub(super) fn shrunk(mut bytes: Vec<u8>, mut wrong: String, judge: impl Fn(&[u8]) -> Option<String>) -> String {
    let end = Instant::now() + PATIENCE;
    let mut size = bytes.len().next_power_of_two();
    while size > 0 && Instant::now() < end {
        let found = candidates(&bytes, size)
            .take_while(|_| Instant::now() < end)
            .find_map(|smaller| judge(&smaller).map(|wrong| (smaller, wrong)));
        match found {
            Some(smaller) => (bytes, wrong) = smaller,
            None => size /= 2,
        }
    }
    wrong
}

/// `bytes` with a run of `size` of them taken out, or made 0.
fn candidates(bytes: &[u8], size: usize) -> impl Iterator<Item = Vec<u8>> {
    let starts = || (0..bytes.len()).step_by(size).rev();
    let run = move |start: usize| start..(start + size).min(bytes.len());
    let without = starts().map(move |start| {
        let mut shorter = bytes.to_vec();
        shorter.drain(run(start));
        shorter
    });
    let with_zeros = starts().filter(move |start| bytes[run(*start)].iter().any(|byte| *byte != 0)).map(move |start| {
        let mut plainer = bytes.to_vec();
        plainer[run(start)].fill(0);
        plainer
    });
    without.chain(with_zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes_and_what_matters_stays() {
        let bytes: Vec<u8> = (0..200).collect();
        let judge = |bytes: &[u8]| (bytes.contains(&7) && bytes.contains(&150)).then(|| format!("{bytes:?}"));
        assert_eq!(shrunk(bytes, String::new(), judge), "[7, 150]");
    }
}
