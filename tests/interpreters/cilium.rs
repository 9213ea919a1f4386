//! cilium.io/v2: no order; what some rule denies is denied, what some rule allows is allowed, and the rest is denied where a rule closes it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Pod, Traffic, Transport};

use super::kubernetes::cidr;
use super::labels::{LabelSelector, Operator, Requirement, check_key};
use super::yaml::{Fields, Value, document, metadata};
use super::{Outcome, Parsed, Seen};

/// What the agents of a cluster run with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `(1, 19)`
    pub version: (u16, u16),
    /// `enable-node-selector-labels`: nodes carry labels.
    pub node_labels: bool,
    /// `enable-extended-ip-protocols`
    pub extended_protocols: bool,
    /// The addresses of the API server, be they nodes or outside.
    pub apiserver: Vec<IpNet>,
}

/// All objects of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    rules: Vec<Rule>,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    subject: LabelSelector,
    ingress: Side,
    egress: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    closes: bool,
    allow: Vec<Element>,
    deny: Vec<Element>,
}

impl Side {
    fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

#[derive(Clone, Debug)]
struct Element {
    /// The only peer member, if there is one; an empty one selects nothing.
    peers: Option<Vec<Peer>>,
    /// Numbered and named ports, if it has `toPorts`.
    ports: Option<Vec<Port>>,
    /// Families and types, if it has `icmps`.
    icmps: Option<Vec<(bool, u8)>>,
    /// The DNS patterns that its proxy lets through and learns from.
    dns: Vec<Name>,
}

#[derive(Clone, Debug)]
enum Peer {
    Endpoints(LabelSelector),
    Entity(String),
    Nodes(LabelSelector),
    Block {
        cidrs: Vec<IpNet>,
        except: Vec<IpNet>,
    },
    Name(Name),
}

#[derive(Clone, Debug)]
enum Name {
    Exact(String),
    Pattern(String),
}

#[derive(Clone, Debug)]
struct Port {
    /// Any of the three with ports if absent.
    protocol: Option<Protocol>,
    which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Protocol {
    Transport(Transport),
    Number(u8),
}

#[derive(Clone, Debug)]
enum Which {
    All,
    Range(u16, u16),
    Named(String),
}

/// The labels of an identity, as `source:key`.
struct Identity {
    labels: BTreeMap<String, String>,
    /// Its address, if it is outside of the cluster.
    world: Option<IpAddr>,
}

impl Identity {
    fn reserved(name: &str) -> Self {
        Identity {
            labels: BTreeMap::from([(format!("reserved:{name}"), String::new())]),
            world: None,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.labels.contains_key(&format!("reserved:{name}"))
    }

    /// The value of a key as selectors write it: with its source, or with none for any.
    fn label(&self, key: &str) -> Option<&str> {
        match source(key) {
            Some(("any", rest)) => self.any(rest),
            Some(_) => self.labels.get(key).map(String::as_str),
            None => self.any(key),
        }
    }

    fn any(&self, key: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(known, _)| known.split_once(':').is_some_and(|(_, name)| name == key))
            .map(|(_, value)| value.as_str())
    }
}

const SOURCES: [&str; 7] = [
    "k8s",
    "any",
    "reserved",
    "container",
    "node",
    "cidrgroup",
    "unspec",
];

/// The source of a key, if it names one.
fn source(key: &str) -> Option<(&str, &str)> {
    key.split_once(':')
        .filter(|(source, _)| SOURCES.contains(source))
}

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";

impl Cluster {
    /// Reads objects, one document each.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, settings: Settings) -> Parsed<Self> {
        let mut groups: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
        let mut documents = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for text in texts {
            let value = document(text).map_err(|why| format!("{why}\n{text}"))?;
            let object = value.fields("object")?;
            if object.need("apiVersion")?.text("apiVersion")? != "cilium.io/v2" {
                return Err("not of cilium.io/v2".to_owned());
            }
            let kind = object.need("kind")?.text("kind")?.to_owned();
            let meta = metadata(&object, kind == "CiliumNetworkPolicy")?;
            if !seen.insert((kind.clone(), meta.namespace.clone(), meta.name.clone())) {
                return Err(format!("{kind} {} twice", meta.name));
            }
            match kind.as_str() {
                "CiliumCIDRGroup" => {
                    let spec = object.need("spec")?.fields("spec")?;
                    let cidrs = spec.need("externalCIDRs")?.texts("externalCIDRs")?;
                    spec.done()?;
                    object.done()?;
                    let cidrs = cidrs.iter().map(|net| cidr(net)).collect::<Parsed<_>>()?;
                    groups.insert(meta.name, cidrs);
                }
                "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
                    documents.push((value.clone(), meta, text));
                }
                other => return Err(format!("the kind {other}")),
            }
        }
        let mut rules = Vec::new();
        for (value, meta, text) in &documents {
            let object = value.fields("object")?;
            object.get("apiVersion");
            object.get("kind");
            object.get("metadata");
            let mut specs = object.maps("specs")?;
            if let Some(spec) = object.get("spec") {
                specs.push(spec.fields("spec")?);
            }
            object.done()?;
            if specs.is_empty() {
                return Err(format!("{}: no rule", meta.name));
            }
            for (at, spec) in specs.iter().enumerate() {
                let name = format!("{}[{at}]", meta.name);
                let read = rule(spec, name, meta.namespace.as_deref(), &settings, &groups);
                rules.push(read.map_err(|why| format!("{why}\n{text}"))?);
            }
        }
        Ok(Cluster { rules, settings })
    }

