//! What the agents of a cluster do with drawn manifests, label by label: the opposite of the reader, which reckons with sets.
//!
//! What no fact says is settled here at random ([`Hidden`]): whatever the reader decides has to hold for every such world.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

use super::draw::{Block, BlockOf, Dial, Element, Manifests, Peers, Port, Rule, Selector};

/// What facts do not say.
#[derive(Clone, Debug)]
pub struct Hidden {
    /// Whether a node at the other end is the pod's own.
    pub own_node: bool,
    /// The name of the cluster.
    pub cluster: &'static str,
    /// Whether pods have addresses of both families.
    pub dual: bool,
    /// The addresses of the API server.
    pub apiserver: Vec<IpNet>,
    /// Whether services, groups of a cloud, groups that are not there, and the like match what they may.
    pub unknown: bool,
    /// Whether the other end authenticates.
    pub authenticated: bool,
    /// What a named port is to a cluster-wide table; `None` if two pods disagree.
    pub table: Option<u16>,
    /// Labels of a node at the other end.
    pub node_labels: Vec<(String, String)>,
    /// Names for which the other end's address was an answer.
    pub resolved: Vec<&'static str>,
}

/// The labels of an end: source and key, value.
type Labels = BTreeMap<(String, String), String>;

/// A cluster at work.
pub struct Engine<'m> {
    pub manifests: &'m Manifests,
    pub dial: Dial,
    pub hidden: &'m Hidden,
}

/// `any` stands for every source.
fn parted(key: &str) -> (&str, &str) {
    key.split_once(':').unwrap_or(("any", key))
}

fn lookup<'l>(labels: &'l Labels, key: &str) -> Vec<&'l str> {
    let (source, key) = parted(key);
    let fits = |(from, name): &(String, String)| (source == "any" || from == source) && name == key;
    labels
        .iter()
        .filter(|(label, _)| fits(label))
        .map(|(_, value)| value.as_str())
        .collect()
}

fn fulfills(selector: &Selector, labels: &Labels) -> bool {
    let equal = selector
        .labels
        .iter()
        .all(|(key, value)| lookup(labels, key).contains(&value.as_str()));
    equal
        && selector.expressions.iter().all(|(key, operator, values)| {
            let found = lookup(labels, key);
            let among = found
                .iter()
                .any(|one| values.iter().any(|value| value == one));
            match *operator {
                "In" => among,
                "NotIn" => !among,
                "Exists" => !found.is_empty(),
                _ => found.is_empty(),
            }
        })
}

fn keys(selector: &Selector) -> impl Iterator<Item = &str> {
    let expressions = selector.expressions.iter().map(|(key, ..)| key.as_str());
    selector
        .labels
        .iter()
        .map(|(key, _)| key.as_str())
        .chain(expressions)
}

const NAMESPACE: &str = "io.kubernetes.pod.namespace";
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";

