//! The kinds of cilium.io/v2 that we write, as far as we write them: typed, so that a field that does not exist cannot be written.
//!
//! Field names and shapes are those of the CRDs; an absent list is never written as an empty one, because an empty list of peers
//! selects nothing while an absent one selects everything.

use serde::Serialize;
use smol_str::SmolStr;

/// `CiliumNetworkPolicy` and `CiliumClusterwideNetworkPolicy` without metadata: exactly one of `spec` and `specs` is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct PolicyBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<Spec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) specs: Vec<Spec>,
}

impl PolicyBody {
    /// One rule as `spec`, several as `specs`.
    pub(super) fn of(mut specs: Vec<Spec>) -> Self {
        match specs.len() {
            1 => PolicyBody {
                spec: specs.pop(),
                specs: Vec::new(),
            },
            _ => PolicyBody { spec: None, specs },
        }
    }

    /// The rules, however they are written.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Spec> {
        self.spec.iter().chain(&self.specs)
    }
}

/// `api.Rule`: a subject and what it may and may not do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) endpoint_selector: LabelSelector,
    pub(super) enable_default_deny: DefaultDeny,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ingress: Vec<Ingress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ingress_deny: Vec<Ingress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) egress: Vec<Egress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) egress_deny: Vec<Egress>,
}

/// Which directions of the subject are closed; always written, because what is left out depends on the lists beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(super) struct DefaultDeny {
    pub(super) ingress: bool,
    pub(super) egress: bool,
}

/// A label selector: all of it holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LabelSelector {
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub(super) match_labels: Vec<(SmolStr, SmolStr)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) match_expressions: Vec<Expression>,
}

fn as_map<S: serde::Serializer>(
    pairs: &[(SmolStr, SmolStr)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// One requirement of a label selector.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(super) struct Expression {
    pub(super) key: SmolStr,
    pub(super) operator: Operator,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<SmolStr>,
}

/// The operators that Cilium takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub(super) enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// Peers of one element: one kind only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    Endpoints(Vec<LabelSelector>),
    Entities(Vec<Entity>),
    Cidrs(Vec<CidrRule>),
    Names(Vec<Name>),
}

/// Traffic of one element: ports or messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Matched {
    Ports(Vec<PortRule>),
    Icmps(Vec<IcmpRule>),
}

/// An element of `ingress` or `ingressDeny`; the empty one allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ingress {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) from_endpoints: Vec<LabelSelector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) from_entities: Vec<Entity>,
    #[serde(rename = "fromCIDRSet", skip_serializing_if = "Vec::is_empty")]
    pub(super) from_cidr_set: Vec<CidrRule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to_ports: Vec<PortRule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) icmps: Vec<IcmpRule>,
}

/// An element of `egress` or `egressDeny`; the empty one allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Egress {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to_endpoints: Vec<LabelSelector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to_entities: Vec<Entity>,
    #[serde(rename = "toCIDRSet", skip_serializing_if = "Vec::is_empty")]
    pub(super) to_cidr_set: Vec<CidrRule>,
    #[serde(rename = "toFQDNs", skip_serializing_if = "Vec::is_empty")]
    pub(super) to_fqdns: Vec<Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) to_ports: Vec<PortRule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) icmps: Vec<IcmpRule>,
}

/// An element without a direction: peers (never left out) and traffic (all of it if absent).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Element {
    pub(super) peer: Peer,
    pub(super) matched: Option<Matched>,
}

impl Element {
    fn traffic(matched: Option<Matched>) -> (Vec<PortRule>, Vec<IcmpRule>) {
        match matched {
            None => (Vec::new(), Vec::new()),
            Some(Matched::Ports(ports)) => (ports, Vec::new()),
            Some(Matched::Icmps(icmps)) => (Vec::new(), icmps),
        }
    }

    /// As an element of `ingress`. Names do not occur there.
    pub(super) fn ingress(self) -> Ingress {
        let (to_ports, icmps) = Element::traffic(self.matched);
        let mut element = Ingress {
            to_ports,
            icmps,
            ..Ingress::default()
        };
        match self.peer {
            Peer::Endpoints(selectors) => element.from_endpoints = selectors,
            Peer::Entities(entities) => element.from_entities = entities,
            Peer::Cidrs(cidrs) => element.from_cidr_set = cidrs,
            // A name is refused at ingress before elements are made; nobody is the safe reading.
            Peer::Names(_) => element.from_entities = vec![Entity::None],
        }
        element
    }

    /// As an element of `egress`.
    pub(super) fn egress(self) -> Egress {
        let (to_ports, icmps) = Element::traffic(self.matched);
        let mut element = Egress {
            to_ports,
            icmps,
            ..Egress::default()
        };
        match self.peer {
            Peer::Endpoints(selectors) => element.to_endpoints = selectors,
            Peer::Entities(entities) => element.to_entities = entities,
            Peer::Cidrs(cidrs) => element.to_cidr_set = cidrs,
            Peer::Names(names) => element.to_fqdns = names,
        }
        element
    }
}

/// Reserved peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Entity {
    All,
    Host,
    RemoteNode,
    World,
    Ingress,
    KubeApiserver,
    None,
}

/// An item of `fromCIDRSet` and `toCIDRSet`: exactly one of `cidr` and `cidrGroupRef`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CidrRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cidr_group_ref: Option<SmolStr>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) except: Vec<String>,
}

/// An item of `toFQDNs` and of DNS rules: exactly one of both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Name {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) match_name: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) match_pattern: Option<SmolStr>,
}

impl Name {
    /// Every name.
    pub(super) fn any() -> Self {
        Name {
            match_name: None,
            match_pattern: Some(SmolStr::new_static("*")),
        }
    }
}

/// An item of `toPorts`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct PortRule {
    pub(super) ports: Vec<PortProtocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rules: Option<DnsRules>,
}

/// `rules` of a port rule: only names are ever filtered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct DnsRules {
    pub(super) dns: Vec<Name>,
}

/// A port, a range of them, or a protocol.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortProtocol {
    pub(super) port: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_port: Option<u16>,
    pub(super) protocol: &'static str,
}

/// An item of `icmps`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct IcmpRule {
    pub(super) fields: Vec<IcmpField>,
}

/// A type of message; type 0 is every type of the family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct IcmpField {
    pub(super) family: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: u8,
}

/// The body of a `CiliumCIDRGroup`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct CidrGroup {
    pub(super) spec: CidrGroupSpec,
}

/// `spec` of a `CiliumCIDRGroup`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CidrGroupSpec {
    #[serde(rename = "externalCIDRs")]
    pub(super) external_cidrs: Vec<String>,
}
