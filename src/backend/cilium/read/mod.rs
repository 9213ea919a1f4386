//! Cilium's manifests to a program, by the rules of the agent.
//!
//! Takes: [`Document`]s and what is known of the cluster. Gives: a [`Reading`]. Kinds: CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy of
//! `cilium.io/v2`, CiliumCIDRGroup of `v2` and `v2alpha1`, versions 1.17 to 1.20, and beside them Kubernetes' NetworkPolicy; anything else is left to others. Written from the
//! documents and the source of the agent (`pkg/policy/api`, `pkg/policy/utils`, `pkg/k8s/apis/cilium.io`), and without a look at how we write manifests.
//!
//! Deny is over allow, whatever object says it, and a pod that some rule closes lets in only what is allowed. So an ordered chain of three
//! tiers is the same: every deny, then every allow, then the rules that close.
//!
//! What no flow of the model can show is left out, and none of it makes a decision here wrong: the policies of nodes (`nodeSelector`), of the
//! ingress proxy, of health endpoints and of pods without labels, which a clusterwide `endpointSelector: {}` also selects; that ICMP "fragmentation
//! needed" passes whatever is written, and that what the cluster does not carry (SCTP, other protocols) is dropped before any policy is asked; a
//! pod label with the key of a reserved one (`remote-node`). Assumed are the agent's defaults: `enable-policy=default`, `allow-localhost=auto`,
//! `policy-cidr-match-mode=""`, the default label filter, non-default-deny policies and ICMP rules on, and one cluster.

mod beside;
mod blocks;
mod element;
mod ends;
mod entity;
mod filter;
mod icmp;
mod identity;
mod merge;
mod names;
mod object;
mod ports;
mod proxy;
mod ranged;
mod rule;
mod selector;
mod tiers;

use crate::backend::read::document::Document;
use crate::backend::read::{Context, Reading};
use crate::diagnostic::Diagnostics;

/// Reads the manifests of a cluster, all of them together: objects that are invalid are reported and have no part in the reading.
pub fn read(
    documents: &[Document],
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Reading {
    let objects = object::objects(documents, context, diagnostics);
    let mut chain = tiers::chain(&objects, documents, context);
    let policies = beside::policies(documents, context, &mut chain.unread, diagnostics);
    chain.unread.extend(ranged::unread(&objects, &policies));
    tiers::join(&mut chain, policies);
    chain.into_reading(context)
}
