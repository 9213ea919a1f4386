//! Teams, tests, guards, hand-written manifests and targets.

use smol_str::SmolStr;

use crate::source::Span;
use crate::space::{EndpointSet, PortSet, ValueSet};

/// A team.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Team {
    /// Its name.
    pub name: SmolStr,
    /// Its owners as written: `@acme/books`, mail addresses.
    pub owners: Vec<SmolStr>,
    /// Its folder, relative; empty for the root.
    pub folder: SmolStr,
    /// The names of its namespaces.
    pub namespaces: ValueSet,
    /// `grants all`
    pub all: bool,
    /// Where it is declared.
    pub span: Span,
}

/// A test or a guard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// What it is for.
    pub name: SmolStr,
    /// The folder (module) it stands in; empty for the root.
    pub folder: SmolStr,
    /// The statements.
    pub checks: Vec<Check>,
    /// Where.
    pub span: Span,
}

/// What a check claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Every flow of the ends as written gets through.
    Can,
    /// Every flow of all pods that could exist gets through.
    CanEvery,
    /// No flow gets through.
    Cannot,
}

/// One statement: flows from `from` to one of the (ends, ports) of `to`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What it claims.
    pub verb: Verb,
    /// Who opens the connection.
    pub from: EndpointSet,
    /// To whom, on which ports.
    pub to: Vec<(EndpointSet, PortSet)>,
    /// Where.
    pub span: Span,
}

/// Manifests written by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// Whose they are.
    pub backend: Target,
    /// The file, relative to the source folder.
    pub path: SmolStr,
    /// Its text.
    pub text: std::sync::Arc<str>,
    /// The team that owns it, or `root`.
    pub owner: SmolStr,
    /// The word `overlaps`.
    pub overlaps: bool,
    /// Where it is declared.
    pub span: Span,
}

/// The kinds of target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Target {
    /// networking.k8s.io/v1 NetworkPolicy
    Kubernetes,
    /// projectcalico.org/v3
    Calico,
    /// cilium.io/v2
    Cilium,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 3] = [Target::Kubernetes, Target::Calico, Target::Cilium];

    /// Its word in `vauban.toml` and in `raw`.
    pub fn word(self) -> &'static str {
        match self {
            Target::Kubernetes => "kubernetes",
            Target::Calico => "calico",
            Target::Cilium => "cilium",
        }
    }
}
