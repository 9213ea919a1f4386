//! `before` and `after`: identities, the relation, its consent and its cycles; objects that would bear one name.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::policies::{Draft, PolicyNames};
use super::scope::{ModuleId, ROOT, dotted};
use super::{Cx, errors};
use crate::model::{Policy, PolicyId};
use crate::source::Span;
use crate::syntax::ast;

/// One policy decides before another, as a third person stated it.
struct Stated {
    first: usize,
    then: usize,
    by: usize,
    span: Span,
}

impl<'a> Cx<'a> {
    /// Gives the policies their identities and their order.
    pub(super) fn order(
        &mut self,
        mut drafts: Vec<Draft<'a>>,
        mut names: PolicyNames<'a>,
    ) -> Vec<Policy> {
        drafts.sort_by(|a, b| {
            let key = |draft: &Draft<'a>| {
                (
                    draft.left_out,
                    draft.policy.tier,
                    draft.policy.owner.clone(),
                    draft.policy.name.clone(),
                    draft.policy.folder.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        for (at, draft) in drafts.iter().enumerate() {
            if let Some(known) = names.get_mut(&(draft.module, draft.policy.name.clone())) {
                known.1 = at;
            }
        }
        self.check_collisions(&drafts);
        let mut stated = Vec::new();
        for at in 0..drafts.len() {
            let tree = drafts[at].at.tree;
            for order in &tree.order {
                for other in &order.others {
                    let Some(found) = self.other_policy(drafts[at].module, other, &names) else {
                        continue;
                    };
                    if drafts[at].left_out || found == usize::MAX {
                        continue;
                    }
                    if drafts[found].policy.tier != drafts[at].policy.tier {
                        let (mine, theirs) = (drafts[at].policy.tier, drafts[found].policy.tier);
                        self.report(errors::order_across_tiers(
                            &dotted(other),
                            other.span,
                            (
                                &self.tiers[mine.0 as usize].name,
                                drafts[at].at.tree.tier.span,
                            ),
                            (
                                &self.tiers[theirs.0 as usize].name,
                                drafts[found].at.tree.tier.span,
                            ),
                        ));
                        continue;
                    }
                    let (first, then) = match order.side {
                        ast::Side::Before => (at, found),
                        ast::Side::After => (found, at),
                    };
                    stated.push(Stated {
                        first,
                        then,
                        by: at,
                        span: other.span,
                    });
                }
            }
        }
        self.check_consent(&drafts, &stated);
        let count = drafts.iter().take_while(|draft| !draft.left_out).count();
        for one in &stated {
            if one.first < count && one.then < count {
                drafts[one.then]
                    .policy
                    .after
                    .push(PolicyId(one.first as u32));
            }
        }
        drafts.truncate(count);
        for draft in &mut drafts {
            draft.policy.after.sort_unstable();
            draft.policy.after.dedup();
        }
        self.measure(&mut drafts, &stated);
        drafts.into_iter().map(|draft| draft.policy).collect()
    }

    /// The policy that an order names, by its place among the drafts; `usize::MAX` if it exists and was not understood.
    fn other_policy(
        &mut self,
        module: ModuleId,
        path: &ast::Path,
        names: &PolicyNames<'a>,
    ) -> Option<usize> {
        let (last, folder) = path.segments.split_last()?;
        let at = |module: ModuleId| {
            names
                .get(&(module, last.value.clone()))
                .map(|(_, found)| *found)
        };
        let found = if folder.is_empty() {
            at(module).or_else(|| at(ROOT))
        } else {
            let folder: Vec<&str> = folder.iter().map(|part| part.value.as_str()).collect();
            self.module_of
                .get(folder.join("/").as_str())
                .and_then(|module| at(*module))
        };
        if found.is_none() && !self.is_unread(path) {
            let name = dotted(path);
            let near = {
                let mut all: Vec<SmolStr> = names
                    .keys()
                    .map(|(home, name)| {
                        if *home == module {
                            name.clone()
                        } else {
                            self.qualified(*home, name)
                        }
                    })
                    .collect();
                all.sort_unstable();
                self.nearest(&name, all.iter().map(SmolStr::as_str))
            };
            self.report(errors::unknown_policy(&name, path.span, near.as_deref()));
        }
        found
    }

    /// Across folders both must state an order, or one of a team that has `grants all`.
    fn check_consent(&mut self, drafts: &[Draft<'a>], stated: &[Stated]) {
        let by: FxHashSet<(usize, usize, usize)> = stated
            .iter()
            .map(|one| (one.by, one.first, one.then))
            .collect();
        for one in stated {
            let (mine, other) = (
                one.by,
                if one.by == one.first {
                    one.then
                } else {
                    one.first
                },
            );
            let (home, away) = (drafts[mine].module, drafts[other].module);
            if home == away || self.is_free(home) || by.contains(&(other, one.first, one.then)) {
                continue;
            }
            let word = if one.by == one.first {
                "after"
            } else {
                "before"
            };
            let (mine_name, other_name) = (
                self.qualified(home, &drafts[mine].policy.name),
                self.qualified(away, &drafts[other].policy.name),
            );
            self.report(errors::order_without_consent(
                one.span,
                (&other_name, drafts[other].at.tree.name.span),
                &format!("{word} {mine_name}"),
            ));
        }
    }

    /// Whether what a module states about order holds alone.
    fn is_free(&self, module: ModuleId) -> bool {
        self.grant(module).is_none()
    }

    /// The depth of each policy; reports every cycle once.
    fn measure(&mut self, drafts: &mut [Draft<'a>], stated: &[Stated]) {
        let mut later: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
        let mut waits: Vec<usize> = vec![0; drafts.len()];
        for (at, draft) in drafts.iter().enumerate() {
            waits[at] = draft.policy.after.len();
            for before in &draft.policy.after {
                later[before.0 as usize].push(at);
            }
        }
        let mut ready: Vec<usize> = (0..drafts.len()).filter(|at| waits[*at] == 0).collect();
        let mut done = 0;
        while let Some(at) = ready.pop() {
            done += 1;
            let depth = drafts[at].policy.depth + 1;
            for then in &later[at] {
                let then = *then;
                drafts[then].policy.depth = drafts[then].policy.depth.max(depth);
                waits[then] -= 1;
                if waits[then] == 0 {
                    ready.push(then);
                }
            }
        }
        if done == drafts.len() {
            return;
        }
        let spans: FxHashMap<(usize, usize), Span> = stated
            .iter()
            .map(|one| ((one.first, one.then), one.span))
            .collect();
        let mut seen = vec![false; drafts.len()];
        for start in 0..drafts.len() {
            if waits[start] == 0 || seen[start] {
                continue;
            }
            // Each of these waits for another of them: going back meets a cycle.
            let mut path = vec![start];
            let mut on: FxHashMap<usize, usize> = FxHashMap::from_iter([(start, 0)]);
            let mut at = start;
            let cycle = loop {
                seen[at] = true;
                let back = drafts[at]
                    .policy
                    .after
                    .iter()
                    .map(|id| id.0 as usize)
                    .find(|back| waits[*back] > 0);
                let Some(back) = back else {
                    break None;
                };
                if let Some(from) = on.get(&back) {
                    break Some(path.split_off(*from));
                }
                if seen[back] {
                    break None;
                }
                on.insert(back, path.len());
                path.push(back);
                at = back;
            };
            let Some(mut cycle) = cycle else {
                continue;
            };
            // From the one that comes first by name, forward.
            cycle.reverse();
            let lowest = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
            cycle.rotate_left(lowest);
            let links: Vec<(SmolStr, Span)> = cycle
                .iter()
                .enumerate()
                .map(|(at, first)| {
                    let then = cycle[(at + 1) % cycle.len()];
                    let span = spans
                        .get(&(*first, then))
                        .copied()
                        .unwrap_or(drafts[*first].policy.span);
                    (
                        self.qualified(drafts[*first].module, &drafts[*first].policy.name),
                        span,
                    )
                })
                .collect();
            self.report(errors::cyclic_order(&links));
        }
        // A program with a cycle is not built; the model keeps its promise that there is none.
        for (at, draft) in drafts.iter_mut().enumerate() {
            if waits[at] > 0 {
                draft.policy.after.clear();
            }
        }
    }

    /// Two policies whose objects would have one name.
    fn check_collisions(&mut self, drafts: &[Draft<'a>]) {
        let mut objects: FxHashMap<String, usize> = FxHashMap::default();
        for (at, draft) in drafts.iter().enumerate().filter(|(_, one)| !one.left_out) {
            let name = format!("{}-{}", draft.policy.owner, draft.policy.name);
            if let Some(first) = objects.get(&name) {
                let other = &drafts[*first];
                self.report(errors::object_name_collision(
                    &name,
                    draft.at.tree.name.span,
                    other.at.tree.name.span,
                ));
                continue;
            }
            objects.insert(name, at);
        }
    }
}
