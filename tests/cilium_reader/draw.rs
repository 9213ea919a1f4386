//! Random manifests over the whole API of Cilium's policies, as data and as YAML.

use std::fmt::Write;

use crate::generator::Random;

/// A label selector.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// `matchLabels`
    pub labels: Vec<(String, String)>,
    /// `matchExpressions`: key, operator, values.
    pub expressions: Vec<(String, &'static str, Vec<String>)>,
}

/// An item of a CIDR set.
#[derive(Clone, Debug)]
pub struct Block {
    /// What it is of.
    pub of: BlockOf,
    /// `except`
    pub except: Vec<&'static str>,
}

/// What an item of a CIDR set is of.
#[derive(Clone, Debug)]
pub enum BlockOf {
    /// A CIDR.
    Cidr(&'static str),
    /// A group by name.
    Group(&'static str),
    /// Groups by label.
    Groups(Selector),
}

/// The peers of an element.
#[derive(Clone, Debug)]
pub enum Peers {
    /// Not said.
    Absent,
    /// `fromEndpoints`
    Endpoints(Vec<Selector>),
    /// `fromNodes`
    Nodes(Vec<Selector>),
    /// `fromEntities`
    Entities(Vec<&'static str>),
    /// `fromCIDR`
    Cidrs(Vec<&'static str>),
    /// `fromCIDRSet`
    Blocks(Vec<Block>),
    /// `toFQDNs`: whether it is a pattern, and the text.
    Names(Vec<(bool, &'static str)>),
    /// `toServices`, so many.
    Services(usize),
    /// `fromGroups`, so many.
    Groups(usize),
}

/// A port: its text, the end of a range, a protocol.
#[derive(Clone, Debug)]
pub struct Port {
    /// `port`
    pub port: Option<&'static str>,
    /// `endPort`
    pub end: Option<u16>,
    /// `protocol`
    pub protocol: Option<&'static str>,
}

/// An item of `toPorts`.
#[derive(Clone, Debug)]
pub struct PortRule {
    /// `ports`
    pub ports: Vec<Port>,
    /// `rules.dns`: whether it is a pattern, and the text.
    pub dns: Vec<(bool, &'static str)>,
    /// Whether it has rules for HTTP.
    pub http: bool,
}

/// A family, IPv6 or not, if it is said, and a type.
pub type Message = (Option<bool>, &'static str);

/// An element of a direction.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its peers.
    pub peers: Peers,
    /// A member that is there and empty, beside them.
    pub beside: Option<&'static str>,
    /// `toPorts`
    pub ports: Option<Vec<PortRule>>,
    /// `icmps`: lists of families and types.
    pub icmps: Option<Vec<Vec<Message>>>,
    /// `authentication.mode`
    pub authentication: Option<&'static str>,
    /// Whether it has `fromRequires`.
    pub requires: bool,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Whom it is for.
    pub subject: Selector,
    /// Whether that is a `nodeSelector`.
    pub node: bool,
    /// `ingress`, `ingressDeny`, `egress`, `egressDeny`.
    pub lists: [Option<Vec<Element>>; 4],
    /// `enableDefaultDeny`
    pub closes: Option<(Option<bool>, Option<bool>)>,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The namespace, unless it is clusterwide.
    pub namespace: Option<&'static str>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A CIDR group.
#[derive(Clone, Debug)]
pub struct Group {
    /// As what its version of Cilium serves it.
    pub api_version: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its labels.
    pub labels: Vec<(&'static str, &'static str)>,
    /// Its CIDRs.
    pub nets: Vec<&'static str>,
}

/// The objects of a cluster.
#[derive(Clone, Debug)]
pub struct Manifests {
    /// Policies of both kinds.
    pub policies: Vec<Policy>,
    /// CIDR groups.
    pub groups: Vec<Group>,
}

/// What the generator may use.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    /// Cilium's version.
    pub version: (u16, u16),
    /// The fact `node-labels`.
    pub node_labels: bool,
    /// The fact `extended-protocols`.
    pub extended: bool,
}

/// Namespaces and their labels.
pub const SPACES: [(&str, &[(&str, &str)]); 3] = [
    ("blue", &[("env", "prod")]),
    ("green", &[("env", "dev"), ("team", "a")]),
    ("plain", &[]),
];
/// Keys of pods' labels and their values.
pub const KEYS: [&str; 4] = ["app", "app.kubernetes.io/name", "pod-template-hash", "host"];
/// Values of labels.
pub const VALUES: [&str; 3] = ["a", "b", ""];
/// Service accounts.
pub const ACCOUNTS: [&str; 2] = ["default", "clerk"];
/// CIDRs, at whose edges flows are drawn.
pub const NETS: [&str; 8] = [
    "0.0.0.0/0",
    "::/0",
    "203.0.113.0/24",
    "203.0.113.64/26",
    "203.0.113.7/32",
    "10.0.0.0/8",
    "2001:db8::/32",
    "2001:db8::7/128",
];
/// Names and patterns of `toFQDNs` and of DNS rules.
pub const NAMES: [(bool, &str); 7] = [
    (false, "api.example.com"),
    (false, "Example.ORG."),
    (true, "*.example.com"),
    (true, "**.example.com"),
    (true, "*"),
    (true, "a*.example.com"),
    (true, "example.org"),
];
/// What resolvers may answer for.
pub const HOSTS: [&str; 5] = [
    "api.example.com",
    "b.example.com",
    "x.b.example.com",
    "example.com",
    "example.org",
];

fn value(random: &mut Random) -> String {
    (*random.pick(&VALUES)).to_owned()
}

fn expression(random: &mut Random, key: String) -> (String, &'static str, Vec<String>) {
    let operator = *random.pick(&["In", "NotIn", "Exists", "DoesNotExist"]);
    let values = match operator {
        "In" | "NotIn" => (0..=random.below(2)).map(|_| value(random)).collect(),
        _ => Vec::new(),
    };
    (key, operator, values)
}

fn source(random: &mut Random, key: &str) -> String {
    let source = *random.pick(&["", "", "", "k8s:", "k8s:", "any:", "container:"]);
    format!("{source}{key}")
}

/// A selector; `peer`: it may name namespaces, clusters and reserved labels.
fn selector(random: &mut Random, peer: bool) -> Selector {
    let mut selector = Selector::default();
    for _ in 0..random.below(3) {
        let key = *random.pick(&KEYS);
        let key = source(random, key);
        if random.chance(50) {
            if selector.labels.iter().all(|(known, _)| *known != key) {
                let value = value(random);
                selector.labels.push((key, value));
            }
        } else {
            let one = expression(random, key);
            selector.expressions.push(one);
        }
    }
    if random.chance(if peer { 45 } else { 20 }) {
        let (key, values): (&str, &[&str]) = *random.pick(&[
            ("io.kubernetes.pod.namespace", &["blue", "green"][..]),
            (
                "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name",
                &["blue", "plain"],
            ),
            ("io.cilium.k8s.namespace.labels.env", &["prod", "dev"]),
            ("io.cilium.k8s.namespace.labels.team", &["a", "b"]),
            ("io.cilium.k8s.policy.serviceaccount", &["clerk"]),
        ]);
        let key = source(random, key);
        let value = (*random.pick(values)).to_owned();
        let operator = *random.pick(&["=", "In", "NotIn", "Exists", "DoesNotExist"]);
        match operator {
            "=" => selector.labels.push((key, value)),
            "In" | "NotIn" => selector.expressions.push((key, operator, vec![value])),
            _ => selector.expressions.push((key, operator, Vec::new())),
        }
    }
    if random.chance(if peer { 12 } else { 4 }) {
        let key = *random.pick(&[
            "reserved:world",
            "reserved:host",
            "reserved:ingress",
            "reserved:kube-apiserver",
            "reserved:remote-node",
            "reserved:init",
            "world",
        ]);
        if random.chance(50) {
            selector.labels.push((key.to_owned(), String::new()));
        } else {
            let one = expression(random, key.to_owned());
            selector.expressions.push(one);
        }
    }
    if random.chance(6) {
        let key = source(random, "io.cilium.k8s.policy.cluster");
        if random.chance(50) {
            selector.labels.push((key, "default".to_owned()));
        } else {
            let mut one = expression(random, key);
            for value in &mut one.2 {
                *value = (*random.pick(&["default", "west"])).to_owned();
            }
            selector.expressions.push(one);
        }
    }
    selector
}

fn block(random: &mut Random, version: (u16, u16)) -> Block {
    let holes: Vec<&'static str> = (0..random.below(3)).map(|_| *random.pick(&NETS)).collect();
    let of = match random.below(8) {
        0 | 1 => BlockOf::Group(["feed", "list", "absent"][random.below(3)]),
        2 => {
            let mut selector = Selector::default();
            for _ in 0..=random.below(2) {
                let key = *random.pick(&["kind", "grade"]);
                if random.chance(70) && selector.labels.iter().all(|(known, _)| known != key) {
                    let value = (*random.pick(&["a", "b"])).to_owned();
                    selector.labels.push((key.to_owned(), value));
                } else {
                    let one = expression(random, key.to_owned());
                    selector.expressions.push(one);
                }
            }
            BlockOf::Groups(selector)
        }
        _ => BlockOf::Cidr(NETS[random.below(NETS.len())]),
    };
    let fits = |hole: &&'static str| match of {
        BlockOf::Cidr(net) => {
            let (net, hole): (ipnet::IpNet, ipnet::IpNet) =
                (net.parse().unwrap(), hole.parse().unwrap());
            net.contains(&hole.addr()) && (version < (1, 20) || net.contains(&hole))
        }
        _ => true,
    };
    let except = holes.into_iter().filter(fits).collect();
    Block { of, except }
}

fn peers(random: &mut Random, egress: bool, allow: bool, dial: Dial) -> Peers {
    let count = |random: &mut Random| {
        if random.chance(8) {
            0
        } else {
            1 + random.below(2)
        }
    };
    match random.below(20) {
        0 | 1 => Peers::Absent,
        2..=7 => Peers::Endpoints((0..count(random)).map(|_| selector(random, true)).collect()),
        8 if dial.node_labels => Peers::Nodes(
            (0..count(random))
                .map(|_| {
                    let mut one = selector(random, false);
                    one.labels.retain(|(key, _)| !key.contains("reserved"));
                    one
                })
                .collect(),
        ),
        9..=12 => {
            let known = [
                "all",
                "world",
                "cluster",
                "host",
                "remote-node",
                "kube-apiserver",
                "ingress",
                "health",
                "init",
                "unmanaged",
                "none",
            ];
            Peers::Entities((0..count(random)).map(|_| *random.pick(&known)).collect())
        }
        13 | 14 => Peers::Cidrs((0..count(random)).map(|_| *random.pick(&NETS)).collect()),
        15 | 16 => Peers::Blocks(
            (0..count(random))
                .map(|_| block(random, dial.version))
                .collect(),
        ),
        17 | 18 if egress && allow => {
            Peers::Names((0..count(random)).map(|_| *random.pick(&NAMES)).collect())
        }
        17 if egress => Peers::Services(random.below(2)),
        19 => Peers::Groups(random.below(2)),
        _ => Peers::Entities(vec!["all"]),
    }
}

fn port_rule(random: &mut Random, egress: bool, allow: bool, dial: Dial) -> PortRule {
    let mut ports: Vec<Port> = (0..random.below(4))
        .map(|_| {
            let port = *random.pick(&[
                "80", "80", "443", "53", "0", "8080", "010", "http", "metrics", "HTTP", "65535",
            ]);
            let end = if random.chance(25) {
                Some(*random.pick(&[0, 79, 81, 90, 8090, 65535]))
            } else {
                None
            };
            let mut protocol = *random.pick(&[
                None,
                Some("TCP"),
                Some("TCP"),
                Some("UDP"),
                Some("SCTP"),
                Some("ANY"),
            ]);
            let mut port = Some(port);
            if dial.extended && dial.version >= (1, 20) && random.chance(10) {
                protocol = Some(*random.pick(&["GRE", "ESP", "VRRP"]));
                port = *random.pick(&[None, Some("0")]);
            }
            Port {
                port,
                end,
                protocol,
            }
        })
        .collect();
    let mut rule = PortRule {
        ports: Vec::new(),
        dns: Vec::new(),
        http: false,
    };
    if allow && egress && random.chance(35) {
        rule.dns = (0..=random.below(2))
            .map(|_| *random.pick(&NAMES))
            .collect();
        ports = vec![Port {
            port: Some("53"),
            end: None,
            protocol: *random.pick(&[None, Some("UDP"), Some("TCP")]),
        }];
    } else if allow && random.chance(15) {
        rule.http = true;
        ports.retain(|port| port.protocol == Some("TCP") && port.port != Some("0"));
    }
    rule.ports = ports;
    rule
}

fn element(random: &mut Random, egress: bool, allow: bool, dial: Dial) -> Element {
    let mut element = Element {
        peers: peers(random, egress, allow, dial),
        beside: None,
        ports: None,
        icmps: None,
        authentication: None,
        requires: false,
    };
    if random.chance(3) {
        element.beside = Some(*random.pick(&["Endpoints", "CIDR", "Entities", "Groups"]));
    }
    let own = match &element.peers {
        Peers::Endpoints(_) => "Endpoints",
        Peers::Cidrs(_) => "CIDR",
        Peers::Entities(_) => "Entities",
        Peers::Groups(_) => "Groups",
        _ => "",
    };
    element.beside = element.beside.filter(|beside| *beside != own);
    match random.below(10) {
        0..=4 => {
            element.ports = Some(
                (0..random.below(3))
                    .map(|_| port_rule(random, egress, allow, dial))
                    .collect(),
            );
        }
        5 => {
            element.icmps = Some(
                (0..random.below(3))
                    .map(|_| {
                        (0..random.below(3))
                            .map(|_| {
                                let v6 = *random.pick(&[None, Some(false), Some(true)]);
                                let kind = *random.pick(&[
                                    "8",
                                    "0",
                                    "128",
                                    "300",
                                    "\"13\"",
                                    "EchoReply",
                                    "TimeExceeded",
                                ]);
                                (v6, kind)
                            })
                            .collect()
                    })
                    .collect(),
            );
        }
        _ => {}
    }
    if allow && random.chance(6) {
        element.authentication = Some(*random.pick(&["disabled", "required", "test-always-fail"]));
    }
    element.requires = dial.version < (1, 19) && random.chance(2);
    element
}

fn rule(random: &mut Random, clusterwide: bool, dial: Dial) -> Rule {
    let mut lists: [Option<Vec<Element>>; 4] = [None, None, None, None];
    for (at, list) in lists.iter_mut().enumerate() {
        if random.chance(if at % 2 == 0 { 60 } else { 30 }) {
            let most = if random.chance(10) { 0 } else { 3 };
            let count = if most == 0 { 0 } else { 1 + random.below(most) };
            *list = Some(
                (0..count)
                    .map(|_| element(random, at >= 2, at % 2 == 0, dial))
                    .collect(),
            );
        }
    }
    if lists.iter().flatten().all(Vec::is_empty) {
        lists[1] = Some(vec![element(random, false, false, dial)]);
    }
    let flag = |random: &mut Random| *random.pick(&[None, Some(false), Some(true)]);
    let node = clusterwide && random.chance(5);
    if node {
        for list in lists.iter_mut().flatten() {
            for element in list {
                for rule in element.ports.iter_mut().flatten() {
                    rule.http = false;
                }
            }
        }
    }
    Rule {
        subject: selector(random, false),
        node,
        lists,
        closes: random.chance(50).then(|| (flag(random), flag(random))),
    }
}

impl Manifests {
    /// Draws the objects of a cluster.
    pub fn draw(random: &mut Random, dial: Dial) -> Manifests {
        let policies = (0..=random.below(4))
            .map(|_| {
                let namespace = if random.chance(60) {
                    Some(random.pick(&SPACES).0)
                } else {
                    None
                };
                let rules = (0..=random.below(2))
                    .map(|_| rule(random, namespace.is_none(), dial))
                    .collect();
                Policy { namespace, rules }
            })
            .collect();
        let groups = ["feed", "list"]
            .into_iter()
            .map(|name| Group {
                api_version: match dial.version < (1, 18) {
                    true => "cilium.io/v2alpha1",
                    false => "cilium.io/v2",
                },
                name,
                labels: [("kind", "a"), ("grade", "b")]
                    .into_iter()
                    .filter(|_| random.chance(60))
                    .collect(),
                nets: (0..random.below(3)).map(|_| *random.pick(&NETS)).collect(),
            })
            .collect();
        Manifests { policies, groups }
    }

    /// The objects as YAML, one text each.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for (at, policy) in self.policies.iter().enumerate() {
            let (kind, namespace) = match policy.namespace {
                Some(namespace) => (
                    "CiliumNetworkPolicy",
                    format!(", \"namespace\": \"{namespace}\""),
                ),
                None => ("CiliumClusterwideNetworkPolicy", String::new()),
            };
            let mut rules: Vec<String> = policy.rules.iter().map(Rule::text).collect();
            let spec = match (at % 3, rules.len()) {
                (0, _) | (_, 1) => format!("\"spec\": {}", rules.remove(0)),
                _ => String::new(),
            };
            let specs = match rules.is_empty() {
                true => String::new(),
                false => format!("\"specs\": [{}]", rules.join(", ")),
            };
            let comma = if spec.is_empty() || specs.is_empty() {
                ""
            } else {
                ", "
            };
            texts.push(format!(
                "{{\"apiVersion\": \"cilium.io/v2\", \"kind\": \"{kind}\", \"metadata\": {{\"name\": \"p{at}\"{namespace}}}, {spec}{comma}{specs}}}\n"
            ));
        }
        for group in &self.groups {
            let labels: Vec<String> = group
                .labels
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            texts.push(format!(
                "apiVersion: {}\nkind: CiliumCIDRGroup\nmetadata: {{name: {}, labels: {{{}}}}}\nspec: {{externalCIDRs: {}}}\n",
                group.api_version,
                group.name,
                labels.join(", "),
                quoted(&group.nets)
            ));
        }
        texts
    }
}

fn quoted<T: AsRef<str>>(texts: &[T]) -> String {
    let each: Vec<String> = texts
        .iter()
        .map(|text| format!("\"{}\"", text.as_ref()))
        .collect();
    format!("[{}]", each.join(", "))
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    let each: Vec<String> = items.iter().map(text).collect();
    format!("[{}]", each.join(", "))
}

fn name((pattern, text): &(bool, &'static str)) -> String {
    let key = if *pattern {
        "matchPattern"
    } else {
        "matchName"
    };
    format!("{{\"{key}\": \"{text}\"}}")
}

impl Selector {
    fn text(&self) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(key, value)| format!("\"{key}\": \"{value}\""))
            .collect();
        let mut parts = Vec::new();
        if !labels.is_empty() {
            parts.push(format!("\"matchLabels\": {{{}}}", labels.join(", ")));
        }
        if !self.expressions.is_empty() {
            let each = list(&self.expressions, |(key, operator, values)| {
                let values = match values.is_empty() {
                    true => String::new(),
                    false => format!(", \"values\": {}", quoted(values)),
                };
                format!("{{\"key\": \"{key}\", \"operator\": \"{operator}\"{values}}}")
            });
            parts.push(format!("\"matchExpressions\": {each}"));
        }
        format!("{{{}}}", parts.join(", "))
    }
}

impl Rule {
    fn text(&self) -> String {
        let key = if self.node {
            "nodeSelector"
        } else {
            "endpointSelector"
        };
        let mut text = format!("{{\"{key}\": {}", self.subject.text());
        let keys = ["ingress", "ingressDeny", "egress", "egressDeny"];
        for (at, (key, elements)) in keys.iter().zip(&self.lists).enumerate() {
            if let Some(elements) = elements {
                let way = if at < 2 { "from" } else { "to" };
                let each = list(elements, |element| element.text(way));
                write!(text, ", \"{key}\": {each}").unwrap();
            }
        }
        if let Some((ingress, egress)) = self.closes {
            let flags: Vec<String> = [("ingress", ingress), ("egress", egress)]
                .into_iter()
                .filter_map(|(key, flag)| Some(format!("\"{key}\": {}", flag?)))
                .collect();
            write!(text, ", \"enableDefaultDeny\": {{{}}}", flags.join(", ")).unwrap();
        }
        text + "}"
    }
}

impl Element {
    fn text(&self, way: &str) -> String {
        let mut parts = Vec::new();
        let mut put = |key: &str, value: String| parts.push(format!("\"{way}{key}\": {value}"));
        match &self.peers {
            Peers::Absent => {}
            Peers::Endpoints(all) => put("Endpoints", list(all, Selector::text)),
            Peers::Nodes(all) => put("Nodes", list(all, Selector::text)),
            Peers::Entities(all) => put("Entities", quoted(all)),
            Peers::Cidrs(all) => put("CIDR", quoted(all)),
            Peers::Blocks(all) => put("CIDRSet", list(all, Block::text)),
            Peers::Names(all) => put("FQDNs", list(all, name)),
            Peers::Services(count) => {
                let one = "{\"k8sService\": {\"serviceName\": \"s\"}}".to_owned();
                put("Services", list(&vec![one; *count], Clone::clone));
            }
            Peers::Groups(count) => {
                let one = "{\"aws\": {\"region\": \"r\"}}".to_owned();
                put("Groups", list(&vec![one; *count], Clone::clone));
            }
        }
        if let Some(beside) = self.beside {
            put(beside, "[]".to_owned());
        }
        if let Some(rules) = &self.ports {
            parts.push(format!("\"toPorts\": {}", list(rules, PortRule::text)));
        }
        if let Some(rules) = &self.icmps {
            let each = list(rules, |fields| {
                let each = list(fields, |(v6, kind)| {
                    let family = match v6 {
                        None => "",
                        Some(false) => "\"family\": \"IPv4\", ",
                        Some(true) => "\"family\": \"IPv6\", ",
                    };
                    format!("{{{family}\"type\": {kind}}}")
                });
                format!("{{\"fields\": {each}}}")
            });
            parts.push(format!("\"icmps\": {each}"));
        }
        if let Some(mode) = self.authentication {
            parts.push(format!("\"authentication\": {{\"mode\": \"{mode}\"}}"));
        }
        if self.requires {
            parts.push(format!(
                "\"{way}Requires\": [{{\"matchLabels\": {{\"a\": \"b\"}}}}]"
            ));
        }
        format!("{{{}}}", parts.join(", "))
    }
}

impl Block {
    fn text(&self) -> String {
        let of = match &self.of {
            BlockOf::Cidr(net) => format!("\"cidr\": \"{net}\""),
            BlockOf::Group(name) => format!("\"cidrGroupRef\": \"{name}\""),
            BlockOf::Groups(selector) => format!("\"cidrGroupSelector\": {}", selector.text()),
        };
        format!("{{{of}, \"except\": {}}}", quoted(&self.except))
    }
}

impl PortRule {
    fn text(&self) -> String {
        let ports = list(&self.ports, |port| {
            let mut parts = Vec::new();
            if let Some(text) = port.port {
                parts.push(format!("\"port\": \"{text}\""));
            }
            if let Some(end) = port.end {
                parts.push(format!("\"endPort\": {end}"));
            }
            if let Some(protocol) = port.protocol {
                parts.push(format!("\"protocol\": \"{protocol}\""));
            }
            format!("{{{}}}", parts.join(", "))
        });
        let rules = if self.http {
            ", \"rules\": {\"http\": [{\"method\": \"GET\"}]}".to_owned()
        } else if !self.dns.is_empty() {
            format!(", \"rules\": {{\"dns\": {}}}", list(&self.dns, name))
        } else {
            String::new()
        };
        format!("{{\"ports\": {ports}{rules}}}")
    }
}
