//! Ordered rules of several tiers to what Cilium has: a set of allows, a set of denies that beats it, and pods that are closed.
//!
//! Takes: a program and one direction. Gives: [`Lowered`], the boxes of each policy with their effect.
//!
//! Why it is exact. Let `W` be what the program allows, `C` the pods that some enforced policy of a tier `otherwise deny` selects in this
//! direction, or that `default` does; let `A` be the boxes that are emitted as allows and `D` those emitted as denies. Cilium lets a flow of a
//! pod in `C` pass iff it is in `A` and not in `D`, and a flow of any other pod iff it is not in `D`. That is `W` iff
//!
//! 1. `D` misses `W`,
//! 2. outside of `C`, `D` covers what is not in `W`,
//! 3. in `C`, what of `A` is not in `D` lies in `W`,
//! 4. in `C`, `A` covers `W`.
//!
//! Each of the four is asked of the oracle, in every partition of the namespaces, and what is found wrong is mended: a deny is cut by the rule
//! that lets a flow past it; an allow by what takes a flow from it, or, where a tier above has closed the pod, by a deny in the closing
//! policy's object; what is missing is added as a box of the rule that decides it. Rules start as they are written, so that what is right is
//! emitted verbatim. It ends when a round over all partitions finds nothing: then all four hold everywhere. It ends without a result if the
//! boxes become too many or cannot be said (no DNS name can be subtracted, no named port compared with a number); then nothing is emitted.
//!
//! A closing `deny all` is default deny and never an explicit deny: it would beat every allow above and beside it.

mod boxes;
mod examine;
mod lane;
#[cfg(test)]
mod properties;
mod task;

use std::sync::Arc;

use rayon::prelude::*;

use crate::meaning::{Index, Partition, partitions};
use crate::model::{Program, RuleRef, RuleSite};
use crate::source::Span;
use crate::space::{Direction, Flow, FlowBox, Inexpressible, Selector, ValueSet};

use super::peers::Effect;
use super::traffic::carried;
use boxes::Uncut;
pub(super) use boxes::Unsayable;
use examine::{Findings, examine, leak};
use lane::{Lane, meets};
use task::{Key, Kind, Omitted, Task, Tasks};

/// How often all partitions are asked before we give up.
const MOST_ROUNDS: usize = 16;

/// Boxes that are emitted for a site.
#[derive(Clone, Debug)]
pub(super) struct Emitted {
    /// In whose object.
    pub(super) site: RuleSite,
    /// The rule that they say, or because of which they are needed.
    pub(super) rule: RuleRef,
    pub(super) direction: Direction,
    pub(super) effect: Effect,
    pub(super) boxes: Vec<FlowBox>,
    /// The agent is to learn names from what this allows.
    pub(super) observes: bool,
}

/// One direction, lowered: in the order of the sites, and of the rules in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lowered {
    pub(super) emitted: Vec<Emitted>,
}

/// Why there is nothing.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    /// The rule or policy to blame.
    pub(super) span: Span,
    pub(super) why: Why,
    /// A flow that shows it.
    pub(super) flow: Option<Flow>,
    /// The other rules.
    pub(super) others: Vec<RuleRef>,
}

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Why {
    /// Too many boxes.
    TooMany,
    /// Names and addresses would have to be told apart.
    NamesAndAddresses,
    /// Named and numbered ports would have to be told apart.
    NamedPorts,
    /// A box that is needed cannot be written.
    Unsayable(Unsayable),
    /// The namespace's policies are too much for the oracle.
    TooLarge,
    /// No round was the last.
    Endless,
}

impl Why {
    fn of(uncut: Uncut) -> Self {
        match uncut {
            Uncut::Inexpressible(Inexpressible::NamesAndAddresses) => Why::NamesAndAddresses,
            Uncut::Inexpressible(Inexpressible::NamedPorts) => Why::NamedPorts,
            Uncut::TooMany => Why::TooMany,
            Uncut::Unsayable(what) => Why::Unsayable(what),
        }
    }
}

