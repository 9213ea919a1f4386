//! `--format`, `explain`, `dump`, `completions`: what other tools read.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// A project with one error in `policies/shop/wrong.vau`, line 2.
fn wrong() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write(
        "policies/shop/wrong.vau",
        "// a typo\npolic wrong in app { }\n",
    );
    sandbox
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn json_has_the_place() {
    let ran = wrong().run(&["check", "--format", "json"]).exits(1);
    let document = json(&ran.out);
    assert_eq!(document["schema"], 1);
    let finding = &document["diagnostics"][0];
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["place"]["file"], "policies/shop/wrong.vau");
    assert_eq!(finding["place"]["line"], 2);
    assert!(document["summary"]["errors"].as_u64() >= Some(1));
    let fine = Sandbox::project()
        .run(&["check", "--format", "json"])
        .exits(0);
    assert_eq!(json(&fine.out)["diagnostics"], Value::Array(Vec::new()));
    assert!(fine.err.is_empty(), "{}", fine.err);
}

#[test]
fn sarif_has_rules_and_results() {
    let ran = wrong().run(&["check", "--format", "sarif"]).exits(1);
    let document = json(&ran.out);
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let result = &run["results"][0];
    let rule =
        &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().expect("an index") as usize];
    assert_eq!(rule["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "policies/shop/wrong.vau");
    assert_eq!(place["region"]["startLine"], 2);
    let fine = Sandbox::project()
        .run(&["check", "--format", "sarif"])
        .exits(0);
    assert_eq!(
        json(&fine.out)["runs"][0]["results"],
        Value::Array(Vec::new())
    );
}

#[test]
fn github_gets_one_line_for_each_finding() {
    let ran = wrong().run(&["check", "--format", "github"]).exits(1);
    let line = ran.out.lines().next().expect("a line");
    assert!(
        line.starts_with("::error file=policies/shop/wrong.vau,line=2,"),
        "{line}"
    );
    assert!(
        ran.out.lines().all(|line| line.starts_with("::")),
        "{}",
        ran.out
    );
}

#[test]
fn gitlab_gets_unique_fingerprints() {
    let sandbox = wrong();
    sandbox.write("policies/shop/twice.vau", "polic a { }\npolic a { }\n");
    let ran = sandbox.run(&["check", "--format", "gitlab"]).exits(1);
    let document = json(&ran.out);
    let issues = document.as_array().expect("a list");
    let mut seen: Vec<&str> = issues
        .iter()
        .map(|issue| issue["fingerprint"].as_str().expect("a fingerprint"))
        .collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
    assert!(count >= 3, "{}", ran.out);
}

#[test]
fn faults_of_the_project_file_are_reported_in_the_same_formats() {
    let sandbox = Sandbox::project();
    sandbox.replace("vauban.toml", "edition", "editoin");
    let ran = sandbox.run(&["check", "--format", "json"]).exits(2);
    assert_eq!(
        json(&ran.out)["diagnostics"][0]["place"]["file"],
        "vauban.toml"
    );
}

#[test]
fn colors_are_a_matter_of_choice() {
    let sandbox = wrong();
    assert!(!sandbox.run(&["check"]).err.contains('\u{1b}'));
    assert!(
        sandbox
            .run(&["check", "--color", "always"])
            .err
            .contains('\u{1b}')
    );
    assert!(
        !sandbox
            .run(&["check", "--color", "never"])
            .err
            .contains('\u{1b}')
    );
}

#[test]
fn explain_prints_the_page_or_the_nearest_name() {
    let sandbox = Sandbox::empty();
    let ran = sandbox.run(&["explain", "unlisted-file"]).exits(0);
    assert!(ran.out.starts_with("# unlisted-file\n"), "{}", ran.out);
    let bracketed = sandbox.run(&["explain", "error[unlisted-file]"]).exits(0);
    assert_eq!(ran.out, bracketed.out);
    sandbox
        .run(&["explain", "unlisted-flie"])
        .exits(2)
        .complains("did you mean `unlisted-file`?");
    let all = sandbox.run(&["explain"]).exits(0);
    assert!(all.out.lines().count() > 10);
}

#[test]
fn dump_shows_every_station() {
    let sandbox = Sandbox::project();
    let ast = sandbox.run(&["dump", "--stage", "ast"]).exits(0).out;
    assert!(ast.contains("// policies/shop/shop.vau\n"), "{ast}");
    let model = sandbox.run(&["dump", "--stage", "model"]).exits(0).out;
    assert!(model.contains("front"), "{model}");
    let objects = sandbox
        .run(&["dump", "--stage", "objects", "--target", "prod"])
        .exits(0)
        .out;
    assert!(objects.contains("\nkind: "), "{objects}");
    let broken = wrong();
    let ran = broken.run(&["dump", "--stage", "ast"]).exits(1);
    assert!(ran.out.contains("shop.vau"));
    assert!(ran.err.contains("wrong.vau:2:"), "{}", ran.err);
}

#[test]
fn the_line_itself_can_be_wrong() {
    let sandbox = Sandbox::empty();
    for line in [
        &["no-such-command"][..],
        &["check", "--format", "xml"],
        &["dump"],
        &["build", "nowhere"],
    ] {
        sandbox.run(line).exits(2);
    }
    for line in [
        &["--help"][..],
        &["--version"],
        &["completions", "bash"],
        &["build", "--help"],
    ] {
        let ran = sandbox.run(line).exits(0);
        assert!(!ran.out.is_empty());
    }
}

#[test]
fn dump_shows_what_manifests_say() {
    let sandbox = Sandbox::empty();
    sandbox.run(&["init", "--backend", "kubernetes"]).exits(0);
    let policy = |block: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: shop}}\nspec: {{ingress: [{{{block}}}]}}\n"
        )
    };
    let dump = ["dump", "--stage", "model", "--manifests", "cluster"];
    sandbox.write("cluster/shop/web.yaml", policy("ports: [{port: 443}]"));
    let ran = sandbox.run(&dump).exits(0);
    assert!(ran.out.contains("NetworkPolicy shop/web"), "{}", ran.out);
    assert!(ran.out.contains("tcp 443"), "{}", ran.out);
    assert!(!ran.out.contains("not decided"), "{}", ran.out);
    let open = policy("from: [{ipBlock: {cidr: 10.244.0.0/17}}]");
    sandbox.write("cluster/shop/web.yaml", &open);
    let ran = sandbox.run(&dump).exits(0);
    let line = "not decided: ingress of NetworkPolicy shop/web: cidr 10.244.0.0/17 may hold some";
    assert!(ran.out.contains(line), "{}", ran.out);
    sandbox.write("cluster/shop/web.yaml", policy("port: 443"));
    sandbox
        .run(&dump)
        .exits(2)
        .complains("unknown field \"spec.ingress[0].port\"")
        .complains("cluster/shop/web.yaml");
    sandbox.write("cluster/broken.json", "{");
    sandbox.run(&dump).exits(2).complains("cluster/broken.json");
    sandbox
        .run(&["dump", "--stage", "model", "--manifests", "nowhere"])
        .exits(2)
        .complains("nowhere");
    sandbox
        .run(&["dump", "--stage", "ast", "--manifests", "cluster"])
        .exits(2)
        .complains("--stage model");
}
