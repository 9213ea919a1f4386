//! A box of flows: subject × peers × ports. What text is made of; the diagrams are what truth is asked of.

use super::endpoints::EndpointSet;
use super::pods::Pods;
use super::ports::PortSet;

/// All flows of one direction between `subject` and `peers` with traffic in `ports`. Relations in `peers` are to the subject's namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FlowBox {
    /// The pod whose policy decides.
    pub subject: Pods,
    /// The other end.
    pub peers: EndpointSet,
    /// The traffic.
    pub ports: PortSet,
}

/// Why a difference of boxes is no union of boxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inexpressible {
    /// Addresses and DNS names cannot be told apart: any address may have the name.
    NamesAndAddresses,
    /// Named and numbered ports cannot be told apart: the name may have the number.
    NamedPorts,
}

impl FlowBox {
    /// Whether it is certainly empty, whatever is declared.
    pub fn is_empty(&self) -> bool {
        self.subject.is_empty() || self.peers.is_empty() || self.ports.is_empty()
    }

    /// This box less another, as disjoint boxes: split on the subject, then on the peers, then on the ports, so that k blockers
    /// make a number of boxes linear in k where they are nested or apart.
    ///
    /// # Errors
    /// If the rest cannot be said as boxes.
    pub fn minus(&self, other: &FlowBox) -> Result<Vec<FlowBox>, Inexpressible> {
        let subject = self.subject.intersect(&other.subject);
        if subject.is_empty() || self.ports.is_disjoint(&other.ports) {
            return Ok(vec![self.clone()]);
        }
        let peers = self.peers.intersect(&other.peers);
        if peers.as_ref().is_some_and(EndpointSet::is_empty) {
            return Ok(vec![self.clone()]);
        }
        let mut rest: Vec<FlowBox> = self
            .subject
            .subtract(&other.subject)
            .into_iter()
            .map(|subject| FlowBox {
                subject,
                ..self.clone()
            })
            .collect();
        let others = self
            .peers
            .subtract(&other.peers)
            .ok_or(Inexpressible::NamesAndAddresses)?;
        rest.push(FlowBox {
            subject: subject.clone(),
            peers: others,
            ports: self.ports.clone(),
        });
        let peers = peers.ok_or(Inexpressible::NamesAndAddresses)?;
        let ports = self
            .ports
            .subtract(&other.ports)
            .ok_or(Inexpressible::NamedPorts)?;
        rest.push(FlowBox {
            subject,
            peers,
            ports,
        });
        rest.retain(|flows| !flows.is_empty());
        Ok(rest)
    }

    /// What is in both; `None` if it is no box.
    pub fn intersect(&self, other: &FlowBox) -> Option<FlowBox> {
        Some(FlowBox {
            subject: self.subject.intersect(&other.subject),
            peers: self.peers.intersect(&other.peers)?,
            ports: self.ports.intersect(&other.ports)?,
        })
    }
}
