//! Sets of ends to peers of elements: one kind of peer for each element.

use std::net::IpAddr;

use ipnet::IpNet;
use smol_str::SmolStr;

use super::manifest::{CidrRule, Entity, Name, Peer};
use super::selector::{Place, selectors};
use crate::model::Cluster;
use crate::space::{AddressSet, Direction, EndpointSet};

/// What an element does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Effect {
    /// It opens.
    Allow,
    /// It closes, whatever opens.
    Deny,
}

/// Why an end cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Unsayable {
    /// Some nodes, but not all, and not those of the API server.
    SomeNodes,
    /// The API server's nodes in a deny of ingress: on such a node it would meet the pod's own host.
    ApiserverDenied,
    /// A name in a deny.
    NameDenied,
}

/// Up to so many CIDRs stand in the policy; more make a CiliumCIDRGroup.
pub(super) const MOST_CIDRS: usize = 100;

/// Addresses that are to become a CiliumCIDRGroup, and the way to name it.
pub(super) type Groups<'a> = &'a mut dyn FnMut(Vec<IpNet>) -> Option<SmolStr>;

/// Whether a set can be said.
///
/// # Errors
/// If some end cannot be said.
pub(super) fn sayable(
    ends: &EndpointSet,
    direction: Direction,
    effect: Effect,
    cluster: &Cluster,
) -> Result<(), Unsayable> {
    // Pods can always be said, and how many addresses there are does not matter.
    let shape = EndpointSet {
        nodes: ends.nodes.clone(),
        outside: ends.outside.clone(),
        names: ends.names.clone(),
        ..EndpointSet::empty()
    };
    let mut group = |_: Vec<IpNet>| Some(SmolStr::default());
    peers(&shape, direction, effect, cluster, &mut group).map(|_| ())
}

/// The peers whose union is the set, each an element's. The set holds no relation to the subject's namespace.
///
/// # Errors
/// If some end cannot be said.
pub(super) fn peers(
    ends: &EndpointSet,
    direction: Direction,
    effect: Effect,
    cluster: &Cluster,
    groups: Groups<'_>,
) -> Result<Vec<Peer>, Unsayable> {
    let host_is_safe = direction == Direction::Egress || effect == Effect::Allow;
    if ends.is_anywhere() && host_is_safe {
        return Ok(vec![Peer::Entities(vec![Entity::All])]);
    }
    let mut all = Vec::new();
    let endpoints: Vec<_> = ends
        .pods
        .iter()
        .filter(|pods| !pods.is_empty())
        .flat_map(|pods| selectors(pods, Place::Elsewhere))
        .collect();
    if !endpoints.is_empty() {
        all.push(Peer::Endpoints(endpoints));
    }
    let mut entities = Vec::new();
    let mut outside = ends.outside.clone();
    if ends.nodes.is_full() {
        // An own node always reaches its pods. To say `host` at ingress adds nothing to an allow, and would take the probes away in a deny.
        if direction == Direction::Egress {
            entities.push(Entity::Host);
        }
        entities.push(Entity::RemoteNode);
    } else if let Some(apiserver) = apiserver(ends, cluster) {
        if !ends.nodes.is_empty() && !host_is_safe {
            return Err(Unsayable::ApiserverDenied);
        }
        if !ends.nodes.is_empty() || !ends.outside.is_full() && ends.outside == apiserver {
            entities.push(Entity::KubeApiserver);
            outside = outside.subtract(&apiserver);
            if ends.outside.is_full() {
                outside = AddressSet::full();
            }
        }
    } else if !ends.nodes.is_empty() {
        return Err(Unsayable::SomeNodes);
    }
    if outside.is_full() {
        entities.push(Entity::World);
    }
    if ends.proxy {
        entities.push(Entity::Ingress);
    }
    if !entities.is_empty() {
        all.push(Peer::Entities(entities));
    }
    if !outside.is_full() {
        let cidrs = cidrs(&outside, cluster, groups);
        if !cidrs.is_empty() {
            all.push(Peer::Cidrs(cidrs));
        }
    }
    if !ends.names.is_empty() {
        if effect == Effect::Deny {
            return Err(Unsayable::NameDenied);
        }
        all.push(Peer::Names(ends.names.iter().map(as_name).collect()));
    }
    Ok(all)
}

/// The outside part of the API server, if the set's nodes are its nodes and the rest of it is in the set: then `kube-apiserver` says both.
fn apiserver(ends: &EndpointSet, cluster: &Cluster) -> Option<AddressSet> {
    let addresses = cluster.apiserver.as_ref()?;
    let (nodes, outside) = match &cluster.nodes {
        Some(ranges) => (addresses.intersect(ranges), addresses.subtract(ranges)),
        // Where the nodes are is not known: each address may be either.
        None => (addresses.clone(), addresses.clone()),
    };
    (!addresses.is_empty() && ends.nodes == nodes && outside.is_subset(&ends.outside))
        .then_some(outside)
}

/// `a.b` as a name, `*.a.b` and `**.a.b` as patterns: `*` never crosses a dot, a leading `**.` is one label or more (since 1.19).
fn as_name(name: &SmolStr) -> Name {
    if name.contains('*') {
        Name {
            match_name: None,
            match_pattern: Some(name.clone()),
        }
    } else {
        Name {
            match_name: Some(name.clone()),
            match_pattern: None,
        }
    }
}

