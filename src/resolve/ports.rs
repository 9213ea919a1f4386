//! Ports, protocols and ICMP messages.

use smol_str::SmolStr;

use super::items::{Argument, Service, Value};
use super::replaced::Written;
use super::scope::{Found, Scope, Wanted, dotted};
use super::{Cx, LONGEST, errors};
use crate::source::{Span, Spanned};
use crate::space::{PortSet, Ranges, Transport};
use crate::syntax::ast;
use std::rc::Rc;

/// Names of ICMP messages: word, type, code (all of them if absent). IANA's registry, in the words of iptables and Cilium.
const ICMP: [(&str, u8, Option<u8>); 16] = [
    ("echo-reply", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("echo-request", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("parameter-problem", 12, None),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
];

/// Names of ICMPv6 messages.
const ICMPV6: [(&str, u8, Option<u8>); 16] = [
    ("destination-unreachable", 1, None),
    ("no-route", 1, Some(0)),
    ("port-unreachable", 1, Some(4)),
    ("packet-too-big", 2, None),
    ("time-exceeded", 3, None),
    ("parameter-problem", 4, None),
    ("echo-request", 128, None),
    ("echo-reply", 129, None),
    ("multicast-listener-query", 130, None),
    ("multicast-listener-report", 131, None),
    ("multicast-listener-done", 132, None),
    ("router-solicitation", 133, None),
    ("router-advertisement", 134, None),
    ("neighbor-solicitation", 135, None),
    ("neighbor-advertisement", 136, None),
    ("redirect", 137, None),
];

/// What stands in the place of ports.
pub(super) enum Traffic {
    /// Ports; the peer stands beside them.
    Ports(PortSet),
    /// Services: each has its own ends and ports.
    Services(Vec<Rc<Service>>),
    /// A parameter of a profile that nobody includes.
    Unknown,
}

impl Cx<'_> {
    /// A list that may name services.
    pub(super) fn traffic(&mut self, scope: Scope<'_>, list: &ast::PortList) -> Option<Traffic> {
        if list.items.len() > LONGEST {
            self.report(errors::too_many_terms(list.span));
            return None;
        }
        let mut good = true;
        let mut ports = PortSet::empty();
        let mut services = Vec::new();
        let (mut first_ports, mut first_service) = (None, None);
        let mut unknown = false;
        for item in &list.items {
            let ast::PortKind::Name { path, instead } = &item.kind else {
                match self.port_item(&item.kind, item.span) {
                    Some(some) => ports = ports.union(&some),
                    None => good = false,
                }
                first_ports = first_ports.or(Some(item.span));
                continue;
            };
            let written = Written::of(instead);
            match self.port_name(scope, path, written, Wanted::Traffic) {
                Some(Argument::Ports(some)) => {
                    ports = ports.union(&some);
                    first_ports = first_ports.or(Some(item.span));
                }
                Some(Argument::Service(service)) => {
                    services.push(service);
                    first_service = first_service.or(Some(item.span));
                }
                Some(_) => unknown = true,
                None => good = false,
            }
        }
        if let (Some(ports), Some(service)) = (first_ports, first_service) {
            self.report(errors::mixed_services_and_ports(service, ports));
            return None;
        }
        if !good {
            return None;
        }
        Some(match (unknown, first_service) {
            (true, _) => Traffic::Unknown,
            (_, Some(_)) => Traffic::Services(services),
            _ => Traffic::Ports(ports),
        })
    }

    /// A list of ports without services.
    pub(super) fn ports(&mut self, scope: Scope<'_>, list: &ast::PortList) -> Option<PortSet> {
        if list.items.len() > LONGEST {
            self.report(errors::too_many_terms(list.span));
            return None;
        }
        let mut all = Some(PortSet::empty());
        for item in &list.items {
            let one = match &item.kind {
                ast::PortKind::Name { path, instead } => {
                    match self.port_name(scope, path, Written::of(instead), Wanted::Ports) {
                        Some(Argument::Ports(ports)) => Some((*ports).clone()),
                        Some(Argument::Service(service)) => {
                            self.report(errors::wrong_kind(
                                &dotted(path),
                                path.span,
                                "service",
                                "ports",
                                service.span,
                            ));
                            None
                        }
                        Some(_) => Some(PortSet::empty()),
                        None => None,
                    }
                }
                kind => self.port_item(kind, item.span),
            };
            all = all.zip(one).map(|(all, one)| all.union(&one));
        }
        all
    }

    /// A name in the place of ports: [`Argument::Ports`], [`Argument::Service`], or [`Argument::Unknown`].
    pub(super) fn port_name(
        &mut self,
        scope: Scope<'_>,
        path: &ast::Path,
        written: Written<'_>,
        wanted: Wanted,
    ) -> Option<Argument> {
        if self.is_silent(scope.module, path) {
            return None;
        }
        let id = match self.look_up(scope, path, wanted)? {
            Found::Parameter(Argument::Ends(ends)) => {
                self.report(errors::wrong_kind(
                    &dotted(path),
                    path.span,
                    "endpoint",
                    wanted.words(),
                    ends.span,
                ));
                return None;
            }
            Found::Parameter(argument) => {
                self.replaced(scope.module, path, written, (false, false))?;
                return Some(argument);
            }
            Found::Item(id) => id,
        };
        let item = self.item(id);
        let std = self.modules[item.module.0 as usize].is_std();
        if !Wanted::Traffic.takes(&item.node) {
            let (word, span) = (item.node.word(), item.span);
            self.report(errors::wrong_kind(
                &dotted(path),
                path.span,
                word,
                wanted.words(),
                span,
            ));
            return None;
        }
        let foreign = self.foreign(scope.module, id, path.span)?;
        match self.value(id, path.span)? {
            Value::Ports(ports) => {
                self.replaced(scope.module, path, written, (std, false))?;
                Some(Argument::Ports(ports))
            }
            Value::Service(service) => {
                let service = self.replaced_service(scope.module, path, written, (std, service))?;
                Some(Argument::Service(match foreign {
                    None => service,
                    Some(foreign) => {
                        let mut marked = (*service).clone();
                        marked.foreign.push(foreign);
                        Rc::new(marked)
                    }
                }))
            }
            _ => None,
        }
    }

    fn port_item(&mut self, kind: &ast::PortKind, span: Span) -> Option<PortSet> {
        match kind {
            ast::PortKind::Transport { protocol, entries } => {
                let transport = match protocol {
                    ast::Transport::Tcp => Transport::Tcp,
                    ast::Transport::Udp => Transport::Udp,
                    ast::Transport::Sctp => Transport::Sctp,
                };
                if entries.len() > LONGEST {
                    self.report(errors::too_many_terms(span));
                    return None;
                }
                let mut ranges = Vec::with_capacity(entries.len());
                let mut set = PortSet::empty();
                let mut good = true;
                for entry in entries {
                    match &entry.value {
                        ast::PortEntry::All => ranges.push((1, u16::MAX)),
                        ast::PortEntry::Named(name) => match self.port_word(name, entry.span) {
                            Some(()) => {
                                set.named.insert((transport, name.clone()));
                            }
                            None => good = false,
                        },
                        ast::PortEntry::Range(low, high) => {
                            match self.port_range(*low, *high, entry.span) {
                                Some(range) => ranges.push(range),
                                None => good = false,
                            }
                        }
                    }
                }
                *set.transport_mut(transport) = ranges.into_iter().collect();
                // The union drops names that all ports cover.
                good.then(|| set.union(&PortSet::empty()))
            }
            ast::PortKind::Icmp { family, message } => self.icmp(*family, message),
            ast::PortKind::Protocol(number) => self.protocol(number),
            ast::PortKind::All => Some(PortSet::all()),
            ast::PortKind::Name { .. } => None,
        }
    }

    fn port_range(&mut self, low: u32, high: u32, span: Span) -> Option<(u16, u16)> {
        let port = |number: u32| u16::try_from(number).ok().filter(|port| *port > 0);
        for number in [low, high] {
            if port(number).is_none() {
                self.report(errors::bad_port(number, span));
                return None;
            }
        }
        if high < low {
            self.report(errors::empty_port_range(low, high, span));
            return None;
        }
        port(low).zip(port(high))
    }

    /// IANA's service names, which Kubernetes takes for the names of ports.
    fn port_word(&mut self, name: &str, span: Span) -> Option<()> {
        let letter = |c: char| c.is_ascii_lowercase();
        let fault = if name.len() > 15 {
            "it is longer than 15 characters"
        } else if !name
            .chars()
            .all(|c| letter(c) || c.is_ascii_digit() || c == '-')
        {
            "it has other characters than `a-z`, `0-9` and `-`"
        } else if !name.contains(letter) {
            "it has no letter"
        } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
            "a hyphen stands between two letters or digits"
        } else {
            return Some(());
        };
        self.report(errors::bad_port_name(name, span, fault));
        None
    }

    fn icmp(&mut self, family: ast::IcmpFamily, message: &ast::IcmpMessage) -> Option<PortSet> {
        let range = match message {
            ast::IcmpMessage::All => Ranges::full(),
            ast::IcmpMessage::Named(name) => {
                let known = match family {
                    ast::IcmpFamily::V4 => &ICMP,
                    ast::IcmpFamily::V6 => &ICMPV6,
                };
                let Some((_, kind, code)) = known.iter().find(|(word, ..)| *word == name.value)
                else {
                    let near = self.nearest(&name.value, known.iter().map(|(word, ..)| *word));
                    self.report(errors::unknown_icmp_message(
                        &name.value,
                        name.span,
                        near.as_deref(),
                    ));
                    return None;
                };
                messages(*kind, *code)
            }
            ast::IcmpMessage::Type { kind, code } => {
                let number = |cx: &mut Self, number: &Spanned<u32>| {
                    let small = u8::try_from(number.value).ok();
                    if small.is_none() {
                        cx.report(errors::bad_icmp_number(number.value, number.span));
                    }
                    small
                };
                let kind = number(self, kind)?;
                let code = match code {
                    Some(code) => Some(number(self, code)?),
                    None => None,
                };
                messages(kind, code)
            }
        };
        let mut set = PortSet::empty();
        match family {
            ast::IcmpFamily::V4 => set.icmp = range,
            ast::IcmpFamily::V6 => set.icmpv6 = range,
        }
        Some(set)
    }

    fn protocol(&mut self, number: &Spanned<u32>) -> Option<PortSet> {
        let Ok(small) = u8::try_from(number.value) else {
            self.report(errors::bad_protocol_number(number.value, number.span));
            return None;
        };
        let mut set = PortSet::empty();
        match small {
            6 => set.tcp = Ranges::of(1, u16::MAX),
            17 => set.udp = Ranges::of(1, u16::MAX),
            132 => set.sctp = Ranges::of(1, u16::MAX),
            1 => set.icmp = Ranges::full(),
            58 => set.icmpv6 = Ranges::full(),
            other => set.other = Ranges::of(other, other),
        }
        Some(set)
    }
}

fn messages(kind: u8, code: Option<u8>) -> Ranges<u16> {
    let base = u16::from(kind) << 8;
    match code {
        Some(code) => Ranges::of(base | u16::from(code), base | u16::from(code)),
        None => Ranges::of(base, base | 255),
    }
}

/// The name of the DNS service.
pub(super) const DNS: SmolStr = SmolStr::new_static("dns");
