//! The tree as text, for people and snapshots.

use std::fmt::Write;

use crate::syntax::ast::{
    Action, Argument, Block, Body, Check, Clause, ClusterItem, Direction, Endpoint, EndpointKind,
    Endpoints, FactValue, File, IcmpFamily, IcmpMessage, Instead, Item, ItemKind, LabelValue, Name,
    NamespacePattern, Namespaces, NamespacesKind, Operator, Otherwise, Path, PortEntry, PortItem,
    PortKind, PortList, Requirement, Rule, Selector, Side, Statement, Test, Transport, Verb,
};

/// The tree of a file: one node a line, what belongs to it indented by two blanks below it; without places. Two files have the same
/// dump iff their trees differ in places only.
pub fn dump(file: &File) -> String {
    let mut dump = Dump {
        text: String::new(),
        depth: 0,
    };
    for item in &file.items {
        dump.item(item);
    }
    dump.text
}

struct Dump {
    text: String,
    depth: usize,
}

impl Dump {
    fn line(&mut self, line: impl AsRef<str>) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn under(&mut self, line: impl AsRef<str>, inner: impl FnOnce(&mut Self)) {
        self.line(line);
        self.depth += 1;
        inner(self);
        self.depth -= 1;
    }

    fn doc(&mut self, doc: &[smol_str::SmolStr]) {
        for line in doc {
            self.line(format!("doc {}", quoted(line)));
        }
    }

    fn item(&mut self, item: &Item) {
        self.doc(&item.doc);
        match &item.kind {
            ItemKind::Use(used) => self.line(format!("use {}", path(used))),
            ItemKind::Cluster(cluster) => {
                self.under(format!("cluster {}", cluster.name), |dump| {
                    for item in &cluster.items {
                        match item {
                            ClusterItem::Declaration(item) => dump.item(item),
                            ClusterItem::Fact(fact) => {
                                let mut line = format!("fact {}", fact.name);
                                for value in &fact.values {
                                    line.push(' ');
                                    match value {
                                        FactValue::Address(address) => {
                                            line.push_str(&shown_address(address));
                                        }
                                        FactValue::Word(word) => line.push_str(&word.value),
                                    }
                                }
                                dump.line(line);
                            }
                        }
                    }
                });
            }
            ItemKind::Tier(tier) => {
                let otherwise = match tier.otherwise.as_ref().map(|otherwise| otherwise.value) {
                    None => "",
                    Some(Otherwise::Pass) => " otherwise pass",
                    Some(Otherwise::Deny) => " otherwise deny",
                    Some(Otherwise::DenyAndLog) => " otherwise deny and log",
                };
                self.line(format!("tier {}{otherwise}", tier.name));
            }
            ItemKind::Default(default) => {
                self.under("default", |dump| dump.body(&default.body));
            }
            ItemKind::Policy(policy) => {
                let staged = policy.staged.map_or("", |_| "staged ");
                let head = format!("{staged}policy {} in {}", policy.name, policy.tier);
                self.under(head, |dump| {
                    for order in &policy.order {
                        let side = match order.side {
                            Side::Before => "before",
                            Side::After => "after",
                        };
                        dump.line(format!("{side} {}", paths(&order.others)));
                    }
                    dump.body(&policy.body);
                });
            }
            ItemKind::Profile(profile) => {
                let parameters = names(&profile.parameters);
                self.under(format!("profile {} ({parameters})", profile.name), |dump| {
                    dump.body(&profile.body);
                });
            }
            ItemKind::Team(team) => self.under(format!("team {}", team.name), |dump| {
                for owner in &team.owners {
                    dump.line(format!("owner {owner}"));
                }
                if let Some(folder) = &team.folder {
                    dump.line(format!("folder {}", quoted(&folder.value)));
                }
                for pattern in &team.namespaces {
                    match pattern {
                        NamespacePattern::Name(name) => {
                            dump.line(format!("namespaces {}", quoted(&name.value)));
                        }
                        NamespacePattern::Selected(selector) => {
                            dump.under("namespaces", |dump| dump.selector(selector));
                        }
                    }
                }
                for tier in &team.tiers {
                    dump.line(format!("tier {tier}"));
                }
                for grant in &team.grants {
                    dump.line(format!("grant {grant}"));
                }
            }),
            ItemKind::Namespace(namespace) => {
                let head = format!("namespace {}", quoted(&namespace.name.value));
                self.under(head, |dump| {
                    for (key, value) in &namespace.labels {
                        dump.line(format!("label {} = {}", quoted(&key.value), shown(value)));
                    }
                });
            }
            ItemKind::Network(network) => {
                self.under(format!("network {}", network.name), |dump| {
                    dump.endpoints(&network.endpoints);
                });
            }
            ItemKind::Ports(ports) => {
                self.under(format!("ports {}", ports.name), |dump| {
                    dump.port_list(&ports.list);
                });
            }
            ItemKind::Group(group) => self.under(format!("group {}", group.name), |dump| {
                dump.endpoints(&group.endpoints);
            }),
            ItemKind::Service(service) => {
                self.under(format!("service {}", service.name), |dump| {
                    dump.port_list(&service.ports);
                    if let Some(endpoints) = &service.endpoints {
                        dump.under("on", |dump| dump.endpoints(endpoints));
                    }
                });
            }
            ItemKind::Test(test) => self.test("test", test),
            ItemKind::Guard(test) => self.test("guard", test),
            ItemKind::Raw(raw) => {
                let overlaps = raw.overlaps.map_or("", |_| " overlaps");
                let path = quoted(&raw.path.value);
                self.line(format!("raw {} {path}{overlaps}", raw.backend));
            }
        }
    }

