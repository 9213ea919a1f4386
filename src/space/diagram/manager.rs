//! Nodes and the operations that make them.

use std::sync::Arc;

use super::level::{self, Kind, Level};

/// A diagram: a terminal or an inner node of one [`Manager`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(u32);

impl Id {
    /// Undecided; as a set: no flow.
    pub const NONE: Id = Id(0);
    /// Allowed; as a set: every flow.
    pub const ALLOW: Id = Id(1);
    /// Denied.
    pub const DENY: Id = Id(2);
    /// Left to the next tier.
    pub const PASS: Id = Id(3);
    /// Decided in a way that is like no other.
    pub const UNLIKE: Id = Id(4);
    /// As a set: every flow.
    pub const ALL: Id = Id::ALLOW;

    /// Whether it is a terminal.
    pub fn is_terminal(self) -> bool {
        self.0 < FIRST
    }
}

/// The first inner node.
const FIRST: u32 = 5;

/// How two diagrams are combined. Sets are diagrams with the terminals [`Id::NONE`] and [`Id::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// The first where it decides, else the second; of sets: the union.
    Over,
    /// The second where the first passes, else the first.
    Chain,
    /// The second where the first, a set, has the flow.
    And,
    /// The first where the second is undecided.
    Minus,
    /// The set where both are the same.
    Same,
    /// The set where both decide, and not the same.
    Conflict,
}

impl Op {
    fn shortcut(self, f: Id, g: Id) -> Option<Id> {
        let both = f.is_terminal() && g.is_terminal();
        let set = |is: bool| if is { Id::ALL } else { Id::NONE };
        match self {
            Op::Over if f == Id::NONE => Some(g),
            Op::Over if f.is_terminal() || g == Id::NONE || f == g => Some(f),
            Op::Chain if f == Id::PASS => Some(g),
            Op::Chain if f.is_terminal() || g == Id::PASS => Some(f),
            Op::And if f == Id::NONE || g == Id::NONE => Some(Id::NONE),
            Op::And if f == Id::ALL => Some(g),
            Op::And if g == Id::ALL || f == g => Some(f),
            Op::Minus if g == Id::NONE => Some(f),
            Op::Minus if f == Id::NONE || g.is_terminal() || f == g => Some(Id::NONE),
            Op::Same if f == g => Some(Id::ALL),
            Op::Same if both => Some(set(f == g)),
            Op::Conflict if f == Id::NONE || g == Id::NONE || f == g => Some(Id::NONE),
            Op::Conflict if both => Some(set(f != g)),
            _ => None,
        }
    }
}

/// More nodes or steps than the budget has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Bounds on the work of one [`Manager`], so that no input eats the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Nodes.
    pub nodes: u32,
    /// Edges of all nodes.
    pub edges: u32,
    /// Steps of one operation.
    pub steps: u64,
}

impl Default for Budget {
    /// About 100 MB at the worst, and a few seconds.
    fn default() -> Self {
        Budget {
            nodes: 1_000_000,
            edges: 6_000_000,
            steps: 20_000_000,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) level: Level,
    pub(super) len: u32,
    pub(super) offset: u32,
    /// Value and namespace levels: every other value. Interval levels: from 0 to the first edge.
    pub(super) default: Id,
}

#[derive(Clone, Copy, Default)]
struct Cached {
    f: u32,
    g: u32,
    /// The operation plus one; 0 if the entry is free.
    op: u32,
    result: u32,
}

/// The nodes of one world: one partition of the subjects and one direction.
pub struct Manager {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<(u32, Id)>,
    /// Open addressing; 0 is free.
    table: Vec<u32>,
    cache: Vec<Cached>,
    scratch: Vec<(u32, Id)>,
    /// For each level of namespace labels, the value of each declared namespace.
    pub(super) labels: Vec<Arc<[u32]>>,
    /// How many namespaces are declared: the keys of the namespace level below this are theirs.
    pub(super) declared: u32,
    budget: Budget,
    steps: u64,
}

/// The value of an absent label.
pub const ABSENT: u32 = 0;
/// The key of the subject's own namespace, where that is not declared.
pub const OWN: u32 = u32::MAX - 1;
/// The value of a namespace label that is the subject's own and is not mentioned.
pub const SAME: u32 = u32::MAX - 1;

impl Manager {
    /// An empty one, for a world with so many declared namespaces.
    pub fn new(declared: u32, budget: Budget) -> Self {
        Manager {
            nodes: Vec::with_capacity(1024),
            edges: Vec::with_capacity(4096),
            table: vec![0; 4096],
            cache: vec![Cached::default(); 4096],
            scratch: Vec::new(),
            labels: Vec::new(),
            declared,
            budget,
            steps: 0,
        }
    }

