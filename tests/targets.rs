//! The table of what each target can say: every row's example is taken or refused exactly as the row says, in every version at which an answer
//! changes, and the page of the book is made of the table. `BOOK_UPDATE=1 cargo test --test targets` writes the page anew.
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use cases::shown;
use time::macros::date;
use vauban::backend::support::{Row, Says, TABLE, versions};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{self, Compilation, Input, TargetInput};
use vauban::diagnostic::{Severity, registry};
use vauban::model::Target;
use vauban::source::MemoryWorld;

const PAGE: &str = "book/src/reference/targets.md";
const BEGIN: &str =
    "<!-- The table is made from `src/backend/support/table.rs` by `tests/targets.rs`. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().flat_map(|section| section.rows)
}

/// The first and the last version, and each at which an answer of the row changes, with the one before.
fn minors(row: &Row, target: Target) -> BTreeSet<u16> {
    let (_, all) = versions(target);
    let mut minors = BTreeSet::from([*all.start(), *all.end()]);
    for (since, _) in row.column(target) {
        minors.extend([since.saturating_sub(1), *since]);
    }
    minors.retain(|minor| all.contains(minor));
    minors
}

/// A target in a minor version.
type Version = (Target, u16);

/// A small project around the example of a row, in a cluster that states some facts, compiled for several targets.
fn compile(row: &Row, facts: &[&str], targets: &[Version]) -> Compilation {
    let declares = ["policy ", "staged ", "default "]
        .iter()
        .any(|word| row.example.starts_with(word));
    let example = match declares {
        true => row.example.to_owned(),
        false => format!(
            "policy example in app {{ for pods{{app=front}} in shop {} }}",
            row.example
        ),
    };
    let text = format!(
        "cluster one {{\n{}\nservice dns = std.dns.coredns\n}}\n\
         tier first\n\
         tier app {{ otherwise deny }}\n\
         tier logged {{ otherwise deny and log }}\n\
         namespace kube-system {{ }}\n\
         namespace shop {{ team=shop }}\n\
         namespace blue {{ team=books }}\n\
         service catalog = tcp 8080 on pods{{app=catalog}} in blue\n\
         {example}\n",
        facts.join("\n"),
    );
    let target = |(backend, minor): &Version| TargetInput {
        spec: Spec {
            name: name(*backend, *minor).into(),
            backend: *backend,
            version: (versions(*backend).0, *minor),
            log: LogPolicy::Refuse,
        },
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    };
    compile::compile(&Input {
        world: &MemoryWorld {
            files: [(String::from("main.vau"), text)].into(),
        },
        project: "case".into(),
        today: date!(2026 - 11 - 24),
        targets: targets.iter().map(target).collect(),
        lints: BTreeMap::new(),
        proof: compile::Prove::Everything,
    })
}

fn name(target: Target, minor: u16) -> String {
    format!("{}-{}.{minor}", target.word(), versions(target).0)
}

