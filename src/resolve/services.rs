//! Services: (endpoint, port) pairs under a name.

use smol_str::SmolStr;

use super::items::{Argument, Service};
use super::ports::Traffic;
use super::scope::Scope;
use super::{Cx, LONGEST, errors};
use crate::space::{EndpointSet, Namespaces, Pods, Same, ValueSet};
use crate::syntax::ast;

impl Cx<'_> {
    /// `service NAME = PORTS on ENDPOINTS`, or other services under another name.
    pub(super) fn service(&mut self, scope: Scope<'_>, tree: &ast::Service) -> Option<Service> {
        let name: SmolStr = tree.name.value.clone();
        let span = tree.name.span;
        let Some(endpoints) = &tree.endpoints else {
            return match self.traffic(scope, &tree.ports)? {
                Traffic::Services(services) => {
                    let mut entries: Vec<(EndpointSet, crate::space::PortSet)> = Vec::new();
                    let mut foreign = Vec::new();
                    for service in services {
                        for entry in &service.entries {
                            if entries.len() >= LONGEST / 10 {
                                self.report(errors::too_many_terms(tree.ports.span));
                                return None;
                            }
                            if !entries.contains(entry) {
                                entries.push(entry.clone());
                            }
                        }
                        foreign.extend(service.foreign.iter().cloned());
                    }
                    Some(Service {
                        name,
                        entries,
                        foreign,
                        span,
                    })
                }
                Traffic::Ports(_) => {
                    self.report(errors::service_without_endpoints(&name, tree.ports.span));
                    None
                }
                Traffic::Unknown => None,
            };
        };
        let ports = self.ports(scope, &tree.ports);
        let ends = self.endpoints(scope, endpoints)?;
        let ports = ports?;
        Some(Service {
            name,
            entries: vec![(ends.set, ports)],
            foreign: ends.foreign,
            span,
        })
    }
}

impl Service {
    /// All its ends, whatever the port.
    pub(super) fn ends(&self) -> EndpointSet {
        self.entries
            .iter()
            .fold(EndpointSet::empty(), |all, (ends, _)| all.union(ends))
    }
}

impl Argument {
    /// What kind of thing it is.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Argument::Ends(_) => "endpoint",
            Argument::Ports(_) => "ports",
            Argument::Service(_) => "service",
            Argument::Unknown => "parameter",
        }
    }
}

/// The pods of a set that a relation to the subject's namespace holds for when they are the subject themselves.
pub(super) fn own(pods: &Pods) -> Pods {
    let mut own = Pods {
        namespaces: Namespaces {
            same: Vec::new(),
            ..pods.namespaces.clone()
        },
        ..pods.clone()
    };
    for same in &pods.namespaces.same {
        match same {
            Same::Namespace(true) => {}
            Same::Namespace(false) => own.namespaces.names = ValueSet::none(),
            Same::Label(key, is) => {
                // An absent label equals nothing, not even itself.
                let values = if *is {
                    ValueSet::present()
                } else {
                    ValueSet::absent()
                };
                own.namespaces.labels = own.namespaces.labels.with(key, &values);
            }
        }
    }
    own
}
