//! Which rules no test and no guard touches.
//!
//! A statement touches a rule if the rule decides, or records, one of the statement's flows at one of its ends. What no statement touches can be changed
//! without a failure: nobody has said what it is for.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::claims::region;
use super::mentioned::Mentioned;
use super::universe::Universe;
use crate::meaning::{Index, Oracle, Partition, Set, TooLarge};
use crate::model::{Action, Block, Check, PolicyId, Program, RuleRef, RuleSite, TierId, Verb};
use crate::space::{Direction, Pods};

/// What the statements of a program touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// How many rules there are.
    pub rules: usize,
    /// Those that no statement touches, in order of policies, `default` last. Staged policies decide nothing and are left out.
    pub untouched: Vec<RuleRef>,
    /// Parts of the program that are too large to say; their rules count as untouched unless another part touches them.
    pub too_large: Vec<TooLarge>,
}

/// Finds the rules that no test and no guard touches.
pub fn coverage(program: &Program) -> Coverage {
    let index = Arc::new(Index::new(program));
    let world = Mentioned::of(program, &[]);
    let checks: Vec<&Check> = program
        .guards
        .iter()
        .chain(&program.tests)
        .flat_map(|test| &test.checks)
        .collect();
    let parts: Vec<(Partition, Direction)> = index
        .partitions()
        .into_iter()
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    let found: Vec<Result<BTreeSet<RuleRef>, TooLarge>> = parts
        .par_iter()
        .map(|(partition, direction)| touched(&index, &world, &checks, *partition, *direction))
        .collect();
    let mut all = BTreeSet::new();
    let mut coverage = Coverage::default();
    for part in found {
        match part {
            Ok(touched) => all.extend(touched),
            Err(fault) => coverage.too_large.push(fault),
        }
    }
    for (site, block, direction) in blocks(program) {
        for rule in 0..block.rules.len() {
            let this = RuleRef {
                site,
                direction,
                rule: rule as u32,
            };
            coverage.rules += 1;
            if !all.contains(&this) {
                coverage.untouched.push(this);
            }
        }
    }
    coverage
}

/// The blocks of enforced policies and of `default`.
fn blocks(program: &Program) -> impl Iterator<Item = (RuleSite, &Block, Direction)> {
    let policies = program
        .policies
        .iter()
        .enumerate()
        .filter(|(_, policy)| !policy.staged)
        .flat_map(|(at, policy)| {
            Direction::BOTH.map(|direction| {
                let site = RuleSite::Policy(PolicyId(at as u32));
                (site, policy.block(direction), direction)
            })
        });
    let default = program.default.iter().flat_map(|default| {
        Direction::BOTH.map(|direction| (RuleSite::Default, default.block(direction), direction))
    });
    policies
        .chain(default)
        .filter_map(|(site, block, direction)| Some((site, block?, direction)))
}

fn touched<'p>(
    index: &Arc<Index<'p>>,
    world: &Mentioned,
    checks: &[&Check],
    partition: Partition,
    direction: Direction,
) -> Result<BTreeSet<RuleRef>, TooLarge> {
    let program = index.program;
    let mut oracle = Oracle::of(index, partition, direction)?;
    let mut rest = Set::EMPTY;
    let universe = Universe::whole();
    for check in checks {
        let world = (check.verb == Verb::Can).then_some(world);
        let end = |end| match world {
            Some(world) => world.end_written(index, end),
            None => end.clone(),
        };
        let from = end(&check.from);
        for (to, ports) in &check.to {
            let to = end(to);
            let (subjects, peers) = match direction {
                Direction::Egress => (&from.pods, &to),
                Direction::Ingress => (&to.pods, &from),
            };
            let flows = region(&mut oracle, &universe, world, subjects, peers, ports)?;
            rest = oracle.or(rest, flows)?;
        }
    }
    let mut walk = Walk {
        oracle,
        rest,
        passed: Set::EMPTY,
        touched: BTreeSet::new(),
    };
    for (at, tier) in program.tiers.iter().enumerate() {
        let mut selected = Set::EMPTY;
        walk.passed = Set::EMPTY;
        for id in index.policies(TierId(at as u32), partition, direction) {
            let policy = program.policy(id);
            let Some(block) = policy.block(direction) else {
                continue;
            };
            let here = walk.block(block, RuleSite::Policy(id), &policy.subject)?;
            selected = walk.oracle.or(selected, here)?;
        }
        if tier.otherwise.denies() {
            walk.rest = walk.oracle.minus(walk.rest, selected)?;
        }
        walk.rest = walk.oracle.or(walk.rest, walk.passed)?;
    }
    if let Some(default) = &program.default
        && let Some(block) = default.block(direction)
    {
        walk.block(block, RuleSite::Default, &default.subject)?;
    }
    Ok(walk.touched)
}

/// The statements' flows on their way through the tiers.
struct Walk<'p> {
    oracle: Oracle<'p>,
    /// Not decided yet.
    rest: Set,
    /// Passed on by this tier.
    passed: Set,
    touched: BTreeSet<RuleRef>,
}

impl Walk<'_> {
    /// Takes the flows through a block; gives the subjects that it selects.
    fn block(&mut self, block: &Block, site: RuleSite, subject: &[Pods]) -> Result<Set, TooLarge> {
        let direction = self.oracle.direction();
        let selected = self.oracle.subjects_in(subject)?;
        for (at, rule) in block.rules.iter().enumerate() {
            let here = self.oracle.and(self.rest, selected)?;
            if self.oracle.is_empty(here) {
                break;
            }
            let matched = self.oracle.matched(rule)?;
            let decided = self.oracle.and(here, matched)?;
            if self.oracle.is_empty(decided) {
                continue;
            }
            self.touched.insert(RuleRef {
                site,
                direction,
                rule: at as u32,
            });
            if rule.action == Action::Log {
                continue;
            }
            self.rest = self.oracle.minus(self.rest, decided)?;
            if rule.action == Action::Pass {
                self.passed = self.oracle.or(self.passed, decided)?;
            }
        }
        Ok(selected)
    }
}
