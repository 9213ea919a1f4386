//! What Calico's API server refuses, or Felix when it reads what is stored: in their words.

use super::Refused;
use vauban::model::Target;

/// Specifications of a GlobalNetworkPolicy, and what is said of them.
const GLOBAL: &[(&str, &str)] = &[
    ("selector: app = 'x'", "spec.selector: invalid selector"),
    ("selector: \"a == 'b'\\n\"", "invalid selector"),
    ("selector: global()", "global() can only be used"),
    ("namespaceSelector: global()", "global() can only be used"),
    ("selectors: all()", "unknown field \"spec.selectors\""),
    ("order: x", "spec.order"),
    ("types: [Ingress, Ingress]", "Duplicate value"),
    ("types: [In]", "Unsupported value"),
    ("types: []", "at least 1"),
    ("stagedAction: Set", "unknown field"),
    ("doNotTrack: true", "applyOnForward must be true"),
    (
        "doNotTrack: true, preDNAT: true, applyOnForward: true",
        "cannot both be true",
    ),
    (
        "preDNAT: true, applyOnForward: true, egress: [{action: Deny}]",
        "cannot have any egress",
    ),
    ("performanceHints: [Fast]", "spec.performanceHints"),
    ("ingress: [{}]", "spec.ingress[0].action: Required"),
    ("ingress: [{action: allow}]", "Unsupported value"),
    ("ingress: [{action: Allow, protocol: tcp}]", "protocol"),
    ("ingress: [{action: Allow, protocol: 256}]", "protocol"),
    ("ingress: [{action: Allow, ipVersion: 5}]", "ipVersion"),
    (
        "ingress: [{action: Allow, destination: {ports: [80]}}]",
        "must set protocol",
    ),
    (
        "ingress: [{action: Allow, protocol: ICMP, destination: {ports: [80]}}]",
        "must set protocol",
    ),
    (
        "ingress: [{action: Allow, protocol: TCP, destination: {ports: [0]}}]",
        "ports[0]",
    ),
    (
        "ingress: [{action: Allow, protocol: TCP, destination: {ports: ['80-90']}}]",
        "ports[0]",
    ),
    (
        "ingress: [{action: Allow, protocol: TCP, destination: {ports: ['90:80']}}]",
        "minimum port number (90)",
    ),
    (
        "ingress: [{action: Allow, icmp: {type: 8}}]",
        "ICMP fields require",
    ),
    (
        "ingress: [{action: Allow, protocol: ICMP, icmp: {code: 0}}]",
        "without an ICMP type",
    ),
    (
        "ingress: [{action: Allow, protocol: ICMP, icmp: {type: 255}}]",
        "within 0-254",
    ),
    (
        "ingress: [{action: Allow, protocol: ICMP, ipVersion: 6}]",
        "requires ipVersion 4",
    ),
    (
        "ingress: [{action: Allow, notProtocol: 58, ipVersion: 4}]",
        "requires ipVersion 6",
    ),
    (
        "ingress: [{action: Allow, source: {nets: [10.0.0.1]}}]",
        "nets[0]: invalid CIDR",
    ),
    (
        "ingress: [{action: Allow, source: {nets: [10.0.0.1/8]}}]",
        "nets[0]: invalid CIDR",
    ),
    (
        "ingress: [{action: Allow, source: {notNets: [0.0.0.0/0]}}]",
        "excludes everything",
    ),
    (
        "ingress: [{action: Allow, source: {nets: [10.0.0.0/8, 10.0.0.0/8]}}]",
        "Duplicate value",
    ),
    (
        "ingress: [{action: Allow, source: {nets: [10.0.0.0/8, '::/0']}}]",
        "both IPv4 and IPv6",
    ),
    (
        "ingress: [{action: Allow, source: {nets: [10.0.0.0/8]}, destination: {nets: ['::/0']}}]",
        "both IPv4 and IPv6",
    ),
    (
        "ingress: [{action: Allow, ipVersion: 6, source: {nets: [10.0.0.0/8]}}]",
        "IP version",
    ),
    (
        "ingress: [{action: Allow, source: {domains: [a.b]}}]",
        "unknown field",
    ),
    (
        "ingress: [{action: Allow, source: {selector: global()}}]",
        "global() can only be used",
    ),
    (
        "ingress: [{action: Allow, source: {namespaceSelector: 'global() && has(a)'}}]",
        "global() can only be used",
    ),
    (
        "ingress: [{action: Allow, source: {services: {name: a}}}]",
        "must specify a namespace",
    ),
    (
        "ingress: [{action: Allow, destination: {services: {name: a, namespace: b}}}]",
        "source of ingress rules",
    ),
    (
        "egress: [{action: Allow, destination: {services: {namespace: b}}}]",
        "must specify a service name",
    ),
    (
        "egress: [{action: Allow, destination: {services: {name: a, namespace: b}, selector: all()}}]",
        "Services on the same rule",
    ),
    (
        "egress: [{action: Allow, protocol: TCP, destination: {services: {name: a, namespace: b}, ports: [80]}}]",
        "ports and notPorts",
    ),
    (
        "egress: [{action: Allow, http: {methods: [GET]}}]",
        "only valid on Ingress",
    ),
    (
        "ingress: [{action: Deny, http: {methods: [GET]}}]",
        "only valid on Allow",
    ),
    (
        "ingress: [{action: Allow, protocol: UDP, http: {methods: [GET]}}]",
        "must have protocol TCP",
    ),
    (
        "ingress: [{action: Allow, http: {paths: [{exact: a}]}}]",
        "invalid HTTP path",
    ),
    (
        "ingress: [{action: Allow, http: {paths: [{exact: /a, prefix: /a}]}}]",
        "exactly one",
    ),
];

