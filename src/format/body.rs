//! Bodies, blocks, rules and checks.

use super::doc::Doc;
use super::{Writer, words};
use crate::source::Span;
use crate::syntax::ast::{
    Action, Argument, Block, Body, Check, Clause, Direction, Include, Rule, Statement, Test, Verb,
};
use smol_str::format_smolstr;

impl Writer<'_> {
    /// ` { … }` with one line for each statement.
    pub(super) fn body(&mut self, body: &Body) {
        self.block_of(&body.statements, body.span, |writer, statements, first| {
            for statement in statements {
                let span = match statement {
                    Statement::For(endpoints) => writer.since_word("for", endpoints.span),
                    Statement::Block(block) => block.span,
                    Statement::Include(include) => include.span,
                };
                writer.lead(&[], span, first);
                match statement {
                    Statement::For(endpoints) => {
                        writer.push("for");
                        writer.endpoints(endpoints, 1);
                    }
                    Statement::Block(block) => writer.block(block),
                    Statement::Include(include) => writer.include(include),
                }
            }
        });
    }

    /// ` { … }` around lines; empty, it stays on the line.
    pub(super) fn block_of<T>(
        &mut self,
        entries: &[T],
        span: Span,
        lines: impl FnOnce(&mut Self, &[T], &mut bool),
    ) {
        self.then("{");
        let end = span.end.saturating_sub(1);
        self.indent(1, |writer| {
            let mut first = true;
            lines(writer, entries, &mut first);
            writer.finish(end, &mut first);
        });
        let nothing = matches!(self.out.last(), Some(Doc::Indent(_, inner)) if inner.is_empty());
        self.out.push(if nothing { Doc::Space } else { Doc::Hard });
        self.push("}");
    }

    fn block(&mut self, block: &Block) {
        self.push(match block.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        });
        match block.rules.as_slice() {
            [rule] if rule.doc.is_empty() && self.on_one_line(block.span) => {
                self.short_block(rule.span.start, |writer| writer.rule(rule));
            }
            rules => self.block_of(rules, block.span, |writer, rules, first| {
                for rule in rules {
                    writer.lead(&rule.doc, rule.span, first);
                    writer.rule(rule);
                }
            }),
        }
    }

    /// ` { … }` around one thing that begins at `start`; it stays on the line if it fits.
    pub(super) fn short_block(&mut self, start: u32, inner: impl FnOnce(&mut Self)) {
        self.out.push(Doc::Space);
        self.group(|writer| {
            writer.push("{");
            writer.behind(start);
            writer.indent(1, |writer| {
                writer.out.push(Doc::Line);
                inner(writer);
            });
            writer.out.push(Doc::Line);
            writer.push("}");
        });
    }

    /// The head on one line if it fits; the clauses behind it, or together on the next line, or one a line.
    fn rule(&mut self, rule: &Rule) {
        self.group(|writer| {
            writer.push(match rule.action.value {
                Action::Allow => "allow",
                Action::AllowAndLog => "allow and log",
                Action::Deny => "deny",
                Action::DenyAndLog => "deny and log",
                Action::Pass => "pass",
                Action::Log => "log",
            });
            writer.out.push(Doc::Space);
            writer.port_list(&rule.ports);
            if let Some(peer) = &rule.peer {
                let start = peer.preposition.span.start;
                writer.indent(2, |writer| writer.flush(start));
                writer.then(match peer.preposition.value {
                    Direction::Egress => "to",
                    Direction::Ingress => "from",
                });
                writer.endpoints(&peer.endpoints, 2);
            }
            if let Some(clause) = rule.clauses.first() {
                writer.behind(start_of_clause(clause));
                writer.indent(1, |writer| {
                    writer.out.push(Doc::Line);
                    writer.group(|writer| {
                        for (at, clause) in rule.clauses.iter().enumerate() {
                            let start = start_of_clause(clause);
                            if at > 0 {
                                writer.behind(start);
                                writer.out.push(Doc::Line);
                            }
                            writer.flush(start);
                            writer.clause(clause);
                        }
                    });
                });
            }
        });
    }

    fn clause(&mut self, clause: &Clause) {
        match clause {
            Clause::Because(why) => {
                self.push("because");
                self.then(words::quoted(&why.value));
            }
            Clause::Ticket(ticket) => {
                self.push("ticket");
                self.then(words::ticket(&ticket.value));
            }
            Clause::Until(date) => self.push(format_smolstr!("until {date}")),
            Clause::Excuse { lint, because } => {
                self.push(format_smolstr!("excuse {lint} because"));
                self.then(words::quoted(&because.value));
            }
        }
    }

    fn include(&mut self, include: &Include) {
        self.push(format_smolstr!("include {}", words::path(&include.profile)));
        self.bracketed(
            ("(", ")", include.span.end),
            &include.arguments,
            |argument| match argument {
                Argument::Endpoint(endpoint) => endpoint.span.start,
                Argument::Ports(ports) => ports.span.start,
                Argument::Name(path) => path.span.start,
            },
            |writer, argument| match argument {
                Argument::Endpoint(endpoint) => writer.endpoint(endpoint),
                Argument::Name(path) => writer.push(words::path(path)),
                Argument::Ports(ports) => match ports.items.as_slice() {
                    [one] if !writer.in_parentheses(ports.span) => writer.port_item(one),
                    items => writer.bracketed(
                        ("(", ")", ports.span.end),
                        items,
                        |item| item.span.start,
                        Self::port_item,
                    ),
                },
            },
        );
    }

    fn in_parentheses(&self, span: Span) -> bool {
        self.text[span.range()].starts_with('(')
    }

    /// What follows the name of a test or guard.
    pub(super) fn checks(&mut self, test: &Test, item: Span) {
        match test.checks.as_slice() {
            [check] if self.on_one_line(item) => {
                self.short_block(check.span.start, |writer| writer.check(check));
            }
            checks => self.block_of(checks, item, |writer, checks, first| {
                for check in checks {
                    writer.lead(&[], check.span, first);
                    writer.check(check);
                }
            }),
        }
    }

    fn check(&mut self, check: &Check) {
        self.group(|writer| {
            writer.push(match check.verb.value {
                Verb::Can => "can",
                Verb::CanEvery => "can every",
                Verb::Cannot => "cannot",
            });
            writer.endpoints(&check.from, 2);
            writer.behind(check.to.span.start);
            writer.indent(1, |writer| {
                writer.out.push(Doc::Line);
                writer.push("->");
                writer.endpoints(&check.to, 1);
                if let Some(ports) = &check.ports {
                    writer.behind(ports.span.start);
                    writer.out.push(Doc::Line);
                    writer.push("on");
                    writer.out.push(Doc::Space);
                    writer.port_list(ports);
                }
            });
        });
    }
}

/// Where the value of a clause begins.
fn start_of_clause(clause: &Clause) -> u32 {
    match clause {
        Clause::Because(value) | Clause::Ticket(value) => value.span.start,
        Clause::Until(date) => date.span.start,
        Clause::Excuse { lint, .. } => lint.span.start,
    }
}
