//! A policy of the program to policies of Calico.
//!
//! Exact:
//! - the subject is one namespace by name: a NetworkPolicy, unless a rule needs `notSelector`; else a GlobalNetworkPolicy whose
//!   selector holds for pods only;
//! - rules that speak of the subject's own namespace (`same`): one policy per declared namespace, which needs all of the subject's
//!   namespaces to be declared. A namespace's labels are taken as declared;
//! - more rules or longer selectors than an object takes: several objects. With the same subject they follow each other in the tier
//!   and their rules go on; with a part of the subject each, they have the same rules, so a pod of two parts meets the same rule twice;
//! - `types` names the directions that have a block, and no other: an empty block closes, an absent one leaves alone.

use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use crate::backend::metadata::{Provenance, bounded_name, file_name};
use crate::backend::{missing_fact, refuse};
use crate::model::{Block, DefaultPolicy, Policy};
use crate::source::Span;
use crate::space::{Direction, EndpointSet, Pods, Same, ValueSet};

use super::manifest::{self, API_VERSION, Kind, Manifest, PolicyKind, PolicySpec, type_word};
use super::order::{Band, Claim};
use super::rules::{self, Draft, Sets, Subject};
use super::selector::{self, Guard};
use super::{Context, Refusal};

/// A policy, the `default` block, or what closes a tier: what all of them have.
pub(super) struct Source<'a> {
    pub(super) provenance: Provenance,
    pub(super) tier: SmolStr,
    /// The name, before the tier's prefix and what an object adds to it.
    pub(super) base: SmolStr,
    pub(super) subject: &'a [Pods],
    pub(super) ingress: Option<&'a Block>,
    pub(super) egress: Option<&'a Block>,
    pub(super) doc: &'a [SmolStr],
    pub(super) band: Band,
    pub(super) staged: bool,
    pub(super) span: Span,
}

impl<'a> Source<'a> {
    pub(super) fn of_policy(tier: &SmolStr, policy: &'a Policy) -> Self {
        Source {
            provenance: Provenance::of_policy(policy),
            tier: tier.clone(),
            base: crate::backend::metadata::object_name(policy),
            subject: &policy.subject,
            ingress: policy.ingress.as_ref(),
            egress: policy.egress.as_ref(),
            doc: &policy.doc,
            band: Band::Depth(policy.depth),
            staged: policy.staged,
            span: policy.span,
        }
    }

    /// One direction of the `default` block, if it has that.
    pub(super) fn of_default(
        tier: &SmolStr,
        default: &'a DefaultPolicy,
        direction: Direction,
    ) -> Option<Self> {
        let block = default.block(direction)?;
        let (ingress, egress) = match direction {
            Direction::Ingress => (Some(block), None),
            Direction::Egress => (None, Some(block)),
        };
        Some(Source {
            provenance: Provenance::of_default(default),
            tier: tier.clone(),
            base: format_smolstr!("default-{}", direction.word()),
            subject: &default.subject,
            ingress,
            egress,
            doc: &default.doc,
            band: Band::Depth(0),
            staged: false,
            span: default.span,
        })
    }

    fn blocks(&self) -> impl Iterator<Item = (Direction, &'a Block)> {
        let ingress = self.ingress.map(|block| (Direction::Ingress, block));
        let egress = self.egress.map(|block| (Direction::Egress, block));
        ingress.into_iter().chain(egress)
    }

    /// Whether a rule speaks of the subject's own namespace.
    fn is_relative(&self) -> bool {
        let relative = |peers: &EndpointSet| {
            peers
                .pods
                .iter()
                .any(|pods| !pods.namespaces.same.is_empty())
        };
        self.blocks()
            .flat_map(|(_, block)| &block.rules)
            .flat_map(|rule| &rule.clauses)
            .any(|clause| relative(&clause.peers))
    }
}

/// Objects of one policy whose orders follow each other, still without them.
pub(super) struct Group {
    pub(super) claim: Claim,
    pub(super) objects: Vec<Built>,
}

impl Group {
    /// Gives its objects their orders, from the first one's on.
    pub(super) fn put(&mut self, first: u64) {
        for (part, built) in self.objects.iter_mut().enumerate() {
            if let Kind::Policy(_, manifest) = &mut built.manifest {
                manifest.spec.order = first + part as u64;
            }
        }
    }
}

/// An object and what its file needs.
pub(super) struct Built {
    pub(super) file: SmolStr,
    pub(super) manifest: Kind,
}

