//! Sets of values of one label in an open world: a finite set, or all but a finite set. Being absent is a value.

use smol_str::SmolStr;

/// A label's value; `None` means that the label is absent.
pub type Value = Option<SmolStr>;

/// A finite or cofinite set of values. Since there is always a value that nobody mentions, a cofinite set is never empty
/// and each set has exactly one representation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ValueSet {
    /// These, sorted, each once.
    In(Vec<Value>),
    /// All but these, sorted, each once.
    NotIn(Vec<Value>),
}

impl ValueSet {
    /// Every value and absence.
    pub const fn any() -> Self {
        ValueSet::NotIn(Vec::new())
    }

    /// No value.
    pub const fn none() -> Self {
        ValueSet::In(Vec::new())
    }

    /// Exactly this value.
    pub fn one(value: impl Into<SmolStr>) -> Self {
        ValueSet::In(vec![Some(value.into())])
    }

    /// `key in (…)`
    pub fn among<S: Into<SmolStr>>(values: impl IntoIterator<Item = S>) -> Self {
        ValueSet::In(sorted(
            values.into_iter().map(|value| Some(value.into())).collect(),
        ))
    }

    /// `key not in (…)`: any other value, or absent.
    pub fn not_among<S: Into<SmolStr>>(values: impl IntoIterator<Item = S>) -> Self {
        ValueSet::NotIn(sorted(
            values.into_iter().map(|value| Some(value.into())).collect(),
        ))
    }

    /// `key`: any value.
    pub fn present() -> Self {
        ValueSet::NotIn(vec![None])
    }

    /// `!key`
    pub fn absent() -> Self {
        ValueSet::In(vec![None])
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, ValueSet::In(values) if values.is_empty())
    }

    /// Whether everything is in it.
    pub fn is_any(&self) -> bool {
        matches!(self, ValueSet::NotIn(values) if values.is_empty())
    }

    /// Whether a value (`None`: absence) is in it.
    pub fn contains(&self, value: Option<&str>) -> bool {
        let among = |values: &[Value]| {
            values
                .binary_search_by(|known| known.as_deref().cmp(&value))
                .is_ok()
        };
        match self {
            ValueSet::In(values) => among(values),
            ValueSet::NotIn(values) => !among(values),
        }
    }

    /// Every other value.
    pub fn complement(&self) -> Self {
        match self {
            ValueSet::In(values) => ValueSet::NotIn(values.clone()),
            ValueSet::NotIn(values) => ValueSet::In(values.clone()),
        }
    }

    /// What is in both.
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (ValueSet::In(a), ValueSet::In(b)) => ValueSet::In(
                a.iter()
                    .filter(|value| b.binary_search(value).is_ok())
                    .cloned()
                    .collect(),
            ),
            (ValueSet::In(a), ValueSet::NotIn(b)) | (ValueSet::NotIn(b), ValueSet::In(a)) => {
                ValueSet::In(
                    a.iter()
                        .filter(|value| b.binary_search(value).is_err())
                        .cloned()
                        .collect(),
                )
            }
            (ValueSet::NotIn(a), ValueSet::NotIn(b)) => {
                ValueSet::NotIn(sorted(a.iter().chain(b).cloned().collect()))
            }
        }
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        self.complement()
            .intersect(&other.complement())
            .complement()
    }

    /// What is in this one only.
    pub fn subtract(&self, other: &Self) -> Self {
        self.intersect(&other.complement())
    }

    /// Whether every value of this one is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.subtract(other).is_empty()
    }

    /// The values that it mentions, whichever way.
    pub fn mentioned(&self) -> &[Value] {
        match self {
            ValueSet::In(values) | ValueSet::NotIn(values) => values,
        }
    }
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_unstable();
    values.dedup();
    values
}
