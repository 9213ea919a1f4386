//! A set back to words: a short list of regions, exact, and as readable as can be.
//!
//! A flow of the set is found, its path is widened to all values that are alike to the diagram, then requirement after requirement is dropped while the
//! region stays in the set; what is left goes on the same way. Regions in the words of the source come first, where they fit. Nothing is trusted: each region is a diagram
//! again, and what it does not cover is looked at until nothing is left.

use super::cubes::without;
use super::{Full, Oracle, SEARCH, Set, TooLarge};
use crate::meaning::index::Index;
use crate::model::Action;
use crate::space::diagram::{Id, Op};
use crate::space::{
    AddressSet, Condition, EndpointSet, FlowBox, Number, Pods, PortSet, Ranges, Region, Selector,
    ValueSet, merge_pods,
};

/// The most words of the source that are tried.
const HINTS: usize = 400;

/// The most values of one requirement that are taken away one by one.
const VALUES: usize = 8;

/// The most gaps between ranges of addresses that are tried.
const GAPS: usize = 32;

/// A set as regions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Boxes {
    /// Sorted. Within the flows that count they have exactly the set's, or fewer if there are more than the bound.
    pub regions: Vec<Region>,
    /// Whether they have all of the set.
    pub complete: bool,
}

impl<'p> Oracle<'p> {
    /// A set as regions, at most `most`. Only flows of `within` count: what the regions say of others means nothing, and mostly makes them shorter.
    /// `hints` are regions in the words of the source, tried first; see [`Oracle::hints`].
    ///
    /// # Errors
    /// If it is too large.
    pub fn boxes(
        &mut self,
        set: Set,
        within: Set,
        hints: &[FlowBox],
        most: usize,
    ) -> Result<Boxes, TooLarge> {
        self.checked(|oracle| oracle.cover(set.0, within.0, hints, most))
    }

    /// The boxes of a program's rules, and of what its policies select, that can meet subjects here, in order; `index` is this oracle's own or the
    /// other one of its [`Index::pair`].
    pub fn hints(&self, index: &Index<'p>) -> Vec<FlowBox> {
        let mut all = Vec::new();
        let own = self.own_namespaces();
        let mut add = |subject: &Pods, peers: &EndpointSet, ports: &PortSet| {
            if all.len() < HINTS && index.meets(&subject.namespaces, self.partition) {
                let mut subject = subject.clone();
                let labels = subject.namespaces.labels;
                subject.namespaces = own.clone();
                if index.declared(self.partition).is_none() {
                    subject.namespaces.labels = labels;
                }
                all.push(FlowBox {
                    subject,
                    peers: peers.clone(),
                    ports: ports.clone(),
                });
            }
        };
        for ids in super::selecting(index, self.partition, self.direction) {
            for id in ids {
                let policy = index.program.policy(id);
                let rules = policy.block(self.direction).map_or(&[][..], |b| &b.rules);
                for subject in &policy.subject {
                    for rule in rules.iter().filter(|rule| rule.action != Action::Log) {
                        for clause in &rule.clauses {
                            match &clause.subject {
                                None => add(subject, &clause.peers, &clause.ports),
                                Some(only) => only.iter().for_each(|only| {
                                    let both = subject.intersect(only);
                                    add(&both, &clause.peers, &clause.ports);
                                }),
                            }
                        }
                    }
                    add(subject, &EndpointSet::anywhere(), &PortSet::all());
                }
            }
        }
        all
    }

    /// The flows of a region whose subject lies in this partition.
    ///
    /// # Errors
    /// If it is too large.
    pub fn region_set(&mut self, region: &Region) -> Result<Set, TooLarge> {
        self.checked(|oracle| oracle.region(region).map(Set))
    }

    /// The diagram of a box.
    pub(super) fn flows(&mut self, flows: &FlowBox) -> Result<Id, Full> {
        let subject = self.subject(&flows.subject)?;
        if subject == Id::NONE {
            return Ok(Id::NONE);
        }
        let peers = self.peers(&flows.peers, &flows.ports, Id::ALL)?;
        self.manager.apply(Op::And, subject, peers)
    }

    /// A path to a flow that is in the first and not in the second.
    fn beyond(&self, set: Id, other: Id) -> Result<bool, Full> {
        let path = self
            .manager
            .find(set, (other, Id::NONE), self.closed, self, SEARCH)?;
        Ok(path.is_some())
    }

