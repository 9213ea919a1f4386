//! The board: a column for each tier, in order of evaluation, and one for what comes after the last.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CARDS, Ending, Maker, Name, counted, word};
use crate::model::{Action, Block, Otherwise, PolicyId, TierId};
use crate::space::Direction;

/// More policies than these in one step are folded, team by team.
const FOLD: usize = 24;

/// A tier, or what comes after the last.
#[derive(Serialize)]
pub(super) struct Column {
    name: String,
    doc: String,
    /// Where its policies are written out.
    anchor: String,
    count: String,
    steps: Vec<Step>,
    /// How many policies have no card.
    omitted: usize,
    /// What becomes of flows that nothing here decides.
    end: End,
}

/// What becomes of what is not decided.
#[derive(Serialize)]
pub(super) struct End {
    /// `allow`, `deny` or `pass`
    kind: &'static str,
    whose: &'static str,
    said: &'static str,
}

/// Policies of which none comes before another.
#[derive(Serialize)]
pub(super) struct Step {
    groups: Vec<Group>,
}

/// Cards; under the name of their team if there are many.
#[derive(Serialize)]
pub(super) struct Group {
    fold: Option<String>,
    cards: Vec<Card>,
}

/// A policy, or the default.
#[derive(Serialize)]
pub(super) struct Card {
    policy: Name,
    /// Its name without its folder, which its team stands for.
    title: String,
    doc: String,
    staged: bool,
    /// The nearest end of a rule.
    ending: Option<Ending>,
    after: Vec<Name>,
    sides: Vec<Side>,
}

/// The rules of a direction, counted by what they do.
#[derive(Serialize)]
pub(super) struct Side {
    direction: &'static str,
    counts: Vec<Count>,
}

#[derive(Serialize)]
pub(super) struct Count {
    action: &'static str,
    count: usize,
}

impl Maker<'_> {
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut room = CARDS;
        let mut columns: Vec<Column> = self
            .program
            .tiers
            .iter()
            .enumerate()
            .map(|(at, tier)| {
                let all = self.of_tier(TierId(at as u32));
                let shown = &all[..all.len().min(room)];
                room -= shown.len();
                Column {
                    name: tier.name.to_string(),
                    doc: tier.doc.join(" "),
                    anchor: format!("tier-{}", at + 1),
                    count: counted(all.len(), "policy", "policies"),
                    steps: self.steps(shown),
                    omitted: all.len() - shown.len(),
                    end: end(tier.otherwise),
                }
            })
            .collect();
        columns.push(self.last());
        columns
    }

    /// What comes after the last tier.
    fn last(&self) -> Column {
        let cards = self.program.default.as_ref().map(|default| Card {
            policy: Name {
                name: "default".to_owned(),
                anchor: Some("policy-default".to_owned()),
                team: None,
            },
            title: "default".to_owned(),
            doc: default.doc.join(" "),
            staged: false,
            ending: self.nearest(Direction::BOTH.map(|direction| default.block(direction))),
            after: Vec::new(),
            sides: self.sides(Direction::BOTH.map(|direction| default.block(direction))),
        });
        let end = match cards {
            Some(_) => End {
                kind: "deny",
                whose: "Of pods that it selects, everything else",
                said: "denied",
            },
            None => End {
                kind: "allow",
                whose: "What nothing decides",
                said: "allowed",
            },
        };
        Column {
            name: "default".to_owned(),
            doc: match cards {
                Some(_) => "After the last tier. A pod that nothing selects is open.".to_owned(),
                None => {
                    "There is none: what no tier decides is allowed, and a pod that nothing selects is open."
                        .to_owned()
                }
            },
            anchor: "tier-default".to_owned(),
            count: String::new(),
            steps: cards
                .into_iter()
                .map(|card| Step {
                    groups: vec![Group {
                        fold: None,
                        cards: vec![card],
                    }],
                })
                .collect(),
            omitted: 0,
            end,
        }
    }

    /// Policies in order, those of one depth together.
    fn steps(&self, policies: &[PolicyId]) -> Vec<Step> {
        policies
            .chunk_by(|a, b| self.program.policy(*a).depth == self.program.policy(*b).depth)
            .map(|step| Step {
                groups: self.groups(step),
            })
            .collect()
    }

    fn groups(&self, step: &[PolicyId]) -> Vec<Group> {
        if step.len() <= FOLD {
            return vec![Group {
                fold: None,
                cards: step.iter().map(|id| self.card(*id)).collect(),
            }];
        }
        step.chunk_by(|a, b| self.program.policy(*a).owner == self.program.policy(*b).owner)
            .map(|of_team| {
                let owner = &self.program.policy(of_team[0]).owner;
                let count = counted(of_team.len(), "policy", "policies");
                Group {
                    fold: Some(format!("{owner}: {count}")),
                    cards: of_team.iter().map(|id| self.card(*id)).collect(),
                }
            })
            .collect()
    }

    fn card(&self, id: PolicyId) -> Card {
        let policy = self.program.policy(id);
        let blocks = Direction::BOTH.map(|direction| policy.block(direction));
        Card {
            policy: self.name(id),
            title: policy.name.to_string(),
            doc: super::shortened(&policy.doc.join(" ")),
            staged: policy.staged,
            ending: self.nearest(blocks),
            after: policy.after.iter().map(|id| self.name(*id)).collect(),
            sides: self.sides(blocks),
        }
    }

    /// The end that comes first.
    fn nearest(&self, blocks: [Option<&Block>; 2]) -> Option<Ending> {
        let rules = blocks.into_iter().flatten().flat_map(|block| &block.rules);
        let first = rules
            .filter(|rule| rule.until.is_some())
            .min_by_key(|rule| rule.until)?;
        self.ending(first)
    }

    fn sides(&self, blocks: [Option<&Block>; 2]) -> Vec<Side> {
        Direction::BOTH
            .into_iter()
            .zip(blocks)
            .filter_map(|(direction, block)| {
                let mut counts: BTreeMap<Action, usize> = BTreeMap::new();
                for rule in &block?.rules {
                    *counts.entry(rule.action).or_default() += 1;
                }
                Some(Side {
                    direction: direction.word(),
                    counts: counts
                        .into_iter()
                        .map(|(action, count)| Count {
                            action: word(action),
                            count,
                        })
                        .collect(),
                })
            })
            .collect()
    }
}

fn end(otherwise: Otherwise) -> End {
    match otherwise {
        Otherwise::Pass => End {
            kind: "pass",
            whose: "What nothing here decides",
            said: "next tier",
        },
        Otherwise::Deny => End {
            kind: "deny",
            whose: "Of pods selected here, what nothing decides",
            said: "denied",
        },
        Otherwise::DenyAndLog => End {
            kind: "deny",
            whose: "Of pods selected here, what nothing decides",
            said: "denied and recorded",
        },
    }
}
