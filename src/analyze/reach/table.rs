//! From ends to the table: classes, what each of them decides, and groups of those that are alike.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::crowd::Crowd;
use super::gather::gather;
use super::meet::{Halves, Meeting};
use super::pairs::Pairs;
use super::walk::{View, Walk};
use super::{Focus, Kind, MOST_PAIRS, Place, Reach, TooMany, ends};
use crate::analyze::inventory::OF_CONTROLLERS;
use crate::analyze::{Inventory, Side};
use crate::space::{Direction, End, EndpointSet, Pods, Transport};

/// How many pods are walked at once: what one of them decides is large until it is numbered.
const AT_ONCE: usize = 256;

pub(super) fn make(
    side: &Side,
    inventory: &Inventory,
    focus: &Focus<'_>,
) -> Result<Reach, TooMany> {
    let mut assumed = Vec::new();
    let places = places(side, inventory, focus, &mut assumed);
    let (class_of, ends) = classes(side, &places);
    let pods = ends.iter().take_while(|end| matches!(end, End::Pod(_)));
    let pods = pods.count();
    if Pairs::room(pods, ends.len()) > MOST_PAIRS {
        return Err(TooMany::Ends {
            pods,
            others: ends.len() - pods,
        });
    }
    let walk = Walk::new(&side.program, &side.unread, &side.universe, &ends);
    let mut halves = Halves::default();
    let mut open = vec![[false; 2]; ends.len()];
    // What each pod decides of what comes from each end.
    let mut ingress: Vec<u32> = Vec::with_capacity(pods * ends.len());
    let walked = Walked {
        walk: &walk,
        pods,
        ends: ends.len(),
    };
    walked.each(
        Direction::Ingress,
        &mut halves,
        |class, selected, row, _| {
            open[class][0] = !selected;
            ingress.extend_from_slice(row);
            Ok(())
        },
    )?;
    let decided = |by: usize, from: usize| ingress[by * ends.len() + from];
    let mut meeting = Meeting::new(&side.universe.ports, &ends);
    let mut between = Pairs::new(pods, ends.len());
    walked.each(
        Direction::Egress,
        &mut halves,
        |from, selected, row, halves| {
            open[from][1] = !selected;
            for (to, egress) in row.iter().enumerate() {
                let ingress = match to < pods {
                    true => decided(to, from),
                    false => 0,
                };
                between.push(meeting.cell((from, to), [ingress, *egress], halves)?);
            }
            Ok(())
        },
    )?;
    for from in pods..ends.len() {
        for to in 0..pods {
            between.push(meeting.cell((from, to), [decided(to, from), 0], &halves)?);
        }
    }
    drop(ingress);
    let mut reach = Reach {
        places,
        groups: Vec::new(),
        cells: meeting.cells,
        table: Pairs::new(0, 0),
        all: side.universe.ports.clone(),
        assumed,
    };
    for (place, class) in reach.places.iter_mut().zip(&class_of) {
        place.open = open[*class];
    }
    gather(&mut reach, &class_of, between, focus);
    Ok(reach)
}

/// The pods whose decisions are asked for, one after the other.
struct Walked<'a> {
    walk: &'a Walk<'a>,
    pods: usize,
    ends: usize,
}

impl Walked<'_> {
    /// Shows for each pod whether a policy selects it, and the numbers of what it decides of each end.
    fn each(
        &self,
        direction: Direction,
        halves: &mut Halves,
        mut see: impl FnMut(usize, bool, &[u32], &Halves) -> Result<(), TooMany>,
    ) -> Result<(), TooMany> {
        let mut row = vec![0; self.ends];
        for first in (0..self.pods).step_by(AT_ONCE) {
            let last = self.pods.min(first + AT_ONCE);
            let views: Vec<Option<View>> = (first..last)
                .into_par_iter()
                .map(|class| self.walk.view(class, direction))
                .collect();
            for (class, view) in (first..last).zip(views) {
                row.fill(0);
                let mut selected = false;
                if let Some(view) = view {
                    selected = view.selected;
                    for (half, bits) in view.halves {
                        let number = halves.number(half);
                        for peer in bits.iter() {
                            row[peer] = number;
                        }
                    }
                }
                see(class, selected, &row, halves)?;
            }
        }
        Ok(())
    }
}

