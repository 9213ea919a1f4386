//! Rules, policies and tiers to diagrams.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::Oracle;
use super::levels::{Key, Question};
use crate::model::{Action, Block, DefaultPolicy, PolicyId, Rule, RuleRef, RuleSite, TierId};
use crate::space::Pods;
use crate::space::diagram::{Full, Id, Op};

/// One policy as diagrams: the pods that it selects, and what it decides of their flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PolicyDiagram {
    /// Over subjects only.
    pub(crate) selected: Id,
    /// [`Id::NONE`] where no rule decides.
    pub(crate) decides: Id,
}

/// The values that subjects and other ends mention of a key.
#[derive(Default)]
struct Mentions<'p> {
    subject: BTreeSet<&'p SmolStr>,
    peer: BTreeSet<&'p SmolStr>,
    by: [bool; 2],
}

impl<'p> Oracle<'p> {
    /// Finds the label of the subject that has most values, and puts it on top; the others follow, by how many they have,
    /// the subject's and the other end's next to each other.
    pub(super) fn order(&mut self) -> Result<(), Full> {
        let mut mentions: BTreeMap<Key, Mentions<'p>> = BTreeMap::new();
        let mut note = |peer: bool, pods: &'p [Pods]| {
            for pods in pods {
                let account = (Key::Account, &pods.service_account);
                let labels = pods.labels.iter();
                let labels = labels.map(|(key, set)| (Key::Label(key.clone()), set));
                for (key, set) in labels.chain([account]) {
                    if set.is_any() {
                        continue;
                    }
                    let seen = mentions.entry(key).or_default();
                    seen.by[usize::from(peer)] = true;
                    let values = if peer {
                        &mut seen.peer
                    } else {
                        &mut seen.subject
                    };
                    values.extend(set.mentioned().iter().flatten());
                }
            }
        };
        let program = self.index.program;
        for id in self.policies.iter().flatten() {
            note(false, &program.policy(*id).subject);
        }
        if let Some(default) = self.default() {
            note(false, &default.subject);
        }
        for clause in self.rules().iter().flat_map(|rule| &rule.clauses) {
            note(false, clause.subject.as_deref().unwrap_or_default());
            note(true, &clause.peers.pods);
        }
        let identity = mentions
            .iter()
            .filter(|(_, seen)| seen.by[0])
            .max_by_key(|(key, seen)| (seen.subject.len(), Reverse(*key)))
            .map(|(key, _)| key.clone());
        if let Some(key) = &identity {
            self.levels.identify(key.clone());
        }
        let mut keys: Vec<(Reverse<usize>, Key, [bool; 2])> = mentions
            .into_iter()
            .map(|(key, seen)| {
                (
                    Reverse(seen.subject.union(&seen.peer).count()),
                    key,
                    seen.by,
                )
            })
            .collect();
        keys.sort_unstable();
        for (_, key, [subject, peer]) in keys {
            if subject && identity.as_ref() != Some(&key) {
                self.level(Question::Subject(key.clone()))?;
            }
            if peer {
                self.level(Question::Peer(key))?;
            }
        }
        Ok(())
    }

    /// `default`, if it has a block of this direction and can select a pod here.
    pub(super) fn default(&self) -> Option<&'p DefaultPolicy> {
        self.index.program.default.as_ref().filter(|default| {
            default.block(self.direction).is_some()
                && default
                    .subject
                    .iter()
                    .any(|pods| self.index.meets(&pods.namespaces, self.partition))
        })
    }

    /// All rules that can meet a flow here.
    fn rules(&self) -> Vec<&'p Rule> {
        let program = self.index.program;
        let policies = self.policies.iter().flatten();
        policies
            .filter_map(|id| program.policy(*id).block(self.direction))
            .chain(
                self.default()
                    .and_then(|default| default.block(self.direction)),
            )
            .flat_map(|block| &block.rules)
            .collect()
    }

    /// What the program decides of each flow: allowed or denied.
    pub(super) fn decision(&mut self) -> Result<Id, Full> {
        let mut stages = Vec::with_capacity(self.policies.len() + 1);
        for tier in 0..self.policies.len() {
            stages.push(self.tier(TierId(tier as u32))?);
        }
        stages.push(self.last()?);
        self.manager.fold(Op::Chain, stages, Id::ALLOW)
    }

    /// What a tier decides; [`Id::PASS`] where the next one does.
    fn tier(&mut self, tier: TierId) -> Result<Id, Full> {
        let ids = self.policies[tier.0 as usize].clone();
        if ids.is_empty() {
            return Ok(Id::PASS);
        }
        let policies = ids
            .into_iter()
            .map(|id| self.policy(id))
            .collect::<Result<Vec<_>, Full>>()?;
        self.together(&policies, self.denies(tier))
    }

    /// Whether a tier ends in a denial for whom it selects.
    pub(super) fn denies(&self, tier: TierId) -> bool {
        let tier = &self.index.program.tiers[tier.0 as usize];
        tier.otherwise.denies()
    }

    /// What policies of one tier decide together, in their order, and the tier's end after them.
    pub(super) fn together(
        &mut self,
        policies: &[PolicyDiagram],
        denies: bool,
    ) -> Result<Id, Full> {
        let decides = policies.iter().map(|policy| policy.decides).collect();
        let decides = self.manager.fold(Op::Over, decides, Id::NONE)?;
        let end = if denies {
            let selected = policies.iter().map(|policy| policy.selected).collect();
            let selected = self.manager.fold(Op::Over, selected, Id::NONE)?;
            let closed = self.manager.apply(Op::And, selected, Id::DENY)?;
            self.manager.apply(Op::Over, closed, Id::PASS)?
        } else {
            Id::PASS
        };
        self.manager.apply(Op::Over, decides, end)
    }

    /// What happens after the last tier.
    pub(super) fn last(&mut self) -> Result<Id, Full> {
        let Some(default) = self.default() else {
            return Ok(Id::ALLOW);
        };
        let Some(block) = default.block(self.direction) else {
            return Ok(Id::ALLOW);
        };
        let selected = self.subjects(&default.subject)?;
        let rules = self.block(block, RuleSite::Default)?;
        self.ending(selected, rules)
    }

    /// What `default` decides: its rules, then deny, for whom it selects; everybody else is open.
    pub(super) fn ending(&mut self, selected: Id, rules: Id) -> Result<Id, Full> {
        let rules = self.manager.apply(Op::Over, rules, Id::DENY)?;
        let closed = self.manager.apply(Op::And, selected, rules)?;
        self.manager.apply(Op::Over, closed, Id::ALLOW)
    }

    /// The diagrams of one policy; nothing is selected if it has no block of this direction.
    pub(crate) fn policy(&mut self, id: PolicyId) -> Result<PolicyDiagram, Full> {
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let policy = self.index.program.policy(id);
        let Some(block) = policy.block(self.direction) else {
            return Ok(PolicyDiagram {
                selected: Id::NONE,
                decides: Id::NONE,
            });
        };
        let selected = self.subjects(&policy.subject)?;
        let rules = self.block(block, RuleSite::Policy(id))?;
        let decides = self.manager.apply(Op::And, selected, rules)?;
        let made = PolicyDiagram { selected, decides };
        self.known.insert(id, made);
        Ok(made)
    }

    /// The first decision of a block's rules, for all subjects.
    fn block(&mut self, block: &Block, site: RuleSite) -> Result<Id, Full> {
        let mut rules = Vec::with_capacity(block.rules.len());
        for (at, rule) in block.rules.iter().enumerate() {
            let this = RuleRef {
                site,
                direction: self.direction,
                rule: at as u32,
            };
            if !self.index.in_force(rule) && self.kept != Some(this) {
                continue;
            }
            if let Some(terminal) = terminal(rule.action) {
                rules.push(self.rule(rule, terminal)?);
            }
        }
        self.manager.fold(Op::Over, rules, Id::NONE)
    }

    /// What the program allows if one rule that has expired had not.
    pub(crate) fn allowed_with(&mut self, rule: RuleRef) -> Result<Id, Full> {
        self.kept = Some(rule);
        self.known.clear();
        let decision = self.decision();
        self.kept = None;
        self.known.clear();
        self.manager.apply(Op::Same, decision?, Id::ALLOW)
    }
}

/// What an action decides; nothing for a record.
pub(crate) fn terminal(action: Action) -> Option<Id> {
    match action {
        Action::Allow => Some(Id::ALLOW),
        Action::Deny => Some(Id::DENY),
        Action::Pass => Some(Id::PASS),
        Action::Log => None,
    }
}
