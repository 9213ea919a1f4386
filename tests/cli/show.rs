//! `vauban show`

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::html::faults;
use crate::sandbox::Sandbox;

/// A small project that has one of everything.
fn small() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "vauban.toml",
        "edition = \"2026\"\nproject = \"small\"\nsources = \"policies\"\n\n\
        [[target]]\nname = \"prod\"\nbackend = \"calico\"\nversion = \"3.30\"\ncluster = \"prod\"\nout = \"deploy/prod\"\n\n\
        [[target]]\nname = \"other\"\nbackend = \"cilium\"\nversion = \"1.20\"\ncluster = \"prod\"\nout = \"deploy/other\"\nwithout = [\"security\"]\nlog = \"ignore\"\n",
    );
    sandbox.write(
        "policies/cluster.vau",
        "use std.system\n\
        cluster prod {\n  pods 10.244.0.0/16\n  services 10.96.0.0/12\n  nodes 192.168.10.0/24\n  ipv6 none\n  namespaces closed\n  overlay none\n  service dns = std.dns.coredns\n}\n\
        /// What is denied here stays denied.\ntier security\ntier app { otherwise deny and log }\n\
        team security { owners @acme/security grants all }\n\
        team shop { owners @acme/shop namespaces shop tiers app }\n\
        namespace kube-system { }\nnamespace shop { env=prod }\n\
        /// What nobody spoke about.\ndefault { for pods in shop ingress { } }\n\
        guard \"nothing from outside\" { cannot outside -> pods in shop on tcp 22 }\n",
    );
    sandbox.write(
        "policies/security/ground.vau",
        "/// Cut off.\npolicy quarantine in security { for pods{quarantine=true} in * ingress { deny and log all } egress { deny and log all } }\n\
        policy legacy in security after quarantine { for pods in * egress {\n\
          pass tcp 21 to 198.51.100.7 until 2026-12-01 ticket CHG-1 because \"until it moves\"\n\
          deny tcp 21 to outside because \"passwords in the clear\" } }\n\
        staged policy watch in security after quarantine, legacy { for pods{pci=true} in * ingress { deny all from pods in kube-system } }\n",
    );
    sandbox.write(
        "policies/shop/shop.vau",
        "group front = pods{app=front} in shop\ngroup back = pods{app=back} in shop\nservice back-http = tcp 8080 on back\n\
        policy front in app { for front egress { allow dns allow back-http } }\n\
        policy back in app { for back ingress { allow back-http from front } egress { } }\n\
        test \"the shop\" { can front -> back-http }\n",
    );
    sandbox
}

/// The page, without what is the same on every page.
fn body(page: &str) -> String {
    let (start, rest) = page.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    let (middle, rest) = rest.split_once("<script>").expect("a script");
    let (_, end) = rest.split_once("</script>").expect("its end");
    let (before, rest) = start.split_once("sha256-").expect("its hash");
    let (_, after) = rest.split_once("&#x27;").expect("the hash's end");
    format!("{before}sha256-…{after}<style>…</style>{middle}<script>…</script>{end}")
}

#[test]
fn a_small_project_is_one_page() {
    let sandbox = small();
    let page = sandbox.run(&["show", "--no-reach"]).exits(0).out;
    assert_eq!(faults(&page), [""; 0]);
    insta::assert_snapshot!(body(&page));
    let page = sandbox.run(&["show"]).exits(0).out;
    let again = sandbox.run(&["show", "-o", "-"]).exits(0).out;
    assert!(page == again, "the same input gives other bytes");
}

#[test]
fn who_reaches_whom_is_drawn_and_said() {
    let sandbox = small();
    let page = sandbox.run(&["show", "--no-proof"]).exits(0).out;
    assert_eq!(faults(&page), [""; 0]);
    let (_, section) = page.split_once("<section id=\"reach\"").expect("a section");
    let (section, _) = section.split_once("</section>").expect("its end");
    assert!(section.contains("<svg ") && section.contains("<pre tabindex=\"0\">"));
    assert!(section.matches("tcp 8080").count() >= 2, "in both");
    let without = sandbox.run(&["show", "--no-proof", "--no-reach"]);
    assert!(!without.exits(0).out.contains("<svg "));
}

