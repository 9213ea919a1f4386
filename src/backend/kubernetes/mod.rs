//! networking.k8s.io/v1 NetworkPolicy.
//!
//! Takes: a program and a target. Gives: objects whose union of allows is, for every pod of a declared namespace and every flow of TCP, UDP or SCTP
//! that is not with the pod's own node, what the program allows; or refusals. Knows nothing of files.
//!
//! One policy gives one object in each namespace where it selects pods, as far as nothing narrows the pods of its rules; what is narrowed to other
//! pods stands in further objects of the same name with a number behind a dot. An object is written only for pods that something closes: every
//! other pod is open, and an object would isolate it.

mod convert;
mod draft;
mod manifest;
pub mod read;
mod refuse;
mod report;
mod selector;
mod support;
mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use self::convert::Ground;
use self::draft::Drafts;
use self::refuse::{Outlook, refusals};
use self::report::Desk;
use self::support::Profile;
use super::lower::{self, Index, Slice, Truth, Universe};
use super::{Object, Spec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{self, Oracle, Partition};
use crate::model::Program;
use crate::space::{Direction, PortSet};

/// The objects of a program, sorted by folder and file; none if something is refused.
pub fn emit(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Vec<Object> {
    let all: Vec<usize> = (0..program.namespaces.len()).collect();
    emit_in(program, spec, &all, diagnostics)
}

/// The objects of some declared namespaces, sorted by folder and file: what [`emit`] gives for them, since a namespace's objects follow from the policies that select
/// there. Of these, none may be missing in the program. `None` if there is anything to be said.
pub fn emit_within(
    program: &Program,
    spec: &Spec,
    partitions: &[Partition],
) -> Option<Vec<Object>> {
    let declared = |partition: &Partition| match partition {
        Partition::Declared(at) => Some(*at),
        Partition::Undeclared(_) | Partition::Other => None,
    };
    let namespaces: Vec<usize> = partitions.iter().filter_map(declared).collect();
    let mut diagnostics = Diagnostics::default();
    let objects = emit_in(program, spec, &namespaces, &mut diagnostics);
    diagnostics.is_empty().then_some(objects)
}

fn emit_in(
    program: &Program,
    spec: &Spec,
    namespaces: &[usize],
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    let before = diagnostics.len();
    if refusals(program, spec, diagnostics) == Outlook::Blind {
        return Vec::new();
    }
    let refused = diagnostics.len() > before;
    let shop = Shop {
        program,
        spec,
        universe: Universe::of(&program.cluster, PortSet::transports()),
        profile: Profile::of(&program.cluster),
        index: Index::of(program),
        meaning: Arc::new(meaning::Index::new(program)),
    };
    let results: Vec<_> = namespaces
        .par_iter()
        .map(|namespace| shop.namespace(*namespace))
        .collect();
    let mut objects = Vec::new();
    let mut reported = BTreeSet::new();
    for result in results {
        match result {
            Ok(some) => objects.extend(some),
            Err(faults) => {
                for fault in faults {
                    // The same rule at fault in many namespaces is one fault.
                    let place = fault.primary.as_ref().map(|label| label.span);
                    if reported.insert((place, fault.name, fault.message.clone())) {
                        diagnostics.push(fault);
                    }
                }
            }
        }
    }
    if refused || !reported.is_empty() {
        return Vec::new();
    }
    objects.sort_by(|a, b| (&a.folder, &a.file).cmp(&(&b.folder, &b.file)));
    objects
}

/// What every namespace needs.
struct Shop<'a> {
    program: &'a Program,
    spec: &'a Spec,
    universe: Universe,
    profile: Profile,
    index: Index,
    meaning: Arc<meaning::Index<'a>>,
}

impl Shop<'_> {
    /// The objects of one namespace.
    fn namespace(&self, at: usize) -> Result<Vec<Object>, Vec<Diagnostic>> {
        let home = &self.program.namespaces[at];
        let desk = Desk {
            program: self.program,
            spec: self.spec,
            namespace: &home.name,
        };
        let mut faults = Vec::new();
        let mut drafts = Drafts::new(self.program, home);
        for direction in Direction::BOTH {
            let slice = Slice::of(self.program, &self.index, at, direction);
            if slice.is_silent() {
                continue;
            }
            let oracle = Oracle::of(&self.meaning, Partition::Declared(at), direction);
            let lowered = oracle
                .map_err(lower::Trouble::from)
                .and_then(|oracle| lower::lower(&slice, &mut Truth::new(oracle, &self.universe)));
            let lowered = match lowered {
                Ok(lowered) => lowered,
                Err(trouble) => {
                    faults.extend(desk.trouble(trouble, home.span));
                    continue;
                }
            };
            for (site, subject) in &lowered.isolated {
                for pods in subject {
                    drafts.isolate(*site, pods, direction);
                }
            }
            let ground = Ground {
                cluster: &self.program.cluster,
                namespaces: &self.program.namespaces,
                profile: self.profile,
                universe: &self.universe,
                own: &home.name,
                direction,
            };
            for narrowed in &lowered.allowed {
                for flows in &narrowed.boxes {
                    match convert::rules(flows, ground) {
                        Ok(said) => drafts.allow(narrowed, &flows.subject, direction, said),
                        Err(obstacle) => {
                            faults.push(desk.obstacle(
                                narrowed.origin,
                                &narrowed.blockers,
                                obstacle,
                            ));
                            break;
                        }
                    }
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        drafts.objects(desk)
    }
}
