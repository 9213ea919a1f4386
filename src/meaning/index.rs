//! A program prepared for questions: which policies can select a pod of a namespace, in order, and what its namespaces' labels are.
//!
//! Made once for a program; each [`Oracle`](super::Oracle) then costs as much as its own namespace's policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use time::Date;

use super::decide::{Decision, decide_among, ordered, selects};
use crate::model::{Namespace, PolicyId, Program, Rule, TierId};
use crate::space::diagram::ABSENT;
use crate::space::{Direction, Flow, Namespaces, Pod, ValueSet};

/// The namespaces that a subject can be in, cut so that all pods of one part are alike to every selector of namespaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Partition {
    /// A declared namespace: index in `Program::namespaces`.
    Declared(usize),
    /// A namespace that the program mentions and does not declare: index in `Program::undeclared`; of a pair, in the union of both.
    Undeclared(usize),
    /// All the others.
    Other,
}

/// The partitions of a program's subjects; only the declared namespaces where these are closed.
pub fn partitions(program: &Program) -> Vec<Partition> {
    parts(program, program.undeclared.len())
}

fn parts(program: &Program, undeclared: usize) -> Vec<Partition> {
    let declared = (0..program.namespaces.len()).map(Partition::Declared);
    let open = (0..undeclared)
        .map(Partition::Undeclared)
        .chain([Partition::Other])
        .filter(|_| !program.cluster.namespaces_closed);
    declared.chain(open).collect()
}

/// A program prepared for questions.
#[derive(Clone)]
pub struct Index<'p> {
    /// The program.
    pub program: &'p Program,
    /// The day on which it is asked: rules that have expired before are as if they were not there. All rules count if it is absent.
    pub(super) day: Option<Date>,
    own: Arc<Own<'p>>,
    /// Numbers of the values that labels of namespaces have; from 1.
    values: FxHashMap<SmolStr, u32>,
    /// For each label that a declared namespace has, the value of each of them.
    labels: FxHashMap<SmolStr, Arc<[u32]>>,
    unlabelled: Arc<[u32]>,
    /// The values known of each label of namespaces, where these are not closed.
    compared: FxHashMap<SmolStr, Vec<u32>>,
    /// The namespaces that are mentioned and not declared, sorted.
    undeclared: Vec<SmolStr>,
    /// The only partitions that are asked about, if not all are.
    within: Option<Arc<[Partition]>>,
}

/// What an index knows of its program, whatever it is compared with.
struct Own<'p> {
    tiers: Vec<TierIndex>,
    /// The values that the program mentions of each label of namespaces; none where these are closed.
    mentioned: Mentioned<'p>,
}

type Mentioned<'p> = BTreeMap<&'p SmolStr, BTreeSet<&'p SmolStr>>;

/// The enforced policies that select one pod in one direction, by tier, in an order that keeps `after`.
#[derive(Clone, Debug)]
pub struct Selecting(Vec<Vec<PolicyId>>);

impl Selecting {
    /// Those of a tier, in order.
    pub fn of(&self, tier: TierId) -> &[PolicyId] {
        &self.0[tier.0 as usize]
    }

    /// All of them, in order.
    pub fn policies(&self) -> impl Iterator<Item = PolicyId> {
        self.0.iter().flatten().copied()
    }
}

/// The enforced policies of a tier, in an order that keeps `after`.
struct TierIndex {
    order: Vec<PolicyId>,
    /// Places in `order` of those that select in named namespaces only, by name.
    named: FxHashMap<SmolStr, Vec<u32>>,
    /// Places in `order` of the others.
    anywhere: Vec<u32>,
}

impl<'p> Own<'p> {
    fn of(program: &'p Program) -> Arc<Self> {
        let tiers = (0..program.tiers.len())
            .map(|tier| TierIndex::new(program, TierId(tier as u32)))
            .collect();
        let mut mentioned = Mentioned::default();
        if !program.cluster.namespaces_closed {
            visit(program, &mut |namespaces| {
                for (key, values) in namespaces.labels.iter() {
                    let values = values.mentioned().iter().flatten();
                    mentioned.entry(key).or_default().extend(values);
                }
            });
        }
        Arc::new(Own { tiers, mentioned })
    }
}

impl<'p> Index<'p> {
    /// Prepares a program.
    pub fn new(program: &'p Program) -> Self {
        Index::numbered(program, Own::of(program), &[])
    }

    /// Prepares two programs for [`Oracle::allowed_by`](super::Oracle::allowed_by): both number partitions and values alike. They must speak of one
    /// cluster; `None` if they declare different namespaces, or only one says that there are no others.
    pub fn pair(one: &'p Program, other: &'p Program) -> Option<(Self, Self)> {
        Index::new(one).beside(other)
    }

