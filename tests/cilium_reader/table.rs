//! Rows of the facts, by hand: a rule, and flows with what becomes of them.
//!
//! A row is a flow as [`written`](super::written), and `= yes`, `= no`, or `= ?` for "not decided".

use vauban::backend::read::Cidr;
use vauban::model::{Cluster, Namespace};
use vauban::source::{FileId, Span};
use vauban::space::AddressSet;

use super::read::{Said, reading, reading_as};
use super::refused::cilium::{self, policy};
use super::written::{SPACES, flow};

const SPAN: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};

fn addresses(nets: &[&str]) -> AddressSet {
    nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    })
}

/// A cluster with IPv4 only, of which everything is known.
fn known() -> Cluster {
    Cluster {
        pods: Some(addresses(&["10.244.0.0/16"])),
        nodes: Some(addresses(&["192.168.10.0/24"])),
        apiserver: Some(addresses(&["192.168.10.1/32", "172.16.0.1/32"])),
        ipv6_none: true,
        sctp: true,
        ..Cluster::unknown()
    }
}

fn namespaces() -> Vec<Namespace> {
    let labels = |labels: &[(&str, &str)]| {
        let each = labels.iter();
        each.map(|(key, value)| ((*key).into(), (*value).into()))
            .collect()
    };
    SPACES
        .iter()
        .map(|(name, known)| Namespace {
            name: (*name).into(),
            labels: labels(known),
            span: SPAN,
        })
        .collect()
}

const CNP: &str = "CiliumNetworkPolicy";
const CCNP: &str = "CiliumClusterwideNetworkPolicy";

fn judge(texts: &[&str], version: (u16, u16), cluster: &Cluster, rows: &str) {
    judge_as(texts, version, cluster, Cidr::AsTarget, rows);
}

fn judge_as(texts: &[&str], version: (u16, u16), cluster: &Cluster, cidr: Cidr, rows: &str) {
    let texts_of = texts.iter().copied();
    let read = reading_as(texts_of, version, cluster, &namespaces(), cidr);
    let whole = texts.join("---\n");
    assert!(read.faults.is_empty(), "{:#?}\n{whole}", read.faults);
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (text, wanted) = row.rsplit_once(" = ").unwrap();
        let said = match read.says(&flow(text)) {
            Said::Allowed => "yes",
            Said::Denied => "no",
            Said::Nothing(_) => "?",
        };
        assert_eq!(said, wanted, "{text} in {version:?}\n{whole}");
    }
}

const ALL: [(u16, u16); 4] = [(1, 17), (1, 18), (1, 19), (1, 20)];

/// Judges a rule of the kind in every version.
fn rule(kind: &str, rule: &str, rows: &str) {
    for version in ALL {
        judge(&[&policy(kind, rule)], version, &known(), rows);
    }
}

/// The faults that a rule has, in a version.
fn faults(kind: &str, rule: &str, version: (u16, u16)) -> Vec<String> {
    let text = policy(kind, rule);
    reading([text.as_str()], version, &known(), &namespaces()).faults
}

fn refused(kind: &str, rule: &str, version: (u16, u16), why: &str) {
    let faults = faults(kind, rule, version);
    assert!(
        faults.iter().any(|fault| fault.contains(why)),
        "{version:?}: {faults:#?} instead of {why}\n{rule}"
    );
}

const OPEN: &str = "endpointSelector: {matchLabels: {app: web}}\n";

#[test]
fn a_direction_that_is_not_said_is_left_alone() {
    for nothing in ["", "ingress: null\n", "ingress: []\n"] {
        rule(
            CNP,
            &format!("{OPEN}{nothing}egress: [{{}}]"),
            "shop/app=web < 203.0.113.1 tcp 80 = yes
             shop/app=web > 203.0.113.1 tcp 80 = no
             shop/app=api > 203.0.113.1 tcp 80 = yes
             data/app=web > 203.0.113.1 tcp 80 = yes",
        );
    }
}

#[test]
fn of_two_labels_of_one_key_nobody_knows_which_counts() {
    rule(
        CNP,
        "endpointSelector: {matchLabels: {app: web, \"any:app\": api}}\ningress: [{}]",
        "shop/app=web < shop/app=api tcp 80 = ?
         shop/app=api < shop/app=api tcp 80 = ?
         shop/app=db < shop/app=api tcp 80 = yes
         shop/app=web > shop/app=api tcp 80 = yes",
    );
    rule(
        CNP,
        "endpointSelector: {matchLabels: {app: web, \"any:app\": web}}\ningress: [{}]",
        "shop/app=web < shop/app=api tcp 80 = no
         shop/app=api < shop/app=api tcp 80 = yes",
    );
}

#[test]
fn an_empty_element_allows_nothing_and_closes() {
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{}}]"),
        "shop/app=web < shop/app=api tcp 80 = no
         shop/app=web < 203.0.113.1 tcp 80 = no
         shop/app=web < node:192.168.10.7 tcp 80 = no
         shop/app=web > shop/app=api tcp 80 = yes",
    );
    rule(
        CNP,
        &format!("{OPEN}ingressDeny: [{{}}]"),
        "shop/app=web < shop/app=api tcp 80 = no
         shop/app=web > shop/app=api tcp 80 = yes",
    );
    rule(
        CNP,
        &format!("{OPEN}ingressDeny: [{{}}]\nenableDefaultDeny: {{ingress: false}}"),
        "shop/app=web < shop/app=api tcp 80 = yes",
    );
}

