//! Who decided, in the words of a side.

use smol_str::SmolStr;

use super::{Origin, Side};
use crate::meaning::By;
use crate::model::{Program, RuleRef, RuleSite};
use crate::source::Span;

/// Who decided, as people are told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Who {
    /// The rule, or what else decided: `` `allow tcp 80 from web` ``, `NetworkPolicy shop/web, ingress rule 2`, `the end of tier app`.
    pub what: String,
    /// The policy it stands in, if it does: `books.api`, `NetworkPolicy shop/web`.
    pub policy: Option<SmolStr>,
    /// The team that owns the policy, if one does.
    pub owner: Option<SmolStr>,
    /// Its place: `books/web.vau:12`; none where nobody selects the pod.
    pub place: Option<SmolStr>,
    /// The rule's reason.
    pub because: Option<SmolStr>,
    /// The rule's ticket.
    pub ticket: Option<SmolStr>,
}

impl Who {
    /// Whoever decided; `program` is the side's own, or the one that it was aligned to.
    pub fn of(side: &Side, program: &Program, by: By) -> Self {
        let nobody = Who {
            what: String::new(),
            policy: None,
            owner: None,
            place: None,
            because: None,
            ticket: None,
        };
        let at = |span: Span| Some(side.place(span));
        match by {
            By::Rule(site) => Who::rule(side, program, site),
            By::Otherwise(tier) => {
                let tier = &program.tiers[tier.0 as usize];
                Who {
                    what: format!(
                        "the end of {}",
                        match side.origin {
                            Origin::Project => format!("tier {}", tier.name),
                            Origin::Manifests => tier.name.to_string(),
                        }
                    ),
                    place: at(tier.span),
                    ..nobody
                }
            }
            By::DefaultEnd => Who {
                what: "the end of default".to_owned(),
                place: program.default.as_ref().and_then(|one| at(one.span)),
                ..nobody
            },
            By::Open => Who {
                what: match side.origin {
                    Origin::Project => "nobody: no policy selects the pod".to_owned(),
                    Origin::Manifests => "nobody: no object selects the pod".to_owned(),
                },
                ..nobody
            },
        }
    }

    /// A rule.
    pub fn rule(side: &Side, program: &Program, site: RuleRef) -> Self {
        let rule = program.rule(site);
        let (policy, owner) = match site.site {
            RuleSite::Policy(id) => {
                let policy = program.policy(id);
                (policy.qualified(), Some(policy.owner.clone()))
            }
            RuleSite::Default => (SmolStr::new_static("default"), None),
        };
        Who {
            what: match side.origin {
                Origin::Project => format!("`{}`", rule.text),
                Origin::Manifests => format!("{policy}, {}", rule.text),
            },
            policy: Some(policy),
            owner: owner.filter(|owner| !owner.is_empty()),
            place: Some(side.place(rule.span)),
            because: rule.because.clone(),
            ticket: rule.ticket.clone(),
        }
    }
}

impl std::fmt::Display for Who {
    /// `` `allow tcp 80 from web` (books/web.vau:12) because the shop needs it [NET-7] ``
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        if let Some(because) = &self.because {
            write!(f, " because \"{because}\"")?;
        }
        if let Some(ticket) = &self.ticket {
            write!(f, " [{ticket}]")?;
        }
        Ok(())
    }
}
