//! What a question is asked of.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::backend::Spec;
use crate::backend::read::{Reading, Unread};
use crate::model::Program;
use crate::prove::Universe;
use crate::source::{Sources, Span};

/// Where a side comes from: it decides how those who decide are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A project: tiers, policies and rules are those of its text.
    Project,
    /// Manifests: a policy is an object, a rule is one of the object's.
    Manifests,
}

/// Everything that decides on one cluster, and what is known of it.
#[derive(Clone, Debug)]
pub struct Side {
    /// As the one who asks has named it: `examples/bookstore for prod`, `deploy/prod`.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it runs on.
    pub spec: Spec,
    /// What is decided.
    pub program: Arc<Program>,
    /// The flows of which nothing is decided, since a part was not understood: no fewer. Empty for a project without hand-written manifests.
    pub unread: Vec<Unread>,
    /// Of manifests, for each policy, how far its author has put it behind others of its tier; empty for a project, whose order is all in its program.
    pub ranks: Vec<u32>,
    /// The flows that it can be held to.
    pub universe: Universe,
    /// The files that places point into.
    pub sources: Arc<Sources>,
    /// What comes before the path of a file of [`Side::sources`] when it is shown: `policies/`, or nothing.
    pub prefix: String,
    /// What was taken to be so and not said by who asked, one sentence each: every answer shows them.
    pub assumed: Vec<String>,
}

impl Side {
    /// What a project says for one of its targets, on that target's universe, where nothing is written by hand. It has no prefix and assumes nothing.
    pub fn of_project(
        name: impl Into<String>,
        spec: Spec,
        program: Arc<Program>,
        sources: Sources,
    ) -> Self {
        Side {
            name: name.into(),
            origin: Origin::Project,
            universe: Universe::of(&spec, &program),
            spec,
            program,
            unread: Vec::new(),
            ranks: Vec::new(),
            sources: Arc::new(sources),
            prefix: String::new(),
            assumed: Vec::new(),
        }
    }

    /// What was read of manifests, whoever wrote them, on the universe of such. It has no prefix and assumes nothing.
    pub fn of_manifests(
        name: impl Into<String>,
        spec: Spec,
        reading: Reading,
        sources: Arc<Sources>,
    ) -> Self {
        Side {
            name: name.into(),
            origin: Origin::Manifests,
            universe: Universe::of_manifests(&spec, &reading.program),
            spec,
            program: Arc::new(reading.program),
            unread: reading.unread,
            ranks: reading.ranks,
            sources,
            prefix: String::new(),
            assumed: Vec::new(),
        }
    }

    /// The place of a span as people are shown it: `books/web.vau:12`.
    pub fn place(&self, span: Span) -> SmolStr {
        let source = self.sources.get(span.file);
        // The standard library, and what lies on no disk, is in no folder of the project.
        let prefix = match source.path.starts_with("std/") || source.is_beside() {
            true => "",
            false => &self.prefix,
        };
        format!("{prefix}{}:{}", source.path, source.line(span.start)).into()
    }
}
