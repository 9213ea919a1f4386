//! Sets of protocols with ports, ICMP messages and named ports.

use std::collections::BTreeSet;
use std::fmt;

use smol_str::SmolStr;

use super::ranges::Ranges;

/// Protocols that have ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// TCP, 6
    Tcp,
    /// UDP, 17
    Udp,
    /// SCTP, 132
    Sctp,
}

impl Transport {
    /// All three.
    pub const ALL: [Transport; 3] = [Transport::Tcp, Transport::Udp, Transport::Sctp];

    /// `TCP`, `UDP`, `SCTP`: as every target writes them.
    pub fn upper(self) -> &'static str {
        match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
            Transport::Sctp => "SCTP",
        }
    }

    /// The IANA protocol number.
    pub fn number(self) -> u8 {
        match self {
            Transport::Tcp => 6,
            Transport::Udp => 17,
            Transport::Sctp => 132,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Sctp => "sctp",
        })
    }
}

/// A set of (protocol, port), (protocol, type, code) and protocols. Named ports are atoms: nothing is known of their number, so
/// they can be united but not subtracted; an operation that would need a complement of them says so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PortSet {
    /// TCP ports, within 1-65535.
    pub tcp: Ranges<u16>,
    /// UDP ports, within 1-65535.
    pub udp: Ranges<u16>,
    /// SCTP ports, within 1-65535.
    pub sctp: Ranges<u16>,
    /// ICMP messages as `type * 256 + code`.
    pub icmp: Ranges<u16>,
    /// ICMPv6 messages as `type * 256 + code`.
    pub icmpv6: Ranges<u16>,
    /// Other protocols by number; 1, 6, 17, 58 and 132 are never in it.
    pub other: Ranges<u8>,
    /// Named ports of the destination pod that are not already covered by all ports of their protocol.
    pub named: BTreeSet<(Transport, SmolStr)>,
}

impl PortSet {
    /// Nothing.
    pub fn empty() -> Self {
        PortSet::default()
    }

    /// Every protocol and port.
    pub fn all() -> Self {
        let spoken = [1u8, 6, 17, 58, 132]
            .into_iter()
            .map(|number| (number, number))
            .collect::<Ranges<u8>>();
        PortSet {
            tcp: Ranges::of(1, u16::MAX),
            udp: Ranges::of(1, u16::MAX),
            sctp: Ranges::of(1, u16::MAX),
            icmp: Ranges::full(),
            icmpv6: Ranges::full(),
            other: spoken.complement(),
            named: BTreeSet::new(),
        }
    }

    /// Every port of TCP, UDP and SCTP: the universe of Kubernetes NetworkPolicy.
    pub fn transports() -> Self {
        PortSet {
            icmp: Ranges::empty(),
            icmpv6: Ranges::empty(),
            other: Ranges::empty(),
            ..PortSet::all()
        }
    }

    /// Ports `low` to `high` (1-65535) of one protocol.
    pub fn of(transport: Transport, low: u16, high: u16) -> Self {
        let mut set = PortSet::empty();
        *set.transport_mut(transport) = Ranges::of(low.max(1), high);
        set
    }

    /// One named port.
    pub fn of_named(transport: Transport, name: impl Into<SmolStr>) -> Self {
        PortSet {
            named: BTreeSet::from([(transport, name.into())]),
            ..PortSet::default()
        }
    }

    /// The same for a destination whose names of ports have known numbers; a name without one is no port of it.
    pub fn resolved(&self, number: impl Fn(&(Transport, SmolStr)) -> Option<u16>) -> Self {
        let mut ports = PortSet {
            named: BTreeSet::new(),
            ..self.clone()
        };
        for name in &self.named {
            if let Some(number) = number(name) {
                let known = ports.transport_mut(name.0);
                *known = known.union(&Ranges::of(number, number));
            }
        }
        ports
    }

