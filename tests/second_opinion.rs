//! The interpreters against hand tables.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
mod interpreters;

use std::collections::{BTreeMap, BTreeSet};

use interpreters::{Seen, calico, calico_selector, cilium, kubernetes, yaml};
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

/// A pod from `blue app=web,role=api`; its port `http` is 8080.
fn pod(text: &str) -> Pod {
    let (namespace, labels) = text.split_once(' ').unwrap_or((text, ""));
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    Pod {
        namespace: namespace.into(),
        namespace_labels: match namespace {
            "blue" => BTreeMap::from([("env".into(), "prod".into())]),
            _ => BTreeMap::new(),
        },
        labels: labels
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        service_account: "default".into(),
        named_ports: BTreeMap::from([((Transport::Tcp, "http".into()), 8080)]),
    }
}

/// An end from `pod blue app=web`, `node 192.168.10.4`, `203.0.113.9` or `proxy`.
fn end(text: &str) -> (End, std::net::IpAddr) {
    if let Some(text) = text.strip_prefix("pod ") {
        return (End::Pod(pod(text)), "10.244.1.7".parse().unwrap());
    }
    if let Some(address) = text.strip_prefix("node ") {
        let address = address.parse().unwrap();
        return (End::Node(address), address);
    }
    if text == "proxy" {
        return (End::Proxy, "10.244.0.9".parse().unwrap());
    }
    let address = text.parse().unwrap();
    let names = BTreeSet::new();
    (End::Outside { address, names }, address)
}

fn traffic(text: &str) -> Traffic {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| words[at].parse::<u16>().unwrap();
    match words[0] {
        "tcp" => Traffic::Port(Transport::Tcp, number(1)),
        "udp" => Traffic::Port(Transport::Udp, number(1)),
        "sctp" => Traffic::Port(Transport::Sctp, number(1)),
        "icmp" => Traffic::Icmp(number(1) as u8, number(2) as u8),
        "icmpv6" => Traffic::Icmpv6(number(1) as u8, number(2) as u8),
        _ => Traffic::Protocol(number(1) as u8),
    }
}

/// `ingress blue app=web | 203.0.113.9 | tcp 80`: whose policy decides, the other end, the traffic.
fn seen(text: &str) -> Seen {
    let parts: Vec<&str> = text.split(" | ").collect();
    let (direction, subject) = parts[0].split_once(' ').unwrap();
    let (peer, peer_address) = end(parts[1]);
    let v6 = peer_address.is_ipv6();
    Seen {
        flow: Flow {
            direction: if direction == "ingress" {
                Direction::Ingress
            } else {
                Direction::Egress
            },
            subject: pod(subject),
            peer,
            traffic: traffic(parts[2]),
        },
        subject_address: if v6 { "fd00:10:244::5" } else { "10.244.3.5" }
            .parse()
            .unwrap(),
        peer_address,
        resolved: Vec::new(),
        foreign_labels: vec![("app".into(), "web".into()), ("env".into(), "prod".into())],
    }
}

/// Lines of `+ flow` (passes) and `- flow` (does not).
fn table(rows: &str, allowed: impl Fn(&Seen) -> (bool, String)) {
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (sign, flow) = row.split_once(' ').unwrap();
        let (is, why) = allowed(&seen(flow));
        assert_eq!(is, sign == "+", "{row}: {why}");
    }
}

fn on_kubernetes(objects: &[&str], rows: &str) {
    let cluster = kubernetes::Cluster::parse(objects.iter().copied()).unwrap();
    let reading = kubernetes::Reading {
        blocks_meet_pods: true,
        blocks_meet_nodes: false,
    };
    table(rows, |seen| {
        let outcome = cluster.decide(seen, reading);
        (outcome.allowed, outcome.why)
    });
}

fn network_policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a, namespace: blue}}\nspec: {spec}\n"
    )
}

#[test]
fn kubernetes_isolates_what_a_policy_selects_in_its_directions() {
    on_kubernetes(
        &[&network_policy(
            "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}",
        )],
        "- ingress blue app=web | pod blue | tcp 80
         + egress blue app=web | pod blue | tcp 80
         + ingress blue app=db | pod blue | tcp 80
         + ingress shop app=web | pod blue | tcp 80",
    );
}