#[test]
fn ports_without_peers_are_of_any_peer() {
    for peers in ["", "fromEndpoints: null, ", "fromGroups: [], "] {
        rule(
            CNP,
            &format!(
                "{OPEN}ingress: [{{{peers}toPorts: [{{ports: [{{port: \"80\", protocol: TCP}}]}}]}}]"
            ),
            "shop/app=web < data/ tcp 80 = yes
             shop/app=web < 203.0.113.1 tcp 80 = yes
             shop/app=web < node:192.168.10.7 tcp 80 = yes
             shop/app=web < proxy tcp 80 = yes
             shop/app=web < data/ tcp 81 = no
             shop/app=web < data/ udp 80 = no
             shop/app=web < data/ icmp 8 = no",
        );
    }
    for peers in ["toFQDNs: [], ", "toServices: [], ", "toGroups: [], "] {
        rule(
            CNP,
            &format!("{OPEN}egress: [{{{peers}toPorts: [{{ports: [{{port: \"80\"}}]}}]}}]"),
            "shop/app=web > data/ tcp 80 = yes
             shop/app=web > 203.0.113.1 udp 80 = yes
             shop/app=web > 203.0.113.1 udp 81 = no",
        );
        rule(
            CNP,
            &format!("{OPEN}egress: [{{{}}}]", peers.trim_end_matches(", ")),
            "shop/app=web > data/ tcp 80 = no",
        );
    }
}

#[test]
fn a_list_of_peers_without_items_selects_nothing() {
    for peers in ["Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes"] {
        for ports in ["", ", toPorts: [{ports: [{port: \"80\"}]}]"] {
            rule(
                CNP,
                &format!(
                    "{OPEN}ingress: [{{from{peers}: []{ports}}}]\negress: [{{to{peers}: []{ports}}}]"
                ),
                "shop/app=web < shop/ tcp 80 = no
                 shop/app=web < 203.0.113.1 tcp 80 = no
                 shop/app=web > shop/ tcp 80 = no
                 shop/app=web > node:192.168.10.7 tcp 80 = no",
            );
        }
    }
    // Beside another kind of peers, too.
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [], fromEntities: [world]}}]"),
        "shop/app=web < 203.0.113.1 tcp 80 = no",
    );
}

#[test]
fn lists_of_ports_without_items_are_not_said() {
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}], toPorts: [], icmps: []}}]"),
        "shop/app=web < shop/ tcp 80 = yes
         shop/app=web < shop/ icmp 8 = yes
         shop/app=web < data/ tcp 80 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{toPorts: []}}]"),
        "shop/app=web < shop/ tcp 80 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}], toPorts: [{{}}]}}]"),
        "shop/app=web < shop/ tcp 80 = no",
    );
}

#[test]
fn an_empty_peer_is_of_the_policys_namespace_or_of_all() {
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}]}}]"),
        "shop/app=web < shop/ tcp 80 = yes
         shop/app=web < data/ tcp 80 = no
         shop/app=web < 203.0.113.1 tcp 80 = no
         shop/app=web < node:192.168.10.7 tcp 80 = no
         shop/app=web < proxy tcp 80 = no",
    );
    rule(
        CCNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}]}}]"),
        "shop/app=web < shop/ tcp 80 = yes
         shop/app=web < data/ tcp 80 = yes
         shop/app=web < 203.0.113.1 tcp 80 = no
         shop/app=web < node:192.168.10.7 tcp 80 = no
         shop/app=web < proxy tcp 80 = no
         wild/app=web < data/ tcp 80 = yes",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEntities: [all]}}]"),
        "shop/app=web < data/ tcp 80 = yes
         shop/app=web < 203.0.113.1 icmp 8 = yes
         shop/app=web < node:192.168.10.7 tcp 80 = yes
         shop/app=web < proxy tcp 80 = yes",
    );
}

#[test]
fn an_empty_subject_is_of_the_policys_namespace_or_of_all() {
    rule(
        CNP,
        "endpointSelector: {}\negress: [{}]",
        "shop/ > data/ tcp 80 = no
         data/ > shop/ tcp 80 = yes",
    );
    rule(
        CCNP,
        "endpointSelector: {}\negress: [{}]",
        "shop/ > data/ tcp 80 = no
         data/ > shop/ tcp 80 = no",
    );
    // A rule for nodes is for no pod.
    rule(
        CCNP,
        "nodeSelector: {}\negress: [{}]\ningress: [{}]",
        "shop/ > data/ tcp 80 = yes
         shop/ < data/ tcp 80 = yes",
    );
}

#[test]
fn default_deny_is_a_direction_with_elements_and_without_a_word_against_it() {
    let elements = "ingress: [{fromEntities: [world]}]\negress: [{toEntities: [world]}]";
    let rows = |ingress, egress| {
        format!(
            "shop/app=web < data/ tcp 80 = {ingress}
             shop/app=web > data/ tcp 80 = {egress}"
        )
    };
    for (said, ingress, egress) in [
        ("", "no", "no"),
        ("enableDefaultDeny: {}", "no", "no"),
        (
            "enableDefaultDeny: {ingress: true, egress: true}",
            "no",
            "no",
        ),
        ("enableDefaultDeny: {ingress: false}", "yes", "no"),
        ("enableDefaultDeny: {egress: false}", "no", "yes"),
        (
            "enableDefaultDeny: {ingress: false, egress: false}",
            "yes",
            "yes",
        ),
    ] {
        rule(
            CNP,
            &format!("{OPEN}{elements}\n{said}"),
            &rows(ingress, egress),
        );
    }
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{}}]\nenableDefaultDeny: {{egress: true}}"),
        &rows("no", "yes"),
    );
}

#[test]
fn a_deny_beats_every_allow_of_every_object() {
    let open = policy(CNP, &format!("{OPEN}ingress: [{{fromEntities: [all]}}]"));
    let deny = policy(
        CCNP,
        "endpointSelector: {}\nenableDefaultDeny: {ingress: false}\ningressDeny: [{fromCIDR: [203.0.113.0/24]}, {toPorts: [{ports: [{port: \"22\", protocol: TCP}]}]}]",
    );
    for version in ALL {
        judge(
            &[&open, &deny],
            version,
            &known(),
            "shop/app=web < 203.0.113.1 tcp 80 = no
             shop/app=web < 203.0.114.1 tcp 80 = yes
             shop/app=web < data/ tcp 22 = no
             shop/app=web < data/ tcp 80 = yes
             shop/app=web < node:192.168.10.7 tcp 22 = ?
             shop/app=web < node:192.168.10.7 tcp 80 = yes
             data/ < 203.0.113.1 tcp 80 = no
             data/ < 198.51.100.1 tcp 80 = yes",
        );
    }
}

