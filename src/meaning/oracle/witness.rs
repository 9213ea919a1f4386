//! A path through a diagram to a flow that people can read, and back.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smol_str::SmolStr;

use super::Oracle;
use super::levels::{Key, Question};
use super::sets::{NODE_V4, NODE_V6, OUTSIDE_V4, OUTSIDE_V6, POD, PROXY};
use crate::meaning::index::Partition;
use crate::space::diagram::level::{self, Level};
use crate::space::diagram::{ABSENT, FRESH, Guide, Id, OWN, SAME, Step};
use crate::space::{AddressSet, Direction, End, Flow, Pod, Ranges, Traffic, Transport};

/// The address of an outsider, where any will do.
const STRANGER_V4: u32 = u32::from_be_bytes([203, 0, 113, 10]);
const STRANGER_V6: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0010;
/// Echo requests.
const PING_V4: u32 = 8 << 8;
const PING_V6: u32 = 128 << 8;

/// The value of a path at a level, if it has one.
pub(super) fn on(path: &[Step], level: Level) -> Option<u32> {
    path.iter()
        .find(|(at, _)| *at == level)
        .map(|(_, value)| *value)
}

fn word(address: u128, level: Level) -> u32 {
    (address >> (32 * u32::from(3 - (level - level::V6)))) as u32
}

