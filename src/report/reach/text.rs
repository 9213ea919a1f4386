//! For people: sections of sources, a line for each destination; nothing wider than a narrow terminal where it can be broken.

use std::fmt::Write;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::spoken;
use crate::analyze::reach::{Edge, Kind, Who};
use crate::analyze::{Reach, Side};

/// How wide a line should be.
const WIDTH: usize = 80;

/// The table by source, or by destination, and who is protected by nothing.
pub fn text(side: &Side, reach: &Reach, by_destination: bool) -> String {
    let mut out = String::new();
    let way = match by_destination {
        true => "who is reached by whom",
        false => "who reaches whom",
    };
    line(&mut out, 0, &format!("{way}: {}", side.name));
    let mut edges: Vec<(Who, Edge)> = reach
        .edges()
        .into_iter()
        .map(|edge| match by_destination {
            true => (edge.to.clone(), edge),
            false => (edge.from.clone(), edge),
        })
        .collect();
    edges.sort();
    let ports: Vec<String> = reach
        .cells
        .iter()
        .map(|cell| reach.spoken_cell(cell))
        .collect();
    let mut names: FxHashMap<&Who, String> = FxHashMap::default();
    for (_, edge) in &edges {
        for who in [&edge.from, &edge.to] {
            names
                .entry(who)
                .or_insert_with(|| spoken(reach, who, usize::MAX));
        }
    }
    // Heads with the same lines are one section.
    let mut heads: Vec<(&Who, Vec<String>)> = Vec::new();
    for (head, edge) in &edges {
        let (arrow, other) = match by_destination {
            true => ("<-", &edge.from),
            false => ("->", &edge.to),
        };
        let other = match (edge.from == edge.to, head) {
            (true, Who::Group(group)) if reach.groups[*group].len() == 1 => "itself",
            (true, _) => "one another",
            (false, _) => &names[other],
        };
        let said = format!("{arrow} {other}: {}", ports[edge.cell]);
        match heads.last_mut() {
            Some((last, lines)) if *last == head => lines.push(said),
            _ => heads.push((head, vec![said])),
        }
    }
    let mut sections: IndexMap<Vec<String>, Vec<&Who>> = IndexMap::new();
    for (head, lines) in heads {
        sections.entry(lines).or_default().push(head);
    }
    for (lines, heads) in sections {
        out.push('\n');
        for head in heads {
            line(&mut out, 0, &names[head]);
        }
        for said in lines {
            line(&mut out, 2, &said);
        }
    }
    if edges.is_empty() {
        out.push_str("\nnobody reaches anybody\n");
    }
    open(&mut out, reach);
    out
}

/// Who is protected by nothing.
fn open(out: &mut String, reach: &Reach) {
    for (says, both) in [
        ("no policy selects these", [true, true]),
        ("no policy says what may come to these", [true, false]),
        ("no policy says where these may go", [false, true]),
    ] {
        let pods = reach.places.iter().filter(|place| {
            matches!(place.kind, Kind::Workload | Kind::Likely) && place.open == both
        });
        let names: Vec<&str> = pods.map(|place| place.name.as_str()).collect();
        if !names.is_empty() {
            out.push('\n');
            line(out, 0, says);
            line(out, 2, &names.join(", "));
        }
    }
}

/// A line, broken at blanks; what is broken off stands further in.
fn line(out: &mut String, indent: usize, text: &str) {
    let mut width = indent;
    // Writing to a string cannot fail.
    let _ = write!(out, "{:indent$}", "");
    for (at, word) in text.split(' ').enumerate() {
        let long = word.chars().count();
        if at > 0 && width + 1 + long > WIDTH {
            let _ = write!(out, "\n{:further$}", "", further = indent + 4);
            width = indent + 4;
        } else if at > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += long;
    }
    out.push('\n');
}
