//! Random programs, built as models and not from text: what Calico's backend emits decides every flow as the program does, by the
//! interpreter that shares no code with it. Programs here say more than text can (pods that no selector of the language makes).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
mod interpreters;

use std::collections::BTreeMap;
use std::net::IpAddr;

use generator::Random;
use interpreters::{Seen, calico};
use smol_str::SmolStr;
use vauban::backend::{self, LogPolicy, Spec};
use vauban::diagnostic::Diagnostics;
use vauban::meaning;
use vauban::model::{
    Action, Block, Clause, Cluster, DefaultPolicy, Namespace, Otherwise, Overlay, Policy, PolicyId,
    Program, Rule, Target, Tier, TierId,
};
use vauban::source::{FileId, Span};
use vauban::space::{
    AddressSet, Direction, End, EndpointSet, Flow, Namespaces, Pod, Pods, PortSet, Ranges, Same,
    Selector, Traffic, Transport, ValueSet, subtract_pods,
};

const SPAN: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};
const KEYS: &[&str] = &["app", "role", "app.kubernetes.io/name"];
const NAMESPACE_KEYS: &[&str] = &["env", "team"];
const VALUES: &[&str] = &["a", "b", "c"];
const NAMES: &[&str] = &["blue", "green", "kube-system", "shop"];
const NETS: &[&str] = &[
    "203.0.113.0/24",
    "203.0.113.7/32",
    "172.16.0.0/12",
    "10.0.0.0/8",
    "2001:db8::/32",
    "2001:db8::7/128",
    "fd00::/8",
];

fn addresses(nets: &[&str]) -> AddressSet {
    nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    })
}

fn values(random: &mut Random, absent: bool) -> ValueSet {
    let mut some: Vec<Option<SmolStr>> = Vec::new();
    for value in VALUES {
        if random.chance(40) {
            some.push(Some((*value).into()));
        }
    }
    if absent && random.chance(30) {
        some.insert(0, None);
    }
    if some.is_empty() {
        some.push(Some("a".into()));
    }
    if random.chance(50) {
        ValueSet::In(some)
    } else {
        ValueSet::NotIn(some)
    }
}

fn selector(random: &mut Random, keys: &[&str]) -> Selector {
    let mut selector = Selector::any();
    for key in keys {
        if random.chance(35) {
            selector = selector.with(key, &values(random, true));
        }
    }
    selector
}

fn namespaces(random: &mut Random, peer: bool) -> Namespaces {
    let name = |random: &mut Random| *random.pick(NAMES);
    let names = match random.below(10) {
        0..=3 => ValueSet::one(name(random)),
        4..=5 => ValueSet::among([name(random), name(random)]),
        6 => ValueSet::not_among([name(random), name(random)]),
        _ => ValueSet::any(),
    };
    let mut same = Vec::new();
    if peer && random.chance(20) {
        same.push(match random.below(3) {
            0 => Same::Namespace(random.chance(70)),
            _ => Same::Label("team".into(), random.chance(60)),
        });
    }
    Namespaces {
        names,
        labels: if random.chance(30) {
            selector(random, NAMESPACE_KEYS)
        } else {
            Selector::any()
        },
        same,
    }
}

fn pods(random: &mut Random, peer: bool) -> Pods {
    Pods {
        namespaces: namespaces(random, peer),
        labels: selector(random, KEYS),
        service_account: if random.chance(15) {
            values(random, false)
        } else {
            ValueSet::any()
        },
    }
}

fn peers(random: &mut Random) -> EndpointSet {
    let some_pods = |random: &mut Random| -> Vec<Pods> {
        (0..1 + random.below(2))
            .map(|_| pods(random, true))
            .collect()
    };
    let nets = |random: &mut Random| {
        let some: Vec<&str> = (0..1 + random.below(3))
            .map(|_| *random.pick(NETS))
            .collect();
        let minus: Vec<&str> = (0..random.below(3)).map(|_| *random.pick(NETS)).collect();
        addresses(&some).subtract(&addresses(&minus))
    };
    let mut set = EndpointSet::empty();
    match random.below(12) {
        0..=3 => set.pods = some_pods(random),
        4 => set.outside = nets(random),
        5 => {
            set.outside = nets(random);
            set.pods = some_pods(random);
        }
        6 => set.outside = AddressSet::full(),
        7 => set.nodes = AddressSet::full(),
        8 => {
            set = EndpointSet::anywhere();
            set.pods = subtract_pods(&set.pods, &[pods(random, false)]);
        }
        9 => {
            set = EndpointSet::anywhere();
            set.outside = set.outside.subtract(&nets(random));
            if random.chance(50) {
                set.pods = some_pods(random);
            }
        }
        10 => set.nodes = addresses(&["192.168.10.1/32"]),
        _ => set = EndpointSet::anywhere(),
    }
    set.pods.retain(|pods| !pods.is_empty());
    if set.is_empty() {
        EndpointSet::anywhere()
    } else {
        set
    }
}

