//! The tree of one file, as it was written: names are not resolved, nothing is checked but the grammar.
//!
//! Grammar rule, parsing function and tree type bear the same name. Every node has its [`Span`].
//! Always write `ast::Policy`: the resolved `model::Policy` is another thing.

use std::net::IpAddr;

use smol_str::SmolStr;

use crate::source::{FileId, Span, Spanned};

/// A name with its place: of a declaration, a namespace, a key, a word.
pub type Name = Spanned<SmolStr>;

/// One file: its items in order. A broken item is missing here and reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// The file.
    pub id: FileId,
    /// What stands in it.
    pub items: Vec<Item>,
}

/// A declaration with the `///` lines before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Documentation lines, without `///` and at most one blank after it.
    pub doc: Vec<SmolStr>,
    /// What is declared.
    pub kind: ItemKind,
    /// From its first word to its last character; without the documentation.
    pub span: Span,
}

/// The declarations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemKind {
    /// `use std.metadata`
    Use(Path),
    /// `cluster prod { … }`
    Cluster(Cluster),
    /// `tier app { otherwise deny and log }`
    Tier(Tier),
    /// `default { … }`
    Default(Default),
    /// `policy NAME in TIER { … }`
    Policy(Policy),
    /// `profile NAME(a, b) { … }`
    Profile(Profile),
    /// `team books { owners … }`
    Team(Team),
    /// `namespace blue { team=books }`
    Namespace(Namespace),
    /// `network legacy = 172.18.0.1`
    Network(Network),
    /// `ports web = tcp 80, 443`
    Ports(Ports),
    /// `group api = pods{…} in blue`
    Group(Group),
    /// `service catalog = tcp 8080 on api`
    Service(Service),
    /// `test "…" { … }`
    Test(Test),
    /// `guard "…" { … }`
    Guard(Test),
    /// `raw calico "path.yaml" overlaps`
    Raw(Raw),
}

/// A dotted name: `std.dns.coredns`, `books.api`, `api`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The segments, at least one.
    pub segments: Vec<Name>,
    /// The whole.
    pub span: Span,
}

/// Facts and names of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: Name,
    /// Facts and declarations (`network`, `group`, `service`, `namespace`) in order.
    pub items: Vec<ClusterItem>,
}

/// What stands in a cluster block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClusterItem {
    /// A fact.
    Fact(Fact),
    /// A name that differs from cluster to cluster.
    Declaration(Box<Item>),
}

/// `pods 10.244.0.0/16`, `ipv6 none`, `namespaces closed`, `sctp`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Which.
    pub name: Name,
    /// Its values, possibly none.
    pub values: Vec<FactValue>,
    /// The whole.
    pub span: Span,
}

/// A value of a fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FactValue {
    /// An address or range.
    Address(Address),
    /// A word.
    Word(Name),
}

/// An address or CIDR as written; `prefix` is absent for a plain address. Host bits are not checked here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// The length of the prefix, at most 32 or 128.
    pub prefix: Option<u8>,
    /// Where.
    pub span: Span,
}

/// A tier; their order is the order of declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tier {
    /// Its name.
    pub name: Name,
    /// `otherwise …`, if written.
    pub otherwise: Option<Spanned<Otherwise>>,
}

/// What happens to a flow of a selected pod that no rule of the tier decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Otherwise {
    /// The next tier decides; the default.
    Pass,
    /// It is denied.
    Deny,
    /// It is denied and recorded.
    DenyAndLog,
}

/// The unnamed policy after the last tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Default {
    /// What it says.
    pub body: Body,
}

/// A policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The word `staged`, if written.
    pub staged: Option<Span>,
    /// Its name.
    pub name: Name,
    /// Its tier.
    pub tier: Name,
    /// `before …` and `after …`.
    pub order: Vec<Order>,
    /// What it says.
    pub body: Body,
}

/// `before a, b` or `after a, b`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Which.
    pub side: Side,
    /// The other policies.
    pub others: Vec<Path>,
    /// The whole.
    pub span: Span,
}

/// Which side of another policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Decides first.
    Before,
    /// Decides later.
    After,
}

/// The body of a policy, of `default` or of a profile: its statements in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// The statements.
    pub statements: Vec<Statement>,
    /// Whether all of it could be read. Where not, nothing follows from what is missing.
    pub whole: bool,
    /// From `{` to `}`.
    pub span: Span,
}

/// A statement of a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// `for …`
    For(Endpoints),
    /// `ingress { … }` or `egress { … }`
    Block(Block),
    /// `include NAME(args)`
    Include(Include),
}

/// The rules of one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// Which.
    pub direction: Direction,
    /// The rules in order.
    pub rules: Vec<Rule>,
    /// From the first word to `}`.
    pub span: Span,
}

