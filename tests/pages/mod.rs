//! The pages of the book and the README, taken apart: code blocks, headings and links.
//!
//! What stands after the three back-ticks of a block says how it is tested, in words separated by commas. The first is the language.
//! For `vauban`, the others are:
//!
//! - `error=NAME`, `warning=NAME`, `note=NAME`: a diagnostic that the block raises. All of them are said; without any it raises none.
//! - `target=calico-3.30`: it is also built for that target. May be repeated.
//! - `cluster=NAME`: the cluster whose facts and names count, where there are several.
//! - `around=NAME`: it stands in the program `book/around/NAME.vau`, at the line `//= block`, or after it if there is no such line.
//!
//! A `text` block with the word `shown` is what the tool says of the last `vauban` block before it.
//!
//! A `toml` block that begins with `edition` is a whole `vauban.toml`. `yaml` and `json` blocks are read; of `yaml` blocks with the word
//! `kubernetes`, `calico` or `cilium`, see `tests/side_by_side.rs`. `console` blocks are run, those of a
//! page one after the other in one folder.

#![allow(
    dead_code,
    clippy::panic,
    reason = "each test takes what it needs, and fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A page.
pub(crate) struct Page {
    /// Its path from the repository's root, with forward slashes.
    pub(crate) path: String,
    /// Its text, Markdown.
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// The line of its first line of text, from 1.
    pub(crate) line: usize,
    /// The first word after the fence.
    pub(crate) language: String,
    /// The other words: key and value, which is empty if there is no `=`.
    pub(crate) words: Vec<(String, String)>,
    /// What stands in it.
    pub(crate) text: String,
    /// The last heading above it.
    pub(crate) section: String,
}

impl Block {
    /// Whether a word stands after the fence.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|(key, _)| key == word)
    }

    /// The values of a key.
    pub(crate) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.words
            .iter()
            .filter(move |(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// The program that the block is part of, or the block alone.
    pub(crate) fn program(&self) -> String {
        let Some(name) = self.values("around").next() else {
            return self.text.clone();
        };
        let path = root().join(format!("book/around/{name}.vau"));
        let around =
            fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        match around.split_once("//= block\n") {
            Some((before, after)) => format!("{before}{}{after}", self.text),
            None => format!("{around}\n{}", self.text),
        }
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The README and every page of the book, sorted by path.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md")];
    markdown(&root().join("book/src"), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| Page {
            text: fs::read_to_string(&path).expect("UTF-8"),
            path: relative(&path),
        })
        .collect()
}

/// A path from the root, with forward slashes.
fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the root");
    path.to_string_lossy().replace('\\', "/")
}

fn markdown(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            markdown(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            out.push(path);
        }
    }
}

/// A line of a page that is no line of a block, or a whole block.
enum Piece<'a> {
    Line(usize, &'a str),
    Block(Block),
}

impl Page {
    /// Whether it is a page of the book, and not the README.
    pub(crate) fn is_of_the_book(&self) -> bool {
        self.path.starts_with("book/")
    }

    /// Whether it is the page of a diagnostic.
    pub(crate) fn is_of_a_diagnostic(&self) -> bool {
        self.path.starts_with("book/src/errors/") && !self.path.ends_with("/index.md")
    }

    fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut section = String::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                if let Some(heading) = heading(line) {
                    section = heading.to_owned();
                }
                pieces.push(Piece::Line(number, line));
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let mut words = info.split(',').map(str::trim);
            let language = words.next().unwrap_or_default().to_owned();
            let words = words
                .map(|word| word.split_once('=').unwrap_or((word, "")))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let text = lines
                .by_ref()
                .take_while(|(line, _)| line.trim_start() != "```")
                .map(|(line, _)| format!("{}\n", line.get(indent..).unwrap_or_default()))
                .collect();
            pieces.push(Piece::Block(Block {
                line: number + 1,
                language,
                words,
                text,
                section: section.clone(),
            }));
        }
        pieces
    }

    /// Its fenced blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.pieces()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Block(block) => Some(block),
                Piece::Line(..) => None,
            })
            .collect()
    }

    /// The anchors that its headings get, as mdBook makes them: lower case, blanks to hyphens, punctuation dropped, repeated ones counted.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for piece in self.pieces() {
            let Piece::Line(_, line) = piece else {
                continue;
            };
            let Some(heading) = heading(line) else {
                continue;
            };
            let plain: String = heading
                .trim()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    '-' | '_' => Some(c),
                    c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
                    _ => None,
                })
                .collect();
            let before = anchors
                .iter()
                .filter(|known| {
                    **known == plain
                        || known
                            .strip_prefix(&format!("{plain}-"))
                            .is_some_and(|rest| rest.parse::<usize>().is_ok())
                })
                .count();
            anchors.push(match before {
                0 => plain,
                count => format!("{plain}-{count}"),
            });
        }
        anchors
    }

    /// The targets of its links and images, with their lines; what stands in back-ticks is no link.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for piece in self.pieces() {
            let Piece::Line(number, line) = piece else {
                continue;
            };
            let mut plain = String::new();
            for (at, part) in line.split('`').enumerate() {
                plain.push_str(if at % 2 == 0 { part } else { "code" });
            }
            for (at, _) in plain.match_indices("](") {
                let target = plain[at + 2..].split(')').next().unwrap_or_default();
                links.push((number, target.to_owned()));
            }
        }
        links
    }
}

/// The text of a heading.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    (rest.len() < line.len() && line.len() - rest.len() <= 6)
        .then(|| rest.strip_prefix(' '))
        .flatten()
}
