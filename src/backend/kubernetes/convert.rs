//! A box of allowed flows as rules of a `NetworkPolicy`.
//!
//! Takes: a [`FlowBox`] in one namespace. Gives: peers and ports that mean exactly it within the universe, or the [`Obstacle`].
//!
//! - Everything is said by saying nothing: no peers, no ports. It is the only way to meet pods, nodes and outside alike on every CNI.
//! - Outside addresses lose the cluster's bounds, so that it does not matter whether the CNI matches pods or nodes by `ipBlock`.
//! - Nodes are addresses, where the CNI sees them so.

use ipnet::IpNet;

use super::manifest::{IpBlock, Peer, Port, PortValue};
use super::selector;
use super::support::{Profile, Support};
use crate::backend::lower::Universe;
use crate::model::{Cluster, Namespace, inhabitant};
use crate::space::{
    AddressSet, Direction, EndpointSet, FlowBox, Namespaces, Pods, PortSet, Transport,
    subtract_pods,
};

/// How many ports a range may have to be written one by one where `endPort` is not known to work.
const SPELLED: u16 = 16;

/// How the CNI is said.
const CNIS: &[&str] = &["cni calico", "cni antrea", "cni kindnet"];

/// Why a box cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Obstacle {
    /// The cluster does not state a fact.
    Fact(Fact),
    /// Nodes would have to be told from other ends, and cannot, for this reason.
    Nodes(&'static str),
    /// Named ports cannot be said, for this reason.
    NamedPorts(&'static str),
    /// Addresses without pods cannot be said, for this reason.
    OnlyAddresses(&'static str),
    /// More selectors than we write for one set of pods.
    Selectors,
}

/// A fact that the cluster does not state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Fact {
    /// Its word.
    pub(super) word: &'static str,
    /// The ways to say it.
    pub(super) ways: &'static [&'static str],
    /// What it is needed for.
    pub(super) why: &'static str,
}

/// Where a box is said.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    /// The cluster.
    pub(super) cluster: &'a Cluster,
    /// The declared namespaces.
    pub(super) namespaces: &'a [Namespace],
    /// What its CNI does.
    pub(super) profile: Profile,
    /// What counts.
    pub(super) universe: &'a Universe,
    /// The object's namespace.
    pub(super) own: &'a str,
    /// The direction.
    pub(super) direction: Direction,
}

/// Peers and ports of a rule; `None` means everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    /// `from` or `to`.
    pub(super) peers: Option<Vec<Peer>>,
    /// `ports`
    pub(super) ports: Option<Vec<Port>>,
}

/// The rules whose union is exactly the box, within the universe; none if nothing of it counts.
pub(super) fn rules(flows: &FlowBox, ground: Ground<'_>) -> Result<Vec<Said>, Obstacle> {
    let ports = ground.universe.clip_ports(&flows.ports);
    let mut out = Vec::new();
    // A named port is one of a pod: where the destination is none, only numbers count. Said apart, because CNIs disagree about names of what is no pod.
    let only_pods = !has_others(&flows.peers, ground);
    if ground.direction == Direction::Egress && !ports.named.is_empty() && !only_pods {
        let numbers = PortSet {
            named: Default::default(),
            ..ports.clone()
        };
        let names = PortSet {
            named: ports.named.clone(),
            ..PortSet::empty()
        };
        said(&flows.peers, &numbers, ground, &mut out)?;
        let pods = EndpointSet::of_pods(flows.peers.pods.iter().cloned());
        said(&pods, &names, ground, &mut out)?;
    } else {
        said(&flows.peers, &ports, ground, &mut out)?;
    }
    Ok(out)
}

fn has_others(peers: &EndpointSet, ground: Ground<'_>) -> bool {
    let peers = ground.universe.clip_peers(peers);
    !peers.nodes.is_empty() || !peers.outside.is_empty()
}

