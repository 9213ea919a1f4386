//! Two sides in one world, so that one oracle can speak for both.
//!
//! Takes: two [`Side`]s, of one cluster or of two. Gives: an [`Aligned`] pair of programs with the same namespaces, and what had to be decided for that, in words.
//! The world has the namespaces of either side. What one side knows of a namespace that the other does not declare holds for both. Where both declare it with other labels,
//! each side keeps its own: its selectors of that namespace are said by name. Knows nothing of what will be compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::Side;
use crate::backend::read::Unread;
use crate::model::{Block, Namespace, Program};
use crate::prove::Universe;
use crate::space::{FlowBox, Pods, Same, Selector, ValueSet};

/// Two programs in one world. The first is that of the first side.
#[derive(Clone, Debug)]
pub struct Aligned {
    /// What each side decides. Places and identities are those of the side's own program.
    pub programs: [Arc<Program>; 2],
    /// What each side leaves open.
    pub unread: [Vec<Unread>; 2],
    /// The flows that both can be held to.
    pub universe: Universe,
    /// Declared namespaces whose pods are not compared, since the universe of one side has not got them; sorted.
    pub left_out: Vec<SmolStr>,
    /// What was decided and what differs, one sentence each.
    pub assumed: Vec<String>,
    /// What each side says of its namespaces beside the world.
    own: [Own; 2],
}

impl Aligned {
    /// Pods as one side (0 or 1) means them, in the words of the world.
    ///
    /// # Errors
    /// If they compare a label of namespaces of which the sides say different things: its key.
    pub fn seen(&self, side: usize, pods: &[Pods]) -> Result<Vec<Pods>, SmolStr> {
        let own = &self.own[side];
        match own.is_empty() {
            true => Ok(pods.to_vec()),
            false => Rewriting { own }.pods(pods),
        }
    }
}

/// What one side says of the labels that the sides do not agree on, by namespace and key.
type Own = BTreeMap<SmolStr, BTreeMap<SmolStr, Option<SmolStr>>>;

/// Brings two sides into one world.
///
/// # Errors
/// In words, if a program compares a label of two namespaces of which the sides say different things.
pub fn align(one: &Side, other: &Side) -> Result<Aligned, String> {
    let sides = [one, other];
    let mut assumed = Vec::new();
    let closed = sides.map(|side| side.program.cluster.namespaces_closed);
    if closed[0] != closed[1] {
        let by = if closed[0] { one } else { other };
        assumed.push(format!(
            "there are no namespaces but the declared ones, as {} says",
            by.name
        ));
    }
    let (namespaces, own) = namespaces(sides, &mut assumed);
    assumed.extend(facts(sides));
    let names = |side: &Side| -> Vec<SmolStr> {
        let all = side.program.namespaces.iter();
        all.map(|one| one.name.clone()).collect()
    };
    let left_out: Vec<SmolStr> = namespaces
        .iter()
        .map(|namespace| namespace.name.clone())
        .filter(|name| {
            sides
                .iter()
                .any(|side| side.universe.declared_only && !names(side).contains(name))
        })
        .collect();
    if !left_out.is_empty() {
        assumed.push(format!(
            "the pods of {} are not compared: one side writes policies for the namespaces that it declares only",
            list(&left_out)
        ));
    }
    let closed = closed[0] || closed[1];
    let mut programs = Vec::with_capacity(2);
    let mut unread = Vec::with_capacity(2);
    for (side, own) in sides.into_iter().zip(&own) {
        let seen = side.program.namespaces.iter();
        let same = side.program.cluster.namespaces_closed == closed
            && seen.len() == namespaces.len()
            && seen
                .zip(&namespaces)
                .all(|(a, b)| a.name == b.name && a.labels == b.labels);
        if same {
            programs.push(side.program.clone());
            unread.push(side.unread.clone());
            continue;
        }
        let rewriting = Rewriting { own };
        programs.push(Arc::new(rewriting.program(side, &namespaces, closed)?));
        unread.push(rewriting.unread(&side.unread)?);
    }
    let [first, second] = <[_; 2]>::try_from(programs).expect("one for each side");
    let unread = <[_; 2]>::try_from(unread).expect("one for each side");
    Ok(Aligned {
        programs: [first, second],
        unread,
        universe: Universe::common(&one.universe, &other.universe),
        left_out,
        assumed,
        own,
    })
}

