//! Questions about what the program allows, asked of the exact diagrams, within the target's universe.

use super::slice::Slice;
use super::universe::Universe;
use super::{Lowered, everything};
use crate::meaning::{Oracle, TooLarge, Verdict};
use crate::space::{Flow, FlowBox, Pods};

/// The program's decision for one namespace and one direction.
pub struct Truth<'a> {
    oracle: Oracle<'a>,
    universe: &'a Universe,
}

impl<'a> Truth<'a> {
    /// Takes the decision of a namespace and a direction, and what of it counts.
    pub fn new(oracle: Oracle<'a>, universe: &'a Universe) -> Self {
        Truth { oracle, universe }
    }

    /// Whether a box can hold a flow that counts.
    pub(super) fn counts(&self, flows: &FlowBox) -> bool {
        !self.universe.clip(flows).is_empty()
    }

    /// A flow of the box that counts and is denied.
    pub(super) fn denied(&mut self, flows: &FlowBox) -> Result<Option<Flow>, TooLarge> {
        self.oracle.find(&self.universe.clip(flows), Verdict::Deny)
    }

    /// Whether a flow of the box counts and is allowed.
    pub(super) fn has_allowed(&mut self, flows: &FlowBox) -> Result<bool, TooLarge> {
        let flow = self
            .oracle
            .find(&self.universe.clip(flows), Verdict::Allow)?;
        Ok(flow.is_some())
    }

    /// A flow that counts and is decided otherwise by the lowered boxes than by the program: allowed by a box and denied, allowed and in no box of
    /// an isolated pod, or denied and of a pod that nothing isolates.
    pub(super) fn difference(
        &mut self,
        slice: &Slice<'_>,
        lowered: &Lowered,
        closed: &[Pods],
    ) -> Result<Option<Flow>, TooLarge> {
        let (oracle, universe) = (&mut self.oracle, self.universe);
        let mut set = |flows: &FlowBox| oracle.set(&universe.clip(flows));
        let all = set(&everything(slice.everybody()))?;
        let mut said = Vec::new();
        for flows in lowered.allowed.iter().flat_map(|one| &one.boxes) {
            said.push(set(flows)?);
        }
        let mut isolated = Vec::new();
        for pods in closed {
            isolated.push(set(&everything(pods.clone()))?);
        }
        let isolated = oracle.union(isolated)?;
        said.push(oracle.minus(all, isolated)?);
        let said = oracle.union(said)?;
        let meant = oracle.and(oracle.allowed(), all)?;
        for (more, less) in [(said, meant), (meant, said)] {
            let excess = oracle.minus(more, less)?;
            if let Some(flow) = oracle.witness(excess)? {
                return Ok(Some(flow));
            }
        }
        Ok(None)
    }
}
