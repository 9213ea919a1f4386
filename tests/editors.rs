//! Highlighting: the TextMate grammar of `editors/`, the words of the book's and those of the tree, against the grammar of the language and the compiler's own parser.
#![allow(clippy::panic, reason = "a test fails by panicking")]

mod cases;
mod textmate;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cases::Case;
use textmate::Grammar;
use vauban::diagnostic::Diagnostics;
use vauban::source::{FileId, Source};
use vauban::syntax;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn grammar() -> Grammar {
    Grammar::read(&text("editors/vscode/syntaxes/vauban.tmLanguage.json"))
}

/// The words that the grammar knows: its `kw_` rules, and the alternatives of the rules that name ends and protocols.
fn words() -> BTreeSet<String> {
    let pest = text("grammar/vauban.pest");
    let mut words = BTreeSet::new();
    for line in pest.lines() {
        let Some((name, body)) = line.split_once(" = @{") else {
            continue;
        };
        let listed = ["place", "transport_name", "icmp_family", "same"];
        if name.starts_with("kw_") || listed.contains(&name) {
            words.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    assert!(words.len() > 60, "the grammar has another form: {words:?}");
    words
}

#[test]
fn every_word_of_the_language_is_highlighted() {
    let grammar = grammar();
    for word in words() {
        let line = format!("{word} ");
        let scopes = grammar.scopes(&line);
        let first = scopes[0].last().cloned().unwrap_or_default();
        assert!(
            ["keyword.", "support."]
                .iter()
                .any(|kind| first.starts_with(kind)),
            "`{word}` is `{first}`"
        );
        assert!(
            scopes[..word.len()].iter().all(|scope| *scope == scopes[0]),
            "`{word}` is one word"
        );
        // A name that holds a word is none.
        for name in [
            format!("{word}-x "),
            format!("x-{word} "),
            format!("x.{word} "),
        ] {
            let scopes = grammar.scopes(&name);
            let of_a_word = |scope: &Vec<String>| {
                scope.iter().any(|one| {
                    ["keyword.", "support."]
                        .iter()
                        .any(|kind| one.starts_with(kind))
                })
            };
            assert!(!scopes.iter().any(of_a_word), "`{name}`: {scopes:?}");
        }
    }
}

#[test]
fn the_book_colors_the_same_words() {
    let script = text("book/assets/vauban.js");
    let (_, list) = script.split_once("const WORDS = {").expect("the words");
    let (list, _) = list.split_once("};").expect("their end");
    let mut colored = BTreeSet::new();
    for line in list.split('"').skip(1).step_by(2) {
        for word in line.split(' ') {
            assert!(colored.insert(word.to_owned()), "`{word}` twice");
        }
    }
    assert_eq!(colored, words());
}

#[test]
fn the_tree_has_the_same_words_and_colors_all_of_them() {
    let quoted = |text: &str| -> BTreeSet<String> {
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with([';', '*']));
        lines
            .flat_map(|line| line.split('"').skip(1).step_by(2))
            .map(str::to_owned)
            .collect()
    };
    let tree = quoted(&text("editors/tree-sitter-vauban/grammar.js"));
    let colors = text("editors/tree-sitter-vauban/queries/highlights.scm");
    for word in words() {
        assert!(tree.contains(&word), "the tree does not know `{word}`");
    }
    // What is colored by the rule that it stands in.
    let by_rule = ["place", "fact_name", "transport_name"];
    assert!(
        by_rule
            .iter()
            .all(|rule| colors.contains(&format!("({rule})")))
    );
    for word in quoted(&colors) {
        assert!(
            tree.contains(&word),
            "`{word}` is colored and no word of the tree"
        );
    }
    let of_a_rule = [
        "nodes",
        "apiserver",
        "outside",
        "anywhere",
        "ingress-proxy",
        "tcp",
        "udp",
        "sctp",
    ];
    for word in words() {
        assert!(
            quoted(&colors).contains(&word) || of_a_rule.contains(&word.as_str()),
            "`{word}` is not colored"
        );
    }
}

/// The scope of the part of a line that stands between `«` and `»`.
fn scope(grammar: &Grammar, marked: &str) -> String {
    let start = marked.find('«').expect("a beginning");
    let line = marked.replace(['«', '»'], "");
    let length = marked.find('»').expect("an end") - start - '«'.len_utf8();
    let scopes = grammar.scopes(&line);
    let first = &scopes[start];
    assert!(
        scopes[start..start + length]
            .iter()
            .all(|scope| scope == first),
        "{marked}: {:?}",
        &scopes[start..start + length]
    );
    first.last().cloned().unwrap_or_default()
}

#[test]
fn what_stands_where_has_its_scope() {
    const EXPECTED: &[(&str, &str)] = &[
        ("«policy» front in app {", "keyword.declaration.vauban"),
        ("policy «front» in app {", "entity.name.function.vauban"),
        ("policy front «in» app {", "keyword.operator.word.vauban"),
        ("policy front in «app» {", ""),
        (
            "policy allow-dns «in» app {",
            "keyword.operator.word.vauban",
        ),
        ("policy «allow-dns» in app {", "entity.name.function.vauban"),
        (
            "«staged» policy front in app {",
            "keyword.declaration.vauban",
        ),
        (
            "tier «app» { otherwise deny }",
            "entity.name.section.vauban",
        ),
        ("tier app { «otherwise» deny }", "keyword.control.vauban"),
        (
            "tier app { otherwise «deny» }",
            "keyword.control.action.vauban",
        ),
        (
            "namespace «default» { team=books }",
            "entity.name.section.vauban",
        ),
        (
            "namespace default { «team»=books }",
            "entity.other.attribute-name.vauban",
        ),
        (
            "namespace default { team=«books» }",
            "string.unquoted.label.vauban",
        ),
        ("ports «http» = tcp 80", "entity.name.type.vauban"),
        ("group «gateway» = pods in shop", "entity.name.type.vauban"),
        ("«default» {", "keyword.declaration.vauban"),
        ("  «for» pods{app=front} in shop", "keyword.control.vauban"),
        (
            "  for «pods»{app=front} in shop",
            "support.type.endpoint.vauban",
        ),
        (
            "  for pods{«app»=front} in shop",
            "entity.other.attribute-name.vauban",
        ),
        (
            "  for pods{app=«front»} in shop",
            "string.unquoted.label.vauban",
        ),
        (
            "  for pods{«type»=test} in shop",
            "entity.other.attribute-name.vauban",
        ),
        (
            "  for pods{type=«test»} in shop",
            "string.unquoted.label.vauban",
        ),
        (
            "  for pods{«log»} in shop",
            "entity.other.attribute-name.vauban",
        ),
        (
            "  for pods{env «not» in (prod, stage)} in shop",
            "keyword.operator.word.vauban",
        ),
        (
            "  for pods{env not «in» (prod, stage)} in shop",
            "keyword.operator.word.vauban",
        ),
        (
            "  for pods{env not in («deny», stage)} in shop",
            "string.unquoted.label.vauban",
        ),
        (
            "  for pods{!canary, «k8s-app/x.y»=a} in shop",
            "entity.other.attribute-name.vauban",
        ),
        (
            "  for pods in «namespaces»{team=same}",
            "support.type.endpoint.vauban",
        ),
        (
            "    «allow» tcp 443 to outside",
            "keyword.control.action.vauban",
        ),
        (
            "    allow «and» log tcp 443 to outside",
            "keyword.control.action.vauban",
        ),
        (
            "    allow «tcp» 443 to outside",
            "support.constant.ports.vauban",
        ),
        (
            "    allow tcp «443» to outside",
            "constant.numeric.port.vauban",
        ),
        (
            "    allow tcp «8000-8080» to outside",
            "constant.numeric.port.vauban",
        ),
        (
            "    allow tcp 443 «to» outside",
            "keyword.operator.word.vauban",
        ),
        (
            "    allow tcp 443 to «outside»",
            "support.type.endpoint.vauban",
        ),
        (
            "    allow tcp 443 to «10.0.0.0/8»",
            "constant.numeric.address.vauban",
        ),
        (
            "    allow tcp 443 to «2001:db8::/32»",
            "constant.numeric.address.vauban",
        ),
        (
            "    allow tcp 443 to «::/0»",
            "constant.numeric.address.vauban",
        ),
        (
            "    allow «books.catalog» from pods in same",
            "variable.other.member.vauban",
        ),
        (
            "    allow «std.monitoring.prometheus»{app=x} in m",
            "variable.other.member.vauban",
        ),
        (
            "    deny all to metadata «because» \"it\"",
            "keyword.other.clause.vauban",
        ),
        (
            "    deny all to metadata because \"«allow tcp»\"",
            "string.quoted.double.vauban",
        ),
        (
            "    deny all to metadata because \"a «\\\"» b\"",
            "constant.character.escape.vauban",
        ),
        (
            "    allow web to x ticket «SEC-17» until 2027-03-31",
            "constant.other.ticket.vauban",
        ),
        (
            "    allow web to x ticket SEC-17 until «2027-03-31»",
            "constant.numeric.date.vauban",
        ),
        (
            "    deny tcp 80 excuse «rule-never-decides» because \"x\"",
            "constant.other.lint.vauban",
        ),
        ("  can «every» a -> b on web", "keyword.control.vauban"),
        ("  cannot a «->» b", "keyword.operator.flow.vauban"),
        (
            "team books { owners «@acme/books» }",
            "constant.other.owner.vauban",
        ),
        (
            "team books { folder «teams/books» }",
            "string.unquoted.path.vauban",
        ),
        (
            "raw «calico» \"a.yaml\" overlaps",
            "constant.language.vauban",
        ),
        ("«/// allow all»", "comment.line.documentation.vauban"),
        ("«//// allow all»", "comment.line.double-slash.vauban"),
        (
            "pass «// \"allow\" all»",
            "comment.line.double-slash.vauban",
        ),
    ];
    let grammar = grammar();
    let mut wrong = Vec::new();
    for (marked, expected) in EXPECTED {
        let found = scope(&grammar, marked);
        if found != *expected {
            wrong.push(format!(
                "{marked}: `{expected}` is expected, found `{found}`"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "vau") {
            out.push(path);
        }
    }
}

#[test]
fn comments_strings_and_words_are_where_the_parser_sees_them() {
    let grammar = grammar();
    let mut paths = Vec::new();
    for folder in [
        "stdlib",
        "examples",
        "tests/corpus/format",
        "tests/corpus/resolve",
    ] {
        sources(&root().join(folder), &mut paths);
    }
    let (mut comments, mut strings) = (0, 0);
    for path in paths {
        for (name, text) in Case::read(&fs::read_to_string(&path).expect("UTF-8")).files {
            if !name.ends_with(".vau") {
                continue;
            }
            let place = format!("{} {name}", path.display());
            let source = Source::new(FileId(0), name.as_str(), text.as_str());
            let parsed = syntax::parse(&source, &mut Diagnostics::default());
            if parsed.broken {
                continue;
            }
            let scopes = grammar.scopes(&text);
            let has = |at: usize, kind: &str| scopes[at].iter().any(|one| one.starts_with(kind));
            let mut commented = vec![false; text.len()];
            let ours = parsed.trivia.comments.iter().map(|comment| &comment.span);
            for span in ours.chain(&parsed.trivia.documentation) {
                commented[span.range()].fill(true);
                comments += 1;
            }
            for (at, char) in text.char_indices() {
                if char.is_whitespace() {
                    continue;
                }
                let line = &text[at..].lines().next().unwrap_or_default();
                assert_eq!(commented[at], has(at, "comment."), "{place}: {line}");
                if commented[at] {
                    continue;
                }
                if char == '"' {
                    strings += 1;
                    assert!(has(at, "string.quoted"), "{place}: {line}");
                }
                assert!(!has(at, "invalid."), "{place}: {line}");
                // A rule begins with a word of the language, and it looks like one.
                let before = text[..at].lines().last().unwrap_or_default();
                let word = line
                    .split(|c: char| !(c.is_alphanumeric() || c == '-'))
                    .next();
                if before.trim().is_empty()
                    && text[..at].ends_with(' ')
                    && let Some(word @ ("allow" | "deny" | "pass" | "log" | "can" | "cannot")) =
                        word
                    && !has(at, "string.")
                    && line[word.len()..].starts_with(' ')
                {
                    assert!(has(at, "keyword."), "{place}: {line}");
                }
            }
        }
    }
    assert!(
        comments > 200 && strings > 100,
        "{comments} comments, {strings} quotes"
    );
}

#[test]
fn the_extension_names_what_is_there() {
    let folder = root().join("editors/vscode");
    let package: serde_json::Value =
        serde_json::from_str(&text("editors/vscode/package.json")).expect("JSON");
    let contributed = &package["contributes"];
    for path in [
        &contributed["languages"][0]["configuration"],
        &contributed["grammars"][0]["path"],
    ] {
        let path = folder.join(path.as_str().expect("a path"));
        let text = fs::read_to_string(&path).expect("it is there");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    }
    let grammar: serde_json::Value =
        serde_json::from_str(&text("editors/vscode/syntaxes/vauban.tmLanguage.json"))
            .expect("JSON");
    assert_eq!(
        contributed["grammars"][0]["scopeName"],
        grammar["scopeName"]
    );
    assert_eq!(contributed["languages"][0]["extensions"][0], ".vau");
}
