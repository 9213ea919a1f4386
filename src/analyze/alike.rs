//! Where two programs have the same policies, and need not be compared.
//!
//! Takes: the indexes of a pair. Gives: for each partition and direction, whether what decides there is the same, word for word as far as it decides: texts,
//! places and records do not count. Never says so of policies that differ; of policies that mean the same in other words it may not say so.

use rustc_hash::FxHashMap;

use crate::meaning::{Index, Partition};
use crate::model::{Action, Block, Clause, PolicyId, Program, TierId};
use crate::space::{Direction, Pods};

/// What decides in one block. Equal values decide alike in a world of one numbering.
#[derive(PartialEq, Eq, Hash)]
struct Deciding<'p> {
    subject: &'p [Pods],
    rules: Vec<(Action, &'p [Clause])>,
}

impl<'p> Deciding<'p> {
    fn of(subject: &'p [Pods], block: &'p Block) -> Self {
        let rules = block.rules.iter();
        Deciding {
            subject,
            rules: rules
                .filter(|rule| rule.action != Action::Log)
                .map(|rule| (rule.action, rule.clauses.as_slice()))
                .collect(),
        }
    }
}

/// What decides in two programs, by number.
pub(super) struct Alike {
    /// For each program, policy and direction, the number of what it decides.
    numbers: [Vec<[u32; 2]>; 2],
    /// For each program and direction, that of `default`; 0 if it has none.
    defaults: [[u32; 2]; 2],
}

/// The number of what decides; a new one if nothing like it was there before.
fn number<'p>(deciding: Deciding<'p>, known: &mut FxHashMap<Deciding<'p>, u32>) -> u32 {
    let next = known.len() as u32 + 1;
    *known.entry(deciding).or_insert(next)
}

fn at(direction: Direction) -> usize {
    usize::from(direction == Direction::Egress)
}

impl Alike {
    pub(super) fn new(programs: [&Program; 2]) -> Self {
        let mut known: FxHashMap<Deciding<'_>, u32> = FxHashMap::default();
        let mut numbers: [Vec<[u32; 2]>; 2] = Default::default();
        let mut defaults = [[0; 2]; 2];
        for (side, program) in programs.into_iter().enumerate() {
            numbers[side].reserve(program.policies.len());
            for policy in &program.policies {
                let mut both = [0; 2];
                for direction in Direction::BOTH {
                    if let Some(block) = policy.block(direction) {
                        let deciding = Deciding::of(&policy.subject, block);
                        both[at(direction)] = number(deciding, &mut known);
                    }
                }
                numbers[side].push(both);
            }
            for direction in Direction::BOTH {
                let default = program.default.as_ref();
                if let Some((default, block)) =
                    default.and_then(|default| Some((default, default.block(direction)?)))
                {
                    let deciding = Deciding::of(&default.subject, block);
                    defaults[side][at(direction)] = number(deciding, &mut known);
                }
            }
        }
        Alike { numbers, defaults }
    }

    /// Whether the same decides in a partition and a direction.
    pub(super) fn holds(
        &self,
        indexes: [&Index<'_>; 2],
        partition: Partition,
        direction: Direction,
    ) -> bool {
        if self.defaults[0][at(direction)] != self.defaults[1][at(direction)] {
            return false;
        }
        let [one, other] = [0, 1].map(|side| self.tiers(side, indexes[side], partition, direction));
        one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.is_like(b))
    }

    /// The tiers that have a say.
    fn tiers(
        &self,
        side: usize,
        index: &Index<'_>,
        partition: Partition,
        direction: Direction,
    ) -> Vec<Tier> {
        let tiers = index.program.tiers.iter().enumerate();
        tiers
            .map(|(tier, ends)| {
                let ids = index.policies(TierId(tier as u32), partition, direction);
                let policy = |id: &PolicyId| index.program.policy(*id);
                Tier {
                    denies: ends.otherwise.denies(),
                    ordered: ids.iter().any(|id| !policy(id).after.is_empty()),
                    policies: ids
                        .iter()
                        .map(|id| self.numbers[side][id.0 as usize][at(direction)])
                        .collect(),
                }
            })
            .filter(|tier| !tier.policies.is_empty())
            .collect()
    }
}

struct Tier {
    denies: bool,
    ordered: bool,
    policies: Vec<u32>,
}

impl Tier {
    fn is_like(&self, other: &Tier) -> bool {
        if self.denies != other.denies || self.policies.len() != other.policies.len() {
            return false;
        }
        if self.policies == other.policies {
            return true;
        }
        if self.ordered && other.ordered {
            return false;
        }
        // Policies without an order are alike in whatever they decide, so that any order will do.
        let sorted = |tier: &Tier| {
            let mut all = tier.policies.clone();
            all.sort_unstable();
            all
        };
        sorted(self) == sorted(other)
    }
}
