//! A proof that cannot fail proves nothing: every change of an emitted object is caught, unless the interpreters see no difference either.
//!
//! `VAUBAN_MUTATIONS` sets how many changes are made (default 600, a third for each target), `VAUBAN_BOUNDARY_FLOWS` on how many flows one that is not
//! caught is tried (default 500), `VAUBAN_SEED` where the seeds begin, and `VAUBAN_KEEP_GOING=1` reports every failure instead of the first.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

#[path = "../cases/mod.rs"]
mod cases;
mod change;
mod draw;
mod engine;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
mod origins;

use std::collections::BTreeMap;

use change::{Change, change, json, text_at};
use draw::Draw;
use engine::Engine;
use generator::Random;
use interpreters::yaml::Value;
use interpreters::{Outcome, Seen};
use origins::Origin;
use vauban::backend::Object;
use vauban::backend::read::document::{Document, documents};
use vauban::backend::read::{Cidr, Context, read};
use vauban::diagnostic::Diagnostics;
use vauban::meaning::Verdict;
use vauban::model::Target;
use vauban::prove::{Proof, Universe, holds_piecewise, prove};
use vauban::source::{FileId, Source};

/// How many changes are made to the objects of one random program.
const CHANGES_A_PROGRAM: usize = 5;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// What a proof says of objects.
enum Verified {
    /// What is wrong with them.
    Invalid(String),
    /// What was found, whether it holds or not.
    Proved(Proof),
}

/// Reads objects back and compares them with their program, as a build does.
fn verify(origin: &Origin, universe: &Universe, objects: &[Value]) -> Verified {
    let mut faults = Diagnostics::default();
    let mut all: Vec<Document> = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let source = Source::new(FileId(at as u32), format!("{at}.yaml"), json(object));
        all.extend(documents(&source, &mut faults));
    }
    let context = Context {
        version: origin.spec.version,
        cluster: &origin.program.cluster,
        namespaces: &origin.program.namespaces,
        cidr: Cidr::AsTarget,
    };
    let reading = read(origin.spec.backend, &all, &context, &mut faults);
    let fault = faults.iter().next();
    let verified = match fault.map(|fault| format!("{}: {}", fault.message, fault.notes.join("; ")))
    {
        Some(fault) => Verified::Invalid(fault),
        None => Verified::Proved(prove(&origin.program, &reading, universe)),
    };
    let holds = matches!(&verified, Verified::Proved(proof) if proof.holds());
    let piecewise = piecewise(origin, universe, objects);
    assert!(
        holds || piecewise != Some(true),
        "{}: what is wrong is proved piece by piece: {objects:?}",
        origin.name
    );
    if holds && objects == origin.objects {
        assert_ne!(
            piecewise,
            Some(false),
            "{}: what is right is not proved piece by piece",
            origin.name
        );
    }
    verified
}

/// The same, each namespace by itself. The objects say that they lie where they lay before they were changed.
fn piecewise(origin: &Origin, universe: &Universe, objects: &[Value]) -> Option<bool> {
    let before = match objects.len() == origin.objects.len() {
        true => &origin.objects[..],
        false => objects,
    };
    let objects: Vec<Object> = objects
        .iter()
        .zip(before)
        .enumerate()
        .map(|(at, (object, before))| Object {
            folder: "root".into(),
            file: format!("{at}.yaml").into(),
            rank: 0,
            api_version: "",
            kind: "",
            namespace: text_at(before, &["metadata", "namespace"]).map(Into::into),
            name: Default::default(),
            text: json(object),
            sources: Vec::new(),
        })
        .collect();
    holds_piecewise(&origin.program, &origin.spec, &objects, universe, 1)
}

