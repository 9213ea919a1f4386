//! The flows that a target can be held to.
//!
//! "Decides every flow as the program does" is true of no target: each of them fails to see, or to enforce, something. The universe is what it does see and
//! enforce, by its documents (`reference/lowering.md` §0) and the facts of the cluster; each proof prints its own, and what lies outside is never called proved.

use std::fmt;

use smol_str::SmolStr;

use crate::backend::Spec;
use crate::meaning::{Index, Oracle, Partition, Set, TooLarge, in_box};
use crate::model::{Overlay, Program, Target};
use crate::space::{AddressSet, Direction, End, EndpointSet, Flow, FlowBox, Pods, PortSet, Ranges};

/// What a target sees and enforces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Universe {
    /// The target and its version, as people say it.
    pub target: String,
    /// The flows to pods, of whatever subject: a union of boxes.
    ingress: Vec<FlowBox>,
    /// The flows from pods.
    egress: Vec<FlowBox>,
    /// The protocols and ports.
    pub ports: PortSet,
    /// The nodes, by their own addresses.
    nodes: AddressSet,
    /// Whether there is an ingress proxy.
    proxy: bool,
    /// Whether only pods of declared namespaces count.
    pub declared_only: bool,
    /// The ranges of which no outside address is, if any are known.
    bounds: AddressSet,
    /// The family that no pod has, in words.
    absent: Option<&'static str>,
}

impl Universe {
    /// The universe of a target for a program's cluster.
    pub fn of(spec: &Spec, program: &Program) -> Self {
        let cluster = &program.cluster;
        let mut nodes = AddressSet::full();
        if let Some(declared) = &cluster.nodes {
            if !declared.v4.is_empty() {
                nodes.v4 = declared.v4.clone();
            }
            if !declared.v6.is_empty() {
                nodes.v6 = declared.v6.clone();
            }
        }
        let bounds = cluster.bounds();
        let mut outside = AddressSet::full().subtract(&bounds);
        let mut ports = PortSet::all();
        match spec.backend {
            Target::Calico => {}
            Target::Kubernetes => ports = PortSet::transports(),
            Target::Cilium => {
                if !cluster.sctp {
                    ports.sctp = Ranges::empty();
                }
                if !(cluster.extended_protocols && spec.at_least(1, 19)) {
                    ports.other = Ranges::empty();
                }
            }
        }
        // A pod without an address of a family sends and receives nothing of it.
        if cluster.ipv4_none {
            nodes.v4 = Ranges::empty();
            outside.v4 = Ranges::empty();
            ports.icmp = Ranges::empty();
        }
        if cluster.ipv6_none {
            nodes.v6 = Ranges::empty();
            outside.v6 = Ranges::empty();
            ports.icmpv6 = Ranges::empty();
        }
        let proxy = spec.backend == Target::Cilium;
        // What a node sends into a tunnel comes from the tunnel's address, which lies among the pods' (`reference/lowering.md` §2, `nodes`).
        // IP in IP carries IPv4 alone; IPv6 goes beside it as it is.
        let senders = match (&cluster.pods, cluster.overlay) {
            (Some(pods), Some(Overlay::Vxlan)) if spec.backend == Target::Calico => {
                nodes.union(pods)
            }
            (Some(pods), Some(Overlay::Ipip)) if spec.backend == Target::Calico => {
                nodes.union(&AddressSet {
                    v6: Ranges::empty(),
                    ..pods.clone()
                })
            }
            _ => nodes.clone(),
        };
        Universe {
            target: spec.spoken(),
            ingress: boxes(&senders, &outside, &ports, proxy),
            egress: boxes(&nodes, &outside, &ports, proxy),
            ports,
            nodes,
            proxy,
            declared_only: spec.backend == Target::Kubernetes,
            bounds,
            absent: match (cluster.ipv4_none, cluster.ipv6_none) {
                (true, _) => Some("IPv4"),
                (_, true) => Some("IPv6"),
                _ => None,
            },
        }
    }

    /// The universe of manifests, whoever wrote them: where nobody has to emit a policy for each namespace, no namespace needs to be declared.
    pub fn of_manifests(spec: &Spec, read: &Program) -> Self {
        Universe {
            declared_only: false,
            ..Universe::of(spec, read)
        }
    }

