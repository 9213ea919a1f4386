//! Comments, kept beside the tree so that the formatter can weave them back in.

use smol_str::SmolStr;

use crate::source::Span;

/// A `//` comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Where, without the line break.
    pub span: Span,
    /// The text with its `//`, without trailing blanks.
    pub text: SmolStr,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// The comments of a file, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trivia {
    /// The comments.
    pub comments: Vec<Comment>,
}
