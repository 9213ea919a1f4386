//! The agent's label filter: which labels of a pod are part of its identity.

use super::identity::{CLUSTER, NAMESPACE, SERVICE_ACCOUNT};

/// Whether the agent's default label filter keeps a pod's label out of its identity: to a selector it then never exists
/// (`defaultLabelPrefixCfg`; the longest inclusion against the shortest exclusion, both at the start of the key).
pub(super) fn is_filtered(key: &str, version: (u16, u16)) -> bool {
    const IN: [&str; 5] = [
        NAMESPACE,
        "io.cilium.k8s.namespace.labels",
        "app.kubernetes.io",
        CLUSTER,
        SERVICE_ACCOUNT,
    ];
    const OUT: [&str; 12] = [
        "io.kubernetes",
        "kubernetes.io",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/controller-uid",
        "k8s.io",
        "pod-template-generation",
        "pod-template-hash",
        "controller-revision-hash",
        "controller-uid",
        "etcd_node",
    ];
    let of = |prefix: &&str| key.starts_with(prefix).then_some(prefix.len());
    let mut out: Vec<usize> = OUT.iter().filter_map(of).collect();
    if version >= (1, 19) {
        out.extend(of(&"topology.kubernetes.io"));
    }
    if key.starts_with("annotation") {
        out.push(key.len());
    }
    let beta = "beta.kubernetes.io";
    out.extend(key.rfind(beta).map(|at| at + beta.len()));
    let included = IN.iter().filter_map(of).max().unwrap_or(0);
    out.into_iter().min().is_some_and(|out| included <= out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_filter_is_the_default_one() {
        for key in [
            "io.kubernetes.container.name",
            "kubernetes.io/os",
            "pod-template-hash",
            "annotation.x",
            "failure-domain.beta.kubernetes.io/zone",
            "app.kubernetes.io/of.beta.kubernetes.io",
        ] {
            assert!(is_filtered(key, (1, 17)), "{key}");
        }
        for key in ["app", "app.kubernetes.io/name", NAMESPACE, SERVICE_ACCOUNT] {
            assert!(!is_filtered(key, (1, 20)), "{key}");
        }
        assert!(!is_filtered("topology.kubernetes.io/zone", (1, 18)));
        assert!(is_filtered("topology.kubernetes.io/zone", (1, 19)));
    }
}
