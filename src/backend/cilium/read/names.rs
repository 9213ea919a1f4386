//! DNS names: patterns, and whether the names of a rule are ever learned.
//!
//! An address gets a name only from an answer that passed the agent's DNS proxy on its way to the pod. So a name of `toFQDNs` matches addresses only if some
//! rule for the same pods lets the name through the proxy; where no rule certainly does, what the name matches is not decided.

use smol_str::{SmolStr, ToSmolStr};

use crate::backend::read::document::{Fields, invalid};
use crate::diagnostic::Diagnostics;

/// A pattern of names: lower case, without the last dot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Pattern {
    /// Every name.
    All,
    /// One name.
    Name(SmolStr),
    /// `*.rest`: one label before it.
    Label(SmolStr),
    /// `**.rest`: one label or more before it (since 1.19; before, it is one).
    Labels(SmolStr),
    /// Anything else; `*` never crosses a dot.
    Other(SmolStr),
}

/// Reads an item of `toFQDNs` or of `rules.dns`.
pub(super) fn read(
    mut fields: Fields<'_>,
    version: (u16, u16),
    diagnostics: &mut Diagnostics,
) -> Option<Pattern> {
    let span = fields.span;
    let path = fields.path.clone();
    let name = fields.text("matchName", diagnostics);
    let pattern = fields.text("matchPattern", diagnostics);
    fields.finish(diagnostics);
    let mut refuse = |why: String| {
        diagnostics.push(invalid(span, format!("{path}: {why}")));
        None
    };
    let (text, stars) = match (name, pattern) {
        (Some(name), None) => (name, false),
        (None, Some(pattern)) => (pattern, true),
        (Some(_), Some(_)) => {
            return refuse(
                "only one of MatchName or MatchPattern is allowed in an FQDNSelector".to_owned(),
            );
        }
        (None, None) => {
            return refuse("one of matchName and matchPattern is required".to_owned());
        }
    };
    if !is_written_right(text, stars) {
        let field = if stars { "MatchPattern" } else { "MatchName" };
        return refuse(format!("Invalid characters in {field}: \"{text}\""));
    }
    Some(Pattern::of(text, version))
}

/// `^([-a-zA-Z0-9_]+[.]?)+$`, with `*` among the characters of a pattern, and at most 255 of them.
fn is_written_right(text: &str, stars: bool) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 255
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || stars && byte == b'*'
                })
        })
}

impl Pattern {
    fn of(text: &str, version: (u16, u16)) -> Pattern {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        let rest = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            (!rest.is_empty() && !rest.contains('*')).then(|| rest.to_smolstr())
        };
        if text == "*" || text == "**" {
            Pattern::All
        } else if !text.contains('*') {
            Pattern::Name(text.into())
        } else if let Some(rest) = rest("*.") {
            Pattern::Label(rest)
        } else if let Some(rest) = rest("**.") {
            if version >= (1, 19) {
                Pattern::Labels(rest)
            } else {
                Pattern::Label(rest)
            }
        } else {
            Pattern::Other(text.into())
        }
    }

    /// The name in the notation of programs, if that says the same.
    pub(super) fn notation(&self) -> Option<SmolStr> {
        match self {
            Pattern::Name(name) => Some(name.clone()),
            Pattern::Label(rest) => Some(format!("*.{rest}").into()),
            Pattern::Labels(rest) => Some(format!("**.{rest}").into()),
            Pattern::All | Pattern::Other(_) => None,
        }
    }

    /// Whether every name of another pattern certainly is one of this.
    pub(super) fn covers(&self, other: &Pattern) -> bool {
        let below = |rest: &SmolStr, name: &SmolStr, itself: bool| {
            itself && name == rest
                || name
                    .strip_suffix(rest.as_str())
                    .is_some_and(|front| front.ends_with('.'))
        };
        match (self, other) {
            (Pattern::All, _) => true,
            (Pattern::Labels(rest), Pattern::Name(name)) => below(rest, name, false),
            (Pattern::Labels(rest), Pattern::Label(name) | Pattern::Labels(name)) => {
                below(rest, name, true)
            }
            (Pattern::Label(rest), Pattern::Name(name)) => name
                .split_once('.')
                .is_some_and(|(_, after)| after == rest.as_str()),
            (Pattern::Other(pattern), Pattern::Name(name)) => {
                glob(pattern.as_bytes(), name.as_bytes())
            }
            _ => self == other,
        }
    }
}

/// Whether a name is one of a pattern without the prefix `**.`: each `*` is any number of characters that are no dot. The pattern is walked
/// with the last star to go back to, so that many stars take no longer than the product of the lengths.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((from, taken)) if name[taken] != b'.' => {
                    star = Some((from, taken + 1));
                    at = from + 1;
                    seen = taken + 1;
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, other: &str) -> bool {
        Pattern::of(pattern, (1, 19)).covers(&Pattern::of(other, (1, 19)))
    }

    #[test]
    fn patterns_cover_names_as_the_documents_say() {
        for (pattern, name) in [
            ("*.cilium.io", "www.cilium.io"),
            ("*cilium.io", "cilium.io"),
            ("*cilium.io", "subcilium.io"),
            ("sub*.cilium.io", "sub.cilium.io"),
            ("**.cilium.io", "test.app.cilium.io"),
            ("**.cilium.io", "*.app.cilium.io"),
            ("*", "**.cilium.io"),
            ("Cilium.IO.", "cilium.io"),
            ("a*b*c.io", "axxbxxc.io"),
        ] {
            assert!(covers(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.cilium.io", "cilium.io"),
            ("*.cilium.io", "a.b.cilium.io"),
            ("*cilium.io", "www.cilium.io"),
            ("**.cilium.io", "cilium.io"),
            ("*.cilium.io", "**.cilium.io"),
            ("a*b*c.io", "axxbx.xc.io"),
        ] {
            assert!(!covers(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn two_stars_are_one_before_they_meant_more() {
        let old = Pattern::of("**.cilium.io", (1, 18));
        assert_eq!(old.notation().as_deref(), Some("*.cilium.io"));
    }
}
