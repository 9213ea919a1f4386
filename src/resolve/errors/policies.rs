//! Policies, profiles, order.

use smol_str::SmolStr;

use super::did_you_mean;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::space::Direction;

pub(in crate::resolve) fn missing_for(at: Span) -> Diagnostic {
    Diagnostic::error("missing-for", "it is not said for which pods this holds")
        .at(at, "no `for`")
        .help("add `for …`")
}

pub(in crate::resolve) fn duplicate_for(at: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-for", "`for` is said twice")
        .at(at, "said again")
        .and(first, "first said here")
        .help("write one `for` with both, separated by a comma")
}

pub(in crate::resolve) fn for_in_profile(at: Span) -> Diagnostic {
    Diagnostic::error("for-in-profile", "a profile says for which pods it holds")
        .at(at, "not in a profile")
        .because("the policy that includes it says that")
}

pub(in crate::resolve) fn duplicate_block(word: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-block", format!("there are two blocks `{word}`"))
        .at(at, "another one")
        .and(first, "the first")
        .because("position is order, and one block shows it")
}

pub(in crate::resolve) fn missing_block(at: Span) -> Diagnostic {
    Diagnostic::error("missing-block", "neither `ingress` nor `egress` is said")
        .at(at, "says nothing")
}

pub(in crate::resolve) fn empty_block(
    direction: Direction,
    at: Span,
    tier: &str,
    own: Span,
) -> Diagnostic {
    Diagnostic::error(
        "empty-block",
        format!(
            "an empty `{}` decides nothing in tier `{tier}`",
            direction.word()
        ),
    )
    .at(at, "no rule")
    .and(own, "passes what no rule decides")
    .because("it closes a direction only in a tier with `otherwise deny`")
}

pub(in crate::resolve) fn log_only_block(
    direction: Direction,
    at: Span,
    tier: &str,
    own: Span,
) -> Diagnostic {
    Diagnostic::error(
        "log-only-block",
        format!(
            "this `{}` only records, and closes the direction in tier `{tier}`",
            direction.word()
        ),
    )
    .at(at, "`log` rules only")
    .and(own, "denies what no rule decides")
    .help("put the `log` rules into a tier that passes, or say `deny all` at the end")
}

pub(in crate::resolve) fn wrong_number_of_arguments(
    name: &str,
    at: Span,
    given: usize,
    (wanted, own): (usize, Span),
) -> Diagnostic {
    Diagnostic::error(
        "wrong-number-of-arguments",
        format!("profile `{name}` takes {wanted} arguments and is given {given}"),
    )
    .at(at, format!("{given} given"))
    .and(own, format!("takes {wanted}"))
}

pub(in crate::resolve) fn unknown_policy(name: &str, at: Span, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-policy", format!("no policy is named `{name}`"))
            .at(at, "not found"),
        near,
    )
}

pub(in crate::resolve) fn order_across_tiers(
    other: &str,
    at: Span,
    (mine, own): (&str, Span),
    (theirs, away): (&str, Span),
) -> Diagnostic {
    Diagnostic::error(
        "order-across-tiers",
        format!("policy `{other}` is in another tier"),
    )
    .at(at, format!("in tier `{theirs}`"))
    .and(own, format!("in tier `{mine}`"))
    .and(away, format!("in tier `{theirs}`"))
    .because("between tiers their order decides")
}

pub(in crate::resolve) fn cyclic_order(links: &[(SmolStr, Span)]) -> Diagnostic {
    let words: Vec<String> = links
        .iter()
        .chain(links.first())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let first = &links[0];
    let message = if links.len() == 1 {
        format!("policy `{}` is ordered after itself", first.0)
    } else {
        "these policies are ordered in a circle".to_owned()
    };
    let diagnostic = Diagnostic::error("cyclic-order", message)
        .at(first.1, "part of the circle")
        .because(format!(
            "each decides before the next: {}",
            words.join(" -> ")
        ));
    links[1..].iter().fold(diagnostic, |diagnostic, (_, at)| {
        diagnostic.and(*at, "part of the circle")
    })
}

pub(in crate::resolve) fn order_without_consent(
    at: Span,
    (other, own): (&str, Span),
    wanted: &str,
) -> Diagnostic {
    Diagnostic::error(
        "order-without-consent",
        format!("policy `{other}` does not state this order"),
    )
    .at(at, "stated on one side")
    .and(own, "states nothing of it")
    .because("across folders an order holds if both policies state it, or one of a team that has `grants all`")
    .help(format!("add `{wanted}` there"))
}

pub(in crate::resolve) fn object_name_collision(name: &str, at: Span, other: Span) -> Diagnostic {
    Diagnostic::error(
        "object-name-collision",
        format!("two policies make an object named `{name}`"),
    )
    .at(at, "one of them")
    .and(other, "the other")
    .because("an object is named after its owner and its policy")
    .help("rename one of the policies")
}
