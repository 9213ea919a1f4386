//! Sources that a file system can hold and nobody should.

use crate::sandbox::Sandbox;

#[test]
fn a_file_that_is_not_utf_8_is_reported_and_stops_the_build() {
    let sandbox = Sandbox::project();
    sandbox.write("policies/shop/latin.vau", b"// caf\xe9\n");
    sandbox
        .run(&["build"])
        .exits(2)
        .complains("error[unreadable-source]")
        .complains("policies/shop/latin.vau")
        .complains("not UTF-8 at byte 6");
    assert!(!sandbox.path("deploy").exists());
}

#[test]
fn every_broken_file_is_reported_in_one_run() {
    let sandbox = Sandbox::project();
    sandbox.write("policies/shop/one.vau", "polic one {\n");
    sandbox.write("policies/shop/two.vau", "group two = \n");
    let ran = sandbox.run(&["check"]).exits(1);
    for file in ["policies/shop/one.vau:1:", "policies/shop/two.vau:"] {
        assert!(ran.err.contains(file), "{}", ran.err);
    }
    assert!(ran.err.ends_with("errors\n"), "{}", ran.err);
}

#[test]
fn hidden_files_and_other_files_are_not_sources() {
    let sandbox = Sandbox::project();
    sandbox.write("policies/.#shop.vau", "not a policy");
    sandbox.write("policies/.cache/x.vau", "not a policy");
    sandbox.write("policies/README.md", "not a policy");
    sandbox.run(&["check"]).exits(0);
}

#[cfg(unix)]
#[test]
fn links_out_of_the_project_and_to_folders_are_reported() {
    use std::os::unix::fs::symlink;
    let sandbox = Sandbox::project();
    let outside = Sandbox::empty();
    outside.write("secret.vau", "// secret words\n");
    symlink(
        outside.path("secret.vau"),
        sandbox.path("policies/shop/out.vau"),
    )
    .expect("links");
    symlink(sandbox.path("policies"), sandbox.path("policies/shop/loop")).expect("links");
    symlink("nowhere.vau", sandbox.path("policies/shop/dangling.vau")).expect("links");
    let ran = sandbox
        .run(&["check"])
        .exits(2)
        .complains("`shop/out.vau` cannot be read: lies outside the project")
        .complains("`shop/loop` cannot be read: a symbolic link to a folder")
        .complains("`shop/dangling.vau` cannot be read: no such file");
    assert!(!ran.err.contains("secret words"));
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_hang_the_build() {
    let sandbox = Sandbox::project();
    let made = std::process::Command::new("mkfifo")
        .arg(sandbox.path("policies/pipe.vau"))
        .status();
    if made.is_ok_and(|status| status.success()) {
        sandbox
            .run(&["check"])
            .exits(2)
            .complains("`pipe.vau` cannot be read: not a file");
    }
}

#[test]
fn an_expired_day_changes_the_tree() {
    let sandbox = Sandbox::project();
    sandbox.replace(
        "policies/shop/shop.vau",
        "  egress { allow dns }",
        "  egress {\n    allow dns\n    allow tcp 443 to outside until 2026-12-31\n  }",
    );
    sandbox.run(&["build"]).exits(0);
    sandbox.run(&["build", "--check"]).exits(0);
    let later = std::process::Command::new(env!("CARGO_BIN_EXE_vauban"))
        .args(["build", "--check", "--today", "2027-01-01"])
        .current_dir(sandbox.path("."))
        .output()
        .expect("runs");
    assert_eq!(later.status.code(), Some(1));
}
