//! Faithful or refused: for random programs and random flows, what the emitted manifests do is what the program says.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried for each target (default 15,000), `VAUBAN_SEED` where the seeds begin, and
//! `VAUBAN_KEEP_GOING=1` reports every failing seed instead of the first.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
mod interpreters;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use generator::project::Project;
use generator::random::Dial;
use generator::{Random, flows, meaning, random, shrink};
use interpreters::{Outcome, Seen, calico, cilium, kubernetes};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, TargetInput, compile};
use vauban::diagnostic::Severity;
use vauban::meaning::Verdict;
use vauban::model::{Program, Target};
use vauban::space::{Direction, End};

/// How many flows are tried on one program.
const FLOWS_A_PROGRAM: usize = 100;

/// What came of a program.
struct Built {
    program: Arc<Program>,
    objects: Vec<(String, String)>,
    engine: Engine,
}

enum Engine {
    Kubernetes(kubernetes::Cluster, Vec<kubernetes::Reading>),
    Calico(calico::Cluster),
    Cilium(cilium::Cluster),
}

/// Why a program has no manifests, or bad ones.
enum Unbuilt {
    /// Diagnostics of errors, by name.
    Refused(BTreeSet<String>),
    /// Manifests that the target would not take.
    Invalid(String),
}

fn build(project: &Project, dial: &Dial) -> Result<Built, Unbuilt> {
    let world = project.world();
    let input = Input {
        world: &world,
        project: "proof".into(),
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
        proof: vauban::compile::Prove::Everything,
    };
    let compiled = compile(&input);
    if compiled.has_errors() {
        let errors = compiled
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error);
        let said = errors.map(|one| {
            let label = one.primary.as_ref();
            let place = label.map(|label| compiled.sources.get(label.span.file).slice(label.span));
            format!(
                "{}: {} at `{}` ({})",
                one.name,
                one.message,
                place.unwrap_or(""),
                one.notes.join("; ")
            )
        });
        return Err(Unbuilt::Refused(said.collect()));
    }
    let target = &compiled.targets[0];
    let program = target.program.clone().expect("a program without errors");
    let objects: Vec<(String, String)> = target
        .objects
        .iter()
        .map(|object| {
            (
                format!("{}/{}", object.folder, object.file),
                object.text.clone(),
            )
        })
        .collect();
    let texts = objects.iter().map(|(_, text)| text.as_str());
    let engine = match dial.target {
        Target::Kubernetes => kubernetes::Cluster::parse(texts).map(|cluster| {
            let reading = |pods, nodes| kubernetes::Reading {
                blocks_meet_pods: pods,
                blocks_meet_nodes: nodes,
            };
            let readings = match dial.cni {
                None => vec![
                    reading(true, true),
                    reading(true, false),
                    reading(false, true),
                    reading(false, false),
                ],
                Some("cilium") => vec![reading(false, false)],
                Some(_) => vec![reading(true, true)],
            };
            Engine::Kubernetes(cluster, readings)
        }),
        Target::Calico => calico::Cluster::parse_as(texts, dial.version).map(Engine::Calico),
        Target::Cilium => {
            let has = |fact: &str| project.cluster.facts.iter().any(|one| one == fact);
            let settings = cilium::Settings {
                version: dial.version,
                node_labels: has("node-labels"),
                extended_protocols: has("extended-protocols"),
                apiserver: project
                    .cluster
                    .apiserver
                    .iter()
                    .map(|api| (*api).into())
                    .collect(),
            };
            cilium::Cluster::parse(texts, settings).map(Engine::Cilium)
        }
    };
    Ok(Built {
        program,
        objects,
        engine: engine.map_err(Unbuilt::Invalid)?,
    })
}

impl Built {
    /// How the target, or the compiler's own reading, departs from the program on a flow.
    fn disagrees(&self, project: &Project, seen: &Seen) -> Option<String> {
        let (wanted, why) = meaning::decide(project, &seen.flow);
        let own = vauban::meaning::decide(&self.program, &seen.flow);
        if (own.verdict == Verdict::Allow) != wanted {
            return Some(format!(
                "the program's own reading: {:?} by {:?}; the text says {wanted}: {why}",
                own.verdict, own.by
            ));
        }
        let against = |outcome: Outcome, wanted: bool, how: &str| {
            (outcome.allowed != wanted).then(|| {
                let word = |allowed| if allowed { "allowed" } else { "denied" };
                format!(
                    "the text: {} ({why})\nthe target{how}: {} ({})",
                    word(wanted),
                    word(outcome.allowed),
                    outcome.why
                )
            })
        };
        match &self.engine {
            Engine::Kubernetes(cluster, readings) => readings.iter().find_map(|reading| {
                against(
                    cluster.decide(seen, *reading),
                    wanted,
                    &format!(" ({reading:?})"),
                )
            }),
            Engine::Calico(cluster) => against(cluster.decide(seen), wanted, ""),
            Engine::Cilium(cluster) => {
                against(cluster.decide(seen, false), wanted, "").or_else(|| {
                    if !matches!(seen.flow.peer, End::Node(_)) {
                        return None;
                    }
                    // A pod's own node reaches it whatever is written; the way back is as to any node.
                    let wanted = seen.flow.direction == Direction::Ingress || wanted;
                    against(cluster.decide(seen, true), wanted, " (own node)")
                })
            }
        }
    }

    /// What the objects select beside pods.
    fn selects_too_much(&self, random: &mut Random) -> Option<String> {
        match &self.engine {
            Engine::Kubernetes(..) => None,
            Engine::Calico(cluster) => (0..5).find_map(|_| {
                let labels = flows::foreign(random);
                let policy = cluster.selecting_host(&labels)?;
                Some(format!("{policy} selects a host endpoint with {labels:?}"))
            }),
            Engine::Cilium(cluster) => cluster
                .selecting_reserved()
                .map(|(rule, what)| format!("{rule} selects {what}")),
        }
    }
}

