//! projectcalico.org/v3: tiers in order, policies in order, the first rule that matches and is not `Log` decides.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Pod, Traffic, Transport};

use super::calico_selector::{self, Selector};
use super::kubernetes::cidr;
use super::yaml::{Fields, Value, document, metadata};
use super::{Outcome, Parsed, Seen};

/// All objects of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    tiers: Vec<Tier>,
    sets: Vec<NetworkSet>,
    staged: usize,
    bounded: bool,
}

#[derive(Clone, Debug)]
struct Tier {
    name: String,
    order: f64,
    passes: bool,
    policies: Vec<Policy>,
}

#[derive(Clone, Debug)]
struct Policy {
    name: String,
    tier: String,
    order: f64,
    subject: Selector,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
    staged: bool,
}

#[derive(Clone, Debug)]
struct NetworkSet {
    labels: Vec<(String, String)>,
    nets: Vec<IpNet>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Allow,
    Deny,
    Log,
    Pass,
}

#[derive(Clone, Debug)]
struct Rule {
    action: Action,
    version: Option<u8>,
    protocol: Option<u8>,
    not_protocol: Option<u8>,
    icmp: Option<(Option<u8>, Option<u8>)>,
    not_icmp: Option<(Option<u8>, Option<u8>)>,
    source: Entity,
    destination: Entity,
}

#[derive(Clone, Debug, Default)]
struct Entity {
    nets: Option<Vec<IpNet>>,
    not_nets: Option<Vec<IpNet>>,
    /// What the other fields come to; no restriction if absent.
    positive: Option<Selector>,
    negative: Option<Selector>,
    ports: Option<Vec<Port>>,
    not_ports: Option<Vec<Port>>,
}

#[derive(Clone, Debug)]
enum Port {
    Range(u16, u16),
    Named(String),
}

/// What a selector can pick out at an address.
enum Selectable<'a> {
    Pod(&'a Pod),
    /// A host endpoint or a global network set, with nothing but its own labels.
    Plain(&'a [(String, String)]),
}

impl Selectable<'_> {
    fn label(&self, key: &str) -> Option<String> {
        match self {
            Selectable::Plain(labels) => labels
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.clone()),
            Selectable::Pod(pod) => pod_label(pod, key),
        }
    }

    fn fits(&self, selector: &Selector) -> bool {
        selector.matches(&|key: &str| self.label(key))
    }
}

fn pod_label(pod: &Pod, key: &str) -> Option<String> {
    match key {
        "projectcalico.org/namespace" => return Some(pod.namespace.to_string()),
        "projectcalico.org/orchestrator" => return Some("k8s".to_owned()),
        "projectcalico.org/serviceaccount" => return Some(pod.service_account.to_string()),
        _ => {}
    }
    if let Some(key) = key.strip_prefix("pcns.") {
        return match key {
            "projectcalico.org/name" | "kubernetes.io/metadata.name" => {
                Some(pod.namespace.to_string())
            }
            key => pod.namespace_labels.get(key).map(ToString::to_string),
        };
    }
    if let Some(key) = key.strip_prefix("pcsa.") {
        // Labels of the service account itself are unknown to the model; none has any.
        return (key == "projectcalico.org/name").then(|| pod.service_account.to_string());
    }
    pod.labels.get(key).map(ToString::to_string)
}