/// The same facts with IPv6 ranges instead of `ipv6 none`, if that is among them.
fn with_ranges(facts: &[&'static str]) -> Option<Vec<&'static str>> {
    if !facts.contains(&"ipv6 none") {
        return None;
    }
    let others = facts.iter().copied().filter(|fact| {
        !["ipv6 ", "pods ", "nodes "]
            .iter()
            .any(|word| fact.starts_with(word))
    });
    let both = [
        "pods 10.244.0.0/16, fd00:10:244::/56",
        "nodes 192.168.10.0/24, fd00:192::/64",
    ];
    Some(others.chain(both).collect())
}

/// The errors of a target, and those of all.
fn errors(compilation: &Compilation, target: &str) -> BTreeSet<&'static str> {
    let all = compilation.diagnostics.iter();
    all.filter(|diagnostic| diagnostic.severity == Severity::Error)
        .filter(|diagnostic| diagnostic.target.as_deref().is_none_or(|of| of == target))
        .map(|diagnostic| diagnostic.name)
        .collect()
}

/// What is asked of a row: the facts, and the only error that is expected, if one is; with the targets for which it is.
fn questions(row: &Row, all: &[&'static str]) -> BTreeMap<Question, Vec<Version>> {
    let mut questions: BTreeMap<Question, Vec<Version>> = BTreeMap::new();
    for target in Target::ALL {
        for minor in minors(row, target) {
            let mut ask = |facts: Vec<&'static str>, error: Option<&'static str>| {
                questions
                    .entry((facts, error))
                    .or_default()
                    .push((target, minor));
            };
            match row.says(target, minor) {
                Says::Exact => ask(Vec::new(), None),
                // A refusal is one whatever the facts.
                Says::Refused(name) => ask(all.to_vec(), Some(name)),
                // With the facts it is said, and each of them is needed.
                Says::Needs(facts) => {
                    ask(facts.to_vec(), None);
                    if let Some(ranges) = with_ranges(facts) {
                        ask(ranges, None);
                    }
                    for left_out in 0..facts.len() {
                        let mut some = facts.to_vec();
                        some.remove(left_out);
                        ask(some, Some("missing-fact"));
                    }
                }
            }
        }
    }
    questions
}

type Question = (Vec<&'static str>, Option<&'static str>);

#[test]
fn every_example_is_taken_or_refused_as_the_table_says() {
    let all: BTreeSet<&str> = rows()
        .flat_map(|row| Target::ALL.map(|target| row.column(target)))
        .flatten()
        .filter_map(|(_, says)| match says {
            Says::Needs(facts) => Some(*facts),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    let all: Vec<&str> = all.into_iter().collect();
    let mut wrong = String::new();
    let mut asked = 0;
    for row in rows() {
        for ((facts, error), targets) in questions(row, &all) {
            let compilation = compile(row, &facts, &targets);
            for (at, (target, minor)) in targets.iter().enumerate() {
                asked += 1;
                let target = name(*target, *minor);
                let found = errors(&compilation, &target);
                let empty = error.is_none() && compilation.targets[at].objects.is_empty();
                if found != error.into_iter().collect() || empty {
                    let said = shown(&compilation.sources, &compilation.diagnostics);
                    let construct = row.construct;
                    writeln!(
                        wrong,
                        "{construct:?} on {target}, {facts:?}: {error:?} is expected\n{said}"
                    )
                    .expect("a string can be written");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(asked > 400, "only {asked} were asked");
}

#[test]
fn columns_are_in_order_and_name_what_there_is() {
    for row in rows() {
        for target in Target::ALL {
            let column = row.column(target);
            let (_, known) = versions(target);
            assert!(column.windows(2).all(|two| two[0].0 < two[1].0));
            assert_eq!(column[0].0, 0, "{:?}: from the first on", row.construct);
            for (since, says) in &column[1..] {
                assert!(known.contains(since), "{:?}", row.construct);
                assert!(column.iter().filter(|(_, other)| other == says).count() == 1);
            }
            for (_, says) in column {
                if let Says::Refused(name) = says {
                    assert!(registry::find(name).is_some(), "{name}");
                }
            }
        }
    }
    let mut constructs: Vec<_> = rows().map(|row| row.construct).collect();
    constructs.sort();
    assert!(
        constructs.windows(2).all(|two| two[0] != two[1]),
        "a construct has one row"
    );
}

/// A cell of the page.
fn cell(row: &Row, target: Target) -> String {
    let (major, _) = versions(target);
    let word = |says: &Says| match says {
        Says::Exact => "exact".to_owned(),
        Says::Needs(facts) => {
            let facts: Vec<String> = facts
                .iter()
                .map(|fact| match fact.split_once(' ') {
                    // Of a fact with a value only the word: the value is an example.
                    Some((word @ ("pods" | "nodes" | "apiserver" | "cni" | "overlay"), _)) => {
                        format!("`{word}`")
                    }
                    _ => format!("`{fact}`"),
                })
                .collect();
            format!("needs {}", facts.join(", "))
        }
        Says::Refused(name) => format!("[refused](../errors/{name}.md)"),
    };
    let column = row.column(target);
    let parts: Vec<String> = column
        .iter()
        .enumerate()
        .rev()
        .map(|(at, (since, says))| match (at, column.len()) {
            (0, 1) => word(says),
            (0, _) => format!("before: {}", word(says)),
            _ => format!("from {major}.{since}: {}", word(says)),
        })
        .collect();
    parts.join("; ")
}

/// The table as Markdown.
fn table() -> String {
    let mut text = String::new();
    for section in TABLE {
        let heading = section.heading;
        write!(
            text,
            "\n### {heading}\n\n| | Kubernetes | Calico | Cilium |\n|---|---|---|---|\n"
        )
        .expect("a string can be written");
        for row in section.rows {
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.words,
                cell(row, Target::Kubernetes),
                cell(row, Target::Calico),
                cell(row, Target::Cilium)
            )
            .expect("a string can be written");
        }
    }
    text + "\n"
}

#[test]
fn the_page_of_the_book_has_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect("UTF-8");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("BOOK_UPDATE").is_some() {
        std::fs::write(&path, wanted).expect("the page can be written");
    } else {
        assert!(
            page == wanted,
            "{PAGE} is not what the table says: `BOOK_UPDATE=1 cargo test --test targets` writes it"
        );
    }
}
