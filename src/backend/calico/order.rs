//! Orders of tiers and policies.
//!
//! The order of a policy depends on its own name and its depth under `after`, so that a policy more or less moves no other:
//! `depth * 2^20 + 20 bits of its name`. Where two names have the same bits, the next free number goes to the later name. Any
//! linear extension of `after` decides the same (policies that it leaves unordered agree), so the bits may fall as they like.

use crate::backend::metadata::fingerprint;

/// Numbers of a depth.
const BAND: u64 = 1 << 20;

/// Numbers at the end of a band that no name begins at: room for neighbours and for the further parts of a split policy.
const ROOM: u64 = 1 << 12;

/// Deeper chains of `after` would reach the closing logs.
pub(super) const DEPTHS: u32 = 1 << 16;

/// Where the policies that close a tier begin: behind every other.
const CLOSING: u64 = 1 << 40;

/// What gets orders: the parts of one policy, consecutive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Claim {
    pub(super) band: Band,
    /// The name of the (first) object.
    pub(super) name: String,
    pub(super) parts: u64,
}

/// Where in a tier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Band {
    /// A policy of this depth.
    Depth(u32),
    /// The record of what the tier's end denies.
    Closing,
}

impl Band {
    fn start(self) -> u64 {
        match self {
            Band::Depth(depth) => u64::from(depth) * BAND,
            Band::Closing => CLOSING,
        }
    }
}

/// The first order of each claim, in the claims' order; the parts follow. Unique within the tier, and the same whatever the order of the claims.
pub(super) fn allot(claims: &[Claim]) -> Vec<u64> {
    let mut by_name: Vec<usize> = (0..claims.len()).collect();
    by_name.sort_by_key(|at| &claims[*at]);
    let mut taken: std::collections::BTreeSet<u64> = std::collections::BTreeSet::new();
    let mut orders = vec![0; claims.len()];
    for at in by_name {
        let claim = &claims[at];
        let (start, end) = (claim.band.start(), claim.band.start() + BAND);
        let mut order = start + fingerprint(&claim.name) % (BAND - ROOM);
        let mut wrapped = false;
        while let Some(used) = taken.range(order..order + claim.parts).next_back() {
            order = used + 1;
            if order + claim.parts > end && !wrapped {
                order = start;
                wrapped = true;
            }
        }
        taken.extend(order..order + claim.parts);
        orders[at] = order;
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(depth: u32, name: &str, parts: u64) -> Claim {
        Claim {
            band: Band::Depth(depth),
            name: name.to_owned(),
            parts,
        }
    }

    #[test]
    fn orders_are_unique_and_follow_the_depth() {
        let claims: Vec<Claim> = (0..30_000)
            .map(|n| claim(n % 3, &format!("policy-{n}"), u64::from(n % 2 + 1)))
            .collect();
        let orders = allot(&claims);
        let mut all: Vec<u64> = claims
            .iter()
            .zip(&orders)
            .flat_map(|(claim, order)| *order..*order + claim.parts)
            .collect();
        for (claim, order) in claims.iter().zip(&orders) {
            assert_eq!(Band::Depth((order / BAND) as u32), claim.band);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 45_000);
    }

    #[test]
    fn another_policy_moves_none() {
        let few = [claim(0, "a", 1), claim(0, "b", 1)];
        let more = [
            claim(0, "zz", 1),
            claim(0, "b", 1),
            claim(1, "c", 1),
            claim(0, "a", 1),
        ];
        let (few, more) = (allot(&few), allot(&more));
        assert_eq!((few[0], few[1]), (more[3], more[1]));
    }
}
