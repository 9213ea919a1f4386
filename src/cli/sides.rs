//! What a question is asked of, from the disk.
//!
//! Takes: what the command line says of a project, of manifests, and of their cluster, and the ends of a question, if there is one. Gives: a [`Side`], with the inventory beside it, and what is asked.

use std::sync::Arc;

use smol_str::SmolStr;
use time::Date;

use super::args::{About, CniChoice, Reading as How, Shared};
use super::config::TargetConfig;
use super::disk::read_text;
use super::manifests::{self, Found};
use super::project::{Beside, Built, Project};
use super::question::{self, Asked, Ends};
use super::{Failure, Stop};
use crate::analyze::{Inventory, Side};
use crate::backend::read::document::Document;
use crate::backend::read::{self, Cidr, Context, Reading, files};
use crate::backend::{LogPolicy, Spec, support};
use crate::compile::{self, Compilation, Input, Prove, TargetInput};
use crate::diagnostic::{Diagnostics, Severity};
use crate::model::{Program, Target};
use crate::prove::Universe;
use crate::source::Sources;

/// The file that holds a cluster's facts.
const FACTS: &str = "<facts>.vau";

/// The file that holds the namespaces of manifests and inventory.
const NAMESPACES: &str = "<namespaces>.json";

/// Everything that a question stands on.
pub(crate) struct Opened {
    /// What it is asked of.
    pub(crate) side: Side,
    /// What is asked, if anything is.
    pub(crate) asked: Option<Asked>,
    /// The objects of the inventory, and those among the manifests.
    objects: Vec<Document>,
    /// The files that they stand in.
    seen: Arc<Sources>,
}

impl Opened {
    /// The workloads: those of the inventory, and those that lie among the manifests.
    ///
    /// # Errors
    /// If an object has faults.
    pub(crate) fn inventory(&self) -> Result<Inventory, Stop> {
        let mut diagnostics = Diagnostics::default();
        let known = &self.side.program.namespaces;
        let inventory = Inventory::of(&self.objects, known, &mut diagnostics);
        fine(&self.seen, "", diagnostics)?;
        Ok(inventory)
    }

    /// Puts what ends name in its place, and makes the side know the namespaces that are asked about.
    fn place(mut self, ends: &Ends) -> Result<Self, Stop> {
        let Some(mut asked) = self.asked.take() else {
            return Ok(self);
        };
        if ends.has_names() {
            let inventory = self.inventory()?;
            asked.place(ends, &inventory)?;
            self.side.assumed.extend(inventory.assumed);
        }
        asked.mention(&mut self.side);
        self.asked = Some(asked);
        Ok(self)
    }
}

/// What is read beside a project or manifests.
pub(super) struct Around {
    /// The inventory's objects.
    inventory: Vec<Document>,
    /// The manifests that are asked about.
    held: Vec<Document>,
    /// What the compiler reads of both, and of the question.
    pub(super) beside: Beside,
    seen: Arc<Sources>,
}

impl Around {
    /// Reads them. `held` are the manifests' files.
    ///
    /// # Errors
    /// If a file cannot be read, or has faults.
    pub(super) fn read(reading: &How, held: Vec<Found>, ends: Option<&Ends>) -> Result<Self, Stop> {
        let mut seen = Sources::default();
        let inventory = documents(manifests::find_all(&reading.inventory)?, &mut seen)?;
        let held = documents(held, &mut seen)?;
        let mut beside = Beside::default();
        let declared: Vec<&Document> = inventory.iter().chain(&held).collect();
        if let Some(text) = namespaces(&declared) {
            beside.namespaces.insert(NAMESPACES.to_owned(), text);
        }
        if let Some(ends) = ends {
            beside
                .sources
                .insert(question::FILE.to_owned(), ends.source());
        }
        Ok(Around {
            inventory,
            held,
            beside,
            seen: Arc::new(seen),
        })
    }

    /// A side with what was read.
    ///
    /// # Errors
    /// If the question names what is not there.
    pub(super) fn around(
        self,
        side: Side,
        asked: Option<Asked>,
        ends: Option<&Ends>,
    ) -> Result<Opened, Stop> {
        let opened = Opened {
            side,
            asked,
            objects: self.inventory.into_iter().chain(self.held).collect(),
            seen: self.seen,
        };
        match ends {
            Some(ends) => opened.place(ends),
            None => Ok(opened),
        }
    }
}

