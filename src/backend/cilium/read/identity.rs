//! Who carries which labels, and so whom a selector selects.
//!
//! To Cilium every end is an identity, which is a set of labels. Takes: a selector or an entity. Gives: [`Ends`], the ends of the model that it selects, and
//! those of which the facts do not say whether it does. Does not know what a selector is for. Identities that are no end of the model (health
//! endpoints, pods that are still starting or that Cilium does not manage) are left out: no flow of the model has them at either end.

use smol_str::SmolStr;

use super::ends::{Ends, Part};
use super::entity::proxy;
use super::filter::is_filtered;
use crate::backend::read::{Cidr, Context};
use crate::model::Cluster;
use crate::space::{AddressSet, EndpointSet, METADATA_NAME, Namespaces, Pods, ValueSet};

/// `io.kubernetes.pod.namespace`: the name of a pod's namespace.
pub(super) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// What comes before the key of a namespace's label.
pub(super) const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
/// The name of the cluster.
pub(super) const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
/// The name of a pod's service account.
pub(super) const SERVICE_ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";

/// The source of a label in a requirement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// Any source will do.
    Any,
    /// This one.
    Of(SmolStr),
}

/// What a requirement asks of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// One of these values; absence is one of them or not.
    Values(ValueSet),
    /// The name of the local cluster, which no fact says.
    Local,
    /// Something of which nothing is known.
    Unsettled,
}

/// One requirement of a selector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Requirement {
    pub(super) origin: Origin,
    pub(super) key: SmolStr,
    pub(super) asked: Asked,
}

/// Whether something holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Truth {
    No,
    Unknown,
    Yes,
}

impl Truth {
    fn of(is: bool) -> Self {
        if is { Truth::Yes } else { Truth::No }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Truth::No, _) | (_, Truth::No) => Truth::No,
            (Truth::Yes, Truth::Yes) => Truth::Yes,
            _ => Truth::Unknown,
        }
    }
}

/// What is known of a label of an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Absent,
    /// With the empty value, as reserved labels are.
    Empty,
    /// The name of the local cluster.
    LocalCluster,
    Unknown,
}

impl Asked {
    fn holds(&self, label: Label) -> Truth {
        match (self, label) {
            (Asked::Unsettled, _) => Truth::Unknown,
            (Asked::Values(values), Label::Absent) => Truth::of(values.contains(None)),
            (Asked::Values(values), Label::Empty) => Truth::of(values.contains(Some(""))),
            (Asked::Values(values), _) if values.is_any() => Truth::Yes,
            (Asked::Values(values), Label::LocalCluster) => {
                if *values == ValueSet::present() {
                    Truth::Yes
                } else if *values == ValueSet::absent() {
                    Truth::No
                } else {
                    Truth::Unknown
                }
            }
            (Asked::Local, Label::LocalCluster) => Truth::Yes,
            (Asked::Local, Label::Absent | Label::Empty) => Truth::No,
            (_, Label::Unknown) => Truth::Unknown,
        }
    }

    /// Whether it is fulfilled where the label is absent.
    fn negative(&self) -> bool {
        matches!(self, Asked::Values(values) if values.contains(None))
    }
}

/// An identity that is no pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Host,
    RemoteNode,
    World { v4: bool },
    Proxy,
}

/// Which families pods have: it decides how outside addresses are labelled, and what `/0` means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stack {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Dual,
    /// No fact says.
    Unknown,
}

/// The facts that identities depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'c> {
    /// Cilium's version.
    pub(super) version: (u16, u16),
    /// The cluster.
    pub(super) cluster: &'c Cluster,
    /// What a CIDR can mean.
    pub(super) cidr: Cidr,
}

impl<'c> Facts<'c> {
    pub(super) fn of(context: &Context<'c>) -> Self {
        Facts {
            version: context.version,
            cluster: context.cluster,
            cidr: context.cidr,
        }
    }

