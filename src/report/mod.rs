//! What people look at.
//!
//! Takes: what decides on a cluster, and what is known of it. Gives: text that a browser shows. The same input gives the same bytes. Knows no disk, no clock
//! and no options of the command line.

mod page;

pub use page::{MARK, Page, page};