/// The ends that the table is about.
fn places(
    side: &Side,
    inventory: &Inventory,
    focus: &Focus<'_>,
    assumed: &mut Vec<String>,
) -> Vec<Place> {
    let to: Vec<&EndpointSet> = focus
        .to
        .iter()
        .copied()
        .flatten()
        .map(|(end, _)| end)
        .collect();
    let asked: Vec<&EndpointSet> = focus
        .from
        .iter()
        .copied()
        .chain(to.iter().copied())
        .collect();
    let mut places: Vec<Place> = Vec::new();
    let mut beside: Vec<&str> = Vec::new();
    let mut foreign: Vec<&str> = Vec::new();
    let mut unsure: Vec<&str> = Vec::new();
    let known_only = side.universe.declared_only || side.program.cluster.namespaces_closed;
    let uncertain = asked_of_controllers(side);
    for workload in &inventory.workloads {
        let declared = side.program.namespace(&workload.pod.namespace).is_some();
        if workload.host_network {
            beside.push(&workload.name);
        } else if known_only && !declared {
            foreign.push(&workload.name);
        } else {
            if !uncertain.is_empty() && !workload.name.contains("/pod/") {
                unsure.push(&workload.name);
            }
            places.push(Place {
                name: workload.name.clone(),
                namespace: Some(workload.pod.namespace.clone()),
                ..Place::of(Kind::Workload, End::Pod(workload.pod.clone()))
            });
        }
    }
    let few = |names: &[&str]| match names {
        [one] => format!("`{one}` is"),
        [one, rest @ ..] => format!("`{one}` and {} more are", rest.len()),
        [] => String::new(),
    };
    if !beside.is_empty() {
        let many = few(&beside);
        assumed.push(format!(
            "{many} on the network of their nodes: policies see nodes"
        ));
    }
    if !foreign.is_empty() {
        let many = few(&foreign);
        assumed.push(format!(
            "{many} left out: their namespaces are not declared"
        ));
    }
    if !unsure.is_empty() {
        let keys = uncertain.join("`, `");
        assumed.push(format!(
            "workloads are asked about as pods without `{keys}`, which policies ask about and controllers write"
        ));
    }
    let none = places.is_empty();
    if none || focus.exposure {
        let (likely, left_out) = ends::likely(side, &asked);
        assumed.extend(left_out);
        let names: Vec<String> = named_ports(side)
            .iter()
            .map(|(_, name)| format!("`{name}`"))
            .collect();
        let nor = match names.is_empty() {
            true => String::new(),
            false => format!(", and none of their ports is called {}", names.join(" or ")),
        };
        assumed.push(format!(
            "pods that could exist are as written: with these labels and no other that a policy asks about{nor}"
        ));
        places.extend(likely);
    } else {
        // An end that no workload is in is asked about as it is written.
        for end in asked {
            let pods = EndpointSet::of_pods(end.pods.iter().cloned());
            if !pods.pods.is_empty() && !places.iter().any(|place| ends::among(&pods, place)) {
                let (likely, _) = ends::likely(side, &[&pods]);
                let inside = likely.into_iter().filter(|place| ends::among(&pods, place));
                places.extend(inside);
            }
        }
    }
    let crowd = Crowd::new(places.iter().map(|place| &place.end));
    let addresses = ends::addresses(side, &to_and_from(focus), &crowd);
    places.extend(addresses);
    places.retain(|place| ends::counts(side, place));
    if places.iter().any(|place| place.kind == Kind::Name) {
        assumed.push(
            "a DNS name stands for an address outside that no policy names otherwise".to_owned(),
        );
    }
    places
}

