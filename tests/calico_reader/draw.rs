//! Random flows at the edges of what the manifests of [`super::manifests`] mention, with all that Calico looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use vauban::model::{Cluster, Namespace};
use vauban::source::Span;
use vauban::space::{AddressSet, Direction, End, Flow, Pod, Traffic, Transport};

use super::generator::Random;
use super::interpreters::Seen;
use super::interpreters::calico_any::Hidden;
use super::manifests::{
    ACCOUNT_LABELS, ACCOUNTS, LABELS, NAMESPACE_LABELS, NAMESPACES, NETS, PORT_NAMES,
};

const PODS: [&str; 2] = ["10.244.0.0/16", "fd00:10:244::/56"];

/// What is known of a random cluster.
pub(crate) fn cluster(random: &mut Random) -> Cluster {
    let mut cluster = Cluster::unknown();
    let nets = |nets: &[&str]| {
        nets.iter().fold(AddressSet::empty(), |all, net| {
            all.union(&AddressSet::of(net.parse().unwrap()))
        })
    };
    match random.below(5) {
        0 => {}
        1 => cluster.pods = Some(nets(&PODS[..1])),
        2 => {
            cluster.pods = Some(nets(&PODS[..1]));
            cluster.ipv6_none = true;
        }
        3 => {
            cluster.pods = Some(nets(&PODS[1..]));
            cluster.ipv4_none = true;
        }
        _ => cluster.pods = Some(nets(&PODS)),
    }
    cluster
}

/// The namespaces that are declared.
pub(crate) fn namespaces(span: Span) -> Vec<Namespace> {
    [
        ("blue", &[("env", "prod"), ("team", "x")][..]),
        ("red", &[("env", "dev")]),
    ]
    .map(|(name, labels)| Namespace {
        name: name.into(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        span,
    })
    .to_vec()
}

fn labels(random: &mut Random, known: &[(&str, &[&str])]) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (key, values) in known {
        let at = random.below(values.len() + 3);
        if at < values.len() {
            labels.insert((*key).to_owned(), values[at].to_owned());
        } else if at == values.len() {
            labels.insert((*key).to_owned(), "other".to_owned());
        }
    }
    labels
}

fn pod(random: &mut Random, namespaces: &BTreeMap<String, BTreeMap<String, String>>) -> Pod {
    let namespace = *random.pick(NAMESPACES);
    let small = |labels: &BTreeMap<String, String>| {
        let one = |(key, value): (&String, &String)| (key.as_str().into(), value.as_str().into());
        labels.iter().map(one).collect()
    };
    let mut named_ports = BTreeMap::new();
    for name in PORT_NAMES {
        if random.chance(60) {
            let transport = *random.pick(&Transport::ALL);
            let port = *random.pick(&[80, 8080, 53]);
            named_ports.insert((transport, (*name).into()), port);
        }
    }
    Pod {
        namespace: namespace.into(),
        namespace_labels: small(&namespaces[namespace]),
        labels: small(&labels(random, LABELS)),
        service_account: (*random.pick(ACCOUNTS)).into(),
        named_ports,
    }
}

/// An address of a family at the edge of some network.
fn edge(random: &mut Random, family: usize) -> IpAddr {
    let net: IpNet = random.pick(NETS[family]).parse().unwrap();
    let set = AddressSet::of(net);
    let next = |address: u128, back: bool| match (back, family) {
        (true, _) => address.saturating_sub(1),
        (false, 0) => (address + 1).min(u128::from(u32::MAX)),
        (false, _) => address.saturating_add(1),
    };
    let (low, high) = match net {
        IpNet::V4(_) => set.v4.iter().next().map(|(a, b)| (a.into(), b.into())),
        IpNet::V6(_) => set.v6.iter().next(),
    }
    .unwrap();
    let at: u128 = match random.below(5) {
        0 => next(low, true),
        1 => next(high, false),
        2 => high,
        3 => low,
        _ => next(low, false).min(high),
    };
    if family == 0 {
        IpAddr::V4((at as u32).into())
    } else {
        IpAddr::V6(at.into())
    }
}

