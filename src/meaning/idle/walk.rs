//! One namespace and direction: tier by tier, what reaches it, what is denied above it, and what each rule then does.

use std::sync::Arc;

use super::parts::without_label;
use super::states::{CLOSES, DECIDES, MATCHES, NEEDED, States};
use crate::meaning::agreement::Before;
use crate::meaning::index::{Index, Partition};
use crate::meaning::oracle::{Oracle, Set, TooLarge, terminal};
use crate::model::{Action, Block, Otherwise, Rule, RuleRef, RuleSite};
use crate::space::diagram::{Full, Id, Op};
use crate::space::{Direction, Pods};

/// One policy's rules as diagrams.
struct Rules<'p> {
    site: RuleSite,
    rules: Vec<(RuleRef, &'p Rule, Id)>,
    selected: Id,
}

/// What the tiers above leave of the flows, in every epoch.
#[derive(Clone, Copy)]
struct Above {
    /// What may reach a tier in one of them.
    reach: Id,
    /// What is denied in all of them.
    denied: Id,
}

/// A tier, or `default`, in one partition and direction.
pub(super) struct Walk<'a, 'p> {
    oracle: Oracle<'p>,
    before: &'a Before,
    states: &'a States,
    /// The place's number among all places.
    place: usize,
}

impl<'a, 'p> Walk<'a, 'p> {
    pub(super) fn new(
        index: &Arc<Index<'p>>,
        before: &'a Before,
        states: &'a States,
        place: usize,
        partition: Partition,
        direction: Direction,
    ) -> Result<Self, TooLarge> {
        Ok(Walk {
            oracle: Oracle::undecided(index, partition, direction)?,
            before,
            states,
            place,
        })
    }

    pub(super) fn run(&mut self) -> Result<(), TooLarge> {
        let program = self.oracle.index.program;
        let direction = self.oracle.direction;
        let mut above = Above {
            reach: Id::ALL,
            denied: Id::NONE,
        };
        for tier in 0..=program.tiers.len() {
            let last = tier == program.tiers.len();
            let parts: Vec<(RuleSite, &'p [Pods], &'p Block)> = if last {
                let default = program.default.iter();
                default
                    .filter_map(|one| {
                        Some((RuleSite::Default, &one.subject[..], one.block(direction)?))
                    })
                    .collect()
            } else {
                let policies = self.oracle.policies[tier].iter();
                policies
                    .filter_map(|id| {
                        let policy = program.policy(*id);
                        Some((
                            RuleSite::Policy(*id),
                            &policy.subject[..],
                            policy.block(direction)?,
                        ))
                    })
                    .collect()
            };
            if !self.is_work_left(tier) || parts.is_empty() {
                continue;
            }
            let end = match program.tiers.get(tier).map(|tier| tier.otherwise) {
                Some(Otherwise::Pass) => Id::PASS,
                Some(Otherwise::DenyAndLog) => Id::UNLIKE,
                Some(Otherwise::Deny) | None => Id::DENY,
            };
            let rules = self.oracle_rules(&parts)?;
            for at in 0..rules.len() {
                let (_, _, block) = parts[at];
                if self.states.any_open(block, rules[at].site, direction) {
                    self.oracle_checked(|walk| walk.judge(&rules, at, above, end))?;
                }
            }
            if !last && self.is_work_left(tier + 1) {
                above = self.oracle_checked(|walk| walk.passed(&rules, above, end))?;
            }
        }
        Ok(())
    }

    /// Whether a rule of a tier, or of one below it, could still be idle.
    fn is_work_left(&self, tier: usize) -> bool {
        let program = self.oracle.index.program;
        let direction = self.oracle.direction;
        let policies = self.oracle.policies.get(tier..).unwrap_or_default();
        let policies = policies
            .iter()
            .flatten()
            .filter_map(|id| Some((program.policy(*id).block(direction)?, RuleSite::Policy(*id))));
        let default = program.default.iter();
        let default = default.filter_map(|one| Some((one.block(direction)?, RuleSite::Default)));
        policies
            .chain(default)
            .any(|(block, site)| self.states.any_open(block, site, direction))
    }

