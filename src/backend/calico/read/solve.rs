//! What selectors select.
//!
//! Takes: an expression. Gives: the pods that it selects for certain and those that it may select, as unions of [`Pods`]; and, for things of which the labels are
//! known or not, whether it selects them. Labels of service accounts are unknown, and so is which values of an open world contain a text; where that leaves
//! something open, the two unions differ.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::selector::{Expr, Pattern};
use crate::backend::read::Context;
use crate::space::{METADATA_NAME, Pods, Selector, ValueSet, union_pods};

/// Keys that Calico gives to workloads (`conversion/constants.go`).
pub(super) const NAMESPACE: &str = "projectcalico.org/namespace";
pub(super) const ORCHESTRATOR: &str = "projectcalico.org/orchestrator";
pub(super) const ACCOUNT: &str = "projectcalico.org/serviceaccount";
/// Prefixes of what is inherited from the namespace and from the service account.
pub(super) const OF_NAMESPACE: &str = "pcns.";
pub(super) const OF_ACCOUNT: &str = "pcsa.";
/// The key by which a namespace, or a service account, has its own name.
pub(super) const NAME: &str = "projectcalico.org/name";

/// How many conjunctions a product of alternatives may come to before a selector is left unread; alternatives that are written out may be sixteen times as
/// many.
const MOST: usize = 1024;

/// What holds for certain, and what may hold: the one is part of the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Between<T> {
    /// For certain.
    pub(super) sure: T,
    /// No less than there is.
    pub(super) possible: T,
}

impl<T: Clone> Between<T> {
    /// Exactly this.
    pub(super) fn exact(value: T) -> Self {
        Between {
            sure: value.clone(),
            possible: value,
        }
    }
}

/// Whether something holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Truth {
    /// It does not.
    No,
    /// Nobody knows.
    Unknown,
    /// It does.
    Yes,
}

/// What is known of a label.
pub(super) enum Label<'l> {
    /// It is there.
    Is(&'l str),
    /// It is not there.
    Absent,
    /// Nobody knows.
    Unknown,
}

/// Whether an expression selects something with these labels.
pub(super) fn selects<'l>(expr: &Expr, label: &impl Fn(&str) -> Label<'l>) -> Truth {
    let test = |key: &str, holds: &dyn Fn(&str) -> bool| match label(key) {
        Label::Is(value) if holds(value) => Truth::Yes,
        Label::Is(_) | Label::Absent => Truth::No,
        Label::Unknown => Truth::Unknown,
    };
    match expr {
        Expr::All | Expr::Global => Truth::Yes,
        Expr::Has(key) => test(key, &|_| true),
        Expr::In(key, values) => test(key, &|value| values.iter().any(|one| one == value)),
        Expr::Like(key, pattern) => test(key, &|value| pattern.fits(value)),
        Expr::Not(inner) => match selects(inner, label) {
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
            Truth::Yes => Truth::No,
        },
        Expr::And(list) => settle(list.iter().map(|one| selects(one, label)), Truth::No),
        Expr::Or(list) => settle(list.iter().map(|one| selects(one, label)), Truth::Yes),
    }
}

/// The truth of a list that one member of the kind `settles` decides.
fn settle(truths: impl Iterator<Item = Truth>, settles: Truth) -> Truth {
    let mut unknown = false;
    for truth in truths {
        if truth == settles {
            return settles;
        }
        unknown |= truth == Truth::Unknown;
    }
    match (unknown, settles) {
        (true, _) => Truth::Unknown,
        (false, Truth::No) => Truth::Yes,
        (false, _) => Truth::No,
    }
}

/// The pods that an expression selects.
pub(super) fn pods(expr: &Expr, context: &Context<'_>) -> Between<Vec<Pods>> {
    let Some(cubes) = cubes(expr, false) else {
        return Between {
            sure: Vec::new(),
            possible: vec![Pods::any()],
        };
    };
    let mut selected: Between<Vec<Pods>> = Between::default();
    for cube in cubes {
        let between = cube.close(context);
        selected.sure.extend(between.sure);
        selected.possible.extend(between.possible);
    }
    Between {
        sure: tidy(selected.sure),
        possible: tidy(selected.possible),
    }
}

/// How many sets of pods are compared with each other before they are left as they are.
const FEW: usize = 64;

/// How many sets of pods an intersection or a difference may come to before it is not made.
const MANY: usize = 4096;

/// Drops what is empty, and, where that is cheap, what another one contains.
pub(super) fn tidy(mut pods: Vec<Pods>) -> Vec<Pods> {
    pods.retain(|pods| !pods.is_empty());
    if pods.len() <= FEW {
        union_pods(&pods, &[])
    } else {
        pods.sort_unstable();
        pods.dedup();
        pods
    }
}

/// What is in both; `None` if that is too much to say.
pub(super) fn both(a: &[Pods], b: &[Pods]) -> Option<Vec<Pods>> {
    if a == [Pods::any()] {
        return Some(b.to_vec());
    }
    if b == [Pods::any()] {
        return Some(a.to_vec());
    }
    (a.len() * b.len() <= MANY).then(|| {
        let pairs = a.iter().flat_map(|a| b.iter().map(|b| a.intersect(b)));
        tidy(pairs.collect())
    })
}

