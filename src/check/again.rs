//! The lints of a large program, asked again after some of its policies have changed.
//!
//! Of a program with more than [`MOST_RULES`] rules no two rules are compared; the lints that are left ask about one policy at a time, or about one pod of it.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::egress_without_dns::{self, Servers};
use super::left_out::LeftOut;
use super::{Said, policy_selects_nothing};
use crate::diagnostic::Diagnostics;
use crate::meaning::{Index, MOST_RULES};
use crate::model::{Policy, PolicyId, Program, RuleSite};

/// What the lints of a large program said of each of its policies.
#[derive(Clone, Debug)]
pub struct Apart {
    pub(super) selects_nothing: Said,
    pub(super) without_dns: Said,
    pub(super) servers: Servers,
    pub(super) rules: usize,
}

/// Some policies of a program that have changed, and what may be decided differently for it.
pub struct Changed<'a> {
    /// The part of the program that selects in `names`.
    pub part: &'a Program,
    /// For each policy of the part, which one it is of the whole.
    pub whole: &'a [PolicyId],
    /// What changed, before and after, and which it is of the whole.
    pub policies: &'a [(PolicyId, &'a Policy, &'a Policy)],
    /// All namespaces in which one of them selects, before or after.
    pub names: &'a BTreeSet<SmolStr>,
    /// How many rules there are now.
    pub rules: usize,
}

impl Apart {
    /// How many rules the program has; those of one place in the text are one.
    pub fn rules(&self) -> usize {
        self.rules
    }

    /// What is said after a change; `None` if the whole program must be asked.
    pub fn again(&self, changed: &Changed<'_>) -> Option<Apart> {
        let mut policies = changed.policies.iter().flat_map(|(_, old, new)| [old, new]);
        if changed.rules <= MOST_RULES
            || policies.any(|policy| egress_without_dns::names_servers(policy))
        {
            return None;
        }
        let index = Index::new(changed.part);
        let of_whole = |site| match site {
            RuleSite::Policy(PolicyId(at)) => RuleSite::Policy(changed.whole[at as usize]),
            RuleSite::Default => RuleSite::Default,
        };
        let asked = egress_without_dns::check_within(&index, changed.names, &self.servers)?;
        let mut again = self.clone();
        again.rules = changed.rules;
        let is_changed = |site: &RuleSite| {
            let ids = changed
                .policies
                .iter()
                .map(|(id, ..)| RuleSite::Policy(*id));
            ids.into_iter().any(|id| id == *site)
        };
        again.selects_nothing.retain(|(site, _)| !is_changed(site));
        for (site, warning) in policy_selects_nothing::check(&index) {
            let site = of_whole(site);
            if is_changed(&site) {
                again.selects_nothing.push((site, warning));
            }
        }
        let asked: Vec<_> = asked
            .into_iter()
            .map(|(site, warning)| (of_whole(site), warning))
            .collect();
        again
            .without_dns
            .retain(|(site, _)| !is_changed(site) && asked.iter().all(|(other, _)| other != site));
        for (site, warning) in asked {
            again
                .without_dns
                .extend(warning.map(|warning| (site, warning)));
        }
        Some(again)
    }

    /// Says all of it.
    pub fn report(&self, diagnostics: &mut Diagnostics) {
        for (_, warning) in self.selects_nothing.iter().chain(&self.without_dns) {
            diagnostics.push(warning.clone());
        }
        let left_out = LeftOut {
            too_many: Some(self.rules),
            ..LeftOut::default()
        };
        left_out.report(diagnostics);
    }
}
