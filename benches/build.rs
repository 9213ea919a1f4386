//! How long a build takes, stage by stage and as a whole, and how much memory; every number beside one measured in the same run.
//!
//! `cargo bench` measures three sizes: 10, 100 and 1,000 namespaces (a hundred rules in each). `cargo bench -- 10 100` measures those.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench prints, and fails by panicking"
)]

mod adversaries;
mod programs;

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adversaries::adversaries;
use programs::{Size, spec};
use vauban::backend::{self, Object};
use vauban::diagnostic::Diagnostics;
use vauban::model::Target;
use vauban::resolve::{self, Options};
use vauban::source::{MemoryWorld, Sources};
use vauban::{check, meaning, syntax};

/// The most that a cold build to Calico may take, in times of `cp -r` of its output.
const MOST_COPIES: f64 = 5.0;
/// The most memory that it may take at the greatest size, in KiB.
const MOST_MEMORY: u64 = 300 * 1024;
/// The most memory that a build with its proof may take at the greatest size, in KiB.
const MOST_PROVED: u64 = 400 * 1024;
/// The most that the proof may take at the greatest size, in times of lowering and writing.
const MOST_PROOF: f64 = 1.0;
/// How large the hard programs are.
const ADVERSARIES: usize = 400;
/// The longest that one of them may take until its answer, or its error.
const LONGEST: Duration = Duration::from_secs(10);
/// The most that the greatest size may take, in times of a hundredth of it.
const MOST_GROWTH: f64 = 150.0;

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

fn emit(backend: Target, program: &vauban::model::Program) -> Vec<Object> {
    let mut diagnostics = Diagnostics::default();
    let spec = spec(backend);
    let objects = match backend {
        Target::Kubernetes => backend::kubernetes::emit(program, &spec, &mut diagnostics),
        Target::Calico => backend::calico::emit(program, &spec, &mut diagnostics),
        Target::Cilium => backend::cilium::emit(program, &spec, &mut diagnostics),
    };
    report(diagnostics);
    objects
}

fn report(diagnostics: Diagnostics) {
    if diagnostics.has_errors() {
        let all = diagnostics.into_sorted();
        let first = all
            .iter()
            .find(|one| one.severity == vauban::diagnostic::Severity::Error);
        panic!(
            "the program of the bench has {} diagnostics; {:?}",
            all.len(),
            first.map(|one| &one.message)
        );
    }
}

/// The stages of one build in this process, by name.
fn stages(files: &[(String, String)], folder: &Path) -> Vec<(String, Duration)> {
    let today = time::macros::date!(2026 - 11 - 24);
    let mut out = Vec::new();
    let mut sources = Sources::default();
    for (path, text) in files {
        sources.add(path.as_str(), text.as_str());
    }
    for (path, text) in resolve::standard_library() {
        sources.add(*path, *text);
    }
    let world = MemoryWorld {
        files: files.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let mut diagnostics = Diagnostics::default();
    let (parsed, time) = timed(|| {
        sources
            .iter()
            .map(|source| syntax::parse(source, &mut diagnostics))
            .collect::<Vec<_>>()
    });
    out.push(("parse, one thread".to_owned(), time));
    let options = Options {
        project: "bench".into(),
        today,
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    };
    let (program, time) =
        timed(|| resolve::resolve(&parsed, &sources, &world, &options, &mut diagnostics));
    out.push(("resolve".to_owned(), time));
    let program = program.unwrap_or_else(|| {
        report(std::mem::take(&mut diagnostics));
        panic!("no program")
    });
    let ((), time) = timed(|| meaning::check(&program, today, &mut diagnostics));
    out.push(("conflicts".to_owned(), time));
    let (_, time) = timed(|| check::check(&program, &mut diagnostics));
    out.push(("lints".to_owned(), time));
    report(diagnostics);
    for target in [Target::Calico, Target::Cilium, Target::Kubernetes] {
        let (objects, time) = timed(|| emit(target, &program));
        out.push((format!("lower to {}", target.word()), time));
        let folder = folder.join(target.word());
        let ((), time) = timed(|| write(&objects, &folder));
        let bytes: usize = objects.iter().map(|object| object.text.len()).sum();
        let what = format!(
            "write {} objects, {:.1} MB",
            objects.len(),
            bytes as f64 / 1e6
        );
        out.push((what, time));
    }
    out
}

fn write(objects: &[Object], folder: &Path) {
    for object in objects {
        let folder = folder.join(object.folder.as_str());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(object.file.as_str()), &object.text).unwrap();
    }
}

