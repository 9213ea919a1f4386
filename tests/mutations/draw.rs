//! Flows at the boundaries of what objects mention.
//!
//! Takes: the objects before and after a change, and what is known of the cluster. Gives: flows towards their subjects, rules and ports, and just
//! beside them, that lie in the universe of the target. Looks at the trees alone, so that it is no part of what is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use smol_str::SmolStr;
use vauban::model::Program;
use vauban::prove::Universe;
use vauban::space::{AddressSet, Direction, End, Flow, Pod, Traffic, Transport};

use super::change::{field, text_at};
use crate::generator::Random;
use crate::interpreters::Seen;
use crate::interpreters::calico_any::Hidden;
use crate::interpreters::calico_selector::{self, Selector};
use crate::interpreters::yaml::Value;

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";
const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";

/// What selectors speak of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Pod,
    Namespace,
    Account,
}

/// Everything to draw flows from.
pub struct Draw<'p> {
    program: &'p Program,
    universe: &'p Universe,
    /// The objects that flows are drawn towards, the changed one first, before and after.
    near: Vec<&'p Value>,
    all: &'p [Value],
    nets: Vec<IpNet>,
    ports: Vec<u16>,
    names: Vec<String>,
    kinds: Vec<u8>,
    labels: BTreeMap<String, BTreeSet<String>>,
    accounts: Vec<String>,
    hosts: Vec<String>,
}

impl<'p> Draw<'p> {
    /// Takes in what the objects mention. `near` is what changed, before and after.
    pub fn new(
        program: &'p Program,
        universe: &'p Universe,
        near: Vec<&'p Value>,
        all: &'p [Value],
    ) -> Self {
        let mut draw = Draw {
            program,
            universe,
            near,
            all,
            nets: Vec::new(),
            ports: vec![80],
            names: Vec::new(),
            kinds: vec![0, 8, 128],
            labels: BTreeMap::new(),
            accounts: vec!["default".to_owned()],
            hosts: Vec::new(),
        };
        for object in draw.near.clone().into_iter().chain(all) {
            draw.note("", object);
        }
        for key in ["app", "env"] {
            draw.labels.entry(key.to_owned()).or_default();
        }
        draw
    }

