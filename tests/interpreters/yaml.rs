//! YAML as the Kubernetes API server reads it: events of an independent parser, scalars resolved by the rules of YAML 1.1 that
//! `sigs.k8s.io/yaml` follows, duplicate keys refused, and access that refuses fields nobody asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::Parsed;

/// A JSON value; maps keep their order.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map; keys are unique.
    Map(Vec<(String, Value)>),
}

/// The documents of a text.
pub fn documents(text: &str) -> Parsed<Vec<Value>> {
    enum Open {
        List(Vec<Value>),
        Map(Vec<(String, Value)>, Option<String>),
    }
    let mut done = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("not YAML: {error}"))?;
        let line = span.start.line();
        let value = match event {
            Event::Alias(_) => return Err(format!("line {line}: an alias")),
            Event::SequenceStart(_, None) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(_, None) => {
                stack.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(format!("line {line}: a tag"));
            }
            Event::SequenceEnd => match stack.pop() {
                Some(Open::List(list)) => Value::List(list),
                _ => return Err(format!("line {line}: a list that ends elsewhere")),
            },
            Event::MappingEnd => match stack.pop() {
                Some(Open::Map(map, None)) => Value::Map(map),
                _ => return Err(format!("line {line}: a map that ends elsewhere")),
            },
            Event::Scalar(_, _, _, Some(_)) => return Err(format!("line {line}: a tag")),
            Event::Scalar(text, ScalarStyle::Plain, _, None) => plain(&text),
            Event::Scalar(text, _, _, None) => Value::Text(text.into_owned()),
            _ => continue,
        };
        match stack.last_mut() {
            None => done.push(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key @ None)) => match value {
                Value::Text(text) if map.iter().any(|(known, _)| *known == text) => {
                    return Err(format!("line {line}: the key {text} twice"));
                }
                Value::Text(text) => *key = Some(text),
                other => return Err(format!("line {line}: the key {other:?} is no text")),
            },
            Some(Open::Map(map, key)) => {
                let key = key.take().expect("a key came before its value");
                map.push((key, value));
            }
        }
    }
    Ok(done)
}

/// The only document of a text.
pub fn document(text: &str) -> Parsed<Value> {
    let mut all = documents(text)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err("not exactly one document".to_owned()),
    }
}

/// A plain scalar by the rules of go-yaml v2.
fn plain(text: &str) -> Value {
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
        return Value::Text(text.to_owned());
    }
    let digits = text.replace('_', "");
    let (negative, body) = match digits.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let whole = if let Some(hex) = body.strip_prefix("0x").or(body.strip_prefix("0X")) {
        i64::from_str_radix(hex, 16).ok()
    } else if let Some(binary) = body.strip_prefix("0b").or(body.strip_prefix("0B")) {
        i64::from_str_radix(binary, 2).ok()
    } else if let Some(octal) = body.strip_prefix("0o").or(body.strip_prefix("0O")) {
        i64::from_str_radix(octal, 8).ok()
    } else if body.len() > 1 && body.starts_with('0') {
        i64::from_str_radix(body, 8).ok()
    } else if body.starts_with(|first: char| first.is_ascii_digit()) {
        body.parse().ok()
    } else {
        None
    };
    if let Some(whole) = whole {
        return Value::Int(if negative { -whole } else { whole });
    }
    let numeric = |c: char| c.is_ascii_digit() || ".eE+-".contains(c);
    if body.chars().all(numeric)
        && body.contains(|c: char| c.is_ascii_digit())
        && let Ok(number) = digits.parse::<f64>()
    {
        return Value::Float(number);
    }
    Value::Text(text.to_owned())
}

impl Value {
    /// It is a text.
    pub fn text(&self, at: &str) -> Parsed<&str> {
        match self {
            Value::Text(text) => Ok(text),
            other => Err(format!("{at}: {other:?} is no text")),
        }
    }

    /// It is a whole number.
    pub fn int(&self, at: &str) -> Parsed<i64> {
        match self {
            Value::Int(number) => Ok(*number),
            other => Err(format!("{at}: {other:?} is no whole number")),
        }
    }

    /// It is a number.
    pub fn number(&self, at: &str) -> Parsed<f64> {
        match self {
            Value::Int(number) => Ok(*number as f64),
            Value::Float(number) => Ok(*number),
            other => Err(format!("{at}: {other:?} is no number")),
        }
    }

