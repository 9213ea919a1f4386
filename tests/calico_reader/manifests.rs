//! Random valid manifests over the whole API, from a vocabulary so small that rules meet.

use serde_json::{Map, Value, json};

use super::generator::Random;

/// Labels of pods, and of network and host endpoints.
pub(crate) const LABELS: &[(&str, &[&str])] = &[
    ("app", &["web", "web-1", "db", ""]),
    ("role", &["api", "job"]),
    ("zone", &["a", "b"]),
];

/// Labels of namespaces.
pub(crate) const NAMESPACE_LABELS: &[(&str, &[&str])] =
    &[("env", &["prod", "dev"]), ("team", &["x", "y"])];

/// Namespaces; the first two are declared.
pub(crate) const NAMESPACES: &[&str] = &["blue", "red", "green", "teal"];

/// Service accounts, and their labels.
pub(crate) const ACCOUNTS: &[&str] = &["default", "runner", "build-bot"];
pub(crate) const ACCOUNT_LABELS: &[(&str, &[&str])] = &[("rank", &["high", "low"])];

/// Networks, by family.
pub(crate) const NETS: [&[&str]; 2] = [
    &[
        "0.0.0.0/0",
        "0.0.0.0/1",
        "10.0.0.0/8",
        "10.244.0.0/16",
        "10.244.3.0/24",
        "10.96.0.0/12",
        "192.168.10.0/24",
        "192.168.10.4/32",
        "203.0.113.0/24",
        "203.0.113.7/32",
    ],
    &[
        "::/0",
        "fd00::/8",
        "fd00:10:244::/56",
        "fd00:10:244:3::/64",
        "fd00:1::/64",
        "2001:db8::/32",
        "2001:db8::5/128",
    ],
];

/// Names of ports.
pub(crate) const PORT_NAMES: &[&str] = &["http", "dns"];

fn value(random: &mut Random, values: &[&str]) -> String {
    if random.chance(8) {
        "other".to_owned()
    } else {
        (*random.pick(values)).to_owned()
    }
}

fn quoted(random: &mut Random, text: &str) -> String {
    if random.chance(50) {
        format!("'{text}'")
    } else {
        format!("\"{text}\"")
    }
}

/// A condition on one of some keys.
fn atom(random: &mut Random, keys: &[(&str, &[&str])]) -> String {
    let (key, values) = random.pick(keys);
    let one = value(random, values);
    let part: String = one.chars().take(1 + random.below(2)).collect();
    let (one, part) = (quoted(random, &one), quoted(random, &part));
    match random.below(14) {
        0..=3 => format!("{key} == {one}"),
        4 | 5 => format!("{key} != {one}"),
        6 => format!("has({key})"),
        7 | 8 => {
            let count = random.below(3);
            let mut list = Vec::new();
            for _ in 0..count {
                let one = value(random, values);
                list.push(quoted(random, &one));
            }
            let word = if random.chance(50) { "in" } else { "not in" };
            format!("{key} {word} {{{}}}", list.join(", "))
        }
        9 => format!("{key} contains {part}"),
        10 => format!("{key} starts with {part}"),
        11 => format!("{key} ends with {part}"),
        12 => format!("{key}=={one}"),
        _ => format!("!has({key})"),
    }
}

fn expression(random: &mut Random, keys: &[(&str, &[&str])], depth: usize) -> String {
    if depth == 0 || random.chance(45) {
        return if random.chance(8) {
            "all()".to_owned()
        } else {
            atom(random, keys)
        };
    }
    let (a, b) = (
        expression(random, keys, depth - 1),
        expression(random, keys, depth - 1),
    );
    match random.below(7) {
        0 | 1 => format!("{a} && {b}"),
        2 | 3 => format!("({a}) || {b}"),
        4 => format!("{a} || {b}"),
        5 => format!("!({a})"),
        _ => format!("({a} || {b}) && {}", atom(random, keys)),
    }
}

fn selector(random: &mut Random) -> String {
    let mut keys = LABELS.to_vec();
    keys.extend(LABELS);
    keys.extend([
        ("projectcalico.org/namespace", NAMESPACES),
        ("projectcalico.org/orchestrator", &["k8s"][..]),
        ("projectcalico.org/serviceaccount", ACCOUNTS),
        ("pcns.env", NAMESPACE_LABELS[0].1),
        ("pcns.projectcalico.org/name", NAMESPACES),
        ("pcns.kubernetes.io/metadata.name", NAMESPACES),
        ("pcsa.rank", ACCOUNT_LABELS[0].1),
        ("pcsa.projectcalico.org/name", ACCOUNTS),
    ]);
    let own = expression(random, &keys, 2);
    if random.chance(50) {
        format!("projectcalico.org/orchestrator == 'k8s' && ({own})")
    } else {
        own
    }
}

