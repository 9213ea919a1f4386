//! networking.k8s.io/v1 NetworkPolicy: an end is open until a policy selects it in a direction, then what some policy allows passes.

use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Pod, Traffic, Transport};

use super::labels::{LabelSelector, check_key};
use super::yaml::{Fields, document, metadata};
use super::{Outcome, Parsed, Seen};

/// What the enforcing plugin does where the API does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// `ipBlock` matches pods by their address.
    pub blocks_meet_pods: bool,
    /// `ipBlock` matches nodes by their address.
    pub blocks_meet_nodes: bool,
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
            let policy = policy(text).map_err(|why| format!("{why}\n{text}"))?;
            if cluster
                .policies
                .iter()
                .any(|other| other.name == policy.name && other.namespace == policy.namespace)
            {
                return Err(format!("{}/{} twice", policy.namespace, policy.name));
            }
            cluster.policies.push(policy);
        }
        Ok(cluster)
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

fn policy(text: &str) -> Parsed<Policy> {
    let value = document(text)?;
    let object = value.fields("object")?;
    if object.need("apiVersion")?.text("apiVersion")? != "networking.k8s.io/v1"
        || object.need("kind")?.text("kind")? != "NetworkPolicy"
    {
        return Err("not a NetworkPolicy of networking.k8s.io/v1".to_owned());
    }
    let meta = metadata(&object, true)?;
    let spec = object.need("spec")?.fields("spec")?;
    object.done()?;
    let subject = match spec.get("podSelector") {
        Some(selector) => LabelSelector::parse(selector, "podSelector", check_key)?,
        None => LabelSelector::default(),
    };
    let types = spec.need("policyTypes")?.texts("policyTypes")?;
    if types.is_empty() || types.len() > 2 || types.len() == 2 && types[0] == types[1] {
        return Err(format!("policyTypes: {types:?}"));
    }
    let ingress = rules(&spec, "ingress", "from")?;
    let egress = rules(&spec, "egress", "to")?;
    spec.done()?;
    let side = |word: &str, rules: Option<Vec<Rule>>| {
        if types.iter().any(|one| one == word) {
            Ok(Some(rules.unwrap_or_default()))
        } else if rules.is_some_and(|rules| !rules.is_empty()) {
            Err(format!("rules for {word}, which policyTypes does not list"))
        } else {
            Ok(None)
        }
    };
    if let Some(unknown) = types
        .iter()
        .find(|one| !["Ingress", "Egress"].contains(&one.as_str()))
    {
        return Err(format!("policyTypes: {unknown}"));
    }
    Ok(Policy {
        name: meta.name,
        namespace: meta.namespace.unwrap_or_default(),
        subject,
        ingress: side("Ingress", ingress)?,
        egress: side("Egress", egress)?,
    })
}

fn rules(spec: &Fields<'_>, key: &str, peers: &str) -> Parsed<Option<Vec<Rule>>> {
    if spec.get(key).is_none() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for fields in spec.maps(key)? {
        let rule = Rule {
            peers: fields
                .maps(peers)?
                .iter()
                .map(peer)
                .collect::<Parsed<_>>()?,
            ports: fields
                .maps("ports")?
                .iter()
                .map(port)
                .collect::<Parsed<_>>()?,
        };
        fields.done()?;
        all.push(rule);
    }
    Ok(Some(all))
}

fn peer(fields: &Fields<'_>) -> Parsed<Peer> {
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
            let cidr = cidr(block.need("cidr")?.text("cidr")?)?;
            let except = match block.get("except") {
                Some(except) => except.texts("except")?,
                None => Vec::new(),
            };
            let except: Vec<IpNet> = except
                .iter()
                .map(|net| self::cidr(net))
                .collect::<Parsed<_>>()?;
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

/// A CIDR in canonical form.
pub fn cidr(text: &str) -> Parsed<IpNet> {
    let net: IpNet = text.parse().map_err(|_| format!("{text} is no CIDR"))?;
    if net.trunc() == net && net.to_string() == text {
        Ok(net)
    } else {
        Err(format!("{text} is no canonical CIDR"))
    }
}

fn port(fields: &Fields<'_>) -> Parsed<Port> {
    use super::yaml::Value;
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
            Which::Range(low, high)
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
