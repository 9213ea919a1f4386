//! For other tools: JSON, CSV, and Markdown for a comment.

use std::fmt::Write;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::spoken;
use crate::analyze::{Reach, Side};
use crate::space::{End, PortSet};

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
    let unread = side.unread.iter().map(|part| {
        json!({
            "object": part.object.as_str(),
            "direction": part.direction.word(),
            "why": part.why,
            "place": side.place(part.span).as_str(),
        })
    });
    let cells = reach
        .cells
        .iter()
        .map(|cell| [&cell.allowed, &cell.undecided].map(|ports| said(reach, ports)));
    let document = Document {
        version: 1,
        of: &side.name,
        universe: side.universe.to_string(),
        assumed: side.assumed.iter().chain(&reach.assumed).collect(),
        unread: unread.collect(),
        ends,
        groups: reach.groups.len(),
        flows: Flows {
            reach,
            cells: cells.collect(),
        },
    };
    serde_json::to_string_pretty(&document).expect("a tree of JSON can be written") + "\n"
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    of: &'a str,
    universe: String,
    assumed: Vec<&'a String>,
    unread: Vec<Value>,
    ends: Vec<Value>,
    groups: usize,
    flows: Flows<'a>,
}

/// What gets through between groups. There may be millions of pairs: they are written as they come.
struct Flows<'a> {
    reach: &'a Reach,
    /// Each cell in words: what gets through, and what is not decided.
    cells: Vec<[Option<String>; 2]>,
}

#[derive(Serialize)]
struct OneFlow<'a> {
    from: usize,
    to: usize,
    ports: Option<&'a str>,
    undecided: Option<&'a str>,
}

impl Serialize for Flows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.reach.pairs().map(|(from, to, cell)| {
            let [ports, undecided] = self.cells[cell].each_ref().map(Option::as_deref);
            OneFlow {
                from,
                to,
                ports,
                undecided,
            }
        }))
    }
}

fn said(reach: &Reach, ports: &PortSet) -> Option<String> {
    (!ports.is_empty()).then(|| reach.spoken(ports))
}

/// Every pair of ends between which something gets through, or may: RFC 4180, with a head.
pub fn csv(reach: &Reach) -> String {
    let mut out = String::from("from,to,ports,undecided\r\n");
    let ports = |ports: &PortSet| field(&said(reach, ports).unwrap_or_default());
    let cells = reach.cells.iter();
    let cells: Vec<[String; 2]> = cells
        .map(|cell| [ports(&cell.allowed), ports(&cell.undecided)])
        .collect();
    for (from, to, cell) in reach.pairs() {
        let [allowed, undecided] = &cells[cell];
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
