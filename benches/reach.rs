//! How long it takes to say who reaches whom among 2,000 workloads, and how much memory.
//!
//! `cargo bench --bench reach` measures 50, 200 and 2,000 workloads, with ten policies of ten rules for every two of them.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and fails by panicking"
)]

mod programs;
mod sides;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sides::side;
use vauban::analyze::inventory::Workload;
use vauban::analyze::reach::Focus;
use vauban::analyze::{Inventory, Reach};
use vauban::model::Program;
use vauban::report;
use vauban::space::Pod;

/// Namespaces, and workloads in them.
const CASES: [(usize, usize); 3] = [(25, 50), (100, 200), (1000, 2000)];
/// The most that the last case may take.
const MOST: Duration = Duration::from_secs(10);
/// The most memory that all of it may take, in KiB: the compiled program with it.
const MOST_MEMORY: u64 = 1024 * 1024;

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

/// The most memory that this process has taken, in KiB; 0 where that is not known.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

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
        assert!(!text.is_empty() && !svg.is_empty());
        println!(
            "| {}, {count} | {} | {} | {:.2} | {:.2} | {:.2} | {} |",
            side.program.policies.len(),
            reach.groups.len(),
            reach.pairs().count(),
            last.as_secs_f64(),
            said.as_secs_f64(),
            drawn.as_secs_f64(),
            memory() / 1024,
        );
    }
    assert!(last < MOST, "{last:?} is more than {MOST:?}");
    assert!(memory() < MOST_MEMORY, "{} KiB of memory", memory());
}
