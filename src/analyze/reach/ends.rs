//! The ends of a table: workloads, pods that could exist, nodes, and the outside in as few parts as the policies make of it.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::crowd::Crowd;
use super::walk::mentioned;
use super::{Kind, Place};
use crate::analyze::Side;
use crate::space::{
    AddressSet, Direction, End, EndpointSet, Namespaces, Pod, Pods, Ranges, Selector, Value,
    ValueSet,
};

/// How many pods that could exist a table may have; beyond, selectors of all namespaces are not tried in each of them.
const MOST: usize = 4000;

/// How many values of one list are tried.
const VALUES: usize = 16;

/// The parts of nodes and of the outside that the policies of some pods tell apart, and those that `more` cuts out.
pub(super) fn addresses(side: &Side, more: &[&EndpointSet], pods: &Crowd<'_>) -> Vec<Place> {
    let (_, peers) = mentioned(&side.program, &side.unread, &|subject| pods.meets(subject));
    let all = || peers.iter().copied().chain(more.iter().copied());
    let mut places = Vec::new();
    for (set, _) in parts(side, all(), |peers| &peers.nodes) {
        places.push(Place::of_addresses(Kind::Nodes, set));
    }
    let outside = parts(side, all(), |peers| &peers.outside);
    let rest = outside.iter().min_by_key(|(_, touched)| *touched).cloned();
    for (set, _) in outside {
        places.push(Place::of_addresses(Kind::Outside, set));
    }
    if side.universe.peers().any(|peers| peers.proxy) {
        places.push(Place {
            name: "ingress-proxy".into(),
            ..Place::of(Kind::Proxy, End::Proxy)
        });
    }
    let (_, everybody) = mentioned(&side.program, &side.unread, &|_| true);
    let names = everybody.iter().chain(more).flat_map(|peers| &peers.names);
    let names: BTreeSet<&SmolStr> = names.collect();
    if let Some(address) = rest.and_then(|(set, _)| set.first()) {
        for name in &names {
            let resolved = names.iter().filter(|pattern| covers(pattern, name));
            let end = End::Outside {
                address,
                names: resolved.map(|name| (*name).clone()).collect(),
            };
            places.push(Place {
                name: format!("\"{name}\"").into(),
                ..Place::of(Kind::Name, end)
            });
        }
    }
    places
}

/// The coarsest partition of the addresses of the universe in which each set is a union; with each part, how many sets have it.
fn parts<'a>(
    side: &'a Side,
    mentioned: impl Iterator<Item = &'a EndpointSet>,
    of: impl Fn(&'a EndpointSet) -> &'a AddressSet,
) -> Vec<(AddressSet, usize)> {
    let mut all = AddressSet::empty();
    let mut sets: BTreeSet<&AddressSet> = mentioned.map(&of).collect();
    for peers in side.universe.peers() {
        all = all.union(of(peers));
        // The two directions need not have the same.
        sets.insert(of(peers));
    }
    let sets: Vec<&AddressSet> = sets.iter().copied().filter(|set| !set.is_empty()).collect();
    let v4: Vec<&Ranges<u32>> = sets.iter().map(|set| &set.v4).collect();
    let v6: Vec<&Ranges<u128>> = sets.iter().map(|set| &set.v6).collect();
    let mut found: BTreeMap<Vec<u32>, AddressSet> = BTreeMap::new();
    for (key, ranges) in cut(&all.v4, &v4) {
        found.entry(key).or_default().v4 = ranges;
    }
    for (key, ranges) in cut(&all.v6, &v6) {
        found.entry(key).or_default().v6 = ranges;
    }
    let mut parts: Vec<(AddressSet, usize)> = Vec::new();
    for (key, set) in found {
        // What carries other protocols is asked apart; ends that are alike are one again afterwards.
        let v4 = AddressSet {
            v6: Ranges::empty(),
            ..set.clone()
        };
        let v6 = AddressSet {
            v4: Ranges::empty(),
            ..set
        };
        for part in [v4, v6] {
            if !part.is_empty() {
                parts.push((part, key.len()));
            }
        }
    }
    parts
}

