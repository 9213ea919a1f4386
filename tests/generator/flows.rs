//! Random flows at the edges of what programs mention.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vauban::model::Target;
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

use super::Random;
use super::project::{Endpoint, Label, Place, Policy, Ports, Project, Rule, What};
use super::random::{ACCOUNTS, Dial, HOSTS, LABELS, NAMESPACE_LABELS, NETS, NETS6, PORT_NAMES};
use crate::interpreters::Seen;

const PORTS: &[u16] = &[
    1, 2, 21, 22, 23, 52, 53, 54, 79, 80, 81, 442, 443, 5432, 7999, 8000, 8001, 8079, 8080, 8081,
    9089, 9090, 9091, 65534, 65535, 30000,
];

/// A random flow that the target can see.
pub fn flow(random: &mut Random, project: &Project, dial: &Dial) -> Seen {
    let cluster = &project.cluster;
    let dual = cluster.pods.iter().any(|net| net.addr().is_ipv6())
        || cluster.pods.is_empty() && !cluster.ipv6_none;
    let v6 = dual && random.chance(35);
    let mut direction = *random.pick(&Direction::BOTH);
    let mut subject = pod(
        random,
        project,
        dial.target == Target::Kubernetes || cluster.closed,
    );
    let mut other = pod(random, project, cluster.closed);
    let mut port = None;
    // Most flows are drawn towards some rules: the subject, the other end and the port each from one that need not be the same.
    if random.chance(75)
        && let Some((towards, policy, rule)) = aim(random, project)
    {
        direction = towards;
        for endpoint in &policy.subject {
            if random.chance(80) {
                suit(random, project, endpoint, &mut subject, None);
            }
        }
        let mut rule = rule;
        if random.chance(50)
            && let Some((same, another, more)) = aim(random, project)
            && same == direction
        {
            if let Some(endpoint) = another.subject.first().filter(|_| random.chance(50)) {
                suit(random, project, endpoint, &mut subject, None);
            }
            rule = more;
        }
        if let Some(rule) = rule {
            let own = subject.clone();
            match &rule.what {
                What::Ports(ports) => port = Some(near(random, project, ports)),
                What::Services(names) => {
                    for service in project
                        .services
                        .iter()
                        .filter(|service| names.contains(&service.name))
                    {
                        for (ports, endpoints) in &service.parts {
                            port = Some(near(random, project, ports));
                            if direction == Direction::Egress {
                                suit(random, project, &endpoints[0], &mut other, Some(&own));
                            }
                        }
                    }
                }
            }
            for endpoint in rule.peers.iter().flatten() {
                suit(random, project, endpoint, &mut other, Some(&own));
            }
        }
        if random.chance(25) {
            let at = random.below(LABELS.len());
            let pod = if random.chance(50) {
                &mut subject
            } else {
                &mut other
            };
            let fresh = labels(random, &LABELS[at..=at]);
            pod.labels.remove(LABELS[at].0);
            pod.labels.extend(fresh);
        }
    }
    let (peer, resolved) = match random.below(20) {
        0..=9 => (End::Pod(other), Vec::new()),
        10..=12 => (
            End::Node(node(random, project, dial, direction, v6)),
            Vec::new(),
        ),
        13 if dial.target == Target::Cilium => (End::Proxy, Vec::new()),
        _ => outside(random, project, dial, v6),
    };
    let peer_address = match &peer {
        End::Pod(_) | End::Proxy => in_range(
            random,
            &cluster.pods,
            v6,
            "10.244.0.0/16",
            "fd00:10:244::/56",
        ),
        End::Node(address) | End::Outside { address, .. } => *address,
    };
    let subject_address = in_range(
        random,
        &cluster.pods,
        v6,
        "10.244.0.0/16",
        "fd00:10:244::/56",
    );
    let destination = match (direction, &peer) {
        (Direction::Ingress, _) => Some(&subject),
        (_, End::Pod(pod)) => Some(pod),
        _ => None,
    };
    let traffic = match port
        .flatten()
        .filter(|traffic| visible(project, dial, v6, *traffic))
    {
        Some(traffic) if random.chance(80) => traffic,
        _ => traffic(random, project, dial, v6, destination),
    };
    let foreign_labels = match &peer {
        End::Pod(_) => Vec::new(),
        _ => foreign(random),
    };
    Seen {
        flow: Flow {
            direction,
            subject,
            peer,
            traffic,
        },
        subject_address,
        peer_address,
        resolved,
        foreign_labels,
    }
}

