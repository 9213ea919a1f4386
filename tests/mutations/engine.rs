//! What a target does with objects, by the interpreters, in every reading that its documents leave open.

use vauban::backend::Spec;
use vauban::model::{Cni, Program, Target};
use vauban::space::{Direction, End};

use super::change::{field, json, text_at};
use crate::interpreters::calico_any::{self, Hidden, Server};
use crate::interpreters::kubernetes::{Quirks, Reading};
use crate::interpreters::yaml::Value;
use crate::interpreters::{Outcome, Parsed, Seen, cilium, kubernetes};

/// The objects of a target, understood.
pub enum Engine {
    Kubernetes(Vec<(kubernetes::Cluster, Reading)>),
    Calico(Vec<calico_any::Cluster>),
    Cilium(cilium::Cluster),
}

impl Engine {
    /// Reads objects as a target's cluster does.
    pub fn of(spec: &Spec, program: &Program, objects: &[Value]) -> Parsed<Self> {
        let cluster = &program.cluster;
        let mut applied: Vec<Value> = Vec::with_capacity(objects.len());
        for object in objects.iter().map(placed) {
            // What is there twice and is the same is applied twice.
            if !applied.iter().any(|known| alike(known, &object)) {
                applied.push(object);
            }
        }
        let objects = applied.as_slice();
        match spec.backend {
            Target::Kubernetes => {
                let reading = |pods, nodes| Reading {
                    blocks_meet_pods: pods,
                    blocks_meet_nodes: nodes,
                };
                let readings = match cluster.cni {
                    None => vec![
                        reading(true, true),
                        reading(true, false),
                        reading(false, true),
                        reading(false, false),
                    ],
                    Some(Cni::Cilium) => vec![reading(false, false)],
                    Some(_) => vec![reading(true, true)],
                };
                let quirks = Quirks {
                    unlisted_rules_act: cluster.cni == Some(Cni::Cilium),
                    end_port_is_unknown: false,
                };
                let read = kubernetes::Cluster::parse_any(objects, quirks)?;
                let all = readings.into_iter().map(|one| (read.clone(), one));
                Ok(Engine::Kubernetes(all.collect()))
            }
            Target::Calico => {
                let texts: Vec<String> = objects.iter().map(json).collect();
                // What a server does with a tier that has no order, and with empty lists, the documents leave open.
                [(1e6, false), (1e6, true), (f64::INFINITY, false)]
                    .into_iter()
                    .filter(|(_, counts)| !counts || spec.version >= (3, 32))
                    .map(|(missing_order, counts_empty_lists)| {
                        let server = Server {
                            version: spec.version,
                            missing_order,
                            counts_empty_lists,
                        };
                        calico_any::Cluster::parse(texts.iter().map(String::as_str), server)
                    })
                    .collect::<Parsed<_>>()
                    .map(Engine::Calico)
            }
            Target::Cilium => {
                let mut texts = Vec::new();
                for object in objects {
                    texts.extend(complete(object).as_ref().map(json));
                }
                let settings = cilium::Settings {
                    version: spec.version,
                    node_labels: cluster.node_labels,
                    extended_protocols: cluster.extended_protocols,
                    apiserver: cluster
                        .apiserver
                        .as_ref()
                        .map(|api| api.networks())
                        .unwrap_or_default(),
                };
                cilium::Cluster::parse(texts.iter().map(String::as_str), settings)
                    .map(Engine::Cilium)
            }
        }
    }

    /// What becomes of a flow, in each reading.
    pub fn decide(&self, seen: &Seen, hidden: &Hidden) -> Vec<Outcome> {
        match self {
            Engine::Kubernetes(all) => all
                .iter()
                .map(|(cluster, reading)| cluster.decide(seen, *reading))
                .collect(),
            Engine::Calico(all) => all.iter().map(|one| one.decide(seen, hidden)).collect(),
            Engine::Cilium(cluster) => {
                let mut all = vec![cluster.decide(seen, false)];
                // A pod's own node reaches it whatever is written; the way back is as to any node.
                if matches!(seen.flow.peer, End::Node(_))
                    && seen.flow.direction == Direction::Egress
                {
                    all.push(cluster.decide(seen, true));
                }
                all
            }
        }
    }
}

/// Whether one of two objects says all that the other does, of the same name.
fn alike(one: &Value, other: &Value) -> bool {
    let meta = |value, key| field(value, "metadata").and_then(|meta| field(meta, key));
    field(one, "kind") == field(other, "kind")
        && meta(one, "name") == meta(other, "name")
        && meta(one, "namespace") == meta(other, "namespace")
        && field(one, "spec") == field(other, "spec")
        && field(one, "specs") == field(other, "specs")
}

