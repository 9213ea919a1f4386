//! The API's corners, one by one, and what its validator refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use vauban::backend::read::document::documents;
use vauban::backend::read::{self, Cidr, Context};
use vauban::diagnostic::Diagnostics;
use vauban::meaning::{Verdict, decide};
use vauban::model::{Cluster, Cni, Overlay, Target};
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

use super::{cluster, is_open, namespaces, read_text, refused, source};
use crate::interpreters::Seen;

/// `shop app=web`: a pod, its port `http` being TCP 8080.
fn pod(text: &str) -> Pod {
    let (namespace, labels) = text.split_once(' ').unwrap_or((text, ""));
    let namespace_labels = match namespace {
        "shop" => BTreeMap::from([("env".into(), "prod".into())]),
        _ => BTreeMap::new(),
    };
    Pod {
        namespace: namespace.into(),
        namespace_labels,
        labels: labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        service_account: "default".into(),
        named_ports: BTreeMap::from([((Transport::Tcp, "http".into()), 8080)]),
    }
}

/// `< pod data app=db | tcp 80`: into or out of `shop app=web`, the other end, the traffic.
fn flow(text: &str) -> Seen {
    let (ends, traffic) = text.split_once(" | ").unwrap();
    let (way, peer) = ends.split_once(' ').unwrap();
    let mut address: IpAddr = "10.244.0.9".parse().unwrap();
    let peer = match peer.split_once(' ') {
        Some(("pod", text)) => End::Pod(pod(text)),
        Some(("node", text)) => {
            address = text.parse().unwrap();
            End::Node(address)
        }
        _ if peer == "proxy" => End::Proxy,
        _ => {
            address = peer.parse().unwrap();
            let names = BTreeSet::new();
            End::Outside { address, names }
        }
    };
    let (word, number) = traffic.split_once(' ').unwrap();
    let number: u16 = number.parse().unwrap();
    Seen {
        flow: Flow {
            direction: match way {
                "<" => Direction::Ingress,
                _ => Direction::Egress,
            },
            subject: pod("shop app=web"),
            peer,
            traffic: match word {
                "tcp" => Traffic::Port(Transport::Tcp, number),
                "udp" => Traffic::Port(Transport::Udp, number),
                "sctp" => Traffic::Port(Transport::Sctp, number),
                _ => Traffic::Icmp(number as u8, 0),
            },
        },
        subject_address: "10.244.0.7".parse().unwrap(),
        peer_address: address,
        resolved: Vec::new(),
        foreign_labels: Vec::new(),
    }
}

fn object(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\n{spec}\n"
    )
}

/// `+` passes, `-` does not, `?` is not decided.
fn verdict(spec: &str, cluster: &Cluster, version: (u16, u16), cidr: Cidr, text: &str) -> char {
    let known = namespaces();
    let context = Context {
        version,
        cluster,
        namespaces: &known,
        cidr,
    };
    let (reading, said) = read_text(&object(spec), &context);
    assert!(said.is_empty(), "{spec}: {said:?}");
    let seen = flow(text);
    if is_open(&reading, &seen) {
        return '?';
    }
    match decide(&reading.program, &seen.flow).verdict {
        Verdict::Allow => '+',
        Verdict::Deny => '-',
    }
}