    /// What becomes of a flow at its subject. A node stands for another node; `own_node` makes it the pod's own.
    pub fn decide(&self, seen: &Seen, own_node: bool) -> Outcome {
        let flow = &seen.flow;
        let subject = self.pod(&flow.subject);
        let peer = self.peer(seen, own_node);
        let own_namespace = flow.subject.namespace.as_str();
        let mut closed = None;
        let mut allowed = None;
        let resolvable = |element: &Element| self.resolves(element, &subject, seen);
        for rule in &self.rules {
            let side = match flow.direction {
                Direction::Ingress => &rule.ingress,
                Direction::Egress => &rule.egress,
            };
            if side.is_empty() || !rule.subject.matches(|key| subject.label(key)) {
                continue;
            }
            if let Some(at) = side
                .deny
                .iter()
                .position(|deny| self.matches(deny, seen, &peer, &resolvable))
            {
                return Outcome::deny(format!("deny {at} of {} (in {own_namespace})", rule.name));
            }
            if side.closes {
                closed = Some(rule);
            }
            if allowed.is_none()
                && let Some(at) = side
                    .allow
                    .iter()
                    .position(|allow| self.matches(allow, seen, &peer, &resolvable))
            {
                allowed = Some(format!("allow {at} of {}", rule.name));
            }
        }
        // The local host always reaches its pods, unless a rule denies it.
        if flow.direction == Direction::Ingress && peer.has("host") {
            return Outcome::allow("the local host");
        }
        match (closed, allowed) {
            (_, Some(why)) => Outcome::allow(why),
            (None, None) => Outcome::allow("nothing closes the pod"),
            (Some(rule), None) => Outcome::deny(format!(
                "{} closes the pod and nothing allows it",
                rule.name
            )),
        }
    }

    /// Rules that select what is no pod: there should be none.
    pub fn selecting_reserved(&self) -> Option<(&str, &str)> {
        for reserved in [
            "host",
            "remote-node",
            "health",
            "ingress",
            "init",
            "unmanaged",
            "world",
        ] {
            let identity = Identity::reserved(reserved);
            for rule in &self.rules {
                if rule.subject.matches(|key| identity.label(key)) {
                    return Some((&rule.name, reserved));
                }
            }
        }
        None
    }

