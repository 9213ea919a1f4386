//! Two sides against single flows, decided by the definition.

use std::sync::Arc;

use smol_str::SmolStr;

use super::can::properties::{asked, ends as plain};
use super::{Aligned, Claim, Diff, Ends, Focus, Pair, Side, align};
use crate::backend::{LogPolicy, Spec};
use crate::meaning::properties::{Dice, nowhere, rounds};
use crate::meaning::{Verdict, decide, in_region};
use crate::model::{Block, Check, Program, Target, Verb};
use crate::prove::Universe;
use crate::source::Sources;
use crate::space::{Direction, End, Flow, Pod};

/// A side of a program, on all flows.
pub(super) fn side(name: &str, program: Program) -> Side {
    let mut sources = Sources::default();
    sources.add("policies.vau", "");
    let spec = Spec {
        name: "prod".into(),
        backend: Target::Calico,
        version: (3, 30),
        log: LogPolicy::Ignore,
    };
    Side {
        universe: Universe::whole(),
        ..Side::of_project(name, spec, Arc::new(program), sources)
    }
}

/// Two programs that have most in common, or nothing.
pub(super) fn pair(dice: &mut Dice) -> (Program, Program) {
    let (_, one) = dice.program();
    let mut other = match dice.roll(3) {
        0 => dice.program().1,
        _ => one.clone(),
    };
    for policy in &mut other.policies {
        let blocks = [&mut policy.ingress, &mut policy.egress];
        for block in blocks.into_iter().flatten() {
            spoil(dice, block);
        }
    }
    (one, other)
}

fn spoil(dice: &mut Dice, block: &mut Block) {
    if !block.rules.is_empty() && dice.roll(6) == 0 {
        block.rules.remove(dice.roll(block.rules.len()));
    }
}

/// Programs that know different things of their namespaces.
fn apart(dice: &mut Dice) -> (Program, Program) {
    let (mut one, mut other) = pair(dice);
    for program in [&mut one, &mut other] {
        program.cluster.namespaces_closed = dice.roll(4) == 0;
        if !program.namespaces.is_empty() && dice.roll(2) == 0 {
            let at = dice.roll(program.namespaces.len());
            let gone = program.namespaces.remove(at);
            program.undeclared.push(gone.name);
        }
        for namespace in &mut program.namespaces {
            if dice.roll(2) == 0 && !namespace.labels.is_empty() {
                let at = dice.roll(namespace.labels.len());
                match dice.roll(2) {
                    0 => {
                        namespace.labels.remove(at);
                    }
                    _ => namespace.labels[at].1 = dice.one(&["x", "y", "z"]).into(),
                }
            }
        }
        program.undeclared.sort();
        program.undeclared.dedup();
        if program.cluster.namespaces_closed {
            program.undeclared.clear();
        }
    }
    (one, other)
}

/// A pod with the labels that a side gives its namespace.
fn seen_by(side: &Side, pod: &Pod, world: &Aligned) -> Pod {
    let mut pod = pod.clone();
    let declared = |program: &Program| program.namespace(&pod.namespace).cloned();
    let both = world.programs[0].namespace(&pod.namespace);
    if let (Some(own), Some(both)) = (declared(&side.program), both) {
        let agreed = |key: &SmolStr| both.label(key).is_some();
        for (key, value) in own.labels.iter().filter(|(key, _)| !agreed(key)) {
            pod.namespace_labels.insert(key.clone(), value.clone());
        }
    }
    pod
}

fn flow_seen_by(side: &Side, flow: &Flow, world: &Aligned) -> Flow {
    let mut flow = flow.clone();
    flow.subject = seen_by(side, &flow.subject, world);
    if let End::Pod(pod) = &flow.peer {
        flow.peer = End::Pod(seen_by(side, pod, world));
    }
    flow
}

fn passes(program: &Program, flow: &Flow) -> bool {
    decide(program, flow).verdict == Verdict::Allow
}

pub(super) fn through(program: &Program, flow: &Flow) -> bool {
    passes(program, flow) && flow.mirrored().is_none_or(|other| passes(program, &other))
}

/// Whether a program lets a flow through: at both of its ends, or at its own.
fn lets(ends: Ends, program: &Program, flow: &Flow) -> bool {
    match ends {
        Ends::Together => through(program, flow),
        Ends::Each => passes(program, flow),
    }
}

