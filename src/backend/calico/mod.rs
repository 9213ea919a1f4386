//! projectcalico.org/v3.
//!
//! Takes: a program and a [`Spec`] of Calico 3.29 to 3.33 (the command line knows no other). Gives: Tiers, GlobalNetworkSets, policies and staged policies, one policy per
//! policy of the program, in the tiers and the order of the program; or diagnostics at what cannot be said. Knows nothing of the
//! readers that prove it.
//!
//! Exact by construction: Calico decides as the language does. Tiers in order; in a tier the policies that select the pod in
//! that direction, in order; the first rule that matches and is no `Log`; the tier's default action if a policy selects; after the last
//! tier, what no policy selects is open. So tiers, policies, rules and actions stay what they are, and exactness is a matter
//! of each match: the files of this folder say theirs. The tiers lie between the operator's own (order 100, Calico's own pods)
//! and those of Kubernetes (1000 and later). The `default` block is the last tier of ours, which denies.

mod again;
mod closing;
mod grammar;
mod manifest;
mod order;
mod peers;
mod policy;
mod ports;
pub mod read;
mod rules;
mod selector;
mod support;
mod validate;

use std::collections::BTreeMap;

use rayon::prelude::*;
use smol_str::{SmolStr, format_smolstr};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::Program;
use crate::source::Span;
use crate::space::{Direction, Namespaces, Pods};

use super::metadata::{Metadata, Provenance, file_name, labels};
use super::{Object, Origin, Spec, missing_fact, refuse, yaml};
pub use again::Emitted;
use manifest::{API_VERSION, Kind, Manifest, NetworkSetSpec, TierSpec};
use policy::{Built, Group, Source};
use rules::Sets;
use support::Support;

/// Why something is not emitted.
type Refusal = Box<Diagnostic>;

/// What every part of the emission needs.
struct Context<'a> {
    program: &'a Program,
    spec: &'a Spec,
    support: Support,
}

