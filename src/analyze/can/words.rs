//! The words of a question, for the parts of its answer.
//!
//! Takes: a question, and regions that mean something only within it. Gives: regions that are parts of it.

use crate::meaning::{Index, Oracle};
use crate::model::Check;
use crate::space::{
    Direction, EndpointSet, FlowBox, Namespaces, Pods, PortSet, Region, Selector, ValueSet,
};

/// More regions than so many are not compared with each other.
const PAIRWISE: usize = 400;

/// What is asked of the subjects of one partition, in the words of the question.
pub(super) struct Asked {
    direction: Direction,
    /// Whether the subjects' namespace is declared, so that its labels go without saying.
    declared: bool,
    /// The subjects, in this partition.
    subjects: Vec<Pods>,
    peers: EndpointSet,
    ports: PortSet,
}

impl Asked {
    /// What is asked of the oracle's subjects.
    pub(super) fn of(index: &Index<'_>, check: &Check, oracle: &Oracle<'_>, to: usize) -> Self {
        let (to, ports) = &check.to[to];
        let (subject, peers) = match oracle.direction() {
            Direction::Egress => (&check.from, to.clone()),
            // Pods that open connections are asked at their own end.
            Direction::Ingress => {
                let others = EndpointSet {
                    pods: Vec::new(),
                    ..check.from.clone()
                };
                (to, others)
            }
        };
        let names = match index.name(oracle.partition()) {
            Some(name) => ValueSet::one(name.clone()),
            None => {
                let declared = index.program.namespaces.iter().map(|one| one.name.clone());
                ValueSet::not_among(declared.chain(index.undeclared().iter().cloned()))
            }
        };
        let here = Pods {
            namespaces: Namespaces {
                names,
                ..Namespaces::any()
            },
            ..Pods::any()
        };
        let declared = index.declared(oracle.partition()).is_some();
        let meets = |pods: &&Pods| index.meets(&pods.namespaces, oracle.partition());
        let subjects = subject.pods.iter().filter(meets).map(|pods| {
            let mut pods = pods.intersect(&here);
            if declared {
                pods.namespaces.labels = Selector::any();
            }
            pods
        });
        Asked {
            direction: oracle.direction(),
            declared,
            subjects: subjects.filter(|pods| !pods.is_empty()).collect(),
            peers,
            ports: ports.clone(),
        }
    }

    /// All of it.
    pub(super) fn whole(&self) -> Vec<Region> {
        let flows = |subject: &Pods| FlowBox {
            subject: subject.clone(),
            peers: self.peers.clone(),
            ports: self.ports.clone(),
        };
        let regions = self.subjects.iter().map(flows);
        regions
            .map(|flows| Region::of(self.direction, flows))
            .collect()
    }

    /// The part of a region that is asked about; where that cannot be said as a box, more than that.
    pub(super) fn narrow(&self, region: &Region) -> Vec<Region> {
        let FlowBox {
            subject,
            peers,
            ports,
        } = &region.flows;
        let peers = peers.intersect(&self.peers);
        let ports = ports.intersect(&self.ports);
        let flows = FlowBox {
            subject: subject.clone(),
            peers: peers.unwrap_or_else(|| region.flows.peers.clone()),
            ports: ports.unwrap_or_else(|| region.flows.ports.clone()),
        };
        let subjects = self.subjects.iter().map(|asked| {
            let mut both = asked.intersect(subject);
            if self.declared {
                both.namespaces.labels = Selector::any();
            }
            both
        });
        subjects
            .map(|subject| Region {
                flows: FlowBox {
                    subject,
                    ..flows.clone()
                },
                ..region.clone()
            })
            .filter(|region| !region.flows.is_empty())
            .collect()
    }
}

/// Fewer regions with the same flows: two that differ in one respect become one.
pub(super) fn merge(mut regions: Vec<Region>) -> Vec<Region> {
    regions.sort();
    regions.dedup();
    let mut at = 0;
    while at < regions.len() && regions.len() <= PAIRWISE {
        let mut others = at + 1..regions.len();
        let found = others.find_map(|other| Some((other, regions[at].merged(&regions[other])?)));
        match found {
            Some((other, merged)) => {
                regions.remove(other);
                regions[at] = merged;
                // What did not go with one of them may go with both.
                at = 0;
            }
            None => at += 1,
        }
    }
    regions.sort();
    regions
}
