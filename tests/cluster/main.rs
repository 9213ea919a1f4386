//! What the examples and the corpus give, taken by real API servers: applied by kubectl as their `kustomization.yaml` says, applied again, compared, read
//! back as the server stored it and proved, changed, pruned. And what our readers refuse, offered to the same servers.
//!
//! `tests/cluster/run` starts the servers and runs these tests; without it there is nothing to talk to, so all are ignored.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod bad;
#[path = "../cases/mod.rs"]
mod cases;
#[path = "../refused/mod.rs"]
mod refused;
mod server;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use server::Server;
use tree::{Id, Tree};

/// What one server took.
#[derive(Default)]
struct Tally {
    trees: usize,
    /// By target, then by kind.
    objects: BTreeMap<String, BTreeMap<String, usize>>,
    /// Fields that the server added, by kind.
    defaults: BTreeMap<String, BTreeSet<String>>,
}

impl Tally {
    fn count(&mut self, tree: &Tree, accepted: &BTreeSet<Id>) {
        self.trees += 1;
        let kinds = self.objects.entry(tree.target()).or_default();
        for id in accepted {
            *kinds.entry(id.kind.clone()).or_default() += 1;
        }
    }

    fn shown(&self, server: &Server) -> String {
        let mut text = format!("{server}: {} trees\n", self.trees);
        for (target, kinds) in &self.objects {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            writeln!(text, "  {target}: accepted 100 %: {}", kinds.join(", ")).unwrap();
        }
        for (kind, fields) in &self.defaults {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            writeln!(text, "  set by the server in {kind}: {}", fields.join(", ")).unwrap();
        }
        text
    }
}

/// The test for every server at once; each has a thread of its own.
fn on_every_server<T: Send>(test: impl Fn(&Server) -> T + Sync) -> Vec<(Server, T)> {
    let servers = Server::all();
    let found = std::thread::scope(|scope| {
        let running: Vec<_> = servers
            .iter()
            .map(|server| {
                scope.spawn(|| {
                    server.clear();
                    test(server)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|one| {
                one.join()
                    .unwrap_or_else(|why| std::panic::resume_unwind(why))
            })
            .collect::<Vec<T>>()
    });
    servers.into_iter().zip(found).collect()
}

/// Asserts that the server has what is meant to be there and nothing else.
fn assert_same(stored: &BTreeSet<Id>, meant: &BTreeSet<Id>, what: &str) {
    let missing: Vec<&Id> = meant.difference(stored).collect();
    let left: Vec<&Id> = stored.difference(meant).collect();
    assert!(
        missing.is_empty() && left.is_empty(),
        "{what}: missing {missing:#?}, left over {left:#?}"
    );
}

/// Everything of a tree but pruning; the server has none of our objects before and after.
fn taken(server: &Server, tree: &Tree, tally: &mut Tally) {
    server.declare(tree);
    let first = server.apply(tree);
    assert_eq!(first, tree.objects().len(), "{tree} on {server}: applied");
    let stored = server.stored();
    assert_same(&stored.ids(), &tree.ids(), &format!("{tree} on {server}"));
    tree.holds(&stored, server);
    for (kind, fields) in tree.added_to(&stored, server) {
        tally.defaults.entry(kind).or_default().extend(fields);
    }
    server.apply(tree);
    let again = server.stored();
    assert_eq!(
        stored.text, again.text,
        "{tree} on {server}: applied twice, and something changed"
    );
    assert_eq!(server.diff(tree), "", "{tree} on {server}: kubectl diff");
    tally.count(tree, &stored.ids());
}

#[test]
#[ignore = "needs API servers: tests/cluster/run starts them"]
fn what_is_built_is_stored_as_it_is_and_decides_as_the_program() {
    let trees = tree::all();
    let shown = on_every_server(|server| {
        let mut tally = Tally::default();
        for tree in &trees {
            taken(server, tree, &mut tally);
            server.delete(tree);
        }
        assert_eq!(server.stored().ids(), BTreeSet::new(), "{server}");
        tally.shown(server)
    });
    for (_, shown) in shown {
        eprint!("{shown}");
    }
}

#[test]
#[ignore = "needs API servers: tests/cluster/run starts them"]
fn a_changed_tree_that_is_applied_with_pruning_is_all_that_is_left() {
    let changes = tree::changes();
    let counted = on_every_server(|server| {
        server.define_parents();
        let (mut changed, mut pruned) = (0, 0);
        for way in server::Pruning::ALL {
            for (before, after) in changes.iter().filter(|(before, _)| way.suits(before)) {
                server.empty_set();
                changed += 1;
                for tree in [before, after] {
                    server.declare(tree);
                    server.prune(tree, way);
                    let stored = server.stored();
                    let what = format!("{tree} on {server}, pruned by {way:?}");
                    assert_same(&stored.ids(), &tree.ids(), &what);
                    tree.holds(&stored, server);
                }
                pruned += before.ids().difference(&after.ids()).count();
                server.delete(after);
            }
        }
        assert_eq!(server.stored().ids(), BTreeSet::new(), "{server}");
        (changed, pruned)
    });
    for (server, (changed, pruned)) in counted {
        eprintln!("{server}: {changed} changes, {pruned} objects pruned");
        assert!(pruned > 0, "nothing was pruned");
    }
}

#[test]
#[ignore = "needs API servers: tests/cluster/run starts them"]
fn what_we_refuse_and_a_server_takes_is_listed_in_the_book() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut releases = BTreeSet::new();
    for (server, taken) in on_every_server(bad::taken_by) {
        eprintln!(
            "{server}: of {} manifests that we refuse, it takes {}",
            bad::offered(),
            taken.len()
        );
        releases.insert(server.release());
        for row in taken {
            found.entry(row).or_default().push(server.release());
        }
    }
    let found: BTreeMap<String, String> = found
        .into_iter()
        .map(|(row, releases)| (row, releases.join(" ")))
        .collect();
    // Of a run with some of the servers only theirs are compared.
    let listed: BTreeMap<String, String> = bad::listed()
        .into_iter()
        .map(|(row, servers)| {
            let asked = servers.split(' ').filter(|one| releases.contains(*one));
            (row, asked.collect::<Vec<_>>().join(" "))
        })
        .filter(|(_, servers)| !servers.is_empty())
        .collect();
    let rows: BTreeSet<&String> = found.keys().chain(listed.keys()).collect();
    let mut wrong = String::new();
    for row in rows {
        let (found, listed) = (found.get(row), listed.get(row));
        if found != listed {
            writeln!(wrong, "{row}: taken by {found:?}, the book says {listed:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
