//! The pass: text to tree, item by item.
//!
//! Each function that takes a pair reads the grammar rule of its own name. `None` means: reported, and not in the tree. A list that
//! holds something unreadable is read to its end all the same, so that one run reports every fault.

mod body;
mod endpoint;
mod item;
mod literal;
mod ports;
mod recover;

use std::num::NonZeroUsize;
use std::sync::Once;

use pest::Parser;
use pest::iterators::{Pair, Pairs};

use super::grammar::{Grammar, Rule};
use super::trivia::{Trivia, scan};
use super::{Parsed, ast};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// The longest text of one file, in bytes.
pub const LARGEST_FILE: usize = 16 << 20;

/// How deep brackets may nest.
pub const DEEPEST_NESTING: usize = 128;

/// How many entries one list may have.
pub const LONGEST_LIST: usize = 1 << 16;

/// How many steps pest may take for one item: far above what the largest file needs, and an end for what we did not foresee.
const MOST_STEPS: usize = 4_000_000_000;

static LIMIT: Once = Once::new();

/// Reads a file. Total: what cannot be read is reported, and everything else is in the tree.
pub fn parse(source: &Source, diagnostics: &mut Diagnostics) -> Parsed {
    LIMIT.call_once(|| pest::set_call_limit(NonZeroUsize::new(MOST_STEPS)));
    let mut parsed = Parsed {
        file: ast::File {
            id: source.id,
            items: Vec::new(),
        },
        trivia: Trivia::default(),
        broken: false,
        unread: Vec::new(),
    };
    let length = source.text.len();
    if length > LARGEST_FILE {
        parsed.broken = true;
        diagnostics.push(
            Diagnostic::error(
                "file-too-large",
                format!("a file of {length} bytes is longer than {LARGEST_FILE} bytes"),
            )
            .at(Span::new(source.id, 0, 0), "too long")
            .help("split it into several files of the same folder"),
        );
        return parsed;
    }
    let scanned = scan(source, DEEPEST_NESTING);
    parsed.trivia = scanned.trivia;
    if let Some(at) = scanned.too_deep {
        parsed.broken = true;
        diagnostics.push(
            Diagnostic::error(
                "nesting-too-deep",
                format!("brackets nest more than {DEEPEST_NESTING} deep"),
            )
            .at(Span::new(source.id, at, at + 1), "one too many")
            .help("give the inner part a name with `group`"),
        );
        return parsed;
    }
    let mut reader = Reader {
        source,
        trivia: &parsed.trivia,
        base: 0,
        diagnostics,
        broken: false,
        unread: Vec::new(),
        unterminated: false,
    };
    parsed.file.items = reader.file();
    let (broken, unread) = (reader.broken, reader.unread);
    parsed.broken = broken;
    parsed.unread = unread;
    parsed
}

type Node<'a> = Pair<'a, Rule>;
type Nodes<'a> = Pairs<'a, Rule>;

/// Reads pairs of one file.
struct Reader<'a> {
    source: &'a Source,
    trivia: &'a Trivia,
    /// Where in the file the text begins that is being parsed.
    base: usize,
    diagnostics: &'a mut Diagnostics,
    broken: bool,
    unread: Vec<ast::Name>,
    /// Whether a string of the current item has no end: it may have swallowed a brace.
    unterminated: bool,
}

/// What was read just before something that cannot be read.
struct Before<T> {
    /// Where it begins and ends.
    span: Span,
    /// What it was; `None` if it was reported already.
    value: Option<T>,
}

impl<'a> Reader<'a> {
    fn file(&mut self) -> Vec<ast::Item> {
        let text: &'a str = &self.source.text;
        let mut items: Vec<ast::Item> = Vec::new();
        let mut before: Option<Before<()>> = None;
        let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        loop {
            at = self.skip_blanks(at);
            if at >= text.len() {
                return items;
            }
            self.base = at;
            self.unterminated = false;
            let piece = Grammar::parse(Rule::piece, &text[at..])
                .ok()
                .and_then(|mut pairs| pairs.next());
            let Some(piece) = piece else {
                self.report(
                    Diagnostic::error("file-too-large", "a declaration is too large to be read")
                        .at(Span::new(self.source.id, at, at), "begins here")
                        .help("split it into several declarations"),
                );
                return items;
            };
            let end = at + piece.as_span().end().max(1);
            let span = self.span(&piece);
            if piece.as_rule() == Rule::item {
                let open = !text[span.range()].ends_with('}');
                let item = self.item(piece);
                before = open.then_some(Before {
                    span,
                    value: item.as_ref().map(|_| ()),
                });
                items.extend(item);
            } else {
                if self.broken_item(span, before.take()) {
                    let dropped = items.pop();
                    self.unread
                        .extend(dropped.and_then(|item| name_of(&item.kind)));
                }
            }
            at = end;
        }
    }

