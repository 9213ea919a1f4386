//! `vauban check`

use super::args::{Check, Shared};
use super::console::Console;
use super::project::{Built, Project};
use super::repository::{self, Repository};
use super::{Exit, Outcome};
use crate::compile::Prove;

/// Reports every finding of every file, for all targets or those that are named.
pub(crate) fn check(command: &Check, shared: &Shared, console: &Console) -> Outcome {
    let project = Project::open(command.project.as_deref())?;
    let mut built = {
        let _progress = console.progress("checking");
        project.compile(&command.targets, shared.day(), proving(command.no_proof))?
    };
    if let (Exit::Fine, Some(config)) = (exit(&built), &project.config.codeowners) {
        let repository = Repository::around(&project.root);
        // What a build would refuse of the sources; what lies on the disk is for `build --check`.
        if let Err(faults) = repository::claims(&project, &built, &repository, config) {
            built.compilation.diagnostics.extend(faults);
        }
    }
    let compilation = &built.compilation;
    console.report(
        &compilation.sources,
        &project.prefix(),
        &compilation.diagnostics,
    )?;
    if console.is_text() {
        say_proved(&built, console);
    }
    if console.is_text() && compilation.diagnostics.is_empty() {
        console.say(&format!(
            "no findings: {} files, {} targets",
            compilation.own.len(),
            built.targets.len()
        ));
    }
    Ok(exit(&built))
}

/// What `--no-proof` asks for.
pub(crate) fn proving(no_proof: bool) -> Prove {
    match no_proof {
        true => Prove::Nothing,
        false => Prove::Everything,
    }
}

/// Says of each target what it was proved on, in one line.
pub(crate) fn say_proved(built: &Built, console: &Console) {
    for target in &built.compilation.targets {
        if target.proved.is_none() && !built.compilation.has_errors() {
            console.say(&format!("{}: not proved, as asked for", target.spec.name));
        }
        if let Some(proved) = &target.proved
            && !built.compilation.has_errors()
        {
            console.say(&format!(
                "{}: proved on {}",
                target.spec.name, proved.universe
            ));
        }
    }
}

/// What the findings come to.
pub(crate) fn exit(built: &Built) -> Exit {
    let unusable = built
        .compilation
        .diagnostics
        .iter()
        .any(|diagnostic| diagnostic.name == "unreadable-source");
    if unusable {
        Exit::Unusable
    } else if built.compilation.has_errors() {
        Exit::Findings
    } else {
        Exit::Fine
    }
}