    fn cover(
        &mut self,
        set: Id,
        within: Id,
        hints: &[FlowBox],
        most: usize,
    ) -> Result<Boxes, Full> {
        let mut rest = self.manager.apply(Op::And, set, within)?;
        let without = self.manager.apply(Op::Minus, Id::ALL, within)?;
        let target = self.manager.apply(Op::Over, rest, without)?;
        let mut found: Vec<(Region, Id)> = Vec::new();
        for hint in hints {
            if rest == Id::NONE || found.len() >= most {
                break;
            }
            let id = self.flows(hint)?;
            let new = self.manager.apply(Op::And, id, rest)?;
            if new == Id::NONE || self.beyond(id, target)? {
                continue;
            }
            rest = self.manager.apply(Op::Minus, rest, id)?;
            found.push((Region::of(self.direction, hint.clone()), id));
        }
        let mut complete = false;
        loop {
            let path = self
                .manager
                .find(rest, (Id::ALL, Id::ALL), self.closed, self, SEARCH)?;
            let Some(path) = path else {
                complete = true;
                break;
            };
            if found.len() >= most {
                break;
            }
            let cube = self.cube(rest, &path);
            let id = self.region(&cube)?;
            if self.beyond(id, target)? || self.manager.apply(Op::And, id, rest)? == Id::NONE {
                break;
            }
            let region = self.widened(cube, target)?;
            let id = self.region(&region)?;
            rest = self.manager.apply(Op::Minus, rest, id)?;
            found.push((region, id));
        }
        let mut regions = self.needed(found, within)?;
        regions = merged(regions.drain(..).map(|one| self.plain(one)).collect());
        regions.sort();
        Ok(Boxes { regions, complete })
    }

    /// Those that have flows which no other has.
    fn needed(&mut self, mut all: Vec<(Region, Id)>, within: Id) -> Result<Vec<Region>, Full> {
        let mut at = 0;
        while at < all.len() {
            let others = all
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .map(|(_, (_, id))| *id)
                .collect();
            let others = self.manager.fold(Op::Over, others, Id::NONE)?;
            let own = self.manager.apply(Op::And, all[at].1, within)?;
            if self.beyond(own, others)? {
                at += 1;
            } else {
                all.remove(at);
            }
        }
        Ok(all.into_iter().map(|(region, _)| region).collect())
    }

    /// The region with as few requirements as it can have within a set.
    fn widened(&mut self, mut region: Region, target: Id) -> Result<Region, Full> {
        for step in 0..STEPS {
            let mut done = false;
            while !done {
                done = true;
                for wider in wider(&region, step) {
                    let id = self.region(&wider)?;
                    if !self.beyond(id, target)? {
                        region = wider;
                        done = false;
                        break;
                    }
                }
            }
        }
        Ok(region)
    }
}

/// How many kinds of requirement [`wider`] knows.
const STEPS: usize = 9;

/// The region without one requirement of a kind, in each way; never the region itself.
fn wider(region: &Region, step: usize) -> Vec<Region> {
    let flows = &region.flows;
    let boxed = |flows: FlowBox| Region {
        flows,
        ..region.clone()
    };
    let peers = |peers: EndpointSet| {
        boxed(FlowBox {
            peers,
            ..flows.clone()
        })
    };
    let subject = |subject: Pods| {
        boxed(FlowBox {
            subject,
            ..flows.clone()
        })
    };
    let mut all: Vec<Region> = match step {
        0 => [false, true]
            .into_iter()
            .flat_map(|is| region.conditions.iter().filter(move |one| holds(one) == is))
            .map(|one| {
                let mut wider = region.clone();
                wider.conditions.remove(one);
                wider
            })
            .collect(),
        1 => vec![peers(EndpointSet::anywhere())],
        2 => addresses(&flows.peers).into_iter().map(peers).collect(),
        3 => match flows.peers.pods.as_slice() {
            [one] => namespaces(one)
                .into_iter()
                .chain(labels(one, false))
                .map(|one| {
                    peers(EndpointSet {
                        pods: vec![one],
                        ..flows.peers.clone()
                    })
                })
                .collect(),
            _ => Vec::new(),
        },
        4 => traffic(&flows.ports)
            .into_iter()
            .map(|ports| {
                boxed(FlowBox {
                    ports,
                    ..flows.clone()
                })
            })
            .collect(),
        5 => labels(&flows.subject, false)
            .into_iter()
            .map(subject)
            .collect(),
        6 => match flows.peers.pods.as_slice() {
            [one] => labels(one, true)
                .into_iter()
                .map(|one| {
                    peers(EndpointSet {
                        pods: vec![one],
                        ..flows.peers.clone()
                    })
                })
                .collect(),
            _ => Vec::new(),
        },
        7 => labels(&flows.subject, true)
            .into_iter()
            .map(subject)
            .collect(),
        _ => {
            let own = &flows.subject.namespaces;
            selectors(&own.labels, None)
                .into_iter()
                .map(|labels| {
                    let mut wider = flows.subject.clone();
                    wider.namespaces.labels = labels;
                    subject(wider)
                })
                .collect()
        }
    };
    all.retain(|one| one != region);
    all
}

fn holds(condition: &Condition) -> bool {
    match condition {
        Condition::Port { is, .. } | Condition::Name { is, .. } => *is,
    }
}

