//! A part of a compilation done again: what it takes that nothing else can have changed, and what then follows from the policies of the files that did.
//!
//! The part is found by content. The declarations of the changed files are the same, at the same places, and their policies have the same names, tiers and
//! order: then every name means what it meant, and only these policies are resolved again. What is decided in a namespace follows from the policies that
//! select there: those of the namespaces in which a changed policy selects, before or after, are a program of their own, which is checked, and proved with
//! the objects that can select there. Where something is found, it is found again from nothing, where it is told in full.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::kept::{Asked, Kept, OfProgram, OfTarget, names};
use super::{
    Compiled, Input, Key, Prove, aim, key, keys, levels, look_ahead, one_target, options, settle,
};
use crate::backend::{Object, kubernetes};
use crate::check::{self, Apart, Changed, Excuses, Said};
use crate::diagnostic::Diagnostics;
use crate::meaning::{self, Partition};
use crate::model::{Policy, PolicyId, Program, RuleSite, Target};
use crate::prove::{self, Asked as Claimed};
use crate::resolve::{self, Notes, Noting};
use crate::source::{FileId, Source, Span, World};
use crate::syntax::{self, Parsed, ast};

/// Some policies of a program.
type Policies = Vec<(PolicyId, Policy)>;

/// What the changed files come to in one program.
struct Resolved {
    notes: Notes,
    /// All that resolution says of the whole program.
    said: Diagnostics,
    /// Their policies that are not what they were.
    policies: Policies,
    /// How many rules were in their policies, and how many are, if no profile has a part in them.
    rules: Option<(usize, usize)>,
}

/// A part of a program: all that is decided in some namespaces.
struct Part {
    program: Program,
    /// Which policies of the whole program these are.
    whole: Vec<PolicyId>,
    names: BTreeSet<SmolStr>,
    partitions: Vec<Partition>,
    /// The policies that have changed, as they were.
    old: Policies,
}

/// What is new in a target.
enum Renewed {
    /// What lints say of it, and some objects.
    Some(Said, Exchange),
    /// Everything.
    All(OfTarget, Box<Compiled>),
}

/// Objects in the place of others.
struct Exchange {
    /// The places of those that go, ascending.
    old: Vec<usize>,
    new: Vec<Object>,
}

/// What replaces what was kept, once everything has been asked.
struct Step {
    programs: BTreeMap<Key, (Notes, Option<Apart>)>,
    targets: Vec<Renewed>,
    claims: Vec<Claimed>,
    diagnostics: Diagnostics,
}

impl Kept {
    /// Compiles a world by doing a part again; `None` if that is not enough, and then nothing has changed here.
    pub(super) fn again(&mut self, input: &Input<'_>) -> Option<()> {
        if self.asked != Asked::of(input) {
            return None;
        }
        let changed = self.changed(input.world)?;
        if changed.is_empty() {
            return Some(());
        }
        let sources = &mut self.compilation.sources;
        let mut trees = Vec::with_capacity(changed.len());
        let mut includes = false;
        for new in &changed {
            let edit = edited(sources.get(new.id), new)?;
            includes |= edit.includes;
            trees.push(edit.tree);
        }
        let files: Vec<FileId> = changed.iter().map(|source| source.id).collect();
        let old: Vec<Source> = changed
            .into_iter()
            .map(|new| sources.replace(new))
            .collect();
        self.swap(&mut trees);
        let resolved = self.resolve(input, &files);
        self.swap(&mut trees);
        let done = resolved.and_then(|resolved| self.follow(input, resolved, includes));
        if done.is_none() {
            for source in old {
                self.compilation.sources.replace(source);
            }
        }
        done
    }

    /// The files that have other texts than before; `None` if there are others, or a file that is not the language's has changed.
    fn changed(&self, world: &dyn World) -> Option<Vec<Source>> {
        let sources = &self.compilation.sources;
        let paths = world.sources();
        let own = self.compilation.own_files();
        if paths.len() != self.compilation.own.len() {
            return None;
        }
        let mut changed = Vec::new();
        for (path, id) in paths.into_iter().zip(own) {
            let known = sources.get(id);
            let text = world.read(&path).ok()?;
            if *known.path != path {
                return None;
            }
            if *known.text != text {
                changed.push(Source::new(id, known.path.clone(), text));
            }
        }
        for (path, id) in &self.record.manifests {
            if world.read(path).ok()? != *sources.get(*id).text {
                return None;
            }
        }
        Some(changed)
    }

    /// Exchanges trees with those of the same files.
    fn swap(&mut self, trees: &mut [Parsed]) {
        for tree in trees {
            let at = tree.file.id.0 as usize;
            std::mem::swap(&mut self.record.trees[at], tree);
        }
    }

