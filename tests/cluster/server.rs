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

    /// Whether a tree is tried so. A label leaves aside what has none, hand-written manifests; and it is slow, so that it is for the examples.
    pub(crate) fn suits(self, tree: &Tree) -> bool {
        match self {
            Pruning::ApplySet => true,
            Pruning::Label => !tree.has_hand_written() && tree.project() != "case",
        }
    }
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

/// What every kubectl says of every `kustomization.yaml` with an order of its own; it then keeps to that order, as it must.
const ORDERED: &str = "Using the kustomization file over the CLI flag";

/// A kind that may be the parent of an ApplySet.
const PARENTS: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: trees.tests.vauban.dev
  labels: {applyset.kubernetes.io/is-parent-type: \"true\"}
spec:
  group: tests.vauban.dev
  scope: Cluster
  names: {kind: Tree, plural: trees, singular: tree, listKind: TreeList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
";

/// The parent. kubectl makes none of a kind that it does not know, and takes one as its own by these marks; the label is a digest of the name.
const PARENT: &str = "apiVersion: tests.vauban.dev/v1
kind: Tree
metadata:
  name: tree
  annotations: {applyset.kubernetes.io/tooling: kubectl/v1.30, applyset.kubernetes.io/contains-group-kinds: \"\"}
  labels: {applyset.kubernetes.io/id: applyset-ynnohkWSmYdMlZj6dw7LmdvlC73U6Noai6ANLvU-PVg-v1}
";

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kubernetes {}", self.release())
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
        assert!(!servers.is_empty(), "no server was started");
        servers
    }

    /// `1.37`
    pub(crate) fn release(&self) -> String {
        let release = self.folder.file_name().expect("a release");
        release.to_string_lossy().into_owned()
    }

    /// `37` of `1.37`.
    fn minor(&self) -> u16 {
        let release = self.release();
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
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        let err = said.split_inclusive('\n');
        Ran {
            code: output.status.code().expect("no signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: err.filter(|line| !line.contains(ORDERED)).collect(),
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
            Pruning::ApplySet => {
                let parent = "--applyset=trees.tests.vauban.dev/tree";
                arguments.extend(["--server-side", parent]);
            }
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

    /// Makes known what an ApplySet of many namespaces needs: a kind without namespaces that may be the set's parent.
    pub(crate) fn define_parents(&self) {
        self.quietly(&["apply", "--server-side", "-f", "-"], PARENTS);
        let established = [
            "wait",
            "--for=condition=Established",
            "crd/trees.tests.vauban.dev",
        ];
        self.quietly(&established, "");
    }

    /// An ApplySet of nothing.
    pub(crate) fn empty_set(&self) {
        let parent = ["trees.tests.vauban.dev", "tree"];
        self.quietly(&["delete", "--ignore-not-found", parent[0], parent[1]], "");
        self.quietly(&["create", "-f", "-"], PARENT);
    }

    /// Deletes the objects of a tree.
    pub(crate) fn delete(&self, tree: &Tree) {
        let folder = path(tree.folder());
        self.quietly(&["delete", "--ignore-not-found", "-k", folder], "");
    }

    /// Every kind that is served beside the cluster's own: NetworkPolicies, and what the CRDs define.
    fn kinds(&self) -> String {
        let crds = self.quietly(&["get", "crd", "-o", "name"], "");
        let mut kinds = vec!["networkpolicies.networking.k8s.io"];
        let names = crds.lines().filter_map(|line| line.split_once('/'));
        let theirs = |name: &&str| !name.ends_with(".tests.vauban.dev");
        kinds.extend(names.map(|(_, name)| name).filter(theirs));
        kinds.join(",")
    }

    /// Deletes everything of these kinds.
    pub(crate) fn clear(&self) {
        self.quietly(&["delete", &self.kinds(), "--all", "-A"], "");
    }

    /// Everything of these kinds.
    pub(crate) fn stored(&self) -> Stored {
        let text = self.quietly(&["get", &self.kinds(), "-A", "-o", "yaml"], "");
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
