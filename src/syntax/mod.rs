//! Text to tree.
//!
//! Takes: a [`Source`](crate::source::Source). Gives: [`Parsed`], the tree of what could be read and the comments beside it; what
//! could not is a diagnostic. pest is named only in this folder. Knows nothing of names, grants or targets.

pub mod ast;
mod dump;
mod grammar;
mod parse;
mod trivia;

pub use dump::dump;
pub use parse::{DEEPEST_NESTING, LARGEST_FILE, LONGEST_LIST, parse};
pub use trivia::{Comment, Trivia};

/// The tree of a file with its comments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// The tree, without the items that could not be read.
    pub file: ast::File,
    /// The `//` comments; documentation (`///`) is in the tree.
    pub trivia: Trivia,
    /// Whether something could not be read (then `format` must not touch the file).
    pub broken: bool,
    /// The names whose declarations could not be read, where that much could be: that they are unknown is no second fault.
    pub unread: Vec<ast::Name>,
}
