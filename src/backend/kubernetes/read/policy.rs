//! One NetworkPolicy.
//!
//! Takes: an object. Gives: the [`ReadPolicy`] that it is, or nothing if the API server refuses it. Checked as `ValidateNetworkPolicy` does, defaulted as
//! `SetDefaults_NetworkPolicy` does. Knows nothing of other objects.

use smol_str::SmolStr;

use super::enforcer::Enforcer;
use super::peers::Peers;
use super::ports::{self, Ports};
use super::selectors::Requirements;
use super::validation::{label_key, label_value, namespace, subdomain, unsupported, wrong};
use crate::backend::read::Unread;
use crate::backend::read::chain::{ReadPolicy, ReadRule};
use crate::backend::read::document::{Document, Fields, get, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::model::{Action, Clause};
use crate::source::Span;
use crate::space::{Direction, EndpointSet, FlowBox, Namespaces, Pods, PortSet};

/// The most bytes that all annotations of an object may have.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// The namespace of an object that names none.
pub(super) fn home(document: &Document) -> SmolStr {
    document
        .namespace
        .clone()
        .unwrap_or_else(|| SmolStr::new_static("default"))
}

/// Reads an object of the kind; `None` if the API server refuses it, which is reported.
pub(super) fn read(
    document: &Document,
    enforcer: &Enforcer<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Option<ReadPolicy> {
    let before = diagnostics.len();
    let reader = Reader {
        enforcer,
        home: home(document),
        object: format!("NetworkPolicy {}/{}", home(document), document.name).into(),
        diagnostics,
    };
    let (policy, open) = reader.policy(document);
    if diagnostics.len() > before {
        return None;
    }
    unread.extend(open);
    Some(policy)
}

struct Reader<'a, 'c> {
    enforcer: &'a Enforcer<'c>,
    home: SmolStr,
    object: SmolStr,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_, '_> {
    fn policy(mut self, document: &Document) -> (ReadPolicy, Vec<Unread>) {
        self.metadata(document);
        let mut fields = document.fields();
        // A missing `spec` is an empty one, which isolates every pod of the namespace.
        let spec = fields.map("spec", self.diagnostics);
        fields.finish(self.diagnostics);
        let mut policy = ReadPolicy {
            object: self.object.clone(),
            owner: document.owner(),
            file: document.file.clone(),
            subject: Vec::new(),
            ingress: None,
            egress: None,
            staged: false,
            span: document.span(),
        };
        let mut open = Vec::new();
        let everything = Pods {
            namespaces: Namespaces::named(self.home.clone()),
            ..Pods::any()
        };
        let Some(mut spec) = spec else {
            policy.subject = vec![everything];
            policy.ingress = Some(Vec::new());
            return (policy, open);
        };
        let subject = Pods {
            labels: spec
                .map("podSelector", self.diagnostics)
                .map(|fields| Requirements::read(fields, self.diagnostics).pods())
                .unwrap_or_default(),
            ..everything
        };
        let mut ingress = self.rules(&mut spec, Direction::Ingress, &subject, &mut open);
        let mut egress = self.rules(&mut spec, Direction::Egress, &subject, &mut open);
        let (for_ingress, for_egress) = self.types(&mut spec, !egress.is_empty());
        spec.finish(self.diagnostics);
        for (direction, listed, rules) in [
            (Direction::Ingress, for_ingress, &mut ingress),
            (Direction::Egress, for_egress, &mut egress),
        ] {
            // Rules of a direction that is not listed are accepted, and ignored by all but Cilium.
            let acts = match self.enforcer.unlisted_rules_act() {
                _ if listed => Some(true),
                _ if rules.is_empty() => Some(false),
                acts => acts,
            };
            if acts != Some(true) {
                open.retain(|part| part.direction != direction);
            }
            if acts.is_none() {
                open.push(self.unlisted(direction, &subject, policy.span));
            }
            let block = (acts == Some(true)).then(|| std::mem::take(rules));
            match direction {
                Direction::Ingress => policy.ingress = block,
                Direction::Egress => policy.egress = block,
            }
        }
        if !subject.is_empty() {
            policy.subject = vec![subject];
        }
        (policy, open)
    }

    /// The directions: those of `policyTypes`, and without it ingress, and egress if there is a rule for it.
    fn types(&mut self, spec: &mut Fields<'_>, has_egress: bool) -> (bool, bool) {
        let path = spec.at("policyTypes");
        let span = spec.get("policyTypes").map_or(spec.span, |node| node.span);
        let types = spec
            .texts("policyTypes", self.diagnostics)
            .unwrap_or_default();
        if types.is_empty() {
            return (true, has_egress);
        }
        if types.len() > 2 {
            let all: Vec<String> = types.iter().map(|(one, _)| format!("{one:?}")).collect();
            let why = format!(
                "{path}: Invalid value: [{}]: may not specify more than two policyTypes",
                all.join(",")
            );
            self.diagnostics.push(invalid(span, why));
            return (true, true);
        }
        for (at, (one, span)) in types.iter().enumerate() {
            if !["Ingress", "Egress"].contains(&one.as_str()) {
                let why = unsupported(&format!("{path}[{at}]"), one, &["Ingress", "Egress"]);
                self.diagnostics.push(invalid(*span, why));
            }
        }
        let has = |word: &str| types.iter().any(|(one, _)| one.as_str() == word);
        (has("Ingress"), has("Egress"))
    }

    fn rules(
        &mut self,
        spec: &mut Fields<'_>,
        direction: Direction,
        subject: &Pods,
        open: &mut Vec<Unread>,
    ) -> Vec<ReadRule> {
        let path = spec.at(direction.word());
        let nodes = spec
            .list(direction.word(), self.diagnostics)
            .unwrap_or_default();
        let mut rules = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Some(fields) = Fields::of_struct(node, path, self.diagnostics) else {
                continue;
            };
            let (peers, ports) = self.rule(fields, direction);
            self.leave_open(&peers, &ports, direction, subject, open);
            let mut clauses = Vec::new();
            if !peers.certain.is_empty() && !ports.certain.is_empty() {
                clauses.push(Clause {
                    subject: None,
                    peers: peers.certain,
                    ports: ports.certain,
                });
            }
            rules.push(ReadRule {
                action: Action::Allow,
                log: false,
                clauses,
                text: format!("{} rule {}", direction.word(), at + 1).into(),
                span: node.span,
            });
        }
        rules
    }

    fn rule(&mut self, mut fields: Fields<'_>, direction: Direction) -> (Peers, Ports) {
        let key = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let path = fields.at(key);
        let items = fields.list(key, self.diagnostics).unwrap_or_default();
        let peers = if items.is_empty() {
            Peers::anywhere()
        } else {
            let mut peers = Peers::default();
            for (at, node) in items.iter().enumerate() {
                if let Some(item) =
                    Fields::of_struct(node, format!("{path}[{at}]"), self.diagnostics)
                {
                    peers.read(item, &self.home, self.enforcer, self.diagnostics);
                }
            }
            peers.finish(&self.home, direction, self.enforcer)
        };
        let path = fields.at("ports");
        let items = fields.list("ports", self.diagnostics).unwrap_or_default();
        let mut ports = Ports::default();
        if items.is_empty() {
            // Every protocol too; of other protocols than TCP, UDP and SCTP the API says nothing, and those who enforce it let them pass.
            ports.certain = PortSet::all();
        }
        for (at, node) in items.iter().enumerate() {
            if let Some(item) = Fields::of_struct(node, format!("{path}[{at}]"), self.diagnostics) {
                ports::read(item, self.enforcer, direction, &mut ports, self.diagnostics);
            }
        }
        fields.finish(self.diagnostics);
        (peers, ports)
    }

    /// Rules that may act, or be ignored: they isolate the pods, or do not.
    fn unlisted(&self, direction: Direction, subject: &Pods, span: Span) -> Unread {
        Unread {
            object: self.object.clone(),
            direction,
            flows: vec![FlowBox {
                subject: subject.clone(),
                peers: EndpointSet::anywhere(),
                ports: PortSet::all(),
            }],
            why: format!(
                "whether rules for {} act, which policyTypes does not list, is up to the CNI, which the cluster does not name",
                direction.word()
            ),
            span,
        }
    }

    /// Notes what a rule may allow besides.
    fn leave_open(
        &self,
        peers: &Peers,
        ports: &Ports,
        direction: Direction,
        subject: &Pods,
        open: &mut Vec<Unread>,
    ) {
        let mut note = |ends: &EndpointSet, traffic: &PortSet, why: &str, span: Span| {
            let flows = FlowBox {
                subject: subject.clone(),
                peers: ends.clone(),
                ports: traffic.clone(),
            };
            if !flows.is_empty() {
                open.push(Unread {
                    object: self.object.clone(),
                    direction,
                    flows: vec![flows],
                    why: why.to_owned(),
                    span,
                });
            }
        };
        for (ends, why, span) in &peers.maybe {
            note(ends, &ports.certain, why, *span);
            for (traffic, _, _) in &ports.maybe {
                note(ends, traffic, why, *span);
            }
        }
        for (traffic, why, span) in &ports.maybe {
            note(&peers.certain, traffic, why, *span);
        }
    }

    /// What `ValidateObjectMeta` checks of what people write.
    fn metadata(&mut self, document: &Document) {
        let metadata = get(&document.node, "metadata");
        let place = |field: &str| metadata.and_then(|map| get(map, field));
        let span = |field: &str| place(field).map_or(document.span(), |node| node.span);
        for fault in subdomain(&document.name) {
            let why = wrong("metadata.name", &document.name, &fault);
            self.diagnostics.push(invalid(span("name"), why));
        }
        for fault in namespace(&self.home) {
            let why = wrong("metadata.namespace", &self.home, &fault);
            self.diagnostics.push(invalid(span("namespace"), why));
        }
        for (key, node) in entries(place("labels")) {
            for fault in label_key(key) {
                let why = wrong("metadata.labels", key, &fault);
                self.diagnostics.push(invalid(node.span, why));
            }
            if let Value::Text(value) = &node.value {
                for fault in label_value(value) {
                    let why = wrong("metadata.labels", value, &fault);
                    self.diagnostics.push(invalid(node.span, why));
                }
            }
        }
        let mut size = 0;
        for (key, node) in entries(place("annotations")) {
            for fault in label_key(&key.to_lowercase()) {
                let why = wrong("metadata.annotations", key, &fault);
                self.diagnostics.push(invalid(node.span, why));
            }
            size += key.len();
            if let Value::Text(value) = &node.value {
                size += value.len();
            }
        }
        if size > ANNOTATIONS_MAX {
            let why = format!(
                "metadata.annotations: Too long: may not be more than {ANNOTATIONS_MAX} bytes"
            );
            self.diagnostics.push(invalid(span("annotations"), why));
        }
    }
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    let map = match node.map(|node| &node.value) {
        Some(Value::Map(map)) => map.as_slice(),
        _ => &[],
    };
    map.iter().map(|(key, node)| (key.text.as_str(), node))
}