/// The objects of a policy, and the sets of networks that they use.
pub(super) fn build(
    context: &Context<'_>,
    source: &Source<'_>,
    sets: &mut Sets,
) -> Result<Vec<Group>, Vec<Refusal>> {
    for pods in source.subject {
        context
            .check_keys(pods, source.span)
            .map_err(|refusal| vec![refusal])?;
    }
    if source.staged && !context.support.staged {
        return Err(vec![no_staging(context, source)]);
    }
    if source.blocks().next().is_none() {
        // Without a block it says nothing of either direction, which no policy of Calico can.
        return Ok(Vec::new());
    }
    match home(source.subject) {
        Some(home) => of_subject(context, source, source.subject, Some(home), None, sets),
        None if source.is_relative() => {
            let mut groups = Vec::new();
            let mut refusals = Vec::new();
            for (home, pods) in homes(context, source).map_err(|refusal| vec![refusal])? {
                match of_subject(context, source, &pods, Some(&home), Some(&home), sets) {
                    Ok(some) => groups.extend(some),
                    Err(some) => refusals.extend(some),
                }
            }
            // A rule that cannot be said in one namespace usually cannot in any: once is enough.
            refusals.dedup_by(|a, b| a.message == b.message && a.primary == b.primary);
            if refusals.is_empty() {
                Ok(groups)
            } else {
                Err(refusals)
            }
        }
        None => of_subject(context, source, source.subject, None, None, sets),
    }
}

/// The namespace of the subject, if it is one by name and by nothing else.
fn home(subject: &[Pods]) -> Option<&str> {
    let first = subject.first()?.namespaces.single()?;
    subject
        .iter()
        .all(|pods| {
            pods.namespaces.labels.is_any()
                && pods.namespaces.single().is_some_and(|name| name == first)
        })
        .then_some(first)
}

