//! `vauban reach`, in each of its forms.

use super::sandbox::{Ran, Sandbox};

const POLICIES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: http}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
";

const INVENTORY: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: tools}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: tools}
spec: {template: {spec: {hostNetwork: true, containers: []}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: tools}
spec: {jobTemplate: {spec: {template: {spec: {containers: []}}}}}
";

fn cluster() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("policies.yaml", POLICIES);
    sandbox.write("inventory.yaml", INVENTORY);
    sandbox
}

fn asked(more: &[&str]) -> Ran {
    let about = [
        "reach",
        "--manifests",
        "policies.yaml",
        "--inventory",
        "inventory.yaml",
    ];
    let arguments: Vec<&str> = about.iter().chain(more).copied().collect();
    cluster().run(&arguments)
}

#[test]
fn the_whole_table_as_text() {
    let ran = asked(&[]).exits(0);
    assert_eq!(
        ran.out,
        "\
who reaches whom: policies.yaml

every pod
  -> shop/deployment/web: tcp 8080
  -> tools/cronjob/report: all
  -> nodes: all
  -> outside: all

shop/deployment/web
  -> shop/statefulset/db: tcp 5432

nodes
outside
  -> shop/deployment/web: tcp 8080
  -> tools/cronjob/report: all

no policy selects these
  tools/cronjob/report

no policy says where these may go
  shop/deployment/web, shop/statefulset/db
"
    );
    ran.complains("`tools/daemonset/agent` is on the network of their nodes")
        .complains("asked on: kubernetes");
}

#[test]
fn what_is_asked_about_can_be_narrowed() {
    let due = "shop/statefulset/db\n  <- shop/deployment/web: tcp 5432\n";
    let ran = asked(&["--to", "shop/statefulset/db"]).exits(0);
    assert!(ran.out.contains(due), "{}", ran.out);
    let ran = asked(&["--to", "pods{app=db} in shop", "--ports", "tcp 1-6000"]).exits(0);
    assert!(ran.out.contains(due), "{}", ran.out);
    let ran = asked(&["--to", "pods{app=db} in shop", "--ports", "udp all"]).exits(0);
    assert!(ran.out.contains("nobody reaches anybody"), "{}", ran.out);
    let ran = asked(&[
        "--from",
        "10.1.0.0/16",
        "--ports",
        "tcp \"http\"",
        "--as",
        "csv",
    ])
    .exits(0);
    assert_eq!(
        ran.out,
        "from,to,ports,undecided\r\n10.1.0.0/16,shop/deployment/web,tcp 8080,\r\n"
    );
    asked(&["--to", "shop/statefulset/dp"])
        .exits(2)
        .complains("did you mean `shop/statefulset/db`?");
}

#[test]
fn pods_that_do_not_exist_yet_are_asked_about() {
    let exposed = asked(&["--exposure", "--from", "pods in shop", "--as", "csv"]).exits(0);
    assert!(
        exposed
            .out
            .contains("pods{app=web} in shop,shop/statefulset/db,tcp 5432,"),
        "{}",
        exposed.out
    );
    // Without an inventory the policies' own selectors are the ends.
    let ran = cluster()
        .run(&["reach", "--manifests", "policies.yaml"])
        .exits(0);
    assert!(
        ran.out
            .contains("pods{app=web} in shop\n  -> pods{app=db} in shop: tcp 5432\n"),
        "{}",
        ran.out
    );
    ran.complains("none of their ports is called `http`");
    // An end that no workload is in is one that could be.
    let ran = asked(&["--from", "pods{app=new} in tools", "--as", "csv"]).exits(0);
    assert!(
        ran.out
            .contains("pods{app=new} in tools,shop/deployment/web,tcp 8080,"),
        "{}",
        ran.out
    );
}

#[test]
fn other_tools_get_what_they_read() {
    let json = asked(&["--as", "json"]).exits(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let ends = json["ends"].as_array().expect("a list");
    let web = ends.iter().find(|end| end["name"] == "shop/deployment/web");
    let db = ends.iter().find(|end| end["name"] == "shop/statefulset/db");
    let (web, db) = (web.expect("an end"), db.expect("an end"));
    assert_eq!(web["labels"]["app"], "web");
    assert_eq!(web["unprotected"]["egress"], true);
    let flows = json["flows"].as_array().expect("a list");
    let between =
        |flow: &&serde_json::Value| flow["from"] == web["group"] && flow["to"] == db["group"];
    assert_eq!(
        flows.iter().find(between).expect("a flow")["ports"],
        "tcp 5432"
    );
    assert!(!json["assumed"].as_array().expect("a list").is_empty());

    let markdown = asked(&["--as", "markdown"]).exits(0).out;
    assert!(markdown.contains("| shop/deployment/web | shop/statefulset/db | tcp 5432 |"));
    let dot = asked(&["--as", "dot"]).exits(0).out;
    assert!(
        dot.starts_with("digraph reach {") && dot.contains("[label=\"tcp 5432\"];"),
        "{dot}"
    );
    let mermaid = asked(&["--as", "mermaid"]).exits(0).out;
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains("-->|\"tcp 5432\"|"),
        "{mermaid}"
    );
}