fn said(
    peers: &EndpointSet,
    ports: &PortSet,
    ground: Ground<'_>,
    out: &mut Vec<Said>,
) -> Result<(), Obstacle> {
    if ports.is_empty() {
        return Ok(());
    }
    let peers = self::peers(peers, ground)?;
    if peers.as_ref().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    let ports = self::ports(ports, ground)?;
    out.push(Said { peers, ports });
    Ok(())
}

/// `None` for everything.
fn peers(peers: &EndpointSet, ground: Ground<'_>) -> Result<Option<Vec<Peer>>, Obstacle> {
    let universe = ground.universe;
    let here = universe.clip_peers(peers);
    let every_pod = subtract_pods(&[Pods::any()], &here.pods).is_empty();
    let every_node = universe.nodes.is_subset(&here.nodes);
    if every_pod && every_node && universe.outside.is_subset(&here.outside) {
        return Ok(None);
    }
    let mut out = Vec::new();
    for pods in &here.pods {
        if inhabitant(
            ground.namespaces,
            ground.cluster.namespaces_closed,
            &unbound(pods),
        )
        .is_none()
        {
            continue;
        }
        out.extend(selector::peers(pods, ground.own).map_err(|_| Obstacle::Selectors)?);
    }
    let mut addresses = here.outside.clone();
    if !here.outside.is_empty() {
        bounded(&here.outside, ground.cluster)?;
    }
    if !here.nodes.is_empty() {
        nodes(&here.nodes, ground)?;
        addresses = addresses.union(&here.nodes);
    }
    if !addresses.is_empty() {
        let own = Pods {
            namespaces: Namespaces::named(ground.own),
            ..Pods::any()
        };
        match ground.profile.only_addresses(ground.direction) {
            Support::Yes => {}
            _ if subtract_pods(&[own], &here.pods).is_empty() => {}
            Support::No(reason) => return Err(Obstacle::OnlyAddresses(reason)),
            Support::Unknown(word) => {
                return Err(Obstacle::Fact(Fact {
                    word,
                    ways: CNIS,
                    why: "Cilium 1.19.0 to 1.19.4 lets every pod of the namespace through an ingress peer that is only an `ipBlock`",
                }));
            }
        }
    }
    out.extend(addresses.blocks().into_iter().map(|block| Peer::Block {
        ip_block: IpBlock {
            cidr: block.net.to_string(),
            except: block.except.iter().map(IpNet::to_string).collect(),
        },
    }));
    Ok(Some(out))
}

/// Pods without a relation to the subject: a lowered box has none left.
fn unbound(pods: &Pods) -> Pods {
    let mut pods = pods.clone();
    pods.namespaces.same.clear();
    pods
}

/// Whether the cluster says, for each family of some outside addresses, which addresses pods and nodes have.
fn bounded(outside: &AddressSet, cluster: &Cluster) -> Result<(), Obstacle> {
    let why = "a CNI may match pods and nodes by `ipBlock`: their addresses must be carved out, in each family";
    for (v6, none, way) in [
        (false, cluster.ipv4_none, "ipv4 none"),
        (true, cluster.ipv6_none, "ipv6 none"),
    ] {
        if none || !has_family(outside, v6) {
            continue;
        }
        for (ranges, word) in [(&cluster.pods, "pods"), (&cluster.nodes, "nodes")] {
            if !ranges.as_ref().is_some_and(|set| has_family(set, v6)) {
                return Err(Obstacle::Fact(Fact {
                    word: match (word, v6) {
                        (_, true) => "ipv6",
                        ("pods", false) => "pods",
                        (_, false) => "nodes",
                    },
                    ways: match way {
                        "ipv4 none" => &["pods CIDR` and `nodes CIDR", "ipv4 none"],
                        _ => &["ipv6 none", "pods fd00::/48` and `nodes fd01::/64"],
                    },
                    why,
                }));
            }
        }
    }
    Ok(())
}

