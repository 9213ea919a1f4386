//! A generated program, compiled and prepared for questions.

use std::collections::BTreeMap;

use vauban::analyze::Side;
use vauban::compile::{Prove, compile};
use vauban::model::Target;
use vauban::source::MemoryWorld;

use super::input::input;
use super::programs::{self, Size, spec};

/// The side of a project with so many namespaces, for Calico.
pub(crate) fn side(namespaces: usize) -> Side {
    let world = MemoryWorld {
        files: programs::program(Size { namespaces })
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    };
    let compiled = compile(&input(&world, &[Target::Calico], Prove::Nothing));
    assert!(
        !compiled.has_errors(),
        "the program of the bench has errors"
    );
    let program = compiled.targets[0].program.clone().unwrap();
    Side::of_project("bench", spec(Target::Calico), program, compiled.sources)
}
