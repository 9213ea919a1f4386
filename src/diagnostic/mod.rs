//! What we say to people.
//!
//! Takes: facts from the passes. Gives: [`Diagnostic`]s with a name, places, a reason and one way out, collected
//! in a sink ([`Diagnostics`]) so that one run reports every error of every file. Rendering lives in the
//! sub-modules; no pass above knows how a diagnostic looks.

pub mod lints;
mod nearest;
pub mod registry;
pub mod render;

use std::sync::Arc;

use crate::source::Span;

pub use nearest::nearest;

/// How bad it is. Errors stop emission; the others never do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// Worth a look; exit code stays 0.
    Warning,
    /// A fact that the reader may want to know.
    Note,
}

impl Severity {
    /// `error`, `warning`, `note`
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A place and at most six words on what is wrong there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty.
    pub text: String,
}

/// One replacement of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// A way out that a tool can take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What it does, as an imperative.
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it keeps the meaning of what is there.
    pub safe: bool,
}

/// One fault, one report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Kebab-case name of the fault; `vauban explain NAME` prints its page `book/src/errors/NAME.md`.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// One line, lower case, no full stop, the user's words in back-ticks, no advice.
    pub message: String,
    /// What is wrong here. Absent only where no file is to blame (`vauban.toml` has its own).
    pub primary: Option<Label>,
    /// The other parties.
    pub secondary: Vec<Label>,
    /// Reasons; a semantic failure shows its concrete flow here, on a line of its own.
    pub notes: Vec<String>,
    /// One imperative, or one "did you mean".
    pub help: Vec<String>,
    /// What a tool can do about it.
    pub fixes: Vec<Fix>,
    /// The target it speaks about, where one does.
    pub target: Option<Arc<str>>,
}

impl Diagnostic {
    fn new(severity: Severity, name: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            name,
            severity,
            message: message.into(),
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
            target: None,
        }
    }

    /// An error.
    pub fn error(name: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Error, name, message)
    }

    /// A warning.
    pub fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Warning, name, message)
    }

    /// A note.
    pub fn note(name: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Note, name, message)
    }

    /// Says where it is, and in at most six words what is wrong there.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Points at another party.
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Gives a reason.
    pub fn because(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Gives a way out.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Gives a way out that a tool can take.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Says which target it speaks about.
    pub fn on_target(mut self, target: &str) -> Self {
        self.target = Some(target.into());
        self
    }
}

/// The sink that every pass writes to.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Takes one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.all.push(diagnostic);
    }

    /// Takes all of another sink.
    pub fn extend(&mut self, other: Diagnostics) {
        self.all.extend(other.all);
    }

    /// Whether an error is among them.
    pub fn has_errors(&self) -> bool {
        self.all
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Changes or drops each of them, as the levels of lints do.
    pub fn revise(&mut self, revise: impl FnMut(Diagnostic) -> Option<Diagnostic>) {
        self.all = std::mem::take(&mut self.all)
            .into_iter()
            .filter_map(revise)
            .collect();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// All of them, sorted by place, then severity and name; the same fault reported for several targets or
    /// epochs comes once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        let key = |d: &Diagnostic| {
            (
                d.primary.as_ref().map(|label| label.span),
                d.severity,
                d.name,
                d.message.clone(),
                d.target.clone(),
            )
        };
        self.all.sort_by_cached_key(key);
        self.all.dedup_by(|a, b| {
            a.name == b.name
                && a.message == b.message
                && a.target == b.target
                && a.primary.as_ref().map(|l| l.span) == b.primary.as_ref().map(|l| l.span)
        });
        self.all
    }
}