/// No less than what is in the one only: what would take too many pieces to take away stays.
pub(super) fn less(from: &[Pods], what: &[Pods]) -> Vec<Pods> {
    if from == what {
        return Vec::new();
    }
    let mut rest = from.to_vec();
    for taken in what {
        let next: Vec<Pods> = rest.iter().flat_map(|one| one.subtract(taken)).collect();
        if next.len() <= FEW.max(from.len()) {
            rest = next;
        }
    }
    rest
}

/// What a key is to a pod.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    /// Always `k8s`.
    Orchestrator,
    /// The name of its namespace.
    Namespace,
    /// A label of its namespace.
    NamespaceLabel(SmolStr),
    /// The name of its service account.
    Account,
    /// A label of its service account.
    AccountLabel(SmolStr),
    /// A label of its own.
    Label(SmolStr),
}

fn place(key: &SmolStr) -> Place {
    match key.as_str() {
        NAMESPACE => return Place::Namespace,
        ORCHESTRATOR => return Place::Orchestrator,
        ACCOUNT => return Place::Account,
        _ => {}
    }
    // What a pod itself calls so is taken off it, so these are the inherited ones.
    if let Some(key) = key.strip_prefix(OF_NAMESPACE) {
        return match key {
            NAME | METADATA_NAME => Place::Namespace,
            key => Place::NamespaceLabel(key.into()),
        };
    }
    if let Some(key) = key.strip_prefix(OF_ACCOUNT) {
        return match key {
            NAME => Place::Account,
            key => Place::AccountLabel(key.into()),
        };
    }
    Place::Label(key.clone())
}

/// One conjunction.
#[derive(Clone, Debug)]
struct Cube {
    pods: Pods,
    /// Forms that values must have, or must not have.
    forms: Vec<(Place, Pattern, bool)>,
    /// Whether it also asks for what nobody knows.
    unknown: bool,
}

impl Cube {
    fn any() -> Self {
        Cube {
            pods: Pods::any(),
            forms: Vec::new(),
            unknown: false,
        }
    }

    fn and(&self, other: &Cube) -> Cube {
        Cube {
            pods: self.pods.intersect(&other.pods),
            forms: self.forms.iter().chain(&other.forms).cloned().collect(),
            unknown: self.unknown || other.unknown,
        }
    }

    /// Settles the forms: exactly where the values are a finite list, else by what is declared, else both ways.
    fn close(self, context: &Context<'_>) -> Between<Vec<Pods>> {
        let mut sure = (!self.unknown).then(|| self.pods.clone());
        let mut possible = self.pods;
        for (place, pattern, wanted) in &self.forms {
            let fits = |value: Option<&str>| value.is_some_and(|is| pattern.fits(is)) == *wanted;
            let settled = form(&possible, place, context, &fits);
            possible = possible.intersect(&settled.possible);
            sure = sure
                .zip(settled.sure)
                .map(|(sure, settled)| sure.intersect(&settled));
        }
        Between {
            sure: sure.into_iter().collect(),
            possible: vec![possible],
        }
    }
}

/// The pods of which the value at a place has a form; `within` is what is known of them already. The certain ones may be none.
fn form(
    within: &Pods,
    place: &Place,
    context: &Context<'_>,
    fits: &impl Fn(Option<&str>) -> bool,
) -> Form {
    let values = match place {
        Place::Namespace => within.namespaces.names.clone(),
        Place::NamespaceLabel(key) => within.namespaces.labels.get(key),
        Place::Account => within.service_account.clone(),
        Place::Label(key) => within.labels.get(key),
        Place::Orchestrator => ValueSet::one("k8s"),
        Place::AccountLabel(_) => {
            return Form {
                sure: None,
                possible: Pods::any(),
            };
        }
    };
    match &values {
        ValueSet::In(list) => {
            let kept = list.iter().filter(|value| fits(value.as_deref()));
            let kept = at(place, &ValueSet::In(kept.cloned().collect()));
            return Form {
                sure: Some(kept.clone()),
                possible: kept,
            };
        }
        ValueSet::NotIn(_) => {}
    }
    // The declared namespaces are what they are; others may be anything.
    if let Place::Namespace | Place::NamespaceLabel(_) = place {
        let value = |namespace: &crate::model::Namespace| match place {
            Place::NamespaceLabel(key) => namespace.label(key).map(SmolStr::new),
            _ => Some(namespace.name.clone()),
        };
        let (fitting, others): (Vec<_>, Vec<_>) = context
            .namespaces
            .iter()
            .partition(|namespace| fits(value(namespace).as_deref()));
        let named = |names: ValueSet| at(&Place::Namespace, &names);
        let names = |list: &[&crate::model::Namespace]| -> Vec<SmolStr> {
            list.iter().map(|one| one.name.clone()).collect()
        };
        let sure = named(ValueSet::among(names(&fitting)));
        if context.cluster.namespaces_closed {
            return Form {
                sure: Some(sure.clone()),
                possible: sure,
            };
        }
        let mut possible = named(ValueSet::not_among(names(&others)));
        if !fits(None) {
            possible = possible.intersect(&at(place, &ValueSet::present()));
        }
        return Form {
            sure: Some(sure),
            possible,
        };
    }
    if fits(None) {
        // Absence has no form.
        return Form {
            sure: Some(at(place, &ValueSet::absent())),
            possible: Pods::any(),
        };
    }
    Form {
        sure: None,
        possible: at(place, &ValueSet::present()),
    }
}

