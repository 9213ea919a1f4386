//! `init`: what a person sees first.

use crate::sandbox::Sandbox;

#[test]
fn builds_for_every_backend() {
    for backend in ["kubernetes", "calico", "cilium"] {
        let sandbox = Sandbox::empty();
        sandbox.run(&["init", "new", "--backend", backend]).exits(0);
        let ran = sandbox.run(&["check", "new"]).exits(0);
        assert!(ran.err.contains("no findings"), "{backend}: {}", ran.err);
        sandbox.run(&["build", "new"]).exits(0);
        sandbox.run(&["build", "new", "--check"]).exits(0);
        let files = sandbox.files("new/deploy/prod");
        for made in ["kustomization.yaml", "index.json", "shop/"] {
            assert!(
                files.iter().any(|file| file.contains(made)),
                "{backend}: {files:?}"
            );
        }
    }
}

#[test]
fn is_laid_out() {
    for backend in ["kubernetes", "calico", "cilium"] {
        let sandbox = Sandbox::empty();
        sandbox.run(&["init", "new", "--backend", backend]).exits(0);
        sandbox.run(&["fmt", "--check", "new"]).exits(0);
    }
}

#[test]
fn never_overwrites() {
    let sandbox = Sandbox::empty();
    sandbox.write("policies/cluster.vau", "// mine\n");
    sandbox
        .run(&["init"])
        .exits(2)
        .complains("already there; nothing was written");
    assert_eq!(
        sandbox.files("."),
        ["./policies/cluster.vau".replace("./", "")]
    );
    assert_eq!(sandbox.read("policies/cluster.vau"), "// mine\n");
}

/// What `kubectl get namespaces -o yaml` prints, shortened; and names and labels that need their quotes.
const NAMESPACES: &str = r#"apiVersion: v1
items:
- apiVersion: v1
  kind: Namespace
  metadata:
    creationTimestamp: "2026-01-01T00:00:00Z"
    labels:
      kubernetes.io/metadata.name: kube-system
    name: kube-system
  spec:
    finalizers:
    - kubernetes
  status:
    phase: Active
- apiVersion: v1
  kind: Namespace
  metadata:
    labels:
      kubernetes.io/metadata.name: 9lives
      app.kubernetes.io/part-of: cats
      empty: ""
      "on": "true"
      same: same
      pod-security.kubernetes.io/enforce: restricted
    name: 9lives
- apiVersion: v1
  kind: Namespace
  metadata:
    name: same
kind: List
metadata:
  resourceVersion: ""
"#;

#[test]
fn every_combination_builds_and_is_laid_out() {
    for backend in ["kubernetes", "calico", "cilium"] {
        for forge in ["github", "gitlab", "bitbucket", "gitea"] {
            for namespaces in [false, true] {
                let sandbox = Sandbox::empty();
                let mut arguments = vec!["init", "new", "--backend", backend, "--forge", forge];
                if namespaces {
                    sandbox.write("ns.yaml", NAMESPACES);
                    arguments.extend(["--from-namespaces", "ns.yaml"]);
                }
                sandbox.run(&arguments).exits(0);
                sandbox.run(&["fmt", "--check", "new"]).exits(0);
                sandbox.run(&["build", "new"]).exits(0);
                let ran = sandbox.run(&["build", "new", "--check"]).exits(0);
                assert!(
                    !ran.err.contains("warning"),
                    "{backend} {forge}: {}",
                    ran.err
                );
                let owners = format!("new/.{forge}/CODEOWNERS");
                assert!(sandbox.path(&owners).is_file(), "{owners}");
            }
        }
    }
}

#[test]
fn real_namespaces_are_declared() {
    let sandbox = Sandbox::empty();
    sandbox
        .run_with(&["init", "--from-namespaces", "-"], NAMESPACES.as_bytes())
        .exits(0);
    let text = sandbox.read("policies/cluster.vau");
    for line in [
        "namespace 9lives {",
        "app.kubernetes.io/part-of=cats",
        "empty=\"\"",
        "on=true",
        "same=\"same\"",
        "pod-security.kubernetes.io/enforce=restricted",
        "namespace kube-system { }",
        "namespace same { }",
        "team first-team { owners @example/first-team namespaces 9lives tiers app }",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains("metadata.name"), "{text}");
    sandbox.run(&["check"]).exits(0);
}

#[test]
fn namespaces_come_in_all_forms() {
    let one =
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"a":"b"}}}"#;
    for text in [
        one.to_owned(),
        format!("[{one}]"),
        format!("{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{one}]}}"),
        format!("{one}\n{}\n", one.replace("shop", "kube-system")),
        r#"{"kind":"NamespaceList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"shop","labels":{"a":"b"}}}]}"#.to_owned(),
        "---\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {a: b}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: x}\n".to_owned(),
    ] {
        let sandbox = Sandbox::empty();
        sandbox.write("ns", &text);
        sandbox.run(&["init", "--from-namespaces", "ns"]).exits(0);
        let cluster = sandbox.read("policies/cluster.vau");
        assert!(cluster.contains("namespace shop { a=b }"), "{text}\n{cluster}");
        let ran = sandbox.run(&["build"]).exits(0);
        assert!(!ran.err.contains("warning"), "{}", ran.err);
    }
}

#[test]
fn namespaces_that_cannot_be_used_write_nothing() {
    for (text, why) in [
        ("", "no namespace is in this file"),
        ("a: [", "this is not YAML"),
        ("kind: Namespace\nkind: Namespace\n", "this is not YAML"),
        ("metadata: {name: x}", "no namespace is in this file"),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {}",
            "this namespace has no name",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: Shop}",
            "Shop",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {b: 1}}",
            "a label of this namespace is no string",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {b: c d}}",
            "`c d`",
        ),
        (
            "{apiVersion: v1, kind: List, metadata: {continue: x}, items: []}",
            "a part of a list only",
        ),
        (
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
            "namespace `a` is declared twice",
        ),
    ] {
        let sandbox = Sandbox::empty();
        sandbox.write("ns.yaml", text);
        sandbox
            .run(&["init", "new", "--from-namespaces", "ns.yaml"])
            .exits(2)
            .complains(why);
        assert!(!sandbox.path("new").exists(), "{text}");
    }
}
