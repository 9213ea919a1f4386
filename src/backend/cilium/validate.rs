//! What the API server and the agent reject, asked of what we are about to write: the CRDs' limits and `Rule.Sanitize` of 1.17 to 1.20.
//!
//! Takes: a body and a version. Gives: the first reason to reject it. One bad rule makes Cilium drop the whole object, and only a condition
//! in its status says so; nothing that this file rejects may reach a cluster. Where the versions differ, the stricter one holds for all.

use std::net::IpAddr;

use ipnet::IpNet;

use super::manifest::{
    CidrGroup, CidrRule, Egress, IcmpRule, Ingress, LabelSelector, Name, Operator, PolicyBody,
    PortRule, Spec,
};
use super::selector::{NAMESPACE_LABELS, longest_namespace_key};

/// What is wrong, in the target's words.
pub(super) type Rejection = String;

type Checked = Result<(), Rejection>;

/// The rules of an object.
///
/// # Errors
/// With the first reason to reject it.
pub(super) fn body(body: &PolicyBody, version: (u16, u16)) -> Checked {
    ensure(
        body.spec.is_none() || body.specs.is_empty(),
        "spec and specs together",
    )?;
    ensure(body.rules().count() > 0, "neither spec nor specs")?;
    body.rules().try_for_each(|rule| spec(rule, version))
}

/// A group of CIDRs.
///
/// # Errors
/// With the first reason to reject it.
pub(super) fn group(group: &CidrGroup, version: (u16, u16)) -> Checked {
    ensure(
        version >= (1, 18),
        "cilium.io/v2 has no CiliumCIDRGroup before 1.18",
    )?;
    for cidr in &group.spec.external_cidrs {
        network(cidr)?;
    }
    Ok(())
}

/// A name of an object: an RFC 1123 subdomain.
///
/// # Errors
/// If it is none.
pub(super) fn object_name(name: &str) -> Checked {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    ensure(
        name.len() <= 253 && name.split('.').all(label),
        format!("`{name}` is not a name of an object"),
    )
}

