//! The reader of NetworkPolicies: against a table of the API's corners, against an interpreter that shares nothing with it, and on everything that we emit.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried on random manifests (default 30,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod addresses;
#[path = "../cases/mod.rs"]
mod cases;
mod draw;
#[path = "../flows/mod.rs"]
mod flows;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
mod manifests;
#[path = "../refused/mod.rs"]
mod refused;
mod table;

use std::path::Path;

use draw::Draw;
use generator::Random;
use interpreters::kubernetes::{Cluster as Engine, Quirks, Reading as Plugin};
use interpreters::{Seen, yaml};
use vauban::backend::kubernetes::read;
use vauban::backend::read::document::documents;
use vauban::backend::read::{Cidr, Context, Reading};
use vauban::diagnostic::Diagnostics;
use vauban::meaning::{Verdict, decide, in_box};
use vauban::model::{Cluster, Cni, Namespace, Overlay};
use vauban::source::{FileId, Source, Span};
use vauban::space::AddressSet;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

fn source(text: &str) -> Source {
    Source::new(FileId(0), "manifests.yaml", text)
}

fn read_text(text: &str, context: &Context<'_>) -> (Reading, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let found = documents(&source(text), &mut diagnostics);
    let reading = read::read(&found, context, &mut diagnostics);
    let said = diagnostics
        .iter()
        .map(|one| {
            let place = one
                .primary
                .as_ref()
                .map_or("", |label| &text[label.span.range()]);
            format!("{} at `{place}`: {}", one.name, one.notes.join("; "))
        })
        .collect();
    (reading, said)
}

fn nets(nets: &[&str]) -> Option<AddressSet> {
    Some(nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    }))
}

fn cluster(cni: Option<Cni>, overlay: Option<Overlay>, dual: bool) -> Cluster {
    let mut cluster = Cluster {
        cni,
        overlay,
        ipv6_none: !dual,
        pods: nets(&["10.244.0.0/16"]),
        nodes: nets(&["192.168.10.0/24"]),
        ..Cluster::unknown()
    };
    if dual {
        cluster.pods = nets(&["10.244.0.0/16", "fd00:244::/56"]);
        cluster.nodes = nets(&["192.168.10.0/24", "fd00:192::/64"]);
    }
    cluster
}

