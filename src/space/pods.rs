//! Sets of pods in the words of the source: namespaces by name, label and relation to the subject's; labels; service accounts.

use std::fmt;

use smol_str::SmolStr;

use super::values::ValueSet;

/// The label that every namespace carries with its own name; selectors on it are kept as names.
pub const METADATA_NAME: &str = "kubernetes.io/metadata.name";

/// Requirements on labels that all hold: sorted by key, each key once, none that admits everything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Selector(Vec<(SmolStr, ValueSet)>);

impl Selector {
    /// No requirement.
    pub const fn any() -> Self {
        Selector(Vec::new())
    }

    /// Whether there is no requirement.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no set of labels fulfils it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(|(_, values)| values.is_empty())
    }

    /// The requirements, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SmolStr, &ValueSet)> {
        self.0.iter().map(|(key, values)| (key, values))
    }

    /// What it admits for a key.
    pub fn get(&self, key: &str) -> ValueSet {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(key))
            .map_or_else(|_| ValueSet::any(), |at| self.0[at].1.clone())
    }

    /// The same with a key further restricted.
    pub fn with(&self, key: &str, values: &ValueSet) -> Self {
        let mut all = self.clone();
        match all.0.binary_search_by(|(known, _)| known.as_str().cmp(key)) {
            Ok(at) => all.0[at].1 = all.0[at].1.intersect(values),
            Err(_) if values.is_any() => {}
            Err(at) => {
                // Most selectors have one requirement or two, and they live as long as the program.
                all.0.reserve_exact(1);
                all.0.insert(at, (key.into(), values.clone()));
            }
        }
        all
    }

    /// Both.
    pub fn intersect(&self, other: &Self) -> Self {
        other
            .iter()
            .fold(self.clone(), |all, (key, values)| all.with(key, values))
    }

    /// Whether labels fulfil it; `label` gives the value of a key.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0
            .iter()
            .all(|(key, values)| values.contains(label(key)))
    }

    /// This one less another: disjoint selectors, split on one key after the other.
    pub fn subtract(&self, other: &Self) -> Vec<Selector> {
        let mut rest = Vec::new();
        let mut kept = self.clone();
        for (key, values) in other.iter() {
            let outside = kept.with(key, &values.complement());
            if !outside.is_empty() {
                rest.push(outside);
            }
            kept = kept.with(key, values);
        }
        if kept.is_empty() && rest.is_empty() && !self.is_empty() && other.is_empty() {
            rest.push(self.clone());
        }
        rest
    }
}

/// A relation to the subject's namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Same {
    /// It is the subject's (`true`), or another (`false`).
    Namespace(bool),
    /// Its label has the subject's value (`true`), or not (`false`); an absent label equals nothing.
    Label(SmolStr, bool),
}

/// A set of namespaces: all three hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Namespaces {
    /// By name; a name is never absent.
    pub names: ValueSet,
    /// By label; never on [`METADATA_NAME`], which is `names`.
    pub labels: Selector,
    /// By relation to the subject's; sorted, each once. Empty in subjects.
    pub same: Vec<Same>,
}

impl Namespaces {
    /// All of them.
    pub const fn any() -> Self {
        Namespaces {
            names: ValueSet::any(),
            labels: Selector::any(),
            same: Vec::new(),
        }
    }

    /// One, by name.
    pub fn named(name: impl Into<SmolStr>) -> Self {
        Namespaces {
            names: ValueSet::one(name),
            ..Namespaces::any()
        }
    }

    /// The only one, if it says just one name.
    pub fn single(&self) -> Option<&SmolStr> {
        match &self.names {
            ValueSet::In(names) if names.len() == 1 => names[0].as_ref(),
            _ => None,
        }
    }

