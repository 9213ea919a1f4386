//! Random programs, built as models and not from text: what Cilium's backend emits decides every flow as the program does, by the
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

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use generator::Random;
use interpreters::{Seen, cilium};
use smol_str::SmolStr;
use vauban::backend::{self, LogPolicy, Spec};
use vauban::diagnostic::Diagnostics;
use vauban::meaning;
use vauban::model::{
    Action, Block, Clause, Cluster, DefaultPolicy, Namespace, Otherwise, Policy, PolicyId, Program,
    Rule, Target, Tier, TierId,
};
use vauban::source::{FileId, Span};
use vauban::space::{
    AddressSet, Direction, End, EndpointSet, Flow, Namespaces, Pod, Pods, PortSet, Ranges, Same,
    Selector, Traffic, Transport, ValueSet,
};

const SPAN: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};
const KEYS: &[&str] = &["app", "app.kubernetes.io/name"];
const NAMESPACE_KEYS: &[&str] = &["env", "team"];
const VALUES: &[&str] = &["a", "b", "c"];
const NAMES: &[&str] = &["blue", "green", "shop"];
const NETS: &[&str] = &[
    "203.0.113.0/24",
    "203.0.113.7/32",
    "172.16.0.0/12",
    "10.0.0.0/8",
    "2001:db8::/32",
    "2001:db8::7/128",
];
const DNS_NAMES: &[&str] = &["api.example.org", "*.example.com", "**.example.net"];

/// What a target and its cluster can do.
#[derive(Clone, Copy)]
struct Dial {
    version: (u16, u16),
    sctp: bool,
    extended: bool,
    names: bool,
}

fn addresses(nets: &[&str]) -> AddressSet {
    nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    })
}

fn some_nets(random: &mut Random) -> AddressSet {
    let some: Vec<&str> = (0..=random.below(3)).map(|_| *random.pick(NETS)).collect();
    addresses(&some)
}

