//! Endpoints, selectors and ports.

use smol_str::format_smolstr;

use super::doc::Doc;
use super::{Writer, words};
use crate::syntax::ast::{
    Endpoint, EndpointKind, Endpoints, IcmpFamily, IcmpMessage, Instead, LabelValue, Namespaces,
    NamespacesKind, Operator, Path, PortEntry, PortItem, PortKind, PortList, Requirement, Selector,
    Transport,
};

impl Writer<'_> {
    /// A list of endpoints after a word; several go below it, so many steps in, if they do not fit.
    pub(super) fn endpoints(&mut self, endpoints: &Endpoints, steps: usize) {
        let list = |writer: &mut Self| {
            writer.list(&endpoints.items, start_of_endpoint, Self::endpoint);
        };
        if endpoints.items.len() == 1 {
            let inner = self.collect(list);
            return self.out.push(Doc::Hang(steps, inner));
        }
        self.group(|writer| {
            writer.indent(steps, |writer| {
                writer.out.push(Doc::Line);
                list(writer);
            });
        });
    }

    pub(super) fn endpoint(&mut self, endpoint: &Endpoint) {
        match &endpoint.kind {
            EndpointKind::Pods {
                selector,
                namespaces,
            } => {
                self.push("pods");
                if let Some(selector) = selector {
                    self.selector(selector);
                }
                self.namespaces(namespaces);
            }
            EndpointKind::ServiceAccount { name, namespaces } => {
                self.push("serviceaccount");
                self.flush(name.span.start);
                self.then(words::account(&name.value));
                self.namespaces(namespaces);
            }
            EndpointKind::Address(address) => self.push(words::address(address)),
            EndpointKind::Nodes => self.push("nodes"),
            EndpointKind::ApiServer => self.push("apiserver"),
            EndpointKind::Outside => self.push("outside"),
            EndpointKind::Anywhere => self.push("anywhere"),
            EndpointKind::IngressProxy => self.push("ingress-proxy"),
            EndpointKind::Dns(name) => self.push(words::quoted(&name.value)),
            EndpointKind::Name { path, instead } => self.named(path, instead.as_deref()),
            EndpointKind::Union(endpoints) => self.bracketed(
                ("(", ")", endpoint.span.end),
                endpoints,
                start_of_endpoint,
                Self::endpoint,
            ),
        }
        for except in &endpoint.except {
            self.then("except");
            self.flush(except.span.start);
            self.out.push(Doc::Space);
            self.endpoint(except);
        }
    }

    fn namespaces(&mut self, namespaces: &Namespaces) {
        self.then("in");
        self.flush(namespaces.span.start);
        self.out.push(Doc::Space);
        match &namespaces.kind {
            NamespacesKind::Names(names) => match names.as_slice() {
                [one] => self.push(words::namespace(&one.value)),
                names => self.bracketed(
                    ("(", ")", namespaces.span.end),
                    names,
                    |name| name.span.start,
                    |writer, name| writer.push(words::namespace(&name.value)),
                ),
            },
            NamespacesKind::Selected(selector) => {
                self.push("namespaces");
                self.selector(selector);
            }
            NamespacesKind::All => self.push("*"),
            NamespacesKind::Same => self.push("same"),
        }
    }

    /// A name, and what stands in place of its selector and namespaces.
    fn named(&mut self, path: &Path, instead: Option<&Instead>) {
        self.push(words::path(path));
        let Some(instead) = instead else {
            return;
        };
        if let Some(selector) = &instead.selector {
            self.selector(selector);
        }
        if let Some(namespaces) = &instead.namespaces {
            self.namespaces(namespaces);
        }
    }

    pub(super) fn selector(&mut self, selector: &Selector) {
        self.bracketed(
            ("{", "}", selector.span.end),
            &selector.requirements,
            |requirement| requirement.span.start,
            Self::requirement,
        );
    }

    fn requirement(&mut self, requirement: &Requirement) {
        if requirement.operator == Operator::Absent {
            self.push("!");
        }
        self.push(words::label_key(&requirement.key.value));
        let start = |value: &LabelValue| value.span.start;
        let value = |writer: &mut Self, value: &LabelValue| writer.push(words::label_value(value));
        match requirement.operator {
            Operator::Exists | Operator::Absent => return,
            Operator::Equal => self.push("="),
            Operator::NotEqual => self.push("!="),
            Operator::In => self.then("in"),
            Operator::NotIn => self.then("not in"),
        }
        match requirement.operator {
            Operator::In | Operator::NotIn => {
                self.out.push(Doc::Space);
                self.bracketed(
                    ("(", ")", requirement.span.end),
                    &requirement.values,
                    start,
                    value,
                );
            }
            _ => self.list(&requirement.values, start, value),
        }
    }

    /// A list of ports that begins where the line stands.
    pub(super) fn port_list(&mut self, list: &PortList) {
        self.group(|writer| {
            writer.indent(2, |writer| {
                writer.list(&list.items, |item| item.span.start, Self::port_item);
            });
        });
    }

    pub(super) fn port_item(&mut self, item: &PortItem) {
        match &item.kind {
            PortKind::Transport { protocol, entries } => {
                self.push(match protocol {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                    Transport::Sctp => "sctp",
                });
                self.group(|writer| {
                    writer.indent(1, |writer| {
                        writer.out.push(Doc::Space);
                        writer.list(
                            entries,
                            |entry| entry.span.start,
                            |writer, entry| match &entry.value {
                                PortEntry::Range(first, last) if first == last => {
                                    writer.push(format_smolstr!("{first}"));
                                }
                                PortEntry::Range(first, last) => {
                                    writer.push(format_smolstr!("{first}-{last}"));
                                }
                                PortEntry::Named(name) => writer.push(words::quoted(name)),
                                PortEntry::All => writer.push("all"),
                            },
                        );
                    });
                });
            }
            PortKind::Icmp { family, message } => {
                self.push(match family {
                    IcmpFamily::V4 => "icmp",
                    IcmpFamily::V6 => "icmpv6",
                });
                match message {
                    IcmpMessage::All => {}
                    IcmpMessage::Named(name) => self.then(name.value.clone()),
                    IcmpMessage::Type { kind, code } => {
                        self.then(format_smolstr!("type {kind}"));
                        if let Some(code) = code {
                            self.then(format_smolstr!("code {code}"));
                        }
                    }
                }
            }
            PortKind::Protocol(number) => self.push(format_smolstr!("protocol {number}")),
            PortKind::All => self.push("all"),
            PortKind::Name { path, instead } => self.named(path, instead.as_deref()),
        }
    }
}

pub(super) fn start_of_endpoint(endpoint: &Endpoint) -> u32 {
    endpoint.span.start
}