fn has_family(set: &AddressSet, v6: bool) -> bool {
    if v6 {
        !set.v6.is_empty()
    } else {
        !set.v4.is_empty()
    }
}

/// Whether nodes can be said by their addresses.
fn nodes(nodes: &AddressSet, ground: Ground<'_>) -> Result<(), Obstacle> {
    match ground.profile.nodes_by_address(ground.direction) {
        Support::Yes => {}
        Support::No(reason) => return Err(Obstacle::Nodes(reason)),
        Support::Unknown(fact) => {
            return Err(Obstacle::Fact(Fact {
                word: fact,
                ways: match fact {
                    "overlay" => &["overlay none"],
                    _ => CNIS,
                },
                why: "nodes can be said by their addresses only, and whether an `ipBlock` meets them, and from where they come, is up to the CNI",
            }));
        }
    }
    let cluster = ground.cluster;
    let declared = cluster.nodes.clone().unwrap_or_default();
    for v6 in [false, true] {
        if has_family(nodes, v6) && !has_family(&declared, v6) {
            return Err(Obstacle::Fact(Fact {
                word: if v6 { "ipv6" } else { "nodes" },
                ways: if v6 {
                    &["ipv6 none", "nodes fd00::/64"]
                } else {
                    &["nodes CIDR"]
                },
                why: "nodes can be said by their addresses only",
            }));
        }
        // Pods may share a subnet with the nodes (as with the VPC CNI of EKS): unless it is said that they do not, the block could be theirs.
        let pods = cluster.pods.as_ref();
        if has_family(nodes, v6) && !pods.is_some_and(|pods| has_family(pods, v6)) {
            return Err(Obstacle::Fact(Fact {
                word: "pods",
                ways: if v6 {
                    &["pods fd01::/48"]
                } else {
                    &["pods CIDR"]
                },
                why: "nodes can be said by their addresses only, and these must not be pods' addresses too",
            }));
        }
    }
    let others = [&cluster.pods, &cluster.services]
        .into_iter()
        .flatten()
        .any(|others| others.meets(nodes));
    if others {
        return Err(Obstacle::Nodes(
            "nodes share addresses with pods or services in this cluster",
        ));
    }
    Ok(())
}

/// `None` for everything.
fn ports(ports: &PortSet, ground: Ground<'_>) -> Result<Option<Vec<Port>>, Obstacle> {
    if Transport::ALL
        .iter()
        .all(|transport| ports.has_every(*transport))
    {
        return Ok(None);
    }
    let mut out = Vec::new();
    for transport in Transport::ALL {
        let port = |port, end_port| Port {
            protocol: transport.upper(),
            port,
            end_port,
        };
        if ports.has_every(transport) {
            out.push(port(None, None));
            continue;
        }
        for (low, high) in ports.transport(transport).iter() {
            if low < high && ground.profile.end_port() != Support::Yes {
                if high - low >= SPELLED {
                    return Err(Obstacle::Fact(Fact {
                        word: "cni",
                        ways: CNIS,
                        why: "a CNI without `endPort` enforces the first port of a range only; up to 16 ports are written one by one",
                    }));
                }
                out.extend((low..=high).map(|one| port(Some(PortValue::Number(one)), None)));
                continue;
            }
            out.push(port(
                Some(PortValue::Number(low)),
                (low < high).then_some(high),
            ));
        }
        let named = ports.named.iter().filter(|(of, _)| *of == transport);
        for (_, name) in named {
            match ground.profile.named_ports(ground.direction) {
                Support::No(reason) => return Err(Obstacle::NamedPorts(reason)),
                Support::Yes => {}
                Support::Unknown(word) => {
                    return Err(Obstacle::Fact(Fact {
                        word,
                        ways: CNIS,
                        why: "Cilium up to 1.19 looks named ports of egress up in one table for the whole cluster",
                    }));
                }
            }
            out.push(port(Some(PortValue::Name(name.clone())), None));
        }
    }
    Ok(Some(out))
}