    /// The same index and one of another program, as [`Index::pair`] makes them: what is known of the first is kept, so that it can be compared with many.
    pub fn beside(&self, other: &'p Program) -> Option<(Self, Self)> {
        let one = self.program;
        let alike = |(a, b): (&Namespace, &Namespace)| a.name == b.name && a.labels == b.labels;
        let same = one.cluster.namespaces_closed == other.cluster.namespaces_closed
            && one.namespaces.len() == other.namespaces.len()
            && one.namespaces.iter().zip(&other.namespaces).all(alike);
        same.then(|| {
            let own = Own::of(other);
            let first = Index {
                day: self.day,
                within: self.within.clone(),
                ..Index::numbered(one, self.own.clone(), &[(other, &own)])
            };
            let second = Index::numbered(other, own, &[(one, &self.own)]);
            (first, second)
        })
    }

    /// An index with the numbers that it shares with those of other programs.
    fn numbered(
        program: &'p Program,
        own: Arc<Own<'p>>,
        others: &[(&'p Program, &Own<'p>)],
    ) -> Self {
        let mut undeclared = program.undeclared.clone();
        let mut mentioned = own.mentioned.clone();
        for (other, own) in others {
            undeclared.extend(other.undeclared.iter().cloned());
            for (key, values) in &own.mentioned {
                mentioned.entry(key).or_default().extend(values);
            }
        }
        undeclared.sort_unstable();
        undeclared.dedup();
        let mut index = Index {
            program,
            day: None,
            own,
            values: FxHashMap::default(),
            labels: FxHashMap::default(),
            unlabelled: vec![ABSENT; program.namespaces.len()].into(),
            compared: FxHashMap::default(),
            undeclared,
            within: None,
        };
        let mut columns: FxHashMap<SmolStr, Vec<u32>> = FxHashMap::default();
        for (at, namespace) in program.namespaces.iter().enumerate() {
            for (key, value) in &namespace.labels {
                let next = index.values.len() as u32 + 1;
                let value = *index.values.entry(value.clone()).or_insert(next);
                columns
                    .entry(key.clone())
                    .or_insert_with(|| vec![ABSENT; program.namespaces.len()])[at] = value;
            }
        }
        index.labels = columns
            .into_iter()
            .map(|(key, all)| (key, all.into()))
            .collect();
        if !program.cluster.namespaces_closed {
            index.compare(mentioned);
        }
        index
    }

    /// The namespaces that are mentioned and not declared, sorted.
    pub fn undeclared(&self) -> &[SmolStr] {
        &self.undeclared
    }

    /// The partitions of the subjects; only the declared namespaces where these are closed.
    pub fn partitions(&self) -> Vec<Partition> {
        match &self.within {
            Some(within) => within.to_vec(),
            None => parts(self.program, self.undeclared.len()),
        }
    }

    /// The same index, for questions about these partitions only: the policies that select in others may be missing.
    pub fn within(self, partitions: &[Partition]) -> Self {
        Index {
            within: Some(partitions.into()),
            ..self
        }
    }

    /// The same index on a day.
    pub(super) fn on(self, day: Date) -> Self {
        Index {
            day: Some(day),
            ..self
        }
    }

    /// Whether a rule has not expired.
    pub(super) fn in_force(&self, rule: &Rule) -> bool {
        match (self.day, rule.until) {
            (Some(day), Some(until)) => until >= day,
            _ => true,
        }
    }

    /// Collects the values that the labels of namespaces are known to have: where `same` compares two that are not declared, they are equal, different,
    /// or both something that nobody mentions.
    fn compare(&mut self, mut known: Mentioned<'p>) {
        for (key, value) in self.program.namespaces.iter().flat_map(|one| &one.labels) {
            known.entry(key).or_default().insert(value);
        }
        for (key, values) in known {
            let mut numbers: Vec<u32> = values
                .into_iter()
                .map(|value| {
                    let next = self.values.len() as u32 + 1;
                    *self.values.entry(value.clone()).or_insert(next)
                })
                .collect();
            numbers.sort_unstable();
            self.compared.insert(key.clone(), numbers);
        }
    }

    /// The number of a value, if it is one of the namespaces'.
    pub(super) fn value(&self, value: &str) -> Option<u32> {
        self.values.get(value).copied()
    }

