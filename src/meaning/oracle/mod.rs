//! Exact answers about one partition of the subjects and one direction.
//!
//! Takes: a program, prepared as an [`Index`]. Gives: sets of flows, the set that the program allows, and flows out of them.
//! A set is a diagram: see [`crate::space::diagram`].

mod admitted;
mod alike;
mod boxes;
mod cubes;
mod levels;
mod program;
mod sets;
mod witness;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub use self::boxes::Boxes;
use self::levels::Levels;
pub(crate) use self::program::{PolicyDiagram, terminal};
use super::decide::Verdict;
use super::index::{Index, Partition};
use crate::model::{PolicyId, Program, Rule, RuleRef, RuleSite, TierId};
use crate::space::diagram::{Budget, Full, Id, Manager, Op};
use crate::space::{Direction, Flow, FlowBox, Pods};

/// A set of flows whose subject lies in the oracle's partition; good for that oracle only. Two equal sets are the same value, save
/// that in a closed world two sets may differ in flows that cannot be: ask [`Oracle::is_empty`] of their differences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Set(pub(crate) Id);

impl Set {
    /// No flow.
    pub const EMPTY: Set = Set(Id::NONE);
    /// Every flow.
    pub const ALL: Set = Set(Id::ALL);
}

/// An exact answer would take more room or time than there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TooLarge {
    /// The namespace whose pods it is about; `None` for those that nobody mentions.
    pub namespace: Option<SmolStr>,
    /// The direction.
    pub direction: Direction,
    /// How many policies select pods there.
    pub policies: usize,
    /// How many labels, names and accounts they ask about.
    pub questions: usize,
    /// The rules among them that ask about most labels, at most a few, in order: of the program whose oracle it is.
    pub rules: Vec<RuleRef>,
}

/// How many rules an error names.
const MOST_NAMED: usize = 4;

impl fmt::Display for TooLarge {
    /// `the 40 policies on ingress of pods in shop ask about 90 independent labels and names: too many combinations`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_deref().unwrap_or("undeclared namespaces");
        write!(
            f,
            "the {} policies on {} of pods in {namespace} ask about {} independent labels and names: too many combinations",
            self.policies,
            self.direction.word(),
            self.questions,
        )
    }
}

impl std::error::Error for TooLarge {}

/// Exact answers about one partition and one direction.
pub struct Oracle<'p> {
    pub(crate) index: Arc<Index<'p>>,
    pub(crate) partition: Partition,
    pub(crate) direction: Direction,
    pub(crate) manager: Manager,
    levels: Levels,
    /// Undeclared namespaces that somebody mentions; their keys follow those of the declared ones.
    undeclared: Vec<SmolStr>,
    /// Labels of namespaces that `same` has compared, and those of which a set has mentioned a value that the program does not.
    compared: BTreeSet<SmolStr>,
    foreign: BTreeSet<SmolStr>,
    closed: bool,
    /// Of each tier, the policies that can select a pod here, in an order that keeps `after`.
    pub(crate) policies: Vec<Vec<PolicyId>>,
    /// The policies whose diagrams are made.
    known: FxHashMap<PolicyId, PolicyDiagram>,
    /// A rule that counts although it has expired.
    kept: Option<RuleRef>,
    decision: Id,
    allowed: Id,
}

/// What an oracle knows of one program beside the diagrams.
struct Voice<'p> {
    index: Arc<Index<'p>>,
    policies: Vec<Vec<PolicyId>>,
    known: FxHashMap<PolicyId, PolicyDiagram>,
}

impl<'p> Voice<'p> {
    fn of(index: &Arc<Index<'p>>, partition: Partition, direction: Direction) -> Self {
        Voice {
            index: index.clone(),
            policies: selecting(index, partition, direction),
            known: FxHashMap::default(),
        }
    }
}

/// Of each tier, the policies that can select a pod of a partition.
fn selecting(index: &Index, partition: Partition, direction: Direction) -> Vec<Vec<PolicyId>> {
    (0..index.program.tiers.len())
        .map(|tier| index.policies(TierId(tier as u32), partition, direction))
        .collect()
}

/// The most steps of finding out that a set has no flow of some verdict, before one is searched.
const ATTEMPT: u64 = 4096;

/// The most steps of one search for a flow.
const SEARCH: u64 = 4_000_000;

impl<'p> Oracle<'p> {
    /// The oracle of a program. To ask about many partitions, make one [`Index`] and use [`Oracle::of`].
    ///
    /// # Errors
    /// If the program's decision is too large to say exactly.
    pub fn new(
        program: &'p Program,
        partition: Partition,
        direction: Direction,
    ) -> Result<Self, TooLarge> {
        Oracle::of(&Arc::new(Index::new(program)), partition, direction)
    }

    /// The oracle of an index.
    ///
    /// # Errors
    /// If the program's decision is too large to say exactly.
    pub fn of(
        index: &Arc<Index<'p>>,
        partition: Partition,
        direction: Direction,
    ) -> Result<Self, TooLarge> {
        let mut oracle = Oracle::undecided(index, partition, direction)?;
        oracle.settle()?;
        Ok(oracle)
    }

