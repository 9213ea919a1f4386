//! `lints-left-out`: what was not looked at, so that nobody takes silence for an answer.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::MOST_RULES;

/// What was not looked at.
#[derive(Default)]
pub(super) struct LeftOut {
    /// How many rules there are, if they are too many to compare.
    pub(super) too_many: Option<usize>,
    /// In how many namespaces and directions it is too large to say which rules are idle.
    pub(super) idle: usize,
    /// How many ends of allows were not followed to the other end.
    pub(super) half_open: usize,
    /// In how many namespaces and directions legs of forbidden pairs were not looked for.
    pub(super) meets: usize,
}

impl LeftOut {
    /// Says so.
    pub(super) fn report(&self, diagnostics: &mut Diagnostics) {
        let mut note = |message, why| {
            diagnostics.push(Diagnostic::note("lints-left-out", message).because(why));
        };
        if let Some(rules) = self.too_many {
            note(
                format!(
                    "{rules} rules are more than {MOST_RULES}: lints that compare rules were left out"
                ),
                "these are `allow-denied-above`, `half-open-flow`, `meets-through-nodes`, `redundant-deny-all`, `rule-changes-nothing`, `rule-never-decides` and `unlabelled-pods-allowed`",
            );
        }
        let combinations = "their labels and names are too many combinations";
        if self.idle > 0 {
            note(
                format!(
                    "in {} namespaces and directions no rule was compared with others",
                    self.idle
                ),
                combinations,
            );
        }
        if self.half_open > 0 {
            note(
                format!(
                    "{} ends of allows were not followed to the other end",
                    self.half_open
                ),
                "there were too many of them in one namespace, or too many combinations",
            );
        }
        if self.meets > 0 {
            note(
                format!(
                    "in {} namespaces and directions no way round a `cannot` was looked for",
                    self.meets
                ),
                combinations,
            );
        }
    }
}
