//! One change to one emitted object: everything that a slip of an emitter, or of a hand in a merge, may do to it.
//!
//! Takes: the objects of a target as trees. Gives: the same objects but for one place, and words for what was done where. Knows the names of the
//! targets' fields, and nothing of what they mean.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::generator::Random;
use crate::interpreters::yaml::Value;

/// What was done.
#[derive(Clone, Debug)]
pub struct Change {
    /// The kind of change: `drop an item`.
    pub what: &'static str,
    /// Where: `spec.ingress[0].from`.
    pub at: String,
    /// The object, by its place among all.
    pub object: usize,
    /// All objects, one of them changed or gone.
    pub after: Vec<Value>,
}

/// What may stand in place of something.
#[derive(Clone, Debug)]
enum Edit {
    /// The field or item goes.
    Drop,
    /// The item and the one after it change places.
    Swap,
    /// Another value.
    Put(Value),
    /// The map has one field more.
    Insert(&'static str, Value),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, Debug)]
struct Site {
    what: &'static str,
    path: Vec<Step>,
    edit: Edit,
}

impl Site {
    fn new(what: &'static str, path: &[Step], edit: Edit) -> Self {
        Site {
            what,
            path: path.to_vec(),
            edit,
        }
    }
}

/// What the objects of a target name beside each other.
struct Around {
    namespaces: Vec<String>,
    tiers: Vec<String>,
    orders: Vec<Value>,
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// A field of a map.
pub fn field<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) => map
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value),
        _ => None,
    }
}

