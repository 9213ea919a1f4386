//! The workloads that a cluster has, or will have.
//!
//! Takes: objects, as `kubectl get -o yaml`, Helm or kustomize print them. Gives: an [`Inventory`]: each workload once, as a pod that policies can be asked
//! about, and the services before them. Pods stand under their outermost owner, and an owner without pods under its template. Knows no disk, and not
//! what a policy is.
//!
//! **What a workload is.** Pods of one owner that are alike to every policy. What its controller writes on each pod by itself ([`OF_CONTROLLERS`]) tells them not
//! apart. A pod that differs from its owner's template in another label is a workload of its own, under its own name. A pod that has ended has no address, and
//! is none.

mod owners;
mod template;

use std::collections::BTreeMap;

use smol_str::SmolStr;

use self::owners::Held;
use self::template::Template;
use crate::backend::read::document::{Document, Fields, get};
use crate::backend::read::yaml::Value;
use crate::diagnostic::{Diagnostics, nearest};
use crate::model::Namespace;
use crate::source::Span;
use crate::space::{
    AddressSet, EndpointSet, Namespaces, Pod, Pods, PortSet, Ranges, Selector, Transport, ValueSet,
};

/// Labels that controllers of Kubernetes, and of Argo Rollouts, write on each pod by themselves, with values that nobody knows beforehand.
pub const OF_CONTROLLERS: [&str; 11] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Names of ports, with their numbers.
pub type NamedPorts = BTreeMap<(Transport, SmolStr), u16>;

/// What a cluster holds that policies are about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inventory {
    /// The workloads, sorted by name.
    pub workloads: Vec<Workload>,
    /// The services that select pods, sorted by name.
    pub services: Vec<Service>,
    /// What was taken to be so and not said, one sentence each.
    pub assumed: Vec<String>,
}

/// Pods that are alike to every policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workload {
    /// `shop/deployment/web`
    pub name: SmolStr,
    /// Any of its pods.
    pub pod: Pod,
    /// Whether its pods are on their node's network: policies then see the node.
    pub host_network: bool,
    /// Where it is written.
    pub span: Span,
}

impl Workload {
    /// It as an end in the words of the algebra, with the labels that it has; that it has no others is not said.
    pub fn end(&self) -> EndpointSet {
        if self.host_network {
            return EndpointSet {
                nodes: AddressSet::full(),
                ..EndpointSet::empty()
            };
        }
        let labels = self.pod.labels.iter();
        EndpointSet::of_pods([Pods {
            namespaces: Namespaces::named(self.pod.namespace.clone()),
            labels: labels.fold(Selector::any(), |all, (key, value)| {
                all.with(key, &ValueSet::one(value.clone()))
            }),
            service_account: ValueSet::one(self.pod.service_account.clone()),
        }])
    }

    /// The names of its ports; a node's ports have none.
    pub fn named_ports(&self) -> NamedPorts {
        match self.host_network {
            true => NamedPorts::new(),
            false => self.pod.named_ports.clone(),
        }
    }
}

/// A service that selects pods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// `shop/service/web`
    pub name: SmolStr,
    /// Its namespace.
    pub namespace: SmolStr,
    /// The labels of its pods.
    pub selector: BTreeMap<SmolStr, SmolStr>,
    /// The ports of its pods: by number or by name.
    pub ports: Vec<(Transport, PodPort)>,
    /// Where it is written.
    pub span: Span,
}

/// `targetPort`
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PodPort {
    /// By number.
    Number(u16),
    /// By the name that the pod gives it.
    Name(SmolStr),
}

impl Service {
    /// Whether a pod is behind it.
    pub fn selects(&self, pod: &Pod) -> bool {
        self.namespace == pod.namespace
            && self
                .selector
                .iter()
                .all(|(key, value)| pod.labels.get(key) == Some(value))
    }

    /// The ports of its pods that it leads to: numbers, and names that each pod numbers by itself.
    pub fn leads_to(&self) -> PortSet {
        let mut ports = PortSet::empty();
        for (transport, port) in &self.ports {
            match port {
                PodPort::Number(number) => {
                    let at = ports.transport_mut(*transport);
                    *at = at.union(&Ranges::of(*number, *number));
                }
                PodPort::Name(name) => {
                    ports.named.insert((*transport, name.clone()));
                }
            }
        }
        ports
    }
}

impl Inventory {
    /// What objects come to. `namespaces` are the declared ones, sorted by name: their labels are known. What is no whole object is reported.
    pub fn of(
        documents: &[Document],
        namespaces: &[Namespace],
        diagnostics: &mut Diagnostics,
    ) -> Inventory {
        let mut held = Held::default();
        let mut services: BTreeMap<SmolStr, Service> = BTreeMap::new();
        let mut homeless: Vec<String> = Vec::new();
        for document in documents {
            let known = match (document.kind.as_str(), document.api_version.as_str()) {
                ("Service", "v1") => {
                    if let Some(service) = service(document, diagnostics) {
                        services.insert(service.name.clone(), service);
                    }
                    true
                }
                _ => held.add(document, diagnostics),
            };
            if known && document.namespace.is_none() {
                homeless.push(format!("`{}`", document.spoken()));
            }
        }
        let mut inventory = Inventory {
            services: services.into_values().collect(),
            ..Inventory::default()
        };
        inventory.workloads = held.workloads(&mut inventory.assumed);
        if !homeless.is_empty() {
            homeless.sort_unstable();
            homeless.dedup();
            inventory.assumed.push(format!(
                "{} without a namespace: taken to be in `default`",
                some_of(&homeless, "objects")
            ));
        }
        inventory.settle(namespaces);
        inventory
    }

