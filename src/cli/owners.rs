//! `vauban owners`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use smol_str::SmolStr;

use super::args::{Owners, Shared};
use super::build;
use super::check::exit;
use super::config::CodeownersConfig;
use super::console::Console;
use super::project::{Beside, Built, Project};
use super::repository::{self, OwnersFile, Repository};
use super::revision::{Past, Revision};
use super::{Exit, Failure, Outcome, Stop};
use crate::backend::Object;
use crate::compile::Prove;
use crate::gitops::changes::{self, Reason};
use crate::gitops::codeowners::{Claims, Demand, Forge, Rules};
use crate::model::Program;

/// How many reasons are listed for a team; JSON has them all.
const LISTED: usize = 10;

/// Says who must agree to a change of files, or to what changed since a revision.
pub(crate) fn owners(command: &Owners, shared: &Shared, console: &Console) -> Outcome {
    if !console.is_text() && !console.is_json() {
        return Err(Failure::new("`owners` has the formats text and json").into());
    }
    let project = Project::open(command.project.as_deref())?;
    let Some(config) = &project.config.codeowners else {
        return Err(Failure::new(
            "`vauban.toml` has no `[codeowners]`: add it, with `forge = \"github\"` or another",
        )
        .into());
    };
    let repository = Repository::around(&project.root);
    let mut built = {
        let _progress = console.progress("compiling");
        project.compile(&[], shared.day(), Prove::Nothing)?
    };
    let file = match exit(&built) {
        Exit::Fine => build::owners(&project, &mut built)?,
        _ => None,
    };
    let prefix = project.prefix();
    let Some(file) = file else {
        console.report_aside(&built.report(&prefix));
        return Ok(Exit::Unusable);
    };
    match &command.changed {
        None => {
            let answer = of_paths(&command.paths, &repository, config.forge, &file)?;
            console.print(&if console.is_json() {
                pretty(&answer.json())
            } else {
                answer.text()
            })?;
        }
        Some(name) => {
            let revision = Revision::find(&repository, name)?;
            let past = {
                let _progress = console.progress("comparing");
                let beside = Beside::default();
                revision.project(&repository.project, &project.name, shared.day(), &beside)?
            };
            let claims = repository::claims(&project, &built, &repository, config)
                .map_err(|_| Failure::new("who owns what cannot be told"))?;
            let seen = Seen {
                project: &project,
                config,
                repository: &repository,
                built: &built,
                past: past.as_ref(),
                claims: &claims,
            };
            let report = seen.since(&revision, &file)?;
            console.print(&if console.is_json() {
                pretty(&report.json())
            } else {
                report.text()
            })?;
        }
    }
    Ok(Exit::Fine)
}

fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}

/// Who is asked for which files.
struct Answer {
    forge: Forge,
    file: &'static str,
    paths: Vec<(String, Vec<Demand>)>,
}

fn of_paths(
    paths: &[PathBuf],
    repository: &Repository,
    forge: Forge,
    file: &OwnersFile,
) -> Result<Answer, Stop> {
    let rules = Rules::read(forge, file.text());
    let paths = paths
        .iter()
        .map(|path| {
            let inner = in_repository(path, repository)?;
            let demands = rules.demands(&match inner.strip_suffix('/') {
                Some(folder) => format!("{folder}/new-file"),
                None => inner.clone(),
            });
            Ok((inner, demands))
        })
        .collect::<Result<_, Stop>>()?;
    Ok(Answer {
        forge,
        file: file.shown,
        paths,
    })
}

/// A path as CODEOWNERS has it; with a slash at its end if it is a folder.
fn in_repository(path: &Path, repository: &Repository) -> Result<String, Stop> {
    let here = Path::new(".")
        .canonicalize()
        .map_err(|error| Failure::of(".", &error))?;
    let mut plain = PathBuf::new();
    for part in here.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    let outside = || {
        Failure::new(format!(
            "`{}` does not lie in `{}`",
            path.display(),
            repository.root.display()
        ))
    };
    let inner = plain
        .strip_prefix(&repository.root)
        .map_err(|_| outside())?;
    let parts: Vec<_> = inner
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let inner = parts.join("/");
    let written = path.to_string_lossy();
    if inner.is_empty() || written.ends_with('/') || plain.is_dir() {
        Ok(format!("{inner}/"))
    } else {
        Ok(inner)
    }
}

