//! The examples are complete projects: each builds for every kind of target, says what its README promises, and the manifests that lie
//! beside it are the ones that this compiler makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folders of `examples/`.
fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "there are no examples");
    folders
}

fn run(arguments: &[&str], project: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vauban"))
        .args(arguments)
        .arg(project)
        .args(["--today", "2026-11-24", "--color", "never"])
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_manifests_beside_an_example_are_those_that_it_makes() {
    for example in examples() {
        let ran = run(&["build", "--check"], &example);
        assert!(
            ran.status.success(),
            "{}: run `cargo run -- build` on it\n{}",
            example.display(),
            text(&ran.stderr)
        );
    }
}

#[test]
fn an_example_is_laid_out_explained_and_built_for_every_kind_of_target() {
    for example in examples() {
        let ran = run(&["fmt", "--check"], &example);
        assert!(ran.status.success(), "{}", text(&ran.stdout));
        assert!(
            example.join("README.md").is_file(),
            "{} has no README.md",
            example.display()
        );
        let settings = fs::read_to_string(example.join("vauban.toml")).expect("a project");
        for backend in ["kubernetes", "calico", "cilium"] {
            assert!(
                settings.contains(&format!("backend = \"{backend}\"")),
                "{}: no target for {backend}",
                example.display()
            );
        }
    }
}

#[test]
fn the_dead_rule_of_the_slides_is_found() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bookstore");
    let ran = run(&["check"], &example);
    let said = text(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let findings: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("warning[") || line.starts_with("error["))
        .collect();
    assert_eq!(
        findings,
        [
            "warning[rule-changes-nothing]: without `deny http to legacy` every flow is decided the same"
        ]
    );
}