fn namespace_selector(random: &mut Random) -> String {
    let mut keys = NAMESPACE_LABELS.to_vec();
    keys.extend([
        ("projectcalico.org/name", NAMESPACES),
        ("kubernetes.io/metadata.name", NAMESPACES),
    ]);
    if random.chance(20) {
        "all()".to_owned()
    } else {
        expression(random, &keys, 1)
    }
}

fn account_selector(random: &mut Random) -> String {
    let mut keys = ACCOUNT_LABELS.to_vec();
    keys.extend([
        ("projectcalico.org/name", ACCOUNTS),
        ("projectcalico.org/name", ACCOUNTS),
    ]);
    expression(random, &keys, 1)
}

fn nets(random: &mut Random, family: usize, whole: bool) -> Vec<&'static str> {
    let mut nets = Vec::new();
    for _ in 0..1 + random.below(3) {
        let net = *random.pick(NETS[family]);
        if !nets.contains(&net) && (whole || !net.ends_with("/0")) {
            nets.push(net);
        }
    }
    nets
}

fn ports(random: &mut Random, numbers: bool, names: bool) -> Value {
    let mut list = Vec::new();
    for _ in 0..1 + random.below(3) {
        list.push(match random.below(8) {
            0 | 1 if names => json!(random.pick(PORT_NAMES)),
            _ if !numbers => json!(random.pick(PORT_NAMES)),
            2 => json!("8000:9000"),
            3 => json!("443"),
            4 => json!("1:65535"),
            _ => json!(random.pick(&[80, 443, 8080, 53])),
        });
    }
    Value::Array(list)
}

struct Frame {
    family: Option<usize>,
    numbers: bool,
    names: bool,
    peers: bool,
    namespaced: bool,
}

fn entity(random: &mut Random, frame: &Frame, destination: bool) -> Value {
    let mut entity = Map::new();
    if frame.peers && random.chance(4) {
        let mut services = json!({"name": "kube-dns"});
        if !frame.namespaced || random.chance(50) {
            services["namespace"] = json!("kube-system");
        }
        entity.insert("services".into(), services);
        return Value::Object(entity);
    }
    if random.chance(40) {
        entity.insert("selector".into(), json!(selector(random)));
    }
    if random.chance(12) {
        entity.insert("notSelector".into(), json!(selector(random)));
    }
    if random.chance(25) {
        let text = if random.chance(12) {
            "global()".to_owned()
        } else {
            namespace_selector(random)
        };
        entity.insert("namespaceSelector".into(), json!(text));
    }
    if random.chance(15) {
        let mut accounts = Map::new();
        if random.chance(60) {
            accounts.insert("names".into(), json!([random.pick(ACCOUNTS), "runner"]));
        }
        if random.chance(40) {
            accounts.insert("selector".into(), json!(account_selector(random)));
        }
        entity.insert("serviceAccounts".into(), Value::Object(accounts));
    }
    if let Some(family) = frame.family {
        if random.chance(60) {
            entity.insert("nets".into(), json!(nets(random, family, true)));
        }
        if random.chance(30) {
            entity.insert("notNets".into(), json!(nets(random, family, false)));
        }
    }
    let often = if destination { 55 } else { 4 };
    if (frame.numbers || frame.names) && random.chance(often) {
        entity.insert("ports".into(), ports(random, frame.numbers, frame.names));
    }
    if (frame.numbers || frame.names) && random.chance(often / 5) {
        let names = frame.names && random.chance(30) || !frame.numbers;
        entity.insert("notPorts".into(), ports(random, frame.numbers, names));
    }
    Value::Object(entity)
}

fn message(random: &mut Random) -> Value {
    match random.below(4) {
        0 => json!({"type": 3, "code": random.below(3)}),
        1 => json!({}),
        _ => json!({"type": random.pick(&[0, 3, 8, 128])}),
    }
}

