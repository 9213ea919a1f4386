//! One element of `ingress`, `egress`, `ingressDeny` or `egressDeny`.
//!
//! Takes: its node. Gives: an [`Element`]: what it matches, and what it may match besides. An element matches the traffic of its ports to or from its
//! peers; without peers, ports are those of any peer; without either it matches nothing, and still closes what it stands in
//! (`PolicyEntry.L3`). Does not know whom the rule selects.

use smol_str::{SmolStr, format_smolstr};

use super::blocks::{self, Groups};
use super::ends::Ends;
use super::entity::entity;
use super::identity::{Facts, select};
use super::merge::Merge;
use super::names::{self, Pattern};
use super::ports::{Place, Traffic, traffic};
use super::selector::Selector;
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::Node;
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{AddressSet, Direction, EndpointSet, PortSet};

/// What an element matches.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// Ends and traffic that it matches for certain.
    pub(super) certain: Option<(EndpointSet, PortSet)>,
    /// What it may match besides, and why that is not known.
    pub(super) possible: Vec<(EndpointSet, PortSet, String)>,
    /// The DNS names that it matches once they are learned.
    pub(super) names: Vec<Pattern>,
    /// The traffic of its ports, to such names and whoever else the ends are.
    pub(super) traffic: Traffic,
    /// The DNS names that it lets pods learn.
    pub(super) dns: Vec<Pattern>,
    /// Whether it holds something of which it is not known whether the agent takes it.
    pub(super) dubious: bool,
    /// What it asks for that may not go together with what other rules of its pods ask for, and at which ports.
    pub(super) merges: Vec<(Merge, PortSet)>,
    /// Whether it asks of everything that reaches the pods that it also fulfil something (`fromRequires`, up to 1.18).
    pub(super) requires: bool,
    /// How people name it.
    pub(super) text: SmolStr,
    /// Where it is.
    pub(super) span: Span,
}

/// What elements of one rule share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'c> {
    /// The namespace of a CiliumNetworkPolicy.
    pub(super) namespace: Option<&'c str>,
    /// Whether the rule is for pods that have no labels yet.
    pub(super) init: bool,
    pub(super) groups: &'c Groups,
}

