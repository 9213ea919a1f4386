//! What is printed, where, and in which colors.

use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;

use super::args::{ColorChoice, FormatChoice, Shared};
use super::{Failure, Stop};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::{Color, Format, Report, render};
use crate::source::Sources;

/// Standard output and standard error.
pub(crate) struct Console {
    format: FormatChoice,
    color: ColorChoice,
}

impl Console {
    pub(crate) fn new(shared: &Shared) -> Self {
        Console {
            format: shared.format,
            color: shared.color,
        }
    }

    /// Whether findings are for people: then other things are said to them, too.
    pub(crate) fn is_text(&self) -> bool {
        self.format == FormatChoice::Text
    }

    /// Whether findings are one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.format == FormatChoice::Json
    }

    /// Reports findings: text to standard error, anything else, even if there are none, to standard output.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn report(
        &self,
        sources: &Sources,
        prefix: &str,
        diagnostics: &[Diagnostic],
    ) -> Result<(), Stop> {
        let report = Report {
            sources,
            prefix,
            diagnostics,
        };
        let format = match self.format {
            FormatChoice::Text | FormatChoice::Junit => {
                self.complain(&render(&report, Format::Text(self.error_color())));
                return Ok(());
            }
            FormatChoice::Json => Format::Json,
            FormatChoice::Sarif => Format::Sarif,
            FormatChoice::Github => Format::Github,
            FormatChoice::Gitlab => Format::Gitlab,
        };
        self.print(&render(&report, format))
    }

    /// Reports findings beside other output, which has standard output for itself.
    pub(crate) fn report_aside(&self, report: &Report<'_>) {
        self.complain(&render(report, Format::Text(self.error_color())));
    }

    fn error_color(&self) -> Color {
        let colored = match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
        };
        if colored { Color::Ansi } else { Color::Never }
    }

    /// Writes to standard output. That a reader has gone away is no failure.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn print(&self, text: &str) -> Result<(), Stop> {
        self.stream(text.as_bytes()).map(drop)
    }

    /// Writes a part of a stream to standard output. Gives whether somebody still reads it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn stream(&self, part: &[u8]) -> Result<bool, Stop> {
        let mut out = io::stdout().lock();
        match out.write_all(part).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::of("standard output", &error).into()),
        }
    }

    /// Says a sentence to people, on standard error.
    pub(crate) fn say(&self, sentence: &str) {
        self.complain(&format!("{sentence}\n"));
    }

    fn complain(&self, text: &str) {
        // Nobody is left to be told if this cannot be printed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Shows what is being done, until the value is dropped: on a terminal only.
    pub(crate) fn progress(&self, what: &str) -> Progress {
        let shown = io::stderr().is_terminal();
        if shown {
            self.complain(&format!("{what} …"));
        }
        Progress { shown }
    }
}

/// A line on the terminal that goes away.
pub(crate) struct Progress {
    shown: bool,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            // To the line's start, and erase it.
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}
