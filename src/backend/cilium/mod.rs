//! cilium.io/v2: CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and CiliumCIDRGroup, for Cilium 1.17 to 1.20.
//!
//! Takes: a program and a target. Gives: objects, or refusals at the rules that Cilium cannot say; never both. Cilium has no order, tiers or
//! `pass`: what is denied is denied whatever allows it. The lowering makes the program say so, exactly; the rest writes it down.

mod dns;
mod lower;
mod manifest;
mod object;
mod peers;
pub mod read;
mod selector;
mod support;
mod traffic;
mod validate;

use std::sync::Arc;

use serde::Serialize;
use smol_str::SmolStr;

use super::metadata::{Metadata, Provenance, file_name, object_name};
use super::{Object, Spec, missing_fact, refuse, yaml};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::Index;
use crate::model::{Block, Program, RuleRef, RuleSite};
use crate::source::Span;
use crate::space::{Direction, Pods, PortSet};
use lower::{Lowered, Stuck, Unsayable, Why};
use manifest::{DefaultDeny, PolicyBody};
use object::{Line, Source, Unwritten, Writer};

/// The versions whose reading of these objects is known.
const VERSIONS: std::ops::RangeInclusive<(u16, u16)> = (1, 17)..=(1, 20);

const API_VERSION: &str = "cilium.io/v2";

/// An object as it is written.
#[derive(Serialize)]
struct Manifest<'a, B> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    metadata: &'a Metadata,
    #[serde(flatten)]
    body: &'a B,
}

/// The objects of a program for a Cilium target: nothing if anything is refused.
pub fn emit(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Vec<Object> {
    if !VERSIONS.contains(&spec.version) {
        diagnostics.push(
            Diagnostic::error(
                "unsupported-version",
                format!("{} is not known", spec.spoken()),
            )
            .because("a version that is not known may read the same objects differently")
            .help("the versions are 1.17 to 1.20")
            .on_target(&spec.name),
        );
        return Vec::new();
    }
    let mut found = Diagnostics::default();
    support::check(program, spec, &mut found);
    let objects = if found.has_errors() {
        Vec::new()
    } else {
        lower_and_write(program, spec, &mut found)
    };
    let refused = found.has_errors();
    diagnostics.extend(found);
    if refused { Vec::new() } else { objects }
}

fn lower_and_write(program: &Program, spec: &Spec, diagnostics: &mut Diagnostics) -> Vec<Object> {
    let carried = traffic::carried(&program.cluster, spec.version);
    let index = Arc::new(Index::new(program));
    let mut lowered = Vec::new();
    for direction in Direction::BOTH {
        match lower::lower(program, spec.version, &index, direction) {
            Ok(one) => lowered.push(one),
            Err(stuck) => {
                for one in stuck {
                    diagnostics.push(refuse_stuck(program, spec, one));
                }
            }
        }
    }
    let [ingress, egress] = &mut lowered[..] else {
        return Vec::new();
    };
    dns::observe(program, &index, spec, egress, diagnostics);
    let mut writing = Writing {
        writer: Writer {
            program,
            target: spec,
            carried: &carried,
        },
        lines: by_site(program, [ingress, egress]),
        objects: Vec::new(),
    };
    for (at, policy) in program.policies.iter().enumerate() {
        let denies = program.tiers[policy.tier.0 as usize].otherwise.denies();
        writing.write(
            &Of {
                site: RuleSite::Policy(crate::model::PolicyId(at as u32)),
                provenance: Provenance::of_policy(policy),
                name: object_name(policy),
                subject: &policy.subject,
                blocks: [policy.ingress.as_ref(), policy.egress.as_ref()],
                closes: denies,
                doc: &policy.doc,
                span: policy.span,
            },
            diagnostics,
        );
    }
    if let Some(default) = &program.default {
        writing.write(
            &Of {
                site: RuleSite::Default,
                provenance: Provenance::of_default(default),
                name: SmolStr::new_static("default"),
                subject: &default.subject,
                blocks: [default.ingress.as_ref(), default.egress.as_ref()],
                closes: true,
                doc: &default.doc,
                span: default.span,
            },
            diagnostics,
        );
    }
    let mut objects = writing.objects;
    objects.sort_by(|a, b| (&a.folder, &a.file).cmp(&(&b.folder, &b.file)));
    objects
}

/// What is emitted, by site: policies by number, the default last.
fn by_site(program: &Program, lowered: [&mut Lowered; 2]) -> Vec<Vec<Line>> {
    let mut lines = vec![Vec::new(); program.policies.len() + 1];
    for one in lowered {
        for emitted in std::mem::take(&mut one.emitted) {
            let at = place(program, emitted.site);
            lines[at].extend(emitted.boxes.into_iter().map(|flows| Line {
                rule: emitted.rule,
                direction: emitted.direction,
                effect: emitted.effect,
                flows,
                observes: emitted.observes,
            }));
        }
    }
    lines
}

fn place(program: &Program, site: RuleSite) -> usize {
    match site {
        RuleSite::Policy(id) => id.0 as usize,
        RuleSite::Default => program.policies.len(),
    }
}

/// A policy or the default.
struct Of<'a> {
    site: RuleSite,
    provenance: Provenance,
    name: SmolStr,
    subject: &'a [Pods],
    blocks: [Option<&'a Block>; 2],
    closes: bool,
    doc: &'a [SmolStr],
    span: Span,
}

struct Writing<'a> {
    writer: Writer<'a>,
    lines: Vec<Vec<Line>>,
    objects: Vec<Object>,
}

