//! What stands below the board: teams, rules that end, what is staged, what was proved and found, and the ground.

use serde::Serialize;

use super::{Ending, Maker, Name, rules, shortened, word};
use crate::diagnostic::Severity;
use crate::model::{Policy, PolicyId, Rule, Test};
use crate::prove::{Asked, Standing};
use crate::space::{AddressSet, Direction, Value, ValueSet};

/// So many rows of a table are shown; the last then says how many are not.
pub(super) const ROWS: usize = 1_000;

/// A number that is seen first.
#[derive(Serialize)]
pub(super) struct Tile {
    value: String,
    label: String,
    /// Where to read on.
    link: Option<&'static str>,
    /// `good`, `bad`, or nothing.
    tone: &'static str,
}

/// A row of the table of teams.
#[derive(Serialize)]
pub(super) struct Team {
    team: super::Team,
    owners: String,
    folder: String,
    namespaces: String,
    grants: String,
    policies: usize,
    rules: usize,
}

/// A rule with a last day.
#[derive(Serialize)]
pub(super) struct Ends {
    ending: Ending,
    policy: Name,
    rule: String,
    action: &'static str,
    ticket: String,
    because: String,
}

/// A staged policy.
#[derive(Serialize)]
pub(super) struct Staged {
    policy: Name,
    tier: String,
    doc: String,
}

/// A test or a guard.
#[derive(Serialize)]
pub(super) struct Claims {
    kind: &'static str,
    name: String,
    place: String,
    statements: Vec<Statement>,
}

/// A statement of it.
#[derive(Serialize)]
pub(super) struct Statement {
    text: String,
    /// `holds`, `fails`, `not covered`, `undecided` or `not asked`
    standing: &'static str,
    why: String,
}

/// A warning or a note.
#[derive(Serialize)]
pub(super) struct Finding {
    severity: &'static str,
    name: &'static str,
    message: String,
    notes: Vec<String>,
    place: String,
}

/// A manifest that somebody wrote by hand.
#[derive(Serialize)]
pub(super) struct Raw {
    path: String,
    team: Option<super::Team>,
    of: &'static str,
    overlaps: bool,
    place: String,
}

/// A part of manifests that is not decided.
#[derive(Serialize)]
pub(super) struct Unread {
    object: String,
    direction: &'static str,
    why: String,
}

/// A fact of the cluster.
#[derive(Serialize)]
pub(super) struct Fact {
    name: &'static str,
    value: String,
}

/// A namespace.
#[derive(Serialize)]
pub(super) struct Namespace {
    name: String,
    labels: Vec<String>,
}

