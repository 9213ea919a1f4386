//! What becomes of claims, against single flows.

use std::sync::Arc;

use super::claims::{Standing, examine};
use super::universe::Universe;
use crate::meaning::properties::{Dice, World, nowhere, rounds};
use crate::meaning::{Index, Verdict, decide, in_endpoints, in_ports, selects};
use crate::model::{Check, Program, Verb};
use crate::space::{Direction, EndpointSet, Flow};

fn through(program: &Program, flow: &Flow) -> bool {
    let passes = |end: &Flow| decide(program, end).verdict == Verdict::Allow;
    passes(flow) && flow.mirrored().is_none_or(|other| passes(&other))
}

/// Whether a flow is one of a statement's.
fn speaks_of(check: &Check, flow: &Flow) -> bool {
    let subject = |end: &EndpointSet| selects(&end.pods, &flow.subject);
    check.to.iter().any(|(to, ports)| {
        let ends = match flow.direction {
            Direction::Egress => subject(&check.from) && in_endpoints(to, flow),
            Direction::Ingress => subject(to) && in_endpoints(&check.from, flow),
        };
        ends && in_ports(ports, flow)
    })
}

/// An end of a statement: it has no relation to a subject.
fn end(dice: &mut Dice, world: &World) -> EndpointSet {
    let mut end = dice.peers(world, false);
    for pods in &mut end.pods {
        pods.namespaces.same.clear();
    }
    end
}

#[test]
fn claims_hold_exactly_where_their_flows_say_so() {
    let mut seen = [0usize; 3];
    for seed in 1..=rounds(150) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (world, program) = dice.program();
        let index = Arc::new(Index::new(&program));
        for verb in [Verb::Cannot, Verb::CanEvery, Verb::Can] {
            let check = Check {
                verb,
                from: end(&mut dice, &world),
                to: vec![(end(&mut dice, &world), dice.ports())],
                span: nowhere(),
            };
            let claim = examine(&index, &[], &Universe::whole(), &check);
            match claim.standing {
                Standing::Fails(failed) => {
                    seen[0] += 1;
                    let flow = failed
                        .egress
                        .or(failed.ingress)
                        .expect("an end that is a pod");
                    assert!(speaks_of(&check, &flow), "seed {seed}: {flow}");
                    let wanted = verb == Verb::Cannot;
                    assert_eq!(
                        through(&program, &flow),
                        wanted,
                        "seed {seed}: {verb:?} {flow}"
                    );
                }
                Standing::Holds => {
                    seen[1] += 1;
                    for _ in 0..300 {
                        let direction = Direction::BOTH[dice.roll(2)];
                        let flow = dice.flow(&program, direction);
                        if verb == Verb::Can || !speaks_of(&check, &flow) {
                            continue;
                        }
                        seen[2] += 1;
                        let wanted = verb == Verb::CanEvery;
                        assert_eq!(
                            through(&program, &flow),
                            wanted,
                            "seed {seed}: {verb:?} {flow}"
                        );
                    }
                }
                Standing::NotCovered(_) => {}
                Standing::TooLarge(fault) => unreachable!("seed {seed}: {fault}"),
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}
