//! Flows at the edges of what a program mentions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use smol_str::SmolStr;
use vauban::model::Program;
use vauban::space::{
    AddressSet, Direction, End, EndpointSet, Flow, Pod, Pods, PortSet, Selector, Traffic,
    Transport, ValueSet,
};

use crate::generator::Random;
use crate::interpreters::Seen;

/// What flows are made of.
#[derive(Debug, Default)]
pub struct Draw {
    /// Names of namespaces and their labels.
    pub namespaces: Vec<(SmolStr, BTreeMap<SmolStr, SmolStr>)>,
    /// Keys of pod labels and values.
    labels: BTreeMap<SmolStr, BTreeSet<SmolStr>>,
    accounts: BTreeSet<SmolStr>,
    ports: BTreeSet<u16>,
    names: BTreeSet<SmolStr>,
    /// Addresses that are no pod's and no node's.
    outside: Vec<IpAddr>,
    pods: Vec<IpAddr>,
    nodes: Vec<IpAddr>,
    /// Whether a node may come into a pod from an address among the pods'.
    pub tunnels: bool,
    /// Whether subjects may be in namespaces that nobody declares.
    pub undeclared: bool,
    /// Whether other protocols than TCP, UDP and SCTP are drawn.
    pub others: bool,
}

fn edges(set: &AddressSet, into: &mut Vec<IpAddr>) {
    for (low, high) in set.v4.iter() {
        let at = [
            low.wrapping_sub(1),
            low,
            high,
            high.wrapping_add(1),
            low / 2 + high / 2,
        ];
        into.extend(at.map(|at| IpAddr::V4(at.into())));
    }
    for (low, high) in set.v6.iter() {
        let at = [
            low.wrapping_sub(1),
            low,
            high,
            high.wrapping_add(1),
            low / 2 + high / 2,
        ];
        into.extend(at.map(|at| IpAddr::V6(at.into())));
    }
}

impl Draw {
    /// From what a program mentions, and some things besides.
    pub fn of(program: &Program) -> Self {
        let mut draw = Draw::default();
        for namespace in &program.namespaces {
            let labels = namespace.labels.iter().cloned().collect();
            draw.namespaces.push((namespace.name.clone(), labels));
        }
        draw.labels
            .insert("app".into(), BTreeSet::from(["web".into(), "db".into()]));
        draw.names.insert("http".into());
        draw.ports.extend([1, 53, 80, 443, 8080, 65535]);
        draw.accounts.insert("default".into());
        let mut mentioned = vec![
            "203.0.113.77".parse().unwrap(),
            "2001:db8::9".parse().unwrap(),
        ];
        for policy in &program.policies {
            policy.subject.iter().for_each(|pods| draw.pods(pods));
            for rule in policy
                .ingress
                .iter()
                .chain(&policy.egress)
                .flat_map(|block| &block.rules)
            {
                for clause in &rule.clauses {
                    draw.ends(&clause.peers, &mut mentioned);
                    draw.ports(&clause.ports);
                    clause
                        .subject
                        .iter()
                        .flatten()
                        .for_each(|pods| draw.pods(pods));
                }
            }
        }
        let cluster = &program.cluster;
        let range = |set: &Option<AddressSet>, otherwise: &str| {
            set.clone()
                .unwrap_or_else(|| AddressSet::of(otherwise.parse().unwrap()))
        };
        let pods = range(&cluster.pods, "10.244.0.0/16");
        let nodes = range(&cluster.nodes, "192.168.10.0/24");
        edges(&pods, &mut mentioned);
        edges(&nodes, &mut mentioned);
        let bounds = cluster.bounds().union(&pods).union(&nodes);
        for address in mentioned {
            if pods.contains(address) {
                draw.pods.push(address);
            } else if nodes.contains(address) {
                draw.nodes.push(address);
            } else if !bounds.contains(address) {
                draw.outside.push(address);
            }
        }
        draw
    }

    fn values(&mut self, selector: &Selector) {
        for (key, values) in selector.iter() {
            let known = self.labels.entry(key.clone()).or_default();
            known.extend(values.mentioned().iter().flatten().cloned());
            known.insert("another".into());
        }
    }

    fn pods(&mut self, pods: &Pods) {
        self.values(&pods.labels);
        let (ValueSet::In(accounts) | ValueSet::NotIn(accounts)) = &pods.service_account;
        self.accounts.extend(accounts.iter().flatten().cloned());
        let (ValueSet::In(names) | ValueSet::NotIn(names)) = &pods.namespaces.names;
        for name in names.iter().flatten() {
            if !self.namespaces.iter().any(|(known, _)| known == name) {
                self.namespaces.push((name.clone(), BTreeMap::new()));
            }
        }
    }

