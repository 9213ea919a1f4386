//! What each target can say of each construct, in which version and with which facts: one table.
//!
//! Takes: a construct and a [`Spec`]. Gives: what the target [`Says`] to it. The emitters ask it what a version brought, `vauban.toml` which versions there are;
//! `tests/targets.rs` compiles the example of each row for every version at which an answer changes, and makes the page of the book from it. Knows
//! nothing of programs: whether a rule can be said where it stands is the emitters' to find out.

mod table;

use std::ops::RangeInclusive;

pub use table::{Construct, TABLE};

use super::Spec;
use crate::model::Target;

/// What a target says to a construct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// It says it exactly.
    Exact,
    /// It says it exactly where the cluster states these facts, each a line of the cluster block, with an example for its value.
    Needs(&'static [&'static str]),
    /// It is refused, with the diagnostic of this name.
    Refused(&'static str),
}

/// The answers of a target, each from a minor version on, in order.
pub type Column = &'static [(u16, Says)];

/// The rows about one subject.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its heading.
    pub heading: &'static str,
    /// Its rows.
    pub rows: &'static [Row],
}

/// One construct.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which.
    pub construct: Construct,
    /// How the book names it, Markdown.
    pub words: &'static str,
    /// The statements of a policy of the tier `app` about `pods{app=front} in shop`; or declarations, if it begins with one.
    pub example: &'static str,
    /// networking.k8s.io/v1
    pub kubernetes: Column,
    /// projectcalico.org/v3
    pub calico: Column,
    /// cilium.io/v2
    pub cilium: Column,
}

impl Row {
    /// The answers of a target.
    pub fn column(&self, target: Target) -> Column {
        match target {
            Target::Kubernetes => self.kubernetes,
            Target::Calico => self.calico,
            Target::Cilium => self.cilium,
        }
    }

    /// The answer of a target in a minor version.
    pub fn says(&self, target: Target, minor: u16) -> Says {
        let column = self.column(target);
        let since = column.iter().rev().find(|(since, _)| *since <= minor);
        since.map_or(column[0].1, |(_, says)| *says)
    }
}

/// The versions that there are: the major one, and the minor ones.
pub fn versions(target: Target) -> (u16, RangeInclusive<u16>) {
    match target {
        Target::Calico => (3, 29..=33),
        Target::Cilium => (1, 17..=20),
        Target::Kubernetes => (1, 30..=37),
    }
}

/// What a target says to a construct.
pub fn says(construct: Construct, spec: &Spec) -> Says {
    let mut rows = TABLE.iter().flat_map(|section| section.rows);
    let row = rows.find(|row| row.construct == construct);
    row.expect("every construct has a row")
        .says(spec.backend, spec.version.1)
}

/// The diagnostic with which a target refuses a construct, whatever the facts.
pub fn refusal(construct: Construct, spec: &Spec) -> Option<&'static str> {
    match says(construct, spec) {
        Says::Refused(name) => Some(name),
        Says::Exact | Says::Needs(_) => None,
    }
}
