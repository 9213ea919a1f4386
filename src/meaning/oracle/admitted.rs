//! The other end's view, in the diagrams of this one: a flow gets through only if the destination pod's ingress allows it too.
//!
//! An oracle of egress knows the source as its subject and the destination as its peer, one of ingress the other way round. Here the policies of the other end
//! are read with the roles exchanged: what they select is the peer, whom they let in is the subject. Relations between the two namespaces are symmetric, so they may
//! be asked from either side.

use std::sync::Arc;

use super::{Oracle, PolicyDiagram, Set, TooLarge, selecting, terminal};
use crate::meaning::index::{Index, Partition};
use crate::model::{Block, Clause, PolicyId};
use crate::space::diagram::{Full, Id, Op};
use crate::space::{EndpointSet, FlowBox, Namespaces, Pods, PortSet, ValueSet};

impl<'p> Oracle<'p> {
    /// The flows between this oracle's subjects and pods of a partition that those pods' policies allow at their end. `index` is this oracle's own, or the
    /// other one of its [`Index::pair`].
    ///
    /// # Errors
    /// If it is too large.
    pub fn admitted(
        &mut self,
        index: &Arc<Index<'p>>,
        destination: Partition,
    ) -> Result<Set, TooLarge> {
        let there = self.pods_of(index, destination)?;
        self.admitted_of(index, destination, there)
    }

    /// Of flows between this oracle's subjects and pods of a partition, those that the pods' policies allow at their end. Policies that select none of these pods are not worked
    /// out, so few flows cost less than all.
    ///
    /// # Errors
    /// If it is too large.
    pub fn admitted_of(
        &mut self,
        index: &Arc<Index<'p>>,
        destination: Partition,
        flows: Set,
    ) -> Result<Set, TooLarge> {
        self.checked(|oracle| {
            let decision = oracle.admission(index, destination, flows)?;
            let allowed = oracle.manager.apply(Op::Same, decision, Id::ALLOW)?;
            oracle.manager.apply(Op::And, flows.0, allowed).map(Set)
        })
    }

    /// The flows whose other end is a pod.
    ///
    /// # Errors
    /// If it is too large.
    pub fn between_pods(&mut self) -> Result<Set, TooLarge> {
        self.set(&FlowBox {
            subject: Pods::any(),
            peers: EndpointSet::of_pods([Pods::any()]),
            ports: PortSet::all(),
        })
    }

    /// The flows to pods of a partition.
    ///
    /// # Errors
    /// If it is too large.
    pub fn pods_of(&mut self, index: &Index<'_>, destination: Partition) -> Result<Set, TooLarge> {
        let names = match index.name(destination) {
            Some(name) => ValueSet::one(name.clone()),
            None => {
                let declared = index.program.namespaces.iter().map(|one| one.name.clone());
                ValueSet::not_among(declared.chain(index.undeclared().iter().cloned()))
            }
        };
        let pods = Pods {
            namespaces: Namespaces {
                names,
                ..Namespaces::any()
            },
            ..Pods::any()
        };
        self.set(&FlowBox {
            subject: Pods::any(),
            peers: EndpointSet::of_pods([pods]),
            ports: PortSet::all(),
        })
    }

    /// The flows of boxes of ingress, from this oracle's subjects: the boxes' subjects are the destinations.
    ///
    /// # Errors
    /// If it is too large.
    pub fn entering(&mut self, flows: &[FlowBox]) -> Result<Set, TooLarge> {
        self.checked(|oracle| {
            let mut parts = Vec::with_capacity(flows.len());
            for one in flows {
                let clause = Clause {
                    subject: Some(vec![one.subject.clone()]),
                    peers: one.peers.clone(),
                    ports: one.ports.clone(),
                };
                parts.push(oracle.admitting_clause(&clause)?);
            }
            oracle.manager.fold(Op::Over, parts, Id::NONE).map(Set)
        })
    }