/// Some policy, a direction of it and, unless that is closed, a rule.
fn aim<'a>(
    random: &mut Random,
    project: &'a Project,
) -> Option<(Direction, &'a Policy, Option<&'a Rule>)> {
    let policies: Vec<&Policy> = project.policies.iter().chain(&project.default).collect();
    if policies.is_empty() {
        return None;
    }
    let policy = *random.pick(&policies);
    let ways: Vec<(Direction, &Vec<Rule>)> = [
        (Direction::Ingress, &policy.ingress),
        (Direction::Egress, &policy.egress),
    ]
    .into_iter()
    .filter_map(|(direction, rules)| Some((direction, rules.as_ref()?)))
    .collect();
    if ways.is_empty() {
        return None;
    }
    let (direction, rules) = *random.pick(&ways);
    let rule = (!rules.is_empty()).then(|| random.pick(rules));
    Some((direction, policy, rule))
}

/// Changes a pod so that an endpoint has it, as far as that can be.
fn suit(
    random: &mut Random,
    project: &Project,
    endpoint: &Endpoint,
    pod: &mut Pod,
    subject: Option<&Pod>,
) {
    match endpoint {
        Endpoint::Pods(labels, place) => {
            settle(random, project, place, pod, subject);
            wear(random, LABELS, labels, &mut pod.labels);
        }
        Endpoint::Account(name, place) => {
            settle(random, project, place, pod, subject);
            pod.service_account = name.into();
        }
        Endpoint::Group(name) => {
            let group = project.groups.iter().find(|(known, _)| known == name);
            if let Some(one) = group.and_then(|(_, endpoints)| endpoints.first()) {
                suit(random, project, one, pod, subject);
            }
        }
        Endpoint::Except(base, holes) => {
            suit(random, project, base, pod, subject);
            if random.chance(40) {
                suit(random, project, &holes[0], pod, subject);
            }
        }
        _ => {}
    }
}

fn settle(
    random: &mut Random,
    project: &Project,
    place: &Place,
    pod: &mut Pod,
    subject: Option<&Pod>,
) {
    let name = match place {
        Place::Names(names) => random.pick(names).clone(),
        Place::Labels(labels) => {
            let fits: Vec<&String> = project
                .namespaces
                .iter()
                .filter(|(_, has)| {
                    let mut wanted = has
                        .iter()
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect();
                    let before: BTreeMap<smol_str::SmolStr, smol_str::SmolStr> = wanted;
                    wanted = before.clone();
                    wear(&mut Random::new(1), NAMESPACE_LABELS, labels, &mut wanted);
                    wanted == before
                })
                .map(|(name, _)| name)
                .collect();
            if fits.is_empty() {
                return;
            }
            (*random.pick(&fits)).clone()
        }
        Place::Same => match subject {
            Some(subject) => subject.namespace.to_string(),
            None => return,
        },
        Place::All => return,
    };
    if let Some((_, labels)) = project.namespaces.iter().find(|(known, _)| *known == name) {
        pod.namespace = name.into();
        pod.namespace_labels = labels
            .iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
    }
}

fn wear(
    random: &mut Random,
    known: &[(&str, &[&str])],
    labels: &[Label],
    on: &mut BTreeMap<smol_str::SmolStr, smol_str::SmolStr>,
) {
    for label in labels {
        match label {
            Label::Is(key, value) => {
                on.insert(key.into(), value.into());
            }
            Label::In(key, values) => {
                let worn = on.get(key.as_str());
                if !worn.is_some_and(|has| values.iter().any(|value| value == has)) {
                    on.insert(key.into(), random.pick(values).into());
                }
            }
            Label::Has(key) => {
                let values = known
                    .iter()
                    .find(|(name, _)| name == key)
                    .map_or(&["x"][..], |(_, values)| values);
                let value = *random.pick(values);
                on.entry(key.into()).or_insert_with(|| value.into());
            }
            Label::Not(key, value) if on.get(key.as_str()).is_some_and(|has| has == value) => {
                on.remove(key.as_str());
            }
            Label::NotIn(key, values)
                if on
                    .get(key.as_str())
                    .is_some_and(|has| values.iter().any(|value| value == has)) =>
            {
                on.remove(key.as_str());
            }
            Label::Lacks(key) => {
                on.remove(key.as_str());
            }
            _ => {}
        }
    }
}

