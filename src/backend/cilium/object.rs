//! Boxes of a policy to its object.
//!
//! One policy is one object: a CiliumNetworkPolicy where its pods lie in one namespace by name, else a CiliumClusterwideNetworkPolicy with an
//! entry of `specs` for each subject. What compares a namespace with the subject's is written for each namespace that is declared.

use std::collections::BTreeSet;

use ipnet::IpNet;
use smol_str::{SmolStr, format_smolstr};

use super::super::Spec as Target;
use super::super::metadata::{bounded_name, fingerprint};
use super::manifest::{CidrGroup, CidrGroupSpec, DefaultDeny, Egress, Ingress, Spec};
use super::peers::{self, Effect};
use super::selector::{Place, selectors};
use super::traffic::{self, observe_names};
use crate::model::{Program, RuleRef};
use crate::space::{Direction, FlowBox, Namespaces, Pods, PortSet, Same, ValueSet};

/// A box to be written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) rule: RuleRef,
    pub(super) direction: Direction,
    pub(super) effect: Effect,
    pub(super) flows: FlowBox,
    /// The agent learns names from what this allows.
    pub(super) observes: bool,
}

/// A policy, or the default, as far as its object needs it.
pub(super) struct Source<'a> {
    /// The name of its object.
    pub(super) name: SmolStr,
    pub(super) subject: &'a [Pods],
    /// Which directions it closes.
    pub(super) closes: DefaultDeny,
    pub(super) lines: Vec<Line>,
}

/// A policy for one namespace, or for none in particular: its subjects and what it says of them.
type Instance = (Option<SmolStr>, Vec<Pods>, Vec<Line>);

/// An object without metadata.
pub(super) struct Built {
    /// Of a CiliumNetworkPolicy; none of a CiliumClusterwideNetworkPolicy.
    pub(super) namespace: Option<SmolStr>,
    pub(super) specs: Vec<Spec>,
}

/// What a policy is written as.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) policies: Vec<Built>,
    pub(super) groups: Vec<(SmolStr, CidrGroup)>,
}

/// Why there is no object.
pub(super) enum Unwritten {
    /// An end, at a rule.
    Peer(RuleRef, peers::Unsayable),
    /// Traffic, at a rule.
    Traffic(RuleRef, traffic::Unsayable),
    /// A comparison with the subject's namespace, where the subject's namespaces are not all known.
    Open(RuleRef),
    /// The same, where a namespace that the subject names is not declared.
    Undeclared(RuleRef, SmolStr),
}

/// What everything is written with.
pub(super) struct Writer<'a> {
    pub(super) program: &'a Program,
    pub(super) target: &'a Target,
    pub(super) carried: &'a PortSet,
}

