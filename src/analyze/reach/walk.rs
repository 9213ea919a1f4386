//! What each end decides of every other end, for whole classes of ends at once.
//!
//! Takes: a program and classes of ends: pods that no selector tells apart, and single addresses. Gives: for each class and direction, which ports its policies
//! let through from, or to, each other class. The walk is that of [`decide`](crate::meaning::decide()): tiers, policies and rules in their order, with sets of ports
//! in the place of one port and sets of classes in the place of one end.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::crowd::Crowd;
use crate::backend::read::Unread;
use crate::meaning::{ordered, selects};
use crate::model::{Action, Block, PolicyId, Program, TierId};
use crate::prove::Universe;
use crate::space::{Direction, End, EndpointSet, Pod, Pods, PortSet};

/// What is let through at one end, and what is not known: disjoint, without names of ports.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Half {
    pub(super) allowed: PortSet,
    pub(super) unknown: PortSet,
}

/// What one class decides in one direction.
pub(super) struct View {
    /// Whether a policy selects its pods.
    pub(super) selected: bool,
    /// A partition of the classes.
    pub(super) halves: Vec<(Half, Bits)>,
}

/// Classes, and what the program's selectors pick of them.
pub(super) struct Walk<'a> {
    program: &'a Program,
    unread: &'a [Unread],
    /// One end of each class.
    ends: &'a [End],
    /// The pods among them.
    crowd: Crowd<'a>,
    /// The pods that each set of pods picks out, those with relations left out.
    picked: FxHashMap<&'a Pods, Bits>,
    /// What each set of ends picks out, apart from sets of pods with relations.
    met: FxHashMap<&'a EndpointSet, Bits>,
    /// Of each tier, the enforced policies in order that select somebody, and the classes that they select.
    tiers: Vec<Vec<(PolicyId, Bits)>>,
    default: Bits,
    /// What there is at all, by the kinds of the other end: of ingress, and of egress.
    start: [Vec<(State, Bits)>; 2],
}

/// Ports under way through the tiers.
#[derive(Clone, PartialEq, Eq, Debug)]
struct State {
    /// Everything that there is.
    all: PortSet,
    /// Not decided by this tier so far.
    left: PortSet,
    /// Passed on to the next tier.
    passed: PortSet,
    allowed: PortSet,
}

/// Sets of ports that have no names.
const PLAIN: &str = "names of ports are resolved";

pub(super) fn both(a: &PortSet, b: &PortSet) -> PortSet {
    a.intersect(b).expect(PLAIN)
}

