//! Protocols, ICMP messages and ports of a rule.
//!
//! Takes: the fields of a rule. Gives: the traffic that it matches, as far as that depends on where it goes: a named port is one of the
//! destination itself. Source ports are not in the model (`Entity` says so). Port numbers need TCP, UDP or SCTP; lists of
//! names alone may leave the protocol away, and are then names of TCP ports (reference: Calico, section 1.4; Felix's rule scanner).

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::solve::Between;
use super::world::Family;
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{PortSet, Ranges, Transport};

/// A protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Protocol {
    /// Its number, 1-255.
    pub(super) number: u8,
    /// Whether the rule gives its name.
    pub(super) named: bool,
}

impl Protocol {
    /// The transport that it is, if it has ports.
    pub(super) fn transport(self) -> Option<Transport> {
        Transport::ALL
            .into_iter()
            .find(|transport| transport.number() == self.number)
    }

    /// The family of the messages that it carries, if it is an ICMP.
    pub(super) fn icmp(self) -> Option<Family> {
        match self.number {
            1 => Some(Family::V4),
            58 => Some(Family::V6),
            _ => None,
        }
    }

    fn traffic(self) -> PortSet {
        if let Some(transport) = self.transport() {
            return PortSet::of(transport, 1, u16::MAX);
        }
        match self.icmp() {
            Some(family) => messages(family, Ranges::full()),
            None => PortSet {
                other: Ranges::of(self.number, self.number),
                ..PortSet::empty()
            },
        }
    }
}

fn messages(family: Family, set: Ranges<u16>) -> PortSet {
    match family {
        Family::V4 => PortSet {
            icmp: set,
            ..PortSet::empty()
        },
        Family::V6 => PortSet {
            icmpv6: set,
            ..PortSet::empty()
        },
    }
}

/// Reads `protocol` or `notProtocol`.
pub(super) fn protocol(
    fields: &mut Fields<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Protocol> {
    let node = fields.get(key)?;
    let named = |number| {
        Some(Protocol {
            number,
            named: true,
        })
    };
    let found = match &node.value {
        Value::Int(number @ 1..=255) => Some(Protocol {
            number: *number as u8,
            named: false,
        }),
        Value::Text(text) => match text.as_str() {
            "TCP" => named(6),
            "UDP" => named(17),
            "ICMP" => named(1),
            "ICMPv6" => named(58),
            "SCTP" => named(132),
            "UDPLite" => named(136),
            // A number in quotes is a number (`numorstring.ProtocolFromString`).
            text => text
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .map(|number| Protocol {
                    number,
                    named: false,
                }),
        },
        _ => None,
    };
    if found.is_none() {
        let shown = match &node.value {
            Value::Text(text) => text.to_string(),
            Value::Int(number) => number.to_string(),
            other => other.kind().to_owned(),
        };
        let why = format!(
            "{}: invalid protocol \"{shown}\": TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1-255",
            fields.at(key)
        );
        diagnostics.push(invalid(node.span, why));
    }
    found
}

/// A type and a code of ICMP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Message {
    kind: Option<u8>,
    code: Option<u8>,
}

impl Message {
    /// The messages; `None` where neither is said, which asks for nothing.
    fn range(self) -> Option<Ranges<u16>> {
        let kind = u16::from(self.kind?) << 8;
        Some(match self.code {
            Some(code) => Ranges::of(kind | u16::from(code), kind | u16::from(code)),
            None => Ranges::of(kind, kind | 255),
        })
    }
}

/// Reads `icmp` or `notICMP`.
pub(super) fn message(
    fields: &mut Fields<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Message> {
    let mut map = fields.map(key, diagnostics)?;
    let mut number = |key: &str, most: i64| {
        let number = map.int(key, diagnostics)?;
        if (0..=most).contains(&number) {
            return Some(number as u8);
        }
        let why = format!("{}: {number} is not within 0-{most}", map.at(key));
        diagnostics.push(invalid(map.span, why));
        None
    };
    let (kind, code) = (number("type", 254), number("code", 255));
    if code.is_some() && kind.is_none() {
        let why = format!("{}: ICMP code specified without an ICMP type", map.path);
        diagnostics.push(invalid(map.span, why));
    }
    map.finish(diagnostics);
    Some(Message { kind, code })
}

/// A list of ports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ports {
    /// By number.
    pub(super) numbers: Ranges<u16>,
    /// By name.
    pub(super) names: BTreeSet<SmolStr>,
}

