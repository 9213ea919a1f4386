//! Ends of flows that a side of a rule matches, in packets of one IP family.
//!
//! Takes: an [`Entity`] and a family. Gives: [`Ends`]: what it matches for certain and what it may match, by kind of end, since
//! what a selector, an address and a port's name say differs by kind. A packet between pods may be of either family; the rules
//! that care are left to the caller, which knows both families' ends.

use super::entity::Entity;
use super::solve::{Between, Truth, both, tidy};
use super::traffic::Part;
use super::world::{Family, Selection, World};
use crate::backend::read::Cidr;
use crate::space::{AddressSet, EndpointSet, Pods};

/// Ends of one family.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ends {
    /// Pods.
    pub(super) pods: Between<Vec<Pods>>,
    /// Nodes.
    pub(super) nodes: Between<AddressSet>,
    /// Other addresses.
    pub(super) outside: Between<AddressSet>,
    /// Whether nothing is asked of them: then whatever else there may be is one of them too.
    pub(super) open: bool,
}

impl Between<Vec<Pods>> {
    fn and(&self, other: &Self) -> Self {
        // Where both are too much to say, nothing is certain, and no more is possible than one of them.
        let shorter = match self.possible.len() <= other.possible.len() {
            true => &self.possible,
            false => &other.possible,
        };
        Between {
            sure: both(&self.sure, &other.sure).unwrap_or_default(),
            possible: both(&self.possible, &other.possible).unwrap_or_else(|| shorter.clone()),
        }
    }

    /// All pods, none, or any of them.
    fn by(truth: Truth) -> Self {
        let all = |is: bool| if is { vec![Pods::any()] } else { Vec::new() };
        Between {
            sure: all(truth == Truth::Yes),
            possible: all(truth != Truth::No),
        }
    }

    /// What is in either.
    fn or(&self, other: &Self) -> Self {
        let both = |a: &[Pods], b: &[Pods]| tidy([a, b].concat());
        Between {
            sure: both(&self.sure, &other.sure),
            possible: both(&self.possible, &other.possible),
        }
    }
}

impl Between<AddressSet> {
    fn and(&self, other: &Self) -> Self {
        Between {
            sure: self.sure.intersect(&other.sure),
            possible: self.possible.intersect(&other.possible),
        }
    }

    fn of(self, family: Family) -> Self {
        Between {
            sure: family.of(&self.sure),
            possible: family.of(&self.possible),
        }
    }
}

impl Ends {
    /// The ends that a side matches in packets of a family. `itself`: a selector must pick out the end itself, not an address that a network set holds.
    pub(super) fn of(entity: &Entity, family: Family, itself: bool, world: &World<'_>) -> Self {
        let everywhere = Between::exact(family.all());
        let mut ends = Ends {
            pods: Between::by(Truth::Yes),
            nodes: everywhere.clone(),
            outside: everywhere,
            open: entity.is_open(),
        };
        if ends.open {
            return ends;
        }
        if entity.nothing {
            return Ends::default();
        }
        if entity.nets.is_some() || entity.not_nets.is_some() {
            let Some(addressed) = at_addresses(entity, family, world) else {
                return Ends::default();
            };
            ends = ends.and(&addressed);
        }
        if let Some(positive) = &entity.positive {
            ends = ends.and(&selected(positive, family, itself, world));
        }
        if let Some(negative) = &entity.negative {
            ends = ends.and(&left(negative, family, world));
        }
        if !entity.unclear.is_empty() {
            ends.forget();
        }
        ends
    }

    /// The ends that a side matches in packets of either family, if it does not look at addresses.
    pub(super) fn by_identity(entity: &Entity) -> Self {
        if entity.nothing {
            return Ends::default();
        }
        let mut ends = match &entity.positive {
            Some(positive) => Ends {
                pods: positive.pods.clone(),
                nodes: Between {
                    sure: AddressSet::empty(),
                    possible: match positive.hosts {
                        true => AddressSet::full(),
                        false => AddressSet::empty(),
                    },
                },
                outside: Between::default(),
                open: false,
            },
            None => Ends {
                pods: Between::by(Truth::Yes),
                nodes: Between::exact(AddressSet::full()),
                outside: Between::exact(AddressSet::full()),
                open: entity.is_open(),
            },
        };
        if let Some(negative) = &entity.negative {
            ends.pods = ends.pods.and(&negative.pods);
            if negative.hosts {
                ends.nodes.sure = AddressSet::empty();
            }
        }
        if !entity.unclear.is_empty() {
            ends.forget();
        }
        ends
    }

    /// Nothing of it is certain.
    fn forget(&mut self) {
        self.pods.sure.clear();
        self.nodes.sure = AddressSet::empty();
        self.outside.sure = AddressSet::empty();
    }

