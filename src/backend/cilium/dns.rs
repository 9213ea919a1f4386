//! Names are learnt from answers that pass the agent's DNS proxy: who may reach a name must have its questions observed.
//!
//! Takes: what is emitted for egress. Gives: the same, with the filter that lets every name pass on the program's own DNS allowance where it
//! stands beside an allow of a name, or with a copy of the allowance for just these pods where it stands elsewhere. An allow of a name whose
//! pods may not ask for names is refused: to add the allowance would widen the program.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Index, Oracle, TooLarge, Verdict, partitions};
use crate::model::{Action, Program, RuleRef, RuleSite};
use crate::space::{Direction, Flow, FlowBox, Pods, subtract_pods};

use super::super::{Spec, refuse};
use super::lower::{Emitted, Lowered};
use super::peers::Effect;

/// An allowance of DNS in the program.
struct Allowance<'a> {
    rule: RuleRef,
    subject: &'a [Pods],
}

/// Makes names observable.
pub(super) fn observe(
    program: &Program,
    index: &Arc<Index<'_>>,
    spec: &Spec,
    egress: &mut Lowered,
    diagnostics: &mut Diagnostics,
) {
    let names = |one: &Emitted| {
        one.effect == Effect::Allow && one.boxes.iter().any(|flows| !flows.peers.names.is_empty())
    };
    if !egress.emitted.iter().any(names) {
        return;
    }
    let allowances = allowances(program);
    let mut observed: Vec<RuleRef> = Vec::new();
    let mut copies: Vec<Emitted> = Vec::new();
    for one in egress.emitted.iter().filter(|one| names(one)) {
        let of_names = one
            .boxes
            .iter()
            .filter(|flows| !flows.peers.names.is_empty());
        for flows in of_names {
            match find(program, index, &allowances, one.site, &flows.subject) {
                Ok((rule, _)) if rule.site == one.site => observed.push(rule),
                Ok((rule, boxes)) => copies.push(Emitted {
                    site: one.site,
                    rule,
                    direction: Direction::Egress,
                    effect: Effect::Allow,
                    boxes,
                    observes: true,
                }),
                Err(flow) => diagnostics.push(refused(program, spec, one.rule, flow)),
            }
        }
    }
    for one in &mut egress.emitted {
        one.observes |= one.effect == Effect::Allow && observed.contains(&one.rule);
    }
    egress.emitted.extend(copies);
}

fn refused(program: &Program, spec: &Spec, rule: RuleRef, flow: Option<Box<Flow>>) -> Diagnostic {
    let refusal = refuse(
        spec,
        "dns-name-without-dns",
        program.rule(rule).span,
        "learns a name only from answers to the pod's own questions",
    )
    .because("these pods may not ask: no `allow dns` of the program is in force for all of them");
    match flow {
        Some(flow) => refusal.because(format!("denied: {flow}")),
        None => refusal,
    }
    .help("write `allow dns` in the same policy")
}

fn allowances(program: &Program) -> Vec<Allowance<'_>> {
    let policies = program
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.staged)
        .filter_map(|(at, policy)| {
            let site = RuleSite::Policy(crate::model::PolicyId(at as u32));
            Some((site, &policy.subject, policy.egress.as_ref()?))
        });
    let default = program.default.iter().filter_map(|default| {
        Some((
            RuleSite::Default,
            &default.subject,
            default.egress.as_ref()?,
        ))
    });
    let mut all = Vec::new();
    for (site, subject, block) in policies.chain(default) {
        for (at, rule) in block.rules.iter().enumerate() {
            if rule.dns && rule.action == Action::Allow {
                all.push(Allowance {
                    rule: RuleRef {
                        site,
                        direction: Direction::Egress,
                        rule: at as u32,
                    },
                    subject,
                });
            }
        }
    }
    all
}

/// An allowance that is in force for a whole subject, the policy's own before others, and its boxes for that subject.
fn find(
    program: &Program,
    index: &Arc<Index<'_>>,
    allowances: &[Allowance<'_>],
    site: RuleSite,
    subject: &Pods,
) -> Result<(RuleRef, Vec<FlowBox>), Option<Box<Flow>>> {
    let own = allowances.iter().filter(|one| one.rule.site == site);
    let others = allowances.iter().filter(|one| one.rule.site != site);
    let mut denied = None;
    for one in own.chain(others) {
        if !subtract_pods(std::slice::from_ref(subject), one.subject).is_empty() {
            continue;
        }
        let boxes: Vec<FlowBox> = program
            .rule(one.rule)
            .clauses
            .iter()
            .filter(|clause| {
                clause.subject.as_ref().is_none_or(|some| {
                    subtract_pods(std::slice::from_ref(subject), some).is_empty()
                })
            })
            .map(|clause| FlowBox {
                subject: subject.clone(),
                peers: clause.peers.clone(),
                ports: clause.ports.clone(),
            })
            .collect();
        match in_force(program, index, &boxes) {
            Ok(None) if !boxes.is_empty() => return Ok((one.rule, boxes)),
            // What is too large to ask about is not taken to be in force.
            Ok(None) | Err(_) => {}
            Ok(Some(flow)) => denied = Some(Box::new(flow)),
        }
    }
    Err(denied)
}

/// A flow of these boxes that is denied; none if all of them are allowed.
fn in_force(
    program: &Program,
    index: &Arc<Index<'_>>,
    boxes: &[FlowBox],
) -> Result<Option<Flow>, TooLarge> {
    for partition in partitions(program) {
        let mut meeting = boxes
            .iter()
            .filter(|one| index.meets(&one.subject.namespaces, partition))
            .peekable();
        if meeting.peek().is_none() {
            continue;
        }
        let mut oracle = Oracle::of(index, partition, Direction::Egress)?;
        for one in meeting {
            let denied = oracle.find(one, Verdict::Deny)?;
            if denied.is_some() {
                return Ok(denied);
            }
        }
    }
    Ok(None)
}
