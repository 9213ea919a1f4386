//! CODEOWNERS as GitLab reads it, after the "Code Owners syntax" of its documentation.
//!
//! Takes: the text, and the path of a file. Gives: whom GitLab asks, section by section. In each section the last pattern that matches
//! decides, and every section is enforced on its own; lines before the first header are a section without a name. Sections whose
//! names differ only in the case of letters are one. A header says how many must agree, whether that is required, and the owners of
//! the entries below it that name none. An entry with `!` takes a path out of its section, wherever it stands (since 17.11).
//!
//! A pattern with a slash at its end is a folder and all below; one without is exactly what it says: `/docs` is no folder. A pattern
//! that is repeated in a section gets the new owners and keeps its first place. Comments stand on lines of their own; owners in a
//! comment behind an entry are owners. Words that are no owners are left out; an entry that then has none asks nobody.

use std::sync::LazyLock;

use regex::Regex;

use super::{Demand, is_mail};

/// The sections, in the order in which they first occur.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Section>);

#[derive(Clone, Debug)]
struct Section {
    /// As first written; `None` for the lines before the first header.
    name: Option<String>,
    /// One of `!` and one of each other pattern.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    pattern: String,
    excluded: bool,
    owners: Vec<String>,
    approvals: u32,
    optional: bool,
    line: u32,
}

/// A line `[name]`, and what it says of the entries below it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Header {
    name: Option<String>,
    optional: bool,
    approvals: u32,
    owners: Vec<String>,
}

/// The form of a header, as GitLab has it.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?<optional>\^)?\[(?<name>.*?)\](?:\[(?<approvals>\d*?)\])?(?<owners>\s+[@\w_.\-/\s+]*)?",
    )
    .expect("the expression is ours")
});

