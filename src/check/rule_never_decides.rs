//! `rule-never-decides`: every flow that a rule matches is decided before the rule is reached.

use super::show_takers;
use crate::diagnostic::Diagnostic;
use crate::meaning::Idle;
use crate::model::Program;

pub(super) fn warning(program: &Program, found: &Idle) -> Diagnostic {
    let rule = program.rule(found.rule);
    let warning = Diagnostic::warning(
        "rule-never-decides",
        format!("`{}` never decides a flow", rule.text),
    )
    .at(rule.span, "never reached by its flows");
    show_takers(
        program,
        found,
        warning,
        "decides its flows first",
        "this tier's end decides first",
    )
    .help("remove it, or move it up")
}
