//! Lints on the model, one file each.
