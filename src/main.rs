//! Arguments in, exit code out.

use std::process::ExitCode;

/// See `Cargo.toml` for the reason.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(vauban::cli::run(std::env::args_os()))
}