impl Maker<'_> {
    pub(super) fn tiles(&self) -> Vec<Tile> {
        let program = self.program;
        let tile = |value: String, label: &str, link, tone| Tile {
            value,
            label: label.to_owned(),
            link,
            tone,
        };
        let shown: Vec<&Policy> = program
            .policies
            .iter()
            .filter(|policy| super::is_shown(self.page, policy))
            .collect();
        let staged = shown.iter().filter(|policy| policy.staged).count();
        let all_rules: usize = shown.iter().map(|policy| rules(policy).count()).sum();
        let mut tiles = vec![
            tile(
                program.tiers.len().to_string(),
                plural(program.tiers.len(), "tier", "tiers"),
                Some("board"),
                "",
            ),
            tile(
                shown.len().to_string(),
                plural(shown.len(), "policy", "policies"),
                Some("policies"),
                "",
            ),
            tile(
                all_rules.to_string(),
                plural(all_rules, "rule", "rules"),
                Some("policies"),
                "",
            ),
        ];
        if !program.teams.is_empty() {
            let count = program.teams.len();
            tiles.push(tile(
                count.to_string(),
                plural(count, "team", "teams"),
                Some("teams"),
                "",
            ));
        }
        if staged > 0 {
            tiles.push(tile(
                staged.to_string(),
                "staged, deciding nothing",
                Some("staged"),
                "",
            ));
        }
        let coming = self.with_last_day().len();
        if coming > 0 {
            tiles.push(tile(
                coming.to_string(),
                plural(coming, "rule with a last day", "rules with a last day"),
                Some("endings"),
                "",
            ));
        }
        if let Some(proved) = self.page.proved {
            let holds = |asked: &&Asked| asked.claim.standing == Standing::Holds;
            let hold = proved.claims.iter().filter(holds).count();
            let all = proved.claims.len();
            if all > 0 {
                tiles.push(tile(
                    format!("{hold} of {all}"),
                    "statements of tests and guards hold",
                    Some("claims"),
                    if hold == all { "good" } else { "bad" },
                ));
            }
        }
        let found = self.page.findings.len();
        if found > 0 {
            tiles.push(tile(
                found.to_string(),
                plural(found, "finding", "findings"),
                Some("findings"),
                "",
            ));
        }
        let unread = self.page.side.unread.len();
        if unread > 0 {
            tiles.push(tile(
                unread.to_string(),
                plural(unread, "part not decided", "parts not decided"),
                Some("unread"),
                "bad",
            ));
        }
        tiles
    }

    pub(super) fn teams(&self) -> Vec<Team> {
        let teams = self.program.teams.iter();
        teams
            .filter_map(|team| {
                let own = |policy: &&Policy| policy.owner == team.name;
                Some(Team {
                    team: self.team(&team.name)?,
                    owners: or(team.owners.join(" "), "nobody"),
                    folder: format!("{}{}", self.page.side.prefix, team.folder),
                    namespaces: match team.all {
                        true => "any".to_owned(),
                        false => values(&team.namespaces),
                    },
                    grants: if team.all { "all" } else { "" }.to_owned(),
                    policies: self.program.policies.iter().filter(own).count(),
                    rules: self
                        .program
                        .policies
                        .iter()
                        .filter(own)
                        .map(|policy| rules(policy).count())
                        .sum(),
                })
            })
            .collect()
    }

    /// The rules that have a last day, the nearest first.
    pub(super) fn with_last_day(&self) -> Vec<(&Rule, Name)> {
        let mut found: Vec<(&Rule, Name)> = Vec::new();
        for (at, policy) in self.program.policies.iter().enumerate() {
            let ends = rules(policy).filter(|rule| rule.until.is_some());
            if self.is_shown(at) {
                found.extend(ends.map(|rule| (rule, self.name(PolicyId(at as u32)))));
            }
        }
        if let Some(default) = &self.program.default {
            let blocks = Direction::BOTH.map(|direction| default.block(direction));
            let rules = blocks.into_iter().flatten().flat_map(|block| &block.rules);
            found.extend(rules.filter(|rule| rule.until.is_some()).map(|rule| {
                let name = Name {
                    name: "default".to_owned(),
                    anchor: Some("policy-default".to_owned()),
                    team: None,
                };
                (rule, name)
            }));
        }
        found.sort_by_key(|(rule, _)| rule.until);
        found
    }

    pub(super) fn endings(&self) -> Vec<Ends> {
        self.with_last_day()
            .into_iter()
            .filter_map(|(rule, policy)| {
                Some(Ends {
                    ending: self.ending(rule)?,
                    policy,
                    action: word(rule.action),
                    rule: shortened(&rule.text),
                    ticket: rule.ticket.as_deref().map(shortened).unwrap_or_default(),
                    because: rule.because.as_deref().map(shortened).unwrap_or_default(),
                })
            })
            .take(ROWS)
            .collect()
    }

    pub(super) fn staged(&self) -> Vec<Staged> {
        let all = self.program.policies.iter().enumerate();
        all.filter(|(at, policy)| policy.staged && self.is_shown(*at))
            .take(ROWS)
            .map(|(at, policy)| Staged {
                policy: self.name(PolicyId(at as u32)),
                tier: self.program.tiers[policy.tier.0 as usize].name.to_string(),
                doc: shortened(&policy.doc.join(" ")),
            })
            .collect()
    }

    pub(super) fn claims(&self) -> Vec<Claims> {
        let kinds = [
            ("guard", &self.program.guards),
            ("test", &self.program.tests),
        ];
        let mut claims = Vec::new();
        for (kind, tests) in kinds {
            for (at, test) in tests.iter().enumerate() {
                claims.push(self.claim(kind, at, test));
            }
        }
        claims.truncate(ROWS);
        claims
    }

    fn claim(&self, kind: &'static str, at: usize, test: &Test) -> Claims {
        let asked = |check: usize| {
            self.page.proved.and_then(|proved| {
                proved.claims.iter().find(|asked| {
                    (asked.guard, asked.test, asked.check) == (kind == "guard", at, check)
                })
            })
        };
        Claims {
            kind,
            name: shortened(&test.name),
            place: self.place(test.span),
            statements: test
                .checks
                .iter()
                .enumerate()
                .map(|(number, check)| {
                    let (standing, why) = match asked(number) {
                        None => ("not asked", String::new()),
                        Some(asked) => standing(asked),
                    };
                    Statement {
                        text: self.written(check.span),
                        standing,
                        why: shortened(&why),
                    }
                })
                .collect(),
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let found = self.page.findings.iter().take(ROWS);
        found
            .map(|one| Finding {
                severity: match one.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Note => "note",
                },
                name: one.name,
                message: shortened(&one.message),
                notes: one.notes.iter().map(|note| shortened(note)).collect(),
                place: one
                    .primary
                    .as_ref()
                    .map(|label| self.place(label.span))
                    .unwrap_or_default(),
            })
            .collect()
    }

    pub(super) fn raws(&self) -> Vec<Raw> {
        let raws = self.program.raws.iter();
        raws.filter(|raw| raw.backend == self.page.side.spec.backend)
            .take(ROWS)
            .map(|raw| Raw {
                path: format!("{}{}", self.page.side.prefix, raw.path),
                team: self.team(&raw.owner),
                of: raw.backend.word(),
                overlaps: raw.overlaps,
                place: self.place(raw.span),
            })
            .collect()
    }

    pub(super) fn unread(&self) -> Vec<Unread> {
        let unread = self.page.side.unread.iter().take(ROWS);
        unread
            .map(|part| Unread {
                object: part.object.to_string(),
                direction: part.direction.word(),
                why: shortened(&part.why),
            })
            .collect()
    }

    pub(super) fn facts(&self) -> Vec<Fact> {
        let cluster = &self.program.cluster;
        let mut facts = Vec::new();
        for (name, set) in [
            ("pods", &cluster.pods),
            ("services", &cluster.services),
            ("nodes", &cluster.nodes),
            ("API server", &cluster.apiserver),
        ] {
            if let Some(set) = set {
                let value = addresses(set);
                facts.push(Fact { name, value });
            }
        }
        for (said, name, value) in [
            (cluster.ipv4_none, "IPv4", "none"),
            (cluster.ipv6_none, "IPv6", "none"),
            (
                cluster.host_endpoints_automatic,
                "host endpoints",
                "automatic",
            ),
            (cluster.sctp, "SCTP", "carried"),
            (cluster.node_labels, "labels of nodes", "known"),
            (cluster.extended_protocols, "further protocols", "enforced"),
        ] {
            if said {
                let value = value.to_owned();
                facts.push(Fact { name, value });
            }
        }
        if let Some(overlay) = cluster.overlay {
            let value = format!("{overlay:?}").to_lowercase();
            facts.push(Fact {
                name: "overlay",
                value,
            });
        }
        if let Some(cni) = cluster.cni {
            let value = format!("{cni:?}").to_lowercase();
            facts.push(Fact { name: "CNI", value });
        }
        facts
    }

    pub(super) fn namespaces(&self) -> Vec<Namespace> {
        let namespaces = self.program.namespaces.iter().take(ROWS);
        namespaces
            .map(|namespace| Namespace {
                name: namespace.name.to_string(),
                labels: namespace
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect(),
            })
            .collect()
    }
}

