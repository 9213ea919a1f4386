//! What a repository needs around the manifests: who must agree to a change, and who is touched by one.
//!
//! Takes: the resolved program, where the project lies in its repository, and the text of files that are there. Gives: the text of
//! files and answers. Knows no disk and no `git`: the command line reads and writes for it.

pub mod changes;
pub mod codeowners;