fn ports(random: &mut Random) -> PortSet {
    let mut set = PortSet::empty();
    for _ in 0..1 + random.below(2) {
        let transport = *random.pick(&Transport::ALL);
        let one = match random.below(10) {
            0..=3 => PortSet::of(transport, 80, 80 + random.below(4) as u16),
            4 => PortSet::of(transport, 1, u16::MAX),
            5 | 6 => PortSet::of_named(transport, *random.pick(&["http", "metrics"])),
            7 => PortSet {
                icmp: Ranges::of(8 << 8, (8 << 8) + [0, 255][random.below(2)]),
                icmpv6: if random.chance(50) {
                    Ranges::full()
                } else {
                    Ranges::empty()
                },
                ..PortSet::empty()
            },
            8 => PortSet {
                other: Ranges::of(47, 47),
                ..PortSet::empty()
            },
            _ => return PortSet::all(),
        };
        set = set.union(&one);
    }
    set
}

fn rule(random: &mut Random, passes: bool, subject: &[Pods], direction: Direction) -> Rule {
    let action = match random.below(if passes { 10 } else { 8 }) {
        0..=4 => Action::Allow,
        5..=6 => Action::Deny,
        7 => Action::Log,
        _ => Action::Pass,
    };
    let clauses = (0..1 + random.below(2))
        .map(|_| {
            let narrowed = subject[0].intersect(&pods(random, false));
            Clause {
                subject: (random.chance(15)
                    && direction == Direction::Ingress
                    && !narrowed.is_empty())
                .then(|| vec![narrowed]),
                peers: peers(random),
                ports: ports(random),
            }
        })
        .collect();
    Rule {
        action,
        log: action != Action::Log && random.chance(10),
        clauses,
        dns: false,
        because: None,
        ticket: None,
        until: None,
        excused: Vec::new(),
        doc: Vec::new(),
        text: "a rule".into(),
        span: SPAN,
    }
}

fn block(
    random: &mut Random,
    passes: bool,
    subject: &[Pods],
    direction: Direction,
) -> Option<Block> {
    random.chance(60).then(|| Block {
        rules: (0..random.below(4))
            .map(|_| rule(random, passes, subject, direction))
            .collect(),
        span: SPAN,
    })
}

fn subject(random: &mut Random) -> Vec<Pods> {
    let mut subject: Vec<Pods> = (0..1 + random.below(2))
        .map(|_| pods(random, false))
        .collect();
    subject.retain(|pods| !pods.is_empty());
    if subject.is_empty() {
        vec![Pods::any()]
    } else {
        subject
    }
}