fn list(names: &[SmolStr]) -> String {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|one| format!("`{one}`"))
        .collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

/// The namespaces of the world, with the labels that nobody denies, and what each side says beside them.
fn namespaces(sides: [&Side; 2], assumed: &mut Vec<String>) -> (Vec<Namespace>, [Own; 2]) {
    let mut all: BTreeMap<&SmolStr, [Option<&Namespace>; 2]> = BTreeMap::new();
    for (at, side) in sides.iter().enumerate() {
        for namespace in &side.program.namespaces {
            all.entry(&namespace.name).or_default()[at] = Some(namespace);
        }
    }
    let mut own = [Own::new(), Own::new()];
    let mut only: [Vec<SmolStr>; 2] = Default::default();
    let mut world = Vec::with_capacity(all.len());
    for (name, found) in all {
        let (one, other) = match found {
            [Some(one), Some(other)] => (one, other),
            [Some(one), None] | [None, Some(one)] => {
                only[usize::from(found[0].is_none())].push(name.clone());
                world.push(one.clone());
                continue;
            }
            [None, None] => continue,
        };
        let mut agreed = one.clone();
        agreed.labels.retain(|label| other.labels.contains(label));
        let keys = one.labels.iter().chain(&other.labels).map(|(key, _)| key);
        for key in keys.filter(|key| agreed.label(key).is_none()) {
            for (own, namespace) in own.iter_mut().zip([one, other]) {
                let value = namespace.label(key).map(SmolStr::from);
                own.entry(name.clone())
                    .or_default()
                    .insert(key.clone(), value);
            }
        }
        world.push(agreed);
    }
    for (side, only) in sides.iter().zip(&only) {
        if !only.is_empty() {
            assumed.push(format!(
                "only {} declares {}: what it says of the labels counts for both",
                side.name,
                list(only)
            ));
        }
    }
    if !own[0].is_empty() {
        let names: Vec<SmolStr> = own[0].keys().cloned().collect();
        assumed.push(format!(
            "the sides give {} different labels: each side is asked with its own",
            list(&names)
        ));
    }
    (world, own)
}

/// The facts that differ.
fn facts(sides: [&Side; 2]) -> Vec<String> {
    let [a, b] = sides.map(|side| &side.program.cluster);
    let told = [
        ("pods", a.pods != b.pods),
        ("services", a.services != b.services),
        ("nodes", a.nodes != b.nodes),
        ("apiserver", a.apiserver != b.apiserver),
        ("ipv4", a.ipv4_none != b.ipv4_none),
        ("ipv6", a.ipv6_none != b.ipv6_none),
        ("overlay", a.overlay != b.overlay),
        ("sctp", a.sctp != b.sctp),
        (
            "extended-protocols",
            a.extended_protocols != b.extended_protocols,
        ),
    ];
    let differ = told.into_iter().filter(|(_, differ)| *differ);
    let names: Vec<SmolStr> = differ.map(|(name, _)| SmolStr::new_static(name)).collect();
    match names.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "the facts {} are not those of one cluster: only flows that can be on both count",
            list(&names)
        )],
    }
}

/// One side's selectors, said so that they mean in the world what they meant on the side.
struct Rewriting<'a> {
    own: &'a Own,
}

