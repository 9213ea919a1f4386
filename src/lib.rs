//! Vauban: network policy as intent.
//!
//! The pipeline, floor by floor; each module says what it takes, gives and does not know:
//!
//! 1. [`source`]: text, places in it, the door outward ([`source::World`])
//! 2. [`diagnostic`]: what we say to people
//! 3. [`syntax`]: text to tree; [`mod@format`] is the way back
//! 4. [`space`]: sets of ends, ports and flows, exact
//! 5. [`model`]: the resolved program, data only
//! 6. [`resolve`]: tree to model: modules, names, grants
//! 7. [`meaning`]: program to decision, per direction, in [`space`]
//! 8. [`check`]: one file per lint on the model
//! 9. [`backend`]: model to objects of Kubernetes, Calico and Cilium, exact or refused
//! 10. [`prove`]: what was made, read back and compared with the program; tests and guards
//! 11. [`compile`]: all of it on one screen
//! 12. [`analyze`]: one file per question about a project or about manifests
//! 13. [`gitops`]: who must agree to a change of the repository
//! 14. [`report`]: what people look at, and what other tools read
//! 15. [`cli`]: the only part that prints and reads the disk

pub mod analyze;
pub mod backend;
pub mod check;
pub mod cli;
pub mod compile;
pub mod diagnostic;
pub mod format;
pub mod gitops;
pub mod meaning;
pub mod model;
pub mod prove;
pub mod report;
pub mod resolve;
pub mod source;
pub mod space;
pub mod syntax;
