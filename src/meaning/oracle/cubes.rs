//! A path through a diagram to a region: at each level, all values that lead to where the path's value leads.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::Oracle;
use super::levels::{Key, Question};
use super::sets::{NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6, POD, PROXY};
use super::witness::on;
use crate::space::diagram::level::{self, Level};
use crate::space::diagram::{ABSENT, Edges, FRESH, Guide, Id, OWN, SAME, Step};
use crate::space::{
    AddressSet, Condition, Direction, EndpointSet, FlowBox, Namespaces, Pods, PortSet, Ranges,
    Region, Same, Selector, Transport, Value, ValueSet,
};

/// What a path has said so far.
struct Cube {
    subject: Pods,
    peer: Pods,
    kinds: Ranges<u32>,
    v4: Ranges<u32>,
    v6: [Ranges<u32>; 4],
    protocols: Ranges<u8>,
    ports: Ranges<u16>,
    conditions: BTreeSet<Condition>,
}

/// The numbers of an interval level that lead where one of them leads.
fn alike(edges: Edges<'_>, default: Id, child: Id, largest: u32) -> Ranges<u32> {
    let mut starts = vec![(0, default)];
    starts.extend(edges.iter().copied().filter(|(at, _)| *at > 0));
    if let Some((0, first)) = edges.first() {
        starts[0].1 = *first;
    }
    (0..starts.len())
        .filter(|at| starts[*at].1 == child)
        .map(|at| {
            let end = starts.get(at + 1).map_or(largest, |(next, _)| next - 1);
            (starts[at].0, end)
        })
        .collect()
}

