//! The trees that are applied: those of the examples, and of every case of the corpus that has output, as `vauban build` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_yaml::Value;
use tempfile::TempDir;
use vauban::backend::read::document::{Document, documents};
use vauban::backend::read::{Cidr, Context, read};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Compiled, Input, Prove, TargetInput, compile};
use vauban::diagnostic::{Diagnostics, Severity};
use vauban::model::{Program, Target};
use vauban::prove::{Universe, prove};
use vauban::source::{FileId, MemoryWorld, Source};

use super::cases::{Aim, Case};
use super::server::{Server, Stored};

/// The day on which everything is built.
const TODAY: &str = "2026-11-24";

/// Which object: no two of a server are alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Id {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Id {
    pub(crate) fn of(document: &Document) -> Id {
        let (group, _) = document.api_version.split_once('/').unwrap_or_default();
        Id {
            group: group.to_owned(),
            kind: document.kind.to_string(),
            namespace: document.namespace.as_ref().map(ToString::to_string),
            name: document.name.to_string(),
        }
    }
}

/// One target's tree of a project, on the disk.
pub(crate) struct Tree {
    /// The example or the case, and the target.
    name: String,
    project: String,
    folder: PathBuf,
    spec: Spec,
    program: Arc<Program>,
    /// The text of each object.
    objects: Vec<String>,
    documents: Vec<Document>,
    /// The project's folder lives as long as its trees.
    _project_folder: Arc<TempDir>,
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Tree {
    /// The folder with the `kustomization.yaml`.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The project's name.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// `calico 3.30`
    pub(crate) fn target(&self) -> String {
        let (major, minor) = self.spec.version;
        format!("{} {major}.{minor}", self.spec.backend.word())
    }

    /// Whether manifests go along that are no part of the program.
    pub(crate) fn has_hand_written(&self) -> bool {
        let backend = self.spec.backend;
        self.program.raws.iter().any(|raw| raw.backend == backend)
    }

    /// The manifests.
    pub(crate) fn objects(&self) -> &[String] {
        &self.objects
    }

    /// Their identities.
    pub(crate) fn ids(&self) -> BTreeSet<Id> {
        self.documents.iter().map(Id::of).collect()
    }

    /// Manifests of the namespaces that its objects stand in, and of those that its program declares.
    pub(crate) fn namespaces(&self) -> String {
        let mut labels: BTreeMap<&str, String> = BTreeMap::new();
        for document in &self.documents {
            if let Some(namespace) = &document.namespace {
                labels.insert(namespace, String::new());
            }
        }
        for namespace in &self.program.namespaces {
            let shown = namespace
                .labels
                .iter()
                .map(|(key, value)| format!("    {key:?}: {value:?}\n"));
            labels.insert(&namespace.name, shown.collect());
        }
        let manifests = labels.iter().map(|(name, labels)| {
            format!("---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels:\n    declared: \"true\"\n{labels}")
        });
        manifests.collect()
    }

    /// Which of its objects are hand-written.
    fn hand_written(&self) -> BTreeSet<Id> {
        let backend = self.spec.backend;
        let mut faults = Diagnostics::default();
        let raws = self.program.raws.iter().enumerate();
        let found = raws
            .filter(|(_, raw)| raw.backend == backend)
            .flat_map(|(at, raw)| {
                let source = Source::new(FileId(at as u32), raw.path.as_str(), &*raw.text);
                documents(&source, &mut faults)
            })
            .map(|document| Id::of(&document))
            .collect();
        assert!(faults.is_empty(), "{self}: {faults:?}");
        found
    }

    /// Asserts that what a server stored decides as the program does. Hand-written manifests are no part of the program, and go along: what was stored of
    /// the others decides as the program does, and all of it together as the tree does that was applied.
    pub(crate) fn holds(&self, stored: &Stored, server: &Server) {
        let context = Context {
            version: self.spec.version,
            cluster: &self.program.cluster,
            namespaces: &self.program.namespaces,
            cidr: Cidr::AsTarget,
        };
        let reading = |documents: &[Document]| {
            let mut faults = Diagnostics::default();
            let reading = read(self.spec.backend, documents, &context, &mut faults);
            assert!(
                faults.is_empty(),
                "{self} on {server}: {faults:#?}\n{}",
                stored.text
            );
            reading
        };
        let universe = Universe::of(&self.spec, &self.program);
        let proved = |meant: &Program, stored_objects: &[Document]| {
            let proof = prove(meant, &reading(stored_objects), &universe);
            assert!(
                proof.holds(),
                "{self} on {server}: {proof:#?}\n{}",
                stored.text
            );
        };
        let by_hand = self.hand_written();
        if by_hand.is_empty() {
            proved(&self.program, &stored.documents);
            return;
        }
        let is_made = |document: &&Document| !by_hand.contains(&Id::of(document));
        let made: Vec<Document> = stored.documents.iter().filter(is_made).cloned().collect();
        assert_eq!(
            made.len() + by_hand.len(),
            stored.documents.len(),
            "{self} on {server}: all that is hand-written is stored"
        );
        proved(&self.program, &made);
        proved(&reading(&self.documents).program, &stored.documents);
    }

    /// Asserts that every field is stored as it was written; gives the fields beside them, by kind.
    pub(crate) fn added_to(
        &self,
        stored: &Stored,
        server: &Server,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let list: Value = serde_yaml::from_str(&stored.text).expect("YAML");
        let items = list["items"].as_sequence().expect("a list");
        let mut added: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for text in &self.objects {
            let written: Value = serde_yaml::from_str(text).expect("YAML");
            let same = |item: &&Value| {
                ["apiVersion", "kind"]
                    .iter()
                    .all(|field| item[*field] == written[*field])
                    && ["name", "namespace"]
                        .iter()
                        .all(|field| item["metadata"][*field] == written["metadata"][*field])
            };
            let item = items.iter().find(same).expect("it is stored");
            let mut more = BTreeSet::new();
            let wrong = departs(&written, item, "", &mut more);
            assert_eq!(wrong, None, "{self} on {server}: stored otherwise\n{text}");
            let word = |field: &str| written[field].as_str().expect("a text").to_owned();
            let kind = format!("{} {}", word("apiVersion"), word("kind"));
            more.retain(|path| !path.starts_with("metadata."));
            added.entry(kind).or_default().extend(more);
        }
        added.retain(|_, fields| !fields.is_empty());
        added
    }
}

/// Where a stored value lacks or changes something of the written one; `more` gets the paths of what it has beside it.
fn departs(
    written: &Value,
    stored: &Value,
    path: &str,
    more: &mut BTreeSet<String>,
) -> Option<String> {
    match (written, stored) {
        (Value::Mapping(written), Value::Mapping(stored)) => {
            let below = |key: &Value| {
                let key = key.as_str().expect("a text");
                if path.is_empty() {
                    key.to_owned()
                } else {
                    format!("{path}.{key}")
                }
            };
            for key in stored.keys().filter(|key| !written.contains_key(*key)) {
                more.insert(below(key));
            }
            written
                .iter()
                .find_map(|(key, value)| match stored.get(key) {
                    Some(found) => departs(value, found, &below(key), more),
                    None => Some(format!("{} is gone", below(key))),
                })
        }
        (Value::Sequence(written), Value::Sequence(stored)) if written.len() == stored.len() => {
            written
                .iter()
                .zip(stored)
                .find_map(|(written, stored)| departs(written, stored, &format!("{path}[]"), more))
        }
        _ => (written != stored).then(|| format!("{path}: {written:?} became {stored:?}")),
    }
}

/// A project on the disk.
struct Project {
    name: String,
    folder: TempDir,
}

impl Project {
    /// A project of a settings file and of sources, by path in the folder `policies`.
    fn new<'f>(
        name: &str,
        settings: &str,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Project {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("vauban.toml"), settings).expect("it can be written");
        for (path, text) in files {
            let path = folder.path().join("policies").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
        Project {
            name: name.to_owned(),
            folder,
        }
    }

