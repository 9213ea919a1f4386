//! Who reaches whom.
//!
//! Takes: a [`Side`], the workloads of an inventory if there is one, and what is asked about. Gives: a [`Reach`]: the ends, gathered in groups whose rows and columns are
//! alike, and for each two groups the exact ports that get through. Knows nothing of how a table looks.
//!
//! **An end is concrete.** A workload has the labels, the account and the names of ports that its inventory says. A pod that could exist is *as written*: it
//! has what a selector asks for and nothing more that a policy asks about. An address stands for all that the policies do not tell apart from it. Ends that no selector tells apart are asked
//! once, as a class; so a cluster costs as much as its policies make differences, and not as it has pods.
//!
//! **A port gets through** if the source's egress and the destination's ingress both let it through; an end that is no pod does not object. What is not understood at one
//! end is not decided, unless the other end denies it.

mod bits;
mod crowd;
mod edges;
mod ends;
mod gather;
mod meet;
mod pairs;
mod table;
mod walk;

use std::fmt;

use smol_str::SmolStr;

use self::pairs::Pairs;
pub use edges::{Edge, Who};

use super::{Inventory, Side};
use crate::space::{AddressSet, End, EndpointSet, PortSet, Ranges};

/// What kind of end it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A workload of the inventory.
    Workload,
    /// A pod that could exist.
    Likely,
    /// Nodes, by their addresses.
    Nodes,
    /// The ingress proxy of the CNI.
    Proxy,
    /// Addresses that are neither pods' nor nodes'.
    Outside,
    /// An address outside that no policy names otherwise, with a DNS name.
    Name,
}

impl Kind {
    /// `workload`, `pod`, …
    pub fn word(self) -> &'static str {
        match self {
            Kind::Workload => "workload",
            Kind::Likely => "pod",
            Kind::Nodes => "nodes",
            Kind::Proxy => "proxy",
            Kind::Outside => "outside",
            Kind::Name => "name",
        }
    }
}

/// One end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// What it is called: `shop/deployment/web`, `10.0.0.0/8`.
    pub name: SmolStr,
    /// What kind of end it is.
    pub kind: Kind,
    /// The namespace of a pod, if it is one that somebody names.
    pub namespace: Option<SmolStr>,
    /// The end that was asked about; of addresses, one of them.
    pub end: End,
    /// All addresses that it stands for.
    pub addresses: AddressSet,
    /// Whether no policy selects it: what comes to it, and what comes from it. False for what is no pod.
    pub open: [bool; 2],
}

impl Place {
    fn of(kind: Kind, end: End) -> Self {
        Place {
            name: SmolStr::default(),
            kind,
            namespace: None,
            end,
            addresses: AddressSet::empty(),
            open: [false; 2],
        }
    }

    /// Addresses.
    fn of_addresses(kind: Kind, addresses: AddressSet) -> Self {
        let first = addresses.first().expect("a part has an address");
        let end = match kind {
            Kind::Nodes => End::Node(first),
            _ => End::Outside {
                address: first,
                names: Default::default(),
            },
        };
        let mut place = Place {
            addresses,
            ..Place::of(kind, end)
        };
        place.call();
        place
    }

    /// Names it after its addresses.
    fn call(&mut self) {
        let blocks = EndpointSet::of_outside(self.addresses.clone()).to_string();
        const LONGEST: usize = 60;
        self.name = match blocks.len() {
            0..=LONGEST if self.kind == Kind::Nodes => format!("nodes at {blocks}").into(),
            0..=LONGEST => blocks.into(),
            _ => {
                let networks = self.addresses.networks();
                let first = networks.first().map(ToString::to_string);
                let (first, more) = (first.unwrap_or_default(), networks.len() - 1);
                match self.kind {
                    Kind::Nodes => format!("nodes at {first} and {more} more networks").into(),
                    _ => format!("{first} and {more} more networks").into(),
                }
            }
        };
    }
}

/// The ports that get through between two groups, and those of which that is not known. Disjoint; no port has a name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Cell {
    /// What gets through.
    pub allowed: PortSet,
    /// What is not decided.
    pub undecided: PortSet,
}

impl Cell {
    /// Whether nothing gets through, for certain.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.undecided.is_empty()
    }
}

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Focus<'a> {
    /// Who opens connections; everybody if absent.
    pub from: Option<&'a EndpointSet>,
    /// To whom, with the ports of each; to everybody if absent.
    pub to: Option<&'a [(EndpointSet, PortSet)]>,
    /// Names of workloads that are the ends, in the place of `from` and `to`.
    pub named: [Option<SmolStr>; 2],
    /// On which ports; a name is one of the destination's.
    pub ports: PortSet,
    /// Whether pods that could exist are asked about beside the workloads.
    pub exposure: bool,
}

impl Default for Focus<'_> {
    /// Everything.
    fn default() -> Self {
        Focus {
            from: None,
            to: None,
            named: [None, None],
            ports: PortSet::all(),
            exposure: false,
        }
    }
}

