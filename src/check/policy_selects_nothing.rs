//! `policy-selects-nothing`: the subject of a policy has no pod in any declared namespace.
//!
//! Where namespaces are closed that is an error when the subject is resolved; here it is about those that are open. A program that declares no
//! namespace is not asked.

use crate::diagnostic::Diagnostic;
use crate::meaning::{Index, Partition};
use crate::model::RuleSite;
use crate::source::Span;
use crate::space::Pods;

use super::{Said, enforced, name};

/// What is to be said of each policy, and of `default`.
pub(super) fn check(index: &Index<'_>) -> Said {
    let program = index.program;
    let mut said = Said::new();
    if program.namespaces.is_empty() {
        return said;
    }
    for (id, policy) in enforced(program) {
        if !selects_declared(index, &policy.subject) {
            let warning = warning(&format!("`{}`", name(policy)), policy.span);
            said.push((RuleSite::Policy(id), warning));
        }
    }
    if let Some(default) = &program.default
        && !selects_declared(index, &default.subject)
    {
        said.push((RuleSite::Default, warning("`default`", default.span)));
    }
    said
}

/// Whether a subject can have a pod in a declared namespace. Most subjects say names, which are looked up.
fn selects_declared(index: &Index<'_>, subject: &[Pods]) -> bool {
    let namespaces = &index.program.namespaces;
    subject.iter().any(|pods| match &pods.namespaces.names {
        crate::space::ValueSet::In(names) => names.iter().flatten().any(|name| {
            namespaces
                .binary_search_by(|known| known.name.cmp(name))
                .is_ok_and(|at| index.meets(&pods.namespaces, Partition::Declared(at)))
        }),
        crate::space::ValueSet::NotIn(_) => {
            (0..namespaces.len()).any(|at| index.meets(&pods.namespaces, Partition::Declared(at)))
        }
    })
}

fn warning(what: &str, span: Span) -> Diagnostic {
    Diagnostic::warning(
        "policy-selects-nothing",
        format!("{what} selects no pod of a declared namespace"),
    )
    .at(span, "for pods of undeclared namespaces only")
    .help("declare the namespace, or correct the names and labels after `for`")
}
