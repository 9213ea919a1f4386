//! A generated program, compiled and prepared for questions.

use std::collections::BTreeMap;

use vauban::analyze::Side;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, Prove, TargetInput, compile};
use vauban::model::Target;
use vauban::source::MemoryWorld;

use super::programs::{self, Size};

/// The side of a project with so many namespaces, for Calico.
pub(crate) fn side(namespaces: usize) -> Side {
    let spec = Spec {
        name: "t".into(),
        backend: Target::Calico,
        version: (3, 30),
        log: LogPolicy::Refuse,
    };
    let world = MemoryWorld {
        files: programs::program(Size { namespaces })
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    };
    let compiled = compile(&Input {
        world: &world,
        project: "bench".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![TargetInput {
            spec: spec.clone(),
            cluster: None,
            without: Vec::new(),
            namespaces: Vec::new(),
        }],
        lints: BTreeMap::new(),
        proof: Prove::Nothing,
    });
    assert!(
        !compiled.has_errors(),
        "the program of the bench has errors"
    );
    let program = compiled.targets[0].program.clone().unwrap();
    Side::of_project("bench", spec, program, compiled.sources)
}
