//! networking.k8s.io/v1 NetworkPolicy: an end is open until a policy selects it in a direction, then what some policy allows passes.

use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Pod, Traffic, Transport};

use super::labels::{LabelSelector, check_key};
use super::yaml::{Fields, Value, document, metadata};
use super::{Outcome, Parsed, Seen};

/// What the enforcing plugin does where the API does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// `ipBlock` matches pods by their address.
    pub blocks_meet_pods: bool,
    /// `ipBlock` matches nodes by their address.
    pub blocks_meet_nodes: bool,
}

/// Departures from the API that some plugins make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quirks {
    /// Rules of a direction that `policyTypes` does not list act all the same (Cilium).
    pub unlisted_rules_act: bool,
    /// `endPort` is not known: the first port alone is meant.
    pub end_port_is_unknown: bool,
}

/// What manifests may look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dialect {
    /// As ours do: everything said, nothing said in vain.
    Ours,
    /// As the API server takes them.
    Any(Quirks),
}

/// All policies of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    policies: Vec<Policy>,
}

#[derive(Clone, Debug)]
struct Policy {
    name: String,
    namespace: String,
    subject: LabelSelector,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Any if empty.
    peers: Vec<Peer>,
    /// All if empty.
    ports: Vec<Port>,
}

#[derive(Clone, Debug)]
enum Peer {
    Pods {
        namespaces: Option<LabelSelector>,
        pods: Option<LabelSelector>,
    },
    Block {
        cidr: IpNet,
        except: Vec<IpNet>,
    },
}

#[derive(Clone, Debug)]
struct Port {
    protocol: Transport,
    which: Which,
}

#[derive(Clone, Debug)]
enum Which {
    All,
    Range(u16, u16),
    Named(String),
}

impl Cluster {
    /// Reads objects, one document each.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Parsed<Self> {
        let mut cluster = Cluster::default();
        for text in texts {
            document(text)
                .and_then(|object| cluster.add(&object, Dialect::Ours))
                .map_err(|why| format!("{why}\n{text}"))?;
        }
        Ok(cluster)
    }

    /// Takes objects that somebody else wrote, as the API server does: defaults are filled in, `null` is an absent field, an empty item or an empty text.
    pub fn parse_any<'a>(
        objects: impl IntoIterator<Item = &'a Value>,
        quirks: Quirks,
    ) -> Parsed<Self> {
        let mut cluster = Cluster::default();
        for object in objects {
            cluster.add(&decoded(object), Dialect::Any(quirks))?;
        }
        Ok(cluster)
    }

    fn add(&mut self, object: &Value, dialect: Dialect) -> Parsed<()> {
        let policy = policy(object, dialect)?;
        if self
            .policies
            .iter()
            .any(|other| other.name == policy.name && other.namespace == policy.namespace)
        {
            return Err(format!("{}/{} twice", policy.namespace, policy.name));
        }
        self.policies.push(policy);
        Ok(())
    }

    /// What becomes of a flow at its subject.
    pub fn decide(&self, seen: &Seen, reading: Reading) -> Outcome {
        let flow = &seen.flow;
        let mut isolated = None;
        for policy in &self.policies {
            let rules = match flow.direction {
                Direction::Ingress => &policy.ingress,
                Direction::Egress => &policy.egress,
            };
            let Some(rules) = rules else { continue };
            if policy.namespace != flow.subject.namespace
                || !policy.subject.matches(|key| label(&flow.subject, key))
            {
                continue;
            }
            for (at, rule) in rules.iter().enumerate() {
                let peers = rule.peers.is_empty()
                    || rule.peers.iter().any(|peer| peer.matches(seen, reading));
                if peers && rule.admits(seen) {
                    return Outcome::allow(format!(
                        "rule {at} of {}/{}",
                        policy.namespace, policy.name
                    ));
                }
            }
            isolated = Some(policy);
        }
        match isolated {
            None => Outcome::allow("no policy selects the pod"),
            Some(policy) => Outcome::deny(format!(
                "isolated by {}/{} and no rule allows it",
                policy.namespace, policy.name
            )),
        }
    }
}

fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.labels.get(key).map(|value| value.as_str())
}

fn namespace_label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    if key == "kubernetes.io/metadata.name" {
        return Some(&pod.namespace);
    }
    pod.namespace_labels.get(key).map(|value| value.as_str())
}

impl Peer {
    fn matches(&self, seen: &Seen, reading: Reading) -> bool {
        match (self, &seen.flow.peer) {
            (Peer::Pods { namespaces, pods }, End::Pod(pod)) => {
                let place = match namespaces {
                    None => pod.namespace == seen.flow.subject.namespace,
                    Some(selector) => selector.matches(|key| namespace_label(pod, key)),
                };
                place
                    && pods
                        .as_ref()
                        .is_none_or(|selector| selector.matches(|key| label(pod, key)))
            }
            (Peer::Pods { .. }, _) | (Peer::Block { .. }, End::Proxy) => false,
            (Peer::Block { .. }, End::Pod(_)) if !reading.blocks_meet_pods => false,
            (Peer::Block { .. }, End::Node(_)) if !reading.blocks_meet_nodes => false,
            (Peer::Block { cidr, except }, _) => in_block(cidr, except, seen.peer_address),
        }
    }
}

