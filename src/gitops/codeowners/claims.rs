//! Whose each path is: what CODEOWNERS is to say, before any dialect.
//!
//! Takes: the teams and the [`Layout`]. Gives: [`Claims`], in which every path has at most one [`Party`], or diagnostics where a forge
//! could not say it. Only one kind of claim lies inside another: a team's folder inside the source folder.
//!
//! | path | whose |
//! |---|---|
//! | the source folder | the root's |
//! | a team's folder in it | the team's |
//! | `<out>/<team>/` | the team's |
//! | `<out>/root/`, `<out>/kustomization.yaml` | the root's |
//! | `vauban.toml`, what else it names, CODEOWNERS | the root's |
//!
//! `<out>/index.json` is nobody's: it changes with every build and is never applied to a cluster.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{Forge, bitbucket, gitea, github, gitlab};
use crate::diagnostic::Diagnostic;
use crate::model::Team;
use crate::source::Span;

/// Where the project lies. All paths have `/` and neither `.` nor `..` nor a slash at either end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// The project's folder, relative to the repository's root; empty if it is the root.
    pub project: String,
    /// The source folder, relative to the project; empty if it is the project.
    pub sources: String,
    /// The output folders, relative to the project.
    pub outs: Vec<String>,
    /// The files beside the sources that the compiler reads, relative to the project: `vauban.toml` and what it names.
    pub inputs: Vec<String>,
}

impl Layout {
    /// A path of the project, relative to the repository's root.
    pub fn in_repository(&self, path: &str) -> String {
        join(&self.project, path)
    }
}

/// Who answers for a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    /// A team's name, or `root`.
    pub name: SmolStr,
    /// Whom the forge is to ask, each once.
    pub owners: Vec<SmolStr>,
    /// How many of them must agree; more than 1 on GitLab only.
    pub approvals: u32,
}

/// What a path is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// A folder with all below it; the empty path is the repository.
    Folder,
    /// One file.
    File,
}

/// One path and its party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Relative to the repository's root.
    pub path: String,
    /// What it is.
    pub what: What,
    /// Index in [`Claims::parties`].
    pub party: usize,
}

/// Whose each path is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The root first, then the teams by name.
    pub parties: Vec<Party>,
    /// By path, so that what contains another comes before it.
    pub claims: Vec<Claim>,
}

impl Claims {
    /// The party of a file, by its path relative to the repository's root.
    pub fn party_of(&self, path: &str) -> Option<&Party> {
        self.claims
            .iter()
            .rfind(|claim| match claim.what {
                What::File => claim.path == path,
                What::Folder => is_below(path, &claim.path),
            })
            .map(|claim| &self.parties[claim.party])
    }
}

