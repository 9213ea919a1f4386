//! Model to objects of a target, exact on the target's universe or refused.
//!
//! Takes: a [`Program`](crate::model::Program) and a [`Spec`]. Gives: [`Object`]s, or diagnostics at the rules that the target
//! cannot say. Knows nothing of the tree, and nothing of the files that the objects become.

pub mod calico;
pub mod cilium;
pub mod kubernetes;
pub mod lower;
pub mod metadata;
pub mod raw;
pub mod read;
pub mod support;
pub mod yaml;

mod refusal;

pub use refusal::{missing_fact, refuse};

use smol_str::SmolStr;

use crate::model::Target;
use crate::source::Span;

/// One `[[target]]` of `vauban.toml`, as far as emission needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Its name in `vauban.toml`; diagnostics carry it.
    pub name: SmolStr,
    /// What it runs.
    pub backend: Target,
    /// The declared version, `(3, 30)` for `3.30`: one of [`support::versions`].
    pub version: (u16, u16),
    /// What to do where the target has no log action.
    pub log: LogPolicy,
}

/// What to do with `log` where the target has no log action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogPolicy {
    /// Refuse the rule.
    Refuse,
    /// Leave the record away; no verdict changes.
    Ignore,
}

/// One emitted object: one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// The folder under `<out>`: the owning team, or `root`.
    pub folder: SmolStr,
    /// The file's name in it, ending in `.yaml`: unique in the folder, lower case.
    pub file: SmolStr,
    /// Where it stands in `kustomization.yaml`: lower first (tiers, then sets, then policies).
    pub rank: u8,
    /// `apiVersion`
    pub api_version: &'static str,
    /// `kind`
    pub kind: &'static str,
    /// `metadata.namespace`
    pub namespace: Option<SmolStr>,
    /// `metadata.name`
    pub name: SmolStr,
    /// The YAML document.
    pub text: String,
    /// What it was made from.
    pub sources: Vec<Origin>,
}

/// What an object was made from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// `books.bookstore-api`, `shared` for a policy of the root, `default`, `tier app`.
    pub what: SmolStr,
    /// The place; the index says file and line.
    pub span: Span,
}
