//! A number for each two ends of which one at least is a pod.
//!
//! Ends are numbered, pods first. Two ends that are no pods are no business of any policy, and take no room: the row of a pod is as wide as there are ends, that of another end as
//! wide as there are pods. So pods cost their square, and addresses outside only what there are of pods.

/// The numbers, row by row; a row is what its end, as a source, has with each destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pairs {
    pods: usize,
    ends: usize,
    numbers: Vec<u32>,
}

impl Pairs {
    /// How many numbers there are for so many ends, of which the first are pods.
    pub(super) fn room(pods: usize, ends: usize) -> usize {
        pods.saturating_mul(2 * ends - pods)
    }

    /// No number yet.
    pub(super) fn new(pods: usize, ends: usize) -> Self {
        Pairs {
            pods,
            ends,
            numbers: Vec::with_capacity(Self::room(pods, ends)),
        }
    }

    /// Adds the next number of a row, or the first one of the next row.
    pub(super) fn push(&mut self, number: u32) {
        self.numbers.push(number);
    }

    /// How many of the ends are pods.
    pub(super) fn pods(&self) -> usize {
        self.pods
    }

    /// How many ends there are.
    pub(super) fn ends(&self) -> usize {
        self.ends
    }

    /// How many destinations a source has a number with.
    pub(super) fn width(&self, from: usize) -> usize {
        match from < self.pods {
            true => self.ends,
            false => self.pods,
        }
    }

    /// The numbers of a source with each destination, in order.
    pub(super) fn row(&self, from: usize) -> &[u32] {
        let start = match from.checked_sub(self.pods) {
            None => from * self.ends,
            Some(other) => self.pods * self.ends + other * self.pods,
        };
        &self.numbers[start..start + self.width(from)]
    }

    /// The numbers of each source with a destination, in order.
    pub(super) fn column(&self, to: usize) -> impl Iterator<Item = u32> + '_ {
        // An end is a source for as many as it is a destination.
        (0..self.width(to)).map(move |from| self.row(from)[to])
    }

    /// The number of two ends; 0 if neither is a pod.
    pub(super) fn get(&self, from: usize, to: usize) -> u32 {
        self.row(from).get(to).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_with_a_pod_has_its_number_and_no_other_has_room() {
        for (pods, ends) in [(0, 0), (0, 3), (3, 3), (2, 5), (1, 2)] {
            let number = |from: usize, to: usize| (1 + from * ends + to) as u32;
            let mut pairs = Pairs::new(pods, ends);
            for from in 0..ends {
                for to in 0..pairs.width(from) {
                    pairs.push(number(from, to));
                }
            }
            assert_eq!(pairs.numbers.len(), Pairs::room(pods, ends));
            for from in 0..ends {
                for to in 0..ends {
                    let due = match from < pods || to < pods {
                        true => number(from, to),
                        false => 0,
                    };
                    assert_eq!(pairs.get(from, to), due, "{from} to {to}");
                }
                let column: Vec<u32> = pairs.column(from).collect();
                let sources = (0..ends).filter(|source| from < pods || *source < pods);
                let due: Vec<u32> = sources.map(|source| number(source, from)).collect();
                assert_eq!(column, due, "of {from}");
            }
        }
    }
}
