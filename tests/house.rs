//! The house keeps its own rules: floors, file sizes, words that do not belong on main, pages for diagnostics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The floors of `src/`; a folder imports only from lower ones, or from itself.
const FLOORS: &[(&str, u8)] = &[
    ("source", 0),
    ("diagnostic", 1),
    ("syntax", 2),
    ("space", 2),
    ("model", 3),
    ("format", 3),
    ("resolve", 4),
    ("meaning", 5),
    ("check", 6),
    ("backend", 6),
    ("prove", 7),
    ("compile", 8),
    ("analyze", 9),
    ("gitops", 9),
    ("report", 10),
    ("cli", 11),
];

/// Crates that one folder alone may name.
const KEPT_IN: &[(&str, &str)] = &[
    ("pest", "syntax"),
    ("codespan_reporting", "diagnostic"),
    ("clap", "cli"),
];

/// What only the command line may do.
const ONLY_IN_CLI: &[&str] = &[
    "std::fs",
    "std::env",
    "println!(",
    "std::time::SystemTime",
    "OffsetDateTime::now",
];

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("src is readable")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .expect("under src")
                .to_string_lossy()
                .replace('\\', "/");
            (name, std::fs::read_to_string(&path).expect("UTF-8"))
        })
        .collect()
}

/// The text of a file without its unit tests and comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

fn folder(file: &str) -> &str {
    file.split(['/', '.']).next().expect("a first part")
}

#[test]
fn floors_import_only_from_below() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(own) = floors.get(folder(&file)) else {
            continue;
        };
        for (line, code) in code(&text) {
            for part in code.split("crate::").skip(1) {
                let name: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                    .collect();
                match floors.get(name.as_str()) {
                    Some(other) if name == folder(&file) || other < own => {}
                    Some(_) => {
                        wrong.push(format!("{file}:{line}: {} imports {name}", folder(&file)))
                    }
                    None => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_and_the_outside_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (line, code) in code(&text) {
            for (name, room) in KEPT_IN {
                if folder(&file) != *room
                    && (code.contains(&format!("{name}::"))
                        || code.contains(&format!("use {name}")))
                {
                    wrong.push(format!("{file}:{line}: {name} belongs to {room}"));
                }
            }
            if folder(&file) != "cli" && folder(&file) != "main" {
                for outside in ONLY_IN_CLI
                    .iter()
                    .filter(|outside| code.contains(**outside))
                {
                    wrong.push(format!("{file}:{line}: {outside} belongs to cli"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_open_with_a_sentence_and_fit_in_the_head() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//!") {
            wrong.push(format!("{file}: does not open with `//!`"));
        }
        let lines = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .count();
        if lines > 1000 {
            wrong.push(format!("{file}: {lines} lines"));
        }
        let name = file.rsplit('/').next().expect("a name");
        if ["utils.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&name) {
            wrong.push(format!("{file}: its name says nothing"));
        }
        for (line, code) in text.lines().enumerate() {
            if ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("]
                .iter()
                .any(|word| code.contains(word))
            {
                wrong.push(format!("{file}:{}: unfinished", line + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_book_shows_the_floors_of_the_house() {
    let page = include_str!("../book/src/internals/pipeline.md");
    let shown: Vec<(&str, u8)> = page
        .lines()
        .filter_map(|line| {
            let (name, floor) = line.split_once(' ')?;
            let (_, floor) = floor.rsplit_once("floor ")?;
            Some((name.trim_end_matches('/'), floor.parse().ok()?))
        })
        .collect();
    assert_eq!(shown, FLOORS);
}
