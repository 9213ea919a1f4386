//! `vauban equal`, `vauban implies` and `vauban diff`

use std::process::Command;

use super::sandbox::Sandbox;

const KUBERNETES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 5432}]
";

const CALICO: &str = "\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec:
  selector: app == 'db'
  types: [Ingress]
  ingress:
  - action: Allow
    protocol: TCP
    source: {selector: app == 'api'}
    destination: {ports: [5432]}
";

const CILIUM: &str = "\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: data}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: api}}]
    toPorts: [{ports: [{port: \"5432\", protocol: TCP}]}]
";

/// Three folders that mean the same.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("kubernetes/db.yaml", KUBERNETES);
    sandbox.write("calico/db.yaml", CALICO);
    sandbox.write("cilium/db.yaml", CILIUM);
    sandbox
}

#[test]
fn folders_of_three_targets_are_equal_on_what_all_can_be_held_to() {
    let sandbox = sandbox();
    for (one, other) in [
        ("kubernetes", "calico"),
        ("calico", "cilium"),
        ("cilium", "kubernetes"),
    ] {
        let ran = sandbox.run(&["equal", one, other]).exits(0);
        assert_eq!(ran.out, "equal\n");
        ran.complains("compared on: ");
        sandbox.run(&["implies", one, other]).exits(0);
        let ran = sandbox.run(&["diff", one, other]).exits(0);
        assert_eq!(ran.out, "no connection opens or closes\n");
    }
}

#[test]
fn a_flow_shows_what_is_not_equal_with_both_who_decide() {
    let sandbox = sandbox();
    sandbox.replace("calico/db.yaml", "[5432]", "['5432:5433']");
    let ran = sandbox.run(&["equal", "kubernetes", "calico"]).exits(1);
    assert_eq!(
        ran.out,
        "not equal\n\
         \n  pods{app=api} in data -> pods{app=db} in data on tcp 5433\
         \n    kubernetes: ingress denied by the end of NetworkPolicy (kubernetes/db.yaml:3)\
         \n    calico: ingress allowed by NetworkPolicy data/db, ingress rule 1 (calico/db.yaml:8)\
         \n    calico: egress allowed by nobody: no object selects the pod\n"
    );
    // What the narrower one lets through, the wider one does.
    sandbox.run(&["implies", "kubernetes", "calico"]).exits(0);
    let ran = sandbox.run(&["implies", "calico", "kubernetes"]).exits(1);
    assert!(ran.out.starts_with("not implied\n"), "{}", ran.out);
    let ran = sandbox
        .run(&["equal", "kubernetes", "calico", "--format", "json"])
        .exits(1);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(answer["answer"], "not equal");
    assert_eq!(answer["differences"][0]["a"]["verdict"], "denied");
    assert_eq!(answer["differences"][0]["b"]["place"], "calico/db.yaml:8");
}

#[test]
fn an_end_that_nobody_reaches_counts_leg_by_leg_only() {
    let sandbox = Sandbox::empty();
    let closed = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";
    let open = "\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {}}]}]
";
    sandbox.write("old/all.yaml", closed);
    sandbox.write("new/all.yaml", format!("{closed}{open}"));
    // No pod of the namespace may open a connection, so nothing comes through.
    sandbox.run(&["equal", "old", "new"]).exits(0);
    sandbox.run(&["equal", "old", "new", "--legs"]).exits(1);
    let ran = sandbox.run(&["diff", "old", "new", "--legs"]).exits(1);
    assert!(
        ran.out
            .contains("opens pods in data -> pods{app=db} in data on all"),
        "{}",
        ran.out
    );
}

#[test]
fn what_is_not_understood_is_not_proved() {
    let sandbox = sandbox();
    for folder in ["one", "other"] {
        sandbox.write(
            &format!("{folder}/db.yaml"),
            KUBERNETES.replace(
                "podSelector: {matchLabels: {app: api}}",
                "ipBlock: {cidr: 10.0.0.0/8}",
            ),
        );
    }
    let ran = sandbox.run(&["equal", "one", "other"]).exits(1);
    assert!(ran.out.starts_with("not proved equal\n"), "{}", ran.out);
    assert!(ran.out.contains("not decided: "), "{}", ran.out);
    sandbox
        .run(&["equal", "one", "other", "--cidr", "outside"])
        .exits(0);
    let ran = sandbox.run(&["diff", "one", "other"]).exits(1);
    assert!(ran.out.contains("not decided by one: "), "{}", ran.out);
}

#[test]
fn what_a_side_is_called_is_there_or_the_tool_says_so() {
    let sandbox = sandbox();
    sandbox
        .run(&["equal", "kubernetes", "nowhere"])
        .exits(2)
        .complains("`nowhere` is neither a file nor a folder");
    sandbox
        .run(&["diff", "kubernetes", "no/where.yaml"])
        .exits(2)
        .complains("`no/where.yaml` does not exist");
    sandbox
        .run(&["diff", "kubernetes", "calico", "--format", "json"])
        .exits(2)
        .complains("`--as`");
}

#[test]
fn a_diff_has_few_lines_and_says_who_is_selected_for_the_first_time() {
    let sandbox = sandbox();
    let many: String = (0..40)
        .map(|at| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: shop-{at}}}\nspec: {{podSelector: {{matchLabels: {{app: web}}}}}}\n"
            )
        })
        .collect();
    sandbox.write("new/db.yaml", format!("{KUBERNETES}{many}"));
    let ran = sandbox.run(&["diff", "kubernetes", "new"]).exits(1);
    // Forty namespaces, one line.
    assert_eq!(ran.out.matches("  closes ").count(), 1, "{}", ran.out);
    assert!(
        ran.out.contains("selected for the first time"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("ingress of pods{app=web} in ("),
        "{}",
        ran.out
    );
    let ran = sandbox
        .run(&["diff", "kubernetes", "new", "--as", "json"])
        .exits(1);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(answer["changes"][0]["change"], "closes");
    assert_eq!(answer["isolated"][0]["end"], "ingress");
}

#[test]
fn a_comment_is_bounded_and_says_what_it_leaves_out() {
    let sandbox = sandbox();
    let many: String = (0..300)
        .map(|at| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: a-name-that-is-long-enough-to-fill-a-comment-{at}, namespace: shop-{at}}}\nspec: {{podSelector: {{matchLabels: {{app: w{at}}}}}}}\n"
            )
        })
        .collect();
    sandbox.write("new/db.yaml", format!("{KUBERNETES}{many}"));
    let ran = sandbox
        .run(&["diff", "kubernetes", "new", "--as", "markdown"])
        .exits(1);
    assert!(ran.out.starts_with("### 300 kinds of connections close\n"));
    assert!(ran.out.len() <= 60_000, "{}", ran.out.len());
    assert!(ran.out.contains("more entries are left out"), "{}", ran.out);
}

#[test]
fn a_revision_of_a_project_is_a_side() {
    let sandbox = Sandbox::project();
    let git = |arguments: &[&str]| {
        let ran = Command::new("git")
            .args(["-c", "user.name=somebody", "-c", "user.email=s@example.com"])
            .args(arguments)
            .current_dir(sandbox.path("."))
            .output()
            .expect("git runs");
        assert!(ran.status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "as it is"]);
    let ran = sandbox.run(&["equal", "HEAD", "."]).exits(0);
    assert_eq!(ran.out, "equal\n");
    sandbox.run(&["build"]).exits(0);
    sandbox.run(&["equal", ".", "deploy/prod"]).exits(0);
    sandbox
        .run(&["equal", "nobody", "."])
        .exits(2)
        .complains("there is no revision `nobody`");
}
