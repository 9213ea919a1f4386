//! A project, or manifests, as they stood at a revision of their repository.
//!
//! Takes: what a person calls the revision. Gives: what changed since, and the manifests or a compilation of the project that was there, read from the objects of
//! the repository: nothing is checked out. Runs `git`, which the other commands do without.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use smol_str::SmolStr;
use time::Date;

use super::config::{self, Config};
use super::manifests::{self, Found};
use super::project::{self, Beside};
use super::repository::Repository;
use super::{Failure, Stop, disk};
use crate::compile::{self, Compilation, Input};
use crate::diagnostic::{Diagnostics, Severity};
use crate::source::{FileId, MemoryWorld, WorldError};

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

/// What lies at a path of a revision.
pub(crate) enum There {
    /// A project.
    Project,
    /// Manifests.
    Manifests(Vec<Found>),
    /// Neither.
    Nothing,
}

/// An entry of a revision's tree.
struct Entry {
    /// Relative to the repository's root.
    path: String,
    object: String,
    kind: Kind,
    /// Of a file, in bytes.
    size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Link,
    /// A submodule.
    Repository,
}

impl Revision {
    /// Finds the commit.
    ///
    /// # Errors
    /// If there is no repository, no `git`, or no such commit.
    pub(crate) fn find(repository: &Repository, name: &str) -> Result<Revision, Failure> {
        if !repository.found {
            return Err(Failure::new(
                "the folder lies in no git repository, so nothing is known of a revision",
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

    /// The entries of the revision, by path relative to the repository's root.
    ///
    /// # Errors
    /// If `git` fails.
    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let list = self.ask(
            &["ls-tree", "-r", "-l", "-z", "--full-tree", &self.commit],
            "",
        )?;
        let mut all = Vec::new();
        for entry in list.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            let Some((data, path)) = entry.split_once('\t') else {
                continue;
            };
            let words: Vec<&str> = data.split_whitespace().collect();
            let [mode, _, object, size] = words[..] else {
                continue;
            };
            all.push(Entry {
                path: path.to_owned(),
                object: object.to_owned(),
                kind: match mode {
                    "120000" => Kind::Link,
                    "160000" => Kind::Repository,
                    _ => Kind::File,
                },
                size: size.parse().unwrap_or_default(),
            });
        }
        Ok(all)
    }

    /// The texts of entries, in their order.
    ///
    /// # Errors
    /// If `git` fails.
    fn read(&self, entries: &[&Entry]) -> Result<Vec<Result<String, WorldError>>, Failure> {
        let names: String = entries
            .iter()
            .map(|entry| format!("{}\n", entry.object))
            .collect();
        let mut rest = &self.ask(&["cat-file", "--batch"], &names)?[..];
        let mut texts = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = &entry.path;
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
            texts.push(disk::text(text.to_vec()));
            rest = rest.get(end + 2 + size..).unwrap_or_default();
        }
        Ok(texts)
    }

    /// The regular files of the revision that are wanted, with their texts, by path relative to the repository's root.
    ///
    /// # Errors
    /// If `git` fails, a text is not UTF-8, or a source is a symbolic link.
    fn texts(&self, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, String>, Failure> {
        let entries = self.entries()?;
        let entries = entries.iter().filter(|entry| wanted(&entry.path));
        let (files, others): (Vec<&Entry>, Vec<&Entry>) =
            entries.partition(|entry| entry.kind == Kind::File);
        let source = |entry: &&&Entry| entry.path.ends_with(".vau");
        if let Some(entry) = others.iter().find(source) {
            return Err(self.unread(entry));
        }
        let texts = self.read(&files)?;
        let mut all = BTreeMap::new();
        for (file, text) in files.into_iter().zip(texts) {
            let path = &file.path;
            let text =
                text.map_err(|why| Failure::new(format!("`{path}` of `{}`: {why}", self.name)))?;
            all.insert(path.clone(), text);
        }
        Ok(all)
    }

    /// That an entry is not followed.
    fn unread(&self, entry: &Entry) -> Failure {
        let what = match entry.kind {
            Kind::Repository => "another repository",
            Kind::File | Kind::Link => "a symbolic link",
        };
        Failure::new(format!(
            "`{}` of `{}` is {what}, which is not followed in a revision",
            entry.path, self.name
        ))
    }

    /// What lies at a path of the revision, which is relative to the repository's root. Manifests are found as on the disk, and shown with `shown` before their paths.
    ///
    /// # Errors
    /// If `git` fails, or there are too many manifests, or some of which nothing can be known.
    pub(crate) fn there(&self, path: &str, shown: &str) -> Result<There, Failure> {
        let entries = self.entries()?;
        let shown = shown.trim_end_matches('/');
        let folder = match path {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let project = format!("{folder}{}", project::FILE);
        if entries.iter().any(|entry| entry.path == project) {
            return Ok(There::Project);
        }
        let mut files: Vec<(String, &Entry)> = Vec::new();
        for entry in &entries {
            let inner = match entry.path.strip_prefix(&folder) {
                Some(inner) => inner,
                None if entry.path == path => "",
                None => continue,
            };
            // As on the disk: what is hidden is not looked at, and what is linked is not left out without a word.
            if inner.split('/').any(|part| part.starts_with('.')) {
                continue;
            }
            if entry.kind != Kind::File {
                return Err(self.unread(entry));
            }
            match inner {
                "" => files.push((shown.to_owned(), entry)),
                inner if manifests::is_manifest(inner) => {
                    files.push((format!("{shown}/{inner}"), entry));
                }
                _ => {}
            }
        }
        if files.is_empty() {
            return Ok(There::Nothing);
        }
        let size = files.iter().map(|(_, entry)| entry.size).sum();
        manifests::bounded(shown, files.len(), size)?;
        let entries: Vec<&Entry> = files.iter().map(|(_, entry)| *entry).collect();
        let texts = self.read(&entries)?;
        let names = files.into_iter().map(|(name, _)| name);
        let mut found: Vec<Found> = names.zip(texts).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(There::Manifests(found))
    }

    /// The text of one file.
    ///
    /// # Errors
    /// If `git` fails, or it is not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, Failure> {
        Ok(self.texts(|other| other == path)?.remove(path))
    }

    /// The project that lay in a folder of the repository, compiled for all targets that it had, with what lies `beside` it now; `None` if it was not there. It is called `name` unless it says its name
    /// itself.
    ///
    /// # Errors
    /// If `git` fails, or the project did not compile.
    pub(crate) fn project(
        &self,
        folder: &str,
        name: &SmolStr,
        today: Date,
        beside: &Beside,
    ) -> Result<Option<Past>, Stop> {
        let file = match folder {
            "" => project::FILE.to_owned(),
            folder => format!("{folder}/{}", project::FILE),
        };
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
            return Err(broken(&file, why).into());
        };
        let then = project::layout(&config, folder);
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
        let around = beside.sources.iter().chain(&beside.namespaces);
        files.extend(around.map(|(path, text)| (path.clone(), text.clone())));
        let compilation = compile::compile(&Input {
            world: &MemoryWorld { files },
            project: config.project.clone().unwrap_or_else(|| name.clone()),
            today,
            targets: config
                .targets
                .iter()
                .map(|target| beside.seen_by(target.input.clone()))
                .collect(),
            lints: config.lints.clone(),
            // What was written then is asked for, not whether it was right.
            proof: compile::Prove::Nothing,
        });
        let mut errors = compilation
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        if let Some(error) = errors.next() {
            let place = error
                .primary
                .as_ref()
                .map(|label| (label, compilation.sources.get(label.span.file)));
            let place = match place {
                // It is the question that is at fault, and its words are at hand.
                Some((_, source)) if source.is_beside() => {
                    return Err(Stop::Faults {
                        diagnostics: std::iter::once(error).chain(errors).cloned().collect(),
                        sources: compilation.sources,
                        prefix: format!("{}:{sources}", self.name),
                    });
                }
                Some((label, source)) => {
                    format!("{sources}{}:{}", source.path, source.line(label.span.start))
                }
                None => String::new(),
            };
            return Err(broken(&place, &error.message).into());
        }
        Ok(Some(Past {
            config,
            compilation,
        }))
    }
}
