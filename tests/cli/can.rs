//! `vauban can` with workloads of an inventory.

use super::sandbox::Sandbox;

const POLICIES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from:
    - podSelector: {}
      namespaceSelector: {matchLabels: {tier: front}}
    ports: [{port: sql}]
";

const INVENTORY: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: front}}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: job, namespace: data}
spec: {template: {metadata: {labels: {app: job}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: data}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}}}
";

fn asked(from: &str, to: &str, ports: &str) -> super::sandbox::Ran {
    let sandbox = Sandbox::empty();
    sandbox.write("policies/db.yaml", POLICIES);
    sandbox.write("inventory.yaml", INVENTORY);
    sandbox.run(&[
        "can",
        "--manifests",
        "policies",
        "--inventory",
        "inventory.yaml",
        from,
        to,
        ports,
    ])
}

#[test]
fn workloads_are_ends_and_their_ports_have_names() {
    let (web, db) = ("shop/deployment/web", "data/statefulset/db");
    asked(web, db, "tcp 5432").exits(0);
    asked(web, db, "tcp \"sql\"").exits(0);
    asked("pods{app=x} in shop", db, "tcp 5432").exits(0);
    asked(web, db, "tcp 5433").exits(1);
    asked("data/deployment/job", db, "tcp 5432").exits(1);
    asked(db, web, "tcp 80").exits(0);
    // Nothing is known of the ports of pods that are only described.
    asked(web, "pods{app=db} in data", "tcp 5432").exits(1);
}

#[test]
fn a_workload_that_is_not_there_is_no_answer() {
    asked("shop/deployment/wob", "data/statefulset/db", "tcp 1")
        .exits(2)
        .complains("did you mean `shop/deployment/web`?");
}

/// A folder of policies seldom has all namespaces, if any.
#[test]
fn namespaces_that_nobody_declares_can_be_asked_about() {
    let sandbox = Sandbox::empty();
    sandbox.write("policies/db.yaml", POLICIES);
    let ask = |from: &str, to: &str| {
        let question = ["can", "--manifests", "policies", from, to, "tcp 5432"];
        sandbox.run(&question)
    };
    let (web, db) = ("pods{app=web} in shop", "pods{app=db} in data");
    ask(web, db).exits(1);
    ask(db, web).exits(0);
    ask("pods{app=web} in elsewhere", "pods{app=other} in data").exits(0);
    // That some are declared says nothing of the others.
    let some = "apiVersion: v1\nkind: Namespace\nmetadata: {name: data}\n";
    sandbox.write("policies/namespace.yaml", some);
    ask(web, db).exits(1);
    ask(db, web).exits(0);
    ask(db, "pods{app=other} in data").exits(0);
    // Unless the facts say that there are no others.
    sandbox.write(
        "facts.vau",
        "cluster c {\n  ipv6 none\n  namespaces closed\n}\n",
    );
    let closed = [
        "can",
        "--manifests",
        "policies",
        "--facts",
        "facts.vau",
        web,
        db,
        "tcp 5432",
    ];
    sandbox.run(&closed).exits(2).complains("unknown-namespace");
}

/// A project's inventory has the namespaces that the project declares, with labels of the cluster's own beside.
#[test]
fn an_inventory_confirms_what_a_project_declares() {
    let sandbox = Sandbox::empty();
    sandbox.run(&["init", "."]).exits(0);
    let named = |labels: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n")
    };
    let question = [
        "can",
        "--inventory",
        "inventory.yaml",
        "pods{app=front} in shop",
        "pods{app=back} in shop",
        "tcp 8080",
    ];
    sandbox.write(
        "inventory.yaml",
        named("team: shop, env: prod, kubernetes.io/metadata.name: shop"),
    );
    sandbox.run(&question).exits(0);
    sandbox.write("inventory.yaml", named("env: none, team: none"));
    sandbox.run(&question).exits(2).complains("duplicate-name");
}
