//! Where addresses of NetworkPolicies mean pods, too, and a flow says which its pods have, `decide` leaves nothing of that open.

use std::sync::Arc;

use serde_json::Value;
use vauban::analyze::Side;
use vauban::analyze::decide::Decider;
use vauban::backend::kubernetes::read;
use vauban::backend::read::document::documents;
use vauban::backend::read::{Cidr, Context};
use vauban::backend::{LogPolicy, Spec};
use vauban::diagnostic::Diagnostics;
use vauban::model::{Cni, Target};
use vauban::source::Sources;
use vauban::space::End;

use super::draw::Draw;
use super::generator::Random;
use super::interpreters::kubernetes::{Cluster as Engine, Quirks, Reading as Plugin};
use super::{cluster, flows, manifests, namespaces, number, objects};

fn side(text: &str, context: &Context<'_>) -> Side {
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let file = sources.add("manifests.yaml", text);
    let found = documents(sources.get(file), &mut diagnostics);
    let reading = read::read(&found, context, &mut diagnostics);
    let spec = Spec {
        name: "manifests".into(),
        backend: Target::Kubernetes,
        version: context.version,
        log: LogPolicy::Ignore,
    };
    Side::of_manifests("manifests", spec, reading, Arc::new(sources))
}

#[test]
fn what_addresses_mean_is_decided_by_the_addresses_of_pods() {
    let wanted = number("VAUBAN_FLOWS", 10_000);
    let mut seed = number("VAUBAN_SEED", 0) as u64;
    let known = namespaces();
    // Antrea knows all of the API, so that nothing but addresses may be open.
    let cluster = cluster(Some(Cni::Antrea), None, false);
    let (mut tried, mut open, mut without, mut allowed) = (0, 0, 0, 0);
    while tried < wanted {
        seed += 1;
        let random = &mut Random::new(seed);
        let policies: Vec<_> = (0..2 + random.below(4))
            .map(|at| manifests::policy(random, &format!("p{at}")))
            .collect();
        let text = manifests::text(random, &policies);
        let context = |cidr| Context {
            version: (1, 33),
            cluster: &cluster,
            namespaces: &known,
            cidr,
        };
        let any = side(&text, &context(Cidr::Any));
        let outside = side(&text, &context(Cidr::Outside));
        let engine = Engine::parse_any(&objects(&text), Quirks::default()).unwrap();
        let plugin = Plugin {
            blocks_meet_pods: true,
            blocks_meet_nodes: true,
        };
        let mut draw = Draw::of(&any.program);
        draw.undeclared = true;
        let decider = Decider::new(&any, Some(&outside));
        for _ in 0..60 {
            let seen = draw.flow(random);
            if !matches!(seen.flow.peer, End::Pod(_)) || !flows::is_written_whole(&seen) {
                continue;
            }
            let verdict = |addresses| -> Value {
                let line = flows::line("x", &seen, addresses).unwrap();
                let mut out = Vec::new();
                let mut stream = decider.stream();
                stream.feed(format!("{line}\n").as_bytes(), &mut out);
                serde_json::from_slice(&out).unwrap()
            };
            let verdict_with = verdict(true);
            let said = flows::ends(&seen, &verdict_with).0;
            tried += 1;
            without += usize::from(flows::ends(&seen, &verdict(false)).0["verdict"] == "undecided");
            if said["verdict"] == "undecided" {
                open += 1;
                continue;
            }
            let outcome = engine.decide(&seen, plugin);
            allowed += usize::from(outcome.allowed);
            let word = if outcome.allowed { "allow" } else { "deny" };
            assert_eq!(
                said["verdict"], word,
                "seed {seed}: {} from {}\n{said}\n{}\n{text}",
                seen.flow, seen.peer_address, outcome.why
            );
        }
    }
    assert!(
        open < without / 4,
        "{open} are open with addresses, {without} without"
    );
    assert!(
        allowed * 10 > tried && allowed * 10 < tried * 9,
        "{allowed} of {tried}"
    );
}
