//! Objects: which documents are ours, and the rules in them.

use std::collections::BTreeMap;

use smol_str::{SmolStr, ToSmolStr};

use super::blocks::Groups;
use super::identity::Facts;
use super::rule::{Home, Rule, rule};
use super::selector::is_subdomain;
use crate::backend::read::Context;
use crate::backend::read::document::{Document, invalid};
use crate::diagnostic::Diagnostics;
use crate::source::Span;

/// A policy of either kind.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// As people name it.
    pub(super) name: SmolStr,
    /// The team that it says it is of.
    pub(super) owner: SmolStr,
    /// The file.
    pub(super) file: SmolStr,
    /// Where it is.
    pub(super) span: Span,
    /// Its rules.
    pub(super) rules: Vec<Rule>,
}

impl Object {
    /// Whether it holds something of which it is not known whether the agent takes it: then it is not known of the whole object.
    pub(super) fn is_dubious(&self) -> bool {
        let elements = self.rules.iter().flat_map(|rule| {
            let sides = [&rule.ingress, &rule.egress];
            sides.into_iter().flat_map(|side| &side.allow)
        });
        elements.into_iter().any(|element| element.dubious)
    }
}

const POLICY: &str = "CiliumNetworkPolicy";
const CLUSTERWIDE: &str = "CiliumClusterwideNetworkPolicy";
const GROUP: &str = "CiliumCIDRGroup";

fn is_ours(document: &Document) -> bool {
    match document.api_version.as_str() {
        "cilium.io/v2" => [POLICY, CLUSTERWIDE, GROUP].contains(&document.kind.as_str()),
        "cilium.io/v2alpha1" => document.kind == GROUP,
        _ => false,
    }
}

/// Whether a version of Cilium serves groups as that version of the API: `v2` has them since 1.18, and `v2alpha1` stays beside it.
fn serves_groups(api_version: &str, version: (u16, u16)) -> bool {
    api_version != "cilium.io/v2" || version >= (1, 18)
}

/// The policies among documents. One fault makes a whole object invalid: it is then reported, and left out.
pub(super) fn objects(
    documents: &[Document],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    let facts = Facts::of(context);
    let mut groups = Groups::default();
    let mut policies = Vec::new();
    let mut known: BTreeMap<_, Span> = BTreeMap::new();
    for document in documents.iter().filter(|document| is_ours(document)) {
        let namespace = namespace(document, diagnostics);
        let identity = (&document.kind, namespace.clone(), &document.name);
        if let Some(first) = known.insert(identity, document.span()) {
            diagnostics.push(
                invalid(
                    document.span(),
                    format!("{} stands here twice", document.spoken()),
                )
                .and(first, "the first"),
            );
            continue;
        }
        if !is_subdomain(&document.name) {
            let why = format!(
                "metadata.name: Invalid value: \"{}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
                document.name
            );
            diagnostics.push(invalid(document.span(), why));
            continue;
        }
        if document.kind == GROUP && !serves_groups(&document.api_version, facts.version) {
            let why = format!(
                "no matches for kind \"{GROUP}\" in version \"{}\"",
                document.api_version
            );
            diagnostics.push(invalid(document.span(), why));
            continue;
        }
        if document.kind == GROUP {
            groups.add(document, diagnostics);
        } else {
            policies.push((document, namespace));
        }
    }
    let mut objects = Vec::with_capacity(policies.len());
    for (document, namespace) in &policies {
        let home = Home {
            namespace: namespace.as_deref(),
            groups: &groups,
            facts,
        };
        let mut own = Diagnostics::default();
        let rules = rules(document, home, &mut own);
        let refused = own.has_errors();
        diagnostics.extend(own);
        if !refused {
            objects.push(Object {
                name: document.spoken(),
                owner: document.owner(),
                file: document.file.clone(),
                span: document.span(),
                rules,
            });
        }
    }
    objects
}

/// The namespace of a CiliumNetworkPolicy; without one it is in `default`, as clients have it.
fn namespace(document: &Document, diagnostics: &mut Diagnostics) -> Option<SmolStr> {
    if document.kind == POLICY {
        let default = || SmolStr::new_static("default");
        return Some(document.namespace.clone().unwrap_or_else(default));
    }
    if document.namespace.is_some() {
        let why = "metadata.namespace: Forbidden: not allowed on this type";
        diagnostics.push(invalid(document.span(), why));
    }
    None
}

/// The rules of an object: `spec` and each of `specs`. An empty `specs` alone is taken by the server, and does nothing.
fn rules(document: &Document, home: Home<'_>, diagnostics: &mut Diagnostics) -> Vec<Rule> {
    let mut fields = document.fields();
    let spec = fields.get("spec");
    let specs = fields.list("specs", diagnostics);
    fields.finish(diagnostics);
    if spec.is_none() && specs.is_none() {
        let why = format!("Invalid {} spec(s): empty policy", document.kind);
        diagnostics.push(invalid(document.span(), why));
    }
    let mut rules = Vec::new();
    if let Some(node) = spec {
        rules.extend(rule(node, "spec".to_owned(), "", home, diagnostics));
    }
    for (at, node) in specs.unwrap_or_default().iter().enumerate() {
        let part = format!("specs[{at}]").to_smolstr();
        rules.extend(rule(node, part.to_string(), &part, home, diagnostics));
    }
    rules
}
