//! One page of HTML about everything that decides on a cluster.
//!
//! Takes: a [`Side`], what was proved of it and what was found. Gives: a page that needs no network, and no script to be read whole; a browser is told to load
//! and send nothing. Every word that is not ours is escaped by the template, and none of it stands in a script, a style or an address.

mod anchors;
mod board;
mod lists;
mod policies;
mod seal;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, UndefinedBehavior, Value};
use serde::Serialize;
use time::Date;

use crate::analyze::{Origin, Side};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::render::Report;
use crate::meaning::ordered;
use crate::model::{Action, Policy, PolicyId, Program, Rule, TierId};
use crate::prove::Proved;
use crate::source::Span;
use crate::space::Direction;
use anchors::Anchors;

/// How every page begins: a file that does not is not ours.
pub const MARK: &str = "<!doctype html>\n<!-- vauban show -->\n";

const TEMPLATE: &str = include_str!("page.html.jinja");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// So many policies are written out with their rules; of the others the board has the names.
const POLICIES: usize = 2_000;

/// The same for rules: no policy is begun after so many.
const RULES: usize = 20_000;

/// So many policies have a card on the board; the others are counted.
const CARDS: usize = 10_000;

/// A page of so few policies shows their rules from the start.
const OPEN: usize = 30;

/// The characters after which a text is cut: a rule may have ten thousand addresses.
const LONGEST: usize = 600;

/// What a page is about.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// What decides on the day: a rule whose `until` is past is not in it.
    pub side: &'a Side,
    /// The day, UTC: the ends of rules are counted from it.
    pub today: Date,
    /// What was proved, if something was.
    pub proved: Option<&'a Proved>,
    /// What was found that is no error.
    pub findings: &'a [Diagnostic],
    /// Who reaches whom; nothing where that was not asked.
    pub reach: Option<Picture>,
    /// The team whose policies alone are shown.
    pub team: Option<&'a str>,
}

/// Who reaches whom.
#[derive(Clone, Debug)]
pub enum Picture {
    /// Drawn.
    Drawn {
        /// An SVG that our own code has made: it is not escaped.
        svg: String,
        /// The same as text.
        text: String,
        /// What was taken to be so, one sentence each.
        assumed: Vec<String>,
    },
    /// Left out, for a reason: a sentence.
    LeftOut(String),
}

/// [`Picture`] as the template takes it.
#[derive(Serialize)]
struct Drawing {
    svg: Value,
    text: String,
    assumed: Vec<String>,
    left_out: String,
}

/// Everything that the template shows.
#[derive(Serialize)]
struct View {
    seal: String,
    heading: String,
    title: String,
    of_project: bool,
    target: String,
    cluster: String,
    today: String,
    team: Option<String>,
    left_out: Vec<String>,
    tiles: Vec<lists::Tile>,
    columns: Vec<board::Column>,
    chapters: Vec<policies::Chapter>,
    open: bool,
    teams: Vec<lists::Team>,
    endings: Vec<lists::Ends>,
    staged: Vec<lists::Staged>,
    claims: Vec<lists::Claims>,
    asked: bool,
    findings: Vec<lists::Finding>,
    raws: Vec<lists::Raw>,
    unread: Vec<lists::Unread>,
    facts: Vec<lists::Fact>,
    namespaces: Vec<lists::Namespace>,
    closed: bool,
    universe: String,
    assumed: Vec<String>,
    reach: Option<Drawing>,
}

/// A policy, wherever it is named.
#[derive(Clone, Serialize)]
struct Name {
    /// `books.both`, or the object.
    name: String,
    /// Where it is written out, if it is.
    anchor: Option<String>,
    team: Option<Team>,
}

/// A team, wherever it is named.
#[derive(Clone, Serialize)]
struct Team {
    name: String,
    /// Which of the colors; several teams may have one.
    hue: usize,
}

/// The last day of a rule.
#[derive(Clone, Serialize)]
struct Ending {
    date: String,
    /// `in 12 days`
    said: String,
    /// `soon` or `later`
    kind: &'static str,
}

/// What the parts of a page are made from.
struct Maker<'a> {
    page: &'a Page<'a>,
    program: &'a Program,
    anchors: Anchors,
}

