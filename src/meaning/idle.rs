//! Rules that could be taken away.
//!
//! A rule *never decides* if something before it has decided every flow that it matches: an earlier rule, a policy that comes before, a tier above.
//! It *changes nothing* if it decides, but without it the rest of its own policy, or the end of its tier, would decide the same: what other policies and
//! lower tiers happen to say today does not make a rule idle. What expires takes nothing from anybody, and a record is an effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::agreement::Before;
use super::decide::{By, decide, matches};
use super::index::{Index, Partition, partitions};
use super::oracle::{Oracle, Set, TooLarge, terminal};
use crate::model::{Action, Block, Otherwise, PolicyId, Program, Rule, RuleRef, RuleSite, TierId};
use crate::source::Span;
use crate::space::diagram::{Full, Id, Op};
use crate::space::{Direction, Flow, Pods};

/// A rule that could be taken away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idle {
    /// The rule; one of several where a profile puts it into several policies.
    pub rule: RuleRef,
    /// Whether it never decides; else it decides what would be decided so without it.
    pub never_decides: bool,
    /// Who decides its flows instead: at least one, not always all.
    pub takers: Vec<Taker>,
}

/// Who decides instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Taker {
    /// A rule.
    Rule(RuleRef),
    /// The end of a tier.
    TierEnd(TierId),
    /// The end of `default`.
    DefaultEnd,
}

/// Programs with more rules are not asked: what a lint finds in them is not worth the wait.
pub const MOST_RULES: usize = 20_000;

/// How many takers are named.
const MOST_TAKERS: usize = 3;

/// It matches a flow somewhere; it decides one; it is needed.
const MATCHES: u8 = 1;
const DECIDES: u8 = 2;
const NEEDED: u8 = 4;

/// The rules that could be taken away, each alone, in order.
pub fn idle(program: &Program) -> Vec<Idle> {
    let states = States::new(program);
    if states.groups.len() > MOST_RULES {
        return Vec::new();
    }
    let index = Arc::new(Index::new(program));
    let before = Before::new(&index);
    let places: Vec<(Partition, Direction)> = partitions(program)
        .into_iter()
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    places.par_iter().for_each(|(partition, direction)| {
        let walk = Walk::new(&index, &before, &states, *partition, *direction);
        if walk.and_then(|mut walk| walk.run()).is_err() {
            // What is too large to know is taken to be needed.
            states.need_all(&index, *partition, *direction);
        }
    });
    let mut candidates: BTreeMap<usize, RuleRef> = BTreeMap::new();
    for (rule, group) in &states.order {
        candidates.entry(*group).or_insert(*rule);
    }
    let mut idle: Vec<Idle> = candidates
        .into_iter()
        .filter_map(|(group, rule)| {
            let state = states.groups[group].load(Ordering::Relaxed);
            (state & MATCHES != 0 && state & NEEDED == 0).then_some((rule, state & DECIDES == 0))
        })
        .filter_map(|(rule, never_decides)| {
            let takers = takers(&index, rule, never_decides, &places);
            (!takers.is_empty()).then_some(Idle {
                rule,
                never_decides,
                takers,
            })
        })
        .collect();
    idle.sort_by_key(|one| one.rule);
    idle
}

/// What is known of the rules. Those of one place in the text (a profile's, included several times) are one.
struct States {
    groups: Vec<AtomicU8>,
    of: FxHashMap<RuleRef, usize>,
    order: Vec<(RuleRef, usize)>,
}

/// The blocks of a direction, with what they belong to.
fn blocks(program: &Program) -> impl Iterator<Item = (RuleSite, Direction, &Block)> {
    let policies = program
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.staged)
        .flat_map(|(at, policy)| {
            Direction::BOTH.map(|direction| {
                (
                    RuleSite::Policy(PolicyId(at as u32)),
                    direction,
                    policy.block(direction),
                )
            })
        });
    let default = program.default.iter().flat_map(|default| {
        Direction::BOTH.map(|direction| (RuleSite::Default, direction, default.block(direction)))
    });
    policies
        .chain(default)
        .filter_map(|(site, direction, block)| Some((site, direction, block?)))
}