impl Writing<'_> {
    fn write(&mut self, of: &Of<'_>, diagnostics: &mut Diagnostics) {
        let (program, spec) = (self.writer.program, self.writer.target);
        let lines = std::mem::take(&mut self.lines[place(program, of.site)]);
        let source = Source {
            name: of.name.clone(),
            subject: of.subject,
            closes: DefaultDeny {
                ingress: of.closes && of.blocks[0].is_some(),
                egress: of.closes && of.blocks[1].is_some(),
            },
            lines,
        };
        let written = match self.writer.write(&source) {
            Ok(written) => written,
            Err(why) => return diagnostics.push(refuse_unwritten(program, spec, why)),
        };
        let blocks = || of.blocks.into_iter().flatten();
        let mut rejected = None;
        for (name, group) in written.groups {
            rejected = rejected.or(validate::group(&group, spec.version).err());
            let metadata = of.provenance.metadata(program, name.clone(), &[], []);
            self.push("CiliumCIDRGroup", 1, of, None, &metadata, &group);
        }
        for built in written.policies {
            let mut metadata = of
                .provenance
                .metadata(program, of.name.clone(), of.doc, blocks());
            metadata.namespace.clone_from(&built.namespace);
            let kind = match built.namespace {
                Some(_) => "CiliumNetworkPolicy",
                None => "CiliumClusterwideNetworkPolicy",
            };
            let body = PolicyBody::of(built.specs);
            rejected = rejected
                .or(validate::object_name(&metadata.name).err())
                .or(validate::body(&body, spec.version).err());
            // Copies of one policy for several namespaces need files of their own.
            let several = built.namespace.filter(|_| {
                !of.subject
                    .iter()
                    .all(|pods| pods.namespaces.single().is_some())
            });
            self.push(kind, 2, of, several, &metadata, &body);
        }
        if let Some(reason) = rejected {
            diagnostics.push(refuse(
                spec,
                "rejected-object",
                of.span,
                format!(
                    "would reject an object of `{}`: {reason}",
                    of.provenance.what
                ),
            ));
        }
    }

    fn push<B: Serialize>(
        &mut self,
        kind: &'static str,
        rank: u8,
        of: &Of<'_>,
        several: Option<SmolStr>,
        metadata: &Metadata,
        body: &B,
    ) {
        let text = yaml::to_string(&Manifest {
            api_version: API_VERSION,
            kind,
            metadata,
            body,
        });
        let file = match several {
            Some(namespace) => file_name(&format!("{}.{namespace}", metadata.name)),
            None => file_name(&metadata.name),
        };
        self.objects.push(Object {
            folder: of.provenance.owner.clone(),
            file,
            rank,
            api_version: API_VERSION,
            kind,
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            text,
            sources: vec![of.provenance.origin()],
        });
    }
}