fn values(random: &mut Random, absent: bool) -> ValueSet {
    let mut some: Vec<Option<SmolStr>> = Vec::new();
    if absent && random.chance(30) {
        some.push(None);
    }
    for value in VALUES {
        if random.chance(40) {
            some.push(Some((*value).into()));
        }
    }
    if some.is_empty() {
        some.push(Some("a".into()));
    }
    if random.chance(60) {
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

fn pods(random: &mut Random, peer: bool) -> Pods {
    let names = match random.below(10) {
        0..=3 => ValueSet::one(*random.pick(NAMES)),
        4 => ValueSet::among([*random.pick(NAMES), *random.pick(NAMES)]),
        5 => ValueSet::not_among([*random.pick(NAMES)]),
        _ => ValueSet::any(),
    };
    let mut same = Vec::new();
    if peer && random.chance(15) {
        same.push(match random.below(3) {
            0 => Same::Namespace(random.chance(70)),
            _ => Same::Label("team".into(), random.chance(60)),
        });
    }
    Pods {
        namespaces: Namespaces {
            names,
            labels: if random.chance(25) {
                selector(random, NAMESPACE_KEYS)
            } else {
                Selector::any()
            },
            same,
        },
        labels: selector(random, KEYS),
        service_account: if random.chance(15) {
            values(random, false)
        } else {
            ValueSet::any()
        },
    }
}

fn peers(random: &mut Random, direction: Direction, action: Action, dial: Dial) -> EndpointSet {
    let mut set = EndpointSet::empty();
    for _ in 0..=random.below(2) {
        match random.below(14) {
            0..=5 => set.pods.push(pods(random, true)),
            6 | 7 => set.outside = some_nets(random),
            8 => set.outside = AddressSet::full().subtract(&some_nets(random)),
            9 => set.nodes = AddressSet::full(),
            10 => set.proxy = true,
            11 if direction == Direction::Egress => {
                // The API server: one of its addresses is a node's, the other is outside.
                set.nodes = addresses(&["192.168.10.1/32"]);
                set.outside = set.outside.union(&addresses(&["172.16.0.1/32"]));
            }
            12 if direction == Direction::Egress && action == Action::Allow && dial.names => {
                set.names.insert((*random.pick(DNS_NAMES)).into());
            }
            _ => set = EndpointSet::anywhere(),
        }
    }
    if dial.version < (1, 19) {
        set.names.retain(|name| !name.starts_with("**"));
    }
    if set.outside.is_full() {
        set.names.clear();
    }
    if set.is_empty() {
        set.proxy = true;
    }
    set
}

fn ports(random: &mut Random, direction: Direction, dial: Dial) -> PortSet {
    let mut set = PortSet::empty();
    let named = direction == Direction::Ingress || dial.version >= (1, 20);
    for _ in 0..=random.below(2) {
        let transport = match random.pick(&Transport::ALL) {
            Transport::Sctp if !dial.sctp => Transport::Udp,
            transport => *transport,
        };
        let one = match random.below(10) {
            0..=3 => PortSet::of(transport, 80, 80 + random.below(4) as u16),
            4 => PortSet::of(transport, 1, u16::MAX),
            5 if named => PortSet::of_named(transport, *random.pick(&["http", "metrics"])),
            6 => PortSet {
                icmp: Ranges::of(8 << 8, (8 << 8) + 255),
                icmpv6: Ranges::full(),
                ..PortSet::empty()
            },
            7 if dial.extended => PortSet {
                other: Ranges::of(47, 47),
                ..PortSet::empty()
            },
            8 | 9 => return PortSet::all(),
            _ => PortSet::of(transport, 443, 443),
        };
        set = set.union(&one);
    }
    set
}

fn rule(action: Action, clauses: Vec<Clause>, dns: bool) -> Rule {
    Rule {
        action,
        log: false,
        clauses,
        dns,
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
    dial: Dial,
) -> Option<Block> {
    if random.chance(40) {
        return None;
    }
    let mut rules = Vec::new();
    if dial.names && direction == Direction::Egress && random.chance(70) {
        let clause = Clause {
            subject: None,
            peers: EndpointSet::of_pods([Pods {
                namespaces: Namespaces::named("shop"),
                labels: Selector::any().with("app", &ValueSet::one("a")),
                service_account: ValueSet::any(),
            }]),
            ports: PortSet::of(Transport::Udp, 53, 53).union(&PortSet::of(Transport::Tcp, 53, 53)),
        };
        rules.push(rule(Action::Allow, vec![clause], true));
    }
    for _ in 0..random.below(4) {
        let action = match random.below(if passes { 10 } else { 8 }) {
            0..=4 => Action::Allow,
            5..=6 => Action::Deny,
            7 => Action::Log,
            _ => Action::Pass,
        };
        let clauses = (0..=random.below(2))
            .map(|_| {
                let narrowed = subject[0].intersect(&pods(random, false));
                let narrows =
                    random.chance(15) && direction == Direction::Ingress && !narrowed.is_empty();
                Clause {
                    subject: narrows.then(|| vec![narrowed]),
                    peers: peers(random, direction, action, dial),
                    ports: ports(random, direction, dial),
                }
            })
            .collect();
        rules.push(rule(action, clauses, false));
    }
    Some(Block { rules, span: SPAN })
}

fn subject(random: &mut Random) -> Vec<Pods> {
    let mut subject: Vec<Pods> = (0..=random.below(2)).map(|_| pods(random, false)).collect();
    subject.retain(|pods| !pods.is_empty());
    if subject.is_empty() {
        vec![Pods::any()]
    } else {
        subject
    }
}

fn program(random: &mut Random, dial: Dial) -> Program {
    let namespaces = NAMES
        .iter()
        .map(|name| {
            let mut labels: Vec<(SmolStr, SmolStr)> = Vec::new();
            for key in NAMESPACE_KEYS {
                if random.chance(70) {
                    labels.push(((*key).into(), (*random.pick(VALUES)).into()));
                }
            }
            Namespace {
                name: (*name).into(),
                labels,
                span: SPAN,
            }
        })
        .collect();
    let families = random.below(3);
    let ranges = |v4: &'static str, v6: &'static str| {
        Some(match families {
            0 => addresses(&[v4]),
            _ => addresses(&[v4, v6]),
        })
    };
    let cluster = Cluster {
        name: "test".into(),
        pods: ranges("10.244.0.0/16", "fd00:10:244::/56").filter(|_| families < 2),
        nodes: ranges("192.168.10.0/24", "fd00:192::/64"),
        apiserver: Some(addresses(&["192.168.10.1/32", "172.16.0.1/32"])),
        ipv6_none: families == 0,
        namespaces_closed: random.chance(80),
        sctp: dial.sctp,
        extended_protocols: dial.extended,
        ..Cluster::unknown()
    };
    let mut tiers = Vec::new();
    let mut policies = Vec::new();
    for at in 0..=random.below(3) {
        tiers.push(Tier {
            name: format!("tier-{at}").into(),
            otherwise: *random.pick(&[Otherwise::Pass, Otherwise::Deny]),
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
                staged: false,
                after: (0..depth).map(|n| PolicyId(first + n)).collect(),
                depth,
                ingress: block(random, true, &subject, Direction::Ingress, dial),
                egress: block(random, true, &subject, Direction::Egress, dial),
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
            ingress: block(random, false, &subject, Direction::Ingress, dial),
            egress: block(random, false, &subject, Direction::Egress, dial),
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
    let known = program.cluster.namespaces_closed || random.chance(85);
    let (namespace, namespace_labels) = if known {
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

fn flow(random: &mut Random, program: &Program, dial: Dial) -> Seen {
    let v6 = !program.cluster.ipv6_none && random.chance(40);
    let direction = *random.pick(&Direction::BOTH);
    let mut resolved = Vec::new();
    let mut address = |v4: &[&str], v6_texts: &[&str]| -> IpAddr {
        let texts = if v6 { v6_texts } else { v4 };
        random.pick(texts).parse().unwrap()
    };
    let subject_address = address(&["10.244.1.3"], &["fd00:10:244::3"]);
    let pod_address = address(&["10.244.2.4"], &["fd00:10:244::24"]);
    let node = address(&["192.168.10.1", "192.168.10.2"], &["fd00:192::1"]);
    let outside = address(
        &[
            "203.0.113.7",
            "203.0.113.8",
            "172.16.0.1",
            "10.9.0.1",
            "8.8.8.8",
        ],
        &["2001:db8::7", "2001:db8::8", "2606:4700::1"],
    );
    let (peer, peer_address) = match random.below(10) {
        0..=4 => (End::Pod(pod(random, program)), pod_address),
        5 | 6 => (End::Node(node), node),
        7 => (End::Proxy, pod_address),
        _ => {
            let mut names = BTreeSet::new();
            if direction == Direction::Egress && random.chance(50) {
                let (name, real) = *random.pick(&[
                    ("api.example.org", "api.example.org"),
                    ("*.example.com", "www.example.com"),
                    ("**.example.net", "a.b.example.net"),
                ]);
                names.insert(name.into());
                resolved.push(real.to_owned());
            }
            let address = outside;
            (End::Outside { address, names }, outside)
        }
    };
    let transports = if dial.sctp { 3 } else { 2 };
    let traffic = match random.below(10) {
        0..=6 => Traffic::Port(
            Transport::ALL[random.below(transports)],
            *random.pick(&[53, 79, 80, 81, 83, 84, 443]),
        ),
        7 if dial.extended => Traffic::Protocol([47, 50][random.below(2)]),
        _ if v6 => Traffic::Icmpv6(128, random.below(2) as u8),
        _ => Traffic::Icmp([8, 3][random.below(2)], random.below(2) as u8),
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
        resolved,
        foreign_labels,
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
        let version = (1, 17 + (seed % 4) as u16);
        let dial = Dial {
            version,
            sctp: random.chance(70),
            extended: version >= (1, 20) && random.chance(50),
            names: random.chance(30),
        };
        let program = program(&mut random, dial);
        let spec = Spec {
            name: "test".into(),
            backend: Target::Cilium,
            version,
            log: LogPolicy::Ignore,
        };
        let mut diagnostics = Diagnostics::default();
        let objects = backend::cilium::emit(&program, &spec, &mut diagnostics);
        if diagnostics.has_errors() {
            for diagnostic in diagnostics.iter().take(1) {
                *refused.entry(diagnostic.message.clone()).or_default() += 1;
            }
            assert!(
                diagnostics
                    .iter()
                    .all(|one| one.name != "rejected-object" && one.name != "lowering-not-exact"),
                "seed {seed}: {diagnostics:?}"
            );
            continue;
        }
        said += 1;
        let texts: Vec<&str> = objects.iter().map(|object| object.text.as_str()).collect();
        let settings = cilium::Settings {
            version,
            node_labels: random.chance(50),
            extended_protocols: dial.extended,
            apiserver: program.cluster.apiserver.as_ref().unwrap().networks(),
        };
        let cluster = cilium::Cluster::parse(texts.iter().copied(), settings)
            .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert_eq!(cluster.selecting_reserved(), None, "seed {seed}");
        for _ in 0..100 {
            let seen = flow(&mut random, &program, dial);
            let meant = meaning::decide(&program, &seen.flow);
            let does = cluster.decide(&seen, false);
            let allowed = meant.verdict == meaning::Verdict::Allow;
            assert_eq!(
                allowed,
                does.allowed,
                "seed {seed}: {}\nmeant: {:?}\ndoes: {}\n{}",
                seen.flow,
                meant.by,
                does.why,
                texts.join("---\n")
            );
            flows += 1;
            denied += usize::from(!allowed);
            // The kubelet's probes reach every pod, whatever is denied.
            if seen.flow.direction == Direction::Ingress && matches!(seen.flow.peer, End::Node(_)) {
                let own = cluster.decide(&seen, true);
                assert!(own.allowed, "seed {seed}: {} by {}", seen.flow, own.why);
            }
        }
    }
    assert!(said * 2 > cases, "{said} of {cases}: {refused:#?}");
    assert!(
        denied * 5 > flows && denied * 5 < flows * 4,
        "{denied} of {flows} flows are denied"
    );
}
