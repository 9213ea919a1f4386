//! What `lint`, `shadowed`, `conflicts` and `can` say of random manifests of all three targets, against the definition, flow by flow.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried for each question (default 3,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

#[path = "../calico_reader/manifests.rs"]
mod calico;
#[path = "../cilium_reader/draw.rs"]
mod cilium;
#[path = "../kubernetes_reader/draw.rs"]
mod draw;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
#[path = "../kubernetes_reader/manifests.rs"]
mod kubernetes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use draw::Draw;
use generator::Random;
use vauban::analyze::can::{Answer, can};
use vauban::analyze::{Claim, Ends, Pair, Side, align, findings};
use vauban::backend::read::{self, Cidr, Context, files};
use vauban::backend::{LogPolicy, Spec};
use vauban::diagnostic::{Diagnostic, Diagnostics};
use vauban::meaning::{
    Conflict, Index, Verdict, conflicts, decide, in_box, in_endpoints, in_ports, in_region,
    matches, selects,
};
use vauban::model::{
    Action, Check, Cluster, Cni, Namespace, Policy, PolicyId, Program, RuleRef, RuleSite, Target,
    TierId, Verb,
};
use vauban::source::{FileId, Sources, Span};
use vauban::space::{
    AddressSet, Direction, EndpointSet, Flow, Pod, Pods, PortSet, Region, Transport,
};

const FLOWS_OF_ONE: usize = 60;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// Manifests, an object a text, and the cluster that they are on.
struct Drawn {
    seed: u64,
    target: Target,
    version: (u16, u16),
    cluster: Cluster,
    namespaces: Vec<Namespace>,
    texts: Vec<String>,
}

fn nets(nets: &[&str]) -> Option<AddressSet> {
    Some(nets.iter().fold(AddressSet::empty(), |all, net| {
        all.union(&AddressSet::of(net.parse().unwrap()))
    }))
}

fn namespace(name: &str, labels: &[(&str, &str)]) -> Namespace {
    Namespace {
        name: name.into(),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        span: Span::new(FileId(0), 0, 0),
    }
}

/// A text with one object said again under another name.
fn again(random: &mut Random, texts: &mut Vec<String>) {
    let text = random.pick(texts).clone();
    let Ok(mut object) = serde_json::from_str::<serde_json::Value>(&text) else {
        return;
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    // The name of a policy of Calico's may begin with its tier's.
    object["metadata"]["name"] = format!("{name}-again").into();
    if object["kind"] != "Tier" {
        texts.push(object.to_string());
    }
}

impl Drawn {
    fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let target = *random.pick(&Target::ALL);
        let mut cluster = Cluster {
            pods: nets(&["10.244.0.0/16"]),
            nodes: nets(&["192.168.10.0/24"]),
            ipv6_none: true,
            ..Cluster::unknown()
        };
        let (version, namespaces, mut texts) = match target {
            Target::Kubernetes => {
                cluster.cni = Some(*random.pick(&[Cni::Cilium, Cni::Calico]));
                let policies = 2 + random.below(4);
                let policies =
                    (0..policies).map(|at| kubernetes::policy(random, &format!("p{at}")));
                let known = vec![
                    namespace("data", &[("env", "dev")]),
                    namespace("default", &[]),
                    namespace("shop", &[("env", "prod"), ("team", "a")]),
                ];
                (
                    (1, 33),
                    known,
                    policies.map(|one| one.to_string()).collect(),
                )
            }
            Target::Calico => {
                let known = vec![
                    namespace("blue", &[("env", "prod"), ("team", "x")]),
                    namespace("red", &[("env", "dev")]),
                ];
                ((3, 31), known, calico::manifests(random, (3, 31)))
            }
            Target::Cilium => {
                let dial = cilium::Dial {
                    version: (1, 19),
                    node_labels: false,
                    extended: false,
                };
                let spaces = cilium::SPACES.iter();
                let known = spaces.map(|(name, labels)| namespace(name, labels));
                let texts = cilium::Manifests::draw(random, dial).texts();
                ((1, 19), known.collect(), texts)
            }
        };
        if random.chance(40) {
            again(random, &mut texts);
        }
        Drawn {
            seed,
            target,
            version,
            cluster,
            namespaces,
            texts,
        }
    }

    /// What they decide, or all of them but one do; `None` if the target does not take them. The number of a text is the name of its file.
    fn side(&self, without: Option<usize>) -> Option<Side> {
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let texts = self.texts.iter().enumerate();
        let texts = texts.filter(|(at, _)| Some(*at) != without);
        let texts = texts.map(|(at, text)| (at.to_string().into(), text.as_str().into()));
        let documents = files::load(texts, &mut sources, &mut diagnostics);
        let context = Context {
            version: self.version,
            cluster: &self.cluster,
            namespaces: &self.namespaces,
            cidr: match self.target {
                Target::Kubernetes => Cidr::Outside,
                _ => Cidr::AsTarget,
            },
        };
        let reading = read::read(self.target, &documents, &context, &mut diagnostics);
        let spec = Spec {
            name: "manifests".into(),
            backend: self.target,
            version: self.version,
            log: LogPolicy::Ignore,
        };
        let side = Side::of_manifests("manifests", spec, reading, Arc::new(sources));
        (!diagnostics.has_errors()).then_some(side)
    }

    /// The text that a place is in.
    fn text_of(side: &Side, span: Span) -> usize {
        side.sources.get(span.file).path.parse().unwrap()
    }

    fn shown(&self) -> String {
        let Drawn {
            seed,
            target,
            texts,
            ..
        } = self;
        format!("seed {seed}, {}\n{}", target.word(), texts.join("\n"))
    }
}

