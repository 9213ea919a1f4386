//! The reader of Calico's objects against everything that we emit, against hand tables, and against the interpreter on random manifests of the whole API.
//!
//! `VAUBAN_FLOWS` sets how many flows are tried (default 15,000), `VAUBAN_SEED` where the seeds begin.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

#[path = "../cases/mod.rs"]
mod cases;
mod draw;
#[path = "../generator/mod.rs"]
mod generator;
#[path = "../interpreters/mod.rs"]
mod interpreters;
mod manifests;
mod mutate;
#[path = "../refused/mod.rs"]
mod refused;
mod table;

use std::collections::BTreeMap;

use cases::{Aim, Case};
use generator::project::Project;
use generator::random::Dial;
use generator::{Random, flows, random};
use interpreters::calico;
use interpreters::calico_any::{self, Server};
use vauban::backend::calico::read;
use vauban::backend::read::document::{Document, documents};
use vauban::backend::read::{Cidr, Context, Reading};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, TargetInput, compile};
use vauban::diagnostic::{Diagnostic, Diagnostics};
use vauban::meaning::{Verdict, decide, in_box};
use vauban::model::{Cluster, Namespace, Target};
use vauban::source::{FileId, Sources, Span};
use vauban::space::Flow;

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

/// The objects of texts, and what is wrong with them.
fn load<'t>(texts: impl IntoIterator<Item = &'t str>) -> (Vec<Document>, Diagnostics) {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let mut found = Vec::new();
    for (at, text) in texts.into_iter().enumerate() {
        let id = sources.add(format!("{at}.yaml"), text);
        found.extend(documents(sources.get(id), &mut diagnostics));
    }
    (found, diagnostics)
}

/// Reads texts as a cluster would.
fn read_texts<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    version: (u16, u16),
    cluster: &Cluster,
    namespaces: &[Namespace],
) -> (Reading, Vec<Diagnostic>) {
    let (documents, mut diagnostics) = load(texts);
    let context = Context {
        version,
        cluster,
        namespaces,
        cidr: Cidr::AsTarget,
    };
    let reading = read::read(&documents, &context, &mut diagnostics);
    (reading, diagnostics.into_sorted())
}

/// Whether a flow is in a part that was not understood.
fn is_unread(reading: &Reading, flow: &Flow) -> bool {
    reading.unread.iter().any(|part| {
        part.direction == flow.direction && part.flows.iter().any(|flows| in_box(flows, flow))
    })
}

fn allows(reading: &Reading, flow: &Flow) -> bool {
    decide(&reading.program, flow).verdict == Verdict::Allow
}

/// The reading of what is emitted must be complete.
fn complete(reading: &Reading, faults: &[Diagnostic], texts: &[String]) {
    assert!(faults.is_empty(), "{faults:#?}\n{}", texts.join("---\n"));
    assert!(
        reading.unread.is_empty(),
        "{:#?}\n{}",
        reading.unread,
        texts.join("---\n")
    );
}

#[test]
fn what_is_emitted_for_random_programs_reads_back_whole() {
    let wanted = number("VAUBAN_FLOWS", 15_000);
    let mut tried = 0;
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let version = *random.pick(&[(3, 30), (3, 31), (3, 32), (3, 33)]);
        let dial = Dial {
            target: Target::Calico,
            version,
            cni: None,
            daring: 2,
        };
        let project = random::project(&mut random, &dial);
        let Some((cluster, namespaces, texts)) = emitted(&project, version) else {
            continue;
        };
        let (reading, faults) = read_texts(
            texts.iter().map(String::as_str),
            version,
            &cluster,
            &namespaces,
        );
        complete(&reading, &faults, &texts);
        let engine = calico::Cluster::parse_as(texts.iter().map(String::as_str), version).unwrap();
        for _ in 0..100 {
            let seen = flows::flow(&mut random, &project, &dial);
            tried += 1;
            let outcome = engine.decide(&seen);
            assert_eq!(
                allows(&reading, &seen.flow),
                outcome.allowed,
                "seed {seed}: {:?} {} from {} to {}: {}\n{}",
                seen.flow.direction,
                seen.flow,
                seen.peer_address,
                seen.subject_address,
                outcome.why,
                texts.join("---\n")
            );
        }
    }
}

fn emitted(
    project: &Project,
    version: (u16, u16),
) -> Option<(Cluster, Vec<Namespace>, Vec<String>)> {
    let world = project.world();
    let compiled = compile(&Input {
        world: &world,
        project: "proof".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![TargetInput {
            spec: Spec {
                name: "t".into(),
                backend: Target::Calico,
                version,
                log: LogPolicy::Ignore,
            },
            cluster: None,
            without: Vec::new(),
            namespaces: Vec::new(),
        }],
        lints: BTreeMap::new(),
        proof: vauban::compile::Prove::Nothing,
    });
    if compiled.has_errors() {
        return None;
    }
    let target = &compiled.targets[0];
    let program = target.program.clone()?;
    let texts = target.objects.iter().map(|object| object.text.clone());
    Some((
        program.cluster.clone(),
        program.namespaces.clone(),
        texts.collect(),
    ))
}

