//! `unlabelled-pods-allowed`: an allow that says what a label is not, and so lets pods in that have no such label.

use crate::diagnostic::Diagnostic;
use crate::meaning::Unlabelled;
use crate::model::Program;

pub(super) fn warning(program: &Program, found: &Unlabelled) -> Diagnostic {
    let rule = program.rule(found.rule);
    let key = &found.key;
    Diagnostic::warning(
        "unlabelled-pods-allowed",
        format!("`{}` is also for pods without the label `{key}`", rule.text),
    )
    .at(rule.span, "matches pods without the label")
    .because(format!("it allows {}", found.flow))
    .help(format!(
        "say `{key}` beside it, which asks for the label; or name the values that are meant"
    ))
}