#[test]
fn namespaces_are_added_to_peers_as_the_agent_does() {
    let peers = |selector: &str| format!("{OPEN}ingress: [{{fromEndpoints: [{selector}]}}]");
    for key in [
        "io.kubernetes.pod.namespace",
        "k8s:io.kubernetes.pod.namespace",
        "any:io.kubernetes.pod.namespace",
        "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name",
    ] {
        rule(
            CNP,
            &peers(&format!("{{matchLabels: {{\"{key}\": data}}}}")),
            "shop/app=web < data/ tcp 80 = yes
             shop/app=web < shop/ tcp 80 = no
             shop/app=web < 203.0.113.1 tcp 80 = no",
        );
    }
    for key in [
        "io.cilium.k8s.namespace.labels.env",
        "k8s:io.cilium.k8s.namespace.labels.env",
    ] {
        rule(
            CNP,
            &peers(&format!("{{matchLabels: {{\"{key}\": dev}}}}")),
            "shop/app=web < data/ tcp 80 = yes
             shop/app=web < shop/ tcp 80 = no
             shop/app=web < wild/ tcp 80 = no",
        );
    }
    rule(
        CNP,
        &peers(
            "{matchExpressions: [{key: \"k8s:io.kubernetes.pod.namespace\", operator: Exists}]}",
        ),
        "shop/app=web < data/ tcp 80 = yes
         shop/app=web < wild/ tcp 80 = yes
         shop/app=web < proxy tcp 80 = no",
    );
}

#[test]
fn a_negative_namespace_alone_meets_more_than_pods_before_the_cluster_is_added() {
    let text = format!(
        "{OPEN}ingress: [{{fromEndpoints: [{{matchExpressions: [{{key: io.kubernetes.pod.namespace, operator: NotIn, values: [data]}}]}}]}}]"
    );
    for version in ALL {
        let more = if version < (1, 19) { "yes" } else { "no" };
        judge(
            &[&policy(CNP, &text)],
            version,
            &known(),
            &format!(
                "shop/app=web < wild/ tcp 80 = yes
                 shop/app=web < data/ tcp 80 = no
                 shop/app=web < 203.0.113.1 tcp 80 = {more}
                 shop/app=web < node:192.168.10.7 tcp 80 = {more}
                 shop/app=web < proxy tcp 80 = {more}"
            ),
        );
    }
    // With node labels on, nodes carry the cluster's name, and no namespace.
    let labelled = Cluster {
        node_labels: true,
        ..known()
    };
    judge(
        &[&policy(CNP, &text)],
        (1, 20),
        &labelled,
        // Their own labels could answer for a key without a source.
        "shop/app=web < node:192.168.10.7 tcp 80 = ?
         shop/app=web < 203.0.113.1 tcp 80 = no",
    );
    let text = text
        .replace("io.kubernetes", "\"k8s:io.kubernetes")
        .replace("namespace,", "namespace\",");
    judge(
        &[&policy(CNP, &text)],
        (1, 20),
        &labelled,
        "shop/app=web < node:192.168.10.7 tcp 80 = yes
         shop/app=web < 203.0.113.1 tcp 80 = no",
    );
}

#[test]
fn the_subjects_namespace_is_forced() {
    rule(
        CNP,
        "endpointSelector: {matchLabels: {\"k8s:io.kubernetes.pod.namespace\": data}}\ningress: [{}]",
        "shop/ < data/ tcp 80 = no
         data/ < data/ tcp 80 = yes",
    );
    rule(
        CNP,
        "endpointSelector: {matchLabels: {io.kubernetes.pod.namespace: data}}\ningress: [{}]",
        "shop/ < data/ tcp 80 = yes
         data/ < data/ tcp 80 = yes",
    );
}

#[test]
fn labels_by_their_source() {
    let peers =
        |labels: &str| format!("{OPEN}egress: [{{toEndpoints: [{{matchLabels: {labels}}}]}}]");
    for key in ["app", "k8s:app", "any:app"] {
        rule(
            CNP,
            &peers(&format!("{{\"{key}\": db}}")),
            "shop/app=web > shop/app=db tcp 80 = yes
             shop/app=web > shop/app=api tcp 80 = no",
        );
    }
    // Pods have no labels of other sources.
    rule(
        CNP,
        &peers("{\"container:app\": db}"),
        "shop/app=web > shop/app=db tcp 80 = no",
    );
    rule(
        CNP,
        &peers("{io.cilium.k8s.policy.serviceaccount: clerk}"),
        "shop/app=web > shop/@clerk tcp 80 = yes
         shop/app=web > shop/ tcp 80 = no",
    );
    rule(
        CNP,
        &peers("{\"reserved:ingress\": \"\"}"),
        "shop/app=web > proxy tcp 80 = yes
         shop/app=web > shop/ tcp 80 = no",
    );
    rule(
        CNP,
        &peers("{\"reserved:world\": \"\"}"),
        "shop/app=web > 203.0.113.1 tcp 80 = yes
         shop/app=web > proxy tcp 80 = no",
    );
    // The name of the cluster is a fact that nobody says.
    rule(
        CNP,
        &peers("{io.cilium.k8s.policy.cluster: west}"),
        "shop/app=web > shop/ tcp 80 = ?
         shop/app=web > data/ tcp 80 = no",
    );
}

#[test]
fn labels_outside_the_identity_never_exist() {
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{matchLabels: {{pod-template-hash: x}}}}]}}]"),
        "shop/app=web < shop/pod-template-hash=x tcp 80 = no",
    );
    rule(
        CNP,
        &format!(
            "{OPEN}ingress: [{{fromEndpoints: [{{matchExpressions: [{{key: pod-template-hash, operator: NotIn, values: [x]}}]}}]}}]"
        ),
        "shop/app=web < shop/pod-template-hash=x tcp 80 = yes",
    );
}

