//! The pairs of the guide from YAML: a manifest and a program that are said to mean the same decide every flow alike, and a manifest that is
//! shown as a trap decides some flow otherwise. The manifests are read by the interpreters, which know nothing of programs.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    reason = "a test fails by panicking; each test binary uses its part of the interpreters"
)]

mod cases;
mod interpreters;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use cases::{Aim, Case, shown};
use interpreters::{Outcome, Seen, calico, cilium, kubernetes};
use ipnet::IpNet;
use pages::{Block, pages};
use smol_str::SmolStr;
use vauban::meaning::{self, Verdict};
use vauban::model::Program;
use vauban::space::{Direction, End, Flow, Pod, Traffic, Transport};

const PAGE: &str = "book/src/guide/from-yaml.md";

/// A manifest of a target, read.
enum Manifest {
    Kubernetes(kubernetes::Cluster),
    Calico(calico::Cluster),
    Cilium(cilium::Cluster),
}

impl Manifest {
    fn read(target: &str, text: &str) -> Result<Manifest, String> {
        let documents: Vec<String> = text
            .split("\n---\n")
            .map(|document| defaulted(target, document))
            .collect();
        let documents = documents.iter().map(String::as_str);
        match target {
            "kubernetes" => kubernetes::Cluster::parse(documents).map(Manifest::Kubernetes),
            "calico" => {
                // A tier of that name, where the manifest only names it.
                let app = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: app\nspec:\n  order: 300\n  defaultAction: Deny\n";
                let app = (!text.contains("kind: Tier")).then_some(app);
                calico::Cluster::parse(documents.chain(app)).map(Manifest::Calico)
            }
            "cilium" => {
                let settings = cilium::Settings {
                    version: (1, 18),
                    node_labels: false,
                    extended_protocols: false,
                    apiserver: vec!["192.168.10.10/32".parse().expect("a CIDR")],
                };
                cilium::Cluster::parse(documents, settings).map(Manifest::Cilium)
            }
            other => Err(format!("no target {other}")),
        }
    }

    fn decide(&self, seen: &Seen) -> Outcome {
        match self {
            Manifest::Kubernetes(cluster) => {
                let reading = kubernetes::Reading {
                    blocks_meet_pods: true,
                    blocks_meet_nodes: true,
                };
                cluster.decide(seen, reading)
            }
            Manifest::Calico(cluster) => cluster.decide(seen),
            Manifest::Cilium(cluster) => cluster.decide(seen, false),
        }
    }

    /// Whether the target sees such traffic.
    fn sees(&self, traffic: Traffic) -> bool {
        match self {
            Manifest::Kubernetes(_) => matches!(traffic, Traffic::Port(..)),
            Manifest::Calico(_) => true,
            Manifest::Cilium(_) => !matches!(traffic, Traffic::Port(Transport::Sctp, _)),
        }
    }
}

/// A manifest with what people leave away and the interpreters insist on: the label that Calico's API server adds, and Cilium's default of
/// `enableDefaultDeny`, which is true in each direction that has rules.
fn defaulted(target: &str, text: &str) -> String {
    let value = |key: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.trim_start().strip_prefix(key))
    };
    match (target, value("tier: ")) {
        ("calico", Some(tier)) => {
            let labels = format!("metadata:\n  labels:\n    projectcalico.org/tier: {tier}\n");
            text.replacen("metadata:\n", &labels, 1)
        }
        ("cilium", _) => {
            let has = |key: &str| {
                text.lines()
                    .any(|line| line.starts_with(&format!("  {key}")))
            };
            let (ingress, egress) = (has("ingress"), has("egress"));
            format!(
                "{}\n  enableDefaultDeny:\n    ingress: {ingress}\n    egress: {egress}\n",
                text.trim_end()
            )
        }
        _ => text.to_owned(),
    }
}

/// Whatever an address, a number or a name could be in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "[]{}(),\"'".contains(c))
        .filter(|word| !word.is_empty())
}

