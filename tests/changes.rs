//! Whom a change concerns: two versions of a program, and the teams whose pods it touches.

mod cases;

use std::sync::Arc;

use cases::{Aim, Case, shown};
use vauban::gitops::changes::{Reason, concerned};
use vauban::model::Program;

const GROUND: &str = "
cluster prod { pods 10.244.0.0/16 services 10.96.0.0/12 nodes 192.168.10.0/24 ipv6 none namespaces closed }
tier first
tier app { otherwise deny }
team platform { owners @acme/platform grants all }
team books { owners @acme/books namespaces {team=books} tiers app }
team shop { owners @acme/shop namespaces shop tiers app }
namespace blue { team=books, env=prod }
namespace green { team=books, env=dev }
namespace shop { team=shop, env=prod }
namespace kube-system { }
";

fn program(rest: &str) -> Arc<Program> {
    let compilation = Case::read(&format!("{GROUND}{rest}")).compile(Aim {
        target: Some("calico-3.30"),
        ..Aim::default()
    });
    assert!(
        !compilation.has_errors(),
        "{}",
        shown(&compilation.sources, &compilation.diagnostics)
    );
    compilation.targets[0].program.clone().expect("a program")
}

/// Team and reason, a line each.
fn changed(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (program(before), program(after));
    said(Some(&before), Some(&after))
}

fn said(before: Option<&Program>, after: Option<&Program>) -> Vec<String> {
    concerned(before, after)
        .into_iter()
        .flat_map(|(team, reasons)| {
            reasons.into_iter().map(move |reason| match reason {
                Reason::Selected(policy) => format!("{team}: {policy}"),
                Reason::Peer { policy, rule, now } => {
                    let sign = if now { '+' } else { '-' };
                    format!("{team}: {sign} {policy}: {rule}")
                }
                Reason::Namespace(name) => format!("{team}: namespace {name}"),
                Reason::Team => format!("{team}: itself"),
            })
        })
        .collect()
}

const WEB: &str = "
policy web in app {
  for pods{app=web} in blue
  ingress {
    allow tcp 80 from pods in shop
    allow tcp 81 from pods in shop
  }
  egress { }
}
";

#[test]
fn the_same_program_concerns_nobody() {
    assert_eq!(changed(WEB, WEB), [""; 0]);
}

#[test]
fn other_words_for_the_same_concern_nobody() {
    let after = WEB
        .replace(
            "policy web",
            "// said otherwise\ngroup buyers = pods in shop\n/// Documented.\npolicy web",
        )
        .replace(
            "80 from pods in shop",
            "80 from buyers because \"they buy\" ticket S-1",
        );
    assert_eq!(changed(WEB, &after), [""; 0]);
}

#[test]
fn a_new_rule_concerns_both_of_its_ends() {
    let after = WEB.replace(
        "egress { }",
        "egress { allow tcp 53 to pods in kube-system }",
    );
    assert_eq!(
        changed(WEB, &after),
        [
            "books: web",
            "root: + web: allow tcp 53 to pods in kube-system"
        ]
    );
}

#[test]
fn the_ends_of_a_rule_that_is_gone_are_concerned() {
    let after = WEB.replace("    allow tcp 81 from pods in shop\n", "");
    assert_eq!(
        changed(WEB, &after),
        ["books: web", "shop: - web: allow tcp 81 from pods in shop"]
    );
}

#[test]
fn the_order_of_rules_is_a_change() {
    let rules = "
policy web in app {
  for pods{app=web} in blue
  ingress {
    deny tcp 80 from pods{bad} in shop
    allow tcp 80 from pods in shop
    allow tcp 90 from pods in green
  }
}
";
    let after = "
policy web in app {
  for pods{app=web} in blue
  ingress {
    allow tcp 80 from pods in shop
    deny tcp 80 from pods{bad} in shop
    allow tcp 90 from pods in green
  }
}
";
    let said = changed(rules, after);
    assert!(said.iter().all(|line| !line.contains("tcp 90")), "{said:?}");
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(said[0], "books: web");
}

