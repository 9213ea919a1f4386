//! projectcalico.org/v3, read back.
//!
//! Takes: the objects of a cluster and what is known of it. Gives: a [`Reading`]: the program that decides every flow of pods as Calico 3.29 to 3.33 does, outside of what
//! is named unread. Written from the reference on Calico, sections 1 to 3; knows nothing of the emitter.
//!
//! Calico decides in tiers, by order and name; in a tier the policies that select the pod in that direction, by order and name; the first rule that matches and is no
//! `Log`. A tier of which no policy selects the pod is skipped, another one ends in its default action; what passes the last tier is allowed, by the profile of the
//! namespace. A rule's fields all hold together; each is exact in `space`, but for what the model, or nobody, knows:
//! which of some pods has an address, of which family a packet between pods is, what labels service accounts and host endpoints have, source ports,
//! what backs a service, and what an HTTP proxy does. Those rules match for certain what they match whatever the answer, and the rest is unread.
//!
//! Nodes are met by the address that the packet has: on an overlay, in ingress, that of a tunnel, which lies among the pods'. Objects beside the manifests are taken not to
//! exist, but for host endpoints, which any node may have.

mod ends;
mod entity;
mod kubernetes;
mod names;
mod policy;
mod rule;
mod selector;
mod solve;
mod tier;
mod traffic;
mod world;

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use self::policy::{Parsed, everything};
use self::world::World;
use crate::backend::read::document::{Document, invalid};
use crate::backend::read::{Context, Reading, Unread};
use crate::diagnostic::Diagnostics;
use crate::space::{Direction, Pods};

/// The group and version of Calico's objects.
const API_VERSION: &str = "projectcalico.org/v3";

/// The kinds of policies.
const POLICIES: [&str; 4] = [
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedNetworkPolicy",
];

/// Reads the objects of a cluster: Calico's own of `projectcalico.org/v3`, and the Kubernetes NetworkPolicies, which stand in the tier `default` at order 1000. What
/// Calico refuses is reported as `invalid-manifest`, and left out; objects that decide nothing about pods are passed over.
pub fn read<'d>(
    documents: impl Into<Cow<'d, [Document]>>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Reading {
    let documents = documents.into();
    duplicates(&documents, diagnostics);
    let world = World::new(&documents, context, diagnostics);
    let version = context.version;
    let mut tiers = Vec::new();
    let mut unread = Vec::new();
    for document in &*documents {
        match (document.api_version.as_str(), document.kind.as_str()) {
            (API_VERSION, "Tier") => tiers.extend(tier::tier(document, version, diagnostics)),
            (API_VERSION, kind) if POLICIES.contains(&kind) && !is_known(kind, version) => {
                let why = format!("no matches for kind \"{kind}\" in version \"{API_VERSION}\"");
                diagnostics.push(invalid(document.span(), why));
            }
            (group, kind) if decides(group, kind) => unread.extend(foreign(document)),
            _ => {}
        }
    }
    let mut parsed = kubernetes::policies(&documents, context, &mut unread, diagnostics);
    let one = |document: &Document| {
        let kind = document.kind.as_str();
        let is_policy = document.api_version == API_VERSION && POLICIES.contains(&kind);
        (is_policy && is_known(kind, version)).then(|| {
            let mut own = Diagnostics::default();
            (policy::policy(document, &world, &mut own), own)
        })
    };
    let read: Vec<Option<(Option<Parsed>, Diagnostics)>> = match documents {
        Cow::Borrowed(all) => all.par_iter().map(one).collect(),
        // Each is dropped as soon as it is read.
        Cow::Owned(all) => all.into_par_iter().map(|document| one(&document)).collect(),
    };
    for (policy, faults) in read.into_iter().flatten() {
        diagnostics.extend(faults);
        parsed.extend(policy);
    }
    let mut chain = tier::chain(tiers, parsed, version);
    chain.unread.extend(unread);
    chain.into_reading(context)
}

/// Whether a version has a kind of policies.
fn is_known(kind: &str, version: (u16, u16)) -> bool {
    !kind.starts_with("Staged") || version >= (3, 30)
}

/// Whether objects of a kind decide flows of pods on Calico, though they are none that are read here.
fn decides(group: &str, kind: &str) -> bool {
    let policy = kind.ends_with("NetworkPolicy") && !kind.starts_with("Staged");
    let stored = group.starts_with("crd.projectcalico.org/");
    stored && (policy || ["Tier", "NetworkSet", "GlobalNetworkSet"].contains(&kind))
        || policy && group.starts_with("policy.networking.k8s.io/")
}

/// A policy that is not read here could decide anything.
fn foreign(document: &Document) -> Vec<Unread> {
    let one = |direction| Unread {
        object: document.spoken(),
        direction,
        flows: everything(&[Pods::any()]),
        why: format!("{} of {} is not read", document.kind, document.api_version),
        span: document.span(),
    };
    Direction::BOTH.map(one).to_vec()
}

/// Reports objects that stand twice: which of the two a cluster holds depends on who applied it last.
fn duplicates(documents: &[Document], diagnostics: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    let own = documents
        .iter()
        .filter(|document| document.api_version == API_VERSION);
    for document in own {
        let key = (&document.kind, &document.namespace, &document.name);
        if let Some(first) = seen.insert(key, document.span()) {
            let why = format!("{} already exists", document.spoken());
            diagnostics.push(invalid(document.span(), why).and(first, "the other one"));
        }
    }
}
