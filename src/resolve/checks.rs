//! Tests and guards: their ends, resolved. Whether they hold is asked of the meaning.

use super::grants::Foreign;
use super::items::Argument;
use super::project::At;
use super::replaced::Written;
use super::scope::{ModuleId, Scope, Wanted};
use super::{Cx, errors};
use crate::model::{self, Check, Test};
use crate::source::Span;
use crate::space::{EndpointSet, PortSet};
use crate::syntax::ast;

/// Whether another team's names may stand in a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Test,
    Guard,
}

impl<'a> Cx<'a> {
    /// The tests of this target, or those that it leaves out.
    pub(super) fn tests(&mut self, left_out: bool) -> Vec<Test> {
        self.checks(self.declared.tests.clone(), Kind::Test, left_out)
    }

    /// The guards of this target, or those that it leaves out.
    pub(super) fn guards(&mut self, left_out: bool) -> Vec<Test> {
        self.checks(self.declared.guards.clone(), Kind::Guard, left_out)
    }

    fn checks(
        &mut self,
        mut declared: Vec<At<'a, ast::Test>>,
        kind: Kind,
        left_out: bool,
    ) -> Vec<Test> {
        declared.retain(|at| self.files[at.file].left_out == left_out);
        declared.sort_by(|a, b| {
            let key = |at: &At<'a, ast::Test>| (&self.files[at.file].path, at.item.span.start);
            key(a).cmp(&key(b))
        });
        declared.into_iter().map(|at| self.test(at, kind)).collect()
    }

    fn test(&mut self, at: At<'a, ast::Test>, kind: Kind) -> Test {
        let module = self.files[at.file].module;
        let mut checks = Vec::with_capacity(at.tree.checks.len());
        for check in &at.tree.checks {
            checks.extend(self.check(module, check, kind));
        }
        Test {
            name: at.tree.name.value.clone(),
            folder: self.modules[module.0 as usize].path.clone(),
            checks,
            span: at.item.span,
        }
    }

    fn check(&mut self, module: ModuleId, node: &ast::Check, kind: Kind) -> Option<Check> {
        let scope = Scope::of(module);
        let from = self
            .endpoints(scope, &node.from)
            .and_then(|ends| self.end(ends.set, &ends.foreign, node.from.span, kind));
        if let Some(set) = &from
            && !set.names.is_empty()
        {
            let names: Vec<_> = set.names.iter().cloned().collect();
            self.report(errors::dns_name_outside_allow(&names, node.from.span));
            return None;
        }
        let to = self.targets(scope, node, kind);
        let verb = match node.verb.value {
            ast::Verb::Can => model::Verb::Can,
            ast::Verb::CanEvery => model::Verb::CanEvery,
            ast::Verb::Cannot => model::Verb::Cannot,
        };
        Some(Check {
            verb,
            from: from?,
            to: to?,
            span: node.span,
        })
    }

    /// What stands right of the arrow: services have their own ports, other ends those after `on`.
    fn targets(
        &mut self,
        scope: Scope<'_>,
        node: &ast::Check,
        kind: Kind,
    ) -> Option<Vec<(EndpointSet, PortSet)>> {
        let (services, others): (Vec<_>, Vec<_>) = node
            .to
            .items
            .iter()
            .partition(|item| self.service_named(scope, item).is_some());
        let ports = match &node.ports {
            Some(list) => Some(self.ports(scope, list)?),
            None => None,
        };
        if let (Some(list), Some(service)) = (&node.ports, services.first()) {
            if let Some((name, own)) = self.service_named(scope, service) {
                self.report(errors::service_with_ports(&name, list.span, own));
            }
            return None;
        }
        let mut targets = Vec::new();
        let mut good = true;
        for item in services {
            let ast::EndpointKind::Name { path, instead } = &item.kind else {
                continue;
            };
            let written = Written::of(instead);
            let found = self.port_name(scope, path, written, Wanted::Endpoint);
            let Some(Argument::Service(service)) = found else {
                good = false;
                continue;
            };
            let mut some = false;
            for (ends, ports) in &service.entries {
                let Some(ends) = self.pruned(ends.clone(), item.span) else {
                    good = false;
                    break;
                };
                if !ends.is_empty() {
                    targets.push((ends, ports.clone()));
                    some = true;
                }
            }
            if good && !some {
                self.report(errors::empty_service(
                    &service.name,
                    item.span,
                    service.span,
                ));
                good = false;
            }
            good &= self.may_stand(&service.foreign, item.span, kind);
        }
        if !others.is_empty() {
            let rest = ast::Endpoints {
                items: others.into_iter().cloned().collect(),
                span: node.to.span,
            };
            let ends = self.endpoints(scope, &rest)?;
            let set = self.end(ends.set, &ends.foreign, node.to.span, kind)?;
            let ports = match ports {
                Some(ports) => ports,
                None if node.verb.value == ast::Verb::Cannot => PortSet::all(),
                None => {
                    self.report(errors::missing_ports(node.span, node.to.span));
                    return None;
                }
            };
            targets.push((set, ports));
        }
        good.then_some(targets)
    }

    fn may_stand(&mut self, foreign: &[Foreign], span: Span, kind: Kind) -> bool {
        kind == Kind::Test
            || self.refuse_foreign(foreign, span, "its owner could weaken this guard")
    }

    /// An end of a statement: without relations, not empty.
    fn end(
        &mut self,
        set: EndpointSet,
        foreign: &[Foreign],
        span: Span,
        kind: Kind,
    ) -> Option<EndpointSet> {
        if !self.may_stand(foreign, span, kind) {
            return None;
        }
        let set = self.pruned(set, span)?;
        if set.is_empty() {
            self.report(errors::empty_endpoint(
                "nothing can ever be at this end",
                span,
                "is always empty",
            ));
            return None;
        }
        Some(set)
    }

    fn pruned(&mut self, mut set: EndpointSet, span: Span) -> Option<EndpointSet> {
        if set.pods.iter().any(|pods| !pods.namespaces.same.is_empty()) {
            self.report(errors::misplaced_same(
                span,
                "a statement has no subject to compare with",
            ));
            return None;
        }
        set.pods.retain(|pods| self.ground.inhabited(pods));
        Some(set)
    }
}
