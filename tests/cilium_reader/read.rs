//! Texts, read as the manifests of one cluster, and what is then said of a flow.

use vauban::backend::cilium::read::read;
use vauban::backend::read::document::{Document, documents};
use vauban::backend::read::{Cidr, Context, Reading};
use vauban::diagnostic::Diagnostics;
use vauban::meaning::{Verdict, decide, in_box};
use vauban::model::{Cluster, Namespace};
use vauban::source::{FileId, Source};
use vauban::space::Flow;

/// What came of texts.
pub struct Read {
    /// What was read.
    pub reading: Reading,
    /// The notes of all diagnostics.
    pub faults: Vec<String>,
}

/// What a reading says of a flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It passes.
    Allowed,
    /// It does not.
    Denied,
    /// Why it is not decided.
    Nothing(String),
}

/// Reads texts as one cluster's.
pub fn reading<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    version: (u16, u16),
    cluster: &Cluster,
    namespaces: &[Namespace],
) -> Read {
    reading_as(texts, version, cluster, namespaces, Cidr::AsTarget)
}

/// Reads texts as one cluster's, with a say in what a CIDR can mean.
pub fn reading_as<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    version: (u16, u16),
    cluster: &Cluster,
    namespaces: &[Namespace],
    cidr: Cidr,
) -> Read {
    let mut diagnostics = Diagnostics::default();
    let mut all: Vec<Document> = Vec::new();
    for (at, text) in texts.into_iter().enumerate() {
        let source = Source::new(FileId(at as u32), format!("{at}.yaml"), text);
        all.extend(documents(&source, &mut diagnostics));
    }
    let context = Context {
        version,
        cluster,
        namespaces,
        cidr,
    };
    let reading = read(&all, &context, &mut diagnostics);
    let faults = diagnostics
        .iter()
        .flat_map(|one| one.notes.clone())
        .collect();
    Read { reading, faults }
}

impl Read {
    /// What is said of a flow.
    pub fn says(&self, flow: &Flow) -> Said {
        let unread = self.reading.unread.iter().find(|part| {
            part.direction == flow.direction && part.flows.iter().any(|flows| in_box(flows, flow))
        });
        match unread {
            Some(part) => Said::Nothing(part.why.clone()),
            None => match decide(&self.reading.program, flow).verdict {
                Verdict::Allow => Said::Allowed,
                Verdict::Deny => Said::Denied,
            },
        }
    }
}
