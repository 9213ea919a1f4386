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

#[path = "../cases/mod.rs"]
mod cases;
mod clusters;
mod draw;
mod emitted;
mod engine;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
mod manifests;
mod read;
#[path = "../refused/mod.rs"]
mod refused;
mod table;
mod written;

/// A setting from the environment.
fn number(name: &str, otherwise: usize) -> usize {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}
