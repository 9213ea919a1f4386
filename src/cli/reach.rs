//! `vauban reach`

use super::args::{As, Reach as Asked, Shared};
use super::console::Console;
use super::question::Ends;
use super::sides;
use super::{Exit, Failure, Outcome};
use crate::analyze::Reach;
use crate::analyze::reach::Focus;
use crate::report::reach as report;
use crate::space::PortSet;

/// Says who reaches whom.
pub(crate) fn reach(command: &Asked, shared: &Shared, console: &Console) -> Outcome {
    let ends = Ends {
        from: command.from.clone(),
        to: command.to.clone(),
        ports: command.ports.clone(),
    };
    let opened = sides::open(&command.about, ends.any().then_some(&ends), shared)?;
    let inventory = opened.inventory()?;
    let mut focus = Focus {
        exposure: command.exposure,
        ..Focus::default()
    };
    if let Some(asked) = &opened.asked {
        let check = &asked.check;
        focus.named = asked.workloads.clone();
        if ends.from.is_some() && focus.named[0].is_none() {
            focus.from = Some(&check.from);
        }
        if (ends.to.is_some() || asked.is_to_workloads()) && focus.named[1].is_none() {
            focus.to = Some(&check.to);
        }
        let ports = check.to.iter().map(|(_, ports)| ports);
        focus.ports = ports.fold(PortSet::empty(), |all, one| all.union(one));
    }
    let side = &opened.side;
    let mut reach =
        Reach::of(side, &inventory, &focus).map_err(|many| Failure::new(many.to_string()))?;
    let known = inventory.assumed.iter();
    let new = known.filter(|sentence| !side.assumed.contains(sentence));
    reach.assumed.extend(new.cloned());
    let text = match command.form {
        As::Text => {
            let by_destination = ends.to.is_some() && ends.from.is_none();
            report::text(side, &reach, by_destination)
        }
        As::Json => report::json(side, &reach),
        As::Csv => report::csv(&reach),
        As::Markdown => report::markdown(side, &reach),
        As::Dot => report::dot(&reach),
        As::Mermaid => report::mermaid(&reach),
        As::Svg => report::svg(side, &reach).map_err(|full| Failure::new(full.to_string()))?,
    };
    console.print(&text)?;
    if !matches!(command.form, As::Json | As::Markdown) {
        for sentence in side.assumed.iter().chain(&reach.assumed) {
            console.say(&format!("assumed: {sentence}"));
        }
        const MOST: usize = 5;
        for part in side.unread.iter().take(MOST) {
            console.say(&format!(
                "not understood: {}: {}: {}",
                side.place(part.span),
                part.object,
                part.why
            ));
        }
        if side.unread.len() > MOST {
            let more = side.unread.len() - MOST;
            console.say(&format!(
                "not understood: {more} more, which `--as json` lists"
            ));
        }
        console.say(&format!("asked on: {}", side.universe));
    }
    Ok(Exit::Fine)
}
