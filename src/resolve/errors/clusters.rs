//! Clusters, facts, tiers, namespaces, labels.

use super::{and_list, did_you_mean, the_cluster};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(in crate::resolve) fn unknown_cluster(name: &str, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-cluster", format!("no cluster is named `{name}`")),
        near,
    )
}

pub(in crate::resolve) fn cluster_not_chosen(names: &[&str], first: Span) -> Diagnostic {
    Diagnostic::error(
        "cluster-not-chosen",
        format!(
            "clusters {} are declared and none is chosen",
            and_list(names, "`")
        ),
    )
    .at(first, "one of them")
    .help("name the cluster in the target")
}

pub(in crate::resolve) fn unknown_fact(name: &str, at: Span, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-fact", format!("clusters have no fact `{name}`"))
            .at(at, "not a fact"),
        near,
    )
}

pub(in crate::resolve) fn bad_fact_value(
    fact: &str,
    value: &str,
    at: Span,
    takes: &str,
    near: Option<&str>,
) -> Diagnostic {
    did_you_mean(
        Diagnostic::error(
            "bad-fact-value",
            format!("`{value}` is no value of the fact `{fact}`"),
        )
        .at(at, "not a value")
        .because(format!("`{fact}` {takes}")),
        near,
    )
}

pub(in crate::resolve) fn missing_fact_value(fact: &str, at: Span, takes: &str) -> Diagnostic {
    Diagnostic::error(
        "bad-fact-value",
        format!("the values of the fact `{fact}` do not fit"),
    )
    .at(at, "does not fit")
    .because(format!("`{fact}` takes {takes}"))
}

pub(in crate::resolve) fn contradictory_fact(family: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "contradictory-fact",
        format!("`{family} none` stands beside ranges of that family"),
    )
    .at(at, "contradicts a range")
}

/// `ipv4 none` and `ipv6 none`: no pod, node or service would have an address.
pub(in crate::resolve) fn no_family_left(span: Span) -> Diagnostic {
    Diagnostic::error(
        "contradictory-fact",
        "`ipv4 none` and `ipv6 none` leave no address to any pod",
    )
    .at(span, "the other family is none, too")
    .help("take away one of the two")
}

/// A fact that is needed and not said.
pub(in crate::resolve) fn unknown_addresses(
    fact: &str,
    cluster: &str,
    at: Span,
    declared: Option<Span>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "missing-fact",
        format!("{} does not say the fact `{fact}`", the_cluster(cluster)),
    )
    .at(at, "needs it")
    .help(format!("add `{fact} ADDRESS` to the cluster's block"));
    match declared {
        Some(span) => diagnostic.and(span, "says nothing of it"),
        None => diagnostic,
    }
}

pub(in crate::resolve) fn unknown_tier(name: &str, at: Span, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-tier", format!("no tier is named `{name}`"))
            .at(at, "not declared"),
        near,
    )
}

pub(in crate::resolve) fn tiers_in_several_files(at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(
        "tiers-in-several-files",
        "tiers are declared in more than one file",
    )
    .at(at, "in another file")
    .and(first, "the first tier")
    .because("the order of tiers is the order of their declaration in one file")
}

pub(in crate::resolve) fn unknown_namespace(
    name: &str,
    at: Span,
    near: Option<&str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "unknown-namespace",
        format!("no namespace named `{name}` is declared"),
    )
    .at(at, "not declared");
    match near {
        Some(_) => did_you_mean(diagnostic, near),
        None => diagnostic.help(format!("declare it in the root: `namespace {name} {{ }}`")),
    }
}

pub(in crate::resolve) fn unknown_namespace_label(
    label: &str,
    at: Span,
    near: Option<&str>,
) -> Diagnostic {
    did_you_mean(
        Diagnostic::error(
            "unknown-namespace-label",
            format!("no declared namespace carries the label `{label}`"),
        )
        .at(at, "carried by none"),
        near,
    )
}

pub(in crate::resolve) fn bad_namespace_name(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "bad-namespace-name",
        format!("Kubernetes takes no namespace named `{name}`"),
    )
    .at(at, "not an RFC 1123 label")
    .because(
        "a namespace has 1 to 63 of `a-z`, `0-9` and `-`, and begins and ends with a letter or digit",
    )
}

pub(in crate::resolve) fn bad_label(kind: &str, word: &str, at: Span, why: &str) -> Diagnostic {
    Diagnostic::error("bad-label", format!("`{word}` is no {kind} of a label"))
        .at(at, format!("not a {kind}"))
        .because(why)
}

pub(in crate::resolve) fn bad_service_account_name(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "bad-service-account-name",
        format!("Kubernetes takes no service account named `{name}`"),
    )
    .at(at, "not an RFC 1123 subdomain")
}