    /// Which families pods have, by the facts.
    pub(super) fn stack(self) -> Stack {
        let both = |pods: &AddressSet| !pods.v4.is_empty() && !pods.v6.is_empty();
        match (self.cluster.ipv4_none, self.cluster.ipv6_none) {
            (false, true) => Stack::V4,
            (true, false) => Stack::V6,
            _ if self.cluster.pods.as_ref().is_some_and(both) => Stack::Dual,
            _ => Stack::Unknown,
        }
    }

    /// The addresses of the API server that are nodes', and those that are outside. Where no fact says which addresses are nodes', each may be either.
    pub(super) fn apiserver(self) -> Option<(AddressSet, AddressSet)> {
        let addresses = self.cluster.apiserver.as_ref()?;
        Some(match &self.cluster.nodes {
            Some(nodes) => (addresses.intersect(nodes), addresses.subtract(nodes)),
            None => (addresses.clone(), addresses.clone()),
        })
    }

    /// A reserved label of an identity; `api`: whether the API server has its address.
    fn reserved(self, kind: Kind, api: Truth, name: &str) -> Label {
        let truth = match (kind, name) {
            (Kind::Host, "host") | (Kind::RemoteNode, "remote-node") | (Kind::Proxy, "ingress") => {
                Truth::Yes
            }
            (Kind::Host | Kind::RemoteNode | Kind::World { .. }, "kube-apiserver") => api,
            (Kind::World { v4 }, name) => match (self.stack(), name) {
                (Stack::V4 | Stack::V6, "world") => Truth::Yes,
                (Stack::Dual, "world-ipv4") => Truth::of(v4),
                (Stack::Dual, "world-ipv6") => Truth::of(!v4),
                (Stack::Dual | Stack::Unknown, "world")
                | (Stack::Unknown, "world-ipv4" | "world-ipv6") => Truth::Unknown,
                _ => Truth::No,
            },
            _ => Truth::No,
        };
        match truth {
            Truth::Yes => Label::Empty,
            Truth::No => Label::Absent,
            Truth::Unknown => Label::Unknown,
        }
    }

    /// Whether an identity that is no pod fulfils a requirement.
    fn holds(self, requirement: &Requirement, kind: Kind, api: Truth) -> Truth {
        let key = requirement.key.as_str();
        let world = matches!(kind, Kind::World { .. });
        // Aggregates of identities (since 1.20) lack labels that the addresses in them have.
        if world && requirement.asked.negative() && key.starts_with("world") {
            return Truth::Unknown;
        }
        let node = matches!(kind, Kind::Host | Kind::RemoteNode) && self.cluster.node_labels;
        let label = match &requirement.origin {
            Origin::Any => match self.reserved(kind, api, key) {
                Label::Absent if node && key == CLUSTER => self.node_cluster(kind),
                // A label of the node itself would answer, and nothing says which it has.
                Label::Absent if node => Label::Unknown,
                label => label,
            },
            Origin::Of(source) => match source.as_str() {
                "reserved" => self.reserved(kind, api, key),
                "k8s" if node && key == CLUSTER => self.node_cluster(kind),
                "node" if node => Label::Unknown,
                // What else is known of an address depends on everything that mentions it.
                "cidr" | "cidrgroup" | "fqdn" if world => Label::Unknown,
                _ => Label::Absent,
            },
        };
        requirement.asked.holds(label)
    }

    /// Nodes carry the name of their cluster where they carry labels at all; of the own node this is not established.
    fn node_cluster(self, kind: Kind) -> Label {
        match kind {
            Kind::RemoteNode => Label::LocalCluster,
            _ => Label::Unknown,
        }
    }
}