/// Flows, and what becomes of each.
type Flows<'t> = &'t [(char, &'t str)];

const IN: &str = "< pod data app=db | tcp 80";
const OUT: &str = "> pod data app=db | tcp 80";

#[test]
fn every_corner_of_the_api() {
    // A spec, and flows with what becomes of them.
    let table: &[(&str, Flows)] = &[
        // Without policyTypes: ingress always, egress if there is a rule for it.
        ("", &[('-', IN), ('+', OUT)]),
        ("spec:", &[('-', IN), ('+', OUT)]),
        ("spec: {}", &[('-', IN), ('+', OUT)]),
        ("spec: {egress: []}", &[('-', IN), ('+', OUT)]),
        (
            "spec: {policyTypes: [], egress: [{}]}",
            &[('-', IN), ('+', OUT)],
        ),
        (
            "spec: {egress: [{ports: [{port: 443}]}]}",
            &[('-', IN), ('-', OUT), ('+', "> pod data | tcp 443")],
        ),
        ("spec: {policyTypes: [Egress]}", &[('+', IN), ('-', OUT)]),
        (
            "spec: {policyTypes: [Ingress, Ingress]}",
            &[('-', IN), ('+', OUT)],
        ),
        // Rules of a direction that is not listed are ignored.
        (
            "spec: {policyTypes: [Egress], ingress: [{ports: [{port: 443}]}]}",
            &[('+', IN), ('-', OUT)],
        ),
        (
            "spec: {policyTypes: [Ingress], egress: [{ports: [{port: 443}]}]}",
            &[('-', IN), ('+', OUT)],
        ),
        // Nothing, and everything.
        ("spec: {ingress: }", &[('-', IN)]),
        ("spec: {ingress: []}", &[('-', IN)]),
        (
            "spec: {ingress: [{}]}",
            &[
                ('+', IN),
                ('+', "< 203.0.113.9 | tcp 1"),
                ('+', "< node 192.168.10.3 | udp 1"),
                ('+', "< proxy | tcp 80"),
                ('+', "< pod data | icmp 8"),
            ],
        ),
        ("spec: {ingress: [null]}", &[('+', IN)]),
        // `from` and `to` that are empty are everything, not only pods.
        (
            "spec: {ingress: [{from: []}]}",
            &[
                ('+', IN),
                ('+', "< 203.0.113.9 | tcp 1"),
                ('+', "< node 192.168.10.3 | tcp 1"),
            ],
        ),
        (
            "spec: {ingress: [{from: }]}",
            &[('+', IN), ('+', "< 203.0.113.9 | tcp 1")],
        ),
        (
            "spec: {egress: [{to: []}]}",
            &[('-', IN), ('+', OUT), ('+', "> 203.0.113.9 | tcp 1")],
        ),
        // `ports` that is empty is every protocol; an empty item of it is every port of TCP.
        (
            "spec: {ingress: [{ports: []}]}",
            &[
                ('+', IN),
                ('+', "< pod data | udp 1"),
                ('+', "< pod data | icmp 8"),
            ],
        ),
        (
            "spec: {ingress: [{ports: [{}]}]}",
            &[
                ('+', IN),
                ('-', "< pod data | udp 1"),
                ('-', "< pod data | icmp 8"),
            ],
        ),
        (
            "spec: {ingress: [{ports: [null]}]}",
            &[('+', IN), ('-', "< pod data | sctp 1")],
        ),
        (
            "spec: {ingress: [{ports: [{protocol: UDP}]}]}",
            &[('-', IN), ('+', "< pod data | udp 1")],
        ),
        (
            "spec: {ingress: [{ports: [{port: 80}, {port: 53, protocol: UDP}]}]}",
            &[
                ('+', IN),
                ('-', "< pod data | tcp 53"),
                ('+', "< pod data | udp 53"),
            ],
        ),
        ("spec: {ingress: [{ports: [{port: 80.0}]}]}", &[('+', IN)]),
        (
            "spec: {ingress: [{ports: [{port: 79, endPort: 80}]}]}",
            &[
                ('+', IN),
                ('+', "< pod data | tcp 79"),
                ('-', "< pod data | tcp 81"),
                ('-', "< pod data | udp 80"),
            ],
        ),
        (
            "spec: {ingress: [{ports: [{port: 80, endPort: 80}]}]}",
            &[('+', IN)],
        ),
        // A named port is one of the destination pod, whichever pod that is, and of the protocol.
        (
            "spec: {ingress: [{ports: [{port: http}]}]}",
            &[
                ('-', IN),
                ('+', "< pod data | tcp 8080"),
                ('-', "< pod data | udp 8080"),
            ],
        ),
        (
            "spec: {egress: [{ports: [{port: http}]}]}",
            &[
                ('-', OUT),
                ('+', "> pod data | tcp 8080"),
                ('-', "> 203.0.113.9 | tcp 8080"),
                ('-', "> node 192.168.10.3 | tcp 8080"),
            ],
        ),
        (
            "spec: {ingress: [{ports: [{port: none}]}]}",
            &[('-', IN), ('-', "< pod data | tcp 8080")],
        ),
        (
            "spec: {ingress: [{ports: [{port: http, protocol: UDP}]}]}",
            &[('-', "< pod data | tcp 8080")],
        ),
        // The subject.
        ("spec: {podSelector: }", &[('-', IN)]),
        ("spec: {podSelector: {matchLabels: }}", &[('-', IN)]),
        (
            "spec: {podSelector: {matchLabels: {}, matchExpressions: []}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchLabels: {app: web}}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchLabels: {app: db}}}",
            &[('+', IN)],
        ),
        (
            "spec: {podSelector: {matchLabels: {app: web, role: x}}}",
            &[('+', IN)],
        ),
        (
            "spec: {podSelector: {matchLabels: {app: web}, matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}",
            &[('+', IN)],
        ),
        // Operators: a label that is absent fulfills the negative ones.
        (
            "spec: {podSelector: {matchExpressions: [{key: app, operator: In, values: [db, web]}]}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: role, operator: In, values: [x]}]}}",
            &[('+', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: role, operator: NotIn, values: [x]}]}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: app, operator: Exists}]}}",
            &[('-', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: role, operator: Exists}]}}",
            &[('+', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}",
            &[('+', IN)],
        ),
        (
            "spec: {podSelector: {matchExpressions: [{key: role, operator: DoesNotExist, values: []}]}}",
            &[('-', IN)],
        ),
        // Peers: pods of the policy's namespace, of all namespaces, both in one item, two items.
        (
            "spec: {ingress: [{from: [{podSelector: {}}]}]}",
            &[
                ('-', IN),
                ('+', "< pod shop | tcp 80"),
                ('-', "< 203.0.113.9 | tcp 80"),
                ('-', "< node 192.168.10.3 | tcp 80"),
            ],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {}}]}]}",
            &[
                ('+', IN),
                ('+', "< pod shop | tcp 80"),
                ('-', "< 203.0.113.9 | tcp 80"),
                ('-', "< node 192.168.10.3 | tcp 80"),
                ('-', "< proxy | tcp 80"),
            ],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: , podSelector: {}}]}]}",
            &[('-', IN), ('+', "< pod shop | tcp 80")],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}, podSelector: {matchLabels: {app: db}}}]}]}",
            &[
                ('-', IN),
                ('-', "< pod shop app=web | tcp 80"),
                ('+', "< pod shop app=db | tcp 80"),
            ],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}}, {podSelector: {matchLabels: {app: db}}}]}]}",
            &[
                ('-', IN),
                ('+', "< pod shop app=web | tcp 80"),
                ('+', "< pod shop app=db | tcp 80"),
            ],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: env, operator: DoesNotExist}]}}]}]}",
            &[('+', IN), ('-', "< pod shop | tcp 80")],
        ),
        // A namespace by its name.
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}]}]}",
            &[('+', IN), ('-', "< pod shop | tcp 80")],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [data]}]}}]}]}",
            &[('-', IN), ('+', "< pod shop | tcp 80")],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}}]}]}",
            &[('+', IN)],
        ),
        (
            "spec: {ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: DoesNotExist}]}}]}]}",
            &[('-', IN)],
        ),
        // Blocks: `except` carves out of this one block, and denies nothing; families do not meet.
        (
            "spec: {egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/28]}}]}]}",
            &[
                ('+', "> 203.0.113.99 | tcp 80"),
                ('-', "> 203.0.113.9 | tcp 80"),
                ('-', OUT),
            ],
        ),
        (
            "spec: {egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/28]}}, {ipBlock: {cidr: 203.0.113.9/32}}]}]}",
            &[
                ('+', "> 203.0.113.9 | tcp 80"),
                ('-', "> 203.0.113.8 | tcp 80"),
            ],
        ),
        (
            "spec: {egress: [{to: [{ipBlock: {cidr: 203.0.113.77/24}}]}]}",
            &[('+', "> 203.0.113.9 | tcp 80")],
        ),
        (
            "spec: {egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
            &[
                ('+', "> 203.0.113.9 | tcp 80"),
                ('-', "> 2001:db8::1 | tcp 80"),
                ('+', OUT),
                ('+', "> node 192.168.10.3 | tcp 80"),
            ],
        ),
        (
            "spec: {egress: [{to: [{ipBlock: {cidr: '::/0'}}]}]}",
            &[
                ('-', "> 203.0.113.9 | tcp 80"),
                ('+', "> 2001:db8::1 | tcp 80"),
                ('-', OUT),
            ],
        ),
        // The union of rules and items.
        (
            "spec: {ingress: [{ports: [{port: 81}]}, {from: [{podSelector: {}}], ports: [{port: 80}]}]}",
            &[
                ('-', IN),
                ('+', "< pod data | tcp 81"),
                ('+', "< pod shop | tcp 80"),
                ('+', "< pod shop | tcp 81"),
            ],
        ),
    ];
    let cluster = cluster(Some(Cni::Calico), Some(Overlay::None), false);
    for (spec, flows) in table {
        for (wanted, flow) in *flows {
            let got = verdict(spec, &cluster, (1, 33), Cidr::AsTarget, flow);
            assert_eq!(got, *wanted, "{flow}\n{spec}");
        }
    }
}

