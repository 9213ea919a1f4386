//! A project on a disk: its `vauban.toml` and its sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;
use time::Date;

use super::config::{self, Config, Setting, TargetConfig};
use super::disk::{self, DiskWorld};
use super::{Failure, Stop};
use crate::compile::{self, Compilation, Input, Prove, TargetInput};
use crate::diagnostic::render::Report;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::gitops::codeowners::Layout;
use crate::source::{FileId, Sources, Span, World, WorldError};

/// The file that makes a folder a project.
pub(crate) const FILE: &str = "vauban.toml";

/// A project whose `vauban.toml` is fine.
pub(crate) struct Project {
    /// Its folder, without symbolic links.
    pub(crate) root: PathBuf,
    /// What its `vauban.toml` says.
    pub(crate) config: Config,
    /// Its name.
    pub(crate) name: SmolStr,
    text: String,
    world: DiskWorld,
}

/// A compilation of a project, with `vauban.toml` among the files, so that findings can point into it.
pub(crate) struct Built {
    /// What the compiler says; [`Diagnostic`]s of what comes after it are added.
    pub(crate) compilation: Compilation,
    /// `vauban.toml`
    pub(crate) toml: FileId,
    /// The targets that were asked for, as the compilation has them.
    pub(crate) targets: Vec<TargetConfig>,
}

/// Files that are compiled with those of a project and do not lie on the disk: a question, the namespaces of a cluster. Their names are in angle brackets,
/// which no file's name of a project is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Sources, by path.
    pub(crate) sources: BTreeMap<String, String>,
    /// Manifests of namespaces, by path.
    pub(crate) namespaces: BTreeMap<String, String>,
}

impl Beside {
    /// A target that reads the manifests of namespaces, too.
    pub(crate) fn seen_by(&self, mut target: TargetInput) -> TargetInput {
        let paths = self.namespaces.keys().map(SmolStr::from);
        target.namespaces.extend(paths);
        target
    }
}

impl World for Beside {
    fn sources(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }

    fn read(&self, path: &str) -> Result<String, WorldError> {
        let text = self.sources.get(path).or(self.namespaces.get(path));
        text.cloned().ok_or(WorldError::NotFound)
    }
}

/// The disk's files and others beside them.
struct Both<'w> {
    disk: &'w DiskWorld,
    beside: &'w Beside,
}

impl World for Both<'_> {
    fn sources(&self) -> Vec<String> {
        let mut all = self.beside.sources();
        all.extend(self.disk.sources());
        all.sort_unstable();
        all
    }

    fn read(&self, path: &str) -> Result<String, WorldError> {
        self.beside.read(path).or_else(|_| self.disk.read(path))
    }
}