    /// Works out what the program decides, for an oracle that did not know.
    ///
    /// # Errors
    /// If that is too large to say exactly.
    pub(crate) fn settle(&mut self) -> Result<(), TooLarge> {
        self.decision = self.checked(Oracle::decision)?;
        self.allowed = self.checked(|oracle| {
            let decision = oracle.decision;
            oracle.manager.apply(Op::Same, decision, Id::ALLOW)
        })?;
        Ok(())
    }

    /// An oracle that knows the sets, but not yet what the program decides: it takes nothing to be allowed.
    pub(crate) fn undecided(
        index: &Arc<Index<'p>>,
        partition: Partition,
        direction: Direction,
    ) -> Result<Self, TooLarge> {
        let program = index.program;
        let mut oracle = Oracle {
            index: index.clone(),
            partition,
            direction,
            manager: Manager::new(program.namespaces.len() as u32, Budget::default()),
            levels: Levels::new(index),
            undeclared: Vec::new(),
            compared: BTreeSet::new(),
            foreign: BTreeSet::new(),
            closed: program.cluster.namespaces_closed,
            policies: selecting(index, partition, direction),
            known: FxHashMap::default(),
            kept: None,
            decision: Id::DENY,
            allowed: Id::NONE,
        };
        if !oracle.closed {
            let own = index.name(partition);
            let named = index.undeclared().iter().filter(|name| Some(*name) != own);
            oracle.undeclared = named.cloned().collect();
        }
        oracle.checked(Oracle::order)?;
        Ok(oracle)
    }

