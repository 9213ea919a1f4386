//! `vauban init`

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use smol_str::SmolStr;
use time::Date;

use super::args::Init;
use super::config::{self, is_name};
use super::console::Console;
use super::{Exit, Failure, Outcome, disk, project};
use crate::backend::support::versions;
use crate::compile::{self, Input};
use crate::diagnostic::{Diagnostics, Severity};
use crate::gitops::codeowners::Forge;
use crate::model::Target;
use crate::resolve::namespaces_of;
use crate::source::{FileId, MemoryWorld, Source};
use crate::space::METADATA_NAME;
use crate::{format, syntax};

/// Writes a commented project that builds; never over anything.
pub(crate) fn init(command: &Init, console: &Console) -> Outcome {
    let files = Scaffold::new(command)?.files();
    if let Some(why) = fault(&files) {
        return Err(Failure::new(format!("no project can be made of this: {why}")).into());
    }
    let folder = &command.folder;
    for (path, _) in &files {
        let path = folder.join(path);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(format!(
                "`{}` is already there; nothing was written",
                path.display()
            ))
            .into());
        }
    }
    for (path, text) in &files {
        let path = folder.join(path);
        let failed = |error| Failure::of(&path.to_string_lossy(), &error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(failed)?;
    }
    if console.is_text() {
        for (path, _) in &files {
            console.say(&format!("wrote {}", folder.join(path).display()));
        }
        console.say("next: `vauban build` in that folder");
    }
    Ok(Exit::Fine)
}

/// What the scaffold is filled with.
#[derive(Serialize)]
struct Scaffold {
    backend: &'static str,
    version: String,
    /// Who enforces NetworkPolicy, where that is not the backend itself.
    cni: Option<&'static str>,
    forge: Option<&'static str>,
    place: Option<&'static str>,
    /// Whether the namespaces come from a manifest.
    manifest: bool,
    namespaces: Vec<Declared>,
    /// Whether there is a namespace for the cluster's DNS.
    dns: bool,
    team: String,
    namespace: String,
}

/// A namespace to be declared.
#[derive(Serialize)]
struct Declared {
    name: String,
    /// The name in quotes; the layout takes off those that need not be.
    written: String,
    /// Keys in quotes, and values bare where they are one word, since there quotes are the writer's choice.
    labels: Vec<(String, String)>,
}

impl Scaffold {
    /// # Errors
    /// If the manifest cannot be used.
    fn new(command: &Init) -> Result<Scaffold, Failure> {
        let backend = Target::from(command.backend);
        let (major, minors) = versions(backend);
        // Not the newest, which few clusters run.
        let minor = match backend {
            Target::Calico => 30,
            Target::Cilium => 18,
            Target::Kubernetes => 33,
        };
        debug_assert!(minors.contains(&minor), "a project that builds");
        let namespaces = match &command.from_namespaces {
            Some(path) => read(path)?,
            None => vec![
                Declared::new("kube-system", []),
                Declared::new("shop", [(&"team".into(), &"shop".into())]),
            ],
        };
        let namespace = first(&namespaces).to_owned();
        let free = is_name(&namespace) && !["platform", "root", "std"].contains(&&*namespace);
        Ok(Scaffold {
            backend: backend.word(),
            version: format!("{major}.{minor}"),
            cni: (backend == Target::Kubernetes).then_some("calico"),
            forge: command.forge.map(|forge| Forge::from(forge).word()),
            place: command.forge.map(|forge| Forge::from(forge).place()),
            manifest: command.from_namespaces.is_some(),
            dns: namespaces.iter().any(|one| one.name == "kube-system"),
            team: if free {
                namespace.clone()
            } else {
                "first-team".to_owned()
            },
            namespaces,
            namespace: quoted(&namespace),
        })
    }

    /// The files of the project, by path.
    fn files(&self) -> Vec<(String, String)> {
        let team = &self.team;
        vec![
            (
                project::FILE.to_owned(),
                self.filled(include_str!("init/vauban.toml.jinja")),
            ),
            (
                "policies/cluster.vau".to_owned(),
                laid_out(self.filled(include_str!("init/cluster.vau.jinja"))),
            ),
            (
                format!("policies/{team}/{team}.vau"),
                laid_out(self.filled(include_str!("init/team.vau.jinja"))),
            ),
        ]
    }

