//! Endpoints and ports.

use ipnet::IpNet;
use smol_str::SmolStr;

use super::{and_list, did_you_mean, the_cluster};
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::source::Span;

pub(in crate::resolve) fn host_bits(net: IpNet, at: Span) -> Diagnostic {
    let right = net.trunc();
    Diagnostic::error("host-bits", format!("`{net}` has bits beyond its prefix"))
        .at(at, "host bits")
        .help(format!("did you mean `{right}`?"))
        .fix(Fix {
            title: format!("write `{right}`"),
            edits: vec![Edit {
                span: at,
                text: right.to_string(),
            }],
            safe: false,
        })
}

pub(in crate::resolve) fn address_inside_cluster(
    cluster: &str,
    at: Span,
    whose: &[&str],
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "address-inside-cluster",
        format!(
            "no address here is outside of {}: they are its {}",
            the_cluster(cluster),
            and_list(whose, "")
        ),
    )
    .at(at, "inside the cluster")
    .because(
        "an address stands for what lies outside of the cluster, never for pods, nodes or services",
    );
    let way = match whose {
        ["nodes"] => "name the nodes: `nodes`",
        ["services"] => {
            "name the pods behind the service: policies see traffic after service translation"
        }
        ["pods"] => "name the pods: `pods{…} in …`",
        _ => "name the pods or `nodes` that are meant",
    };
    diagnostic.help(way)
}

pub(in crate::resolve) fn address_partly_inside_cluster(
    cluster: &str,
    at: Span,
    whose: &[&str],
) -> Diagnostic {
    Diagnostic::note(
        "address-partly-inside-cluster",
        format!(
            "a part of these addresses belongs to the {} of {} and is not meant",
            and_list(whose, ""),
            the_cluster(cluster)
        ),
    )
    .at(at, "meets the cluster's ranges")
}

pub(in crate::resolve) fn bad_dns_name(name: &str, at: Span, why: &str) -> Diagnostic {
    Diagnostic::error("bad-dns-name", format!("`{name}` is no DNS name"))
        .at(at, "not a DNS name")
        .because(why)
}

pub(in crate::resolve) fn dns_name_outside_allow(names: &[SmolStr], at: Span) -> Diagnostic {
    Diagnostic::error(
        "dns-name-outside-allow",
        format!(
            "the DNS name {} stands outside of an `allow` of egress",
            and_list(names, "`")
        ),
    )
    .at(at, "has a DNS name")
    .because("which addresses a name has is learnt when a pod asks: nothing can be denied or received by it")
}

pub(in crate::resolve) fn empty_endpoint(what: &str, at: Span, label: &str) -> Diagnostic {
    Diagnostic::error("empty-endpoint", what).at(at, label)
}

pub(in crate::resolve) fn except_removes_nothing(at: Span, from: Span) -> Diagnostic {
    Diagnostic::warning("except-removes-nothing", "this `except` removes nothing")
        .at(at, "not in the set")
        .and(from, "from here")
        .because("ends are of kinds: an address is never a pod or a node, whatever its number")
}

pub(in crate::resolve) fn cannot_subtract(at: Span) -> Diagnostic {
    Diagnostic::error(
        "cannot-subtract",
        "DNS names and addresses cannot be subtracted from each other",
    )
    .at(at, "cannot be taken away")
    .because("any address may have the name")
}

pub(in crate::resolve) fn not_a_subject(at: Span) -> Diagnostic {
    Diagnostic::error("not-a-subject", "a policy can speak for pods only")
        .at(at, "not pods only")
        .because("after `for` stand pods, service accounts, and groups of them")
}

pub(in crate::resolve) fn not_a_network(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "not-a-network",
        format!("network `{name}` has other ends than addresses"),
    )
    .at(at, "not addresses only")
    .help("declare it as a `group`")
}

pub(in crate::resolve) fn misplaced_same(at: Span, why: &str) -> Diagnostic {
    Diagnostic::error("misplaced-same", "`same` has nothing to compare with here")
        .at(at, "`same` cannot stand here")
        .because(why)
}

pub(in crate::resolve) fn same_in_open_namespaces(
    at: Span,
    subject: Span,
    cluster: &str,
) -> Diagnostic {
    Diagnostic::error(
        "same-in-open-namespaces",
        "`same` is asked of namespaces that nobody declares",
    )
    .at(at, "the subject's own namespace")
    .and(subject, "can be in any namespace")
    .because("it is worked out for each namespace of the subject, so all of them must be known")
    .help(if cluster.is_empty() {
        "declare a cluster that says `namespaces closed`, or name the subject's namespaces"
            .to_owned()
    } else {
        format!(
            "say `namespaces closed` in {}, or name the subject's namespaces",
            the_cluster(cluster)
        )
    })
}