    /// The flows that both can be held to.
    pub fn common(one: &Self, other: &Self) -> Self {
        let both = |a: &[FlowBox], b: &[FlowBox]| {
            let pairs = a.iter().flat_map(|a| b.iter().map(move |b| a.intersect(b)));
            // No universe has DNS names or named ports, so that each two of its boxes have a box in common.
            pairs.flatten().filter(|flows| !flows.is_empty()).collect()
        };
        let ports = one.ports.intersect(&other.ports);
        Universe {
            target: match one.target == other.target {
                true => one.target.clone(),
                false => format!("{} and {}", one.target, other.target),
            },
            ingress: both(&one.ingress, &other.ingress),
            egress: both(&one.egress, &other.egress),
            ports: ports.unwrap_or_else(PortSet::empty),
            nodes: one.nodes.intersect(&other.nodes),
            proxy: one.proxy && other.proxy,
            declared_only: one.declared_only || other.declared_only,
            bounds: one.bounds.union(&other.bounds),
            absent: one.absent.or(other.absent),
        }
    }

    /// All flows: what a program speaks about where there is no target.
    pub fn whole() -> Self {
        let everything = FlowBox {
            subject: Pods::any(),
            peers: EndpointSet::anywhere(),
            ports: PortSet::all(),
        };
        Universe {
            target: "the program".to_owned(),
            ingress: vec![everything.clone()],
            egress: vec![everything],
            ports: PortSet::all(),
            nodes: AddressSet::full(),
            proxy: true,
            declared_only: false,
            bounds: AddressSet::empty(),
            absent: None,
        }
    }

    /// The partitions of the subjects that count.
    pub fn partitions(&self, index: &Index<'_>) -> Vec<Partition> {
        let mut partitions = index.partitions();
        if self.declared_only {
            partitions.retain(|partition| matches!(partition, Partition::Declared(_)));
        }
        partitions
    }

    /// The flows as a set of an oracle's.
    ///
    /// # Errors
    /// If it is too large.
    pub fn set(&self, oracle: &mut Oracle<'_>) -> Result<Set, TooLarge> {
        let flows = match oracle.direction() {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut sets = Vec::with_capacity(flows.len());
        for flows in flows {
            sets.push(oracle.set(flows)?);
        }
        oracle.union(sets)
    }

    /// Whether a flow is among them; whether its subject counts is not asked.
    pub fn holds(&self, flow: &Flow) -> bool {
        let flows = match flow.direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        flows.iter().any(|flows| in_box(flows, flow))
    }

    /// Why a flow is not among them, as a sentence; `None` if it is one.
    pub fn lacks(&self, index: &Index<'_>, flow: &Flow) -> Option<String> {
        let namespace = &flow.subject.namespace;
        let ends = [Some(namespace), flow.peer.pod().map(|pod| &pod.namespace)];
        let undeclared = |name: &&SmolStr| index.program.namespace(name).is_none();
        if index.program.cluster.namespaces_closed
            && let Some(name) = ends.into_iter().flatten().find(undeclared)
        {
            return Some(format!(
                "every namespace is declared, and `{name}` is not one of them"
            ));
        }
        if self.declared_only && undeclared(&namespace) {
            return Some(format!(
                "what {} enforces is about declared namespaces, and `{namespace}` is not one of them",
                self.target
            ));
        }
        if self.holds(flow) {
            return None;
        }
        let all = FlowBox {
            subject: Pods::any(),
            peers: EndpointSet::anywhere(),
            ports: self.ports.clone(),
        };
        Some(match &flow.peer {
            _ if !in_box(&all, flow) => {
                format!("{} does not enforce {}", self.target, flow.traffic)
            }
            End::Node(address) if !self.nodes.contains(*address) => {
                format!("no node has the address {address}")
            }
            End::Outside { address, .. } if self.bounds.contains(*address) => {
                format!("{address} lies in the cluster's own ranges, so it is not outside")
            }
            End::Node(address) | End::Outside { address, .. } => {
                format!("no {} travels to or from {address}", flow.traffic)
            }
            End::Pod(_) | End::Proxy => format!("{} has no {}", self.target, flow.peer),
        })
    }

    /// What can travel between a pod and another end.
    pub fn traffic(&self, direction: Direction, end: &End) -> PortSet {
        let is = |peers: &EndpointSet| match end {
            End::Pod(_) => !peers.pods.is_empty(),
            End::Node(address) => peers.nodes.contains(*address),
            End::Outside { address, .. } => peers.outside.contains(*address),
            End::Proxy => peers.proxy,
        };
        let flows = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let flows = flows.iter().filter(|flows| is(&flows.peers));
        flows.fold(PortSet::empty(), |all, one| all.union(&one.ports))
    }

    /// The other ends that there are, of either direction.
    pub fn peers(&self) -> impl Iterator<Item = &EndpointSet> {
        let flows = self.ingress.iter().chain(&self.egress);
        flows.map(|flows| &flows.peers)
    }

    /// Protocols that do not count although there are such flows, in words; empty if all do.
    pub fn unseen(&self) -> Vec<&'static str> {
        let ports = &self.ports;
        [
            (ports.tcp.is_empty(), "tcp"),
            (ports.udp.is_empty(), "udp"),
            (ports.sctp.is_empty(), "sctp"),
            (ports.icmp.is_empty() && self.absent != Some("IPv4"), "icmp"),
            (
                ports.icmpv6.is_empty() && self.absent != Some("IPv6"),
                "icmpv6",
            ),
            (ports.other.is_empty(), "other protocols"),
        ]
        .into_iter()
        .filter(|(unseen, _)| *unseen)
        .map(|(_, word)| word)
        .collect()
    }
}

