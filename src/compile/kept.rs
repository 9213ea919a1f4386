//! What a session keeps of a compilation without an error: what every part of it that an edit may leave alone has said, and what it depends on.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use time::Date;

use super::{Compilation, Input, Key, Level, Prove, TargetInput};
use crate::backend::calico::Emitted;
use crate::check::{Apart, Said};
use crate::diagnostic::Diagnostics;
use crate::model::{Policy, PolicyId, Program};
use crate::resolve::Notes;
use crate::source::FileId;
use crate::space::ValueSet;
use crate::syntax::{Parsed, ast};

/// What is noted while a program is compiled from nothing.
#[derive(Default)]
pub(super) struct Record {
    /// The trees of all files, without policies.
    pub(super) trees: Vec<Parsed>,
    /// The files with manifests of namespaces.
    pub(super) manifests: BTreeMap<SmolStr, FileId>,
    pub(super) programs: BTreeMap<Key, OfProgram>,
    pub(super) targets: Vec<OfTarget>,
    /// Whether something was said before names were resolved.
    is_faulty: bool,
}

impl Record {
    /// Notes what the programs are made of.
    pub(super) fn begin(
        &mut self,
        said: &Diagnostics,
        parsed: &[Parsed],
        manifests: &BTreeMap<SmolStr, FileId>,
    ) {
        self.is_faulty = !said.is_empty() || parsed.iter().any(|file| file.broken);
        self.manifests = manifests.clone();
        if !self.is_faulty {
            self.trees = parsed.iter().map(declarations).collect();
        }
    }
}

/// The tree of a file without its policies.
fn declarations(parsed: &Parsed) -> Parsed {
    let items = parsed.file.items.iter();
    let items = items.filter(|item| !matches!(item.kind, ast::ItemKind::Policy(_)));
    Parsed {
        file: ast::File {
            id: parsed.file.id,
            items: items.cloned().collect(),
        },
        trivia: Default::default(),
        broken: false,
        unread: Vec::new(),
    }
}

/// What is kept of a program.
pub(super) struct OfProgram {
    pub(super) program: Arc<Program>,
    pub(super) notes: Notes,
    /// What the lints said of each policy, where no two rules are compared.
    pub(super) apart: Option<Apart>,
    /// Whether a rule expires, and whether one excuses something.
    pub(super) has_expiries: bool,
    pub(super) has_excuses: bool,
    /// The policies of each file.
    pub(super) of_file: FxHashMap<SmolStr, Vec<PolicyId>>,
    /// The policies that select in a namespace by its name, and those that may select in any.
    pub(super) named: FxHashMap<SmolStr, Vec<PolicyId>>,
    pub(super) anywhere: Vec<PolicyId>,
}

impl OfProgram {
    pub(super) fn new(program: Arc<Program>, notes: Notes, apart: Option<Apart>) -> Self {
        let mut of = OfProgram {
            program: program.clone(),
            notes,
            apart,
            has_expiries: false,
            has_excuses: false,
            of_file: FxHashMap::default(),
            named: FxHashMap::default(),
            anywhere: Vec::new(),
        };
        for (at, policy) in program.policies.iter().enumerate() {
            let id = PolicyId(at as u32);
            let file = of.of_file.entry(policy.file.clone()).or_default();
            file.push(id);
            of.place(id, policy);
        }
        let default = program.default.iter();
        for rule in default
            .flat_map(|one| [&one.ingress, &one.egress])
            .flatten()
            .flat_map(|block| &block.rules)
        {
            of.has_expiries |= rule.until.is_some();
            of.has_excuses |= !rule.excused.is_empty();
        }
        of
    }

    /// Notes what a policy depends on. Where it has been before it stays: a policy too many in a namespace decides nothing there.
    pub(super) fn place(&mut self, id: PolicyId, policy: &Policy) {
        match names(policy) {
            Some(names) => {
                for name in names {
                    let there = self.named.entry(name.clone()).or_default();
                    if !there.contains(&id) {
                        there.push(id);
                    }
                }
            }
            None => self.anywhere.push(id),
        }
        for rule in policy.rules() {
            self.has_expiries |= rule.until.is_some();
            self.has_excuses |= !rule.excused.is_empty();
        }
    }
}

/// The names of the namespaces that a policy selects in; `None` if it may select in any.
pub(super) fn names(policy: &Policy) -> Option<Vec<&SmolStr>> {
    let mut all = Vec::new();
    for pods in &policy.subject {
        match &pods.namespaces.names {
            ValueSet::In(names) => all.extend(names.iter().flatten()),
            ValueSet::NotIn(_) => return None,
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// What is kept of a target.
#[derive(Default)]
pub(super) struct OfTarget {
    /// What its objects depend on beside their own policies, where they can be written one by one.
    pub(super) emitted: Option<Emitted>,
    /// What the lints said that ask about a target.
    pub(super) said: Said,
    /// Whether something else was said while it was made and proved.
    pub(super) has_notes: bool,
}

impl OfTarget {
    pub(super) fn new(noting: bool) -> Self {
        OfTarget {
            emitted: noting.then(Emitted::default),
            said: Said::new(),
            has_notes: false,
        }
    }
}

/// A compilation without an error, and what it was made of.
pub(super) struct Kept {
    pub(super) asked: Asked,
    pub(super) compilation: Compilation,
    pub(super) record: Record,
}

/// What was asked for, beside the files.
#[derive(PartialEq, Eq)]
pub(super) struct Asked {
    project: SmolStr,
    today: Date,
    targets: Vec<TargetInput>,
    lints: BTreeMap<SmolStr, Level>,
    proof: Prove,
}

impl Asked {
    pub(super) fn of(input: &Input<'_>) -> Self {
        Asked {
            project: input.project.clone(),
            today: input.today,
            targets: input.targets.clone(),
            lints: input.lints.clone(),
            proof: input.proof,
        }
    }

    pub(super) fn targets(&self) -> &[TargetInput] {
        &self.targets
    }
}

impl Kept {
    /// Keeps a compilation, if parts of it can be done again.
    ///
    /// # Errors
    /// Gives it back if it has an error, if namespaces are open (then what one policy mentions can matter to all), or if manifests go along that were
    /// written by hand.
    pub(super) fn new(
        input: &Input<'_>,
        compilation: Compilation,
        record: Record,
    ) -> Result<Box<Self>, Box<Compilation>> {
        let is_closed = |of: &OfProgram| {
            of.program.cluster.namespaces_closed
                && of.program.undeclared.is_empty()
                && of.program.raws.is_empty()
        };
        if record.is_faulty
            || compilation.has_errors()
            || record.programs.is_empty()
            || !record.programs.values().all(is_closed)
        {
            return Err(Box::new(compilation));
        }
        Ok(Box::new(Kept {
            asked: Asked::of(input),
            compilation,
            record,
        }))
    }
}
