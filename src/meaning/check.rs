//! What must hold of a program before it means anything: unordered policies agree, and no exception's end opens a flow; today and after
//! every later expiry.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;
use time::Date;

use super::agreement::{Before, Disagreement, Found, Scope, disagreements};
use super::index::{Index, Partition};
use super::oracle::{Oracle, Set, TooLarge};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Action, Policy, PolicyId, Program, RuleRef, RuleSite};
use crate::space::diagram::Op;
use crate::space::{Direction, Flow};

/// Reports unordered policies that disagree on a flow, and exceptions whose end opens one, in every epoch from `today` on.
pub fn check(program: &Program, today: Date, diagnostics: &mut Diagnostics) {
    check_index(Index::new(program), today, diagnostics);
}

/// The same of some partitions, of whose policies none may be missing.
pub fn check_within(
    program: &Program,
    partitions: &[Partition],
    today: Date,
    diagnostics: &mut Diagnostics,
) {
    check_index(Index::new(program).within(partitions), today, diagnostics);
}

fn check_index(index: Index<'_>, today: Date, diagnostics: &mut Diagnostics) {
    let program = index.program;
    let before = Before::new(&index);
    let mut known = BTreeSet::new();
    let first = Arc::new(index.clone().on(today));
    let found = disagreements(&first, &before, &Scope::All);
    report(program, found, &mut known, None, diagnostics);
    for last in program.expiries().into_iter().filter(|last| *last >= today) {
        let Some(day) = last.next_day() else {
            continue;
        };
        let expiring = expiring(program, last);
        let changed: BTreeSet<PolicyId> = expiring
            .iter()
            .filter_map(|rule| match rule.site {
                RuleSite::Policy(id) => Some(id),
                RuleSite::Default => None,
            })
            .collect();
        let index = Arc::new(index.clone().on(day));
        let found = disagreements(&index, &before, &Scope::Changed(&changed));
        report(program, found, &mut known, Some(last), diagnostics);
        for rule in expiring {
            if program.rule(rule).action == Action::Pass {
                opens(&index, rule, last, diagnostics);
            }
        }
    }
}

/// The rules whose last day is this.
fn expiring(program: &Program, last: Date) -> Vec<RuleRef> {
    let mut all = Vec::new();
    for (at, policy) in program.policies.iter().enumerate() {
        for direction in Direction::BOTH {
            let block = policy.block(direction);
            let rules = block.map(|block| &block.rules[..]).unwrap_or_default();
            for (rule, _) in rules
                .iter()
                .enumerate()
                .filter(|(_, rule)| rule.until == Some(last))
            {
                all.push(RuleRef {
                    site: RuleSite::Policy(PolicyId(at as u32)),
                    direction,
                    rule: rule as u32,
                });
            }
        }
    }
    all
}

fn name(policy: &Policy) -> String {
    match policy.folder.as_str() {
        "" => policy.name.to_string(),
        folder => format!("{folder}.{}", policy.name),
    }
}

fn too_large(program: &Program, policy: PolicyId, fault: &TooLarge) -> Diagnostic {
    let policy = program.policy(policy);
    let diagnostic = Diagnostic::error(
        "too-many-combinations",
        format!("what `{}` decides is too large to work out", name(policy)),
    )
    .at(policy.span, "this policy, among others");
    let asking = fault.rules.iter().map(|rule| program.rule(*rule).span);
    asking
        .fold(diagnostic, |all, rule| all.and(rule, "asks about labels"))
        .because(fault.to_string())
        .help("ask about fewer labels, or put the policies in an order")
}

fn report(
    program: &Program,
    found: Found,
    known: &mut BTreeSet<(PolicyId, PolicyId, Direction)>,
    after: Option<Date>,
    diagnostics: &mut Diagnostics,
) {
    for (pair, disagreement) in found.disagreements {
        if known.insert(pair) {
            diagnostics.push(disagree(program, (pair.0, pair.1), &disagreement, after));
        }
    }
    for (policy, fault) in found.too_large {
        diagnostics.push(too_large(program, policy, &fault));
    }
}

fn disagree(
    program: &Program,
    pair: (PolicyId, PolicyId),
    found: &Disagreement,
    after: Option<Date>,
) -> Diagnostic {
    let (one, other) = (program.policy(pair.0), program.policy(pair.1));
    let rules = found.rules.map(|site| {
        let policy = match site.site {
            RuleSite::Policy(id) => program.policy(id),
            RuleSite::Default => one,
        };
        (program.rule(site), policy)
    });
    let [(first, first_policy), (second, second_policy)] = rules;
    let mut diagnostic = Diagnostic::error(
        "policies-disagree",
        format!(
            "`{}` and `{}` decide a flow differently, and neither comes first",
            name(one),
            name(other)
        ),
    )
    .at(
        first.span,
        format!("`{}` {}", name(first_policy), does(first.action)),
    )
    .and(
        second.span,
        format!("`{}` {}", name(second_policy), does(second.action)),
    )
    .because(format!("both decide {}", found.flow));
    if let Some(last) = after {
        diagnostic = diagnostic.because(format!(
            "from the day after {last} on, when a rule has expired"
        ));
    }
    diagnostic.help(format!(
        "say which decides first: `before {}` or `after {}` in `{}`",
        name(other),
        name(other),
        name(one),
    ))
}

fn does(action: Action) -> &'static str {
    match action {
        Action::Allow => "allows it",
        Action::Deny => "denies it",
        Action::Pass => "passes it on",
        Action::Log => "records it",
    }
}

/// Reports a flow that the end of a `pass` opens.
fn opens(index: &Arc<Index>, rule: RuleRef, last: Date, diagnostics: &mut Diagnostics) {
    let RuleSite::Policy(id) = rule.site else {
        return;
    };
    let policy = index.program.policy(id);
    let found = index
        .partitions()
        .into_par_iter()
        .filter(|partition| {
            policy
                .subject
                .iter()
                .any(|pods| index.meets(&pods.namespaces, *partition))
        })
        .map(|partition| opened(index, partition, rule))
        .find_first(|found| !matches!(found, Ok(None)));
    match found {
        None | Some(Ok(None)) => {}
        Some(Err(fault)) => diagnostics.push(too_large(index.program, id, &fault)),
        Some(Ok(Some(flow))) => {
            let rule = index.program.rule(rule);
            diagnostics.push(
                Diagnostic::error(
                    "expiry-opens",
                    format!("a flow opens when `{}` expires", rule.text),
                )
                .at(rule.span, "holds until then")
                .because(format!("from the day after {last} on this passes: {flow}"))
                .help("leave `until` away, or deny the flow below the `pass`"),
            );
        }
    }
}

fn opened(
    index: &Arc<Index>,
    partition: Partition,
    rule: RuleRef,
) -> Result<Option<Flow>, TooLarge> {
    let mut oracle = Oracle::of(index, partition, rule.direction)?;
    let with = oracle.checked(|oracle| oracle.allowed_with(rule))?;
    let without = oracle.allowed();
    let opened = oracle.checked(|oracle| oracle.manager.apply(Op::Minus, without.0, with))?;
    oracle.witness(Set(opened))
}
