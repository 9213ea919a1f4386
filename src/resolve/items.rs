//! What the names stand for: each is worked out once, when somebody asks; a cycle is told with its chain.

use std::rc::Rc;

use smol_str::SmolStr;

use super::grants::Foreign;
use super::scope::{ItemId, Node, Scope};
use super::{Cx, DEEPEST, errors};
use crate::model::Named;
use crate::source::Span;
use crate::space::{EndpointSet, PortSet};

/// A set of ends, with the names of other teams that it was made from.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) set: EndpointSet,
    pub(super) foreign: Vec<Foreign>,
    /// A parameter of a profile that nobody includes is in it: nothing can be said.
    pub(super) unknown: bool,
    /// Where it is written.
    pub(super) span: Span,
}

/// A service: (ends, ports) pairs.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: SmolStr,
    pub(super) entries: Vec<(EndpointSet, PortSet)>,
    pub(super) foreign: Vec<Foreign>,
    pub(super) span: Span,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Ends(Rc<Ends>),
    Ports(Rc<PortSet>),
    Service(Rc<Service>),
    Profile,
}

/// What a parameter of a profile stands for.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Ends(Rc<Ends>),
    Ports(Rc<PortSet>),
    Service(Rc<Service>),
    /// The profile is looked at without being included.
    Unknown,
}

/// How far the value of an item is.
#[derive(Clone, Debug)]
pub(super) enum State {
    Unseen,
    Busy,
    /// `None` if it could not be worked out, which was reported.
    Done(Option<Value>),
}

impl<'a> Cx<'a> {
    /// The value of an item that is named at `span`.
    pub(super) fn value(&mut self, id: ItemId, span: Span) -> Option<Value> {
        match &self.item(id).value {
            State::Done(value) => {
                let value = value.clone();
                self.reach(self.item(id).height);
                return value;
            }
            State::Busy => {
                let from = self.stack.iter().position(|(on, _)| *on == id).unwrap_or(0);
                let chain: Vec<(SmolStr, Span)> = self.stack[from..]
                    .iter()
                    .skip(1)
                    .map(|(on, at)| (self.full_name(*on), *at))
                    .chain([(self.full_name(id), span)])
                    .collect();
                let (name, own) = (self.full_name(id), self.item(id).span);
                self.report(errors::cyclic_definition(&name, own, &chain));
                return None;
            }
            State::Unseen => {}
        }
        if self.stack.len() >= DEEPEST {
            self.report(errors::nesting_too_deep(span));
            return None;
        }
        self.item_mut(id).value = State::Busy;
        let (level, outer) = (self.level(), std::mem::take(&mut self.notes.deepest));
        self.stack.push((id, span));
        self.reach(0);
        let value = self.work_out(id);
        self.stack.pop();
        self.item_mut(id).height = self.notes.deepest - level;
        self.notes.deepest = self.notes.deepest.max(outer);
        self.item_mut(id).value = State::Done(value.clone());
        value
    }

    fn work_out(&mut self, id: ItemId) -> Option<Value> {
        let item = self.item(id);
        let (scope, own, name) = (Scope::of(item.module), item.span, item.name.clone());
        match item.node {
            Node::Profile(_) => Some(Value::Profile),
            Node::Ports(tree) => Some(Value::Ports(Rc::new(self.ports(scope, &tree.list)?))),
            Node::Group(tree) => {
                let ends = self.endpoints(scope, &tree.endpoints)?;
                Some(Value::Ends(Rc::new(Ends { span: own, ..ends })))
            }
            Node::Network(tree) => {
                let ends = self.endpoints(scope, &tree.endpoints)?;
                let only = EndpointSet::of_outside(ends.set.outside.clone());
                if ends.set != only || ends.set.outside.is_full() {
                    self.report(errors::not_a_network(&name, tree.endpoints.span));
                    return None;
                }
                Some(Value::Ends(Rc::new(Ends { span: own, ..ends })))
            }
            Node::Service(tree) => {
                let service = self.service(scope, tree)?;
                Some(Value::Service(Rc::new(service)))
            }
        }
    }

    fn own_items(&self) -> Vec<ItemId> {
        (0..self.items.len() as u32)
            .map(ItemId)
            .filter(|id| !self.modules[self.item(*id).module.0 as usize].is_std())
            .collect()
    }

    /// Works out what no policy asked for, so that every error is told. A profile that nobody includes is looked at with nothing
    /// known of its parameters.
    pub(super) fn check_items(&mut self, left_out: bool) {
        for id in self.own_items() {
            let item = self.item(id);
            let (span, node, used) = (item.span, item.node, item.used);
            if item.left_out == left_out {
                match node {
                    Node::Profile(tree) if !used => self.check_profile(id, tree),
                    _ => {
                        self.value(id, span);
                    }
                }
            }
        }
    }

    /// The groups and then the services of the project, as far as they could be worked out and this target takes them; each sorted.
    pub(super) fn names_of_ends(&self) -> Vec<Named> {
        let (mut groups, mut services) = (Vec::new(), Vec::new());
        for id in self.own_items() {
            let item = self.item(id);
            let State::Done(Some(value)) = &item.value else {
                continue;
            };
            let (all, ends) = match (&item.node, value) {
                (Node::Group(_), Value::Ends(ends)) if !ends.unknown => {
                    (&mut groups, vec![ends.set.clone()])
                }
                (Node::Service(_), Value::Service(service)) => {
                    let entries = service.entries.iter();
                    (
                        &mut services,
                        entries.map(|(ends, _)| ends.clone()).collect(),
                    )
                }
                _ => continue,
            };
            if !item.left_out {
                let name = self.full_name(id);
                all.push(Named { name, ends });
            }
        }
        for all in [&mut groups, &mut services] {
            all.sort_by(|a, b| a.name.cmp(&b.name));
        }
        groups.extend(services);
        groups
    }

    /// Finds the names that nobody uses.
    pub(super) fn check_unused(&mut self) {
        let is_error = |one: &crate::diagnostic::Diagnostic| {
            one.severity == crate::diagnostic::Severity::Error
        };
        if self.broken || self.out.iter().any(is_error) {
            return;
        }
        for id in self.own_items() {
            let item = self.item(id);
            if !item.used && !item.left_out {
                self.report(errors::unused_name(item.node.word(), &item.name, item.span));
            }
        }
        let unused: Vec<_> = self
            .uses
            .iter()
            .filter(|one| !one.used && one.target.is_some() && !one.left_out)
            .map(|one| errors::unused_name("use", &super::scope::dotted(one.path), one.path.span))
            .collect();
        self.out.extend(unused);
    }
}
