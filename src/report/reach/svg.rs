//! A picture that stands by itself or in a page: no script, no font from elsewhere, light and dark as the reader has it.

use std::fmt::{self, Write};

use super::layout::{Arrow, Framed, LINE, LONGEST, Layout, SPACE, TITLE};
use super::spoken;
use crate::analyze::reach::Who;
use crate::analyze::{Reach, Side};

/// Colors of namespaces: readable on light and on dark.
const HUES: [&str; 8] = [
    "#2f74d0", "#c2571a", "#2e8b57", "#a13fa1", "#b08800", "#0f8b8d", "#c03050", "#6a5acd",
];

/// How the picture looks. A page gives its own colors by the variables `--reach-…`.
const STYLE: &str = "\
.reach{--bg:var(--reach-background,#fff);--fg:var(--reach-text,#1d2430);--dim:var(--reach-dim,#5a6473);--line:var(--reach-line,#b9c2cf);--warn:var(--reach-warn,#b3261e);font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.reach{--bg:var(--reach-background,#14181f);--fg:var(--reach-text,#e4e8ee);--dim:var(--reach-dim,#9aa6b5);--line:var(--reach-line,#465063);--warn:var(--reach-warn,#ff8a80)}}
.reach text{fill:var(--fg)}.reach .dim{fill:var(--dim);font-size:11px}.reach .warn{fill:var(--warn);font-size:11px}.reach .title{font-weight:600}
.reach .paper{fill:var(--bg)}.reach .box{fill:var(--bg);stroke-width:1.5}.reach .cut{stroke:var(--line)}
.reach .arrow path{fill:none;stroke-width:1.4;opacity:.62}.reach .arrow:hover path{stroke-width:3.5;opacity:1}.reach .arrow .head{opacity:1}.reach .unsure path{stroke-dasharray:5 4}
";

/// The most arrows of a picture: nobody can follow a tenth of them, and with ten times as many no browser opens it.
pub const MOST_ARROWS: usize = 50_000;

/// The picture would have so many arrows, which are more than [`MOST_ARROWS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFull(pub usize);

impl fmt::Display for TooFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a picture of it would have {} arrows, and may have {MOST_ARROWS}: ask about some ends (`--from`, `--to`), or in another form",
            self.0
        )
    }
}

impl std::error::Error for TooFull {}

/// An SVG of the table, of its own size.
///
/// # Errors
/// If it would have more than [`MOST_ARROWS`].
pub fn svg(side: &Side, reach: &Reach) -> Result<String, TooFull> {
    let edges = reach.edges();
    if edges.len() > MOST_ARROWS {
        return Err(TooFull(edges.len()));
    }
    let layout = Layout::of(reach, &edges);
    let mut out = String::new();
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"reach\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"reach-title reach-desc\">\n\
         <title id=\"reach-title\">{}</title>\n<desc id=\"reach-desc\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(&format!("Who reaches whom: {}", side.name)),
        escaped(&described(reach, &layout)),
    );
    for arrow in &layout.arrows {
        draw_arrow(&mut out, reach, &layout, arrow);
    }
    for (at, one) in layout.boxes.iter().enumerate() {
        draw_box(&mut out, reach, one, hue(at));
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn hue(at: usize) -> &'static str {
    HUES[at % HUES.len()]
}

/// For who cannot see it.
fn described(reach: &Reach, layout: &Layout) -> String {
    let titles: Vec<&str> = layout
        .boxes
        .iter()
        .map(|one| one.title.as_str())
        .filter(|title| !title.is_empty())
        .collect();
    format!(
        "{} ends in {} groups; {} arrows. Boxes are namespaces: {}. An arrow leads from who opens connections to the ports on which they get through. The same as text: vauban reach",
        reach.places.len(),
        reach.groups.len(),
        layout.arrows.len(),
        titles.join(", ")
    )
}