    /// Whether an element that lists names may have learned this address: a DNS rule for the same pod let the name through.
    fn resolves(&self, element: &Element, subject: &Identity, seen: &Seen) -> bool {
        let Some(peers) = &element.peers else {
            return false;
        };
        seen.resolved.iter().any(|name| {
            peers
                .iter()
                .any(|peer| matches!(peer, Peer::Name(wanted) if wanted.matches(name)))
                && self.rules.iter().any(|rule| {
                    rule.subject.matches(|key| subject.label(key))
                        && rule.egress.allow.iter().any(|allow| {
                            // An empty list of peers selects no server whose answers the proxy could see.
                            allow.peers.as_ref().is_none_or(|peers| !peers.is_empty())
                                && allow.dns.iter().any(|dns| dns.matches(name))
                        })
                })
        })
    }

    fn matches(
        &self,
        element: &Element,
        seen: &Seen,
        peer: &Identity,
        resolvable: &impl Fn(&Element) -> bool,
    ) -> bool {
        let traffic = match (&element.ports, &element.icmps) {
            (Some(ports), _) => ports.iter().any(|port| port.matches(seen, &self.settings)),
            (None, Some(icmps)) => icmps.iter().any(|(v6, kind)| match seen.flow.traffic {
                // Type 0 is kept as port 0, which is every type.
                Traffic::Icmp(is, _) => !v6 && (*kind == 0 || *kind == is),
                Traffic::Icmpv6(is, _) => *v6 && (*kind == 0 || *kind == is),
                _ => false,
            }),
            (None, None) => element.peers.is_some(),
        };
        traffic
            && element.peers.as_ref().is_none_or(|peers| {
                peers.iter().any(|one| match one {
                    Peer::Endpoints(selector) => selector.matches(|key| peer.label(key)),
                    Peer::Nodes(selector) => {
                        peer.has("remote-node") && selector.matches(|key| peer.label(key))
                    }
                    Peer::Entity(name) => self.entity(name, peer),
                    Peer::Block { cidrs, except } => peer.world.is_some_and(|address| {
                        cidrs.iter().any(|net| net.contains(&address))
                            && !except.iter().any(|net| net.contains(&address))
                    }),
                    Peer::Name(_) => peer.world.is_some() && resolvable(element),
                })
            })
    }

    fn entity(&self, name: &str, peer: &Identity) -> bool {
        match name {
            "all" => true,
            "cluster" => {
                [
                    "host",
                    "remote-node",
                    "init",
                    "ingress",
                    "health",
                    "unmanaged",
                    "kube-apiserver",
                ]
                .iter()
                .any(|reserved| peer.has(reserved))
                    || peer.labels.contains_key(&format!("k8s:{CLUSTER}"))
                        && !peer.has("remote-node")
            }
            "none" => false,
            name => peer.has(name),
        }
    }

    fn pod(&self, pod: &Pod) -> Identity {
        let mut labels = BTreeMap::new();
        for (key, value) in &pod.labels {
            if !filtered(key, self.settings.version) {
                labels.insert(format!("k8s:{key}"), value.to_string());
            }
        }
        for (key, value) in &pod.namespace_labels {
            labels.insert(format!("k8s:{NAMESPACE_LABELS}{key}"), value.to_string());
        }
        let name = format!("k8s:{NAMESPACE_LABELS}kubernetes.io/metadata.name");
        labels.insert(name, pod.namespace.to_string());
        labels.insert(format!("k8s:{NAMESPACE}"), pod.namespace.to_string());
        labels.insert(format!("k8s:{ACCOUNT}"), pod.service_account.to_string());
        labels.insert(format!("k8s:{CLUSTER}"), "default".to_owned());
        Identity {
            labels,
            world: None,
        }
    }

    fn peer(&self, seen: &Seen, own_node: bool) -> Identity {
        let api = self
            .settings
            .apiserver
            .iter()
            .any(|net| net.contains(&seen.peer_address));
        match &seen.flow.peer {
            End::Pod(pod) => self.pod(pod),
            End::Proxy => Identity::reserved("ingress"),
            End::Node(_) => {
                let mut identity =
                    Identity::reserved(if own_node { "host" } else { "remote-node" });
                if api {
                    identity
                        .labels
                        .insert("reserved:kube-apiserver".to_owned(), String::new());
                }
                if self.settings.node_labels && !own_node {
                    for (key, value) in &seen.foreign_labels {
                        identity.labels.insert(format!("node:{key}"), value.clone());
                    }
                    identity
                        .labels
                        .insert(format!("k8s:{CLUSTER}"), "default".to_owned());
                }
                identity
            }
            End::Outside { address, .. } => {
                let mut identity = Identity::reserved("world");
                identity.world = Some(*address);
                if api {
                    identity
                        .labels
                        .insert("reserved:kube-apiserver".to_owned(), String::new());
                }
                identity
            }
        }
    }
}