impl Cluster {
    /// Reads objects, one document each, as the newest version does.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Parsed<Self> {
        Cluster::parse_as(texts, (3, 33))
    }

    /// Reads objects, one document each, as a version does: 3.33 bounds selectors, lists of rules, nets and ports.
    pub fn parse_as<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        version: (u16, u16),
    ) -> Parsed<Self> {
        let mut cluster = Cluster {
            bounded: version >= (3, 33),
            ..Cluster::default()
        };
        let mut policies = Vec::new();
        let mut seen = BTreeMap::new();
        for text in texts {
            let value = document(text).map_err(|why| format!("{why}\n{text}"))?;
            let identity = cluster
                .read(&value, &mut policies)
                .map_err(|why| format!("{why}\n{text}"))?;
            if seen.insert(identity.clone(), ()).is_some() {
                return Err(format!("{identity:?} twice"));
            }
        }
        cluster
            .tiers
            .sort_by(|a, b| a.order.total_cmp(&b.order).then(a.name.cmp(&b.name)));
        if cluster
            .tiers
            .windows(2)
            .any(|pair| pair[0].order == pair[1].order)
        {
            return Err("two tiers of one order".to_owned());
        }
        for policy in policies {
            if policy.staged {
                cluster.staged += 1;
                continue;
            }
            match cluster
                .tiers
                .iter_mut()
                .find(|tier| tier.name == policy.tier)
            {
                Some(tier) => tier.policies.push(policy),
                None => return Err(format!("{}: no tier {}", policy.name, policy.tier)),
            }
        }
        for tier in &mut cluster.tiers {
            tier.policies.sort_by(|a, b| a.order.total_cmp(&b.order));
            if let Some(pair) = tier
                .policies
                .windows(2)
                .find(|pair| pair[0].order == pair[1].order)
            {
                return Err(format!(
                    "{} and {} have one order",
                    pair[0].name, pair[1].name
                ));
            }
        }
        Ok(cluster)
    }

    fn read(
        &mut self,
        value: &Value,
        policies: &mut Vec<Policy>,
    ) -> Parsed<(String, Option<String>, String)> {
        let object = value.fields("object")?;
        if object.need("apiVersion")?.text("apiVersion")? != "projectcalico.org/v3" {
            return Err("not of projectcalico.org/v3".to_owned());
        }
        let kind = object.need("kind")?.text("kind")?.to_owned();
        let namespaced =
            ["NetworkPolicy", "StagedNetworkPolicy", "NetworkSet"].contains(&kind.as_str());
        let meta = metadata(&object, namespaced)?;
        let spec = object.need("spec")?.fields("spec")?;
        object.done()?;
        match kind.as_str() {
            "Tier" => {
                let order = spec.need("order")?.number("order")?;
                let passes = match spec.need("defaultAction")?.text("defaultAction")? {
                    "Pass" => true,
                    "Deny" => false,
                    other => return Err(format!("defaultAction {other}")),
                };
                let builtin = [
                    "default",
                    "kube-admin",
                    "kube-baseline",
                    "adminnetworkpolicy",
                    "baselineadminnetworkpolicy",
                    "calico-system",
                    "allow-tigera",
                ];
                if meta.name.contains('.')
                    || meta.name.len() > 63
                    || builtin.contains(&meta.name.as_str())
                {
                    return Err(format!("the tier {}", meta.name));
                }
                if !(100.0 < order && order < 1000.0) {
                    return Err(format!(
                        "the tier {} at {order}, among those of others",
                        meta.name
                    ));
                }
                self.tiers.push(Tier {
                    name: meta.name.clone(),
                    order,
                    passes,
                    policies: Vec::new(),
                });
            }
            "GlobalNetworkSet" | "NetworkSet" => {
                let nets = spec.need("nets")?.texts("nets")?;
                let mut labels = meta.labels.clone();
                if labels
                    .iter()
                    .any(|(key, _)| key == "projectcalico.org/namespace")
                {
                    return Err(
                        "a network set with the label projectcalico.org/namespace".to_owned()
                    );
                }
                if let Some(namespace) = &meta.namespace {
                    labels.push(("projectcalico.org/namespace".to_owned(), namespace.clone()));
                    labels.push(("pcns.projectcalico.org/name".to_owned(), namespace.clone()));
                }
                self.sets.push(NetworkSet {
                    labels,
                    nets: nets.iter().map(|net| cidr(net)).collect::<Parsed<_>>()?,
                });
            }
            "GlobalNetworkPolicy"
            | "NetworkPolicy"
            | "StagedGlobalNetworkPolicy"
            | "StagedNetworkPolicy" => {
                let staged = kind.starts_with("Staged");
                policies.push(policy(
                    &spec,
                    &meta.name,
                    meta.namespace.as_deref(),
                    &meta.labels,
                    staged,
                    self.bounded,
                )?);
            }
            other => return Err(format!("the kind {other}")),
        }
        spec.done()?;
        Ok((kind, meta.namespace, meta.name))
    }

    /// What becomes of a flow at its subject.
    pub fn decide(&self, seen: &Seen) -> Outcome {
        let flow = &seen.flow;
        let pod = Selectable::Pod(&flow.subject);
        let subject = self.at(seen.subject_address, pod);
        let peer = match &flow.peer {
            End::Pod(pod) => Selectable::Pod(pod),
            _ => Selectable::Plain(&seen.foreign_labels),
        };
        let peer = self.at(seen.peer_address, peer);
        'tiers: for tier in &self.tiers {
            let mut applies = None;
            for policy in &tier.policies {
                let rules = match flow.direction {
                    Direction::Ingress => &policy.ingress,
                    Direction::Egress => &policy.egress,
                };
                let Some(rules) = rules else { continue };
                if !subject[0].fits(&policy.subject) {
                    continue;
                }
                applies = Some(policy);
                for (at, rule) in rules.iter().enumerate() {
                    if rule.action == Action::Log || !rule.matches(seen, &subject, &peer) {
                        continue;
                    }
                    let why = format!("rule {at} of {} in tier {}", policy.name, tier.name);
                    match rule.action {
                        Action::Allow => return Outcome::allow(why),
                        Action::Deny => return Outcome::deny(why),
                        Action::Pass | Action::Log => continue 'tiers,
                    }
                }
            }
            if let Some(policy) = applies.filter(|_| !tier.passes) {
                return Outcome::deny(format!(
                    "end of tier {}, where {} applies",
                    tier.name, policy.name
                ));
            }
        }
        Outcome::allow("the profile of the namespace")
    }

    /// Everything that selectors can pick out at an address: its owner first, then the network sets that hold it.
    fn at<'a>(&'a self, address: IpAddr, owner: Selectable<'a>) -> Vec<Selectable<'a>> {
        let sets = self
            .sets
            .iter()
            .filter(|set| set.nets.iter().any(|net| net.contains(&address)))
            .map(|set| Selectable::Plain(&set.labels));
        std::iter::once(owner).chain(sets).collect()
    }

    /// The policies that select a host endpoint with these labels: there should be none.
    pub fn selecting_host<'a>(&'a self, labels: &[(String, String)]) -> Option<&'a str> {
        let host = Selectable::Plain(labels);
        self.tiers
            .iter()
            .flat_map(|tier| &tier.policies)
            .find(|policy| host.fits(&policy.subject))
            .map(|policy| policy.name.as_str())
    }
}

