//! What differs in many namespaces, said once.
//!
//! Takes: regions, each found in one namespace. Gives: fewer of them with the same flows: those that are alike but for their subjects' namespace become one, and two that differ in one respect
//! become one.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::compare::Pair;
use super::diff::{Change, Isolated, add};
use crate::meaning::{Index, Partition};
use crate::space::{Namespaces, Region, Same, ValueSet};

/// More than so many of a team and kind are not compared with each other.
const PAIRWISE: usize = 300;

/// How many of those who decided are kept for one region.
const DECIDERS: usize = 6;

/// Something that was found in one namespace.
pub(super) struct Found<T> {
    partition: Partition,
    what: T,
}

impl<T> Found<T> {
    pub(super) fn new(partition: Partition, what: T) -> Self {
        Found { partition, what }
    }
}

/// The namespaces in which was looked.
pub(super) struct World<'a> {
    index: &'a Index<'a>,
    all: BTreeSet<Partition>,
    /// Whether there are none but the declared ones.
    closed: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(pair: &'a Pair<'_>) -> Self {
        let index = &pair.indexes[0];
        let universe = &pair.aligned.universe;
        let left_out = &pair.aligned.left_out;
        let all: BTreeSet<Partition> = universe
            .partitions(index)
            .into_iter()
            .filter(|one| index.name(*one).is_none_or(|name| !left_out.contains(name)))
            .collect();
        World {
            index,
            all,
            closed: index.program.cluster.namespaces_closed || universe.declared_only,
        }
    }

    /// A set of namespaces, without the labels that the regions have of their own.
    fn said(&self, members: &BTreeSet<Partition>) -> Namespaces {
        let names = |all: &mut dyn Iterator<Item = &Partition>| -> Vec<SmolStr> {
            all.filter_map(|one| self.index.name(*one).cloned())
                .collect()
        };
        if *members == self.all {
            return Namespaces::any();
        }
        if members.contains(&Partition::Other) {
            let others = names(&mut self.all.difference(members));
            return Namespaces {
                names: ValueSet::not_among(others),
                ..Namespaces::any()
            };
        }
        if let Some(labelled) = self.labelled(members) {
            return labelled;
        }
        Namespaces {
            names: ValueSet::among(names(&mut members.iter())),
            ..Namespaces::any()
        }
    }

    /// The label that exactly these namespaces have, where there are no others.
    fn labelled(&self, members: &BTreeSet<Partition>) -> Option<Namespaces> {
        if !self.closed || members.len() < 3 {
            return None;
        }
        let first = self.index.declared(*members.first()?)?;
        first.labels.iter().find_map(|(key, value)| {
            let has = |one: &Partition| {
                let namespace = self.index.declared(*one);
                namespace.is_some_and(|one| one.label(key) == Some(value.as_str()))
            };
            let alike = self.all.iter().all(|one| has(one) == members.contains(one));
            alike.then(|| {
                let mut namespaces = Namespaces::any();
                namespaces.labels = namespaces.labels.with(key, &ValueSet::one(value.clone()));
                namespaces
            })
        })
    }

    /// A region of a namespace as if it were of each: its own name among the other ends is said as a relation.
    fn of_any(&self, partition: Partition, region: &Region) -> Region {
        let mut any = region.clone();
        any.flows.subject.namespaces.names = ValueSet::any();
        if let Some(own) = self.index.name(partition) {
            for pods in &mut any.flows.peers.pods {
                if pods.namespaces.single() == Some(own) {
                    pods.namespaces.names = ValueSet::any();
                    pods.namespaces.same.push(Same::Namespace(true));
                    pods.namespaces.same.sort();
                    pods.namespaces.same.dedup();
                }
            }
        }
        any
    }

    /// Regions that are alike but for the namespace, each with the namespaces it is found in.
    fn together<T, K: Ord>(
        &self,
        found: Vec<Found<T>>,
        key: impl Fn(&T) -> K,
        region: impl Fn(&mut T) -> &mut Region,
        join: impl Fn(&mut T, T),
    ) -> Vec<T> {
        let mut groups: BTreeMap<(K, Region), (BTreeSet<Partition>, T)> = BTreeMap::new();
        for Found {
            partition,
            mut what,
        } in found
        {
            let any = self.of_any(partition, region(&mut what));
            match groups.get_mut(&(key(&what), any.clone())) {
                Some((members, first)) => {
                    members.insert(partition);
                    join(first, what);
                }
                None => {
                    groups.insert((key(&what), any), (BTreeSet::from([partition]), what));
                }
            }
        }
        let mut all = Vec::with_capacity(groups.len());
        for ((_, mut any), (members, mut what)) in groups {
            if members.len() > 1 {
                let said = self.said(&members);
                let own = &mut any.flows.subject.namespaces;
                own.names = said.names;
                own.labels = own.labels.intersect(&said.labels);
                *region(&mut what) = any;
            }
            all.push(what);
        }
        all
    }
}

fn join(change: &mut Change, other: Change) {
    for (mine, theirs) in change.deciders.iter_mut().zip(other.deciders) {
        theirs.into_iter().for_each(|who| add(mine, who));
        mine.truncate(DECIDERS);
    }
    other
        .beyond
        .into_iter()
        .for_each(|who| add(&mut change.beyond, who));
    change.beyond.truncate(DECIDERS);
}

/// Changes as few, in order.
pub(super) fn changes(world: &World<'_>, found: Vec<Found<Change>>) -> Vec<Change> {
    let mut all = world.together(
        found,
        |change| {
            let namespace = change.team.starts_with("namespace ");
            let team = match namespace || change.team == "other namespaces" {
                // Of no team: namespaces may be said together.
                true => SmolStr::default(),
                false => change.team.clone(),
            };
            (!change.opens, team)
        },
        |change| &mut change.region,
        |change, other| {
            if change.team != other.team {
                change.team = SmolStr::new_static("several namespaces");
            }
            join(change, other);
        },
    );
    let mut at = 0;
    while at < all.len() && all.len() <= PAIRWISE {
        let one = &all[at];
        let found = (at + 1..all.len()).find_map(|other| {
            let two = &all[other];
            let alike = one.opens == two.opens && one.team == two.team;
            let whole = match one.region.to_string() == two.region.to_string() {
                // Both ends of the same connections.
                true => Some(one.region.clone()),
                false => one.region.merged(&two.region),
            };
            whole.filter(|_| alike).map(|whole| (other, whole))
        });
        match found {
            Some((other, region)) => {
                let two = all.remove(other);
                join(&mut all[at], two);
                all[at].region = region;
            }
            None => at += 1,
        }
    }
    all.sort_by(|a, b| {
        let key = |one: &Change| (!one.opens, one.team.clone());
        key(a).cmp(&key(b)).then_with(|| a.region.cmp(&b.region))
    });
    all
}

/// Isolated pods as few, in order.
pub(super) fn isolated(world: &World<'_>, found: Vec<Found<Isolated>>) -> Vec<Isolated> {
    let mut all = world.together(
        found,
        |_| (),
        |one| &mut one.region,
        |one, other| {
            other.by.into_iter().for_each(|who| add(&mut one.by, who));
            one.by.truncate(DECIDERS);
        },
    );
    all.sort_by(|a, b| a.region.cmp(&b.region));
    all
}
