//! `std.x.y{SELECTOR} in NAMESPACES`: an entry of the library with another selector and other namespaces than its own.
//!
//! Takes what is written behind a name. Gives the entry's ends with it: its pods are replaced, whatever else it stands for (addresses
//! beside pods) stays, and so do the ports of a service. Only pods can be replaced, and only those of the library: of a name of the
//! project its author says what it means.

use std::rc::Rc;

use super::items::Service;
use super::scope::{ModuleId, dotted};
use super::{Cx, endpoints, errors};
use crate::source::Span;
use crate::space::{EndpointSet, Namespaces, Pods, Selector};
use crate::syntax::ast;

/// What is written behind a name.
#[derive(Clone, Copy)]
pub(super) struct Written<'n> {
    pub(super) selector: Option<&'n ast::Selector>,
    pub(super) namespaces: Option<&'n ast::Namespaces>,
}

/// The same, resolved.
pub(super) struct Replaced {
    labels: Option<Selector>,
    namespaces: Option<Namespaces>,
}

impl<'n> Written<'n> {
    /// What the tree has of it.
    pub(super) fn of(instead: &'n Option<Box<ast::Instead>>) -> Self {
        let instead = instead.as_deref();
        Written {
            selector: instead.and_then(|instead| instead.selector.as_ref()),
            namespaces: instead.and_then(|instead| instead.namespaces.as_ref()),
        }
    }

    /// Where it begins, if there is something.
    pub(super) fn span(self) -> Option<Span> {
        let selector = self.selector.map(|selector| selector.span);
        selector.or(self.namespaces.map(|namespaces| namespaces.span))
    }
}

impl Cx<'_> {
    /// What is written behind a name, resolved where it is written: nothing, if nothing is. `pods` is whether the name stands for
    /// pods of an entry of the library. `None` if it may not stand there or is wrong; that is reported.
    pub(super) fn replaced(
        &mut self,
        module: ModuleId,
        path: &ast::Path,
        written: Written<'_>,
        (std, pods): (bool, bool),
    ) -> Option<Replaced> {
        if let Some(span) = written.span()
            && !(std && pods)
        {
            self.report(errors::not_replaceable(&dotted(path), span, std));
            return None;
        }
        let labels = match written.selector {
            Some(selector) => Some(self.selector(selector)?),
            None => None,
        };
        let namespaces = match written.namespaces {
            Some(namespaces) => Some(self.namespaces(module, namespaces)?),
            None => None,
        };
        Some(Replaced { labels, namespaces })
    }

    /// A service with what is written behind its name.
    pub(super) fn replaced_service(
        &mut self,
        module: ModuleId,
        path: &ast::Path,
        written: Written<'_>,
        (std, service): (bool, Rc<Service>),
    ) -> Option<Rc<Service>> {
        let pods = service
            .entries
            .iter()
            .any(|(ends, _)| !ends.pods.is_empty());
        let replaced = self.replaced(module, path, written, (std, pods))?;
        if written.span().is_none() {
            return Some(service);
        }
        let mut entries = Vec::with_capacity(service.entries.len());
        for (ends, ports) in &service.entries {
            let entry = (replaced.of(ends.clone()), ports.clone());
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Some(Rc::new(Service {
            entries,
            ..(*service).clone()
        }))
    }
}

impl Replaced {
    /// A set with the selector and namespaces of its pods replaced.
    pub(super) fn of(&self, mut set: EndpointSet) -> EndpointSet {
        if self.labels.is_some() || self.namespaces.is_some() {
            let pods = set.pods.into_iter().map(|pods| Pods {
                namespaces: self.namespaces.clone().unwrap_or(pods.namespaces),
                labels: self.labels.clone().unwrap_or(pods.labels),
                service_account: pods.service_account,
            });
            set.pods = endpoints::tidy(pods.collect());
        }
        set
    }
}
