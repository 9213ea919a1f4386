//! Kubernetes NetworkPolicies among Calico's.
//!
//! Takes: documents. Gives: their policies as [`Parsed`], in the tier `default` at order 1000 (reference: Calico, section 1.8), and the staged ones beside them. Reads them by
//! NetworkPolicy's own rules, as Calico enforces them.

use smol_str::SmolStr;

use super::API_VERSION;
use super::policy::{self, Parsed};
use crate::backend::kubernetes::read::policies_on;
use crate::backend::read::chain::ReadPolicy;
use crate::backend::read::document::{Document, invalid};
use crate::backend::read::yaml::Value;
use crate::backend::read::{Context, Unread};
use crate::diagnostic::Diagnostics;
use crate::model::Cni;
use crate::space::{Direction, EndpointSet, FlowBox, PortSet, Ranges};

/// The order of all of them.
const ORDER: f64 = 1000.0;

/// The policies of the documents, enforced and staged.
pub(super) fn policies(
    documents: &[Document],
    context: &Context<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Vec<Parsed> {
    let version = context.version;
    let enforced = policies_on(Cni::Calico, documents, context, unread, diagnostics);
    unread.extend(enforced.iter().filter_map(ports_of_hosts));
    let mut parsed: Vec<Parsed> = enforced
        .into_iter()
        .map(|read| placed(read, version))
        .collect();
    let staged = documents.iter().filter(|document| {
        document.api_version == API_VERSION && document.kind == "StagedKubernetesNetworkPolicy"
    });
    for document in staged {
        if version < (3, 30) {
            let why = format!(
                "no matches for kind \"{}\" in version \"{API_VERSION}\"",
                document.kind
            );
            diagnostics.push(invalid(document.span(), why));
            continue;
        }
        let Some(plain) = plain(document, diagnostics) else {
            continue;
        };
        // A staged policy decides nothing, so that nothing is undecided by what is not understood of it.
        let mut ignored = Vec::new();
        for read in policies_on(Cni::Calico, &[plain], context, &mut ignored, diagnostics) {
            let staged = ReadPolicy {
                object: document.spoken(),
                staged: true,
                ..read
            };
            parsed.push(placed(staged, version));
        }
    }
    parsed
}

/// Named ports of an egress rule that leaves the peers open, or gives addresses: Calico lets host endpoints name ports too.
fn ports_of_hosts(read: &ReadPolicy) -> Option<Unread> {
    let mut flows = Vec::new();
    for clause in read.egress.iter().flatten().flat_map(|rule| &rule.clauses) {
        let mut ports = PortSet::empty();
        for (transport, _) in &clause.ports.named {
            *ports.transport_mut(*transport) = Ranges::of(1, u16::MAX);
        }
        if ports.is_empty() || clause.peers.nodes.is_empty() {
            continue;
        }
        flows.extend(read.subject.iter().map(|subject| FlowBox {
            subject: subject.clone(),
            peers: EndpointSet {
                nodes: clause.peers.nodes.clone(),
                ..EndpointSet::empty()
            },
            ports: ports.clone(),
        }));
    }
    (!flows.is_empty()).then(|| Unread {
        object: read.object.clone(),
        direction: Direction::Egress,
        flows,
        why: "a host endpoint may give any of its ports such a name".to_owned(),
        span: read.span,
    })
}

fn placed(read: ReadPolicy, version: (u16, u16)) -> Parsed {
    let spoken = read.object.rsplit(' ').next().unwrap_or_default();
    let (namespace, name) = spoken.split_once('/').unwrap_or(("default", spoken));
    let directions = [
        (Direction::Ingress, read.ingress.is_some()),
        (Direction::Egress, read.egress.is_some()),
    ];
    Parsed {
        tier: SmolStr::new_static("default"),
        order: ORDER,
        tie: policy::tie(
            version,
            "default",
            Some(namespace),
            name,
            "KubernetesNetworkPolicy",
        ),
        possible: read.subject.clone(),
        directions: directions
            .into_iter()
            .filter_map(|(direction, has)| has.then_some(direction))
            .collect(),
        read,
        unread: Vec::new(),
    }
}

/// What a staged policy would be if it were not; `None` if it stands for a removal.
fn plain(document: &Document, diagnostics: &mut Diagnostics) -> Option<Document> {
    let mut fields = document.fields();
    let mut removal = false;
    if let Some(mut spec) = fields.map("spec", diagnostics) {
        removal = policy::staged_action(&mut spec, true, diagnostics) == Some("Delete");
        if removal {
            policy::nothing_else(&spec, diagnostics);
        }
    }
    let mut plain = document.clone();
    plain.api_version = SmolStr::new_static("networking.k8s.io/v1");
    plain.kind = SmolStr::new_static("NetworkPolicy");
    if let Value::Map(map) = &mut plain.node.value {
        for (key, node) in map {
            let text = match key.text.as_str() {
                "apiVersion" => &plain.api_version,
                "kind" => &plain.kind,
                "spec" => {
                    if let Value::Map(spec) = &mut node.value {
                        spec.retain(|(key, _)| key.text != "stagedAction");
                    }
                    continue;
                }
                _ => continue,
            };
            node.value = Value::Text(text.clone());
        }
    }
    (!removal).then_some(plain)
}
