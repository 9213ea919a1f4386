//! Label selectors.
//!
//! Takes: a `LabelSelector` of `metav1`. Gives: its [`Requirements`], which all hold, and from them pods or namespaces. Checked as
//! `ValidateLabelSelector` of `pkg/apis/meta/v1/validation` does. Knows nothing of policies.

use smol_str::SmolStr;

use super::validation::{label_key, label_value, wrong};
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::space::{METADATA_NAME, Namespaces, Selector, ValueSet};

/// What a selector requires of labels: all of it. Empty requires nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Requirements(Vec<(SmolStr, ValueSet)>);

impl Requirements {
    /// Of a selector.
    pub(super) fn read(mut fields: Fields<'_>, diagnostics: &mut Diagnostics) -> Self {
        let mut all = Requirements::default();
        all.match_labels(&mut fields, diagnostics);
        let path = fields.at("matchExpressions");
        for (at, node) in fields
            .list("matchExpressions", diagnostics)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            if let Some(item) = Fields::of_struct(node, format!("{path}[{at}]"), diagnostics) {
                all.expression(item, diagnostics);
            }
        }
        fields.finish(diagnostics);
        all
    }

    fn match_labels(&mut self, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
        let path = fields.at("matchLabels");
        let Some(node) = fields.get("matchLabels") else {
            return;
        };
        let Value::Map(map) = &node.value else {
            let why = format!("{path}: {} where a map is due", node.value.kind());
            diagnostics.push(invalid(node.span, why));
            return;
        };
        for (key, node) in map {
            for fault in label_key(&key.text) {
                diagnostics.push(invalid(key.span, wrong(&path, &key.text, &fault)));
            }
            let at = || format!("{path}.{}", key.text);
            if let Some(value) = string(node, at, diagnostics) {
                for fault in label_value(&value) {
                    diagnostics.push(invalid(node.span, wrong(&path, &value, &fault)));
                }
                self.0.push((key.text.clone(), ValueSet::one(value)));
            }
        }
    }

    fn expression(&mut self, mut item: Fields<'_>, diagnostics: &mut Diagnostics) {
        let key = item.text("key", diagnostics).cloned().unwrap_or_default();
        let operator = item
            .text("operator", diagnostics)
            .cloned()
            .unwrap_or_default();
        let place = |item: &mut Fields<'_>, field: &str| {
            item.get(field).map_or(item.span, |node| node.span)
        };
        let mut values = Vec::new();
        let path = item.at("values");
        for (at, node) in item
            .list("values", diagnostics)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let path = || format!("{path}[{at}]");
            if let Some(value) = string(node, path, diagnostics) {
                for fault in label_value(&value) {
                    diagnostics.push(invalid(node.span, wrong(&path(), &value, &fault)));
                }
                values.push(value);
            }
        }
        let set = match (operator.as_str(), values.is_empty()) {
            ("In" | "NotIn", true) => {
                let why = "Required value: must be specified when `operator` is 'In' or 'NotIn'";
                diagnostics.push(invalid(item.span, format!("{path}: {why}")));
                None
            }
            ("In", false) => Some(ValueSet::among(values)),
            // Also a set of labels without the key fulfils it.
            ("NotIn", false) => Some(ValueSet::not_among(values)),
            ("Exists" | "DoesNotExist", false) => {
                let why =
                    "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                let span = place(&mut item, "values");
                diagnostics.push(invalid(span, format!("{path}: {why}")));
                None
            }
            ("Exists", true) => Some(ValueSet::present()),
            ("DoesNotExist", true) => Some(ValueSet::absent()),
            _ => {
                let why = wrong(
                    &item.at("operator"),
                    &operator,
                    "not a valid selector operator",
                );
                let span = place(&mut item, "operator");
                diagnostics.push(invalid(span, why));
                None
            }
        };
        let path = item.at("key");
        for fault in label_key(&key) {
            let span = place(&mut item, "key");
            diagnostics.push(invalid(span, wrong(&path, &key, &fault)));
        }
        item.finish(diagnostics);
        self.0.extend(set.map(|set| (key, set)));
    }

    /// The labels of pods that fulfil it.
    pub(super) fn pods(&self) -> Selector {
        self.0
            .iter()
            .fold(Selector::any(), |all, (key, values)| all.with(key, values))
    }

    /// The namespaces that fulfil it: [`METADATA_NAME`], which every namespace carries with its own name, is their name.
    pub(super) fn namespaces(&self) -> Namespaces {
        let mut all = Namespaces::any();
        for (key, values) in &self.0 {
            if key == METADATA_NAME {
                all.names = all.names.intersect(values);
            } else {
                all.labels = all.labels.with(key, values);
            }
        }
        // A name is never absent.
        match &mut all.names {
            ValueSet::In(names) | ValueSet::NotIn(names) => names.retain(Option::is_some),
        }
        all
    }

    /// Whether it requires something, and something without any label fulfils it.
    pub(super) fn is_negative(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(_, values)| values.contains(None))
    }
}

/// A string as Go decodes it: `null` is the empty one.
pub(super) fn string(
    node: &Node,
    path: impl Fn() -> String,
    diagnostics: &mut Diagnostics,
) -> Option<SmolStr> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Null => Some(SmolStr::default()),
        other => {
            let why = format!("{}: {} where a string is due", path(), other.kind());
            diagnostics.push(invalid(node.span, why));
            None
        }
    }
}