/// What a form comes to: as [`Between`], of one conjunction that may be impossible to say.
struct Form {
    sure: Option<Pods>,
    possible: Pods,
}

/// The pods with such a value at a place; the names of namespaces and service accounts are never absent. Not for [`Place::AccountLabel`].
fn at(place: &Place, values: &ValueSet) -> Pods {
    let mut pods = Pods::any();
    match place {
        Place::Namespace => pods.namespaces.names = present(values),
        Place::Account => pods.service_account = present(values),
        Place::NamespaceLabel(key) => {
            pods.namespaces.labels = Selector::any().with(key, values);
        }
        Place::Label(key) => pods.labels = Selector::any().with(key, values),
        Place::Orchestrator if values.contains(Some("k8s")) => {}
        Place::Orchestrator | Place::AccountLabel(_) => {
            pods.namespaces.names = ValueSet::none();
        }
    }
    pods
}

/// Absence left out of account.
fn present(values: &ValueSet) -> ValueSet {
    let some = |list: &[Option<SmolStr>]| -> Vec<_> {
        list.iter().filter(|one| one.is_some()).cloned().collect()
    };
    match values {
        ValueSet::In(list) => ValueSet::In(some(list)),
        ValueSet::NotIn(list) => ValueSet::NotIn(some(list)),
    }
}

/// The requirement of one label that an expression is, if it is one.
fn requirement(expr: &Expr, negated: bool) -> Option<(&SmolStr, ValueSet)> {
    let (key, values) = match expr {
        Expr::Not(inner) => return requirement(inner, !negated),
        Expr::Has(key) => (key, ValueSet::present()),
        Expr::In(key, values) => (key, ValueSet::among(values.iter().cloned())),
        Expr::Like(key, pattern) if pattern.fits_all() => (key, ValueSet::present()),
        _ => return None,
    };
    Some((key, if negated { values.complement() } else { values }))
}

fn literal(key: &SmolStr, values: &ValueSet) -> Cube {
    match place(key) {
        Place::AccountLabel(_) if !values.is_any() && !values.is_empty() => Cube {
            unknown: true,
            ..Cube::any()
        },
        Place::AccountLabel(_) if values.is_any() => Cube::any(),
        place => Cube {
            pods: at(&place, values),
            ..Cube::any()
        },
    }
}

/// An expression as a union of conjunctions; `None` if they are too many.
fn cubes(expr: &Expr, negated: bool) -> Option<Vec<Cube>> {
    if let Some((key, values)) = requirement(expr, negated) {
        return Some(vec![literal(key, &values)]);
    }
    match (expr, negated) {
        (Expr::Not(inner), _) => cubes(inner, !negated),
        (Expr::Like(key, pattern), _) => Some(vec![Cube {
            forms: vec![(place(key), pattern.clone(), !negated)],
            unknown: matches!(place(key), Place::AccountLabel(_)),
            ..Cube::any()
        }]),
        (Expr::And(list), false) | (Expr::Or(list), true) => {
            // What asks for one label each narrows all of the rest.
            let mut first = Cube::any();
            let mut others = Vec::new();
            for one in list {
                match requirement(one, negated) {
                    Some((key, values)) => first = first.and(&literal(key, &values)),
                    None => others.push(one),
                }
            }
            let mut all = vec![first];
            all.retain(|cube| !cube.pods.is_empty());
            for one in others {
                let more = cubes(one, negated)?;
                if all.len().saturating_mul(more.len()) > MOST {
                    return None;
                }
                all = all
                    .iter()
                    .flat_map(|cube| more.iter().map(|other| cube.and(other)))
                    .filter(|cube| !cube.pods.is_empty())
                    .collect();
            }
            Some(all)
        }
        (Expr::Or(list), false) | (Expr::And(list), true) => {
            let mut all = Vec::new();
            // Requirements of one label are one requirement.
            let mut merged: BTreeMap<&SmolStr, ValueSet> = BTreeMap::new();
            for one in list {
                if let Some((key, values)) = requirement(one, negated) {
                    let known = merged.entry(key).or_insert_with(ValueSet::none);
                    *known = known.union(&values);
                } else {
                    all.extend(cubes(one, negated)?);
                }
                if all.len() > MOST * 16 {
                    return None;
                }
            }
            all.extend(merged.iter().map(|(key, values)| literal(key, values)));
            Some(all)
        }
        (Expr::All | Expr::Global, false) => Some(vec![Cube::any()]),
        _ => Some(Vec::new()),
    }
}
