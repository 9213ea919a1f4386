//! Addresses and DNS names as they are written, and how addresses lie to the cluster's own.

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{Cx, errors};
use crate::source::{Span, Spanned};
use crate::space::AddressSet;
use crate::syntax::ast;

impl Cx<'_> {
    /// An address or CIDR; reports host bits.
    pub(super) fn address(&mut self, node: &ast::Address) -> Option<AddressSet> {
        let longest = if node.address.is_ipv4() { 32 } else { 128 };
        let net = IpNet::new(node.address, node.prefix.unwrap_or(longest)).ok()?;
        if net.trunc() != net {
            self.report(errors::host_bits(net, node.span));
            return None;
        }
        Some(AddressSet::of(net))
    }

    /// Compares outside addresses with the cluster's own: none of them can be outside (an error), or a part of them.
    pub(super) fn judge_addresses(&mut self, set: &AddressSet, span: Span) -> bool {
        let bounds = self.cluster.bounds();
        if !set.meets(&bounds) {
            return true;
        }
        let whose: Vec<&'static str> = [
            ("pods", &self.cluster.pods),
            ("nodes", &self.cluster.nodes),
            ("services", &self.cluster.services),
        ]
        .into_iter()
        .filter(|(_, range)| range.as_ref().is_some_and(|range| range.meets(set)))
        .map(|(word, _)| word)
        .collect();
        let inside = set.is_subset(&bounds);
        let diagnostic = if inside {
            errors::address_inside_cluster(&self.cluster.name, span, &whose)
        } else {
            errors::address_partly_inside_cluster(&self.cluster.name, span, &whose)
        };
        self.report(diagnostic);
        !inside
    }

    /// A DNS name or pattern, in lower case.
    pub(super) fn dns_name(&mut self, node: &Spanned<SmolStr>) -> Option<SmolStr> {
        let name = node.value.to_ascii_lowercase();
        let host = name
            .strip_prefix("**.")
            .or_else(|| name.strip_prefix("*."))
            .unwrap_or(&name);
        let is_label = |label: &str| {
            let edge = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !label.is_empty()
                && label.len() <= 63
                && label.starts_with(edge)
                && label.ends_with(edge)
                && label.chars().all(|c| edge(c) || c == '-')
        };
        let fault = if host.parse::<std::net::IpAddr>().is_ok() {
            "an address stands without quotes"
        } else if host.ends_with('.') {
            "it is written without the dot at its end"
        } else if host.contains('*') {
            "`*.` and `**.` stand at the beginning only"
        } else if host.len() > 253 {
            "it is longer than 253 characters"
        } else if !host.split('.').all(is_label) {
            "each of its labels has 1 to 63 letters, digits and hyphens"
        } else {
            return Some(name.into());
        };
        self.report(errors::bad_dns_name(&node.value, node.span, fault));
        None
    }
}
