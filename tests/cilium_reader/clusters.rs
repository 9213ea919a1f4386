//! What drawn manifests run on: facts of a cluster, said or settled at random, and flows at the boundaries of what they mention.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use smol_str::SmolStr;
use vauban::model::{Cluster, Namespace};
use vauban::source::{FileId, Span};
use vauban::space::{AddressSet, Direction, End, Flow, Pod, Traffic, Transport};

use super::draw::{ACCOUNTS, Dial, HOSTS, KEYS, NAMES, NETS, SPACES, VALUES};
use super::engine::{Engine, Hidden};
use crate::generator::Random;

fn addresses(nets: &[&str]) -> AddressSet {
    nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    })
}

/// The namespaces that manifests speak of.
pub fn namespaces() -> Vec<Namespace> {
    SPACES
        .iter()
        .map(|(name, labels)| Namespace {
            name: (*name).into(),
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            span: Span {
                file: FileId(0),
                start: 0,
                end: 0,
            },
        })
        .collect()
}

/// What is said of a cluster, and what is left open.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Both families, IPv4 only, or not said.
    pub families: usize,
    /// Whether the addresses of the API server are said.
    pub apiserver: bool,
}

/// A cluster of which so much is said.
pub fn cluster(facts: Facts, dial: Dial) -> Cluster {
    let four = "10.244.0.0/16";
    Cluster {
        pods: match facts.families {
            0 => Some(addresses(&[four, "fd00:10:244::/56"])),
            1 => Some(addresses(&[four])),
            _ => None,
        },
        ipv6_none: facts.families == 1,
        nodes: Some(addresses(&["192.168.10.0/24", "fd00:192::/64"])),
        apiserver: facts
            .apiserver
            .then(|| addresses(&["192.168.10.1/32", "172.16.0.1/32"])),
        sctp: true,
        node_labels: dial.node_labels,
        extended_protocols: dial.extended,
        ..Cluster::unknown()
    }
}

/// A pod at random.
pub fn pod(random: &mut Random) -> Pod {
    let (namespace, labels) = *random.pick(&SPACES);
    let mut pod = Pod {
        namespace: namespace.into(),
        namespace_labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        labels: BTreeMap::new(),
        service_account: (*random.pick(&ACCOUNTS)).into(),
        named_ports: BTreeMap::new(),
    };
    for key in KEYS {
        if random.chance(50) {
            let value = *random.pick(&VALUES);
            pod.labels.insert(key.into(), value.into());
        }
    }
    for name in ["http", "metrics"] {
        for transport in [Transport::Tcp, Transport::Udp] {
            if random.chance(50) {
                let key = (transport, SmolStr::new(name));
                pod.named_ports.insert(key, *random.pick(&[80, 8080]));
            }
        }
    }
    pod
}

/// An address of a family at the edge of some CIDR.
fn address(random: &mut Random, v6: bool) -> IpAddr {
    loop {
        let net: IpNet = random.pick(&NETS).parse().unwrap();
        let mut address = match random.below(3) {
            0 => net.network(),
            1 => net.broadcast(),
            _ if v6 => "2001:db8::9".parse().unwrap(),
            _ => (*random.pick(&["203.0.113.70", "198.51.100.1", "172.16.0.1"]))
                .parse()
                .unwrap(),
        };
        if let (IpAddr::V4(four), true) = (address, random.chance(20)) {
            address = IpAddr::V4((u32::from(four).wrapping_add(1)).into());
        }
        if address.is_ipv6() == v6 {
            return address;
        }
    }
}

/// Settles what the facts leave open, and the family of a flow: whether it is IPv6.
pub fn hidden(random: &mut Random, facts: Facts) -> (Hidden, bool) {
    // Dual, IPv4 only, IPv6 only.
    let families = match facts.families {
        2 => random.below(3),
        known => known,
    };
    let v6 = match families {
        0 => random.chance(40),
        1 => false,
        _ => true,
    };
    let apiserver: Vec<IpNet> = if facts.apiserver {
        vec!["192.168.10.1/32", "172.16.0.1/32"]
    } else {
        let some = [
            "192.168.10.0/25",
            "203.0.113.64/26",
            "2001:db8::7/128",
            "172.16.0.1/32",
        ];
        some.into_iter().filter(|_| random.chance(40)).collect()
    }
    .into_iter()
    .map(|net| net.parse().unwrap())
    .collect();
    let mut node_labels = Vec::new();
    for key in KEYS {
        if random.chance(40) {
            node_labels.push((key.to_owned(), (*random.pick(&VALUES)).to_owned()));
        }
    }
    let hidden = Hidden {
        own_node: random.chance(40),
        cluster: ["default", "west"][random.below(2)],
        dual: families == 0,
        apiserver,
        unknown: random.chance(50),
        authenticated: random.chance(50),
        table: random.chance(50).then(|| *random.pick(&[80, 8080])),
        node_labels,
        resolved: HOSTS.into_iter().filter(|_| random.chance(25)).collect(),
    };
    (hidden, v6)
}

/// A flow at the boundaries of what manifests mention.
pub fn flow(random: &mut Random, engine: &Engine<'_>, v6: bool) -> Flow {
    let peer = match random.below(20) {
        0..=9 => End::Pod(pod(random)),
        10..=12 => End::Node(if v6 {
            "fd00:192::7".parse().unwrap()
        } else {
            (*random.pick(&["192.168.10.1", "192.168.10.7"]))
                .parse()
                .unwrap()
        }),
        13 => End::Proxy,
        _ => {
            let mut names = std::collections::BTreeSet::new();
            for (_, text) in NAMES {
                let plain = text.trim_end_matches('.').to_ascii_lowercase();
                let matched = engine
                    .hidden
                    .resolved
                    .iter()
                    .any(|name| engine.named(text, name));
                let notation = match plain.as_str() {
                    "*" | "a*.example.com" => continue,
                    "**.example.com" if engine.dial.version < (1, 19) => "*.example.com",
                    plain => plain,
                };
                if matched {
                    names.insert(SmolStr::new(notation));
                }
            }
            End::Outside {
                address: address(random, v6),
                names,
            }
        }
    };
    let traffic = match random.below(10) {
        0 | 1 => {
            let kind = *random.pick(&[0, 3, 8, 11, 13, 44, 128, 129]);
            if v6 {
                Traffic::Icmpv6(kind, 0)
            } else {
                Traffic::Icmp(kind, 0)
            }
        }
        2 if engine.dial.extended => Traffic::Protocol(*random.pick(&[47, 50, 112])),
        _ => {
            let ports = [
                1, 7, 8, 9, 10, 53, 79, 80, 81, 82, 90, 91, 443, 8080, 8090, 65535,
            ];
            Traffic::Port(*random.pick(&Transport::ALL), *random.pick(&ports))
        }
    };
    Flow {
        direction: *random.pick(&Direction::BOTH),
        subject: pod(random),
        peer,
        traffic,
    }
}
