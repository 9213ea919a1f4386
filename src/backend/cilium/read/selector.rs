//! Label selectors: from their text to requirements, with what the API server and the agent refuse, and with what the agent adds.
//!
//! Takes: the node of a selector. Gives: its [`Requirement`]s. Does not know which ends fulfil them.

use smol_str::{SmolStr, ToSmolStr};

use super::identity::{Asked, CLUSTER, Facts, NAMESPACE, NAMESPACE_LABELS, Origin, Requirement};
use crate::backend::read::document::{Fields, get, invalid};
use crate::backend::read::yaml::Node;
use crate::diagnostic::Diagnostics;
use crate::space::ValueSet;

/// A selector as it is written. All of its requirements hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    /// `matchLabels`
    labels: Vec<Requirement>,
    /// `matchExpressions`
    expressions: Vec<Requirement>,
}

impl Selector {
    /// Reads a selector. What is refused is reported; what is left is then of no use.
    pub(super) fn read(
        node: &Node,
        path: String,
        facts: Facts<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Selector {
        let mut selector = Selector::default();
        let Some(mut fields) = Fields::of(node, path, diagnostics) else {
            return selector;
        };
        let at = fields.at("matchLabels");
        for (key, value) in fields
            .strings("matchLabels", diagnostics)
            .unwrap_or_default()
        {
            let span = get(node, "matchLabels").map_or(node.span, |labels| {
                get(labels, &key).map_or(labels.span, |value| value.span)
            });
            let why = key_fault(&key, facts.version).or_else(|| value_fault(&value));
            if let Some(why) = why {
                diagnostics.push(invalid(span, format!("{at}: {why}")));
            }
            selector.demand(requirement(&key, ValueSet::one(value)));
        }
        let at = fields.at("matchExpressions");
        let expressions = fields.list("matchExpressions", diagnostics);
        for (index, node) in expressions.unwrap_or_default().iter().enumerate() {
            let at = format!("{at}[{index}]");
            if let Some(read) = expression(node, at, facts, diagnostics) {
                selector.expressions.push(read);
            }
        }
        fields.finish(diagnostics);
        selector
    }

    /// Adds a label of `matchLabels`. Two keys may come to the same one, as `app` and `any:app` do: the agent then keeps one of the two, by no rule.
    fn demand(&mut self, one: Requirement) {
        let same = |known: &&mut Requirement| known.origin == one.origin && known.key == one.key;
        let known = self.labels.iter_mut().find(same);
        let (Some(known), Asked::Values(values)) = (known, &one.asked) else {
            self.labels.push(one);
            return;
        };
        if let Asked::Values(either) = &mut known.asked
            && *either != *values
        {
            *either = either.union(values);
            self.labels.push(Requirement {
                asked: Asked::Unsettled,
                ..one
            });
        }
    }

    fn all(&self) -> impl Iterator<Item = &Requirement> {
        self.labels.iter().chain(&self.expressions)
    }

    fn has(&self, key: &str) -> bool {
        self.all().any(|one| carried(&one.origin) && one.key == key)
    }

    /// Whether it has the key `reserved:init`: then it is of pods that have no labels yet.
    pub(super) fn has_init(&self) -> bool {
        let reserved = Origin::Of("reserved".into());
        self.all()
            .any(|one| one.origin == reserved && one.key == "init")
    }

    /// The requirements of an `endpointSelector`. In a CiliumNetworkPolicy (`namespace`) `k8s:io.kubernetes.pod.namespace` is set: it replaces what
    /// `matchLabels` says under that very key, and stands beside anything else (`ParseToCiliumRule`).
    pub(super) fn subject(&self, namespace: Option<&str>) -> Vec<Requirement> {
        let Some(namespace) = namespace else {
            return self.all().cloned().collect();
        };
        let own = namespace_is(ValueSet::one(namespace));
        self.labels
            .iter()
            .filter(|one| one.origin != own.origin || one.key != own.key)
            .chain(&self.expressions)
            .cloned()
            .chain([own.clone()])
            .collect()
    }

    /// The requirements of an item of `fromEndpoints` or `toEndpoints`, with what the agent adds (`getEndpointSelector`): the namespace of a
    /// CiliumNetworkPolicy, or any namespace in a clusterwide one; since 1.19 the local cluster. `init`: the policy is for pods without labels.
    pub(super) fn peer(
        &self,
        namespace: Option<&str>,
        init: bool,
        facts: Facts<'_>,
    ) -> Vec<Requirement> {
        let mut all: Vec<Requirement> = self.all().cloned().collect();
        // The agent looks for the prefix `reserved:`; the source of a key is what precedes the first colon.
        let reserved = Origin::Of("reserved".into());
        if all.iter().any(|one| one.origin == reserved) {
            return all;
        }
        if !self.has(NAMESPACE) {
            let labelled = all
                .iter()
                .any(|one| carried(&one.origin) && one.key.starts_with(NAMESPACE_LABELS));
            match namespace {
                None if !init => all.push(namespace_is(ValueSet::present())),
                Some(own) if !labelled => all.push(namespace_is(ValueSet::one(own))),
                _ => {}
            }
        }
        self.local(&mut all, facts);
        all
    }

    /// The requirements of an item of `fromNodes` or `toNodes`: other nodes only.
    pub(super) fn nodes(&self, facts: Facts<'_>) -> Vec<Requirement> {
        let mut all: Vec<Requirement> = self.all().cloned().collect();
        all.push(Requirement {
            origin: Origin::Of("reserved".into()),
            key: "remote-node".into(),
            asked: Asked::Values(ValueSet::present()),
        });
        self.local(&mut all, facts);
        all
    }

    /// The requirements of a `cidrGroupSelector`: labels of groups, whatever their source is said to be.
    pub(super) fn groups(&self) -> Vec<(SmolStr, ValueSet)> {
        self.all()
            .filter_map(|one| match &one.asked {
                Asked::Values(values) => Some((one.key.clone(), values.clone())),
                Asked::Local | Asked::Unsettled => None,
            })
            .collect()
    }

    /// Since 1.19 peers are of the local cluster unless they name one (`policy-default-local-cluster`).
    fn local(&self, all: &mut Vec<Requirement>, facts: Facts<'_>) {
        if facts.version >= (1, 19) && !self.has(CLUSTER) {
            all.push(Requirement {
                origin: Origin::Of("k8s".into()),
                key: CLUSTER.into(),
                asked: Asked::Local,
            });
        }
    }
}

/// Whether labels of pods can answer for a source.
fn carried(origin: &Origin) -> bool {
    match origin {
        Origin::Any => true,
        Origin::Of(source) => source == "k8s",
    }
}

fn namespace_is(values: ValueSet) -> Requirement {
    Requirement {
        origin: Origin::Of("k8s".into()),
        key: NAMESPACE.into(),
        asked: Asked::Values(values),
    }
}

/// A key is `source:key`; without a source, or with the source `any`, any will do. `$key` is an old way to write `reserved:key`.
fn requirement(key: &str, values: ValueSet) -> Requirement {
    let (origin, key) = match (key.strip_prefix('$'), key.split_once(':')) {
        (Some(key), _) => (Origin::Of("reserved".into()), key),
        (None, Some(("" | "any", key))) => (Origin::Any, key),
        (None, Some((source, key))) => (Origin::Of(source.into()), key),
        (None, None) => (Origin::Any, key),
    };
    Requirement {
        origin,
        key: key.into(),
        asked: Asked::Values(values),
    }
}

fn expression(
    node: &Node,
    path: String,
    facts: Facts<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Requirement> {
    let mut fields = Fields::of(node, path, diagnostics)?;
    let at = |key: &str, span, why: &str| invalid(span, format!("{}: {why}", fields.at(key)));
    let required = |key: &str| at(key, node.span, "Required value");
    let (no_key, no_operator) = (required("key"), required("operator"));
    let key = fields.text("key", diagnostics);
    let operator = fields.text("operator", diagnostics);
    let values = fields.texts("values", diagnostics).unwrap_or_default();
    let Some(key) = key else {
        diagnostics.push(no_key);
        return None;
    };
    if let Some(why) = key_fault(key, facts.version) {
        diagnostics.push(invalid(node.span, format!("{}: {why}", fields.at("key"))));
    }
    for (value, span) in &values {
        if let Some(why) = value_fault(value) {
            diagnostics.push(invalid(*span, format!("{}: {why}", fields.at("values"))));
        }
    }
    let some: Vec<SmolStr> = values.iter().map(|(value, _)| (*value).clone()).collect();
    let set = match operator.map(SmolStr::as_str) {
        None => {
            diagnostics.push(no_operator);
            return None;
        }
        Some("In" | "NotIn") if some.is_empty() => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            diagnostics.push(invalid(
                node.span,
                format!("{}: Required value: {why}", fields.at("values")),
            ));
            return None;
        }
        Some("Exists" | "DoesNotExist") if !some.is_empty() => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            diagnostics.push(invalid(
                node.span,
                format!("{}: Forbidden: {why}", fields.at("values")),
            ));
            return None;
        }
        Some("In") => ValueSet::among(some),
        Some("NotIn") => ValueSet::not_among(some),
        Some("Exists") => ValueSet::present(),
        Some("DoesNotExist") => ValueSet::absent(),
        Some(other) => {
            diagnostics.push(invalid(
                node.span,
                format!(
                    "{}: Unsupported value: \"{other}\": supported values: \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"",
                    fields.at("operator")
                ),
            ));
            return None;
        }
    };
    fields.finish(diagnostics);
    Some(requirement(key, set))
}

