//! The text of manifests to trees with places, as the API server reads it.
//!
//! Takes: a [`Source`]. Gives: one [`Node`] for each document; what cannot be read is reported at its place. Events come from an independent parser; plain
//! scalars are resolved by the rules of YAML 1.1 that go-yaml v2, and with it `sigs.k8s.io/yaml`, follows; duplicate keys are refused, as strict
//! decoding does. JSON is YAML. Aliases are followed within a bound, so that a small file cannot become a large tree.

use rustc_hash::FxHashSet;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use smol_str::SmolStr;

use super::block;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// How deep lists and maps may nest.
pub(super) const DEEPEST: usize = 100;

/// How many nodes the aliases of one file may stand for.
const MOST_ALIASED: usize = 100_000;

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it is written.
    pub span: Span,
}

/// A value of JSON; maps keep their order.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`, or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(SmolStr),
    /// A list.
    List(Vec<Node>),
    /// A map; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The key.
    pub text: SmolStr,
    /// Where it is written.
    pub span: Span,
}

impl Value {
    /// What it is, with its article: `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The keys of a map that is being read, so that none is there twice; the map's entries themselves, while there are few.
#[derive(Default)]
pub(super) struct Keys(FxHashSet<SmolStr>);

impl Keys {
    /// How many are looked at one by one.
    const FEW: usize = 16;

    /// Notes a key that is not among the entries yet; false if it is.
    pub(super) fn add(&mut self, entries: &[(Key, Node)], key: &SmolStr) -> bool {
        if entries.len() < Self::FEW {
            return !entries.iter().any(|(known, _)| known.text == *key);
        }
        if self.0.is_empty() {
            self.0
                .extend(entries.iter().map(|(known, _)| known.text.clone()));
        }
        self.0.insert(key.clone())
    }
}

/// A list or a map that is being read.
enum Open {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>, Keys),
}

struct Frame {
    open: Open,
    start: u32,
    anchor: usize,
}

/// Where the last place was found. Lines of JSON can be as long as the file: places on one are found from the one before.
struct Cursor {
    line: usize,
    range: std::ops::Range<usize>,
    ascii: bool,
    column: usize,
    at: usize,
}

struct Loader<'s> {
    source: &'s Source,
    cursor: Cursor,
    stack: Vec<Frame>,
    done: Vec<Node>,
    anchors: Vec<(usize, Node)>,
    aliased: usize,
}