impl Rule {
    fn matches(&self, seen: &Seen, subject: &[Selectable<'_>], peer: &[Selectable<'_>]) -> bool {
        let (number, icmp, port) = match seen.flow.traffic {
            Traffic::Port(transport, port) => (transport.number(), None, Some((transport, port))),
            Traffic::Icmp(kind, code) => (1, Some((kind, code)), None),
            Traffic::Icmpv6(kind, code) => (58, Some((kind, code)), None),
            Traffic::Protocol(number) => (number, None, None),
        };
        let message = |want: &(Option<u8>, Option<u8>)| {
            icmp.is_some_and(|(kind, code)| {
                want.0.is_none_or(|want| want == kind) && want.1.is_none_or(|want| want == code)
            })
        };
        let family = if seen.peer_address.is_ipv4() { 4 } else { 6 };
        let (source, destination) = match seen.flow.direction {
            Direction::Ingress => ((seen.peer_address, peer), (seen.subject_address, subject)),
            Direction::Egress => ((seen.subject_address, subject), (seen.peer_address, peer)),
        };
        self.version.is_none_or(|version| version == family)
            && self.protocol.is_none_or(|want| want == number)
            && self.not_protocol.is_none_or(|not| not != number)
            && self.icmp.as_ref().is_none_or(message)
            && !self.not_icmp.as_ref().is_some_and(message)
            && self.source.holds(source.0, source.1)
            && self.destination.holds(destination.0, destination.1)
            && self.destination.ports_hold(destination.1, port)
    }
}

