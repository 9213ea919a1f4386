//! `rule-changes-nothing`: without the rule, the rest of its policy or the end of its tier decides the same.

use super::show_takers;
use crate::diagnostic::Diagnostic;
use crate::meaning::Idle;
use crate::model::{Action, Program};

pub(super) fn warning(program: &Program, found: &Idle) -> Diagnostic {
    let rule = program.rule(found.rule);
    let anyway = match rule.action {
        Action::Deny => "denies its flows anyway",
        Action::Allow => "allows its flows anyway",
        Action::Pass | Action::Log => "passes its flows anyway",
    };
    let warning = Diagnostic::warning(
        "rule-changes-nothing",
        format!("without `{}` every flow is decided the same", rule.text),
    )
    .at(rule.span, "makes no difference");
    show_takers(program, found, warning, anyway, anyway)
        .help("remove it, or check what it was meant to stop")
}
