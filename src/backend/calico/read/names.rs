//! Names of objects, as Calico's validator takes them (reference: Calico, sections 1.3 and 1.6).
//!
//! Takes: documents. Gives: reports of names, and of namespaces, that no server takes.

use crate::backend::read::document::{Document, invalid};
use crate::diagnostic::Diagnostics;

/// An RFC 1123 label of at most 63 characters.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

fn is_part(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| word(byte) || byte == b'-')
        && text.bytes().next().is_some_and(word)
        && text.bytes().last().is_some_and(word)
}

/// An RFC 1123 subdomain of at most 253 characters.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

/// What cluster-scoped objects have not, and namespaced ones may leave to `kubectl`.
fn scope(document: &Document, namespaced: bool, diagnostics: &mut Diagnostics) {
    match &document.namespace {
        Some(_) if !namespaced => {
            let why = "metadata.namespace: not allowed on this type".to_owned();
            diagnostics.push(invalid(document.span(), why));
        }
        Some(namespace) if !is_label(namespace) => {
            let why = format!("metadata.namespace: Invalid value: \"{namespace}\"");
            diagnostics.push(invalid(document.span(), why));
        }
        _ => {}
    }
}

fn refuse(document: &Document, rule: &str, diagnostics: &mut Diagnostics) {
    let why = format!(
        "metadata.name: Invalid value: \"{}\": {rule}",
        document.name
    );
    diagnostics.push(invalid(document.span(), why));
}

/// The name of a network set.
pub(super) fn set(document: &Document, diagnostics: &mut Diagnostics) {
    scope(document, document.kind == "NetworkSet", diagnostics);
    if !is_subdomain(&document.name) {
        refuse(document, "it is no DNS-1123 subdomain", diagnostics);
    }
}

/// The name of a tier.
pub(super) fn tier(document: &Document, diagnostics: &mut Diagnostics) {
    scope(document, false, diagnostics);
    if !is_label(&document.name) {
        refuse(
            document,
            "it is no DNS-1123 label of at most 63 characters",
            diagnostics,
        );
    }
}

/// The name of a policy in a tier. From 3.29 to 3.31 a policy of another tier than `default` begins with its tier.
pub(super) fn policy(
    document: &Document,
    tier: &str,
    version: (u16, u16),
    diagnostics: &mut Diagnostics,
) {
    let namespaced = matches!(&*document.kind, "NetworkPolicy" | "StagedNetworkPolicy");
    scope(document, namespaced, diagnostics);
    let name = document.name.as_str();
    let foreign = namespaced
        && ["knp.default.", "ossg.default."]
            .iter()
            .any(|prefix| name.strip_prefix(prefix).is_some_and(is_subdomain));
    let parts: Vec<&str> = name.split('.').collect();
    let fine = parts.len() <= 2 && parts.iter().all(|part| is_part(part)) && name.len() <= 253;
    if !fine && !foreign {
        refuse(
            document,
            "a policy's name is one or two DNS-1123 labels",
            diagnostics,
        );
    } else if version < (3, 32) && tier != "default" && !(parts.len() == 2 && parts[0] == tier) {
        let rule = format!("policy name in tier \"{tier}\" must begin with \"{tier}.\"");
        refuse(document, &rule, diagnostics);
    }
}
