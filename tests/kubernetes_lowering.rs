//! The lowering to NetworkPolicy against the definition, without the language: random programs of the model, every emitted object read back by an
//! interpreter that shares no code with the emitter, flows steered to the edges of the rules.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod interpreters;

use std::collections::BTreeMap;
use std::net::IpAddr;

use smol_str::SmolStr;

use interpreters::Seen;
use interpreters::kubernetes::{Cluster as Engine, Reading};
use vauban::backend::{LogPolicy, Object, Spec, kubernetes};
use vauban::diagnostic::{Diagnostics, Severity};
use vauban::meaning::{Verdict, decide};
use vauban::model::{
    Action, Block, Clause, Cluster, Cni, DefaultPolicy, Namespace, Otherwise, Overlay, Policy,
    PolicyId, Program, Rule, Target, Tier, TierId,
};
use vauban::source::{FileId, Span};
use vauban::space::{
    AddressSet, Direction, End, EndpointSet, Flow, Namespaces, Pod, Pods, PortSet, Same, Selector,
    Traffic, Transport, ValueSet,
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

fn span(at: usize) -> Span {
    Span::new(FileId(0), at, at + 1)
}

fn nets(nets: &[&str]) -> AddressSet {
    nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    })
}

const KEYS: [&str; 3] = ["app", "role", "tier"];
const VALUES: [&str; 3] = ["x", "y", "z"];

fn values(random: &mut Random) -> ValueSet {
    let some = |random: &mut Random| {
        let count = 1 + random.below(2);
        (0..count)
            .map(|_| random.pick(&VALUES))
            .collect::<Vec<&str>>()
    };
    match random.below(8) {
        0..4 => ValueSet::one(random.pick(&VALUES)),
        4 => ValueSet::among(some(random)),
        5 => ValueSet::not_among(some(random)),
        6 => ValueSet::present(),
        _ => ValueSet::absent(),
    }
}

fn selector(random: &mut Random) -> Selector {
    let mut selector = Selector::any();
    for key in KEYS {
        if random.chance(30) {
            selector = selector.with(key, &values(random));
        }
    }
    selector
}

fn namespaces(random: &mut Random, peer: bool) -> Namespaces {
    match random.below(if peer { 10 } else { 7 }) {
        0..3 => Namespaces::named(random.pick(&["blue", "green", "shop"])),
        3 => Namespaces {
            names: ValueSet::among(["blue", "shop"]),
            ..Namespaces::any()
        },
        4 => Namespaces {
            labels: Selector::any().with("env", &ValueSet::one(random.pick(&["prod", "dev"]))),
            ..Namespaces::any()
        },
        5 | 6 => Namespaces::any(),
        7 | 8 => Namespaces {
            same: vec![Same::Namespace(random.chance(80))],
            ..Namespaces::any()
        },
        _ => Namespaces {
            same: vec![Same::Label("env".into(), random.chance(60))],
            ..Namespaces::any()
        },
    }
}

fn pods(random: &mut Random, peer: bool) -> Pods {
    Pods {
        namespaces: namespaces(random, peer),
        labels: selector(random),
        ..Pods::any()
    }
}

const NETS: [&str; 6] = [
    "203.0.113.0/24",
    "203.0.113.7/32",
    "172.16.0.0/12",
    "172.18.0.1/32",
    "10.0.0.0/8",
    "198.51.100.128/25",
];

fn peers(random: &mut Random) -> EndpointSet {
    let mut set = match random.below(12) {
        0..6 => EndpointSet::of_pods([pods(random, true)]),
        6 => EndpointSet::of_pods([pods(random, true), pods(random, true)]),
        7 | 8 => EndpointSet::of_outside(
            nets(&[random.pick(&NETS)]).subtract(&nets(&["172.16.66.0/24"])),
        ),
        9 => EndpointSet::of_outside(AddressSet::full()),
        10 => EndpointSet {
            nodes: AddressSet::full(),
            ..EndpointSet::empty()
        },
        _ => EndpointSet::anywhere(),
    };
    if random.chance(10) {
        let less = peers(random);
        if let Some(rest) = set.subtract(&less)
            && !rest.is_empty()
        {
            set = rest;
        }
    }
    set
}

fn ports(random: &mut Random) -> PortSet {
    match random.below(12) {
        0..3 => PortSet::all(),
        3..8 => {
            let port = random.pick(&[53, 80, 443, 8080]);
            PortSet::of(
                random.pick(&[Transport::Tcp, Transport::Tcp, Transport::Udp]),
                port,
                port,
            )
        }
        8 => PortSet::of(Transport::Tcp, 80, 8080),
        9 => PortSet::of(Transport::Tcp, 53, 53).union(&PortSet::of(Transport::Udp, 53, 53)),
        10 => PortSet::of(Transport::Tcp, 1, u16::MAX),
        _ => PortSet::of_named(Transport::Tcp, "web"),
    }
}