    /// The numbered ports of one protocol.
    pub fn transport(&self, transport: Transport) -> &Ranges<u16> {
        match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
            Transport::Sctp => &self.sctp,
        }
    }

    /// The numbered ports of one protocol, to change.
    pub fn transport_mut(&mut self, transport: Transport) -> &mut Ranges<u16> {
        match transport {
            Transport::Tcp => &mut self.tcp,
            Transport::Udp => &mut self.udp,
            Transport::Sctp => &mut self.sctp,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        *self == PortSet::default()
    }

    /// Whether everything is in it.
    pub fn is_all(&self) -> bool {
        *self == PortSet::all()
    }

    /// Whether all ports of a protocol are in it.
    pub fn has_every(&self, transport: Transport) -> bool {
        *self.transport(transport) == Ranges::of(1, u16::MAX)
    }

    fn each(
        &self,
        other: &Self,
        ports: impl Fn(&Ranges<u16>, &Ranges<u16>) -> Ranges<u16>,
        numbers: impl Fn(&Ranges<u8>, &Ranges<u8>) -> Ranges<u8>,
    ) -> Self {
        PortSet {
            tcp: ports(&self.tcp, &other.tcp),
            udp: ports(&self.udp, &other.udp),
            sctp: ports(&self.sctp, &other.sctp),
            icmp: ports(&self.icmp, &other.icmp),
            icmpv6: ports(&self.icmpv6, &other.icmpv6),
            other: numbers(&self.other, &other.other),
            named: BTreeSet::new(),
        }
    }

    /// Drops the names that all ports of their protocol cover.
    fn settled(mut self) -> Self {
        let covered = Transport::ALL.map(|transport| self.has_every(transport));
        self.named
            .retain(|(transport, _)| !covered[*transport as usize]);
        self
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.each(other, Ranges::union, Ranges::union);
        all.named = self.named.union(&other.named).cloned().collect();
        all.settled()
    }

    /// What is in both, if that can be said: a name and some but not all numbers of its protocol overlap in a way that no set of ports says.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut both = self.each(other, Ranges::intersect, Ranges::intersect);
        for (mine, theirs) in [(self, other), (other, self)] {
            for atom in &mine.named {
                let numbers = theirs.transport(atom.0);
                if theirs.named.contains(atom) || theirs.has_every(atom.0) {
                    both.named.insert(atom.clone());
                } else if !numbers.is_empty()
                    || theirs
                        .named
                        .iter()
                        .any(|(transport, _)| *transport == atom.0)
                {
                    return None;
                }
            }
        }
        Some(both.settled())
    }

    /// What is in this one only, if that can be said: names cannot be told from numbers.
    pub fn subtract(&self, other: &Self) -> Option<Self> {
        let mut rest = self.each(other, Ranges::subtract, Ranges::subtract);
        for atom in &other.named {
            if !self.named.contains(atom) && !self.transport(atom.0).is_empty()
                || self
                    .named
                    .iter()
                    .any(|mine| mine.0 == atom.0 && mine != atom)
            {
                return None;
            }
            if !self
                .transport(atom.0)
                .subtract(other.transport(atom.0))
                .is_empty()
            {
                return None;
            }
        }
        for atom in &self.named {
            if other.named.contains(atom) || other.has_every(atom.0) {
                continue;
            }
            if !other.transport(atom.0).is_empty() {
                return None;
            }
            rest.named.insert(atom.clone());
        }
        Some(rest.settled())
    }

    /// Whether both certainly share nothing, whatever number a name may have.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersect(other).is_some_and(|both| both.is_empty())
    }
}

impl fmt::Display for PortSet {
    /// In the words of the language: `tcp 80, 443, udp 53`, `all`; in words like them where it has none: `all but tcp 80`, `protocols 45-57`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        let all = PortSet::all();
        if self.named.is_empty() && self.other == all.other {
            let others = all.each(self, Ranges::subtract, Ranges::subtract);
            return write!(f, "all but {others}");
        }
        let mut items: Vec<String> = Vec::new();
        for transport in Transport::ALL {
            let mut entries: Vec<String> = if self.has_every(transport) {
                vec!["all".to_owned()]
            } else {
                self.transport(transport)
                    .iter()
                    .map(|(low, high)| {
                        if low == high {
                            low.to_string()
                        } else {
                            format!("{low}-{high}")
                        }
                    })
                    .collect()
            };
            entries.extend(
                self.named
                    .iter()
                    .filter(|(of, _)| *of == transport)
                    .map(|(_, name)| format!("\"{name}\"")),
            );
            if !entries.is_empty() {
                items.push(format!("{transport} {}", entries.join(", ")));
            }
        }
        for (word, messages) in [("icmp", &self.icmp), ("icmpv6", &self.icmpv6)] {
            if messages.is_full() {
                items.push(word.to_owned());
                continue;
            }
            for (low, high) in messages.iter() {
                for kind in low >> 8..=high >> 8 {
                    let from = if kind == low >> 8 { low & 255 } else { 0 };
                    let to = if kind == high >> 8 { high & 255 } else { 255 };
                    match (from, to) {
                        (0, 255) => items.push(format!("{word} type {kind}")),
                        _ => items.extend(
                            (from..=to).map(|code| format!("{word} type {kind} code {code}")),
                        ),
                    }
                }
            }
        }
        for (low, high) in self.other.iter() {
            items.push(match low == high {
                true => format!("protocol {low}"),
                false => format!("protocols {low}-{high}"),
            });
        }
        f.write_str(if items.is_empty() { "no port" } else { "" })?;
        f.write_str(&items.join(", "))
    }
}