/// The flows that can be: a message of ICMP travels between addresses of v4, one of ICMPv6 between addresses of v6.
fn boxes(nodes: &AddressSet, outside: &AddressSet, ports: &PortSet, proxy: bool) -> Vec<FlowBox> {
    let flows = |peers: EndpointSet, icmp: bool, icmpv6: bool| {
        let mut ports = ports.clone();
        if !icmp {
            ports.icmp = Ranges::empty();
        }
        if !icmpv6 {
            ports.icmpv6 = Ranges::empty();
        }
        FlowBox {
            subject: Pods::any(),
            peers,
            ports,
        }
    };
    let of_v4 = |set: &AddressSet| AddressSet {
        v6: Ranges::empty(),
        ..set.clone()
    };
    let of_v6 = |set: &AddressSet| AddressSet {
        v4: Ranges::empty(),
        ..set.clone()
    };
    let addresses = |nodes: AddressSet, outside: AddressSet| EndpointSet {
        nodes,
        outside,
        ..EndpointSet::empty()
    };
    let identities = EndpointSet {
        pods: vec![Pods::any()],
        proxy,
        ..EndpointSet::empty()
    };
    vec![
        flows(identities, true, true),
        flows(addresses(of_v4(nodes), of_v4(outside)), true, false),
        flows(addresses(of_v6(nodes), of_v6(outside)), false, true),
    ]
}

impl fmt::Display for Universe {
    /// One line: `calico 3.30: all protocols; pods of any namespace; nodes in 192.168.10.0/24; outside but 10.96.0.0/12, 10.244.0.0/16; no other policy`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: &AddressSet| {
            let networks = set.networks();
            networks
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        write!(f, "{}: ", self.target)?;
        match self.unseen().as_slice() {
            [] => f.write_str("all protocols")?,
            unseen => write!(f, "all protocols but {}", unseen.join(", "))?,
        }
        f.write_str(match self.declared_only {
            true => "; pods of declared namespaces",
            false => "; pods of any namespace",
        })?;
        match self.nodes.is_full() {
            true => f.write_str("; nodes")?,
            false => write!(f, "; nodes in {}", list(&self.nodes))?,
        }
        match self.bounds.is_empty() {
            true => f.write_str("; outside")?,
            false => write!(f, "; outside but {}", list(&self.bounds))?,
        }
        if self.proxy {
            f.write_str("; the ingress proxy")?;
        }
        if let Some(family) = self.absent {
            write!(f, "; no {family}")?;
        }
        f.write_str("; no other policy in the cluster")
    }
}
