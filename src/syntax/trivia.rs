//! Comments, kept beside the tree so that the formatter can weave them back in.

use smol_str::SmolStr;

use crate::source::{Source, Span};

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
    /// The places of the `///` lines; their text is in the tree.
    pub documentation: Vec<Span>,
}

impl Trivia {
    /// Where the comment begins that the byte before `end` belongs to, if it does.
    pub(super) fn comment_at(&self, end: usize) -> Option<usize> {
        let after = self
            .comments
            .partition_point(|comment| (comment.span.start as usize) < end);
        let comment = &self.comments[after.checked_sub(1)?];
        (comment.span.end as usize >= end).then_some(comment.span.start as usize)
    }
}

/// What one look over the text finds, before it is parsed.
pub(super) struct Scan {
    /// The comments.
    pub(super) trivia: Trivia,
    /// The first bracket that is deeper than the bound.
    pub(super) too_deep: Option<usize>,
}

/// Finds comments and measures the nesting of brackets, outside of strings.
pub(super) fn scan(source: &Source, deepest: usize) -> Scan {
    let text = source.text.as_ref();
    let bytes = text.as_bytes();
    let mut trivia = Trivia::default();
    let mut too_deep = None;
    let (mut braces, mut parentheses) = (0_usize, 0_usize);
    let mut line_is_blank = true;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => {
                line_is_blank = true;
                // A brace that was forgotten long ago must not count against everything after it.
                if begins_item(&bytes[at + 1..]) {
                    braces = 0;
                }
            }
            b' ' | b'\t' | b'\r' => {}
            b'"' => {
                line_is_blank = false;
                at = string_end(bytes, at);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(bytes.len(), |length| at + length);
                let span = Span::new(source.id, at, end);
                let line = &text[at..end];
                if line.starts_with("///") && !line.starts_with("////") {
                    trivia.documentation.push(span);
                } else {
                    trivia.comments.push(Comment {
                        span,
                        text: line.trim_end().into(),
                        own_line: line_is_blank,
                    });
                }
                at = end;
                continue;
            }
            _ => {
                line_is_blank = false;
                let depth = match byte {
                    b'{' => &mut braces,
                    b'(' => &mut parentheses,
                    b'}' => {
                        braces = braces.saturating_sub(1);
                        at += 1;
                        continue;
                    }
                    b')' => {
                        parentheses = parentheses.saturating_sub(1);
                        at += 1;
                        continue;
                    }
                    _ => {
                        at += 1;
                        continue;
                    }
                };
                *depth += 1;
                if *depth > deepest && too_deep.is_none() {
                    too_deep = Some(at);
                }
            }
        }
        at += 1;
    }
    Scan { trivia, too_deep }
}

/// One past the end of a string that begins at `at`; strings end with their line.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            None | Some(b'\n') => return at,
            Some(b'"') => return at + 1,
            Some(b'\\') if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// The words that begin an item, as the grammar's `item_word` has them.
const ITEM_WORDS: &[&str] = &[
    "policy",
    "staged",
    "tier",
    "team",
    "cluster",
    "namespace",
    "profile",
    "network",
    "ports",
    "group",
    "service",
    "test",
    "guard",
    "raw",
    "use",
];

fn begins_item(line: &[u8]) -> bool {
    ITEM_WORDS.iter().any(|word| {
        line.strip_prefix(word.as_bytes())
            .and_then(<[u8]>::first)
            .is_some_and(|next| matches!(next, b' ' | b'\t' | b'\n' | b'\r'))
    })
}