#[test]
fn what_the_api_leaves_open_is_the_cnis() {
    const ALL: &str = "spec: {policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}";
    const HALF: &str = "spec: {policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/17}}]}], egress: [{to: [{ipBlock: {cidr: 10.244.0.0/17}}]}]}";
    const HALVES: &str = "spec: {policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.244.0.0/17}}, {ipBlock: {cidr: 10.244.128.0/17}}]}]}";
    const APART: &str = "spec: {policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}";
    const NODES: &str = "spec: {policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 192.168.10.0/24}}]}], egress: [{to: [{ipBlock: {cidr: 192.168.10.0/24}}]}]}";
    const RANGE: &str = "spec: {ingress: [{ports: [{port: 80, endPort: 90}]}]}";
    const NAMED: &str = "spec: {policyTypes: [Egress], egress: [{ports: [{port: http}]}]}";
    const UNLISTED: &str = "spec: {policyTypes: [Egress], ingress: [{ports: [{port: 443}]}]}";
    const NOT: &str = "spec: {ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}}]}]}";
    const NODE_IN: &str = "< node 192.168.10.3 | tcp 80";
    const NODE_OUT: &str = "> node 192.168.10.3 | tcp 80";
    let calico = |overlay| cluster(Some(Cni::Calico), overlay, false);
    let cilium = cluster(Some(Cni::Cilium), None, false);
    let cilium_labels = Cluster {
        node_labels: true,
        ..cilium.clone()
    };
    let nobody = cluster(None, Some(Overlay::None), false);
    let dual = cluster(Some(Cni::Calico), Some(Overlay::None), true);
    let rangeless = Cluster {
        pods: None,
        nodes: None,
        ..calico(Some(Overlay::None))
    };
    let ovn = cluster(Some(Cni::OvnKubernetes), None, false);
    let kindnet = cluster(Some(Cni::Kindnet), None, false);
    let (ipip, flat) = (calico(Some(Overlay::Ipip)), calico(Some(Overlay::None)));
    let (target, outside, any) = (Cidr::AsTarget, Cidr::Outside, Cidr::Any);
    let table: &[(&str, &Cluster, Cidr, Flows)] = &[
        (
            ALL,
            &flat,
            target,
            &[('+', IN), ('+', OUT), ('+', NODE_IN), ('+', NODE_OUT)],
        ),
        (ALL, &ipip, target, &[('+', IN), ('+', NODE_IN)]),
        (ALL, &dual, target, &[('?', IN), ('?', OUT), ('+', NODE_IN)]),
        (
            ALL,
            &nobody,
            target,
            &[('?', IN), ('?', OUT), ('?', NODE_IN), ('?', NODE_OUT)],
        ),
        (
            ALL,
            &cilium,
            target,
            &[
                ('?', "< pod shop | tcp 80"),
                ('-', IN),
                ('-', OUT),
                ('-', NODE_IN),
                ('-', NODE_OUT),
                ('+', "< 203.0.113.9 | tcp 80"),
            ],
        ),
        (ALL, &cilium, any, &[('+', IN), ('+', NODE_OUT)]),
        (
            ALL,
            &flat,
            outside,
            &[('-', IN), ('-', NODE_IN), ('+', "< 203.0.113.9 | tcp 80")],
        ),
        (ALL, &rangeless, target, &[('+', IN), ('+', NODE_OUT)]),
        (
            HALF,
            &flat,
            target,
            &[
                ('?', IN),
                ('?', OUT),
                ('-', NODE_OUT),
                ('-', "> 203.0.113.9 | tcp 80"),
            ],
        ),
        (HALF, &flat, outside, &[('-', IN), ('-', OUT)]),
        (HALF, &ipip, target, &[('?', NODE_IN), ('-', NODE_OUT)]),
        (HALF, &cilium, target, &[('-', OUT)]),
        (HALF, &rangeless, target, &[('?', OUT), ('-', NODE_OUT)]),
        (HALVES, &flat, target, &[('+', OUT), ('-', NODE_OUT)]),
        (
            APART,
            &flat,
            target,
            &[
                ('-', IN),
                ('-', OUT),
                ('-', NODE_IN),
                ('+', "> 203.0.113.9 | tcp 80"),
            ],
        ),
        (APART, &ipip, target, &[('-', IN), ('-', NODE_IN)]),
        (APART, &dual, target, &[('-', IN), ('-', OUT)]),
        (
            APART,
            &nobody,
            target,
            &[('-', IN), ('-', OUT), ('-', NODE_IN), ('-', NODE_OUT)],
        ),
        (APART, &rangeless, target, &[('?', OUT), ('-', NODE_OUT)]),
        (
            NODES,
            &flat,
            target,
            &[('+', NODE_IN), ('+', NODE_OUT), ('-', IN)],
        ),
        (NODES, &ipip, target, &[('?', NODE_IN), ('+', NODE_OUT)]),
        (NODES, &ovn, target, &[('?', NODE_IN), ('+', NODE_OUT)]),
        (NODES, &kindnet, target, &[('+', NODE_IN), ('+', NODE_OUT)]),
        (NODES, &cilium, target, &[('-', NODE_IN), ('-', NODE_OUT)]),
        (
            NODES,
            &nobody,
            target,
            &[('?', NODE_IN), ('?', NODE_OUT), ('-', OUT)],
        ),
        (
            RANGE,
            &nobody,
            target,
            &[
                ('+', IN),
                ('?', "< pod data | tcp 81"),
                ('-', "< pod data | tcp 91"),
            ],
        ),
        (RANGE, &cilium, target, &[('+', "< pod data | tcp 81")]),
        (
            NAMED,
            &cilium,
            target,
            &[
                ('?', "> pod data | tcp 8080"),
                ('-', "> pod data | udp 8080"),
            ],
        ),
        (
            NAMED,
            &nobody,
            target,
            &[
                ('?', "> pod data | tcp 8080"),
                ('-', "> pod data | udp 8080"),
            ],
        ),
        (NAMED, &flat, target, &[('+', "> pod data | tcp 8080")]),
        (UNLISTED, &nobody, target, &[('?', IN), ('-', OUT)]),
        (UNLISTED, &flat, target, &[('+', IN), ('-', OUT)]),
        (
            APART,
            &nobody,
            target,
            &[('?', "< pod shop | tcp 80"), ('-', "> pod shop | tcp 80")],
        ),
        (
            UNLISTED,
            &cilium,
            target,
            &[('-', IN), ('+', "< pod data | tcp 443")],
        ),
        (NOT, &cilium, target, &[('+', IN), ('-', NODE_IN)]),
        (NOT, &cilium_labels, target, &[('+', IN), ('?', NODE_IN)]),
    ];
    for (spec, cluster, cidr, flows) in table {
        for (wanted, flow) in *flows {
            let got = verdict(spec, cluster, (1, 33), *cidr, flow);
            assert_eq!(got, *wanted, "{flow}, {cidr:?}, {:?}\n{spec}", cluster.cni);
        }
    }
}

