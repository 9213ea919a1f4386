//! projectcalico.org/v3 as anybody may write it: what Calico makes of any valid objects, for one flow of which everything is known.
//!
//! Takes: the YAML text of valid objects. Gives: verdicts. Knows what the model does not: source ports, labels of service accounts and host endpoints, and
//! whether services and HTTP requests match. Nothing is validated here; [`super::calico`] does that for what we emit.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Pod, Traffic, Transport};

use super::calico_selector::{self, Selector};
use super::labels::{LabelSelector, Operator};
use super::yaml::{Fields, Value, document};
use super::{Outcome, Parsed, Seen};

/// What differs from server to server.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// The version.
    pub version: (u16, u16),
    /// The order of a tier that says none.
    pub missing_order: f64,
    /// Whether an empty list of rules counts for `types`.
    pub counts_empty_lists: bool,
}

/// What the model does not know of a flow.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// The port that it comes from.
    pub source_port: u16,
    /// The labels of every service account.
    pub accounts: BTreeMap<String, String>,
    /// The labels of every namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// The labels of the peer's host endpoint, if it is a node that has one.
    pub host: Option<BTreeMap<String, String>>,
    /// The name of the destination port there.
    pub host_port: Option<String>,
    /// Whether services match it.
    pub services: bool,
    /// Whether HTTP requests match.
    pub http: bool,
}

/// All objects of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    server: Server,
    tiers: Vec<(String, f64, bool)>,
    policies: Vec<Policy>,
    sets: Vec<Set>,
}

#[derive(Clone, Debug)]
struct Set {
    namespace: Option<String>,
    labels: BTreeMap<String, String>,
    nets: Vec<IpNet>,
}

