//! Which pods a set of pods picks out, without asking those of other namespaces.

use rustc_hash::FxHashMap;

use super::bits::Bits;
use crate::meaning::selects;
use crate::space::{End, Pod, Pods, ValueSet};

/// Pods by their number and their namespace.
pub(super) struct Crowd<'a> {
    pods: Vec<&'a Pod>,
    of: FxHashMap<&'a str, Vec<usize>>,
}

impl<'a> Crowd<'a> {
    /// The pods among ends: they come first.
    pub(super) fn new(ends: impl IntoIterator<Item = &'a End>) -> Self {
        let mut crowd = Crowd {
            pods: Vec::new(),
            of: FxHashMap::default(),
        };
        for end in ends {
            let End::Pod(pod) = end else { break };
            let number = crowd.pods.len();
            crowd.of.entry(&pod.namespace).or_default().push(number);
            crowd.pods.push(pod);
        }
        crowd
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    /// Who is in a set. A relation of the set is one of each pod to itself.
    pub(super) fn members<'s>(&'s self, set: &'s Pods) -> impl Iterator<Item = usize> + 's {
        let candidates: Box<dyn Iterator<Item = usize> + 's> = match &set.namespaces.names {
            ValueSet::In(names) => Box::new(
                names
                    .iter()
                    .flatten()
                    .filter_map(|name| self.of.get(name.as_str()))
                    .flatten()
                    .copied(),
            ),
            ValueSet::NotIn(_) => Box::new(0..self.pods.len()),
        };
        candidates.filter(move |at| selects(std::slice::from_ref(set), self.pods[*at]))
    }

    /// Whether anybody is in one of these sets.
    pub(super) fn meets(&self, sets: &[Pods]) -> bool {
        sets.iter().any(|set| self.members(set).next().is_some())
    }

    /// Who is in a set, as numbers below `bound`.
    pub(super) fn pick(&self, set: &Pods, bound: usize) -> Bits {
        let mut found = Bits::none(bound);
        for at in self.members(set) {
            found.add(at);
        }
        found
    }
}