/// Makes the page.
///
/// # Errors
/// If the template cannot be filled in, which is a fault of ours.
pub fn page(page: &Page<'_>) -> Result<String, minijinja::Error> {
    let maker = Maker {
        page,
        program: &page.side.program,
        anchors: Anchors::of(page),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.add_global("style", Value::from_safe_string(STYLE.to_owned()));
    environment.add_global("script", Value::from_safe_string(SCRIPT.to_owned()));
    environment.add_filter("quoted", quoted);
    // The name's ending is what turns escaping on.
    environment.add_template("page.html", TEMPLATE)?;
    let body = environment
        .get_template("page.html")?
        .render(Value::from(Serde(maker.view())))?;
    Ok(format!("{MARK}{body}"))
}

impl Maker<'_> {
    fn view(&self) -> View {
        let side = self.page.side;
        let of_project = side.origin == Origin::Project;
        let heading = match of_project {
            true => self.program.project.to_string(),
            false => side.name.clone(),
        };
        let chapters = self.chapters();
        let written: usize = chapters.iter().map(|chapter| chapter.policies.len()).sum();
        View {
            seal: seal::policy(SCRIPT),
            title: side.name.clone(),
            heading,
            of_project,
            target: side.universe.target.clone(),
            cluster: self.program.cluster.name.to_string(),
            today: self.page.today.to_string(),
            team: self.page.team.map(str::to_owned),
            left_out: self.left_out(),
            tiles: self.tiles(),
            columns: self.columns(),
            chapters,
            open: written <= OPEN,
            teams: self.teams(),
            endings: self.endings(),
            staged: self.staged(),
            claims: self.claims(),
            asked: self.page.proved.is_some(),
            findings: self.findings(),
            raws: self.raws(),
            unread: self.unread(),
            facts: self.facts(),
            namespaces: self.namespaces(),
            closed: self.program.cluster.namespaces_closed,
            universe: side.universe.to_string(),
            assumed: side.assumed.clone(),
            reach: self.page.reach.as_ref().map(drawing),
        }
    }

    /// What is not on the page, though it decides.
    fn left_out(&self) -> Vec<String> {
        let mut said = Vec::new();
        let all = self.program.policies.len();
        let shown = (0..all).filter(|at| self.is_shown(*at)).count();
        if let Some(team) = self.page.team
            && shown < all
        {
            said.push(format!(
                "Only the policies of {team} are shown. {} of other teams are not, and they decide as well.",
                counted(all - shown, "policy", "policies")
            ));
        }
        let written = self.anchors.written();
        if written < shown {
            said.push(format!(
                "The rules of {} are written out, in the order of the tiers; of the other {} the board has no more than names. One team's are a page of their own: --team NAME.",
                counted(written, "policy", "policies"),
                shown - written
            ));
        }
        for (what, count) in [
            ("rules with a last day", self.with_last_day().len()),
            (
                "tests and guards",
                self.program.tests.len() + self.program.guards.len(),
            ),
            ("findings", self.page.findings.len()),
            ("namespaces", self.program.namespaces.len()),
            ("hand-written manifests", self.program.raws.len()),
            ("parts that are not decided", self.page.side.unread.len()),
        ] {
            if count > lists::ROWS {
                said.push(format!("{} of {count} {what} are listed.", lists::ROWS));
            }
        }
        if shown > CARDS {
            said.push(format!(
                "The board has {CARDS} of {shown} policies; each tier says how many it leaves out."
            ));
        }
        said
    }

    /// Whether the page is about a policy, by its place in the program.
    fn is_shown(&self, at: usize) -> bool {
        is_shown(self.page, &self.program.policies[at])
    }

    /// The policies of a tier that the page is about, in order of evaluation.
    fn of_tier(&self, tier: TierId) -> Vec<PolicyId> {
        of_tier(self.page, tier)
    }

    fn name(&self, id: PolicyId) -> Name {
        let policy = self.program.policy(id);
        Name {
            name: policy.qualified().to_string(),
            anchor: self.anchors.policy(id).map(str::to_owned),
            team: self.team(&policy.owner),
        }
    }

    /// A team by its name; `None` for the root, and where nobody is said to own something.
    fn team(&self, name: &str) -> Option<Team> {
        let at = self.program.teams.iter().position(|team| team.name == name);
        match at {
            Some(at) => Some(Team {
                name: name.to_owned(),
                hue: at % 8,
            }),
            None if name.is_empty() || name == "root" => None,
            None => Some(Team {
                name: name.to_owned(),
                hue: 8,
            }),
        }
    }

    /// `policies/books/web.vau:12`
    fn place(&self, span: Span) -> String {
        let side = self.page.side;
        let report = Report {
            sources: &side.sources,
            prefix: &side.prefix,
            diagnostics: &[],
        };
        let line = side.sources.get(span.file).line(span.start);
        format!("{}:{line}", report.path(span.file))
    }

    /// The text of a place, blanks collapsed.
    fn written(&self, span: Span) -> String {
        let text = self.page.side.sources.get(span.file).slice(span);
        shortened(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn ending(&self, rule: &Rule) -> Option<Ending> {
        let until = rule.until?;
        let days = (until - self.page.today).whole_days();
        let (said, kind) = match days {
            ..=0 => ("today is the last day".to_owned(), "soon"),
            1 => ("in 1 day".to_owned(), "soon"),
            2..=30 => (format!("in {days} days"), "soon"),
            _ => (format!("in {days} days"), "later"),
        };
        Some(Ending {
            date: until.to_string(),
            said,
            kind,
        })
    }
}

fn drawing(picture: &Picture) -> Drawing {
    let (svg, text, assumed, left_out) = match picture {
        Picture::Drawn { svg, text, assumed } => (svg.as_str(), text.as_str(), &assumed[..], ""),
        Picture::LeftOut(why) => ("", "", &[][..], why.as_str()),
    };
    Drawing {
        svg: Value::from_safe_string(svg.to_owned()),
        text: text.to_owned(),
        assumed: assumed.to_vec(),
        left_out: left_out.to_owned(),
    }
}

fn is_shown(page: &Page<'_>, policy: &Policy) -> bool {
    page.team.is_none_or(|team| policy.owner == team)
}

fn of_tier(page: &Page<'_>, tier: TierId) -> Vec<PolicyId> {
    let program = &page.side.program;
    let mut all = ordered(program, tier);
    all.retain(|id| is_shown(page, program.policy(*id)));
    all
}

/// The rules of a policy's both directions.
fn rules(policy: &Policy) -> impl Iterator<Item = &Rule> {
    Direction::BOTH
        .into_iter()
        .filter_map(|direction| policy.block(direction))
        .flat_map(|block| &block.rules)
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
        Action::Pass => "pass",
        Action::Log => "log",
    }
}

/// A sentence in which what stands in back-ticks is shown as code.
fn quoted(sentence: &str) -> Value {
    let pieces: Vec<&str> = sentence.split('`').collect();
    let last = pieces.len() - 1;
    let mut shown = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        let plain = HtmlEscape(piece);
        shown += &match at % 2 {
            0 => plain.to_string(),
            // A back-tick that nothing closes is one.
            _ if at == last => format!("`{plain}"),
            _ => format!("<code>{plain}</code>"),
        };
    }
    Value::from_safe_string(shown)
}