    /// Runs something that may be too large, and says so in words.
    pub(crate) fn checked<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Full>,
    ) -> Result<T, TooLarge> {
        run(self).map_err(|Full| TooLarge {
            namespace: self.index.name(self.partition).cloned(),
            direction: self.direction,
            policies: self.policies.iter().map(Vec::len).sum(),
            questions: self.levels.len(),
            rules: self.asking_most(),
        })
    }

    /// The rules that ask about most labels, with those that their policy's subject asks about.
    fn asking_most(&self) -> Vec<RuleRef> {
        let program = self.index.program;
        let labels = |pods: &[Pods]| -> usize {
            let all = pods.iter().map(|pods| pods.labels.iter().len());
            all.sum()
        };
        let mut asking: Vec<(usize, RuleRef)> = Vec::new();
        let ids = self.policies.iter().flatten().map(|id| {
            let policy = program.policy(*id);
            (
                RuleSite::Policy(*id),
                &policy.subject,
                policy.block(self.direction),
            )
        });
        let default = program.default.iter();
        let default =
            default.map(|one| (RuleSite::Default, &one.subject, one.block(self.direction)));
        for (site, subject, block) in ids.chain(default) {
            for (at, rule) in block.iter().flat_map(|block| &block.rules).enumerate() {
                let peers = rule.clauses.iter().map(|clause| labels(&clause.peers.pods));
                let asks = labels(subject) + peers.sum::<usize>();
                let rule = at as u32;
                let direction = self.direction;
                asking.push((
                    asks,
                    RuleRef {
                        site,
                        direction,
                        rule,
                    },
                ));
            }
        }
        asking.sort_by_key(|(asks, _)| std::cmp::Reverse(*asks));
        asking.truncate(MOST_NAMED);
        let mut named: Vec<RuleRef> = asking.into_iter().map(|(_, rule)| rule).collect();
        named.sort_unstable();
        named
    }

    /// The partition that it speaks about.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The direction that it speaks about.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    fn declared(&self) -> u32 {
        self.manager.declared()
    }

    fn partition_is_open(&self) -> bool {
        self.index.declared(self.partition).is_none()
    }

    /// The flows that the program allows.
    pub fn allowed(&self) -> Set {
        Set(self.allowed)
    }

    /// The flows that another program allows; `other` is the other one of this oracle's [`Index::pair`].
    ///
    /// # Errors
    /// If it is too large.
    pub fn allowed_by(&mut self, other: &Arc<Index<'p>>) -> Result<Set, TooLarge> {
        let mut voice = Voice::of(other, self.partition, self.direction);
        // What is too large is told in words of this oracle's own program.
        let decision = self.speaking(&mut voice, Oracle::decision);
        self.checked(|oracle| oracle.manager.apply(Op::Same, decision?, Id::ALLOW))
            .map(Set)
    }

    /// The flows that the program would allow without these policies.
    ///
    /// # Errors
    /// If it is too large.
    pub fn allowed_without(&mut self, gone: &[PolicyId]) -> Result<Set, TooLarge> {
        let all = self.policies.clone();
        for tier in &mut self.policies {
            tier.retain(|id| !gone.contains(id));
        }
        let allowed = self.checked(|oracle| {
            let decision = oracle.decision()?;
            oracle.manager.apply(Op::Same, decision, Id::ALLOW)
        });
        self.policies = all;
        allowed.map(Set)
    }

    /// Lets another program speak: both number values alike, so that the diagrams remain comparable.
    fn speaking<T>(&mut self, voice: &mut Voice<'p>, say: impl FnOnce(&mut Self) -> T) -> T {
        self.swap(voice);
        let said = say(self);
        self.swap(voice);
        said
    }

    fn swap(&mut self, voice: &mut Voice<'p>) {
        std::mem::swap(&mut self.index, &mut voice.index);
        std::mem::swap(&mut self.policies, &mut voice.policies);
        std::mem::swap(&mut self.known, &mut voice.known);
    }

    /// The flows of a box whose subject lies in this partition.
    ///
    /// # Errors
    /// If it is too large.
    pub fn set(&mut self, flows: &FlowBox) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.flows(flows).map(Set))
    }

    /// The flows, with whatever other end and traffic, of subjects in a union.
    ///
    /// # Errors
    /// If it is too large.
    pub fn subjects_in(&mut self, subject: &[crate::space::Pods]) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.subjects(subject).map(Set))
    }

    /// The flows that a rule matches, of whatever subjects its policy selects.
    ///
    /// # Errors
    /// If it is too large.
    pub fn matched(&mut self, rule: &Rule) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.rule(rule, Id::ALL).map(Set))
    }

    /// What is in both.
    ///
    /// # Errors
    /// If it is too large.
    pub fn and(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.manager.apply(Op::And, a.0, b.0).map(Set))
    }

    /// What is in either.
    ///
    /// # Errors
    /// If it is too large.
    pub fn or(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.manager.apply(Op::Over, a.0, b.0).map(Set))
    }

    /// What is in any of them.
    ///
    /// # Errors
    /// If it is too large.
    pub fn union(&mut self, all: impl IntoIterator<Item = Set>) -> Result<Set, TooLarge> {
        let all = all.into_iter().map(|set| set.0).collect();
        self.checked(|oracle| oracle.manager.fold(Op::Over, all, Id::NONE).map(Set))
    }

    /// What is in the first only.
    ///
    /// # Errors
    /// If it is too large.
    pub fn minus(&mut self, a: Set, b: Set) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.manager.apply(Op::Minus, a.0, b.0).map(Set))
    }

    /// Whether no flow that could be is in it.
    pub fn is_empty(&self, set: Set) -> bool {
        match (set.0, self.closed) {
            (Id::NONE, _) => true,
            (_, false) => false,
            (set, true) => !self.manager.can(set),
        }
    }

    /// Whether a flow is in it. The flow's subject must be in this partition.
    pub fn holds(&self, set: Set, flow: &Flow) -> bool {
        self.at(set.0, flow) != Id::NONE
    }

    /// What the program decides of a flow whose subject is in this partition.
    pub fn verdict(&self, flow: &Flow) -> Verdict {
        match self.at(self.decision, flow) {
            Id::ALLOW => Verdict::Allow,
            _ => Verdict::Deny,
        }
    }

    /// A flow of the set, small and readable; `None` if there is none.
    ///
    /// # Errors
    /// If the search takes too long.
    pub fn witness(&mut self, set: Set) -> Result<Option<Flow>, TooLarge> {
        let flow = self.search(set.0, (Id::ALL, Id::ALL))?;
        debug_assert!(flow.as_ref().is_none_or(|flow| self.holds(set, flow)));
        Ok(flow)
    }

    /// A flow of the box that the program decides so; `None` if there is none.
    ///
    /// # Errors
    /// If the search takes too long.
    pub fn find(&mut self, flows: &FlowBox, verdict: Verdict) -> Result<Option<Flow>, TooLarge> {
        let set = self.set(flows)?;
        self.find_in(set, verdict)
    }

    /// A flow of the set that the program decides so; `None` if there is none.
    ///
    /// # Errors
    /// If the search takes too long.
    pub fn find_in(&mut self, set: Set, verdict: Verdict) -> Result<Option<Flow>, TooLarge> {
        let (wanted, op) = match verdict {
            Verdict::Allow => (Id::ALLOW, Op::And),
            Verdict::Deny => (Id::DENY, Op::Minus),
        };
        // Most sets that are asked about have no such flow, and an operation, which remembers those before it, knows that sooner than a search.
        if self.manager.attempt(op, set.0, self.allowed, ATTEMPT) == Some(Id::NONE) {
            return Ok(None);
        }
        let flow = self.search(set.0, (self.decision, wanted))?;
        debug_assert!(flow.as_ref().is_none_or(|flow| {
            self.holds(set, flow)
                && (self.index.day.is_some()
                    || super::decide::decide(self.index.program, flow).verdict == verdict)
        }));
        Ok(flow)
    }

    fn search(&mut self, set: Id, decided: (Id, Id)) -> Result<Option<Flow>, TooLarge> {
        self.checked(|oracle| {
            let path = oracle
                .manager
                .find(set, decided, oracle.closed, oracle, SEARCH)?;
            Ok(path.map(|path| oracle.flow(&path)))
        })
    }
}
