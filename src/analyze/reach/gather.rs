//! From classes to the table that is shown: narrowed to what is asked about, and what is alike gathered in groups.

use std::collections::BTreeMap;
use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};
use smol_str::SmolStr;

use super::pairs::Pairs;
use super::walk::both;
use super::{Cell, Focus, Kind, Place, Reach, ends};
use crate::space::{AddressSet, End, PortSet};

/// Narrows to what is asked about, and gathers what is alike.
pub(super) fn gather(reach: &mut Reach, class_of: &[usize], between: Pairs, focus: &Focus<'_>) {
    let named = |side: usize, place: &Place| focus.named[side].as_ref() == Some(&place.name);
    let sources: Vec<bool> = reach
        .places
        .iter()
        .map(|place| match (&focus.named[0], focus.from) {
            (Some(_), _) => named(0, place),
            (None, Some(from)) => ends::among(from, place),
            (None, None) => true,
        })
        .collect();
    // On which ports each place is asked about as a destination.
    let ports: Vec<Option<PortSet>> = reach
        .places
        .iter()
        .map(|place| {
            let numbers = |ports: &PortSet| match &place.end {
                End::Pod(pod) => ports.resolved(|name| pod.named_ports.get(name).copied()),
                _ => ports.resolved(|_| None),
            };
            let all = numbers(&focus.ports);
            match (&focus.named[1], focus.to) {
                (Some(_), _) => named(1, place).then_some(all),
                (None, None) => Some(all),
                (None, Some(to)) => {
                    let of = to.iter().filter(|(end, _)| ends::among(end, place));
                    let ports = of.fold(PortSet::empty(), |all, (_, ports)| {
                        all.union(&numbers(ports))
                    });
                    (!ports.is_empty()).then(|| both(&ports, &all))
                }
            }
        })
        .collect();
    let every = PortSet::all();
    let mut narrowed: FxHashMap<(u32, &PortSet), u32> = FxHashMap::default();
    let mut numbers: FxHashMap<Cell, u32> = FxHashMap::default();
    let mut cells: Vec<Cell> = vec![Cell::default()];
    // A class of places that are asked about alike: class, as a source, as a destination on these ports.
    let mut roles: BTreeMap<(usize, bool, Option<&PortSet>), usize> = BTreeMap::new();
    let mut order: Vec<(usize, bool, Option<&PortSet>)> = Vec::new();
    let mut role_of: Vec<Option<usize>> = Vec::with_capacity(class_of.len());
    for (at, class) in class_of.iter().enumerate() {
        let key = (*class, sources[at], ports[at].as_ref());
        if !key.1 && key.2.is_none() {
            role_of.push(None);
            continue;
        }
        let next = roles.len();
        let role = *roles.entry(key).or_insert(next);
        if role == next {
            order.push(key);
        }
        role_of.push(Some(role));
    }
    let pods = order.iter().filter(|key| key.0 < between.pods()).count();
    let mut table = Pairs::new(pods, order.len());
    for (from, source) in order.iter().enumerate() {
        let row = between.row(source.0);
        let asked = &order[..table.width(from)];
        for (class, _, ports) in asked {
            let (cell @ 1.., Some(ports)) = (row[*class], ports.filter(|_| source.1)) else {
                table.push(0);
                continue;
            };
            let number = *narrowed.entry((cell, ports)).or_insert_with(|| {
                let cell = &reach.cells[cell as usize];
                let cell = match *ports == every {
                    true => cell.clone(),
                    false => Cell {
                        allowed: both(&cell.allowed, ports),
                        undecided: both(&cell.undecided, ports),
                    },
                };
                if cell.is_empty() {
                    return 0;
                }
                *numbers.entry(cell.clone()).or_insert_with(|| {
                    cells.push(cell);
                    cells.len() as u32 - 1
                })
            });
            table.push(number);
        }
    }
    drop(between);
    let (kind_of, firsts) = alike(&table);
    let mut groups: BTreeMap<(Kind, Option<SmolStr>, usize), Vec<usize>> = BTreeMap::new();
    for (at, role) in role_of.iter().enumerate() {
        if let Some(role) = role {
            let place = &reach.places[at];
            let key = (place.kind, place.namespace.clone(), kind_of[*role]);
            groups.entry(key).or_default().push(at);
        }
    }
    let mut kept: Vec<Place> = Vec::new();
    let mut made: Vec<(usize, Vec<usize>)> = Vec::new();
    for ((kind, _, alike), members) in groups {
        let mut members: Vec<Place> = members.iter().map(|at| reach.places[*at].clone()).collect();
        if matches!(kind, Kind::Nodes | Kind::Outside) {
            members = vec![one_of(members)];
        }
        let first = kept.len();
        kept.extend(members);
        made.push((firsts[alike], (first..kept.len()).collect()));
    }
    // Kinds of pods are the first, so the groups' order is pods first, too.
    let pods = made.iter().filter(|(role, _)| *role < pods).count();
    reach.table = Pairs::new(pods, made.len());
    for (at, (from, _)) in made.iter().enumerate() {
        let row = table.row(*from);
        for (to, _) in &made[..reach.table.width(at)] {
            reach.table.push(row[*to]);
        }
    }
    reach.groups = made.into_iter().map(|(_, members)| members).collect();
    reach.places = kept;
    reach.cells = cells;
    name_the_rest(&mut reach.places);
}