/// The pods that requirements select, and whether it is certain that they do.
pub(super) fn pods(requirements: &[Requirement], facts: Facts<'_>) -> (Pods, bool) {
    let mut pods = Pods::any();
    let mut truth = Truth::Yes;
    for requirement in requirements {
        let key = requirement.key.as_str();
        let carried = match &requirement.origin {
            Origin::Any => true,
            Origin::Of(source) => source == "k8s",
        };
        if key == CLUSTER && carried {
            truth = truth.and(requirement.asked.holds(Label::LocalCluster));
            continue;
        }
        let values = match &requirement.asked {
            Asked::Values(values) => values,
            Asked::Local => continue,
            Asked::Unsettled => {
                truth = truth.and(Truth::Unknown);
                continue;
            }
        };
        if !carried || is_filtered(key, facts.version) {
            truth = truth.and(Truth::of(values.contains(None)));
        } else if key == NAMESPACE {
            pods.namespaces.names = pods.namespaces.names.intersect(&named(values));
        } else if key == SERVICE_ACCOUNT {
            pods.service_account = pods.service_account.intersect(&named(values));
        } else if let Some(label) = key.strip_prefix(NAMESPACE_LABELS) {
            if label == METADATA_NAME {
                pods.namespaces.names = pods.namespaces.names.intersect(&named(values));
            } else {
                pods.namespaces.labels = pods.namespaces.labels.with(label, values);
            }
        } else {
            pods.labels = pods.labels.with(key, values);
        }
    }
    if truth == Truth::No {
        pods.namespaces = Namespaces {
            names: ValueSet::none(),
            ..Namespaces::any()
        };
    }
    (pods, truth != Truth::Unknown)
}

/// Values of a label that is never absent.
fn named(values: &ValueSet) -> ValueSet {
    match values {
        ValueSet::In(among) => ValueSet::In(among.iter().flatten().cloned().map(Some).collect()),
        ValueSet::NotIn(not) => ValueSet::NotIn(not.iter().flatten().cloned().map(Some).collect()),
    }
}

/// The ends that requirements select.
pub(super) fn select(requirements: &[Requirement], facts: Facts<'_>) -> Ends {
    let mut found = Ends::default();
    let mut add = |truth: Truth, part: Part| match truth {
        Truth::No => {}
        Truth::Yes => found.certain = found.certain.union(&part),
        Truth::Unknown => found.possible = found.possible.union(&part),
    };
    let (pods, sure) = pods(requirements, facts);
    if !pods.is_empty() {
        let part = Part {
            ends: EndpointSet::of_pods([pods]),
            ..Part::default()
        };
        add(if sure { Truth::Yes } else { Truth::Unknown }, part);
    }
    let all = |kind, api| {
        requirements.iter().fold(Truth::Yes, |truth, requirement| {
            truth.and(facts.holds(requirement, kind, api))
        })
    };
    add(all(Kind::Proxy, Truth::No), proxy());
    let v4 = AddressSet {
        v4: AddressSet::full().v4,
        ..AddressSet::empty()
    };
    let v6 = AddressSet {
        v6: AddressSet::full().v6,
        ..AddressSet::empty()
    };
    let (nodes, outside) = match facts.apiserver() {
        None => (
            vec![(AddressSet::full(), Truth::Unknown)],
            vec![(AddressSet::full(), Truth::Unknown)],
        ),
        Some((nodes, outside)) => (
            vec![(nodes.complement(), Truth::No), (nodes, Truth::Yes)],
            vec![(outside.complement(), Truth::No), (outside, Truth::Yes)],
        ),
    };
    for (addresses, api) in nodes {
        let host = Part {
            host: addresses.clone(),
            ..Part::default()
        };
        let remote = Part {
            remote: addresses,
            ..Part::default()
        };
        add(all(Kind::Host, api), host);
        add(all(Kind::RemoteNode, api), remote);
    }
    for (addresses, api) in outside {
        for (family, is_v4) in [(&v4, true), (&v6, false)] {
            let truth = all(Kind::World { v4: is_v4 }, api);
            add(truth, Part::outside(addresses.intersect(family)));
        }
    }
    let open =
        |part: &Part| !part.ends.is_empty() || !part.host.is_empty() || !part.remote.is_empty();
    if open(&found.possible) {
        found.why = Some("a label in it depends on what no fact says".to_owned());
    }
    found
}
