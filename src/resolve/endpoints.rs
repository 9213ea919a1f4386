//! Endpoints: what stands after `for`, `to`, `from`, `on` and at both sides of `->`, as sets by identity.

use rustc_hash::FxHashSet;

use super::items::{Argument, Ends, Value};
use super::replaced::Written;
use super::scope::{Found, Node, Scope, Wanted, dotted};
use super::{Cx, DEEPEST, LONGEST, errors};
use crate::source::Span;
use crate::space::{AddressSet, EndpointSet, Pods, ValueSet, union_pods};
use crate::syntax::ast;

/// Below this many terms a union drops those that another contains; above it would take too long.
const TIDY: usize = 64;

/// Whether an endpoint is said, or taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Said,
    Excepted,
}

/// Why a difference was not worked out.
enum Undone {
    Names,
    TooMany,
}

impl Cx<'_> {
    /// A union of endpoints. `None` if something in it is wrong; that is reported.
    pub(super) fn endpoints(&mut self, scope: Scope<'_>, node: &ast::Endpoints) -> Option<Ends> {
        self.union(scope, &node.items, node.span, Sign::Said)
    }

    /// One endpoint of a union.
    pub(super) fn endpoint(&mut self, scope: Scope<'_>, node: &ast::Endpoint) -> Option<Ends> {
        self.signed(scope, node, Sign::Said)
    }

    fn union(
        &mut self,
        scope: Scope<'_>,
        items: &[ast::Endpoint],
        span: Span,
        sign: Sign,
    ) -> Option<Ends> {
        if let [one] = items {
            return self.signed(scope, one, sign);
        }
        if items.len() > LONGEST {
            self.report(errors::too_many_terms(span));
            return None;
        }
        let mut all = Ends {
            set: EndpointSet::empty(),
            foreign: Vec::new(),
            unknown: false,
            span,
        };
        let mut good = true;
        let mut pods = Vec::new();
        let mut networks = Vec::new();
        for item in items {
            let Some(mut ends) = self.signed(scope, item, sign) else {
                good = false;
                continue;
            };
            pods.append(&mut ends.set.pods);
            if !ends.set.outside.is_empty() {
                networks.push(std::mem::take(&mut ends.set.outside));
            }
            all.set = all.set.union(&ends.set);
            all.foreign.extend(ends.foreign);
            all.unknown |= ends.unknown;
        }
        all.set.pods = tidy(pods);
        all.set.outside = AddressSet {
            v4: networks.iter().flat_map(|set| set.v4.iter()).collect(),
            v6: networks.iter().flat_map(|set| set.v6.iter()).collect(),
        };
        if all.set.pods.len() > LONGEST {
            self.report(errors::too_many_terms(span));
            return None;
        }
        good.then_some(all)
    }

    fn signed(&mut self, scope: Scope<'_>, node: &ast::Endpoint, sign: Sign) -> Option<Ends> {
        if self.depth >= DEEPEST {
            self.report(errors::nesting_too_deep(node.span));
            return None;
        }
        self.depth += 1;
        self.reach(0);
        let ends = self.difference(scope, node, sign);
        self.depth -= 1;
        ends
    }

    fn difference(&mut self, scope: Scope<'_>, node: &ast::Endpoint, sign: Sign) -> Option<Ends> {
        let base = self.kind(scope, node);
        let mut taken = Vec::new();
        let mut good = true;
        for except in &node.except {
            match self.signed(scope, except, Sign::Excepted) {
                Some(ends) => taken.push((ends, except.span)),
                None => good = false,
            }
        }
        let mut ends = base.filter(|_| good)?;
        for (less, span) in taken {
            // What another team takes out of its group would come in here.
            good &= self.except_is_own(&less, span);
            ends.unknown |= less.unknown;
            if ends.unknown {
                continue;
            }
            if !meets(&ends.set, &less.set) {
                self.report(errors::except_removes_nothing(span, node.span));
                continue;
            }
            ends.set = match subtract(&ends.set, &less.set) {
                Ok(rest) => rest,
                Err(Undone::Names) => {
                    self.report(errors::cannot_subtract(span));
                    return None;
                }
                Err(Undone::TooMany) => {
                    self.report(errors::too_many_terms(node.span));
                    return None;
                }
            };
        }
        if !good {
            return None;
        }
        if ends.set.is_empty() && !ends.unknown {
            self.report(errors::empty_endpoint(
                "nothing is left of this endpoint",
                node.span,
                "`except` takes all of it",
            ));
            return None;
        }
        if sign == Sign::Said && self.is_judged(scope, node) {
            let set = &ends.set;
            let only_outside = set.pods.is_empty()
                && set.nodes.is_empty()
                && !set.proxy
                && set.names.is_empty()
                && !set.outside.is_full();
            if only_outside && !self.judge_addresses(&set.outside.clone(), node.span) {
                return None;
            }
        }
        Some(ends)
    }

    /// Addresses are compared with the cluster's where they are written; those of the library where they are used.
    fn is_judged(&self, scope: Scope<'_>, node: &ast::Endpoint) -> bool {
        if self.modules[scope.module.0 as usize].is_std() {
            return false;
        }
        match &node.kind {
            ast::EndpointKind::Address(_) => true,
            ast::EndpointKind::Name { path, .. } => {
                let network = self.std_network(scope, path);
                match network {
                    Some(std) => std || !node.except.is_empty(),
                    None => false,
                }
            }
            _ => false,
        }
    }

    /// Whether a path names a network, and if so whether one of the library.
    fn std_network(&self, scope: Scope<'_>, path: &ast::Path) -> Option<bool> {
        let far = path.segments.len() > 1;
        let id = if far {
            self.find_far(path)?
        } else {
            self.peek(scope.module, &path.segments[0].value)?
        };
        let item = self.item(id);
        matches!(item.node, Node::Network(_)).then(|| self.modules[item.module.0 as usize].is_std())
    }

    fn except_is_own(&mut self, less: &Ends, span: Span) -> bool {
        self.refuse_foreign(
            &less.foreign,
            span,
            "after `except` its owner could widen what is said here",
        )
    }

    fn kind(&mut self, scope: Scope<'_>, node: &ast::Endpoint) -> Option<Ends> {
        let plain = |set| Ends {
            set,
            foreign: Vec::new(),
            unknown: false,
            span: node.span,
        };
        match &node.kind {
            ast::EndpointKind::Pods {
                selector,
                namespaces,
            } => {
                let labels = match selector {
                    Some(selector) => self.selector(selector),
                    None => Some(crate::space::Selector::any()),
                };
                let namespaces = self.namespaces(scope.module, namespaces)?;
                let pods = Pods {
                    namespaces,
                    labels: labels?,
                    service_account: ValueSet::any(),
                };
                Some(plain(EndpointSet::of_pods([pods])))
            }
            ast::EndpointKind::ServiceAccount { name, namespaces } => {
                let good = super::labels::is_dns_subdomain(&name.value);
                if !good {
                    self.report(errors::bad_service_account_name(&name.value, name.span));
                }
                let namespaces = self.namespaces(scope.module, namespaces)?;
                let pods = Pods {
                    namespaces,
                    service_account: ValueSet::one(name.value.clone()),
                    ..Pods::any()
                };
                good.then(|| plain(EndpointSet::of_pods([pods])))
            }
            ast::EndpointKind::Address(address) => {
                Some(plain(EndpointSet::of_outside(self.address(address)?)))
            }
            ast::EndpointKind::Nodes => Some(plain(EndpointSet {
                nodes: AddressSet::full(),
                ..EndpointSet::empty()
            })),
            ast::EndpointKind::ApiServer => self.apiserver(node.span).map(plain),
            ast::EndpointKind::Outside => Some(plain(EndpointSet::of_outside(AddressSet::full()))),
            ast::EndpointKind::Anywhere => Some(plain(EndpointSet::anywhere())),
            ast::EndpointKind::IngressProxy => Some(plain(EndpointSet {
                proxy: true,
                ..EndpointSet::empty()
            })),
            ast::EndpointKind::Dns(name) => {
                let name = self.dns_name(name)?;
                Some(plain(EndpointSet {
                    names: [name].into(),
                    ..EndpointSet::empty()
                }))
            }
            ast::EndpointKind::Union(items) => self.union(scope, items, node.span, Sign::Excepted),
            ast::EndpointKind::Name { path, instead } => {
                let written = Written::of(instead);
                self.named(scope, path, written)
            }
        }
    }

    /// The API server's addresses: a node where they are a node's, outside where they are not, either where that is not known.
    fn apiserver(&mut self, span: Span) -> Option<EndpointSet> {
        let Some(addresses) = self.cluster.apiserver.clone() else {
            let diagnostic =
                errors::unknown_addresses("apiserver", &self.cluster.name, span, self.cluster.span);
            self.report(diagnostic);
            return None;
        };
        let (mut nodes, mut outside) = (addresses.clone(), addresses.clone());
        if let Some(known) = &self.cluster.nodes {
            // A family without a range is not known: then the address may be either.
            if !known.v4.is_empty() {
                nodes.v4 = addresses.v4.intersect(&known.v4);
                outside.v4 = addresses.v4.subtract(&known.v4);
            }
            if !known.v6.is_empty() {
                nodes.v6 = addresses.v6.intersect(&known.v6);
                outside.v6 = addresses.v6.subtract(&known.v6);
            }
        }
        Some(EndpointSet {
            nodes,
            outside,
            ..EndpointSet::empty()
        })
    }

    fn named(&mut self, scope: Scope<'_>, path: &ast::Path, written: Written<'_>) -> Option<Ends> {
        if self.is_silent(scope.module, path) {
            return None;
        }
        let found = self.look_up(scope, path, Wanted::Endpoint)?;
        let (mut ends, foreign, std) = match found {
            Found::Parameter(argument) => (self.argument_ends(&argument, path)?, None, false),
            Found::Item(id) => {
                let item = self.item(id);
                if !Wanted::Endpoint.takes(&item.node) {
                    let (word, span) = (item.node.word(), item.span);
                    self.report(errors::wrong_kind(
                        &dotted(path),
                        path.span,
                        word,
                        Wanted::Endpoint.words(),
                        span,
                    ));
                    return None;
                }
                let std = self.modules[item.module.0 as usize].is_std();
                let foreign = self.foreign(scope.module, id, path.span)?;
                let ends = match self.value(id, path.span)? {
                    Value::Ends(ends) => (*ends).clone(),
                    Value::Service(service) => Ends {
                        set: service.ends(),
                        foreign: service.foreign.clone(),
                        unknown: false,
                        span: service.span,
                    },
                    Value::Ports(_) | Value::Profile => return None,
                };
                (ends, foreign, std)
            }
        };
        ends.foreign.extend(foreign);
        let pods = !ends.set.pods.is_empty();
        let replaced = self.replaced(scope.module, path, written, (std, pods))?;
        ends.set = replaced.of(ends.set);
        Some(ends)
    }

    /// The ends that an argument stands for.
    pub(super) fn argument_ends(&mut self, argument: &Argument, path: &ast::Path) -> Option<Ends> {
        match argument {
            Argument::Ends(ends) => Some((**ends).clone()),
            Argument::Service(service) => Some(Ends {
                set: service.ends(),
                foreign: service.foreign.clone(),
                unknown: false,
                span: service.span,
            }),
            Argument::Unknown => Some(Ends {
                set: EndpointSet::empty(),
                foreign: Vec::new(),
                unknown: true,
                span: path.span,
            }),
            Argument::Ports(_) => {
                self.report(errors::wrong_argument(
                    &dotted(path),
                    path.span,
                    argument.word(),
                    "an endpoint",
                ));
                None
            }
        }
    }
}