/// Reads `ports` or `notPorts`; `None` if there are none. `most` is how many may be listed.
pub(super) fn ports(
    fields: &mut Fields<'_>,
    key: &str,
    most: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Ports> {
    let list = fields.list(key, diagnostics)?;
    let path = fields.at(key);
    if list.len() > most {
        let why = format!(
            "{path}: Too many: {}: must have at most {most} items",
            list.len()
        );
        diagnostics.push(invalid(fields.span, why));
    }
    let mut ranges = Vec::new();
    let mut names = BTreeSet::new();
    for (at, node) in list.iter().enumerate() {
        match port(node) {
            Ok(Port::Range(low, high)) => ranges.push((low, high)),
            Ok(Port::Name(name)) => drop(names.insert(name)),
            Err(why) => diagnostics.push(invalid(node.span, format!("{path}[{at}]: {why}"))),
        }
    }
    (!list.is_empty()).then(|| Ports {
        numbers: ranges.into_iter().collect(),
        names,
    })
}

enum Port {
    Range(u16, u16),
    Name(SmolStr),
}

/// `api/pkg/lib/numorstring/port.go`: a number, `low:high`, or a name that Kubernetes takes.
fn port(node: &Node) -> Result<Port, String> {
    let number = |number: i64| {
        u16::try_from(number)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("invalid port {number}, 1-65535"))
    };
    let text = match &node.value {
        Value::Int(port) => return number(*port).map(|port| Port::Range(port, port)),
        Value::Text(text) => text,
        other => return Err(format!("{} where a port is due", other.kind())),
    };
    let digits = |text: &str| -> Option<i64> {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
    };
    if let Some(port) = digits(text) {
        return number(port).map(|port| Port::Range(port, port));
    }
    if let Some((Some(low), Some(high))) = text
        .split_once(':')
        .map(|(low, high)| (digits(low), digits(high)))
    {
        let (low, high) = (number(low)?, number(high)?);
        if low > high {
            return Err(format!(
                "minimum port number ({low}) is greater than maximum port number ({high}) in port range"
            ));
        }
        return Ok(Port::Range(low, high));
    }
    let fine = text.len() <= 15
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if fine {
        Ok(Port::Name(text.clone()))
    } else {
        Err(format!(
            "invalid port \"{text}\": a number, a range `low:high`, or a port's name"
        ))
    }
}

/// What a rule says of its traffic, but for the ports of its source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Traffic {
    /// `protocol`
    pub(super) protocol: Option<Protocol>,
    /// `notProtocol`
    pub(super) not_protocol: Option<Protocol>,
    /// `icmp`
    pub(super) icmp: Option<Message>,
    /// `notICMP`
    pub(super) not_icmp: Option<Message>,
    /// `destination.ports`
    pub(super) ports: Option<Ports>,
    /// `destination.notPorts`
    pub(super) not_ports: Option<Ports>,
}

/// A part of a rule's traffic, and the destinations that it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Whether it goes to pods.
    pub(super) pods: bool,
    /// Whether it goes to nodes.
    pub(super) nodes: bool,
    /// Whether it goes to other addresses.
    pub(super) outside: bool,
    /// Whether the destination must be selected itself, not by an address that a network set holds.
    pub(super) itself: bool,
    /// The traffic.
    pub(super) ports: Between<PortSet>,
}

impl Part {
    fn everywhere(ports: PortSet) -> Self {
        Part {
            pods: true,
            nodes: true,
            outside: true,
            itself: false,
            ports: Between::exact(ports),
        }
    }
}

