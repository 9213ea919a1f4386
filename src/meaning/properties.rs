//! The oracle against the definition, on random small programs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use super::agreement::{Before, Scope, disagreements};
use super::{
    By, Index, MOST_RULES, Oracle, Partition, Verdict, Why, decide, half_open, in_box, matches,
    matches_clause, partitions, selects, survey,
};
use crate::model::{
    Action, Block, Clause, Cluster, DefaultPolicy, Namespace, Otherwise, Policy, PolicyId, Program,
    Rule, RuleRef, RuleSite, Tier, TierId,
};
use crate::source::{FileId, Span};
use crate::space::{
    AddressSet, Direction, End, EndpointSet, Flow, FlowBox, Namespaces, Pod, Pods, PortSet, Same,
    Selector, Traffic, Transport, ValueSet,
};

pub(crate) fn nowhere() -> Span {
    Span::new(FileId(0), 0, 0)
}

/// A small generator: the same seed, the same program.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    /// A place that no other rule has.
    fn somewhere(&mut self) -> Span {
        let at = self.roll(1 << 30);
        Span::new(FileId(0), at, at)
    }

    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let chosen: Vec<T> = of.iter().filter(|_| self.roll(2) == 0).cloned().collect();
        if chosen.is_empty() {
            vec![self.one(of)]
        } else {
            chosen
        }
    }

    fn values(&mut self, of: &[&str]) -> ValueSet {
        match self.roll(6) {
            0 => ValueSet::present(),
            1 => ValueSet::absent(),
            2 => ValueSet::not_among(self.some(of)),
            3 => ValueSet::among(self.some(of)),
            _ => ValueSet::one(self.one(of)),
        }
    }

    fn selector(&mut self, keys: &[&str], values: &[&str]) -> Selector {
        let n = self.roll(3);
        (0..n).fold(Selector::any(), |all, _| {
            let key = self.one(keys);
            all.with(key, &self.values(values))
        })
    }

    fn namespaces(&mut self, world: &World, peer: bool) -> Namespaces {
        let mut all = Namespaces::any();
        if self.roll(2) == 0 {
            all.names = match self.roll(3) {
                0 => ValueSet::not_among(self.some(&world.names)),
                1 => ValueSet::among(self.some(&world.names)),
                _ => ValueSet::one(self.one(&world.names)),
            };
        }
        if self.roll(2) == 0 {
            all.labels = self.selector(&["team", "env"], &["x", "y"]);
        }
        if peer && self.roll(3) == 0 {
            all.same = vec![match self.roll(4) {
                0 => Same::Namespace(true),
                1 => Same::Namespace(false),
                2 => Same::Label("team".into(), true),
                _ => Same::Label("team".into(), false),
            }];
        }
        all
    }

    pub(crate) fn pods(&mut self, world: &World, peer: bool) -> Pods {
        Pods {
            namespaces: self.namespaces(world, peer),
            labels: self.selector(&["app", "role"], &["v", "w"]),
            service_account: match self.roll(6) {
                0 => ValueSet::one("default"),
                1 => ValueSet::one("robot"),
                2 => ValueSet::not_among(["robot"]),
                _ => ValueSet::any(),
            },
        }
    }

    fn addresses(&mut self) -> AddressSet {
        let nets = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3/32",
            "0.0.0.0/0",
            "2001:db8::/32",
            "2001:db8:0:1::/64",
            "::/0",
            "2001:db8::7/128",
        ];
        let some = |nets: Vec<&str>| {
            nets.into_iter().fold(AddressSet::empty(), |all, net| {
                all.union(&AddressSet::of(net.parse().expect("a net")))
            })
        };
        let set = some(self.some(&nets[..]));
        if self.roll(2) == 0 {
            set
        } else {
            set.subtract(&some(self.some(&nets[1..])))
        }
    }

    pub(crate) fn peers(&mut self, world: &World, names: bool) -> EndpointSet {
        let mut all = EndpointSet::empty();
        for _ in 0..=self.roll(2) {
            match self.roll(if names { 8 } else { 7 }) {
                0 => all = all.union(&EndpointSet::anywhere()),
                1 => all.nodes = self.addresses(),
                2 => all.outside = self.addresses(),
                3 => all.proxy = true,
                7 => {
                    all.names
                        .insert(self.one(&["a.example", "*.b.example"]).into());
                }
                _ => all.pods.push(self.pods(world, true)),
            }
        }
        all
    }

    pub(crate) fn ports(&mut self) -> PortSet {
        let transport = self.one(&Transport::ALL);
        let one = match self.roll(7) {
            0 => PortSet::all(),
            1 => PortSet::of_named(transport, self.one(&["http", "metrics"])),
            2 => PortSet {
                icmp: crate::space::Ranges::of(8 << 8, 8 << 8),
                ..PortSet::empty()
            },
            3 => PortSet {
                other: crate::space::Ranges::of(45, 57),
                ..PortSet::empty()
            },
            4 => PortSet::of(transport, 1, 65535),
            _ => {
                let low = self.one(&[1, 80, 443]);
                PortSet::of(transport, low, self.one(&[443, 8080]))
            }
        };
        if self.roll(3) == 0 {
            one.union(&self.ports())
        } else {
            one
        }
    }

    fn block(&mut self, world: &World, direction: Direction, pass: bool) -> Option<Block> {
        if self.roll(4) == 0 {
            return None;
        }
        let rules = (0..self.roll(4))
            .map(|_| {
                let action = match self.roll(8) {
                    0..3 => Action::Allow,
                    3..6 => Action::Deny,
                    6 if pass => Action::Pass,
                    6 => Action::Allow,
                    _ => Action::Log,
                };
                Rule {
                    action,
                    log: false,
                    clauses: (0..=self.roll(2))
                        .map(|_| Clause {
                            subject: (self.roll(4) == 0).then(|| vec![self.pods(world, false)]),
                            peers: self.peers(world, direction == Direction::Egress),
                            ports: self.ports(),
                        })
                        .collect(),
                    dns: false,
                    because: None,
                    ticket: None,
                    until: None,
                    excused: Vec::new(),
                    doc: Vec::new(),
                    text: "rule".into(),
                    span: self.somewhere(),
                }
            })
            .collect();
        Some(Block {
            rules,
            span: nowhere(),
        })
    }

    /// A program whose policies of one tier may disagree.
    pub(crate) fn program(&mut self) -> (World, Program) {
        let closed = self.roll(2) == 0;
        let mut world = World {
            names: vec!["aa", "bb", "cc"],
        };
        let label = |key: &str, value: &str| (SmolStr::new(key), SmolStr::new(value));
        let declared = [
            ("aa", vec![label("team", "x")]),
            ("bb", vec![label("env", "x"), label("team", "y")]),
            ("cc", vec![label("env", "y")]),
        ];
        let namespaces = declared.map(|(name, labels)| Namespace {
            name: name.into(),
            labels,
            span: nowhere(),
        });
        let mut undeclared = Vec::new();
        if !closed {
            world.names.push("uu");
            undeclared.push(SmolStr::new("uu"));
        }
        let tiers: Vec<Tier> = (0..1 + self.roll(3))
            .map(|n| Tier {
                name: SmolStr::from(format!("tier-{n}")),
                otherwise: self.one(&[Otherwise::Pass, Otherwise::Deny]),
                doc: Vec::new(),
                span: nowhere(),
            })
            .collect();
        let mut policies = Vec::new();
        for tier in 0..tiers.len() {
            for n in 0..1 + self.roll(3) {
                policies.push(Policy {
                    name: SmolStr::from(format!("p-{tier}-{n}")),
                    folder: "".into(),
                    owner: "root".into(),
                    file: "main.vau".into(),
                    tier: TierId(tier as u32),
                    staged: self.roll(8) == 0,
                    after: match n {
                        0 => Vec::new(),
                        _ => vec![PolicyId(policies.len() as u32 - 1)],
                    },
                    depth: n as u32,
                    subject: (0..=self.roll(2))
                        .map(|_| self.pods(&world, false))
                        .collect(),
                    ingress: self.block(&world, Direction::Ingress, true),
                    egress: self.block(&world, Direction::Egress, true),
                    doc: Vec::new(),
                    span: nowhere(),
                });
            }
        }
        let default = (self.roll(2) == 0).then(|| DefaultPolicy {
            file: "main.vau".into(),
            subject: vec![self.pods(&world, false)],
            ingress: self.block(&world, Direction::Ingress, false),
            egress: self.block(&world, Direction::Egress, false),
            doc: Vec::new(),
            span: nowhere(),
        });
        let program = Program {
            project: "test".into(),
            cluster: Cluster {
                namespaces_closed: closed,
                ..Cluster::unknown()
            },
            namespaces: namespaces.into(),
            undeclared,
            teams: Vec::new(),
            tiers,
            policies,
            default,
            raws: Vec::new(),
            tests: Vec::new(),
            guards: Vec::new(),
            names: Vec::new(),
        };
        (world, program)
    }

    fn label_map(&mut self, keys: &[&str], values: &[&str]) -> BTreeMap<SmolStr, SmolStr> {
        let mut labels = BTreeMap::new();
        for key in keys {
            if self.roll(3) > 0 {
                labels.insert(SmolStr::new(key), SmolStr::new(self.one(values)));
            }
        }
        labels
    }

    fn pod(&mut self, program: &Program) -> Pod {
        let closed = program.cluster.namespaces_closed;
        let name = SmolStr::new(self.one(if closed {
            &["aa", "bb", "cc"][..]
        } else {
            &["aa", "bb", "cc", "uu", "nobody", "else"][..]
        }));
        let namespace_labels = match program.namespace(&name) {
            Some(namespace) => namespace.labels.iter().cloned().collect(),
            None => self.label_map(&["team", "env"], &["x", "y", "z", "z2"]),
        };
        Pod {
            namespace: name,
            namespace_labels,
            labels: self.label_map(&["app", "role"], &["v", "w", "z"]),
            service_account: self.one(&["default", "robot", "z"]).into(),
            named_ports: BTreeMap::new(),
        }
    }

    pub(crate) fn flow(&mut self, program: &Program, direction: Direction) -> Flow {
        let mut subject = self.pod(program);
        let addresses = [
            "10.1.2.3",
            "10.1.2.4",
            "10.2.0.0",
            "8.8.8.8",
            "2001:db8::7",
            "2001:db8:0:1::9",
            "2001:db8::8",
            "2002::1",
        ];
        let address: IpAddr = self.one(&addresses).parse().expect("an address");
        let peer = match self.roll(6) {
            0 => End::Node(address),
            1 | 2 => End::Outside {
                address,
                names: BTreeSet::from_iter(
                    (self.roll(2) == 0)
                        .then(|| SmolStr::new(self.one(&["a.example", "*.b.example"]))),
                ),
            },
            3 => End::Proxy,
            _ => {
                let mut pod = self.pod(program);
                if pod.namespace == subject.namespace {
                    pod.namespace_labels = subject.namespace_labels.clone();
                }
                End::Pod(pod)
            }
        };
        let port = self.one(&[1, 79, 80, 443, 8080, 65535]);
        let transport = self.one(&Transport::ALL);
        let traffic = match self.roll(8) {
            0 => Traffic::Icmp(8, self.one(&[0, 1])),
            1 => Traffic::Icmpv6(128, 0),
            2 => Traffic::Protocol(self.one(&[2, 47, 56, 60])),
            _ => Traffic::Port(transport, port),
        };
        let mut named = BTreeMap::new();
        for name in ["http", "metrics"] {
            if self.roll(2) == 0 {
                named.insert((transport, SmolStr::new(name)), self.one(&[port, 9]));
            }
        }
        let mut flow = Flow {
            direction,
            subject: subject.clone(),
            peer,
            traffic,
        };
        match (direction, &mut flow.peer) {
            (Direction::Egress, End::Pod(pod)) => pod.named_ports = named,
            (Direction::Egress, _) => {}
            (Direction::Ingress, _) => {
                subject.named_ports = named;
                flow.subject = subject;
            }
        }
        flow
    }

    pub(crate) fn flow_box(&mut self, world: &World) -> FlowBox {
        FlowBox {
            subject: self.pods(world, false),
            peers: self.peers(world, true),
            ports: self.ports(),
        }
    }
}

