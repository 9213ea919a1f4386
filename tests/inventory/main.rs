//! Inventories: every file here is a case. Its first comments are the table that it comes to: `# = ` a workload or a service, `# assumed: `, `# fault: `.

use std::path::Path;

use vauban::analyze::Inventory;
use vauban::analyze::inventory::PodPort;
use vauban::backend::read::files;
use vauban::diagnostic::Diagnostics;
use vauban::model::Namespace;
use vauban::source::{FileId, Sources, Span};
use vauban::space::METADATA_NAME;

/// What a file comes to, one fact a line.
fn table(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let documents = files::load(
        [("inventory.yaml".into(), text.into())],
        &mut sources,
        &mut diagnostics,
    );
    let mut namespaces: Vec<Namespace> = documents
        .iter()
        .filter(|document| document.kind == "Namespace")
        .map(|document| Namespace {
            name: document.name.clone(),
            labels: document
                .labels
                .iter()
                .filter(|(key, _)| key != METADATA_NAME)
                .cloned()
                .collect(),
            span: Span::new(FileId(0), 0, 0),
        })
        .collect();
    namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    let inventory = Inventory::of(&documents, &namespaces, &mut diagnostics);
    let mut lines = Vec::new();
    for workload in &inventory.workloads {
        let mut line = format!("= {} {}", workload.name, workload.pod);
        for ((transport, name), number) in &workload.pod.named_ports {
            line += &format!(" {transport} {number} {name}");
        }
        if workload.host_network {
            line += " on its node's network";
        }
        lines.push(line);
    }
    for service in &inventory.services {
        let ports = service.ports.iter().map(|(transport, port)| match port {
            PodPort::Number(number) => format!(" {transport} {number}"),
            PodPort::Name(name) => format!(" {transport} {name}"),
        });
        let behind = inventory.behind(service);
        let behind: Vec<String> = behind
            .map(|workload| {
                let numbers = workload.named_ports();
                let leads = service.leads_to();
                let leads = leads.resolved(|name| numbers.get(name).copied());
                format!(" -> {} {leads}", workload.name)
            })
            .collect();
        let ports: String = ports.collect();
        lines.push(format!("= {}{ports}{}", service.name, behind.concat()));
    }
    let assumed = inventory.assumed.iter();
    lines.extend(assumed.map(|sentence| format!("assumed: {sentence}")));
    for fault in diagnostics.into_sorted() {
        lines.push(format!("fault: {}", fault.notes.join("; ")));
    }
    lines
}

#[test]
fn every_inventory_comes_to_its_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 6);
    let mut wrong = String::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let due: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("# "))
            .collect();
        let found = table(&text);
        if due != found {
            let shown: Vec<String> = found.iter().map(|line| format!("# {line}")).collect();
            wrong += &format!("\n{}:\n{}\n", path.display(), shown.join("\n"));
        }
    }
    assert!(wrong.is_empty(), "these come to something else:{wrong}");
}

#[test]
fn names_are_found_or_a_near_one_is_said() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}\n";
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let documents = files::load(
        [("a.yaml".into(), text.into())],
        &mut sources,
        &mut diagnostics,
    );
    let inventory = Inventory::of(&documents, &[], &mut diagnostics);
    assert!(inventory.workload("shop/deployment/web").is_ok());
    let near = inventory.workload("shop/deploment/web").expect_err("none");
    assert!(
        near.contains("did you mean `shop/deployment/web`?"),
        "{near}"
    );
    let far = inventory.workload("a/b/c").expect_err("none");
    assert!(far.contains("it has `shop/deployment/web`"), "{far}");
}