/// The addresses at the edges of the networks of some texts, those of the cluster left away.
fn addresses(texts: &[&str]) -> BTreeSet<IpAddr> {
    let cluster: Vec<IpNet> = ["10.244.0.0/16", "10.96.0.0/12", "192.168.10.0/24"]
        .map(|net| net.parse().expect("a CIDR"))
        .into();
    let mut all: BTreeSet<IpAddr> = BTreeSet::from(["8.8.8.8".parse().expect("an address")]);
    for word in texts.iter().flat_map(|text| words(text)) {
        let net = word
            .parse::<IpNet>()
            .or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
        if let Ok(IpNet::V4(net)) = net {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            for at in [first.wrapping_sub(1), first, last, last.wrapping_add(1)] {
                all.insert(IpAddr::V4(at.into()));
            }
        }
    }
    all.retain(|address| !cluster.iter().any(|net| net.contains(address)));
    all
}

/// The traffic at the edges of the ports of some texts.
fn traffics(texts: &[&str]) -> Vec<Traffic> {
    let mut ports = BTreeSet::from([1, 53, 80]);
    for word in texts.iter().flat_map(|text| words(text)) {
        if let Ok(port) = word.parse::<u16>() {
            ports.extend([port.saturating_sub(1).max(1), port]);
        }
    }
    let mut all = vec![Traffic::Icmp(8, 0), Traffic::Port(Transport::Sctp, 80)];
    for port in ports {
        all.push(Traffic::Port(Transport::Tcp, port));
        all.push(Traffic::Port(Transport::Udp, port));
    }
    all
}

/// The pods that some selectors could tell apart: for each key every value that stands in the texts, another one, and none.
fn pods(program: &Program, texts: &[&str]) -> Vec<Pod> {
    const KEYS: [&str; 3] = ["app", "k8s-app", "role"];
    let mut values: BTreeMap<&str, BTreeSet<SmolStr>> = BTreeMap::new();
    for text in texts {
        for key in KEYS {
            for sign in ["=", "!=", ": ", " == '"] {
                for (at, _) in text.match_indices(&format!("{key}{sign}")) {
                    let before = text[..at].chars().next_back();
                    if before.is_some_and(|c| c.is_alphanumeric() || c == '-') {
                        continue;
                    }
                    let rest = &text[at + key.len() + sign.len()..];
                    let value: String = rest
                        .chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '-')
                        .collect();
                    values.entry(key).or_default().insert(value.into());
                }
            }
        }
    }
    let mut labels: Vec<BTreeMap<SmolStr, SmolStr>> = vec![BTreeMap::new()];
    for (key, values) in values {
        let other = SmolStr::new_static("something-else");
        let with = |value: &SmolStr, labels: &BTreeMap<SmolStr, SmolStr>| {
            let mut labels = labels.clone();
            labels.insert(key.into(), value.clone());
            labels
        };
        labels = labels
            .iter()
            .flat_map(|one| {
                let some = values.iter().chain([&other]).map(|value| with(value, one));
                some.chain([one.clone()]).collect::<Vec<_>>()
            })
            .collect();
    }
    let mut pods = Vec::new();
    for namespace in &program.namespaces {
        for labels in &labels {
            pods.push(Pod {
                namespace: namespace.name.clone(),
                namespace_labels: namespace.labels.iter().cloned().collect(),
                labels: labels.clone(),
                service_account: "default".into(),
                named_ports: BTreeMap::new(),
            });
        }
    }
    pods
}

