//! The reader of Cilium's manifests: what it says of every object that we emit, of hand-written tables, and of random manifests.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried (default 15,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod cases;
mod generator;
mod interpreters;
#[path = "readers/cilium/mod.rs"]
mod readers;