#[derive(Clone, Debug)]
struct Policy {
    name: String,
    tier: String,
    order: f64,
    tie: String,
    subject: Selector,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

#[derive(Clone, Debug)]
struct Rule {
    action: String,
    version: Option<i64>,
    protocol: Option<(u8, bool)>,
    not_protocol: Option<(u8, bool)>,
    icmp: Option<(Option<u8>, Option<u8>)>,
    not_icmp: Option<(Option<u8>, Option<u8>)>,
    source: Side,
    destination: Side,
    http: bool,
}

#[derive(Clone, Debug, Default)]
struct Side {
    nets: Vec<IpNet>,
    not_nets: Vec<IpNet>,
    positive: Option<Selector>,
    negative: Option<Selector>,
    ports: Vec<Port>,
    not_ports: Vec<Port>,
    services: Option<bool>,
}

#[derive(Clone, Debug)]
enum Port {
    Range(u16, u16),
    Name(String),
}

/// What lies at an address.
enum Thing<'a> {
    Pod(&'a Pod),
    Host(&'a BTreeMap<String, String>),
    Set(&'a Set),
}

impl Cluster {
    /// Reads valid objects.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, server: Server) -> Parsed<Self> {
        let mut cluster = Cluster {
            server,
            tiers: Vec::new(),
            policies: Vec::new(),
            sets: Vec::new(),
        };
        for text in texts {
            let value = document(text)?;
            cluster
                .add(&value)
                .map_err(|why| format!("{why}\n{text}"))?;
        }
        let kubernetes = if server.version >= (3, 32) {
            ["kube-admin", "kube-baseline"]
        } else {
            ["adminnetworkpolicy", "baselineadminnetworkpolicy"]
        };
        for (name, order, passes) in [
            (kubernetes[0], 1e3, true),
            ("default", 1e6, false),
            (kubernetes[1], 1e7, true),
        ] {
            if !cluster.tiers.iter().any(|tier| tier.0 == name) {
                cluster.tiers.push((name.to_owned(), order, passes));
            }
        }
        cluster
            .tiers
            .sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        cluster
            .policies
            .sort_by(|a, b| a.order.total_cmp(&b.order).then_with(|| a.tie.cmp(&b.tie)));
        Ok(cluster)
    }

    fn add(&mut self, value: &Value) -> Parsed<()> {
        let object = value.fields("object")?;
        let kind = object.need("kind")?.text("kind")?;
        let meta = object.need("metadata")?.fields("metadata")?;
        let name = meta.need("name")?.text("name")?.to_owned();
        let namespace = meta.text("namespace")?.map(str::to_owned);
        let spec = object.need("spec")?.fields("spec")?;
        match kind {
            "Tier" => {
                let order = match spec.get("order").filter(|order| **order != Value::Null) {
                    Some(order) => order.number("order")?,
                    None => self.server.missing_order,
                };
                let passes = spec.text("defaultAction")? == Some("Pass");
                self.tiers.push((name, order, passes));
            }
            "GlobalNetworkSet" | "NetworkSet" => self.sets.push(Set {
                namespace,
                labels: match meta.get("labels") {
                    Some(labels) => labels.pairs("labels")?.into_iter().collect(),
                    None => BTreeMap::new(),
                },
                nets: texts(&spec, "nets")?
                    .iter()
                    .map(|text| net(text))
                    .collect::<Parsed<_>>()?,
            }),
            "NetworkPolicy" if object.text("apiVersion")? == Some("networking.k8s.io/v1") => {
                let namespace = namespace.as_deref().unwrap_or("default");
                let policy = self.kubernetes(&spec, &name, namespace)?;
                self.policies.push(policy);
            }
            "GlobalNetworkPolicy" | "NetworkPolicy" => {
                let is = |key: &str| -> Parsed<bool> {
                    spec.get(key).map_or(Ok(false), |value| value.boolean(key))
                };
                // Those are for host endpoints.
                if is("doNotTrack")? || is("preDNAT")? {
                    return Ok(());
                }
                let policy = self.policy(&spec, kind, &name, namespace.as_deref())?;
                self.policies.push(policy);
            }
            // Nothing is enforced of the staged ones.
            _ => {}
        }
        Ok(())
    }

    fn policy(
        &self,
        spec: &Fields<'_>,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Parsed<Policy> {
        let tier = spec.text("tier")?.unwrap_or("default").to_owned();
        let lists = [spec.get("ingress"), spec.get("egress")];
        let mut types = texts(spec, "types")?;
        if types.is_empty() {
            let counts = |list: &Option<&Value>| match list {
                None => false,
                Some(Value::List(list)) => self.server.counts_empty_lists || !list.is_empty(),
                Some(_) => true,
            };
            if counts(&lists[0]) || !counts(&lists[1]) {
                types.push("Ingress".to_owned());
            }
            if counts(&lists[1]) {
                types.push("Egress".to_owned());
            }
        }
        let mut subject = Vec::new();
        if let Some(text) = spec.text("selector")? {
            subject.push(calico_selector::parse(text, false)?);
        }
        match (namespace, spec.text("namespaceSelector")?) {
            (Some(namespace), _) => subject.push(in_namespace(namespace)),
            (None, Some(text)) if !text.is_empty() => {
                subject.push(calico_selector::parse(text, false)?.prefixed("pcns."));
            }
            (None, _) => {}
        }
        if let Some(text) = spec.text("serviceAccountSelector")? {
            subject.push(calico_selector::parse(text, false)?.prefixed("pcsa."));
        }
        let side = |word: &str, key: &str| -> Parsed<Option<Vec<Rule>>> {
            if !types.iter().any(|one| one == word) {
                return Ok(None);
            }
            spec.maps(key)?
                .iter()
                .map(|fields| rule(fields, namespace))
                .collect::<Parsed<_>>()
                .map(Some)
        };
        Ok(Policy {
            name: format!("{kind} {}/{name}", namespace.unwrap_or("")),
            order: match spec.get("order") {
                Some(order) => order.number("order")?,
                None => f64::INFINITY,
            },
            tie: if self.server.version >= (3, 32) {
                format!("{name}/{}/{kind}", namespace.unwrap_or(""))
            } else {
                let full = if tier == "default" {
                    format!("default.{name}")
                } else {
                    name.to_owned()
                };
                namespace.map_or(full.clone(), |namespace| format!("{namespace}/{full}"))
            },
            tier,
            subject: Selector::And(subject),
            ingress: side("Ingress", "ingress")?,
            egress: side("Egress", "egress")?,
        })
    }

    /// A NetworkPolicy of Kubernetes as the policy of Calico that it becomes.
    fn kubernetes(&self, spec: &Fields<'_>, name: &str, namespace: &str) -> Parsed<Policy> {
        let types = texts(spec, "policyTypes")?;
        let side = |word: &str, key: &str, peers: &str| -> Parsed<Option<Vec<Rule>>> {
            let listed = match types.is_empty() {
                true => word == "Ingress" || !spec.maps(key)?.is_empty(),
                false => types.iter().any(|one| one == word),
            };
            if !listed {
                return Ok(None);
            }
            let mut rules = Vec::new();
            for fields in spec.maps(key)? {
                let mut ends = Vec::new();
                for peer in fields.maps(peers)? {
                    ends.push(kubernetes_peer(&peer, namespace)?);
                }
                if ends.is_empty() {
                    ends.push(Side::default());
                }
                let mut traffic = Vec::new();
                for port in fields.maps("ports")? {
                    traffic.push(kubernetes_port(&port)?);
                }
                if traffic.is_empty() {
                    traffic.push((None, Vec::new()));
                }
                for end in &ends {
                    for (protocol, ports) in &traffic {
                        let (mut source, mut destination) = (Side::default(), end.clone());
                        if key == "ingress" {
                            std::mem::swap(&mut source, &mut destination);
                        }
                        destination.ports.clone_from(ports);
                        rules.push(Rule {
                            action: "Allow".to_owned(),
                            version: None,
                            protocol: *protocol,
                            not_protocol: None,
                            icmp: None,
                            not_icmp: None,
                            source,
                            destination,
                            http: false,
                        });
                    }
                }
            }
            Ok(Some(rules))
        };
        Ok(Policy {
            name: format!("Kubernetes' {namespace}/{name}"),
            tier: "default".to_owned(),
            order: 1000.0,
            tie: match self.server.version >= (3, 32) {
                true => format!("{name}/{namespace}/KubernetesNetworkPolicy"),
                false => format!("{namespace}/knp.default.{name}"),
            },
            subject: Selector::And(vec![
                kubernetes_selector(spec.get("podSelector"))?,
                in_namespace(namespace),
            ]),
            ingress: side("Ingress", "ingress", "from")?,
            egress: side("Egress", "egress", "to")?,
        })
    }

    /// What becomes of a flow at its subject.
    pub fn decide(&self, seen: &Seen, hidden: &Hidden) -> Outcome {
        let flow = &seen.flow;
        let sets = |address: IpAddr| {
            self.sets
                .iter()
                .filter(move |set| set.nets.iter().any(|net| net.contains(&address)))
                .map(Thing::Set)
        };
        let own = Thing::Pod(&flow.subject);
        let subject: Vec<Thing<'_>> = std::iter::once(own)
            .chain(sets(seen.subject_address))
            .collect();
        let other = match &flow.peer {
            End::Pod(pod) => Some(Thing::Pod(pod)),
            End::Node(_) => hidden.host.as_ref().map(Thing::Host),
            _ => None,
        };
        let peer: Vec<Thing<'_>> = other.into_iter().chain(sets(seen.peer_address)).collect();
        'tiers: for (tier, _, passes) in &self.tiers {
            let mut last = None;
            for policy in self.policies.iter().filter(|policy| policy.tier == *tier) {
                let rules = match flow.direction {
                    Direction::Ingress => &policy.ingress,
                    Direction::Egress => &policy.egress,
                };
                let Some(rules) = rules else { continue };
                if !subject[0].fits(&policy.subject, hidden) {
                    continue;
                }
                last = Some(&policy.name);
                for (at, rule) in rules.iter().enumerate() {
                    if !rule.matches(seen, hidden, &subject, &peer) {
                        continue;
                    }
                    let why = format!("rule {at} of {} in tier {tier}", policy.name);
                    match rule.action.as_str() {
                        "Allow" => return Outcome::allow(why),
                        "Deny" => return Outcome::deny(why),
                        "Pass" => continue 'tiers,
                        _ => {}
                    }
                }
            }
            if let Some(policy) = last.filter(|_| !passes) {
                return Outcome::deny(format!("end of tier {tier}, where {policy} applies"));
            }
        }
        Outcome::allow("the profile of the namespace")
    }
}

impl Thing<'_> {
    fn label(&self, key: &str, hidden: &Hidden) -> Option<String> {
        let of_namespace = |namespace: &str, key: &str| match key {
            "projectcalico.org/name" | "kubernetes.io/metadata.name" => Some(namespace.to_owned()),
            key => hidden.namespaces.get(namespace)?.get(key).cloned(),
        };
        match self {
            Thing::Host(labels) => labels.get(key).cloned(),
            Thing::Set(set) => set.labels.get(key).cloned().or_else(|| {
                let namespace = set.namespace.as_deref()?;
                if key == "projectcalico.org/namespace" {
                    return Some(namespace.to_owned());
                }
                of_namespace(namespace, key.strip_prefix("pcns.")?)
            }),
            Thing::Pod(pod) => {
                if let Some(key) = key.strip_prefix("pcns.") {
                    return match key {
                        "projectcalico.org/name" | "kubernetes.io/metadata.name" => {
                            Some(pod.namespace.to_string())
                        }
                        key => pod.namespace_labels.get(key).map(ToString::to_string),
                    };
                }
                if let Some(key) = key.strip_prefix("pcsa.") {
                    return match key {
                        "projectcalico.org/name" => Some(pod.service_account.to_string()),
                        key => hidden.accounts.get(key).cloned(),
                    };
                }
                match key {
                    "projectcalico.org/namespace" => Some(pod.namespace.to_string()),
                    "projectcalico.org/orchestrator" => Some("k8s".to_owned()),
                    "projectcalico.org/serviceaccount" => Some(pod.service_account.to_string()),
                    key => pod.labels.get(key).map(ToString::to_string),
                }
            }
        }
    }

