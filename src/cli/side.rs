//! One side of a comparison, by the word that names it.
//!
//! Takes: a project's folder, a file or folder of manifests, or either of them at a git revision. Gives: a [`Side`], and what is asked of it.

use std::path::{Component, Path, PathBuf};

use super::args::{About, Shared, Sides};
use super::config;
use super::project::{FILE, Project};
use super::question::{Asked, Ends};
use super::repository::Repository;
use super::revision::{Revision, There};
use super::sides::{self, Around, Made, Opened};
use super::{Failure, Stop};
use crate::analyze::{Origin, Side};

/// What a word names.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Named {
    /// A folder with a `vauban.toml`.
    Project(PathBuf),
    /// A file or folder of manifests.
    Manifests(PathBuf),
    /// What lay at a path at a revision; without a path, the nearest project.
    Past(String, Option<PathBuf>),
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
        Some((revision, "")) => Err(Failure::new(format!(
            "`{word}` names no folder: `{revision}:.` is the one that this is"
        ))),
        Some((revision, path)) => Ok(Named::Past(revision.to_owned(), Some(path.into()))),
        None if word.contains('/') && word.contains('.') => {
            Err(Failure::new(format!("`{word}` does not exist")))
        }
        None => Ok(Named::Past(word.to_owned(), None)),
    }
}

/// Two sides.
pub(crate) struct Both {
    /// The sides, in their order.
    pub(crate) sides: [Side; 2],
    /// What is asked of the second one, in its words.
    pub(crate) asked: Option<Asked>,
}

/// Opens both sides. The facts of a project count for manifests on the other side, unless the options have others. Ends are in the words of the second.
///
/// # Errors
/// If one cannot be read or has errors, or if the ends have.
pub(crate) fn open(
    words: [&str; 2],
    how: &Sides,
    ends: Option<&Ends>,
    shared: &Shared,
) -> Result<Both, Stop> {
    let named = [named(words[0])?, named(words[1])?];
    let project = named.iter().find_map(|one| match one {
        Named::Project(folder) => Some(folder.clone()),
        _ => None,
    });
    let about_manifests = how.reading.cni.is_some() || how.reading.facts.is_some();
    let opening = Opening {
        facts: project.filter(|_| how.reading.facts.is_none()),
        how,
        shared,
    };
    let [one, other] = &named;
    let (one, first) = opening.side(one, words[0], None)?;
    let (other, second) = opening.side(other, words[1], ends)?;
    if about_manifests && !first && !second {
        let why = "`--cni` and `--facts` are about manifests, and neither side is any";
        return Err(Failure::new(why).into());
    }
    Ok(Both {
        sides: [one.side, other.side],
        asked: other.asked,
    })
}

/// How sides are opened.
struct Opening<'a> {
    /// The project whose facts count for manifests.
    facts: Option<PathBuf>,
    how: &'a Sides,
    shared: &'a Shared,
}

