//! Sets to regions and back: exact, whatever made the set.

use std::sync::Arc;

use super::properties::{Dice, rounds};
use super::{Index, Oracle, Set, in_box};
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet, Ranges, Region};

/// The flows that the world of a test is about: no addresses of nodes, no other protocols, so that regions can say more than they need.
fn some(oracle: &mut Oracle) -> Set {
    let flows = FlowBox {
        subject: Pods::any(),
        peers: EndpointSet {
            nodes: crate::space::AddressSet::empty(),
            ..EndpointSet::anywhere()
        },
        ports: PortSet {
            other: Ranges::empty(),
            ..PortSet::all()
        },
    };
    oracle.set(&flows).expect("small")
}

#[test]
fn regions_are_the_set_that_they_were_made_of() {
    let (mut sets, mut said) = (0usize, 0usize);
    for seed in 1..=rounds(15) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (world, program) = dice.program();
        let direction = dice.one(&Direction::BOTH);
        let index = Arc::new(Index::new(&program));
        for partition in index.partitions() {
            let mut oracle = Oracle::of(&index, partition, direction).expect("small");
            let (a, b) = (dice.flow_box(&world), dice.flow_box(&world));
            let a = oracle.set(&a).expect("small");
            let b = oracle.set(&b).expect("small");
            let allowed = oracle.allowed();
            let denied = oracle.minus(Set::ALL, allowed).expect("small");
            let mut all = vec![a, allowed, denied];
            all.push(oracle.minus(a, b).expect("small"));
            all.push(oracle.minus(allowed, b).expect("small"));
            all.push(oracle.and(denied, a).expect("small"));
            let hints = oracle.hints(&index);
            for set in all {
                for (within, hints) in [
                    (Set::ALL, &[][..]),
                    (Set::ALL, &hints[..]),
                    (some(&mut oracle), &hints[..]),
                ] {
                    let made = oracle.boxes(set, within, hints, 4000).expect("small");
                    assert!(made.complete, "seed {seed}: {partition:?}: {made:#?}");
                    sets += 1;
                    said += made.regions.len();
                    let back: Vec<Set> = made
                        .regions
                        .iter()
                        .map(|region| oracle.region_set(region).expect("small"))
                        .collect();
                    let back = oracle.union(back).expect("small");
                    let back = oracle.and(back, within).expect("small");
                    let set = oracle.and(set, within).expect("small");
                    let (more, less) = (
                        oracle.minus(back, set).expect("small"),
                        oracle.minus(set, back).expect("small"),
                    );
                    assert!(oracle.is_empty(more), "seed {seed}: {made:#?}");
                    assert!(oracle.is_empty(less), "seed {seed}: {made:#?}");
                    let again = oracle.boxes(set, within, hints, 4000).expect("small");
                    assert_eq!(again, made, "seed {seed}");
                }
            }
            // What regions say of a flow is what the definition says of it.
            let made = oracle.boxes(a, Set::ALL, &[], 4000).expect("small");
            for _ in 0..60 {
                let flow = dice.flow(&program, direction);
                if index.partition(&flow.subject.namespace) != partition {
                    continue;
                }
                let plain = |region: &&Region| region.conditions.is_empty();
                let within = made.regions.iter().filter(plain);
                let within = within
                    .map(|region| &region.flows)
                    .any(|one| in_box(one, &flow));
                assert!(!within || oracle.holds(a, &flow), "seed {seed}: {flow}");
            }
        }
    }
    assert!(sets > 300, "{sets}");
    assert!(said < sets * 12, "{said} regions of {sets} sets");
}

#[test]
fn a_bound_is_kept_and_said() {
    let mut cut = 0;
    for seed in 1..=20 {
        let mut dice = Dice(seed);
        let (_, program) = dice.program();
        let index = Arc::new(Index::new(&program));
        for partition in index.partitions() {
            let mut oracle = Oracle::of(&index, partition, Direction::Ingress).expect("small");
            let allowed = oracle.allowed();
            let made = oracle.boxes(allowed, Set::ALL, &[], 1).expect("small");
            assert!(made.regions.len() <= 1);
            let back = match made.regions.as_slice() {
                [one] => oracle.region_set(one).expect("small"),
                _ => Set::EMPTY,
            };
            let more = oracle.minus(back, allowed).expect("small");
            let less = oracle.minus(allowed, back).expect("small");
            assert!(oracle.is_empty(more));
            assert_eq!(oracle.is_empty(less), made.complete);
            cut += usize::from(!made.complete);
        }
    }
    assert!(cut > 5, "{cut}");
}