/// Whether the namespaces of a flow's pods can be in the world of a program.
fn is_of_the_world(program: &Program, flow: &Flow) -> bool {
    let known = |pod: &Pod| {
        !program.cluster.namespaces_closed || program.namespace(&pod.namespace).is_some()
    };
    known(&flow.subject) && flow.peer.pod().is_none_or(known)
}

/// Whether a diff says that a flow opens, and that it closes: as it is seen from its own end or, if both count, from either.
fn said(diff: &Diff, ends: Ends, flow: &Flow) -> [bool; 2] {
    let at_one_end = |opens: bool, flow: &Flow| {
        let mut changes = diff.changes.iter();
        changes.any(|one| one.opens == opens && in_region(&one.region, flow))
    };
    [true, false].map(|opens| {
        at_one_end(opens, flow)
            || ends == Ends::Together
                && flow.mirrored().is_some_and(|flow| at_one_end(opens, &flow))
    })
}

/// Whether a diff says of a flow what is so. Where its list is cut, what it says is true.
fn is_right(diff: &Diff, said: [bool; 2], differs: [bool; 2]) -> bool {
    match diff.cut.is_empty() {
        true => said == differs,
        false => said.iter().zip(differs).all(|(said, is)| !said || is),
    }
}

#[test]
fn an_aligned_program_decides_as_its_side_does() {
    let (mut same, mut refused) = (0usize, 0usize);
    for seed in 1..=rounds(60) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (one, other) = apart(&mut dice);
        let sides = [side("one", one), side("other", other)];
        let Ok(world) = align(&sides[0], &sides[1]) else {
            refused += 1;
            continue;
        };
        for direction in Direction::BOTH {
            for _ in 0..150 {
                let flow = dice.flow(&world.programs[0], direction);
                for (side, program) in sides.iter().zip(&world.programs) {
                    same += 1;
                    let seen = flow_seen_by(side, &flow, &world);
                    assert_eq!(
                        passes(program, &flow),
                        passes(&side.program, &seen),
                        "seed {seed}: {flow}"
                    );
                }
            }
        }
    }
    assert!(same > 5_000 && refused > 0, "{same} {refused}");
}

