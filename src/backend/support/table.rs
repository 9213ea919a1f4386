//! The rows.

use super::Says::{Exact, Needs, Refused};
use super::{Column, Row, Section};

/// A construct, as far as targets differ in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Construct {
    /// First match among `allow` and `deny`.
    AllowDeny,
    /// `pass`
    Pass,
    /// Policies of a tier in order.
    BeforeAfter,
    /// A tier that closes.
    OtherwiseDeny,
    /// A tier that closes and records.
    OtherwiseDenyAndLog,
    /// The `default` block.
    Default,
    /// A rule that records.
    Log,
    /// A policy that is not enforced.
    Staged,
    /// A rule with an end.
    Until,
    /// A subject of one namespace.
    SubjectByLabel,
    /// A subject by labels of namespaces.
    SubjectByNamespaceLabel,
    /// A subject in all namespaces.
    SubjectEverywhere,
    /// A subject by service account.
    SubjectByAccount,
    /// Pods of a namespace.
    PodsByName,
    /// Pods by labels of namespaces.
    PodsByNamespaceLabel,
    /// Pods of all namespaces.
    PodsEverywhere,
    /// Pods of the subject's namespace.
    SameNamespace,
    /// Pods of namespaces with the subject's label.
    SameLabel,
    /// Pods by service account.
    Account,
    /// A label that Cilium keeps out of identities.
    LabelOutOfIdentity,
    /// A label with a long key.
    LongLabelKey,
    /// Addresses in egress.
    AddressEgress,
    /// Addresses in ingress.
    AddressIngress,
    /// Addresses in a deny.
    AddressDenied,
    /// Addresses of IPv6.
    AddressV6,
    /// `outside`
    Outside,
    /// `anywhere`
    Anywhere,
    /// `nodes` in egress.
    NodesEgress,
    /// `nodes` in ingress.
    NodesIngress,
    /// `nodes` in a deny of ingress.
    NodesIngressDenied,
    /// Some nodes by address.
    OneNode,
    /// `apiserver` in egress.
    ApiserverEgress,
    /// `apiserver` in ingress.
    ApiserverIngress,
    /// `apiserver` in a deny of ingress.
    ApiserverIngressDenied,
    /// A DNS name, or a pattern for one label.
    DnsName,
    /// A pattern for several labels.
    DnsDeepPattern,
    /// `ingress-proxy`
    IngressProxy,
    /// Ports by number.
    Tcp,
    /// A wide range of ports.
    PortRange,
    /// Every port of a protocol.
    TcpAll,
    /// All traffic.
    All,
    /// All traffic but a port.
    AllButSome,
    /// SCTP.
    Sctp,
    /// A named port in ingress.
    NamedIngress,
    /// A named port in egress.
    NamedEgress,
    /// A number from which a name is taken away.
    NamedAndNumbered,
    /// Every message of ICMP.
    Icmp,
    /// One type.
    IcmpType,
    /// Type 0.
    IcmpTypeZero,
    /// One code.
    IcmpCode,
    /// Type 255.
    IcmpType255,
    /// The protocols that Cilium knows since 1.20.
    Gre,
    /// The protocols that Cilium knows since 1.19.
    Vrrp,
    /// Any other protocol.
    OtherProtocol,
    /// A service in egress.
    ServiceEgress,
    /// A service in ingress.
    ServiceIngress,
}

const PODS: &str = "pods 10.244.0.0/16";
const NODES: &str = "nodes 192.168.10.0/24";
const APISERVER: &str = "apiserver 192.168.10.10";
const V6: &str = "ipv6 none";
const CLOSED: &str = "namespaces closed";
const OVERLAY: &str = "overlay none";
const CNI: &str = "cni calico";
const SCTP: &str = "sctp";
const EXTENDED: &str = "extended-protocols";

/// In every version, whatever is known of the cluster.
const EXACT: Column = &[(0, Exact)];

/// All rows, as the book has them.
pub static TABLE: &[Section] = &[
    Section {
        heading: "Decisions",
        rows: DECISIONS,
    },
    Section {
        heading: "Whom a policy is about",
        rows: WHOM_A_POLICY_IS_ABOUT,
    },
    Section {
        heading: "The other end",
        rows: THE_OTHER_END,
    },
    Section {
        heading: "Ports and protocols",
        rows: PORTS_AND_PROTOCOLS,
    },
];