/// The documents of a text, empty ones left out; nothing if the text is no YAML.
pub fn documents(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Node> {
    block::documents(source).unwrap_or_else(|| whole_yaml(source, diagnostics))
}

/// The same, slower, whatever of YAML the text uses.
pub fn whole_yaml(source: &Source, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let mut loader = Loader {
        source,
        cursor: Cursor {
            line: usize::MAX,
            range: 0..0,
            ascii: true,
            column: 0,
            at: 0,
        },
        stack: Vec::new(),
        done: Vec::new(),
        anchors: Vec::new(),
        aliased: 0,
    };
    match loader.run() {
        Ok(()) => loader.done,
        Err(fault) => {
            diagnostics.push(
                Diagnostic::error(
                    "unreadable-manifest",
                    format!("`{}` is no YAML that Kubernetes reads", source.path),
                )
                .at(fault.span, "")
                .because(fault.why),
            );
            Vec::new()
        }
    }
}

struct Fault {
    span: Span,
    why: String,
}

impl Loader<'_> {
    fn offset(&mut self, marker: Marker) -> u32 {
        let line = marker.line().saturating_sub(1);
        let cursor = &mut self.cursor;
        if cursor.line != line {
            let Some(range) = self.source.line_range(line) else {
                return self.source.text.len() as u32;
            };
            *cursor = Cursor {
                line,
                ascii: self.source.text[range.clone()].is_ascii(),
                column: 0,
                at: range.start,
                range,
            };
        }
        if cursor.ascii {
            return (cursor.range.start + marker.col().min(cursor.range.len())) as u32;
        }
        if marker.col() < cursor.column {
            cursor.column = 0;
            cursor.at = cursor.range.start;
        }
        let rest = &self.source.text[cursor.at..cursor.range.end];
        let further = marker.col() - cursor.column;
        cursor.at = rest
            .char_indices()
            .nth(further)
            .map_or(cursor.range.end, |(at, _)| cursor.at + at);
        cursor.column = marker.col();
        cursor.at as u32
    }

    fn fault(&self, start: u32, end: u32, why: impl Into<String>) -> Fault {
        Fault {
            span: Span {
                file: self.source.id,
                start,
                end,
            },
            why: why.into(),
        }
    }

    fn run(&mut self) -> Result<(), Fault> {
        let text = self.source.text.clone();
        for event in Parser::new_from_str(&text) {
            let (event, place) = event.map_err(|error| {
                let at = self.offset(*error.marker());
                self.fault(at, at, error.info().to_owned())
            })?;
            let start = self.offset(place.start);
            let end = self.offset(place.end).max(start);
            let open = |open, anchor| Frame {
                open,
                start,
                anchor,
            };
            let (value, from, anchor) = match event {
                Event::SequenceStart(anchor, None) => {
                    self.push(open(Open::List(Vec::new()), anchor), end)?;
                    continue;
                }
                Event::MappingStart(anchor, None) => {
                    self.push(
                        open(Open::Map(Vec::new(), None, Keys::default()), anchor),
                        end,
                    )?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let frame = self.stack.pop().expect("the parser closes what it opened");
                    let value = match frame.open {
                        Open::List(list) => Value::List(list),
                        Open::Map(map, ..) => Value::Map(map),
                    };
                    (value, frame.start, frame.anchor)
                }
                Event::Scalar(text, ScalarStyle::Plain, anchor, None) => {
                    (plain(&text), start, anchor)
                }
                Event::Scalar(text, _, anchor, None) => (Value::Text(text.into()), start, anchor),
                Event::Alias(anchor) => {
                    let known = self.anchors.iter().rfind(|(known, _)| *known == anchor);
                    let Some((_, node)) = known else {
                        return Err(self.fault(start, end, "an alias of nothing"));
                    };
                    self.aliased += size(node);
                    if self.aliased > MOST_ALIASED {
                        let why = format!("aliases of more than {MOST_ALIASED} values");
                        return Err(self.fault(start, end, why));
                    }
                    (node.value.clone(), start, 0)
                }
                Event::SequenceStart(_, Some(_))
                | Event::MappingStart(_, Some(_))
                | Event::Scalar(_, _, _, Some(_)) => {
                    return Err(self.fault(start, end, "a tag, which manifests do not have"));
                }
                _ => continue,
            };
            // A block ends where the next thing begins: its last line is enough.
            let written = self.source.text[from as usize..end as usize]
                .trim_end()
                .len();
            let span = Span {
                file: self.source.id,
                start: from,
                end: from + written as u32,
            };
            let node = Node { value, span };
            if anchor > 0 {
                self.anchors.push((anchor, node.clone()));
            }
            self.put(node)?;
        }
        Ok(())
    }

    fn push(&mut self, frame: Frame, end: u32) -> Result<(), Fault> {
        if self.stack.len() >= DEEPEST {
            return Err(self.fault(frame.start, end, format!("nested deeper than {DEEPEST}")));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), Fault> {
        let fault = |node: &Node, why: String| Fault {
            span: node.span,
            why,
        };
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => {
                if node.value != Value::Null {
                    self.done.push(node);
                }
            }
            Some(Open::List(list)) => list.push(node),
            Some(Open::Map(map, key @ None, keys)) => {
                let Some(text) = key_text(&node.value) else {
                    return Err(fault(&node, format!("{} as a key", node.value.kind())));
                };
                if !keys.add(map, &text) {
                    return Err(fault(&node, format!("the key `{text}` stands here twice")));
                }
                *key = Some(Key {
                    text,
                    span: node.span,
                });
            }
            Some(Open::Map(map, key, _)) => {
                let key = key.take().expect("a key came before its value");
                map.push((key, node));
            }
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|(_, node)| 1 + size(node)).sum::<usize>(),
        _ => 1,
    }
}

