//! Big programs, deterministic: namespaces with ten policies of ten rules each, in the styles in which people label their pods.

use std::fmt::Write;

use vauban::backend::{LogPolicy, Spec};
use vauban::model::Target;

/// How big: `namespaces` of them, ten policies in each, ten rules in each of those.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    /// Namespaces; policies are ten times, rules a hundred times as many.
    pub(crate) namespaces: usize,
}

/// What emission needs to know of a target, called after its backend.
pub(crate) fn spec(backend: Target) -> Spec {
    Spec {
        name: backend.word().into(),
        backend,
        version: match backend {
            Target::Kubernetes => (1, 33),
            Target::Calico => (3, 30),
            Target::Cilium => (1, 19),
        },
        log: LogPolicy::Refuse,
    }
}

/// How the subjects of a namespace's policies are told apart.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// `app=a3`
    Identity,
    /// Helm's name, name and component, component.
    Helm,
    /// The same with instance and tier.
    HelmInstance,
    /// An app, or a capability that any app may have.
    Capabilities,
    /// Two of six keys.
    TwoOfSix,
}

const STYLES: [Style; 5] = [
    Style::Identity,
    Style::Helm,
    Style::HelmInstance,
    Style::Capabilities,
    Style::TwoOfSix,
];

/// Teams; each has its folder and every `TEAMS`th namespace.
const TEAMS: usize = 20;

fn subject(style: Style, policy: usize) -> String {
    match style {
        Style::Identity => format!("app=a{policy}"),
        Style::Helm => match policy % 3 {
            0 => format!("app.kubernetes.io/name=n{}", policy / 3),
            1 => format!(
                "app.kubernetes.io/name=n{}, app.kubernetes.io/component=c{}",
                policy / 3,
                policy % 2
            ),
            _ => format!("app.kubernetes.io/component=c{}", policy / 3),
        },
        Style::HelmInstance => match policy % 4 {
            0 => format!(
                "app.kubernetes.io/name=n{}, app.kubernetes.io/instance=i{}",
                policy / 4,
                policy % 2
            ),
            1 => format!("app.kubernetes.io/instance=i{}", policy / 4),
            2 => format!(
                "app.kubernetes.io/component=c{}, tier=t{}",
                policy / 4,
                policy % 3
            ),
            _ => format!(
                "app.kubernetes.io/name=n{}, tier=t{}",
                policy / 4,
                policy % 3
            ),
        },
        Style::Capabilities if policy < 2 => format!("app=a{policy}"),
        Style::Capabilities => format!(
            "uses-{}=true",
            [
                "db", "cache", "queue", "mail", "search", "files", "audit", "proxy"
            ][policy - 2]
        ),
        Style::TwoOfSix => {
            let keys = ["app", "role", "tier", "zone", "lang", "owner"];
            format!(
                "{}=v{}, {}=v{}",
                keys[policy % 6],
                policy % 3,
                keys[(policy + 1 + policy / 6) % 6],
                policy % 2
            )
        }
    }
}

/// The files of a program, by path relative to the source folder.
pub(crate) fn program(size: Size) -> Vec<(String, String)> {
    let mut root = String::from(
        "cluster c {\n  pods 10.0.0.0/8\n  services 172.20.0.0/14\n  nodes 192.168.0.0/16\n  ipv6 none\n  namespaces closed\n  overlay none\n  cni calico\n}\n\n\
         tier security\ntier platform\ntier app { otherwise deny }\n\n\
         service dns = udp 53, tcp 53 on pods{k8s-app=kube-dns} in kube-system\n\
         network metadata = 169.254.169.254\n\n\
         default {\n  for pods in * except pods in kube-system\n  ingress { }\n  egress { }\n}\n\n\
         policy no-metadata in security {\n  for pods in *\n  egress { deny all to metadata because \"credentials of the node live there\" ticket SEC-17 }\n}\n\n\
         policy dns-for-everybody in platform {\n  for pods in *\n  egress { allow dns }\n}\n\n\
         team platform { owners @acme/platform grants all folder . }\n",
    );
    for team in 0..TEAMS.min(size.namespaces) {
        let _ = writeln!(
            root,
            "team team-{team} {{ owners @acme/team-{team} namespaces {{team=team-{team}}} tiers app }}"
        );
    }
    root.push_str("namespace kube-system { }\n");
    let mut folders = vec![Vec::new(); TEAMS];
    for namespace in 0..size.namespaces {
        let team = namespace % TEAMS;
        let zone = ["prod", "stage", "dev"][namespace % 3];
        let _ = writeln!(
            root,
            "namespace ns-{namespace} {{ team=team-{team}, env={zone} }}"
        );
        folders[team].push(namespace);
    }
    let mut files = vec![("main.vau".to_owned(), root)];
    for (team, namespaces) in folders.into_iter().enumerate() {
        for namespace in namespaces {
            files.push((format!("team-{team}/ns-{namespace}.vau"), file(namespace)));
        }
    }
    files
}

fn file(namespace: usize) -> String {
    let style = STYLES[namespace % STYLES.len()];
    let mut out = String::new();
    for policy in 0..10 {
        let _ = writeln!(
            out,
            "/// What policy {policy} of ns-{namespace} is for.\npolicy p-{namespace}-{policy} in app {{\n  for pods{{{}}} in ns-{namespace}\n\n  ingress {{",
            subject(style, policy)
        );
        for rule in 0..5 {
            let peer = subject(style, (policy + rule + 1) % 10);
            let port = 8000 + (policy * 7 + rule * 13 + namespace) % 1000;
            let line = match rule {
                0 | 1 => format!("allow tcp {port} from pods{{{peer}}} in same"),
                2 => format!(
                    "allow tcp {port}, 9090 from pods{{app=scraper}} in namespaces{{env=prod}}"
                ),
                3 => format!(
                    "allow tcp {port} from 203.0.{}.0/24 ticket NET-{}",
                    namespace % 250,
                    namespace + policy
                ),
                _ => format!(
                    "allow tcp {port}-{} from pods{{{peer}}} in namespaces{{team=same}}",
                    port + 10
                ),
            };
            let _ = writeln!(out, "    {line}");
        }
        out.push_str("  }\n\n  egress {\n");
        for rule in 0..5 {
            let peer = subject(style, (policy + rule + 3) % 10);
            let port = 5000 + (policy * 11 + rule.max(1) * 17 + namespace) % 1000;
            let line = match rule {
                0 => format!(
                    "deny tcp {port} to 198.51.{}.{} because \"read replicas only\"",
                    namespace % 250,
                    policy
                ),
                1 => format!("allow tcp {port} to 198.51.{}.0/24", namespace % 250),
                2 | 3 => format!("allow tcp {port} to pods{{{peer}}} in same"),
                _ => format!(
                    "allow tcp 443 to 203.0.{}.0/24 except 203.0.{}.{}",
                    policy,
                    policy,
                    namespace % 250
                ),
            };
            let _ = writeln!(out, "    {line}");
        }
        out.push_str("  }\n}\n\n");
    }
    out
}
