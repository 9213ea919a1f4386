//! Random projects that a target can mostly say.

use ipnet::IpNet;
use vauban::model::Target;
use vauban::space::Transport;

use super::Random;
use super::project::{
    Action, Cluster, Endpoint, Label, Place, Policy, Ports, Profile, Project, Rule, Service, Tier,
    What,
};

/// What a program may say, so that most programs for a target are not refused.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    /// The target.
    pub target: Target,
    /// Its version.
    pub version: (u16, u16),
    /// The plugin, for Kubernetes.
    pub cni: Option<&'static str>,
    /// In percent: how often something is said that the target may well refuse.
    pub daring: usize,
}

/// Keys and values of pod labels.
pub const LABELS: &[(&str, &[&str])] = &[
    ("app", &["web", "api", "db"]),
    ("role", &["front", "true"]),
    ("app.kubernetes.io/name", &["redis", "1e3"]),
    ("canary", &[""]),
    ("projectcalico.org/namespace", &["blue"]),
    ("pcns.env", &["prod"]),
    ("topology.kubernetes.io/zone", &["a"]),
    ("pod-template-hash", &["x"]),
    (
        "a-key-as-long-as-keys-may-be-which-is-sixty-three-letters-or-so",
        &["y"],
    ),
];
/// How many of [`LABELS`] every target can see; the others make trouble somewhere.
const PLAIN_LABELS: usize = 4;
/// Keys and values of namespace labels.
pub const NAMESPACE_LABELS: &[(&str, &[&str])] = &[
    ("env", &["prod", "dev"]),
    ("team", &["books", "shop"]),
    ("pci", &["true"]),
    ("a-namespace-label-of-thirty-four-x", &["z"]),
    ("kubernetes.io/metadata.name", &["blue", "shop"]),
];
/// How many of [`NAMESPACE_LABELS`] are plain.
const PLAIN_NAMESPACE_LABELS: usize = 3;
/// Service accounts.
pub const ACCOUNTS: &[&str] = &["default", "runner", "argo"];
/// Names of ports.
pub const PORT_NAMES: &[&str] = &["http", "metrics"];
/// Names of hosts: what programs say.
pub const HOSTS: &[&str] = &[
    "api.example.com",
    "*.example.com",
    "**.example.org",
    "example.org",
];
/// Networks outside, some meeting the ranges of the cluster.
pub const NETS: &[&str] = &[
    "203.0.113.10/32",
    "203.0.113.0/24",
    "10.0.0.0/8",
    "10.128.0.0/9",
    "192.168.0.0/16",
    "172.16.0.0/12",
    "172.18.0.1/32",
    "0.0.0.0/0",
    "0.0.0.0/1",
    "10.244.0.0/15",
    "169.254.169.254/32",
];
/// The same of the other family.
pub const NETS6: &[&str] = &[
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8::1/128",
    "fd00::/8",
    "::/0",
    "fd00:10::/32",
];

/// A random project.
pub fn project(random: &mut Random, dial: &Dial) -> Project {
    let mut maker = Maker {
        random,
        dial: *dial,
        project: Project::default(),
        dual: false,
    };
    maker.cluster();
    maker.definitions();
    maker.tiers();
    maker.project
}

struct Maker<'r> {
    random: &'r mut Random,
    dial: Dial,
    project: Project,
    dual: bool,
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a CIDR of the list")
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

