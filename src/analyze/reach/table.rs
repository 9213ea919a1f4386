//! From ends to the table: classes, what each of them decides, and groups of those that are alike.

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::gather::gather;
use super::walk::{Half, Walk, both, less};
use super::{Cell, Focus, Kind, MOST_CLASSES, Place, Reach, TooMany, ends};
use crate::analyze::inventory::OF_CONTROLLERS;
use crate::analyze::{Inventory, Side};
use crate::space::{Direction, End, EndpointSet, PortSet, Transport};

pub(super) fn make(
    side: &Side,
    inventory: &Inventory,
    focus: &Focus<'_>,
) -> Result<Reach, TooMany> {
    let mut assumed = Vec::new();
    let places = places(side, inventory, focus, &mut assumed);
    let (class_of, ends) = classes(side, &places);
    if ends.len() > MOST_CLASSES {
        return Err(TooMany(ends.len()));
    }
    let walk = Walk::new(&side.program, &side.unread, &side.universe, &ends);
    let views: Vec<_> = (0..ends.len())
        .into_par_iter()
        .map(|class| Direction::BOTH.map(|direction| walk.view(class, direction)))
        .collect();
    // Kinds of halves, and which of them each class has for each other.
    let mut halves: Vec<Half> = vec![Half::default()];
    let mut known: FxHashMap<Half, u32> = FxHashMap::default();
    let many = ends.len();
    let mut decided = [vec![0u32; many * many], vec![0u32; many * many]];
    for (class, view) in views.iter().enumerate() {
        for (view, table) in view.iter().zip(&mut decided) {
            let Some(view) = view else { continue };
            for (half, bits) in &view.halves {
                let number = *known.entry(half.clone()).or_insert_with(|| {
                    halves.push(half.clone());
                    halves.len() as u32 - 1
                });
                for peer in bits.iter() {
                    table[class * many + peer] = number;
                }
            }
        }
    }
    let mut reach = Reach {
        places,
        groups: Vec::new(),
        cells: vec![Cell::default()],
        table: Vec::new(),
        all: side.universe.ports.clone(),
        assumed,
    };
    for (place, class) in reach.places.iter_mut().zip(&class_of) {
        if let [Some(ingress), Some(egress)] = &views[*class] {
            place.open = [!ingress.selected, !egress.selected];
        }
    }
    let mut meeting = Meeting {
        side,
        halves: &halves,
        ends: &ends,
        numbers: FxHashMap::default(),
        known: FxHashMap::default(),
    };
    let mut between = vec![0u32; many * many];
    for from in 0..many {
        for to in 0..many {
            // Ingress of the destination, egress of the source.
            let pair = [decided[0][to * many + from], decided[1][from * many + to]];
            between[from * many + to] = meeting.cell((from, to), pair, &mut reach.cells);
        }
    }
    drop(decided);
    gather(&mut reach, &class_of, &between, many, focus);
    Ok(reach)
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
    places.extend(ends::addresses(side, &to_and_from(focus)));
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
    let (subjects, peers) = super::walk::mentioned(&side.program, &side.unread);
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

/// What tells a pod apart.
type Signature = (
    Vec<u64>,
    Option<(SmolStr, Vec<(SmolStr, SmolStr)>)>,
    Vec<Option<u16>>,
);

/// Which class each place is in, and one end of each class: pods that no selector tells apart are one.
fn classes(side: &Side, places: &[Place]) -> (Vec<usize>, Vec<End>) {
    let (subjects, peers) = super::walk::mentioned(&side.program, &side.unread);
    let clauses = peers.iter().flat_map(|peers| &peers.pods);
    let mut pods: Vec<_> = subjects.into_iter().chain(clauses).collect();
    pods.sort_unstable();
    pods.dedup();
    let related = pods.iter().any(|one| !one.namespaces.same.is_empty());
    let names = named_ports(side);
    let signatures: Vec<Option<Signature>> = places
        .par_iter()
        .map(|place| {
            let End::Pod(pod) = &place.end else {
                return None;
            };
            let mut row = vec![0u64; pods.len().div_ceil(64)];
            for (at, pods) in pods.iter().enumerate() {
                if crate::meaning::selects(std::slice::from_ref(*pods), pod) {
                    row[at / 64] |= 1 << (at % 64);
                }
            }
            // Relations are between namespaces, and what they pick out depends on labels beside.
            let whole = related.then(|| {
                let labels = pod
                    .labels
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()));
                let account = (SmolStr::default(), pod.service_account.clone());
                (pod.namespace.clone(), labels.chain([account]).collect())
            });
            let numbers = names.iter().map(|name| pod.named_ports.get(name).copied());
            Some((row, whole, numbers.collect()))
        })
        .collect();
    let mut known: FxHashMap<Signature, usize> = FxHashMap::default();
    let mut ends: Vec<End> = Vec::new();
    let mut class_of = Vec::with_capacity(places.len());
    for (place, signature) in places.iter().zip(signatures) {
        let class = match signature {
            None => ends.len(),
            Some(signature) => *known.entry(signature).or_insert(ends.len()),
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

/// Halves that meet.
struct Meeting<'a> {
    side: &'a Side,
    halves: &'a [Half],
    ends: &'a [End],
    numbers: FxHashMap<Cell, u32>,
    /// By the two halves, and what the source and the destination are if they are no pods.
    known: FxHashMap<([u32; 2], [Option<Other>; 2]), u32>,
}

/// An end that is no pod.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Other {
    V4,
    V6,
    Proxy,
}