/// The parts of a set, by which of the others have them.
fn cut<T: crate::space::Number>(
    all: &Ranges<T>,
    sets: &[&Ranges<T>],
) -> BTreeMap<Vec<u32>, Ranges<T>> {
    // Where a set begins to have what comes, or ends.
    let mut changes: Vec<(T, u32, bool)> = Vec::new();
    for (at, set) in sets.iter().enumerate() {
        for (low, high) in set.iter() {
            changes.push((low, at as u32, true));
            if let Some(next) = high.next() {
                changes.push((next, at as u32, false));
            }
        }
    }
    changes.sort_unstable();
    let mut active: BTreeSet<u32> = BTreeSet::new();
    let mut pieces: BTreeMap<Vec<u32>, Vec<(T, T)>> = BTreeMap::new();
    let mut low = T::MIN;
    let mut at = 0;
    loop {
        while let Some((start, set, opens)) = changes.get(at).filter(|(start, ..)| *start <= low) {
            let _ = start;
            match opens {
                true => active.insert(*set),
                false => active.remove(set),
            };
            at += 1;
        }
        let end = changes.get(at).and_then(|(start, ..)| start.previous());
        let high = end.unwrap_or(T::MAX);
        let key: Vec<u32> = active.iter().copied().collect();
        pieces.entry(key).or_default().push((low, high));
        match high.next() {
            Some(next) if end.is_some() => low = next,
            _ => break,
        }
    }
    pieces
        .into_iter()
        .map(|(key, ranges)| {
            (
                key,
                ranges.into_iter().collect::<Ranges<T>>().intersect(all),
            )
        })
        .filter(|(_, ranges)| !ranges.is_empty())
        .collect()
}

/// Whether what has a name has the other one, too: `*` stands for one part of a name, `**` for any number of them.
fn covers(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    if let Some(rest) = pattern.strip_prefix("**.") {
        return name
            .strip_suffix(rest)
            .is_some_and(|before| before.ends_with('.'));
    }
    let (Some(rest), false) = (pattern.strip_prefix("*."), name.starts_with("**.")) else {
        return false;
    };
    name.split_once('.').is_some_and(|(_, after)| after == rest)
}

/// Pods that could exist: for each set of pods that is asked about, or that has a name, one that is as it is written and no more, and for each namespace one without labels.
/// The second value says what was left out.
pub(super) fn likely(side: &Side, more: &[&EndpointSet]) -> (Vec<Place>, Option<String>) {
    let program = &side.program;
    let (subjects, peers) = mentioned(program, &side.unread, &|_| true);
    let plain = |pods: &Pods| {
        let mut plain = pods.clone();
        plain.namespaces.same.clear();
        plain
    };
    let pods = peers.iter().chain(more).flat_map(|peers| &peers.pods);
    let mut sets: BTreeSet<Pods> = subjects.into_iter().chain(pods).map(plain).collect();
    sets.insert(Pods::any());
    let named: Vec<(&SmolStr, BTreeSet<Pods>)> = program
        .names
        .iter()
        .map(|one| {
            let pods = one.ends.iter().flat_map(|end| &end.pods);
            (&one.name, pods.map(plain).collect())
        })
        .collect();
    sets.extend(named.iter().flat_map(|(_, pods)| pods.iter().cloned()));
    let world = World::of(side, sets.len());
    let mut found: BTreeMap<Pod, SmolStr> = BTreeMap::new();
    let mut of: BTreeMap<&Pods, Vec<Pod>> = BTreeMap::new();
    for set in &sets {
        let pods = world.pods(set);
        of.insert(set, pods.iter().map(|(pod, _)| pod.clone()).collect());
        for (pod, called) in pods {
            found.entry(pod).or_insert(called);
        }
    }
    for (pod, called) in names(&named, &of) {
        if let Some(name) = found.get_mut(&pod) {
            *name = said(called, name);
        }
    }
    let places = found.into_iter().map(|(pod, name)| Place {
        name,
        namespace: (pod.namespace != world.other).then(|| pod.namespace.clone()),
        ..Place::of(Kind::Likely, End::Pod(pod))
    });
    let left_out = (!world.everywhere).then(|| {
        "selectors of pods of all namespaces are not tried in each namespace: there are too many"
            .to_owned()
    });
    (places.collect(), left_out)
}