    /// What the destination's ingress decides of some flows: allowed or denied. Of others it says something or other.
    fn admission(
        &mut self,
        index: &Arc<Index<'p>>,
        destination: Partition,
        flows: Set,
    ) -> Result<Id, Full> {
        let program = index.program;
        let direction = self.direction.opposite();
        let tiers = selecting(index, destination, direction);
        let mut stages = Vec::with_capacity(tiers.len() + 1);
        for (tier, ids) in program.tiers.iter().zip(tiers) {
            let mut policies = Vec::with_capacity(ids.len());
            for id in ids {
                policies.extend(self.admitting(index, id, flows)?);
            }
            stages.push(self.together(&policies, tier.otherwise.denies())?);
        }
        let default = program.default.as_ref();
        stages.push(
            match default.and_then(|default| Some((default, default.block(direction)?))) {
                Some((default, block)) => {
                    let selected = self.destinations(&default.subject, &PortSet::all())?;
                    let rules = self.admitting_block(index, block)?;
                    self.ending(selected, rules)?
                }
                None => Id::ALLOW,
            },
        );
        self.manager.fold(Op::Chain, stages, Id::ALLOW)
    }

    /// A policy of the destination: whom it selects is the other end. `None` if it selects the pods of none of these flows.
    fn admitting(
        &mut self,
        index: &Arc<Index<'p>>,
        id: PolicyId,
        flows: Set,
    ) -> Result<Option<PolicyDiagram>, Full> {
        let policy = index.program.policy(id);
        let selected = self.destinations(&policy.subject, &PortSet::all())?;
        if self.manager.apply(Op::And, flows.0, selected)? == Id::NONE {
            return Ok(None);
        }
        let rules = match policy.block(self.direction.opposite()) {
            Some(block) => self.admitting_block(index, block)?,
            None => Id::NONE,
        };
        let decides = self.manager.apply(Op::And, selected, rules)?;
        Ok(Some(PolicyDiagram { selected, decides }))
    }

    fn admitting_block(&mut self, index: &Index<'_>, block: &Block) -> Result<Id, Full> {
        let mut rules = Vec::with_capacity(block.rules.len());
        for rule in block.rules.iter().filter(|rule| index.in_force(rule)) {
            let Some(terminal) = terminal(rule.action) else {
                continue;
            };
            let clauses = rule
                .clauses
                .iter()
                .map(|clause| self.admitting_clause(clause))
                .collect::<Result<Vec<Id>, Full>>()?;
            let matched = self.manager.fold(Op::Over, clauses, Id::NONE)?;
            rules.push(self.manager.apply(Op::And, matched, terminal)?);
        }
        self.manager.fold(Op::Over, rules, Id::NONE)
    }

    fn admitting_clause(&mut self, clause: &Clause) -> Result<Id, Full> {
        let anyone = [Pods::any()];
        let selected = clause.subject.as_deref().unwrap_or(&anyone);
        let mut parts = Vec::with_capacity(clause.peers.pods.len());
        for source in &clause.peers.pods {
            let mut from = source.clone();
            let relations = std::mem::take(&mut from.namespaces.same);
            let from = self.subject(&from)?;
            if from == Id::NONE {
                continue;
            }
            let mut to = selected.to_vec();
            for pods in &mut to {
                pods.namespaces.same.extend(relations.iter().cloned());
                pods.namespaces.same.sort();
                pods.namespaces.same.dedup();
            }
            let to = self.destinations(&to, &clause.ports)?;
            parts.push(self.manager.apply(Op::And, from, to)?);
        }
        self.manager.fold(Op::Over, parts, Id::NONE)
    }

    /// The flows to pods of a union, on some ports of theirs.
    fn destinations(&mut self, pods: &[Pods], ports: &PortSet) -> Result<Id, Full> {
        self.peers(&EndpointSet::of_pods(pods.iter().cloned()), ports, Id::ALL)
    }
}