fn standing(asked: &Asked) -> (&'static str, String) {
    match &asked.claim.standing {
        Standing::Holds => (
            "holds",
            match &asked.claim.uncovered {
                Some(part) => format!("but for {part}, which is not covered"),
                None => String::new(),
            },
        ),
        Standing::Fails(failed) => {
            let flow = failed.egress.as_ref().or(failed.ingress.as_ref());
            ("fails", flow.map(ToString::to_string).unwrap_or_default())
        }
        Standing::NotCovered(why) => ("not covered", why.clone()),
        Standing::TooLarge(fault) => ("undecided", fault.to_string()),
    }
}

fn addresses(set: &AddressSet) -> String {
    let networks = set.networks();
    let all: Vec<String> = networks.iter().map(ToString::to_string).collect();
    shortened(&all.join(", "))
}

fn values(set: &ValueSet) -> String {
    let list = |values: &[Value]| {
        let names: Vec<&str> = values.iter().flatten().map(|name| name.as_str()).collect();
        names.join(", ")
    };
    match set {
        ValueSet::In(names) => or(shortened(&list(names)), "none"),
        ValueSet::NotIn(names) if names.iter().flatten().next().is_none() => "any".to_owned(),
        ValueSet::NotIn(names) => format!("any but {}", shortened(&list(names))),
    }
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() {
        other.to_owned()
    } else {
        text
    }
}

fn plural<'a>(count: usize, one: &'a str, more: &'a str) -> &'a str {
    if count == 1 { one } else { more }
}
