//! Boxes cut by boxes, and kept small with what the program declares.

use super::super::peers;
use super::super::traffic;
use crate::model::{Program, inhabitant};
use crate::space::{EndpointSet, FlowBox, Inexpressible, Namespaces, Pods, ValueSet, union_pods};

/// No rule becomes more boxes than this.
pub(super) const MOST_BOXES: usize = 24;

/// Why a difference could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Uncut {
    /// It is no union of boxes.
    Inexpressible(Inexpressible),
    /// It is one of too many.
    TooMany,
    /// A box of it cannot be written.
    Unsayable(Unsayable),
}

/// What of a box cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) enum Unsayable {
    /// Its ends.
    Peer(peers::Unsayable),
    /// Its traffic.
    Traffic(traffic::Unsayable),
}

/// Boxes less boxes.
///
/// # Errors
/// If the rest is no union of at most [`MOST_BOXES`] boxes.
pub(super) fn subtract(
    program: &Program,
    from: Vec<FlowBox>,
    what: &[FlowBox],
) -> Result<Vec<FlowBox>, Uncut> {
    let mut rest = from;
    for cut in what {
        let mut next = Vec::with_capacity(rest.len());
        for one in rest {
            let before = next.len();
            next.extend(one.minus(cut).map_err(Uncut::Inexpressible)?);
            // Untouched boxes keep their words.
            if next.len() == before + 1 && next[before] == one {
                continue;
            }
            let cut: Vec<FlowBox> = next.drain(before..).collect();
            next.extend(
                cut.into_iter()
                    .flat_map(|piece| settle(program, simplify(program, piece))),
            );
        }
        rest = merge(next);
        if rest.len() > MOST_BOXES {
            return Err(Uncut::TooMany);
        }
    }
    Ok(rest)
}

/// A box without what nobody can be, and without relations where its subject lies in one declared namespace.
pub(super) fn settle(program: &Program, mut one: FlowBox) -> Option<FlowBox> {
    if one.ports.is_empty() || !inhabited(program, &one.subject) {
        return None;
    }
    if let Some(name) = one.subject.namespaces.single().cloned() {
        let declared = program.namespace(&name);
        let of_names_only = |pods: &Pods| {
            pods.namespaces
                .same
                .iter()
                .all(|same| matches!(same, crate::space::Same::Namespace(_)))
        };
        one.peers.pods = std::mem::take(&mut one.peers.pods)
            .into_iter()
            .filter_map(|pods| {
                if pods.namespaces.same.is_empty() || declared.is_none() && !of_names_only(&pods) {
                    return Some(pods);
                }
                let namespaces = pods.namespaces.seen_from(&name, |key| {
                    declared.and_then(|namespace| namespace.label(key))
                })?;
                Some(Pods { namespaces, ..pods })
            })
            .collect();
    }
    (!one.peers.is_empty()).then_some(one)
}

/// Whether a subject can be somebody.
pub(super) fn inhabited(program: &Program, pods: &Pods) -> bool {
    !pods.is_empty()
        && (!pods.namespaces.same.is_empty()
            || inhabitant(&program.namespaces, program.cluster.namespaces_closed, pods).is_some())
}

/// What a cut leaves, said shortly: declared namespaces by name only, nobody nowhere.
fn simplify(program: &Program, one: FlowBox) -> FlowBox {
    let pods = one
        .peers
        .pods
        .into_iter()
        .map(|pods| by_name(program, pods))
        .filter(|pods| inhabited(program, pods))
        .collect::<Vec<_>>();
    FlowBox {
        subject: by_name(program, one.subject),
        peers: EndpointSet {
            pods: union_pods(&pods, &[]),
            ..one.peers
        },
        ports: one.ports,
    }
}

/// Where all names are declared, their labels are known: the names that fit say it all.
fn by_name(program: &Program, pods: Pods) -> Pods {
    let Namespaces {
        names: ValueSet::In(names),
        labels,
        ..
    } = &pods.namespaces
    else {
        return pods;
    };
    if labels.is_any() {
        return pods;
    }
    let mut fitting = Vec::new();
    for name in names.iter().flatten() {
        let Some(namespace) = program.namespace(name) else {
            return pods;
        };
        if labels.matches(|key| namespace.label(key)) {
            fitting.push(name.clone());
        }
    }
    Pods {
        namespaces: Namespaces {
            names: ValueSet::among(fitting),
            labels: crate::space::Selector::any(),
            same: pods.namespaces.same.clone(),
        },
        ..pods
    }
}

/// Boxes that differ in one respect only, as one.
fn merge(boxes: Vec<FlowBox>) -> Vec<FlowBox> {
    let mut merged: Vec<FlowBox> = Vec::with_capacity(boxes.len());
    for one in boxes {
        let twin = merged.iter_mut().find(|other| {
            other.subject == one.subject && (other.ports == one.ports || other.peers == one.peers)
        });
        match twin {
            Some(other) if other.ports == one.ports => other.peers = other.peers.union(&one.peers),
            Some(other) => other.ports = other.ports.union(&one.ports),
            None => merged.push(one),
        }
    }
    merged
}
