//! Data to YAML text that every reader of Kubernetes takes for the same data.
//!
//! Takes: what serde can serialize, as far as manifests need it (maps, structs, sequences, strings, integers, booleans, null).
//! Gives: block style, two spaces, sequences at the column of their key as `kubectl` writes them; the same bytes for the same data.
//! Knows nothing of the kinds.
//!
//! Exactness: a scalar is plain only if neither YAML 1.1 nor YAML 1.2 can read it as anything but that string; everything
//! else stands in double quotes, on one line. The usual emitters write `on`, `y`, `1_000`, `0O17` or `=` plain, which
//! Kubernetes' reader (YAML 1.1) takes for booleans, numbers and worse.

use std::fmt;
use std::fmt::Write as _;

use serde::ser::{self, Impossible, Serialize};

/// One document, ending in a line break.
///
/// # Panics
/// If the data holds what manifests never hold: floats, bytes, tuple and struct variants, or a key that is no scalar.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = String::with_capacity(1024);
    value
        .serialize(Node {
            out: &mut out,
            place: Place::Document,
        })
        .expect("manifests hold maps, sequences, strings, integers, booleans and null only");
    // As many texts stand side by side as there are objects.
    out.shrink_to_fit();
    out
}

/// What the data may not hold.
#[derive(Debug)]
struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Unsupported(message.to_string())
    }
}

/// Where a node begins, and the column of what it belongs to.
#[derive(Clone, Copy)]
enum Place {
    /// At the start of the document.
    Document,
    /// After `key:`; the key stands at the column.
    Value(usize),
    /// After `- `; the dash stands at the column.
    Item(usize),
}

struct Node<'a> {
    out: &'a mut String,
    place: Place,
}

impl Node<'_> {
    fn scalar(self, write: impl FnOnce(&mut String)) -> Result<(), Unsupported> {
        if let Place::Value(_) = self.place {
            self.out.push(' ');
        }
        write(self.out);
        self.out.push('\n');
        Ok(())
    }

    fn integer(self, number: impl fmt::Display) -> Result<(), Unsupported> {
        self.scalar(|out| write!(out, "{number}").expect("a string takes all text"))
    }
}

/// A map or a sequence of which some entries may be written.
struct Collection<'a> {
    out: &'a mut String,
    place: Place,
    column: usize,
    begun: bool,
}

impl<'a> Collection<'a> {
    fn new(node: Node<'a>, of_maps: bool) -> Self {
        let column = match node.place {
            Place::Document => 0,
            Place::Value(column) if of_maps => column + 2,
            Place::Value(column) => column,
            Place::Item(column) => column + 2,
        };
        Collection {
            out: node.out,
            place: node.place,
            column,
            begun: false,
        }
    }

    /// Goes to the column of the next entry.
    fn step(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            match self.place {
                Place::Document | Place::Item(_) => return,
                Place::Value(_) => self.out.push('\n'),
            }
        }
        indent(self.out, self.column);
    }

    fn close(self, empty: &str) -> Result<(), Unsupported> {
        if self.begun {
            return Ok(());
        }
        Node {
            out: self.out,
            place: self.place,
        }
        .scalar(|out| out.push_str(empty))
    }

    fn key(&mut self, key: &str) {
        self.step();
        // A key that is read without looking ahead may have 1024 characters; longer ones are said to be keys.
        if key.len() > 256 {
            self.out.push_str("? ");
            scalar(self.out, key);
            self.out.push('\n');
            indent(self.out, self.column);
        } else {
            scalar(self.out, key);
        }
        self.out.push(':');
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        value.serialize(Node {
            out: self.out,
            place: Place::Value(self.column),
        })
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.step();
        self.out.push_str("- ");
        value.serialize(Node {
            out: self.out,
            place: Place::Item(self.column),
        })
    }
}

fn indent(out: &mut String, column: usize) {
    const BLANKS: &str = "                                ";
    let mut left = column;
    while left > 0 {
        let some = left.min(BLANKS.len());
        out.push_str(&BLANKS[..some]);
        left -= some;
    }
}

impl<'a> ser::Serializer for Node<'a> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Collection<'a>;
    type SerializeTuple = Collection<'a>;
    type SerializeTupleStruct = Collection<'a>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeMap = Collection<'a>;
    type SerializeStruct = Collection<'a>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    fn serialize_bool(self, value: bool) -> Result<(), Unsupported> {
        self.scalar(|out| out.push_str(if value { "true" } else { "false" }))
    }
    fn serialize_i8(self, value: i8) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_i16(self, value: i16) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_i32(self, value: i32) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_i64(self, value: i64) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_u16(self, value: u16) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_u32(self, value: u32) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_u64(self, value: u64) -> Result<(), Unsupported> {
        self.integer(value)
    }
    fn serialize_f32(self, _: f32) -> Result<(), Unsupported> {
        Err(Unsupported("a float".to_owned()))
    }
    fn serialize_f64(self, _: f64) -> Result<(), Unsupported> {
        Err(Unsupported("a float".to_owned()))
    }
    fn serialize_char(self, value: char) -> Result<(), Unsupported> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<(), Unsupported> {
        self.scalar(|out| scalar(out, value))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unsupported> {
        Err(Unsupported("bytes".to_owned()))
    }
    fn serialize_none(self) -> Result<(), Unsupported> {
        self.scalar(|out| out.push_str("null"))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Unsupported> {
        self.serialize_none()
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        self.serialize_none()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unsupported> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        let mut map = Collection::new(self, true);
        map.key(variant);
        map.value(value)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Collection<'a>, Unsupported> {
        Ok(Collection::new(self, false))
    }
    fn serialize_tuple(self, _: usize) -> Result<Collection<'a>, Unsupported> {
        Ok(Collection::new(self, false))
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Collection<'a>, Unsupported> {
        Ok(Collection::new(self, false))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported("a tuple variant".to_owned()))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Collection<'a>, Unsupported> {
        Ok(Collection::new(self, true))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Collection<'a>, Unsupported> {
        Ok(Collection::new(self, true))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported("a struct variant".to_owned()))
    }
}

