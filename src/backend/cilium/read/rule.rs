//! One rule of an object: whom it is for, what it allows and denies, and whether it closes.
//!
//! Takes: `spec`, or an item of `specs`. Gives: a [`Rule`], or nothing where it is for nodes: the policy of a node decides no flow of a pod.

use smol_str::{SmolStr, format_smolstr};

use super::blocks::Groups;
use super::element::{Element, Scope, element, spoken};
use super::identity::{self, Facts};
use super::ports::Place;
use super::selector::Selector;
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::Node;
use crate::diagnostic::Diagnostics;
use crate::space::{Direction, Pods};

/// A rule for pods.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The pods.
    pub(super) subject: Pods,
    /// Whether it is known that these are the pods; else they are no fewer.
    pub(super) sure: bool,
    /// For flows to them.
    pub(super) ingress: Side,
    /// For flows from them.
    pub(super) egress: Side,
}

impl Rule {
    /// One direction of it.
    pub(super) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// One direction of a rule.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// What is allowed.
    pub(super) allow: Vec<Element>,
    /// What is denied, whatever allows it.
    pub(super) deny: Vec<Element>,
    /// Whether the pods are closed. Without elements nothing is, whatever `enableDefaultDeny` says: the flag is kept with elements.
    pub(super) closes: bool,
}

impl Side {
    /// Whether the rule says anything of this direction.
    pub(super) fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'c> {
    /// The namespace of a CiliumNetworkPolicy.
    pub(super) namespace: Option<&'c str>,
    pub(super) groups: &'c Groups,
    pub(super) facts: Facts<'c>,
}

/// Reads a rule. `part` names it among the rules of its object, and is empty if it is `spec`.
pub(super) fn rule(
    node: &Node,
    path: String,
    part: &str,
    home: Home<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Rule> {
    let mut fields = Fields::of(node, path, diagnostics)?;
    let facts = home.facts;
    let mut select = |key: &str, diagnostics: &mut Diagnostics| {
        let path = fields.at(key);
        let node = fields.get(key)?;
        Some(Selector::read(node, path, facts, diagnostics))
    };
    let endpoints = select("endpointSelector", diagnostics);
    let nodes = select("nodeSelector", diagnostics);
    let (span, path) = (fields.span, fields.path.clone());
    let refuse = |why: &str, diagnostics: &mut Diagnostics| {
        diagnostics.push(invalid(span, format!("{path}: {why}")));
    };
    match (&endpoints, &nodes) {
        (None, None) => refuse(
            "rule must have one of EndpointSelector or NodeSelector",
            diagnostics,
        ),
        (Some(_), Some(_)) => refuse(
            "rule cannot have both EndpointSelector and NodeSelector",
            diagnostics,
        ),
        (None, Some(_)) if home.namespace.is_some() => refuse(
            "Invalid CiliumNetworkPolicy spec: rule cannot have NodeSelector",
            diagnostics,
        ),
        _ => {}
    }
    let scope = Scope {
        namespace: home.namespace,
        init: endpoints.as_ref().is_some_and(Selector::has_init),
        groups: home.groups,
    };
    let host = endpoints.is_none();
    let mut side = |direction, allow_key, deny_key, diagnostics: &mut Diagnostics| {
        let place = |allow| Place {
            direction,
            allow,
            host,
            facts,
        };
        let mut list = |key: &str, allow, diagnostics: &mut Diagnostics| -> Vec<Element> {
            let path = fields.at(key);
            let nodes = fields.list(key, diagnostics).unwrap_or_default();
            let each = nodes.iter().enumerate().filter_map(|(at, node)| {
                let text: SmolStr = match part {
                    "" => spoken(key, at),
                    part => format_smolstr!("{} of {part}", spoken(key, at)),
                };
                let path = format!("{path}[{at}]");
                element(node, path, text, place(allow), scope, diagnostics)
            });
            each.collect()
        };
        Side {
            allow: list(allow_key, true, diagnostics),
            deny: list(deny_key, false, diagnostics),
            closes: true,
        }
    };
    let mut ingress = side(Direction::Ingress, "ingress", "ingressDeny", diagnostics);
    let mut egress = side(Direction::Egress, "egress", "egressDeny", diagnostics);
    if ingress.is_empty() && egress.is_empty() {
        refuse(
            "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny",
            diagnostics,
        );
    }
    if let Some(mut closing) = fields.map("enableDefaultDeny", diagnostics) {
        ingress.closes = closing.boolean("ingress", diagnostics).unwrap_or(true);
        egress.closes = closing.boolean("egress", diagnostics).unwrap_or(true);
        closing.finish(diagnostics);
    }
    ingress.closes &= !ingress.is_empty();
    egress.closes &= !egress.is_empty();
    metadata(&mut fields, facts, diagnostics);
    fields.finish(diagnostics);
    let (subject, sure) = identity::pods(&endpoints?.subject(home.namespace), facts);
    Some(Rule {
        subject,
        sure,
        ingress,
        egress,
    })
}

/// What decides nothing: `labels`, `description`, and since 1.18 `log`, which tags events of flows.
fn metadata(fields: &mut Fields<'_>, facts: Facts<'_>, diagnostics: &mut Diagnostics) {
    fields.text("description", diagnostics);
    let at = fields.at("labels");
    let labels = fields.list("labels", diagnostics).unwrap_or_default();
    for (index, node) in labels.iter().enumerate() {
        if let Some(mut label) = Fields::of(node, format!("{at}[{index}]"), diagnostics) {
            if label.text("key", diagnostics).is_none() {
                let why = format!("{}: Required value", label.at("key"));
                diagnostics.push(invalid(label.span, why));
            }
            label.text("value", diagnostics);
            label.text("source", diagnostics);
            label.finish(diagnostics);
        }
    }
    if facts.version < (1, 18) {
        return;
    }
    if let Some(mut log) = fields.map("log", diagnostics) {
        if let Some(value) = log.text("value", diagnostics)
            && (value.chars().count() > 32 || value.chars().any(char::is_control))
        {
            let why = format!("{}: Invalid value: \"{value}\"", log.at("value"));
            diagnostics.push(invalid(log.span, why));
        }
        log.finish(diagnostics);
    }
}
