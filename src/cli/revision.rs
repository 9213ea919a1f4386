//! A project as it stood at a revision of its repository.
//!
//! Takes: what a person calls the revision. Gives: what changed since, and a compilation of what was there, read from the objects of
//! the repository: nothing is checked out. Runs `git`, which the other commands do without.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use time::Date;

use super::config::{self, Config};
use super::project::{self, Project};
use super::repository::Repository;
use super::{Failure, disk};
use crate::compile::{self, Compilation, Input};
use crate::diagnostic::{Diagnostics, Severity};
use crate::source::{FileId, MemoryWorld};

/// A commit.
pub(crate) struct Revision {
    /// The repository's root.
    root: PathBuf,
    /// As a person calls it.
    pub(crate) name: String,
    /// Its hash.
    commit: String,
}

/// What a project was.
pub(crate) struct Past {
    /// Its configuration.
    pub(crate) config: Config,
    /// What came of it.
    pub(crate) compilation: Compilation,
}

impl Revision {
    /// Finds the commit.
    ///
    /// # Errors
    /// If there is no repository, no `git`, or no such commit.
    pub(crate) fn find(repository: &Repository, name: &str) -> Result<Revision, Failure> {
        if !repository.found {
            return Err(Failure::new(
                "the project lies in no git repository, so nothing is known of a revision",
            ));
        }
        let unknown = || Failure::new(format!("there is no revision `{name}`"));
        if name.starts_with('-') {
            return Err(unknown());
        }
        let mut revision = Revision {
            root: repository.root.clone(),
            name: name.to_owned(),
            commit: String::new(),
        };
        let commit = revision
            .git(
                &[
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    &format!("{name}^{{commit}}"),
                ],
                "",
            )
            .map_err(|failure| match failure {
                Some(failure) => failure,
                None => unknown(),
            })?;
        revision.commit = String::from_utf8_lossy(&commit).trim().to_owned();
        Ok(revision)
    }