impl Traffic {
    /// Everything but ports.
    fn base(&self) -> PortSet {
        let mut base = self.protocol.map_or_else(PortSet::all, Protocol::traffic);
        let less = |base: &PortSet, what: &PortSet| {
            base.subtract(what)
                .expect("there are no names among protocols")
        };
        if let Some(not) = self.not_protocol {
            base = less(&base, &not.traffic());
        }
        if let Some(family) = self.protocol.and_then(Protocol::icmp) {
            if let Some(range) = self.icmp.and_then(Message::range) {
                base.icmp = base.icmp.intersect(&range);
                base.icmpv6 = base.icmpv6.intersect(&range);
            }
            if let Some(range) = self.not_icmp.and_then(Message::range) {
                base = less(&base, &messages(family, range));
            }
        }
        base
    }

    /// The traffic in parts; together they are all of it.
    pub(super) fn parts(&self) -> Vec<Part> {
        let base = self.base();
        let transport = match self.protocol {
            None => Some(Transport::Tcp),
            Some(protocol) => protocol.transport(),
        };
        let of = |numbers: &Ranges<u16>| {
            let mut set = PortSet::empty();
            if let Some(transport) = transport {
                *set.transport_mut(transport) = numbers.clone();
            }
            set
        };
        let whole = of(&Ranges::of(1, u16::MAX));
        let empty = Ports::default();
        let not = self.not_ports.as_ref().unwrap_or(&empty);
        let less = |set: &PortSet, what: &PortSet| {
            set.subtract(what)
                .expect("there are no names among numbers")
        };
        let within = |set: &PortSet, what: &PortSet| {
            set.intersect(what)
                .expect("there are no names among numbers")
        };
        let mut parts = Vec::new();
        let numbered = match &self.ports {
            None => base.clone(),
            Some(ports) => within(&base, &of(&ports.numbers)),
        };
        let numbered = match not.numbers.is_empty() {
            true => numbered,
            false => less(&numbered, &of(&not.numbers)),
        };
        if not.names.is_empty() {
            parts.push(Part::everywhere(numbered));
        } else {
            // Any number may be the one that a pod, or somebody's host endpoint, calls so; other addresses have no names for ports.
            let unsure = Between {
                sure: less(&numbered, &whole),
                possible: numbered.clone(),
            };
            parts.push(Part {
                outside: false,
                ports: unsure,
                ..Part::everywhere(PortSet::empty())
            });
            parts.push(Part {
                pods: false,
                nodes: false,
                ..Part::everywhere(numbered)
            });
        }
        let names = self
            .ports
            .as_ref()
            .map_or(&empty.names, |ports| &ports.names);
        let allowed = within(&base, &whole);
        if let Some(transport) = transport.filter(|_| !names.is_empty() && !allowed.is_empty()) {
            let atoms = names.iter().map(|name| (transport, name.clone())).collect();
            let atoms = PortSet {
                named: atoms,
                ..PortSet::empty()
            };
            let exact = self.not_ports.is_none();
            parts.push(Part {
                nodes: false,
                outside: false,
                itself: true,
                ports: Between {
                    sure: if exact {
                        atoms.clone()
                    } else {
                        PortSet::empty()
                    },
                    possible: atoms,
                },
                ..Part::everywhere(PortSet::empty())
            });
            parts.push(Part {
                pods: false,
                outside: false,
                itself: true,
                ports: Between {
                    sure: PortSet::empty(),
                    possible: allowed,
                },
                ..Part::everywhere(PortSet::empty())
            });
        }
        parts.retain(|part| !part.ports.possible.is_empty());
        parts
    }
}

/// Reports what Calico asks of a rule's ports and protocols together.
pub(super) fn check(
    traffic: &Traffic,
    source: [&Option<Ports>; 2],
    path: &str,
    span: Span,
    diagnostics: &mut Diagnostics,
) {
    let mut refuse = |why: &str| diagnostics.push(invalid(span, format!("{path}: {why}")));
    let lists = source
        .into_iter()
        .chain([&traffic.ports, &traffic.not_ports]);
    let numbers = lists.flatten().any(|ports| !ports.numbers.is_empty());
    if numbers && traffic.protocol.and_then(Protocol::transport).is_none() {
        refuse("rules that specify ports must set protocol to TCP, UDP or SCTP");
    }
    if traffic.icmp.is_some() && traffic.protocol.and_then(Protocol::icmp).is_none() {
        refuse("ICMP fields require protocol to be ICMP or ICMPv6");
    }
}