#[test]
fn kubernetes_empty_lists_mean_any() {
    on_kubernetes(
        &[&network_policy(
            "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}",
        )],
        "+ ingress blue | 203.0.113.9 | tcp 80
         + ingress blue | node 192.168.10.4 | sctp 80",
    );
    on_kubernetes(
        &[&network_policy(
            "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{}]}]}",
        )],
        "+ ingress blue | pod shop | tcp 1
         - ingress blue | pod shop | udp 1",
    );
}

#[test]
fn kubernetes_peers() {
    on_kubernetes(
        &[&network_policy(
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}, {namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}, podSelector: {matchLabels: {app: db}}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.244.1.7/32]}}]}]}",
        )],
        "+ egress blue | pod blue x=y | tcp 80
         + egress blue | pod shop app=db | tcp 80
         - egress blue | pod shop app=web | tcp 80
         - egress blue | 203.0.113.9 | tcp 80
         + egress blue | 10.1.2.3 | tcp 80
         - egress blue | node 10.1.2.3 | tcp 80",
    );
}

#[test]
fn kubernetes_ports_by_range_and_by_the_destinations_name() {
    on_kubernetes(
        &[&network_policy(
            "{podSelector: {}, policyTypes: [Egress, Ingress], egress: [{ports: [{port: http}, {port: 20, endPort: 22, protocol: UDP}]}]}",
        )],
        "+ egress blue | pod shop | tcp 8080
         - egress blue | pod shop | tcp 80
         - egress blue | 203.0.113.9 | tcp 8080
         + egress blue | 203.0.113.9 | udp 22
         - egress blue | 203.0.113.9 | udp 23
         - ingress blue | 203.0.113.9 | udp 22",
    );
}

#[test]
fn kubernetes_refuses_what_its_api_refuses() {
    for spec in [
        "{podSelector: {}}",
        "{podSelector: {}, policyTypes: [Ingress], egress: [{}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{}]}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.5/24}}]}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.0/24]}}]}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 9, endPort: 8}]}]}",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 0}]}]}",
        "{podSelector: {matchLabels: {app: on}}, policyTypes: [Ingress]}",
        "{podSelector: {matchLabels: {app: 1_0}}, policyTypes: [Ingress]}",
        "{podSelector: {}, policyTypes: [Ingress], tier: x}",
    ] {
        let text = network_policy(spec);
        assert!(
            kubernetes::Cluster::parse([text.as_str()]).is_err(),
            "{spec}"
        );
    }
}

#[test]
fn yaml_scalars_are_those_of_kubernetes() {
    let value = yaml::document(
        "[on, \"on\", 0123, 1_000, 1e3, 0x1F, ~, '', 2026-11-24, 1.2.3.4, 10.0, -7, 12:30]",
    )
    .unwrap();
    use yaml::Value::{Bool, Float, Int, Null, Text};
    let text = |text: &str| Text(text.to_owned());
    let expected = vec![
        Bool(true),
        text("on"),
        Int(83),
        Int(1000),
        Float(1000.0),
        Int(31),
        Null,
        text(""),
        text("2026-11-24"),
        text("1.2.3.4"),
        Float(10.0),
        Int(-7),
        text("12:30"),
    ];
    assert_eq!(value, yaml::Value::List(expected));
    assert!(yaml::document("{a: 1, a: 2}").is_err());
}

#[test]
fn calico_selectors() {
    let labels = |key: &str| match key {
        "app" => Some("web".to_owned()),
        "has" => Some("x y".to_owned()),
        _ => None,
    };
    for (text, expected) in [
        ("", true),
        ("all()", true),
        ("app == 'web'", true),
        ("app == \"db\"", false),
        ("role != 'x'", true),
        ("role not in {'x', 'y'}", true),
        ("role in {}", false),
        ("role not in {}", true),
        ("has(app) && !has(role)", true),
        ("!app == 'db'", true),
        ("app == 'db' || app == 'web' && has(role)", false),
        ("(app == 'db' || app == 'web') && !(has(role))", true),
        ("has contains 'x'", true),
        ("app starts with 'we' && app endswith 'eb'", true),
        ("has( app )", true),
        ("!!has(app)", true),
    ] {
        let selector = calico_selector::parse(text, true).unwrap();
        assert_eq!(selector.matches(&labels), expected, "{text}");
    }
    for bad in [
        "app",
        "app = 'x'",
        "has (app)",
        "app == web",
        "has(a, b)",
        "a == 'x' & b == 'y'",
        "(a == 'x'",
        "a in 'x'",
        "a == 'x'\n",
    ] {
        assert!(calico_selector::parse(bad, true).is_err(), "{bad}");
    }
}