/// A direction, seen from the pod that the policy selects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// To the pod.
    Ingress,
    /// From the pod.
    Egress,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Documentation lines before it.
    pub doc: Vec<SmolStr>,
    /// What it does.
    pub action: Spanned<Action>,
    /// Ports, or names of services.
    pub ports: PortList,
    /// The other end, if written.
    pub peer: Option<Peer>,
    /// The clauses in order.
    pub clauses: Vec<Clause>,
    /// The whole.
    pub span: Span,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// Accept.
    Allow,
    /// Accept and record.
    AllowAndLog,
    /// Refuse.
    Deny,
    /// Refuse and record.
    DenyAndLog,
    /// Leave the rest of this tier.
    Pass,
    /// Record and go on.
    Log,
}

/// `to …` or `from …`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// `to` is [`Direction::Egress`], `from` is [`Direction::Ingress`].
    pub preposition: Spanned<Direction>,
    /// Who.
    pub endpoints: Endpoints,
}

/// A clause of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Clause {
    /// `because "…"`
    Because(Spanned<SmolStr>),
    /// `ticket ID`
    Ticket(Spanned<SmolStr>),
    /// `until 2027-03-31`, inclusive, UTC; a date that exists.
    Until(Spanned<time::Date>),
    /// `excuse LINT because "…"`
    Excuse {
        /// The lint.
        lint: Name,
        /// Why.
        because: Spanned<SmolStr>,
    },
}

/// A union of endpoints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoints {
    /// At least one.
    pub items: Vec<Endpoint>,
    /// The whole.
    pub span: Span,
}

/// One endpoint less others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// What.
    pub kind: EndpointKind,
    /// `except F` or `except (F, G)`, possibly several times.
    pub except: Vec<Endpoint>,
    /// The whole.
    pub span: Span,
}

/// What an endpoint is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndpointKind {
    /// `pods{…} in …`
    Pods {
        /// Labels, if written.
        selector: Option<Selector>,
        /// Where.
        namespaces: Namespaces,
    },
    /// `serviceaccount NAME in …`
    ServiceAccount {
        /// Its name.
        name: Name,
        /// Where.
        namespaces: Namespaces,
    },
    /// An address or CIDR.
    Address(Address),
    /// `nodes`
    Nodes,
    /// `apiserver`
    ApiServer,
    /// `outside`
    Outside,
    /// `anywhere`
    Anywhere,
    /// `ingress-proxy`
    IngressProxy,
    /// `"dns.name"`, `"*.dns.name"`, `"**.dns.name"`; not checked here.
    Dns(Spanned<SmolStr>),
    /// A group, network, service or parameter; with selector and namespaces only for entries of `std`.
    Name {
        /// Its path.
        path: Path,
        /// What stands behind it, in place of the entry's own.
        instead: Option<Box<Instead>>,
    },
    /// `(E, F)`; only inside `except` and arguments.
    Union(Vec<Endpoint>),
}

/// What stands behind a name, in place of the selector and namespaces of an entry of the library; one of the two at least. Few names have it, so it
/// does not take room in all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instead {
    /// `{…}`, replacing the entry's selector.
    pub selector: Option<Selector>,
    /// `in …`, replacing the entry's namespaces.
    pub namespaces: Option<Namespaces>,
}

/// `{…}`: requirements that all hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    /// The requirements, possibly none.
    pub requirements: Vec<Requirement>,
    /// From `{` to `}`.
    pub span: Span,
}

/// One requirement on a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The key, unquoted.
    pub key: Name,
    /// The operator.
    pub operator: Operator,
    /// The values: one for `=` and `!=`, at least one for `in` and `not in`, none else.
    pub values: Vec<LabelValue>,
    /// The whole.
    pub span: Span,
}

/// The operators of a requirement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `key=v`
    Equal,
    /// `key!=v`
    NotEqual,
    /// `key in (…)`
    In,
    /// `key not in (…)`
    NotIn,
    /// `key`
    Exists,
    /// `!key`
    Absent,
}

/// A value of a label. The bare word `same` in `namespaces{…}` means the subject's value; quoted it is a value like any other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelValue {
    /// The text, unquoted.
    pub text: SmolStr,
    /// Whether it was written in quotes.
    pub quoted: bool,
    /// Where.
    pub span: Span,
}

/// What follows `in`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespaces {
    /// Which.
    pub kind: NamespacesKind,
    /// Where.
    pub span: Span,
}

/// Namespaces by name, by label, all, or the subject's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamespacesKind {
    /// A name, or `(a, b)`.
    Names(Vec<Name>),
    /// `namespaces{…}`
    Selected(Selector),
    /// `*`
    All,
    /// `same`
    Same,
}

/// A list of ports; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortList {
    /// The items.
    pub items: Vec<PortItem>,
    /// The whole.
    pub span: Span,
}

/// One item of a list of ports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortItem {
    /// What.
    pub kind: PortKind,
    /// Where.
    pub span: Span,
}

