//! `build`: the output tree.

use std::fs;

use crate::sandbox::Sandbox;

/// A project, built.
fn built() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.run(&["build"]).exits(0);
    sandbox
}

#[test]
fn a_second_build_touches_nothing() {
    let sandbox = built();
    let before = sandbox.tree("deploy");
    let ran = sandbox.run(&["build"]).exits(0);
    assert!(ran.err.contains("up to date"), "{}", ran.err);
    assert_eq!(before, sandbox.tree("deploy"));
    assert_eq!(
        fs::read_dir(sandbox.path("deploy"))
            .expect("a folder")
            .count(),
        1,
        "nothing is left beside the tree"
    );
}

#[test]
fn two_builds_give_the_same_bytes() {
    let bytes = |sandbox: &Sandbox| -> Vec<(String, Vec<u8>)> {
        sandbox
            .tree("deploy")
            .into_iter()
            .map(|(path, bytes, _)| (path, bytes))
            .collect()
    };
    let (one, two) = (built(), built());
    // The folder's name is the project's name; everything else is the same.
    for sandbox in [&one, &two] {
        sandbox.replace("vauban.toml", "edition", "project = \"p\"\nedition");
        sandbox.run(&["build"]).exits(0);
    }
    assert_eq!(bytes(&one), bytes(&two));
}

#[test]
fn check_writes_nothing_and_shows_a_patch() {
    let sandbox = Sandbox::project();
    let ran = sandbox.run(&["build", "--check"]).exits(1);
    assert!(!sandbox.path("deploy").exists());
    assert!(
        ran.out
            .contains("--- /dev/null\n+++ b/deploy/prod/index.json"),
        "{}",
        ran.out
    );
    sandbox.run(&["build"]).exits(0);
    sandbox.run(&["build", "--check"]).exits(0);
    sandbox.replace("policies/shop/shop.vau", "tcp 8080", "tcp 8081");
    let before = sandbox.tree("deploy");
    let ran = sandbox
        .run(&["build", "--check"])
        .exits(1)
        .complains("error[stale-output]: `deploy/prod` is not what the sources say");
    assert!(
        ran.out
            .lines()
            .any(|line| line.starts_with('-') && line.contains("8080")),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .lines()
            .any(|line| line.starts_with('+') && line.contains("8081")),
        "{}",
        ran.out
    );
    assert_eq!(before, sandbox.tree("deploy"));
}

#[test]
fn a_file_changed_by_hand_is_not_up_to_date() {
    let sandbox = built();
    let path = "deploy/prod/kustomization.yaml";
    let text = sandbox.read(path);
    sandbox.write(path, format!("{text}# mine\n"));
    sandbox.run(&["build", "--check"]).exits(1);
    sandbox.run(&["build"]).exits(0);
    assert_eq!(sandbox.read(path), text);
}

#[test]
fn what_is_no_longer_made_is_removed() {
    let sandbox = built();
    let before = sandbox.files("deploy");
    assert!(before.iter().any(|file| file.contains("/shop/")));
    sandbox.replace(
        "vauban.toml",
        "# without = [\"shop\"]  ",
        "without = [\"shop\"]",
    );
    sandbox.run(&["build"]).exits(0).complains("removed");
    assert!(!sandbox.path("deploy/prod/shop").exists());
}

#[test]
fn an_unlisted_file_stops_the_build() {
    let sandbox = built();
    sandbox.write("deploy/prod/shop/mine.yaml", "kind: Mine\n");
    sandbox.replace("policies/shop/shop.vau", "tcp 8080", "tcp 8081");
    let before = sandbox.tree("deploy");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("error[unlisted-file]: `deploy/prod/shop/mine.yaml` was not written by a build")
        .complains(" vauban.toml:");
    sandbox
        .run(&["build", "--check"])
        .exits(1)
        .complains("unlisted-file");
    assert_eq!(before, sandbox.tree("deploy"));
}

#[test]
fn a_folder_that_no_build_has_made_is_left_alone() {
    let sandbox = Sandbox::project();
    sandbox.write("deploy/prod/a.yaml", "a\n");
    sandbox.write("deploy/prod/b.yaml", "b\n");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("2 files in `deploy/prod` were not written by a build");
    assert_eq!(
        sandbox.files("deploy"),
        ["deploy/prod/a.yaml", "deploy/prod/b.yaml"]
    );
}

