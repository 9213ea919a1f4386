//! From classes to the table that is shown: narrowed to what is asked about, and what is alike gathered in groups.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::walk::both;
use super::{Cell, Focus, Kind, Place, Reach, ends};
use crate::space::{AddressSet, End, PortSet};

/// Narrows to what is asked about, and gathers what is alike.
pub(super) fn gather(
    reach: &mut Reach,
    class_of: &[usize],
    between: &[u32],
    many: usize,
    focus: &Focus<'_>,
) {
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
    let size = order.len();
    let mut table = vec![0u32; size * size];
    for (from, source) in order.iter().enumerate().filter(|(_, key)| key.1) {
        for (to, destination) in order.iter().enumerate() {
            let Some(ports) = destination.2 else { continue };
            let cell = between[source.0 * many + destination.0];
            if cell == 0 {
                continue;
            }
            table[from * size + to] = *narrowed.entry((cell, ports)).or_insert_with(|| {
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
        }
    }
    // Roles whose rows and columns are the same.
    let mut alike: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
    let mut kind_of = Vec::with_capacity(size);
    let mut firsts: Vec<usize> = Vec::new();
    for role in 0..size {
        let mut lines = Vec::with_capacity(2 * size);
        lines.extend_from_slice(&table[role * size..(role + 1) * size]);
        lines.extend((0..size).map(|other| table[other * size + role]));
        let next = firsts.len();
        let kind = *alike.entry(lines).or_insert(next);
        if kind == next {
            firsts.push(role);
        }
        kind_of.push(kind);
    }
    drop(alike);
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
    reach.table = made
        .iter()
        .flat_map(|(from, _)| {
            let row = &table[from * size..(from + 1) * size];
            made.iter().map(|(to, _)| row[*to])
        })
        .collect();
    reach.groups = made.into_iter().map(|(_, members)| members).collect();
    reach.places = kept;
    reach.cells = cells;
    name_the_rest(&mut reach.places);
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