/// Whether the agents' default label filter keeps a pod label out of the identity.
fn filtered(key: &str, version: (u16, u16)) -> bool {
    let prefixes = [
        "io.kubernetes",
        "kubernetes.io",
        "k8s.io",
        "pod-template-hash",
        "pod-template-generation",
        "controller-",
        "annotation",
        "etcd_node",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
    ];
    // What begins as the label of the namespace does is let in by the rule that lets in that one.
    if key.starts_with(NAMESPACE) {
        return false;
    }
    prefixes.iter().any(|prefix| key.starts_with(prefix))
        || key.contains("beta.kubernetes.io")
        || version >= (1, 19) && key.starts_with("topology.kubernetes.io")
}

impl Name {
    fn matches(&self, name: &str) -> bool {
        match self {
            Name::Exact(exact) => exact.trim_end_matches('.').eq_ignore_ascii_case(name),
            Name::Pattern(pattern) => {
                let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
                match pattern.strip_prefix("**.") {
                    _ if pattern == "*" || pattern == "**" => true,
                    Some(rest) => (0..name.len()).any(|at| {
                        at > 0
                            && name.as_bytes()[at] == b'.'
                            && glob(rest.as_bytes(), &name.as_bytes()[at + 1..])
                    }),
                    None => glob(pattern.as_bytes(), name.as_bytes()),
                }
            }
        }
    }
}

/// `*` stands for characters of one label.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => {
            let longest = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
            (0..=longest).any(|taken| glob(rest, &text[taken..]))
        }
        Some((first, rest)) => text
            .split_first()
            .is_some_and(|(is, text)| is == first && glob(rest, text)),
    }
}

impl Port {
    fn matches(&self, seen: &Seen, settings: &Settings) -> bool {
        match (seen.flow.traffic, self.protocol) {
            (Traffic::Port(transport, number), protocol) => {
                protocol.is_none_or(|is| is == Protocol::Transport(transport))
                    && match &self.which {
                        Which::All => true,
                        Which::Range(low, high) => (*low..=*high).contains(&number),
                        Which::Named(name) => seen.flow.destination().is_some_and(|pod| {
                            pod.named_ports.iter().any(|((of, known), value)| {
                                *of == transport
                                    && known.eq_ignore_ascii_case(name)
                                    && *value == number
                            })
                        }),
                    }
            }
            (Traffic::Protocol(number), Some(Protocol::Number(is))) => {
                settings.extended_protocols && number == is
            }
            _ => false,
        }
    }
}

fn rule(
    spec: &Fields<'_>,
    name: String,
    namespace: Option<&str>,
    settings: &Settings,
    groups: &BTreeMap<String, Vec<IpNet>>,
) -> Parsed<Rule> {
    let mut subject = selector(spec.need("endpointSelector")?, "endpointSelector", settings)?;
    if let Some(namespace) = namespace {
        subject
            .requirements
            .retain(|one| one.key != format!("k8s:{NAMESPACE}"));
        subject.requirements.push(Requirement {
            key: format!("k8s:{NAMESPACE}"),
            operator: Operator::In(vec![namespace.to_owned()]),
        });
    }
    let closes = spec
        .need("enableDefaultDeny")?
        .fields("enableDefaultDeny")?;
    let ingress = closes.need("ingress")?.boolean("ingress")?;
    let egress = closes.need("egress")?.boolean("egress")?;
    closes.done()?;
    if let Some(description) = spec.text("description")? {
        let _ = description;
    }
    let list = |key: &str, direction: Direction, allow: bool| -> Parsed<Vec<Element>> {
        if spec.get(key).is_some() && spec.maps(key)?.is_empty() {
            return Err(format!("{name}: `{key}: []` does nothing"));
        }
        spec.maps(key)?
            .iter()
            .map(|fields| element(fields, direction, allow, namespace, settings, groups))
            .collect()
    };
    let rule = Rule {
        ingress: Side {
            closes: ingress,
            allow: list("ingress", Direction::Ingress, true)?,
            deny: list("ingressDeny", Direction::Ingress, false)?,
        },
        egress: Side {
            closes: egress,
            allow: list("egress", Direction::Egress, true)?,
            deny: list("egressDeny", Direction::Egress, false)?,
        },
        subject,
        name,
    };
    spec.done()?;
    if rule.ingress.is_empty() && rule.egress.is_empty() {
        return Err(format!("{}: neither ingress nor egress", rule.name));
    }
    for (side, word) in [(&rule.ingress, "ingress"), (&rule.egress, "egress")] {
        if side.closes && side.is_empty() {
            return Err(format!(
                "{}: enableDefaultDeny.{word} without an element does nothing",
                rule.name
            ));
        }
    }
    Ok(rule)
}

