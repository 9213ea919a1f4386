//! The whole pipeline on one screen.
//!
//! Takes: a world of sources, a day, and the targets that are asked for. Gives: a [`Compilation`]: every diagnostic of every file and
//! target, sorted, and the objects of each target; none at all if an error stands anywhere. Knows no disk and no clock.
//!
//! A [`Session`] gives the same for one world after the other, and does again only what an edit touches, as far as that can be told.

mod again;
mod kept;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use smol_str::SmolStr;
use time::Date;

use crate::backend::raw::{self, Carried};
use crate::backend::{self, Object, Spec};
use crate::check::{self, Excuses};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, lints};
use crate::model::{Program, Target};
use crate::prove::{self, Asked, Proved};
use crate::resolve::{Noting, Options};
use crate::source::{FileId, Sources, Span, World};
use crate::syntax::Parsed;
use crate::{meaning, resolve, syntax};

use self::kept::{OfProgram, OfTarget, Record};
pub use self::session::Session;

/// How many dates on which something expires are looked ahead to, nearest first. What lies behind them is checked when they are past.
const EPOCHS: usize = 32;

/// What is compiled.
pub struct Input<'w> {
    /// Where the sources come from.
    pub world: &'w dyn World,
    /// The project's name: the value of the label `app.kubernetes.io/part-of`.
    pub project: SmolStr,
    /// The day, UTC, on which `until` is judged.
    pub today: Date,
    /// The targets that are asked for. With none, the program is resolved and checked for no cluster in particular.
    pub targets: Vec<TargetInput>,
    /// The levels of lints, where the project says them.
    pub lints: BTreeMap<SmolStr, Level>,
    /// Whether what is made is read back and proved, and tests and guards are asked.
    pub proof: Prove,
}

/// Whether what is made is proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prove {
    /// Nothing is given that is not proved.
    Everything,
    /// Nothing is proved, and no test or guard is asked: for measurements, and for those who prove in another step.
    Nothing,
}

/// One target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetInput {
    /// What emission needs to know.
    pub spec: Spec,
    /// Its cluster, by name; the only one if there is no name.
    pub cluster: Option<SmolStr>,
    /// The folders that it does not take.
    pub without: Vec<SmolStr>,
    /// The files with manifests of its namespaces, relative to the source folder (`..` leads out of that, not out of the project).
    pub namespaces: Vec<SmolStr>,
}

/// How much a lint matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// It is not reported.
    Allow,
    /// It is a warning, as most are without a level.
    Warn,
    /// It is an error.
    Deny,
}

/// What came of it.
#[derive(Debug)]
pub struct Compilation {
    /// All files: the standard library's, then the project's, sorted by path.
    pub sources: Sources,
    /// Which of the files are the project's.
    pub own: Range<usize>,
    /// What is to be said, sorted by place; each once.
    pub diagnostics: Vec<Diagnostic>,
    /// The targets, in the order of the input.
    pub targets: Vec<Compiled>,
    /// What became of tests and guards, where there is no target to ask.
    pub claims: Vec<Asked>,
}

/// What came of a target.
#[derive(Debug)]
pub struct Compiled {
    /// The target.
    pub spec: Spec,
    /// Its program, if the sources could be resolved; targets of one cluster without the same folders share it.
    pub program: Option<Arc<Program>>,
    /// Its objects, in the backend's order; none if an error stands in any target.
    pub objects: Vec<Object>,
    /// What was proved of them, if something was to be.
    pub proved: Option<Proved>,
}

