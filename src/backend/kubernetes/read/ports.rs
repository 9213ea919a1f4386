//! The items of `ports`.
//!
//! Takes: an item. Gives: the traffic that it means, and what it may mean besides. Checked as `ValidateNetworkPolicyPort` does. Knows nothing of peers.

use super::enforcer::Enforcer;
use super::validation::{port_name, port_number, unsupported, wrong, wrong_number};
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::{Node, Value};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{Direction, PortSet, Transport};

/// What the items of a rule mean.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ports {
    /// For certain.
    pub(super) certain: PortSet,
    /// Perhaps, why, and by which item.
    pub(super) maybe: Vec<(PortSet, String, Span)>,
}

/// Adds an item.
pub(super) fn read(
    mut item: Fields<'_>,
    enforcer: &Enforcer<'_>,
    direction: Direction,
    ports: &mut Ports,
    diagnostics: &mut Diagnostics,
) {
    let path = item.at("protocol");
    let transport = match item.get("protocol") {
        // Each item that says no protocol is TCP, also one that says nothing at all.
        None => Some(Transport::Tcp),
        Some(node) => match &node.value {
            Value::Text(text) => {
                let known = Transport::ALL.into_iter().find(|one| one.upper() == text);
                if known.is_none() {
                    let why = unsupported(&path, text, &["TCP", "UDP", "SCTP"]);
                    diagnostics.push(invalid(node.span, why));
                }
                known
            }
            other => {
                let why = format!("{path}: {} where a string is due", other.kind());
                diagnostics.push(invalid(node.span, why));
                None
            }
        },
    };
    let end_path = item.at("endPort");
    let end = item.get("endPort").and_then(|node| {
        let number = whole(node);
        if number.is_none() {
            let why = format!(
                "{end_path}: {} where a whole number is due",
                node.value.kind()
            );
            diagnostics.push(invalid(node.span, why));
        }
        Some((number?, node.span))
    });
    let path = item.at("port");
    let port = item.get("port");
    let span = item.span;
    item.finish(diagnostics);
    let no_end = |why: &str, diagnostics: &mut Diagnostics| {
        if let Some((number, span)) = end {
            diagnostics.push(invalid(span, wrong_number(&end_path, number, why)));
        }
    };
    let Some(port) = port else {
        no_end(
            "may not be specified when `port` is not specified",
            diagnostics,
        );
        if let Some(transport) = transport {
            let all = PortSet::of(transport, 1, u16::MAX);
            ports.certain = ports.certain.union(&all);
        }
        return;
    };
    if let Value::Text(name) = &port.value {
        no_end(
            "may not be specified when `port` is non-numeric",
            diagnostics,
        );
        for fault in port_name(name) {
            diagnostics.push(invalid(port.span, wrong(&path, name, &fault)));
        }
        let Some(transport) = transport else { return };
        if enforcer.names_are_the_clusters(direction) {
            let why = enforcer.why_names_are_open(name);
            let all = PortSet::of(transport, 1, u16::MAX);
            ports.maybe.push((all, why, span));
        } else {
            let named = PortSet::of_named(transport, name.clone());
            ports.certain = ports.certain.union(&named);
        }
        return;
    }
    let Some(number) = whole(port) else {
        let why = format!(
            "{path}: {} where a port's number or name is due",
            port.value.kind()
        );
        diagnostics.push(invalid(port.span, why));
        return;
    };
    let mut checked = |number: i64, path: &str, span: Span| match port_number(number) {
        Ok(port) => Some(port),
        Err(why) => {
            diagnostics.push(invalid(span, wrong_number(path, number, why)));
            None
        }
    };
    let low = checked(number, &path, port.span);
    let high = match end {
        None => low,
        Some((end, span)) => checked(end, &end_path, span),
    };
    if let Some((end, span)) = end
        && end < number
    {
        let why = wrong_number(&end_path, end, "must be greater than or equal to `port`");
        diagnostics.push(invalid(span, why));
        return;
    }
    let (Some(transport), Some(low), Some(high)) = (transport, low, high) else {
        return;
    };
    if low == high || enforcer.knows_end_port() {
        ports.certain = ports.certain.union(&PortSet::of(transport, low, high));
        return;
    }
    ports.certain = ports.certain.union(&PortSet::of(transport, low, low));
    let why = format!(
        "whether the ports up to `endPort` {high} are enforced is up to the CNI, which the cluster does not name"
    );
    let rest = PortSet::of(transport, low + 1, high);
    ports.maybe.push((rest, why, span));
}

/// A whole number as Go decodes it into 32 bits: `80.0` is written as 80 on the way there.
fn whole(node: &Node) -> Option<i64> {
    let number = match node.value {
        Value::Int(number) => number,
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => number as i64,
        _ => return None,
    };
    i32::try_from(number).ok().map(i64::from)
}
