//! The resolved program: data only.
//!
//! What `resolve` gives and everything above takes: every name is resolved, every `except` is subtracted, every profile is
//! unfolded, for one cluster and without the folders that a target leaves out. Knows nothing of the tree it came from.
//!
//! Invariants: tiers are in order of evaluation; namespaces and policies are sorted as their fields say; every [`PolicyId`] and
//! [`TierId`] that occurs is valid; the relation `after` has no cycle; subjects hold no `same` relation; a rule's clauses hold no empty set.

mod cluster;
mod dump;
mod inhabitant;
mod policy;
mod test;

pub use cluster::{Cluster, Cni, Namespace, Overlay};
pub use dump::dump;
pub use inhabitant::inhabitant;
pub use policy::{
    Action, Block, Clause, DefaultPolicy, Excuse, Otherwise, Policy, PolicyId, Rule, RuleRef,
    RuleSite, Tier, TierId,
};
pub use test::{Check, Raw, Target, Team, Test, Verb};

use smol_str::SmolStr;
use time::Date;

use crate::space::EndpointSet;

/// A program for one cluster.
#[derive(Clone, Debug)]
pub struct Program {
    /// The project's name: the value of the label `app.kubernetes.io/part-of`.
    pub project: SmolStr,
    /// Facts of the cluster.
    pub cluster: Cluster,
    /// The declared namespaces, sorted by name.
    pub namespaces: Vec<Namespace>,
    /// Names of namespaces that the program mentions but does not declare (only where namespaces are not closed), sorted.
    pub undeclared: Vec<SmolStr>,
    /// The teams, sorted by name.
    pub teams: Vec<Team>,
    /// The tiers, in order of evaluation.
    pub tiers: Vec<Tier>,
    /// The policies, enforced and staged, sorted by tier, owner and name. [`PolicyId`] is the index.
    pub policies: Vec<Policy>,
    /// The unnamed policy after the last tier.
    pub default: Option<DefaultPolicy>,
    /// Manifests written by hand.
    pub raws: Vec<Raw>,
    /// Tests, in order of file and place.
    pub tests: Vec<Test>,
    /// Guards, in order of file and place.
    pub guards: Vec<Test>,
    /// The groups and then the services that the project declares, each sorted by name; the standard library's are not among them.
    pub names: Vec<Named>,
}

/// A name of the project for ends: a group or a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// As it is called from any folder: `books.api`.
    pub name: SmolStr,
    /// Its ends.
    pub ends: Vec<EndpointSet>,
}

impl Program {
    /// The policy of an identity.
    pub fn policy(&self, id: PolicyId) -> &Policy {
        &self.policies[id.0 as usize]
    }

    /// The policies of a tier, enforced and staged, with their identities.
    pub fn policies_of(&self, tier: TierId) -> impl Iterator<Item = (PolicyId, &Policy)> {
        self.policies
            .iter()
            .enumerate()
            .filter(move |(_, policy)| policy.tier == tier)
            .map(|(at, policy)| (PolicyId(at as u32), policy))
    }

    /// A declared namespace, by name.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces
            .binary_search_by(|namespace| namespace.name.as_str().cmp(name))
            .ok()
            .map(|at| &self.namespaces[at])
    }

    /// The rule at a place; `None` for the ends of tiers and the default's end.
    pub fn rule(&self, site: RuleRef) -> &Rule {
        let block = match site.site {
            RuleSite::Policy(id) => self.policy(id).block(site.direction),
            RuleSite::Default => self
                .default
                .as_ref()
                .and_then(|default| default.block(site.direction)),
        };
        &block.expect("a RuleRef names a block that exists").rules[site.rule as usize]
    }

    /// The program of some of its policies, in their order, without tests, guards, names and manifests written by hand. The policies that come before one of
    /// them must be among them.
    pub fn part(&self, policies: &[PolicyId]) -> Program {
        let place = |id: &PolicyId| {
            let at = policies.binary_search(id);
            PolicyId(at.expect("a part has the policies that come before its own") as u32)
        };
        Program {
            project: self.project.clone(),
            cluster: self.cluster.clone(),
            namespaces: self.namespaces.clone(),
            undeclared: self.undeclared.clone(),
            teams: self.teams.clone(),
            tiers: self.tiers.clone(),
            policies: policies
                .iter()
                .map(|id| {
                    let policy = self.policy(*id);
                    Policy {
                        after: policy.after.iter().map(place).collect(),
                        ..policy.clone()
                    }
                })
                .collect(),
            default: self.default.clone(),
            raws: Vec::new(),
            tests: Vec::new(),
            guards: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The dates after which something expires, ascending, each once.
    pub fn expiries(&self) -> Vec<Date> {
        let blocks = self
            .policies
            .iter()
            .flat_map(|policy| [&policy.ingress, &policy.egress]);
        let default = self
            .default
            .iter()
            .flat_map(|default| [&default.ingress, &default.egress]);
        let mut dates: Vec<Date> = blocks
            .chain(default)
            .flatten()
            .flat_map(|block| &block.rules)
            .filter_map(|rule| rule.until)
            .collect();
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    /// The program as it stands on a day: rules whose `until` is before `today` are gone.
    pub fn on(&self, today: Date) -> Program {
        let mut program = self.clone();
        let drop_expired = |block: &mut Option<Block>| {
            if let Some(block) = block {
                block
                    .rules
                    .retain(|rule| rule.until.is_none_or(|until| until >= today));
            }
        };
        for policy in &mut program.policies {
            drop_expired(&mut policy.ingress);
            drop_expired(&mut policy.egress);
        }
        if let Some(default) = &mut program.default {
            drop_expired(&mut default.ingress);
            drop_expired(&mut default.egress);
        }
        program
    }
}
