//! Programs made to be hard end in an answer, or in an error that names the rules that ask too much. `cargo bench` measures greater ones.
#![allow(clippy::panic, reason = "a test fails by panicking")]

#[path = "../benches/adversaries.rs"]
mod adversaries;

use adversaries::{Adversary, adversaries};
use time::macros::date;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{self, Compilation, Input, Prove, TargetInput};
use vauban::diagnostic::Severity;
use vauban::model::Target;
use vauban::source::MemoryWorld;

/// Errors that an adversary may end in: each says what was too much.
const REFUSALS: [&str; 3] = [
    "lowering-too-large",
    "proof-too-large",
    "too-many-combinations",
];

const TARGETS: [(Target, (u16, u16)); 3] = [
    (Target::Calico, (3, 30)),
    (Target::Cilium, (1, 19)),
    (Target::Kubernetes, (1, 33)),
];

fn compiled(adversary: &Adversary, (backend, version): (Target, (u16, u16))) -> Compilation {
    let target = TargetInput {
        spec: Spec {
            name: backend.word().into(),
            backend,
            version,
            log: LogPolicy::Refuse,
        },
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    };
    compile::compile(&Input {
        world: &MemoryWorld {
            files: [("main.vau".to_owned(), adversary.text.clone())].into(),
        },
        project: "adversaries".into(),
        today: date!(2026 - 11 - 24),
        targets: vec![target],
        lints: Default::default(),
        proof: Prove::Everything,
    })
}

/// Compiles all adversaries of a size, and gives how many were refused.
fn refused(size: usize) -> usize {
    let mut refused = 0;
    for adversary in adversaries(size) {
        for target in TARGETS {
            let compilation = compiled(&adversary, target);
            let what = format!("{} of {size} for {}", adversary.name, target.0.word());
            let errors: Vec<_> = compilation
                .diagnostics
                .iter()
                .filter(|one| one.severity == Severity::Error)
                .collect();
            for error in &errors {
                assert!(REFUSALS.contains(&error.name), "{what}: {}", error.message);
                let places = error.primary.iter().chain(&error.secondary);
                let names_a_rule = places
                    .map(|label| compilation.sources.get(label.span.file).slice(label.span))
                    .any(|text| text.starts_with("allow ") || text.starts_with("deny "));
                assert!(names_a_rule, "{what}: {} points at no rule", error.message);
            }
            let objects = &compilation.targets[0].objects;
            assert_eq!(errors.is_empty(), !objects.is_empty(), "{what}");
            refused += usize::from(!errors.is_empty());
        }
    }
    refused
}

#[test]
fn small_adversaries_are_answered() {
    assert_eq!(refused(6), 0);
}

#[test]
fn greater_adversaries_are_answered_or_refused_by_name() {
    let refused = refused(40);
    assert!(refused > 0, "the adversaries are not hard");
    assert!(refused < 21, "nothing is answered");
}
