//! `allow-denied-above`: a part of an allow, as it is written, never gets through, because tiers above deny all of it.

use super::whose;
use crate::diagnostic::Diagnostic;
use crate::meaning::{By, DeniedAbove, decide};
use crate::model::Program;

pub(super) fn warning(program: &Program, found: &DeniedAbove) -> Diagnostic {
    let rule = program.rule(found.rule);
    let mut warning = Diagnostic::warning(
        "allow-denied-above",
        format!(
            "`{}` of `{}` never gets through",
            found.part.text, rule.text
        ),
    )
    .at(rule.span, "this part is denied above")
    .because(format!("a tier above denies {}", found.flow));
    match decide(program, &found.flow).by {
        By::Rule(other) => {
            warning = warning.and(program.rule(other).span, "denies it first");
            if let Some(note) = whose(program, found.rule, other) {
                warning = warning.because(note);
            }
        }
        By::Otherwise(tier) => {
            warning = warning.and(program.tiers[tier.0 as usize].span, "its end denies it");
        }
        By::DefaultEnd | By::Open => {}
    }
    warning.help("take the part out of the allow, or ask for a `pass` above")
}
