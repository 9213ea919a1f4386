//! What holds for every text of the language that there is: the corpus, the standard library, the examples and the book; and for
//! what becomes of them when they are cut and mixed.

mod cases;

use std::path::{Path, PathBuf};

use cases::Case;
use vauban::diagnostic::Diagnostics;
use vauban::source::{FileId, Source};
use vauban::{format, syntax};

fn files(folder: &Path, extension: &str, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, extension, out);
        } else if path.extension().is_some_and(|found| found == extension) {
            out.push(path);
        }
    }
}

/// Every text, with a name.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["tests/corpus", "examples", "stdlib"] {
        files(&root.join(folder), "vau", &mut paths);
    }
    let mut texts = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for (file, text) in Case::read(&text).files {
            texts.push((std::format!("{} {file}", path.display()), text));
        }
    }
    let mut pages = Vec::new();
    files(&root.join("book/src"), "md", &mut pages);
    for path in pages {
        let page = std::fs::read_to_string(&path).expect("UTF-8");
        for (at, block) in page.split("```vauban").skip(1).enumerate() {
            let block = block.split_once('\n').map_or("", |(_, rest)| rest);
            let block = block.split("```").next().expect("a first part");
            texts.push((std::format!("{} {at}", path.display()), block.to_owned()));
        }
    }
    texts
}

/// Parses, checks what holds of every tree, and, if the text has no fault, what holds of its layout. Gives whether it had none.
fn check(name: &str, text: &str) -> bool {
    let source = Source::new(FileId(0), name, text);
    let mut diagnostics = Diagnostics::default();
    let parsed = syntax::parse(&source, &mut diagnostics);
    assert_eq!(
        parsed.broken,
        diagnostics.has_errors(),
        "{name}: what could not be read is reported, and nothing else:\n{text}"
    );
    for diagnostic in diagnostics.iter() {
        let label = diagnostic
            .primary
            .as_ref()
            .expect("every fault has a place");
        let range = label.span.range();
        assert!(text.get(range).is_some(), "{name}: {diagnostic:?}\n{text}");
    }
    spans::check(name, &std::format!("{:?}", parsed.file), text);
    if parsed.broken {
        return false;
    }
    let once = format::format(&parsed, &source);
    let source = Source::new(FileId(0), name, once.as_str());
    let mut diagnostics = Diagnostics::default();
    let again = syntax::parse(&source, &mut diagnostics);
    assert!(!again.broken, "{name}: {diagnostics:?}\n{text}\n──\n{once}");
    assert_eq!(
        syntax::dump(&parsed.file),
        syntax::dump(&again.file),
        "{name}: formatting keeps the tree:\n{text}\n──\n{once}"
    );
    let comments = |parsed: &syntax::Parsed| {
        let mut comments: Vec<String> = parsed
            .trivia
            .comments
            .iter()
            .map(|comment| comment.text.to_string())
            .collect();
        comments.sort();
        comments
    };
    assert_eq!(
        comments(&parsed),
        comments(&again),
        "{name}: every comment survives:\n{text}\n──\n{once}"
    );
    let twice = format::format(&again, &source);
    assert_eq!(once, twice, "{name}: twice is once:\n{text}");
    let widest = once.lines().filter(|line| line.ends_with(' ')).count();
    assert_eq!(widest, 0, "{name}: no line ends in a blank:\n{once}");
    true
}

#[test]
fn every_text_is_its_own_layout_after_one_pass() {
    let texts = texts();
    let mut faultless = 0;
    for (name, text) in &texts {
        faultless += usize::from(check(name, text));
        // As a file from another system.
        check(
            name,
            &std::format!("\u{feff}{}", text.replace('\n', "\r\n")),
        );
    }
    assert!(
        faultless > 20,
        "only {faultless} of {} have no fault",
        texts.len()
    );
}

#[test]
fn the_standard_library_and_the_examples_are_laid_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["examples", "stdlib"] {
        files(&root.join(folder), "vau", &mut paths);
    }
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let source = Source::new(FileId(0), "x.vau", text.as_str());
        let parsed = syntax::parse(&source, &mut Diagnostics::default());
        if format::format(&parsed, &source) != text {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "not laid out:\n{}", wrong.join("\n"));
}

#[test]
fn whatever_is_cut_is_read_or_reported() {
    for (name, text) in texts().iter().filter(|(_, text)| text.len() < 4000) {
        let step = 1 + text.len() / 25;
        for at in (0..text.len()).step_by(step) {
            if text.is_char_boundary(at) {
                check(name, &text[..at]);
                check(name, &text[at..]);
            }
        }
    }
}

