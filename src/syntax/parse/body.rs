//! Bodies, blocks, rules and clauses.

use super::recover::{CHECK, RULE, STATEMENT};
use super::{Before, Node, Reader, documentation};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{
    Action, Argument, Block, Body, Check, Clause, Direction, Endpoint, EndpointKind, Include, Peer,
    PortItem, PortKind, PortList, Rule as AstRule, Statement, Verb,
};
use crate::syntax::grammar::Rule;

impl Reader<'_> {
    pub(super) fn body(&mut self, node: Node<'_>) -> Option<Body> {
        let span = self.span(&node);
        let broken_before = std::mem::take(&mut self.broken);
        let mut statements = Vec::new();
        let mut before: Option<Before<()>> = None;
        for node in node.into_inner() {
            let place = self.span(&node);
            let statement = match node.as_rule() {
                Rule::for_statement => self.for_statement(node).map(Statement::For),
                Rule::include => self.include(node).map(Statement::Include),
                Rule::block => {
                    before = None;
                    statements.extend(self.block(node).map(Statement::Block));
                    continue;
                }
                Rule::broken_statement => {
                    if self.broken_part(&STATEMENT, place, before.take()) {
                        statements.pop();
                    }
                    continue;
                }
                Rule::unclosed => {
                    self.unclosed(span);
                    continue;
                }
                _ => continue,
            };
            before = Some(Before {
                span: place,
                value: statement.as_ref().map(|_| ()),
            });
            statements.extend(statement);
        }
        let whole = !self.broken;
        self.broken |= broken_before;
        Some(Body {
            statements,
            whole,
            span,
        })
    }

    fn for_statement(&mut self, node: Node<'_>) -> Option<crate::syntax::ast::Endpoints> {
        let endpoints = node.into_inner().nth(1)?;
        self.endpoints(endpoints)
    }

    fn include(&mut self, node: Node<'_>) -> Option<Include> {
        let span = self.span(&node);
        let mut inner = node.into_inner();
        let profile = inner.nth(1)?;
        let profile = self.path(profile)?;
        let arguments = self.each(inner, Rule::argument, Self::argument)?;
        Some(Include {
            profile,
            arguments,
            span,
        })
    }

    fn argument(&mut self, node: Node<'_>) -> Option<Argument> {
        let inner = node.into_inner().next()?;
        let span = self.span(&inner);
        match inner.as_rule() {
            Rule::argument_list => self.argument_list(inner),
            Rule::endpoint => Some(bare_name(self.endpoint(inner)?)),
            _ => {
                let items = vec![self.port_item(inner)?];
                Some(Argument::Ports(PortList { items, span }))
            }
        }
    }

    /// `(…)`: endpoints, unless something in it can only be ports.
    fn argument_list(&mut self, node: Node<'_>) -> Option<Argument> {
        let span = self.span(&node);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut ports: Vec<PortItem> = Vec::new();
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::left | Rule::comma | Rule::right => {}
                Rule::endpoint => match self.endpoint(node).map(bare_name) {
                    Some(Argument::Endpoint(endpoint)) => endpoints.push(endpoint),
                    // A name may be either; it is kept as ports as long as nothing else is an endpoint.
                    Some(Argument::Name(path)) => ports.push(self.ports_named(path)),
                    _ => whole = false,
                },
                _ => match self.port_item(node) {
                    Some(item) => ports.push(item),
                    None => whole = false,
                },
            }
        }
        if !whole {
            return None;
        }
        let is_name = |item: &PortItem| matches!(item.kind, PortKind::Name { .. });
        let only_ports = ports
            .iter()
            .find(|item| !is_name(item))
            .map(|item| item.span);
        match (only_ports, endpoints.first()) {
            (Some(_), None) => Some(Argument::Ports(PortList { items: ports, span })),
            (Some(ports), Some(endpoint)) => {
                self.report(
                    Diagnostic::error("mixed-argument", "an argument has both ports and endpoints")
                        .at(ports, "ports")
                        .and(endpoint.span, "an endpoint")
                        .help("give the profile one parameter for each"),
                );
                None
            }
            (None, _) => {
                let named = ports.into_iter().filter_map(|item| match item.kind {
                    PortKind::Name { path, .. } => Some(endpoint_named(path)),
                    _ => None,
                });
                endpoints.extend(named);
                endpoints.sort_by_key(|endpoint| endpoint.span.start);
                Some(Argument::Endpoint(Endpoint {
                    kind: EndpointKind::Union(endpoints),
                    except: Vec::new(),
                    span,
                }))
            }
        }
    }

    fn block(&mut self, node: Node<'_>) -> Option<Block> {
        let span = self.span(&node);
        let mut direction = None;
        let mut rules = Vec::new();
        let mut before: Option<Before<()>> = None;
        let mut brace = span;
        for node in node.into_inner() {
            let place = self.span(&node);
            match node.as_rule() {
                Rule::kw_ingress => direction = Some(Direction::Ingress),
                Rule::kw_egress => direction = Some(Direction::Egress),
                Rule::unknown_block => self.unknown_block(place),
                Rule::open => brace = place,
                Rule::rule => {
                    let rule = self.rule(node);
                    before = Some(Before {
                        span: place,
                        value: rule.as_ref().map(|_| ()),
                    });
                    rules.extend(rule);
                }
                Rule::broken_rule => {
                    let with_last = self.broken_part(&RULE, place, before.take());
                    if with_last {
                        rules.pop();
                    }
                }
                Rule::unclosed => self.unclosed(brace),
                _ => {}
            }
        }
        rules.shrink_to_fit();
        Some(Block {
            direction: direction?,
            rules,
            span,
        })
    }

    pub(super) fn rule(&mut self, node: Node<'_>) -> Option<AstRule> {
        let end = self.span(&node);
        let mut inner = node.into_inner();
        let doc = documentation(&mut inner);
        let first = inner.next()?;
        let span = self.span(&first).to(end_of(end));
        let action = self.action(first)?;
        let mut ports = None;
        let mut peer = None;
        let mut clauses = Vec::new();
        let mut whole = true;
        for node in inner {
            match node.as_rule() {
                Rule::port_list => ports = self.port_list(node),
                Rule::ports_missing => self.ports_missing(action.span),
                Rule::peer => {
                    peer = self.peer(node);
                    whole &= peer.is_some();
                }
                _ => match self.clause(node) {
                    Some(clause) => clauses.push(clause),
                    None => whole = false,
                },
            }
        }
        let ports = ports?;
        clauses.shrink_to_fit();
        whole.then_some(AstRule {
            doc,
            action,
            ports,
            peer,
            clauses,
            span,
        })
    }

    fn ports_missing(&mut self, action: Span) {
        let word = self.source.slice(action).to_owned();
        self.report(
            Diagnostic::error("missing-ports", format!("`{word}` without ports"))
                .at(action, "which ports?")
                .help("write the ports after it, as in `tcp 443`, or `all`"),
        );
    }

    fn action(&mut self, node: Node<'_>) -> Option<Spanned<Action>> {
        let span = self.span(&node);
        let inner = node.into_inner();
        let first = inner.peek()?.as_rule();
        let action = match (first, inner.count() > 1) {
            (Rule::kw_allow, false) => Action::Allow,
            (Rule::kw_allow, true) => Action::AllowAndLog,
            (Rule::kw_deny, false) => Action::Deny,
            (Rule::kw_deny, true) => Action::DenyAndLog,
            (Rule::kw_pass, _) => Action::Pass,
            _ => Action::Log,
        };
        Some(Spanned::new(action, span))
    }

    fn peer(&mut self, node: Node<'_>) -> Option<Peer> {
        let mut inner = node.into_inner();
        let word = inner.next()?;
        let direction = if word.as_rule() == Rule::kw_to {
            Direction::Egress
        } else {
            Direction::Ingress
        };
        let preposition = Spanned::new(direction, self.exact(&word));
        let endpoints = inner.next()?;
        Some(Peer {
            preposition,
            endpoints: self.endpoints(endpoints)?,
        })
    }

    fn clause(&mut self, node: Node<'_>) -> Option<Clause> {
        let which = node.as_rule();
        let mut inner = node.into_inner();
        let value = inner.nth(1)?;
        Some(match which {
            Rule::because => Clause::Because(self.string(value)?),
            Rule::ticket => Clause::Ticket(self.bare_or_quoted(value)?),
            Rule::until => Clause::Until(self.date(value)?),
            _ => {
                let lint = self.name(value)?;
                let because = inner.nth(1)?;
                Clause::Excuse {
                    lint,
                    because: self.string(because)?,
                }
            }
        })
    }

    /// The checks of a test or guard.
    pub(super) fn check_body(&mut self, node: Node<'_>) -> Option<Vec<Check>> {
        let span = self.span(&node);
        let mut checks = Vec::new();
        let mut before: Option<Before<()>> = None;
        for node in node.into_inner() {
            let place = self.span(&node);
            match node.as_rule() {
                Rule::check => {
                    let check = self.check(node);
                    before = Some(Before {
                        span: place,
                        value: check.as_ref().map(|_| ()),
                    });
                    checks.extend(check);
                }
                Rule::broken_check => {
                    let with_last = self.broken_part(&CHECK, place, before.take());
                    if with_last {
                        checks.pop();
                    }
                }
                Rule::unclosed => self.unclosed(span),
                _ => {}
            }
        }
        Some(checks)
    }

    fn check(&mut self, node: Node<'_>) -> Option<Check> {
        let span = self.span(&node);
        let mut verb = None;
        let mut ends = Vec::new();
        let mut ports = None;
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::kw_can => verb = Some(Spanned::new(Verb::Can, self.exact(&node))),
                Rule::kw_cannot => verb = Some(Spanned::new(Verb::Cannot, self.exact(&node))),
                Rule::kw_every => {
                    let every = self.exact(&node);
                    verb = verb.map(|can| Spanned::new(Verb::CanEvery, can.span.to(every)));
                }
                Rule::endpoints => match self.endpoints(node) {
                    Some(endpoints) => ends.push(endpoints),
                    None => whole = false,
                },
                Rule::port_list => {
                    ports = self.port_list(node);
                    whole &= ports.is_some();
                }
                _ => {}
            }
        }
        let mut ends = ends.into_iter();
        let (from, to) = (ends.next()?, ends.next()?);
        whole.then_some(Check {
            verb: verb?,
            from,
            to,
            ports,
            span,
        })
    }
}

/// An argument that is only a name may be anything; its use decides.
fn bare_name(endpoint: Endpoint) -> Argument {
    match endpoint.kind {
        EndpointKind::Name {
            path,
            instead: None,
        } if endpoint.except.is_empty() => Argument::Name(path),
        kind => Argument::Endpoint(Endpoint { kind, ..endpoint }),
    }
}

fn endpoint_named(path: crate::syntax::ast::Path) -> Endpoint {
    let span = path.span;
    Endpoint {
        kind: EndpointKind::Name {
            path,
            instead: None,
        },
        except: Vec::new(),
        span,
    }
}

fn end_of(span: Span) -> Span {
    Span {
        start: span.end,
        ..span
    }
}
