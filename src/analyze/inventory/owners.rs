//! Which pods belong together: owners, and the owners of owners.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::template::{self, Template};
use super::{OF_CONTROLLERS, Workload, home};
use crate::backend::read::document::{Document, get, invalid};
use crate::backend::read::yaml::Value;
use crate::diagnostic::Diagnostics;
use crate::source::Span;

/// How many owners of owners are followed.
const HIGHEST: usize = 8;

/// Kind, in lower case, and name.
type Name = (SmolStr, SmolStr);

/// One object that has pods, or is one.
struct Object {
    template: Option<Template>,
    owner: Option<Name>,
    /// Whether it has no pods any more, and will get none: an ended pod, or an old revision.
    over: bool,
    span: Span,
}

/// The objects that have pods, by namespace.
#[derive(Default)]
pub(super) struct Held {
    objects: BTreeMap<SmolStr, BTreeMap<Name, Object>>,
}

/// The pods that one owner has.
#[derive(Default)]
struct Group {
    /// Of the owner itself.
    own: Option<(Template, Span)>,
    /// Of owners between, by name.
    between: Vec<(Name, Template, Span)>,
    /// The pods, by name.
    pods: Vec<(SmolStr, Template, Span)>,
}

impl Held {
    /// Adds an object; false if it is of no kind that has pods.
    pub(super) fn add(&mut self, document: &Document, diagnostics: &mut Diagnostics) -> bool {
        let Some(way) = template::way(document) else {
            return false;
        };
        let object = Object {
            template: template::template(document, way, diagnostics),
            owner: owner(document),
            over: over(document),
            span: document.span(),
        };
        let objects = self.objects.entry(home(document)).or_default();
        let name = (document.kind.to_lowercase().into(), document.name.clone());
        match objects.get(&name) {
            // The same object twice is applied twice.
            Some(known) if known.template == object.template => {}
            Some(known) => diagnostics.push(
                invalid(
                    object.span,
                    format!(
                        "`{}` stands here twice, and its pods are not alike",
                        document.spoken()
                    ),
                )
                .and(known.span, "also here"),
            ),
            None => {
                objects.insert(name, object);
            }
        }
        true
    }

