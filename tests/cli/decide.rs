//! `decide`: flows in, verdicts out.

use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox};

const POLICIES: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web, namespace: shop }
spec:
  podSelector: { matchLabels: { app: web } }
  ingress:
  - from: [{ podSelector: { matchLabels: { app: front } } }]
    ports: [{ port: 8080 }]
  - from: [{ ipBlock: { cidr: 10.244.3.0/24 } }]
    ports: [{ port: 9090 }]
---
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { env: prod } }
";

fn manifests() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("cluster/policies.yaml", POLICIES);
    sandbox
}

fn flow(from: &str, to: &str, rest: &str) -> String {
    format!("{{\"id\":\"x\",\"from\":{from},\"to\":{to},{rest}}}\n")
}

fn pod(labels: &str) -> String {
    format!("{{\"pod\":{{\"namespace\":\"shop\",\"labels\":{{{labels}}}}}}}")
}

/// The verdicts of a run.
fn verdicts(ran: &Ran) -> Vec<Value> {
    let lines = ran.out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn one(ran: &Ran) -> Value {
    let mut all = verdicts(ran);
    assert_eq!(all.len(), 1, "{}", ran.out);
    all.remove(0)
}

fn asked(sandbox: &Sandbox, options: &[&str], flow: &str) -> Ran {
    let mut arguments = vec!["decide", "--manifests", "cluster", "-"];
    arguments.extend(options);
    sandbox.run_with(&arguments, flow.as_bytes())
}

#[test]
fn a_project_is_asked_and_rules_are_named_by_place() {
    let sandbox = Sandbox::project();
    sandbox.write("policies/vm.vau", "policy vm in platform {\n  for pods in *\n  egress {\n    log all to 198.51.100.9\n    deny all to 198.51.100.9\n  }\n}\n");
    let flow = flow(
        &pod(""),
        "{\"address\":\"198.51.100.9\"}",
        "\"protocol\":\"TCP\",\"port\":443",
    );
    sandbox.write("flows.jsonl", &flow);
    let ran = sandbox.run(&["decide", "flows.jsonl"]).exits(0);
    assert_eq!(
        ran.out,
        "{\"id\":\"x\",\"verdict\":\"deny\",\"egress\":{\"verdict\":\"deny\",\"by\":{\"tier\":\"platform\",\"policy\":\"vm\",\"rule\":\"policies/vm.vau:5\"},\"logged\":[{\"tier\":\"platform\",\"policy\":\"vm\",\"rule\":\"policies/vm.vau:4\"}]},\"ingress\":{\"verdict\":\"none\"}}\n"
    );
    ran.complains("asked on: calico");
}

#[test]
fn manifests_are_asked_and_rules_are_named_by_object() {
    let sandbox = manifests();
    let to = pod("\"app\":\"web\"");
    let port = "\"protocol\":\"TCP\",\"port\":8080";
    let verdict = one(&asked(&sandbox, &[], &flow(&pod("\"app\":\"front\""), &to, port)).exits(0));
    assert_eq!(verdict["verdict"], "allow");
    assert_eq!(verdict["egress"]["by"]["open"], true);
    assert_eq!(
        verdict["ingress"]["by"],
        serde_json::json!({
            "object": "NetworkPolicy shop/web",
            "file": "cluster/policies.yaml",
            "line": 7,
            "rule": "ingress rule 1",
        })
    );
    let verdict = one(&asked(&sandbox, &[], &flow(&pod(""), &to, port)).exits(0));
    assert_eq!(verdict["verdict"], "deny");
    assert_eq!(
        verdict["ingress"]["by"],
        serde_json::json!({ "tier": "NetworkPolicy", "otherwise": true })
    );
}

#[test]
fn what_is_not_settled_is_undecided_and_says_why() {
    let sandbox = manifests();
    let to = pod("\"app\":\"web\"");
    let flow = flow(&pod(""), &to, "\"protocol\":\"TCP\",\"port\":9090");
    let verdict = one(&asked(&sandbox, &[], &flow).exits(0));
    assert_eq!(verdict["verdict"], "undecided");
    let why = verdict["why"].as_str().expect("a reason");
    assert!(why.contains("cluster/policies.yaml:"), "{why}");
    assert_eq!(verdict["ingress"]["why"], why);
}

#[test]
fn flows_that_the_target_does_not_see_are_undecided() {
    let sandbox = manifests();
    let flow = flow(
        &pod(""),
        &pod(""),
        "\"protocol\":\"ICMP\",\"icmpType\":8,\"icmpCode\":0",
    );
    let verdict = one(&asked(&sandbox, &["--cni", "kubernetes@1.33"], &flow).exits(0));
    assert_eq!(
        verdict["why"],
        "kubernetes 1.33 does not enforce icmp type 8 code 0"
    );
}

#[test]
fn a_denial_at_one_end_settles_what_is_open_at_the_other() {
    let sandbox = manifests();
    sandbox.write(
        "cluster/egress.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: none, namespace: shop }\nspec:\n  podSelector: { matchLabels: { app: shut } }\n  policyTypes: [Egress]\n",
    );
    let flow = flow(
        &pod("\"app\":\"shut\""),
        &pod("\"app\":\"web\""),
        "\"protocol\":\"TCP\",\"port\":9090",
    );
    let verdict = one(&asked(&sandbox, &[], &flow).exits(0));
    assert_eq!(verdict["verdict"], "deny");
    assert_eq!(verdict["ingress"]["verdict"], "undecided");
}

#[test]
fn where_addresses_mean_pods_the_address_of_a_pod_decides() {
    let sandbox = manifests();
    let to = pod("\"app\":\"web\"");
    let from =
        |address: &str| format!("{{\"pod\":{{\"namespace\":\"shop\",\"address\":\"{address}\"}}}}");
    let port = "\"protocol\":\"TCP\",\"port\":9090";
    for (address, wanted) in [("10.244.3.9", "allow"), ("10.244.4.9", "deny")] {
        let ran = asked(
            &sandbox,
            &["--cidr", "any"],
            &flow(&from(address), &to, port),
        );
        assert_eq!(one(&ran.exits(0))["verdict"], wanted);
    }
    let ran = asked(&sandbox, &["--cidr", "any"], &flow(&pod(""), &to, port));
    assert_eq!(one(&ran.exits(0))["verdict"], "undecided");
    let ran = asked(
        &sandbox,
        &["--cidr", "outside"],
        &flow(&from("10.244.3.9"), &to, port),
    );
    assert_eq!(one(&ran.exits(0))["verdict"], "deny");
}

#[test]
fn a_line_that_cannot_be_read_stops_nothing() {
    let sandbox = manifests();
    let good = flow(&pod(""), &pod(""), "\"protocol\":17,\"port\":53");
    let lines = [
        good.trim_end(),
        "",
        "{\"id\":\"2\",\"from\":{\"address\":\"1.2.3.4\"},\"to\":{\"pod\":{\"namespace\":\"shop\",\"lables\":{}}},\"protocol\":\"TCP\",\"port\":1}",
        "no JSON",
        "{\"id\":\"5\",\"from\":{},\"to\":{\"address\":\"::1\"},\"protocol\":\"TCP\",\"port\":1}",
        good.trim_end(),
    ];
    // The last line does not end.
    let ran = asked(&sandbox, &[], &lines.join("\n")).exits(2);
    let all = verdicts(&ran);
    assert_eq!(all.len(), 5);
    assert_eq!(all[0]["verdict"], "allow");
    assert_eq!(all[1]["id"], "2");
    let why = all[1]["error"].as_str().expect("an error");
    assert!(
        why.starts_with("line 3, column 79: unknown field `lables`, expected one of"),
        "{why}"
    );
    assert_eq!(all[2]["id"], Value::Null);
    let why = all[2]["error"].as_str().expect("an error");
    assert!(why.starts_with("line 4, column "), "{why}");
    assert_eq!(
        all[3]["error"],
        "line 5, column 18: an end is exactly one of `pod`, `node`, `address`"
    );
    assert_eq!(all[4]["verdict"], "allow");
    ran.complains("error: 3 lines of standard input could not be used");
}

#[test]
fn what_cannot_be_is_an_error() {
    let sandbox = manifests();
    let tcp = "\"protocol\":\"TCP\",\"port\":1";
    let address = "{\"address\":\"192.0.2.1\"}";
    let of = |pod: &str| format!("{{\"pod\":{{{pod}}}}}");
    for (from, rest, wanted) in [
        (
            of("\"namespace\":\"shop\",\"namespaceLabels\":{\"env\":\"dev\"}"),
            tcp,
            "namespace `shop` is declared with env=prod, not env=dev",
        ),
        (
            of(
                "\"namespace\":\"shop\",\"namespaceLabels\":{\"kubernetes.io/metadata.name\":\"a\"}",
            ),
            tcp,
            "namespace `shop` has the label kubernetes.io/metadata.name=a",
        ),
        (of("\"labels\":{}"), tcp, "missing field `namespace`"),
        (
            of("\"namespace\":\"shop\",\"labels\":{\"a\":\"1\",\"a\":\"2\"}"),
            tcp,
            "`a` is there twice",
        ),
        (
            of("\"namespace\":\"shop\",\"namedPorts\":{\"x\":{\"protocol\":\"ICMP\",\"port\":1}}"),
            tcp,
            "the port `x` is one of TCP, UDP or SCTP",
        ),
        (pod(""), "\"protocol\":\"TCP\"", "missing field `port`"),
        (
            pod(""),
            "\"protocol\":\"TCP\",\"port\":0",
            "`port` is 1 to 65535",
        ),
        (
            pod(""),
            "\"protocol\":\"TCP\",\"port\":1,\"icmpType\":8",
            "`icmpType` and `icmpCode` are of ICMP and ICMPv6",
        ),
        (
            pod(""),
            "\"protocol\":\"ICMP\",\"icmpType\":8",
            "missing field `icmpCode`",
        ),
        (
            pod(""),
            "\"protocol\":47,\"port\":1",
            "`port` is of TCP, UDP and SCTP",
        ),
        (
            pod(""),
            "\"protocol\":\"TCP\",\"port\":65536",
            "invalid value: integer `65536`, expected u16",
        ),
        (
            pod(""),
            "\"protocol\":\"tcp\",\"port\":1",
            "invalid value: string \"tcp\", expected TCP, UDP, SCTP, ICMP, ICMPv6 or a number 0-255",
        ),
        (
            "{\"node\":{\"address\":\"1.2.3\"}}".to_owned(),
            tcp,
            "invalid IP address syntax",
        ),
        (
            "{\"node\":{\"address\":\"1.2.3.4\"},\"names\":[]}".to_owned(),
            tcp,
            "`names` are of an `address`",
        ),
    ] {
        let ran = asked(&sandbox, &[], &flow(&from, address, rest)).exits(2);
        let verdict = one(&ran);
        let why = verdict["error"].as_str().expect("an error");
        assert!(why.contains(wanted), "{why}");
        assert_eq!(verdict["id"], "x", "{why}");
    }
}

#[test]
fn the_order_is_that_of_the_lines_however_many() {
    let sandbox = manifests();
    let to = pod("\"app\":\"web\"");
    let lines: String = (0..20_000)
        .map(|id| {
            let app = if id % 3 == 0 { "front" } else { "other" };
            let from = pod(&format!("\"app\":\"{app}\""));
            flow(&from, &to, "\"protocol\":\"TCP\",\"port\":8080")
                .replace("\"x\"", &format!("\"{id}\""))
        })
        .collect();
    sandbox.write("flows.jsonl", &lines);
    let ran = sandbox
        .run(&["decide", "--manifests", "cluster", "flows.jsonl"])
        .exits(0);
    let all = verdicts(&ran);
    assert_eq!(all.len(), 20_000);
    for (id, verdict) in all.iter().enumerate() {
        assert_eq!(verdict["id"], id.to_string());
        assert_eq!(
            verdict["verdict"],
            if id % 3 == 0 { "allow" } else { "deny" }
        );
    }
}

#[test]
fn a_line_without_end_is_given_up() {
    let sandbox = manifests();
    let good = flow(&pod(""), &pod(""), "\"protocol\":\"TCP\",\"port\":1");
    let mut text = good.clone();
    text.push_str(&"x".repeat(18 << 20));
    text.push('\n');
    text.push_str(&good);
    sandbox.write("flows.jsonl", &text);
    let ran = sandbox
        .run(&["decide", "--manifests", "cluster", "flows.jsonl"])
        .exits(2);
    let all = verdicts(&ran);
    assert_eq!(all.len(), 3);
    assert_eq!(all[1]["error"], "line 2: longer than 16777216 bytes");
    assert_eq!(all[2]["verdict"], "allow");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = manifests();
    let line = flow(&pod(""), &pod(""), "\"protocol\":\"TCP\",\"port\":1");
    sandbox.write("flows.jsonl", line.repeat(50_000));
    let mut child = Command::new(env!("CARGO_BIN_EXE_vauban"))
        .args(["decide", "--manifests", "cluster", "flows.jsonl"])
        .current_dir(sandbox.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut out = child.stdout.take().expect("it was asked for");
    let mut some = [0; 100];
    out.read_exact(&mut some).expect("it prints");
    drop(out);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn input_that_is_not_there_is_said() {
    let sandbox = manifests();
    sandbox
        .run(&["decide", "--manifests", "cluster", "none.jsonl"])
        .exits(2)
        .complains("none.jsonl");
}
