//! `vauban test`

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use super::args::{FormatChoice, Shared, Test};
use super::check::exit;
use super::console::Console;
use super::project::{Built, Project};
use super::{Failure, Outcome, Stop};
use crate::compile::Prove;
use crate::diagnostic::Diagnostic;
use crate::model::{Program, RuleRef};
use crate::prove::{Asked, Coverage, Standing, coverage};

/// The report that CI systems read.
const JUNIT: &str = include_str!("test/junit.xml.j2");

/// The whole report as JSON.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    targets: &'a [Suite],
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<&'a Covered>,
}

/// All statements of one target.
#[derive(Serialize)]
struct Suite {
    /// The target, or nothing where the project has none.
    target: String,
    /// Where it was asked.
    universe: String,
    cases: Vec<Case>,
}

/// One statement.
#[derive(Serialize)]
struct Case {
    /// `guard` or `test`
    kind: &'static str,
    /// The test's or the guard's name.
    name: String,
    /// The statement as it is written.
    statement: String,
    /// The file, relative to the project.
    file: String,
    line: u32,
    /// `holds`, `fails`, `not-covered` or `undecided`
    standing: &'static str,
    /// Why it does not hold, a line each.
    why: Vec<String>,
    /// The part of it that was not decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    uncovered: Option<String>,
}

/// A rule that nothing touches.
#[derive(Serialize)]
struct Untouched {
    rule: String,
    file: String,
    line: u32,
}

/// Rules that no statement touches, of one cluster's program.
#[derive(Serialize)]
struct Covered {
    rules: usize,
    untouched: Vec<Untouched>,
}

/// Asks all tests and guards.
pub(crate) fn test(command: &Test, shared: &Shared, console: &Console) -> Outcome {
    let project = Project::open(command.project.as_deref())?;
    let built = {
        let _progress = console.progress("proving");
        project.compile(&command.targets, shared.day(), Prove::Everything)?
    };
    let prefix = project.prefix();
    let suites = suites(&built, &prefix);
    let covered = command.coverage.then(|| covered(&built, &prefix));
    match shared.format {
        FormatChoice::Text => {
            console.print(&listed(&suites))?;
            console.report_aside(&built.report(&prefix));
            if let Some(covered) = &covered {
                console.print(&untouched(covered))?;
            }
            console.say(&summary(&suites));
        }
        FormatChoice::Json => {
            let document = Document {
                schema: 1,
                targets: &suites,
                coverage: covered.as_ref(),
            };
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| Failure::new(format!("the report: {error}")))?;
            console.print(&format!("{text}\n"))?;
        }
        FormatChoice::Junit => console.print(&junit(&suites)?)?,
        FormatChoice::Sarif | FormatChoice::Github | FormatChoice::Gitlab => {
            let compilation = &built.compilation;
            console.report(&compilation.sources, &prefix, &compilation.diagnostics)?;
        }
    }
    Ok(exit(&built))
}

/// What became of the statements, by target; only those that were asked.
fn suites(built: &Built, prefix: &str) -> Vec<Suite> {
    let compilation = &built.compilation;
    let mut suites = Vec::new();
    for target in &compilation.targets {
        let (Some(program), Some(proved)) = (&target.program, &target.proved) else {
            continue;
        };
        suites.push(Suite {
            target: target.spec.name.to_string(),
            universe: proved.universe.to_string(),
            cases: proved
                .claims
                .iter()
                .map(|asked| case(built, prefix, program, asked))
                .collect(),
        });
    }
    suites
}

fn case(built: &Built, prefix: &str, program: &Program, asked: &Asked) -> Case {
    let test = asked.of(program);
    let span = asked.check(program).span;
    let source = built.compilation.sources.get(span.file);
    let statement = source.slice(span);
    let (standing, why) = match &asked.claim.standing {
        Standing::Holds => ("holds", Vec::new()),
        Standing::Fails(failed) => {
            let flow = failed.egress.as_ref().or(failed.ingress.as_ref());
            let mut why: Vec<String> = flow.iter().map(ToString::to_string).collect();
            if let Some(diagnostic) = said(built, span) {
                why = diagnostic.notes.clone();
            }
            ("fails", why)
        }
        Standing::NotCovered(why) => ("not-covered", vec![why.clone()]),
        Standing::TooLarge(fault) => ("undecided", vec![fault.to_string()]),
    };
    Case {
        kind: if asked.guard { "guard" } else { "test" },
        name: test.name.to_string(),
        statement: statement.split_whitespace().collect::<Vec<_>>().join(" "),
        file: format!("{prefix}{}", source.path),
        line: source.line(span.start),
        standing,
        why,
        uncovered: asked.claim.uncovered.clone(),
    }
}

