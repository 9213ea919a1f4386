//! Unions of pods with fewer members: merging what differs in one place, and complements split on the key that is mentioned most.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::space::{Namespaces, Pods, Selector, ValueSet};

/// How many members a complement may have before it is given up.
const MOST: usize = 256;

/// How many splits a complement may take before it is given up.
const SPLITS: usize = 8192;

/// The same union with fewer members: two that differ in one place only become one. The order of the first ones is kept.
pub(super) fn coalesce(pods: Vec<Pods>) -> Vec<Pods> {
    let mut all: Vec<Pods> = Vec::with_capacity(pods.len());
    for one in pods {
        let mut one = one;
        // What was merged may merge again; each round takes one away, so it ends.
        while let Some((at, both)) = all
            .iter()
            .enumerate()
            .find_map(|(at, other)| Some((at, merge(other, &one)?)))
        {
            all.remove(at);
            one = both;
        }
        all.push(one);
    }
    all
}

/// The union of two sets of pods, if it is one set of pods.
pub(super) fn merge(a: &Pods, b: &Pods) -> Option<Pods> {
    if a == b || b.subtract(a).is_empty() {
        return Some(a.clone());
    }
    if a.subtract(b).is_empty() {
        return Some(b.clone());
    }
    let same_home = a.namespaces == b.namespaces;
    let same_account = a.service_account == b.service_account;
    let same_labels = a.labels == b.labels;
    match (same_home, same_account, same_labels) {
        (true, true, false) => Some(Pods {
            labels: merge_selectors(&a.labels, &b.labels)?,
            ..a.clone()
        }),
        (true, false, true) => Some(Pods {
            service_account: a.service_account.union(&b.service_account),
            ..a.clone()
        }),
        (false, true, true) if a.namespaces.same == b.namespaces.same => {
            let (mine, theirs) = (&a.namespaces, &b.namespaces);
            let namespaces = if mine.labels == theirs.labels {
                Namespaces {
                    names: mine.names.union(&theirs.names),
                    ..mine.clone()
                }
            } else if mine.names == theirs.names {
                Namespaces {
                    labels: merge_selectors(&mine.labels, &theirs.labels)?,
                    ..mine.clone()
                }
            } else {
                return None;
            };
            Some(Pods {
                namespaces,
                ..a.clone()
            })
        }
        _ => None,
    }
}

/// The union of two selectors that differ in the values of one key.
fn merge_selectors(a: &Selector, b: &Selector) -> Option<Selector> {
    let mut differs = None;
    for (key, _) in a.iter().chain(b.iter()) {
        if a.get(key) != b.get(key) && differs.is_none_or(|other| other == key) {
            differs = Some(key);
        } else if a.get(key) != b.get(key) {
            return None;
        }
    }
    let differs = differs?;
    let values = a.get(differs).union(&b.get(differs));
    let mut both = Selector::any();
    for (key, of) in a.iter() {
        both = both.with(key, if key == differs { &values } else { of });
    }
    if !a.iter().any(|(key, _)| key == differs) {
        both = both.with(differs, &values);
    }
    Some(both)
}

/// The pods that are in `within` and in none of `what`: disjoint. All lie in one namespace, which is not looked at. `None` if it takes more than 256 sets.
///
/// Splits on the key that is mentioned most, one branch for each way in which the sets see its values, and merges branches that leave the same rest:
/// a union of n selectors on one key leaves one selector, and sequential subtraction would leave up to twice as many for two.
pub(super) fn complement(within: &Pods, what: &[Pods]) -> Option<Vec<Pods>> {
    let mut out = Vec::new();
    let what: Vec<Pods> = what
        .iter()
        .filter(|pods| !within.intersect(pods).is_empty())
        .cloned()
        .collect();
    split(within, &what, &mut out, &mut { SPLITS })?;
    Some(coalesce(out))
}

/// A dimension of pods in one namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Account,
    Label(SmolStr),
}

impl Key {
    fn of(&self, pods: &Pods) -> ValueSet {
        match self {
            Key::Account => pods.service_account.clone(),
            Key::Label(key) => pods.labels.get(key),
        }
    }

    fn restricted(&self, pods: &Pods, values: &ValueSet) -> Pods {
        let mut pods = pods.clone();
        match self {
            Key::Account => pods.service_account = pods.service_account.intersect(values),
            Key::Label(key) => pods.labels = pods.labels.with(key, values),
        }
        pods
    }

