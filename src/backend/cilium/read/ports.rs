//! `toPorts` and `icmps` to sets of traffic.
//!
//! Takes: the nodes of both. Gives: the [`Traffic`] that they match, for certain and perhaps. Ports are those of the pod, after service translation.
//! Rules of layer 7 change nothing here: what they are for is allowed, and then inspected.

use std::collections::BTreeSet;

use super::icmp;
use super::identity::Facts;
use super::merge::Merge;
use super::names::Pattern;
use super::proxy;
use super::ranged::Name;
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::space::{Direction, PortSet, Ranges, Transport};

/// As many ports as one rule may have, and as many ICMP fields.
pub(super) const MOST: usize = 40;

/// Protocols without ports, their numbers, and the version that first knows them.
const PORTLESS: [(&str, u8, (u16, u16)); 7] = [
    ("VRRP", 112, (1, 19)),
    ("IGMP", 2, (1, 19)),
    ("GRE", 47, (1, 20)),
    ("IPIP", 4, (1, 20)),
    ("IPV6", 41, (1, 20)),
    ("ESP", 50, (1, 20)),
    ("AH", 51, (1, 20)),
];

/// The traffic that an element matches.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// For certain.
    pub(super) certain: PortSet,
    /// As far as is known.
    pub(super) possible: PortSet,
    /// Why it is not known.
    pub(super) why: Option<&'static str>,
    /// The named ports that have an `endPort`, where that counts.
    pub(super) ranged: BTreeSet<Name>,
    /// The DNS names whose answers the proxy lets through and learns from.
    pub(super) dns: Vec<Pattern>,
    /// What its rules ask for that may not go together with what others do, and at which ports.
    pub(super) merges: Vec<(Merge, PortSet)>,
    /// Whether a rule of layer 7 is beyond what is checked here, so that the agent may refuse the whole object for it.
    pub(super) dubious: bool,
}

impl Traffic {
    /// All of it.
    pub(super) fn all() -> Self {
        Traffic {
            certain: PortSet::all(),
            ..Traffic::default()
        }
    }

    /// Adds what another rule of the element matches.
    fn absorb(&mut self, other: Traffic) {
        self.certain = self.certain.union(&other.certain);
        self.possible = self.possible.union(&other.possible);
        self.why = self.why.or(other.why);
        self.ranged.extend(other.ranged);
        self.dns.extend(other.dns);
        self.merges.extend(other.merges);
        self.dubious |= other.dubious;
    }

    pub(super) fn sure(&mut self, ports: &PortSet) {
        self.certain = self.certain.union(ports);
    }

    pub(super) fn perhaps(&mut self, ports: &PortSet, why: &'static str) {
        self.possible = self.possible.union(ports);
        self.why = self.why.or(Some(why));
    }
}

/// Where an element stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'c> {
    pub(super) direction: Direction,
    /// Whether it allows.
    pub(super) allow: bool,
    /// Whether the rule is for nodes (`nodeSelector`).
    pub(super) host: bool,
    pub(super) facts: Facts<'c>,
}

