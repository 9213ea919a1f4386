//! What every object of every target carries beside its spec: names, labels, and annotations that say where it comes from.
//!
//! Takes: policies of the model. Gives: `metadata` as Kubernetes has it. Annotations say nothing of lines (a line inserted above
//! would change every object of the file), and are cut where Kubernetes' limit on them ends: they explain and decide nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use crate::model::{Block, DefaultPolicy, Policy, Program, Rule, Tier};
use crate::source::Span;

use super::Origin;

/// The longest name of an object: an RFC 1123 subdomain.
const NAME_MAX: usize = 253;

/// The longest name of a file without its ending; file systems take 255 bytes.
const FILE_MAX: usize = 240;

/// Bytes that the reasons (or tickets, dates, documentation) of one object may take; four of these lie below Kubernetes' limit of
/// 256 KiB for all annotations of an object, names and origins included.
const ANNOTATION_MAX: usize = 60 * 1024;

/// `metadata` of an object.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Metadata {
    /// Its name.
    pub name: SmolStr,
    /// Its namespace, if its kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<SmolStr>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<SmolStr, SmolStr>,
}

/// What an object is made of, as far as its metadata say.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// The team whose it is, or `root`: the folder of the object.
    pub owner: SmolStr,
    /// What it is made of: `books.bookstore-api`, `shared` for a policy of the root, `default`, `tier app`.
    pub what: SmolStr,
    /// The source file; none for what a tier brings along.
    pub file: Option<SmolStr>,
    /// Where it is declared.
    pub span: Span,
}

impl Provenance {
    /// Of a policy.
    pub fn of_policy(policy: &Policy) -> Self {
        Provenance {
            owner: policy.owner.clone(),
            what: policy.qualified(),
            file: Some(policy.file.clone()),
            span: policy.span,
        }
    }

    /// Of the unnamed policy after the last tier.
    pub fn of_default(default: &DefaultPolicy) -> Self {
        Provenance {
            owner: SmolStr::new_static("root"),
            what: SmolStr::new_static("default"),
            file: Some(default.file.clone()),
            span: default.span,
        }
    }

    /// Of a tier.
    pub fn of_tier(tier: &Tier) -> Self {
        Provenance {
            owner: SmolStr::new_static("root"),
            what: format_smolstr!("tier {}", tier.name),
            file: None,
            span: tier.span,
        }
    }

    /// The same for the index.
    pub fn origin(&self) -> Origin {
        Origin {
            what: self.what.clone(),
            span: self.span,
        }
    }

    /// The metadata of an object made of it, with the reasons of the rules of `blocks`, in their order.
    pub fn metadata<'a>(
        &self,
        program: &Program,
        name: SmolStr,
        doc: &[SmolStr],
        blocks: impl IntoIterator<Item = &'a Block>,
    ) -> Metadata {
        let mut metadata = Metadata {
            name,
            labels: labels(program),
            ..Metadata::default()
        };
        let mut annotate = |key: &'static str, value: SmolStr| {
            if !value.is_empty() {
                metadata.annotations.insert(SmolStr::new_static(key), value);
            }
        };
        if let Some(file) = &self.file {
            annotate("vauban.dev/file", file.clone());
        }
        annotate("vauban.dev/policy", self.what.clone());
        annotate("vauban.dev/team", self.owner.clone());
        let mut texts = Reasons::default();
        for line in doc {
            texts.doc.push(line);
        }
        for rule in blocks.into_iter().flat_map(|block| &block.rules) {
            texts.add(rule);
        }
        annotate("vauban.dev/doc", texts.doc.finish());
        annotate("vauban.dev/because", texts.because.finish());
        annotate("vauban.dev/ticket", texts.ticket.finish());
        annotate("vauban.dev/until", texts.until.finish());
        metadata
    }
}

/// The labels of every object: what pruning selects by.
pub fn labels(program: &Program) -> BTreeMap<SmolStr, SmolStr> {
    let mut labels = BTreeMap::from([(
        SmolStr::new_static("app.kubernetes.io/managed-by"),
        SmolStr::new_static("vauban"),
    )]);
    if !program.project.is_empty() {
        labels.insert(
            SmolStr::new_static("app.kubernetes.io/part-of"),
            program.project.clone(),
        );
    }
    labels
}

/// `<owner>-<policy>`: the name of a policy's object, before what the target adds to it.
pub fn object_name(policy: &Policy) -> SmolStr {
    bounded_name(&format_smolstr!("{}-{}", policy.owner, policy.name))
}

/// A name that Kubernetes takes for an object: the same if it is short enough, else cut, with a fingerprint of the whole.
pub fn bounded_name(name: &str) -> SmolStr {
    cut(name, NAME_MAX)
}

/// `<name>.yaml`, cut as [`bounded_name`] does where file systems demand it.
pub fn file_name(name: &str) -> SmolStr {
    format_smolstr!("{}.yaml", cut(name, FILE_MAX))
}

fn cut(name: &str, max: usize) -> SmolStr {
    if name.len() <= max {
        return name.into();
    }
    let mut end = max - 17;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let kept = name[..end].trim_end_matches(['-', '.']);
    format_smolstr!("{kept}-{:016x}", fingerprint(name))
}

/// A number that depends on the text alone, on every machine and in every version (FNV-1a, 64 bits, with a final mix).
pub fn fingerprint(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 33
}

/// What rules say beside what they do, a line per rule that says it: `deny tcp 80 to legacy: read replicas only`.
#[derive(Default)]
struct Reasons {
    doc: Lines,
    because: Lines,
    ticket: Lines,
    until: Lines,
}

impl Reasons {
    fn add(&mut self, rule: &Rule) {
        for line in &rule.doc {
            self.doc.push(&format!("{}: {line}", rule.text));
        }
        if let Some(because) = &rule.because {
            self.because.push(&format!("{}: {because}", rule.text));
        }
        if let Some(ticket) = &rule.ticket {
            self.ticket.push(&format!("{}: {ticket}", rule.text));
        }
        if let Some(until) = rule.until {
            self.until.push(&format!("{}: {until}", rule.text));
        }
    }
}

/// Lines up to a bound; then it says how many are left away.
#[derive(Default)]
struct Lines {
    text: String,
    left_away: usize,
}

impl Lines {
    fn push(&mut self, line: &str) {
        if self.left_away > 0 || self.text.len() + line.len() > ANNOTATION_MAX {
            self.left_away += 1;
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    fn finish(mut self) -> SmolStr {
        if self.left_away > 0 {
            self.text.push_str(&format!("\n({} more)", self.left_away));
        }
        self.text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "a".repeat(300);
        let other = format!("{long}b");
        assert_eq!(bounded_name("app.books-api"), "app.books-api");
        assert!(bounded_name(&long).len() <= NAME_MAX);
        assert_ne!(bounded_name(&long), bounded_name(&other));
        assert!(file_name(&long).len() <= 255);
    }

    #[test]
    fn reasons_are_bounded() {
        let mut lines = Lines::default();
        for _ in 0..10_000 {
            lines.push("allow tcp 80 to legacy: read replicas only");
        }
        let text = lines.finish();
        assert!(text.len() < ANNOTATION_MAX + 32);
        assert!(text.ends_with(" more)"));
    }
}