    fn fits(&self, selector: &Selector, hidden: &Hidden) -> bool {
        selector.matches(&|key: &str| self.label(key, hidden))
    }

    /// Whether it calls a port so.
    fn calls(&self, name: &str, transport: Transport, number: u16, hidden: &Hidden) -> bool {
        match self {
            Thing::Pod(pod) => pod.named_ports.get(&(transport, name.into())) == Some(&number),
            Thing::Host(_) => hidden.host_port.as_deref() == Some(name),
            Thing::Set(_) => false,
        }
    }
}

impl Rule {
    fn matches(
        &self,
        seen: &Seen,
        hidden: &Hidden,
        subject: &[Thing<'_>],
        peer: &[Thing<'_>],
    ) -> bool {
        let (protocol, message, port) = match seen.flow.traffic {
            Traffic::Port(transport, port) => (transport.number(), None, Some((transport, port))),
            Traffic::Icmp(kind, code) => (1, Some((kind, code)), None),
            Traffic::Icmpv6(kind, code) => (58, Some((kind, code)), None),
            Traffic::Protocol(number) => (number, None, None),
        };
        let v4 = seen.peer_address.is_ipv4();
        let version = self.version.or(match self.protocol {
            Some((1, true)) => Some(4),
            Some((58, true)) => Some(6),
            _ => None,
        });
        if version.is_some_and(|version| (version == 4) != v4)
            || self.protocol.is_some_and(|(is, _)| is != protocol)
            || self.not_protocol.is_some_and(|(is, _)| is == protocol)
            || self.http && !hidden.http
        {
            return false;
        }
        let says = |wanted: (Option<u8>, Option<u8>)| {
            message.is_some_and(|(kind, code)| {
                wanted.0.is_none_or(|is| is == kind) && wanted.1.is_none_or(|is| is == code)
            })
        };
        if self.icmp.is_some_and(|wanted| !says(wanted))
            || self
                .not_icmp
                .is_some_and(|not| not.0.is_some() && says(not))
        {
            return false;
        }
        let (source, destination) = match seen.flow.direction {
            Direction::Ingress => ((seen.peer_address, peer), (seen.subject_address, subject)),
            Direction::Egress => ((seen.subject_address, subject), (seen.peer_address, peer)),
        };
        let from = port.map(|(transport, _)| (transport, hidden.source_port));
        let names = self
            .protocol
            .is_none_or(|(is, _)| port.is_some_and(|(transport, _)| transport.number() == is))
            && (self.protocol.is_some()
                || port.is_some_and(|(transport, _)| transport == Transport::Tcp));
        self.source.holds(source.0, source.1, hidden)
            && self.destination.holds(destination.0, destination.1, hidden)
            && self.source.ports_hold(source.1, from, names, hidden)
            && self
                .destination
                .ports_hold(destination.1, port, names, hidden)
    }
}

impl Side {
    fn holds(&self, address: IpAddr, things: &[Thing<'_>], hidden: &Hidden) -> bool {
        let holds = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        let family = |nets: &[IpNet]| {
            nets.iter()
                .any(|net| net.addr().is_ipv4() == address.is_ipv4())
        };
        let picked = |selector: &Selector| things.iter().any(|thing| thing.fits(selector, hidden));
        (self.nets.is_empty() || holds(&self.nets))
            && (self.not_nets.is_empty() || family(&self.not_nets) && !holds(&self.not_nets))
            && self.positive.as_ref().is_none_or(picked)
            && !self.negative.as_ref().is_some_and(picked)
            && self
                .services
                .is_none_or(|with_namespace| with_namespace && hidden.services)
    }

    fn ports_hold(
        &self,
        things: &[Thing<'_>],
        port: Option<(Transport, u16)>,
        names: bool,
        hidden: &Hidden,
    ) -> bool {
        let listed = |ports: &[Port]| {
            ports.iter().any(|one| match (one, port) {
                (_, None) => false,
                (Port::Range(low, high), Some((_, number))) => (*low..=*high).contains(&number),
                (Port::Name(name), Some((transport, number))) => {
                    names
                        && things.iter().any(|thing| {
                            let positive = self.positive.as_ref();
                            positive.is_none_or(|selector| thing.fits(selector, hidden))
                                && thing.calls(name, transport, number, hidden)
                        })
                }
            })
        };
        (self.ports.is_empty() || listed(&self.ports)) && !listed(&self.not_ports)
    }
}

fn in_namespace(namespace: &str) -> Selector {
    Selector::Equals(
        "projectcalico.org/namespace".to_owned(),
        namespace.to_owned(),
    )
}

fn texts(fields: &Fields<'_>, key: &str) -> Parsed<Vec<String>> {
    fields
        .get(key)
        .map_or(Ok(Vec::new()), |value| value.texts(key))
}

fn net(text: &str) -> Parsed<IpNet> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("the network {text}"))
}

fn protocol(value: &Value) -> Parsed<(u8, bool)> {
    let names = [
        ("TCP", 6),
        ("UDP", 17),
        ("ICMP", 1),
        ("ICMPv6", 58),
        ("SCTP", 132),
        ("UDPLite", 136),
    ];
    match value {
        Value::Int(number) => Ok((*number as u8, false)),
        Value::Text(text) => match names.iter().find(|(name, _)| name == text) {
            Some((_, number)) => Ok((*number, true)),
            None => text
                .parse()
                .map(|number| (number, false))
                .map_err(|_| format!("the protocol {text}")),
        },
        other => Err(format!("the protocol {other:?}")),
    }
}

fn message(fields: &Fields<'_>, key: &str) -> Parsed<Option<(Option<u8>, Option<u8>)>> {
    let Some(value) = fields.get(key) else {
        return Ok(None);
    };
    let value = value.fields(key)?;
    let number = |key: &str| -> Parsed<Option<u8>> {
        value
            .get(key)
            .map(|value| value.int(key).map(|number| number as u8))
            .transpose()
    };
    Ok(Some((number("type")?, number("code")?)))
}

fn rule(fields: &Fields<'_>, namespace: Option<&str>) -> Parsed<Rule> {
    let entity = |key: &str| -> Parsed<Side> {
        match fields.get(key) {
            Some(value) => side(&value.fields(key)?, namespace),
            None => Ok(Side::default()),
        }
    };
    Ok(Rule {
        action: fields.need("action")?.text("action")?.to_owned(),
        version: fields
            .get("ipVersion")
            .map(|value| value.int("ipVersion"))
            .transpose()?,
        protocol: fields.get("protocol").map(protocol).transpose()?,
        not_protocol: fields.get("notProtocol").map(protocol).transpose()?,
        icmp: message(fields, "icmp")?,
        not_icmp: message(fields, "notICMP")?,
        source: entity("source")?,
        destination: entity("destination")?,
        http: fields.get("http").is_some(),
    })
}

fn side(fields: &Fields<'_>, namespace: Option<&str>) -> Parsed<Side> {
    let selector = |key: &str| -> Parsed<Option<Selector>> {
        match fields.text(key)? {
            None | Some("") => Ok(None),
            Some(text) => calico_selector::parse(text, false).map(Some),
        }
    };
    let nets = |key: &str| -> Parsed<Vec<IpNet>> {
        texts(fields, key)?.iter().map(|text| net(text)).collect()
    };
    let ports = |key: &str| -> Parsed<Vec<Port>> {
        let Some(value) = fields.get(key) else {
            return Ok(Vec::new());
        };
        value.list(key)?.iter().map(port).collect()
    };
    let own = selector("selector")?;
    let negative = selector("notSelector")?;
    let mut positive = Vec::new();
    if let Some(accounts) = fields.get("serviceAccounts") {
        let accounts = accounts.fields("serviceAccounts")?;
        if let Some(text) = accounts.text("selector")?.filter(|text| !text.is_empty()) {
            positive.push(calico_selector::parse(text, false)?.prefixed("pcsa."));
        }
        let names = texts(&accounts, "names")?;
        if !names.is_empty() {
            positive.push(Selector::In(
                "projectcalico.org/serviceaccount".to_owned(),
                names,
            ));
        }
    }
    positive.extend(own);
    let scoped = negative.is_some() || !positive.is_empty();
    match (fields.text("namespaceSelector")?, namespace) {
        (Some(text), _) if !text.is_empty() => {
            let has = Selector::Has("projectcalico.org/namespace".to_owned());
            positive.push(match text.trim() {
                "all()" => has,
                "global()" => Selector::Not(Box::new(has)),
                _ => all_replaced(calico_selector::parse(text, false)?).prefixed("pcns."),
            });
        }
        (_, Some(namespace)) if scoped => positive.push(in_namespace(namespace)),
        _ => {}
    }
    Ok(Side {
        nets: nets("nets")?,
        not_nets: nets("notNets")?,
        positive: (!positive.is_empty()).then_some(Selector::And(positive)),
        negative,
        ports: ports("ports")?,
        not_ports: ports("notPorts")?,
        services: match fields.get("services") {
            None => None,
            Some(services) => {
                let services = services.fields("services")?;
                Some(
                    services
                        .text("namespace")?
                        .is_some_and(|text| !text.is_empty()),
                )
            }
        },
    })
}

/// `all()` inside a namespace selector of a rule is whatever has a namespace; written so that the prefix, put before it later, is the right one.
fn all_replaced(selector: Selector) -> Selector {
    let each = |list: Vec<Selector>| list.into_iter().map(all_replaced).collect();
    match selector {
        // `pcns.projectcalico.org/name` is there just where `projectcalico.org/namespace` is.
        Selector::All => Selector::Has("projectcalico.org/name".to_owned()),
        Selector::Not(inner) => Selector::Not(Box::new(all_replaced(*inner))),
        Selector::And(list) => Selector::And(each(list)),
        Selector::Or(list) => Selector::Or(each(list)),
        other => other,
    }
}

fn port(value: &Value) -> Parsed<Port> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("the port {text}"));
    match value {
        Value::Int(port) => Ok(Port::Range(*port as u16, *port as u16)),
        Value::Text(text) => match text.split_once(':') {
            Some((low, high)) => Ok(Port::Range(number(low)?, number(high)?)),
            None => Ok(match text.parse() {
                Ok(port) => Port::Range(port, port),
                Err(_) => Port::Name(text.clone()),
            }),
        },
        other => Err(format!("the port {other:?}")),
    }
}

