//! Random programs, built as models and not from text: what Calico's backend emits decides every flow as the program does, by the
//! interpreter that shares no code with it. Programs here say more than text can (pods that no selector of the language makes).
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
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
