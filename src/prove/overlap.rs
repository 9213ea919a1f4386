//! Hand-written policies that can select the pods of generated ones, where no order keeps the two apart.
//!
//! NetworkPolicy and Cilium have no order: a hand-written allow opens, and a deny closes, whatever is generated. On Calico a policy of a later tier cannot; one
//! of an earlier tier, or of a tier of ours, can.

use smol_str::SmolStr;

use super::report;
use crate::backend::Spec;
use crate::backend::read::Reading;
use crate::diagnostic::Diagnostics;
use crate::model::{Program, Target, inhabitant};
use crate::space::{Direction, Pods};

/// Reports each `raw` that needs the word `overlaps` and does not have it. `hand` is the reading of the hand-written manifests alone, `whole` that of all.
pub(super) fn report_overlaps(
    program: &Program,
    spec: &Spec,
    reading: &Reading,
    hand: &Reading,
    whole: &Reading,
    diagnostics: &mut Diagnostics,
) {
    let protected = protected(spec, reading, whole);
    let raws = program
        .raws
        .iter()
        .filter(|raw| raw.backend == spec.backend);
    for raw in raws.filter(|raw| !raw.overlaps) {
        let found = hand
            .program
            .policies
            .iter()
            .filter(|policy| policy.file == raw.path && !policy.staged)
            .filter(|policy| {
                let tier = &hand.program.tiers[policy.tier.0 as usize].name;
                !protected.contains(tier)
            })
            .find_map(|policy| {
                let directions = Direction::BOTH
                    .into_iter()
                    .filter(|direction| policy.block(*direction).is_some());
                directions
                    .flat_map(|direction| ours(program, direction))
                    .find_map(|(what, subject)| {
                        let pod = shared(program, &policy.subject, subject)?;
                        Some((policy.name.clone(), what, pod))
                    })
            });
        if let Some((object, what, pod)) = found {
            diagnostics.push(report::raw_overlaps(spec, raw, &object, &what, &pod));
        }
    }
}

/// Names of the tiers that decide only after all of ours.
fn protected(spec: &Spec, reading: &Reading, whole: &Reading) -> Vec<SmolStr> {
    if spec.backend != Target::Calico {
        return Vec::new();
    }
    let is_ours = |name: &SmolStr| reading.program.tiers.iter().any(|tier| tier.name == *name);
    let tiers = &whole.program.tiers;
    let after = tiers
        .iter()
        .rposition(|tier| is_ours(&tier.name))
        .map_or(0, |last| last + 1);
    tiers[after..]
        .iter()
        .map(|tier| tier.name.clone())
        .collect()
}

/// What the program has in a direction: who, and the pods that it selects.
fn ours(program: &Program, direction: Direction) -> impl Iterator<Item = (SmolStr, &[Pods])> {
    let policies = program
        .policies
        .iter()
        .filter(move |policy| !policy.staged && policy.block(direction).is_some())
        .map(|policy| {
            let name = match policy.folder.as_str() {
                "" => policy.name.clone(),
                folder => format!("{folder}.{}", policy.name).into(),
            };
            (name, policy.subject.as_slice())
        });
    let default = program
        .default
        .iter()
        .filter(move |default| default.block(direction).is_some())
        .map(|default| (SmolStr::new_static("default"), default.subject.as_slice()));
    policies.chain(default)
}

/// A pod that is in both subjects.
fn shared(program: &Program, one: &[Pods], other: &[Pods]) -> Option<String> {
    let closed = program.cluster.namespaces_closed;
    one.iter()
        .flat_map(|a| other.iter().map(move |b| a.intersect(b)))
        .filter(|both| !both.is_empty())
        .find_map(|both| inhabitant(&program.namespaces, closed, &both))
        .map(|pod| pod.to_string())
}