impl Rules {
    /// Reads the text.
    pub fn read(text: &str) -> Self {
        let mut rules = Rules::default();
        let mut header = Header {
            name: None,
            optional: false,
            approvals: 1,
            owners: Vec::new(),
        };
        for (text, line) in text.lines().zip(1..) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match Header::read(text) {
                Some(new) => {
                    rules.section(new.name.as_deref());
                    header = new;
                }
                None => rules.entry(text, line, &header),
            }
        }
        rules
    }

    /// The names of the sections, as first written.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|section| section.name.as_deref())
    }

    fn section(&mut self, name: Option<&str>) -> &mut Section {
        let lower = name.map(str::to_lowercase);
        let found = self
            .0
            .iter()
            .position(|section| section.name.as_ref().map(|name| name.to_lowercase()) == lower);
        let at = found.unwrap_or_else(|| {
            self.0.push(Section {
                name: name.map(str::to_owned),
                entries: Vec::new(),
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn entry(&mut self, text: &str, line: u32, header: &Header) {
        let (excluded, text) = match text.strip_prefix('!') {
            Some(text) => (true, text.trim_start()),
            None => (false, text),
        };
        let (pattern, rest) = split(text);
        let own = owners(rest);
        let entry = Entry {
            pattern: normalized(pattern),
            excluded,
            owners: if own.is_empty() {
                header.owners.clone()
            } else {
                own
            },
            approvals: header.approvals,
            optional: header.optional,
            line,
        };
        let section = self.section(header.name.as_deref());
        let same = section
            .entries
            .iter_mut()
            .find(|known| known.pattern == entry.pattern && known.excluded == entry.excluded);
        match same {
            Some(known) => *known = entry,
            None => section.entries.push(entry),
        }
    }

    /// What is asked for a file: at most one demand for each section.
    pub fn demands(&self, path: &str) -> Vec<Demand> {
        let path = format!("/{path}");
        self.0
            .iter()
            .filter_map(|section| {
                let mut matching = section
                    .entries
                    .iter()
                    .filter(|entry| matches(&entry.pattern, &path));
                if matching.clone().any(|entry| entry.excluded) {
                    return None;
                }
                let entry = matching.next_back()?;
                Some(Demand {
                    section: section.name.clone(),
                    owners: entry.owners.clone(),
                    approvals: entry.approvals,
                    // A section asks without requiring only if it does so throughout.
                    optional: section.entries.iter().all(|entry| entry.optional),
                    line: entry.line,
                })
            })
            .collect()
    }
}

impl Header {
    /// `None` if the line is none; then it is an entry, whatever it looks like.
    fn read(text: &str) -> Option<Header> {
        let found = HEADER.captures(text)?;
        let name = found.name("name")?.as_str();
        if name.is_empty() {
            return None;
        }
        let approvals = found
            .name("approvals")
            .and_then(|number| number.as_str().parse().ok())
            .unwrap_or(1);
        Some(Header {
            name: Some(name.to_owned()),
            optional: found.name("optional").is_some(),
            approvals: u32::max(approvals, 1),
            owners: owners(found.name("owners").map_or("", |owners| owners.as_str())),
        })
    }
}

/// The pattern and what follows the first blank that is not escaped.
fn split(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        if char.is_whitespace() && !escaped {
            return text.split_at(at);
        }
        escaped = char == '\\' && !escaped;
    }
    (text, "")
}

/// The words that are owners.
fn owners(text: &str) -> Vec<String> {
    text.split_whitespace()
        .filter(|word| is_owner(word))
        .map(str::to_owned)
        .collect()
}

/// `@user`, `@group/sub/group`, a role such as `@@maintainers`, or a mail address.
pub(super) fn is_owner(word: &str) -> bool {
    if let Some(role) = word.strip_prefix("@@") {
        let roles = ["developer", "maintainer", "owner"];
        return roles.contains(&role.strip_suffix('s').unwrap_or(role));
    }
    match word.strip_prefix('@') {
        Some(name) => name.split('/').all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        }),
        None => is_mail(word),
    }
}

/// The pattern as it is compared: from the root, with the folder's content where a slash stands at its end.
fn normalized(pattern: &str) -> String {
    if pattern == "*" {
        return "/**/*".to_owned();
    }
    let pattern = pattern
        .strip_prefix("\\#")
        .map_or_else(|| pattern.to_owned(), |rest| format!("#{rest}"));
    let mut pattern = pattern.replace("\\ ", " ");
    if !pattern.starts_with('/') {
        pattern.insert_str(0, "/**/");
    }
    if pattern.ends_with('/') {
        pattern.push_str("**/*");
    }
    pattern
}

/// Ruby's `File.fnmatch` with `FNM_DOTMATCH` and `FNM_PATHNAME`: `*`, `?` and `[…]` never match a slash, `**/` is any number of folders.
fn matches(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let names: Vec<&str> = path.split('/').collect();
    let mut starts = vec![false; names.len() + 1];
    starts[0] = true;
    for (index, part) in parts.iter().enumerate() {
        let deep = *part == "**" && index + 1 < parts.len();
        let mut next = vec![false; names.len() + 1];
        for at in (0..=names.len()).filter(|at| starts[*at]) {
            if deep {
                next[at..].fill(true);
            } else if at < names.len() && fits(part, names[at]) {
                next[at + 1] = true;
            }
        }
        starts = next;
    }
    starts[names.len()]
}

/// One name against one part.
fn fits(part: &str, name: &str) -> bool {
    let part = pieces(part);
    let name: Vec<char> = name.chars().collect();
    // Which beginnings of the name the pieces so far can be.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for piece in &part {
        let mut next = vec![false; name.len() + 1];
        for at in (0..=name.len()).filter(|at| reached[*at]) {
            match piece {
                Piece::Many => next[at..].fill(true),
                Piece::One if at < name.len() => next[at + 1] = true,
                Piece::Exactly(char) if name.get(at) == Some(char) => next[at + 1] = true,
                Piece::Among(not, ranges) if at < name.len() => {
                    let among = ranges
                        .iter()
                        .any(|(first, last)| (*first..=*last).contains(&name[at]));
                    if among != *not {
                        next[at + 1] = true;
                    }
                }
                Piece::One | Piece::Exactly(_) | Piece::Among(..) => {}
            }
        }
        reached = next;
    }
    reached[name.len()]
}

/// What a part is made of.
enum Piece {
    Many,
    One,
    Exactly(char),
    /// `[a-c]`, or with `!` or `^` any other.
    Among(bool, Vec<(char, char)>),
}

fn pieces(part: &str) -> Vec<Piece> {
    let chars: Vec<char> = part.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '*' => pieces.push(Piece::Many),
            '?' => pieces.push(Piece::One),
            '\\' if at + 1 < chars.len() => {
                at += 1;
                pieces.push(Piece::Exactly(chars[at]));
            }
            '[' => match among(&chars[at + 1..]) {
                Some((piece, length)) => {
                    pieces.push(piece);
                    at += length;
                }
                // Never closed: it matches nothing, not even itself.
                None => pieces.push(Piece::Among(false, Vec::new())),
            },
            char => pieces.push(Piece::Exactly(char)),
        }
        at += 1;
    }
    pieces
}

/// What stands after `[`, and how many characters it takes up to `]`.
fn among(chars: &[char]) -> Option<(Piece, usize)> {
    let end = chars.iter().position(|char| *char == ']')?;
    let (not, inner) = match chars[..end].split_first() {
        Some(('!' | '^', rest)) => (true, rest),
        _ => (false, &chars[..end]),
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == '-' {
            ranges.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            ranges.push((inner[at], inner[at]));
            at += 1;
        }
    }
    Some((Piece::Among(not, ranges), end + 1))
}
