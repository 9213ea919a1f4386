//! Entities: names for identities that no label of a user tells apart.

use super::ends::{Ends, Part};
use super::identity::Facts;
use crate::space::{AddressSet, EndpointSet, Pods};

/// The ends that an entity stands for (`EntitySelectorMapping`); `None` if the CRD of this version does not have it. `world-ipv4` and
/// `world-ipv6` are the agent's own: the CRD refuses them.
pub(super) fn entity(name: &str, facts: Facts<'_>) -> Option<Ends> {
    let host = Part {
        host: AddressSet::full(),
        ..Part::default()
    };
    let remote = Part {
        remote: AddressSet::full(),
        ..Part::default()
    };
    Some(match name {
        "all" => Ends::anywhere(),
        "world" => Ends::certain(Part::outside(AddressSet::full())),
        "host" => Ends::certain(host),
        "remote-node" => Ends::certain(remote),
        "ingress" => Ends::certain(proxy()),
        "init" | "health" | "unmanaged" | "none" => Ends::default(),
        "kube-apiserver" => apiserver(facts, "no fact says where the API server is"),
        // With one cluster, all of a mesh is the cluster.
        "cluster-mesh" if facts.version < (1, 20) => return None,
        "cluster" | "cluster-mesh" => {
            let mut inside = proxy().union(&Part::nodes(AddressSet::full()));
            inside.ends.pods = vec![Pods::any()];
            Ends::certain(inside).union(apiserver(
                facts,
                "an API server outside of the cluster is in `cluster`, and no fact says where it is",
            ))
        }
        _ => return None,
    })
}

pub(super) fn proxy() -> Part {
    Part {
        ends: EndpointSet {
            proxy: true,
            ..EndpointSet::empty()
        },
        ..Part::default()
    }
}

fn apiserver(facts: Facts<'_>, why: &str) -> Ends {
    match facts.apiserver() {
        Some((nodes, outside)) => Ends::certain(Part::nodes(nodes).union(&Part::outside(outside))),
        None => Ends::possible(
            Part::nodes(AddressSet::full()).union(&Part::outside(AddressSet::full())),
            why,
        ),
    }
}