fn tier(name: &str, order: u32, action: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {name}}}\nspec: {{order: {order}, defaultAction: {action}}}\n"
    )
}

fn global(tier: &str, name: &str, order: u32, rest: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {tier}.{name}, labels: {{projectcalico.org/tier: {tier}}}}}\nspec: {{tier: {tier}, order: {order}, {rest}}}\n"
    )
}

fn namespaced(tier: &str, name: &str, order: u32, rest: &str) -> String {
    global(tier, name, order, rest)
        .replace("GlobalNetworkPolicy", "NetworkPolicy")
        .replace("metadata: {", "metadata: {namespace: blue, ")
}

fn on_calico(objects: &[String], rows: &str) {
    let cluster = calico::Cluster::parse(objects.iter().map(String::as_str)).unwrap();
    table(rows, |seen| {
        let outcome = cluster.decide(seen);
        (outcome.allowed, outcome.why)
    });
}

#[test]
fn calico_tiers_policies_and_rules_in_order() {
    on_calico(
        &[
            tier("b", 300, "Deny"),
            tier("a", 200, "Pass"),
            global(
                "a",
                "one",
                2,
                "selector: has(app), types: [Egress], egress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}, {action: Pass, protocol: TCP, destination: {ports: ['81:82']}}, {action: Log}]",
            ),
            global(
                "a",
                "zero",
                1,
                "selector: app == 'db', types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]",
            ),
            global(
                "b",
                "end",
                1,
                "selector: all(), types: [Egress], egress: [{action: Allow, protocol: UDP}]",
            ),
        ],
        "- egress blue app=web | pod blue | tcp 80
         + egress blue app=db | pod blue | tcp 80
         - egress blue app=web | pod blue | tcp 82
         + egress blue app=web | pod blue | udp 82
         + ingress blue app=web | pod blue | tcp 80",
    );
}

#[test]
fn calico_a_tier_without_an_enforced_policy_of_the_direction_is_skipped() {
    let mut staged = global(
        "a",
        "staged",
        1,
        "selector: all(), types: [Egress], stagedAction: Set",
    );
    staged = staged.replace("kind: Global", "kind: StagedGlobal");
    on_calico(
        &[
            tier("a", 200, "Deny"),
            staged,
            global("a", "in", 2, "selector: all(), types: [Ingress]"),
        ],
        "+ egress blue | pod blue | tcp 80
         - ingress blue | pod blue | tcp 80",
    );
}

#[test]
fn calico_selectors_of_namespaced_policies_are_scoped() {
    on_calico(
        &[
            tier("a", 200, "Deny"),
            namespaced(
                "a",
                "one",
                1,
                "selector: all(), types: [Ingress], ingress: [{action: Allow, protocol: TCP, source: {selector: app == 'web'}}, {action: Allow, protocol: UDP, source: {namespaceSelector: all()}}, {action: Allow, protocol: SCTP, source: {notSelector: app == 'web'}}, {action: Allow, protocol: ICMP}]",
            ),
        ],
        "+ ingress blue | pod blue app=web | tcp 80
         - ingress blue | pod shop app=web | tcp 80
         - ingress blue | 203.0.113.9 | tcp 80
         + ingress blue | pod shop | udp 80
         - ingress blue | 203.0.113.9 | udp 80
         + ingress blue | pod blue app=db | sctp 80
         - ingress blue | pod shop app=db | sctp 80
         - ingress blue | 203.0.113.9 | sctp 80
         + ingress blue | 203.0.113.9 | icmp 8 0
         + ingress shop | 203.0.113.9 | tcp 80",
    );
}

