//! A session gives for every world what a compilation from nothing gives: random programs, random edits, and each answer compared to its last place.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking; each test binary uses its part"
)]

mod generator;
mod interpreters;

use std::collections::BTreeMap;

use generator::Random;
use generator::random::{Dial, project};
use smol_str::SmolStr;
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Compilation, Input, Level, Prove, Session, TargetInput, compile};
use vauban::diagnostic::Severity;
use vauban::model::Target;
use vauban::source::MemoryWorld;

/// What is asked of a world beside its files.
#[derive(Clone)]
struct Setting {
    targets: Vec<TargetInput>,
    lints: BTreeMap<SmolStr, Level>,
    proof: Prove,
    day: u8,
}

impl Setting {
    fn of(targets: &[Target]) -> Self {
        let target = |(at, backend): (usize, &Target)| TargetInput {
            spec: Spec {
                name: format!("{}-{at}", backend.word()).into(),
                backend: *backend,
                version: match backend {
                    Target::Kubernetes => (1, 33),
                    Target::Calico => (3, 30),
                    Target::Cilium => (1, 19),
                },
                log: LogPolicy::Ignore,
            },
            cluster: None,
            without: Vec::new(),
            namespaces: Vec::new(),
        };
        Setting {
            targets: targets.iter().enumerate().map(target).collect(),
            lints: BTreeMap::new(),
            proof: Prove::Everything,
            day: 24,
        }
    }

    fn input<'w>(&self, world: &'w MemoryWorld) -> Input<'w> {
        let day = time::Date::from_calendar_date(2026, time::Month::November, self.day);
        Input {
            world,
            project: "test".into(),
            today: day.unwrap(),
            targets: self.targets.clone(),
            lints: self.lints.clone(),
            proof: self.proof,
        }
    }
}

/// Everything that a compilation says, as text.
fn told(compiled: &Compilation) -> Vec<String> {
    let mut out: Vec<String> = compiled
        .sources
        .iter()
        .map(|source| format!("{:?} {} {}", source.id, source.path, source.text))
        .collect();
    out.push(format!("{:?}", compiled.own));
    out.extend(compiled.diagnostics.iter().map(|one| format!("{one:#?}")));
    for target in &compiled.targets {
        out.push(format!("{:?}", target.spec));
        out.push(format!("{:?}", target.program));
        out.extend(target.objects.iter().map(|one| format!("{one:#?}")));
        out.push(format!("{:#?}", target.proved));
    }
    out.push(format!("{:#?}", compiled.claims));
    out
}

/// Compiles a world in both ways; whether the session did it in parts.
fn same(session: &mut Session, setting: &Setting, world: &MemoryWorld, what: &str) -> bool {
    let expected = told(&compile(&setting.input(world)));
    let given = told(session.compile(&setting.input(world)));
    for (expected, given) in expected.iter().zip(&given) {
        assert_eq!(
            expected,
            given,
            "{what}\nin parts: {}\n{}",
            session.is_partial(),
            world
                .files
                .iter()
                .map(|(path, text)| format!("//- {path}\n{text}"))
                .collect::<String>()
        );
    }
    assert_eq!(expected.len(), given.len(), "{what}");
    session.is_partial()
}

/// The places in a text where a word begins.
fn places(text: &str, word: &str) -> Vec<usize> {
    text.match_indices(word).map(|(at, _)| at).collect()
}