#[derive(Default)]
struct Tally {
    emitted: usize,
    flows: usize,
    allowed: usize,
    refused: BTreeMap<String, usize>,
    failures: Vec<String>,
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// The failure of a program, in words, with everything that is needed to repeat it.
fn explain(project: &Project, dial: &Dial, seed: u64, seen: Option<&Seen>) -> String {
    let fails = |project: &Project| match (build(project, dial), seen) {
        (Ok(built), Some(seen)) => built.disagrees(project, seen),
        (Ok(built), None) => built.selects_too_much(&mut Random::new(seed)),
        (Err(Unbuilt::Invalid(why)), None) => Some(why),
        _ => None,
    };
    let small = shrink::shrink(project, |project| fails(project).is_some());
    let mut text = format!("seed {seed} for {dial:?}\n{}", small.text());
    if let Some(seen) = seen {
        let _ = writeln!(text, "flow: {:?} {}", seen.flow.direction, seen.flow);
        let _ = writeln!(
            text,
            "addresses: {} and {}; foreign labels {:?}",
            seen.subject_address, seen.peer_address, seen.foreign_labels
        );
    }
    let _ = writeln!(text, "{}", fails(&small).unwrap_or_default());
    if let Ok(built) = build(&small, dial) {
        for (file, object) in &built.objects {
            let _ = writeln!(text, "--- {file}\n{object}");
        }
    }
    text
}

fn prove(dials: &[Dial], least: usize) {
    let wanted = number("VAUBAN_FLOWS", 15_000);
    let start = number("VAUBAN_SEED", 0) as u64;
    let keep_going = std::env::var_os("VAUBAN_KEEP_GOING").is_some();
    let mut tally = Tally::default();
    let mut seed = start;
    let mut programs = 0;
    while tally.flows < wanted && programs < 100 + wanted / FLOWS_A_PROGRAM * 10 {
        seed += 1;
        programs += 1;
        let mut random = Random::new(seed);
        let dial = dials[random.below(dials.len())];
        let project = random::project(&mut random, &dial);
        match build(&project, &dial) {
            Err(Unbuilt::Refused(errors)) => {
                if let Some(error) = errors.iter().find(|error| error.starts_with("proof-fails")) {
                    tally.failures.push(format!(
                        "seed {seed} for {dial:?}: {error}\n{}",
                        project.text()
                    ));
                }
                for error in errors {
                    *tally
                        .refused
                        .entry(error.split(':').next().unwrap_or("").to_owned())
                        .or_default() += 1;
                    if keep_going && number("VAUBAN_SHOW_REFUSALS", 0) > 0 {
                        eprintln!("seed {seed}: {error}");
                    }
                }
            }
            Err(Unbuilt::Invalid(_)) => tally.failures.push(explain(&project, &dial, seed, None)),
            Ok(built) => {
                tally.emitted += 1;
                if built.selects_too_much(&mut Random::new(seed)).is_some() {
                    tally.failures.push(explain(&project, &dial, seed, None));
                }
                for _ in 0..FLOWS_A_PROGRAM {
                    let seen = flows::flow(&mut random, &project, &dial);
                    tally.flows += 1;
                    tally.allowed += usize::from(meaning::decide(&project, &seen.flow).0);
                    if built.disagrees(&project, &seen).is_some() {
                        tally
                            .failures
                            .push(explain(&project, &dial, seed, Some(&seen)));
                        break;
                    }
                }
            }
        }
        if !keep_going && let Some(failure) = tally.failures.first() {
            panic!("{failure}");
        }
    }
    eprintln!(
        "{:?}: {} of {programs} programs emitted, {} flows, {} of them allowed; refused for {:?}",
        dials[0].target, tally.emitted, tally.flows, tally.allowed, tally.refused
    );
    for failure in &tally.failures {
        eprintln!("==================== {failure}");
    }
    assert!(
        tally.failures.is_empty(),
        "{} programs fail",
        tally.failures.len()
    );
    // What a reader does not understand is refused: nothing unfaithful, but what we emit ourselves must be understood.
    let undecided = tally.refused.get("proof-undecided").copied();
    assert_eq!(
        undecided, None,
        "of {programs} programs some are refused because their manifests are not understood"
    );
    assert!(
        tally.emitted * 100 >= programs * least,
        "only {} of {programs} programs are emitted",
        tally.emitted
    );
}

#[test]
fn calico_does_what_programs_say() {
    let dial = |version, daring| Dial {
        target: Target::Calico,
        version,
        cni: None,
        daring,
    };
    prove(&[dial((3, 30), 2), dial((3, 33), 2), dial((3, 32), 10)], 40);
}

#[test]
fn kubernetes_does_what_programs_say() {
    let dial = |cni, daring| Dial {
        target: Target::Kubernetes,
        version: (1, 33),
        cni,
        daring,
    };
    prove(
        &[
            dial(Some("calico"), 2),
            dial(None, 2),
            dial(Some("cilium"), 4),
            dial(Some("antrea"), 1),
        ],
        40,
    );
}

#[test]
fn cilium_does_what_programs_say() {
    let dial = |version, daring| Dial {
        target: Target::Cilium,
        version,
        cni: None,
        daring,
    };
    prove(
        &[
            dial((1, 20), 2),
            dial((1, 19), 2),
            dial((1, 18), 5),
            dial((1, 17), 2),
        ],
        40,
    );
}
