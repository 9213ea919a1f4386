//! Cilium's own policy engine as a judge: what is emitted is taken by its validators, and decides flows as the program does; what our reader says
//! of anybody's manifests is what the engine does.
//!
//! Needs the programs of `tests/engines/cilium`, which `tests/engines/run` builds: `VAUBAN_ENGINES` is the folder with one program for each version.
//! `VAUBAN_FLOWS` sets how many flows are tried with random programs and as many with random manifests, all versions together; without it,
//! `VAUBAN_SECONDS` sets for how long each of the two goes on (default 60). `VAUBAN_SEED` is where the seeds begin, and `VAUBAN_KEEP_GOING=1` reports
//! every difference instead of the first of each version.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod boundary;
#[path = "../cases/mod.rs"]
mod cases;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
mod known;
mod manifests;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use boundary::draw::{Draw, covers};
use boundary::origins::{self, Origin};
use generator::Random;
use manifests::clusters::{self, Facts};
use manifests::draw::{Dial, Manifests};
use manifests::read::{Said, reading};
use process::{Asked, Engine, Settings};
use smol_str::SmolStr;
use vauban::meaning::{Verdict, decide};
use vauban::model::{Program, Target};
use vauban::prove::Universe;
use vauban::space::{AddressSet, Direction, End, Traffic};

/// Flows that are put to one set of manifests.
const FLOWS_A_JOB: usize = 200;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
    )
}

/// The versions whose engines are there, and their programs.
fn engines() -> Vec<((u16, u16), PathBuf)> {
    let folder = std::env::var_os("VAUBAN_ENGINES")
        .map(PathBuf::from)
        .expect("VAUBAN_ENGINES is the folder of the engines; `tests/engines/run` sets it");
    let found: Vec<_> = [(1, 17), (1, 18), (1, 19), (1, 20)]
        .into_iter()
        .map(|(major, minor)| {
            (
                (major, minor),
                folder.join(format!("cilium-{major}.{minor}")),
            )
        })
        .filter(|(_, program)| program.is_file())
        .collect();
    assert!(!found.is_empty(), "no engine in {}", folder.display());
    found
}

/// What came of the comparisons with one version.
#[derive(Default)]
struct Tally {
    sets: usize,
    objects: usize,
    flows: usize,
    allowed: usize,
    undecided: usize,
    /// Flows of which no manifest speaks; see the book's page.
    left_out: usize,
    /// Flows over which the engine's code panicked.
    panicked: usize,
    failures: Vec<String>,
}

impl Tally {
    fn fail(&mut self, why: String) {
        eprintln!("==================== {why}");
        self.failures.push(why);
    }
}

/// Goes through every version at once, prints what came of it, and fails if anything is wrong.
fn with_each_version(what: &str, run: impl Fn((u16, u16), &mut Engine, &mut Tally) + Sync) {
    let mut all = BTreeMap::new();
    std::thread::scope(|scope| {
        let running: Vec<_> = engines()
            .into_iter()
            .map(|(version, program)| {
                let run = &run;
                let thread = scope.spawn(move || {
                    let mut tally = Tally::default();
                    run(version, &mut Engine::start(&program), &mut tally);
                    tally
                });
                (version, thread)
            })
            .collect();
        for (version, thread) in running {
            all.insert(version, thread.join().expect("no thread panics alone"));
        }
    });
    let mut differences = 0;
    for ((major, minor), tally) in &all {
        eprintln!(
            "{what}, cilium {major}.{minor}: {} objects of {} sets taken; {} flows compared, {} of them allowed, {} more not decided by the reader, {} left out, {} over which the engine panicked; {} differences",
            tally.objects,
            tally.sets,
            tally.flows,
            tally.allowed,
            tally.undecided,
            tally.left_out,
            tally.panicked,
            tally.failures.len(),
        );
        differences += tally.failures.len();
    }
    assert_eq!(differences, 0, "differences");
    for (version, tally) in &all {
        assert!(
            tally.allowed * 10 > tally.flows && tally.allowed * 20 < tally.flows * 19,
            "{version:?}: {} of {} flows are allowed",
            tally.allowed,
            tally.flows
        );
    }
}

