//! What the README shows is what the program takes and prints: a block under `<!-- checked: … -->` is compared with what the comment names.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cases;

use std::fs;
use std::path::{Path, PathBuf};

use cases::{Aim, Case, shown};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The checked blocks of a page: what the comment above says, and the text between the fences.
fn checked(page: &str) -> Vec<(&str, &str)> {
    page.split("<!-- checked: ")
        .skip(1)
        .map(|rest| {
            let (what, rest) = rest
                .split_once(" -->\n")
                .expect("the comment ends its line");
            let rest = rest.strip_prefix("```").expect("a fence follows it");
            let (_, rest) = rest.split_once('\n').expect("the fence is a line");
            let (block, _) = rest.split_once("```").expect("the fence is closed");
            (what, block)
        })
        .collect()
}

#[test]
fn the_readme_shows_what_is() {
    let page = text(&root().join("README.md"));
    let mut program = None;
    let mut count = 0;
    for (what, block) in checked(&page) {
        count += 1;
        if let Some(path) = what.strip_prefix("a part of ") {
            assert!(
                text(&root().join(path)).contains(block),
                "{path} has no such part:\n{block}"
            );
        } else if let Some(path) = what.strip_prefix("all of ") {
            assert_eq!(text(&root().join(path)), block, "{path}");
        } else if what == "a program" {
            program = Some(block);
        } else if what == "what is said of it" {
            let compilation = Case::read(program.expect("a program")).compile(Aim::default());
            let said = shown(&compilation.sources, &compilation.diagnostics);
            assert_eq!(said, block);
        } else {
            panic!("what is `{what}`?");
        }
    }
    assert!(count >= 4, "only {count} blocks are checked");
}
