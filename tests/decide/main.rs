//! What `decide` says of flows that were written down is what the program says of them, and what the targets' interpreters say of its manifests.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried for each target (default 6,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; each test binary uses its part"
)]

#[path = "../flows/mod.rs"]
mod flows;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;

use std::collections::BTreeMap;
use std::sync::Arc;

use generator::project::Project;
use generator::random::{self, Dial};
use generator::{Random, meaning};
use interpreters::{Seen, calico, cilium, kubernetes};
use serde_json::Value;
use vauban::analyze::decide::Decider;
use vauban::analyze::{Origin, Side};
use vauban::backend::read::{self, Cidr, Context, files};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Compiled, Input, TargetInput, compile};
use vauban::diagnostic::Diagnostics;
use vauban::meaning::{By, Index, Verdict, decide};
use vauban::model::{RuleSite, Target};
use vauban::source::Sources;
use vauban::space::{End, Flow};

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

fn built(project: &Project, dial: &Dial) -> Option<(Compiled, Sources)> {
    let world = project.world();
    let compiled = compile(&Input {
        world: &world,
        project: "flows".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![TargetInput {
            spec: Spec {
                name: "t".into(),
                backend: dial.target,
                version: dial.version,
                log: LogPolicy::Ignore,
            },
            cluster: None,
            without: Vec::new(),
            namespaces: Vec::new(),
        }],
        lints: BTreeMap::new(),
        proof: vauban::compile::Prove::Nothing,
    });
    if compiled.has_errors() {
        return None;
    }
    let target = compiled.targets.into_iter().next()?;
    Some((target, compiled.sources))
}

/// The program as a side, and its manifests as another.
fn sides(target: &Compiled, sources: Sources) -> (Side, Side) {
    let program = target.program.clone().unwrap();
    let spec = target.spec.clone();
    let mut manifests = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let texts = target.objects.iter().map(|object| {
        let path = format!("{}/{}", object.folder, object.file);
        (path.into(), object.text.as_str().into())
    });
    let documents = files::load(texts, &mut manifests, &mut diagnostics);
    let context = Context {
        version: spec.version,
        cluster: &program.cluster,
        namespaces: &program.namespaces,
        cidr: Cidr::AsTarget,
    };
    let reading = read::read(spec.backend, &documents, &context, &mut diagnostics);
    assert!(!diagnostics.has_errors());
    let made = Side::of_manifests("manifests", spec.clone(), reading, Arc::new(manifests));
    let meant = Side {
        prefix: "policies/".to_owned(),
        ..Side::of_project("program", spec, program, sources)
    };
    (meant, made)
}

/// The verdicts of lines, which must come in their order.
fn verdicts(side: &Side, lines: &[Value]) -> Vec<Value> {
    let mut text = String::new();
    for line in lines {
        text += &format!("{line}\n");
    }
    let decider = Decider::new(side, None);
    let mut stream = decider.stream();
    let mut out = Vec::new();
    // In two parts, the second with everything remembered and shared among threads.
    stream.feed(text.as_bytes(), &mut out);
    let once = out.clone();
    out.clear();
    let often = text.repeat(1 + (1 << 16) / text.len());
    stream.feed(often.as_bytes(), &mut out);
    assert!(out.len() % once.len() == 0 && out.chunks(once.len()).all(|part| part == once));
    assert_eq!(stream.bad(), 0, "{}", String::from_utf8_lossy(&once));
    let found: Vec<Value> = String::from_utf8(once)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), lines.len());
    for (verdict, line) in found.iter().zip(lines) {
        assert_eq!(verdict["id"], line["id"]);
    }
    found
}

/// What the format calls who decides.
fn spoken(side: &Side, by: By) -> Value {
    let tier = |tier: vauban::model::TierId| side.program.tiers[tier.0 as usize].name.as_str();
    match by {
        By::Open => serde_json::json!({ "open": true }),
        By::DefaultEnd => serde_json::json!({ "default": true }),
        By::Otherwise(id) => serde_json::json!({ "tier": tier(id), "otherwise": true }),
        By::Rule(rule) => {
            let place = side.place(side.program.rule(rule).span);
            match rule.site {
                RuleSite::Default => {
                    serde_json::json!({ "default": true, "rule": place.as_str() })
                }
                RuleSite::Policy(id) => {
                    let policy = side.program.policy(id);
                    let name = match policy.folder.as_str() {
                        "" => policy.name.to_string(),
                        folder => format!("{}.{}", folder.replace('/', "."), policy.name),
                    };
                    serde_json::json!({
                        "tier": tier(policy.tier),
                        "policy": name,
                        "rule": place.as_str(),
                    })
                }
            }
        }
    }
}

