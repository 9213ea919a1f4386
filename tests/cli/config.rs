//! `vauban.toml`: what it must not say.

use crate::sandbox::Sandbox;

#[test]
fn its_faults_are_reported_in_one_run_at_their_places() {
    let sandbox = Sandbox::project();
    sandbox.replace("vauban.toml", "version = \"3.30\"", "version = \"3.3\"");
    sandbox.replace("vauban.toml", "backend =", "backned =");
    sandbox.replace("vauban.toml", "deploy/prod\"", "../prod\"");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("`[[target]]` has no setting `backned`")
        .complains("did you mean `backend`?")
        .complains("error[missing-setting]: the setting `backend` is missing")
        .complains("error[path-leaves-project]: `../prod` is not a path inside the project");
}

#[test]
fn an_output_among_the_sources_is_refused() {
    let sandbox = Sandbox::project();
    sandbox.replace("vauban.toml", "deploy/prod\"", "policies/out\"");
    sandbox
        .run(&["build"])
        .exits(2)
        .complains("error[overlapping-output]");
    assert!(!sandbox.path("policies/out").exists());
}

#[test]
fn a_folder_that_is_left_out_must_exist() {
    let sandbox = Sandbox::project();
    sandbox.replace(
        "vauban.toml",
        "# without = [\"shop\"]",
        "without = [\"shpo\"]",
    );
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("error[missing-folder]: there is no folder `shpo`");
}

#[test]
fn a_cluster_that_is_not_declared_is_an_error() {
    let sandbox = Sandbox::project();
    sandbox.replace("vauban.toml", "cluster = \"prod\"", "cluster = \"pord\"");
    sandbox.run(&["check"]).exits(1).complains("pord");
}

#[test]
fn a_folder_without_one_is_no_project() {
    Sandbox::empty()
        .run(&["check"])
        .exits(2)
        .complains("`vauban init` makes one");
}

#[cfg(unix)]
#[test]
fn sources_outside_of_the_project_are_refused() {
    let sandbox = Sandbox::project();
    let outside = Sandbox::empty();
    outside.write("a.vau", "tier app\n");
    std::os::unix::fs::symlink(outside.path("."), sandbox.path("elsewhere")).expect("links");
    sandbox.replace("vauban.toml", "\"policies\"", "\"elsewhere\"");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("the folder `elsewhere` cannot be used: lies outside the project");
}

#[test]
fn lints_have_levels() {
    let sandbox = Sandbox::project();
    let shop = sandbox.read("policies/shop/shop.vau");
    sandbox.write(
        "policies/shop/shop.vau",
        format!("{shop}\nnetwork nobody-says-this = 203.0.113.7\n"),
    );
    sandbox
        .run(&["check"])
        .exits(0)
        .complains("warning[unused-name]");
    let toml = sandbox.read("vauban.toml");
    sandbox.write(
        "vauban.toml",
        format!("{toml}\n[lints]\nunused-name = \"deny\"\n"),
    );
    sandbox
        .run(&["check"])
        .exits(1)
        .complains("error[unused-name]");
    sandbox.write(
        "vauban.toml",
        format!("{toml}\n[lints]\nunused-name = \"allow\"\n"),
    );
    let ran = sandbox.run(&["check"]).exits(0);
    assert!(!ran.err.contains("unused-name"), "{}", ran.err);
}

#[test]
fn namespaces_are_taken_from_manifests_outside_of_the_sources() {
    let sandbox = Sandbox::project();
    let manifest =
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {team: shop}\n";
    sandbox.write("cluster/namespaces.yaml", manifest);
    sandbox.replace(
        "vauban.toml",
        "cluster = \"prod\"",
        "cluster = \"prod\"\nnamespaces = [\"cluster/namespaces.yaml\"]\n#",
    );
    sandbox
        .run(&["check"])
        .exits(1)
        .complains("error[duplicate-name]: namespace `shop` is declared twice")
        .complains("cluster/namespaces.yaml:4:9");
    sandbox.replace("policies/cluster.vau", "namespace shop { team=shop }\n", "");
    sandbox.run(&["build"]).exits(0);
    sandbox.replace("vauban.toml", "[\"cluster/", "[\"clusters/");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains(
            "error[unreadable-source]: these manifests of namespaces cannot be read: no such file",
        )
        .complains("clusters/namespaces.yaml");
}

#[cfg(unix)]
#[test]
fn manifests_outside_of_the_project_are_refused() {
    let sandbox = Sandbox::project();
    sandbox.replace(
        "vauban.toml",
        "cluster = \"prod\"",
        "cluster = \"prod\"\nnamespaces = [\"link.yaml\"]\n#",
    );
    std::os::unix::fs::symlink("/dev/null", sandbox.path("link.yaml")).expect("a link");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("lies outside the project");
    sandbox.replace("vauban.toml", "link.yaml", "../x.yaml");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("path-leaves-project");
}
