//! One API server, and what its own kubectl does with it.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vauban::backend::read::document::{Document, documents};
use vauban::diagnostic::Diagnostics;
use vauban::source::{FileId, Source};

use super::tree::{Id, Tree};

/// A running server: a folder with `kubeconfig`, `kubectl` and a home of its own, named after the release.
pub(crate) struct Server {
    folder: PathBuf,
}

/// What a run of kubectl came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What a server has stored of the kinds that we make.
pub(crate) struct Stored {
    /// As `kubectl get -o yaml` prints it.
    pub(crate) text: String,
    /// As our reader finds it.
    pub(crate) documents: Vec<Document>,
}

/// How objects that are no longer made are deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pruning {
    /// Server-side, by the inventory of an ApplySet.
    ApplySet,
    /// Client-side, by the label of the project, among the kinds that we make.
    Label,
}

impl Pruning {
    pub(crate) const ALL: [Pruning; 2] = [Pruning::ApplySet, Pruning::Label];
}

/// What `--prune-allowlist` names: every kind that an emitter can make.
const KINDS: [&str; 10] = [
    "networking.k8s.io/v1/NetworkPolicy",
    "projectcalico.org/v3/Tier",
    "projectcalico.org/v3/NetworkPolicy",
    "projectcalico.org/v3/GlobalNetworkPolicy",
    "projectcalico.org/v3/StagedNetworkPolicy",
    "projectcalico.org/v3/StagedGlobalNetworkPolicy",
    "projectcalico.org/v3/GlobalNetworkSet",
    "cilium.io/v2/CiliumNetworkPolicy",
    "cilium.io/v2/CiliumClusterwideNetworkPolicy",
    "cilium.io/v2/CiliumCIDRGroup",
];

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.folder.file_name().expect("a release");
        write!(f, "Kubernetes {}", release.to_string_lossy())
    }
}

impl Server {
    /// The servers that `tests/cluster/run` has started, oldest first.
    pub(crate) fn all() -> Vec<Server> {
        let folder =
            std::env::var("VAUBAN_SERVERS").expect("tests/cluster/run sets VAUBAN_SERVERS");
        let mut servers: Vec<Server> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| Server {
                folder: entry.expect("an entry").path(),
            })
            .filter(|server| server.folder.join("kubeconfig").is_file())
            .collect();
        servers.sort_by_key(Server::minor);
        assert!(servers.len() >= 2, "two releases at least");
        servers
    }

    /// `37` of `1.37`.
    pub(crate) fn minor(&self) -> u16 {
        let release = self.folder.file_name().expect("a release");
        let release = release.to_string_lossy();
        let (_, minor) = release.split_once('.').expect("1.37");
        minor.parse().expect("a number")
    }

    /// Runs kubectl with a standard input.
    pub(crate) fn kubectl(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(self.folder.join("kubectl"))
            .args(arguments)
            .env("HOME", self.folder.join("home"))
            .env("KUBECONFIG", self.folder.join("kubeconfig"))
            .env("KUBECTL_APPLYSET", "true")
            .env_remove("KUBECTL_EXTERNAL_DIFF")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = input.to_owned();
        // It may print before it has read everything, and may end without reading.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("kubectl ends");
        let _ = writer.join().expect("no panic");
        Ran {
            code: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Runs kubectl, which must succeed without a word on standard error.
    fn quietly(&self, arguments: &[&str], input: &str) -> String {
        let ran = self.kubectl(arguments, input);
        assert!(
            ran.code == 0 && ran.err.is_empty(),
            "{self}: kubectl {}: {}\n{}\n{}",
            arguments.join(" "),
            ran.code,
            ran.out,
            ran.err
        );
        ran.out
    }

    /// Creates the namespaces that the objects of a tree stand in, with the labels that its program declares.
    pub(crate) fn declare(&self, tree: &Tree) {
        let text = tree.namespaces();
        if !text.is_empty() {
            let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
            self.quietly(&arguments, &text);
        }
    }

    /// Applies a tree server-side, strictly; gives how many objects were applied.
    pub(crate) fn apply(&self, tree: &Tree) -> usize {
        let folder = path(tree.folder());
        let out = self.quietly(
            &["apply", "--server-side", "--validate=strict", "-k", folder],
            "",
        );
        let applied = |line: &&str| line.ends_with(" serverside-applied");
        out.lines().filter(applied).count()
    }

    /// Applies a tree and deletes what is no longer in it.
    pub(crate) fn prune(&self, tree: &Tree, way: Pruning) {
        let folder = path(tree.folder());
        let mut arguments = vec!["apply", "--validate=strict", "-k", folder, "--prune"];
        let label = format!("app.kubernetes.io/part-of={}", tree.project());
        match way {
            Pruning::ApplySet => arguments.extend(["--server-side", "--applyset=configmaps/tree"]),
            Pruning::Label => {
                arguments.extend(["-l", &label]);
                for kind in KINDS {
                    arguments.extend(["--prune-allowlist", kind]);
                }
            }
        }
        let ran = self.kubectl(&arguments, "");
        assert_eq!(
            ran.code,
            0,
            "{self}: kubectl {}\n{}\n{}",
            arguments.join(" "),
            ran.out,
            ran.err
        );
    }

    /// What `kubectl diff` says.
    pub(crate) fn diff(&self, tree: &Tree) -> String {
        let ran = self.kubectl(&["diff", "--server-side", "-k", path(tree.folder())], "");
        match ran.code {
            0 => ran.out + &ran.err,
            code => format!("{code}\n{}{}", ran.out, ran.err),
        }
    }

    /// Deletes the objects of a tree, and the ApplySet that may hold them.
    pub(crate) fn delete(&self, tree: &Tree) {
        self.quietly(
            &["delete", "--ignore-not-found", "-k", path(tree.folder())],
            "",
        );
        self.quietly(&["delete", "--ignore-not-found", "configmap", "tree"], "");
    }

    /// Everything of the kinds that are served beside the cluster's own: NetworkPolicies, and what the CRDs define.
    pub(crate) fn stored(&self) -> Stored {
        let crds = self.quietly(&["get", "crd", "-o", "name"], "");
        let mut kinds = vec!["networkpolicies.networking.k8s.io"];
        kinds.extend(
            crds.lines()
                .filter_map(|line| line.split_once('/'))
                .map(|(_, name)| name),
        );
        let text = self.quietly(&["get", &kinds.join(","), "-A", "-o", "yaml"], "");
        let mut faults = Diagnostics::default();
        let source = Source::new(FileId(0), "stored.yaml", text.as_str());
        let documents = documents(&source, &mut faults);
        assert!(faults.is_empty(), "{self}: {faults:?}\n{text}");
        Stored { text, documents }
    }
}

impl Stored {
    /// The objects' identities.
    pub(crate) fn ids(&self) -> BTreeSet<Id> {
        self.documents.iter().map(Id::of).collect()
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
