//! Words, bare where they may be and quoted where they must be.

use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use crate::syntax::ast::{Address, LabelValue, Path};

/// A string with its quotes.
pub(super) fn quoted(text: &str) -> SmolStr {
    if text.contains(['"', '\\']) {
        format_smolstr!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format_smolstr!("\"{text}\"")
    }
}

fn bare_if(bare: bool, text: &SmolStr) -> SmolStr {
    if bare { text.clone() } else { quoted(text) }
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// The name of a namespace; quoted, `same` is a namespace like any other.
pub(super) fn namespace(text: &SmolStr) -> SmolStr {
    let bytes = text.as_bytes();
    let bare = bytes
        .iter()
        .all(|byte| lower_or_digit(*byte) || *byte == b'-')
        && bytes.first().copied().is_some_and(lower_or_digit)
        && bytes.last().copied().is_some_and(lower_or_digit)
        && text != "same";
    bare_if(bare, text)
}

/// A namespace or a prefix of some.
pub(super) fn namespace_prefix(text: &SmolStr) -> SmolStr {
    let stem = text.strip_suffix('*').unwrap_or(text).as_bytes();
    let bare = stem.first().copied().is_some_and(lower_or_digit)
        && stem
            .iter()
            .all(|byte| lower_or_digit(*byte) || *byte == b'-');
    bare_if(bare, text)
}

/// A service account.
pub(super) fn account(text: &SmolStr) -> SmolStr {
    let bare = !text.is_empty()
        && text
            .bytes()
            .all(|byte| lower_or_digit(byte) || matches!(byte, b'-' | b'.'));
    bare_if(bare, text)
}

fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
}

/// The key of a label.
pub(super) fn label_key(text: &SmolStr) -> SmolStr {
    let first = text.bytes().next();
    let bare = first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().all(in_path)
        && !text.contains("//");
    bare_if(bare, text)
}

/// The value of a label, as it was written.
pub(super) fn label_value(value: &LabelValue) -> SmolStr {
    bare_if(!value.quoted, &value.text)
}

/// The folder of a team.
pub(super) fn folder(text: &SmolStr) -> SmolStr {
    let bare = !text.is_empty() && text.bytes().all(in_path) && !text.contains("//");
    bare_if(bare, text)
}

/// A ticket.
pub(super) fn ticket(text: &SmolStr) -> SmolStr {
    let first = text.bytes().next();
    let bare = first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
        && text
            .bytes()
            .all(|byte| in_path(byte) || matches!(byte, b'#' | b':'))
        && !text.contains("//")
        && !["because", "ticket", "until", "excuse"].contains(&text.as_str());
    bare_if(bare, text)
}

/// `std.dns.coredns`.
pub(super) fn path(path: &Path) -> SmolStr {
    match path.segments.as_slice() {
        [one] => one.value.clone(),
        segments => {
            let segments: Vec<&str> = segments
                .iter()
                .map(|segment| segment.value.as_str())
                .collect();
            segments.join(".").into()
        }
    }
}

/// An address in its shortest form.
pub(super) fn address(address: &Address) -> SmolStr {
    match address.prefix {
        Some(prefix) => format_smolstr!("{}/{prefix}", address.address),
        None => address.address.to_smolstr(),
    }
}

/// A namespace where it is declared: nothing there could be `same`.
pub(super) fn declared_namespace(text: &SmolStr) -> SmolStr {
    if text == "same" {
        text.clone()
    } else {
        namespace(text)
    }
}
