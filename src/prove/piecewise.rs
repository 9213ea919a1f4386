//! A large tree, proved some namespaces at a time.
//!
//! Takes: what a whole proof takes. Gives: whether that proof holds, as far as it can be told piece by piece; a `false` says nothing, and the whole proof finds out why. Exact:
//! a policy that has a namespace decides only flows of that namespace's pods, so that what decides there are its own policies and all that has no namespace.
//! Each piece is read from those alone, and compared with the whole program. What is read of a large tree is several times as large as its text, and
//! this way a small part of it is there at a time.

use std::collections::BTreeMap;

use rayon::prelude::*;
use smol_str::SmolStr;

use super::prove_within;
use super::target::{context, read_back};
use super::universe::Universe;
use crate::backend::read::document::Document;
use crate::backend::read::{self, Context};
use crate::backend::{Object, Spec};
use crate::diagnostic::Diagnostics;
use crate::meaning::{Index, Partition};
use crate::model::Program;

/// Some namespaces, and the objects in them.
#[derive(Default)]
struct Piece<'o> {
    /// Places in [`Program::namespaces`]; none for all the namespaces that are not declared.
    declared: Vec<usize>,
    objects: Vec<&'o Object>,
    /// Bytes of text.
    size: usize,
}

/// Whether objects can be read back and decide every flow of a universe as their program does, asked for about `size` bytes of the text of namespaces at a time. `None` where
/// that would be one piece.
pub fn holds_piecewise(
    program: &Program,
    spec: &Spec,
    objects: &[Object],
    universe: &Universe,
    size: usize,
) -> Option<bool> {
    let (shared, pieces) = pieces(program, objects, size)?;
    let mut faults = Diagnostics::default();
    let shared = read_back(&shared, &mut faults);
    let context = context(program, spec);
    let index = Index::new(program);
    let holds = faults.is_empty()
        && pieces
            .par_iter()
            .all(|piece| piece.holds(&index, spec, &shared, &context, universe));
    Some(holds)
}

/// What belongs to all pieces, and the pieces in order of their namespaces, the last one that of all namespaces that are not declared; `None` if all declared ones would be one.
fn pieces<'o>(
    program: &Program,
    objects: &'o [Object],
    size: usize,
) -> Option<(Vec<&'o Object>, Vec<Piece<'o>>)> {
    let mut shared = Vec::new();
    let mut by_namespace: BTreeMap<&SmolStr, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        match &object.namespace {
            Some(namespace) => by_namespace.entry(namespace).or_default().push(object),
            None => shared.push(object),
        }
    }
    let mut pieces = vec![Piece::default()];
    for (at, namespace) in program.namespaces.iter().enumerate() {
        if pieces.last().is_some_and(|piece| piece.size >= size) {
            pieces.push(Piece::default());
        }
        let own = by_namespace.remove(&namespace.name).unwrap_or_default();
        let piece = pieces.last_mut()?;
        piece.declared.push(at);
        piece.size += own.iter().map(|object| object.text.len()).sum::<usize>();
        piece.objects.extend(own);
    }
    if pieces.len() < 2 {
        return None;
    }
    pieces.push(Piece {
        objects: by_namespace.into_values().flatten().collect(),
        ..Piece::default()
    });
    Some((shared, pieces))
}

impl Piece<'_> {
    fn holds(
        &self,
        index: &Index<'_>,
        spec: &Spec,
        shared: &[Document],
        context: &Context<'_>,
        universe: &Universe,
    ) -> bool {
        let mut faults = Diagnostics::default();
        let mut documents = read_back(&self.objects, &mut faults);
        // It is the text that says where an object lies, and not who made it.
        if !documents.iter().all(|one| self.is_of(one, index.program)) {
            return false;
        }
        documents.extend_from_slice(shared);
        let reading = read::read(spec.backend, documents, context, &mut faults);
        faults.is_empty()
            && prove_within(index, &reading, universe, |partition| self.has(partition)).holds()
    }

    fn has(&self, partition: Partition) -> bool {
        match partition {
            Partition::Declared(at) => self.declared.binary_search(&at).is_ok(),
            Partition::Undeclared(_) | Partition::Other => self.declared.is_empty(),
        }
    }

    /// Whether a document decides flows of these namespaces alone.
    fn is_of(&self, document: &Document, program: &Program) -> bool {
        let Some(namespace) = document.namespace.as_ref().filter(|_| document.is_local()) else {
            return false;
        };
        let place = program
            .namespaces
            .binary_search_by(|one| one.name.cmp(namespace));
        self.has(place.map_or(Partition::Other, Partition::Declared))
    }
}
