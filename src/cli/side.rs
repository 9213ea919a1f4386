//! One side of a comparison, by the word that names it.
//!
//! Takes: a project's folder, a git revision of a project, or a file or folder of manifests. Gives: a [`Side`].

use std::path::{Path, PathBuf};

use time::Date;

use super::args::{About, Shared, Sides};
use super::project::{FILE, Project};
use super::repository::Repository;
use super::revision::Revision;
use super::sides::{self, Made};
use super::{Failure, Stop};
use crate::analyze::{Origin, Side};

/// What a word names.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Named {
    /// A folder with a `vauban.toml`.
    Project(PathBuf),
    /// A revision of the project in a folder, or of the nearest one.
    Revision(String, Option<PathBuf>),
    /// A file or folder of manifests.
    Manifests(PathBuf),
}

fn named(word: &str) -> Result<Named, Failure> {
    let path = Path::new(word);
    let project = path.join(FILE).is_file() || path.file_name().is_some_and(|name| name == FILE);
    if path.exists() {
        return Ok(match project {
            true => Named::Project(path.to_owned()),
            false => Named::Manifests(path.to_owned()),
        });
    }
    match word.split_once(':') {
        Some((revision, folder)) if Path::new(folder).is_dir() => {
            Ok(Named::Revision(revision.to_owned(), Some(folder.into())))
        }
        Some((_, folder)) => Err(Failure::new(format!(
            "`{word}`: there is no folder `{folder}`; a revision is written `REVISION:FOLDER`, with the project's folder as it is now"
        ))),
        None if word.contains('/') && word.contains('.') => {
            Err(Failure::new(format!("`{word}` does not exist")))
        }
        None => Ok(Named::Revision(word.to_owned(), None)),
    }
}

/// Opens both sides. The facts of a project count for manifests on the other side, unless the options have others.
///
/// # Errors
/// If one cannot be read or has errors.
pub(crate) fn open(words: [&str; 2], how: &Sides, shared: &Shared) -> Result<[Side; 2], Stop> {
    let named = [named(words[0])?, named(words[1])?];
    let project = named.iter().find_map(|one| match one {
        Named::Project(folder) => Some(folder.clone()),
        _ => None,
    });
    let facts = project.filter(|_| how.reading.facts.is_none());
    if named.iter().all(|one| !matches!(one, Named::Manifests(_)))
        && (how.reading.cni.is_some() || how.reading.facts.is_some())
    {
        let why = "`--cni` and `--facts` are about manifests, and neither side is any";
        return Err(Failure::new(why).into());
    }
    let [one, other] = &named;
    Ok([
        side(one, words[0], facts.as_deref(), how, shared)?,
        side(other, words[1], facts.as_deref(), how, shared)?,
    ])
}

fn side(
    named: &Named,
    word: &str,
    facts: Option<&Path>,
    how: &Sides,
    shared: &Shared,
) -> Result<Side, Stop> {
    let mut reading = how.reading.clone();
    let about = match named {
        Named::Revision(revision, folder) => {
            return past(revision, folder.as_deref(), word, how, shared.day());
        }
        Named::Project(folder) => {
            (reading.cni, reading.facts) = (None, None);
            About {
                project: Some(folder.clone()),
                target: how.target.clone(),
                manifests: Vec::new(),
                reading,
            }
        }
        Named::Manifests(path) => About {
            project: facts.map(Path::to_owned),
            target: facts.and(how.target.clone()),
            manifests: vec![path.clone()],
            reading,
        },
    };
    let mut side = sides::open(&about, None, shared)?.side;
    if let Named::Project(folder) = named {
        // Two sides may be one project, so each is called as it was named.
        let folder = folder.display();
        side.name = format!("{folder} for {}", side.spec.name);
        if side.origin == Origin::Project && word != "." {
            side.prefix = format!("{}/{}", word.trim_end_matches('/'), side.prefix);
        }
    }
    Ok(side)
}

/// A project as it stood at a revision.
fn past(
    revision: &str,
    folder: Option<&Path>,
    word: &str,
    how: &Sides,
    today: Date,
) -> Result<Side, Stop> {
    let now = match (Project::open(folder), folder) {
        (Err(Stop::Failure(_)), None) => {
            return Err(Failure::new(format!(
                "`{word}` is neither a file nor a folder, and there is no project here of which it could be a revision"
            ))
            .into());
        }
        (now, _) => now?,
    };
    let repository = Repository::around(&now.root);
    let revision = Revision::find(&repository, revision)?;
    let past = revision
        .project(&now, &repository, today)?
        .ok_or_else(|| Failure::new(format!("there was no project at `{word}`")))?;
    let targets = &past.config.targets;
    let mut assumed = Vec::new();
    let at = match &how.target {
        Some(name) => targets
            .iter()
            .position(|target| target.input.spec.name == **name)
            .ok_or_else(|| Failure::new(format!("`{word}` has no target `{name}`")))?,
        None => {
            assumed.extend(sides::first_of(targets));
            0
        }
    };
    let Some(target) = targets.get(at) else {
        return Err(Failure::new(format!("`{word}` has no `[[target]]`")).into());
    };
    let out = target.out.value.to_string();
    let prefix = match past.config.sources.value.as_str() {
        "" => format!("{word}:"),
        sources => format!("{word}:{sources}/"),
    };
    let made = Made {
        compilation: past.compilation,
        target: at,
        out,
        name: word.to_owned(),
        prefix,
    };
    made.side(today, assumed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_what_is_there_and_else_a_revision() {
        assert_eq!(
            named("src").ok(),
            Some(Named::Manifests(PathBuf::from("src")))
        );
        assert_eq!(
            named("examples/bookstore").ok(),
            Some(Named::Project(PathBuf::from("examples/bookstore")))
        );
        let revision = |name: &str, folder: Option<&str>| {
            Some(Named::Revision(name.to_owned(), folder.map(PathBuf::from)))
        };
        assert_eq!(named("HEAD~1").ok(), revision("HEAD~1", None));
        assert_eq!(named("v1.2").ok(), revision("v1.2", None));
        assert_eq!(
            named("main:examples/bookstore").ok(),
            revision("main", Some("examples/bookstore"))
        );
        assert!(named("main:nowhere").is_err());
        assert!(named("nowhere/policies.yaml").is_err());
    }
}