struct Made<'a> {
    random: &'a mut Random,
    spans: usize,
}

impl Made<'_> {
    fn span(&mut self) -> Span {
        self.spans += 1;
        span(self.spans)
    }

    fn block(&mut self, pass: bool) -> Block {
        let count = self.random.below(4);
        let rules = (0..count)
            .map(|_| {
                let action = match self.random.below(10) {
                    0..5 => Action::Allow,
                    5..8 => Action::Deny,
                    8 if pass => Action::Pass,
                    _ => Action::Allow,
                };
                let clauses = 1 + usize::from(self.random.chance(15));
                Rule {
                    action,
                    log: false,
                    clauses: (0..clauses)
                        .map(|_| Clause {
                            subject: self
                                .random
                                .chance(5)
                                .then(|| vec![pods(self.random, false)]),
                            peers: peers(self.random),
                            ports: ports(self.random),
                        })
                        .collect(),
                    dns: false,
                    because: None,
                    ticket: None,
                    until: None,
                    excused: Vec::new(),
                    doc: Vec::new(),
                    text: "a rule".into(),
                    span: self.span(),
                }
            })
            .collect();
        Block {
            rules,
            span: self.span(),
        }
    }

    fn subject(&mut self) -> Vec<Pods> {
        let count = 1 + usize::from(self.random.chance(20));
        (0..count).map(|_| pods(self.random, false)).collect()
    }

    fn blocks(&mut self, pass: bool) -> (Option<Block>, Option<Block>) {
        let which = self.random.below(3);
        let ingress = (which != 0).then(|| self.block(pass));
        let egress = (which != 1).then(|| self.block(pass));
        (ingress, egress)
    }
}

