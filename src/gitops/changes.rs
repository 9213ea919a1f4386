//! Who is touched by a change of what is meant.
//!
//! Takes: two programs of one target, before and after. Gives: the teams whose pods a changed policy selects, whose pods are the
//! other end of a changed rule, or which changed themselves, with the reasons. Looks at what rules match and decide, so that a new name for the same pods, a
//! comment or a reason is no change; and rather names a team too many: of rules between the first and the last that differ, all count.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;
use time::Date;

use crate::model::{Action, Block, Clause, Namespace, Otherwise, Program, Rule};
use crate::space::{Namespaces, Pods, ValueSet};

/// Who answers for pods in namespaces that no team has.
pub const ROOT: &str = "root";

/// Why a team is concerned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A policy that changed selects pods of its namespaces: the policy's full name.
    Selected(SmolStr),
    /// Pods of its namespaces are the other end of a rule that changed.
    Peer {
        /// The policy's full name.
        policy: SmolStr,
        /// The rule's text.
        rule: SmolStr,
        /// Whether the rule is there after the change; otherwise it was there before.
        now: bool,
    },
    /// A namespace of its own came, went or got other labels: its name.
    Namespace(SmolStr),
    /// The team itself came, went, or has other owners, another folder, other namespaces, or no longer the same freedom.
    Team,
}

/// The teams that are concerned, by name, [`ROOT`] for pods that no team has; `None` stands for a target that was or is not there.
pub fn concerned(
    before: Option<&Program>,
    after: Option<&Program>,
) -> BTreeMap<SmolStr, BTreeSet<Reason>> {
    let mut found = Found::default();
    let (old_ground, new_ground) = (before.map(Ground::new), after.map(Ground::new));
    let (old, new) = (sides(old_ground.as_ref()), sides(new_ground.as_ref()));
    let names: BTreeSet<&SmolStr> = old.keys().chain(new.keys()).collect();
    for name in names {
        found.compare(name, old.get(name), new.get(name));
    }
    found.namespaces(before, after);
    found.teams(before, after);
    found.teams
}

/// A policy, or `default`, as far as it matters.
struct Side<'a> {
    ground: &'a Ground<'a>,
    frame: Frame<'a>,
    blocks: [Option<&'a Block>; 2],
}

/// What all rules of a policy depend on.
#[derive(PartialEq)]
struct Frame<'a> {
    /// The tiers up to its own, with their ends; all of them for `default`.
    tiers: Vec<(&'a SmolStr, Otherwise)>,
    staged: bool,
    /// The policies that decide before it.
    after: BTreeSet<SmolStr>,
    subject: &'a [Pods],
    /// Whether it has the blocks.
    has: [bool; 2],
}

fn sides<'a>(ground: Option<&'a Ground<'a>>) -> BTreeMap<SmolStr, Side<'a>> {
    let mut all = BTreeMap::new();
    let Some(ground) = ground else {
        return all;
    };
    let program = ground.program;
    let tiers = |count: usize| {
        let tiers = program.tiers.iter().take(count);
        tiers.map(|tier| (&tier.name, tier.otherwise)).collect()
    };
    for policy in &program.policies {
        let before = policy
            .after
            .iter()
            .map(|id| program.policy(*id).qualified());
        let side = Side {
            ground,
            frame: Frame {
                tiers: tiers(policy.tier.0 as usize + 1),
                staged: policy.staged,
                after: before.collect(),
                subject: &policy.subject,
                has: [policy.ingress.is_some(), policy.egress.is_some()],
            },
            blocks: [policy.ingress.as_ref(), policy.egress.as_ref()],
        };
        all.insert(policy.qualified(), side);
    }
    if let Some(default) = &program.default {
        let side = Side {
            ground,
            frame: Frame {
                tiers: tiers(program.tiers.len()),
                staged: false,
                after: BTreeSet::new(),
                subject: &default.subject,
                has: [default.ingress.is_some(), default.egress.is_some()],
            },
            blocks: [default.ingress.as_ref(), default.egress.as_ref()],
        };
        // A word that no policy can be named.
        all.insert(SmolStr::new_static("default"), side);
    }
    all
}