/// Opens what the options name.
///
/// # Errors
/// If it cannot be read or has errors, or if the ends have.
pub(crate) fn open(about: &About, ends: Option<&Ends>, shared: &Shared) -> Result<Opened, Stop> {
    let held = manifests::find_all(&about.manifests)?;
    open_found(about, held, ends, shared)
}

/// The same of manifests that are already read.
///
/// # Errors
/// If it cannot be read or has errors, or if the ends have.
pub(super) fn open_found(
    about: &About,
    held: Vec<Found>,
    ends: Option<&Ends>,
    shared: &Shared,
) -> Result<Opened, Stop> {
    let today = shared.day();
    let around = Around::read(&about.reading, held, ends)?;
    let (side, asked) = if about.manifests.is_empty() {
        without_manifests(&about.reading)?;
        project(about, &around.beside, today)?
    } else {
        let cluster = match about.project.is_some() || about.target.is_some() {
            true => facts_of_project(about, &around.held, &around.beside, today)?,
            false => facts(&about.reading, &around.held, around.beside.clone(), today)?,
        };
        let asked = cluster.asked.clone();
        (holding(about, &around, cluster)?, asked)
    };
    around.around(side, asked, ends)
}

/// That no option is about manifests where there are none.
pub(super) fn without_manifests(reading: &How) -> Result<(), Failure> {
    if reading.cni.is_none() && reading.facts.is_none() {
        return Ok(());
    }
    let why = "`--cni` and `--facts` are about manifests; a project says both itself";
    Err(Failure::new(why))
}

/// What a target's program decides, hand-written manifests included.
fn project(about: &About, beside: &Beside, today: Date) -> Result<(Side, Option<Asked>), Stop> {
    let project = Project::open(about.project.as_deref())?;
    let (built, assumed) = compiled(&project, about, beside, today)?;
    let asked = match &built.compilation.targets[0].program {
        Some(program) => Asked::of(program, &built.compilation),
        None => None,
    };
    let out = built.targets[0].out.value.to_string();
    let made = Made {
        compilation: &built.compilation,
        target: 0,
        out,
        name: project.name.to_string(),
        prefix: project.prefix(),
    };
    Ok((made.side(today, assumed)?, asked))
}

/// What the compiler made of a project, now or then.
pub(super) struct Made<'a> {
    /// Without errors.
    pub(super) compilation: &'a Compilation,
    /// The target's place in it.
    pub(super) target: usize,
    /// Where its manifests lie, or would.
    pub(super) out: String,
    /// The project's name, with its revision.
    pub(super) name: String,
    /// What comes before the paths of its files.
    pub(super) prefix: String,
}

impl Made<'_> {
    /// The target's program as a side; of its manifests, if some are written by hand.
    ///
    /// # Errors
    /// If there is no program, or the manifests have faults.
    pub(super) fn side(self, today: Date, mut assumed: Vec<String>) -> Result<Side, Stop> {
        let target = &self.compilation.targets[self.target];
        let spec = target.spec.clone();
        let program = target
            .program
            .clone()
            .ok_or_else(|| Failure::new("nothing could be compiled"))?;
        if !program.expiries().is_empty() {
            assumed.push(format!(
                "the day is {today}: a rule with an earlier `until` is not there"
            ));
        }
        let name = format!("{} for {}", self.name, spec.name);
        let by_hand = program.raws.iter().any(|raw| raw.backend == spec.backend);
        if !by_hand {
            return Ok(Side {
                prefix: self.prefix,
                assumed,
                ..Side::of_project(name, spec, program, self.compilation.sources.clone())
            });
        }
        // What a hand-written manifest changes is known of all manifests together only.
        let out = &self.out;
        assumed.push(format!(
            "the project has hand-written manifests, so its manifests are asked, as they would lie in `{out}`"
        ));
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let texts = target.objects.iter().map(|object| {
            let path = format!("{out}/{}/{}", object.folder, object.file);
            (path.into(), object.text.as_str().into())
        });
        let documents = files::load(texts, &mut sources, &mut diagnostics);
        let context = Context {
            version: spec.version,
            cluster: &program.cluster,
            namespaces: &program.namespaces,
            cidr: Cidr::AsTarget,
        };
        let reading = read::read(spec.backend, &documents, &context, &mut diagnostics);
        fine(&sources, "", diagnostics)?;
        let reading = knowing(reading, &program);
        Ok(Side {
            // The target's: the project does not speak of more.
            universe: Universe::of(&spec, &program),
            assumed,
            ..Side::of_manifests(name, spec, reading, Arc::new(sources))
        })
    }
}

