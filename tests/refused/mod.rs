//! Manifests that our readers refuse, each with what is said of it. The readers' tests see that they are refused; `tests/cluster` offers them to real API
//! servers, and the book lists those that a server takes.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod calico;
pub(crate) mod cilium;
pub(crate) mod kubernetes;

use vauban::model::Target;

/// One of them.
pub(crate) struct Refused {
    /// Whose reader refuses it.
    pub(crate) target: Target,
    /// In which version.
    pub(crate) version: (u16, u16),
    /// As the book shows it: what matters, on one line.
    pub(crate) shown: String,
    /// The text.
    pub(crate) manifest: String,
    /// The text of the place of the fault; empty if it does not matter.
    pub(crate) place: &'static str,
    /// Words of what is said.
    pub(crate) said: &'static str,
}

/// All that are refused in the newest version of their target.
pub(crate) fn all() -> Vec<Refused> {
    let mut all = kubernetes::all();
    all.extend(calico::all());
    all.extend(cilium::all());
    all
}
