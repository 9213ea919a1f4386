//! The objects of manifests, and their fields.
//!
//! Takes: [`Node`]s. Gives: [`Document`]s (a `List` is taken apart), and [`Fields`], which hands out the fields of a map and afterwards reports those that
//! nobody asked for: strict validation, which `kubectl apply` asks of the server, refuses them, and a server that is asked for less drops them,
//! so that a misspelt restriction restricts nothing.

use smol_str::SmolStr;

use super::yaml::{self, Key, Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// One object of a manifest.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// The file that it stands in.
    pub file: SmolStr,
    /// `apiVersion`
    pub api_version: SmolStr,
    /// `kind`
    pub kind: SmolStr,
    /// `metadata.namespace`, if it is there and not empty.
    pub namespace: Option<SmolStr>,
    /// `metadata.name`
    pub name: SmolStr,
    /// `metadata.labels`, in the order of the text.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// `metadata.annotations`, in the order of the text.
    pub annotations: Vec<(SmolStr, SmolStr)>,
    /// The whole of it: a map.
    pub node: Node,
}

impl Document {
    /// As people name it: `NetworkPolicy shop/web`, `Tier app`.
    pub fn spoken(&self) -> SmolStr {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name).into(),
            None => format!("{} {}", self.kind, self.name).into(),
        }
    }

    /// The team that owns it, if it says so: the annotation `vauban.dev/team`.
    pub fn owner(&self) -> SmolStr {
        self.annotations
            .iter()
            .find(|(key, _)| key == "vauban.dev/team")
            .map(|(_, team)| team.clone())
            .unwrap_or_default()
    }

    /// Whether it can decide only flows from and to pods of its own namespace, and decides these in the same way whatever lies in other namespaces: the
    /// policies that have a namespace, of all targets, select in it alone.
    pub fn is_local(&self) -> bool {
        let kind = (self.api_version.as_str(), self.kind.as_str());
        self.namespace.is_some()
            && matches!(
                kind,
                ("networking.k8s.io/v1", "NetworkPolicy")
                    | (
                        "projectcalico.org/v3",
                        "NetworkPolicy" | "StagedNetworkPolicy"
                    )
                    | ("cilium.io/v2", "CiliumNetworkPolicy")
            )
    }

    /// The place that stands for the object: its name.
    pub fn span(&self) -> Span {
        get(&self.node, "metadata")
            .and_then(|metadata| get(metadata, "name"))
            .map_or(self.node.span, |name| name.span)
    }

    /// The fields of the object, `apiVersion`, `kind` and `metadata` taken already; `status` is the cluster's own and says nothing.
    pub fn fields(&self) -> Fields<'_> {
        let Value::Map(map) = &self.node.value else {
            unreachable!("a document is a map");
        };
        let mut fields = Fields {
            map,
            span: self.node.span,
            path: String::new(),
            taken: vec![false; map.len()],
        };
        for known in ["apiVersion", "kind", "metadata", "status"] {
            fields.get(known);
        }
        fields
    }
}

/// The value of a field, if the node is a map that has it.
pub fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(map) => map
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node),
        _ => None,
    }
}

/// The objects of a file: those of its documents, and of any `List` among them. What is no object is reported.
pub fn documents(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Document> {
    let mut found = Vec::new();
    for node in yaml::documents(source, diagnostics) {
        collect(source, node, &mut found, diagnostics);
    }
    found
}

/// The objects of one document of a file.
pub(super) fn collect(
    source: &Source,
    node: Node,
    found: &mut Vec<Document>,
    diagnostics: &mut Diagnostics,
) {
    let text = |key: &str| match get(&node, key).map(|node| &node.value) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        diagnostics.push(invalid(
            node.span,
            "it has no `apiVersion` and `kind`, so it is no object of Kubernetes",
        ));
        return;
    };
    if kind.ends_with("List") && get(&node, "items").is_some() {
        let Value::Map(map) = node.value else {
            return;
        };
        let items = map.into_iter().find(|(key, _)| key.text == "items");
        match items.map(|(_, items)| (items.value, items.span)) {
            Some((Value::List(items), _)) => {
                for mut item in items {
                    complete(&mut item, &api_version, &kind);
                    collect(source, item, found, diagnostics);
                }
            }
            Some((Value::Null, _)) | None => {}
            Some((other, span)) => diagnostics.push(invalid(
                span,
                format!("`items` is {}, not a list", other.kind()),
            )),
        }
        return;
    }
    let metadata = get(&node, "metadata");
    let metadata_text = |key: &str| match metadata.and_then(|map| get(map, key)).map(|n| &n.value) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let Some(name) = metadata_text("name") else {
        diagnostics.push(invalid(node.span, "`metadata.name` is missing"));
        return;
    };
    let namespace = metadata_text("namespace");
    let labels = strings(metadata.and_then(|map| get(map, "labels")), diagnostics);
    let annotations = strings(
        metadata.and_then(|map| get(map, "annotations")),
        diagnostics,
    );
    found.push(Document {
        file: SmolStr::new(&*source.path),
        api_version,
        kind,
        namespace,
        name,
        labels,
        annotations,
        node,
    });
}

