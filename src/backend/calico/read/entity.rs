//! One side of a rule.
//!
//! Takes: the fields of a `source` or `destination`. Gives: an [`Entity`]: addresses, what the selectors pick out, and ports; what Calico refuses is reported. Does not
//! know which side is the subject's. All fields of a side hold together (reference: Calico, sections 1.5 and 2.1).

use ipnet::IpNet;
use smol_str::SmolStr;

use super::names::is_subdomain;
use super::selector::{self, Expr, Fault};
use super::solve::{ACCOUNT, NAMESPACE, OF_ACCOUNT, OF_NAMESPACE};
use super::traffic::{self, Ports};
use super::world::{Family, Selection, World};
use crate::backend::read::document::{Fields, invalid};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::{AddressSet, Direction};

/// How much a version takes. Calico 3.33 was the first to bound anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// Characters of a selector.
    pub(super) selector: usize,
    /// Entries of `nets` and of `notNets`.
    pub(super) nets: usize,
    /// Entries of `ports` and of `notPorts`.
    pub(super) ports: usize,
    /// Rules of a direction.
    pub(super) rules: usize,
    /// Whether a list of networks must not repeat one, as the native CRDs say (3.32).
    pub(super) unique: bool,
}

impl Limits {
    /// Of a version.
    pub(super) fn of(version: (u16, u16)) -> Self {
        if version >= (3, 33) {
            Limits {
                selector: 1024,
                nets: 256,
                ports: 50,
                rules: 1024,
                unique: true,
            }
        } else {
            Limits {
                selector: usize::MAX,
                nets: usize::MAX,
                ports: usize::MAX,
                rules: usize::MAX,
                unique: version >= (3, 32),
            }
        }
    }
}

/// Where an entity stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'s> {
    /// What its selectors are read against.
    pub(super) world: &'s World<'s>,
    /// The namespace of the policy, if it has one.
    pub(super) namespace: Option<&'s SmolStr>,
    /// The direction of the rule.
    pub(super) direction: Direction,
    /// What the version takes.
    pub(super) limits: Limits,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// One side.
#[derive(Clone, Debug, Default)]
pub(super) struct Entity {
    /// `nets`
    pub(super) nets: Option<AddressSet>,
    /// `notNets`
    pub(super) not_nets: Option<AddressSet>,
    /// The family of the networks, if there are any.
    pub(super) family: Option<Family>,
    /// What `selector`, `namespaceSelector` and `serviceAccounts` pick out together.
    pub(super) positive: Option<Selection>,
    /// What `notSelector` picks out: the pods that it leaves, the addresses that it takes.
    pub(super) negative: Option<Selection>,
    /// `ports`
    pub(super) ports: Option<Ports>,
    /// `notPorts`
    pub(super) not_ports: Option<Ports>,
    /// Whether it matches nothing, whatever else it says.
    pub(super) nothing: bool,
    /// What the facts do not settle: the side matches at most what the rest of it matches.
    pub(super) unclear: Vec<String>,
}

impl Entity {
    /// Whether it matches every end.
    pub(super) fn is_open(&self) -> bool {
        self.nets.is_none()
            && self.not_nets.is_none()
            && self.positive.is_none()
            && self.negative.is_none()
            && !self.nothing
            && self.unclear.is_empty()
    }
}

impl Entity {
    /// Whether what it matches depends on addresses, its own or those of network sets, and with them on the family of a packet.
    pub(super) fn is_by_address(&self) -> bool {
        let held = |selection: &Option<Selection>| {
            selection
                .as_ref()
                .is_some_and(|selection| !selection.sets.possible.is_empty())
        };
        self.nets.is_some()
            || self.not_nets.is_some()
            || held(&self.positive)
            || held(&self.negative)
    }
}