#[test]
fn calico_global_selectors_meet_network_sets_and_hosts() {
    on_calico(
        &[
            tier("a", 200, "Deny"),
            global(
                "a",
                "one",
                1,
                "selector: all(), types: [Ingress], ingress: [{action: Allow, protocol: TCP, source: {selector: app == 'web'}}, {action: Allow, protocol: UDP, source: {selector: \"projectcalico.org/orchestrator == 'k8s' && app == 'web'\"}}, {action: Allow, protocol: SCTP, source: {namespaceSelector: env != 'prod'}}, {action: Allow, protocol: ICMP, source: {notSelector: \"projectcalico.org/orchestrator == 'k8s'\", nets: [10.0.0.0/8]}}]",
            ),
        ],
        "+ ingress blue | pod shop app=web | tcp 80
         + ingress blue | 203.0.113.9 | tcp 80
         - ingress blue | 203.0.113.9 | udp 80
         + ingress blue | pod shop app=web | udp 80
         + ingress blue | pod shop | sctp 80
         - ingress blue | pod blue | sctp 80
         + ingress blue | 203.0.113.9 | sctp 80
         - ingress blue | pod shop | icmp 8 0
         + ingress blue | 10.9.9.9 | icmp 8 0",
    );
}

#[test]
fn calico_nets_families_and_sets() {
    let set = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: s, labels: {list: feodo}}\nspec: {nets: [203.0.113.0/24, '2001:db8::/32']}\n".to_owned();
    on_calico(
        &[
            tier("a", 200, "Deny"),
            set,
            global(
                "a",
                "one",
                1,
                "selector: all(), types: [Egress], egress: [{action: Deny, destination: {selector: list == 'feodo'}}, {action: Allow, protocol: TCP, destination: {notNets: ['fd00::/8']}}, {action: Allow, ipVersion: 4, protocol: UDP, destination: {notNets: [198.51.100.0/24]}}, {action: Allow, protocol: ICMPv6, icmp: {type: 128, code: 0}}, {action: Allow, protocol: 47}]",
            ),
        ],
        "- egress blue | 203.0.113.9 | tcp 80
         - egress blue | 2001:db8::5 | tcp 80
         - egress blue | 192.0.2.1 | tcp 80
         + egress blue | 2001:db9::1 | tcp 80
         + egress blue | 192.0.2.1 | udp 80
         - egress blue | 198.51.100.7 | udp 80
         + egress blue | 2001:db9::1 | icmpv6 128 0
         - egress blue | 2001:db9::1 | icmpv6 128 1
         - egress blue | 192.0.2.1 | icmp 8 0
         + egress blue | 192.0.2.1 | protocol 47",
    );
}

#[test]
fn calico_named_ports_and_accounts() {
    on_calico(
        &[
            tier("a", 200, "Deny"),
            global(
                "a",
                "one",
                1,
                "selector: all(), types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {selector: \"projectcalico.org/orchestrator == 'k8s'\", ports: [http]}}, {action: Allow, protocol: UDP, destination: {serviceAccounts: {names: [default]}, namespaceSelector: env == 'prod'}}]",
            ),
        ],
        "+ egress blue | pod shop | tcp 8080
         - egress blue | pod shop | tcp 80
         - egress blue | 203.0.113.9 | tcp 8080
         + egress blue | pod blue | udp 1
         - egress blue | pod shop | udp 1",
    );
}

#[test]
fn calico_refuses_what_its_validator_refuses() {
    for rule in [
        "{action: Allow, destination: {ports: [80]}}",
        "{action: Allow, protocol: tcp}",
        "{action: Allow, protocol: TCP, destination: {ports: ['80-90']}}",
        "{action: Allow, destination: {nets: [10.0.0.1]}}",
        "{action: Allow, destination: {nets: [10.0.0.0/8, '::/0']}}",
        "{action: Allow, destination: {notNets: [0.0.0.0/0]}}",
        "{action: Allow, protocol: TCP, icmp: {type: 8}}",
        "{action: Allow, protocol: ICMP, ipVersion: 6}",
        "{action: Allow, protocol: ICMP, icmp: {code: 0}}",
        "{action: Allow, destination: {domains: [a.b]}}",
        "{action: Allow, destination: {serviceAccounts: {}}}",
    ] {
        let text = global(
            "a",
            "one",
            1,
            &format!("selector: all(), types: [Egress], egress: [{rule}]"),
        );
        let objects = [tier("a", 200, "Deny"), text];
        assert!(
            calico::Cluster::parse(objects.iter().map(String::as_str)).is_err(),
            "{rule}"
        );
    }
}

