//! CODEOWNERS as Bitbucket Cloud reads it, after "Set up and use code owners" of its documentation.
//!
//! Takes: the text, and the path of a file. Gives: whom Bitbucket suggests as reviewers; it enforces nothing by itself. The patterns
//! are those of `.gitignore` without `!`, `[ ]` and `\#`; comments may stand behind a rule; the last pattern that matches decides, as
//! in `.gitignore` (the documentation of Bitbucket Data Center says so in words). Owners are mail addresses, `@user`,
//! `@workspace/group` and `@teams/name`, also with `:all`, `:random(2)` or `:least_busy(2)`. A line without owners is not a rule.
//!
//! Bitbucket Data Center reads the same file with the patterns of its branch permissions; that is another dialect.

use super::gitignore::{Pattern, words};
use super::{Demand, is_mail};

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
        let rules = text.lines().zip(1..).filter_map(|(text, line)| {
            let mut words = words(text).into_iter();
            let pattern = Pattern::read(&words.next()?)?;
            let owners: Vec<String> = words.filter(|word| is_owner(word)).collect();
            (!owners.is_empty()).then_some(Rule {
                pattern,
                owners,
                line,
            })
        });
        Rules(rules.collect())
    }

    /// Who is suggested for a file; `None` if no rule speaks of it.
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

/// `@user`, `@workspace/group`, `@teams/name`, perhaps with a choice among its members, or a mail address.
pub(super) fn is_owner(word: &str) -> bool {
    let (who, choice) = word.split_once(':').unwrap_or((word, "all"));
    let counted = |name: &str| {
        choice
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'))
            .is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 0))
    };
    let part = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let known = match who.strip_prefix('@') {
        Some(name) => match name.split_once('/') {
            Some((workspace, group)) => part(workspace) && part(group),
            None => part(name),
        },
        None => is_mail(who),
    };
    known && (choice == "all" || counted("random") || counted("least_busy"))
}
