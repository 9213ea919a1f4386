//! Manifests of namespaces to declarations.
//!
//! Takes: YAML as it lies in the repository of a cluster, or as `kubectl get namespaces -o yaml` prints it; JSON, also one document after the
//! other; single objects and lists. Gives: a declaration of each Namespace in it,
//! with its labels; what is of another kind is nobody's business here. Knows no names but these.

use serde::Deserialize;
use serde_yaml::{Mapping, Value};
use smol_str::SmolStr;

use super::project::folder_of;
use super::{Cx, errors};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span, Spanned};
use crate::syntax::ast::{LabelValue, Name, Namespace};

/// The namespaces that a file declares, in its order.
pub fn namespaces_of(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Namespace> {
    let mut reader = Reader {
        source,
        at: 0,
        found: Vec::new(),
        faults: Vec::new(),
    };
    for document in documents(&source.text) {
        match document {
            Ok(value) => reader.document(&value, None),
            Err(error) => {
                let at = error.location().map_or(0, |place| place.index());
                let line = source.text.get(at..).unwrap_or_default();
                let end = at + line.find('\n').unwrap_or(line.len());
                let span = Span::new(source.id, at.min(end), end);
                reader.faults.push(errors::bad_namespace_manifest(
                    "this is not YAML",
                    span,
                    &error.to_string(),
                ));
                break;
            }
        }
    }
    if reader.found.is_empty() && reader.faults.is_empty() {
        let first = source.text.lines().next().unwrap_or_default().len();
        reader.faults.push(errors::bad_namespace_manifest(
            "no namespace is in this file",
            Span::new(source.id, 0, first),
            "`vauban.toml` says that it has some",
        ));
    }
    for fault in reader.faults {
        diagnostics.push(fault);
    }
    reader.found
}

/// Documents of YAML, of which JSON is one; but of JSON several may follow each other without a mark between them.
fn documents(text: &str) -> Vec<Result<Value, serde_yaml::Error>> {
    if text.trim_start().starts_with(['{', '[']) {
        let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        if let Ok(documents) = documents.collect::<Result<Vec<_>, _>>() {
            return documents.into_iter().map(Ok).collect();
        }
    }
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let document = Value::deserialize(document);
        // After a fault the reader would give it again and again.
        let broken = document.is_err();
        all.push(document);
        if broken {
            break;
        }
    }
    all
}

struct Reader<'a> {
    source: &'a Source,
    /// Where the next name is looked for: objects stand in the order of the text.
    at: usize,
    found: Vec<Namespace>,
    faults: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// One object, or a list of them; `of` is the kind of the items of a typed list, which the API server does not repeat in each.
    fn document(&mut self, value: &Value, of: Option<&'static str>) {
        let object = match value {
            Value::Mapping(object) => object,
            Value::Sequence(items) => {
                for item in items {
                    self.document(item, of);
                }
                return;
            }
            _ => return,
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let (version, kind) = match (text("apiVersion"), text("kind")) {
            (None, None) if of.is_some() => (Some("v1"), of),
            said => said,
        };
        if version != Some("v1") {
            return;
        }
        let of = match kind {
            Some("Namespace") => return self.namespace(object),
            Some("List") => None,
            Some("NamespaceList") => Some("Namespace"),
            _ => return,
        };
        let rest = object
            .get("metadata")
            .and_then(|metadata| metadata.get("continue"))
            .and_then(Value::as_str);
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            let span = self.place("continue", rest);
            self.faults.push(errors::bad_namespace_manifest(
                "this is a part of a list only",
                span,
                "`metadata.continue` says that there are more namespaces",
            ));
        }
        if let Some(items) = object.get("items") {
            self.document(items, of);
        }
    }

    fn namespace(&mut self, object: &Mapping) {
        let metadata = object.get("metadata").and_then(Value::as_mapping);
        let Some(name) = metadata
            .and_then(|metadata| metadata.get("name"))
            .and_then(Value::as_str)
        else {
            let span = self.place("kind", "Namespace");
            self.faults.push(errors::bad_namespace_manifest(
                "this namespace has no name",
                span,
                "`metadata.name` is a string in every manifest",
            ));
            return;
        };
        let span = self.place("name", name);
        let mut labels: Vec<(Name, LabelValue)> = Vec::new();
        match metadata.and_then(|metadata| metadata.get("labels")) {
            None | Some(Value::Null) => {}
            Some(Value::Mapping(all)) => {
                for (key, value) in all {
                    match (key.as_str(), value.as_str()) {
                        (Some(key), Some(text)) => labels.push((
                            Spanned::new(SmolStr::new(key), span),
                            LabelValue {
                                text: text.into(),
                                quoted: true,
                                span,
                            },
                        )),
                        _ => self.no_string(span),
                    }
                }
            }
            Some(_) => self.no_string(span),
        }
        self.found.push(Namespace {
            name: Spanned::new(name.into(), span),
            labels,
        });
    }

    fn no_string(&mut self, span: Span) {
        self.faults.push(errors::bad_namespace_manifest(
            "a label of this namespace is no string",
            span,
            "labels are strings: Kubernetes would reject the manifest",
        ));
    }

    /// Where a key has this value, at or after what was found last; the beginning of the file if it is written in an unusual way.
    fn place(&mut self, key: &str, value: &str) -> Span {
        let text = &self.source.text;
        let is_value = |at: usize| {
            let rest = text[at..].trim_start_matches([' ', '"', '\'']);
            rest.strip_prefix(value).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with([' ', '\n', '\r', ',', '}', '"', '\''])
            })
        };
        let key = format!("{key}:");
        let found = text[self.at..]
            .match_indices(&key)
            .map(|(at, _)| self.at + at + key.len())
            .find(|at| is_value(*at));
        let Some(at) = found else {
            return Span::new(self.source.id, 0, 0);
        };
        let start = text.len() - text[at..].trim_start_matches([' ', '"', '\'']).len();
        self.at = start + value.len();
        Span::new(self.source.id, start, self.at)
    }
}

impl Cx<'_> {
    /// Refuses manifests in the folder of a team that may not declare namespaces.
    pub(super) fn check_manifests(&mut self) {
        for file in &self.options.namespaces {
            let folder = folder_of(&self.sources.get(*file).path);
            let stranger = self.teams.iter().any(|team| {
                let inside = folder.strip_prefix(team.folder.as_str());
                !team.all
                    && !team.folder.is_empty()
                    && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if stranger {
                let span = Span::new(*file, 0, 0);
                self.report(errors::misplaced_declaration("namespace", span));
            }
        }
    }
}
