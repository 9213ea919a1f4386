//! What a program decides about one flow: the definition, read aloud. Everything else in the house is measured against this file.
//!
//! Takes: a program and a flow. Gives: the verdict, who gave it, and what passed or recorded the flow before. Two questions lie outside:
//! a node to its own pods and a pod to itself pass whatever is written, and no flow says that it is one of them.

use crate::model::{Action, Block, Clause, PolicyId, Program, Rule, RuleRef, RuleSite, TierId};
use crate::space::{
    Condition, End, EndpointSet, Flow, FlowBox, Namespaces, Pod, Pods, PortSet, Region, Same,
    Traffic,
};

/// What becomes of a flow at one end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// Who decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum By {
    /// A rule: an allow or a deny.
    Rule(RuleRef),
    /// The end of a tier that denies.
    Otherwise(TierId),
    /// The end of `default`, which denies.
    DefaultEnd,
    /// Nobody selects the pod: it is open.
    Open,
}

/// A verdict and how it came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What becomes of the flow.
    pub verdict: Verdict,
    /// Who decided.
    pub by: By,
    /// The `pass` rules that sent it on to the next tier, in order.
    pub passed: Vec<RuleRef>,
    /// The rules that record it, in order; the deciding rule is the last if it is one of them.
    pub logged: Vec<RuleRef>,
}

/// Decides a flow.
pub fn decide(program: &Program, flow: &Flow) -> Decision {
    decide_among(program, flow, |tier| ordered(program, tier))
}

/// Decides a flow; `policies` gives those of a tier, in order, that can select its subject.
pub(super) fn decide_among<P: IntoIterator<Item = PolicyId>>(
    program: &Program,
    flow: &Flow,
    policies: impl Fn(TierId) -> P,
) -> Decision {
    let mut passed = Vec::new();
    let mut logged = Vec::new();
    for (tier, ends) in program.tiers.iter().enumerate() {
        let tier = TierId(tier as u32);
        let mut selecting = false;
        let mut pass = false;
        for id in policies(tier) {
            let policy = program.policy(id);
            let Some(block) = policy.block(flow.direction) else {
                continue;
            };
            if policy.staged || !selects(&policy.subject, &flow.subject) {
                continue;
            }
            selecting = true;
            match walk(block, RuleSite::Policy(id), flow, &mut logged) {
                None => {}
                Some((Action::Pass, site)) => {
                    passed.push(site);
                    pass = true;
                    break;
                }
                Some((action, site)) => {
                    return Decision {
                        verdict: verdict(action),
                        by: By::Rule(site),
                        passed,
                        logged,
                    };
                }
            }
        }
        if selecting && !pass && ends.otherwise.denies() {
            return Decision {
                verdict: Verdict::Deny,
                by: By::Otherwise(tier),
                passed,
                logged,
            };
        }
    }
    let default = program
        .default
        .as_ref()
        .filter(|default| selects(&default.subject, &flow.subject))
        .and_then(|default| default.block(flow.direction));
    let (verdict, by) = match default {
        None => (Verdict::Allow, By::Open),
        Some(block) => match walk(block, RuleSite::Default, flow, &mut logged) {
            Some((action, site)) => (verdict(action), By::Rule(site)),
            None => (Verdict::Deny, By::DefaultEnd),
        },
    };
    Decision {
        verdict,
        by,
        passed,
        logged,
    }
}

/// The policies of a tier, enforced and staged, in an order that keeps `after`: by depth, then by owner and name. Which of them is taken makes no
/// difference to a program without disagreeing policies.
pub fn ordered(program: &Program, tier: TierId) -> Vec<PolicyId> {
    let mut policies: Vec<PolicyId> = program.policies_of(tier).map(|(id, _)| id).collect();
    policies.sort_by_key(|id| {
        let policy = program.policy(*id);
        (policy.depth, policy.owner.clone(), policy.name.clone(), *id)
    });
    policies
}

/// The first rule of a policy, of those in force, that decides a flow of a pod that it selects.
pub(super) fn first(
    block: &Block,
    site: RuleSite,
    flow: &Flow,
    in_force: impl Fn(&Rule) -> bool,
) -> Option<RuleRef> {
    let at = block
        .rules
        .iter()
        .position(|rule| rule.action != Action::Log && in_force(rule) && matches(rule, flow))?;
    Some(RuleRef {
        site,
        direction: flow.direction,
        rule: at as u32,
    })
}