    /// It is a boolean.
    pub fn boolean(&self, at: &str) -> Parsed<bool> {
        match self {
            Value::Bool(is) => Ok(*is),
            other => Err(format!("{at}: {other:?} is no boolean")),
        }
    }

    /// It is a list.
    pub fn list(&self, at: &str) -> Parsed<&[Value]> {
        match self {
            Value::List(list) => Ok(list),
            other => Err(format!("{at}: {other:?} is no list")),
        }
    }

    /// It is a list of texts.
    pub fn texts(&self, at: &str) -> Parsed<Vec<String>> {
        self.list(at)?
            .iter()
            .map(|item| item.text(at).map(str::to_owned))
            .collect()
    }

    /// It is a map from text to text.
    pub fn pairs(&self, at: &str) -> Parsed<Vec<(String, String)>> {
        match self {
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| {
                    Ok((key.clone(), value.text(&format!("{at}.{key}"))?.to_owned()))
                })
                .collect(),
            other => Err(format!("{at}: {other:?} is no map")),
        }
    }

    /// It is a map whose fields are asked for one by one.
    pub fn fields<'a>(&'a self, at: &str) -> Parsed<Fields<'a>> {
        match self {
            Value::Map(map) => Ok(Fields {
                at: at.to_owned(),
                map,
                asked: RefCell::default(),
            }),
            other => Err(format!("{at}: {other:?} is no map")),
        }
    }
}

/// The fields of a map. [`Fields::done`] refuses those that nobody asked for.
pub struct Fields<'a> {
    /// Where.
    pub at: String,
    map: &'a [(String, Value)],
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Fields<'a> {
    /// A field that may be absent.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.map
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// A field that must be there.
    pub fn need(&self, key: &str) -> Parsed<&'a Value> {
        self.get(key)
            .ok_or_else(|| format!("{}: no `{key}`", self.at))
    }

    /// The place of a field.
    pub fn place(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    /// A text that may be absent.
    pub fn text(&self, key: &str) -> Parsed<Option<&'a str>> {
        self.get(key)
            .map(|value| value.text(&self.place(key)))
            .transpose()
    }

    /// A list of maps; empty if absent.
    pub fn maps(&self, key: &str) -> Parsed<Vec<Fields<'a>>> {
        let at = self.place(key);
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        value
            .list(&at)?
            .iter()
            .enumerate()
            .map(|(index, item)| item.fields(&format!("{at}[{index}]")))
            .collect()
    }

    /// Refuses what nobody asked for.
    pub fn done(&self) -> Parsed<()> {
        let asked = self.asked.borrow();
        match self.map.iter().find(|(key, _)| !asked.contains(key)) {
            Some((key, _)) => Err(format!("{}: unknown field `{key}`", self.at)),
            None => Ok(()),
        }
    }
}

/// Name and namespace of an object, after its metadata have been checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Meta {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: Option<String>,
    /// `metadata.labels`
    pub labels: Vec<(String, String)>,
}

/// Reads and checks `metadata`.
pub fn metadata(object: &Fields<'_>, namespaced: bool) -> Parsed<Meta> {
    let fields = object.need("metadata")?.fields("metadata")?;
    let name = fields.need("name")?.text("metadata.name")?.to_owned();
    let subdomain = name.len() <= 253
        && name.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        });
    if !subdomain {
        return Err(format!("metadata.name: {name} is no DNS subdomain"));
    }
    let namespace = fields.text("namespace")?.map(str::to_owned);
    if namespaced != namespace.is_some() {
        return Err(format!("{name}: the namespace is {namespace:?}"));
    }
    let labels = match fields.get("labels") {
        Some(labels) => labels.pairs("metadata.labels")?,
        None => Vec::new(),
    };
    for (key, value) in &labels {
        super::labels::check_key(key)?;
        super::labels::check_value(value)?;
    }
    let mut size = 0;
    if let Some(annotations) = fields.get("annotations") {
        for (key, value) in annotations.pairs("metadata.annotations")? {
            super::labels::check_key(&key)?;
            size += key.len() + value.len();
        }
    }
    if size > 256 * 1024 {
        return Err(format!("{name}: annotations of {size} bytes"));
    }
    fields.done()?;
    Ok(Meta {
        name,
        namespace,
        labels,
    })
}
