//! `vauban can`

use serde_json::{Map, Value, json};

use super::args::{Can, Shared};
use super::console::Console;
use super::question::Ends;
use super::sides;
use super::{Exit, Failure, Outcome};
use crate::analyze::Side;
use crate::analyze::can::{Answer, Chain, End, Flows, MOST_REGIONS, Row, Word, can as ask};
use crate::meaning::Verdict;
use crate::model::{Check, Verb};

/// How many regions of a kind are shown to people.
const SHOWN: usize = 30;

/// Says whether all connections of the question get through, none, or which.
pub(crate) fn can(command: &Can, shared: &Shared, console: &Console) -> Outcome {
    if !console.is_text() && !console.is_json() {
        return Err(Failure::new("the formats of `vauban can` are text and json").into());
    }
    let ends = Ends {
        from: Some(command.from.clone()),
        to: Some(command.to.clone()),
        ports: command.ports.clone(),
    };
    let opened = sides::open(&command.about, Some(&ends), shared)?;
    let side = &opened.side;
    let asked = opened
        .asked
        .ok_or_else(|| Failure::new("the question could not be read"))?;
    let (asked, numbers) = asked.numbered()?;
    let verb = match command.every {
        true => Verb::CanEvery,
        false => Verb::Can,
    };
    let check = Check { verb, ..asked };
    let answer = ask(side, &check, &numbers).map_err(|why| Failure::new(why.to_string()))?;
    if console.is_json() {
        let document = document(command, side, &answer);
        console.print(&format!("{document:#}\n"))?;
    } else {
        console.print(&text(&answer, command.why))?;
        for sentence in assumed(command, side, &answer) {
            console.say(&sentence);
        }
    }
    Ok(match answer.word {
        Word::Yes => Exit::Fine,
        Word::No | Word::Part | Word::Undecided => Exit::Findings,
    })
}

/// What the answer stands on, a sentence each.
fn assumed(command: &Can, side: &Side, answer: &Answer) -> Vec<String> {
    let mut all: Vec<String> = side
        .assumed
        .iter()
        .map(|sentence| format!("assumed: {sentence}"))
        .collect();
    all.push(match command.every {
        true => "asked of: all pods that could exist".to_owned(),
        false => {
            "asked of: pods with the labels that are written and no others (`--every`)".to_owned()
        }
    });
    all.push(format!("asked on: {}", side.universe));
    if let Some(words) = &answer.uncovered {
        all.push(format!("not covered: {words}"));
    }
    all
}

fn word(word: Word) -> &'static str {
    match word {
        Word::Yes => "yes",
        Word::No => "no",
        Word::Part => "in part",
        Word::Undecided => "undecided",
    }
}

/// The kinds of flows, with their headings.
fn kinds(answer: &Answer) -> [(&'static str, &'static str, &Flows); 3] {
    [
        ("through", "gets through", &answer.through),
        ("stopped", "is stopped", &answer.stopped),
        ("undecided", "is not decided", &answer.open),
    ]
}

/// The answer for people: short lines that can be read aloud.
fn text(answer: &Answer, why: bool) -> String {
    let mut out = format!("{}\n", word(answer.word));
    if answer.word == Word::Part {
        for (_, heading, flows) in kinds(answer) {
            if flows.is_empty() {
                continue;
            }
            out += &format!("{heading}:\n");
            for region in flows.regions.iter().take(SHOWN) {
                out += &format!("  {region}\n");
            }
            if flows.more {
                out += &format!("  and more than {MOST_REGIONS} are\n");
            } else if flows.regions.len() > SHOWN {
                let rest = flows.regions.len() - SHOWN;
                out += &format!("  and {rest} more (`--format json`)\n");
            }
        }
    }
    for reason in &answer.reasons {
        out += &format!("not decided by {reason}\n");
    }
    if why {
        for (_, heading, flows) in kinds(answer) {
            for chain in &flows.chains {
                out += &told(heading, chain);
            }
        }
    }
    out
}

/// A flow, and who was asked at both ends.
fn told(heading: &str, chain: &Chain) -> String {
    let mut out = format!("\n{}\n  {heading}\n", chain.flow);
    for (name, end) in [("source", &chain.egress), ("destination", &chain.ingress)] {
        match end {
            Some(end) => out += &table(name, end),
            None => out += &format!("  the {name} is no pod, so nobody is asked there\n"),
        }
    }
    out
}