/// The first rule that decides, and what it does; rules that record are noted on the way.
fn walk(
    block: &Block,
    site: RuleSite,
    flow: &Flow,
    logged: &mut Vec<RuleRef>,
) -> Option<(Action, RuleRef)> {
    for (at, rule) in block.rules.iter().enumerate() {
        if !matches(rule, flow) {
            continue;
        }
        let this = RuleRef {
            site,
            direction: flow.direction,
            rule: at as u32,
        };
        if rule.log || rule.action == Action::Log {
            logged.push(this);
        }
        if rule.action != Action::Log {
            return Some((rule.action, this));
        }
    }
    None
}

/// `pass` never gets here from a tier; in `default`, where it cannot be written, it would go on to an open end.
fn verdict(action: Action) -> Verdict {
    match action {
        Action::Deny => Verdict::Deny,
        Action::Allow | Action::Pass | Action::Log => Verdict::Allow,
    }
}

/// Whether a subject has a pod.
pub fn selects(subject: &[Pods], pod: &Pod) -> bool {
    subject.iter().any(|pods| in_pods(pods, pod, pod))
}

/// Whether a rule matches a flow of a pod that its policy selects.
pub fn matches(rule: &Rule, flow: &Flow) -> bool {
    rule.clauses
        .iter()
        .any(|clause| matches_clause(clause, flow))
}

/// Whether one clause of a rule matches.
pub fn matches_clause(clause: &Clause, flow: &Flow) -> bool {
    clause
        .subject
        .as_ref()
        .is_none_or(|subject| selects(subject, &flow.subject))
        && in_endpoints(&clause.peers, flow)
        && in_ports(&clause.ports, flow)
}

/// Whether a flow lies in a box.
pub fn in_box(flows: &FlowBox, flow: &Flow) -> bool {
    in_pods(&flows.subject, &flow.subject, &flow.subject)
        && in_endpoints(&flows.peers, flow)
        && in_ports(&flows.ports, flow)
}

/// Whether a flow is in a region that speaks of its direction: in its box, and under its conditions.
pub fn in_region(region: &Region, flow: &Flow) -> bool {
    let holds = |condition: &Condition| match condition {
        Condition::Port {
            transport,
            name,
            is,
        } => {
            let destination = flow.destination();
            let number =
                destination.and_then(|pod| pod.named_ports.get(&(*transport, name.clone())));
            let called =
                number.is_some_and(|number| flow.traffic == Traffic::Port(*transport, *number));
            called == *is
        }
        Condition::Name { name, is } => {
            matches!(&flow.peer, End::Outside { names, .. } if names.contains(name)) == *is
        }
    };
    region.direction == flow.direction
        && in_box(&region.flows, flow)
        && region.conditions.iter().all(holds)
}

/// Whether the other end of a flow is in a set.
pub fn in_endpoints(peers: &EndpointSet, flow: &Flow) -> bool {
    match &flow.peer {
        End::Pod(pod) => peers
            .pods
            .iter()
            .any(|pods| in_pods(pods, pod, &flow.subject)),
        End::Node(address) => peers.nodes.contains(*address),
        End::Outside { address, names } => {
            peers.outside.contains(*address) || !peers.names.is_disjoint(names)
        }
        End::Proxy => peers.proxy,
    }
}

/// Whether the traffic of a flow is in a set; a named port is one of the destination pod.
pub fn in_ports(ports: &PortSet, flow: &Flow) -> bool {
    match flow.traffic {
        Traffic::Port(transport, port) => {
            ports.transport(transport).contains(port)
                || flow.destination().is_some_and(|pod| {
                    pod.named_ports.iter().any(|(name, number)| {
                        *number == port && name.0 == transport && ports.named.contains(name)
                    })
                })
        }
        Traffic::Icmp(kind, code) => ports.icmp.contains(message(kind, code)),
        Traffic::Icmpv6(kind, code) => ports.icmpv6.contains(message(kind, code)),
        Traffic::Protocol(number) => ports.other.contains(number),
    }
}

fn message(kind: u8, code: u8) -> u16 {
    u16::from(kind) << 8 | u16::from(code)
}

fn in_pods(pods: &Pods, pod: &Pod, subject: &Pod) -> bool {
    in_namespaces(&pods.namespaces, pod, subject)
        && pods
            .labels
            .matches(|key| pod.labels.get(key).map(|value| value.as_str()))
        && pods.service_account.contains(Some(&pod.service_account))
}

fn in_namespaces(namespaces: &Namespaces, pod: &Pod, subject: &Pod) -> bool {
    namespaces.names.contains(Some(&pod.namespace))
        && namespaces
            .labels
            .matches(|key| pod.namespace_labels.get(key).map(|value| value.as_str()))
        && namespaces.same.iter().all(|same| match same {
            Same::Namespace(is) => (pod.namespace == subject.namespace) == *is,
            Same::Label(key, is) => {
                let theirs = subject.namespace_labels.get(key);
                (theirs.is_some() && pod.namespace_labels.get(key) == theirs) == *is
            }
        })
}
