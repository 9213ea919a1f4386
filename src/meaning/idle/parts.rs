//! The parts of an allow as they are written: each of its other ends with all its ports, and each of its ports with all its ends.

use smol_str::SmolStr;

use crate::model::{Clause, Rule};
use crate::space::{AddressSet, EndpointSet, PortSet, Ranges, Transport, ValueSet};

/// More parts than this are not told apart.
const MOST_PARTS: usize = 64;

/// A part of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its flows.
    pub clause: Clause,
    /// Its words: `pods{app=db} in data`, `tcp 80`.
    pub text: String,
}

/// The parts of a rule; none if there is only one, or too many. `anywhere` and `all` are one part each.
pub(super) fn parts(rule: &Rule) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let several = rule.clauses.len() > 1;
    for clause in &rule.clauses {
        let ends = match clause.peers.is_anywhere() {
            true => Vec::new(),
            false => ends(&clause.peers),
        };
        let ports = match clause.ports.is_all() {
            true => Vec::new(),
            false => ports(&clause.ports),
        };
        if ends.len() > 1 {
            parts.extend(ends.into_iter().map(|peers| Part {
                text: peers.to_string(),
                clause: Clause {
                    peers,
                    ..clause.clone()
                },
            }));
        } else if several {
            parts.push(Part {
                text: format!("{} with {}", clause.ports, clause.peers),
                clause: clause.clone(),
            });
        }
        if ports.len() > 1 {
            parts.extend(ports.into_iter().map(|ports| Part {
                text: ports.to_string(),
                clause: Clause {
                    ports,
                    ..clause.clone()
                },
            }));
        }
        if parts.len() > MOST_PARTS {
            return Vec::new();
        }
    }
    parts
}

/// The ends of a union, apart.
fn ends(peers: &EndpointSet) -> Vec<EndpointSet> {
    let mut ends: Vec<EndpointSet> = peers
        .pods
        .iter()
        .map(|pods| EndpointSet::of_pods([pods.clone()]))
        .collect();
    if !peers.nodes.is_empty() {
        ends.push(EndpointSet {
            nodes: peers.nodes.clone(),
            ..EndpointSet::empty()
        });
    }
    if peers.proxy {
        ends.push(EndpointSet {
            proxy: true,
            ..EndpointSet::empty()
        });
    }
    if peers.outside.is_full() {
        ends.push(EndpointSet::of_outside(AddressSet::full()));
    } else {
        let v4 = peers.outside.v4.iter().map(|(low, high)| AddressSet {
            v4: Ranges::of(low, high),
            ..AddressSet::empty()
        });
        let v6 = peers.outside.v6.iter().map(|(low, high)| AddressSet {
            v6: Ranges::of(low, high),
            ..AddressSet::empty()
        });
        ends.extend(
            v4.chain(v6)
                .take(MOST_PARTS + 1)
                .map(EndpointSet::of_outside),
        );
    }
    if !peers.names.is_empty() {
        ends.push(EndpointSet {
            names: peers.names.clone(),
            ..EndpointSet::empty()
        });
    }
    ends
}

/// The ports of a list, apart.
fn ports(ports: &PortSet) -> Vec<PortSet> {
    let mut all = Vec::new();
    for transport in Transport::ALL {
        let ranges = ports.transport(transport).iter().take(MOST_PARTS + 1);
        all.extend(ranges.map(|(low, high)| PortSet::of(transport, low, high)));
    }
    let named = ports.named.iter();
    all.extend(named.map(|(transport, name)| PortSet::of_named(*transport, name.clone())));
    let rest = PortSet {
        icmp: ports.icmp.clone(),
        icmpv6: ports.icmpv6.clone(),
        other: ports.other.clone(),
        ..PortSet::empty()
    };
    if !rest.is_empty() {
        all.push(rest);
    }
    all
}

/// The labels of other ends of which a rule says only what they are not, so that pods without them match. What `except` takes away is not
/// among them where the rule itself says `except`: there it is read as it is meant.
pub(super) fn negated_keys(rule: &Rule) -> Vec<SmolStr> {
    if rule.text.split_whitespace().any(|word| word == "except") {
        return Vec::new();
    }
    let mut keys: Vec<SmolStr> = rule
        .clauses
        .iter()
        .flat_map(|clause| &clause.peers.pods)
        .flat_map(|pods| pods.labels.iter())
        .filter(|(_, values)| is_negated(values))
        .map(|(key, _)| key.clone())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// `key!=v`, `key not in (…)`; not `!key`, nor with a `key` beside it.
fn is_negated(values: &ValueSet) -> bool {
    matches!(values, ValueSet::NotIn(values) if !values.is_empty() && !values.contains(&None))
}

/// The flows of a rule whose other end lacks a label that the rule negates.
pub(super) fn without_label(rule: &Rule, key: &str) -> Rule {
    let mut rule = rule.clone();
    for clause in &mut rule.clauses {
        let pods = clause.peers.pods.iter();
        clause.peers = EndpointSet::of_pods(
            pods.filter(|pods| is_negated(&pods.labels.get(key)))
                .map(|pods| {
                    let mut pods = pods.clone();
                    pods.labels = pods.labels.with(key, &ValueSet::absent());
                    pods
                }),
        );
    }
    rule.clauses.retain(|clause| !clause.peers.is_empty());
    rule
}