/// The finding about a statement.
fn said(built: &Built, span: crate::source::Span) -> Option<&Diagnostic> {
    built.compilation.diagnostics.iter().find(|diagnostic| {
        matches!(diagnostic.name, "test-fails" | "guard-fails")
            && diagnostic
                .primary
                .as_ref()
                .is_some_and(|label| label.span == span)
    })
}

/// The statements as a list for people: tests and guards by name, with what became of them.
fn listed(suites: &[Suite]) -> String {
    let mut text = String::new();
    for suite in suites {
        text += &format!("{}\n  on {}\n", suite.target, suite.universe);
        let mut by_test: Vec<(&str, &str, Vec<&Case>)> = Vec::new();
        for case in &suite.cases {
            match by_test.last_mut() {
                Some((kind, name, cases)) if *kind == case.kind && *name == case.name => {
                    cases.push(case);
                }
                _ => by_test.push((case.kind, &case.name, vec![case])),
            }
        }
        for (kind, name, cases) in by_test {
            text += &format!("  {kind} \"{name}\"\n");
            for case in cases {
                let beyond = match (case.standing, &case.uncovered) {
                    ("holds", Some(uncovered)) => format!(" (not covered: {uncovered})"),
                    _ => String::new(),
                };
                let word = case.standing.replace('-', " ");
                text += &format!("    {word:<11} {}{beyond}\n", case.statement);
            }
        }
    }
    text
}

fn summary(suites: &[Suite]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in suites.iter().flat_map(|suite| &suite.cases) {
        *counts.entry(case.standing).or_default() += 1;
    }
    let count = |word: &str| counts.get(word).copied().unwrap_or_default();
    let mut text = format!(
        "{} statements hold, {} fail",
        count("holds"),
        count("fails")
    );
    for (word, said) in [
        ("not-covered", "are not covered"),
        ("undecided", "are undecided"),
    ] {
        if count(word) > 0 {
            text += &format!(", {} {said}", count(word));
        }
    }
    text
}

/// The rules that nothing touches, of each different program.
fn covered(built: &Built, prefix: &str) -> Covered {
    let compilation = &built.compilation;
    let mut all = Covered {
        rules: 0,
        untouched: Vec::new(),
    };
    let mut seen: Vec<*const Program> = Vec::new();
    for program in compilation
        .targets
        .iter()
        .filter_map(|target| target.program.as_ref())
    {
        let this = std::sync::Arc::as_ptr(program);
        if seen.contains(&this) {
            continue;
        }
        seen.push(this);
        let Coverage {
            rules, untouched, ..
        } = coverage(program);
        all.rules += rules;
        for rule in untouched {
            all.untouched.push(shown(built, prefix, program, rule));
        }
    }
    all.untouched
        .sort_by(|a, b| (&a.file, a.line, &a.rule).cmp(&(&b.file, b.line, &b.rule)));
    all.untouched
        .dedup_by(|a, b| a.file == b.file && a.line == b.line && a.rule == b.rule);
    all
}

fn shown(built: &Built, prefix: &str, program: &Program, rule: RuleRef) -> Untouched {
    let rule = program.rule(rule);
    let source = built.compilation.sources.get(rule.span.file);
    Untouched {
        rule: rule.text.to_string(),
        file: format!("{prefix}{}", source.path),
        line: source.line(rule.span.start),
    }
}

fn untouched(covered: &Covered) -> String {
    let mut text = format!(
        "{} of {} rules are touched by no test and no guard\n",
        covered.untouched.len(),
        covered.rules
    );
    for rule in &covered.untouched {
        text += &format!("  {}:{}: {}\n", rule.file, rule.line, rule.rule);
    }
    text
}

/// The report in the form of JUnit.
fn junit(suites: &[Suite]) -> Result<String, Stop> {
    let mut environment = Environment::new();
    environment
        .add_template("junit.xml", JUNIT)
        .and_then(|()| {
            let suites = Value::from(Serde(suites));
            environment
                .get_template("junit.xml")?
                .render(context! { suites })
        })
        .map_err(|error| Failure::new(format!("the report: {error}")).into())
}