pub(in crate::resolve) fn not_replaceable(name: &str, at: Span, std: bool) -> Diagnostic {
    Diagnostic::error(
        "not-replaceable",
        format!("the selector and namespaces of `{name}` cannot be replaced"),
    )
    .at(at, "cannot be replaced")
    .because(if std {
        "it does not stand for pods"
    } else {
        "only entries of `std` take a selector or namespaces in place of their own"
    })
}

pub(in crate::resolve) fn bad_port(number: u32, at: Span) -> Diagnostic {
    Diagnostic::error("bad-port", format!("there is no port {number}"))
        .at(at, "not a port")
        .because("ports are 1 to 65535")
}

pub(in crate::resolve) fn empty_port_range(low: u32, high: u32, at: Span) -> Diagnostic {
    Diagnostic::error(
        "empty-port-range",
        format!("no port is in the range {low}-{high}"),
    )
    .at(at, "ends before it begins")
    .help(format!("did you mean `{high}-{low}`?"))
}

pub(in crate::resolve) fn bad_port_name(name: &str, at: Span, why: &str) -> Diagnostic {
    Diagnostic::error(
        "bad-port-name",
        format!("Kubernetes takes no port named `{name}`"),
    )
    .at(at, "not a name of ports")
    .because(why)
}

pub(in crate::resolve) fn unknown_icmp_message(
    name: &str,
    at: Span,
    near: Option<&str>,
) -> Diagnostic {
    did_you_mean(
        Diagnostic::error(
            "unknown-icmp-message",
            format!("no ICMP message of this family is named `{name}`"),
        )
        .at(at, "not a message"),
        near,
    )
}

pub(in crate::resolve) fn bad_icmp_number(number: u32, at: Span) -> Diagnostic {
    Diagnostic::error(
        "bad-icmp-number",
        format!("ICMP has no type or code {number}"),
    )
    .at(at, "more than 255")
}

pub(in crate::resolve) fn bad_protocol_number(number: u32, at: Span) -> Diagnostic {
    Diagnostic::error(
        "bad-protocol-number",
        format!("IP has no protocol {number}"),
    )
    .at(at, "more than 255")
}

pub(in crate::resolve) fn mixed_services_and_ports(service: Span, ports: Span) -> Diagnostic {
    Diagnostic::error(
        "mixed-services-and-ports",
        "services and ports stand in one list",
    )
    .at(service, "a service")
    .and(ports, "ports")
    .because("a service has its own ends, ports have those after `to` or `from`")
    .help("write two rules")
}

pub(in crate::resolve) fn service_without_endpoints(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error(
        "service-without-endpoints",
        format!("service `{name}` has ports and no ends"),
    )
    .at(at, "ports of whom?")
    .help("write `service NAME = PORTS on ENDPOINTS`")
}

pub(in crate::resolve) fn service_with_ports(name: &str, at: Span, own: Span) -> Diagnostic {
    Diagnostic::error(
        "service-with-ports",
        format!("service `{name}` has its own ports"),
    )
    .at(at, "ports are said twice")
    .and(own, "declared here")
    .help(format!("write just `{name}`"))
}

pub(in crate::resolve) fn service_with_to(at: Span, service: Span) -> Diagnostic {
    Diagnostic::error(
        "service-with-to",
        "a service has its own ends, and `to` says others",
    )
    .at(at, "ends are said twice")
    .and(service, "a service")
    .help("leave `to …` away")
}

pub(in crate::resolve) fn empty_service(name: &str, at: Span, own: Span) -> Diagnostic {
    Diagnostic::error(
        "empty-service",
        format!("no pod can ever be behind service `{name}`"),
    )
    .at(at, "is always empty")
    .and(own, "declared here")
    .because("its namespaces are not declared, and the cluster's namespaces are closed")
}

pub(in crate::resolve) fn service_in_ingress(name: &str, at: Span, own: Span) -> Diagnostic {
    Diagnostic::error(
        "service-in-ingress",
        format!("service `{name}` has ends that are no pods"),
    )
    .at(at, "cannot be the receiver")
    .and(own, "declared here")
    .because("in ingress the subject is the service, and a subject is pods")
}

pub(in crate::resolve) fn subject_outside_service(
    name: &str,
    at: Span,
    subject: Span,
    pod: &crate::space::Pod,
) -> Diagnostic {
    Diagnostic::error(
        "subject-outside-service",
        format!("this policy selects pods that are not behind service `{name}`"),
    )
    .at(at, "not all of the subject")
    .and(subject, "the subject")
    .because(format!("such a pod: {pod}"))
}
