//! Ordered rules to unordered ones: exact narrowing of boxes against the oracle.