fn program(random: &mut Random) -> Program {
    let labels = |random: &mut Random| {
        let mut labels = Vec::new();
        for key in NAMESPACE_KEYS {
            if random.chance(70) {
                labels.push(((*key).into(), (*random.pick(VALUES)).into()));
            }
        }
        labels
    };
    let namespaces = NAMES
        .iter()
        .map(|name| Namespace {
            name: (*name).into(),
            labels: labels(random),
            span: SPAN,
        })
        .collect();
    let dual = random.chance(50);
    let both = |v4: &str, v6: &str| Some(addresses(&[v4, v6][..if dual { 2 } else { 1 }]));
    let cluster = Cluster {
        name: "test".into(),
        pods: both("10.244.0.0/16", "fd00:10:244::/56"),
        services: both("10.96.0.0/12", "fd00:10:96::/112"),
        nodes: both("192.168.10.0/24", "fd00:192::/64"),
        ipv6_none: !dual,
        namespaces_closed: random.chance(80),
        overlay: Some(*random.pick(&[Overlay::None, Overlay::Ipip, Overlay::Vxlan])),
        ..Cluster::unknown()
    };
    let mut tiers = Vec::new();
    let mut policies = Vec::new();
    for at in 0..1 + random.below(3) {
        let otherwise = *random.pick(&[Otherwise::Pass, Otherwise::Deny, Otherwise::DenyAndLog]);
        tiers.push(Tier {
            name: format!("tier-{at}").into(),
            otherwise,
            doc: Vec::new(),
            span: SPAN,
        });
        let first = policies.len() as u32;
        for depth in 0..random.below(4) as u32 {
            let subject = subject(random);
            policies.push(Policy {
                name: format!("p{depth}").into(),
                folder: SmolStr::default(),
                owner: format!("team-{at}").into(),
                file: "a.vau".into(),
                tier: TierId(at as u32),
                staged: random.chance(5),
                after: (0..depth).map(|n| PolicyId(first + n)).collect(),
                depth,
                ingress: block(random, true, &subject, Direction::Ingress),
                egress: block(random, true, &subject, Direction::Egress),
                subject,
                doc: Vec::new(),
                span: SPAN,
            });
        }
    }
    let default = random.chance(60).then(|| {
        let subject = subject(random);
        DefaultPolicy {
            file: "a.vau".into(),
            ingress: block(random, false, &subject, Direction::Ingress),
            egress: block(random, false, &subject, Direction::Egress),
            subject,
            doc: Vec::new(),
            span: SPAN,
        }
    });
    Program {
        project: "test".into(),
        cluster,
        namespaces,
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
    let labels = |random: &mut Random, keys: &[&str]| -> BTreeMap<SmolStr, SmolStr> {
        let mut labels = BTreeMap::new();
        for key in keys {
            if random.chance(65) {
                let value = *random.pick(&["a", "b", "c", "fresh"]);
                labels.insert((*key).into(), value.into());
            }
        }
        labels
    };
    let (namespace, namespace_labels) = if program.cluster.namespaces_closed || random.chance(85) {
        let namespace = random.pick(&program.namespaces);
        (
            namespace.name.clone(),
            namespace.labels.iter().cloned().collect(),
        )
    } else {
        ("mystery".into(), labels(random, NAMESPACE_KEYS))
    };
    let mut named_ports = BTreeMap::new();
    for name in ["http", "metrics"] {
        if random.chance(50) {
            let transport = *random.pick(&Transport::ALL);
            named_ports.insert((transport, name.into()), 80 + random.below(5) as u16);
        }
    }
    Pod {
        namespace,
        namespace_labels,
        labels: labels(random, KEYS),
        service_account: (*random.pick(&["a", "b", "default"])).into(),
        named_ports,
    }
}

fn flow(random: &mut Random, program: &Program) -> Seen {
    let v6 = !program.cluster.ipv6_none && random.chance(40);
    let direction = *random.pick(&Direction::BOTH);
    let address = |random: &mut Random, v4: &str, v6_text: &str| -> IpAddr {
        let last = random.below(10);
        let text = if v6 {
            format!("{v6_text}{last}")
        } else {
            format!("{v4}{last}")
        };
        text.parse().unwrap()
    };
    let subject_address = address(random, "10.244.1.", "fd00:10:244::");
    let (peer, peer_address) = match random.below(10) {
        0..=4 => (
            End::Pod(pod(random, program)),
            address(random, "10.244.2.", "fd00:10:244::2"),
        ),
        5 | 6 => {
            let node = address(random, "192.168.10.", "fd00:192::");
            let tunneled = match program.cluster.overlay {
                Some(Overlay::Ipip) => !v6,
                Some(Overlay::Vxlan) => true,
                _ => false,
            };
            let seen = if direction == Direction::Ingress && tunneled {
                address(random, "10.244.7.", "fd00:10:244::7")
            } else {
                node
            };
            (End::Node(node), seen)
        }
        _ => {
            let (v4, v6_text) = *random.pick(&[
                ("203.0.113.", "2001:db8::"),
                ("172.18.0.", "2001:db9::"),
                ("10.9.0.", "fd01::"),
                ("8.8.8.", "2606:4700::"),
            ]);
            let address = address(random, v4, v6_text);
            let names = Default::default();
            (End::Outside { address, names }, address)
        }
    };
    let traffic = match random.below(10) {
        0..=6 => Traffic::Port(*random.pick(&Transport::ALL), 79 + random.below(7) as u16),
        7 | 8 if v6 => Traffic::Icmpv6(128, 0),
        7 | 8 => Traffic::Icmp([8, 0][random.below(2)], random.below(2) as u8),
        _ => Traffic::Protocol([47, 50][random.below(2)]),
    };
    let foreign_labels = match peer {
        End::Pod(_) => Vec::new(),
        _ => generator::flows::foreign(random),
    };
    Seen {
        flow: Flow {
            direction,
            subject: pod(random, program),
            peer,
            traffic,
        },
        subject_address,
        peer_address,
        resolved: Vec::new(),
        foreign_labels,
    }
}

fn spec(minor: u16) -> Spec {
    Spec {
        name: "test".into(),
        backend: Target::Calico,
        version: (3, minor),
        log: LogPolicy::Refuse,
    }
}

#[test]
fn what_is_emitted_means_what_was_said() {
    let cases: u64 = std::env::var("VAUBAN_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(400);
    let (mut said, mut flows, mut denied) = (0, 0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=cases {
        let mut random = Random::new(seed);
        let program = program(&mut random);
        let spec = spec(30 + (seed % 4) as u16);
        let mut diagnostics = Diagnostics::default();
        let objects = backend::calico::emit(&program, &spec, &mut diagnostics);
        if diagnostics.has_errors() {
            for diagnostic in diagnostics.iter() {
                *refused.entry(diagnostic.message.clone()).or_default() += 1;
            }
            continue;
        }
        said += 1;
        let texts = objects.iter().map(|object| object.text.as_str());
        let cluster =
            calico::Cluster::parse(texts).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        for _ in 0..60 {
            let seen = flow(&mut random, &program);
            let meant = meaning::decide(&program, &seen.flow);
            let does = cluster.decide(&seen);
            let allowed = meant.verdict == meaning::Verdict::Allow;
            assert_eq!(
                allowed,
                does.allowed,
                "seed {seed}: {}\nmeant: {:?}\ndoes: {}\nfrom {} to {}\n{}",
                seen.flow,
                meant.by,
                does.why,
                seen.subject_address,
                seen.peer_address,
                objects
                    .iter()
                    .map(|object| object.text.as_str())
                    .collect::<Vec<_>>()
                    .join("---\n")
            );
            flows += 1;
            denied += usize::from(!allowed);
        }
        let host = generator::flows::foreign(&mut random);
        assert_eq!(cluster.selecting_host(&host), None, "seed {seed}");
    }
    println!(
        "{said} of {cases} programs said, {flows} flows, {denied} denied; refused: {refused:#?}"
    );
    assert!(said * 2 > cases, "{refused:#?}");
    assert!(denied * 5 > flows && denied * 5 < flows * 4);
}

fn emitted(program: &Program, minor: u16) -> Option<Vec<backend::Object>> {
    let mut diagnostics = Diagnostics::default();
    let objects = backend::calico::emit(program, &spec(minor), &mut diagnostics);
    (!diagnostics.has_errors()).then_some(objects)
}

fn read(objects: &[backend::Object]) -> calico::Cluster {
    let texts = objects.iter().map(|object| object.text.as_str());
    calico::Cluster::parse(texts).unwrap_or_else(|why| panic!("{why}"))
}

/// The objects that are not in both, by what they were made of.
fn changed<'a>(
    before: &'a [backend::Object],
    after: &'a [backend::Object],
) -> Vec<&'a backend::Object> {
    let gone = before.iter().filter(|object| !after.contains(object));
    let come = after.iter().filter(|object| !before.contains(object));
    gone.chain(come).collect()
}

#[test]
fn the_edit_of_a_rule_changes_its_policy_alone() {
    let mut edits = 0;
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let program = program(&mut random);
        let Some(before) = emitted(&program, 30) else {
            continue;
        };
        for at in 0..program.policies.len() {
            let mut edited = program.clone();
            let policy = &mut edited.policies[at];
            let Some(block) = policy.egress.as_mut().or(policy.ingress.as_mut()) else {
                continue;
            };
            block.rules.push(Rule {
                text: "deny all".into(),
                because: Some("of this test".into()),
                clauses: vec![Clause {
                    subject: None,
                    peers: EndpointSet::anywhere(),
                    ports: PortSet::all(),
                }],
                ..rule(&mut random, false, &policy.subject, Direction::Egress)
            });
            let after = emitted(&edited, 30).expect("as sayable as before");
            let changed = changed(&before, &after);
            let own = |object: &backend::Object| {
                object.folder == edited.policies[at].owner
                    && object.sources[0].what == edited.policies[at].name
            };
            // A policy that no declared namespace can have makes no object.
            let there = before.iter().any(own);
            assert_eq!(!changed.is_empty(), there, "seed {seed}");
            assert!(changed.into_iter().all(own), "seed {seed}");
            edits += 1;
        }
    }
    assert!(edits > 200, "{edits}");
}

