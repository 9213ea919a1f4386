//! The corpus: every file in `tests/corpus/STAGE/` is a case of that stage. To add a case, drop a file; to add a stage, a function and
//! a line at the end of this file.
//!
//! The expected diagnostics stand in the case and are compared first; then what the stage gives is compared with the snapshot beside
//! the case (`INSTA_UPDATE=always cargo test --test corpus` writes it anew).

mod cases;

use std::path::Path;

use cases::{Aim, Case, difference, shown};
use datatest_stable::Result;
use vauban::diagnostic::{Diagnostic, Diagnostics};
use vauban::model::Program;
use vauban::source::{MemoryWorld, Sources};
use vauban::{format, resolve, syntax};

/// Fails unless the diagnostics are the expected ones, then compares what was given with the snapshot.
fn compare(
    path: &Path,
    case: &Case,
    sources: &Sources,
    diagnostics: &[Diagnostic],
    given: &str,
) -> Result<()> {
    let difference = difference(case, sources, diagnostics);
    if !difference.is_empty() {
        return Err(difference.into());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path.parent().expect("a folder"));
    let name = path.file_stem().expect("a name").to_string_lossy();
    insta::with_settings!({
        snapshot_path => folder,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name.as_ref(), given);
    });
    Ok(())
}

/// Reads every file and shows the diagnostics, then the trees.
fn syntax(path: &Path, text: String) -> Result<()> {
    let case = Case::read(&text);
    let sources = case.sources();
    let mut diagnostics = Diagnostics::default();
    let mut trees = String::new();
    for source in sources.iter() {
        let parsed = syntax::parse(source, &mut diagnostics);
        if sources.len() > 1 {
            trees += &std::format!("── {}\n", source.path);
        }
        trees += &syntax::dump(&parsed.file);
    }
    let diagnostics = diagnostics.into_sorted();
    let given = shown(&sources, &diagnostics) + &trees;
    compare(path, &case, &sources, &diagnostics, &given)
}

/// Formats every file; a file with errors has no place here.
fn format(path: &Path, text: String) -> Result<()> {
    let case = Case::read(&text);
    let sources = case.sources();
    let mut diagnostics = Diagnostics::default();
    let mut given = String::new();
    for source in sources.iter() {
        let parsed = syntax::parse(source, &mut diagnostics);
        if sources.len() > 1 {
            given += &format!("── {}\n", source.path);
        }
        given += &format::format(&parsed, source);
    }
    let diagnostics = diagnostics.into_sorted();
    compare(path, &case, &sources, &diagnostics, &given)
}

/// A case after `resolve`.
struct Resolved {
    sources: Sources,
    program: Option<Program>,
    diagnostics: Diagnostics,
}

/// Reads and resolves all files for one cluster. Files that are not `.vau` are there to be read by `raw` or by the option `namespaces`. Options: `today`, `cluster`,
/// `without` (folders, separated by commas).
fn resolved(case: &Case) -> Result<Resolved> {
    let mut sources = Sources::default();
    let mut world = MemoryWorld::default();
    for (path, text) in &case.files {
        world.files.insert(path.clone(), text.clone());
        if path.ends_with(".vau") {
            sources.add(path.as_str(), text.as_str());
        }
    }
    for (path, text) in resolve::standard_library() {
        sources.add(*path, *text);
    }
    let mut diagnostics = Diagnostics::default();
    let files: Vec<_> = sources
        .iter()
        .map(|source| syntax::parse(source, &mut diagnostics))
        .collect();
    let option = |key: &str| case.option(key);
    let manifests = option("namespaces").map(|path| {
        let text = world.files.get(path).expect("a file of the case");
        sources.add(path, text.as_str())
    });
    let today = time::Date::parse(
        option("today").unwrap_or("2026-11-24"),
        time::macros::format_description!("[year]-[month]-[day]"),
    )?;
    let options = resolve::Options {
        namespaces: manifests.into_iter().collect(),
        project: "case".into(),
        today,
        cluster: option("cluster").map(Into::into),
        without: option("without")
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(|folder| folder.trim().into())
            .collect(),
    };
    let program = resolve::resolve(&files, &sources, &world, &options, &mut diagnostics);
    Ok(Resolved {
        sources,
        // Beside an error the program is only what was left, and of no interest.
        program: program.filter(|_| !diagnostics.has_errors()),
        diagnostics,
    })
}

/// Shows the diagnostics, then the program.
fn resolve(path: &Path, text: String) -> Result<()> {
    let case = Case::read(&text);
    let Resolved {
        sources,
        program,
        diagnostics,
    } = resolved(&case)?;
    let diagnostics = diagnostics.into_sorted();
    let mut given = shown(&sources, &diagnostics);
    if let Some(program) = program {
        given += &vauban::model::dump(&program);
    }
    compare(path, &case, &sources, &diagnostics, &given)
}

/// Compiles the case; shows the diagnostics, then the objects of each target.
fn compiled(path: &Path, text: String) -> Result<()> {
    let case = Case::read(&text);
    let aim = Aim {
        without_lints: path.components().any(|part| part.as_os_str() == "backend"),
        ..Aim::default()
    };
    let compilation = case.compile(aim);
    let mut given = shown(&compilation.sources, &compilation.diagnostics);
    for target in &compilation.targets {
        for object in &target.objects {
            // With several targets each path begins with the target's name.
            let name = match compilation.targets.len() {
                1 => String::new(),
                _ => format!("{}/", target.spec.name),
            };
            let (folder, file) = (&object.folder, &object.file);
            given += &format!("── {name}{folder}/{file}\n{}", object.text);
        }
    }
    let again = case.compile(aim);
    for (one, two) in compilation.targets.iter().zip(&again.targets) {
        assert_eq!(one.objects, two.objects, "the same input, the same bytes");
    }
    compare(
        path,
        &case,
        &compilation.sources,
        &compilation.diagnostics,
        &given,
    )
}

datatest_stable::harness! {
    { test = resolve, root = "tests/corpus/resolve", pattern = r"\.vau$" },
    { test = format, root = "tests/corpus/format", pattern = r"\.vau$" },
    { test = syntax, root = "tests/corpus/syntax", pattern = r"\.vau$" },
    { test = compiled, root = "tests/corpus", pattern = r"(^|/)(meaning|check|backend)/.*\.vau$" },
}