pub(super) fn less(a: &PortSet, b: &PortSet) -> PortSet {
    a.subtract(b).expect(PLAIN)
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        program: &'a Program,
        unread: &'a [Unread],
        universe: &'a Universe,
        ends: &'a [End],
    ) -> Self {
        let mut walk = Walk {
            program,
            unread,
            ends,
            crowd: Crowd::new(ends),
            picked: FxHashMap::default(),
            met: FxHashMap::default(),
            tiers: Vec::new(),
            default: Bits::none(ends.len()),
            start: Direction::BOTH.map(|direction| start(universe, ends, direction)),
        };
        let crowd = &walk.crowd;
        let (subjects, peers) = mentioned(program, unread, &|subject| crowd.meets(subject));
        let mut pods: Vec<&Pods> = subjects;
        pods.extend(peers.iter().flat_map(|peers| &peers.pods));
        pods.sort_unstable();
        pods.dedup();
        walk.picked = pods
            .into_par_iter()
            .filter(|pods| pods.namespaces.same.is_empty())
            .map(|pods| (pods, walk.crowd.pick(pods, ends.len())))
            .collect();
        let mut peers = peers;
        peers.sort_unstable();
        peers.dedup();
        walk.met = peers
            .into_par_iter()
            .map(|peers| (peers, walk.meet(peers)))
            .collect();
        for tier in 0..program.tiers.len() {
            let policies = ordered(program, TierId(tier as u32)).into_iter();
            let enforced = policies.filter(|id| !program.policy(*id).staged);
            let selecting = enforced
                .map(|id| (id, walk.subjects(&program.policy(id).subject)))
                .filter(|(_, subjects)| !subjects.is_empty());
            walk.tiers.push(selecting.collect());
        }
        if let Some(default) = &program.default {
            walk.default = walk.subjects(&default.subject);
        }
        walk
    }

    fn meet(&self, peers: &EndpointSet) -> Bits {
        let mut found = Bits::none(self.ends.len());
        for pods in &peers.pods {
            if let Some(known) = self.picked.get(pods) {
                found.unite(known);
            }
        }
        let EndpointSet {
            nodes,
            outside,
            names,
            proxy,
            ..
        } = peers;
        if nodes.is_empty() && outside.is_empty() && names.is_empty() && !proxy {
            return found;
        }
        for (at, end) in self.ends.iter().enumerate().skip(self.crowd.len()) {
            let is = match end {
                End::Pod(_) => false,
                End::Node(address) => nodes.contains(*address),
                End::Outside {
                    address,
                    names: has,
                } => outside.contains(*address) || !names.is_disjoint(has),
                End::Proxy => *proxy,
            };
            if is {
                found.add(at);
            }
        }
        found
    }

    fn subjects(&self, subject: &[Pods]) -> Bits {
        let mut found = Bits::none(self.ends.len());
        for pods in subject {
            match self.picked.get(pods) {
                Some(known) => found.unite(known),
                None => found.unite(&self.crowd.pick(pods, self.ends.len())),
            }
        }
        found
    }

    /// The ends of a set, as a pod sees it.
    fn seen(&self, peers: &EndpointSet, subject: &Pod) -> Bits {
        let mut found = match self.met.get(peers) {
            Some(known) => known.clone(),
            None => self.meet(peers),
        };
        for pods in peers
            .pods
            .iter()
            .filter(|one| !one.namespaces.same.is_empty())
        {
            let label = |key: &str| {
                subject
                    .namespace_labels
                    .get(key)
                    .map(|value| value.as_str())
            };
            if let Some(namespaces) = pods.namespaces.seen_from(&subject.namespace, label) {
                let seen = Pods {
                    namespaces,
                    ..pods.clone()
                };
                found.unite(&self.crowd.pick(&seen, self.ends.len()));
            }
        }
        found
    }

    /// What a class decides; `None` if its ends are no pods.
    pub(super) fn view(&self, class: usize, direction: Direction) -> Option<View> {
        let End::Pod(pod) = &self.ends[class] else {
            return None;
        };
        let mut states = self.start[usize::from(direction == Direction::Egress)].clone();
        let mut selected = false;
        for (tier, policies) in self.program.tiers.iter().zip(&self.tiers) {
            let mut selecting = false;
            for (id, subjects) in policies {
                let block = self.program.policy(*id).block(direction);
                if let Some(block) = block.filter(|_| subjects.has(class)) {
                    selecting = true;
                    self.block(block, pod, class, direction, &mut states);
                }
            }
            selected |= selecting;
            if selecting {
                let denies = tier.otherwise.denies();
                each(&mut states, |state| {
                    let kept = match denies {
                        true => PortSet::empty(),
                        false => std::mem::take(&mut state.left),
                    };
                    state.left = kept.union(&std::mem::take(&mut state.passed));
                });
            }
        }
        let default = self.program.default.as_ref();
        let default = default.filter(|_| self.default.has(class));
        match default.and_then(|default| default.block(direction)) {
            Some(block) => {
                selected = true;
                self.block(block, pod, class, direction, &mut states);
                // A `pass` cannot be written there; it would go on to an open end.
                each(&mut states, |state| {
                    state.allowed = state.allowed.union(&state.passed);
                });
            }
            None => each(&mut states, |state| {
                state.allowed = state.allowed.union(&state.left);
            }),
        }
        Some(View {
            selected,
            halves: self.halves(states, pod, class, direction),
        })
    }

    fn block(
        &self,
        block: &Block,
        pod: &Pod,
        class: usize,
        direction: Direction,
        states: &mut Vec<(State, Bits)>,
    ) {
        for rule in &block.rules {
            if rule.action == Action::Log {
                continue;
            }
            for clause in &rule.clauses {
                if let Some(subject) = &clause.subject
                    && !subject.iter().any(|pods| match self.picked.get(pods) {
                        Some(known) => known.has(class),
                        None => selects(std::slice::from_ref(pods), pod),
                    })
                {
                    continue;
                }
                let peers = self.seen(&clause.peers, pod);
                for (ports, peers) in self.numbered(&clause.ports, peers, pod, direction) {
                    split(states, &peers, |state| {
                        let hit = both(&state.left, &ports);
                        if hit.is_empty() {
                            return;
                        }
                        state.left = less(&state.left, &hit);
                        match rule.action {
                            Action::Allow => state.allowed = state.allowed.union(&hit),
                            Action::Pass => state.passed = state.passed.union(&hit),
                            Action::Deny | Action::Log => {}
                        }
                    });
                }
            }
        }
    }

    /// Ports with the numbers that the destination gives their names, for those of the other ends that give the same.
    fn numbered(
        &self,
        ports: &PortSet,
        peers: Bits,
        pod: &Pod,
        direction: Direction,
    ) -> Vec<(PortSet, Bits)> {
        if ports.named.is_empty() {
            return vec![(ports.clone(), peers)];
        }
        if direction == Direction::Ingress {
            let numbered = ports.resolved(|name| pod.named_ports.get(name).copied());
            return vec![(numbered, peers)];
        }
        let mut parts: Vec<(PortSet, Bits)> = Vec::new();
        for peer in peers.iter() {
            let numbered = match &self.ends[peer] {
                End::Pod(pod) => ports.resolved(|name| pod.named_ports.get(name).copied()),
                _ => ports.resolved(|_| None),
            };
            match parts.iter_mut().find(|(known, _)| *known == numbered) {
                Some((_, bits)) => bits.add(peer),
                None => {
                    let mut bits = Bits::none(self.ends.len());
                    bits.add(peer);
                    parts.push((numbered, bits));
                }
            }
        }
        parts
    }

    /// What came of it, less what was not understood.
    fn halves(
        &self,
        states: Vec<(State, Bits)>,
        pod: &Pod,
        class: usize,
        direction: Direction,
    ) -> Vec<(Half, Bits)> {
        // Beside each half, everything that there is.
        let mut halves: Vec<(Half, PortSet, Bits)> = states
            .into_iter()
            .map(|(state, bits)| {
                let half = Half {
                    allowed: state.allowed,
                    unknown: PortSet::empty(),
                };
                (half, state.all, bits)
            })
            .collect();
        let parts = self
            .unread
            .iter()
            .filter(|part| part.direction == direction);
        for flows in parts.flat_map(|part| &part.flows) {
            let subject = std::slice::from_ref(&flows.subject);
            if !self.subjects(subject).has(class) {
                continue;
            }
            let peers = self.seen(&flows.peers, pod);
            for (ports, peers) in self.numbered(&flows.ports, peers, pod, direction) {
                let mut cut = Vec::with_capacity(halves.len() + 1);
                for (half, all, mut bits) in halves {
                    let inside = bits.and(&peers);
                    if !inside.is_empty() {
                        bits.remove(&inside);
                        let here = both(&ports, &all);
                        let half = Half {
                            allowed: less(&half.allowed, &here),
                            unknown: half.unknown.union(&here),
                        };
                        cut.push((half, all.clone(), inside));
                    }
                    if !bits.is_empty() {
                        cut.push((half, all, bits));
                    }
                }
                halves = cut;
            }
        }
        let mut found = Vec::with_capacity(halves.len());
        for (half, _, bits) in halves {
            add(&mut found, half, bits);
        }
        found
    }
}

