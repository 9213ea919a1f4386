//! Programs made to be hard: what grows exponentially if it is done without thought.

use std::fmt::Write;

/// A hard program.
pub(crate) struct Adversary {
    /// What is hard about it.
    pub(crate) name: &'static str,
    /// Its only file.
    pub(crate) text: String,
}

/// The hard programs of a size: about so many rules, policies or labels, as each says.
pub(crate) fn adversaries(size: usize) -> Vec<Adversary> {
    let of = |name, text| Adversary { name, text };
    vec![
        of("chain of nested CIDRs", nested(size)),
        of("chains of CIDRs in tiers", tiers(size)),
        of("chain of overlapping selectors", overlapping(size)),
        of("unordered overlapping selectors", unordered(size)),
        of("pairs of labels at both ends", pairs(size)),
        of("label fences", fences(size)),
        of("fences of two labels", crossed(size)),
    ]
}

fn head() -> String {
    String::from(
        "cluster c {\n  pods 10.0.0.0/8\n  services 172.20.0.0/14\n  nodes 192.168.0.0/16\n  ipv6 none\n  namespaces closed\n  overlay none\n  cni calico\n}\n\
         tier first\ntier app { otherwise deny }\nnamespace shop { team=shop }\nnamespace books { team=books }\n",
    )
}

fn action(at: usize) -> &'static str {
    ["allow", "deny"][at % 2]
}

/// One policy of `size` rules, allow and deny by turns, over towers of networks each of which lies in the next.
fn nested(size: usize) -> String {
    let mut out = head();
    out.push_str("policy chain in app {\n  for pods{app=a} in shop\n  egress {\n");
    for at in 0..size {
        let (tower, floor) = (at / 30, at % 30);
        let bits = 32 - floor as u32;
        let base = (0x2d00_0000_u32 + tower as u32 * 0x0101_0101) >> (32 - bits) << (32 - bits);
        let [a, b, c, d] = base.to_be_bytes();
        let _ = writeln!(out, "    {} tcp 443 to {a}.{b}.{c}.{d}/{bits}", action(at));
    }
    out.push_str("  }\n}\n");
    out
}

/// Policies of two tiers, whose chains cut each other's networks and ports.
fn tiers(size: usize) -> String {
    let mut out = head();
    for (tier, step) in [("first", 3), ("app", 5)] {
        let _ = writeln!(
            out,
            "policy p-{tier} in {tier} {{\n  for pods in shop\n  egress {{"
        );
        for at in 0..size / 2 {
            let bits = 30 - at * step % 14;
            let base =
                (0x2d00_0000_u32 + (at * step) as u32 * 0x0003_0107) >> (32 - bits) << (32 - bits);
            let [a, b, c, d] = base.to_be_bytes();
            let low = 1000 + at * step * 7 % 400;
            let _ = writeln!(
                out,
                "    {} tcp {low}-{} to {a}.{b}.{c}.{d}/{bits}",
                action(at / 2 + at),
                low + 300
            );
        }
        out.push_str("  }\n}\n");
    }
    out
}

/// Policies after each other, each for the pods that have a label of its own: any two select a pod in common.
fn overlapping(size: usize) -> String {
    let mut out = head();
    for at in 0..size {
        let after = match at {
            0 => String::new(),
            at => format!(" after p-{}", at - 1),
        };
        let _ = writeln!(
            out,
            "policy p-{at} in app{after} {{\n  for pods{{l{at}=x}} in shop\n  ingress {{ {} tcp {}-{} from pods{{m{at}=y}} in books }}\n}}",
            action(at),
            8000 + at,
            8100 + at
        );
    }
    out
}

/// The same without an order, so that only those may deny that nobody allows.
fn unordered(size: usize) -> String {
    let mut out = head();
    for at in 0..size {
        let _ = writeln!(
            out,
            "policy p-{at} in app {{\n  for pods{{l{at}=x, l{}!=z}} in shop\n  ingress {{ {} tcp {} from pods{{m{at} in (a, b)}} in * }}\n}}",
            (at + 1) % size,
            action(at),
            8000 + at % 2
        );
    }
    out
}

/// Whose subject has the one label may be called by whom has the other: a diagram that asks for one end first must remember all labels of it.
fn pairs(size: usize) -> String {
    let mut out = head();
    for at in 0..size {
        let _ = writeln!(
            out,
            "policy p-{at} in app {{\n  for pods{{s{at}=x}} in shop\n  ingress {{ allow tcp 80 from pods{{t{at}=x}} in books }}\n}}"
        );
    }
    out
}

/// Before an allow of everybody stands a denial of everybody who lacks one of many labels.
fn fences(size: usize) -> String {
    let mut out = head();
    out.push_str("policy fenced in app {\n  for pods in shop\n  ingress {\n");
    for at in 0..size {
        let _ = writeln!(out, "    deny all from pods{{l{at}!=x}} in *");
    }
    out.push_str("    allow tcp 80 from pods in *\n  }\n}\n");
    out
}

/// The same with two labels in each denial: what is left is a choice for each of them.
fn crossed(size: usize) -> String {
    let mut out = head();
    out.push_str("policy fenced in app {\n  for pods in shop\n  ingress {\n");
    for at in 0..size {
        let _ = writeln!(out, "    deny all from pods{{l{at}=x, m{at}=y}} in *");
    }
    out.push_str("    allow tcp 80 from pods in *\n  }\n}\n");
    out
}