#[test]
fn every_example_is_a_good_page() {
    let sandbox = Sandbox::empty();
    for (project, targets) in [
        ("bookstore", &["calico", "kubernetes", "cilium"][..]),
        (
            "platform",
            &["prod", "stage", "prod-kubernetes", "prod-cilium"],
        ),
        ("recipes", &["calico"]),
    ] {
        let folder = format!("{}/examples/{project}", env!("CARGO_MANIFEST_DIR"));
        for target in targets {
            let ran = sandbox.run(&["show", &folder, "--target", target, "--no-proof"]);
            assert_eq!(faults(&ran.exits(0).out), [""; 0], "{project} {target}");
        }
    }
}

#[test]
fn words_of_others_are_never_markup() {
    let sandbox = small();
    let evil = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>";
    sandbox.write(
        "policies/shop/evil.vau",
        format!(
            "/// {evil} & 'quoted' \"twice\"\npolicy evil in app {{ for pods{{app=evil}} in shop\n\
            egress {{\n/// {evil}\nallow dns because \"{evil}\" until 2027-01-01 }} }}\n\
            test \"{evil}\" {{ can pods{{app=evil}} in shop -> dns }}\n"
        ),
    );
    sandbox.replace("vauban.toml", "project = \"small\"", "project = \"a.b_c\"");
    let page = sandbox.run(&["show"]).exits(0).out;
    assert_eq!(faults(&page), [""; 0]);
    assert!(!page.contains("alert(1)</script>") && !page.contains("<img"));
    let escaped = "&lt;img src=x onerror=alert(2)&gt;";
    assert!(page.matches(escaped).count() >= 5, "it is shown");
}

#[test]
fn the_browser_runs_our_script_and_loads_nothing() {
    let page = small().run(&["show", "--no-proof"]).exits(0).out;
    let between = |start: &str, end: &str| {
        let (_, rest) = page.split_once(start).expect("a start");
        rest.split_once(end).expect("an end").0
    };
    let script = between("<script>", "</script>");
    let hash = between("script-src &#x27;sha256-", "&#x27;").replace("&#x2f;", "/");
    assert_eq!(decoded(&hash), Sha256::digest(script.as_bytes()).to_vec());
    assert!(page.contains("default-src &#x27;none&#x27;"));
}

/// Base64.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(c));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[test]
fn no_file_of_somebody_else_is_written_over() {
    let sandbox = small();
    sandbox.write("mine.html", "<p>mine</p>");
    for file in ["mine.html", "policies", "vauban.toml"] {
        let ran = sandbox.run(&["show", "--no-proof", "-o", file]);
        ran.exits(2).complains(file);
    }
    assert_eq!(sandbox.read("mine.html"), "<p>mine</p>");
    let ran = sandbox.run(&["show", "--no-proof", "--out", "page.html"]);
    ran.exits(0)
        .complains("page.html: small for prod, 5 policies");
    let first = sandbox.read("page.html");
    let ran = sandbox.run(&["show", "-o", "page.html"]);
    assert!(ran.exits(0).out.is_empty());
    assert!(first != sandbox.read("page.html"), "ours is replaced");
    let ran = sandbox.run(&["show", "-o", "nowhere/page.html"]);
    ran.exits(2).complains("nowhere/page.html");
}

#[test]
fn a_project_with_errors_has_no_page() {
    let sandbox = small();
    sandbox.replace(
        "policies/cluster.vau",
        "on tcp 22",
        "on tcp 22\n cannot pods in shop -> pods in shop on tcp 8080",
    );
    let ran = sandbox.run(&["show", "-o", "page.html"]).exits(1);
    let ran = ran.complains("guard-fails");
    ran.complains("nothing was shown");
    assert!(!sandbox.path("page.html").exists());
}

#[test]
fn one_team_alone_says_what_it_leaves_out() {
    let sandbox = small();
    let page = sandbox
        .run(&["show", "--no-proof", "--team", "shop"])
        .exits(0)
        .out;
    assert_eq!(faults(&page), [""; 0]);
    assert!(
        page.contains("Only the policies of shop are shown. 3 policies of other teams are not")
    );
    assert!(page.contains("id=\"policy-shop.back\"") && !page.contains("security.quarantine"));
    let ran = sandbox.run(&["show", "--no-proof", "--team", "shpo"]);
    ran.exits(2).complains("did you mean `shop`?");
}

#[test]
fn what_is_not_proved_is_not_called_proved() {
    let sandbox = small();
    let proved = sandbox.run(&["show"]).exits(0).out;
    assert!(proved.contains("were read back and decide as this page says"));
    assert!(proved.contains("<span class=\"result holds\">holds</span>"));
    let quick = sandbox.run(&["show", "--no-proof"]).exits(0).out;
    assert!(quick.contains("were not proved for this page"));
    assert!(!quick.contains("result holds") && quick.contains("not asked"));
}