    /// Adds a level for a label of namespaces: the value of each declared one.
    ///
    /// # Errors
    /// If there is no room for another level.
    pub fn add_namespace_label(&mut self, values: Arc<[u32]>) -> Result<Level, Full> {
        debug_assert_eq!(values.len(), self.declared as usize);
        let level = level::NAMESPACE_LABELS + self.labels.len() as Level;
        if !level::is_namespace_label(level) {
            return Err(Full);
        }
        self.labels.push(values);
        Ok(level)
    }

    /// How many namespaces are declared: the keys of the namespace level below this are theirs.
    pub fn declared(&self) -> u32 {
        self.declared
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[(id.0 - FIRST) as usize]
    }

    /// The level of a diagram's root; [`level::END`] for a terminal.
    pub fn level(&self, id: Id) -> Level {
        if id.is_terminal() {
            level::END
        } else {
            self.node(id).level
        }
    }

    /// The edges of a node.
    pub(super) fn edges_of(&self, node: &Node) -> &[(u32, Id)] {
        &self.edges[node.offset as usize..(node.offset + node.len) as usize]
    }

    /// A node of a value level: the edges (ascending by value) and every other value.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn value(
        &mut self,
        level: Level,
        edges: impl IntoIterator<Item = (u32, Id)>,
        other: Id,
    ) -> Result<Id, Full> {
        let mark = self.scratch.len();
        self.scratch.extend(edges);
        self.make(level, other, mark)
    }

