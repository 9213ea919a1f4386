//! Sets of ends with what only Cilium tells apart: the pod's own node and other nodes, what is certain and what is not.
//!
//! Gives: [`Ends`], which selectors, entities and CIDRs are turned into, and which turn into sets of the model. Knows no labels.

use super::identity::{Facts, Stack};
use crate::space::{AddressSet, Direction, EndpointSet, Pods};

/// Ends with the two kinds of nodes told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Pods, outside addresses, the proxy and names.
    pub(super) ends: EndpointSet,
    /// The pod's own node, at these addresses.
    pub(super) host: AddressSet,
    /// Other nodes.
    pub(super) remote: AddressSet,
}

impl Part {
    pub(super) fn union(&self, other: &Part) -> Part {
        // Sets of pods are put side by side: a list of a thousand selectors is no reason to compare each with each.
        let mut pods = self.ends.pods.clone();
        pods.extend(other.ends.pods.iter().cloned());
        pods.sort_unstable();
        pods.dedup();
        Part {
            ends: EndpointSet {
                pods,
                nodes: AddressSet::empty(),
                outside: self.ends.outside.union(&other.ends.outside),
                proxy: self.ends.proxy || other.ends.proxy,
                names: self.ends.names.union(&other.ends.names).cloned().collect(),
            },
            host: self.host.union(&other.host),
            remote: self.remote.union(&other.remote),
        }
    }

    /// Everything.
    pub(super) fn all() -> Part {
        Part {
            ends: EndpointSet {
                nodes: AddressSet::empty(),
                ..EndpointSet::anywhere()
            },
            host: AddressSet::full(),
            remote: AddressSet::full(),
        }
    }

    pub(super) fn nodes(addresses: AddressSet) -> Part {
        Part {
            ends: EndpointSet::empty(),
            host: addresses.clone(),
            remote: addresses,
        }
    }

    pub(super) fn outside(addresses: AddressSet) -> Part {
        Part {
            ends: EndpointSet::of_outside(addresses),
            ..Part::default()
        }
    }
}

/// The ends that are selected, and those that may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// For certain.
    pub(super) certain: Part,
    /// As far as is known.
    pub(super) possible: Part,
    /// Why it is not known.
    pub(super) why: Option<String>,
}

impl Ends {
    pub(super) fn certain(part: Part) -> Self {
        Ends {
            certain: part,
            ..Ends::default()
        }
    }

    pub(super) fn possible(part: Part, why: impl Into<String>) -> Self {
        Ends {
            possible: part,
            why: Some(why.into()),
            ..Ends::default()
        }
    }

    /// Every end.
    pub(super) fn anywhere() -> Self {
        Ends::certain(Part::all())
    }

    /// Perhaps every end.
    pub(super) fn perhaps_anywhere(why: impl Into<String>) -> Self {
        Ends::possible(Part::all(), why)
    }

    /// What addresses mean where a CIDR can mean any end: nodes by their addresses, and pods by the ranges that are declared for them.
    pub(super) fn by_address(addresses: &AddressSet, facts: Facts<'_>) -> Ends {
        let pods = Part {
            ends: EndpointSet::of_pods([Pods::any()]),
            ..Part::default()
        };
        let why = "whether the CIDR holds all of the pods' addresses, or none, no fact says";
        let pods = match &facts.cluster.pods {
            _ if addresses.is_full() => Ends::certain(pods),
            _ if addresses.is_empty() => Ends::default(),
            Some(ranges) => {
                let said = match facts.stack() {
                    Stack::V4 => !ranges.v4.is_empty(),
                    Stack::V6 => !ranges.v6.is_empty(),
                    Stack::Dual => true,
                    Stack::Unknown => false,
                };
                match (said, ranges.is_subset(addresses), ranges.meets(addresses)) {
                    (true, true, _) => Ends::certain(pods),
                    (true, _, false) => Ends::default(),
                    _ => Ends::possible(pods, why),
                }
            }
            None => Ends::possible(pods, why),
        };
        Ends::certain(Part::nodes(addresses.clone())).union(pods)
    }

    /// Outside addresses: those that are selected and those that may be.
    pub(super) fn outside(certain: AddressSet, possible: AddressSet, why: &str) -> Self {
        Ends {
            certain: Part::outside(certain),
            why: (!possible.is_empty()).then(|| why.to_owned()),
            possible: Part::outside(possible),
        }
    }

    /// Everything that is in some of many, by halves.
    pub(super) fn all(mut many: Vec<Ends>) -> Ends {
        while many.len() > 1 {
            let mut halves = many.into_iter();
            let mut next = Vec::with_capacity(halves.len().div_ceil(2));
            while let Some(one) = halves.next() {
                next.push(match halves.next() {
                    Some(other) => one.union(other),
                    None => one,
                });
            }
            many = next;
        }
        many.pop().unwrap_or_default()
    }

    pub(super) fn union(self, other: Ends) -> Ends {
        Ends {
            certain: self.certain.union(&other.certain),
            possible: self.possible.union(&other.possible),
            why: self.why.or(other.why),
        }
    }

    /// The ends as the model has them, which does not tell a pod's own node from others: to a node goes what goes to both kinds, and from nodes
    /// speak the others, since the own one always reaches its pods.
    pub(super) fn seen(self, direction: Direction) -> Seen {
        let mut certain = self.certain.ends;
        let mut possible = self.possible.ends;
        let mut why = self.why;
        let host = self.certain.host.union(&self.possible.host);
        match direction {
            Direction::Ingress => {
                certain.nodes = self.certain.remote;
                possible.nodes = self.possible.remote;
            }
            Direction::Egress => {
                certain.nodes = self.certain.host.intersect(&self.certain.remote);
                let remote = self.certain.remote.union(&self.possible.remote);
                possible.nodes = host.union(&remote).subtract(&certain.nodes);
                if !possible.nodes.is_empty() && why.is_none() {
                    why = Some(
                        "it tells the pod's own node from the others, which flows do not say"
                            .into(),
                    );
                }
            }
        }
        Seen {
            certain,
            possible,
            host,
            why,
        }
    }
}

/// What [`Ends::seen`] gives.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Selected for certain.
    pub(super) certain: EndpointSet,
    /// Selected perhaps.
    pub(super) possible: EndpointSet,
    /// The addresses at which the pod's own node is, or may be, selected.
    pub(super) host: AddressSet,
    /// Why it is not known.
    pub(super) why: Option<String>,
}
