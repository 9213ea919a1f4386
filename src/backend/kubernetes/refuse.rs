//! What a NetworkPolicy cannot say, whatever stands around it.
//!
//! Takes: a program. Gives: a refusal at each rule, policy or tier that asks for it, and whether there is sense in lowering the rest.

use crate::backend::{LogPolicy, Spec, missing_fact, refuse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Action, Block, Clause, Otherwise, Policy, Program, Rule, TierId};
use crate::source::Span;
use crate::space::{Pods, PortSet, Transport, ValueSet};

use super::support::{Profile, Support};

/// What becomes of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outlook {
    /// It can be lowered, so that further refusals are found, though nothing may be emitted.
    Clear,
    /// It holds what no lowering can see: what it would say would be wrong.
    Blind,
}

/// Refuses everything that can be seen without lowering.
pub(super) fn refusals(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Outlook {
    let mut scan = Scan {
        program,
        spec,
        profile: Profile::of(&program.cluster),
        diagnostics,
        outlook: Outlook::Clear,
    };
    for (at, tier) in program.tiers.iter().enumerate() {
        let enforced = program
            .policies_of(TierId(at as u32))
            .any(|(_, policy)| !policy.staged);
        if tier.otherwise == Otherwise::DenyAndLog && enforced {
            scan.log(tier.span);
        }
    }
    for policy in &program.policies {
        scan.policy(policy);
    }
    if let Some(default) = &program.default {
        scan.subject(&default.subject, default.span);
        scan.blocks([&default.ingress, &default.egress]);
    }
    scan.outlook
}

struct Scan<'a> {
    program: &'a Program,
    spec: &'a Spec,
    profile: Profile,
    diagnostics: &'a mut Diagnostics,
    outlook: Outlook,
}

