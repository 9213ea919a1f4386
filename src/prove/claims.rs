//! What tests and guards claim, asked of what was read back.
//!
//! `cannot`: no flow gets through, of all pods that could exist. `can every`: every flow does. `can`: every flow of the ends as written does, where each end
//! has only the labels that its own selectors mention, in every value that they admit. A flow gets through if its source's egress and its destination's ingress
//! both allow it; an end that is no pod does not object.
//!
//! A claim is about one program: what was read back, or the source where nothing is emitted. Parts of a reading that were not understood count against the
//! claim: a `cannot` takes them to allow, a `can` to deny.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::mentioned::Mentioned;
use super::universe::Universe;
use super::unread;
use crate::backend::read::Unread;
use crate::meaning::{Index, Oracle, Partition, Set, TooLarge};
use crate::model::{Check, Verb};
use crate::space::{Direction, EndpointSet, Flow, FlowBox, Pods, PortSet, Transport};

/// What became of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It holds.
    Holds,
    /// It does not: a flow shows it.
    Fails(Box<Failed>),
    /// None of its flows lies in the universe.
    NotCovered(String),
    /// It is too large to decide.
    TooLarge(TooLarge),
}

/// What was found of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// What became of it.
    pub standing: Standing,
    /// The part of the claim that lies outside of the universe and was not decided, in words.
    pub uncovered: Option<String>,
}

/// A flow that shows that a claim fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The flow as its source sees it, if the source is a pod.
    pub egress: Option<Flow>,
    /// The flow as its destination sees it, if that is a pod.
    pub ingress: Option<Flow>,
    /// The part that was not understood which could decide it so, if no rule does for certain.
    pub unread: Option<String>,
}

/// Asks a claim of a program, prepared as an index, and of what was not understood beside it.
pub fn examine<'p>(
    index: &Arc<Index<'p>>,
    parts: &[Unread],
    universe: &Universe,
    check: &Check,
) -> Claim {
    let uncovered = uncovered(index, universe, check);
    let mut asked = Asked {
        index,
        parts,
        universe,
        check,
        world: (check.verb == Verb::Can).then(|| Mentioned::of(index.program, parts)),
        covered: false,
    };
    let standing = match asked.run() {
        Ok(Some(failed)) => Standing::Fails(Box::new(failed)),
        Ok(None) if asked.covered => Standing::Holds,
        Ok(None) => Standing::NotCovered(
            uncovered
                .clone()
                .unwrap_or_else(|| "no flow of it meets a pod's policy".to_owned()),
        ),
        Err(too_large) => Standing::TooLarge(too_large),
    };
    Claim {
        standing,
        uncovered,
    }
}