/// The objects of a program, sorted by folder and file. Where something cannot be said, its diagnostics are pushed and its objects are missing.
pub fn emit(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Vec<Object> {
    emit_noting(program, spec, None, diagnostics)
}

/// The same, and what of it depends on more than one policy: see [`Emitted::again`].
pub fn emit_noting(
    program: &Program,
    spec: &Spec,
    mut emitted: Option<&mut Emitted>,
    diagnostics: &mut Diagnostics,
) -> Vec<Object> {
    let context = Context {
        program,
        spec,
        support: Support::of(spec),
    };
    let mut objects = context.tiers(diagnostics);
    let closings = closing::closings(&context);
    let sources = context.sources(&closings, diagnostics);
    let built: Vec<_> = sources
        .par_iter()
        .map(|source| {
            let mut sets = Sets::new();
            policy::build(&context, source, &mut sets).map(|groups| (groups, sets))
        })
        .collect();
    let mut sets: BTreeMap<SmolStr, (Vec<ipnet::IpNet>, Vec<Origin>)> = BTreeMap::new();
    let mut groups: Vec<(&Source<'_>, Group)> = Vec::with_capacity(sources.len());
    for (source, built) in sources.iter().zip(built) {
        match built {
            Ok((built, used)) => {
                if let Some(emitted) = emitted.as_deref_mut() {
                    emitted.note(source, &built, &used);
                }
                groups.extend(built.into_iter().map(|group| (source, group)));
                for (name, nets) in used {
                    let entry = sets.entry(name).or_insert_with(|| (nets, Vec::new()));
                    entry.1.push(source.provenance.origin());
                }
            }
            Err(refusals) => refusals
                .into_iter()
                .for_each(|refusal| diagnostics.push(*refusal)),
        }
    }
    for (name, (nets, origins)) in sets {
        objects.push(context.set(name, nets, origins));
    }
    order_groups(&mut groups, emitted);
    let built = groups.into_iter().flat_map(|(source, group)| {
        group.objects.into_iter().map(move |built| {
            (
                source.provenance.owner.clone(),
                source.provenance.origin(),
                built,
            )
        })
    });
    objects.extend(built.map(|(folder, origin, built)| Draft {
        folder,
        rank: 2,
        origins: vec![origin],
        built,
    }));
    let finished: Vec<_> = objects
        .into_par_iter()
        .map(|draft| context.finish(draft))
        .collect();
    let mut out = Vec::with_capacity(finished.len());
    for object in finished {
        match object {
            Ok(object) => out.push(object),
            Err(refusal) => diagnostics.push(*refusal),
        }
    }
    out.sort_by(|a, b| (&a.folder, &a.file).cmp(&(&b.folder, &b.file)));
    out
}

/// An object that has all but its text.
struct Draft {
    folder: SmolStr,
    rank: u8,
    origins: Vec<Origin>,
    built: Built,
}

/// Gives every policy its order, tier by tier.
fn order_groups(groups: &mut [(&Source<'_>, Group)], mut emitted: Option<&mut Emitted>) {
    let mut tiers: BTreeMap<SmolStr, Vec<usize>> = BTreeMap::new();
    for (at, (source, _)) in groups.iter().enumerate() {
        tiers.entry(source.tier.clone()).or_default().push(at);
    }
    for members in tiers.into_values() {
        let claims: Vec<_> = members
            .iter()
            .map(|at| groups[*at].1.claim.clone())
            .collect();
        for (at, first) in members.into_iter().zip(order::allot(&claims)) {
            let (source, group) = &mut groups[at];
            group.put(first);
            if let Some(emitted) = emitted.as_deref_mut() {
                emitted.note_order(source, first);
            }
        }
    }
}

impl<'a> Context<'a> {
    /// The tiers of the program and the one of the `default` block.
    fn tiers(&self, diagnostics: &mut Diagnostics) -> Vec<Draft> {
        let mut out = Vec::new();
        let most = ((support::LAST_TIER - support::FIRST_TIER) / support::TIER_STEP) as usize;
        for (at, tier) in self.program.tiers.iter().enumerate() {
            let reserved = support::RESERVED_TIERS.contains(&tier.name.as_str());
            if reserved || tier.name == support::DEFAULT_TIER {
                let holder = if reserved { "Calico" } else { "Vauban" };
                diagnostics.push(
                    refuse(
                        self.spec,
                        "reserved-tier-name",
                        tier.span,
                        format!("cannot have a tier `{}` of yours", tier.name),
                    )
                    .because(format!("{holder} has a tier of that name"))
                    .help("give the tier another name"),
                );
                continue;
            }
            if at == most {
                diagnostics.push(
                    refuse(
                        self.spec,
                        "too-many-tiers",
                        tier.span,
                        format!("takes {most} tiers, and this is one more"),
                    )
                    .because("all tiers stand between the operator's and those of Kubernetes")
                    .help("join tiers, and order their policies with `after`"),
                );
                break;
            }
            let provenance = Provenance::of_tier(tier);
            let spec = TierSpec {
                order: support::FIRST_TIER + at as u64 * support::TIER_STEP,
                default_action: if tier.otherwise.denies() {
                    "Deny"
                } else {
                    "Pass"
                },
            };
            out.push(self.tier(&tier.name, spec, provenance.origin()));
        }
        if let Some(default) = &self.program.default {
            let spec = TierSpec {
                order: support::LAST_TIER,
                default_action: "Deny",
            };
            let origin = Provenance::of_default(default).origin();
            out.push(self.tier(support::DEFAULT_TIER, spec, origin));
        }
        out
    }

    fn tier(&self, name: &str, spec: TierSpec, origin: Origin) -> Draft {
        Draft {
            folder: SmolStr::new_static("root"),
            rank: 0,
            origins: vec![origin],
            built: Built {
                file: file_name(&format!("tier-{name}")),
                manifest: Kind::Tier(Manifest {
                    api_version: API_VERSION,
                    kind: "Tier",
                    metadata: Metadata {
                        name: name.into(),
                        labels: labels(self.program),
                        ..Metadata::default()
                    },
                    spec,
                }),
            },
        }
    }

    fn set(&self, name: SmolStr, nets: Vec<ipnet::IpNet>, origins: Vec<Origin>) -> Draft {
        let mut labels = labels(self.program);
        labels.insert(SmolStr::new_static(rules::SET_LABEL), name.clone());
        Draft {
            folder: SmolStr::new_static("root"),
            rank: 1,
            origins,
            built: Built {
                file: file_name(&format_smolstr!("set-{name}")),
                manifest: Kind::GlobalNetworkSet(Manifest {
                    api_version: API_VERSION,
                    kind: "GlobalNetworkSet",
                    metadata: Metadata {
                        name,
                        labels,
                        ..Metadata::default()
                    },
                    spec: NetworkSetSpec { nets },
                }),
            },
        }
    }

    /// Everything that becomes policies.
    fn sources<'s>(
        &'s self,
        closings: &'s [closing::Closing],
        diagnostics: &mut Diagnostics,
    ) -> Vec<Source<'s>> {
        let mut out = Vec::with_capacity(self.program.policies.len() + closings.len() + 2);
        for policy in &self.program.policies {
            if policy.depth >= order::DEPTHS {
                diagnostics.push(
                    refuse(
                        self.spec,
                        "order-too-deep",
                        policy.span,
                        format!("takes {} policies after each other", order::DEPTHS),
                    )
                    .help("use tiers to order policies"),
                );
                continue;
            }
            let tier = &self.program.tiers[policy.tier.0 as usize].name;
            out.push(Source::of_policy(tier, policy));
        }
        if let Some(default) = &self.program.default {
            let tier = SmolStr::new_static(support::DEFAULT_TIER);
            out.extend(
                Direction::BOTH
                    .into_iter()
                    .filter_map(|direction| Source::of_default(&tier, default, direction)),
            );
        }
        out.extend(closings.iter().map(|closing| closing.source(self.program)));
        out
    }

    /// Checks an object as Calico's own validator does, and writes it.
    fn finish(&self, draft: Draft) -> Result<Object, Refusal> {
        let manifest = &draft.built.manifest;
        let (kind, metadata) = match manifest {
            Kind::Tier(manifest) => (manifest.kind, &manifest.metadata),
            Kind::GlobalNetworkSet(manifest) => (manifest.kind, &manifest.metadata),
            Kind::Policy(_, manifest) => (manifest.kind, &manifest.metadata),
        };
        if let Err(fault) = validate::validate(manifest, self.spec) {
            let span = draft.origins.first().map(|origin| origin.span);
            let diagnostic = Diagnostic::error(
                "rejected-object",
                format!(
                    "{} would reject the {kind} `{}`: {fault}",
                    self.spec.spoken(),
                    metadata.name
                ),
            )
            .on_target(&self.spec.name);
            return Err(Box::new(match span {
                Some(span) => diagnostic.at(span, "makes that object"),
                None => diagnostic,
            }));
        }
        Ok(Object {
            folder: draft.folder,
            file: draft.built.file,
            rank: draft.rank,
            api_version: API_VERSION,
            kind,
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            text: match manifest {
                Kind::Tier(manifest) => yaml::to_string(manifest),
                Kind::GlobalNetworkSet(manifest) => yaml::to_string(manifest),
                Kind::Policy(_, manifest) => yaml::to_string(manifest),
            },
            sources: draft.origins,
        })
    }

    /// The part of a set of pods that is in the subject's only namespace, by its declared labels; all of it if there is no such namespace.
    fn at_home(&self, pods: &Pods, home: Option<&str>) -> Option<Pods> {
        let Some(home) = home else {
            return Some(pods.clone());
        };
        if !pods.namespaces.names.contains(Some(home)) {
            return None;
        }
        let namespaces = match self.program.namespace(home) {
            Some(declared) if pods.namespaces.labels.matches(|key| declared.label(key)) => {
                Namespaces::named(home)
            }
            Some(_) => return None,
            None => Namespaces {
                labels: pods.namespaces.labels.clone(),
                ..Namespaces::named(home)
            },
        };
        Some(Pods {
            namespaces,
            ..pods.clone()
        })
    }

    /// Refuses labels that Calico gives another meaning.
    fn check_keys(&self, pods: &Pods, span: Span) -> Result<(), Refusal> {
        match selector::reserved_key(pods) {
            None => Ok(()),
            Some(key) => Err(Box::new(
                refuse(
                    self.spec,
                    "reserved-label-key",
                    span,
                    format!("does not see the label `{key}` that pods or namespaces carry"),
                )
                .because("Calico sets that label itself")
                .help("select by another label, or by namespace or service account"),
            )),
        }
    }

    fn too_long(&self, length: usize, span: Span) -> Refusal {
        Box::new(
            refuse(
                self.spec,
                "selector-too-long",
                span,
                format!(
                    "takes selectors of {} characters, and this one has {length}",
                    self.support.selector
                ),
            )
            .because("what must hold all at once cannot be cut in two")
            .help("give the pods a label of their own, and select by that"),
        )
    }

    fn unknown_range(&self, fact: &str, version: u8, span: Span) -> Refusal {
        let none = format!("ipv{version} none");
        let range = format!(
            "{fact} {}",
            if version == 4 {
                "10.244.0.0/16"
            } else {
                "fd00:10:244::/56"
            }
        );
        Box::new(
            missing_fact(
                self.spec,
                span,
                &format!("{fact} (IPv{version})"),
                &[&range, &none],
            )
            .because(format!(
                "an IPv{version} address that is one of the cluster's {fact} must not count as outside"
            )),
        )
    }
}
