//! Random valid NetworkPolicies over the whole of the API, as JSON values: absent, `null` and empty where all are allowed, sloppy CIDRs, rules that nobody
//! listed, selectors of every shape.

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use crate::generator::Random;

const KEYS: &[&str] = &["app", "role", "app.kubernetes.io/name"];
const VALUES: &[&str] = &["web", "db", "on", "1e3", ""];
const NAMESPACE_KEYS: &[&str] = &["env", "team", "kubernetes.io/metadata.name"];
const NAMESPACE_VALUES: &[&str] = &["prod", "dev", "a", "shop", "data"];
/// Names of namespaces of policies.
pub const NAMESPACES: &[&str] = &["shop", "data", "default"];
const CIDRS: &[&str] = &[
    "10.244.0.0/16",
    "10.244.0.0/17",
    "10.244.128.0/17",
    "10.244.3.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::/0",
    "192.168.10.0/24",
    "192.168.10.128/25",
    "192.168.10.7/32",
    "203.0.113.0/24",
    "203.0.113.77/24",
    "203.0.113.77/32",
    "010.000.0.0/08",
    "2001:db8::/32",
    "fd00:244::/56",
    "fd00:244::/57",
    "fd00::/8",
    "128.0.0.0/1",
];

/// Something, or nothing in one of the ways in which nothing can be said.
fn maybe(random: &mut Random, map: &mut Map<String, Value>, key: &str, value: Value) {
    match value {
        Value::Null if random.chance(50) => {}
        value => {
            map.insert(key.to_owned(), value);
        }
    }
}

fn selector(random: &mut Random, keys: &[&str], values: &[&str]) -> Value {
    let mut map = Map::new();
    let mut labels = Map::new();
    for key in keys {
        if random.chance(25) {
            labels.insert((*key).to_owned(), json!(random.pick(values)));
        }
    }
    let labels = match labels.is_empty() {
        true => random.pick(&[Value::Null, json!({})]).clone(),
        false => Value::Object(labels),
    };
    maybe(random, &mut map, "matchLabels", labels);
    let mut expressions = Vec::new();
    while random.chance(25) {
        let key = random.pick(keys);
        let some: Vec<&str> = (0..=random.below(2))
            .map(|_| *random.pick(values))
            .collect();
        expressions.push(match random.below(4) {
            0 => json!({"key": key, "operator": "In", "values": some}),
            1 => json!({"key": key, "operator": "NotIn", "values": some}),
            2 if random.chance(50) => json!({"key": key, "operator": "Exists", "values": []}),
            2 => json!({"key": key, "operator": "Exists"}),
            _ => json!({"key": key, "operator": "DoesNotExist", "values": null}),
        });
    }
    let expressions = match expressions.is_empty() {
        true => random.pick(&[Value::Null, json!([])]).clone(),
        false => Value::Array(expressions),
    };
    maybe(random, &mut map, "matchExpressions", expressions);
    Value::Object(map)
}

fn block(random: &mut Random) -> Value {
    let cidr = *random.pick(CIDRS);
    let outer: IpNet = match cidr {
        "010.000.0.0/08" => "10.0.0.0/8".parse().unwrap(),
        cidr => cidr.parse().unwrap(),
    };
    let outer = outer.trunc();
    let holes: Vec<&str> = CIDRS
        .iter()
        .filter(|hole| {
            hole.parse::<IpNet>()
                .is_ok_and(|hole| outer.contains(&hole) && hole.prefix_len() > outer.prefix_len())
        })
        .copied()
        .filter(|_| random.chance(25))
        .collect();
    let mut map = Map::new();
    map.insert("cidr".to_owned(), json!(cidr));
    let holes = match holes.is_empty() {
        true => random.pick(&[Value::Null, json!([])]).clone(),
        false => json!(holes),
    };
    maybe(random, &mut map, "except", holes);
    json!({ "ipBlock": map })
}