impl Answer {
    fn json(&self) -> Value {
        let paths = self.paths.iter().map(|(path, demands)| {
            json!({"path": path, "demands": demands.iter().map(demand).collect::<Vec<_>>()})
        });
        json!({
            "schema": 1,
            "forge": self.forge.word(),
            "file": self.file,
            "paths": paths.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        self.paths
            .iter()
            .map(|(path, demands)| format!("{path}: {}\n", said(demands)))
            .collect()
    }
}

fn demand(demand: &Demand) -> Value {
    json!({
        "section": demand.section,
        "owners": demand.owners,
        "approvals": demand.approvals,
        "optional": demand.optional,
        "line": demand.line,
    })
}

/// `@acme/books or @jane; 2 approvals of @acme/security`.
fn said(demands: &[Demand]) -> String {
    let asked: Vec<String> = demands
        .iter()
        .filter(|demand| !demand.owners.is_empty())
        .map(|demand| {
            let owners = demand.owners.join(" or ");
            let optional = if demand.optional { " (optional)" } else { "" };
            match demand.approvals {
                1 => format!("{owners}{optional}"),
                more => format!("{more} approvals of {owners}{optional}"),
            }
        })
        .collect();
    if asked.is_empty() {
        "nobody".to_owned()
    } else {
        asked.join("; ")
    }
}

/// Both sides of a comparison.
struct Seen<'a> {
    project: &'a Project,
    config: &'a CodeownersConfig,
    repository: &'a Repository,
    built: &'a Built,
    past: Option<&'a Past>,
    claims: &'a Claims,
}

/// What changed, and who must agree.
struct Changed {
    revision: String,
    forge: Forge,
    file: &'static str,
    /// Whether the rules are those of the revision, which the forge reads; otherwise it had none yet.
    of_revision: bool,
    /// The files that changed, by what is demanded for them.
    files: BTreeMap<Vec<Demand>, Vec<String>>,
    objects: Vec<ObjectChange>,
    /// Team, its owners, the reasons.
    concerned: Vec<(SmolStr, Vec<SmolStr>, BTreeSet<Reason>)>,
}

struct ObjectChange {
    target: SmolStr,
    change: &'static str,
    /// Relative to the repository's root.
    path: String,
    kind: &'static str,
    namespace: Option<SmolStr>,
    name: SmolStr,
    demands: Vec<Demand>,
}

impl Seen<'_> {
    fn since(&self, revision: &Revision, file: &OwnersFile) -> Result<Changed, Stop> {
        let forge = self.config.forge;
        // Forges take the file of the branch that the change goes to.
        let theirs = revision.text(file.shown)?;
        let rules = Rules::read(forge, theirs.as_deref().unwrap_or(file.text()));
        let mut files: BTreeMap<Vec<Demand>, Vec<String>> = BTreeMap::new();
        for path in revision.changed_files()? {
            files.entry(rules.demands(&path)).or_default().push(path);
        }
        Ok(Changed {
            revision: revision.name.clone(),
            forge,
            file: file.shown,
            of_revision: theirs.is_some(),
            files,
            objects: self.objects(&rules),
            concerned: self.concerned(),
        })
    }

    /// The objects of all targets that came, went or have another text.
    fn objects(&self, rules: &Rules) -> Vec<ObjectChange> {
        let layout = self.project.layout(&self.repository.project);
        let mut old = BTreeMap::new();
        if let Some(past) = self.past {
            for (target, config) in past.compilation.targets.iter().zip(&past.config.targets) {
                for object in &target.objects {
                    old.insert(key(&target.spec.name, object), (object, &config.out.value));
                }
            }
        }
        let mut new = BTreeMap::new();
        for (target, config) in self
            .built
            .compilation
            .targets
            .iter()
            .zip(&self.built.targets)
        {
            for object in &target.objects {
                new.insert(key(&target.spec.name, object), (object, &config.out.value));
            }
        }
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
        keys.into_iter()
            .filter_map(|key| {
                let (before, after) = (old.get(&key), new.get(&key));
                let change = match (before, after) {
                    (Some((old, _)), Some((new, _))) if old.text == new.text => return None,
                    (Some(_), Some(_)) => "changed",
                    (None, _) => "added",
                    (_, None) => "removed",
                };
                let (object, out) = after.or(before)?;
                let path = format!("{out}/{}/{}", object.folder, object.file);
                let path = layout.in_repository(&path);
                Some(ObjectChange {
                    target: key.0,
                    change,
                    kind: object.kind,
                    namespace: object.namespace.clone(),
                    name: object.name.clone(),
                    demands: rules.demands(&path),
                    path,
                })
            })
            .collect()
    }