/// An object with the namespace that it is put into if it names none.
fn placed(object: &Value) -> Value {
    let namespaced = [
        "NetworkPolicy",
        "StagedNetworkPolicy",
        "NetworkSet",
        "CiliumNetworkPolicy",
    ];
    let mut object = object.clone();
    let is = text_at(&object, &["kind"]).is_some_and(|kind| namespaced.contains(&kind))
        && text_at(&object, &["metadata", "namespace"]).is_none();
    if is
        && let Value::Map(map) = &mut object
        && let Some((_, Value::Map(meta))) = map.iter_mut().find(|(key, _)| key == "metadata")
    {
        meta.push(("namespace".to_owned(), Value::Text("default".to_owned())));
    }
    object
}

/// An object of Cilium's with what the agent fills in, which the interpreter wants to see: the defaults, and no lists that do nothing. `None` if
/// nothing is left of it.
fn complete(object: &Value) -> Option<Value> {
    let Value::Map(map) = object else {
        return Some(object.clone());
    };
    if field(object, "kind") == Some(&Value::Text("CiliumCIDRGroup".to_owned())) {
        return Some(object.clone());
    }
    let mut whole = Vec::new();
    let mut rules = 0;
    for (key, value) in map {
        match (key.as_str(), value) {
            ("spec", spec) => {
                let spec = completed(spec);
                rules += usize::from(spec.is_some());
                whole.extend(spec.map(|spec| (key.clone(), spec)));
            }
            ("specs", Value::List(specs)) => {
                let specs: Vec<Value> = specs.iter().filter_map(completed).collect();
                rules += specs.len();
                whole.push((key.clone(), Value::List(specs)));
            }
            (_, other) => whole.push((key.clone(), other.clone())),
        }
    }
    (rules > 0).then_some(Value::Map(whole))
}

fn completed(spec: &Value) -> Option<Value> {
    let Value::Map(map) = spec else {
        return Some(spec.clone());
    };
    let full = |key: &str| matches!(field(spec, key), Some(Value::List(list)) if !list.is_empty());
    let sides = ["ingress", "ingressDeny", "egress", "egressDeny"];
    if !sides.iter().any(|key| full(key)) {
        return None;
    }
    let closes = field(spec, "enableDefaultDeny");
    let side = |key: &str, deny: &str| {
        let written = closes.and_then(|closes| field(closes, key)).cloned();
        let rules = full(key) || full(deny);
        // Where there is no rule, nothing is closed, whatever is said.
        let value = match written {
            Some(Value::Bool(false)) => false,
            _ => rules,
        };
        (key.to_owned(), Value::Bool(value))
    };
    let mut whole: Vec<(String, Value)> = map
        .iter()
        .filter(|(key, _)| key != "enableDefaultDeny")
        .filter(|(key, _)| !sides.contains(&key.as_str()) || full(key))
        .map(|(key, value)| match value {
            Value::List(list) if sides.contains(&key.as_str()) => {
                (key.clone(), Value::List(list.iter().map(element).collect()))
            }
            value => (key.clone(), value.clone()),
        })
        .collect();
    let both = vec![side("ingress", "ingressDeny"), side("egress", "egressDeny")];
    whole.push(("enableDefaultDeny".to_owned(), Value::Map(both)));
    Some(Value::Map(whole))
}

/// An element without lists that do nothing. What has `toPorts` or `icmps` of which none names any traffic selects nothing, as an empty element does.
fn element(value: &Value) -> Value {
    let Value::Map(map) = value else {
        return value.clone();
    };
    let mut whole = Vec::new();
    let peers = |key: &str| key.starts_with("from") || key.starts_with("to") && key != "toPorts";
    let full = |value: &Value| matches!(value, Value::List(list) if !list.is_empty());
    // A list of peers that is there and empty selects nothing, whatever stands beside it; one of names is as good as none.
    let empty = |value: &Value| matches!(value, Value::List(list) if list.is_empty());
    let mut members = map.iter().filter(|(key, _)| peers(key) && key != "toFQDNs");
    if members.any(|(_, value)| empty(value)) {
        return Value::Map(Vec::new());
    }
    for (key, value) in map {
        let inner = match key.as_str() {
            "toPorts" => "ports",
            "icmps" => "fields",
            "toFQDNs" if empty(value) => continue,
            _ => {
                whole.push((key.clone(), value.clone()));
                continue;
            }
        };
        let Value::List(items) = value else {
            return Value::Map(map.clone());
        };
        let said = items
            .iter()
            .filter(|item| field(item, inner).is_some_and(full));
        let said: Vec<Value> = said.cloned().collect();
        match (items.is_empty(), said.is_empty()) {
            (true, _) => {}
            (false, true) => return Value::Map(Vec::new()),
            (false, false) => whole.push((key.clone(), Value::List(said))),
        }
    }
    Value::Map(whole)
}
