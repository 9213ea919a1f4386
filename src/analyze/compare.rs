//! Whether two sides let the same connections through, for every pod that could exist.
//!
//! A connection between two pods has two ends, and gets through if both let it. Two sides that differ at one end only where the other end lets nothing through differ in no
//! connection; so the question is asked of connections, unless each end is asked for itself ([`Ends::Each`]), which is what a proof of manifests asks.
//! A connection changes only if one of its ends does. So each end of each namespace is compared, and of what differs there is kept what the other end lets through, on
//! the side that allows: exactly the connections that one side has and the other has not.

use std::sync::Arc;

use rayon::prelude::*;

use super::Aligned;
use super::alike::Alike;
use super::focus::{Focus, Within};
use crate::backend::read::Unread;
use crate::meaning::{Decision, Index, Oracle, Partition, Set, TooLarge, Verdict, decide};
use crate::model::TierId;
use crate::space::{Direction, Flow};

/// How many flows of a kind an answer shows.
const SHOWN: usize = 8;

/// What is asked of both ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// Whether the connection gets through.
    Together,
    /// What each of them decides, whatever the other does.
    Each,
}

/// Which differences count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Both let the same through.
    Equal,
    /// What the first lets through, the second does.
    Implies,
}

/// A flow that one side lets through, and the other does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Apart {
    /// The flow, as the end sees it at which the sides differ.
    pub flow: Flow,
    /// What each side decides at that end.
    pub decisions: [Decision; 2],
    /// What the side that lets it through decides at the other end, if that is a pod and was asked.
    pub beyond: Option<Decision>,
}

impl Apart {
    /// The side that lets it through: 0 or 1.
    pub fn allowing(&self) -> usize {
        usize::from(self.decisions[1].verdict == Verdict::Allow)
    }
}

/// A flow of which one side says nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    /// The side: 0 or 1.
    pub side: usize,
    /// The flow.
    pub flow: Flow,
    /// The object and the reason.
    pub why: String,
}

/// What a comparison came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Flows that speak against the claim: at most a few.
    pub apart: Vec<Apart>,
    /// Flows on which a part that was not understood could decide: at most a few.
    pub open: Vec<Open>,
    /// What is too large to compare.
    pub too_large: Vec<TooLarge>,
}

impl Comparison {
    /// Whether the claim is proved.
    pub fn holds(&self) -> bool {
        self.apart.is_empty() && self.open.is_empty() && self.too_large.is_empty()
    }
}

/// Two sides, prepared.
pub struct Pair<'a> {
    /// What is compared.
    pub aligned: &'a Aligned,
    /// The indexes, which number alike.
    pub indexes: [Arc<Index<'a>>; 2],
    alike: Alike,
    /// The connections that are asked about; all of them if absent.
    pub(super) within: Option<Within>,
    /// For each side and direction, the partitions whose pods are not open to everything.
    governed: [[Vec<Partition>; 2]; 2],
}

/// The place of a direction in a pair.
fn at(direction: Direction) -> usize {
    usize::from(direction == Direction::Egress)
}

/// The partitions where something decides.
fn governed(index: &Index<'_>, direction: Direction) -> Vec<Partition> {
    let default = index.program.default.as_ref();
    let default = default.filter(|default| default.block(direction).is_some());
    let decided = |partition: &Partition| {
        default.is_some()
            || (0..index.program.tiers.len()).any(|tier| {
                !index
                    .policies(TierId(tier as u32), *partition, direction)
                    .is_empty()
            })
    };
    index.partitions().into_iter().filter(decided).collect()
}

impl<'a> Pair<'a> {
    /// Prepares two sides.
    pub fn new(aligned: &'a Aligned) -> Self {
        let [one, other] = &aligned.programs;
        let Some((first, second)) = Index::pair(one, other) else {
            unreachable!("aligned programs have one world");
        };
        let governed = [&first, &second]
            .map(|index| [Direction::Ingress, Direction::Egress].map(|one| governed(index, one)));
        Pair {
            aligned,
            governed,
            indexes: [Arc::new(first), Arc::new(second)],
            alike: Alike::new([one, other]),
            within: None,
        }
    }

