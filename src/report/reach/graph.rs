//! For tools that draw: DOT of Graphviz, and Mermaid, which forges show in comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use smol_str::SmolStr;

use super::spoken;
use crate::analyze::Reach;
use crate::analyze::reach::{Edge, Who};

/// How many names of a group a node shows.
const MOST: usize = 6;

/// Nodes and edges that are drawn.
struct Drawn {
    /// The name and the text of each node; those of a namespace under its name.
    nodes: BTreeMap<Option<SmolStr>, Vec<(Who, String)>>,
    numbers: BTreeMap<Who, usize>,
    /// Between two nodes, what gets through.
    edges: BTreeMap<(usize, usize), Vec<String>>,
}

impl Drawn {
    fn of(reach: &Reach) -> Self {
        let edges = reach.edges();
        let both = |edge: &Edge| [edge.from.clone(), edge.to.clone()];
        let mut all: BTreeSet<Who> = edges.iter().flat_map(both).collect();
        all.extend(
            (0..reach.groups.len())
                .filter(|at| reach.is_pods(*at))
                .map(Who::Group),
        );
        let mut drawn = Drawn {
            nodes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        for (at, who) in all.into_iter().enumerate() {
            let namespace = match &who {
                Who::EveryPod(_) | Who::Kind(..) => None,
                Who::Namespace(name, _) => Some(name.clone()),
                Who::Group(group) => reach.namespace(*group).cloned(),
            };
            let text = short(reach, &who, namespace.as_ref());
            drawn.numbers.insert(who.clone(), at);
            drawn.nodes.entry(namespace).or_default().push((who, text));
        }
        for edge in edges {
            let pair = (drawn.numbers[&edge.from], drawn.numbers[&edge.to]);
            let ports = reach.spoken_cell(&reach.cells[edge.cell]);
            drawn.edges.entry(pair).or_default().push(ports);
        }
        drawn
    }
}

/// A node's text: within its namespace, that is not repeated.
pub(super) fn short(reach: &Reach, who: &Who, namespace: Option<&SmolStr>) -> String {
    let text = spoken(reach, who, MOST);
    let Some(namespace) = namespace else {
        return text;
    };
    text.replace(&format!("{namespace}/"), "")
        .replace(&format!(" in {namespace}"), "")
}

/// For Graphviz: `vauban reach --as dot | dot -Tsvg`.
pub fn dot(reach: &Reach) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace(", ", ",\\n"))
    };
    let drawn = Drawn::of(reach);
    let mut out = String::from(
        "digraph reach {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    // Writing to a string cannot fail.
    for (at, (namespace, nodes)) in drawn.nodes.iter().enumerate() {
        let mut indent = "  ";
        if let Some(name) = namespace {
            let _ = writeln!(
                out,
                "  subgraph cluster_{at} {{\n    label={};",
                quoted(name)
            );
            indent = "    ";
        }
        for (who, text) in nodes {
            let number = drawn.numbers[who];
            let _ = writeln!(out, "{indent}n{number} [label={}];", quoted(text));
        }
        if namespace.is_some() {
            out.push_str("  }\n");
        }
    }
    for ((from, to), ports) in &drawn.edges {
        let label = quoted(&ports.join("; "));
        let _ = writeln!(out, "  n{from} -> n{to} [label={label}];");
    }
    out.push_str("}\n");
    out
}

/// For Markdown that knows Mermaid.
pub fn mermaid(reach: &Reach) -> String {
    let quoted = |text: &str| {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '#' | '<' | '>' | '&' | '`' | '\\' | '{' | '}' | '|' | '*' | '_' => {
                    let _ = write!(out, "#{};", c as u32);
                }
                c => out.push(c),
            }
        }
        out.push('"');
        out
    };
    let drawn = Drawn::of(reach);
    let mut out = String::from("flowchart LR\n");
    for (at, (namespace, nodes)) in drawn.nodes.iter().enumerate() {
        let mut indent = "  ";
        if let Some(name) = namespace {
            let _ = writeln!(out, "  subgraph s{at}[{}]", quoted(name));
            indent = "    ";
        }
        for (who, text) in nodes {
            let number = drawn.numbers[who];
            let _ = writeln!(out, "{indent}n{number}[{}]", quoted(text));
        }
        if namespace.is_some() {
            out.push_str("  end\n");
        }
    }
    for ((from, to), ports) in &drawn.edges {
        let label = quoted(&ports.join("; "));
        let _ = writeln!(out, "  n{from} -->|{label}| n{to}");
    }
    out
}
