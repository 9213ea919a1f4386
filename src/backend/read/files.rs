//! The manifests of a folder, whoever wrote them.
//!
//! Takes: paths and texts. Gives: the objects in them, in the order of the files. A folder of manifests holds more than objects: values of charts,
//! lists of resources, settings of tools. **What is no object is left aside:** a document that is no map, or a map without any of `metadata`, `spec` and
//! `items` (what lacks all three of them can be no policy), and those of `kustomize.config.k8s.io`. What has one of them and is no object all the same,
//! a policy with a misspelt `kind` for instance, is reported. Knows no disk.

use std::sync::Arc;

use rayon::prelude::*;

use super::document::{self, Document, get};
use super::yaml::{self, Node, Value};
use crate::diagnostic::Diagnostics;
use crate::source::Sources;

/// Adds the files to the sources and reads the objects in them; what cannot be read, or is no whole object, is reported at its place.
pub fn load(
    files: impl IntoIterator<Item = (Arc<str>, Arc<str>)>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<Document> {
    let added: Vec<_> = files
        .into_iter()
        .map(|(path, text)| sources.add(path, text))
        .collect();
    let read: Vec<(Vec<Document>, Diagnostics)> = added
        .par_iter()
        .map(|file| {
            let source = sources.get(*file);
            let mut found = Vec::new();
            let mut diagnostics = Diagnostics::default();
            for node in yaml::documents(source, &mut diagnostics) {
                if means_an_object(&node) {
                    document::collect(source, node, &mut found, &mut diagnostics);
                }
            }
            (found, diagnostics)
        })
        .collect();
    let mut documents = Vec::new();
    for (found, faults) in read {
        documents.extend(found);
        diagnostics.extend(faults);
    }
    documents
}

fn means_an_object(node: &Node) -> bool {
    let kustomize = match get(node, "apiVersion").map(|node| &node.value) {
        Some(Value::Text(version)) => version.starts_with("kustomize.config.k8s.io/"),
        _ => false,
    };
    !kustomize
        && ["metadata", "spec", "items"]
            .iter()
            .any(|field| get(node, field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_among_other_things() {
        let files = [
            (
                "a.yaml",
                "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\nreplicas: 3\nimage: {tag: x}\n---\n- a list\n",
            ),
            (
                "chart/Chart.yaml",
                "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
            ),
            (
                "kustomization.yaml",
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Component\nmetadata: {name: x}\n",
            ),
            ("empty.yaml", ""),
            ("words.yaml", "just words\n"),
            (
                "list.json",
                "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"web\"}}]}",
            ),
            (
                "typo.yaml",
                "apiVersion: networking.k8s.io/v1\nkimd: NetworkPolicy\nmetadata: {name: x}\n",
            ),
            ("broken.yaml", "a: [\n"),
        ];
        let mut sources = Sources::default();
        sources.add("before.vau", "");
        let mut diagnostics = Diagnostics::default();
        let found = load(
            files.map(|(path, text)| (path.into(), text.into())),
            &mut sources,
            &mut diagnostics,
        );
        let spoken: Vec<String> = found
            .iter()
            .map(|document| format!("{}: {}", document.file, document.spoken()))
            .collect();
        assert_eq!(spoken, ["a.yaml: Namespace shop", "list.json: Pod web"]);
        let faults: Vec<(String, &str)> = diagnostics
            .iter()
            .map(|fault| {
                let label = fault.primary.as_ref().expect("a place");
                (sources.get(label.span.file).path.to_string(), fault.name)
            })
            .collect();
        assert_eq!(
            faults,
            [
                ("typo.yaml".to_owned(), "invalid-manifest"),
                ("broken.yaml".to_owned(), "unreadable-manifest")
            ]
        );
    }
}
