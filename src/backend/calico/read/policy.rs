//! One policy, staged or not.
//!
//! Takes: a document of a policy. Gives: a [`Parsed`]: its place in its tier, what it selects, its rules, and what could not be understood of them. What Calico refuses is
//! reported. Does not know the other policies.

use smol_str::SmolStr;

use super::entity::{self, Limits, Site};
use super::names;
use super::rule::{self, Matched};
use super::selector::Expr;
use super::solve::{self, ACCOUNT, Between, NAMESPACE, OF_ACCOUNT};
use super::world::World;
use crate::backend::read::Unread;
use crate::backend::read::chain::{ReadPolicy, ReadRule};
use crate::backend::read::document::{Document, Fields, invalid};
use crate::diagnostic::Diagnostics;
use crate::model::Action;
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet};

/// How many boxes of flows one rule may leave open before its policy's pods are not told apart.
const MOST_BOXES: usize = 4096;

/// A policy and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Parsed {
    /// The tier.
    pub(super) tier: SmolStr,
    /// The order in it; infinite if it says none.
    pub(super) order: f64,
    /// What decides between equal orders: smaller first.
    pub(super) tie: String,
    /// The policy.
    pub(super) read: ReadPolicy,
    /// The pods that it may select.
    pub(super) possible: Vec<Pods>,
    /// The directions that it may have.
    pub(super) directions: Vec<Direction>,
    /// What is not understood of it.
    pub(super) unread: Vec<Unread>,
}

/// All flows of some pods.
pub(super) fn everything(subjects: &[Pods]) -> Vec<FlowBox> {
    let all = |subject: &Pods| FlowBox {
        subject: subject.clone(),
        peers: EndpointSet::anywhere(),
        ports: PortSet::all(),
    };
    subjects.iter().map(all).collect()
}

impl Parsed {
    /// All that the policy could decide, as not understood.
    pub(super) fn wholly_unread(&self, why: &str) -> Vec<Unread> {
        if self.read.staged {
            return Vec::new();
        }
        let one = |direction: &Direction| Unread {
            object: self.read.object.clone(),
            direction: *direction,
            flows: everything(&self.possible),
            why: why.to_owned(),
            span: self.read.span,
        };
        self.directions.iter().map(one).collect()
    }
}

/// What decides between policies of equal order: their name, then their namespace, then their kind; up to 3.31, the namespace, then the name behind its
/// tier (reference: Calico, section 1.8). `kind` is Calico's word for it.
pub(super) fn tie(
    version: (u16, u16),
    tier: &str,
    namespace: Option<&str>,
    name: &str,
    kind: &str,
) -> String {
    if version >= (3, 32) {
        return format!("{name}/{}/{kind}", namespace.unwrap_or_default());
    }
    let prefixed = match kind {
        "KubernetesNetworkPolicy" => format!("knp.default.{name}"),
        _ if tier == "default" && !name.starts_with("default.") => format!("default.{name}"),
        _ => name.to_owned(),
    };
    match namespace {
        Some(namespace) => format!("{namespace}/{prefixed}"),
        None => prefixed,
    }
}