const DECISIONS: &[Row] = &[
    Row {
        construct: Construct::AllowDeny,
        words: "`allow`, `deny` in order",
        example: "egress { allow tcp 443 to pods in blue  deny all to pods in blue  allow all to pods in * }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::Pass,
        words: "`pass`",
        example: "policy a in first { for pods in shop  egress { pass tcp 443 to pods in blue  deny all to pods in blue } }  policy b in app { for pods in shop  egress { allow tcp 443 to pods in blue } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::BeforeAfter,
        words: "`before`, `after`",
        example: "policy a in app before b { for pods in shop  egress { deny all to pods in blue } }  policy b in app { for pods in shop  egress { allow tcp 443 to pods in blue } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::OtherwiseDeny,
        words: "`otherwise deny`, `{ }`",
        example: "ingress { }  egress { }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::OtherwiseDenyAndLog,
        words: "`otherwise deny and log`",
        example: "policy a in logged { for pods in shop  ingress { allow tcp 80 from pods in blue } }",
        kubernetes: &[(0, Refused("no-log-action"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-log-action"))],
    },
    Row {
        construct: Construct::Default,
        words: "`default`",
        example: "default { for pods in *  ingress { }  egress { allow dns } }",
        kubernetes: &[(0, Needs(&[CLOSED]))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::Log,
        words: "`log`, `allow and log`, `deny and log`",
        example: "egress { allow and log tcp 443 to pods in blue }",
        kubernetes: &[(0, Refused("no-log-action"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-log-action"))],
    },
    Row {
        construct: Construct::Staged,
        words: "`staged policy`",
        example: "staged policy a in app { for pods in shop  egress { allow tcp 443 to pods in blue } }",
        kubernetes: &[(0, Refused("no-staged-policies"))],
        calico: &[(0, Refused("no-staged-policies")), (30, Exact)],
        cilium: &[(0, Refused("no-staged-policies"))],
    },
    Row {
        construct: Construct::Until,
        words: "`until`",
        example: "egress { allow tcp 443 to pods in blue until 2027-03-31 }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
];

const WHOM_A_POLICY_IS_ABOUT: &[Row] = &[
    Row {
        construct: Construct::SubjectByLabel,
        words: "`for pods{…} in NAME`",
        example: "policy a in app { for pods{app=front, env!=dev, !canary} in shop  ingress { allow tcp 80 from pods in blue } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::SubjectByNamespaceLabel,
        words: "`for pods in namespaces{…}`",
        example: "policy a in app { for pods in namespaces{team=shop}  ingress { allow tcp 80 from pods in blue } }",
        kubernetes: &[(0, Needs(&[CLOSED]))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::SubjectEverywhere,
        words: "`for pods in *`",
        example: "policy a in app { for pods in *  ingress { allow tcp 80 from pods in blue } }",
        kubernetes: &[(0, Needs(&[CLOSED]))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::SubjectByAccount,
        words: "`for serviceaccount …`",
        example: "policy a in app { for serviceaccount web in shop  ingress { allow tcp 80 from pods in blue } }",
        kubernetes: &[(0, Refused("no-service-accounts"))],
        calico: EXACT,
        cilium: EXACT,
    },
];

const THE_OTHER_END: &[Row] = &[
    Row {
        construct: Construct::PodsByName,
        words: "`pods{…} in NAME`",
        example: "ingress { allow tcp 80 from pods{app=api, !canary} in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::PodsByNamespaceLabel,
        words: "`pods in namespaces{…}`",
        example: "ingress { allow tcp 80 from pods in namespaces{team!=shop} }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::PodsEverywhere,
        words: "`pods{…} in *`",
        example: "ingress { allow tcp 80 from pods{app=api} in * }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::SameNamespace,
        words: "`pods in same`",
        example: "policy a in app { for pods in (shop, blue)  ingress { allow tcp 80 from pods in same } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::SameLabel,
        words: "`pods in namespaces{team=same}`",
        example: "policy a in app { for pods in (shop, blue)  ingress { allow tcp 80 from pods in namespaces{team=same} } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::Account,
        words: "`serviceaccount …`",
        example: "ingress { allow tcp 80 from serviceaccount web in blue }",
        kubernetes: &[(0, Refused("no-service-accounts"))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::LabelOutOfIdentity,
        words: "a label that the CNI drops",
        example: "ingress { allow tcp 80 from pods{pod-template-hash=abc} in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: &[(0, Refused("label-not-in-identity"))],
    },
    Row {
        construct: Construct::LongLabelKey,
        words: "a label key of more than 59 characters",
        example: "ingress { allow tcp 80 from pods{a-key-that-is-longer-than-fifty-nine-characters-and-no-more-x=yes} in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: &[(0, Refused("label-key-too-long")), (20, Exact)],
    },
    Row {
        construct: Construct::AddressEgress,
        words: "addresses, a `network`: egress",
        example: "egress { allow tcp 443 to 203.0.113.0/24 except 203.0.113.7 }",
        kubernetes: &[(0, Needs(&[PODS, NODES]))],
        calico: &[(0, Needs(&[PODS, NODES]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::AddressIngress,
        words: "addresses, a `network`: ingress",
        example: "ingress { allow tcp 80 from 203.0.113.0/24 except 203.0.113.7 }",
        kubernetes: &[(0, Needs(&[PODS, NODES, CNI]))],
        calico: &[(0, Needs(&[PODS, NODES]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::AddressDenied,
        words: "`deny` of addresses",
        example: "egress { deny all to 203.0.113.7  allow all to 203.0.113.0/24 }",
        kubernetes: &[(0, Needs(&[PODS, NODES]))],
        calico: &[(0, Needs(&[PODS, NODES]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::AddressV6,
        words: "IPv6 addresses",
        example: "egress { allow tcp 443 to 2001:db8::/32 }",
        kubernetes: &[(0, Needs(&[V6]))],
        calico: &[(0, Needs(&[V6]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::Outside,
        words: "`outside`",
        example: "egress { allow tcp 443 to outside }",
        kubernetes: &[(0, Needs(&[PODS, NODES, V6]))],
        calico: &[(0, Needs(&[PODS, NODES, V6]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::Anywhere,
        words: "`anywhere`",
        example: "egress { allow tcp 443 to anywhere }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::NodesEgress,
        words: "`nodes`: egress",
        example: "egress { allow tcp 10250 to nodes }",
        kubernetes: &[(0, Needs(&[PODS, NODES, V6, CNI]))],
        calico: &[(0, Needs(&[NODES, V6]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::NodesIngress,
        words: "`nodes`: ingress",
        example: "ingress { allow tcp 80 from nodes }",
        kubernetes: &[(0, Needs(&[PODS, NODES, V6, OVERLAY, CNI]))],
        calico: &[(0, Needs(&[NODES, V6, OVERLAY]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::NodesIngressDenied,
        words: "`deny` of `nodes`: ingress",
        example: "ingress { deny all from nodes  allow tcp 80 from anywhere }",
        kubernetes: &[(0, Needs(&[PODS, NODES, V6]))],
        calico: &[(0, Needs(&[NODES, V6, OVERLAY]))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::OneNode,
        words: "nodes by address",
        example: "egress { allow tcp 10250 to nodes except apiserver }",
        kubernetes: &[(0, Needs(&[PODS, NODES, APISERVER, V6, CNI]))],
        calico: &[(0, Needs(&[NODES, APISERVER, V6]))],
        cilium: &[(0, Refused("no-node-addresses"))],
    },
    Row {
        construct: Construct::ApiserverEgress,
        words: "`apiserver`: egress",
        example: "egress { allow tcp 6443 to apiserver }",
        kubernetes: &[(0, Needs(&[PODS, NODES, APISERVER, CNI]))],
        calico: &[(0, Needs(&[NODES, APISERVER]))],
        cilium: &[(0, Needs(&[APISERVER]))],
    },
    Row {
        construct: Construct::ApiserverIngress,
        words: "`apiserver`: ingress",
        example: "ingress { allow tcp 9443 from apiserver }",
        kubernetes: &[(0, Needs(&[PODS, NODES, APISERVER, OVERLAY, CNI]))],
        calico: &[(0, Needs(&[NODES, APISERVER, OVERLAY]))],
        cilium: &[(0, Needs(&[APISERVER]))],
    },
    Row {
        construct: Construct::ApiserverIngressDenied,
        words: "`deny` of `apiserver`: ingress",
        example: "ingress { deny all from apiserver  allow tcp 80 from anywhere }",
        kubernetes: &[(0, Needs(&[PODS, NODES, APISERVER, V6, OVERLAY, CNI]))],
        calico: &[(0, Needs(&[NODES, APISERVER, OVERLAY]))],
        cilium: &[(0, Refused("apiserver-not-deniable"))],
    },
    Row {
        construct: Construct::DnsName,
        words: "`\"a.example\"`, `\"*.a.example\"`",
        example: "egress { allow dns  allow tcp 443 to \"a.example\", \"*.b.example\" }",
        kubernetes: &[(0, Refused("no-dns-names"))],
        calico: &[(0, Refused("no-dns-names"))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::DnsDeepPattern,
        words: "`\"**.a.example\"`",
        example: "egress { allow dns  allow tcp 443 to \"**.a.example\" }",
        kubernetes: &[(0, Refused("no-dns-names"))],
        calico: &[(0, Refused("no-dns-names"))],
        cilium: &[(0, Refused("no-dns-pattern")), (19, Exact)],
    },
    Row {
        construct: Construct::IngressProxy,
        words: "`ingress-proxy`",
        example: "ingress { allow tcp 80 from ingress-proxy }",
        kubernetes: &[(0, Refused("no-ingress-proxy"))],
        calico: &[(0, Refused("no-ingress-proxy"))],
        cilium: EXACT,
    },
];

const PORTS_AND_PROTOCOLS: &[Row] = &[
    Row {
        construct: Construct::Tcp,
        words: "`tcp 80`, `udp 53`",
        example: "egress { allow tcp 80, udp 53 to pods in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::PortRange,
        words: "ranges of more than 16 ports",
        example: "egress { allow tcp 30000-32767 to pods in blue }",
        kubernetes: &[(0, Needs(&[CNI]))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::TcpAll,
        words: "`tcp all`",
        example: "egress { allow tcp all to pods in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::All,
        words: "`all`",
        example: "egress { allow all to pods in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::AllButSome,
        words: "`all` but a port",
        example: "egress { deny tcp 25  allow all to pods in blue }",
        kubernetes: &[(0, Needs(&[CNI]))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::Sctp,
        words: "`sctp 3868`",
        example: "egress { allow sctp 3868 to pods in blue }",
        kubernetes: &[(0, Needs(&[SCTP]))],
        calico: EXACT,
        cilium: &[(0, Needs(&[SCTP]))],
    },
    Row {
        construct: Construct::NamedIngress,
        words: "`tcp \"metrics\"`: ingress",
        example: "ingress { allow tcp \"metrics\" from pods in blue }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::NamedEgress,
        words: "`tcp \"metrics\"`: egress",
        example: "egress { allow tcp \"metrics\" to pods in blue }",
        kubernetes: &[(0, Needs(&[CNI]))],
        calico: EXACT,
        cilium: &[(0, Refused("no-named-ports")), (20, Exact)],
    },
    Row {
        construct: Construct::NamedAndNumbered,
        words: "a number less a name",
        example: "egress { deny tcp \"metrics\" to pods in blue  allow tcp 9090 to pods in blue }",
        kubernetes: &[(0, Refused("named-and-numbered-ports"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-named-ports"))],
    },
    Row {
        construct: Construct::Icmp,
        words: "`icmp`, `icmpv6`",
        example: "egress { allow icmp to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::IcmpType,
        words: "`icmp echo-request`",
        example: "egress { allow icmp echo-request to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::IcmpTypeZero,
        words: "`icmp echo-reply` (type 0)",
        example: "egress { allow icmp echo-reply to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-icmp-type-zero"))],
    },
    Row {
        construct: Construct::IcmpCode,
        words: "`icmp type 3 code 4`",
        example: "egress { allow icmp type 3 code 4 to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-icmp-codes"))],
    },
    Row {
        construct: Construct::IcmpType255,
        words: "`icmp type 255`",
        example: "egress { allow icmp type 255 to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: &[(0, Refused("icmp-type-255"))],
        cilium: EXACT,
    },
    Row {
        construct: Construct::Gre,
        words: "`protocol 4, 41, 47, 50, 51` (IPIP, IPv6, GRE, ESP, AH)",
        example: "egress { allow protocol 47 to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-such-protocol")), (20, Needs(&[EXTENDED]))],
    },
    Row {
        construct: Construct::Vrrp,
        words: "`protocol 2, 112` (IGMP, VRRP)",
        example: "egress { allow protocol 112 to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-such-protocol")), (19, Needs(&[EXTENDED]))],
    },
    Row {
        construct: Construct::OtherProtocol,
        words: "any other protocol number",
        example: "egress { allow protocol 89 to pods in blue }",
        kubernetes: &[(0, Refused("no-such-protocol"))],
        calico: EXACT,
        cilium: &[(0, Refused("no-such-protocol"))],
    },
    Row {
        construct: Construct::ServiceEgress,
        words: "a service: egress",
        example: "egress { allow catalog }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
    Row {
        construct: Construct::ServiceIngress,
        words: "a service: ingress",
        example: "policy a in app { for pods{app=catalog} in blue  ingress { allow catalog from pods in shop } }",
        kubernetes: EXACT,
        calico: EXACT,
        cilium: EXACT,
    },
];
