//! Sets of ports and messages to `toPorts` and `icmps`, on the protocols that the cluster carries.

use crate::model::Cluster;
use crate::space::{PortSet, Ranges, Transport};

use super::manifest::{DnsRules, IcmpField, IcmpRule, Matched, Name, PortProtocol, PortRule};

/// At most so many ports stand in one `PortRule`, and so many fields in one `icmps` item.
const MOST_PORTS: usize = 40;

/// Protocols without ports that Cilium knows by name, where `enable-extended-ip-protocols` is on: number, name, first version.
const EXTENDED: [(u8, &str, (u16, u16)); 7] = [
    (2, "IGMP", (1, 19)),
    (4, "IPIP", (1, 20)),
    (41, "IPV6", (1, 20)),
    (47, "GRE", (1, 20)),
    (50, "ESP", (1, 20)),
    (51, "AH", (1, 20)),
    (112, "VRRP", (1, 19)),
];

/// Why traffic cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Unsayable {
    /// Some codes of an ICMP type.
    IcmpCode,
    /// ICMP type 0 without all other types of its family: Cilium reads it as every type.
    IcmpTypeZero,
    /// A protocol by number.
    Protocol(u8),
    /// Every protocol but some.
    MostProtocols,
}

/// The traffic that the cluster carries: the rest is dropped before any policy is asked, so that nothing depends on what we say of it.
pub(super) fn carried(cluster: &Cluster, version: (u16, u16)) -> PortSet {
    let mut ports = PortSet::all();
    if !cluster.sctp {
        ports.sctp = Ranges::empty();
    }
    if !extended(cluster, version) {
        ports.other = Ranges::empty();
    }
    ports
}

/// Whether other protocols than TCP, UDP, SCTP and ICMP reach policy.
pub(super) fn extended(cluster: &Cluster, version: (u16, u16)) -> bool {
    cluster.extended_protocols && version >= (1, 19)
}

/// A set cut down to what is carried. Names of ports stay.
pub(super) fn cut(ports: &PortSet, carried: &PortSet) -> PortSet {
    let mut cut = PortSet {
        tcp: ports.tcp.intersect(&carried.tcp),
        udp: ports.udp.intersect(&carried.udp),
        sctp: ports.sctp.intersect(&carried.sctp),
        icmp: ports.icmp.intersect(&carried.icmp),
        icmpv6: ports.icmpv6.intersect(&carried.icmpv6),
        other: ports.other.intersect(&carried.other),
        named: ports.named.clone(),
    };
    cut.named
        .retain(|(transport, _)| !carried.transport(*transport).is_empty());
    cut
}

/// What one set takes: `None` stands for "all traffic", which needs neither list.
///
/// # Errors
/// If the set cannot be said.
pub(super) fn matched(
    ports: &PortSet,
    carried: &PortSet,
    version: (u16, u16),
) -> Result<Vec<Option<Matched>>, Unsayable> {
    let ports = cut(ports, carried);
    if ports == *carried {
        return Ok(vec![None]);
    }
    let mut all = Vec::new();
    let mut entries = Vec::new();
    for transport in Transport::ALL {
        if ports.has_every(transport) {
            entries.push(entry("0", None, transport.upper()));
            continue;
        }
        for (low, high) in ports.transport(transport).iter() {
            let end = (high > low).then_some(high);
            entries.push(entry(&low.to_string(), end, transport.upper()));
        }
        for (_, name) in ports.named.iter().filter(|(of, _)| *of == transport) {
            entries.push(entry(name, None, transport.upper()));
        }
    }
    entries.extend(other(&ports, version)?);
    if !entries.is_empty() {
        let rules = entries
            .chunks(MOST_PORTS)
            .map(|ports| PortRule {
                ports: ports.to_vec(),
                rules: None,
            })
            .collect();
        all.push(Some(Matched::Ports(rules)));
    }
    let mut fields = messages(&ports.icmp, "IPv4")?;
    fields.extend(messages(&ports.icmpv6, "IPv6")?);
    if !fields.is_empty() {
        let rules = fields
            .chunks(MOST_PORTS)
            .map(|fields| IcmpRule {
                fields: fields.to_vec(),
            })
            .collect();
        all.push(Some(Matched::Icmps(rules)));
    }
    Ok(all)
}