    /// The next byte that is neither blank nor in a comment.
    fn skip_blanks(&self, mut at: usize) -> usize {
        let text = &self.source.text;
        loop {
            let rest = &text[at..];
            let trimmed = rest.trim_start_matches(BLANKS);
            at += rest.len() - trimmed.len();
            let comment = trimmed.starts_with("//")
                && (!trimmed.starts_with("///") || trimmed.starts_with("////"));
            if !comment {
                return at;
            }
            at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// The place of a pair, without the blanks and comments that pest leaves at its end.
    fn span(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        self.trimmed(self.base + span.start(), self.base + span.end())
    }

    /// A place without the blanks and comments at its end.
    fn trimmed(&self, start: usize, mut end: usize) -> Span {
        loop {
            end = start + self.source.text[start..end].trim_end_matches(BLANKS).len();
            match self.trivia.comment_at(end) {
                Some(comment) if comment >= start => end = comment,
                _ => return Span::new(self.source.id, start, end),
            }
        }
    }

    /// Where the line of a byte ends.
    fn line_end(&self, at: usize) -> usize {
        let rest = &self.source.text[at..];
        at + rest.find('\n').unwrap_or(rest.len())
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.broken = true;
        self.diagnostics.push(diagnostic);
    }

    /// Reads all pairs of one rule among others; `None` if one could not be read, but all were tried.
    fn each<T>(
        &mut self,
        nodes: Nodes<'_>,
        which: Rule,
        read: fn(&mut Self, Node<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        let mut whole = true;
        let mut last = None;
        for node in nodes.filter(|node| node.as_rule() == which) {
            if values.len() == LONGEST_LIST {
                last = Some(self.span(&node));
                break;
            }
            match read(self, node) {
                Some(value) => values.push(value),
                None => whole = false,
            }
        }
        if let Some(span) = last {
            self.too_long(span);
            return None;
        }
        // Most lists have one entry; a list that has grown has room for four.
        values.shrink_to_fit();
        whole.then_some(values)
    }

    fn too_long(&mut self, span: Span) {
        self.report(
            Diagnostic::error(
                "list-too-long",
                format!("a list has more than {LONGEST_LIST} entries"),
            )
            .at(span, "one too many")
            .help("split it into several named lists"),
        );
    }
}

const BLANKS: &[char] = &[' ', '\t', '\n', '\r'];

/// The name that an item declares.
fn name_of(kind: &ast::ItemKind) -> Option<ast::Name> {
    Some(match kind {
        ast::ItemKind::Cluster(cluster) => cluster.name.clone(),
        ast::ItemKind::Tier(tier) => tier.name.clone(),
        ast::ItemKind::Policy(policy) => policy.name.clone(),
        ast::ItemKind::Profile(profile) => profile.name.clone(),
        ast::ItemKind::Team(team) => team.name.clone(),
        ast::ItemKind::Namespace(namespace) => namespace.name.clone(),
        ast::ItemKind::Network(network) => network.name.clone(),
        ast::ItemKind::Ports(ports) => ports.name.clone(),
        ast::ItemKind::Group(group) => group.name.clone(),
        ast::ItemKind::Service(service) => service.name.clone(),
        ast::ItemKind::Use(path) => path.segments.last()?.clone(),
        ast::ItemKind::Default(_)
        | ast::ItemKind::Test(_)
        | ast::ItemKind::Guard(_)
        | ast::ItemKind::Raw(_) => return None,
    })
}

/// The documentation lines that open an item or rule, and the rest of its pairs.
fn documentation(nodes: &mut Nodes<'_>) -> Vec<smol_str::SmolStr> {
    let mut lines = Vec::new();
    while nodes
        .peek()
        .is_some_and(|node| node.as_rule() == Rule::documentation)
    {
        if let Some(node) = nodes.next() {
            let line = node.as_str().trim_start_matches("///").trim_end();
            lines.push(line.strip_prefix(' ').unwrap_or(line).into());
        }
    }
    lines
}
