//! Sets of pods as label selectors.
//!
//! A selector says In, NotIn, Exists and DoesNotExist of one key at a time, all of which hold. The one set of values that it cannot say is
//! "one of these, or absent": that becomes two selectors. Kubernetes' NotIn and DoesNotExist hold for absent labels, as ours do.

use super::manifest::{LabelSelector, Operator, Peer, Requirement};
use crate::space::{METADATA_NAME, Pods, Selector, ValueSet};

/// How many selectors one set of pods may take: 2 for each key of "one of these, or absent".
const MOST: usize = 64;

/// The set is a union of more selectors than we write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooMany;

/// The selectors whose union is exactly the labels of `selector`; disjoint. None if it admits nothing.
///
/// # Errors
/// If there would be more than 64.
pub(super) fn selectors(selector: &Selector) -> Result<Vec<LabelSelector>, TooMany> {
    terms(selector.iter().map(|(key, values)| (key.as_str(), values)))
}

/// The peers that are exactly these pods, seen from an object in `own`. The service account is not looked at: whoever calls has refused it.
///
/// # Errors
/// If there would be more than 64.
pub(super) fn peers(pods: &Pods, own: &str) -> Result<Vec<Peer>, TooMany> {
    let namespaces = &pods.namespaces;
    let all = namespaces.names.is_any() && namespaces.labels.is_any();
    let here =
        namespaces.labels.is_any() && namespaces.single().is_some_and(|single| single == own);
    let homes: Vec<Option<LabelSelector>> = if here {
        vec![None]
    } else if all {
        vec![Some(LabelSelector::default())]
    } else {
        let name = (!namespaces.names.is_any()).then_some((METADATA_NAME, &namespaces.names));
        let labels = namespaces
            .labels
            .iter()
            .map(|(key, values)| (key.as_str(), values));
        terms(name.into_iter().chain(labels))?
            .into_iter()
            .map(Some)
            .collect()
    };
    let labels = selectors(&pods.labels)?;
    if homes.len() * labels.len() > MOST {
        return Err(TooMany);
    }
    let mut out = Vec::with_capacity(homes.len() * labels.len());
    for home in &homes {
        for selector in &labels {
            let every = *selector == LabelSelector::default();
            out.push(Peer::Pods {
                namespace_selector: home.clone(),
                pod_selector: (!every || home.is_none()).then(|| selector.clone()),
            });
        }
    }
    Ok(out)
}

fn terms<'a>(
    requirements: impl Iterator<Item = (&'a str, &'a ValueSet)>,
) -> Result<Vec<LabelSelector>, TooMany> {
    let mut all = vec![LabelSelector::default()];
    for (key, values) in requirements {
        let ways = ways(key, values);
        if all.len() * ways.len() > MOST {
            return Err(TooMany);
        }
        all = all
            .iter()
            .flat_map(|term| {
                ways.iter().map(|way| {
                    let mut term = term.clone();
                    term.match_labels.extend(way.match_labels.clone());
                    term.match_expressions
                        .extend(way.match_expressions.iter().cloned());
                    term
                })
            })
            .collect();
    }
    Ok(all)
}

/// The selectors for one key; none if no value is admitted.
fn ways(key: &str, values: &ValueSet) -> Vec<LabelSelector> {
    let absent = values.contains(None);
    let said: Vec<_> = values.mentioned().iter().flatten().cloned().collect();
    let requirement = |operator, values| Requirement {
        key: key.into(),
        operator,
        values,
    };
    let expressions = |match_expressions| LabelSelector {
        match_expressions,
        ..LabelSelector::default()
    };
    let mut ways = Vec::new();
    match values {
        ValueSet::In(_) => {
            match said.len() {
                0 => {}
                1 => ways.push(LabelSelector {
                    match_labels: [(key.into(), said[0].clone())].into(),
                    ..LabelSelector::default()
                }),
                _ => ways.push(expressions(vec![requirement(Operator::In, said)])),
            }
            if absent {
                ways.push(expressions(vec![requirement(
                    Operator::DoesNotExist,
                    Vec::new(),
                )]));
            }
        }
        ValueSet::NotIn(_) => {
            let mut all = Vec::new();
            if !absent {
                all.push(requirement(Operator::Exists, Vec::new()));
            }
            if !said.is_empty() {
                all.push(requirement(Operator::NotIn, said));
            }
            ways.push(expressions(all));
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &LabelSelector, key: &str, value: Option<&str>) -> bool {
        selector
            .match_labels
            .iter()
            .all(|(of, wanted)| of != key || value == Some(wanted))
            && selector.match_expressions.iter().all(|one| {
                let among = value.is_some_and(|value| one.values.iter().any(|v| v == value));
                match one.operator {
                    Operator::In => among,
                    Operator::NotIn => !among,
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                }
            })
    }

    #[test]
    fn every_set_of_values_is_said_exactly_and_once() {
        let worlds = [None, Some("a"), Some("b"), Some("c"), Some("other")];
        for bits in 0..16u8 {
            for cofinite in [false, true] {
                let said = worlds[..4]
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| bits >> at & 1 == 1)
                    .map(|(_, value)| value.map(smol_str::SmolStr::from))
                    .collect();
                let values = if cofinite {
                    ValueSet::NotIn(said)
                } else {
                    ValueSet::In(said)
                };
                let selector = Selector::any().with("k", &values);
                let terms = selectors(&selector).expect("one key");
                for value in worlds {
                    let hits = terms
                        .iter()
                        .filter(|term| matches(term, "k", value))
                        .count();
                    assert_eq!(
                        hits,
                        usize::from(values.contains(value)),
                        "{values:?} {value:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_own_namespace_needs_no_namespace_selector() {
        let pods = Pods {
            namespaces: crate::space::Namespaces::named("shop"),
            ..Pods::any()
        };
        let [
            Peer::Pods {
                namespace_selector,
                pod_selector,
            },
        ] = &peers(&pods, "shop").expect("one")[..]
        else {
            unreachable!("one peer of pods")
        };
        assert!(namespace_selector.is_none());
        assert_eq!(*pod_selector, Some(LabelSelector::default()));
        let [
            Peer::Pods {
                namespace_selector, ..
            },
        ] = &peers(&pods, "data").expect("one")[..]
        else {
            unreachable!("one peer of pods")
        };
        assert!(namespace_selector.is_some());
    }
}