fn entry(port: &str, end_port: Option<u16>, protocol: &'static str) -> PortProtocol {
    PortProtocol {
        port: port.to_owned(),
        end_port,
        protocol,
    }
}

fn other(ports: &PortSet, version: (u16, u16)) -> Result<Vec<PortProtocol>, Unsayable> {
    let mut entries = Vec::new();
    for (low, high) in ports.other.iter() {
        if high - low > 16 {
            return Err(Unsayable::MostProtocols);
        }
        for number in low..=high {
            let known = EXTENDED
                .iter()
                .find(|(known, _, since)| *known == number && version >= *since);
            let (_, name, _) = known.ok_or(Unsayable::Protocol(number))?;
            entries.push(entry("0", None, name));
        }
    }
    Ok(entries)
}

/// The types of one family. Type 0 is kept by Cilium as port 0, which is every type: it says all of them, and cannot say itself.
fn messages(set: &Ranges<u16>, family: &'static str) -> Result<Vec<IcmpField>, Unsayable> {
    if set.is_full() {
        return Ok(vec![IcmpField { family, kind: 0 }]);
    }
    let mut fields = Vec::new();
    for (low, high) in set.iter() {
        if low & 255 != 0 || high & 255 != 255 {
            return Err(Unsayable::IcmpCode);
        }
        for kind in low >> 8..=high >> 8 {
            if kind == 0 {
                return Err(Unsayable::IcmpTypeZero);
            }
            fields.push(IcmpField {
                family,
                kind: kind as u8,
            });
        }
    }
    Ok(fields)
}

/// Puts a filter that lets every name pass on port rules, so that the agent sees the answers.
pub(super) fn observe_names(matched: &mut Option<Matched>) {
    if let Some(Matched::Ports(rules)) = matched {
        for rule in rules {
            rule.rules = Some(DnsRules {
                dns: vec![Name::any()],
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> PortSet {
        carried(&Cluster::unknown(), (1, 19))
    }

    #[test]
    fn all_traffic_needs_no_list() {
        assert_eq!(matched(&PortSet::all(), &plain(), (1, 19)), Ok(vec![None]));
    }

    #[test]
    fn more_than_forty_ports_take_several_rules() {
        let mut ports = PortSet::empty();
        ports.tcp = (1..=41u16).map(|at| (at * 2, at * 2)).collect();
        let all = matched(&ports, &plain(), (1, 19)).expect("ports are sayable");
        let rules = match &all[..] {
            [Some(Matched::Ports(rules))] => rules.as_slice(),
            _ => &[],
        };
        assert_eq!(
            rules
                .iter()
                .map(|rule| rule.ports.len())
                .collect::<Vec<_>>(),
            [40, 1]
        );
    }

    #[test]
    fn messages_stand_apart_and_type_zero_is_all_or_nothing() {
        let mut ports = PortSet::of(Transport::Tcp, 80, 80);
        ports.icmp = Ranges::full();
        assert_eq!(
            matched(&ports, &plain(), (1, 19)).map(|all| all.len()),
            Ok(2)
        );
        ports.icmp = Ranges::of(0, 255);
        assert_eq!(
            matched(&ports, &plain(), (1, 19)),
            Err(Unsayable::IcmpTypeZero)
        );
        ports.icmp = Ranges::of(8 * 256, 8 * 256);
        assert_eq!(matched(&ports, &plain(), (1, 19)), Err(Unsayable::IcmpCode));
    }

    #[test]
    fn protocols_by_number_need_the_fact_and_the_version() {
        let mut cluster = Cluster::unknown();
        cluster.extended_protocols = true;
        let mut ports = PortSet::empty();
        ports.other = Ranges::of(47, 47);
        assert_eq!(
            matched(&ports, &carried(&cluster, (1, 19)), (1, 19)),
            Err(Unsayable::Protocol(47))
        );
        assert!(matched(&ports, &carried(&cluster, (1, 20)), (1, 20)).is_ok());
    }
}