fn rule(random: &mut Random, ingress: bool, namespaced: bool) -> Value {
    let action = *random.pick(&[
        "Allow", "Allow", "Allow", "Allow", "Deny", "Deny", "Deny", "Pass", "Log",
    ]);
    let mut rule = Map::new();
    rule.insert("action".into(), json!(action));
    let mut family = match random.below(10) {
        0..=2 => Some(0),
        3 | 4 => Some(1),
        _ => None,
    };
    let mut transport = false;
    let mut unset = false;
    match random.below(12) {
        0..=3 => {
            transport = true;
            let all = [
                json!("TCP"),
                json!("UDP"),
                json!(6),
                json!("17"),
                json!("SCTP"),
            ];
            rule.insert("protocol".into(), random.pick(&all).clone());
        }
        4 => {
            let (protocol, of) = random
                .pick(&[
                    (json!("ICMP"), 0),
                    (json!("ICMPv6"), 1),
                    (json!(1), 0),
                    (json!(58), 1),
                ])
                .clone();
            if family.is_some() {
                family = Some(of);
            }
            rule.insert("protocol".into(), protocol);
            if random.chance(60) {
                rule.insert("icmp".into(), message(random));
            }
            if random.chance(20) {
                rule.insert("notICMP".into(), message(random));
            }
        }
        5 => {
            let all = [json!(47), json!("UDPLite"), json!("132")];
            rule.insert("protocol".into(), random.pick(&all).clone());
        }
        _ => unset = true,
    }
    if random.chance(8) {
        let all = [json!("TCP"), json!(17), json!(47)];
        rule.insert("notProtocol".into(), random.pick(&all).clone());
    }
    if let Some(family) = family.filter(|_| random.chance(60)) {
        rule.insert("ipVersion".into(), json!(if family == 0 { 4 } else { 6 }));
    }
    if ingress && action == "Allow" && unset && random.chance(4) {
        rule.insert(
            "http".into(),
            json!({"methods": ["GET"], "paths": [{"prefix": "/a"}]}),
        );
    }
    for destination in [false, true] {
        let peers = destination != ingress;
        if !random.chance(if peers { 80 } else { 30 }) {
            continue;
        }
        let frame = Frame {
            family: family.filter(|_| peers || random.chance(25)),
            numbers: transport,
            names: transport || unset && random.chance(30),
            peers,
            namespaced,
        };
        let mut entity = entity(random, &frame, destination);
        if !peers && random.chance(60) {
            // Mostly just ports at the own side.
            let fields = entity.as_object_mut().unwrap();
            fields.retain(|key, _| key == "ports" || key == "notPorts");
        }
        let word = if destination { "destination" } else { "source" };
        rule.insert(word.into(), entity);
    }
    Value::Object(rule)
}

fn rules(random: &mut Random, ingress: bool, namespaced: bool) -> Value {
    let count = random.below(5);
    (0..count)
        .map(|_| rule(random, ingress, namespaced))
        .collect()
}

fn policy(random: &mut Random, at: usize, version: (u16, u16), tiers: &[&str]) -> Value {
    let namespaced = random.chance(40);
    let mut kind = if namespaced {
        "NetworkPolicy".to_owned()
    } else {
        "GlobalNetworkPolicy".to_owned()
    };
    let mut spec = Map::new();
    let tier = *random.pick(tiers);
    if tier != "default" || random.chance(50) {
        spec.insert("tier".into(), json!(tier));
    }
    if random.chance(75) {
        let orders = [json!(1), json!(1), json!(5.5), json!(-3), json!(1000)];
        spec.insert("order".into(), random.pick(&orders).clone());
    }
    if version >= (3, 30) && random.chance(8) {
        kind = format!("Staged{kind}");
        if random.chance(50) {
            spec.insert("stagedAction".into(), json!("Set"));
        }
    }
    if random.chance(70) {
        spec.insert("selector".into(), json!(selector(random)));
    }
    if !namespaced && random.chance(25) {
        spec.insert(
            "namespaceSelector".into(),
            json!(namespace_selector(random)),
        );
    }
    if random.chance(12) {
        spec.insert(
            "serviceAccountSelector".into(),
            json!(account_selector(random)),
        );
    }
    if random.chance(80) {
        spec.insert("ingress".into(), rules(random, true, namespaced));
    }
    if random.chance(70) {
        spec.insert("egress".into(), rules(random, false, namespaced));
    }
    if random.chance(60) {
        let types = match random.below(3) {
            0 => json!(["Ingress"]),
            1 => json!(["Egress"]),
            _ => json!(["Egress", "Ingress"]),
        };
        spec.insert("types".into(), types);
    }
    if random.chance(5) {
        spec.insert(
            "performanceHints".into(),
            json!(["AssumeNeededOnEveryNode"]),
        );
    }
    if !namespaced && random.chance(4) {
        spec.insert("doNotTrack".into(), json!(true));
        spec.insert("applyOnForward".into(), json!(true));
    }
    // Names that sort otherwise with and without what follows them.
    let name = format!("{}{}", random.pick(&["a", "a-b", "b"]), at);
    let name = if tier == "default" {
        name
    } else {
        format!("{tier}.{name}")
    };
    let mut metadata = json!({"name": name});
    if namespaced {
        metadata["namespace"] = json!(random.pick(NAMESPACES));
    }
    json!({
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    })
}

