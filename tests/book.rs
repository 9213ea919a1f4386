//! The book: every block of the language compiles as it says, what is read by others can be read, what is typed prints what is shown, and every
//! link leads somewhere, of the README too. What the README shows is checked by `tests/readme.rs`.
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cases;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use cases::{Aim, Case, found, shown};
use pages::{Block, Page, pages, root};
use rayon::prelude::*;
use vauban::diagnostic::registry;
use vauban::diagnostic::render::{Color, Format, Report, render};

/// Compiles a block; what is wrong with it, if something is.
fn compile(block: &Block) -> Result<(), String> {
    let mut expected = BTreeSet::new();
    let mut options = String::new();
    for (key, value) in &block.words {
        match key.as_str() {
            "error" | "warning" | "note" => drop(expected.insert(format!("{key}[{value}]"))),
            "target" => options += &format!("//# target: {value}\n"),
            "cluster" => options += &format!("//# cluster: {value}\n"),
            "around" => {}
            _ => return Err(format!("what is `{key}`?")),
        }
    }
    let case = Case::read(&(options + &block.program()));
    let compilation = case.compile(Aim::default());
    let (sources, diagnostics) = (&compilation.sources, &compilation.diagnostics);
    let found: BTreeSet<String> = found(sources, diagnostics)
        .into_iter()
        .map(|(_, _, what)| what)
        .collect();
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{expected:?} is expected, found {found:?}\n{}",
        shown(sources, diagnostics)
    ))
}

