//! The tree of a generated project, and its text.

use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::source::MemoryWorld;
use vauban::space::Transport;

/// A project.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Facts.
    pub cluster: Cluster,
    /// In order.
    pub tiers: Vec<Tier>,
    /// Declared.
    pub namespaces: Vec<(String, Vec<(String, String)>)>,
    /// `network`
    pub networks: Vec<(String, Vec<Endpoint>)>,
    /// `ports`
    pub ports: Vec<(String, Vec<Ports>)>,
    /// `group`
    pub groups: Vec<(String, Vec<Endpoint>)>,
    /// `service`
    pub services: Vec<Service>,
    /// `profile`
    pub profiles: Vec<Profile>,
    /// `policy`
    pub policies: Vec<Policy>,
    /// `default`, a policy without name and tier.
    pub default: Option<Policy>,
}

/// Facts of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Ranges.
    pub pods: Vec<IpNet>,
    /// Ranges.
    pub services: Vec<IpNet>,
    /// Ranges.
    pub nodes: Vec<IpNet>,
    /// Addresses.
    pub apiserver: Vec<IpAddr>,
    /// `ipv6 none`
    pub ipv6_none: bool,
    /// `namespaces closed`
    pub closed: bool,
    /// The other facts, as written.
    pub facts: Vec<String>,
}

/// A tier.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// What follows its name.
    pub otherwise: &'static str,
}

impl Tier {
    /// Whether it ends in deny.
    pub fn denies(&self) -> bool {
        self.otherwise.contains("deny")
    }
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The folder of its team, or the root.
    pub folder: &'static str,
    /// Its tier.
    pub tier: String,
    /// The policy that it is after.
    pub after: Option<String>,
    /// Whether it says so itself, or the other says `before`.
    pub says_after: bool,
    /// `staged`
    pub staged: bool,
    /// After `for`.
    pub subject: Vec<Endpoint>,
    /// A profile, and what is put for its two parameters; before the blocks.
    pub include: Option<(String, Endpoint, Vec<Ports>)>,
    /// `ingress`
    pub ingress: Option<Vec<Rule>>,
    /// `egress`
    pub egress: Option<Vec<Rule>>,
}

/// A profile with the parameters `peer` and `door`.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// `ingress`
    pub ingress: Option<Vec<Rule>>,
    /// `egress`
    pub egress: Option<Vec<Rule>>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its ports on its endpoints.
    pub parts: Vec<(Vec<Ports>, Vec<Endpoint>)>,
    /// Other services, instead.
    pub others: Vec<String>,
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// `allow`
    Allow,
    /// `deny`
    Deny,
    /// `pass`
    Pass,
    /// `log`
    Log,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// `and log`
    pub log: bool,
    /// Ports, or services.
    pub what: What,
    /// The other end; none stands for anywhere, or for a service's own.
    pub peers: Option<Vec<Endpoint>>,
    /// `until`
    pub until: Option<&'static str>,
}

/// What a rule is about.
#[derive(Clone, Debug)]
pub enum What {
    /// Ports.
    Ports(Vec<Ports>),
    /// Services by name.
    Services(Vec<String>),
}

/// An endpoint.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// `pods{…} in …`
    Pods(Vec<Label>, Place),
    /// `serviceaccount … in …`
    Account(String, Place),
    /// A CIDR or an address.
    Net(IpNet),
    /// `nodes`
    Nodes,
    /// `apiserver`
    ApiServer,
    /// `outside`
    Outside,
    /// `anywhere`
    Anywhere,
    /// `ingress-proxy`
    Proxy,
    /// A DNS name.
    Dns(String),
    /// A network.
    Network(String),
    /// A group.
    Group(String),
    /// The parameter of a profile.
    Parameter,
    /// `… except (…)`
    Except(Box<Endpoint>, Vec<Endpoint>),
}

/// Namespaces.
#[derive(Clone, Debug)]
pub enum Place {
    /// By name.
    Names(Vec<String>),
    /// By label.
    Labels(Vec<Label>),
    /// `*`
    All,
    /// `same`
    Same,
}

/// A requirement on a label.
#[derive(Clone, Debug)]
pub enum Label {
    /// `k=v`
    Is(String, String),
    /// `k!=v`
    Not(String, String),
    /// `k in (…)`
    In(String, Vec<String>),
    /// `k not in (…)`
    NotIn(String, Vec<String>),
    /// `k`
    Has(String),
    /// `!k`
    Lacks(String),
    /// `k=same`, `k!=same`
    Same(String, bool),
}