fn namespaces() -> Vec<Namespace> {
    let span = Span::new(FileId(0), 0, 0);
    let namespace = |name: &str, labels: &[(&str, &str)]| Namespace {
        name: name.into(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        span,
    };
    vec![
        namespace("data", &[("env", "dev")]),
        namespace("default", &[]),
        namespace("shop", &[("env", "prod"), ("team", "a")]),
    ]
}

/// The ways in which a cluster may enforce what the API leaves open, all of which a reading must agree with.
fn plugins(cluster: &Cluster, cidr: Cidr) -> Vec<(Plugin, Quirks)> {
    let plugin = |pods, nodes| Plugin {
        blocks_meet_pods: pods,
        blocks_meet_nodes: nodes,
    };
    let end = |end_port_is_unknown| Quirks {
        end_port_is_unknown,
        ..Quirks::default()
    };
    let cilium = Quirks {
        unlisted_rules_act: true,
        ..Quirks::default()
    };
    let blocks = match (cidr, cluster.cni) {
        (Cidr::Outside, _) | (_, Some(Cni::Cilium)) if cidr != Cidr::Any => {
            vec![plugin(false, false)]
        }
        (Cidr::AsTarget, None) => vec![
            plugin(true, true),
            plugin(true, false),
            plugin(false, true),
            plugin(false, false),
        ],
        _ => vec![plugin(true, true)],
    };
    let quirks = match cluster.cni {
        None => vec![end(true), end(false), cilium],
        Some(Cni::Cilium) => vec![cilium],
        Some(_) => vec![end(false)],
    };
    blocks
        .iter()
        .flat_map(|block| quirks.iter().map(|quirk| (*block, *quirk)))
        .collect()
}

fn is_open(reading: &Reading, seen: &Seen) -> bool {
    reading.unread.iter().any(|part| {
        part.direction == seen.flow.direction
            && part.flows.iter().any(|flows| in_box(flows, &seen.flow))
    })
}

fn objects(text: &str) -> Vec<yaml::Value> {
    let mut all = Vec::new();
    for value in yaml::documents(text).unwrap() {
        let fields = value.fields("object").unwrap();
        match fields.get("items") {
            Some(items) => {
                for item in items.list("items").unwrap() {
                    let yaml::Value::Map(mut map) = item.clone() else {
                        panic!("{item:?}");
                    };
                    for (key, text) in [
                        ("apiVersion", "networking.k8s.io/v1"),
                        ("kind", "NetworkPolicy"),
                    ] {
                        if !map.iter().any(|(known, _)| known == key) {
                            map.push((key.to_owned(), yaml::Value::Text(text.to_owned())));
                        }
                    }
                    all.push(yaml::Value::Map(map));
                }
            }
            None => all.push(value.clone()),
        }
    }
    all
}

#[test]
fn random_manifests_are_read_as_their_target_enforces_them() {
    let wanted = number("VAUBAN_FLOWS", 30_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let (mut tried, mut open, mut allowed) = (0, 0, 0);
    let known = namespaces();
    while tried < wanted {
        seed += 1;
        let random = &mut Random::new(seed);
        let cni = *random.pick(&[
            None,
            Some(Cni::Calico),
            Some(Cni::Cilium),
            Some(Cni::Antrea),
            Some(Cni::KubeRouter),
            Some(Cni::OvnKubernetes),
            Some(Cni::Kindnet),
        ]);
        let overlay = *random.pick(&[None, Some(Overlay::None), Some(Overlay::Vxlan)]);
        let cluster = cluster(cni, overlay, random.chance(50));
        let cidr = *random.pick(&[Cidr::AsTarget, Cidr::AsTarget, Cidr::Outside, Cidr::Any]);
        let context = Context {
            version: (1, 33),
            cluster: &cluster,
            namespaces: &known,
            cidr,
        };
        let policies: Vec<_> = (0..2 + random.below(4))
            .map(|at| manifests::policy(random, &format!("p{at}")))
            .collect();
        let text = manifests::text(random, &policies);
        let (reading, said) = read_text(&text, &context);
        assert!(said.is_empty(), "seed {seed}: {said:?}\n{text}");
        let objects = objects(&text);
        let engines: Vec<(Plugin, Quirks, Engine)> = plugins(&cluster, cidr)
            .into_iter()
            .map(|(plugin, quirks)| {
                let engine = Engine::parse_any(&objects, quirks);
                let engine = engine.unwrap_or_else(|why| panic!("seed {seed}: {why}\n{text}"));
                (plugin, quirks, engine)
            })
            .collect();
        let mut draw = Draw::of(&reading.program);
        draw.undeclared = true;
        draw.others = true;
        draw.tunnels = cidr == Cidr::AsTarget
            && match cni {
                None | Some(Cni::OvnKubernetes) => true,
                Some(Cni::Cilium | Cni::Kindnet) => false,
                Some(_) => overlay != Some(Overlay::None),
            };
        for _ in 0..60 {
            let seen = draw.flow(random);
            tried += 1;
            if is_open(&reading, &seen) {
                open += 1;
                continue;
            }
            let decision = decide(&reading.program, &seen.flow);
            allowed += usize::from(decision.verdict == Verdict::Allow);
            for (plugin, quirks, engine) in &engines {
                let outcome = engine.decide(&seen, *plugin);
                assert_eq!(
                    decision.verdict == Verdict::Allow,
                    outcome.allowed,
                    "seed {seed}, {cni:?}, {overlay:?}, {cidr:?}, {plugin:?}, {quirks:?}\n{:?} {} from {}\nread: {:?}\nenforced: {}\n{text}",
                    seen.flow.direction,
                    seen.flow,
                    seen.peer_address,
                    decision.by,
                    outcome.why,
                );
            }
        }
    }
    eprintln!("{tried} flows, {allowed} allowed, {open} not decided");
    assert!(open * 4 < tried, "{open} of {tried} flows are not decided");
    assert!(
        allowed * 10 > tried && allowed * 10 < tried * 9,
        "{allowed} of {tried}"
    );
}

#[test]
fn no_text_is_too_strange() {
    let known = namespaces();
    let cluster = cluster(None, None, true);
    let context = Context {
        version: (1, 37),
        cluster: &cluster,
        namespaces: &known,
        cidr: Cidr::AsTarget,
    };
    const SCRAPS: &[&str] = &[
        "null",
        "[]",
        "{}",
        "''",
        "-1",
        "1e9",
        "0x50",
        "yes",
        "~",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "{",
        "]",
        "\"",
        "&a ",
        "*a",
        "é",
        "::/0",
        "10.0.0.0/8",
        "65535",
        "99999999999999999999",
        ".inf",
        "from",
        "ports",
        "#",
        "|",
        "? ",
    ];
    let mut understood = 0;
    for seed in 0..number("VAUBAN_TEXTS", 1500) as u64 {
        let random = &mut Random::new(seed);
        let policies: Vec<_> = (0..=random.below(2))
            .map(|at| manifests::policy(random, &format!("p{at}")))
            .collect();
        let mut text = manifests::text(random, &policies);
        for _ in 0..=random.below(3) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let from = *random.pick(&places);
            let to = places
                .iter()
                .copied()
                .filter(|at| *at >= from)
                .nth(random.below(8))
                .unwrap_or(text.len());
            let scrap: &str = random.pick::<&str>(SCRAPS);
            text.replace_range(from..to, scrap);
        }
        let (reading, said) = read_text(&text, &context);
        understood += usize::from(said.is_empty());
        let draw = Draw::of(&reading.program);
        decide(&reading.program, &draw.flow(random).flow);
    }
    assert!(understood > 20, "{understood}");
}

/// The corpus' cases and the examples, with their names.
fn cases() -> Vec<(String, cases::Case)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("tests/corpus")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "vau") {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                all.push((name, cases::Case::read(&text)));
            }
        }
    }
    let mut files = Vec::new();
    let mut folders = vec![root.join("examples/bookstore/policies")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "vau") {
                let name = path
                    .strip_prefix(root.join("examples/bookstore/policies"))
                    .unwrap();
                files.push((
                    name.to_string_lossy().into_owned(),
                    std::fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    files.sort();
    let options = Vec::new();
    all.push(("bookstore".to_owned(), cases::Case { files, options }));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn what_is_emitted_is_read_back_and_decides_as_the_program() {
    let mut emitted = 0;
    for (name, mut case) in cases() {
        case.options.retain(|(key, _)| key != "target");
        case.options.push(("log".to_owned(), "ignore".to_owned()));
        let compiled = case.compile(cases::Aim {
            target: Some("kubernetes 1.33"),
            without_lints: true,
        });
        let target = &compiled.targets[0];
        if compiled.has_errors() || target.objects.is_empty() {
            continue;
        }
        emitted += 1;
        let program = target.program.as_deref().unwrap();
        let context = Context {
            version: (1, 33),
            cluster: &program.cluster,
            namespaces: &program.namespaces,
            cidr: Cidr::AsTarget,
        };
        let texts = target
            .objects
            .iter()
            .map(|object| format!("---\n{}", object.text));
        let text: String = texts.collect();
        let (reading, said) = read_text(&text, &context);
        assert!(said.is_empty(), "{name}: {said:?}\n{text}");
        assert!(
            reading.unread.is_empty(),
            "{name}: {:?}\n{text}",
            reading.unread
        );
        let draw = Draw::of(program);
        let random = &mut Random::new(1);
        for _ in 0..1000 {
            let seen = draw.flow(random);
            let wanted = decide(program, &seen.flow);
            let got = decide(&reading.program, &seen.flow);
            assert_eq!(
                wanted.verdict, got.verdict,
                "{name}: {}\n{:?}, read back {:?}\n{text}",
                seen.flow, wanted.by, got.by
            );
        }
    }
    eprintln!("{emitted} cases give NetworkPolicies");
    assert!(emitted >= 10, "{emitted} cases give NetworkPolicies");
}