/// The lines that hold a rule.
fn rules(lines: &[String]) -> Vec<usize> {
    let is_rule = |line: &String| {
        let line = line.trim_start();
        ["allow ", "deny ", "pass ", "log "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    (0..lines.len()).filter(|at| is_rule(&lines[*at])).collect()
}

/// One random edit of a file; what it is.
fn edit(random: &mut Random, text: &mut String) -> &'static str {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let rules = rules(&lines);
    let what = match random.below(22) {
        0..=3 if !rules.is_empty() => {
            // A digit of a rule: a port, an address, a label.
            let line = &mut lines[*random.pick(&rules)];
            let digits: Vec<usize> = line
                .char_indices()
                .filter(|(_, c)| c.is_ascii_digit())
                .map(|(at, _)| at)
                .collect();
            if digits.is_empty() {
                return "nothing";
            }
            let at = *random.pick(&digits);
            line.replace_range(at..=at, &random.below(10).to_string());
            "a digit"
        }
        4 if !rules.is_empty() => {
            lines.remove(*random.pick(&rules));
            "a rule less"
        }
        5 | 6 if !rules.is_empty() => {
            let (from, to) = (*random.pick(&rules), *random.pick(&rules));
            let line = lines[from].clone();
            lines.insert(to, line);
            "a rule twice"
        }
        7 | 8 if !rules.is_empty() => {
            let (from, to) = (*random.pick(&rules), *random.pick(&rules));
            lines.swap(from, to);
            "two rules exchanged"
        }
        9 if !rules.is_empty() => {
            let line = &mut lines[*random.pick(&rules)];
            *line = match line.contains("allow ") {
                true => line.replacen("allow ", "deny ", 1),
                false => line.replacen("deny ", "allow ", 1),
            };
            "another action"
        }
        10 | 11 => {
            let at = random.below(lines.len() + 1);
            lines.insert(at, "// what a person says".to_owned());
            "a comment"
        }
        12 if !rules.is_empty() => {
            lines[*random.pick(&rules)].push_str(" // why");
            "a comment behind a rule"
        }
        13 if !rules.is_empty() => {
            let clause = random.pick(&[
                " because \"so\"",
                " ticket T-1",
                " until 2026-11-30",
                " until 2026-01-01",
                " excuse rule-never-decides because \"known\"",
                " excuse egress-without-dns because \"known\"",
            ]);
            lines[*random.pick(&rules)].push_str(clause);
            "a clause"
        }
        14 => {
            let policies: Vec<usize> = (0..lines.len())
                .filter(|at| lines[*at].contains("policy "))
                .collect();
            if policies.is_empty() {
                return "nothing";
            }
            let at = *random.pick(&policies);
            lines[at] = lines[at].replacen(" in ", "x in ", 1);
            "another name"
        }
        15 => {
            // A policy less, or twice.
            let begin: Vec<usize> = (0..lines.len())
                .filter(|at| lines[*at].starts_with("policy ") || lines[*at].starts_with("staged "))
                .collect();
            if begin.is_empty() {
                return "nothing";
            }
            let from = *random.pick(&begin);
            let to = (from..lines.len())
                .find(|at| lines[*at] == "}")
                .unwrap_or(lines.len() - 1);
            if random.chance(50) {
                lines.drain(from..=to);
                "a policy less"
            } else {
                let mut copy: Vec<String> = lines[from..=to].to_vec();
                copy[0] = copy[0].replacen("policy ", "policy new-", 1);
                lines.extend(copy);
                "a policy more"
            }
        }
        16 => {
            let at = random.below(text.len());
            let mut broken = text.clone();
            if broken.is_char_boundary(at) && broken.is_char_boundary(at + 1) {
                broken.remove(at);
            }
            *text = broken;
            return "a character less";
        }
        17 => {
            let from = random.pick(&[
                "app=",
                "env=",
                "in blue",
                "in green",
                "in shop",
                "otherwise",
            ]);
            let to = random.pick(&["app=", "env=", "in blue", "in green", "in shop", "in same"]);
            let all = places(text, from);
            if all.is_empty() {
                return "nothing";
            }
            let at = *random.pick(&all);
            text.replace_range(at..at + from.len(), to);
            return "a word";
        }
        18 => {
            lines.push("group nobodys = pods{app=nobody} in *".to_owned());
            "a declaration more"
        }
        19 => {
            let all: Vec<usize> = (0..lines.len())
                .filter(|at| {
                    [
                        "tier ",
                        "namespace ",
                        "team ",
                        "group ",
                        "ports ",
                        "network ",
                        "  pods ",
                    ]
                    .iter()
                    .any(|word| lines[*at].starts_with(word))
                })
                .collect();
            if all.is_empty() {
                return "nothing";
            }
            lines.remove(*random.pick(&all));
            "a declaration less"
        }
        _ if !rules.is_empty() => {
            let line = random.pick(&[
                "    allow tcp 443 to outside",
                "    allow tcp 8080 from pods in same",
                "    allow udp 53 to pods{k8s-app=kube-dns} in kube-system",
                "    deny all from nodes",
            ]);
            lines.insert(*random.pick(&rules), (*line).to_owned());
            "a rule more"
        }
        _ => "nothing",
    };
    *text = lines.join("\n") + "\n";
    what
}

/// Edits a world some times, one file at a time, and sometimes goes back.
fn walk(session: &mut Session, setting: &mut Setting, world: MemoryWorld, seed: u64) -> [usize; 2] {
    let mut random = Random::new(seed);
    let mut history = vec![world];
    let mut done = [0; 2];
    same(
        session,
        setting,
        &history[0],
        &format!("seed {seed}, the first"),
    );
    for step in 0..10 {
        let mut world = history.last().unwrap().clone();
        let what = if history.len() > 1 && random.chance(30) {
            history.pop();
            world.clone_from(history.last().unwrap());
            "back"
        } else {
            let paths: Vec<String> = world.files.keys().cloned().collect();
            let mut what = "nothing";
            for _ in 0..=usize::from(random.chance(20)) {
                let text = world.files.get_mut(random.pick(&paths)).unwrap();
                what = edit(&mut random, text);
            }
            history.push(world.clone());
            what
        };
        if random.chance(3) {
            setting.day += 1;
        }
        let what = format!("seed {seed}, step {step}: {what}");
        done[usize::from(same(session, setting, &world, &what))] += 1;
        // Most edits break something: the way goes on from what is right.
        if random.chance(60) && compile(&setting.input(&world)).has_errors() && history.len() > 1 {
            history.pop();
            let world = history.last().unwrap().clone();
            done[usize::from(same(session, setting, &world, &what))] += 1;
        }
    }
    done
}

fn generated(targets: &[Target], seeds: std::ops::Range<u64>) -> [usize; 2] {
    let mut done = [0; 2];
    for seed in seeds {
        let dial = Dial {
            target: targets[0],
            version: match targets[0] {
                Target::Kubernetes => (1, 33),
                Target::Calico => (3, 30),
                Target::Cilium => (1, 19),
            },
            cni: Some("calico"),
            daring: 0,
        };
        let mut random = Random::new(seed);
        let mut project = project(&mut random, &dial);
        project.cluster.closed = true;
        let mut setting = Setting::of(targets);
        let walked = walk(&mut Session::new(), &mut setting, project.world(), seed);
        done[0] += walked[0];
        done[1] += walked[1];
    }
    println!("{} from nothing, {} in parts", done[0], done[1]);
    done
}

#[test]
fn random_programs_for_calico() {
    let [_, in_parts] = generated(&[Target::Calico], 0..16);
    assert!(in_parts > 30, "only {in_parts} were compiled in parts");
}

#[test]
fn random_programs_for_kubernetes() {
    let [_, in_parts] = generated(&[Target::Kubernetes], 400..412);
    assert!(in_parts > 20, "only {in_parts} were compiled in parts");
}

#[test]
fn random_programs_for_several_targets() {
    generated(&[Target::Kubernetes, Target::Calico], 100..103);
    generated(&[Target::Cilium], 200..202);
    generated(&[Target::Calico, Target::Calico], 300..302);
}

/// A project of two teams with names that only policies use, an order, and a policy that is left out of a target.
fn teams() -> MemoryWorld {
    let root = "\
cluster c {
  pods 10.0.0.0/8
  services 172.20.0.0/14
  nodes 192.168.0.0/16
  ipv6 none
  namespaces closed
  overlay none
  cni calico
}
tier security
tier app { otherwise deny }
service dns = udp 53, tcp 53 on pods{k8s-app=kube-dns} in kube-system
group everybody = pods in * except pods in kube-system
network partners = 203.0.113.0/24, 198.51.100.0/24
ports web = tcp 80, tcp 443
profile talkative(peer) {
  egress { allow tcp 8000 to peer }
}
default {
  for everybody
  ingress { }
  egress { }
}
team platform { owners @acme/platform grants all folder . }
team shop { owners @acme/shop namespaces shop, shop-* tiers app }
team books { owners @acme/books namespaces books tiers app }
namespace kube-system { }
namespace shop { team=shop }
namespace shop-test { team=shop }
namespace books { team=books }
";
    let shop = "\
group carts = pods{app=cart} in shop

policy cart in app {
  for carts
  ingress { allow web from pods{app=front} in same }
  egress { allow tcp 5432 to pods{app=db} in same }
}

policy front in app before late {
  for pods{app=front} in shop, pods{app=front} in shop-test
  include talkative(pods{app=cart} in shop)
  ingress { allow tcp 443 from outside }
}

policy late in app {
  for pods{app=front} in shop
  ingress { deny tcp 443 from partners }
  egress { allow tcp 443 to partners }
}
";
    let books = "\
policy api in app {
  for pods{app=api} in books
  ingress { allow tcp 8080 from pods{app=cart} in shop }
  egress {
    allow dns
    allow tcp 443 to outside except 10.0.0.0/8
  }
}
";
    let mut world = MemoryWorld::default();
    for (path, text) in [
        ("main.vau", root),
        ("shop/shop.vau", shop),
        ("books/books.vau", books),
    ] {
        world.files.insert(path.to_owned(), text.to_owned());
    }
    world
}