/// A field of a field that is a text.
pub fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    let mut at = value;
    for key in path {
        at = field(at, key)?;
    }
    match at {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// One random change. `namespaces` are those of the program. `None` if there are no objects.
pub fn change(random: &mut Random, objects: &[Value], namespaces: &[String]) -> Option<Change> {
    if objects.is_empty() {
        return None;
    }
    let mut around = Around {
        namespaces: namespaces.to_vec(),
        tiers: Vec::new(),
        orders: Vec::new(),
    };
    for object in objects {
        around
            .tiers
            .extend(text_at(object, &["spec", "tier"]).map(str::to_owned));
        let order = field(object, "spec").and_then(|spec| field(spec, "order"));
        around.orders.extend(order.cloned());
    }
    // Of two, the one that says more: tiers and sets are many and short.
    let (one, other) = (random.below(objects.len()), random.below(objects.len()));
    let at = match json(&objects[one]).len() >= json(&objects[other]).len() {
        true => one,
        false => other,
    };
    let mut after = objects.to_vec();
    if random.chance(4) {
        after.remove(at);
        return Some(Change {
            what: "drop a whole object",
            at: String::new(),
            object: at,
            after,
        });
    }
    let mut sites = Vec::new();
    visit(random, &objects[at], &mut Vec::new(), &around, &mut sites);
    whole(random, &objects[at], &around, &mut sites);
    // The kind first, so that what there is most of does not crowd out the rest.
    let mut kinds: Vec<&str> = sites.iter().map(|site| site.what).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let kind = *random.pick(&kinds);
    sites.retain(|site| site.what == kind);
    let site = random.pick(&sites).clone();
    let mut shown = String::new();
    for step in &site.path {
        let _ = match step {
            Step::Field(key) => write!(shown, ".{key}"),
            Step::Item(at) => write!(shown, "[{at}]"),
        };
    }
    if let Edit::Insert(key, _) = &site.edit {
        let _ = write!(shown, ".{key}");
    }
    apply(&mut after[at], &site.path, site.edit);
    (after[at] != objects[at]).then_some(Change {
        what: site.what,
        at: shown.trim_start_matches('.').to_owned(),
        object: at,
        after,
    })
}

fn apply(value: &mut Value, path: &[Step], edit: Edit) {
    let [first, rest @ ..] = path else {
        match (edit, value) {
            (Edit::Put(other), value) => *value = other,
            (Edit::Insert(key, other), Value::Map(map)) => map.push((key.to_owned(), other)),
            (edit, value) => panic!("{edit:?} at {value:?}"),
        }
        return;
    };
    match (value, first) {
        (Value::Map(map), Step::Field(key)) => {
            if rest.is_empty() && matches!(edit, Edit::Drop) {
                map.retain(|(known, _)| known != key);
            } else if let Some((_, inner)) = map.iter_mut().find(|(known, _)| known == key) {
                apply(inner, rest, edit);
            }
        }
        (Value::List(list), Step::Item(at)) => match (rest.is_empty(), &edit) {
            (true, Edit::Drop) => drop(list.remove(*at)),
            (true, Edit::Swap) => list.swap(*at, at + 1),
            _ => apply(&mut list[*at], rest, edit),
        },
        (value, step) => panic!("{step:?} of {value:?}"),
    }
}

/// The field that a place stands under: of an item, that of its list.
fn name(path: &[Step], up: usize) -> &str {
    let mut fields = path.iter().rev().filter_map(|step| match step {
        Step::Field(key) => Some(key.as_str()),
        Step::Item(_) => None,
    });
    fields.nth(up).unwrap_or("")
}

fn visit(
    random: &mut Random,
    value: &Value,
    path: &mut Vec<Step>,
    around: &Around,
    sites: &mut Vec<Site>,
) {
    let inside = matches!(path.first(), Some(Step::Field(key)) if key == "spec" || key == "specs");
    match value {
        Value::Map(map) => {
            if inside {
                for (key, empty) in absent(name(path, 0), value) {
                    sites.push(Site::new("absent to empty", path, Edit::Insert(key, empty)));
                }
            }
            for (key, inner) in map {
                path.push(Step::Field(key.clone()));
                if inside {
                    sites.push(Site::new(dropped(key, path), path, Edit::Drop));
                    match inner {
                        Value::Map(map) if !map.is_empty() => {
                            sites.push(Site::new(
                                "full to empty",
                                path,
                                Edit::Put(Value::Map(Vec::new())),
                            ));
                        }
                        Value::List(list) if !list.is_empty() => {
                            sites.push(Site::new(
                                "full to empty",
                                path,
                                Edit::Put(Value::List(Vec::new())),
                            ));
                        }
                        Value::Map(_) | Value::List(_) => {
                            sites.push(Site::new("empty to absent", path, Edit::Drop));
                        }
                        _ => {}
                    }
                }
                let deeper = match path.len() {
                    1 => key == "spec" || key == "specs",
                    _ => true,
                };
                if deeper {
                    visit(random, inner, path, around, sites);
                }
                path.pop();
            }
        }
        Value::List(list) => {
            for (at, inner) in list.iter().enumerate() {
                path.push(Step::Item(at));
                sites.push(Site {
                    what: match name(path, 0) {
                        "ingress" | "egress" | "ingressDeny" | "egressDeny" => "drop a rule",
                        "from" | "to" | "fromEndpoints" | "toEndpoints" => "drop a peer",
                        "except" | "notNets" => "drop an exception",
                        "policyTypes" | "types" => "drop a type",
                        "ports" | "toPorts" => "drop a port",
                        "matchExpressions" => "drop a requirement",
                        _ => "drop an item",
                    },
                    path: path.clone(),
                    edit: Edit::Drop,
                });
                let rules = name(path, 0).starts_with(['i', 'e']) && matches!(inner, Value::Map(_));
                if at + 1 < list.len() && (rules || random.chance(10)) {
                    sites.push(Site {
                        what: "swap two",
                        path: path.clone(),
                        edit: Edit::Swap,
                    });
                }
                visit(random, inner, path, around, sites);
                path.pop();
            }
        }
        scalar => {
            for (what, other) in others(random, scalar, path, around) {
                sites.push(Site {
                    what,
                    path: path.clone(),
                    edit: Edit::Put(other),
                });
            }
        }
    }
}

/// What it is called to lose a field.
fn dropped(key: &str, path: &[Step]) -> &'static str {
    match key {
        "policyTypes" | "types" => "drop the types",
        "ports" | "toPorts" | "protocol" | "icmps" | "endPort" => "drop the ports",
        "except" | "notNets" | "notPorts" | "notSelector" => "drop the exceptions",
        "podSelector"
        | "namespaceSelector"
        | "endpointSelector"
        | "selector"
        | "matchLabels"
        | "matchExpressions"
        | "serviceAccountSelector"
        | "serviceAccounts" => "drop a selector",
        "ingress" | "egress" | "ingressDeny" | "egressDeny" => "drop a direction",
        "enableDefaultDeny" => "drop the default",
        "order" | "tier" | "defaultAction" => "drop order, tier or default action",
        _ if name(path, 1) == "matchLabels" => "drop a label",
        _ => "drop a field",
    }
}