fn to_and_from<'a>(focus: &Focus<'a>) -> Vec<&'a EndpointSet> {
    let to = focus.to.into_iter().flatten().map(|(end, _)| end);
    focus.from.into_iter().chain(to).collect()
}

/// Labels that controllers write and policies ask about.
fn asked_of_controllers(side: &Side) -> Vec<&'static str> {
    let (subjects, peers) = super::walk::mentioned(&side.program, &side.unread, &|_| true);
    let pods = peers.into_iter().flat_map(|peers| &peers.pods);
    let mut found: Vec<&'static str> = subjects
        .into_iter()
        .chain(pods)
        .flat_map(|pods| pods.labels.iter())
        .filter_map(|(key, _)| OF_CONTROLLERS.into_iter().find(|known| key == known))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What tells a pod apart: the sets of pods that have it, by number; itself, if sets are in relation to it; and its ports by their names.
type Signature<'a> = (
    Vec<u32>,
    Option<(&'a str, &'a BTreeMap<SmolStr, SmolStr>, &'a str)>,
    Vec<Option<u16>>,
);

/// Which class each place is in, and one end of each class: pods that no selector tells apart are one. Pods come first.
fn classes(side: &Side, places: &[Place]) -> (Vec<usize>, Vec<End>) {
    let crowd = Crowd::new(places.iter().map(|place| &place.end));
    let counts = |subject: &[Pods]| crowd.meets(subject);
    let (subjects, peers) = super::walk::mentioned(&side.program, &side.unread, &counts);
    let clauses = peers.iter().flat_map(|peers| &peers.pods);
    let mut sets: Vec<&Pods> = subjects.into_iter().chain(clauses).collect();
    sets.sort_unstable();
    sets.dedup();
    let picked: Vec<Vec<u32>> = sets
        .par_iter()
        .map(|set| crowd.members(set).map(|at| at as u32).collect())
        .collect();
    let mut has: Vec<Vec<u32>> = vec![Vec::new(); crowd.len()];
    for (set, members) in picked.iter().enumerate() {
        for at in members {
            has[*at as usize].push(set as u32);
        }
    }
    let mut has = has.into_iter();
    let related = sets.iter().any(|one| !one.namespaces.same.is_empty());
    let names = named_ports(side);
    let mut known: FxHashMap<Signature<'_>, usize> = FxHashMap::default();
    let mut ends: Vec<End> = Vec::new();
    let mut class_of = Vec::with_capacity(places.len());
    for place in places {
        let class = match &place.end {
            End::Pod(pod) => {
                // Relations are between namespaces, and what they pick out depends on labels beside.
                let whole = (
                    pod.namespace.as_str(),
                    &pod.labels,
                    pod.service_account.as_str(),
                );
                let ports = names.iter().map(|name| pod.named_ports.get(name).copied());
                let signature = (
                    has.next().unwrap_or_default(),
                    related.then_some(whole),
                    ports.collect(),
                );
                *known.entry(signature).or_insert(ends.len())
            }
            _ => ends.len(),
        };
        if class == ends.len() {
            ends.push(place.end.clone());
        }
        class_of.push(class);
    }
    (class_of, ends)
}

/// The names of ports that policies ask about.
fn named_ports(side: &Side) -> Vec<(Transport, SmolStr)> {
    let program = &side.program;
    let blocks = program
        .policies
        .iter()
        .flat_map(|policy| [&policy.ingress, &policy.egress]);
    let default = program.default.iter();
    let default = default.flat_map(|default| [&default.ingress, &default.egress]);
    let clauses = blocks
        .chain(default)
        .flatten()
        .flat_map(|block| &block.rules)
        .flat_map(|rule| &rule.clauses);
    let unread = side.unread.iter().flat_map(|part| &part.flows);
    let mut names: Vec<_> = clauses
        .map(|clause| &clause.ports)
        .chain(unread.map(|flows| &flows.ports))
        .flat_map(|ports| ports.named.iter().cloned())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
