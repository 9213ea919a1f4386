//! One concrete flow: what a witness is, and what people are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use smol_str::SmolStr;

use super::ports::Transport;

/// A pod that could exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Pod {
    /// The name of its namespace.
    pub namespace: SmolStr,
    /// The labels of its namespace, without `kubernetes.io/metadata.name`.
    pub namespace_labels: BTreeMap<SmolStr, SmolStr>,
    /// Its labels.
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// Its service account.
    pub service_account: SmolStr,
    /// Names of its ports, and their numbers.
    pub named_ports: BTreeMap<(Transport, SmolStr), u16>,
}

/// One end of a flow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// A pod.
    Pod(Pod),
    /// A node, by one of its addresses.
    Node(IpAddr),
    /// An address that is neither pod nor node, and the DNS names of the program that are known to resolve to it.
    Outside {
        /// The address.
        address: IpAddr,
        /// The names, as the program writes them.
        names: BTreeSet<SmolStr>,
    },
    /// The CNI's ingress proxy.
    Proxy,
}

impl End {
    /// The pod, if it is one.
    pub fn pod(&self) -> Option<&Pod> {
        match self {
            End::Pod(pod) => Some(pod),
            End::Node(_) | End::Outside { .. } | End::Proxy => None,
        }
    }
}

/// The protocol of a flow, with its destination port or message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Traffic {
    /// TCP, UDP or SCTP to a port, 1-65535.
    Port(Transport, u16),
    /// ICMP type and code.
    Icmp(u8, u8),
    /// ICMPv6 type and code.
    Icmpv6(u8, u8),
    /// Another protocol, by number.
    Protocol(u8),
}

/// A direction, seen from the pod whose policy decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// To the pod.
    Ingress,
    /// From the pod.
    Egress,
}

impl Direction {
    /// Both.
    pub const BOTH: [Direction; 2] = [Direction::Ingress, Direction::Egress];

    /// The direction that the other end sees.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        }
    }

    /// `ingress`, `egress`
    pub fn word(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }
}

/// A flow as one pod's policy sees it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow {
    /// Whose policy decides: the destination's (ingress) or the source's (egress).
    pub direction: Direction,
    /// The pod whose policy decides.
    pub subject: Pod,
    /// The other end.
    pub peer: End,
    /// What is sent.
    pub traffic: Traffic,
}

impl Flow {
    /// The same flow as the other end sees it; `None` if that is no pod.
    pub fn mirrored(&self) -> Option<Flow> {
        let End::Pod(peer) = &self.peer else {
            return None;
        };
        Some(Flow {
            direction: self.direction.opposite(),
            subject: peer.clone(),
            peer: End::Pod(self.subject.clone()),
            traffic: self.traffic,
        })
    }

    /// The pod at the destination, if it is one: the one whose named ports count.
    pub fn destination(&self) -> Option<&Pod> {
        match (self.direction, &self.peer) {
            (Direction::Ingress, _) => Some(&self.subject),
            (Direction::Egress, End::Pod(pod)) => Some(pod),
            (Direction::Egress, _) => None,
        }
    }
}

impl fmt::Display for Pod {
    /// `pods{app=web} in shop`, the labels of the namespace in brackets where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |labels: &BTreeMap<SmolStr, SmolStr>| {
            labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        f.write_str("pods")?;
        if !self.labels.is_empty() {
            write!(f, "{{{}}}", list(&self.labels))?;
        }
        write!(f, " in {}", self.namespace)?;
        if !self.namespace_labels.is_empty() {
            write!(f, " [{}]", list(&self.namespace_labels))?;
        }
        if !self.service_account.is_empty() && self.service_account != "default" {
            write!(f, " as {}", self.service_account)?;
        }
        Ok(())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Pod(pod) => pod.fmt(f),
            End::Node(address) => write!(f, "node {address}"),
            End::Outside { address, names } if names.is_empty() => write!(f, "{address}"),
            End::Outside { address, names } => {
                write!(
                    f,
                    "{address} [{}]",
                    names
                        .iter()
                        .map(|name| format!("\"{name}\""))
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            }
            End::Proxy => f.write_str("ingress-proxy"),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Traffic::Port(transport, port) => write!(f, "{transport} {port}"),
            Traffic::Icmp(kind, code) => write!(f, "icmp type {kind} code {code}"),
            Traffic::Icmpv6(kind, code) => write!(f, "icmpv6 type {kind} code {code}"),
            Traffic::Protocol(number) => write!(f, "protocol {number}"),
        }
    }
}

impl fmt::Display for Flow {
    /// `pods{app=web} in shop -> pods{app=db} in data on tcp 5432`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Egress => {
                write!(f, "{} -> {} on {}", self.subject, self.peer, self.traffic)?
            }
            Direction::Ingress => {
                write!(f, "{} -> {} on {}", self.peer, self.subject, self.traffic)?
            }
        }
        let named = self
            .destination()
            .into_iter()
            .flat_map(|pod| &pod.named_ports);
        let named: Vec<String> = named
            .map(|((_, name), port)| format!("{port} is its port \"{name}\""))
            .collect();
        if named.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", named.join(", "))
        }
    }
}
