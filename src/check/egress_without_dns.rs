//! `egress-without-dns`: a policy closes the egress of pods that call others, and nobody lets them ask for names.
//!
//! A policy that closes (its tier ends in deny, or it is `default`) and allows flows to pods, DNS names or all of outside is asked for one pod of each
//! part of its subject, with the labels that are written: if the end of a tier or of `default` denies it every way to a DNS server that the
//! program knows, it is reported with that flow. What a rule denies on purpose is not. The servers are those of every rule that allows the service `dns`
//! or UDP 53 alone; if there is none, CoreDNS in `kube-system`.

use std::collections::BTreeSet;

use rayon::prelude::*;
use smol_str::SmolStr;

use crate::diagnostic::Diagnostic;
use crate::meaning::{By, Index, Verdict};
use crate::model::{Action, Block, Clause, Cluster, Policy, Program, RuleSite, TierId, inhabitant};
use crate::source::Span;
use crate::space::{
    Direction, End, EndpointSet, Flow, Namespaces, Pod, Pods, PortSet, Ranges, Selector, Traffic,
    Transport, ValueSet,
};

use super::{Said, enforced, name};

/// How many servers are tried.
const MOST_SERVERS: usize = 16;

/// A place that closes egress.
struct Closing<'p> {
    what: String,
    site: RuleSite,
    subject: &'p [Pods],
    block: &'p Block,
    span: Span,
}

/// DNS servers that a program speaks of: an end and a port of each.
pub(super) type Servers = Vec<(End, u16)>;

/// What is to be said of each policy, and of `default`, with the servers that were tried.
pub(super) fn check(index: &Index<'_>) -> (Said, Servers) {
    let closing = closing_and_calling(index.program);
    if closing.is_empty() {
        return (Said::new(), Servers::new());
    }
    let servers = servers(index.program);
    let found: Said = closing
        .par_iter()
        .filter_map(|one| Some((one.site, warning(index, one, &servers)?)))
        .collect();
    (found, servers)
}

/// The same of a part of a program, of whose policies none may be missing that select in these namespaces: for each that was asked again, what is to be
/// said of it. `None` if a policy can only be asked in the whole program.
pub(super) fn check_within(
    index: &Index<'_>,
    names: &BTreeSet<SmolStr>,
    servers: &Servers,
) -> Option<Vec<(RuleSite, Option<Diagnostic>)>> {
    let mut all = Vec::new();
    for one in closing_and_calling(index.program) {
        let pods = one.subject.iter().filter_map(|pods| subject(index, pods));
        let inside: Vec<bool> = pods.map(|pod| names.contains(&pod.namespace)).collect();
        match (inside.contains(&true), inside.contains(&false)) {
            (true, true) => return None,
            (true, false) => all.push((one.site, warning(index, &one, servers))),
            (false, _) => {}
        }
    }
    Some(all)
}

/// Whether a policy has a say in which servers are tried.
pub(super) fn names_servers(policy: &Policy) -> bool {
    let rules = policy.egress.iter().flat_map(|block| &block.rules);
    rules
        .filter(|rule| rule.action == Action::Allow)
        .any(|rule| rule.dns || rule.clauses.iter().any(asks_names))
}

fn closing_and_calling(program: &Program) -> Vec<Closing<'_>> {
    closing(program)
        .into_iter()
        .filter(|one| calls_others(one.block))
        .collect()
}

/// The pod of a part of a subject that is asked.
fn subject(index: &Index<'_>, pods: &Pods) -> Option<Pod> {
    let program = index.program;
    inhabitant(&program.namespaces, program.cluster.namespaces_closed, pods)
}

fn warning(index: &Index<'_>, one: &Closing<'_>, servers: &Servers) -> Option<Diagnostic> {
    let flow = one
        .subject
        .iter()
        .find_map(|pods| unheard(index, one, &subject(index, pods)?, servers))?;
    Some(
        Diagnostic::warning(
            "egress-without-dns",
            format!("{} closes egress without the DNS allowance", one.what),
        )
        .at(one.block.span, "no way to a DNS server")
        .and(one.span, "for these pods")
        .because(format!("it calls others, and nobody allows {flow}"))
        .help("add `allow dns`, or allow it for everybody in a tier above"),
    )
}