    /// Resolves the policies of some files in each program.
    fn resolve(&self, input: &Input<'_>, files: &[FileId]) -> Option<BTreeMap<Key, Resolved>> {
        let sources = &self.compilation.sources;
        let mut all = BTreeMap::new();
        for (key, of) in &self.record.programs {
            let options = options(input, key, &self.record.manifests);
            let mut said = Diagnostics::default();
            for diagnostic in of.notes.said_beside(files) {
                said.push(diagnostic.clone());
            }
            let (program, notes) = resolve::resolve_noting(
                &self.record.trees,
                sources,
                input.world,
                &options,
                Noting::Beside(&of.notes, files),
                &mut said,
            );
            if said.has_errors() {
                return None;
            }
            let paths = files.iter().map(|file| &*sources.get(*file).path);
            let (policies, rules) = renewed(of, paths, program?)?;
            let resolved = Resolved {
                notes: of.notes.with(files, notes)?,
                said,
                policies,
                rules: Some(rules),
            };
            all.insert(key.clone(), resolved);
        }
        Some(all)
    }

    /// Puts the changed policies in their places, and does what follows from them; or puts everything back.
    fn follow(
        &mut self,
        input: &Input<'_>,
        resolved: BTreeMap<Key, Resolved>,
        includes: bool,
    ) -> Option<()> {
        // A program that nobody else holds is changed where it is.
        for target in &mut self.compilation.targets {
            target.program = None;
        }
        let mut settled = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for (key, mut one) in resolved {
            let of = self.record.programs.get_mut(&key);
            let of = of.expect("each program was resolved");
            let program = Arc::make_mut(&mut of.program);
            let exchanged = std::mem::take(&mut one.policies).into_iter();
            let old: Policies = exchanged
                .map(|(id, new)| {
                    let place = &mut program.policies[id.0 as usize];
                    (id, std::mem::replace(place, new))
                })
                .collect();
            one.rules = one.rules.filter(|_| !includes);
            parts.insert(key.clone(), old);
            settled.insert(key, one);
        }
        let step = self.step(input, settled, &parts);
        match step {
            Some(step) => self.put(step, &parts),
            None => {
                for (key, old) in parts {
                    let of = self.record.programs.get_mut(&key);
                    let of = of.expect("the programs are those that were changed");
                    let program = Arc::make_mut(&mut of.program);
                    for (id, policy) in old {
                        program.policies[id.0 as usize] = policy;
                    }
                }
                self.share();
                return None;
            }
        }
        self.share();
        Some(())
    }

    /// Lets the targets have their programs again.
    fn share(&mut self) {
        for (target, asked) in self
            .compilation
            .targets
            .iter_mut()
            .zip(self.asked.targets())
        {
            let of = self.record.programs.get(&key(asked));
            target.program = of.map(|of| of.program.clone());
        }
    }

    /// Everything that follows from the changed policies, which are in their places.
    fn step(
        &self,
        input: &Input<'_>,
        mut resolved: BTreeMap<Key, Resolved>,
        old: &BTreeMap<Key, Policies>,
    ) -> Option<Step> {
        let mut diagnostics = Diagnostics::default();
        let mut programs = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for key in keys(&input.targets) {
            let of = &self.record.programs[&key];
            let Resolved {
                notes, said, rules, ..
            } = resolved.remove(&key)?;
            let part = part(of, &old[&key])?;
            diagnostics.extend(said);
            let mut found = Diagnostics::default();
            meaning::check_within(&part.program, &part.partitions, input.today, &mut found);
            if !found.is_empty() {
                return None;
            }
            let apart = lints(of, &part, rules, &mut diagnostics);
            programs.insert(key.clone(), (notes, apart));
            parts.insert(key, part);
        }
        let mut excuses = Excuses::default();
        for (key, of) in &self.record.programs {
            let is_new = |(id, _): &(PolicyId, Policy)| excuses_something(of.program.policy(*id));
            if of.has_excuses || old[key].iter().any(is_new) {
                excuses.learn(&of.program);
            }
        }
        excuses.apply(&mut diagnostics);
        levels(&input.lints, &mut diagnostics);
        if diagnostics.has_errors() {
            return None;
        }
        let mut targets = Vec::with_capacity(input.targets.len());
        for (at, asked) in input.targets.iter().enumerate() {
            let key = key(asked);
            let of = &self.record.programs[&key];
            let renewed = self.target(at, of, &parts[&key], input.proof, &mut diagnostics)?;
            targets.push(renewed);
        }
        let mut claims = Vec::new();
        if let ([], Prove::Everything) = (&targets[..], input.proof) {
            for of in self.record.programs.values() {
                claims = prove::program_claims(&of.program, &mut diagnostics);
            }
        }
        settle(&mut excuses, &input.lints, &mut diagnostics);
        (!diagnostics.has_errors()).then_some(Step {
            programs,
            targets,
            claims,
            diagnostics,
        })
    }

