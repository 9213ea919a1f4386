//! Teams, grants, manifests written by hand, tests.

use super::did_you_mean;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::space::Pod;

pub(in crate::resolve) fn unknown_grant(name: &str, at: Span, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-grant", format!("there is no grant `{name}`"))
            .at(at, "not a grant")
            .because("grants are `all` and `raw`"),
        near,
    )
}

pub(in crate::resolve) fn bad_folder(folder: &str, at: Span) -> Diagnostic {
    Diagnostic::error("bad-folder", format!("`{folder}` cannot be a folder of policies"))
        .at(at, "not a folder")
        .because("a team's folder is a relative path, or `.`; a folder without a team has a name like those of policies")
}

pub(in crate::resolve) fn folder_without_team(
    folder: &str,
    at: Span,
    near: Option<&str>,
) -> Diagnostic {
    did_you_mean(
        Diagnostic::error(
            "folder-without-team",
            format!("no team owns the folder `{folder}`"),
        )
        .at(at, "in this folder")
        .because("every line has an owner as soon as the project has teams"),
        near,
    )
}

pub(in crate::resolve) fn unknown_folder(folder: &str, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error(
            "unknown-folder",
            format!("a target is without the folder `{folder}`, which has no sources"),
        ),
        near,
    )
}

pub(in crate::resolve) fn nested_team_folders(
    (team, at): (&str, Span),
    (other, above): (&str, Span),
) -> Diagnostic {
    Diagnostic::error(
        "nested-team-folders",
        format!("the folder of team `{team}` lies in that of team `{other}`"),
    )
    .at(at, "inside")
    .and(above, "around it")
    .because("a folder has one owner")
}

pub(in crate::resolve) fn outside_grant(team: &str, own: Span, at: Span, pod: &Pod) -> Diagnostic {
    Diagnostic::error(
        "outside-grant",
        format!("this can select pods outside the namespaces of team `{team}`"),
    )
    .at(at, "selects more than granted")
    .and(own, "the grant")
    .because(format!("such a pod: {pod}"))
}

pub(in crate::resolve) fn tier_not_granted(
    team: &str,
    own: Span,
    tier: &str,
    at: Span,
) -> Diagnostic {
    Diagnostic::error(
        "tier-not-granted",
        format!("team `{team}` may not write in tier `{tier}`"),
    )
    .at(at, "not granted")
    .and(own, "the grant")
}

pub(in crate::resolve) fn raw_not_granted(team: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "raw-not-granted",
        format!("team `{team}` may not bring manifests written by hand"),
    )
    .at(at, "needs `grants raw`")
}

pub(in crate::resolve) fn foreign_name(
    name: &str,
    at: Span,
    kind: &str,
    owner: &str,
    own: Span,
    why: &str,
) -> Diagnostic {
    Diagnostic::error(
        "foreign-name",
        format!("{kind} `{name}` of team `{owner}` cannot stand here"),
    )
    .at(at, "another team's name")
    .and(own, format!("belongs to `{owner}`"))
    .because(why)
    .because("a name of another team stands as the peer of an `allow`, or in a test")
}

pub(in crate::resolve) fn foreign_name_outside_grant(
    name: &str,
    at: Span,
    owner: &str,
    own: Span,
    pod: Option<&Pod>,
) -> Diagnostic {
    Diagnostic::error(
        "foreign-name-outside-grant",
        format!("`{name}` reaches beyond the namespaces of its owner, team `{owner}`"),
    )
    .at(at, "cannot be relied on")
    .and(own, "declared here")
    .because(match pod {
        Some(pod) => format!("such a pod: {pod}"),
        None => "it has ends that are in no namespace, or in that of the subject".to_owned(),
    })
}

pub(in crate::resolve) fn unknown_backend(name: &str, at: Span, near: Option<&str>) -> Diagnostic {
    did_you_mean(
        Diagnostic::error("unknown-backend", format!("there is no target `{name}`"))
            .at(at, "not a target")
            .because("targets are `kubernetes`, `calico` and `cilium`"),
        near,
    )
}

pub(in crate::resolve) fn unreadable_raw(path: &str, at: Span, why: &str) -> Diagnostic {
    Diagnostic::error(
        "unreadable-raw",
        format!("the manifest `{path}` cannot be read"),
    )
    .at(at, "not readable")
    .because(why)
}

pub(in crate::resolve) fn bad_namespace_manifest(what: &str, at: Span, why: &str) -> Diagnostic {
    Diagnostic::error("bad-namespace-manifest", what)
        .at(at, "declares no namespace")
        .because(why)
}

pub(in crate::resolve) fn missing_ports(at: Span, to: Span) -> Diagnostic {
    Diagnostic::error("missing-ports", "this claim does not say the ports")
        .at(at, "on which ports?")
        .and(to, "has no ports of its own")
        .because("only `cannot` may leave them out, and means all")
        .help("add `on …`")
}
