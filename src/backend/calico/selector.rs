//! Sets of pods to Calico's selectors.
//!
//! Exact: a missing label makes `!=` and `not in` true and everything else false, as absence does in [`ValueSet`]; so each
//! set of values has an expression. Selectors of rules and of policies meet host endpoints and network sets too, which
//! share one space of labels with pods; `projectcalico.org/orchestrator == "k8s"` is true of pods alone, and stands in every selector
//! that is not confined to the pods of one namespace. It also guards what is negative about namespaces: `env != "prod"` is true of
//! whatever has no namespace.

use smol_str::SmolStr;

use crate::space::{Pods, Selector, ValueSet};

/// True of pods, and of nothing else that a selector can meet.
pub(super) const IS_POD: &str = "projectcalico.org/orchestrator == \"k8s\"";

/// The label by which namespace and service account selectors know a name.
const NAME: &str = "projectcalico.org/name";

/// A set of pods in the three fields that policies and rules have for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fields {
    /// On the pod's own labels; `all()` if there is nothing to say and no guard is needed.
    pub(super) selector: String,
    /// On its namespace; absent for all namespaces.
    pub(super) namespaces: Option<String>,
    /// On its service account.
    pub(super) service_accounts: Option<String>,
}

impl Fields {
    /// The longest of them, in characters.
    pub(super) fn longest(&self) -> usize {
        let length = |field: &Option<String>| field.as_ref().map_or(0, String::len);
        self.selector
            .len()
            .max(length(&self.namespaces))
            .max(length(&self.service_accounts))
    }
}

/// Whether the guard stands in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guard {
    /// The selector can meet what is no pod.
    Needed,
    /// It cannot.
    Idle,
}

/// One set of pods in separate fields. Relations to the subject's namespace must be resolved.
pub(super) fn fields(pods: &Pods, guard: Guard) -> Fields {
    let mut own = Conjunction::default();
    if guard == Guard::Needed {
        own.term(IS_POD);
    }
    own.labels("", &pods.labels);
    let mut namespaces = Conjunction::default();
    namespaces.name("", &pods.namespaces.names);
    namespaces.labels("", &pods.namespaces.labels);
    let mut accounts = Conjunction::default();
    accounts.name("", &pods.service_account);
    Fields {
        selector: own.finish().unwrap_or_else(|| "all()".to_owned()),
        namespaces: namespaces.finish(),
        service_accounts: accounts.finish(),
    }
}

/// One set of pods as one expression, without the guard; `None` if it is every pod.
pub(super) fn expression(pods: &Pods, home: Option<&str>) -> Option<String> {
    let mut all = Conjunction::default();
    if home.is_none() {
        all.values(
            "projectcalico.org/namespace",
            &present(&pods.namespaces.names),
        );
        all.labels("pcns.", &pods.namespaces.labels);
    }
    all.name("pcsa.", &pods.service_account);
    all.labels("", &pods.labels);
    all.finish()
}

/// Several expressions of [`expression`], of which one holds; `None` if one of them is every pod.
pub(super) fn any_of(expressions: &[Option<String>]) -> Option<String> {
    let mut all: Vec<&str> = Vec::with_capacity(expressions.len());
    for expression in expressions {
        all.push(expression.as_deref()?);
    }
    Some(match &all[..] {
        [] => "!all()".to_owned(),
        [one] => (*one).to_owned(),
        several => format!("({})", several.join(") || (")),
    })
}

/// The guard and an expression.
pub(super) fn guarded(expression: Option<&str>) -> String {
    match expression {
        None => IS_POD.to_owned(),
        Some(expression) if expression.contains(" || ") => format!("{IS_POD} && ({expression})"),
        Some(expression) => format!("{IS_POD} && {expression}"),
    }
}

/// The same set of pods as two, if a list in it can be cut: what is too long for a selector.
pub(super) fn halves(pods: &Pods) -> Option<(Pods, Pods)> {
    let candidates = std::iter::once(&pods.namespaces.names)
        .chain(std::iter::once(&pods.service_account))
        .chain(pods.namespaces.labels.iter().map(|(_, values)| values))
        .chain(pods.labels.iter().map(|(_, values)| values));
    let longest = candidates
        .filter_map(|values| match values {
            ValueSet::In(values) if values.len() > 1 => Some(values),
            _ => None,
        })
        .max_by_key(|values| {
            values
                .iter()
                .flatten()
                .map(|value| value.len() + 4)
                .sum::<usize>()
        })?
        .clone();
    let (low, high) = longest.split_at(longest.len() / 2);
    let (low, high) = (ValueSet::In(low.to_vec()), ValueSet::In(high.to_vec()));
    let whole = ValueSet::In(longest);
    let with = |part: &ValueSet| {
        let mut pods = pods.clone();
        if pods.namespaces.names == whole {
            pods.namespaces.names = part.clone();
        } else if pods.service_account == whole {
            pods.service_account = part.clone();
        } else if let Some(labels) = replaced(&pods.namespaces.labels, &whole, part) {
            pods.namespaces.labels = labels;
        } else if let Some(labels) = replaced(&pods.labels, &whole, part) {
            pods.labels = labels;
        }
        pods
    };
    Some((with(&low), with(&high)))
}

