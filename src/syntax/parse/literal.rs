//! Names, strings, numbers, addresses and dates.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::{Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::ast;
use crate::syntax::grammar::Rule;

impl Reader<'_> {
    /// A pair whose text is its value.
    pub(super) fn name(&mut self, node: Node<'_>) -> Option<ast::Name> {
        Some(Spanned::new(SmolStr::new(node.as_str()), self.exact(&node)))
    }

    /// A pair whose text is its value, bare or in quotes.
    pub(super) fn bare_or_quoted(&mut self, node: Node<'_>) -> Option<ast::Name> {
        if node.as_str().starts_with('"') {
            self.string(node)
        } else {
            self.name(node)
        }
    }

    /// The place of a pair that is one word.
    pub(super) fn exact(&self, node: &Node<'_>) -> Span {
        let span = node.as_span();
        Span::new(
            self.source.id,
            self.base + span.start(),
            self.base + span.end(),
        )
    }

    pub(super) fn path(&mut self, node: Node<'_>) -> Option<ast::Path> {
        let span = self.exact(&node);
        let segments = node
            .into_inner()
            .map(|segment| Spanned::new(SmolStr::new(segment.as_str()), self.exact(&segment)))
            .collect();
        Some(ast::Path { segments, span })
    }

    pub(super) fn string(&mut self, node: Node<'_>) -> Option<Spanned<SmolStr>> {
        let span = self.exact(&node);
        let written = node.as_str();
        let mut text = String::with_capacity(written.len());
        let mut closed = false;
        let mut good = true;
        let mut chars = written.char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => closed = true,
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => {
                        let start = span.start as usize + at;
                        let place = Span::new(self.source.id, start, start + 1 + other.len_utf8());
                        self.report(
                            Diagnostic::error("bad-escape", format!("`\\{other}` is no escape"))
                                .at(place, "not an escape")
                                .help(
                                    "write `\\\\` for a backslash; `\\\"` is the only other escape",
                                ),
                        );
                        good = false;
                    }
                    None => {}
                },
                other => text.push(other),
            }
        }
        if !closed {
            self.unterminated = true;
            self.report(
                Diagnostic::error("unterminated-string", "a string does not end on its line")
                    .at(span, "no `\"` after this")
                    .help("close it with `\"`"),
            );
            return None;
        }
        good.then(|| Spanned::new(text.into(), span))
    }

    pub(super) fn number(&mut self, node: Node<'_>) -> Option<Spanned<u32>> {
        let span = self.exact(&node);
        let value = self.decimal(node.as_str(), span)?;
        Some(Spanned::new(value, span))
    }

    /// A number that fits; how large it may be where it stands is looked at later.
    pub(super) fn decimal(&mut self, text: &str, span: Span) -> Option<u32> {
        let value = text.parse().ok();
        if value.is_none() {
            self.report(
                Diagnostic::error(
                    "bad-number",
                    format!("`{text}` is larger than any number here"),
                )
                .at(span, "too large"),
            );
        }
        value
    }

    pub(super) fn address(&mut self, node: Node<'_>) -> Option<ast::Address> {
        let span = self.exact(&node);
        let text = node.as_str();
        let (host, length) = match text.split_once('/') {
            Some((host, length)) => (host, Some(length)),
            None => (text, None),
        };
        let Ok(address) = host.parse::<IpAddr>() else {
            let kind = if host.contains(':') { "IPv6" } else { "IPv4" };
            self.report(
                Diagnostic::error("bad-address", format!("`{text}` is no {kind} address"))
                    .at(span, "no address"),
            );
            return None;
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match length {
            None => None,
            Some(length) => {
                let canonical = length.len() == 1 || !length.starts_with('0');
                match length.parse::<u8>() {
                    Ok(bits) if bits <= most && canonical => Some(bits),
                    _ => {
                        let start = span.start as usize + host.len();
                        self.report(
                            Diagnostic::error(
                                "bad-address",
                                format!("`/{length}` is no length of a prefix of `{host}`"),
                            )
                            .at(
                                Span::new(self.source.id, start, span.end as usize),
                                format!("not from 0 to {most}"),
                            ),
                        );
                        return None;
                    }
                }
            }
        };
        Some(ast::Address {
            address,
            prefix,
            span,
        })
    }

    pub(super) fn date(&mut self, node: Node<'_>) -> Option<Spanned<time::Date>> {
        let span = self.exact(&node);
        let text = node.as_str();
        let date = read_date(text);
        if date.is_none() {
            self.report(
                Diagnostic::error("bad-date", format!("`{text}` is no day of the calendar"))
                    .at(span, "no such day")
                    .help("write a date as `2027-03-31`: year, month, day"),
            );
        }
        date.map(|date| Spanned::new(date, span))
    }

    pub(super) fn label_value(&mut self, node: Node<'_>) -> Option<ast::LabelValue> {
        debug_assert_eq!(node.as_rule(), Rule::label_value);
        let quoted = node.as_str().starts_with('"');
        let Spanned { value: text, span } = self.bare_or_quoted(node)?;
        Some(ast::LabelValue { text, quoted, span })
    }
}

fn read_date(text: &str) -> Option<time::Date> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        parts
            .next()
            .filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_some() {
        return None;
    }
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}