#[test]
fn what_the_corpus_emits_reads_back_whole() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/backend/calico");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "vau"))
        .collect();
    paths.sort();
    let mut whole = 0;
    for path in paths {
        let case = Case::read(&std::fs::read_to_string(&path).unwrap());
        let compiled = case.compile(Aim {
            target: Some("calico 3.33"),
            without_lints: true,
        });
        for target in &compiled.targets {
            let Some(program) = target
                .program
                .as_ref()
                .filter(|_| !target.objects.is_empty())
            else {
                continue;
            };
            let texts: Vec<String> = target.objects.iter().map(|one| one.text.clone()).collect();
            let (reading, faults) = read_texts(
                texts.iter().map(String::as_str),
                target.spec.version,
                &program.cluster,
                &program.namespaces,
            );
            complete(&reading, &faults, &texts);
            whole += 1;
        }
    }
    assert!(whole > 10, "{whole} cases");
}

#[test]
fn any_valid_manifests_read_as_an_independent_interpreter_takes_them() {
    let wanted = number("VAUBAN_FLOWS", 15_000) * 2;
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let (mut tried, mut unread, mut allowed) = (0, 0, 0);
    let nowhere = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let namespaces = draw::namespaces(nowhere);
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let version = *random.pick(&[(3, 29), (3, 30), (3, 31), (3, 32), (3, 33)]);
        let cluster = draw::cluster(&mut random);
        let texts = manifests::manifests(&mut random, version);
        let each = || texts.iter().map(String::as_str);
        let (reading, faults) = read_texts(each(), version, &cluster, &namespaces);
        assert!(
            faults.is_empty(),
            "seed {seed}: {faults:#?}\n{}",
            texts.join("\n")
        );
        let engines: Vec<_> = [(1e6, false), (1e6, true), (f64::INFINITY, false)]
            .into_iter()
            .filter(|(_, counts)| !counts || version >= (3, 32))
            .map(|(missing_order, counts_empty_lists)| {
                let server = Server {
                    version,
                    missing_order,
                    counts_empty_lists,
                };
                calico_any::Cluster::parse(each(), server).unwrap()
            })
            .collect();
        for _ in 0..100 {
            let (seen, hidden) = draw::flow(&mut random, &cluster);
            tried += 1;
            if is_unread(&reading, &seen.flow) {
                unread += 1;
                continue;
            }
            let read = allows(&reading, &seen.flow);
            allowed += usize::from(read);
            for engine in &engines {
                let outcome = engine.decide(&seen, &hidden);
                assert_eq!(
                    read,
                    outcome.allowed,
                    "seed {seed}, {version:?}: {:?} {} from {} to {}: {}\n{hidden:?}\n{:?}\n{}\n{:#?}",
                    seen.flow.direction,
                    seen.flow,
                    seen.peer_address,
                    seen.subject_address,
                    outcome.why,
                    decide(&reading.program, &seen.flow),
                    texts.join("\n"),
                    reading.program.policies,
                );
            }
        }
    }
    eprintln!("{tried} flows, {unread} of them not decided, {allowed} allowed");
    assert!(
        unread * 2 < tried,
        "{unread} of {tried} flows are not decided"
    );
    assert!(allowed * 10 > tried && allowed * 10 < tried * 9);
}

/// What is emitted, with one thing changed, reads as the interpreter takes it: the reader does not lean on what our objects have in common.
#[test]
fn what_is_emitted_reads_right_with_anything_changed() {
    let wanted = number("VAUBAN_FLOWS", 15_000);
    let (mut tried, mut changed, mut refused, mut unread, mut noticed) = (0, 0, 0, 0, 0);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let version = *random.pick(&[(3, 30), (3, 31), (3, 32), (3, 33)]);
        let dial = Dial {
            target: Target::Calico,
            version,
            cni: None,
            daring: 2,
        };
        let project = random::project(&mut random, &dial);
        let Some((cluster, namespaces, texts)) = emitted(&project, version) else {
            continue;
        };
        let each = texts.iter().map(String::as_str);
        let (whole, _) = read_texts(each, version, &cluster, &namespaces);
        for _ in 0..4 {
            let Some((what, texts)) = mutate::one(&mut random, &texts) else {
                continue;
            };
            let each = || texts.iter().map(String::as_str);
            let (reading, faults) = read_texts(each(), version, &cluster, &namespaces);
            if !faults.is_empty() {
                refused += 1;
                continue;
            }
            changed += 1;
            let server = Server {
                version,
                missing_order: 1e6,
                counts_empty_lists: false,
            };
            let engine = calico_any::Cluster::parse(each(), server).unwrap();
            let mut differs = !reading.unread.is_empty();
            for _ in 0..50 {
                let seen = flows::flow(&mut random, &project, &dial);
                let hidden = draw::hidden_of(&seen);
                tried += 1;
                if is_unread(&reading, &seen.flow) {
                    unread += 1;
                    continue;
                }
                let read = allows(&reading, &seen.flow);
                differs |= read != allows(&whole, &seen.flow);
                let outcome = engine.decide(&seen, &hidden);
                assert_eq!(
                    read,
                    outcome.allowed,
                    "seed {seed}, {version:?}, {what}: {:?} {} from {} to {}: {}\n{}",
                    seen.flow.direction,
                    seen.flow,
                    seen.peer_address,
                    seen.subject_address,
                    outcome.why,
                    texts.join("---\n"),
                );
            }
            noticed += usize::from(differs);
        }
    }
    eprintln!(
        "{changed} changes, {noticed} of them noticed, {refused} refused; {tried} flows, {unread} of them not decided"
    );
    assert!(noticed * 4 > changed, "{noticed} of {changed}");
}

