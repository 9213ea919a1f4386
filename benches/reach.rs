//! How long it takes to say who reaches whom among 2,000 workloads, and how much memory: in this process, and by the tool itself with everything that it reads and writes.
//!
//! `cargo bench --bench reach` measures 50, 200 and 2,000 workloads, with ten policies of ten rules for every two of them.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

mod input;
mod programs;
mod sides;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use programs::Size;
use sides::side;
use vauban::analyze::inventory::Workload;
use vauban::analyze::reach::Focus;
use vauban::analyze::{Inventory, Reach};
use vauban::model::Program;
use vauban::report;
use vauban::space::Pod;

/// Namespaces, and workloads in them.
const CASES: [(usize, usize); 3] = [(25, 50), (100, 200), (1000, 2000)];
/// The most that the last case may take, also by the tool itself in one form; on the clock, or of processor time where others keep the processors busy.
const MOST: Duration = Duration::from_secs(10);
/// The most memory that all of it may take, in KiB: the compiled program with it.
const MOST_MEMORY: u64 = 1024 * 1024;
/// The forms of which the bounds count.
const FORMS: [&str; 3] = ["text", "json", "csv"];

/// Workloads that policies select, some in each namespace.
fn inventory(program: &Program, count: usize) -> Inventory {
    let apps: Vec<_> = program
        .policies
        .iter()
        .filter(|policy| policy.name.starts_with("p-"))
        .collect();
    let mut workloads: Vec<Workload> = (0..count)
        .map(|at| {
            let policy = apps[at * apps.len() / count];
            let subject = &policy.subject[0];
            let namespace = subject.namespaces.single().unwrap();
            let declared = program.namespace(namespace);
            Workload {
                name: format!("{namespace}/deployment/w{at:05}").into(),
                pod: Pod {
                    namespace: namespace.clone(),
                    namespace_labels: declared
                        .into_iter()
                        .flat_map(|one| one.labels.iter().cloned())
                        .collect(),
                    labels: subject
                        .labels
                        .iter()
                        .filter_map(|(key, values)| {
                            let value = values.mentioned().first()?.clone()?;
                            Some((key.clone(), value))
                        })
                        .collect(),
                    service_account: "default".into(),
                    named_ports: BTreeMap::new(),
                },
                host_network: false,
                span: policy.span,
            }
        })
        .collect();
    workloads.sort_by(|a, b| a.name.cmp(&b.name));
    Inventory {
        workloads,
        ..Inventory::default()
    }
}

/// A project of this size, and its workloads as Kubernetes has them.
fn write(namespaces: usize, inventory: &Inventory, folder: &Path) {
    let settings = "edition = \"2026\"\nsources = \"policies\"\n\n[[target]]\nname = \"t\"\nbackend = \"calico\"\nversion = \"3.30\"\ncluster = \"c\"\nout = \"out\"\nlog = \"refuse\"\n";
    fs::write(folder.join("vauban.toml"), settings).unwrap();
    for (path, text) in programs::program(Size { namespaces }) {
        let path = folder.join("policies").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let objects = folder.join("inventory");
    fs::create_dir(&objects).unwrap();
    for workload in &inventory.workloads {
        let mut parts = workload.name.split('/');
        let (namespace, name) = (parts.next().unwrap(), parts.next_back().unwrap());
        let labels = workload.pod.labels.iter();
        let labels = labels.fold(String::new(), |mut labels, (key, value)| {
            write!(labels, "\n        {key}: \"{value}\"").unwrap();
            labels
        });
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  selector:\n    matchLabels:{}\n  template:\n    metadata:\n      labels:{labels}\n    spec:\n      containers:\n      - name: main\n        image: main\n",
            labels.replace("\n        ", "\n      "),
        );
        fs::write(objects.join(format!("{name}.yaml")), text).unwrap();
    }
}

/// What one run of the tool itself took.
struct Run {
    time: Duration,
    /// User and system time; zero where that is not known.
    processor: Duration,
    /// The greatest, in KiB.
    memory: u64,
    /// Of the answer.
    bytes: u64,
}