    /// Whether it is certainly empty, whatever is declared.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
            || self.labels.is_empty()
            || self
                .same
                .iter()
                .any(|one| self.same.contains(&one.negated()))
    }

    /// Both.
    pub fn intersect(&self, other: &Self) -> Self {
        let mut same: Vec<Same> = self.same.iter().chain(&other.same).cloned().collect();
        same.sort();
        same.dedup();
        Namespaces {
            names: self.names.intersect(&other.names),
            labels: self.labels.intersect(&other.labels),
            same,
        }
    }

    /// This one less another: disjoint.
    pub fn subtract(&self, other: &Self) -> Vec<Namespaces> {
        let mut rest = Vec::new();
        let mut kept = self.clone();
        let outside = Namespaces {
            names: kept.names.subtract(&other.names),
            ..kept.clone()
        };
        rest.push(outside);
        kept.names = kept.names.intersect(&other.names);
        for labels in kept.labels.subtract(&other.labels) {
            rest.push(Namespaces {
                labels,
                ..kept.clone()
            });
        }
        kept.labels = kept.labels.intersect(&other.labels);
        for one in &other.same {
            rest.push(kept.intersect(&Namespaces {
                same: vec![one.negated()],
                ..Namespaces::any()
            }));
            kept = kept.intersect(&Namespaces {
                same: vec![one.clone()],
                ..Namespaces::any()
            });
        }
        rest.retain(|namespaces| !namespaces.is_empty());
        rest
    }

    /// The same set as seen from one subject namespace, whose labels `label` gives: no relation is left. `None` if it is empty.
    pub fn seen_from<'a>(
        &self,
        subject: &str,
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Namespaces> {
        let mut seen = Namespaces {
            same: Vec::new(),
            ..self.clone()
        };
        for same in &self.same {
            match same {
                Same::Namespace(true) => seen.names = seen.names.intersect(&ValueSet::one(subject)),
                Same::Namespace(false) => seen.names = seen.names.subtract(&ValueSet::one(subject)),
                Same::Label(key, true) => {
                    seen.labels = seen.labels.with(key, &ValueSet::one(label(key)?))
                }
                Same::Label(key, false) => {
                    if let Some(value) = label(key) {
                        seen.labels = seen.labels.with(key, &ValueSet::not_among([value]));
                    }
                }
            }
        }
        (!seen.is_empty()).then_some(seen)
    }
}

impl Same {
    /// The opposite relation.
    pub fn negated(&self) -> Same {
        match self {
            Same::Namespace(is) => Same::Namespace(!is),
            Same::Label(key, is) => Same::Label(key.clone(), !is),
        }
    }
}

/// A set of pods: namespaces, labels and service account all hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pods {
    /// Where.
    pub namespaces: Namespaces,
    /// Their labels.
    pub labels: Selector,
    /// Their service account; never absent.
    pub service_account: ValueSet,
}

impl Pods {
    /// All pods.
    pub const fn any() -> Self {
        Pods {
            namespaces: Namespaces::any(),
            labels: Selector::any(),
            service_account: ValueSet::any(),
        }
    }

    /// Whether it is certainly empty, whatever is declared.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty() || self.labels.is_empty() || self.service_account.is_empty()
    }

    /// Both.
    pub fn intersect(&self, other: &Self) -> Self {
        Pods {
            namespaces: self.namespaces.intersect(&other.namespaces),
            labels: self.labels.intersect(&other.labels),
            service_account: self.service_account.intersect(&other.service_account),
        }
    }

    /// This one less another: disjoint.
    pub fn subtract(&self, other: &Self) -> Vec<Pods> {
        let mut rest = Vec::new();
        let mut kept = self.clone();
        for namespaces in kept.namespaces.subtract(&other.namespaces) {
            rest.push(Pods {
                namespaces,
                ..kept.clone()
            });
        }
        kept.namespaces = kept.namespaces.intersect(&other.namespaces);
        rest.push(Pods {
            service_account: kept.service_account.subtract(&other.service_account),
            ..kept.clone()
        });
        kept.service_account = kept.service_account.intersect(&other.service_account);
        for labels in kept.labels.subtract(&other.labels) {
            rest.push(Pods {
                labels,
                ..kept.clone()
            });
        }
        rest.retain(|pods| !pods.is_empty());
        rest
    }
}

/// Both as one, if all but one of their requirements are the same, or one contains the other: exactly what is in either.
fn merged_labels(a: &Selector, b: &Selector) -> Option<Selector> {
    let mut keys: Vec<&SmolStr> = a.iter().chain(b.iter()).map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut differ = keys.into_iter().filter(|key| a.get(key) != b.get(key));
    let key = differ.next()?;
    if differ.next().is_some() {
        return None;
    }
    let kept = Selector(
        a.0.iter()
            .filter(|(known, _)| known != key)
            .cloned()
            .collect(),
    );
    Some(kept.with(key, &a.get(key).union(&b.get(key))))
}

impl Pods {
    /// Both as one, if they differ in one respect only: exactly what is in either.
    pub fn merged(&self, other: &Self) -> Option<Pods> {
        let (a, b) = (&self.namespaces, &other.namespaces);
        let differ = [
            a.names != b.names,
            a.labels != b.labels,
            a.same != b.same,
            self.labels != other.labels,
            self.service_account != other.service_account,
        ];
        match differ {
            [false, false, false, false, false] => Some(self.clone()),
            [true, false, false, false, false] => Some(Pods {
                namespaces: Namespaces {
                    names: a.names.union(&b.names),
                    ..a.clone()
                },
                ..self.clone()
            }),
            [false, true, false, false, false] => Some(Pods {
                namespaces: Namespaces {
                    labels: merged_labels(&a.labels, &b.labels)?,
                    ..a.clone()
                },
                ..self.clone()
            }),
            [false, false, false, true, false] => Some(Pods {
                labels: merged_labels(&self.labels, &other.labels)?,
                ..self.clone()
            }),
            [false, false, false, false, true] => Some(Pods {
                service_account: self.service_account.union(&other.service_account),
                ..self.clone()
            }),
            _ => None,
        }
    }
}