/// CIDRs with exceptions, or a group where there are many.
fn cidrs(outside: &AddressSet, cluster: &Cluster, groups: Groups<'_>) -> Vec<CidrRule> {
    let blocks = outside.blocks();
    let lines: usize = blocks.iter().map(|block| 1 + block.except.len()).sum();
    // In a group `/0` would not count for addresses in longer networks that a policy mentions, as the agent looks them up; halves do.
    let halved = |net: IpNet| match net.prefix_len() {
        0 => net.subnets(1).map(Iterator::collect).unwrap_or_default(),
        _ => vec![net],
    };
    if lines > MOST_CIDRS
        && let Some(group) = groups(outside.networks().into_iter().flat_map(halved).collect())
    {
        return vec![CidrRule {
            cidr: None,
            cidr_group_ref: Some(group),
            except: Vec::new(),
        }];
    }
    let mut rules = Vec::new();
    for block in blocks {
        for net in families(block.net, cluster) {
            let except = block
                .except
                .iter()
                .filter(|hole| net.contains(*hole))
                .map(ToString::to_string)
                .collect();
            // A hole as wide as a half: the half is not there at all.
            if block.except.contains(&net) {
                continue;
            }
            rules.push(CidrRule {
                cidr: Some(net.to_string()),
                cidr_group_ref: None,
                except,
            });
        }
    }
    rules
}

/// Where Cilium runs one family only, it reads the `/0` of either family as "world", exceptions of the other family forgotten: `::/0` beside
/// `0.0.0.0/0 except …` would open what is excepted. So `/0` is written only where the cluster says which families it has; a family that it
/// says to be absent is left out; else the two halves say the same.
fn families(net: IpNet, cluster: &Cluster) -> Vec<IpNet> {
    let (absent, other_absent) = match net.addr() {
        IpAddr::V4(_) => (cluster.ipv4_none, cluster.ipv6_none),
        IpAddr::V6(_) => (cluster.ipv6_none, cluster.ipv4_none),
    };
    if net.prefix_len() != 0 {
        return vec![net];
    }
    if absent {
        return Vec::new();
    }
    let both = cluster
        .pods
        .as_ref()
        .is_some_and(|pods| !pods.v4.is_empty() && !pods.v6.is_empty());
    if other_absent || both {
        return vec![net];
    }
    net.subnets(1).map(Iterator::collect).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Pods;

    fn of(ends: &EndpointSet, direction: Direction, effect: Effect) -> Vec<Peer> {
        let mut groups = |_: Vec<IpNet>| None;
        peers(ends, direction, effect, &Cluster::unknown(), &mut groups)
            .expect("all of it is sayable")
    }

    #[test]
    fn a_deny_of_ingress_never_meets_the_host() {
        let all = of(&EndpointSet::anywhere(), Direction::Ingress, Effect::Deny);
        assert!(matches!(&all[0], Peer::Endpoints(selectors) if selectors.len() == 1));
        assert_eq!(
            all[1],
            Peer::Entities(vec![Entity::RemoteNode, Entity::World, Entity::Ingress])
        );
        assert_eq!(
            of(&EndpointSet::anywhere(), Direction::Egress, Effect::Deny),
            [Peer::Entities(vec![Entity::All])]
        );
    }

    #[test]
    fn outside_less_a_network_never_uses_the_whole_of_a_family_that_may_be_absent() {
        let ten: IpNet = "10.0.0.0/8".parse().expect("a CIDR");
        let most = AddressSet::full().subtract(&AddressSet::of(ten));
        let written = |cluster: &Cluster| {
            let mut none = |_: Vec<IpNet>| None;
            cidrs(&most, cluster, &mut none)
                .into_iter()
                .map(|rule| (rule.cidr.unwrap_or_default(), rule.except))
                .collect::<Vec<_>>()
        };
        let ten = vec!["10.0.0.0/8".to_owned()];
        let mut cluster = Cluster::unknown();
        assert_eq!(
            written(&cluster),
            [
                ("0.0.0.0/1".to_owned(), ten.clone()),
                ("128.0.0.0/1".to_owned(), vec![]),
                ("::/1".to_owned(), vec![]),
                ("8000::/1".to_owned(), vec![]),
            ]
        );
        cluster.ipv6_none = true;
        assert_eq!(written(&cluster), [("0.0.0.0/0".to_owned(), ten)]);
    }

    #[test]
    fn some_nodes_are_no_peer_unless_they_are_the_apiserver() {
        let net: IpNet = "192.168.10.4/32".parse().expect("a CIDR");
        let ends = EndpointSet {
            nodes: AddressSet::of(net),
            ..EndpointSet::empty()
        };
        let mut cluster = Cluster::unknown();
        let mut none = |_: Vec<IpNet>| None;
        assert_eq!(
            peers(&ends, Direction::Egress, Effect::Allow, &cluster, &mut none),
            Err(Unsayable::SomeNodes)
        );
        cluster.apiserver = Some(AddressSet::of(net));
        cluster.nodes = Some(AddressSet::of("192.168.10.0/24".parse().expect("a CIDR")));
        assert_eq!(
            peers(&ends, Direction::Egress, Effect::Allow, &cluster, &mut none),
            Ok(vec![Peer::Entities(vec![Entity::KubeApiserver])])
        );
        assert_eq!(
            peers(&ends, Direction::Ingress, Effect::Deny, &cluster, &mut none),
            Err(Unsayable::ApiserverDenied)
        );
    }

    #[test]
    fn one_kind_of_peer_an_element() {
        let ends = EndpointSet {
            pods: vec![Pods::any()],
            nodes: AddressSet::full(),
            outside: AddressSet::of("192.0.2.0/24".parse().expect("a CIDR")),
            proxy: false,
            names: ["a.example".into()].into(),
        };
        assert_eq!(of(&ends, Direction::Egress, Effect::Allow).len(), 4);
    }
}