/// User and system time of a process so far.
fn processor(stat: &str) -> Option<Duration> {
    let stat = fs::read_to_string(stat).ok()?;
    // After the name, which may hold blanks; in hundredths of a second wherever Linux runs today.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
}

/// Asks the tool itself.
fn ask(folder: &Path, form: &str) -> Run {
    let answer = folder.join("answer");
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vauban"))
        .args(["reach", "--today", "2026-11-24", "--as", form, "--project"])
        .arg(folder)
        .arg("--inventory")
        .arg(folder.join("inventory"))
        .stdout(File::create(&answer).unwrap())
        .spawn()
        .unwrap();
    let [status, stat] = ["status", "stat"].map(|file| format!("/proc/{}/{file}", child.id()));
    let mut run = Run {
        time: Duration::ZERO,
        processor: Duration::ZERO,
        memory: 0,
        bytes: 0,
    };
    let ended = loop {
        run.memory = run.memory.max(memory(&status));
        run.processor = processor(&stat).unwrap_or(run.processor);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    run.time = start.elapsed();
    assert!(ended.success(), "`vauban reach --as {form}` fails");
    run.bytes = fs::metadata(&answer).unwrap().len();
    run
}

/// The most memory that a process has taken, in KiB; 0 where that is not known.
fn memory(status: &str) -> u64 {
    let status = fs::read_to_string(status).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// The status of this process.
const OWN: &str = "/proc/self/status";

fn main() {
    println!(
        "| policies, workloads | groups | pairs | reach, s | text, s | SVG, s | memory so far, MiB |\n|---|---|---|---|---|---|---|"
    );
    let mut last = Duration::ZERO;
    for (namespaces, count) in CASES {
        let side = side(namespaces);
        let inventory = inventory(&side.program, count);
        let start = Instant::now();
        let reach = Reach::of(&side, &inventory, &Focus::default()).unwrap();
        last = start.elapsed();
        let start = Instant::now();
        let text = report::reach::text(&side, &reach, false);
        let said = start.elapsed();
        let start = Instant::now();
        let svg = report::reach::svg(&side, &reach);
        let drawn = start.elapsed();
        assert!(!text.is_empty());
        let drawn = match svg {
            Ok(_) => format!("{:.2}", drawn.as_secs_f64()),
            Err(full) => format!("{} arrows are too many", full.0),
        };
        println!(
            "| {}, {count} | {} | {} | {:.2} | {:.2} | {drawn} | {} |",
            side.program.policies.len(),
            reach.groups.len(),
            reach.pairs().count(),
            last.as_secs_f64(),
            said.as_secs_f64(),
            memory(OWN) / 1024,
        );
    }
    assert!(last < MOST, "{last:?} is more than {MOST:?}");
    let own = memory(OWN);
    assert!(own < MOST_MEMORY, "{own} KiB of memory");
    let folder = tempfile::tempdir().unwrap();
    let (namespaces, count) = CASES[CASES.len() - 1];
    write(
        namespaces,
        &inventory(&side(namespaces).program, count),
        folder.path(),
    );
    println!(
        "\n| `vauban reach` of {count} workloads | s | processor time, s | greatest memory, MiB | answer, MB |\n|---|---|---|---|---|"
    );
    for form in FORMS {
        let run = ask(folder.path(), form);
        println!(
            "| `--as {form}` | {:.2} | {:.2} | {} | {:.1} |",
            run.time.as_secs_f64(),
            run.processor.as_secs_f64(),
            run.memory / 1024,
            run.bytes as f64 / 1e6
        );
        let took = match run.processor.is_zero() {
            true => run.time,
            false => run.time.min(run.processor),
        };
        assert!(took < MOST, "{took:?} is more than {MOST:?}");
        assert!(run.memory < MOST_MEMORY, "{} KiB of memory", run.memory);
    }
}
