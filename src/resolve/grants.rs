//! Grants: which pods a team may speak for, and where another team's names may stand. Decided with the algebra, never by text.

use super::project::Owner;
use super::scope::{ItemId, ModuleId, Node, ROOT};
use super::{Cx, errors};
use crate::model;
use crate::source::Span;
use crate::space::{Namespaces, Pod, Pods};

/// Another team's name, where it was written.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    pub(super) item: ItemId,
    pub(super) span: Span,
}

impl Cx<'_> {
    /// The pods that a module may speak for; `None` if there is no limit.
    pub(super) fn grant(&self, module: ModuleId) -> Option<(usize, Pods)> {
        match self.modules[module.0 as usize].owner {
            Owner::Team(at) if !self.teams[at].all => Some((
                at,
                Pods {
                    namespaces: Namespaces {
                        names: self.teams[at].namespaces.clone(),
                        ..Namespaces::any()
                    },
                    ..Pods::any()
                },
            )),
            _ => None,
        }
    }

    /// A pod of some sets that lies outside of a limit.
    pub(super) fn pod_outside(&mut self, pods: &[Pods], limit: &Pods) -> Option<Pod> {
        for one in pods {
            let rest = one.subtract(limit);
            if let Some(pod) = self.ground.witness_of_any(&rest) {
                return Some(pod);
            }
        }
        None
    }

    /// Whether a name that stands in `module` is another team's, and may be named there at all: networks, ports and profiles never,
    /// groups and services as far as they lie within their owner's namespaces. `None` if it may not; that is reported.
    pub(super) fn foreign(
        &mut self,
        module: ModuleId,
        id: ItemId,
        span: Span,
    ) -> Option<Option<Foreign>> {
        let item = self.item(id);
        let home = item.module;
        if home == module
            || home == ROOT
            || !matches!(self.modules[home.0 as usize].owner, Owner::Team(_))
        {
            return Some(None);
        }
        let (word, own) = (item.node.word(), item.span);
        let owner = self.owner_name(home);
        if !matches!(item.node, Node::Group(_) | Node::Service(_)) {
            let name = self.full_name(id);
            self.report(errors::foreign_name(
                &name,
                span,
                word,
                &owner,
                own,
                "nobody but its owner names it",
            ));
            return None;
        }
        if !self.lies_within_owner(id, span)? {
            return None;
        }
        Some(Some(Foreign { item: id, span }))
    }

    /// Whether all pods of a group or service lie within its owner's namespaces. `None` if its value is not known.
    fn lies_within_owner(&mut self, id: ItemId, span: Span) -> Option<bool> {
        if let Some(known) = self.item(id).within_owner {
            if !known {
                self.report_outside(id, span, None);
            }
            return Some(known);
        }
        let home = self.item(id).module;
        let Some((_, limit)) = self.grant(home) else {
            self.item_mut(id).within_owner = Some(true);
            return Some(true);
        };
        let set = match self.value(id, span)? {
            super::items::Value::Ends(ends) => ends.set.clone(),
            super::items::Value::Service(service) => service.ends(),
            _ => return None,
        };
        let others = !set.nodes.is_empty()
            || !set.outside.is_empty()
            || set.proxy
            || !set.names.is_empty()
            || set.pods.iter().any(|pods| !pods.namespaces.same.is_empty());
        let pod = self.pod_outside(
            &set.pods
                .iter()
                .filter(|pods| pods.namespaces.same.is_empty())
                .cloned()
                .collect::<Vec<_>>(),
            &limit,
        );
        let within = !others && pod.is_none();
        self.item_mut(id).within_owner = Some(within);
        if !within {
            self.report_outside(id, span, pod);
        }
        Some(within)
    }

    fn report_outside(&mut self, id: ItemId, span: Span, pod: Option<Pod>) {
        let home = self.item(id).module;
        let (name, owner, own) = (
            self.full_name(id),
            self.owner_name(home),
            self.item(id).span,
        );
        self.report(errors::foreign_name_outside_grant(
            &name,
            span,
            &owner,
            own,
            pod.as_ref(),
        ));
    }

    /// Refuses names of other teams where they would let them change what is said here.
    pub(super) fn refuse_foreign(&mut self, foreign: &[Foreign], at: Span, place: &str) -> bool {
        for one in foreign {
            let (name, owner) = (
                self.full_name(one.item),
                self.owner_name(self.item(one.item).module),
            );
            let (word, own) = (self.item(one.item).node.word(), self.item(one.item).span);
            // Where the name came through another one, both places are shown.
            let mut diagnostic = errors::foreign_name(&name, one.span, word, &owner, own, place);
            if at.file != one.span.file || at.start > one.span.start || at.end < one.span.end {
                diagnostic = diagnostic.and(at, "used here");
            }
            self.report(diagnostic);
        }
        foreign.is_empty()
    }

    /// Whether a policy's subject and tier are within the grant of its folder's team.
    pub(super) fn check_grant(
        &mut self,
        module: ModuleId,
        subject: (&[Pods], Span),
        tier: (model::TierId, Span),
    ) {
        let Some((team, limit)) = self.grant(module) else {
            return;
        };
        if let Some(pod) = self.pod_outside(subject.0, &limit) {
            let (name, own) = (
                self.teams[team].name.clone(),
                self.teams[team].tree.name.span,
            );
            self.report(errors::outside_grant(&name, own, subject.1, &pod));
        }
        if !self.teams[team].tiers.contains(&tier.0) {
            let (name, own) = (
                self.teams[team].name.clone(),
                self.teams[team].tree.name.span,
            );
            let word = self.tiers[tier.0.0 as usize].name.clone();
            self.report(errors::tier_not_granted(&name, own, &word, tier.1));
        }
    }

    /// The teams as the model has them.
    pub(super) fn model_teams(&self) -> Vec<model::Team> {
        self.teams
            .iter()
            .map(|team| model::Team {
                name: team.name.clone(),
                owners: team
                    .tree
                    .owners
                    .iter()
                    .map(|owner| owner.value.clone())
                    .collect(),
                folder: team.folder.clone(),
                namespaces: team.namespaces.clone(),
                all: team.all,
                span: team.span,
            })
            .collect()
    }
}
