//! For people. The only file that names codespan.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::{Error, Files};
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{self, Config};

use super::{Color, Report, summary};
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::FileId;

/// Each diagnostic with its place in the text, and a line that counts them.
pub(super) fn render(report: &Report<'_>, color: Color) -> String {
    let files = Shown::new(report);
    let config = Config::default();
    let mut out = String::new();
    for diagnostic in report.diagnostics {
        let mut buffer = match color {
            Color::Never => Buffer::no_color(),
            Color::Ansi => Buffer::ansi(),
        };
        term::emit_to_write_style(&mut buffer, &config, &files, &shown(report, diagnostic))
            .expect("spans lie in files that the report holds, and memory can be written");
        for line in String::from_utf8_lossy(buffer.as_slice()).lines() {
            if !is_empty_gutter(line) {
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
    }
    let summary = summary(report.diagnostics);
    if !summary.is_empty() {
        out.push_str(&summary);
        out.push('\n');
    }
    out
}

/// Longer lines, in bytes, are not shown: nobody reads them, and a file of one line and many faults would fill the disk.
const LONGEST_LINE: usize = 2000;

fn shown(report: &Report<'_>, diagnostic: &Diagnostic) -> codespan::Diagnostic<FileId> {
    let on_long_line = |label: &&Label| {
        let source = report.sources.get(label.span.file);
        let line = source.line(label.span.start) as usize;
        source
            .line_range(line.saturating_sub(1))
            .is_some_and(|range| range.len() > LONGEST_LINE)
    };
    let unshown = diagnostic
        .primary
        .as_ref()
        .filter(on_long_line)
        .map(|label| {
            let place = report.place(label.span);
            let text = printable(&label.text);
            format!("at {}:{}:{}: {text}", place.file, place.line, place.column)
        });
    let label = |style, label: &Label| {
        codespan::Label::new(style, label.span.file, label.span.range())
            .with_message(printable(&label.text))
    };
    let labels = diagnostic
        .primary
        .iter()
        .filter(|label| !on_long_line(label))
        .map(|primary| label(codespan::LabelStyle::Primary, primary))
        .chain(
            diagnostic
                .secondary
                .iter()
                .filter(|label| !on_long_line(label))
                .map(|secondary| label(codespan::LabelStyle::Secondary, secondary)),
        )
        .collect();
    let notes = unshown
        .into_iter()
        .chain(
            diagnostic
                .notes
                .iter()
                .map(|note| format!("note: {}", printable(note))),
        )
        .chain(
            diagnostic
                .help
                .iter()
                .map(|help| format!("help: {}", printable(help))),
        )
        .chain(
            diagnostic
                .target
                .iter()
                .map(|target| format!("target: {}", printable(target))),
        )
        .collect();
    let severity = match diagnostic.severity {
        Severity::Error => codespan::Severity::Error,
        Severity::Warning => codespan::Severity::Warning,
        Severity::Note => codespan::Severity::Note,
    };
    codespan::Diagnostic::new(severity)
        .with_code(diagnostic.name)
        .with_message(printable(&diagnostic.message))
        .with_labels(labels)
        .with_notes(notes)
}

/// Whether a line, escapes aside, is only the bar between line numbers and text: it says nothing.
fn is_empty_gutter(line: &str) -> bool {
    if !line.contains('│') {
        return false;
    }
    let mut rest = line;
    let mut bare = String::new();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare.trim() == "│"
}

/// Whether a character could move the cursor or turn the text around.
fn is_dangerous(char: char) -> bool {
    (char.is_control() && char != '\n' && char != '\t' && char != '\r')
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with such characters replaced by others of the same length in bytes, so that offsets stay.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let harmless = |char: char| match char.len_utf8() {
        _ if !is_dangerous(char) => char,
        1 => '?',
        2 => '¿',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(harmless).collect())
}

/// The report's files as codespan wants to see them.
struct Shown<'a> {
    report: &'a Report<'a>,
    texts: BTreeMap<FileId, Cow<'a, str>>,
}

impl<'a> Shown<'a> {
    fn new(report: &'a Report<'a>) -> Self {
        let named = report.diagnostics.iter().flat_map(|diagnostic| {
            diagnostic
                .primary
                .iter()
                .chain(&diagnostic.secondary)
                .map(|label| label.span.file)
        });
        let mut texts = BTreeMap::new();
        for file in named {
            texts
                .entry(file)
                .or_insert_with(|| printable(&report.sources.get(file).text));
        }
        Shown { report, texts }
    }
}

impl<'a> Files<'a> for Shown<'a> {
    type FileId = FileId;
    type Name = String;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<String, Error> {
        Ok(self.report.path(id))
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.texts
            .get(&id)
            .map(AsRef::as_ref)
            .ok_or(Error::FileMissing)
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        let source = self.report.sources.get(id);
        Ok(source.line(byte_index.min(source.text.len()) as u32) as usize - 1)
    }

    fn line_range(&'a self, id: FileId, line: usize) -> Result<Range<usize>, Error> {
        let source = self.report.sources.get(id);
        source.line_range(line).ok_or(Error::LineTooLarge {
            given: line,
            max: source.lines(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Sources, Span};

    fn report(text: &str, diagnostic: impl FnOnce(FileId) -> Diagnostic, color: Color) -> String {
        let mut sources = Sources::default();
        let file = sources.add("books/shop.vau", text);
        let diagnostics = [diagnostic(file)];
        render(
            &Report {
                sources: &sources,
                prefix: "policies/",
                diagnostics: &diagnostics,
            },
            color,
        )
    }

    #[test]
    fn a_diagnostic_looks_as_the_book_says() {
        let text = report(
            "// one\nallow web from backned\n",
            |file| {
                Diagnostic::error("unknown-group", "no group named `backned` in scope")
                    .at(Span::new(file, 22, 29), "not found")
                    .help("did you mean `backend`?")
            },
            Color::Never,
        );
        assert_eq!(
            text,
            "\
error[unknown-group]: no group named `backned` in scope
  ┌─ policies/books/shop.vau:2:16
2 │ allow web from backned
  │                ^^^^^^^ not found
  = help: did you mean `backend`?

1 error
"
        );
    }

    #[test]
    fn no_byte_of_a_source_reaches_the_terminal_as_an_escape() {
        let text = report(
            "a\u{1b}[31mb\u{202e}c\u{85}",
            |file| {
                Diagnostic::warning("odd", "a `\u{1b}[2J`")
                    .at(Span::new(file, 0, 1), "x\u{7}")
                    .because("y\u{9b}")
            },
            Color::Never,
        );
        assert!(!text.contains(is_dangerous), "{text:?}");
        assert!(text.contains("a?[31mb\u{fffd}c¿"), "{text:?}");
    }

    #[test]
    fn colors_do_not_bring_empty_gutters_back() {
        let at = |file| Diagnostic::note("odd", "x").at(Span::new(file, 0, 1), "y");
        let plain = report("a", at, Color::Never);
        let colored = report("a", at, Color::Ansi);
        assert_eq!(plain.lines().count(), colored.lines().count(), "{colored}");
    }

    #[test]
    fn a_line_that_nobody_reads_is_named_and_not_shown() {
        let text = report(
            &"x".repeat(100_000),
            |file| {
                Diagnostic::error("odd", "x")
                    .at(Span::new(file, 9, 10), "here")
                    .and(Span::new(file, 1, 2), "there")
            },
            Color::Never,
        );
        assert_eq!(
            text,
            "error[odd]: x\n = at policies/books/shop.vau:1:10: here\n\n1 error\n"
        );
    }

    #[test]
    fn a_span_past_the_end_is_shown_at_the_end() {
        let text = report(
            "ab",
            |file| Diagnostic::note("odd", "x").at(Span::new(file, 1, 90), "y"),
            Color::Never,
        );
        assert!(text.contains("shop.vau:1:2"), "{text}");
    }
}