/// One end as a table.
fn table(name: &str, end: &End) -> String {
    let verdict = match (end.verdict, end.doubts.is_empty()) {
        (Verdict::Allow, true) => "allows it",
        (Verdict::Deny, true) => "denies it",
        (_, false) => "is not decided",
    };
    let mut out = format!("  the {name} {verdict}\n");
    for doubt in &end.doubts {
        out += &format!("    not decided by {doubt}\n");
    }
    // An empty cell is nothing that can be read aloud.
    let or_none = |text: &str| if text.is_empty() { "none" } else { text }.to_owned();
    let cells = |row: &Row| -> [String; 3] {
        [
            or_none(&row.tier),
            or_none(row.policy.as_deref().unwrap_or_default()),
            row.effect.word().to_owned(),
        ]
    };
    let header = ["tier", "policy", "effect"].map(str::to_owned);
    let mut widths = header.each_ref().map(|cell| cell.chars().count());
    for row in &end.rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [String; 3], last: &str| {
        let [a, b, c] = cells;
        let [wa, wb, wc] = widths;
        let line = format!("    {a:wa$}  {b:wb$}  {c:wc$}  {last}");
        format!("{}\n", line.trim_end())
    };
    out += &line(header, "rule");
    for row in &end.rows {
        out += &line(cells(row), &row.says);
        for detail in details(row) {
            out += &format!("      {detail}\n");
        }
    }
    out
}

/// What else is known of a row, a line each.
fn details(row: &Row) -> Vec<String> {
    let mut all = Vec::new();
    let owner = match (&row.team, row.owners.is_empty()) {
        (Some(team), true) => Some(format!("of {team}")),
        (Some(team), false) => Some(format!("of {team} ({})", row.owners.join(", "))),
        (None, _) => None,
    };
    let place = row.place.as_ref().map(|place| format!("at {place}"));
    let line: Vec<String> = owner.into_iter().chain(place).collect();
    if !line.is_empty() {
        all.push(line.join(", "));
    }
    all.extend(row.because.iter().map(|why| format!("because {why}")));
    all.extend(row.ticket.iter().map(|ticket| format!("ticket {ticket}")));
    all.extend(row.until.iter().map(|day| format!("until {day}")));
    all
}

/// The answer for machines.
fn document(command: &Can, side: &Side, answer: &Answer) -> Value {
    let mut all = Map::new();
    let mut set = |key: &str, value: Value| drop(all.insert(key.to_owned(), value));
    set("schema", 1.into());
    let asked = json!({
        "from": command.from,
        "to": command.to,
        "ports": command.ports,
        "every": command.every,
        "of": side.name,
    });
    set("asked", asked);
    set("answer", word(answer.word).into());
    for (key, _, flows) in kinds(answer) {
        let regions = flows.regions.iter().map(|one| one.to_string().into());
        let mut value = json!({
            "flows": regions.collect::<Vec<Value>>(),
            "complete": !flows.more,
        });
        if command.why {
            value["why"] = flows.chains.iter().map(chain).collect();
        }
        set(key, value);
    }
    set("reasons", answer.reasons.clone().into());
    set("assumed", side.assumed.clone().into());
    set("universe", side.universe.to_string().into());
    set("uncovered", answer.uncovered.clone().into());
    Value::Object(all)
}

fn chain(chain: &Chain) -> Value {
    let end = |end: &Option<End>| match end {
        None => json!({ "verdict": "none" }),
        Some(end) => json!({
            "verdict": match (end.verdict, end.doubts.is_empty()) {
                (_, false) => "undecided",
                (Verdict::Allow, true) => "allow",
                (Verdict::Deny, true) => "deny",
            },
            "doubts": end.doubts,
            "chain": end.rows.iter().map(row).collect::<Vec<Value>>(),
        }),
    };
    json!({
        "flow": chain.flow.to_string(),
        "egress": end(&chain.egress),
        "ingress": end(&chain.ingress),
    })
}

/// What is not known of a row is left out.
fn row(row: &Row) -> Value {
    let mut all = Map::new();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            all.insert(key.to_owned(), value.into());
        }
    };
    let text = |value: &Option<smol_str::SmolStr>| value.as_ref().map(ToString::to_string);
    set(
        "tier",
        Some(row.tier.to_string()).filter(|tier| !tier.is_empty()),
    );
    set("policy", text(&row.policy));
    set("effect", Some(row.effect.word().to_owned()));
    set("rule", Some(row.says.clone()));
    set("place", text(&row.place));
    set("team", text(&row.team));
    set(
        "owners",
        Some(row.owners.join(" ")).filter(|owners| !owners.is_empty()),
    );
    set("because", text(&row.because));
    set("ticket", text(&row.ticket));
    set("until", row.until.map(|day| day.to_string()));
    Value::Object(all)
}
