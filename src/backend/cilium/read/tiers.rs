//! Rules to a chain: all denies, all allows, then what closes.
//!
//! Takes: the policies that were read. Gives: a [`Chain`] that decides as the agents do. Here it is settled which names are learned, since that is a question to all
//! rules together.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::beside;
use super::element::Element;
use super::merge;
use super::names::Pattern;
use super::object::Object;
use super::rule::{Rule, Side};
use crate::backend::read::chain::{Chain, ReadPolicy, ReadRule, ReadTier};
use crate::backend::read::document::Document;
use crate::backend::read::{Context, Unread};
use crate::model::{Action, Clause, Otherwise};
use crate::source::{FileId, Span};
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet, subtract_pods, union_pods};

/// As many pieces as what is left of a rule's pods may fall into before the question is given up.
const MOST_PIECES: usize = 200;

/// The chain of objects. `documents`: everything that was offered, for kinds that decide and are not read.
pub(super) fn chain(objects: &[Object], documents: &[Document], context: &Context<'_>) -> Chain {
    let learned = learned(objects);
    let mut chain = Chain::default();
    let mut policies = [Vec::new(), Vec::new(), Vec::new()];
    for object in objects {
        for rule in &object.rules {
            if rule.subject.is_empty() {
                continue;
            }
            if let Some(why) = doubt(object, rule) {
                unsure(object, rule, why, &mut chain.unread);
                continue;
            }
            let mut unread = Vec::new();
            let mut of = |side: fn(&Side) -> &[Element], action| {
                Direction::BOTH.map(|direction| {
                    let elements = side(rule.side(direction)).iter();
                    let mut parts = Parts {
                        rule,
                        object,
                        direction,
                        learned: &learned,
                        unread: &mut unread,
                    };
                    let rules: Vec<ReadRule> = elements
                        .filter_map(|element| parts.read(element, action))
                        .collect();
                    (!rules.is_empty()).then_some(rules)
                })
            };
            let denies = of(|side| &side.deny, Action::Deny);
            let allows = of(|side| &side.allow, Action::Allow);
            let closes =
                Direction::BOTH.map(|direction| rule.side(direction).closes.then(Vec::new));
            for (at, blocks) in [denies, allows, closes].into_iter().enumerate() {
                policies[at].extend(policy(object, rule, blocks));
            }
            chain.unread.append(&mut unread);
        }
    }
    chain.unread.extend(merge::unread(objects));
    unread_kinds(documents, context, &mut chain.unread);
    let nowhere = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let tiers = [
        ("denies", Otherwise::Pass),
        ("allows", Otherwise::Pass),
        ("default deny", Otherwise::Deny),
    ];
    for ((name, otherwise), policies) in tiers.into_iter().zip(policies) {
        chain.tiers.push(ReadTier {
            name: SmolStr::new_static(name),
            otherwise,
            ordered: false,
            ranks: Vec::new(),
            span: policies
                .first()
                .map_or(nowhere, |policy: &ReadPolicy| policy.span),
            policies,
        });
    }
    chain
}

/// Adds policies that allow, and that close what they select.
pub(super) fn join(chain: &mut Chain, policies: Vec<ReadPolicy>) {
    let [_, allows, closing] = &mut chain.tiers[..] else {
        unreachable!("there are three tiers");
    };
    closing
        .policies
        .extend(policies.iter().map(beside::closing));
    allows.policies.extend(policies);
    for tier in &mut chain.tiers {
        if let Some(first) = tier.policies.first() {
            tier.span = first.span;
        }
    }
}

fn policy(
    object: &Object,
    rule: &Rule,
    [ingress, egress]: [Option<Vec<ReadRule>>; 2],
) -> Option<ReadPolicy> {
    (ingress.is_some() || egress.is_some()).then(|| ReadPolicy {
        object: object.name.clone(),
        owner: object.owner.clone(),
        file: object.file.clone(),
        subject: vec![rule.subject.clone()],
        ingress,
        egress,
        staged: false,
        span: object.span,
    })
}

/// Why nothing of a rule is certain.
fn doubt(object: &Object, rule: &Rule) -> Option<&'static str> {
    if object.is_dubious() {
        Some(
            "a rule of layer 7 in the object is beyond what is checked here, and the agent may refuse all of it",
        )
    } else if !rule.sure {
        Some("a label in its selector depends on what no fact says")
    } else {
        None
    }
}

/// A rule of which nothing is certain.
fn unsure(object: &Object, rule: &Rule, why: &str, unread: &mut Vec<Unread>) {
    for direction in Direction::BOTH {
        if !rule.side(direction).is_empty() {
            unread.push(Unread {
                object: object.name.clone(),
                direction,
                flows: vec![FlowBox {
                    subject: rule.subject.clone(),
                    peers: EndpointSet::anywhere(),
                    ports: PortSet::all(),
                }],
                why: why.to_owned(),
                span: object.span,
            });
        }
    }
}

/// Names, and the pods that certainly learn them: by the namespace of the pods, if it is one, so that few are asked for each name.
#[derive(Debug, Default)]
struct Learned<'o> {
    by_namespace: BTreeMap<&'o str, Vec<(&'o Pattern, &'o Pods)>>,
    elsewhere: Vec<(&'o Pattern, &'o Pods)>,
}