    fn oracle_checked<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Full>,
    ) -> Result<T, TooLarge> {
        let made = run(self);
        self.oracle.checked(|_| made)
    }

    fn oracle_rules(
        &mut self,
        parts: &[(RuleSite, &'p [Pods], &'p Block)],
    ) -> Result<Vec<Rules<'p>>, TooLarge> {
        let direction = self.oracle.direction;
        self.oracle.checked(|oracle| {
            let mut all = Vec::with_capacity(parts.len());
            for (site, subject, block) in parts {
                let selected = oracle.subjects(subject)?;
                let mut rules = Vec::with_capacity(block.rules.len());
                for (at, rule) in block.rules.iter().enumerate() {
                    let this = RuleRef {
                        site: *site,
                        direction,
                        rule: at as u32,
                    };
                    rules.push((this, rule, oracle.rule(rule, Id::ALL)?));
                }
                all.push(Rules {
                    site: *site,
                    rules,
                    selected,
                });
            }
            Ok(all)
        })
    }

    fn apply(&mut self, op: Op, f: Id, g: Id) -> Result<Id, Full> {
        self.oracle.manager.apply(op, f, g)
    }

    /// The first decision of some rules, each with the terminal that `says` gives it.
    fn first(
        &mut self,
        rules: &[(RuleRef, &Rule, Id)],
        says: impl Fn(&Rule) -> Option<Id>,
    ) -> Result<Id, Full> {
        let mut all = Vec::with_capacity(rules.len());
        for (_, rule, set) in rules {
            if let Some(terminal) = says(rule) {
                all.push(self.apply(Op::And, *set, terminal)?);
            }
        }
        self.oracle.manager.fold(Op::Over, all, Id::NONE)
    }

    /// What a tier leaves to the next one.
    fn passed(&mut self, tier: &[Rules], above: Above, end: Id) -> Result<Above, Full> {
        let mut decided = Vec::with_capacity(tier.len());
        let mut selected = Id::NONE;
        for one in tier {
            let rules = self.first(&one.rules, |rule| match rule.until {
                Some(_) if rule.action != Action::Log => Some(Id::PASS),
                _ => terminal(rule.action),
            })?;
            decided.push(self.apply(Op::And, one.selected, rules)?);
            selected = self.apply(Op::Over, selected, one.selected)?;
        }
        let decided = self.oracle.manager.fold(Op::Over, decided, Id::NONE)?;
        let end = self.apply(Op::And, selected, end)?;
        let end = self.apply(Op::Over, end, Id::PASS)?;
        let tier = self.apply(Op::Over, decided, end)?;
        let passed = self.apply(Op::Same, tier, Id::PASS)?;
        let mut denied = above.denied;
        for terminal in [Id::DENY, Id::UNLIKE] {
            let here = self.apply(Op::Same, tier, terminal)?;
            let here = self.apply(Op::And, here, above.reach)?;
            denied = self.apply(Op::Over, denied, here)?;
        }
        Ok(Above {
            reach: self.apply(Op::And, passed, above.reach)?,
            denied,
        })
    }

    /// Notes what each rule of one policy does.
    fn judge(&mut self, tier: &[Rules], at: usize, above: Above, end: Id) -> Result<(), Full> {
        let mine = &tier[at];
        let mut region = self.apply(Op::And, mine.selected, above.reach)?;
        let mut later = Id::NONE;
        for other in tier {
            let (RuleSite::Policy(p), RuleSite::Policy(q)) = (other.site, mine.site) else {
                continue;
            };
            if self.before.is_before(p, q) {
                let decided = self.first(&other.rules, lasting)?;
                let decided = self.apply(Op::And, other.selected, decided)?;
                region = self.apply(Op::Minus, region, decided)?;
            } else if self.before.is_before(q, p) {
                // Whatever a later policy says is not this policy's own.
                let rules = self.first(&other.rules, |_| Some(Id::UNLIKE))?;
                let rules = self.apply(Op::And, other.selected, rules)?;
                later = self.apply(Op::Over, rules, later)?;
            }
        }
        let mut rests = vec![self.apply(Op::Over, later, end)?; mine.rules.len()];
        for (place, (_, rule, set)) in mine.rules.iter().enumerate().skip(1).rev() {
            let says = match terminal(rule.action) {
                Some(terminal) if rule.until.is_none() && !rule.log => terminal,
                _ => Id::UNLIKE,
            };
            let rule = self.apply(Op::And, *set, says)?;
            rests[place - 1] = self.apply(Op::Over, rule, rests[place])?;
        }
        for (place, (this, rule, set)) in mine.rules.iter().enumerate() {
            let Some(says) = terminal(rule.action) else {
                continue;
            };
            let matched = self.apply(Op::And, mine.selected, *set)?;
            if !self.oracle.is_empty(Set(matched)) {
                self.states.note(*this, MATCHES);
                self.look_at_parts(*this, mine.selected, above.denied)?;
            }
            let decides = self.apply(Op::And, *set, region)?;
            if !self.oracle.is_empty(Set(decides)) {
                self.states.note(*this, DECIDES);
                let is_last = place + 1 == mine.rules.len();
                let closes = is_last && *set == Id::ALL && self.is_the_end(rule, end);
                if closes {
                    let met = self.apply(Op::And, decides, later)?;
                    let what = match self.oracle.is_empty(Set(met)) {
                        true => CLOSES,
                        false => NEEDED,
                    };
                    self.states.note(*this, what);
                } else {
                    let same = self.apply(Op::Same, rests[place], says)?;
                    let needed = self.apply(Op::Minus, decides, same)?;
                    if rule.log || !self.oracle.is_empty(Set(needed)) {
                        self.states.note(*this, NEEDED);
                    }
                }
                self.look_for_unlabelled(*this, rule, decides)?;
            }
            if rule.until.is_none() {
                region = self.apply(Op::Minus, region, *set)?;
            }
        }
        Ok(())
    }

    /// Whether a rule does to what it matches just what the end of the tier does to everything.
    fn is_the_end(&self, rule: &Rule, end: Id) -> bool {
        let end_says = match end {
            Id::DENY => Some(false),
            Id::UNLIKE => Some(true),
            _ => None,
        };
        rule.action == Action::Deny && end_says == Some(rule.log)
    }

    /// Notes which parts of an allow are denied above wherever they have flows here.
    fn look_at_parts(&mut self, this: RuleRef, selected: Id, denied: Id) -> Result<(), Full> {
        let Some(parts) = self.states.parts(this) else {
            return Ok(());
        };
        for (at, part) in parts.all.iter().enumerate() {
            if parts.is_alive(at) {
                continue;
            }
            let set = self.oracle.clause(&part.clause, Id::ALL)?;
            let set = self.apply(Op::And, set, selected)?;
            if self.oracle.is_empty(Set(set)) {
                continue;
            }
            let rest = self.apply(Op::Minus, set, denied)?;
            if !self.oracle.is_empty(Set(rest)) {
                parts.revive(at);
            } else if let Ok(Some(flow)) = self.oracle.witness(Set(set)) {
                self.states.note_dead(self.place, this, at, flow);
            }
        }
        Ok(())
    }

    /// Notes flows that an allow decides although the other end lacks a label of which it says what it is not.
    fn look_for_unlabelled(&mut self, this: RuleRef, rule: &Rule, decides: Id) -> Result<(), Full> {
        for key in self.states.negated(this) {
            if self.states.is_unlabelled(self.place, this, key) {
                continue;
            }
            let set = self.oracle.rule(&without_label(rule, key), Id::ALL)?;
            let set = self.apply(Op::And, set, decides)?;
            if let Ok(Some(flow)) = self.oracle.witness(Set(set)) {
                self.states.note_unlabelled(self.place, this, key, flow);
            }
        }
        Ok(())
    }
}

/// What a rule decides for good.
fn lasting(rule: &Rule) -> Option<Id> {
    match rule.until {
        None => terminal(rule.action),
        Some(_) => None,
    }
}
