//! What rules are read against: the cluster's facts, and the network sets of the manifests.
//!
//! Takes: a [`Context`] and the documents of the sets. Gives: what lies at addresses, and what selectors pick out. All selectors of rules share one label space: pods,
//! network sets and host endpoints. Sets that are not among the manifests are taken not to exist, as policies are; host endpoints may exist wherever there is a
//! node, with any labels but those that Calico gives to workloads.

use ipnet::IpNet;
use smol_str::SmolStr;

use super::names;
use super::selector::Expr;
use super::solve::{
    self, ACCOUNT, Between, Label, NAME, NAMESPACE, OF_ACCOUNT, OF_NAMESPACE, ORCHESTRATOR, Truth,
};
use crate::backend::read::document::{Document, invalid};
use crate::backend::read::{Cidr, Context};
use crate::diagnostic::Diagnostics;
use crate::space::{AddressSet, METADATA_NAME, Pods};

/// An IP family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// Both.
    pub(super) const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// The family's part of a set.
    pub(super) fn of(self, set: &AddressSet) -> AddressSet {
        match self {
            Family::V4 => AddressSet {
                v4: set.v4.clone(),
                ..AddressSet::empty()
            },
            Family::V6 => AddressSet {
                v6: set.v6.clone(),
                ..AddressSet::empty()
            },
        }
    }

    /// The family's addresses.
    pub(super) fn all(self) -> AddressSet {
        self.of(&AddressSet::full())
    }

    /// Whether a network is of the family.
    pub(super) fn has(self, net: &IpNet) -> bool {
        net.addr().is_ipv4() == (self == Family::V4)
    }
}

/// A network set.
#[derive(Clone, Debug)]
struct NetworkSet {
    /// Its own labels.
    labels: Vec<(SmolStr, SmolStr)>,
    /// Its namespace, of which it inherits the labels; none if it is global.
    namespace: Option<SmolStr>,
    /// Its addresses.
    nets: AddressSet,
}

/// What a selector picks out.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Pods by their labels.
    pub(super) pods: Between<Vec<Pods>>,
    /// The addresses of network sets.
    pub(super) sets: Between<AddressSet>,
    /// Whether it may pick out host endpoints.
    pub(super) hosts: bool,
}

/// See the module.
pub(super) struct World<'c> {
    /// What is known of the cluster.
    pub(super) context: Context<'c>,
    sets: Vec<NetworkSet>,
}