    fn note(&mut self, key: &str, value: &Value) {
        match value {
            Value::Map(map) => {
                for (key, inner) in map {
                    match key.as_str() {
                        "annotations" => {}
                        "matchLabels" => {
                            if let Value::Map(labels) = inner {
                                for (key, value) in labels {
                                    if let Value::Text(value) = value {
                                        self.label(key, Some(value));
                                    }
                                }
                            }
                        }
                        _ => self.note(key, inner),
                    }
                }
                if let Some(key) = text_at(value, &["key"]) {
                    let values = match field(value, "values") {
                        Some(Value::List(values)) => values.as_slice(),
                        _ => &[],
                    };
                    self.label(key, None);
                    for one in values {
                        if let Value::Text(one) = one {
                            self.label(key, Some(one));
                        }
                    }
                }
            }
            Value::List(list) => list.iter().for_each(|item| self.note(key, item)),
            Value::Int(number) => match key {
                "port" | "endPort" | "ports" => self.ports.extend(u16::try_from(*number)),
                "type" | "code" | "protocol" => self.kinds.extend(u8::try_from(*number)),
                _ => {}
            },
            Value::Text(text) => {
                if let Ok(net) = text.parse::<IpNet>() {
                    self.nets.push(net);
                    return;
                }
                match key {
                    "port" | "ports" => {
                        let mut numbers =
                            text.split(':').filter_map(|part| part.parse::<u16>().ok());
                        match numbers.next() {
                            Some(first) => self.ports.extend(std::iter::once(first).chain(numbers)),
                            None => self.names.push(text.clone()),
                        }
                    }
                    "names" => self.accounts.push(text.clone()),
                    "matchName" | "matchPattern" => self.hosts.push(text.to_lowercase()),
                    "selector" | "notSelector" | "namespaceSelector" | "serviceAccountSelector" => {
                        if let Ok(selector) = calico_selector::parse(text, false) {
                            self.selector(&selector);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn selector(&mut self, selector: &Selector) {
        match selector {
            Selector::All => {}
            Selector::Has(key) => self.label(key, None),
            Selector::Equals(key, value)
            | Selector::Differs(key, value)
            | Selector::Contains(key, value)
            | Selector::StartsWith(key, value)
            | Selector::EndsWith(key, value) => self.label(key, Some(value)),
            Selector::In(key, values) | Selector::NotIn(key, values) => {
                values.iter().for_each(|value| self.label(key, Some(value)));
            }
            Selector::Not(inner) => self.selector(inner),
            Selector::And(all) | Selector::Or(all) => {
                all.iter().for_each(|one| self.selector(one));
            }
        }
    }

    fn label(&mut self, key: &str, value: Option<&str>) {
        let key = bare(key);
        if key.starts_with("projectcalico.org/serviceaccount") || key == ACCOUNT {
            self.accounts.extend(value.map(str::to_owned));
        } else {
            let key = key.strip_prefix(NAMESPACE_LABELS).unwrap_or(key);
            let key = key.strip_prefix("pcns.").unwrap_or(key);
            let reserved = [
                "projectcalico.org/",
                "io.kubernetes.pod",
                "io.cilium.",
                "kubernetes.io/",
            ];
            if !reserved.iter().any(|prefix| key.starts_with(prefix)) {
                let values = self.labels.entry(key.to_owned()).or_default();
                values.extend(value.map(str::to_owned));
            }
        }
    }

    /// A flow of the universe, if one is found soon.
    pub fn flow(&self, random: &mut Random) -> Option<(Seen, Hidden)> {
        (0..12).find_map(|_| {
            let (seen, hidden) = self.try_flow(random);
            let known = |pod: &Pod| {
                !(self.program.cluster.namespaces_closed || self.universe.declared_only)
                    || self
                        .program
                        .namespaces
                        .iter()
                        .any(|one| one.name == pod.namespace)
            };
            let closed = |pod: &Pod| {
                !self.program.cluster.namespaces_closed
                    || self
                        .program
                        .namespaces
                        .iter()
                        .any(|one| one.name == pod.namespace)
            };
            let peer = match &seen.flow.peer {
                End::Pod(pod) => closed(pod),
                _ => true,
            };
            let inside = self.universe.holds(&seen.flow);
            (known(&seen.flow.subject) && peer && inside).then_some((seen, hidden))
        })
    }

    fn try_flow(&self, random: &mut Random) -> (Seen, Hidden) {
        let wild = self.random_labels(random);
        let mut aim = Aim {
            draw: self,
            random,
            subject: Pod::default(),
            other: Pod::default(),
            wild,
            net: None,
            entity: None,
            host: None,
            traffic: None,
            direction: Direction::Ingress,
            pods: None,
        };
        aim.start();
        if aim.random.chance(90) {
            aim.towards();
        }
        while aim.random.chance(35) {
            aim.beside();
        }
        aim.finish()
    }

    fn random_labels(&self, random: &mut Random) -> BTreeMap<SmolStr, SmolStr> {
        let mut labels = BTreeMap::new();
        for (key, values) in &self.labels {
            let values: Vec<&String> = values.iter().collect();
            let at = random.below(values.len() + 3);
            if at < values.len() {
                labels.insert(key.into(), values[at].into());
            } else if at == values.len() && random.chance(30) {
                labels.insert(key.into(), "fresh".into());
            }
        }
        labels
    }
}

/// A key without the source that Cilium writes before it.
fn bare(key: &str) -> &str {
    ["k8s:", "any:"]
        .iter()
        .find_map(|source| key.strip_prefix(source))
        .unwrap_or(key)
}

/// A `LabelSelector` as a selector.
fn label_selector(value: &Value) -> Selector {
    let mut all = Vec::new();
    if let Some(Value::Map(labels)) = field(value, "matchLabels") {
        for (key, value) in labels {
            if let Value::Text(value) = value {
                all.push(Selector::Equals(key.clone(), value.clone()));
            }
        }
    }
    if let Some(Value::List(expressions)) = field(value, "matchExpressions") {
        for one in expressions {
            let key = text_at(one, &["key"]).unwrap_or("").to_owned();
            let values = match field(one, "values") {
                Some(Value::List(values)) => values.as_slice(),
                _ => &[],
            };
            let values = values.iter().filter_map(|value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            });
            all.push(match text_at(one, &["operator"]).unwrap_or("") {
                "In" => Selector::In(key, values.collect()),
                "NotIn" => Selector::NotIn(key, values.collect()),
                "Exists" => Selector::Has(key),
                _ => Selector::Not(Box::new(Selector::Has(key))),
            });
        }
    }
    Selector::And(all)
}

/// A flow that is being drawn.
struct Aim<'a> {
    draw: &'a Draw<'a>,
    random: &'a mut Random,
    subject: Pod,
    other: Pod,
    /// The labels of a namespace that nobody declared.
    wild: BTreeMap<SmolStr, SmolStr>,
    net: Option<IpNet>,
    entity: Option<String>,
    host: Option<String>,
    traffic: Option<Traffic>,
    direction: Direction,
    /// Whether the other end should be a pod, if something says so.
    pods: Option<bool>,
}

impl Aim<'_> {
    fn pod(&mut self) -> Pod {
        let mut named_ports = BTreeMap::new();
        let names = &self.draw.names;
        for name in names {
            for transport in [Transport::Tcp, Transport::Udp] {
                if self.random.chance(50) {
                    let port = *self.random.pick(&self.draw.ports);
                    named_ports.insert((transport, name.into()), port.max(1));
                }
            }
        }
        let mut pod = Pod {
            labels: self.draw.random_labels(self.random),
            service_account: self.random.pick(&self.draw.accounts).into(),
            named_ports,
            ..Pod::default()
        };
        let declared = self.draw.program.namespaces.len();
        let at = self.random.below(declared + 1);
        self.place(&mut pod, at);
        pod
    }

    fn start(&mut self) {
        self.direction = *self.random.pick(&Direction::BOTH);
        self.subject = self.pod();
        self.other = self.pod();
    }

    /// Puts a pod into a declared namespace, or into the one beyond them.
    fn place(&self, pod: &mut Pod, at: usize) {
        match self.draw.program.namespaces.get(at) {
            Some(namespace) => {
                pod.namespace = namespace.name.clone();
                pod.namespace_labels = namespace.labels.iter().cloned().collect();
            }
            None => {
                pod.namespace = "wild".into();
                pod.namespace_labels = self.wild.clone();
            }
        }
    }

    fn place_by_name(&self, pod: &mut Pod, name: &str) {
        let known = &self.draw.program.namespaces;
        match known.iter().position(|one| one.name == name) {
            Some(at) => self.place(pod, at),
            None => {
                pod.namespace = name.into();
                pod.namespace_labels = self.wild.clone();
            }
        }
    }

    /// Makes the flow one that some rule speaks of.
    fn towards(&mut self) {
        let near = &self.draw.near;
        let object = match self.random.chance(70) || self.draw.all.is_empty() {
            true => *self.random.pick(near),
            false => self.random.pick(self.draw.all),
        };
        let specs: Vec<&Value> = match (field(object, "spec"), field(object, "specs")) {
            (_, Some(Value::List(specs))) => specs.iter().collect(),
            (Some(spec), _) => vec![spec],
            _ => return,
        };
        if specs.is_empty() {
            return;
        }
        let spec = *self.random.pick(&specs);
        if let Some(Value::List(nets)) = field(spec, "nets").or(field(spec, "externalCIDRs")) {
            self.net(nets);
        }
        let mut subject = std::mem::take(&mut self.subject);
        if let Some(namespace) = text_at(object, &["metadata", "namespace"]) {
            self.place_by_name(&mut subject, namespace);
        }
        for key in ["podSelector", "endpointSelector"] {
            if let Some(selector) = field(spec, key) {
                self.suit(&mut subject, Of::Pod, &label_selector(selector));
            }
        }
        self.calico(&mut subject, spec);
        self.subject = subject;
        let sides = ["ingress", "egress", "ingressDeny", "egressDeny"];
        let sides: Vec<(&str, &Value)> = sides
            .iter()
            .filter_map(|key| Some((*key, field(spec, key)?)))
            .collect();
        if sides.is_empty() {
            return;
        }
        let (key, rules) = *self.random.pick(&sides);
        self.direction = match key.starts_with('i') {
            true => Direction::Ingress,
            false => Direction::Egress,
        };
        if let Value::List(rules) = rules
            && !rules.is_empty()
        {
            let rule = self.random.pick(rules);
            self.rule(rule);
        }
    }

    fn rule(&mut self, rule: &Value) {
        let own = self.subject.namespace.clone();
        if self.random.chance(60) {
            let mut pod = std::mem::take(&mut self.other);
            self.place_by_name(&mut pod, &own);
            self.other = pod;
        }
        let Value::Map(fields) = rule else { return };
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("source" | "destination", entity) => {
                    let peer = (key == "source") == (self.direction == Direction::Ingress);
                    let mut pod = match peer {
                        true => std::mem::take(&mut self.other),
                        false => std::mem::take(&mut self.subject),
                    };
                    self.calico(&mut pod, entity);
                    match peer {
                        true => self.other = pod,
                        false => self.subject = pod,
                    }
                    if peer && let Some(Value::List(nets)) = field(entity, "nets") {
                        self.net(nets);
                        if self.random.chance(40)
                            && let Some(Value::List(nets)) = field(entity, "notNets")
                        {
                            self.net(nets);
                        }
                    }
                    if let Some(ports) = field(entity, "ports").or(field(entity, "notPorts")) {
                        self.ports(ports, text_at(rule, &["protocol"]));
                    }
                }
                ("icmp" | "notICMP", message) => {
                    let number = |key: &str| match field(message, key) {
                        Some(Value::Int(number)) => u8::try_from(*number).ok(),
                        _ => None,
                    };
                    let both = (number("type").unwrap_or(8), number("code").unwrap_or(0));
                    self.traffic = Some(match text_at(rule, &["protocol"]) {
                        Some("ICMPv6") => Traffic::Icmpv6(both.0, both.1),
                        _ => Traffic::Icmp(both.0, both.1),
                    });
                }
                ("icmps", Value::List(messages)) if !messages.is_empty() => {
                    let Some(Value::List(messages)) = field(self.random.pick(messages), "fields")
                    else {
                        continue;
                    };
                    if messages.is_empty() {
                        continue;
                    }
                    let message = self.random.pick(messages);
                    if let Some(Value::Int(kind)) = field(message, "type") {
                        let kind = u8::try_from(*kind).unwrap_or(0);
                        self.traffic = Some(match text_at(message, &["family"]) {
                            Some("IPv6") => Traffic::Icmpv6(kind, 0),
                            _ => Traffic::Icmp(kind, 0),
                        });
                    }
                }
                ("ports" | "toPorts", ports) => self.ports(ports, None),
                (_, Value::List(peers))
                    if !peers.is_empty() && (key.starts_with("from") || key.starts_with("to")) =>
                {
                    let peer = self.random.pick(peers);
                    self.peer(key, peer);
                }
                _ => {}
            }
        }
    }

    fn peer(&mut self, key: &str, peer: &Value) {
        match (key, peer) {
            ("fromEntities" | "toEntities", Value::Text(entity)) => {
                self.entity = Some(entity.clone());
            }
            ("toFQDNs", name) => {
                let name = text_at(name, &["matchName"]).or(text_at(name, &["matchPattern"]));
                self.host = name.map(str::to_lowercase);
                self.pods = Some(false);
            }
            (_, Value::Text(_)) => self.net(std::slice::from_ref(peer)),
            ("fromEndpoints" | "toEndpoints", selector) => {
                let mut pod = std::mem::take(&mut self.other);
                let own = self.subject.namespace.clone();
                self.place_by_name(&mut pod, &own);
                self.suit(&mut pod, Of::Pod, &label_selector(selector));
                self.other = pod;
                self.pods = Some(true);
            }
            (_, peer) => {
                let block = field(peer, "ipBlock").unwrap_or(peer);
                if let Some(net) = field(block, "cidr") {
                    self.net(std::slice::from_ref(net));
                    if self.random.chance(50)
                        && let Some(Value::List(nets)) = field(block, "except")
                    {
                        self.net(nets);
                    }
                    return;
                }
                let mut pod = std::mem::take(&mut self.other);
                match field(peer, "namespaceSelector") {
                    Some(selector) => self.suit(&mut pod, Of::Namespace, &label_selector(selector)),
                    None => {
                        let own = self.subject.namespace.clone();
                        self.place_by_name(&mut pod, &own);
                    }
                }
                if let Some(selector) = field(peer, "podSelector") {
                    self.suit(&mut pod, Of::Pod, &label_selector(selector));
                }
                self.other = pod;
                self.pods = Some(true);
            }
        }
    }

    /// Makes a pod fit what a policy or an entity of Calico's says.
    fn calico(&mut self, pod: &mut Pod, entity: &Value) {
        let of = [
            ("namespaceSelector", Of::Namespace),
            ("selector", Of::Pod),
            ("serviceAccountSelector", Of::Account),
        ];
        for (key, of) in of {
            if let Some(text) = text_at(entity, &[key])
                && let Ok(selector) = calico_selector::parse(text, false)
            {
                self.suit(pod, of, &selector);
                self.pods = Some(true);
            }
        }
        if let Some(Value::List(names)) =
            field(entity, "serviceAccounts").and_then(|accounts| field(accounts, "names"))
            && !names.is_empty()
            && let Value::Text(name) = self.random.pick(names)
        {
            pod.service_account = name.into();
        }
        if self.random.chance(30)
            && let Some(text) = text_at(entity, &["notSelector"])
            && let Ok(selector) = calico_selector::parse(text, false)
        {
            self.suit(pod, Of::Pod, &selector);
        }
    }

    fn net(&mut self, nets: &[Value]) {
        if nets.is_empty() {
            return;
        }
        if let Value::Text(net) = self.random.pick(nets)
            && let Ok(net) = net.parse()
        {
            self.net = Some(net);
            self.pods = Some(false);
        }
    }

    fn ports(&mut self, ports: &Value, protocol: Option<&str>) {
        let Value::List(ports) = ports else { return };
        if ports.is_empty() {
            return;
        }
        let one = self.random.pick(ports);
        if let Some(inner) = field(one, "ports") {
            self.ports(inner, None);
            return;
        }
        let transport = match text_at(one, &["protocol"]).or(protocol) {
            Some("UDP") => Transport::Udp,
            Some("SCTP") => Transport::Sctp,
            _ => Transport::Tcp,
        };
        let edge = |value: &Value| match value {
            Value::Int(port) => vec![*port],
            Value::Text(text) => text
                .split(':')
                .filter_map(|part| part.parse().ok())
                .collect(),
            _ => Vec::new(),
        };
        let mut edges = match field(one, "port") {
            Some(port) => edge(port),
            None => edge(one),
        };
        edges.extend(field(one, "endPort").map(edge).unwrap_or_default());
        if edges.is_empty() {
            let name = match field(one, "port").unwrap_or(one) {
                Value::Text(name) => name.clone(),
                _ => return,
            };
            let at = match self.direction {
                Direction::Ingress => &self.subject,
                Direction::Egress => &self.other,
            };
            let known = at.named_ports.get(&(transport, name.as_str().into()));
            self.traffic = known.map(|port| Traffic::Port(transport, *port));
            return;
        }
        let off = *self.random.pick(&[0, 0, 0, 1, -1]);
        let port = (*self.random.pick(&edges) + off).clamp(1, 65535);
        self.traffic = Some(Traffic::Port(transport, port as u16));
    }

    /// Changes a pod so that a selector takes it, as far as that is simple.
    fn suit(&mut self, pod: &mut Pod, of: Of, selector: &Selector) {
        if of == Of::Namespace {
            let fits = |name: &str, labels: &BTreeMap<SmolStr, SmolStr>| {
                selector.matches(&|key: &str| match key {
                    "projectcalico.org/name" | "kubernetes.io/metadata.name" => {
                        Some(name.to_owned())
                    }
                    key => labels.get(key).map(ToString::to_string),
                })
            };
            let known = &self.draw.program.namespaces;
            let mut fitting: Vec<usize> = (0..known.len())
                .filter(|at| {
                    let labels = known[*at].labels.iter().cloned().collect();
                    fits(&known[*at].name, &labels)
                })
                .collect();
            if fits("wild", &self.wild) {
                fitting.push(known.len());
            }
            if !fitting.is_empty() {
                let at = *self.random.pick(&fitting);
                self.place(pod, at);
            }
            return;
        }
        match selector {
            Selector::And(all) => all.iter().for_each(|one| self.suit(pod, of, one)),
            Selector::Or(all) if !all.is_empty() => {
                let one = self.random.pick(all);
                self.suit(pod, of, one);
            }
            Selector::Equals(key, value) => self.wear(pod, of, key, value),
            Selector::In(key, values) if !values.is_empty() => {
                let value = self.random.pick(values);
                self.wear(pod, of, key, value);
            }
            Selector::Has(key) if !pod.labels.contains_key(bare(key)) => {
                let values = self.draw.labels.get(bare(key));
                let values: Vec<&String> = values.into_iter().flatten().collect();
                let value = match values.is_empty() {
                    true => "fresh".to_owned(),
                    false => (*self.random.pick(&values)).clone(),
                };
                self.wear(pod, of, key, &value);
            }
            Selector::Differs(key, value)
                if pod.labels.get(bare(key)).is_some_and(|is| is == value) =>
            {
                pod.labels.remove(bare(key));
            }
            Selector::NotIn(key, values)
                if pod
                    .labels
                    .get(bare(key))
                    .is_some_and(|is| values.iter().any(|one| one == is)) =>
            {
                pod.labels.remove(bare(key));
            }
            Selector::Not(inner) => {
                if let Selector::Has(key) | Selector::Equals(key, _) | Selector::In(key, _) =
                    &**inner
                {
                    pod.labels.remove(bare(key));
                }
            }
            _ => {}
        }
    }

    fn wear(&mut self, pod: &mut Pod, of: Of, key: &str, value: &str) {
        let key = bare(key);
        let of_namespace = key
            .strip_prefix(NAMESPACE_LABELS)
            .or(key.strip_prefix("pcns."));
        match (of, key) {
            (Of::Account, _) | (_, ACCOUNT | "projectcalico.org/serviceaccount") => {
                pod.service_account = value.into();
            }
            (_, NAMESPACE | "projectcalico.org/namespace") => self.place_by_name(pod, value),
            (_, "projectcalico.org/orchestrator") => {}
            _ => match of_namespace {
                Some("kubernetes.io/metadata.name" | "projectcalico.org/name") => {
                    self.place_by_name(pod, value);
                }
                Some(label) if pod.namespace_labels.get(label).is_none_or(|is| is != value) => {
                    let wanted = Selector::Equals(label.to_owned(), value.to_owned());
                    self.suit(pod, Of::Namespace, &wanted);
                }
                Some(_) => {}
                None => {
                    // Both pods carry what a name means; a name of the cluster's own is none of theirs.
                    if !key.starts_with("io.cilium.") {
                        pod.labels.insert(key.into(), value.into());
                    }
                }
            },
        }
    }

    /// Changes one thing at random.
    fn beside(&mut self) {
        let declared = self.draw.program.namespaces.len();
        let at = self.random.below(declared + 1);
        let fresh = self.draw.random_labels(self.random);
        let keys: Vec<&String> = self.draw.labels.keys().collect();
        let key = (*self.random.pick(&keys)).clone();
        let own = self.random.chance(50);
        let mut pod = match own {
            true => std::mem::take(&mut self.subject),
            false => std::mem::take(&mut self.other),
        };
        match self.random.below(8) {
            0 => self.place(&mut pod, at),
            1 | 2 => {
                pod.labels.remove(key.as_str());
                if let Some(value) = fresh.get(key.as_str()) {
                    pod.labels.insert(key.into(), value.clone());
                }
            }
            3 => pod.service_account = self.random.pick(&self.draw.accounts).into(),
            4 => self.pods = None,
            5 => {
                self.traffic = None;
            }
            6 => {
                self.net = self
                    .draw
                    .nets
                    .get(self.random.below(self.draw.nets.len() + 1))
                    .copied()
            }
            _ => {
                self.direction = *self.random.pick(&Direction::BOTH);
            }
        }
        match own {
            true => self.subject = pod,
            false => self.other = pod,
        }
    }

    fn finish(mut self) -> (Seen, Hidden) {
        let cluster = &self.draw.program.cluster;
        let traffic = match self.traffic {
            Some(traffic) => traffic,
            None => self.any_traffic(),
        };
        let v6 = match (traffic, cluster.ipv4_none, cluster.ipv6_none) {
            (_, true, _) => true,
            (_, _, true) => false,
            (Traffic::Icmp(..), _, _) => false,
            (Traffic::Icmpv6(..), _, _) => true,
            _ => match self.net {
                Some(net) if self.pods == Some(false) => net.addr().is_ipv6(),
                _ => self.random.chance(30),
            },
        };
        let pods = of_family(&cluster.pods, v6, "10.244.0.0/16", "fd00:10:244::/56");
        let nodes = of_family(&cluster.nodes, v6, "192.168.10.0/24", "fd00:192::/64");
        let subject_address = inside(self.random, &pods);
        let (peer, resolved) = self.peer_end(v6, &nodes);
        let peer_address = match &peer {
            End::Pod(_) | End::Proxy => inside(self.random, &pods),
            End::Node(address) | End::Outside { address, .. } => *address,
        };
        let strange = self.draw.random_labels(self.random);
        let labels = strange
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()));
        let labels: Vec<(String, String)> = labels.collect();
        let mut namespaces = BTreeMap::new();
        for pod in [
            Some(&self.subject),
            if let End::Pod(pod) = &peer {
                Some(pod)
            } else {
                None
            },
        ]
        .into_iter()
        .flatten()
        {
            let of = pod.namespace_labels.iter();
            let of = of.map(|(key, value)| (key.to_string(), value.to_string()));
            namespaces.insert(pod.namespace.to_string(), of.collect());
        }
        let hidden = Hidden {
            source_port: *self.random.pick(&[80, 443, 40_000]),
            namespaces,
            host: matches!(peer, End::Node(_))
                .then(|| labels.iter().cloned().collect())
                .filter(|_| self.random.chance(50)),
            ..Hidden::default()
        };
        let seen = Seen {
            flow: Flow {
                direction: self.direction,
                subject: self.subject,
                peer,
                traffic,
            },
            subject_address,
            peer_address,
            resolved,
            foreign_labels: labels,
        };
        (seen, hidden)
    }

    fn any_traffic(&mut self) -> Traffic {
        let kind = *self.random.pick(&self.draw.kinds);
        match self.random.below(12) {
            0 => Traffic::Icmp(kind, *self.random.pick(&[0, 3])),
            1 => Traffic::Icmpv6(kind, *self.random.pick(&[0, 3])),
            2 if ![1, 6, 17, 58, 132].contains(&kind) => Traffic::Protocol(kind),
            3 => Traffic::Protocol(*self.random.pick(&[47, 50, 2])),
            at => {
                let transport = match at {
                    4 | 5 => Transport::Udp,
                    6 => Transport::Sctp,
                    _ => Transport::Tcp,
                };
                let port = match self.random.chance(15) {
                    true => 1 + self.random.below(65535) as u16,
                    false => *self.random.pick(&self.draw.ports),
                };
                Traffic::Port(transport, port.max(1))
            }
        }
    }

    fn peer_end(&mut self, v6: bool, nodes: &[IpNet]) -> (End, Vec<String>) {
        let kind = match (self.entity.as_deref(), self.pods) {
            (Some("world"), _) => 2,
            (Some("host" | "remote-node"), _) => 1,
            (Some("ingress"), _) => 3,
            (_, Some(true)) if self.random.chance(85) => 0,
            (_, Some(false)) if self.random.chance(85) => 2,
            _ => self.random.below(4),
        };
        match kind {
            0 => (End::Pod(self.other.clone()), Vec::new()),
            1 => {
                let api = self.draw.program.cluster.apiserver.as_ref();
                let api: Vec<IpNet> = api.map(|api| api.networks()).unwrap_or_default();
                let api: Vec<IpNet> = api
                    .into_iter()
                    .filter(|net| net.addr().is_ipv6() == v6)
                    .collect();
                // What comes out of a tunnel has an address among the pods'; the universe says where that is so.
                let pods = of_family(
                    &self.draw.program.cluster.pods,
                    v6,
                    "10.244.0.0/16",
                    "fd00:10:244::/56",
                );
                let pool = match self.random.below(10) {
                    0..=2 if !api.is_empty() => &api[..],
                    3 | 4 => &pods,
                    _ => nodes,
                };
                (End::Node(inside(self.random, pool)), Vec::new())
            }
            3 => (End::Proxy, Vec::new()),
            _ => self.outside(v6),
        }
    }

    fn outside(&mut self, v6: bool) -> (End, Vec<String>) {
        let fitting = |net: &&IpNet| net.addr().is_ipv6() == v6;
        let all: Vec<IpNet> = self.draw.nets.iter().filter(fitting).copied().collect();
        let everything = if v6 { "::/0" } else { "0.0.0.0/0" };
        let net = match self.net.filter(|net| fitting(&net)) {
            Some(net) if self.random.chance(80) => net,
            _ if !all.is_empty() && self.random.chance(85) => *self.random.pick(&all),
            _ => everything.parse().expect("a CIDR"),
        };
        let address = match self.random.below(6) {
            0 => step(net.network(), false),
            1 => step(net.broadcast(), true),
            _ => inside(self.random, &[net]),
        };
        let resolved: Vec<String> = match (&self.host, self.draw.hosts.is_empty()) {
            (Some(host), _) if self.random.chance(80) => vec![host.replace('*', "x")],
            (_, false) if self.random.chance(30) => {
                vec![self.random.pick(&self.draw.hosts).replace('*', "y")]
            }
            _ => Vec::new(),
        };
        let names = BTreeSet::new();
        (End::Outside { address, names }, resolved)
    }
}