#[test]
fn entities_as_the_documents_list_them() {
    let ends = [
        "shop/",
        "data/",
        "node:192.168.10.7",
        "node:192.168.10.1",
        "203.0.113.1",
        "172.16.0.1",
        "proxy",
    ];
    // The same order: ingress, then egress. A flow does not say whether a node is the pod's own.
    let table = [
        (
            "all",
            "yes yes yes yes yes yes yes",
            "yes yes yes yes yes yes yes",
        ),
        ("world", "no no no no yes yes no", "no no no no yes yes no"),
        ("host", "no no no no no no no", "no no ? ? no no no"),
        (
            "remote-node",
            "no no yes yes no no no",
            "no no ? ? no no no",
        ),
        (
            "host, remote-node",
            "no no yes yes no no no",
            "no no yes yes no no no",
        ),
        (
            "cluster",
            "yes yes yes yes no yes yes",
            "yes yes yes yes no yes yes",
        ),
        (
            "kube-apiserver",
            "no no no yes no yes no",
            "no no no yes no yes no",
        ),
        ("ingress", "no no no no no no yes", "no no no no no no yes"),
        ("init", "no no no no no no no", "no no no no no no no"),
        ("health", "no no no no no no no", "no no no no no no no"),
        ("unmanaged", "no no no no no no no", "no no no no no no no"),
        ("none", "no no no no no no no", "no no no no no no no"),
    ];
    for (entity, ingress, egress) in table {
        for (key, way, said) in [("fromEntities", "<", ingress), ("toEntities", ">", egress)] {
            let list = &key[..key.len() - 8]
                .replace("from", "ingress")
                .replace("to", "egress");
            let rows: Vec<String> = ends
                .iter()
                .zip(said.split(' '))
                .map(|(end, said)| format!("shop/app=web {way} {end} tcp 80 = {said}"))
                .collect();
            rule(
                CNP,
                &format!("{OPEN}{list}: [{{{key}: [{entity}]}}]"),
                &rows.join("\n"),
            );
        }
    }
    for version in ALL {
        refused(
            CNP,
            &format!("{OPEN}ingress: [{{fromEntities: [world-ipv4]}}]"),
            version,
            "Unsupported value",
        );
        let text = format!("{OPEN}ingress: [{{fromEntities: [cluster-mesh]}}]");
        if version < (1, 20) {
            refused(CNP, &text, version, "Unsupported value");
        } else {
            judge(
                &[&policy(CNP, &text)],
                version,
                &known(),
                "shop/app=web < data/ tcp 80 = yes",
            );
        }
    }
}

#[test]
fn an_api_server_nobody_knows_the_place_of_is_not_decided() {
    let cluster = Cluster {
        apiserver: None,
        ..known()
    };
    let text = policy(
        CNP,
        &format!("{OPEN}egress: [{{toEntities: [kube-apiserver]}}]"),
    );
    judge(
        &[&text],
        (1, 20),
        &cluster,
        "shop/app=web > 203.0.113.1 tcp 443 = ?
         shop/app=web > node:192.168.10.1 tcp 443 = ?
         shop/app=web > shop/ tcp 443 = no",
    );
}

#[test]
fn a_deny_that_meets_the_own_node_is_not_decided_for_nodes() {
    for deny in [
        "fromEntities: [all]",
        "fromEntities: [host]",
        "fromEntities: [cluster]",
    ] {
        rule(
            CNP,
            &format!("{OPEN}ingressDeny: [{{{deny}}}]"),
            "shop/app=web < node:192.168.10.7 tcp 80 = ?",
        );
    }
    rule(
        CNP,
        &format!(
            "{OPEN}ingressDeny: [{{fromEntities: [remote-node]}}]\nenableDefaultDeny: {{ingress: false}}"
        ),
        "shop/app=web < node:192.168.10.7 tcp 80 = no
         shop/app=web < data/ tcp 80 = yes",
    );
}

#[test]
fn cidrs_are_addresses_outside() {
    rule(
        CNP,
        &format!(
            "{OPEN}egress: [{{toCIDRSet: [{{cidr: 203.0.113.0/24, except: [203.0.113.8/29]}}]}}, {{toCIDR: [203.0.113.9/32]}}]"
        ),
        "shop/app=web > 203.0.113.1 tcp 80 = yes
         shop/app=web > 203.0.113.8 tcp 80 = no
         shop/app=web > 203.0.113.9 tcp 80 = yes",
    );
    rule(
        CNP,
        &format!("{OPEN}egress: [{{toCIDR: [0.0.0.0/0]}}]"),
        "shop/app=web > 203.0.113.1 tcp 80 = yes
         shop/app=web > shop/ tcp 80 = no
         shop/app=web > node:192.168.10.7 tcp 80 = no
         shop/app=web > proxy tcp 80 = no",
    );
    let all = policy(
        CNP,
        &format!("{OPEN}egress: [{{toCIDRSet: [{{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}}]"),
    );
    let dual = Cluster {
        ipv6_none: false,
        pods: Some(addresses(&["10.244.0.0/16", "fd00:10:244::/56"])),
        ..known()
    };
    let unknown = Cluster {
        ipv6_none: false,
        ..known()
    };
    let rows = |six| {
        format!(
            "shop/app=web > 203.0.113.1 tcp 80 = yes
             shop/app=web > 10.0.0.1 tcp 80 = no
             shop/app=web > 2001:db8::1 tcp 80 = {six}"
        )
    };
    judge(&[&all], (1, 20), &dual, &rows("no"));
    judge(&[&all], (1, 20), &unknown, &rows("?"));
}

#[test]
fn cidrs_are_any_addresses_where_the_question_says_so() {
    let to = |net: &str| policy(CNP, &format!("{OPEN}egress: [{{toCIDR: [\"{net}\"]}}]"));
    for (net, pods, node, outside) in [
        ("10.244.0.0/16", "yes", "no", "no"),
        ("10.244.7.0/24", "?", "no", "no"),
        ("203.0.113.0/24", "no", "no", "yes"),
        ("192.168.10.0/28", "no", "yes", "no"),
        ("0.0.0.0/0", "yes", "yes", "yes"),
    ] {
        judge_as(
            &[&to(net)],
            (1, 20),
            &known(),
            Cidr::Any,
            &format!(
                "shop/app=web > data/ tcp 80 = {pods}
                 shop/app=web > node:192.168.10.7 tcp 80 = {node}
                 shop/app=web > 203.0.113.1 tcp 80 = {outside}"
            ),
        );
    }
    // Of whose addresses nothing is known.
    judge_as(
        &[&to("203.0.113.0/24")],
        (1, 20),
        &Cluster::unknown(),
        Cidr::Any,
        "shop/app=web > data/ tcp 80 = ?",
    );
}

