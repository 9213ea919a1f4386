//! CODEOWNERS as Gitea and Forgejo read it, after "Code Owners" of Gitea's documentation.
//!
//! Takes: the text, and the path of a file. Gives: whom Gitea asks. A rule is a regular expression on the whole path, `!` before it
//! turns it round, and all rules that match hold, each on its own: there is no order. In a line `\` takes the next character as it
//! is, so that the backslashes of an expression are doubled; `#` begins a comment. A line that is not valid is skipped. Owners are
//! `@user` and `@org/team`; mail addresses are not known to it.
//!
//! Expressions are Go's. What is used here to read them takes the same syntax and has the same answers, but for `\w`, `\d`, `\s` and
//! `\b` on letters that are not ASCII.

use regex::Regex;

use super::Demand;

/// The rules, in the order of the file.
#[derive(Clone, Debug)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    expression: Regex,
    negative: bool,
    owners: Vec<String>,
    line: u32,
}

impl Rules {
    /// Reads the text.
    pub fn read(text: &str) -> Self {
        let rules = text.lines().zip(1..).filter_map(|(text, line)| {
            let mut words = words(text).into_iter();
            let rule = words.next()?;
            let (negative, rule) = match rule.strip_prefix('!') {
                Some(rule) => (true, rule),
                None => (false, rule.as_str()),
            };
            let rule = rule.strip_prefix('/').unwrap_or(rule);
            // Not put into brackets, as there: `a|b` is `^a` or `b$`.
            let expression = Regex::new(&format!("^{rule}$")).ok()?;
            let owners: Vec<String> = words.filter(|word| is_owner(word)).collect();
            (!owners.is_empty()).then_some(Rule {
                expression,
                negative,
                owners,
                line,
            })
        });
        Rules(rules.collect())
    }

    /// What is asked for a file: one demand for each rule that matches.
    pub fn demands(&self, path: &str) -> Vec<Demand> {
        self.0
            .iter()
            .filter(|rule| rule.expression.is_match(path) != rule.negative)
            .map(|rule| Demand {
                section: None,
                owners: rule.owners.clone(),
                approvals: 1,
                optional: false,
                line: rule.line,
            })
            .collect()
    }
}

/// A line in words, with its escapes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut escaped = false;
    for char in line.trim().chars() {
        match char {
            char if escaped => {
                word.push(char);
                escaped = false;
            }
            '\\' => escaped = true,
            '#' => break,
            ' ' | '\t' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            char => word.push(char),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `@user` or `@org/team`; the `@` may be left out.
pub(super) fn is_owner(word: &str) -> bool {
    let name = word.strip_prefix('@').unwrap_or(word);
    let part = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match name.split_once('/') {
        Some((organization, team)) => part(organization) && part(team),
        None => part(name),
    }
}
