//! Declarations.

use smol_str::format_smolstr;

use super::doc::Doc;
use super::{Writer, words};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{
    Address, Cluster, ClusterItem, FactValue, Item, ItemKind, Name, Namespace, NamespacePattern,
    Order, Otherwise, PortList, Service, Side, Team, Tier,
};

impl Writer<'_> {
    pub(super) fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Use(path) => self.push(format_smolstr!("use {}", words::path(path))),
            ItemKind::Cluster(cluster) => self.cluster(cluster, item.span),
            ItemKind::Tier(tier) => self.tier(tier, item.span),
            ItemKind::Default(default) => {
                self.push("default");
                self.body(&default.body);
            }
            ItemKind::Policy(policy) => {
                let staged = policy.staged.map_or("", |_| "staged ");
                self.push(format_smolstr!(
                    "{staged}policy {} in {}",
                    policy.name,
                    policy.tier
                ));
                self.orders(&policy.order);
                self.body(&policy.body);
            }
            ItemKind::Profile(profile) => {
                self.push(format_smolstr!("profile {}", profile.name));
                let end = profile.body.span.start;
                self.bracketed(
                    ("(", ")", end),
                    &profile.parameters,
                    |name| name.span.start,
                    |writer, name| writer.push(name.value.clone()),
                );
                self.body(&profile.body);
            }
            ItemKind::Team(team) => self.team(team, item.span),
            ItemKind::Namespace(namespace) => self.namespace(namespace, item.span),
            ItemKind::Network(network) => {
                self.push(format_smolstr!("network {} =", network.name));
                self.endpoints(&network.endpoints, 1);
            }
            ItemKind::Ports(ports) => {
                self.push(format_smolstr!("ports {} =", ports.name));
                self.ports_below(&ports.list);
            }
            ItemKind::Group(group) => {
                self.push(format_smolstr!("group {} =", group.name));
                self.endpoints(&group.endpoints, 1);
            }
            ItemKind::Service(service) => self.service(service),
            ItemKind::Test(test) => {
                self.push(format_smolstr!("test {}", words::quoted(&test.name.value)));
                self.checks(test, item.span);
            }
            ItemKind::Guard(test) => {
                self.push(format_smolstr!("guard {}", words::quoted(&test.name.value)));
                self.checks(test, item.span);
            }
            ItemKind::Raw(raw) => {
                self.push(format_smolstr!("raw {}", raw.backend));
                self.then(words::quoted(&raw.path.value));
                if raw.overlaps.is_some() {
                    self.then("overlaps");
                }
            }
        }
    }

    fn orders(&mut self, orders: &[Order]) {
        self.group(|writer| {
            writer.indent(2, |writer| {
                for order in orders {
                    writer.behind(order.span.start);
                    writer.out.push(Doc::Line);
                    writer.flush(order.span.start);
                    writer.push(match order.side {
                        Side::Before => "before ",
                        Side::After => "after ",
                    });
                    writer.group(|writer| {
                        writer.indent(1, |writer| {
                            writer.list(
                                &order.others,
                                |path| path.span.start,
                                |writer, path| writer.push(words::path(path)),
                            );
                        });
                    });
                }
            });
        });
    }

    fn cluster(&mut self, cluster: &Cluster, span: Span) {
        self.push(format_smolstr!("cluster {}", cluster.name));
        self.block_of(&cluster.items, span, |writer, items, first| {
            for item in items {
                match item {
                    ClusterItem::Declaration(item) => {
                        writer.lead(&item.doc, item.span, first);
                        writer.item(item);
                    }
                    ClusterItem::Fact(fact) => {
                        writer.lead(&[], fact.span, first);
                        writer.push(fact.name.value.clone());
                        writer.group(|writer| {
                            let several = fact.values.len() > 1;
                            writer.indent(1, |writer| {
                                writer
                                    .out
                                    .push(if several { Doc::Line } else { Doc::Space });
                                writer.list(&fact.values, start_of_value, |writer, value| {
                                    writer.push(match value {
                                        FactValue::Address(address) => words::address(address),
                                        FactValue::Word(word) => word.value.clone(),
                                    });
                                });
                            });
                        });
                    }
                }
            }
        });
    }

    fn tier(&mut self, tier: &Tier, span: Span) {
        self.push(format_smolstr!("tier {}", tier.name));
        let Some(otherwise) = &tier.otherwise else {
            // An empty block says what no block says, but there may be a comment in it.
            return self.flush(span.end);
        };
        self.short_block(otherwise.span.start, |writer| {
            writer.flush(otherwise.span.start);
            writer.push(match otherwise.value {
                Otherwise::Pass => "otherwise pass",
                Otherwise::Deny => "otherwise deny",
                Otherwise::DenyAndLog => "otherwise deny and log",
            });
            writer.flush(span.end.saturating_sub(1));
        });
    }

    fn team(&mut self, team: &Team, span: Span) {
        self.push(format_smolstr!("team {}", team.name));
        let mut clauses: Vec<(Span, Clause<'_>)> = Vec::new();
        if let Some(owner) = team.owners.first() {
            clauses.push((owner.span, Clause::Words("owners", " ", &team.owners)));
        }
        if let Some(folder) = &team.folder {
            clauses.push((folder.span, Clause::Folder(folder)));
        }
        if let Some(pattern) = team.namespaces.first() {
            clauses.push((pattern_span(pattern), Clause::Namespaces(&team.namespaces)));
        }
        if let Some(tier) = team.tiers.first() {
            clauses.push((tier.span, Clause::Words("tiers", ",", &team.tiers)));
        }
        if let Some(grant) = team.grants.first() {
            clauses.push((grant.span, Clause::Words("grants", ",", &team.grants)));
        }
        clauses.sort_by_key(|(span, _)| span.start);
        if !clauses.is_empty() && self.on_one_line(span) {
            self.short_block(span.end, |writer| {
                for (at, (_, clause)) in clauses.iter().enumerate() {
                    if at > 0 {
                        writer.out.push(Doc::Line);
                    }
                    writer.team_clause(clause);
                }
            });
        } else {
            self.block_of(&clauses, span, |writer, clauses, first| {
                for (span, clause) in clauses {
                    let word = match clause {
                        Clause::Words(word, ..) => word,
                        Clause::Folder(_) => "folder",
                        Clause::Namespaces(_) => "namespaces",
                    };
                    let span = writer.since_word(word, *span);
                    writer.lead(&[], span, first);
                    writer.team_clause(clause);
                }
            });
        }
    }

    fn team_clause(&mut self, clause: &Clause<'_>) {
        match clause {
            Clause::Words(word, separator, values) => {
                self.push(*word);
                self.group(|writer| {
                    writer.indent(1, |writer| {
                        for (at, value) in values.iter().enumerate() {
                            if at > 0 && *separator == "," {
                                writer.push(",");
                            }
                            writer.behind(value.span.start);
                            writer.out.push(if at > 0 { Doc::Line } else { Doc::Space });
                            writer.flush(value.span.start);
                            writer.push(value.value.clone());
                        }
                    });
                });
            }
            Clause::Folder(folder) => {
                self.push("folder");
                self.flush(folder.span.start);
                self.then(words::folder(&folder.value));
            }
            Clause::Namespaces(patterns) => {
                self.push("namespaces");
                self.group(|writer| {
                    writer.indent(1, |writer| {
                        writer.out.push(Doc::Space);
                        writer.list(
                            patterns,
                            |pattern| pattern_span(pattern).start,
                            |writer, pattern| match pattern {
                                NamespacePattern::Name(name) => {
                                    writer.push(words::namespace_prefix(&name.value));
                                }
                                NamespacePattern::Selected(selector) => writer.selector(selector),
                            },
                        );
                    });
                });
            }
        }
    }

    fn namespace(&mut self, namespace: &Namespace, span: Span) {
        self.push("namespace");
        self.then(words::declared_namespace(&namespace.name.value));
        self.out.push(Doc::Space);
        self.group(|writer| {
            writer.push("{");
            let first = namespace.labels.first();
            writer.behind(first.map_or(span.end, |(key, _)| key.span.start));
            writer.indent(1, |writer| {
                writer.out.push(Doc::Line);
                writer.list(
                    &namespace.labels,
                    |(key, _)| key.span.start,
                    |writer, (key, value)| {
                        writer.push(words::label_key(&key.value));
                        writer.push("=");
                        writer.push(words::label_value(value));
                    },
                );
                writer.flush(span.end.saturating_sub(1));
            });
            writer.out.push(Doc::Line);
            writer.push("}");
        });
    }

    fn service(&mut self, service: &Service) {
        self.push(format_smolstr!("service {} =", service.name));
        match &service.endpoints {
            None => self.ports_below(&service.ports),
            Some(endpoints) => {
                self.out.push(Doc::Space);
                self.port_list(&service.ports);
                self.then("on");
                self.endpoints(endpoints, 1);
            }
        }
    }

    /// A list of ports after `=`; several go below it if they do not fit.
    fn ports_below(&mut self, list: &PortList) {
        let several = list.items.len() > 1;
        self.group(|writer| {
            writer.indent(usize::from(several), |writer| {
                writer
                    .out
                    .push(if several { Doc::Line } else { Doc::Space });
                writer.list(&list.items, |item| item.span.start, Self::port_item);
            });
        });
    }
}

/// A clause of a team, as the tree has it: all of one kind together.
enum Clause<'t> {
    Words(&'static str, &'static str, &'t [Name]),
    Folder(&'t Spanned<smol_str::SmolStr>),
    Namespaces(&'t [NamespacePattern]),
}

fn pattern_span(pattern: &NamespacePattern) -> Span {
    match pattern {
        NamespacePattern::Name(name) => name.span,
        NamespacePattern::Selected(selector) => selector.span,
    }
}

fn start_of_value(value: &FactValue) -> u32 {
    match value {
        FactValue::Address(Address { span, .. }) => span.start,
        FactValue::Word(word) => word.span.start,
    }
}
