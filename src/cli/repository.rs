//! The repository around a project, and its CODEOWNERS on the disk.
//!
//! Takes: the project's folder. Gives: the repository's root, and what is to become of the forge's file: compared, staged beside the
//! old one and renamed in its place, so that it changes with the trees or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::config::CodeownersConfig;
use super::project::{Built, Project};
use super::{Failure, Stop, disk, output};
use crate::diagnostic::{Diagnostic, nearest};
use crate::gitops::codeowners::{self, Claims, Forge};
use crate::model::Team;
use crate::source::{Span, WorldError};

/// Where the project lies.
pub(crate) struct Repository {
    /// Its root, without symbolic links; the project's folder if there is no repository.
    pub(crate) root: PathBuf,
    /// The project's folder relative to it, with `/`; empty if it is the same.
    pub(crate) project: String,
    /// Whether there is one.
    pub(crate) found: bool,
}

impl Repository {
    /// The nearest folder from the project's upward that has a `.git`: a folder, or a file as in worktrees and submodules.
    pub(crate) fn around(project: &Path) -> Repository {
        let root = project
            .ancestors()
            .find(|folder| folder.join(".git").symlink_metadata().is_ok());
        let found = root.is_some();
        let root = root.unwrap_or(project);
        let inner = project.strip_prefix(root).unwrap_or(Path::new(""));
        let parts: Vec<_> = inner
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        Repository {
            root: root.to_owned(),
            project: parts.join("/"),
            found,
        }
    }
}

/// A CODEOWNERS: what is there and what should be.
pub(crate) struct OwnersFile {
    /// Relative to the repository's root.
    pub(crate) shown: &'static str,
    path: PathBuf,
    old: Option<String>,
    new: String,
}

impl OwnersFile {
    /// The text that should be there.
    pub(crate) fn text(&self) -> &str {
        &self.new
    }

