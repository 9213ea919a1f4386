//! The standard library: every entry is built into a policy on every target that takes it, says where it comes from, stands in the
//! book, and can be given other labels and namespaces; and nothing in it is used by being there.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use cases::{Aim, Case, found, shown};
use vauban::compile::Compilation;
use vauban::diagnostic::Diagnostics;
use vauban::model::Target;
use vauban::resolve::standard_library;
use vauban::source::{FileId, Source};
use vauban::syntax;
use vauban::syntax::ast::{
    EndpointKind, Endpoints, File, ItemKind, NamespacesKind, PortEntry, PortKind, PortList,
    Selector, Statement,
};

/// A version of each target.
const VERSIONS: [(Target, &str); 3] = [
    (Target::Kubernetes, "kubernetes 1.33"),
    (Target::Calico, "calico 3.30"),
    (Target::Cilium, "cilium 1.20"),
];

/// What a target does not take, and what it says. Everything else builds.
const REFUSED: &[(&str, Target, &str)] = &[
    ("std.ingress.cilium", Target::Calico, "no-ingress-proxy"),
    ("std.ingress.cilium", Target::Kubernetes, "no-ingress-proxy"),
    (
        "std.ports.icmp-errors",
        Target::Kubernetes,
        "no-such-protocol",
    ),
    ("std.ports.ping", Target::Kubernetes, "no-such-protocol"),
];

/// An entry of the library.
struct Entry {
    /// `std.dns.coredns`
    name: String,
    /// The word that declares it.
    word: &'static str,
    doc: Vec<String>,
    /// The declaration, as it is written.
    text: String,
    parameters: Vec<String>,
    parts: Parts,
}

/// What is written in a declaration.
#[derive(Default)]
struct Parts {
    /// Whether it says `pods`.
    pods: bool,
    namespaces: BTreeSet<String>,
    /// Values of labels of pods.
    values: BTreeSet<String>,
    /// The first ports of ranges.
    ports: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// Other entries.
    names: Vec<String>,
}

/// `std/mesh/istio.vau` gives `std.mesh.istio`.
fn module(path: &str) -> String {
    path.trim_end_matches(".vau").replace('/', ".")
}

fn parsed(path: &str, text: &str) -> File {
    let mut diagnostics = Diagnostics::default();
    let parsed = syntax::parse(&Source::new(FileId(0), path, text), &mut diagnostics);
    assert!(!parsed.broken, "{path}: {diagnostics:?}");
    parsed.file
}

/// Every entry, in order of the files.
fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for (path, text) in standard_library() {
        let module = module(path);
        for item in parsed(path, text).items {
            let mut parts = Parts::default();
            let mut parameters = Vec::new();
            let (word, name) = match &item.kind {
                ItemKind::Network(tree) => {
                    parts.endpoints(&module, &tree.endpoints);
                    ("network", &tree.name)
                }
                ItemKind::Group(tree) => {
                    parts.endpoints(&module, &tree.endpoints);
                    ("group", &tree.name)
                }
                ItemKind::Service(tree) => {
                    parts.port_list(&module, &tree.ports);
                    if let Some(endpoints) = &tree.endpoints {
                        parts.endpoints(&module, endpoints);
                    }
                    ("service", &tree.name)
                }
                ItemKind::Ports(tree) => {
                    parts.port_list(&module, &tree.list);
                    ("ports", &tree.name)
                }
                ItemKind::Profile(tree) => {
                    let names = tree.parameters.iter().map(|name| name.value.to_string());
                    parameters.extend(names);
                    for statement in &tree.body.statements {
                        let Statement::Block(block) = statement else {
                            continue;
                        };
                        for rule in &block.rules {
                            if rule.ports.items.len() > 1 || !is_name(&rule.ports) {
                                parts.port_list(&module, &rule.ports);
                            }
                        }
                    }
                    ("profile", &tree.name)
                }
                other => panic!("{path}: no entry: {other:?}"),
            };
            entries.push(Entry {
                name: format!("{module}.{}", name.value),
                word,
                doc: item.doc.iter().map(ToString::to_string).collect(),
                text: text[item.span.range()].to_owned(),
                parameters,
                parts,
            });
        }
    }
    entries
}

fn is_name(list: &PortList) -> bool {
    matches!(list.items[0].kind, PortKind::Name { .. })
}