fn peer(random: &mut Random) -> Value {
    if random.chance(35) {
        return block(random);
    }
    let mut map = Map::new();
    let both = random.chance(30);
    let namespaces = random.chance(50);
    for (key, is, keys, values) in [
        (
            "namespaceSelector",
            namespaces || both,
            NAMESPACE_KEYS,
            NAMESPACE_VALUES,
        ),
        ("podSelector", !namespaces || both, KEYS, VALUES),
    ] {
        let value = match is {
            true => selector(random, keys, values),
            false => Value::Null,
        };
        maybe(random, &mut map, key, value);
    }
    Value::Object(map)
}

fn port(random: &mut Random) -> Value {
    if random.chance(5) {
        return Value::Null;
    }
    let mut map = Map::new();
    let protocol = random
        .pick(&[Value::Null, json!("TCP"), json!("UDP"), json!("SCTP")])
        .clone();
    maybe(random, &mut map, "protocol", protocol);
    let mut end = Value::Null;
    let number = match random.below(10) {
        0 | 1 => Value::Null,
        2 | 3 => json!(random.pick(&["http", "metrics"])),
        _ => {
            let low = *random.pick(&[1u16, 53, 80, 443, 8080, 65535]);
            if random.chance(30) {
                end = json!(low.saturating_add(*random.pick(&[0u16, 1, 20, 60000])));
            }
            json!(low)
        }
    };
    maybe(random, &mut map, "port", number);
    maybe(random, &mut map, "endPort", end);
    Value::Object(map)
}

fn list(random: &mut Random, most: usize, item: fn(&mut Random) -> Value) -> Value {
    let items: Vec<Value> = (0..random.below(most + 1)).map(|_| item(random)).collect();
    match items.is_empty() {
        true => random.pick(&[Value::Null, json!([])]).clone(),
        false => Value::Array(items),
    }
}

fn rule(random: &mut Random, peers: &str) -> Value {
    if random.chance(4) {
        return Value::Null;
    }
    let mut map = Map::new();
    let most = 1 + random.below(6);
    let items = list(random, most, peer);
    maybe(random, &mut map, peers, items);
    let most = 1 + random.below(4);
    let items = list(random, most, port);
    maybe(random, &mut map, "ports", items);
    Value::Object(map)
}

/// A policy.
pub fn policy(random: &mut Random, name: &str) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(name));
    match *random.pick(NAMESPACES) {
        "default" if random.chance(50) => {}
        namespace => {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
    }
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
    });
    if random.chance(3) {
        if random.chance(50) {
            object["spec"] = Value::Null;
        }
        return object;
    }
    let mut spec = Map::new();
    let subject = match random.below(6) {
        0 => Value::Null,
        1..4 => json!({}),
        _ => selector(random, KEYS, VALUES),
    };
    maybe(random, &mut spec, "podSelector", subject);
    let types = match random.below(6) {
        0 => Value::Null,
        1 => json!([]),
        2 => json!(["Ingress"]),
        3 => json!(["Egress"]),
        4 => json!(["Egress", "Ingress"]),
        _ => json!(["Ingress", "Ingress"]),
    };
    maybe(random, &mut spec, "policyTypes", types);
    for (key, peers) in [("ingress", "from"), ("egress", "to")] {
        let rules: Vec<Value> = (0..random.below(4)).map(|_| rule(random, peers)).collect();
        let rules = match rules.is_empty() {
            true => random.pick(&[Value::Null, json!([])]).clone(),
            false => Value::Array(rules),
        };
        maybe(random, &mut spec, key, rules);
    }
    object["spec"] = Value::Object(spec);
    object
}

/// The text of some objects, in one of the ways in which they are handed over.
pub fn text(random: &mut Random, objects: &[Value]) -> String {
    let yaml = |value: &Value| vauban::backend::yaml::to_string(value);
    match random.below(5) {
        0 => objects
            .iter()
            .map(|object| format!("---\n{}", yaml(object)))
            .collect(),
        1 => objects
            .iter()
            .map(|object| format!("--- # one more\n{object:#}\n...\n"))
            .collect(),
        2 => yaml(&json!({"apiVersion": "v1", "kind": "List", "items": objects})),
        3 => json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects})
            .to_string(),
        _ => {
            let mut items = objects.to_vec();
            for item in &mut items {
                let map = item.as_object_mut().unwrap();
                map.remove("apiVersion");
                map.remove("kind");
            }
            yaml(&json!({
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicyList",
                "items": items,
            }))
        }
    }
}