impl Maker<'_> {
    fn is(&self, target: Target) -> bool {
        self.dial.target == target
    }

    fn daring(&mut self) -> bool {
        let percent = self.dial.daring;
        self.random.chance(percent)
    }

    /// Whether what is open with exceptions is refused: nothing is known of how the plugin sees nodes.
    fn gentle(&self) -> bool {
        self.is(Target::Kubernetes) && !matches!(self.dial.cni, Some("calico" | "antrea"))
    }

    fn cluster(&mut self) {
        let mut cluster = Cluster {
            closed: self.is(Target::Kubernetes) || self.random.chance(50),
            ..Cluster::default()
        };
        self.dual = self.random.chance(35);
        if !self.daring() {
            cluster.pods.push(net("10.244.0.0/16"));
            cluster.services.push(net("10.96.0.0/12"));
            cluster.nodes.push(net("192.168.10.0/24"));
            if self.dual {
                cluster.pods.push(net("fd00:10:244::/56"));
                cluster.services.push(net("fd00:10:96::/112"));
                cluster.nodes.push(net("fd00:192::/64"));
            }
        }
        cluster.ipv6_none = !self.dual && !self.daring();
        match self.random.below(4) {
            0 => cluster
                .apiserver
                .push("192.168.10.10".parse().expect("an address")),
            1 => cluster
                .apiserver
                .push("203.0.113.99".parse().expect("an address")),
            _ => {}
        }
        match self.dial.target {
            Target::Calico => {
                if !self.daring() {
                    let overlay = self.random.pick(&["none", "ipip", "vxlan"]).to_string();
                    cluster.facts.push(format!("overlay {overlay}"));
                }
                if self.random.chance(30) {
                    cluster.facts.push("host-endpoints automatic".to_owned());
                }
            }
            Target::Cilium => {
                for fact in ["sctp", "node-labels", "extended-protocols"] {
                    if self.random.chance(50)
                        && (fact != "extended-protocols" || self.dial.version >= (1, 19))
                    {
                        cluster.facts.push(fact.to_owned());
                    }
                }
            }
            Target::Kubernetes => {
                if self.random.chance(50) {
                    cluster.facts.push("sctp".to_owned());
                }
                if let Some(cni) = self.dial.cni {
                    cluster.facts.push(format!("cni {cni}"));
                }
                let overlay = self
                    .random
                    .pick(&["none", "none", "ipip", "vxlan"])
                    .to_string();
                cluster.facts.push(format!("overlay {overlay}"));
            }
        }
        self.project.cluster = cluster;
        let all: [(&str, &[(&str, &str)]); 7] = [
            ("blue", &[("env", "prod"), ("team", "books")]),
            ("blue-dev", &[("env", "dev"), ("team", "books")]),
            (
                "data",
                &[("pci", "true"), ("a-namespace-label-of-thirty-four-x", "z")],
            ),
            ("kube-system", &[]),
            ("shop", &[("env", "prod"), ("team", "shop")]),
            ("007", &[("env", "dev")]),
            ("null", &[]),
        ];
        for (at, (name, labels)) in all.iter().enumerate() {
            if at < 5 || self.random.chance(25) {
                let labels = labels
                    .iter()
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .collect();
                self.project.namespaces.push((name.to_string(), labels));
            }
        }
    }

    fn definitions(&mut self) {
        for name in ["legacy", "onprem"] {
            let nets = self.nets();
            self.project.networks.push((name.to_owned(), nets));
        }
        let web = vec![
            Ports::Range(Transport::Tcp, 80, 80),
            Ports::Range(Transport::Tcp, 443, 443),
        ];
        self.project.ports.push(("web".to_owned(), web));
        let mixed = vec![
            Ports::Range(Transport::Tcp, 8000, 8080),
            Ports::Range(Transport::Udp, 53, 53),
        ];
        self.project.ports.push(("mixed".to_owned(), mixed));
        if self.random.chance(4) {
            let feed = (0..300u32).map(|at| {
                let address = std::net::Ipv4Addr::from(0xc612_0000 + at * 2);
                Endpoint::Net(IpNet::from(std::net::IpAddr::V4(address)))
            });
            let feed = feed.collect();
            self.project.networks.push(("feed".to_owned(), feed));
            let many = (0..60).map(|at| Ports::Range(Transport::Tcp, 7000 + at * 2, 7000 + at * 2));
            let many = many.collect();
            self.project.ports.push(("many".to_owned(), many));
        }
        for name in ["front", "back"] {
            let pods = vec![self.pods(false, false)];
            self.project.groups.push((name.to_owned(), pods));
        }
        let dns = vec![
            Ports::Range(Transport::Udp, 53, 53),
            Ports::Range(Transport::Tcp, 53, 53),
        ];
        let resolver = Endpoint::Pods(
            vec![Label::Is("app".to_owned(), "db".to_owned())],
            Place::Names(owned(&["kube-system"])),
        );
        self.service("dns", dns, resolver);
        let ports = self.numbers(2);
        let pods = self.named_pods();
        self.service("catalog", ports, pods);
        let ports = self.numbers(1);
        let pods = self.named_pods();
        self.service("orders", ports, pods);
        self.project.services.push(Service {
            name: "both".to_owned(),
            parts: Vec::new(),
            others: owned(&["catalog", "orders"]),
        });
        let rule = |action| Rule {
            action,
            log: false,
            what: What::Ports(vec![Ports::Parameter]),
            peers: Some(vec![Endpoint::Parameter]),
            until: None,
        };
        self.project.profiles.push(Profile {
            name: "served".to_owned(),
            ingress: Some(vec![rule(Action::Allow)]),
            egress: None,
        });
    }

    fn service(&mut self, name: &str, ports: Vec<Ports>, on: Endpoint) {
        self.project.services.push(Service {
            name: name.to_owned(),
            parts: vec![(ports, vec![on])],
            others: Vec::new(),
        });
    }

    fn tiers(&mut self) {
        let count = 1 + self.random.below(3);
        for at in 0..count {
            let last = at + 1 == count;
            let otherwise = match self.random.below(6) {
                0 | 1 => "",
                2 => " { otherwise pass }",
                3 if self.is(Target::Calico) => " { otherwise deny and log }",
                3 | 4 => " { otherwise deny }",
                _ if last => " { otherwise deny }",
                _ => "",
            };
            let otherwise = if self.gentle() && self.random.chance(80) {
                " { otherwise deny }"
            } else {
                otherwise
            };
            let name = ["security", "platform", "app"][at].to_owned();
            self.project.tiers.push(Tier { name, otherwise });
        }
        for at in 0..count {
            self.tier(at);
        }
        if self.random.chance(50) {
            let subject = match self.random.below(3) {
                0 => Endpoint::Pods(Vec::new(), Place::All),
                1 => Endpoint::Except(
                    Box::new(Endpoint::Pods(Vec::new(), Place::All)),
                    vec![Endpoint::Pods(
                        Vec::new(),
                        Place::Names(owned(&["kube-system"])),
                    )],
                ),
                _ => self.subject(),
            };
            let mut default = Policy {
                name: "default".to_owned(),
                folder: "",
                tier: String::new(),
                after: None,
                says_after: false,
                staged: false,
                subject: vec![subject],
                include: None,
                ingress: None,
                egress: None,
            };
            let both = self.random.below(3);
            if both != 0 {
                default.ingress =
                    Some(self.rules(true, false, &[Action::Allow, Action::Allow, Action::Deny]));
            }
            if both != 1 {
                default.egress =
                    Some(self.rules(false, false, &[Action::Allow, Action::Allow, Action::Deny]));
            }
            self.project.default = Some(default);
        }
    }

    fn tier(&mut self, at: usize) {
        let tier = self.project.tiers[at].clone();
        let style = self.random.below(3);
        let gentle = self.gentle();
        let actions: &[Action] = match style {
            0 => &[Action::Allow],
            _ if gentle && tier.denies() => &[
                Action::Allow,
                Action::Allow,
                Action::Allow,
                Action::Allow,
                Action::Deny,
                Action::Pass,
            ],
            _ if tier.denies() => &[Action::Allow, Action::Allow, Action::Deny, Action::Pass],
            _ => &[Action::Deny, Action::Deny, Action::Allow, Action::Pass],
        };
        let mut previous: Option<String> = None;
        let many = if self.is(Target::Calico) { 4 } else { 3 };
        for number in 0..1 + self.random.below(many) {
            let tenant = style == 0 && self.random.chance(25);
            let name = format!("{}-{}", ["zeta", "alpha", "mid", "last"][number], tier.name);
            let subject = match style {
                _ if tenant => vec![self.pods(true, true)],
                1 => {
                    let place = Place::Names(vec![self.project.namespaces[number].0.clone()]);
                    vec![Endpoint::Pods(self.selector(), place)]
                }
                _ => (0..1 + usize::from(self.random.chance(20)))
                    .map(|_| self.subject())
                    .collect(),
            };
            let mut policy = Policy {
                name: name.clone(),
                folder: if tenant { "books" } else { "" },
                tier: tier.name.clone(),
                after: if style == 2 { previous.take() } else { None },
                says_after: self.random.chance(70),
                staged: self.is(Target::Calico) && self.random.chance(8),
                subject,
                include: None,
                ingress: None,
                egress: None,
            };
            let direction = self.random.below(3);
            if direction != 0 {
                policy.ingress = Some(self.rules(true, !tier.denies(), actions));
            }
            if direction != 1 {
                policy.egress = Some(self.rules(false, !tier.denies(), actions));
            }
            if policy.ingress.is_none() && self.random.chance(25) && actions.len() > 1 {
                let peer = self.peer(true);
                let ports = self.numbers(1);
                if !matches!(peer, Endpoint::Except(..)) {
                    policy.include = Some(("served".to_owned(), peer, ports));
                }
            }
            if !policy.staged && self.random.chance(15) && !tenant && style != 1 {
                self.serve(&mut policy);
            }
            previous = Some(name);
            self.project.policies.push(policy);
        }
    }

    /// Makes a policy that offers a service: its subject lies within the service's pods.
    fn serve(&mut self, policy: &mut Policy) {
        let name = *self.random.pick(&["catalog", "orders", "both"]);
        let parts = self.project.services.iter().filter(|service| {
            service.name == name
                || name == "both" && ["catalog", "orders"].contains(&service.name.as_str())
        });
        policy.subject = parts
            .flat_map(|service| service.parts.iter().flat_map(|(_, on)| on.clone()))
            .collect();
        let peers = vec![self.peer(true)];
        policy.include = None;
        policy.ingress.get_or_insert_default().insert(
            0,
            Rule {
                action: Action::Allow,
                log: false,
                what: What::Services(vec![name.to_owned()]),
                peers: Some(peers),
                until: None,
            },
        );
    }

    fn rules(&mut self, ingress: bool, filled: bool, actions: &[Action]) -> Vec<Rule> {
        let count = usize::from(filled) + self.random.below(4);
        let mut rules: Vec<Rule> = (0..count).map(|_| self.rule(ingress, actions)).collect();
        if self.is(Target::Cilium)
            && !ingress
            && actions.contains(&Action::Allow)
            && self.random.chance(25)
        {
            rules.insert(
                0,
                Rule {
                    action: Action::Allow,
                    log: false,
                    what: What::Services(owned(&["dns"])),
                    peers: None,
                    until: None,
                },
            );
            let host = self.random.pick(HOSTS).to_string();
            let ports = self.numbers(1);
            rules.insert(
                1,
                Rule {
                    action: Action::Allow,
                    log: false,
                    what: What::Ports(ports),
                    peers: Some(vec![Endpoint::Dns(host)]),
                    until: None,
                },
            );
        }
        let only_logs = !rules.is_empty() && rules.iter().all(|rule| rule.action == Action::Log);
        if only_logs {
            rules[0].action = actions[0];
        }
        rules
    }

    fn rule(&mut self, ingress: bool, actions: &[Action]) -> Rule {
        let mut action = *self.random.pick(actions);
        if self.random.chance(5) {
            action = Action::Log;
        }
        let peers = if action == Action::Deny && self.random.chance(10) {
            None
        } else {
            Some(
                (0..1 + usize::from(self.random.chance(25)))
                    .map(|_| self.peer(ingress))
                    .collect::<Vec<_>>(),
            )
        };
        let mut rule = Rule {
            action,
            log: matches!(action, Action::Allow | Action::Deny) && self.random.chance(8),
            what: What::Ports(self.ports(ingress, peers.as_deref())),
            peers,
            until: None,
        };
        if !ingress && action == Action::Allow && self.random.chance(15) {
            rule.what = What::Services(vec![
                self.random.pick(&["dns", "catalog", "both"]).to_string(),
            ]);
            rule.peers = None;
        }
        if action == Action::Allow && self.random.chance(6) {
            rule.until = Some(
                *self
                    .random
                    .pick(&["2026-01-31", "2027-03-31", "2026-11-24"]),
            );
        }
        rule
    }

    /// Ports by number.
    fn numbers(&mut self, most: usize) -> Vec<Ports> {
        const EDGES: &[u16] = &[22, 53, 80, 443, 5432, 8000, 8080, 9090, 65535, 1];
        (0..1 + self.random.below(most))
            .map(|_| {
                let low = *self.random.pick(EDGES);
                let high = if self.random.chance(
                    if self.dial.cni.is_none() && self.is(Target::Kubernetes) {
                        4
                    } else {
                        30
                    },
                ) {
                    (*self.random.pick(EDGES)).max(low)
                } else {
                    low
                };
                let transport = match self.random.below(10) {
                    0 | 1 => Transport::Udp,
                    2 if self.is(Target::Calico)
                        || self.project.cluster.facts.iter().any(|fact| fact == "sctp") =>
                    {
                        Transport::Sctp
                    }
                    _ => Transport::Tcp,
                };
                Ports::Range(transport, low, high)
            })
            .collect()
    }

    fn ports(&mut self, ingress: bool, peers: Option<&[Endpoint]>) -> Vec<Ports> {
        let all_pods = peers.is_some_and(|peers| {
            peers.iter().all(|peer| {
                matches!(
                    peer,
                    Endpoint::Pods(..) | Endpoint::Group(_) | Endpoint::Account(..)
                )
            })
        });
        match self.random.below(20) {
            0..=3 => vec![Ports::All],
            4 => {
                let names: Vec<String> = self
                    .project
                    .ports
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect();
                vec![Ports::Name(self.random.pick(&names).clone())]
            }
            5 => vec![
                Ports::Name("mixed".to_owned()),
                Ports::Range(Transport::Tcp, 22, 22),
            ],
            6 => vec![Ports::Range(
                *self.random.pick(&[Transport::Tcp, Transport::Udp]),
                1,
                65535,
            )],
            7 | 8
                if (ingress
                    || all_pods && (!self.is(Target::Cilium) || self.dial.version >= (1, 20)))
                    && self
                        .random
                        .chance(if self.is(Target::Calico) { 60 } else { 25 }) =>
            {
                let name = self.random.pick(PORT_NAMES).to_string();
                let mut ports = vec![Ports::Named(Transport::Tcp, name)];
                if self.random.chance(40) {
                    ports.push(Ports::Range(Transport::Tcp, 8080, 8080));
                }
                ports
            }
            9 | 10 if !self.is(Target::Kubernetes) || self.daring() => {
                let message = match self.random.below(3) {
                    0 => None,
                    1 => Some((*self.random.pick(&[8, 3, 254]), None)),
                    _ if self.is(Target::Cilium) && !self.daring() => Some((8, None)),
                    _ => Some((*self.random.pick(&[8, 0]), Some(*self.random.pick(&[0, 3])))),
                };
                vec![Ports::Icmp(self.dual && self.random.chance(40), message)]
            }
            11 if self.is(Target::Calico) || self.daring() => {
                let number = *self.random.pick(&[47, 4, 112, 50]);
                vec![Ports::Protocol(number)]
            }
            12 if self.is(Target::Calico) => {
                let mut ports = self.numbers(2);
                ports.push(Ports::Icmp(false, None));
                ports.push(Ports::Protocol(47));
                ports
            }
            _ => self.numbers(3),
        }
    }

    fn values(&mut self, values: &[&str]) -> Vec<String> {
        let mut some: Vec<String> = values
            .iter()
            .filter(|_| self.random.chance(60))
            .map(ToString::to_string)
            .collect();
        if some.is_empty() {
            some.push(values[0].to_owned());
        }
        some
    }

    fn label(&mut self, labels: &[(&str, &[&str])]) -> Label {
        let (key, values) = *self.random.pick(labels);
        let value = self.random.pick(values).to_string();
        let key = key.to_owned();
        match self.random.below(10) {
            0..=4 => Label::Is(key, value),
            5 => Label::Not(key, value),
            6 => Label::In(key, self.values(values)),
            7 => Label::NotIn(key, self.values(values)),
            8 if key == "app" && self.random.chance(5) => {
                Label::In(key, (0..150).map(|at| format!("value-{at}")).collect())
            }
            8 => Label::Has(key),
            _ => Label::Lacks(key),
        }
    }

    fn selector(&mut self) -> Vec<Label> {
        let count = [0, 1, 1, 1, 2, 2, 3][self.random.below(7)];
        let mut all: Vec<Label> = Vec::new();
        for _ in 0..count {
            let known = if self.random.chance(99) {
                PLAIN_LABELS
            } else {
                LABELS.len()
            };
            let one = self.label(&LABELS[..known]);
            let key = |label: &Label| match label {
                Label::Is(key, _)
                | Label::Not(key, _)
                | Label::In(key, _)
                | Label::NotIn(key, _)
                | Label::Has(key)
                | Label::Lacks(key)
                | Label::Same(key, _) => key.clone(),
            };
            if !all.iter().any(|other| key(other) == key(&one)) {
                all.push(one);
            }
        }
        all
    }

    fn place(&mut self, tenant: bool, peer: bool) -> Place {
        let names: Vec<String> = self
            .project
            .namespaces
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        if tenant {
            return match self.random.below(3) {
                0 => Place::Names(owned(&["blue", "blue-dev"])),
                1 => Place::Names(owned(&["blue"])),
                _ => Place::Names(owned(&["blue-dev"])),
            };
        }
        match self.random.below(12) {
            0..=3 => Place::Names(vec![self.random.pick(&names).clone()]),
            4 => {
                let mut some: Vec<String> = names
                    .iter()
                    .filter(|_| self.random.chance(50))
                    .cloned()
                    .collect();
                if some.is_empty() {
                    some.push(names[0].clone());
                }
                Place::Names(some)
            }
            5..=7 => Place::Labels(vec![self.namespace_label(peer)]),
            8 => {
                let two = vec![
                    Label::Is("env".to_owned(), "prod".to_owned()),
                    self.namespace_label(peer),
                ];
                if self.inhabited(&two) {
                    Place::Labels(two)
                } else {
                    Place::All
                }
            }
            9 if peer && (self.project.cluster.closed || self.random.chance(15)) => Place::Same,
            10 if peer => {
                Place::Labels(vec![Label::Same("team".to_owned(), self.random.chance(70))])
            }
            _ => Place::All,
        }
    }

    fn namespace_label(&mut self, peer: bool) -> Label {
        if peer && self.project.cluster.closed && self.random.chance(8) {
            return Label::Same("env".to_owned(), true);
        }
        let known = if self.random.chance(93) {
            PLAIN_NAMESPACE_LABELS
        } else {
            NAMESPACE_LABELS.len()
        };
        self.label(&NAMESPACE_LABELS[..known])
    }

    /// Whether some declared namespace has the labels.
    fn inhabited(&self, labels: &[Label]) -> bool {
        self.project.namespaces.iter().any(|(_, has)| {
            let get = |key: &String| {
                has.iter()
                    .find(|(known, _)| known == key)
                    .map(|(_, value)| value)
            };
            labels.iter().all(|label| match label {
                Label::Is(key, value) => get(key) == Some(value),
                Label::Not(key, value) => get(key) != Some(value),
                Label::In(key, values) => get(key).is_some_and(|value| values.contains(value)),
                Label::NotIn(key, values) => get(key).is_none_or(|value| !values.contains(value)),
                Label::Has(key) => get(key).is_some(),
                Label::Lacks(key) => get(key).is_none(),
                Label::Same(..) => true,
            })
        })
    }

    fn pods(&mut self, tenant: bool, subject: bool) -> Endpoint {
        let place = self.place(tenant, false);
        let selector = self.selector();
        let _ = subject;
        Endpoint::Pods(selector, place)
    }

    /// Pods that surely can exist, in named namespaces.
    fn named_pods(&mut self) -> Endpoint {
        let name = self.project.namespaces[self.random.below(4)].0.clone();
        let (key, values) = *self.random.pick(&LABELS[..PLAIN_LABELS]);
        let value = self.random.pick(values).to_string();
        Endpoint::Pods(
            vec![Label::Is(key.to_owned(), value)],
            Place::Names(vec![name]),
        )
    }

    fn subject(&mut self) -> Endpoint {
        match self.random.below(12) {
            0 => Endpoint::Pods(Vec::new(), Place::All),
            1 => Endpoint::Group(self.random.pick(&["front", "back"]).to_string()),
            2 if !self.is(Target::Kubernetes) => {
                let place = self.place(false, false);
                Endpoint::Account(self.random.pick(ACCOUNTS).to_string(), place)
            }
            3 => {
                let base = self.pods(false, true);
                let holes = vec![self.named_pods()];
                Endpoint::Except(Box::new(base), holes)
            }
            _ => self.pods(false, true),
        }
    }

    fn net(&mut self) -> Endpoint {
        let six = self.dual && self.random.chance(35);
        let pool: &[&str] = if six { NETS6 } else { NETS };
        let text: &&str = self.random.pick(pool);
        Endpoint::Net(net(text))
    }

    fn nets(&mut self) -> Vec<Endpoint> {
        (0..1 + self.random.below(2))
            .map(|_| {
                let base = self.net();
                if let Endpoint::Net(outer) = &base {
                    let inside: Vec<IpNet> = NETS
                        .iter()
                        .chain(NETS6)
                        .map(|text| net(text))
                        .filter(|inner| outer.contains(inner) && inner != outer)
                        .collect();
                    if !inside.is_empty() && self.random.chance(50) {
                        let hole = Endpoint::Net(*self.random.pick(&inside));
                        return Endpoint::Except(Box::new(base), vec![hole]);
                    }
                }
                base
            })
            .collect()
    }

    fn peer(&mut self, ingress: bool) -> Endpoint {
        let known_api = !self.project.cluster.apiserver.is_empty();
        match self.random.below(24) {
            0..=8 => {
                let place = self.place(false, true);
                Endpoint::Pods(self.selector(), place)
            }
            9 => Endpoint::Group(self.random.pick(&["front", "back"]).to_string()),
            10 if !self.is(Target::Kubernetes) || self.daring() => {
                let place = self.place(false, true);
                Endpoint::Account(self.random.pick(ACCOUNTS).to_string(), place)
            }
            11 => {
                let base = Endpoint::Pods(self.selector(), Place::All);
                let holes = (0..1 + self.random.below(2))
                    .map(|_| self.named_pods())
                    .collect();
                Endpoint::Except(Box::new(base), holes)
            }
            12..=14 => self.net(),
            15 => {
                let names: Vec<String> = self
                    .project
                    .networks
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect();
                Endpoint::Network(self.random.pick(&names).clone())
            }
            16 | 17 => self.nets().remove(0),
            18 => Endpoint::Outside,
            19 => Endpoint::Anywhere,
            20 => {
                let mut holes = vec![self.named_pods()];
                if self.random.chance(50) {
                    holes.push(Endpoint::Net(net("203.0.113.0/24")));
                }
                if self.random.chance(30) {
                    holes.push(Endpoint::Nodes);
                }
                Endpoint::Except(Box::new(Endpoint::Anywhere), holes)
            }
            21 if !self.is(Target::Kubernetes)
                || !matches!(self.dial.cni, None | Some("cilium"))
                || self.daring() =>
            {
                Endpoint::Nodes
            }
            22 if known_api && (!ingress || self.is(Target::Calico) || self.daring()) => {
                Endpoint::ApiServer
            }
            23 if self.is(Target::Cilium) && ingress => Endpoint::Proxy,
            _ => {
                let place = self.place(false, true);
                Endpoint::Pods(self.selector(), place)
            }
        }
    }
}
