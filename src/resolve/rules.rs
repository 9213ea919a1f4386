//! Rules: from a line to clauses of ends and ports.

use std::rc::Rc;

use smol_str::SmolStr;
use time::Duration;

use super::endpoints::subtract_pods;
use super::grants::Foreign;
use super::items::{Ends, Service};
use super::ports::{DNS, Traffic};
use super::scope::Scope;
use super::{Cx, MOST_TERMS, errors};
use crate::diagnostic::lints;
use crate::model::{self, Clause};
use crate::source::Span;
use crate::space::{EndpointSet, Pods, PortSet, Same, ValueSet};
use crate::syntax::ast;

/// Days before the end of a rule from which on a build warns.
const WARNING_DAYS: i64 = 30;

/// The pods that a body speaks for.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) pods: Vec<Pods>,
    pub(super) span: Span,
    /// Its namespace, if it has just one.
    single: Option<SmolStr>,
    /// Whether it can have pods of namespaces that nobody declares.
    open: bool,
}

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// `None` for a profile that nobody includes.
    pub(super) subject: Option<&'p Subject>,
    /// Whether it is the unnamed policy.
    pub(super) default: bool,
}

/// What became of a rule.
pub(super) enum Outcome {
    /// It is in force.
    Rule(Box<model::Rule>),
    /// Its date has passed, which was told.
    Expired,
    /// Something in it is wrong, which was reported.
    Faulty,
}