fn addresses(peers: &EndpointSet) -> Vec<EndpointSet> {
    let mut all = Vec::new();
    let each = |set: &AddressSet| {
        let mut wider = Vec::new();
        if !set.is_empty() {
            wider.push(AddressSet::full());
        }
        // Mostly addresses that do not count, such as those of pods.
        for v4 in filled(&set.v4) {
            wider.push(AddressSet { v4, ..set.clone() });
        }
        for v6 in filled(&set.v6) {
            wider.push(AddressSet { v6, ..set.clone() });
        }
        wider
    };
    for outside in each(&peers.outside) {
        all.push(EndpointSet {
            outside,
            ..peers.clone()
        });
    }
    for nodes in each(&peers.nodes) {
        all.push(EndpointSet {
            nodes,
            ..peers.clone()
        });
    }
    all
}

/// The set with more: everything, or one of its gaps; nothing is added to an empty set.
fn filled<T: Number>(set: &Ranges<T>) -> Vec<Ranges<T>> {
    if set.is_empty() || set.is_full() {
        return Vec::new();
    }
    let gaps = set.complement();
    let each = gaps.iter().take(GAPS);
    std::iter::once(Ranges::full())
        .chain(each.map(|(low, high)| set.union(&Ranges::of(low, high))))
        .collect()
}

fn traffic(ports: &PortSet) -> Vec<PortSet> {
    let all = PortSet::all();
    let mut wider = vec![all.clone(), ports.union(&PortSet::transports())];
    for transport in crate::space::Transport::ALL {
        if !ports.transport(transport).is_empty() {
            let mut one = ports.clone();
            *one.transport_mut(transport) = all.transport(transport).clone();
            wider.push(one);
        }
    }
    let mut one = ports.clone();
    if !ports.icmp.is_empty() {
        one.icmp = Ranges::full();
        wider.push(one.clone());
    }
    if !ports.icmpv6.is_empty() {
        one.icmpv6 = Ranges::full();
        wider.push(one.clone());
    }
    if !ports.other.is_empty() {
        one.other = all.other;
        wider.push(one);
    }
    wider
}

fn namespaces(pods: &Pods) -> Vec<Pods> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut crate::space::Namespaces)| {
        let mut wider = pods.clone();
        change(&mut wider.namespaces);
        all.push(wider);
    };
    add(&|one| *one = crate::space::Namespaces::any());
    for at in 0..pods.namespaces.same.len() {
        add(&|one| {
            one.same.remove(at);
        });
    }
    for names in values(&pods.namespaces.names) {
        add(&|one| one.names = names.clone());
    }
    for labels in selectors(&pods.namespaces.labels, None) {
        add(&|one| one.labels = labels.clone());
    }
    all
}

/// A set of values that has more, each way; an `In` only as a whole.
fn values(set: &ValueSet) -> Vec<ValueSet> {
    let mut all = Vec::new();
    if set.is_any() {
        return all;
    }
    all.push(ValueSet::any());
    if let ValueSet::NotIn(values) = set
        && values.len() <= VALUES
    {
        for at in 0..values.len() {
            let mut fewer = values.clone();
            fewer.remove(at);
            all.push(ValueSet::NotIn(fewer));
        }
    }
    all
}

/// A selector that admits more, each way: only requirements that list values, only others, or both.
fn selectors(labels: &Selector, listing: Option<bool>) -> Vec<Selector> {
    let mut all = Vec::new();
    for (key, set) in labels.iter() {
        let lists = matches!(set, ValueSet::In(values) if values.iter().any(Option::is_some));
        if listing.is_some_and(|listing| listing != lists) {
            continue;
        }
        for wider in values(set) {
            all.push(without(labels, key).with(key, &wider));
        }
    }
    all
}

/// The pods with fewer requirements on labels and account: those that list values, or the others.
fn labels(pods: &Pods, listing: bool) -> Vec<Pods> {
    let mut all: Vec<Pods> = selectors(&pods.labels, Some(listing))
        .into_iter()
        .map(|labels| Pods {
            labels,
            ..pods.clone()
        })
        .collect();
    if matches!(pods.service_account, ValueSet::In(_)) == listing {
        all.extend(
            values(&pods.service_account)
                .into_iter()
                .map(|account| Pods {
                    service_account: account,
                    ..pods.clone()
                }),
        );
    }
    all
}

/// The same flows in fewer regions, where two can be said as one.
pub(crate) fn merged(mut all: Vec<Region>) -> Vec<Region> {
    let mut at = 0;
    while at < all.len() {
        let found =
            (at + 1..all.len()).find_map(|other| Some((other, all[at].merged(&all[other])?)));
        match found {
            Some((other, mut one)) => {
                one.flows.peers.pods = merge_pods(one.flows.peers.pods);
                all[at] = one;
                all.remove(other);
                at = 0;
            }
            None => at += 1,
        }
    }
    all
}
