//! Emitted manifests decide as the program does, or a flow shows that they do not.
//!
//! Takes: a program, and what a target's reader made of manifests. Gives: [`prove`], which compares the two on the target's [`Universe`] for every pod that
//! could exist; and [`examine`], which asks tests and guards. Knows the readers' results, and nothing of the emitters.

mod claims;
mod coverage;
mod mentioned;
mod overlap;
mod part;
mod piecewise;
#[cfg(test)]
mod properties;
mod report;
mod target;
mod universe;

pub use claims::{Claim, Failed, Standing, as_called, examine, uncovered};
pub use coverage::{Coverage, coverage};
pub use mentioned::Mentioned;
pub use part::{Covered, Parted, part};
pub use piecewise::holds_piecewise;
pub use target::{Asked, Proved, holds_within, program_claims, target};
pub use universe::Universe;

use std::sync::Arc;

use rayon::prelude::*;

use crate::backend::read::Reading;
use crate::meaning::{Decision, Index, Oracle, Partition, Set, TooLarge, decide};
use crate::model::Program;
use crate::space::{Direction, Flow, FlowBox};

/// How many differences are shown.
const SHOWN: usize = 8;

/// What a comparison came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// Flows on which program and manifests differ, in order of the partitions, at most a few; none on which the manifests are not understood.
    pub differences: Vec<Difference>,
    /// Flows that an object could decide in a way that was not understood.
    pub undecided: Vec<Undecided>,
    /// Parts that are too large to compare.
    pub too_large: Vec<TooLarge>,
}

impl Proof {
    /// Whether they are equal on the whole universe.
    pub fn holds(&self) -> bool {
        self.differences.is_empty() && self.undecided.is_empty() && self.too_large.is_empty()
    }
}

/// A flow that is decided differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The flow.
    pub flow: Flow,
    /// What the program decides, and who.
    pub meant: Decision,
    /// What the manifests decide, and who: identities are those of the reading's program.
    pub made: Decision,
}

/// A flow of the universe on which a part that was not understood could decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undecided {
    /// The flow.
    pub flow: Flow,
    /// The object and the reason.
    pub why: String,
}

/// What one part of the comparison found.
#[derive(Default)]
struct Found {
    difference: Option<Difference>,
    undecided: Option<Undecided>,
}

/// Compares a program with the reading of manifests, on a universe.
pub fn prove(program: &Program, reading: &Reading, universe: &Universe) -> Proof {
    prove_within(&Index::new(program), reading, universe, |_| true)
}

/// The same for the partitions that are asked about: of the policies that select there, none may be missing in the program, nor in the reading.
fn prove_within(
    index: &Index<'_>,
    reading: &Reading,
    universe: &Universe,
    is_asked: impl Fn(Partition) -> bool,
) -> Proof {
    let Some((mine, theirs)) = index.beside(&reading.program) else {
        unreachable!("a reading has the context's namespaces, which are the program's");
    };
    let (mine, theirs) = (Arc::new(mine), Arc::new(theirs));
    let parts: Vec<(Partition, Direction)> = universe
        .partitions(&mine)
        .into_iter()
        .filter(|partition| is_asked(*partition))
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    let found: Vec<Result<Found, TooLarge>> = parts
        .par_iter()
        .map(|(partition, direction)| {
            compare(&mine, &theirs, reading, universe, *partition, *direction)
        })
        .collect();
    let mut proof = Proof::default();
    for one in found {
        match one {
            Ok(found) => {
                proof.differences.extend(found.difference);
                proof.undecided.extend(found.undecided);
            }
            Err(too_large) => proof.too_large.push(too_large),
        }
    }
    proof.differences.truncate(SHOWN);
    proof.undecided.truncate(SHOWN);
    proof.too_large.truncate(SHOWN);
    proof
}

fn compare<'p>(
    mine: &Arc<Index<'p>>,
    theirs: &Arc<Index<'p>>,
    reading: &Reading,
    universe: &Universe,
    partition: Partition,
    direction: Direction,
) -> Result<Found, TooLarge> {
    let mut oracle = Oracle::undecided(mine, partition, direction)?;
    let here = universe.set(&mut oracle)?;
    // What was not understood of another namespace has no flow here.
    let is_here = |flows: &FlowBox| mine.meets(&flows.subject.namespaces, partition);
    let not_understood: Vec<_> = reading
        .unread
        .iter()
        .filter(|part| part.direction == direction && part.flows.iter().any(is_here))
        .collect();
    if not_understood.is_empty() && oracle.plainly_alike(theirs, here) {
        debug_assert!(alike(&mut oracle, theirs, here).unwrap_or(true));
        return Ok(Found::default());
    }
    oracle.settle()?;
    let meant = oracle.allowed();
    let made = oracle.allowed_by(theirs)?;
    let mut found = Found::default();
    // Where a part that was not understood could decide, the reading decides nothing: what it seems to say there is no difference.
    let mut decided = here;
    for part in not_understood {
        let flows = unread(&mut oracle, part)?;
        decided = oracle.minus(decided, flows)?;
        if found.undecided.is_some() {
            continue;
        }
        let flows = oracle.and(flows, here)?;
        if let Some(flow) = oracle.witness(flows)? {
            found.undecided = Some(Undecided {
                flow,
                why: format!("{}: {}", part.object, part.why),
            });
        }
    }
    if meant != made {
        let closed = oracle.minus(meant, made)?;
        let opened = oracle.minus(made, meant)?;
        for difference in [opened, closed] {
            let difference = oracle.and(difference, decided)?;
            if let Some(flow) = oracle.witness(difference)? {
                let meant = decide(mine.program, &flow);
                let made = decide(theirs.program, &flow);
                debug_assert_ne!(meant.verdict, made.verdict, "{flow}");
                found.difference = Some(Difference { flow, meant, made });
                break;
            }
        }
    }
    Ok(found)
}

/// Whether they decide these flows alike, worked out in full.
fn alike<'p>(
    oracle: &mut Oracle<'p>,
    theirs: &Arc<Index<'p>>,
    here: Set,
) -> Result<bool, TooLarge> {
    oracle.settle()?;
    let meant = oracle.allowed();
    let made = oracle.allowed_by(theirs)?;
    let (closed, opened) = (oracle.minus(meant, made)?, oracle.minus(made, meant)?);
    let different = oracle.or(closed, opened)?;
    let different = oracle.and(different, here)?;
    Ok(oracle.is_empty(different))
}

/// The flows that a part which was not understood could decide.
fn unread(oracle: &mut Oracle<'_>, part: &crate::backend::read::Unread) -> Result<Set, TooLarge> {
    let mut sets = Vec::with_capacity(part.flows.len());
    for flows in &part.flows {
        sets.push(oracle.set(flows)?);
    }
    oracle.union(sets)
}
