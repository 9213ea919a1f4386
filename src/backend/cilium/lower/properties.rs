//! Random small programs, lowered, and compared flow by flow with the definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::peers::Effect;
use super::super::traffic::{carried, cut};
use super::{Lowered, Why, lower};
use crate::meaning::properties::{Dice, rounds};
use crate::meaning::{Index, Verdict, decide, in_box, in_ports, selects};
use crate::model::{Block, Program};
use crate::space::{Direction, Flow};

/// What Cilium makes of boxes: a deny beats every allow, and who is not closed is open.
fn enforced(program: &Program, lowered: &Lowered, flow: &Flow) -> Verdict {
    let matches = |effect| {
        lowered
            .emitted
            .iter()
            .filter(|one| one.effect == effect)
            .flat_map(|one| &one.boxes)
            .any(|one| in_box(one, flow))
    };
    let closes = |policy: &crate::model::Policy| {
        !policy.staged
            && program.tiers[policy.tier.0 as usize].otherwise.denies()
            && policy.block(flow.direction).is_some()
            && selects(&policy.subject, &flow.subject)
    };
    let closed = program.policies.iter().any(closes)
        || program.default.as_ref().is_some_and(|default| {
            default.block(flow.direction).is_some() && selects(&default.subject, &flow.subject)
        });
    if matches(Effect::Deny) || closed && !matches(Effect::Allow) {
        Verdict::Deny
    } else {
        Verdict::Allow
    }
}

/// What is emitted, a line each.
fn brief(lowered: &Lowered) -> String {
    let lines = lowered.emitted.iter().flat_map(|one| {
        one.boxes.iter().map(move |flows| {
            format!(
                "{:?} {:?} {:?}: {} | {} | {}\n",
                one.site, one.rule.rule, one.effect, flows.subject, flows.peers, flows.ports
            )
        })
    });
    lines.collect()
}

/// The program, a line a rule.
fn told(program: &Program, direction: Direction) -> String {
    let mut text = String::new();
    let list = |pods: &[crate::space::Pods]| {
        let all: Vec<String> = pods.iter().map(ToString::to_string).collect();
        all.join(" + ")
    };
    let mut tell = |name: &str, subject: &[crate::space::Pods], block: Option<&Block>| {
        let Some(block) = block else { return };
        text += &format!("{name} for {}\n", list(subject));
        for rule in &block.rules {
            for clause in &rule.clauses {
                let of = clause.subject.as_deref().map(list).unwrap_or_default();
                text += &format!(
                    "  {:?} {of} | {} | {}\n",
                    rule.action, clause.peers, clause.ports
                );
            }
        }
    };
    for policy in program.policies.iter().filter(|policy| !policy.staged) {
        let tier = &program.tiers[policy.tier.0 as usize];
        let name = format!("{} {:?}", policy.name, tier.otherwise);
        tell(&name, &policy.subject, policy.block(direction));
    }
    if let Some(default) = &program.default {
        tell("default", &default.subject, default.block(direction));
    }
    text
}

#[test]
fn what_is_emitted_decides_as_the_program_does() {
    let mut exact = 0;
    let mut refused: BTreeMap<Why, u32> = BTreeMap::new();
    for seed in 1..=rounds(150) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (_, mut program) = dice.program();
        program.cluster.sctp = dice.roll(2) == 0;
        let carried = carried(&program.cluster, (1, 20));
        let index = Arc::new(Index::new(&program));
        for direction in Direction::BOTH {
            let lowered = match lower(&program, (1, 20), &index, direction) {
                Ok(lowered) => lowered,
                Err(stuck) => {
                    *refused.entry(stuck[0].why).or_default() += 1;
                    continue;
                }
            };
            exact += 1;
            for one in lowered.emitted.iter().flat_map(|one| &one.boxes) {
                assert_eq!(cut(&one.ports, &carried), one.ports, "seed {seed}");
            }
            for _ in 0..300 {
                let flow = dice.flow(&program, direction);
                if !in_ports(&carried, &flow) {
                    continue;
                }
                let decision = decide(&program, &flow);
                assert_eq!(
                    enforced(&program, &lowered, &flow),
                    decision.verdict,
                    "seed {seed}: {flow}\n{decision:?}\n{}\n{}",
                    brief(&lowered),
                    told(&program, direction)
                );
            }
        }
    }
    // Most of these programs are wilder than people's; what is refused is refused for a reason that can be said.
    assert!(exact > 150, "{exact} exact, refused: {refused:?}");
    assert!(!refused.contains_key(&Why::Endless), "{refused:?}");
}