/// What a rule does, without its words and its place.
fn meaning(rule: &Rule) -> (Action, bool, &[Clause], Option<Date>) {
    (rule.action, rule.log, &rule.clauses, rule.until)
}

/// The rules of both sides from the first to the last that differ.
fn differing<'r>(old: &'r [Rule], new: &'r [Rule]) -> (&'r [Rule], &'r [Rule]) {
    let same = |(a, b): &(&Rule, &Rule)| meaning(a) == meaning(b);
    let front = old.iter().zip(new).take_while(same).count();
    let (old, new) = (&old[front..], &new[front..]);
    let back = old.iter().rev().zip(new.iter().rev());
    let back = back.take_while(same).count();
    (&old[..old.len() - back], &new[..new.len() - back])
}

#[derive(Default)]
struct Found {
    teams: BTreeMap<SmolStr, BTreeSet<Reason>>,
}

impl Found {
    fn add(&mut self, teams: BTreeSet<SmolStr>, reason: &Reason) {
        for team in teams {
            self.teams.entry(team).or_default().insert(reason.clone());
        }
    }

    fn compare(&mut self, name: &SmolStr, old: Option<&Side<'_>>, new: Option<&Side<'_>>) {
        let whole = match (old, new) {
            (Some(old), Some(new)) => old.frame != new.frame,
            _ => true,
        };
        let rules = |side: Option<&Side<'_>>, at: usize| -> Vec<Rule> {
            let block = side.and_then(|side| side.blocks[at]);
            block.map(|block| block.rules.clone()).unwrap_or_default()
        };
        let mut changed = whole;
        for at in [0, 1] {
            let (before, after) = (rules(old, at), rules(new, at));
            let (before, after) = if whole {
                (&before[..], &after[..])
            } else {
                differing(&before, &after)
            };
            changed |= !before.is_empty() || !after.is_empty();
            for (side, rules, now) in [(old, before, false), (new, after, true)] {
                for rule in rules {
                    let Some(side) = side else {
                        continue;
                    };
                    let reason = Reason::Peer {
                        policy: name.clone(),
                        rule: rule.text.clone(),
                        now,
                    };
                    for clause in &rule.clauses {
                        let subject = clause.subject.as_deref().unwrap_or(side.frame.subject);
                        let peers = side.ground.owners(&clause.peers.pods, subject);
                        self.add(peers, &reason);
                    }
                }
            }
        }
        if changed {
            for side in [old, new].into_iter().flatten() {
                let owners = side.ground.owners(side.frame.subject, &[]);
                self.add(owners, &Reason::Selected(name.clone()));
            }
        }
    }

    fn teams(&mut self, before: Option<&Program>, after: Option<&Program>) {
        let (old, new) = (teams(before), teams(after));
        let names: BTreeSet<&SmolStr> = old.keys().chain(new.keys()).copied().collect();
        for name in names {
            if old.get(name) != new.get(name) {
                self.add(BTreeSet::from([name.clone()]), &Reason::Team);
            }
        }
    }

    fn namespaces(&mut self, before: Option<&Program>, after: Option<&Program>) {
        let labels = |program: Option<&Program>| -> BTreeMap<SmolStr, Vec<(SmolStr, SmolStr)>> {
            let declared = program.into_iter().flat_map(|program| &program.namespaces);
            declared
                .map(|namespace| (namespace.name.clone(), namespace.labels.clone()))
                .collect()
        };
        let (old, new) = (labels(before), labels(after));
        let names: BTreeSet<&SmolStr> = old.keys().chain(new.keys()).collect();
        for name in names {
            if old.get(name) == new.get(name) {
                continue;
            }
            for program in [before, after].into_iter().flatten() {
                let teams = teams_of(program, name);
                self.add(teams, &Reason::Namespace(name.clone()));
            }
        }
    }
}