/// Whether a name as programs write it covers a real one.
pub fn covers(pattern: &str, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**.") {
        name.strip_suffix(rest)
            .is_some_and(|head| head.len() > 1 && head.ends_with('.'))
    } else if let Some(rest) = pattern.strip_prefix("*.") {
        name.split_once('.')
            .is_some_and(|(head, tail)| !head.is_empty() && tail == rest)
    } else {
        pattern == name
    }
}

/// The flow of a witness with everything that a target looks at, if its names can be real ones.
pub fn seen(draw: &Draw<'_>, flow: &Flow, random: &mut Random) -> Option<(Seen, Hidden)> {
    let (mut seen, mut hidden) = draw.try_flow(random);
    let v6 = match (&flow.peer, flow.traffic) {
        (End::Node(address) | End::Outside { address, .. }, _) => address.is_ipv6(),
        (_, Traffic::Icmp(..)) => false,
        (_, Traffic::Icmpv6(..)) => true,
        _ => draw.program.cluster.ipv4_none,
    };
    let cluster = &draw.program.cluster;
    let pods = of_family(&cluster.pods, v6, "10.244.0.0/16", "fd00:10:244::/56");
    seen.subject_address = inside(random, &pods);
    seen.peer_address = match &flow.peer {
        End::Node(address) | End::Outside { address, .. } => *address,
        End::Pod(_) | End::Proxy => inside(random, &pods),
    };
    seen.resolved.clear();
    if let End::Outside { names, .. } = &flow.peer {
        for name in names {
            seen.resolved
                .push(name.replace("**", "x").replace('*', "x"));
        }
        let more = draw.hosts.iter().any(|host| {
            !names.contains(host.as_str()) && seen.resolved.iter().any(|one| covers(host, one))
        });
        if more {
            return None;
        }
    }
    hidden.namespaces.clear();
    let other = match &flow.peer {
        End::Pod(pod) => Some(pod),
        _ => None,
    };
    for pod in std::iter::once(&flow.subject).chain(other) {
        let labels = pod.namespace_labels.iter();
        let labels = labels.map(|(key, value)| (key.to_string(), value.to_string()));
        hidden
            .namespaces
            .insert(pod.namespace.to_string(), labels.collect());
    }
    hidden.host = None;
    seen.flow = flow.clone();
    Some((seen, hidden))
}

