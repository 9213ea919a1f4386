//! What is known of the rules while every namespace is looked at. Those of one place in the text (a profile's, included several times) are one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::parts::{Part, negated_keys, parts};
use super::{DeniedAbove, Unlabelled};
use crate::meaning::index::{Index, Partition};
use crate::model::{Action, Block, PolicyId, Program, Rule, RuleRef, RuleSite};
use crate::source::Span;
use crate::space::{Direction, Flow};

/// It matches a flow somewhere; it decides one; it is needed; it denies all, last, where all is denied anyway.
pub(super) const MATCHES: u8 = 1;
pub(super) const DECIDES: u8 = 2;
pub(super) const NEEDED: u8 = 4;
pub(super) const CLOSES: u8 = 8;

/// What was seen first, by place: the same whichever thread is faster.
type First<K> = Mutex<BTreeMap<K, (usize, RuleRef, Flow)>>;

/// What is known.
pub(super) struct States {
    groups: Vec<AtomicU8>,
    of: FxHashMap<RuleRef, usize>,
    order: Vec<(RuleRef, usize)>,
    /// Of allows that may be denied above in part.
    parts: FxHashMap<usize, Parts>,
    dead: First<(usize, usize)>,
    /// Of allows that say what a label is not.
    negated: FxHashMap<usize, Vec<SmolStr>>,
    unlabelled: First<(usize, SmolStr)>,
}

/// The parts of an allow, and which of them are alive somewhere.
pub(super) struct Parts {
    pub(super) all: Vec<Part>,
    alive: AtomicU64,
}

impl Parts {
    pub(super) fn is_alive(&self, part: usize) -> bool {
        self.alive.load(Ordering::Relaxed) & 1 << part != 0
    }

    pub(super) fn revive(&self, part: usize) {
        self.alive.fetch_or(1 << part, Ordering::Relaxed);
    }

    fn are_alive(&self) -> bool {
        (0..self.all.len()).all(|part| self.is_alive(part))
    }
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

/// How many rules a program has; those of one place in the text are one.
pub(super) fn count(program: &Program) -> usize {
    let rules = blocks(program).flat_map(|(_, direction, block)| {
        block.rules.iter().map(move |rule| (rule.span, direction))
    });
    rules.collect::<FxHashSet<(Span, Direction)>>().len()
}

impl States {
    pub(super) fn new(program: &Program) -> Self {
        let mut states = States {
            groups: Vec::new(),
            of: FxHashMap::default(),
            order: Vec::new(),
            parts: FxHashMap::default(),
            dead: Mutex::default(),
            negated: FxHashMap::default(),
            unlabelled: Mutex::default(),
        };
        let mut by_place: FxHashMap<(Span, Direction), usize> = FxHashMap::default();
        for (site, direction, block) in blocks(program) {
            // Nothing stands above the first tier.
            let is_first = matches!(site, RuleSite::Policy(id) if program.policy(id).tier.0 == 0);
            for (at, rule) in block.rules.iter().enumerate() {
                let known = by_place.len();
                let group = *by_place.entry((rule.span, direction)).or_insert(known);
                if group == states.groups.len() {
                    states.groups.push(AtomicU8::new(0));
                    states.ask(group, rule, is_first);
                }
                let this = RuleRef {
                    site,
                    direction,
                    rule: at as u32,
                };
                states.order.push((this, group));
                if rule.action == Action::Log {
                    states.groups[group].fetch_or(NEEDED, Ordering::Relaxed);
                }
            }
        }
        states.of = states.order.iter().copied().collect();
        states
    }

    /// Notes what else is asked about an allow.
    fn ask(&mut self, group: usize, rule: &Rule, is_first: bool) {
        if rule.action != Action::Allow {
            return;
        }
        let parts = if is_first { Vec::new() } else { parts(rule) };
        if !parts.is_empty() {
            let alive = AtomicU64::new(0);
            self.parts.insert(group, Parts { all: parts, alive });
        }
        let keys = negated_keys(rule);
        if !keys.is_empty() {
            self.negated.insert(group, keys);
        }
    }

    /// The rules in order, each with its group.
    pub(super) fn rules(&self) -> &[(RuleRef, usize)] {
        &self.order
    }

