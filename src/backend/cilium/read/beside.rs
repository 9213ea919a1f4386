//! Kubernetes' NetworkPolicies, which Cilium enforces beside its own kinds: one more source of allows, which closes what it selects.
//!
//! Takes: the policies as Kubernetes' reader understands them on Cilium. Gives: the same, with what is true only where labels are identities: labels of pods that the filter
//! keeps out never exist; a selector that only excludes is fulfilled by what has no labels at all, unless the cluster's name is asked for too; and `/0` is the whole world where
//! pods have one family.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::filter::is_filtered;
use super::identity::{Facts, Stack};
use crate::backend::kubernetes::read::policies_on;
use crate::backend::read::chain::{ReadPolicy, ReadRule};
use crate::backend::read::document::{Document, get};
use crate::backend::read::yaml::{Node, Value};
use crate::backend::read::{Context, Unread};
use crate::diagnostic::Diagnostics;
use crate::model::Cni;
use crate::space::{
    AddressSet, Direction, EndpointSet, FlowBox, Pods, PortSet, Selector, ValueSet,
};

/// The NetworkPolicies among documents: what they allow, and for whom they close which direction.
pub(super) fn policies(
    documents: &[Document],
    context: &Context<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Vec<ReadPolicy> {
    let facts = Facts::of(context);
    let worlds: BTreeMap<SmolStr, AddressSet> = documents
        .iter()
        .filter(|document| document.kind == "NetworkPolicy")
        .map(|document| (document.spoken(), whole_worlds(&document.node, facts)))
        .filter(|(_, world)| !world.is_empty())
        .collect();
    let mut all = policies_on(Cni::Cilium, documents, context, unread, diagnostics);
    for policy in &mut all {
        let none = AddressSet::empty();
        let world = worlds.get(&policy.object).unwrap_or(&none);
        for (direction, rules) in [
            (Direction::Ingress, &mut policy.ingress),
            (Direction::Egress, &mut policy.egress),
        ] {
            for rule in rules.iter_mut().flatten() {
                let more = beyond(rule, world, facts);
                if !more.is_empty() {
                    let subject = policy.subject.iter().flat_map(|subject| {
                        more.iter().map(|(peers, ports)| FlowBox {
                            subject: subject.clone(),
                            peers: peers.clone(),
                            ports: ports.clone(),
                        })
                    });
                    unread.push(Unread {
                        object: policy.object.clone(),
                        direction,
                        flows: subject.collect(),
                        why: format!(
                            "{}: what it excludes, or a CIDR of length 0 in it, may also mean ends that have no labels",
                            rule.text
                        ),
                        span: rule.span,
                    });
                }
                for clause in &mut rule.clauses {
                    see(&mut clause.peers.pods, facts);
                }
                rule.clauses.retain(|clause| !clause.peers.is_empty());
            }
        }
        see(&mut policy.subject, facts);
    }
    all.retain(|policy| !policy.subject.is_empty());
    all
}

/// Closes what a policy selects: the same without its rules.
pub(super) fn closing(policy: &ReadPolicy) -> ReadPolicy {
    let emptied = |rules: &Option<Vec<ReadRule>>| rules.as_ref().map(|_| Vec::new());
    ReadPolicy {
        ingress: emptied(&policy.ingress),
        egress: emptied(&policy.egress),
        ..policy.clone()
    }
}

/// What a rule may match beside what is read.
fn beyond(rule: &ReadRule, world: &AddressSet, facts: Facts<'_>) -> Vec<(EndpointSet, PortSet)> {
    let mut more = Vec::new();
    for clause in &rule.clauses {
        if !clause.peers.outside.is_empty() && !world.is_empty() {
            more.push((EndpointSet::of_outside(world.clone()), clause.ports.clone()));
        }
        // Since 1.19 the local cluster is asked for too.
        if facts.version < (1, 19)
            && clause
                .peers
                .pods
                .iter()
                .any(|pods| only_excludes(pods, facts))
        {
            let unlabelled = EndpointSet {
                pods: Vec::new(),
                ..EndpointSet::anywhere()
            };
            more.push((unlabelled, clause.ports.clone()));
        }
    }
    more
}

/// Whether what has no labels fulfils all requirements; without any on namespaces, their existence is asked for.
fn only_excludes(pods: &Pods, facts: Facts<'_>) -> bool {
    let namespaces = &pods.namespaces;
    let some = !namespaces.names.is_any() || !namespaces.labels.is_any();
    some && namespaces.names.contains(None)
        && namespaces.labels.matches(|_| None)
        && pods
            .labels
            .iter()
            .all(|(key, values)| is_filtered(key, facts.version) || values.contains(None))
}

/// Sets of pods as identities have their labels.
fn see(all: &mut Vec<Pods>, facts: Facts<'_>) {
    for pods in all.iter_mut() {
        let mut labels = Selector::any();
        for (key, values) in pods.labels.iter() {
            if !is_filtered(key, facts.version) {
                labels = labels.with(key, values);
            } else if !values.contains(None) {
                labels = labels.with(key, &ValueSet::none());
            }
        }
        pods.labels = labels;
    }
    all.retain(|pods| !pods.is_empty());
}

/// The addresses that the CIDRs of length 0 of a manifest may mean beside those of their own family.
fn whole_worlds(node: &Node, facts: Facts<'_>) -> AddressSet {
    let full = AddressSet::full();
    let mut world = AddressSet::empty();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if let Some(Value::Text(text)) = get(node, "cidr").map(|cidr| &cidr.value)
            && text.ends_with("/0")
        {
            match (text.contains(':'), facts.stack()) {
                (_, Stack::Dual) | (false, Stack::V4) | (true, Stack::V6) => {}
                (true, _) => world.v4 = full.v4.clone(),
                (false, _) => world.v6 = full.v6.clone(),
            }
        }
        match &node.value {
            Value::List(list) => open.extend(list),
            Value::Map(map) => open.extend(map.iter().map(|(_, node)| node)),
            _ => {}
        }
    }
    world
}
