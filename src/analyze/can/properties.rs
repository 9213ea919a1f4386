//! What `can` answers is what the definition says of every flow that can be thrown at it.

use std::collections::BTreeMap;

use super::{Answer, Chain, Flows, Unanswered, can};
use crate::analyze::Side;
use crate::backend::read::Unread;
use crate::meaning::properties::{Dice, nowhere, rounds};
use crate::meaning::{Verdict, decide, in_box, in_endpoints, in_ports, in_region, selects};
use crate::model::{Check, Program, Verb};
use crate::space::{Direction, End, EndpointSet, Flow, Pods, Region};

fn side(program: Program, unread: Vec<Unread>) -> Side {
    Side {
        unread,
        ..crate::analyze::properties::side("test", program)
    }
}

/// What becomes of a flow of a connection, by the definition, end by end.
fn expected(side: &Side, flow: &Flow) -> &'static str {
    let ends: Vec<Flow> = flow.mirrored().into_iter().chain([flow.clone()]).collect();
    let says = ends.iter().map(|flow| {
        let open = side.unread.iter().any(|part| {
            part.direction == flow.direction && part.flows.iter().any(|one| in_box(one, flow))
        });
        match (open, decide(&side.program, flow).verdict) {
            (true, _) => "open",
            (false, Verdict::Allow) => "through",
            (false, Verdict::Deny) => "stopped",
        }
    });
    let says: Vec<&str> = says.collect();
    ["stopped", "open", "through"]
        .into_iter()
        .find(|word| says.contains(word))
        .expect("a flow has an end that is a pod")
}

/// Whether a flow is in a region, seen from one of its ends.
fn holds(region: &Region, flow: &Flow) -> bool {
    match region.direction == flow.direction {
        true => in_region(region, flow),
        false => flow.mirrored().is_some_and(|flow| in_region(region, &flow)),
    }
}

/// Whether a flow is one of those that are asked about.
pub(in crate::analyze) fn asked(check: &Check, flow: &Flow) -> bool {
    let from_pods = |pods: &crate::space::Pod| selects(&check.from.pods, pods);
    check.to.iter().any(|(to, ports)| {
        in_ports(ports, flow)
            && match flow.direction {
                Direction::Egress => from_pods(&flow.subject) && in_endpoints(to, flow),
                Direction::Ingress => {
                    selects(&to.pods, &flow.subject) && in_endpoints(&check.from, flow)
                }
            }
    })
}

fn plain(mut pods: Pods) -> Pods {
    pods.namespaces.same.clear();
    pods
}

pub(in crate::analyze) fn ends(peers: EndpointSet) -> EndpointSet {
    EndpointSet {
        pods: peers.pods.into_iter().map(plain).collect(),
        ..peers
    }
}

fn kinds(answer: &Answer) -> [(&'static str, &Flows); 3] {
    [
        ("through", &answer.through),
        ("stopped", &answer.stopped),
        ("open", &answer.open),
    ]
}

#[test]
fn parts_of_an_answer_are_what_the_definition_says() {
    let (mut flows_asked, mut parts, mut answers) = (0usize, 0usize, 0usize);
    for seed in 1..=rounds(60) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (world, program) = dice.program();
        let mut unread = Vec::new();
        if dice.roll(3) == 0 {
            unread.push(Unread {
                object: "Policy x".into(),
                direction: dice.one(&Direction::BOTH),
                flows: vec![dice.flow_box(&world)],
                why: "nobody knows".to_owned(),
                span: nowhere(),
            });
        }
        let side = side(program, unread);
        for every in [true, false] {
            let check = Check {
                verb: if every { Verb::CanEvery } else { Verb::Can },
                from: ends(dice.peers(&world, false)),
                to: vec![(ends(dice.peers(&world, true)), dice.ports())],
                span: nowhere(),
            };
            let answer = can(&side, &check, &BTreeMap::new());
            if matches!(answer, Err(Unanswered::NotCovered(_))) {
                continue;
            }
            let answer = answer.expect("small");
            answers += 1;
            for (kind, flows) in kinds(&answer) {
                assert!(!flows.more, "seed {seed}");
                parts += flows.regions.len();
                assert_eq!(
                    flows.regions.is_empty(),
                    flows.chains.is_empty(),
                    "seed {seed}"
                );
                for Chain {
                    flow,
                    egress,
                    ingress,
                } in &flows.chains
                {
                    assert!(asked(&check, flow), "seed {seed}: {flow}");
                    assert_eq!(expected(&side, flow), kind, "seed {seed}: {flow}");
                    let told = [egress, ingress].into_iter().flatten();
                    for (end, flow) in
                        told.zip([Direction::Egress, Direction::Ingress].iter().filter_map(
                            |direction| {
                                if flow.direction == *direction {
                                    Some(flow.clone())
                                } else {
                                    flow.mirrored()
                                }
                            },
                        ))
                    {
                        assert_eq!(
                            end.verdict,
                            decide(&side.program, &flow).verdict,
                            "seed {seed}: {flow}"
                        );
                    }
                    let there = flows.regions.iter().any(|region| holds(region, flow));
                    assert!(there, "seed {seed}: {flow} in {:?}", flows.regions);
                }
            }
            if !every {
                continue;
            }
            for _ in 0..300 {
                let direction = dice.one(&Direction::BOTH);
                let flow = dice.flow(&side.program, direction);
                // A connection between pods is asked at its source.
                if direction == Direction::Ingress && matches!(flow.peer, End::Pod(_))
                    || !asked(&check, &flow)
                {
                    continue;
                }
                flows_asked += 1;
                let wanted = expected(&side, &flow);
                for (kind, flows) in kinds(&answer) {
                    let found = flows.regions.iter().any(|region| holds(region, &flow));
                    assert_eq!(
                        found,
                        kind == wanted,
                        "seed {seed}: {flow} is {wanted}, not {kind}: {:#?}",
                        flows
                            .regions
                            .iter()
                            .map(ToString::to_string)
                            .collect::<Vec<_>>()
                    );
                }
            }
        }
    }
    assert!(flows_asked > 200, "{flows_asked}");
    assert!(parts < answers * 40, "{parts} parts of {answers} answers");
}
