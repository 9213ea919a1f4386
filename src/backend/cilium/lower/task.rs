//! What the lowering works at: rules that become boxes, and what was cut out of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Action, RuleRef};
use crate::space::FlowBox;

use super::super::peers::Effect;
use super::boxes::{self, Uncut};
use super::lane::Lane;

/// Why there are boxes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    /// A rule of the site.
    Rule(RuleRef),
    /// The site closes its pods; this rule of a lower tier would open them.
    Leak(RuleRef),
    /// What a rule decides and no cut of it says, by number.
    Extra(RuleRef, Effect, u32),
}

/// Where boxes are emitted, and why: the index of the site in the lane, in the order in which sites decide.
pub(super) type Key = (usize, Kind);

/// What is cut out of boxes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Blocker {
    /// A rule.
    Rule(RuleRef),
    /// Everything of a site's pods.
    Site(usize),
}

/// Boxes with one effect.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) effect: Effect,
    /// As the source says it.
    pub(super) base: Vec<FlowBox>,
    /// What is cut out of it.
    pub(super) blockers: BTreeSet<Blocker>,
    /// What is left.
    pub(super) pieces: Vec<FlowBox>,
    /// Why it is not emitted, if it is not: it could not be cut, or default deny does it.
    pub(super) omitted: Option<Omitted>,
}

/// Why a task is not emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Omitted {
    /// Default deny does it.
    Closed,
    /// It could not be cut.
    Uncut(Uncut),
}

impl Task {
    pub(super) fn new(effect: Effect, base: Vec<FlowBox>) -> Self {
        Task {
            effect,
            pieces: base.clone(),
            base,
            blockers: BTreeSet::new(),
            omitted: None,
        }
    }

    /// Cuts all blockers out of the base again.
    pub(super) fn cut(&mut self, lane: &Lane<'_>) {
        match self.rest(lane) {
            Ok(rest) => self.pieces = rest,
            Err(why) => {
                self.omitted = Some(Omitted::Uncut(why));
                self.pieces = Vec::new();
            }
        }
    }

    /// What the blockers leave of the base, if it can be written.
    fn rest(&self, lane: &Lane<'_>) -> Result<Vec<FlowBox>, Uncut> {
        let mut pieces = self.base.clone();
        for blocker in &self.blockers {
            pieces = boxes::subtract(lane.program, pieces, &blocker_boxes(lane, *blocker))?;
        }
        for piece in &pieces {
            lane.sayable(piece, self.effect).map_err(Uncut::Unsayable)?;
        }
        Ok(pieces)
    }
}

/// A blocker as boxes.
pub(super) fn blocker_boxes(lane: &Lane<'_>, blocker: Blocker) -> Vec<FlowBox> {
    match blocker {
        Blocker::Rule(at) => lane.boxes(at).to_vec(),
        Blocker::Site(at) => lane.sites[at].whole(&lane.carried),
    }
}

/// All tasks of a lane, by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    pub(super) all: BTreeMap<Key, Task>,
}

impl Tasks {
    /// The rules as they are written. A closing `deny all` is default deny.
    pub(super) fn of(lane: &Lane<'_>) -> Self {
        let mut all = BTreeMap::new();
        for (at, site) in lane.sites.iter().enumerate() {
            for rule in &site.rules {
                let effect = match rule.action {
                    Action::Allow => Effect::Allow,
                    Action::Deny => Effect::Deny,
                    Action::Pass | Action::Log => continue,
                };
                let mut task = Task::new(effect, rule.boxes.clone());
                let closing = rule.everything
                    && effect == Effect::Deny
                    && site.closes
                    && site.rules.last().is_some_and(|last| last.at == rule.at);
                if closing {
                    task.omitted = Some(Omitted::Closed);
                    task.pieces = Vec::new();
                }
                all.insert((at, Kind::Rule(rule.at)), task);
            }
        }
        Tasks { all }
    }

    /// The further boxes of a rule with an effect.
    pub(super) fn extras(
        &self,
        site: usize,
        cause: RuleRef,
        effect: Effect,
    ) -> impl Iterator<Item = &Task> {
        let of = move |kind: &Kind| matches!(kind, Kind::Extra(at, of, _) if *at == cause && *of == effect);
        self.of_site(site)
            .filter(move |((_, kind), _)| of(kind))
            .map(|(_, task)| task)
    }

    /// The tasks of a site.
    pub(super) fn of_site(&self, site: usize) -> impl Iterator<Item = (&Key, &Task)> {
        let first = Kind::Rule(RuleRef {
            site: crate::model::RuleSite::Policy(crate::model::PolicyId(0)),
            direction: crate::space::Direction::Ingress,
            rule: 0,
        });
        self.all
            .range((site, first)..)
            .take_while(move |((at, _), _)| *at == site)
    }
}
