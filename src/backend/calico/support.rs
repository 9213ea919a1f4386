//! What each version of Calico takes: 3.29 (the first with tiers in the open-source edition) to 3.33.

use crate::backend::Spec;
use crate::backend::support::{Construct, refusal};

/// Tiers that Calico, its operator or Kubernetes' own policies hold, in any version.
pub(super) const RESERVED_TIERS: [&str; 7] = [
    "default",
    "kube-admin",
    "kube-baseline",
    "adminnetworkpolicy",
    "baselineadminnetworkpolicy",
    "calico-system",
    "allow-tigera",
];

/// The tier that holds the `default` block.
pub(super) const DEFAULT_TIER: &str = "vauban-default";

/// The order of the first tier: after the operator's tier (100), so that Calico's own pods live.
pub(super) const FIRST_TIER: u64 = 200;

/// The distance between two tiers.
pub(super) const TIER_STEP: u64 = 10;

/// The order of the tier of the `default` block, before Kubernetes' tiers (1000): no other tier comes between ours.
pub(super) const LAST_TIER: u64 = 900;

/// Entries of `ports` in a rule (a limit of 3.33; Felix splits longer lists anyway).
pub(super) const PORTS: usize = 50;

/// Entries of `nets` or `notNets` in a rule (a limit of 3.33); longer lists become sets, which Felix looks up at once
/// instead of one after the other, so this holds for all versions.
pub(super) const NETS: usize = 256;

/// Characters of a selector beyond which a union is said in another way, whatever the version takes: nobody could read it, and
/// each policy of a tier would change its closing record.
pub(super) const LEGIBLE: usize = 1024;

/// What differs between versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Support {
    /// Staged policies.
    pub(super) staged: bool,
    /// Characters of a selector.
    pub(super) selector: usize,
    /// Rules of a policy in a direction.
    pub(super) rules: usize,
}

impl Support {
    pub(super) fn of(spec: &Spec) -> Self {
        let limited = spec.at_least(3, 33);
        Support {
            staged: refusal(Construct::Staged, spec).is_none(),
            selector: if limited { 1024 } else { usize::MAX },
            rules: if limited { 1024 } else { usize::MAX },
        }
    }
}