#[test]
fn another_policy_changes_no_other_object_than_what_closes_its_tier() {
    let mut tried = 0;
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let program = program(&mut random);
        let Some(before) = emitted(&program, 31) else {
            continue;
        };
        let mut more = program.clone();
        more.policies.push(Policy {
            name: "newcomer".into(),
            folder: SmolStr::default(),
            owner: "zebra".into(),
            file: "z.vau".into(),
            tier: TierId(0),
            staged: false,
            after: Vec::new(),
            depth: 0,
            subject: vec![Pods::any()],
            ingress: Some(Block {
                rules: Vec::new(),
                span: SPAN,
            }),
            egress: None,
            doc: Vec::new(),
            span: SPAN,
        });
        let after = emitted(&more, 31).expect("as sayable as before");
        for object in changed(&before, &after) {
            let what = object.sources[0].what.as_str();
            assert!(
                ["newcomer", "tier tier-0"].contains(&what),
                "seed {seed}: {what}"
            );
        }
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_tier_that_records_what_it_denies_selects_no_other_pod_for_it() {
    let mut closed = 0;
    for seed in 1..=300 {
        let mut random = Random::new(seed);
        let mut program = program(&mut random);
        program.default = None;
        for tier in &mut program.tiers {
            tier.otherwise = Otherwise::DenyAndLog;
        }
        // Enough subjects that their union is cut.
        for n in 0..(seed % 3) * 20 {
            let mut policy = match program.policies.first() {
                Some(policy) => policy.clone(),
                None => continue,
            };
            policy.name = format!("more-{n:02}").into();
            policy.subject = subject(&mut random);
            program.policies.push(policy);
        }
        let Some(objects) = emitted(&program, 30) else {
            continue;
        };
        for (at, tier) in program.tiers.iter().enumerate() {
            let closing = format!("closing-{}-", tier.name);
            let own: Vec<backend::Object> = objects
                .iter()
                .filter(|object| {
                    object.file.starts_with(&closing)
                        || object.file == format!("tier-{}.yaml", tier.name)
                })
                .cloned()
                .collect();
            let cluster = read(&own);
            for _ in 0..40 {
                let seen = flow(&mut random, &program);
                let selected = program.policies_of(TierId(at as u32)).any(|(_, policy)| {
                    !policy.staged
                        && policy.block(seen.flow.direction).is_some()
                        && meaning::selects(&policy.subject, &seen.flow.subject)
                });
                assert_eq!(
                    !cluster.decide(&seen).allowed,
                    selected,
                    "seed {seed}: {}",
                    seen.flow
                );
                closed += usize::from(selected);
            }
        }
    }
    assert!(closed > 1000, "{closed}");
}

fn one_policy(rules: Vec<Rule>, subject: Vec<Pods>) -> Program {
    let mut random = Random::new(1);
    let mut program = program(&mut random);
    program.tiers = vec![Tier {
        name: "app".into(),
        otherwise: Otherwise::Deny,
        doc: Vec::new(),
        span: SPAN,
    }];
    program.default = None;
    program.cluster.ipv6_none = true;
    program.cluster.overlay = Some(Overlay::None);
    program.policies = vec![Policy {
        name: "large".into(),
        folder: "team".into(),
        owner: "team".into(),
        file: "team/a.vau".into(),
        tier: TierId(0),
        staged: false,
        after: Vec::new(),
        depth: 0,
        subject,
        ingress: None,
        egress: Some(Block { rules, span: SPAN }),
        doc: Vec::new(),
        span: SPAN,
    }];
    program
}

fn of_clause(action: Action, peers: EndpointSet, ports: PortSet) -> Rule {
    Rule {
        action,
        log: false,
        clauses: vec![Clause {
            subject: None,
            peers,
            ports,
        }],
        dns: false,
        because: None,
        ticket: None,
        until: None,
        excused: Vec::new(),
        doc: Vec::new(),
        text: "a rule".into(),
        span: SPAN,
    }
}

fn to_outside(address: &str, port: u16) -> Seen {
    let address: IpAddr = address.parse().unwrap();
    Seen {
        flow: Flow {
            direction: Direction::Egress,
            subject: Pod {
                namespace: "blue".into(),
                labels: BTreeMap::from([("app".into(), "v120".into())]),
                ..Pod::default()
            },
            peer: End::Outside {
                address,
                names: Default::default(),
            },
            traffic: Traffic::Port(Transport::Tcp, port),
        },
        subject_address: "10.244.1.1".parse().unwrap(),
        peer_address: address,
        resolved: Vec::new(),
        foreign_labels: Vec::new(),
    }
}

#[test]
fn more_rules_than_an_object_takes_go_on_in_the_next() {
    let rules = (0..3000u16)
        .map(|n| {
            let action = if n % 2 == 0 {
                Action::Allow
            } else {
                Action::Deny
            };
            let ports = PortSet::of(Transport::Tcp, 1, n + 1);
            of_clause(action, EndpointSet::anywhere(), ports)
        })
        .collect();
    let program = one_policy(rules, vec![Pods::any()]);
    assert_eq!(emitted(&program, 32).unwrap().len(), 2);
    let objects = emitted(&program, 33).unwrap();
    assert_eq!(objects.len(), 4);
    let cluster = read(&objects);
    for port in [
        1, 2, 3, 1023, 1024, 1025, 1026, 2047, 2048, 2049, 2050, 3000, 3001,
    ] {
        let allowed = port <= 3000 && port % 2 == 1;
        assert_eq!(
            cluster.decide(&to_outside("203.0.113.1", port)).allowed,
            allowed,
            "{port}"
        );
    }
}

#[test]
fn more_networks_than_a_rule_takes_become_a_set() {
    let every_other = |from: u32| -> AddressSet {
        AddressSet {
            v4: (0..300).map(|n| (from + 2 * n, from + 2 * n)).collect(),
            ..AddressSet::empty()
        }
    };
    let peers = EndpointSet::of_outside(every_other(u32::from_be_bytes([203, 0, 112, 0])));
    let rules = vec![
        of_clause(Action::Deny, peers, PortSet::all()),
        of_clause(Action::Allow, EndpointSet::anywhere(), PortSet::all()),
    ];
    let program = one_policy(rules, vec![Pods::any()]);
    let objects = emitted(&program, 30).unwrap();
    let kinds: Vec<&str> = objects.iter().map(|object| object.kind).collect();
    assert_eq!(kinds, ["GlobalNetworkSet", "Tier", "GlobalNetworkPolicy"]);
    assert_eq!(
        objects.iter().map(|object| object.rank).collect::<Vec<_>>(),
        [1, 0, 2]
    );
    let cluster = read(&objects);
    for (address, allowed) in [
        ("203.0.112.0", false),
        ("203.0.112.1", true),
        ("203.0.114.86", false),
        ("203.0.114.88", true),
    ] {
        assert_eq!(
            cluster.decide(&to_outside(address, 80)).allowed,
            allowed,
            "{address}"
        );
    }
}

#[test]
fn longer_selectors_than_an_object_takes_are_cut() {
    let values: Vec<String> = (0..400).map(|n| format!("v{n}")).collect();
    let many = Pods {
        labels: Selector::any().with("app", &ValueSet::among(values)),
        ..Pods::any()
    };
    let rules = vec![of_clause(
        Action::Allow,
        EndpointSet::of_pods([many.clone()]),
        PortSet::all(),
    )];
    let program = one_policy(rules, vec![many]);
    assert_eq!(emitted(&program, 32).unwrap().len(), 2);
    let objects = emitted(&program, 33).unwrap();
    assert!(objects.len() > 3);
    let cluster = read(&objects);
    let mut seen = to_outside("203.0.113.1", 80);
    assert!(!cluster.decide(&seen).allowed);
    seen.flow
        .subject
        .labels
        .insert("app".into(), "other".into());
    assert!(cluster.decide(&seen).allowed);
    let peer = Pod {
        labels: BTreeMap::from([("app".into(), "v399".into())]),
        namespace: "shop".into(),
        ..Pod::default()
    };
    seen.flow.subject.labels.insert("app".into(), "v3".into());
    seen.flow.peer = End::Pod(peer);
    seen.peer_address = "10.244.9.9".parse().unwrap();
    assert!(cluster.decide(&seen).allowed);
}
