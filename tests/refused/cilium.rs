//! What Cilium's validators refuse, in their words.

use super::Refused;
use vauban::model::Target;

/// A policy of the namespace `shop`, or a clusterwide one, with one rule.
pub(crate) fn policy(kind: &str, rule: &str) -> String {
    let rule = rule.replace('\n', "\n  ");
    let namespace = match kind {
        "CiliumNetworkPolicy" => ", namespace: shop",
        _ => "",
    };
    format!(
        "apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: p{namespace}}}\nspec:\n  {rule}\n"
    )
}

/// A subject, as the start of a rule.
const OPEN: &str = "endpointSelector: {matchLabels: {app: web}}\n";

/// Rules of a CiliumNetworkPolicy, and what is said of them.
fn rules() -> Vec<(String, &'static str)> {
    let element = |text: &str| format!("{OPEN}ingress: [{{{text}}}]");
    let egress = |text: &str| format!("{OPEN}egress: [{{{text}}}]");
    let ports = |text: &str| egress(&format!("toPorts: [{{ports: [{text}]}}]"));
    vec![
        (OPEN.to_owned(), "rule must have at least one of Ingress"),
        (
            "ingress: [{}]".to_owned(),
            "rule must have one of EndpointSelector or NodeSelector",
        ),
        (
            format!("{OPEN}nodeSelector: {{}}\ningress: [{{}}]"),
            "rule cannot have both",
        ),
        (
            "nodeSelector: {}\ningress: [{}]".to_owned(),
            "rule cannot have NodeSelector",
        ),
        (
            element("fromCIDR: [10.0.0.0/8], fromEntities: [world]"),
            "combining FromEntities and FromCIDR is not supported yet",
        ),
        (
            element("fromCIDR: [10.0.0.0/8], fromCIDRSet: [{cidr: 10.0.0.0/8}]"),
            "combining FromCIDR and FromCIDRSet",
        ),
        (
            egress("toFQDNs: [{matchName: a}], toEntities: [world]"),
            "combining ToEntities and ToFQDNs",
        ),
        (element("fromCIDR: [10.0.0.1]"), "must be of type cidr"),
        (element("fromCIDR: [10.0.0.0/33]"), "must be of type cidr"),
        (
            element("fromCIDRSet: [{}]"),
            "one of cidr, cidrGroupRef, or cidrGroupSelector is required",
        ),
        (
            element("fromCIDRSet: [{cidrGroupRef: \"\"}]"),
            "one of cidr, cidrGroupRef, or cidrGroupSelector is required",
        ),
        (
            element("fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: a}]"),
            "more than one of cidr",
        ),
        (
            element("fromCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]"),
            "allow CIDR prefix 10.0.0.0/8 does not contain exclude CIDR prefix 11.0.0.0/16",
        ),
        (
            element("fromEndpoints: [{matchExpressions: [{key: a, operator: Gt, values: [b]}]}]"),
            "Unsupported value: \"Gt\"",
        ),
        (
            element("fromEndpoints: [{matchExpressions: [{key: a, operator: In}]}]"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            element(
                "fromEndpoints: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]",
            ),
            "may not be specified when `operator` is 'Exists'",
        ),
        (
            element("fromEndpoints: [{matchLabels: {\"a b\": c}}]"),
            "name part must consist of",
        ),
        (
            element("fromEndpoints: [{matchLabels: {a: \"b c\"}}]"),
            "a valid label must be",
        ),
        (
            element("icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: \"80\"}]}]"),
            "the ICMPs block may only be present without ToPorts",
        ),
        (
            element("icmps: [{fields: [{family: IPv5, type: 8}]}]"),
            "Unsupported value: \"IPv5\"",
        ),
        (
            element("toPorts: [{ports: [{port: \"53\"}], rules: {dns: [{matchPattern: \"*\"}]}}]"),
            "DNS rules are not allowed on ingress",
        ),
        (
            egress("toPorts: [{rules: {dns: [{matchPattern: \"*\"}]}}]"),
            "port 53 must be specified for DNS rules",
        ),
        (
            egress(
                "toPorts: [{ports: [{port: \"53\", endPort: 54}], rules: {dns: [{matchPattern: \"*\"}]}}]",
            ),
            "DNS rules do not support port ranges",
        ),
        (
            egress("toPorts: [{ports: [{port: \"80\"}], rules: {http: [{}]}}]"),
            "L7 rules can only apply to TCP",
        ),
        (
            egress("toPorts: [{ports: [{port: \"0\", protocol: TCP}], rules: {http: [{}]}}]"),
            "L7 rules can not be used when a port is 0",
        ),
        (
            egress(
                "toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{}], dns: [{matchName: a}]}}]",
            ),
            "multiple L7 protocol rule types",
        ),
        (
            egress("toPorts: [{ports: [{port: \"80\", protocol: TCP}], serverNames: [\"\"]}]"),
            "empty server name is not allowed",
        ),
        (ports("{port: \"99999\"}"), "unable to parse port"),
        (ports("{port: \"80-90\"}"), "unable to parse port"),
        (ports("{protocol: TCP}"), "port must be specified"),
        (ports("{port: 80}"), "a number where a string is due"),
        (
            ports("{port: \"80\", endPort: 70000}"),
            "should be between 0 and 65535",
        ),
        (
            ports("{port: \"80\", protocol: tcp}"),
            "Unsupported value: \"tcp\"",
        ),
        (
            ports(&["{port: \"80\"}"; 41].join(", ")),
            "too many ports, the max is 40",
        ),
        (
            egress("toFQDNs: [{matchName: \"*.a\"}]"),
            "Invalid characters in MatchName",
        ),
        (
            egress("toFQDNs: [{matchName: a, matchPattern: b}]"),
            "only one of MatchName or MatchPattern",
        ),
        (
            format!("{OPEN}egressDeny: [{{toFQDNs: [{{matchName: a}}]}}]"),
            "unknown field \"spec.egressDeny[0].toFQDNs\"",
        ),
        (
            format!(
                "{OPEN}ingressDeny: [{{toPorts: [{{ports: [{{port: \"80\", protocol: TCP}}], rules: {{http: [{{}}]}}}}]}}]"
            ),
            "unknown field \"spec.ingressDeny[0].toPorts[0].rules\"",
        ),
        (
            element("fromEndpoint: [{}]"),
            "unknown field \"spec.ingress[0].fromEndpoint\"",
        ),
        (element("fromEndpoints: {}"), "a map where a list is due"),
    ]
}

/// Rules of a CiliumClusterwideNetworkPolicy, and what is said of them.
const CLUSTERWIDE: &[(&str, &str)] = &[
    (
        "nodeSelector: {}\ningress: [{toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{}]}}]}]",
        "L7 policy is not supported on host ingress yet",
    ),
    (
        "nodeSelector: {}\negress: [{toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{}]}}]}]",
        "L7 protocol HTTP is not supported on host egress yet",
    ),
];

fn refused(shown: String, manifest: String, said: &'static str) -> Refused {
    Refused {
        target: Target::Cilium,
        version: (1, 20),
        shown,
        manifest,
        place: "",
        said,
    }
}

/// Whole objects.
pub(crate) fn objects() -> Vec<Refused> {
    let head = "apiVersion: cilium.io/v2\n";
    let twice = policy("CiliumNetworkPolicy", "endpointSelector: {}\ningress: [{}]");
    vec![
        refused(
            "CiliumNetworkPolicy p without a rule".to_owned(),
            format!("{head}kind: CiliumNetworkPolicy\nmetadata: {{name: p, namespace: shop}}\n"),
            "Invalid CiliumNetworkPolicy spec(s): empty policy",
        ),
        refused(
            "CiliumNetworkPolicy p, twice".to_owned(),
            format!("{twice}---\n{twice}"),
            "CiliumNetworkPolicy shop/p stands here twice",
        ),
        refused(
            "CiliumClusterwideNetworkPolicy shop/p".to_owned(),
            format!(
                "{head}kind: CiliumClusterwideNetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{endpointSelector: {{}}, ingress: [{{}}]}}\n"
            ),
            "metadata.namespace: Forbidden: not allowed on this type",
        ),
        refused(
            "CiliumCIDRGroup g: {}".to_owned(),
            format!("{head}kind: CiliumCIDRGroup\nmetadata: {{name: g}}\nspec: {{}}\n"),
            "spec.externalCIDRs: Required value",
        ),
    ]
}

/// All that 1.20 refuses.
pub(crate) fn all() -> Vec<Refused> {
    let mut all = Vec::new();
    for (rule, said) in rules() {
        let shown = match rule.strip_prefix(OPEN) {
            Some("") => OPEN.trim_end().to_owned(),
            Some(rest) => rest.replace('\n', "; "),
            None => format!("without endpointSelector: {}", rule.replace('\n', "; ")),
        };
        all.push(refused(shown, policy("CiliumNetworkPolicy", &rule), said));
    }
    for &(rule, said) in CLUSTERWIDE {
        let manifest = policy("CiliumClusterwideNetworkPolicy", rule);
        let shown = format!("clusterwide: {}", rule.replace('\n', "; "));
        all.push(refused(shown, manifest, said));
    }
    all.extend(objects());
    all
}
