//! One change of emitted objects that Calico may still take.

use serde_json::{Value, json};

use super::generator::Random;

/// The objects with one thing changed, and what; `None` if the chosen object has nothing of the kind.
pub(crate) fn one(random: &mut Random, texts: &[String]) -> Option<(String, Vec<String>)> {
    let mut texts = texts.to_vec();
    let at = random.below(texts.len());
    if random.chance(5) {
        texts.remove(at);
        return Some(("an object less".to_owned(), texts));
    }
    let mut object: Value = serde_yaml::from_str(texts.get(at)?).ok()?;
    let what = change(random, &mut object)?;
    texts[at] = object.to_string();
    Some((what.to_owned(), texts))
}

fn change(random: &mut Random, object: &mut Value) -> Option<&'static str> {
    let kind = object["kind"].as_str()?.to_owned();
    let spec = object.get_mut("spec")?;
    match kind.as_str() {
        "Tier" => tier(random, spec),
        "GlobalNetworkSet" => {
            let nets = spec["nets"].as_array_mut()?;
            let at = random.below(nets.len());
            nets.remove(at);
            Some("a network less in a set")
        }
        _ => policy(random, spec),
    }
}

fn tier(random: &mut Random, spec: &mut Value) -> Option<&'static str> {
    if random.chance(50) {
        let passes = spec["defaultAction"] == json!("Pass");
        spec["defaultAction"] = json!(if passes { "Deny" } else { "Pass" });
        return Some("another default action");
    }
    spec["order"] = json!(random.pick(&[1, 500, 2_000_000]));
    Some("another order of a tier")
}

fn policy(random: &mut Random, spec: &mut Value) -> Option<&'static str> {
    let key = *random.pick(&["ingress", "egress"]);
    match random.below(16) {
        0 => {
            spec["order"] = json!(random.pick(&[0, 1, 500_000, 2_000_000]));
            Some("another order of a policy")
        }
        1 => {
            spec.as_object_mut()?.remove("order")?;
            Some("no order")
        }
        2 => {
            spec["types"] = json!(random.pick(&[["Ingress"], ["Egress"]]));
            Some("other types")
        }
        3 => {
            spec.as_object_mut()?.remove("types")?;
            Some("no types")
        }
        4 => {
            spec.as_object_mut()?.remove("namespaceSelector")?;
            Some("no namespace selector")
        }
        5 => {
            let text = spec["selector"].as_str()?;
            spec["selector"] = json!(loosened(random, text)?);
            Some("another selector")
        }
        6 | 7 => {
            let rules = spec.get_mut(key)?.as_array_mut()?;
            let at = random.below(rules.len());
            if rules.len() < 2 || random.chance(50) {
                rules.remove(at);
                return Some("a rule less");
            }
            let other = (at + 1) % rules.len();
            rules.swap(at, other);
            Some("two rules the other way round")
        }
        _ => {
            let rules = spec.get_mut(key)?.as_array_mut()?;
            let at = random.below(rules.len());
            rule(random, rules.get_mut(at)?, key == "ingress")
        }
    }
}

fn rule(random: &mut Random, rule: &mut Value, ingress: bool) -> Option<&'static str> {
    if random.chance(15) {
        rule["action"] = json!(random.pick(&["Allow", "Deny", "Pass", "Log"]));
        return Some("another action");
    }
    if random.chance(10) {
        let key = *random.pick(&["ipVersion", "protocol", "icmp"]);
        rule.as_object_mut()?.remove(key)?;
        return Some("a field less of a rule");
    }
    let peers = if ingress { "source" } else { "destination" };
    let side = match random.chance(30) {
        true => rule.get_mut("destination")?,
        false => rule.get_mut(peers)?,
    };
    let keys: Vec<String> = side.as_object()?.keys().cloned().collect();
    let key = random.pick(&keys).clone();
    if random.chance(30) {
        side.as_object_mut()?.remove(&key)?;
        return Some("a field less of a side");
    }
    match &mut side[&key] {
        Value::Array(list) => {
            let at = random.below(list.len());
            match list.get(at)?.as_str().map(str::to_owned) {
                Some(net) if net.contains('/') && random.chance(50) => {
                    let net: ipnet::IpNet = net.parse().ok()?;
                    list[at] = json!(net.supernet()?.to_string());
                    Some("a wider network")
                }
                _ => {
                    list.remove(at);
                    Some("an entry less of a list")
                }
            }
        }
        Value::String(text) => {
            *text = loosened(random, text)?;
            Some("another selector of a rule")
        }
        _ => None,
    }
}

/// A selector with its guard gone, or one operator turned.
fn loosened(random: &mut Random, text: &str) -> Option<String> {
    let turns = [
        ("projectcalico.org/orchestrator == \"k8s\"", "all()"),
        ("has(projectcalico.org/name) && ", ""),
        ("==", "!="),
        ("!=", "=="),
        ("&&", "||"),
        ("||", "&&"),
        ("not in", "in"),
        ("!has", "has"),
        ("has", "!has"),
    ];
    let fitting: Vec<_> = turns
        .iter()
        .filter(|(from, _)| text.contains(from))
        .collect();
    if fitting.is_empty() {
        return None;
    }
    let (from, to) = random.pick(&fitting);
    Some(text.replacen(from, to, 1))
}
