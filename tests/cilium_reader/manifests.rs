//! Random manifests over the whole API: what the reader decides is what the engine does, whatever the facts leave open.

use vauban::space::{Direction, End};

use super::clusters::{Facts, cluster, flow, hidden, namespaces};
use super::draw::{Dial, Manifests};
use super::engine::Engine;
use super::number;
use super::read::{Said, reading};
use crate::generator::Random;

const FLOWS_A_CLUSTER: usize = 60;

#[test]
fn what_the_reader_decides_is_what_the_engine_does() {
    let wanted = number("VAUBAN_FLOWS", 15_000).max(30_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let (mut tried, mut decided, mut allowed) = (0, 0, 0);
    while tried < wanted {
        seed += 1;
        let mut random = Random::new(seed);
        let version = *random.pick(&[(1, 17), (1, 18), (1, 19), (1, 20)]);
        let dial = Dial {
            version,
            node_labels: random.chance(30),
            extended: version >= (1, 19) && random.chance(40),
        };
        let facts = Facts {
            families: random.below(3),
            apiserver: random.chance(70),
        };
        let manifests = Manifests::draw(&mut random, dial);
        let texts = manifests.texts();
        let cluster = cluster(facts, dial);
        let read = reading(
            texts.iter().map(String::as_str),
            version,
            &cluster,
            &namespaces(),
        );
        let whole = texts.join("---\n");
        assert!(
            read.faults.is_empty(),
            "seed {seed}, {dial:?}: {:#?}\n{whole}",
            read.faults
        );
        for _ in 0..FLOWS_A_CLUSTER {
            let (hidden, v6) = hidden(&mut random, facts);
            let engine = Engine {
                manifests: &manifests,
                dial,
                hidden: &hidden,
            };
            let flow = flow(&mut random, &engine, v6);
            tried += 1;
            let said = read.says(&flow);
            if let Said::Nothing(_) = said {
                continue;
            }
            decided += 1;
            let does = engine.allows(&flow);
            allowed += usize::from(does);
            // A pod's own node is another question: it always reaches the pod.
            let own = hidden.own_node
                && flow.direction == Direction::Ingress
                && matches!(flow.peer, End::Node(_));
            let says = own || said == Said::Allowed;
            assert_eq!(
                says, does,
                "seed {seed}, {dial:?}, {facts:?}: {:?} {flow}\n{hidden:#?}\n{whole}",
                flow.direction
            );
        }
    }
    eprintln!("{tried} flows, {decided} decided, {allowed} of them allowed");
    assert!(decided * 2 > tried, "{decided} of {tried} are decided");
    assert!(
        allowed * 5 > decided && allowed * 5 < decided * 4,
        "{allowed} of {decided}"
    );
}

/// Valid manifests, mangled: whatever comes of them, the reader ends, in a reading or in faults.
#[test]
fn no_text_makes_it_panic() {
    let mut random = Random::new(number("VAUBAN_SEED", 0) as u64 + 77);
    let words = [
        "{}",
        "[]",
        "null",
        "\"\"",
        "0",
        "-1",
        "99999999999",
        "\"*\"",
        "[{}]",
        "\"::/0\"",
        "true",
        "\"k8s:\"",
        "\":\"",
        "\"reserved:\"",
        "\"$\"",
        "ANY",
        "\"1_0\"",
        "1.5",
    ];
    let mut faults = 0;
    for _ in 0..number("VAUBAN_TEXTS", 3_000) {
        let dial = Dial {
            version: *random.pick(&[(1, 17), (1, 19), (1, 20)]),
            node_labels: true,
            extended: true,
        };
        let mut texts = Manifests::draw(&mut random, dial).texts();
        for text in &mut texts {
            for _ in 0..=random.below(3) {
                let bytes: Vec<usize> = text
                    .char_indices()
                    .filter(|(_, c)| "{[,:\"".contains(*c))
                    .map(|(at, _)| at)
                    .collect();
                let from = *random.pick(&bytes);
                let to = (from + random.below(12)).min(text.len());
                if text.is_char_boundary(to) {
                    let word = *random.pick(&words);
                    text.replace_range(from + 1..to.max(from + 1), word);
                }
            }
        }
        let facts = Facts {
            families: random.below(3),
            apiserver: random.chance(50),
        };
        let read = reading(
            texts.iter().map(String::as_str),
            dial.version,
            &cluster(facts, dial),
            &namespaces(),
        );
        faults += read.faults.len();
    }
    assert!(faults > 0);
}