fn selector(value: &Value, at: &str, settings: &Settings) -> Parsed<LabelSelector> {
    let selector = LabelSelector::parse(value, at, |key| {
        check_key(source(key).map_or(key, |(_, rest)| rest))
    })?;
    for requirement in &selector.requirements {
        let key = source(&requirement.key).map_or(requirement.key.as_str(), |(_, rest)| rest);
        if let Some(label) = key.strip_prefix(NAMESPACE_LABELS) {
            let most = if settings.version >= (1, 20) { 32 } else { 28 };
            if !label.contains('/') && label.len() > most {
                return Err(format!("{at}: the namespace label {label} is too long"));
            }
        } else if !key.contains('/') && key.len() > 59 && settings.version < (1, 20) {
            return Err(format!("{at}: the label {key} is too long"));
        }
    }
    Ok(selector)
}

fn element(
    fields: &Fields<'_>,
    direction: Direction,
    allow: bool,
    namespace: Option<&str>,
    settings: &Settings,
    groups: &BTreeMap<String, Vec<IpNet>>,
) -> Parsed<Element> {
    let way = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let at = fields.at.clone();
    let mut members: Vec<Vec<Peer>> = Vec::new();
    if let Some(value) = fields.get(&format!("{way}Endpoints")) {
        let peers = value.list(&at)?.iter().map(|value| {
            let mut selector = selector(value, &at, settings)?;
            inject(&mut selector, namespace, settings);
            Ok(Peer::Endpoints(selector))
        });
        members.push(peers.collect::<Parsed<_>>()?);
    }
    if let Some(value) = fields.get(&format!("{way}Nodes")) {
        if !settings.node_labels {
            return Err(format!("{at}: nodes by label, without the flag"));
        }
        let peers = value
            .list(&at)?
            .iter()
            .map(|value| Ok(Peer::Nodes(selector(value, &at, settings)?)));
        members.push(peers.collect::<Parsed<_>>()?);
    }
    if let Some(value) = fields.get(&format!("{way}Entities")) {
        let known = [
            "all",
            "world",
            "cluster",
            "host",
            "init",
            "ingress",
            "unmanaged",
            "remote-node",
            "health",
            "none",
            "kube-apiserver",
        ];
        let names = value.texts(&at)?;
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("{at}: the entity {unknown}"));
        }
        members.push(names.into_iter().map(Peer::Entity).collect());
    }
    if let Some(value) = fields.get(&format!("{way}CIDR")) {
        let blocks = value.texts(&at)?;
        let blocks = blocks.iter().map(|net| {
            Ok(Peer::Block {
                cidrs: vec![cidr(net)?],
                except: Vec::new(),
            })
        });
        members.push(blocks.collect::<Parsed<_>>()?);
    }
    if let Some(value) = fields.get(&format!("{way}CIDRSet")) {
        let mut blocks = Vec::new();
        for item in value.list(&at)? {
            let item = item.fields(&at)?;
            let cidrs = match (item.text("cidr")?, item.text("cidrGroupRef")?) {
                (Some(net), None) => vec![cidr(net)?],
                (None, Some(group)) => groups
                    .get(group)
                    .ok_or_else(|| format!("{at}: no CIDR group {group}"))?
                    .clone(),
                _ => return Err(format!("{at}: not exactly one of cidr and cidrGroupRef")),
            };
            let except = match item.get("except") {
                Some(except) => except.texts("except")?,
                None => Vec::new(),
            };
            let except: Vec<IpNet> = except.iter().map(|net| cidr(net)).collect::<Parsed<_>>()?;
            if item.get("cidrGroupRef").is_some() && !except.is_empty() {
                return Err(format!("{at}: except beside a group"));
            }
            if let Some(hole) = except
                .iter()
                .find(|hole| !cidrs.iter().any(|net| net.contains(*hole)))
            {
                return Err(format!("{at}: except {hole} lies outside"));
            }
            item.done()?;
            blocks.push(Peer::Block { cidrs, except });
        }
        members.push(blocks);
    }
    if direction == Direction::Egress && allow && fields.get("toFQDNs").is_some() {
        let names = fields.maps("toFQDNs")?;
        members.push(
            names
                .iter()
                .map(|name| Ok(Peer::Name(self::name(name, settings)?)))
                .collect::<Parsed<_>>()?,
        );
    }
    if members.len() > 1 {
        return Err(format!("{at}: two peer members in one element"));
    }
    let mut dns = Vec::new();
    let ports = match fields.get("toPorts") {
        None => None,
        Some(_) => {
            let mut all = Vec::new();
            for item in fields.maps("toPorts")? {
                let ports = item.maps("ports")?;
                if ports.is_empty() || ports.len() > 40 {
                    return Err(format!("{at}: {} ports", ports.len()));
                }
                for port in &ports {
                    all.push(self::port(port, direction, settings)?);
                }
                if let Some(rules) = item
                    .get("rules")
                    .filter(|_| allow && direction == Direction::Egress)
                {
                    let rules = rules.fields("rules")?;
                    for name in rules.maps("dns")? {
                        dns.push(self::name(&name, settings)?);
                    }
                    rules.done()?;
                    if dns.is_empty()
                        || all.iter().any(
                            |port| !matches!(port.which, Which::Range(low, high) if low == high),
                        )
                    {
                        return Err(format!(
                            "{at}: a DNS rule without patterns, or not on single ports"
                        ));
                    }
                    if !dns
                        .iter()
                        .any(|name| matches!(name, Name::Pattern(all) if all == "*"))
                    {
                        return Err(format!("{at}: a DNS rule that refuses names"));
                    }
                }
                item.done()?;
            }
            if all.is_empty() {
                return Err(format!("{at}: toPorts without ports"));
            }
            Some(all)
        }
    };
    let icmps = match fields.get("icmps") {
        None => None,
        Some(_) => {
            let mut all = Vec::new();
            for item in fields.maps("icmps")? {
                let messages = item.maps("fields")?;
                if messages.is_empty() || messages.len() > 40 {
                    return Err(format!("{at}: {} ICMP fields", messages.len()));
                }
                for message in messages {
                    let v6 = match message.text("family")? {
                        None | Some("IPv4") => false,
                        Some("IPv6") => true,
                        Some(other) => return Err(format!("{at}: the family {other}")),
                    };
                    let kind = message.need("type")?.int("type")?;
                    message.done()?;
                    all.push((
                        v6,
                        u8::try_from(kind).map_err(|_| format!("{at}: type {kind}"))?,
                    ));
                }
                item.done()?;
            }
            Some(all)
        }
    };
    if ports.is_some() && icmps.is_some() {
        return Err(format!("{at}: ports and ICMP in one element"));
    }
    fields.done()?;
    Ok(Element {
        peers: members.pop(),
        ports,
        icmps,
        dns,
    })
}

