//! How a backend says no: at the rule, with the target, its version, the reason or the missing fact, and what could be written instead.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::Spec;

impl Spec {
    /// The target and its version as people say it: `calico 3.30`.
    pub fn spoken(&self) -> String {
        format!(
            "{} {}.{}",
            self.backend.word(),
            self.version.0,
            self.version.1
        )
    }

    /// Whether the declared version is this one or a later one.
    pub fn at_least(&self, major: u16, minor: u16) -> bool {
        self.version >= (major, minor)
    }
}

/// A refusal: the message is the target, its version and `fact`, which goes on from there (`has no DNS names in rules`). Give the
/// reason with [`Diagnostic::because`] and each alternative with [`Diagnostic::help`].
pub fn refuse(spec: &Spec, name: &'static str, span: Span, fact: impl AsRef<str>) -> Diagnostic {
    Diagnostic::error(name, format!("{} {}", spec.spoken(), fact.as_ref()))
        .at(span, "")
        .on_target(&spec.name)
}

/// A refusal because the cluster does not state a fact: `facts` are its ways to be said in the cluster block.
///
/// One name for all facts, `missing-fact`: the way out is always the same.
pub fn missing_fact(spec: &Spec, span: Span, fact: &str, facts: &[&str]) -> Diagnostic {
    let ways = facts
        .iter()
        .map(|fact| format!("`{fact}`"))
        .collect::<Vec<_>>()
        .join(" or ");
    Diagnostic::error(
        "missing-fact",
        format!(
            "{} needs the fact `{fact}`, which the cluster does not state",
            spec.spoken()
        ),
    )
    .at(span, format!("depends on `{fact}`"))
    .on_target(&spec.name)
    .help(format!("say {ways} in the cluster block"))
}