fn program(random: &mut Random) -> Program {
    let mut cluster = Cluster::unknown();
    cluster.pods = Some(nets(&["10.244.0.0/16", "fd00:1::/48"]));
    cluster.services = Some(nets(&["10.96.0.0/12"]));
    cluster.nodes = Some(nets(&["192.168.10.0/24", "fd00:2::/64"]));
    cluster.namespaces_closed = true;
    cluster.sctp = true;
    if random.chance(80) {
        cluster.cni = Some(Cni::Calico);
        cluster.overlay = Some(Overlay::None);
    }
    let namespace = |name: &str, labels: &[(&str, &str)], at| Namespace {
        name: name.into(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        span: span(at),
    };
    let mut made = Made { random, spans: 10 };
    let tiers: Vec<Tier> = (0..1 + made.random.below(3))
        .map(|at| Tier {
            name: format!("t{at}").into(),
            otherwise: if made.random.chance(40) {
                Otherwise::Deny
            } else {
                Otherwise::Pass
            },
            doc: Vec::new(),
            span: made.span(),
        })
        .collect();
    let mut policies: Vec<Policy> = Vec::new();
    for tier in 0..tiers.len() as u32 {
        let first = policies.len() as u32;
        for at in 0..made.random.below(4) as u32 {
            let (ingress, egress) = made.blocks(true);
            policies.push(Policy {
                name: format!("p{tier}{at}").into(),
                folder: "team".into(),
                owner: "team".into(),
                file: "team/a.vau".into(),
                tier: TierId(tier),
                staged: false,
                after: (first..first + at).map(PolicyId).collect(),
                depth: at,
                subject: made.subject(),
                ingress,
                egress,
                doc: Vec::new(),
                span: made.span(),
            });
        }
    }
    let default = made.random.chance(50).then(|| {
        let (ingress, egress) = made.blocks(false);
        DefaultPolicy {
            file: "cluster.vau".into(),
            subject: if made.random.chance(70) {
                vec![Pods::any()]
            } else {
                made.subject()
            },
            ingress,
            egress,
            doc: Vec::new(),
            span: made.span(),
        }
    });
    Program {
        project: "proof".into(),
        cluster,
        namespaces: vec![
            namespace("blue", &[("env", "prod")], 1),
            namespace("green", &[("env", "dev")], 2),
            namespace("shop", &[], 3),
        ],
        undeclared: Vec::new(),
        teams: Vec::new(),
        tiers,
        policies,
        default,
        raws: Vec::new(),
        tests: Vec::new(),
        guards: Vec::new(),
        names: Vec::new(),
    }
}

fn pod(random: &mut Random, program: &Program) -> Pod {
    let home = random.pick(&program.namespaces);
    let mut labels = BTreeMap::new();
    for key in KEYS {
        if random.chance(60) {
            labels.insert(
                SmolStr::from(key),
                SmolStr::from(random.pick(&["x", "y", "z", "other"])),
            );
        }
    }
    let mut named_ports = BTreeMap::new();
    if random.chance(50) {
        named_ports.insert(
            (Transport::Tcp, SmolStr::from("web")),
            random.pick(&[80, 8080, 9999]),
        );
    }
    Pod {
        namespace: home.name.clone(),
        namespace_labels: home.labels.iter().cloned().collect(),
        labels,
        service_account: "default".into(),
        named_ports,
    }
}

fn seen(random: &mut Random, program: &Program) -> Seen {
    let v4 = random.chance(80);
    let address =
        |four: &str, six: &str| -> IpAddr { if v4 { four } else { six }.parse().unwrap() };
    let peer_pod = address("10.244.2.2", "fd00:1::2");
    let (peer, peer_address) = match random.below(4) {
        0 | 1 => (End::Pod(pod(random, program)), peer_pod),
        2 => {
            let node = address("192.168.10.9", "fd00:2::9");
            (End::Node(node), node)
        }
        _ => {
            let outside = if v4 {
                random
                    .pick(&[
                        "203.0.113.7",
                        "203.0.113.8",
                        "172.18.0.1",
                        "172.16.66.3",
                        "10.1.1.1",
                        "8.8.8.8",
                        "198.51.100.200",
                    ])
                    .parse()
                    .unwrap()
            } else {
                "2001:db8::1".parse().unwrap()
            };
            (
                End::Outside {
                    address: outside,
                    names: Default::default(),
                },
                outside,
            )
        }
    };
    let port = random.pick(&[1, 53, 80, 81, 443, 8080, 8081, 9999, 65535]);
    Seen {
        flow: Flow {
            direction: random.pick(&Direction::BOTH),
            subject: pod(random, program),
            peer,
            traffic: Traffic::Port(
                random.pick(&[
                    Transport::Tcp,
                    Transport::Tcp,
                    Transport::Udp,
                    Transport::Sctp,
                ]),
                port,
            ),
        },
        subject_address: address("10.244.1.1", "fd00:1::1"),
        peer_address,
        resolved: Vec::new(),
        foreign_labels: Vec::new(),
    }
}

fn spec() -> Spec {
    Spec {
        name: "prod".into(),
        backend: Target::Kubernetes,
        version: (1, 33),
        log: LogPolicy::Ignore,
    }
}

fn emitted(program: &Program) -> (Vec<Object>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let objects = kubernetes::emit(program, &spec(), &mut diagnostics);
    (objects, diagnostics)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[test]
fn emitted_policies_decide_as_the_program() {
    let first = number("VAUBAN_SEED", 1);
    let programs = number("VAUBAN_PROGRAMS", 400);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut faithful = 0usize;
    for seed in first..first + programs {
        let mut random = Random(seed);
        let program = program(&mut random);
        let (objects, diagnostics) = emitted(&program);
        for diagnostic in diagnostics.iter() {
            assert_ne!(
                diagnostic.name, "lowering-not-exact",
                "seed {seed}: {diagnostic:?}"
            );
            assert_ne!(
                diagnostic.name, "rejected-object",
                "seed {seed}: {diagnostic:?}"
            );
            *reasons.entry(diagnostic.name).or_default() += 1;
        }
        if diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
        {
            assert!(objects.is_empty());
            continue;
        }
        faithful += 1;
        let engine = Engine::parse(objects.iter().map(|object| &*object.text))
            .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        for _ in 0..300 {
            let seen = seen(&mut random, &program);
            let meant = decide(&program, &seen.flow);
            for blocks_meet_pods in [false, true] {
                for blocks_meet_nodes in [false, true] {
                    if program.cluster.cni == Some(Cni::Calico) && !blocks_meet_nodes {
                        continue;
                    }
                    let reading = Reading {
                        blocks_meet_pods,
                        blocks_meet_nodes,
                    };
                    let done = engine.decide(&seen, reading);
                    assert_eq!(
                        done.allowed,
                        meant.verdict == Verdict::Allow,
                        "seed {seed}: {}\nmeant: {meant:?}\ndone: {}\n{}",
                        seen.flow,
                        done.why,
                        objects
                            .iter()
                            .map(|object| object.text.as_str())
                            .collect::<Vec<_>>()
                            .join("---\n"),
                    );
                }
            }
        }
    }
    eprintln!("{faithful} of {programs} programs lowered; refusals: {reasons:?}");
    assert!(
        faithful * 3 > programs as usize,
        "too many refusals: {reasons:?}"
    );
}