    pub(super) fn state(&self, group: usize) -> u8 {
        self.groups[group].load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, rule: RuleRef, what: u8) {
        self.groups[self.of[&rule]].fetch_or(what, Ordering::Relaxed);
    }

    /// The parts of a rule, as long as one of them may be dead.
    pub(super) fn parts(&self, rule: RuleRef) -> Option<&Parts> {
        self.parts
            .get(&self.of[&rule])
            .filter(|parts| !parts.are_alive())
    }

    /// The labels that an allow negates.
    pub(super) fn negated(&self, rule: RuleRef) -> &[SmolStr] {
        self.negated.get(&self.of[&rule]).map_or(&[], Vec::as_slice)
    }

    /// Notes a part that is denied at a place, with a flow of it.
    pub(super) fn note_dead(&self, place: usize, rule: RuleRef, part: usize, flow: Flow) {
        first(&self.dead, (self.of[&rule], part), place, rule, flow);
    }

    /// Notes a flow of a pod without a label.
    pub(super) fn note_unlabelled(&self, place: usize, rule: RuleRef, key: &SmolStr, flow: Flow) {
        first(
            &self.unlabelled,
            (self.of[&rule], key.clone()),
            place,
            rule,
            flow,
        );
    }

    /// Whether it is known, from an earlier place, that a rule lets pods without a label in.
    pub(super) fn is_unlabelled(&self, place: usize, rule: RuleRef, key: &SmolStr) -> bool {
        let known = self.unlabelled.lock();
        let known = known.expect("nobody panics while noting");
        known
            .get(&(self.of[&rule], key.clone()))
            .is_some_and(|(at, ..)| *at <= place)
    }

    /// The parts of a group that are dead wherever they have a flow.
    pub(super) fn dead_parts(&self, group: usize) -> Vec<DeniedAbove> {
        let Some(parts) = self.parts.get(&group) else {
            return Vec::new();
        };
        let dead = self.dead.lock().expect("nobody panics while noting");
        (0..parts.all.len())
            .filter(|part| !parts.is_alive(*part))
            .filter_map(|part| {
                let (_, rule, flow) = dead.get(&(group, part))?;
                Some(DeniedAbove {
                    rule: *rule,
                    part: parts.all[part].clone(),
                    flow: flow.clone(),
                })
            })
            .collect()
    }

    /// The allows that let pods without a label in.
    pub(super) fn unlabelled(&self) -> Vec<Unlabelled> {
        let known = self.unlabelled.lock().expect("nobody panics while noting");
        known
            .iter()
            .map(|((_, key), (_, rule, flow))| Unlabelled {
                rule: *rule,
                key: key.clone(),
                flow: flow.clone(),
            })
            .collect()
    }

    fn is_open(&self, rule: RuleRef) -> bool {
        let group = self.of[&rule];
        self.state(group) & NEEDED == 0
            || self.negated.contains_key(&group)
            || self
                .parts
                .get(&group)
                .is_some_and(|parts| !parts.are_alive())
    }

    /// Whether something may still be found out about a rule of a block.
    pub(super) fn any_open(&self, block: &Block, site: RuleSite, direction: Direction) -> bool {
        (0..block.rules.len() as u32).any(|rule| {
            self.is_open(RuleRef {
                site,
                direction,
                rule,
            })
        })
    }

    /// Takes all rules of a place to be needed, and all their parts to be alive.
    pub(super) fn need_all(&self, index: &Index, partition: Partition, direction: Direction) {
        for (rule, group) in &self.order {
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
                if let Some(parts) = self.parts.get(group) {
                    (0..parts.all.len()).for_each(|part| parts.revive(part));
                }
            }
        }
    }
}

/// Keeps what was seen at the first place.
fn first<K: Ord>(known: &First<K>, key: K, place: usize, rule: RuleRef, flow: Flow) {
    let mut known = known.lock().expect("nobody panics while noting");
    let slot = known.entry(key);
    match slot {
        std::collections::btree_map::Entry::Vacant(slot) => {
            slot.insert((place, rule, flow));
        }
        std::collections::btree_map::Entry::Occupied(mut slot) => {
            if (place, rule) < (slot.get().0, slot.get().1) {
                slot.insert((place, rule, flow));
            }
        }
    }
}