/// Edits by hand, each of which touches one thing that is kept: in which order they come does not matter to the answer.
#[test]
fn what_is_kept_is_told_apart() {
    let edits: &[(&str, &str, &str, bool)] = &[
        // A port; a network is no longer used; a group, the only one; a profile.
        ("shop/shop.vau", "5432", "5433", true),
        (
            "shop/shop.vau",
            "deny tcp 443 from partners",
            "deny tcp 443 from 203.0.113.0/24",
            true,
        ),
        (
            "shop/shop.vau",
            "allow tcp 443 to partners",
            "allow tcp 443 to outside",
            true,
        ),
        (
            "shop/shop.vau",
            "  for carts",
            "  for pods{app=cart} in shop",
            true,
        ),
        (
            "shop/shop.vau",
            "  include talkative(pods{app=cart} in shop)\n",
            "",
            true,
        ),
        (
            "books/books.vau",
            "allow dns",
            "allow udp 53 to pods{k8s-app=kube-dns} in kube-system",
            true,
        ),
        // A policy goes to another namespace, and to all.
        (
            "shop/shop.vau",
            "in shop, pods{app=front} in shop-test",
            "in shop-test",
            true,
        ),
        (
            "shop/shop.vau",
            "in shop, pods{app=front} in shop-test",
            "in *",
            false,
        ),
        // Places shift; documentation.
        (
            "shop/shop.vau",
            "policy cart",
            "/// Carts.\npolicy cart",
            true,
        ),
        (
            "shop/shop.vau",
            "group carts",
            "// Carts.\ngroup carts",
            false,
        ),
        (
            "books/books.vau",
            "policy api",
            "// The API.\npolicy api",
            true,
        ),
        // What others can know.
        ("shop/shop.vau", " before late", "", false),
        ("shop/shop.vau", "policy late", "policy latest", false),
        (
            "books/books.vau",
            "policy api in app",
            "staged policy api in app",
            false,
        ),
        (
            "books/books.vau",
            "policy api in app",
            "policy api in security",
            false,
        ),
        ("main.vau", "tcp 443", "tcp 8443", false),
        (
            "main.vau",
            "namespace books { team=books }",
            "namespace books { team=shop }",
            false,
        ),
        (
            "main.vau",
            "otherwise deny",
            "otherwise deny and log",
            false,
        ),
        // Excuses, dates, and what closes.
        (
            "books/books.vau",
            "allow dns",
            "allow dns excuse half-open-flow because \"known\"",
            true,
        ),
        (
            "books/books.vau",
            "allow dns",
            "allow dns until 2027-01-01",
            true,
        ),
        ("books/books.vau", "    allow dns\n", "", true),
        ("books/books.vau", "allow tcp 8080", "deny tcp 8080", true),
        ("books/books.vau", "8080", "808", true),
    ];
    for targets in [
        &[Target::Calico][..],
        &[][..],
        &[Target::Calico, Target::Kubernetes][..],
    ] {
        let mut session = Session::new();
        let mut setting = Setting::of(targets);
        let first = teams();
        let mut unlike = Vec::new();
        same(&mut session, &setting, &first, "the first");
        let errors = compile(&setting.input(&first)).diagnostics;
        let errors: Vec<_> = errors
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        for (path, from, to, in_parts) in edits {
            let mut world = first.clone();
            let text = world.files.get_mut(*path).unwrap();
            assert!(text.contains(from), "{from}");
            *text = text.replacen(from, to, 1);
            let what = format!("`{from}` to `{to}` for {targets:?}");
            if same(&mut session, &setting, &world, &what) != *in_parts {
                unlike.push(what.clone());
            }
            same(&mut session, &setting, &first, &format!("back from {what}"));
        }
        assert!(unlike.is_empty(), "{unlike:#?}");
        setting.lints.insert("unused-name".into(), Level::Deny);
        same(&mut session, &setting, &first, "other levels");
        for (path, from, to, _) in edits {
            let mut world = first.clone();
            let text = world.files.get_mut(*path).unwrap();
            *text = text.replacen(from, to, 1);
            same(&mut session, &setting, &world, "other levels");
        }
    }
}

