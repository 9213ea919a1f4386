//! What checking again costs after an edit of one policy, beside the first run of the same session.
//!
//! `cargo bench --bench session` edits policies of the program of 1,000 namespaces, 10,000 policies and 100,000 rules, with the proof, for Calico and for
//! Kubernetes; `cargo bench --bench session -- 100` another size.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench prints, and fails by panicking"
)]

mod input;
mod programs;

use std::time::{Duration, Instant};

use input::input;
use programs::Size;
use vauban::compile::{Prove, Session};
use vauban::model::Target;
use vauban::source::MemoryWorld;

/// The largest part of the first run that the median edit may take, at the greatest size.
const MOST: f64 = 1.0 / 50.0;
/// The size for which that is promised.
const PROMISED: usize = 1000;
/// How many policies are edited.
const EDITS: usize = 10;

/// Compiles a world and gives the time that it took, and what an edit changes: the text of all objects, summed up.
fn run(session: &mut Session, world: &MemoryWorld, target: Target) -> (Duration, u64) {
    let start = Instant::now();
    let compiled = session.compile(&input(world, &[target], Prove::Everything));
    let time = start.elapsed();
    assert!(!compiled.has_errors(), "{:?}", compiled.diagnostics.first());
    let bytes = compiled.targets[0]
        .objects
        .iter()
        .flat_map(|object| object.text.bytes());
    let sum = bytes.fold(0u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    (time, sum)
}

fn main() {
    let namespaces = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(PROMISED);
    let world = MemoryWorld {
        files: programs::program(Size { namespaces }).into_iter().collect(),
    };
    for target in [Target::Calico, Target::Kubernetes] {
        println!("{}", target.word());
        let ratio = edits(world.clone(), namespaces, target);
        if namespaces == PROMISED {
            assert!(ratio < MOST, "an edit takes more than a fiftieth");
        }
    }
}

/// Edits a world policy by policy; what the median edit takes, in times of the first run.
fn edits(mut world: MemoryWorld, namespaces: usize, target: Target) -> f64 {
    let mut session = Session::new();
    let (cold, mut before) = run(&mut session, &world, target);
    println!("first run: {:.1} ms", cold.as_secs_f64() * 1e3);
    let mut times = Vec::with_capacity(EDITS);
    for edit in 0..EDITS {
        let namespace = edit * namespaces / EDITS;
        let ending = format!("/ns-{namespace}.vau");
        let text = world
            .files
            .iter_mut()
            .find_map(|(path, text)| path.ends_with(&ending).then_some(text))
            .unwrap();
        // The second rule of the third policy is for another port.
        let at = text.find(&format!("policy p-{namespace}-2 ")).unwrap();
        let rule = at + text[at..].find("allow tcp 8").unwrap();
        text.replace_range(rule..rule + "allow tcp 8".len(), "allow tcp 9");
        let (time, after) = run(&mut session, &world, target);
        assert!(session.is_partial(), "the edit was compiled from nothing");
        assert_ne!(before, after, "the edit changed no object");
        before = after;
        println!("edit {edit}: {:.1} ms", time.as_secs_f64() * 1e3);
        times.push(time);
    }
    times.sort_unstable();
    let median = times[EDITS / 2];
    let ratio = median.as_secs_f64() / cold.as_secs_f64();
    println!(
        "median edit: {:.1} ms, 1/{:.0} of the first run",
        median.as_secs_f64() * 1e3,
        1.0 / ratio
    );
    ratio
}
