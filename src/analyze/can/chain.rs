//! How one flow is decided, at both ends: who was asked and what they said, as rows that can be read aloud.

use smol_str::SmolStr;
use time::Date;

use crate::analyze::Side;
use crate::meaning::{By, Heard, Index, Verdict, in_box, trace};
use crate::model::{Action, RuleRef, RuleSite};
use crate::space::{Direction, Flow};

/// A flow and how it is decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// The flow, as its source sees it if that is a pod, else as its destination does.
    pub flow: Flow,
    /// What the source says, if it is a pod.
    pub egress: Option<End>,
    /// What the destination says, if it is a pod.
    pub ingress: Option<End>,
}

/// What one end says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// What is decided, as far as the manifests are understood.
    pub verdict: Verdict,
    /// Parts that were not understood and could decide otherwise: object, place and reason.
    pub doubts: Vec<String>,
    /// Who was asked, in order; the last one decides.
    pub rows: Vec<Row>,
}

/// One that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The tier, or `default`; empty where nobody selects the pod.
    pub tier: SmolStr,
    /// The policy, or the object; `None` for the end of a tier.
    pub policy: Option<SmolStr>,
    /// What it says: the rule's text, or that no rule matches.
    pub says: String,
    /// What comes of it.
    pub effect: Effect,
    /// Where the rule, or else the policy or tier, stands.
    pub place: Option<SmolStr>,
    /// The team that owns the policy.
    pub team: Option<SmolStr>,
    /// Its owners: `@acme/books`.
    pub owners: Vec<SmolStr>,
    /// The rule's reason.
    pub because: Option<SmolStr>,
    /// The rule's ticket.
    pub ticket: Option<SmolStr>,
    /// The rule's last day.
    pub until: Option<Date>,
}

/// What comes of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The flow passes this end.
    Allows,
    /// It does not.
    Denies,
    /// The next tier decides.
    Passes,
    /// The next one is asked.
    GoesOn,
    /// It is recorded, and the next one is asked.
    Records,
}

impl Effect {
    /// `allows`, `goes on`
    pub fn word(self) -> &'static str {
        match self {
            Effect::Allows => "allows",
            Effect::Denies => "denies",
            Effect::Passes => "passes on",
            Effect::GoesOn => "goes on",
            Effect::Records => "records",
        }
    }
}

impl Chain {
    /// How a flow is decided.
    pub(super) fn of(side: &Side, index: &Index<'_>, flow: Flow) -> Self {
        let own = end(side, index, &flow);
        let other = flow.mirrored().map(|flow| end(side, index, &flow));
        let (egress, ingress) = match flow.direction {
            Direction::Egress => (Some(own), other),
            Direction::Ingress => (other, Some(own)),
        };
        Chain {
            flow,
            egress,
            ingress,
        }
    }

    /// Whether the same decide, after the same were asked.
    pub(super) fn is_like(&self, other: &Chain) -> bool {
        self.egress == other.egress && self.ingress == other.ingress
    }
}

/// The parts that were not understood and could decide a flow, each once.
pub(super) fn doubts(side: &Side, flow: &Flow) -> Vec<String> {
    let open = side.unread.iter().filter(|part| {
        part.direction == flow.direction && part.flows.iter().any(|flows| in_box(flows, flow))
    });
    let mut all: Vec<String> = open
        .map(|part| format!("{} ({}): {}", part.object, side.place(part.span), part.why))
        .collect();
    all.dedup();
    all
}

fn end(side: &Side, index: &Index<'_>, flow: &Flow) -> End {
    let trace = trace(index, flow);
    let mut rows = Vec::new();
    for stage in &trace.stages {
        let tier = match stage.tier {
            Some(tier) => side.program.tiers[tier.0 as usize].name.clone(),
            None => SmolStr::new_static("default"),
        };
        if stage.heard.is_empty() {
            rows.push(Row {
                says: "no policy of it selects the pod".to_owned(),
                ..row(tier, Effect::GoesOn)
            });
            continue;
        }
        for heard in &stage.heard {
            say(side, &tier, heard, &mut rows);
        }
    }
    let last = match trace.by {
        By::Rule(_) => None,
        By::Otherwise(tier) => {
            let tier = &side.program.tiers[tier.0 as usize];
            Some(Row {
                says: "no rule matches, and the tier ends in deny".to_owned(),
                place: Some(side.place(tier.span)),
                ..row(tier.name.clone(), Effect::Denies)
            })
        }
        By::DefaultEnd => Some(Row {
            says: "no rule matches, and default ends in deny".to_owned(),
            place: side
                .program
                .default
                .as_ref()
                .map(|one| side.place(one.span)),
            ..row(SmolStr::new_static("default"), Effect::Denies)
        }),
        By::Open => Some(Row {
            says: "nobody denies it: the pod is open".to_owned(),
            ..row(SmolStr::default(), Effect::Allows)
        }),
    };
    rows.extend(last);
    End {
        verdict: trace.verdict,
        doubts: doubts(side, flow),
        rows,
    }
}

fn row(tier: SmolStr, effect: Effect) -> Row {
    Row {
        tier,
        policy: None,
        says: String::new(),
        effect,
        place: None,
        team: None,
        owners: Vec::new(),
        because: None,
        ticket: None,
        until: None,
    }
}

/// What one policy says, a row for each of its rules that matches.
fn say(side: &Side, tier: &SmolStr, heard: &Heard, rows: &mut Vec<Row>) {
    let of_policy = |effect| {
        let mut row = row(tier.clone(), effect);
        match heard.site {
            RuleSite::Default => {
                row.policy = Some(SmolStr::new_static("default"));
            }
            RuleSite::Policy(id) => {
                let policy = side.program.policy(id);
                row.policy = Some(policy.qualified());
                row.place = Some(side.place(policy.span));
                row.team = Some(policy.owner.clone()).filter(|team| !team.is_empty());
                let mut teams = side.program.teams.iter();
                let team = teams.find(|team| team.name == policy.owner);
                row.owners = team.map(|team| team.owners.clone()).unwrap_or_default();
            }
        }
        row
    };
    let of_rule = |site: RuleRef, effect| {
        let rule = side.program.rule(site);
        Row {
            says: rule.text.to_string(),
            place: Some(side.place(rule.span)),
            because: rule.because.clone(),
            ticket: rule.ticket.clone(),
            until: rule.until,
            ..of_policy(effect)
        }
    };
    for site in &heard.logged {
        rows.push(of_rule(*site, Effect::Records));
    }
    match heard.rule {
        Some(site) => {
            let effect = match side.program.rule(site).action {
                Action::Allow | Action::Log => Effect::Allows,
                Action::Deny => Effect::Denies,
                Action::Pass => Effect::Passes,
            };
            rows.push(of_rule(site, effect));
        }
        None => rows.push(Row {
            says: "no rule matches".to_owned(),
            ..of_policy(Effect::GoesOn)
        }),
    }
}