fn replaced(labels: &Selector, whole: &ValueSet, part: &ValueSet) -> Option<Selector> {
    let key = labels
        .iter()
        .find(|(_, values)| *values == whole)
        .map(|(key, _)| key.clone())?;
    Some(labels.with(&key, part))
}

/// A key of pods or namespaces that Calico gives another meaning, if the set mentions one.
pub(super) fn reserved_key(pods: &Pods) -> Option<&SmolStr> {
    let own = pods.labels.iter().map(|(key, _)| key).find(|key| {
        let taken = [
            "projectcalico.org/namespace",
            "projectcalico.org/orchestrator",
            "projectcalico.org/serviceaccount",
        ];
        taken.contains(&key.as_str()) || key.starts_with("pcns.") || key.starts_with("pcsa.")
    });
    own.or_else(|| {
        pods.namespaces
            .labels
            .iter()
            .map(|(key, _)| key)
            .find(|key| *key == NAME)
    })
}

/// A name is never absent.
fn present(names: &ValueSet) -> ValueSet {
    let without = |values: &[Option<SmolStr>]| {
        values
            .iter()
            .filter(|value| value.is_some())
            .cloned()
            .collect()
    };
    match names {
        ValueSet::In(values) => ValueSet::In(without(values)),
        ValueSet::NotIn(values) => ValueSet::NotIn(without(values)),
    }
}

/// Terms that all hold.
#[derive(Default)]
struct Conjunction {
    text: String,
}

impl Conjunction {
    fn term(&mut self, term: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" && ");
        }
        self.text.push_str(term);
    }

    fn labels(&mut self, prefix: &str, labels: &Selector) {
        for (key, values) in labels.iter() {
            if prefix.is_empty() {
                self.values(key, values);
            } else {
                self.values(&format!("{prefix}{key}"), values);
            }
        }
    }

    fn name(&mut self, prefix: &str, names: &ValueSet) {
        self.values(&format!("{prefix}{NAME}"), &present(names));
    }

    fn values(&mut self, key: &str, values: &ValueSet) {
        let (of, absent, positive) = match values {
            ValueSet::In(of) => (of, of.contains(&None), true),
            ValueSet::NotIn(of) => (of, of.contains(&None), false),
        };
        let mut said: Vec<&str> = of.iter().flatten().map(SmolStr::as_str).collect();
        said.sort_unstable();
        let has_key = format!("has({key})");
        match (positive, absent, &said[..]) {
            (true, false, []) => self.term("!all()"),
            (true, true, []) => self.term(&format!("!{has_key}")),
            (true, true, _) => self.term(&format!(
                "(!{has_key} || {})",
                among(key, "==", "in", &said)
            )),
            (true, false, _) => self.term(&among(key, "==", "in", &said)),
            (false, false, []) => {}
            (false, true, []) => self.term(&has_key),
            (false, true, _) => {
                self.term(&has_key);
                self.term(&among(key, "!=", "not in", &said));
            }
            (false, false, _) => self.term(&among(key, "!=", "not in", &said)),
        }
    }

    fn finish(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }
}

fn among(key: &str, one: &str, several: &str, values: &[&str]) -> String {
    match values {
        [value] => format!("{key} {one} {}", quoted(value)),
        values => {
            let list: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("{key} {several} {{{}}}", list.join(", "))
        }
    }
}

/// Calico's strings know no escapes; label values hold no quotes (the validator has an eye on it).
fn quoted(value: &str) -> String {
    if value.contains('"') {
        format!("'{value}'")
    } else {
        format!("\"{value}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: ValueSet) -> String {
        let mut all = Conjunction::default();
        all.values("k", &values);
        all.finish().unwrap_or_default()
    }

    #[test]
    fn every_set_of_values_has_an_expression() {
        let absent_or = |value: &str| ValueSet::In(vec![None, Some(value.into())]);
        let present_not = |value: &str| ValueSet::NotIn(vec![None, Some(value.into())]);
        assert_eq!(of(ValueSet::any()), "");
        assert_eq!(of(ValueSet::none()), "!all()");
        assert_eq!(of(ValueSet::one("v")), "k == \"v\"");
        assert_eq!(of(ValueSet::among(["b", "a"])), "k in {\"a\", \"b\"}");
        assert_eq!(of(ValueSet::not_among(["v"])), "k != \"v\"");
        assert_eq!(
            of(ValueSet::not_among(["b", "a"])),
            "k not in {\"a\", \"b\"}"
        );
        assert_eq!(of(ValueSet::present()), "has(k)");
        assert_eq!(of(ValueSet::absent()), "!has(k)");
        assert_eq!(of(absent_or("v")), "(!has(k) || k == \"v\")");
        assert_eq!(of(present_not("v")), "has(k) && k != \"v\"");
    }

    #[test]
    fn halves_make_the_whole() {
        let pods = Pods {
            labels: Selector::any().with("app", &ValueSet::among(["a", "b", "c"])),
            ..Pods::any()
        };
        let (low, high) = halves(&pods).expect("a list of three");
        assert!(low.intersect(&high).is_empty());
        assert!(
            pods.subtract(&low)
                .iter()
                .all(|rest| rest.subtract(&high).is_empty())
        );
        assert!(halves(&Pods::any()).is_none());
    }
}