impl Oracle<'_> {
    /// The address to prefer for an end of a kind.
    fn preferred(&self, kind: u32) -> u128 {
        let nodes = self.index.program.cluster.nodes.as_ref();
        match kind {
            NODE_V4 => nodes
                .and_then(|nodes| nodes.v4.first())
                .and_then(|first| first.checked_add(11))
                .unwrap_or(u32::from_be_bytes([192, 0, 2, 11]))
                .into(),
            NODE_V6 => nodes
                .and_then(|nodes| nodes.v6.first())
                .and_then(|first| first.checked_add(0x11))
                .unwrap_or(STRANGER_V6 + 1),
            OUTSIDE_V6 => STRANGER_V6,
            _ => STRANGER_V4.into(),
        }
    }

    /// A readable address of a range: one that is no bound of the cluster's, and no network's own, if there is one.
    fn address(&self, low: u32, high: u32, kind: u32) -> u32 {
        let range = AddressSet {
            v4: Ranges::of(low, high),
            v6: Ranges::empty(),
        };
        let better = match kind {
            OUTSIDE_V4 => range.subtract(&self.index.program.cluster.bounds()),
            _ => match &self.index.program.cluster.nodes {
                Some(nodes) => range.intersect(nodes),
                None => range.clone(),
            },
        };
        let range = if better.is_empty() { range } else { better };
        let ones = u32::from_be_bytes([1, 1, 1, 1]);
        let first = match range.v4.first() {
            Some(0) if range.v4.contains(ones) => ones,
            first => first.unwrap_or(low),
        };
        let next = first.saturating_add(1);
        if first & 0xff == 0 && range.v4.contains(next) {
            next
        } else {
            first
        }
    }

    /// The flow of a path.
    pub(super) fn flow(&self, path: &[Step]) -> Flow {
        let kind = on(path, level::KIND).unwrap_or(POD);
        let protocol = on(path, level::PROTOCOL).unwrap_or(6);
        let port = on(path, level::PORT)
            .unwrap_or_else(|| self.number(level::PORT, 0, 0xffff, path)) as u16;
        let traffic = match protocol as u8 {
            6 => Traffic::Port(Transport::Tcp, port.max(1)),
            17 => Traffic::Port(Transport::Udp, port.max(1)),
            132 => Traffic::Port(Transport::Sctp, port.max(1)),
            1 => Traffic::Icmp((port >> 8) as u8, port as u8),
            58 => Traffic::Icmpv6((port >> 8) as u8, port as u8),
            other => Traffic::Protocol(other),
        };
        let mut subject = self.pod_of(path, &Question::Subject);
        (subject.namespace, subject.namespace_labels) = self.own(path);
        let v4 = on(path, level::V4).unwrap_or(self.preferred(kind) as u32);
        let v6 = (0..4).fold(0u128, |address, at| {
            let level = level::V6 + at;
            let part = on(path, level).unwrap_or_else(|| word(self.preferred(kind), level));
            address << 32 | u128::from(part)
        });
        let v4 = IpAddr::V4(Ipv4Addr::from(v4));
        let v6 = IpAddr::V6(Ipv6Addr::from(v6));
        let outside = |address| End::Outside {
            address,
            names: path
                .iter()
                .filter(|(_, value)| *value == 1)
                .filter_map(|(level, _)| match self.levels.question(*level) {
                    Some(Question::Dns(name)) => Some(name.clone()),
                    _ => None,
                })
                .collect(),
        };
        let mut peer = match kind {
            NODE_V4 => End::Node(v4),
            NODE_V6 => End::Node(v6),
            OUTSIDE_V4 => outside(v4),
            OUTSIDE_V6 => outside(v6),
            PROXY => End::Proxy,
            _ => {
                let mut pod = self.pod_of(path, &Question::Peer);
                (pod.namespace, pod.namespace_labels) = self.peer_namespace(path, &subject);
                End::Pod(pod)
            }
        };
        let destination = match (self.direction, &mut peer) {
            (Direction::Ingress, _) => Some(&mut subject),
            (Direction::Egress, End::Pod(pod)) => Some(pod),
            (Direction::Egress, _) => None,
        };
        if let Some(pod) = destination {
            for (level, value) in path {
                if let (1, Some(Question::Named(transport, name))) =
                    (value, self.levels.question(*level))
                {
                    pod.named_ports
                        .insert((*transport, name.clone()), port.max(1));
                }
            }
        }
        Flow {
            direction: self.direction,
            subject,
            peer,
            traffic,
        }
    }

    /// The labels and the account of one side.
    fn pod_of(&self, path: &[Step], side: &impl Fn(Key) -> Question) -> Pod {
        let mut pod = Pod {
            service_account: SmolStr::new_static("default"),
            ..Pod::default()
        };
        for (level, value) in path {
            let (Question::Subject(key) | Question::Peer(key)) = (match self.levels.question(*level)
            {
                Some(question) => question,
                None => continue,
            }) else {
                continue;
            };
            if self.levels.question(*level) != Some(&side(key.clone())) {
                continue;
            }
            let value = match *value {
                ABSENT => continue,
                FRESH => self.levels.fresh(&self.index, "other"),
                value => self.levels.value(&self.index, value),
            };
            match key {
                Key::Account => pod.service_account = value,
                Key::Label(key) => {
                    pod.labels.insert(key.clone(), value);
                }
            }
        }
        pod
    }

    /// The labels of a namespace that is not declared.
    fn namespace_labels(
        &self,
        path: &[Step],
        own: Option<&BTreeMap<SmolStr, SmolStr>>,
    ) -> BTreeMap<SmolStr, SmolStr> {
        let mut labels = BTreeMap::new();
        for (level, value) in path {
            let (key, peer) = match self.levels.question(*level) {
                Some(Question::SubjectNamespace(key)) => (key, false),
                Some(Question::PeerNamespace(key)) => (key, true),
                _ => continue,
            };
            if peer != own.is_some() {
                continue;
            }
            let value = match *value {
                ABSENT => continue,
                FRESH if peer => self.levels.fresh(&self.index, "another"),
                FRESH => self.levels.fresh(&self.index, "other"),
                SAME => match own.and_then(|own| own.get(key)) {
                    Some(value) => value.clone(),
                    None => continue,
                },
                value => self.levels.value(&self.index, value),
            };
            labels.insert(key.clone(), value);
        }
        labels
    }

    fn named(&self, at: usize) -> (SmolStr, BTreeMap<SmolStr, SmolStr>) {
        let namespace = &self.index.program.namespaces[at];
        (
            namespace.name.clone(),
            namespace.labels.iter().cloned().collect(),
        )
    }

    /// A name that no namespace of the program has.
    fn nobody(&self, word: &str) -> SmolStr {
        let program = self.index.program;
        let taken = |name: &SmolStr| {
            program.namespace(name).is_some()
                || self.index.undeclared().contains(name)
                || self.undeclared.contains(name)
        };
        let mut name = SmolStr::new(word);
        let mut n = 0;
        while taken(&name) {
            n += 1;
            name = SmolStr::from(format!("{word}-{n}"));
        }
        name
    }

    fn own(&self, path: &[Step]) -> (SmolStr, BTreeMap<SmolStr, SmolStr>) {
        match self.partition {
            Partition::Declared(at) => self.named(at),
            Partition::Undeclared(at) => (
                self.index.undeclared()[at].clone(),
                self.namespace_labels(path, None),
            ),
            Partition::Other => (self.nobody("other"), self.namespace_labels(path, None)),
        }
    }

    fn peer_namespace(
        &self,
        path: &[Step],
        subject: &Pod,
    ) -> (SmolStr, BTreeMap<SmolStr, SmolStr>) {
        let labels = |name| {
            (
                name,
                self.namespace_labels(path, Some(&subject.namespace_labels)),
            )
        };
        match on(path, level::NAMESPACE) {
            None | Some(OWN) => (subject.namespace.clone(), subject.namespace_labels.clone()),
            Some(FRESH) => labels(match self.partition {
                Partition::Other => self.nobody("another"),
                _ => self.nobody("other"),
            }),
            Some(key) if key < self.declared() => self.named(key as usize),
            Some(key) => labels(self.undeclared[(key - self.declared()) as usize].clone()),
        }
    }

    /// What a diagram says of a flow whose subject is in this partition.
    pub(super) fn at(&self, id: Id, flow: &Flow) -> Id {
        self.manager.walk(id, |level| self.value_at(level, flow))
    }

    /// The value that a flow has at a level.
    fn value_at(&self, level: Level, flow: &Flow) -> u32 {
        let known = |value: Option<&SmolStr>| match value {
            None => ABSENT,
            Some(value) => self.levels.known(&self.index, value).unwrap_or(FRESH),
        };
        let peer = match &flow.peer {
            End::Pod(pod) => Some(pod),
            _ => None,
        };
        let address = match &flow.peer {
            End::Node(address) | End::Outside { address, .. } => Some(*address),
            End::Pod(_) | End::Proxy => None,
        };
        let of_pod = |pod: &Pod, key: &Key| match key {
            Key::Account => known(Some(&pod.service_account)),
            Key::Label(key) => known(pod.labels.get(key)),
        };
        match level {
            level::KIND => match (&flow.peer, address) {
                (End::Node(_), Some(IpAddr::V4(_))) => NODE_V4,
                (End::Node(_), _) => NODE_V6,
                (End::Outside { .. }, Some(IpAddr::V4(_))) => OUTSIDE_V4,
                (End::Outside { .. }, _) => OUTSIDE_V6,
                (End::Proxy, _) => PROXY,
                (End::Pod(_), _) => POD,
            },
            level::NAMESPACE => peer.map_or(FRESH, |pod| self.key_at(pod, flow)),
            level::V4..level::PROTOCOL => match address {
                Some(IpAddr::V4(address)) => address.into(),
                Some(IpAddr::V6(address)) if level >= level::V6 => word(address.into(), level),
                _ => 0,
            },
            level::PROTOCOL => match flow.traffic {
                Traffic::Port(transport, _) => transport.number().into(),
                Traffic::Icmp(..) => 1,
                Traffic::Icmpv6(..) => 58,
                Traffic::Protocol(number) => number.into(),
            },
            level::PORT => match flow.traffic {
                Traffic::Port(_, port) => port.into(),
                Traffic::Icmp(kind, code) | Traffic::Icmpv6(kind, code) => {
                    u32::from(kind) << 8 | u32::from(code)
                }
                Traffic::Protocol(_) => 0,
            },
            _ => match self.levels.question(level) {
                None => ABSENT,
                Some(Question::SubjectNamespace(key)) => {
                    known(flow.subject.namespace_labels.get(key))
                }
                Some(Question::Subject(key)) => of_pod(&flow.subject, key),
                Some(Question::Peer(key)) => peer.map_or(ABSENT, |pod| of_pod(pod, key)),
                Some(Question::PeerNamespace(key)) => {
                    let theirs = peer.and_then(|pod| pod.namespace_labels.get(key));
                    match known(theirs) {
                        FRESH if flow.subject.namespace_labels.get(key) == theirs => SAME,
                        value => value,
                    }
                }
                Some(Question::Named(transport, name)) => {
                    let named = flow
                        .destination()
                        .and_then(|pod| pod.named_ports.get(&(*transport, name.clone())).copied());
                    u32::from(match (named, flow.traffic) {
                        (Some(number), Traffic::Port(of, port)) => {
                            of == *transport && port == number
                        }
                        _ => false,
                    })
                }
                Some(Question::Dns(name)) => u32::from(
                    matches!(&flow.peer, End::Outside { names, .. } if names.contains(name)),
                ),
            },
        }
    }

    /// The key of the other end's namespace.
    fn key_at(&self, pod: &Pod, flow: &Flow) -> u32 {
        let namespaces = &self.index.program.namespaces;
        if let Ok(at) = namespaces.binary_search_by(|known| known.name.cmp(&pod.namespace)) {
            return at as u32;
        }
        if pod.namespace == flow.subject.namespace {
            return OWN;
        }
        match self
            .undeclared
            .iter()
            .position(|name| *name == pod.namespace)
        {
            Some(at) => self.declared() + at as u32,
            None => FRESH,
        }
    }
}

