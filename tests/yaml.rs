//! What the writer of manifests writes, any reader of YAML 1.1 or 1.2 reads back as the same data.
//!
//! Three readers: yaml_serde, saphyr-parser's events, and the rules by which YAML 1.1 gives plain scalars a type, written
//! down here, since no reader of YAML 1.1 exists in Rust and Kubernetes has one.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Value, json};
use vauban::backend::yaml;

/// Strings that the usual writers get wrong, or that tempt one to.
const TRICKY: &[&str] = &[
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "a\n",
    "\na",
    "a\nb",
    "a\n\nb\n",
    "a\tb",
    " a",
    "a ",
    "a  b",
    "~",
    "null",
    "Null",
    "NULL",
    "nUll",
    "true",
    "True",
    "TRUE",
    "tRue",
    "false",
    "False",
    "FALSE",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "Yes",
    "YES",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "oN",
    "off",
    "Off",
    "OFF",
    "0",
    "-0",
    "+0",
    "1",
    "-1",
    "+1",
    "12",
    "1_000",
    "1,000",
    "_1",
    "1_",
    "00",
    "01",
    "0o17",
    "0O17",
    "017",
    "0_7",
    "08",
    "09",
    "0b11",
    "0B11",
    "0b_1",
    "0x1F",
    "0X1f",
    "0x_1F",
    "0xg",
    "190:20:30",
    "1:30",
    "80:90",
    "8080:9090",
    "-1:30",
    "190:20:30.15",
    "1.5",
    "1.",
    ".5",
    "+.5",
    "-.5",
    "1e3",
    "1E3",
    "1e+3",
    "1.0e3",
    "6.8523015e+5",
    "685.230_15e+03",
    "685_230.15",
    "685_230,15",
    "1e",
    "e1",
    "0e0",
    ".inf",
    ".Inf",
    ".INF",
    "-.inf",
    "+.inf",
    "inf",
    "Inf",
    "INF",
    "-inf",
    "infinity",
    "Infinity",
    ".nan",
    ".NaN",
    ".NAN",
    "nan",
    "NaN",
    "0x1p-2",
    "0x1P2",
    "2027-03-31",
    "2027-3-1",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14T21:59:43Z",
    "2001-12-14 21:59:43.10 -5",
    "2001-12-15 2:59:43.10",
    "2002-12-14 ",
    "12-14",
    "=",
    "<<",
    "<",
    ">",
    "==",
    "a=b",
    "a: b",
    "a:b",
    "a:",
    ":",
    ":a",
    "a :b",
    "a : b",
    "::1",
    "2001:db8::/32",
    "::/0",
    "fd00::1/128",
    "10.0.0.0/8",
    "10.0.0.1",
    "0.0.0.0/0",
    "1.2",
    "1.2.3",
    "#",
    "#a",
    "a#",
    "a #",
    "a #b",
    "a#b",
    "-",
    "--",
    "---",
    "...",
    "- a",
    "-a",
    "--- a",
    "... a",
    "?",
    "? a",
    "?a",
    "*",
    "*a",
    "&",
    "&a",
    "!",
    "!a",
    "!!str a",
    "!has(a)",
    "|",
    "|-",
    ">-",
    "%",
    "%YAML 1.2",
    "@a",
    "`a`",
    "'",
    "''",
    "'a'",
    "\"",
    "\"a\"",
    "a'b",
    "a\"b",
    "\\",
    "a\\b",
    "\\n",
    "[",
    "]",
    "[]",
    "[a]",
    "{",
    "}",
    "{}",
    "{a: b}",
    "{a}",
    ",",
    ",a",
    "a,b",
    "a, b",
    "a]",
    "a}",
    "(a)",
    "(a) && b",
    "a || b",
    "has(a) && !has(b)",
    "a == \"b\"",
    "a in {\"b\", \"c\"}",
    "/a",
    "a/b",
    "~a",
    "~ a",
    "nullx",
    "yesx",
    "truely",
    "offset",
    "nano",
    "inform",
    "1a",
    "0a",
    "1z",
    "1Z",
    "1T",
    "1-",
    "1k",
    "3d",
    "1d",
    "1f",
    "12h",
    "5g",
    "\u{0}",
    "\u{1}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{c}",
    "\u{e}",
    "\u{1b}",
    "\u{1f}",
    "\u{7f}",
    "\u{80}",
    "\u{85}",
    "a\u{85}b",
    "\u{9f}",
    "\u{a0}",
    "a\u{a0}",
    "\u{ad}",
    "\u{2028}",
    "a\u{2028}b",
    "\u{2029}",
    "\u{feff}",
    "\u{feff}a",
    "\u{fffd}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{fdd0}",
    "\u{e000}",
    "\u{10000}",
    "😀",
    "\u{1ffff}",
    "\u{10ffff}",
    "é",
    "naïve: ja",
    "日本語",
    "e\u{301}",
    "\u{202e}",
    "\u{200b}",
];

fn document(text: &str) -> Value {
    json!({
        "value": text,
        "list": [text, [text, text], {"in": text}],
        "map": {text: {text: text}},
        "empty": [{}, []],
        "after": "the end",
    })
}

#[test]
fn tricky_strings_come_back() {
    for text in TRICKY {
        holds(&document(text));
    }
}