/// Reads a policy; `None` if it decides nothing for pods, or if, reported, Calico refuses it.
pub(super) fn policy(
    document: &Document,
    world: &World<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Parsed> {
    let version = world.context.version;
    let limits = Limits::of(version);
    let staged = document.kind.starts_with("Staged");
    let global = document.kind.ends_with("GlobalNetworkPolicy");
    let before = diagnostics.len();
    let mut fields = document.fields();
    let mut spec = match fields.map("spec", diagnostics) {
        Some(spec) => spec,
        None if diagnostics.len() > before => return None,
        None if version >= (3, 32) => {
            diagnostics.push(invalid(document.span(), "spec: Required value"));
            return None;
        }
        None => Fields::empty(document.node.span, "spec"),
    };
    let tier = spec.text("tier", diagnostics).cloned();
    let tier = tier
        .filter(|tier| !tier.is_empty())
        .unwrap_or_else(|| SmolStr::new_static("default"));
    names::policy(document, &tier, version, diagnostics);
    let action = staged_action(&mut spec, staged, diagnostics);
    if action == Some("Delete") {
        nothing_else(&spec, diagnostics);
        return None;
    }
    let order = spec.number("order", diagnostics);
    if let Some(order) = order.filter(|order| !order.is_finite()) {
        let why = format!("spec.order: {order} is no number of JSON");
        diagnostics.push(invalid(spec.span, why));
    }
    let mut unclear = Vec::new();
    let subject = subject(
        document,
        &mut spec,
        global,
        limits,
        &mut unclear,
        diagnostics,
    );
    let mut subject = solve::pods(&subject, &world.context);
    if !unclear.is_empty() {
        subject.sure.clear();
    }
    let untracked = global && hosts_only(&mut spec, diagnostics);
    hints(&mut spec, diagnostics);
    let types = types(&mut spec, version, document, diagnostics);
    let object = document.spoken();
    let mut unread = Vec::new();
    let home = SmolStr::new_static("default");
    let mut side = |key: &str, direction: Direction| {
        let site = Site {
            world,
            namespace: (!global).then_some(document.namespace.as_ref().unwrap_or(&home)),
            direction,
            limits,
        };
        let matched = rules(&mut spec, key, site, diagnostics);
        types.sure.contains(&direction).then(|| {
            let mut read = Vec::with_capacity(matched.len());
            for (text, span, matched) in matched {
                if !matched.unsure.is_empty() && matched.action != Action::Log {
                    let flows = within(&subject.sure, &matched.unsure);
                    if !flows.is_empty() {
                        unread.push(Unread {
                            object: object.clone(),
                            direction,
                            flows,
                            why: format!("{text} of {object}: {}", matched.why),
                            span,
                        });
                    }
                }
                read.push(ReadRule {
                    action: matched.action,
                    log: false,
                    clauses: matched.clauses,
                    text,
                    span,
                });
            }
            read
        })
    };
    let ingress = side("ingress", Direction::Ingress);
    let egress = side("egress", Direction::Egress);
    spec.finish(diagnostics);
    fields.finish(diagnostics);
    if diagnostics.len() > before || untracked {
        return None;
    }
    let team = document.annotations.iter();
    let team = team.clone().find(|(key, _)| key == "vauban.dev/team");
    let mut parsed = Parsed {
        tie: tie(
            version,
            &tier,
            document.namespace.as_deref(),
            &document.name,
            &document.kind,
        ),
        tier,
        order: order.unwrap_or(f64::INFINITY),
        read: ReadPolicy {
            object,
            owner: team.map(|(_, team)| team.clone()).unwrap_or_default(),
            file: document.file.clone(),
            subject: subject.sure.clone(),
            ingress,
            egress,
            staged,
            span: document.span(),
        },
        possible: subject.possible.clone(),
        directions: types.possible.clone(),
        unread,
    };
    if staged {
        parsed.unread.clear();
        return Some(parsed);
    }
    doubts(&mut parsed, &subject, &types, &unclear);
    if !global && document.namespace.is_none() {
        let why = "its namespace is left to whoever applies it";
        parsed.unread = parsed.wholly_unread(why);
        parsed.read.subject.clear();
    }
    Some(parsed)
}

/// Adds what is open about the whole policy: whether it selects some pods, and in which directions.
fn doubts(
    parsed: &mut Parsed,
    subject: &Between<Vec<Pods>>,
    types: &Between<Vec<Direction>>,
    unclear: &[String],
) {
    let rest = solve::less(&subject.possible, &subject.sure);
    for direction in &types.possible {
        let certain = types.sure.contains(direction);
        let (flows, why) = if !certain {
            let why = "whether `types` has this direction depends on which server takes it";
            (everything(&subject.possible), why.to_owned())
        } else if !rest.is_empty() {
            let why = match unclear {
                [] => "its selectors ask for what is not known of pods".to_owned(),
                why => why.join(", and "),
            };
            (everything(&rest), why)
        } else {
            continue;
        };
        parsed.unread.push(Unread {
            object: parsed.read.object.clone(),
            direction: *direction,
            flows,
            why,
            span: parsed.read.span,
        });
    }
}

/// The flows of a rule that are flows of the policy's pods; where these are too many to tell apart, those of any.
fn within(subjects: &[Pods], flows: &[FlowBox]) -> Vec<FlowBox> {
    let mut all = Vec::new();
    for flow in flows {
        let of_rule = std::slice::from_ref(&flow.subject);
        let cut = solve::both(subjects, of_rule).unwrap_or_else(|| of_rule.to_vec());
        if all.len() + cut.len() > MOST_BOXES {
            return flows.to_vec();
        }
        all.extend(cut.into_iter().map(|subject| FlowBox {
            subject,
            ..flow.clone()
        }));
    }
    all
}

/// `stagedAction` of a staged policy; others do not have it.
pub(super) fn staged_action<'n>(
    spec: &mut Fields<'n>,
    staged: bool,
    diagnostics: &mut Diagnostics,
) -> Option<&'n str> {
    if !staged {
        return None;
    }
    let span = spec.get("stagedAction")?.span;
    let action = spec.text("stagedAction", diagnostics)?;
    if !["Set", "Delete", "Learn", "Ignore"].contains(&action.as_str()) {
        let why = format!(
            "spec.stagedAction: Unsupported value: \"{action}\": supported values: \"Delete\", \"Ignore\", \"Learn\", \"Set\""
        );
        diagnostics.push(invalid(span, why));
    }
    Some(action.as_str())
}

