//! Tiers, in order.
//!
//! Takes: the documents of the tiers and the policies that stand in them. Gives: a [`Chain`]. Knows the tiers that every cluster has.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::names;
use super::policy::Parsed;
use crate::backend::read::chain::{Chain, ReadTier};
use crate::backend::read::document::{Document, invalid};
use crate::diagnostic::Diagnostics;
use crate::model::Otherwise;
use crate::source::Span;

/// The order of the tier `default`, and of a tier without order once it is stored.
const DEFAULT_ORDER: f64 = 1_000_000.0;

/// A tier.
#[derive(Clone, Debug)]
pub(super) struct Tier {
    name: SmolStr,
    /// None if it is not said.
    order: Option<f64>,
    otherwise: Otherwise,
    /// The place of its document; none for what every cluster has.
    span: Option<Span>,
}

/// The tiers that every cluster has (reference: Calico, sections 1.3 and 2).
fn builtin(version: (u16, u16)) -> [Tier; 3] {
    let tier = |name: &'static str, order, otherwise| Tier {
        name: SmolStr::new_static(name),
        order: Some(order),
        otherwise,
        span: None,
    };
    let [before, after] = if version >= (3, 32) {
        ["kube-admin", "kube-baseline"]
    } else {
        ["adminnetworkpolicy", "baselineadminnetworkpolicy"]
    };
    [
        tier(before, 1000.0, Otherwise::Pass),
        tier("default", DEFAULT_ORDER, Otherwise::Deny),
        tier(after, 10_000_000.0, Otherwise::Pass),
    ]
}

/// Reads a tier; `None` if, reported, Calico refuses it.
pub(super) fn tier(
    document: &Document,
    version: (u16, u16),
    diagnostics: &mut Diagnostics,
) -> Option<Tier> {
    let before = diagnostics.len();
    names::tier(document, diagnostics);
    let mut fields = document.fields();
    let mut order = None;
    let mut otherwise = Otherwise::Deny;
    let has_spec = fields.has("spec");
    if let Some(mut spec) = fields.map("spec", diagnostics) {
        order = spec.number("order", diagnostics);
        if order.is_some_and(|order| !order.is_finite()) {
            diagnostics.push(invalid(spec.span, "spec.order: no number of JSON"));
        }
        match spec.text("defaultAction", diagnostics).map(SmolStr::as_str) {
            None | Some("Deny") => {}
            Some("Pass") => otherwise = Otherwise::Pass,
            Some(other) => {
                let why = format!(
                    "spec.defaultAction: Unsupported value: \"{other}\": supported values: \"Deny\", \"Pass\""
                );
                diagnostics.push(invalid(spec.span, why));
            }
        }
        spec.finish(diagnostics);
    } else if !has_spec && version >= (3, 32) {
        diagnostics.push(invalid(document.span(), "spec: Required value"));
    }
    fields.finish(diagnostics);
    for fixed in builtin(version) {
        let (name, due) = (&fixed.name, fixed.order.unwrap_or_default());
        if *name != document.name {
            continue;
        }
        if otherwise != fixed.otherwise {
            let action = match fixed.otherwise {
                Otherwise::Pass => "Pass",
                Otherwise::Deny | Otherwise::DenyAndLog => "Deny",
            };
            let why = format!("The '{name}' tier must have default action '{action}'");
            diagnostics.push(invalid(document.span(), why));
        }
        // Calico's API server fills it in.
        if order.map_or(version >= (3, 32), |order| order != due) {
            let why = format!("{name} tier order must be {due}");
            diagnostics.push(invalid(document.span(), why));
        }
        order = Some(due);
    }
    (diagnostics.len() == before).then(|| Tier {
        name: document.name.clone(),
        order,
        otherwise,
        span: Some(document.span()),
    })
}

/// By order, then by name.
fn compare(a: &Tier, b: &Tier, missing: f64) -> Ordering {
    let order = |tier: &Tier| tier.order.unwrap_or(missing);
    order(a)
        .total_cmp(&order(b))
        .then_with(|| a.name.cmp(&b.name))
}

/// Puts policies into tiers. Policies of a tier that is not there, or of which the place is not known, are not read.
pub(super) fn chain(declared: Vec<Tier>, policies: Vec<Parsed>, version: (u16, u16)) -> Chain {
    let mut tiers = declared;
    for one in builtin(version) {
        if !tiers.iter().any(|tier| tier.name == one.name) {
            tiers.push(one);
        }
    }
    let mut inside: BTreeMap<SmolStr, Vec<Parsed>> = BTreeMap::new();
    for policy in policies {
        inside.entry(policy.tier.clone()).or_default().push(policy);
    }
    let mut chain = Chain::default();
    let active = |name: &SmolStr| {
        let policies = inside.get(name);
        policies.is_some_and(|policies| policies.iter().any(|policy| !policy.read.staged))
    };
    // A tier without order is stored as if it had the order of `default`, though it is documented to be the last: where that makes a difference to the tiers
    // with policies, nothing is known of its own (reference: Calico, sections 1.3 and 2.5).
    let astray: Vec<SmolStr> = tiers
        .iter()
        .filter(|tier| tier.order.is_none())
        .filter(|tier| {
            let others = tiers
                .iter()
                .filter(|other| other.order.is_some() && active(&other.name));
            others.into_iter().any(|other| {
                compare(tier, other, DEFAULT_ORDER) != compare(tier, other, f64::INFINITY)
            })
        })
        .map(|tier| tier.name.clone())
        .collect();
    for name in &astray {
        let why = format!(
            "tier `{name}` has no order, and whether it is the last or beside the tier `default` is not known"
        );
        for policy in inside.remove(name).into_iter().flatten() {
            chain.unread.extend(policy.wholly_unread(&why));
        }
    }
    tiers.sort_by(|a, b| compare(a, b, DEFAULT_ORDER));
    for tier in tiers {
        let mut policies = inside.remove(&tier.name).unwrap_or_default();
        policies.sort_by(|a, b| a.order.total_cmp(&b.order).then_with(|| a.tie.cmp(&b.tie)));
        let first = policies.first().map(|policy| policy.read.span);
        let Some(span) = tier.span.or(first) else {
            continue;
        };
        let mut read = Vec::with_capacity(policies.len());
        let mut ranks: Vec<u32> = Vec::with_capacity(policies.len());
        let mut before = None;
        for policy in policies {
            let rank = ranks.last().copied().unwrap_or(0);
            let later = before.is_some_and(|before: f64| before.total_cmp(&policy.order).is_ne());
            ranks.push(rank + u32::from(later));
            before = Some(policy.order);
            chain.unread.extend(policy.unread);
            read.push(policy.read);
        }
        chain.tiers.push(ReadTier {
            name: tier.name,
            otherwise: tier.otherwise,
            ordered: true,
            policies: read,
            ranks,
            span,
        });
    }
    for (name, policies) in inside {
        let why = format!("tier `{name}` is not among the manifests, and its order is not known");
        for policy in policies {
            chain.unread.extend(policy.wholly_unread(&why));
        }
    }
    chain
}
