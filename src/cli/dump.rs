//! `vauban dump`

use super::args::{Dump, Shared, Stage};
use super::check::exit;
use super::console::Console;
use super::project::{Built, Project};
use super::{Failure, Outcome};
use crate::compile::Compiled;
use crate::{model, syntax};

/// Prints a station of the pipeline, as far as the sources get there. Findings go to standard error.
pub(crate) fn dump(command: &Dump, shared: &Shared, console: &Console) -> Outcome {
    let project = Project::open(command.project.as_deref())?;
    let first = project.config.targets.first();
    let name = command
        .target
        .clone()
        .or_else(|| first.map(|target| target.input.spec.name.to_string()));
    let names: Vec<String> = name.into_iter().collect();
    let built = project.compile(&names, shared.day())?;
    let prefix = project.prefix();
    console.report_aside(&built.report(&prefix));
    let text = match command.stage {
        Stage::Ast => trees(&built, &prefix),
        Stage::Model => target(&built)?
            .program
            .as_deref()
            .map(model::dump)
            .unwrap_or_default(),
        Stage::Objects => objects(target(&built)?),
    };
    console.print(&text)?;
    Ok(exit(&built))
}

fn target(built: &Built) -> Result<&Compiled, Failure> {
    built
        .compilation
        .targets
        .first()
        .ok_or_else(|| Failure::new("`vauban.toml` has no `[[target]]`"))
}

fn trees(built: &Built, prefix: &str) -> String {
    let compilation = &built.compilation;
    compilation
        .own_files()
        .map(|file| {
            let path = &compilation.sources.get(file).path;
            let tree = syntax::dump(&compilation.parsed[file.0 as usize].file);
            format!("// {prefix}{path}\n{tree}\n")
        })
        .collect()
}

fn objects(target: &Compiled) -> String {
    target
        .objects
        .iter()
        .map(|object| format!("---\n# {}/{}\n{}", object.folder, object.file, object.text))
        .collect()
}
