//! Namespaces that `vauban.toml` takes from manifests.

use crate::sandbox::Sandbox;

const MANIFEST: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels:
    kubernetes.io/metadata.name: shop
    team: shop
---
apiVersion: v1
kind: Namespace
metadata:
  name: kube-system
";

/// The project of `init`, with its namespaces in a manifest.
fn project(place: &str) -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.replace(
        "policies/cluster.vau",
        "namespace kube-system { }\nnamespace shop { team=shop }\n",
        "",
    );
    sandbox.write(place, MANIFEST);
    sandbox
}

fn named(sandbox: &Sandbox, after: &str, line: &str) {
    sandbox.replace("vauban.toml", after, &format!("{after}\n{line}\n"));
}

const TOP: &str = "edition = \"2026\"";
const TARGET: &str = "name = \"prod\"";

#[test]
fn a_manifest_declares_as_the_sources_do() {
    let declared = Sandbox::project();
    declared.replace("vauban.toml", TOP, "edition = \"2026\"\nproject = \"p\"");
    declared.run(&["build"]).exits(0);
    for after in [TARGET] {
        for place in ["cluster/namespaces.yaml", "policies/namespaces.yaml"] {
            let sandbox = project(place);
            named(&sandbox, after, &format!("namespaces = [\"{place}\"]"));
            sandbox.replace("vauban.toml", TOP, "edition = \"2026\"\nproject = \"p\"");
            sandbox.run(&["check"]).exits(0).complains("no findings");
            sandbox.run(&["build"]).exits(0);
            for file in [
                "deploy/prod/shop/shop-back.yaml",
                "deploy/prod/kustomization.yaml",
            ] {
                assert_eq!(sandbox.read(file), declared.read(file), "{place} {file}");
            }
        }
    }
}

#[test]
fn without_it_the_namespaces_are_unknown() {
    project("x.yaml").run(&["check"]).exits(1).complains("shop");
}

#[test]
fn its_faults_are_shown_in_it() {
    let sandbox = project("cluster/ns.yaml");
    named(&sandbox, TARGET, "namespaces = [\"cluster/ns.yaml\"]");
    sandbox.replace("cluster/ns.yaml", "team: shop", "team: 7");
    sandbox
        .run(&["check"])
        .exits(1)
        .complains("error[bad-namespace-manifest]: a label of this namespace is no string")
        .complains(" cluster/ns.yaml:4:9");
    sandbox.replace("cluster/ns.yaml", "team: 7", "team: shop");
    sandbox.write("policies/more.vau", "namespace shop { team=shop }\n");
    sandbox
        .run(&["check"])
        .exits(1)
        .complains("error[duplicate-name]")
        .complains(" cluster/ns.yaml:4:9");
}

#[test]
fn a_team_cannot_declare_namespaces_in_its_folder() {
    let sandbox = project("policies/shop/ns.yaml");
    named(&sandbox, TARGET, "namespaces = [\"policies/shop/ns.yaml\"]");
    sandbox
        .run(&["check"])
        .exits(1)
        .complains("error[misplaced-declaration]");
}

#[test]
fn owners_of_a_manifest_are_the_root_s() {
    let sandbox = project("cluster/ns.yaml");
    named(&sandbox, TARGET, "namespaces = [\"cluster/ns.yaml\"]");
    let toml = sandbox.read("vauban.toml");
    sandbox.write(
        "vauban.toml",
        format!("{toml}\n[codeowners]\nforge = \"github\"\n"),
    );
    let ran = sandbox
        .run(&["owners", "cluster/ns.yaml", "cluster/other"])
        .exits(0);
    assert_eq!(
        ran.out,
        "cluster/ns.yaml: @example/platform\ncluster/other: nobody\n"
    );
}