    /// Whether it is there; line breaks may be those that Git writes on Windows.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.old
            .as_deref()
            .is_some_and(|old| output::same(old.as_bytes(), &self.new.replace("\r\n", "\n")))
    }

    /// Whether there is a file already.
    pub(crate) fn exists(&self) -> bool {
        self.old.is_some()
    }

    /// The difference as a patch of the repository; empty if there is none.
    pub(crate) fn diff(&self) -> String {
        if self.is_up_to_date() {
            return String::new();
        }
        let plain = |text: &str| text.replace("\r\n", "\n");
        let old = self.old.as_deref().map(plain);
        super::patch(self.shown, old.as_deref(), Some(&plain(&self.new)))
    }

    fn beside(&self) -> PathBuf {
        self.path.with_file_name(".CODEOWNERS.vauban-new")
    }

    /// Writes the new text beside the file. What a build that died has left there is overwritten.
    ///
    /// # Errors
    /// If the disk does not let us; what was written is deleted again.
    pub(crate) fn stage(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.beside();
        let written = fs::write(&new, &self.new).and_then(|()| match fs::metadata(&self.path) {
            Ok(data) => fs::set_permissions(&new, data.permissions()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        if written.is_err() {
            self.discard();
        }
        written
    }

    /// Puts the staged text in place, by one rename.
    ///
    /// # Errors
    /// If the disk does not let us; then the old file is there.
    pub(crate) fn commit(&self) -> io::Result<()> {
        fs::rename(self.beside(), &self.path)
    }

    /// Deletes the staged text, as far as that is possible.
    pub(crate) fn discard(&self) {
        let _ = fs::remove_file(self.beside());
    }
}

/// What is to become of CODEOWNERS.
pub(crate) struct Plan {
    /// The file; `None` if an error stands.
    pub(crate) file: Option<OwnersFile>,
    /// What there is to say.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Works out what the forge's file should be; nothing without `[codeowners]`. The project must have been compiled without errors.
///
/// # Errors
/// If a file that is there cannot be read.
pub(crate) fn plan(
    project: &Project,
    built: &Built,
    repository: &Repository,
) -> Result<Option<Plan>, Stop> {
    let Some(config) = &project.config.codeowners else {
        return Ok(None);
    };
    let at = Span {
        file: built.toml,
        ..config.span
    };
    let mut plan = Plan {
        file: None,
        diagnostics: Vec::new(),
    };
    if !repository.found {
        plan.diagnostics.push(
            Diagnostic::note(
                "codeowners-without-repository",
                "the project lies in no git repository",
            )
            .at(at, "asks for owners")
            .because(
                "paths in CODEOWNERS begin at the repository's root; here at the project's folder",
            ),
        );
    }
    let forge = config.forge;
    match claims(project, built, repository, config) {
        Ok(claims) => {
            let rules = codeowners::write(forge, &claims);
            plan.diagnostics.extend(others(forge, repository, at)?);
            if plan
                .diagnostics
                .iter()
                .all(|d| d.name != "codeowners-shadowed")
            {
                match merged(forge, repository, &rules, at)? {
                    Ok(file) => plan.file = Some(file),
                    Err(fault) => plan.diagnostics.push(*fault),
                }
            }
        }
        Err(faults) => plan.diagnostics.extend(faults),
    }
    Ok(Some(plan))
}

/// Whose each path is.
///
/// # Errors
/// If the forge could not be told, or a number of approvals is for nobody.
pub(crate) fn claims(
    project: &Project,
    built: &Built,
    repository: &Repository,
    config: &CodeownersConfig,
) -> Result<Claims, Vec<Diagnostic>> {
    let teams = teams(built);
    let in_toml = |span: Span| Span {
        file: built.toml,
        ..span
    };
    let names = || teams.iter().map(|team| team.name.as_str()).chain(["root"]);
    let unknown: Vec<Diagnostic> = config
        .approvals
        .iter()
        .filter(|(name, _)| !names().any(|known| known == name.value))
        .map(|(name, _)| {
            let diagnostic = Diagnostic::error(
                "wrong-setting",
                format!("there is no team `{}`", name.value),
            )
            .at(in_toml(name.span), "not valid here");
            match nearest(&name.value, names()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            }
        })
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let approvals: BTreeMap<SmolStr, u32> = config
        .approvals
        .iter()
        .map(|(name, number)| (name.value.clone(), *number))
        .collect();
    codeowners::claims(
        config.forge,
        teams,
        &project.layout(&repository.project),
        &approvals,
        in_toml(config.span),
    )
}

/// The teams, which every target's program has alike.
pub(crate) fn teams(built: &Built) -> &[Team] {
    built
        .compilation
        .targets
        .iter()
        .find_map(|target| target.program.as_deref())
        .map_or(&[], |program| &program.teams)
}

/// Files in other places that the forge looks at, of which it reads one only.
fn others(forge: Forge, repository: &Repository, at: Span) -> Result<Vec<Diagnostic>, Stop> {
    let mut found = Vec::new();
    for (place, first) in forge.other_places() {
        match repository.root.join(place).symlink_metadata() {
            Err(error) if gone(&error) => continue,
            Err(error) => return Err(Failure::of(place, &error).into()),
            // A folder of that name is read by nobody.
            Ok(data) if data.is_dir() => continue,
            Ok(_) => {}
        }
        let ours = forge.place();
        let (read, unread) = if *first {
            (*place, ours)
        } else {
            (ours, *place)
        };
        found.push(
            Diagnostic::error(
                "codeowners-shadowed",
                format!("`{place}` and `{ours}` cannot both hold"),
            )
            .at(at, format!("writes `{ours}`"))
            .because(format!(
                "{} reads one file: `{read}`, and never `{unread}`",
                forge.title()
            ))
            .help(format!("move the rules of `{place}` to `{ours}`")),
        );
    }
    Ok(found)
}

fn gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn merged(
    forge: Forge,
    repository: &Repository,
    rules: &str,
    at: Span,
) -> Result<Result<OwnersFile, Box<Diagnostic>>, Stop> {
    let shown = forge.place();
    let mut way = repository.root.clone();
    for part in shown.split('/') {
        way.push(part);
        match way.symlink_metadata() {
            Err(error) if gone(&error) => break,
            Err(error) => return Err(Failure::of(shown, &error).into()),
            Ok(data) if data.is_symlink() => {
                return Ok(Err(Box::new(
                    Diagnostic::error(
                        "linked-output",
                        format!("`{shown}` is, or lies behind, a symbolic link"),
                    )
                    .at(at, "writes that file")
                    .because("following it could change files that are not ours")
                    .help("put the file itself in its place"),
                )));
            }
            Ok(_) => {}
        }
    }
    let path = repository.root.join(shown);
    let old = match disk::read_text(&path) {
        Ok(text) => Some(text),
        Err(WorldError::NotFound) => None,
        Err(why) => return Err(Failure::new(format!("`{shown}` cannot be read: {why}")).into()),
    };
    Ok(
        codeowners::block::merge(forge, old.as_deref(), rules, (shown, at)).map(|new| OwnersFile {
            shown,
            path,
            old,
            new,
        }),
    )
}