/// Shows manifests with flows, until enough flows were tried, so many times as often as is asked for.
fn each(times: usize, mut see: impl FnMut(&Drawn, &Side, &[Flow], &mut Random)) {
    let wanted = times * number("VAUBAN_FLOWS", 3_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let mut tried = 0;
    while tried < wanted {
        seed += 1;
        let drawn = Drawn::of(seed);
        let Some(side) = drawn.side(None) else {
            continue;
        };
        let random = &mut Random::new(seed + 0x5eed);
        let mut draw = Draw::of(&side.program);
        draw.undeclared = true;
        draw.others = true;
        let flows = (0..FLOWS_OF_ONE).map(|_| draw.flow(random).flow);
        let flows: Vec<Flow> = flows.filter(|flow| side.universe.holds(flow)).collect();
        tried += FLOWS_OF_ONE;
        see(&drawn, &side, &flows, random);
    }
}

fn is_open(side: &Side, flow: &Flow) -> bool {
    side.unread.iter().any(|part| {
        part.direction == flow.direction && part.flows.iter().any(|flows| in_box(flows, flow))
    })
}

fn verdict(program: &Program, flow: &Flow) -> Verdict {
    decide(program, flow).verdict
}

/// Whether a policy has a say about a flow.
fn speaks(policy: &Policy, flow: &Flow) -> bool {
    let selected = !policy.staged && selects(&policy.subject, &flow.subject);
    selected && policy.block(flow.direction).is_some()
}

/// What one policy decides of a flow, by the definition.
fn decides(program: &Program, id: PolicyId, flow: &Flow) -> Option<Action> {
    let policy = program.policy(id);
    if !speaks(policy, flow) {
        return None;
    }
    let mut rules = policy.block(flow.direction)?.rules.iter();
    rules
        .find(|rule| rule.action != Action::Log && matches(rule, flow))
        .map(|rule| rule.action)
}

#[test]
fn an_object_is_redundant_exactly_if_the_manifests_are_the_same_without_it() {
    let (mut redundant, mut needed, mut compared) = (0, 0, 0);
    each(1, |drawn, side, flows, _| {
        let mut diagnostics = Diagnostics::default();
        let too_large = findings::redundant(side, &mut diagnostics);
        let reported: BTreeSet<usize> = diagnostics
            .iter()
            .map(|one| Drawn::text_of(side, one.primary.as_ref().unwrap().span))
            .collect();
        let program = &side.program;
        let speaking: BTreeSet<usize> = program
            .policies
            .iter()
            .filter(|policy| flows.iter().any(|flow| speaks(policy, flow)))
            .map(|policy| Drawn::text_of(side, policy.span))
            .collect();
        for text in reported.union(&speaking) {
            let Some(rest) = drawn.side(Some(*text)) else {
                continue;
            };
            let is_redundant = reported.contains(text);
            for flow in flows {
                let known = !is_open(side, flow) && !is_open(&rest, flow);
                if is_redundant && known {
                    compared += 1;
                    let (with, without) = (verdict(program, flow), verdict(&rest.program, flow));
                    assert_eq!(with, without, "{text}: {flow}\n{}", drawn.shown());
                }
            }
            let whole = side.unread.is_empty() && rest.unread.is_empty() && too_large == 0;
            let world = align(side, &rest).unwrap();
            let comparison = Pair::new(&world).compare(Claim::Equal, Ends::Each);
            match is_redundant {
                true => {
                    redundant += 1;
                    assert_eq!(comparison.apart, [], "{text}\n{}", drawn.shown());
                }
                false if whole && comparison.too_large.is_empty() => {
                    needed += 1;
                    let apart = comparison.apart.first();
                    let apart = apart.unwrap_or_else(|| panic!("{text}\n{}", drawn.shown()));
                    let [with, without] = &world.programs;
                    assert_ne!(verdict(with, &apart.flow), verdict(without, &apart.flow));
                }
                false => {}
            }
        }
    });
    eprintln!("{redundant} redundant, {needed} needed, {compared} flows");
    assert!(redundant > 5 && needed > 10 && compared > 200);
}

/// The rules that stand at a place.
fn rules_at(program: &Program, span: Span) -> Vec<RuleRef> {
    let mut all = Vec::new();
    for (at, policy) in program.policies.iter().enumerate() {
        for direction in Direction::BOTH {
            let rules = policy.block(direction).map_or(&[][..], |one| &one.rules);
            for (rule, _) in rules.iter().enumerate().filter(|(_, one)| one.span == span) {
                all.push(RuleRef {
                    site: RuleSite::Policy(PolicyId(at as u32)),
                    direction,
                    rule: rule as u32,
                });
            }
        }
    }
    all
}

/// A program without a rule.
fn without(program: &Program, rule: RuleRef) -> Program {
    let mut program = program.clone();
    let RuleSite::Policy(id) = rule.site else {
        panic!("manifests have no default");
    };
    let policy = &mut program.policies[id.0 as usize];
    let block = match rule.direction {
        Direction::Ingress => &mut policy.ingress,
        Direction::Egress => &mut policy.egress,
    };
    block.as_mut().unwrap().rules.remove(rule.rule as usize);
    program
}

#[test]
fn a_rule_that_is_reported_can_be_taken_away() {
    let (mut idle, mut compared) = (BTreeMap::new(), 0);
    each(1, |drawn, side, flows, _| {
        let mut diagnostics = Diagnostics::default();
        vauban::check::check(&side.program, &mut diagnostics);
        let needless = |one: &&Diagnostic| {
            [
                "redundant-deny-all",
                "rule-changes-nothing",
                "rule-never-decides",
            ]
            .contains(&one.name)
        };
        for one in diagnostics.iter().filter(needless) {
            let rules = rules_at(&side.program, one.primary.as_ref().unwrap().span);
            assert!(!rules.is_empty(), "{one:?}\n{}", drawn.shown());
            *idle.entry(one.name).or_insert(0) += 1;
            for rule in rules {
                let rest = without(&side.program, rule);
                for flow in flows.iter().filter(|flow| flow.direction == rule.direction) {
                    compared += 1;
                    let (with, without) = (verdict(&side.program, flow), verdict(&rest, flow));
                    assert_eq!(with, without, "{}: {flow}\n{}", one.message, drawn.shown());
                }
            }
        }
    });
    eprintln!("{idle:?}, {compared} flows");
    assert!(idle.values().sum::<i32>() > 5 && compared > 100, "{idle:?}");
}

/// The program as conflicts are looked for in it, and the order that its authors have said.
fn unordered(side: &Side) -> (Program, Vec<u32>) {
    let mut program = Program::clone(&side.program);
    if side.spec.backend != Target::Cilium {
        return (program, side.ranks.clone());
    }
    for policy in &mut program.policies {
        policy.tier = TierId(0);
        policy.after.clear();
    }
    let ranks = vec![0; program.policies.len()];
    (program, ranks)
}

#[test]
fn policies_conflict_exactly_where_they_decide_differently() {
    let (mut found, mut seen) = (0, 0);
    each(8, |drawn, side, flows, _| {
        let mut diagnostics = Diagnostics::default();
        let too_large = findings::conflicts(side, &mut diagnostics);
        if side.spec.backend == Target::Kubernetes {
            assert!(diagnostics.is_empty());
            return;
        }
        let (program, ranks) = unordered(side);
        let index = Arc::new(Index::new(&program));
        let all: Vec<Conflict> = conflicts(&index, ranks.clone()).0;
        let name = |id: PolicyId| program.policy(id).name.clone();
        let between = |one: &&Conflict| name(one.pair[0]) != name(one.pair[1]);
        let told: Vec<&Conflict> = all.iter().filter(between).collect();
        assert_eq!(diagnostics.len(), told.len(), "{}", drawn.shown());
        for (one, conflict) in diagnostics.iter().zip(&told) {
            found += 1;
            // What is said is true of the flow that is shown.
            let [a, b] = conflict
                .pair
                .map(|id| decides(&program, id, &conflict.flow));
            assert!(
                a.is_some() && b.is_some() && a != b,
                "{one:?}\n{}",
                drawn.shown()
            );
            let says = format!("both decide {}", conflict.flow);
            assert!(one.notes.contains(&says), "{one:?} {says}");
            let [a, b] = conflict.pair.map(|id| ranks[id.0 as usize]);
            assert_eq!(a, b, "{}", drawn.shown());
        }
        let pairs: BTreeSet<([PolicyId; 2], Direction)> = all
            .iter()
            .map(|one| (one.pair, one.flow.direction))
            .collect();
        for flow in flows.iter().filter(|_| too_large == 0) {
            let deciding: Vec<(PolicyId, Action)> = (0..program.policies.len() as u32)
                .map(PolicyId)
                .filter_map(|id| Some((id, decides(&program, id, flow)?)))
                .collect();
            for (a, does) in &deciding {
                for (b, other) in deciding.iter().filter(|(b, other)| a < b && does != other) {
                    let tier = |id: &PolicyId| program.policy(*id).tier;
                    let rank = |id: &PolicyId| ranks[id.0 as usize];
                    let earlier = deciding
                        .iter()
                        .any(|(c, _)| tier(c) == tier(a) && rank(c) < rank(a));
                    if tier(a) == tier(b) && rank(a) == rank(b) && !earlier {
                        seen += 1;
                        assert!(
                            pairs.contains(&([*a, *b], flow.direction)),
                            "{} {does:?}, {} {other:?}: {flow}\n{}",
                            name(*a),
                            name(*b),
                            drawn.shown()
                        );
                    }
                }
            }
        }
    });
    eprintln!("{found} conflicts, {seen} of flows");
    assert!(found > 10 && seen > 10);
}

/// Whether a flow is in a region, at one of its ends.
fn holds(region: &Region, flow: &Flow) -> bool {
    match region.direction == flow.direction {
        true => in_region(region, flow),
        false => flow.mirrored().is_some_and(|flow| in_region(region, &flow)),
    }
}

fn is_asked(check: &Check, flow: &Flow) -> bool {
    let subject = |pods: &[Pods]| selects(pods, &flow.subject);
    check.to.iter().any(|(to, ports)| {
        in_ports(ports, flow)
            && match flow.direction {
                Direction::Egress => subject(&check.from.pods) && in_endpoints(to, flow),
                Direction::Ingress => subject(&to.pods) && in_endpoints(&check.from, flow),
            }
    })
}

/// What becomes of a connection, end by end.
fn becomes(side: &Side, flow: &Flow) -> &'static str {
    let ends: Vec<Flow> = flow.mirrored().into_iter().chain([flow.clone()]).collect();
    let says = ends.iter().map(
        |flow| match (is_open(side, flow), verdict(&side.program, flow)) {
            (true, _) => "open",
            (false, Verdict::Allow) => "through",
            (false, Verdict::Deny) => "stopped",
        },
    );
    let says: Vec<&str> = says.collect();
    let worst = ["stopped", "open", "through"];
    worst.into_iter().find(|word| says.contains(word)).unwrap()
}