/// What a value is as a key; keys are strings in JSON: a plain `yes:` or `80:` is turned into one.
pub(super) fn key_text(value: &Value) -> Option<SmolStr> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(is) => Some(SmolStr::new_static(if *is { "true" } else { "false" })),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Null | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A plain scalar by the rules of go-yaml v2 (`resolve.go`).
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Value::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return Value::Text(text.into());
    }
    let digits = text.replace('_', "");
    let (negative, body) = match digits.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    match whole(body) {
        Some(number) if negative => return Value::Int(-number),
        Some(number) => return Value::Int(number),
        None => {}
    }
    let numeric = |c: char| c.is_ascii_digit() || ".eE+-".contains(c);
    if body.chars().all(numeric)
        && body.contains(|c: char| c.is_ascii_digit())
        && let Ok(number) = digits.parse::<f64>()
    {
        return Value::Float(number);
    }
    Value::Text(text.into())
}

/// A whole number without its sign: decimal, `0x`, `0b`, and octal with and without the `o`.
fn whole(body: &str) -> Option<i64> {
    let prefixed = |prefixes: [&str; 2], radix| {
        let rest = prefixes
            .iter()
            .find_map(|prefix| body.strip_prefix(prefix))?;
        Some(i64::from_str_radix(rest, radix).ok())
    };
    if let Some(number) = prefixed(["0x", "0X"], 16)
        .or_else(|| prefixed(["0b", "0B"], 2))
        .or_else(|| prefixed(["0o", "0O"], 8))
    {
        return number;
    }
    if !body.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let radix = if body.len() > 1 && body.starts_with('0') {
        8
    } else {
        10
    };
    i64::from_str_radix(body, radix).ok()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::source::FileId;

    fn read(text: &str) -> Result<Vec<Node>, Vec<String>> {
        let mut diagnostics = Diagnostics::default();
        let source = Source::new(FileId(0), "a.yaml", text);
        let nodes = documents(&source, &mut diagnostics);
        let faults: Vec<String> = diagnostics
            .iter()
            .flat_map(|fault| fault.notes.clone())
            .collect();
        if faults.is_empty() {
            Ok(nodes)
        } else {
            Err(faults)
        }
    }

    fn entries(node: &Node) -> &[(Key, Node)] {
        match &node.value {
            Value::Map(map) => map,
            _ => &[],
        }
    }

    fn scalar(text: &str) -> Value {
        let nodes = read(&format!("a: {text}")).expect("YAML");
        entries(&nodes[0])[0].1.value.clone()
    }

    #[test]
    fn scalars_are_what_kubernetes_takes_them_for() {
        let table = [
            ("on", Value::Bool(true)),
            ("n", Value::Bool(false)),
            ("\"on\"", Value::Text("on".into())),
            ("0123", Value::Int(83)),
            ("1_000", Value::Int(1000)),
            ("0x1F", Value::Int(31)),
            ("-5", Value::Int(-5)),
            ("1e3", Value::Float(1000.0)),
            ("10.0.0.0/8", Value::Text("10.0.0.0/8".into())),
            ("1.2.3.4", Value::Text("1.2.3.4".into())),
            ("~", Value::Null),
            ("", Value::Null),
        ];
        for (text, value) in table {
            assert_eq!(scalar(text), value, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "é: [a, b]\nkey:\n  inner: value\n";
        let nodes = read(text).expect("YAML");
        let map = entries(&nodes[0]);
        let shown = |span: Span| &text[span.range()];
        assert_eq!(shown(map[0].0.span), "é");
        assert_eq!(shown(map[0].1.span), "[a, b]");
        assert_eq!(shown(map[1].1.span), "inner: value");
    }

    #[test]
    fn what_strict_decoding_refuses_is_refused() {
        for text in ["a: 1\na: 2\n", "a: !!str 1\n", "a: [\n", "? [a]\n: b\n"] {
            assert!(read(text).is_err(), "{text}");
        }
        let bomb: String = (0..40).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            format!("{text}a{}: &a{} [*a{n}, *a{n}, *a{n}]\n", n + 1, n + 1)
        });
        assert!(read(&bomb).is_err());
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