#[test]
fn groups_of_cidrs_are_looked_up() {
    let group = |name: &str, labels: &str, net: &str| {
        format!(
            "apiVersion: cilium.io/v2alpha1\nkind: CiliumCIDRGroup\nmetadata: {{name: {name}, labels: {{{labels}}}}}\nspec: {{externalCIDRs: [{net}]}}\n"
        )
    };
    let feed = group("feed", "kind: bad", "203.0.113.0/24");
    let other = group("other", "kind: good", "198.51.100.0/24");
    let inner = group("inner", "kind: good", "203.0.113.128/25");
    for (item, rows) in [
        (
            "cidrGroupRef: feed, except: [203.0.113.7/32]",
            "shop/app=web > 203.0.113.1 tcp 80 = no
             shop/app=web > 203.0.113.7 tcp 80 = yes
             shop/app=web > 198.51.100.1 tcp 80 = yes",
        ),
        (
            "cidrGroupSelector: {matchLabels: {kind: good}}",
            "shop/app=web > 203.0.113.1 tcp 80 = yes
             shop/app=web > 203.0.113.200 tcp 80 = ?
             shop/app=web > 198.51.100.1 tcp 80 = no",
        ),
        (
            "cidrGroupRef: absent",
            "shop/app=web > 203.0.113.1 tcp 80 = ?
             shop/app=web > shop/ tcp 80 = yes",
        ),
        (
            "cidrGroupSelector: {}",
            "shop/app=web > 203.0.113.1 tcp 80 = ?
             shop/app=web > shop/ tcp 80 = ?",
        ),
    ] {
        let text = policy(
            CNP,
            &format!(
                "{OPEN}enableDefaultDeny: {{egress: false}}\negressDeny: [{{toCIDRSet: [{{{item}}}]}}]"
            ),
        );
        judge(&[&text, &feed, &other, &inner], (1, 20), &known(), rows);
    }
}

#[test]
fn names_are_matched_where_they_are_learned() {
    let dns = |pattern: &str| {
        format!(
            "{{toEndpoints: [{{matchLabels: {{app: dns}}}}], toPorts: [{{ports: [{{port: \"53\"}}], rules: {{dns: [{{matchPattern: \"{pattern}\"}}]}}}}]}}"
        )
    };
    let names = "{toFQDNs: [{matchName: API.example.com}, {matchPattern: \"*.example.net\"}, {matchPattern: \"x*.example.org\"}], toPorts: [{ports: [{port: \"443\", protocol: TCP}]}]}";
    rule(
        CNP,
        &format!("{OPEN}egress: [{}, {names}]", dns("*")),
        "shop/app=web > 203.0.113.1~api.example.com tcp 443 = ?
         shop/app=web > 203.0.113.1 tcp 80 = no
         shop/app=web > shop/app=dns udp 53 = yes
         shop/app=web > shop/app=dns icmp 8 = no",
    );
    let names = names.replace(", {matchPattern: \"x*.example.org\"}", "");
    rule(
        CNP,
        &format!("{OPEN}egress: [{}, {names}]", dns("*")),
        "shop/app=web > 203.0.113.1~api.example.com tcp 443 = yes
         shop/app=web > 203.0.113.1~*.example.net tcp 443 = yes
         shop/app=web > 203.0.113.1~api.example.com tcp 80 = no
         shop/app=web > 203.0.113.1~other.example.com tcp 443 = no
         shop/app=web > 203.0.113.1 tcp 443 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}egress: [{}, {names}]", dns("*.example.com")),
        "shop/app=web > 203.0.113.1~api.example.com tcp 443 = yes
         shop/app=web > 203.0.113.1~*.example.net tcp 443 = ?",
    );
    rule(
        CNP,
        &format!("{OPEN}egress: [{names}]"),
        "shop/app=web > 203.0.113.1~api.example.com tcp 443 = ?",
    );
    // Two stars are one before 1.19.
    for version in ALL {
        let text = format!(
            "{OPEN}egress: [{}, {{toFQDNs: [{{matchPattern: \"**.example.com\"}}]}}]",
            dns("*")
        );
        let (one, many) = if version < (1, 19) {
            ("yes", "no")
        } else {
            ("no", "yes")
        };
        judge(
            &[&policy(CNP, &text)],
            version,
            &known(),
            &format!(
                "shop/app=web > 203.0.113.1~*.example.com tcp 1 = {one}
                 shop/app=web > 203.0.113.1~**.example.com tcp 1 = {many}"
            ),
        );
    }
}

#[test]
fn ports_by_number_range_and_protocol() {
    let ports = |list: &str| format!("{OPEN}ingress: [{{toPorts: [{{ports: [{list}]}}]}}]");
    rule(
        CNP,
        &ports(
            "{port: \"80\", endPort: 82, protocol: TCP}, {port: \"010\", protocol: UDP}, {port: \"90\", endPort: 80, protocol: UDP}",
        ),
        "shop/app=web < data/ tcp 79 = no
         shop/app=web < data/ tcp 80 = yes
         shop/app=web < data/ tcp 82 = yes
         shop/app=web < data/ tcp 83 = no
         shop/app=web < data/ udp 8 = yes
         shop/app=web < data/ udp 10 = no
         shop/app=web < data/ udp 90 = yes
         shop/app=web < data/ udp 85 = no",
    );
    for any in ["{port: \"0\"}", "{port: \"0\", protocol: ANY}"] {
        rule(
            CNP,
            &ports(any),
            "shop/app=web < data/ tcp 1 = yes
             shop/app=web < data/ sctp 65535 = yes
             shop/app=web < data/ icmp 8 = no
             shop/app=web < data/ protocol 47 = no",
        );
    }
    let extended = Cluster {
        extended_protocols: true,
        ..known()
    };
    judge(
        &[&policy(
            CNP,
            &ports("{protocol: GRE}, {port: \"0\", protocol: VRRP}"),
        )],
        (1, 20),
        &extended,
        "shop/app=web < data/ protocol 47 = yes
         shop/app=web < data/ protocol 112 = yes
         shop/app=web < data/ protocol 50 = no",
    );
}

