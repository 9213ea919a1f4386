//! `vauban dump`

use std::path::PathBuf;

use super::args::{Dump, Shared, Stage};
use super::check::exit;
use super::console::Console;
use super::manifests;
use super::project::{Built, Project};
use super::{Exit, Failure, Outcome};
use crate::backend::read::{self, Cidr, Context};
use crate::compile::Compiled;
use crate::compile::Prove;
use crate::diagnostic::Diagnostics;
use crate::diagnostic::render::Report;
use crate::source::Sources;
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
    let built = project.compile(&names, shared.day(), Prove::Nothing)?;
    let prefix = project.prefix();
    console.report_aside(&built.report(&prefix));
    if let Some(path) = &command.manifests {
        if command.stage != Stage::Model {
            return Err(Failure::new("`--manifests` goes with `--stage model`").into());
        }
        return reading(path, target(&built)?, console);
    }
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

/// What manifests say on the cluster of a target, and what of them is not decided.
fn reading(path: &PathBuf, target: &Compiled, console: &Console) -> Outcome {
    let Some(program) = target.program.as_deref() else {
        return Ok(Exit::Findings);
    };
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let found = manifests::find_all(std::slice::from_ref(path))?;
    let documents = manifests::load(found, &mut sources, &mut diagnostics);
    let context = Context {
        version: target.spec.version,
        cluster: &program.cluster,
        namespaces: &program.namespaces,
        cidr: Cidr::AsTarget,
    };
    let reading = read::read(target.spec.backend, &documents, &context, &mut diagnostics);
    let found: Vec<_> = diagnostics.iter().cloned().collect();
    console.report_aside(&Report {
        sources: &sources,
        prefix: "",
        diagnostics: &found,
    });
    let mut text = model::dump(&reading.program);
    for part in &reading.unread {
        let word = part.direction.word();
        text += &format!("not decided: {} of {}: {}\n", word, part.object, part.why);
    }
    console.print(&text)?;
    Ok(if diagnostics.has_errors() {
        Exit::Findings
    } else {
        Exit::Fine
    })
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
            let source = compilation.sources.get(file);
            // Its faults are reported already.
            let parsed = syntax::parse(source, &mut Diagnostics::default());
            let tree = syntax::dump(&parsed.file);
            format!("// {prefix}{}\n{tree}\n", source.path)
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
