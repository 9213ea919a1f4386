//! Two ways to load a manifest, one result: what is read quickly is read as the whole of YAML reads it, to the last place, or not at all.
//!
//! `VAUBAN_TEXTS` sets how many random texts are tried (default 4,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod cases;
mod generator;
mod interpreters;

use std::path::Path;
use std::time::Instant;

use generator::Random;
use serde_json::{Map, Value, json};
use vauban::backend::kubernetes;
use vauban::backend::read::document::documents;
use vauban::backend::read::yaml::whole_yaml;
use vauban::backend::read::{Cidr, Context, block};
use vauban::diagnostic::Diagnostics;
use vauban::model::Cluster;
use vauban::source::{FileId, Source};

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

fn source(text: &str) -> Source {
    Source::new(FileId(7), "manifests.yaml", text)
}

/// Whether the text is read quickly; then both ways give the same.
fn is_quick(text: &str) -> bool {
    let source = source(text);
    let Some(quick) = block::documents(&source) else {
        return false;
    };
    let mut diagnostics = Diagnostics::default();
    let slow = whole_yaml(&source, &mut diagnostics);
    let faults: Vec<&String> = diagnostics.iter().flat_map(|one| &one.notes).collect();
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    assert_eq!(quick, slow, "{text}");
    true
}

/// Every target, in a version.
const TARGETS: &[&str] = &["kubernetes 1.33", "calico 3.30", "cilium 1.19"];

/// What every case of the corpus gives for some targets.
fn emitted(targets: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    let mut folders = vec![root.join("tests/corpus")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "vau") {
                let mut case = cases::Case::read(&std::fs::read_to_string(&path).unwrap());
                case.options.retain(|(key, _)| key != "target");
                case.options.push(("log".to_owned(), "ignore".to_owned()));
                for target in targets {
                    let compiled = case.compile(cases::Aim {
                        target: Some(target),
                        without_lints: true,
                    });
                    let objects = compiled.targets.into_iter().flat_map(|one| one.objects);
                    all.extend(objects.map(|object| object.text.to_string()));
                }
            }
        }
    }
    all
}

#[test]
fn all_that_is_emitted_is_read_quickly() {
    let all = emitted(TARGETS);
    assert!(all.len() > 300, "{} objects", all.len());
    for text in &all {
        assert!(is_quick(text), "{text}");
    }
    let joined: String = all.iter().map(|text| format!("---\n{text}")).collect();
    assert!(is_quick(&joined));
    assert!(is_quick(joined.strip_prefix("---\n").unwrap()));
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "on",
    "0x1F",
    "1_000",
    "-5",
    "- a",
    "a: b",
    "a:b",
    "a #b",
    "#",
    "a#b",
    "(a) && b",
    "'",
    "\"",
    "\\",
    "é",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "😀",
    "2001:db8::/32",
    "::1",
    "line\nline\n",
    "\ttab",
    " a",
    "a ",
    "[]",
    "{}",
    "~",
    "null",
    "---",
    "...",
    "%a",
    "@a",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "? a",
    "a?",
    "12:30",
    "2026-11-24",
    "a, b",
    "[a",
    "a]",
    "=",
    "<<",
    "1e3",
    "+1",
    ".5",
    "0o17",
    "a'b",
    "a \"b\"",
    "a: ",
    "x:",
    "yes no",
];

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > 4 { 5 } else { 9 }) {
        0 => json!(random.below(70_000) as i64 - 10),
        1 => json!(random.chance(50)),
        2 => Value::Null,
        3 | 4 => json!(random.pick(TEXTS)),
        5 | 6 => (0..random.below(4))
            .map(|_| value(random, depth + 1))
            .collect(),
        _ => map(random, depth),
    }
}

