//! The interpreters against hand tables.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod interpreters;
