//! `vauban lint`, `vauban shadowed` and `vauban conflicts`

use std::path::{Path, PathBuf};

use super::args::{About, Lint as Asked, Shared};
use super::check::exit;
use super::console::Console;
use super::project::{FILE, Project};
use super::sides;
use super::{Exit, Outcome};
use crate::analyze::findings;
use crate::check;
use crate::compile::Prove;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Which findings are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// All.
    All,
    /// What could be taken away: rules that never decide or change nothing, allows that are denied above, objects that are redundant.
    Shadowed,
    /// What says opposite things.
    Conflicts,
}

/// The lints of [`Which::Shadowed`].
const SHADOWED: [&str; 4] = [
    "allow-denied-above",
    "redundant-deny-all",
    "rule-changes-nothing",
    "rule-never-decides",
];

impl Which {
    fn asks(self, diagnostic: &Diagnostic) -> bool {
        match self {
            Which::All => true,
            Which::Shadowed => {
                SHADOWED.contains(&diagnostic.name) || diagnostic.name == "lints-left-out"
            }
            Which::Conflicts => diagnostic.name == "policies-disagree",
        }
    }
}

/// Reports what is asked for of a project or of manifests.
pub(super) fn lint(command: &Asked, which: Which, shared: &Shared, console: &Console) -> Outcome {
    let here = PathBuf::from(".");
    let path = match command.side.as_deref() {
        Some(path) if !is_project(path) => return manifests(command, path, which, shared, console),
        Some(path) => Some(path),
        None if here.join(FILE).is_file() => Some(here.as_path()),
        None => None,
    };
    let project = Project::open(path)?;
    let names: Vec<String> = command.sides.target.iter().cloned().collect();
    let built = {
        let _progress = console.progress("checking");
        project.compile(&names, shared.day(), Prove::Nothing)?
    };
    let errors = exit(&built) == Exit::Findings;
    let all = &built.compilation.diagnostics;
    let asked: Vec<Diagnostic> = all
        .iter()
        // With errors nothing else is known for certain.
        .filter(|one| which.asks(one) || one.severity == Severity::Error)
        .cloned()
        .collect();
    console.report(&built.compilation.sources, &project.prefix(), &asked)?;
    Ok(match errors || finds(&asked) {
        true => Exit::Findings,
        false => fine(console),
    })
}

fn is_project(path: &Path) -> bool {
    path.join(FILE).is_file() || path.file_name().is_some_and(|name| name == FILE)
}

fn finds(all: &[Diagnostic]) -> bool {
    all.iter().any(|one| one.severity != Severity::Note)
}

fn fine(console: &Console) -> Exit {
    if console.is_text() {
        console.say("no findings");
    }
    Exit::Fine
}

fn manifests(
    command: &Asked,
    path: &Path,
    which: Which,
    shared: &Shared,
    console: &Console,
) -> Outcome {
    let about = About {
        project: None,
        target: None,
        manifests: vec![path.to_owned()],
        reading: command.sides.reading.clone(),
    };
    let opened = sides::open(&about, None, shared)?;
    let side = &opened.side;
    let mut found = Diagnostics::default();
    let mut too_large = 0;
    {
        let _progress = console.progress("checking");
        if which != Which::Conflicts {
            check::check(&side.program, &mut found);
            too_large += findings::redundant(side, &mut found);
        }
        if which == Which::All {
            let inventory = opened.inventory()?;
            if !inventory.workloads.is_empty() {
                findings::vacuous(side, &inventory, &mut found);
            }
        }
        if which != Which::Shadowed {
            too_large += findings::conflicts(side, &mut found);
        }
    }
    let mut all: Vec<Diagnostic> = found.into_sorted();
    all.retain(|one| which.asks(one));
    for one in &mut all {
        // What a lint advises, it advises in the language; the words of this command's own findings fit manifests.
        if one.name != "policies-disagree" {
            one.help.clear();
        }
    }
    console.report(&side.sources, &side.prefix, &all)?;
    if console.is_text() {
        for sentence in &side.assumed {
            console.say(&format!("assumed: {sentence}"));
        }
        if !side.unread.is_empty() {
            console.say(&format!(
                "{} parts are not understood, and nothing is said of what they decide",
                side.unread.len()
            ));
        }
        if too_large > 0 {
            console.say(&format!(
                "{too_large} ends of namespaces are too large to ask: what decides there is taken to be needed"
            ));
        }
    }
    Ok(match finds(&all) {
        true => Exit::Findings,
        false => fine(console),
    })
}
