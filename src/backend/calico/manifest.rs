//! The kinds of projectcalico.org/v3 that we write, as far as we write them: data only, in the order in which people read it.
//!
//! What is left away when empty is what Calico's defaulting leaves away too, save `types`, `order` and `tier`, which are always said:
//! their defaults differ between the two ways in which Calico can be installed.

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::backend::metadata::Metadata;
use crate::model;

/// The only version of the API that users may write to.
pub(super) const API_VERSION: &str = "projectcalico.org/v3";

/// One object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    pub(super) spec: S,
}

/// What the validator and the writer take: an object of one of the kinds.
#[derive(Debug)]
pub(super) enum Kind {
    Tier(Manifest<TierSpec>),
    GlobalNetworkSet(Manifest<NetworkSetSpec>),
    Policy(PolicyKind, Manifest<PolicySpec>),
}

/// The kinds that share the spec of a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PolicyKind {
    Global,
    Namespaced,
    StagedGlobal,
    StagedNamespaced,
}

impl PolicyKind {
    pub(super) fn of(namespaced: bool, staged: bool) -> Self {
        match (namespaced, staged) {
            (false, false) => PolicyKind::Global,
            (true, false) => PolicyKind::Namespaced,
            (false, true) => PolicyKind::StagedGlobal,
            (true, true) => PolicyKind::StagedNamespaced,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            PolicyKind::Global => "GlobalNetworkPolicy",
            PolicyKind::Namespaced => "NetworkPolicy",
            PolicyKind::StagedGlobal => "StagedGlobalNetworkPolicy",
            PolicyKind::StagedNamespaced => "StagedNetworkPolicy",
        }
    }

    pub(super) fn is_namespaced(self) -> bool {
        matches!(self, PolicyKind::Namespaced | PolicyKind::StagedNamespaced)
    }

    pub(super) fn is_staged(self) -> bool {
        matches!(
            self,
            PolicyKind::StagedGlobal | PolicyKind::StagedNamespaced
        )
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TierSpec {
    pub(super) order: u64,
    pub(super) default_action: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct NetworkSetSpec {
    #[serde(serialize_with = "nets")]
    pub(super) nets: Vec<IpNet>,
}

/// The spec of all four kinds of policy; the namespaced ones have no `namespaceSelector`, the enforced ones no `stagedAction`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicySpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) staged_action: Option<&'static str>,
    pub(super) tier: SmolStr,
    pub(super) order: u64,
    pub(super) selector: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_account_selector: Option<String>,
    pub(super) types: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ingress: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) egress: Vec<Rule>,
}

/// One rule: all its fields hold at once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    pub(super) action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) icmp: Option<Icmp>,
    #[serde(skip_serializing_if = "Entity::is_any")]
    pub(super) source: Entity,
    #[serde(skip_serializing_if = "Entity::is_any")]
    pub(super) destination: Entity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Protocol {
    /// `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6`: as Calico spells them, to the letter.
    Named(&'static str),
    /// 1-255
    Number(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Icmp {
    /// 0-254
    #[serde(rename = "type")]
    pub(super) kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u8>,
}

/// One side of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_accounts: Option<ServiceAccounts>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "nets")]
    pub(super) nets: Vec<IpNet>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "nets")]
    pub(super) not_nets: Vec<IpNet>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<Port>,
}

impl Entity {
    /// Whether it says nothing.
    pub(super) fn is_any(&self) -> bool {
        *self == Entity::default()
    }
}

/// Service accounts, by selector only: what stands in `names` is checked by nobody, and an unusable name there matches everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct ServiceAccounts {
    pub(super) selector: String,
}

/// One entry of `ports`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Port {
    /// First and last, both included; the same twice is a single port.
    Range(u16, u16),
    /// A named port.
    Name(SmolStr),
}

impl Serialize for Port {
    /// `80`, `8000:8080` (a colon: with a dash it would be a name), `http`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Port::Range(low, high) if low == high => serializer.serialize_u16(*low),
            Port::Range(low, high) => serializer.serialize_str(&format!("{low}:{high}")),
            Port::Name(name) => serializer.serialize_str(name),
        }
    }
}

fn nets<S: Serializer>(nets: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(nets.iter().map(ToString::to_string))
}

/// Our directions in Calico's words.
pub(super) fn type_word(direction: crate::space::Direction) -> &'static str {
    match direction {
        crate::space::Direction::Ingress => "Ingress",
        crate::space::Direction::Egress => "Egress",
    }
}

/// Our actions in Calico's words.
pub(super) fn action_word(action: model::Action) -> &'static str {
    match action {
        model::Action::Allow => "Allow",
        model::Action::Deny => "Deny",
        model::Action::Pass => "Pass",
        model::Action::Log => "Log",
    }
}