#[test]
fn named_ports_as_the_version_resolves_them() {
    let ports = "ports: [{port: HTTP, protocol: TCP}]";
    let inspected = "rules: {http: [{method: GET}]}";
    let texts = ["", inspected].map(|rules| {
        let named = format!("toPorts: [{{{ports}, {rules}}}]");
        let of = format!("{OPEN}ingress: [{{{named}}}]\negress: [{{{named}}}]");
        policy(CNP, &of)
    });
    for (text, version) in texts
        .iter()
        .flat_map(|text| ALL.map(|version| (text, version)))
    {
        let (yes, no) = if version < (1, 20) {
            ("?", "?")
        } else {
            ("yes", "no")
        };
        judge(
            &[text],
            version,
            &known(),
            &format!(
                "shop/app=web,http:8080 < data/ tcp 8080 = yes
                 shop/app=web,http:8080 < data/ tcp 80 = no
                 shop/app=web < data/ tcp 80 = no
                 shop/app=web > data/http:81 tcp 81 = {yes}
                 shop/app=web > data/ tcp 81 = {no}
                 shop/app=web > data/ udp 81 = no"
            ),
        );
    }
    rule(
        CNP,
        &format!(
            "{OPEN}ingress: [{{toPorts: [{{ports: [{{port: http, endPort: 9000, protocol: TCP}}]}}]}}]"
        ),
        "shop/app=web,http:8080 < data/ tcp 8081 = ?",
    );
}

#[test]
fn a_named_port_with_an_end_may_end_all_rules_that_name_it() {
    let ports = |from: &str, port: &str| format!("{{{from}toPorts: [{{ports: [{port}]}}]}}");
    let ranged = ports(
        "fromEndpoints: [{matchLabels: {app: none}}], ",
        "{port: http, endPort: 9000, protocol: TCP}",
    );
    let plain = ports("", "{port: HTTP, protocol: TCP}");
    let rows = "shop/app=web,http:8080 < data/ tcp 8080 = ?
                shop/app=web,http:8080 < data/ tcp 8081 = ?
                shop/app=web,http:8080 < data/ udp 8081 = no
                shop/app=api,http:8080 < data/ tcp 8081 = no";
    let open = OPEN.replace("web", "api") + &format!("ingress: [{plain}]");
    let others = [
        policy(CNP, &format!("{OPEN}ingress: [{plain}]")),
        policy(CCNP, &format!("{OPEN}ingressDeny: [{plain}]")),
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: http}]}]}"
            .to_owned(),
    ];
    for (other, version) in others
        .iter()
        .flat_map(|other| ALL.map(|version| (other, version)))
    {
        let name = |text: &str, name: &str| text.replace("name: p", &format!("name: {name}"));
        let first = name(
            &policy(CNP, &format!("{OPEN}ingress: [{ranged}]")),
            "ranged",
        );
        let apart = name(&policy(CNP, &open), "apart");
        judge(&[&first, other, &apart], version, &known(), rows);
    }
}

#[test]
fn messages_by_type_number_and_name() {
    let icmps = |fields: &str| format!("{OPEN}ingress: [{{icmps: [{{fields: [{fields}]}}]}}]");
    rule(
        CNP,
        &icmps("{type: 8}, {type: TimeExceeded}, {family: IPv6, type: EchoRequest}, {type: 300}"),
        "shop/app=web < data/ icmp 8 = yes
         shop/app=web < data/ icmp 11 = yes
         shop/app=web < data/ icmp 0 = no
         shop/app=web < data/ icmp 128 = no
         shop/app=web < data/ icmpv6 128 = yes
         shop/app=web < data/ icmpv6 8 = no
         shop/app=web < data/ tcp 8 = no",
    );
    // Type 0 is every type of its family.
    rule(
        CNP,
        &icmps("{type: EchoReply}"),
        "shop/app=web < data/ icmp 13 = yes
         shop/app=web < data/ icmpv6 129 = no",
    );
    refused(
        CNP,
        &icmps("{type: PacketTooBig}"),
        (1, 20),
        "ICMP type PacketTooBig not found in IPv4",
    );
}

#[test]
fn what_a_proxy_inspects_is_allowed() {
    let rules = |rules: &str| {
        format!(
            "{OPEN}ingress: [{{toPorts: [{{ports: [{{port: \"80\", protocol: TCP}}], {rules}}}]}}]"
        )
    };
    for version in ALL {
        for one in [
            "rules: {http: [{method: GET, path: /}]}",
            "serverNames: [example.com]",
            "rules: {}",
        ] {
            judge(
                &[&policy(CNP, &rules(one))],
                version,
                &known(),
                "shop/app=web < data/ tcp 80 = yes
                 shop/app=web < data/ tcp 81 = no",
            );
        }
        // An expression that may not compile makes the whole object one that may not be taken.
        let odd = rules("rules: {http: [{path: \"/(?i)x\"}]}");
        judge(
            &[&policy(CNP, &odd)],
            version,
            &known(),
            "shop/app=web < data/ tcp 80 = ?
             shop/app=web > data/ tcp 80 = yes
             shop/app=api < data/ tcp 80 = yes",
        );
        let kafka = rules("rules: {kafka: [{topic: a}]}");
        if version < (1, 20) {
            judge(
                &[&policy(CNP, &kafka)],
                version,
                &known(),
                "shop/app=web < data/ tcp 80 = yes",
            );
        } else {
            refused(
                CNP,
                &kafka,
                version,
                "unknown field \"spec.ingress[0].toPorts[0].rules.kafka\"",
            );
        }
    }
}

