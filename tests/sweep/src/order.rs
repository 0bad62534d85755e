//! The order of the cases. It is shuffled, so that the problems of an operation or of a fault show early, and a part of the
//! cases covers everything.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::trace::Case;

/// Returns the cases in an order that depends on the seed. The first cases have each pair of operation and fault once.
#[must_use]
pub fn shuffled(mut cases: Vec<Case>, seed: u64) -> Vec<Case> {
    cases.sort_by_cached_key(|case| Sha256::digest(format!("{seed} {}", case.id())));
    let mut pairs = BTreeSet::new();
    let (mut shuffled, rest): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| pairs.insert((case.operation, case.fault)));
    shuffled.extend(rest);
    shuffled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Operation, Target};

    fn cases() -> Vec<Case> {
        let operations = Operation::ALL.iter();
        let pairs = operations.flat_map(|operation| Fault::ALL.iter().map(move |fault| (*operation, *fault)));
        let of_pair =
            |(operation, fault)| Target::numbered(5).into_iter().map(move |target| Case { operation, target, fault });
        pairs.flat_map(of_pair).collect()
    }

    #[test]
    fn first_cases_cover_all_pairs_and_none_is_lost() {
        let pairs = Operation::ALL.len() * Fault::ALL.len();
        let (all, shuffled) = (cases(), shuffled(cases(), 7));
        let first: BTreeSet<_> = shuffled[..pairs].iter().map(|case| (case.operation, case.fault)).collect();
        assert_eq!(first.len(), pairs);
        assert_eq!(shuffled.iter().collect::<BTreeSet<_>>(), all.iter().collect());
    }

    #[test]
    fn order_depends_only_on_the_seed() {
        assert_eq!(shuffled(cases(), 7), shuffled(cases().into_iter().rev().collect(), 7));
        assert_ne!(shuffled(cases(), 7)[..20], shuffled(cases(), 8)[..20]);
    }
}