impl Writer<'_> {
    /// Writes a policy. None if it says nothing.
    ///
    /// # Errors
    /// At the first rule that cannot be written.
    pub(super) fn write(&self, source: &Source<'_>) -> Result<Objects, Unwritten> {
        let mut objects = Objects::default();
        for (namespace, subjects, lines) in self.instances(source)? {
            let specs = self.specs(source, namespace.as_ref(), &subjects, &lines, &mut objects)?;
            if !specs.is_empty() {
                objects.policies.push(Built { namespace, specs });
            }
        }
        Ok(objects)
    }

    /// The policy as one object, or, if something compares namespaces with the subject's own, as one for each of these.
    fn instances(&self, source: &Source<'_>) -> Result<Vec<Instance>, Unwritten> {
        let lines = source.lines.iter();
        let own = lines
            .clone()
            .find(|line| relations(&line.flows).any(|same| matches!(same, Same::Namespace(_))));
        let Some(own) = own else {
            let (subjects, lines) = self.by_label(source)?;
            let mut names = subjects
                .iter()
                .chain(lines.iter().map(|line| &line.flows.subject))
                .map(|pods| pods.namespaces.single());
            let first = names.next().flatten().cloned();
            let one = first.filter(|first| names.all(|name| name == Some(first)));
            return Ok(vec![(one, subjects, lines)]);
        };
        let mut namespaces: BTreeSet<SmolStr> = BTreeSet::new();
        let everyone = source
            .subject
            .iter()
            .chain(source.lines.iter().map(|line| &line.flows.subject));
        for pods in everyone {
            namespaces.extend(self.namespaces(pods, own.rule)?);
        }
        Ok(namespaces
            .into_iter()
            .map(|namespace| {
                let subjects = source
                    .subject
                    .iter()
                    .filter_map(|pods| self.within(pods, &namespace))
                    .collect();
                let lines = source
                    .lines
                    .iter()
                    .filter_map(|line| {
                        let subject = self.within(&line.flows.subject, &namespace)?;
                        self.seen_from(line, subject, &namespace)
                    })
                    .collect();
                (Some(namespace), subjects, lines)
            })
            .collect())
    }

    /// The declared namespaces of a subject.
    ///
    /// # Errors
    /// If there can be others.
    fn namespaces(&self, pods: &Pods, rule: RuleRef) -> Result<Vec<SmolStr>, Unwritten> {
        let closed = self.program.cluster.namespaces_closed;
        match &pods.namespaces.names {
            ValueSet::In(names) => {
                let strange = |name: &&SmolStr| self.program.namespace(name).is_none();
                if let Some(name) = names.iter().flatten().find(strange).filter(|_| !closed) {
                    return Err(Unwritten::Undeclared(rule, name.clone()));
                }
            }
            ValueSet::NotIn(_) if !closed => return Err(Unwritten::Open(rule)),
            ValueSet::NotIn(_) => {}
        }
        let fits = |namespace: &&crate::model::Namespace| {
            pods.namespaces.names.contains(Some(&namespace.name))
                && pods.namespaces.labels.matches(|key| namespace.label(key))
        };
        let all = self.program.namespaces.iter().filter(fits);
        Ok(all.map(|namespace| namespace.name.clone()).collect())
    }

    /// The part of a subject in a declared namespace.
    fn within(&self, pods: &Pods, namespace: &SmolStr) -> Option<Pods> {
        let declared = self.program.namespace(namespace)?;
        let fits = pods.namespaces.names.contains(Some(namespace))
            && pods.namespaces.labels.matches(|key| declared.label(key));
        fits.then(|| Pods {
            namespaces: Namespaces::named(namespace.clone()),
            ..pods.clone()
        })
    }

    /// A line as seen from one namespace.
    fn seen_from(&self, line: &Line, subject: Pods, namespace: &SmolStr) -> Option<Line> {
        let declared = self.program.namespace(namespace)?;
        let mut flows = line.flows.clone();
        flows.subject = subject;
        flows.peers.pods = flows
            .peers
            .pods
            .into_iter()
            .filter_map(|pods| {
                let namespaces = pods
                    .namespaces
                    .seen_from(namespace, |key| declared.label(key))?;
                Some(Pods { namespaces, ..pods })
            })
            .collect();
        (!flows.peers.is_empty()).then(|| Line {
            flows,
            ..line.clone()
        })
    }

    /// Lines that compare a label with the subject's, once for each value that the subject's namespaces have of it.
    fn by_label(&self, source: &Source<'_>) -> Result<(Vec<Pods>, Vec<Line>), Unwritten> {
        let mut lines = Vec::new();
        for line in &source.lines {
            let keys: BTreeSet<SmolStr> = relations(&line.flows)
                .filter_map(|same| match same {
                    Same::Label(key, _) => Some(key.clone()),
                    Same::Namespace(_) => None,
                })
                .collect();
            if keys.is_empty() {
                lines.push(line.clone());
                continue;
            }
            let namespaces = self.namespaces(&line.flows.subject, line.rule)?;
            let mut done: BTreeSet<Vec<Option<SmolStr>>> = BTreeSet::new();
            for namespace in namespaces {
                let Some(declared) = self.program.namespace(&namespace) else {
                    continue;
                };
                let values: Vec<Option<SmolStr>> = keys
                    .iter()
                    .map(|key| declared.label(key).map(SmolStr::from))
                    .collect();
                if !done.insert(values.clone()) {
                    continue;
                }
                let mut subject = line.flows.subject.clone();
                for (key, value) in keys.iter().zip(&values) {
                    subject.namespaces.labels = subject
                        .namespaces
                        .labels
                        .with(key, &ValueSet::In(vec![value.clone()]));
                }
                lines.extend(self.seen_from(line, subject, &namespace));
            }
        }
        Ok((source.subject.to_vec(), lines))
    }

    /// The rules of an object: one for each subject, those of the policy first.
    fn specs(
        &self,
        source: &Source<'_>,
        namespace: Option<&SmolStr>,
        subjects: &[Pods],
        lines: &[Line],
        objects: &mut Objects,
    ) -> Result<Vec<Spec>, Unwritten> {
        let mut order: Vec<&Pods> = Vec::new();
        let closes = source.closes.ingress || source.closes.egress;
        let of_lines = lines.iter().map(|line| &line.flows.subject);
        for pods in subjects.iter().filter(|_| closes).chain(of_lines) {
            if !pods.is_empty() && !order.contains(&pods) {
                order.push(pods);
            }
        }
        // The subjects of the policy come first even if a line with another one precedes them.
        order.sort_by_key(|pods| {
            subjects
                .iter()
                .position(|one| one == *pods)
                .unwrap_or(usize::MAX)
        });
        let place = match namespace {
            Some(_) => Place::NamespacedSubject,
            None => Place::Elsewhere,
        };
        let mut specs = Vec::new();
        for pods in order {
            let (mut ingress, mut ingress_deny) = (Vec::new(), Vec::new());
            let (mut egress, mut egress_deny) = (Vec::new(), Vec::new());
            for line in lines.iter().filter(|line| line.flows.subject == *pods) {
                for element in self.elements(source, line, objects)? {
                    match (line.direction, line.effect) {
                        (Direction::Ingress, Effect::Allow) => {
                            push(&mut ingress, element.ingress())
                        }
                        (Direction::Ingress, Effect::Deny) => {
                            push(&mut ingress_deny, element.ingress());
                        }
                        (Direction::Egress, Effect::Allow) => push(&mut egress, element.egress()),
                        (Direction::Egress, Effect::Deny) => {
                            push(&mut egress_deny, element.egress());
                        }
                    }
                }
            }
            // The empty element allows nothing and closes the direction.
            if source.closes.ingress && ingress.is_empty() {
                ingress.push(Ingress::default());
            }
            if source.closes.egress && egress.is_empty() {
                egress.push(Egress::default());
            }
            let said = ingress.len() + ingress_deny.len() + egress.len() + egress_deny.len();
            if said == 0 {
                continue;
            }
            for endpoint_selector in selectors(pods, place) {
                specs.push(Spec {
                    endpoint_selector,
                    enable_default_deny: source.closes,
                    ingress: ingress.clone(),
                    ingress_deny: ingress_deny.clone(),
                    egress: egress.clone(),
                    egress_deny: egress_deny.clone(),
                });
            }
        }
        Ok(specs)
    }

    /// A line as elements: each kind of peer with each kind of traffic.
    fn elements(
        &self,
        source: &Source<'_>,
        line: &Line,
        objects: &mut Objects,
    ) -> Result<Vec<super::manifest::Element>, Unwritten> {
        let mut groups = |networks: Vec<IpNet>| self.group(source, networks, objects);
        let peers = peers::peers(
            &line.flows.peers,
            line.direction,
            line.effect,
            &self.program.cluster,
            &mut groups,
        )
        .map_err(|why| Unwritten::Peer(line.rule, why))?;
        let matched = traffic::matched(&line.flows.ports, self.carried, self.target.version)
            .map_err(|why| Unwritten::Traffic(line.rule, why))?;
        let mut elements = Vec::new();
        for peer in peers {
            for matched in &matched {
                let mut matched = matched.clone();
                if line.observes {
                    observe_names(&mut matched);
                }
                elements.push(super::manifest::Element {
                    peer: peer.clone(),
                    matched,
                });
            }
        }
        Ok(elements)
    }

    /// The group of a long list, named by its policy and what is in it.
    fn group(
        &self,
        source: &Source<'_>,
        networks: Vec<IpNet>,
        objects: &mut Objects,
    ) -> Option<SmolStr> {
        if self.target.version < (1, 18) {
            return None;
        }
        let cidrs: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let name = bounded_name(&format_smolstr!(
            "{}-{:016x}",
            source.name,
            fingerprint(&cidrs.join(","))
        ));
        if !objects.groups.iter().any(|(known, _)| *known == name) {
            objects.groups.push((
                name.clone(),
                CidrGroup {
                    spec: CidrGroupSpec {
                        external_cidrs: cidrs,
                    },
                },
            ));
        }
        Some(name)
    }
}

fn relations(flows: &FlowBox) -> impl Iterator<Item = &Same> {
    flows
        .peers
        .pods
        .iter()
        .flat_map(|pods| &pods.namespaces.same)
}

fn push<T: PartialEq>(list: &mut Vec<T>, element: T) {
    if !list.contains(&element) {
        list.push(element);
    }
}
