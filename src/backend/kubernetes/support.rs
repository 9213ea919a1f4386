//! What NetworkPolicy leaves to the CNI, as the cluster's `cni` says it.
//!
//! Takes: the facts of a cluster. Gives: [`Profile`]. Without `cni` only what every conforming CNI does is relied on.
//! Sources of each fact: `reference/kubernetes.md` §1, `reference/cilium.md`, `reference/lowering.md` §0 and §4.

use crate::model::{Cluster, Cni, Overlay};
use crate::space::Direction;

/// A thing that is relied on, and what to do if it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Support {
    /// It is so.
    Yes,
    /// It is not so, for this reason.
    No(&'static str),
    /// A fact of the cluster would say.
    Unknown(&'static str),
}

/// What the CNI does at the loose ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    cni: Option<Cni>,
    overlay: Option<Overlay>,
    sctp: bool,
}

impl Profile {
    /// The profile of a cluster.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Profile {
            cni: cluster.cni,
            overlay: cluster.overlay,
            sctp: cluster.sctp,
        }
    }

    /// Whether an `ipBlock` meets nodes by their addresses. Into a pod, on an overlay, a node of another host comes from an address of the tunnel
    /// that lies among the pods' addresses.
    pub(super) fn nodes_by_address(self, direction: Direction) -> Support {
        match (self.cni, direction) {
            (None, _) => Support::Unknown("cni"),
            (Some(Cni::Cilium), _) => Support::No("an `ipBlock` never meets a node on Cilium"),
            (Some(_), Direction::Egress) | (Some(Cni::Kindnet), Direction::Ingress) => Support::Yes,
            (Some(Cni::OvnKubernetes), Direction::Ingress) => Support::No(
                "a node reaches pods of other hosts from an address among the pods' on OVN-Kubernetes",
            ),
            (Some(_), Direction::Ingress) => match self.overlay {
                Some(Overlay::None) => Support::Yes,
                Some(Overlay::Ipip | Overlay::Vxlan) => Support::No(
                    "on an overlay a node reaches pods of other hosts from an address among the pods'",
                ),
                None => Support::Unknown("overlay"),
            },
        }
    }

    /// Whether `endPort` is enforced; a CNI that does not know it applies the first port only.
    pub(super) fn end_port(self) -> Support {
        match self.cni {
            None => Support::Unknown("cni"),
            Some(_) => Support::Yes,
        }
    }

    /// Whether SCTP is carried and its ports are enforced.
    pub(super) fn sctp(self) -> Support {
        if self.sctp {
            Support::Yes
        } else {
            Support::Unknown("sctp")
        }
    }

    /// Whether a named port is taken from each destination pod.
    pub(super) fn named_ports(self, direction: Direction) -> Support {
        match (self.cni, direction) {
            (Some(Cni::Cilium), Direction::Egress) => Support::No(
                "Cilium up to 1.19 looks named ports of egress up in one table for the whole cluster",
            ),
            (None, Direction::Egress) => Support::Unknown("cni"),
            _ => Support::Yes,
        }
    }

    /// Whether a list of addresses alone means those addresses alone.
    pub(super) fn only_addresses(self, direction: Direction) -> Support {
        match (self.cni, direction) {
            (Some(Cni::Cilium), Direction::Ingress) => Support::No(
                "Cilium 1.19.0 to 1.19.4 lets every pod of the namespace through an ingress peer that is only an `ipBlock`",
            ),
            (None, Direction::Ingress) => Support::Unknown("cni"),
            _ => Support::Yes,
        }
    }
}