#[test]
fn what_no_manifest_says_is_not_decided() {
    rule(
        CNP,
        &format!(
            "{OPEN}egress: [{{toServices: [{{k8sService: {{serviceName: a}}}}], toPorts: [{{ports: [{{port: \"80\"}}]}}]}}]"
        ),
        "shop/app=web > data/ tcp 80 = ?
         shop/app=web > 203.0.113.1 tcp 80 = ?
         shop/app=web > data/ tcp 81 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}egress: [{{toGroups: [{{aws: {{region: x}}}}]}}]"),
        "shop/app=web > 203.0.113.1 tcp 80 = ?",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}], authentication: {{mode: required}}}}]"),
        "shop/app=web < shop/ tcp 80 = ?
         shop/app=web < data/ tcp 80 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEndpoints: [{{}}], authentication: {{mode: disabled}}}}]"),
        "shop/app=web < shop/ tcp 80 = yes",
    );
    // Of the pod's own node, which no flow tells from the others, it could be asked as well.
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEntities: [host], authentication: {{mode: required}}}}]"),
        "shop/app=web < node:192.168.10.7 tcp 80 = ?
         shop/app=web < shop/ tcp 80 = no",
    );
    rule(
        CNP,
        &format!("{OPEN}ingress: [{{fromEntities: [host]}}]"),
        "shop/app=web < node:192.168.10.7 tcp 80 = no",
    );
    let requires = format!(
        "{OPEN}ingress: [{{fromEndpoints: [{{}}], fromRequires: [{{matchLabels: {{a: b}}}}]}}]"
    );
    for version in ALL {
        if version < (1, 19) {
            judge(
                &[&policy(CNP, &requires)],
                version,
                &known(),
                "shop/app=web < shop/ tcp 80 = ?
                 shop/app=api < shop/ tcp 80 = yes",
            );
        } else {
            refused(
                CNP,
                &requires,
                version,
                "Too many: 1: must have at most 0 items",
            );
        }
    }
}

#[test]
fn other_nodes_by_their_labels() {
    let labelled = Cluster {
        node_labels: true,
        ..known()
    };
    let from = |selector: &str| {
        policy(
            CNP,
            &format!(
                "{OPEN}ingress: [{{fromNodes: [{selector}]}}]\negress: [{{toNodes: [{selector}]}}]"
            ),
        )
    };
    judge(
        &[&from("{}")],
        (1, 20),
        &labelled,
        "shop/app=web < node:192.168.10.7 tcp 80 = yes
         shop/app=web > node:192.168.10.7 tcp 80 = ?
         shop/app=web < shop/ tcp 80 = no
         shop/app=web < 203.0.113.1 tcp 80 = no",
    );
    judge(
        &[&from("{matchLabels: {role: edge}}")],
        (1, 20),
        &labelled,
        "shop/app=web < node:192.168.10.7 tcp 80 = ?",
    );
    refused(
        CNP,
        &format!("{OPEN}ingress: [{{fromNodes: [{{}}]}}]"),
        (1, 20),
        "FromNodes/ToNodes rules can only be applied",
    );
}

#[test]
fn rules_that_a_pod_cannot_have_together_leave_it_undecided() {
    let ports = |port: &str, beside: &str| {
        format!("{{toPorts: [{{ports: [{{port: \"{port}\", protocol: TCP}}], {beside}}}]}}")
    };
    let names = ports("53", "rules: {dns: [{matchPattern: \"*\"}]}");
    let requests = "rules: {http: [{method: GET}]}";
    let together = |other: &str, rows: &str| {
        for version in ALL {
            let one = policy(CNP, &format!("{OPEN}egress: [{names}]"));
            let other = policy(CNP, other).replace("name: p,", "name: q,");
            judge(&[&one, &other], version, &known(), rows);
        }
    };
    let nothing = "shop/app=web > data/ tcp 53 = ?
         shop/app=web > data/ tcp 80 = ?
         shop/app=web < data/ tcp 80 = ?";
    together(
        &format!("{OPEN}egress: [{}]", ports("53", requests)),
        nothing,
    );
    // At other ports, for other pods or of the same proxy they do go together.
    let decided = "shop/app=web > data/ tcp 53 = yes
         shop/app=web > data/ tcp 81 = no
         shop/app=web < data/ tcp 80 = yes";
    together(
        &format!("{OPEN}egress: [{}]", ports("80", requests)),
        decided,
    );
    together(
        &format!(
            "endpointSelector: {{matchLabels: {{app: api}}}}\negress: [{}]",
            ports("53", requests)
        ),
        "shop/app=web > data/ tcp 53 = yes",
    );
    together(
        &format!(
            "{OPEN}egress: [{}]",
            ports("53", "rules: {dns: [{matchName: a.example.com}]}")
        ),
        decided,
    );
    // The same end in two modes.
    let mode = |mode: &str| format!("{{fromEntities: [world], authentication: {{mode: {mode}}}}}");
    rule(
        CNP,
        &format!(
            "{OPEN}ingress: [{}, {}]",
            mode("required"),
            mode("disabled")
        ),
        "shop/app=web < data/ tcp 80 = ?",
    );
    rule(
        CNP,
        &format!(
            "{OPEN}ingress: [{}, {}]",
            mode("required"),
            mode("required")
        ),
        "shop/app=web < data/ tcp 80 = no",
    );
}

#[test]
fn several_rules_of_one_object() {
    let text = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {matchLabels: {app: web}}, ingress: [{}]}\nspecs:\n- {endpointSelector: {matchLabels: {app: api}}, ingress: [{}]}\n- {endpointSelector: {}, ingress: [{fromEntities: [world]}], enableDefaultDeny: {ingress: false}}\n";
    judge(
        &[text],
        (1, 20),
        &known(),
        "shop/app=web < data/ tcp 80 = no
         shop/app=api < data/ tcp 80 = no
         shop/app=api < 203.0.113.1 tcp 80 = yes
         shop/app=db < data/ tcp 80 = yes",
    );
}

/// A NetworkPolicy of the namespace `shop`.
fn network_policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: net, namespace: shop}}\nspec: {spec}\n"
    )
}

