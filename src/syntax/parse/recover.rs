//! What cannot be read: where it goes wrong, and in which words to say so.
//!
//! The grammar sets a broken part aside; here it is parsed once more, alone, with the rule that it was meant to be. pest then knows
//! how far it came and what it would have taken there.

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

use super::{BLANKS, Before, Node, Reader};
use crate::diagnostic::{Diagnostic, Edit, Fix, nearest};
use crate::source::{Source, Span, Spanned};
use crate::syntax::grammar::{Grammar, Rule, words};

/// A kind of thing that stands in a sequence and may be broken.
pub(super) struct Part {
    alone: Rule,
    /// What it is called.
    what: &'static str,
    /// What may come after it.
    after: &'static str,
    /// The words that begin one; none if any name does.
    starts: &'static [&'static str],
    /// What to do when nothing better is known.
    help: &'static str,
}

const ITEM: Part = Part {
    alone: Rule::item_alone,
    what: "declaration",
    after: "a declaration",
    starts: &[
        "policy",
        "staged",
        "group",
        "service",
        "network",
        "ports",
        "namespace",
        "use",
        "tier",
        "team",
        "test",
        "guard",
        "profile",
        "default",
        "cluster",
        "raw",
    ],
    help: "a declaration begins with a word such as `policy`, `group`, `network` or `service`",
};

/// A rule of a block.
pub(super) const RULE: Part = Part {
    alone: Rule::rule_alone,
    what: "rule",
    after: "the next rule",
    starts: &["allow", "deny", "pass", "log"],
    help: "begin a rule with `allow`, `deny`, `pass` or `log`",
};

/// A statement of a body.
pub(super) const STATEMENT: Part = Part {
    alone: Rule::statement_alone,
    what: "statement",
    after: "the next statement",
    starts: &["for", "ingress", "egress", "include"],
    help: "begin a statement with `for`, `ingress`, `egress` or `include`",
};

/// A check of a test or guard.
pub(super) const CHECK: Part = Part {
    alone: Rule::check_alone,
    what: "check",
    after: "the next check",
    starts: &["can", "cannot"],
    help: "begin a check with `can` or `cannot`",
};

/// A clause of a team.
pub(super) const TEAM: Part = Part {
    alone: Rule::team_alone,
    what: "clause of a team",
    after: "the next clause",
    starts: &["owners", "folder", "namespaces", "tiers", "grants"],
    help: "a team has `owners`, `folder`, `namespaces`, `tiers` and `grants`",
};

/// What a tier says.
pub(super) const OTHERWISE: Part = Part {
    alone: Rule::otherwise_alone,
    what: "part of a tier",
    after: "`}`",
    starts: &["otherwise"],
    help: "a tier says `otherwise pass`, `otherwise deny` or `otherwise deny and log`",
};

/// A fact or declaration of a cluster.
pub(super) const FACT: Part = Part {
    alone: Rule::fact_alone,
    what: "fact",
    after: "the next fact",
    starts: &[],
    help: "a fact begins with a word such as `pods`, `services` or `nodes`",
};

const HEAD: Part = Part {
    alone: Rule::name_alone,
    what: "head",
    after: "`{`",
    starts: &[],
    help: "",
};

const LABELS: Part = Part {
    alone: Rule::labels_alone,
    what: "label",
    after: "`}`",
    starts: &[],
    help: "",
};

impl<'a> Reader<'a> {
    /// Reports a broken part; says whether it belongs to what came `before`, which then goes too.
    pub(super) fn broken_part(
        &mut self,
        part: &Part,
        span: Span,
        before: Option<Before<()>>,
    ) -> bool {
        self.broken = true;
        let start = self.after_documentation(span);
        let token = self.token(start);
        if start >= span.end as usize {
            self.stray_documentation(span);
            return false;
        }
        let begins = part.starts.contains(&token.text)
            || (part.starts.is_empty() && token.text.starts_with(|c: char| c.is_ascii_lowercase()));
        if begins {
            self.diagnose(part, span);
            return false;
        }
        if let Some(before) = before
            && self.continues(before.span, start)
        {
            // One fault, one report: what came before was reported with the rest of its line.
            if before.value.is_none() {
                return false;
            }
            self.diagnose(part, before.span.to(span));
            return true;
        }
        self.unknown_start(part, start, &token);
        false
    }

