//! The objects of one namespace while their rules come together.
//!
//! Takes: which policies isolate which pods, and the rules of each for which pods. Gives: [`Object`]s, named, validated and written. Rules of both
//! directions for the same pods of the same policy stand in one object.

use std::collections::BTreeSet;

use serde::Serialize;
use smol_str::SmolStr;

use super::convert::Said;
use super::manifest::{EgressRule, IngressRule, LabelSelector, Spec};
use super::report::Desk;
use super::{selector, validate};
use crate::backend::lower::{Blocker, Narrowed, Origin as From};
use crate::backend::metadata::{Metadata, Provenance, bounded_name, file_name, object_name};
use crate::backend::{Object, Origin, refuse, yaml};
use crate::diagnostic::Diagnostic;
use crate::model::{Block, Namespace, Program, RuleSite};
use crate::space::{Direction, Pods};

const API_VERSION: &str = "networking.k8s.io/v1";
const KIND: &str = "NetworkPolicy";

/// A document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: &'a Metadata,
    spec: &'a Spec,
}

/// The objects of one namespace.
pub(super) struct Drafts<'a> {
    program: &'a Program,
    home: &'a Namespace,
    all: Vec<Draft>,
}

/// What becomes an object, or several where one selector cannot say its pods.
struct Draft {
    site: RuleSite,
    subject: Pods,
    ingress: Option<Vec<Said>>,
    egress: Option<Vec<Said>>,
    blockers: BTreeSet<Blocker>,
}

impl<'a> Drafts<'a> {
    /// None yet.
    pub(super) fn new(program: &'a Program, home: &'a Namespace) -> Self {
        Drafts {
            program,
            home,
            all: Vec::new(),
        }
    }

    /// Closes pods of a policy in one direction.
    pub(super) fn isolate(&mut self, site: RuleSite, subject: &Pods, direction: Direction) {
        self.side(site, subject, direction);
    }

    /// Opens something for pods of a policy.
    pub(super) fn allow(
        &mut self,
        narrowed: &Narrowed,
        subject: &Pods,
        direction: Direction,
        said: Vec<Said>,
    ) {
        if said.is_empty() {
            return;
        }
        let site = match narrowed.origin {
            From::Rule(rule) => rule.site,
            From::Open(site) => site,
        };
        let draft = self.side(site, subject, direction);
        draft.blockers.extend(narrowed.blockers.iter().copied());
        let rules = match direction {
            Direction::Ingress => &mut draft.ingress,
            Direction::Egress => &mut draft.egress,
        };
        let rules = rules.get_or_insert_default();
        for one in said {
            if !rules.contains(&one) {
                rules.push(one);
            }
        }
    }

    /// The draft of some pods of a policy, isolated in a direction.
    fn side(&mut self, site: RuleSite, subject: &Pods, direction: Direction) -> &mut Draft {
        let at = self
            .all
            .iter()
            .position(|draft| draft.site == site && draft.subject == *subject)
            .unwrap_or_else(|| {
                self.all.push(Draft {
                    site,
                    subject: subject.clone(),
                    ingress: None,
                    egress: None,
                    blockers: BTreeSet::new(),
                });
                self.all.len() - 1
            });
        let draft = &mut self.all[at];
        match direction {
            Direction::Ingress => draft.ingress.get_or_insert_default(),
            Direction::Egress => draft.egress.get_or_insert_default(),
        };
        draft
    }

    /// The objects, by policy; a policy's own pods first.
    pub(super) fn objects(mut self, desk: Desk<'_>) -> Result<Vec<Object>, Vec<Diagnostic>> {
        let own = |draft: &Draft| -> usize {
            let subject = match draft.site {
                RuleSite::Policy(id) => &self.program.policy(id).subject[..],
                RuleSite::Default => self
                    .program
                    .default
                    .as_ref()
                    .map_or(&[][..], |default| &default.subject[..]),
            };
            subject
                .iter()
                .position(|pods| {
                    pods.labels == draft.subject.labels
                        && pods.service_account == draft.subject.service_account
                })
                .unwrap_or(usize::MAX)
        };
        let mut all = std::mem::take(&mut self.all);
        all.sort_by_cached_key(|draft| (draft.site, own(draft)));
        let mut objects = Vec::with_capacity(all.len());
        let mut faults = Vec::new();
        let mut last = None;
        let mut number = 0usize;
        for draft in all {
            if last != Some(draft.site) {
                last = Some(draft.site);
                number = 0;
            }
            match selector::selectors(&draft.subject.labels) {
                Ok(selectors) => {
                    for selector in selectors {
                        number += 1;
                        match self.object(&draft, selector, number, desk) {
                            Ok(object) => objects.push(object),
                            Err(fault) => faults.push(*fault),
                        }
                    }
                }
                Err(_) => faults.push(desk.obstacle(
                    From::Open(draft.site),
                    &[],
                    super::convert::Obstacle::Selectors,
                )),
            }
        }
        if faults.is_empty() {
            Ok(objects)
        } else {
            Err(faults)
        }
    }