/// How many pairs of ends a table may have of which one at least is a pod: two tables of 256 MiB are there at once.
pub const MOST_PAIRS: usize = 1 << 26;

/// How many different sets of ports a table may have in its cells: a few hundred bytes each, twice.
pub const MOST_CELLS: usize = 400_000;

/// A table would be too large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooMany {
    /// The policies tell so many ends apart that there are more than [`MOST_PAIRS`].
    Ends {
        /// How many of them are pods.
        pods: usize,
        /// How many are not.
        others: usize,
    },
    /// The ends let more than [`MOST_CELLS`] different sets of ports through.
    Cells,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TooMany::Ends { pods, others } => write!(
                f,
                "the policies tell {pods} pods and {others} other ends apart: {} pairs, and a table has {MOST_PAIRS} at most",
                Pairs::room(*pods, pods + others)
            )?,
            TooMany::Cells => write!(
                f,
                "the pairs of ends let more than {MOST_CELLS} different sets of ports through, which is the most that a table has"
            )?,
        }
        f.write_str(": give an inventory of fewer workloads, or ask `vauban can`")
    }
}

impl std::error::Error for TooMany {}

/// Who reaches whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// The ends: workloads and pods by name, then what is no pod.
    pub places: Vec<Place>,
    /// The groups: ends of one kind and namespace whose rows and columns are alike, as places in `places`. In the order of their first.
    pub groups: Vec<Vec<usize>>,
    /// What there is in cells, each once; the first one is empty.
    pub cells: Vec<Cell>,
    /// For each group, and each group that it may reach, the place in `cells`.
    table: Pairs,
    /// Everything that the target sees.
    all: PortSet,
    /// What was taken to be so and not said, one sentence each.
    pub assumed: Vec<String>,
}

impl Reach {
    /// The table of a side.
    ///
    /// # Errors
    /// If the policies tell too many ends apart: see [`MOST_PAIRS`] and [`MOST_CELLS`].
    pub fn of(side: &Side, inventory: &Inventory, focus: &Focus<'_>) -> Result<Reach, TooMany> {
        table::make(side, inventory, focus)
    }

    /// What gets through from a group to a group, as a place in [`Reach::cells`].
    pub fn cell(&self, from: usize, to: usize) -> usize {
        self.table.get(from, to) as usize
    }

    /// Ports in words, as few as there are: `all`, `all but tcp 25`, `tcp 80, 443`.
    pub fn spoken(&self, ports: &PortSet) -> String {
        let Some(rest) = self.all.subtract(ports) else {
            return ports.to_string();
        };
        if rest.is_empty() {
            return "all".to_owned();
        }
        let (plain, but) = (self.listed(ports), self.listed(&rest));
        match but.len() + "all but ".len() < plain.len() {
            true => format!("all but {but}"),
            false => plain,
        }
    }

    fn listed(&self, ports: &PortSet) -> String {
        let numbers = &ports.other;
        if numbers.is_empty() {
            return ports.to_string();
        }
        let known = PortSet {
            other: Ranges::empty(),
            ..ports.clone()
        };
        let mut items: Vec<String> = Vec::new();
        if !known.is_empty() {
            items.push(known.to_string());
        }
        match *numbers == self.all.other {
            true => items.push("all other protocols".to_owned()),
            false => items.extend(numbers.iter().map(|(low, high)| match low == high {
                true => format!("protocol {low}"),
                false => format!("protocols {low}-{high}"),
            })),
        }
        items.join(", ")
    }

    /// A cell in words: `tcp 80`, `tcp 80; not decided: udp 53`.
    pub fn spoken_cell(&self, cell: &Cell) -> String {
        match (cell.allowed.is_empty(), cell.undecided.is_empty()) {
            (_, true) => self.spoken(&cell.allowed),
            (true, false) => format!("not decided: {}", self.spoken(&cell.undecided)),
            (false, false) => format!(
                "{}; not decided: {}",
                self.spoken(&cell.allowed),
                self.spoken(&cell.undecided)
            ),
        }
    }

    /// The namespace of a group's pods, if they have one that somebody names.
    pub fn namespace(&self, group: usize) -> Option<&SmolStr> {
        self.places[self.groups[group][0]].namespace.as_ref()
    }

    /// The kind of a group's ends.
    pub fn kind(&self, group: usize) -> Kind {
        self.places[self.groups[group][0]].kind
    }

    /// The names of a group's ends.
    pub fn names(&self, group: usize) -> impl Iterator<Item = &SmolStr> {
        self.groups[group].iter().map(|at| &self.places[*at].name)
    }

    /// Whether the group's ends are pods.
    pub fn is_pods(&self, group: usize) -> bool {
        matches!(self.kind(group), Kind::Workload | Kind::Likely)
    }

    /// All pairs of groups between which something gets through, or may, with their place in [`Reach::cells`].
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.groups.len()).flat_map(move |from| {
            let row = self.table.row(from).iter().enumerate();
            let filled = row.filter(|(_, cell)| **cell != 0);
            filled.map(move |(to, cell)| (from, to, *cell as usize))
        })
    }
}
