//! Facts of a cluster, and the namespaces that it declares.

use smol_str::SmolStr;

use crate::source::Span;
use crate::space::AddressSet;

/// Facts; what is not said is unknown, and what depends on it is refused.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name; empty if the project declares none.
    pub name: SmolStr,
    /// Where it is declared.
    pub span: Option<Span>,
    /// The ranges of pod addresses, per family said or not.
    pub pods: Option<AddressSet>,
    /// The ranges of service addresses.
    pub services: Option<AddressSet>,
    /// The ranges of node addresses.
    pub nodes: Option<AddressSet>,
    /// The addresses of the API server.
    pub apiserver: Option<AddressSet>,
    /// `ipv4 none`: no pod, node or service has an IPv4 address.
    pub ipv4_none: bool,
    /// `ipv6 none`: no pod, node or service has an IPv6 address.
    pub ipv6_none: bool,
    /// `namespaces closed`: every namespace is declared.
    pub namespaces_closed: bool,
    /// `overlay none|ipip|vxlan`
    pub overlay: Option<Overlay>,
    /// `host-endpoints automatic`
    pub host_endpoints_automatic: bool,
    /// `sctp`: the CNI carries SCTP.
    pub sctp: bool,
    /// `node-labels`: Cilium's `enable-node-selector-labels`.
    pub node_labels: bool,
    /// `extended-protocols`: Cilium's `enable-extended-ip-protocols`.
    pub extended_protocols: bool,
    /// `cni NAME`: which CNI enforces Kubernetes NetworkPolicy.
    pub cni: Option<Cni>,
}

impl Cluster {
    /// A cluster of which nothing is known.
    pub fn unknown() -> Self {
        Cluster {
            name: SmolStr::default(),
            span: None,
            pods: None,
            services: None,
            nodes: None,
            apiserver: None,
            ipv4_none: false,
            ipv6_none: false,
            namespaces_closed: false,
            overlay: None,
            host_endpoints_automatic: false,
            sctp: false,
            node_labels: false,
            extended_protocols: false,
            cni: None,
        }
    }

    /// The union of the declared pod, node and service ranges.
    pub fn bounds(&self) -> AddressSet {
        [&self.pods, &self.services, &self.nodes]
            .into_iter()
            .flatten()
            .fold(AddressSet::empty(), |all, one| all.union(one))
    }
}

/// How pod traffic travels between nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlay {
    /// Not encapsulated.
    None,
    /// IP in IP.
    Ipip,
    /// VXLAN.
    Vxlan,
}

/// The CNIs whose treatment of NetworkPolicy's loose ends is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cni {
    /// Calico.
    Calico,
    /// Cilium.
    Cilium,
    /// Antrea.
    Antrea,
    /// kube-router.
    KubeRouter,
    /// OVN-Kubernetes.
    OvnKubernetes,
    /// kube-network-policies (kindnet's).
    Kindnet,
}

/// A declared namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Its name, an RFC 1123 label.
    pub name: SmolStr,
    /// Its labels, sorted by key, without `kubernetes.io/metadata.name`.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// Where it is declared.
    pub span: Span,
}

impl Namespace {
    /// The value of one of its labels; its name for `kubernetes.io/metadata.name`.
    pub fn label(&self, key: &str) -> Option<&str> {
        if key == crate::space::METADATA_NAME {
            return Some(&self.name);
        }
        self.labels
            .binary_search_by(|(known, _)| known.as_str().cmp(key))
            .ok()
            .map(|at| self.labels[at].1.as_str())
    }
}