impl Oracle<'_> {
    /// The value of a number of a value level.
    fn value_of(&self, number: u32) -> Value {
        match number {
            ABSENT => None,
            number => Some(self.levels.value(&self.index, number)),
        }
    }

    /// The values that lead where a value leads; [`SAME`] is left out.
    fn values_alike(&self, edges: Edges<'_>, value: u32) -> ValueSet {
        let found = edges.iter().find(|(key, _)| *key == value);
        let listed = |keep: &dyn Fn(Id) -> bool| {
            let mut values: Vec<Value> = edges
                .iter()
                .filter(|(key, child)| *key != SAME && keep(*child))
                .map(|(key, _)| self.value_of(*key))
                .collect();
            values.sort_unstable();
            values
        };
        match found {
            Some((_, child)) => ValueSet::In(listed(&|other| other == *child)),
            None => ValueSet::NotIn(listed(&|_| true)),
        }
    }

    /// The subjects of this partition, in the words of the source.
    pub(super) fn own_namespaces(&self) -> Namespaces {
        match self.index.name(self.partition) {
            Some(name) => Namespaces::named(name.clone()),
            None => {
                let declared = self.index.program.namespaces.iter();
                let known = declared.map(|one| &one.name).chain(self.index.undeclared());
                Namespaces {
                    names: ValueSet::not_among(known.cloned()),
                    ..Namespaces::any()
                }
            }
        }
    }

    /// The region of a path that leads through a set.
    pub(super) fn cube(&self, set: Id, path: &[Step]) -> Region {
        let mut cube = Cube {
            subject: Pods {
                namespaces: self.own_namespaces(),
                ..Pods::any()
            },
            peer: Pods::any(),
            kinds: Ranges::of(POD, PROXY),
            v4: Ranges::full(),
            v6: std::array::from_fn(|_| Ranges::full()),
            protocols: Ranges::full(),
            ports: Ranges::full(),
            conditions: BTreeSet::new(),
        };
        let mut at = set;
        while let Some((level, default, edges)) = self.manager.branch(at) {
            at = match level::kind(level) {
                level::Kind::Namespace => self.namespace_step(&mut cube, default, edges, path),
                level::Kind::Interval => {
                    self.interval_step(&mut cube, level, (default, edges), path)
                }
                level::Kind::Value => {
                    let value = self.label_value(level, path);
                    self.value_step(&mut cube, level, edges, value);
                    let found = edges.iter().find(|(key, _)| *key == value);
                    found.map_or(default, |(_, child)| *child)
                }
            };
        }
        self.finished(cube)
    }

    /// The path's value at a value level; of a declared namespace's label, the namespace's.
    fn label_value(&self, level: Level, path: &[Step]) -> u32 {
        match on(path, level::NAMESPACE) {
            Some(key) if level::is_namespace_label(level) && key < self.declared() => {
                self.manager.label_of(level, key)
            }
            _ => on(path, level).unwrap_or(FRESH),
        }
    }

    fn namespace_step(&self, cube: &mut Cube, default: Id, edges: Edges<'_>, path: &[Step]) -> Id {
        let key = on(path, level::NAMESPACE).unwrap_or(FRESH);
        let own = self.index.name(self.partition);
        let name = |key: u32| match key {
            OWN => own.cloned(),
            key if key < self.declared() => {
                Some(self.index.program.namespaces[key as usize].name.clone())
            }
            key => Some(self.undeclared[(key - self.declared()) as usize].clone()),
        };
        let peer = &mut cube.peer.namespaces;
        match edges.iter().find(|(known, _)| *known == key) {
            Some((OWN, child)) if own.is_none() => {
                peer.same.push(Same::Namespace(true));
                *child
            }
            Some((_, child)) => {
                let alike = edges.iter().filter(|(_, other)| other == child);
                let names: Vec<SmolStr> = alike.filter_map(|(key, _)| name(*key)).collect();
                peer.names = ValueSet::among(names);
                *child
            }
            None => {
                let names: Vec<SmolStr> = edges.iter().filter_map(|(key, _)| name(*key)).collect();
                peer.names = ValueSet::not_among(names);
                if own.is_none() && edges.iter().any(|(key, _)| *key == OWN) {
                    peer.same.push(Same::Namespace(false));
                }
                default
            }
        }
    }

    fn value_step(&self, cube: &mut Cube, level: Level, edges: Edges<'_>, value: u32) {
        let values = self.values_alike(edges, value);
        let of = |pods: &mut Pods, key: &Key| match key {
            Key::Account => pods.service_account = values.clone(),
            Key::Label(key) => pods.labels = pods.labels.with(key, &values),
        };
        match self.levels.question(level) {
            Some(Question::SubjectNamespace(key)) => {
                let labels = &mut cube.subject.namespaces.labels;
                *labels = labels.with(key, &values);
            }
            Some(Question::Subject(key)) => of(&mut cube.subject, key),
            Some(Question::Peer(key)) => of(&mut cube.peer, key),
            Some(Question::PeerNamespace(key)) => {
                let peer = &mut cube.peer.namespaces;
                let same = edges.iter().any(|(key, _)| *key == SAME);
                if value == SAME {
                    let known = self.index.compared(key).iter();
                    let known = known.map(|number| self.value_of(*number));
                    let known: Vec<SmolStr> = known.flatten().collect();
                    peer.labels = peer.labels.with(key, &ValueSet::not_among(known));
                    peer.same.push(Same::Label(key.clone(), true));
                    return;
                }
                peer.labels = peer.labels.with(key, &values);
                if same && matches!(values, ValueSet::NotIn(_)) {
                    peer.same.push(Same::Label(key.clone(), false));
                }
            }
            Some(Question::Named(..) | Question::Dns(_)) | None => {}
        }
    }

    fn interval_step(
        &self,
        cube: &mut Cube,
        level: Level,
        (default, edges): (Id, Edges<'_>),
        path: &[Step],
    ) -> Id {
        let number = on(path, level).unwrap_or(0);
        let after = edges.partition_point(|(start, _)| *start <= number);
        let child = match after {
            0 => default,
            after => edges[after - 1].1,
        };
        let numbers = alike(edges, default, child, self.largest(level));
        match level {
            level::KIND => cube.kinds = numbers,
            level::V4 => cube.v4 = numbers,
            level::V6..level::PROTOCOL => cube.v6[usize::from(level - level::V6)] = numbers,
            level::PROTOCOL => {
                let bytes = numbers.iter().map(|(low, high)| (low as u8, high as u8));
                cube.protocols = bytes.collect();
            }
            level::PORT => {
                let ports = numbers.iter().map(|(low, high)| (low as u16, high as u16));
                cube.ports = ports.collect();
            }
            _ => {
                let is = number == 1;
                let condition = match self.levels.question(level) {
                    Some(Question::Named(transport, name)) => Some(Condition::Port {
                        transport: *transport,
                        name: name.clone(),
                        is,
                    }),
                    Some(Question::Dns(name)) => Some(Condition::Name {
                        name: name.clone(),
                        is,
                    }),
                    _ => None,
                };
                cube.conditions.extend(condition);
            }
        }
        child
    }

    fn finished(&self, cube: Cube) -> Region {
        let has = |kind: u32| cube.kinds.contains(kind);
        let v6 = v6(&cube.v6);
        let addresses = |of_v4: bool, of_v6: bool| AddressSet {
            v4: if of_v4 {
                cube.v4.clone()
            } else {
                Ranges::empty()
            },
            v6: if of_v6 { v6.clone() } else { Ranges::empty() },
        };
        let mut peer = cube.peer;
        peer.namespaces.same.sort();
        let peers = EndpointSet {
            pods: if has(POD) { vec![peer] } else { Vec::new() },
            nodes: addresses(has(NODE_V4), has(NODE_V6)),
            outside: addresses(has(OUTSIDE_V4), has(OUTSIDE_V6)),
            proxy: has(PROXY),
            names: BTreeSet::new(),
        };
        let transport = |transport: Transport| match cube.protocols.contains(transport.number()) {
            true => cube.ports.intersect(&Ranges::of(1, u16::MAX)),
            false => Ranges::empty(),
        };
        let messages = |number: u8| match cube.protocols.contains(number) {
            true => cube.ports.clone(),
            false => Ranges::empty(),
        };
        let ports = PortSet {
            tcp: transport(Transport::Tcp),
            udp: transport(Transport::Udp),
            sctp: transport(Transport::Sctp),
            icmp: messages(1),
            icmpv6: messages(58),
            other: cube.protocols.intersect(&PortSet::all().other),
            named: BTreeSet::new(),
        };
        Region {
            direction: self.direction,
            flows: FlowBox {
                subject: cube.subject,
                peers,
                ports,
            },
            conditions: cube.conditions,
        }
    }

    /// The flows of a region.
    pub(super) fn region(&mut self, region: &Region) -> Result<Id, super::Full> {
        let mut all = self.flows(&region.flows)?;
        for condition in &region.conditions {
            let (question, is) = match condition {
                Condition::Port {
                    transport,
                    name,
                    is,
                } => (Question::Named(*transport, name.clone()), *is),
                Condition::Name { name, is } => (Question::Dns(name.clone()), *is),
            };
            let level = self.level(question)?;
            let (no, yes) = if is {
                (Id::NONE, Id::ALL)
            } else {
                (Id::ALL, Id::NONE)
            };
            let test = self.manager.interval(level, no, [(1, yes)])?;
            all = self.manager.apply(super::Op::And, test, all)?;
        }
        Ok(all)
    }

    /// A region with names said as ports and ends where that says the same.
    pub(super) fn plain(&self, mut region: Region) -> Region {
        let mut conditions = region.conditions.iter();
        let (Some(only), None) = (conditions.next().cloned(), conditions.next()) else {
            return region;
        };
        let FlowBox { peers, ports, .. } = &mut region.flows;
        match only {
            Condition::Port {
                transport,
                name,
                is: true,
            } if *ports == PortSet::of(transport, 1, u16::MAX)
                && (self.direction == Direction::Ingress || !peers.pods.is_empty()) =>
            {
                *ports = PortSet::of_named(transport, name);
            }
            Condition::Name { name, is: true }
                if *peers == EndpointSet::of_outside(AddressSet::full()) =>
            {
                peers.outside = AddressSet::empty();
                peers.names = BTreeSet::from([name]);
            }
            _ => return region,
        }
        region.conditions.clear();
        region
    }
}

