//! Manifests to policies, by the rules of the target.
//!
//! Takes: the text of manifests, ours or anybody's. Gives: a [`Reading`]: the same kind of [`Program`] that a text of ours gives, so that one algebra
//! answers for both, and the parts that could not be understood. Knows nothing of the emitters: each reader was written from its target's
//! documents, which is what makes a proof a second opinion.
//!
//! Bottom up: [`yaml`] reads a text as the API server would (and [`block`], quicker, what we write ourselves), [`document`] finds the objects in it and their fields, [`files`] those of a whole folder, each target's `read` makes
//! [`chain`]'s tiers of them, and a [`chain::Chain`] becomes a program.

pub mod block;
pub mod chain;
pub mod document;
pub mod files;
pub mod yaml;

use std::borrow::Cow;

use smol_str::SmolStr;

use super::{calico, cilium, kubernetes};
use crate::diagnostic::Diagnostics;
use crate::model::{Cluster, Namespace, Program, Target};
use crate::source::Span;
use crate::space::{Direction, FlowBox};

/// What a reader may know of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The version of the target, `(3, 30)` for `3.30`.
    pub version: (u16, u16),
    /// Facts.
    pub cluster: &'c Cluster,
    /// The namespaces whose labels are known, sorted by name.
    pub namespaces: &'c [Namespace],
    /// What a CIDR can mean beside outside addresses.
    pub cidr: Cidr,
}

/// What a CIDR of a manifest can mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cidr {
    /// What the target makes of it, by its documents and the cluster's facts: what these leave open is not decided.
    AsTarget,
    /// Addresses that are neither pod nor node.
    Outside,
    /// Any address; pods by the cluster's ranges.
    Any,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is understood.
    pub program: Program,
    /// What is not: on these flows nothing is decided.
    pub unread: Vec<Unread>,
    /// For each policy of the program, how far its author has put it behind others of its tier: see [`chain::ReadTier::ranks`].
    pub ranks: Vec<u32>,
}

/// A part that was not understood, and the flows that it could decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// The object, as people name it: `NetworkPolicy shop/web`.
    pub object: SmolStr,
    /// Whose end it could decide.
    pub direction: Direction,
    /// The flows: no fewer than it can decide.
    pub flows: Vec<FlowBox>,
    /// Why, as the rest of a sentence: `cidr 10.244.3.0/24 holds some of the pods' addresses`.
    pub why: String,
    /// Where.
    pub span: Span,
}

/// What the manifests of a cluster that runs a target decide. What is invalid is reported, and is not in the reading. Documents that are given away are
/// dropped while they are read, as far as that is possible: they are larger than what is read of them.
pub fn read<'d>(
    target: Target,
    documents: impl Into<Cow<'d, [document::Document]>>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Reading {
    match target {
        Target::Kubernetes => kubernetes::read::read(&documents.into(), context, diagnostics),
        Target::Calico => calico::read::read(documents, context, diagnostics),
        Target::Cilium => cilium::read::read(&documents.into(), context, diagnostics),
    }
}
