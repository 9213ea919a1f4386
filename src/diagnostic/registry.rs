//! Every name that a diagnostic can have, with its page of the book.
//!
//! One line per name, sorted. A name that is used without standing here, a page without a name and a name without a page each
//! fail `tests/registry.rs`; a name without a page does not even compile.

/// A name and its page.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The kebab-case name.
    pub name: &'static str,
    /// The page `book/src/errors/NAME.md`, Markdown.
    pub page: &'static str,
}

impl Entry {
    /// The first paragraph of the page, on one line: what is wrong and why it matters.
    pub fn summary(&self) -> String {
        self.page
            .lines()
            .skip_while(|line| line.starts_with('#') || line.trim().is_empty())
            .take_while(|line| !line.trim().is_empty())
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

macro_rules! entries {
    ($($name:literal)*) => {
        &[$(Entry {
            name: $name,
            page: include_str!(concat!("../../book/src/errors/", $name, ".md")),
        }),*]
    };
}

/// All of them, sorted by name.
#[rustfmt::skip]
pub static ALL: &[Entry] = entries![
    "addresses-open-pods"
    "expiry-opens"
    "icmp-type-255"
    "lowering-not-exact"
    "lowering-too-large"
    "missing-fact"
    "named-and-numbered-ports"
    "names-and-addresses"
    "no-dns-names"
    "no-ingress-proxy"
    "no-log-action"
    "no-named-ports"
    "no-service-accounts"
    "no-staged-policies"
    "no-such-protocol"
    "node-behind-tunnel"
    "nodes-not-told-apart"
    "order-too-deep"
    "policies-disagree"
    "protocol-zero"
    "rejected-object"
    "reserved-label-key"
    "reserved-tier-name"
    "same-in-open-namespaces"
    "selector-too-long"
    "too-many-combinations"
    "too-many-tiers"
];

/// The entry of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.binary_search_by(|entry| entry.name.cmp(name))
        .ok()
        .map(|at| &ALL[at])
}