#[test]
fn network_policies_are_enforced_beside_our_kinds() {
    let network = network_policy(
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 203.0.113.0/24}}]}]}",
    );
    let allow = policy(
        CNP,
        &format!(
            "{OPEN}ingress: [{{fromEntities: [ingress]}}]\nenableDefaultDeny: {{ingress: false}}"
        ),
    );
    let deny = policy(
        CCNP,
        "endpointSelector: {}\nenableDefaultDeny: {ingress: false}\ningressDeny: [{fromEndpoints: [{matchLabels: {app: bad}}]}]",
    );
    for version in [(1, 17), (1, 18), (1, 20)] {
        judge(
            &[&network, &allow, &deny],
            version,
            &known(),
            "shop/app=web < shop/app=api tcp 80 = yes
             shop/app=web < shop/app=bad tcp 80 = no
             shop/app=web < data/ tcp 80 = no
             shop/app=web < 203.0.113.1 tcp 80 = yes
             shop/app=web < 203.0.114.1 tcp 80 = no
             shop/app=web < node:192.168.10.7 tcp 80 = no
             shop/app=web < proxy tcp 80 = yes
             shop/app=web > data/ tcp 80 = yes
             shop/app=api < data/ tcp 80 = yes",
        );
    }
    // A section that `policyTypes` does not list still acts.
    let unlisted = network_policy(
        "{podSelector: {}, policyTypes: [Ingress], egress: [{to: [{podSelector: {}}]}]}",
    );
    judge(
        &[&unlisted],
        (1, 20),
        &known(),
        "shop/ > shop/ tcp 80 = yes
         shop/ > data/ tcp 80 = no
         shop/ < data/ tcp 80 = no",
    );
    // A label outside of identities, what only excludes, and the whole of the other family.
    let odd = network_policy(
        "{podSelector: {matchLabels: {pod-template-hash: x}}, policyTypes: [Ingress]}",
    );
    judge(
        &[&odd],
        (1, 20),
        &known(),
        "shop/pod-template-hash=x < data/ tcp 80 = yes",
    );
    let excludes = network_policy(
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}}]}]}",
    );
    for (version, said) in [((1, 18), "?"), ((1, 20), "no")] {
        judge(
            &[&excludes],
            version,
            &known(),
            &format!(
                "shop/ < shop/ tcp 80 = yes
                 shop/ < data/ tcp 80 = no
                 shop/ < 203.0.113.1 tcp 80 = {said}
                 shop/ < node:192.168.10.7 tcp 80 = {said}"
            ),
        );
    }
    let six = network_policy(
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: \"::/0\"}}]}]}",
    );
    judge(&[&six], (1, 20), &known(), "shop/ > 203.0.113.1 tcp 80 = ?");
}

#[test]
fn what_the_validators_refuse() {
    for one in cilium::all() {
        let faults = reading(
            [one.manifest.as_str()],
            one.version,
            &known(),
            &namespaces(),
        )
        .faults;
        assert!(
            faults.iter().any(|fault| fault.contains(one.said)),
            "{}: {faults:#?} instead of {}",
            one.manifest,
            one.said
        );
    }
}

#[test]
fn what_depends_on_the_version_is_refused_by_it() {
    let wide =
        format!("{OPEN}ingress: [{{fromCIDRSet: [{{cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}]}}]");
    assert_eq!(faults(CNP, &wide, (1, 19)), Vec::<String>::new());
    refused(CNP, &wide, (1, 20), "does not contain exclude CIDR prefix");
    let key = |key: &str| {
        format!("{OPEN}ingress: [{{fromEndpoints: [{{matchLabels: {{\"{key}\": a}}}}]}}]")
    };
    let long = "a".repeat(60);
    assert_eq!(faults(CNP, &key(&long), (1, 20)), Vec::<String>::new());
    refused(CNP, &key(&long), (1, 19), "no more than 63 bytes");
    let label = format!("io.cilium.k8s.namespace.labels.{}", "a".repeat(29));
    assert_eq!(faults(CNP, &key(&label), (1, 20)), Vec::<String>::new());
    refused(
        CNP,
        &key(&format!("k8s:{label}")),
        (1, 19),
        "no more than 63 bytes",
    );
    let log = format!("{OPEN}log: {{value: a}}\ningress: [{{}}]");
    assert_eq!(faults(CNP, &log, (1, 18)), Vec::<String>::new());
    refused(CNP, &log, (1, 17), "unknown field \"spec.log\"");
}

#[test]
fn objects_that_are_none() {
    let faults = |text: &str| reading([text], (1, 20), &known(), &namespaces()).faults;
    let head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\n";
    assert_eq!(faults(&format!("{head}specs: []\n")), Vec::<String>::new());
    for one in cilium::objects() {
        assert_eq!(faults(&one.manifest), [one.said]);
    }
    // Groups are of `v2` since 1.18, and of `v2alpha1` all along.
    for (api_version, version, said) in [
        (
            "v2",
            (1, 17),
            Some("no matches for kind \"CiliumCIDRGroup\" in version \"cilium.io/v2\""),
        ),
        ("v2", (1, 18), None),
        ("v2alpha1", (1, 17), None),
        ("v2alpha1", (1, 20), None),
    ] {
        let group = format!(
            "apiVersion: cilium.io/{api_version}\nkind: CiliumCIDRGroup\nmetadata: {{name: g}}\nspec: {{externalCIDRs: [203.0.113.0/24]}}\n"
        );
        let read = reading([group.as_str()], version, &known(), &namespaces());
        assert_eq!(
            read.faults.first().map(String::as_str),
            said,
            "{api_version} on {version:?}"
        );
    }
    // One fault, and the whole object has no part.
    let broken = policy(
        CNP,
        "endpointSelector: {}\ningress: [{}, {fromEntities: [nobody]}]",
    );
    let read = reading([broken.as_str()], (1, 20), &known(), &namespaces());
    assert_eq!(read.faults.len(), 1);
    assert_eq!(
        read.says(&flow("shop/app=web < data/ tcp 80")),
        Said::Allowed
    );
}