/// Known networks of a family, or the usual one.
fn of_family(set: &Option<AddressSet>, v6: bool, four: &str, six: &str) -> Vec<IpNet> {
    let known = set.iter().flat_map(AddressSet::networks);
    let known: Vec<IpNet> = known.filter(|net| net.addr().is_ipv6() == v6).collect();
    match known.is_empty() {
        true => vec![if v6 { six } else { four }.parse().expect("a CIDR")],
        false => known,
    }
}

fn step(address: IpAddr, up: bool) -> IpAddr {
    match (address, up) {
        (IpAddr::V4(is), true) => IpAddr::V4(Ipv4Addr::from(u32::from(is).saturating_add(1))),
        (IpAddr::V4(is), false) => IpAddr::V4(Ipv4Addr::from(u32::from(is).saturating_sub(1))),
        (IpAddr::V6(is), true) => IpAddr::V6(Ipv6Addr::from(u128::from(is).saturating_add(1))),
        (IpAddr::V6(is), false) => IpAddr::V6(Ipv6Addr::from(u128::from(is).saturating_sub(1))),
    }
}

/// An address of one of some networks: its first, its last, or another.
fn inside(random: &mut Random, nets: &[IpNet]) -> IpAddr {
    let net = *random.pick(nets);
    match (random.below(3), net.network(), net.broadcast()) {
        (0, first, _) => first,
        (1, _, last) => last,
        (_, IpAddr::V4(low), IpAddr::V4(high)) => {
            let (low, high) = (u64::from(u32::from(low)), u64::from(u32::from(high)));
            IpAddr::V4(Ipv4Addr::from(
                (low + random.next() % (high - low + 1)) as u32,
            ))
        }
        (_, IpAddr::V6(low), _) => {
            let noise = u128::from(random.next()) << 64 | u128::from(random.next());
            let mask = u128::MAX
                .checked_shr(u32::from(net.prefix_len()))
                .unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(low) | noise & mask))
        }
        (_, first, _) => first,
    }
}