    /// The same of some connections only.
    ///
    /// # Errors
    /// In words, if it cannot be asked of both sides at once.
    pub fn on(mut self, focus: &Focus) -> Result<Self, String> {
        self.within = Some(Within::of(focus, self.aligned)?);
        Ok(self)
    }

    /// The ends at which the sides may differ, in order.
    pub(super) fn places(&self) -> Vec<(Partition, Direction)> {
        let [one, other] = &self.indexes;
        let partitions = self.aligned.universe.partitions(one);
        let places: Vec<(Partition, Direction)> = partitions
            .into_iter()
            .filter(|partition| {
                let name = one.name(*partition);
                name.is_none_or(|name| self.aligned.left_out.binary_search(name).is_err())
            })
            .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
            .collect();
        let unread = self.aligned.unread.iter().flatten();
        let unread: Vec<&Unread> = unread.collect();
        places
            .into_par_iter()
            .filter(|(partition, direction)| {
                let within = self.within.as_ref();
                if within.is_some_and(|within| !within.meets(one, *partition, *direction)) {
                    return false;
                }
                let meets = |part: &&&Unread| {
                    part.direction == *direction
                        && part
                            .flows
                            .iter()
                            .any(|flows| one.meets(&flows.subject.namespaces, *partition))
                };
                unread.iter().any(|part| meets(&part))
                    || !self.alike.holds([one, other], *partition, *direction)
            })
            .collect()
    }

