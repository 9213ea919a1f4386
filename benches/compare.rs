//! How long it takes to say whether two folders of manifests let the same through, and what they do not, beside reading both and proving one in the same run.
//!
//! `cargo bench --bench compare` measures 10, 100 and 1,000 namespaces (ten policies in each): a folder with itself, with one of which a few policies were edited, and
//! Calico's with Cilium's of one program. `cargo bench --bench compare -- 10 100` measures those.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench prints, and fails by panicking"
)]

mod input;
mod programs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use input::input;
use programs::Size;
use vauban::analyze::{Claim, Comparison, Diff, Ends, Pair, Side, align};
use vauban::backend::read::{self, Cidr, Context, Reading, files};
use vauban::backend::{Object, Spec};
use vauban::compile::{Compiled, Prove, compile};
use vauban::diagnostic::Diagnostics;
use vauban::model::{Program, Target};
use vauban::prove::{Universe, prove};
use vauban::source::{MemoryWorld, Sources};

/// From how many namespaces on the bound counts.
const COUNTS: usize = 1000;
/// How often each question is asked; the best counts.
const TIMES: usize = 3;

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// The best of several times.
fn best<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut found = timed(&mut work);
    for _ in 1..TIMES {
        let again = timed(&mut work);
        if again.1 < found.1 {
            found = again;
        }
    }
    found
}

/// The manifests of a program, for each target.
fn manifests<const N: usize>(files: Vec<(String, String)>, targets: [Target; N]) -> [Compiled; N] {
    let world = MemoryWorld {
        files: files.into_iter().collect::<BTreeMap<_, _>>(),
    };
    let compiled = compile(&input(&world, &targets, Prove::Nothing));
    assert!(
        !compiled.has_errors(),
        "the program of the bench has errors"
    );
    let Ok(compiled) = compiled.targets.try_into() else {
        panic!("one for each target");
    };
    compiled
}

/// The same program after an afternoon: in five namespaces another port, and in one a policy less.
fn edited(mut files: Vec<(String, String)>) -> Vec<(String, String)> {
    let many = files.len();
    for at in 0..5 {
        let text = &mut files[1 + at * (many - 2) / 4].1;
        *text = text.replacen(", 9090 from", ", 9191 from", 1);
    }
    let text = &mut files[many / 3].1;
    let second = text.match_indices("/// What policy").nth(1).unwrap().0;
    text.replace_range(..second, "");
    files
}

fn write(objects: &[Object], folder: &Path) {
    for object in objects {
        let folder = folder.join(object.folder.as_str());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(object.file.as_str()), &object.text).unwrap();
    }
}

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => texts(&path, found),
            false => found.push(path),
        }
    }
}

/// Reads a folder of manifests of a cluster whose facts are a program's, from the disk on.
fn read(folder: &Path, spec: &Spec, facts: &Program) -> (Reading, Sources) {
    let mut paths = Vec::new();
    texts(folder, &mut paths);
    paths.sort_unstable();
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let texts = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.display().to_string().into(), text.into())
    });
    let documents = files::load(texts, &mut sources, &mut diagnostics);
    let context = Context {
        version: spec.version,
        cluster: &facts.cluster,
        namespaces: &facts.namespaces,
        cidr: Cidr::AsTarget,
    };
    let reading = read::read(spec.backend, documents, &context, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "the manifests have faults");
    (reading, sources)
}

fn equal(sides: [&Side; 2]) -> Comparison {
    let aligned = align(sides[0], sides[1]).unwrap();
    Pair::new(&aligned).compare(Claim::Equal, Ends::Together)
}

/// What differs, and all of it in words.
fn diff(sides: [&Side; 2]) -> (Diff, String) {
    let aligned = align(sides[0], sides[1]).unwrap();
    let diff = Pair::new(&aligned).diff(sides, Ends::Together);
    let mut text = String::new();
    for change in &diff.changes {
        text += &format!("{}: {}\n", change.team, change.region);
        for who in change.deciders.iter().flatten().chain(&change.beyond) {
            text += &format!("  {who}\n");
        }
    }
    for one in &diff.isolated {
        text += &format!("{}\n", one.region);
    }
    (diff, text)
}

fn main() {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = match asked.is_empty() {
        true => vec![10, 100, 1000],
        false => asked,
    };
    println!(
        "| policies | folders | reading both, s | proof of the first, s | equal, s | diff, s | regions | equal, diff in times of reading and proof |\n|---|---|---|---|---|---|---|---|"
    );
    let mut missed = Vec::new();
    for namespaces in sizes {
        let files = programs::program(Size { namespaces });
        let [calico, cilium] = manifests(files.clone(), [Target::Calico, Target::Cilium]);
        let [changed] = manifests(edited(files), [Target::Calico]);
        let folders = tempfile::tempdir().unwrap();
        let program = calico.program.clone().unwrap();
        let opened = [
            ("calico", &calico),
            ("edited", &changed),
            ("cilium", &cilium),
        ]
        .map(|(name, compiled)| {
            let folder = folders.path().join(name);
            write(&compiled.objects, &folder);
            let ((reading, sources), time) = best(|| read(&folder, &compiled.spec, &program));
            (name, compiled, reading, sources, time)
        });
        let (proof, proving) = {
            let (_, compiled, reading, ..) = &opened[0];
            best(|| prove(&program, reading, &Universe::of(&compiled.spec, &program)))
        };
        assert!(proof.holds(), "the manifests are not the program's");
        let sides = opened.map(|(name, compiled, reading, sources, time)| {
            let side = Side::of_manifests(name, compiled.spec.clone(), reading, Arc::new(sources));
            (side, time)
        });
        let (first, reading) = &sides[0];
        for (other, time) in &sides {
            let pair = [first, other];
            let both = *reading + *time;
            let (comparison, equal) = best(|| equal(pair));
            let ((diff, text), differing) = best(|| diff(pair));
            assert_eq!(comparison.holds(), other.name != "edited");
            assert_eq!(diff.is_empty(), other.name != "edited");
            assert!(comparison.too_large.is_empty() && diff.cut.is_empty());
            assert_eq!(
                text.is_empty(),
                diff.changes.is_empty() && diff.isolated.is_empty()
            );
            let most = (both + proving).as_secs_f64();
            let parts = [equal, differing].map(|time| time.as_secs_f64() / most);
            println!(
                "| {} | {} and {} | {:.3} | {:.3} | {:.3} | {:.3} | {} | {:.2}, {:.2} |",
                program.policies.len(),
                first.name,
                other.name,
                both.as_secs_f64(),
                proving.as_secs_f64(),
                equal.as_secs_f64(),
                differing.as_secs_f64(),
                diff.changes.len(),
                parts[0],
                parts[1],
            );
            if namespaces >= COUNTS && parts.iter().any(|part| *part >= 1.0) {
                missed.push(format!("{} and {}", first.name, other.name));
            }
        }
    }
    match missed.is_empty() {
        true => println!("\nAll bounds are kept."),
        false => {
            println!("\nMissed: {}.", missed.join("; "));
            std::process::exit(1);
        }
    }
}