    /// Reports a broken item.
    pub(super) fn broken_item(&mut self, span: Span, before: Option<Before<()>>) -> bool {
        self.broken = true;
        let start = self.after_documentation(span);
        if self.source.text[start..].starts_with('}') {
            let place = Span::new(self.source.id, start, start + 1);
            self.report(
                Diagnostic::error("unopened-brace", "this `}` closes nothing")
                    .at(place, "nothing is open here")
                    .help("remove it, or look for one too many above"),
            );
            return false;
        }
        let token = self.token(start);
        if ITEM.starts.contains(&token.text) {
            let next = self.token(self.skip_blanks(token.span.end as usize));
            if is_name(next.text) {
                self.unread.push(Spanned::new(next.text.into(), next.span));
            }
        }
        self.broken_part(&ITEM, span, before)
    }

    /// Reports what stands between the first word of an item and its brace.
    pub(super) fn broken_head(&mut self, node: &Node<'_>, alone: Rule) {
        let span = self.span(node);
        self.diagnose(&Part { alone, ..HEAD }, span);
    }

    /// Reports labels of a namespace; `span` begins after the brace.
    pub(super) fn broken_labels(&mut self, span: Span) {
        self.diagnose(&LABELS, span);
    }

    /// Reports a brace that is still open where something else begins.
    pub(super) fn unclosed(&mut self, from_brace: Span) {
        self.broken = true;
        if self.unterminated {
            return;
        }
        let start = from_brace.start as usize;
        let brace = Span::new(self.source.id, start, start + 1);
        let next = self.token(self.skip_blanks(from_brace.end as usize));
        let mut diagnostic = Diagnostic::error("unclosed-brace", "a `{` is not closed")
            .at(brace, "no `}` for this")
            .help("add `}`");
        if !next.text.is_empty() {
            diagnostic = diagnostic.and(next.span, "something else begins");
        }
        self.report(diagnostic);
    }

    /// Reports a block whose first word is neither `ingress` nor `egress`.
    pub(super) fn unknown_block(&mut self, span: Span) {
        let token = self.token(span.start as usize);
        self.unknown_start(&STATEMENT, span.start as usize, &token);
    }

    /// Whether what begins at `start` goes on with what ends at `before`: on the same line, or with something that begins nothing.
    fn continues(&self, before: Span, start: usize) -> bool {
        let between = &self.source.text[before.end as usize..start];
        let first = self.source.text[start..].chars().next();
        !between.contains('\n')
            || first.is_some_and(|c| c.is_ascii_punctuation() && !matches!(c, '}' | '"' | '_'))
    }

    /// The first byte that is not in documentation.
    fn after_documentation(&self, span: Span) -> usize {
        let text = &self.source.text;
        let mut at = span.start as usize;
        loop {
            at = self.skip_blanks(at);
            if !text[at..].starts_with("///") {
                return at;
            }
            at = self.line_end(at);
        }
    }

    fn stray_documentation(&mut self, span: Span) {
        let start = span.start as usize;
        let end = self.line_end(start);
        let slashes = Span::new(self.source.id, start, start + 3);
        let place = self.trimmed(start, end);
        self.report(
            Diagnostic::error("stray-documentation", "documentation of nothing")
                .at(place, "no declaration or rule follows")
                .help("write `//` for a comment")
                .fix(Fix {
                    title: "make it a comment".into(),
                    edits: vec![Edit {
                        span: slashes,
                        text: "//".into(),
                    }],
                    safe: true,
                }),
        );
    }

