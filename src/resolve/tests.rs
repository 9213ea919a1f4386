//! Cases that need more than a file.
