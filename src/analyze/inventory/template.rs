//! What policies can see of a pod, out of a pod or of a template of pods.
//!
//! Takes: the object that has it. Gives: a [`Template`]. Only the fields that a policy depends on are read; of these, what the API server would refuse
//! is reported.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::NamedPorts;
use crate::backend::read::document::{Document, Fields, get, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::space::Transport;

/// What a policy can see of a pod.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Template {
    /// Its labels.
    pub(super) labels: BTreeMap<SmolStr, SmolStr>,
    /// Its service account.
    pub(super) service_account: SmolStr,
    /// The names of its ports; of two of one name the first counts, as in services.
    pub(super) named_ports: NamedPorts,
    /// `hostNetwork`
    pub(super) host_network: bool,
}

/// Where an object of a kind has its pods: the maps on the way; `None` if it is of no kind that has any.
pub(super) fn way(document: &Document) -> Option<&'static [&'static str]> {
    let group = match document.api_version.split_once('/') {
        Some((group, _)) => group,
        None => "",
    };
    match (group, document.kind.as_str()) {
        ("", "Pod") => Some(&[]),
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet")
        | ("apps", "StatefulSet")
        | ("batch", "Job")
        | ("argoproj.io", "Rollout")
        | ("apps.openshift.io", "DeploymentConfig") => Some(&["spec", "template"]),
        ("batch", "CronJob") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// The pod of an object, or its template; `None` if it has none, which is reported if it must have one.
pub(super) fn template(
    document: &Document,
    way: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Template> {
    let mut node = &document.node;
    let mut path = String::new();
    for step in way {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(step);
        match get(node, step) {
            Some(next) if next.value != Value::Null => node = next,
            // A rollout may point to a deployment instead.
            _ if document.kind == "Rollout" => return None,
            _ => {
                let why = format!("{path}: Required value");
                diagnostics.push(invalid(document.span(), why));
                return None;
            }
        }
    }
    pod(node, path, diagnostics)
}

fn pod(node: &Node, path: String, diagnostics: &mut Diagnostics) -> Option<Template> {
    let mut fields = Fields::of(node, path, diagnostics)?;
    let mut made = Template {
        service_account: SmolStr::new_static("default"),
        ..Template::default()
    };
    if let Some(mut metadata) = fields.map("metadata", diagnostics) {
        let labels = metadata.strings("labels", diagnostics);
        made.labels = labels.unwrap_or_default().into_iter().collect();
    }
    let mut spec = fields.map("spec", diagnostics)?;
    for key in ["serviceAccount", "serviceAccountName"] {
        if let Some(name) = spec.text(key, diagnostics).filter(|name| !name.is_empty()) {
            made.service_account = name.clone();
        }
    }
    made.host_network = spec.boolean("hostNetwork", diagnostics).unwrap_or(false);
    for key in ["containers", "initContainers"] {
        let list = spec.list(key, diagnostics).unwrap_or_default();
        for (at, node) in list.iter().enumerate() {
            let path = format!("{}[{at}]", spec.at(key));
            let Some(mut container) = Fields::of(node, path, diagnostics) else {
                continue;
            };
            // An init container has ended when the pod is reached, unless it is a sidecar.
            let policy = container.text("restartPolicy", diagnostics);
            if key == "containers" || policy.is_some_and(|policy| policy == "Always") {
                ports(&mut container, &mut made.named_ports, diagnostics);
            }
        }
    }
    Some(made)
}

fn ports(container: &mut Fields<'_>, named: &mut NamedPorts, diagnostics: &mut Diagnostics) {
    let list = container.list("ports", diagnostics).unwrap_or_default();
    for (at, node) in list.iter().enumerate() {
        let path = format!("{}[{at}]", container.at("ports"));
        let Some(mut port) = Fields::of(node, path, diagnostics) else {
            continue;
        };
        let number = number(&mut port, "containerPort", diagnostics);
        let transport = transport(&mut port, diagnostics);
        let name = port.text("name", diagnostics);
        if let (Some(number), Some(transport), Some(name)) = (number, transport, name) {
            named.entry((transport, name.clone())).or_insert(number);
        }
    }
}

/// `protocol`, TCP if it is not said.
pub(super) fn transport(port: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Transport> {
    let Some(word) = port.text("protocol", diagnostics) else {
        return Some(Transport::Tcp);
    };
    let known = Transport::ALL.into_iter().find(|one| one.upper() == word);
    if known.is_none() {
        let why = format!("{}: Unsupported value: {word:?}", port.at("protocol"));
        diagnostics.push(invalid(port.span, why));
    }
    known
}

/// A port's number.
pub(super) fn number(
    port: &mut Fields<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<u16> {
    let number = port.int(key, diagnostics)?;
    let fits = u16::try_from(number).ok().filter(|number| *number > 0);
    if fits.is_none() {
        let why = format!(
            "{}: Invalid value: {number}: must be between 1 and 65535, inclusive",
            port.at(key)
        );
        diagnostics.push(invalid(port.span, why));
    }
    fits
}
