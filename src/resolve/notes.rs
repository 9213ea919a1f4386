//! What the policies of each file asked of everything else: enough to resolve the policies of some files again without those of all others.
//!
//! A policy is resolved from its own text and from declarations; it leaves three things behind: names that are used now, terms that count towards the
//! program's bound, and what is said of it. They are noted by file. That nothing else comes of the order in which names are looked at holds as long as no
//! definition is nested so deep that it could be refused from one side and not from the other: how deep they go at most is noted, too.

use std::collections::BTreeMap;

use super::scope::ItemId;
use super::{Cx, DEEPEST, MOST_TERMS};
use crate::diagnostic::Diagnostic;
use crate::source::FileId;

/// What is noted of a resolution.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    files: BTreeMap<FileId, OfFile>,
    /// How deep definitions go, each unfolded wherever it is named.
    pub(super) deepest: usize,
}

/// What the policies of one file left behind.
#[derive(Clone, Debug, Default)]
struct OfFile {
    names: Vec<Named>,
    terms: usize,
    said: Vec<Diagnostic>,
}

/// A name that was used; the numbers are those of the declarations, whatever policies there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Named {
    Item(ItemId),
    Use(u32),
}

/// Whether a resolution is noted.
#[derive(Clone, Copy, Debug)]
pub enum Noting<'n> {
    /// It is not.
    Nothing,
    /// It is.
    All,
    /// It is, and the policies of other files than these are not among the trees: what they use is known from an earlier resolution.
    Beside(&'n Notes, &'n [FileId]),
}

impl Notes {
    /// What was said of the policies of other files than these, and of the declarations that they were the first to ask for.
    pub fn said_beside<'n>(
        &'n self,
        files: &'n [FileId],
    ) -> impl Iterator<Item = &'n Diagnostic> + 'n {
        let others = self.files.iter().filter(|(file, _)| !files.contains(file));
        others.flat_map(|(_, of)| &of.said)
    }

    /// The notes after some files were resolved again beside the others; `None` if all together could have been refused.
    pub fn with(&self, files: &[FileId], again: Notes) -> Option<Notes> {
        let mut all = self.clone();
        all.deepest = all.deepest.max(again.deepest);
        for file in files {
            all.files.remove(file);
        }
        all.files.extend(again.files);
        let terms: usize = all.files.values().map(|of| of.terms).sum();
        (all.deepest < DEEPEST && terms <= MOST_TERMS).then_some(all)
    }
}

impl Cx<'_> {
    /// Does the work for a policy of a file, and notes what it leaves behind. What is said of a policy that is left out is of no interest.
    pub(super) fn noted<T>(
        &mut self,
        file: usize,
        left_out: bool,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        if matches!(self.noting, Noting::Nothing) {
            return work(self);
        }
        let (said, terms) = (self.out.len(), self.terms);
        self.named.clear();
        let done = work(self);
        let mut names = std::mem::take(&mut self.named);
        let of = self
            .notes
            .files
            .entry(self.files[file].tree.id)
            .or_default();
        of.names.append(&mut names);
        of.names.sort_unstable();
        of.names.dedup();
        of.terms += self.terms - terms;
        if !left_out {
            of.said.extend_from_slice(&self.out[said..]);
        }
        self.named = names;
        done
    }

    /// Marks a name as used.
    pub(super) fn note_use(&mut self, name: Named) {
        match name {
            Named::Item(id) => self.item_mut(id).used = true,
            Named::Use(at) => self.uses[at as usize].used = true,
        }
        if !matches!(self.noting, Noting::Nothing) {
            self.named.push(name);
        }
    }

    /// Marks what the policies use that are not among the trees.
    pub(super) fn recall(&mut self, left_out: bool) {
        let Noting::Beside(notes, changed) = self.noting else {
            return;
        };
        for at in 0..self.files.len() {
            let id = self.files[at].tree.id;
            if self.files[at].left_out != left_out || changed.contains(&id) {
                continue;
            }
            for name in notes.files.get(&id).iter().flat_map(|of| &of.names) {
                match *name {
                    Named::Item(id) => self.item_mut(id).used = true,
                    Named::Use(at) => self.uses[at as usize].used = true,
                }
            }
        }
    }

    /// How deep the pass stands in definitions and in brackets.
    pub(super) fn level(&self) -> usize {
        self.stack.len() + self.depth
    }

    /// Notes how deep it would stand if what was worked out before were worked out here.
    pub(super) fn reach(&mut self, height: usize) {
        self.notes.deepest = self.notes.deepest.max(self.level() + height);
    }
}