/// Fields that a map could have, empty.
fn absent(under: &str, map: &Value) -> Vec<(&'static str, Value)> {
    let none = || Value::List(Vec::new());
    let all = || Value::Map(Vec::new());
    let known: Vec<(&'static str, Value)> = match under {
        "spec" | "specs" => match map {
            map if field(map, "endpointSelector").is_some() => vec![
                ("ingress", none()),
                ("egress", none()),
                ("ingressDeny", none()),
                ("egressDeny", none()),
            ],
            map if field(map, "podSelector").is_some() => {
                vec![("ingress", none()), ("egress", none())]
            }
            map if field(map, "tier").is_some() => vec![
                ("ingress", none()),
                ("egress", none()),
                ("selector", text("")),
                ("namespaceSelector", text("all()")),
                ("serviceAccountSelector", text("all()")),
            ],
            _ => Vec::new(),
        },
        "ingress" | "egress" | "ingressDeny" | "egressDeny" => {
            let source = under.starts_with('i');
            match map {
                map if field(map, "action").is_some() => vec![
                    ("source", all()),
                    ("destination", all()),
                    ("icmp", all()),
                    ("notICMP", all()),
                ],
                map if ["toPorts", "fromEndpoints", "toEndpoints", "fromEntities"]
                    .iter()
                    .chain(&["toEntities", "fromCIDRSet", "toCIDRSet", "icmps"])
                    .any(|key| field(map, key).is_some()) =>
                {
                    let mut known = vec![("toPorts", none()), ("icmps", none())];
                    known.extend(if source {
                        [("fromEndpoints", none()), ("fromEntities", none())]
                    } else {
                        [("toEndpoints", none()), ("toEntities", none())]
                    });
                    known.push((if source { "fromCIDRSet" } else { "toCIDRSet" }, none()));
                    known
                }
                _ => vec![
                    (if source { "from" } else { "to" }, none()),
                    ("ports", none()),
                ],
            }
        }
        "from" | "to" => vec![("podSelector", all()), ("namespaceSelector", all())],
        "ipBlock" | "fromCIDRSet" | "toCIDRSet" => vec![("except", none())],
        "podSelector" | "namespaceSelector" | "endpointSelector" | "fromEndpoints"
        | "toEndpoints" => vec![("matchLabels", all()), ("matchExpressions", none())],
        "source" | "destination" => vec![
            ("nets", none()),
            ("notNets", none()),
            ("ports", none()),
            ("selector", text("")),
            ("selector", text("all()")),
            ("notSelector", text("")),
            ("namespaceSelector", text("all()")),
            ("namespaceSelector", text("global()")),
            ("serviceAccounts", all()),
        ],
        _ => Vec::new(),
    };
    known
        .into_iter()
        .filter(|(key, _)| field(map, key).is_none())
        .collect()
}

/// Other values of a scalar.
fn others(
    random: &mut Random,
    value: &Value,
    path: &[Step],
    around: &Around,
) -> Vec<(&'static str, Value)> {
    let key = name(path, 0);
    let mut out = Vec::new();
    match value {
        Value::Bool(is) => out.push(("flip a default", Value::Bool(!is))),
        Value::Float(_) | Value::Int(_) if key == "order" => {
            out.push(("another order", random.pick(&around.orders).clone()));
            out.push(("another order", Value::Int(1)));
            out.push(("another order", Value::Int(90_000_000)));
        }
        Value::Int(number) => match key {
            "ipVersion" => out.push(("another family", Value::Int(10 - number))),
            "endPort" | "port" | "ports" => {
                out.push(("port plus one", Value::Int(number + 1)));
                out.push(("port minus one", Value::Int(number - 1)));
            }
            _ => out.push(("another number", Value::Int(number + 1))),
        },
        Value::Text(is) => {
            if let Ok(net) = is.parse::<IpNet>() {
                networks(random, net, &mut out);
                return out;
            }
            let rotate = |what, words: &[&str], out: &mut Vec<(&'static str, Value)>| {
                let rest = words.iter().filter(|word| *word != is);
                out.extend(rest.map(|word| (what, text(word))));
            };
            match key {
                "operator" => {
                    let other = match is.as_str() {
                        "In" => "NotIn",
                        "NotIn" => "In",
                        "Exists" => "DoesNotExist",
                        _ => "Exists",
                    };
                    out.push(("another operator", text(other)));
                }
                "action" => rotate(
                    "another action",
                    &["Allow", "Deny", "Pass", "Log"],
                    &mut out,
                ),
                "defaultAction" => rotate("another default action", &["Pass", "Deny"], &mut out),
                "protocol" => rotate(
                    "another protocol",
                    &["TCP", "UDP", "SCTP", "ICMP", "ANY"],
                    &mut out,
                ),
                "policyTypes" | "types" => rotate("another type", &["Ingress", "Egress"], &mut out),
                "family" => rotate("another family", &["IPv4", "IPv6"], &mut out),
                "fromEntities" | "toEntities" => rotate(
                    "another entity",
                    &[
                        "world",
                        "cluster",
                        "host",
                        "remote-node",
                        "all",
                        "kube-apiserver",
                        "ingress",
                    ],
                    &mut out,
                ),
                "port" | "ports" => ports(is, &mut out),
                "selector" | "notSelector" | "namespaceSelector" | "serviceAccountSelector" => {
                    out.extend(
                        selectors(is)
                            .into_iter()
                            .map(|(what, other)| (what, text(&other))),
                    );
                }
                "tier" => {}
                "matchPattern" => out.push(("another name", text(&format!("*.{is}")))),
                "matchName" => out.push(("another name", text(&format!("x.{is}")))),
                "description" | "stagedAction" => {}
                _ if name(path, 1) == "metadata" || name(path, 2) == "metadata" => {}
                _ => {
                    let what = match (key, name(path, 1)) {
                        (_, "matchLabels") | ("values", _) => "another value",
                        ("key", _) => "another key",
                        _ => "another text",
                    };
                    out.push((what, text(&format!("{is}x"))));
                }
            }
        }
        _ => {}
    }
    out
}