impl Meeting<'_> {
    fn cell(&mut self, (from, to): (usize, usize), pair: [u32; 2], cells: &mut Vec<Cell>) -> u32 {
        let kind = |end: &End| match end {
            End::Pod(_) => None,
            End::Node(address) | End::Outside { address, .. } => match address.is_ipv4() {
                true => Some(Other::V4),
                false => Some(Other::V6),
            },
            End::Proxy => Some(Other::Proxy),
        };
        let kinds = [kind(&self.ends[from]), kind(&self.ends[to])];
        if kinds[0].is_some() && kinds[1].is_some() {
            return 0;
        }
        if let Some(known) = self.known.get(&(pair, kinds)) {
            return *known;
        }
        let [ingress, egress] = pair.map(|half| &self.halves[half as usize]);
        let mut cell = match kinds {
            [Some(_), _] => whole(ingress),
            [_, Some(_)] => whole(egress),
            _ => {
                let allowed = both(&ingress.allowed, &egress.allowed);
                let maybe = |half: &Half| half.allowed.union(&half.unknown);
                let may = both(&maybe(ingress), &maybe(egress));
                Cell {
                    undecided: less(&may, &allowed),
                    allowed,
                }
            }
        };
        if let Some(other) = kinds[0].or(kinds[1]) {
            let all = &self.side.universe.ports;
            cell.allowed = of_any_family(cell.allowed, other, all);
            cell.undecided = of_any_family(cell.undecided, other, all);
        }
        let number = match cell.is_empty() {
            true => 0,
            false => *self.numbers.entry(cell.clone()).or_insert_with(|| {
                cells.push(cell);
                cells.len() as u32 - 1
            }),
        };
        self.known.insert((pair, kinds), number);
        number
    }
}

fn whole(half: &Half) -> Cell {
    Cell {
        allowed: half.allowed.clone(),
        undecided: half.unknown.clone(),
    }
}

/// Messages travel in their own family only: all of those of one are said as all of both, so that an end of both families is one.
fn of_any_family(mut ports: PortSet, other: Other, all: &PortSet) -> PortSet {
    match other {
        Other::V4 if ports.icmp.is_full() => ports.icmpv6 = all.icmpv6.clone(),
        Other::V6 if ports.icmpv6.is_full() => ports.icmp = all.icmp.clone(),
        _ => {}
    }
    ports
}