/// Traffic in a list of ports, or just beside it.
fn near(random: &mut Random, project: &Project, ports: &[Ports]) -> Option<Traffic> {
    match random.pick(ports) {
        Ports::Range(transport, low, high) => {
            let port = match random.below(6) {
                0 => low.saturating_sub(1).max(1),
                1 => high.saturating_add(1),
                2 | 3 => *high,
                _ => *low,
            };
            Some(Traffic::Port(*transport, port))
        }
        Ports::Icmp(v6, message) => {
            let (kind, code) = message.map_or((8, 0), |(kind, code)| (kind, code.unwrap_or(1)));
            Some(if *v6 {
                Traffic::Icmpv6(kind, code)
            } else {
                Traffic::Icmp(kind, code)
            })
        }
        Ports::Protocol(number) => Some(Traffic::Protocol(*number)),
        Ports::Name(name) => {
            let (_, ports) = project.ports.iter().find(|(known, _)| known == name)?;
            near(random, project, ports)
        }
        Ports::All | Ports::Named(..) | Ports::Parameter => None,
    }
}

/// Whether the target can see such traffic, in this family.
fn visible(project: &Project, dial: &Dial, v6: bool, traffic: Traffic) -> bool {
    let has = |fact: &str| project.cluster.facts.iter().any(|one| one == fact);
    match traffic {
        Traffic::Port(Transport::Sctp, _) => dial.target == Target::Calico || has("sctp"),
        Traffic::Port(..) => true,
        Traffic::Icmp(..) => dial.target != Target::Kubernetes && !v6,
        Traffic::Icmpv6(..) => dial.target != Target::Kubernetes && v6,
        Traffic::Protocol(number) => match dial.target {
            Target::Calico => true,
            Target::Kubernetes => false,
            Target::Cilium => {
                has("extended-protocols")
                    && dial.version >= (1, 20)
                    && [47, 4, 41, 50, 51].contains(&number)
            }
        },
    }
}

/// Labels that some host endpoint, network set or node may carry.
pub fn foreign(random: &mut Random) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (key, values) in LABELS.iter().chain(NAMESPACE_LABELS) {
        // Calico keeps these for itself.
        let reserved = key.starts_with("projectcalico.org/") || key.starts_with("pcns.");
        if !reserved && random.chance(50) {
            labels.push(((*key).to_owned(), random.pick(values).to_string()));
        }
    }
    if random.chance(50) {
        labels.push(("kubernetes.io/hostname".to_owned(), "n1".to_owned()));
    }
    labels
}

fn labels(
    random: &mut Random,
    known: &[(&str, &[&str])],
) -> BTreeMap<smol_str::SmolStr, smol_str::SmolStr> {
    let mut labels = BTreeMap::new();
    for (key, values) in known {
        let at = random.below(values.len() + 2);
        if at < values.len() {
            labels.insert((*key).into(), values[at].into());
        } else if at == values.len() && random.chance(40) {
            labels.insert((*key).into(), "fresh".into());
        }
    }
    if random.chance(10) {
        labels.insert("fresh-key".into(), "x".into());
    }
    labels
}

fn pod(random: &mut Random, project: &Project, declared: bool) -> Pod {
    let mut named_ports = BTreeMap::new();
    for name in PORT_NAMES {
        if random.chance(60) {
            named_ports.insert(
                (Transport::Tcp, (*name).into()),
                *random.pick(&[80, 8080, 9090]),
            );
        }
        if random.chance(15) {
            named_ports.insert((Transport::Udp, (*name).into()), *random.pick(&[80, 53]));
        }
    }
    let (namespace, namespace_labels) = if declared || random.chance(80) {
        let (name, labels) = random.pick(&project.namespaces);
        let mut labels: BTreeMap<_, _> = labels
            .iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        if random.chance(10) {
            labels.insert("unmentioned".into(), "yes".into());
        }
        (name.into(), labels)
    } else {
        ("wild".into(), labels(random, NAMESPACE_LABELS))
    };
    Pod {
        namespace,
        namespace_labels,
        labels: labels(random, LABELS),
        service_account: if random.chance(15) {
            "fresh".into()
        } else {
            (*random.pick(ACCOUNTS)).into()
        },
        named_ports,
    }
}