impl Scan<'_> {
    fn policy(&mut self, policy: &Policy) {
        if policy.staged {
            self.diagnostics.push(
                refuse(
                    self.spec,
                    "no-staged-policies",
                    policy.span,
                    format!("cannot carry `{}` without enforcing it", policy.name),
                )
                .because("a NetworkPolicy is enforced as soon as it exists")
                .help("put staged policies in a folder that this target is `without`"),
            );
            return;
        }
        self.subject(&policy.subject, policy.span);
        self.blocks([&policy.ingress, &policy.egress]);
    }

    fn blocks(&mut self, blocks: [&Option<Block>; 2]) {
        for rule in blocks.into_iter().flatten().flat_map(|block| &block.rules) {
            self.rule(rule);
        }
    }

    /// A refusal that makes the rest unseeable.
    fn blind(&mut self, diagnostic: Diagnostic) {
        self.outlook = Outlook::Blind;
        self.diagnostics.push(diagnostic);
    }

    /// Subjects lie in declared namespaces, and are said by labels.
    fn subject(&mut self, subject: &[Pods], span: Span) {
        let closed = self.program.cluster.namespaces_closed;
        let open = |pods: &&Pods| matches!(pods.namespaces.names, ValueSet::NotIn(_));
        if !closed && subject.iter().any(|pods| open(&pods)) {
            // The declared namespaces show what else is refused.
            self.diagnostics.push(
                missing_fact(self.spec, span, "namespaces closed", &["namespaces closed"])
                    .because("a NetworkPolicy lies in one namespace: a namespace that is made later would have none")
                    .help("or name the namespaces of the subject"),
            );
            return;
        }
        let undeclared = subject
            .iter()
            .flat_map(|pods| match &pods.namespaces.names {
                ValueSet::In(names) => names.as_slice(),
                ValueSet::NotIn(_) => &[],
            })
            .flatten()
            .find(|name| !closed && self.program.namespace(name).is_none());
        if let Some(name) = undeclared {
            self.blind(
                missing_fact(
                    self.spec,
                    span,
                    &format!("namespace {name}"),
                    &[&format!("namespace {name} {{ … }}")],
                )
                .because("policies are written for declared namespaces only: what holds for a namespace depends on its labels"),
            );
        }
        if has_account(subject) {
            self.account(span);
        }
    }

    fn account(&mut self, span: Span) {
        let refusal = refuse(
            self.spec,
            "no-service-accounts",
            span,
            "cannot select pods by their service account",
        )
        .because("a NetworkPolicy selects pods and namespaces by labels only")
        .help("select the pods by a label that they carry");
        self.blind(refusal);
    }

    fn log(&mut self, span: Span) {
        if self.spec.log == LogPolicy::Refuse {
            self.diagnostics.push(
                refuse(
                    self.spec,
                    "no-log-action",
                    span,
                    "has no action that records a flow",
                )
                .because("a NetworkPolicy only allows")
                .help(
                    "say `log = \"ignore\"` for this target in `vauban.toml`: no verdict changes",
                ),
            );
        }
    }

    fn rule(&mut self, rule: &Rule) {
        if rule.log || rule.action == Action::Log {
            self.log(rule.span);
        }
        if rule.action == Action::Log {
            return;
        }
        for clause in &rule.clauses {
            if self.clause(rule, clause) {
                return;
            }
        }
    }

    /// Whether something was refused.
    fn clause(&mut self, rule: &Rule, clause: &Clause) -> bool {
        let span = rule.span;
        if let Some(name) = clause.peers.names.first() {
            let refusal = refuse(
                self.spec,
                "no-dns-names",
                span,
                format!("has no rules on DNS names, such as `{name}`"),
            )
            .because("a NetworkPolicy knows addresses and labels only")
            .help("name the addresses as a `network`");
            self.blind(refusal);
            return true;
        }
        if names_the_proxy(clause) {
            let refusal = refuse(
                self.spec,
                "no-ingress-proxy",
                span,
                "has no ingress proxy of its own",
            )
            .because("`ingress-proxy` is Cilium's; elsewhere an ingress controller is pods")
            .help("name the controller's pods, for example `std.ingress.nginx`");
            self.blind(refusal);
            return true;
        }
        if has_account(&clause.peers.pods) || clause.subject.as_deref().is_some_and(has_account) {
            self.account(span);
            return true;
        }
        if tells_protocols_apart(&clause.ports) {
            let refusal = refuse(
                self.spec,
                "no-such-protocol",
                span,
                "sees TCP, UDP and SCTP only",
            )
            .because("what a NetworkPolicy does with other protocols is up to each CNI")
            .help("write `tcp`, `udp` or `sctp` ports, or `all`");
            self.blind(refusal);
            return true;
        }
        if !clause.ports.is_all()
            && !clause.ports.transport(Transport::Sctp).is_empty()
            && self.profile.sctp() != Support::Yes
        {
            self.diagnostics.push(
                missing_fact(self.spec, span, "sctp", &["sctp"])
                    .because("not every CNI carries SCTP and enforces its ports"),
            );
            return true;
        }
        false
    }
}

fn has_account(pods: &[Pods]) -> bool {
    pods.iter().any(|pods| !pods.service_account.is_any())
}

/// Whether a clause speaks of the proxy by name: it has it, and is no remainder of `anywhere`, which has it too.
fn names_the_proxy(clause: &Clause) -> bool {
    let peers = &clause.peers;
    let remainder = peers.nodes.is_full()
        || peers.outside.is_full()
        || peers
            .pods
            .iter()
            .any(|pods| matches!(pods.namespaces.names, ValueSet::NotIn(_)));
    peers.proxy && !remainder
}

/// Whether some, but not all, of the protocols are meant that are not TCP, UDP or SCTP, or they are told from those.
fn tells_protocols_apart(ports: &PortSet) -> bool {
    let all = PortSet::all();
    let none = ports.icmp.is_empty() && ports.icmpv6.is_empty() && ports.other.is_empty();
    let every = ports.icmp == all.icmp && ports.icmpv6 == all.icmpv6 && ports.other == all.other;
    let only = !Transport::ALL
        .iter()
        .any(|of| !ports.transport(*of).is_empty());
    !none && (!every || only)
}