/// Lowers a direction.
///
/// # Errors
/// With what stands in the way, each rule once.
pub(super) fn lower(
    program: &Program,
    version: (u16, u16),
    index: &Arc<Index<'_>>,
    direction: Direction,
) -> Result<Lowered, Vec<Stuck>> {
    let carried = carried(&program.cluster, version);
    let lane = Lane::new(program, version, direction, &carried);
    let partitions = partitions(program);
    let touching = touching(&lane, &partitions);
    let mut tasks = Tasks::of(&lane);
    let mut dirty: Vec<usize> = (0..partitions.len())
        .filter(|at| !touching[*at].is_empty())
        .collect();
    for _ in 0..MOST_ROUNDS {
        let found: Vec<_> = dirty
            .par_iter()
            .map(|at| examine(&lane, index, partitions[*at], &touching[*at], &tasks))
            .collect();
        let mut changed = vec![false; lane.sites.len()];
        let mut stuck = Vec::new();
        let mut quiet = true;
        for (at, found) in dirty.iter().zip(found) {
            match found {
                Ok(found) => {
                    quiet &= found.is_empty();
                    apply(
                        &lane,
                        partitions[*at],
                        &mut tasks,
                        found,
                        &mut changed,
                        &mut stuck,
                    );
                }
                Err(too_large) => stuck.push(Stuck {
                    span: lane.sites[touching[*at][0]].span,
                    why: Why::TooLarge,
                    flow: None,
                    others: too_large.rules,
                }),
            }
        }
        if !stuck.is_empty() {
            stuck.sort_by_key(|one| (one.span, one.why));
            stuck.dedup_by_key(|one| one.span);
            return Err(stuck);
        }
        if quiet {
            return Ok(finish(&lane, tasks));
        }
        if !changed.contains(&true) {
            break;
        }
        dirty = (0..partitions.len())
            .filter(|at| touching[*at].iter().any(|site| changed[*site]))
            .collect();
    }
    Err(dirty
        .first()
        .map(|at| Stuck {
            span: lane.sites[touching[*at][0]].span,
            why: Why::Endless,
            flow: None,
            others: Vec::new(),
        })
        .into_iter()
        .collect())
}

/// For each partition the sites that can select a pod of it, in order.
fn touching(lane: &Lane<'_>, partitions: &[Partition]) -> Vec<Vec<usize>> {
    let mut touching = vec![Vec::new(); partitions.len()];
    let place = |name: &str| {
        lane.program
            .namespaces
            .binary_search_by(|known| known.name.as_str().cmp(name))
            .ok()
    };
    for (at, site) in lane.sites.iter().enumerate() {
        let mut of_site: Vec<usize> = Vec::new();
        for pods in &site.subject {
            // Most policies speak of one declared namespace.
            let named = match &pods.namespaces.names {
                ValueSet::In(names) => names
                    .iter()
                    .map(|name| name.as_deref().and_then(place))
                    .collect::<Option<Vec<usize>>>(),
                ValueSet::NotIn(_) => None,
            };
            let candidates = named.unwrap_or_else(|| (0..partitions.len()).collect());
            of_site.extend(
                candidates.into_iter().filter(|partition| {
                    meets(lane.program, &pods.namespaces, partitions[*partition])
                }),
            );
        }
        of_site.sort_unstable();
        of_site.dedup();
        for partition in of_site {
            touching[partition].push(at);
        }
    }
    touching
}

/// A box as far as its pods lie in a partition.
fn within(program: &Program, partition: Partition, one: &FlowBox) -> FlowBox {
    let names = match partition {
        Partition::Declared(at) => ValueSet::one(program.namespaces[at].name.clone()),
        Partition::Undeclared(at) => ValueSet::one(program.undeclared[at].clone()),
        Partition::Other => {
            let declared = program.namespaces.iter().map(|namespace| &namespace.name);
            ValueSet::not_among(declared.chain(&program.undeclared).cloned())
        }
    };
    let mut one = one.clone();
    one.subject.namespaces.names = one.subject.namespaces.names.intersect(&names);
    if matches!(partition, Partition::Declared(_)) {
        one.subject.namespaces.labels = Selector::any();
    }
    one
}

