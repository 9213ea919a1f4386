//! Proofs and claims that fail, as people are told of them: a concrete flow, and who decides it at both ends.

use super::claims::Failed;
use super::{Difference, Undecided};
use crate::backend::Spec;
use crate::diagnostic::Diagnostic;
use crate::meaning::{By, Decision, TooLarge, Verdict, decide};
use crate::model::{Check, Program, Raw, RuleRef, RuleSite, Test, Verb};
use crate::source::Span;
use crate::space::{Direction, Flow};

/// How a verdict is said of a flow.
fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny => "denied",
    }
}

/// The place of whoever decided in a program's text; nobody where a pod is open.
fn place(program: &Program, by: By) -> Option<Span> {
    match by {
        By::Rule(rule) => Some(program.rule(rule).span),
        By::Otherwise(tier) => Some(program.tiers[tier.0 as usize].span),
        By::DefaultEnd => program.default.as_ref().map(|default| default.span),
        By::Open => None,
    }
}

/// Who decided, in the words of a program's text.
fn who(program: &Program, by: By) -> String {
    match by {
        By::Rule(rule) => format!("by `{}`", program.rule(rule).text),
        By::Otherwise(tier) => format!(
            "by the end of tier `{}`",
            program.tiers[tier.0 as usize].name
        ),
        By::DefaultEnd => "by the end of `default`".to_owned(),
        By::Open => "since nobody selects the pod".to_owned(),
    }
}

/// Who decided, in the words of manifests.
fn which(reading: &Program, by: By) -> String {
    match by {
        By::Rule(RuleRef {
            site: RuleSite::Policy(id),
            direction,
            rule,
        }) => {
            let policy = reading.policy(id);
            let text = policy
                .block(direction)
                .and_then(|block| block.rules.get(rule as usize))
                .map_or("", |rule| rule.text.as_str());
            format!("by {}, {text}", policy.name)
        }
        By::Rule(RuleRef {
            site: RuleSite::Default,
            ..
        })
        | By::DefaultEnd => "by the end".to_owned(),
        By::Otherwise(tier) => format!("by the end of {}", reading.tiers[tier.0 as usize].name),
        By::Open => "since no object selects the pod".to_owned(),
    }
}

/// A difference between a program and what was emitted for it: nothing may be written.
pub(super) fn proof_fails(
    program: &Program,
    reading: &Program,
    spec: &Spec,
    difference: &Difference,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        "proof-fails",
        format!(
            "what was made for {} decides a flow differently",
            spec.spoken()
        ),
    )
    .on_target(&spec.name);
    if let Some(span) = place(program, difference.meant.by) {
        diagnostic = diagnostic.at(span, format!("{} here", said(difference.meant.verdict)));
    }
    diagnostic
        .because(format!("the flow is {}", difference.flow))
        .because(format!(
            "the program: {} {}",
            said(difference.meant.verdict),
            who(program, difference.meant.by)
        ))
        .because(format!(
            "the manifests: {} {}",
            said(difference.made.verdict),
            which(reading, difference.made.by)
        ))
        .help("report it with the program: this is a fault of the compiler")
}

/// What was emitted holds a part that its own reader does not understand: nothing may be written.
pub(super) fn not_understood(spec: &Spec, undecided: &Undecided) -> Diagnostic {
    Diagnostic::error(
        "proof-undecided",
        format!(
            "what was made for {} cannot be read back for certain",
            spec.spoken()
        ),
    )
    .on_target(&spec.name)
    .because(undecided.why.clone())
    .because(format!("it could decide {}", undecided.flow))
    .help("report it with the program: this is a fault of the compiler")
}

/// What was emitted is no valid manifest by the rules of its own reader: nothing may be written.
pub(super) fn not_readable(spec: &Spec, fault: &Diagnostic) -> Diagnostic {
    let mut said = Diagnostic::error(
        "proof-undecided",
        format!(
            "what was made for {} cannot be read back for certain",
            spec.spoken()
        ),
    )
    .on_target(&spec.name)
    .because(fault.message.clone());
    for why in &fault.notes {
        said = said.because(why.clone());
    }
    said.help("report it with the program: this is a fault of the compiler")
}

/// A hand-written policy that can select pods of a generated one.
pub(super) fn raw_overlaps(
    spec: &Spec,
    raw: &Raw,
    object: &str,
    what: &str,
    pod: &str,
) -> Diagnostic {
    Diagnostic::error(
        "raw-overlaps",
        format!("`{object}` and `{what}` can select the same pod"),
    )
    .at(raw.span, "hand-written")
    .on_target(&spec.name)
    .because(format!("both select {pod}"))
    .because("the target has no order between the two, so each changes what the other means")
    .help(format!(
        "select other pods, or write `raw {} \"{}\" overlaps`",
        raw.backend.word(),
        raw.path
    ))
}

/// A flow that hand-written manifests open or close.
pub(super) fn raw_changes(
    whole: &Program,
    spec: &Spec,
    raw: Span,
    difference: &Difference,
) -> Diagnostic {
    let (name, what) = match difference.made.verdict {
        Verdict::Allow => ("raw-opens", "open"),
        Verdict::Deny => ("raw-closes", "close"),
    };
    Diagnostic::note(
        name,
        format!("hand-written manifests {what} what the program does not"),
    )
    .at(raw, "among others, where there are several")
    .on_target(&spec.name)
    .because(difference.flow.to_string())
    .because(format!(
        "{} {}",
        said(difference.made.verdict),
        which(whole, difference.made.by)
    ))
}