/// A label selector in Calico's words.
fn kubernetes_selector(value: Option<&Value>) -> Parsed<Selector> {
    let Some(value) = value else {
        return Ok(Selector::All);
    };
    let selector = LabelSelector::parse(value, "selector", |_| Ok(()))?;
    let one = |requirement: &super::labels::Requirement| {
        let key = requirement.key.clone();
        match &requirement.operator {
            Operator::In(values) => Selector::In(key, values.clone()),
            Operator::NotIn(values) => Selector::NotIn(key, values.clone()),
            Operator::Exists => Selector::Has(key),
            Operator::DoesNotExist => Selector::Not(Box::new(Selector::Has(key))),
        }
    };
    Ok(Selector::And(
        selector.requirements.iter().map(one).collect(),
    ))
}

fn kubernetes_peer(peer: &Fields<'_>, namespace: &str) -> Parsed<Side> {
    if let Some(block) = peer.get("ipBlock") {
        let block = block.fields("ipBlock")?;
        let except = texts(&block, "except")?;
        return Ok(Side {
            nets: vec![net(block.need("cidr")?.text("cidr")?)?],
            not_nets: except.iter().map(|text| net(text)).collect::<Parsed<_>>()?,
            ..Side::default()
        });
    }
    let place = match peer.get("namespaceSelector") {
        None => in_namespace(namespace),
        some => kubernetes_selector(some)?.prefixed("pcns."),
    };
    let pod = Selector::Equals(
        "projectcalico.org/orchestrator".to_owned(),
        "k8s".to_owned(),
    );
    let own = kubernetes_selector(peer.get("podSelector"))?;
    Ok(Side {
        positive: Some(Selector::And(vec![pod, place, own])),
        ..Side::default()
    })
}

type Passing = (Option<(u8, bool)>, Vec<Port>);

fn kubernetes_port(fields: &Fields<'_>) -> Parsed<Passing> {
    let protocol = match fields.get("protocol") {
        Some(value) => protocol(value)?,
        None => (6, true),
    };
    let ports = match fields.get("port").map(port).transpose()? {
        None => Vec::new(),
        Some(Port::Range(low, _)) => {
            let high = fields
                .get("endPort")
                .map(|value| value.int("endPort"))
                .transpose()?;
            vec![Port::Range(low, high.map_or(low, |high| high as u16))]
        }
        Some(name) => vec![name],
    };
    Ok((Some(protocol), ports))
}