/// A staged policy that stands for the removal of another holds nothing else.
pub(super) fn nothing_else(spec: &Fields<'_>, diagnostics: &mut Diagnostics) {
    for key in spec.unasked() {
        let why = format!("spec.{}: must be empty with stagedAction Delete", key.text);
        diagnostics.push(invalid(key.span, why));
    }
}

/// The selector of the pods: `selector`, `namespaceSelector` and `serviceAccountSelector` together, in a namespaced policy within its namespace.
fn subject(
    document: &Document,
    spec: &mut Fields<'_>,
    global: bool,
    limits: Limits,
    unclear: &mut Vec<String>,
    diagnostics: &mut Diagnostics,
) -> Expr {
    let mut all = Vec::new();
    all.extend(entity::selector(
        spec,
        "selector",
        limits,
        unclear,
        diagnostics,
    ));
    if global {
        let place = entity::selector(spec, "namespaceSelector", limits, unclear, diagnostics);
        all.extend(place.map(entity::of_namespaces));
    } else if let Some(namespace) = &document.namespace {
        all.push(Expr::equals(NAMESPACE, namespace.clone()));
    }
    let accounts = entity::selector(spec, "serviceAccountSelector", limits, unclear, diagnostics);
    // `all()` is whatever has a service account, here and not in rules.
    let some = Expr::Has(ACCOUNT.into());
    all.extend(accounts.map(|accounts| accounts.prefixed(OF_ACCOUNT, &some, &some)));
    Expr::And(all)
}

/// Whether it is `doNotTrack` or `preDNAT`: such a policy is for host endpoints, and leaves pods alone (reference: Calico, section 2.2).
/// `applyOnForward` makes no difference to pods.
fn hosts_only(spec: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
    let mut is = |spec: &mut Fields<'_>, key| spec.boolean(key, diagnostics) == Some(true);
    let untracked = is(spec, "doNotTrack");
    let before_nat = is(spec, "preDNAT");
    let forwarded = is(spec, "applyOnForward");
    let some = |spec: &Fields<'_>, key: &str| !spec.is_empty_list(key);
    let mut refuse = |why: &str| {
        diagnostics.push(invalid(spec.span, format!("spec: {why}")));
    };
    if untracked && before_nat {
        refuse("preDNAT and doNotTrack cannot both be true");
    }
    if (untracked || before_nat) && !forwarded {
        refuse("applyOnForward must be true if either preDNAT or doNotTrack is true");
    }
    if before_nat && some(spec, "egress") {
        refuse("preDNAT policy cannot have any egress rules");
    }
    untracked || before_nat
}

