//! A second opinion: what each target makes of manifests, written from the targets' documents and never from our emitters.
//!
//! Takes: the YAML text of objects. Gives: for a flow and the addresses of its ends, what the target does with it, and why.
//! Knows nothing of programs. Everything is parsed strictly: what a target's API would reject, or silently drop, is an error here.

pub mod calico;
pub mod calico_any;
pub mod calico_selector;
pub mod cilium;
pub mod kubernetes;
pub mod labels;
pub mod yaml;

use std::net::IpAddr;

use vauban::space::Flow;

/// What a target does with a flow at one end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Whether it passes.
    pub allowed: bool,
    /// Who decided, in words.
    pub why: String,
}

impl Outcome {
    /// It passes.
    pub fn allow(why: impl Into<String>) -> Self {
        Outcome {
            allowed: true,
            why: why.into(),
        }
    }

    /// It does not.
    pub fn deny(why: impl Into<String>) -> Self {
        Outcome {
            allowed: false,
            why: why.into(),
        }
    }
}

/// A flow with everything that some target looks at and the model does not.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The flow.
    pub flow: Flow,
    /// The address of the pod whose policy decides.
    pub subject_address: IpAddr,
    /// The address of the other end, of the same family.
    pub peer_address: IpAddr,
    /// Names that the pod has resolved to the other end's address, lower case without the last dot.
    pub resolved: Vec<String>,
    /// Labels that somebody else hung on the other end's address, if it is no pod: a host endpoint's, a network set's, a node's.
    pub foreign_labels: Vec<(String, String)>,
}

/// What a manifest may fail with.
pub type Parsed<T> = Result<T, String>;
