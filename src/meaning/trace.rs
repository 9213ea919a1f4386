//! How a decision came about, tier by tier: what [`decide()`](super::decide()) does, with everybody who was asked.
//!
//! Takes: a program, prepared as an [`Index`], and a flow. Gives: each tier that was come to, the policies in it that select the pod, up to the one that
//! decides, and what each of them says.

use super::decide::{matches, selects};
use super::index::Index;
use super::{By, Verdict};
use crate::model::{Action, Block, RuleRef, RuleSite, TierId};
use crate::space::Flow;

/// A decision, step by step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The tiers that were come to, in order, and then `default`, if that selects the pod.
    pub stages: Vec<Stage>,
    /// What becomes of the flow.
    pub verdict: Verdict,
    /// Who decided.
    pub by: By,
}

/// A tier, or `default`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The tier; `None` for `default`.
    pub tier: Option<TierId>,
    /// The policies that select the pod, in order, up to the one that decides or passes.
    pub heard: Vec<Heard>,
}

/// What one policy says of a flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Which.
    pub site: RuleSite,
    /// The rules that record the flow on the way, in order, [`Heard::rule`] aside.
    pub logged: Vec<RuleRef>,
    /// The rule that decides or passes, if one matches.
    pub rule: Option<RuleRef>,
}

/// Decides a flow, and tells how.
pub fn trace(index: &Index<'_>, flow: &Flow) -> Trace {
    let program = index.program;
    let selecting = index.selecting(&flow.subject, flow.direction);
    let mut stages = Vec::with_capacity(program.tiers.len() + 1);
    for (at, tier) in program.tiers.iter().enumerate() {
        let id = TierId(at as u32);
        let mut stage = Stage {
            tier: Some(id),
            heard: Vec::new(),
        };
        let mut decided = None;
        for policy in selecting.of(id) {
            let block = program.policy(*policy).block(flow.direction);
            let heard = block.map(|block| heard(block, RuleSite::Policy(*policy), flow));
            let rule = heard.as_ref().and_then(|heard| heard.rule);
            stage.heard.extend(heard);
            decided = rule;
            if decided.is_some() {
                break;
            }
        }
        let ends_here = !stage.heard.is_empty() && tier.otherwise.denies();
        stages.push(stage);
        let (verdict, by) = match decided.map(|rule| (program.rule(rule).action, rule)) {
            Some((Action::Pass, _)) => continue,
            Some((Action::Deny, rule)) => (Verdict::Deny, By::Rule(rule)),
            Some((_, rule)) => (Verdict::Allow, By::Rule(rule)),
            None if ends_here => (Verdict::Deny, By::Otherwise(id)),
            None => continue,
        };
        return Trace {
            stages,
            verdict,
            by,
        };
    }
    let default = program
        .default
        .as_ref()
        .filter(|default| selects(&default.subject, &flow.subject))
        .and_then(|default| default.block(flow.direction));
    let Some(block) = default else {
        return Trace {
            stages,
            verdict: Verdict::Allow,
            by: By::Open,
        };
    };
    let heard = heard(block, RuleSite::Default, flow);
    let (verdict, by) = match heard.rule.map(|rule| (program.rule(rule).action, rule)) {
        Some((Action::Deny, rule)) => (Verdict::Deny, By::Rule(rule)),
        Some((_, rule)) => (Verdict::Allow, By::Rule(rule)),
        None => (Verdict::Deny, By::DefaultEnd),
    };
    stages.push(Stage {
        tier: None,
        heard: vec![heard],
    });
    Trace {
        stages,
        verdict,
        by,
    }
}

fn heard(block: &Block, site: RuleSite, flow: &Flow) -> Heard {
    let mut heard = Heard {
        site,
        logged: Vec::new(),
        rule: None,
    };
    for (at, rule) in block.rules.iter().enumerate() {
        if !matches(rule, flow) {
            continue;
        }
        let this = RuleRef {
            site,
            direction: flow.direction,
            rule: at as u32,
        };
        if rule.action == Action::Log {
            heard.logged.push(this);
        } else {
            heard.rule = Some(this);
            break;
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::super::properties::{Dice, rounds};
    use super::super::{Index, decide};
    use super::trace;
    use crate::space::Direction;

    #[test]
    fn a_trace_comes_to_what_is_decided() {
        for seed in 1..=rounds(30) {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let (_, program) = dice.program();
            let index = Index::new(&program);
            for _ in 0..100 {
                let direction = dice.one(&Direction::BOTH);
                let flow = dice.flow(&program, direction);
                let decision = decide(&program, &flow);
                let trace = trace(&index, &flow);
                assert_eq!(trace.verdict, decision.verdict, "seed {seed}: {flow}");
                assert_eq!(trace.by, decision.by, "seed {seed}: {flow}");
                let mut logged = Vec::new();
                let mut passed = Vec::new();
                for heard in trace.stages.iter().flat_map(|stage| &stage.heard) {
                    logged.extend(heard.logged.iter().copied());
                    if let Some(rule) = heard.rule {
                        let said = program.rule(rule);
                        logged.extend(said.log.then_some(rule));
                        if said.action == crate::model::Action::Pass {
                            passed.push(rule);
                        }
                    }
                }
                assert_eq!(logged, decision.logged, "seed {seed}: {flow}");
                assert_eq!(passed, decision.passed, "seed {seed}: {flow}");
            }
        }
    }
}