    /// What `git` prints, given its standard input.
    ///
    /// # Errors
    /// In words if it cannot run, or says why it failed.
    fn git(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, Option<Failure>> {
        let failed = |error| Some(Failure::of("`git` cannot be run", &error));
        let mut child = Command::new("git")
            .arg("-C")
            .arg(&self.root)
            // A program that the repository's own configuration names is not run.
            .args(["-c", "core.fsmonitor=false"])
            .args(arguments)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Beside the reading, since either side may have to wait for the other.
            scope.spawn(move || {
                if let Some(pipe) = &mut pipe {
                    // If `git` has gone away, its exit code says so.
                    let _ = pipe.write_all(input.as_bytes());
                }
            });
            child.wait_with_output()
        })
        .map_err(failed)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        Err((!said.is_empty()).then(|| Failure::new(format!("`git`: {said}"))))
    }

    fn ask(&self, arguments: &[&str], input: &str) -> Result<Vec<u8>, Failure> {
        self.git(arguments, input).map_err(|failure| {
            failure.unwrap_or_else(|| Failure::new(format!("`git {}` failed", arguments[0])))
        })
    }

    /// The files that differ from the revision, in the working tree, new ones included: relative to the repository's root, sorted.
    ///
    /// # Errors
    /// If `git` fails.
    pub(crate) fn changed_files(&self) -> Result<Vec<String>, Failure> {
        let changed = self.ask(
            &[
                "diff",
                "--name-only",
                "-z",
                "--no-renames",
                "--no-ext-diff",
                "--no-relative",
                &self.commit,
                "--",
            ],
            "",
        )?;
        let new = self.ask(&["ls-files", "--others", "--exclude-standard", "-z"], "")?;
        let mut files: Vec<String> = [changed, new]
            .iter()
            .flat_map(|list| list.split(|byte| *byte == 0))
            .filter(|path| !path.is_empty())
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }

    /// The regular files of the revision that are wanted, with their texts, by path relative to the repository's root.
    ///
    /// # Errors
    /// If `git` fails, or a text is not UTF-8.
    fn texts(&self, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, String>, Failure> {
        let list = self.ask(&["ls-tree", "-r", "-z", "--full-tree", &self.commit], "")?;
        let mut found: Vec<(String, String)> = Vec::new();
        for entry in list.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            let Some((data, path)) = entry.split_once('\t') else {
                continue;
            };
            if !wanted(path) {
                continue;
            }
            let mut words = data.split(' ');
            let mode = words.next().unwrap_or_default();
            if mode == "120000" && path.ends_with(".vau") {
                return Err(Failure::new(format!(
                    "`{path}` of `{}` is a symbolic link, which is not followed in a revision",
                    self.name
                )));
            }
            if let Some(object) = words.nth(1).filter(|_| mode.starts_with("100")) {
                found.push((path.to_owned(), object.to_owned()));
            }
        }
        let names: String = found
            .iter()
            .map(|(_, object)| format!("{object}\n"))
            .collect();
        let mut rest = &self.ask(&["cat-file", "--batch"], &names)?[..];
        let mut texts = BTreeMap::new();
        for (path, _) in found {
            let broken =
                || Failure::new(format!("`git` does not give `{path}` of `{}`", self.name));
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .ok_or_else(broken)?;
            let head = String::from_utf8_lossy(&rest[..end]);
            let size: usize = head
                .rsplit(' ')
                .next()
                .and_then(|size| size.parse().ok())
                .ok_or_else(broken)?;
            let text = rest.get(end + 1..end + 1 + size).ok_or_else(broken)?;
            let text = disk::text(text.to_vec())
                .map_err(|why| Failure::new(format!("`{path}` of `{}`: {why}", self.name)))?;
            texts.insert(path.clone(), text);
            rest = rest.get(end + 2 + size..).unwrap_or_default();
        }
        Ok(texts)
    }

    /// The text of one file.
    ///
    /// # Errors
    /// If `git` fails, or it is not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, Failure> {
        Ok(self.texts(|other| other == path)?.remove(path))
    }

    /// The project as it was, compiled for all targets that it had; `None` if it was not there.
    ///
    /// # Errors
    /// If `git` fails, or the project did not compile.
    pub(crate) fn project(
        &self,
        now: &Project,
        repository: &Repository,
        today: Date,
    ) -> Result<Option<Past>, Failure> {
        let here = now.layout(&repository.project);
        let file = here.in_repository(project::FILE);
        let Some(text) = self.text(&file)? else {
            return Ok(None);
        };
        let broken = |what: &str, why: &str| {
            Failure::new(format!(
                "the project of `{}` cannot be compared: {what}: {why}",
                self.name
            ))
        };
        let mut diagnostics = Diagnostics::default();
        let Some(config) = config::read(FileId(0), &text, &mut diagnostics) else {
            let why = diagnostics.into_sorted();
            let why = why.first().map_or("", |first| first.message.as_str());
            return Err(broken(&file, why));
        };
        let then = project::layout(&config, &repository.project);
        let sources = match then.in_repository(&then.sources) {
            folder if folder.is_empty() => folder,
            folder => format!("{folder}/"),
        };
        let texts = self.texts(|path| {
            path.starts_with(&sources)
                || then
                    .inputs
                    .iter()
                    .any(|input| then.in_repository(input) == path)
        })?;
        let mut files: BTreeMap<String, String> = texts
            .iter()
            .filter_map(|(path, text)| {
                let path = path.strip_prefix(&sources)?;
                // Sources in hidden folders are none, as on the disk.
                let hidden = path.split('/').any(|part| part.starts_with('.'));
                (!hidden || !path.ends_with(".vau")).then(|| (path.to_owned(), text.clone()))
            })
            .collect();
        for target in &config.targets {
            for (manifest, seen) in target.namespaces.iter().zip(&target.input.namespaces) {
                if let Some(text) = texts.get(&then.in_repository(&manifest.value)) {
                    files.insert(seen.to_string(), text.clone());
                }
            }
        }
        let compilation = compile::compile(&Input {
            world: &MemoryWorld { files },
            project: config.project.clone().unwrap_or_else(|| now.name.clone()),
            today,
            targets: config
                .targets
                .iter()
                .map(|target| target.input.clone())
                .collect(),
            lints: config.lints.clone(),
            // What was written then is asked for, not whether it was right.
            proof: compile::Prove::Nothing,
        });
        let error = compilation
            .diagnostics
            .iter()
            .find(|diagnostic| diagnostic.severity == Severity::Error);
        if let Some(error) = error {
            let place = error.primary.as_ref().map_or(String::new(), |label| {
                let source = compilation.sources.get(label.span.file);
                format!("{sources}{}:{}", source.path, source.line(label.span.start))
            });
            return Err(broken(&place, &error.message));
        }
        Ok(Some(Past {
            config,
            compilation,
        }))
    }
}
