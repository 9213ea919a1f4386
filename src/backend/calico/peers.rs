//! The other end of a rule to pieces, each of which one rule can name.
//!
//! Exact on Calico's universe:
//! - pods by selector, never by address; addresses less the cluster's pod, service and node ranges, never pods;
//! - nodes by address. Where a node's address lies in the pod range too, and for the tunnel addresses from which nodes reach
//!   pods of other nodes on an overlay (they lie in the pod range), `notSelector` keeps the pods out;
//! - "everything but some pods" is one negated selector, and needs no fact of the cluster;
//! - the ingress proxy is empty on Calico.
//!
//! Refused: DNS names (open-source Calico has no field for them, and an unknown field is dropped, which would open everything),
//! addresses of a family whose pod and node ranges are unknown, single nodes behind tunnels, the proxy named alone.

use ipnet::IpNet;

use crate::backend::{missing_fact, refuse};
use crate::diagnostic::Diagnostic;
use crate::model::Overlay;
use crate::source::Span;
use crate::space::{AddressSet, Direction, EndpointSet, Namespaces, Pods, subtract_pods};

use super::selector;
use super::support;
use super::{Context, Refusal};

/// What one rule can name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// No field at all.
    Anywhere,
    /// These pods.
    Pods(Pods),
    /// Everything but the pods of this selector, which has its guard.
    NotPods(String),
    /// Addresses of a family.
    Nets {
        version: u8,
        nets: Vec<IpNet>,
        except: Vec<IpNet>,
    },
    /// Addresses of a family that belong to no pod.
    NetsOfNoPod { version: u8, nets: Vec<IpNet> },
    /// More addresses of a family than a rule takes.
    Set { version: u8, nets: Vec<IpNet> },
}

impl Piece {
    /// Whether only a GlobalNetworkPolicy can say it: in a NetworkPolicy `notSelector` also asks for the policy's own namespace.
    pub(super) fn is_global(&self) -> bool {
        matches!(self, Piece::NotPods(_) | Piece::NetsOfNoPod { .. })
    }
}

/// The pieces of a set of ends.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// What the whole set takes.
    pub(super) all: Vec<Piece>,
    /// What its pods alone take: the only ends that have named ports.
    pub(super) pods: Vec<Piece>,
}

/// Cuts a set of ends to pieces. `home` is the subject's namespace, where there is just one.
pub(super) fn pieces(
    context: &Context<'_>,
    peers: &EndpointSet,
    direction: Direction,
    home: Option<&str>,
    span: Span,
) -> Result<Pieces, Refusal> {
    if peers.is_anywhere() {
        return Ok(Pieces {
            all: vec![Piece::Anywhere],
            pods: vec![Piece::Pods(Pods::any())],
        });
    }
    if let Some(name) = peers.names.first()
        && !peers.outside.is_full()
    {
        return Err(no_dns_names(context, name, span));
    }
    let kinds = [
        peers.pods.is_empty(),
        peers.nodes.is_empty(),
        peers.outside.is_empty(),
    ];
    if peers.proxy && kinds.into_iter().filter(|empty| *empty).count() > 1 {
        return Err(no_proxy(context, span));
    }
    let mut pods = Vec::with_capacity(peers.pods.len());
    for set in &peers.pods {
        if let Some(set) = seen_from(context, set, home, span)? {
            context.check_keys(&set, span)?;
            fit(context, set, span, &mut pods)?;
        }
    }
    let of_pods: Vec<Piece> = pods.iter().cloned().map(Piece::Pods).collect();
    if peers.nodes.is_full() && peers.outside.is_full() {
        let others = subtract_pods(&[Pods::any()], &pods);
        if others.is_empty() {
            return Ok(Pieces {
                all: vec![Piece::Anywhere],
                pods: vec![Piece::Pods(Pods::any())],
            });
        }
        let expressions: Vec<_> = others
            .iter()
            .map(|pods| selector::expression(pods, None))
            .collect();
        let not = selector::guarded(selector::any_of(&expressions).as_deref());
        if not.len() <= support::LEGIBLE {
            return Ok(Pieces {
                all: vec![Piece::NotPods(not)],
                pods: of_pods,
            });
        }
    }
    let mut all = of_pods.clone();
    for family in [Family::V4, Family::V6] {
        addresses(context, peers, direction, family, span, &mut all)?;
    }
    Ok(Pieces { all, pods: of_pods })
}