impl Parts {
    fn endpoints(&mut self, module: &str, endpoints: &Endpoints) {
        for endpoint in &endpoints.items {
            match &endpoint.kind {
                EndpointKind::Pods {
                    selector,
                    namespaces,
                } => {
                    self.pods = true;
                    if let Some(selector) = selector {
                        self.selector(selector);
                    }
                    match &namespaces.kind {
                        NamespacesKind::Names(names) => {
                            let names = names.iter().map(|name| name.value.to_string());
                            self.namespaces.extend(names);
                        }
                        NamespacesKind::Selected(selector) => self.selector(selector),
                        NamespacesKind::All | NamespacesKind::Same => {}
                    }
                }
                EndpointKind::Address(address) => {
                    self.addresses.insert(address.address);
                }
                EndpointKind::Name { path, .. } => self.name(module, path),
                _ => {}
            }
        }
    }

    fn selector(&mut self, selector: &Selector) {
        for requirement in &selector.requirements {
            let values = requirement
                .values
                .iter()
                .map(|value| value.text.to_string());
            self.values.extend(values);
        }
    }

    fn port_list(&mut self, module: &str, list: &PortList) {
        for item in &list.items {
            match &item.kind {
                PortKind::Transport { entries, .. } => {
                    for entry in entries {
                        if let PortEntry::Range(first, _) = &entry.value {
                            self.ports.insert(first.to_string());
                        }
                    }
                }
                PortKind::Name { path, .. } => self.name(module, path),
                _ => {}
            }
        }
    }

    fn name(&mut self, module: &str, path: &syntax::ast::Path) {
        let names: Vec<&str> = path.segments.iter().map(|one| one.value.as_str()).collect();
        self.names.push(match &names[..] {
            [name] => format!("{module}.{name}"),
            _ => names.join("."),
        });
    }
}

/// Whether an entry stands for pods, itself or by the entries that it names.
fn has_pods(entry: &Entry, all: &BTreeMap<&str, &Entry>) -> bool {
    let named = |name: &String| all.get(name.as_str()).is_some_and(|one| has_pods(one, all));
    entry.parts.pods || entry.parts.names.iter().any(named)
}

/// A small dual-stack cluster in which every namespace of the library exists, and a policy with some statements.
fn project(entries: &[Entry], targets: &[&str], tier: &str, statements: &str) -> String {
    let mut text: String = targets
        .iter()
        .map(|target| format!("//# target: {target}\n"))
        .collect();
    text += "cluster lab {
  pods 10.244.0.0/16, fd00:10:244::/48
  services 10.96.0.0/12, fd00:10:96::/112
  nodes 192.168.10.0/24, fd00:192:168:10::/64
  apiserver 192.168.10.10
  namespaces closed
  overlay none
  cni calico
  service dns = std.dns.coredns
}
tier guards
tier app { otherwise deny }
namespace lab { istio.io/dataplane-mode=ambient }
namespace mine { }
";
    let names: BTreeSet<&String> = entries
        .iter()
        .flat_map(|entry| &entry.parts.namespaces)
        .collect();
    for name in names {
        writeln!(text, "namespace {name} {{ }}").expect("a string can be written");
    }
    write!(
        text,
        "policy use in {tier} {{\n  for pods{{app=a}} in lab\n{statements}}}\n"
    )
    .expect("a string can be written");
    text
}

fn compiled(text: &str) -> Compilation {
    Case::read(text).compile(Aim {
        without_lints: true,
        ..Aim::default()
    })
}

/// A use of an entry: the tier, and the statements of a policy there.
fn example(entry: &Entry) -> (&'static str, String) {
    let name = &entry.name;
    match entry.word {
        "network" => ("app", format!("  egress {{ allow tcp 443 to {name} }}\n")),
        // Nobody opens a connection to what only opens them.
        "group" if name == "std.ingress.cilium" => (
            "app",
            format!("  ingress {{ allow tcp 443 from {name} }}\n"),
        ),
        "group" => (
            "app",
            format!(
                "  ingress {{ allow tcp 443 from {name} }}\n  egress {{ allow tcp 443 to {name} }}\n"
            ),
        ),
        "service" => ("app", format!("  egress {{ allow {name} }}\n")),
        "ports" => (
            "app",
            format!("  egress {{ allow {name} to pods{{app=b}} in lab }}\n"),
        ),
        _ => {
            let arguments: Vec<&str> = entry
                .parameters
                .iter()
                .map(|parameter| match parameter.as_str() {
                    "dns" => "dns",
                    "members" => "pods{app=b} in lab",
                    "scrapers" => "std.monitoring.prometheus",
                    other => panic!("{name}: what is given for `{other}`?"),
                })
                .collect();
            // Without parameters it decides for everybody, above the applications.
            let tier = if arguments.is_empty() {
                "guards"
            } else {
                "app"
            };
            (
                tier,
                format!("  include {name}({})\n", arguments.join(", ")),
            )
        }
    }
}