impl Rewriting<'_> {
    fn program(
        &self,
        side: &Side,
        namespaces: &[Namespace],
        closed: bool,
    ) -> Result<Program, String> {
        let mut program = Program::clone(&side.program);
        program.namespaces = namespaces.to_vec();
        program.cluster.namespaces_closed = closed;
        let declared = |name: &SmolStr| {
            namespaces
                .binary_search_by(|known| known.name.cmp(name))
                .is_ok()
        };
        program.undeclared.retain(|name| !closed && !declared(name));
        if self.own.is_empty() {
            return Ok(program);
        }
        let failed = |key: SmolStr| {
            format!(
                "{} compares the label `{key}` of namespaces, and the sides give a namespace different values of it: that cannot be asked of both at once",
                side.name
            )
        };
        for policy in &mut program.policies {
            policy.subject = self.pods(&policy.subject).map_err(failed)?;
            for block in policy.ingress.iter_mut().chain(&mut policy.egress) {
                self.block(block).map_err(failed)?;
            }
        }
        if let Some(default) = &mut program.default {
            default.subject = self.pods(&default.subject).map_err(failed)?;
            for block in default.ingress.iter_mut().chain(&mut default.egress) {
                self.block(block).map_err(failed)?;
            }
        }
        Ok(program)
    }

    fn block(&self, block: &mut Block) -> Result<(), SmolStr> {
        for clause in block.rules.iter_mut().flat_map(|rule| &mut rule.clauses) {
            if let Some(subject) = &mut clause.subject {
                *subject = self.pods(subject)?;
            }
            clause.peers.pods = self.pods(&clause.peers.pods)?;
        }
        Ok(())
    }

    fn unread(&self, parts: &[Unread]) -> Result<Vec<Unread>, String> {
        let failed = |key: SmolStr| {
            format!("a part that is not understood compares the label `{key}` of namespaces")
        };
        let mut all = parts.to_vec();
        for part in &mut all {
            let mut flows = Vec::with_capacity(part.flows.len());
            for one in &part.flows {
                let mut peers = one.peers.clone();
                peers.pods = self.pods(&peers.pods).map_err(failed)?;
                let subjects = self
                    .pods(std::slice::from_ref(&one.subject))
                    .map_err(failed)?;
                flows.extend(subjects.into_iter().map(|subject| FlowBox {
                    subject,
                    peers: peers.clone(),
                    ports: one.ports.clone(),
                }));
            }
            part.flows = flows;
        }
        Ok(all)
    }

    /// The same pods; the key of a relation that cannot be said.
    fn pods(&self, pods: &[Pods]) -> Result<Vec<Pods>, SmolStr> {
        let mut all = Vec::with_capacity(pods.len());
        for one in pods {
            for same in &one.namespaces.same {
                if let Same::Label(key, _) = same
                    && self.own.values().any(|labels| labels.contains_key(key))
                {
                    return Err(key.clone());
                }
            }
            let labels = &one.namespaces.labels;
            let asked: Vec<&SmolStr> = self
                .own
                .iter()
                .filter(|(name, own)| {
                    one.namespaces.names.contains(Some(name))
                        && labels.iter().any(|(key, _)| own.contains_key(key))
                })
                .map(|(name, _)| name)
                .collect();
            let mut rest = one.clone();
            rest.namespaces.names = rest
                .namespaces
                .names
                .subtract(&ValueSet::among(asked.iter().copied().cloned()));
            all.push(rest);
            for name in asked {
                let own = &self.own[name];
                let holds = |(key, values): (&SmolStr, &ValueSet)| {
                    own.get(key)
                        .is_none_or(|value| values.contains(value.as_deref()))
                };
                if !labels.iter().all(holds) {
                    continue;
                }
                let mut here = one.clone();
                here.namespaces.names = ValueSet::one(name.clone());
                here.namespaces.labels = labels
                    .iter()
                    .filter(|(key, _)| !own.contains_key(*key))
                    .fold(Selector::any(), |all, (key, values)| all.with(key, values));
                all.push(here);
            }
        }
        all.retain(|pods| !pods.is_empty());
        Ok(all)
    }
}