    fn filled(&self, template: &str) -> String {
        let mut environment = Environment::new();
        // Comments behind settings stand in one column.
        environment.add_filter("setting", |text: String| format!("{text:<32}"));
        environment
            .render_str(template.trim_end(), Serde(self))
            .expect("the template is ours, and so is what is filled in")
            + "\n"
    }
}

impl Declared {
    fn new<'a>(
        name: &str,
        labels: impl IntoIterator<Item = (&'a SmolStr, &'a SmolStr)>,
    ) -> Declared {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let bare = |value: &str| {
            value.starts_with(|c: char| c.is_ascii_alphanumeric())
                && value.chars().all(inner)
                && value != "same"
        };
        Declared {
            name: name.to_owned(),
            written: quoted(name),
            labels: labels
                .into_iter()
                .filter(|(key, _)| *key != METADATA_NAME)
                .map(|(key, value)| {
                    let value = if bare(value) {
                        value.to_string()
                    } else {
                        quoted(value)
                    };
                    (quoted(key), value)
                })
                .collect(),
        }
    }
}

/// The namespaces of a manifest, by name; `-` is standard input.
fn read(path: &Path) -> Result<Vec<Declared>, Failure> {
    let (shown, text) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::of("standard input", &error))?;
        ("standard input".to_owned(), disk::text(bytes))
    } else {
        (format!("`{}`", path.display()), disk::read_text(path))
    };
    let text = text.map_err(|why| Failure::new(format!("{shown} cannot be read: {why}")))?;
    let mut diagnostics = Diagnostics::default();
    let source = Source::new(FileId(0), "", text);
    let mut found = namespaces_of(&source, &mut diagnostics);
    if let Some(fault) = diagnostics.into_sorted().first() {
        let why = fault.notes.join(", ");
        return Err(Failure::new(format!("{shown}: {}: {why}", fault.message)));
    }
    found.sort_by(|a, b| a.name.value.cmp(&b.name.value));
    Ok(found
        .iter()
        .map(|namespace| {
            let labels = namespace
                .labels
                .iter()
                .map(|(key, value)| (&key.value, &value.text));
            Declared::new(&namespace.name.value, labels)
        })
        .collect())
}

/// What a person would be told of the files, if they had faults: names and labels of a manifest that no cluster would take.
fn fault(files: &[(String, String)]) -> Option<String> {
    let (_, toml) = files.first()?;
    let mut diagnostics = Diagnostics::default();
    let config = config::read(FileId(0), toml, &mut diagnostics);
    let found = match &config {
        None => diagnostics.into_sorted(),
        Some(config) => {
            let sources = format!("{}/", config.sources.value);
            let inner = files.iter().filter_map(|(path, text)| {
                let path = path.strip_prefix(&sources)?;
                Some((path.to_owned(), text.clone()))
            });
            let compilation = compile::compile(&Input {
                world: &MemoryWorld {
                    files: inner.collect(),
                },
                project: SmolStr::new_static("new"),
                // Nothing in the scaffold expires.
                today: Date::MIN,
                targets: config
                    .targets
                    .iter()
                    .map(|target| target.input.clone())
                    .collect(),
                lints: config.lints.clone(),
                proof: compile::Prove::Everything,
            });
            compilation.diagnostics
        }
    };
    let error = found
        .into_iter()
        .find(|diagnostic| diagnostic.severity == Severity::Error)?;
    let why: Vec<String> = std::iter::once(error.message).chain(error.notes).collect();
    Some(why.join(": "))
}

/// The namespace that the first team is shown with: one that is not the system's, if there is one.
fn first(namespaces: &[Declared]) -> &str {
    let system =
        |name: &str| name == "default" || name.starts_with("kube-") || name.ends_with("-system");
    let names = || namespaces.iter().map(|one| one.name.as_str());
    names()
        .find(|name| !system(name))
        .or_else(|| names().find(|name| *name == "default"))
        .or_else(|| names().next())
        .unwrap_or("default")
}

/// A string of the language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// In the one layout.
fn laid_out(text: String) -> String {
    let source = Source::new(FileId(0), "", text.as_str());
    let parsed = syntax::parse(&source, &mut Diagnostics::default());
    format::format(&parsed, &source)
}