pub(crate) struct World {
    names: Vec<&'static str>,
}

pub(crate) fn partition_of(program: &Program, pod: &Pod) -> Partition {
    let declared = program
        .namespaces
        .iter()
        .position(|n| n.name == pod.namespace);
    let undeclared = program.undeclared.iter().position(|n| *n == pod.namespace);
    match (declared, undeclared) {
        (Some(at), _) => Partition::Declared(at),
        (_, Some(at)) => Partition::Undeclared(at),
        _ => Partition::Other,
    }
}

/// How many programs to try; `VAUBAN_ROUNDS`, when this is compiled, asks for more.
pub(crate) fn rounds(few: u64) -> u64 {
    option_env!("VAUBAN_ROUNDS")
        .and_then(|n| n.parse().ok())
        .unwrap_or(few)
}

#[test]
fn the_oracle_says_what_the_definition_says() {
    for seed in 1..=rounds(60) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (_, program) = dice.program();
        let index = std::sync::Arc::new(Index::new(&program));
        for direction in Direction::BOTH {
            let mut oracles: Vec<Oracle> = partitions(&program)
                .into_iter()
                .map(|partition| Oracle::of(&index, partition, direction).expect("small"))
                .collect();
            for _ in 0..300 {
                let flow = dice.flow(&program, direction);
                let partition = partition_of(&program, &flow.subject);
                let oracle = oracles
                    .iter()
                    .find(|oracle| oracle.partition() == partition)
                    .expect("a partition");
                let decision = decide(&program, &flow);
                assert_eq!(
                    oracle.verdict(&flow),
                    decision.verdict,
                    "seed {seed}: {flow}\n{decision:?}\n{program:#?}"
                );
                assert_eq!(
                    oracle.holds(oracle.allowed(), &flow),
                    decision.verdict == Verdict::Allow
                );
            }
            for oracle in &mut oracles {
                for verdict in [Verdict::Allow, Verdict::Deny] {
                    let found = oracle.find_in(super::Set::ALL, verdict).expect("small");
                    if let Some(flow) = found {
                        assert_eq!(
                            decide(&program, &flow).verdict,
                            verdict,
                            "seed {seed}: {flow}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn sets_are_what_their_boxes_say() {
    for seed in 1..=rounds(60) {
        let mut dice = Dice(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let (world, program) = dice.program();
        let direction = dice.one(&Direction::BOTH);
        let index = std::sync::Arc::new(Index::new(&program));
        let flows: Vec<Flow> = (0..600).map(|_| dice.flow(&program, direction)).collect();
        for partition in partitions(&program) {
            let mut oracle = Oracle::of(&index, partition, direction).expect("small");
            let mine: Vec<&Flow> = flows
                .iter()
                .filter(|flow| partition_of(&program, &flow.subject) == partition)
                .collect();
            for _ in 0..12 {
                let (a, b) = (dice.flow_box(&world), dice.flow_box(&world));
                let (left, right) = (
                    oracle.set(&a).expect("small"),
                    oracle.set(&b).expect("small"),
                );
                let sets = [
                    (left, 0),
                    (oracle.and(left, right).expect("small"), 1),
                    (oracle.or(left, right).expect("small"), 2),
                    (oracle.minus(left, right).expect("small"), 3),
                ];
                for (set, which) in sets {
                    let says = |flow: &Flow| {
                        let (a, b) = (in_box(&a, flow), in_box(&b, flow));
                        [a, a && b, a || b, a && !b][which]
                    };
                    for flow in &mine {
                        assert_eq!(
                            oracle.holds(set, flow),
                            says(flow),
                            "seed {seed}: {flow}\n{a:?}\n{b:?}"
                        );
                    }
                    let witness = oracle.witness(set).expect("small");
                    assert_eq!(witness.is_none(), oracle.is_empty(set));
                    match witness {
                        Some(flow) => {
                            assert!(says(&flow), "seed {seed} {which}: {flow:?}\n{a:?}\n{b:?}");
                            assert_eq!(partition_of(&program, &flow.subject), partition);
                            if let (true, End::Pod(pod)) =
                                (program.cluster.namespaces_closed, &flow.peer)
                            {
                                assert!(program.namespace(&pod.namespace).is_some());
                            }
                        }
                        None => assert!(!mine.iter().any(|flow| says(flow))),
                    }
                    for verdict in [Verdict::Allow, Verdict::Deny] {
                        let known = mine
                            .iter()
                            .find(|flow| says(flow) && decide(&program, flow).verdict == verdict);
                        let found = oracle.find_in(set, verdict).expect("small");
                        assert!(known.is_none() || found.is_some());
                        if let Some(flow) = found {
                            assert!(
                                says(&flow) && decide(&program, &flow).verdict == verdict,
                                "seed {seed}: {flow}"
                            );
                        }
                    }
                }
                // One representation for each set, however it came about.
                let (both, only) = (sets[1].0, sets[3].0);
                assert_eq!(oracle.or(both, only).expect("small"), left);
                let again = oracle.minus(sets[2].0, right).expect("small");
                assert_eq!(again, only);
            }
        }
    }
}

/// What one policy decides of a flow, by the definition.
fn decides(program: &Program, id: PolicyId, flow: &Flow) -> Option<Action> {
    let policy = program.policy(id);
    if policy.staged || !selects(&policy.subject, &flow.subject) {
        return None;
    }
    let rules = &policy.block(flow.direction)?.rules;
    let deciding = rules.iter().filter(|rule| rule.action != Action::Log);
    deciding
        .into_iter()
        .find(|rule| matches(rule, flow))
        .map(|rule| rule.action)
}

#[test]
fn unordered_policies_disagree_exactly_where_both_decide() {
    let (mut found, mut clean) = (0, 0);
    for seed in 1..=rounds(120) {
        let mut dice = Dice(seed.wrapping_mul(0x7654_3210_fedc_ba91));
        let (_, mut program) = dice.program();
        for at in 0..program.policies.len() {
            if dice.roll(3) > 0 {
                program.policies[at].after.clear();
            }
        }
        for at in 0..program.policies.len() {
            let before = program.policies[at].after.first().copied();
            program.policies[at].depth =
                before.map_or(0, |id| program.policies[id.0 as usize].depth + 1);
        }
        let index = std::sync::Arc::new(Index::new(&program));
        let before = Before::new(&index);
        let disagreements = disagreements(&index, &before, &Scope::All);
        assert!(disagreements.too_large.is_empty());
        for ((p, q, direction), disagreement) in &disagreements.disagreements {
            found += 1;
            let flow = &disagreement.flow;
            assert_eq!(flow.direction, *direction);
            let (one, other) = (decides(&program, *p, flow), decides(&program, *q, flow));
            assert!(
                one.is_some() && other.is_some() && one != other,
                "seed {seed}: {flow}"
            );
            let mut actions = disagreement
                .rules
                .map(|rule| Some(program.rule(rule).action));
            actions.sort_unstable();
            let mut both = [one, other];
            both.sort_unstable();
            assert_eq!(actions, both);
        }
        clean += usize::from(disagreements.disagreements.is_empty());
        let comes_before = |p: PolicyId, mut q: PolicyId| {
            while let Some(next) = program.policy(q).after.first() {
                if *next == p {
                    return true;
                }
                q = *next;
            }
            false
        };
        for direction in Direction::BOTH {
            for _ in 0..200 {
                let flow = dice.flow(&program, direction);
                for tier in 0..program.tiers.len() {
                    let ids: Vec<PolicyId> = program
                        .policies_of(TierId(tier as u32))
                        .map(|(id, _)| id)
                        .filter(|id| decides(&program, *id, &flow).is_some())
                        .collect();
                    for p in &ids {
                        for q in &ids {
                            let free = p < q
                                && !comes_before(*p, *q)
                                && !comes_before(*q, *p)
                                && !ids
                                    .iter()
                                    .any(|r| comes_before(*r, *p) && comes_before(*r, *q));
                            if free && decides(&program, *p, &flow) != decides(&program, *q, &flow)
                            {
                                assert!(
                                    disagreements
                                        .disagreements
                                        .contains_key(&(*p, *q, direction)),
                                    "seed {seed}: {flow}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(found > 20 && clean > 5, "{found} found, {clean} clean");
}

/// The rules of a block, to change.
fn rules_mut(program: &mut Program, site: RuleRef) -> &mut Vec<Rule> {
    let (ingress, egress) = match site.site {
        RuleSite::Policy(id) => {
            let policy = &mut program.policies[id.0 as usize];
            (&mut policy.ingress, &mut policy.egress)
        }
        RuleSite::Default => {
            let default = program.default.as_mut().expect("a default");
            (&mut default.ingress, &mut default.egress)
        }
    };
    let block = match site.direction {
        Direction::Ingress => ingress,
        Direction::Egress => egress,
    };
    &mut block.as_mut().expect("a block").rules
}

#[test]
fn idle_rules_can_be_taken_away() {
    let (mut never, mut nothing, mut needed) = (0, 0, 0);
    for seed in 1..=rounds(120) {
        let mut dice = Dice(seed.wrapping_mul(0x0f1e_2d3c_4b5a_6987));
        let (_, program) = dice.program();
        let all = program
            .policies
            .iter()
            .flat_map(|policy| [&policy.ingress, &policy.egress])
            .flatten()
            .map(|block| block.rules.len())
            .sum::<usize>();
        let found = survey(&program).idle;
        needed += all.saturating_sub(found.len());
        for one in found {
            assert!(!one.takers.is_empty());
            let mut without = program.clone();
            rules_mut(&mut without, one.rule).remove(one.rule.rule as usize);
            for _ in 0..150 {
                let flow = dice.flow(&program, one.rule.direction);
                let decision = decide(&program, &flow);
                if one.why == Why::NeverDecides {
                    never += 1;
                    assert_ne!(decision.by, By::Rule(one.rule), "seed {seed}: {flow}");
                    assert!(!decision.passed.contains(&one.rule), "seed {seed}: {flow}");
                } else {
                    nothing += 1;
                }
                let verdict = decide(&without, &flow).verdict;
                assert_eq!(
                    verdict, decision.verdict,
                    "seed {seed}: {flow} {one:?}\n{program:#?}"
                );
            }
        }
    }
    assert!(
        never > 1000 && nothing > 1000 && needed > 100,
        "{never} {nothing} {needed}"
    );
}

/// The tier of a rule; that of `default` comes after all others.
fn tier_of(program: &Program, rule: RuleRef) -> usize {
    match rule.site {
        RuleSite::Policy(id) => program.policy(id).tier.0 as usize,
        RuleSite::Default => program.tiers.len(),
    }
}

#[test]
fn parts_that_are_denied_above_never_get_through() {
    let (mut reported, mut matched) = (0, 0);
    for seed in 1..=rounds(200) {
        let mut dice = Dice(seed.wrapping_mul(0x1357_9bdf_0246_8ace));
        let (_, program) = dice.program();
        for found in survey(&program).denied_above {
            reported += 1;
            let part = |flow: &Flow| matches_clause(&found.part.clause, flow);
            let site = found.rule.site;
            let subject = match site {
                RuleSite::Policy(id) => &program.policy(id).subject,
                RuleSite::Default => &program.default.as_ref().expect("a default").subject,
            };
            let flows = (0..150).map(|_| dice.flow(&program, found.rule.direction));
            let flows: Vec<Flow> = flows.chain([found.flow.clone()]).collect();
            assert!(part(&found.flow) && selects(subject, &found.flow.subject));
            for flow in flows
                .iter()
                .filter(|flow| part(flow) && selects(subject, &flow.subject))
            {
                matched += 1;
                let decision = decide(&program, flow);
                assert_eq!(decision.verdict, Verdict::Deny, "seed {seed}: {flow}");
                let above = match decision.by {
                    By::Rule(rule) => tier_of(&program, rule),
                    By::Otherwise(tier) => tier.0 as usize,
                    By::DefaultEnd | By::Open => usize::MAX,
                };
                assert!(above < tier_of(&program, found.rule), "seed {seed}: {flow}");
            }
        }
    }
    assert!(reported > 5 && matched > 20, "{reported} {matched}");
}

#[test]
fn pods_without_a_label_are_let_in_by_the_rule_that_is_named() {
    let mut reported = 0;
    for seed in 1..=rounds(150) {
        let mut dice = Dice(seed.wrapping_mul(0x2468_ace0_1357_9bdf));
        let (_, program) = dice.program();
        for found in survey(&program).unlabelled {
            reported += 1;
            let decision = decide(&program, &found.flow);
            assert_eq!(decision.verdict, Verdict::Allow, "seed {seed}");
            assert_eq!(decision.by, By::Rule(found.rule), "seed {seed}");
            let lacks =
                matches!(&found.flow.peer, End::Pod(peer) if !peer.labels.contains_key(&found.key));
            assert!(lacks, "seed {seed}: {}", found.flow);
        }
    }
    assert!(reported > 10, "{reported}");
}

#[test]
fn half_open_flows_are_allowed_at_one_end_and_denied_at_the_other() {
    let (mut reported, mut matched) = (0, 0);
    for seed in 1..=rounds(150) {
        let mut dice = Dice(seed.wrapping_mul(0x0bad_cafe_1234_5679));
        let (_, program) = dice.program();
        let index = Arc::new(Index::new(&program));
        let opens = half_open(&index);
        assert_eq!(opens.left_out, 0, "seed {seed}: small enough");
        for found in opens.found {
            reported += 1;
            let rule = program.rule(found.rule);
            let other = found.flow.mirrored().expect("the other end is a pod");
            assert!(matches(rule, &found.flow), "seed {seed}");
            assert_eq!(decide(&program, &found.flow).verdict, Verdict::Allow);
            let there = decide(&program, &other);
            assert_eq!((there.verdict, there.by), (Verdict::Deny, found.by));
            // No other flow of the rule gets through to that end, from any declared namespace.
            for _ in 0..300 {
                let mut flow = dice.flow(&program, found.rule.direction);
                flow.subject.namespace = found.flow.subject.namespace.clone();
                flow.subject.namespace_labels = found.flow.subject.namespace_labels.clone();
                if let End::Pod(peer) = &mut flow.peer {
                    peer.namespace = other.subject.namespace.clone();
                    peer.namespace_labels = other.subject.namespace_labels.clone();
                }
                // Most random flows are of no rule: one part is random, the others are those of the flow that was found.
                match dice.roll(4) {
                    0 => flow.traffic = found.flow.traffic,
                    1 => flow.peer = found.flow.peer.clone(),
                    2 => (flow.peer, flow.traffic) = (found.flow.peer.clone(), found.flow.traffic),
                    _ => {
                        flow.subject = found.flow.subject.clone();
                        flow.traffic = found.flow.traffic;
                    }
                }
                let Some(other) = flow.mirrored() else {
                    continue;
                };
                let as_peer = FlowBox {
                    subject: Pods::any(),
                    peers: EndpointSet::of_pods([found.peers.clone()]),
                    ports: PortSet::all(),
                };
                let own = match found.rule.site {
                    RuleSite::Policy(id) => selects(&program.policy(id).subject, &flow.subject),
                    RuleSite::Default => false,
                };
                // A clause for each end: of a rule with one clause its ports are those of the end.
                let is_asked = own
                    && rule.clauses.len() == 1
                    && matches(rule, &flow)
                    && in_box(&as_peer, &flow)
                    && decide(&program, &flow).verdict == Verdict::Allow;
                if is_asked {
                    matched += 1;
                    let verdict = decide(&program, &other).verdict;
                    assert_eq!(verdict, Verdict::Deny, "seed {seed}: {flow}");
                }
            }
        }
    }
    assert!(reported > 10 && matched > 100, "{reported} {matched}");
}

#[test]
fn too_many_rules_are_not_compared_and_that_is_said() {
    let mut dice = Dice(0x0123_4567_89ab_cdef);
    let has_rules = |policy: &Policy| {
        let block = policy.ingress.as_ref();
        !policy.staged && block.is_some_and(|block| !block.rules.is_empty())
    };
    let mut programs = (0..50).map(|_| dice.program().1);
    let mut program = programs
        .find(|program| program.policies.iter().any(has_rules))
        .expect("most programs have a rule");
    assert_eq!(survey(&program).too_many, None);
    let policy = program.policies.iter_mut().find(|policy| has_rules(policy));
    let block = policy.and_then(|policy| policy.ingress.as_mut());
    let rules = &mut block.expect("it has rules").rules;
    let rule = rules[0].clone();
    rules.extend((0..MOST_RULES + 100).map(|at| Rule {
        span: Span::new(FileId(1), at, at),
        ..rule.clone()
    }));
    let found = survey(&program);
    assert!(found.too_many.is_some_and(|rules| rules > MOST_RULES));
    assert!(found.idle.is_empty() && found.denied_above.is_empty());
}
