//! `vauban explain`

use super::args::Explain;
use super::console::Console;
use super::{Exit, Failure, Outcome};
use crate::diagnostic::{nearest, registry};

/// Prints the page of a name, or all names with what they mean.
pub(crate) fn explain(command: &Explain, console: &Console) -> Outcome {
    let Some(name) = &command.name else {
        let widest = registry::ALL
            .iter()
            .map(|entry| entry.name.len())
            .max()
            .unwrap_or_default();
        let list: String = registry::ALL
            .iter()
            .map(|entry| format!("{:widest$}  {}\n", entry.name, entry.summary()))
            .collect();
        console.print(&list)?;
        return Ok(Exit::Fine);
    };
    // As it stands in a message: `error[unknown-group]`.
    let plain = name
        .split_once('[')
        .map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(']'));
    let Some(entry) = registry::find(plain) else {
        let hint = match nearest(plain, registry::ALL.iter().map(|entry| entry.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`vauban explain` lists all".to_owned(),
        };
        return Err(Failure::new(format!("there is no diagnostic `{plain}`: {hint}")).into());
    };
    console.print(entry.page)?;
    Ok(Exit::Fine)
}
