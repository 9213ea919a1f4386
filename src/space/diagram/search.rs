//! Paths to a terminal: whether there is one, and a pleasant one. Makes no nodes.

use rustc_hash::FxHashSet;

use super::level::{self, Kind, Level};
use super::manager::{Full, Id, Manager, OWN, SAME};

/// A value that neither diagram mentions.
pub const FRESH: u32 = u32::MAX - 2;

/// One choice on a path: at this level this value; of a value level or the namespace level it may be [`FRESH`].
pub type Step = (Level, u32);

/// The edges of a node, ascending by value, or by where their range starts.
pub type Edges<'a> = &'a [(u32, Id)];

/// What to try first, so that a path reads well.
pub trait Guide {
    /// Of a value level: this value, if it may be.
    fn value(&self, level: Level) -> u32;
    /// Of an interval level, below the steps so far: these numbers, where they may be.
    fn numbers(&self, level: Level, path: &[Step]) -> Vec<u32>;
    /// Of an interval level: the number that stands for a range.
    fn number(&self, level: Level, low: u32, high: u32, path: &[Step]) -> u32;
    /// The declared namespace to try first.
    fn namespace(&self) -> Option<u32>;
    /// The largest number of an interval level.
    fn largest(&self, level: Level) -> u32;
}

struct Search<'a, G> {
    manager: &'a Manager,
    guide: &'a G,
    wanted: Id,
    /// Whether there are no namespaces but the declared ones.
    closed: bool,
    path: Vec<Step>,
    dead: FxHashSet<(Id, Id)>,
    steps: u64,
}

impl Manager {
    /// A path on which the set `f` holds and `g` has the terminal `wanted`: the values that it depends on, top down. What it does not name may be anything.
    /// `closed`: there are no namespaces but the declared ones.
    ///
    /// # Errors
    /// If it takes more than `steps`.
    pub fn find(
        &self,
        f: Id,
        (g, wanted): (Id, Id),
        closed: bool,
        guide: &impl Guide,
        steps: u64,
    ) -> Result<Option<Vec<Step>>, Full> {
        let mut search = Search {
            manager: self,
            guide,
            wanted,
            closed,
            path: Vec::new(),
            dead: FxHashSet::default(),
            steps,
        };
        Ok(search.seek(f, g)?.then_some(search.path))
    }

    /// Whether a set has a flow in a world without namespaces but the declared ones.
    pub fn can(&self, set: Id) -> bool {
        let mut dead = FxHashSet::default();
        self.can_below(set, &mut dead)
    }

    fn can_below(&self, id: Id, dead: &mut FxHashSet<Id>) -> bool {
        if id.is_terminal() {
            return id != Id::NONE;
        }
        if dead.contains(&id) {
            return false;
        }
        let node = self.node(id);
        let found = if node.level == level::NAMESPACE || level::is_namespace_label(node.level) {
            let mut tried = FxHashSet::default();
            (0..self.declared).any(|namespace| {
                let below = self.in_namespace(id, namespace);
                tried.insert(below) && self.can_below(below, dead)
            })
        } else {
            self.can_below(node.default, dead)
                || (0..node.len).any(|at| {
                    let (_, child) = self.edges[(node.offset + at) as usize];
                    self.can_below(child, dead)
                })
        };
        if !found {
            dead.insert(id);
        }
        found
    }

    /// The root of a diagram: its level, its default, and its edges; `None` for a terminal.
    pub fn branch(&self, id: Id) -> Option<(Level, Id, Edges<'_>)> {
        if id.is_terminal() {
            return None;
        }
        let node = self.node(id);
        let edges = &self.edges[node.offset as usize..(node.offset + node.len) as usize];
        Some((node.level, node.default, edges))
    }

    /// The value of a declared namespace at a level of namespace labels.
    pub fn label_of(&self, level: Level, namespace: u32) -> u32 {
        self.labels[(level - level::NAMESPACE_LABELS) as usize][namespace as usize]
    }

    /// What a diagram says below a choice of values; `value` gives the value of a level.
    pub fn walk(&self, mut id: Id, value: impl Fn(Level) -> u32) -> Id {
        while !id.is_terminal() {
            let node = self.node(id);
            id = match level::kind(node.level) {
                Kind::Namespace => self.in_namespace(id, value(node.level)),
                _ => self.child(&node, value(node.level)),
            };
        }
        id
    }
}

