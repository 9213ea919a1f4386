//! `redundant-deny-all`: a last `deny all` where the end of the tier, or of `default`, denies everything.

use super::show_takers;
use crate::diagnostic::Diagnostic;
use crate::meaning::Idle;
use crate::model::Program;

pub(super) fn warning(program: &Program, found: &Idle) -> Diagnostic {
    let rule = program.rule(found.rule);
    let warning = Diagnostic::warning(
        "redundant-deny-all",
        format!("`{}` closes what is closed", rule.text),
    )
    .at(rule.span, "says what the end says")
    .because("a policy that comes after this one never sees these flows, and one beside it contradicts it; the end of a tier takes none");
    show_takers(
        program,
        found,
        warning,
        "denies them anyway",
        "denies what is left",
    )
    .help("remove it; `ingress { }` and `egress { }` close a direction without a rule")
}