#[test]
fn a_rule_is_shown_as_it_stands_on_the_day() {
    let sandbox = small();
    let page = sandbox.run(&["show", "--no-proof"]).exits(0).out;
    assert!(page.contains("2026-12-01</time>, in 7 days"));
    sandbox.replace("policies/security/ground.vau", "2026-12-01", "2026-11-23");
    let page = sandbox.run(&["show", "--no-proof"]).exits(0).out;
    assert!(!page.contains("198.51.100.7") && page.contains("passwords in the clear"));
    assert!(
        page.contains("</span> rule-expired</th>"),
        "it is among the findings"
    );
}

#[test]
fn manifests_have_a_page_too() {
    let sandbox = small();
    sandbox.run(&["build"]).exits(0);
    let page = sandbox
        .run(&["show", "--manifests", "deploy/prod"])
        .exits(0)
        .out;
    assert_eq!(faults(&page), [""; 0]);
    assert!(
        page.contains("NetworkPolicy shop&#x2f;"),
        "objects are policies"
    );
}

#[test]
fn a_large_project_stays_a_page() {
    let sandbox = small();
    let policies: String = (0..2_400)
        .map(|n| {
            format!(
                "policy p{n} in app {{ for pods{{app=a{n}}} in shop ingress {{ allow tcp {} from pods{{app=b{n}}} in shop }} }}\n",
                1 + n
            )
        })
        .collect();
    sandbox.write("policies/shop/many.vau", policies);
    let feed: Vec<String> = (0..5_000)
        .map(|n| format!("203.0.{}.{}", n / 250, 1 + n % 250))
        .collect();
    sandbox.write(
        "policies/security/feed.vau",
        format!(
            "network feed = {}\npolicy feed in security after legacy, watch {{ for pods in * egress {{ deny all to feed }} }}\n",
            feed.join(", ")
        ),
    );
    let page = sandbox.run(&["show", "--no-proof"]).exits(0).out;
    assert_eq!(faults(&page), [""; 0]);
    assert!(page.contains("The rules of 2000 policies are written out"));
    assert!(page.contains("of the other 406 the board has no more than names"));
    assert!(page.contains("<details class=\"fold\"><summary>shop: 2402 policies</summary>"));
    assert!(page.contains("characters more"), "the feed is cut");
    assert!(page.contains("2406 policies and workloads are too many to be drawn"));
    assert!(page.len() < 6 << 20, "{} bytes", page.len());
}

/// The colors of the style, light and dark.
fn colors() -> BTreeMap<&'static str, [f64; 2]> {
    let style = include_str!("../../src/report/page/style.css");
    let luminance = |hex: &str| {
        let value = u32::from_str_radix(hex.trim().trim_start_matches('#'), 16).expect("a color");
        let part = |shift: u32| {
            let part = f64::from(value >> shift & 255) / 255.0;
            match part <= 0.04045 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    };
    style
        .lines()
        .filter_map(|line| {
            let (name, value) = line
                .trim()
                .strip_prefix("--")?
                .split_once(": light-dark(")?;
            let (light, dark) = value.trim_end_matches(");").split_once(',')?;
            Some((name, [luminance(light), luminance(dark)]))
        })
        .collect()
}

#[test]
fn colors_can_be_told_apart() {
    let colors = colors();
    let texts = ["ink", "muted", "accent", "allow", "deny", "pass", "log"];
    let grounds = ["ground", "panel", "raised"];
    let mut pairs: Vec<(&str, &str, f64)> = texts
        .iter()
        .flat_map(|text| grounds.map(|ground| (*text, ground, 4.5)))
        .collect();
    for badge in ["allow", "deny", "pass", "log", "stage"] {
        let (ground, _) = colors
            .iter()
            .find_map(|(name, value)| {
                (name.strip_suffix("-ground") == Some(badge)).then_some((*name, value))
            })
            .expect("each badge has a ground");
        pairs.push((badge, ground, 4.5));
    }
    pairs.push(("panel", "ink", 4.5));
    pairs.push(("ink", "found", 4.5));
    // What is no text, and is told by words as well.
    for hue in ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"] {
        pairs.push((hue, "panel", 3.0));
    }
    for (front, back, least) in pairs {
        for (a, b) in colors[front].into_iter().zip(colors[back]) {
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= least, "{front} on {back}: {contrast:.2}");
        }
    }
}
