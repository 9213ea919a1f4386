//! `meets-through-nodes`: a pair of which a test or guard says `cannot` may meet in two legs, through a node's port or the ingress proxy.
//!
//! `cannot` is about one leg. What a pod sends to a node's port, or to the proxy of the CNI, arrives at the other pod from the node or the proxy. The first
//! leg is asked for on the ports that Kubernetes gives to nodes by default, 30000 to 32767; from outside it is taken to be there. The proxy counts where the
//! program names it. Both legs are searched in every namespace of the ends, for every pod that could exist.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Index, Oracle, Partition, Verdict, partitions};
use crate::model::{Check, Program, Verb};
use crate::space::{AddressSet, Direction, EndpointSet, Flow, FlowBox, Pods, PortSet, Transport};

/// Ports that a node gives to services, as Kubernetes is shipped.
const NODE_PORTS: (u16, u16) = (30000, 32767);

/// A pair and where it may meet.
struct Pair<'p> {
    check: &'p Check,
    to: &'p [Pods],
    ports: PortSet,
    /// Between the legs.
    hop: EndpointSet,
    word: &'static str,
}

/// Reports such pairs. Gives how many namespaces were too large to look at.
pub(super) fn check(index: &Arc<Index<'_>>, diagnostics: &mut Diagnostics) -> usize {
    let pairs = pairs(index.program);
    if pairs.is_empty() {
        return 0;
    }
    let too_large = AtomicUsize::new(0);
    let all: Vec<usize> = (0..pairs.len()).collect();
    // The second leg first: where nobody lets nodes in, the first is of no interest.
    let last = legs(index, &pairs, &all, Direction::Ingress, &too_large);
    let open: Vec<usize> = last.keys().copied().collect();
    let from_pods = open
        .iter()
        .copied()
        .filter(|pair| pairs[*pair].check.from.outside.is_empty())
        .collect::<Vec<_>>();
    let first = legs(index, &pairs, &from_pods, Direction::Egress, &too_large);
    for at in open {
        let pair = &pairs[at];
        let before = match first.get(&at) {
            Some((_, flow)) => format!("first {flow}"),
            None if !pair.check.from.outside.is_empty() => {
                format!("first from outside to {}", pair.word)
            }
            None => continue,
        };
        let (_, then) = &last[&at];
        diagnostics.push(
            Diagnostic::note(
                "meets-through-nodes",
                format!("what cannot meet directly may meet through {}", pair.word),
            )
            .at(pair.check.span, "holds for one leg")
            .because(format!("{before}; then {then}"))
            .help("close one of the legs, if a service or an ingress joins them"),
        );
    }
    too_large.into_inner()
}

fn pairs(program: &Program) -> Vec<Pair<'_>> {
    let checks = program
        .tests
        .iter()
        .chain(&program.guards)
        .flat_map(|test| &test.checks);
    let has_proxy = names_proxy(program);
    let mut pairs = Vec::new();
    for check in checks.filter(|check| check.verb == Verb::Cannot) {
        let from = &check.from;
        if from.pods.is_empty() && from.outside.is_empty() {
            continue;
        }
        for (to, ports) in check.to.iter().filter(|(to, _)| !to.pods.is_empty()) {
            // A node carries connections of these protocols only.
            let Some(ports) = ports.intersect(&PortSet::transports()) else {
                continue;
            };
            let nodes = EndpointSet {
                nodes: AddressSet::full().subtract(&from.nodes),
                ..EndpointSet::empty()
            };
            let proxy = EndpointSet {
                proxy: has_proxy && !from.proxy,
                ..EndpointSet::empty()
            };
            let hops = [(nodes, "a node's port"), (proxy, "the ingress proxy")];
            for (hop, word) in hops {
                if !hop.is_empty() && !ports.is_empty() {
                    pairs.push(Pair {
                        check,
                        to: &to.pods,
                        ports: ports.clone(),
                        hop,
                        word,
                    });
                }
            }
        }
    }
    pairs
}

/// Whether a rule names the ingress proxy, and not just anywhere.
fn names_proxy(program: &Program) -> bool {
    let policies = program.policies.iter();
    let policies = policies.flat_map(|policy| [&policy.ingress, &policy.egress]);
    let default = program.default.iter();
    let default = default.flat_map(|default| [&default.ingress, &default.egress]);
    policies
        .chain(default)
        .flatten()
        .flat_map(|block| &block.rules)
        .flat_map(|rule| &rule.clauses)
        .any(|clause| clause.peers.proxy && !clause.peers.is_anywhere())
}

/// The first flow of one leg of each pair that a namespace allows, with the number of that namespace.
fn legs(
    index: &Arc<Index<'_>>,
    pairs: &[Pair<'_>],
    asked: &[usize],
    direction: Direction,
    too_large: &AtomicUsize,
) -> BTreeMap<usize, (usize, Flow)> {
    let found: Mutex<BTreeMap<usize, (usize, Flow)>> = Mutex::default();
    let places: Vec<Partition> = partitions(index.program);
    places
        .par_iter()
        .enumerate()
        .for_each(|(place, partition)| {
            let mut oracle = None;
            for at in asked {
                let known = found.lock().expect("nobody panics while noting");
                if known.get(at).is_some_and(|(earlier, _)| *earlier < place) {
                    continue;
                }
                drop(known);
                let pair = &pairs[*at];
                let pods = match direction {
                    Direction::Ingress => pair.to,
                    Direction::Egress => &pair.check.from.pods,
                };
                let ports = match direction {
                    Direction::Ingress => pair.ports.clone(),
                    Direction::Egress => node_ports(&pair.hop),
                };
                let here = pods
                    .iter()
                    .filter(|pods| index.meets(&pods.namespaces, *partition));
                for subject in here {
                    let flows = FlowBox {
                        subject: subject.clone(),
                        peers: pair.hop.clone(),
                        ports: ports.clone(),
                    };
                    let oracle = match &mut oracle {
                        Some(oracle) => oracle,
                        none => match Oracle::of(index, *partition, direction) {
                            Ok(made) => none.insert(made),
                            Err(_) => {
                                too_large.fetch_add(1, Ordering::Relaxed);
                                return;
                            }
                        },
                    };
                    match oracle.find(&flows, Verdict::Allow) {
                        Ok(None) => {}
                        Ok(Some(flow)) => {
                            let mut known = found.lock().expect("nobody panics while noting");
                            if known.get(at).is_none_or(|(earlier, _)| place < *earlier) {
                                known.insert(*at, (place, flow));
                            }
                            break;
                        }
                        Err(_) => {
                            too_large.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                    }
                }
            }
        });
    found.into_inner().expect("nobody panics while noting")
}

/// The ports of the first leg: a node's own, or any of the proxy's.
fn node_ports(hop: &EndpointSet) -> PortSet {
    if hop.proxy {
        return PortSet::transports();
    }
    let (low, high) = NODE_PORTS;
    Transport::ALL
        .into_iter()
        .fold(PortSet::empty(), |all, transport| {
            all.union(&PortSet::of(transport, low, high))
        })
}
