//! The corpus: every file in `tests/corpus/STAGE/` is a case of that stage. To add a case, drop a file; to add a stage, a function and
//! a line at the end of this file.
//!
//! The expected diagnostics stand in the case and are compared first; then what the stage gives is compared with the snapshot beside
//! the case (`INSTA_UPDATE=always cargo test --test corpus` writes it anew).

mod cases;

use std::path::Path;

use cases::{Case, difference, shown};
use datatest_stable::Result;
use vauban::diagnostic::{Diagnostic, Diagnostics};
use vauban::source::Sources;
use vauban::syntax;

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

datatest_stable::harness! {
    { test = syntax, root = "tests/corpus/syntax", pattern = r"\.vau$" },
}
