//! Sets of pods to label selectors of Cilium.
//!
//! Every key carries its source (`k8s:`), so that no label of another source can answer for it. A namespace is always said, by name or by
//! `Exists`: a selector with negative requirements only would also match health endpoints, the ingress proxy and, with node labels on, nodes.

use smol_str::{SmolStr, format_smolstr};

use super::manifest::{Expression, LabelSelector, Operator};
use crate::space::{Pods, ValueSet};

/// The label with the name of a pod's namespace.
pub(super) const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";
/// What precedes the key of a namespace's label.
pub(super) const NAMESPACE_LABELS: &str = "k8s:io.cilium.k8s.namespace.labels.";
/// The label with the name of a pod's service account.
pub(super) const SERVICE_ACCOUNT: &str = "k8s:io.cilium.k8s.policy.serviceaccount";

/// Where a selector stands: what Cilium adds to it by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// `endpointSelector` of a CiliumNetworkPolicy: the namespace is the object's own.
    NamespacedSubject,
    /// Anywhere else: nothing that we rely on.
    Elsewhere,
}

/// The selectors whose union is the set. Several where a key may be absent or have one of some values, which no single requirement says.
/// The set holds no relation to the subject's namespace.
pub(super) fn selectors(pods: &Pods, place: Place) -> Vec<LabelSelector> {
    let mut requirements: Vec<(SmolStr, ValueSet)> = Vec::new();
    if place == Place::Elsewhere {
        // A namespace is never absent: the guard is part of the set.
        requirements.push((
            SmolStr::new_static(NAMESPACE),
            pods.namespaces.names.intersect(&ValueSet::present()),
        ));
    }
    for (key, values) in pods.namespaces.labels.iter() {
        requirements.push((format_smolstr!("{NAMESPACE_LABELS}{key}"), values.clone()));
    }
    if !pods.service_account.is_any() {
        requirements.push((
            SmolStr::new_static(SERVICE_ACCOUNT),
            pods.service_account.clone(),
        ));
    }
    for (key, values) in pods.labels.iter() {
        requirements.push((format_smolstr!("k8s:{key}"), values.clone()));
    }
    let mut all = vec![LabelSelector::default()];
    for (key, values) in &requirements {
        let choices = choices(values);
        all = all
            .iter()
            .flat_map(|so_far| {
                choices.iter().map(move |choice| {
                    let mut selector = so_far.clone();
                    require(&mut selector, key, choice);
                    selector
                })
            })
            .collect();
    }
    all
}

/// The set as a union of what one selector can say about a key.
fn choices(values: &ValueSet) -> Vec<ValueSet> {
    match values {
        ValueSet::In(among) if among.len() > 1 && among.contains(&None) => vec![
            ValueSet::absent(),
            ValueSet::In(among.iter().flatten().cloned().map(Some).collect()),
        ],
        _ => vec![values.clone()],
    }
}

fn require(selector: &mut LabelSelector, key: &SmolStr, values: &ValueSet) {
    let named = |values: &[Option<SmolStr>]| values.iter().flatten().cloned().collect::<Vec<_>>();
    let mut expression = |operator, values| {
        selector.match_expressions.push(Expression {
            key: key.clone(),
            operator,
            values,
        });
    };
    match values {
        ValueSet::In(among) => match &among[..] {
            [Some(value)] => selector.match_labels.push((key.clone(), value.clone())),
            [None] => expression(Operator::DoesNotExist, Vec::new()),
            among => expression(Operator::In, named(among)),
        },
        ValueSet::NotIn(not) => {
            if not.contains(&None) {
                expression(Operator::Exists, Vec::new());
            }
            let not = named(not);
            if !not.is_empty() {
                expression(Operator::NotIn, not);
            }
        }
    }
}

/// A label key that Cilium keeps out of identities by default: to a selector it never exists, so an allow is dead and a deny fails open.
/// The prefixes are those of the default label filter; the last since 1.19.
pub(super) fn is_filtered(key: &str, version: (u16, u16)) -> bool {
    const PREFIXES: [&str; 14] = [
        "io.kubernetes",
        "kubernetes.io",
        "k8s.io",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/controller-uid",
        "pod-template-generation",
        "pod-template-hash",
        "controller-revision-hash",
        "controller-uid",
        "annotation",
        "etcd_node",
        "topology.kubernetes.io",
    ];
    const INCLUDED: [&str; 4] = [
        "io.kubernetes.pod.namespace",
        "io.cilium.k8s.namespace.labels",
        "io.cilium.k8s.policy.cluster",
        "io.cilium.k8s.policy.serviceaccount",
    ];
    if key.starts_with("app.kubernetes.io") || INCLUDED.iter().any(|one| key.starts_with(one)) {
        return false;
    }
    let known = if version >= (1, 19) {
        &PREFIXES[..]
    } else {
        &PREFIXES[..13]
    };
    known.iter().any(|prefix| key.starts_with(prefix)) || key.contains("beta.kubernetes.io")
}

/// The longest name part that an unqualified namespace label key may have: the prefix that Cilium puts before it counts, up to 1.19.
pub(super) fn longest_namespace_key(version: (u16, u16)) -> usize {
    if version >= (1, 20) { 32 } else { 28 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Namespaces, Selector};

    #[test]
    fn an_absent_or_valued_key_takes_two_selectors() {
        let pods = Pods {
            namespaces: Namespaces::named("blue"),
            labels: Selector::any().with(
                "tier",
                &ValueSet::In(vec![None, Some(SmolStr::new_static("web"))]),
            ),
            service_account: ValueSet::any(),
        };
        let all = selectors(&pods, Place::Elsewhere);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].match_expressions[0].operator, Operator::DoesNotExist);
        assert_eq!(all[1].match_labels.len(), 2);
    }

    #[test]
    fn every_namespace_is_said_by_existence() {
        let all = selectors(&Pods::any(), Place::Elsewhere);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].match_expressions[0].operator, Operator::Exists);
        assert_eq!(all[0].match_expressions[0].key, NAMESPACE);
    }

    #[test]
    fn filtered_keys_depend_on_the_version() {
        assert!(!is_filtered("app.kubernetes.io/name", (1, 20)));
        assert!(is_filtered("pod-template-hash", (1, 17)));
        assert!(is_filtered("kubernetes.io/os", (1, 17)));
        assert!(is_filtered(
            "failure-domain.beta.kubernetes.io/zone",
            (1, 17)
        ));
        assert!(!is_filtered("topology.kubernetes.io/zone", (1, 18)));
        assert!(is_filtered("topology.kubernetes.io/zone", (1, 19)));
    }
}
