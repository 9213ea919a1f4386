//! The connections that a comparison is about, where it is not about all of them.
//!
//! Takes: ends and ports, in the words of a question that was asked of the second side. Gives: what of it lies at each end of each namespace, as a set, in the world of both sides. Knows not what is
//! compared.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::Aligned;
use super::inventory::NamedPorts;
use crate::meaning::{Index, Oracle, Partition, Set, TooLarge};
use crate::model::Check;
use crate::prove::{Mentioned, Universe, as_called, uncovered};
use crate::space::{
    Condition, Direction, EndpointSet, FlowBox, Pods, PortSet, Region, Transport, ValueSet,
};

/// Connections from some ends to others, on some ports: of all pods that could be these ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Focus {
    /// Ends and ports, as the second side means them; the verb means nothing.
    pub check: Check,
    /// Of who opens connections, and of to whom: whether the pods have no labels but those that are written, as a workload has.
    pub whole: [bool; 2],
    /// The numbers of the destinations' names of ports, where these are known; they then have no others.
    pub ports: Option<NamedPorts>,
}

impl Focus {
    /// The part that a universe does not have, in words.
    ///
    /// # Errors
    /// In words, if nothing of it can be compared.
    pub fn uncovered(
        &self,
        index: &Index<'_>,
        universe: &Universe,
    ) -> Result<Option<String>, String> {
        let mut check = self.check.clone();
        for (_, ports) in &mut check.to {
            if ports.is_all() {
                // Of all protocols, those of the universe are meant.
                *ports = universe.ports.clone();
            }
        }
        let words = uncovered(index, universe, &check);
        let mut to = check.to.iter();
        if to.all(|(_, ports)| universe.ports.is_disjoint(ports)) {
            return Err(words.unwrap_or_else(|| "no port is asked about".to_owned()));
        }
        let ends = check.to.iter().map(|(end, _)| end).chain([&check.from]);
        if ends.flat_map(|end| &end.pods).next().is_none() {
            return Err("no flow of it meets a pod's policy".to_owned());
        }
        Ok(words)
    }
}

/// A focus in the world of a pair.
pub(super) struct Within {
    from: EndpointSet,
    to: Vec<(EndpointSet, PortSet)>,
    /// The names of ports that either side mentions, and the numbers of those that are known.
    called: Option<(BTreeSet<(Transport, SmolStr)>, NamedPorts)>,
}

impl Within {
    pub(super) fn of(focus: &Focus, aligned: &Aligned) -> Result<Self, String> {
        let sides = aligned.programs.iter().zip(&aligned.unread);
        let mentioned: Vec<Mentioned> = sides
            .map(|(program, unread)| Mentioned::of(program, unread))
            .collect();
        let labels: BTreeSet<&SmolStr> = mentioned.iter().flat_map(|one| &one.labels).collect();
        let seen = |end: &EndpointSet, whole: bool| {
            let mut pods = aligned.seen(1, &end.pods).map_err(|key| {
                format!("the question compares the label `{key}` of namespaces, of which the sides say different things")
            })?;
            for one in pods.iter_mut().filter(|_| whole) {
                for key in &labels {
                    if one.labels.get(key).is_any() {
                        one.labels = one.labels.with(key, &ValueSet::absent());
                    }
                }
            }
            Ok::<_, String>(EndpointSet {
                pods,
                ..end.clone()
            })
        };
        let to = focus.check.to.iter();
        Ok(Within {
            from: seen(&focus.check.from, focus.whole[0])?,
            to: to
                .map(|(end, ports)| Ok((seen(end, focus.whole[1])?, ports.clone())))
                .collect::<Result<_, String>>()?,
            called: focus.ports.clone().map(|numbers| {
                let names = mentioned.iter().flat_map(|one| &one.ports);
                (names.cloned().collect(), numbers)
            }),
        })
    }

    /// The pods whose policies are asked in a direction.
    pub(super) fn subjects(&self, direction: Direction) -> Vec<Pods> {
        match direction {
            Direction::Egress => self.from.pods.clone(),
            Direction::Ingress => {
                let all = self.to.iter().flat_map(|(end, _)| &end.pods);
                all.cloned().collect()
            }
        }
    }

    /// Whether any pod of a partition is asked in a direction.
    pub(super) fn meets(
        &self,
        index: &Index<'_>,
        partition: Partition,
        direction: Direction,
    ) -> bool {
        let mut subjects = self.subjects(direction).into_iter();
        subjects.any(|pods| index.meets(&pods.namespaces, partition))
    }

    /// Its connections as flows of one direction.
    fn boxes(&self, direction: Direction) -> Vec<FlowBox> {
        let mut all = Vec::new();
        for (end, ports) in &self.to {
            let (subjects, peers) = match direction {
                Direction::Egress => (&self.from.pods, end),
                Direction::Ingress => (&end.pods, &self.from),
            };
            all.extend(subjects.iter().map(|subject| FlowBox {
                subject: subject.clone(),
                peers: peers.clone(),
                ports: ports.clone(),
            }));
        }
        all
    }

    /// Of flows at an oracle's end, those that can be: where the names of the destinations' ports are known, others are not asked about.
    pub(super) fn possible(&self, oracle: &mut Oracle<'_>, set: Set) -> Result<Set, TooLarge> {
        match &self.called {
            Some((names, numbers)) => as_called(oracle, set, names, numbers),
            None => Ok(set),
        }
    }

    /// A region of it with numbers for the names of ports, where these are known.
    pub(super) fn numbered(&self, mut region: Region) -> Region {
        let Some((_, numbers)) = &self.called else {
            return region;
        };
        let ports = &mut region.flows.ports;
        *ports = ports.resolved(|name| numbers.get(name).copied());
        region.conditions.retain(|condition| {
            let Condition::Port {
                transport,
                name,
                is,
            } = condition
            else {
                return true;
            };
            let number = numbers.get(&(*transport, name.clone()));
            let called = number.map_or_else(PortSet::empty, |number| {
                PortSet::of(*transport, *number, *number)
            });
            let left = match is {
                true => ports.intersect(&called),
                false => ports.subtract(&called),
            };
            // Neither has a name, so that both can be said.
            *ports = left.unwrap_or_default();
            false
        });
        region
    }

    /// Its flows at an oracle's end.
    pub(super) fn set(&self, oracle: &mut Oracle<'_>) -> Result<Set, TooLarge> {
        let mut sets = Vec::new();
        for flows in self.boxes(oracle.direction()) {
            sets.push(oracle.set(&flows)?);
        }
        oracle.union(sets)
    }

    /// Regions in the words of the source, and before them what of them is asked about.
    pub(super) fn hints(&self, hints: Vec<FlowBox>, direction: Direction) -> Vec<FlowBox> {
        let boxes = self.boxes(direction);
        let mut all = Vec::with_capacity(2 * hints.len());
        for (hint, asked) in hints
            .iter()
            .flat_map(|hint| boxes.iter().map(move |asked| (hint, asked)))
        {
            let Some(mut both) = hint.intersect(asked) else {
                continue;
            };
            if hint.subject.namespaces.single().is_some() {
                // What else is said of a namespace that has a name is true or false of it.
                both.subject.namespaces = hint.subject.namespaces.clone();
            }
            all.push(both);
        }
        all.extend(hints);
        all
    }
}
