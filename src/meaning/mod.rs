//! Program to decision.
//!
//! Takes: a [`Program`](crate::model::Program). Gives: [`decide`] for one flow.
//! Knows nothing of targets.

mod decide;

pub use decide::{
    By, Decision, Verdict, decide, in_box, in_endpoints, in_ports, matches, matches_clause,
    ordered, selects,
};