    /// What becomes of a target; `None` if something is to be said of it.
    fn target(
        &self,
        at: usize,
        of: &OfProgram,
        part: &Part,
        proof: Prove,
        diagnostics: &mut Diagnostics,
    ) -> Option<Renewed> {
        let known = &self.compilation.targets[at];
        let noted = &self.record.targets[at];
        let spec = &known.spec;
        if let Some(objects) = self.objects(at, of, part, proof) {
            let mut said = noted.said.clone();
            said.retain(|(site, _)| {
                part.old
                    .iter()
                    .all(|(id, _)| RuleSite::Policy(*id) != *site)
            });
            for (id, _) in &part.old {
                let policy = of.program.policy(*id);
                if !policy.staged {
                    let warnings = check::on_policy(policy, &aim(spec));
                    said.extend(warnings.into_iter().map(|one| (RuleSite::Policy(*id), one)));
                }
            }
            for (_, warning) in &said {
                diagnostics.push(warning.clone());
            }
            if of.has_expiries
                || part
                    .old
                    .iter()
                    .any(|(id, _)| expires(of.program.policy(*id)))
            {
                look_ahead(&of.program, spec, diagnostics);
            }
            return Some(Renewed::Some(said, objects));
        }
        let mut target = Compiled {
            spec: spec.clone(),
            program: Some(of.program.clone()),
            objects: Vec::new(),
            proved: None,
        };
        let mut renewed = OfTarget::new(noted.emitted.is_some());
        let mut found = Diagnostics::default();
        let hand = (&self.compilation.sources, &BTreeMap::new());
        one_target(&mut target, hand, proof, &mut renewed, &mut found);
        target.program = None;
        if found.has_errors() {
            return None;
        }
        diagnostics.extend(found);
        Some(Renewed::All(renewed, Box::new(target)))
    }

    /// The objects that change with the policies, proved; `None` if the target must be made and proved as a whole.
    fn objects(&self, at: usize, of: &OfProgram, part: &Part, proof: Prove) -> Option<Exchange> {
        let known = &self.compilation.targets[at];
        // Tests and guards ask about both ends of flows, which may lie anywhere.
        let asks = !of.program.tests.is_empty() || !of.program.guards.is_empty();
        if self.record.targets[at].has_notes || proof == Prove::Everything && asks {
            return None;
        }
        let exchange = match known.spec.backend {
            Target::Calico => self.by_policy(at, of, part)?,
            Target::Kubernetes => by_namespace(known, part)?,
            Target::Cilium => return None,
        };
        if proof == Prove::Everything {
            let there = |object: &Object| match &object.namespace {
                Some(namespace) => part.names.contains(namespace),
                None => true,
            };
            let all = known.objects.iter().enumerate();
            let deciding: Vec<&Object> = all
                .filter(|(at, object)| exchange.old.binary_search(at).is_err() && there(object))
                .map(|(_, object)| object)
                .chain(&exchange.new)
                .collect();
            let holds =
                prove::holds_within(&part.program, &known.spec, &deciding, &part.partitions);
            if !holds {
                return None;
            }
        }
        Some(exchange)
    }

    /// The objects of the changed policies alone.
    fn by_policy(&self, at: usize, of: &OfProgram, part: &Part) -> Option<Exchange> {
        let known = &self.compilation.targets[at];
        let emitted = self.record.targets[at].emitted.as_ref()?;
        let program = &of.program;
        let changed: Vec<(&Policy, &Policy)> = part
            .old
            .iter()
            .map(|(id, old)| (old, program.policy(*id)))
            .collect();
        let new = emitted.again(program, &known.spec, &changed)?;
        let mut old = Vec::with_capacity(new.len());
        for new in &new {
            let place = known
                .objects
                .binary_search_by(|old| (&old.folder, &old.file).cmp(&(&new.folder, &new.file)));
            let at = place.ok()?;
            let before = &known.objects[at];
            // Under the same names nothing can stand twice that did not before.
            if (before.kind, &before.namespace, &before.name)
                != (new.kind, &new.namespace, &new.name)
            {
                return None;
            }
            old.push(at);
        }
        old.sort_unstable();
        Some(Exchange { old, new })
    }

