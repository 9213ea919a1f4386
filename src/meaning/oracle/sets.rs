//! Sets in the words of the source to diagrams, bottom up: labels, then ports, then the other end, then the subject.

use smol_str::SmolStr;

use super::Oracle;
use super::levels::{Key, Question};
use crate::meaning::index::Partition;
use crate::model::{Clause, Rule};
use crate::space::diagram::level::{self, Level};
use crate::space::diagram::{ABSENT, Full, Id, OWN, Op, SAME};
use crate::space::{
    Direction, EndpointSet, Namespaces, Pods, PortSet, Ranges, Same, Selector, Transport, Value,
    ValueSet,
};

/// The kinds of the other end, as numbers of [`level::KIND`].
pub(super) const POD: u32 = 0;
pub(super) const NODE_V4: u32 = 1;
pub(super) const NODE_V6: u32 = 2;
pub(super) const OUTSIDE_V4: u32 = 3;
pub(super) const OUTSIDE_V6: u32 = 4;
pub(super) const PROXY: u32 = 5;

impl Oracle<'_> {
    pub(super) fn level(&mut self, question: Question) -> Result<Level, Full> {
        self.levels.of(&self.index, &mut self.manager, question)
    }

    /// A label of a namespace that is not declared. Two values that the program does not mention are one to `same`, so a set from elsewhere
    /// that mentions more is refused rather than mistaken.
    fn unfamiliar(&mut self, key: &SmolStr, values: &ValueSet) -> Result<(), Full> {
        let numbers = self.levels.numbers(&self.index, values);
        let known = self.index.compared(key);
        let new = numbers
            .iter()
            .any(|number| *number != ABSENT && known.binary_search(number).is_err());
        if new {
            self.foreign.insert(key.clone());
        }
        match self.foreign.contains(key) && self.compared.contains(key) {
            true => Err(Full),
            false => Ok(()),
        }
    }

    /// `yes` where a level has a value of the set.
    fn test(&mut self, level: Level, values: &ValueSet, yes: Id) -> Result<Id, Full> {
        let numbers = self.levels.numbers(&self.index, values);
        match values {
            ValueSet::In(_) => {
                let edges = numbers.into_iter().map(|number| (number, yes));
                self.manager.value(level, edges, Id::NONE)
            }
            ValueSet::NotIn(_) => {
                let edges = numbers.into_iter().map(|number| (number, Id::NONE));
                self.manager.value(level, edges, yes)
            }
        }
    }

    /// `yes` where all tests hold.
    fn tests(&mut self, mut tests: Vec<(Level, &ValueSet)>, yes: Id) -> Result<Id, Full> {
        tests.sort_unstable_by_key(|(level, _)| std::cmp::Reverse(*level));
        tests
            .into_iter()
            .try_fold(yes, |yes, (level, values)| self.test(level, values, yes))
    }

    /// `yes` where a pod has these labels and this account.
    fn pod(&mut self, side: impl Fn(Key) -> Question, pods: &Pods, yes: Id) -> Result<Id, Full> {
        // An account is never absent.
        let said = |values: &[Value]| {
            values
                .iter()
                .filter(|value| value.is_some())
                .cloned()
                .collect()
        };
        let account = match &pods.service_account {
            ValueSet::In(values) => ValueSet::In(said(values)),
            ValueSet::NotIn(values) => ValueSet::NotIn(said(values)),
        };
        let mut tests = Vec::with_capacity(pods.labels.iter().len() + 1);
        if !account.is_any() {
            tests.push((self.level(side(Key::Account))?, &account));
        }
        for (key, values) in pods.labels.iter() {
            tests.push((self.level(side(Key::Label(key.clone())))?, values));
        }
        self.tests(tests, yes)
    }

    /// The subjects of this partition that are in a set.
    pub(super) fn subject(&mut self, pods: &Pods) -> Result<Id, Full> {
        let mut namespaces = pods.namespaces.clone();
        if !namespaces.same.is_empty() {
            // A subject's own namespace is the subject's own.
            let seen = namespaces.same.iter().all(|same| match same {
                Same::Namespace(is) => *is,
                Same::Label(..) => true,
            });
            for same in std::mem::take(&mut namespaces.same) {
                if let Same::Label(key, is) = same {
                    let has = if is {
                        ValueSet::present()
                    } else {
                        ValueSet::absent()
                    };
                    namespaces.labels = namespaces.labels.with(&key, &has);
                }
            }
            if !seen {
                return Ok(Id::NONE);
            }
        }
        if !self.index.meets(&namespaces, self.partition) {
            return Ok(Id::NONE);
        }
        let pod = self.pod(Question::Subject, pods, Id::ALL)?;
        match self.partition {
            Partition::Declared(_) => Ok(pod),
            Partition::Undeclared(_) | Partition::Other => {
                let own = self.own_labels(&namespaces.labels)?;
                self.manager.apply(Op::And, own, pod)
            }
        }
    }

    /// The subjects of this partition that are in a union.
    pub(crate) fn subjects(&mut self, pods: &[Pods]) -> Result<Id, Full> {
        let all = pods
            .iter()
            .map(|pods| self.subject(pods))
            .collect::<Result<Vec<Id>, Full>>()?;
        self.manager.fold(Op::Over, all, Id::NONE)
    }

    /// Where the subject's own, not declared, namespace has these labels.
    fn own_labels(&mut self, labels: &Selector) -> Result<Id, Full> {
        let mut tests = Vec::new();
        for (key, values) in labels.iter() {
            self.unfamiliar(key, values)?;
            tests.push((self.level(Question::SubjectNamespace(key.clone()))?, values));
        }
        self.tests(tests, Id::ALL)
    }

    /// Flows to or from the other end, with their traffic, mapped to a terminal.
    pub(super) fn peers(
        &mut self,
        peers: &EndpointSet,
        ports: &PortSet,
        terminal: Id,
    ) -> Result<Id, Full> {
        let to_subject = self.direction == Direction::Ingress;
        // Most peers are pods only, or addresses only.
        let plain = match peers.nodes.is_empty() && peers.outside.is_empty() && !peers.proxy {
            true => Id::NONE,
            false => self.ports(ports, terminal, to_subject)?,
        };
        let mut pods = Vec::with_capacity(peers.pods.len());
        let mut related = Vec::new();
        for one in &peers.pods {
            let bottom = self.pod(Question::Peer, one, terminal)?;
            let bottom = self.ports(ports, bottom, true)?;
            match self.partition {
                Partition::Declared(at) => {
                    let own = &self.index.program.namespaces[at];
                    if let Some(seen) = one.namespaces.seen_from(&own.name, |key| own.label(key)) {
                        pods.push(self.namespaces(&seen, bottom)?);
                    }
                }
                Partition::Undeclared(_) | Partition::Other => {
                    let one = self.related(&one.namespaces, bottom)?;
                    related.push(one);
                }
            }
        }
        let pods = self.manager.fold(Op::Over, pods, Id::NONE)?;
        let node_v4 = self.v4(&peers.nodes.v4, plain)?;
        let node_v6 = self.v6(&peers.nodes.v6, plain)?;
        let mut outside_v4 = self.v4(&peers.outside.v4, plain)?;
        let mut outside_v6 = self.v6(&peers.outside.v6, plain)?;
        if !peers.names.is_empty() {
            let named = self.dns(peers, terminal)?;
            let named = self.ports(ports, named, to_subject)?;
            outside_v4 = self.manager.apply(Op::Over, outside_v4, named)?;
            outside_v6 = self.manager.apply(Op::Over, outside_v6, named)?;
        }
        let proxy = if peers.proxy { plain } else { Id::NONE };
        let all = self.manager.interval(
            level::KIND,
            pods,
            [
                (NODE_V4, node_v4),
                (NODE_V6, node_v6),
                (OUTSIDE_V4, outside_v4),
                (OUTSIDE_V6, outside_v6),
                (PROXY, proxy),
            ],
        )?;
        related.push(all);
        self.manager.fold(Op::Over, related, Id::NONE)
    }

    fn dns(&mut self, peers: &EndpointSet, terminal: Id) -> Result<Id, Full> {
        let mut levels = Vec::with_capacity(peers.names.len());
        for name in &peers.names {
            levels.push(self.level(Question::Dns(name.clone()))?);
        }
        levels.sort_unstable_by_key(|level| std::cmp::Reverse(*level));
        levels.into_iter().try_fold(Id::NONE, |other, level| {
            self.manager.interval(level, other, [(1, terminal)])
        })
    }

    /// `yes` in a set of namespaces, without relations; of the subject's own, where that is not declared, nothing is said.
    fn namespaces(&mut self, namespaces: &Namespaces, yes: Id) -> Result<Id, Full> {
        let mut tests = Vec::new();
        for (key, values) in namespaces.labels.iter() {
            if self.partition_is_open() {
                self.unfamiliar(key, values)?;
            }
            tests.push((self.level(Question::PeerNamespace(key.clone()))?, values));
        }
        let labelled = self.tests(tests, yes)?;
        let open = self.partition_is_open();
        let (names, listed) = match &namespaces.names {
            ValueSet::In(names) => (names, true),
            ValueSet::NotIn(names) => (names, false),
        };
        let mut edges = Vec::with_capacity(names.len() + 1);
        for name in names.iter().flatten() {
            let child = |known: u32, labelled: Id, oracle: &Self| match listed {
                false => Id::NONE,
                true if known < oracle.declared() => oracle.manager.descend(labelled, known),
                true => labelled,
            };
            if let Some(key) = self.namespace_key(name)
                && key != OWN
            {
                edges.push((key, child(key, labelled, self)));
            }
        }
        if open {
            edges.push((OWN, Id::NONE));
        }
        edges.sort_unstable();
        edges.dedup();
        let other = if listed { Id::NONE } else { labelled };
        self.manager.namespace(edges, other)
    }

    /// The key of a namespace by name; `None` if there can be none of that name.
    fn namespace_key(&mut self, name: &SmolStr) -> Option<u32> {
        let declared = &self.index.program.namespaces;
        if let Ok(at) = declared.binary_search_by(|known| known.name.cmp(name)) {
            return Some(at as u32);
        }
        if self.closed {
            return None;
        }
        if let Partition::Undeclared(at) = self.partition
            && self.index.undeclared()[at] == *name
        {
            return Some(OWN);
        }
        let at = match self.undeclared.iter().position(|known| known == name) {
            Some(at) => at,
            None => {
                self.undeclared.push(name.clone());
                self.undeclared.len() - 1
            }
        };
        Some(self.declared() + at as u32)
    }

    /// Pods of a set of namespaces, seen from a namespace that is not declared: its labels, and relations to it, are questions.
    fn related(&mut self, namespaces: &Namespaces, yes: Id) -> Result<Id, Full> {
        let pods_only = |oracle: &mut Self, pods: Id| {
            oracle
                .manager
                .interval(level::KIND, pods, [(NODE_V4, Id::NONE)])
        };
        let mut may_be_own = match self.index.name(self.partition) {
            Some(name) => namespaces.names.contains(Some(name)),
            None => matches!(namespaces.names, ValueSet::NotIn(_)),
        };
        let mut may_be_other = true;
        let mut relations = Vec::new();
        for same in &namespaces.same {
            match same {
                Same::Namespace(true) => may_be_other = false,
                Same::Namespace(false) => may_be_own = false,
                Same::Label(key, is) => {
                    let relation = self.same_label(key)?;
                    relations.push(match is {
                        true => relation,
                        false => self.manager.apply(Op::Minus, Id::ALL, relation)?,
                    });
                }
            }
        }
        let mut parts = Vec::new();
        if may_be_own {
            let own = self.manager.namespace([(OWN, yes)], Id::NONE)?;
            let own = pods_only(self, own)?;
            let labels = self.own_labels(&namespaces.labels)?;
            parts.push(self.manager.apply(Op::And, labels, own)?);
        }
        if may_be_other {
            let other = self.namespaces(namespaces, yes)?;
            parts.push(pods_only(self, other)?);
        }
        let mut all = self.manager.fold(Op::Over, parts, Id::NONE)?;
        for relation in relations {
            all = self.manager.apply(Op::And, relation, all)?;
        }
        Ok(all)
    }

    /// Where the other end's namespace has the subject's value of a label.
    fn same_label(&mut self, key: &SmolStr) -> Result<Id, Full> {
        let mine = self.level(Question::SubjectNamespace(key.clone()))?;
        let theirs = self.level(Question::PeerNamespace(key.clone()))?;
        let mut edges = vec![(ABSENT, Id::NONE)];
        let known = self.index.compared(key).to_vec();
        self.compared.insert(key.clone());
        self.unfamiliar(key, &ValueSet::any())?;
        for value in known.into_iter().chain([SAME]) {
            let equal = self.manager.value(theirs, [(value, Id::ALL)], Id::NONE)?;
            let equal = self.manager.namespace([(OWN, Id::ALL)], equal)?;
            edges.push((value, equal));
        }
        let other = edges.pop().map_or(Id::NONE, |(_, equal)| equal);
        self.manager.value(mine, edges, other)
    }

    /// `yes` where the traffic is in a set; `names`: whether the destination is a pod, which may have named ports.
    pub(super) fn ports(&mut self, ports: &PortSet, yes: Id, names: bool) -> Result<Id, Full> {
        let mut children = Vec::with_capacity(5);
        for transport in Transport::ALL {
            let set = ports.transport(transport);
            let mut child = match set.first() {
                None => Id::NONE,
                // Port 0 does not exist: all ports are one range.
                Some(1) => self.numbers16(&set.union(&Ranges::of(0, 0)), yes)?,
                Some(_) => self.numbers16(set, yes)?,
            };
            if names && !ports.named.is_empty() {
                let mut levels = Vec::new();
                for (of, name) in &ports.named {
                    if *of == transport {
                        levels.push(self.level(Question::Named(*of, name.clone()))?);
                    }
                }
                levels.sort_unstable_by_key(|level| std::cmp::Reverse(*level));
                for level in levels {
                    child = self.manager.interval(level, child, [(1, yes)])?;
                }
            }
            children.push((transport.number(), child));
        }
        for (number, messages) in [(1, &ports.icmp), (58, &ports.icmpv6)] {
            let child = match messages.is_empty() {
                true => Id::NONE,
                false => self.numbers16(messages, yes)?,
            };
            children.push((number, child));
        }
        children.sort_unstable();
        let mut from_zero = Id::NONE;
        let mut changes = Vec::with_capacity(10);
        if ports.other.is_empty() {
            // No two of them are neighbors.
            let some = children.into_iter().filter(|(_, child)| *child != Id::NONE);
            for (number, child) in some {
                changes.push((u32::from(number), child));
                changes.push((u32::from(number) + 1, Id::NONE));
            }
        } else {
            for number in (0..=u8::MAX).rev() {
                let child = match children.last() {
                    Some((last, child)) if *last == number => {
                        let child = *child;
                        children.pop();
                        child
                    }
                    _ if ports.other.contains(number) => yes,
                    _ => Id::NONE,
                };
                match number {
                    0 => from_zero = child,
                    _ => changes.push((u32::from(number), child)),
                }
            }
            changes.reverse();
        }
        self.manager.interval(level::PROTOCOL, from_zero, changes)
    }

    fn numbers16(&mut self, set: &Ranges<u16>, yes: Id) -> Result<Id, Full> {
        let ranges = set
            .iter()
            .map(|(low, high)| (u32::from(low), u32::from(high)));
        self.numbers(level::PORT, ranges, 0xffff, yes)
    }

    fn v4(&mut self, set: &Ranges<u32>, yes: Id) -> Result<Id, Full> {
        self.numbers(level::V4, set.iter(), u32::MAX, yes)
    }

    /// `yes` in sorted, disjoint, non-adjacent ranges of an interval level.
    fn numbers(
        &mut self,
        level: Level,
        ranges: impl Iterator<Item = (u32, u32)>,
        largest: u32,
        yes: Id,
    ) -> Result<Id, Full> {
        let mut from_zero = Id::NONE;
        let mut changes = Vec::new();
        for (low, high) in ranges {
            if low == 0 {
                from_zero = yes;
            } else {
                changes.push((low, yes));
            }
            if high < largest {
                changes.push((high + 1, Id::NONE));
            }
        }
        if changes.is_empty() {
            return Ok(from_zero);
        }
        self.manager.interval(level, from_zero, changes)
    }

    fn v6(&mut self, set: &Ranges<u128>, yes: Id) -> Result<Id, Full> {
        if set.is_empty() {
            return Ok(Id::NONE);
        }
        let ranges: Vec<(u128, u128)> = set.iter().collect();
        self.words(&ranges, 0, yes)
    }

    /// `yes` in ranges of what is left of v6 addresses from a word on: at most four words deep.
    fn words(&mut self, ranges: &[(u128, u128)], word: u16, yes: Id) -> Result<Id, Full> {
        let level = level::V6 + word;
        if word == 3 {
            let ranges = ranges.iter().map(|(low, high)| (*low as u32, *high as u32));
            return self.numbers(level, ranges, u32::MAX, yes);
        }
        let shift = 32 * u32::from(3 - word);
        let rest = (1u128 << shift) - 1;
        // Whole words, and words of which a part is in the set.
        let mut whole: Vec<(u32, u32)> = Vec::new();
        let mut parts: Vec<(u32, Vec<(u128, u128)>)> = Vec::new();
        let mut part = |word: u128, low: u128, high: u128| match parts.last_mut() {
            Some((last, ranges)) if u128::from(*last) == word => ranges.push((low, high)),
            _ => parts.push((word as u32, vec![(low, high)])),
        };
        for (low, high) in ranges {
            let (mut first, mut last) = (low >> shift, high >> shift);
            if first == last && (low & rest != 0 || high & rest != rest) {
                part(first, low & rest, high & rest);
                continue;
            }
            if low & rest != 0 {
                part(first, low & rest, rest);
                first += 1;
            }
            if high & rest != rest {
                part(last, 0, high & rest);
                last = match last.checked_sub(1) {
                    Some(before) => before,
                    None => continue,
                };
            }
            if first <= last {
                whole.push((first as u32, last as u32));
            }
        }
        let mut pieces: Vec<(u32, u32, Id)> = whole
            .into_iter()
            .map(|(first, last)| (first, last, yes))
            .collect();
        for (at, ranges) in parts {
            let child = self.words(&ranges, word + 1, yes)?;
            pieces.push((at, at, child));
        }
        pieces.sort_unstable();
        let mut from_zero = Id::NONE;
        let mut changes: Vec<(u32, Id)> = Vec::new();
        for (first, last, child) in pieces {
            if first == 0 {
                from_zero = child;
            } else {
                if changes.last().is_some_and(|(at, _)| *at == first) {
                    changes.pop();
                }
                changes.push((first, child));
            }
            if last < u32::MAX {
                changes.push((last + 1, Id::NONE));
            }
        }
        self.manager.interval(level, from_zero, changes)
    }

    /// What a clause of a rule matches, mapped to a terminal.
    pub(crate) fn clause(&mut self, clause: &Clause, terminal: Id) -> Result<Id, Full> {
        let peers = self.peers(&clause.peers, &clause.ports, terminal)?;
        match &clause.subject {
            None => Ok(peers),
            Some(subject) => {
                let subject = self.subjects(subject)?;
                self.manager.apply(Op::And, subject, peers)
            }
        }
    }

    /// What a rule matches, mapped to a terminal.
    pub(crate) fn rule(&mut self, rule: &Rule, terminal: Id) -> Result<Id, Full> {
        let clauses = rule
            .clauses
            .iter()
            .map(|clause| self.clause(clause, terminal))
            .collect::<Result<Vec<Id>, Full>>()?;
        self.manager.fold(Op::Over, clauses, Id::NONE)
    }
}