/// A question of ends that the manifests know.
fn question(random: &mut Random, program: &Program) -> Check {
    let subjects: Vec<&Pods> = program
        .policies
        .iter()
        .flat_map(|one| &one.subject)
        .collect();
    let mut end = || match random.chance(40) || subjects.is_empty() {
        true => EndpointSet::anywhere(),
        false => EndpointSet::of_pods([(*random.pick(&subjects)).clone()]),
    };
    let (from, to) = (end(), end());
    let ports = match random.chance(50) {
        true => PortSet::all(),
        false => PortSet::of(Transport::Tcp, 80, *random.pick(&[80, 443, 9000])),
    };
    Check {
        verb: Verb::CanEvery,
        from,
        to: vec![(to, ports)],
        span: Span::new(FileId(0), 0, 0),
    }
}

#[test]
fn can_answers_of_manifests_what_is_decided_of_each_flow() {
    let mut counts = BTreeMap::new();
    each(1, |drawn, side, flows, random| {
        let check = question(random, &side.program);
        let Ok(answer) = can(side, &check, &BTreeMap::new()) else {
            return;
        };
        let Answer {
            through,
            stopped,
            open,
            ..
        } = &answer;
        let kinds = [("through", through), ("stopped", stopped), ("open", open)];
        let within = |pod: &Pod| {
            !side.universe.declared_only || side.program.namespace(&pod.namespace).is_some()
        };
        for flow in flows
            .iter()
            .filter(|flow| is_asked(&check, flow) && within(&flow.subject))
        {
            // Both its ends must be in the universe.
            if flow
                .mirrored()
                .is_some_and(|flow| !side.universe.holds(&flow))
            {
                continue;
            }
            let due = becomes(side, flow);
            *counts.entry(due).or_insert(0) += 1;
            for (kind, flows) in kinds {
                let said = flows.regions.iter().any(|region| holds(region, flow));
                let right = match flows.more {
                    false => said == (kind == due),
                    true => !said || kind == due,
                };
                assert!(
                    right,
                    "{kind}, {due}: {flow} of {check:?}\n{}",
                    drawn.shown()
                );
            }
        }
    });
    eprintln!("{counts:?}");
    assert!(
        counts["through"] > 50 && counts["stopped"] > 50,
        "{counts:?}"
    );
}
