//! Questions about what decides on a cluster.
//!
//! Takes: a [`Side`]: the program of a project for one of its targets, or what the readers made of anybody's manifests, with what it is certain of. Gives:
//! answers as plain data, one file for each question. Knows no disk, no words of the command line, and not how an answer looks.

mod align;
mod alike;
pub mod can;
mod compare;
pub mod decide;
mod diff;
pub mod findings;
mod focus;
mod gather;
pub mod inventory;
#[cfg(test)]
mod properties;
pub mod reach;
mod side;
mod who;

pub use align::{Aligned, align};
pub use compare::{Apart, Claim, Comparison, Ends, Open, Pair};
pub use diff::{Change, Diff, Isolated};
pub use focus::Focus;
pub use inventory::Inventory;
pub use reach::Reach;
pub use side::{Origin, Side};
pub use who::Who;