fn refuse_unwritten(program: &Program, spec: &Spec, why: Unwritten) -> Diagnostic {
    let span = |rule: RuleRef| program.rule(rule).span;
    match why {
        Unwritten::Peer(rule, why) => support::unsayable_peer(why, span(rule), spec),
        Unwritten::Traffic(rule, why) => support::unsayable_traffic(why, span(rule), spec),
        Unwritten::Open(rule) => missing_fact(
            spec,
            span(rule),
            "namespaces closed",
            &["namespaces closed"],
        )
        .because("a cluster-wide policy cannot compare a peer's namespace with the subject's: it is written for each declared namespace, and one made later would have none")
        .help("name the namespaces after `for`"),
        Unwritten::Undeclared(rule, name) => refuse(
            spec,
            "same-in-open-namespaces",
            span(rule),
            format!("cannot compare labels with namespace `{name}`, which is not declared"),
        )
        .help(format!("declare `namespace {name}` with its labels")),
    }
}

fn refuse_stuck(program: &Program, spec: &Spec, stuck: Stuck) -> Diagnostic {
    let (name, fact, because, help) = match stuck.why {
        Why::Unsayable(what) => {
            let refusal = match what {
                Unsayable::Peer(why) => support::unsayable_peer(why, stuck.span, spec),
                Unsayable::Traffic(why) => support::unsayable_traffic(why, stuck.span, spec),
            };
            return stuck.others.iter().take(5).fold(
                refusal.because("it would be needed for what other rules leave of this one"),
                |refusal, other| refusal.and(program.rule(*other).span, "cuts into it"),
            );
        }
        Why::TooMany => (
            "lowering-too-large",
            "would need too many rules to say this exactly",
            "Cilium has no order: what decides before must be cut out of what decides after, piece by piece",
            "put the exceptions into one `except`, or into labels of namespaces, or order the rules so that denies come first",
        ),
        Why::NamesAndAddresses => (
            "names-and-addresses",
            "cannot tell DNS names from addresses",
            "any address may have the name, and a deny beats every allow",
            "allow the addresses instead of the name, or leave the name's ports out of the deny",
        ),
        Why::NamedPorts => (
            "named-and-numbered-ports",
            "cannot tell a named port from a numbered one",
            "the name may have any number, another one on each pod",
            "use numbers, or names, in both rules",
        ),
        Why::TooLarge => (
            "lowering-too-large",
            "would need too much to decide what this means",
            "the policies that can select a pod of one namespace are too many and too independent of each other",
            "use fewer independent labels in the subjects and peers of this namespace",
        ),
        Why::Endless => (
            "lowering-not-exact",
            "could not be given exactly what this means",
            "no set of allows and denies was found that says the same",
            "order the rules so that denies come first",
        ),
    };
    let mut refusal = refuse(spec, name, stuck.span, fact).because(because);
    if let Some(flow) = stuck.flow {
        refusal = refusal.because(format!("for example {flow}"));
    }
    let part = match stuck.why {
        Why::TooLarge => "asks about labels",
        _ => "cuts into it",
    };
    for other in stuck.others.iter().take(5) {
        refusal = refusal.and(program.rule(*other).span, part);
    }
    refusal.help(help)
}

/// What policy is asked about on a target.
pub fn universe(program: &Program, spec: &Spec) -> PortSet {
    traffic::carried(&program.cluster, spec.version)
}
