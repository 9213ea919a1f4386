//! SARIF 2.1.0, as far as code scanning reads it.

use serde::Serialize;

use super::{Fingerprints, Place, Report};
use crate::diagnostic::{Diagnostic, Fix, Severity, registry};
use crate::source::Span;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Text,
    help: Markdown,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 1],
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Markdown {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Change>,
    partial_fingerprints: Fingerprint,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}

#[derive(Serialize)]
struct Properties<'a> {
    target: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprint {
    primary_location_line_hash: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    description: Text,
    artifact_changes: Vec<ArtifactChange>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: Artifact,
    replacements: [Replacement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

pub(super) fn render(report: &Report<'_>) -> String {
    let mut names: Vec<&'static str> = report.diagnostics.iter().map(|d| d.name).collect();
    names.sort_unstable();
    names.dedup();
    let mut fingerprints = Fingerprints::default();
    let results = report
        .diagnostics
        .iter()
        .map(|diagnostic| outcome(report, diagnostic, &names, &mut fingerprints))
        .collect();
    super::pretty(&Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "vauban",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: names
                        .iter()
                        .map(|name| rule(name, report.diagnostics))
                        .collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            results,
        }],
    })
}

fn rule(name: &'static str, diagnostics: &[Diagnostic]) -> Rule {
    let entry = registry::find(name);
    let page = entry.map_or(name, |entry| entry.page);
    let worst = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.name == name)
        .map(|diagnostic| diagnostic.severity)
        .min()
        .unwrap_or(Severity::Error);
    Rule {
        id: name,
        short_description: Text {
            text: entry.map_or_else(|| name.to_owned(), registry::Entry::summary),
        },
        help: Markdown {
            text: page,
            markdown: page,
        },
        default_configuration: Configuration {
            level: worst.word(),
        },
        properties: RuleProperties { tags: ["security"] },
    }
}

fn outcome<'a>(
    report: &Report<'_>,
    diagnostic: &'a Diagnostic,
    names: &[&str],
    fingerprints: &mut Fingerprints,
) -> Outcome<'a> {
    Outcome {
        rule_id: diagnostic.name,
        rule_index: names
            .binary_search(&diagnostic.name)
            .expect("the names were collected from these diagnostics"),
        level: diagnostic.severity.word(),
        message: Text {
            text: super::paragraph(diagnostic),
        },
        locations: diagnostic
            .primary
            .iter()
            .map(|label| location(report, label.span, None))
            .collect(),
        related_locations: diagnostic
            .secondary
            .iter()
            .map(|label| location(report, label.span, Some(&label.text)))
            .collect(),
        fixes: diagnostic
            .fixes
            .iter()
            .map(|fix| change(report, fix))
            .collect(),
        partial_fingerprints: Fingerprint {
            primary_location_line_hash: fingerprints.of(report, diagnostic),
        },
        properties: diagnostic
            .target
            .as_deref()
            .map(|target| Properties { target }),
    }
}

fn location(report: &Report<'_>, span: Span, text: Option<&str>) -> Location {
    let place = report.place(span);
    Location {
        physical_location: Physical {
            region: region(&place),
            artifact_location: Artifact {
                uri: uri(&place.file),
            },
        },
        message: text.map(|text| Text {
            text: text.to_owned(),
        }),
    }
}

fn region(place: &Place) -> Region {
    Region {
        start_line: place.line,
        start_column: place.column,
        end_line: place.end_line,
        end_column: place.end_column,
    }
}

fn change(report: &Report<'_>, fix: &Fix) -> Change {
    Change {
        description: Text {
            text: fix.title.clone(),
        },
        artifact_changes: fix
            .edits
            .iter()
            .map(|edit| {
                let place = report.place(edit.span);
                ArtifactChange {
                    artifact_location: Artifact {
                        uri: uri(&place.file),
                    },
                    replacements: [Replacement {
                        deleted_region: region(&place),
                        inserted_content: Text {
                            text: edit.text.clone(),
                        },
                    }],
                }
            })
            .collect(),
    }
}

/// A relative path as a relative reference: what could mean something else there is escaped.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