    fn ends(&mut self, ends: &EndpointSet, mentioned: &mut Vec<IpAddr>) {
        ends.pods.iter().for_each(|pods| self.pods(pods));
        edges(&ends.nodes, mentioned);
        edges(&ends.outside, mentioned);
    }

    fn ports(&mut self, ports: &PortSet) {
        for transport in Transport::ALL {
            for (low, high) in ports.transport(transport).iter() {
                let edges = [low.saturating_sub(1), low, high, high.saturating_add(1)];
                self.ports
                    .extend(edges.into_iter().filter(|port| *port > 0));
            }
        }
        self.names
            .extend(ports.named.iter().map(|(_, name)| name.clone()));
    }

    fn pod(&self, random: &mut Random, declared: bool) -> Pod {
        let other = !declared && random.chance(10);
        let (namespace, namespace_labels) = if other || self.namespaces.is_empty() {
            let labels = [("env", "prod"), ("team", "a")];
            let labels = labels.into_iter().filter(|_| random.chance(50));
            let labels = labels
                .map(|(key, value)| (key.into(), value.into()))
                .collect();
            ("elsewhere".into(), labels)
        } else {
            random.pick(&self.namespaces).clone()
        };
        let mut labels = BTreeMap::new();
        for (key, values) in &self.labels {
            if random.chance(60) {
                let values: Vec<&SmolStr> = values.iter().collect();
                if let Some(value) = (!values.is_empty()).then(|| random.pick(&values)) {
                    labels.insert(key.clone(), (*value).clone());
                }
            }
        }
        let accounts: Vec<&SmolStr> = self.accounts.iter().collect();
        let mut named_ports = BTreeMap::new();
        for name in &self.names {
            if random.chance(50) {
                let transport = *random.pick(&Transport::ALL);
                named_ports.insert((transport, name.clone()), self.port(random));
            }
        }
        Pod {
            namespace,
            namespace_labels,
            labels,
            service_account: (*random.pick(&accounts)).clone(),
            named_ports,
        }
    }

    fn port(&self, random: &mut Random) -> u16 {
        let ports: Vec<u16> = self.ports.iter().copied().collect();
        *random.pick(&ports)
    }

    /// A flow; its addresses are of one family.
    pub fn flow(&self, random: &mut Random) -> Seen {
        let direction = *random.pick(&Direction::BOTH);
        let subject = self.pod(random, !self.undeclared);
        let (peer, peer_address) = match random.below(10) {
            0..5 => {
                let address = *random.pick(&self.pods);
                (End::Pod(self.pod(random, false)), address)
            }
            5 | 6 => {
                let own = *random.pick(&self.nodes);
                let tunnel = random.pick(&self.pods);
                let tunnelled = self.tunnels
                    && direction == Direction::Ingress
                    && own.is_ipv4() == tunnel.is_ipv4()
                    && random.chance(50);
                (End::Node(own), if tunnelled { *tunnel } else { own })
            }
            _ => {
                let address = *random.pick(&self.outside);
                let names = BTreeSet::new();
                (End::Outside { address, names }, address)
            }
        };
        let destination = match (direction, &peer) {
            (Direction::Ingress, _) => Some(&subject),
            (Direction::Egress, End::Pod(pod)) => Some(pod),
            _ => None,
        };
        let named: Vec<(Transport, u16)> = destination
            .into_iter()
            .flat_map(|pod| &pod.named_ports)
            .map(|((transport, _), port)| (*transport, *port))
            .collect();
        let traffic = match random.below(10) {
            0 if self.others => *random.pick(&[
                Traffic::Icmp(8, 0),
                Traffic::Icmpv6(128, 0),
                Traffic::Protocol(47),
            ]),
            1..4 if !named.is_empty() => {
                let (transport, port) = *random.pick(&named);
                Traffic::Port(transport, port)
            }
            _ => {
                let transport = *random.pick(&[
                    Transport::Tcp,
                    Transport::Tcp,
                    Transport::Udp,
                    Transport::Sctp,
                ]);
                Traffic::Port(transport, self.port(random))
            }
        };
        let same: Vec<IpAddr> = self
            .pods
            .iter()
            .filter(|address| address.is_ipv4() == peer_address.is_ipv4())
            .copied()
            .collect();
        Seen {
            subject_address: same.first().copied().unwrap_or(peer_address),
            flow: Flow {
                direction,
                subject,
                peer,
                traffic,
            },
            peer_address,
            resolved: Vec::new(),
            foreign_labels: Vec::new(),
        }
    }
}