/// The names of a pod: those that mean this one pod alone, and those that mean it among others.
#[derive(Default)]
struct Called<'a> {
    alone: Vec<&'a SmolStr>,
    among: Vec<&'a SmolStr>,
}

/// What pods are called by the names of their sets. What is said of all namespaces names no pod in particular.
fn names<'a>(
    named: &[(&'a SmolStr, BTreeSet<Pods>)],
    of: &BTreeMap<&Pods, Vec<Pod>>,
) -> BTreeMap<Pod, Called<'a>> {
    let mut all: BTreeMap<Pod, Called<'a>> = BTreeMap::new();
    for (name, sets) in named {
        let own = sets
            .iter()
            .filter(|set| !is_of_all(set) || !set.namespaces.labels.is_any());
        let pods: BTreeSet<&Pod> = own.filter_map(|set| of.get(set)).flatten().collect();
        let one = pods.len() == 1;
        for pod in pods {
            let called = all.entry(pod.clone()).or_default();
            match one {
                true => called.alone.push(name),
                false => called.among.push(name),
            }
        }
    }
    all
}

/// `books.api (books.catalog)`, `pods{app=api} in blue (books.api)`
fn said(called: Called<'_>, spoken: &SmolStr) -> SmolStr {
    let mut rest = called.alone.into_iter();
    let first = rest.next().unwrap_or(spoken);
    let others: Vec<&str> = rest.chain(called.among).map(SmolStr::as_str).collect();
    match others.is_empty() {
        true => first.clone(),
        false => format!("{first} ({})", others.join(", ")).into(),
    }
}

fn is_of_all(set: &Pods) -> bool {
    matches!(set.namespaces.names, ValueSet::NotIn(_))
}

/// The namespaces that pods could be in.
struct World {
    /// Those that somebody names, with their labels.
    namespaces: Vec<(SmolStr, BTreeMap<SmolStr, SmolStr>)>,
    /// Whether there may be others.
    open: bool,
    /// What another one is called here.
    other: SmolStr,
    /// Whether selectors of all namespaces are tried in each of them.
    everywhere: bool,
}

impl World {
    fn of(side: &Side, sets: usize) -> Self {
        let program = &side.program;
        let mut namespaces: Vec<(SmolStr, BTreeMap<SmolStr, SmolStr>)> = program
            .namespaces
            .iter()
            .map(|one| (one.name.clone(), one.labels.iter().cloned().collect()))
            .collect();
        let open = !program.cluster.namespaces_closed && !side.universe.declared_only;
        if open {
            let named = program.undeclared.iter();
            namespaces.extend(named.map(|name| (name.clone(), BTreeMap::new())));
        }
        World {
            other: fresh(&namespaces),
            everywhere: sets * namespaces.len() <= MOST,
            namespaces,
            open,
        }
    }

    /// The pods that are as a set is written, with what each is called.
    fn pods(&self, set: &Pods) -> Vec<(Pod, SmolStr)> {
        let mut all = Vec::new();
        let of_all = is_of_all(set);
        for labels in combinations(&set.labels) {
            for account in values(&set.service_account).into_iter().flatten() {
                let pod = Pod {
                    labels: labels.clone(),
                    service_account: match &set.service_account {
                        accounts if accounts.contains(Some("default")) => "default".into(),
                        _ => account,
                    },
                    ..Pod::default()
                };
                if !of_all || self.everywhere || set == &Pods::any() {
                    for (name, labels) in &self.namespaces {
                        if within(&set.namespaces, name, labels) {
                            let pod = Pod {
                                namespace: name.clone(),
                                namespace_labels: labels.clone(),
                                ..pod.clone()
                            };
                            let called = spoken(&pod, &format!("in {name}"));
                            all.push((pod, called));
                        }
                    }
                }
                if of_all && self.open {
                    for labels in combinations(&set.namespaces.labels) {
                        let place = match labels.is_empty() {
                            true => "in any other namespace".to_owned(),
                            false => format!("in namespaces{{{}}}", list(&labels)),
                        };
                        let pod = Pod {
                            namespace: self.other.clone(),
                            namespace_labels: labels,
                            ..pod.clone()
                        };
                        let called = spoken(&pod, &place);
                        all.push((pod, called));
                    }
                }
            }
        }
        all
    }
}