impl Project {
    /// Finds the project: the folder that is named, or the nearest one from here upward that has a `vauban.toml`.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or its `vauban.toml` has faults.
    pub(crate) fn open(path: Option<&Path>) -> Result<Project, Stop> {
        let root = match path {
            Some(path) if path.file_name().is_some_and(|name| name == FILE) => {
                let parent = path.parent().unwrap_or(Path::new(""));
                canonical(if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                })?
            }
            Some(path) => canonical(path)?,
            None => {
                let here = canonical(Path::new("."))?;
                here.ancestors()
                    .find(|folder| folder.join(FILE).is_file())
                    .map(Path::to_owned)
                    .ok_or_else(|| {
                        Failure::new(format!(
                            "neither `{}` nor a folder above it has a `{FILE}`; `vauban init` makes one",
                            here.display()
                        ))
                    })?
            }
        };
        let file = root.join(FILE);
        let text = disk::read_text(&file).map_err(|why| match why {
            WorldError::NotFound => Failure::new(format!(
                "`{}` has no `{FILE}`; `vauban init` makes one",
                root.display()
            )),
            why => Failure::new(format!("`{}` cannot be read: {why}", file.display())),
        })?;
        let mut sources = Sources::default();
        let id = sources.add(FILE, text.as_str());
        let mut diagnostics = Diagnostics::default();
        let mut stop = |diagnostics: Diagnostics| Stop::Faults {
            sources: std::mem::take(&mut sources),
            prefix: String::new(),
            diagnostics: diagnostics.into_sorted(),
        };
        let Some(config) = config::read(id, &text, &mut diagnostics) else {
            return Err(stop(diagnostics));
        };
        let world = match DiskWorld::scan(&root, &config.sources.value) {
            Ok(world) => world,
            Err(why) => {
                diagnostics.push(missing_folder(&config.sources, &why));
                return Err(stop(diagnostics));
            }
        };
        for folder in config.targets.iter().flat_map(|target| &target.without) {
            let path = root.join(&*config.sources.value).join(&*folder.value);
            if !path.is_dir() {
                diagnostics.push(missing_folder(folder, &WorldError::NotFound));
            }
        }
        if diagnostics.has_errors() {
            return Err(stop(diagnostics));
        }
        let name = config.project.clone().unwrap_or_else(|| {
            let folder = root.file_name().map(|name| name.to_string_lossy());
            config::label_value(folder.as_deref().unwrap_or_default())
        });
        Ok(Project {
            root,
            config,
            name,
            text,
            world,
        })
    }

    /// Where the project's paths lie, in a repository in which the project is the folder `project`.
    pub(crate) fn layout(&self, project: &str) -> Layout {
        layout(&self.config, project)
    }

    /// What comes before the path of a source, relative to the project.
    pub(crate) fn prefix(&self) -> String {
        match self.config.sources.value.as_str() {
            "" => String::new(),
            folder => format!("{folder}/"),
        }
    }

    /// Compiles the targets of these names, all of them if there is no name.
    ///
    /// # Errors
    /// If a name is not a target's.
    pub(crate) fn compile(
        &self,
        names: &[String],
        today: Date,
        proof: Prove,
    ) -> Result<Built, Stop> {
        self.compile_beside(names, today, proof, &Beside::default())
    }

    /// The same with files that are not on the disk.
    ///
    /// # Errors
    /// If a name is not a target's.
    pub(crate) fn compile_beside(
        &self,
        names: &[String],
        today: Date,
        proof: Prove,
        beside: &Beside,
    ) -> Result<Built, Stop> {
        let all = &self.config.targets;
        for name in names {
            if !all.iter().any(|target| target.input.spec.name == **name) {
                let known = all.iter().map(|target| target.input.spec.name.as_str());
                let hint = match nearest(name, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
                };
                return Err(
                    Failure::new(format!("`{FILE}` has no target `{name}`: {hint}")).into(),
                );
            }
        }
        let targets: Vec<TargetConfig> = all
            .iter()
            .filter(|target| {
                names.is_empty() || names.iter().any(|name| target.input.spec.name == **name)
            })
            .cloned()
            .collect();
        let mut compilation = compile::compile(&Input {
            world: &Both {
                disk: &self.world,
                beside,
            },
            project: self.name.clone(),
            today,
            targets: targets
                .iter()
                .map(|target| beside.seen_by(target.input.clone()))
                .collect(),
            lints: self.config.lints.clone(),
            proof,
        });
        let toml = compilation.sources.add(FILE, self.text.as_str());
        for diagnostic in &mut compilation.diagnostics {
            place_cluster(diagnostic, &targets, toml);
        }
        Ok(Built {
            compilation,
            toml,
            targets,
        })
    }
}

impl Built {
    /// What there is to say, to be rendered.
    pub(crate) fn report<'a>(&'a self, prefix: &'a str) -> Report<'a> {
        Report {
            sources: &self.compilation.sources,
            prefix,
            diagnostics: &self.compilation.diagnostics,
        }
    }
}

/// The compiler does not know who asked for a cluster that is not declared; it was a target.
fn place_cluster(diagnostic: &mut Diagnostic, targets: &[TargetConfig], toml: FileId) {
    if diagnostic.name != "unknown-cluster" || diagnostic.primary.is_some() {
        return;
    }
    let asked = targets
        .iter()
        .filter_map(|target| target.cluster.as_ref())
        .find(|cluster| diagnostic.message.contains(&format!("`{}`", cluster.value)));
    if let Some(asked) = asked {
        *diagnostic = diagnostic.clone().at(
            Span {
                file: toml,
                ..asked.span
            },
            "not declared",
        );
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize()
        .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))
}

/// Where the paths of a configuration lie, in a repository in which its project is the folder `project`.
pub(crate) fn layout(config: &Config, project: &str) -> Layout {
    let mut inputs = vec![FILE.to_owned()];
    let manifests = config.targets.iter().flat_map(|target| &target.namespaces);
    inputs.extend(manifests.map(|manifest| manifest.value.to_string()));
    Layout {
        project: project.to_owned(),
        sources: config.sources.value.to_string(),
        outs: config
            .targets
            .iter()
            .map(|target| target.out.value.to_string())
            .collect(),
        inputs,
    }
}

fn missing_folder(folder: &Setting, why: &WorldError) -> Diagnostic {
    let message = match why {
        WorldError::NotFound => format!("there is no folder `{}`", folder.value),
        why => format!("the folder `{}` cannot be used: {why}", folder.value),
    };
    Diagnostic::error("missing-folder", message).at(folder.span, "")
}