#[test]
fn sides_are_equal_exactly_where_each_implies_the_other() {
    let mut seen = [0usize; 2];
    for seed in 1..=rounds(60) {
        let mut dice = Dice(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let (one, other) = match seed % 3 {
            0 => apart(&mut dice),
            _ => pair(&mut dice),
        };
        let sides = [side("one", one), side("other", other)];
        let (Ok(world), Ok(turned)) = (align(&sides[0], &sides[1]), align(&sides[1], &sides[0]))
        else {
            continue;
        };
        let programs = &world.programs;
        for ends in [Ends::Together, Ends::Each] {
            let equal = Pair::new(&world).compare(Claim::Equal, ends);
            let forth = Pair::new(&world).compare(Claim::Implies, ends);
            let back = Pair::new(&turned).compare(Claim::Implies, ends);
            assert!(equal.too_large.is_empty());
            seen[usize::from(equal.holds())] += 1;
            assert_eq!(
                equal.holds(),
                forth.holds() && back.holds(),
                "seed {seed} {ends:?}"
            );
            let get = |program: &Program, flow: &Flow| match ends {
                Ends::Together => through(program, flow),
                Ends::Each => passes(program, flow),
            };
            for apart in &equal.apart {
                let verdicts = [0, 1].map(|side| get(&programs[side], &apart.flow));
                assert_ne!(verdicts[0], verdicts[1], "seed {seed}: {}", apart.flow);
                assert!(verdicts[apart.allowing()]);
            }
            for apart in &forth.apart {
                assert!(get(&programs[0], &apart.flow) && !get(&programs[1], &apart.flow));
            }
            for direction in Direction::BOTH {
                for _ in 0..150 {
                    let flow = dice.flow(&programs[0], direction);
                    let known = |pod: &Pod| {
                        !programs[0].cluster.namespaces_closed
                            || programs[0].namespace(&pod.namespace).is_some()
                    };
                    let peer = match &flow.peer {
                        End::Pod(pod) => known(pod),
                        _ => true,
                    };
                    if !(peer && known(&flow.subject)) {
                        continue;
                    }
                    let verdicts = [0, 1].map(|side| get(&programs[side], &flow));
                    assert!(
                        !equal.holds() || verdicts[0] == verdicts[1],
                        "seed {seed}: {flow}"
                    );
                    assert!(
                        !forth.holds() || !verdicts[0] || verdicts[1],
                        "seed {seed}: {flow}"
                    );
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
}

#[test]
fn a_diff_applied_to_the_old_side_gives_the_new_one() {
    let (mut changed, mut same, mut cut) = (0usize, 0usize, 0usize);
    for seed in 1..=rounds(12) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (one, other) = pair(&mut dice);
        let sides = [side("old", one), side("new", other)];
        let Ok(world) = align(&sides[0], &sides[1]) else {
            continue;
        };
        for ends in [Ends::Together, Ends::Each] {
            let pair = Pair::new(&world);
            let diff = pair.diff([&sides[0], &sides[1]], ends);
            assert!(diff.unasked.is_empty() && diff.too_large.is_empty());
            cut += usize::from(!diff.cut.is_empty());
            assert_eq!(
                diff.is_empty(),
                pair.compare(Claim::Equal, ends).holds(),
                "seed {seed} {ends:?}"
            );
            for direction in Direction::BOTH {
                for _ in 0..150 {
                    let flow = dice.flow(&world.programs[0], direction);
                    let [old, new] = [0, 1].map(|side| lets(ends, &world.programs[side], &flow));
                    if !is_of_the_world(&world.programs[0], &flow) {
                        continue;
                    }
                    match old == new {
                        true => same += 1,
                        false => changed += 1,
                    }
                    let differs = [!old && new, old && !new];
                    let said = said(&diff, ends, &flow);
                    let right = is_right(&diff, said, differs);
                    assert!(right, "seed {seed} {ends:?}: {flow}: {said:?}");
                }
            }
        }
    }
    assert!(
        changed > 30 && same > 500 && cut < 8,
        "{changed} {same} {cut}"
    );
}

#[test]
fn a_focused_diff_says_what_differs_of_what_is_asked_and_nothing_else() {
    let (mut inside, mut outside, mut cut, mut refused) = (0usize, 0usize, 0usize, 0usize);
    for seed in 1..=rounds(30) {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let (one, other) = match seed % 3 {
            0 => apart(&mut dice),
            _ => pair(&mut dice),
        };
        let (words, _) = dice.program();
        let to = (0..=dice.roll(2))
            .map(|_| (plain(dice.peers(&words, false)), dice.ports()))
            .collect();
        let focus = Focus {
            check: Check {
                verb: Verb::Cannot,
                from: plain(dice.peers(&words, false)),
                to,
                span: nowhere(),
            },
            whole: [false; 2],
            ports: None,
        };
        let sides = [side("old", one), side("new", other)];
        let Ok(world) = align(&sides[0], &sides[1]) else {
            continue;
        };
        for ends in [Ends::Together, Ends::Each] {
            let Ok(pair) = Pair::new(&world).on(&focus) else {
                refused += 1;
                continue;
            };
            let diff = pair.diff([&sides[0], &sides[1]], ends);
            assert!(diff.unasked.is_empty() && diff.too_large.is_empty());
            cut += usize::from(!diff.cut.is_empty());
            for direction in Direction::BOTH {
                for _ in 0..150 {
                    let flow = dice.flow(&world.programs[0], direction);
                    if !is_of_the_world(&world.programs[0], &flow) {
                        continue;
                    }
                    let is_asked = asked(&focus.check, &flow_seen_by(&sides[1], &flow, &world));
                    let [old, new] = [0, 1].map(|side| lets(ends, &world.programs[side], &flow));
                    let differs = [is_asked && !old && new, is_asked && old && !new];
                    match is_asked {
                        true => inside += usize::from(old != new),
                        false => outside += usize::from(old != new),
                    }
                    let said = said(&diff, ends, &flow);
                    let right = is_right(&diff, said, differs);
                    assert!(right, "seed {seed} {ends:?}: {flow}: {said:?} {differs:?}");
                }
            }
        }
    }
    assert!(
        inside > 30 && outside > 30 && cut < 20,
        "{inside} {outside} {cut} {refused}"
    );
}
