//! One line with a flow.
//!
//! Takes: the text of a line. Gives: its parts, the ends still as text, since most lines name ends that other lines have named before; and an end's text as an
//! `End`. Knows the fields and their types, not what a program declares.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::space::{Traffic, Transport};

/// Why a text cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    /// The byte of the text where it shows, from 0.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) message: String,
}

impl Fault {
    /// A fault of a whole text.
    pub(super) fn of(message: impl Into<String>) -> Self {
        Fault {
            at: 0,
            message: message.into(),
        }
    }

    fn json(text: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let all = error.to_string();
        let message = all.strip_suffix(&format!(" at line {line} column {column}"));
        // An end's text is one line as its flow is, so a column is a place.
        Fault {
            at: column.saturating_sub(1).min(text.len()),
            message: message.unwrap_or(&all).to_owned(),
        }
    }
}

/// A flow; what has no meaning together is refused by [`Line::traffic`].
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Line<'l> {
    #[serde(borrow)]
    pub(super) id: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) from: &'l RawValue,
    #[serde(borrow)]
    pub(super) to: &'l RawValue,
    protocol: Protocol,
    port: Option<u16>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
}

impl<'l> Line<'l> {
    /// Reads a line.
    pub(super) fn read(text: &'l str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| Fault::json(text, &error))
    }

    /// What is sent.
    pub(super) fn traffic(&self) -> Result<Traffic, Fault> {
        let message = (self.icmp_type, self.icmp_code);
        let traffic = match (self.protocol, self.port, message) {
            (Protocol::Port(_), None, _) => return Err(Fault::of("missing field `port`")),
            (Protocol::Port(_), Some(0), _) => return Err(Fault::of("`port` is 1 to 65535")),
            (Protocol::Port(transport), Some(port), (None, None)) => Traffic::Port(transport, port),
            (Protocol::Port(_), Some(_), _) => {
                return Err(Fault::of(
                    "`icmpType` and `icmpCode` are of ICMP and ICMPv6",
                ));
            }
            (_, Some(_), _) => return Err(Fault::of("`port` is of TCP, UDP and SCTP")),
            (Protocol::Icmp, None, (Some(kind), Some(code))) => Traffic::Icmp(kind, code),
            (Protocol::Icmpv6, None, (Some(kind), Some(code))) => Traffic::Icmpv6(kind, code),
            (Protocol::Icmp | Protocol::Icmpv6, None, (None, _)) => {
                return Err(Fault::of("missing field `icmpType`"));
            }
            (Protocol::Icmp | Protocol::Icmpv6, None, (_, None)) => {
                return Err(Fault::of("missing field `icmpCode`"));
            }
            (Protocol::Other(number), None, (None, None)) => Traffic::Protocol(number),
            (Protocol::Other(_), None, _) => {
                return Err(Fault::of(
                    "`icmpType` and `icmpCode` are of ICMP and ICMPv6",
                ));
            }
        };
        Ok(traffic)
    }
}

/// The identity of a line that cannot be read, if that much can.
pub(super) fn id(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let named: Named = serde_json::from_str(text).ok()?;
    Some(named.id)
}