/// An item of a typed list (`NetworkPolicyList`) need not repeat the kind.
fn complete(item: &mut Node, api_version: &SmolStr, kind: &SmolStr) {
    let kind = kind.trim_end_matches("List");
    if kind.is_empty() {
        return;
    }
    let span = item.span;
    if let Value::Map(map) = &mut item.value {
        for (key, text) in [("apiVersion", api_version.as_str()), ("kind", kind)] {
            if !map.iter().any(|(known, _)| known.text == key) {
                let key = Key {
                    text: key.into(),
                    span,
                };
                let value = Value::Text(text.into());
                map.push((key, Node { value, span }));
            }
        }
    }
}

/// A map of strings; what is none is reported.
fn strings(node: Option<&Node>, diagnostics: &mut Diagnostics) -> Vec<(SmolStr, SmolStr)> {
    let map = match node.map(|node| (&node.value, node.span)) {
        None | Some((Value::Null, _)) => return Vec::new(),
        Some((Value::Map(map), _)) => map,
        Some((other, span)) => {
            let why = format!("{} where a map of strings is due", other.kind());
            diagnostics.push(invalid(span, why));
            return Vec::new();
        }
    };
    let mut found = Vec::with_capacity(map.len());
    for (key, node) in map {
        match &node.value {
            Value::Text(text) => found.push((key.text.clone(), text.clone())),
            other => diagnostics.push(invalid(
                node.span,
                format!("`{}` is {}, not a string", key.text, other.kind()),
            )),
        }
    }
    found
}

/// What the API server, or the target's own validator, refuses.
pub fn invalid(span: Span, why: impl Into<String>) -> Diagnostic {
    Diagnostic::error("invalid-manifest", "a manifest that the API server refuses")
        .at(span, "not valid")
        .because(why)
}

/// The fields of a map, handed out one by one.
#[derive(Clone, Debug)]
pub struct Fields<'n> {
    map: &'n [(Key, Node)],
    /// The map's place.
    pub span: Span,
    /// Where it is in the object, as validators write it: `spec.ingress[0].from[1]`.
    pub path: String,
    taken: Vec<bool>,
}

impl<'n> Fields<'n> {
    /// The fields of a node that must be a map; reported and `None` if it is none. `path` is where it is in the object.
    pub fn of(
        node: &'n Node,
        path: impl Into<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let path = path.into();
        match &node.value {
            Value::Map(map) => Some(Fields {
                map,
                span: node.span,
                path,
                taken: vec![false; map.len()],
            }),
            other => {
                let why = format!("{path}: {} where a map is due", other.kind());
                diagnostics.push(invalid(node.span, why));
                None
            }
        }
    }

    /// The fields of an item of a list of structs, where `null` is an empty struct, as Go decodes it.
    pub fn of_struct(
        node: &'n Node,
        path: impl Into<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        match node.value {
            Value::Null => Some(Fields::empty(node.span, path)),
            _ => Fields::of(node, path, diagnostics),
        }
    }

    /// The fields of a map that is not written, and would stand at a place.
    pub fn empty(span: Span, path: impl Into<String>) -> Self {
        Fields {
            map: &[],
            span,
            path: path.into(),
            taken: Vec::new(),
        }
    }

