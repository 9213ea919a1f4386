//! Whether a set of pods can have a pod, in a world where some namespaces are declared and the others are, or are not, closed.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Namespace;
use crate::space::{Pod, Pods, Selector, Value, ValueSet};

/// A pod of the set, as small as can be: declared namespaces first, labels only where they are required. `None` if no pod could be in it.
/// `namespaces` are the declared ones, sorted by name; `closed` says that there are no others. The set must hold no `same` relation.
pub fn inhabitant(namespaces: &[Namespace], closed: bool, pods: &Pods) -> Option<Pod> {
    debug_assert!(
        pods.namespaces.same.is_empty(),
        "relations are resolved before"
    );
    let labels = pick_labels(&pods.labels)?;
    let service_account = match &pods.service_account {
        accounts if accounts.contains(Some("default")) => SmolStr::new_static("default"),
        accounts => pick(accounts)?.unwrap_or_default(),
    };
    let pod = |namespace: SmolStr, namespace_labels| Pod {
        namespace,
        namespace_labels,
        labels: labels.clone(),
        service_account: service_account.clone(),
        ..Pod::default()
    };
    let fits = |namespace: &&Namespace| {
        pods.namespaces.names.contains(Some(&namespace.name))
            && pods.namespaces.labels.matches(|key| namespace.label(key))
    };
    let declared = match &pods.namespaces.names {
        ValueSet::In(names) => names
            .iter()
            .flatten()
            .filter_map(|name| {
                namespaces
                    .binary_search_by(|known| known.name.cmp(name))
                    .ok()
            })
            .map(|at| &namespaces[at])
            .find(fits),
        ValueSet::NotIn(_) => namespaces.iter().find(fits),
    };
    if let Some(namespace) = declared {
        return Some(pod(
            namespace.name.clone(),
            namespace.labels.iter().cloned().collect(),
        ));
    }
    if closed {
        return None;
    }
    let known = ValueSet::among(namespaces.iter().map(|namespace| namespace.name.clone()));
    let name = pick(
        &pods
            .namespaces
            .names
            .subtract(&known)
            .subtract(&ValueSet::absent()),
    )??;
    Some(pod(name, pick_labels(&pods.namespaces.labels)?))
}

fn pick_labels(selector: &Selector) -> Option<BTreeMap<SmolStr, SmolStr>> {
    let mut labels = BTreeMap::new();
    for (key, values) in selector.iter() {
        if let Some(value) = pick(values)? {
            labels.insert(key.clone(), value);
        }
    }
    Some(labels)
}

/// A value of the set: absence if it may be, else the first one that is said, else a fresh one.
fn pick(values: &ValueSet) -> Option<Value> {
    if values.contains(None) {
        return Some(None);
    }
    match values {
        ValueSet::In(values) => values.first().cloned(),
        ValueSet::NotIn(not) => (0..)
            .map(|n| {
                SmolStr::from(if n == 0 {
                    "other".to_owned()
                } else {
                    format!("other-{n}")
                })
            })
            .map(Some)
            .find(|value| !not.contains(value)),
    }
}
