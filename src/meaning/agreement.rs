//! Policies of one tier that nobody has ordered must take the same decision wherever both take one.
//!
//! Allow, deny and pass are decisions; a record is none. What a policy decides that comes before both is left aside. Then every order
//! that keeps `before` and `after` gives the same verdict, and the text never depends on names of files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::decide::first;
use super::index::{Index, Partition};
use super::oracle::{Oracle, Set, TooLarge};
use crate::model::{Action, Policy, PolicyId, RuleRef, RuleSite, TierId};
use crate::space::diagram::{Id, Op};
use crate::space::{Direction, Flow};

/// Two rules of unordered policies, and a flow that they decide differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Disagreement {
    pub(super) rules: [RuleRef; 2],
    pub(super) flow: Flow,
}

/// Which pairs to look at.
pub(super) enum Scope<'a> {
    /// All of them.
    All,
    /// Those that these policies have a part in.
    Changed(&'a BTreeSet<PolicyId>),
}

/// What was found: disagreements by pair and direction, and what could not be decided.
#[derive(Default)]
pub(super) struct Found {
    pub(super) disagreements: BTreeMap<(PolicyId, PolicyId, Direction), Disagreement>,
    pub(super) too_large: Vec<(PolicyId, TooLarge)>,
}

/// Which policies come before a policy, however far.
pub(super) struct Before {
    /// Only policies that have any.
    ancestors: FxHashMap<PolicyId, Arc<Vec<u64>>>,
    /// The bit of each policy that has a successor.
    bits: FxHashMap<PolicyId, usize>,
    /// Where these are said, they alone count: a policy comes before those of a larger rank.
    ranks: Option<Vec<u32>>,
}

impl Before {
    pub(super) fn new(index: &Index) -> Self {
        let policies = &index.program.policies;
        let mut heads: Vec<PolicyId> = policies
            .iter()
            .flat_map(|one| &one.after)
            .copied()
            .collect();
        heads.sort_unstable();
        heads.dedup();
        let bits: FxHashMap<PolicyId, usize> = heads
            .into_iter()
            .enumerate()
            .map(|(bit, id)| (id, bit))
            .collect();
        let words = bits.len().div_ceil(64);
        let mut by_depth: Vec<PolicyId> = (0..policies.len() as u32)
            .map(PolicyId)
            .filter(|id| !index.program.policy(*id).after.is_empty())
            .collect();
        by_depth.sort_by_key(|id| index.program.policy(*id).depth);
        let mut ancestors: FxHashMap<PolicyId, Arc<Vec<u64>>> = FxHashMap::default();
        for id in by_depth {
            let mut all = vec![0u64; words];
            for before in &index.program.policy(id).after {
                if let Some(theirs) = ancestors.get(before) {
                    all.iter_mut()
                        .zip(theirs.iter())
                        .for_each(|(mine, theirs)| *mine |= theirs);
                }
                let bit = bits[before];
                all[bit / 64] |= 1 << (bit % 64);
            }
            ancestors.insert(id, Arc::new(all));
        }
        Before {
            ancestors,
            bits,
            ranks: None,
        }
    }

    /// An order by rank, one for each policy.
    fn by_rank(ranks: Vec<u32>) -> Self {
        Before {
            ancestors: FxHashMap::default(),
            bits: FxHashMap::default(),
            ranks: Some(ranks),
        }
    }

    /// Whether the first comes before the second.
    pub(super) fn is_before(&self, first: PolicyId, second: PolicyId) -> bool {
        if let Some(ranks) = &self.ranks {
            return ranks[first.0 as usize] < ranks[second.0 as usize];
        }
        match (self.bits.get(&first), self.ancestors.get(&second)) {
            (Some(bit), Some(all)) => all[bit / 64] & 1 << (bit % 64) != 0,
            _ => false,
        }
    }
}

/// Two policies that decide a flow differently, and that nobody has ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The policies.
    pub pair: [PolicyId; 2],
    /// The rules that decide.
    pub rules: [RuleRef; 2],
    /// The flow.
    pub flow: Flow,
}

/// The pairs of policies of one tier that decide a flow differently, where only a larger rank comes after a smaller one; `ranks` has one for each policy.
/// The number of those whose answer is too large is at least what is given beside them, if there are any.
pub fn conflicts(index: &Arc<Index>, ranks: Vec<u32>) -> (Vec<Conflict>, usize) {
    let found = disagreements(index, &Before::by_rank(ranks), &Scope::All);
    let all = found.disagreements.into_iter();
    let all = all.map(|((one, other, _), disagreement)| Conflict {
        pair: [one, other],
        rules: disagreement.rules,
        flow: disagreement.flow,
    });
    (all.collect(), found.too_large.len())
}