    fn test(&mut self, word: &str, test: &Test) {
        self.under(format!("{word} {}", quoted(&test.name.value)), |dump| {
            for check in &test.checks {
                dump.check(check);
            }
        });
    }

    fn check(&mut self, check: &Check) {
        let verb = match check.verb.value {
            Verb::Can => "can",
            Verb::CanEvery => "can every",
            Verb::Cannot => "cannot",
        };
        self.under(verb, |dump| {
            dump.under("from", |dump| dump.endpoints(&check.from));
            dump.under("to", |dump| dump.endpoints(&check.to));
            if let Some(ports) = &check.ports {
                dump.under("on", |dump| dump.port_list(ports));
            }
        });
    }

    fn body(&mut self, body: &Body) {
        for statement in &body.statements {
            match statement {
                Statement::For(endpoints) => self.under("for", |dump| dump.endpoints(endpoints)),
                Statement::Block(block) => self.block(block),
                Statement::Include(include) => {
                    self.under(format!("include {}", path(&include.profile)), |dump| {
                        for argument in &include.arguments {
                            match argument {
                                Argument::Name(name) => {
                                    dump.line(format!("argument {}", path(name)));
                                }
                                Argument::Endpoint(endpoint) => {
                                    dump.under("argument", |dump| dump.endpoint(endpoint));
                                }
                                Argument::Ports(ports) => {
                                    dump.under("argument", |dump| dump.port_list(ports));
                                }
                            }
                        }
                    });
                }
            }
        }
    }

    fn block(&mut self, block: &Block) {
        let direction = match block.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        self.under(direction, |dump| {
            for rule in &block.rules {
                dump.rule(rule);
            }
        });
    }

    fn rule(&mut self, rule: &Rule) {
        self.doc(&rule.doc);
        let action = match rule.action.value {
            Action::Allow => "allow",
            Action::AllowAndLog => "allow and log",
            Action::Deny => "deny",
            Action::DenyAndLog => "deny and log",
            Action::Pass => "pass",
            Action::Log => "log",
        };
        self.under(action, |dump| {
            dump.port_list(&rule.ports);
            if let Some(peer) = &rule.peer {
                let word = match peer.preposition.value {
                    Direction::Egress => "to",
                    Direction::Ingress => "from",
                };
                dump.under(word, |dump| dump.endpoints(&peer.endpoints));
            }
            for clause in &rule.clauses {
                dump.line(match clause {
                    Clause::Because(why) => format!("because {}", quoted(&why.value)),
                    Clause::Ticket(ticket) => format!("ticket {}", quoted(&ticket.value)),
                    Clause::Until(date) => format!("until {date}"),
                    Clause::Excuse { lint, because } => {
                        format!("excuse {lint} because {}", quoted(&because.value))
                    }
                });
            }
        });
    }