/// A union of pods without doubles; without those that another contains where there are few.
pub(super) fn tidy(pods: Vec<Pods>) -> Vec<Pods> {
    if pods.len() <= TIDY {
        return union_pods(&pods, &[]);
    }
    let mut seen = FxHashSet::default();
    pods.into_iter()
        .filter(|pods| seen.insert(pods.clone()))
        .collect()
}

/// Whether two sets can share an end.
fn meets(a: &EndpointSet, b: &EndpointSet) -> bool {
    let names = |a: &EndpointSet, b: &EndpointSet| {
        !a.names.is_empty() && (!b.outside.is_empty() || !b.names.is_empty())
    };
    a.nodes.meets(&b.nodes)
        || a.outside.meets(&b.outside)
        || a.proxy && b.proxy
        || names(a, b)
        || names(b, a)
        || a.pods.iter().any(|mine| {
            b.pods
                .iter()
                .any(|theirs| !mine.intersect(theirs).is_empty())
        })
}

/// `a` less `b`, with a bound on terms and on the work.
fn subtract(a: &EndpointSet, b: &EndpointSet) -> Result<EndpointSet, Undone> {
    let without_pods = |set: &EndpointSet| EndpointSet {
        pods: Vec::new(),
        ..set.clone()
    };
    let mut rest = without_pods(a)
        .subtract(&without_pods(b))
        .ok_or(Undone::Names)?;
    rest.pods = subtract_pods(&a.pods, &b.pods).ok_or(Undone::TooMany)?;
    Ok(rest)
}

/// `from` less `what`; `None` if it takes too many terms.
pub(super) fn subtract_pods(from: &[Pods], what: &[Pods]) -> Option<Vec<Pods>> {
    let mut rest = from.to_vec();
    let mut steps = 0;
    for less in what {
        let mut next = Vec::with_capacity(rest.len());
        for one in &rest {
            next.extend(one.subtract(less));
            steps += 1;
            if next.len() > LONGEST || steps > 100 * LONGEST {
                return None;
            }
        }
        rest = next;
    }
    Some(rest)
}