fn settings() -> cilium::Settings {
    cilium::Settings {
        version: (1, 19),
        node_labels: true,
        extended_protocols: false,
        apiserver: vec!["203.0.113.99/32".parse().unwrap()],
    }
}

fn cnp(spec: &str) -> String {
    format!(
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: a, namespace: blue}}\nspec: {{endpointSelector: {{}}, {spec}}}\n"
    )
}

fn ccnp(name: &str, selector: &str, spec: &str) -> String {
    format!(
        "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {{name: {name}}}\nspec: {{endpointSelector: {selector}, {spec}}}\n"
    )
}

const EVERY_POD: &str =
    "{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}]}";

fn on_cilium(objects: &[String], rows: &str) {
    let cluster = cilium::Cluster::parse(objects.iter().map(String::as_str), settings()).unwrap();
    table(rows, |seen| {
        let outcome = cluster.decide(seen, false);
        (outcome.allowed, outcome.why)
    });
}

#[test]
fn cilium_denies_over_allows_and_default_deny() {
    on_cilium(
        &[
            cnp(
                "enableDefaultDeny: {ingress: true, egress: false}, ingress: [{fromEndpoints: [{}]}], egressDeny: [{toCIDRSet: [{cidr: 203.0.113.0/24, except: [203.0.113.8/32]}]}]",
            ),
            ccnp(
                "b",
                EVERY_POD,
                "enableDefaultDeny: {ingress: false, egress: false}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: db}}]}], ingress: [{fromEntities: [world], toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]",
            ),
        ],
        "+ ingress blue | pod blue | tcp 80
         - ingress blue | pod blue app=db | tcp 80
         - ingress blue | pod shop | tcp 80
         + ingress shop | pod shop | tcp 80
         - ingress shop | pod shop app=db | tcp 80
         + ingress blue | 203.0.113.9 | tcp 80
         - ingress blue | 203.0.113.9 | udp 80
         - ingress blue | node 192.168.10.4 | tcp 80
         - egress blue | 203.0.113.9 | tcp 80
         + egress blue | 203.0.113.8 | tcp 80
         + egress blue | node 203.0.113.9 | tcp 80
         + egress shop | 203.0.113.9 | tcp 80",
    );
}

#[test]
fn cilium_empty_elements_allow_nothing() {
    on_cilium(
        &[cnp(
            "enableDefaultDeny: {ingress: true, egress: true}, ingress: [{}], egress: [{toEndpoints: []}]",
        )],
        "- ingress blue | pod blue | tcp 80
         - egress blue | pod blue | tcp 80
         + ingress shop | pod blue | tcp 80",
    );
}

#[test]
fn cilium_entities_icmp_and_ports() {
    on_cilium(
        &[cnp(
            "enableDefaultDeny: {ingress: true, egress: true}, ingress: [{fromEntities: [all], icmps: [{fields: [{family: IPv4, type: 0}]}]}, {fromEntities: [ingress]}, {toPorts: [{ports: [{port: http, protocol: TCP}, {port: '90', endPort: 99, protocol: ANY}]}]}], egress: [{toEntities: [kube-apiserver]}, {toEntities: [remote-node], toPorts: [{ports: [{port: '0', protocol: UDP}]}]}, {icmps: [{fields: [{family: IPv6, type: 128}]}]}]",
        )],
        "+ ingress blue | 203.0.113.9 | icmp 13 0
         - ingress blue | 203.0.113.9 | tcp 80
         + ingress blue | proxy | tcp 80
         + ingress blue | 203.0.113.9 | tcp 8080
         + ingress blue | node 192.168.10.4 | sctp 95
         - ingress blue | node 192.168.10.4 | icmpv6 128 0
         + egress blue | 203.0.113.99 | tcp 6443
         - egress blue | 203.0.113.98 | tcp 6443
         + egress blue | node 192.168.10.4 | udp 9
         - egress blue | node 192.168.10.4 | tcp 9
         + egress blue | 2001:db8::1 | icmpv6 128 0
         - egress blue | 2001:db8::1 | icmpv6 129 0",
    );
}