impl ser::SerializeSeq for Collection<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.item(value)
    }
    fn end(self) -> Result<(), Unsupported> {
        self.close("[]")
    }
}

impl ser::SerializeTuple for Collection<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.item(value)
    }
    fn end(self) -> Result<(), Unsupported> {
        self.close("[]")
    }
}

impl ser::SerializeTupleStruct for Collection<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.item(value)
    }
    fn end(self) -> Result<(), Unsupported> {
        self.close("[]")
    }
}

impl ser::SerializeMap for Collection<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsupported> {
        let key = key.serialize(Key)?;
        self.key(&key);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.value(value)
    }
    fn end(self) -> Result<(), Unsupported> {
        self.close("{}")
    }
}

impl ser::SerializeStruct for Collection<'_> {
    type Ok = ();
    type Error = Unsupported;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.key(key);
        self.value(value)
    }
    fn end(self) -> Result<(), Unsupported> {
        self.close("{}")
    }
}

/// Keys of maps: strings, as every field name of Kubernetes is one.
struct Key;

macro_rules! no_key {
    ($($method:ident($($kind:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $kind),*) -> Result<$ok, Unsupported> {
            Err(Unsupported("a key that is no string".to_owned()))
        }
    )*};
}

impl ser::Serializer for Key {
    type Ok = String;
    type Error = Unsupported;
    type SerializeSeq = Impossible<String, Unsupported>;
    type SerializeTuple = Impossible<String, Unsupported>;
    type SerializeTupleStruct = Impossible<String, Unsupported>;
    type SerializeTupleVariant = Impossible<String, Unsupported>;
    type SerializeMap = Impossible<String, Unsupported>;
    type SerializeStruct = Impossible<String, Unsupported>;
    type SerializeStructVariant = Impossible<String, Unsupported>;

    fn serialize_str(self, value: &str) -> Result<String, Unsupported> {
        Ok(value.to_owned())
    }
    fn serialize_char(self, value: char) -> Result<String, Unsupported> {
        Ok(value.to_string())
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, Unsupported> {
        Ok(variant.to_owned())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, Unsupported> {
        value.serialize(self)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, Unsupported> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, Unsupported> {
        Err(Unsupported("a key that is no string".to_owned()))
    }
    no_key! {
        serialize_bool(bool) -> String;
        serialize_i8(i8) -> String;
        serialize_i16(i16) -> String;
        serialize_i32(i32) -> String;
        serialize_i64(i64) -> String;
        serialize_u8(u8) -> String;
        serialize_u16(u16) -> String;
        serialize_u32(u32) -> String;
        serialize_u64(u64) -> String;
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

fn scalar(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(out, text);
    }
}

/// Whether no reader can take the text, written plain in block style, for anything but this string.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if matches!(last, b' ' | b':') {
        return false;
    }
    // Printable ASCII on one line, no `: ` (a key) and no ` #` (a comment).
    let mut before = 0;
    for &byte in bytes {
        if !(0x20..0x7f).contains(&byte)
            || byte == b' ' && before == b':'
            || byte == b'#' && before == b' '
        {
            return false;
        }
        before = byte;
    }
    match first {
        b'a'..=b'z' | b'A'..=b'Z' => !is_reserved_word(text),
        b'/' | b'(' => true,
        // Every number (binary, octal, hexadecimal, sexagesimal, with `_` or `,`), date and time is made of these alone.
        b'0'..=b'9' => bytes.iter().any(|byte| {
            !matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'o' | b'O' | b'x' | b'X' | b'p' | b'P')
                && !matches!(byte, b'_' | b'.' | b',' | b':' | b'+' | b'-' | b' ' | b't' | b'T' | b'z' | b'Z')
        }),
        // Indicators, signs, `.inf`, `~`, `=`, `<<`, markers of documents.
        _ => false,
    }
}

/// The words that stand for null, booleans and numbers in YAML 1.1, YAML 1.2 or a reader that is more generous than both.
fn is_reserved_word(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity",
    ];
    text.len() <= 8 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut written = 0;
    for (at, char) in text.char_indices() {
        let code = u32::from(char);
        let literal = match code {
            0x22 | 0x5c => false,
            0x20..=0x7e => true,
            0xa1..=0x2027 | 0x202a..=0xd7ff | 0xe000..=0xfdcf => true,
            0xfdf0..=0xfefe | 0xff00..=0xfffd => true,
            _ => false,
        };
        if literal {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + char.len_utf8();
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => {
                let escape = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                escape.expect("a string takes all text");
            }
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}