#[test]
fn every_entry_builds_on_every_target_that_takes_it() {
    let entries = entries();
    assert!(entries.len() > 100, "the library is there");
    let mut wrong = String::new();
    for entry in &entries {
        let name = &entry.name;
        let (tier, statements) = example(entry);
        let refused = |on: Target| REFUSED.iter().find(|one| one.0 == name && one.1 == on);
        let taken: Vec<&str> = VERSIONS
            .iter()
            .filter(|(target, _)| refused(*target).is_none())
            .map(|(_, version)| *version)
            .collect();
        let compilation = compiled(&project(&entries, &taken, tier, &statements));
        if compilation.has_errors() {
            let why = shown(&compilation.sources, &compilation.diagnostics);
            writeln!(wrong, "{name}:\n{why}").expect("written");
            continue;
        }
        assert_eq!(compilation.targets.len(), taken.len());
        for target in &compilation.targets {
            let given: String = target
                .objects
                .iter()
                .filter(|object| object.sources.iter().any(|one| one.what.contains("use")))
                .map(|object| object.text.as_str())
                .collect();
            for word in words(entry) {
                if !given.contains(&word) {
                    let target = &target.spec.name;
                    writeln!(wrong, "{name} on {target}: no `{word}` in:\n{given}")
                        .expect("written");
                }
            }
        }
        for (target, version) in VERSIONS {
            let Some((.., why)) = refused(target) else {
                continue;
            };
            let compilation = compiled(&project(&entries, &[version], tier, &statements));
            let errors = found(&compilation.sources, &compilation.diagnostics);
            if !errors
                .iter()
                .any(|(_, _, error)| *error == format!("error[{why}]"))
            {
                writeln!(wrong, "{name} on {version}: no {why}: {errors:?}").expect("written");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What must be found in the manifests of a use of an entry.
fn words(entry: &Entry) -> impl Iterator<Item = String> {
    let parts = &entry.parts;
    // Ranges are narrowed by the cluster's, and joined: their texts do not come through.
    let ranges = entry.name.starts_with("std.networks.") || entry.name == "std.metadata.metadata";
    parts
        .namespaces
        .iter()
        .chain(&parts.values)
        .chain(&parts.ports)
        .cloned()
        .chain(addresses(parts).filter(move |_| !ranges))
}

/// The addresses of an entry, less those that are joined with the one before them.
fn addresses(parts: &Parts) -> impl Iterator<Item = String> {
    let joined = |address: &IpAddr| match address {
        IpAddr::V4(address) => {
            let even = Ipv4Addr::from(u32::from(*address) & !1);
            even != *address && parts.addresses.contains(&IpAddr::V4(even))
        }
        IpAddr::V6(_) => false,
    };
    let alone = parts.addresses.iter().filter(move |one| !joined(one));
    alone.map(ToString::to_string)
}

#[test]
fn every_refusal_names_an_entry() {
    let entries = entries();
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    for (name, ..) in REFUSED {
        assert!(names.contains(name), "{name} is no entry");
    }
}

#[test]
fn labels_and_namespaces_of_pods_can_be_replaced_and_nothing_else() {
    let entries = entries();
    let all: BTreeMap<&str, &Entry> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let mut wrong = String::new();
    for entry in entries.iter().filter(|entry| entry.word != "profile") {
        let name = &entry.name;
        let written = format!("{name}{{my=own}} in mine");
        let statements = match entry.word {
            "service" => format!("  egress {{ allow {written} }}\n"),
            "ports" => format!("  egress {{ allow {written} to pods in mine }}\n"),
            _ => format!("  egress {{ allow tcp 443 to {written} }}\n"),
        };
        let compilation = compiled(&project(&entries, &["calico 3.30"], "app", &statements));
        if !has_pods(entry, &all) {
            let errors = found(&compilation.sources, &compilation.diagnostics);
            if !errors
                .iter()
                .any(|(_, _, error)| error == "error[not-replaceable]")
            {
                writeln!(wrong, "{written}: {errors:?}").expect("written");
            }
            continue;
        }
        if compilation.has_errors() {
            let why = shown(&compilation.sources, &compilation.diagnostics);
            writeln!(wrong, "{written}:\n{why}").expect("written");
            continue;
        }
        let given = &compilation.targets[0].objects;
        let given: String = given
            .iter()
            .filter(|object| object.kind.ends_with("Policy"))
            .map(|object| object.text.as_str())
            .collect();
        let own = ["my == \"own\"", "\"mine\""].map(String::from);
        let kept = entry.parts.ports.iter().cloned();
        for word in kept.chain(addresses(&entry.parts)).chain(own) {
            if !given.contains(&word) {
                writeln!(wrong, "{written}: no `{word}` in:\n{given}").expect("written");
            }
        }
        let gone = entry.parts.namespaces.iter().chain(&entry.parts.values);
        for word in gone.map(|word| format!("\"{word}\"")) {
            if given.contains(&word) {
                writeln!(wrong, "{written}: `{word}` in:\n{given}").expect("written");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_used_by_being_there() {
    let text = "//# target: calico 3.30
cluster lab {
  pods 10.244.0.0/16
  services 10.96.0.0/12
  nodes 192.168.10.0/24
  ipv6 none
  namespaces closed
  overlay none
}
namespace lab { }
tier app { otherwise deny }
policy alone in app {
  for pods in lab
  ingress { }
}
";
    let compilation = Case::read(text).compile(Aim::default());
    let said = shown(&compilation.sources, &compilation.diagnostics);
    assert!(said.is_empty(), "{said}");
    assert!(!compilation.targets[0].objects.is_empty());
    let program = compilation.targets[0].program.as_ref().expect("a program");
    assert!(program.undeclared.is_empty(), "{:?}", program.undeclared);
}

#[test]
fn every_entry_says_where_it_comes_from() {
    for entry in entries() {
        let doc = entry.doc.join(" ");
        assert!(doc.ends_with('.'), "{}: `{doc}`", entry.name);
        assert!(doc.len() > 8, "{}: `{doc}`", entry.name);
    }
    for (path, text) in standard_library() {
        // What holds for all of a file stands at its head.
        assert!(text.starts_with("// "), "{path} opens with a comment");
    }
}

/// The page of the book.
fn page() -> String {
    let entries = entries();
    let mut page = String::from(
        "# The standard library

Names that everybody needs, part of the tool: nothing is downloaded, and nothing is used by being there. Name an entry by its path, or shorten
it with `use std.metadata`. Labels, ports and namespaces are the defaults of charts and manifests, which a cluster may have changed:
`std.monitoring.prometheus{app=prom} in observability` puts other labels and namespaces in the place of an entry's own and keeps the rest, the ports of
a service among it. A namespace that an entry names and a cluster does not have is empty; a service or group that is left with nothing by that is
an error where it is used, not before.

",
    );
    for (path, text) in standard_library() {
        let module = module(path);
        let head: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("// "))
            .collect();
        write!(page, "## {module}\n\n{}\n\n", head.join("\n")).expect("a string can be written");
        let own = format!("{module}.");
        for entry in &entries {
            let Some(name) = entry.name.strip_prefix(&own) else {
                continue;
            };
            // `std.system` is the item `system` of its file.
            let short = module.rsplit('.').next() == Some(name);
            let name = if short { &module } else { &entry.name };
            let parameters = match &entry.parameters[..] {
                [] if entry.word != "profile" => String::new(),
                parameters => format!("({})", parameters.join(", ")),
            };
            writeln!(
                page,
                "- **`{name}{parameters}`** ({}): {}",
                entry.word,
                entry.doc.join("\n  ")
            )
            .expect("a string can be written");
            if entry.word != "profile" {
                let (_, says) = entry.text.split_once('=').expect("it says something");
                let says: Vec<&str> = says.split_whitespace().collect();
                let says = says.join(" ").replace("{ ", "{").replace(" }", "}");
                writeln!(page, "  <br>`{says}`").expect("a string can be written");
            } else {
                let text = entry.text.replace('\n', "\n  ");
                write!(page, "\n  ```text\n  {text}\n  ```\n\n").expect("written");
            }
        }
        page.push('\n');
    }
    let mut page = page.replace("\n\n\n", "\n\n");
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// `INSTA_UPDATE=always cargo test --test stdlib` writes it anew.
#[test]
fn the_book_has_every_entry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/reference/standard-library.md");
    let page = page();
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == kept,
        "{} is not what `stdlib/` says; INSTA_UPDATE=always writes it anew",
        path.display()
    );
}