impl<'o> Learned<'o> {
    /// From whom pods may learn.
    fn of(&self, pods: &Pods) -> impl Iterator<Item = &(&'o Pattern, &'o Pods)> {
        let own = pods.namespaces.single().map(SmolStr::as_str);
        let some = self
            .by_namespace
            .iter()
            .filter(move |(namespace, _)| own.is_none_or(|own| own == **namespace));
        self.elsewhere
            .iter()
            .chain(some.flat_map(|(_, learned)| learned))
    }
}

fn learned(objects: &[Object]) -> Learned<'_> {
    let mut learned = Learned::default();
    for object in objects {
        for rule in &object.rules {
            if rule.subject.is_empty() || doubt(object, rule).is_some() {
                continue;
            }
            let patterns = rule.egress.allow.iter().flat_map(|element| &element.dns);
            let list = match rule.subject.namespaces.single() {
                Some(namespace) => learned.by_namespace.entry(namespace.as_str()).or_default(),
                None => &mut learned.elsewhere,
            };
            list.extend(patterns.map(|pattern| (pattern, &rule.subject)));
        }
    }
    learned
}

/// Makes rules of the elements of one side.
struct Parts<'o, 'u> {
    rule: &'o Rule,
    object: &'o Object,
    direction: Direction,
    learned: &'o Learned<'o>,
    unread: &'u mut Vec<Unread>,
}

impl Parts<'_, '_> {
    fn read(&mut self, element: &Element, action: Action) -> Option<ReadRule> {
        if element.requires {
            let why = "`fromRequires` and `toRequires` restrict what other rules allow";
            let subject = vec![self.rule.subject.clone()];
            self.skip(
                element,
                subject,
                &EndpointSet::anywhere(),
                &PortSet::all(),
                why,
            );
        }
        for (ends, ports, why) in &element.possible {
            let subject = vec![self.rule.subject.clone()];
            self.skip(element, subject, ends, ports, why);
        }
        let mut clauses = Vec::new();
        if let Some((peers, ports)) = &element.certain {
            clauses.push(Clause {
                subject: None,
                peers: peers.clone(),
                ports: ports.clone(),
            });
        }
        for name in &element.names {
            self.name(element, name, &mut clauses);
        }
        (!clauses.is_empty()).then(|| ReadRule {
            action,
            log: false,
            clauses,
            text: element.text.clone(),
            span: element.span,
        })
    }

    /// A name is matched for the pods that certainly learn it.
    fn name(&mut self, element: &Element, name: &Pattern, clauses: &mut Vec<Clause>) {
        let notation = name.notation().expect("other patterns are not among names");
        let peers = EndpointSet {
            names: [notation].into(),
            ..EndpointSet::empty()
        };
        let own = &self.rule.subject;
        let mut learn = Vec::new();
        let mut rest = vec![own.clone()];
        let learned = self.learned;
        for (_, pods) in learned.of(own).filter(|(one, _)| one.covers(name)) {
            let both = own.intersect(pods);
            if both.is_empty() {
                continue;
            }
            rest = subtract_pods(&rest, &[(*pods).clone()]);
            learn.push(both);
            if rest.is_empty() || rest.len() > MOST_PIECES {
                break;
            }
        }
        if rest.len() > MOST_PIECES {
            rest = vec![own.clone()];
            learn.clear();
        }
        let traffic = &element.traffic;
        if !learn.is_empty() && !traffic.certain.is_empty() {
            clauses.push(Clause {
                subject: (!rest.is_empty()).then(|| union_pods(&learn, &[])),
                peers: peers.clone(),
                ports: traffic.certain.clone(),
            });
        }
        let why = traffic.why.unwrap_or_default();
        self.skip(element, learn, &peers, &traffic.possible, why);
        let why = "no `rules.dns` is sure to let these pods learn the name";
        let either = traffic.certain.union(&traffic.possible);
        self.skip(element, rest, &peers, &either, why);
    }

    /// Notes a part that is not decided.
    fn skip(
        &mut self,
        element: &Element,
        subject: Vec<Pods>,
        peers: &EndpointSet,
        ports: &PortSet,
        why: &str,
    ) {
        if subject.is_empty() || peers.is_empty() || ports.is_empty() {
            return;
        }
        let flows = subject.into_iter().map(|subject| FlowBox {
            subject,
            peers: peers.clone(),
            ports: ports.clone(),
        });
        self.unread.push(Unread {
            object: self.object.name.clone(),
            direction: self.direction,
            flows: flows.collect(),
            why: format!("{}: {why}", element.text),
            span: element.span,
        });
    }
}

/// Kubernetes' ClusterNetworkPolicy, which 1.20 can be told to enforce, decides anything for any pod.
fn unread_kinds(documents: &[Document], context: &Context<'_>, unread: &mut Vec<Unread>) {
    for document in documents {
        if context.version < (1, 20)
            || document.kind != "ClusterNetworkPolicy"
            || !document
                .api_version
                .starts_with("policy.networking.k8s.io/")
        {
            continue;
        }
        for direction in Direction::BOTH {
            unread.push(Unread {
                object: document.spoken(),
                direction,
                flows: vec![FlowBox {
                    subject: Pods::any(),
                    peers: EndpointSet::anywhere(),
                    ports: PortSet::all(),
                }],
                why: "the kind is not read, and Cilium may be told to enforce it".to_owned(),
                span: document.span(),
            });
        }
    }
}
