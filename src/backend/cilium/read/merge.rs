//! Rules that a pod cannot have together.
//!
//! Takes: the policies that were read. Gives: the pods of which nothing is known. The agent merges all rules of a pod for the same port and protocol
//! (`mergePortProto` in `pkg/policy/rule.go`), whomever they are for; where they ask for different proxies, or for different authentication of
//! the same end, it computes no policy for the pod at all, and the pod is left with what it had. Ports are compared as sets here, so that a range and a port in it
//! meet, which the agent keeps apart: that leaves more undecided than need be, and never less.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::element::Element;
use super::object::Object;
use super::rule::Rule;
use crate::backend::read::Unread;
use crate::space::{Direction, EndpointSet, FlowBox, PortSet};

/// What a rule asks for that may not go together with what others do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Merge {
    /// The proxy of DNS.
    Dns,
    /// The proxy of HTTP.
    Http,
    /// The proxy of Kafka.
    Kafka,
    /// A look at the names in TLS.
    Names,
    /// Anything else that a proxy does: listeners, contexts of TLS, other parsers. What of it goes together is not asked.
    Beyond,
    /// A mode of authentication.
    Mode(SmolStr),
}

impl Merge {
    /// Whether two rules for the same port may be too much for the agent.
    fn conflicts(&self, other: &Merge) -> bool {
        match (self, other) {
            (Merge::Mode(one), Merge::Mode(other)) => one != other,
            (Merge::Mode(_), _) | (_, Merge::Mode(_)) => false,
            (Merge::Beyond, Merge::Beyond) => true,
            (one, other) => one != other,
        }
    }
}

/// Who asks for something, and at which ports.
struct Asks<'o> {
    object: &'o Object,
    rule: &'o Rule,
    element: &'o Element,
    direction: Direction,
    ports: &'o PortSet,
}

/// Whatever concerns a pod for which the agent may compute no policy.
pub(super) fn unread(objects: &[Object]) -> Vec<Unread> {
    let mut asked: BTreeMap<&Merge, Vec<Asks<'_>>> = BTreeMap::new();
    for object in objects {
        for rule in &object.rules {
            for direction in Direction::BOTH {
                for element in &rule.side(direction).allow {
                    for (merge, ports) in &element.merges {
                        asked.entry(merge).or_default().push(Asks {
                            object,
                            rule,
                            element,
                            direction,
                            ports,
                        });
                    }
                }
            }
        }
    }
    let mut unread = Vec::new();
    let kinds: Vec<_> = asked.iter().collect();
    for (at, (merge, some)) in kinds.iter().enumerate() {
        if merge.conflicts(merge) {
            for (before, one) in some.iter().enumerate() {
                for other in &some[..before] {
                    meet(one, other, &mut unread);
                }
            }
        }
        for (_, others) in kinds[..at].iter().filter(|(of, _)| merge.conflicts(of)) {
            for one in *some {
                for other in *others {
                    meet(one, other, &mut unread);
                }
            }
        }
    }
    unread
}

/// Notes the pods of two rules that do not go together, if they meet.
fn meet(one: &Asks<'_>, other: &Asks<'_>, unread: &mut Vec<Unread>) {
    if one.direction != other.direction || one.ports.is_disjoint(other.ports) {
        return;
    }
    let both = one.rule.subject.intersect(&other.rule.subject);
    if both.is_empty() {
        return;
    }
    for direction in Direction::BOTH {
        unread.push(Unread {
            object: one.object.name.clone(),
            direction,
            flows: vec![FlowBox {
                subject: both.clone(),
                peers: EndpointSet::anywhere(),
                ports: PortSet::all(),
            }],
            why: format!(
                "{}: {} of {} asks for another proxy or authentication at the same port, and the agent may compute no policy for pods that have both",
                one.element.text, other.element.text, other.object.name
            ),
            span: one.element.span,
        });
    }
}