/// The traffic of `toPorts` and `icmps`; `None` if the element has neither, and so is of all traffic. Empty lists are as good as absent.
pub(super) fn traffic(
    element: &mut Fields<'_>,
    place: Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Traffic> {
    let mut traffic = Traffic::default();
    let path = element.at("toPorts");
    let rules = element.list("toPorts", diagnostics).unwrap_or_default();
    let mut kinds = proxy::Kinds::default();
    for (at, node) in rules.iter().enumerate() {
        let path = format!("{path}[{at}]");
        port_rule(node, path, place, &mut traffic, &mut kinds, diagnostics);
    }
    kinds.check(element.span, &element.path, place, diagnostics);
    let messages = icmp::read(element, &mut traffic, diagnostics);
    if messages && !rules.is_empty() {
        diagnostics.push(invalid(
            element.span,
            format!(
                "{}: the ICMPs block may only be present without ToPorts. Define a separate rule to use ToPorts",
                element.path
            ),
        ));
    }
    (messages || !rules.is_empty()).then_some(traffic)
}

fn port_rule(
    node: &Node,
    path: String,
    place: Place<'_>,
    traffic: &mut Traffic,
    kinds: &mut proxy::Kinds,
    diagnostics: &mut Diagnostics,
) {
    let Some(mut fields) = Fields::of(node, path, diagnostics) else {
        return;
    };
    let path = fields.at("ports");
    let ports = fields.list("ports", diagnostics).unwrap_or_default();
    if ports.len() > MOST {
        diagnostics.push(invalid(
            fields.span,
            format!("{path}: too many ports, the max is {MOST}"),
        ));
    }
    let mut own = Traffic::default();
    let read: Vec<Port> = ports
        .iter()
        .enumerate()
        .filter_map(|(at, node)| port(node, format!("{path}[{at}]"), place, &mut own, diagnostics))
        .collect();
    if place.allow {
        proxy::read(&mut fields, &read, place, &mut own, kinds, diagnostics);
    }
    fields.finish(diagnostics);
    traffic.absorb(own);
}

/// What checks of layer 7 need to know of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Its number; 0 is all of them. `None` if it is a name, or not said.
    pub(super) number: Option<u16>,
    /// The last of a range; 0 if there is none.
    pub(super) end: u16,
    /// Whether it is of TCP and nothing else.
    pub(super) tcp: bool,
}

/// What a protocol of a port is.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    /// These, each with the port.
    Transports(&'static [Transport]),
    /// One without ports.
    Number(u8),
}

fn port(
    node: &Node,
    path: String,
    place: Place<'_>,
    traffic: &mut Traffic,
    diagnostics: &mut Diagnostics,
) -> Option<Port> {
    let mut fields = Fields::of(node, path, diagnostics)?;
    let version = place.facts.version;
    let (at_port, at_end) = (fields.at("port"), fields.at("endPort"));
    let at_protocol = fields.at("protocol");
    let text = fields.text("port", diagnostics).map_or("", |text| text);
    let end = fields.int("endPort", diagnostics).unwrap_or(0);
    let word = fields.text("protocol", diagnostics).map_or("", |word| word);
    fields.finish(diagnostics);
    let mut refuse = |at: &str, why: String| {
        diagnostics.push(invalid(node.span, format!("{at}: {why}")));
        None
    };
    let Ok(end) = u16::try_from(end) else {
        return refuse(
            &at_end,
            format!("Invalid value: {end}: {at_end} in body should be between 0 and 65535"),
        );
    };
    let protocol = match word {
        // Without a protocol, and with `ANY`: those that have ports, and no other.
        "" | "ANY" => Protocol::Transports(&Transport::ALL),
        "TCP" => Protocol::Transports(&[Transport::Tcp]),
        "UDP" => Protocol::Transports(&[Transport::Udp]),
        "SCTP" => Protocol::Transports(&[Transport::Sctp]),
        word => match PORTLESS
            .iter()
            .find(|(known, _, since)| *known == word && version >= *since)
        {
            Some((_, number, _)) => Protocol::Number(*number),
            None => {
                return refuse(
                    &at_protocol,
                    format!("Unsupported value: \"{word}\": no protocol of this version"),
                );
            }
        },
    };
    let named = is_service_name(text);
    if text.is_empty() && !(place.facts.cluster.extended_protocols && version >= (1, 19)) {
        return refuse(&at_port, "port must be specified".to_owned());
    }
    if !named
        && !text.is_empty()
        && text != "0"
        && let Protocol::Number(_) = protocol
    {
        return refuse(&at_port, "port must be empty or 0".to_owned());
    }
    let number = if named {
        None
    } else if text.is_empty() {
        Some(0)
    } else {
        match whole(text) {
            Some(number) => Some(number),
            None => {
                return refuse(
                    &at_port,
                    format!("unable to parse port: strconv.ParseUint: parsing \"{text}\""),
                );
            }
        }
    };
    let transports = match protocol {
        Protocol::Transports(transports) => transports,
        Protocol::Number(number) => {
            let mut ports = PortSet::empty();
            ports.other = Ranges::of(number, number);
            if named {
                traffic.perhaps(&ports, "it names a port of a protocol that has none");
            } else {
                traffic.sure(&ports);
            }
            return Some(Port {
                number: (text == "0").then_some(0),
                end,
                tcp: false,
            });
        }
    };
    for transport in transports {
        match number {
            Some(number) => numbered(*transport, number, end, version, traffic),
            None => by_name(*transport, &text.to_ascii_lowercase(), end, place, traffic),
        }
    }
    Some(Port {
        // A port that is not said is every port too, but not to the checks.
        number: number.filter(|_| !text.is_empty()),
        end,
        tcp: matches!(transports, [Transport::Tcp]),
    })
}