impl States {
    fn new(program: &Program) -> Self {
        let mut groups = Vec::new();
        let mut by_place: FxHashMap<(Span, Direction), usize> = FxHashMap::default();
        let mut order = Vec::new();
        for (site, direction, block) in blocks(program) {
            for (at, rule) in block.rules.iter().enumerate() {
                let group = *by_place.entry((rule.span, direction)).or_insert_with(|| {
                    groups.push(AtomicU8::new(0));
                    groups.len() - 1
                });
                let this = RuleRef {
                    site,
                    direction,
                    rule: at as u32,
                };
                order.push((this, group));
                if rule.action == Action::Log {
                    groups[group].fetch_or(NEEDED, Ordering::Relaxed);
                }
            }
        }
        States {
            groups,
            of: order.iter().copied().collect(),
            order,
        }
    }

    fn note(&self, rule: RuleRef, what: u8) {
        self.groups[self.of[&rule]].fetch_or(what, Ordering::Relaxed);
    }

    fn is_open(&self, rule: RuleRef) -> bool {
        self.groups[self.of[&rule]].load(Ordering::Relaxed) & NEEDED == 0
    }

    fn any_open(&self, block: &Block, site: RuleSite, direction: Direction) -> bool {
        (0..block.rules.len() as u32).any(|rule| {
            self.is_open(RuleRef {
                site,
                direction,
                rule,
            })
        })
    }

    fn need_all(&self, index: &Index, partition: Partition, direction: Direction) {
        for (rule, _) in &self.order {
            let selects = match rule.site {
                RuleSite::Default => true,
                RuleSite::Policy(id) => index
                    .program
                    .policy(id)
                    .subject
                    .iter()
                    .any(|pods| index.meets(&pods.namespaces, partition)),
            };
            if rule.direction == direction && selects {
                self.note(*rule, NEEDED);
            }
        }
    }
}

/// One policy's rules as diagrams.
struct Rules<'p> {
    site: RuleSite,
    rules: Vec<(RuleRef, &'p Rule, Id)>,
    selected: Id,
}

/// A tier, or `default`, in one partition and direction.
struct Walk<'a, 'p> {
    oracle: Oracle<'p>,
    before: &'a Before,
    states: &'a States,
}

impl<'a, 'p> Walk<'a, 'p> {
    fn new(
        index: &Arc<Index<'p>>,
        before: &'a Before,
        states: &'a States,
        partition: Partition,
        direction: Direction,
    ) -> Result<Self, TooLarge> {
        Ok(Walk {
            oracle: Oracle::undecided(index, partition, direction)?,
            before,
            states,
        })
    }