fn set(random: &mut Random, at: usize) -> Value {
    let mut labels = Map::new();
    for (key, values) in LABELS {
        if random.chance(40) {
            labels.insert((*key).into(), json!(value(random, values)));
        }
    }
    let mut nets = Vec::new();
    for _ in 0..random.below(4) {
        let family = random.below(2);
        // Whole pod ranges, parts of them, and others.
        nets.push(match random.below(6) {
            0 => "203.0.113.9".to_owned(),
            1 => "10.1.2.3/16".to_owned(),
            _ => (*random.pick(NETS[family])).to_owned(),
        });
    }
    let mut metadata = json!({"name": format!("s{at}"), "labels": labels});
    let kind = if random.chance(50) {
        metadata["namespace"] = json!(random.pick(NAMESPACES));
        "NetworkSet"
    } else {
        "GlobalNetworkSet"
    };
    json!({
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": {"nets": nets},
    })
}

fn label_selector(random: &mut Random, keys: &[(&str, &[&str])]) -> Value {
    let (key, values) = *random.pick(keys);
    let one = value(random, values);
    match random.below(5) {
        0 => json!({}),
        1 | 2 => json!({"matchLabels": {key: one}}),
        3 => json!({"matchExpressions": [{"key": key, "operator": "NotIn", "values": [one]}]}),
        _ => json!({"matchExpressions": [{"key": key, "operator": "Exists"}]}),
    }
}

/// A NetworkPolicy of Kubernetes, whose place is among Calico's; its own corners have a test of their own.
fn kubernetes(random: &mut Random, at: usize) -> Value {
    let rules = |random: &mut Random, key: &str| -> Value {
        let count = random.below(3);
        let mut rules = Vec::new();
        for _ in 0..count {
            let mut rule = Map::new();
            let mut peers = Vec::new();
            for _ in 0..random.below(3) {
                let mut peer = Map::new();
                if random.chance(25) {
                    let family = random.below(2);
                    let cidr = *random.pick(NETS[family]);
                    peer.insert("ipBlock".into(), json!({"cidr": cidr}));
                } else {
                    peer.insert("podSelector".into(), label_selector(random, LABELS));
                    if random.chance(50) {
                        let place = label_selector(random, NAMESPACE_LABELS);
                        peer.insert("namespaceSelector".into(), place);
                    }
                }
                peers.push(Value::Object(peer));
            }
            rule.insert(key.into(), Value::Array(peers));
            if random.chance(50) {
                let port = match random.below(3) {
                    0 => json!({"port": 80}),
                    1 => json!({"protocol": "UDP", "port": 50, "endPort": 8080}),
                    _ => json!({"port": "http"}),
                };
                rule.insert("ports".into(), json!([port]));
            }
            rules.push(Value::Object(rule));
        }
        Value::Array(rules)
    };
    let ingress = rules(random, "from");
    let egress = rules(random, "to");
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": format!("{}{at}", random.pick(&["a", "a-b", "b"])),
            "namespace": random.pick(NAMESPACES),
        },
        "spec": {
            "podSelector": label_selector(random, LABELS),
            "policyTypes": random.pick(&[
                json!(["Ingress"]),
                json!(["Egress"]),
                json!(["Ingress", "Egress"]),
                json!([]),
            ]).clone(),
            "ingress": ingress,
            "egress": egress,
        },
    })
}

/// The objects of a cluster.
pub(crate) fn manifests(random: &mut Random, version: (u16, u16)) -> Vec<String> {
    let mut objects = Vec::new();
    let mut tiers = vec!["default"];
    for (name, order) in [
        ("early", json!(10)),
        ("ever", json!(10)),
        ("mid", json!(1_000_000)),
        ("late", json!(2e6)),
        ("loose", Value::Null),
    ] {
        let often = if name == "loose" { 15 } else { 45 };
        if !random.chance(often) {
            continue;
        }
        let mut spec = json!({"order": order});
        if random.chance(60) {
            spec["defaultAction"] = json!(random.pick(&["Deny", "Pass"]));
        }
        objects.push(json!({
            "apiVersion": "projectcalico.org/v3",
            "kind": "Tier",
            "metadata": {"name": name},
            "spec": spec,
        }));
        tiers.push(name);
    }
    if random.chance(5) {
        tiers.push("missing");
    }
    if version >= (3, 32) && random.chance(10) {
        tiers.push("kube-baseline");
    }
    for at in 0..random.below(4) {
        objects.push(set(random, at));
    }
    for at in 0..1 + random.below(5) {
        objects.push(policy(random, at, version, &tiers));
    }
    if random.chance(30) {
        // Of a name that a policy of Calico's may have too.
        let at = random.below(3);
        objects.push(kubernetes(random, at));
    }
    objects.iter().map(Value::to_string).collect()
}