    /// A node of an interval level: what holds from 0, and the change points, ascending.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn interval(
        &mut self,
        level: Level,
        from_zero: Id,
        changes: impl IntoIterator<Item = (u32, Id)>,
    ) -> Result<Id, Full> {
        let mark = self.scratch.len();
        self.scratch.extend(changes);
        self.make(level, from_zero, mark)
    }

    /// A node of the namespace level: the namespaces that are named, ascending, and all others.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn namespace(
        &mut self,
        edges: impl IntoIterator<Item = (u32, Id)>,
        other: Id,
    ) -> Result<Id, Full> {
        let mark = self.scratch.len();
        self.scratch.extend(edges);
        self.make(level::NAMESPACE, other, mark)
    }

    /// The node of the edges in `scratch[mark..]`, reduced and found again if it is there already.
    fn make(&mut self, level: Level, default: Id, mark: usize) -> Result<Id, Full> {
        let mut kept = mark;
        let mut before = default;
        for at in mark..self.scratch.len() {
            let (key, child) = self.scratch[at];
            let keep = match level::kind(level) {
                Kind::Value => child != default,
                Kind::Interval => child != std::mem::replace(&mut before, child),
                Kind::Namespace if key < self.declared => child != self.descend(default, key),
                Kind::Namespace if key == OWN => {
                    child != default || level::is_namespace_label(self.level(default))
                }
                Kind::Namespace => child != default,
            };
            if keep {
                self.scratch[kept] = (key, child);
                kept += 1;
            }
        }
        self.scratch.truncate(kept);
        if kept == mark {
            return Ok(default);
        }
        let mut hash = mix(u64::from(level) << 32 | u64::from(default.0), 0);
        for (key, child) in &self.scratch[mark..] {
            hash = mix(hash, u64::from(*key) << 32 | u64::from(child.0));
        }
        let mask = self.table.len() - 1;
        let mut slot = (hash >> 20) as usize & mask;
        while self.table[slot] != 0 {
            let known = Id(self.table[slot]);
            let node = self.node(known);
            if node.level == level
                && node.default == default
                && self.edges_of(&node) == &self.scratch[mark..]
            {
                self.scratch.truncate(mark);
                return Ok(known);
            }
            slot = (slot + 1) & mask;
        }
        let len = kept - mark;
        if self.nodes.len() >= self.budget.nodes as usize
            || self.edges.len() + len > self.budget.edges as usize
        {
            self.scratch.truncate(mark);
            return Err(Full);
        }
        let id = Id(self.nodes.len() as u32 + FIRST);
        self.nodes.push(Node {
            level,
            len: len as u32,
            offset: self.edges.len() as u32,
            default,
        });
        self.edges.extend_from_slice(&self.scratch[mark..]);
        self.scratch.truncate(mark);
        self.table[slot] = id.0;
        if self.nodes.len() * 2 > self.table.len() {
            self.grow();
        }
        Ok(id)
    }

    fn grow(&mut self) {
        let size = self.table.len() * 4;
        let mut table = vec![0u32; size];
        for (at, node) in self.nodes.iter().enumerate() {
            let mut hash = mix(u64::from(node.level) << 32 | u64::from(node.default.0), 0);
            for (key, child) in self.edges_of(node) {
                hash = mix(hash, u64::from(*key) << 32 | u64::from(child.0));
            }
            let mut slot = (hash >> 20) as usize & (size - 1);
            while table[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            table[slot] = at as u32 + FIRST;
        }
        self.table = table;
        if self.cache.len() < 1 << 20 {
            self.cache = vec![Cached::default(); size];
        }
    }

    /// What a diagram of namespace labels says of a declared namespace.
    pub fn descend(&self, mut id: Id, namespace: u32) -> Id {
        while !id.is_terminal() {
            let node = self.node(id);
            if !level::is_namespace_label(node.level) {
                break;
            }
            let values = &self.labels[(node.level - level::NAMESPACE_LABELS) as usize];
            id = self.child(&node, values[namespace as usize]);
        }
        id
    }

    /// The child of a node of a value level for a value, or of an interval level for a number.
    pub(super) fn child(&self, node: &Node, key: u32) -> Id {
        let edges = self.edges_of(node);
        match level::kind(node.level) {
            Kind::Interval => match edges.partition_point(|(start, _)| *start <= key) {
                0 => node.default,
                after => edges[after - 1].1,
            },
            _ => edges
                .binary_search_by_key(&key, |(known, _)| *known)
                .map_or(node.default, |at| edges[at].1),
        }
    }

    /// What a diagram says of a namespace: an explicit edge, else what its labels say.
    pub fn in_namespace(&self, id: Id, namespace: u32) -> Id {
        let default = match id.is_terminal() {
            true => id,
            false => {
                let node = self.node(id);
                if node.level == level::NAMESPACE {
                    let edges = self.edges_of(&node);
                    if let Ok(at) = edges.binary_search_by_key(&namespace, |(known, _)| *known) {
                        return edges[at].1;
                    }
                    node.default
                } else {
                    id
                }
            }
        };
        if namespace < self.declared {
            self.descend(default, namespace)
        } else {
            default
        }
    }

    /// Combines two diagrams.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn apply(&mut self, op: Op, f: Id, g: Id) -> Result<Id, Full> {
        self.steps = 0;
        self.combine(op, f, g)
    }

    /// Combines two diagrams if that takes few steps and there is much room left; what was made until then stays.
    pub fn attempt(&mut self, op: Op, f: Id, g: Id, steps: u64) -> Option<Id> {
        if self.nodes.len() > self.budget.nodes as usize / 2 {
            return None;
        }
        let whole = self.budget.steps;
        self.budget.steps = steps.min(whole);
        let made = self.apply(op, f, g);
        self.budget.steps = whole;
        made.ok()
    }

    /// Combines many diagrams, in order, as a balanced tree: `op` is associative.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn fold(&mut self, op: Op, mut all: Vec<Id>, empty: Id) -> Result<Id, Full> {
        while all.len() > 1 {
            let mut next = Vec::with_capacity(all.len().div_ceil(2));
            for pair in all.chunks(2) {
                next.push(match *pair {
                    [f, g] => self.apply(op, f, g)?,
                    [f, ..] => f,
                    [] => empty,
                });
            }
            all = next;
        }
        Ok(all.first().copied().unwrap_or(empty))
    }

    fn combine(&mut self, op: Op, f: Id, g: Id) -> Result<Id, Full> {
        if let Some(result) = op.shortcut(f, g) {
            return Ok(result);
        }
        let entry = Cached {
            f: f.0,
            g: g.0,
            op: op as u32 + 1,
            result: 0,
        };
        let hash = mix(u64::from(f.0) << 32 | u64::from(g.0), op as u64);
        let slot = (hash >> 20) as usize & (self.cache.len() - 1);
        let cached = self.cache[slot];
        if (cached.f, cached.g, cached.op) == (entry.f, entry.g, entry.op) {
            return Ok(Id(cached.result));
        }
        self.steps += 1;
        if self.steps > self.budget.steps {
            return Err(Full);
        }
        let level = self.level(f).min(self.level(g));
        let mark = self.scratch.len();
        let made = match level::kind(level) {
            Kind::Value => self.combine_values(op, level, f, g),
            Kind::Interval => self.combine_intervals(op, level, f, g),
            Kind::Namespace => self.combine_namespaces(op, f, g),
        };
        let result = match made {
            Ok(default) => self.make(level, default, mark)?,
            Err(full) => {
                self.scratch.truncate(mark);
                return Err(full);
            }
        };
        let slot = (hash >> 20) as usize & (self.cache.len() - 1);
        self.cache[slot] = Cached {
            result: result.0,
            ..entry
        };
        Ok(result)
    }

    /// A diagram seen as a node of a level at or above its root.
    fn view(&self, id: Id, level: Level) -> Node {
        if self.level(id) == level {
            self.node(id)
        } else {
            Node {
                level,
                len: 0,
                offset: 0,
                default: id,
            }
        }
    }

    fn edge(&self, node: &Node, at: u32) -> Option<(u32, Id)> {
        (at < node.len).then(|| self.edges[(node.offset + at) as usize])
    }

    fn combine_values(&mut self, op: Op, level: Level, f: Id, g: Id) -> Result<Id, Full> {
        let (f, g) = (self.view(f, level), self.view(g, level));
        let (mut i, mut j) = (0, 0);
        loop {
            let (left, right) = (self.edge(&f, i), self.edge(&g, j));
            let key = match (left, right) {
                (None, None) => break,
                (Some((key, _)), None) | (None, Some((key, _))) => key,
                (Some((a, _)), Some((b, _))) => a.min(b),
            };
            let mut a = f.default;
            if let Some((_, child)) = left.filter(|(at, _)| *at == key) {
                a = child;
                i += 1;
            }
            let mut b = g.default;
            if let Some((_, child)) = right.filter(|(at, _)| *at == key) {
                b = child;
                j += 1;
            }
            let child = self.combine(op, a, b)?;
            self.scratch.push((key, child));
        }
        self.combine(op, f.default, g.default)
    }

    fn combine_intervals(&mut self, op: Op, level: Level, f: Id, g: Id) -> Result<Id, Full> {
        let (f, g) = (self.view(f, level), self.view(g, level));
        let (mut i, mut j) = (0, 0);
        let (mut a, mut b) = (f.default, g.default);
        let default = self.combine(op, a, b)?;
        let mut before = default;
        loop {
            let (left, right) = (self.edge(&f, i), self.edge(&g, j));
            let key = match (left, right) {
                (None, None) => return Ok(default),
                (Some((key, _)), None) | (None, Some((key, _))) => key,
                (Some((a, _)), Some((b, _))) => a.min(b),
            };
            if let Some((_, child)) = left.filter(|(at, _)| *at == key) {
                a = child;
                i += 1;
            }
            if let Some((_, child)) = right.filter(|(at, _)| *at == key) {
                b = child;
                j += 1;
            }
            let child = self.combine(op, a, b)?;
            if child != before {
                self.scratch.push((key, child));
                before = child;
            }
        }
    }

    fn combine_namespaces(&mut self, op: Op, f: Id, g: Id) -> Result<Id, Full> {
        let level = level::NAMESPACE;
        let (left, right) = (self.view(f, level), self.view(g, level));
        let (mut i, mut j) = (0, 0);
        loop {
            let keys = (
                self.edge(&left, i).map(|(key, _)| key),
                self.edge(&right, j).map(|(key, _)| key),
            );
            let key = match keys {
                (None, None) => break,
                (Some(key), None) | (None, Some(key)) => key,
                (Some(a), Some(b)) => a.min(b),
            };
            i += u32::from(keys.0 == Some(key));
            j += u32::from(keys.1 == Some(key));
            let child = self.combine(op, self.in_namespace(f, key), self.in_namespace(g, key))?;
            self.scratch.push((key, child));
        }
        self.combine(op, left.default, right.default)
    }
}

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
    let folded = (product >> 64) as u64 ^ product as u64;
    folded.wrapping_mul(0xff51_afd7_ed55_8ccd)
}
