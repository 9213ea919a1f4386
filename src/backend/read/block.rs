//! The quick way to read what we write ourselves.
//!
//! Takes: a [`Source`]. Gives: the same [`Node`]s, at the same places, as [`yaml`](super::yaml) would, or nothing if the text is outside of the subset: maps
//! and lists in block style, one entry a line, scalars plain or in double quotes on that line, `[]` and `{}`, documents apart by `---`. No comments, no
//! blank lines, no anchors, no tags, no value left out. Whoever gets nothing reads the text by the whole of YAML, so that this file never decides what is
//! valid: at the first byte that it does not expect it gives up.

use std::borrow::Cow;

use super::yaml::{DEEPEST, Key, Keys, Node, Value, key_text, plain};
use crate::source::{FileId, Source, Span};

/// Keys that are longer are written in a way of their own.
const LONGEST_KEY: usize = 512;

/// The documents of a text, if it is in the subset.
pub fn documents(source: &Source) -> Option<Vec<Node>> {
    let mut block = Block {
        text: &source.text,
        bytes: source.text.as_bytes(),
        file: source.id,
        at: 0,
        column: 0,
        end: 0,
        depth: 0,
    };
    // A text that ends in the middle of a line is read as a whole.
    if block.bytes.last() != Some(&b'\n') {
        return None;
    }
    let mut found = Vec::new();
    if block.at_separator() {
        block.at += 4;
    }
    loop {
        block.begin_line()?;
        if block.column != 1 {
            return None;
        }
        found.push(block.collection(1)?);
        if block.column == 0 {
            return Some(found);
        }
        if !block.at_separator() {
            return None;
        }
        block.at += 4;
    }
}

/// What a byte can be in a plain scalar.
const OTHER: u8 = 0;
/// It may stand in a value.
const INNER: u8 = 1;
/// It may also stand in a key.
const WORD: u8 = 2;
/// It may also begin either.
const FIRST: u8 = 3;

const fn classes() -> [u8; 256] {
    let mut table = [OTHER; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' => FIRST,
            b'-' | b'_' | b'.' | b':' => WORD,
            _ => INNER,
        };
        byte += 1;
    }
    table
}

const CLASS: [u8; 256] = classes();

/// A scalar, and whether a colon that makes it a key follows.
struct Token<'s> {
    text: Cow<'s, str>,
    quoted: bool,
    span: Span,
    is_key: bool,
}

struct Block<'s> {
    text: &'s str,
    bytes: &'s [u8],
    file: FileId,
    /// Where we are: at the first character of a line that is not blank, or inside of a line.
    at: usize,
    /// The column of that character, from 1; 0 at the end of the text.
    column: usize,
    /// One past the last character of the last scalar.
    end: usize,
    depth: usize,
}