/// All that there is, by the kinds of the other end.
fn start(universe: &Universe, ends: &[End], direction: Direction) -> Vec<(State, Bits)> {
    let mut states: Vec<(State, Bits)> = Vec::new();
    for (at, end) in ends.iter().enumerate() {
        let all = universe.traffic(direction, end);
        let state = State {
            left: all.clone(),
            all,
            passed: PortSet::empty(),
            allowed: PortSet::empty(),
        };
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, bits)) => bits.add(at),
            None => {
                let mut bits = Bits::none(ends.len());
                bits.add(at);
                states.push((state, bits));
            }
        }
    }
    states
}

fn add(halves: &mut Vec<(Half, Bits)>, half: Half, bits: Bits) {
    match halves.iter_mut().find(|(known, _)| *known == half) {
        Some((_, known)) => known.unite(&bits),
        None => halves.push((half, bits)),
    }
}

fn each(states: &mut [(State, Bits)], mut change: impl FnMut(&mut State)) {
    for (state, _) in states {
        change(state);
    }
}

/// Changes the states of some of the ends; equal ones become one again.
fn split(states: &mut Vec<(State, Bits)>, peers: &Bits, mut change: impl FnMut(&mut State)) {
    let mut changed: Vec<(State, Bits)> = Vec::new();
    for (state, bits) in states.iter_mut() {
        if state.left.is_empty() {
            continue;
        }
        let inside = bits.and(peers);
        if inside.is_empty() {
            continue;
        }
        let mut new = state.clone();
        change(&mut new);
        if new != *state {
            bits.remove(&inside);
            changed.push((new, inside));
        }
    }
    if changed.is_empty() {
        return;
    }
    states.retain(|(_, bits)| !bits.is_empty());
    for (new, inside) in changed {
        match states.iter_mut().find(|(known, _)| *known == new) {
            Some((_, bits)) => bits.unite(&inside),
            None => states.push((new, inside)),
        }
    }
}

/// All sets of pods that are selected, and all sets of other ends, of what selects pods that count.
pub(super) fn mentioned<'a>(
    program: &'a Program,
    unread: &'a [Unread],
    counts: &dyn Fn(&[Pods]) -> bool,
) -> (Vec<&'a Pods>, Vec<&'a EndpointSet>) {
    let mut subjects: Vec<&Pods> = Vec::new();
    let mut peers: Vec<&EndpointSet> = Vec::new();
    let enforced = program.policies.iter().filter(|policy| !policy.staged);
    let mut blocks: Vec<&Block> = Vec::new();
    for policy in enforced.filter(|policy| counts(&policy.subject)) {
        subjects.extend(&policy.subject);
        blocks.extend(policy.ingress.iter().chain(&policy.egress));
    }
    let default = program.default.as_ref();
    if let Some(default) = default.filter(|default| counts(&default.subject)) {
        subjects.extend(&default.subject);
        blocks.extend(default.ingress.iter().chain(&default.egress));
    }
    for clause in blocks
        .into_iter()
        .flat_map(|block| &block.rules)
        .flat_map(|rule| &rule.clauses)
    {
        subjects.extend(clause.subject.iter().flatten());
        peers.push(&clause.peers);
    }
    let flows = unread.iter().flat_map(|part| &part.flows);
    for flows in flows.filter(|flows| counts(std::slice::from_ref(&flows.subject))) {
        subjects.push(&flows.subject);
        peers.push(&flows.peers);
    }
    (subjects, peers)
}
