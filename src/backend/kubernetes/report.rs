//! Why the lowering of a rule ended, in words for people.

use crate::backend::lower::{Blocker, Failure, Origin, Trouble, Why};
use crate::backend::{Spec, missing_fact, refuse};
use crate::diagnostic::Diagnostic;
use crate::meaning::TooLarge;
use crate::model::{Program, RuleSite};
use crate::source::Span;
use crate::space::{Flow, Inexpressible};

use super::convert::Obstacle;

/// How many blockers an error points at.
const SHOWN: usize = 5;

/// What the reports speak about.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    /// The program.
    pub(super) program: &'a Program,
    /// The target.
    pub(super) spec: &'a Spec,
    /// The namespace that is lowered.
    pub(super) namespace: &'a str,
}

impl Desk<'_> {
    /// What is wrong with a namespace.
    pub(super) fn trouble(self, trouble: Trouble, span: Span) -> Vec<Diagnostic> {
        match trouble {
            Trouble::Rules(failures) => failures
                .into_iter()
                .map(|failure| self.failure(failure))
                .collect(),
            Trouble::TooLarge(too_large) => vec![self.too_large(span, &too_large)],
            Trouble::NotExact(flow) => vec![self.not_exact(span, &flow)],
        }
    }

    fn failure(self, failure: Failure) -> Diagnostic {
        let span = self.span(failure.origin);
        match failure.why {
            Why::TooMany => self.too_many(failure.origin, &failure.blockers),
            Why::TooLarge(too_large) => self.too_large(span, &too_large),
            Why::NotExact(flow) => self.not_exact(span, &flow),
            Why::Inexpressible(why) => {
                let (name, fact, because, help) = match why {
                    Inexpressible::NamedPorts => (
                        "named-and-numbered-ports",
                        "cannot tell a named port from a numbered one",
                        "the name may have any number, another one on each pod, and there is no deny: one would have to be subtracted from the other",
                        "use numbers, or names, in both rules",
                    ),
                    Inexpressible::NamesAndAddresses => (
                        "names-and-addresses",
                        "cannot tell a DNS name from an address",
                        "any address may have the name",
                        "use addresses in both rules",
                    ),
                };
                let refusal = refuse(self.spec, name, span, fact).because(because);
                let at_fault = failure.blockers.last().into_iter();
                self.pointing(refusal, at_fault).help(help)
            }
        }
    }

    /// Why a box of an origin cannot be said.
    pub(super) fn obstacle(
        self,
        origin: Origin,
        blockers: &[Blocker],
        obstacle: Obstacle,
    ) -> Diagnostic {
        let span = self.span(origin);
        let refusal = match obstacle {
            Obstacle::Fact(fact) => {
                missing_fact(self.spec, span, fact.word, fact.ways).because(fact.why)
            }
            Obstacle::Nodes(reason) => {
                let refusal = refuse(
                    self.spec,
                    "nodes-not-told-apart",
                    span,
                    "cannot tell nodes from other ends here",
                )
                .because(reason);
                match origin {
                    Origin::Rule(_) if blockers.is_empty() => {
                        refusal.help("write `anywhere`, or name pods and outside addresses only")
                    }
                    Origin::Rule(_) => refusal
                        .because("what the deny leaves of `anywhere` is pods, nodes and outside, each for itself")
                        .help("name pods and outside addresses instead of `anywhere`"),
                    Origin::Open(_) => refusal
                        .because("these pods are open but for what is denied: pods, nodes and outside addresses must be allowed one by one")
                        .help("close these pods by `default` or a tier that ends in deny, and allow what they need"),
                }
            }
            Obstacle::NamedPorts(reason) => refuse(
                self.spec,
                "no-named-ports",
                span,
                "cannot look a named port up for each destination",
            )
            .because(reason)
            .help("write the number"),
            Obstacle::OnlyAddresses(reason) => refuse(
                self.spec,
                "addresses-open-pods",
                span,
                "would open more than these addresses",
            )
            .because(reason)
            .help("build for target cilium, which says the same in Cilium's own kind"),
            Obstacle::Selectors => self.too_many(origin, blockers),
        };
        match origin {
            Origin::Open(_) if !matches!(obstacle, Obstacle::Selectors) => {
                self.pointing(refusal, blockers.iter())
            }
            _ => refusal,
        }
    }

    fn too_many(self, origin: Origin, blockers: &[Blocker]) -> Diagnostic {
        let fact = match origin {
            Origin::Rule(site) => format!(
                "needs too many allows for `{}`",
                self.program.rule(site).text
            ),
            Origin::Open(site) => {
                format!(
                    "needs too many allows for what {} leaves open",
                    self.name(site)
                )
            }
        };
        let refusal = refuse(self.spec, "lowering-too-large", self.span(origin), fact).because(format!(
            "there is no deny: what others take away in namespace `{}` must be subtracted from it, which would take more than 8 allows",
            self.namespace
        ));
        let refusal = self.pointing(refusal, blockers.iter());
        if blockers.iter().any(|blocker| self.is_fence(*blocker)) {
            return refusal
                .help("put the fence on a label of the namespace, which costs nothing, or add its label to the subject as `!label`")
                .help("or build for calico or cilium, which have a deny");
        }
        if let Some(Blocker::End(tier)) = blockers
            .iter()
            .find(|blocker| matches!(blocker, Blocker::End(_)))
        {
            return refusal.help(format!(
                "write a policy in tier `{}` for all pods of the namespace, or move the allow above that tier",
                self.program.tiers[tier.0 as usize].name
            ));
        }
        refusal.help("write fewer exceptions, or the allow with smaller ends")
    }

    /// Whether a blocker tells pods by their labels at both ends.
    fn is_fence(self, blocker: Blocker) -> bool {
        let Blocker::Rule(site) = blocker else {
            return false;
        };
        let subject = match site.site {
            RuleSite::Policy(id) => &self.program.policy(id).subject[..],
            RuleSite::Default => return false,
        };
        let labelled = |pods: &[crate::space::Pods]| pods.iter().any(|one| !one.labels.is_any());
        let rule = self.program.rule(site);
        let peers = rule
            .clauses
            .iter()
            .any(|clause| labelled(&clause.peers.pods));
        labelled(subject) && peers
    }

    fn too_large(self, span: Span, why: &TooLarge) -> Diagnostic {
        let refusal = refuse(
            self.spec,
            "lowering-too-large",
            span,
            "would need too much to decide what this means",
        );
        let asking = why.rules.iter().map(|rule| self.program.rule(*rule).span);
        asking
            .filter(|asking| *asking != span)
            .fold(refusal, |refusal, asking| {
                refusal.and(asking, "asks about labels")
            })
            .because(why.to_string())
            .help("use fewer independent labels in the subjects and peers of this namespace")
    }

    fn not_exact(self, span: Span, flow: &Flow) -> Diagnostic {
        refuse(
            self.spec,
            "lowering-not-exact",
            span,
            "could not be given exactly what this means",
        )
        .because(format!("for example {flow}"))
        .because("this is a fault of the compiler; nothing is written")
        .help("report it with the program, and order the rules so that denies come first")
    }

    fn pointing<'b>(
        self,
        refusal: Diagnostic,
        blockers: impl Iterator<Item = &'b Blocker>,
    ) -> Diagnostic {
        blockers
            .take(SHOWN)
            .fold(refusal, |refusal, blocker| match blocker {
                Blocker::Rule(site) => {
                    refusal.and(self.program.rule(*site).span, "takes a part away")
                }
                Blocker::End(tier) => refusal.and(
                    self.program.tiers[tier.0 as usize].span,
                    "its end takes a part away",
                ),
                Blocker::DefaultEnd => match &self.program.default {
                    Some(default) => refusal.and(default.span, "its end takes a part away"),
                    None => refusal,
                },
            })
    }

    /// Where an origin stands.
    pub(super) fn span(self, origin: Origin) -> Span {
        match origin {
            Origin::Rule(site) => self.program.rule(site).span,
            Origin::Open(RuleSite::Policy(id)) => self.program.policy(id).span,
            Origin::Open(RuleSite::Default) => self.default_span(),
        }
    }

    fn default_span(self) -> Span {
        let default = self.program.default.as_ref();
        default
            .expect("`default` is named only where there is one")
            .span
    }

    fn name(self, site: RuleSite) -> String {
        match site {
            RuleSite::Policy(id) => format!("`{}`", self.program.policy(id).name),
            RuleSite::Default => "`default`".to_owned(),
        }
    }
}
