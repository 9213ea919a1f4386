//! One namespace's share of the lowering: what of the boxes so far is wrong there, and what would mend it.
//!
//! Takes: a lane, the tasks so far, a partition. Gives: [`Findings`], empty iff the boxes are exact for every pod of the partition.

use std::sync::Arc;

use crate::meaning::{By, Index, Oracle, Partition, Set, TooLarge, Verdict, in_box};
use crate::model::RuleRef;
use crate::space::{EndpointSet, Flow, FlowBox, Pods};

use super::super::peers::Effect;
use super::boxes::{self, Uncut};
use super::lane::Lane;
use super::task::{Blocker, Key, Kind, Omitted, Task, Tasks, blocker_boxes};

/// How often one box is cut, and how many boxes are added, before we give up.
const MOST_CUTS: usize = 200;

/// What must change.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Cut this out of that.
    pub(super) cuts: Vec<(Key, Blocker)>,
    /// Do not emit that.
    pub(super) omit: Vec<(Key, Omitted)>,
    /// This site must deny what that rule would open.
    pub(super) leaks: Vec<(usize, RuleRef)>,
    /// This site needs a further box because of that rule.
    pub(super) extras: Vec<(usize, RuleRef, Effect, FlowBox)>,
    /// What cannot be mended.
    pub(super) failures: Vec<Failure>,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.cuts.is_empty()
            && self.omit.is_empty()
            && self.leaks.is_empty()
            && self.extras.is_empty()
            && self.failures.is_empty()
    }
}

/// A flow that no box that we can write decides as the program does.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) flow: Flow,
    /// The rule to blame, or none if only a site is.
    pub(super) rule: Option<RuleRef>,
    pub(super) site: usize,
    pub(super) why: Option<Uncut>,
    /// The other parties.
    pub(super) others: Vec<RuleRef>,
}

struct Examination<'a, 'p> {
    lane: &'a Lane<'p>,
    tasks: &'a Tasks,
    /// The sites that can select a pod of the partition, in order.
    touching: &'a [usize],
    oracle: Oracle<'a>,
    allowed: Set,
    /// The flows of pods that are closed, and of the others, as far as policy is asked.
    closed: Set,
    open: Set,
    denied: Set,
    opened: Set,
    findings: Findings,
}

/// Examines a partition.
///
/// # Errors
/// If the partition is too much for the oracle.
pub(super) fn examine(
    lane: &Lane<'_>,
    index: &Arc<Index<'_>>,
    partition: Partition,
    touching: &[usize],
    tasks: &Tasks,
) -> Result<Findings, TooLarge> {
    if touching.is_empty() {
        return Ok(Findings::default());
    }
    let mut oracle = Oracle::of(index, partition, lane.direction)?;
    let mut closed = Vec::new();
    for site in touching {
        let site = &lane.sites[*site];
        if site.closes {
            closed.push(oracle.subjects_in(&site.subject)?);
        }
    }
    let closed = oracle.union(closed)?;
    let carried = oracle.set(&FlowBox {
        subject: Pods::any(),
        peers: EndpointSet::anywhere(),
        ports: lane.carried.clone(),
    })?;
    let mut work = Examination {
        lane,
        tasks,
        touching,
        allowed: oracle.allowed(),
        closed: oracle.and(closed, carried)?,
        open: oracle.minus(carried, closed)?,
        denied: Set::EMPTY,
        opened: Set::EMPTY,
        oracle,
        findings: Findings::default(),
    };
    work.denies()?;
    work.open_pods()?;
    work.allows()?;
    work.closed_pods()?;
    Ok(work.findings)
}