impl<'c> World<'c> {
    /// A world with the sets of these documents; those that Calico refuses are reported.
    pub(super) fn new(
        documents: &[Document],
        context: &Context<'c>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let sets = documents.iter().filter(|document| {
            document.api_version == super::API_VERSION
                && matches!(&*document.kind, "GlobalNetworkSet" | "NetworkSet")
        });
        World {
            context: *context,
            sets: sets
                .filter_map(|document| network_set(document, diagnostics))
                .collect(),
        }
    }

    /// The families that pods may have.
    pub(super) fn families(&self) -> &'static [Family] {
        match (
            self.context.cluster.ipv4_none,
            self.context.cluster.ipv6_none,
        ) {
            (false, true) => &[Family::V4],
            (true, false) => &[Family::V6],
            _ => &Family::BOTH,
        }
    }

    /// Whether pods have their addresses of a family in a set of that family: all of them, none, or nobody knows.
    pub(super) fn pods_at(&self, addresses: &AddressSet, family: Family) -> Truth {
        if addresses.is_empty()
            || self.context.cidr == Cidr::Outside
            || !self.families().contains(&family)
        {
            return Truth::No;
        }
        if *addresses == family.all() {
            return Truth::Yes;
        }
        let range = self.context.cluster.pods.as_ref().map(|all| family.of(all));
        match range.filter(|range| !range.is_empty()) {
            None => Truth::Unknown,
            Some(range) if !range.meets(addresses) => Truth::No,
            Some(range) if range.is_subset(addresses) => Truth::Yes,
            Some(_) => Truth::Unknown,
        }
    }

    /// What an expression picks out; `negated`: the pods are those that it does not select, the rest is not turned around.
    pub(super) fn select(&self, expr: &Expr, negated: bool) -> Selection {
        let pods = if negated {
            solve::pods(&expr.clone().negated(), &self.context)
        } else {
            solve::pods(expr, &self.context)
        };
        let mut sets: Between<AddressSet> = Between::default();
        for set in &self.sets {
            let truth = solve::selects(expr, &|key| self.label(set, key));
            if truth == Truth::Yes {
                sets.sure = sets.sure.union(&set.nets);
            }
            if truth != Truth::No {
                sets.possible = sets.possible.union(&set.nets);
            }
        }
        Selection {
            pods,
            sets,
            hosts: solve::selects(expr, &of_host) != Truth::No,
        }
    }

    /// A label of a set: its own before what it inherits.
    fn label<'s>(&'s self, set: &'s NetworkSet, key: &str) -> Label<'s> {
        if let Some((_, value)) = set.labels.iter().find(|(known, _)| known == key) {
            return Label::Is(value);
        }
        let Some(namespace) = &set.namespace else {
            return Label::Absent;
        };
        if key == NAMESPACE {
            return Label::Is(namespace);
        }
        let Some(key) = key.strip_prefix(OF_NAMESPACE) else {
            return Label::Absent;
        };
        if key == NAME || key == METADATA_NAME {
            return Label::Is(namespace);
        }
        let declared = self.context.namespaces.iter();
        match declared
            .clone()
            .find(|declared| declared.name == *namespace)
        {
            Some(declared) => declared.label(key).map_or(Label::Absent, Label::Is),
            None => Label::Unknown,
        }
    }
}

/// Labels that are reserved for what was generated: nobody puts one on a host endpoint of his own, as nobody adds policies of his own.
const RESERVED: &str = "vauban.dev/";

/// A label of some host endpoint (reference: Calico, sections 2.1 and 2.2): anything but what Calico gives to workloads, and what is reserved.
fn of_host(key: &str) -> Label<'static> {
    if [NAMESPACE, ORCHESTRATOR, ACCOUNT].contains(&key)
        || key.starts_with(RESERVED)
        || key.starts_with(OF_NAMESPACE)
        || key.starts_with(OF_ACCOUNT)
    {
        Label::Absent
    } else {
        Label::Unknown
    }
}

/// A set; `None`, reported, if Calico refuses it. Sets take addresses without a length, and networks with host bits, which mean nothing
/// (reference: Calico, section 1.5).
fn network_set(document: &Document, diagnostics: &mut Diagnostics) -> Option<NetworkSet> {
    let before = diagnostics.len();
    names::set(document, diagnostics);
    for (key, _) in &document.labels {
        if key == NAMESPACE {
            let why = format!("metadata.labels: {NAMESPACE} is not a valid label for a set");
            diagnostics.push(invalid(document.span(), why));
        }
    }
    let mut ranges = AddressSet::empty();
    let mut fields = document.fields();
    if let Some(mut spec) = fields.map("spec", diagnostics) {
        let mut nets = Vec::new();
        for (at, (text, span)) in spec
            .texts("nets", diagnostics)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            match network(text) {
                Some(net) => nets.push(AddressSet::of(net)),
                None => {
                    let why = format!("spec.nets[{at}]: invalid CIDR or IP address \"{text}\"");
                    diagnostics.push(invalid(span, why));
                }
            }
        }
        ranges = AddressSet {
            v4: nets.iter().flat_map(|net| net.v4.iter()).collect(),
            v6: nets.iter().flat_map(|net| net.v6.iter()).collect(),
        };
        spec.finish(diagnostics);
    }
    fields.finish(diagnostics);
    (diagnostics.len() == before).then(|| NetworkSet {
        labels: document.labels.clone(),
        namespace: if document.kind == "NetworkSet" {
            document.namespace.clone()
        } else {
            None
        },
        nets: ranges,
    })
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| {
        let address: std::net::IpAddr = text.parse().ok()?;
        Some(IpNet::from(address))
    })
}
