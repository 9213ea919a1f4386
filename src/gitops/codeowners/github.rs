//! CODEOWNERS as GitHub reads it, after "About code owners" of its documentation.
//!
//! Takes: the text, and the path of a file. Gives: whom GitHub asks. The last pattern that matches decides alone; one without owners
//! takes the path from everybody; a line that is not valid is skipped; a file of 3 MB or more is not read at all. Any one of the
//! owners of a line may agree. Paths are case-sensitive. Whether an owner exists and may write is not known here.

use super::gitignore::{Pattern, words};
use super::{Demand, is_mail};

/// A file of this size, in bytes, or more is not read: the documentation says "under 3 MB"; the smaller of the two readings of it.
pub const TOO_LARGE: usize = 3_000_000;

/// The rules, in the order of the file.
#[derive(Clone, Debug)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    owners: Vec<String>,
    line: u32,
}

impl Rules {
    /// Reads the text.
    pub fn read(text: &str) -> Self {
        if text.len() >= TOO_LARGE {
            return Rules(Vec::new());
        }
        let rules = text.lines().zip(1..).filter_map(|(text, line)| {
            let mut words = words(text).into_iter();
            let pattern = Pattern::read(&words.next()?)?;
            let owners: Vec<String> = words.collect();
            let valid = owners.iter().all(|owner| is_owner(owner));
            valid.then_some(Rule {
                pattern,
                owners,
                line,
            })
        });
        Rules(rules.collect())
    }

    /// Who is asked for a file; `None` if no rule speaks of it.
    pub fn demand(&self, path: &str) -> Option<Demand> {
        let rule = self.0.iter().rfind(|rule| rule.pattern.matches(path))?;
        Some(Demand {
            section: None,
            owners: rule.owners.clone(),
            approvals: 1,
            optional: false,
            line: rule.line,
        })
    }
}

/// `@user`, `@org/team`, or the mail address of an account.
pub(super) fn is_owner(word: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match word.strip_prefix('@') {
        Some(name) => match name.split_once('/') {
            Some((organization, team)) => part(organization) && part(team),
            None => part(name),
        },
        None => is_mail(word),
    }
}
