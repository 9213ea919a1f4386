//! `vauban can`

use std::sync::Arc;

use super::args::{Can, Shared};
use super::console::Console;
use super::sides::{self, Ends};
use super::{Exit, Failure, Outcome};
use crate::meaning::Index;
use crate::model::{Check, Verb};
use crate::prove::{Standing, examine_knowing};

/// Says whether all connections of the question get through.
pub(crate) fn can(command: &Can, shared: &Shared, console: &Console) -> Outcome {
    let ends = Ends {
        from: Some(command.from.clone()),
        to: Some(command.to.clone()),
        ports: command.ports.clone(),
    };
    let opened = sides::open(&command.about, Some(&ends), shared)?;
    let side = &opened.side;
    let asked = opened
        .ends
        .ok_or_else(|| Failure::new("the question could not be read"))?;
    let check = Check {
        verb: Verb::Can,
        ..asked
    };
    let index = Arc::new(Index::new(&side.program));
    let claim = examine_knowing(&index, &side.unread, &side.universe, &check, &opened.ports);
    let (text, exit) = match claim.standing {
        Standing::Holds => ("yes".to_owned(), Exit::Fine),
        Standing::Fails(failed) => {
            let flow = failed.egress.as_ref().or(failed.ingress.as_ref());
            let flow = flow.map(ToString::to_string).unwrap_or_default();
            (format!("no: {flow}"), Exit::Findings)
        }
        Standing::NotCovered(why) => return Err(Failure::new(why).into()),
        Standing::TooLarge(fault) => return Err(Failure::new(fault.to_string()).into()),
    };
    console.print(&format!("{text}\n"))?;
    for sentence in &side.assumed {
        console.say(&format!("assumed: {sentence}"));
    }
    console.say(&format!("asked on: {}", side.universe));
    Ok(exit)
}
