//! `vauban test`

use crate::sandbox::Sandbox;

/// A project whose guard fails.
fn guarded() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write(
        "policies/guards.vau",
        "guard \"nobody calls the back\" {\n  cannot pods in shop -> pods in shop on tcp 8080\n}\n",
    );
    sandbox
}

#[test]
fn every_statement_is_listed_with_its_target() {
    let ran = Sandbox::project().run(&["test"]).exits(0);
    assert!(
        ran.out.contains("proved on") || ran.out.contains("  on calico 3."),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("test \"the shop\""), "{}", ran.out);
    assert!(
        ran.out.contains("holds       can front -> back-http"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("2 statements hold, 0 fail"), "{}", ran.err);
}

#[test]
fn a_failure_shows_a_flow_and_who_decides_it() {
    let ran = guarded().run(&["test"]).exits(1);
    assert!(
        ran.out.contains("fails       cannot pods in shop"),
        "{}",
        ran.out
    );
    for said in [
        "error[guard-fails]",
        "allowed at its source",
        "allowed at its destination",
        "on tcp 8080",
    ] {
        assert!(ran.err.contains(said), "no `{said}` in:\n{}", ran.err);
    }
}

#[test]
fn a_failed_guard_stops_the_build() {
    let sandbox = guarded();
    sandbox.run(&["build"]).exits(1).complains("guard-fails");
    assert!(
        !sandbox.path("deploy/prod").exists(),
        "something was written"
    );
}

#[test]
fn coverage_lists_what_nothing_touches() {
    let sandbox = Sandbox::project();
    let ran = sandbox.run(&["test", "--coverage"]).exits(0);
    assert!(
        ran.out
            .contains("rules are touched by no test and no guard"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("policies/shop/shop.vau:"), "{}", ran.out);
    assert!(!ran.out.contains(": allow back-http\n"), "{}", ran.out);
}

#[test]
fn junit_and_json_have_every_statement() {
    let sandbox = guarded();
    let ran = sandbox.run(&["test", "--format", "junit"]).exits(1);
    assert!(ran.out.starts_with("<?xml"), "{}", ran.out);
    assert!(
        ran.out.contains("tests=\"3\" failures=\"1\""),
        "{}",
        ran.out
    );
    assert_eq!(ran.out.matches("<testcase").count(), 3);
    assert_eq!(ran.out.matches("</testcase>").count(), 3);
    let ran = sandbox.run(&["test", "--format", "json"]).exits(1);
    let document: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let cases = document["targets"][0]["cases"].as_array().expect("a list");
    let standings: Vec<&str> = cases
        .iter()
        .map(|case| case["standing"].as_str().expect("a word"))
        .collect();
    assert_eq!(standings, ["fails", "holds", "holds"]);
    assert_eq!(cases[0]["line"], 2);
}

#[test]
fn junit_is_of_this_command_only() {
    Sandbox::project()
        .run(&["check", "--format", "junit"])
        .exits(2)
        .complains("of `vauban test` only");
}

#[test]
fn the_proof_can_be_left_to_another_step() {
    let sandbox = guarded();
    let ran = sandbox.run(&["build", "--no-proof"]).exits(0);
    assert!(ran.err.contains("not proved, as asked for"), "{}", ran.err);
    sandbox
        .run(&["build", "--check"])
        .exits(1)
        .complains("guard-fails");
}

/// A list that is too long for one rule becomes a network set, which a label picks out; whether nodes' host endpoints have it must be known.
#[test]
fn a_long_list_of_networks_is_proved() {
    let sandbox = Sandbox::empty();
    sandbox.run(&["init", "--backend", "calico", "."]).exits(0);
    let nets: Vec<String> = (0..300)
        .map(|n| format!("198.51.{}.{}", 100 + n / 100, 2 * (n % 100)))
        .collect();
    let policy = format!(
        "cluster long {{\n  pods 10.244.0.0/16\n  services 10.96.0.0/12\n  nodes 192.168.10.0/24\n  ipv6 none\n  overlay none\n}}\n\
         tier app\nnamespace shop {{ }}\nnetwork feed = {}\n\
         policy block in app {{\n  for pods in shop\n  egress {{ deny all to feed }}\n}}\n",
        nets.join(", ")
    );
    for file in sandbox
        .files(".")
        .iter()
        .filter(|file| file.ends_with(".vau"))
    {
        std::fs::remove_file(sandbox.path(file)).expect("a file");
    }
    sandbox.write("policies/main.vau", policy);
    let target = "edition = \"2026\"\nsources = \"policies\"\n\n[[target]]\nname = \"prod\"\nbackend = \"calico\"\nversion = \"3.30\"\ncluster = \"long\"\nout = \"deploy/prod\"\n";
    sandbox.write("vauban.toml", target);
    sandbox.run(&["build"]).exits(0);
    let sets = sandbox.files("deploy/prod");
    assert!(sets.iter().any(|file| file.contains("/set-")), "{sets:?}");
}