    /// Keeps what is new.
    fn put(&mut self, step: Step, old: &BTreeMap<Key, Policies>) {
        for (key, (notes, apart)) in step.programs {
            let Some(of) = self.record.programs.get_mut(&key) else {
                continue;
            };
            of.notes = notes;
            of.apart = apart;
            let program = of.program.clone();
            for (id, _) in &old[&key] {
                of.place(*id, program.policy(*id));
            }
        }
        for (at, renewed) in step.targets.into_iter().enumerate() {
            let target = &mut self.compilation.targets[at];
            match renewed {
                Renewed::Some(said, exchange) => {
                    self.record.targets[at].said = said;
                    exchange.apply(&mut target.objects);
                }
                Renewed::All(noted, new) => {
                    self.record.targets[at] = noted;
                    *target = *new;
                }
            }
        }
        self.compilation.claims = step.claims;
        self.compilation.diagnostics = step.diagnostics.into_sorted();
    }
}

/// All objects of the namespaces in which a changed policy selects; `None` if something is to be said of them, or one could be another object's file.
fn by_namespace(known: &Compiled, part: &Part) -> Option<Exchange> {
    let new = kubernetes::emit_within(&part.program, &known.spec, &part.partitions)?;
    let file = |object: &Object| (object.folder.clone(), object.file.to_lowercase());
    let mut files = FxHashSet::default();
    if !new.iter().all(|object| files.insert(file(object))) {
        return None;
    }
    let mut old = Vec::new();
    for (at, object) in known.objects.iter().enumerate() {
        match &object.namespace {
            Some(namespace) if part.names.contains(namespace) => old.push(at),
            _ if files.contains(&file(object)) => return None,
            _ => {}
        }
    }
    Some(Exchange { old, new })
}

impl Exchange {
    fn apply(self, objects: &mut Vec<Object>) {
        let mut at = 0;
        objects.retain(|_| {
            at += 1;
            self.old.binary_search(&(at - 1)).is_err()
        });
        objects.extend(self.new);
        objects.sort_by(|a, b| (&a.folder, &a.file).cmp(&(&b.folder, &b.file)));
    }
}

/// The tree of a file after an edit that touches policies alone: with the same declarations at the same places, and policies of the same names, tiers and
/// order. Their order is not in the tree: it is known.
fn edited(old: &Source, new: &Source) -> Option<Edit> {
    let mut sink = Diagnostics::default();
    let before = syntax::parse(old, &mut sink);
    let mut after = syntax::parse(new, &mut sink);
    if !sink.is_empty() || before.broken || after.broken {
        return None;
    }
    let text = |source: &'_ Source, span: Span| source.slice(span).to_owned();
    let same = {
        let (was, is) = (declarations(&before), declarations(&after));
        was.len() == is.len()
            && was
                .iter()
                .zip(&is)
                .all(|(was, is)| was == is && text(old, was.span) == text(new, is.span))
            && heads(&before) == heads(&after)
    };
    if !same {
        return None;
    }
    let includes = has_includes(&before) || has_includes(&after);
    for item in &mut after.file.items {
        if let ast::ItemKind::Policy(policy) = &mut item.kind {
            policy.order.clear();
        }
    }
    Some(Edit {
        tree: after,
        includes,
    })
}

/// A file whose policies alone have changed.
struct Edit {
    tree: Parsed,
    /// Whether a policy of it includes a profile, or did.
    includes: bool,
}

fn has_includes(parsed: &Parsed) -> bool {
    parsed.file.items.iter().any(|item| match &item.kind {
        ast::ItemKind::Policy(policy) => {
            let mut statements = policy.body.statements.iter();
            statements.any(|one| matches!(one, ast::Statement::Include(_)))
        }
        _ => false,
    })
}

fn declarations(parsed: &Parsed) -> Vec<&ast::Item> {
    let items = parsed.file.items.iter();
    items
        .filter(|item| !matches!(item.kind, ast::ItemKind::Policy(_)))
        .collect()
}

/// A policy's name, its tier, whether it is staged, and what it says of the order.
type Head<'t> = (
    &'t SmolStr,
    &'t SmolStr,
    bool,
    Vec<(ast::Side, Vec<String>)>,
);

/// What other policies can know of the policies of a file.
fn heads(parsed: &Parsed) -> Vec<Head<'_>> {
    let dotted = |path: &ast::Path| {
        let segments = path.segments.iter().map(|segment| segment.value.as_str());
        segments.collect::<Vec<_>>().join(".")
    };
    let head = |item| match item {
        &ast::Item {
            kind: ast::ItemKind::Policy(ref policy),
            ..
        } => {
            let order = policy.order.iter();
            let order = order.map(|order| (order.side, order.others.iter().map(dotted).collect()));
            let staged = policy.staged.is_some();
            Some((
                &policy.name.value,
                &policy.tier.value,
                staged,
                order.collect(),
            ))
        }
        _ => None,
    };
    parsed.file.items.iter().filter_map(head).collect()
}

