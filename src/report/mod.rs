//! What people look at, and what other tools read.
//!
//! Takes: what decides on a cluster, what is known of it, and what [`analyze`](crate::analyze) has found. Gives: text, some of which a browser shows. The same input gives the
//! same bytes. Decides nothing; knows no disk, no clock and no options of the command line.

mod page;
pub mod reach;

pub use page::{MARK, Page, Picture, page};
