//! What a Calico API server and Calico's own validator ask of an object, as far as we write such objects.
//!
//! The native CRDs check by schema and CEL only; what passes them and fails Calico's validator reaches Felix, where a bad selector
//! makes a policy disappear, a bad namespace selector widens it, and a bad net makes a rule match everything. So all of it is
//! checked here, for every object: a fault is either a name or a label of the program that no one else refuses, or our own mistake.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::backend::Spec;
use crate::backend::metadata::Metadata;

use super::grammar;
use super::manifest::{
    API_VERSION, Entity, Kind, Manifest, PolicyKind, PolicySpec, Port, Protocol, Rule,
};
use super::support::{self, Support};

/// What is wrong, as the end of a sentence.
pub(super) type Fault = String;

/// Orders that Calico and its operator hold.
const TAKEN_ORDERS: [u64; 4] = [100, 1000, 1_000_000, 10_000_000];

/// Whether a real cluster takes the object, and reads it as we mean it.
pub(super) fn validate(object: &Kind, spec: &Spec) -> Result<(), Fault> {
    let support = Support::of(spec);
    match object {
        Kind::Tier(tier) => {
            header(tier, "Tier")?;
            ensure(is_label(&tier.metadata.name), || {
                "its name is no label of at most 63 characters".to_owned()
            })?;
            let name = tier.metadata.name.as_str();
            ensure(!support::RESERVED_TIERS.contains(&name), || {
                "its name is reserved".to_owned()
            })?;
            ensure(!TAKEN_ORDERS.contains(&tier.spec.order), || {
                format!("the order {} is taken", tier.spec.order)
            })?;
            ensure(tier.spec.order < 1000, || {
                "it comes after Kubernetes' own tiers".to_owned()
            })?;
            ensure(matches!(tier.spec.default_action, "Deny" | "Pass"), || {
                "its default action is unknown".to_owned()
            })
        }
        Kind::GlobalNetworkSet(set) => {
            header(set, "GlobalNetworkSet")?;
            ensure(is_subdomain(&set.metadata.name), || {
                "its name is no DNS name".to_owned()
            })?;
            ensure(
                !set.metadata
                    .labels
                    .contains_key("projectcalico.org/namespace"),
                || "a set must not have the label projectcalico.org/namespace".to_owned(),
            )?;
            networks(&set.spec.nets, usize::MAX, false).map(|_| ())
        }
        Kind::Policy(kind, manifest) => policy(*kind, manifest, spec, support),
    }
}

fn ensure(holds: bool, fault: impl FnOnce() -> Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault()) }
}

fn header<S>(manifest: &Manifest<S>, kind: &str) -> Result<(), Fault> {
    ensure(
        manifest.api_version == API_VERSION && manifest.kind == kind,
        || "its kind is another".to_owned(),
    )?;
    metadata(&manifest.metadata)
}

