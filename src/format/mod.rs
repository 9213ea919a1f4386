//! Tree and comments to text: the one layout.
//!
//! Takes: a file that could be read whole, and its text, for what the tree does not hold: empty lines, and whether a short block was
//! written on one line. Gives: text that parses to the same tree, with every comment where it was, and that is its own layout.
//! Knows nothing of names or meaning.

mod body;
mod doc;
mod endpoint;
mod item;
mod words;

use smol_str::SmolStr;

use crate::source::{Source, Span};
use crate::syntax::{Comment, Parsed};
use doc::{Doc, Stands};

/// The text of a file in the one layout. Of a file that is broken the parts that could not be read would be missing: its text is
/// given back as it is.
pub fn format(parsed: &Parsed, source: &Source) -> String {
    if parsed.broken {
        return source.text.to_string();
    }
    let mut writer = Writer {
        text: &source.text,
        comments: parsed.trivia.comments.iter().peekable(),
        documentation: &parsed.trivia.documentation,
        out: Vec::new(),
    };
    let mut first = true;
    for item in &parsed.file.items {
        writer.lead(&item.doc, item.span, &mut first);
        writer.item(item);
    }
    writer.finish(source.text.len() as u32, &mut first);
    doc::print(&writer.out)
}

/// Builds the layout of one file, from its beginning to its end.
struct Writer<'a> {
    text: &'a str,
    /// The comments that are not placed yet.
    comments: std::iter::Peekable<std::slice::Iter<'a, Comment>>,
    /// The documentation lines that are not placed yet.
    documentation: &'a [Span],
    out: Vec<Doc>,
}

impl<'a> Writer<'a> {
    fn push(&mut self, text: impl Into<SmolStr>) {
        self.out.push(Doc::Text(text.into()));
    }

    /// A blank and a text.
    fn then(&mut self, text: impl Into<SmolStr>) {
        self.out.push(Doc::Space);
        self.push(text);
    }

    fn group(&mut self, inner: impl FnOnce(&mut Self)) {
        let inner = self.collect(inner);
        self.out.push(Doc::Group(inner));
    }

    fn indent(&mut self, steps: usize, inner: impl FnOnce(&mut Self)) {
        let inner = self.collect(inner);
        self.out.push(Doc::Indent(steps, inner));
    }

    fn collect(&mut self, inner: impl FnOnce(&mut Self)) -> Vec<Doc> {
        let outer = std::mem::take(&mut self.out);
        inner(self);
        std::mem::replace(&mut self.out, outer)
    }

    /// The next comment, if it begins before a byte.
    fn comment_before(&mut self, before: u32) -> Option<&'a Comment> {
        self.comments.next_if(|comment| comment.span.start < before)
    }

    /// Places the comments behind what was written last.
    fn behind(&mut self, before: u32) {
        while let Some(comment) = self
            .comments
            .next_if(|comment| comment.span.start < before && !comment.own_line)
        {
            self.out
                .push(Doc::Comment(comment.text.clone(), Stands::Behind));
        }
    }

    /// Places all comments that stand before a byte, inside of something.
    fn flush(&mut self, before: u32) {
        while let Some(comment) = self.comment_before(before) {
            let stands = if comment.own_line {
                Stands::Alone
            } else {
                Stands::Behind
            };
            self.out.push(Doc::Comment(comment.text.clone(), stands));
        }
    }

    /// Begins a line for what stands at a byte; `first` says whether it is the first of its block.
    fn line(&mut self, at: u32, first: &mut bool) {
        let blank = !std::mem::replace(first, false) && self.blank_before(at);
        self.out.push(if blank { Doc::Blank } else { Doc::Hard });
    }

    /// Places the comments that stand before a byte on lines of their own.
    fn comments(&mut self, before: u32, first: &mut bool) {
        self.behind(before);
        while let Some(comment) = self.comment_before(before) {
            let blank = !std::mem::replace(first, false) && self.blank_before(comment.span.start);
            let stands = if blank {
                Stands::AfterBlank
            } else {
                Stands::Alone
            };
            self.out.push(Doc::Comment(comment.text.clone(), stands));
        }
    }

    /// Begins the line of a node: comments and documentation before it.
    fn lead(&mut self, doc: &[SmolStr], span: Span, first: &mut bool) {
        let lines = self
            .documentation
            .partition_point(|line| line.start < span.start);
        let (own, later) = self.documentation.split_at(lines);
        self.documentation = later;
        for (text, line) in doc.iter().zip(own) {
            self.comments(line.start, first);
            self.line(line.start, first);
            self.push(if text.is_empty() {
                SmolStr::new("///")
            } else {
                smol_str::format_smolstr!("/// {text}")
            });
        }
        self.comments(span.start, first);
        self.line(span.start, first);
    }

    /// Places the comments at the end of a block.
    fn finish(&mut self, end: u32, first: &mut bool) {
        self.comments(end, first);
    }

    /// A place that begins with the word before it, which the tree does not hold.
    fn since_word(&self, word: &str, span: Span) -> Span {
        let start = self.text[..span.start as usize].rfind(word);
        Span {
            start: start.map_or(span.start, |start| start as u32),
            ..span
        }
    }

    /// Whether an empty line stands before a byte.
    fn blank_before(&self, at: u32) -> bool {
        let before = &self.text[..at as usize];
        let blanks = before.len() - before.trim_end().len();
        let breaks = before[before.len() - blanks..].bytes();
        breaks.filter(|byte| *byte == b'\n').count() > 1
    }

    /// Whether something was written on one line.
    fn on_one_line(&self, span: Span) -> bool {
        self.text
            .get(span.range())
            .is_some_and(|text| !text.contains('\n'))
    }

    /// Entries with commas between them; each is laid out by `entry`, which is told where it starts by `start`.
    fn list<T>(&mut self, entries: &[T], start: fn(&T) -> u32, entry: impl Fn(&mut Self, &T)) {
        for (at, one) in entries.iter().enumerate() {
            let begin = start(one);
            if at > 0 {
                self.push(",");
                self.behind(begin);
                self.out.push(Doc::Line);
            }
            self.flush(begin);
            entry(self, one);
        }
    }

    /// A list between brackets; `end` is one past the closing one.
    fn bracketed<T>(
        &mut self,
        brackets: (&'static str, &'static str, u32),
        entries: &[T],
        start: fn(&T) -> u32,
        entry: impl Fn(&mut Self, &T),
    ) {
        let (open, close, end) = brackets;
        self.group(|writer| {
            writer.push(open);
            writer.indent(1, |writer| {
                writer.out.push(Doc::Soft);
                writer.list(entries, start, entry);
                writer.flush(end.saturating_sub(1));
            });
            writer.out.push(Doc::Soft);
            writer.push(close);
        });
    }
}