impl<'a> Examination<'a, '_> {
    fn of_effect(&self, effect: Effect) -> Vec<(Key, &'a Task)> {
        let tasks = self.tasks;
        self.touching
            .iter()
            .flat_map(|site| tasks.of_site(*site))
            .filter(|(_, task)| task.effect == effect)
            .map(|(key, task)| (*key, task))
            .collect()
    }

    /// No deny may meet what is allowed.
    fn denies(&mut self) -> Result<(), TooLarge> {
        for (key, task) in self.of_effect(Effect::Deny) {
            self.deny(key, task.pieces.clone())?;
        }
        Ok(())
    }

    /// Cuts a deny until it misses what is allowed, and takes what is left as denied. Whether that could be done.
    fn deny(&mut self, key: Key, pieces: Vec<FlowBox>) -> Result<bool, TooLarge> {
        let mut todo = pieces;
        let mut done = Vec::new();
        let mut cuts = 0;
        while let Some(piece) = todo.pop() {
            let Some(flow) = self.oracle.find(&piece, Verdict::Allow)? else {
                done.push(piece);
                continue;
            };
            if self.is_last_of_closing(key) {
                self.findings.omit.push((key, Omitted::Closed));
                return Ok(true);
            }
            cuts += 1;
            let cut = self
                .who_allows(key, &flow)
                .filter(|_| cuts < MOST_CUTS)
                .ok_or(Uncut::TooMany)
                .and_then(|blocker| self.cut(key, piece, blocker));
            match cut {
                Ok(rest) => todo.extend(rest),
                Err(why) => {
                    self.findings.omit.push((key, Omitted::Uncut(why)));
                    return Ok(false);
                }
            }
        }
        for piece in &done {
            let set = self.oracle.set(piece)?;
            self.denied = self.oracle.or(self.denied, set)?;
        }
        Ok(true)
    }

    fn cut(&mut self, key: Key, piece: FlowBox, blocker: Blocker) -> Result<Vec<FlowBox>, Uncut> {
        self.findings.cuts.push((key, blocker));
        boxes::subtract(
            self.lane.program,
            vec![piece],
            &blocker_boxes(self.lane, blocker),
        )
    }

    /// Whether a deny is the last word of a policy that closes its pods anyway.
    fn is_last_of_closing(&self, (site, kind): Key) -> bool {
        let site = &self.lane.sites[site];
        let last = site.rules.last().map(|rule| Kind::Rule(rule.at));
        site.closes && last == Some(kind)
    }

    /// What lets a flow past a deny: a pass before it in its tier, else the rule that allows it.
    fn who_allows(&self, (site, _): Key, flow: &Flow) -> Option<Blocker> {
        let decision = self.lane.decide(self.touching, flow);
        let tier = self.lane.sites[site].tier;
        let pass = decision
            .passed
            .iter()
            .find(|pass| self.lane.sites[self.lane.site_of(**pass)].tier == tier);
        match (pass, decision.by) {
            (Some(pass), _) => Some(Blocker::Rule(*pass)),
            (None, By::Rule(rule)) => Some(Blocker::Rule(rule)),
            (None, _) => decision.passed.last().map(|pass| Blocker::Rule(*pass)),
        }
    }

    /// What is denied for a pod that nobody closes needs a deny.
    fn open_pods(&mut self) -> Result<(), TooLarge> {
        for _ in 0..MOST_CUTS {
            let refused = self.oracle.minus(self.open, self.allowed)?;
            let missing = self.oracle.minus(refused, self.denied)?;
            let Some(flow) = self.oracle.witness(missing)? else {
                return Ok(());
            };
            let By::Rule(rule) = self.lane.decide(self.touching, &flow).by else {
                self.fail(flow, None, self.touching[0], None);
                return Ok(());
            };
            let extra = self.separate(rule, &flow, |work, one| {
                work.oracle.find(one, Verdict::Allow)
            })?;
            match extra {
                Ok(extra) => self.extra(rule, Effect::Deny, extra)?,
                Err(why) => {
                    let site = self.lane.site_of(rule);
                    let why = self.uncut((site, Kind::Rule(rule))).or(Some(why));
                    self.fail(flow, Some(rule), site, why);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Why a task was left away, if it was.
    fn uncut(&self, key: Key) -> Option<Uncut> {
        let found = self.findings.omit.iter().find(|(other, _)| *other == key);
        let omitted =
            found
                .map(|(_, why)| *why)
                .or(self.tasks.all.get(&key).and_then(|task| task.omitted));
        match omitted {
            Some(Omitted::Uncut(why)) => Some(why),
            _ => None,
        }
    }

    fn extra(&mut self, cause: RuleRef, effect: Effect, one: FlowBox) -> Result<(), TooLarge> {
        let set = self.oracle.set(&one)?;
        match effect {
            Effect::Deny => self.denied = self.oracle.or(self.denied, set)?,
            Effect::Allow => self.opened = self.oracle.or(self.opened, set)?,
        }
        let site = self.lane.site_of(cause);
        self.findings.extras.push((site, cause, effect, one));
        Ok(())
    }

    fn fail(&mut self, flow: Flow, rule: Option<RuleRef>, site: usize, why: Option<Uncut>) {
        let mut others: Vec<RuleRef> = self
            .findings
            .cuts
            .iter()
            .filter(|((_, kind), _)| rule.is_some_and(|rule| *kind == Kind::Rule(rule)))
            .filter_map(|(_, blocker)| match blocker {
                Blocker::Rule(at) => Some(*at),
                Blocker::Site(_) => None,
            })
            .collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|other| Some(*other) != rule);
        self.findings.failures.push(Failure {
            flow,
            rule,
            site,
            why,
            others,
        });
    }

    /// What is allowed and neither meant nor denied, of pods that are closed.
    fn excess(&mut self, one: &FlowBox) -> Result<Option<Flow>, TooLarge> {
        let set = self.oracle.set(one)?;
        let set = self.oracle.and(set, self.closed)?;
        let set = self.oracle.minus(set, self.allowed)?;
        let set = self.oracle.minus(set, self.denied)?;
        self.oracle.witness(set)
    }

    /// No allow may open more than is allowed, denies considered.
    fn allows(&mut self) -> Result<(), TooLarge> {
        for (key, task) in self.of_effect(Effect::Allow) {
            let mut todo = task.pieces.clone();
            let mut cuts = 0;
            while let Some(piece) = todo.pop() {
                let Some(flow) = self.excess(&piece)? else {
                    let set = self.oracle.set(&piece)?;
                    self.opened = self.oracle.or(self.opened, set)?;
                    continue;
                };
                cuts += 1;
                if cuts > MOST_CUTS {
                    self.fail_at(key, flow, Some(Uncut::TooMany));
                    break;
                }
                match self.mend(key, task, piece, &flow)? {
                    Ok(rest) => todo.extend(rest),
                    Err(why) => {
                        self.fail_at(key, flow, Some(why));
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn fail_at(&mut self, (site, kind): Key, flow: Flow, why: Option<Uncut>) {
        let (Kind::Rule(rule) | Kind::Leak(rule) | Kind::Extra(rule, ..)) = kind;
        self.fail(flow, Some(rule), site, why);
    }

    /// Takes a flow out of an allow: by cutting, or by a deny where a tier above has closed the pod.
    fn mend(
        &mut self,
        key: Key,
        task: &Task,
        piece: FlowBox,
        flow: &Flow,
    ) -> Result<Result<Vec<FlowBox>, Uncut>, TooLarge> {
        let decision = self.lane.decide(self.touching, flow);
        let site = &self.lane.sites[key.0];
        let rule = match key.1 {
            Kind::Rule(rule) | Kind::Leak(rule) | Kind::Extra(rule, ..) => rule,
        };
        let pass = decision
            .passed
            .iter()
            .find(|pass| self.lane.sites[self.lane.site_of(**pass)].tier == site.tier);
        if let Some(pass) = pass.filter(|pass| **pass != rule) {
            return Ok(self.cut(key, piece, Blocker::Rule(*pass)));
        }
        let closing = match decision.by {
            By::Rule(deny) => {
                let at = self.lane.site_of(deny);
                let deny_task = self.tasks.all.get(&(at, Kind::Rule(deny)));
                let left_away = deny_task.is_some_and(|task| task.omitted == Some(Omitted::Closed))
                    || self.is_last_of_closing((at, Kind::Rule(deny)));
                if at == key.0 || !left_away {
                    return Ok(self.cut(key, piece, Blocker::Rule(deny)));
                }
                Some(at)
            }
            By::Otherwise(tier) => self.closing(tier.0 as usize, flow),
            By::DefaultEnd => self.closing(self.lane.program.tiers.len(), flow),
            By::Open => None,
        };
        let Some(closing) = closing else {
            return Ok(Err(Uncut::TooMany));
        };
        let known = self.tasks.all.contains_key(&(closing, Kind::Leak(rule)))
            || self.findings.leaks.contains(&(closing, rule));
        let from_rule = matches!(key.1, Kind::Rule(_));
        if piece.peers.names.is_empty() && from_rule && !known {
            let leak = leak(self.lane, closing, task);
            self.findings.leaks.push((closing, rule));
            if self.deny((closing, Kind::Leak(rule)), leak)? {
                return Ok(Ok(vec![piece]));
            }
        }
        Ok(self.cut(key, piece, Blocker::Site(closing)))
    }

    /// The policy that closes a flow's pod in a tier: of several the one that says least, which closes most.
    fn closing(&self, tier: usize, flow: &Flow) -> Option<usize> {
        self.touching
            .iter()
            .copied()
            .filter(|at| {
                let site = &self.lane.sites[*at];
                site.tier == tier && site.closes && site.selects(flow)
            })
            .min_by_key(|at| {
                let subject = &self.lane.sites[*at].subject;
                let literals: usize = subject
                    .iter()
                    .map(|pods| {
                        pods.labels.iter().len() + usize::from(!pods.service_account.is_any())
                    })
                    .sum();
                (literals, *at)
            })
    }

    /// What is allowed for a pod that somebody closes needs an allow.
    fn closed_pods(&mut self) -> Result<(), TooLarge> {
        for _ in 0..MOST_CUTS {
            let needed = self.oracle.and(self.closed, self.allowed)?;
            let missing = self.oracle.minus(needed, self.opened)?;
            let Some(flow) = self.oracle.witness(missing)? else {
                return Ok(());
            };
            let decision = self.lane.decide(self.touching, &flow);
            let cause = match decision.by {
                By::Rule(rule) => Some(rule),
                _ => decision.passed.last().copied(),
            };
            let Some(cause) = cause else {
                self.fail(flow, None, self.touching[0], None);
                return Ok(());
            };
            match self.separate(cause, &flow, Self::excess)? {
                Ok(extra) => self.extra(cause, Effect::Allow, extra)?,
                Err(why) => {
                    let site = self.lane.site_of(cause);
                    self.fail(flow, Some(cause), site, Some(why));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A box with a flow in it and nothing bad: the rule's, cut along what the program tells apart. Two flows that are decided differently
    /// differ in some rule or subject, so each step takes a bad flow away, and never the good one.
    fn separate(
        &mut self,
        rule: RuleRef,
        good: &Flow,
        mut bad: impl FnMut(&mut Self, &FlowBox) -> Result<Option<Flow>, TooLarge>,
    ) -> Result<Result<FlowBox, Uncut>, TooLarge> {
        let boxes = self.lane.boxes(rule);
        let Some(mut one) = boxes.iter().find(|one| in_box(one, good)).cloned() else {
            return Ok(Err(Uncut::TooMany));
        };
        for _ in 0..MOST_CUTS {
            let Some(flow) = bad(self, &one)? else {
                return Ok(Ok(one));
            };
            match self.without(one, good, &flow) {
                Ok(less) => one = less,
                Err(why) => return Ok(Err(why)),
            }
        }
        Ok(Err(Uncut::TooMany))
    }

    fn without(&self, one: FlowBox, good: &Flow, bad: &Flow) -> Result<FlowBox, Uncut> {
        let sites = self.touching.iter().map(|at| &self.lane.sites[*at]);
        let program = self.lane.program;
        let mut why = Uncut::TooMany;
        for site in sites {
            let whole = site.whole(&self.lane.carried);
            let rules = site.rules.iter().map(|rule| &rule.boxes);
            for atom in std::iter::once(&whole).chain(rules).flatten() {
                let cut = match (in_box(atom, good), in_box(atom, bad)) {
                    (true, false) => match one.intersect(atom) {
                        Some(both) => vec![both],
                        None => continue,
                    },
                    (false, true) => {
                        match boxes::subtract(
                            program,
                            vec![one.clone()],
                            std::slice::from_ref(atom),
                        ) {
                            Ok(rest) => rest,
                            Err(reason) => {
                                why = reason;
                                continue;
                            }
                        }
                    }
                    _ => continue,
                };
                if let Some(kept) = cut.into_iter().find(|piece| in_box(piece, good)) {
                    return Ok(kept);
                }
            }
        }
        Err(why)
    }
}

/// What a closing site must deny so that a rule below does not open its pods.
pub(super) fn leak(lane: &Lane<'_>, closing: usize, opener: &Task) -> Vec<FlowBox> {
    let mut all = Vec::new();
    for one in &opener.base {
        for pods in &lane.sites[closing].subject {
            let subject = one.subject.intersect(pods);
            all.extend(boxes::settle(
                lane.program,
                FlowBox {
                    subject,
                    ..one.clone()
                },
            ));
        }
    }
    all
}