impl<G: Guide> Search<'_, G> {
    fn seek(&mut self, f: Id, g: Id) -> Result<bool, Full> {
        if f == Id::NONE || g.is_terminal() && g != self.wanted {
            return Ok(false);
        }
        if f.is_terminal() && g.is_terminal() {
            return Ok(true);
        }
        if self.dead.contains(&(f, g)) {
            return Ok(false);
        }
        self.steps = self.steps.checked_sub(1).ok_or(Full)?;
        let level = self.manager.level(f).min(self.manager.level(g));
        let found = if level == level::NAMESPACE || level::is_namespace_label(level) {
            self.seek_namespace(f, g)?
        } else if level::kind(level) == Kind::Interval {
            self.seek_number(level, f, g)?
        } else {
            self.seek_value(level, f, g)?
        };
        if !found {
            self.dead.insert((f, g));
        }
        Ok(found)
    }

    /// Goes on below a choice, or takes it back.
    fn choose(&mut self, level: Level, value: u32, f: Id, g: Id) -> Result<bool, Full> {
        self.path.push((level, value));
        let found = if level::is_namespace_label(level) {
            self.seek_labels(f, g)?
        } else {
            self.seek(f, g)?
        };
        if !found {
            self.path.pop();
        }
        Ok(found)
    }

    /// The child at a level for a value that is there or not; the diagram itself if it does not branch there.
    fn child(&self, id: Id, level: Level, value: u32) -> Id {
        if self.manager.level(id) == level {
            self.manager.child(&self.manager.node(id), value)
        } else {
            id
        }
    }

    /// The values that either diagram mentions at a level, ascending.
    fn mentioned(&self, level: Level, f: Id, g: Id) -> Vec<u32> {
        let mut keys = Vec::new();
        for id in [f, g] {
            if self.manager.level(id) == level {
                let node = self.manager.node(id);
                keys.extend(self.manager.edges_of(&node).iter().map(|(key, _)| *key));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn seek_value(&mut self, level: Level, f: Id, g: Id) -> Result<bool, Full> {
        let keys = self.mentioned(level, f, g);
        let first = self.guide.value(level);
        let fresh = if keys.contains(&first) { FRESH } else { first };
        let others = keys.iter().copied().filter(|key| *key != first);
        for value in [first].into_iter().chain(others) {
            let below = (self.child(f, level, value), self.child(g, level, value));
            if self.choose(level, value, below.0, below.1)? {
                return Ok(true);
            }
        }
        if fresh != FRESH {
            return Ok(false);
        }
        let below = (self.child(f, level, FRESH), self.child(g, level, FRESH));
        self.choose(level, FRESH, below.0, below.1)
    }

    fn seek_number(&mut self, level: Level, f: Id, g: Id) -> Result<bool, Full> {
        let mut starts = self.mentioned(level, f, g);
        starts.insert(0, 0);
        let range = |at: usize| {
            let end = starts
                .get(at + 1)
                .map_or(self.guide.largest(level), |next| next - 1);
            (starts[at], end)
        };
        let ranges: Vec<(u32, u32)> = (0..starts.len()).map(range).collect();
        let mut tried = vec![false; ranges.len()];
        for number in self.guide.numbers(level, &self.path) {
            let at = ranges.partition_point(|(low, _)| *low <= number) - 1;
            if number > self.guide.largest(level) || std::mem::replace(&mut tried[at], true) {
                continue;
            }
            let below = (self.child(f, level, number), self.child(g, level, number));
            if self.choose(level, number, below.0, below.1)? {
                return Ok(true);
            }
        }
        for (at, (low, high)) in ranges.into_iter().enumerate() {
            if tried[at] {
                continue;
            }
            let number = self.guide.number(level, low, high, &self.path);
            let below = (self.child(f, level, number), self.child(g, level, number));
            if self.choose(level, number, below.0, below.1)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn seek_namespace(&mut self, f: Id, g: Id) -> Result<bool, Full> {
        let level = level::NAMESPACE;
        let named = self.mentioned(level, f, g);
        let default = |id: Id| match self.manager.level(id) == level {
            true => self.manager.node(id).default,
            false => id,
        };
        let others = (default(f), default(g));
        let first = self.guide.namespace();
        let explicit = named.iter().copied().filter(|key| Some(*key) != first);
        for namespace in first.into_iter().chain(explicit) {
            let below = (
                self.manager.in_namespace(f, namespace),
                self.manager.in_namespace(g, namespace),
            );
            let found = if namespace < self.manager.declared {
                self.choose(level, namespace, below.0, below.1)?
            } else {
                self.choose_undeclared(namespace, below.0, below.1)?
            };
            if found {
                return Ok(true);
            }
        }
        // What no namespace of any labels can have, no declared one has.
        if !self.closed {
            let mark = self.path.len();
            if !self.choose_undeclared(FRESH, others.0, others.1)? {
                return Ok(false);
            }
            self.path.truncate(mark);
        }
        let mut tried = FxHashSet::default();
        for namespace in 0..self.manager.declared {
            if named.binary_search(&namespace).is_ok() {
                continue;
            }
            let below = (
                self.manager.descend(others.0, namespace),
                self.manager.descend(others.1, namespace),
            );
            if tried.insert(below) && self.choose(level, namespace, below.0, below.1)? {
                return Ok(true);
            }
        }
        if self.closed {
            return Ok(false);
        }
        self.choose_undeclared(FRESH, others.0, others.1)
    }

    fn choose_undeclared(&mut self, namespace: u32, f: Id, g: Id) -> Result<bool, Full> {
        self.path.push((level::NAMESPACE, namespace));
        let found = if namespace == OWN {
            self.seek(f, g)?
        } else {
            self.seek_labels(f, g)?
        };
        if !found {
            self.path.pop();
        }
        Ok(found)
    }

    /// Below the choice of a namespace that is not declared: its labels may be anything.
    fn seek_labels(&mut self, f: Id, g: Id) -> Result<bool, Full> {
        let level = self.manager.level(f).min(self.manager.level(g));
        if !level::is_namespace_label(level) || f == Id::NONE {
            return self.seek(f, g);
        }
        if self.dead.contains(&(f, g)) {
            return Ok(false);
        }
        self.steps = self.steps.checked_sub(1).ok_or(Full)?;
        let keys = self.mentioned(level, f, g);
        let first = self.guide.value(level);
        // The subject's own unmentioned value reads worse than any other.
        let plain = keys
            .iter()
            .copied()
            .filter(|key| *key != first && *key != SAME);
        let last = keys.contains(&SAME).then_some(SAME);
        let fresh = keys.contains(&first).then_some(FRESH);
        for value in [first].into_iter().chain(plain).chain(fresh).chain(last) {
            let below = (self.child(f, level, value), self.child(g, level, value));
            if self.choose(level, value, below.0, below.1)? {
                return Ok(true);
            }
        }
        self.dead.insert((f, g));
        Ok(false)
    }
}
