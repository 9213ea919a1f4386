//! The kind `NetworkPolicy` of networking.k8s.io/v1, as far as we write it, with field names in the order in which `kubectl` shows them.
//!
//! Knows nothing of where the values come from. Every list that Kubernetes reads as "everything" when it is absent is an `Option` here, so that
//! an empty list and an absent one cannot be confused.

use std::collections::BTreeMap;

use serde::Serialize;
use smol_str::SmolStr;

/// `spec`
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    /// The pods of the object's namespace that it isolates.
    pub(super) pod_selector: LabelSelector,
    /// In which directions; always written, because the API server guesses otherwise.
    pub(super) policy_types: Vec<&'static str>,
    /// What may come in; absent iff the direction is not isolated, empty if nothing may.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) ingress: Option<Vec<IngressRule>>,
    /// What may go out; absent iff the direction is not isolated, empty if nothing may.
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) egress: Option<Vec<EgressRule>>,
}

/// Whether a direction's list is not written: `policyTypes` says that it is isolated. The API server stores no empty list, and a field that is
/// applied and never stored makes every apply a change.
fn is_nothing<T>(rules: &Option<Vec<T>>) -> bool {
    rules.as_ref().is_none_or(Vec::is_empty)
}

/// An item of `ingress`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct IngressRule {
    /// The other ends; absent: everything. Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Vec<Peer>>,
    /// The traffic; absent: everything. Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ports: Option<Vec<Port>>,
}

/// An item of `egress`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct EgressRule {
    /// The other ends; absent: everything. Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Vec<Peer>>,
    /// The traffic; absent: everything. Never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ports: Option<Vec<Port>>,
}

/// An item of `from` or `to`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Peer {
    /// Pods.
    #[serde(rename_all = "camelCase")]
    Pods {
        /// Of which namespaces; absent: the object's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace_selector: Option<LabelSelector>,
        /// Which of them; absent: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        pod_selector: Option<LabelSelector>,
    },
    /// Addresses.
    #[serde(rename_all = "camelCase")]
    Block {
        /// Which.
        ip_block: IpBlock,
    },
}

/// `ipBlock`
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct IpBlock {
    /// The block, without host bits.
    pub(super) cidr: String,
    /// What is carved out of it: strictly smaller blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) except: Vec<String>,
}

/// An item of `ports`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Port {
    /// `TCP`, `UDP`, `SCTP`; always written.
    pub(super) protocol: &'static str,
    /// Absent: every port of the protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<PortValue>,
    /// The last one of a range that begins at `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_port: Option<u16>,
}

/// `port`
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum PortValue {
    /// 1-65535
    Number(u16),
    /// The name of a port of the destination pod's containers.
    Name(SmolStr),
}

/// A label selector: all of it holds; an empty one admits everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LabelSelector {
    /// Keys with their one value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) match_labels: BTreeMap<SmolStr, SmolStr>,
    /// The other requirements, sorted by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) match_expressions: Vec<Requirement>,
}

/// An item of `matchExpressions`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(super) struct Requirement {
    /// The label.
    pub(super) key: SmolStr,
    /// What is required of it.
    pub(super) operator: Operator,
    /// For `In` and `NotIn` only, never empty there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<SmolStr>,
}

/// `operator`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(super) enum Operator {
    /// One of the values; not if the label is absent.
    In,
    /// None of the values; also if the label is absent.
    NotIn,
    /// Any value.
    Exists,
    /// Absent.
    DoesNotExist,
}
