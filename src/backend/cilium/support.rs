//! What Cilium cannot say of a program, rule by rule, before anything is lowered.
//!
//! Takes: a program and a target. Gives: refusals, each at its rule, with the version, the reason or the missing fact, and the ways out.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Action, Block, Clause, Otherwise, Policy, Program, Rule};
use crate::source::Span;
use crate::space::{Direction, EndpointSet, Pods, PortSet};

use super::super::support::{Construct, refusal};
use super::super::{LogPolicy, Spec, missing_fact, refuse};
use super::peers::{self, Effect};
use super::selector::{is_filtered, longest_namespace_key};
use super::traffic::{self, carried, matched};

/// Refuses what cannot be said.
pub(super) fn check(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) {
    for (at, tier) in program.tiers.iter().enumerate() {
        let used = program
            .policies
            .iter()
            .any(|policy| policy.tier.0 as usize == at && !policy.staged);
        if tier.otherwise == Otherwise::DenyAndLog && used && spec.log == LogPolicy::Refuse {
            diagnostics.push(
                no_log(spec, tier.span)
                    .help("write `otherwise deny`, or say `log = \"ignore\"` for this target"),
            );
        }
    }
    for policy in &program.policies {
        check_policy(program, policy, spec, diagnostics);
    }
    if let Some(default) = &program.default {
        subject(&default.subject, default.span, spec, diagnostics);
        for (direction, block) in [
            (Direction::Ingress, &default.ingress),
            (Direction::Egress, &default.egress),
        ] {
            if let Some(block) = block {
                check_block(program, block, direction, spec, diagnostics);
            }
        }
    }
}

fn check_policy(program: &Program, policy: &Policy, spec: &Spec, diagnostics: &mut Diagnostics) {
    if policy.staged {
        diagnostics.push(
            refuse(
                spec,
                "no-staged-policies",
                policy.span,
                format!("cannot carry `{}` without enforcing it", policy.name),
            )
            .because("Cilium's audit mode is a setting of a daemon or of an endpoint; no field of a policy turns it on, in any version up to 1.20")
            .help("keep staged policies in a folder that this target is `without`, or stage them on Calico 3.30 or later"),
        );
        return;
    }
    subject(&policy.subject, policy.span, spec, diagnostics);
    for (direction, block) in [
        (Direction::Ingress, &policy.ingress),
        (Direction::Egress, &policy.egress),
    ] {
        if let Some(block) = block {
            check_block(program, block, direction, spec, diagnostics);
        }
    }
}

fn subject(pods: &[Pods], span: Span, spec: &Spec, diagnostics: &mut Diagnostics) {
    if let Some(refusal) = pods.iter().find_map(|pods| labels(pods, span, spec)) {
        diagnostics.push(refusal);
    }
}

fn check_block(
    program: &Program,
    block: &Block,
    direction: Direction,
    spec: &Spec,
    diagnostics: &mut Diagnostics,
) {
    for rule in &block.rules {
        if (rule.log || rule.action == Action::Log) && spec.log == LogPolicy::Refuse {
            let way = match rule.action {
                Action::Log => "delete the rule, or say `log = \"ignore\"` for this target",
                _ => "leave `and log` away, or say `log = \"ignore\"` for this target",
            };
            diagnostics.push(no_log(spec, rule.span).help(way));
        }
        if rule.action == Action::Log {
            continue;
        }
        let refusal = rule
            .clauses
            .iter()
            .find_map(|clause| check_clause(program, rule, clause, direction, spec));
        if let Some(refusal) = refusal {
            diagnostics.push(refusal);
        }
    }
}

fn no_log(spec: &Spec, span: Span) -> Diagnostic {
    refuse(spec, "no-log-action", span, "has no action that records a flow")
        .because("a policy's `log.value` only tags events of Hubble, which reports every flow anyway; it is not wired for each rule")
}

