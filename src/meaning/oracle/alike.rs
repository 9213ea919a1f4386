//! Whether two programs decide alike, seen policy by policy.
//!
//! Takes: an oracle, the other program of its pair, and a set of flows. Gives: whether it is plain that both decide them alike: each tier of the one has the policies that
//! a tier of the other has, in an order that makes no difference. That is what a faithful target looks like, and costs less than to work out what all
//! policies decide together. Does not know why two programs differ, nor whether they do.

use std::sync::Arc;

use super::{Oracle, PolicyDiagram, Set, Voice};
use crate::meaning::index::Index;
use crate::model::TierId;
use crate::space::diagram::{Full, Id, Op};

/// Policies of one tier in different orders are compared pair by pair: no more of them than this.
const MOST: usize = 64;

/// What decides at one time: the policies of a tier, in order.
struct Stage {
    policies: Vec<PolicyDiagram>,
    /// Whether it ends in a denial for whom it selects.
    denies: bool,
}

impl<'p> Oracle<'p> {
    /// Whether another program, of this oracle's [`Index::pair`], plainly decides the flows of a set as this one does. If not, they may decide alike nevertheless.
    pub(crate) fn plainly_alike(&mut self, other: &Arc<Index<'p>>, within: Set) -> bool {
        // What is too large to say here is too large to say in full, and is reported by who tries that.
        self.plainly(other, within.0).unwrap_or(false)
    }

    fn plainly(&mut self, other: &Arc<Index<'p>>, within: Id) -> Result<bool, Full> {
        let mine = self.stages(within)?;
        let mut voice = Voice::of(other, self.partition, self.direction);
        let theirs = self.speaking(&mut voice, |oracle| oracle.stages(within))?;
        let mut same = 0;
        for (a, b) in mine.iter().zip(&theirs) {
            if !self.stage_alike(a, b)? {
                break;
            }
            same += 1;
        }
        // What is left to decide then: one may say as a tier what the other says as its `default`.
        let mine = self.rest(&mine[same..], within)?;
        let theirs = self.speaking(&mut voice, |oracle| oracle.rest(&theirs[same..], within))?;
        Ok(mine == theirs)
    }

    /// The tiers that decide something here.
    fn stages(&mut self, within: Id) -> Result<Vec<Stage>, Full> {
        let mut stages = Vec::new();
        for (tier, ids) in self.policies.clone().into_iter().enumerate() {
            let denies = self.denies(TierId(tier as u32));
            let mut policies = Vec::with_capacity(ids.len());
            for id in ids {
                let PolicyDiagram { selected, decides } = self.policy(id)?;
                let decides = self.manager.apply(Op::And, within, decides)?;
                if decides != Id::NONE || (denies && selected != Id::NONE) {
                    policies.push(PolicyDiagram { selected, decides });
                }
            }
            if !policies.is_empty() {
                stages.push(Stage { policies, denies });
            }
        }
        Ok(stages)
    }

    /// Whether two tiers have the same policies, in orders that decide alike. They do if no two policies that stand the other way round decide a flow differently: the first
    /// policies to decide it, one in each order, would be such two.
    fn stage_alike(&mut self, a: &Stage, b: &Stage) -> Result<bool, Full> {
        if a.denies != b.denies || a.policies.len() != b.policies.len() {
            return Ok(false);
        }
        let key = |policy: &PolicyDiagram| (policy.selected, policy.decides);
        if a.policies.iter().map(key).eq(b.policies.iter().map(key)) {
            return Ok(true);
        }
        if a.policies.len() > MOST {
            return Ok(false);
        }
        // The place that each policy of the second has in the first.
        let mut free: Vec<Option<(Id, Id)>> = a.policies.iter().map(|one| Some(key(one))).collect();
        let mut places = Vec::with_capacity(b.policies.len());
        for policy in &b.policies {
            let Some(place) = free.iter().position(|one| *one == Some(key(policy))) else {
                return Ok(false);
            };
            free[place] = None;
            places.push(place);
        }
        for (at, earlier) in places.iter().enumerate() {
            for later in &places[at + 1..] {
                if later < earlier {
                    let [one, other] = [*later, *earlier].map(|place| a.policies[place].decides);
                    if self.manager.apply(Op::Conflict, one, other)? != Id::NONE {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// What these tiers decide, and what comes after the last one.
    fn rest(&mut self, stages: &[Stage], within: Id) -> Result<Id, Full> {
        let mut all = Vec::with_capacity(stages.len() + 1);
        for stage in stages {
            all.push(self.together(&stage.policies, stage.denies)?);
        }
        all.push(self.last()?);
        let decided = self.manager.fold(Op::Chain, all, Id::ALLOW)?;
        self.manager.apply(Op::And, within, decided)
    }
}
