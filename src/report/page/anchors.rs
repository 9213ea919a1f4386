//! Where on the page a policy is written out, and which ones are.

use std::collections::BTreeSet;

use super::{POLICIES, Page, RULES, of_tier, rules};
use crate::model::{PolicyId, TierId};

/// The anchor of each policy that is written out, by its place in the program.
pub(super) struct Anchors {
    policies: Vec<Option<String>>,
}

impl Anchors {
    /// Takes policies in the order of the tiers, as many as there is room for.
    pub(super) fn of(page: &Page<'_>) -> Self {
        let program = &page.side.program;
        let mut policies = vec![None; program.policies.len()];
        let mut taken = BTreeSet::new();
        let mut count = 0;
        for tier in 0..program.tiers.len() {
            for id in of_tier(page, TierId(tier as u32)) {
                if taken.len() == POLICIES || count >= RULES {
                    return Anchors { policies };
                }
                let policy = program.policy(id);
                count += rules(policy).count();
                let plain = plain(&policy.qualified());
                // Names that differ in what an anchor cannot hold are told apart by a number.
                let anchor = (1..)
                    .map(|n| match n {
                        1 => format!("policy-{plain}"),
                        n => format!("policy-{plain}-{n}"),
                    })
                    .find(|anchor| !taken.contains(anchor));
                if let Some(anchor) = anchor {
                    taken.insert(anchor.clone());
                    policies[id.0 as usize] = Some(anchor);
                }
            }
        }
        Anchors { policies }
    }

    /// Where a policy is written out, if it is.
    pub(super) fn policy(&self, id: PolicyId) -> Option<&str> {
        self.policies[id.0 as usize].as_deref()
    }

    /// How many are.
    pub(super) fn written(&self) -> usize {
        self.policies.iter().flatten().count()
    }
}

/// What may stand in an `id` and in the address of a link as it is.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '-',
        })
        .collect()
}