impl Opening<'_> {
    /// A side, and whether it is manifests.
    fn side(&self, named: &Named, word: &str, ends: Option<&Ends>) -> Result<(Opened, bool), Stop> {
        match named {
            Named::Project(folder) => Ok((self.project(folder, word, ends)?, false)),
            Named::Manifests(path) => {
                let about = self.of_manifests(path.clone());
                Ok((sides::open(&about, ends, self.shared)?, true))
            }
            Named::Past(revision, path) => self.past(revision, path.as_deref(), word, ends),
        }
    }

    fn of_manifests(&self, path: PathBuf) -> About {
        About {
            project: self.facts.clone(),
            target: self.facts.as_ref().and(self.how.target.clone()),
            manifests: vec![path],
            reading: self.how.reading.clone(),
        }
    }

    fn project(&self, folder: &Path, word: &str, ends: Option<&Ends>) -> Result<Opened, Stop> {
        let mut reading = self.how.reading.clone();
        (reading.cni, reading.facts) = (None, None);
        let about = About {
            project: Some(folder.to_owned()),
            target: self.how.target.clone(),
            manifests: Vec::new(),
            reading,
        };
        let mut opened = sides::open(&about, ends, self.shared)?;
        let side = &mut opened.side;
        // Two sides may be one project, so each is called as it was named.
        side.name = format!("{} for {}", folder.display(), side.spec.name);
        if side.origin == Origin::Project && word != "." {
            side.prefix = format!("{}/{}", word.trim_end_matches('/'), side.prefix);
        }
        Ok(opened)
    }

    /// What lay somewhere at a revision, and whether it is manifests.
    fn past(
        &self,
        revision: &str,
        path: Option<&Path>,
        word: &str,
        ends: Option<&Ends>,
    ) -> Result<(Opened, bool), Stop> {
        let here = match path {
            Some(path) => place(path)?,
            None => match Project::open(None) {
                Ok(project) => project.root,
                Err(Stop::Failure(_)) => {
                    return Err(Failure::new(format!(
                        "`{word}` is neither a file nor a folder, and there is no project here of which it could be a revision; manifests at a revision are written `{word}:FOLDER`"
                    ))
                    .into());
                }
                Err(stop) => return Err(stop),
            },
        };
        let repository = Repository::around(&here);
        let revision = Revision::find(&repository, revision)?;
        match revision.there(&repository.project, word)? {
            There::Project => Ok((self.past_project(&revision, &here, &repository, word, ends)?, false)),
            There::Manifests(found) => {
                let about = self.of_manifests(word.into());
                Ok((sides::open_found(&about, found, ends, self.shared)?, true))
            }
            There::Nothing => Err(Failure::new(match path {
                Some(path) => format!(
                    "`{word}`: at `{}` there was neither a project nor a manifest in `{}`; the path begins here, as one on the disk does",
                    revision.name,
                    path.display()
                ),
                None => format!("there was no project at `{word}`"),
            })
            .into()),
        }
    }

    /// A project as it stood at a revision; `here` is where it lay.
    fn past_project(
        &self,
        revision: &Revision,
        here: &Path,
        repository: &Repository,
        word: &str,
        ends: Option<&Ends>,
    ) -> Result<Opened, Stop> {
        let around = Around::read(&self.how.reading, Vec::new(), ends)?;
        let folder = here.file_name().map(|name| name.to_string_lossy());
        let name = config::label_value(folder.as_deref().unwrap_or_default());
        let today = self.shared.day();
        let past = revision
            .project(&repository.project, &name, today, &around.beside)?
            .ok_or_else(|| Failure::new(format!("there was no project at `{word}`")))?;
        let targets = &past.config.targets;
        let mut assumed = Vec::new();
        let at = match &self.how.target {
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
        let program = past.compilation.targets[at].program.as_deref();
        let asked = program.and_then(|program| Asked::of(program, &past.compilation));
        let made = Made {
            compilation: &past.compilation,
            target: at,
            out,
            name: word.to_owned(),
            prefix,
        };
        around.around(made.side(today, assumed)?, asked, ends)
    }
}

/// A path without symbolic links as far as it is there, and without dots beyond: it need not be there any more.
fn place(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::of(&path.display().to_string(), &error);
    let mut whole = Path::new(".").canonicalize().map_err(failed)?;
    // A project may be called by its file.
    let path = match path.file_name().is_some_and(|name| name == FILE) {
        true => path.parent().unwrap_or(Path::new("")),
        false => path,
    };
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
        if let Ok(real) = whole.canonicalize() {
            whole = real;
        }
    }
    Ok(whole)
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
            Some(Named::Past(name.to_owned(), folder.map(PathBuf::from)))
        };
        assert_eq!(named("HEAD~1").ok(), revision("HEAD~1", None));
        assert_eq!(named("v1.2").ok(), revision("v1.2", None));
        assert_eq!(
            named("main:examples/bookstore").ok(),
            revision("main", Some("examples/bookstore"))
        );
        // It may have been there.
        assert_eq!(
            named("main:nowhere").ok(),
            revision("main", Some("nowhere"))
        );
        assert!(named("main:").is_err());
        assert!(named("nowhere/policies.yaml").is_err());
    }
}