fn map(random: &mut Random, depth: usize) -> Value {
    let mut map = Map::new();
    let most = if random.chance(3) { 40 } else { 4 };
    for at in 0..random.below(most) {
        let key = match random.below(3) {
            0 => (*random.pick(TEXTS)).to_owned(),
            _ => format!("key{at}"),
        };
        map.insert(key, value(random, depth + 1));
    }
    Value::Object(map)
}

/// Some documents as we write them.
fn text(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(2) {
        if !text.is_empty() || random.chance(50) {
            text += "---\n";
        }
        let mut document = map(random, 0);
        document["last"] = json!(random.pick(TEXTS));
        text += &vauban::backend::yaml::to_string(&document);
    }
    text
}

#[test]
fn random_texts_and_what_becomes_of_them_by_accident() {
    const SCRAPS: &[&str] = &[
        "", " ", "  ", "\n", "- ", ": ", ":", "\"", "'", "#", " #", "a", "é", "\t", "\r\n", "[",
        "]", "{}", "[]", "---\n", "...\n", "? ", "&a ", "*a", "!!str ", "|\n", "-", ",", "\\",
        "\\u0041", "\u{85}", "\u{feff}", "~", "0", "key1: ", "\n\n", "-1", "-a",
    ];
    let (mut whole, mut quick, mut mutants) = (0, 0, 0);
    let texts = number("VAUBAN_TEXTS", 4_000) as u64;
    let start = number("VAUBAN_SEED", 0) as u64;
    for seed in start..start + texts {
        let random = &mut Random::new(seed);
        let text = text(random);
        whole += usize::from(is_quick(&text));
        for edit in 0..6 {
            let mut text = text.clone();
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let from = *random.pick(&places);
            let length = random.below(4);
            let to = places.iter().copied().filter(|at| *at >= from).nth(length);
            let scrap: &str = random.pick::<&str>(SCRAPS);
            text.replace_range(from..to.unwrap_or(text.len()), scrap);
            if edit == 5 {
                text.pop();
            }
            mutants += 1;
            quick += usize::from(is_quick(&text));
        }
    }
    eprintln!("{whole} of {texts} texts and {quick} of {mutants} mutants are read quickly");
    assert!(whole as u64 * 2 > texts && quick * 20 > mutants);
}

#[test]
#[ignore = "measures: cargo test --release --test loader -- --ignored --nocapture"]
fn how_fast_both_are() {
    let many = |targets: &[&str]| {
        let once: String = emitted(targets)
            .iter()
            .map(|text| format!("---\n{text}"))
            .collect();
        source(&once.repeat(20_000_000 / once.len() + 1))
    };
    let speed = |name: &str, source: &Source, read: &mut dyn FnMut() -> usize| {
        let megabytes = source.text.len() as f64 / 1e6;
        let start = Instant::now();
        let found = read();
        let speed = megabytes / start.elapsed().as_secs_f64();
        eprintln!("{name}: {speed:.0} MB/s ({megabytes:.0} MB, {found} found)");
        speed
    };
    let mut diagnostics = Diagnostics::default();
    let all = many(TARGETS);
    let quick = speed("block", &all, &mut || block::documents(&all).unwrap().len());
    let slow = speed("whole", &all, &mut || {
        whole_yaml(&all, &mut diagnostics).len()
    });
    let policies = many(&["kubernetes 1.33"]);
    let mut found = Vec::new();
    speed("objects", &policies, &mut || {
        found = documents(&policies, &mut diagnostics);
        found.len()
    });
    // Each of them once, as in a cluster.
    for (at, document) in found.iter_mut().enumerate() {
        document.name = format!("p{at}").into();
    }
    let cluster = Cluster::unknown();
    let context = Context {
        version: (1, 33),
        cluster: &cluster,
        namespaces: &[],
        cidr: Cidr::AsTarget,
    };
    speed("NetworkPolicies", &policies, &mut || {
        let reading = kubernetes::read::read(&found, &context, &mut diagnostics);
        reading.program.policies.len()
    });
    assert!(diagnostics.is_empty());
    assert!(quick > 3.0 * slow);
}