    /// Builds it, and gives the trees of all its targets that have objects.
    fn build(self) -> Vec<Tree> {
        let root = self.folder.path();
        let ran = Command::new(env!("CARGO_BIN_EXE_vauban"))
            .args(["build", "--today", TODAY, "--color", "never"])
            .arg(root)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}: {said}", self.name);
        let text = fs::read_to_string(root.join("vauban.toml")).expect("a project");
        let settings: toml::Table = toml::from_str(&text).expect("TOML");
        let project = settings["project"].as_str().expect("a name").to_owned();
        let targets = settings["target"].as_array().expect("targets");
        let compiled = compile(&Input {
            world: &MemoryWorld {
                files: sources(&root.join("policies")),
            },
            project: project.as_str().into(),
            today: time::macros::date!(2026 - 11 - 24),
            targets: targets.iter().map(target_input).collect(),
            lints: BTreeMap::new(),
            proof: Prove::Nothing,
        });
        let errors = compiled
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error);
        // Levels of lints are the build's, which had its say.
        assert!(
            errors.clone().all(|error| vauban::diagnostic::lints::ALL
                .iter()
                .any(|lint| lint.name == error.name)),
            "{}: {:?}",
            self.name,
            errors.collect::<Vec<_>>()
        );
        let root = root.to_owned();
        let folder = Arc::new(self.folder);
        let trees = targets
            .iter()
            .zip(compiled.targets)
            .map(|(settings, compiled)| {
                let out = root.join(settings["out"].as_str().expect("a folder"));
                tree(&self.name, &project, out, compiled, folder.clone())
            });
        trees.filter(|tree| !tree.objects.is_empty()).collect()
    }
}

