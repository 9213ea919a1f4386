//! Programs with their objects, and flows at the boundaries of what the objects mention; shared with the tests that change objects.

#[path = "../mutations/change.rs"]
mod change;
#[path = "../mutations/draw.rs"]
pub mod draw;
#[path = "../mutations/origins.rs"]
pub mod origins;