/// What the agent's validator has against a key. Up to 1.19 it checks the key with its source before it, so that the source's letters count.
fn key_fault(key: &str, version: (u16, u16)) -> Option<String> {
    let invalid = |why: &str| Some(format!("Invalid value: \"{key}\": {why}"));
    let checked = if version >= (1, 20) {
        match key.split(':').collect::<Vec<_>>()[..] {
            [key] => key.to_smolstr(),
            [source, key] => {
                if source.is_empty() || !source.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return invalid(
                        "label source should be a non empty string with only alphanumeric characters",
                    );
                }
                key.to_smolstr()
            }
            _ => {
                return invalid(
                    "a valid label key only support ':' character as a source separator with non empty value",
                );
            }
        }
    } else {
        let (source, rest) = match (key.strip_prefix('$'), key.split_once(':')) {
            (Some(rest), _) => ("reserved", rest),
            (None, Some(("", rest))) => ("any", rest),
            (None, Some((source, rest))) => (source, rest),
            (None, None) => ("any", key),
        };
        format!("{source}.{rest}").to_smolstr()
    };
    qualified_fault(&checked).and_then(invalid)
}

/// What Kubernetes has against a qualified name (`IsQualifiedName`).
fn qualified_fault(name: &str) -> Option<&'static str> {
    let name = match name.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        ["", _] => return Some("prefix part must be non-empty"),
        [prefix, _] if !is_subdomain(prefix) => {
            return Some(
                "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            );
        }
        [_, name] => name,
        _ => {
            return Some(
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character, with an optional DNS subdomain prefix and '/'",
            );
        }
    };
    if name.is_empty() {
        Some("name part must be non-empty")
    } else if name.len() > 63 {
        Some("name part must be no more than 63 bytes")
    } else if !is_word(name) {
        Some(
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        )
    } else {
        None
    }
}

/// What Kubernetes has against a label's value.
fn value_fault(value: &str) -> Option<String> {
    let why = if value.len() > 63 {
        "must be no more than 63 bytes"
    } else if !value.is_empty() && !is_word(value) {
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    } else {
        return None;
    };
    Some(format!("Invalid value: \"{value}\": {why}"))
}

fn is_word(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Whether a text is a lower-case DNS name of RFC 1123: a name of an object, and the prefix of a label's key.
pub(super) fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    !text.is_empty() && text.len() <= 253 && text.split('.').all(label)
}
