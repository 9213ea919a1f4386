//! `vauban equal` and `vauban implies`

use serde_json::{Value, json};

use super::args::{Compare, Shared};
use super::console::Console;
use super::side;
use super::{Exit, Failure, Outcome};
use crate::analyze::{Aligned, Apart, Claim, Comparison, Ends, Pair, Side, Who, align};
use crate::meaning::Verdict;

/// Compares two sides.
pub(crate) fn compare(
    command: &Compare,
    claim: Claim,
    shared: &Shared,
    console: &Console,
) -> Outcome {
    if !console.is_text() && !console.is_json() {
        return Err(Failure::new("the answer has the formats text and json").into());
    }
    let words = [command.one.as_str(), &command.other];
    let sides = side::open(words, &command.sides, None, shared)?.sides;
    let ends = match command.legs {
        true => Ends::Each,
        false => Ends::Together,
    };
    let [one, other] = &sides;
    let aligned = align(one, other).map_err(Failure::new)?;
    let comparison = {
        let _progress = console.progress("comparing");
        Pair::new(&aligned).compare(claim, ends)
    };
    let answer = Answer {
        sides: [one, other],
        aligned: &aligned,
        comparison: &comparison,
        claim,
    };
    console.print(&match console.is_json() {
        true => format!("{:#}\n", answer.json()),
        false => answer.text(),
    })?;
    if !console.is_json() {
        for sentence in answer.assumed() {
            console.say(&format!("assumed: {sentence}"));
        }
        console.say(&format!("compared on: {}", aligned.universe));
    }
    Ok(match comparison.holds() {
        true => Exit::Fine,
        false => Exit::Findings,
    })
}

struct Answer<'a> {
    sides: [&'a Side; 2],
    aligned: &'a Aligned,
    comparison: &'a Comparison,
    claim: Claim,
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny => "denied",
    }
}

/// Everything that was assumed, of both sides, each once.
pub(super) fn assumed<'a>(sides: [&'a Side; 2], aligned: &'a Aligned) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for side in sides {
        for sentence in &side.assumed {
            let both = sides.iter().all(|one| one.assumed.contains(sentence));
            let sentence = match both {
                true => sentence.clone(),
                false => format!("{}: {sentence}", side.name),
            };
            if !all.contains(&sentence) {
                all.push(sentence);
            }
        }
    }
    all.extend(aligned.assumed.iter().cloned());
    all
}

impl Answer<'_> {
    fn assumed(&self) -> Vec<String> {
        assumed(self.sides, self.aligned)
    }

    fn who(&self, apart: &Apart) -> [Who; 2] {
        [0, 1].map(|side| {
            Who::of(
                self.sides[side],
                &self.aligned.programs[side],
                apart.decisions[side].by,
            )
        })
    }

    /// Who lets it through at the other end, on the side that lets it through at this one.
    fn beyond(&self, apart: &Apart) -> Option<Who> {
        let side = apart.allowing();
        let decision = apart.beyond.as_ref()?;
        Some(Who::of(
            self.sides[side],
            &self.aligned.programs[side],
            decision.by,
        ))
    }

    fn verdict(&self) -> &'static str {
        match (
            self.claim,
            self.comparison.holds(),
            self.comparison.apart.is_empty(),
        ) {
            (Claim::Equal, true, _) => "equal",
            (Claim::Equal, _, false) => "not equal",
            (Claim::Equal, _, true) => "not proved equal",
            (Claim::Implies, true, _) => "implied",
            (Claim::Implies, _, false) => "not implied",
            (Claim::Implies, _, true) => "not proved implied",
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.verdict());
        for apart in &self.comparison.apart {
            let end = apart.flow.direction.word();
            text += &format!("\n  {}\n", apart.flow);
            for (at, who) in self.who(apart).iter().enumerate() {
                let (side, verdict) = (self.sides[at], apart.decisions[at].verdict);
                text += &format!("    {}: {end} {} by {who}\n", side.name, said(verdict));
            }
            if let Some(who) = self.beyond(apart) {
                let end = apart.flow.direction.opposite().word();
                let side = self.sides[apart.allowing()];
                text += &format!("    {}: {end} allowed by {who}\n", side.name);
            }
        }
        for open in &self.comparison.open {
            text += &format!(
                "\n  not decided: {}\n    {}: {}\n",
                open.flow, self.sides[open.side].name, open.why
            );
        }
        for fault in &self.comparison.too_large {
            text += &format!("\n  not decided: {fault}\n");
        }
        text
    }

    fn json(&self) -> Value {
        let apart = self.comparison.apart.iter().map(|apart| {
            let decided = |at: usize| {
                let who = &self.who(apart)[at];
                let mut value = told(who);
                value["verdict"] = said(apart.decisions[at].verdict).into();
                value
            };
            json!({
                "flow": apart.flow.to_string(),
                "end": apart.flow.direction.word(),
                "a": decided(0),
                "b": decided(1),
                "other_end": self.beyond(apart).as_ref().map(told),
            })
        });
        let open = self.comparison.open.iter().map(|open| {
            json!({
                "side": if open.side == 0 { "a" } else { "b" },
                "flow": open.flow.to_string(),
                "why": open.why,
            })
        });
        let too_large = self.comparison.too_large.iter();
        json!({
            "a": self.sides[0].name,
            "b": self.sides[1].name,
            "answer": self.verdict(),
            "holds": self.comparison.holds(),
            "differences": apart.collect::<Vec<_>>(),
            "undecided": open.collect::<Vec<_>>(),
            "too_large": too_large.map(ToString::to_string).collect::<Vec<_>>(),
            "assumed": self.assumed(),
            "universe": self.aligned.universe.to_string(),
        })
    }
}

/// Who decided, as JSON.
pub(super) fn told(who: &Who) -> Value {
    json!({
        "by": who.what,
        "policy": who.policy.as_deref(),
        "owner": who.owner.as_deref(),
        "place": who.place.as_deref(),
        "because": who.because.as_deref(),
        "ticket": who.ticket.as_deref(),
    })
}
