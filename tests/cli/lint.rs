//! `vauban lint`, `vauban shadowed` and `vauban conflicts`

use super::sandbox::Sandbox;

const CALICO: &str = "\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  selector: app == 'web'
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: [80]}}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  selector: app == 'web'
  types: [Ingress]
  ingress:
  - {action: Deny, protocol: TCP, destination: {ports: [80]}}
";

#[test]
fn what_only_names_order_is_a_conflict_and_what_an_order_says_is_none() {
    let sandbox = Sandbox::empty();
    sandbox.write("cluster/web.yaml", CALICO);
    sandbox
        .run(&["conflicts", "cluster"])
        .exits(1)
        .complains("warning[policies-disagree]: `NetworkPolicy shop/a` and `NetworkPolicy shop/b` decide a flow differently")
        .complains("both decide ")
        .complains("cluster/web.yaml:");
    sandbox.replace(
        "cluster/web.yaml",
        "metadata: {name: b, namespace: shop}\nspec:\n",
        "metadata: {name: b, namespace: shop}\nspec:\n  order: 10\n",
    );
    sandbox
        .run(&["conflicts", "cluster"])
        .exits(0)
        .complains("no findings");
    // The deny comes first now, so the allow never decides.
    sandbox
        .run(&["shadowed", "cluster"])
        .exits(1)
        .complains("warning[rule-never-decides]");
}

#[test]
fn a_deny_of_cilium_prevails_and_that_is_said() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "cluster/web.yaml",
        "\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{fromEndpoints: [{matchLabels: {app: api}}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingressDeny: [{fromEndpoints: [{matchLabels: {role: old}}]}]
",
    );
    sandbox
        .run(&["conflicts", "cluster"])
        .exits(1)
        .complains("a deny prevails over every allow");
}

const REDUNDANT: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: narrow, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}
";

#[test]
fn an_object_that_others_make_needless_is_found_and_the_others_are_not() {
    let sandbox = Sandbox::empty();
    sandbox.write("cluster/web.yaml", REDUNDANT);
    for command in ["shadowed", "lint"] {
        let ran = sandbox
            .run(&[command, "cluster"])
            .exits(1)
            .complains("without `NetworkPolicy shop/narrow` every flow is decided the same");
        assert!(!ran.err.contains("shop/wide`"), "{}", ran.err);
    }
    let ran = sandbox.run(&["conflicts", "cluster"]).exits(0);
    assert!(ran.out.is_empty(), "{}", ran.out);
    sandbox.replace(
        "cluster/web.yaml",
        "podSelector: {matchLabels: {app: api}}",
        "namespaceSelector: {}",
    );
    sandbox.run(&["shadowed", "cluster"]).exits(0);
    let ran = sandbox
        .run(&["shadowed", "cluster", "--format", "json"])
        .exits(0);
    assert!(serde_json::from_str::<serde_json::Value>(&ran.out).is_ok());
}

#[test]
fn with_an_inventory_who_selects_nobody_is_found() {
    let sandbox = Sandbox::empty();
    sandbox.write("cluster/web.yaml", REDUNDANT);
    sandbox.write(
        "inventory.yaml",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {template: {metadata: {labels: {app: api}}, spec: {containers: []}}}
",
    );
    let ran = sandbox
        .run(&["lint", "cluster", "--inventory", "inventory.yaml"])
        .exits(1)
        .complains("`NetworkPolicy shop/narrow` selects no workload of the inventory");
    assert!(!ran.err.contains("shop/wide` selects no"), "{}", ran.err);
}

#[test]
fn a_project_is_asked_as_check_asks_it() {
    let sandbox = Sandbox::project();
    sandbox.run(&["lint"]).exits(0).complains("no findings");
    sandbox.run(&["conflicts", "."]).exits(0);
    sandbox.run(&["shadowed", "nowhere"]).exits(2);
}