/// What the agent adds to a peer selector.
fn inject(selector: &mut LabelSelector, namespace: Option<&str>, settings: &Settings) {
    let keys: Vec<&str> = selector
        .requirements
        .iter()
        .map(|one| one.key.as_str())
        .collect();
    if keys.iter().any(|key| key.starts_with("reserved:")) {
        return;
    }
    let bare = |key: &str| {
        key.strip_prefix("k8s:")
            .or(key.strip_prefix("any:"))
            .unwrap_or(key)
            .to_owned()
    };
    let named = keys.iter().any(|key| bare(key) == NAMESPACE);
    let labeled = keys
        .iter()
        .any(|key| bare(key).starts_with(NAMESPACE_LABELS));
    let clustered = keys.iter().any(|key| bare(key) == CLUSTER);
    let key = format!("k8s:{NAMESPACE}");
    match namespace {
        _ if named => {}
        Some(_) if labeled => {}
        Some(own) => selector.requirements.push(Requirement {
            key,
            operator: Operator::In(vec![own.to_owned()]),
        }),
        None => selector.requirements.push(Requirement {
            key,
            operator: Operator::Exists,
        }),
    }
    if !clustered && settings.version >= (1, 19) {
        selector.requirements.push(Requirement {
            key: format!("k8s:{CLUSTER}"),
            operator: Operator::In(vec!["default".to_owned()]),
        });
    }
}

