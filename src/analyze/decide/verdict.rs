//! A verdict as text.
//!
//! Takes: what an end says, and the side whose rules it names. Gives: JSON, as the format of verdicts has it.

use serde_json::{Map, Value, json};

use super::judge::Said;
use crate::analyze::{Origin, Side};
use crate::meaning::{By, Verdict};
use crate::model::{RuleRef, RuleSite};

/// `allow`, `deny`
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
    }
}

/// What an end says, as one JSON map; its rules are a side's.
pub(super) fn end(side: &Side, said: &Said) -> String {
    let value = match said {
        Said::Undecided(why) => json!({ "verdict": "undecided", "why": why }),
        Said::Decided {
            verdict,
            by: who,
            logged,
        } => {
            let mut map = Map::new();
            map.insert("verdict".to_owned(), word(*verdict).into());
            map.insert("by".to_owned(), by(side, *who));
            if !logged.is_empty() {
                let rules = logged.iter().map(|one| rule(side, *one)).collect();
                map.insert("logged".to_owned(), Value::Array(rules));
            }
            Value::Object(map)
        }
    };
    value.to_string()
}

/// Who decides.
fn by(side: &Side, by: By) -> Value {
    match by {
        By::Rule(one) => rule(side, one),
        By::Otherwise(tier) => json!({
            "tier": side.program.tiers[tier.0 as usize].name.as_str(),
            "otherwise": true,
        }),
        By::DefaultEnd => json!({ "default": true }),
        By::Open => json!({ "open": true }),
    }
}

fn rule(side: &Side, one: RuleRef) -> Value {
    let rule = side.program.rule(one);
    let place = side.place(rule.span);
    let policy = match one.site {
        RuleSite::Default => return json!({ "default": true, "rule": place.as_str() }),
        RuleSite::Policy(id) => side.program.policy(id),
    };
    match side.origin {
        Origin::Project => json!({
            "tier": side.program.tiers[policy.tier.0 as usize].name.as_str(),
            "policy": policy.qualified(),
            "rule": place.as_str(),
        }),
        Origin::Manifests => json!({
            "object": policy.name.as_str(),
            "file": policy.file.as_str(),
            "line": side.sources.get(rule.span.file).line(rule.span.start),
            "rule": rule.text.as_str(),
        }),
    }
}