/// A protocol, by name or by number.
#[derive(Clone, Copy)]
enum Protocol {
    Port(Transport),
    Icmp,
    Icmpv6,
    Other(u8),
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Protocol;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("TCP, UDP, SCTP, ICMP, ICMPv6 or a number 0-255")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Protocol, E> {
                Ok(match word {
                    "TCP" => Protocol::Port(Transport::Tcp),
                    "UDP" => Protocol::Port(Transport::Udp),
                    "SCTP" => Protocol::Port(Transport::Sctp),
                    "ICMP" => Protocol::Icmp,
                    "ICMPv6" => Protocol::Icmpv6,
                    _ => return Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Protocol, E> {
                let known = u8::try_from(number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))?;
                Ok(match known {
                    6 => Protocol::Port(Transport::Tcp),
                    17 => Protocol::Port(Transport::Udp),
                    132 => Protocol::Port(Transport::Sctp),
                    1 => Protocol::Icmp,
                    58 => Protocol::Icmpv6,
                    other => Protocol::Other(other),
                })
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// One end of a flow, as it is written.
pub(super) enum Written {
    Pod(WrittenPod),
    Node(IpAddr),
    Address {
        address: IpAddr,
        /// In lower case, without the root's dot.
        names: Vec<String>,
    },
}

/// A pod, as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WrittenPod {
    pub(super) namespace: SmolStr,
    #[serde(default)]
    pub(super) namespace_labels: Strings,
    #[serde(default)]
    pub(super) labels: Strings,
    service_account: Option<SmolStr>,
    /// No program asks for them; a part of manifests that does is not understood.
    #[serde(default, rename = "serviceAccountLabels")]
    _account_labels: Strings,
    #[serde(default)]
    named_ports: Unique<WrittenPort>,
    pub(super) address: Option<IpAddr>,
}

impl WrittenPod {
    pub(super) fn service_account(&self) -> SmolStr {
        let named = self.service_account.clone();
        named.unwrap_or_else(|| SmolStr::new_static("default"))
    }

    pub(super) fn named_ports(&self) -> Result<BTreeMap<(Transport, SmolStr), u16>, Fault> {
        let mut ports = BTreeMap::new();
        for (name, port) in &self.named_ports.0 {
            let Protocol::Port(transport) = port.protocol else {
                return Err(Fault::of(format!(
                    "the port `{name}` is one of TCP, UDP or SCTP"
                )));
            };
            if port.port == 0 {
                return Err(Fault::of(format!("the port `{name}` is 1 to 65535")));
            }
            ports.insert((transport, name.clone()), port.port);
        }
        Ok(ports)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPort {
    protocol: Protocol,
    port: u16,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNode {
    address: IpAddr,
    /// No program asks for them; a part of manifests that does is not understood.
    #[serde(default, rename = "labels")]
    _labels: Strings,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEnd {
    pod: Option<WrittenPod>,
    node: Option<WrittenNode>,
    address: Option<IpAddr>,
    names: Option<Vec<String>>,
}

/// Reads an end.
pub(super) fn end(text: &str) -> Result<Written, Fault> {
    let end: WrittenEnd = serde_json::from_str(text).map_err(|error| Fault::json(text, &error))?;
    match (end.pod, end.node, end.address, end.names) {
        (Some(pod), None, None, None) => Ok(Written::Pod(pod)),
        (None, Some(node), None, None) => Ok(Written::Node(node.address)),
        (None, None, Some(address), names) => Ok(Written::Address {
            address,
            names: names
                .unwrap_or_default()
                .iter()
                .map(|name| host(name))
                .collect(),
        }),
        (_, _, None, Some(_)) => Err(Fault::of("`names` are of an `address`")),
        _ => Err(Fault::of(
            "an end is exactly one of `pod`, `node`, `address`",
        )),
    }
}

fn host(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether a name or pattern of the language has a name: `*.` stands for one label, `**.` for one or more.
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    let under = |parent: &str| {
        let rest = name.strip_suffix(parent)?.strip_suffix('.')?;
        (!rest.is_empty()).then_some(rest)
    };
    if let Some(parent) = pattern.strip_prefix("**.") {
        under(parent).is_some()
    } else if let Some(parent) = pattern.strip_prefix("*.") {
        under(parent).is_some_and(|label| !label.contains('.'))
    } else {
        pattern == name
    }
}

/// Strings by name.
pub(super) type Strings = Unique<SmolStr>;

/// A map of which no key is there twice.
pub(super) struct Unique<T>(pub(super) BTreeMap<SmolStr, T>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Unique(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Unique<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique<T>, A::Error> {
                let mut all = BTreeMap::new();
                while let Some(key) = map.next_key::<SmolStr>()? {
                    let value = map.next_value()?;
                    if all.contains_key(&key) {
                        return Err(de::Error::custom(format!("`{key}` is there twice")));
                    }
                    all.insert(key, value);
                }
                Ok(Unique(all))
            }
        }
        deserializer.deserialize_map(Read(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_names() {
        assert!(covers("api.example.com", "api.example.com"));
        assert!(covers("*.example.com", "api.example.com"));
        assert!(covers("**.example.com", "a.b.example.com"));
        for (pattern, name) in [
            ("*.example.com", "a.b.example.com"),
            ("*.example.com", "example.com"),
            ("**.example.com", "example.com"),
            ("*.example.com", "apiexample.com"),
            ("*.example.com", ".example.com"),
            ("example.com", "api.example.com"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }
}