fn in_block(cidr: &IpNet, except: &[IpNet], address: IpAddr) -> bool {
    cidr.contains(&address) && !except.iter().any(|hole| hole.contains(&address))
}

impl Rule {
    fn admits(&self, seen: &Seen) -> bool {
        let Traffic::Port(transport, number) = seen.flow.traffic else {
            return self.ports.is_empty();
        };
        self.ports.is_empty()
            || self.ports.iter().any(|port| {
                port.protocol == transport
                    && match &port.which {
                        Which::All => true,
                        Which::Range(low, high) => (*low..=*high).contains(&number),
                        Which::Named(name) => seen.flow.destination().is_some_and(|pod| {
                            pod.named_ports.get(&(transport, name.as_str().into())) == Some(&number)
                        }),
                    }
            })
    }
}

/// What Go makes of `null`: no field, and in a list the empty struct.
fn decoded(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(
            map.iter()
                .filter(|(_, value)| *value != Value::Null)
                .map(|(key, value)| (key.clone(), decoded(value)))
                .collect(),
        ),
        Value::List(list) => {
            let item = |item: &Value| match item {
                Value::Null => Value::Map(Vec::new()),
                other => decoded(other),
            };
            Value::List(list.iter().map(item).collect())
        }
        other => other.clone(),
    }
}

fn policy(value: &Value, dialect: Dialect) -> Parsed<Policy> {
    let object = value.fields("object")?;
    if object.need("apiVersion")?.text("apiVersion")? != "networking.k8s.io/v1"
        || object.need("kind")?.text("kind")? != "NetworkPolicy"
    {
        return Err("not a NetworkPolicy of networking.k8s.io/v1".to_owned());
    }
    let none = Value::Map(Vec::new());
    let spec = match (dialect, object.get("spec")) {
        (Dialect::Any(_), None) => &none,
        _ => object.need("spec")?,
    };
    let spec = spec.fields("spec")?;
    let namespaced = dialect == Dialect::Ours
        || object
            .need("metadata")?
            .fields("metadata")?
            .get("namespace")
            .is_some();
    let meta = metadata(&object, namespaced)?;
    object.done()?;
    let subject = match spec.get("podSelector") {
        Some(selector) => LabelSelector::parse(selector, "podSelector", check_key)?,
        None => LabelSelector::default(),
    };
    let ingress = rules(&spec, "ingress", "from", dialect)?;
    let egress = rules(&spec, "egress", "to", dialect)?;
    let mut types = match (dialect, spec.get("policyTypes")) {
        (Dialect::Any(_), None) => Vec::new(),
        _ => spec.need("policyTypes")?.texts("policyTypes")?,
    };
    spec.done()?;
    match dialect {
        Dialect::Ours => {
            if types.is_empty() || types.len() > 2 || types.len() == 2 && types[0] == types[1] {
                return Err(format!("policyTypes: {types:?}"));
            }
        }
        Dialect::Any(_) if types.len() > 2 => return Err(format!("policyTypes: {types:?}")),
        Dialect::Any(_) if types.is_empty() => {
            types.push("Ingress".to_owned());
            if egress.as_ref().is_some_and(|rules| !rules.is_empty()) {
                types.push("Egress".to_owned());
            }
        }
        Dialect::Any(_) => {}
    }
    if let Some(unknown) = types
        .iter()
        .find(|one| !["Ingress", "Egress"].contains(&one.as_str()))
    {
        return Err(format!("policyTypes: {unknown}"));
    }
    let side = |word: &str, rules: Option<Vec<Rule>>| {
        let written = rules.as_ref().is_some_and(|rules| !rules.is_empty());
        let listed = types.iter().any(|one| one == word);
        match dialect {
            _ if listed => Ok(Some(rules.unwrap_or_default())),
            Dialect::Ours if written => {
                Err(format!("rules for {word}, which policyTypes does not list"))
            }
            Dialect::Any(quirks) if written && quirks.unlisted_rules_act => Ok(rules),
            _ => Ok(None),
        }
    };
    Ok(Policy {
        name: meta.name,
        namespace: meta.namespace.unwrap_or_else(|| "default".to_owned()),
        subject,
        ingress: side("Ingress", ingress)?,
        egress: side("Egress", egress)?,
    })
}

