//! Text and places in it.
//!
//! Takes: the text of files. Gives: [`Source`]s with an identity, [`Span`]s that name a place in one of
//! them, and line and column for people. Knows nothing of the language.
//!
//! The door outward is [`World`]: every pass above reads files through it, so that nothing below the
//! command line touches the disk, the clock or the environment.

mod world;

use std::fmt;
use std::sync::Arc;

pub use world::{MemoryWorld, World, WorldError};

/// Names one file of a compilation; an index into [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// A half-open range of bytes `start..end` in one file; always on character boundaries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `file` from byte `start` up to byte `end`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span {
            file,
            start: start as u32,
            end: end as u32,
        }
    }

    /// The smallest span that covers both; `other` must lie in the same file.
    pub fn to(self, other: Span) -> Span {
        debug_assert_eq!(self.file, other.file, "a span never crosses files");
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The bytes as a range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and the place where it was written. Equality looks at both.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Pairs a value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Spanned { value, span }
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// One file: its path as people know it (relative to the project, forward slashes; `std/…` for the standard library) and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its identity.
    pub id: FileId,
    /// Relative path with forward slashes.
    pub path: Arc<str>,
    /// The text, valid UTF-8.
    pub text: Arc<str>,
    lines: Vec<u32>,
}

impl Source {
    /// Makes a source; finds the starts of its lines.
    pub fn new(id: FileId, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(at, _)| at as u32 + 1),
            )
            .collect();
        Source {
            id,
            path: path.into(),
            text,
            lines,
        }
    }

    /// Whether it lies on no disk but was made beside the files of a project, as a question is, or the namespaces of a cluster: its name is in angle
    /// brackets, which no file's name of a project is.
    pub fn is_beside(&self) -> bool {
        self.path.starts_with('<')
    }

    /// Line (from 1) and column (in characters, from 1) of a byte offset; offsets past the end count as the end.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let offset = offset.min(self.text.len() as u32);
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        let before = self
            .text
            .get(self.lines[line] as usize..offset as usize)
            .unwrap_or("");
        (line as u32 + 1, before.chars().count() as u32 + 1)
    }

    /// Line (from 1) of a byte offset, without counting characters.
    pub fn line(&self, offset: u32) -> u32 {
        self.lines.partition_point(|start| *start <= offset) as u32
    }

    /// How many lines there are: one more than there are line breaks.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// The bytes of a line (from 0), with its line break; `None` past the last one.
    pub fn line_range(&self, line: usize) -> Option<std::ops::Range<usize>> {
        let start = *self.lines.get(line)? as usize;
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.text.len(), |next| *next as usize);
        Some(start..end)
    }

    /// The text of a span of this file; empty if it does not lie inside.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }
}

/// All files of a compilation, by [`FileId`].
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file and gives it its identity.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(Source::new(id, path, text));
        id
    }

    /// Puts a file where the one of its identity was, which is given back.
    pub fn replace(&mut self, source: Source) -> Source {
        let at = source.id.0 as usize;
        std::mem::replace(&mut self.files[at], source)
    }

    /// The file of an identity that this collection gave out.
    pub fn get(&self, id: FileId) -> &Source {
        &self.files[id.0 as usize]
    }

    /// All files, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