/// The part of a claim that the universe does not have, in words: `icmp, pods of undeclared namespaces`.
pub fn uncovered(index: &Index<'_>, universe: &Universe, check: &Check) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let mut ports = PortSet::empty();
    for (_, of) in &check.to {
        ports = ports.union(of);
    }
    let unseen = universe.unseen();
    for (asked, word) in [
        (!ports.tcp.is_empty(), "tcp"),
        (!ports.udp.is_empty(), "udp"),
        (!ports.sctp.is_empty(), "sctp"),
        (!ports.icmp.is_empty(), "icmp"),
        (!ports.icmpv6.is_empty(), "icmpv6"),
        (!ports.other.is_empty(), "other protocols"),
    ] {
        if asked && unseen.contains(&word) {
            words.push(word.to_owned());
        }
    }
    let open = !index.program.cluster.namespaces_closed;
    if universe.declared_only && open {
        let undeclared = |pods: &Pods| {
            index
                .partitions()
                .into_iter()
                .filter(|partition| !matches!(partition, Partition::Declared(_)))
                .any(|partition| index.meets(&pods.namespaces, partition))
        };
        let ends = check.to.iter().map(|(end, _)| end).chain([&check.from]);
        if ends.flat_map(|end| &end.pods).any(undeclared) {
            words.push("pods of undeclared namespaces".to_owned());
        }
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// The flows of a universe whose subject is in a union and in the oracle's partition, and whose other end and traffic are these. Of ends as written, in a
/// `world` that mentions more, the ports and addresses have no other names.
pub(super) fn region(
    oracle: &mut Oracle<'_>,
    universe: &Universe,
    world: Option<&Mentioned>,
    subjects: &[Pods],
    peers: &EndpointSet,
    ports: &PortSet,
) -> Result<Set, TooLarge> {
    let mut sets = Vec::with_capacity(subjects.len());
    for subject in subjects {
        sets.push(oracle.set(&FlowBox {
            subject: subject.clone(),
            peers: peers.clone(),
            ports: ports.clone(),
        })?);
    }
    let mut region = oracle.union(sets)?;
    let here = universe.set(oracle)?;
    region = oracle.and(region, here)?;
    let Some(world) = world else {
        return Ok(region);
    };
    let unasked = world.ports.difference(&ports.named);
    region = as_called(oracle, region, unasked, &world.numbers)?;
    let resolved = oracle.set(&FlowBox {
        subject: Pods::any(),
        peers: EndpointSet {
            names: world.names.difference(&peers.names).cloned().collect(),
            ..EndpointSet::empty()
        },
        ports: PortSet::all(),
    })?;
    oracle.minus(region, resolved)
}

/// What is left of a set where the destinations' ports have these `numbers`, and none of the other `names`.
///
/// # Errors
/// If it is too large.
pub fn as_called<'n>(
    oracle: &mut Oracle<'_>,
    set: Set,
    names: impl IntoIterator<Item = &'n (Transport, SmolStr)>,
    numbers: &BTreeMap<(Transport, SmolStr), u16>,
) -> Result<Set, TooLarge> {
    let on = |ports: PortSet| FlowBox {
        subject: Pods::any(),
        peers: EndpointSet::anywhere(),
        ports,
    };
    let names = names.into_iter();
    let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| numbers.contains_key(*name));
    let called = oracle.set(&on(PortSet {
        named: unknown.into_iter().cloned().collect(),
        ..PortSet::empty()
    }))?;
    let mut left = oracle.minus(set, called)?;
    for name in known {
        // A port has the name if and only if it has the number.
        let number = numbers[name];
        let called = oracle.set(&on(PortSet::of_named(name.0, name.1.clone())))?;
        let numbered = oracle.set(&on(PortSet::of(name.0, number, number)))?;
        let wrongly = oracle.minus(called, numbered)?;
        let not = oracle.minus(numbered, called)?;
        left = oracle.minus(left, wrongly)?;
        left = oracle.minus(left, not)?;
    }
    Ok(left)
}

struct Asked<'a, 'p> {
    index: &'a Arc<Index<'p>>,
    parts: &'a [Unread],
    universe: &'a Universe,
    check: &'a Check,
    /// What the ends do not have, for a claim about the ends as written.
    world: Option<Mentioned>,
    /// Whether a flow of it lay in the universe.
    covered: bool,
}

