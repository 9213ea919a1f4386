//! The program as text: for `vauban dump --stage model` and for snapshots. Readable, stable, without places.

use std::fmt::Write;

use super::{Action, Block, Cluster, Otherwise, Program, Test, Verb};
use crate::space::{AddressSet, Pods};

/// All of a program, one fact a line.
pub fn dump(program: &Program) -> String {
    let mut out = Printer::default();
    out.line(format!("project {}", program.project));
    cluster(&mut out, &program.cluster);
    for namespace in &program.namespaces {
        let labels: Vec<String> = namespace
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        out.line(format!(
            "namespace {} {{{}}}",
            namespace.name,
            labels.join(", ")
        ));
    }
    if !program.undeclared.is_empty() {
        out.line(format!("undeclared {}", program.undeclared.join(", ")));
    }
    for team in &program.teams {
        out.line(format!(
            "team {} in {} owned by {}{}",
            team.name,
            or(&team.folder, "."),
            or(&team.owners.join(" "), "nobody"),
            if team.all { ", grants all" } else { "" }
        ));
    }
    for tier in &program.tiers {
        let end = match tier.otherwise {
            Otherwise::Pass => "pass",
            Otherwise::Deny => "deny",
            Otherwise::DenyAndLog => "deny and log",
        };
        out.line(format!("tier {} otherwise {end}", tier.name));
    }
    for policy in &program.policies {
        out.line(format!(
            "{}policy {}-{} in {} ({})",
            if policy.staged { "staged " } else { "" },
            policy.owner,
            policy.name,
            program.tiers[policy.tier.0 as usize].name,
            policy.file
        ));
        out.depth += 1;
        for line in &policy.doc {
            out.line(format!("/// {line}"));
        }
        if !policy.after.is_empty() {
            let after: Vec<String> = policy
                .after
                .iter()
                .map(|id| {
                    let other = program.policy(*id);
                    format!("{}-{}", other.owner, other.name)
                })
                .collect();
            out.line(format!(
                "after {} (depth {})",
                after.join(", "),
                policy.depth
            ));
        }
        body(&mut out, &policy.subject, &policy.ingress, &policy.egress);
        out.depth -= 1;
    }
    if let Some(default) = &program.default {
        out.line(format!("default ({})", default.file));
        out.depth += 1;
        for line in &default.doc {
            out.line(format!("/// {line}"));
        }
        body(
            &mut out,
            &default.subject,
            &default.ingress,
            &default.egress,
        );
        out.depth -= 1;
    }
    for raw in &program.raws {
        out.line(format!(
            "raw {} {} of {}{} ({} bytes)",
            raw.backend.word(),
            raw.path,
            raw.owner,
            if raw.overlaps { " overlaps" } else { "" },
            raw.text.len()
        ));
    }
    for (word, tests) in [("test", &program.tests), ("guard", &program.guards)] {
        for test in tests {
            checks(&mut out, word, test);
        }
    }
    out.text
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self, text: impl AsRef<str>) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.text,
            "{:indent$}{}",
            "",
            text.as_ref(),
            indent = 2 * self.depth
        );
    }
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn cluster(out: &mut Printer, cluster: &Cluster) {
    out.line(format!("cluster {}", or(&cluster.name, "unknown")));
    out.depth += 1;
    let ranges = |set: &AddressSet| {
        set.networks()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (word, set) in [
        ("pods", &cluster.pods),
        ("services", &cluster.services),
        ("nodes", &cluster.nodes),
        ("apiserver", &cluster.apiserver),
    ] {
        if let Some(set) = set {
            out.line(format!("{word} {}", ranges(set)));
        }
    }
    for (said, line) in [
        (cluster.ipv4_none, "ipv4 none"),
        (cluster.ipv6_none, "ipv6 none"),
        (cluster.namespaces_closed, "namespaces closed"),
        (cluster.host_endpoints_automatic, "host-endpoints automatic"),
        (cluster.sctp, "sctp"),
        (cluster.node_labels, "node-labels"),
        (cluster.extended_protocols, "extended-protocols"),
    ] {
        if said {
            out.line(line);
        }
    }
    if let Some(overlay) = cluster.overlay {
        out.line(format!("overlay {overlay:?}").to_lowercase());
    }
    if let Some(cni) = cluster.cni {
        out.line(format!("cni {cni:?}").to_lowercase());
    }
    out.depth -= 1;
}

fn list(pods: &[Pods]) -> String {
    pods.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn body(out: &mut Printer, subject: &[Pods], ingress: &Option<Block>, egress: &Option<Block>) {
    out.line(format!("for {}", list(subject)));
    for (word, block) in [("ingress", ingress), ("egress", egress)] {
        let Some(block) = block else {
            continue;
        };
        out.line(word);
        out.depth += 1;
        for rule in &block.rules {
            let action = match rule.action {
                Action::Allow => "allow",
                Action::Deny => "deny",
                Action::Pass => "pass",
                Action::Log => "log",
            };
            let mut said = String::new();
            if rule.log {
                said += " and log";
            }
            if rule.dns {
                said += " [dns]";
            }
            if let Some(because) = &rule.because {
                said += &format!(" because {because:?}");
            }
            if let Some(ticket) = &rule.ticket {
                said += &format!(" ticket {ticket}");
            }
            if let Some(until) = rule.until {
                said += &format!(" until {until}");
            }
            for excuse in &rule.excused {
                said += &format!(" excuse {}", excuse.lint);
            }
            out.line(format!("{action}{said}"));
            out.depth += 1;
            for clause in &rule.clauses {
                let subject = match &clause.subject {
                    Some(pods) => format!("{}: ", list(pods)),
                    None => String::new(),
                };
                let word = if word == "ingress" { "from" } else { "to" };
                out.line(format!("{subject}{} {word} {}", clause.ports, clause.peers));
            }
            out.depth -= 1;
        }
        out.depth -= 1;
    }
}

fn checks(out: &mut Printer, word: &str, test: &Test) {
    let folder = or(&test.folder, ".");
    out.line(format!("{word} {:?} of {folder}", test.name));
    out.depth += 1;
    for check in &test.checks {
        let verb = match check.verb {
            Verb::Can => "can",
            Verb::CanEvery => "can every",
            Verb::Cannot => "cannot",
        };
        for (ends, ports) in &check.to {
            out.line(format!("{verb} {} -> {ends} on {ports}", check.from));
        }
    }
    out.depth -= 1;
}