    /// Something stands where a part should begin.
    fn unknown_start(&mut self, part: &Part, start: usize, token: &Token<'_>) {
        if self.odd_character(token) {
            return;
        }
        if token.text == "///" {
            let span = Span::new(self.source.id, start, start + 3);
            self.stray_documentation(span);
            return;
        }
        let is_word = token.text.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_word {
            let message = format!("expected {}, found {}", part.after, token.shown());
            self.report(
                Diagnostic::error("unexpected-text", message)
                    .at(token.span, "unexpected")
                    .help(part.help),
            );
            return;
        }
        let help = if part.what == STATEMENT.what && RULE.starts.contains(&token.text) {
            "put rules into `ingress { … }` or `egress { … }`".to_owned()
        } else {
            match nearest(
                &token.text.to_ascii_lowercase(),
                part.starts.iter().copied(),
            ) {
                Some(word) => format!("did you mean `{word}`?"),
                None => part.help.to_owned(),
            }
        };
        self.report(
            Diagnostic::error(
                "unknown-word",
                format!("`{}` begins no {}", token.text, part.what),
            )
            .at(token.span, "not a word of the language here")
            .help(help),
        );
    }

    /// Parses a part alone, and reports how far that went.
    fn diagnose(&mut self, part: &Part, span: Span) {
        self.broken = true;
        let slice = self.source.slice(span);
        let (at, expected) = match Grammar::parse(part.alone, slice) {
            Err(error) => {
                let at = match error.location {
                    InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
                };
                let rules = match error.variant {
                    ErrorVariant::ParsingError { positives, .. } => positives,
                    ErrorVariant::CustomError { .. } => Vec::new(),
                };
                (at, rules)
            }
            Ok(_) => (0, Vec::new()),
        };
        let at = self.skip_blanks(span.start as usize + at);
        let token = self.token(at);
        if self.odd_character(&token) || self.known_mistake(&token, &expected) {
            return;
        }
        let expected = Expected::of(part, &expected);
        let mut diagnostic = Diagnostic::error(
            "unexpected-text",
            format!("expected {}, found {}", expected.list(), token.shown()),
        );
        if at >= span.end as usize {
            // What is missing is missing at the end of what stands there, not at whatever comes next.
            let last = self.last_word(span);
            diagnostic = diagnostic.at(last, "something is missing after this");
        } else {
            diagnostic = diagnostic.at(token.span, "unexpected");
        }
        let source: &'a Source = self.source;
        let text = &source.text;
        if let Some(word) = nearest(token.text, expected.keywords.iter().copied())
            && word != token.text
        {
            diagnostic = diagnostic.help(format!("did you mean `{word}`?"));
        } else if token.text == "=" && text[..at].ends_with('=') {
            diagnostic = diagnostic.help("write one `=`: it compares");
        } else if token.text == ":" {
            diagnostic = diagnostic.help("write `key=value`");
        } else if token.text == "*" {
            diagnostic = diagnostic.help("put a DNS name in quotes: `\"*.example.com\"`");
        } else if token.text == ";" {
            diagnostic = diagnostic.help("remove the `;`: the next word ends a rule");
        }
        self.report(diagnostic);
    }

    /// Mistakes that have a name of their own.
    fn known_mistake(&mut self, token: &Token<'_>, expected: &[Rule]) -> bool {
        if token.text == "///" {
            self.stray_documentation(token.span);
            return true;
        }
        let wants_name = expected.iter().any(|wanted| {
            matches!(
                wanted,
                Rule::name | Rule::path | Rule::namespace_name | Rule::named | Rule::endpoint
            )
        });
        let word_like = token
            .text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let has_letter = token.text.contains(|c: char| c.is_ascii_alphabetic());
        if wants_name && word_like && has_letter && !is_name(token.text) {
            let mut diagnostic =
                Diagnostic::error("bad-name", format!("`{}` is not a name", token.text))
                    .at(token.span, "lower case, digits, single hyphens");
            let better: String = token
                .text
                .to_ascii_lowercase()
                .replace('_', "-")
                .trim_matches('-')
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .to_owned();
            if is_name(&better) {
                diagnostic = diagnostic.help(format!("write `{better}`"));
            }
            self.report(diagnostic);
            return true;
        }
        false
    }

