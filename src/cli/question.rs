//! The ends and ports of a question, in the words of the language or as names of the inventory.
//!
//! Takes: what the command line says. Gives: [`Asked`], in the model's terms. What is in the language's words is read by its own parser, as a test in a file beside the project's, so that it means
//! what it means there and errors point into the question; what is a workload or a service of the inventory is put in its place afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use super::Failure;
use crate::analyze::inventory::{
    Inventory, NamedPorts, Service, Workload, is_service_name, is_workload_name,
};
use crate::analyze::{Focus, Side};
use crate::compile::Compilation;
use crate::model::{Check, Program};
use crate::space::PortSet;

/// The file that holds a question's ends.
pub(super) const FILE: &str = "<question>.vau";

/// The ends of a question in the words of the language, or as names of workloads and services; what is left out is everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Who opens connections.
    pub(crate) from: Option<String>,
    /// To whom.
    pub(crate) to: Option<String>,
    /// On which ports.
    pub(crate) ports: Option<String>,
}

/// Whether a text is a name of the inventory.
fn is_name(text: &str) -> bool {
    is_workload_name(text) || is_service_name(text)
}

impl Ends {
    /// Whether anything is asked for.
    pub(crate) fn any(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.ports.is_some()
    }

    /// Whether a name of the inventory is among them.
    pub(super) fn has_names(&self) -> bool {
        let mut all = [&self.from, &self.to, &self.ports].into_iter().flatten();
        all.any(|text| is_name(text))
    }

    /// As a test of the language; what it claims is not asked. Names of the inventory are left out of it.
    pub(super) fn source(&self) -> String {
        // A line of its own for each part: an error then shows the part.
        let written = |text: &Option<String>| {
            let text = text.as_ref().filter(|text| !is_name(text));
            text.map(|text| text.replace(['\n', '\r'], " "))
        };
        let end = |text| written(text).unwrap_or_else(|| "anywhere".to_owned());
        let (verb, ports) = match written(&self.ports) {
            Some(ports) => ("can", format!(" on {ports}")),
            // Only this verb takes all ports.
            None => ("cannot", String::new()),
        };
        format!(
            "test \"question\" {{\n  {verb} {} -> {}{ports}\n}}\n",
            end(&self.from),
            end(&self.to)
        )
    }
}

impl std::fmt::Display for Ends {
    /// `pods{app=web} in shop -> anywhere on tcp 80`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |text: &Option<String>| text.clone().unwrap_or_else(|| "anywhere".to_owned());
        write!(f, "{} -> {}", end(&self.from), end(&self.to))?;
        match &self.ports {
            Some(ports) => write!(f, " on {ports}"),
            None => Ok(()),
        }
    }
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Its ends, and the ports of each destination; a name of a port is one of the destination's. The verb means nothing.
    pub(crate) check: Check,
    /// The names of the workloads that are the ends, where one is, and has pods of its own: on the network of a node it is the node.
    pub(crate) workloads: [Option<SmolStr>; 2],
    /// Whether the pods of the ends are those of workloads, all of whose labels are known.
    whole: [bool; 2],
    /// The workloads that are the destinations.
    destinations: Vec<Workload>,
}

impl Asked {
    /// The question of a compilation of [`FILE`].
    pub(super) fn of(program: &Program, compilation: &Compilation) -> Option<Self> {
        let test = program.tests.iter().find(|test| {
            let source = compilation.sources.get(test.span.file);
            &*source.path == FILE
        })?;
        Some(Asked {
            check: test.checks.first().cloned()?,
            workloads: [None, None],
            whole: [false; 2],
            destinations: Vec::new(),
        })
    }

    /// Puts the workloads and services that ends name in their places.
    ///
    /// # Errors
    /// If the inventory has them not, or they do not go together: a sentence with a way out.
    pub(super) fn place(&mut self, ends: &Ends, inventory: &Inventory) -> Result<(), Failure> {
        let own_name = |workload: &Workload| match workload.host_network {
            true => None,
            false => Some(workload.name.clone()),
        };
        match &ends.from {
            Some(name) if is_service_name(name) => {
                return Err(Failure::new(format!(
                    "`{name}` is a service, which opens no connections: name a workload behind it"
                )));
            }
            Some(name) if is_workload_name(name) => {
                let workload = inventory.workload(name).map_err(Failure::new)?;
                self.workloads[0] = own_name(workload);
                self.whole[0] = true;
                self.check.from = workload.end();
            }
            _ => {}
        }
        let service = |text: &Option<String>| {
            let name = text.as_deref().filter(|text| is_service_name(text));
            let found = name.map(|name| inventory.service(name).map_err(Failure::new));
            found.transpose()
        };
        match (service(&ends.to)?, service(&ends.ports)?) {
            (Some(_), _) if ends.ports.is_some() => {
                let why = "a service has its own ports: leave the ports out";
                return Err(Failure::new(why));
            }
            (Some(service), _) => self.ask_of_service(service, inventory)?,
            (None, Some(service)) => self.on_ports_of(service, ends, inventory)?,
            (None, None) => {
                if let Some(name) = ends.to.as_ref().filter(|name| is_workload_name(name)) {
                    let workload = inventory.workload(name).map_err(Failure::new)?;
                    self.workloads[1] = own_name(workload);
                    self.ask_of_workloads(&[workload], None);
                }
            }
        }
        Ok(())
    }