/// Addresses by their four words: of words above one that is restricted, no range is wider than one.
fn v6(words: &[Ranges<u32>; 4]) -> Ranges<u128> {
    let restricted = words.iter().rposition(|word| !word.is_full());
    let Some(last) = restricted else {
        return Ranges::full();
    };
    let mut heads: Vec<u128> = vec![0];
    for word in &words[..last] {
        let mut next = Vec::new();
        for head in &heads {
            // The bound is only met where nobody has written such a set.
            let points = word.iter().flat_map(|(low, high)| low..=high);
            next.extend(points.take(64).map(|point| head << 32 | u128::from(point)));
        }
        heads = next;
    }
    let shift = 32 * (3 - last as u32);
    let mut ranges = Vec::new();
    for head in heads {
        for (low, high) in words[last].iter() {
            let low = (head << 32 | u128::from(low)) << shift;
            let high = (head << 32 | u128::from(high)) << shift | ((1u128 << shift) - 1);
            ranges.push((low, high));
        }
    }
    ranges.into_iter().collect()
}

/// No requirement on a key.
pub(super) fn without(labels: &Selector, key: &str) -> Selector {
    labels
        .iter()
        .filter(|(known, _)| known.as_str() != key)
        .fold(Selector::any(), |all, (key, values)| all.with(key, values))
}