#[derive(Default)]
struct Tally {
    made: usize,
    invalid: usize,
    proved: usize,
    undecided: usize,
    harmless: BTreeMap<&'static str, usize>,
    unjudged: Vec<String>,
    witnesses: usize,
    /// Of those that a flow shows, how many the drawn flows show too.
    found: usize,
    /// How many they were asked about.
    sought: usize,
    flows: usize,
    kinds: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

/// An origin with everything that its changes are held against.
struct Bench {
    origin: Origin,
    universe: Universe,
    engine: Engine,
    namespaces: Vec<String>,
}

impl Bench {
    fn of(origin: Origin) -> Self {
        let universe = Universe::of(&origin.spec, &origin.program);
        match verify(&origin, &universe, &origin.objects) {
            Verified::Proved(proof) if proof.holds() => {}
            Verified::Proved(proof) => panic!("{} is not proved: {proof:#?}", origin.name),
            Verified::Invalid(why) => panic!("{} does not read back: {why}", origin.name),
        }
        let engine = Engine::of(&origin.spec, &origin.program, &origin.objects)
            .unwrap_or_else(|why| panic!("{}: {why}", origin.name));
        let names = origin.program.namespaces.iter();
        Bench {
            namespaces: names.map(|one| one.name.to_string()).collect(),
            universe,
            engine,
            origin,
        }
    }

    /// Makes one change and judges it.
    fn try_one(&self, random: &mut Random, flows: usize, tally: &mut Tally) {
        let origin = &self.origin;
        let Some(change) = change(random, &origin.objects, &self.namespaces) else {
            return;
        };
        tally.made += 1;
        *tally.kinds.entry(change.what).or_default() += 1;
        let proof = match verify(origin, &self.universe, &change.after) {
            Verified::Invalid(_) => {
                tally.invalid += 1;
                return;
            }
            Verified::Proved(proof) => proof,
        };
        let before = &origin.objects[change.object];
        let mut near = vec![before];
        if change.after.len() == origin.objects.len() {
            near.push(&change.after[change.object]);
        }
        let draw = Draw::new(&origin.program, &self.universe, near, &origin.objects);
        let changed = Engine::of(&origin.spec, &origin.program, &change.after);
        if !proof.holds() {
            tally.proved += usize::from(!proof.differences.is_empty());
            tally.undecided += usize::from(proof.differences.is_empty());
            let Ok(changed) = changed else { return };
            for difference in &proof.differences {
                let Some((seen, hidden)) = draw::seen(&draw, &difference.flow, random) else {
                    continue;
                };
                tally.witnesses += 1;
                let meant = difference.meant.verdict == Verdict::Allow;
                let made = difference.made.verdict == Verdict::Allow;
                let was = self.engine.decide(&seen, &hidden);
                let is = changed.decide(&seen, &hidden);
                if was.iter().any(|one| one.allowed != meant)
                    || is.iter().any(|one| one.allowed != made)
                {
                    let why = format!(
                        "the proof says {meant} before and {made} after; the target {was:?} before and {is:?} after"
                    );
                    tally.failures.push(self.explain(&change, &seen, &why));
                    return;
                }
            }
            if !proof.differences.is_empty() {
                tally.sought += 1;
                tally.found += usize::from(self.departs(&changed, &draw, random, flows).is_some());
            }
            return;
        }
        let changed = match changed {
            Ok(changed) => changed,
            Err(why) => {
                let said = format!("{} at {} of {}: {why}", change.what, change.at, origin.name);
                tally.unjudged.push(said);
                return;
            }
        };
        *tally.harmless.entry(change.what).or_default() += 1;
        tally.flows += flows;
        if let Some((seen, was, is)) = self.departs(&changed, &draw, random, flows) {
            let why = format!("the proof holds; the target {was:?} before and {is:?} after");
            tally.failures.push(self.explain(&change, &seen, &why));
        }
    }

    /// A drawn flow that the changed objects decide otherwise, by the interpreters.
    fn departs(
        &self,
        changed: &Engine,
        draw: &Draw<'_>,
        random: &mut Random,
        flows: usize,
    ) -> Option<(Seen, Vec<Outcome>, Vec<Outcome>)> {
        (0..flows).find_map(|_| {
            let (seen, hidden) = draw.flow(random)?;
            let was = self.engine.decide(&seen, &hidden);
            let is = changed.decide(&seen, &hidden);
            let differs = was
                .iter()
                .zip(&is)
                .any(|(was, is)| was.allowed != is.allowed);
            differs.then_some((seen, was, is))
        })
    }