fn ensure(holds: bool, otherwise: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn spec(spec: &Spec, version: (u16, u16)) -> Checked {
    ensure(
        !(spec.ingress.is_empty()
            && spec.ingress_deny.is_empty()
            && spec.egress.is_empty()
            && spec.egress_deny.is_empty()),
        "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny",
    )?;
    ensure(
        !spec.enable_default_deny.ingress || !spec.ingress.is_empty(),
        "enableDefaultDeny without an element does nothing",
    )?;
    ensure(
        !spec.enable_default_deny.egress || !spec.egress.is_empty(),
        "enableDefaultDeny without an element does nothing",
    )?;
    selector(&spec.endpoint_selector, version)?;
    for rule in &spec.ingress {
        ingress(rule, version)?;
    }
    for rule in &spec.ingress_deny {
        ensure(!denies_host(rule), "ingressDeny meets the pod's own host")?;
        ingress(rule, version)?;
    }
    for rule in &spec.egress {
        egress(rule, version)?;
    }
    for rule in &spec.egress_deny {
        ensure(rule.to_fqdns.is_empty(), "toFQDNs in egressDeny")?;
        ensure(
            rule.to_ports.iter().all(|ports| ports.rules.is_none()),
            "rules in egressDeny",
        )?;
        egress(rule, version)?;
    }
    Ok(())
}

/// Whether a deny of ingress takes the kubelet's probes away: by an entity that has the host in it, or by naming no peer at all.
fn denies_host(rule: &Ingress) -> bool {
    use super::manifest::Entity;
    rule.from_entities
        .iter()
        .any(|entity| matches!(entity, Entity::All | Entity::Host))
        || rule.from_endpoints.is_empty()
            && rule.from_entities.is_empty()
            && rule.from_cidr_set.is_empty()
}

fn ingress(rule: &Ingress, version: (u16, u16)) -> Checked {
    let kinds = [
        !rule.from_endpoints.is_empty(),
        !rule.from_entities.is_empty(),
        !rule.from_cidr_set.is_empty(),
    ];
    one_kind(&kinds, !rule.to_ports.is_empty(), !rule.icmps.is_empty())?;
    for one in &rule.from_endpoints {
        selector(one, version)?;
    }
    for one in &rule.from_cidr_set {
        cidr_rule(one, version)?;
    }
    for one in &rule.to_ports {
        ensure(one.rules.is_none(), "DNS rules are not allowed on ingress")?;
        port_rule(one, version)?;
    }
    rule.icmps.iter().try_for_each(icmp_rule)
}

fn egress(rule: &Egress, version: (u16, u16)) -> Checked {
    let kinds = [
        !rule.to_endpoints.is_empty(),
        !rule.to_entities.is_empty(),
        !rule.to_cidr_set.is_empty(),
        !rule.to_fqdns.is_empty(),
    ];
    one_kind(&kinds, !rule.to_ports.is_empty(), !rule.icmps.is_empty())?;
    for one in &rule.to_endpoints {
        selector(one, version)?;
    }
    for one in &rule.to_cidr_set {
        cidr_rule(one, version)?;
    }
    for one in &rule.to_fqdns {
        name(one, version)?;
    }
    for one in &rule.to_ports {
        port_rule(one, version)?;
        ensure(
            version >= (1, 20) || one.ports.iter().all(|port| is_number(&port.port)),
            "a named port at egress is looked up in one table of the cluster before 1.20",
        )?;
    }
    rule.icmps.iter().try_for_each(icmp_rule)
}

fn one_kind(kinds: &[bool], ports: bool, icmps: bool) -> Checked {
    let kinds = kinds.iter().filter(|kind| **kind).count();
    ensure(kinds <= 1, "combining two kinds of peers is not supported")?;
    ensure(!(ports && icmps), "icmps together with toPorts")?;
    ensure(
        kinds == 1 || !(ports || icmps),
        "ports without peers are ports of every peer, the host among them",
    )
}

fn selector(selector: &LabelSelector, version: (u16, u16)) -> Checked {
    let mut last: Option<&str> = None;
    for (key, value) in &selector.match_labels {
        ensure(last != Some(key), format!("`{key}` twice in matchLabels"))?;
        last = Some(key);
        label_key(key, version)?;
        label_value(value)?;
    }
    for expression in &selector.match_expressions {
        label_key(&expression.key, version)?;
        let takes_values = matches!(expression.operator, Operator::In | Operator::NotIn);
        ensure(
            takes_values != expression.values.is_empty(),
            format!("the values of `{}`", expression.key),
        )?;
        expression
            .values
            .iter()
            .try_for_each(|value| label_value(value))?;
    }
    Ok(())
}

/// Keys are checked with their source put before them: what Kubernetes accepts as a label may be too long here.
fn label_key(key: &str, version: (u16, u16)) -> Checked {
    let (plain, longest) = match key.strip_prefix(NAMESPACE_LABELS) {
        Some(plain) => (plain, longest_namespace_key(version)),
        // `any.` or `k8s.` before the key counts, up to 1.19.
        None => (
            key.strip_prefix("k8s:").unwrap_or(key),
            if version >= (1, 20) { 63 } else { 59 },
        ),
    };
    let (prefix, name) = match plain.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, plain),
    };
    let longest = if prefix.is_some() { 63 } else { longest };
    ensure(
        name.len() <= longest,
        format!("`{plain}` is longer than the {longest} characters that a key may have here"),
    )?;
    ensure(is_name_part(name), format!("`{plain}` is no label key"))?;
    match prefix {
        Some(prefix) => ensure(
            object_name(prefix).is_ok() && prefix.len() <= 253,
            format!("`{plain}` is no label key"),
        ),
        None => Ok(()),
    }
}