/// What a port item is. `tcp 80, 443` is one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PortKind {
    /// `tcp …`, `udp …`, `sctp …`
    Transport {
        /// Which.
        protocol: Transport,
        /// At least one.
        entries: Vec<Spanned<PortEntry>>,
    },
    /// `icmp …`, `icmpv6 …`
    Icmp {
        /// Which.
        family: IcmpFamily,
        /// Which messages.
        message: IcmpMessage,
    },
    /// `protocol 47`; not checked here.
    Protocol(Spanned<u32>),
    /// `all`
    All,
    /// A `ports` name, a service, or a parameter.
    Name {
        /// Its name.
        path: Path,
        /// What a service of the standard library gets in place of its own.
        instead: Option<Box<Instead>>,
    },
}

/// Protocols that have ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// TCP, 6
    Tcp,
    /// UDP, 17
    Udp,
    /// SCTP, 132
    Sctp,
}

/// One port, a range, a container's named port, or all; numbers are not checked here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PortEntry {
    /// `80` is `80, 80`; `8000-8080`, both included.
    Range(u32, u32),
    /// `"metrics"`
    Named(SmolStr),
    /// `all`
    All,
}

/// The two ICMPs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpFamily {
    /// ICMP, protocol 1
    V4,
    /// ICMPv6, protocol 58
    V6,
}

/// Messages of ICMP; numbers and names are not checked here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IcmpMessage {
    /// All of them.
    All,
    /// `echo-request`
    Named(Name),
    /// `type 8 code 0`
    Type {
        /// The type.
        kind: Spanned<u32>,
        /// The code, if written.
        code: Option<Spanned<u32>>,
    },
}

/// `include NAME(args)`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Include {
    /// The profile.
    pub profile: Path,
    /// The arguments.
    pub arguments: Vec<Argument>,
    /// The whole.
    pub span: Span,
}

/// An argument of `include`. A bare name is [`Argument::Name`]: the parameter's use decides what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Argument {
    /// One endpoint; several stand in parentheses.
    Endpoint(Endpoint),
    /// Ports; several stand in parentheses.
    Ports(PortList),
    /// A name: a group, network, `ports`, or service.
    Name(Path),
}

/// `profile NAME(params) { … }`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub parameters: Vec<Name>,
    /// What it says; `for` is not allowed in it, which `resolve` says.
    pub body: Body,
}

/// A team, its folder and its grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Team {
    /// Its name.
    pub name: Name,
    /// `owners @a/b @c`, as written.
    pub owners: Vec<Spanned<SmolStr>>,
    /// `folder path` (`.` is the root), if written.
    pub folder: Option<Spanned<SmolStr>>,
    /// `namespaces blue, blue-*, {team=books}`
    pub namespaces: Vec<NamespacePattern>,
    /// `tiers app, platform`
    pub tiers: Vec<Name>,
    /// `grants all`, `grants raw`
    pub grants: Vec<Name>,
}

/// A pattern of a team's `namespaces`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamespacePattern {
    /// A name, or a prefix followed by `*` (kept).
    Name(Name),
    /// `{team=books}`
    Selected(Selector),
}

/// A namespace that exists, with exactly these labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Its name.
    pub name: Name,
    /// Its labels.
    pub labels: Vec<(Name, LabelValue)>,
}

/// `network NAME = ADDRESSES`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Network {
    /// Its name.
    pub name: Name,
    /// Addresses and other networks.
    pub endpoints: Endpoints,
}

/// `ports NAME = PORTS`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ports {
    /// Its name.
    pub name: Name,
    /// The ports.
    pub list: PortList,
}

/// `group NAME = ENDPOINTS`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// Who.
    pub endpoints: Endpoints,
}

/// `service NAME = PORTS on ENDPOINTS` or `service NAME = OTHER, OTHER`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The ports, or the names of other services.
    pub ports: PortList,
    /// `on …`; absent for an alias.
    pub endpoints: Option<Endpoints>,
}

/// A test or a guard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// What it is for.
    pub name: Spanned<SmolStr>,
    /// The statements.
    pub checks: Vec<Check>,
}

/// `can A -> B on PORTS`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// Which.
    pub verb: Spanned<Verb>,
    /// Who opens the connection.
    pub from: Endpoints,
    /// To whom; may name a service.
    pub to: Endpoints,
    /// On which ports, if written.
    pub ports: Option<PortList>,
    /// The whole.
    pub span: Span,
}

/// What a check claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Every flow of the ends as written gets through.
    Can,
    /// Every flow of all pods that could exist gets through.
    CanEvery,
    /// No flow gets through.
    Cannot,
}

/// Manifests written by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raw {
    /// Whose: `kubernetes`, `calico`, `cilium`.
    pub backend: Name,
    /// The file, relative to the folder of this one.
    pub path: Spanned<SmolStr>,
    /// The word `overlaps`, if written.
    pub overlaps: Option<Span>,
}