fn first(net: &IpNet) -> IpAddr {
    net.network()
}

fn last(net: &IpNet) -> IpAddr {
    net.broadcast()
}

fn step(address: IpAddr, up: bool) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let number = u32::from(address);
            IpAddr::V4(Ipv4Addr::from(if up {
                number.saturating_add(1)
            } else {
                number.saturating_sub(1)
            }))
        }
        IpAddr::V6(address) => {
            let number = u128::from(address);
            IpAddr::V6(Ipv6Addr::from(if up {
                number.saturating_add(1)
            } else {
                number.saturating_sub(1)
            }))
        }
    }
}

fn inside(random: &mut Random, net: &IpNet) -> IpAddr {
    match random.below(3) {
        0 => first(net),
        1 => last(net),
        _ => match (first(net), last(net)) {
            (IpAddr::V4(low), IpAddr::V4(high)) => {
                let (low, high) = (u32::from(low), u32::from(high));
                let offset = u64::from(high - low) + 1;
                IpAddr::V4(Ipv4Addr::from(low + (random.next() % offset) as u32))
            }
            (low, _) => match low {
                IpAddr::V6(low) => {
                    let host = 128 - u32::from(net.prefix_len());
                    let noise = u128::from(random.next()) << 64 | u128::from(random.next());
                    let mask = if host >= 128 {
                        u128::MAX
                    } else {
                        (1u128 << host) - 1
                    };
                    IpAddr::V6(Ipv6Addr::from(u128::from(low) | noise & mask))
                }
                low => low,
            },
        },
    }
}

fn in_range(random: &mut Random, ranges: &[IpNet], v6: bool, four: &str, six: &str) -> IpAddr {
    let fitting: Vec<&IpNet> = ranges
        .iter()
        .filter(|net| net.addr().is_ipv6() == v6)
        .collect();
    if fitting.is_empty() {
        let net: IpNet = if v6 { six } else { four }.parse().expect("a CIDR");
        return inside(random, &net);
    }
    let net = **random.pick(&fitting);
    inside(random, &net)
}

fn node(
    random: &mut Random,
    project: &Project,
    dial: &Dial,
    direction: Direction,
    v6: bool,
) -> IpAddr {
    let cluster = &project.cluster;
    let has = |fact: &str| cluster.facts.iter().any(|one| one == fact);
    // IP in IP carries IPv4 only; IPv6 goes unencapsulated there.
    let overlay = has("overlay vxlan") || has("overlay ipip") && !v6;
    let tunnels = dial.target == Target::Calico || dial.cni == Some("calico");
    // On an overlay the source of a node's traffic is the tunnel's address, which lies among the pods'.
    if overlay && tunnels && direction == Direction::Ingress && random.chance(40) {
        return in_range(
            random,
            &cluster.pods,
            v6,
            "10.244.0.0/16",
            "fd00:10:244::/56",
        );
    }
    if let Some(api) = cluster
        .apiserver
        .iter()
        .find(|api| api.is_ipv6() == v6 && cluster.nodes.iter().any(|net| net.contains(*api)))
        && random.chance(25)
    {
        return *api;
    }
    in_range(
        random,
        &cluster.nodes,
        v6,
        "192.168.10.0/24",
        "fd00:192::/64",
    )
}