    /// The values that have numbers here, by number.
    pub(super) fn values(&self) -> Vec<SmolStr> {
        let mut all: Vec<(u32, SmolStr)> = self
            .values
            .iter()
            .map(|(value, number)| (*number, value.clone()))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, value)| value).collect()
    }

    /// How many values have numbers here.
    pub(super) fn known_values(&self) -> u32 {
        self.values.len() as u32
    }

    /// The values of a label of each declared namespace.
    pub(super) fn column(&self, key: &str) -> Arc<[u32]> {
        self.labels.get(key).unwrap_or(&self.unlabelled).clone()
    }

    /// The values that are known of a label of namespaces, ascending; none where they are closed.
    pub(super) fn compared(&self, key: &str) -> &[u32] {
        self.compared.get(key).map_or(&[], Vec::as_slice)
    }

    /// The declared namespace of a partition.
    pub fn declared(&self, partition: Partition) -> Option<&'p Namespace> {
        match partition {
            Partition::Declared(at) => Some(&self.program.namespaces[at]),
            Partition::Undeclared(_) | Partition::Other => None,
        }
    }

    /// The name of a partition's namespace; `None` if it is one that nobody mentions.
    pub fn name(&self, partition: Partition) -> Option<&SmolStr> {
        match partition {
            Partition::Declared(at) => Some(&self.program.namespaces[at].name),
            Partition::Undeclared(at) => Some(&self.undeclared[at]),
            Partition::Other => None,
        }
    }

    /// The partition of a namespace, by name.
    pub fn partition(&self, namespace: &SmolStr) -> Partition {
        let program = self.program;
        let declared = program
            .namespaces
            .binary_search_by(|known| known.name.cmp(namespace));
        match (declared, self.undeclared.binary_search(namespace)) {
            (Ok(at), _) => Partition::Declared(at),
            (Err(_), Ok(at)) => Partition::Undeclared(at),
            (Err(_), Err(_)) => Partition::Other,
        }
    }

    /// Decides a flow as [`decide`](super::decide()) does, in the time that the policies of its subject's namespace take.
    pub fn decide(&self, flow: &Flow) -> Decision {
        let partition = self.partition(&flow.subject.namespace);
        decide_among(self.program, flow, |tier| {
            self.policies(tier, partition, flow.direction)
        })
    }

    /// The policies that select a pod and have a block of a direction: to decide many of its flows.
    pub fn selecting(&self, pod: &Pod, direction: Direction) -> Selecting {
        let partition = self.partition(&pod.namespace);
        let of = |tier| {
            let mut policies = self.policies(TierId(tier as u32), partition, direction);
            policies.retain(|id| selects(&self.program.policy(*id).subject, pod));
            policies
        };
        Selecting((0..self.own.tiers.len()).map(of).collect())
    }

    /// Decides a flow as [`decide`](super::decide()) does; `selecting` are the policies that select its subject in its direction.
    pub fn decide_by(&self, selecting: &Selecting, flow: &Flow) -> Decision {
        decide_among(self.program, flow, |tier| {
            selecting.of(tier).iter().copied()
        })
    }

    /// Whether a set of namespaces, without relations, has any of a partition.
    pub fn meets(&self, namespaces: &Namespaces, partition: Partition) -> bool {
        let named = match self.name(partition) {
            Some(name) => namespaces.names.contains(Some(name)),
            None => matches!(namespaces.names, ValueSet::NotIn(_)),
        };
        named
            && match self.declared(partition) {
                Some(namespace) => namespaces.labels.matches(|key| namespace.label(key)),
                None => !namespaces.labels.is_empty(),
            }
    }

    /// The enforced policies of a tier that have a block of a direction and can select a pod of a partition, in an order that keeps `after`.
    pub fn policies(
        &self,
        tier: TierId,
        partition: Partition,
        direction: Direction,
    ) -> Vec<PolicyId> {
        let tier = &self.own.tiers[tier.0 as usize];
        let named = self
            .name(partition)
            .and_then(|name| tier.named.get(name))
            .map_or(&[][..], Vec::as_slice);
        let mut places: Vec<u32> = named.iter().chain(&tier.anywhere).copied().collect();
        places.sort_unstable();
        places
            .into_iter()
            .map(|place| tier.order[place as usize])
            .filter(|id| {
                let policy = self.program.policy(*id);
                policy.block(direction).is_some()
                    && policy
                        .subject
                        .iter()
                        .any(|pods| self.meets(&pods.namespaces, partition))
            })
            .collect()
    }
}

impl TierIndex {
    fn new(program: &Program, tier: TierId) -> Self {
        let order: Vec<PolicyId> = ordered(program, tier)
            .into_iter()
            .filter(|id| !program.policy(*id).staged)
            .collect();
        let mut named: FxHashMap<SmolStr, Vec<u32>> = FxHashMap::default();
        let mut anywhere = Vec::new();
        for (place, id) in order.iter().enumerate() {
            let place = place as u32;
            let subject = &program.policy(*id).subject;
            let finite = |pods: &crate::space::Pods| match &pods.namespaces.names {
                ValueSet::In(names) => Some(names.clone()),
                ValueSet::NotIn(_) => None,
            };
            let Some(names) = subject.iter().map(finite).collect::<Option<Vec<_>>>() else {
                anywhere.push(place);
                continue;
            };
            let mut names: Vec<SmolStr> = names.into_iter().flatten().flatten().collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                named.entry(name).or_default().push(place);
            }
        }
        TierIndex {
            order,
            named,
            anywhere,
        }
    }
}

/// Shows all sets of namespaces of a program's policies.
fn visit<'p>(program: &'p Program, see: &mut impl FnMut(&'p Namespaces)) {
    let policies = program
        .policies
        .iter()
        .map(|policy| (&policy.subject, &policy.ingress, &policy.egress));
    let default = program
        .default
        .iter()
        .map(|default| (&default.subject, &default.ingress, &default.egress));
    for (subject, ingress, egress) in policies.chain(default) {
        subject.iter().for_each(|pods| see(&pods.namespaces));
        let rules = ingress.iter().chain(egress).flat_map(|block| &block.rules);
        for clause in rules.flat_map(|rule| &rule.clauses) {
            let subject = clause.subject.iter().flatten();
            subject
                .chain(&clause.peers.pods)
                .for_each(|pods| see(&pods.namespaces));
        }
    }
}