impl Engine<'_> {
    /// Whether a flow passes at its subject.
    pub fn allows(&self, flow: &Flow) -> bool {
        let subject = self.pod(&flow.subject);
        let own = flow.direction == Direction::Ingress
            && self.hidden.own_node
            && matches!(flow.peer, End::Node(_));
        let (allow_at, deny_at) = match flow.direction {
            Direction::Ingress => (0, 1),
            Direction::Egress => (2, 3),
        };
        let mut closed = false;
        let mut allowed = false;
        let mut required = true;
        for (namespace, rule) in self.rules() {
            if !self.selects(namespace, rule, &subject) {
                continue;
            }
            let list = |at: usize| rule.lists[at].as_deref().unwrap_or_default();
            let matches = |element: &Element, allow: bool| {
                self.element(element, namespace, rule, flow, &subject, allow)
            };
            if list(deny_at).iter().any(|element| matches(element, false)) {
                return false;
            }
            let some = !list(allow_at).is_empty() || !list(deny_at).is_empty();
            let flag = rule
                .closes
                .and_then(|(ingress, egress)| match flow.direction {
                    Direction::Ingress => ingress,
                    Direction::Egress => egress,
                });
            closed |= some && flag.unwrap_or(true);
            let both = list(allow_at).iter().chain(list(deny_at));
            required &= !both.into_iter().any(|element| element.requires);
            allowed |= list(allow_at).iter().any(|element| matches(element, true));
        }
        if own {
            return true;
        }
        !closed || allowed && (required || self.hidden.unknown)
    }

    fn rules(&self) -> impl Iterator<Item = (Option<&'static str>, &Rule)> {
        let each = self.manifests.policies.iter();
        each.flat_map(|policy| policy.rules.iter().map(|rule| (policy.namespace, rule)))
            .filter(|(_, rule)| !rule.node)
    }

    fn selects(&self, namespace: Option<&str>, rule: &Rule, subject: &Labels) -> bool {
        let mut selector = rule.subject.clone();
        if let Some(namespace) = namespace {
            let key = format!("k8s:{NAMESPACE}");
            selector.labels.retain(|(known, _)| *known != key);
            selector.labels.push((key, namespace.to_owned()));
        }
        fulfills(&selector, subject)
    }

    fn element(
        &self,
        element: &Element,
        namespace: Option<&str>,
        rule: &Rule,
        flow: &Flow,
        subject: &Labels,
        allow: bool,
    ) -> bool {
        let ports = element.ports.as_deref().unwrap_or_default();
        let icmps = element.icmps.as_deref().unwrap_or_default();
        let ported = !ports.is_empty() || !icmps.is_empty();
        let traffic = !ported
            || ports
                .iter()
                .flat_map(|rule| &rule.ports)
                .any(|port| self.port(port, flow))
            || icmps.iter().flatten().any(|(v6, kind)| {
                let number: u16 = match (kind.trim_matches('"'), v6 == &Some(true)) {
                    ("EchoReply", false) => 0,
                    ("EchoReply", true) => 129,
                    ("TimeExceeded", false) => 11,
                    ("TimeExceeded", true) => 3,
                    (number, _) => number.parse().unwrap(),
                };
                match flow.traffic {
                    Traffic::Icmp(is, _) => {
                        v6 != &Some(true) && (number == 0 || number == u16::from(is))
                    }
                    Traffic::Icmpv6(is, _) => {
                        v6 == &Some(true) && (number == 0 || number == u16::from(is))
                    }
                    _ => false,
                }
            });
        let fails = element.authentication == Some("test-always-fail")
            || element.authentication == Some("required") && !self.hidden.authenticated;
        traffic && !(allow && fails) && self.peers(element, namespace, rule, flow, subject, ported)
    }

    fn peers(
        &self,
        element: &Element,
        namespace: Option<&str>,
        rule: &Rule,
        flow: &Flow,
        subject: &Labels,
        ported: bool,
    ) -> bool {
        let labels = self.peer(&flow.peer);
        // A member that is there and empty selects nothing, aside from names, services and groups.
        let empty = match &element.peers {
            Peers::Endpoints(all) | Peers::Nodes(all) => all.is_empty(),
            Peers::Entities(all) => all.is_empty(),
            Peers::Cidrs(all) => all.is_empty(),
            Peers::Blocks(all) => all.is_empty(),
            _ => false,
        } || element.beside.is_some_and(|beside| beside != "Groups");
        if empty {
            let names = matches!(&element.peers, Peers::Names(all) if !all.is_empty());
            return names && self.dial.version < (1, 19) && self.hidden.unknown;
        }
        match &element.peers {
            Peers::Absent => ported,
            Peers::Names(all) if all.is_empty() => ported,
            Peers::Services(0) | Peers::Groups(0) => ported,
            Peers::Services(_) | Peers::Groups(_) => self.hidden.unknown,
            Peers::Endpoints(all) => {
                let init = rule
                    .subject
                    .labels
                    .iter()
                    .any(|(key, _)| key == "reserved:init")
                    || keys(&rule.subject).any(|key| key == "reserved:init");
                all.iter()
                    .any(|one| fulfills(&self.injected(one, namespace, init), &labels))
            }
            Peers::Nodes(all) => all.iter().any(|one| {
                let mut one = one.clone();
                one.expressions
                    .push(("reserved:remote-node".into(), "Exists", vec![]));
                self.localized(&mut one);
                fulfills(&one, &labels)
            }),
            Peers::Entities(all) => all.iter().any(|entity| self.entity(entity, &labels)),
            Peers::Cidrs(all) => all.iter().any(|net| self.in_net(net, &flow.peer)),
            Peers::Blocks(all) => all.iter().any(|block| self.in_block(block, &flow.peer)),
            Peers::Names(all) => {
                let End::Outside { .. } = flow.peer else {
                    return false;
                };
                self.hidden.resolved.iter().any(|name| {
                    all.iter().any(|(_, pattern)| self.named(pattern, name))
                        && self.learns(subject, name)
                })
            }
        }
    }

    /// Whether the proxy of a pod lets a name through: a rule for the pod, that matches something, has it.
    fn learns(&self, subject: &Labels, name: &str) -> bool {
        self.rules().any(|(namespace, rule)| {
            let elements = rule.lists[2].as_deref().unwrap_or_default();
            self.selects(namespace, rule, subject)
                && elements.iter().any(|element| {
                    let alive = element.beside.is_none_or(|beside| beside == "Groups");
                    let rules = element.ports.as_deref().unwrap_or_default();
                    alive
                        && rules
                            .iter()
                            .flat_map(|rule| &rule.dns)
                            .any(|(_, pattern)| self.named(pattern, name))
                })
        })
    }

    /// Whether a name is one of a pattern.
    pub fn named(&self, pattern: &str, name: &str) -> bool {
        let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
        if pattern == "*" || pattern == "**" {
            return true;
        }
        if let Some(rest) = pattern.strip_prefix("**.")
            && self.dial.version >= (1, 19)
        {
            return name
                .strip_suffix(rest)
                .is_some_and(|front| front.len() > 1 && front.ends_with('.'));
        }
        let (one, other): (Vec<&str>, Vec<&str>) =
            (pattern.split('.').collect(), name.split('.').collect());
        let label = |pattern: &str, label: &str| match pattern.split_once('*') {
            None => pattern == label,
            Some((front, back)) => {
                let back = back.trim_start_matches('*');
                label.len() >= front.len() + back.len()
                    && label.starts_with(front)
                    && label.ends_with(back)
            }
        };
        one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| label(one, other))
    }

    fn injected(&self, selector: &Selector, namespace: Option<&str>, init: bool) -> Selector {
        let mut selector = selector.clone();
        if keys(&selector).any(|key| parted(key).0 == "reserved") {
            return selector;
        }
        let of_pods = |key: &str| ["any", "k8s"].contains(&parted(key).0);
        let has = |wanted: &str| keys(&selector).any(|key| of_pods(key) && parted(key).1 == wanted);
        let labelled = keys(&selector).any(|key| {
            of_pods(key) && parted(key).1.starts_with("io.cilium.k8s.namespace.labels.")
        });
        if !has(NAMESPACE) {
            let key = format!("k8s:{NAMESPACE}");
            match namespace {
                None if !init => selector.expressions.push((key, "Exists", vec![])),
                Some(own) if !labelled => selector.labels.push((key, own.to_owned())),
                _ => {}
            }
        }
        self.localized(&mut selector);
        selector
    }

    fn localized(&self, selector: &mut Selector) {
        let has = keys(selector).any(|key| {
            let (source, key) = parted(key);
            ["any", "k8s"].contains(&source) && key == CLUSTER
        });
        if self.dial.version >= (1, 19) && !has {
            let local = self.hidden.cluster.to_owned();
            selector.labels.push((format!("k8s:{CLUSTER}"), local));
        }
    }

    fn entity(&self, entity: &str, labels: &Labels) -> bool {
        let has = |name: &str| labels.contains_key(&("reserved".to_owned(), name.to_owned()));
        match entity {
            "all" => true,
            "world" => has("world") || has("world-ipv4") || has("world-ipv6"),
            "cluster" => {
                ["host", "remote-node", "ingress", "kube-apiserver"]
                    .into_iter()
                    .any(has)
                    || lookup(labels, &format!("k8s:{CLUSTER}")).contains(&self.hidden.cluster)
            }
            name => has(name),
        }
    }

    fn in_net(&self, net: &str, peer: &End) -> bool {
        let End::Outside { address, .. } = peer else {
            return false;
        };
        let net: IpNet = net.parse().unwrap();
        net.contains(address) || net.prefix_len() == 0 && !self.hidden.dual
    }

    fn in_block(&self, block: &Block, peer: &End) -> bool {
        let outside = matches!(peer, End::Outside { .. });
        let groups = &self.manifests.groups;
        let inside = match &block.of {
            BlockOf::Cidr(net) => self.in_net(net, peer),
            BlockOf::Group(name) => match groups.iter().find(|group| group.name == *name) {
                Some(group) => group.nets.iter().any(|net| self.in_net(net, peer)),
                None => outside && self.hidden.unknown,
            },
            BlockOf::Groups(selector) => {
                let mut labels = Labels::new();
                // The narrowest group speaks last, or first: which of them is not established.
                let mut of: Vec<_> = groups
                    .iter()
                    .filter(|group| group.nets.iter().any(|net| self.in_net(net, peer)))
                    .collect();
                if self.hidden.unknown {
                    of.reverse();
                }
                for group in of {
                    for (key, value) in &group.labels {
                        let key = ("cidrgroup".to_owned(), (*key).to_owned());
                        labels.insert(key, (*value).to_owned());
                    }
                }
                fulfills(selector, &labels)
            }
        };
        inside && !block.except.iter().any(|net| self.in_net(net, peer))
    }

    fn port(&self, port: &Port, flow: &Flow) -> bool {
        let (transport, number) = match flow.traffic {
            Traffic::Port(transport, number) => (transport, number),
            Traffic::Protocol(number) => {
                let known = match port.protocol {
                    Some("GRE") => 47,
                    Some("ESP") => 50,
                    Some("VRRP") => 112,
                    _ => return false,
                };
                return known == number;
            }
            _ => return false,
        };
        let fits = match port.protocol {
            None | Some("ANY") => true,
            Some("TCP") => transport == Transport::Tcp,
            Some("UDP") => transport == Transport::Udp,
            Some("SCTP") => transport == Transport::Sctp,
            Some(_) => false,
        };
        let end = port.end.unwrap_or(0);
        let text = port.port.unwrap_or("0");
        fits && match text {
            "0" => {
                let all = self.dial.version >= (1, 20) || end == 0 || end == u16::MAX;
                all || number <= end
            }
            "010" => (8..=end.max(8)).contains(&number),
            text => match text.parse::<u16>() {
                Ok(low) => (low..=end.max(low)).contains(&number),
                Err(_) => self.named_port(&text.to_ascii_lowercase(), end, transport, number, flow),
            },
        }
    }

    fn named_port(
        &self,
        name: &str,
        end: u16,
        transport: Transport,
        number: u16,
        flow: &Flow,
    ) -> bool {
        let of = |pod: &Pod| pod.named_ports.get(&(transport, name.into())).copied();
        match (flow.direction, &flow.peer) {
            (Direction::Ingress, _) => {
                of(&flow.subject).is_some_and(|low| (low..=end.max(low)).contains(&number))
            }
            (Direction::Egress, _) if self.dial.version < (1, 20) => {
                self.hidden.table == Some(number)
            }
            (Direction::Egress, End::Pod(pod)) => of(pod) == Some(number),
            _ => false,
        }
    }

    fn pod(&self, pod: &Pod) -> Labels {
        let mut labels = Labels::new();
        let mut put = |key: String, value: &str| {
            labels.insert(("k8s".to_owned(), key), value.to_owned());
        };
        for (key, value) in &pod.labels {
            if key != "pod-template-hash" {
                put(key.to_string(), value);
            }
        }
        let prefix = "io.cilium.k8s.namespace.labels.";
        for (key, value) in &pod.namespace_labels {
            put(format!("{prefix}{key}"), value);
        }
        put(
            format!("{prefix}kubernetes.io/metadata.name"),
            &pod.namespace,
        );
        put(NAMESPACE.to_owned(), &pod.namespace);
        put(CLUSTER.to_owned(), self.hidden.cluster);
        put(
            "io.cilium.k8s.policy.serviceaccount".to_owned(),
            &pod.service_account,
        );
        labels
    }

    fn peer(&self, peer: &End) -> Labels {
        let mut labels = Labels::new();
        let mut reserved = |name: &str| {
            labels.insert(("reserved".to_owned(), name.to_owned()), String::new());
        };
        let api = |address: &IpAddr| {
            self.hidden
                .apiserver
                .iter()
                .any(|net| net.contains(address))
        };
        match peer {
            End::Pod(pod) => return self.pod(pod),
            End::Proxy => reserved("ingress"),
            End::Outside { address, .. } => {
                reserved(match (self.hidden.dual, address) {
                    (false, _) => "world",
                    (true, IpAddr::V4(_)) => "world-ipv4",
                    (true, IpAddr::V6(_)) => "world-ipv6",
                });
                if api(address) {
                    reserved("kube-apiserver");
                }
            }
            End::Node(address) => {
                reserved(if self.hidden.own_node {
                    "host"
                } else {
                    "remote-node"
                });
                if api(address) {
                    reserved("kube-apiserver");
                }
                if self.dial.node_labels && (!self.hidden.own_node || self.hidden.unknown) {
                    for (key, value) in &self.hidden.node_labels {
                        labels.insert(("node".to_owned(), key.clone()), value.clone());
                    }
                    let key = ("k8s".to_owned(), CLUSTER.to_owned());
                    labels.insert(key, self.hidden.cluster.to_owned());
                }
            }
        }
        labels
    }
}
