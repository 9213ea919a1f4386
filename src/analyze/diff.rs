//! Which connections one side opens and which it closes, against another.
//!
//! Takes: two sides in one world. Gives: [`Diff`]: regions that the second lets through and the first does not, and the other way round, with those who decided;
//! exactly all connections that differ, unless it says that some are left out. And pods that a policy selects for the first time: what nobody names is closed to them from then on.

use rayon::prelude::*;
use smol_str::SmolStr;

use super::compare::{End, Ends, Open, Pair};
use super::gather::{self, Found};
use super::{Side, Who};
use crate::meaning::{By, Index, Oracle, Partition, Set, TooLarge, Verdict, decide};
use crate::model::{PolicyId, TierId};
use crate::space::{Direction, FlowBox, Pods, Region};

/// The most regions of one end of one namespace.
const REGIONS: usize = 60;

/// The most namespaces whose pods are asked at the other end, for one end of one namespace.
const THERE: usize = 4000;

/// How many pairs of deciders are looked for in one region.
const DECIDERS: usize = 4;

/// Connections that one side lets through and the other does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Whether the second side lets them through.
    pub opens: bool,
    /// The team whose policy did it: the owner of the policy that decides now, else of the one that did before; a namespace, `namespace shop`, where no team is known.
    pub team: SmolStr,
    /// Which they are, as the end sees them at which the sides differ.
    pub region: Region,
    /// Who decides at that end before and after: some of them, each once.
    pub deciders: [Vec<Who>; 2],
    /// Who lets them through at the other end, on the side that does: some of them.
    pub beyond: Vec<Who>,
}

/// Pods that no policy of the first side closes in a direction, and one of the second does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Isolated {
    /// The pods, as the subject; everything else is open.
    pub region: Region,
    /// The policies that select them.
    pub by: Vec<Who>,
}

/// All that differs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// What opens, then what closes; by team, in order of the regions.
    pub changes: Vec<Change>,
    /// Who is isolated for the first time.
    pub isolated: Vec<Isolated>,
    /// Flows of which a side says nothing: at most one for each end of a namespace.
    pub open: Vec<Open>,
    /// What is too large to compare.
    pub too_large: Vec<TooLarge>,
    /// Ends of namespaces, as `egress of pods in shop`, where more differs than is listed.
    pub cut: Vec<String>,
    /// Ends of namespaces where the other ends were too many to ask: what is listed of them is what this end decides.
    pub unasked: Vec<String>,
}

impl Diff {
    /// Whether both sides are proved to let the same through.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.open.is_empty()
            && self.too_large.is_empty()
            && self.cut.is_empty()
    }
}

/// What one end of one namespace came to.
#[derive(Default)]
struct Part {
    changes: Vec<Found<Change>>,
    isolated: Vec<Found<Isolated>>,
    open: Option<Open>,
    cut: bool,
    unasked: bool,
}

impl<'a> Pair<'a> {
    /// What the second side opens and closes against the first. `sides` are those that were aligned.
    pub fn diff(&self, sides: [&Side; 2], ends: Ends) -> Diff {
        let places = self.places();
        let parts: Vec<Result<Part, TooLarge>> = places
            .par_iter()
            .map(|(partition, direction)| self.part(sides, ends, *partition, *direction))
            .collect();
        let mut all = Diff::default();
        let mut changes = Vec::new();
        let mut isolated = Vec::new();
        for ((partition, direction), part) in places.into_iter().zip(parts) {
            let part = match part {
                Ok(part) => part,
                Err(too_large) => {
                    all.too_large.push(too_large);
                    continue;
                }
            };
            changes.extend(part.changes);
            isolated.extend(part.isolated);
            all.open.extend(part.open);
            let namespace = match self.indexes[0].name(partition) {
                Some(name) => name.as_str(),
                None => "other namespaces",
            };
            let end = format!("{} of pods in {namespace}", direction.word());
            if part.unasked {
                all.unasked.push(end.clone());
            }
            if part.cut {
                all.cut.push(end);
            }
        }
        let world = gather::World::new(self);
        all.changes = gather::changes(&world, changes);
        all.isolated = gather::isolated(&world, isolated);
        all
    }

    fn part(
        &self,
        sides: [&Side; 2],
        ends: Ends,
        partition: Partition,
        direction: Direction,
    ) -> Result<Part, TooLarge> {
        let mut end = self.end(partition, direction)?;
        let mut part = Part {
            open: end.open.take(),
            ..Part::default()
        };
        let mut hints = Vec::new();
        for side in [1, 0] {
            let mut set = end.more[side];
            if set == Set::EMPTY {
                continue;
            }
            if hints.is_empty() {
                hints.extend(end.oracle.hints(&self.indexes[1]));
                hints.extend(end.oracle.hints(&self.indexes[0]));
                if let Some(within) = &self.within {
                    hints = within.hints(hints, direction);
                }
            }
            if ends == Ends::Together {
                let mut kept = Vec::new();
                let asked = self.through(&mut end.oracle, (side, set), THERE, |_, one| {
                    kept.push(one);
                    Ok(true)
                })?;
                part.unasked |= !asked;
                set = end.oracle.union(kept)?;
            }
            let made = end.oracle.boxes(set, end.here, &hints, REGIONS)?;
            part.cut |= !made.complete;
            for region in made.regions {
                let mut change = self.change(sides, &mut end, (side, set), region, ends)?;
                if let Some(within) = &self.within {
                    change.region = within.numbered(change.region);
                }
                part.changes.push(Found::new(partition, change));
            }
        }
        self.isolation(sides, &mut end, partition, &mut part)?;
        Ok(part)
    }

