//! The order of the cases: mixed, so that what is wrong with one operation, or under one fault, shows early; and a share
//! of them has something of all.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::course::Case;

/// The cases in an order that the seed tells. No two are the same fault of the same operation as long as there are
/// others.
#[must_use]
pub fn mixed(mut cases: Vec<Case>, seed: u64) -> Vec<Case> {
    cases.sort_by_cached_key(|case| Sha256::digest(format!("{seed} {}", case.id())));
    let mut pairs = BTreeSet::new();
    let (mut mixed, rest): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| pairs.insert((case.operation, case.fault)));
    mixed.extend(rest);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Fault, Operation, Target};

    fn cases() -> Vec<Case> {
        let operations = Operation::ALL.iter();
        let pairs = operations.flat_map(|operation| Fault::ALL.iter().map(move |fault| (*operation, *fault)));
        let of_pair =
            |(operation, fault)| Target::numbered(5).into_iter().map(move |target| Case { operation, target, fault });
        pairs.flat_map(of_pair).collect()
    }

    #[test]
    fn the_first_have_something_of_all_and_none_is_lost() {
        let pairs = Operation::ALL.len() * Fault::ALL.len();
        let (all, mixed) = (cases(), mixed(cases(), 7));
        let first: BTreeSet<_> = mixed[..pairs].iter().map(|case| (case.operation, case.fault)).collect();
        assert_eq!(first.len(), pairs);
        assert_eq!(mixed.iter().collect::<BTreeSet<_>>(), all.iter().collect());
    }

    #[test]
    fn the_seed_alone_tells_the_order() {
        assert_eq!(mixed(cases(), 7), mixed(cases().into_iter().rev().collect(), 7));
        assert_ne!(mixed(cases(), 7)[..20], mixed(cases(), 8)[..20]);
    }
}
