//! Lints on the model, one file each.
//!
//! Takes: a [`Program`], and for some lints a target. Gives: warnings and notes, excused or not; [`Excuses`] takes away those that a rule excuses.
//! Knows nothing of how a target is written. The list of all lints is [`crate::diagnostic::lints`].

mod again;
mod allow_denied_above;
mod egress_without_dns;
mod excuses;
mod half_open_flow;
mod ignored_by_target;
mod left_out;
mod meets_through_nodes;
mod policy_selects_nothing;
mod redundant_deny_all;
mod rule_changes_nothing;
mod rule_never_decides;
mod unlabelled_pods_allowed;

use std::sync::Arc;

pub use again::{Apart, Changed};
pub use excuses::Excuses;
pub use ignored_by_target::{Aim, on_policy, on_target};

use self::left_out::LeftOut;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Idle, Index, Taker, Why, half_open, survey};
use crate::model::{Policy, PolicyId, Program, RuleRef, RuleSite};

/// What is said of policies and of `default`, each by itself.
pub type Said = Vec<(RuleSite, Diagnostic)>;

/// Runs all lints that ask about no target. Where the program is so large that rules are not compared, what is left can be asked again of some policies.
pub fn check(program: &Program, diagnostics: &mut Diagnostics) -> Option<Apart> {
    let index = Arc::new(Index::new(program));
    let selects_nothing = policy_selects_nothing::check(&index);
    let (without_dns, servers) = egress_without_dns::check(&index);
    for (_, warning) in selects_nothing.iter().chain(&without_dns) {
        diagnostics.push(warning.clone());
    }
    let found = survey(program);
    for idle in &found.idle {
        diagnostics.push(match idle.why {
            Why::NeverDecides => rule_never_decides::warning(program, idle),
            Why::ChangesNothing => rule_changes_nothing::warning(program, idle),
            Why::ClosesWhatIsClosed => redundant_deny_all::warning(program, idle),
        });
    }
    for part in &found.denied_above {
        diagnostics.push(allow_denied_above::warning(program, part));
    }
    for allow in &found.unlabelled {
        diagnostics.push(unlabelled_pods_allowed::warning(program, allow));
    }
    let mut left_out = LeftOut {
        too_many: found.too_many,
        idle: found.too_large,
        ..LeftOut::default()
    };
    if found.too_many.is_none() {
        let found = half_open(&index);
        for flow in &found.found {
            diagnostics.push(half_open_flow::warning(program, flow));
        }
        left_out.half_open = found.left_out;
        left_out.meets = meets_through_nodes::check(&index, diagnostics);
    }
    left_out.report(diagnostics);
    let rules = found.too_many?;
    Some(Apart {
        selects_nothing,
        without_dns,
        servers,
        rules,
    })
}

/// Points at who decides instead of an idle rule.
fn show_takers(
    program: &Program,
    found: &Idle,
    mut warning: Diagnostic,
    rule_says: &str,
    end_says: &str,
) -> Diagnostic {
    for taker in &found.takers {
        warning = match taker {
            Taker::Rule(rule) => warning.and(program.rule(*rule).span, rule_says),
            Taker::TierEnd(tier) => warning.and(program.tiers[tier.0 as usize].span, end_says),
            Taker::DefaultEnd => match &program.default {
                Some(default) => warning.and(default.span, end_says),
                None => warning,
            },
        };
        if let Taker::Rule(taker) = taker
            && let Some(note) = whose(program, found.rule, *taker)
        {
            warning = warning.because(note);
        }
    }
    warning.notes.dedup();
    warning
}

/// Whose a rule is, where that is another owner than that of the rule which is reported.
fn whose(program: &Program, reported: RuleRef, other: RuleRef) -> Option<String> {
    let policy = |rule: RuleRef| match rule.site {
        RuleSite::Policy(id) => Some(program.policy(id)),
        RuleSite::Default => None,
    };
    let (mine, theirs) = (policy(reported), policy(other)?);
    let is_another = mine.is_none_or(|mine| mine.owner != theirs.owner);
    is_another.then(|| format!("{} decides", owned(program, theirs)))
}

/// `` `books.db` of team `books` (@acme/books)``
fn owned(program: &Program, policy: &Policy) -> String {
    let name = name(policy);
    let team = program.teams.iter().find(|team| team.name == policy.owner);
    match team {
        Some(team) if team.owners.is_empty() => format!("`{name}` of team `{}`", team.name),
        Some(team) => format!(
            "`{name}` of team `{}` ({})",
            team.name,
            team.owners.join(", ")
        ),
        None => format!("`{name}`"),
    }
}

/// A policy's name as other folders say it.
fn name(policy: &Policy) -> String {
    match policy.folder.as_str() {
        "" => policy.name.to_string(),
        folder => format!("{folder}.{}", policy.name),
    }
}

/// The policies that are enforced.
fn enforced(program: &Program) -> impl Iterator<Item = (PolicyId, &Policy)> {
    program
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.staged)
        .map(|(at, policy)| (PolicyId(at as u32), policy))
}