fn tree(
    name: &str,
    project: &str,
    folder: PathBuf,
    compiled: Compiled,
    project_folder: Arc<TempDir>,
) -> Tree {
    let Compiled {
        spec,
        program,
        objects,
        ..
    } = compiled;
    let mut faults = Diagnostics::default();
    let mut found = Vec::new();
    let mut texts = Vec::new();
    for object in &objects {
        let text = fs::read_to_string(
            folder
                .join(object.folder.as_str())
                .join(object.file.as_str()),
        )
        .expect("it was built");
        assert_eq!(
            text, object.text,
            "{name}: what is built is what is compiled"
        );
        found.extend(documents(
            &Source::new(FileId(0), object.file.as_str(), text.as_str()),
            &mut faults,
        ));
        texts.push(text);
    }
    assert!(faults.is_empty(), "{name}: {faults:?}");
    Tree {
        name: format!("{name} for {}", spec.name),
        project: project.to_owned(),
        folder,
        program: program.expect("a program without errors"),
        spec,
        objects: texts,
        documents: found,
        _project_folder: project_folder,
    }
}

/// A `[[target]]`.
fn target_input(settings: &toml::Value) -> TargetInput {
    let text = |key: &str| {
        settings
            .get(key)
            .map(|value| value.as_str().expect("a text"))
    };
    let list = |key: &str| {
        let list = settings
            .get(key)
            .map(|value| value.as_array().expect("a list").iter());
        list.into_iter()
            .flatten()
            .map(|value| value.as_str().expect("a text"))
    };
    let backend = text("backend").expect("a backend");
    let (major, minor) = text("version")
        .and_then(|version| version.split_once('.'))
        .expect("3.30");
    TargetInput {
        spec: Spec {
            name: text("name").expect("a name").into(),
            backend: Target::ALL
                .into_iter()
                .find(|target| target.word() == backend)
                .expect("a backend"),
            version: (
                major.parse().expect("a number"),
                minor.parse().expect("a number"),
            ),
            log: match text("log") {
                Some("ignore") => LogPolicy::Ignore,
                _ => LogPolicy::Refuse,
            },
        },
        cluster: text("cluster").map(Into::into),
        without: list("without").map(Into::into).collect(),
        namespaces: list("namespaces")
            .map(|path| {
                path.strip_prefix("policies/")
                    .expect("it lies among the sources")
                    .into()
            })
            .collect(),
    }
}

/// All files below a folder, by path relative to it.
fn sources(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for path in files_below(folder) {
        let name = path
            .strip_prefix(folder)
            .expect("it lies there")
            .to_str()
            .expect("UTF-8")
            .to_owned();
        files.insert(name, fs::read_to_string(&path).expect("UTF-8"));
    }
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A change of a text: file, from, to.
type Edit<'t> = (&'t str, &'t str, &'t str);

/// An example, with some of its text changed.
fn example(name: &str, changes: &[Edit]) -> Project {
    let folder = root().join("examples").join(name);
    let settings = fs::read_to_string(folder.join("vauban.toml")).expect("a project");
    let mut files = sources(&folder.join("policies"));
    for (file, from, to) in changes {
        let text = files
            .get_mut(*file)
            .unwrap_or_else(|| panic!("{name} has no {file}"));
        assert_eq!(text.matches(from).count(), 1, "{name}: {file}: {from}");
        *text = text.replace(from, to);
    }
    let files = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    Project::new(&format!("examples/{name}"), &settings, files)
}