/// The same pods as fewer sets, where some can be said as one.
pub fn merge_pods(mut all: Vec<Pods>) -> Vec<Pods> {
    let mut at = 0;
    while at < all.len() {
        let found =
            (at + 1..all.len()).find_map(|other| Some((other, all[at].merged(&all[other])?)));
        match found {
            Some((other, one)) => {
                all[at] = one;
                all.remove(other);
                at = 0;
            }
            None => at += 1,
        }
    }
    all
}

/// All of `from` less all of `what`; disjoint where `from` was.
pub fn subtract_pods(from: &[Pods], what: &[Pods]) -> Vec<Pods> {
    what.iter().fold(from.to_vec(), |rest, pods| {
        rest.iter().flat_map(|one| one.subtract(pods)).collect()
    })
}

/// Both, without those that another contains.
pub fn union_pods(a: &[Pods], b: &[Pods]) -> Vec<Pods> {
    let mut all: Vec<Pods> = Vec::new();
    for pods in a.iter().chain(b) {
        if pods.is_empty() || all.iter().any(|other| pods.subtract(other).is_empty()) {
            continue;
        }
        all.retain(|other| !other.subtract(pods).is_empty());
        all.push(pods.clone());
    }
    all
}

fn requirement(f: &mut fmt::Formatter<'_>, key: &str, values: &ValueSet) -> fmt::Result {
    let list = |values: &[Option<SmolStr>]| {
        values
            .iter()
            .flatten()
            .map(SmolStr::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match values {
        ValueSet::In(values) => match (&values[..], values.contains(&None)) {
            ([], _) => write!(f, "{key} in ()"),
            ([None], _) => write!(f, "!{key}"),
            ([Some(value)], _) => write!(f, "{key}={value}"),
            (values, false) => write!(f, "{key} in ({})", list(values)),
            (values, true) => write!(f, "{key} in ({}) or !{key}", list(values)),
        },
        ValueSet::NotIn(values) => match (&values[..], values.contains(&None)) {
            ([None], _) => write!(f, "{key}"),
            ([Some(value)], _) => write!(f, "{key}!={value}"),
            (values, false) => write!(f, "{key} not in ({})", list(values)),
            (values, true) => write!(f, "{key}, {key} not in ({})", list(values)),
        },
    }
}

impl fmt::Display for Selector {
    /// `app=web, !canary`, without braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, values)) in self.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            requirement(f, key, values)?;
        }
        Ok(())
    }
}

impl fmt::Display for Namespaces {
    /// `shop`, `(a, b)`, `*`, `namespaces{env=prod}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_any() && self.same.is_empty() {
            match &self.names {
                names if names.is_any() => return f.write_str("*"),
                ValueSet::In(names) if names.len() == 1 => {
                    return f.write_str(names[0].as_deref().unwrap_or(""));
                }
                ValueSet::In(names) => {
                    return write!(
                        f,
                        "({})",
                        names
                            .iter()
                            .flatten()
                            .map(SmolStr::as_str)
                            .collect::<Vec<_>>()
                            .join(", ")
                    );
                }
                ValueSet::NotIn(_) => {}
            }
        }
        if self.labels.is_any() && self.names.is_any() && self.same == [Same::Namespace(true)] {
            return f.write_str("same");
        }
        f.write_str("namespaces{")?;
        let mut first = true;
        let mut comma = |f: &mut fmt::Formatter<'_>| {
            f.write_str(if std::mem::take(&mut first) { "" } else { ", " })
        };
        if !self.names.is_any() {
            comma(f)?;
            requirement(f, METADATA_NAME, &self.names)?;
        }
        for (key, values) in self.labels.iter() {
            comma(f)?;
            requirement(f, key, values)?;
        }
        for same in &self.same {
            comma(f)?;
            match same {
                Same::Namespace(true) => write!(f, "{METADATA_NAME}=same")?,
                Same::Namespace(false) => write!(f, "{METADATA_NAME}!=same")?,
                Same::Label(key, true) => write!(f, "{key}=same")?,
                Same::Label(key, false) => write!(f, "{key}!=same")?,
            }
        }
        f.write_str("}")
    }
}

impl fmt::Display for Pods {
    /// `pods{app=web} in shop`; a service account is said in brackets, since a selector cannot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pods")?;
        if !self.labels.is_any() {
            write!(f, "{{{}}}", self.labels)?;
        }
        write!(f, " in {}", self.namespaces)?;
        if !self.service_account.is_any() {
            f.write_str(" [")?;
            requirement(f, "serviceaccount", &self.service_account)?;
            f.write_str("]")?;
        }
        Ok(())
    }
}
