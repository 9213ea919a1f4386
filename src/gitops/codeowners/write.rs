//! Claims to rules, in the dialect of each forge.
//!
//! Takes: [`Claims`]. Gives: the lines of our block, general before special. Knows nothing of the file around it.

use std::collections::BTreeSet;
use std::fmt::Write;

use minijinja::{Environment, context};

use super::claims::is_below;
use super::{Claim, Claims, Forge, Party, What};

/// What GitLab's sections are named, before the party's name: so that no section of somebody else is one with ours.
pub(super) const SECTION: &str = "vauban ";

/// The rules with the comment that explains them; every line ends in a line break.
pub fn write(forge: Forge, claims: &Claims) -> String {
    let header = Environment::new()
        .render_str(
            include_str!("header.txt"),
            context! { forge => forge.word() },
        )
        .expect("the template is ours, and so is what is filled in");
    let rules = match forge {
        Forge::Github | Forge::Bitbucket => one_after_the_other(claims),
        Forge::Gitlab => in_sections(claims),
        Forge::Gitea => apart(claims),
    };
    format!("{}\n{rules}", header.trim_end())
}

fn owners(party: &Party) -> String {
    party.owners.join(" ")
}

/// The last match decides: what contains another comes before it.
fn one_after_the_other(claims: &Claims) -> String {
    let mut text = String::new();
    for claim in &claims.claims {
        let owners = owners(&claims.parties[claim.party]);
        writeln!(text, "{} {owners}", pattern(claim)).expect("a string takes everything");
    }
    text
}

/// A section for each party, since each has its own number of approvals and all of them are enforced; what another has inside of a
/// party's folder is taken out of its section.
fn in_sections(claims: &Claims) -> String {
    let mut text = String::new();
    for (at, party) in claims.parties.iter().enumerate() {
        let own: Vec<&Claim> = claims.claims.iter().filter(|c| c.party == at).collect();
        if own.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let approvals = match party.approvals {
            0 | 1 => String::new(),
            more => format!("[{more}]"),
        };
        let mut line = |text_line: String| {
            text.push_str(&text_line);
            text.push('\n');
        };
        line(format!(
            "[{SECTION}{}]{approvals} {}",
            party.name,
            owners(party)
        ));
        for claim in &own {
            line(pattern(claim));
        }
        for other in claims.claims.iter().filter(|c| c.party != at) {
            if own
                .iter()
                .any(|claim| claim.what == What::Folder && is_below(&other.path, &claim.path))
            {
                line(format!("!{}", pattern(other)));
            }
        }
    }
    text
}

fn pattern(claim: &Claim) -> String {
    match claim.what {
        What::Folder if claim.path.is_empty() => "*".to_owned(),
        What::Folder => format!("/{}/", claim.path),
        What::File => format!("/{}", claim.path),
    }
}

/// All matches hold: no two rules may match one path, so that a folder's rule spells out that it does not go into what others have in it.
fn apart(claims: &Claims) -> String {
    let mut text = String::new();
    for claim in &claims.claims {
        let rule = match claim.what {
            What::File => escaped(&claim.path),
            What::Folder => {
                let prefix = match claim.path.as_str() {
                    "" => String::new(),
                    path => format!("{path}/"),
                };
                let holes: BTreeSet<String> = claims
                    .claims
                    .iter()
                    .filter(|other| {
                        other.party != claim.party && is_below(&other.path, &claim.path)
                    })
                    .filter_map(|other| {
                        let inner = other.path.strip_prefix(&prefix)?;
                        Some(match other.what {
                            What::Folder => format!("{inner}/"),
                            What::File => inner.to_owned(),
                        })
                    })
                    .collect();
                let rest = if holes.is_empty() {
                    ".*".to_owned()
                } else {
                    beginning_with_none(&holes)
                };
                format!("{}{rest}", escaped(&prefix))
            }
        };
        let owners = owners(&claims.parties[claim.party]);
        writeln!(text, "{rule} {owners}").expect("a string takes everything");
    }
    text
}

/// An expression for all texts that begin with none of the words, which Go's expressions cannot say shorter: a text leaves the words
/// after some beginning of one of them, or ends there.
fn beginning_with_none(words: &BTreeSet<String>) -> String {
    let beginnings: BTreeSet<&str> = words
        .iter()
        .flat_map(|word| (0..word.len()).map(|end| &word[..end]))
        .filter(|beginning| !words.iter().any(|word| beginning.starts_with(word)))
        .collect();
    let ways: Vec<String> = beginnings
        .iter()
        .map(|beginning| {
            let mut next: Vec<char> = words
                .iter()
                .filter_map(|word| word.strip_prefix(beginning)?.chars().next())
                .collect();
            // In brackets a hyphen is itself only at the end.
            next.sort_unstable_by_key(|c| (*c == '-', *c));
            next.dedup();
            let next: String = next.into_iter().collect();
            format!("{}([^{next}].*)?", escaped(beginning))
        })
        .collect();
    format!("({})", ways.join("|"))
}

/// A path as an expression in a line: a dot is escaped for the expression, and its backslash for the line.
fn escaped(path: &str) -> String {
    path.replace('.', "\\\\.")
}