/// Says when enough is done.
struct Bound {
    until: Option<Instant>,
    flows: usize,
}

impl Bound {
    fn of(versions: usize) -> Bound {
        match number("VAUBAN_FLOWS") {
            Some(flows) => Bound {
                until: None,
                flows: flows as usize / versions,
            },
            None => Bound {
                until: Some(
                    Instant::now() + Duration::from_secs(number("VAUBAN_SECONDS").unwrap_or(60)),
                ),
                flows: usize::MAX,
            },
        }
    }

    fn reached(&self, tally: &Tally) -> bool {
        let keep_going = std::env::var_os("VAUBAN_KEEP_GOING").is_some();
        tally.flows >= self.flows
            || self.until.is_some_and(|until| Instant::now() >= until)
            || !keep_going && !tally.failures.is_empty()
    }
}

/// The DNS names that a program speaks of.
fn names(program: &Program) -> Vec<SmolStr> {
    let policies = program.policies.iter();
    let blocks = policies.flat_map(|policy| [&policy.ingress, &policy.egress]);
    let default = program.default.iter();
    let blocks = blocks
        .chain(default.flat_map(|default| [&default.ingress, &default.egress]))
        .flatten();
    let rules = blocks.flat_map(|block| &block.rules);
    let clauses = rules.flat_map(|rule| &rule.clauses);
    let mut names: Vec<SmolStr> = clauses
        .flat_map(|clause| clause.peers.names.iter().cloned())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// How the agents of a program's cluster are run; what it does not say is settled at random.
fn settings(random: &mut Random, program: &Program) -> Settings {
    let cluster = &program.cluster;
    // Where no fact says which families pods have, they may have one of them only.
    let both = |pods: &AddressSet| !pods.v4.is_empty() && !pods.v6.is_empty();
    let known = cluster.ipv4_none || cluster.ipv6_none || cluster.pods.as_ref().is_some_and(both);
    let single = random.chance(15) && !known;
    let networks = |set: &AddressSet| set.networks().iter().map(ToString::to_string).collect();
    Settings {
        ipv4: !cluster.ipv4_none,
        ipv6: !cluster.ipv6_none && !single,
        node_labels: cluster.node_labels,
        extended: cluster.extended_protocols,
        apiserver: cluster.apiserver.as_ref().map(networks).unwrap_or_default(),
        cluster: "default",
        authenticated: false,
    }
}

/// Chooses the pod's own node of a job: whether it is one of the API server's, which every flow to and from it then has to keep to.
struct OwnNode {
    api: bool,
}

impl OwnNode {
    fn choose(random: &mut Random) -> OwnNode {
        OwnNode {
            api: random.chance(30),
        }
    }

    fn may_be(&self, settings: &Settings, peer: &End) -> bool {
        let End::Node(address) = peer else {
            return false;
        };
        let nets = settings.apiserver.iter();
        let mut nets = nets.map(|net| net.parse::<ipnet::IpNet>().unwrap());
        nets.any(|net| net.contains(address)) == self.api
    }
}

/// Compares a program with what the engine makes of its objects.
fn compare(
    origin: &Origin,
    random: &mut Random,
    flows: usize,
    engine: &mut Engine,
    tally: &mut Tally,
) {
    let program = &origin.program;
    let universe = Universe::of(&origin.spec, program);
    let near = origin.objects.iter().collect();
    let draw = Draw::new(program, &universe, near, &origin.objects);
    let settings = settings(random, program);
    let known = names(program);
    let own_node = OwnNode::choose(random);
    let mut asked: Vec<Asked> = Vec::new();
    for _ in 0..flows {
        let Some((mut seen, _)) = draw.flow(random) else {
            continue;
        };
        if let End::Outside { address, names } = &mut seen.flow.peer {
            for name in &known {
                if seen.resolved.iter().any(|real| covers(name, real)) {
                    names.insert(name.clone());
                }
            }
            if address.is_ipv6() && !settings.ipv6 {
                continue;
            }
        }
        if matches!(seen.flow.traffic, Traffic::Icmpv6(..)) && !settings.ipv6 {
            continue;
        }
        asked.push(
            Asked {
                own_node: random.chance(30) && own_node.may_be(&settings, &seen.flow.peer),
                flow: seen.flow,
                resolved: seen.resolved,
                node_labels: seen.foreign_labels,
            }
            .possible(origin.spec.version),
        );
    }
    let (taken, passes) = engine.ask(&settings, &origin.texts, &asked);
    tally.sets += 1;
    tally.objects += taken.accepted;
    for refused in &taken.refused {
        let texts = origin.texts.join("---\n");
        tally.fail(format!(
            "{}: {} is refused: {}\n{texts}",
            origin.name, refused.object, refused.why
        ));
    }
    for (asked, passes) in asked.iter().zip(passes) {
        let flow = &asked.flow;
        let passes = match passes {
            process::Said::Passes(passes) => passes,
            process::Said::Shared => {
                tally.left_out += 1;
                continue;
            }
            process::Said::Broken(why) => {
                let texts = origin.texts.join("---\n");
                tally.fail(format!(
                    "{}: no policy for {flow}: {why}\n{texts}",
                    origin.name
                ));
                return;
            }
            // Of what we emit, nothing may be beyond the engine.
            process::Said::Panicked(why) => {
                tally.fail(format!(
                    "{}: the engine panics over {flow}: {why}\n{}",
                    origin.name,
                    process::input(&settings, &origin.texts, asked),
                ));
                return;
            }
        };
        let meant = decide(program, flow);
        // A pod's own node reaches it whatever is written; the way back is as to any node.
        let own = asked.own_node
            && flow.direction == Direction::Ingress
            && matches!(flow.peer, End::Node(_));
        let wanted = own || meant.verdict == Verdict::Allow;
        tally.flows += 1;
        tally.allowed += usize::from(passes);
        if passes != wanted {
            let texts = origin.texts.join("---\n");
            tally.fail(format!(
                "{}: {:?} {flow}\nthe program: {:?} by {:?}; the engine allows it: {passes}\n{texts}\n{}",
                origin.name,
                flow.direction,
                meant.verdict,
                meant.by,
                process::input(&settings, &origin.texts, asked),
            ));
            return;
        }
    }
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn what_examples_and_corpus_become_is_taken_and_decides_as_they_say() {
    with_each_version("examples and corpus", |version, engine, tally| {
        let mut random = Random::new(number("VAUBAN_SEED").unwrap_or(0) + 1);
        let examples = origins::examples(Target::Cilium, Some(version));
        assert!(!examples.is_empty());
        let corpus = origins::corpus(Target::Cilium, Some(version));
        for origin in examples.iter().chain(&corpus) {
            compare(origin, &mut random, 400, engine, tally);
        }
    });
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn what_random_programs_become_is_taken_and_decides_as_they_say() {
    let bound = Bound::of(engines().len());
    with_each_version("random programs", |version, engine, tally| {
        let mut seed = number("VAUBAN_SEED").unwrap_or(0);
        while !bound.reached(tally) {
            seed += 1;
            if let Some(origin) = origins::random(Target::Cilium, seed, Some(version)) {
                let mut random = Random::new(seed);
                compare(&origin, &mut random, FLOWS_A_JOB, engine, tally);
            }
        }
    });
}

#[test]
#[ignore = "needs the engines: tests/engines/run"]
fn what_the_reader_decides_of_random_manifests_is_what_the_engine_does() {
    let bound = Bound::of(engines().len());
    with_each_version("random manifests", |version, engine, tally| {
        let mut seed = number("VAUBAN_SEED").unwrap_or(0);
        while !bound.reached(tally) {
            seed += 1;
            read_one(seed, version, engine, tally);
        }
    });
}

/// Draws manifests, and compares what the reader says of them with what the engine does.
fn read_one(seed: u64, version: (u16, u16), engine: &mut Engine, tally: &mut Tally) {
    let random = &mut Random::new(seed);
    let dial = Dial {
        version,
        node_labels: random.chance(30),
        extended: version >= (1, 19) && random.chance(40),
    };
    let facts = Facts {
        families: random.below(3),
        apiserver: random.chance(70),
    };
    let manifests = Manifests::draw(random, dial);
    let texts = manifests.texts();
    let cluster = clusters::cluster(facts, dial);
    let namespaces = clusters::namespaces();
    let read = reading(
        texts.iter().map(String::as_str),
        version,
        &cluster,
        &namespaces,
    );
    let (of_all, v6) = clusters::hidden(random, facts);
    let settings = Settings {
        ipv4: of_all.dual || !v6,
        ipv6: of_all.dual || v6,
        node_labels: dial.node_labels,
        extended: dial.extended,
        apiserver: of_all.apiserver.iter().map(ToString::to_string).collect(),
        cluster: of_all.cluster,
        authenticated: of_all.authenticated,
    };
    let own_node = OwnNode::choose(random);
    let mut asked = Vec::new();
    for _ in 0..FLOWS_A_JOB {
        let (one, _) = clusters::hidden(random, facts);
        let hidden = manifests::engine::Hidden {
            own_node: one.own_node,
            node_labels: one.node_labels,
            resolved: one.resolved,
            ..of_all.clone()
        };
        let drawn = manifests::engine::Engine {
            manifests: &manifests,
            dial,
            hidden: &hidden,
        };
        let v6 = match of_all.dual {
            true => random.chance(40),
            false => v6,
        };
        let flow = clusters::flow(random, &drawn, v6);
        asked.push(
            Asked {
                own_node: hidden.own_node && own_node.may_be(&settings, &flow.peer),
                flow,
                resolved: hidden.resolved.iter().map(ToString::to_string).collect(),
                node_labels: hidden.node_labels,
            }
            .possible(version),
        );
    }
    let (taken, passes) = engine.ask(&settings, &texts, &asked);
    let whole = || texts.join("---\n");
    tally.sets += 1;
    tally.objects += taken.accepted;
    if !taken.refused.is_empty() || !read.faults.is_empty() {
        tally.fail(format!(
            "seed {seed}, {dial:?}: refused by the engine: {:#?}; by the reader: {:#?}\n{}",
            taken.refused,
            read.faults,
            whole()
        ));
        return;
    }
    let mut told = false;
    for (asked, passes) in asked.iter().zip(passes) {
        let flow = &asked.flow;
        // A pod's own node reaches it whatever is written; where a deny might meet it, the reader decides nothing.
        let own = asked.own_node
            && flow.direction == Direction::Ingress
            && matches!(flow.peer, End::Node(_));
        let said = read.says(flow);
        match &passes {
            process::Said::Shared => {
                tally.left_out += 1;
                continue;
            }
            // Anybody's manifests may be beyond the engine, which says nothing about the reader.
            process::Said::Panicked(why) => {
                if !told {
                    eprintln!(
                        "seed {seed}, {dial:?}: the engine panics over {flow}: {why}\n{}",
                        process::input(&settings, &texts, asked)
                    );
                }
                told = true;
                tally.panicked += 1;
                continue;
            }
            process::Said::Passes(_) | process::Said::Broken(_) => {}
        }
        if let Said::Nothing(_) = said {
            tally.undecided += 1;
            continue;
        }
        tally.flows += 1;
        tally.allowed += usize::from(passes == process::Said::Passes(true));
        if passes != process::Said::Passes(own || said == Said::Allowed) {
            tally.fail(format!(
                "seed {seed}, {dial:?}, {facts:?}: {:?} {flow}\nthe reader: {said:?}; the engine: {passes:?}\n{}\n{}",
                flow.direction,
                whole(),
                process::input(&settings, &texts, asked),
            ));
            return;
        }
    }
}