fn is_name_part(name: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    ends(name.bytes().next())
        && ends(name.bytes().last())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn label_value(value: &str) -> Checked {
    ensure(
        value.len() <= 63 && (value.is_empty() || is_name_part(value)),
        format!("`{value}` is no label value"),
    )
}

fn network(cidr: &str) -> Result<IpNet, Rejection> {
    let net: IpNet = cidr
        .parse()
        .map_err(|_| format!("unable to parse CIDR `{cidr}`"))?;
    ensure(
        net == net.trunc(),
        format!("`{cidr}` has bits behind its prefix"),
    )?;
    Ok(net)
}

fn cidr_rule(rule: &CidrRule, version: (u16, u16)) -> Checked {
    ensure(
        rule.cidr.is_some() != rule.cidr_group_ref.is_some(),
        "exactly one of cidr and cidrGroupRef",
    )?;
    if let Some(group) = &rule.cidr_group_ref {
        ensure(
            version >= (1, 18),
            "cilium.io/v2 has no CiliumCIDRGroup before 1.18",
        )?;
        ensure(rule.except.is_empty(), "except of a group is not checked")?;
        return object_name(group);
    }
    let Some(cidr) = &rule.cidr else {
        return Ok(());
    };
    let net = network(cidr)?;
    for except in &rule.except {
        let hole = network(except)?;
        ensure(
            net.contains(&hole) && net != hole,
            format!("`{cidr}` does not contain its exception `{except}`"),
        )?;
    }
    Ok(())
}

fn name(name: &Name, version: (u16, u16)) -> Checked {
    let (text, stars) = match (&name.match_name, &name.match_pattern) {
        (Some(text), None) => (text, false),
        (None, Some(text)) => (text, true),
        _ => return Err("exactly one of matchName and matchPattern".to_owned()),
    };
    ensure(
        !text.is_empty()
            && text.len() <= 255
            && !text.starts_with('.')
            && !text.contains("..")
            && text.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || stars && byte == b'*'
            }),
        format!("`{text}` is no name or pattern"),
    )?;
    ensure(
        text.parse::<IpAddr>().is_err(),
        format!("`{text}` is an address, not a name"),
    )?;
    ensure(
        !text.contains("**") || version >= (1, 19),
        "`**.` means several labels only since 1.19",
    )
}

fn port_rule(rule: &PortRule, version: (u16, u16)) -> Checked {
    ensure(!rule.ports.is_empty(), "toPorts without ports")?;
    ensure(rule.ports.len() <= 40, "too many ports, the max is 40")?;
    for port in &rule.ports {
        let protocol = match port.protocol {
            "TCP" | "UDP" | "SCTP" => true,
            "VRRP" | "IGMP" => version >= (1, 19) && port.port == "0",
            "GRE" | "IPIP" | "IPV6" | "ESP" | "AH" => version >= (1, 20) && port.port == "0",
            _ => false,
        };
        ensure(protocol, format!("protocol {}", port.protocol))?;
        if is_number(&port.port) {
            let number: u16 = port
                .port
                .parse()
                .map_err(|_| format!("unable to parse port {}", port.port))?;
            ensure(
                port.port == number.to_string(),
                format!("port {} is read with its leading zero", port.port),
            )?;
            ensure(
                port.end_port.is_none_or(|end| number > 0 && end > number),
                "endPort before port",
            )?;
        } else {
            ensure(
                is_service_name(&port.port),
                format!("`{}` is no name of a port", port.port),
            )?;
            ensure(port.end_port.is_none(), "endPort of a named port")?;
        }
        if rule.rules.is_some() {
            ensure(
                port.end_port.is_none(),
                "DNS rules do not support port ranges",
            )?;
            ensure(
                port.port != "0",
                "L7 rules can not be used when a port is 0",
            )?;
        }
    }
    if let Some(rules) = &rule.rules {
        ensure(!rules.dns.is_empty(), "empty DNS rules")?;
        rules.dns.iter().try_for_each(|one| name(one, version))?;
    }
    Ok(())
}