/// `1 policy`, `2 policies`
fn counted(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {more}"),
    }
}

/// A text that fits on the page; what is left out is counted.
fn shortened(text: &str) -> String {
    let Some((cut, _)) = text.char_indices().nth(LONGEST) else {
        return text.to_owned();
    };
    // Not in the middle of an address or a name, if the list has a gap.
    let cut = text[..cut].rfind(", ").map_or(cut, |gap| gap + 1);
    let more = text[cut..].chars().count();
    format!("{} … and {more} characters more", text[..cut].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_back_ticks_is_code_and_escaped() {
        let shown = |text: &str| quoted(text).to_string();
        assert_eq!(
            shown("without `a < b` and `c`"),
            "without <code>a &lt; b</code> and <code>c</code>"
        );
        assert_eq!(shown("one ` <alone>"), "one ` &lt;alone&gt;");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn a_long_list_is_cut_at_a_gap_and_the_rest_is_counted() {
        assert_eq!(shortened("tcp 80"), "tcp 80");
        let list = vec!["192.0.2.1"; 1000].join(", ");
        let cut = shortened(&list);
        assert!(cut.starts_with("192.0.2.1, 192.0.2.1,"), "{cut}");
        let (kept, rest) = cut.split_once(" … and ").expect("it is cut");
        assert!(kept.ends_with("192.0.2.1,"), "{kept}");
        let more: usize = rest
            .trim_end_matches(" characters more")
            .parse()
            .expect("a count");
        assert_eq!(kept.len() + more, list.len());
        let wide = "ü".repeat(LONGEST + 3);
        assert!(shortened(&wide).ends_with("ü … and 3 characters more"));
    }
}
