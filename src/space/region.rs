//! A part of the flows in words: a box, and what no box can say of named ports and DNS names.

use std::collections::BTreeSet;
use std::fmt;

use smol_str::SmolStr;

use super::flow::Direction;
use super::flow_box::FlowBox;
use super::ports::Transport;

/// What is also true of each flow. A name and a number, or a name and an address, can be told apart for no pod and no outsider in particular, so a set of ports
/// or of ends holds one or the other, and a condition says both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Condition {
    /// The destination, a pod, calls the port so (`is`), or not.
    Port {
        /// The protocol.
        transport: Transport,
        /// The name.
        name: SmolStr,
        /// Whether it does.
        is: bool,
    },
    /// The other end has this DNS name (`is`), or not.
    Name {
        /// The name, as programs write it.
        name: SmolStr,
        /// Whether it has.
        is: bool,
    },
}

/// The flows of a box, in one direction, that fulfil all conditions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Region {
    /// Whose policy decides.
    pub direction: Direction,
    /// The box.
    pub flows: FlowBox,
    /// What it cannot say; mostly nothing.
    pub conditions: BTreeSet<Condition>,
}

impl Region {
    /// The whole box.
    pub fn of(direction: Direction, flows: FlowBox) -> Self {
        Region {
            direction,
            flows,
            conditions: BTreeSet::new(),
        }
    }

    /// Both as one, if they differ in one respect only: exactly what is in either.
    pub fn merged(&self, other: &Self) -> Option<Region> {
        if self.direction != other.direction || self.conditions != other.conditions {
            return None;
        }
        let (a, b) = (&self.flows, &other.flows);
        let flows = match (
            a.subject == b.subject,
            a.peers == b.peers,
            a.ports == b.ports,
        ) {
            (true, true, _) => FlowBox {
                ports: a.ports.union(&b.ports),
                ..a.clone()
            },
            (true, false, true) => FlowBox {
                peers: a.peers.union(&b.peers),
                ..a.clone()
            },
            (false, true, true) => FlowBox {
                subject: a.subject.merged(&b.subject)?,
                ..a.clone()
            },
            _ => return None,
        };
        Some(Region {
            flows,
            ..self.clone()
        })
    }
}

impl fmt::Display for Condition {
    /// `its port "http"`, `not its port "http"`, `not "a.example"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, is) = match self {
            Condition::Port { name, is, .. } => ("its port ", name, is),
            Condition::Name { name, is } => ("", name, is),
        };
        f.write_str(if *is { "" } else { "not " })?;
        write!(f, "{what}\"{name}\"")
    }
}

impl fmt::Display for Region {
    /// `pods{app=web} in shop -> pods{app=db} in data on tcp 5432`; conditions in brackets: ` (not its port "http")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowBox {
            subject,
            peers,
            ports,
        } = &self.flows;
        match self.direction {
            Direction::Egress => write!(f, "{subject} -> {peers} on {ports}")?,
            Direction::Ingress => write!(f, "{peers} -> {subject} on {ports}")?,
        }
        for (at, condition) in self.conditions.iter().enumerate() {
            write!(f, "{}{condition}", if at == 0 { " (" } else { ", " })?;
        }
        f.write_str(if self.conditions.is_empty() { "" } else { ")" })
    }
}
