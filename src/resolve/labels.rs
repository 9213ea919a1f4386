//! What Kubernetes takes for a label, a namespace, a service account: and selectors on the labels of pods.
//!
//! The rules are those of `k8s.io/apimachinery/pkg/util/validation`: a key is a name of at most 63 characters, perhaps after a DNS
//! subdomain of at most 253 and a slash; a value is empty or such a name.

use super::{Cx, LONGEST, errors};
use crate::space::{Selector, ValueSet};
use crate::syntax::ast;

/// `[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?`, at most 63.
fn is_qualified(word: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    word.len() <= 63
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.ends_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(inner)
}

/// RFC 1123 label: what a namespace is named.
pub(super) fn is_dns_label(word: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !word.is_empty()
        && word.len() <= 63
        && word.starts_with(edge)
        && word.ends_with(edge)
        && word.chars().all(|c| edge(c) || c == '-')
}

/// RFC 1123 subdomain: what a service account is named.
pub(super) fn is_dns_subdomain(word: &str) -> bool {
    word.len() <= 253 && word.split('.').all(is_dns_label)
}

/// Why a word is no key of a label.
pub(super) fn fault_of_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    match prefix {
        Some(prefix) if prefix.len() > 253 => Some("its prefix is longer than 253 characters"),
        Some(prefix) if !is_dns_subdomain(prefix) => Some("its prefix is no DNS name"),
        _ if name.len() > 63 => Some("it is longer than 63 characters"),
        _ if !is_qualified(name) => Some(
            "a key has letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit",
        ),
        _ => None,
    }
}

/// Why a word is no value of a label.
pub(super) fn fault_of_value(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        Some("it is longer than 63 characters")
    } else if !value.is_empty() && !is_qualified(value) {
        Some(
            "a value has letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit",
        )
    } else {
        None
    }
}

impl Cx<'_> {
    /// Checks key, values and length of a requirement.
    pub(super) fn check_requirement(&mut self, requirement: &ast::Requirement) -> bool {
        let mut good = true;
        if let Some(fault) = fault_of_key(&requirement.key.value) {
            self.report(errors::bad_label(
                "key",
                &requirement.key.value,
                requirement.key.span,
                fault,
            ));
            good = false;
        }
        if requirement.values.len() > LONGEST {
            self.report(errors::too_many_terms(requirement.span));
            return false;
        }
        for value in &requirement.values {
            if let Some(fault) = fault_of_value(&value.text) {
                self.report(errors::bad_label("value", &value.text, value.span, fault));
                good = false;
            }
        }
        good
    }

    /// A selector on the labels of pods. Reports one that nothing fulfils.
    pub(super) fn selector(&mut self, node: &ast::Selector) -> Option<Selector> {
        if node.requirements.len() > LONGEST {
            self.report(errors::too_many_terms(node.span));
            return None;
        }
        let mut good = true;
        let mut selector = Selector::any();
        for requirement in &node.requirements {
            if self.check_requirement(requirement) {
                selector = selector.with(&requirement.key.value, &values(requirement));
            } else {
                good = false;
            }
        }
        if good && selector.is_empty() {
            self.report(errors::empty_endpoint(
                "no set of labels fulfills this selector",
                node.span,
                "contradicts itself",
            ));
            return None;
        }
        good.then_some(selector)
    }
}

/// The values that a requirement admits.
pub(super) fn values(requirement: &ast::Requirement) -> ValueSet {
    let texts = requirement.values.iter().map(|value| value.text.clone());
    match requirement.operator {
        ast::Operator::Equal | ast::Operator::In => ValueSet::among(texts),
        ast::Operator::NotEqual | ast::Operator::NotIn => ValueSet::not_among(texts),
        ast::Operator::Exists => ValueSet::present(),
        ast::Operator::Absent => ValueSet::absent(),
    }
}