/// Ports.
#[derive(Clone, Debug)]
pub enum Ports {
    /// `all`
    All,
    /// `tcp 80-90`; everything if it is full.
    Range(Transport, u16, u16),
    /// `tcp "http"`
    Named(Transport, String),
    /// `icmp`, `icmpv6`, with a type and code.
    Icmp(bool, Option<(u8, Option<u8>)>),
    /// `protocol 47`
    Protocol(u8),
    /// A `ports` name.
    Name(String),
    /// The parameter of a profile.
    Parameter,
}

/// Text, quoted where it is no plain word.
fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !["in", "not", "same"].contains(&text);
    if plain {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}

fn join<T: Display>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn words(items: &[String]) -> String {
    items
        .iter()
        .map(|item| word(item))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Is(key, value) => write!(f, "{}={}", word(key), word(value)),
            Label::Not(key, value) => write!(f, "{}!={}", word(key), word(value)),
            Label::In(key, values) => write!(f, "{} in ({})", word(key), words(values)),
            Label::NotIn(key, values) => write!(f, "{} not in ({})", word(key), words(values)),
            Label::Has(key) => f.write_str(&word(key)),
            Label::Lacks(key) => write!(f, "!{}", word(key)),
            Label::Same(key, true) => write!(f, "{}=same", word(key)),
            Label::Same(key, false) => write!(f, "{}!=same", word(key)),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Names(names) if names.len() == 1 => f.write_str(&word(&names[0])),
            Place::Names(names) => write!(f, "({})", words(names)),
            Place::Labels(labels) => write!(f, "namespaces{{{}}}", join(labels)),
            Place::All => f.write_str("*"),
            Place::Same => f.write_str("same"),
        }
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Pods(labels, place) if labels.is_empty() => write!(f, "pods in {place}"),
            Endpoint::Pods(labels, place) => write!(f, "pods{{{}}} in {place}", join(labels)),
            Endpoint::Account(name, place) => write!(f, "serviceaccount {} in {place}", word(name)),
            Endpoint::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{}", net.addr())
            }
            Endpoint::Net(net) => write!(f, "{net}"),
            Endpoint::Nodes => f.write_str("nodes"),
            Endpoint::ApiServer => f.write_str("apiserver"),
            Endpoint::Outside => f.write_str("outside"),
            Endpoint::Anywhere => f.write_str("anywhere"),
            Endpoint::Proxy => f.write_str("ingress-proxy"),
            Endpoint::Dns(name) => write!(f, "\"{name}\""),
            Endpoint::Network(name) | Endpoint::Group(name) => f.write_str(name),
            Endpoint::Parameter => f.write_str("peer"),
            Endpoint::Except(base, holes) if holes.len() == 1 => {
                write!(f, "{base} except {}", holes[0])
            }
            Endpoint::Except(base, holes) => write!(f, "{base} except ({})", join(holes)),
        }
    }
}

impl Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ports::All => f.write_str("all"),
            Ports::Range(transport, 1, 65535) => write!(f, "{transport} all"),
            Ports::Range(transport, low, high) if low == high => write!(f, "{transport} {low}"),
            Ports::Range(transport, low, high) => write!(f, "{transport} {low}-{high}"),
            Ports::Named(transport, name) => write!(f, "{transport} \"{name}\""),
            Ports::Icmp(v6, message) => {
                f.write_str(if *v6 { "icmpv6" } else { "icmp" })?;
                match message {
                    None => Ok(()),
                    Some((kind, None)) => write!(f, " type {kind}"),
                    Some((kind, Some(code))) => write!(f, " type {kind} code {code}"),
                }
            }
            Ports::Protocol(number) => write!(f, "protocol {number}"),
            Ports::Name(name) => f.write_str(name),
            Ports::Parameter => f.write_str("door"),
        }
    }
}

impl Rule {
    fn print(&self, direction: &str) -> String {
        let mut text = match self.action {
            Action::Allow => "allow",
            Action::Deny => "deny",
            Action::Pass => "pass",
            Action::Log => "log",
        }
        .to_owned();
        if self.log {
            text += " and log";
        }
        text += " ";
        text += &match &self.what {
            What::Ports(ports) => join(ports),
            What::Services(names) => names.join(", "),
        };
        if let Some(peers) = &self.peers {
            let way = if direction == "ingress" { "from" } else { "to" };
            text += &format!(" {way} {}", join(peers));
        }
        if let Some(date) = self.until {
            text += &format!(" until {date}");
        }
        text
    }
}

fn block(out: &mut String, direction: &str, rules: Option<&Vec<Rule>>) {
    let Some(rules) = rules else { return };
    let _ = writeln!(out, "  {direction} {{");
    for rule in rules {
        let _ = writeln!(out, "    {}", rule.print(direction));
    }
    out.push_str("  }\n");
}

