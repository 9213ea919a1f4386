//! Who decides instead of a rule.

use std::sync::Arc;

use super::Taker;
use crate::meaning::decide::{By, matches};
use crate::meaning::index::{Index, Partition};
use crate::meaning::oracle::{Oracle, Set, TooLarge};
use crate::model::{Action, Program, RuleRef, RuleSite, TierId};
use crate::space::diagram::{Id, Op};
use crate::space::{Direction, Flow};

/// How many takers are named.
const MOST_TAKERS: usize = 3;

/// Who decides the flows of an idle rule, in the first namespace where it has any.
pub(super) fn takers(
    index: &Arc<Index>,
    rule: RuleRef,
    never_decides: bool,
    places: &[(Partition, Direction)],
) -> Vec<Taker> {
    let here = places
        .iter()
        .filter(|(_, direction)| *direction == rule.direction);
    for (partition, direction) in here {
        let found = takers_in(index, rule, never_decides, *partition, *direction);
        match found {
            Ok(found) if found.is_empty() => {}
            Ok(found) => return found,
            Err(_) => return Vec::new(),
        }
    }
    Vec::new()
}

fn takers_in(
    index: &Arc<Index>,
    rule: RuleRef,
    never_decides: bool,
    partition: Partition,
    direction: Direction,
) -> Result<Vec<Taker>, TooLarge> {
    let program = index.program;
    let (subject, tier) = match rule.site {
        RuleSite::Default => match &program.default {
            Some(default) => (&default.subject, None),
            None => return Ok(Vec::new()),
        },
        RuleSite::Policy(id) => (&program.policy(id).subject, Some(program.policy(id).tier)),
    };
    if !subject
        .iter()
        .any(|pods| index.meets(&pods.namespaces, partition))
    {
        return Ok(Vec::new());
    }
    let mut oracle = Oracle::undecided(index, partition, direction)?;
    let mut set = |rules: &[RuleRef]| {
        oracle.checked(|oracle| {
            let mut all = Id::NONE;
            for one in rules {
                let one = oracle.rule(program.rule(*one), Id::ALL)?;
                all = oracle.manager.apply(Op::Over, all, one)?;
            }
            Ok(Set(all))
        })
    };
    let mut region = set(&[rule])?;
    if !never_decides {
        let earlier: Vec<RuleRef> = (0..rule.rule)
            .map(|at| RuleRef { rule: at, ..rule })
            .filter(|one| program.rule(*one).action != Action::Log)
            .collect();
        let earlier = set(&earlier)?;
        region = oracle.minus(region, earlier)?;
    }
    let selected = oracle.subjects_in(subject)?;
    region = oracle.and(region, selected)?;
    let mut takers = Vec::new();
    while takers.len() < MOST_TAKERS {
        let Some(flow) = oracle.witness(region)? else {
            break;
        };
        let taker = match never_decides {
            true => taken_before(index, rule, tier, &flow),
            false => Some(taken_after(program, rule, tier, &flow)),
        };
        let Some(taker) = taker else {
            break;
        };
        if !takers.contains(&taker) {
            takers.push(taker);
        }
        let Taker::Rule(taker) = taker else {
            break;
        };
        let taken = oracle.checked(|oracle| oracle.rule(program.rule(taker), Id::ALL))?;
        region = oracle.minus(region, Set(taken))?;
    }
    Ok(takers)
}

/// Who decides a flow before the rule is reached.
fn taken_before(
    index: &Index<'_>,
    rule: RuleRef,
    tier: Option<TierId>,
    flow: &Flow,
) -> Option<Taker> {
    let program = index.program;
    let decision = index.decide(flow);
    let in_tier = |one: &RuleRef| match one.site {
        RuleSite::Policy(id) => Some(program.policy(id).tier) == tier,
        RuleSite::Default => false,
    };
    let passed = decision.passed.iter().copied().find(in_tier);
    let taker = match (passed, decision.by) {
        (Some(pass), _) => Taker::Rule(pass),
        (None, By::Rule(one)) => Taker::Rule(one),
        (None, By::Otherwise(tier)) => Taker::TierEnd(tier),
        (None, By::DefaultEnd | By::Open) => return None,
    };
    (taker != Taker::Rule(rule)).then_some(taker)
}

/// Who would decide a flow if the rule were not there.
fn taken_after(program: &Program, rule: RuleRef, tier: Option<TierId>, flow: &Flow) -> Taker {
    let block = match rule.site {
        RuleSite::Policy(id) => program.policy(id).block(rule.direction),
        RuleSite::Default => program
            .default
            .as_ref()
            .and_then(|default| default.block(rule.direction)),
    };
    let rules = block.map(|block| &block.rules[..]).unwrap_or_default();
    let mut later = (rule.rule + 1..rules.len() as u32).filter(|at| {
        let rule = &rules[*at as usize];
        rule.action != Action::Log && matches(rule, flow)
    });
    match (later.next(), tier) {
        (Some(at), _) => Taker::Rule(RuleRef { rule: at, ..rule }),
        (None, Some(tier)) => Taker::TierEnd(tier),
        (None, None) => Taker::DefaultEnd,
    }
}
