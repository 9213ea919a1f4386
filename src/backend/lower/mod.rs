//! Ordered allow, deny and pass over tiers to boxes that only allow, for targets whose objects are a union of allows.
//!
//! Takes: a program, one of its declared namespaces and a direction. Gives: [`Lowered`]: which pods must be isolated, and for each allow rule the
//! boxes that are left of it, all of them inside of what the program allows, and together exactly that; or why it cannot be said.
//! Knows nothing of any target but its [`Universe`], and never trusts itself: what it gives is compared with the program before it is given.
//!
//! The algorithm and its measurements: `reference/space.md` §6, the formulas F2 to F7 of `reference/lowering.md`.

mod narrow;
mod selectors;
mod slice;
mod truth;
mod universe;

pub use narrow::{Blocker, Failure, Narrowed, Origin, Why};
pub use slice::{Index, Slice, SlicePolicy, SliceTier};
pub use truth::Truth;
pub use universe::Universe;

use self::narrow::narrow;
use self::selectors::{coalesce, complement};
use crate::meaning::TooLarge;
use crate::model::{Action, RuleSite};
use crate::space::{EndpointSet, FlowBox, Pods, PortSet};

/// What the union of allows must say about one namespace in one direction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lowered {
    /// The policies that close something, in order of evaluation, with the pods that must therefore be isolated. What is in none of them is open.
    pub isolated: Vec<(RuleSite, Vec<Pods>)>,
    /// The allowed flows of isolated pods, by where they come from, in order of evaluation.
    pub allowed: Vec<Narrowed>,
}

/// What is wrong with a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Rules that cannot be narrowed.
    Rules(Vec<Failure>),
    /// What the program says about the namespace cannot be asked within the bounds of the diagrams.
    TooLarge(TooLarge),
    /// The result is not what the program says: the compiler contradicts itself.
    NotExact(Box<crate::space::Flow>),
}

impl From<TooLarge> for Trouble {
    fn from(too_large: TooLarge) -> Self {
        Trouble::TooLarge(too_large)
    }
}

/// Lowers one namespace in one direction.
///
/// # Errors
/// If a rule cannot be narrowed within the bounds; all such rules are named.
pub fn lower(slice: &Slice<'_>, truth: &mut Truth<'_>) -> Result<Lowered, Trouble> {
    if slice.is_silent() || truth.denied(&everything(slice.everybody()))?.is_none() {
        return Ok(Lowered::default());
    }
    let isolated = isolated(slice, truth)?;
    let closed = coalesce(
        isolated
            .iter()
            .flat_map(|(_, pods)| pods.iter().cloned())
            .collect(),
    );
    let mut lowered = Lowered {
        isolated,
        allowed: Vec::new(),
    };
    let mut failures = Vec::new();
    let mut take = |result: Result<Narrowed, Failure>| match result {
        Ok(narrowed) if narrowed.boxes.is_empty() => {}
        Ok(narrowed) => lowered.allowed.push(narrowed),
        Err(failure) => failures.push(failure),
    };
    for (_, policy) in slice.policies() {
        let closes = lowered
            .isolated
            .iter()
            .any(|(site, _)| *site == policy.site);
        for (at, rule) in policy.block.rules.iter().enumerate() {
            if rule.action != Action::Allow {
                continue;
            }
            let mut start: Vec<FlowBox> = rule
                .clauses
                .iter()
                .flat_map(|clause| slice.boxes(policy, clause))
                .collect();
            if !closes {
                start = start
                    .iter()
                    .flat_map(|flows| within(flows, &closed))
                    .collect();
            }
            take(narrow(
                slice,
                truth,
                Origin::Rule(slice.site(policy, at)),
                start,
            ));
        }
    }
    for (site, start) in open(slice, &lowered.isolated) {
        take(narrow(slice, truth, Origin::Open(site), start));
    }
    if !failures.is_empty() {
        return Err(Trouble::Rules(failures));
    }
    match truth.difference(slice, &lowered, &closed)? {
        Some(flow) => Err(Trouble::NotExact(Box::new(flow))),
        None => Ok(lowered),
    }
}

/// All flows of some pods.
fn everything(subject: Pods) -> FlowBox {
    FlowBox {
        subject,
        peers: EndpointSet::anywhere(),
        ports: PortSet::all(),
    }
}

/// The policies that close something: a deny of theirs bites, or they stand in a closing tier, or they are `default`.
fn isolated(
    slice: &Slice<'_>,
    truth: &mut Truth<'_>,
) -> Result<Vec<(RuleSite, Vec<Pods>)>, TooLarge> {
    let mut isolated = Vec::new();
    for (tier, policy) in slice.policies() {
        let closed: Vec<FlowBox> = if tier.is_none_or(|tier| tier.otherwise.denies()) {
            policy.subject.iter().cloned().map(everything).collect()
        } else {
            let denies = policy
                .block
                .rules
                .iter()
                .filter(|rule| rule.action == Action::Deny);
            denies
                .flat_map(|rule| &rule.clauses)
                .flat_map(|clause| slice.boxes(policy, clause))
                .collect()
        };
        for flows in closed {
            if truth.denied(&flows)?.is_some() {
                isolated.push((policy.site, policy.subject.clone()));
                break;
            }
        }
    }
    Ok(isolated)
}

/// The part of a box whose subject is isolated.
fn within(flows: &FlowBox, closed: &[Pods]) -> Vec<FlowBox> {
    let some: Vec<Pods> = closed
        .iter()
        .map(|pods| flows.subject.intersect(pods))
        .filter(|pods| !pods.is_empty())
        .collect();
    coalesce(some)
        .into_iter()
        .map(|subject| FlowBox {
            subject,
            ..flows.clone()
        })
        .collect()
}

/// For each policy that closes something, all flows of the pods that it closes, no earlier one closes and `default` does not select: for them
/// what nobody decides is open.
fn open(slice: &Slice<'_>, isolated: &[(RuleSite, Vec<Pods>)]) -> Vec<(RuleSite, Vec<FlowBox>)> {
    let mut taken: Vec<Pods> = slice
        .default
        .iter()
        .flat_map(|default| default.subject.iter().cloned())
        .collect();
    let mut open = Vec::new();
    for (site, subject) in isolated {
        let mut start = Vec::new();
        for pods in subject {
            let left = complement(pods, &taken).unwrap_or_else(|| vec![pods.clone()]);
            start.extend(left.into_iter().map(everything));
            taken.push(pods.clone());
        }
        if !start.is_empty() {
            open.push((*site, start));
        }
    }
    open
}