    /// The path of a field of this map.
    pub fn at(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => [path, ".", key].concat(),
        }
    }

    /// A field, whatever it is; `null` is as good as absent.
    pub fn get(&mut self, key: &str) -> Option<&'n Node> {
        let at = self.map.iter().position(|(known, _)| known.text == key)?;
        self.taken[at] = true;
        let node = &self.map[at].1;
        (node.value != Value::Null).then_some(node)
    }

    /// Whether the field is written, also as `null`. It does not count as asked for.
    pub fn has(&self, key: &str) -> bool {
        self.map.iter().any(|(known, _)| known.text == key)
    }

    /// Whether the field is written with a value other than `null`. It does not count as asked for.
    pub fn has_value(&self, key: &str) -> bool {
        let mut fields = self.map.iter();
        fields.any(|(known, node)| known.text == key && node.value != Value::Null)
    }

    /// Whether the field is a list without items, or none at all. It does not count as asked for.
    pub fn is_empty_list(&self, key: &str) -> bool {
        let mut fields = self.map.iter();
        let full = |node: &Node| matches!(&node.value, Value::List(list) if !list.is_empty());
        !fields.any(|(known, node)| known.text == key && full(node))
    }

    fn typed<T>(
        &mut self,
        key: &str,
        due: &str,
        diagnostics: &mut Diagnostics,
        take: impl FnOnce(&'n Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let taken = take(node);
        if taken.is_none() {
            let why = format!("{}: {} where {due} is due", self.at(key), node.value.kind());
            diagnostics.push(invalid(node.span, why));
        }
        taken
    }

    /// A text.
    pub fn text(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<&'n SmolStr> {
        self.typed(key, "a string", diagnostics, |node| match &node.value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
        self.typed(key, "a boolean", diagnostics, |node| match node.value {
            Value::Bool(is) => Some(is),
            _ => None,
        })
    }

    /// A whole number.
    pub fn int(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<i64> {
        self.typed(key, "a whole number", diagnostics, |node| {
            match node.value {
                Value::Int(number) => Some(number),
                _ => None,
            }
        })
    }

    /// A number.
    pub fn number(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<f64> {
        self.typed(key, "a number", diagnostics, |node| match node.value {
            Value::Int(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            _ => None,
        })
    }

    /// A list. Absent and `null` are `None`; an empty list is not.
    pub fn list(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<&'n [Node]> {
        self.typed(key, "a list", diagnostics, |node| match &node.value {
            Value::List(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    /// A list of texts, each with its place; what is no text is reported and left out.
    pub fn texts(
        &mut self,
        key: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<(&'n SmolStr, Span)>> {
        let list = self.list(key, diagnostics)?;
        let mut texts = Vec::with_capacity(list.len());
        for (at, node) in list.iter().enumerate() {
            match &node.value {
                Value::Text(text) => texts.push((text, node.span)),
                other => {
                    let why = format!(
                        "{}[{at}]: {} where a string is due",
                        self.at(key),
                        other.kind()
                    );
                    diagnostics.push(invalid(node.span, why));
                }
            }
        }
        Some(texts)
    }

    /// A map, as fields. Absent and `null` are `None`; an empty map is not.
    pub fn map(&mut self, key: &str, diagnostics: &mut Diagnostics) -> Option<Fields<'n>> {
        let node = self.get(key)?;
        Fields::of(node, self.at(key), diagnostics)
    }

    /// A map of strings, in the order of the text. Absent and `null` are `None`; an empty map is not.
    pub fn strings(
        &mut self,
        key: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<(SmolStr, SmolStr)>> {
        let node = self.get(key)?;
        Some(strings(Some(node), diagnostics))
    }

    /// The keys of the map that nobody asked for, with their places.
    pub fn unasked(&self) -> impl Iterator<Item = &'n Key> {
        self.map
            .iter()
            .zip(&self.taken)
            .filter(|(_, taken)| !**taken)
            .map(|((key, _), _)| key)
    }

    /// Reports the fields that nobody asked for.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for key in self.unasked() {
            let why = format!("unknown field \"{}\"", self.at(&key.text));
            diagnostics.push(invalid(key.span, why));
        }
    }
}