/// Other objects: a kind and a name, a specification, and what is said.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "NetworkPolicy blue/a",
        "namespaceSelector: all()",
        "unknown field",
    ),
    ("NetworkPolicy blue/a", "doNotTrack: true", "unknown field"),
    ("GlobalNetworkPolicy blue/a", "", "not allowed on this type"),
    ("GlobalNetworkPolicy a.b.c", "", "metadata.name"),
    ("GlobalNetworkPolicy A", "", "metadata.name"),
    (
        "StagedGlobalNetworkPolicy a",
        "stagedAction: Delete, selector: all()",
        "must be empty",
    ),
    ("Tier default", "order: 5", "order must be"),
    (
        "Tier kube-admin",
        "order: 1000",
        "must have default action 'Pass'",
    ),
    ("Tier a.b", "order: 5", "metadata.name"),
    (
        "Tier a",
        "order: 5, defaultAction: Allow",
        "Unsupported value",
    ),
    ("GlobalNetworkSet s", "nets: [10.0.0.0/33]", "nets[0]"),
];

/// An object of a kind and a name: `GlobalNetworkPolicy a` or `NetworkPolicy blue/a`.
pub(crate) fn object(name: &str, spec: &str) -> String {
    let (kind, name) = name.split_once(' ').expect("a kind and a name");
    let metadata = match name.split_once('/') {
        Some((namespace, name)) => format!("{{name: {name}, namespace: {namespace}}}"),
        None => format!("{{name: {name}}}"),
    };
    format!(
        "apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {metadata}\nspec: {{{spec}}}\n"
    )
}

/// Specifications that are too large for 3.33, and were not for 3.32: in words, and what is said.
pub(crate) fn large() -> Vec<(&'static str, String, &'static str)> {
    let selector = format!("selector: \"{} has(a)\"", "has(a) || ".repeat(110));
    let rules = format!("ingress: [{}]", "{action: Allow},".repeat(1025));
    let nets: String = (0..257)
        .map(|at| format!("10.{}.{}.0/24,", at / 256, at % 256))
        .collect();
    let nets = format!("ingress: [{{action: Allow, source: {{nets: [{nets}]}}}}]");
    let ports: String = (1..52).map(|port| format!("{port},")).collect();
    let ports =
        format!("ingress: [{{action: Allow, protocol: TCP, destination: {{ports: [{ports}]}}}}]");
    vec![
        (
            "a selector of 1108 characters",
            selector,
            "may not be more than 1024",
        ),
        ("1025 rules of a direction", rules, "at most 1024"),
        ("257 nets of a rule", nets, "at most 256"),
        ("51 ports of a rule", ports, "at most 50"),
    ]
}

/// All that 3.33 refuses.
pub(crate) fn all() -> Vec<Refused> {
    let refused = |shown: &str, manifest: String, said| Refused {
        target: Target::Calico,
        version: (3, 33),
        shown: shown.to_owned(),
        manifest,
        place: "",
        said,
    };
    let global = |spec: &str| object("GlobalNetworkPolicy a", spec);
    let mut all = Vec::new();
    for &(spec, said) in GLOBAL {
        all.push(refused(&spec.replace('\n', "\\n"), global(spec), said));
    }
    for &(name, spec, said) in OTHERS {
        let shown = format!("{name}: {{{spec}}}");
        all.push(refused(&shown, object(name, spec), said));
    }
    for (words, spec, said) in large() {
        all.push(refused(words, global(&spec), said));
    }
    let head = "apiVersion: projectcalico.org/v3\n";
    all.push(refused(
        "GlobalNetworkPolicy a without a spec",
        format!("{head}kind: GlobalNetworkPolicy\nmetadata: {{name: a}}\n"),
        "spec: Required",
    ));
    all.push(refused(
        "GlobalNetworkSet s with the label projectcalico.org/namespace",
        format!(
            "{head}kind: GlobalNetworkSet\nmetadata: {{name: s, labels: {{projectcalico.org/namespace: x}}}}\nspec: {{nets: []}}\n"
        ),
        "not a valid label",
    ));
    all.push(refused(
        "GlobalNetworkPolicy a, twice",
        format!("{}---\n{}", global(""), global("")),
        "already exists",
    ));
    all
}
