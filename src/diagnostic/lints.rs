//! The lints: diagnostics whose level a project sets, and that a rule can excuse.
//!
//! The one list of them: `[lints]` of `vauban.toml`, `excuse LINT because "…"` and the book (`book/src/reference/lints.md`) share it, and
//! `tests/registry.rs` compares it with the pages.

/// A lint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lint {
    /// Its name; it stands in the registry too.
    pub name: &'static str,
    /// Whether it says something about the meaning of a whole program: cases that say what no sensible policy says leave these out.
    pub on_meaning: bool,
}

/// All of them, sorted by name.
#[rustfmt::skip]
pub static ALL: &[Lint] = &[
    Lint { name: "allow-denied-above", on_meaning: true },
    Lint { name: "egress-without-dns", on_meaning: true },
    Lint { name: "except-removes-nothing", on_meaning: false },
    Lint { name: "half-open-flow", on_meaning: true },
    Lint { name: "ignored-by-target", on_meaning: true },
    Lint { name: "meets-through-nodes", on_meaning: true },
    Lint { name: "policy-selects-nothing", on_meaning: true },
    Lint { name: "raw-not-understood", on_meaning: false },
    Lint { name: "redundant-deny-all", on_meaning: true },
    Lint { name: "rule-changes-nothing", on_meaning: true },
    Lint { name: "rule-expires-soon", on_meaning: false },
    Lint { name: "rule-never-decides", on_meaning: true },
    Lint { name: "unlabelled-pods-allowed", on_meaning: true },
    Lint { name: "unused-name", on_meaning: false },
    Lint { name: "useless-excuse", on_meaning: false },
];

/// The lint of a name.
pub fn find(name: &str) -> Option<&'static Lint> {
    ALL.binary_search_by(|lint| lint.name.cmp(name))
        .ok()
        .map(|at| &ALL[at])
}

/// The lint whose name is nearest, if one is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    super::nearest(name, ALL.iter().map(|lint| lint.name))
}
