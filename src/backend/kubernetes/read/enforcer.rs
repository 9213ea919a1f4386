//! What NetworkPolicy leaves open, as the one who enforces it settles it.
//!
//! Takes: the CNI and the cluster's facts. Gives: what an `ipBlock` is besides addresses outside, and which parts of the API are enforced how. Where no
//! fact decides, both answers are given: what holds in any case, and what may hold. Source: `reference/kubernetes.md` §1, `reference/lowering.md` §0 and
//! §4, `reference/cilium.md` §3.5-§3.8.

use crate::backend::read::{Cidr, Context};
use crate::model::{Cluster, Cni, Overlay};
use crate::space::{AddressSet, Direction, Ranges};

/// Who enforces, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enforcer<'c> {
    /// The CNI, if it is known.
    pub(super) cni: Option<Cni>,
    /// Its version, if it is known.
    pub(super) version: Option<(u16, u16)>,
    /// The version of the API server, if it is known.
    pub(super) server: Option<(u16, u16)>,
    cluster: &'c Cluster,
    cidr: Cidr,
}

/// Which pods a set of addresses meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Met {
    /// None.
    None,
    /// All that there are.
    All,
    /// Some, or it is not known.
    Some,
}

/// Where the address comes from that stands for a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NodeAddress {
    /// No CIDR meets a node.
    None,
    /// It is the node's own.
    Own,
    /// It lies among the pods' addresses.
    Tunnel,
}

impl<'c> Enforcer<'c> {
    /// The cluster's own CNI, as far as the cluster says it; the context's version is the API server's.
    pub(super) fn of(context: &Context<'c>) -> Self {
        Enforcer {
            cni: context.cluster.cni,
            version: None,
            server: Some(context.version),
            cluster: context.cluster,
            cidr: context.cidr,
        }
    }

    /// A CNI that has policies of its own; the context's version is its.
    pub(super) fn on(cni: Cni, context: &Context<'c>) -> Self {
        Enforcer {
            cni: Some(cni),
            version: Some(context.version),
            server: None,
            cluster: context.cluster,
            cidr: context.cidr,
        }
    }

    /// Whether it is a version of Cilium, or may be one, of which `holds` holds.
    fn may_be_cilium(&self, holds: impl Fn((u16, u16)) -> bool) -> bool {
        match self.cni {
            None => true,
            Some(Cni::Cilium) => self.version.is_none_or(holds),
            Some(_) => false,
        }
    }

    /// The pods that an `ipBlock` of these addresses meets. The API leaves it open; Cilium never lets it meet a pod, the others know addresses only.
    pub(super) fn pods_met(&self, block: &AddressSet) -> Met {
        let by_address = self.pods_by_address(block);
        match (self.cidr, self.cni) {
            (Cidr::Outside, _) | (Cidr::AsTarget, Some(Cni::Cilium)) => Met::None,
            (Cidr::Any, _) | (Cidr::AsTarget, Some(_)) => by_address,
            (Cidr::AsTarget, None) if by_address == Met::None => Met::None,
            (Cidr::AsTarget, None) => Met::Some,
        }
    }

    fn pods_by_address(&self, block: &AddressSet) -> Met {
        let pods = self.cluster.pods.clone().unwrap_or_default();
        let families = [
            family(self.cluster.ipv4_none, &pods.v4, &block.v4),
            family(self.cluster.ipv6_none, &pods.v6, &block.v6),
        ];
        let mut known = families.into_iter().flatten();
        match known.next() {
            None => Met::None,
            Some(first) if known.all(|other| other == first) => first,
            Some(_) => Met::Some,
        }
    }

    /// The nodes that an `ipBlock` of these addresses meets in any case, and those that it meets in some.
    pub(super) fn nodes_met(
        &self,
        block: &AddressSet,
        direction: Direction,
    ) -> (AddressSet, AddressSet) {
        let mut always = AddressSet::full();
        let mut ever = AddressSet::empty();
        for from in self.node_addresses(direction) {
            let (certain, possible) = match from {
                NodeAddress::None => (AddressSet::empty(), AddressSet::empty()),
                NodeAddress::Own => (block.clone(), block.clone()),
                NodeAddress::Tunnel => self.tunnels_met(block),
            };
            always = always.intersect(&certain);
            ever = ever.union(&possible);
        }
        // Where the nodes' ranges are known, there is no node elsewhere.
        if let Some(nodes) = &self.cluster.nodes {
            let mut there = nodes.clone();
            if there.v4.is_empty() && !self.cluster.ipv4_none {
                there.v4 = Ranges::full();
            }
            if there.v6.is_empty() && !self.cluster.ipv6_none {
                there.v6 = Ranges::full();
            }
            ever = ever.intersect(&there);
        }
        (always, ever)
    }