#[test]
fn long_strings_and_keys_come_back() {
    for length in [80, 255, 256, 257, 1023, 1024, 1025, 100_000] {
        holds(&document(&"a".repeat(length)));
        holds(&document(&"a b: #\n".repeat(length / 7 + 1)));
    }
}

#[test]
fn what_needs_no_quotes_has_none() {
    let plain = [
        "projectcalico.org/v3",
        "10.0.0.0/8",
        "2001:db8::/32",
        "a == \"b\" && has(c)",
        "app-policy",
        "it's",
        "a, b",
        "(a) || b",
    ];
    for text in plain {
        assert_eq!(yaml::to_string(text), format!("{text}\n"));
    }
}

#[test]
fn layout_is_kubectls() {
    let data = json!({
        "kind": "Tier",
        "spec": {"types": ["Ingress", "Egress"], "rules": [{"nets": ["10.0.0.0/8"], "ports": [80, "http"]}, {}], "none": null},
        "nested": [[1, 2], [[3], {"a": true}]],
    });
    let expected = "\
kind: Tier
spec:
  types:
  - Ingress
  - Egress
  rules:
  - nets:
    - 10.0.0.0/8
    ports:
    - 80
    - http
  - {}
  none: null
nested:
- - 1
  - 2
- - - 3
  - a: true
";
    assert_eq!(yaml::to_string(&data), expected);
    holds(&data);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_string_comes_back(text in any::<String>()) {
        holds(&document(&text));
    }

    #[test]
    fn strings_of_the_dangerous_characters_come_back(text in "[-+._:,#0-9a-fA-FxXoObBtTzZnyeE~=<>&|*!%@?'\"{}\\[\\] \t\n]{0,14}") {
        holds(&document(&text));
    }

    #[test]
    fn any_shape_comes_back(data in shape()) {
        holds(&data);
    }
}

fn shape() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[ -~]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[ -~]{0,5}", inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn holds(data: &Value) {
    let text = yaml::to_string(data);
    let read: Value =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(&read, data, "yaml_serde reads something else in\n{text}");
    let mut events = Parser::new_from_str(&text)
        .map(|event| event.unwrap_or_else(|error| panic!("{error} in\n{text}")).0);
    let read = loop {
        match events.next().expect("a document") {
            Event::StreamStart | Event::DocumentStart(_) => {}
            event => break node(event, &mut events),
        }
    };
    assert_eq!(&read, data, "saphyr reads something else in\n{text}");
}

/// A node as a reader of YAML 1.1 that follows the type repository makes it of the events.
fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, 0, None) => plain(&text),
        Event::Scalar(text, ScalarStyle::DoubleQuoted, 0, None) => Value::from(text.into_owned()),
        Event::SequenceStart(0, None) => {
            let mut items = Vec::new();
            loop {
                match events.next().expect("an item") {
                    Event::SequenceEnd => return Value::from(items),
                    event => items.push(node(event, events)),
                }
            }
        }
        Event::MappingStart(0, None) => {
            let mut map = serde_json::Map::new();
            loop {
                let key = match events.next().expect("a key") {
                    Event::MappingEnd => return Value::Object(map),
                    event => match node(event, events) {
                        Value::String(key) => key,
                        other => panic!("a key that is read as {other}"),
                    },
                };
                let event = events.next().expect("a value");
                let value = node(event, events);
                assert!(map.insert(key, value).is_none(), "a key comes twice");
            }
        }
        other => panic!("{other:?} is nothing that the writer writes"),
    }
}

/// The type repository of YAML 1.1, YAML 1.2's core schema, and what the readers of Go, Python and JavaScript add to them.
/// Integers and booleans as the writer writes them come back as such; whatever else is no string comes back as an oddity.
fn plain(text: &str) -> Value {
    let oddity = || json!({"not a string": text});
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return Value::from(number);
    }
    if let Ok(number) = text.parse::<u64>()
        && number.to_string() == text
    {
        return Value::from(number);
    }
    match text {
        "null" => return Value::Null,
        "true" => return Value::from(true),
        "false" => return Value::from(false),
        "" | "~" | "=" | "<<" => return oddity(),
        _ => {}
    }
    let lower = text.to_lowercase();
    if ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&lower.as_str()) {
        return oddity();
    }
    let unsigned = lower.strip_prefix(['-', '+']).unwrap_or(&lower);
    if ["inf", ".inf", "infinity", ".infinity", "nan", ".nan"].contains(&unsigned) {
        return oddity();
    }
    let bare: String = unsigned
        .chars()
        .filter(|char| !matches!(char, '_' | ','))
        .collect();
    let all = |text: &str, digits: &str| text.chars().all(|char| digits.contains(char));
    let hexadecimal = "0123456789abcdef.p+-";
    let number = ["0x", "0o", "0b"].iter().any(|prefix| {
        bare.strip_prefix(prefix)
            .is_some_and(|rest| all(rest, hexadecimal))
    });
    let starts = bare.starts_with(|char: char| char.is_ascii_digit() || char == '.');
    let decimal =
        starts && bare.contains(|char: char| char.is_ascii_digit()) && all(&bare, "0123456789.e+-");
    let sexagesimal = starts && all(&bare, "0123456789:.");
    let timestamp = starts && bare.contains('-') && all(&bare, "0123456789-:.tz+ \t");
    if number || decimal || sexagesimal || timestamp {
        return oddity();
    }
    Value::from(text)
}