#[test]
fn edits_by_chance_of_two_teams() {
    for seed in 0..8 {
        let mut setting = Setting::of(&[Target::Calico]);
        if seed % 4 == 3 {
            setting.targets[0].without.push("books".into());
        }
        walk(&mut Session::new(), &mut setting, teams(), 1000 + seed);
    }
}

/// Enough rules that no two of them are compared: what is asked of one policy at a time is asked again of those that changed.
#[test]
fn a_large_program() {
    let mut world = teams();
    for namespace in ["shop", "books"] {
        let mut text = String::new();
        for policy in 0..11 {
            text += &format!(
                "policy many-{policy} in app {{\n  for pods{{app=m{policy}}} in {namespace}\n  egress {{\n"
            );
            for port in 0..1000 {
                text += &format!(
                    "    allow tcp {} to pods{{app=m}} in same\n",
                    1000 + port * 2
                );
            }
            text += "  }\n}\n";
        }
        world.files.insert(format!("{namespace}/many.vau"), text);
    }
    let mut setting = Setting::of(&[Target::Calico]);
    setting.proof = Prove::Nothing;
    let mut session = Session::new();
    same(&mut session, &setting, &world, "the first");
    let edits = [
        (
            "books/many.vau",
            "    allow tcp 1000 ",
            "    allow tcp 999 ",
        ),
        (
            "books/many.vau",
            "    allow tcp 1010 to pods{app=m} in same\n",
            "",
        ),
        ("books/books.vau", "allow dns", "allow tcp 53 to outside"),
        (
            "shop/shop.vau",
            "allow tcp 5432 to pods",
            "allow dns\nallow tcp 5432 to pods",
        ),
        (
            "shop/shop.vau",
            "allow tcp 443 to partners",
            "allow tcp 443 to outside",
        ),
        (
            "shop/shop.vau",
            "in shop, pods{app=front} in shop-test",
            "in shop",
        ),
    ];
    let mut in_parts = 0;
    for (path, from, to) in edits {
        let text = world.files.get_mut(path).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
        let what = format!("`{from}` to `{to}`");
        in_parts += usize::from(same(&mut session, &setting, &world, &what));
    }
    assert_eq!(in_parts, edits.len());
}
