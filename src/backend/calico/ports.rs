//! Sets of ports to the protocols, ports and messages of rules.
//!
//! Exact: a rule holds one protocol, its ports are a union, so a set of ports is a union of rules. Not sayable: ICMP type 255 and
//! protocol 0, of which no rule of Calico can speak alone.

use crate::space::{PortSet, Transport};

use super::manifest::{Icmp, Port, Protocol};
use super::support;

/// The traffic of one rule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Traffic {
    pub(super) protocol: Option<Protocol>,
    pub(super) icmp: Option<Icmp>,
    pub(super) ports: Vec<Port>,
    /// ICMP is of IPv4 alone, ICMPv6 of IPv6.
    pub(super) version: Option<u8>,
}

/// What cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unsayable {
    /// Calico's ICMP types end at 254.
    IcmpType255,
    /// Calico's protocol numbers begin at 1.
    ProtocolZero,
}

/// The traffic of as many rules as the set takes, in the order TCP, UDP, SCTP, ICMP, ICMPv6, others.
pub(super) fn traffic(ports: &PortSet) -> Result<Vec<Traffic>, Unsayable> {
    if ports.is_all() {
        return Ok(vec![Traffic::default()]);
    }
    let mut out = Vec::new();
    for transport in Transport::ALL {
        of_transport(ports, transport, &mut out);
    }
    for (messages, protocol, version) in [
        (&ports.icmp, Protocol::Named("ICMP"), 4),
        (&ports.icmpv6, Protocol::Named("ICMPv6"), 6),
    ] {
        if messages.is_full() {
            out.push(of_icmp(protocol, version, None));
            continue;
        }
        for (low, high) in messages.iter() {
            for kind in low >> 8..=high >> 8 {
                let from = if kind == low >> 8 { low & 255 } else { 0 };
                let to = if kind == high >> 8 { high & 255 } else { 255 };
                let kind = u8::try_from(kind)
                    .ok()
                    .filter(|kind| *kind < 255)
                    .ok_or(Unsayable::IcmpType255)?;
                if (from, to) == (0, 255) {
                    out.push(of_icmp(protocol, version, Some(Icmp { kind, code: None })));
                    continue;
                }
                out.extend((from..=to).map(|code| {
                    let code = u8::try_from(code).ok();
                    of_icmp(protocol, version, Some(Icmp { kind, code }))
                }));
            }
        }
    }
    for (low, high) in ports.other.iter() {
        if low == 0 {
            return Err(Unsayable::ProtocolZero);
        }
        out.extend((low..=high).map(|number| Traffic {
            protocol: Some(Protocol::Number(number)),
            ..Traffic::default()
        }));
    }
    Ok(out)
}

fn of_transport(ports: &PortSet, transport: Transport, out: &mut Vec<Traffic>) {
    let protocol = Some(Protocol::Named(transport.upper()));
    if ports.has_every(transport) {
        out.push(Traffic {
            protocol,
            ..Traffic::default()
        });
        return;
    }
    let entries: Vec<Port> = ports
        .transport(transport)
        .iter()
        .map(|(low, high)| Port::Range(low, high))
        .chain(
            ports
                .named
                .iter()
                .filter(|(of, _)| *of == transport)
                .map(|(_, name)| Port::Name(name.clone())),
        )
        .collect();
    out.extend(entries.chunks(support::PORTS).map(|chunk| Traffic {
        protocol,
        ports: chunk.to_vec(),
        ..Traffic::default()
    }));
}

fn of_icmp(protocol: Protocol, version: u8, icmp: Option<Icmp>) -> Traffic {
    Traffic {
        protocol: Some(protocol),
        icmp,
        ports: Vec::new(),
        version: Some(version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Ranges;

    #[test]
    fn long_lists_are_split() {
        let mut set = PortSet::of(Transport::Tcp, 0, 0);
        set.tcp = (1..=120u16).map(|port| (port * 2, port * 2)).collect();
        set.named.insert((Transport::Tcp, "http".into()));
        let split = traffic(&set).expect("ports can be said");
        assert_eq!(
            split
                .iter()
                .map(|rule| rule.ports.len())
                .collect::<Vec<_>>(),
            [50, 50, 21]
        );
    }

    #[test]
    fn messages_become_types_and_codes() {
        let set = PortSet {
            icmp: [(8 * 256, 8 * 256 + 255), (3 * 256 + 4, 3 * 256 + 4)]
                .into_iter()
                .collect(),
            icmpv6: Ranges::full(),
            ..PortSet::empty()
        };
        let said = traffic(&set).expect("messages can be said");
        assert_eq!(said.len(), 3);
        assert_eq!(
            said[0].icmp,
            Some(Icmp {
                kind: 3,
                code: Some(4)
            })
        );
        assert_eq!(
            said[1].icmp,
            Some(Icmp {
                kind: 8,
                code: None
            })
        );
        assert_eq!((said[2].icmp, said[2].version), (None, Some(6)));
    }

    #[test]
    fn what_calico_cannot_say() {
        let last = PortSet {
            icmp: Ranges::of(255 * 256, 255 * 256 + 255),
            ..PortSet::empty()
        };
        assert_eq!(traffic(&last), Err(Unsayable::IcmpType255));
        let zero = PortSet {
            other: Ranges::of(0, 0),
            ..PortSet::empty()
        };
        assert_eq!(traffic(&zero), Err(Unsayable::ProtocolZero));
        assert_eq!(traffic(&PortSet::all()), Ok(vec![Traffic::default()]));
    }
}
