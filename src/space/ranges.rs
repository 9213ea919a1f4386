//! Sets of numbers as sorted, disjoint, non-adjacent inclusive ranges: one representation for each set.

/// A number with neighbours: the elements of [`Ranges`].
pub trait Number: Copy + Ord + std::fmt::Debug + std::hash::Hash {
    /// The smallest.
    const MIN: Self;
    /// The largest.
    const MAX: Self;
    /// The next larger one, if any.
    fn next(self) -> Option<Self>;
    /// The next smaller one, if any.
    fn previous(self) -> Option<Self>;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const MIN: Self = <$kind>::MIN;
            const MAX: Self = <$kind>::MAX;
            fn next(self) -> Option<Self> { self.checked_add(1) }
            fn previous(self) -> Option<Self> { self.checked_sub(1) }
        }
    )*};
}
number!(u8, u16, u32, u128);

/// A set of numbers. A list of fixed length: programs hold millions of them, most with one range or none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ranges<T>(Box<[(T, T)]>);

impl<T: Number> Default for Ranges<T> {
    fn default() -> Self {
        Ranges::empty()
    }
}

impl<T: Number> FromIterator<(T, T)> for Ranges<T> {
    /// Collects inclusive ranges in any order; ranges whose end is before their start are left out.
    fn from_iter<I: IntoIterator<Item = (T, T)>>(ranges: I) -> Self {
        let mut all: Vec<(T, T)> = ranges
            .into_iter()
            .filter(|(low, high)| low <= high)
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(all.len());
        for (low, high) in all {
            match merged.last_mut() {
                Some(last) if low <= last.1 || last.1.next() == Some(low) => {
                    last.1 = last.1.max(high)
                }
                _ => merged.push((low, high)),
            }
        }
        Ranges(merged.into())
    }
}

impl<T: Number> Ranges<T> {
    /// No number.
    pub fn empty() -> Self {
        Ranges(Box::default())
    }

    /// Every number of the type.
    pub fn full() -> Self {
        Ranges(Box::new([(T::MIN, T::MAX)]))
    }

    /// The numbers from `low` to `high`, both included; empty if `high < low`.
    pub fn of(low: T, high: T) -> Self {
        match low <= high {
            true => Ranges(Box::new([(low, high)])),
            false => Ranges::empty(),
        }
    }

    /// Whether it has no number.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has every number of the type.
    pub fn is_full(&self) -> bool {
        matches!(self.0[..], [(low, high)] if low == T::MIN && high == T::MAX)
    }

    /// The ranges, ascending; between two of them at least one number is missing.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (T, T)> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// How many ranges it takes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `number` is in it.
    pub fn contains(&self, number: T) -> bool {
        let after = self.0.partition_point(|(low, _)| *low <= number);
        after > 0 && number <= self.0[after - 1].1
    }

    /// The smallest number.
    pub fn first(&self) -> Option<T> {
        self.0.first().map(|(low, _)| *low)
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        self.iter().chain(other.iter()).collect()
    }

    /// What is in both.
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(&&(a_low, a_high)), Some(&&(b_low, b_high))) = (a.peek(), b.peek()) {
            let (low, high) = (a_low.max(b_low), a_high.min(b_high));
            if low <= high {
                both.push((low, high));
            }
            if a_high <= b_high {
                a.next()
            } else {
                b.next()
            };
        }
        Ranges(both.into())
    }

    /// Every other number.
    pub fn complement(&self) -> Self {
        let mut missing = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(T::MIN);
        for (low, high) in self.iter() {
            if let (Some(start), Some(end)) = (from, low.previous())
                && start <= end
            {
                missing.push((start, end));
            }
            from = high.next();
        }
        if let Some(start) = from {
            missing.push((start, T::MAX));
        }
        Ranges(missing.into())
    }

    /// What is in this one only.
    pub fn subtract(&self, other: &Self) -> Self {
        if other.is_empty() || self.is_empty() {
            return self.clone();
        }
        self.intersect(&other.complement())
    }

    /// Whether both share a number.
    pub fn meets(&self, other: &Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// Whether every number of this one is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.subtract(other).is_empty()
    }
}
