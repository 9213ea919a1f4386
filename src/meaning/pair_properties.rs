//! Two programs in one oracle, and both ends of a flow in one oracle, against the definition.

use std::sync::Arc;

use super::properties::{Dice, rounds};
use super::{Index, Oracle, Verdict, decide};
use crate::model::Program;
use crate::space::Direction;

fn dice(seed: u64) -> Dice {
    Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Two programs of one cluster.
fn pair(dice: &mut Dice) -> (Program, Program) {
    let (_, one) = dice.program();
    let (_, mut other) = dice.program();
    other.namespaces = one.namespaces.clone();
    other.cluster = one.cluster.clone();
    other.undeclared = match one.cluster.namespaces_closed {
        true => Vec::new(),
        false => vec!["uu".into(), "vv".into()],
    };
    (one, other)
}

#[test]
fn another_program_can_speak_in_the_same_oracle() {
    for seed in 1..=rounds(60) {
        let mut dice = dice(seed);
        let (one, other) = pair(&mut dice);
        let (mine, theirs) = Index::pair(&one, &other).expect("one cluster");
        let (mine, theirs) = (Arc::new(mine), Arc::new(theirs));
        for direction in Direction::BOTH {
            let mut oracles: Vec<_> = mine
                .partitions()
                .into_iter()
                .map(|partition| {
                    let mut oracle = Oracle::of(&mine, partition, direction).expect("small");
                    let allowed = oracle.allowed_by(&theirs).expect("small");
                    (oracle, allowed)
                })
                .collect();
            for _ in 0..200 {
                let flow = dice.flow(&one, direction);
                let here = mine.partition(&flow.subject.namespace);
                let (oracle, allowed) = oracles
                    .iter()
                    .find(|(oracle, _)| oracle.partition() == here)
                    .expect("a partition");
                assert_eq!(
                    oracle.holds(*allowed, &flow),
                    decide(&other, &flow).verdict == Verdict::Allow,
                    "seed {seed}: {flow}"
                );
            }
            for (oracle, allowed) in &mut oracles {
                let mine = oracle.allowed();
                let opened = oracle.minus(*allowed, mine).expect("small");
                if let Some(flow) = oracle.witness(opened).expect("small") {
                    assert_eq!(decide(&one, &flow).verdict, Verdict::Deny, "{seed}: {flow}");
                    assert_eq!(decide(&other, &flow).verdict, Verdict::Allow, "{flow}");
                }
            }
        }
    }
}

#[test]
fn the_other_end_is_asked_with_the_roles_exchanged() {
    let mut both = [0usize; 2];
    for seed in 1..=rounds(120) {
        let mut dice = dice(seed);
        let (one, other) = pair(&mut dice);
        let (mine, theirs) = Index::pair(&one, &other).expect("one cluster");
        let (mine, theirs) = (Arc::new(mine), Arc::new(theirs));
        let direction = Direction::BOTH[seed as usize % 2];
        let mut oracles: Vec<_> = mine
            .partitions()
            .into_iter()
            .map(|here| {
                let mut oracle = Oracle::of(&mine, here, direction).expect("small");
                let admitted: Vec<_> = mine
                    .partitions()
                    .into_iter()
                    .map(|there| oracle.admitted(&theirs, there).expect("small"))
                    .collect();
                let admitted = oracle.union(admitted).expect("small");
                (oracle, admitted)
            })
            .collect();
        for _ in 0..400 {
            let flow = dice.flow(&one, direction);
            let Some(there) = flow.mirrored() else {
                continue;
            };
            let here = mine.partition(&flow.subject.namespace);
            let (oracle, admitted) = oracles
                .iter()
                .find(|(oracle, _)| oracle.partition() == here)
                .expect("a partition");
            let allowed = decide(&other, &there).verdict == Verdict::Allow;
            both[usize::from(allowed)] += 1;
            assert_eq!(
                oracle.holds(*admitted, &flow),
                allowed,
                "seed {seed}: {flow}"
            );
        }
        for (oracle, admitted) in &mut oracles {
            let allowed = oracle.allowed();
            let through = oracle.and(allowed, *admitted).expect("small");
            if let Some(flow) = oracle.witness(through).expect("small") {
                let there = flow.mirrored().expect("a pod");
                assert_eq!(
                    decide(&one, &flow).verdict,
                    Verdict::Allow,
                    "{seed}: {flow}"
                );
                assert_eq!(decide(&other, &there).verdict, Verdict::Allow, "{there}");
            }
        }
    }
    assert!(both[0] > 100 && both[1] > 100, "{both:?}");
}
