//! A table said in few words: every pod, a whole namespace, or one group, on either side.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::{Kind, Reach};

/// How many groups may be left out of a whole before it is no longer said as one.
const EXCEPTIONS: usize = 2;

/// Some of the ends. Of a whole, some groups may be left out: these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Who {
    /// Every pod of the table.
    EveryPod(Vec<usize>),
    /// All ends of the table in a namespace, where they are more than one group.
    Namespace(SmolStr, Vec<usize>),
    /// A group.
    Group(usize),
    /// All ends of the table of a kind that is no pod, where they are more than one group.
    Kind(Kind, Vec<usize>),
}

/// Something gets through from each of these to each of those.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    /// From whom.
    pub from: Who,
    /// To whom.
    pub to: Who,
    /// What: a place in [`Reach::cells`].
    pub cell: usize,
}

impl Reach {
    /// The table as edges, each pair of groups in exactly one of them: sorted by source, then by destination.
    pub fn edges(&self) -> Vec<Edge> {
        let mut sources: BTreeMap<(usize, usize), BTreeSet<usize>> = BTreeMap::new();
        for from in 0..self.groups.len() {
            for to in 0..self.groups.len() {
                let cell = self.cell(from, to);
                if cell != 0 {
                    sources.entry((cell, to)).or_default().insert(from);
                }
            }
        }
        let mut destinations: BTreeMap<(Who, usize), BTreeSet<usize>> = BTreeMap::new();
        for ((cell, to), from) in sources {
            for who in self.said(from) {
                destinations.entry((who, cell)).or_default().insert(to);
            }
        }
        let mut edges: Vec<Edge> = Vec::new();
        for ((from, cell), to) in destinations {
            for to in self.said(to) {
                edges.push(Edge {
                    from: from.clone(),
                    to,
                    cell,
                });
            }
        }
        edges.sort();
        edges
    }

    /// A set of groups in few words.
    fn said(&self, mut groups: BTreeSet<usize>) -> Vec<Who> {
        let mut said = Vec::new();
        for (who, members) in self.wholes() {
            let inside = &members & &groups;
            let without: Vec<usize> = (&members - &groups).into_iter().collect();
            // A whole with exceptions must be shorter than its parts.
            let fits = match without.len() {
                0 => true,
                few => few <= EXCEPTIONS && inside.len() > 3 * few,
            };
            if inside.len() > 1 && fits {
                said.push(match who {
                    Who::EveryPod(_) => Who::EveryPod(without),
                    Who::Namespace(name, _) => Who::Namespace(name, without),
                    Who::Kind(kind, _) => Who::Kind(kind, without),
                    group => group,
                });
                groups = &groups - &inside;
            }
        }
        said.extend(groups.into_iter().map(Who::Group));
        said.sort();
        said
    }

    /// What can be said as one, the largest first.
    fn wholes(&self) -> Vec<(Who, BTreeSet<usize>)> {
        let all = 0..self.groups.len();
        let pods: BTreeSet<usize> = all.clone().filter(|at| self.is_pods(*at)).collect();
        let mut namespaces: BTreeMap<&SmolStr, BTreeSet<usize>> = BTreeMap::new();
        for group in &pods {
            if let Some(namespace) = self.namespace(*group) {
                namespaces.entry(namespace).or_default().insert(*group);
            }
        }
        let mut wholes = vec![(Who::EveryPod(Vec::new()), pods)];
        for (name, members) in namespaces {
            wholes.push((Who::Namespace(name.clone(), Vec::new()), members));
        }
        for kind in [Kind::Nodes, Kind::Outside] {
            let members = all.clone().filter(|at| self.kind(*at) == kind).collect();
            wholes.push((Who::Kind(kind, Vec::new()), members));
        }
        wholes
    }

    /// The groups of some ends.
    pub fn groups_of(&self, who: &Who) -> Vec<usize> {
        let (is, without): (Box<dyn Fn(usize) -> bool + '_>, &[usize]) = match who {
            Who::EveryPod(without) => (Box::new(|at| self.is_pods(at)), without),
            Who::Namespace(name, without) => (
                Box::new(move |at| self.namespace(at) == Some(name)),
                without,
            ),
            Who::Kind(kind, without) => (Box::new(move |at| self.kind(at) == *kind), without),
            Who::Group(group) => return vec![*group],
        };
        (0..self.groups.len())
            .filter(|at| is(*at) && !without.contains(at))
            .collect()
    }
}