/// Whether a path lies in a folder.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// Works the claims out. `at` is the place of `[codeowners]` in `vauban.toml`; `approvals` has numbers for teams and `root`.
///
/// # Errors
/// If nobody owns the root or a team, or a path or an owner cannot be written for this forge.
pub fn claims(
    forge: Forge,
    teams: &[Team],
    layout: &Layout,
    approvals: &BTreeMap<SmolStr, u32>,
    at: Span,
) -> Result<Claims, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let approvals = |name: &str| approvals.get(name).copied().unwrap_or(1);
    let of_root: Vec<&Team> = match teams.iter().find(|team| team.folder.is_empty()) {
        Some(team) => vec![team],
        None => teams.iter().filter(|team| team.all).collect(),
    };
    let mut parties = vec![Party {
        name: SmolStr::new_static("root"),
        owners: once_each(of_root.iter().flat_map(|team| &team.owners)),
        approvals: approvals("root"),
    }];
    if of_root.is_empty() {
        faults.push(
            Diagnostic::error(
                "codeowners-without-owner",
                "nobody owns the root of the project",
            )
            .at(at, "asks for owners")
            .because("no team has `folder .` or `grants all`")
            .help("declare a team with `owners` and `grants all`"),
        );
    }
    let mut claims = vec![Claim {
        path: layout.in_repository(&layout.sources),
        what: What::Folder,
        party: 0,
    }];
    for team in teams {
        if team.owners.is_empty() {
            faults.push(
                Diagnostic::error(
                    "codeowners-without-owner",
                    format!("the team `{}` has no owners", team.name),
                )
                .at(team.span, "no `owners`")
                .because("nobody would be asked when its files change")
                .help("add `owners` and whom the forge is to ask"),
            );
        }
        faults.extend(
            team.owners
                .iter()
                .filter_map(|owner| foreign_owner(forge, owner, team)),
        );
        if team.folder.is_empty() {
            continue;
        }
        let party = parties.len();
        parties.push(Party {
            name: team.name.clone(),
            owners: once_each(&team.owners),
            approvals: approvals(&team.name),
        });
        let folder = layout.in_repository(&join(&layout.sources, &team.folder));
        faults.extend(unwritable(&folder, team.span));
        claims.push(Claim {
            path: folder,
            what: What::Folder,
            party,
        });
        claims.extend(layout.outs.iter().map(|out| Claim {
            path: layout.in_repository(&join(out, &team.name)),
            what: What::Folder,
            party,
        }));
    }
    for out in &layout.outs {
        claims.push(Claim {
            path: layout.in_repository(&join(out, "root")),
            what: What::Folder,
            party: 0,
        });
        claims.push(Claim {
            path: layout.in_repository(&join(out, "kustomization.yaml")),
            what: What::File,
            party: 0,
        });
    }
    let inputs = layout.inputs.iter().map(|path| layout.in_repository(path));
    for path in inputs.chain([forge.place().to_owned()]) {
        // What lies in a folder that is claimed is that folder's; the root's files lie in no team's.
        if !claims
            .iter()
            .any(|claim| claim.what == What::Folder && is_below(&path, &claim.path))
        {
            claims.push(Claim {
                path,
                what: What::File,
                party: 0,
            });
        }
    }
    for path in std::iter::once(&layout.sources)
        .chain(&layout.outs)
        .chain(&layout.inputs)
    {
        faults.extend(unwritable(&layout.in_repository(path), at));
    }
    claims.sort_by(|a, b| a.path.cmp(&b.path));
    claims.dedup_by(|a, b| a.path == b.path);
    if faults.is_empty() {
        Ok(Claims { parties, claims })
    } else {
        Err(faults)
    }
}

fn once_each<'a>(owners: impl IntoIterator<Item = &'a SmolStr>) -> Vec<SmolStr> {
    let mut all: Vec<SmolStr> = Vec::new();
    for owner in owners {
        if !all.contains(owner) {
            all.push(owner.clone());
        }
    }
    all
}

/// The dialects agree on paths of these characters only.
fn unwritable(path: &str, at: Span) -> Option<Diagnostic> {
    let strange = path
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-' | '/'))?;
    Some(
        Diagnostic::error(
            "codeowners-path",
            format!("`{path}` cannot be a path in CODEOWNERS"),
        )
        .at(at, "needs this path there")
        .because(format!(
            "forges read `{strange}` in different ways, or not at all"
        ))
        .help("use letters, digits, `.`, `_` and `-` in the names of folders"),
    )
}

fn foreign_owner(forge: Forge, owner: &str, team: &Team) -> Option<Diagnostic> {
    let (known, takes) = match forge {
        Forge::Github => (
            github::is_owner(owner),
            "`@user`, `@organization/team` and mail addresses",
        ),
        // `%` ends the list of a section's owners.
        Forge::Gitlab => (
            gitlab::is_owner(owner) && !owner.contains('%'),
            "`@user`, `@group/subgroup` and mail addresses",
        ),
        Forge::Bitbucket => (
            bitbucket::is_owner(owner),
            "`@user`, `@workspace/group`, `@teams/name` and mail addresses",
        ),
        Forge::Gitea => (gitea::is_owner(owner), "`@user` and `@organization/team`"),
    };
    (!known).then(|| {
        Diagnostic::error(
            "codeowners-owner",
            format!("`{owner}` is no owner on {}", forge.title()),
        )
        .at(team.span, "owned by it")
        .because("the forge would skip it and ask nobody")
        .help(format!("write one of {takes}"))
    })
}
