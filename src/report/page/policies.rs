//! Policies written out, with every rule in the author's words and in full.

use serde::Serialize;

use super::{Ending, Maker, Name, shortened, word};
use crate::analyze::Origin;
use crate::model::{Action, Block, Otherwise, PolicyId, Rule, TierId};
use crate::space::{Direction, Pods};

/// How many of a rule's clauses, or of a subject's parts, are written out.
const PARTS: usize = 6;

/// The policies of a tier that are written out.
#[derive(Serialize)]
pub(super) struct Chapter {
    title: String,
    anchor: String,
    pub(super) policies: Vec<Written>,
}

/// A policy, or the default.
#[derive(Serialize)]
pub(super) struct Written {
    policy: Name,
    staged: bool,
    /// Whether a rule of it ends some day.
    ends: bool,
    place: String,
    doc: Vec<String>,
    after: Vec<Name>,
    before: Vec<Name>,
    subject: Vec<String>,
    /// Ingress, then egress.
    blocks: Vec<Rules>,
}

/// A direction.
#[derive(Serialize)]
pub(super) struct Rules {
    direction: &'static str,
    /// Whether the policy has no block for it.
    silent: bool,
    rules: Vec<Line>,
    /// What becomes of what the block does not decide.
    end: Option<&'static str>,
    /// Whether that is a denial.
    denies: bool,
}

/// A rule.
#[derive(Serialize)]
pub(super) struct Line {
    action: &'static str,
    records: bool,
    /// What follows the action, as written.
    text: String,
    /// What it comes to, where that is not what is written.
    full: Vec<String>,
    doc: String,
    because: Option<String>,
    ticket: Option<String>,
    ending: Option<Ending>,
    excused: Vec<String>,
    /// Where it is written, if that is not in the policy's file.
    place: Option<String>,
}

impl Maker<'_> {
    pub(super) fn chapters(&self) -> Vec<Chapter> {
        let mut before = vec![Vec::new(); self.program.policies.len()];
        for (at, policy) in self.program.policies.iter().enumerate() {
            for id in &policy.after {
                before[id.0 as usize].push(PolicyId(at as u32));
            }
        }
        let mut chapters: Vec<Chapter> = self
            .program
            .tiers
            .iter()
            .enumerate()
            .map(|(at, tier)| Chapter {
                title: tier.name.to_string(),
                anchor: format!("tier-{}", at + 1),
                policies: self
                    .of_tier(TierId(at as u32))
                    .into_iter()
                    .filter(|id| self.anchors.policy(*id).is_some())
                    .map(|id| self.policy(id, &before[id.0 as usize], tier.otherwise))
                    .collect(),
            })
            .collect();
        chapters.push(Chapter {
            title: "default".to_owned(),
            anchor: "tier-default".to_owned(),
            policies: self.default().into_iter().collect(),
        });
        chapters
    }

    fn policy(&self, id: PolicyId, before: &[PolicyId], otherwise: Otherwise) -> Written {
        let policy = self.program.policy(id);
        let end = match otherwise {
            Otherwise::Pass => "what it does not decide goes to the next tier",
            Otherwise::Deny => "what no policy of the tier decides is denied",
            Otherwise::DenyAndLog => "what no policy of the tier decides is denied and recorded",
        };
        let names = |ids: &[PolicyId]| ids.iter().map(|id| self.name(*id)).collect();
        Written {
            policy: self.name(id),
            staged: policy.staged,
            place: self.place(policy.span),
            doc: policy.doc.iter().map(|line| shortened(line)).collect(),
            after: names(&policy.after),
            before: names(before),
            ..self.body(
                &policy.subject,
                Direction::BOTH.map(|direction| policy.block(direction)),
                (end, otherwise.denies()),
                policy.span.file,
            )
        }
    }

    fn default(&self) -> Option<Written> {
        let default = self.program.default.as_ref()?;
        Some(Written {
            place: self.place(default.span),
            doc: default.doc.iter().map(|line| shortened(line)).collect(),
            ..self.body(
                &default.subject,
                Direction::BOTH.map(|direction| default.block(direction)),
                ("everything else is denied", true),
                default.span.file,
            )
        })
    }

    /// What a policy and the default have in common; the rest is that of the default.
    fn body(
        &self,
        subject: &[Pods],
        blocks: [Option<&Block>; 2],
        (end, denies): (&'static str, bool),
        file: crate::source::FileId,
    ) -> Written {
        let both = Direction::BOTH.into_iter().zip(blocks);
        Written {
            policy: Name {
                name: "default".to_owned(),
                anchor: Some("policy-default".to_owned()),
                team: None,
            },
            staged: false,
            ends: blocks
                .iter()
                .flatten()
                .flat_map(|block| &block.rules)
                .any(|rule| rule.until.is_some()),
            place: String::new(),
            doc: Vec::new(),
            after: Vec::new(),
            before: Vec::new(),
            subject: parts(subject.iter().map(ToString::to_string).collect()),
            blocks: both
                .map(|(direction, block)| {
                    let rules = block.map(|block| &block.rules[..]).unwrap_or_default();
                    Rules {
                        direction: direction.word(),
                        silent: block.is_none(),
                        rules: rules
                            .iter()
                            .map(|rule| self.line(rule, direction, file))
                            .collect(),
                        // That the next tier comes next is said of those that have nothing else to say.
                        end: (denies || rules.is_empty()).then_some(end),
                        denies,
                    }
                })
                .collect(),
        }
    }

    fn line(&self, rule: &Rule, direction: Direction, file: crate::source::FileId) -> Line {
        let records = rule.log || rule.action == Action::Log;
        let written = match rule.text.strip_prefix(word(rule.action)) {
            Some(rest) => rest.strip_prefix(" and log").unwrap_or(rest).trim_start(),
            None => &rule.text,
        };
        let preposition = match direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let full: Vec<String> = rule
            .clauses
            .iter()
            .map(|clause| {
                let what = format!("{} {preposition} {}", clause.ports, clause.peers);
                match &clause.subject {
                    Some(pods) => {
                        let pods: Vec<String> = pods.iter().map(ToString::to_string).collect();
                        format!("{what}, of {}", pods.join(", "))
                    }
                    None => what,
                }
            })
            .collect();
        let is_same = full.len() == 1
            && (full[0] == written || full[0] == format!("{written} {preposition} anywhere"));
        Line {
            action: word(rule.action),
            records,
            text: shortened(written),
            full: match is_same {
                true => Vec::new(),
                false => parts(full),
            },
            doc: shortened(&rule.doc.join(" ")),
            because: rule.because.as_deref().map(shortened),
            ticket: rule.ticket.as_deref().map(shortened),
            ending: self.ending(rule),
            excused: rule
                .excused
                .iter()
                .map(|excuse| excuse.lint.to_string())
                .collect(),
            place: (self.page.side.origin == Origin::Project && rule.span.file != file)
                .then(|| self.place(rule.span)),
        }
    }
}

/// The first parts of a union, none of them too long; what is left out is counted.
fn parts(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(PARTS);
    all.truncate(PARTS);
    let mut all: Vec<String> = all.iter().map(|part| shortened(part)).collect();
    if more > 0 {
        all.push(format!("… and {more} more"));
    }
    all
}
