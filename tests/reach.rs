//! Who reaches whom: for random programs and random pods, every cell that is looked at is what the definition decides of the flow at both ends.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried (default 15,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
#[path = "interpreters/mod.rs"]
mod interpreters;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use generator::Random;
use generator::project::Project;
use generator::random::{self, ACCOUNTS, Dial, LABELS, PORT_NAMES};
use vauban::analyze::inventory::Workload;
use vauban::analyze::reach::{Focus, Kind, Place};
use vauban::analyze::{Inventory, Reach, Side};
use vauban::backend::read::Unread;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, Prove, TargetInput, compile};
use vauban::meaning::{Verdict, decide, in_box};
use vauban::model::{Program, Target};
use vauban::source::{FileId, Span};
use vauban::space::{Direction, End, Flow, FlowBox, Pod, PortSet, Traffic, Transport};

fn number(name: &str, otherwise: usize) -> usize {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// The side of a random project, if it compiles.
fn side(project: &Project, dial: &Dial) -> Option<Side> {
    let spec = Spec {
        name: "t".into(),
        backend: dial.target,
        version: dial.version,
        log: LogPolicy::Ignore,
    };
    let world = project.world();
    let compiled = compile(&Input {
        world: &world,
        project: "reach".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![TargetInput {
            spec: spec.clone(),
            cluster: None,
            without: Vec::new(),
            namespaces: Vec::new(),
        }],
        lints: BTreeMap::new(),
        proof: Prove::Nothing,
    });
    // What a target cannot say has a meaning all the same.
    let program = compiled.targets[0].program.clone()?;
    let resolved = compiled
        .diagnostics
        .iter()
        .all(|one| one.target.is_some() || one.severity != vauban::diagnostic::Severity::Error);
    resolved.then(|| Side::of_project("random", spec, program, compiled.sources))
}

/// Random pods, most of them with labels that the program asks about.
fn inventory(random: &mut Random, program: &Program) -> Inventory {
    let mut workloads: Vec<Workload> = Vec::new();
    for at in 0..12 {
        let mut pod = Pod {
            service_account: (*random.pick(ACCOUNTS)).into(),
            ..Pod::default()
        };
        match program.namespaces.is_empty() || random.chance(15) {
            true => pod.namespace = "elsewhere".into(),
            false => {
                let namespace = random.pick(&program.namespaces);
                pod.namespace = namespace.name.clone();
                pod.namespace_labels = namespace.labels.iter().cloned().collect();
            }
        }
        for (key, values) in LABELS {
            if random.chance(35) {
                let value = *random.pick(values);
                pod.labels.insert((*key).into(), value.into());
            }
        }
        for name in PORT_NAMES {
            if random.chance(50) {
                let port = *random.pick(&[80u16, 443, 8080, 9090]);
                pod.named_ports
                    .insert((Transport::Tcp, (*name).into()), port);
            }
        }
        workloads.push(Workload {
            name: format!("{}/pod/p{at:02}", pod.namespace).into(),
            pod,
            host_network: false,
            span: Span::new(FileId(0), 0, 0),
        });
    }
    workloads.sort_by(|a, b| a.name.cmp(&b.name));
    Inventory {
        workloads,
        ..Inventory::default()
    }
}

/// A part that is as if it had not been understood: what a rule matches.
fn unread(random: &mut Random, program: &Program) -> Vec<Unread> {
    let mut parts = Vec::new();
    for policy in &program.policies {
        for direction in Direction::BOTH {
            let rules = policy
                .block(direction)
                .into_iter()
                .flat_map(|block| &block.rules);
            for clause in rules.flat_map(|rule| &rule.clauses) {
                if random.chance(40) {
                    let flows = policy.subject.iter().map(|subject| FlowBox {
                        subject: subject.clone(),
                        peers: clause.peers.clone(),
                        ports: clause.ports.clone(),
                    });
                    parts.push(Unread {
                        object: policy.name.clone(),
                        direction,
                        flows: flows.collect(),
                        why: "by chance".to_owned(),
                        span: policy.span,
                    });
                }
            }
        }
    }
    parts
}

/// An end of a place: of addresses, one of them.
fn end(random: &mut Random, place: &Place) -> End {
    let mut all: Vec<IpAddr> = Vec::new();
    for (low, high) in place.addresses.v4.iter() {
        all.extend([low, high, low + (high - low) / 2].map(|at| IpAddr::V4(at.into())));
    }
    for (low, high) in place.addresses.v6.iter() {
        all.extend([low, high, low + (high - low) / 2].map(|at| IpAddr::V6(at.into())));
    }
    match &place.end {
        End::Node(_) => End::Node(*random.pick(&all)),
        End::Outside { names, .. } if place.kind == Kind::Outside => End::Outside {
            address: *random.pick(&all),
            names: names.clone(),
        },
        other => other.clone(),
    }
}

fn traffic(random: &mut Random, ports: &[u16]) -> Traffic {
    match random.below(12) {
        0 => Traffic::Icmp(8, 0),
        1 => Traffic::Icmpv6(128, 0),
        2 => Traffic::Protocol(47),
        3 => Traffic::Port(Transport::Sctp, *random.pick(ports)),
        4 | 5 => Traffic::Port(Transport::Udp, *random.pick(ports)),
        _ => Traffic::Port(Transport::Tcp, *random.pick(ports)),
    }
}

/// The ports at the edges of what a program mentions.
fn edges(program: &Program) -> Vec<u16> {
    let mut ports = BTreeSet::from([1, 53, 80, 443, 8080, 9090, 65535]);
    for policy in &program.policies {
        let blocks = policy.ingress.iter().chain(&policy.egress);
        let rules = blocks.flat_map(|block| &block.rules);
        for clause in rules.flat_map(|rule| &rule.clauses) {
            for transport in Transport::ALL {
                for (low, high) in clause.ports.transport(transport).iter() {
                    ports.extend([
                        low,
                        high,
                        low.saturating_sub(1).max(1),
                        high.saturating_add(1),
                    ]);
                }
            }
        }
    }
    ports.into_iter().collect()
}

fn holds(ports: &PortSet, traffic: Traffic) -> bool {
    let message = |kind: u8, code: u8| u16::from(kind) << 8 | u16::from(code);
    match traffic {
        Traffic::Port(transport, port) => ports.transport(transport).contains(port),
        Traffic::Icmp(kind, code) => ports.icmp.contains(message(kind, code)),
        Traffic::Icmpv6(kind, code) => ports.icmpv6.contains(message(kind, code)),
        Traffic::Protocol(number) => ports.other.contains(number),
    }
}

/// What becomes of a flow: `Some(true)` gets through, `None` is not decided.
fn expected(side: &Side, flows: &[Flow]) -> Option<bool> {
    let mut sure = true;
    for flow in flows {
        let doubted = side.unread.iter().any(|part| {
            part.direction == flow.direction && part.flows.iter().any(|flows| in_box(flows, flow))
        });
        if doubted {
            sure = false;
        } else if decide(&side.program, flow).verdict == Verdict::Deny {
            return Some(false);
        }
    }
    sure.then_some(true)
}

fn targets() -> Vec<Dial> {
    let dial = |target, version, cni| Dial {
        target,
        version,
        cni,
        daring: 20,
    };
    vec![
        dial(Target::Calico, (3, 30), None),
        dial(Target::Cilium, (1, 19), None),
        dial(Target::Kubernetes, (1, 33), Some("calico")),
    ]
}

#[test]
fn every_cell_is_what_is_decided() {
    let due = number("VAUBAN_FLOWS", 15_000);
    let mut seed = number("VAUBAN_SEED", 1) as u64;
    let (mut tried, mut passed, mut undecided, mut programs) = (0, 0, 0, 0);
    while tried < due {
        seed += 1;
        let mut random = Random::new(seed);
        let dial = *random.pick(&targets());
        let project = random::project(&mut random, &dial);
        let Some(mut side) = side(&project, &dial) else {
            continue;
        };
        programs += 1;
        if random.chance(60) {
            side.unread = unread(&mut random, &side.program);
        }
        let inventory = match random.chance(70) {
            true => inventory(&mut random, &side.program),
            false => Inventory::default(),
        };
        let focus = Focus {
            exposure: random.chance(40),
            ..Focus::default()
        };
        let reach = Reach::of(&side, &inventory, &focus).unwrap();
        whole(&reach, seed);
        let ports = edges(&side.program);
        for _ in 0..200 {
            let from = random.below(reach.groups.len());
            let to = random.below(reach.groups.len());
            if !reach.is_pods(from) && !reach.is_pods(to) {
                continue;
            }
            let source = &reach.places[*random.pick(&reach.groups[from])];
            let destination = &reach.places[*random.pick(&reach.groups[to])];
            let (source, destination) = (end(&mut random, source), end(&mut random, destination));
            let traffic = traffic(&mut random, &ports);
            let mut flows = Vec::new();
            if let End::Pod(pod) = &source {
                flows.push(Flow {
                    direction: Direction::Egress,
                    subject: pod.clone(),
                    peer: destination.clone(),
                    traffic,
                });
            }
            if let End::Pod(pod) = &destination {
                flows.push(Flow {
                    direction: Direction::Ingress,
                    subject: pod.clone(),
                    peer: source,
                    traffic,
                });
            }
            if !flows.iter().all(|flow| side.universe.holds(flow)) {
                continue;
            }
            let cell = &reach.cells[reach.cell(from, to)];
            let found = match (
                holds(&cell.allowed, traffic),
                holds(&cell.undecided, traffic),
            ) {
                (true, false) => Some(true),
                (false, true) => None,
                (false, false) => Some(false),
                (true, true) => panic!("seed {seed}: both allowed and not decided"),
            };
            let expected = expected(&side, &flows);
            assert_eq!(
                found,
                expected,
                "seed {seed}, {:?}: {}\n{cell:?}\nfrom {:?}\nto {:?}",
                dial.target,
                flows[0],
                reach.places[reach.groups[from][0]],
                reach.places[reach.groups[to][0]]
            );
            tried += 1;
            passed += usize::from(expected == Some(true));
            undecided += usize::from(expected.is_none());
        }
    }
    // The test looks at all three answers.
    assert!(passed * 20 > tried, "only {passed} of {tried} get through");
    assert!(
        undecided * 200 > tried,
        "only {undecided} of {tried} are not decided"
    );
    assert!(programs > 20);
}

/// Every end is in one group, and the edges say every pair of groups once.
fn whole(reach: &Reach, seed: u64) {
    let members: Vec<usize> = reach.groups.iter().flatten().copied().collect();
    let all: BTreeSet<usize> = members.iter().copied().collect();
    assert_eq!(
        members.len(),
        all.len(),
        "seed {seed}: an end is in two groups"
    );
    assert_eq!(
        all.len(),
        reach.places.len(),
        "seed {seed}: an end is in no group"
    );
    let mut said: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for edge in reach.edges() {
        for from in reach.groups_of(&edge.from) {
            for to in reach.groups_of(&edge.to) {
                let before = said.insert((from, to), edge.cell);
                assert_eq!(before, None, "seed {seed}: {from} to {to} is said twice");
            }
        }
    }
    for from in 0..reach.groups.len() {
        for to in 0..reach.groups.len() {
            let cell = reach.cell(from, to);
            let due = (cell != 0).then_some(cell);
            assert_eq!(
                said.get(&(from, to)).copied(),
                due,
                "seed {seed}: {from} to {to}"
            );
        }
    }
}
