//! Workflow commands of GitHub Actions, which become annotations of a pull request.

use std::fmt::Write;

use super::{Report, paragraph};
use crate::diagnostic::Severity;

/// One line per diagnostic: `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=NAME::TEXT`.
pub(super) fn render(report: &Report<'_>) -> String {
    let mut out = String::new();
    for diagnostic in report.diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        write!(out, "::{command} ").expect("a string can be written");
        if let Some(place) = report.primary(diagnostic) {
            write!(out, "file={},line={}", property(&place.file), place.line)
                .expect("a string can be written");
            write!(out, ",endLine={}", place.end_line).expect("a string can be written");
            // Columns are understood only within one line.
            if place.line == place.end_line {
                let (column, end) = (place.column, place.end_column.max(place.column));
                write!(out, ",col={column},endColumn={end}").expect("a string can be written");
            }
            out.push(',');
        }
        writeln!(
            out,
            "title={}::{}",
            property(diagnostic.name),
            message(&paragraph(diagnostic))
        )
        .expect("a string can be written");
    }
    out
}

/// So that no text of a user can end the command and begin another one.
fn message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