fn is_number(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// An IANA service name: at most 15 letters, digits and single hyphens inside, with a letter. Cilium folds its case.
fn is_service_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn icmp_rule(rule: &IcmpRule) -> Checked {
    ensure(!rule.fields.is_empty(), "icmps without fields")?;
    ensure(rule.fields.len() <= 40, "too many types, the max is 40")?;
    rule.fields.iter().try_for_each(|field| {
        ensure(
            matches!(field.family, "IPv4" | "IPv6"),
            format!("wrong family: {}", field.family),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{DefaultDeny, Element, Entity, Matched, Peer, PortProtocol};
    use super::*;

    fn rule() -> Spec {
        Spec {
            endpoint_selector: LabelSelector::default(),
            enable_default_deny: DefaultDeny::default(),
            ingress: Vec::new(),
            ingress_deny: Vec::new(),
            egress: Vec::new(),
            egress_deny: Vec::new(),
        }
    }

    fn rejected(spec: Spec, version: (u16, u16)) -> Option<String> {
        body(&PolicyBody::of(vec![spec]), version).err()
    }

    fn ports(ports: &[(&str, Option<u16>)]) -> Matched {
        Matched::Ports(vec![PortRule {
            ports: ports
                .iter()
                .map(|(port, end_port)| PortProtocol {
                    port: (*port).to_owned(),
                    end_port: *end_port,
                    protocol: "TCP",
                })
                .collect(),
            rules: None,
        }])
    }

    fn world(matched: Option<Matched>) -> Element {
        Element {
            peer: Peer::Entities(vec![Entity::World]),
            matched,
        }
    }

    #[test]
    fn a_rule_that_says_nothing_is_rejected() {
        assert!(rejected(rule(), (1, 20)).is_some());
        let closed = Spec {
            enable_default_deny: DefaultDeny {
                ingress: true,
                egress: false,
            },
            ingress: vec![Ingress::default()],
            ..rule()
        };
        assert_eq!(rejected(closed.clone(), (1, 20)), None);
        let silent = Spec {
            ingress: Vec::new(),
            egress: vec![Egress::default()],
            ..closed
        };
        assert!(rejected(silent, (1, 20)).is_some());
    }

    #[test]
    fn a_deny_of_ingress_with_the_host_in_it_is_rejected() {
        for peer in [Entity::All, Entity::Host] {
            let element = Element {
                peer: Peer::Entities(vec![peer]),
                matched: None,
            };
            let spec = Spec {
                ingress_deny: vec![element.ingress()],
                ..rule()
            };
            assert!(rejected(spec, (1, 20)).is_some());
        }
    }

    #[test]
    fn ports_are_canonical() {
        let egress = |list: &[(&str, Option<u16>)], version| {
            let spec = Spec {
                egress: vec![world(Some(ports(list))).egress()],
                ..rule()
            };
            rejected(spec, version)
        };
        assert_eq!(egress(&[("80", Some(90))], (1, 17)), None);
        assert!(egress(&[("90", Some(80))], (1, 17)).is_some());
        assert!(egress(&[("010", None)], (1, 17)).is_some());
        assert!(egress(&[("99999", None)], (1, 17)).is_some());
        assert!(egress(&[("metrics", None)], (1, 19)).is_some());
        assert_eq!(egress(&[("metrics", None)], (1, 20)), None);
        assert!(egress(&[("metrics", Some(90))], (1, 20)).is_some());
        assert!(egress(&[("80", None); 41], (1, 20)).is_some());
    }

    #[test]
    fn ports_without_peers_are_rejected() {
        let (to_ports, _) = (ports(&[("80", None)]), ());
        let Matched::Ports(to_ports) = to_ports else {
            return;
        };
        let spec = Spec {
            egress: vec![Egress {
                to_ports,
                ..Egress::default()
            }],
            ..rule()
        };
        assert!(rejected(spec, (1, 20)).is_some());
    }

    #[test]
    fn long_keys_depend_on_the_version() {
        let key = format!("k8s:{}", "k".repeat(60));
        assert!(label_key(&key, (1, 19)).is_err());
        assert!(label_key(&key, (1, 20)).is_ok());
        let key = format!("{NAMESPACE_LABELS}{}", "k".repeat(30));
        assert!(label_key(&key, (1, 19)).is_err());
        assert!(label_key(&key, (1, 20)).is_ok());
    }

    #[test]
    fn patterns_of_several_labels_need_1_19() {
        let pattern = Name {
            match_name: None,
            match_pattern: Some("**.example.com".into()),
        };
        assert!(name(&pattern, (1, 18)).is_err());
        assert!(name(&pattern, (1, 19)).is_ok());
    }
}