/// Texts that are nearly manifests: whatever they are, the reader says so and goes on.
#[test]
fn no_text_makes_the_reader_panic() {
    let wanted = number("VAUBAN_TEXTS", 3_000);
    let start = number("VAUBAN_SEED", 0) as u64;
    let mut refused = 0;
    for seed in start..start + wanted as u64 {
        let mut random = Random::new(seed);
        let version = *random.pick(&[(3, 29), (3, 31), (3, 33)]);
        let cluster = draw::cluster(&mut random);
        let texts: Vec<String> = manifests::manifests(&mut random, version)
            .iter()
            .map(|text| mangled(&mut random, text))
            .collect();
        let each = texts.iter().map(String::as_str);
        let (_, faults) = read_texts(each, version, &cluster, &[]);
        refused += usize::from(!faults.is_empty());
    }
    assert!(
        refused * 10 > wanted,
        "only {refused} of {wanted} are refused"
    );
}

/// A text with some of its words exchanged, left out, or cut in two.
fn mangled(random: &mut Random, text: &str) -> String {
    const STRANGE: &[&str] = &[
        "null",
        "{}",
        "[]",
        "\"\"",
        "0",
        "-1",
        "65536",
        "1e400",
        ".nan",
        "é",
        "all()",
        "global()",
        "\"a == 'b\"",
        "\"::/0\"",
        "\"0.0.0.0/0\"",
        "true",
        "\"spec\"",
        "((((",
        "!!!!",
        "\"1:0\"",
    ];
    let mut text = text.to_owned();
    for _ in 0..1 + random.below(4) {
        let marks: Vec<usize> = text
            .char_indices()
            .filter(|(_, c)| "{}[],:\"' ()".contains(*c))
            .map(|(at, _)| at)
            .collect();
        if marks.len() < 2 {
            return text;
        }
        let at = random.below(marks.len() - 1);
        let far = (at + 1 + random.below(3)).min(marks.len() - 1);
        let range = marks[at] + 1..marks[far];
        if range.start > range.end {
            continue;
        }
        match random.below(3) {
            0 => {
                let strange = *random.pick(STRANGE);
                text.replace_range(range, strange);
            }
            1 => text.replace_range(range, ""),
            _ => {
                let other = random.below(marks.len() - 1);
                let piece = text[marks[other]..marks[other + 1]].to_owned();
                text.replace_range(range, &piece);
            }
        }
    }
    text
}

/// Selectors that come to more combinations than can be told apart are read for what is certain, in bounded time.
#[test]
fn long_selectors_end() {
    let many = |join: &str, inner: &str, count: usize| {
        let one = |at: usize| format!("(a{at} == 'x' {inner} b{at} != 'y')");
        (0..count).map(one).collect::<Vec<_>>().join(join)
    };
    for selector in [
        many(" && ", "||", 9),
        many(" && ", "||", 300),
        many(" || ", "&&", 900),
        many(" || ", "&&", 40),
        format!("!({})", many(" || ", "&&", 12)),
    ] {
        let rule = |action: &str| {
            let text = format!(
                "{{action: {action}, source: {{selector: \"{selector}\", notSelector: \"{}\"}}, destination: {{selector: \"{selector}\"}}}}",
                many(" && ", "||", 8)
            );
            text
        };
        let text = format!(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: a}}\nspec: {{selector: \"{selector}\", types: [Ingress], ingress: [{}, {}]}}\n",
            rule("Allow"),
            rule("Deny")
        );
        let began = std::time::Instant::now();
        let (reading, faults) = read_texts([text.as_str()], (3, 32), &Cluster::unknown(), &[]);
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        eprintln!(
            "{:?} {} {:?}",
            &selector[..30],
            reading.unread.len(),
            began.elapsed()
        );
    }
}