/// Puts a project on the disk.
fn project(files: &[(String, String)], backend: Target, folder: &Path) {
    let (major, minor) = spec(backend).version;
    std::fs::create_dir_all(folder).unwrap();
    let settings = format!(
        "edition = \"2026\"\nsources = \"policies\"\n\n[[target]]\nname = \"t\"\nbackend = \"{}\"\nversion = \"{major}.{minor}\"\ncluster = \"c\"\nout = \"out\"\nlog = \"refuse\"\n",
        backend.word()
    );
    std::fs::write(folder.join("vauban.toml"), settings).unwrap();
    for (path, text) in files {
        let path = folder.join("policies").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Time and greatest memory (KiB) of a cold build by the tool itself, with these options.
fn cold(folder: &Path, options: &[&str]) -> (Duration, u64) {
    let (time, memory, code, said) = run(folder, options);
    assert!(
        code == Some(0),
        "the build fails: {}",
        said.lines().take(20).collect::<Vec<_>>().join("\n")
    );
    (time, memory)
}

/// The same of a build that may end in an error, with its exit code and what it said.
fn run(folder: &Path, options: &[&str]) -> (Duration, u64, Option<i32>, String) {
    set_aside(folder, "out");
    // Into a file: a pipe that nobody empties stops who has much to say.
    let mut heard = tempfile::tempfile().unwrap();
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vauban"))
        .args(["build", "--today", "2026-11-24"])
        .args(options)
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(heard.try_clone().unwrap())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            memory = memory.max(now.unwrap_or(0));
        }
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = start.elapsed();
    let mut said = String::new();
    heard.rewind().unwrap();
    heard.read_to_string(&mut said).unwrap();
    (time, memory, ended.code(), said)
}

/// Builds hard programs; gives what is missed.
fn hard() -> Vec<String> {
    let mut missed = Vec::new();
    println!(
        "\n| hard program of {ADVERSARIES} | target | ms | greatest memory, MiB | ends in |\n|---|---|---|---|---|"
    );
    for adversary in adversaries(ADVERSARIES) {
        for target in [Target::Calico, Target::Cilium, Target::Kubernetes] {
            let folder = tempfile::tempdir().unwrap();
            let files = [("main.vau".to_owned(), adversary.text.clone())];
            project(&files, target, folder.path());
            let (time, memory, code, said) = run(folder.path(), &[]);
            let error = said.lines().find_map(|line| line.strip_prefix("error["));
            let ends = match (code, error.and_then(|line| line.split(']').next())) {
                (Some(0), _) => "an answer".to_owned(),
                (Some(1), Some(name)) => format!("`{name}`"),
                _ => "neither".to_owned(),
            };
            println!(
                "| {} | {} | {} | {:.0} | {ends} |",
                adversary.name,
                target.word(),
                milliseconds(time),
                memory as f64 / 1024.0
            );
            if time > LONGEST || memory > MOST_PROVED || ends == "neither" {
                missed.push(format!("{} for {}", adversary.name, target.word()));
            }
        }
    }
    missed
}

/// Takes a folder out of the way without deleting it: a disk that has just lost ten thousand files may be slow to make new ones (ext4 looks past inodes that
/// were freed in the last seconds), and what is measured is not that.
fn set_aside(folder: &Path, name: &str) {
    static ASIDE: AtomicUsize = AtomicUsize::new(0);
    let aside = format!("{name}-{}", ASIDE.fetch_add(1, Ordering::Relaxed));
    let _ = std::fs::rename(folder.join(name), folder.join(aside));
}

fn copy(folder: &Path) -> Duration {
    let to = folder.join("copy");
    set_aside(folder, "copy");
    let (status, time) = timed(|| {
        Command::new("cp")
            .arg("-r")
            .arg(folder.join("out"))
            .arg(&to)
            .status()
            .unwrap()
    });
    assert!(status.success(), "cp -r fails");
    time
}

fn best<T>(times: usize, mut one: impl FnMut() -> (Duration, T)) -> (Duration, T) {
    (0..times)
        .map(|_| one())
        .min_by_key(|(time, _)| *time)
        .unwrap()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn main() {
    let asked: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes = if asked.is_empty() {
        vec![10, 100, 1000]
    } else {
        asked
    };
    let mut whole: BTreeMap<(&str, usize), Duration> = BTreeMap::new();
    let mut proofs = Vec::new();
    let mut missed = Vec::new();
    for namespaces in &sizes {
        let files = programs::program(Size {
            namespaces: *namespaces,
        });
        let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
        println!(
            "\n## {namespaces} namespaces, {} policies, {} rules, {:.2} MB\n\n| stage | ms |\n|---|---|",
            namespaces * 10,
            namespaces * 100,
            bytes as f64 / 1e6
        );
        let folder = tempfile::tempdir().unwrap();
        let stages = stages(&files, folder.path());
        for (stage, time) in &stages {
            println!("| {stage} | {} |", milliseconds(*time));
        }
        let lowered = stages
            .iter()
            .position(|(stage, _)| stage == "lower to calico");
        let lowered = lowered.map_or(&[][..], |at| &stages[at..at + 2]);
        let emitted: Duration = lowered.iter().map(|(_, time)| *time).sum();
        println!(
            "\n| cold `build` | without the proof, ms | `cp -r` of its output, ms | ratio | greatest memory, MiB | with the proof, ms | greatest memory, MiB |\n|---|---|---|---|---|---|---|"
        );
        for target in [Target::Calico, Target::Cilium, Target::Kubernetes] {
            let folder = tempfile::tempdir().unwrap();
            project(&files, target, folder.path());
            let times = if *namespaces >= 1000 { 3 } else { 5 };
            let (time, memory) = best(times, || cold(folder.path(), &["--no-proof"]));
            let (proved, most) = best(times, || cold(folder.path(), &[]));
            let (copy, ()) = best(times, || (copy(folder.path()), ()));
            let ratio = time.as_secs_f64() / copy.as_secs_f64();
            println!(
                "| {} | {} | {} | {ratio:.2} | {:.0} | {} | {:.0} |",
                target.word(),
                milliseconds(time),
                milliseconds(copy),
                memory as f64 / 1024.0,
                milliseconds(proved),
                most as f64 / 1024.0
            );
            whole.insert((target.word(), *namespaces), time);
            let proof = proved.saturating_sub(time).as_secs_f64() / emitted.as_secs_f64();
            if target == Target::Calico {
                proofs.push((*namespaces, proof));
            }
            if target == Target::Calico && *namespaces >= 1000 {
                if proof > MOST_PROOF {
                    missed.push(format!("a proof of {proof:.2} lowerings and writings"));
                }
                if ratio > MOST_COPIES {
                    missed.push(format!("{ratio:.2} copies instead of {MOST_COPIES}"));
                }
                if memory > MOST_MEMORY {
                    missed.push(format!("{memory} KiB instead of {MOST_MEMORY}"));
                }
                if most > MOST_PROVED {
                    missed.push(format!(
                        "{most} KiB with the proof instead of {MOST_PROVED}"
                    ));
                }
            }
        }
    }
    println!("\n| calico | the proof, in times of lowering and writing |\n|---|---|");
    for (namespaces, proof) in proofs {
        println!("| {namespaces} namespaces | {proof:.2} |");
    }
    missed.extend(hard());
    println!("\n| target | size | in times of a hundredth |\n|---|---|---|");
    for ((target, namespaces), time) in &whole {
        if let Some(small) = whole
            .get(&(*target, namespaces / 100))
            .filter(|_| *namespaces >= 100)
        {
            let growth = time.as_secs_f64() / small.as_secs_f64();
            println!("| {target} | {namespaces} namespaces | {growth:.0} |");
            if *target == "calico" && growth > MOST_GROWTH {
                missed.push(format!(
                    "{growth:.0} times a hundredth instead of {MOST_GROWTH}"
                ));
            }
        }
    }
    if missed.is_empty() {
        println!("\nAll bounds are kept.");
    } else {
        println!("\nMissed: {}.", missed.join("; "));
        std::process::exit(1);
    }
}