#[test]
fn the_picture_stands_by_itself() {
    let svg = asked(&["--as", "svg"]).exits(0).out;
    for due in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"",
        "role=\"img\"",
        "<title id=\"reach-title\">Who reaches whom: policies.yaml</title>",
        "<desc id=\"reach-desc\">",
        "prefers-color-scheme:dark",
        "<title>shop/deployment/web -&gt; shop/statefulset/db: tcp 5432</title>",
    ] {
        assert!(svg.contains(due), "no `{due}` in:\n{svg}");
    }
    for never in ["<script", "@import", "url(", "href"] {
        assert!(!svg.contains(never), "`{never}` in:\n{svg}");
    }
    for element in ["g", "text", "title", "svg", "style", "desc"] {
        let opened = svg.matches(&format!("<{element} ")).count()
            + svg.matches(&format!("<{element}>")).count();
        let closed = svg.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{element}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
}

#[test]
fn a_project_is_asked_of_what_its_rules_speak_of() {
    let ran = Sandbox::project().run(&["reach"]).exits(0);
    assert!(ran.out.contains("  -> "), "{}", ran.out);
}

#[test]
fn a_service_of_the_inventory_is_its_workloads_on_its_ports() {
    let sandbox = cluster();
    let service = "\
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: all, namespace: shop}
spec: {selector: {}, ports: [{port: 80}]}
";
    sandbox.write("inventory.yaml", format!("{INVENTORY}{service}"));
    let asked = |command: &str, more: &[&str], code: i32| {
        let about = [
            "--manifests",
            "policies.yaml",
            "--inventory",
            "inventory.yaml",
        ];
        let arguments: Vec<&str> = [command]
            .iter()
            .chain(more)
            .chain(&about)
            .copied()
            .collect();
        sandbox.run(&arguments).exits(code)
    };
    let from = ["--from", "tools/cronjob/report", "--as", "csv"];
    for to in [
        &["--to", "shop/service/web"][..],
        &["--to", "service/web"],
        &["--ports", "service/web"],
        &["--to", "shop/deployment/web", "--ports", "service/web"],
        &["--to", "pods in shop", "--ports", "service/web"],
    ] {
        let more: Vec<&str> = from.iter().chain(to).copied().collect();
        let ran = asked("reach", &more, 0);
        assert_eq!(
            ran.out,
            "from,to,ports,undecided\r\ntools/cronjob/report,shop/deployment/web,tcp 8080,\r\n",
            "{to:?}"
        );
    }
    let report = "tools/cronjob/report";
    let ran = asked("can", &[report, "shop/service/web"], 0);
    assert_eq!(ran.out, "yes\n");
    asked("can", &[report, "shop/deployment/web", "service/web"], 0);
    asked("can", &[report, "shop/statefulset/db", "tcp 5432"], 1);
    asked("can", &[report, "shop/service/wep"], 2).complains(
        "the inventory has no service `shop/service/wep`: did you mean `shop/service/web`?",
    );
    // What selects no pods leads nowhere that policies know.
    asked("can", &[report, "shop/service/all"], 2).complains("no service `shop/service/all`");
    asked("can", &["service/web", report, "all"], 2).complains("opens no connections");
    // A name whose numbers differ is not one question.
    let two = "\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 9090}]}]}}}
";
    sandbox.write("inventory.yaml", format!("{INVENTORY}{service}{two}"));
    asked("can", &[report, "shop/service/web"], 2).complains(
        "the ports of `shop/deployment/other` and of `shop/deployment/web` are not called alike",
    );
    let ran = asked(
        "reach",
        &["--to", "service/web", "--from", report, "--as", "csv"],
        0,
    );
    assert!(
        ran.out.contains("shop/deployment/other,tcp 9090"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("shop/deployment/web,tcp 8080"),
        "{}",
        ran.out
    );
}

#[test]
fn declared_groups_and_services_are_ends_under_their_names() {
    let sandbox = Sandbox::project();
    sandbox.write(
        "policies/shop/names.vau",
        "\
group unused  = pods{app=unused} in shop
group two     = pods{app in (one, other)} in shop
group all     = pods in *
service asked = tcp 8080 on unused
",
    );
    let ran = sandbox.run(&["reach", "--as", "json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let ends = json["ends"].as_array().expect("a list");
    let names: Vec<&str> = ends.iter().filter_map(|end| end["name"].as_str()).collect();
    // No rule mentions them, and they are there; a name of several ends stands beside each of them, and one of all namespaces nowhere.
    for due in [
        "shop.unused (shop.asked)",
        "pods{app=one} in shop (shop.two)",
        "pods{app=other} in shop (shop.two)",
        "pods in shop",
    ] {
        assert!(names.contains(&due), "no `{due}` in {names:?}");
    }
    assert!(
        !names.iter().any(|name| name.contains("shop.all")),
        "{names:?}"
    );
    let unused = ends
        .iter()
        .find(|end| end["name"] == "shop.unused (shop.asked)");
    assert_eq!(unused.expect("an end")["labels"]["app"], "unused");
    // With an inventory, workloads are the ends.
    let workloads: Vec<&str> = INVENTORY.split("---\n").skip(2).collect();
    let workloads = workloads.join("---\n").replace("tools", "shop");
    sandbox.write("workloads.yaml", workloads);
    let ran = sandbox
        .run(&["reach", "--inventory", "workloads.yaml"])
        .exits(0);
    assert!(!ran.out.contains("shop.unused"), "{}", ran.out);
}