fn name(fields: &Fields<'_>, settings: &Settings) -> Parsed<Name> {
    let name = match (fields.text("matchName")?, fields.text("matchPattern")?) {
        (Some(name), None) if !name.contains('*') => Name::Exact(name.to_owned()),
        (None, Some(pattern)) => {
            if pattern.contains("**") && settings.version < (1, 19) {
                return Err(format!("{pattern} before 1.19"));
            }
            Name::Pattern(pattern.to_owned())
        }
        other => return Err(format!("{}: {other:?}", fields.at)),
    };
    fields.done()?;
    Ok(name)
}

fn port(fields: &Fields<'_>, direction: Direction, settings: &Settings) -> Parsed<Port> {
    let at = &fields.at;
    let protocol = match fields.text("protocol")? {
        None | Some("ANY") => None,
        Some("TCP") => Some(Protocol::Transport(Transport::Tcp)),
        Some("UDP") => Some(Protocol::Transport(Transport::Udp)),
        Some("SCTP") => Some(Protocol::Transport(Transport::Sctp)),
        Some(other) => {
            let number = match other {
                "VRRP" => 112,
                "IGMP" => 2,
                "GRE" => 47,
                "IPIP" => 4,
                "IPV6" => 41,
                "ESP" => 50,
                "AH" => 51,
                other => return Err(format!("{at}: the protocol {other}")),
            };
            if !settings.extended_protocols
                || settings.version < (1, 20) && ![112, 2].contains(&number)
            {
                return Err(format!("{at}: the protocol {other} without its flag"));
            }
            Some(Protocol::Number(number))
        }
    };
    let end = fields
        .get("endPort")
        .map(|end| end.int("endPort"))
        .transpose()?
        .filter(|end| *end > 0);
    let which = match (fields.text("port")?, protocol) {
        (None | Some("" | "0"), Some(Protocol::Number(_))) => Which::All,
        (None, _) => return Err(format!("{at}: no port")),
        (Some("0"), _) if end.is_none() => Which::All,
        (Some(text), _) if text.bytes().all(|b| b.is_ascii_digit()) => {
            let low: u16 = text.parse().map_err(|_| format!("{at}: the port {text}"))?;
            let high = match end {
                None => low,
                Some(end) => u16::try_from(end).map_err(|_| format!("{at}: endPort {end}"))?,
            };
            if low == 0 || high < low || low.to_string() != text {
                return Err(format!("{at}: the ports {text} to {high}"));
            }
            Which::Range(low, high)
        }
        (Some(name), _) => {
            let fine = name.len() <= 15
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && name.bytes().any(|b| b.is_ascii_lowercase());
            if !fine || end.is_some() {
                return Err(format!("{at}: the port {name}"));
            }
            if direction == Direction::Egress && settings.version < (1, 20) {
                return Err(format!("{at}: a named port at egress before 1.20"));
            }
            Which::Named(name.to_owned())
        }
    };
    fields.done()?;
    Ok(Port { protocol, which })
}