/// The policies of some files that are not what they were, and how many rules there were in these files' policies and are; `None` if they are not the same
/// policies, or if it cannot be told how many rules the program has now.
fn renewed<'p>(
    of: &OfProgram,
    paths: impl Iterator<Item = &'p str>,
    program: Program,
) -> Option<(Policies, (usize, usize))> {
    let mut ids: Vec<PolicyId> = paths
        .filter_map(|path| of.of_file.get(path))
        .flatten()
        .copied()
        .collect();
    ids.sort_unstable();
    if ids.len() != program.policies.len() {
        return None;
    }
    let identity = |policy: &'_ Policy| {
        (
            policy.name.clone(),
            policy.folder.clone(),
            policy.owner.clone(),
            policy.file.clone(),
            (policy.tier, policy.staged),
        )
    };
    let was = count(ids.iter().map(|id| of.program.policy(*id)));
    let is = count(program.policies.iter());
    let mut policies = Vec::new();
    for (id, mut new) in ids.into_iter().zip(program.policies) {
        let old = of.program.policy(id);
        if identity(old) != identity(&new) {
            return None;
        }
        new.after = old.after.clone();
        new.depth = old.depth;
        if new != *old {
            policies.push((id, new));
        }
    }
    Some((policies, (was, is)))
}

/// How many rules some policies have in force; those of one place in the text are one.
fn count<'p>(policies: impl Iterator<Item = &'p Policy>) -> usize {
    let mut seen = FxHashSet::default();
    for policy in policies.filter(|policy| !policy.staged) {
        for (at, block) in [&policy.ingress, &policy.egress].into_iter().enumerate() {
            let rules = block.iter().flat_map(|block| &block.rules);
            seen.extend(rules.map(|rule| (at, rule.span)));
        }
    }
    seen.len()
}

/// All that is decided in the namespaces in which a changed policy selects, before or after; `None` if these cannot be named.
fn part(of: &OfProgram, old: &[(PolicyId, Policy)]) -> Option<Part> {
    let program = &of.program;
    let mut selected: BTreeSet<SmolStr> = BTreeSet::new();
    for (id, before) in old {
        selected.extend(names(before)?.into_iter().cloned());
        selected.extend(names(program.policy(*id))?.into_iter().cloned());
    }
    let mut whole: BTreeSet<PolicyId> = of.anywhere.iter().copied().collect();
    whole.extend(old.iter().map(|(id, _)| *id));
    for name in &selected {
        whole.extend(of.named.get(name).into_iter().flatten());
    }
    let mut waiting: Vec<PolicyId> = whole.iter().copied().collect();
    while let Some(id) = waiting.pop() {
        let before = program.policy(id).after.iter();
        waiting.extend(before.filter(|before| whole.insert(**before)));
    }
    let whole: Vec<PolicyId> = whole.into_iter().collect();
    let places = selected.iter().filter_map(|name| {
        let known = &program.namespaces;
        let place = known.binary_search_by(|one| one.name.cmp(name));
        place.ok().map(Partition::Declared)
    });
    Some(Part {
        program: program.part(&whole),
        partitions: places.collect(),
        names: selected,
        whole,
        old: old.to_vec(),
    })
}

/// Says what the lints say that ask about no target.
fn lints(
    of: &OfProgram,
    part: &Part,
    rules: Option<(usize, usize)>,
    diagnostics: &mut Diagnostics,
) -> Option<Apart> {
    let program = &of.program;
    let policies: Vec<(PolicyId, &Policy, &Policy)> = part
        .old
        .iter()
        .map(|(id, old)| (*id, old, program.policy(*id)))
        .collect();
    let apart = of.apart.as_ref().and_then(|apart| {
        let (was, is) = rules?;
        apart.again(&Changed {
            part: &part.program,
            whole: &part.whole,
            policies: &policies,
            names: &part.names,
            rules: apart.rules() - was + is,
        })
    });
    match apart {
        Some(apart) => {
            apart.report(diagnostics);
            Some(apart)
        }
        None => check::check(program, diagnostics),
    }
}

fn expires(policy: &Policy) -> bool {
    policy.rules().any(|rule| rule.until.is_some())
}

fn excuses_something(policy: &Policy) -> bool {
    policy.rules().any(|rule| !rule.excused.is_empty())
}