impl<'p> Asked<'_, 'p> {
    /// A flow that shows that the claim fails.
    fn run(&mut self) -> Result<Option<Failed>, TooLarge> {
        let from = match &self.world {
            Some(world) => world.end_written(self.index, &self.check.from),
            None => self.check.from.clone(),
        };
        for (to, ports) in &self.check.to {
            let to = match &self.world {
                Some(world) => world.end_written(self.index, to),
                None => to.clone(),
            };
            let sources = self.partitions(&from.pods);
            let destinations = self.partitions(&to.pods);
            for source in sources {
                if let Some(failed) = self.at_source(source, &from, &to, ports, &destinations)? {
                    return Ok(Some(failed));
                }
            }
            let others = EndpointSet {
                pods: Vec::new(),
                ..from.clone()
            };
            for destination in destinations {
                if others.is_empty() {
                    break;
                }
                if let Some(failed) = self.at_destination(destination, &others, &to, ports)? {
                    return Ok(Some(failed));
                }
            }
        }
        Ok(None)
    }

    /// The partitions of the universe that a union of pods meets.
    fn partitions(&self, pods: &[Pods]) -> Vec<Partition> {
        let mut partitions = self.universe.partitions(self.index);
        partitions.retain(|partition| {
            pods.iter()
                .any(|pods| self.index.meets(&pods.namespaces, *partition))
        });
        partitions
    }

    /// The flows of the claim whose subject lies in the oracle's partition.
    fn region(
        &self,
        oracle: &mut Oracle<'p>,
        subjects: &[Pods],
        peers: &EndpointSet,
        ports: &PortSet,
    ) -> Result<Set, TooLarge> {
        let world = self.world.as_ref();
        region(oracle, self.universe, world, subjects, peers, ports)
    }

    /// The flows of a region that speak against the claim: those that are let through, or those that are not.
    fn against(&self, oracle: &mut Oracle<'p>, region: Set, through: Set) -> Result<Set, TooLarge> {
        match self.check.verb {
            Verb::Cannot => oracle.and(region, through),
            Verb::Can | Verb::CanEvery => oracle.minus(region, through),
        }
    }

    /// What is let through, if flows of which that is not known count against the claim.
    fn doubted(
        &self,
        oracle: &mut Oracle<'p>,
        through: Set,
        unknown: Set,
    ) -> Result<Set, TooLarge> {
        match self.check.verb {
            Verb::Cannot => oracle.or(through, unknown),
            Verb::Can | Verb::CanEvery => oracle.minus(through, unknown),
        }
    }

    /// What is allowed at the oracle's end, as far as the claim may count on it.
    fn allowed(&self, oracle: &mut Oracle<'p>) -> Result<Set, TooLarge> {
        let mut allowed = oracle.allowed();
        for part in self.parts {
            if part.direction != oracle.direction() {
                continue;
            }
            let flows = unread(oracle, part)?;
            allowed = self.doubted(oracle, allowed, flows)?;
        }
        Ok(allowed)
    }

    /// Flows from nodes, the outside and the proxy: only the destination decides.
    fn at_destination(
        &mut self,
        destination: Partition,
        from: &EndpointSet,
        to: &EndpointSet,
        ports: &PortSet,
    ) -> Result<Option<Failed>, TooLarge> {
        let mut oracle = Oracle::of(self.index, destination, Direction::Ingress)?;
        let region = self.region(&mut oracle, &to.pods, from, ports)?;
        if oracle.is_empty(region) {
            return Ok(None);
        }
        self.covered = true;
        let allowed = self.allowed(&mut oracle)?;
        let against = self.against(&mut oracle, region, allowed)?;
        Ok(oracle.witness(against)?.map(|flow| Failed {
            unread: self.unread_at(&mut oracle, &flow),
            egress: None,
            ingress: Some(flow),
        }))
    }

    /// Flows from pods: to ends that are no pods, where only the source decides, and to pods, where both do.
    fn at_source(
        &mut self,
        source: Partition,
        from: &EndpointSet,
        to: &EndpointSet,
        ports: &PortSet,
        destinations: &[Partition],
    ) -> Result<Option<Failed>, TooLarge> {
        let mut oracle = Oracle::of(self.index, source, Direction::Egress)?;
        let region = self.region(&mut oracle, &from.pods, to, ports)?;
        if oracle.is_empty(region) {
            return Ok(None);
        }
        self.covered = true;
        let allowed = self.allowed(&mut oracle)?;
        let against = match self.check.verb {
            Verb::Cannot => {
                let pods = oracle.between_pods()?;
                let through = oracle.and(region, allowed)?;
                oracle.minus(through, pods)?
            }
            Verb::Can | Verb::CanEvery => oracle.minus(region, allowed)?,
        };
        if let Some(flow) = oracle.witness(against)? {
            return Ok(Some(self.failed(&mut oracle, flow)));
        }
        for destination in destinations {
            let there = oracle.pods_of(self.index, *destination)?;
            let mut region = oracle.and(region, there)?;
            if self.check.verb == Verb::Cannot {
                region = oracle.and(region, allowed)?;
            }
            if oracle.is_empty(region) {
                continue;
            }
            let admitted = self.admitted(&mut oracle, *destination)?;
            let against = self.against(&mut oracle, region, admitted)?;
            if let Some(flow) = oracle.witness(against)? {
                return Ok(Some(self.failed(&mut oracle, flow)));
            }
        }
        Ok(None)
    }

    /// The flows that the destination lets in, as far as the claim may count on it.
    fn admitted(&self, oracle: &mut Oracle<'p>, destination: Partition) -> Result<Set, TooLarge> {
        let mut admitted = oracle.admitted(self.index, destination)?;
        for part in self.parts {
            if part.direction != Direction::Ingress {
                continue;
            }
            let flows = oracle.entering(&part.flows)?;
            admitted = self.doubted(oracle, admitted, flows)?;
        }
        Ok(admitted)
    }

    fn failed(&self, oracle: &mut Oracle<'p>, flow: Flow) -> Failed {
        Failed {
            unread: self.unread_at(oracle, &flow),
            ingress: flow.mirrored(),
            egress: Some(flow),
        }
    }

    /// The part that was not understood and could decide a flow.
    fn unread_at(&self, oracle: &mut Oracle<'p>, flow: &Flow) -> Option<String> {
        for part in self.parts {
            let flows = match (part.direction, oracle.direction()) {
                (Direction::Ingress, Direction::Egress) => oracle.entering(&part.flows),
                (one, other) if one == other => unread(oracle, part),
                _ => continue,
            };
            if flows.is_ok_and(|flows| oracle.holds(flows, flow)) {
                return Some(format!("{}: {}", part.object, part.why));
            }
        }
        None
    }
}
