//! `ignored-by-target`: a rule against something that the declared target does whatever a policy says.
//!
//! Takes a program and a target with its version. Only rules that speak of the ignored traffic alone are reported: a `deny all` means more than that.
//! Each fact stands here with its source.

use crate::diagnostic::Diagnostic;
use crate::model::{Action, Block, Clause, Policy, Program, Rule, RuleSite, Target};
use crate::source::Span;
use crate::space::{Direction, Pods, PortSet, Ranges, Transport, ValueSet};

use super::{Said, enforced, name};

/// The target that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// Its name in `vauban.toml`.
    pub name: &'a str,
    /// Its kind.
    pub target: Target,
    /// The declared version.
    pub version: (u16, u16),
}

/// Runs the lints that ask about a target.
pub fn on_target(program: &Program, aim: &Aim<'_>) -> Said {
    let mut said = Said::new();
    for (id, policy) in enforced(program) {
        let warnings = on_policy(policy, aim);
        said.extend(warnings.into_iter().map(|one| (RuleSite::Policy(id), one)));
    }
    if let Some(default) = &program.default {
        let mut warnings = Vec::new();
        for direction in Direction::BOTH {
            check_block(default.block(direction), direction, aim, &mut warnings);
        }
        said.extend(warnings.into_iter().map(|one| (RuleSite::Default, one)));
    }
    said
}

/// The same of one policy that is enforced.
pub fn on_policy(policy: &Policy, aim: &Aim<'_>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if aim.target == Target::Calico && is_the_operators(&policy.subject) {
        warnings.push(
            warning(aim, &format!("`{}`", name(policy)), policy.span, "not asked for these pods")
                .because("the operator's own tier stands before all others and decides for the pods of `calico-system`"),
        );
    }
    for direction in Direction::BOTH {
        check_block(policy.block(direction), direction, aim, &mut warnings);
    }
    warnings
}

fn check_block(
    block: Option<&Block>,
    direction: Direction,
    aim: &Aim<'_>,
    warnings: &mut Vec<Diagnostic>,
) {
    for rule in block.iter().flat_map(|block| &block.rules) {
        if let Some(fact) = ignored(rule, direction, aim) {
            let what = format!("`{}`", rule.text);
            warnings.push(warning(aim, &what, rule.span, fact.label).because(fact.why.to_owned()));
        }
    }
}

fn warning(aim: &Aim<'_>, what: &str, at: Span, label: &str) -> Diagnostic {
    let (major, minor) = aim.version;
    Diagnostic::warning(
        "ignored-by-target",
        format!(
            "{} {major}.{minor} does not do all that {what} says",
            aim.target.word()
        ),
    )
    .at(at, label)
    .on_target(aim.name)
}

/// What a target does instead.
struct Fact {
    label: &'static str,
    why: &'static str,
}

/// Why a rule is ignored, wholly or for some flows that it speaks about in so many words.
fn ignored(rule: &Rule, direction: Direction, aim: &Aim<'_>) -> Option<Fact> {
    let every = |test: fn(&Clause) -> bool| rule.clauses.iter().all(test);
    match (rule.action, direction, aim.target) {
        // Kubernetes: the node of a pod always reaches it (documented, for the kubelet's probes); Calico accepts it in its static chains, and
        // on Cilium `allow-localhost=auto` does.
        (Action::Deny, Direction::Ingress, _) if every(only_nodes) => Some(Fact {
            label: "a pod's own node gets in",
            why: "the node that a pod runs on always reaches it, on every target: the kubelet's probes depend on it",
        }),
        // Kubernetes documents it as allowed; what a CNI does differs.
        (Action::Deny, Direction::Egress, Target::Kubernetes) if every(only_nodes) => Some(Fact {
            label: "a pod may reach its own node",
            why: "a NetworkPolicy does not stop a pod from reaching the node that it runs on, unless the CNI chooses to",
        }),
        // Felix drops them unless `allowIPIPPacketsFromWorkloads` or `allowVXLANPacketsFromWorkloads` is set.
        (Action::Allow, Direction::Egress, Target::Calico) if every(only_tunnels) => Some(Fact {
            label: "dropped before any policy",
            why: "Felix drops IPIP and VXLAN packets that a pod sends, unless FelixConfiguration says `allowIPIPPacketsFromWorkloads` or `allowVXLANPacketsFromWorkloads`",
        }),
        // Felix accepts them in its static chains.
        (Action::Deny, Direction::Egress, Target::Calico) if every(only_neighbors) => Some(Fact {
            label: "a pod's own node gets them",
            why: "Felix accepts ICMPv6 types 130 to 133, 135 and 136 from a pod to its node: neighbors could not be found without them",
        }),
        // `allow_icmp_frag_needed` in the datapath.
        (Action::Deny, _, Target::Cilium) if every(only_unreachable) => Some(Fact {
            label: "`fragmentation needed` passes",
            why: "Cilium lets ICMP type 3 code 4 through whatever a policy says: path MTU discovery depends on it",
        }),
        _ => None,
    }
}

/// Whether the other ends are all nodes and nothing else.
fn only_nodes(clause: &Clause) -> bool {
    let peers = &clause.peers;
    peers.nodes.is_full()
        && peers.pods.is_empty()
        && peers.outside.is_empty()
        && !peers.proxy
        && peers.names.is_empty()
}

/// IPIP (protocol 4) and VXLAN (UDP 4789) alone.
fn only_tunnels(clause: &Clause) -> bool {
    let tunnels = PortSet {
        other: Ranges::of(4, 4),
        ..PortSet::of(Transport::Udp, 4789, 4789)
    };
    within(&clause.ports, &tunnels)
}

/// ICMPv6 that finds neighbors and listeners, alone.
fn only_neighbors(clause: &Clause) -> bool {
    let of = |low: u16, high: u16| (low << 8, high << 8 | 0xff);
    let neighbors = PortSet {
        icmpv6: [of(130, 133), of(135, 136)].into_iter().collect(),
        ..PortSet::empty()
    };
    within(&clause.ports, &neighbors)
}

/// ICMP type 3 alone, with the code 4.
fn only_unreachable(clause: &Clause) -> bool {
    let unreachable = PortSet {
        icmp: Ranges::of(3 << 8, 3 << 8 | 0xff),
        ..PortSet::empty()
    };
    within(&clause.ports, &unreachable) && clause.ports.icmp.contains(3 << 8 | 4)
}

fn within(ports: &PortSet, bound: &PortSet) -> bool {
    ports.named.is_empty() && ports.subtract(bound).is_some_and(|rest| rest.is_empty())
}

/// Whether all pods of a subject are the operator's, by name.
fn is_the_operators(subject: &[Pods]) -> bool {
    subject
        .iter()
        .all(|pods| pods.namespaces.names == ValueSet::one("calico-system"))
}
