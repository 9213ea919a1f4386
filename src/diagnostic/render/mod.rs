//! How diagnostics look: to people, and to the machines that show them to people.
//!
//! Takes: sorted diagnostics and the files they point into. Gives: text. Knows nothing of terminals or files; whether there are
//! colors is said to it.

mod github;
mod gitlab;
mod json;
mod sarif;
mod text;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Diagnostic, Severity};
use crate::source::{FileId, Sources, Span};

/// What is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The files that the diagnostics point into.
    pub sources: &'a Sources,
    /// The source folder relative to the project, with a slash at its end; empty if it is the project itself.
    pub prefix: &'a str,
    /// The diagnostics, in the order in which they are shown.
    pub diagnostics: &'a [Diagnostic],
}

/// The formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people, without or with the escapes that color a terminal.
    Text(Color),
    /// One document with an object for each diagnostic: `{"schema": 1, "diagnostics": […], "summary": {…}}`.
    Json,
    /// SARIF 2.1.0: code scanning of GitHub and others.
    Sarif,
    /// Workflow commands of GitHub Actions: annotations of a pull request.
    Github,
    /// The code quality report of GitLab.
    Gitlab,
}

/// Whether text is colored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Color {
    /// Plain text.
    Never,
    /// With ANSI escapes.
    Ansi,
}

/// Renders a report; text that is not empty ends in a line break.
pub fn render(report: &Report<'_>, format: Format) -> String {
    match format {
        Format::Text(color) => text::render(report, color),
        Format::Json => json::render(report),
        Format::Sarif => sarif::render(report),
        Format::Github => github::render(report),
        Format::Gitlab => gitlab::render(report),
    }
}

/// How many there are of each severity: `2 errors, 1 warning`; empty if there are none.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let count = count(diagnostics, severity);
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", severity.word()))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .count()
}

/// A place as people and tools name it: lines and columns from 1, columns in characters; the end is one past the last character.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
struct Place {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl Report<'_> {
    /// A file's path relative to the project; `std/…` for the standard library. `vauban.toml`, which is no source, lies in no source folder,
    /// nor does what lies on no disk: `<question>.vau`.
    pub fn path(&self, file: FileId) -> String {
        let source = self.sources.get(file);
        let path = &source.path;
        if path.starts_with("std/") || source.is_beside() || &**path == "vauban.toml" {
            return path.to_string();
        }
        let (mut folder, mut path) = (self.prefix.trim_end_matches('/'), &**path);
        while let Some(outer) = path.strip_prefix("../").filter(|_| !folder.is_empty()) {
            folder = folder.rsplit_once('/').map_or("", |(outer, _)| outer);
            path = outer;
        }
        match folder {
            "" => path.to_owned(),
            folder => format!("{folder}/{path}"),
        }
    }

    fn place(&self, span: Span) -> Place {
        let source = self.sources.get(span.file);
        let (line, column) = source.line_column(span.start);
        let (end_line, end_column) = source.line_column(span.end.max(span.start));
        Place {
            file: self.path(span.file),
            line,
            column,
            end_line,
            end_column,
        }
    }

    /// The place of a diagnostic's primary label.
    fn primary(&self, diagnostic: &Diagnostic) -> Option<Place> {
        diagnostic
            .primary
            .as_ref()
            .map(|label| self.place(label.span))
    }
}

/// Names findings stably: by what is wrong, the file, and the text of its line, so that they survive the lines around them.
#[derive(Default)]
struct Fingerprints {
    seen: BTreeMap<String, u32>,
}

impl Fingerprints {
    /// The name of a finding; each call gives another one.
    fn of(&mut self, report: &Report<'_>, diagnostic: &Diagnostic) -> String {
        let (file, line) = match &diagnostic.primary {
            Some(label) => {
                let source = report.sources.get(label.span.file);
                let line = source.line(label.span.start) as usize;
                let text = source
                    .line_range(line.saturating_sub(1))
                    .and_then(|range| source.text.get(range))
                    .unwrap_or_default();
                (report.path(label.span.file), text.trim())
            }
            None => (String::new(), diagnostic.message.as_str()),
        };
        let target = diagnostic.target.as_deref().unwrap_or_default();
        let digest = Sha256::digest([diagnostic.name, target, &file, line].join("\0").as_bytes());
        let hash: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let nth = self.seen.entry(hash.clone()).or_insert(0);
        *nth += 1;
        format!("{hash}:{nth}")
    }
}

/// Everything that a diagnostic says beside its message, for formats that have room for one text only.
fn paragraph(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    if let Some(label) = diagnostic
        .primary
        .as_ref()
        .filter(|label| !label.text.is_empty())
    {
        text += &format!(" ({})", label.text);
    }
    for note in &diagnostic.notes {
        text += &format!("\nnote: {note}");
    }
    for help in &diagnostic.help {
        text += &format!("\nhelp: {help}");
    }
    if let Some(target) = &diagnostic.target {
        text += &format!("\ntarget: {target}");
    }
    text
}

/// A document of strings, numbers and lists, indented, with a line break at its end.
fn pretty(document: &impl serde::Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(document).expect("strings, numbers and lists are always JSON");
    text.push('\n');
    text
}
