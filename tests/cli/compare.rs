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

fn git(sandbox: &Sandbox, arguments: &[&str]) {
    let ran = Command::new("git")
        .args(["-c", "user.name=somebody", "-c", "user.email=s@example.com"])
        .args(arguments)
        .current_dir(sandbox.path("."))
        .output()
        .expect("git runs");
    assert!(ran.status.success(), "{arguments:?}");
}

/// Makes everything here the first commit, `start`.
fn commit(sandbox: &Sandbox) {
    git(sandbox, &["init", "-q"]);
    git(sandbox, &["add", "-A"]);
    git(sandbox, &["commit", "-q", "-m", "as it is"]);
    git(sandbox, &["tag", "start"]);
}

#[test]
fn a_revision_of_a_project_is_a_side() {
    let sandbox = Sandbox::project();
    commit(&sandbox);
    let ran = sandbox.run(&["equal", "HEAD", "."]).exits(0);
    assert_eq!(ran.out, "equal\n");
    sandbox.run(&["build"]).exits(0);
    sandbox.run(&["equal", ".", "deploy/prod"]).exits(0);
    sandbox
        .run(&["equal", "nobody", "."])
        .exits(2)
        .complains("there is no revision `nobody`");
}

#[test]
fn manifests_at_a_revision_are_a_side() {
    let sandbox = sandbox();
    sandbox.write("calico/notes.txt", "no manifest");
    sandbox.write("calico/.draft.yaml", "not: [read");
    commit(&sandbox);
    sandbox.replace("calico/db.yaml", "[5432]", "[5433]");
    let ran = sandbox.run(&["diff", "start:calico", "calico"]).exits(1);
    assert!(
        ran.out.contains(
            "opens pods{app=api} in data -> pods{app=db} in data on tcp 5433\
             \n    now: NetworkPolicy data/db, ingress rule 1 (calico/db.yaml:8)\
             \n    before: the end of"
        ),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("(start:calico/db.yaml:8)"), "{}", ran.out);
    // One file of it, and both sides at revisions; what is gone from the disk as well.
    std::fs::remove_dir_all(sandbox.path("kubernetes")).expect("a folder");
    let sides = ["start:kubernetes/db.yaml", "start:./calico/"];
    sandbox.run(&["equal", sides[0], sides[1]]).exits(0);
    sandbox
        .run(&["implies", "start:calico", "calico"])
        .exits(1)
        .complains("enforced by calico");
    sandbox
        .run(&["equal", "start:calico", "cilium", "--cidr", "outside"])
        .exits(0);
}

#[test]
fn a_path_that_is_neither_a_project_nor_manifests_at_a_revision_is_an_error() {
    let sandbox = sandbox();
    sandbox.write("notes/read.me", "no manifest");
    commit(&sandbox);
    for path in ["start:notes", "start:nowhere", "start:nowhere/db.yaml"] {
        sandbox
            .run(&["equal", path, "calico"])
            .exits(2)
            .complains("at `start` there was neither a project nor a manifest in `no");
    }
    sandbox
        .run(&["equal", "start:", "calico"])
        .exits(2)
        .complains("`start:.` is the one that this is");
    sandbox
        .run(&["equal", "start", "calico"])
        .exits(2)
        .complains("manifests at a revision are written `start:FOLDER`");
    sandbox
        .run(&["equal", "other:calico", "calico"])
        .exits(2)
        .complains("there is no revision `other`");
}

#[cfg(unix)]
#[test]
fn a_link_in_a_revision_is_not_left_out_without_a_word() {
    let sandbox = sandbox();
    std::os::unix::fs::symlink("db.yaml", sandbox.path("calico/again.yaml")).expect("a link");
    commit(&sandbox);
    sandbox
        .run(&["equal", "start:calico", "calico"])
        .exits(2)
        .complains("`calico/again.yaml` of `start` is a symbolic link, which is not followed");
}

#[test]
fn a_project_that_is_gone_is_a_side_at_its_revision() {
    let sandbox = sandbox();
    sandbox.run(&["init", "was"]).exits(0);
    sandbox.run(&["build", "was"]).exits(0);
    commit(&sandbox);
    std::fs::remove_dir_all(sandbox.path("was/policies")).expect("a folder");
    std::fs::remove_file(sandbox.path("was/vauban.toml")).expect("a file");
    sandbox.run(&["init", "is"]).exits(0);
    let ran = sandbox.run(&["equal", "start:was", "is"]).exits(0);
    assert_eq!(ran.out, "equal\n");
    // Its manifests at that revision, on the cluster of a project that is here.
    sandbox
        .run(&["equal", "is", "start:was/deploy/prod"])
        .exits(0)
        .complains("the cluster is that of");
}

/// Two folders that differ in who reaches the database, and in who reaches the web.
fn changed() -> Sandbox {
    let sandbox = Sandbox::empty();
    let web = "\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: http}]}]
";
    sandbox.write("old/all.yaml", format!("{KUBERNETES}{web}"));
    let new = format!(
        "{}{}",
        KUBERNETES.replace("5432", "5433"),
        web.replace("port: http", "port: admin")
    );
    sandbox.write("new/all.yaml", new);
    sandbox.write(
        "inventory.yaml",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 8080}, {name: admin, containerPort: 9000}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: gone, namespace: shop}
spec: {selector: {app: gone}, ports: [{port: 80}]}
",
    );
    sandbox
}

