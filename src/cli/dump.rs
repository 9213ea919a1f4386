//! `vauban dump`

use super::args::{About, CidrChoice, Dump, Reading, Shared, Stage};
use super::check::exit;
use super::console::Console;
use super::project::{Built, Project};
use super::sides;
use super::{Exit, Failure, Outcome};
use crate::analyze::Side;
use crate::compile::{Compiled, Prove};
use crate::diagnostic::Diagnostics;
use crate::{model, syntax};

/// Prints a station of the pipeline, as far as the sources get there. Findings go to standard error.
pub(crate) fn dump(command: &Dump, shared: &Shared, console: &Console) -> Outcome {
    let project = Project::open(command.project.as_deref())?;
    if let Some(path) = &command.manifests {
        if command.stage != Stage::Model {
            return Err(Failure::new("`--manifests` goes with `--stage model`").into());
        }
        let about = About {
            project: Some(project.root),
            target: command.target.clone(),
            manifests: vec![path.clone()],
            reading: Reading {
                inventory: Vec::new(),
                cni: None,
                cidr: CidrChoice::Target,
                facts: None,
            },
        };
        return reading(&sides::open(&about, None, shared)?.side, console);
    }
    let first = project.config.targets.first();
    let name = command
        .target
        .clone()
        .or_else(|| first.map(|target| target.input.spec.name.to_string()));
    let names: Vec<String> = name.into_iter().collect();
    let built = project.compile(&names, shared.day(), Prove::Nothing)?;
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

/// What manifests say on the cluster of a target, and what of them is not decided.
fn reading(side: &Side, console: &Console) -> Outcome {
    let mut text = model::dump(&side.program);
    for part in &side.unread {
        let word = part.direction.word();
        text += &format!("not decided: {} of {}: {}\n", word, part.object, part.why);
    }
    console.print(&text)?;
    for sentence in &side.assumed {
        console.say(&format!("assumed: {sentence}"));
    }
    Ok(Exit::Fine)
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