fn within(set: &Namespaces, name: &str, labels: &BTreeMap<SmolStr, SmolStr>) -> bool {
    let label = |key: &str| labels.get(key).map(|value| value.as_str());
    set.names.contains(Some(name)) && set.labels.matches(label)
}

/// A namespace that nobody names.
fn fresh(namespaces: &[(SmolStr, BTreeMap<SmolStr, SmolStr>)]) -> SmolStr {
    let mut name = SmolStr::new_static("any-other");
    while namespaces.iter().any(|(known, _)| *known == name) {
        name = format!("{name}-one").into();
    }
    name
}

fn list(labels: &BTreeMap<SmolStr, SmolStr>) -> String {
    labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn spoken(pod: &Pod, place: &str) -> SmolStr {
    let mut name = match pod.labels.is_empty() {
        true => format!("pods {place}"),
        false => format!("pods{{{}}} {place}", list(&pod.labels)),
    };
    if pod.service_account != "default" {
        name += &format!(" as {}", pod.service_account);
    }
    name.into()
}

/// The values that stand for a set: absence if it may be, else those that it lists, else one that nobody mentions.
fn values(set: &ValueSet) -> Vec<Value> {
    match set {
        set if set.contains(None) && !matches!(set, ValueSet::In(_)) => {
            // For an account, which is never absent.
            let mut other = SmolStr::new_static("default");
            while !set.contains(Some(&other)) {
                other = format!("{other}-other").into();
            }
            vec![Some(other)]
        }
        ValueSet::In(values) => values.iter().take(VALUES).cloned().collect(),
        ValueSet::NotIn(not) => {
            let mut other = SmolStr::new_static("any");
            while not.contains(&Some(other.clone())) {
                other = format!("{other}-other").into();
            }
            vec![Some(other)]
        }
    }
}

/// Labels that fulfil a selector and no more: one choice for each combination of listed values.
fn combinations(selector: &Selector) -> Vec<BTreeMap<SmolStr, SmolStr>> {
    let mut all = vec![BTreeMap::new()];
    for (key, set) in selector.iter() {
        if set.contains(None) {
            continue;
        }
        let mut next = Vec::new();
        for value in values(set).into_iter().flatten() {
            for labels in &all {
                let mut labels: BTreeMap<SmolStr, SmolStr> = labels.clone();
                labels.insert(key.clone(), value.clone());
                next.push(labels);
            }
        }
        next.truncate(VALUES);
        all = next;
    }
    all
}

/// Whether a place is among the ends of a set.
pub(super) fn among(set: &EndpointSet, place: &Place) -> bool {
    match &place.end {
        End::Pod(pod) => crate::meaning::selects(&set.pods, pod),
        End::Node(_) => place.addresses.meets(&set.nodes),
        End::Outside { names, .. } if place.kind == Kind::Name => {
            !set.names.is_disjoint(names) || set.outside.is_full()
        }
        End::Outside { .. } => place.addresses.meets(&set.outside),
        End::Proxy => set.proxy,
    }
}

/// Whether an end has flows in a direction at all.
pub(super) fn counts(side: &Side, place: &Place) -> bool {
    Direction::BOTH
        .into_iter()
        .any(|direction| !side.universe.traffic(direction, &place.end).is_empty())
}