/// What a team is, by name, without its place.
fn teams(program: Option<&Program>) -> BTreeMap<&SmolStr, (&[SmolStr], &SmolStr, &ValueSet, bool)> {
    let teams = program.into_iter().flat_map(|program| &program.teams);
    teams
        .map(|team| {
            let what = (&team.owners[..], &team.folder, &team.namespaces, team.all);
            (&team.name, what)
        })
        .collect()
}

/// The teams that a namespace belongs to; [`ROOT`] if there is none.
fn teams_of(program: &Program, namespace: &str) -> BTreeSet<SmolStr> {
    let teams: BTreeSet<SmolStr> = program
        .teams
        .iter()
        .filter(|team| team.namespaces.contains(Some(namespace)))
        .map(|team| team.name.clone())
        .collect();
    if teams.is_empty() {
        BTreeSet::from([SmolStr::new_static(ROOT)])
    } else {
        teams
    }
}

/// The namespaces that are known of.
struct Ground<'a> {
    program: &'a Program,
    namespaces: BTreeMap<SmolStr, Known<'a>>,
}

/// A namespace.
struct Known<'a> {
    /// With its labels, if it is declared.
    declared: Option<&'a Namespace>,
    teams: BTreeSet<SmolStr>,
}

impl<'a> Ground<'a> {
    fn new(program: &'a Program) -> Self {
        let declared = program.namespaces.iter();
        let declared = declared.map(|namespace| (&namespace.name, Some(namespace)));
        let named = program
            .teams
            .iter()
            .filter_map(|team| match &team.namespaces {
                ValueSet::In(names) => Some(names.iter().flatten()),
                ValueSet::NotIn(_) => None,
            });
        let named = named.flatten().chain(&program.undeclared);
        let mut namespaces = BTreeMap::new();
        for (name, declared) in declared.chain(named.map(|name| (name, None))) {
            namespaces.entry(name.clone()).or_insert_with(|| Known {
                declared,
                teams: teams_of(program, name),
            });
        }
        Ground {
            program,
            namespaces,
        }
    }

    /// The namespaces that a set can have, as far as its relations to a subject do not matter.
    fn among<'g>(
        &'g self,
        set: &'g Namespaces,
    ) -> Box<dyn Iterator<Item = (&'g SmolStr, &'g Known<'a>)> + 'g> {
        let admitted =
            move |(name, known): &(&SmolStr, &Known<'a>)| admits(set, name, known.declared);
        match &set.names {
            // Most sets name their namespaces; then the others need not be looked at.
            ValueSet::In(names) => Box::new(
                names
                    .iter()
                    .flatten()
                    .filter_map(|name| self.namespaces.get_key_value(name))
                    .filter(admitted),
            ),
            ValueSet::NotIn(_) => Box::new(self.namespaces.iter().filter(admitted)),
        }
    }

    /// The teams in whose namespaces some of the pods can be; `subject` is what `same` compares with.
    fn owners(&self, pods: &[Pods], subject: &[Pods]) -> BTreeSet<SmolStr> {
        let mut owners = BTreeSet::new();
        for set in pods.iter().map(|pods| &pods.namespaces) {
            if set.same.is_empty() {
                for (_, known) in self.among(set) {
                    owners.extend(known.teams.iter().cloned());
                }
                continue;
            }
            let from: BTreeSet<&SmolStr> = subject
                .iter()
                .flat_map(|subject| self.among(&subject.namespaces))
                .map(|(name, _)| name)
                .collect();
            for from in from {
                let label = |key: &str| self.namespaces[from].declared.and_then(|it| it.label(key));
                if let Some(seen) = set.seen_from(from, label) {
                    for (_, known) in self.among(&seen) {
                        owners.extend(known.teams.iter().cloned());
                    }
                }
            }
        }
        owners
    }
}

/// Whether a set can have a namespace; of one that is not declared the labels are not known, so any could be right.
fn admits(namespaces: &Namespaces, name: &str, declared: Option<&Namespace>) -> bool {
    namespaces.names.contains(Some(name))
        && declared.is_none_or(|known| namespaces.labels.matches(|key| known.label(key)))
}
