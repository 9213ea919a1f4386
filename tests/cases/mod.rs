//! A case of the corpus: one text that holds the files of a small project, and what is expected of it.
//!
//! - `//# key: value`: options, in lines before the first file. `target: calico 3.30` (may be repeated), `today: 2026-11-24`,
//!   `log: ignore`, `cluster: prod`, `without: folder, folder`, `namespaces: namespaces.yaml`, `level: unused-name deny`; `expect: error[name]` for what has no place.
//! - `//- books/shop.vau` begins another file; what stands before the first of them is `main.vau` in the root folder, unless it is
//!   only comments.
//! - `//~ error[unknown-group]` at the end of a line (also `warning`, `note`): a diagnostic whose primary label begins on that line.

#![allow(
    dead_code,
    unused_imports,
    clippy::panic,
    reason = "each test takes what it needs, and fails by panicking"
)]

mod compiled;

use std::fmt::Write;

pub(crate) use compiled::Aim;

use vauban::diagnostic::render::{Color, Format, Report, render};
use vauban::diagnostic::{Diagnostic, Severity};
use vauban::source::Sources;

/// One case.
pub(crate) struct Case {
    /// Path and text of each file, in the order of the case.
    pub(crate) files: Vec<(String, String)>,
    /// `//# key: value` lines, in order.
    pub(crate) options: Vec<(String, String)>,
}

impl Case {
    /// Takes the text of a case apart.
    pub(crate) fn read(text: &str) -> Case {
        let mut options = Vec::new();
        let mut files = vec![(String::from("main.vau"), String::new())];
        for line in text.split_inclusive('\n') {
            if let Some(path) = line.strip_prefix("//- ") {
                files.push((path.trim().to_owned(), String::new()));
                continue;
            }
            if let Some((key, value)) = line
                .strip_prefix("//# ")
                .and_then(|option| option.split_once(':'))
            {
                options.push((key.trim().to_owned(), value.trim().to_owned()));
            }
            let (_, file) = files.last_mut().expect("main.vau at least");
            file.push_str(line);
        }
        let only_comments = |text: &str| {
            text.lines()
                .all(|line| line.trim().is_empty() || line.starts_with("//"))
        };
        if files.len() > 1 && only_comments(&files[0].1) {
            files.remove(0);
        }
        Case { files, options }
    }

    /// The value of an option, if it is there.
    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// The files as sources, in order.
    pub(crate) fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        for (path, text) in &self.files {
            sources.add(path.as_str(), text.as_str());
        }
        sources
    }

    /// The expected diagnostics: path, line, `error[name]`.
    pub(crate) fn expected(&self) -> Vec<(String, u32, String)> {
        let mut expected: Vec<_> = self
            .options
            .iter()
            .filter(|(key, _)| key == "expect")
            .map(|(_, mark)| (String::new(), 0, mark.clone()))
            .collect();
        for (path, text) in &self.files {
            for (line, number) in text.lines().zip(1..) {
                for mark in line.split("//~").skip(1) {
                    expected.push((path.clone(), number, mark.trim().to_owned()));
                }
            }
        }
        expected.sort();
        expected
    }
}

/// The diagnostics of a run in the form of [`Case::expected`].
pub(crate) fn found(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<(String, u32, String)> {
    let mut found: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            let (path, line) = match &diagnostic.primary {
                Some(label) => {
                    let source = sources.get(label.span.file);
                    (source.path.to_string(), source.line(label.span.start))
                }
                None => (String::new(), 0),
            };
            (path, line, format!("{severity}[{}]", diagnostic.name))
        })
        .collect();
    found.sort();
    found
}

/// The diagnostics as a person reads them, without colors.
pub(crate) fn shown(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    render(
        &Report {
            sources,
            prefix: "",
            diagnostics,
        },
        Format::Text(Color::Never),
    )
}

/// What is missing from and what is too much in a run; empty if it is as expected.
pub(crate) fn difference(case: &Case, sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let expected = case.expected();
    let found = found(sources, diagnostics);
    let mut text = String::new();
    let mut rest = found.clone();
    for wanted in &expected {
        match rest.iter().position(|one| one == wanted) {
            Some(at) => drop(rest.remove(at)),
            None => writeln!(text, "missing: {}:{}: {}", wanted.0, wanted.1, wanted.2)
                .expect("a string can be written"),
        }
    }
    for (path, line, name) in rest {
        writeln!(text, "unexpected: {path}:{line}: {name}").expect("a string can be written");
    }
    if !text.is_empty() {
        text.push_str(&shown(sources, diagnostics));
    }
    text
}
