//! `owners`, and the CODEOWNERS that `build` writes.

use std::process::Command;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Runs git in the sandbox, as somebody.
fn git(sandbox: &Sandbox, arguments: &[&str]) {
    let ran = Command::new("git")
        .arg("-C")
        .arg(sandbox.path("."))
        .args(["-c", "user.name=Jane", "-c", "user.email=jane@acme.example"])
        .args([
            "-c",
            "commit.gpgsign=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .expect("git runs");
    assert!(
        ran.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

fn commit(sandbox: &Sandbox) {
    git(sandbox, &["add", "-A"]);
    git(sandbox, &["commit", "-q", "-m", "as it is"]);
}

/// The project of `init` in a repository.
fn project(forge: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    git(&sandbox, &["init", "-q"]);
    sandbox.run(&["init", "--forge", forge]).exits(0);
    sandbox
}

/// The same, built and committed.
fn built(forge: &str) -> Sandbox {
    let sandbox = project(forge);
    sandbox.run(&["build"]).exits(0);
    commit(&sandbox);
    sandbox
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn each_forge_has_its_file() {
    for (forge, place) in [
        ("github", ".github/CODEOWNERS"),
        ("gitlab", ".gitlab/CODEOWNERS"),
        ("bitbucket", ".bitbucket/CODEOWNERS"),
        ("gitea", ".gitea/CODEOWNERS"),
    ] {
        let sandbox = project(forge);
        sandbox
            .run(&["build", "--check"])
            .exits(1)
            .complains(&format!(
                "error[stale-output]: `{place}` is not what the sources say"
            ));
        assert!(!sandbox.path(place).exists());
        sandbox
            .run(&["build"])
            .exits(0)
            .complains(&format!("{place}: added"));
        sandbox.run(&["build", "--check"]).exits(0);
        for (path, owner) in [
            ("policies/shop/shop.vau", "@example/shop"),
            ("deploy/prod/shop/x.yaml", "@example/shop"),
            ("policies/cluster.vau", "@example/platform"),
            ("policies/platform", "@example/platform"),
            ("vauban.toml", "@example/platform"),
            (place, "@example/platform"),
            ("README.md", "nobody"),
            ("./policies/../deploy/prod/index.json", "nobody"),
        ] {
            let ran = sandbox.run(&["owners", path]).exits(0);
            assert!(
                ran.out.ends_with(&format!(": {owner}\n")),
                "{forge}: {}",
                ran.out
            );
        }
        let written = sandbox.read(place);
        sandbox.write(
            place,
            format!("# ours\n{}", written.replace("@example/shop", "@me")),
        );
        let ran = sandbox.run(&["build", "--check"]).exits(1);
        assert!(ran.out.contains(&format!("--- a/{place}")), "{}", ran.out);
        sandbox.run(&["build"]).exits(0).complains(": changed");
        assert_eq!(sandbox.read(place), format!("# ours\n{written}"));
    }
}

#[test]
fn paths_begin_at_the_repository_s_root() {
    let sandbox = Sandbox::empty();
    git(&sandbox, &["init", "-q"]);
    sandbox
        .run(&["init", "infra/policy", "--forge", "github"])
        .exits(0);
    sandbox.run(&["build", "infra/policy"]).exits(0);
    let text = sandbox.read(".github/CODEOWNERS");
    assert!(
        text.contains("\n/infra/policy/policies/shop/ @example/shop\n"),
        "{text}"
    );
    let ran = sandbox
        .run(&[
            "owners",
            "--project",
            "infra/policy",
            "infra/policy/policies/shop/",
        ])
        .exits(0);
    assert_eq!(ran.out, "infra/policy/policies/shop/: @example/shop\n");
    sandbox
        .run(&["owners", "--project", "infra/policy", "../elsewhere"])
        .exits(2)
        .complains("does not lie in");
}

#[test]
fn without_a_repository_paths_begin_at_the_project() {
    let sandbox = Sandbox::empty();
    sandbox.run(&["init", "p", "--forge", "gitea"]).exits(0);
    sandbox
        .run(&["build", "p"])
        .exits(0)
        .complains("note[codeowners-without-repository]");
    assert!(
        sandbox
            .read("p/.gitea/CODEOWNERS")
            .contains("\nvauban\\\\.toml @example/platform\n")
    );
    sandbox
        .run(&["owners", "--project", "p", "--changed", "HEAD"])
        .exits(2)
        .complains("lies in no git repository");
}

#[test]
fn a_refusal_writes_nothing() {
    // What stands in the way, and what is said of it.
    for (forge, path, text, name) in [
        ("github", "CODEOWNERS", "* @me\n", "codeowners-shadowed"),
        (
            "github",
            "docs/CODEOWNERS",
            "* @me\n",
            "codeowners-shadowed",
        ),
        ("gitlab", "CODEOWNERS", "* @me\n", "codeowners-shadowed"),
        (
            "gitea",
            ".forgejo/CODEOWNERS",
            ".* @me\n",
            "codeowners-shadowed",
        ),
        (
            "github",
            ".github/CODEOWNERS",
            "# vauban: begin\n",
            "codeowners-damaged-block",
        ),
        (
            "gitlab",
            ".gitlab/CODEOWNERS",
            "# vauban: begin\n# vauban: end\n* @me\n",
            "codeowners-not-last",
        ),
        (
            "gitlab",
            ".gitlab/CODEOWNERS",
            "[vauban shop]\n* @me\n",
            "codeowners-section-taken",
        ),
    ] {
        let sandbox = project(forge);
        sandbox.write(path, text);
        for arguments in [&["build"][..], &["build", "--check"]] {
            sandbox
                .run(arguments)
                .exits(1)
                .complains(&format!("error[{name}]"))
                .complains(" vauban.toml:");
        }
        sandbox.run(&["owners", "x"]).exits(2).complains(name);
        assert!(!sandbox.path("deploy").exists(), "{name}");
        assert_eq!(sandbox.read(path), text);
    }
    // A project for Bitbucket is not disturbed by what others read.
    let sandbox = project("bitbucket");
    sandbox.write("CODEOWNERS", "* @me\n");
    sandbox.run(&["build"]).exits(0);
}

#[test]
fn an_error_in_the_sources_leaves_codeowners_as_it_is() {
    let sandbox = built("github");
    let before = sandbox.read(".github/CODEOWNERS");
    sandbox.replace("policies/cluster.vau", "@example/shop", "@example/store");
    sandbox.replace("policies/shop/shop.vau", "from front", "from fornt");
    sandbox.run(&["build"]).exits(1);
    assert_eq!(sandbox.read(".github/CODEOWNERS"), before);
    sandbox.replace("policies/shop/shop.vau", "from fornt", "from front");
    sandbox
        .run(&["build"])
        .exits(0)
        .complains("CODEOWNERS: changed");
    assert!(
        sandbox
            .read(".github/CODEOWNERS")
            .contains("@example/store")
    );
}

#[cfg(unix)]
#[test]
fn a_linked_codeowners_is_not_followed() {
    let sandbox = project("github");
    let outside = Sandbox::empty();
    outside.write("CODEOWNERS", "* @me\n");
    std::os::unix::fs::symlink(outside.path("."), sandbox.path(".github")).expect("links");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("error[linked-output]");
    assert_eq!(outside.read("CODEOWNERS"), "* @me\n");
}

#[cfg(unix)]
#[test]
fn if_codeowners_cannot_be_written_no_tree_changes() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = built("github");
    sandbox.replace("policies/cluster.vau", "@example/shop", "@example/store");
    sandbox.replace("policies/shop/shop.vau", "tcp 8080", "tcp 8081");
    let before = sandbox.tree("deploy");
    let mode = |mode| {
        let folder = sandbox.path(".github");
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).expect("sets");
    };
    mode(0o555);
    // Root may write everywhere; then there is nothing to see here.
    let denied = std::fs::write(sandbox.path(".github/probe"), "").is_err();
    if denied {
        sandbox
            .run(&["build"])
            .exits(2)
            .complains("cannot be written");
    }
    mode(0o755);
    if denied {
        assert_eq!(before, sandbox.tree("deploy"));
    }
}

#[test]
fn approvals_stand_in_gitlab_s_sections() {
    let sandbox = project("gitlab");
    let toml = sandbox.read("vauban.toml");
    let with = |approvals: &str| {
        sandbox.write(
            "vauban.toml",
            format!("{toml}\n[codeowners.approvals]\n{approvals}\n"),
        );
    };
    with("root = 2\nshop = 3");
    sandbox.run(&["build"]).exits(0);
    let text = sandbox.read(".gitlab/CODEOWNERS");
    assert!(
        text.contains("\n[vauban root][2] @example/platform\n"),
        "{text}"
    );
    let ran = sandbox.run(&["owners", "policies/shop/x.vau"]).exits(0);
    assert_eq!(
        ran.out,
        "policies/shop/x.vau: 3 approvals of @example/shop\n"
    );
    with("shpo = 2");
    sandbox
        .run(&["build"])
        .exits(1)
        .complains("there is no team `shpo`")
        .complains("did you mean `shop`?");
    for wrong in ["shop = 0", "shop = \"2\"", "shop = 2.5", "shop = 101"] {
        with(wrong);
        sandbox
            .run(&["check"])
            .exits(2)
            .complains("a number from 1 to 100");
    }
    let sandbox = project("github");
    let toml = sandbox.read("vauban.toml");
    sandbox.write("vauban.toml", toml + "[codeowners.approvals]\nshop = 2\n");
    sandbox
        .run(&["check"])
        .exits(2)
        .complains("GitHub has no number of approvals");
}

#[test]
fn check_finds_what_the_sources_cannot_have_written() {
    let sandbox = project("gitea");
    sandbox.run(&["check"]).exits(0).complains("no findings");
    sandbox.replace("policies/cluster.vau", "@example/shop", "shop@acme.example");
    for arguments in [&["check"][..], &["build"]] {
        sandbox
            .run(arguments)
            .exits(1)
            .complains("error[codeowners-owner]: `shop@acme.example` is no owner on Gitea")
            .complains(" policies/cluster.vau:");
    }
    assert!(!sandbox.path("deploy").exists());
}

#[test]
fn what_a_build_that_died_left_goes_away() {
    let sandbox = built("github");
    sandbox.write(".github/.CODEOWNERS.vauban-new", "half");
    sandbox.run(&["build"]).exits(0);
    assert_eq!(sandbox.files(".github"), [".github/CODEOWNERS"]);
    sandbox.write(".github/.CODEOWNERS.vauban-new", "half");
    sandbox.replace("policies/cluster.vau", "@example/shop", "@example/store");
    sandbox.run(&["build"]).exits(0);
    assert_eq!(sandbox.files(".github"), [".github/CODEOWNERS"]);
}

#[test]
fn a_project_without_codeowners_is_told_so() {
    Sandbox::project()
        .run(&["owners", "x"])
        .exits(2)
        .complains("has no `[codeowners]`");
    let sandbox = project("github");
    sandbox.run(&["owners"]).exits(2);
    sandbox
        .run(&["owners", "x", "--format", "sarif"])
        .exits(2)
        .complains("formats text and json");
}

#[test]
fn json_has_the_demands() {
    let sandbox = project("gitlab");
    let ran = sandbox
        .run(&["owners", "policies/shop/x.vau", "--format", "json"])
        .exits(0);
    let document = json(&ran.out);
    assert_eq!(document["schema"], 1);
    assert_eq!(document["file"], ".gitlab/CODEOWNERS");
    let demand = &document["paths"][0]["demands"][0];
    assert_eq!(demand["section"], "vauban shop");
    assert_eq!(demand["owners"][0], "@example/shop");
    assert_eq!(demand["approvals"], 1);
}

#[test]
fn nothing_changed_is_said() {
    let sandbox = built("github");
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    assert_eq!(ran.out, "nothing changed since HEAD\n");
}

#[test]
fn a_changed_rule_names_the_files_the_objects_and_both_ends() {
    let sandbox = built("github");
    sandbox.write(
        "policies/store/store.vau",
        "policy store in app {\n  for pods in store\n  egress { allow dns }\n}\n",
    );
    sandbox.replace(
        "policies/cluster.vau",
        "team shop",
        "team store { owners @example/store namespaces store tiers app }\nnamespace store { }\nteam shop",
    );
    sandbox.run(&["fmt"]).exits(0);
    sandbox.run(&["build"]).exits(0);
    commit(&sandbox);
    // The shop lets the store in. Nothing is built yet.
    sandbox.replace(
        "policies/shop/shop.vau",
        "ingress { allow back-http from front }",
        "ingress {\n    allow back-http from front\n    allow back-http from pods in store\n  }",
    );
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    let expected = "\
must agree, after .github/CODEOWNERS of HEAD:
  @example/shop
    policies/shop/shop.vau
objects that change:
";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    assert!(
        ran.out.contains("  changed deploy/prod/shop/shop-back.yaml: NetworkPolicy shop/app.shop-back: @example/shop\n"),
        "{}",
        ran.out
    );
    let concerned = "\
whose pods are concerned:
  shop (@example/shop)
    shop.back changes and selects them
  store (@example/store)
    other end of a rule of shop.back: allow back-http from pods in store
";
    assert!(ran.out.ends_with(concerned), "{}", ran.out);

    let ran = sandbox
        .run(&["owners", "--changed", "HEAD", "--format", "json"])
        .exits(0);
    let document = json(&ran.out);
    assert_eq!(document["rules"], "revision");
    assert_eq!(document["asked"][0]["files"][0], "policies/shop/shop.vau");
    assert!(
        document["objects"]
            .as_array()
            .is_some_and(|list| list.iter().any(|o| o["change"] == "changed"))
    );
    assert_eq!(document["concerned"][1]["team"], "store");
    assert_eq!(document["concerned"][1]["reasons"][0]["why"], "peer");
}

#[test]
fn comments_and_reasons_concern_no_pods() {
    let sandbox = built("github");
    sandbox.replace(
        "policies/shop/shop.vau",
        "group front",
        "// the shop's front\ngroup front",
    );
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    assert_eq!(
        ran.out,
        "must agree, after .github/CODEOWNERS of HEAD:\n  @example/shop\n    policies/shop/shop.vau\n"
    );
}

#[test]
fn other_labels_of_a_namespace_concern_its_team() {
    let sandbox = built("github");
    sandbox.replace("policies/cluster.vau", "team=shop", "team=shop, env=prod");
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    assert!(
        ran.out
            .contains("  @example/platform\n    policies/cluster.vau\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains(
            "  shop (@example/shop)\n    the namespace shop is new, gone, or has other labels\n"
        ),
        "{}",
        ran.out
    );
}

#[test]
fn the_rules_of_the_revision_count() {
    let sandbox = built("github");
    // Who takes the folder for himself is not the one who is asked.
    sandbox.replace("policies/cluster.vau", "@example/platform", "@mallory");
    sandbox.run(&["build"]).exits(0);
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    assert!(
        ran.out
            .contains("  @example/platform\n    .github/CODEOWNERS\n"),
        "{}",
        ran.out
    );

    let sandbox = project("github");
    git(&sandbox, &["commit", "-q", "--allow-empty", "-m", "before"]);
    let ran = sandbox.run(&["owners", "--changed", "HEAD"]).exits(0);
    assert!(
        ran.out.starts_with(
            "must agree, after .github/CODEOWNERS as it would be now; HEAD has none:\n"
        ),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("  added deploy/prod/"), "{}", ran.out);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let sandbox = built("github");
    for wrong in ["no-such-branch", "--all", "HEAD:vauban.toml"] {
        let changed = format!("--changed={wrong}");
        sandbox
            .run(&["owners", &changed])
            .exits(2)
            .complains(&format!("there is no revision `{wrong}`"));
    }
    let good = sandbox.read("policies/shop/shop.vau");
    sandbox.replace("policies/shop/shop.vau", "from front", "from fornt");
    sandbox
        .run(&["owners", "--changed", "HEAD"])
        .exits(2)
        .complains("fornt");
    commit(&sandbox);
    sandbox.write("policies/shop/shop.vau", good);
    sandbox
        .run(&["owners", "--changed", "HEAD"])
        .exits(2)
        .complains("the project of `HEAD` cannot be compared: policies/shop/shop.vau:");
}