fn of_pod(random: &mut Random, family: usize, cluster: &Cluster) -> IpAddr {
    let range = cluster.pods.clone().unwrap_or_default();
    let known = if family == 0 {
        !range.v4.is_empty()
    } else {
        !range.v6.is_empty()
    };
    loop {
        let address = edge(random, family);
        if !known || range.contains(address) {
            return address;
        }
    }
}

/// A flow, and what the model does not know of it.
pub(crate) fn flow(random: &mut Random, cluster: &Cluster) -> (Seen, Hidden) {
    let family = match (cluster.ipv4_none, cluster.ipv6_none) {
        (true, false) => 1,
        (false, true) => 0,
        _ => random.below(2),
    };
    let mut all = BTreeMap::new();
    for name in NAMESPACES {
        all.insert((*name).to_owned(), labels(random, NAMESPACE_LABELS));
    }
    let own = |pairs: &[(&str, &str)]| {
        let one = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(one).collect()
    };
    all.insert("blue".to_owned(), own(&[("env", "prod"), ("team", "x")]));
    all.insert("red".to_owned(), own(&[("env", "dev")]));
    let subject = pod(random, &all);
    let mut hidden = Hidden {
        source_port: *random.pick(&[80, 443, 40_000]),
        accounts: labels(random, ACCOUNT_LABELS),
        services: random.chance(50),
        http: random.chance(50),
        ..Hidden::default()
    };
    let (peer, peer_address) = match random.below(10) {
        0..=4 => {
            let address = of_pod(random, family, cluster);
            (End::Pod(pod(random, &all)), address)
        }
        5 | 6 => {
            let address = edge(random, family);
            if random.chance(50) {
                hidden.host = Some(labels(random, LABELS));
                hidden.host_port = random
                    .chance(50)
                    .then(|| (*random.pick(PORT_NAMES)).to_owned());
            }
            (End::Node(address), address)
        }
        _ => {
            let address = edge(random, family);
            let names = BTreeSet::new();
            (End::Outside { address, names }, address)
        }
    };
    hidden.namespaces = all;
    let transport = *random.pick(&[
        Transport::Tcp,
        Transport::Tcp,
        Transport::Udp,
        Transport::Sctp,
    ]);
    let port = *random.pick(&[1, 53, 79, 80, 443, 7999, 8000, 8080, 9000, 9001, 65535]);
    let message = (
        *random.pick(&[0, 3, 8, 128, 255]),
        *random.pick(&[0, 1, 2, 255]),
    );
    let traffic = match random.below(10) {
        0 if family == 0 => Traffic::Icmp(message.0, message.1),
        0 => Traffic::Icmpv6(message.0, message.1),
        1 => Traffic::Protocol(*random.pick(&[47, 136, 0, 255])),
        _ => Traffic::Port(transport, port),
    };
    let seen = Seen {
        flow: Flow {
            direction: *random.pick(&Direction::BOTH),
            subject,
            peer,
            traffic,
        },
        subject_address: of_pod(random, family, cluster),
        peer_address,
        resolved: Vec::new(),
        foreign_labels: Vec::new(),
    };
    (seen, hidden)
}

/// What the model does not know of a flow that was drawn for a program.
pub(crate) fn hidden_of(seen: &Seen) -> Hidden {
    let mut hidden = Hidden {
        source_port: 40_000,
        ..Hidden::default()
    };
    let mut know = |pod: &Pod| {
        let labels = pod.namespace_labels.iter();
        let labels = labels.map(|(key, value)| (key.to_string(), value.to_string()));
        hidden
            .namespaces
            .insert(pod.namespace.to_string(), labels.collect());
    };
    if let End::Pod(pod) = &seen.flow.peer {
        know(pod);
    }
    know(&seen.flow.subject);
    if matches!(seen.flow.peer, End::Node(_)) {
        hidden.host = Some(seen.foreign_labels.iter().cloned().collect());
        hidden.host_port = Some("http".to_owned());
    }
    hidden
}
