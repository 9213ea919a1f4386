//! The patterns of `.gitignore`, as far as GitHub and Bitbucket take them in CODEOWNERS.
//!
//! Takes: a pattern and a path. Gives: whether it matches. `docs/` is any folder `docs` and all below, `/docs/` the one at the root,
//! `docs` also a file of that name, `docs/*` the files that lie directly in it, `**` any number of folders. A pattern with a slash
//! that is not its last character begins at the root. `[ ]` are no range and `!` negates nothing.

/// One part of a pattern, between slashes.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// `**`
    Deep,
    /// `*` alone: one name, and as the last part nothing below it.
    Any,
    /// Anything else.
    Name(Vec<Char>),
}

/// One character of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Char {
    Many,
    One,
    Exactly(char),
}

/// A pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern in which `\` escapes the next character; `None` if the forges do not take it.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.is_empty() || text.starts_with(['!', '#']) || text.starts_with("\\#") {
            return None;
        }
        let mut words: Vec<&str> = text.split('/').collect();
        if words[0].is_empty() {
            words.remove(0);
        } else if words.len() == 1 || (words.len() == 2 && words[1].is_empty()) {
            words.insert(0, "**");
        }
        // What is left of `/` is one empty name, which matches nothing.
        if words.len() > 1
            && let Some(last) = words.last_mut()
            && last.is_empty()
        {
            *last = "**";
        }
        let parts = words
            .into_iter()
            .map(|word| match word {
                "**" => Some(Part::Deep),
                "*" => Some(Part::Any),
                word if word.contains("***") => None,
                word => Some(Part::Name(chars(word))),
            })
            .collect::<Option<Vec<Part>>>()?;
        Some(Pattern { parts })
    }

    /// Whether it matches a file, by its path from the root.
    pub(super) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        let Some((last, before)) = self.parts.split_last() else {
            return false;
        };
        // Where the rest of the path can begin after the parts so far: all at once, since `**` may stand anywhere any number of times.
        let mut starts = vec![false; names.len() + 1];
        starts[0] = true;
        for part in before {
            let mut next = vec![false; names.len() + 1];
            for at in (0..=names.len()).filter(|at| starts[*at]) {
                match part {
                    Part::Deep => next[at..].fill(true),
                    Part::Any if at < names.len() => next[at + 1] = true,
                    Part::Name(name) if at < names.len() && fits(name, names[at]) => {
                        next[at + 1] = true;
                    }
                    Part::Any | Part::Name(_) => {}
                }
            }
            starts = next;
        }
        (0..names.len())
            .filter(|at| starts[*at])
            .any(|at| match last {
                Part::Deep => true,
                Part::Any => at + 1 == names.len(),
                Part::Name(name) => fits(name, names[at]),
            })
    }
}

fn chars(word: &str) -> Vec<Char> {
    let mut out = Vec::new();
    let mut rest = word.chars();
    while let Some(char) = rest.next() {
        out.push(match char {
            '*' => Char::Many,
            '?' => Char::One,
            '\\' => Char::Exactly(rest.next().unwrap_or('\\')),
            char => Char::Exactly(char),
        });
    }
    out
}

/// Whether a name fits, by going back to the last `*` only: more is never needed.
fn fits(pattern: &[Char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(Char::Many) => {
                back = Some((at, read));
                at += 1;
                continue;
            }
            Some(Char::One) => {
                at += 1;
                read += 1;
                continue;
            }
            Some(Char::Exactly(char)) if *char == name[read] => {
                at += 1;
                read += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, from)) = back else {
            return false;
        };
        back = Some((star, from + 1));
        (at, read) = (star + 1, from + 1);
    }
    pattern[at..].iter().all(|char| *char == Char::Many)
}

/// A line in words: the pattern with its escapes, then the others; `#` at the beginning of a word ends it. A blank after `\` is part
/// of the pattern.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut escaped = false;
    for char in line.chars() {
        if escaped {
            word.push(char);
            escaped = false;
        } else if char == '\\' {
            word.push(char);
            escaped = true;
        } else if char.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else if char == '#' && word.is_empty() {
            return words;
        } else {
            word.push(char);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
