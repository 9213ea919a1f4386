//! Where everything of the picture stands.
//!
//! Takes: a table, and its edges. Gives: boxes with rows, and arrows between them, in units of a pixel. A namespace is a box, a group of ends a row in it, and under the row stand the ports on
//! which it is reached: an arrow ends at the ports that it may use, so that no arrow needs a label and none lies upon another's. Who opens connections stands left of
//! whom it reaches where that can be; what is no pod stands at the left edge as a source and at the right edge as a destination.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::graph::short;
use super::spoken;
use crate::analyze::Reach;
use crate::analyze::reach::{Edge, Who};

/// The height of a line of text.
pub(super) const LINE: f64 = 16.0;
/// The space around rows and boxes.
pub(super) const SPACE: f64 = 8.0;
/// The height of a box's title.
pub(super) const TITLE: f64 = 24.0;
/// The width of a letter, on average.
const LETTER: f64 = 6.7;
/// Between two columns.
const GUTTER: f64 = 150.0;
/// Between two boxes of a column.
const BETWEEN: f64 = 22.0;
/// The most letters of a line.
pub(super) const LONGEST: usize = 46;
/// The most names of a row.
const NAMES: usize = 6;
/// How high a column would be, if boxes could be spread at will.
const HEIGHT: f64 = 760.0;
/// The most columns of namespaces.
const COLUMNS: usize = 5;

/// Some ends of one box.
pub(super) struct Row {
    pub(super) who: Who,
    /// What it is called, a line each.
    pub(super) lines: Vec<String>,
    /// Whether it speaks of rows below it.
    pub(super) whole: bool,
    /// That no policy selects it.
    pub(super) note: Option<&'static str>,
    /// On which ports it is reached: cells.
    pub(super) inlets: Vec<usize>,
    /// From the picture's top.
    pub(super) y: f64,
    pub(super) height: f64,
}

/// A namespace, or what stands alone.
pub(super) struct Framed {
    /// The namespace; empty for what stands alone.
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    column: usize,
}

/// An arrow: from the row of a box to the inlet of a row of a box.
pub(super) struct Arrow {
    pub(super) from: (usize, usize),
    pub(super) to: (usize, usize, usize),
    pub(super) cell: usize,
}

/// The picture.
pub(super) struct Layout {
    pub(super) boxes: Vec<Framed>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where a row stands: in a namespace, or at an edge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Home {
    Left,
    Namespace(SmolStr),
    Nowhere,
    Right,
}

fn home(reach: &Reach, who: &Who, source: bool) -> Home {
    let edge = match source {
        true => Home::Left,
        false => Home::Right,
    };
    match who {
        Who::EveryPod(_) | Who::Kind(..) => edge,
        Who::Namespace(name, _) => Home::Namespace(name.clone()),
        Who::Group(group) if !reach.is_pods(*group) => edge,
        Who::Group(group) => match reach.namespace(*group) {
            Some(name) => Home::Namespace(name.clone()),
            None => Home::Nowhere,
        },
    }
}

impl Layout {
    pub(super) fn of(reach: &Reach, edges: &[Edge]) -> Self {
        // Rows with their inlets.
        let mut homes: BTreeMap<Home, IndexMap<Who, Vec<usize>>> = BTreeMap::new();
        let mut row = |home: Home, who: &Who, inlet: Option<usize>| {
            let rows = homes.entry(home).or_default();
            let inlets = rows.entry(who.clone()).or_default();
            inlets.extend(inlet.filter(|cell| !inlets.contains(cell)));
        };
        for edge in edges {
            row(home(reach, &edge.from, true), &edge.from, None);
            row(home(reach, &edge.to, false), &edge.to, Some(edge.cell));
        }
        for group in (0..reach.groups.len()).filter(|at| reach.is_pods(*at)) {
            let who = Who::Group(group);
            row(home(reach, &who, true), &who, None);
        }
        let mut boxes: Vec<Framed> = Vec::new();
        let mut edges_at: Vec<Home> = Vec::new();
        for (home, mut rows) in homes {
            // Wholes come before their parts.
            let whole = |who: &Who| !matches!(who, Who::Group(_));
            rows.sort_by(|a, _, b, _| whole(b).cmp(&whole(a)).then_with(|| a.cmp(b)));
            let rows = rows
                .into_iter()
                .map(|(who, inlets)| made(reach, &home, who, inlets));
            match &home {
                Home::Left | Home::Right => {
                    for row in rows {
                        boxes.push(framed(String::new(), vec![row]));
                        edges_at.push(home.clone());
                    }
                }
                Home::Namespace(name) => {
                    boxes.push(framed(name.to_string(), rows.collect()));
                    edges_at.push(home);
                }
                Home::Nowhere => {
                    boxes.push(framed("any other namespace".to_owned(), rows.collect()));
                    edges_at.push(home);
                }
            }
        }
        let arrows = arrows(reach, edges, &boxes, &edges_at);
        let mut layout = Layout {
            boxes,
            arrows,
            width: 0.0,
            height: 0.0,
        };
        layout.columns(&edges_at);
        layout.order();
        layout.place();
        layout
    }

