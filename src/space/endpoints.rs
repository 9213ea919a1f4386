//! Sets of ends of flows, by identity: pods, nodes, outside addresses, the ingress proxy, and DNS names.

use std::collections::BTreeSet;
use std::fmt;

use smol_str::SmolStr;

use super::addresses::AddressSet;
use super::pods::{Pods, subtract_pods, union_pods};

/// A set of ends. The kinds are disjoint by identity: a pod or a node is never an outside address, whatever its number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EndpointSet {
    /// Pods: a union.
    pub pods: Vec<Pods>,
    /// Nodes by their address; full means all nodes.
    pub nodes: AddressSet,
    /// Addresses that are neither pod nor node; full means `outside`.
    pub outside: AddressSet,
    /// The CNI's own ingress proxy.
    pub proxy: bool,
    /// DNS names as written, lower case (`a.b`, `*.a.b`, `**.a.b`): unknown sets of outside addresses; united, never subtracted from.
    pub names: BTreeSet<SmolStr>,
}

impl EndpointSet {
    /// No end.
    pub fn empty() -> Self {
        EndpointSet::default()
    }

    /// Every end.
    pub fn anywhere() -> Self {
        EndpointSet {
            pods: vec![Pods::any()],
            nodes: AddressSet::full(),
            outside: AddressSet::full(),
            proxy: true,
            names: BTreeSet::new(),
        }
    }

    /// These pods.
    pub fn of_pods(pods: impl IntoIterator<Item = Pods>) -> Self {
        EndpointSet {
            pods: pods.into_iter().filter(|pods| !pods.is_empty()).collect(),
            ..EndpointSet::default()
        }
    }

    /// These outside addresses.
    pub fn of_outside(outside: AddressSet) -> Self {
        EndpointSet {
            outside,
            ..EndpointSet::default()
        }
    }

    /// Whether it is certainly empty, whatever is declared.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
            && self.nodes.is_empty()
            && self.outside.is_empty()
            && !self.proxy
            && self.names.is_empty()
    }

    /// Whether it is every end.
    pub fn is_anywhere(&self) -> bool {
        self.pods.contains(&Pods::any())
            && self.nodes.is_full()
            && self.outside.is_full()
            && self.proxy
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        EndpointSet {
            pods: union_pods(&self.pods, &other.pods),
            nodes: self.nodes.union(&other.nodes),
            outside: self.outside.union(&other.outside),
            proxy: self.proxy || other.proxy,
            names: self.names.union(&other.names).cloned().collect(),
        }
    }

    /// What is in both. Names meet outside addresses in an unknown way: `None` if a name of one meets some, but not all, of the other's outside.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut names = BTreeSet::new();
        for (mine, theirs) in [(self, other), (other, self)] {
            for name in &mine.names {
                if theirs.outside.is_full() || theirs.names.contains(name) {
                    names.insert(name.clone());
                } else if !theirs.outside.is_empty() || !theirs.names.is_empty() {
                    return None;
                }
            }
        }
        let mut pods = Vec::new();
        for mine in &self.pods {
            for theirs in &other.pods {
                let both = mine.intersect(theirs);
                if !both.is_empty() {
                    pods.push(both);
                }
            }
        }
        Some(EndpointSet {
            pods: union_pods(&pods, &[]),
            nodes: self.nodes.intersect(&other.nodes),
            outside: self.outside.intersect(&other.outside),
            proxy: self.proxy && other.proxy,
            names,
        })
    }

    /// What is in this one only. `None` if names would have to be subtracted, or addresses from names.
    pub fn subtract(&self, other: &Self) -> Option<Self> {
        let mut names = BTreeSet::new();
        for name in &self.names {
            if other.outside.is_full() || other.names.contains(name) {
                continue;
            }
            if !other.outside.is_empty() || !other.names.is_empty() {
                return None;
            }
            names.insert(name.clone());
        }
        let outside = self.outside.subtract(&other.outside);
        if !other.names.is_empty() && !outside.is_empty() {
            return None;
        }
        Some(EndpointSet {
            pods: subtract_pods(&self.pods, &other.pods),
            nodes: self.nodes.subtract(&other.nodes),
            outside,
            proxy: self.proxy && !other.proxy,
            names,
        })
    }
}

impl fmt::Display for EndpointSet {
    /// In the words of the language.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_anywhere() {
            return f.write_str("anywhere");
        }
        let mut items: Vec<String> = self.pods.iter().map(ToString::to_string).collect();
        let addresses = |items: &mut Vec<String>, set: &AddressSet, all: &str| {
            if set.is_full() {
                items.push(all.to_owned());
                return;
            }
            for block in set.blocks() {
                let mut text = block.net.to_string();
                if !block.except.is_empty() {
                    text += &format!(
                        " except ({})",
                        block
                            .except
                            .iter()
                            .map(ToString::to_string)
                            .collect::<Vec<_>>()
                            .join(", ")
                    );
                }
                items.push(if all == "nodes" {
                    format!("nodes at {text}")
                } else {
                    text
                });
            }
        };
        addresses(&mut items, &self.nodes, "nodes");
        addresses(&mut items, &self.outside, "outside");
        if self.proxy {
            items.push("ingress-proxy".to_owned());
        }
        items.extend(self.names.iter().map(|name| format!("\"{name}\"")));
        f.write_str(&items.join(", "))
    }
}
