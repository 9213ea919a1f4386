//! `can`: yes, no or which part, and why.

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox};

const POLICIES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: db, namespace: data, annotations: { vauban.dev/team: data } }
spec:
  podSelector: { matchLabels: { app: db } }
  ingress:
  - from: [{ podSelector: { matchLabels: { app: api } } }]
    ports: [{ port: 5432 }]
  - from: [{ ipBlock: { cidr: 203.0.113.0/24 } }]
    ports: [{ port: 9187 }]
---
apiVersion: v1
kind: Namespace
metadata: { name: data }
";

fn manifests(arguments: &[&str]) -> Ran {
    let sandbox = Sandbox::empty();
    sandbox.write("cluster/db.yaml", POLICIES);
    let mut all = vec!["can", "--manifests", "cluster"];
    all.extend(arguments);
    sandbox.run(&all)
}

fn project(arguments: &[&str]) -> Ran {
    let sandbox = Sandbox::project();
    let mut all = vec!["can"];
    all.extend(arguments);
    sandbox.run(&all)
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).expect("JSON")
}

#[test]
fn all_of_it() {
    let ran = project(&["shop.front", "shop.back-http"]).exits(0);
    assert_eq!(ran.out, "yes\n");
    ran.complains("asked on: calico")
        .complains("asked of: pods with the labels");
}

#[test]
fn none_of_it() {
    let ran = project(&["outside", "shop.back", "all"]).exits(1);
    assert_eq!(ran.out, "no\n");
}

#[test]
fn which_part_of_the_ports() {
    let ran = project(&["shop.front", "shop.back", "tcp 8000-8100"]).exits(1);
    assert_eq!(
        ran.out,
        "in part\n\
         gets through:\n  pods{app=front} in shop -> pods{app=back} in shop on tcp 8080\n\
         is stopped:\n  pods{app=front} in shop -> pods{app=back} in shop on tcp 8000-8079, 8081-8100\n"
    );
}

#[test]
fn which_part_of_the_pods() {
    let ends = ["pods in data", "pods{app=db} in data", "tcp 5432"];
    let mut every = ends.to_vec();
    every.push("--every");
    let ran = manifests(&every).exits(1);
    assert_eq!(
        ran.out,
        "in part\n\
         gets through:\n  pods{app=api} in data -> pods{app=db} in data on tcp 5432\n\
         is stopped:\n  pods{app!=api} in data -> pods{app=db} in data on tcp 5432\n"
    );
    ran.complains("asked of: all pods that could exist");
    // As written, pods have no label that is not said.
    assert_eq!(manifests(&ends).exits(1).out, "no\n");
}

#[test]
fn what_is_not_understood_is_not_decided() {
    let ran = manifests(&["pods{app=x} in data", "pods{app=db} in data", "tcp 9187"]).exits(1);
    assert!(
        ran.out
            .starts_with("undecided\nnot decided by NetworkPolicy data/db (cluster/db.yaml:9): "),
        "{}",
        ran.out
    );
}

#[test]
fn why_is_told_at_both_ends() {
    let sandbox = Sandbox::project();
    sandbox.replace(
        "policies/shop/shop.vau",
        "allow back-http from front",
        "allow back-http from front because \"the shop asks for books\" ticket SHOP-7 until 2026-12-31",
    );
    let ran = sandbox
        .run(&["can", "shop.front", "shop.back-http", "--why"])
        .exits(0);
    assert_eq!(
        ran.out,
        "yes\n\
         \n\
         pods{app=front} in shop [team=shop] -> pods{app=back} in shop [team=shop] on tcp 8080\n\
         \x20 gets through\n\
         \x20 the source allows it\n\
         \x20   tier      policy      effect   rule\n\
         \x20   platform  no-legacy   goes on  no rule matches\n\
         \x20     of root, at policies/cluster.vau:25\n\
         \x20   app       shop.front  allows   allow back-http\n\
         \x20     of shop (@example/shop), at policies/shop/shop.vau:11\n\
         \x20 the destination allows it\n\
         \x20   tier      policy     effect   rule\n\
         \x20   platform  none       goes on  no policy of it selects the pod\n\
         \x20   app       shop.back  allows   allow back-http from front\n\
         \x20     of shop (@example/shop), at policies/shop/shop.vau:18\n\
         \x20     because the shop asks for books\n\
         \x20     ticket SHOP-7\n\
         \x20     until 2026-12-31\n"
    );
}

#[test]
fn why_is_told_of_manifests_by_object() {
    let ran = manifests(&[
        "203.0.113.0/24",
        "pods{app=db} in data",
        "tcp 9187",
        "--why",
    ])
    .exits(0);
    assert!(
        ran.out.ends_with(
            "  the source is no pod, so nobody is asked there\n\
             \x20 the destination allows it\n\
             \x20   tier           policy                 effect  rule\n\
             \x20   NetworkPolicy  NetworkPolicy data/db  allows  ingress rule 2\n\
             \x20     of data, at cluster/db.yaml:9\n"
        ),
        "{}",
        ran.out
    );
}

#[test]
fn machines_get_all_of_it() {
    let ran = project(&[
        "shop.front",
        "shop.back",
        "tcp 8000-8100",
        "--why",
        "--format",
        "json",
    ])
    .exits(1);
    let all = document(&ran);
    assert_eq!(all["schema"], 1);
    assert_eq!(all["answer"], "in part");
    assert_eq!(all["asked"]["from"], "shop.front");
    assert_eq!(
        all["through"]["flows"][0],
        "pods{app=front} in shop -> pods{app=back} in shop on tcp 8080"
    );
    assert_eq!(all["through"]["complete"], true);
    let why = &all["stopped"]["why"][0];
    assert_eq!(why["egress"]["verdict"], "deny");
    let chain = why["egress"]["chain"].as_array().expect("a chain");
    let last = chain.last().expect("somebody decides");
    assert_eq!(last["tier"], "app");
    assert_eq!(last["effect"], "denies");
    assert!(
        all["universe"]
            .as_str()
            .is_some_and(|text| text.starts_with("calico"))
    );
    assert_eq!(all["undecided"]["flows"], serde_json::json!([]));
}

#[test]
fn what_cannot_be_asked_is_said() {
    project(&["frnot", "back", "tcp 1"])
        .exits(2)
        .complains("frnot");
    project(&["shop.front", "shop.back-http", "--format", "sarif"])
        .exits(2)
        .complains("the formats of `vauban can` are text and json");
    manifests(&[
        "pods in data",
        "pods{app=db} in data",
        "icmp",
        "--cni",
        "kubernetes",
    ])
    .exits(2)
    .complains("nothing of it can be decided here: icmp");
    manifests(&["outside", "nodes", "tcp 1"])
        .exits(2)
        .complains("no flow of it meets a pod's policy");
}
