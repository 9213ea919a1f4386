//! How many flows a second are decided once everything is loaded, beside what reading the same lines as JSON takes in the same run.
//!
//! `cargo bench --bench decide` measures 50 policies with 50 pods and 10,000 policies with 2,000 pods.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench prints, and fails by panicking"
)]

mod input;
mod programs;
mod sides;

use std::time::{Duration, Instant};

use sides::side;
use vauban::analyze::Side;
use vauban::analyze::decide::Decider;
use vauban::model::Program;

/// How much is fed at once, in bytes: as much as the tool reads.
const PART: usize = 1 << 20;

struct Case {
    namespaces: usize,
    pods: usize,
    flows: usize,
    /// The least flows a second.
    least: f64,
}

const CASES: [Case; 2] = [
    Case {
        namespaces: 5,
        pods: 50,
        flows: 2_000_000,
        least: 1e6,
    },
    Case {
        namespaces: 1000,
        pods: 2_000,
        flows: 1_000_000,
        least: 1e5,
    },
];

/// Pods that policies select, some in each namespace.
fn pods(program: &Program, count: usize) -> Vec<String> {
    let apps: Vec<_> = program
        .policies
        .iter()
        .filter(|policy| policy.name.starts_with("p-"))
        .collect();
    (0..count)
        .map(|at| {
            let policy = apps[at * apps.len() / count];
            let subject = &policy.subject[0];
            let labels: serde_json::Map<_, _> = subject
                .labels
                .iter()
                .filter_map(|(key, values)| {
                    let value = values.mentioned().first()?.as_ref()?;
                    Some((key.to_string(), value.as_str().into()))
                })
                .collect();
            let namespace = subject.namespaces.single().unwrap().as_str();
            serde_json::json!({ "pod": {
                "namespace": namespace,
                "labels": labels,
                "serviceAccount": "default",
            }})
            .to_string()
        })
        .collect()
}

fn lines(pods: &[String], count: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        (random >> 20) as usize % bound
    };
    for id in 0..count {
        let (from, to) = (&pods[below(pods.len())], &pods[below(pods.len())]);
        let port = [8007, 8040, 9090, 443, 5028][below(5)];
        text += &format!(
            "{{\"id\":\"{id}\",\"from\":{from},\"to\":{to},\"protocol\":\"TCP\",\"port\":{port}}}\n"
        );
    }
    text.into_bytes()
}

/// Decides all lines; the time, and how many bytes came of it.
fn decided(side: &Side, lines: &[u8]) -> (Duration, usize) {
    let decider = Decider::new(side, None);
    let mut stream = decider.stream();
    let mut out = Vec::new();
    let mut bytes = 0;
    let start = Instant::now();
    let mut rest = lines;
    while !rest.is_empty() {
        let most = rest.len().min(PART);
        let end = rest[..most]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap()
            + 1;
        out.clear();
        stream.feed(&rest[..end], &mut out);
        bytes += out.len();
        rest = &rest[end..];
    }
    let time = start.elapsed();
    assert_eq!(stream.bad(), 0);
    (time, bytes)
}

/// Reads all lines as JSON and does nothing with them, on one thread.
fn read(lines: &[u8]) -> Duration {
    let start = Instant::now();
    let mut fields = 0;
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap();
        fields += value.as_object().map_or(0, serde_json::Map::len);
    }
    assert!(fields > 0);
    start.elapsed()
}

fn main() {
    let mut missed = Vec::new();
    println!(
        "| policies, pods | flows | decided, s | flows a second | verdicts, MB | the same lines read as JSON by one thread, s |\n|---|---|---|---|---|---|"
    );
    for case in CASES {
        let side = side(case.namespaces);
        let pods = pods(&side.program, case.pods);
        let lines = lines(&pods, case.flows);
        let runs = (0..3).map(|_| decided(&side, &lines));
        let (time, bytes) = runs.min().unwrap();
        let rate = case.flows as f64 / time.as_secs_f64();
        println!(
            "| {}, {} | {} | {:.2} | {rate:.0} | {:.0} | {:.2} |",
            side.program.policies.len(),
            case.pods,
            case.flows,
            time.as_secs_f64(),
            bytes as f64 / 1e6,
            read(&lines).as_secs_f64(),
        );
        if rate < case.least {
            missed.push(format!("{rate:.0} instead of {:.0}", case.least));
        }
    }
    if missed.is_empty() {
        println!("\nAll bounds are kept.");
    } else {
        println!("\nMissed: {}.", missed.join("; "));
        std::process::exit(1);
    }
}