fn outside(random: &mut Random, project: &Project, dial: &Dial, v6: bool) -> (End, Vec<String>) {
    let cluster = &project.cluster;
    let bounds: Vec<&IpNet> = [&cluster.pods, &cluster.services, &cluster.nodes]
        .into_iter()
        .flatten()
        .collect();
    let pool: Vec<IpNet> = if v6 { NETS6 } else { NETS }
        .iter()
        .map(|text| text.parse().expect("a CIDR"))
        .chain(
            bounds
                .iter()
                .map(|net| **net)
                .filter(|net| net.addr().is_ipv6() == v6),
        )
        .collect();
    let feed = project.networks.iter().find(|(name, _)| name == "feed");
    let feed = feed.map_or(&[][..], |(_, nets)| &nets[..2]);
    let pool: Vec<IpNet> = pool
        .into_iter()
        .chain(feed.iter().filter(|_| !v6).filter_map(|one| match one {
            Endpoint::Net(net) => Some(*net),
            _ => None,
        }))
        .collect();
    let mut address = None;
    for _ in 0..20 {
        let net = random.pick(&pool);
        let tried = match random.below(6) {
            0 => step(first(net), false),
            1 => step(last(net), true),
            2 if !cluster.apiserver.is_empty() => *random.pick(&cluster.apiserver),
            _ => inside(random, net),
        };
        // A node's address is a node's; elsewhere in the ranges of the cluster only Cilium tells pods and nodes from the rest.
        let bounded = bounds.iter().any(|net| net.contains(&tried));
        let fits = tried.is_ipv6() == v6
            && (!bounded || dial.target == Target::Cilium && !cluster.apiserver.contains(&tried));
        if fits {
            address = Some(tried);
            break;
        }
    }
    let address = address.unwrap_or_else(|| {
        if v6 {
            "2001:db8:ffff::1"
        } else {
            "198.51.100.1"
        }
        .parse()
        .expect("an address")
    });
    let mut names = BTreeSet::new();
    let mut resolved = Vec::new();
    if random.chance(40) {
        let real = [
            "api.example.com",
            "x.example.com",
            "a.b.example.com",
            "example.com",
            "example.org",
            "a.example.org",
            "a.b.example.org",
            "api.example.comx",
        ];
        let name = *random.pick(&real);
        resolved.push(name.to_owned());
        for host in HOSTS {
            let covered = if let Some(rest) = host.strip_prefix("**.") {
                name.strip_suffix(rest)
                    .is_some_and(|head| head.len() > 1 && head.ends_with('.'))
            } else if let Some(rest) = host.strip_prefix("*.") {
                name.split_once('.')
                    .is_some_and(|(head, tail)| !head.is_empty() && tail == rest)
            } else {
                *host == name
            };
            if covered {
                names.insert((*host).into());
            }
        }
    }
    (End::Outside { address, names }, resolved)
}

fn traffic(
    random: &mut Random,
    project: &Project,
    dial: &Dial,
    v6: bool,
    destination: Option<&Pod>,
) -> Traffic {
    let has = |fact: &str| project.cluster.facts.iter().any(|one| one == fact);
    if dial.target != Target::Kubernetes && random.chance(15) {
        // Type 255 cannot be said on Calico, codes not on Cilium, where type 3 code 4 always passes.
        let kind = *random.pick(&[0, 3, 8, 9, 254]);
        let code = *random.pick(&[0, 3, 255]);
        return if v6 {
            Traffic::Icmpv6(kind, code)
        } else {
            Traffic::Icmp(kind, code)
        };
    }
    let numbers: &[u8] = match dial.target {
        Target::Calico => &[47, 4, 112, 50, 2, 0, 255],
        Target::Cilium if has("extended-protocols") && dial.version >= (1, 20) => &[47, 4, 50, 51],
        _ => &[],
    };
    if !numbers.is_empty() && random.chance(8) {
        return Traffic::Protocol(*random.pick(numbers));
    }
    let sctp = dial.target == Target::Calico || has("sctp");
    let transport = match random.below(8) {
        0 | 1 => Transport::Udp,
        2 if sctp => Transport::Sctp,
        _ => Transport::Tcp,
    };
    let named: Vec<u16> = destination
        .iter()
        .flat_map(|pod| pod.named_ports.values().copied())
        .collect();
    let port = if !named.is_empty() && random.chance(35) {
        *random.pick(&named)
    } else if random.chance(5) {
        1 + random.below(65535) as u16
    } else {
        *random.pick(PORTS)
    };
    Traffic::Port(transport, port)
}
