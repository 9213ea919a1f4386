//! Named ports with an `endPort`, beside others of the same name.
//!
//! Takes: the policies that were read, and Kubernetes' NetworkPolicies beside them. Gives: the flows of which nothing is known. The agent keeps one filter for
//! all rules of a pod that name a port (`NamedPortMap` in `pkg/policy/l4.go`, by name and protocol, without the end of a range), allows and denies alike, and
//! whichever rule comes first tells where the range ends. So a rule with an `endPort` may make a range of every other rule that names the port, or of none.
//! At ingress only: at egress `endPort` is ignored where named ports are read at all. Whom the other rule is for is not asked, which leaves more undecided
//! than need be, and never less.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::element::Element;
use super::object::Object;
use super::rule::Rule;
use crate::backend::read::Unread;
use crate::backend::read::chain::ReadPolicy;
use crate::source::Span;
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet, Transport};

/// A port by its name.
pub(super) type Name = (Transport, SmolStr);

/// A rule that names ports.
struct Names<'o> {
    object: &'o SmolStr,
    subject: &'o Pods,
    /// Without an `endPort`.
    names: Vec<&'o BTreeSet<Name>>,
    text: &'o SmolStr,
    span: Span,
}

/// Whatever may be a range, or not, by another rule's doing.
pub(super) fn unread(objects: &[Object], beside: &[ReadPolicy]) -> Vec<Unread> {
    let ours = objects.iter().flat_map(|object| {
        let elements = object.rules.iter().flat_map(elements);
        elements.map(move |(rule, element)| (object, rule, element))
    });
    let ranged: Vec<_> = ours
        .clone()
        .filter(|(_, _, element)| !element.traffic.ranged.is_empty())
        .collect();
    if ranged.is_empty() {
        return Vec::new();
    }
    let ours = ours.map(|(object, rule, element)| Names {
        object: &object.name,
        subject: &rule.subject,
        names: vec![&element.traffic.certain.named],
        text: &element.text,
        span: element.span,
    });
    let theirs = beside.iter().flat_map(|policy| {
        let rules = policy.ingress.iter().flatten();
        rules.flat_map(move |rule| {
            policy.subject.iter().map(move |subject| Names {
                object: &policy.object,
                subject,
                names: rule
                    .clauses
                    .iter()
                    .map(|clause| &clause.ports.named)
                    .collect(),
                text: &rule.text,
                span: rule.span,
            })
        })
    });
    let mut unread = Vec::new();
    for other in ours.chain(theirs) {
        for (object, rule, element) in &ranged {
            let both = rule.subject.intersect(other.subject);
            let shared = element
                .traffic
                .ranged
                .iter()
                .filter(|name| other.names.iter().any(|names| names.contains(*name)));
            for (transport, name) in shared.filter(|_| !both.is_empty()) {
                unread.push(Unread {
                    object: other.object.clone(),
                    direction: Direction::Ingress,
                    flows: vec![FlowBox {
                        subject: both.clone(),
                        peers: EndpointSet::anywhere(),
                        ports: PortSet::of(*transport, 1, u16::MAX),
                    }],
                    why: format!(
                        "{}: {} of {} gives the port `{name}` an `endPort`, and the agent may take both rules for ranges, or neither",
                        other.text, element.text, object.name
                    ),
                    span: other.span,
                });
            }
        }
    }
    unread
}

/// What a rule says of flows to its pods.
fn elements(rule: &Rule) -> impl Iterator<Item = (&Rule, &Element)> + Clone {
    let side = rule.side(Direction::Ingress);
    let elements = side.allow.iter().chain(&side.deny);
    elements.map(move |element| (rule, element))
}