#[test]
fn cilium_namespaces_are_added_to_peers() {
    on_cilium(
        &[cnp(
            "enableDefaultDeny: {ingress: true, egress: true}, ingress: [{fromEndpoints: [{matchLabels: {'k8s:io.cilium.k8s.namespace.labels.env': prod}}, {matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}, {key: app, operator: In, values: [db]}]}]}], egress: [{toEndpoints: [{matchExpressions: [{key: app, operator: NotIn, values: [db]}]}]}]",
        )],
        "+ ingress blue | pod blue | tcp 80
         - ingress blue | pod shop | tcp 80
         + ingress blue | pod shop app=db | tcp 80
         + egress blue | pod blue | tcp 80
         - egress blue | pod shop | tcp 80
         - egress blue | node 192.168.10.4 | tcp 80
         - egress blue | 203.0.113.9 | tcp 80",
    );
}

#[test]
fn cilium_names_need_a_dns_rule_of_the_same_pod() {
    let fqdn = "enableDefaultDeny: {ingress: false, egress: true}, egress: [{toFQDNs: [{matchPattern: '**.example.com'}], toPorts: [{ports: [{port: '443', protocol: TCP}]}]}DNS]";
    let dns = ", {toEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': kube-system}}], toPorts: [{ports: [{port: '53', protocol: ANY}], rules: {dns: [{matchPattern: '*'}]}}]}";
    for (rule, expected) in [(dns, true), ("", false)] {
        let text = cnp(&fqdn.replace("DNS", rule));
        let cluster = cilium::Cluster::parse([text.as_str()], settings()).unwrap();
        for (name, covered) in [
            ("a.b.example.com", true),
            ("example.com", false),
            ("example.org", false),
        ] {
            let mut seen = seen("egress blue | 203.0.113.9 | tcp 443");
            seen.resolved.push(name.to_owned());
            assert_eq!(
                cluster.decide(&seen, false).allowed,
                expected && covered,
                "{name}"
            );
        }
    }
}

#[test]
fn cilium_the_own_host_comes_in_unless_it_is_denied() {
    let open = cnp("enableDefaultDeny: {ingress: true, egress: false}, ingress: [{}]");
    let shut = cnp(
        "enableDefaultDeny: {ingress: true, egress: false}, ingressDeny: [{fromEntities: [all]}]",
    );
    let probe = seen("ingress blue | node 192.168.10.4 | tcp 80");
    for (text, expected) in [(open, true), (shut, false)] {
        let cluster = cilium::Cluster::parse([text.as_str()], settings()).unwrap();
        assert_eq!(cluster.decide(&probe, true).allowed, expected);
    }
    let wild = ccnp(
        "b",
        "{}",
        "enableDefaultDeny: {ingress: true, egress: false}, ingress: [{}]",
    );
    let cluster = cilium::Cluster::parse([wild.as_str()], settings()).unwrap();
    assert!(cluster.selecting_reserved().is_some());
}

#[test]
fn cilium_refuses_what_its_agent_refuses() {
    let deny = "enableDefaultDeny: {ingress: true, egress: true}";
    for spec in [
        deny.to_owned(),
        "ingress: [{}]".to_owned(),
        format!("{deny}, ingress: [{{fromEntities: [world], fromCIDR: [10.0.0.0/8]}}]"),
        format!("{deny}, ingress: [{{fromEntities: [world-ipv4]}}]"),
        format!("{deny}, egressDeny: [{{toFQDNs: [{{matchName: a.b}}]}}]"),
        format!("{deny}, ingress: [{{toPorts: [{{ports: [{{port: 80}}]}}]}}]"),
        format!("{deny}, ingress: [{{toPorts: [{{ports: [{{port: '90', endPort: 80}}]}}]}}]"),
        format!("{deny}, egress: [{{toPorts: [{{ports: [{{port: http}}]}}]}}]"),
        format!("{deny}, ingress: [{{fromCIDR: [10.0.0.1]}}]"),
        format!("{deny}, ingress: [{{fromEndpoints: null}}]"),
    ] {
        let text = cnp(&spec);
        assert!(
            cilium::Cluster::parse([text.as_str()], settings()).is_err(),
            "{spec}"
        );
    }
}
