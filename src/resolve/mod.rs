//! Tree to model: modules, names, grants.
