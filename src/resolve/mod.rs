//! Tree to model: modules, names, grants.
//!
//! Takes: the trees of all files (the standard library's among them), for one cluster. Gives: a [`Program`] in which every name is
//! resolved, every `except` subtracted and every profile unfolded, and a diagnostic for whatever does not hold together. The only
//! pass that knows both trees. Knows nothing of targets, and not what a program decides: only who may say what about whom.

mod addresses;
mod checks;
mod clusters;
mod endpoints;
mod errors;
mod grants;
mod ground;
mod items;
mod labels;
mod library;
mod manifests;
mod namespaces;
mod notes;
mod order;
mod policies;
mod ports;
mod profiles;
mod project;
mod raws;
mod replaced;
mod rules;
mod scope;
mod services;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use time::Date;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{self, Program};
use crate::source::{FileId, Sources, Span, World};
use crate::syntax::{Parsed, ast};
use ground::Ground;
pub use library::standard_library;
pub use manifests::namespaces_of;
pub use notes::{Notes, Noting};
use project::{Declared, FileInfo, Module, Team};
use scope::{Item, ItemId, ModuleId, Use};

/// How deep names may stand for names, endpoints in endpoints, profiles in profiles.
const DEEPEST: usize = 64;
/// How many terms a set may have, and how many values a list.
const LONGEST: usize = 10_000;
/// How many rules a policy may have after its profiles are unfolded.
const MOST_RULES: usize = 20_000;
/// How many terms all clauses of a program may have together.
const MOST_TERMS: usize = 8_000_000;

/// What a resolution depends on besides the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The project's name.
    pub project: SmolStr,
    /// The day of the build, UTC: rules whose `until` is before it are left out.
    pub today: Date,
    /// The cluster to resolve for; the only one that is declared, if absent.
    pub cluster: Option<SmolStr>,
    /// Folders whose policies, tests and manifests are left out.
    pub without: Vec<SmolStr>,
    /// Files of `sources` with manifests of namespaces, which are declared by that.
    pub namespaces: Vec<FileId>,
}

/// Resolves all files for one cluster. With errors the program holds what could be understood; `None` only if the cluster is not known.
pub fn resolve(
    files: &[Parsed],
    sources: &Sources,
    world: &dyn World,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    resolve_noting(files, sources, world, options, Noting::Nothing, diagnostics).0
}

/// The same, with notes that let the policies of some files be resolved again without all others: see [`Noting::Beside`].
pub fn resolve_noting(
    files: &[Parsed],
    sources: &Sources,
    world: &dyn World,
    options: &Options,
    noting: Noting<'_>,
    diagnostics: &mut Diagnostics,
) -> (Option<Program>, Notes) {
    let manifests: Vec<_> = options
        .namespaces
        .iter()
        .flat_map(|file| namespaces_of(sources.get(*file), diagnostics))
        .collect();
    let mut cx = Cx::new(sources, options);
    cx.manifests = &manifests;
    cx.noting = noting;
    cx.broken = diagnostics.has_errors() || files.iter().any(|file| file.broken);
    let unread = files.iter().flat_map(|file| &file.unread);
    cx.unread = unread.map(|name| name.value.clone()).collect();
    cx.collect(files);
    let known = cx.choose_cluster();
    if known {
        cx.bind_names();
        cx.settle_teams();
    }
    let program = known.then(|| cx.program(world));
    for diagnostic in cx.out {
        diagnostics.push(diagnostic);
    }
    (program, cx.notes)
}