#[test]
fn other_engines_enforce_them_beside_their_own_kinds() {
    const CILIUM: &str = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, namespace: shop}\n";
    const CALICO: &str =
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: c}\n";
    let beside = "spec: {ingress: [{ports: [{port: 80}, {port: 81}]}]}";
    let cilium = "spec: {endpointSelector: {}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: db, io.kubernetes.pod.namespace: data}}], toPorts: [{ports: [{port: '80', protocol: TCP}]}]}], ingress: [{toPorts: [{ports: [{port: '82', protocol: TCP}]}]}]}";
    let calico = |order| {
        format!(
            "spec: {{order: {order}, types: [Ingress], ingress: [{{action: Deny, protocol: TCP, destination: {{ports: [80]}}}}, {{action: Allow, protocol: TCP, destination: {{ports: [82]}}}}]}}"
        )
    };
    let known = namespaces();
    let cluster = cluster(None, Some(Overlay::None), false);
    let ask = |target, version, other: &str, text: &str| {
        let context = Context {
            version,
            cluster: &cluster,
            namespaces: &known,
            cidr: Cidr::AsTarget,
        };
        let text_of_all = format!("{}---\n{other}\n", object(beside));
        let mut diagnostics = Diagnostics::default();
        let found = documents(&source(&text_of_all), &mut diagnostics);
        let reading = read::read(target, &found, &context, &mut diagnostics);
        assert!(
            diagnostics.is_empty(),
            "{:?}",
            diagnostics.iter().collect::<Vec<_>>()
        );
        let seen = flow(text);
        assert!(!is_open(&reading, &seen), "{text}: {:?}", reading.unread);
        decide(&reading.program, &seen.flow).verdict == Verdict::Allow
    };
    let on_cilium = |text: &str| ask(Target::Cilium, (1, 20), &format!("{CILIUM}{cilium}"), text);
    // A deny is over every allow; the allows of both are one union.
    assert!(!on_cilium("< pod data app=db | tcp 80"));
    assert!(on_cilium("< pod data app=web | tcp 80"));
    assert!(on_cilium("< pod data app=db | tcp 81"));
    assert!(on_cilium("< pod data app=db | tcp 82"));
    assert!(!on_cilium("< pod data app=db | tcp 83"));
    assert!(on_cilium("> pod data app=db | tcp 83"));
    let alone = |text: &str| ask(Target::Cilium, (1, 20), "", text);
    assert!(alone("< pod data app=db | tcp 81") && !alone("< pod data app=db | tcp 82"));
    // Calico takes them at order 1000 of the tier `default`.
    let on_calico = |order, text: &str| {
        ask(
            Target::Calico,
            (3, 30),
            &format!("{CALICO}{}", calico(order)),
            text,
        )
    };
    assert!(!on_calico(999, IN) && on_calico(1001, IN));
    assert!(on_calico(999, "< pod data | tcp 82") && on_calico(1001, "< pod data | tcp 82"));
    assert!(on_calico(999, "< pod data | tcp 81") && !on_calico(1001, "< pod data | tcp 83"));
}

