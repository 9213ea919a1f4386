//! Everything that is proved of one target: the manifests, what its tests and guards claim, and what hand-written manifests change.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use time::Date;

use super::claims::{Claim, Standing, examine};
use super::overlap::report_overlaps;
use super::piecewise::holds_piecewise;
use super::report;
use super::universe::Universe;
use super::{Proof, prove, prove_within};
use crate::backend::read::document::{self, Document};
use crate::backend::read::{self, Cidr, Context, Reading, Unread};
use crate::backend::{Object, Spec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Index, Partition};
use crate::model::{Check, Program, Test};
use crate::source::{FileId, Source};

/// How many bytes of text are read back at a time, where nothing else asks for more.
const PIECE: usize = 2 << 20;

/// What is read again with each piece is no more than this part of it.
const SHARE: usize = 4;

/// What is known of a target after its proof.
#[derive(Clone, Debug)]
pub struct Proved {
    /// What it was proved on.
    pub universe: Universe,
    /// What became of each statement, guards first, in order of file and place.
    pub claims: Vec<Asked>,
}

/// One statement of a test or a guard, and what became of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whether it stands in a guard.
    pub guard: bool,
    /// The test's place in [`Program::tests`], or the guard's in [`Program::guards`].
    pub test: usize,
    /// The statement's place in it.
    pub check: usize,
    /// The last day before which it was asked about; `None` for today.
    pub after: Option<Date>,
    /// What became of it.
    pub claim: Claim,
}

impl Asked {
    /// The test or guard that it stands in.
    pub fn of<'p>(&self, program: &'p Program) -> &'p Test {
        match self.guard {
            true => &program.guards[self.test],
            false => &program.tests[self.test],
        }
    }

    /// The statement.
    pub fn check<'p>(&self, program: &'p Program) -> &'p Check {
        &self.of(program).checks[self.check]
    }
}

/// Reads back what was made for a target, proves it, and asks its tests and guards. `raw` are the hand-written manifests that go along.
pub fn target(
    program: &Program,
    spec: &Spec,
    objects: &[Object],
    raw: &[Document],
    diagnostics: &mut Diagnostics,
) -> Proved {
    let universe = Universe::of(spec, program);
    let is_whole = !raw.is_empty() || !program.tests.is_empty() || !program.guards.is_empty();
    if !is_whole && holds_by_itself(program, spec, objects, &universe) {
        return Proved {
            universe,
            claims: Vec::new(),
        };
    }
    let context = context(program, spec);
    let mut faults = Diagnostics::default();
    let objects: Vec<&Object> = objects.iter().collect();
    let mut documents = read_back(&objects, &mut faults);
    let given: Cow<'_, [Document]> = match raw.is_empty() {
        true => Cow::Owned(std::mem::take(&mut documents)),
        false => Cow::Borrowed(&documents),
    };
    let reading = read::read(spec.backend, given, &context, &mut faults);
    for fault in faults.iter() {
        diagnostics.push(report::not_readable(spec, fault));
    }
    let proof = match faults.is_empty() {
        true => prove(program, &reading, &universe),
        false => Proof::default(),
    };
    say(program, &reading, spec, &proof, diagnostics);
    let whole = (!raw.is_empty()).then(|| {
        let mut faults = Diagnostics::default();
        let hand = read::read(spec.backend, raw, &context, &mut faults);
        documents.extend(raw.iter().cloned());
        let whole = read::read(spec.backend, &documents, &context, &mut faults);
        report_overlaps(program, spec, &reading, &hand, &whole, &mut faults);
        diagnostics.extend(faults);
        whole
    });
    if let Some(whole) = &whole
        && proof.holds()
        && !diagnostics.has_errors()
    {
        let changed = prove(program, whole, &universe);
        hand_written(program, whole, spec, &changed, diagnostics);
    }
    let claims = match faults.is_empty() && proof.holds() {
        true => {
            let made = whole.as_ref().unwrap_or(&reading);
            let index = Arc::new(Index::new(&made.program));
            claims(program, &index, &made.unread, &universe)
        }
        false => Vec::new(),
    };
    for asked in &claims {
        let made = whole.as_ref().map(|whole| &whole.program);
        if let Some(said) = said(program, made, Some(spec), asked) {
            diagnostics.push(said);
        }
    }
    Proved { universe, claims }
}

/// Whether a proof of a large tree can do without the whole of it; a `false` says nothing.
fn holds_by_itself(
    program: &Program,
    spec: &Spec,
    objects: &[Object],
    universe: &Universe,
) -> bool {
    let shared = objects.iter().filter(|object| object.namespace.is_none());
    let shared: usize = shared.map(|object| object.text.len()).sum();
    let size = PIECE.max(SHARE * shared);
    holds_piecewise(program, spec, objects, universe, size) == Some(true)
}

/// Whether some objects can be read back and decide every flow of some partitions as a program does: of the objects and the policies that could decide
/// there, none may be missing.
pub fn holds_within(
    program: &Program,
    spec: &Spec,
    objects: &[&Object],
    partitions: &[Partition],
) -> bool {
    let universe = Universe::of(spec, program);
    let mut faults = Diagnostics::default();
    let documents = read_back(objects, &mut faults);
    let reading = read::read(
        spec.backend,
        documents,
        &context(program, spec),
        &mut faults,
    );
    let is_asked = |partition| partitions.contains(&partition);
    faults.is_empty() && prove_within(&Index::new(program), &reading, &universe, is_asked).holds()
}

/// What the reader of a target may know.
pub(super) fn context<'p>(program: &'p Program, spec: &Spec) -> Context<'p> {
    Context {
        version: spec.version,
        cluster: &program.cluster,
        namespaces: &program.namespaces,
        cidr: Cidr::AsTarget,
    }
}