    fn object(
        &self,
        draft: &Draft,
        pod_selector: LabelSelector,
        number: usize,
        desk: Desk<'_>,
    ) -> Result<Object, Box<Diagnostic>> {
        let maker = self.maker(draft.site);
        let name = match number {
            1 => maker.name.clone(),
            _ => bounded_name(&format!("{}.{number}", maker.name)),
        };
        let mut metadata =
            maker
                .provenance
                .metadata(self.program, name.clone(), maker.doc, maker.blocks);
        metadata.namespace = Some(self.home.name.clone());
        let spec = spec(draft, pod_selector);
        if let Some(complaint) = validate::complaint(&name, &self.home.name, &spec) {
            let refusal = refuse(
                desk.spec,
                "rejected-object",
                maker.provenance.span,
                format!("would reject the object of `{}`", maker.provenance.what),
            );
            return Err(Box::new(refusal.because(complaint)));
        }
        let file = if maker.everywhere {
            file_name(&format!("{name}.{}", self.home.name))
        } else {
            file_name(&name)
        };
        let mut sources = vec![maker.provenance.origin()];
        sources.extend(self.touching(draft, &sources[0]));
        Ok(Object {
            folder: maker.provenance.owner.clone(),
            file,
            rank: 2,
            api_version: API_VERSION,
            kind: KIND,
            namespace: Some(self.home.name.clone()),
            name,
            text: yaml::to_string(&Document {
                api_version: API_VERSION,
                kind: KIND,
                metadata: &metadata,
                spec: &spec,
            }),
            sources,
        })
    }

    /// The other policies and tiers that narrowed an object.
    fn touching(&self, draft: &Draft, own: &Origin) -> BTreeSet<Origin> {
        let mut others: BTreeSet<Origin> = draft
            .blockers
            .iter()
            .map(|blocker| match blocker {
                Blocker::Rule(rule) => self.maker(rule.site).provenance.origin(),
                Blocker::End(tier) => {
                    Provenance::of_tier(&self.program.tiers[tier.0 as usize]).origin()
                }
                Blocker::DefaultEnd => self.maker(RuleSite::Default).provenance.origin(),
            })
            .collect();
        others.remove(own);
        others
    }

    fn maker(&self, site: RuleSite) -> Maker<'a> {
        match site {
            RuleSite::Policy(id) => {
                let policy = self.program.policy(id);
                let homes: Vec<_> = policy
                    .subject
                    .iter()
                    .map(|pods| pods.namespaces.single())
                    .collect();
                Maker {
                    provenance: Provenance::of_policy(policy),
                    name: object_name(policy),
                    doc: &policy.doc,
                    blocks: [&policy.ingress, &policy.egress]
                        .into_iter()
                        .flatten()
                        .collect(),
                    everywhere: homes.iter().any(|home| home.is_none() || *home != homes[0]),
                }
            }
            RuleSite::Default => {
                let default = self
                    .program
                    .default
                    .as_ref()
                    .expect("`default` is named only where there is one");
                Maker {
                    provenance: Provenance::of_default(default),
                    name: SmolStr::new_static("default"),
                    doc: &default.doc,
                    blocks: [&default.ingress, &default.egress]
                        .into_iter()
                        .flatten()
                        .collect(),
                    everywhere: true,
                }
            }
        }
    }
}

/// Whose an object is, and what is said about it.
struct Maker<'a> {
    provenance: Provenance,
    name: SmolStr,
    doc: &'a [SmolStr],
    blocks: Vec<&'a Block>,
    /// Whether it can have objects in several namespaces, so that files need the namespace in their name.
    everywhere: bool,
}

fn spec(draft: &Draft, pod_selector: LabelSelector) -> Spec {
    let mut policy_types = Vec::new();
    let ingress = draft.ingress.as_ref().map(|rules| {
        policy_types.push("Ingress");
        rules
            .iter()
            .map(|said| IngressRule {
                from: said.peers.clone(),
                ports: said.ports.clone(),
            })
            .collect()
    });
    let egress = draft.egress.as_ref().map(|rules| {
        policy_types.push("Egress");
        rules
            .iter()
            .map(|said| EgressRule {
                to: said.peers.clone(),
                ports: said.ports.clone(),
            })
            .collect()
    });
    Spec {
        pod_selector,
        policy_types,
        ingress,
        egress,
    }
}
