//! For other tools: JSON, CSV, and Markdown for a comment.

use std::fmt::Write;

use serde_json::{Value, json};

use super::spoken;
use crate::analyze::{Reach, Side};
use crate::space::End;

/// One document: the ends, the groups, what gets through between groups, and what was assumed.
pub fn json(side: &Side, reach: &Reach) -> String {
    let mut group_of = vec![0usize; reach.places.len()];
    for (group, members) in reach.groups.iter().enumerate() {
        for member in members {
            group_of[*member] = group;
        }
    }
    let ends: Vec<Value> = reach
        .places
        .iter()
        .enumerate()
        .map(|(at, place)| {
            let mut end = json!({
                "name": place.name.as_str(),
                "kind": place.kind.word(),
                "group": group_of[at],
            });
            match &place.end {
                End::Pod(pod) => {
                    end["namespace"] = place.namespace.as_deref().into();
                    end["labels"] = json!(pod.labels);
                    end["serviceAccount"] = pod.service_account.as_str().into();
                    end["unprotected"] =
                        json!({ "ingress": place.open[0], "egress": place.open[1] });
                }
                End::Node(_) | End::Outside { .. } if !place.addresses.is_empty() => {
                    let networks = place.addresses.networks();
                    end["networks"] = networks.iter().map(ToString::to_string).collect();
                }
                _ => {}
            }
            end
        })
        .collect();
    let flows: Vec<Value> = reach
        .pairs()
        .map(|(from, to, cell)| {
            json!({
                "from": from,
                "to": to,
                "ports": said(reach, &cell.allowed),
                "undecided": said(reach, &cell.undecided),
            })
        })
        .collect();
    let assumed: Vec<&String> = side.assumed.iter().chain(&reach.assumed).collect();
    let document = json!({
        "version": 1,
        "of": side.name,
        "universe": side.universe.to_string(),
        "assumed": assumed,
        "unread": side.unread.iter().map(|part| json!({
            "object": part.object.as_str(),
            "direction": part.direction.word(),
            "why": part.why,
            "place": side.place(part.span).as_str(),
        })).collect::<Vec<_>>(),
        "ends": ends,
        "groups": reach.groups.len(),
        "flows": flows,
    });
    serde_json::to_string_pretty(&document).expect("a tree of JSON can be written") + "\n"
}

fn said(reach: &Reach, ports: &crate::space::PortSet) -> Value {
    match ports.is_empty() {
        true => Value::Null,
        false => reach.spoken(ports).into(),
    }
}

/// Every pair of ends between which something gets through, or may: RFC 4180, with a head.
pub fn csv(reach: &Reach) -> String {
    let mut out = String::from("from,to,ports,undecided\r\n");
    for (from, to, cell) in reach.pairs() {
        let ports = |ports: &crate::space::PortSet| match ports.is_empty() {
            true => String::new(),
            false => field(&reach.spoken(ports)),
        };
        let (allowed, undecided) = (ports(&cell.allowed), ports(&cell.undecided));
        for source in reach.names(from) {
            for destination in reach.names(to) {
                // Writing to a string cannot fail.
                let _ = write!(
                    out,
                    "{},{},{allowed},{undecided}\r\n",
                    field(source),
                    field(destination)
                );
            }
        }
    }
    out
}

/// A field, in quotation marks where it needs them. What a spreadsheet would take for a formula cannot begin one: no name here begins so.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// A table, and what was assumed.
pub fn markdown(side: &Side, reach: &Reach) -> String {
    const MOST: usize = 8;
    let mut out = format!("### Who reaches whom: {}\n\n", cell_text(&side.name));
    out += "| From | To | On |\n|---|---|---|\n";
    for edge in reach.edges() {
        let to = match edge.from == edge.to {
            true => "one another".to_owned(),
            false => spoken(reach, &edge.to, MOST),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            cell_text(&spoken(reach, &edge.from, MOST)),
            cell_text(&to),
            cell_text(&reach.spoken_cell(&reach.cells[edge.cell]))
        );
    }
    let open: Vec<String> = reach
        .places
        .iter()
        .filter(|place| place.open == [true, true])
        .map(|place| cell_text(&place.name))
        .collect();
    if !open.is_empty() {
        let _ = write!(out, "\nNo policy selects {}.\n", open.join(", "));
    }
    out.push('\n');
    for sentence in side.assumed.iter().chain(&reach.assumed) {
        let _ = writeln!(out, "- assumed: {}", cell_text(sentence));
    }
    let _ = writeln!(out, "- asked on: {}", cell_text(&side.universe.to_string()));
    out
}

/// Text in a cell of a table: nothing in it is taken for markup.
fn cell_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '*' | '_' | '<' | '>' | '[' | ']' | '`' | '@' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
