//! Where emitted objects come from: the examples, the corpus, and random programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, Prove, TargetInput, compile};
use vauban::model::{Program, Target};
use vauban::source::MemoryWorld;

use crate::cases::{Aim, Case};
use crate::generator::random::Dial;
use crate::generator::{Random, random};
use crate::interpreters::yaml::{self, Value};

/// A program and what became of it.
pub struct Origin {
    /// Which, in words.
    pub name: String,
    /// The target.
    pub spec: Spec,
    /// The program.
    pub program: Arc<Program>,
    /// Its objects, as trees.
    pub objects: Vec<Value>,
    /// The same as text.
    pub texts: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn origins(name: &str, input: &Input<'_>) -> Vec<Origin> {
    let compiled = compile(input);
    if compiled.has_errors() {
        return Vec::new();
    }
    taken(name, &compiled)
}

fn taken(name: &str, compiled: &vauban::compile::Compilation) -> Vec<Origin> {
    let mut all = Vec::new();
    for target in &compiled.targets {
        // What people wrote by hand is carried along, and is not what is proved.
        let emitted = target.objects.iter().filter(|object| object.kind != "raw");
        let texts = emitted.clone().map(|object| object.text.clone()).collect();
        let objects = emitted.map(|object| {
            yaml::document(&object.text).unwrap_or_else(|why| panic!("{}: {why}", object.file))
        });
        let objects: Vec<Value> = objects.collect();
        if let Some(program) = target.program.clone().filter(|_| !objects.is_empty()) {
            all.push(Origin {
                name: format!("{name} for {}", target.spec.spoken()),
                spec: target.spec.clone(),
                program,
                objects,
                texts,
            });
        }
    }
    all
}

/// The examples, for one target, in their version or another.
pub fn examples(backend: Target, version: Option<(u16, u16)>) -> Vec<Origin> {
    let mut all = Vec::new();
    for name in ["bookstore", "platform", "recipes"] {
        let folder = root().join("examples").join(name);
        let config = std::fs::read_to_string(folder.join("vauban.toml")).unwrap();
        let config: toml::Table = config.parse().unwrap();
        let mut files = BTreeMap::new();
        gather(&folder.join("policies"), "", &mut files);
        let world = MemoryWorld { files };
        for target in config["target"].as_array().unwrap() {
            let text = |key: &str| target.get(key).and_then(|value| value.as_str());
            if text("backend") != Some(backend.word()) {
                continue;
            }
            let (major, minor) = text("version").unwrap().split_once('.').unwrap();
            let own = (major.parse().unwrap(), minor.parse().unwrap());
            let without = target.get("without").and_then(|value| value.as_array());
            let without = without.into_iter().flatten().filter_map(|one| one.as_str());
            all.extend(origins(
                &format!("examples/{name}"),
                &Input {
                    world: &world,
                    project: name.into(),
                    today: time::macros::date!(2026 - 11 - 24),
                    targets: vec![TargetInput {
                        spec: Spec {
                            name: text("name").unwrap().into(),
                            backend,
                            version: version.unwrap_or(own),
                            log: LogPolicy::Ignore,
                        },
                        cluster: text("cluster").map(SmolStr::new),
                        without: without.map(SmolStr::new).collect(),
                        namespaces: Vec::new(),
                    }],
                    lints: BTreeMap::new(),
                    proof: Prove::Nothing,
                },
            ));
        }
    }
    assert!(!all.is_empty(), "no example is for {backend:?}");
    all
}

fn gather(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let inside = format!("{prefix}{name}");
        if path.is_dir() {
            gather(&path, &format!("{inside}/"), files);
        } else {
            files.insert(inside, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The cases of the corpus that a target takes, in their versions or another.
pub fn corpus(backend: Target, version: Option<(u16, u16)>) -> Vec<Origin> {
    let folder = root().join("tests/corpus/backend").join(backend.word());
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "vau"))
        .collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let mut case = Case::read(&std::fs::read_to_string(&path).unwrap());
        if let Some((major, minor)) = version {
            case.options.retain(|(key, _)| key != "target");
            let target = format!("{} {major}.{minor}", backend.word());
            case.options.push(("target".to_owned(), target));
        }
        let compiled = case.compile(Aim {
            target: None,
            without_lints: true,
        });
        if !compiled.has_errors() {
            let name = path.file_name().unwrap().to_string_lossy();
            let found = taken(&name, &compiled).into_iter();
            all.extend(found.filter(|origin| origin.spec.backend == backend));
        }
    }
    assert!(all.len() > 5, "{} cases for {backend:?}", all.len());
    all
}

/// The program of a seed, if the target can say it, in a random version or another.
pub fn random(backend: Target, seed: u64, version: Option<(u16, u16)>) -> Option<Origin> {
    let mut random = Random::new(seed);
    let (versions, cnis): (&[(u16, u16)], &[Option<&str>]) = match backend {
        Target::Kubernetes => (
            &[(1, 33)],
            &[None, Some("calico"), Some("cilium"), Some("antrea")],
        ),
        Target::Calico => (&[(3, 30), (3, 32), (3, 33)], &[None]),
        Target::Cilium => (&[(1, 17), (1, 18), (1, 19), (1, 20)], &[None]),
    };
    let dial = Dial {
        target: backend,
        version: version.unwrap_or(*random.pick(versions)),
        cni: random.pick(cnis).map(|cni| match cni {
            "calico" => "calico",
            "cilium" => "cilium",
            _ => "antrea",
        }),
        daring: 2,
    };
    let project = random::project(&mut random, &dial);
    let world = project.world();
    let found = origins(
        &format!("seed {seed}"),
        &Input {
            world: &world,
            project: "mutations".into(),
            today: time::macros::date!(2026 - 11 - 24),
            targets: vec![TargetInput {
                spec: Spec {
                    name: "t".into(),
                    backend,
                    version: dial.version,
                    log: LogPolicy::Ignore,
                },
                cluster: None,
                without: Vec::new(),
                namespaces: Vec::new(),
            }],
            lints: BTreeMap::new(),
            proof: Prove::Nothing,
        },
    );
    found.into_iter().next()
}