fn policy(
    kind: PolicyKind,
    manifest: &Manifest<PolicySpec>,
    spec: &Spec,
    support: Support,
) -> Result<(), Fault> {
    header(manifest, kind.word())?;
    let (name, policy) = (manifest.metadata.name.as_str(), &manifest.spec);
    ensure(
        kind.is_namespaced() == manifest.metadata.namespace.is_some(),
        || "it lacks its namespace, or has one".to_owned(),
    )?;
    // Calico takes at most one dot, 3.29 to 3.31 the tier in front of it.
    let parts: Vec<&str> = name.split('.').collect();
    let dotted = parts.len() == 2 && parts.iter().all(|part| is_name(part)) && name.len() <= 253;
    ensure(dotted && parts[0] == policy.tier, || {
        "its name is not <tier>.<name>".to_owned()
    })?;
    ensure(
        manifest.metadata.labels.get("projectcalico.org/tier") == Some(&policy.tier),
        || "its label projectcalico.org/tier is another".to_owned(),
    )?;
    ensure(is_label(&policy.tier), || "its tier is no label".to_owned())?;
    ensure(
        !support::RESERVED_TIERS.contains(&policy.tier.as_str()),
        || "its tier is reserved".to_owned(),
    )?;
    ensure(policy.order < 1 << 53, || {
        "its order is no exact number".to_owned()
    })?;
    ensure(!kind.is_staged() || support.staged, || {
        format!("{} has no staged policies", spec.spoken())
    })?;
    ensure(
        policy.staged_action == kind.is_staged().then_some("Set"),
        || "its stagedAction does not fit its kind".to_owned(),
    )?;
    for text in [
        Some(&policy.selector),
        policy.namespace_selector.as_ref(),
        policy.service_account_selector.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        selector(text, support)?;
        ensure(!text.contains("global("), || {
            "global() stands only in rules".to_owned()
        })?;
    }
    ensure(
        !kind.is_namespaced() || policy.namespace_selector.is_none(),
        || "a namespaced policy has no namespaceSelector".to_owned(),
    )?;
    ensure(
        matches!(
            policy.types[..],
            ["Ingress"] | ["Egress"] | ["Ingress", "Egress"]
        ),
        || "its types are not one or both directions".to_owned(),
    )?;
    for (direction, rules) in [("Ingress", &policy.ingress), ("Egress", &policy.egress)] {
        ensure(
            rules.is_empty() || policy.types.contains(&direction),
            || format!("it has rules for {direction}, which is not in its types"),
        )?;
        ensure(rules.len() <= support.rules, || {
            format!("it has {} rules in a direction", rules.len())
        })?;
        for (at, one) in rules.iter().enumerate() {
            rule(one, kind, support)
                .map_err(|fault| format!("{direction} rule {}: {fault}", at + 1))?;
        }
    }
    Ok(())
}

fn rule(rule: &Rule, kind: PolicyKind, support: Support) -> Result<(), Fault> {
    ensure(
        matches!(rule.action, "Allow" | "Deny" | "Pass" | "Log"),
        || "unknown action".to_owned(),
    )?;
    ensure(matches!(rule.ip_version, None | Some(4 | 6)), || {
        "unknown ipVersion".to_owned()
    })?;
    let has_ports = matches!(rule.protocol, Some(Protocol::Named("TCP" | "UDP" | "SCTP")));
    let icmp_version = match rule.protocol {
        None | Some(Protocol::Named("TCP" | "UDP" | "SCTP")) => None,
        Some(Protocol::Named("ICMP") | Protocol::Number(1)) => Some(4),
        Some(Protocol::Named("ICMPv6") | Protocol::Number(58)) => Some(6),
        Some(Protocol::Number(2..)) => None,
        Some(Protocol::Named(name)) => return Err(format!("unknown protocol {name}")),
        Some(Protocol::Number(0)) => return Err("protocol 0".to_owned()),
    };
    if let Some(version) = icmp_version {
        ensure(rule.ip_version == Some(version), || {
            "ICMP of the other family, or of none".to_owned()
        })?;
    }
    if let Some(icmp) = rule.icmp {
        ensure(icmp_version.is_some(), || {
            "an ICMP type without ICMP".to_owned()
        })?;
        ensure(icmp.kind < 255, || "ICMP type 255".to_owned())?;
    }
    let mut families = BTreeSet::new();
    for side in [&rule.source, &rule.destination] {
        families.extend(entity(side, kind, has_ports, support)?);
    }
    match (families.len(), families.first()) {
        (0, _) => Ok(()),
        (1, family) if rule.ip_version.as_ref() == family => Ok(()),
        _ => Err("networks of two families, or not of its ipVersion".to_owned()),
    }
}