    fn explain(&self, change: &Change, seen: &Seen, why: &str) -> String {
        let before = json(&self.origin.objects[change.object]);
        let after = match change.after.len() == self.origin.objects.len() {
            true => json(&change.after[change.object]),
            false => "nothing".to_owned(),
        };
        format!(
            "{} at {} of {}\n--- before\n{before}\n--- after\n{after}\n---\nflow: {:?} {}\naddresses: {} and {}; resolved {:?}; foreign labels {:?}\n{why}",
            change.what,
            change.at,
            self.origin.name,
            seen.flow.direction,
            seen.flow,
            seen.subject_address,
            seen.peer_address,
            seen.resolved,
            seen.foreign_labels,
        )
    }
}

fn mutate(backend: Target) {
    let wanted = number("VAUBAN_MUTATIONS", 600) / 3;
    let flows = number("VAUBAN_BOUNDARY_FLOWS", 500);
    let keep_going = std::env::var_os("VAUBAN_KEEP_GOING").is_some();
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let mut tally = Tally::default();
    let fail = |tally: &Tally| {
        if !keep_going && let Some(failure) = tally.failures.first() {
            panic!("{failure}");
        }
    };
    // A quarter of them for the examples, a quarter for the corpus, and what is left for random programs.
    for (origins, share) in [
        (origins::examples(backend, None), wanted / 4),
        (origins::corpus(backend, None), wanted / 2),
    ] {
        let mut random = Random::new(seed);
        let benches: Vec<Bench> = origins.into_iter().map(Bench::of).collect();
        let mut turn = 0;
        while tally.made < share {
            benches[turn % benches.len()].try_one(&mut random, flows, &mut tally);
            turn += 1;
            fail(&tally);
        }
    }
    while tally.made < wanted {
        seed += 1;
        let Some(origin) = origins::random(backend, seed, None) else {
            continue;
        };
        let bench = Bench::of(origin);
        let mut random = Random::new(seed);
        for _ in 0..CHANGES_A_PROGRAM {
            bench.try_one(&mut random, flows, &mut tally);
            fail(&tally);
        }
    }
    let harmless: usize = tally.harmless.values().sum();
    eprintln!(
        "{backend:?}: {} changes: {} invalid, {} caught by a flow ({} witnesses decided so by the interpreters; {} of {} found by drawn flows too), {} not decided, {harmless} harmless on {} flows, {} not judged",
        tally.made,
        tally.invalid,
        tally.proved,
        tally.witnesses,
        tally.found,
        tally.sought,
        tally.undecided,
        tally.flows,
        tally.unjudged.len(),
    );
    eprintln!("made: {:?}\nharmless: {:?}", tally.kinds, tally.harmless);
    for one in tally.unjudged.iter().take(5) {
        eprintln!("not judged: {one}");
    }
    for failure in &tally.failures {
        eprintln!("==================== {failure}");
    }
    assert!(
        tally.failures.is_empty(),
        "{} changes of {} are not caught, or for a wrong reason",
        tally.failures.len(),
        tally.made
    );
    // Shares of a handful say nothing.
    if tally.made < 100 {
        return;
    }
    let caught = tally.invalid + tally.proved + tally.undecided;
    assert!(
        caught * 100 >= tally.made * 50,
        "only {caught} of {} changes are caught",
        tally.made
    );
    assert!(
        harmless * 100 <= tally.made * 48,
        "{harmless} of {} changes are called harmless",
        tally.made
    );
    // Flows that miss what the proof finds would call anything harmless.
    assert!(
        tally.found * 100 >= tally.sought * 75,
        "drawn flows find only {} of {} differences",
        tally.found,
        tally.sought
    );
    assert!(
        tally.unjudged.len() * 100 <= tally.made,
        "{} of {} changes that the proof allows are not understood by the interpreter: {}",
        tally.unjudged.len(),
        tally.made,
        tally.unjudged[0]
    );
}

#[test]
fn changes_of_kubernetes_objects_are_caught() {
    mutate(Target::Kubernetes);
}

#[test]
fn changes_of_calico_objects_are_caught() {
    mutate(Target::Calico);
}

#[test]
fn changes_of_cilium_objects_are_caught() {
    mutate(Target::Cilium);
}
