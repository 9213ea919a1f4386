//! `vauban diff`

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use smol_str::SmolStr;

use super::args::{Diff as Asked, DiffForm, Shared};
use super::compare::{assumed, told};
use super::console::Console;
use super::question::Ends as Question;
use super::side;
use super::{Exit, Failure, Outcome};
use crate::analyze::{Aligned, Change, Diff, Ends, Isolated, Origin, Pair, Side, Who, align};
use crate::gitops::changes::concerned;
use crate::model::Program;
use crate::space::{Direction, Pods, Region, ValueSet};

/// The most bytes of a comment: forges take 64 kB.
const COMMENT: usize = 60_000;

/// Says which connections open and which close.
pub(crate) fn diff(command: &Asked, shared: &Shared, console: &Console) -> Outcome {
    if !console.is_text() {
        return Err(
            Failure::new("the answer's form is said with `--as`, not with `--format`").into(),
        );
    }
    let asked = Question {
        from: command.from.clone(),
        to: command.to.clone(),
        ports: command.ports.clone(),
    };
    let asked = Some(asked).filter(Question::any);
    let words = [command.old.as_str(), &command.new];
    let both = side::open(words, &command.sides, asked.as_ref(), shared)?;
    let ends = match command.legs {
        true => Ends::Each,
        false => Ends::Together,
    };
    let [old, new] = &both.sides;
    let aligned = align(old, new).map_err(Failure::new)?;
    let mut pair = Pair::new(&aligned);
    let mut uncovered = None;
    if let Some(asked) = &both.asked {
        let focus = asked.focus()?;
        uncovered = focus
            .uncovered(&pair.indexes[1], &aligned.universe)
            .map_err(|why| Failure::new(format!("nothing of it can be compared here: {why}")))?;
        pair = pair.on(&focus).map_err(Failure::new)?;
    }
    let diff = {
        let _progress = console.progress("comparing");
        pair.diff([old, new], ends)
    };
    let mut concerned = owners(old, new);
    if asked.is_some() {
        concerned.retain(|team, _| touches(&diff, &aligned.programs, team));
    }
    let answer = Answer {
        sides: [old, new],
        aligned: &aligned,
        diff: &diff,
        concerned,
        asked: asked.as_ref(),
        uncovered,
    };
    match command.form {
        DiffForm::Text => {
            console.print(&answer.text())?;
            for sentence in assumed(answer.sides, &aligned) {
                console.say(&format!("assumed: {sentence}"));
            }
            for sentence in answer.within() {
                console.say(&sentence);
            }
        }
        DiffForm::Json => console.print(&format!("{:#}\n", answer.json()))?,
        DiffForm::Markdown => console.print(&answer.markdown())?,
    }
    Ok(match diff.is_empty() {
        true => Exit::Fine,
        false => Exit::Findings,
    })
}

/// The teams that are concerned by what changed in a project, with their owners.
fn owners(old: &Side, new: &Side) -> BTreeMap<SmolStr, Vec<SmolStr>> {
    if [old, new]
        .iter()
        .any(|side| side.origin == Origin::Manifests)
    {
        return BTreeMap::new();
    }
    let teams = concerned(Some(&old.program), Some(&new.program));
    let of = |name: &SmolStr| {
        let sides = [new, old].into_iter();
        let mut known = sides.filter_map(|side| {
            let teams = side.program.teams.iter();
            teams.clone().find(|team| team.name == *name)
        });
        known.next().map(|team| team.owners.clone())
    };
    teams
        .into_keys()
        .map(|name| {
            let owners = of(&name).unwrap_or_default();
            (name, owners)
        })
        .collect()
}

/// Whether a change is a team's: one of its policies decides, or its pods are an end.
fn touches(diff: &Diff, programs: &[Arc<Program>; 2], name: &SmolStr) -> bool {
    let teams = programs.iter().flat_map(|program| &program.teams);
    let own: Vec<&ValueSet> = teams
        .filter(|team| team.name == *name)
        .map(|team| &team.namespaces)
        .collect();
    let owns = |pods: &Pods| {
        let names = &pods.namespaces.names;
        own.iter().any(|own| !own.intersect(names).is_empty())
    };
    diff.changes.iter().any(|change| {
        let deciders = change.deciders.iter().flatten().chain(&change.beyond);
        let flows = &change.region.flows;
        deciders
            .into_iter()
            .any(|who| who.owner.as_ref() == Some(name))
            || owns(&flows.subject)
            || flows.peers.pods.iter().any(owns)
    })
}

struct Answer<'a> {
    sides: [&'a Side; 2],
    aligned: &'a Aligned,
    diff: &'a Diff,
    concerned: BTreeMap<SmolStr, Vec<SmolStr>>,
    /// What it is about, if not about everything.
    asked: Option<&'a Question>,
    /// The part of that which cannot be compared, in words.
    uncovered: Option<String>,
}