/// Whatever closes egress.
fn closing(program: &Program) -> Vec<Closing<'_>> {
    let policies = enforced(program).filter_map(|(id, policy)| {
        let TierId(tier) = policy.tier;
        let closes = program.tiers[tier as usize].otherwise.denies();
        closes.then_some(Closing {
            what: format!("`{}`", name(policy)),
            site: RuleSite::Policy(id),
            subject: &policy.subject,
            block: policy.egress.as_ref()?,
            span: policy.span,
        })
    });
    let default = program.default.iter().filter_map(|default| {
        Some(Closing {
            what: "`default`".to_owned(),
            site: RuleSite::Default,
            subject: &default.subject,
            block: default.egress.as_ref()?,
            span: default.span,
        })
    });
    policies.chain(default).collect()
}

/// Whether a block allows flows to ends that are called by name: pods, which are called by their service's, DNS names, and all of outside.
fn calls_others(block: &Block) -> bool {
    block.rules.iter().any(|rule| {
        rule.action == Action::Allow
            && rule.clauses.iter().any(|clause| {
                !asks_names(clause)
                    && (!clause.peers.pods.is_empty()
                        || !clause.peers.names.is_empty()
                        || clause.peers.outside.is_full())
            })
    })
}

/// Whether a clause is for UDP 53 and at most TCP 53 beside it.
fn asks_names(clause: &Clause) -> bool {
    let dns = Ranges::of(53, 53);
    let ports = &clause.ports;
    let only = PortSet {
        tcp: ports.tcp.clone(),
        udp: dns.clone(),
        ..PortSet::empty()
    };
    *ports == only && ports.tcp.is_subset(&dns)
}

/// A concrete end and port of every DNS server that a rule speaks of.
fn servers(program: &Program) -> Servers {
    let mut servers = Vec::new();
    let policies = enforced(program).filter_map(|(_, policy)| policy.egress.as_ref());
    let default = program
        .default
        .iter()
        .filter_map(|default| default.egress.as_ref());
    let rules = policies.chain(default).flat_map(|block| &block.rules);
    for rule in rules.filter(|rule| rule.action == Action::Allow) {
        for clause in &rule.clauses {
            if !rule.dns && !asks_names(clause) {
                continue;
            }
            for server in ends(program, &clause.peers, clause.ports.udp.first()) {
                if servers.len() < MOST_SERVERS && !servers.contains(&server) {
                    servers.push(server);
                }
            }
        }
    }
    if servers.is_empty() {
        let coredns = Pods {
            namespaces: Namespaces::named("kube-system"),
            labels: Selector::any().with("k8s-app", &ValueSet::one("kube-dns")),
            ..Pods::any()
        };
        let coredns = EndpointSet::of_pods([coredns]);
        servers.extend(ends(program, &coredns, Some(53)));
    }
    servers
}

/// One end of each kind.
fn ends(program: &Program, peers: &EndpointSet, port: Option<u16>) -> Vec<(End, u16)> {
    let Some(port) = port else {
        return Vec::new();
    };
    let Cluster {
        namespaces_closed, ..
    } = program.cluster;
    let mut ends: Vec<End> = peers
        .pods
        .iter()
        .filter(|pods| pods.namespaces.same.is_empty())
        .filter_map(|pods| inhabitant(&program.namespaces, namespaces_closed, pods))
        .map(End::Pod)
        .collect();
    ends.extend(peers.nodes.first().map(End::Node));
    ends.extend(peers.outside.first().map(|address| End::Outside {
        address,
        names: Default::default(),
    }));
    ends.into_iter().map(|end| (end, port)).collect()
}

/// A flow to the first server, if the ends of tiers deny the pod every server.
fn unheard(index: &Index<'_>, closing: &Closing<'_>, pod: &Pod, servers: &Servers) -> Option<Flow> {
    let mut first = None;
    for (end, port) in servers {
        let flow = Flow {
            direction: Direction::Egress,
            subject: pod.clone(),
            peer: end.clone(),
            traffic: Traffic::Port(Transport::Udp, *port),
        };
        let decision = index.decide(&flow);
        let by_an_end = match decision.by {
            By::Otherwise(_) | By::DefaultEnd => true,
            // A `deny all` that closes the policy itself.
            By::Rule(rule) => rule.site == closing.site,
            By::Open => false,
        };
        if decision.verdict == Verdict::Allow || !by_an_end {
            return None;
        }
        first.get_or_insert(flow);
    }
    first
}