#[test]
fn what_the_server_refuses_is_refused_in_its_words() {
    let cluster = cluster(Some(Cni::Calico), Some(Overlay::None), false);
    let known = namespaces();
    let context = |version| Context {
        version,
        cluster: &cluster,
        namespaces: &known,
        cidr: Cidr::AsTarget,
    };
    for one in refused::kubernetes::all() {
        let (reading, said) = read_text(&one.manifest, &context(one.version));
        let wanted = format!("invalid-manifest at `{}`: {}", one.place, one.said);
        let found = said.iter().any(|fault| match one.place {
            "" => fault.contains(one.said),
            _ if one.version == (1, 37) => fault.ends_with(one.said),
            _ => fault.starts_with(&wanted),
        });
        assert!(found, "{}: {said:#?}\nnot {wanted}", one.manifest);
        assert!(reading.program.policies.is_empty(), "{}", one.manifest);
        // 1.37 takes CIDRs only as they should be written.
        if one.version == (1, 37) {
            let (_, said) = read_text(&one.manifest, &context((1, 36)));
            assert!(said.is_empty(), "{said:?}");
        }
    }
}

#[test]
fn other_objects_are_left_aside_and_other_policies_leave_all_open() {
    let cluster = cluster(Some(Cni::Calico), Some(Overlay::None), false);
    let known = namespaces();
    let context = Context {
        version: (1, 33),
        cluster: &cluster,
        namespaces: &known,
        cidr: Cidr::AsTarget,
    };
    let policy = object("spec: {}");
    let open = |text: &str, flow_text: &str| {
        let (reading, said) = read_text(text, &context);
        assert!(said.is_empty(), "{said:?}");
        is_open(&reading, &flow(flow_text))
    };
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    assert!(!open(&format!("{policy}---\n{namespace}"), IN));
    for (version, kind) in [
        ("projectcalico.org/v3", "GlobalNetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
    ] {
        let other = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
        assert!(open(&format!("{policy}---\n{other}"), OUT), "{kind}");
    }
    // The same object twice is one; two of a name that differ are decided by whoever applies them.
    assert!(!open(&format!("{policy}---\n{policy}"), IN));
    let differs = object("spec: {policyTypes: [Egress]}");
    let both = format!("{policy}---\n{differs}");
    assert!(open(&both, IN) && open(&both, OUT));
    // An object that names no namespace is of `default`.
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n";
    let (reading, _) = read_text(text, &context);
    assert_eq!(reading.program.policies[0].name, "NetworkPolicy default/p");
    let mut seen = flow(IN);
    assert_eq!(decide(&reading.program, &seen.flow).verdict, Verdict::Allow);
    seen.flow.subject.namespace = "default".into();
    assert_eq!(decide(&reading.program, &seen.flow).verdict, Verdict::Deny);
}