/// Looks at every pair of unordered policies, in every namespace.
pub(super) fn disagreements(index: &Arc<Index>, before: &Before, scope: &Scope) -> Found {
    let places: Vec<(Partition, Direction)> = index
        .partitions()
        .into_iter()
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    let found: Vec<Found> = places
        .into_par_iter()
        .map(|(partition, direction)| look(index, before, scope, partition, direction))
        .collect();
    let mut all = Found::default();
    for one in found {
        for (pair, disagreement) in one.disagreements {
            all.disagreements.entry(pair).or_insert(disagreement);
        }
        for (policy, too_large) in one.too_large {
            if all.too_large.is_empty() {
                all.too_large.push((policy, too_large));
            }
        }
    }
    all
}

fn look(
    index: &Arc<Index>,
    before: &Before,
    scope: &Scope,
    partition: Partition,
    direction: Direction,
) -> Found {
    let mut found = Found::default();
    let mut oracle: Option<Oracle> = None;
    for tier in 0..index.program.tiers.len() {
        let policies = index.policies(TierId(tier as u32), partition, direction);
        let deciding: Vec<(PolicyId, &Policy, Decides)> = policies
            .iter()
            .map(|id| {
                let policy = index.program.policy(*id);
                (*id, policy, Decides::of(index, policy, direction))
            })
            .collect();
        for (at, (p, one, mine)) in deciding.iter().enumerate() {
            for (q, other, theirs) in &deciding[at + 1..] {
                if !mine.may_disagree(*theirs)
                    || before.is_before(*p, *q)
                    || before.is_before(*q, *p)
                    || !may_share_pods(one, other)
                {
                    continue;
                }
                let common: Vec<PolicyId> = policies
                    .iter()
                    .copied()
                    .filter(|r| before.is_before(*r, *p) && before.is_before(*r, *q))
                    .collect();
                if let Scope::Changed(changed) = scope {
                    let part = [*p, *q]
                        .iter()
                        .chain(&common)
                        .any(|id| changed.contains(id));
                    if !part {
                        continue;
                    }
                }
                let oracle = match &mut oracle {
                    Some(oracle) => oracle,
                    none => match Oracle::undecided(index, partition, direction) {
                        Ok(made) => none.insert(made),
                        Err(too_large) => {
                            found.too_large.push((*p, too_large));
                            return found;
                        }
                    },
                };
                match differ(oracle, [*p, *q], &common) {
                    Ok(None) => {}
                    Ok(Some(disagreement)) => {
                        found
                            .disagreements
                            .insert((*p.min(q), *p.max(q), direction), disagreement);
                    }
                    Err(too_large) => found.too_large.push((*p, too_large)),
                }
            }
        }
    }
    found
}

/// Which decisions a policy can take.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Decides {
    allow: bool,
    deny: bool,
    pass: bool,
}

impl Decides {
    fn of(index: &Index, policy: &Policy, direction: Direction) -> Self {
        let mut decides = Decides::default();
        for rule in policy
            .block(direction)
            .iter()
            .flat_map(|block| &block.rules)
        {
            if !index.in_force(rule) {
                continue;
            }
            match rule.action {
                Action::Allow => decides.allow = true,
                Action::Deny => decides.deny = true,
                Action::Pass => decides.pass = true,
                Action::Log => {}
            }
        }
        decides
    }

    fn may_disagree(self, other: Self) -> bool {
        self.allow && (other.deny || other.pass)
            || self.deny && (other.allow || other.pass)
            || self.pass && (other.allow || other.deny)
    }
}

/// Whether a pod can be in both subjects: told from the text, so that most pairs cost nothing.
fn may_share_pods(one: &Policy, other: &Policy) -> bool {
    one.subject.iter().any(|mine| {
        other
            .subject
            .iter()
            .any(|theirs| !mine.intersect(theirs).is_empty())
    })
}

fn differ(
    oracle: &mut Oracle,
    pair: [PolicyId; 2],
    common: &[PolicyId],
) -> Result<Option<Disagreement>, TooLarge> {
    let conflict = oracle.checked(|oracle| {
        let [p, q] = [oracle.policy(pair[0])?, oracle.policy(pair[1])?];
        let mut conflict = oracle.manager.apply(Op::Conflict, p.decides, q.decides)?;
        for before in common {
            if conflict == Id::NONE {
                break;
            }
            let decided = oracle.policy(*before)?.decides;
            conflict = oracle.manager.apply(Op::Minus, conflict, decided)?;
        }
        Ok(conflict)
    })?;
    let Some(flow) = oracle.witness(Set(conflict))? else {
        return Ok(None);
    };
    let deciding = |id: PolicyId| {
        let block = oracle.index.program.policy(id).block(flow.direction)?;
        first(block, RuleSite::Policy(id), &flow, |rule| {
            oracle.index.in_force(rule)
        })
    };
    let rules = pair.map(deciding);
    let [Some(one), Some(other)] = rules else {
        debug_assert!(false, "a flow that both decide: {flow}");
        return Ok(None);
    };
    Ok(Some(Disagreement {
        rules: [one, other],
        flow,
    }))
}