fn draw_box(out: &mut String, reach: &Reach, one: &Framed, hue: &str) {
    let Framed {
        x,
        y,
        width,
        height,
        ..
    } = one;
    let _ = writeln!(
        out,
        "<g><rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\" stroke=\"{hue}\"/>"
    );
    if !one.title.is_empty() {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{TITLE}\" rx=\"6\" fill=\"{hue}\" opacity=\".16\"/>"
        );
        text(out, "title", x + SPACE, y + 16.0, &one.title);
    }
    for (at, row) in one.rows.iter().enumerate() {
        if at > 0 {
            let _ = writeln!(
                out,
                "<line class=\"cut\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                x + 1.0,
                x + width - 1.0,
                row.y,
                row.y
            );
        }
        let mut below = row.y + 14.0;
        for line in &row.lines {
            let class = if row.whole { "dim title" } else { "name" };
            text(out, class, x + SPACE, below, line);
            below += LINE;
        }
        if let Some(note) = row.note {
            text(out, "warn", x + SPACE, below, note);
            below += LINE;
        }
        for cell in &row.inlets {
            let ports = reach.spoken_cell(&reach.cells[*cell]);
            text(out, "dim", x + 2.0 * SPACE, below, &ports);
            below += LINE;
        }
    }
    out.push_str("</g>\n");
}

/// A line of text; all of it is in its title if it is too long.
fn text(out: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let many = text.chars().count();
    let _ = match many > LONGEST {
        true => {
            let cut: String = text.chars().take(LONGEST - 1).collect();
            writeln!(
                out,
                "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}…<title>{}</title></text>",
                escaped(&cut),
                escaped(text)
            )
        }
        false => writeln!(
            out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(text)
        ),
    };
}

fn draw_arrow(out: &mut String, reach: &Reach, layout: &Layout, arrow: &Arrow) {
    let (from, to) = (&layout.boxes[arrow.from.0], &layout.boxes[arrow.to.0]);
    let row = &from.rows[arrow.from.1];
    let target = &to.rows[arrow.to.1];
    let start = row.y + SPACE / 2.0 + LINE / 2.0;
    let lines = target.lines.len() + usize::from(target.note.is_some()) + arrow.to.2;
    let end = target.y + SPACE / 2.0 + LINE / 2.0 + lines as f64 * LINE - 1.0;
    let (path, head, points_right) = if to.x > from.x + 1.0 {
        let (a, b) = (from.x + from.width, to.x);
        let bend = ((b - a) / 2.0).clamp(40.0, 260.0);
        let path = format!(
            "M{a:.1} {start:.1}C{:.1} {start:.1} {:.1} {end:.1} {b:.1} {end:.1}",
            a + bend,
            b - bend
        );
        (path, b, true)
    } else if to.x < from.x - 1.0 {
        let (a, b) = (from.x, to.x + to.width);
        let bend = ((a - b) / 2.0).clamp(40.0, 260.0);
        let path = format!(
            "M{a:.1} {start:.1}C{:.1} {start:.1} {:.1} {end:.1} {b:.1} {end:.1}",
            a - bend,
            b + bend
        );
        (path, b, false)
    } else {
        let a = from.x + from.width;
        let bend = 18.0 + ((end - start).abs() / 5.0).min(90.0);
        let path = format!(
            "M{a:.1} {start:.1}C{:.1} {start:.1} {:.1} {end:.1} {a:.1} {end:.1}",
            a + bend,
            a + bend
        );
        (path, a, false)
    };
    let back = if points_right { -7.0 } else { 7.0 };
    let color = hue(arrow.from.0);
    let cell = &reach.cells[arrow.cell];
    let class = match cell.allowed.is_empty() {
        true => "arrow unsure",
        false => "arrow",
    };
    let name = |who: &Who| spoken(reach, who, 6);
    let _ = writeln!(
        out,
        "<g class=\"{class}\" stroke=\"{color}\"><title>{}</title><path d=\"{path}\"/><polygon class=\"head\" fill=\"{color}\" stroke=\"none\" points=\"{head:.1},{end:.1} {:.1},{:.1} {:.1},{:.1}\"/></g>",
        escaped(&format!(
            "{} -> {}: {}",
            name(&row.who),
            name(&target.who),
            reach.spoken_cell(cell)
        )),
        head + back,
        end - 3.5,
        head + back,
        end + 3.5,
    );
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // What XML cannot have.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