impl Guide for Oracle<'_> {
    fn value(&self, level: Level) -> u32 {
        match self.levels.question(level) {
            Some(Question::Subject(Key::Account) | Question::Peer(Key::Account)) => {
                self.levels.default_account
            }
            _ => ABSENT,
        }
    }

    fn numbers(&self, level: Level, path: &[Step]) -> Vec<u32> {
        let kind = on(path, level::KIND).unwrap_or(POD);
        match level {
            level::KIND => vec![POD, OUTSIDE_V4, NODE_V4, OUTSIDE_V6, NODE_V6, PROXY],
            level::V4 => vec![self.preferred(kind) as u32],
            level::V6..level::PROTOCOL => vec![word(self.preferred(kind), level)],
            level::PROTOCOL if matches!(kind, NODE_V6 | OUTSIDE_V6) => vec![6, 17, 132, 58, 1],
            level::PROTOCOL => vec![6, 17, 132, 1, 58],
            level::PORT => match on(path, level::PROTOCOL) {
                Some(1) => vec![PING_V4],
                Some(58) => vec![PING_V6],
                _ => Vec::new(),
            },
            _ => vec![0, 1],
        }
    }

    fn number(&self, level: Level, low: u32, high: u32, path: &[Step]) -> u32 {
        match level {
            level::V4 => self.address(low, high, on(path, level::KIND).unwrap_or(POD)),
            // The last word of a network's own address.
            level::V6..level::PROTOCOL if level == level::V6 + 3 && low == 0 && high > 0 => 1,
            level::PORT => match on(path, level::PROTOCOL) {
                Some(1) if (low..=high).contains(&PING_V4) => PING_V4,
                Some(58) if (low..=high).contains(&PING_V6) => PING_V6,
                Some(1 | 58) => low,
                // Where any port will do.
                _ if low <= 1 && high >= 80 => 80,
                _ => low.max(1),
            },
            _ => low,
        }
    }

    fn namespace(&self) -> Option<u32> {
        match self.partition {
            Partition::Declared(at) => Some(at as u32),
            Partition::Undeclared(_) | Partition::Other => None,
        }
    }

    fn largest(&self, level: Level) -> u32 {
        match level {
            level::KIND => PROXY,
            level::V4..level::PROTOCOL => u32::MAX,
            level::PROTOCOL => 0xff,
            level::PORT => 0xffff,
            _ => 1,
        }
    }
}
