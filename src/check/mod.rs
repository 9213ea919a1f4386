//! Lints on the model, one file each.
//!
//! Takes: a [`Program`]. Gives: warnings; a rule may excuse itself from one with `excuse LINT because "…"`. Knows nothing of targets.

mod rule_changes_nothing;
mod rule_never_decides;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Idle, Taker, idle};
use crate::model::Program;

/// Runs all lints.
pub fn check(program: &Program, diagnostics: &mut Diagnostics) {
    for found in idle(program) {
        let warning = match found.never_decides {
            true => rule_never_decides::warning(program, &found),
            false => rule_changes_nothing::warning(program, &found),
        };
        let excused = &program.rule(found.rule).excused;
        if !excused.iter().any(|lint| lint == warning.name) {
            diagnostics.push(warning);
        }
    }
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
    }
    warning
}
