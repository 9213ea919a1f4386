//! The items of `from` and `to`.
//!
//! Takes: an item. Gives: the ends that it means; blocks of addresses are gathered and judged together, for what one of them alone leaves open (half of
//! the pods' addresses, one family of them) two may settle. Checked as `ValidateNetworkPolicyPeer` and `ValidateIPBlock` do. Knows nothing of ports.

use smol_str::SmolStr;

use super::enforcer::{Enforcer, Met};
use super::selectors::{Requirements, string};
use super::validation::{WrittenCidr, cidr, wrong};
use crate::backend::read::document::{Fields, invalid};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{AddressSet, Direction, EndpointSet, Namespaces, Pods, subtract_pods};

/// What the items of a rule mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    /// For certain.
    pub(super) certain: EndpointSet,
    /// Perhaps, why, and by which item.
    pub(super) maybe: Vec<(EndpointSet, String, Span)>,
    /// The blocks, and the first one as it is written.
    addresses: AddressSet,
    block: Option<(SmolStr, Span)>,
    blocks: usize,
}

impl Peers {
    /// Every end: what a rule without items means.
    pub(super) fn anywhere() -> Self {
        Peers {
            certain: EndpointSet::anywhere(),
            ..Peers::default()
        }
    }

    /// Adds an item of a policy in `namespace`.
    pub(super) fn read(
        &mut self,
        mut item: Fields<'_>,
        namespace: &SmolStr,
        enforcer: &Enforcer<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        let selector = |item: &mut Fields<'_>, key: &str, diagnostics: &mut Diagnostics| {
            let given = item.get(key).is_some();
            let fields = item.map(key, diagnostics);
            (
                given,
                fields.map(|fields| Requirements::read(fields, diagnostics)),
            )
        };
        let (has_namespaces, namespaces) = selector(&mut item, "namespaceSelector", diagnostics);
        let (has_pods, pods) = selector(&mut item, "podSelector", diagnostics);
        let has_block = item.get("ipBlock").is_some();
        let block = item.map("ipBlock", diagnostics);
        let (path, span) = (item.path.clone(), item.span);
        item.finish(diagnostics);
        if has_block && (has_namespaces || has_pods) {
            let why = "Forbidden: may not specify both ipBlock and another peer";
            diagnostics.push(invalid(span, format!("{path}: {why}")));
        }
        if let Some(block) = block {
            self.read_block(block, enforcer, diagnostics);
        }
        if has_block {
            return;
        }
        if !has_namespaces && !has_pods {
            let why = "Required value: must specify a peer";
            diagnostics.push(invalid(span, format!("{path}: {why}")));
            return;
        }
        let peer = Pods {
            namespaces: match &namespaces {
                // Without it, the policy's own namespace.
                None => Namespaces::named(namespace.clone()),
                Some(requirements) => requirements.namespaces(),
            },
            labels: pods.as_ref().map(Requirements::pods).unwrap_or_default(),
            ..Pods::any()
        };
        if namespaces.is_some_and(|one| one.is_negative())
            && enforcer.negative_namespaces_may_meet_nodes()
        {
            let nodes = EndpointSet {
                nodes: AddressSet::full(),
                ..EndpointSet::empty()
            };
            let why = "with node labels on, a namespace selector that only excludes also meets nodes on Cilium";
            self.maybe.push((nodes, why.to_owned(), span));
        }
        if !peer.is_empty() {
            self.certain.pods.push(peer);
        }
    }

    fn read_block(
        &mut self,
        mut block: Fields<'_>,
        enforcer: &Enforcer<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        let path = block.at("cidr");
        let span = block.get("cidr").map_or(block.span, |node| node.span);
        let text = block.text("cidr", diagnostics).cloned().unwrap_or_default();
        let parse = |text: &str, path: &str, span: Span, diagnostics: &mut Diagnostics| {
            let fault = match cidr(text) {
                Ok(written) => match written.strictly {
                    Some(why) if enforcer.refuses_loose_cidrs() => why,
                    _ => return Some(written),
                },
                Err(why) => why,
            };
            diagnostics.push(invalid(span, wrong(path, text, fault)));
            None
        };
        let net = if text.is_empty() {
            diagnostics.push(invalid(span, format!("{path}: Required value")));
            None
        } else {
            parse(&text, &path, span, diagnostics)
        };
        let mut holes: Vec<WrittenCidr> = Vec::new();
        let path = block.at("except");
        for (at, node) in block
            .list("except", diagnostics)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let path = || format!("{path}[{at}]");
            let Some(text) = string(node, path, diagnostics) else {
                continue;
            };
            let (Some(hole), Some(net)) = (parse(&text, &path(), node.span, diagnostics), net)
            else {
                continue;
            };
            let inside =
                net.net.contains(&hole.net) && net.net.prefix_len() < hole.net.prefix_len();
            // Go compares an IPv4 address written as an IPv6 one with IPv4 ones: not told apart here, and not decided below.
            if !inside && !hole.is_mapped() && !net.is_mapped() {
                let why = wrong(&path(), &text, "must be a strict subset of `cidr`");
                diagnostics.push(invalid(node.span, why));
            }
            holes.push(hole);
        }
        block.finish(diagnostics);
        let Some(net) = net else { return };
        if net.is_mapped() || holes.iter().any(WrittenCidr::is_mapped) {
            let anywhere = EndpointSet {
                proxy: false,
                ..EndpointSet::anywhere()
            };
            let why = format!(
                "{text} or an exception of it is an IPv4 address written as an IPv6 one, which each CNI reads in its own way"
            );
            self.maybe.push((anywhere, why, span));
            return;
        }
        let holes = holes.iter().fold(AddressSet::empty(), |all, hole| {
            all.union(&AddressSet::of(hole.net))
        });
        let addresses = AddressSet::of(net.net).subtract(&holes);
        self.addresses = self.addresses.union(&addresses);
        self.blocks += 1;
        self.block.get_or_insert((text, span));
    }

    /// Judges the blocks, when all items are there.
    pub(super) fn finish(
        mut self,
        namespace: &SmolStr,
        direction: Direction,
        enforcer: &Enforcer<'_>,
    ) -> Self {
        let Some((text, span)) = self.block.take() else {
            return self;
        };
        let blocks = match self.blocks {
            1 => format!("cidr {text}"),
            2 => format!("cidr {text} and another one"),
            more => format!("cidr {text} and {} others", more - 1),
        };
        let mut open = EndpointSet::empty();
        match enforcer.pods_met(&self.addresses) {
            Met::None => {}
            Met::All => self.certain.pods = vec![Pods::any()],
            Met::Some => open.pods = vec![Pods::any()],
        }
        let (always, ever) = enforcer.nodes_met(&self.addresses, direction);
        open.nodes = ever.subtract(&always);
        self.certain.nodes = always;
        self.certain.outside = std::mem::take(&mut self.addresses);
        if !open.is_empty() {
            let why = enforcer.why_open(&blocks);
            self.maybe.push((open, why, span));
        }
        if direction == Direction::Ingress && enforcer.blocks_may_open_the_namespace() {
            let own = Pods {
                namespaces: Namespaces::named(namespace.clone()),
                ..Pods::any()
            };
            let pods = subtract_pods(&[own], &self.certain.pods);
            if !pods.is_empty() {
                let why = enforcer.why_the_namespace_is_open(&blocks);
                self.maybe.push((EndpointSet::of_pods(pods), why, span));
            }
        }
        self
    }
}