/// The first flow that a manifest and a program decide otherwise, and how many were asked.
fn difference(program: &Program, manifest: &Manifest, texts: &[&str]) -> (usize, Option<String>) {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let (own, other) = (address("10.244.1.10"), address("10.244.2.20"));
    let pods = pods(program, texts);
    let mut peers: Vec<(End, IpAddr, Vec<String>)> = Vec::new();
    for pod in &pods {
        peers.push((End::Pod(pod.clone()), other, Vec::new()));
    }
    for node in ["192.168.10.10", "192.168.10.11"].map(address) {
        peers.push((End::Node(node), node, Vec::new()));
    }
    for outside in addresses(texts) {
        for names in [
            BTreeSet::new(),
            BTreeSet::from(["api.payments.example".into()]),
        ] {
            let resolved = names.iter().map(SmolStr::to_string).collect();
            let end = End::Outside {
                address: outside,
                names,
            };
            peers.push((end, outside, resolved));
        }
    }
    let mut count = 0;
    // The policies of the guide are about `shop`, one is about all; two namespaces are as good as six.
    let subjects = pods
        .iter()
        .filter(|pod| ["shop", "blue"].contains(&pod.namespace.as_str()));
    for subject in subjects {
        for (peer, peer_address, resolved) in &peers {
            for traffic in traffics(texts) {
                if !manifest.sees(traffic) {
                    continue;
                }
                for direction in Direction::BOTH {
                    let seen = Seen {
                        flow: Flow {
                            direction,
                            subject: subject.clone(),
                            peer: peer.clone(),
                            traffic,
                        },
                        subject_address: own,
                        peer_address: *peer_address,
                        resolved: resolved.clone(),
                        foreign_labels: Vec::new(),
                    };
                    count += 1;
                    let meant = meaning::decide(program, &seen.flow).verdict == Verdict::Allow;
                    let does = manifest.decide(&seen);
                    if meant != does.allowed {
                        let why = format!(
                            "{} ({}): the program {}, the manifest says otherwise: {}",
                            seen.flow,
                            direction.word(),
                            if meant { "allows" } else { "denies" },
                            does.why
                        );
                        return (count, Some(why));
                    }
                }
            }
        }
    }
    (count, None)
}

fn program(block: &Block) -> Result<Arc<Program>, String> {
    let text = format!("//# target: cilium 1.18\n{}", block.program());
    let compilation = Case::read(&text).compile(Aim::default());
    let program = compilation.targets[0].program.clone();
    program
        .filter(|_| !compilation.has_errors())
        .ok_or_else(|| shown(&compilation.sources, &compilation.diagnostics))
}

#[test]
fn what_is_said_to_be_the_same_is_the_same() {
    let page = pages()
        .into_iter()
        .find(|page| page.path == PAGE)
        .expect("the guide");
    let blocks = page.blocks();
    let (mut same, mut differs, mut flows) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (at, manifest) in blocks.iter().enumerate() {
        if manifest.language != "yaml" {
            continue;
        }
        let place = format!("{PAGE}:{}", manifest.line);
        let meant = blocks[at..]
            .iter()
            .find(|block| block.language == "vauban" && block.section == manifest.section)
            .unwrap_or_else(|| panic!("{place}: no program after it"));
        let target = ["kubernetes", "calico", "cilium"]
            .into_iter()
            .find(|target| manifest.has(target))
            .unwrap_or_else(|| panic!("{place}: of which target?"));
        assert!(
            manifest.has("same") != manifest.has("differs"),
            "{place}: the same or not?"
        );
        let texts = [manifest.text.as_str(), meant.text.as_str()];
        let asked = program(meant).and_then(|program| {
            let manifest = Manifest::read(target, &manifest.text)?;
            Ok(difference(&program, &manifest, &texts))
        });
        match asked {
            Err(why) => wrong.push(format!("{place}: {why}")),
            Ok((count, None)) if manifest.has("same") => {
                same += 1;
                flows += count;
            }
            Ok((_, Some(_))) if manifest.has("differs") => differs += 1,
            Ok((_, None)) => wrong.push(format!("{place}: no flow differs")),
            Ok((_, Some(why))) => wrong.push(format!("{place}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        same > 12 && differs > 3 && flows > 10_000,
        "{same} the same, {differs} traps, {flows} flows"
    );
}