    fn run(&mut self) -> Result<(), TooLarge> {
        let program = self.oracle.index.program;
        let direction = self.oracle.direction;
        // What may reach a tier, in any epoch.
        let mut reach = Id::ALL;
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
                    self.oracle_checked(|walk| walk.judge(&rules, at, reach, end))?;
                }
            }
            if !last && self.is_work_left(tier + 1) {
                reach = self.oracle_checked(|walk| walk.passed(&rules, reach, end))?;
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

    /// What passes a tier in some epoch.
    fn passed(&mut self, tier: &[Rules], reach: Id, end: Id) -> Result<Id, Full> {
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
        self.apply(Op::And, passed, reach)
    }

    /// Notes what each rule of one policy does.
    fn judge(&mut self, tier: &[Rules], at: usize, reach: Id, end: Id) -> Result<(), Full> {
        let mine = &tier[at];
        let mut region = self.apply(Op::And, mine.selected, reach)?;
        let mut rest = end;
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
                rest = self.apply(Op::Over, rules, rest)?;
            }
        }
        let mut rests = vec![rest; mine.rules.len()];
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
            }
            let decides = self.apply(Op::And, *set, region)?;
            if !self.oracle.is_empty(Set(decides)) {
                self.states.note(*this, DECIDES);
                let same = self.apply(Op::Same, rests[place], says)?;
                let needed = self.apply(Op::Minus, decides, same)?;
                // A rule that closes the list says so for those who read it.
                if rule.log || *set == Id::ALL || !self.oracle.is_empty(Set(needed)) {
                    self.states.note(*this, NEEDED);
                }
            }
            if rule.until.is_none() {
                region = self.apply(Op::Minus, region, *set)?;
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

/// Who decides the flows of an idle rule, in the first namespace where it has any.
fn takers(
    index: &Arc<Index>,
    rule: RuleRef,
    never_decides: bool,
    places: &[(Partition, Direction)],
) -> Vec<Taker> {
    let here = places
        .iter()
        .filter(|(_, direction)| *direction == rule.direction);
    for (partition, direction) in here {
        let found = takers_in(index, rule, never_decides, *partition, *direction);
        match found {
            Ok(found) if found.is_empty() => {}
            Ok(found) => return found,
            Err(_) => return Vec::new(),
        }
    }
    Vec::new()
}

fn takers_in(
    index: &Arc<Index>,
    rule: RuleRef,
    never_decides: bool,
    partition: Partition,
    direction: Direction,
) -> Result<Vec<Taker>, TooLarge> {
    let program = index.program;
    let (subject, tier) = match rule.site {
        RuleSite::Default => match &program.default {
            Some(default) => (&default.subject, None),
            None => return Ok(Vec::new()),
        },
        RuleSite::Policy(id) => (&program.policy(id).subject, Some(program.policy(id).tier)),
    };
    if !subject
        .iter()
        .any(|pods| index.meets(&pods.namespaces, partition))
    {
        return Ok(Vec::new());
    }
    let mut oracle = Oracle::undecided(index, partition, direction)?;
    let mut set = |rules: &[RuleRef]| {
        oracle.checked(|oracle| {
            let mut all = Id::NONE;
            for one in rules {
                let one = oracle.rule(program.rule(*one), Id::ALL)?;
                all = oracle.manager.apply(Op::Over, all, one)?;
            }
            Ok(Set(all))
        })
    };
    let mut region = set(&[rule])?;
    if !never_decides {
        let earlier: Vec<RuleRef> = (0..rule.rule)
            .map(|at| RuleRef { rule: at, ..rule })
            .filter(|one| program.rule(*one).action != Action::Log)
            .collect();
        let earlier = set(&earlier)?;
        region = oracle.minus(region, earlier)?;
    }
    let selected = oracle.subjects_in(subject)?;
    region = oracle.and(region, selected)?;
    let mut takers = Vec::new();
    while takers.len() < MOST_TAKERS {
        let Some(flow) = oracle.witness(region)? else {
            break;
        };
        let taker = match never_decides {
            true => taken_before(program, rule, tier, &flow),
            false => Some(taken_after(program, rule, tier, &flow)),
        };
        let Some(taker) = taker else {
            break;
        };
        if !takers.contains(&taker) {
            takers.push(taker);
        }
        let Taker::Rule(taker) = taker else {
            break;
        };
        let taken = oracle.checked(|oracle| oracle.rule(program.rule(taker), Id::ALL))?;
        region = oracle.minus(region, Set(taken))?;
    }
    Ok(takers)
}

/// Who decides a flow before the rule is reached.
fn taken_before(
    program: &Program,
    rule: RuleRef,
    tier: Option<TierId>,
    flow: &Flow,
) -> Option<Taker> {
    let decision = decide(program, flow);
    let in_tier = |one: &RuleRef| match one.site {
        RuleSite::Policy(id) => Some(program.policy(id).tier) == tier,
        RuleSite::Default => false,
    };
    let passed = decision.passed.iter().copied().find(in_tier);
    let taker = match (passed, decision.by) {
        (Some(pass), _) => Taker::Rule(pass),
        (None, By::Rule(one)) => Taker::Rule(one),
        (None, By::Otherwise(tier)) => Taker::TierEnd(tier),
        (None, By::DefaultEnd | By::Open) => return None,
    };
    (taker != Taker::Rule(rule)).then_some(taker)
}

/// Who would decide a flow if the rule were not there.
fn taken_after(program: &Program, rule: RuleRef, tier: Option<TierId>, flow: &Flow) -> Taker {
    let block = match rule.site {
        RuleSite::Policy(id) => program.policy(id).block(rule.direction),
        RuleSite::Default => program
            .default
            .as_ref()
            .and_then(|default| default.block(rule.direction)),
    };
    let rules = block.map(|block| &block.rules[..]).unwrap_or_default();
    let mut later = (rule.rule + 1..rules.len() as u32).filter(|at| {
        let rule = &rules[*at as usize];
        rule.action != Action::Log && matches(rule, flow)
    });
    match (later.next(), tier) {
        (Some(at), _) => Taker::Rule(RuleRef { rule: at, ..rule }),
        (None, Some(tier)) => Taker::TierEnd(tier),
        (None, None) => Taker::DefaultEnd,
    }
}
