//! Flows as tables write them: `SUBJECT < PEER TRAFFIC` (ingress) or `SUBJECT > PEER TRAFFIC` (egress).
//!
//! A pod is `NAMESPACE/LABELS`, labels joined by commas, `@name` its service account, `name:80` a TCP port that it names.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

/// The namespaces that are known, and their labels.
pub const SPACES: [(&str, &[(&str, &str)]); 3] = [
    ("data", &[("env", "dev")]),
    ("shop", &[("env", "prod")]),
    ("wild", &[]),
];

fn pod(text: &str) -> Pod {
    let (namespace, rest) = text.split_once('/').unwrap();
    let known = SPACES.iter().find(|(name, _)| *name == namespace);
    let mut pod = Pod {
        namespace: namespace.into(),
        namespace_labels: known
            .into_iter()
            .flat_map(|(_, labels)| labels.iter())
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        labels: BTreeMap::new(),
        service_account: "default".into(),
        named_ports: BTreeMap::new(),
    };
    for part in rest.split(',').filter(|part| !part.is_empty()) {
        if let Some(account) = part.strip_prefix('@') {
            pod.service_account = account.into();
        } else if let Some((key, value)) = part.split_once('=') {
            pod.labels.insert(key.into(), value.into());
        } else {
            let (name, port) = part.split_once(':').unwrap();
            let key = (Transport::Tcp, SmolStr::new(name));
            pod.named_ports.insert(key, port.parse().unwrap());
        }
    }
    pod
}

fn end(text: &str) -> End {
    if text == "proxy" {
        return End::Proxy;
    }
    if let Some(address) = text.strip_prefix("node:") {
        return End::Node(address.parse().unwrap());
    }
    if text.contains('/') {
        return End::Pod(pod(text));
    }
    let mut parts = text.split('~');
    End::Outside {
        address: parts.next().unwrap().parse().unwrap(),
        names: parts.map(SmolStr::new).collect(),
    }
}

/// A flow as it is written.
pub fn flow(text: &str) -> Flow {
    let words: Vec<&str> = text.split(' ').collect();
    let [subject, way, peer, protocol, number] = words[..] else {
        panic!("not a flow: {text}");
    };
    let port = |transport| Traffic::Port(transport, number.parse().unwrap());
    Flow {
        direction: match way {
            "<" => Direction::Ingress,
            ">" => Direction::Egress,
            _ => panic!("not a way: {text}"),
        },
        subject: pod(subject),
        peer: end(peer),
        traffic: match protocol {
            "tcp" => port(Transport::Tcp),
            "udp" => port(Transport::Udp),
            "sctp" => port(Transport::Sctp),
            "icmp" => Traffic::Icmp(number.parse().unwrap(), 0),
            "icmpv6" => Traffic::Icmpv6(number.parse().unwrap(), 0),
            _ => Traffic::Protocol(number.parse().unwrap()),
        },
    }
}