    /// Gives each box a column: the left edge is 0, the namespaces follow, sources first, and the right edge is last.
    fn columns(&mut self, homes: &[Home]) {
        let inner: Vec<usize> = (0..self.boxes.len())
            .filter(|at| matches!(homes[*at], Home::Namespace(_) | Home::Nowhere))
            .collect();
        let total: f64 = inner
            .iter()
            .map(|at| self.boxes[*at].height + BETWEEN)
            .sum();
        let many = ((total / HEIGHT).sqrt().round() as usize).clamp(1, COLUMNS);
        let mut balance = vec![(0i64, 0i64); self.boxes.len()];
        for arrow in &self.arrows {
            if arrow.from.0 != arrow.to.0 {
                balance[arrow.from.0].0 += 1;
                balance[arrow.to.0].1 += 1;
            }
        }
        // In thousandths: from only a source to only a destination.
        let rank = |at: usize| {
            let (out, into) = balance[at];
            match out + into {
                0 => 0,
                sum => (into - out) * 1000 / sum,
            }
        };
        let mut order = inner;
        order.sort_by_key(|at| (rank(*at), *at));
        let mut filled = 0.0;
        for at in order {
            let middle = filled + self.boxes[at].height / 2.0;
            let column = (middle / (total / many as f64)) as usize;
            self.boxes[at].column = 1 + column.min(many - 1);
            filled += self.boxes[at].height + BETWEEN;
        }
        for (at, home) in homes.iter().enumerate() {
            match home {
                Home::Left => self.boxes[at].column = 0,
                Home::Right => self.boxes[at].column = many + 1,
                _ => {}
            }
        }
    }

    /// Orders the boxes of each column by where their neighbors stand.
    fn order(&mut self) {
        let columns = 1 + self.boxes.iter().map(|one| one.column).max().unwrap_or(0);
        let mut place: Vec<f64> = (0..self.boxes.len()).map(|at| at as f64).collect();
        let mut neighbors: Vec<Vec<usize>> = vec![Vec::new(); self.boxes.len()];
        for arrow in self
            .arrows
            .iter()
            .filter(|arrow| arrow.from.0 != arrow.to.0)
        {
            neighbors[arrow.from.0].push(arrow.to.0);
            neighbors[arrow.to.0].push(arrow.from.0);
        }
        for _ in 0..6 {
            for column in 0..columns {
                let mut members: Vec<(f64, usize)> = Vec::new();
                for at in (0..self.boxes.len()).filter(|at| self.boxes[*at].column == column) {
                    let near: Vec<f64> = neighbors[at].iter().map(|one| place[*one]).collect();
                    let mean = match near.len() {
                        0 => place[at],
                        many => near.iter().sum::<f64>() / many as f64,
                    };
                    members.push((mean, at));
                }
                members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let height: f64 = members.iter().map(|(_, at)| self.boxes[*at].height).sum();
                let mut y = 0.0;
                for (_, at) in members {
                    // As a part of the column's height, so that short columns spread.
                    place[at] = (y + self.boxes[at].height / 2.0) / height.max(1.0);
                    y += self.boxes[at].height;
                }
            }
        }
        for (one, place) in self.boxes.iter_mut().zip(place) {
            one.y = place;
        }
    }