fn networks(random: &mut Random, net: IpNet, out: &mut Vec<(&'static str, Value)>) {
    let longest = net.max_prefix_len();
    let written = |net: IpNet| Value::Text(net.trunc().to_string());
    let of = |address: IpAddr, length: u8| IpNet::new(address, length).expect("a length that fits");
    if net.prefix_len() > 0 {
        out.push((
            "widen a network",
            written(of(net.addr(), net.prefix_len() - 1)),
        ));
        let length = random.below(usize::from(net.prefix_len())) as u8;
        out.push(("widen a network", written(of(net.addr(), length))));
    }
    if net.prefix_len() < longest {
        let halves: Vec<IpNet> = net
            .subnets(net.prefix_len() + 1)
            .expect("a length that fits")
            .take(2)
            .collect();
        out.push(("narrow a network", written(*random.pick(&halves))));
    }
}

/// Ports that are written as text: `80`, `80:90`, a name.
fn ports(is: &str, out: &mut Vec<(&'static str, Value)>) {
    let number = |text: &str| text.parse::<u32>().ok();
    match is.split_once(':') {
        Some((low, high)) => {
            if let (Some(low), Some(high)) = (number(low), number(high)) {
                out.push(("port plus one", text(&format!("{low}:{}", high + 1))));
                out.push((
                    "port minus one",
                    text(&format!("{}:{high}", low.saturating_sub(1))),
                ));
            }
        }
        None => match number(is) {
            Some(port) => {
                out.push(("port plus one", text(&(port + 1).to_string())));
                out.push(("port minus one", text(&port.saturating_sub(1).to_string())));
            }
            None => out.push(("another name", text(&format!("{is}x")))),
        },
    }
}

/// Changes to the text of a selector of Calico's.
fn selectors(is: &str) -> Vec<(&'static str, String)> {
    let mut out = vec![("drop a selector", "all()".to_owned())];
    let swaps = [
        ("==", "!="),
        ("!=", "=="),
        (" not in ", " in "),
        (" in ", " not in "),
        ("!has(", "has("),
        ("has(", "!has("),
        ("&&", "||"),
        ("||", "&&"),
    ];
    for (from, to) in swaps {
        for (at, _) in is.match_indices(from) {
            let before = &is[..at];
            let doubled = from == " in " && before.ends_with("not")
                || from == "has(" && before.ends_with('!');
            if !doubled {
                if out
                    .iter()
                    .filter(|(what, _)| *what == "another operator")
                    .count()
                    > 6
                {
                    break;
                }
                out.push((
                    "another operator",
                    format!("{before}{to}{}", &is[at + from.len()..]),
                ));
            }
        }
    }
    let parts: Vec<&str> = is.split(" && ").collect();
    let even = |part: &&str| part.matches('(').count() == part.matches(')').count();
    if parts.len() > 1 && parts.iter().all(even) {
        for at in 0..parts.len() {
            let mut rest = parts.clone();
            rest.remove(at);
            out.push(("drop a requirement", rest.join(" && ")));
        }
    }
    if let Some(at) = is.rfind('"') {
        out.push(("another value", format!("{}x{}", &is[..at], &is[at..])));
    }
    out
}

/// Changes of the object as a whole: its kind, its metadata, its tier.
fn whole(random: &mut Random, object: &Value, around: &Around, sites: &mut Vec<Site>) {
    let mut put = |what: &'static str, edits: &[(&[&str], Option<Value>)]| {
        let mut other = object.clone();
        for (path, value) in edits {
            set(&mut other, path, value.clone());
        }
        if other != *object {
            sites.push(Site {
                what,
                path: Vec::new(),
                edit: Edit::Put(other),
            });
        }
    };
    let kind = text_at(object, &["kind"]).unwrap_or("");
    let name = text_at(object, &["metadata", "name"]).unwrap_or("");
    let is_set = kind.ends_with("NetworkSet") || kind == "CiliumCIDRGroup" || kind == "Tier";
    if is_set {
        let other = text(&format!("{name}x"));
        put("another name", &[(&["metadata", "name"], Some(other))]);
    }
    if let Some(Value::Map(labels)) =
        field(object, "metadata").and_then(|meta| field(meta, "labels"))
        && is_set
    {
        for (key, value) in labels
            .iter()
            .filter(|(key, _)| !key.starts_with("app.kubernetes.io/"))
        {
            put("drop a label", &[(&["metadata", "labels", key], None)]);
            if let Value::Text(is) = value {
                let other = text(&format!("{is}x"));
                put(
                    "another value",
                    &[(&["metadata", "labels", key], Some(other))],
                );
            }
        }
    }
    if let Some(own) = text_at(object, &["metadata", "namespace"]) {
        for other in around.namespaces.iter().filter(|other| *other != own) {
            put(
                "another namespace",
                &[(&["metadata", "namespace"], Some(text(other)))],
            );
        }
        put("drop the namespace", &[(&["metadata", "namespace"], None)]);
    }
    if let Some(tier) = text_at(object, &["spec", "tier"]) {
        let other = random.pick(&around.tiers).clone();
        let renamed = name.replacen(tier, &other, 1);
        put(
            "another tier",
            &[
                (&["spec", "tier"], Some(text(&other))),
                (&["metadata", "name"], Some(text(&renamed))),
                (
                    &["metadata", "labels", "projectcalico.org/tier"],
                    Some(text(&other)),
                ),
            ],
        );
        put("another tier", &[(&["spec", "tier"], Some(text(&other)))]);
        let label: &[&str] = &["metadata", "labels", "projectcalico.org/tier"];
        put("drop the label of the tier", &[(label, None)]);
        let (staged, action) = match kind.strip_prefix("Staged") {
            Some(kind) => (kind.to_owned(), None),
            None => (format!("Staged{kind}"), Some(text("Set"))),
        };
        put(
            "staged or not",
            &[
                (&["kind"], Some(text(&staged))),
                (&["spec", "stagedAction"], action),
            ],
        );
    }
    let widened = match kind {
        "NetworkPolicy"
            if field(object, "spec").is_some_and(|spec| field(spec, "tier").is_some()) =>
        {
            "GlobalNetworkPolicy"
        }
        "CiliumNetworkPolicy" => "CiliumClusterwideNetworkPolicy",
        _ => return,
    };
    put(
        "for the whole cluster",
        &[
            (&["kind"], Some(text(widened))),
            (&["metadata", "namespace"], None),
        ],
    );
}

/// Sets, adds or removes a field.
fn set(value: &mut Value, path: &[&str], to: Option<Value>) {
    let (Value::Map(map), [key, rest @ ..]) = (value, path) else {
        return;
    };
    let at = map.iter().position(|(known, _)| known == key);
    match (at, rest.is_empty(), to) {
        (Some(at), true, Some(to)) => map[at].1 = to,
        (Some(at), true, None) => drop(map.remove(at)),
        (None, true, Some(to)) => map.push(((*key).to_owned(), to)),
        (Some(at), false, to) => set(&mut map[at].1, rest, to),
        _ => {}
    }
}

/// A tree as JSON, which is YAML.
pub fn json(value: &Value) -> String {
    let quoted = |text: &str| serde_json::to_string(text).expect("a text is JSON");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(is) => is.to_string(),
        Value::Int(is) => is.to_string(),
        Value::Float(is) => is.to_string(),
        Value::Text(text) => quoted(text),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(json).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let fields: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), json(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}