    fn endpoints(&mut self, endpoints: &Endpoints) {
        for endpoint in &endpoints.items {
            self.endpoint(endpoint);
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        match &endpoint.kind {
            EndpointKind::Pods {
                selector,
                namespaces,
            } => self.under("pods", |dump| {
                dump.optional(selector.as_ref());
                dump.namespaces(namespaces);
            }),
            EndpointKind::ServiceAccount { name, namespaces } => {
                self.under(format!("serviceaccount {}", quoted(&name.value)), |dump| {
                    dump.namespaces(namespaces);
                });
            }
            EndpointKind::Address(address) => {
                self.line(format!("address {}", shown_address(address)));
            }
            EndpointKind::Nodes => self.line("nodes"),
            EndpointKind::ApiServer => self.line("apiserver"),
            EndpointKind::Outside => self.line("outside"),
            EndpointKind::Anywhere => self.line("anywhere"),
            EndpointKind::IngressProxy => self.line("ingress-proxy"),
            EndpointKind::Dns(name) => self.line(format!("dns {}", quoted(&name.value))),
            EndpointKind::Name {
                path: name,
                instead,
            } => self.under(format!("name {}", path(name)), |dump| {
                dump.instead(instead.as_deref());
            }),
            EndpointKind::Union(endpoints) => self.under("union", |dump| {
                for endpoint in endpoints {
                    dump.endpoint(endpoint);
                }
            }),
        }
        for except in &endpoint.except {
            self.under("except", |dump| dump.endpoint(except));
        }
    }

    fn instead(&mut self, instead: Option<&Instead>) {
        let Some(instead) = instead else {
            return;
        };
        self.optional(instead.selector.as_ref());
        if let Some(namespaces) = &instead.namespaces {
            self.namespaces(namespaces);
        }
    }

    fn optional(&mut self, selector: Option<&Selector>) {
        if let Some(selector) = selector {
            self.selector(selector);
        }
    }

    fn selector(&mut self, selector: &Selector) {
        if selector.requirements.is_empty() {
            self.line("label any");
        }
        for requirement in &selector.requirements {
            self.requirement(requirement);
        }
    }

    fn requirement(&mut self, requirement: &Requirement) {
        let key = quoted(&requirement.key.value);
        let operator = match requirement.operator {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::In => "in",
            Operator::NotIn => "not in",
            Operator::Exists => "exists",
            Operator::Absent => "absent",
        };
        let mut line = format!("label {key} {operator}");
        for value in &requirement.values {
            write!(line, " {}", shown(value)).expect("a string can be written");
        }
        self.line(line);
    }

    fn namespaces(&mut self, namespaces: &Namespaces) {
        match &namespaces.kind {
            NamespacesKind::Names(names) => {
                let names: Vec<String> = names.iter().map(|name| quoted(&name.value)).collect();
                self.line(format!("in {}", names.join(" ")));
            }
            NamespacesKind::Selected(selector) => {
                self.under("in namespaces", |dump| dump.selector(selector));
            }
            NamespacesKind::All => self.line("in all namespaces"),
            NamespacesKind::Same => self.line("in the same namespace"),
        }
    }

    fn port_list(&mut self, list: &PortList) {
        for item in &list.items {
            self.port_item(item);
        }
    }

    fn port_item(&mut self, item: &PortItem) {
        let line = match &item.kind {
            PortKind::Transport { protocol, entries } => {
                let mut line = String::from(match protocol {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                    Transport::Sctp => "sctp",
                });
                for entry in entries {
                    line.push(' ');
                    match &entry.value {
                        PortEntry::Range(first, last) if first == last => {
                            line.push_str(&first.to_string());
                        }
                        PortEntry::Range(first, last) => line.push_str(&format!("{first}-{last}")),
                        PortEntry::Named(name) => line.push_str(&quoted(name)),
                        PortEntry::All => line.push_str("all"),
                    }
                }
                line
            }
            PortKind::Icmp { family, message } => {
                let mut line = String::from(match family {
                    IcmpFamily::V4 => "icmp",
                    IcmpFamily::V6 => "icmpv6",
                });
                match message {
                    IcmpMessage::All => line.push_str(" all"),
                    IcmpMessage::Named(name) => line.push_str(&format!(" {name}")),
                    IcmpMessage::Type { kind, code } => {
                        line.push_str(&format!(" type {kind}"));
                        if let Some(code) = code {
                            line.push_str(&format!(" code {code}"));
                        }
                    }
                }
                line
            }
            PortKind::Protocol(number) => format!("protocol {number}"),
            PortKind::All => "all".into(),
            PortKind::Name {
                path: name,
                instead,
            } => {
                self.under(format!("ports {}", path(name)), |dump| {
                    dump.instead(instead.as_deref());
                });
                return;
            }
        };
        self.line(line);
    }
}

fn path(path: &Path) -> String {
    let segments: Vec<&str> = path
        .segments
        .iter()
        .map(|segment| segment.value.as_str())
        .collect();
    segments.join(".")
}

fn paths(all: &[Path]) -> String {
    all.iter().map(path).collect::<Vec<_>>().join(" ")
}

fn names(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    names.join(" ")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The bare word `same` may mean the subject's value, so that bare and quoted values are told apart.
fn shown(value: &LabelValue) -> String {
    if value.quoted || value.text != "same" {
        quoted(&value.text)
    } else {
        value.text.to_string()
    }
}

fn shown_address(address: &crate::syntax::ast::Address) -> String {
    match address.prefix {
        Some(prefix) => format!("{}/{prefix}", address.address),
        None => address.address.to_string(),
    }
}