    /// What one end of one partition comes to.
    pub(super) fn end(
        &self,
        partition: Partition,
        direction: Direction,
    ) -> Result<End<'a>, TooLarge> {
        let [one, other] = &self.indexes;
        let mut oracle = Oracle::of(one, partition, direction)?;
        let first = oracle.allowed();
        let second = oracle.allowed_by(other)?;
        let mut here = self.aligned.universe.set(&mut oracle)?;
        let mut asked = here;
        if let Some(within) = &self.within {
            here = within.possible(&mut oracle, here)?;
            asked = within.set(&mut oracle)?;
            asked = oracle.and(here, asked)?;
        }
        // Where a part that was not understood could decide, a side decides nothing: what it seems to say there is no difference.
        let mut decided = asked;
        let mut open = Vec::new();
        for (side, parts) in self.aligned.unread.iter().enumerate() {
            for part in parts.iter().filter(|part| part.direction == direction) {
                let mut flows = Vec::with_capacity(part.flows.len());
                for one in &part.flows {
                    flows.push(oracle.set(one)?);
                }
                let flows = oracle.union(flows)?;
                decided = oracle.minus(decided, flows)?;
                if open.is_empty() {
                    let flows = oracle.and(flows, asked)?;
                    let flow = oracle.witness(flows)?;
                    open.extend(flow.map(|flow| Open {
                        side,
                        flow,
                        why: format!("{}: {}", part.object, part.why),
                    }));
                }
            }
        }
        let differ = match first == second {
            true => [Set::EMPTY; 2],
            false => [(first, second), (second, first)]
                .into_iter()
                .map(|(a, b)| {
                    let more = oracle.minus(a, b)?;
                    oracle.and(more, decided)
                })
                .collect::<Result<Vec<Set>, TooLarge>>()?
                .try_into()
                .unwrap_or([Set::EMPTY; 2]),
        };
        Ok(End {
            oracle,
            here,
            more: differ,
            open: open.pop(),
        })
    }

    /// The parts of what a side allows at one end: what goes to no pod, what goes to each partition's pods, of which is kept what they let through, and what goes to
    /// pods that nothing decides about.
    /// Stops as soon as `see` says so. At most `most` partitions are asked; what goes to others is kept as it is, and `false` is given back.
    pub(super) fn through(
        &self,
        oracle: &mut Oracle<'a>,
        (side, set): (usize, Set),
        most: usize,
        mut see: impl FnMut(&mut Oracle<'a>, Set) -> Result<bool, TooLarge>,
    ) -> Result<bool, TooLarge> {
        let pods = oracle.between_pods()?;
        let plain = oracle.minus(set, pods)?;
        if !oracle.is_empty(plain) && !see(oracle, plain)? {
            return Ok(true);
        }
        let mut asked = 0;
        let index = &self.indexes[side];
        let mut rest = oracle.and(set, pods)?;
        for there in &self.governed[side][at(oracle.direction().opposite())] {
            let there = *there;
            if oracle.is_empty(rest) {
                break;
            }
            let their = oracle.pods_of(index, there)?;
            let part = oracle.and(rest, their)?;
            if oracle.is_empty(part) {
                continue;
            }
            if asked == most {
                see(oracle, rest)?;
                return Ok(false);
            }
            asked += 1;
            rest = oracle.minus(rest, their)?;
            let part = oracle.admitted_of(index, there, part)?;
            if !oracle.is_empty(part) && !see(oracle, part)? {
                return Ok(true);
            }
        }
        // Whoever is left is open to everything.
        if !oracle.is_empty(rest) {
            see(oracle, rest)?;
        }
        Ok(true)
    }

    fn apart(&self, end: &mut End<'a>, side: usize, ends: Ends) -> Result<Option<Apart>, TooLarge> {
        let set = end.more[side];
        if set == Set::EMPTY {
            return Ok(None);
        }
        let mut found = None;
        match ends {
            Ends::Each => found = end.oracle.witness(set)?,
            Ends::Together => {
                self.through(&mut end.oracle, (side, set), usize::MAX, |oracle, part| {
                    found = oracle.witness(part)?;
                    Ok(found.is_none())
                })?;
            }
        }
        let Some(flow) = found else {
            return Ok(None);
        };
        let [one, other] = &self.aligned.programs;
        let decisions = [decide(one, &flow), decide(other, &flow)];
        debug_assert_ne!(decisions[0].verdict, decisions[1].verdict, "{flow}");
        let beyond = match (ends, flow.mirrored()) {
            (Ends::Together, Some(there)) => Some(decide(&self.aligned.programs[side], &there)),
            _ => None,
        };
        Ok(Some(Apart {
            flow,
            decisions,
            beyond,
        }))
    }

    /// Compares both sides at every end.
    pub fn compare(&self, claim: Claim, ends: Ends) -> Comparison {
        let found: Vec<Result<_, TooLarge>> = self
            .places()
            .par_iter()
            .map(|(partition, direction)| {
                let mut end = self.end(*partition, *direction)?;
                let mut apart = Vec::new();
                apart.extend(self.apart(&mut end, 0, ends)?);
                if claim == Claim::Equal {
                    apart.extend(self.apart(&mut end, 1, ends)?);
                }
                Ok((apart, end.open))
            })
            .collect();
        let mut all = Comparison::default();
        for one in found {
            match one {
                Ok((apart, open)) => {
                    all.apart.extend(apart);
                    all.open.extend(open);
                }
                Err(too_large) => all.too_large.push(too_large),
            }
        }
        all.apart.truncate(SHOWN);
        all.open.truncate(SHOWN);
        all.too_large.truncate(SHOWN);
        all
    }
}

/// One end of one partition: whose policies decide there on both sides.
pub(super) struct End<'a> {
    /// Its oracle, which is the first side's.
    pub(super) oracle: Oracle<'a>,
    /// The flows that count.
    pub(super) here: Set,
    /// What each side allows there and the other does not.
    pub(super) more: [Set; 2],
    /// A flow of which a side says nothing.
    pub(super) open: Option<Open>,
}
