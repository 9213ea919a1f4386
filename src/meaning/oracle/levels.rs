//! Which level stands for what, and which number for which value.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::meaning::index::Index;
use crate::space::diagram::level::{self, Level};
use crate::space::diagram::{ABSENT, Full, Manager};
use crate::space::{Transport, Value, ValueSet};

/// The most levels that one diagram may have: a path, and with it the stack, is no longer than this.
const MOST: usize = 1500;

/// A property of a pod.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Key {
    /// Its service account.
    Account,
    /// A label.
    Label(SmolStr),
}

/// What a level asks, where that is not fixed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Question {
    /// A label of the subject's namespace, where that is not declared.
    SubjectNamespace(SmolStr),
    /// Of the subject.
    Subject(Key),
    /// Of the other end.
    Peer(Key),
    /// A label of the other end's namespace.
    PeerNamespace(SmolStr),
    /// Whether the port is what the destination calls so.
    Named(Transport, SmolStr),
    /// Whether the other end has this DNS name.
    Dns(SmolStr),
}

/// The levels in use, and the values.
pub(super) struct Levels {
    by_question: FxHashMap<Question, Level>,
    by_level: BTreeMap<Level, Question>,
    next: [Level; 4],
    numbers: FxHashMap<SmolStr, u32>,
    names: Vec<SmolStr>,
    known: u32,
    /// The number of the account that a pod has unless it says another.
    pub(super) default_account: u32,
}

impl Levels {
    pub(super) fn new(index: &Index) -> Self {
        let mut levels = Levels {
            by_question: FxHashMap::default(),
            by_level: BTreeMap::new(),
            next: [
                level::SUBJECT_NAMESPACE,
                level::NAMED,
                level::DNS,
                level::LABELS,
            ],
            numbers: FxHashMap::default(),
            names: Vec::new(),
            known: index.known_values(),
            default_account: ABSENT,
        };
        levels.default_account = levels.number(index, &Some(SmolStr::new_static("default")));
        levels
    }

    /// The level of a question; a new one, below all others of its region, if it was not asked before.
    pub(super) fn of(
        &mut self,
        index: &Index,
        manager: &mut Manager,
        question: Question,
    ) -> Result<Level, Full> {
        if let Some(level) = self.by_question.get(&question) {
            return Ok(*level);
        }
        if self.by_level.len() >= MOST {
            return Err(Full);
        }
        let level = match &question {
            Question::PeerNamespace(key) => manager.add_namespace_label(index.column(key))?,
            other => {
                let region = match other {
                    Question::SubjectNamespace(_) => 0,
                    Question::Named(..) => 1,
                    Question::Dns(_) => 2,
                    Question::Subject(_) | Question::Peer(_) | Question::PeerNamespace(_) => 3,
                };
                let level = self.next[region];
                self.next[region] += 1;
                level
            }
        };
        self.assign(question, level);
        Ok(level)
    }

    /// Puts the label of the subject that has most values on top.
    pub(super) fn identify(&mut self, key: Key) {
        self.assign(Question::Subject(key), level::IDENTITY);
    }

    fn assign(&mut self, question: Question, level: Level) {
        self.by_level.insert(level, question.clone());
        self.by_question.insert(question, level);
    }

    /// How many questions there are.
    pub(super) fn len(&self) -> usize {
        self.by_level.len()
    }

    /// What a level asks.
    pub(super) fn question(&self, level: Level) -> Option<&Question> {
        self.by_level.get(&level)
    }

    /// The number of a value.
    pub(super) fn number(&mut self, index: &Index, value: &Value) -> u32 {
        let Some(value) = value else {
            return ABSENT;
        };
        if let Some(number) = index
            .value(value)
            .or_else(|| self.numbers.get(value).copied())
        {
            return number;
        }
        self.names.push(value.clone());
        let number = self.known + self.names.len() as u32;
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The numbers of the values that a set mentions, ascending.
    pub(super) fn numbers(&mut self, index: &Index, values: &ValueSet) -> Vec<u32> {
        let mut numbers: Vec<u32> = values
            .mentioned()
            .iter()
            .map(|value| self.number(index, value))
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The number of a value, if it has one.
    pub(super) fn known(&self, index: &Index, value: &str) -> Option<u32> {
        index
            .value(value)
            .or_else(|| self.numbers.get(value).copied())
    }

    /// The value of a number that is neither absent nor fresh.
    pub(super) fn value(&self, index: &Index, number: u32) -> SmolStr {
        if number > self.known {
            self.names[(number - self.known) as usize - 1].clone()
        } else {
            index.values()[number as usize - 1].clone()
        }
    }

    /// A value that has no number: `word`, or `word-1`, …
    pub(super) fn fresh(&self, index: &Index, word: &str) -> SmolStr {
        let taken =
            |value: &SmolStr| index.value(value).is_some() || self.numbers.contains_key(value);
        let mut value = SmolStr::new(word);
        let mut n = 0;
        while taken(&value) {
            n += 1;
            value = SmolStr::from(format!("{word}-{n}"));
        }
        value
    }
}
