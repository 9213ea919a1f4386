//! Program to decision.
//!
//! Takes: a [`Program`](crate::model::Program). Gives: [`decide()`] for one flow, which is the definition; [`Oracle`] for sets of flows, exact, one
//! partition of the subjects and one direction at a time; [`check()`] for what must hold before a program means anything. Knows nothing of targets.

mod agreement;
#[cfg(test)]
mod box_properties;
mod check;
mod decide;
mod half_open;
mod idle;
mod index;
mod oracle;
#[cfg(test)]
mod pair_properties;
#[cfg(test)]
pub(crate) mod properties;
mod trace;

pub use agreement::{Conflict, conflicts};
pub use check::{check, check_within};
pub use decide::{
    By, Decision, Verdict, decide, in_box, in_endpoints, in_ports, in_region, matches,
    matches_clause, ordered, selects,
};
pub use half_open::{HalfOpen, HalfOpens, half_open};
pub use idle::{DeniedAbove, Idle, MOST_RULES, Part, Survey, Taker, Unlabelled, Why, survey};
pub use index::{Index, Partition, Selecting, partitions};
pub use oracle::{Boxes, Oracle, Set, TooLarge};
pub use trace::{Heard, Stage, Trace, trace};
