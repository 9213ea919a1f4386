//! Profiles: bodies with parameters, unfolded where they are included.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::items::{Argument, Ends, Service, Value};
use super::policies::Blocks;
use super::ports::Traffic;
use super::replaced::Written;
use super::rules::Place;
use super::scope::{Found, ItemId, Node, Scope, Wanted, dotted};
use super::{Cx, DEEPEST, errors};
use crate::syntax::ast;

impl<'a> Cx<'a> {
    /// Unfolds an `include` into the blocks of the body that it stands in.
    pub(super) fn include(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        node: &ast::Include,
        blocks: &mut Blocks,
    ) -> bool {
        if self.is_silent(scope.module, &node.profile) {
            return false;
        }
        let span = node.profile.span;
        let id = match self.look_up(scope, &node.profile, Wanted::Profile) {
            Some(Found::Item(id)) => id,
            Some(Found::Parameter(argument)) => {
                let name = dotted(&node.profile);
                self.report(errors::wrong_argument(
                    &name,
                    span,
                    argument.word(),
                    "a profile",
                ));
                return false;
            }
            None => return false,
        };
        let item = self.item(id);
        let Node::Profile(tree) = item.node else {
            let (word, own) = (item.node.word(), item.span);
            let name = dotted(&node.profile);
            self.report(errors::wrong_kind(&name, span, word, "profile", own));
            return false;
        };
        if self.foreign(scope.module, id, span).is_none() {
            return false;
        }
        if tree.parameters.len() != node.arguments.len() {
            self.report(errors::wrong_number_of_arguments(
                &tree.name.value,
                node.span,
                node.arguments.len(),
                (tree.parameters.len(), tree.name.span),
            ));
            return false;
        }
        let mut good = true;
        let mut arguments: FxHashMap<SmolStr, Argument> = FxHashMap::default();
        for (parameter, argument) in tree.parameters.iter().zip(&node.arguments) {
            match self.argument(scope, argument) {
                Some(argument) => {
                    arguments.insert(parameter.value.clone(), argument);
                }
                None => good = false,
            }
        }
        if !good {
            return false;
        }
        if let Some(from) = self.stack.iter().position(|(on, _)| *on == id) {
            let chain: Vec<_> = self.stack[from..]
                .iter()
                .skip(1)
                .map(|(on, at)| (self.full_name(*on), *at))
                .chain([(self.full_name(id), span)])
                .collect();
            let (name, own) = (self.full_name(id), self.item(id).span);
            self.report(errors::cyclic_definition(&name, own, &chain));
            return false;
        }
        if self.stack.len() >= DEEPEST {
            self.report(errors::nesting_too_deep(span));
            return false;
        }
        self.stack.push((id, span));
        self.reach(0);
        let inner = Scope {
            module: self.item(id).module,
            parameters: Some(&arguments),
        };
        let good = self.body(inner, place, &tree.body, blocks);
        self.stack.pop();
        good
    }

    fn argument(&mut self, scope: Scope<'_>, node: &ast::Argument) -> Option<Argument> {
        match node {
            ast::Argument::Endpoint(endpoint) => {
                if let ast::EndpointKind::Name { path, instead } = &endpoint.kind
                    && self.service_named(scope, endpoint).is_some()
                {
                    let written = Written::of(instead);
                    return self.port_name(scope, path, written, Wanted::Traffic);
                }
                let ends = self.endpoint(scope, endpoint)?;
                Some(if ends.unknown {
                    Argument::Unknown
                } else {
                    Argument::Ends(Rc::new(ends))
                })
            }
            ast::Argument::Ports(list) => match self.traffic(scope, list)? {
                Traffic::Ports(ports) => Some(Argument::Ports(Rc::new(ports))),
                Traffic::Unknown => Some(Argument::Unknown),
                Traffic::Services(services) => Some(Argument::Service(match &services[..] {
                    [one] => Rc::clone(one),
                    many => Rc::new(Service {
                        name: many[0].name.clone(),
                        entries: many.iter().flat_map(|one| one.entries.clone()).collect(),
                        foreign: many.iter().flat_map(|one| one.foreign.clone()).collect(),
                        span: list.span,
                    }),
                })),
            },
            ast::Argument::Name(path) => {
                if self.is_silent(scope.module, path) {
                    return None;
                }
                let id = match self.look_up(scope, path, Wanted::Any)? {
                    Found::Parameter(argument) => return Some(argument),
                    Found::Item(id) => id,
                };
                let foreign = self.foreign(scope.module, id, path.span)?;
                match self.value(id, path.span)? {
                    Value::Ends(ends) => {
                        let mut ends: Ends = (*ends).clone();
                        ends.foreign.extend(foreign);
                        Some(Argument::Ends(Rc::new(ends)))
                    }
                    Value::Service(service) => {
                        let mut service: Service = (*service).clone();
                        service.foreign.extend(foreign);
                        Some(Argument::Service(Rc::new(service)))
                    }
                    Value::Ports(ports) => Some(Argument::Ports(ports)),
                    Value::Profile => {
                        let own = self.item(id).span;
                        self.report(errors::wrong_kind(
                            &dotted(path),
                            path.span,
                            "profile",
                            "endpoint, ports or service",
                            own,
                        ));
                        None
                    }
                }
            }
        }
    }

    /// Looks at a profile that nobody includes, with nothing known of its parameters.
    pub(super) fn check_profile(&mut self, id: ItemId, tree: &'a ast::Profile) {
        let arguments: FxHashMap<SmolStr, Argument> = tree
            .parameters
            .iter()
            .map(|parameter| (parameter.value.clone(), Argument::Unknown))
            .collect();
        let scope = Scope {
            module: self.item(id).module,
            parameters: Some(&arguments),
        };
        let place = Place {
            subject: None,
            default: false,
        };
        self.stack.push((id, tree.name.span));
        self.reach(0);
        self.body(scope, place, &tree.body, &mut Blocks::default());
        self.stack.pop();
    }

    /// Parameters of one name, in every profile of the project.
    pub(super) fn check_parameters(&mut self) {
        let mut out = Vec::new();
        for item in &self.items {
            if let Node::Profile(tree) = item.node {
                let mut seen: FxHashMap<&str, crate::source::Span> = FxHashMap::default();
                for parameter in &tree.parameters {
                    if let Some(first) = seen.insert(&parameter.value, parameter.span) {
                        out.push(errors::duplicate_name(
                            "parameter",
                            &parameter.value,
                            parameter.span,
                            first,
                        ));
                    }
                }
            }
        }
        self.out.extend(out);
    }
}
