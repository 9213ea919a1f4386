//! What two ends let through together.
//!
//! Takes: what each of them decides of the other, by number. Gives: cells, by number, each once. There are fewer different ones than pairs by far, and so it is asked once what
//! two halves come to.

use rustc_hash::FxHashMap;

use super::walk::{Half, both, less};
use super::{Cell, MOST_CELLS, TooMany};
use crate::space::{End, PortSet};

/// What is decided of one end, by number: equal ones once.
pub(super) struct Halves {
    all: Vec<Half>,
    known: FxHashMap<Half, u32>,
}

impl Default for Halves {
    /// Nothing is let through: number 0.
    fn default() -> Self {
        Halves {
            all: vec![Half::default()],
            known: FxHashMap::from_iter([(Half::default(), 0)]),
        }
    }
}

impl Halves {
    pub(super) fn number(&mut self, half: Half) -> u32 {
        let all = &mut self.all;
        *self.known.entry(half).or_insert_with_key(|half| {
            all.push(half.clone());
            all.len() as u32 - 1
        })
    }
}

/// How many meetings are remembered.
const REMEMBERED: usize = 1 << 20;

/// Two halves, and what the source and the destination are if they are no pods.
type Met = ([u32; 2], [Option<Other>; 2]);

/// Halves that meet.
pub(super) struct Meeting<'a> {
    /// Everything that the target sees.
    all: &'a PortSet,
    /// What each end is, if it is no pod.
    kinds: Vec<Option<Other>>,
    numbers: FxHashMap<Cell, u32>,
    known: FxHashMap<Met, u32>,
    /// Neighbors are mostly alike.
    last: Option<(Met, u32)>,
    /// What came of it, each once; the first one is empty.
    pub(super) cells: Vec<Cell>,
}

/// An end that is no pod.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Other {
    V4,
    V6,
    Proxy,
}

impl Other {
    fn of(end: &End) -> Option<Self> {
        match end {
            End::Pod(_) => None,
            End::Node(address) | End::Outside { address, .. } => match address.is_ipv4() {
                true => Some(Other::V4),
                false => Some(Other::V6),
            },
            End::Proxy => Some(Other::Proxy),
        }
    }
}

impl<'a> Meeting<'a> {
    pub(super) fn new(all: &'a PortSet, ends: &[End]) -> Self {
        Meeting {
            all,
            kinds: ends.iter().map(Other::of).collect(),
            numbers: FxHashMap::default(),
            known: FxHashMap::default(),
            last: None,
            cells: vec![Cell::default()],
        }
    }

    /// The place among the cells of what the destination's ingress and the source's egress let through together: `pair` are the numbers of the two halves.
    ///
    /// # Errors
    /// If there are more than [`MOST_CELLS`].
    pub(super) fn cell(
        &mut self,
        (from, to): (usize, usize),
        pair: [u32; 2],
        halves: &Halves,
    ) -> Result<u32, TooMany> {
        let met = (pair, [self.kinds[from], self.kinds[to]]);
        if let Some((last, number)) = self.last
            && last == met
        {
            return Ok(number);
        }
        let number = match self.known.get(&met) {
            Some(number) => *number,
            None => {
                let number = self.number(met, halves)?;
                if self.known.len() == REMEMBERED {
                    self.known.clear();
                }
                self.known.insert(met, number);
                number
            }
        };
        self.last = Some((met, number));
        Ok(number)
    }

    fn number(&mut self, (pair, kinds): Met, halves: &Halves) -> Result<u32, TooMany> {
        let [ingress, egress] = pair.map(|half| &halves.all[half as usize]);
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
            cell.allowed = of_any_family(cell.allowed, other, self.all);
            cell.undecided = of_any_family(cell.undecided, other, self.all);
        }
        if cell.is_empty() {
            return Ok(0);
        }
        if let Some(known) = self.numbers.get(&cell) {
            return Ok(*known);
        }
        if self.cells.len() == MOST_CELLS {
            return Err(TooMany::Cells);
        }
        let number = self.cells.len() as u32;
        self.cells.push(cell.clone());
        self.numbers.insert(cell, number);
        Ok(number)
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