    fn freed(&self, pods: &Pods) -> Pods {
        let mut freed = pods.clone();
        match self {
            Key::Account => freed.service_account = ValueSet::any(),
            Key::Label(key) => {
                freed.labels = pods
                    .labels
                    .iter()
                    .filter(|(known, _)| *known != key)
                    .fold(Selector::any(), |all, (known, values)| {
                        all.with(known, values)
                    });
            }
        }
        freed
    }
}

fn split(within: &Pods, what: &[Pods], out: &mut Vec<Pods>, splits: &mut usize) -> Option<()> {
    *splits = splits.checked_sub(1)?;
    if out.len() > MOST {
        return None;
    }
    if what.is_empty() {
        out.push(within.clone());
        return Some(());
    }
    // A set that says nothing beyond what `within` says takes everything.
    let mut mentioned: BTreeMap<Key, usize> = BTreeMap::new();
    for pods in what {
        let mut open = false;
        let accounts = (!pods.service_account.is_any()).then_some(Key::Account);
        let labels = pods.labels.iter().map(|(key, _)| Key::Label(key.clone()));
        for key in accounts.into_iter().chain(labels) {
            if !key.of(within).is_subset(&key.of(pods)) {
                *mentioned.entry(key).or_default() += 1;
                open = true;
            }
        }
        if !open {
            return Some(());
        }
    }
    // The key mentioned most; the first by name among equals.
    let key = mentioned
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
        .map(|(key, _)| key)?;
    // The classes of its values that the sets tell apart, with what each class leaves of them.
    let mut classes: Vec<ValueSet> = vec![key.of(within)];
    for pods in what {
        let values = key.of(pods);
        classes = classes
            .iter()
            .flat_map(|class| [class.intersect(&values), class.subtract(&values)])
            .filter(|class| !class.is_empty())
            .collect();
    }
    let mut branches: Vec<(Vec<Pods>, ValueSet)> = Vec::new();
    for class in classes {
        let mut left: Vec<Pods> = what
            .iter()
            .filter(|pods| class.is_subset(&key.of(pods)))
            .map(|pods| key.freed(pods))
            .collect();
        left.sort();
        left.dedup();
        match branches.iter_mut().find(|(other, _)| *other == left) {
            Some((_, values)) => *values = values.union(&class),
            None => branches.push((left, class)),
        }
    }
    for (left, values) in branches {
        split(&key.restricted(within, &values), &left, out, splits)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(values: &[&str]) -> Pods {
        Pods {
            labels: Selector::any().with("app", &ValueSet::among(values.iter().copied())),
            ..Pods::any()
        }
    }

    #[test]
    fn a_union_on_one_key_leaves_one_selector() {
        let what: Vec<Pods> = ["a", "b", "c", "d"].iter().map(|v| app(&[v])).collect();
        let rest = complement(&Pods::any(), &what).expect("small");
        assert_eq!(rest.len(), 1);
        assert_eq!(
            rest[0].labels.get("app"),
            ValueSet::not_among(["a", "b", "c", "d"])
        );
        assert_eq!(coalesce(what), [app(&["a", "b", "c", "d"])]);
    }

    #[test]
    fn complement_and_union_make_the_whole_without_overlap() {
        let keys = ["app", "part", "zone"];
        let values = [None, Some("x"), Some("y"), Some("z")];
        // Every third pair of requirements out of a fixed walk through the small world.
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        for _ in 0..300 {
            let what: Vec<Pods> = (0..next(4) + 1)
                .map(|_| {
                    let mut labels = Selector::any();
                    for key in keys {
                        let said =
                            ValueSet::among(["x", "y", "z"].into_iter().filter(|_| next(2) == 0));
                        labels = match next(4) {
                            0 => labels.with(key, &said),
                            1 => labels.with(key, &said.complement()),
                            _ => labels,
                        };
                    }
                    Pods {
                        labels,
                        ..Pods::any()
                    }
                })
                .filter(|pods| !pods.is_empty())
                .collect();
            let rest = complement(&Pods::any(), &what).expect("small");
            for a in values {
                for b in values {
                    for c in values {
                        let holds = |pods: &Pods| {
                            pods.labels.matches(|key| match key {
                                "app" => a,
                                "part" => b,
                                _ => c,
                            })
                        };
                        let inside = what.iter().any(holds);
                        assert_eq!(rest.iter().any(holds), !inside);
                        let merged = coalesce(what.clone());
                        assert_eq!(merged.iter().any(holds), inside);
                    }
                }
            }
        }
    }
}