/// What the pass knows. Everything in it is in order of the sources; hash maps are for look-ups only.
struct Cx<'a> {
    sources: &'a Sources,
    options: &'a Options,
    /// The namespaces that manifests declare.
    manifests: &'a [ast::Namespace],
    out: Vec<Diagnostic>,

    files: Vec<FileInfo<'a>>,
    modules: Vec<Module>,
    module_of: FxHashMap<SmolStr, ModuleId>,
    teams: Vec<Team<'a>>,
    declared: Declared<'a>,

    items: Vec<Item<'a>>,
    uses: Vec<Use<'a>>,
    std_names: FxHashMap<SmolStr, ItemId>,
    /// Names that other clusters than this one have, and which.
    elsewhere: BTreeMap<SmolStr, Vec<SmolStr>>,
    /// The items whose definition is being looked at, and where each was named: what a cycle is told from.
    stack: Vec<(ItemId, Span)>,
    depth: usize,

    tiers: Vec<model::Tier>,
    tier_of: FxHashMap<SmolStr, model::TierId>,
    cluster: model::Cluster,
    /// Whether the declarations tell which namespaces exist.
    ground: Ground,
    /// The labels that declared namespaces carry.
    namespace_labels: BTreeMap<SmolStr, BTreeSet<SmolStr>>,
    undeclared: BTreeSet<SmolStr>,
    /// Names whose declarations could not be read: that they are unknown is no second fault.
    unread: BTreeSet<SmolStr>,
    /// Whether a file has faults already: then "unused" may only mean that the use could not be read.
    broken: bool,

    /// How many more candidates "did you mean" may look at: a file full of nonsense must not take minutes.
    suggestions: std::cell::Cell<usize>,
    terms: usize,

    noting: Noting<'a>,
    notes: Notes,
    /// The names that the policy at hand has used.
    named: Vec<notes::Named>,
}

impl<'a> Cx<'a> {
    fn new(sources: &'a Sources, options: &'a Options) -> Self {
        Cx {
            sources,
            options,
            manifests: &[],
            out: Vec::new(),
            files: Vec::new(),
            modules: Vec::new(),
            module_of: FxHashMap::default(),
            teams: Vec::new(),
            declared: Declared::default(),
            items: Vec::new(),
            uses: Vec::new(),
            std_names: FxHashMap::default(),
            elsewhere: BTreeMap::new(),
            stack: Vec::new(),
            depth: 0,
            tiers: Vec::new(),
            tier_of: FxHashMap::default(),
            cluster: model::Cluster::unknown(),
            ground: Ground::default(),
            namespace_labels: BTreeMap::new(),
            undeclared: BTreeSet::new(),
            unread: BTreeSet::new(),
            broken: false,
            suggestions: std::cell::Cell::new(2_000_000),
            terms: 0,
            noting: Noting::Nothing,
            notes: Notes::default(),
            named: Vec::new(),
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.out.push(diagnostic);
    }

    /// The nearest of some words, as long as the patience lasts.
    fn nearest<'w>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = &'w str>,
    ) -> Option<SmolStr> {
        let left = self.suggestions.get();
        let mut seen = 0;
        let near = crate::diagnostic::nearest(
            word,
            candidates.into_iter().take(left).inspect(|_| seen += 1),
        )
        .map(SmolStr::from);
        self.suggestions.set(left - seen);
        near
    }

    /// Does something whose diagnostics nobody wants: what a target leaves out.
    fn silently(&mut self, work: impl FnOnce(&mut Self)) {
        let kept = self.out.len();
        let undeclared = self.undeclared.clone();
        work(self);
        self.undeclared = undeclared;
        self.out.truncate(kept);
    }

    /// The program, once names are bound: policies first, in order of the files, then what the policies do not use.
    fn program(&mut self, world: &dyn World) -> Program {
        self.check_parameters();
        self.check_defaults();
        let names = self.policy_names();
        let default = self.default_policy(false);
        self.recall(false);
        let mut drafts = self.drafts(false);
        let tests = self.tests(false);
        let guards = self.guards(false);
        let raws = self.raws(world);
        self.check_items(false);
        // What a target leaves out comes after everything else, for the names that it uses and the order that it states: a name that
        // is looked at in silence first would stay silent where it matters.
        self.silently(|cx| {
            cx.default_policy(true);
            cx.recall(true);
            drafts.extend(cx.drafts(true));
            cx.tests(true);
            cx.guards(true);
            cx.check_items(true);
        });
        self.check_unused();
        let policies = self.order(drafts, names);
        Program {
            project: self.options.project.clone(),
            cluster: self.cluster.clone(),
            namespaces: self.ground.namespaces.clone(),
            undeclared: self.undeclared.iter().cloned().collect(),
            teams: self.model_teams(),
            tiers: self.tiers.clone(),
            policies,
            default,
            raws,
            tests,
            guards,
            names: self.names_of_ends(),
        }
    }
}