/// The set without its relations to the subject's namespace; `None` if nothing is left.
fn seen_from(
    context: &Context<'_>,
    pods: &Pods,
    home: Option<&str>,
    span: Span,
) -> Result<Option<Pods>, Refusal> {
    if pods.namespaces.same.is_empty() {
        return Ok(Some(pods.clone()));
    }
    let home = home.expect("a policy with relations is emitted per namespace");
    let declared = context.program.namespace(home);
    let by_label = |same: &crate::space::Same| matches!(same, crate::space::Same::Label(..));
    if declared.is_none() && pods.namespaces.same.iter().any(by_label) {
        return Err(Box::new(
            refuse(
                context.spec,
                "same-in-open-namespaces",
                span,
                format!("cannot compare labels with namespace `{home}`, which is not declared"),
            )
            .help(format!("declare `namespace {home}` with its labels")),
        ));
    }
    let label = |key: &str| declared.and_then(|namespace| namespace.label(key));
    let seen: Option<Namespaces> = pods.namespaces.seen_from(home, label);
    Ok(seen.map(|namespaces| Pods {
        namespaces,
        ..pods.clone()
    }))
}

/// Cuts the lists of a set of pods until its selectors are short enough.
fn fit(context: &Context<'_>, pods: Pods, span: Span, out: &mut Vec<Pods>) -> Result<(), Refusal> {
    let mut left = vec![pods];
    while let Some(pods) = left.pop() {
        let fields = selector::fields(&pods, selector::Guard::Needed);
        if fields.longest() <= context.support.selector {
            out.push(pods);
            continue;
        }
        let (low, high) =
            selector::halves(&pods).ok_or_else(|| context.too_long(fields.longest(), span))?;
        left.push(high);
        left.push(low);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn version(self) -> u8 {
        match self {
            Family::V4 => 4,
            Family::V6 => 6,
        }
    }

    fn of(self, set: &AddressSet) -> AddressSet {
        match self {
            Family::V4 => AddressSet {
                v4: set.v4.clone(),
                ..AddressSet::default()
            },
            Family::V6 => AddressSet {
                v6: set.v6.clone(),
                ..AddressSet::default()
            },
        }
    }

    /// The declared ranges of this family: empty if the cluster has no such address, `None` if it does not say.
    fn declared(self, context: &Context<'_>, range: Option<&AddressSet>) -> Option<AddressSet> {
        let cluster = &context.program.cluster;
        let none = match self {
            Family::V4 => cluster.ipv4_none,
            Family::V6 => cluster.ipv6_none,
        };
        let set = range.map(|set| self.of(set)).unwrap_or_default();
        (none || !set.is_empty()).then_some(set)
    }
}

/// The nodes and outside addresses of a family.
fn addresses(
    context: &Context<'_>,
    peers: &EndpointSet,
    direction: Direction,
    family: Family,
    span: Span,
    out: &mut Vec<Piece>,
) -> Result<(), Refusal> {
    let (nodes, outside) = (family.of(&peers.nodes), family.of(&peers.outside));
    if nodes.is_empty() && outside.is_empty() {
        return Ok(());
    }
    let cluster = &context.program.cluster;
    let version = family.version();
    let known_pods = family.declared(context, cluster.pods.as_ref());
    let known_nodes = family.declared(context, cluster.nodes.as_ref());
    let services = cluster
        .services
        .as_ref()
        .map(|set| family.of(set))
        .unwrap_or_default();
    if known_pods.is_none() && !outside.is_empty() {
        return Err(context.unknown_range("pods", version, span));
    }
    let pods = known_pods.clone().unwrap_or_default();
    let (plain, shared) = match &known_nodes {
        Some(range) => {
            let nodes = nodes.intersect(range);
            let outside = outside.subtract(&pods).subtract(&services).subtract(range);
            if known_pods.is_some() {
                (
                    outside.union(&nodes.subtract(&pods)),
                    nodes.intersect(&pods),
                )
            } else {
                (outside, nodes)
            }
        }
        // Whether such an address is a node's makes no difference.
        None if nodes == outside => (
            outside.subtract(&pods).subtract(&services),
            AddressSet::empty(),
        ),
        None => return Err(context.unknown_range("nodes", version, span)),
    };
    nets(version, &plain, out);
    if !shared.is_empty() {
        no_pods(version, &shared, out);
    }
    let nodes = match &known_nodes {
        Some(range) => nodes.intersect(range),
        None => nodes,
    };
    if direction == Direction::Egress || nodes.is_empty() {
        return Ok(());
    }
    match cluster.overlay {
        Some(Overlay::None) => Ok(()),
        // IP in IP carries IPv4 alone.
        Some(Overlay::Ipip) if family == Family::V6 => Ok(()),
        None => Err(Box::new(
            missing_fact(
                context.spec,
                span,
                "overlay",
                &["overlay none", "overlay ipip", "overlay vxlan"],
            )
            .because("on an overlay, nodes reach pods of other nodes from tunnel addresses inside the pod range"),
        )),
        Some(_) => {
            if !known_nodes.is_some_and(|range| range.is_subset(&nodes)) {
                return Err(Box::new(
                    refuse(
                        context.spec,
                        "node-behind-tunnel",
                        span,
                        "cannot tell one node from another in ingress on an overlay",
                    )
                    .because("a node reaches pods of other nodes from the address of its tunnel, and which node has which is unknown")
                    .help("write `from nodes`, which takes in all of them")
                    .help("if the cluster encapsulates nothing, say `overlay none`"),
                ));
            }
            if known_pods.is_none() {
                return Err(context.unknown_range("pods", version, span));
            }
            if !pods.is_subset(&shared) {
                no_pods(version, &pods, out);
            }
            Ok(())
        }
    }
}

/// Addresses as one piece: CIDRs with exceptions, or a set of CIDRs if they are too many.
fn nets(version: u8, set: &AddressSet, out: &mut Vec<Piece>) {
    if set.is_empty() {
        return;
    }
    let limit = support::NETS;
    let plain = set.networks();
    if plain.len() > 2 {
        let blocks = set.blocks();
        let except: Vec<IpNet> = blocks
            .iter()
            .flat_map(|block| block.except.iter().copied())
            .collect();
        if blocks.len() <= limit && except.len() <= limit {
            let nets = blocks.iter().map(|block| block.net).collect();
            out.push(Piece::Nets {
                version,
                nets,
                except,
            });
            return;
        }
    }
    out.push(if plain.len() <= limit {
        Piece::Nets {
            version,
            nets: plain,
            except: Vec::new(),
        }
    } else {
        Piece::Set {
            version,
            nets: plain,
        }
    });
}

fn no_pods(version: u8, set: &AddressSet, out: &mut Vec<Piece>) {
    let nets = set.networks();
    out.extend(nets.chunks(support::NETS).map(|chunk| Piece::NetsOfNoPod {
        version,
        nets: chunk.to_vec(),
    }));
}

fn no_dns_names(context: &Context<'_>, name: &str, span: Span) -> Refusal {
    let diagnostic: Diagnostic = refuse(
        context.spec,
        "no-dns-names",
        span,
        format!("has no rules on DNS names, such as `{name}`"),
    );
    Box::new(
        diagnostic
            .because("only Calico Enterprise has the field; the open-source edition drops it, and the rule would match every address")
            .help("name the addresses, as a `network`")
            .help("send the traffic through a proxy and allow the proxy's pods")
            .help("put the policy in a folder that this target is `without`"),
    )
}

fn no_proxy(context: &Context<'_>, span: Span) -> Refusal {
    Box::new(
        refuse(
            context.spec,
            "no-ingress-proxy",
            span,
            "has no ingress proxy of its own",
        )
        .because("`ingress-proxy` is Cilium's; on Calico an ingress controller is pods")
        .help("name the controller's pods, for example `std.ingress.nginx`"),
    )
}