/// The subject, namespace by namespace.
fn homes(context: &Context<'_>, source: &Source<'_>) -> Result<Vec<(SmolStr, Vec<Pods>)>, Refusal> {
    let program = context.program;
    let mut names: Vec<SmolStr> = program
        .namespaces
        .iter()
        .map(|namespace| namespace.name.clone())
        .collect();
    if !program.cluster.namespaces_closed {
        for pods in source.subject {
            let ValueSet::In(said) = &pods.namespaces.names else {
                return Err(open(context, source));
            };
            for name in said.iter().flatten() {
                if program.namespace(name).is_none() {
                    if !pods.namespaces.labels.is_any() || compares_labels(source) {
                        return Err(undeclared(context, source, name));
                    }
                    names.push(name.clone());
                }
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names
        .into_iter()
        .filter_map(|name| {
            let pods: Vec<Pods> = source
                .subject
                .iter()
                .filter_map(|pods| context.at_home(pods, Some(&name)))
                .collect();
            (!pods.is_empty()).then_some((name, pods))
        })
        .collect())
}

fn compares_labels(source: &Source<'_>) -> bool {
    source
        .blocks()
        .flat_map(|(_, block)| &block.rules)
        .flat_map(|rule| &rule.clauses)
        .flat_map(|clause| &clause.peers.pods)
        .flat_map(|pods| &pods.namespaces.same)
        .any(|same| matches!(same, Same::Label(..)))
}

fn open(context: &Context<'_>, source: &Source<'_>) -> Refusal {
    Box::new(
        missing_fact(
            context.spec,
            source.span,
            "namespaces closed",
            &["namespaces closed"],
        )
        .because("a rule speaks of the subject's own namespace (`same`), which takes one policy per namespace, and a namespace made later would have none")
        .help("name the namespaces after `for`"),
    )
}

fn undeclared(context: &Context<'_>, source: &Source<'_>, name: &str) -> Refusal {
    Box::new(
        refuse(
            context.spec,
            "same-in-open-namespaces",
            source.span,
            format!("cannot compare labels with namespace `{name}`, which is not declared"),
        )
        .help(format!("declare `namespace {name}` with its labels")),
    )
}

fn no_staging(context: &Context<'_>, source: &Source<'_>) -> Refusal {
    Box::new(
        refuse(
            context.spec,
            "no-staged-policies",
            source.span,
            "has no staged policies",
        )
        .because("they came with Calico 3.30")
        .help("put the policy in a folder that this target is `without`"),
    )
}

/// The objects for a subject that is in one namespace (`home`), or in any.
fn of_subject(
    context: &Context<'_>,
    source: &Source<'_>,
    pods: &[Pods],
    home: Option<&str>,
    suffix: Option<&str>,
    sets: &mut Sets,
) -> Result<Vec<Group>, Vec<Refusal>> {
    let subject = Subject { pods, home };
    let mut drafts: [Option<Vec<Draft>>; 2] = [None, None];
    let mut refusals = Vec::new();
    for (direction, block) in source.blocks() {
        match rules::drafts(context, block, direction, subject) {
            Ok(some) => drafts[direction as usize] = Some(some),
            Err(some) => refusals.extend(some),
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let global = drafts.iter().flatten().flatten().any(Draft::is_global);
    let namespace = if global { None } else { home };
    let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|direction| {
        drafts[direction as usize]
            .as_ref()
            .map(|drafts| rules::render(drafts, direction, namespace, sets))
    });
    let selectors =
        selectors(context, pods, namespace, source.span).map_err(|refusal| vec![refusal])?;
    let base = match suffix {
        None => source.base.clone(),
        Some(suffix) => format_smolstr!("{}-{suffix}", source.base),
    };
    let chunks = |rules: &Option<Vec<manifest::Rule>>| {
        rules
            .as_ref()
            .map_or(0, |rules| rules.len().div_ceil(context.support.rules))
    };
    let of_rules = chunks(&ingress).max(chunks(&egress)).max(1);
    let several = selectors.len() * of_rules > 1;
    let mut groups = Vec::with_capacity(selectors.len());
    let mut number = 0;
    for fields in &selectors {
        let mut objects = Vec::with_capacity(of_rules);
        let mut first = None;
        for chunk in 0..of_rules {
            number += 1;
            let base = if several && number > 1 {
                format_smolstr!("{base}-part-{number}")
            } else {
                base.clone()
            };
            let name = bounded_name(&format_smolstr!("{}.{base}", source.tier));
            first.get_or_insert_with(|| name.to_string());
            let part = Part {
                name,
                base,
                chunk,
                namespace,
            };
            objects.push(object(context, source, fields, &part, [&ingress, &egress]));
        }
        groups.push(Group {
            claim: Claim {
                band: source.band,
                name: first.expect("there is at least one part"),
                parts: of_rules as u64,
            },
            objects,
        });
    }
    Ok(groups)
}

/// Which of several objects of a policy.
struct Part<'a> {
    name: SmolStr,
    base: SmolStr,
    chunk: usize,
    namespace: Option<&'a str>,
}

fn object(
    context: &Context<'_>,
    source: &Source<'_>,
    fields: &selector::Fields,
    part: &Part<'_>,
    rules: [&Option<Vec<manifest::Rule>>; 2],
) -> Built {
    let blocks = source.blocks().map(|(_, block)| block);
    let mut metadata =
        source
            .provenance
            .metadata(context.program, part.name.clone(), source.doc, blocks);
    metadata.namespace = part.namespace.map(ToSmolStr::to_smolstr);
    metadata
        .labels
        .insert("projectcalico.org/tier".into(), source.tier.clone());
    let kind = PolicyKind::of(part.namespace.is_some(), source.staged);
    let mut types = Vec::new();
    let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|direction| {
        let Some(rules) = rules[direction as usize] else {
            return Vec::new();
        };
        let size = context.support.rules;
        let chunk = rules.chunks(size).nth(part.chunk);
        // A further part that has nothing to say of a direction leaves it to the first.
        if chunk.is_some() || part.chunk == 0 {
            types.push(type_word(direction));
        }
        chunk.unwrap_or_default().to_vec()
    });
    let spec = PolicySpec {
        staged_action: source.staged.then_some("Set"),
        tier: source.tier.clone(),
        order: 0,
        selector: fields.selector.clone(),
        namespace_selector: fields.namespaces.clone(),
        service_account_selector: fields.service_accounts.clone(),
        types,
        ingress,
        egress,
    };
    Built {
        file: file_name(&part.base),
        manifest: Kind::Policy(
            kind,
            Manifest {
                api_version: API_VERSION,
                kind: kind.word(),
                metadata,
                spec,
            },
        ),
    }
}

/// The subject in as few selectors as their length allows.
pub(super) fn selectors(
    context: &Context<'_>,
    subject: &[Pods],
    namespace: Option<&str>,
    span: Span,
) -> Result<Vec<selector::Fields>, Refusal> {
    let limit = context.support.selector;
    let guard = if namespace.is_some() {
        Guard::Idle
    } else {
        Guard::Needed
    };
    let separate = |pods: &Pods| {
        let mut fields = selector::fields(pods, guard);
        if namespace.is_some() {
            fields.namespaces = None;
        }
        fields
    };
    if let [pods] = subject {
        let fields = separate(pods);
        if fields.longest() <= limit {
            return Ok(vec![fields]);
        }
    }
    let combined = |expressions: &[Option<String>]| {
        let union = selector::any_of(expressions);
        selector::Fields {
            selector: match (guard, union) {
                (Guard::Idle, union) => union.unwrap_or_else(|| "all()".to_owned()),
                (Guard::Needed, union) => selector::guarded(union.as_deref()),
            },
            namespaces: None,
            service_accounts: None,
        }
    };
    let mut out: Vec<selector::Fields> = Vec::new();
    let mut chunk: Vec<Option<String>> = Vec::new();
    let mut left: Vec<Pods> = subject.iter().rev().cloned().collect();
    while let Some(pods) = left.pop() {
        let expression = selector::expression(&pods, namespace);
        chunk.push(expression.clone());
        if combined(&chunk).longest() <= limit {
            continue;
        }
        chunk.pop();
        if combined(std::slice::from_ref(&expression)).longest() > limit {
            let (low, high) = selector::halves(&pods)
                .ok_or_else(|| context.too_long(separate(&pods).longest(), span))?;
            left.push(high);
            left.push(low);
            continue;
        }
        out.push(combined(&chunk));
        chunk = vec![expression];
    }
    if !chunk.is_empty() {
        out.push(combined(&chunk));
    }
    Ok(out)
}
