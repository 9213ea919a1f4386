//! Whether connections get through: all of them, none, or which.
//!
//! Takes: a [`Side`] and a question in the model's terms. Gives: what gets through, what does not and what is not decided, as regions in words, exact; and for some flows of
//! each who was asked and what they said, at both ends. Knows not how an answer looks.

mod chain;
#[cfg(test)]
pub(super) mod properties;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use self::words::Asked;
use super::Side;
use crate::meaning::{Index, Oracle, Set, TooLarge};
use crate::model::Check;
use crate::prove::{Parted, part};
use crate::space::{Flow, Region, Transport};

pub use self::chain::{Chain, Effect, End, Row};

/// The most regions of a set in one namespace.
const REGIONS: usize = 60;

/// The most regions of an answer, of each kind.
pub const MOST_REGIONS: usize = 200;

/// The most flows of each kind of which it is told how they are decided.
pub const MOST_CHAINS: usize = 6;

/// The answer in a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    /// All of it gets through.
    Yes,
    /// None of it does.
    No,
    /// Some of it gets through, or is not decided, and some is stopped, or not decided.
    Part,
    /// Nothing of it is decided.
    Undecided,
}

/// Flows of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flows {
    /// In words; within the question they have exactly the kind's flows, unless there are too many.
    pub regions: Vec<Region>,
    /// Whether there are more than [`Flows::regions`] say.
    pub more: bool,
    /// Flows out of them, and how each is decided; no two are decided by the same.
    pub chains: Vec<Chain>,
}

impl Flows {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty() && !self.more
    }
}

/// What became of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// In a word.
    pub word: Word,
    /// What gets through.
    pub through: Flows,
    /// What does not.
    pub stopped: Flows,
    /// What is not decided.
    pub open: Flows,
    /// The parts that leave it open: object, place and reason.
    pub reasons: Vec<String>,
    /// The part of the question that lies outside of the universe, in words.
    pub uncovered: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// Nothing of the question lies in the universe.
    NotCovered(String),
    /// It is too large to decide exactly.
    TooLarge(TooLarge),
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unanswered::NotCovered(why) => write!(f, "nothing of it can be decided here: {why}"),
            Unanswered::TooLarge(fault) => fault.fmt(f),
        }
    }
}

impl From<TooLarge> for Unanswered {
    fn from(fault: TooLarge) -> Self {
        Unanswered::TooLarge(fault)
    }
}

/// Answers a question; its verb says whether it is of the ends as written or of all pods that could exist. `numbers` are the numbers of the destinations'
/// named ports, as far as they are known.
///
/// # Errors
/// If there is no exact answer.
pub fn can(
    side: &Side,
    check: &Check,
    numbers: &BTreeMap<(Transport, SmolStr), u16>,
) -> Result<Answer, Unanswered> {
    let index = Arc::new(Index::new(&side.program));
    let mut answer = Answer {
        word: Word::Undecided,
        through: Flows::default(),
        stopped: Flows::default(),
        open: Flows::default(),
        reasons: Vec::new(),
        uncovered: None,
    };
    let covered = part(
        &index,
        &side.unread,
        &side.universe,
        check,
        numbers,
        &mut |oracle, parted| see(&mut answer, side, check, &index, oracle, parted),
    )?;
    if !covered.any {
        let why = covered.uncovered;
        let why = why.unwrap_or_else(|| "no flow of it meets a pod's policy".to_owned());
        return Err(Unanswered::NotCovered(why));
    }
    answer.uncovered = covered.uncovered;
    for flows in [&mut answer.through, &mut answer.stopped, &mut answer.open] {
        flows.regions = words::merge(std::mem::take(&mut flows.regions));
        flows.more |= flows.regions.len() > MOST_REGIONS;
        flows.regions.truncate(MOST_REGIONS);
    }
    let some = [&answer.through, &answer.stopped, &answer.open].map(|flows| !flows.is_empty());
    answer.word = match some {
        [true, false, false] => Word::Yes,
        [false, true, false] => Word::No,
        [false, false, _] => Word::Undecided,
        _ => Word::Part,
    };
    Ok(answer)
}

/// Adds what becomes of the flows of one oracle.
fn see<'p>(
    answer: &mut Answer,
    side: &Side,
    check: &Check,
    index: &Arc<Index<'p>>,
    oracle: &mut Oracle<'p>,
    parted: Parted,
) -> Result<(), TooLarge> {
    let asked = Asked::of(index, check, oracle, parted.to);
    let mut within = |flows: &mut Flows, set| {
        let sets = (set, parted.asked);
        gather(flows, oracle, &asked, sets, side, index)
    };
    within(&mut answer.through, parted.through)?;
    within(&mut answer.stopped, parted.stopped)?;
    within(&mut answer.open, parted.open)?;
    reasons(side, oracle, parted.open, &mut answer.reasons)
}

/// Adds the flows of a set, which is some of what was asked, to those of its kind.
fn gather<'p>(
    flows: &mut Flows,
    oracle: &mut Oracle<'p>,
    asked: &Asked,
    (set, all): (Set, Set),
    side: &Side,
    index: &Arc<Index<'p>>,
) -> Result<(), TooLarge> {
    if oracle.is_empty(set) {
        return Ok(());
    }
    let rest = oracle.minus(all, set)?;
    let regions = if oracle.is_empty(rest) {
        asked.whole()
    } else if flows.regions.len() < MOST_REGIONS {
        let hints = oracle.hints(index);
        let boxes = oracle.boxes(set, all, &hints, REGIONS)?;
        flows.more |= !boxes.complete;
        boxes.regions
    } else {
        flows.more = true;
        return Ok(());
    };
    for region in &regions {
        if flows.chains.len() >= MOST_CHAINS {
            break;
        }
        let part = oracle.region_set(region)?;
        let part = oracle.and(part, set)?;
        if let Some(flow) = oracle.witness(part)? {
            add(flows, Chain::of(side, index, flow));
        }
    }
    let narrowed = regions.iter().flat_map(|region| asked.narrow(region));
    flows.regions.extend(narrowed);
    Ok(())
}

/// Adds a chain, if no other tells the same of both ends.
fn add(flows: &mut Flows, chain: Chain) {
    if !flows.chains.iter().any(|other| other.is_like(&chain)) {
        flows.chains.push(chain);
    }
}

/// The parts that leave flows open, each once.
fn reasons(
    side: &Side,
    oracle: &mut Oracle<'_>,
    open: Set,
    reasons: &mut Vec<String>,
) -> Result<(), TooLarge> {
    let Some(flow) = oracle.witness(open)? else {
        return Ok(());
    };
    let ends: Vec<Flow> = flow.mirrored().into_iter().chain([flow]).collect();
    for reason in ends.iter().flat_map(|flow| chain::doubts(side, flow)) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Ok(())
}