fn check_clause(
    program: &Program,
    rule: &Rule,
    clause: &Clause,
    direction: Direction,
    spec: &Spec,
) -> Option<Diagnostic> {
    let pods = clause
        .peers
        .pods
        .iter()
        .chain(clause.subject.iter().flatten());
    let refusal = pods
        .into_iter()
        .find_map(|pods| labels(pods, rule.span, spec))
        .or_else(|| names(&clause.peers, rule.span, spec))
        .or_else(|| protocols(program, &clause.ports, rule.span, spec))
        .or_else(|| named_ports(rule, &clause.ports, direction, spec));
    if refusal.is_some() {
        return refusal;
    }
    let effect = match rule.action {
        Action::Allow => Effect::Allow,
        Action::Deny => Effect::Deny,
        // What passes says nothing by itself; what is left of others after it is checked when it is written.
        Action::Pass | Action::Log => return None,
    };
    if let Err(why) = peers::sayable(&clause.peers, direction, effect, &program.cluster) {
        return Some(unsayable_peer(why, rule.span, spec));
    }
    let carried = carried(&program.cluster, spec.version);
    matched(&clause.ports, &carried, spec.version)
        .err()
        .map(|why| unsayable_traffic(why, rule.span, spec))
}

/// A label that Cilium keeps out of identities, takes for one of its own, or whose key is too long for it.
fn labels(pods: &Pods, span: Span, spec: &Spec) -> Option<Diagnostic> {
    for (key, _) in pods.labels.iter() {
        if let Some(why) = taken_for_its_own(key, spec) {
            return Some(
                refuse(
                    spec,
                    "reserved-label-key",
                    span,
                    format!("takes the pod label `{key}` for one of its own"),
                )
                .because(why)
                .help("give the pods another label, and take this one off them"),
            );
        }
        if is_filtered(key, spec.version) {
            return Some(
                refuse(
                    spec,
                    "label-not-in-identity",
                    span,
                    format!("does not see the pod label `{key}`"),
                )
                .because("its default label filter keeps this key out of identities: to a selector it never exists, so an allow would be dead and a deny open")
                .help("select by another label, for example one of `app.kubernetes.io/`"),
            );
        }
        if !key.contains('/') && key.len() > 59 && refusal(Construct::LongLabelKey, spec).is_some()
        {
            return Some(too_long(key, 59, span, spec));
        }
    }
    let longest = longest_namespace_key(spec.version);
    pods.namespaces
        .labels
        .iter()
        .find(|(key, _)| !key.contains('/') && key.len() > longest)
        .map(|(key, _)| too_long(key, longest, span, spec))
}

/// What becomes of pods with a label for which the agent looks by its key alone (`computePolicyEnforcementAndRules`).
fn taken_for_its_own(key: &str, spec: &Spec) -> Option<&'static str> {
    match key {
        "host" if !spec.at_least(1, 20) => {
            Some("up to 1.19 nothing is enforced for a pod with that key, whatever selects it")
        }
        "init" => Some(
            "a pod with that key is closed in both directions, also where no policy selects it",
        ),
        _ => None,
    }
}

fn too_long(key: &str, longest: usize, span: Span, spec: &Spec) -> Diagnostic {
    refuse(
        spec,
        "label-key-too-long",
        span,
        format!("rejects the label key `{key}`"),
    )
    .because(format!(
        "it checks keys with its own prefix before them: here {longest} characters are the most that a key without a prefix of its own may have"
    ))
    .help("give the label a prefix (`example.com/…`), or a shorter key")
}

fn names(ends: &EndpointSet, span: Span, spec: &Spec) -> Option<Diagnostic> {
    let name = ends.names.iter().find(|name| name.starts_with("**."))?;
    refusal(Construct::DnsDeepPattern, spec).map(|refused| {
        refuse(spec, refused, span, format!("cannot match \"{name}\"")).because("a pattern for several labels exists since Cilium 1.19; before, `**` is read as `*`, which is one label")
        .help(format!(
            "write the names that are needed, or \"{}\" for one label",
            &name[1..]
        ))
    })
}

