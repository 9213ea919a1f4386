//! CODEOWNERS: who must agree to a change of a file, in the dialect of each forge.
//!
//! Takes: the teams of a program and the [`Layout`] of its project in the repository. Gives: the text of the forge's CODEOWNERS
//! with the rules in a block of our own ([`block`]), and, of any CODEOWNERS, the answer of the forge ([`Rules`]).
//!
//! The two ways do not know each other. [`write`](write()) goes from [`Claims`], which say one owner for each path, to text; the readers
//! ([`github`], [`gitlab`], [`bitbucket`], [`gitea`]) are written after each forge's documentation and go from text to owners. The
//! tests bring them together: for every path, the reader of what was written gives the owners that the claims say.

pub mod bitbucket;
pub mod block;
mod claims;
pub mod gitea;
pub mod github;
mod gitignore;
pub mod gitlab;
mod write;

pub use claims::{Claim, Claims, Layout, Party, What, claims};
pub use write::write;

/// The forges whose CODEOWNERS can be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Forge {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// GitLab, Premium and Ultimate, 17.11 or later.
    Gitlab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Gitea and Forgejo.
    Gitea,
}

impl Forge {
    /// All of them.
    pub const ALL: [Forge; 4] = [Forge::Github, Forge::Gitlab, Forge::Bitbucket, Forge::Gitea];

    /// Its word in `vauban.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Forge::Github => "github",
            Forge::Gitlab => "gitlab",
            Forge::Bitbucket => "bitbucket",
            Forge::Gitea => "gitea",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Forge::Github => "GitHub",
            Forge::Gitlab => "GitLab",
            Forge::Bitbucket => "Bitbucket",
            Forge::Gitea => "Gitea",
        }
    }

    /// The file that is written, relative to the repository's root: the place that only this forge reads.
    pub fn place(self) -> &'static str {
        match self {
            Forge::Github => ".github/CODEOWNERS",
            Forge::Gitlab => ".gitlab/CODEOWNERS",
            Forge::Bitbucket => ".bitbucket/CODEOWNERS",
            Forge::Gitea => ".gitea/CODEOWNERS",
        }
    }

    /// The other places where it looks, and whether it looks there first. It reads one file only, so that of two one is never read.
    pub fn other_places(self) -> &'static [(&'static str, bool)] {
        match self {
            Forge::Github => &[("CODEOWNERS", false), ("docs/CODEOWNERS", false)],
            Forge::Gitlab => &[("CODEOWNERS", true), ("docs/CODEOWNERS", true)],
            Forge::Bitbucket => &[],
            // Which of `.gitea` and `.forgejo` Forgejo prefers is not documented: two files are too many either way.
            Forge::Gitea => &[
                ("CODEOWNERS", true),
                ("docs/CODEOWNERS", true),
                (".forgejo/CODEOWNERS", true),
            ],
        }
    }
}

/// What a forge asks for before a file may change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Demand {
    /// GitLab's section; absent for others and for the section without a name.
    pub section: Option<String>,
    /// Any of these may agree, as written, in order; nobody is asked if it is empty.
    pub owners: Vec<String>,
    /// How many of them must agree: 1 but for a section of GitLab that says more.
    pub approvals: u32,
    /// Whether it only asks and does not require.
    pub optional: bool,
    /// The line that says so, from 1.
    pub line: u32,
}

/// The rules of a CODEOWNERS, as its forge reads them.
#[derive(Clone, Debug)]
pub enum Rules {
    /// GitHub's.
    Github(github::Rules),
    /// GitLab's.
    Gitlab(gitlab::Rules),
    /// Bitbucket's.
    Bitbucket(bitbucket::Rules),
    /// Gitea's.
    Gitea(gitea::Rules),
}

impl Rules {
    /// Reads a CODEOWNERS. No text is refused: what a forge skips is skipped.
    pub fn read(forge: Forge, text: &str) -> Self {
        match forge {
            Forge::Github => Rules::Github(github::Rules::read(text)),
            Forge::Gitlab => Rules::Gitlab(gitlab::Rules::read(text)),
            Forge::Bitbucket => Rules::Bitbucket(bitbucket::Rules::read(text)),
            Forge::Gitea => Rules::Gitea(gitea::Rules::read(text)),
        }
    }

    /// What is demanded for a file, by its path relative to the repository's root, with `/`. All demands must be met; without any,
    /// nobody is asked.
    pub fn demands(&self, path: &str) -> Vec<Demand> {
        match self {
            Rules::Github(rules) => rules.demand(path).into_iter().collect(),
            Rules::Gitlab(rules) => rules.demands(path),
            Rules::Bitbucket(rules) => rules.demand(path).into_iter().collect(),
            Rules::Gitea(rules) => rules.demands(path),
        }
    }
}

/// Whether a word is a mail address, as far as a forge looks: something on both sides of one `@`, and a dot on the right.
fn is_mail(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !host.contains(['@', '/'])
            && !name.contains('/')
    })
}
