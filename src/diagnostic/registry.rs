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
    /// Whether it is a lint: a diagnostic whose level a project can set.
    pub fn is_lint(&self) -> bool {
        super::lints::find(self.name).is_some()
    }

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
    "address-inside-cluster"
    "address-partly-inside-cluster"
    "addresses-open-pods"
    "allow-denied-above"
    "apiserver-not-deniable"
    "bad-address"
    "bad-date"
    "bad-dns-name"
    "bad-escape"
    "bad-fact-value"
    "bad-folder"
    "bad-icmp-number"
    "bad-label"
    "bad-name"
    "bad-namespace-manifest"
    "bad-namespace-name"
    "bad-number"
    "bad-port"
    "bad-port-name"
    "bad-protocol-number"
    "bad-service-account-name"
    "cannot-subtract"
    "claim-not-covered"
    "claim-too-large"
    "cluster-not-chosen"
    "codeowners-damaged-block"
    "codeowners-not-last"
    "codeowners-owner"
    "codeowners-path"
    "codeowners-section-taken"
    "codeowners-shadowed"
    "codeowners-too-large"
    "codeowners-without-owner"
    "codeowners-without-repository"
    "contradictory-fact"
    "corrupt-index"
    "cyclic-definition"
    "cyclic-order"
    "dns-name-outside-allow"
    "dns-name-without-dns"
    "duplicate-block"
    "duplicate-clause"
    "duplicate-for"
    "duplicate-name"
    "duplicate-object"
    "duplicate-target"
    "egress-without-dns"
    "empty-block"
    "empty-endpoint"
    "empty-port-range"
    "empty-service"
    "except-removes-nothing"
    "expiry-opens"
    "file-too-large"
    "folder-without-team"
    "for-in-profile"
    "foreign-name"
    "foreign-name-outside-grant"
    "guard-fails"
    "half-open-flow"
    "host-bits"
    "icmp-type-255"
    "ignored-by-target"
    "invalid-manifest"
    "label-key-too-long"
    "label-not-in-identity"
    "linked-output"
    "lints-left-out"
    "list-too-long"
    "log-only-block"
    "lowering-not-exact"
    "lowering-too-large"
    "many-expiries"
    "meets-through-nodes"
    "misplaced-declaration"
    "misplaced-same"
    "missing-block"
    "missing-fact"
    "missing-folder"
    "missing-for"
    "missing-peer"
    "missing-ports"
    "missing-setting"
    "missing-tier"
    "mixed-argument"
    "mixed-services-and-ports"
    "name-of-another-cluster"
    "named-and-numbered-ports"
    "names-and-addresses"
    "nested-team-folders"
    "nesting-too-deep"
    "no-dns-names"
    "no-dns-pattern"
    "no-icmp-codes"
    "no-icmp-type-zero"
    "no-ingress-proxy"
    "no-log-action"
    "no-named-ports"
    "no-node-addresses"
    "no-service-accounts"
    "no-staged-policies"
    "no-such-protocol"
    "node-behind-tunnel"
    "nodes-not-told-apart"
    "not-a-network"
    "not-a-subject"
    "not-replaceable"
    "object-name-collision"
    "order-across-tiers"
    "order-too-deep"
    "order-without-consent"
    "outside-grant"
    "overlapping-output"
    "pass-in-default"
    "path-leaves-project"
    "pods-without-namespace"
    "policies-disagree"
    "policy-selects-nothing"
    "proof-fails"
    "proof-too-large"
    "proof-undecided"
    "protocol-zero"
    "raw-closes"
    "raw-not-granted"
    "raw-not-understood"
    "raw-of-another-kind"
    "raw-opens"
    "raw-overlaps"
    "redeclared-name"
    "redundant-deny-all"
    "rejected-object"
    "reserved-label-key"
    "reserved-name"
    "reserved-tier-name"
    "rule-changes-nothing"
    "rule-expired"
    "rule-expires-soon"
    "rule-never-decides"
    "same-in-open-namespaces"
    "selector-too-long"
    "service-in-ingress"
    "service-with-ports"
    "service-with-to"
    "service-without-endpoints"
    "stale-output"
    "stray-documentation"
    "subject-outside-service"
    "test-fails"
    "tier-not-granted"
    "tiers-in-several-files"
    "toml-syntax"
    "too-many-combinations"
    "too-many-terms"
    "too-many-tiers"
    "unclosed-brace"
    "unexpected-character"
    "unexpected-text"
    "unknown-backend"
    "unknown-cluster"
    "unknown-fact"
    "unknown-folder"
    "unknown-grant"
    "unknown-icmp-message"
    "unknown-lint"
    "unknown-name"
    "unknown-namespace"
    "unknown-namespace-label"
    "unknown-policy"
    "unknown-setting"
    "unknown-tier"
    "unknown-word"
    "unlabelled-pods-allowed"
    "unlisted-file"
    "unopened-brace"
    "unreadable-manifest"
    "unreadable-raw"
    "unreadable-source"
    "unsupported-version"
    "unterminated-string"
    "until-on-deny"
    "unused-name"
    "useless-excuse"
    "useless-use"
    "wrong-argument"
    "wrong-kind"
    "wrong-number-of-arguments"
    "wrong-preposition"
    "wrong-setting"
];

/// The entry of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.binary_search_by(|entry| entry.name.cmp(name))
        .ok()
        .map(|at| &ALL[at])
}
