//! What a bench compiles, beside the sources.

use std::collections::BTreeMap;

use vauban::compile::{Input, Prove, TargetInput};
use vauban::model::Target;
use vauban::source::MemoryWorld;

use super::programs::spec;

/// A world for some targets, on the day of the benches.
pub(crate) fn input<'w>(world: &'w MemoryWorld, targets: &[Target], proof: Prove) -> Input<'w> {
    let targets = targets.iter().map(|target| TargetInput {
        spec: spec(*target),
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    });
    Input {
        world,
        project: "bench".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: targets.collect(),
        lints: BTreeMap::new(),
        proof,
    }
}