    fn concerned(&self) -> Vec<(SmolStr, Vec<SmolStr>, BTreeSet<Reason>)> {
        let programs = |compilation: &crate::compile::Compilation| {
            let targets = compilation.targets.iter();
            targets
                .map(|target| (target.spec.name.clone(), target.program.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        let old = self
            .past
            .map(|past| programs(&past.compilation))
            .unwrap_or_default();
        let new = programs(&self.built.compilation);
        let names: BTreeSet<&SmolStr> = old.keys().chain(new.keys()).collect();
        let mut all: BTreeMap<SmolStr, BTreeSet<Reason>> = BTreeMap::new();
        let mut owners: BTreeMap<SmolStr, Vec<SmolStr>> = BTreeMap::new();
        for name in names {
            let side = |programs: &BTreeMap<SmolStr, Option<std::sync::Arc<Program>>>| {
                programs.get(name).cloned().flatten()
            };
            let (before, after) = (side(&old), side(&new));
            for (team, reasons) in changes::concerned(before.as_deref(), after.as_deref()) {
                all.entry(team).or_default().extend(reasons);
            }
            // The owners of today, and of a team that is gone those it had.
            for program in [before, after].into_iter().flatten() {
                for team in &program.teams {
                    owners.insert(team.name.clone(), team.owners.clone());
                }
            }
        }
        if let Some(root) = self.claims.parties.first() {
            owners.insert(SmolStr::new_static(changes::ROOT), root.owners.clone());
        }
        all.into_iter()
            .map(|(team, reasons)| {
                let owners = owners.get(&team).cloned().unwrap_or_default();
                (team, owners, reasons)
            })
            .collect()
    }
}

fn key(target: &SmolStr, object: &Object) -> (SmolStr, SmolStr, SmolStr) {
    (target.clone(), object.folder.clone(), object.file.clone())
}

impl Changed {
    fn json(&self) -> Value {
        let files = self.files.iter().map(|(demands, files)| {
            json!({"demands": demands.iter().map(demand).collect::<Vec<_>>(), "files": files})
        });
        let objects = self.objects.iter().map(|object| {
            json!({
                "target": object.target,
                "change": object.change,
                "path": object.path,
                "kind": object.kind,
                "namespace": object.namespace,
                "name": object.name,
                "demands": object.demands.iter().map(demand).collect::<Vec<_>>(),
            })
        });
        let concerned = self.concerned.iter().map(|(team, owners, reasons)| {
            let reasons = reasons.iter().map(|reason| match reason {
                Reason::Selected(policy) => json!({"why": "selected", "policy": policy}),
                Reason::Peer { policy, rule, now } => {
                    json!({"why": "peer", "policy": policy, "rule": rule, "now": now})
                }
                Reason::Namespace(name) => json!({"why": "namespace", "namespace": name}),
                Reason::Team => json!({"why": "team"}),
            });
            json!({"team": team, "owners": owners, "reasons": reasons.collect::<Vec<_>>()})
        });
        json!({
            "schema": 1,
            "revision": self.revision,
            "forge": self.forge.word(),
            "file": self.file,
            "rules": if self.of_revision { "revision" } else { "now" },
            "asked": files.collect::<Vec<_>>(),
            "objects": objects.collect::<Vec<_>>(),
            "concerned": concerned.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        self.written().expect("a string takes everything")
    }

    fn written(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        if self.files.is_empty() && self.objects.is_empty() && self.concerned.is_empty() {
            writeln!(text, "nothing changed since {}", self.revision)?;
            return Ok(text);
        }
        if !self.files.is_empty() {
            let whose = if self.of_revision {
                format!("of {}", self.revision)
            } else {
                format!("as it would be now; {} has none", self.revision)
            };
            writeln!(text, "must agree, after {} {whose}:", self.file)?;
            for (demands, files) in &self.files {
                writeln!(text, "  {}", said(demands))?;
                for file in files {
                    writeln!(text, "    {file}")?;
                }
            }
        }
        if !self.objects.is_empty() {
            writeln!(text, "objects that change:")?;
            for object in &self.objects {
                let namespace = match &object.namespace {
                    Some(namespace) => format!("{namespace}/"),
                    None => String::new(),
                };
                writeln!(
                    text,
                    "  {} {}: {} {namespace}{}: {}",
                    object.change,
                    object.path,
                    object.kind,
                    object.name,
                    said(&object.demands)
                )?;
            }
        }
        if !self.concerned.is_empty() {
            writeln!(text, "whose pods are concerned:")?;
            for (team, owners, reasons) in &self.concerned {
                writeln!(text, "  {team} ({})", owners.join(", "))?;
                for reason in reasons.iter().take(LISTED) {
                    writeln!(text, "    {}", why(reason))?;
                }
                if let Some(more @ 1..) = reasons.len().checked_sub(LISTED) {
                    writeln!(text, "    and {more} more")?;
                }
            }
        }
        Ok(text)
    }
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::Selected(policy) => format!("{policy} changes and selects them"),
        Reason::Peer {
            policy,
            rule,
            now: true,
        } => format!("other end of a rule of {policy}: {rule}"),
        Reason::Peer {
            policy,
            rule,
            now: false,
        } => format!("other end of a rule that {policy} had: {rule}"),
        Reason::Namespace(name) => {
            format!("the namespace {name} is new, gone, or has other labels")
        }
        Reason::Team => "the team is new, gone, or has other owners or namespaces".to_owned(),
    }
}