/// Takes one partition's findings over.
fn apply(
    lane: &Lane<'_>,
    partition: Partition,
    tasks: &mut Tasks,
    found: Findings,
    changed: &mut [bool],
    stuck: &mut Vec<Stuck>,
) {
    for failure in found.failures {
        let rule = failure.rule.map(|at| lane.program.rule(at).span);
        stuck.push(Stuck {
            span: rule.unwrap_or(lane.sites[failure.site].span),
            why: failure.why.map_or(Why::TooMany, Why::of),
            flow: Some(failure.flow),
            others: failure.others,
        });
    }
    for (closing, cause) in found.leaks {
        let opener = (lane.site_of(cause), Kind::Rule(cause));
        let key = (closing, Kind::Leak(cause));
        if let Some(opener) = tasks.all.get(&opener)
            && !tasks.all.contains_key(&key)
        {
            let boxes = leak(lane, closing, opener);
            tasks.all.insert(key, Task::new(Effect::Deny, boxes));
            changed[closing] = true;
        }
    }
    for (site, cause, effect, one) in found.extras {
        // What was tried for all namespaces and did not do is tried for this one alone.
        let local = within(lane.program, partition, &one);
        let fresh = [one, local].into_iter().find(|one| {
            tasks
                .extras(site, cause, effect)
                .all(|task| task.base[0] != *one)
        });
        if let Some(one) = fresh {
            let count = tasks.extras(site, cause, effect).count() as u32;
            if let Err(what) = lane.sayable(&one, effect) {
                stuck.push(Stuck {
                    span: lane.program.rule(cause).span,
                    why: Why::Unsayable(what),
                    flow: None,
                    others: Vec::new(),
                });
                continue;
            }
            if count as usize >= boxes::MOST_BOXES {
                stuck.push(Stuck {
                    span: lane.program.rule(cause).span,
                    why: Why::TooMany,
                    flow: None,
                    others: Vec::new(),
                });
                continue;
            }
            let kind = Kind::Extra(cause, effect, count);
            tasks.all.insert((site, kind), Task::new(effect, vec![one]));
            changed[site] = true;
        }
    }
    for (key, why) in found.omit {
        if let Some(task) = tasks.all.get_mut(&key)
            && task.omitted.is_none()
        {
            task.omitted = Some(why);
            task.pieces = Vec::new();
            changed[key.0] = true;
        }
    }
    let mut again: Vec<Key> = Vec::new();
    for (key, blocker) in found.cuts {
        if let Some(task) = tasks.all.get_mut(&key)
            && task.omitted.is_none()
            && task.blockers.insert(blocker)
        {
            again.push(key);
        }
    }
    again.sort_unstable();
    again.dedup();
    for key in again {
        if let Some(task) = tasks.all.get_mut(&key) {
            task.cut(lane);
            changed[key.0] = true;
            if let (Effect::Allow, Some(Omitted::Uncut(why)), Kind::Rule(rule)) =
                (task.effect, task.omitted, key.1)
            {
                stuck.push(Stuck {
                    span: lane.program.rule(rule).span,
                    why: Why::of(why),
                    flow: None,
                    others: Vec::new(),
                });
            }
        }
    }
}

fn finish(lane: &Lane<'_>, tasks: Tasks) -> Lowered {
    let emitted = tasks
        .all
        .into_iter()
        .filter(|(_, task)| !task.pieces.is_empty())
        .map(|((site, kind), task)| {
            let (Kind::Rule(rule) | Kind::Leak(rule) | Kind::Extra(rule, ..)) = kind;
            Emitted {
                site: lane.sites[site].site,
                rule,
                direction: lane.direction,
                effect: task.effect,
                boxes: task.pieces,
                observes: false,
            }
        })
        .collect();
    Lowered { emitted }
}