    /// Out of a pod, a node is reached at its own address. Into a pod, on an overlay, a node of another host comes from the address of its tunnel.
    fn node_addresses(&self, direction: Direction) -> &'static [NodeAddress] {
        use NodeAddress::{None as Never, Own, Tunnel};
        match (self.cidr, self.cni, direction) {
            (Cidr::Outside, _, _) | (Cidr::AsTarget, Some(Cni::Cilium), _) => &[Never],
            (Cidr::Any, _, _) => &[Own],
            (Cidr::AsTarget, None, Direction::Egress) => &[Never, Own],
            (Cidr::AsTarget, None, Direction::Ingress) => &[Never, Own, Tunnel],
            (Cidr::AsTarget, Some(_), Direction::Egress)
            | (Cidr::AsTarget, Some(Cni::Kindnet), Direction::Ingress) => &[Own],
            (Cidr::AsTarget, Some(Cni::OvnKubernetes), Direction::Ingress) => &[Own, Tunnel],
            (Cidr::AsTarget, Some(_), Direction::Ingress) => match self.cluster.overlay {
                Some(Overlay::None) => &[Own],
                Some(Overlay::Ipip | Overlay::Vxlan) | None => &[Own, Tunnel],
            },
        }
    }

    fn tunnels_met(&self, block: &AddressSet) -> (AddressSet, AddressSet) {
        let pods = self.cluster.pods.clone().unwrap_or_default();
        let mut certain = AddressSet::empty();
        let mut possible = AddressSet::empty();
        let v4 = family(self.cluster.ipv4_none, &pods.v4, &block.v4);
        let v6 = family(self.cluster.ipv6_none, &pods.v6, &block.v6);
        if v4 == Some(Met::All) {
            certain.v4 = Ranges::full();
        }
        if v6 == Some(Met::All) {
            certain.v6 = Ranges::full();
        }
        if matches!(v4, Some(Met::All | Met::Some)) {
            possible.v4 = Ranges::full();
        }
        if matches!(v6, Some(Met::All | Met::Some)) {
            possible.v6 = Ranges::full();
        }
        (certain, possible)
    }

    /// Why it is open what a CIDR meets, as the rest of a sentence.
    pub(super) fn why_open(&self, block: &str) -> String {
        match self.cni {
            None => format!(
                "whether {block} also means pods and nodes is up to the CNI, which the cluster does not name"
            ),
            Some(_) => {
                format!("{block} may hold some of the pods' and nodes' addresses, but not all")
            }
        }
    }

    /// Why named ports may be other than the destination pod's, as the rest of a sentence.
    pub(super) fn why_names_are_open(&self, name: &str) -> String {
        match self.cni {
            None => format!(
                "whether the port name {name} is looked up at the destination pod is up to the CNI, which the cluster does not name"
            ),
            Some(_) => format!(
                "Cilium up to 1.19 looks the port name {name} up in one table for the whole cluster"
            ),
        }
    }

    /// Why blocks may let in the pods of the policy's namespace, as the rest of a sentence.
    pub(super) fn why_the_namespace_is_open(&self, blocks: &str) -> String {
        let who = match self.cni {
            None => "Cilium 1.19.0 to 1.19.4, which the CNI may be, lets",
            Some(_) => "Cilium 1.19.0 to 1.19.4 lets",
        };
        format!("{who} every pod of the namespace in where {blocks} may come in")
    }

    /// Whether an item of `from` that is an `ipBlock` may let in the pods of the policy's namespace too: Cilium 1.19.0 to 1.19.4 does so, and versions say
    /// nothing of patches.
    pub(super) fn blocks_may_open_the_namespace(&self) -> bool {
        self.cidr == Cidr::AsTarget && self.may_be_cilium(|version| version == (1, 19))
    }

    /// Whether rules of a direction that `policyTypes` does not list act all the same, as they do on Cilium; the API has them ignored. `None` if that
    /// is not known.
    pub(super) fn unlisted_rules_act(&self) -> Option<bool> {
        self.cni.map(|cni| cni == Cni::Cilium)
    }

    /// Whether a namespace selector that a thing without labels fulfils may also meet nodes: on Cilium with node labels.
    pub(super) fn negative_namespaces_may_meet_nodes(&self) -> bool {
        self.cluster.node_labels && self.may_be_cilium(|_| true)
    }

    /// Whether named ports of an egress rule may be other than the destination pod's: Cilium up to 1.19 has one table of names for the whole cluster.
    pub(super) fn names_are_the_clusters(&self, direction: Direction) -> bool {
        direction == Direction::Egress && self.may_be_cilium(|version| version < (1, 20))
    }

    /// Whether `endPort` is certainly enforced; who does not know it applies the first port only.
    pub(super) fn knows_end_port(&self) -> bool {
        self.cni.is_some()
    }

    /// Whether the API server refuses CIDRs that are not written as they should be; 1.37 does, 1.34 does not.
    pub(super) fn refuses_loose_cidrs(&self) -> bool {
        self.server.is_some_and(|version| version >= (1, 37))
    }
}

/// What addresses meet of the pods' of one family; `None` if no pod has one. An empty range is one that is not known.
fn family<T: crate::space::Number>(none: bool, pods: &Ranges<T>, block: &Ranges<T>) -> Option<Met> {
    if none {
        return None;
    }
    let disjoint = if pods.is_empty() {
        block.is_empty()
    } else {
        !block.meets(pods)
    };
    let covers = block.is_full() || !pods.is_empty() && pods.is_subset(block);
    Some(if disjoint {
        Met::None
    } else if covers {
        Met::All
    } else {
        Met::Some
    })
}