impl Compilation {
    /// Whether an error stands.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Text to objects.
pub fn compile(input: &Input<'_>) -> Compilation {
    compile_noting(input, None)
}

/// The same, and what a session must know of it to do a part of it again.
fn compile_noting(input: &Input<'_>, mut record: Option<&mut Record>) -> Compilation {
    let mut diagnostics = Diagnostics::default();
    let (mut sources, own) = read(input.world, &mut diagnostics);
    let parsed = parse(&sources, &mut diagnostics);
    let manifests = manifests(input, &mut sources, &mut diagnostics);
    if let Some(record) = record.as_deref_mut() {
        record.begin(&diagnostics, &parsed, &manifests);
    }
    let programs = programs(
        input,
        &sources,
        &parsed,
        &manifests,
        record.as_deref_mut(),
        &mut diagnostics,
    );
    // The trees are as large as the programs, and nobody needs them from here on. There are millions of pieces, and nothing waits for their end.
    rayon::spawn(move || drop(parsed));
    let mut excuses = Excuses::default();
    for program in programs.values().flatten() {
        excuses.learn(program);
    }
    excuses.apply(&mut diagnostics);
    levels(&input.lints, &mut diagnostics);
    let mut targets: Vec<Compiled> = input
        .targets
        .iter()
        .map(|target| Compiled {
            spec: target.spec.clone(),
            program: programs.get(&key(target)).cloned().flatten(),
            objects: Vec::new(),
            proved: None,
        })
        .collect();
    let mut claims = Vec::new();
    if !diagnostics.has_errors() {
        let hand = hand_written(&targets, &mut sources);
        let (said, noted) = emit_all(&mut targets, &sources, &hand, input.proof, record.is_some());
        diagnostics.extend(said);
        if let Some(record) = record {
            record.targets = noted;
        }
        if let ([], Prove::Everything) = (&targets[..], input.proof) {
            for program in programs.values().flatten() {
                claims = prove::program_claims(program, &mut diagnostics);
            }
        }
        settle(&mut excuses, &input.lints, &mut diagnostics);
    }
    if diagnostics.has_errors() {
        for target in &mut targets {
            target.objects.clear();
        }
    }
    Compilation {
        sources,
        own,
        diagnostics: diagnostics.into_sorted(),
        targets,
        claims,
    }
}

/// Takes away what is excused, or said already, once everything has been asked; what is left is as the project wants it.
fn settle(excuses: &mut Excuses, wanted: &BTreeMap<SmolStr, Level>, diagnostics: &mut Diagnostics) {
    excuses.apply(diagnostics);
    one_leg_only(diagnostics);
    if !diagnostics.has_errors() {
        diagnostics.extend(excuses.useless(diagnostics));
    }
    levels(wanted, diagnostics);
}

/// All files, the library's first, and which are the project's; one that cannot be read is empty and reported.
fn read(world: &dyn World, diagnostics: &mut Diagnostics) -> (Sources, Range<usize>) {
    let mut sources = Sources::default();
    for (path, text) in resolve::standard_library() {
        sources.add(*path, *text);
    }
    let library = sources.len();
    for path in world.sources() {
        match world.read(&path) {
            Ok(text) => {
                sources.add(path, text);
            }
            Err(why) => {
                let message = format!("`{path}` cannot be read: {why}");
                let file = sources.add(path, "");
                diagnostics.push(
                    Diagnostic::error("unreadable-source", message).at(Span::new(file, 0, 0), ""),
                );
            }
        }
    }
    let own = library..sources.len();
    (sources, own)
}

/// The files with manifests of namespaces, by path, each read once.
fn manifests(
    input: &Input<'_>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<SmolStr, FileId> {
    let paths: BTreeSet<&SmolStr> = input
        .targets
        .iter()
        .flat_map(|target| &target.namespaces)
        .collect();
    let mut manifests = BTreeMap::new();
    for path in paths {
        let text = input.world.read(path);
        let why = text.as_ref().err().map(ToString::to_string);
        let file = sources.add(path.as_str(), text.unwrap_or_default());
        match why {
            None => {
                manifests.insert(path.clone(), file);
            }
            Some(why) => diagnostics.push(
                Diagnostic::error(
                    "unreadable-source",
                    format!("these manifests of namespaces cannot be read: {why}"),
                )
                .at(Span::new(file, 0, 0), ""),
            ),
        }
    }
    manifests
}

/// The tree of each file.
fn parse(sources: &Sources, diagnostics: &mut Diagnostics) -> Vec<Parsed> {
    let files: Vec<_> = sources.iter().collect();
    let (parsed, sinks): (Vec<_>, Vec<_>) = files
        .into_par_iter()
        .map(|source| {
            let mut sink = Diagnostics::default();
            (syntax::parse(source, &mut sink), sink)
        })
        .unzip();
    for sink in sinks {
        diagnostics.extend(sink);
    }
    parsed
}

/// What a program depends on beside the sources.
type Key = (Option<SmolStr>, Vec<SmolStr>, Vec<SmolStr>);

fn key(target: &TargetInput) -> Key {
    let mut without = target.without.clone();
    without.sort_unstable();
    without.dedup();
    (target.cluster.clone(), without, target.namespaces.clone())
}

/// What the programs depend on, each once, in the order of the targets.
fn keys(targets: &[TargetInput]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for key in targets.iter().map(key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        keys.push(Key::default());
    }
    keys
}

fn options(input: &Input<'_>, key: &Key, manifests: &BTreeMap<SmolStr, FileId>) -> Options {
    let (cluster, without, namespaces) = key;
    Options {
        project: input.project.clone(),
        today: input.today,
        cluster: cluster.clone(),
        without: without.clone(),
        namespaces: namespaces
            .iter()
            .filter_map(|path| manifests.get(path).copied())
            .collect(),
    }
}

/// The checked program for each cluster and choice of folders.
fn programs(
    input: &Input<'_>,
    sources: &Sources,
    parsed: &[Parsed],
    manifests: &BTreeMap<SmolStr, FileId>,
    mut record: Option<&mut Record>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<Key, Option<Arc<Program>>> {
    let broken = diagnostics.has_errors();
    let noting = match record {
        Some(_) => Noting::All,
        None => Noting::Nothing,
    };
    let mut programs = BTreeMap::new();
    for key in keys(&input.targets) {
        let options = options(input, &key, manifests);
        let mut found = Diagnostics::default();
        let (program, notes) =
            resolve::resolve_noting(parsed, sources, input.world, &options, noting, &mut found);
        let mut apart = None;
        // What a program means is asked only of a whole one: half of it would bring up what nobody wrote.
        if broken || found.has_errors() {
            // Nor is it known which names are used in what could not be understood.
            found.revise(|diagnostic| (diagnostic.name != "unused-name").then_some(diagnostic));
        } else if let Some(program) = &program {
            meaning::check(program, input.today, &mut found);
            // Which rule decides is not settled while policies disagree.
            if !found.has_errors() {
                apart = check::check(program, &mut found);
            }
        }
        diagnostics.extend(found);
        let program = program.map(Arc::new);
        if let (Some(record), Some(program)) = (record.as_deref_mut(), &program) {
            let of = OfProgram::new(program.clone(), notes, apart);
            record.programs.insert(key.clone(), of);
        }
        programs.insert(key, program);
    }
    programs
}

/// Adds the files that `raw` items name, so that findings can point into them: by path.
fn hand_written(targets: &[Compiled], sources: &mut Sources) -> BTreeMap<SmolStr, FileId> {
    let mut files = BTreeMap::new();
    for program in targets.iter().filter_map(|target| target.program.as_ref()) {
        for raw in &program.raws {
            files
                .entry(raw.path.clone())
                .or_insert_with(|| sources.add(raw.path.as_str(), raw.text.clone()));
        }
    }
    files
}

/// Emits every target, proves what was made, and looks ahead to the days after something has expired: what will be refused then is refused now.
fn emit_all(
    targets: &mut [Compiled],
    sources: &Sources,
    hand: &BTreeMap<SmolStr, FileId>,
    proof: Prove,
    noting: bool,
) -> (Diagnostics, Vec<OfTarget>) {
    let (sinks, noted): (Vec<Diagnostics>, Vec<OfTarget>) = targets
        .par_iter_mut()
        .map(|target| {
            let mut diagnostics = Diagnostics::default();
            let mut noted = OfTarget::new(noting && target.spec.backend == Target::Calico);
            let hand = (sources, hand);
            one_target(target, hand, proof, &mut noted, &mut diagnostics);
            (diagnostics, noted)
        })
        .unzip();
    let mut diagnostics = Diagnostics::default();
    for sink in sinks {
        diagnostics.extend(sink);
    }
    (diagnostics, noted)
}

fn one_target(
    target: &mut Compiled,
    hand: (&Sources, &BTreeMap<SmolStr, FileId>),
    proof: Prove,
    noted: &mut OfTarget,
    diagnostics: &mut Diagnostics,
) {
    let Some(program) = &target.program else {
        return;
    };
    let spec = &target.spec;
    target.objects = match &mut noted.emitted {
        Some(emitted) => backend::calico::emit_noting(program, spec, Some(emitted), diagnostics),
        None => emit(program, spec, diagnostics),
    };
    let carried = raw::carry(program, spec, hand.0, hand.1, diagnostics);
    if !diagnostics.has_errors() && proof == Prove::Everything {
        let raw = &carried.documents;
        let proved = prove::target(program, spec, &target.objects, raw, diagnostics);
        target.proved = Some(proved);
    }
    let Carried { objects, .. } = carried;
    target.objects.extend(objects);
    collisions(&target.objects, spec, diagnostics);
    noted.has_notes = !diagnostics.is_empty();
    if !diagnostics.has_errors() {
        noted.said = check::on_target(program, &aim(spec));
        for (_, warning) in &noted.said {
            diagnostics.push(warning.clone());
        }
        look_ahead(program, spec, diagnostics);
    }
}

fn aim(spec: &Spec) -> check::Aim<'_> {
    check::Aim {
        name: &spec.name,
        target: spec.backend,
        version: spec.version,
    }
}

fn emit(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Vec<Object> {
    match spec.backend {
        Target::Kubernetes => backend::kubernetes::emit(program, spec, diagnostics),
        Target::Calico => backend::calico::emit(program, spec, diagnostics),
        Target::Cilium => backend::cilium::emit(program, spec, diagnostics),
    }
}

/// The errors of the epochs to come, the first epoch that has one.
fn look_ahead(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) {
    let expiries = program.expiries();
    for expiry in expiries.iter().take(EPOCHS) {
        let Some(day) = expiry.next_day() else {
            continue;
        };
        let mut then = Diagnostics::default();
        let objects = emit(&program.on(day), spec, &mut then);
        collisions(&objects, spec, &mut then);
        then.revise(|diagnostic| {
            (diagnostic.severity == Severity::Error).then(|| {
                diagnostic.because(format!("from {day} on, when a rule's `until` is past"))
            })
        });
        if !then.is_empty() {
            diagnostics.extend(then);
            return;
        }
    }
    if expiries.len() > EPOCHS {
        diagnostics.push(
            Diagnostic::note(
                "many-expiries",
                format!(
                    "{} different dates end rules; the first {EPOCHS} were looked ahead to",
                    expiries.len()
                ),
            )
            .on_target(&spec.name),
        );
    }
}

/// No two objects may be the same file, or the same object of the cluster.
fn collisions(objects: &[Object], spec: &Spec, diagnostics: &mut Diagnostics) {
    let mut files = BTreeMap::new();
    let mut names = BTreeMap::new();
    for object in objects {
        let other = files
            .insert((&object.folder, object.file.to_lowercase()), object)
            .or(names.insert(
                (
                    object.api_version,
                    object.kind,
                    &object.namespace,
                    &object.name,
                ),
                object,
            ));
        let Some(other) = other else {
            continue;
        };
        let mut diagnostic = Diagnostic::error(
            "duplicate-object",
            format!("two objects are the {} `{}`", object.kind, object.name),
        )
        .on_target(&spec.name);
        if let Some(origin) = object.sources.first() {
            diagnostic = diagnostic.at(origin.span, "makes the second");
        }
        if let Some(origin) = other.sources.first() {
            diagnostic = diagnostic.and(origin.span, "makes the first");
        }
        diagnostics.push(diagnostic.help("rename one of the two policies"));
    }
}

/// Where a pair meets directly, which is an error, nobody needs to hear that it may meet in two legs.
fn one_leg_only(diagnostics: &mut Diagnostics) {
    let failing: Vec<Span> = diagnostics
        .iter()
        .filter(|one| matches!(one.name, "guard-fails" | "test-fails"))
        .filter_map(|one| one.primary.as_ref().map(|label| label.span))
        .collect();
    diagnostics.revise(|one| {
        let at = one.primary.as_ref().map(|label| label.span);
        let is_idle = one.name == "meets-through-nodes"
            && one.severity != Severity::Error
            && at.is_some_and(|at| failing.contains(&at));
        (!is_idle).then_some(one)
    });
}

/// Lints as the project wants them.
fn levels(wanted: &BTreeMap<SmolStr, Level>, diagnostics: &mut Diagnostics) {
    if wanted.is_empty() {
        return;
    }
    diagnostics.revise(|mut diagnostic| {
        if diagnostic.severity == Severity::Error || lints::find(diagnostic.name).is_none() {
            return Some(diagnostic);
        }
        match wanted.get(diagnostic.name) {
            Some(Level::Allow) => return None,
            Some(Level::Deny) => diagnostic.severity = Severity::Error,
            Some(Level::Warn) => diagnostic.severity = Severity::Warning,
            None => {}
        }
        Some(diagnostic)
    });
}

impl Compilation {
    /// The project's files, without the standard library's.
    pub fn own_files(&self) -> impl Iterator<Item = FileId> {
        self.own.clone().map(|at| FileId(at as u32))
    }
}