/// `2 regions open, 1 closes`
fn counted(changes: &[Change]) -> String {
    let opens = changes.iter().filter(|change| change.opens).count();
    let closes = changes.len() - opens;
    let many = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    match (opens, closes) {
        (0, 0) => "no connection opens or closes".to_owned(),
        (opens, 0) => many(
            opens,
            "kind of connection opens",
            "kinds of connections open",
        ),
        (0, closes) => many(
            closes,
            "kind of connection closes",
            "kinds of connections close",
        ),
        (opens, closes) => format!(
            "{}, {}",
            many(
                opens,
                "kind of connection opens",
                "kinds of connections open"
            ),
            many(closes, "closes", "close")
        ),
    }
}

fn verb(opens: bool) -> &'static str {
    match opens {
        true => "opens",
        false => "closes",
    }
}

/// `ingress of pods{app=web} in shop`
fn pods(one: &Isolated) -> String {
    format!(
        "{} of {}",
        one.region.direction.word(),
        one.region.flows.subject
    )
}

impl Answer<'_> {
    /// The changes by team, in order.
    fn teams(&self) -> BTreeMap<&SmolStr, Vec<&Change>> {
        let mut teams: BTreeMap<&SmolStr, Vec<&Change>> = BTreeMap::new();
        for change in &self.diff.changes {
            teams.entry(&change.team).or_default().push(change);
        }
        teams
    }

    /// Who decided now, before, and at the other end: a word and a person each.
    fn deciders(change: &Change) -> Vec<(&'static str, &Who)> {
        let [old, new] = &change.deciders;
        let mut all: Vec<(&'static str, &Who)> = Vec::new();
        all.extend(new.iter().map(|who| ("now", who)));
        all.extend(old.iter().map(|who| ("before", who)));
        all.extend(change.beyond.iter().map(|who| ("other end", who)));
        all
    }

    /// What it is about, one sentence each.
    fn within(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(self.asked.map(|ends| format!("asked about: {ends}")));
        all.push(format!("compared on: {}", self.aligned.universe));
        let uncovered = self.uncovered.as_ref();
        all.extend(uncovered.map(|words| format!("not covered: {words}")));
        all
    }

    /// What is not known or not listed, one sentence each.
    fn gaps(&self) -> Vec<String> {
        let mut all = Vec::new();
        for open in &self.diff.open {
            all.push(format!(
                "not decided by {}: {}: {}",
                self.sides[open.side].name, open.flow, open.why
            ));
        }
        all.extend(
            self.diff
                .too_large
                .iter()
                .map(|one| format!("not compared: {one}")),
        );
        all.extend(
            self.diff
                .cut
                .iter()
                .map(|end| format!("more differs on {end} than is listed")),
        );
        all.extend(self.diff.unasked.iter().map(|end| {
            format!("of {end} is listed what that end decides: the other ends were too many to ask")
        }));
        all
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", counted(&self.diff.changes));
        for (team, changes) in self.teams() {
            text += &format!("\n{team}\n");
            for change in changes {
                text += &format!("  {} {}\n", verb(change.opens), change.region);
                for (when, who) in Self::deciders(change) {
                    text += &format!("    {when}: {who}\n");
                }
            }
        }
        if !self.diff.isolated.is_empty() {
            text += "\nselected for the first time, so that all else is closed\n";
            for one in &self.diff.isolated {
                text += &format!("  {}\n", pods(one));
                for who in &one.by {
                    text += &format!("    by {who}\n");
                }
            }
        }
        if !self.concerned.is_empty() {
            text += "\nconcerned\n";
            for (team, owners) in &self.concerned {
                text += &format!("  {team}{}\n", listed(owners));
            }
        }
        for gap in self.gaps() {
            text += &format!("\n{gap}\n");
        }
        text
    }

    fn json(&self) -> Value {
        let region = |region: &Region| {
            let (subject, peers) = (
                region.flows.subject.to_string(),
                region.flows.peers.to_string(),
            );
            let (from, to) = match region.direction {
                Direction::Egress => (subject, peers),
                Direction::Ingress => (peers, subject),
            };
            let conditions = region.conditions.iter().map(ToString::to_string);
            json!({
                "text": region.to_string(),
                "end": region.direction.word(),
                "from": from,
                "to": to,
                "ports": region.flows.ports.to_string(),
                "conditions": conditions.collect::<Vec<_>>(),
            })
        };
        let all = |who: &[Who]| who.iter().map(told).collect::<Vec<_>>();
        let changes = self.diff.changes.iter().map(|change| {
            json!({
                "change": verb(change.opens),
                "team": change.team.as_str(),
                "connections": region(&change.region),
                "before": all(&change.deciders[0]),
                "now": all(&change.deciders[1]),
                "other_end": all(&change.beyond),
            })
        });
        let isolated = self.diff.isolated.iter().map(|one| {
            json!({
                "pods": one.region.flows.subject.to_string(),
                "end": one.region.direction.word(),
                "by": all(&one.by),
            })
        });
        let concerned = self.concerned.iter().map(|(team, owners)| {
            let owners = owners.iter().map(SmolStr::as_str);
            json!({ "team": team.as_str(), "owners": owners.collect::<Vec<_>>() })
        });
        json!({
            "old": self.sides[0].name,
            "new": self.sides[1].name,
            "equal": self.diff.is_empty(),
            "changes": changes.collect::<Vec<_>>(),
            "isolated": isolated.collect::<Vec<_>>(),
            "concerned": concerned.collect::<Vec<_>>(),
            "incomplete": self.gaps(),
            "assumed": assumed(self.sides, self.aligned),
            "universe": self.aligned.universe.to_string(),
            "asked": self.asked.map(|ends| json!({
                "from": ends.from,
                "to": ends.to,
                "ports": ends.ports,
            })),
            "uncovered": self.uncovered,
        })
    }

    fn markdown(&self) -> String {
        let mut blocks = Vec::new();
        for (team, changes) in self.teams() {
            let owners = self.concerned.get(team).map_or(&[][..], Vec::as_slice);
            blocks.push(format!("\n**{team}**{}\n\n", listed(owners)));
            for change in changes {
                let mut block = format!(
                    "- {} {}\n",
                    verb(change.opens),
                    code(&change.region.to_string())
                );
                for (when, who) in Self::deciders(change) {
                    block += &format!("  - {when}: {}\n", marked(who));
                }
                blocks.push(block);
            }
        }
        if !self.diff.isolated.is_empty() {
            blocks.push(
                "\n**Selected for the first time**, so that all else is closed to them:\n\n"
                    .to_owned(),
            );
            for one in &self.diff.isolated {
                let by: Vec<String> = one.by.iter().map(marked).collect();
                blocks.push(format!("- {} by {}\n", code(&pods(one)), by.join(", ")));
            }
        }
        let mut ends = Vec::new();
        if !self.concerned.is_empty() {
            let teams = self.concerned.iter();
            let teams: Vec<String> = teams
                .map(|(team, owners)| format!("{team}{}", listed(owners)))
                .collect();
            ends.push(format!("\nConcerned: {}.\n", teams.join("; ")));
        }
        ends.extend(self.gaps().iter().map(|gap| format!("\n{}.\n", plain(gap))));
        let mut close = String::from("\n<details><summary>Compared on</summary>\n\n");
        if let Some(asked) = self.asked {
            close += &format!("- asked about: {}\n", code(&asked.to_string()));
        }
        close += &format!("- {}\n", plain(&self.aligned.universe.to_string()));
        if let Some(words) = &self.uncovered {
            close += &format!("- not covered: {}\n", plain(words));
        }
        for sentence in assumed(self.sides, self.aligned) {
            close += &format!("- assumed: {}\n", plain(&sentence));
        }
        close += "\n</details>\n";
        let mut head = counted(&self.diff.changes);
        head[..1].make_ascii_uppercase();
        let mut text = format!("### {head}\n");
        // Room for the end, and for the sentence about what is left out.
        let room = COMMENT.saturating_sub(close.len().min(COMMENT / 2) + 200);
        let all: Vec<String> = blocks.into_iter().chain(ends).collect();
        let mut left = 0;
        for block in all {
            match left == 0 && text.len() + block.len() <= room {
                true => text += &block,
                false => left += 1,
            }
        }
        if left > 0 {
            text +=
                &format!("\n{left} more entries are left out: `vauban diff` prints them all.\n");
        }
        if close.len() <= COMMENT / 2 {
            text += &close;
        }
        text
    }
}

/// ` (@acme/books, @acme/data)`; nothing if there is none.
fn listed(owners: &[SmolStr]) -> String {
    match owners {
        [] => String::new(),
        owners => {
            let owners: Vec<&str> = owners.iter().map(SmolStr::as_str).collect();
            format!(" ({})", owners.join(", "))
        }
    }
}

/// A text as code of Markdown, whatever it holds.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    match text.contains('`') {
        true => format!("`` {text} ``"),
        false => format!("`{text}`"),
    }
}

/// A text that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => out.push(' '),
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            '@' => out.push_str("@\u{200b}"),
            letter => out.push(letter),
        }
    }
    out
}

fn marked(who: &Who) -> String {
    let mut text = match who.place {
        None => plain(&who.what),
        Some(_) => code(who.what.trim_matches('`')),
    };
    if let Some(place) = &who.place {
        text += &format!(" ({})", code(place));
    }
    if let Some(because) = &who.because {
        text += &format!(" because {}", plain(because));
    }
    if let Some(ticket) = &who.ticket {
        text += &format!(" \\[{}\\]", plain(ticket));
    }
    text
}