impl Cx<'_> {
    /// What stands after `for`: pods only, of which there can be some.
    pub(super) fn subject(&mut self, scope: Scope<'_>, node: &ast::Endpoints) -> Option<Subject> {
        let ends = self.endpoints(scope, node)?;
        if !self.refuse_foreign(
            &ends.foreign,
            node.span,
            "its owner could change whom this speaks for",
        ) {
            return None;
        }
        let set = &ends.set;
        let only_pods =
            set.nodes.is_empty() && set.outside.is_empty() && !set.proxy && set.names.is_empty();
        if !only_pods {
            self.report(errors::not_a_subject(node.span));
            return None;
        }
        if set.pods.iter().any(|pods| !pods.namespaces.same.is_empty()) {
            self.report(errors::misplaced_same(
                node.span,
                "`same` compares a peer with the subject",
            ));
            return None;
        }
        let mut pods = ends.set.pods;
        pods.retain(|pods| self.ground.inhabited(pods));
        if pods.is_empty() {
            // The namespace that fits may be one that could not be read.
            if self.unread.is_empty() {
                self.report(errors::empty_endpoint(
                    "no pod can ever be selected here",
                    node.span,
                    "selects nothing",
                ));
            }
            return None;
        }
        let first = pods[0].namespaces.single().cloned();
        let single = first.filter(|first| {
            pods.iter()
                .all(|pods| pods.namespaces.single() == Some(first))
        });
        let open = !self.ground.closed
            && pods.iter().any(|pods| match &pods.namespaces.names {
                ValueSet::In(names) => names
                    .iter()
                    .flatten()
                    .any(|name| self.ground.declared(name).is_none()),
                ValueSet::NotIn(_) => true,
            });
        Some(Subject {
            pods,
            span: node.span,
            single,
            open,
        })
    }

    /// One rule.
    pub(super) fn rule(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        direction: ast::Direction,
        node: &ast::Rule,
    ) -> Outcome {
        match self.rule_in_force(scope, place, direction, node) {
            Some((rule, true)) => Outcome::Rule(Box::new(rule)),
            Some((_, false)) => Outcome::Expired,
            None => Outcome::Faulty,
        }
    }

    fn rule_in_force(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        direction: ast::Direction,
        node: &ast::Rule,
    ) -> Option<(model::Rule, bool)> {
        let mut in_force = true;
        let clauses = self.clauses_of(node);
        let mut good = clauses.is_some();
        if node.action.value == ast::Action::Pass && place.default {
            self.report(errors::pass_in_default(node.action.span));
            good = false;
        }
        if let Some(peer) = &node.peer
            && peer.preposition.value != direction
        {
            self.report(errors::wrong_preposition(
                peer.preposition.span,
                direction == ast::Direction::Ingress,
            ));
            good = false;
        }
        let traffic = self.traffic(scope, &node.ports);
        let dns = match &traffic {
            Some(Traffic::Services(services)) => {
                matches!(&services[..], [one] if one.name == DNS) && allows(node.action.value)
            }
            _ => false,
        };
        let matched = match traffic {
            Some(Traffic::Ports(ports)) => self.plain(scope, place, direction, node, ports),
            Some(Traffic::Services(services)) => {
                self.services(scope, place, direction, node, &services)
            }
            Some(Traffic::Unknown) | None => {
                // The peer's own faults are told all the same.
                if let Some(peer) = &node.peer {
                    self.endpoints(scope, &peer.endpoints);
                }
                None
            }
        };
        let (clauses, matched) = (clauses?, matched.filter(|_| good)?);
        if let Some(until) = &clauses.until {
            let today = self.options.today;
            if until.value < today {
                self.report(errors::rule_expired(until.value, until.span));
                in_force = false;
            } else if until.value - today <= Duration::days(WARNING_DAYS) {
                self.report(errors::rule_expires_soon(until.value, until.span));
            }
        }
        let (action, log) = match node.action.value {
            ast::Action::Allow => (model::Action::Allow, false),
            ast::Action::AllowAndLog => (model::Action::Allow, true),
            ast::Action::Deny => (model::Action::Deny, false),
            ast::Action::DenyAndLog => (model::Action::Deny, true),
            ast::Action::Pass => (model::Action::Pass, false),
            ast::Action::Log => (model::Action::Log, false),
        };
        let before = self.terms;
        self.terms += matched.iter().map(weight).sum::<usize>();
        if self.terms > MOST_TERMS {
            if before <= MOST_TERMS {
                self.report(errors::too_many_terms(node.span));
            }
            return None;
        }
        let rule = model::Rule {
            action,
            log,
            clauses: matched,
            dns,
            because: clauses.because,
            ticket: clauses.ticket,
            until: clauses.until.map(|until| until.value),
            excused: clauses.excused,
            doc: node.doc.clone(),
            text: self.text_of(node),
            span: node.span,
        };
        Some((rule, in_force))
    }

    /// `ACTION PORTS to|from ENDPOINTS`
    fn plain(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        direction: ast::Direction,
        node: &ast::Rule,
        ports: PortSet,
    ) -> Option<Vec<Clause>> {
        let Some(peer) = &node.peer else {
            if denies(node.action.value) {
                return Some(vec![Clause {
                    subject: None,
                    peers: EndpointSet::anywhere(),
                    ports,
                }]);
            }
            self.report(errors::missing_peer(node.span, direction));
            return None;
        };
        if direction == ast::Direction::Egress
            && let Some((name, at, own)) = self.service_among(scope, &peer.endpoints)
        {
            self.report(errors::service_with_ports(&name, at, own));
            return None;
        }
        let ends = self.endpoints(scope, &peer.endpoints)?;
        let span = peer.endpoints.span;
        let peers = self.peers(place, direction, node, ends, span)?;
        Some(vec![Clause {
            subject: None,
            peers,
            ports,
        }])
    }

    /// A service that stands by its name among some endpoints.
    pub(super) fn service_among(
        &self,
        scope: Scope<'_>,
        node: &ast::Endpoints,
    ) -> Option<(SmolStr, Span, Span)> {
        node.items.iter().find_map(|item| {
            let service = self.service_named(scope, item)?;
            Some((service.0, item.span, service.1))
        })
    }

    /// Whether an endpoint is just the name of a service, with another selector or not: its name and place.
    pub(super) fn service_named(
        &self,
        scope: Scope<'_>,
        item: &ast::Endpoint,
    ) -> Option<(SmolStr, Span)> {
        let ast::EndpointKind::Name { path, .. } = &item.kind else {
            return None;
        };
        if !item.except.is_empty() {
            return None;
        }
        let id = match &path.segments[..] {
            [name] => {
                match scope
                    .parameters
                    .and_then(|parameters| parameters.get(&name.value))
                {
                    Some(super::items::Argument::Service(service)) => {
                        return Some((service.name.clone(), service.span));
                    }
                    Some(_) => return None,
                    None => self.peek(scope.module, &name.value)?,
                }
            }
            _ => self.find_far(path)?,
        };
        let item = self.item(id);
        matches!(item.node, super::scope::Node::Service(_)).then(|| (item.name.clone(), item.span))
    }

    /// Checks ends where a rule has its peers, and takes away what no pod could be in.
    fn peers(
        &mut self,
        place: Place<'_>,
        direction: ast::Direction,
        node: &ast::Rule,
        ends: Ends,
        span: Span,
    ) -> Option<EndpointSet> {
        let allow = allows(node.action.value);
        if !allow && !self.refuse_foreign(&ends.foreign, span, "it may stand in an `allow` only") {
            return None;
        }
        let named = !ends.set.names.is_empty();
        if named && (!allow || direction == ast::Direction::Ingress) {
            self.report(errors::dns_name_outside_allow(
                &ends.set.names.iter().cloned().collect::<Vec<_>>(),
                span,
            ));
            return None;
        }
        if ends.unknown {
            return None;
        }
        let mut set = self.related(place, ends.set, span)?;
        set.pods
            .retain(|pods| !pods.namespaces.same.is_empty() || self.ground.inhabited(pods));
        if set.is_empty() {
            // The namespace that fits may be one that could not be read.
            if self.unread.is_empty() {
                self.report(errors::empty_endpoint(
                    "nothing can ever be the other end of this rule",
                    span,
                    "is always empty",
                ));
            }
            return None;
        }
        Some(set)
    }

    /// Settles relations to the subject's namespace: one namespace is named, several must be known.
    fn related(
        &mut self,
        place: Place<'_>,
        mut set: EndpointSet,
        span: Span,
    ) -> Option<EndpointSet> {
        if set.pods.iter().all(|pods| pods.namespaces.same.is_empty()) {
            return Some(set);
        }
        let Some(subject) = place.subject else {
            return Some(set);
        };
        let labels = set.pods.iter().flat_map(|pods| &pods.namespaces.same);
        let by_label = labels
            .into_iter()
            .any(|same| matches!(same, Same::Label(..)));
        let alone = subject.single.as_ref();
        let known = alone.and_then(|name| self.ground.declared(name));
        if subject.open && (alone.is_none() || by_label) {
            self.report(errors::same_in_open_namespaces(
                span,
                subject.span,
                &self.cluster.name,
            ));
            return None;
        }
        if let Some(name) = alone {
            let label = |key: &str| known.and_then(|namespace| namespace.label(key));
            let seen = set.pods.iter().filter_map(|pods| {
                Some(Pods {
                    namespaces: pods.namespaces.seen_from(name, label)?,
                    ..pods.clone()
                })
            });
            set.pods = seen.collect();
            return Some(set);
        }
        let homes: Vec<model::Namespace> = self
            .ground
            .namespaces
            .iter()
            .filter(|namespace| {
                subject.pods.iter().any(|pods| {
                    pods.namespaces.names.contains(Some(&namespace.name))
                        && pods.namespaces.labels.matches(|key| namespace.label(key))
                })
            })
            .cloned()
            .collect();
        set.pods.retain(|pods| {
            pods.namespaces.same.is_empty()
                || homes.iter().any(|home| {
                    let seen = pods.namespaces.seen_from(&home.name, |key| home.label(key));
                    seen.is_some_and(|namespaces| {
                        self.ground.inhabited(&Pods {
                            namespaces,
                            ..pods.clone()
                        })
                    })
                })
        });
        Some(set)
    }

    /// `ACTION SERVICES (from ENDPOINTS)?`
    fn services(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        direction: ast::Direction,
        node: &ast::Rule,
        services: &[Rc<Service>],
    ) -> Option<Vec<Clause>> {
        let foreign: Vec<Foreign> = services
            .iter()
            .flat_map(|service| service.foreign.iter().cloned())
            .collect();
        let span = node.ports.span;
        if direction == ast::Direction::Egress {
            if let Some(peer) = &node.peer {
                if peer.preposition.value == direction {
                    self.report(errors::service_with_to(
                        peer.preposition.span.to(peer.endpoints.span),
                        span,
                    ));
                }
                self.endpoints(scope, &peer.endpoints);
                return None;
            }
            let mut clauses = Vec::new();
            for (ends, ports) in services.iter().flat_map(|service| &service.entries) {
                let ends = Ends {
                    set: ends.clone(),
                    foreign: foreign.clone(),
                    unknown: false,
                    span,
                };
                let mut set = self.service_peers(place, node, ends, span)?;
                set.pods
                    .retain(|pods| !pods.namespaces.same.is_empty() || self.ground.inhabited(pods));
                if !set.is_empty() {
                    clauses.push(Clause {
                        subject: None,
                        peers: set,
                        ports: ports.clone(),
                    });
                }
            }
            if clauses.is_empty() {
                let (name, own) = (services[0].name.clone(), services[0].span);
                self.report(errors::empty_service(&name, span, own));
                return None;
            }
            return Some(clauses);
        }
        if !self.refuse_foreign(
            &foreign,
            span,
            "its owner could change which ports this opens",
        ) {
            return None;
        }
        let peers = match &node.peer {
            Some(peer) => {
                let ends = self.endpoints(scope, &peer.endpoints)?;
                self.peers(place, direction, node, ends, peer.endpoints.span)?
            }
            None if denies(node.action.value) => EndpointSet::anywhere(),
            None => {
                self.report(errors::missing_peer(node.span, direction));
                return None;
            }
        };
        let subject = place.subject?;
        let mut rest = subject.pods.clone();
        let mut clauses = Vec::new();
        for service in services {
            for (ends, ports) in &service.entries {
                let only_pods = ends.nodes.is_empty()
                    && ends.outside.is_empty()
                    && !ends.proxy
                    && ends.names.is_empty();
                if !only_pods {
                    self.report(errors::service_in_ingress(
                        &service.name,
                        span,
                        service.span,
                    ));
                    return None;
                }
                let opened: Vec<Pods> = ends.pods.iter().map(super::services::own).collect();
                let Some(left) = subtract_pods(&rest, &opened) else {
                    self.report(errors::too_many_terms(span));
                    return None;
                };
                let closed = subtract_pods(&subject.pods, &opened);
                let whole = match closed {
                    Some(closed) => self.ground.witness_of_any(&closed).is_none(),
                    None => false,
                };
                rest = left;
                let meets = subject.pods.iter().any(|one| {
                    opened
                        .iter()
                        .any(|pods| self.ground.inhabited(&one.intersect(pods)))
                });
                if meets {
                    clauses.push(Clause {
                        subject: (!whole).then_some(opened),
                        peers: peers.clone(),
                        ports: ports.clone(),
                    });
                }
            }
        }
        if let Some(pod) = self.ground.witness_of_any(&rest) {
            self.report(errors::subject_outside_service(
                &services[0].name,
                span,
                subject.span,
                &pod,
            ));
            return None;
        }
        Some(clauses)
    }

    /// The ends of a service as the peers of an egress rule; an entry may be empty as long as another is not.
    fn service_peers(
        &mut self,
        place: Place<'_>,
        node: &ast::Rule,
        ends: Ends,
        span: Span,
    ) -> Option<EndpointSet> {
        let allow = allows(node.action.value);
        if !allow && !self.refuse_foreign(&ends.foreign, span, "it may stand in an `allow` only") {
            return None;
        }
        if !ends.set.names.is_empty() && !allow {
            self.report(errors::dns_name_outside_allow(
                &ends.set.names.iter().cloned().collect::<Vec<_>>(),
                span,
            ));
            return None;
        }
        self.related(place, ends.set, span)
    }

    /// Because, ticket, until, excuse: each at most once, but for excuses.
    fn clauses_of(&mut self, node: &ast::Rule) -> Option<Clauses> {
        let mut clauses = Clauses::default();
        let mut seen: [Option<Span>; 3] = [None; 3];
        let mut good = true;
        for clause in &node.clauses {
            let (kind, word, span) = match clause {
                ast::Clause::Because(text) => {
                    clauses.because = Some(text.value.clone());
                    (0, "because", text.span)
                }
                ast::Clause::Ticket(text) => {
                    clauses.ticket = Some(text.value.clone());
                    (1, "ticket", text.span)
                }
                ast::Clause::Until(date) => {
                    clauses.until = Some(date.clone());
                    (2, "until", date.span)
                }
                ast::Clause::Excuse { lint, .. } => {
                    if lints::find(&lint.value).is_none() {
                        self.report(errors::unknown_lint(&lint.value, lint.span));
                        good = false;
                    }
                    clauses.excused.push(model::Excuse {
                        lint: lint.value.clone(),
                        span: lint.span,
                    });
                    continue;
                }
            };
            if let Some(first) = seen[kind].replace(span) {
                self.report(errors::duplicate_clause(word, span, first));
                good = false;
            }
        }
        if let Some(until) = &clauses.until
            && denies(node.action.value)
        {
            self.report(errors::until_on_deny(until.span, node.action.span));
            good = false;
        }
        good.then_some(clauses)
    }

    /// The text of a rule without its clauses, blanks and comments collapsed.
    fn text_of(&self, node: &ast::Rule) -> SmolStr {
        let end = node
            .peer
            .as_ref()
            .map_or(node.ports.span.end, |peer| peer.endpoints.span.end);
        let text = self.sources.get(node.span.file).slice(Span {
            start: node.action.span.start,
            end,
            ..node.span
        });
        collapse(text)
    }
}