impl Policy {
    fn print(&self, out: &mut String, before: &[String]) {
        if self.tier.is_empty() {
            out.push_str("default {\n");
        } else {
            let staged = if self.staged { "staged " } else { "" };
            let _ = write!(out, "{staged}policy {} in {}", self.name, self.tier);
            if let Some(after) = self.after.as_ref().filter(|_| self.says_after) {
                let _ = write!(out, " after {after}");
            }
            if !before.is_empty() {
                let _ = write!(out, " before {}", before.join(", "));
            }
            out.push_str(" {\n");
        }
        let _ = writeln!(out, "  for {}", join(&self.subject));
        if let Some((profile, endpoint, ports)) = &self.include {
            let _ = writeln!(out, "  include {profile}({endpoint}, {})", join(ports));
        }
        block(out, "ingress", self.ingress.as_ref());
        block(out, "egress", self.egress.as_ref());
        out.push_str("}\n");
    }
}

impl Project {
    /// The files.
    pub fn world(&self) -> MemoryWorld {
        let mut root = String::from("cluster c {\n");
        let facts = [
            ("pods", &self.cluster.pods),
            ("services", &self.cluster.services),
            ("nodes", &self.cluster.nodes),
        ];
        for (name, nets) in facts {
            if !nets.is_empty() {
                let _ = writeln!(root, "  {name} {}", join(nets));
            }
        }
        if !self.cluster.apiserver.is_empty() {
            let _ = writeln!(root, "  apiserver {}", join(&self.cluster.apiserver));
        }
        if self.cluster.ipv6_none {
            root += "  ipv6 none\n";
        }
        if self.cluster.closed {
            root += "  namespaces closed\n";
        }
        for fact in &self.cluster.facts {
            let _ = writeln!(root, "  {fact}");
        }
        root += "}\n";
        for tier in &self.tiers {
            let _ = writeln!(root, "tier {}{}", tier.name, tier.otherwise);
        }
        for (name, labels) in &self.namespaces {
            let labels: Vec<String> = labels
                .iter()
                .map(|(key, value)| format!("{}={}", word(key), word(value)))
                .collect();
            let _ = writeln!(root, "namespace {} {{ {} }}", word(name), labels.join(", "));
        }
        root += "team platform { owners @acme/platform grants all folder . }\n";
        root += "team books { owners @acme/books namespaces blue, blue-* tiers ";
        let names: Vec<&str> = self.tiers.iter().map(|tier| tier.name.as_str()).collect();
        let _ = writeln!(root, "{} }}", names.join(", "));
        for (name, endpoints) in &self.networks {
            let _ = writeln!(root, "network {name} = {}", join(endpoints));
        }
        for (name, ports) in &self.ports {
            let _ = writeln!(root, "ports {name} = {}", join(ports));
        }
        for (name, endpoints) in &self.groups {
            let _ = writeln!(root, "group {name} = {}", join(endpoints));
        }
        for service in &self.services {
            match &service.parts[..] {
                [(ports, endpoints)] => {
                    let _ = writeln!(
                        root,
                        "service {} = {} on {}",
                        service.name,
                        join(ports),
                        join(endpoints)
                    );
                }
                _ => {
                    let _ = writeln!(
                        root,
                        "service {} = {}",
                        service.name,
                        service.others.join(", ")
                    );
                }
            }
        }
        for profile in &self.profiles {
            let _ = writeln!(root, "profile {}(peer, door) {{", profile.name);
            block(&mut root, "ingress", profile.ingress.as_ref());
            block(&mut root, "egress", profile.egress.as_ref());
            root += "}\n";
        }
        if let Some(default) = &self.default {
            default.print(&mut root, &[]);
        }
        let mut books = String::new();
        for policy in &self.policies {
            let before: Vec<String> = self
                .policies
                .iter()
                .filter(|other| other.after.as_deref() == Some(&policy.name) && !other.says_after)
                .map(|other| other.name.clone())
                .collect();
            policy.print(
                if policy.folder.is_empty() {
                    &mut root
                } else {
                    &mut books
                },
                &before,
            );
        }
        let mut world = MemoryWorld::default();
        world.files.insert("main.vau".to_owned(), root);
        if !books.is_empty() {
            world.files.insert("books/books.vau".to_owned(), books);
        }
        world
    }

    /// All text, for people.
    pub fn text(&self) -> String {
        self.world()
            .files
            .iter()
            .map(|(path, text)| format!("//- {path}\n{text}"))
            .collect()
    }
}
