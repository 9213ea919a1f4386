//! What random manifests showed once, by hand, so that every run looks at it: manifests, flows, and what both the engine and our reader say of them.

use vauban::model::Cluster;

use super::manifests::read::{Said, reading};
use super::manifests::written::flow;
use super::process::{self, Asked, Engine, Settings};
use super::{Tally, with_each_version};

/// Asks the engine and the reader about rows: a flow, and `= yes` or `= no`, with a `?` where the reader leaves it undecided.
fn judge(text: &str, version: (u16, u16), rows: &str, engine: &mut Engine, tally: &mut Tally) {
    let cluster = Cluster {
        ipv6_none: true,
        ..Cluster::unknown()
    };
    let read = reading([text], version, &cluster, &[]);
    assert!(read.faults.is_empty(), "{:#?}\n{text}", read.faults);
    let rows: Vec<(&str, bool, bool)> = rows
        .lines()
        .map(|row| match row.trim().rsplit_once(" = ").unwrap() {
            (flow, "yes") => (flow, true, true),
            (flow, "no") => (flow, false, true),
            (flow, "yes?") => (flow, true, false),
            (flow, "no?") => (flow, false, false),
            _ => panic!("not a row: {row}"),
        })
        .collect();
    let asked: Vec<Asked> = rows
        .iter()
        .map(|(text, ..)| Asked {
            flow: flow(text),
            resolved: Vec::new(),
            own_node: false,
            node_labels: Vec::new(),
        })
        .collect();
    let settings = Settings {
        ipv4: true,
        ipv6: false,
        node_labels: false,
        extended: false,
        apiserver: Vec::new(),
        cluster: "default",
        authenticated: false,
    };
    let (taken, said) = engine.ask(&settings, &[text.to_owned()], &asked);
    assert!(taken.refused.is_empty(), "{:#?}\n{text}", taken.refused);
    tally.sets += 1;
    tally.objects += taken.accepted;
    for (((row, passes, decided), asked), engine) in rows.into_iter().zip(&asked).zip(said) {
        let reader = read.says(&asked.flow);
        tally.flows += 1;
        tally.allowed += usize::from(passes);
        let right = match (&reader, decided) {
            (Said::Allowed, true) => passes,
            (Said::Denied, true) => !passes,
            (Said::Nothing(_), false) => true,
            _ => false,
        };
        if engine != process::Said::Passes(passes) || !right {
            tally.fail(format!(
                "{row}, which passes: {passes}; the engine: {engine:?}; the reader: {reader:?}\n{text}"
            ));
        }
    }
}

/// A policy of the pods `shop/app=web`.
fn policy(rules: &str) -> String {
    format!(
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec:\n  endpointSelector: {{matchLabels: {{app: web}}}}\n{rules}"
    )
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn named_ports_that_a_proxy_inspects_are_those_of_their_pods() {
    let named = "toPorts: [{ports: [{port: http, protocol: TCP}], rules: {http: [{method: GET}]}}]";
    let eighty = "toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]";
    with_each_version("named ports, inspected", |version, engine, tally| {
        judge(
            &policy(&format!("  ingress: [{{{named}}}]\n")),
            version,
            "shop/app=web,http:8080 < data/ tcp 8080 = yes
             shop/app=web,http:8080 < data/ tcp 80 = no
             shop/app=web < data/ tcp 80 = no",
            engine,
            tally,
        );
        // Up to 1.19 one table of the whole cluster tells the ports of egress, of which the reader decides nothing.
        if version >= (1, 20) {
            judge(
                &policy(&format!(
                    "  egress: [{{{named}}}]\n  egressDeny: [{{toEndpoints: [{{matchLabels: {{app: db}}}}], {eighty}}}]\n"
                )),
                version,
                "shop/app=web > shop/http:80 tcp 80 = yes
                 shop/app=web > shop/app=api,http:81 tcp 81 = yes
                 shop/app=web > shop/app=api,http:81 tcp 80 = no
                 shop/app=web > shop/app=db,http:80 tcp 80 = no",
                engine,
                tally,
            );
        }
    });
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn the_end_of_a_range_is_that_of_all_rules_that_name_the_port() {
    let text = policy(
        "  ingress: [{fromEntities: [all]}, {toPorts: [{ports: [{port: http, endPort: 9000, protocol: TCP}]}]}]\n  ingressDeny: [{toPorts: [{ports: [{port: http, protocol: TCP}]}]}]\n",
    );
    with_each_version("named ports, ranged", |version, engine, tally| {
        judge(
            &text,
            version,
            "shop/app=web,http:8080 < data/ tcp 8079 = yes?
             shop/app=web,http:8080 < data/ tcp 8080 = no?
             shop/app=web,http:8080 < data/ tcp 8081 = no?
             shop/app=web,http:8080 < data/ udp 8081 = yes",
            engine,
            tally,
        );
    });
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn groups_are_selected_by_the_values_of_their_labels() {
    let rule = |values: &str| {
        policy(&format!(
            "  egress: [{{toCIDRSet: [{{cidrGroupSelector: {{{values}}}}}]}}]\n"
        ))
    };
    with_each_version("groups", |version, engine, tally| {
        let served = match version {
            (1, 17) => "v2alpha1",
            _ => "v2",
        };
        let group = |name: &str, value: &str, cidr: &str| {
            format!(
                "---\napiVersion: cilium.io/{served}\nkind: CiliumCIDRGroup\nmetadata: {{name: {name}, labels: {{grade: {value}}}}}\nspec: {{externalCIDRs: [{cidr}]}}\n"
            )
        };
        let groups = group("one", "a", "203.0.113.0/24") + &group("other", "b", "198.51.100.0/24");
        for values in [
            "matchLabels: {grade: a}",
            "matchExpressions: [{key: grade, operator: In, values: [a, c]}]",
        ] {
            judge(
                &(rule(values) + &groups),
                version,
                "shop/app=web > 203.0.113.7 tcp 80 = yes
                 shop/app=web > 198.51.100.7 tcp 80 = no
                 shop/app=web > 192.0.2.1 tcp 80 = no",
                engine,
                tally,
            );
        }
    });
}