    /// Gives everything its place.
    fn place(&mut self) {
        let columns = 1 + self.boxes.iter().map(|one| one.column).max().unwrap_or(0);
        let mut tall: f64 = 0.0;
        let heights: Vec<f64> = (0..columns)
            .map(|column| {
                let members = self.boxes.iter().filter(|one| one.column == column);
                members.map(|one| one.height + BETWEEN).sum::<f64>() - BETWEEN
            })
            .collect();
        for height in &heights {
            tall = tall.max(*height);
        }
        let mut x = SPACE;
        for (column, height) in heights.iter().enumerate() {
            let mut members: Vec<usize> = (0..self.boxes.len())
                .filter(|at| self.boxes[*at].column == column)
                .collect();
            if members.is_empty() {
                continue;
            }
            members.sort_by(|a, b| self.boxes[*a].y.total_cmp(&self.boxes[*b].y).then(a.cmp(b)));
            let width = members
                .iter()
                .map(|at| self.boxes[*at].width)
                .fold(0.0, f64::max);
            let mut y = SPACE + (tall - height) / 2.0;
            for at in members {
                let one = &mut self.boxes[at];
                (one.x, one.y, one.width) = (x, y, width);
                let mut inner = y + if one.title.is_empty() { 0.0 } else { TITLE };
                for row in &mut one.rows {
                    row.y = inner;
                    inner += row.height;
                }
                y += one.height + BETWEEN;
            }
            x += width + GUTTER;
        }
        self.width = (x - GUTTER + SPACE).max(2.0 * SPACE);
        self.height = tall.max(0.0) + 2.0 * SPACE;
    }
}

fn made(reach: &Reach, home: &Home, who: Who, inlets: Vec<usize>) -> Row {
    let namespace = match home {
        Home::Namespace(name) => Some(name),
        _ => None,
    };
    let mut lines: Vec<String> = match &who {
        Who::Group(group) => {
            let names: Vec<String> = reach.names(*group).map(ToString::to_string).collect();
            let shown = match names.len() {
                many if many > NAMES => NAMES - 1,
                many => many,
            };
            let mut lines = names[..shown].to_vec();
            if names.len() > shown {
                lines.push(format!("and {} more", names.len() - shown));
            }
            lines
        }
        whole => vec![match namespace {
            Some(name) => short(reach, whole, Some(name)),
            None => spoken(reach, whole, 2),
        }],
    };
    if let Some(name) = namespace {
        for line in &mut lines {
            *line = line
                .replace(&format!("{name}/"), "")
                .replace(&format!(" in {name}"), "");
        }
    }
    let note = match &who {
        Who::Group(group) => match reach.places[reach.groups[*group][0]].open {
            [true, true] => Some("no policy"),
            [true, false] => Some("no policy for what comes"),
            [false, true] => Some("no policy for what goes"),
            [false, false] => None,
        },
        _ => None,
    };
    let texts = lines.len() + inlets.len() + usize::from(note.is_some());
    Row {
        whole: !matches!(who, Who::Group(_)),
        who,
        lines,
        note,
        inlets,
        y: 0.0,
        height: texts as f64 * LINE + SPACE,
    }
}

fn framed(title: String, rows: Vec<Row>) -> Framed {
    let letters = rows
        .iter()
        .flat_map(|row| &row.lines)
        .map(|line| line.chars().count())
        .chain([title.chars().count() + 2, 18])
        .max()
        .unwrap_or(0)
        .min(LONGEST);
    let inner: f64 = rows.iter().map(|row| row.height).sum();
    Framed {
        height: inner + if title.is_empty() { 0.0 } else { TITLE },
        width: letters as f64 * LETTER + 3.0 * SPACE,
        title,
        rows,
        x: 0.0,
        y: 0.0,
        column: 0,
    }
}

fn arrows(reach: &Reach, edges: &[Edge], boxes: &[Framed], homes: &[Home]) -> Vec<Arrow> {
    let mut rows: BTreeMap<(&Home, &Who), (usize, usize)> = BTreeMap::new();
    for (at, one) in boxes.iter().enumerate() {
        for (row, found) in one.rows.iter().enumerate() {
            rows.insert((&homes[at], &found.who), (at, row));
        }
    }
    let find = |who: &Who, source: bool| rows.get(&(&home(reach, who, source), who)).copied();
    edges
        .iter()
        .filter_map(|edge| {
            let from = find(&edge.from, true)?;
            let to = find(&edge.to, false)?;
            let inlets = &boxes[to.0].rows[to.1].inlets;
            let inlet = inlets.iter().position(|cell| *cell == edge.cell)?;
            Some(Arrow {
                from,
                to: (to.0, to.1, inlet),
                cell: edge.cell,
            })
        })
        .collect()
}