/// Asserts something of each block of a language outside the pages of diagnostics.
fn each(language: &str, check: impl Fn(&Block) -> Result<(), String>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    let of_the_book = |page: &&Page| page.is_of_the_book() && !page.is_of_a_diagnostic();
    for page in pages().iter().filter(of_the_book) {
        for block in page.blocks() {
            if block.language == language {
                count += 1;
                if let Err(why) = check(&block) {
                    wrong.push(format!("{}:{}: {why}", page.path, block.line));
                }
            }
        }
    }
    assert!(count > 0, "there is no block of {language}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_written_in_the_language_compiles_as_it_says() {
    each("vauban", compile);
}

#[test]
fn what_is_shown_of_a_block_is_what_the_tool_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let mut last = None;
        for block in page.blocks() {
            if block.language == "vauban" {
                last = Some(block);
                continue;
            }
            if !block.has("shown") {
                continue;
            }
            count += 1;
            let last = last.as_ref().expect("a block of the language before it");
            let compilation = Case::read(&last.program()).compile(Aim::default());
            let said = render(
                &Report {
                    sources: &compilation.sources,
                    prefix: "policies/",
                    diagnostics: &compilation.diagnostics,
                },
                Format::Text(Color::Never),
            );
            // The count of errors stands last.
            let said = said.rsplit_once("\n\n").map_or("", |(said, _)| said);
            if said.trim() != block.text.trim() {
                wrong.push(format!("{}:{}:\n{said}", page.path, block.line));
            }
        }
    }
    assert!(count > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_page_says_to_do_helps() {
    let mut wrong = Vec::new();
    for entry in registry::ALL {
        let path = format!("book/src/errors/{}.md", entry.name);
        let page = Page {
            path,
            text: entry.page.to_owned(),
        };
        let blocks: Vec<Block> = page.blocks();
        let own: Vec<&Block> = blocks
            .iter()
            .filter(|block| block.language == "vauban")
            .collect();
        let targets: BTreeSet<&str> = own
            .iter()
            .flat_map(|block| block.values("target"))
            .collect();
        for block in &own {
            if ["error", "warning", "note"]
                .iter()
                .any(|word| block.has(word))
            {
                continue;
            }
            let options: String = targets
                .iter()
                .map(|target| format!("//# target: {target}\n"))
                .collect();
            let compilation = Case::read(&(options + &block.text)).compile(Aim::default());
            let said = |name: &str| {
                let mut all = compilation.diagnostics.iter();
                all.any(|diagnostic| diagnostic.name == name)
            };
            if compilation.has_errors() || said(entry.name) {
                wrong.push(format!(
                    "{}:{}\n{}",
                    page.path,
                    block.line,
                    shown(&compilation.sources, &compilation.diagnostics)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_others_read_can_be_read() {
    each("toml", |block| {
        block
            .text
            .parse::<toml::Table>()
            .map(drop)
            .map_err(|why| why.to_string())
    });
    each("json", |block| {
        serde_json::from_str::<serde_json::Value>(&block.text)
            .map(drop)
            .map_err(|why| why.to_string())
    });
    each("yaml", |block| {
        block.text.split("\n---\n").try_for_each(|document| {
            serde_yaml::from_str::<serde_json::Value>(document)
                .map(drop)
                .map_err(|why| why.to_string())
        })
    });
}

#[test]
fn a_whole_vauban_toml_is_one() {
    let mut whole = 0;
    let of_the_book = |page: &&Page| page.is_of_the_book() && !page.is_of_a_diagnostic();
    for page in pages().iter().filter(of_the_book) {
        for block in page.blocks() {
            if block.language != "toml" || !block.text.starts_with("edition") {
                continue;
            }
            whole += 1;
            let folder = tempfile::tempdir().expect("a temporary folder");
            let write = |path: &str, text: &str| {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
                std::fs::write(path, text).expect("a file");
            };
            write("vauban.toml", &block.text);
            write("policies/cluster.vau", "cluster prod { ipv6 none }\n");
            let ran = std::process::Command::new(env!("CARGO_BIN_EXE_vauban"))
                .args(["check", "--today", "2026-11-24"])
                .current_dir(folder.path())
                .output()
                .expect("the tool");
            assert!(
                ran.status.success(),
                "{}:{}\n{}",
                page.path,
                block.line,
                String::from_utf8_lossy(&ran.stderr)
            );
        }
    }
    assert!(whole >= 2, "only {whole} whole files");
}

#[test]
fn every_block_says_what_it_is() {
    const KNOWN: [&str; 10] = [
        "vauban", "toml", "json", "yaml", "console", "text", "pest", "rust", "gitlab", "sh",
    ];
    let mut wrong = Vec::new();
    for page in pages().iter().filter(|page| page.is_of_the_book()) {
        for block in page.blocks() {
            if !KNOWN.contains(&block.language.as_str()) {
                wrong.push(format!(
                    "{}:{}: `{}` is no language of the book",
                    page.path, block.line, block.language
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let anchors: BTreeMap<PathBuf, Vec<String>> = pages
        .iter()
        .map(|page| (root().join(&page.path), page.anchors()))
        .collect();
    let mut wrong = Vec::new();
    for page in &pages {
        let own = root().join(&page.path);
        for (line, link) in page.links() {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => own.clone(),
                file => normal(&own.parent().expect("a folder").join(file)),
            };
            let known = anchors.get(&target);
            let inside = page.path == "README.md"
                || known.is_some()
                || target
                    .extension()
                    .is_some_and(|e| e == "html" || e == "pdf");
            if !target.exists() || !inside {
                wrong.push(format!("{}:{line}: `{link}` leads nowhere", page.path));
            } else if !anchor.is_empty()
                && !known.is_some_and(|known| known.iter().any(|one| one == anchor))
            {
                wrong.push(format!("{}:{line}: `{link}`: no such heading", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The commands of a `console` block, each with what it prints. `$ ` begins a command, `> ` continues it.
fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), String::new()));
            continue;
        }
        let Some((command, printed)) = commands.last_mut() else {
            panic!("line {}: no command prints `{line}`", block.line);
        };
        match line.strip_prefix('>') {
            Some(more) if printed.is_empty() => {
                command.push('\n');
                command.push_str(more.strip_prefix(' ').unwrap_or(more));
            }
            _ => {
                printed.push_str(line);
                printed.push('\n');
            }
        }
    }
    commands
}

#[cfg(unix)]
#[test]
fn what_is_typed_prints_what_is_shown() {
    let binary = Path::new(env!("CARGO_BIN_EXE_vauban"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let found: Vec<(usize, Vec<String>)> =
        pages().par_iter().map(|page| typed(page, &path)).collect();
    let count: usize = found.iter().map(|(count, _)| count).sum();
    let wrong: Vec<String> = found.into_iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(count > 100, "only {count} commands");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the commands of a page in one shell, in an empty folder: how many there are, and which print something else than is shown.
#[cfg(unix)]
fn typed(page: &Page, path: &str) -> (usize, Vec<String>) {
    let commands: Vec<(String, String)> = page
        .blocks()
        .iter()
        .filter(|block| block.language == "console")
        .flat_map(commands)
        .collect();
    if commands.is_empty() {
        return (0, Vec::new());
    }
    // After each command a line that no command prints.
    let script: String = commands
        .iter()
        .map(|(command, _)| format!("{{ {command}\n}} 2>&1\necho '-- end of a command --'\n"))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("a shell");
    let printed = String::from_utf8(ran.stdout).expect("UTF-8");
    let printed: Vec<&str> = printed.split("-- end of a command --\n").collect();
    assert_eq!(printed.len(), commands.len() + 1, "{}", page.path);
    let mut wrong = Vec::new();
    for ((command, shown), printed) in commands.iter().zip(printed) {
        if shown.trim_end() != printed.trim_end() {
            wrong.push(format!(
                "{}: `{command}` is shown to print\n{shown}and prints\n{printed}",
                page.path
            ));
        }
    }
    (commands.len(), wrong)
}