impl<'s> Block<'s> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn at_separator(&self) -> bool {
        self.bytes[self.at..].starts_with(b"---\n")
    }

    fn at_dash(&self) -> bool {
        self.byte(self.at) == b'-' && self.byte(self.at + 1) == b' '
    }

    /// Finds the first character of the line that begins here.
    fn begin_line(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte(self.at) == b' ' {
            self.at += 1;
        }
        if self.at == self.bytes.len() {
            self.column = 0;
            return (start == self.at).then_some(());
        }
        self.column = self.at - start + 1;
        Some(())
    }

    /// Goes from the end of a line to the next one.
    fn next_line(&mut self) -> Option<()> {
        if self.byte(self.at) != b'\n' {
            return None;
        }
        self.at += 1;
        self.begin_line()
    }

    /// A map or a list whose entries stand at a column, the first of them here.
    fn collection(&mut self, column: usize) -> Option<Node> {
        if self.at_dash() {
            return self.list(column);
        }
        let token = self.token()?;
        if !token.is_key {
            return None;
        }
        self.map(column, token)
    }

    fn list(&mut self, column: usize) -> Option<Node> {
        self.deeper()?;
        let start = self.at;
        let mut items = Vec::new();
        while self.column == column && self.at_dash() {
            self.at += 2;
            // What stands in the item's first line stands two columns further.
            self.column += 2;
            let item = if self.at_dash() {
                self.list(column + 2)?
            } else if let Some(empty) = self.empty()? {
                empty
            } else {
                let token = self.token()?;
                if token.is_key {
                    self.map(column + 2, token)?
                } else {
                    let node = scalar(token);
                    self.next_line()?;
                    node
                }
            };
            items.push(item);
            if self.column > column {
                return None;
            }
        }
        self.depth -= 1;
        items.shrink_to_fit();
        Some(Node {
            value: Value::List(items),
            span: self.span(start, self.end),
        })
    }

    /// A map whose first key has been read.
    fn map(&mut self, column: usize, first: Token<'s>) -> Option<Node> {
        self.deeper()?;
        let start = first.span.start as usize;
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut keys = Keys::default();
        let mut token = first;
        loop {
            let key = key(&token)?;
            if !keys.add(&entries, &key.text) {
                return None;
            }
            entries.push((key, self.value(column)?));
            if self.column < column || self.column == 1 && self.at_separator() {
                break;
            }
            if self.column > column {
                return None;
            }
            token = self.token()?;
            if !token.is_key {
                return None;
            }
        }
        self.depth -= 1;
        entries.shrink_to_fit();
        Some(Node {
            value: Value::Map(entries),
            span: self.span(start, self.end),
        })
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth < DEEPEST).then_some(())
    }

    /// What stands behind the colon of a key at a column.
    fn value(&mut self, column: usize) -> Option<Node> {
        if self.byte(self.at) == b'\n' {
            self.next_line()?;
            return if self.column > column {
                self.collection(self.column)
            } else if self.column == column && self.at_dash() {
                // The parser of the whole takes such a list to begin behind its first dash.
                let mut list = self.list(column)?;
                list.span.start += 2;
                Some(list)
            } else {
                None
            };
        }
        // The colon was followed by a blank or a line break.
        self.at += 1;
        if let Some(empty) = self.empty()? {
            return Some(empty);
        }
        let token = self.token()?;
        if token.is_key {
            return None;
        }
        let node = scalar(token);
        self.next_line()?;
        Some(node)
    }

    /// `[]` or `{}`, if one stands here; then on to the next line.
    fn empty(&mut self) -> Option<Option<Node>> {
        let value = match (self.byte(self.at), self.byte(self.at + 1)) {
            (b'[', b']') => Value::List(Vec::new()),
            (b'{', b'}') => Value::Map(Vec::new()),
            _ => return Some(None),
        };
        let start = self.at;
        self.at += 2;
        self.end = self.at;
        self.next_line()?;
        Some(Some(Node {
            value,
            span: self.span(start, start + 2),
        }))
    }

    /// A scalar on this line, and with it the colon that makes it a key.
    fn token(&mut self) -> Option<Token<'s>> {
        let token = if self.byte(self.at) == b'"' {
            self.quoted()?
        } else {
            self.plain()?
        };
        self.end = token.span.end as usize;
        self.at = self.end + usize::from(token.is_key);
        Some(token)
    }

    fn is_key_at(&self, colon: usize) -> bool {
        self.byte(colon) == b':' && matches!(self.byte(colon + 1), b' ' | b'\n')
    }

    fn plain(&self) -> Option<Token<'s>> {
        let start = self.at;
        let first = self.byte(start);
        let fine = CLASS[first as usize] == FIRST
            || first == b'('
            || first == b'-' && self.byte(start + 1).is_ascii_digit();
        if !fine {
            return None;
        }
        let mut least = CLASS[first as usize].min(WORD);
        let mut before = first;
        let mut at = start + 1;
        let is_key = loop {
            let byte = self.byte(at);
            match byte {
                b'\n' => break false,
                b':' if self.is_key_at(at) => break true,
                // A comment.
                b'#' if before == b' ' => return None,
                _ => {}
            }
            let class = CLASS[byte as usize];
            if class == OTHER {
                return None;
            }
            least = least.min(class);
            before = byte;
            at += 1;
        };
        if before == b' ' || is_key && (least < WORD || at - start > LONGEST_KEY) {
            return None;
        }
        Some(Token {
            text: Cow::Borrowed(&self.text[start..at]),
            quoted: false,
            span: self.span(start, at),
            is_key,
        })
    }

    fn quoted(&self) -> Option<Token<'s>> {
        let start = self.at;
        let mut at = start + 1;
        let mut text = Cow::Borrowed("");
        let mut taken = at;
        loop {
            match self.byte(at) {
                b'"' => break,
                b'\\' => {
                    let (char, length) = self.escape(at + 1)?;
                    let text = text.to_mut();
                    text.push_str(&self.text[taken..at]);
                    text.push(char);
                    at += 1 + length;
                    taken = at;
                }
                0x20..=0x7e => at += 1,
                0x80.. => {
                    let char = self.text[at..].chars().next()?;
                    // What some reader may take for a line break, a mark of the order of bytes, or nothing at all.
                    if !matches!(char, '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
                    {
                        return None;
                    }
                    at += char.len_utf8();
                }
                _ => return None,
            }
        }
        let rest = &self.text[taken..at];
        let text = match text {
            Cow::Borrowed(_) => Cow::Borrowed(rest),
            Cow::Owned(text) => Cow::Owned(text + rest),
        };
        let end = at + 1;
        let is_key = self.is_key_at(end);
        if !is_key && self.byte(end) != b'\n' || is_key && end - start > LONGEST_KEY {
            return None;
        }
        Some(Token {
            text,
            quoted: true,
            span: self.span(start, end),
            is_key,
        })
    }

    /// What an escape means, and how many bytes it has behind the backslash.
    fn escape(&self, at: usize) -> Option<(char, usize)> {
        let digits = match self.byte(at) {
            b'"' => return Some(('"', 1)),
            b'\\' => return Some(('\\', 1)),
            b'n' => return Some(('\n', 1)),
            b'r' => return Some(('\r', 1)),
            b't' => return Some(('\t', 1)),
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => return None,
        };
        let code = self.text.get(at + 1..at + 1 + digits)?;
        if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let code = u32::from_str_radix(code, 16).ok()?;
        Some((char::from_u32(code)?, 1 + digits))
    }
}

fn scalar(token: Token<'_>) -> Node {
    let value = if token.quoted {
        Value::Text(token.text.as_ref().into())
    } else {
        plain(&token.text)
    };
    Node {
        value,
        span: token.span,
    }
}

fn key(token: &Token<'_>) -> Option<Key> {
    let text = if token.quoted {
        token.text.as_ref().into()
    } else {
        key_text(&plain(&token.text))?
    };
    Some(Key {
        text,
        span: token.span,
    })
}
