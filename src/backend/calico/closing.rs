//! `otherwise deny and log`: the record of what the end of a tier denies.
//!
//! Exact: behind every other policy of the tier stands one whose only rule is `Log`. It selects the pods that the tier's enforced
//! policies select in that direction, and no other (another would be closed by being selected), so it is reached by just those flows
//! that nobody decided: an allow, a deny or a pass leaves the tier before. Where its selector would be too long to read, there is one for
//! each namespace, and one for each policy that selects by more than one namespace's name; a pod may then meet two of them, which
//! records its flow twice and decides nothing.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};

use crate::backend::metadata::{Provenance, object_name};
use crate::model::{Action, Block, Clause, Otherwise, Policy, Program, Rule, Tier, TierId};
use crate::space::{Direction, EndpointSet, Pods, PortSet, union_pods};

use super::Context;
use super::order::Band;
use super::policy::Source;
use super::selector;
use super::support;

/// A closing record before it is an object.
pub(super) struct Closing {
    tier: TierId,
    direction: Direction,
    base: SmolStr,
    subject: Vec<Pods>,
    block: Block,
}

impl Closing {
    pub(super) fn source<'a>(&'a self, program: &'a Program) -> Source<'a> {
        let tier = &program.tiers[self.tier.0 as usize];
        let (ingress, egress) = match self.direction {
            Direction::Ingress => (Some(&self.block), None),
            Direction::Egress => (None, Some(&self.block)),
        };
        Source {
            provenance: Provenance::of_tier(tier),
            tier: tier.name.clone(),
            base: self.base.clone(),
            subject: &self.subject,
            ingress,
            egress,
            doc: &[],
            band: Band::Closing,
            staged: false,
            span: tier.span,
        }
    }
}

/// All of them.
pub(super) fn closings(context: &Context<'_>) -> Vec<Closing> {
    let mut out = Vec::new();
    for (at, tier) in context.program.tiers.iter().enumerate() {
        if tier.otherwise == Otherwise::DenyAndLog {
            for direction in Direction::BOTH {
                of_tier(context, TierId(at as u32), tier, direction, &mut out);
            }
        }
    }
    out
}

fn of_tier(
    context: &Context<'_>,
    id: TierId,
    tier: &Tier,
    direction: Direction,
    out: &mut Vec<Closing>,
) {
    let policies: Vec<&Policy> = context
        .program
        .policies_of(id)
        .map(|(_, policy)| policy)
        .filter(|policy| !policy.staged && policy.block(direction).is_some())
        .collect();
    if policies.is_empty() {
        return;
    }
    let mut closing = |suffix: Option<&str>, subject: Vec<Pods>| {
        let base = format_smolstr!("closing-{}-{}", tier.name, direction.word());
        out.push(Closing {
            tier: id,
            direction,
            base: suffix.map_or(base.clone(), |suffix| format_smolstr!("{base}-{suffix}")),
            subject,
            block: record(tier),
        });
    };
    let all = united(policies.iter().flat_map(|policy| &policy.subject));
    let length: usize = all
        .iter()
        .map(|pods| selector::expression(pods, None).map_or(0, |text| text.len() + 8))
        .sum();
    if length <= support::LEGIBLE - 64 {
        closing(None, all);
        return;
    }
    let mut by_namespace: BTreeMap<&SmolStr, Vec<&Pods>> = BTreeMap::new();
    let mut by_policy: Vec<(SmolStr, Vec<Pods>)> = Vec::new();
    for policy in &policies {
        let mut wide = Vec::new();
        for pods in &policy.subject {
            match pods.namespaces.single() {
                Some(name) if pods.namespaces.labels.is_any() => {
                    by_namespace.entry(name).or_default().push(pods);
                }
                _ => wide.push(pods.clone()),
            }
        }
        if !wide.is_empty() {
            by_policy.push((object_name(policy), wide));
        }
    }
    for (namespace, subject) in by_namespace {
        closing(
            Some(&format!("in-{namespace}")),
            united(subject.into_iter()),
        );
    }
    for (name, subject) in by_policy {
        closing(Some(&format!("of-{name}")), subject);
    }
}

/// The union, each set once; without those that another contains where they are few.
fn united<'a>(pods: impl Iterator<Item = &'a Pods>) -> Vec<Pods> {
    let mut all: Vec<Pods> = pods.cloned().collect();
    all.sort_unstable();
    all.dedup();
    if all.len() <= 64 {
        all = union_pods(&all, &[]);
    }
    all
}

fn record(tier: &Tier) -> Block {
    Block {
        rules: vec![Rule {
            action: Action::Log,
            log: false,
            clauses: vec![Clause {
                subject: None,
                peers: EndpointSet::anywhere(),
                ports: PortSet::all(),
            }],
            dns: false,
            because: None,
            ticket: None,
            until: None,
            excused: Vec::new(),
            doc: Vec::new(),
            text: SmolStr::new_static("log all"),
            span: tier.span,
        }],
        span: tier.span,
    }
}