impl Entity {
    fn holds(&self, address: IpAddr, at: &[Selectable<'_>]) -> bool {
        let selected = |selector: &Selector| at.iter().any(|one| one.fits(selector));
        self.nets
            .as_ref()
            .is_none_or(|nets| nets.iter().any(|net| net.contains(&address)))
            && self.not_nets.as_ref().is_none_or(|nets| {
                // A rule whose notNets are all of one family never matches the other family.
                nets.iter()
                    .any(|net| net.addr().is_ipv4() == address.is_ipv4())
                    && nets.iter().all(|net| !net.contains(&address))
            })
            && self.positive.as_ref().is_none_or(selected)
            && !self.negative.as_ref().is_some_and(selected)
    }

    fn ports_hold(&self, at: &[Selectable<'_>], port: Option<(Transport, u16)>) -> bool {
        let one_of = |ports: &Vec<Port>| {
            let Some((transport, number)) = port else {
                return false;
            };
            ports.iter().any(|one| match one {
                Port::Range(low, high) => (*low..=*high).contains(&number),
                Port::Named(name) => at.iter().any(|one| {
                    let holds = self
                        .positive
                        .as_ref()
                        .is_none_or(|selector| one.fits(selector));
                    holds
                        && match one {
                            Selectable::Pod(pod) => {
                                pod.named_ports.get(&(transport, name.as_str().into()))
                                    == Some(&number)
                            }
                            // Somebody's host endpoint may give any port any name.
                            Selectable::Plain(labels) => !labels.is_empty(),
                        }
                }),
            })
        };
        self.ports.as_ref().is_none_or(one_of) && !self.not_ports.as_ref().is_some_and(one_of)
    }
}

fn policy(
    spec: &Fields<'_>,
    name: &str,
    namespace: Option<&str>,
    labels: &[(String, String)],
    staged: bool,
    bounded: bool,
) -> Parsed<Policy> {
    let tier = spec.need("tier")?.text("tier")?.to_owned();
    match name.split_once('.') {
        Some((prefix, rest)) if prefix == tier && !rest.contains('.') => {}
        _ => return Err(format!("{name} is not called `{tier}.…` with one dot")),
    }
    if !labels
        .iter()
        .any(|(key, value)| key == "projectcalico.org/tier" && *value == tier)
    {
        return Err(format!(
            "{name} has no label projectcalico.org/tier: {tier}"
        ));
    }
    if staged && spec.text("stagedAction")? != Some("Set") {
        return Err(format!("{name}: no stagedAction Set"));
    }
    let types = spec.need("types")?.texts("types")?;
    let order = spec.need("order")?.number("order")?;
    let read = |key: &str| -> Parsed<Selector> {
        let text = spec.text(key)?.unwrap_or("");
        if text.contains("global(") {
            return Err(format!("{key}: {text}"));
        }
        calico_selector::parse(text, bounded).map_err(|why| format!("{key}: {why}"))
    };
    let mut subject = vec![read("selector")?];
    if let Some(namespace) = namespace {
        subject.push(Selector::Equals(
            "projectcalico.org/namespace".to_owned(),
            namespace.to_owned(),
        ));
    } else if spec.get("namespaceSelector").is_some() {
        // `all()` may or may not leave host endpoints out here; read as if it did not.
        subject.push(read("namespaceSelector")?.prefixed("pcns."));
    }
    if let Some(text) = spec.text("serviceAccountSelector")? {
        let accounts = read("serviceAccountSelector")?;
        subject.push(match accounts {
            Selector::All if text.is_empty() => Selector::All,
            Selector::All => Selector::Has("projectcalico.org/serviceaccount".to_owned()),
            accounts => accounts.prefixed("pcsa."),
        });
    }
    let side = |word: &str, key: &str, direction: Direction| -> Parsed<Option<Vec<Rule>>> {
        let rules = spec.maps(key)?;
        if !types.iter().any(|one| one == word) {
            return if rules.is_empty() {
                Ok(None)
            } else {
                Err(format!(
                    "{name}: rules for {word}, which types does not list"
                ))
            };
        }
        if bounded && rules.len() > 1024 {
            return Err(format!("{name}: {} rules", rules.len()));
        }
        rules
            .iter()
            .map(|fields| rule(fields, namespace, direction, bounded))
            .collect::<Parsed<_>>()
            .map(Some)
    };
    let fine = match &types[..] {
        [one] => one == "Ingress" || one == "Egress",
        [one, two] => {
            one != two
                && [one, two]
                    .iter()
                    .all(|word| *word == "Ingress" || *word == "Egress")
        }
        _ => false,
    };
    if !fine {
        return Err(format!("{name}: types {types:?}"));
    }
    Ok(Policy {
        name: match namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        },
        tier,
        order,
        subject: Selector::And(subject),
        ingress: side("Ingress", "ingress", Direction::Ingress)?,
        egress: side("Egress", "egress", Direction::Egress)?,
        staged,
    })
}

fn protocol(value: &Value) -> Parsed<(u8, bool)> {
    match value {
        Value::Int(number @ 1..=255) => Ok((*number as u8, false)),
        Value::Text(name) => match name.as_str() {
            "TCP" => Ok((6, true)),
            "UDP" => Ok((17, true)),
            "ICMP" => Ok((1, true)),
            "ICMPv6" => Ok((58, true)),
            "SCTP" => Ok((132, true)),
            "UDPLite" => Ok((136, true)),
            other => Err(format!("protocol {other}")),
        },
        other => Err(format!("protocol {other:?}")),
    }
}

fn rule(
    fields: &Fields<'_>,
    namespace: Option<&str>,
    direction: Direction,
    bounded: bool,
) -> Parsed<Rule> {
    let action = match fields.need("action")?.text("action")? {
        "Allow" => Action::Allow,
        "Deny" => Action::Deny,
        "Log" => Action::Log,
        "Pass" => Action::Pass,
        other => return Err(format!("action {other}")),
    };
    let mut version = match fields.get("ipVersion") {
        None => None,
        Some(Value::Int(4)) => Some(4),
        Some(Value::Int(6)) => Some(6),
        Some(other) => return Err(format!("ipVersion {other:?}")),
    };
    let named_protocol = fields.get("protocol").map(protocol).transpose()?;
    let not_protocol = fields.get("notProtocol").map(protocol).transpose()?;
    for (number, wrong) in [(1, 6), (58, 4)] {
        let says = [named_protocol, not_protocol]
            .iter()
            .flatten()
            .any(|(is, _)| *is == number);
        if says && version == Some(wrong) {
            return Err(format!("protocol {number} with ipVersion {wrong}"));
        }
    }
    match named_protocol {
        Some((1, true)) => version = version.or(Some(4)),
        Some((58, true)) => version = version.or(Some(6)),
        _ => {}
    }
    let message = |key: &str| -> Parsed<Option<(Option<u8>, Option<u8>)>> {
        let Some(value) = fields.get(key) else {
            return Ok(None);
        };
        let message = value.fields(key)?;
        let number = |key: &str, most: i64| -> Parsed<Option<u8>> {
            match message.get(key) {
                None => Ok(None),
                Some(Value::Int(number)) if (0..=most).contains(number) => Ok(Some(*number as u8)),
                Some(other) => Err(format!("{key} {other:?}")),
            }
        };
        let both = (number("type", 254)?, number("code", 255)?);
        message.done()?;
        if !matches!(named_protocol, Some((1 | 58, _))) || both.0.is_none() {
            return Err(format!("{key} {both:?} of protocol {named_protocol:?}"));
        }
        Ok(Some(both))
    };
    let icmp = message("icmp")?;
    let not_icmp = message("notICMP")?;
    let entity_of = |key: &str| -> Parsed<Entity> {
        match fields.get(key) {
            Some(value) => entity(
                &value.fields(&fields.place(key))?,
                namespace,
                named_protocol.map(|(is, _)| is),
                bounded,
            ),
            None => Ok(Entity::default()),
        }
    };
    let source = entity_of("source")?;
    let destination = entity_of("destination")?;
    if source.ports.is_some() || source.not_ports.is_some() {
        return Err("ports of the source".to_owned());
    }
    if direction == Direction::Ingress && destination.nets.is_some() {
        return Err("the own address in a rule".to_owned());
    }
    let families: Vec<bool> = [
        &source.nets,
        &source.not_nets,
        &destination.nets,
        &destination.not_nets,
    ]
    .into_iter()
    .flatten()
    .flatten()
    .map(|net| net.addr().is_ipv4())
    .collect();
    if families.contains(&true) && families.contains(&false)
        || version == Some(4) && families.contains(&false)
        || version == Some(6) && families.contains(&true)
    {
        return Err(format!("{}: two families in a rule", fields.at));
    }
    if let Some(metadata) = fields.get("metadata") {
        let metadata = metadata.fields("metadata")?;
        metadata.need("annotations")?.pairs("annotations")?;
        metadata.done()?;
    }
    fields.done()?;
    Ok(Rule {
        action,
        version,
        protocol: named_protocol.map(|(number, _)| number),
        not_protocol: not_protocol.map(|(number, _)| number),
        icmp,
        not_icmp,
        source,
        destination,
    })
}

fn entity(
    fields: &Fields<'_>,
    namespace: Option<&str>,
    protocol: Option<u8>,
    bounded: bool,
) -> Parsed<Entity> {
    let nets = |key: &str| -> Parsed<Option<Vec<IpNet>>> {
        let Some(value) = fields.get(key) else {
            return Ok(None);
        };
        let nets: Vec<IpNet> = value
            .texts(key)?
            .iter()
            .map(|net| cidr(net))
            .collect::<Parsed<_>>()?;
        let mut unique = nets.clone();
        unique.sort_unstable();
        unique.dedup();
        if nets.is_empty() || bounded && nets.len() > 256 || unique.len() != nets.len() {
            return Err(format!(
                "{key}: {} nets, {} of them different",
                nets.len(),
                unique.len()
            ));
        }
        if key == "notNets" && nets.iter().any(|net| net.prefix_len() == 0) {
            return Err("notNets of everything".to_owned());
        }
        Ok(Some(nets))
    };
    let selector = |key: &str| -> Parsed<Option<Selector>> {
        let Some(text) = fields.text(key)? else {
            return Ok(None);
        };
        if text.trim().is_empty() || text.contains("global(") && key != "namespaceSelector" {
            return Err(format!("{key}: {text:?}"));
        }
        calico_selector::parse(text, bounded)
            .map(Some)
            .map_err(|why| format!("{key}: {why}"))
    };
    let own = selector("selector")?;
    let negative = selector("notSelector")?;
    let mut positive = Vec::new();
    let accounts = match fields.get("serviceAccounts") {
        None => None,
        Some(accounts) => {
            let accounts = accounts.fields("serviceAccounts")?;
            let names = match accounts.get("names") {
                Some(names) => names.texts("names")?,
                None => Vec::new(),
            };
            let own = match accounts.text("selector")? {
                Some(text) if !text.trim().is_empty() => {
                    Some(calico_selector::parse(text, bounded)?.prefixed("pcsa."))
                }
                _ => None,
            };
            accounts.done()?;
            let fine = |name: &String| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            };
            if names.is_empty() && own.is_none() || !names.iter().all(fine) {
                return Err(format!("service accounts {names:?} and {own:?}"));
            }
            let mut both: Vec<Selector> = own.into_iter().collect();
            if !names.is_empty() {
                let key = "projectcalico.org/serviceaccount".to_owned();
                both.push(Selector::In(key, names));
            }
            Some(Selector::And(both))
        }
    };
    match (selector("namespaceSelector")?, namespace) {
        (Some(place), _) => {
            let text = fields.text("namespaceSelector")?.unwrap_or("").trim();
            let namespaced = Selector::Has("projectcalico.org/namespace".to_owned());
            positive.push(match (text, place) {
                ("all()", _) => namespaced,
                ("global()", _) => Selector::Not(Box::new(namespaced)),
                (text, _) if text.contains("global(") => {
                    return Err(format!("namespaceSelector: {text}"));
                }
                (_, place) => place.prefixed("pcns."),
            });
        }
        (None, Some(namespace)) if own.is_some() || negative.is_some() || accounts.is_some() => {
            positive.push(Selector::Equals(
                "projectcalico.org/namespace".to_owned(),
                namespace.to_owned(),
            ));
        }
        (None, _) => {}
    }
    positive.extend(accounts);
    positive.extend(own);
    let ports = |key: &str| -> Parsed<Option<Vec<Port>>> {
        let Some(value) = fields.get(key) else {
            return Ok(None);
        };
        let ports: Vec<Port> = value.list(key)?.iter().map(port).collect::<Parsed<_>>()?;
        if ports.is_empty() || bounded && ports.len() > 50 {
            return Err(format!("{key}: {} ports", ports.len()));
        }
        let numeric = ports.iter().any(|port| matches!(port, Port::Range(..)));
        if numeric && !matches!(protocol, Some(6 | 17 | 132)) {
            return Err(format!("{key} of protocol {protocol:?}"));
        }
        Ok(Some(ports))
    };
    let entity = Entity {
        nets: nets("nets")?,
        not_nets: nets("notNets")?,
        positive: (!positive.is_empty()).then_some(Selector::And(positive)),
        negative,
        ports: ports("ports")?,
        not_ports: ports("notPorts")?,
    };
    fields.done()?;
    Ok(entity)
}

fn port(value: &Value) -> Parsed<Port> {
    let number = |text: &str| -> Parsed<u16> {
        text.parse()
            .ok()
            .filter(|port| *port > 0 && format!("{port}") == text)
            .ok_or_else(|| format!("the port {text}"))
    };
    match value {
        Value::Int(port @ 1..=65535) => Ok(Port::Range(*port as u16, *port as u16)),
        Value::Text(text) => match text.split_once(':') {
            Some((low, high)) => {
                let (low, high) = (number(low)?, number(high)?);
                if low >= high {
                    return Err(format!("the port range {text}"));
                }
                Ok(Port::Range(low, high))
            }
            None => {
                let fine = text.len() <= 15
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && text.bytes().any(|b| b.is_ascii_lowercase())
                    && !text.starts_with('-')
                    && !text.ends_with('-')
                    && !text.contains("--");
                if fine {
                    Ok(Port::Named(text.clone()))
                } else {
                    Err(format!("the port {text}"))
                }
            }
        },
        other => Err(format!("the port {other:?}")),
    }
}