    fn and(&self, other: &Self) -> Self {
        Ends {
            pods: self.pods.and(&other.pods),
            nodes: self.nodes.and(&other.nodes),
            outside: self.outside.and(&other.outside),
            open: self.open && other.open,
        }
    }

    /// Those of the kinds that a part of the traffic goes to.
    pub(super) fn only(mut self, part: &Part) -> Self {
        self.open &= part.pods && part.nodes && part.outside;
        if !part.pods {
            self.pods = Between::default();
        }
        if !part.nodes {
            self.nodes = Between::default();
        }
        if !part.outside {
            self.outside = Between::default();
        }
        self
    }

    /// The pods, and all but the pods, for certain and possibly.
    pub(super) fn apart(self) -> (Between<Vec<Pods>>, Between<EndpointSet>) {
        let set = |nodes: AddressSet, outside: AddressSet| EndpointSet {
            nodes,
            outside,
            proxy: self.open,
            ..EndpointSet::empty()
        };
        let addresses = Between {
            sure: set(self.nodes.sure, self.outside.sure),
            possible: set(self.nodes.possible, self.outside.possible),
        };
        (self.pods, addresses)
    }

    /// The pods and all other ends, for certain and possibly.
    pub(super) fn whole(self) -> Between<EndpointSet> {
        let (pods, mut all) = self.apart();
        all.sure.pods = pods.sure;
        all.possible.pods = pods.possible;
        all
    }
}

/// By `nets` and `notNets`; `None` if packets of the family never match, since the networks are all of the other one (reference: Calico, section 2.5).
fn at_addresses(entity: &Entity, family: Family, world: &World<'_>) -> Option<Ends> {
    let mut addresses = match &entity.nets {
        Some(nets) => family.of(nets),
        None => family.all(),
    };
    if let Some(not) = &entity.not_nets {
        let not = family.of(not);
        if not.is_empty() {
            return None;
        }
        addresses = addresses.subtract(&not);
    }
    if addresses.is_empty() {
        return None;
    }
    if world.context.cidr == Cidr::Outside {
        // Networks hold neither pods nor nodes: they exclude none, and include none.
        let inside = entity.nets.is_none();
        let nodes = if inside {
            family.all()
        } else {
            AddressSet::empty()
        };
        return Some(Ends {
            pods: Between::by(if inside { Truth::Yes } else { Truth::No }),
            nodes: Between::exact(nodes),
            outside: Between::exact(addresses),
            open: false,
        });
    }
    Some(Ends {
        pods: Between::by(world.pods_at(&addresses, family)),
        nodes: Between::exact(addresses.clone()),
        outside: Between::exact(addresses),
        open: false,
    })
}

/// By selector: pods by their labels and, unless the end itself must be selected, whatever has an address of a network set.
fn selected(selection: &Selection, family: Family, itself: bool, world: &World<'_>) -> Ends {
    let mut ends = Ends {
        pods: selection.pods.clone(),
        ..Ends::default()
    };
    if !itself {
        let sets = selection.sets.clone().of(family);
        ends.pods = ends.pods.or(&held(&sets, family, world));
        if world.context.cidr != Cidr::Outside {
            ends.nodes = sets.clone();
        }
        ends.outside = sets;
    }
    if selection.hosts {
        ends.nodes.possible = family.all();
    }
    ends
}

/// By `notSelector`: all that it does not pick out.
fn left(selection: &Selection, family: Family, world: &World<'_>) -> Ends {
    let sets = selection.sets.clone().of(family);
    let held = held(&sets, family, world);
    let without = |set: &AddressSet| family.all().subtract(set);
    let outside = Between {
        sure: without(&sets.possible),
        possible: without(&sets.sure),
    };
    let mut nodes = if world.context.cidr == Cidr::Outside {
        Between::exact(family.all())
    } else {
        outside.clone()
    };
    if selection.hosts {
        nodes.sure = AddressSet::empty();
    }
    // A set that holds the addresses of pods takes all of them or, as far as anybody knows, any of them.
    let mut pods = selection.pods.clone();
    if !held.possible.is_empty() {
        pods.sure.clear();
    }
    if !held.sure.is_empty() {
        pods.possible.clear();
    }
    Ends {
        pods,
        nodes,
        outside,
        open: false,
    }
}

/// The pods of which the addresses are in sets.
fn held(sets: &Between<AddressSet>, family: Family, world: &World<'_>) -> Between<Vec<Pods>> {
    let sure = world.pods_at(&sets.sure, family) == Truth::Yes;
    let possible = world.pods_at(&sets.possible, family) != Truth::No;
    Between {
        sure: Between::by(if sure { Truth::Yes } else { Truth::No }).sure,
        possible: Between::by(if possible { Truth::Unknown } else { Truth::No }).possible,
    }
}
