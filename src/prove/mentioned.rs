//! Ends as written: what a program mentions and an end does not say, the end does not have.
//!
//! Takes: a program and what was not understood beside it. Gives: ends without the labels, ports and names that others mention.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::backend::read::Unread;
use crate::meaning::Index;
use crate::model::Program;
use crate::space::{EndpointSet, Namespaces, Pods, PortSet, Same, Selector, Transport, ValueSet};

/// What a program, and what was not understood beside it, mention: what an end as written does not have.
#[derive(Clone, Debug)]
pub struct Mentioned {
    /// Keys of labels of pods.
    pub labels: BTreeSet<SmolStr>,
    /// Keys of labels of namespaces.
    pub namespace_labels: BTreeSet<SmolStr>,
    /// Names of ports.
    pub ports: BTreeSet<(Transport, SmolStr)>,
    /// The numbers that the destination's names of ports are known to have.
    pub numbers: BTreeMap<(Transport, SmolStr), u16>,
    /// DNS names and patterns.
    pub names: BTreeSet<SmolStr>,
}

impl Mentioned {
    /// What a program and parts that were not understood mention.
    pub fn of(program: &Program, parts: &[Unread]) -> Self {
        let mut found = Mentioned {
            labels: BTreeSet::new(),
            namespace_labels: BTreeSet::new(),
            ports: BTreeSet::new(),
            numbers: BTreeMap::new(),
            names: BTreeSet::new(),
        };
        for policy in &program.policies {
            policy.subject.iter().for_each(|pods| found.pods(pods));
        }
        let blocks = program
            .policies
            .iter()
            .flat_map(|policy| [&policy.ingress, &policy.egress])
            .chain(
                program
                    .default
                    .iter()
                    .flat_map(|default| [&default.ingress, &default.egress]),
            )
            .flatten();
        if let Some(default) = &program.default {
            default.subject.iter().for_each(|pods| found.pods(pods));
        }
        for clause in blocks
            .flat_map(|block| &block.rules)
            .flat_map(|rule| &rule.clauses)
        {
            clause
                .subject
                .iter()
                .flatten()
                .for_each(|pods| found.pods(pods));
            found.end(&clause.peers, &clause.ports);
        }
        for flows in parts.iter().flat_map(|part| &part.flows) {
            found.pods(&flows.subject);
            found.end(&flows.peers, &flows.ports);
        }
        found
    }

    fn pods(&mut self, pods: &Pods) {
        let keys = |selector: &Selector| -> Vec<SmolStr> {
            selector.iter().map(|(key, _)| key.clone()).collect()
        };
        self.labels.extend(keys(&pods.labels));
        self.namespace_labels.extend(keys(&pods.namespaces.labels));
        for same in &pods.namespaces.same {
            if let Same::Label(key, _) = same {
                self.namespace_labels.insert(key.clone());
            }
        }
    }

    fn end(&mut self, end: &EndpointSet, ports: &PortSet) {
        end.pods.iter().for_each(|pods| self.pods(pods));
        self.names.extend(end.names.iter().cloned());
        self.ports.extend(ports.named.iter().cloned());
    }

    /// Pods as written: without the labels that these do not mention, under the account `default` unless they name one.
    fn written(&self, index: &Index<'_>, pods: &Pods) -> Vec<Pods> {
        let mut one = pods.clone();
        for key in &self.labels {
            if one.labels.get(key).is_any() {
                one.labels = one.labels.with(key, &ValueSet::absent());
            }
        }
        if one.service_account.is_any() {
            one.service_account = ValueSet::one("default");
        }
        let declared: Vec<SmolStr> = index
            .program
            .namespaces
            .iter()
            .map(|namespace| namespace.name.clone())
            .collect();
        let of = |names: ValueSet, labels: &Selector| Pods {
            namespaces: Namespaces {
                names: one.namespaces.names.intersect(&names),
                labels: labels.clone(),
                same: one.namespaces.same.clone(),
            },
            ..one.clone()
        };
        // The labels of a declared namespace are known.
        let mut labels = one.namespaces.labels.clone();
        for key in &self.namespace_labels {
            if labels.get(key).is_any() {
                labels = labels.with(key, &ValueSet::absent());
            }
        }
        [
            of(ValueSet::among(declared.clone()), &one.namespaces.labels),
            of(ValueSet::not_among(declared), &labels),
        ]
        .into_iter()
        .filter(|pods| !pods.is_empty())
        .collect()
    }

    pub(super) fn end_written(&self, index: &Index<'_>, end: &EndpointSet) -> EndpointSet {
        EndpointSet {
            pods: end
                .pods
                .iter()
                .flat_map(|pods| self.written(index, pods))
                .collect(),
            ..end.clone()
        }
    }
}