/// For each end the number of its kind, and the first end of each kind: those whose rows and columns are the same are of one.
fn alike(table: &Pairs) -> (Vec<usize>, Vec<usize>) {
    let mut hashes = vec![[FxHasher::default(), FxHasher::default()]; table.ends()];
    for from in 0..table.ends() {
        let mut row = FxHasher::default();
        for (to, number) in table.row(from).iter().enumerate() {
            row.write_u32(*number);
            hashes[to][1].write_u32(*number);
        }
        hashes[from][0] = row;
    }
    let same =
        |a: usize, b: usize| table.row(a) == table.row(b) && table.column(a).eq(table.column(b));
    let mut known: FxHashMap<[u64; 2], Vec<usize>> = FxHashMap::default();
    let mut firsts: Vec<usize> = Vec::new();
    let mut kind_of = Vec::with_capacity(table.ends());
    for (at, hash) in hashes.iter().enumerate() {
        let kinds = known
            .entry(hash.each_ref().map(Hasher::finish))
            .or_default();
        let kind = match kinds.iter().find(|kind| same(firsts[**kind], at)) {
            Some(kind) => *kind,
            None => {
                kinds.push(firsts.len());
                firsts.push(at);
                firsts.len() - 1
            }
        };
        kind_of.push(kind);
    }
    (kind_of, firsts)
}

/// Addresses that turn out to be alike.
fn one_of(members: Vec<Place>) -> Place {
    let all = members
        .iter()
        .fold(AddressSet::empty(), |all, one| all.union(&one.addresses));
    let mut one = members.into_iter().next().expect("a group has a member");
    one.addresses = all;
    one.call();
    one
}

/// The largest part is what is left; it is all of it if it is the only one.
fn name_the_rest(places: &mut [Place]) {
    for kind in [Kind::Nodes, Kind::Outside] {
        let size = |place: &Place| {
            let v4 = place.addresses.v4.iter();
            let v6 = place.addresses.v6.iter();
            let v4: u128 = v4.map(|(low, high)| u128::from(high - low) + 1).sum();
            let v6: u128 = v6.map(|(low, high)| (high - low) >> 1).sum();
            (v4, v6)
        };
        let many = places.iter().filter(|place| place.kind == kind).count();
        let largest = places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.kind == kind)
            .max_by_key(|(at, place)| (size(place), std::cmp::Reverse(*at)))
            .map(|(at, _)| at);
        let Some(largest) = largest else { continue };
        places[largest].name = match (kind, many) {
            (Kind::Nodes, 1) => "nodes".into(),
            (Kind::Nodes, _) => "other nodes".into(),
            (_, 1) => "outside".into(),
            (_, _) => "elsewhere outside".into(),
        };
    }
}
