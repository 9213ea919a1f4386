//! `half-open-flow`: what a rule allows at its own end, the policies of the other end deny, all of it.

use super::{name, owned};
use crate::diagnostic::Diagnostic;
use crate::meaning::{By, HalfOpen};
use crate::model::Program;
use crate::space::Direction;

pub(super) fn warning(program: &Program, found: &HalfOpen) -> Diagnostic {
    let rule = program.rule(found.rule);
    let (word, other) = match found.rule.direction {
        Direction::Egress => ("to", "ingress"),
        Direction::Ingress => ("from", "egress"),
    };
    let mut warning = Diagnostic::warning(
        "half-open-flow",
        format!(
            "`{}` lets nothing through {word} {}: {other} is denied there",
            rule.text, found.peers
        ),
    )
    .at(rule.span, "allowed at this end")
    .because(format!(
        "one end allows and the other denies {}",
        found.flow
    ));
    let policy = found.policy.map(|id| program.policy(id));
    match found.by {
        By::Rule(other) => {
            warning = warning.and(program.rule(other).span, "denied at the other end");
        }
        By::Otherwise(_) => {
            if let Some(policy) = policy {
                warning = warning.and(policy.span, "closes the other end");
            }
        }
        By::DefaultEnd | By::Open => {
            if let Some(default) = &program.default {
                warning = warning.and(default.span, "closes the other end");
            }
        }
    }
    match policy {
        Some(policy) => warning
            .because(format!(
                "{} decides at the other end",
                owned(program, policy)
            ))
            .help(format!(
                "ask for an allow of {other} beside `{}`",
                name(policy)
            )),
        None => warning.help(format!("ask for a policy that allows {other} there")),
    }
}