#[test]
fn another_subject_concerns_the_pods_of_both() {
    let after = WEB.replace("in blue", "in shop");
    let said = changed(WEB, &after);
    assert!(said.contains(&"books: web".to_owned()), "{said:?}");
    assert!(said.contains(&"shop: web".to_owned()), "{said:?}");
}

#[test]
fn another_end_of_the_tier_is_a_change_of_its_policies() {
    let (before, after) = (program(WEB), {
        let text = format!("{GROUND}{WEB}")
            .replace("app { otherwise deny }", "app { otherwise deny and log }");
        let compilation = Case::read(&text).compile(Aim {
            target: Some("calico-3.30"),
            ..Aim::default()
        });
        compilation.targets[0].program.clone().expect("a program")
    });
    let said = said(Some(&before), Some(&after));
    assert_eq!(said[0], "books: web");
    assert!(
        said.iter().any(|line| line.starts_with("shop: + web")),
        "{said:?}"
    );
}

#[test]
fn the_default_is_a_policy_like_others() {
    let default = "default {\n  for pods in (blue, shop)\n  ingress { }\n}\n";
    assert_eq!(changed("", default), ["books: default", "shop: default"]);
}

#[test]
fn same_is_the_namespace_of_the_subject() {
    let rule = |peer: &str| {
        format!(
            "policy p in first {{\n  for pods in (blue, shop)\n  ingress {{ deny tcp 80 from {peer} }}\n}}\n"
        )
    };
    let before = "policy p in first {\n  for pods in (blue, shop)\n  ingress { deny tcp 81 from anywhere }\n}\n";
    let peers = |peer: &str| -> Vec<String> {
        let said = changed(before, &rule(peer));
        said.into_iter()
            .filter(|line| line.contains(": + "))
            .map(|line| line.split(':').next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(peers("pods in same"), ["books", "shop"]);
    assert_eq!(peers("pods in namespaces{team=same}"), ["books", "shop"]);
    assert_eq!(peers("pods in namespaces{env=dev}"), ["books"]);
    assert_eq!(peers("pods in *"), ["books", "root", "shop"]);
    assert_eq!(peers("203.0.113.0/24"), [""; 0]);
}

#[test]
fn labels_of_namespaces_concern_their_teams_before_and_after() {
    let before = program(WEB);
    let text = format!("{GROUND}{WEB}").replace(
        "green { team=books, env=dev }",
        "green { team=shop, env=dev }",
    );
    let text = text.replace("namespaces shop tiers", "namespaces {team=shop} tiers");
    let compilation = Case::read(&text).compile(Aim {
        target: Some("calico-3.30"),
        ..Aim::default()
    });
    let after = compilation.targets[0].program.clone().expect("a program");
    assert_eq!(
        said(Some(&before), Some(&after)),
        [
            "books: namespace green",
            "books: itself",
            "shop: namespace green",
            "shop: itself"
        ]
    );
}

#[test]
fn a_target_that_is_new_concerns_all_that_it_selects() {
    let program = program(WEB);
    let said = said(None, Some(&program));
    assert!(said.contains(&"books: web".to_owned()), "{said:?}");
    assert!(
        said.contains(&"root: namespace kube-system".to_owned()),
        "{said:?}"
    );
}

#[test]
fn a_team_that_changes_is_concerned_itself() {
    let before = program(WEB);
    let with = |old: &str, new: &str| {
        let text = format!("{GROUND}{WEB}").replace(old, new);
        let compilation = Case::read(&text).compile(Aim {
            target: Some("calico-3.30"),
            ..Aim::default()
        });
        compilation.targets[0].program.clone().expect("a program")
    };
    for (old, new) in [
        ("owners @acme/shop", "owners @acme/store"),
        (
            "@acme/shop namespaces shop",
            "@acme/shop namespaces shop, green",
        ),
        ("@acme/shop namespaces", "@acme/shop grants all namespaces"),
        (
            "@acme/shop namespaces",
            "@acme/shop folder teams/shop namespaces",
        ),
    ] {
        assert_eq!(
            said(Some(&before), Some(&with(old, new))),
            ["shop: itself"],
            "{new}"
        );
    }
    // Where it stands does not matter.
    assert_eq!(
        said(Some(&before), Some(&with("team shop", "\n\nteam shop"))),
        [""; 0]
    );
}
