//! Manifests of the whole API of Cilium, drawn at random; shared with the tests of the reader.

#[path = "../cilium_reader/clusters.rs"]
pub mod clusters;
#[path = "../cilium_reader/draw.rs"]
pub mod draw;
#[path = "../cilium_reader/engine.rs"]
pub mod engine;
#[path = "../cilium_reader/read.rs"]
pub mod read;
#[path = "../cilium_reader/written.rs"]
pub mod written;
