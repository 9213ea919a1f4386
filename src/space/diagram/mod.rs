//! Hash-consed multi-valued decision diagrams: functions from flows to a few terminals, one representation for each function.
//!
//! Takes: levels (see [`level`]) and constraints on them. Gives: [`Manager`], which makes nodes, combines them and finds paths through them.
//! Knows nothing of programs and of what a level's values mean; only that namespaces may have labels.
//!
//! Three kinds of level. A *value* level has edges for the values that are mentioned and a default for every other one: since there always is another one,
//! this is canonical without a declared domain. An *interval* level has an edge for each change point. The *namespace* level has edges for namespaces that
//! are mentioned by name; its default goes on to the levels of namespace labels directly below, and a declared namespace without an edge is found there by its labels.

pub mod level;
mod manager;
mod search;

pub use manager::{ABSENT, Budget, Full, Id, Manager, OWN, Op, SAME};
pub use search::{Edges, FRESH, Guide, Step};