    /// The workloads, sorted by name.
    pub(super) fn workloads(self, assumed: &mut Vec<String>) -> Vec<Workload> {
        let mut all = Vec::new();
        for (namespace, objects) in &self.objects {
            let mut groups: BTreeMap<Name, Group> = BTreeMap::new();
            for (name, object) in objects {
                let Some(template) = object.template.clone() else {
                    if name.0 == "rollout" {
                        assumed.push(format!(
                            "`{namespace}/{}/{}` has no template: only those of its pods that are given are known",
                            name.0, name.1
                        ));
                    }
                    continue;
                };
                if object.over {
                    continue;
                }
                let top = top(objects, name);
                let group = groups.entry(top.clone()).or_default();
                if name.0 == "pod" {
                    group.pods.push((name.1.clone(), template, object.span));
                } else if *name == top {
                    group.own = Some((template, object.span));
                } else {
                    group.between.push((name.clone(), template, object.span));
                }
            }
            for (name, group) in groups {
                group.into_workloads(namespace, &name, &mut all);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

/// The outermost owner, there or only named.
fn top(objects: &BTreeMap<Name, Object>, name: &Name) -> Name {
    let mut at = name.clone();
    for _ in 0..HIGHEST {
        let Some(owner) = objects.get(&at).and_then(|object| object.owner.clone()) else {
            break;
        };
        at = owner;
    }
    at
}

impl Group {
    fn into_workloads(self, namespace: &SmolStr, name: &Name, out: &mut Vec<Workload>) {
        let spoken: SmolStr = format!("{namespace}/{}/{}", name.0, name.1).into();
        let alone = |template: &Template| without_controllers(template, name);
        let own = self.own.map(|(template, span)| (alone(&template), span));
        // Of each kind of pod, the first one's name and place.
        let mut kinds: BTreeMap<Template, (SmolStr, Span)> = BTreeMap::new();
        for (pod, template, span) in self.pods {
            kinds.entry(alone(&template)).or_insert((pod, span));
        }
        if kinds.is_empty() {
            if let Some((template, span)) = own {
                out.push(template.workload(namespace, spoken, span));
                return;
            }
            let mut revisions: BTreeMap<Template, (Name, Span)> = BTreeMap::new();
            for (between, template, span) in self.between {
                revisions.entry(alone(&template)).or_insert((between, span));
            }
            let one = revisions.len() == 1;
            for (template, (between, span)) in revisions {
                let called = match one {
                    true => spoken.clone(),
                    false => format!("{namespace}/{}/{}", between.0, between.1).into(),
                };
                out.push(template.workload(namespace, called, span));
            }
            return;
        }
        // Pods say what they are; a template only what new ones will be.
        let main = match (&own, kinds.len()) {
            (_, 1) => kinds.keys().next().cloned(),
            (Some((template, _)), _) if kinds.contains_key(template) => Some(template.clone()),
            _ => None,
        };
        if main.is_none()
            && let Some((template, span)) = own
        {
            out.push(template.workload(namespace, spoken.clone(), span));
        }
        for (template, (pod, span)) in kinds {
            let called = match main.as_ref() == Some(&template) {
                true => spoken.clone(),
                false => format!("{namespace}/pod/{pod}").into(),
            };
            out.push(template.workload(namespace, called, span));
        }
    }
}

/// A template without the labels that its controller writes; a job's own name is known.
fn without_controllers(template: &Template, top: &Name) -> Template {
    let mut alone = template.clone();
    if top.0 == "pod" {
        return alone;
    }
    for key in OF_CONTROLLERS {
        alone.labels.remove(key);
    }
    if top.0 == "job" {
        for key in ["job-name", "batch.kubernetes.io/job-name"] {
            alone.labels.insert(key.into(), top.1.clone());
        }
    }
    alone
}

/// The object that controls this one.
fn owner(document: &Document) -> Option<Name> {
    let references = get(get(&document.node, "metadata")?, "ownerReferences")?;
    let Value::List(list) = &references.value else {
        return None;
    };
    let text = |node, key| match get(node, key).map(|node| &node.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let controls =
        |node: &&_| get(node, "controller").is_some_and(|node| node.value == Value::Bool(true));
    let reference = list.iter().find(controls)?;
    let (kind, name) = (text(reference, "kind")?, text(reference, "name")?);
    // A pod that a node's own files have made is nobody's.
    if kind == "Node" {
        return None;
    }
    // A revision is named after its owner and the hash that its pods carry.
    if kind == "ReplicaSet" && document.kind == "Pod" {
        for (key, owner) in [
            ("pod-template-hash", "deployment"),
            ("rollouts-pod-template-hash", "rollout"),
        ] {
            let hash = document.labels.iter().find(|(known, _)| known == key);
            let named = hash.and_then(|(_, hash)| name.strip_suffix(hash.as_str()));
            if let Some(named) = named.and_then(|named| named.strip_suffix('-')) {
                return Some((owner.into(), named.into()));
            }
        }
    }
    Some((kind.to_lowercase().into(), name))
}

/// Whether an object has no pods any more, and will get none.
fn over(document: &Document) -> bool {
    let field = |map: &str, key: &str| {
        get(&document.node, map)
            .and_then(|map| get(map, key))
            .map(|node| node.value.clone())
    };
    match document.kind.as_str() {
        "Pod" => matches!(
            field("status", "phase"),
            Some(Value::Text(phase)) if phase == "Succeeded" || phase == "Failed"
        ),
        "ReplicaSet" => {
            field("spec", "replicas") == Some(Value::Int(0)) && owner(document).is_some()
        }
        "Job" => matches!(field("status", "completionTime"), Some(Value::Text(_))),
        _ => false,
    }
}