/// Reads an element.
pub(super) fn element(
    node: &Node,
    path: String,
    text: SmolStr,
    place: Place<'_>,
    scope: Scope<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Element> {
    let mut fields = Fields::of(node, path, diagnostics)?;
    let mut members = Members {
        found: Vec::new(),
        place,
        scope,
    };
    members.endpoints(&mut fields, diagnostics);
    members.nodes(&mut fields, diagnostics);
    members.entities(&mut fields, diagnostics);
    members.cidrs(&mut fields, diagnostics);
    let mut patterns = None;
    if place.direction == Direction::Egress {
        members.services(&mut fields, diagnostics);
        if place.allow {
            patterns = members.names(&mut fields, diagnostics);
        }
    }
    members.groups(&mut fields, diagnostics);
    let requires = members.requires(&mut fields, diagnostics);
    members.refuse_combinations(&fields, diagnostics);
    let mut matched = traffic(&mut fields, place, diagnostics);
    let mode = place
        .allow
        .then(|| mode(&mut fields, diagnostics))
        .flatten();
    let authentication = mode.as_ref().is_some_and(|mode| mode != "disabled");
    fields.finish(diagnostics);
    let mut merges = match &mut matched {
        Some(matched) => std::mem::take(&mut matched.merges),
        None => Vec::new(),
    };
    if let Some(mode) = mode {
        let ports = match &matched {
            Some(matched) => matched.certain.union(&matched.possible),
            None => PortSet::all(),
        };
        merges.push((Merge::Mode(mode), ports));
    }

    let peers = members.peers(matched.is_some());
    let mut matched = matched.unwrap_or_else(Traffic::all);
    let mut element = Element {
        certain: None,
        possible: Vec::new(),
        names: Vec::new(),
        traffic: Traffic::default(),
        dns: Vec::new(),
        dubious: matched.dubious,
        merges,
        requires,
        text,
        span: node.span,
    };
    let Some(peers) = peers else {
        element.traffic = matched;
        return Some(element);
    };
    let dns = std::mem::take(&mut matched.dns);
    let either = matched.certain.union(&matched.possible);
    let seen = peers.seen(place.direction);
    let traffic_why = matched.why.unwrap_or_default();
    let mut possible = vec![
        (
            seen.certain.clone(),
            matched.possible.clone(),
            traffic_why.to_owned(),
        ),
        (seen.possible, either.clone(), seen.why.unwrap_or_default()),
    ];
    if place.direction == Direction::Ingress && (!place.allow || authentication) {
        // The model lets a node reach its pods whatever is written; here something is written that does not.
        let own = EndpointSet {
            nodes: seen.host,
            ..EndpointSet::empty()
        };
        let why = match place.allow {
            true => {
                "it asks the pod's own node to authenticate, which otherwise always reaches its pods"
            }
            false => "it denies the pod's own node, which otherwise always reaches its pods",
        };
        possible.push((own, either.clone(), why.to_owned()));
    }
    if authentication {
        let why = "whether the other end authenticates is not decided by policy";
        let both = seen.certain.clone();
        possible.push((both, matched.certain.clone(), why.to_owned()));
    } else if !seen.certain.is_empty() && !matched.certain.is_empty() {
        element.certain = Some((seen.certain, matched.certain.clone()));
        element.dns = dns;
    }
    for pattern in patterns.unwrap_or_default() {
        if pattern.notation().is_some() && !authentication {
            element.names.push(pattern);
        } else {
            let outside = EndpointSet::of_outside(AddressSet::full());
            let why = "which addresses such a pattern of names matches is not known";
            possible.push((outside, either.clone(), why.to_owned()));
        }
    }
    element.traffic = matched;
    possible.retain(|(ends, ports, _)| !ends.is_empty() && !ports.is_empty());
    element.possible = possible;
    Some(element)
}

/// The peers of an element, by member.
struct Members<'c> {
    /// The members that are written: their names, how many items they have, and the ends that these select.
    found: Vec<(&'static str, usize, Ends)>,
    place: Place<'c>,
    scope: Scope<'c>,
}

impl Members<'_> {
    fn facts(&self) -> Facts<'_> {
        self.place.facts
    }

    /// The field and its name in the agent's messages: `fromEndpoints`, `FromEndpoints`.
    fn key(&self, from: &'static str, to: &'static str) -> (String, &'static str) {
        let name = match self.place.direction {
            Direction::Ingress => from,
            Direction::Egress => to,
        };
        (name[..1].to_ascii_lowercase() + &name[1..], name)
    }

    fn each(
        &mut self,
        fields: &mut Fields<'_>,
        (key, name): (String, &'static str),
        diagnostics: &mut Diagnostics,
        read: impl Fn(&Self, &Node, String, &mut Diagnostics) -> Ends,
    ) {
        let path = fields.at(&key);
        let Some(list) = fields.list(&key, diagnostics) else {
            return;
        };
        let many = list
            .iter()
            .enumerate()
            .map(|(at, node)| read(self, node, format!("{path}[{at}]"), diagnostics))
            .collect();
        self.found.push((name, list.len(), Ends::all(many)));
    }

    fn endpoints(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let key = self.key("FromEndpoints", "ToEndpoints");
        self.each(fields, key, diagnostics, |this, node, path, diagnostics| {
            let facts = this.facts();
            let selector = Selector::read(node, path, facts, diagnostics);
            let all = selector.peer(this.scope.namespace, this.scope.init, facts);
            select(&all, facts)
        });
    }

    fn nodes(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let key = self.key("FromNodes", "ToNodes");
        let at = fields.at(&key.0);
        let before = self.found.len();
        self.each(fields, key, diagnostics, |this, node, path, diagnostics| {
            let facts = this.facts();
            let selector = Selector::read(node, path, facts, diagnostics);
            select(&selector.nodes(facts), facts)
        });
        let some = self.found[before..].iter().any(|(_, count, _)| *count > 0);
        if some && !self.facts().cluster.node_labels {
            let why = "FromNodes/ToNodes rules can only be applied when the \"enable-node-selector-labels\" flag is set: the cluster's fact `node-labels`";
            diagnostics.push(invalid(fields.span, format!("{at}: {why}")));
        }
    }

    fn entities(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let (key, name) = self.key("FromEntities", "ToEntities");
        let path = fields.at(&key);
        let Some(words) = fields.texts(&key, diagnostics) else {
            return;
        };
        let mut ends = Ends::default();
        for (at, (word, span)) in words.iter().enumerate() {
            match entity(word, self.facts()) {
                Some(some) => ends = ends.union(some),
                None => {
                    let why = format!("{path}[{at}]: Unsupported value: \"{word}\"");
                    diagnostics.push(invalid(*span, why));
                }
            }
        }
        self.found.push((name, words.len(), ends));
    }

    fn cidrs(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let (key, name) = self.key("FromCIDR", "ToCIDR");
        let path = fields.at(&key);
        if let Some(texts) = fields.texts(&key, diagnostics) {
            let mut nets = Vec::with_capacity(texts.len());
            for (at, (text, span)) in texts.iter().enumerate() {
                nets.extend(blocks::cidr(
                    text,
                    *span,
                    &format!("{path}[{at}]"),
                    diagnostics,
                ));
            }
            let ends = blocks::outside(&nets, &[], self.facts());
            self.found.push((name, texts.len(), ends));
        }
        let key = self.key("FromCIDRSet", "ToCIDRSet");
        self.each(fields, key, diagnostics, |this, node, path, diagnostics| {
            blocks::item(node, path, this.scope.groups, this.facts(), diagnostics)
        });
    }

    /// Services are not among what is read: the agent turns them into selectors or addresses, and into any peer where it finds none.
    fn services(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let key = ("toServices".to_owned(), "ToServices");
        self.each(fields, key, diagnostics, |this, node, path, diagnostics| {
            service(node, path, this.facts(), diagnostics);
            Ends::perhaps_anywhere("which pods and addresses a Service has is not read")
        });
    }

    /// Groups of a cloud, whose addresses the operator asks for.
    fn groups(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let key = self.key("FromGroups", "ToGroups");
        self.each(fields, key, diagnostics, |_, node, path, diagnostics| {
            if let Some(mut group) = Fields::of(node, path, diagnostics) {
                if let Some(mut aws) = group.map("aws", diagnostics) {
                    aws.strings("labels", diagnostics);
                    aws.texts("securityGroupsIds", diagnostics);
                    aws.texts("securityGroupsNames", diagnostics);
                    aws.text("region", diagnostics);
                    aws.finish(diagnostics);
                }
                group.finish(diagnostics);
            }
            Ends::perhaps_anywhere("which addresses a group of the cloud has is not read")
        });
    }

    fn names(
        &mut self,
        fields: &mut Fields<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Pattern>> {
        let path = fields.at("toFQDNs");
        let list = fields.list("toFQDNs", diagnostics)?;
        self.found.push(("ToFQDNs", list.len(), Ends::default()));
        let read = list.iter().enumerate().filter_map(|(at, node)| {
            let fields = Fields::of(node, format!("{path}[{at}]"), diagnostics)?;
            names::read(fields, self.place.facts.version, diagnostics)
        });
        Some(read.collect())
    }

    /// `fromRequires` and `toRequires` are gone since 1.19, where the CRD lets no item in; whether there are any.
    fn requires(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
        let (key, _) = self.key("FromRequires", "ToRequires");
        let path = fields.at(&key);
        let list = fields.list(&key, diagnostics).unwrap_or_default();
        if list.is_empty() {
            return false;
        }
        if self.facts().version >= (1, 19) {
            let count = list.len();
            let why = format!("{path}: Too many: {count}: must have at most 0 items");
            diagnostics.push(invalid(fields.span, why));
            return false;
        }
        for (at, node) in list.iter().enumerate() {
            Selector::read(node, format!("{path}[{at}]"), self.facts(), diagnostics);
        }
        true
    }

    fn refuse_combinations(&self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) {
        let mut some = self.found.iter().filter(|(_, count, _)| *count > 0);
        if let (Some((one, ..)), Some((other, ..))) = (some.next(), some.next()) {
            let path = &fields.path;
            let why = format!("{path}: combining {one} and {other} is not supported yet");
            diagnostics.push(invalid(fields.span, why));
        }
    }

    /// The peers; `None` if nothing can match. A member that is there and empty selects nothing (`mergeEndpointSelectors`), aside from services, groups and
    /// names, of which an empty list is as good as none.
    fn peers(self, ported: bool) -> Option<Ends> {
        let passes =
            |name: &str| ["ToServices", "ToFQDNs"].contains(&name) || name.ends_with("Groups");
        let nothing = self
            .found
            .iter()
            .any(|(name, count, _)| *count == 0 && !passes(name));
        let named = self
            .found
            .iter()
            .any(|(name, count, _)| *name == "ToFQDNs" && *count > 0);
        if nothing {
            // Up to 1.18 the names were added afterwards.
            let old = named && self.place.facts.version < (1, 19);
            return old.then(|| {
                Ends::perhaps_anywhere("names stand beside another kind of peers that is empty")
            });
        }
        if self.found.iter().all(|(_, count, _)| *count == 0) {
            return ported.then(Ends::anywhere);
        }
        let all = self.found.into_iter().map(|(.., ends)| ends);
        Some(Ends::all(all.collect()))
    }
}

fn service(node: &Node, path: String, facts: Facts<'_>, diagnostics: &mut Diagnostics) {
    let Some(mut service) = Fields::of(node, path, diagnostics) else {
        return;
    };
    if let Some(mut named) = service.map("k8sService", diagnostics) {
        named.text("serviceName", diagnostics);
        named.text("namespace", diagnostics);
        named.finish(diagnostics);
    }
    if let Some(mut selected) = service.map("k8sServiceSelector", diagnostics) {
        let path = selected.at("selector");
        match selected.get("selector") {
            Some(node) => {
                Selector::read(node, path, facts, diagnostics);
            }
            None => diagnostics.push(invalid(selected.span, format!("{path}: Required value"))),
        }
        selected.text("namespace", diagnostics);
        selected.finish(diagnostics);
    }
    service.finish(diagnostics);
}

/// How the other end has to authenticate, if anything is said of it.
fn mode(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<SmolStr> {
    let mut authentication = fields.map("authentication", diagnostics)?;
    let (span, at) = (authentication.span, authentication.at("mode"));
    let mode = authentication.text("mode", diagnostics).cloned();
    authentication.finish(diagnostics);
    match mode.as_deref() {
        Some("disabled" | "required" | "test-always-fail") => mode,
        Some(other) => {
            let why = format!(
                "{at}: Unsupported value: \"{other}\": supported values: \"disabled\", \"required\", \"test-always-fail\""
            );
            diagnostics.push(invalid(span, why));
            None
        }
        None => {
            diagnostics.push(invalid(span, format!("{at}: Required value")));
            None
        }
    }
}

/// How people name an element: `ingressDeny rule 2`.
pub(super) fn spoken(key: &str, at: usize) -> SmolStr {
    format_smolstr!("{key} rule {}", at + 1)
}