fn rules(spec: &Fields<'_>, key: &str, peers: &str, dialect: Dialect) -> Parsed<Option<Vec<Rule>>> {
    if spec.get(key).is_none() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for fields in spec.maps(key)? {
        let rule = Rule {
            peers: fields
                .maps(peers)?
                .iter()
                .map(|fields| peer(fields, dialect))
                .collect::<Parsed<_>>()?,
            ports: fields
                .maps("ports")?
                .iter()
                .map(|fields| port(fields, dialect))
                .collect::<Parsed<_>>()?,
        };
        fields.done()?;
        all.push(rule);
    }
    Ok(Some(all))
}

fn peer(fields: &Fields<'_>, dialect: Dialect) -> Parsed<Peer> {
    let selector = |key: &str| {
        fields
            .get(key)
            .map(|value| LabelSelector::parse(value, &fields.place(key), check_key))
            .transpose()
    };
    let namespaces = selector("namespaceSelector")?;
    let pods = selector("podSelector")?;
    let block = fields.get("ipBlock");
    fields.done()?;
    match block {
        Some(_) if namespaces.is_some() || pods.is_some() => {
            Err(format!("{}: ipBlock beside a selector", fields.at))
        }
        Some(block) => {
            let block = block.fields("ipBlock")?;
            let read = |text: &str| match dialect {
                Dialect::Ours => cidr(text),
                Dialect::Any(_) => loose_cidr(text),
            };
            let cidr = read(block.need("cidr")?.text("cidr")?)?;
            let except = match block.get("except") {
                Some(except) => except.texts("except")?,
                None => Vec::new(),
            };
            let except: Vec<IpNet> = except.iter().map(|net| read(net)).collect::<Parsed<_>>()?;
            if let Some(hole) = except
                .iter()
                .find(|hole| !cidr.contains(*hole) || hole.prefix_len() <= cidr.prefix_len())
            {
                return Err(format!("except {hole} is no strict subset of {cidr}"));
            }
            block.done()?;
            Ok(Peer::Block { cidr, except })
        }
        None if namespaces.is_none() && pods.is_none() => {
            Err(format!("{}: a peer must be specified", fields.at))
        }
        None => Ok(Peer::Pods { namespaces, pods }),
    }
}

/// A CIDR with host bits, and zeros before its numbers.
fn loose_cidr(text: &str) -> Parsed<IpNet> {
    let plain: Vec<String> = text
        .split_inclusive(['.', '/', ':'])
        .map(|part| {
            let digits = part.trim_end_matches(['.', '/', ':']);
            let end = &part[digits.len()..];
            let rest = digits.trim_start_matches('0');
            match (digits.is_empty(), rest.is_empty()) {
                (true, _) => end.to_owned(),
                (false, true) => format!("0{end}"),
                (false, false) => format!("{rest}{end}"),
            }
        })
        .collect();
    let net: IpNet = plain
        .concat()
        .parse()
        .map_err(|_| format!("{text} is no CIDR"))?;
    Ok(net.trunc())
}

/// A CIDR in canonical form.
pub fn cidr(text: &str) -> Parsed<IpNet> {
    let net: IpNet = text.parse().map_err(|_| format!("{text} is no CIDR"))?;
    if net.trunc() == net && net.to_string() == text {
        Ok(net)
    } else {
        Err(format!("{text} is no canonical CIDR"))
    }
}

fn port(fields: &Fields<'_>, dialect: Dialect) -> Parsed<Port> {
    let protocol = match fields.text("protocol")? {
        None | Some("TCP") => Transport::Tcp,
        Some("UDP") => Transport::Udp,
        Some("SCTP") => Transport::Sctp,
        Some(other) => return Err(format!("protocol {other}")),
    };
    let end = fields
        .get("endPort")
        .map(|end| end.int("endPort"))
        .transpose()?;
    let number = |value: i64| {
        u16::try_from(value)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("port {value}"))
    };
    let which = match (fields.get("port"), end) {
        (None, None) => Which::All,
        (None, Some(_)) => return Err("endPort without port".to_owned()),
        (Some(Value::Int(low)), end) => {
            let low = number(*low)?;
            let high = end.map_or(Ok(low), number)?;
            if high < low {
                return Err(format!("ports {low} to {high}"));
            }
            match dialect {
                Dialect::Any(quirks) if quirks.end_port_is_unknown => Which::Range(low, low),
                _ => Which::Range(low, high),
            }
        }
        (Some(Value::Text(name)), None) => {
            let fine = name.len() <= 15
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && name.bytes().any(|b| b.is_ascii_lowercase())
                && !name.starts_with('-')
                && !name.ends_with('-')
                && !name.contains("--");
            if !fine {
                return Err(format!("the port name {name}"));
            }
            Which::Named(name.clone())
        }
        (Some(other), _) => return Err(format!("port {other:?}")),
    };
    fields.done()?;
    Ok(Port { protocol, which })
}