#[test]
fn whatever_is_mixed_is_read_or_reported() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "\"",
        ",",
        "=",
        "!",
        "->",
        "//",
        "///",
        "\n",
        " ",
        ".",
        "*",
        "é",
        "\u{a0}",
        "\\",
        " in ",
        " to ",
        " from ",
        " allow ",
        " except ",
        " policy ",
        " tcp ",
        " 80",
        " pods",
        " because ",
        " until ",
        " for ",
        "\ningress {",
        "\ntier x",
        " not ",
        "::/0",
        "10.0.0.300",
        "2027-02-30",
        "\u{feff}",
    ];
    let texts = texts();
    // A generator of its own, so that a failure can be repeated.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for _ in 0..1000 {
        let (name, text) = &texts[next(texts.len())];
        if text.len() > 6000 {
            continue;
        }
        let mut mixed: Vec<char> = text.chars().collect();
        for _ in 0..1 + next(3) {
            let at = next(mixed.len());
            let length = next(8).min(mixed.len() - at);
            let piece = PIECES[next(PIECES.len())];
            match next(3) {
                0 => drop(mixed.drain(at..at + length)),
                1 => drop(mixed.splice(at..at, piece.chars())),
                _ => drop(mixed.splice(at..at + length, piece.chars())),
            }
        }
        check(name, &mixed.into_iter().collect::<String>());
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let read = |text: &str| {
        let source = Source::new(FileId(0), "x.vau", text);
        let mut diagnostics = Diagnostics::default();
        syntax::parse(&source, &mut diagnostics);
        diagnostics
            .into_sorted()
            .iter()
            .map(|diagnostic| diagnostic.name)
            .collect::<Vec<_>>()
    };
    let nested = |depth: usize| {
        std::format!(
            "group a = b except {}c{}",
            "(b except ".repeat(depth),
            ")".repeat(depth)
        )
    };
    assert_eq!(read(&nested(syntax::DEEPEST_NESTING)), [""; 0]);
    assert_eq!(
        read(&nested(syntax::DEEPEST_NESTING + 1)),
        ["nesting-too-deep"]
    );
    assert_eq!(read(&"(".repeat(100_000)), ["nesting-too-deep"]);
    assert_eq!(read(&"{".repeat(100_000)), ["nesting-too-deep"]);
    assert!(!read(&"x {\npolicy ".repeat(2_000)).is_empty());
    let list = |length: usize| std::format!("group a = {}", vec!["b"; length].join(", "));
    assert_eq!(read(&list(syntax::LONGEST_LIST)), [""; 0]);
    assert_eq!(read(&list(syntax::LONGEST_LIST + 1)), ["list-too-long"]);
    assert_eq!(
        read(&" ".repeat(syntax::LARGEST_FILE + 1)),
        ["file-too-large"]
    );
}

/// Reads the tree from its debug text, and finds spans that are not where they should be.
mod spans {
    /// Panics unless every span lies in the text, and inside the span of the node that holds it.
    pub(crate) fn check(name: &str, debug: &str, text: &str) {
        let mut reader = Reader { rest: debug };
        let mut all = Vec::new();
        reader.value(&mut all, name);
        for (start, end) in all {
            assert!(
                start <= end && text.get(start..end).is_some(),
                "{name}: {start}..{end} is outside"
            );
        }
    }

    struct Reader<'d> {
        rest: &'d str,
    }

    impl Reader<'_> {
        /// Reads one value up to `,` or a closing bracket; adds its spans, and checks those of its parts against its own.
        fn value(&mut self, spans: &mut Vec<(usize, usize)>, name: &str) {
            let mut inner: Vec<(usize, usize)> = Vec::new();
            let mut own: Option<(usize, usize)> = None;
            while let Some(next) = self.rest.chars().next() {
                match next {
                    ',' | '}' | ')' | ']' => break,
                    '"' => self.string(),
                    '{' | '(' | '[' => {
                        self.rest = &self.rest[1..];
                        loop {
                            self.rest = self.rest.trim_start_matches([' ', ',']);
                            if let Some(rest) = self.rest.strip_prefix(['}', ')', ']']) {
                                self.rest = rest;
                                break;
                            }
                            if let Some(rest) = self
                                .rest
                                .strip_prefix("span: Span { file: FileId(0), start: ")
                            {
                                let (start, rest) = rest.split_once(", end: ").expect("a span");
                                let (end, rest) = rest.split_once(" }").expect("a span");
                                let number = |text: &str| text.parse().expect("a number");
                                own = Some((number(start), number(end)));
                                self.rest = rest;
                            } else {
                                self.value(&mut inner, name);
                            }
                        }
                    }
                    other => self.rest = &self.rest[other.len_utf8()..],
                }
            }
            if let Some((start, end)) = own {
                for (from, to) in &inner {
                    assert!(
                        start <= *from && *to <= end,
                        "{name}: {from}..{to} is not inside {start}..{end}"
                    );
                }
                spans.push((start, end));
            }
            spans.extend(inner);
        }

        fn string(&mut self) {
            let mut escaped = false;
            let mut length = 1;
            for char in self.rest[1..].chars() {
                length += char.len_utf8();
                match char {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => break,
                    _ => escaped = false,
                }
            }
            self.rest = &self.rest[length..];
        }
    }
}
