//! Who reaches whom, in seven forms.
//!
//! Takes: a table of reach and the [`Side`](crate::analyze::Side) that it is of. Gives: text, JSON, CSV, Markdown, DOT, Mermaid, or SVG. All but CSV and JSON say the
//! table in few words: what every pod, or a whole namespace, reaches is said once. CSV names each pair of ends for itself.

mod graph;
mod layout;
mod svg;
mod tables;
mod text;

pub use graph::{dot, mermaid};
pub use svg::{MOST_ARROWS, TooFull, svg};
pub use tables::{csv, json, markdown};
pub use text::text;

use crate::analyze::Reach;
use crate::analyze::reach::{Kind, Who};

/// Ends by name: `every pod`, `all of shop (3)`, `shop/deployment/web, shop/deployment/api`; of a group of many, `most` of them.
fn spoken(reach: &Reach, who: &Who, most: usize) -> String {
    let but = |text: String, without: &[usize]| match without {
        [] => text,
        groups => {
            let names = groups.iter().map(|group| listed(reach, *group, most));
            format!("{text} but {}", names.collect::<Vec<_>>().join(", "))
        }
    };
    match who {
        Who::EveryPod(without) => but("every pod".to_owned(), without),
        Who::Namespace(name, without) => {
            let groups = reach.groups_of(who);
            let ends: usize = groups.iter().map(|group| reach.groups[*group].len()).sum();
            match without.is_empty() {
                true => format!("all of {name} ({ends})"),
                false => but(format!("all of {name}"), without),
            }
        }
        Who::Kind(Kind::Nodes, without) => but("all nodes".to_owned(), without),
        Who::Kind(_, without) => but("anywhere outside".to_owned(), without),
        Who::Group(group) => listed(reach, *group, most),
    }
}

fn listed(reach: &Reach, group: usize, most: usize) -> String {
    let names: Vec<&str> = reach.names(group).map(|name| name.as_str()).collect();
    let shown = most.max(2) - 1;
    match names.len() {
        many if many > most => format!("{} and {} more", names[..shown].join(", "), many - shown),
        _ => names.join(", "),
    }
}