/// A part of hand-written manifests that is not understood.
pub(super) fn raw_undecided(spec: &Spec, raw: Span, undecided: &Undecided) -> Diagnostic {
    Diagnostic::warning(
        "raw-not-understood",
        "a part of hand-written manifests is not understood",
    )
    .at(raw, "among others, where there are several")
    .on_target(&spec.name)
    .because(undecided.why.clone())
    .because(format!(
        "it could decide {}; what it could break is not proved",
        undecided.flow
    ))
    .help("write that part in the language, or in a form that can be read")
}

/// A comparison that is too large to make: nothing may be written.
pub(super) fn too_large(program: &Program, spec: &Spec, fault: &TooLarge) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        "proof-too-large",
        format!(
            "what was made for {} cannot be proved within bounds",
            spec.spoken()
        ),
    );
    for (at, rule) in fault.rules.iter().enumerate() {
        let span = program.rule(*rule).span;
        diagnostic = match at {
            0 => diagnostic.at(span, "this rule, among others"),
            _ => diagnostic.and(span, "and this one"),
        };
    }
    diagnostic
        .on_target(&spec.name)
        .because(fault.to_string())
        .help("ask about fewer labels in the policies of that namespace")
}

/// One end of a failed claim: its decision in the program's text, and in the manifests where these decide otherwise.
struct Told<'a> {
    program: &'a Program,
    made: Option<&'a Program>,
    flow: &'a Flow,
}

impl Told<'_> {
    fn on(&self, diagnostic: Diagnostic) -> Diagnostic {
        let end = match self.flow.direction {
            Direction::Egress => "at its source",
            Direction::Ingress => "at its destination",
        };
        let meant = decide(self.program, self.flow);
        let diagnostic = match place(self.program, meant.by) {
            Some(span) => diagnostic.and(span, format!("{} {end}", said(meant.verdict))),
            None => diagnostic,
        };
        let diagnostic = diagnostic.because(format!(
            "{} {end} {}{}",
            said(meant.verdict),
            who(self.program, meant.by),
            owner(self.program, &meant)
        ));
        match self.made.map(|made| (made, decide(made, self.flow))) {
            Some((reading, made)) if made.verdict != meant.verdict => diagnostic.because(format!(
                "with the hand-written manifests: {} {end} {}",
                said(made.verdict),
                which(reading, made.by)
            )),
            _ => diagnostic,
        }
    }
}

/// Whose policy decided: ` of books.bookstore-api`.
fn owner(program: &Program, decision: &Decision) -> String {
    match decision.by {
        By::Rule(RuleRef {
            site: RuleSite::Policy(id),
            ..
        }) => {
            let policy = program.policy(id);
            match policy.folder.as_str() {
                "" => format!(" of `{}`", policy.name),
                folder => format!(" of `{folder}.{}`", policy.name),
            }
        }
        _ => String::new(),
    }
}

/// A statement of a test or of a guard that does not hold.
pub(super) fn claim_fails(
    program: &Program,
    made: Option<&Program>,
    spec: Option<&Spec>,
    (test, guard): (&Test, bool),
    check: &Check,
    failed: &Failed,
) -> Diagnostic {
    let name = if guard { "guard-fails" } else { "test-fails" };
    let kind = if guard { "guard" } else { "test" };
    let fact = match check.verb {
        Verb::Cannot => "a flow gets through",
        Verb::Can | Verb::CanEvery => "a flow does not get through",
    };
    let mut diagnostic = Diagnostic::error(name, format!("{kind} `{}` fails: {fact}", test.name))
        .at(check.span, "does not hold");
    if let Some(spec) = spec {
        diagnostic = diagnostic.on_target(&spec.name);
    }
    if let Some(flow) = failed.egress.as_ref().or(failed.ingress.as_ref()) {
        diagnostic = diagnostic.because(flow.to_string());
    }
    for flow in [&failed.egress, &failed.ingress].into_iter().flatten() {
        diagnostic = Told {
            program,
            made,
            flow,
        }
        .on(diagnostic);
    }
    if let Some(why) = &failed.unread {
        diagnostic = diagnostic.because(format!(
            "not decided, so it counts against the claim: {why}"
        ));
    }
    diagnostic.help(match check.verb {
        Verb::Cannot => "deny it in a tier above, or say in the claim what may get through",
        Verb::Can | Verb::CanEvery => "allow it at the end that denies, or ask that end's owner",
    })
}

/// A statement that is too large to decide.
pub(super) fn claim_too_large(
    spec: Option<&Spec>,
    (test, guard): (&Test, bool),
    check: &Check,
    fault: &TooLarge,
) -> Diagnostic {
    let kind = if guard { "guard" } else { "test" };
    let diagnostic = Diagnostic::error(
        "claim-too-large",
        format!("{kind} `{}` is too large to decide", test.name),
    )
    .at(check.span, "not decided")
    .because(fault.to_string())
    .help("name fewer namespaces, or ask in several statements");
    match spec {
        Some(spec) => diagnostic.on_target(&spec.name),
        None => diagnostic,
    }
}

/// A statement of which the target's universe has nothing.
pub(super) fn claim_not_covered(
    spec: Option<&Spec>,
    (test, guard): (&Test, bool),
    check: &Check,
    why: &str,
) -> Diagnostic {
    let kind = if guard { "guard" } else { "test" };
    let target = spec.map_or_else(|| "the program".to_owned(), Spec::spoken);
    let diagnostic = Diagnostic::note(
        "claim-not-covered",
        format!(
            "{kind} `{}` says something that {target} does not see",
            test.name
        ),
    )
    .at(check.span, "not covered")
    .because(format!("outside of its universe: {why}"));
    match spec {
        Some(spec) => diagnostic.on_target(&spec.name),
        None => diagnostic,
    }
}
