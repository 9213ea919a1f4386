//! Every object that we emit reads back: without a fault, without a part that is not decided, and decides as the program does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, TargetInput, compile};
use vauban::meaning::{Verdict, decide};
use vauban::model::{Program, Target};

use super::number;
use super::read::{Said, reading};
use crate::cases::{Aim, Case};
use crate::generator::project::Project;
use crate::generator::random::Dial;
use crate::generator::{Random, flows, random};

fn emit(project: &Project, dial: &Dial) -> Option<(Arc<Program>, Vec<String>)> {
    let world = project.world();
    let compiled = compile(&Input {
        world: &world,
        project: "proof".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![TargetInput {
            spec: Spec {
                name: "t".into(),
                backend: dial.target,
                version: dial.version,
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
    let texts = target.objects.iter().map(|object| object.text.clone());
    Some((target.program.clone()?, texts.collect()))
}

#[test]
fn what_random_programs_become_reads_back() {
    let wanted = number("VAUBAN_FLOWS", 15_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let (mut tried, mut allowed, mut programs) = (0, 0, 0);
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let dial = Dial {
            target: Target::Cilium,
            version: *random.pick(&[(1, 17), (1, 18), (1, 19), (1, 20)]),
            cni: None,
            daring: 2,
        };
        let project = random::project(&mut random, &dial);
        let Some((program, texts)) = emit(&project, &dial) else {
            continue;
        };
        programs += 1;
        let read = reading(
            texts.iter().map(String::as_str),
            dial.version,
            &program.cluster,
            &program.namespaces,
        );
        let whole = texts.join("---\n");
        assert!(
            read.faults.is_empty() && read.reading.unread.is_empty(),
            "seed {seed}: {:#?}\n{:#?}\n{whole}",
            read.faults,
            read.reading.unread
        );
        for _ in 0..100 {
            let seen = flows::flow(&mut random, &project, &dial);
            tried += 1;
            let wanted = match decide(&program, &seen.flow).verdict {
                Verdict::Allow => Said::Allowed,
                Verdict::Deny => Said::Denied,
            };
            allowed += usize::from(wanted == Said::Allowed);
            let said = read.says(&seen.flow);
            assert_eq!(
                said,
                wanted,
                "seed {seed}: {}\n{}\n{whole}",
                seen.flow,
                project.text()
            );
        }
    }
    assert!(
        allowed * 10 > tried && allowed * 10 < tried * 9,
        "{allowed} of {tried}"
    );
    eprintln!("{programs} programs, {tried} flows, {allowed} of them allowed");
}

#[test]
fn what_the_corpus_becomes_reads_back() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut read_back = 0;
    for folder in ["tests/corpus/backend/cilium"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "vau"))
            .collect();
        files.sort();
        for path in files {
            let case = Case::read(&std::fs::read_to_string(&path).unwrap());
            let compiled = case.compile(Aim {
                target: Some("cilium 1.20"),
                without_lints: true,
            });
            for target in &compiled.targets {
                let Some(program) = target
                    .program
                    .as_ref()
                    .filter(|_| target.spec.backend == Target::Cilium && !compiled.has_errors())
                else {
                    continue;
                };
                let read = reading(
                    target.objects.iter().map(|object| object.text.as_str()),
                    target.spec.version,
                    &program.cluster,
                    &program.namespaces,
                );
                assert_eq!(read.faults, Vec::<String>::new(), "{}", path.display());
                assert_eq!(read.reading.unread, [], "{}", path.display());
                read_back += target.objects.len();
            }
        }
    }
    assert!(read_back > 10, "{read_back}");
}