    /// Gives the pods the labels of their namespaces.
    fn settle(&mut self, namespaces: &[Namespace]) {
        let mut unknown: Vec<String> = Vec::new();
        for workload in &mut self.workloads {
            let name = &workload.pod.namespace;
            match namespaces.binary_search_by(|known| known.name.cmp(name)) {
                Ok(at) => {
                    workload.pod.namespace_labels = namespaces[at].labels.iter().cloned().collect();
                }
                Err(_) => unknown.push(format!("`{name}`")),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            self.assumed.push(format!(
                "{} without labels but their names: no namespace of that name is given",
                some_of(&unknown, "namespaces")
            ));
        }
    }

    /// The workload of a name.
    ///
    /// # Errors
    /// If there is none: a sentence with a way out.
    pub fn workload(&self, name: &str) -> Result<&Workload, String> {
        let found = self
            .workloads
            .binary_search_by(|known| known.name.as_str().cmp(name));
        if let Ok(at) = found {
            return Ok(&self.workloads[at]);
        }
        let known = self.workloads.iter().map(|one| one.name.as_str());
        Err(match nearest(name, known) {
            Some(near) => {
                format!("the inventory has no workload `{name}`: did you mean `{near}`?")
            }
            None if self.workloads.is_empty() => {
                format!("there is no workload `{name}`: no inventory is given (`--inventory`)")
            }
            None => format!(
                "the inventory has no workload `{name}`; it has {}",
                some_of(
                    &self
                        .workloads
                        .iter()
                        .map(|one| format!("`{}`", one.name))
                        .collect::<Vec<_>>(),
                    "workloads"
                )
            ),
        })
    }

    /// The service of a name, `shop/service/web`, or without the namespace if only one has it: `service/web`.
    ///
    /// # Errors
    /// If there is none, or more than one: a sentence with a way out.
    pub fn service(&self, name: &str) -> Result<&Service, String> {
        let matches = |service: &&Service| {
            service.name == name
                || service
                    .name
                    .split_once('/')
                    .is_some_and(|(_, short)| short == name)
        };
        let mut found = self.services.iter().filter(matches);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => Err(format!(
                "`{name}` may be `{}` or `{}`",
                one.name, other.name
            )),
            _ => {
                let known = self.services.iter().map(|one| one.name.as_str());
                Err(match nearest(name, known) {
                    Some(near) => {
                        format!("the inventory has no service `{name}`: did you mean `{near}`?")
                    }
                    None if self.services.is_empty() => format!(
                        "there is no service `{name}`: none that selects pods is in the inventory (`--inventory`)"
                    ),
                    None => format!("the inventory has no service `{name}`"),
                })
            }
        }
    }

    /// The workloads behind a service.
    pub fn behind<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Workload> {
        self.workloads
            .iter()
            .filter(|workload| service.selects(&workload.pod))
    }
}

/// Whether a text has the form of a service's name: `shop/service/web`, or `service/web`.
pub fn is_service_name(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('/').collect();
    if parts.len() == 2 {
        parts.insert(0, "any");
    }
    parts.get(1) == Some(&"service") && is_workload_name(&parts.join("/"))
}

/// Whether a text has the form of a workload's name: `shop/deployment/web`.
pub fn is_workload_name(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let word = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    match parts[..] {
        [namespace, kind, name] => {
            word(namespace)
                && word(name)
                && !kind.is_empty()
                && kind.chars().all(|c| c.is_ascii_lowercase())
        }
        _ => false,
    }
}

/// Up to three of many, and how many there are.
fn some_of(all: &[String], word: &str) -> String {
    const FEW: usize = 3;
    match all.len() {
        0..=FEW => all.join(", "),
        many => format!("{} and others ({many} {word})", all[..FEW].join(", ")),
    }
}

/// A service, if it selects pods.
fn service(document: &Document, diagnostics: &mut Diagnostics) -> Option<Service> {
    let namespace = home(document);
    let name = format!("{namespace}/service/{}", document.name).into();
    let mut fields = document.fields();
    let mut spec = fields.map("spec", diagnostics)?;
    let selector = spec.strings("selector", diagnostics)?;
    let external = spec
        .text("type", diagnostics)
        .is_some_and(|kind| kind == "ExternalName");
    if selector.is_empty() || external {
        return None;
    }
    let mut ports = Vec::new();
    let list = spec.list("ports", diagnostics).unwrap_or_default();
    for (at, node) in list.iter().enumerate() {
        let path = format!("spec.ports[{at}]");
        let Some(mut port) = Fields::of(node, path, diagnostics) else {
            continue;
        };
        let transport = template::transport(&mut port, diagnostics)?;
        let own = template::number(&mut port, "port", diagnostics);
        let target = match get(node, "targetPort").map(|node| &node.value) {
            Some(Value::Text(name)) => Some(PodPort::Name(name.clone())),
            Some(Value::Null) | None => own.map(PodPort::Number),
            Some(_) => template::number(&mut port, "targetPort", diagnostics).map(PodPort::Number),
        };
        ports.extend(target.map(|target| (transport, target)));
    }
    Some(Service {
        name,
        namespace,
        selector: selector.into_iter().collect(),
        ports,
        span: document.span(),
    })
}

/// The namespace of an object.
fn home(document: &Document) -> SmolStr {
    let namespace = document.namespace.clone();
    namespace.unwrap_or_else(|| SmolStr::new_static("default"))
}

impl Template {
    /// The workload of this template.
    fn workload(&self, namespace: &SmolStr, name: SmolStr, span: Span) -> Workload {
        Workload {
            name,
            pod: Pod {
                namespace: namespace.clone(),
                namespace_labels: BTreeMap::new(),
                labels: self.labels.clone(),
                service_account: self.service_account.clone(),
                named_ports: self.named_ports.clone(),
            },
            host_network: self.host_network,
            span,
        }
    }
}