    /// Whether workloads are the destinations, by their own names or a service's.
    pub(crate) fn is_to_workloads(&self) -> bool {
        !self.destinations.is_empty()
    }

    fn ask_of_service(&mut self, service: &Service, inventory: &Inventory) -> Result<(), Failure> {
        let behind: Vec<&Workload> = inventory.behind(service).collect();
        if behind.is_empty() {
            return Err(Failure::new(format!(
                "the inventory has no workload behind `{}`: give it the pods that the service selects",
                service.name
            )));
        }
        self.ask_of_workloads(&behind, Some(service.leads_to()));
        Ok(())
    }

    /// The ports of a service, of whoever is asked about.
    fn on_ports_of(
        &mut self,
        service: &Service,
        ends: &Ends,
        inventory: &Inventory,
    ) -> Result<(), Failure> {
        match &ends.to {
            None => self.ask_of_service(service, inventory),
            Some(name) if is_workload_name(name) => {
                let workload = inventory.workload(name).map_err(Failure::new)?;
                if !service.selects(&workload.pod) {
                    return Err(Failure::new(format!(
                        "`{name}` is not behind `{}`: name another service, or its ports",
                        service.name
                    )));
                }
                self.workloads[1] = Some(workload.name.clone()).filter(|_| !workload.host_network);
                self.ask_of_workloads(&[workload], Some(service.leads_to()));
                Ok(())
            }
            Some(_) => {
                for (_, ports) in &mut self.check.to {
                    if !ports.is_all() {
                        let why = "a service has its own ports: leave the ports out";
                        return Err(Failure::new(why));
                    }
                    *ports = service.leads_to();
                }
                Ok(())
            }
        }
    }

    fn ask_of_workloads(&mut self, all: &[&Workload], on: Option<PortSet>) {
        let asked = self.check.to.first();
        let asked = asked.map_or_else(PortSet::all, |(_, ports)| ports.clone());
        let ports = on.unwrap_or(asked);
        let ends = all.iter().map(|one| (one.end(), ports.clone()));
        self.check.to = ends.collect();
        self.whole[1] = true;
        self.destinations = all.iter().map(|one| (*one).clone()).collect();
    }

    /// The numbers that the names of the destinations' ports are known to have; nothing where the destinations are not known workloads.
    ///
    /// # Errors
    /// If one name has several numbers.
    fn numbers(&self) -> Result<Option<NamedPorts>, Failure> {
        let Some((first, rest)) = self.destinations.split_first() else {
            return Ok(None);
        };
        let numbers = first.named_ports();
        match rest.iter().find(|other| other.named_ports() != numbers) {
            None => Ok(Some(numbers)),
            Some(other) => Err(Failure::new(format!(
                "the ports of `{}` and of `{}` are not called alike: ask about one of them",
                first.name, other.name
            ))),
        }
    }

    /// The question without names of ports, as far as their numbers are known, and these numbers.
    ///
    /// # Errors
    /// If one name has several numbers.
    pub(crate) fn numbered(&self) -> Result<(Check, NamedPorts), Failure> {
        let mut check = self.check.clone();
        let Some(numbers) = self.numbers()? else {
            return Ok((check, NamedPorts::new()));
        };
        for (_, ports) in &mut check.to {
            *ports = ports.resolved(|name| numbers.get(name).copied());
        }
        Ok((check, numbers))
    }

    /// The question as what a comparison is about.
    ///
    /// # Errors
    /// If one name has several numbers.
    pub(crate) fn focus(&self) -> Result<Focus, Failure> {
        let (check, numbers) = self.numbered()?;
        Ok(Focus {
            check,
            whole: self.whole,
            ports: Some(numbers).filter(|_| self.whole[1]),
        })
    }

    /// Makes a side know the namespaces that the question names and nobody declares: what it decides is asked of one namespace after the other.
    pub(super) fn mention(&self, side: &mut Side) {
        if side.program.cluster.namespaces_closed {
            return;
        }
        let asked = &self.check;
        let ends = asked.to.iter().map(|(end, _)| end).chain([&asked.from]);
        let pods = ends.flat_map(|end| &end.pods);
        let names = pods.flat_map(|pods| pods.namespaces.names.mentioned().iter().flatten());
        let new: BTreeSet<SmolStr> = names
            .filter(|name| {
                side.program.namespace(name).is_none() && !side.program.undeclared.contains(name)
            })
            .cloned()
            .collect();
        if !new.is_empty() {
            let undeclared = &mut Arc::make_mut(&mut side.program).undeclared;
            undeclared.extend(new);
            undeclared.sort_unstable();
        }
    }
}
