//! Names, modules, nesting.

use smol_str::SmolStr;

use super::{and_list, did_you_mean, the_cluster};
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::source::Span;

/// A name that nothing declares.
pub(in crate::resolve) fn unknown_name(
    name: &str,
    at: Span,
    kind: &str,
    near: Option<&str>,
) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("unknown-name", format!("no {kind} named `{name}` in scope"))
            .at(at, "not found");
    let diagnostic = match near {
        Some(near) => diagnostic.fix(Fix {
            title: format!("write `{near}`"),
            edits: vec![Edit {
                span: at,
                text: near.to_owned(),
            }],
            safe: false,
        }),
        None => diagnostic,
    };
    did_you_mean(diagnostic, near)
}

/// A name of something that does not fit in its place.
pub(in crate::resolve) fn wrong_kind(
    name: &str,
    at: Span,
    is: &str,
    wanted: &str,
    own: Span,
) -> Diagnostic {
    let is = if is == "ports" {
        "a list of ports".to_owned()
    } else {
        format!("{} {is}", article(is))
    };
    Diagnostic::error(
        "wrong-kind",
        format!("`{name}` is {is}, where {wanted} is wanted"),
    )
    .at(at, format!("{wanted} wanted"))
    .and(own, "declared here")
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// A parameter that is given something that does not fit where it is used.
pub(in crate::resolve) fn wrong_argument(
    name: &str,
    at: Span,
    is: &str,
    wanted: &str,
) -> Diagnostic {
    Diagnostic::error(
        "wrong-argument",
        format!("parameter `{name}` is given {is}, where {wanted} is wanted"),
    )
    .at(at, format!("{wanted} wanted"))
}

/// Two declarations of one name.
pub(in crate::resolve) fn duplicate_name(
    kind: &str,
    name: &str,
    at: Span,
    first: Span,
) -> Diagnostic {
    let message = if kind == name {
        format!("there are two `{name}`")
    } else {
        format!("{kind} `{name}` is declared twice")
    };
    Diagnostic::error("duplicate-name", message)
        .at(at, "declared again")
        .and(first, "first declared here")
}

/// A name of a folder that the root, or a cluster, has too.
pub(in crate::resolve) fn redeclared_name(name: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(
        "redeclared-name",
        format!("`{name}` is a name of the root and cannot be declared again"),
    )
    .at(at, "declared again")
    .and(first, "visible everywhere")
    .because("what the root declares means the same in every folder")
}

/// Definitions that need themselves.
pub(in crate::resolve) fn cyclic_definition(
    name: &str,
    at: Span,
    chain: &[(SmolStr, Span)],
) -> Diagnostic {
    let words: Vec<String> = std::iter::once(name)
        .chain(chain.iter().map(|(name, _)| name.as_str()))
        .map(|name| format!("`{name}`"))
        .collect();
    let diagnostic = Diagnostic::error(
        "cyclic-definition",
        format!("`{name}` is defined by itself"),
    )
    .at(at, "needs itself")
    .because(format!("the chain is {}", words.join(" -> ")));
    chain.iter().fold(diagnostic, |diagnostic, (name, at)| {
        diagnostic.and(*at, format!("names `{name}`"))
    })
}

/// A declaration that nobody names.
pub(in crate::resolve) fn unused_name(kind: &str, name: &str, at: Span) -> Diagnostic {
    let (message, label) = if kind == "use" {
        (format!("`use {name}` is never needed"), "never needed")
    } else {
        (format!("{kind} `{name}` is never used"), "never used")
    };
    Diagnostic::warning("unused-name", message).at(at, label)
}

/// `use x` of a single name.
pub(in crate::resolve) fn useless_use(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error("useless-use", format!("`use {name}` shortens nothing"))
        .at(at, "has no folder before it")
        .help("write `use FOLDER.NAME`, or leave the line away")
}

/// A name that this cluster does not have.
pub(in crate::resolve) fn name_of_another_cluster(
    name: &str,
    at: Span,
    cluster: &str,
    others: &[SmolStr],
    declared: Option<Span>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "name-of-another-cluster",
        format!("{} has no `{name}`", the_cluster(cluster)),
    )
    .at(at, "needed here")
    .because(format!(
        "it is declared in {} {}",
        if others.len() == 1 {
            "cluster"
        } else {
            "clusters"
        },
        and_list(others, "`")
    ));
    match declared {
        Some(span) => diagnostic.and(span, "has no such name"),
        None => diagnostic,
    }
}

/// A declaration that only the root may have.
pub(in crate::resolve) fn misplaced_declaration(word: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "misplaced-declaration",
        format!("`{word}` stands outside of the root folder"),
    )
    .at(at, "not in this folder")
    .because(
        "teams, tiers, `default`, clusters, namespaces and guards stand in the root folder, or with a team that has `grants all`",
    )
}

/// Something in a cluster block that is no name of a cluster.
pub(in crate::resolve) fn misplaced_in_cluster(at: Span) -> Diagnostic {
    Diagnostic::error(
        "misplaced-declaration",
        "a cluster has no declaration of this kind",
    )
    .at(at, "not in a cluster")
    .because("a cluster has facts, and names of networks, groups, services and namespaces")
}

/// A word that the language keeps.
pub(in crate::resolve) fn reserved_name(kind: &str, name: &str, at: Span) -> Diagnostic {
    Diagnostic::error("reserved-name", format!("no {kind} can be named `{name}`"))
        .at(at, "reserved")
}

/// The folder of the library.
pub(in crate::resolve) fn reserved_folder(at: Span) -> Diagnostic {
    Diagnostic::error("reserved-name", "no folder can be named `std`")
        .at(at, "in folder `std`")
        .because("`std` is the standard library")
}

/// Names in names in names.
pub(in crate::resolve) fn nesting_too_deep(at: Span) -> Diagnostic {
    Diagnostic::error("nesting-too-deep", "this is nested more than 64 deep").at(at, "too deep")
}

/// A set with more terms than are worked with.
pub(in crate::resolve) fn too_many_terms(at: Span) -> Diagnostic {
    Diagnostic::error("too-many-terms", "this comes to more terms than are allowed")
        .at(at, "too many terms")
        .because(
            "a list or a set has at most 10000 terms after `except` is worked out, a program at most 8 million",
        )
        .help("give the pods that are meant a label of their own, and select by it")
}

/// A body with more rules than are worked with.
pub(in crate::resolve) fn too_many_rules(at: Span, most: usize) -> Diagnostic {
    Diagnostic::error(
        "too-many-terms",
        format!("this policy comes to more than {most} rules"),
    )
    .at(at, "too many rules")
}
