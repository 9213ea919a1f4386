//! What the API server refuses of NetworkPolicies, in its words.

use super::Refused;
use vauban::model::Target;

/// A specification, the place of the fault in it, and the validator's words.
const SPECIFICATIONS: &[(&str, &str, &str)] = &[
    (
        "spec: {podselector: {}}",
        "podselector",
        "unknown field \"spec.podselector\"",
    ),
    (
        "spec: {ingress: [{form: []}]}",
        "form",
        "unknown field \"spec.ingress[0].form\"",
    ),
    (
        "spec: {policyTypes: [Ingres]}",
        "Ingres",
        "spec.policyTypes[0]: Unsupported value: \"Ingres\": supported values: \"Ingress\", \"Egress\"",
    ),
    (
        "spec: {policyTypes: [Ingress, Egress, Ingress]}",
        "[Ingress, Egress, Ingress]",
        "spec.policyTypes: Invalid value: [\"Ingress\",\"Egress\",\"Ingress\"]: may not specify more than two policyTypes",
    ),
    (
        "spec: {ingress: {}}",
        "{}",
        "spec.ingress: a map where a list is due",
    ),
    (
        "spec: {ingress: [{from: [{}]}]}",
        "{}",
        "spec.ingress[0].from[0]: Required value: must specify a peer",
    ),
    (
        "spec: {ingress: [{from: [null]}]}",
        "null",
        "spec.ingress[0].from[0]: Required value: must specify a peer",
    ),
    (
        "spec: {ingress: [{from: [{podSelector: }]}]}",
        "{podSelector: }",
        "spec.ingress[0].from[0]: Required value: must specify a peer",
    ),
    (
        "spec: {ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
        "{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
        "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
    ),
    (
        "spec: {egress: [{to: [{ipBlock: {}}]}]}",
        "{}",
        "spec.egress[0].to[0].ipBlock.cidr: Required value",
    ),
    (
        "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
        "10.0.0.0/33",
        "spec.egress[0].to[0].ipBlock.cidr: Invalid value: \"10.0.0.0/33\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
    ),
    (
        "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
        "10.0.0.0/8",
        "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`",
    ),
    (
        "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/9]}}]}]}",
        "11.0.0.0/9",
        "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/9\": must be a strict subset of `cidr`",
    ),
    (
        "spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: ['2001:db8::/32']}}]}]}",
        "'2001:db8::/32'",
        "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"2001:db8::/32\": must be a strict subset of `cidr`",
    ),
    (
        "spec: {ingress: [{ports: [{protocol: ICMP}]}]}",
        "ICMP",
        "spec.ingress[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
    ),
    (
        "spec: {ingress: [{ports: [{protocol: tcp}]}]}",
        "tcp",
        "spec.ingress[0].ports[0].protocol: Unsupported value: \"tcp\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
    ),
    (
        "spec: {ingress: [{ports: [{port: 0}]}]}",
        "0",
        "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ),
    (
        "spec: {ingress: [{ports: [{port: 65536}]}]}",
        "65536",
        "spec.ingress[0].ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive",
    ),
    (
        "spec: {ingress: [{ports: [{port: '80'}]}]}",
        "'80'",
        "spec.ingress[0].ports[0].port: Invalid value: \"80\": must contain at least one letter (a-z)",
    ),
    (
        "spec: {ingress: [{ports: [{port: true}]}]}",
        "true",
        "spec.ingress[0].ports[0].port: a boolean where a port's number or name is due",
    ),
    (
        "spec: {ingress: [{ports: [{endPort: 80}]}]}",
        "80",
        "spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified",
    ),
    (
        "spec: {ingress: [{ports: [{port: http, endPort: 80}]}]}",
        "80",
        "spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric",
    ),
    (
        "spec: {ingress: [{ports: [{port: 80, endPort: 79}]}]}",
        "79",
        "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
    ),
    (
        "spec: {ingress: [{ports: [{port: 80, endPort: 70000}]}]}",
        "70000",
        "spec.ingress[0].ports[0].endPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    (
        "spec: {podSelector: {matchLabels: {app: 'a b'}}}",
        "'a b'",
        "spec.podSelector.matchLabels: Invalid value: \"a b\": a valid label must",
    ),
    (
        "spec: {podSelector: {matchLabels: {app: 1}}}",
        "1",
        "spec.podSelector.matchLabels.app: a number where a string is due",
    ),
    (
        "spec: {podSelector: {matchLabels: {app: on}}}",
        "on",
        "spec.podSelector.matchLabels.app: a boolean where a string is due",
    ),
    (
        "spec: {podSelector: {matchLabels: {-app: x}}}",
        "-app",
        "spec.podSelector.matchLabels: Invalid value: \"-app\": name part must consist of",
    ),
    (
        "spec: {podSelector: {matchExpressions: [{key: a, operator: In}]}}",
        "{key: a, operator: In}",
        "spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ),
    (
        "spec: {podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}}",
        "[x]",
        "spec.podSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ),
    (
        "spec: {podSelector: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}}",
        "Gt",
        "spec.podSelector.matchExpressions[0].operator: Invalid value: \"Gt\": not a valid selector operator",
    ),
    (
        "spec: {podSelector: {matchExpressions: [{operator: Exists}]}}",
        "{operator: Exists}",
        "spec.podSelector.matchExpressions[0].key: Invalid value: \"\": name part must be non-empty",
    ),
    (
        "spec: {podSelector: {matchExpressions: [{key: a, operator: In, values: ['-']}]}}",
        "'-'",
        "spec.podSelector.matchExpressions[0].values[0]: Invalid value: \"-\": a valid label must",
    ),
    ("spc: {}", "spc", "unknown field \"spc\""),
];

/// CIDRs that are refused since 1.37, and why.
const LOOSE: &[(&str, &str)] = &[
    (
        "203.0.113.77/24",
        "must not have bits set beyond the prefix length",
    ),
    (
        "203.0.113.077/32",
        "must not have leading 0s in IP or prefix length",
    ),
    (
        "'::ffff:203.0.113.0/120'",
        "must not have an IPv4-mapped IPv6 address",
    ),
];

/// Whole objects.
const OBJECTS: &[(&str, &str)] = &[
    (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: Web}\n",
        "metadata.name: Invalid value: \"Web\": a lowercase RFC 1123 subdomain",
    ),
    (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: a.b}\n",
        "metadata.namespace: Invalid value: \"a.b\": must not contain dots",
    ),
    (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, labels: {a: '?'}}\n",
        "metadata.labels: Invalid value: \"?\": a valid label must",
    ),
    (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, annotations: {'a b': x}}\n",
        "metadata.annotations: Invalid value: \"a b\": name part must",
    ),
    (
        "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\n",
        "no matches for kind \"NetworkPolicy\" in version \"extensions/v1beta1\"",
    ),
];

fn object(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\n{spec}\n"
    )
}

/// All of them.
pub(crate) fn all() -> Vec<Refused> {
    let refused = |version, shown: &str, manifest: String, place, said| Refused {
        target: Target::Kubernetes,
        version,
        shown: shown.to_owned(),
        manifest,
        place,
        said,
    };
    let mut all = Vec::new();
    for &(spec, place, words) in SPECIFICATIONS {
        all.push(refused((1, 33), spec, object(spec), place, words));
    }
    for &(cidr, words) in LOOSE {
        let spec = format!("spec: {{egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}");
        all.push(refused((1, 37), &spec, object(&spec), cidr, words));
    }
    for &(text, words) in OBJECTS {
        let shown = text.trim_end().replace('\n', "; ");
        all.push(refused((1, 33), &shown, text.to_owned(), "", words));
    }
    all
}