fn word(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

/// Asserts what one end says.
fn check_end(side: &Side, flow: &Flow, said: &Value, index: &Index<'_>, seed: &str) -> bool {
    if let Some(why) = side.universe.lacks(index, flow) {
        assert_eq!(said["verdict"], "undecided", "{seed}: {flow}");
        assert_eq!(said["why"], why.as_str(), "{seed}: {flow}");
        return false;
    }
    let decision = decide(&side.program, flow);
    let allowed = decision.verdict == Verdict::Allow;
    assert_eq!(said["verdict"], word(allowed), "{seed}: {flow}");
    if side.origin == Origin::Project {
        assert_eq!(said["by"], spoken(side, decision.by), "{seed}: {flow}");
        let logged = said["logged"].as_array().map_or(0, Vec::len);
        assert_eq!(logged, decision.logged.len(), "{seed}: {flow}");
    }
    true
}

enum Engine {
    Kubernetes(kubernetes::Cluster, bool),
    Calico(calico::Cluster),
    Cilium(cilium::Cluster),
}

impl Engine {
    fn of(project: &Project, dial: &Dial, target: &Compiled) -> Engine {
        let texts = target.objects.iter().map(|object| object.text.as_str());
        match dial.target {
            Target::Kubernetes => {
                let cluster = kubernetes::Cluster::parse(texts).unwrap();
                Engine::Kubernetes(cluster, dial.cni == Some("calico"))
            }
            Target::Calico => {
                Engine::Calico(calico::Cluster::parse_as(texts, dial.version).unwrap())
            }
            Target::Cilium => {
                let has = |fact: &str| project.cluster.facts.iter().any(|one| one == fact);
                let apiserver = project.cluster.apiserver.iter();
                let settings = cilium::Settings {
                    version: dial.version,
                    node_labels: has("node-labels"),
                    extended_protocols: has("extended-protocols"),
                    apiserver: apiserver.map(|api| (*api).into()).collect(),
                };
                Engine::Cilium(cilium::Cluster::parse(texts, settings).unwrap())
            }
        }
    }

    fn allows(&self, seen: &Seen) -> bool {
        match self {
            Engine::Kubernetes(cluster, meet) => {
                let reading = kubernetes::Reading {
                    blocks_meet_pods: *meet,
                    blocks_meet_nodes: *meet,
                };
                cluster.decide(seen, reading).allowed
            }
            Engine::Calico(cluster) => cluster.decide(seen).allowed,
            Engine::Cilium(cluster) => cluster.decide(seen, false).allowed,
        }
    }
}

fn agree(dials: &[Dial]) {
    let wanted = number("VAUBAN_FLOWS", 6_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let (mut tried, mut decided, mut allowed, mut engine_agrees) = (0, 0, 0, 0);
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let dial = dials[random.below(dials.len())];
        let project = random::project(&mut random, &dial);
        let Some((target, sources)) = built(&project, &dial) else {
            continue;
        };
        let engine = Engine::of(&project, &dial, &target);
        let (meant, made) = sides(&target, sources);
        let mut all: Vec<(Seen, Value)> = Vec::new();
        while all.len() < 100 {
            let seen = generator::flows::flow(&mut random, &project, &dial);
            if !flows::is_written_whole(&seen) {
                continue;
            }
            all.extend(flows::line(&all.len().to_string(), &seen, false).map(|line| (seen, line)));
        }
        let lines: Vec<Value> = all.iter().map(|(_, line)| line.clone()).collect();
        let name = format!("seed {seed} for {dial:?}");
        for side in [&meant, &made] {
            let index = Index::new(&side.program);
            for ((seen, _), verdict) in all.iter().zip(verdicts(side, &lines)) {
                let (own, other) = flows::ends(seen, &verdict);
                let flow = plain(&seen.flow);
                let here = side.unread.is_empty()
                    && check_end(side, &flow, own, &index, &format!("{name}\n{verdict}"));
                match flow.mirrored() {
                    None => assert_eq!(other["verdict"], "none", "{name}: {verdict}"),
                    Some(mirrored) if side.unread.is_empty() => {
                        check_end(side, &mirrored, other, &index, &name);
                    }
                    Some(_) => {}
                }
                let says = |word: &str| [own, other].iter().any(|end| end["verdict"] == word);
                let overall = match (says("deny"), says("undecided")) {
                    (true, _) => "deny",
                    (false, true) => "undecided",
                    (false, false) => "allow",
                };
                assert_eq!(verdict["verdict"], overall, "{name}: {verdict}");
                assert_eq!(verdict["why"].is_string(), overall == "undecided");
                tried += 1;
                if !here {
                    continue;
                }
                decided += 1;
                let (wanted, why) = meaning::decide(&project, &seen.flow);
                allowed += usize::from(wanted);
                assert_eq!(own["verdict"], word(wanted), "{name}: {verdict}\n{why}");
                assert_eq!(engine.allows(seen), wanted, "{name}: {verdict}\n{why}");
                engine_agrees += 1;
            }
        }
    }
    assert!(decided * 10 > tried * 8, "{decided} of {tried} are decided");
    assert!(engine_agrees > 0 && allowed * 10 > decided && allowed * 10 < decided * 9);
}

/// A flow with the names of namespaces as the format has them.
fn plain(flow: &Flow) -> Flow {
    let mut flow = flow.clone();
    flow.subject
        .namespace_labels
        .remove(vauban::space::METADATA_NAME);
    if let End::Pod(pod) = &mut flow.peer {
        pod.namespace_labels.remove(vauban::space::METADATA_NAME);
    }
    flow
}

#[test]
fn of_programs_for_calico() {
    agree(&[
        Dial {
            target: Target::Calico,
            version: (3, 30),
            cni: None,
            daring: 2,
        },
        Dial {
            target: Target::Calico,
            version: (3, 33),
            cni: None,
            daring: 2,
        },
    ]);
}

#[test]
fn of_programs_for_kubernetes() {
    agree(&[
        Dial {
            target: Target::Kubernetes,
            version: (1, 33),
            cni: Some("calico"),
            daring: 2,
        },
        Dial {
            target: Target::Kubernetes,
            version: (1, 33),
            cni: Some("cilium"),
            daring: 2,
        },
    ]);
}

#[test]
fn of_programs_for_cilium() {
    agree(&[
        Dial {
            target: Target::Cilium,
            version: (1, 20),
            cni: None,
            daring: 2,
        },
        Dial {
            target: Target::Cilium,
            version: (1, 18),
            cni: None,
            daring: 5,
        },
    ]);
}