/// A case as a project with a `vauban.toml`; `None` if it has no output.
fn case(name: &str, text: &str) -> Option<Project> {
    let case = Case::read(text);
    let without_lints = name.contains("/backend/");
    let compiled = case.compile(Aim {
        without_lints,
        ..Aim::default()
    });
    if compiled.has_errors()
        || compiled
            .targets
            .iter()
            .all(|target| target.objects.is_empty())
    {
        return None;
    }
    let mut common = String::new();
    let mut lints = String::new();
    let quoted = |list: &str| {
        list.split(',')
            .map(|one| format!("{:?}", one.trim()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (key, value) in &case.options {
        match key.as_str() {
            "log" | "cluster" => common += &format!("{key} = {value:?}\n"),
            "without" => common += &format!("without = [{}]\n", quoted(value)),
            "namespaces" => common += &format!("namespaces = [\"policies/{value}\"]\n"),
            "level" => {
                let (lint, level) = value.split_once(' ').expect("a lint and its level");
                lints += &format!("{lint} = {level:?}\n");
            }
            _ => {}
        }
    }
    let mut settings =
        String::from("edition = \"2026\"\nproject = \"case\"\nsources = \"policies\"\n");
    for (at, target) in compiled.targets.iter().enumerate() {
        let (backend, (major, minor)) = (target.spec.backend.word(), target.spec.version);
        settings += &format!(
            "\n[[target]]\nname = \"{backend}-{major}-{minor}-{at}\"\nbackend = \"{backend}\"\nversion = \"{major}.{minor}\"\nout = \"deploy/{at}\"\n{common}"
        );
    }
    if without_lints {
        let said = lints.clone();
        for lint in vauban::diagnostic::lints::ALL {
            if lint.on_meaning && !said.contains(lint.name) {
                lints += &format!("{} = \"allow\"\n", lint.name);
            }
        }
    }
    settings += &format!("\n[lints]\n{lints}");
    let files = case
        .files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    Some(Project::new(name, &settings, files))
}

/// All trees of the examples and of the corpus.
pub(crate) fn all() -> Vec<Tree> {
    let mut trees = Vec::new();
    for entry in fs::read_dir(root().join("examples")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            trees.extend(
                example(
                    path.file_name()
                        .and_then(|name| name.to_str())
                        .expect("UTF-8"),
                    &[],
                )
                .build(),
            );
        }
    }
    for path in files_below(&root().join("tests/corpus")) {
        if path.extension().is_none_or(|extension| extension != "vau") {
            continue;
        }
        let name = path
            .strip_prefix(root())
            .expect("it lies there")
            .to_str()
            .expect("UTF-8");
        let text = fs::read_to_string(&path).expect("UTF-8");
        trees.extend(case(name, &text).into_iter().flat_map(Project::build));
    }
    trees.sort_by(|a, b| a.name.cmp(&b.name));
    trees
}

/// Trees before and after a change. Of the examples a policy is changed, one renamed and one dropped; of the corpus each case becomes the next one, since
/// all of them are of the project `case`.
pub(crate) fn changes() -> Vec<(Tree, Tree)> {
    let dropped = "/// Slide B3: ingress rules only.\npolicy only-in in app {\n  for pods{app=b} in blue\n  ingress { allow http from anywhere }\n}\n";
    let edits: [(&str, &[Edit]); 3] = [
        (
            "bookstore",
            &[
                ("books/anatomy.vau", dropped, ""),
                ("books/anatomy.vau", "policy closed in", "policy shut in"),
                ("observability/observability.vau", "tcp 5044", "tcp 5045"),
            ],
        ),
        (
            "platform",
            &[
                (
                    "archive/9-archiver.vau",
                    "policy archiver in",
                    "policy keeper in",
                ),
                (
                    "shop/8-one-source.vau",
                    "policy orders in",
                    "policy ordering in",
                ),
            ],
        ),
        (
            "recipes",
            &[
                (
                    "recipes/15-limit-egress-to-some-pods.vau",
                    "policy to-some-pods in",
                    "policy to-its-database in",
                ),
                (
                    "recipes/03-deny-all-in-a-namespace.vau",
                    "policy deny-in-namespace in",
                    "policy closed in",
                ),
            ],
        ),
    ];
    let mut changes = Vec::new();
    for (name, edits) in edits {
        let (before, after) = (example(name, &[]).build(), example(name, edits).build());
        assert_eq!(before.len(), after.len(), "{name}");
        changes.extend(before.into_iter().zip(after));
    }
    let mut cases = all().into_iter().filter(|tree| tree.project == "case");
    while let (Some(before), Some(after)) = (cases.next(), cases.next()) {
        changes.push((before, after));
    }
    changes
}
