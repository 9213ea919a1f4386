//! Whatever a file may hold ends in diagnostics or in manifests: no panic, no hang. Files of the corpus, of the examples and of the generator
//! are mangled for a bounded time: `VAUBAN_FUZZ_SECONDS` (default 4), from `VAUBAN_SEED` on.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
mod interpreters;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use generator::Random;
use generator::random::Dial;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Input, TargetInput, compile};
use vauban::model::Target;
use vauban::source::MemoryWorld;

/// Longer than this is a hang, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn collect(folder: &Path, out: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "vau")
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            out.push(text);
        }
    }
}

const TOKENS: &[&str] = &[
    "allow",
    "deny",
    "pass",
    "log",
    "and log",
    "to",
    "from",
    "pods",
    "in",
    "*",
    "same",
    "{",
    "}",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "!",
    "except",
    "all",
    "tcp",
    "udp",
    "icmp type 8",
    "protocol 47",
    "0",
    "65536",
    "80-1",
    "99999999999999999999",
    "10.0.0.0/8",
    "::/0",
    "0.0.0.0/33",
    "1.2.3",
    "\"",
    "\"\\\"",
    "//",
    "///",
    "\u{0}",
    "\u{feff}",
    "é",
    "\u{202e}",
    "\r\n",
    "\t",
    "policy",
    "tier",
    "otherwise",
    "default",
    "cluster",
    "namespace",
    "team",
    "grants all",
    "use std.dns.coredns",
    "group a = a",
    "service s = s",
    "profile p(a) { include p(a) }",
    "raw calico \"../../etc/passwd\"",
    "until 2026-13-45",
    "until 0000-00-00",
    "until 9999-12-31",
    "before",
    "after",
    "for",
    "egress {",
    "ingress {",
    "test \"x\" {",
    "can every",
    "->",
    "on",
    "namespaces{",
    "serviceaccount",
    "\"**.a\"",
    "staged",
    "because \"",
    "excuse",
    "nodes",
    "apiserver",
    "outside",
    "anywhere",
    "ingress-proxy",
];

fn cut(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn mangle(random: &mut Random, text: &str, other: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..1 + random.below(4) {
        let a = cut(&text, random.below(text.len() + 1));
        let b = cut(&text, (a + random.below(40)).min(text.len()));
        match random.below(9) {
            0 => text.truncate(a),
            1 => text.replace_range(a..b, ""),
            2 | 3 => {
                let token = *random.pick(TOKENS);
                let end = cut(&text, b.min(a + token.len())).max(a);
                text.replace_range(a..end, "");
                text.insert_str(cut(&text, a), &format!(" {token} "));
            }
            4 => {
                let piece = text[a..b].to_owned();
                text.insert_str(b, &piece);
            }
            5 => {
                let from = cut(other, random.below(other.len() + 1));
                let to = cut(other, from + random.below(200));
                text.insert_str(a, &other[from..to]);
            }
            6 => {
                let mut bytes = text.clone().into_bytes();
                if let Some(byte) = bytes.get_mut(a) {
                    *byte ^= 1 << random.below(7);
                }
                text = String::from_utf8_lossy(&bytes).into_owned();
            }
            7 => {
                let open = *random.pick(&[
                    "(",
                    "{",
                    "pods{a=b} in * except (",
                    "namespaces{",
                    "ingress { ",
                    "allow all to (",
                ]);
                let many = [3, 50, 500, 20_000][random.below(4)] / open.len();
                text.insert_str(a, &open.repeat(many));
            }
            _ => {
                let item = *random.pick(&[
                    "tcp 80, ",
                    "pods in x, ",
                    "10.0.0.0/8, ",
                    "a=b, ",
                    "!",
                    "policy p in t { } ",
                ]);
                text.insert_str(a, &item.repeat(1 + random.below(300)));
            }
        }
    }
    text
}

fn run(world: &MemoryWorld) {
    let spec = |backend, version| TargetInput {
        spec: Spec {
            name: "t".into(),
            backend,
            version,
            log: LogPolicy::Ignore,
        },
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    };
    let input = Input {
        world,
        project: "fuzz".into(),
        today: time::macros::date!(2026 - 11 - 24),
        targets: vec![
            spec(Target::Calico, (3, 30)),
            spec(Target::Cilium, (1, 20)),
            spec(Target::Kubernetes, (1, 33)),
        ],
        lints: BTreeMap::new(),
        proof: vauban::compile::Prove::Nothing,
    };
    let compiled = compile(&input);
    for diagnostic in &compiled.diagnostics {
        assert!(
            !diagnostic.message.contains('\n'),
            "a message of two lines: {}",
            diagnostic.message
        );
    }
}

#[test]
fn nothing_makes_it_panic_or_hang() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    for folder in ["tests/corpus", "examples", "stdlib"] {
        collect(&root.join(folder), &mut seeds);
    }
    let number = |name: &str, otherwise: u64| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    };
    let end = Instant::now() + Duration::from_secs(number("VAUBAN_FUZZ_SECONDS", 4));
    let start = number("VAUBAN_SEED", 0);
    let (send, receive) = mpsc::channel::<(u64, String, bool)>();
    let worker = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let mut seed = start;
            while Instant::now() < end {
                seed += 1;
                let mut random = Random::new(seed);
                let mut world = MemoryWorld::default();
                if random.chance(50) {
                    let targets = [
                        (Target::Calico, (3, 30)),
                        (Target::Cilium, (1, 20)),
                        (Target::Kubernetes, (1, 33)),
                    ];
                    let (target, version) = *random.pick(&targets);
                    let dial = Dial {
                        target,
                        version,
                        cni: Some("calico"),
                        daring: 10,
                    };
                    world = generator::random::project(&mut random, &dial).world();
                    let paths: Vec<String> = world.files.keys().cloned().collect();
                    let path = random.pick(&paths).clone();
                    let text = mangle(&mut random, &world.files[&path], &world.files["main.vau"]);
                    world.files.insert(path, text);
                } else {
                    let text = random.pick(&seeds).clone();
                    let other = random.pick(&seeds).clone();
                    let text = mangle(&mut random, &text, &other);
                    world.files.insert("main.vau".to_owned(), text);
                }
                let text: String = world
                    .files
                    .iter()
                    .map(|(path, text)| format!("//- {path}\n{text}"))
                    .collect();
                let _ = send.send((seed, text, false));
                run(&world);
                let _ = send.send((seed, String::new(), true));
            }
        })
        .unwrap();
    let mut current = (0, String::new());
    let mut tried = 0;
    loop {
        match receive.recv_timeout(PATIENCE) {
            Ok((seed, text, false)) => current = (seed, text),
            Ok((_, _, true)) => tried += 1,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("seed {} hangs:\n{}", current.0, excerpt(&current.1))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let fine = worker.join().is_ok();
    assert!(fine, "seed {} panics:\n{}", current.0, excerpt(&current.1));
    eprintln!("{tried} projects");
}

/// At most some thousand characters.
fn excerpt(text: &str) -> String {
    text.chars().take(6000).collect()
}