fn protocols(program: &Program, ports: &PortSet, span: Span, spec: &Spec) -> Option<Diagnostic> {
    if ports.is_all() {
        return None;
    }
    let sctp = !ports.sctp.is_empty()
        || ports
            .named
            .iter()
            .any(|(transport, _)| *transport == crate::space::Transport::Sctp);
    if sctp && !program.cluster.sctp {
        return Some(
            missing_fact(spec, span, "sctp", &["sctp"])
                .because("where `sctp.enabled` is off, SCTP is dropped before any policy is asked"),
        );
    }
    let number = ports.other.first()?;
    if refusal(Construct::Vrrp, spec).is_some() {
        return Some(unsayable_traffic(
            traffic::Unsayable::Protocol(number),
            span,
            spec,
        ));
    }
    (!program.cluster.extended_protocols).then(|| {
        missing_fact(spec, span, "extended-protocols", &["extended-protocols"]).because(
            "without `enable-extended-ip-protocols` other protocols are dropped before any policy is asked",
        )
    })
}

/// At egress a name is looked up in a table of numbers, which says nothing where pods disagree: an allow is then missing, and a deny open.
fn named_ports(
    rule: &Rule,
    ports: &PortSet,
    direction: Direction,
    spec: &Spec,
) -> Option<Diagnostic> {
    let (_, name) = ports.named.first()?;
    if direction == Direction::Ingress {
        return None;
    }
    let why = match refusal(Construct::NamedEgress, spec) {
        Some(_) => {
            "up to 1.19 named ports of egress come from one table of the whole cluster: two pods with different numbers make the rule vanish"
        }
        None if rule.action == Action::Deny => {
            "where pods of the same labels have different numbers for a name, no number is used: the deny vanishes and lets everything through"
        }
        None => return None,
    };
    Some(
        refuse(
            spec,
            "no-named-ports",
            rule.span,
            format!("cannot look the port \"{name}\" up for each destination"),
        )
        .because(why)
        .help("write the number, or name the port in the ingress of the pods that have it"),
    )
}

/// An end that cannot be said.
pub(super) fn unsayable_peer(why: peers::Unsayable, span: Span, spec: &Spec) -> Diagnostic {
    match why {
        peers::Unsayable::SomeNodes => refuse(
            spec,
            "no-node-addresses",
            span,
            "cannot tell one node from another by its address",
        )
        .because(
            "addresses never match nodes; the entities `host` and `remote-node` are all of them",
        )
        .help("write `nodes`, or `apiserver` for the API server"),
        peers::Unsayable::ApiserverDenied => refuse(
            spec,
            "apiserver-not-deniable",
            span,
            "cannot deny ingress from the nodes of the API server",
        )
        .because(
            "on such a node the deny would meet the pod's own host and stop the kubelet's probes",
        )
        .help("close the direction and allow the others, or deny `nodes`"),
        peers::Unsayable::NameDenied => refuse(
            spec,
            "names-and-addresses",
            span,
            "cannot tell DNS names from addresses",
        )
        .because("`toFQDNs` exists in allows only")
        .help("allow the addresses instead of the name"),
    }
}

/// Traffic that cannot be said.
pub(super) fn unsayable_traffic(why: traffic::Unsayable, span: Span, spec: &Spec) -> Diagnostic {
    match why {
        traffic::Unsayable::IcmpCode => refuse(
            spec,
            "no-icmp-codes",
            span,
            "cannot tell the codes of an ICMP type apart",
        )
        .because("`icmps` has a type and no code")
        .help("name the type without a code"),
        traffic::Unsayable::IcmpTypeZero => refuse(
            spec,
            "no-icmp-type-zero",
            span,
            "cannot match ICMP type 0 alone",
        )
        .because("type 0 is kept as port 0, which is every type of its family")
        .help("leave it away: replies of allowed connections pass anyway; or write `icmp` for every type"),
        traffic::Unsayable::Protocol(number) => refuse(
            spec,
            "no-such-protocol",
            span,
            format!("cannot match protocol {number}"),
        )
        .because("with the fact `extended-protocols`, 1.19 knows IGMP and VRRP, and 1.20 also GRE, IPIP, IPv6, ESP and AH; no other number is known")
        .help("write `all` if every protocol is meant"),
        traffic::Unsayable::MostProtocols => refuse(
            spec,
            "no-such-protocol",
            span,
            "cannot match every protocol but some",
        )
        .because("protocols are named one by one, or all of them are meant")
        .help("allow `all` and deny what is not meant"),
    }
}
