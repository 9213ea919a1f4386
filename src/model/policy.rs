//! Tiers, policies and rules.

use smol_str::SmolStr;
use time::Date;

use crate::source::Span;
use crate::space::{Direction, EndpointSet, Pods, PortSet};

/// Index of a tier in `Program::tiers`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TierId(pub u32);

/// Index of a policy in `Program::policies`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PolicyId(pub u32);

/// A tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tier {
    /// Its name.
    pub name: SmolStr,
    /// What happens to a flow of a selected pod that no rule decides.
    pub otherwise: Otherwise,
    /// Its documentation, one line each.
    pub doc: Vec<SmolStr>,
    /// Where it is declared.
    pub span: Span,
}

/// How a tier ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Otherwise {
    /// The next tier decides.
    Pass,
    /// Denied.
    Deny,
    /// Denied and recorded.
    DenyAndLog,
}

impl Otherwise {
    /// Whether it denies.
    pub fn denies(self) -> bool {
        self != Otherwise::Pass
    }
}

/// A policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its name, without its folder.
    pub name: SmolStr,
    /// The folder (module) it stands in; empty for the root.
    pub folder: SmolStr,
    /// The team whose folder that is, or `root`: the output folder and the prefix of the object's name.
    pub owner: SmolStr,
    /// The source file, relative, with forward slashes.
    pub file: SmolStr,
    /// Its tier.
    pub tier: TierId,
    /// Whether it is staged: emitted in the target's non-enforcing form, deciding nothing.
    pub staged: bool,
    /// The policies of its tier that decide before it: the direct relation, from `after` here and `before` there. Sorted.
    pub after: Vec<PolicyId>,
    /// The length of the longest chain of `after` below it; 0 if it is after nothing.
    pub depth: u32,
    /// The pods that it selects: a union.
    pub subject: Vec<Pods>,
    /// Its rules for flows to those pods, if it has the block.
    pub ingress: Option<Block>,
    /// Its rules for flows from those pods, if it has the block.
    pub egress: Option<Block>,
    /// Its documentation, one line each.
    pub doc: Vec<SmolStr>,
    /// Where it is: `policy NAME in TIER …`, up to the `{`.
    pub span: Span,
}

impl Policy {
    /// Its name as a stranger writes it: `books.web`, `web` for the root's.
    pub fn qualified(&self) -> SmolStr {
        if self.folder.is_empty() {
            return self.name.clone();
        }
        format!("{}.{}", self.folder.replace('/', "."), self.name).into()
    }

    /// The block of a direction.
    pub fn block(&self, direction: Direction) -> Option<&Block> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// The rules of both blocks.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let blocks = [&self.ingress, &self.egress].into_iter().flatten();
        blocks.flat_map(|block| &block.rules)
    }
}

/// The unnamed policy after the last tier: rules, then deny, for the pods and directions that it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefaultPolicy {
    /// The source file.
    pub file: SmolStr,
    /// The pods that it selects: a union.
    pub subject: Vec<Pods>,
    /// Its rules for flows to those pods, if it has the block.
    pub ingress: Option<Block>,
    /// Its rules for flows from those pods, if it has the block.
    pub egress: Option<Block>,
    /// Its documentation.
    pub doc: Vec<SmolStr>,
    /// Where it is.
    pub span: Span,
}

impl DefaultPolicy {
    /// The block of a direction.
    pub fn block(&self, direction: Direction) -> Option<&Block> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }
}

/// The rules of one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// In order: the first that matches and is not `log` decides.
    pub rules: Vec<Rule>,
    /// Where.
    pub span: Span,
}

impl Block {
    /// Gives back the room that lists have grown and do not need: most have one entry, and there may be a hundred thousand rules.
    pub fn compact(&mut self) {
        self.rules.shrink_to_fit();
        for rule in &mut self.rules {
            rule.clauses.shrink_to_fit();
            for clause in &mut rule.clauses {
                clause.peers.pods.shrink_to_fit();
                if let Some(subject) = &mut clause.subject {
                    subject.shrink_to_fit();
                }
            }
        }
    }
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// Accept.
    Allow,
    /// Refuse.
    Deny,
    /// Leave the rest of this tier.
    Pass,
    /// Record and go on; decides nothing.
    Log,
}

/// One rule. A flow matches it iff it matches one of its clauses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// Whether it also records (`allow and log`, `deny and log`); `false` for [`Action::Log`], which only records.
    pub log: bool,
    /// What it matches: a union, never empty.
    pub clauses: Vec<Clause>,
    /// The DNS allowance: it is an allow of the service named `dns`.
    pub dns: bool,
    /// The reason.
    pub because: Option<SmolStr>,
    /// The ticket.
    pub ticket: Option<SmolStr>,
    /// The last day, UTC, on which it is emitted.
    pub until: Option<Date>,
    /// Lints that are excused here.
    pub excused: Vec<Excuse>,
    /// Its documentation.
    pub doc: Vec<SmolStr>,
    /// Its text, blanks collapsed, without clauses: how an error names it.
    pub text: SmolStr,
    /// Where.
    pub span: Span,
}

/// `excuse LINT because "…"`: a lint that says nothing here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excuse {
    /// The lint.
    pub lint: SmolStr,
    /// Where its name stands.
    pub span: Span,
}

/// One conjunction of a rule: the subject is also in `subject` (if said), the other end in `peers`, the traffic in `ports`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Clause {
    /// Which of the policy's pods; all of them if absent. Said where a service opens only some of them.
    pub subject: Option<Vec<Pods>>,
    /// The other end.
    pub peers: EndpointSet,
    /// The traffic.
    pub ports: PortSet,
}

/// Where a rule stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RuleSite {
    /// In a policy.
    Policy(PolicyId),
    /// In `default`.
    Default,
}

/// Names a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleRef {
    /// Where.
    pub site: RuleSite,
    /// In which block.
    pub direction: Direction,
    /// Index in the block.
    pub rule: u32,
}
