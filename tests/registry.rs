//! Every diagnostic has a name, every name has a page, and the page's examples raise it.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cases::{Aim, Case, found, shown};
use vauban::diagnostic::{lints, registry};

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// The code of `src`, by path, without unit tests and comments.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .filter(|path| !path.ends_with("diagnostic/registry.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let code: String = text
                .lines()
                .take_while(|line| !line.starts_with("#[cfg(test)]"))
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            (path.to_string_lossy().into_owned(), code)
        })
        .collect()
}

fn is_kebab(text: &str) -> bool {
    text.contains('-')
        && text.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// The functions of `src` that are handed the name of a diagnostic: `Diagnostic::error` and its sisters, and every function with a
/// parameter `name: &'static str` that gives a diagnostic or fills the sink.
fn namers(sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut namers: BTreeSet<String> = [
        "Diagnostic::error",
        "Diagnostic::warning",
        "Diagnostic::note",
    ]
    .map(str::to_owned)
    .into();
    for code in sources.values() {
        for part in code.split("fn ").skip(1) {
            let Some((name, rest)) = part.split_once('(') else {
                continue;
            };
            let signature = rest.split('{').next().unwrap_or_default();
            if signature.contains("name: &'static str") && signature.contains("Diagnostic") {
                let name = name.split('<').next().unwrap_or_default();
                namers.insert(name.trim().to_owned());
            }
        }
    }
    namers.remove("new");
    namers
}

/// The string literals among the arguments of a call, given what follows its opening parenthesis.
fn literals(arguments: &str) -> Vec<&str> {
    let mut depth = 1;
    let mut found = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest.find(['(', ')', '"']) {
        let (char, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        match char {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {
                let mut end = 0;
                let bytes = after.as_bytes();
                while end < bytes.len() && bytes[end] != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                if depth == 1 {
                    found.push(&after[..end.min(after.len())]);
                }
                rest = after.get(end + 1..).unwrap_or_default();
                continue;
            }
        }
        if depth == 0 {
            break;
        }
        rest = after;
    }
    found
}

#[test]
fn names_in_use_the_registry_and_the_pages_are_the_same() {
    let sources = sources();
    let registered: BTreeSet<&str> = registry::ALL.iter().map(|entry| entry.name).collect();
    let mut wrong = Vec::new();
    for namer in namers(&sources) {
        for (path, code) in &sources {
            for (at, _) in code.match_indices(&format!("{namer}(")) {
                if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    || code[..at].ends_with("fn ")
                {
                    continue;
                }
                let arguments = &code[at + namer.len() + 1..];
                let name = literals(arguments).into_iter().find(|text| is_kebab(text));
                if let Some(name) = name
                    && !registered.contains(name)
                {
                    wrong.push(format!("`{name}` is not registered: {path}"));
                }
            }
        }
    }
    for name in &registered {
        let literal = format!("\"{name}\"");
        if !sources.values().any(|code| code.contains(&literal)) {
            wrong.push(format!("`{name}` is registered and nobody says it"));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/errors");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        if path.extension().is_some_and(|extension| extension == "md")
            && name != "index"
            && !registered.contains(&*name)
        {
            wrong.push(format!("the page `{name}` is not registered"));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The diagnostics of which no page can have an example, and why. All others have one.
const WITHOUT_EXAMPLE: &[(&str, &str)] = &[
    (
        "duplicate-object",
        "names that meet are refused before; this is the last look at what was made",
    ),
    (
        "file-too-large",
        "the command line reads no such file; tests/laws.rs has one from memory",
    ),
    (
        "lowering-not-exact",
        "only a fault of the compiler raises it",
    ),
    (
        "order-too-deep",
        "it takes 65,537 policies in a chain, half a minute of a build for tests",
    ),
    ("proof-fails", "only a fault of the compiler raises it"),
    ("proof-undecided", "only a fault of the compiler raises it"),
    (
        "rejected-object",
        "it comes with another, of what is wrong in the program, or is a fault of the compiler",
    ),
];

/// The diagnostics that a text reports: `error[name]`.
fn reported(text: &str) -> BTreeSet<&str> {
    ["error[", "warning[", "note["]
        .into_iter()
        .flat_map(|start| {
            text.lines()
                .filter_map(move |line| line.strip_prefix(start))
        })
        .filter_map(|rest| rest.split_once(']'))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_page_has_an_example_of_its_own_diagnostic() {
    let mut wrong = Vec::new();
    for entry in registry::ALL {
        let name = entry.name;
        let mut examples = 0;
        for (info, text) in blocks(entry.page) {
            let raises = ["error", "warning", "note"].map(|word| format!("{word}={name}"));
            let mut words = info.split(',');
            match words.next() {
                // Whether it does is asked below.
                Some("vauban") => {
                    examples += words
                        .filter(|word| raises.iter().any(|one| one == word))
                        .count();
                }
                // Whether that is what is printed is asked by `tests/book.rs`, which runs the commands.
                Some("console") => {
                    let reported = reported(&text);
                    examples += usize::from(reported.contains(name));
                    if reported != BTreeSet::from([name]) {
                        wrong.push(format!("{name}: its commands report {reported:?}"));
                    }
                }
                _ => {}
            }
        }
        let why = WITHOUT_EXAMPLE.iter().find(|(one, _)| *one == name);
        match why {
            None if examples == 0 => wrong.push(format!("{name}: its page has no example")),
            Some((_, why)) if examples > 0 => {
                wrong.push(format!("{name}: it has an example, though {why}"));
            }
            _ => {}
        }
    }
    for (name, _) in WITHOUT_EXAMPLE {
        if registry::find(name).is_none() {
            wrong.push(format!("{name}: there is no such diagnostic"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_registry_is_sorted() {
    assert!(
        registry::ALL
            .windows(2)
            .all(|two| two[0].name < two[1].name)
    );
}

#[test]
fn the_lints_are_those_whose_pages_show_a_warning_or_a_note() {
    assert!(lints::ALL.windows(2).all(|two| two[0].name < two[1].name));
    let overview = include_str!("../book/src/reference/lints.md");
    for lint in lints::ALL {
        let name = lint.name;
        let entry = registry::find(name).expect("a lint is registered");
        let example = blocks(entry.page).into_iter().find_map(|(info, _)| {
            ["warning", "note"]
                .into_iter()
                .find(|severity| info.starts_with(&format!("vauban,{severity}={name}")))
        });
        let severity = example.unwrap_or("(no example on its page)");
        let row = format!("\n| [{name}](../errors/{name}.md) | {severity} | ");
        assert!(overview.contains(&row), "{name}: its row in the list");
    }
    let rows = overview.lines().filter(|line| line.starts_with("| ["));
    assert_eq!(rows.count(), lints::ALL.len());
    for entry in registry::ALL {
        let warns = entry.page.contains("```vauban,warning=");
        assert!(
            !warns || entry.is_lint(),
            "{}: a warning is a lint",
            entry.name
        );
    }
}

#[test]
fn pages_have_the_form_that_the_tool_reads() {
    for entry in registry::ALL {
        let name = entry.name;
        assert!(
            entry.page.starts_with(&format!("# {name}\n\n")),
            "{name}: its first line"
        );
        assert!(!entry.summary().is_empty(), "{name}: its summary");
        assert!(
            entry.page.contains("\n## What to do\n"),
            "{name}: what to do"
        );
    }
}

fn pages(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            out.push(path);
        }
    }
}

#[test]
fn the_summary_of_the_book_lists_every_page_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let mut files = Vec::new();
    pages(&root, &mut files);
    let mut there: Vec<String> = files
        .iter()
        .map(|path| path.strip_prefix(&root).expect("a page of the book"))
        .map(|path| path.to_string_lossy().replace('\\', "/"))
        .filter(|path| path != "SUMMARY.md")
        .collect();
    there.sort();
    let summary = fs::read_to_string(root.join("SUMMARY.md")).expect("a summary");
    let mut listed: Vec<String> = summary
        .match_indices("](")
        .filter_map(|(at, open)| summary[at + open.len()..].split_once(')'))
        .map(|(path, _)| path.to_owned())
        .collect();
    listed.sort();
    assert_eq!(listed, there);
}

/// The fenced blocks of a page: what stands after the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text = lines
                .by_ref()
                .take_while(|line| !line.starts_with("```"))
                .map(|line| format!("{line}\n"))
                .collect();
            blocks.push((info, text));
        }
    }
    blocks
}

#[test]
fn the_examples_of_a_page_raise_its_diagnostic_and_nothing_else() {
    let mut wrong = Vec::new();
    for entry in registry::ALL {
        for (info, text) in blocks(entry.page) {
            let mut words = info.split(',');
            if words.next() != Some("vauban") {
                continue;
            }
            let mut expected = None;
            let mut on = None;
            for word in words {
                match word.trim().split_once('=') {
                    Some((severity @ ("error" | "warning" | "note"), name)) => {
                        expected = Some(format!("{severity}[{name}]"));
                        if name != entry.name {
                            wrong.push(format!("{}: its example is of `{name}`", entry.name));
                        }
                    }
                    Some(("target", target)) => on = Some(target),
                    _ => wrong.push(format!("{}: what is `{word}`?", entry.name)),
                }
            }
            let Some(expected) = expected else {
                continue;
            };
            let compilation = Case::read(&text).compile(Aim {
                target: on,
                ..Aim::default()
            });
            let (sources, diagnostics) = (&compilation.sources, &compilation.diagnostics);
            let found: BTreeSet<String> = found(sources, diagnostics)
                .into_iter()
                .map(|(_, _, what)| what)
                .collect();
            if found != BTreeSet::from([expected.clone()]) {
                wrong.push(format!(
                    "{}: {expected} is expected, found {found:?}\n{}",
                    entry.name,
                    shown(sources, diagnostics)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
