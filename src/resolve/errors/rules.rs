//! Rules and their clauses.

use time::Date;

use super::did_you_mean;
use crate::diagnostic::{Diagnostic, lints};
use crate::source::Span;
use crate::syntax::ast;

pub(in crate::resolve) fn wrong_preposition(at: Span, ingress: bool) -> Diagnostic {
    let (word, other, place) = if ingress {
        ("to", "from", "ingress")
    } else {
        ("from", "to", "egress")
    };
    Diagnostic::error("wrong-preposition", format!("`{word}` stands in `{place}`"))
        .at(at, "the other direction")
        .help(format!("write `{other}`, or move the rule"))
}

pub(in crate::resolve) fn missing_peer(at: Span, direction: ast::Direction) -> Diagnostic {
    let word = match direction {
        ast::Direction::Ingress => "from",
        ast::Direction::Egress => "to",
    };
    Diagnostic::error("missing-peer", "this rule does not say the other end")
        .at(at, format!("`{word}` whom?"))
        .because("only after `deny` it may be left out, and means anywhere")
        .help(format!("add `{word} …`"))
}

pub(in crate::resolve) fn until_on_deny(at: Span, action: Span) -> Diagnostic {
    Diagnostic::error("until-on-deny", "a `deny` has an end")
        .at(at, "would open on the next day")
        .and(action, "denies")
        .because("no date may open what a rule closes")
}

pub(in crate::resolve) fn duplicate_clause(word: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(
        "duplicate-clause",
        format!("this rule has two clauses `{word}`"),
    )
    .at(at, "said again")
    .and(first, "first said here")
}

pub(in crate::resolve) fn unknown_lint(name: &str, at: Span) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-lint", format!("there is no lint `{name}`"))
            .at(at, "not a lint"),
        lints::nearest(name),
    )
}

pub(in crate::resolve) fn rule_expired(until: Date, at: Span) -> Diagnostic {
    Diagnostic::note(
        "rule-expired",
        format!("this rule ended on {until} and is left out"),
    )
    .at(at, "in the past")
}

pub(in crate::resolve) fn rule_expires_soon(until: Date, at: Span) -> Diagnostic {
    Diagnostic::warning("rule-expires-soon", format!("this rule ends on {until}"))
        .at(at, "within 30 days")
}

pub(in crate::resolve) fn pass_in_default(at: Span) -> Diagnostic {
    Diagnostic::error("pass-in-default", "`pass` stands in `default`")
        .at(at, "to which tier?")
        .because("`default` comes after the last tier")
}