/// Reads a selector that stands in a field; `None` if it is empty or, reported or noted in `unclear`, unreadable.
pub(super) fn selector(
    fields: &mut Fields<'_>,
    key: &str,
    limits: Limits,
    unclear: &mut Vec<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Expr> {
    let span = fields.get(key)?.span;
    let text = fields.text(key, diagnostics)?;
    if text.is_empty() {
        return None;
    }
    let path = fields.at(key);
    let global = text.contains("global(");
    // It is the whole selector of the namespaces in a rule, or nowhere.
    let misplaced = global
        && (!key.starts_with("namespaceSelector") || !path.contains("gress[") || {
            let inside = text.trim_matches([' ', '\t']).strip_prefix("global(");
            inside.is_none_or(|rest| rest.trim_start_matches([' ', '\t']) != ")")
        });
    if misplaced {
        let why = format!("{path}: global() can only be used in an EntityRule namespaceSelector");
        diagnostics.push(invalid(span, why));
        return None;
    }
    let length = text.chars().count();
    if length > limits.selector {
        let why = format!(
            "{path}: Too long: may not be more than {} characters",
            limits.selector
        );
        diagnostics.push(invalid(span, why));
        return None;
    }
    match selector::parse(text) {
        Ok(expr) => Some(expr),
        Err(Fault::Invalid(why)) => {
            let why = format!("{path}: invalid selector: {why}");
            diagnostics.push(invalid(span, why));
            None
        }
        Err(Fault::TooDeep) => {
            unclear.push(format!("{path} nests too deep"));
            None
        }
    }
}

/// A selector of namespaces as one of endpoints: in rules `all()` is everything that has a namespace.
pub(super) fn of_namespaces(expr: Expr) -> Expr {
    let namespaced = Expr::Has(NAMESPACE.into());
    expr.prefixed(OF_NAMESPACE, &namespaced, &namespaced.clone().negated())
}

/// Reads one side.
pub(super) fn entity(
    mut fields: Fields<'_>,
    site: Site<'_>,
    diagnostics: &mut Diagnostics,
) -> Entity {
    let mut entity = Entity::default();
    let services = services(&mut fields, site, &mut entity, diagnostics);
    networks(&mut fields, site.limits, &mut entity, diagnostics);
    let limits = site.limits;
    let mut unclear = Vec::new();
    let mut text =
        |fields: &mut Fields<'_>, key| selector(fields, key, limits, &mut unclear, diagnostics);
    let own = text(&mut fields, "selector");
    let negative = text(&mut fields, "notSelector");
    let place = text(&mut fields, "namespaceSelector");
    let accounts = accounts(&mut fields, limits, &mut unclear, diagnostics);
    let has_accounts = fields.has("serviceAccounts");
    let selects = own.is_some() || negative.is_some() || place.is_some();
    let mut positive = Vec::new();
    match (place, site.namespace) {
        (Some(place), _) => positive.push(of_namespaces(place)),
        // Selectors of a namespaced policy speak of its namespace; without any, the rule speaks of everybody.
        (None, Some(namespace)) if selects || accounts.is_some() => {
            positive.push(Expr::equals(NAMESPACE, namespace.clone()));
        }
        (None, _) => {}
    }
    positive.extend(accounts);
    positive.extend(own);
    if !positive.is_empty() {
        entity.positive = Some(site.world.select(&Expr::And(positive), false));
    }
    entity.negative = negative.map(|negative| site.world.select(&negative, true));
    entity.unclear.append(&mut unclear);
    entity.ports = traffic::ports(&mut fields, "ports", limits.ports, diagnostics);
    entity.not_ports = traffic::ports(&mut fields, "notPorts", limits.ports, diagnostics);
    if services {
        let mut refuse = |what: &str| {
            let why = format!(
                "{}: cannot specify {what} and Services on the same rule",
                fields.path
            );
            diagnostics.push(invalid(fields.span, why));
        };
        if selects {
            refuse("Selector/NotSelector/NamespaceSelector");
        }
        if has_accounts {
            refuse("ServiceAccounts");
        }
        if entity.nets.is_some() || entity.not_nets.is_some() {
            refuse("Nets/NotNets");
        }
        if fields.path.ends_with("destination")
            && (entity.ports.is_some() || entity.not_ports.is_some())
        {
            refuse("ports and notPorts");
        }
    }
    fields.finish(diagnostics);
    entity
}

/// `services`: which addresses and ports they have is not in the manifests. A namespaced policy that leaves the namespace away matches nothing
/// (reference: Calico, section 2.5).
fn services(
    fields: &mut Fields<'_>,
    site: Site<'_>,
    entity: &mut Entity,
    diagnostics: &mut Diagnostics,
) -> bool {
    let Some(mut services) = fields.map("services", diagnostics) else {
        return false;
    };
    let peers = match site.direction {
        Direction::Ingress => "source",
        Direction::Egress => "destination",
    };
    let name = services.text("name", diagnostics).cloned();
    let namespace = services
        .text("namespace", diagnostics)
        .filter(|namespace| !namespace.is_empty());
    let mut refuse = |why: &str| {
        diagnostics.push(invalid(services.span, format!("{}: {why}", services.path)));
    };
    if name.as_ref().is_none_or(|name| name.is_empty()) {
        refuse("services must specify a service name");
    }
    if !fields.path.ends_with(peers) {
        refuse(
            "services may stand in the source of ingress rules and the destination of egress rules",
        );
    }
    match (namespace, site.namespace) {
        (None, None) => refuse("services in a global policy must specify a namespace"),
        (None, Some(_)) => entity.nothing = true,
        (Some(namespace), _) => entity.unclear.push(format!(
            "the addresses of service {namespace}/{} are not in the manifests",
            name.unwrap_or_default()
        )),
    }
    services.finish(diagnostics);
    true
}

/// `serviceAccounts`: names and selector hold together; neither asks for nothing.
fn accounts(
    fields: &mut Fields<'_>,
    limits: Limits,
    unclear: &mut Vec<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Expr> {
    let mut map = fields.map("serviceAccounts", diagnostics)?;
    let names = map.texts("names", diagnostics).unwrap_or_default();
    let own = selector(&mut map, "selector", limits, unclear, diagnostics);
    let path = map.path.clone();
    map.finish(diagnostics);
    let mut all = Vec::new();
    // `all()` stays what it is here (reference: Calico, section 2.5).
    all.extend(own.map(|own| own.prefixed(OF_ACCOUNT, &Expr::All, &Expr::Global)));
    if let Some((name, _)) = names.iter().find(|(name, _)| !is_subdomain(name)) {
        // Nobody validates it, and what cannot be put into a selector drops the whole match.
        unclear.push(format!(
            "{path}.names: `{name}` is no name of a service account"
        ));
        return None;
    }
    if !names.is_empty() {
        let names = names.iter().map(|(name, _)| (*name).clone()).collect();
        all.push(Expr::In(ACCOUNT.into(), names));
    }
    (!all.is_empty()).then_some(Expr::And(all))
}

/// `nets` and `notNets`: strictly masked, all of one family.
fn networks(
    fields: &mut Fields<'_>,
    limits: Limits,
    entity: &mut Entity,
    diagnostics: &mut Diagnostics,
) {
    let mut list = |key: &str| -> Vec<(IpNet, Span)> {
        let path = fields.at(key);
        let texts = fields.texts(key, diagnostics).unwrap_or_default();
        if texts.len() > limits.nets {
            let why = format!(
                "{path}: Too many: {}: must have at most {} items",
                texts.len(),
                limits.nets
            );
            diagnostics.push(invalid(fields.span, why));
        }
        let mut nets: Vec<(IpNet, Span)> = Vec::with_capacity(texts.len());
        for (at, (text, span)) in texts.into_iter().enumerate() {
            let net = text.parse::<IpNet>().ok();
            match net.filter(|net| net.addr() == net.network()) {
                Some(net) => nets.push((net, span)),
                None => {
                    let why = format!(
                        "{path}[{at}]: invalid CIDR \"{text}\": strictly masked networks only"
                    );
                    diagnostics.push(invalid(span, why));
                }
            }
        }
        if limits.unique {
            let mut sorted: Vec<_> = nets.iter().collect();
            sorted.sort_by_key(|(net, span)| (*net, span.start));
            for pair in sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                let why = format!("{path}: Duplicate value: \"{}\"", pair[1].0);
                diagnostics.push(invalid(pair[1].1, why));
            }
        }
        nets
    };
    let (nets, not_nets) = (list("nets"), list("notNets"));
    for (net, span) in &not_nets {
        if net.prefix_len() == 0 {
            let why = format!("{}: {net} excludes everything", fields.at("notNets"));
            diagnostics.push(invalid(*span, why));
        }
    }
    let mut all = nets.iter().chain(&not_nets);
    if let Some((first, _)) = all.next() {
        let family = Family::BOTH.into_iter().find(|family| family.has(first));
        entity.family = family;
        if let Some((_, span)) = all.find(|(net, _)| family.is_some_and(|family| !family.has(net)))
        {
            mixed(&fields.path, *span, diagnostics);
        }
    }
    let set = |nets: &[(IpNet, Span)]| {
        let sets: Vec<AddressSet> = nets.iter().map(|(net, _)| AddressSet::of(*net)).collect();
        AddressSet {
            v4: sets.iter().flat_map(|net| net.v4.iter()).collect(),
            v6: sets.iter().flat_map(|net| net.v6.iter()).collect(),
        }
    };
    entity.nets = (!nets.is_empty()).then(|| set(&nets));
    entity.not_nets = (!not_nets.is_empty()).then(|| set(&not_nets));
}

/// Reports two families in one rule.
pub(super) fn mixed(path: &str, span: Span, diagnostics: &mut Diagnostics) {
    let why = format!("{path}: rule contains both IPv4 and IPv6 CIDRs");
    diagnostics.push(invalid(span, why));
}
