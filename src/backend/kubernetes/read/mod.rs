//! networking.k8s.io/v1 NetworkPolicy, read back.
//!
//! Takes: objects and the cluster's facts. Gives: a [`Reading`]: a pod is open in a direction until a policy selects it there; then what some policy allows
//! passes, and nothing else. Order and names decide nothing. Written from `reference/kubernetes.md` §1; knows nothing of what writes manifests.
//!
//! **What is read.** Every `NetworkPolicy` of `networking.k8s.io/v1`. Objects that would decide flows beside them (policies of Calico and Cilium, and those of
//! `policy.networking.k8s.io`) are of other targets: wherever one is among the documents, no flow is decided. Every other object is left aside without a
//! word: it decides no flow.
//!
//! **Where it ends.** The API speaks of TCP, UDP and SCTP. Another protocol passes where a rule has no `ports`, as with Calico and Cilium; what else enforces
//! policies may do otherwise. SCTP is read as the API means it, also where nobody carries it.

mod enforcer;
mod peers;
mod policy;
mod ports;
mod selectors;
mod validation;

use std::collections::BTreeMap;

use smol_str::SmolStr;

use self::enforcer::Enforcer;
use crate::backend::read::chain::{Chain, ReadPolicy, ReadTier};
use crate::backend::read::document::{Document, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::backend::read::{Context, Reading, Unread};
use crate::diagnostic::Diagnostics;
use crate::model::{Cni, Otherwise};
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet};

/// The group and version of the kind.
const VERSION: &str = "networking.k8s.io/v1";

/// Groups whose policies decide flows too.
const DECIDING: [&str; 4] = [
    "projectcalico.org",
    "crd.projectcalico.org",
    "cilium.io",
    "policy.networking.k8s.io",
];

/// The policies of the documents, as whoever `cluster.cni` names enforces them; `context.version` is the API server's. What the facts leave open goes to
/// `unread`, what the API server refuses to `diagnostics`; documents of other kinds are left aside.
pub fn policies(
    documents: &[Document],
    context: &Context<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Vec<ReadPolicy> {
    gather(documents, &Enforcer::of(context), unread, diagnostics)
}

/// The same for a CNI with policies of its own, which enforces these beside them, whatever `cluster.cni` says; `context.version` is the CNI's.
pub fn policies_on(
    cni: Cni,
    documents: &[Document],
    context: &Context<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Vec<ReadPolicy> {
    gather(documents, &Enforcer::on(cni, context), unread, diagnostics)
}

/// What the documents decide on a cluster that has no other policies: one tier that ends in deny.
pub fn read(
    documents: &[Document],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Reading {
    let mut chain = Chain::default();
    let policies = policies(documents, context, &mut chain.unread, diagnostics);
    if let Some(first) = policies.first() {
        chain.tiers.push(ReadTier {
            name: SmolStr::new_static("NetworkPolicy"),
            otherwise: Otherwise::Deny,
            ordered: false,
            ranks: Vec::new(),
            span: first.span,
            policies,
        });
    }
    for document in documents.iter().filter(|document| decides(document)) {
        let why = format!(
            "{} of {} is a policy of another target",
            document.kind, document.api_version
        );
        for direction in Direction::BOTH {
            chain.unread.push(Unread {
                object: document.spoken(),
                direction,
                flows: vec![everything(Pods::any())],
                why: why.clone(),
                span: document.span(),
            });
        }
    }
    chain.into_reading(context)
}

fn everything(subject: Pods) -> FlowBox {
    FlowBox {
        subject,
        peers: EndpointSet::anywhere(),
        ports: PortSet::all(),
    }
}

/// Whether it is a policy of somebody else.
fn decides(document: &Document) -> bool {
    let group = document.api_version.split('/').next().unwrap_or("");
    DECIDING.contains(&group) && document.kind.ends_with("Policy")
}

fn gather(
    documents: &[Document],
    enforcer: &Enforcer<'_>,
    unread: &mut Vec<Unread>,
    diagnostics: &mut Diagnostics,
) -> Vec<ReadPolicy> {
    let mut known: BTreeMap<(SmolStr, &SmolStr), Vec<&Document>> = BTreeMap::new();
    for document in documents {
        if document.kind != "NetworkPolicy" {
            continue;
        }
        match document.api_version.as_str() {
            VERSION => {
                let versions = known
                    .entry((policy::home(document), &document.name))
                    .or_default();
                // The same object twice is applied twice.
                if !versions
                    .iter()
                    .any(|other| alike(&other.node, &document.node))
                {
                    versions.push(document);
                }
            }
            // Served up to 1.15.
            "extensions/v1beta1" => diagnostics.push(invalid(
                document.span(),
                format!(
                    "no matches for kind \"NetworkPolicy\" in version {:?}",
                    document.api_version
                ),
            )),
            _ => {}
        }
    }
    let mut found = Vec::with_capacity(known.len());
    for versions in known.into_values() {
        let mut open = Vec::new();
        let mut read: Vec<ReadPolicy> = versions
            .iter()
            .filter_map(|document| policy::read(document, enforcer, &mut open, diagnostics))
            .collect();
        if versions.len() == 1 {
            unread.extend(open);
            found.append(&mut read);
        } else {
            unread.extend(contested(&read));
        }
    }
    found.sort_by_key(|policy| (policy.span.file, policy.span.start));
    found
}

/// Objects of one name that differ: which of them is in the cluster is decided by whoever applies them.
fn contested(read: &[ReadPolicy]) -> Vec<Unread> {
    let mut all = Vec::new();
    for policy in read {
        for (direction, rules) in [
            (Direction::Ingress, &policy.ingress),
            (Direction::Egress, &policy.egress),
        ] {
            if rules.is_some() {
                let subject = policy.subject.iter().cloned();
                all.push(Unread {
                    object: policy.object.clone(),
                    direction,
                    flows: subject.map(everything).collect(),
                    why: format!("{} is there twice, and differs", policy.object),
                    span: policy.span,
                });
            }
        }
    }
    all
}

/// Whether two trees have the same values, wherever they stand.
fn alike(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((key, a), (other, b))| key.text == other.text && alike(a, b))
        }
        (a, b) => a == b,
    }
}
