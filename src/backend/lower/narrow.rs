//! One allow rule to boxes that lie inside of what the program allows, guided by witnesses.
//!
//! A box that holds a flow which the program denies is cut by what takes that flow away from the rule: a deny, a pass or the end of a closing tier
//! before it. Only what bites is subtracted, so a rule that nothing touches stays as it was written. What an earlier pass of a blocker's tier
//! saves from the blocker is put back, and narrowed further like everything else.

use super::selectors::{complement, merge};
use super::slice::{Slice, SlicePolicy, SliceTier};
use super::truth::Truth;
use crate::meaning::{self, TooLarge};
use crate::model::{Action, RuleRef, RuleSite, TierId};
use crate::space::{Flow, FlowBox, Inexpressible};

/// How many boxes one rule may become in one namespace; more is an error that names the blockers.
const BOXES: usize = 8;

/// How many boxes may be found for one box of a rule before they are merged.
const FOUND: usize = 24;

/// How many witnesses may be asked for while one box is narrowed.
const STEPS: usize = 400;

/// Where allowed flows come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// From an allow rule.
    Rule(RuleRef),
    /// From nobody's deciding: pods that this policy selects are isolated, and what neither it nor anybody else decides is open.
    Open(RuleSite),
}

/// What takes flows away from a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Blocker {
    /// A deny or a pass before it.
    Rule(RuleRef),
    /// The end of a closing tier above it.
    End(TierId),
    /// The end of `default`.
    DefaultEnd,
}

/// An allow rule in one namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Narrowed {
    /// Where it comes from.
    pub origin: Origin,
    /// Its flows, all of them allowed; in the rule's order.
    pub boxes: Vec<FlowBox>,
    /// What was cut away from it, each once, in the order in which it was found.
    pub blockers: Vec<Blocker>,
}

/// Why a rule could not be narrowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It would take too many boxes.
    TooMany,
    /// What the blocker leaves cannot be said.
    Inexpressible(Inexpressible),
    /// A flow that the rule matches first is denied: the compiler contradicts itself.
    NotExact(Box<Flow>),
    /// What the program says cannot be asked within the bounds of the diagrams.
    TooLarge(TooLarge),
}

impl From<TooLarge> for Why {
    fn from(too_large: TooLarge) -> Self {
        Why::TooLarge(too_large)
    }
}

/// A rule that could not be narrowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where it comes from.
    pub origin: Origin,
    /// What was being cut away from it; the last one is at fault where one is.
    pub blockers: Vec<Blocker>,
    /// Why not.
    pub why: Why,
}

/// A box on the way, with the blockers whose passes have been put back in it.
struct Piece {
    flows: FlowBox,
    saved: Vec<Blocker>,
    whole: bool,
}

/// Narrows the boxes of one origin.
pub(super) fn narrow(
    slice: &Slice<'_>,
    truth: &mut Truth<'_>,
    origin: Origin,
    start: Vec<FlowBox>,
) -> Result<Narrowed, Failure> {
    let most = start.len().max(BOXES);
    let mut narrowed = Narrowed {
        origin,
        boxes: Vec::with_capacity(start.len()),
        blockers: Vec::new(),
    };
    for flows in start {
        let found = match one(slice, truth, origin, flows, &mut narrowed.blockers) {
            Ok(found) => found,
            Err(why) => {
                return Err(Failure {
                    origin,
                    blockers: narrowed.blockers,
                    why,
                });
            }
        };
        narrowed.boxes.extend(merged(found));
    }
    if narrowed.boxes.len() > most {
        return Err(Failure {
            origin,
            blockers: narrowed.blockers,
            why: Why::TooMany,
        });
    }
    Ok(narrowed)
}

fn one(
    slice: &Slice<'_>,
    truth: &mut Truth<'_>,
    origin: Origin,
    flows: FlowBox,
    blockers: &mut Vec<Blocker>,
) -> Result<Vec<FlowBox>, Why> {
    let mut found = Vec::new();
    let mut todo = vec![Piece {
        flows,
        saved: Vec::new(),
        whole: true,
    }];
    let mut steps = 0;
    while let Some(piece) = todo.pop() {
        steps += 1;
        if steps > STEPS || found.len() > FOUND {
            return Err(Why::TooMany);
        }
        if !truth.counts(&piece.flows) || !piece.whole && !truth.has_allowed(&piece.flows)? {
            continue;
        }
        let Some(flow) = truth.denied(&piece.flows)? else {
            found.push(piece.flows);
            continue;
        };
        let Some(blocker) = blocker(slice, origin, &flow) else {
            return Err(Why::NotExact(Box::new(flow)));
        };
        if piece.whole && !truth.has_allowed(&piece.flows)? {
            continue;
        }
        if !blockers.contains(&blocker) {
            blockers.push(blocker);
        }
        let mut rest = cut(slice, origin, &piece, blocker, &flow)?;
        rest.reverse();
        todo.extend(rest);
    }
    Ok(found)
}

/// What takes a denied flow away from the origin; `None` if the origin would decide it.
fn blocker(slice: &Slice<'_>, origin: Origin, flow: &Flow) -> Option<Blocker> {
    for tier in &slice.tiers {
        let mut selecting = false;
        let mut passed = false;
        for policy in &tier.policies {
            if !policy.selects(flow) {
                continue;
            }
            selecting = true;
            let Some((site, rule)) = slice.first(policy, flow) else {
                continue;
            };
            if origin == Origin::Rule(site) {
                return None;
            }
            // A pass before the origin takes the flow away from it; one in a tier above sends the flow towards it.
            let same_tier = matches!(origin, Origin::Rule(of) if has(tier, of.site));
            if rule.action == Action::Pass && !same_tier {
                passed = true;
                break;
            }
            return Some(Blocker::Rule(site));
        }
        if selecting && !passed && tier.otherwise.denies() {
            return Some(Blocker::End(tier.id));
        }
    }
    let default = slice
        .default
        .as_ref()
        .filter(|default| default.selects(flow))?;
    match slice.first(default, flow) {
        Some((site, _)) if origin == Origin::Rule(site) => None,
        Some((site, _)) => Some(Blocker::Rule(site)),
        None => Some(Blocker::DefaultEnd),
    }
}