/// Port 0 is every port. A range that ends before it begins is its first port.
fn numbered(
    transport: Transport,
    number: u16,
    end: u16,
    version: (u16, u16),
    traffic: &mut Traffic,
) {
    let every = PortSet::of(transport, 1, u16::MAX);
    match (number, end) {
        (0, 0 | u16::MAX) => traffic.sure(&every),
        (0, _) if version >= (1, 20) => traffic.sure(&every),
        (0, _) => traffic.perhaps(
            &every,
            "a range that begins at port 0 is every port in some versions",
        ),
        (low, high) => traffic.sure(&PortSet::of(transport, low, high.max(low))),
    }
}

/// A named port. At ingress the pod itself has it, and an `endPort` makes a range from wherever it is. At egress each peer has its own since 1.20, and
/// `endPort` is ignored; before, one table of the whole cluster was asked, which no manifest tells.
fn by_name(transport: Transport, name: &str, end: u16, place: Place<'_>, traffic: &mut Traffic) {
    let every = PortSet::of(transport, 1, u16::MAX);
    match place.direction {
        Direction::Ingress if end > 0 => {
            traffic.ranged.insert((transport, name.into()));
            traffic.perhaps(
                &every,
                "a named port with an `endPort` is a range that begins wherever the pod has the port",
            );
        }
        Direction::Egress if place.facts.version < (1, 20) => traffic.perhaps(
            &every,
            "up to 1.19 named ports of egress come from one table of the whole cluster",
        ),
        _ => traffic.sure(&PortSet::of_named(transport, name)),
    }
}

/// Whether a text is a name of a port to the agent (`iana.IsSvcName`): then it is no number, so that `0x10` is a name.
fn is_service_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    !text.is_empty()
        && text.len() <= 15
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// A number as Go reads it with base 0: `010` is 8, and digits may be parted by `_`.
fn whole(text: &str) -> Option<u16> {
    let (digits, radix) = match text.as_bytes() {
        [b'0'] => ("0", 10),
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', b'b' | b'B', ..] => (&text[2..], 2),
        [b'0', b'o' | b'O', ..] => (&text[2..], 8),
        [b'0', ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // An underscore stands between digits, or between a prefix and a digit.
    let parted = !digits.ends_with('_')
        && !digits.contains("__")
        && (radix != 10 || !digits.starts_with('_'));
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (parted && plain)
        .then(|| u16::from_str_radix(&digits, radix).ok())
        .flatten()
}

/// The text or the number of a field that may be either.
pub(super) fn int_or_text(node: &Node) -> Option<Result<i64, &str>> {
    match &node.value {
        Value::Int(number) => Some(Ok(*number)),
        Value::Text(text) => Some(Err(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let table = [
            ("80", Some(80)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("0_10", Some(8)),
            ("99999", None),
            ("80-90", None),
            ("-1", None),
            ("+1", None),
            ("8_0", Some(80)),
            ("_80", None),
            ("80_", None),
            ("", None),
            ("08", None),
        ];
        for (text, number) in table {
            assert_eq!(whole(text), number, "{text}");
        }
        assert!(is_service_name("0x10") && is_service_name("Http-2") && !is_service_name("80"));
        assert!(!is_service_name("a--b") && !is_service_name("-a") && !is_service_name("a-"));
    }
}
