//! Which pods there could be: the declared namespaces, and whether there are others.

use rustc_hash::FxHashMap;

use crate::model::{Namespace, inhabitant};
use crate::space::{Namespaces, Pod, Pods};

/// The ground that sets of pods stand on.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// The declared namespaces, sorted by name.
    pub(super) namespaces: Vec<Namespace>,
    /// Whether there are no others.
    pub(super) closed: bool,
    /// Whether a namespace that is not declared is a mistake.
    pub(super) strict: bool,
    known: FxHashMap<Namespaces, bool>,
}

impl Ground {
    /// `declares` says that somebody has declared a namespace himself: then he has declared those that he speaks of.
    pub(super) fn new(mut namespaces: Vec<Namespace>, closed: bool, declares: bool) -> Self {
        namespaces.sort_by(|a, b| a.name.cmp(&b.name));
        Ground {
            namespaces,
            closed,
            strict: closed || declares,
            known: FxHashMap::default(),
        }
    }

    /// Whether a namespace is declared.
    pub(super) fn declared(&self, name: &str) -> Option<&Namespace> {
        self.namespaces
            .binary_search_by(|namespace| namespace.name.as_str().cmp(name))
            .ok()
            .map(|at| &self.namespaces[at])
    }

    /// Whether a pod could be in the set, which holds no relation.
    pub(super) fn inhabited(&mut self, pods: &Pods) -> bool {
        if pods.is_empty() {
            return false;
        }
        if pods.namespaces.labels.is_any() {
            if let Some(name) = pods.namespaces.single() {
                return !self.closed || self.declared(name).is_some();
            }
            if !self.closed {
                return true;
            }
        }
        if let Some(known) = self.known.get(&pods.namespaces) {
            return *known;
        }
        let known = self
            .witness(&Pods {
                namespaces: pods.namespaces.clone(),
                ..Pods::any()
            })
            .is_some();
        self.known.insert(pods.namespaces.clone(), known);
        known
    }

    /// A pod of the set.
    pub(super) fn witness(&self, pods: &Pods) -> Option<Pod> {
        inhabitant(&self.namespaces, self.closed, pods)
    }

    /// A pod of one of the sets.
    pub(super) fn witness_of_any(&mut self, pods: &[Pods]) -> Option<Pod> {
        pods.iter()
            .find(|pods| self.inhabited(pods))
            .and_then(|pods| self.witness(pods))
    }
}