fn has(tier: &SliceTier<'_>, site: RuleSite) -> bool {
    tier.policies.iter().any(|policy| policy.site == site)
}

/// A piece less its blocker, with what passes of the blocker's tier save from it; the larger rest first.
fn cut(
    slice: &Slice<'_>,
    origin: Origin,
    piece: &Piece,
    blocker: Blocker,
    flow: &Flow,
) -> Result<Vec<Piece>, Why> {
    let mut rest: Vec<FlowBox> = Vec::new();
    let mut back: Vec<FlowBox> = Vec::new();
    let flows = &piece.flows;
    let without = |subjects: &mut dyn Iterator<Item = &SlicePolicy<'_>>| {
        let taken: Vec<_> = subjects
            .flat_map(|policy| policy.subject.iter().cloned())
            .collect();
        let left = complement(&flows.subject, &taken).ok_or(Why::TooMany)?;
        Ok::<_, Why>(left.into_iter().map(|subject| FlowBox {
            subject,
            ..flows.clone()
        }))
    };
    let again = piece.saved.contains(&blocker);
    match blocker {
        Blocker::DefaultEnd => rest.extend(without(&mut slice.default.iter())?),
        Blocker::End(id) => {
            for tier in slice.tiers.iter().filter(|tier| tier.id == id) {
                rest.extend(without(&mut tier.policies.iter())?);
                if !again {
                    for policy in &tier.policies {
                        saved(slice, policy, policy.block.rules.len(), flows, &mut back)?;
                    }
                }
            }
        }
        Blocker::Rule(site) => {
            let home = slice
                .policies()
                .find(|(_, policy)| policy.site == site.site);
            let (tier, policy) = home.expect("a blocker is a rule of the slice");
            let rule = &policy.block.rules[site.rule as usize];
            let taken = rule
                .clauses
                .iter()
                .flat_map(|clause| slice.boxes(policy, clause))
                .find(|taken| meaning::in_box(taken, flow))
                .expect("a blocker matches its witness");
            rest = flows.minus(&taken).map_err(Why::Inexpressible)?;
            let above = tier.filter(|tier| match origin {
                Origin::Rule(of) => !has(tier, of.site),
                Origin::Open(_) => true,
            });
            if let Some(tier) = above.filter(|_| !again && rule.action == Action::Deny) {
                let lost = flows
                    .intersect(&taken)
                    .ok_or(Why::Inexpressible(Inexpressible::NamedPorts))?;
                for earlier in &tier.policies {
                    let rules = if earlier.site == policy.site {
                        site.rule as usize
                    } else {
                        earlier.block.rules.len()
                    };
                    saved(slice, earlier, rules, &lost, &mut back)?;
                    if earlier.site == policy.site {
                        break;
                    }
                }
            }
        }
    }
    let rest = rest.into_iter().map(|flows| Piece {
        flows,
        saved: piece.saved.clone(),
        whole: false,
    });
    let back = back.into_iter().map(|flows| Piece {
        flows,
        saved: piece.saved.iter().copied().chain([blocker]).collect(),
        whole: false,
    });
    Ok(rest.chain(back).collect())
}

/// The part of some lost flows that the first rules of a policy pass.
fn saved(
    slice: &Slice<'_>,
    policy: &SlicePolicy<'_>,
    rules: usize,
    lost: &FlowBox,
    back: &mut Vec<FlowBox>,
) -> Result<(), Why> {
    for rule in policy.block.rules.iter().take(rules) {
        if rule.action != Action::Pass {
            continue;
        }
        for clause in &rule.clauses {
            for passed in slice.boxes(policy, clause) {
                if lost.subject.intersect(&passed.subject).is_empty()
                    || lost.ports.is_disjoint(&passed.ports)
                {
                    continue;
                }
                let both = lost
                    .intersect(&passed)
                    .ok_or(Why::Inexpressible(Inexpressible::NamedPorts))?;
                if !both.is_empty() {
                    back.push(both);
                }
            }
        }
    }
    Ok(())
}

/// The same flows in fewer boxes: two that differ in one place become one.
fn merged(mut boxes: Vec<FlowBox>) -> Vec<FlowBox> {
    let mut at = 0;
    while at < boxes.len() {
        let partner = (at + 1..boxes.len())
            .find_map(|other| Some((other, together(&boxes[at], &boxes[other])?)));
        match partner {
            Some((other, both)) => {
                boxes.remove(other);
                boxes[at] = both;
                // What it has become may merge with one that it could not merge with before.
                at = 0;
            }
            None => at += 1,
        }
    }
    boxes
}

fn together(a: &FlowBox, b: &FlowBox) -> Option<FlowBox> {
    match (
        a.subject == b.subject,
        a.peers == b.peers,
        a.ports == b.ports,
    ) {
        (_, true, true) => Some(FlowBox {
            subject: merge(&a.subject, &b.subject)?,
            ..a.clone()
        }),
        (true, false, true) => {
            let mut peers = a.peers.union(&b.peers);
            peers.pods = super::selectors::coalesce(peers.pods);
            Some(FlowBox { peers, ..a.clone() })
        }
        (true, true, false) => Some(FlowBox {
            ports: a.ports.union(&b.ports),
            ..a.clone()
        }),
        _ => None,
    }
}