#[test]
fn a_corrupt_index_stops_the_build() {
    let sandbox = built();
    for text in [
        "",
        "{}",
        "[1,2",
        "<<<<<<< HEAD\n",
        "{\"schema\": 99, \"project\": \"\", \"target\": {\"name\": \"\", \"backend\": \"\", \"version\": \"\"}, \"files\": []}",
    ] {
        sandbox.write("deploy/prod/index.json", text);
        sandbox
            .run(&["build"])
            .exits(1)
            .complains("error[corrupt-index]");
        assert_eq!(sandbox.read("deploy/prod/index.json"), text);
    }
}

#[test]
fn an_error_in_one_target_writes_nothing_for_any() {
    let sandbox = Sandbox::project();
    let toml = sandbox.read("vauban.toml");
    // Kubernetes' own policies cannot deny explicitly logged flows, so this target refuses what the first one takes.
    sandbox.write(
        "vauban.toml",
        format!(
            "{toml}\n[[target]]\nname = \"second\"\nbackend = \"kubernetes\"\nversion = \"1.33\"\ncluster = \"prod\"\nout = \"deploy/second\"\n"
        ),
    );
    sandbox.replace(
        "policies/cluster.vau",
        "deny all to 203",
        "deny and log all to 203",
    );
    sandbox.run(&["build"]).exits(1).complains("target: second");
    assert!(!sandbox.path("deploy").exists());
    sandbox.run(&["build", "--target", "prod"]).exits(0);
    assert_eq!(
        fs::read_dir(sandbox.path("deploy"))
            .expect("a folder")
            .count(),
        1
    );
}

#[test]
fn a_target_that_is_not_there_is_offered_the_nearest() {
    Sandbox::project()
        .run(&["build", "--target", "pord"])
        .exits(2)
        .complains("did you mean `prod`?");
}

#[test]
fn a_build_that_died_is_mended() {
    let sandbox = built();
    let before = sandbox.files("deploy");
    fs::rename(
        sandbox.path("deploy/prod"),
        sandbox.path("deploy/.prod.vauban-old"),
    )
    .expect("renames");
    sandbox.write("deploy/.prod.vauban-new/half.yaml", "half");
    let ran = sandbox.run(&["build"]).exits(0);
    assert!(ran.err.contains("up to date"), "{}", ran.err);
    assert_eq!(before, sandbox.files("deploy"));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let sandbox = built();
    let outside = Sandbox::empty();
    outside.write("precious.yaml", "kind: Precious\n");
    let listed = sandbox
        .files("deploy")
        .into_iter()
        .find(|file| file.contains("/shop/"))
        .expect("the shop has objects");
    fs::remove_file(sandbox.path(&listed)).expect("removes");
    symlink(outside.path("precious.yaml"), sandbox.path(&listed)).expect("links");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("error[linked-output]");

    fs::remove_dir_all(sandbox.path("deploy")).expect("removes");
    symlink(outside.path("."), sandbox.path("deploy")).expect("links");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("error[linked-output]: `deploy` is a symbolic link");
    assert_eq!(outside.files("."), ["precious.yaml"]);
    assert_eq!(outside.read("precious.yaml"), "kind: Precious\n");
}

#[cfg(unix)]
#[test]
fn a_disk_that_does_not_let_us_leaves_the_old_tree() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = built();
    sandbox.replace("policies/shop/shop.vau", "tcp 8080", "tcp 8081");
    let before = sandbox.tree("deploy");
    let mode = |mode| {
        fs::set_permissions(sandbox.path("deploy"), fs::Permissions::from_mode(mode))
            .expect("permissions");
    };
    mode(0o555);
    // Root may write everywhere; then there is nothing to see here.
    let denied = fs::write(sandbox.path("deploy/probe"), "").is_err();
    if denied {
        sandbox.run(&["build"]).exits(2).complains("cannot be");
    }
    mode(0o755);
    if denied {
        assert_eq!(before, sandbox.tree("deploy"));
    }
}

#[test]
fn a_project_without_targets_has_nothing_to_build() {
    let sandbox = Sandbox::empty();
    sandbox.write("vauban.toml", "edition = \"2026\"\nsources = \"p\"\n");
    sandbox.write("p/a.vau", "// nothing yet\n");
    sandbox.run(&["check"]).exits(0);
    sandbox
        .run(&["build"])
        .exits(2)
        .complains("no `[[target]]`");
}

#[test]
fn the_project_is_found_from_below() {
    let sandbox = Sandbox::project();
    sandbox.run(&["check", "vauban.toml"]).exits(0);
    sandbox.run(&["check", "."]).exits(0);
    sandbox
        .run(&["check", "policies"])
        .exits(2)
        .complains("has no `vauban.toml`");
}
