//! The flows of a question, parted by what becomes of them: they get through, they are stopped, or that is not decided.
//!
//! The sets are those of [`examine()`](super::examine()): `can` holds iff nothing is stopped and nothing is open, `cannot` iff nothing gets through and nothing
//! is open. A flow that one end certainly stops is stopped, whatever is open at the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::claims::{region, uncovered};
use super::mentioned::Mentioned;
use super::universe::Universe;
use super::unread;
use crate::backend::read::Unread;
use crate::meaning::{Index, Oracle, Partition, Set, TooLarge};
use crate::model::{Check, Verb};
use crate::space::{Direction, EndpointSet, Pods, PortSet, Transport};

/// The flows of a question whose subject lies in an oracle's partition. They are sources, if these are pods, else destinations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parted {
    /// Which of the question's destinations it is about: index in [`Check::to`].
    pub to: usize,
    /// All of them that lie in the universe.
    pub asked: Set,
    /// Those that get through.
    pub through: Set,
    /// Those that do not.
    pub stopped: Set,
    /// Those of which that is not known.
    pub open: Set,
}

/// What a question was about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Covered {
    /// Whether any flow of it lies in the universe.
    pub any: bool,
    /// The part that does not, in words.
    pub uncovered: Option<String>,
}

/// Parts the flows of a question: of ends as written for [`Verb::Can`], of all pods that could exist otherwise. `numbers` are the numbers of the
/// destinations' named ports, as far as they are known. `see` is shown the parts one after the other.
///
/// # Errors
/// If an exact answer is too large, or if `see` says so.
pub fn part<'p>(
    index: &Arc<Index<'p>>,
    parts: &[Unread],
    universe: &Universe,
    check: &Check,
    numbers: &BTreeMap<(Transport, SmolStr), u16>,
    see: &mut dyn FnMut(&mut Oracle<'p>, Parted) -> Result<(), TooLarge>,
) -> Result<Covered, TooLarge> {
    let world = (check.verb == Verb::Can).then(|| {
        let mut world = Mentioned::of(index.program, parts);
        world.numbers = numbers.clone();
        world
    });
    let written = |end: &EndpointSet| match &world {
        Some(world) => world.end_written(index, end),
        None => end.clone(),
    };
    let parting = Parting {
        index,
        parts,
        universe,
        world: world.as_ref(),
    };
    let from = written(&check.from);
    let others = EndpointSet {
        pods: Vec::new(),
        ..from.clone()
    };
    let mut any = false;
    for (at, (to, ports)) in check.to.iter().enumerate() {
        let to = written(to);
        let destinations = parting.partitions(&to.pods);
        for source in parting.partitions(&from.pods) {
            let mut oracle = Oracle::of(index, source, Direction::Egress)?;
            let asked = parting.region(&mut oracle, &from.pods, &to, ports)?;
            if oracle.is_empty(asked) {
                continue;
            }
            any = true;
            let mut parted = parting.at_source(&mut oracle, asked, &destinations)?;
            parted.to = at;
            see(&mut oracle, parted)?;
        }
        if others.is_empty() {
            continue;
        }
        for destination in destinations {
            let mut oracle = Oracle::of(index, destination, Direction::Ingress)?;
            let asked = parting.region(&mut oracle, &to.pods, &others, ports)?;
            if oracle.is_empty(asked) {
                continue;
            }
            any = true;
            let own = parting.own(&mut oracle)?;
            let mut parted = within(&mut oracle, asked, own)?;
            parted.to = at;
            see(&mut oracle, parted)?;
        }
    }
    Ok(Covered {
        any,
        uncovered: uncovered(index, universe, check),
    })
}

/// What is certain at one end.
#[derive(Clone, Copy)]
struct Certain {
    allowed: Set,
    denied: Set,
}

struct Parting<'a, 'p> {
    index: &'a Arc<Index<'p>>,
    parts: &'a [Unread],
    universe: &'a Universe,
    world: Option<&'a Mentioned>,
}

impl<'p> Parting<'_, 'p> {
    fn partitions(&self, pods: &[Pods]) -> Vec<Partition> {
        let mut partitions = self.universe.partitions(self.index);
        let meets = |partition: &Partition| {
            let mut pods = pods.iter();
            pods.any(|pods| self.index.meets(&pods.namespaces, *partition))
        };
        partitions.retain(meets);
        partitions
    }

    fn region(
        &self,
        oracle: &mut Oracle<'p>,
        subjects: &[Pods],
        peers: &EndpointSet,
        ports: &PortSet,
    ) -> Result<Set, TooLarge> {
        region(oracle, self.universe, self.world, subjects, peers, ports)
    }

    /// What is certain at the oracle's own end.
    fn own(&self, oracle: &mut Oracle<'p>) -> Result<Certain, TooLarge> {
        let direction = oracle.direction();
        let mut open = Vec::new();
        for part in self.parts.iter().filter(|part| part.direction == direction) {
            open.push(unread(oracle, part)?);
        }
        let open = oracle.union(open)?;
        let allowed = oracle.allowed();
        certain(oracle, Set::ALL, allowed, open)
    }

    /// What is certain at the end of the destinations in a partition.
    fn other(&self, oracle: &mut Oracle<'p>, at: Partition) -> Result<Certain, TooLarge> {
        let mut open = Vec::new();
        let ingress = |part: &&Unread| part.direction == Direction::Ingress;
        for part in self.parts.iter().filter(ingress) {
            open.push(oracle.entering(&part.flows)?);
        }
        let open = oracle.union(open)?;
        let there = oracle.pods_of(self.index, at)?;
        let admitted = oracle.admitted(self.index, at)?;
        certain(oracle, there, admitted, open)
    }

    fn at_source(
        &self,
        oracle: &mut Oracle<'p>,
        asked: Set,
        destinations: &[Partition],
    ) -> Result<Parted, TooLarge> {
        let pods = oracle.between_pods()?;
        let own = self.own(oracle)?;
        let elsewhere = oracle.minus(asked, pods)?;
        let mut all = within(oracle, elsewhere, own)?;
        for destination in destinations {
            let there = oracle.pods_of(self.index, *destination)?;
            let some = oracle.and(asked, there)?;
            if oracle.is_empty(some) {
                continue;
            }
            let other = self.other(oracle, *destination)?;
            let both = Certain {
                allowed: oracle.and(own.allowed, other.allowed)?,
                denied: oracle.or(own.denied, other.denied)?,
            };
            let found = within(oracle, some, both)?;
            all.through = oracle.or(all.through, found.through)?;
            all.stopped = oracle.or(all.stopped, found.stopped)?;
            all.open = oracle.or(all.open, found.open)?;
        }
        Ok(Parted { asked, ..all })
    }
}

fn certain(
    oracle: &mut Oracle<'_>,
    all: Set,
    allowed: Set,
    open: Set,
) -> Result<Certain, TooLarge> {
    let denied = oracle.minus(all, allowed)?;
    Ok(Certain {
        allowed: oracle.minus(allowed, open)?,
        denied: oracle.minus(denied, open)?,
    })
}

fn within(oracle: &mut Oracle<'_>, asked: Set, certain: Certain) -> Result<Parted, TooLarge> {
    let through = oracle.and(asked, certain.allowed)?;
    let stopped = oracle.and(asked, certain.denied)?;
    let rest = oracle.minus(asked, through)?;
    Ok(Parted {
        to: 0,
        asked,
        through,
        stopped,
        open: oracle.minus(rest, stopped)?,
    })
}
