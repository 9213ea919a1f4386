//! CIDRs, with exceptions and groups, to outside addresses.
//!
//! With `policy-cidr-match-mode` at its default, which is assumed, a CIDR matches only identities of the world: never a pod, never a node,
//! whatever their addresses are, unless the question asks to take CIDRs for any address. Takes: the text of a CIDR or of an item of a CIDR set. Gives: the addresses that it selects, and those that it may.

use std::collections::BTreeMap;

use ipnet::IpNet;
use smol_str::SmolStr;

use super::ends::Ends;
use super::identity::{Facts, Stack};
use super::selector::Selector;
use crate::backend::read::Cidr;
use crate::backend::read::document::{Document, Fields, invalid};
use crate::backend::read::yaml::Node;
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{AddressSet, ValueSet};

/// The label under which the agent keeps the name of a group.
const GROUP_NAME: &str = "io.cilium.policy.cidrgroupname/";

/// The CIDR groups that were read, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(BTreeMap<SmolStr, Group>);

#[derive(Clone, Debug)]
struct Group {
    labels: Vec<(SmolStr, SmolStr)>,
    nets: Vec<IpNet>,
}

impl Groups {
    /// Takes a CiliumCIDRGroup in.
    pub(super) fn add(&mut self, document: &Document, all: &mut Diagnostics) {
        let mut own = Diagnostics::default();
        let diagnostics = &mut own;
        let mut fields = document.fields();
        let mut nets = Vec::new();
        match fields.map("spec", diagnostics) {
            None => diagnostics.push(invalid(document.span(), "spec: Required value")),
            Some(mut spec) => {
                let at = spec.at("externalCIDRs");
                match spec.texts("externalCIDRs", diagnostics) {
                    None => {
                        diagnostics.push(invalid(spec.span, format!("{at}: Required value")));
                    }
                    Some(texts) => {
                        for (at, (text, span)) in texts.into_iter().enumerate() {
                            let path = format!("spec.externalCIDRs[{at}]");
                            nets.extend(cidr(text, span, &path, diagnostics));
                        }
                    }
                }
                spec.finish(diagnostics);
            }
        }
        fields.finish(diagnostics);
        if !own.has_errors() {
            let group = Group {
                labels: document.labels.clone(),
                nets,
            };
            self.0.insert(document.name.clone(), group);
        }
        all.extend(own);
    }
}

/// A CIDR: the CRD has the format `cidr`, host bits and all; an address without a length is refused.
pub(super) fn cidr(
    text: &str,
    span: Span,
    path: &str,
    diagnostics: &mut Diagnostics,
) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok();
    if net.is_none() {
        let why = format!(
            "{path}: Invalid value: \"{text}\": {path} in body must be of type cidr: \"{text}\""
        );
        diagnostics.push(invalid(span, why));
    }
    net.map(|net| net.trunc())
}

/// The addresses in nets.
fn addresses_of(nets: &[IpNet]) -> AddressSet {
    let v4 = nets.iter().filter_map(|net| match net {
        IpNet::V4(net) => Some((net.network().into(), net.broadcast().into())),
        IpNet::V6(_) => None,
    });
    let v6 = nets.iter().filter_map(|net| match net {
        IpNet::V4(_) => None,
        IpNet::V6(net) => Some((net.network().into(), net.broadcast().into())),
    });
    AddressSet {
        v4: v4.collect(),
        v6: v6.collect(),
    }
}

/// The addresses that nets select, less the exceptions. `/0` of a family is all of the world in it; but where pods have one family only, the agent
/// keeps no label for the family of an address, and `/0` of either family is the whole world.
pub(super) fn outside(nets: &[IpNet], except: &[IpNet], facts: Facts<'_>) -> Ends {
    let holes = addresses_of(except);
    let full = AddressSet::full();
    let mut possible = AddressSet::empty();
    for net in nets.iter().filter(|net| net.prefix_len() == 0) {
        match (net, facts.stack()) {
            (_, Stack::Dual) | (IpNet::V4(_), Stack::V4) | (IpNet::V6(_), Stack::V6) => {}
            (IpNet::V4(_), _) => possible.v6 = full.v6.clone(),
            (IpNet::V6(_), _) => possible.v4 = full.v4.clone(),
        }
    }
    let mut addresses = addresses_of(nets).subtract(&holes);
    // An exception of `/0` takes away nothing, a family or the whole world, by version and by what else the rule says: the engines keep what they do not say.
    if except.iter().any(|hole| hole.prefix_len() == 0) {
        possible = possible.union(&addresses_of(nets));
        addresses = AddressSet::empty();
    }
    let others = match facts.cidr {
        Cidr::AsTarget | Cidr::Outside => Ends::default(),
        Cidr::Any => Ends::by_address(&addresses, facts),
    };
    let outside = Ends::outside(
        addresses,
        possible,
        "`/0` and an exception of it are not always what they say: with pods of one family of addresses, and in an `except`, the agent's labels do not tell",
    );
    outside.union(others)
}

