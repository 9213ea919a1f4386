//! A table said in few words: every pod, a whole namespace, or one group, on either side.

use std::collections::BTreeMap;

use rayon::prelude::*;
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

/// What can be said as one.
struct Wholes {
    /// All pods.
    pods: Vec<usize>,
    /// Namespaces, and kinds of ends that are no pods, with their groups.
    others: Vec<(Who, Vec<usize>)>,
    /// The place of each group among the others.
    of: Vec<Option<usize>>,
}

impl Wholes {
    fn of(reach: &Reach) -> Self {
        let mut wholes = Wholes {
            pods: Vec::new(),
            others: Vec::new(),
            of: vec![None; reach.groups.len()],
        };
        let mut places: BTreeMap<Who, usize> = BTreeMap::new();
        for group in 0..reach.groups.len() {
            let who = match reach.kind(group) {
                kind @ (Kind::Nodes | Kind::Outside) => Who::Kind(kind, Vec::new()),
                Kind::Proxy | Kind::Name => continue,
                Kind::Workload | Kind::Likely => {
                    wholes.pods.push(group);
                    match reach.namespace(group) {
                        Some(name) => Who::Namespace(name.clone(), Vec::new()),
                        None => continue,
                    }
                }
            };
            let at = *places.entry(who.clone()).or_insert_with(|| {
                wholes.others.push((who, Vec::new()));
                wholes.others.len() - 1
            });
            wholes.others[at].1.push(group);
            wholes.of[group] = Some(at);
        }
        wholes
    }

    /// A set of groups, sorted, in few words: the largest wholes first.
    fn said(&self, groups: &[usize]) -> Vec<Who> {
        let mut said = Vec::new();
        let among = |groups: &[usize], whole: &[usize]| {
            let inside = groups.iter().filter(|one| whole.binary_search(one).is_ok());
            inside.count()
        };
        let mut left = groups.to_vec();
        let pods = among(groups, &self.pods);
        if fits(pods, self.pods.len()) {
            said.push(Who::EveryPod(without(&self.pods, groups)));
            left.retain(|one| self.pods.binary_search(one).is_err());
        }
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for group in left {
            match self.of[group] {
                Some(whole) => parts.entry(whole).or_default().push(group),
                None => said.push(Who::Group(group)),
            }
        }
        for (whole, inside) in parts {
            let (who, members) = &self.others[whole];
            match fits(inside.len(), members.len()) {
                true => said.push(who.but(without(members, &inside))),
                false => said.extend(inside.into_iter().map(Who::Group)),
            }
        }
        said.sort();
        said
    }
}

/// Whether so many of a whole are said as the whole: with exceptions, it must be shorter than its parts.
fn fits(inside: usize, whole: usize) -> bool {
    let without = whole - inside;
    inside > 1 && (without == 0 || without <= EXCEPTIONS && inside > 3 * without)
}

/// What a whole has more.
fn without(whole: &[usize], groups: &[usize]) -> Vec<usize> {
    let missing = whole
        .iter()
        .filter(|one| groups.binary_search(one).is_err());
    missing.copied().collect()
}

impl Who {
    /// The same whole with other exceptions.
    fn but(&self, without: Vec<usize>) -> Self {
        match self {
            Who::EveryPod(_) => Who::EveryPod(without),
            Who::Namespace(name, _) => Who::Namespace(name.clone(), without),
            Who::Kind(kind, _) => Who::Kind(*kind, without),
            Who::Group(group) => Who::Group(*group),
        }
    }
}

impl Reach {
    /// The table as edges, each pair of groups in exactly one of them: sorted by source, then by destination.
    pub fn edges(&self) -> Vec<Edge> {
        let wholes = Wholes::of(self);
        // Who reaches each destination through the same cell, in few words; then whom each of these reaches.
        let sources: Vec<(Who, usize, usize)> = (0..self.groups.len())
            .into_par_iter()
            .flat_map_iter(|to| {
                let column = self.table.column(to).enumerate();
                let mut by_cell: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
                for (from, cell) in column.filter(|(_, cell)| *cell != 0) {
                    by_cell.entry(cell).or_default().push(from);
                }
                let said = by_cell.into_iter().flat_map(|(cell, from)| {
                    let said = wholes.said(&from).into_iter();
                    said.map(move |who| (who, cell as usize, to))
                });
                said.collect::<Vec<_>>()
            })
            .collect();
        let mut destinations: BTreeMap<(Who, usize), Vec<usize>> = BTreeMap::new();
        for (who, cell, to) in sources {
            destinations.entry((who, cell)).or_default().push(to);
        }
        let mut edges: Vec<Edge> = Vec::new();
        for ((from, cell), to) in destinations {
            for to in wholes.said(&to) {
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

    /// The groups of some ends.
    pub fn groups_of(&self, who: &Who) -> Vec<usize> {
        // Groups are in the order of kinds, and of namespaces.
        let key = |members: &Vec<usize>| {
            let place = &self.places[members[0]];
            (place.kind, place.namespace.as_ref())
        };
        let (kinds, name, without): (&[Kind], Option<&SmolStr>, &[usize]) = match who {
            Who::EveryPod(without) => {
                let pods = 0..self.table.pods();
                return pods.filter(|at| !without.contains(at)).collect();
            }
            Who::Namespace(name, without) => (&[Kind::Workload, Kind::Likely], Some(name), without),
            Who::Kind(kind, without) => (&[*kind], None, without),
            Who::Group(group) => return vec![*group],
        };
        let runs = kinds.iter().flat_map(|kind| {
            let first = self.groups.partition_point(|one| key(one) < (*kind, name));
            let end = self.groups.partition_point(|one| key(one) <= (*kind, name));
            first..end
        });
        runs.filter(|at| !without.contains(at)).collect()
    }
}
