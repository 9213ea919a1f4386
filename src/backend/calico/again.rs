//! The objects of some policies, written again beside those of all others.
//!
//! An object says what its own policy says, but for two things: its order, which depends on the names of all objects of its tier and on how many parts they
//! have; and the sets of networks, which several policies may use. Both are noted, and what changes one of them is not written again but as a whole.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::order::Claim;
use super::policy::{self, Group, Source};
use super::rules::Sets;
use super::support::{self, Support};
use super::{Context, Draft};
use crate::backend::{Object, Spec};
use crate::model::{Otherwise, Policy, Program};

/// What of the objects of a program depends on more than one policy.
#[derive(Clone, Debug, Default)]
pub struct Emitted {
    /// The claims of each policy and the orders that were given to them, by tier and by the name that its objects begin with.
    orders: FxHashMap<(SmolStr, SmolStr), (Vec<Claim>, Vec<u64>)>,
    /// Those whose objects use a set of networks.
    users: FxHashSet<(SmolStr, SmolStr)>,
}

fn key(source: &Source<'_>) -> (SmolStr, SmolStr) {
    (source.tier.clone(), source.base.clone())
}

impl Emitted {
    /// Notes what one source claims and uses.
    pub(super) fn note(&mut self, source: &Source<'_>, built: &[Group], used: &Sets) {
        let claims = built.iter().map(|group| group.claim.clone()).collect();
        self.orders.insert(key(source), (claims, Vec::new()));
        if !used.is_empty() {
            self.users.insert(key(source));
        }
    }

    /// Notes the order of the next group of a source.
    pub(super) fn note_order(&mut self, source: &Source<'_>, first: u64) {
        if let Some((_, orders)) = self.orders.get_mut(&key(source)) {
            orders.push(first);
        }
    }

    /// The objects of policies that have changed, given as they were and as they are. `None` if other objects change with them, if the target does not
    /// take them, or if there is something to be said of them.
    pub fn again(
        &self,
        program: &Program,
        spec: &Spec,
        changed: &[(&Policy, &Policy)],
    ) -> Option<Vec<Object>> {
        let context = Context {
            program,
            spec,
            support: Support::of(spec),
        };
        let mut objects = Vec::new();
        for (old, new) in changed {
            let tier = &program.tiers[new.tier.0 as usize];
            // What records the end of a tier selects what its policies select.
            let selects = |policy: &Policy| (policy.ingress.is_some(), policy.egress.is_some());
            if tier.otherwise == Otherwise::DenyAndLog
                && (old.subject != new.subject || selects(old) != selects(new))
            {
                return None;
            }
            let source = Source::of_policy(&tier.name, new);
            let (claims, orders) = self.orders.get(&key(&source))?;
            let mut sets = Sets::new();
            let groups = policy::build(&context, &source, &mut sets).ok()?;
            let claimed = groups.iter().map(|group| &group.claim);
            if !sets.is_empty()
                || self.users.contains(&key(&source))
                || !claimed.eq(claims)
                || tier.name == support::DEFAULT_TIER
            {
                return None;
            }
            for (mut group, first) in groups.into_iter().zip(orders) {
                group.put(*first);
                for built in group.objects {
                    let draft = Draft {
                        folder: source.provenance.owner.clone(),
                        rank: 2,
                        origins: vec![source.provenance.origin()],
                        built,
                    };
                    objects.push(context.finish(draft).ok()?);
                }
            }
        }
        Some(objects)
    }
}
