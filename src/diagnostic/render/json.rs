//! One JSON document, for scripts.
//!
//! ```json
//! {
//!   "schema": 1,
//!   "diagnostics": [{
//!     "name": "unknown-group", "severity": "error", "message": "…",
//!     "place": {"file": "policies/books/shop.vau", "line": 7, "column": 18, "end_line": 7, "end_column": 25},
//!     "label": "not found",
//!     "labels": [{"place": {…}, "text": "declared here"}],
//!     "notes": ["…"], "help": ["…"],
//!     "fixes": [{"title": "…", "safe": true, "edits": [{"place": {…}, "text": "…"}]}],
//!     "target": "prod"
//!   }],
//!   "summary": {"errors": 1, "warnings": 0, "notes": 0}
//! }
//! ```
//! Lines and columns count from 1, columns in characters; an end is one past the last character. `place`, `label` and `target` are
//! `null` where there is none. New fields may come; the meaning of one that is there changes only with `schema`.

use serde::Serialize;

use super::{Place, Report, count};
use crate::diagnostic::Severity;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    diagnostics: Vec<Finding<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Finding<'a> {
    name: &'a str,
    severity: &'a str,
    message: &'a str,
    place: Option<Place>,
    label: Option<&'a str>,
    labels: Vec<Placed<'a>>,
    notes: &'a [String],
    help: &'a [String],
    fixes: Vec<Fix<'a>>,
    target: Option<&'a str>,
}

#[derive(Serialize)]
struct Placed<'a> {
    place: Place,
    text: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    safe: bool,
    edits: Vec<Placed<'a>>,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    notes: usize,
}

pub(super) fn render(report: &Report<'_>) -> String {
    let diagnostics = report
        .diagnostics
        .iter()
        .map(|diagnostic| Finding {
            name: diagnostic.name,
            severity: diagnostic.severity.word(),
            message: &diagnostic.message,
            place: report.primary(diagnostic),
            label: diagnostic.primary.as_ref().map(|label| label.text.as_str()),
            labels: diagnostic
                .secondary
                .iter()
                .map(|label| Placed {
                    place: report.place(label.span),
                    text: &label.text,
                })
                .collect(),
            notes: &diagnostic.notes,
            help: &diagnostic.help,
            fixes: diagnostic
                .fixes
                .iter()
                .map(|fix| Fix {
                    title: &fix.title,
                    safe: fix.safe,
                    edits: fix
                        .edits
                        .iter()
                        .map(|edit| Placed {
                            place: report.place(edit.span),
                            text: &edit.text,
                        })
                        .collect(),
                })
                .collect(),
            target: diagnostic.target.as_deref(),
        })
        .collect();
    let document = Document {
        schema: 1,
        diagnostics,
        summary: Summary {
            errors: count(report.diagnostics, Severity::Error),
            warnings: count(report.diagnostics, Severity::Warning),
            notes: count(report.diagnostics, Severity::Note),
        },
    };
    super::pretty(&document)
}
