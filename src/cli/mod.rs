//! The command line: the only folder that prints, reads the disk and knows the clock.
