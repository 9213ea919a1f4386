//! Manifests written by hand: found fit to go along, and carried as they are.
//!
//! Takes: a program and the files that its `raw` items name. Gives: their documents, for the readers, and one [`Object`] for each file. Which flows they
//! decide is the readers' to say.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};

use super::read::document::{self, Document};
use super::{Object, Origin, Spec};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Program, Raw, Target};
use crate::source::{FileId, Sources};

/// Where files with tiers, and other files, stand among the objects.
const RANKS: [u8; 2] = [0, u8::MAX];

/// The hand-written manifests of one target.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// The objects in them.
    pub documents: Vec<Document>,
    /// The files.
    pub objects: Vec<Object>,
}

/// The kinds that policies of a target have, beside NetworkPolicy, which every target's engine enforces.
fn kinds(target: Target) -> &'static [(&'static str, &'static str)] {
    match target {
        Target::Kubernetes => &[],
        Target::Calico => &[
            ("projectcalico.org/v3", "Tier"),
            ("projectcalico.org/v3", "GlobalNetworkPolicy"),
            ("projectcalico.org/v3", "NetworkPolicy"),
            ("projectcalico.org/v3", "GlobalNetworkSet"),
            ("projectcalico.org/v3", "NetworkSet"),
            ("projectcalico.org/v3", "StagedGlobalNetworkPolicy"),
            ("projectcalico.org/v3", "StagedNetworkPolicy"),
            ("projectcalico.org/v3", "StagedKubernetesNetworkPolicy"),
        ],
        Target::Cilium => &[
            ("cilium.io/v2", "CiliumNetworkPolicy"),
            ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
            ("cilium.io/v2", "CiliumCIDRGroup"),
            ("cilium.io/v2alpha1", "CiliumCIDRGroup"),
        ],
    }
}

/// The hand-written manifests that go along with a target. `files` are those that the program's `raw` items name.
pub fn carry(
    program: &Program,
    spec: &Spec,
    sources: &Sources,
    files: &BTreeMap<SmolStr, FileId>,
    diagnostics: &mut Diagnostics,
) -> Carried {
    let mut carried = Carried::default();
    for raw in program
        .raws
        .iter()
        .filter(|raw| raw.backend == spec.backend)
    {
        let Some(file) = files.get(&raw.path) else {
            continue;
        };
        let found = document::documents(sources.get(*file), diagnostics);
        for document in &found {
            let kind = (document.api_version.as_str(), document.kind.as_str());
            if kind != ("networking.k8s.io/v1", "NetworkPolicy")
                && !kinds(spec.backend).contains(&kind)
            {
                diagnostics.push(foreign_kind(raw, spec, document));
            }
        }
        carried.objects.push(object(raw, &found));
        carried.documents.extend(found);
    }
    carried
}

fn foreign_kind(raw: &Raw, spec: &Spec, document: &Document) -> Diagnostic {
    let kinds = kinds(spec.backend)
        .iter()
        .map(|(_, kind)| format!("`{kind}`"));
    let known: Vec<String> = kinds.chain(["`NetworkPolicy`".to_owned()]).collect();
    Diagnostic::error(
        "raw-of-another-kind",
        format!(
            "`{}` of `{}` is no policy of {}",
            document.kind,
            document.api_version,
            spec.backend.word()
        ),
    )
    .at(document.span(), "of a kind that decides nothing")
    .and(raw.span, "carried from here")
    .on_target(&spec.name)
    .because(format!(
        "hand-written manifests of this target are {}",
        known.join(", ")
    ))
    .help("keep it where other manifests of the cluster are kept")
}

fn object(raw: &Raw, documents: &[Document]) -> Object {
    let base = raw.path.rsplit('/').next().unwrap_or_default();
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let name = format_smolstr!("raw-{}", stem.to_lowercase());
    let tiers = documents.iter().any(|document| document.kind == "Tier");
    Object {
        folder: raw.owner.clone(),
        file: super::metadata::file_name(&name),
        rank: RANKS[usize::from(!tiers)],
        api_version: "",
        kind: "raw",
        namespace: None,
        name: raw.path.clone(),
        text: raw.text.to_string(),
        sources: vec![Origin {
            what: format_smolstr!("raw {}", raw.path),
            span: raw.span,
        }],
    }
}