/// The addresses that a group's nets select, less the exceptions. An address has the labels of the networks that hold it, but those of `/0` only as long as
/// no policy speaks of a longer network around it: the agent's cache of addresses looks for parents of one bit and more.
fn of_group(nets: &[IpNet], except: &[IpNet], facts: Facts<'_>) -> Ends {
    let (whole, rest): (Vec<IpNet>, Vec<IpNet>) =
        nets.iter().partition(|net| net.prefix_len() == 0);
    let found = outside(&rest, except, facts);
    if whole.is_empty() {
        return found;
    }
    found.union(Ends::outside(
        AddressSet::empty(),
        AddressSet::full(),
        "an address in a longer network that some policy mentions has no label of a group's `/0`",
    ))
}

/// An item of `fromCIDRSet` or `toCIDRSet`.
pub(super) fn item(
    node: &Node,
    path: String,
    groups: &Groups,
    facts: Facts<'_>,
    diagnostics: &mut Diagnostics,
) -> Ends {
    let Some(mut fields) = Fields::of(node, path, diagnostics) else {
        return Ends::default();
    };
    let at = fields.at("cidr");
    let written = fields.text("cidr", diagnostics);
    let net = written.map(|text| cidr(text, node.span, &at, diagnostics));
    let reference = fields
        .text("cidrGroupRef", diagnostics)
        .filter(|name| !name.is_empty());
    let path = fields.at("cidrGroupSelector");
    let selector = fields
        .get("cidrGroupSelector")
        .map(|node| Selector::read(node, path, facts, diagnostics));
    let mut except = Vec::new();
    let holes = fields.texts("except", diagnostics).unwrap_or_default();
    for (index, (text, span)) in holes.into_iter().enumerate() {
        let path = format!("{}[{index}]", fields.at("except"));
        let Some(hole) = cidr(text, span, &path, diagnostics) else {
            continue;
        };
        if let (Some(Some(net)), Some(written)) = (net, written) {
            // Up to 1.19 only the address of the exception was looked at.
            let inside = net.contains(&hole.addr())
                && (facts.version < (1, 20) || net.prefix_len() <= hole.prefix_len());
            if !inside {
                let why = format!(
                    "{path}: allow CIDR prefix {written} does not contain exclude CIDR prefix {text}"
                );
                diagnostics.push(invalid(span, why));
            }
        }
        except.push(hole);
    }
    let path = fields.path.clone();
    fields.finish(diagnostics);
    match (net, reference, selector) {
        (Some(net), None, None) => {
            net.map_or_else(Ends::default, |net| outside(&[net], &except, facts))
        }
        (None, Some(name), None) => match groups.0.get(name) {
            Some(group) => of_group(&group.nets, &except, facts),
            None => Ends::outside(
                AddressSet::empty(),
                AddressSet::full(),
                &format!("the CiliumCIDRGroup {name} is not among the manifests"),
            ),
        },
        (None, None, Some(selector)) => selected(&selector.groups(), groups, &except, facts),
        (None, None, None) => {
            let why = "one of cidr, cidrGroupRef, or cidrGroupSelector is required";
            diagnostics.push(invalid(node.span, format!("{path}: {why}")));
            Ends::default()
        }
        _ => {
            let why = "more than one of cidr, cidrGroupRef, or cidrGroupSelector may not be set";
            diagnostics.push(invalid(node.span, format!("{path}: {why}")));
            Ends::default()
        }
    }
}

/// The addresses of the groups that requirements select. An address has the labels of every group that it is in; where groups that are selected meet
/// others, their labels mix in ways that are not established.
fn selected(
    wanted: &[(SmolStr, ValueSet)],
    groups: &Groups,
    except: &[IpNet],
    facts: Facts<'_>,
) -> Ends {
    if wanted.is_empty() || wanted.iter().any(|(_, values)| values.contains(None)) {
        return Ends::perhaps_anywhere(
            "a `cidrGroupSelector` that asks for no label, or for the absence of one, is also fulfilled by what is in no group",
        );
    }
    let holds = |(name, group): &(&SmolStr, &Group), (key, values): &(SmolStr, ValueSet)| {
        let label = group.labels.iter().find(|(known, _)| known == key);
        let value = match key.strip_prefix(GROUP_NAME) {
            Some(other) => (other == name.as_str()).then_some(""),
            None => label.map(|(_, value)| value.as_str()),
        };
        values.contains(value)
    };
    let nets = |of: &dyn Fn(&(&SmolStr, &Group)) -> bool| -> Vec<IpNet> {
        let some = groups.0.iter().filter(|group| of(group));
        some.flat_map(|(_, group)| group.nets.iter().copied())
            .collect()
    };
    let all = |group: &(&SmolStr, &Group)| wanted.iter().all(|one| holds(group, one));
    // Every address that nets may select.
    let reach = |ends: Ends| {
        let outside = &ends.certain.ends.outside;
        outside.union(&ends.possible.ends.outside)
    };
    let others = reach(outside(&nets(&|group| !all(group)), &[], facts));
    let mut found = of_group(&nets(&all), except, facts);
    let mixed = found.certain.ends.outside.intersect(&others);
    let together = wanted.iter().fold(AddressSet::full(), |all, one| {
        all.intersect(&reach(outside(
            &nets(&|group| holds(group, one)),
            except,
            facts,
        )))
    });
    found.certain.ends.outside = found.certain.ends.outside.subtract(&others);
    let possible = mixed.union(&together).subtract(&found.certain.ends.outside);
    found.union(Ends::outside(
        AddressSet::empty(),
        possible,
        "the CIDRs of several groups meet, and their labels with them",
    ))
}