    /// Who did it, by flows of the region.
    fn change(
        &self,
        sides: [&Side; 2],
        end: &mut End<'a>,
        (side, set): (usize, Set),
        region: Region,
        ends: Ends,
    ) -> Result<Change, TooLarge> {
        let oracle = &mut end.oracle;
        let programs = &self.aligned.programs;
        let mut rest = oracle.region_set(&region)?;
        rest = oracle.and(rest, set)?;
        let mut deciders: [Vec<Who>; 2] = Default::default();
        let mut beyond = Vec::new();
        for _ in 0..DECIDERS {
            let Some(flow) = oracle.witness(rest)? else {
                break;
            };
            let decided = [decide(&programs[0], &flow), decide(&programs[1], &flow)];
            for at in [0, 1] {
                add(
                    &mut deciders[at],
                    Who::of(sides[at], &programs[at], decided[at].by),
                );
            }
            if let (Ends::Together, Some(there)) = (ends, flow.mirrored()) {
                let decision = decide(&programs[side], &there);
                if decision.verdict == Verdict::Allow {
                    add(
                        &mut beyond,
                        Who::of(sides[side], &programs[side], decision.by),
                    );
                }
            }
            let rules = [side, 1 - side].map(|at| match decided[at].by {
                By::Rule(rule) => Some((at, rule)),
                _ => None,
            });
            let Some((at, rule)) = rules.into_iter().flatten().next() else {
                break;
            };
            let matched = oracle.matched(programs[at].rule(rule))?;
            rest = oracle.minus(rest, matched)?;
        }
        let owner = |at: usize| deciders[at].iter().find_map(|who| who.owner.clone());
        let team = owner(1).or_else(|| owner(0)).unwrap_or_else(|| {
            match region.flows.subject.namespaces.single() {
                Some(name) => format!("namespace {name}").into(),
                None => SmolStr::new_static("other namespaces"),
            }
        });
        Ok(Change {
            opens: side == 1,
            team,
            region,
            deciders,
            beyond,
        })
    }

    /// Pods that are closed for the first time.
    fn isolation(
        &self,
        sides: [&Side; 2],
        end: &mut End<'a>,
        partition: Partition,
        part: &mut Part,
    ) -> Result<(), TooLarge> {
        let oracle = &mut end.oracle;
        let direction = oracle.direction();
        let before = closed(&self.indexes[0], oracle, partition)?;
        let after = closed(&self.indexes[1], oracle, partition)?;
        let mut first = oracle.minus(after, before)?;
        if let Some(within) = &self.within {
            let asked = oracle.subjects_in(&within.subjects(direction))?;
            first = oracle.and(first, asked)?;
        }
        if oracle.is_empty(first) {
            return Ok(());
        }
        let index = &self.indexes[1];
        let policies = closing(index, partition, direction);
        let hints: Vec<FlowBox> = oracle
            .hints(index)
            .into_iter()
            .filter(|hint| hint.peers.is_anywhere() && hint.ports.is_all())
            .collect();
        let made = oracle.boxes(first, Set::ALL, &hints, REGIONS)?;
        part.cut |= !made.complete;
        for region in made.regions {
            let mut by = Vec::new();
            let flows = oracle.region_set(&region)?;
            for id in &policies {
                let policy = index.program.policy(*id);
                let selected = oracle.subjects_in(&policy.subject)?;
                let both = oracle.and(flows, selected)?;
                if !oracle.is_empty(both) && by.len() < DECIDERS {
                    add(&mut by, policy_of(sides[1], &self.indexes[1], *id));
                }
            }
            part.isolated
                .push(Found::new(partition, Isolated { region, by }));
        }
        Ok(())
    }
}

/// Adds what is not there.
pub(super) fn add(all: &mut Vec<Who>, who: Who) {
    if !all.contains(&who) {
        all.push(who);
    }
}

fn policy_of(side: &Side, index: &Index<'_>, id: PolicyId) -> Who {
    let policy = index.program.policy(id);
    let name = policy.qualified();
    Who {
        what: name.to_string(),
        policy: Some(name),
        owner: Some(policy.owner.clone()).filter(|owner| !owner.is_empty()),
        place: Some(side.place(policy.span)),
        because: None,
        ticket: None,
    }
}

/// The policies that close what they select: those of tiers that end in deny.
fn closing(index: &Index<'_>, partition: Partition, direction: Direction) -> Vec<PolicyId> {
    let tiers = index.program.tiers.iter().enumerate();
    tiers
        .filter(|(_, tier)| tier.otherwise.denies())
        .flat_map(|(at, _)| index.policies(TierId(at as u32), partition, direction))
        .collect()
}

/// The flows of pods that are closed but for what is said.
fn closed(
    index: &Index<'_>,
    oracle: &mut Oracle<'_>,
    partition: Partition,
) -> Result<Set, TooLarge> {
    let direction = oracle.direction();
    let mut subjects: Vec<Pods> = closing(index, partition, direction)
        .into_iter()
        .flat_map(|id| index.program.policy(id).subject.iter().cloned())
        .collect();
    let default = index.program.default.as_ref();
    if let Some(default) = default.filter(|default| default.block(direction).is_some()) {
        subjects.extend(default.subject.iter().cloned());
    }
    oracle.subjects_in(&subjects)
}
