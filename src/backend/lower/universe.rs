//! The flows that a target can be held to, as far as boxes say it.

use crate::model::Cluster;
use crate::space::{AddressSet, EndpointSet, FlowBox, PortSet};

/// Which peers and which traffic count. What lies outside is neither demanded nor proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Universe {
    /// The addresses that nodes can have: the declared ranges; everything of a family of which nothing is declared.
    pub nodes: AddressSet,
    /// The outside addresses: all but those inside the cluster's bounds, which belong to no outside end.
    pub outside: AddressSet,
    /// The protocols.
    pub ports: PortSet,
    /// Whether the target has an ingress proxy.
    pub proxy: bool,
}

impl Universe {
    /// The universe of a target without an ingress proxy that sees this traffic.
    pub fn of(cluster: &Cluster, ports: PortSet) -> Self {
        let mut nodes = AddressSet::full();
        if cluster.ipv4_none {
            nodes.v4 = Default::default();
        }
        if cluster.ipv6_none {
            nodes.v6 = Default::default();
        }
        if let Some(declared) = &cluster.nodes {
            if !declared.v4.is_empty() {
                nodes.v4 = declared.v4.clone();
            }
            if !declared.v6.is_empty() {
                nodes.v6 = declared.v6.clone();
            }
        }
        Universe {
            nodes,
            outside: AddressSet::full().subtract(&cluster.bounds()),
            ports,
            proxy: false,
        }
    }

    /// The part of a set of ends that counts. DNS names do not.
    pub fn clip_peers(&self, peers: &EndpointSet) -> EndpointSet {
        EndpointSet {
            pods: peers.pods.clone(),
            nodes: peers.nodes.intersect(&self.nodes),
            outside: peers.outside.intersect(&self.outside),
            proxy: peers.proxy && self.proxy,
            names: Default::default(),
        }
    }

    /// The part of a box that counts.
    pub fn clip(&self, flows: &FlowBox) -> FlowBox {
        FlowBox {
            subject: flows.subject.clone(),
            peers: self.clip_peers(&flows.peers),
            ports: self.clip_ports(&flows.ports),
        }
    }

    /// The part of the traffic that counts. Named ports count where their protocol does.
    pub fn clip_ports(&self, ports: &PortSet) -> PortSet {
        ports
            .intersect(&self.ports)
            .expect("a universe holds all ports of a protocol or none, so that names and numbers are never mixed")
    }
}