/// Checks one side of a rule; the families of its networks.
fn entity(
    side: &Entity,
    kind: PolicyKind,
    has_ports: bool,
    support: Support,
) -> Result<BTreeSet<u8>, Fault> {
    for text in [&side.selector, &side.not_selector].into_iter().flatten() {
        selector(text, support)?;
        ensure(!text.contains("global("), || {
            "global() in a selector of pods".to_owned()
        })?;
    }
    ensure(side.not_selector.is_none() || !kind.is_namespaced(), || {
        "notSelector means something else in a namespaced policy".to_owned()
    })?;
    if let Some(text) = &side.namespace_selector {
        selector(text, support)?;
        ensure(text == "global()" || !text.contains("global("), || {
            "global() is not alone".to_owned()
        })?;
        // Alone it would select network sets too, and what has no namespace where it is negative.
        ensure(side.selector.is_some(), || {
            "a namespaceSelector without selector".to_owned()
        })?;
    }
    if let Some(accounts) = &side.service_accounts {
        selector(&accounts.selector, support)?;
        ensure(!accounts.selector.trim().is_empty(), || {
            "service accounts that match anything".to_owned()
        })?;
    }
    ensure(side.ports.len() <= support::PORTS, || {
        format!("{} ports", side.ports.len())
    })?;
    let named = side.ports.iter().all(|port| matches!(port, Port::Name(_)));
    ensure(side.ports.is_empty() || has_ports || named, || {
        "ports without TCP, UDP or SCTP".to_owned()
    })?;
    let mut seen = BTreeSet::new();
    for port in &side.ports {
        let (good, text) = match port {
            Port::Range(low, high) => (*low >= 1 && low <= high, format!("{low}:{high}")),
            Port::Name(name) => (is_port_name(name), name.to_string()),
        };
        ensure(good, || format!("the port {text}"))?;
        ensure(seen.insert(text.clone()), || {
            format!("the port {text} twice")
        })?;
    }
    let mut families = networks(&side.nets, support::NETS, false)?;
    families.extend(networks(&side.not_nets, support::NETS, true)?);
    Ok(families)
}

/// Checks a list of networks; their families.
fn networks(nets: &[IpNet], most: usize, negated: bool) -> Result<BTreeSet<u8>, Fault> {
    ensure(nets.len() <= most, || format!("{} networks", nets.len()))?;
    let mut seen = BTreeSet::new();
    let mut families = BTreeSet::new();
    for net in nets {
        ensure(*net == net.trunc(), || format!("{net} has host bits"))?;
        ensure(seen.insert(net), || format!("{net} twice"))?;
        ensure(!negated || net.prefix_len() > 0, || {
            format!("{net} excluded")
        })?;
        // Go takes these for IPv4.
        let mapped = matches!(net, IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some());
        ensure(!mapped, || {
            format!("{net} is an IPv4 address in IPv6's clothes")
        })?;
        families.insert(if net.addr().is_ipv4() { 4 } else { 6 });
    }
    Ok(families)
}

fn selector(text: &str, support: Support) -> Result<(), Fault> {
    ensure(text.len() <= support.selector, || {
        format!("a selector of {} characters", text.len())
    })?;
    grammar::check(text)
}

fn metadata(metadata: &Metadata) -> Result<(), Fault> {
    if let Some(namespace) = &metadata.namespace {
        ensure(is_label(namespace), || {
            format!("`{namespace}` is no name of a namespace")
        })?;
    }
    for (key, value) in &metadata.labels {
        ensure(is_qualified(key), || format!("`{key}` is no label"))?;
        ensure(is_value(value), || {
            format!("`{value}` is no value of a label")
        })?;
    }
    let mut size = 0;
    for (key, value) in &metadata.annotations {
        ensure(is_qualified(key), || format!("`{key}` is no annotation"))?;
        size += key.len() + value.len();
    }
    ensure(size <= 256 * 1024, || {
        format!("annotations of {size} bytes")
    })
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_name(text)
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_name)
}

/// `([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?`, at most 63.
fn is_value(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

fn is_qualified(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_value(name)
}

/// IANA_SVC_NAME: at most 15 of `[a-z0-9-]`, a letter, no hyphen at the ends or beside another.
fn is_port_name(name: &str) -> bool {
    name.len() <= 15
        && is_name(name)
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.contains("--")
}