    /// A character that stands nowhere but in strings and comments.
    fn odd_character(&mut self, token: &Token<'_>) -> bool {
        let Some((offset, odd)) = token
            .text
            .char_indices()
            .find(|(_, c)| !c.is_ascii() || c.is_ascii_control())
        else {
            return false;
        };
        let start = token.span.start as usize + offset;
        let place = Span::new(self.source.id, start, start + odd.len_utf8());
        let shown = if odd.is_control() || odd.is_whitespace() || !odd.is_alphanumeric() {
            format!("U+{:04X}", odd as u32)
        } else {
            odd.to_string()
        };
        let help = match odd {
            '“' | '”' | '„' | '‘' | '’' => "write straight quotes: `\"`",
            '→' => "write `->`",
            '–' | '—' | '‐' | '‑' => "write a plain hyphen",
            c if c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}' => "write a plain blank",
            _ => "write letters without accents, or put the text in quotes",
        };
        self.report(
            Diagnostic::error(
                "unexpected-character",
                format!("`{shown}` stands only in strings and comments"),
            )
            .at(place, "not here")
            .help(help),
        );
        true
    }

    /// The word or sign at a byte.
    pub(super) fn token(&self, at: usize) -> Token<'a> {
        let source: &'a Source = self.source;
        let rest: &'a str = &source.text[at..];
        let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let length = match rest.chars().next() {
            None => 0,
            Some('"') => rest[1..]
                .find(['"', '\n'])
                .map_or(rest.len(), |end| end + 2)
                .min(rest.find('\n').unwrap_or(rest.len())),
            Some(c) if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
                rest[..end].trim_end_matches(['.', '-']).len()
            }
            Some(c) => ["///", "->", "!="]
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .map_or(c.len_utf8(), |sign| sign.len()),
        };
        Token {
            text: &rest[..length],
            span: Span::new(self.source.id, at, at + length),
        }
    }

    /// The last word or sign of a place.
    fn last_word(&self, span: Span) -> Span {
        let text = self.source.slice(span).trim_end_matches(BLANKS);
        let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"');
        let start = text
            .char_indices()
            .rfind(|(_, c)| !in_word(*c))
            .map_or(0, |(at, c)| at + c.len_utf8());
        let last = text.chars().next_back().map_or(0, char::len_utf8);
        let start = start.min(text.len().saturating_sub(last));
        let base = span.start as usize;
        Span::new(self.source.id, base + start, base + text.len())
    }
}

/// A word or sign of the text.
pub(super) struct Token<'t> {
    text: &'t str,
    span: Span,
}

impl Token<'_> {
    fn shown(&self) -> String {
        const LONGEST: usize = 40;
        match self.text {
            "" => "the end of the file".into(),
            text if text.chars().count() > LONGEST => {
                format!("`{}…`", text.chars().take(LONGEST).collect::<String>())
            }
            text => format!("`{text}`"),
        }
    }
}

/// What would have been right, in the reader's words.
struct Expected {
    words: Vec<&'static str>,
    keywords: Vec<&'static str>,
}

impl Expected {
    fn of(part: &Part, rules: &[Rule]) -> Self {
        let mut expected = Expected {
            words: Vec::new(),
            keywords: Vec::new(),
        };
        for wanted in rules {
            if *wanted == Rule::EOI {
                expected.keywords.extend(part.starts);
            }
            expected.words.extend(words(*wanted));
        }
        if rules.contains(&Rule::EOI) {
            expected.words.push(part.after);
        }
        let mut seen = Vec::new();
        expected.words.retain(|word| {
            let new = !seen.contains(word);
            seen.push(word);
            new
        });
        for word in &expected.words {
            if *word == "a clause" {
                expected
                    .keywords
                    .extend(["because", "ticket", "until", "excuse"]);
            }
            expected.keywords.extend(
                word.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|word| is_name(word)),
            );
        }
        expected
    }

    fn list(&self) -> String {
        match self.words.as_slice() {
            [] => "something else".into(),
            [one] => (*one).into(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}