/// `performanceHints` change nothing that is decided.
fn hints(spec: &mut Fields<'_>, diagnostics: &mut Diagnostics) {
    let hints = spec.texts("performanceHints", diagnostics);
    let mut seen = false;
    for (hint, span) in hints.unwrap_or_default() {
        if hint != "AssumeNeededOnEveryNode" || seen {
            let why = format!("spec.performanceHints: Unsupported value: \"{hint}\"");
            diagnostics.push(invalid(span, why));
        }
        seen = true;
    }
}

/// `types`, or what is made of its absence. Calico's API server counts rules; the native CRDs, from 3.32 on, count lists, empty ones too
/// (reference: Calico, section 1.7).
fn types(
    spec: &mut Fields<'_>,
    version: (u16, u16),
    document: &Document,
    diagnostics: &mut Diagnostics,
) -> Between<Vec<Direction>> {
    let listed = spec.texts("types", diagnostics);
    if let Some(listed) = listed.filter(|listed| !listed.is_empty() || version >= (3, 32)) {
        let mut types = Vec::new();
        if listed.is_empty() {
            let why = "spec.types: Invalid value: should have at least 1 items";
            diagnostics.push(invalid(document.span(), why));
        }
        for (text, span) in listed {
            let direction = match text.as_str() {
                "Ingress" => Direction::Ingress,
                "Egress" => Direction::Egress,
                _ => {
                    let why = format!(
                        "spec.types: Unsupported value: \"{text}\": supported values: \"Egress\", \"Ingress\""
                    );
                    diagnostics.push(invalid(span, why));
                    continue;
                }
            };
            if types.contains(&direction) {
                let why = format!("spec.types: Duplicate value: \"{text}\"");
                diagnostics.push(invalid(span, why));
            }
            types.push(direction);
        }
        return Between::exact(types);
    }
    let by = |ingress: bool, egress: bool| match (ingress, egress) {
        (_, false) => vec![Direction::Ingress],
        (false, true) => vec![Direction::Egress],
        (true, true) => Direction::BOTH.to_vec(),
    };
    let counted = by(
        !spec.is_empty_list("ingress"),
        !spec.is_empty_list("egress"),
    );
    if version < (3, 32) {
        return Between::exact(counted);
    }
    let present = by(spec.has_value("ingress"), spec.has_value("egress"));
    let either = |direction: &Direction| counted.contains(direction) || present.contains(direction);
    let both = |direction: &Direction| counted.contains(direction) && present.contains(direction);
    Between {
        sure: Direction::BOTH.into_iter().filter(both).collect(),
        possible: Direction::BOTH.into_iter().filter(either).collect(),
    }
}

type Numbered = (SmolStr, crate::source::Span, Matched);

fn rules(
    spec: &mut Fields<'_>,
    key: &str,
    site: Site<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Numbered> {
    let Some(list) = spec.list(key, diagnostics) else {
        return Vec::new();
    };
    let path = spec.at(key);
    if list.len() > site.limits.rules {
        let why = format!(
            "{path}: Too many: {}: must have at most {} items",
            list.len(),
            site.limits.rules
        );
        diagnostics.push(invalid(spec.span, why));
    }
    let mut rules = Vec::with_capacity(list.len());
    for (at, node) in list.iter().enumerate() {
        let Some(fields) = Fields::of(node, format!("{path}[{at}]"), diagnostics) else {
            continue;
        };
        if let Some(matched) = rule::rule(fields, site, diagnostics) {
            let text = SmolStr::from(format!("{key} rule {}", at + 1));
            rules.push((text, node.span, matched));
        }
    }
    rules
}
