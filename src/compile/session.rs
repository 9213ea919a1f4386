//! One compilation after the other, of worlds that differ little.

use super::kept::{Kept, Record};
use super::{Compilation, Input, compile_noting};

/// Compiles one world after the other in one process: what an edit cannot have touched is not done again, and the answer is the same as that of
/// [`compile`](super::compile()) for each of them, to the last place of the last diagnostic.
///
/// What is done in parts are edits inside of policies: their subjects, rules, clauses and documentation, and comments, as long as declarations in the same file
/// stay where they are. Everything else, and every world with an error, is compiled from nothing.
#[derive(Default)]
pub struct Session {
    /// The last compilation that can be done again in parts.
    kept: Option<Box<Kept>>,
    /// The last compilation, if that is another one.
    other: Option<Box<Compilation>>,
    is_partial: bool,
}

impl Session {
    /// A session that has compiled nothing yet.
    pub fn new() -> Self {
        Session::default()
    }

    /// What comes of a world. It is kept here until the next one is asked for.
    pub fn compile(&mut self, input: &Input<'_>) -> &Compilation {
        self.is_partial = self
            .kept
            .as_mut()
            .is_some_and(|kept| kept.again(input).is_some());
        self.other = None;
        if !self.is_partial {
            let mut record = Record::default();
            let compilation = compile_noting(input, Some(&mut record));
            // While an error stands, what was right before it is what the next edit most likely comes back to.
            let has_errors = compilation.has_errors();
            match Kept::new(input, compilation, record) {
                Ok(kept) => self.kept = Some(kept),
                Err(other) => {
                    self.other = Some(other);
                    if !has_errors {
                        self.kept = None;
                    }
                }
            }
        }
        match (&self.other, &self.kept) {
            (Some(other), _) => other,
            (None, Some(kept)) => &kept.compilation,
            (None, None) => unreachable!("what is not kept is the other"),
        }
    }

    /// Whether the last world was compiled in parts, and not from nothing.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }
}