/// Manifests have no names for ends; those who ask about them may.
fn knowing(mut reading: Reading, program: &Program) -> Reading {
    reading.program.names = program.names.clone();
    reading
}

/// The project compiled for the target that is asked about.
fn compiled(
    project: &Project,
    about: &About,
    beside: &Beside,
    today: Date,
) -> Result<(Built, Vec<String>), Stop> {
    let all = &project.config.targets;
    let mut assumed = Vec::new();
    let name = match (&about.target, all.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, []) => return Err(Failure::new("`vauban.toml` has no `[[target]]`").into()),
        (None, [first, ..]) => {
            assumed.extend(first_of(all));
            first.input.spec.name.to_string()
        }
    };
    let built = project.compile_beside(&[name], today, Prove::Nothing, beside)?;
    let built = Built {
        compilation: usable(built.compilation, &project.prefix())?,
        ..built
    };
    Ok((built, assumed))
}

/// That the first of several targets is asked about, where nobody says which.
pub(super) fn first_of(targets: &[TargetConfig]) -> Option<String> {
    let first = targets.first().filter(|_| targets.len() > 1)?;
    Some(format!(
        "the target is `{}`, the first of {}",
        first.input.spec.name,
        targets.len()
    ))
}

/// What is known of the cluster that holds manifests.
struct Holder {
    spec: Spec,
    /// Its facts and namespaces.
    program: Arc<Program>,
    asked: Option<Asked>,
    assumed: Vec<String>,
}

fn facts_of_project(
    about: &About,
    held: &[Document],
    beside: &Beside,
    today: Date,
) -> Result<Holder, Stop> {
    if about.reading.facts.is_some() {
        let why = "`--facts` and a project are two sources of facts; give one of them";
        return Err(Failure::new(why).into());
    }
    let project = Project::open(about.project.as_deref())?;
    let (built, mut assumed) = compiled(&project, about, beside, today)?;
    let target = &built.compilation.targets[0];
    let program = target
        .program
        .clone()
        .ok_or_else(|| Failure::new("nothing could be compiled"))?;
    let asked = Asked::of(&program, &built.compilation);
    let mut spec = target.spec.clone();
    if let Some(cni) = about.reading.cni {
        spec = spec_of(cni, &mut assumed);
    } else if let Ok(cni) = enforcing(held)
        && cni.target != Target::Kubernetes
        && cni.target != spec.backend
    {
        spec = spec_of(cni, &mut assumed);
    }
    assumed.push(format!(
        "the cluster is that of `{}`'s target `{}`",
        project.name, target.spec.name
    ));
    Ok(Holder {
        spec,
        program,
        asked,
        assumed,
    })
}

fn facts(
    reading: &How,
    held: &[Document],
    mut beside: Beside,
    today: Date,
) -> Result<Holder, Stop> {
    let mut assumed = Vec::new();
    let cni = match reading.cni {
        Some(cni) => cni,
        None => enforcing(held)?,
    };
    let spec = spec_of(cni, &mut assumed);
    match &reading.facts {
        Some(file) => {
            let text = read_text(file).map_err(|why| {
                Failure::new(format!("`{}` cannot be read: {why}", file.display()))
            })?;
            beside.sources.insert(FACTS.to_owned(), text);
        }
        None => assumed.push("nothing is known of the cluster's addresses (`--facts`)".to_owned()),
    }
    let input = beside.seen_by(TargetInput {
        spec: spec.clone(),
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    });
    let compilation = compile::compile(&Input {
        world: &beside,
        project: SmolStr::new_static("manifests"),
        today,
        targets: vec![input],
        lints: Default::default(),
        proof: Prove::Nothing,
    });
    let compilation = usable(compilation, "")?;
    let program = compilation.targets[0]
        .program
        .clone()
        .ok_or_else(|| Failure::new("the facts could not be compiled"))?;
    if !program.policies.is_empty() || program.default.is_some() || !program.raws.is_empty() {
        let why = "`--facts` is for facts and names: its policies would decide nothing here";
        return Err(Failure::new(why).into());
    }
    let asked = Asked::of(&program, &compilation);
    Ok(Holder {
        spec,
        program,
        asked,
        assumed,
    })
}