#[test]
fn a_diff_is_about_what_is_asked_for() {
    let sandbox = changed();
    let diff = |more: &[&str], code: i32| {
        let arguments: Vec<&str> = ["diff", "old", "new"].iter().chain(more).copied().collect();
        sandbox.run(&arguments).exits(code)
    };
    let all = diff(&[], 1).out;
    assert!(all.contains("pods{app=db} in data") && all.contains("pods{app=web} in shop"));

    let ran = diff(&["--to", "pods{app=db} in data"], 1);
    assert!(!ran.out.contains("app=web"), "{}", ran.out);
    assert!(
        ran.out
            .contains("closes pods{app=api} in data -> pods{app=db} in data on tcp 5432"),
        "{}",
        ran.out
    );
    ran.complains("asked about: anywhere -> pods{app=db} in data");

    // The code is that of what is asked about.
    let ran = diff(
        &["--to", "pods{app=db} in data", "--ports", "tcp 1-1000"],
        0,
    );
    assert_eq!(ran.out, "no connection opens or closes\n");
    diff(
        &["--from", "pods in shop", "--to", "pods{app=db} in data"],
        0,
    );
    // Any pod may call any of its ports `http`; in `data` no policy asks for that.
    let ran = diff(
        &[
            "--ports",
            "tcp 5432",
            "--from",
            "pods{app=api} in *",
            "--to",
            "pods in data",
        ],
        1,
    );
    assert_eq!(ran.out.matches("  closes ").count(), 1, "{}", ran.out);
    assert_eq!(ran.out.matches("  opens ").count(), 0, "{}", ran.out);

    let json = diff(&["--to", "pods{app=db} in data", "--as", "json"], 1).out;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["asked"]["to"], "pods{app=db} in data");
    assert_eq!(json["asked"]["from"], serde_json::Value::Null);
    assert_eq!(json["changes"].as_array().expect("a list").len(), 2);
    let ran = diff(&["--ports", "tcp 5432", "--as", "markdown"], 1);
    assert!(
        ran.out
            .contains("- asked about: `anywhere -> anywhere on tcp 5432`\n"),
        "{}",
        ran.out
    );

    diff(&["--ports", "icmp"], 2).complains("nothing of it can be compared here: icmp");
    diff(&["--from", "outside", "--to", "nodes"], 2)
        .complains("no flow of it meets a pod's policy");
    diff(&["--to", "books.api"], 2).complains("<question>.vau");
    let ran = diff(&["--ports", "tcp 5432, icmp"], 1);
    ran.complains("not covered: icmp");
}

#[test]
fn a_diff_is_about_workloads_and_services() {
    let sandbox = changed();
    let diff = |more: &[&str], code: i32| {
        let about = ["diff", "old", "new", "--inventory", "inventory.yaml"];
        let arguments: Vec<&str> = about.iter().chain(more).copied().collect();
        sandbox.run(&arguments).exits(code)
    };
    // The numbers of a workload's ports are known, and it has no label that it does not have.
    let ran = diff(&["--to", "shop/deployment/web"], 1);
    let opens = "opens anywhere -> pods{app=web} in shop [serviceaccount=default] on tcp 9000";
    assert!(ran.out.contains(opens), "{}", ran.out);
    let closes = "closes anywhere -> pods{app=web} in shop [serviceaccount=default] on tcp 8080";
    assert!(ran.out.contains(closes), "{}", ran.out);
    assert!(!ran.out.contains("app=db"), "{}", ran.out);
    // The service leads to one of them.
    for on in [
        &["--to", "shop/service/web"][..],
        &["--to", "service/web"],
        &["--ports", "service/web"],
        &["--to", "shop/deployment/web", "--ports", "shop/service/web"],
    ] {
        let ran = diff(on, 1);
        assert!(!ran.out.contains("9000"), "{on:?}: {}", ran.out);
        assert!(ran.out.contains(closes), "{on:?}: {}", ran.out);
    }
    let ran = diff(
        &[
            "--to",
            "pods{app=web, v=2} in shop",
            "--ports",
            "service/web",
        ],
        1,
    );
    assert!(ran.out.contains("its port \"http\""), "{}", ran.out);

    diff(&["--to", "shop/deployment/wep"], 2).complains("did you mean `shop/deployment/web`?");
    diff(&["--from", "shop/service/web"], 2).complains("opens no connections");
    diff(&["--to", "shop/service/gone"], 2).complains("no workload behind `shop/service/gone`");
    diff(&["--to", "shop/service/web", "--ports", "tcp 80"], 2).complains("has its own ports");
    diff(
        &["--to", "shop/deployment/web", "--ports", "service/gone"],
        2,
    )
    .complains("`shop/deployment/web` is not behind `shop/service/gone`");
}

#[test]
fn ends_are_in_the_words_of_the_new_side() {
    let sandbox = Sandbox::project();
    commit(&sandbox);
    let main = std::fs::read_dir(sandbox.path("policies"))
        .expect("a folder")
        .count();
    assert!(main > 0);
    sandbox.write(
        "policies/added.vau",
        "/// Who asks.\ngroup askers = pods{app=asker} in *\n",
    );
    let ran = sandbox
        .run(&["diff", "HEAD", ".", "--from", "askers"])
        .exits(0);
    ran.complains("asked about: askers -> anywhere");
    // The other way round the new side is the revision, which has no such name.
    sandbox
        .run(&["diff", ".", "HEAD", "--from", "askers"])
        .exits(2)
        .complains("named `askers` in scope");
    sandbox
        .run(&["diff", ".", "HEAD", "--from", "pods in *"])
        .exits(0);
}
