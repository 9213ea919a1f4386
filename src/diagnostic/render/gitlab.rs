//! The code quality report of GitLab.

use serde::Serialize;

use super::{Fingerprints, Report, paragraph};
use crate::diagnostic::Severity;

#[derive(Serialize)]
struct Issue {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

/// A list of issues. What has no place stands at the first line of `vauban.toml`, since the format demands one.
pub(super) fn render(report: &Report<'_>) -> String {
    let mut fingerprints = Fingerprints::default();
    let issues: Vec<Issue> = report
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let place = report.primary(diagnostic);
            Issue {
                description: paragraph(diagnostic),
                check_name: diagnostic.name,
                fingerprint: fingerprints.of(report, diagnostic),
                severity: match diagnostic.severity {
                    Severity::Error => "critical",
                    Severity::Warning => "minor",
                    Severity::Note => "info",
                },
                location: Location {
                    lines: Lines {
                        begin: place.as_ref().map_or(1, |place| place.line),
                    },
                    path: place.map_or_else(|| "vauban.toml".to_owned(), |place| place.file),
                },
            }
        })
        .collect();
    super::pretty(&issues)
}
