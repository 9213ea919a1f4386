//! Rules that could be taken away, and allows that say more than they do.
//!
//! A rule *never decides* if something before it has decided every flow that it matches: an earlier rule, a policy that comes before, a tier above.
//! It *changes nothing* if it decides, but without it the rest of its own policy, or the end of its tier, would decide the same: what other policies and
//! lower tiers happen to say today does not make a rule idle. It *closes what is closed* if it is the last rule of its policy, denies everything, and its
//! tier or `default` would. What expires takes nothing from anybody, and a record is an effect.

mod parts;
mod states;
mod takers;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use smol_str::SmolStr;

pub use self::parts::Part;

use self::states::{CLOSES, DECIDES, MATCHES, NEEDED, States};
use self::takers::takers;
use self::walk::Walk;
use super::agreement::Before;
use super::index::{Index, Partition, partitions};
use crate::model::{Program, RuleRef, TierId};
use crate::space::{Direction, Flow};

/// A rule that could be taken away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idle {
    /// The rule; one of several where a profile puts it into several policies.
    pub rule: RuleRef,
    /// In which way it is idle.
    pub why: Why,
    /// Who decides its flows instead: not always all. Nobody if that was too large to work out, or if too many rules are idle.
    pub takers: Vec<Taker>,
}

/// In which way a rule is idle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Why {
    /// Everything is decided before it is reached.
    NeverDecides,
    /// The rest of its policy, or the end of its tier, would decide the same.
    ChangesNothing,
    /// It is a last `deny` of everything where the end of the tier, or of `default`, denies everything.
    ClosesWhatIsClosed,
}

/// Who decides instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Taker {
    /// A rule.
    Rule(RuleRef),
    /// The end of a tier.
    TierEnd(TierId),
    /// The end of `default`.
    DefaultEnd,
}

/// A part of an allow, as it is written, that tiers above deny wholly, while other parts of it decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeniedAbove {
    /// The allow.
    pub rule: RuleRef,
    /// The part.
    pub part: Part,
    /// A flow of the part; a tier above denies it.
    pub flow: Flow,
}

/// An allow that decides flows of pods which lack a label, because it says what the label is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlabelled {
    /// The allow.
    pub rule: RuleRef,
    /// The label.
    pub key: SmolStr,
    /// Such a flow: the other end has no such label, and the rule allows it.
    pub flow: Flow,
}

/// What was found, each list in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Survey {
    /// Rules that could be taken away, each alone.
    pub idle: Vec<Idle>,
    /// Parts of allows that are denied above.
    pub denied_above: Vec<DeniedAbove>,
    /// Allows for pods without a label.
    pub unlabelled: Vec<Unlabelled>,
    /// How many rules the program has, if these are more than [`MOST_RULES`]: then nothing was looked at.
    pub too_many: Option<usize>,
    /// In how many pairs of a namespace and a direction the answer is too large: the rules there are taken to be needed.
    pub too_large: usize,
}

/// Programs with more rules are not asked: what a lint finds in them is not worth the wait.
pub const MOST_RULES: usize = 20_000;

/// How many rules are made into sets to say who decides instead of idle ones: what a page can show, and no more than a long list of dead rules can cost.
const MOST_NAMED: usize = 50_000;

/// Looks at every rule.
pub fn survey(program: &Program) -> Survey {
    let mut found = Survey::default();
    // What is known of each rule takes more room than the rule: where it is not asked, it is not made.
    let rules = states::count(program);
    if rules > MOST_RULES {
        found.too_many = Some(rules);
        return found;
    }
    let states = States::new(program);
    let index = Arc::new(Index::new(program));
    let before = Before::new(&index);
    let places: Vec<(Partition, Direction)> = partitions(program)
        .into_iter()
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    let too_large = AtomicUsize::new(0);
    places
        .par_iter()
        .enumerate()
        .for_each(|(place, (partition, direction))| {
            let walk = Walk::new(&index, &before, &states, place, *partition, *direction);
            if walk.and_then(|mut walk| walk.run()).is_err() {
                // What is too large to know is taken to be needed.
                states.need_all(&index, *partition, *direction);
                too_large.fetch_add(1, Ordering::Relaxed);
            }
        });
    found.too_large = too_large.into_inner();
    let mut candidates: BTreeMap<usize, Vec<RuleRef>> = BTreeMap::new();
    for (rule, group) in states.rules() {
        candidates.entry(*group).or_default().push(*rule);
    }
    let mut named = 0;
    for (group, rules) in &candidates {
        let state = states.state(*group);
        if state & MATCHES == 0 {
            continue;
        }
        let why = match state {
            state if state & NEEDED != 0 => None,
            state if state & DECIDES == 0 => Some(Why::NeverDecides),
            state if state & CLOSES != 0 => Some(Why::ClosesWhatIsClosed),
            _ => Some(Why::ChangesNothing),
        };
        if let Some(why) = why {
            let first = rules.iter().find_map(|rule| {
                // For a rule that changes nothing those before it in its policy are needed too.
                named += match why {
                    Why::NeverDecides => 1,
                    Why::ChangesNothing | Why::ClosesWhatIsClosed => rule.rule as usize + 1,
                };
                if named > MOST_NAMED {
                    return None;
                }
                let takers = takers(&index, *rule, why == Why::NeverDecides, &places);
                (!takers.is_empty()).then_some((*rule, takers))
            });
            let (rule, takers) = first.unwrap_or((rules[0], Vec::new()));
            found.idle.push(Idle { rule, why, takers });
        }
        if state & DECIDES != 0 {
            found.denied_above.extend(states.dead_parts(*group));
        }
    }
    found.unlabelled = states.unlabelled();
    found.idle.sort_by_key(|one| one.rule);
    found.denied_above.sort_by_key(|one| one.rule);
    found
}