/// What manifests decide on their cluster.
fn holding(about: &About, around: &Around, holder: Holder) -> Result<Side, Stop> {
    let context = Context {
        version: holder.spec.version,
        cluster: &holder.program.cluster,
        namespaces: &holder.program.namespaces,
        cidr: about.reading.cidr.into(),
    };
    let mut diagnostics = Diagnostics::default();
    let reading = read::read(
        holder.spec.backend,
        &around.held,
        &context,
        &mut diagnostics,
    );
    fine(&around.seen, "", diagnostics)?;
    let reading = knowing(reading, &holder.program);
    let name: Vec<String> = about
        .manifests
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Ok(Side {
        assumed: holder.assumed,
        ..Side::of_manifests(name.join(", "), holder.spec, reading, around.seen.clone())
    })
}

/// The objects of files.
fn documents(found: Vec<Found>, sources: &mut Sources) -> Result<Vec<Document>, Stop> {
    let mut diagnostics = Diagnostics::default();
    let all = manifests::load(found, sources, &mut diagnostics);
    fine(sources, "", diagnostics)?;
    Ok(all)
}

/// The namespaces among objects as one list, each once; `None` if there is none.
fn namespaces(documents: &[&Document]) -> Option<String> {
    let mut known: Vec<&Document> = documents
        .iter()
        .copied()
        .filter(|document| document.kind == "Namespace" && document.api_version == "v1")
        .collect();
    // An inventory is often given with the manifests, and then a namespace is there twice.
    known.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    known.dedup_by(|a, b| a.name == b.name && a.labels == b.labels);
    let items: Vec<serde_json::Value> = known
        .iter()
        .map(|namespace| {
            let labels: serde_json::Map<_, _> = namespace
                .labels
                .iter()
                .map(|(key, value)| (key.to_string(), value.as_str().into()))
                .collect();
            serde_json::json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": { "name": namespace.name.as_str(), "labels": labels },
            })
        })
        .collect();
    (!items.is_empty()).then(|| {
        serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
    })
}

/// What enforces manifests, by their kinds.
fn enforcing(held: &[Document]) -> Result<CniChoice, Stop> {
    let has = |group: &str| {
        held.iter().any(|document| {
            let found = document.api_version.split('/').next().unwrap_or_default();
            found == group
        })
    };
    let calico = has("projectcalico.org") || has("crd.projectcalico.org");
    let target = match (calico, has("cilium.io")) {
        (true, true) => {
            let why = "the manifests are Calico's and Cilium's, and a cluster runs one of them: say which with `--cni`";
            return Err(Failure::new(why).into());
        }
        (true, false) => Target::Calico,
        (false, true) => Target::Cilium,
        (false, false) => Target::Kubernetes,
    };
    Ok(CniChoice {
        target,
        version: None,
    })
}

fn spec_of(cni: CniChoice, assumed: &mut Vec<String>) -> Spec {
    let (major, minors) = support::versions(cni.target);
    let word = cni.target.word();
    let version = cni.version.unwrap_or_else(|| {
        let newest = (major, *minors.end());
        assumed.push(format!(
            "the manifests are enforced by {word} {major}.{} (`--cni`)",
            newest.1
        ));
        newest
    });
    Spec {
        name: SmolStr::new_static("manifests"),
        backend: cni.target,
        version,
        log: LogPolicy::Ignore,
    }
}

/// A compilation without errors.
pub(super) fn usable(compilation: Compilation, prefix: &str) -> Result<Compilation, Stop> {
    if !compilation.has_errors() {
        return Ok(compilation);
    }
    let errors = compilation.diagnostics.into_iter();
    Err(Stop::Faults {
        sources: compilation.sources,
        prefix: prefix.to_owned(),
        diagnostics: errors
            .filter(|one| one.severity == Severity::Error)
            .collect(),
    })
}

/// Nothing is asked of files with faults: what they would decide is not known.
fn fine(sources: &Sources, prefix: &str, diagnostics: Diagnostics) -> Result<(), Stop> {
    if !diagnostics.has_errors() {
        return Ok(());
    }
    Err(Stop::Faults {
        sources: sources.clone(),
        prefix: prefix.to_owned(),
        diagnostics: diagnostics.into_sorted(),
    })
}