/// The documents of emitted objects.
pub(super) fn read_back(objects: &[&Object], faults: &mut Diagnostics) -> Vec<Document> {
    let read: Vec<(Vec<Document>, Diagnostics)> = objects
        .par_iter()
        .enumerate()
        .map(|(at, object)| {
            let mut faults = Diagnostics::default();
            let path = format!("{}/{}", object.folder, object.file);
            let source = Source::new(FileId(at as u32), path, object.text.as_str());
            (document::documents(&source, &mut faults), faults)
        })
        .collect();
    let mut documents = Vec::with_capacity(read.len());
    for (found, sink) in read {
        documents.extend(found);
        faults.extend(sink);
    }
    documents
}

/// What a failed proof comes to.
fn say(
    program: &Program,
    reading: &Reading,
    spec: &Spec,
    proof: &Proof,
    diagnostics: &mut Diagnostics,
) {
    for difference in &proof.differences {
        diagnostics.push(report::proof_fails(
            program,
            &reading.program,
            spec,
            difference,
        ));
    }
    for undecided in &proof.undecided {
        diagnostics.push(report::not_understood(spec, undecided));
    }
    for fault in &proof.too_large {
        diagnostics.push(report::too_large(program, spec, fault));
    }
}

/// What hand-written manifests change, one note for each end that they open or close.
fn hand_written(
    program: &Program,
    whole: &Reading,
    spec: &Spec,
    changed: &Proof,
    diagnostics: &mut Diagnostics,
) {
    let Some(raw) = program.raws.iter().find(|raw| raw.backend == spec.backend) else {
        return;
    };
    for difference in &changed.differences {
        diagnostics.push(report::raw_changes(
            &whole.program,
            spec,
            raw.span,
            difference,
        ));
    }
    for undecided in &changed.undecided {
        diagnostics.push(report::raw_undecided(spec, raw.span, undecided));
    }
    for fault in &changed.too_large {
        diagnostics.push(report::too_large(program, spec, fault));
    }
}

/// Asks all tests and guards: today of an index, with what was not understood beside it, and the guards of the program in every epoch to come.
fn claims(
    program: &Program,
    index: &Arc<Index<'_>>,
    parts: &[Unread],
    universe: &Universe,
) -> Vec<Asked> {
    let today: Vec<(bool, usize, usize)> = statements(&program.guards, true)
        .chain(statements(&program.tests, false))
        .collect();
    let mut asked: Vec<Asked> = today
        .par_iter()
        .map(|&(guard, test, check)| Asked {
            guard,
            test,
            check,
            after: None,
            claim: examine(
                index,
                parts,
                universe,
                &list(program, guard)[test].checks[check],
            ),
        })
        .collect();
    asked.extend(later(program, universe));
    asked
}

/// Asks the guards of the program itself, once for each day after which something has expired.
fn later(program: &Program, universe: &Universe) -> Vec<Asked> {
    let guards: Vec<(bool, usize, usize)> = statements(&program.guards, true).collect();
    if guards.is_empty() {
        return Vec::new();
    }
    let mut asked = Vec::new();
    for last in program.expiries() {
        let Some(day) = last.next_day() else {
            continue;
        };
        let then = program.on(day);
        let index = Arc::new(Index::new(&then));
        let found: Vec<Asked> = guards
            .par_iter()
            .map(|&(guard, test, check)| Asked {
                guard,
                test,
                check,
                after: Some(last),
                claim: examine(&index, &[], universe, &program.guards[test].checks[check]),
            })
            .filter(|asked| matches!(asked.claim.standing, Standing::Fails(_)))
            .collect();
        asked.extend(found);
    }
    asked
}

/// Asks tests and guards of the program itself, where nothing is emitted.
pub fn program_claims(program: &Program, diagnostics: &mut Diagnostics) -> Vec<Asked> {
    let index = Arc::new(Index::new(program));
    let asked = claims(program, &index, &[], &Universe::whole());
    for one in &asked {
        if let Some(said) = said(program, None, None, one) {
            diagnostics.push(said);
        }
    }
    asked
}

fn list(program: &Program, guard: bool) -> &[Test] {
    match guard {
        true => &program.guards,
        false => &program.tests,
    }
}

fn statements(tests: &[Test], guard: bool) -> impl Iterator<Item = (bool, usize, usize)> + '_ {
    tests
        .iter()
        .enumerate()
        .flat_map(move |(test, one)| (0..one.checks.len()).map(move |check| (guard, test, check)))
}

/// What is to be said of a statement that does not hold, or of which nothing is known.
fn said(
    program: &Program,
    made: Option<&Program>,
    spec: Option<&Spec>,
    asked: &Asked,
) -> Option<Diagnostic> {
    let test = (asked.of(program), asked.guard);
    let check = asked.check(program);
    match &asked.claim.standing {
        Standing::Holds => None,
        Standing::Fails(failed) => {
            let then = asked.after.and_then(|last| last.next_day());
            let on = then.map(|day| program.on(day));
            let decides = on.as_ref().unwrap_or(program);
            let made = made.filter(|_| then.is_none());
            let mut said = report::claim_fails(decides, made, spec, test, check, failed);
            if let Some(day) = then {
                said = said.because(format!("from {day} on, when a rule's `until` is past"));
            }
            Some(said)
        }
        Standing::NotCovered(why) => Some(report::claim_not_covered(spec, test, check, why)),
        Standing::TooLarge(fault) => Some(report::claim_too_large(spec, test, check, fault)),
    }
}
