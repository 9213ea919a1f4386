//! What the API server accepts of a `NetworkPolicy`, checked on everything that we write.
//!
//! Takes: the typed object. Gives: the first complaint, in the API server's terms. The rules are those of
//! `pkg/apis/networking/validation/validation.go` and `apimachinery/pkg/apis/meta/v1/validation`, and stricter where the API server accepts what
//! means nothing: host bits, lists that are empty where absent means everything, rules of a direction that is not in `policyTypes`.

use ipnet::IpNet;

use super::manifest::{IpBlock, LabelSelector, Operator, Peer, Port, PortValue, Spec};

/// The first thing that is wrong with an object, if any.
pub(super) fn complaint(name: &str, namespace: &str, spec: &Spec) -> Option<String> {
    check(name, namespace, spec).err()
}

fn check(name: &str, namespace: &str, spec: &Spec) -> Result<(), String> {
    if name.len() > 253 || !name.split('.').all(is_part) {
        return Err(format!("metadata.name: `{name}` is no DNS subdomain"));
    }
    if !is_label(namespace) {
        return Err(format!("metadata.namespace: `{namespace}` is no DNS label"));
    }
    selector("spec.podSelector", &spec.pod_selector)?;
    let types = &spec.policy_types;
    let wanted: Vec<&str> = [
        spec.ingress.as_ref().map(|_| "Ingress"),
        spec.egress.as_ref().map(|_| "Egress"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if *types != wanted || types.is_empty() {
        return Err(format!(
            "spec.policyTypes: {types:?} where {wanted:?} are written"
        ));
    }
    for (at, rule) in spec.ingress.iter().flatten().enumerate() {
        peers(&format!("spec.ingress[{at}].from"), rule.from.as_deref())?;
        ports(&format!("spec.ingress[{at}].ports"), rule.ports.as_deref())?;
    }
    for (at, rule) in spec.egress.iter().flatten().enumerate() {
        peers(&format!("spec.egress[{at}].to"), rule.to.as_deref())?;
        ports(&format!("spec.egress[{at}].ports"), rule.ports.as_deref())?;
    }
    Ok(())
}

fn peers(path: &str, peers: Option<&[Peer]>) -> Result<(), String> {
    let Some(peers) = peers else { return Ok(()) };
    if peers.is_empty() {
        return Err(format!("{path}: empty, which means everything"));
    }
    for peer in peers {
        match peer {
            Peer::Pods {
                namespace_selector: None,
                pod_selector: None,
            } => return Err(format!("{path}: must specify a peer")),
            Peer::Pods {
                namespace_selector,
                pod_selector,
            } => {
                for one in [namespace_selector, pod_selector].into_iter().flatten() {
                    selector(path, one)?;
                }
            }
            Peer::Block { ip_block } => block(path, ip_block)?,
        }
    }
    Ok(())
}

fn block(path: &str, block: &IpBlock) -> Result<(), String> {
    let net = |text: &str| -> Result<IpNet, String> {
        let net: IpNet = text
            .parse()
            .map_err(|_| format!("{path}: `{text}` is no CIDR"))?;
        if net.trunc() == net && net.to_string() == text {
            Ok(net)
        } else {
            Err(format!("{path}: `{text}` is not in its plain form"))
        }
    };
    let whole = net(&block.cidr)?;
    for except in &block.except {
        let hole = net(except)?;
        if !whole.contains(&hole) || hole.prefix_len() <= whole.prefix_len() {
            return Err(format!(
                "{path}: except `{except}` is no strict subset of `{}`",
                block.cidr
            ));
        }
    }
    Ok(())
}

fn ports(path: &str, ports: Option<&[Port]>) -> Result<(), String> {
    let Some(ports) = ports else { return Ok(()) };
    if ports.is_empty() {
        return Err(format!("{path}: empty, which means everything"));
    }
    for port in ports {
        if !["TCP", "UDP", "SCTP"].contains(&port.protocol) {
            return Err(format!("{path}: protocol `{}`", port.protocol));
        }
        match (&port.port, port.end_port) {
            (None, Some(_)) | (Some(PortValue::Name(_)), Some(_)) => {
                return Err(format!("{path}: endPort without a number as port"));
            }
            (Some(PortValue::Number(0)), _) => return Err(format!("{path}: port 0")),
            (Some(PortValue::Number(low)), Some(high)) if high < *low => {
                return Err(format!("{path}: endPort {high} below port {low}"));
            }
            (Some(PortValue::Name(name)), None) if !is_port_name(name) => {
                return Err(format!("{path}: `{name}` is no name of a port"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn selector(path: &str, selector: &LabelSelector) -> Result<(), String> {
    for (key, value) in &selector.match_labels {
        if !is_label_key(key) || !is_label_value(value) {
            return Err(format!("{path}: `{key}: {value}` is no label"));
        }
    }
    for requirement in &selector.match_expressions {
        let with_values = matches!(requirement.operator, Operator::In | Operator::NotIn);
        if with_values == requirement.values.is_empty() {
            return Err(format!(
                "{path}: values of `{}` do not go with its operator",
                requirement.key
            ));
        }
        if !is_label_key(&requirement.key)
            || !requirement.values.iter().all(|value| is_label_value(value))
        {
            return Err(format!(
                "{path}: `{}` or a value of it is no label",
                requirement.key
            ));
        }
    }
    Ok(())
}

/// RFC 1123: 1-63 of `[a-z0-9-]`, alphanumeric at both ends.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

/// A part of a DNS subdomain, whose length the API server does not limit by itself.
fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `IsQualifiedName`: an optional DNS subdomain and `/`, then 1-63 of `[A-Za-z0-9-_.]`, alphanumeric at both ends.
fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => {
            prefix.len() <= 253
                && prefix.split('.').all(is_part)
                && !name.is_empty()
                && is_label_value(name)
        }
        None => !text.is_empty() && is_label_value(text),
    }
}

/// Empty, or 1-63 of `[A-Za-z0-9-_.]`, alphanumeric at both ends.
fn is_label_value(text: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && ends(bytes.first())
        && ends(bytes.last())
}

/// `IsValidPortName`: 1-15 of `[a-z0-9-]`, a letter among them, no dash at an end or beside another.
fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && is_label(text)
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--")
}