/// What the clauses of a rule say.
#[derive(Default)]
struct Clauses {
    because: Option<SmolStr>,
    ticket: Option<SmolStr>,
    until: Option<crate::source::Spanned<time::Date>>,
    excused: Vec<model::Excuse>,
}

fn allows(action: ast::Action) -> bool {
    matches!(action, ast::Action::Allow | ast::Action::AllowAndLog)
}

fn denies(action: ast::Action) -> bool {
    matches!(action, ast::Action::Deny | ast::Action::DenyAndLog)
}

/// How much memory a clause stands for, roughly.
fn weight(clause: &Clause) -> usize {
    1 + clause.peers.pods.len()
        + clause.peers.names.len()
        + clause.peers.outside.v4.len()
        + clause.peers.outside.v6.len()
        + clause.subject.as_ref().map_or(0, Vec::len)
}

/// One blank for any number of blanks and comments.
fn collapse(text: &str) -> SmolStr {
    if !text.contains("//") && !text.contains(['\n', '\t', '\r']) && !text.contains("  ") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                out.push(c);
            }
            '\\' if quoted => {
                out.push(c);
                out.extend(chars.next());
            }
            '/' if !quoted && chars.peek() == Some(&'/') => {
                while chars.next().is_some_and(|c| c != '\n') {}
                out.push(' ');
            }
            c if c.is_whitespace() && !quoted => out.push(' '),
            c => out.push(c),
        }
        if out.ends_with("  ") && !quoted {
            out.pop();
        }
    }
    out.trim().into()
}
